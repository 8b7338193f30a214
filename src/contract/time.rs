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

/// What time it is, on both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// The host's monotonic clock.
    pub now: Moment,
    /// The site's wall clock.
    pub utc: WallTime,
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

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration as people type it, in whole milliseconds: `7d`, `24h`, `1h30m`, `500ms`.
pub fn duration_text(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        // A day reads best as 24h, which is what the documents say; two days as 2d.
        if unit == "d" && left < 2 * millis {
            continue;
        }
        if left >= millis {
            text += &format!("{}{unit}", left / millis);
            left %= millis;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// The duration that a person typed: numbers with `d`, `h`, `m`, `s` or `ms`, largest first or not.
///
/// # Errors
/// What a duration looks like, if `text` is none or is longer than a century.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration looks like 24h, 7d, 1h30m or 500ms".to_owned();
    const CENTURY_MS: u64 = 100 * 366 * 86_400_000;
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        millis = number
            .checked_mul(*size)
            .and_then(|part| millis.checked_add(part))
            .filter(|sum| *sum <= CENTURY_MS)
            .ok_or_else(|| "a duration is a century at most".to_owned())?;
        rest = &rest[letters..];
    }
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_they_are_written() {
        for (text, millis) in [
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("2s500ms", 2_500),
            ("0s", 0),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(text), Ok(duration), "{text}");
            assert_eq!(duration_text(duration), text);
        }
        for wrong in ["", "24", "h", "1x", "-1h", "1h 30m", "99999999999999999999h", "40000d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
