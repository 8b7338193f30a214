//! Who is busy: how a clock that is moved on knows that the site has come to rest.
//!
//! Everything that may still cause something is counted for as long as it is under way: a
//! turn, news on its way to the executive, an errand outside. With all of it at zero and the
//! lanes empty, nothing more happens before the next timer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The count of what is under way.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    under_way: AtomicU64,
    /// +1 whenever anything begins: two equal readings around a look at the lanes mean that
    /// nothing began in between.
    begun: AtomicU64,
    somebody_waits: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

/// Something under way; ended by dropping.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Activity>);

impl Activity {
    /// Counts something until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(self))
    }

    /// Waits, `within` at most, until nothing is under way and `is_quiet` holds; false if that
    /// did not come about.
    pub(crate) fn wait_for_rest(&self, within: Duration, is_quiet: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + within;
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.somebody_waits.store(true, Ordering::SeqCst);
        let rest = loop {
            let begun = self.begun.load(Ordering::SeqCst);
            let at_rest = self.under_way.load(Ordering::SeqCst) == 0 && is_quiet();
            if at_rest && self.begun.load(Ordering::SeqCst) == begun {
                break true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            // Mail that has not been taken yet is counted by nobody: look again soon.
            let (next, _) = self
                .changed
                .wait_timeout(guard, left.min(Duration::from_millis(1)))
                .unwrap_or_else(PoisonError::into_inner);
            guard = next;
        };
        self.somebody_waits.store(false, Ordering::SeqCst);
        rest
    }

    /// How many things are under way.
    pub(crate) fn count(&self) -> u64 {
        self.under_way.load(Ordering::SeqCst)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        if self.0.somebody_waits.load(Ordering::SeqCst) {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_is_when_nothing_is_under_way_and_the_lanes_are_empty() {
        let activity = Arc::new(Activity::default());
        let soon = Duration::from_millis(5);
        assert!(activity.wait_for_rest(soon, || true));
        assert!(!activity.wait_for_rest(soon, || false), "mail waits");
        let errand = activity.begin();
        assert!(!activity.wait_for_rest(soon, || true), "an errand is under way");
        let ends = std::thread::spawn(move || drop(errand));
        assert!(activity.wait_for_rest(Duration::from_secs(60), || true));
        ends.join().unwrap();
    }
}
