//! When what is done by the site's local clock is due.

use contract::settings::TimeOfDay;
use contract::time::WallTime;

const MINUTE_MICROS: i64 = 60_000_000;
const DAY_MICROS: i64 = 24 * 60 * MINUTE_MICROS;

/// The first moment after `after`, and never `after` itself, at which the site's local clock
/// shows `at`: 24 hours later at most. `bias_minutes` are added to local time to get UTC
/// (domain.md 4.1). At the end of wall time it is that end.
pub fn next_backup(after: WallTime, at: TimeOfDay, bias_minutes: i32) -> WallTime {
    // The local clock shows `at` whenever UTC shows this, give or take whole days.
    let due = (i64::from(at.minutes()) + i64::from(bias_minutes)) * MINUTE_MICROS;
    // Each day's part alone: the whole of `after` may be too near the ends of wall time.
    let since_last = (after.0 % DAY_MICROS - due).rem_euclid(DAY_MICROS);
    WallTime(after.0.saturating_add(DAY_MICROS - since_last))
}

#[cfg(test)]
mod tests {
    use contract::settings::SettingValue;
    use proptest::prelude::*;

    use super::*;
    use crate::definition::BIAS_MINUTES;

    fn wall(time: &str) -> WallTime {
        WallTime(time.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn a_backup_is_due_when_the_local_clock_shows_its_time() {
        for (after, at, bias, due) in [
            // UTC.
            ("2026-01-01T00:00:00Z", "02:00", 0, "2026-01-01T02:00:00Z"),
            ("2026-01-01T01:59:59.999999Z", "02:00", 0, "2026-01-01T02:00:00Z"),
            ("2026-01-01T02:00:00Z", "02:00", 0, "2026-01-02T02:00:00Z"),
            ("2026-01-01T02:00:00.000001Z", "02:00", 0, "2026-01-02T02:00:00Z"),
            // Midnight.
            ("2026-01-01T00:00:00Z", "00:00", 0, "2026-01-02T00:00:00Z"),
            ("2025-12-31T23:59:59.999999Z", "00:00", 0, "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00Z", "23:59", 0, "2026-01-01T23:59:00Z"),
            ("2026-01-01T23:59:00Z", "23:59", 0, "2026-01-02T23:59:00Z"),
            // UTC+1: 02:00 there is 01:00 UTC, and midnight there is 23:00 of the day before.
            ("2026-01-01T00:59:00Z", "02:00", -60, "2026-01-01T01:00:00Z"),
            ("2026-01-01T01:00:00Z", "02:00", -60, "2026-01-02T01:00:00Z"),
            ("2026-01-01T22:59:00Z", "00:00", -60, "2026-01-01T23:00:00Z"),
            ("2026-01-01T23:00:00Z", "00:30", -60, "2026-01-01T23:30:00Z"),
            // UTC-7 and UTC+5:30.
            ("2026-01-01T00:00:00Z", "02:00", 420, "2026-01-01T09:00:00Z"),
            ("2026-01-01T05:00:00Z", "23:00", 420, "2026-01-01T06:00:00Z"),
            ("2026-01-01T00:00:00Z", "02:00", -330, "2026-01-01T20:30:00Z"),
            // The first and the last time zone.
            ("2026-01-01T00:00:00Z", "02:00", -840, "2026-01-01T12:00:00Z"),
            ("2026-01-01T00:00:00Z", "02:00", 720, "2026-01-01T14:00:00Z"),
            // Before 1970, and a day that only a leap year has.
            ("1969-12-31T03:00:00Z", "02:00", 0, "1970-01-01T02:00:00Z"),
            ("2028-02-28T03:00:00Z", "02:00", 0, "2028-02-29T02:00:00Z"),
        ] {
            let time = TimeOfDay::from_text(at).unwrap();
            assert_eq!(next_backup(wall(after), time, bias), wall(due), "{after} {at} {bias}");
        }
    }

    #[test]
    fn at_the_end_of_wall_time_there_is_none_after_it() {
        let end = WallTime(i64::MAX);
        assert_eq!(next_backup(end, TimeOfDay::default(), 0), end);
    }

    /// What the site's clock shows: minutes since midnight, and what is beyond the minute.
    fn local(utc: WallTime, bias_minutes: i32) -> (i64, i64) {
        let local = utc.0 - i64::from(bias_minutes) * 60_000_000;
        let of_day = local.rem_euclid(86_400_000_000);
        (of_day / 60_000_000, of_day % 60_000_000)
    }

    proptest! {
        // A file of failures would stand in `src` and look like a member of the workspace.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_is_within_a_day_and_shows_its_time(
            // Within a thousand years of 1970, and near the ends of wall time.
            after in prop_oneof![
                -31_556_952_000_000_000..31_556_952_000_000_000i64,
                i64::MIN + 86_400_000_000..i64::MIN + 100_000_000_000,
                i64::MAX - 200_000_000_000..i64::MAX - 140_000_000_000,
            ],
            hour in 0..24u8,
            minute in 0..60u8,
            bias in BIAS_MINUTES,
        ) {
            let at = TimeOfDay::new(hour, minute).unwrap();
            let due = next_backup(WallTime(after), at, bias);
            prop_assert!((1..=86_400_000_000).contains(&(due.0 - after)), "{}", due.0 - after);
            prop_assert_eq!(local(due, bias), (i64::from(at.minutes()), 0));
        }
    }
}
