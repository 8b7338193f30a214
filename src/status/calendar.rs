//! Wall time as a person at the site reads it.
//!
//! A site has a bias: the minutes to add to its local time to get UTC (domain.md 4.1), so a
//! site in Central European winter time has -60.

use contract::WallTime;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const MINUTE_MICROS: i64 = 60_000_000;
const DAY_MICROS: i64 = 24 * 60 * MINUTE_MICROS;

/// 0001-01-01T00:00:00: a log has four digits for the year and no sign.
const FIRST_MICROS: i64 = -62_135_596_800_000_000;
/// The last microsecond of 9999-12-29, the last whole day that jiff knows in UTC.
const LAST_MICROS: i64 = 253_402_127_999_999_999;

/// Microseconds since 1970-01-01T00:00:00 on the site's own clock.
pub(crate) fn local_micros(utc: WallTime, bias_minutes: i32) -> i64 {
    utc.0.saturating_sub(i64::from(bias_minutes) * MINUTE_MICROS)
}

/// The UTC of a local time; the inverse of [`local_micros`].
pub(crate) fn utc_of(local_micros: i64, bias_minutes: i32) -> WallTime {
    WallTime(local_micros.saturating_add(i64::from(bias_minutes) * MINUTE_MICROS))
}

/// The number of the site's day: it changes at 00:00:00 local time.
pub(crate) fn site_day(utc: WallTime, bias_minutes: i32) -> i64 {
    local_micros(utc, bias_minutes).div_euclid(DAY_MICROS)
}

/// Date and time of day of microseconds since 1970; years before 1 and after 9999 are moved
/// to the nearest time that can be written.
pub(crate) fn civil(micros: i64) -> DateTime {
    let micros = micros.clamp(FIRST_MICROS, LAST_MICROS);
    let time = Timestamp::from_microsecond(micros).expect("the bounds are within jiff's");
    Offset::UTC.to_datetime(time)
}

/// Microseconds since 1970 of a date and time of day; none outside jiff's range.
pub(crate) fn micros_of(civil: DateTime) -> Option<i64> {
    Offset::UTC.to_timestamp(civil).ok().map(Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_day_begins_at_local_midnight() {
        // 2022-11-30T00:00:00 CET is 23:00:00 UTC of the day before.
        let midnight = WallTime::from_unix_seconds(1_669_762_800);
        let before = WallTime(midnight.0 - 1);
        assert_eq!(site_day(midnight, -60), site_day(before, -60) + 1);
        assert_eq!(site_day(midnight, 0), site_day(before, 0));
    }

    #[test]
    fn any_number_is_some_date() {
        for micros in [i64::MIN, FIRST_MICROS, -1, 0, LAST_MICROS, i64::MAX] {
            let year = civil(micros).year();
            assert!((1..=9999).contains(&year), "{micros}: {year}");
        }
        assert_eq!(site_day(WallTime(i64::MIN), i32::MAX), i64::MIN.div_euclid(DAY_MICROS));
    }
}
