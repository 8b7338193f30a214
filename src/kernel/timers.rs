//! Timers of a shard: a heap by due time, ties in the order in which they were set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use contract::id::Generation;
use contract::time::Moment;

/// A heap of this size or less is not worth tidying.
const TIDY_FROM: usize = 64;

/// A timer in the heap. `serial` is unique in a shard, so the order is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) at: Moment,
    pub(crate) serial: u64,
    pub(crate) slot: u32,
    pub(crate) generation: Generation,
}

/// The heap. A cancelled or replaced timer stays in it for a while; the life that set it knows
/// which serials still count. When most of the heap is void, it is built anew.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    serial: u64,
    /// So many were called off since the heap was last looked through. Those that have left it
    /// since are counted in, which makes for a look too many now and then.
    void: usize,
}

impl Timers {
    /// Sets a timer; answers its serial.
    pub(crate) fn set(&mut self, at: Moment, slot: u32, generation: Generation) -> u64 {
        self.serial += 1;
        self.heap.push(Reverse(Timer { at, serial: self.serial, slot, generation }));
        self.serial
    }

    /// So many timers were cancelled or replaced, or their life is over.
    pub(crate) fn call_off(&mut self, timers: usize) {
        self.void += timers;
    }

    /// Whether more than half of the heap may be void.
    pub(crate) fn is_untidy(&self) -> bool {
        self.heap.len() > TIDY_FROM && self.void > self.heap.len() / 2
    }

    /// Keeps the timers for which `counts` holds. It takes as many steps as timers were called
    /// off since the last time, or twice that.
    pub(crate) fn tidy(&mut self, counts: impl Fn(&Timer) -> bool) {
        self.heap.retain(|Reverse(timer)| counts(timer));
        self.void = 0;
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Moment) -> Option<Timer> {
        match self.heap.peek() {
            Some(Reverse(timer)) if timer.at <= now => self.heap.pop().map(|Reverse(t)| t),
            _ => None,
        }
    }

    /// The first timer for which `counts` holds; those before it are forgotten.
    pub(crate) fn next_due(&mut self, counts: impl Fn(&Timer) -> bool) -> Option<Moment> {
        while let Some(Reverse(timer)) = self.heap.peek() {
            if counts(timer) {
                return Some(timer.at);
            }
            self.heap.pop();
        }
        None
    }

    /// Timers in the heap, void ones included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(crate) fn clear(&mut self) {
        self.heap.clear();
    }
}
