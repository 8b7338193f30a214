//! A number that goes up, and somebody who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Nothing that is measured takes so long; what does has lost something.
const WAIT_MAX: Duration = Duration::from_secs(100);

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

    /// Waits until it is `goal` or more.
    ///
    /// # Panics
    /// If that does not come about; with `label`, which says whose run it is.
    #[track_caller]
    pub(crate) fn wait(&self, goal: u64, label: &str) {
        assert_eq!(self.waiter.id(), thread::current().id(), "who made it waits");
        // First the goal, then the look: whoever counts does it the other way round.
        self.goal.store(goal, Ordering::SeqCst);
        let deadline = Instant::now() + WAIT_MAX;
        while self.count() < goal {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{label}: {} of {goal} after {WAIT_MAX:?}", self.count());
            thread::park_timeout(left);
        }
    }
}
