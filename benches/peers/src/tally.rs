//! What components count, and how it is known that everything was done.
//!
//! Nobody asks the components whether they are done, for that would be measured too. It is known
//! beforehand how many messages each of them gets: whoever has got its last one says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::gauge::Gauge;
use crate::job::Job;

/// Spreads what is in a number over all its bits.
pub(crate) fn mixed(index: u32, value: u64) -> u64 {
    let mut hash = value ^ (u64::from(index) << 32 | 0x9E37_79B9);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^ (hash >> 27)
}

/// What the components of one run have told.
#[derive(Debug)]
pub(crate) struct Tally {
    quotas: Arc<[u64]>,
    /// Lives that have begun.
    pub(crate) up: Gauge,
    /// Lives that have ended, in order.
    pub(crate) down: Gauge,
    /// Components that have handled all that they get.
    pub(crate) handled: Gauge,
    total: AtomicU64,
    hash: AtomicU64,
}

impl Tally {
    /// Whoever makes it is the one who waits.
    pub(crate) fn new(job: &Job) -> Arc<Self> {
        let (total, hash) = (AtomicU64::new(0), AtomicU64::new(0));
        let (up, down, handled) = (Gauge::new(), Gauge::new(), Gauge::new());
        Arc::new(Tally { quotas: Arc::clone(&job.quotas), up, down, handled, total, hash })
    }

    /// Messages that were handled, and a hash of what was in them, by component.
    pub(crate) fn told(&self) -> (u64, u64) {
        (self.total.load(Ordering::SeqCst), self.hash.load(Ordering::SeqCst))
    }
}

/// What every component does with a message, whoever hands it over.
#[derive(Debug)]
pub(crate) struct Counter {
    count: u64,
    sum: u64,
    quota: u64,
    index: u32,
    tally: Arc<Tally>,
}

impl Counter {
    /// Component `index` begins a life.
    pub(crate) fn new(tally: &Arc<Tally>, index: u32) -> Self {
        let quota = tally.quotas.get(index as usize).copied().unwrap_or_default();
        tally.up.add();
        Counter { count: 0, sum: 0, quota, index, tally: Arc::clone(tally) }
    }

    /// A message.
    #[inline]
    pub(crate) fn handle(&mut self, word: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(word);
        if self.count >= self.quota {
            self.filled();
        }
    }

    /// So many messages it has had.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Its life ends in order.
    pub(crate) fn stopped(&self) {
        self.tally.down.add();
    }

    #[cold]
    fn filled(&self) {
        let Counter { count, sum, quota, index, tally } = self;
        // One message too many makes the total wrong.
        let told = if count == quota { *count } else { 1 };
        tally.total.fetch_add(told, Ordering::SeqCst);
        if count == quota {
            tally.hash.fetch_add(mixed(*index, *sum), Ordering::SeqCst);
            tally.handled.add();
        }
    }
}
