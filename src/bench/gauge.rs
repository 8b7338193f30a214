//! A number that goes up, and somebody who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Counted up by anybody, waited for by the thread that made it.
#[derive(Debug)]
pub(crate) struct Gauge {
    count: AtomicU64,
    /// What is waited for; more than anything if nobody waits.
    goal: AtomicU64,
    waiter: Thread,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        let (count, goal) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Gauge { count, goal, waiter: thread::current() }
    }

    pub(crate) fn add(&self) {
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count == self.goal.load(Ordering::SeqCst) {
            self.waiter.unpark();
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Begins anew. To be called when nobody counts.
    pub(crate) fn reset(&self) {
        self.goal.store(u64::MAX, Ordering::SeqCst);
        self.count.store(0, Ordering::SeqCst);
    }

    /// Waits until it is `goal` or more, `within` at most; tells whether it is.
    pub(crate) fn wait(&self, goal: u64, within: Duration) -> bool {
        debug_assert_eq!(self.waiter.id(), thread::current().id(), "who made it waits");
        // First the goal, then the look: whoever counts does it the other way round.
        self.goal.store(goal, Ordering::SeqCst);
        let deadline = Instant::now() + within;
        while self.count() < goal {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
        true
    }
}

/// Lets time pass without taking a processor.
pub(crate) fn pass(time: Duration) {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
