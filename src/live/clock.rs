//! The site's clock: real time plus an offset.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use contract::time::{Moment, WallTime};
use kernel::Clock;

/// Shared by everything in a host. Runs with real time and can be moved on, never back.
#[derive(Debug, Clone)]
pub struct SiteClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    epoch: WallTime,
    /// Nanoseconds that the clock was moved on by.
    offset: AtomicU64,
}

impl SiteClock {
    /// Begins now.
    pub(crate) fn start() -> Self {
        let epoch = utc_now();
        SiteClock(Arc::new(Inner { started: Instant::now(), epoch, offset: AtomicU64::new(0) }))
    }

    /// What time it is.
    pub fn read(&self) -> Clock {
        self.read_at(self.real())
    }

    /// What time it is when so much real time has passed since the clock began.
    pub(crate) fn read_at(&self, real: Duration) -> Clock {
        let offset = Duration::from_nanos(self.0.offset.load(Ordering::Acquire));
        let now = Moment::ZERO + (real + offset);
        Clock { now, utc: self.0.epoch + now.since_start() }
    }

    /// Moves the clock on to `moment`, if it is not there yet. Two who do so at once do not add
    /// up.
    pub(crate) fn move_to(&self, moment: Moment) {
        let ahead = moment.since_start().saturating_sub(self.real());
        let nanos = u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX);
        self.0.offset.fetch_max(nanos, Ordering::AcqRel);
    }

    /// Real time since the clock began.
    pub(crate) fn real(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Nanoseconds that it was moved on by, in all.
    pub(crate) fn moved_by(&self) -> u64 {
        self.0.offset.load(Ordering::Acquire)
    }

    /// How long real time takes to get to `moment`.
    pub(crate) fn until(&self, moment: Moment) -> Duration {
        moment.since(self.read().now)
    }
}

/// The machine's wall clock.
pub fn utc_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime::default() + since_1970.unwrap_or_default()
}
