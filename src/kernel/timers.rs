//! Timers of a shard: a heap by due time, ties in the order in which they were set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use contract::id::Generation;
use contract::time::Moment;

/// A timer in the heap. `serial` is unique in a shard, so the order is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) at: Moment,
    pub(crate) serial: u64,
    pub(crate) slot: u32,
    pub(crate) generation: Generation,
}

/// The heap. A cancelled or replaced timer stays in it until it falls due; the life that set
/// it knows which serials still count.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    serial: u64,
}

impl Timers {
    /// Sets a timer; answers its serial.
    pub(crate) fn set(&mut self, at: Moment, slot: u32, generation: Generation) -> u64 {
        self.serial += 1;
        self.heap.push(Reverse(Timer { at, serial: self.serial, slot, generation }));
        self.serial
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
}
