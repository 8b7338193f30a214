//! A pipe into a lane for one sender that sends much: a ring for bare words that the shard keeps
//! up with, and beside it a list for those that it does not, for what comes gathered, and for
//! all other mail. Whichever carrier the shard has takes out. That order is kept where the two
//! meet is checked in `tests/loom.rs`.
//!
//! One word at a time through the ring takes half of what a lock per message takes, and a
//! quarter of the unbounded channel.

use std::collections::VecDeque;

use crate::sync::{Arc, AtomicUsize, Consumer, Mutex, MutexGuard, Ordering, PoisonError, Producer};
use crate::sync::{CHUNK, RING, has_room, push, ring, take_some};

/// Room for so many chunks at most is kept when there are none.
const CLOSED: usize = 64;
/// Empty chunks that are kept to be filled again.
const SPARE: usize = 4;

/// The sender's end. `W` is a bare word, `P` what else is sent.
#[derive(Debug)]
pub(crate) struct Inlet<W, P> {
    ring: Producer<W>,
    list: Arc<List<W, P>>,
}

/// The shard's end.
#[derive(Debug)]
pub(crate) struct Outlet<W, P> {
    ring: Consumer<W>,
    list: Arc<List<W, P>>,
}

/// A new pipe.
pub(crate) fn pipe<W: Copy, P>() -> (Inlet<W, P>, Outlet<W, P>) {
    let (producer, consumer) = ring(RING);
    let list = Arc::new(List { waiting: AtomicUsize::new(0), inner: Mutex::new(Inner::new()) });
    let inlet = Inlet { ring: producer, list: Arc::clone(&list) };
    (inlet, Outlet { ring: consumer, list })
}

impl<W: Copy, P> Inlet<W, P> {
    /// Puts a word in.
    #[inline]
    pub(crate) fn send_word(&mut self, word: W) {
        // As long as anything is in the list, what is younger goes there too.
        if self.list.is_empty() && has_room(&self.ring) {
            push(&mut self.ring, word);
        } else {
            self.list.push_word(word);
        }
    }

    /// Puts words in that were gathered, at the cost of one, and leaves an empty list to gather
    /// in.
    pub(crate) fn send_words(&mut self, words: &mut Vec<W>) {
        self.list.push_words(words);
    }

    /// Puts something else in.
    pub(crate) fn send(&mut self, other: P) {
        self.list.push(other);
    }

    /// How much is in it. By now it may be less.
    pub(crate) fn len(&self) -> usize {
        RING - self.ring.slots() + self.list.len()
    }

    /// Room for chunks that is kept, and for words in them.
    #[cfg(test)]
    pub(crate) fn room(&self) -> (usize, usize) {
        let inner = self.list.lock();
        let words = inner.spare.iter().map(Vec::capacity).sum::<usize>() + inner.open.capacity();
        (inner.closed.capacity(), words)
    }
}

impl<W: Copy, P> Outlet<W, P> {
    /// Takes the oldest out: words, `most` at most or a chunk of the list, are put into `words`,
    /// which is empty; something else is answered.
    pub(crate) fn take(&mut self, most: usize, words: &mut Vec<W>) -> Option<P> {
        take_some(&mut self.ring, most, words);
        if !words.is_empty() || self.list.is_empty() {
            return None;
        }
        let mut inner = self.list.lock();
        // The ring may have been filled, and the list begun, since the look at the ring. Nothing
        // goes into the ring while anything is in the list.
        take_some(&mut self.ring, most, words);
        if !words.is_empty() {
            return None;
        }
        let other = inner.take(words);
        let taken = words.len() + usize::from(other.is_some());
        self.list.waiting.store(self.list.len() - taken, Ordering::Release);
        other
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
struct List<W, P> {
    /// How much is in it; written under the lock.
    waiting: AtomicUsize,
    inner: Mutex<Inner<W, P>>,
}

#[derive(Debug)]
struct Inner<W, P> {
    /// What is being filled; younger than everything in `closed`.
    open: Vec<W>,
    /// Oldest first.
    closed: VecDeque<Chunk<W, P>>,
    spare: Vec<Vec<W>>,
}

#[derive(Debug)]
enum Chunk<W, P> {
    Words(Vec<W>),
    Other(P),
}

impl<W, P> List<W, P> {
    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn len(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    #[cold]
    fn push_word(&self, word: W) {
        let mut inner = self.lock();
        if inner.open.len() >= CHUNK {
            inner.close();
        }
        inner.open.push(word);
        self.count(1);
    }

    fn push_words(&self, words: &mut Vec<W>) {
        let mut inner = self.lock();
        inner.close();
        self.count(words.len());
        let empty = inner.spare.pop().unwrap_or_default();
        inner.closed.push_back(Chunk::Words(std::mem::replace(words, empty)));
    }

    fn push(&self, other: P) {
        let mut inner = self.lock();
        inner.close();
        self.count(1);
        inner.closed.push_back(Chunk::Other(other));
    }

    /// Under the lock, so nobody else writes.
    fn count(&self, more: usize) {
        self.waiting.store(self.len() + more, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W, P>> {
        // A panic between lock and unlock is impossible: items are moved there, never dropped.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W, P> Inner<W, P> {
    fn new() -> Self {
        Inner { open: Vec::new(), closed: VecDeque::new(), spare: Vec::new() }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let empty = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK));
            let words = std::mem::replace(&mut self.open, empty);
            self.closed.push_back(Chunk::Words(words));
        }
    }

    /// Takes the oldest chunk of words, and keeps the empty one that lay in its place; or
    /// something else.
    fn take(&mut self, words: &mut Vec<W>) -> Option<P> {
        let first = self.closed.pop_front();
        if self.closed.is_empty() && self.closed.capacity() > CLOSED {
            self.closed = VecDeque::new();
        }
        let first = match first {
            Some(Chunk::Other(other)) => return Some(other),
            Some(Chunk::Words(first)) => first,
            None => std::mem::take(&mut self.open),
        };
        let empty = std::mem::replace(words, first);
        if self.spare.len() < SPARE && empty.capacity() > 0 {
            self.spare.push(empty);
        }
        None
    }
}
