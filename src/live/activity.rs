//! Who is busy: how a clock that is moved on knows that the site has come to rest.
//!
//! Everything that may still cause something is counted for as long as it is under way: a
//! turn, news on its way to the executive, an errand outside. With all of it at zero and the
//! lanes empty, nothing more happens before the next timer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The count of what is under way in one place: with the executive, or on one thread that
/// carries a shard. What is under way on a thread that is lost is counted by nobody any more.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    under_way: AtomicU64,
    site: Arc<Common>,
}

/// What all places of a site have in common.
#[derive(Debug, Default)]
struct Common {
    /// +1 whenever anything begins: two equal readings around a look at everything mean that
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
    /// Another place of the same site.
    pub(crate) fn beside(&self) -> Arc<Activity> {
        Arc::new(Activity { under_way: AtomicU64::new(0), site: Arc::clone(&self.site) })
    }

    /// Counts something until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.site.begun.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(self))
    }

    /// Waits, `within` at most, until nothing is under way here and `is_quiet` holds of the
    /// other places; false if that did not come about.
    pub(crate) fn wait_for_rest(&self, within: Duration, is_quiet: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + within;
        let site = &*self.site;
        let mut guard = site.lock.lock().unwrap_or_else(PoisonError::into_inner);
        site.somebody_waits.store(true, Ordering::SeqCst);
        let rest = loop {
            let begun = site.begun.load(Ordering::SeqCst);
            let at_rest = self.count() == 0 && is_quiet();
            if at_rest && site.begun.load(Ordering::SeqCst) == begun {
                break true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            // Mail that has not been taken yet is counted by nobody: look again soon.
            let (next, _) = site
                .changed
                .wait_timeout(guard, left.min(Duration::from_millis(1)))
                .unwrap_or_else(PoisonError::into_inner);
            guard = next;
        };
        site.somebody_waits.store(false, Ordering::SeqCst);
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
        if self.0.site.somebody_waits.load(Ordering::SeqCst) {
            self.0.site.changed.notify_all();
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
