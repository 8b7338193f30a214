//! The two clocks of a host, as plain numbers. Who reads a clock is the driver, never a component.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time since the host was made, in nanoseconds: never runs backwards. Timers, backoff and
/// budgets are measured on it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Moment(pub u64);

impl Moment {
    /// The instant the host was made.
    pub const ZERO: Moment = Moment(0);

    /// How long after the host was made.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How long this is after `earlier`; zero if it is not.
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    /// Saturates: some 584 years after the host was made.
    fn add(self, by: Duration) -> Moment {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(by))
    }
}

impl Sub<Moment> for Moment {
    type Output = Duration;

    fn sub(self, earlier: Moment) -> Duration {
        self.since(earlier)
    }
}

/// Wall time: microseconds since 1970-01-01T00:00:00 UTC. May jump, so nothing is timed by it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WallTime(pub i64);

impl WallTime {
    /// Whole seconds since 1970, rounded down: the unit of ConfigMgr's registry values.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The wall time at a whole number of seconds since 1970.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        WallTime(seconds.saturating_mul(1_000_000))
    }

    /// How long this is after `earlier`; zero if it is not.
    pub fn since(self, earlier: WallTime) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for WallTime {
    type Output = WallTime;

    fn add(self, by: Duration) -> WallTime {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        WallTime(self.0.saturating_add(by))
    }
}
