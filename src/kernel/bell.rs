//! The bell of a lane: whoever puts mail in rings it, and wakes a receiver that sleeps. That no
//! wake-up is lost is checked over every interleaving in `tests/loom.rs`.

use std::task::Waker;

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, fence};

/// At most one receiver sleeps at a bell.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    /// The receiver sleeps, or is about to; whoever clears this wakes it. Swapped, never merely
    /// stored: with stores loom 0.7 tells of a lost wake-up for which the memory model of the
    /// language seems to leave no room, and a model that cries wolf checks nothing.
    parked: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    /// Has `waker` woken at the next ring. Answers false if there is mail already: then the
    /// receiver must not sleep. One that is `retired` leaves no waker, for the bell is its
    /// successor's, and may sleep for good.
    pub(crate) fn park(
        &self,
        waker: &Waker,
        retired: impl Fn() -> bool,
        is_empty: impl FnOnce() -> bool,
    ) -> bool {
        let mut kept = self.lock();
        if retired() {
            return true;
        }
        *kept = Some(waker.clone());
        self.parked.swap(true, Ordering::Relaxed);
        drop(kept);
        // Pairs with the fence in `ring`: either the sender sees `parked`, or we see its mail.
        fence(Ordering::SeqCst);
        if is_empty() {
            return true;
        }
        // Under the lock, so that it is not a successor's that is cleared.
        let kept = self.lock();
        if !retired() {
            self.parked.swap(false, Ordering::Relaxed);
        }
        drop(kept);
        false
    }

    /// Whether the receiver sleeps, or is about to. By now it may be otherwise.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.load(Ordering::Relaxed)
    }

    /// Wakes the receiver, if it sleeps. Comes after the mail.
    #[inline]
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.parked.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if !self.parked.swap(false, Ordering::AcqRel) {
            return;
        }
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Retires the receiver by `retire` while it can neither park nor be woken, and wakes it a
    /// last time.
    pub(crate) fn pass_on(&self, retire: impl FnOnce()) {
        let mut kept = self.lock();
        retire();
        self.parked.swap(false, Ordering::Relaxed);
        let waker = kept.take();
        drop(kept);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        // A panic between lock and unlock is impossible: nothing of ours runs there.
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
