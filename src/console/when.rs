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

/// The duration that a person typed, as [`contract::time::parse_duration`] reads it; H and D
/// may be capitals, which no other unit could be meant by.
///
/// # Errors
/// What a duration looks like, or that it is too long.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.trim_start().starts_with('-') {
        return Err("a duration is not negative; it looks like 24h, 7d, 1h30m or 500ms".to_owned());
    }
    let text = text.replace('H', "h").replace('D', "d");
    // A number beyond 64 bits is a number all the same: too many, and not "no duration".
    let mut capped = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        capped += before;
        capped += &digits[..end].parse().unwrap_or(u64::MAX).to_string();
        rest = &digits[end..];
    }
    contract::time::parse_duration(&(capped + rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_what_is_wrong_with_them_is_said() {
        for (text, seconds) in [("24h", 86_400), ("24H", 86_400), ("2D3h", 183_600), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, said) in [
            ("-1h", "not negative"),
            (" -1h", "not negative"),
            ("99999999999999999999h", "a century at most"),
            ("99999999999999999999ms", "a century at most"),
            ("1d40000d", "a century at most"),
            ("", "looks like"),
            ("soon", "looks like"),
            ("24", "looks like"),
            ("99999999999999999999", "looks like"),
            ("99999999999999999999x", "looks like"),
            // Minutes, or months to somebody: not guessed.
            ("5M", "looks like"),
        ] {
            let problem = parse_duration(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }

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
