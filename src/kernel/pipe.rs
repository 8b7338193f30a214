//! A pipe into a lane for one sender that sends much: a ring for what the shard keeps up with,
//! and beside it a list for what it does not, and for what comes gathered. Taken out by whichever
//! carrier the shard has. That order is kept where the two meet is checked in `tests/loom.rs`.
//!
//! One message at a time through the ring takes half of what a lock per message takes, and a
//! quarter of the unbounded channel.

use std::collections::VecDeque;

use crate::sync::{Arc, AtomicUsize, Consumer, Mutex, MutexGuard, Ordering, PoisonError, Producer};
use crate::sync::{has_room, push, ring, take_some};

/// Items in the ring at most.
const RING: usize = 1_024;
/// Items of one chunk of the list at most, unless somebody has gathered more.
const CHUNK: usize = 256;
/// Empty chunks that are kept to be filled again.
const SPARE: usize = 4;

/// The sender's end.
#[derive(Debug)]
pub(crate) struct Inlet<T> {
    ring: Producer<T>,
    list: Arc<List<T>>,
}

/// The shard's end.
#[derive(Debug)]
pub(crate) struct Outlet<T> {
    ring: Consumer<T>,
    list: Arc<List<T>>,
}

/// A new pipe.
pub(crate) fn pipe<T>() -> (Inlet<T>, Outlet<T>) {
    let (producer, consumer) = ring(RING);
    let list = Arc::new(List { waiting: AtomicUsize::new(0), inner: Mutex::new(Inner::new()) });
    let inlet = Inlet { ring: producer, list: Arc::clone(&list) };
    (inlet, Outlet { ring: consumer, list })
}

impl<T> Inlet<T> {
    /// Puts one in.
    #[inline]
    pub(crate) fn send(&mut self, item: T) {
        // As long as anything is in the list, what is younger goes there too.
        if self.list.is_empty() && has_room(&self.ring) {
            push(&mut self.ring, item);
        } else {
            self.list.push(item);
        }
    }

    /// Puts in what was gathered, at the cost of one, and leaves an empty list to gather in.
    pub(crate) fn send_all(&mut self, items: &mut VecDeque<T>) {
        self.list.push_all(items);
    }

    /// How much is in it. By now it may be less.
    pub(crate) fn len(&self) -> usize {
        RING - self.ring.slots() + self.list.len()
    }
}

impl<T> Outlet<T> {
    /// Takes the oldest out, `most` at most or a chunk of the list, and puts them into `taken`,
    /// which is empty.
    pub(crate) fn take(&mut self, most: usize, taken: &mut VecDeque<T>) {
        take_some(&mut self.ring, most, taken);
        if !taken.is_empty() || self.list.is_empty() {
            return;
        }
        let mut inner = self.list.lock();
        // The ring may have been filled, and the list begun, since the look at the ring. Nothing
        // goes into the ring while anything is in the list.
        take_some(&mut self.ring, most, taken);
        if taken.is_empty() {
            inner.take(taken);
            self.list.waiting.store(self.list.len() - taken.len(), Ordering::Release);
        }
    }

    /// How much is in it. By now it may be more.
    pub(crate) fn len(&self) -> usize {
        self.ring.slots() + self.list.len()
    }

    /// Whether nothing is in it. By now it may be otherwise.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.list.is_empty()
    }

    /// Whether nothing is in it and nothing will be.
    pub(crate) fn is_over(&self) -> bool {
        // In this order: what the sender has put in, it has put in before it went.
        self.ring.is_abandoned() && self.is_empty()
    }
}

#[derive(Debug)]
struct List<T> {
    /// How much is in it; written under the lock.
    waiting: AtomicUsize,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    /// What is being filled; younger than everything in `full`.
    open: VecDeque<T>,
    /// Oldest first.
    full: VecDeque<VecDeque<T>>,
    spare: Vec<VecDeque<T>>,
}

impl<T> List<T> {
    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    #[cold]
    fn push(&self, item: T) {
        let mut inner = self.lock();
        if inner.open.len() >= CHUNK {
            inner.close_chunk();
        }
        inner.open.push_back(item);
        self.waiting.store(self.len() + 1, Ordering::Release);
    }

    fn push_all(&self, items: &mut VecDeque<T>) {
        let mut inner = self.lock();
        if !inner.open.is_empty() {
            inner.close_chunk();
        }
        self.waiting.store(self.len() + items.len(), Ordering::Release);
        let empty = inner.spare.pop().unwrap_or_default();
        inner.full.push_back(std::mem::replace(items, empty));
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A panic between lock and unlock is impossible: items are moved there, never dropped.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn new() -> Self {
        Inner { open: VecDeque::new(), full: VecDeque::new(), spare: Vec::new() }
    }

    fn close_chunk(&mut self) {
        let empty = self.spare.pop().unwrap_or_else(|| VecDeque::with_capacity(CHUNK));
        let full = std::mem::replace(&mut self.open, empty);
        self.full.push_back(full);
    }

    /// Takes the oldest chunk, and keeps the empty one that lay in its place.
    fn take(&mut self, chunk: &mut VecDeque<T>) {
        let Some(first) = self.full.pop_front() else {
            return std::mem::swap(chunk, &mut self.open);
        };
        let empty = std::mem::replace(chunk, first);
        if self.spare.len() < SPARE && empty.capacity() > 0 {
            self.spare.push(empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all that is in a pipe, chunk by chunk; answers how much each held.
    fn chunks(outlet: &mut Outlet<usize>, all: &mut Vec<usize>) -> Vec<usize> {
        let mut chunk = VecDeque::new();
        let mut lengths = Vec::new();
        while !outlet.is_empty() {
            outlet.take(RING, &mut chunk);
            lengths.push(chunk.len());
            all.extend(chunk.drain(..));
        }
        lengths
    }

    #[test]
    fn what_goes_in_comes_out_in_order_however_much_it_is() {
        let (mut inlet, mut outlet) = pipe();
        for round in 0..3 {
            let (many, mut all) = (RING + CHUNK + 7 + round, Vec::new());
            (0..many).for_each(|item| inlet.send(item));
            inlet.send_all(&mut (many..many + 5).collect());
            inlet.send(many + 5);
            assert_eq!((inlet.len(), outlet.len()), (many + 6, many + 6));
            let lengths = chunks(&mut outlet, &mut all);
            assert_eq!(lengths, [RING, CHUNK, 7 + round, 5, 1]);
            assert!(all.into_iter().eq(0..many + 6));
        }
        assert!(!outlet.is_over());
        inlet.send(7);
        drop(inlet);
        assert!(!outlet.is_over(), "there is something in it");
        chunks(&mut outlet, &mut Vec::new());
        assert!(outlet.is_over());
    }
}
