//! Times and durations as a person reads them. All times are the site's, in UTC.

use std::time::Duration;

use contract::WallTime;
use jiff::Timestamp;

/// `2026-11-20 04:41:14`.
pub(crate) fn utc(time: WallTime) -> String {
    shown(time, "%Y-%m-%d %H:%M:%S")
}

/// `2026-11-20T04:41:14Z`: the same for machines.
pub(crate) fn iso(time: WallTime) -> String {
    shown(time, "%Y-%m-%dT%H:%M:%SZ")
}

fn shown(time: WallTime, format: &str) -> String {
    match Timestamp::from_microsecond(time.0) {
        Ok(stamp) => stamp.strftime(format).to_string(),
        // A clock beyond the year 9999: show the number rather than nothing.
        Err(_) => format!("{} us", time.0),
    }
}

/// A duration in its two largest units: `3d4h`, `12m5s`, `0s`.
pub(crate) fn rough(duration: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let seconds = duration.as_secs();
    let largest = UNITS.iter().position(|(_, size)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let (unit, size) = UNITS[largest];
    let mut text = format!("{}{unit}", seconds / size);
    if let Some((next, next_size)) = UNITS.get(largest + 1)
        && seconds % size >= *next_size
    {
        text += &format!("{}{next}", seconds % size / next_size);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (725, "12m5s"),
            (3_600, "1h"),
            (3_605, "1h"),
            (86_400, "1d"),
            (273_600, "3d4h"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn times_are_shown_in_utc_and_any_number_is_a_time() {
        assert_eq!(utc(WallTime(1_795_149_674_000_000)), "2026-11-20 04:41:14");
        assert_eq!(iso(WallTime(0)), "1970-01-01T00:00:00Z");
        assert_eq!(utc(WallTime(-1)), "1969-12-31 23:59:59");
        for odd in [i64::MIN, i64::MAX] {
            assert_eq!(utc(WallTime(odd)), format!("{odd} us"));
        }
    }
}
