//! The table of settings: every key that more than one room knows, what it means, what a
//! value must look like.

use std::time::Duration;

use contract::settings::{Endpoint, Setting, SettingValue, keys};

use crate::definition;

/// One setting of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What it is stored and typed under.
    pub key: &'static str,
    /// What it means, in a line.
    pub about: &'static str,
    /// Whether it is set by the site's installation and by nobody later.
    pub fixed: bool,
    /// Whether a text is a value of it; the error says what a value must look like.
    pub check: fn(&str) -> Result<(), String>,
    /// The one form in which a value is stored, so that two ways to write it compare equal;
    /// fails as `check` does.
    pub normal: fn(&str) -> Result<String, String>,
    /// The default, as text.
    pub default_text: fn() -> String,
}

/// A row of an operator's setting, or of a `fixed` one, with what a value must satisfy
/// besides having the right type.
macro_rules! row {
    ($name:ident, $fixed:literal, $rule:expr, $about:literal) => {
        Row {
            key: keys::$name.key,
            about: $about,
            fixed: $fixed,
            check: |text| value(&keys::$name, $rule, text).map(drop),
            normal: |text| value(&keys::$name, $rule, text).map(|value| value.to_text()),
            default_text: || keys::$name.default_value().to_text(),
        }
    };
}

/// Every setting, in the order of the keys.
pub const TABLE: &[Row] = &[
    row!(BACKUP_AT, false, anything, "when a scheduled backup begins, on the site's local clock"),
    row!(BACKUP_ENABLED, false, anything, "whether the site is backed up every day: true or false"),
    row!(
        BACKUP_LEASE,
        false,
        lease,
        "how long a backup keeps SMS_EXECUTIVE down at most, whatever the copy does"
    ),
    row!(
        ENDPOINT_CHECK_INTERVAL,
        false,
        interval,
        "how often SMS_SERVICE_CONNECTOR checks its endpoints"
    ),
    row!(
        ENDPOINTS,
        false,
        endpoints,
        "what SMS_SERVICE_CONNECTOR checks: addresses parted by blanks, a critical one ends in !"
    ),
    row!(MANIFEST_BYTES_MAX, false, some_bytes, "an update manifest of more bytes is refused"),
    row!(MANIFEST_URL, false, address, "where the update manifest is fetched"),
    row!(MODE, false, anything, "mode of the service connection point: online or offline"),
    row!(PACKAGE_BYTES_MAX, false, some_bytes, "an update of more bytes is refused"),
    row!(SITE_CODE, true, site_code, "the site's three-character code"),
    row!(DISTRIBUTION_POINTS, true, anything, "names of the site's distribution points"),
    row!(SITE_INSTALLED, true, anything, "when the site was installed, in seconds since 1970"),
    row!(ROLES, true, anything, "names of the roles that are installed in the site"),
    row!(SITE_SERVER, true, server_name, "the site server's name"),
    row!(SITE_TYPE, true, anything, "what kind of site it is"),
    row!(SITE_VERSION, true, anything, "the site's version; decides which updates apply"),
    row!(UPDATE_CHECK_INTERVAL, false, interval, "how often SMS_DMP_DOWNLOADER checks for updates"),
    row!(USAGE_LEVEL, false, anything, "level of usage data: Basic, Enhanced or Full"),
    row!(USAGE_UPLOAD_INTERVAL, false, interval, "how often SMS_DMP_UPLOADER uploads usage data"),
    row!(USAGE_URL, false, address, "where usage data is sent"),
];

/// The row of a key, in any case.
pub fn find(key: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.key.eq_ignore_ascii_case(key))
}

/// Whether keys begin with `word` and a full stop, in any case: TOML takes such a key for a
/// table.
pub(crate) fn is_prefix(word: &str) -> bool {
    TABLE.iter().any(|row| {
        row.key.split_once('.').is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case(word))
    })
}

/// The keys that somebody who typed `key` may have meant, three at most, the nearest first.
pub fn nearest(key: &str) -> Vec<&'static str> {
    nearest_of(key, TABLE.iter().map(|row| row.key))
}

/// The names that somebody who typed `word` may have meant, three at most, the nearest first.
pub(crate) fn nearest_of<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    /// Jaro-Winkler, 0 to 1: below this two words have little to do with each other.
    const NEAR: f64 = 0.8;
    /// Nobody types a name this long, and to compare it costs time.
    const WORD_BYTES_MAX: usize = 100;
    if word.len() > WORD_BYTES_MAX {
        return Vec::new();
    }
    let word = word.to_lowercase();
    let mut near: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&word, &name.to_lowercase()), name))
        .filter(|(nearness, _)| *nearness >= NEAR)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The value of a text, if it is one and satisfies `rule`.
fn value<T: SettingValue>(
    _: &Setting<T>,
    rule: fn(&T) -> Result<(), String>,
    text: &str,
) -> Result<T, String> {
    let value = T::from_text(text)?;
    rule(&value).map(|()| value)
}

fn anything<T>(_: &T) -> Result<(), String> {
    Ok(())
}

/// A component that never rests would fill the logs; the bound is the simulator's own.
fn interval(period: &Duration) -> Result<(), String> {
    if *period < Duration::from_secs(1) {
        return Err("an interval is one second at least".into());
    }
    Ok(())
}

/// A longer one would reach into the next day's backup; both bounds are the simulator's own.
fn lease(length: &Duration) -> Result<(), String> {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    if !(Duration::from_secs(1)..=LONGEST).contains(length) {
        return Err("a lease is one second at least and 24h at most".into());
    }
    Ok(())
}

fn some_bytes(number: &u64) -> Result<(), String> {
    if *number == 0 {
        return Err("a limit is one byte at least".into());
    }
    Ok(())
}

#[allow(clippy::ptr_arg, reason = "the rule of a setting takes its value's type")]
fn endpoints(endpoints: &Vec<Endpoint>) -> Result<(), String> {
    endpoints.iter().try_for_each(|endpoint| address(&endpoint.url))
}

/// An https address: a host must follow the scheme, and no blank or control character may
/// stand in it.
#[allow(clippy::ptr_arg, reason = "the rule of a setting takes its value's type")]
fn address(url: &String) -> Result<(), String> {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    let has_host = host.is_some_and(|host| !host.is_empty() && !host.starts_with(':'));
    if !has_host || url.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(format!("{url:?} is no https address"));
    }
    Ok(())
}

#[allow(clippy::ptr_arg, reason = "the rule of a setting takes its value's type")]
fn site_code(code: &String) -> Result<(), String> {
    definition::check_site_code(code)
}

#[allow(clippy::ptr_arg, reason = "the rule of a setting takes its value's type")]
fn server_name(name: &String) -> Result<(), String> {
    definition::check_server_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, from contract::settings::keys: a key that is added there is added here.
    const KEYS: [&str; 20] = [
        "mode",
        "usage_level",
        "update_check_interval",
        "usage_upload_interval",
        "endpoint_check_interval",
        "endpoints",
        "manifest_url",
        "usage_url",
        "manifest_bytes_max",
        "package_bytes_max",
        "backup.enabled",
        "backup.at",
        "backup.lease",
        "site.code",
        "site.type",
        "site.version",
        "site.server",
        "site.installed",
        "site.distribution_points",
        "site.roles",
    ];

    #[test]
    fn every_key_of_the_contract_is_in_the_table_once() {
        assert!(TABLE.is_sorted_by(|a, b| a.key < b.key));
        for key in KEYS {
            let row = find(key).unwrap_or_else(|| panic!("{key} is not in the table"));
            assert_eq!(row.fixed, key.starts_with("site."), "{key}");
        }
        assert_eq!(TABLE.len(), KEYS.len());
    }

    #[test]
    fn every_default_passes_its_own_check_and_is_normal() {
        for row in TABLE {
            let default = (row.default_text)();
            assert_eq!((row.check)(&default), Ok(()), "{}", row.key);
            assert_eq!((row.normal)(&default), Ok(default), "{}", row.key);
        }
    }

    #[test]
    fn no_backup_is_scheduled_unless_somebody_says_so() {
        for (key, default) in
            [("backup.enabled", "false"), ("backup.at", "02:00"), ("backup.lease", "1h")]
        {
            assert_eq!((find(key).unwrap().default_text)(), default, "{key}");
        }
    }

    #[test]
    fn a_bad_value_is_refused() {
        for (key, value) in [
            ("mode", "sometimes"),
            ("usage_level", "off"),
            ("update_check_interval", "24"),
            ("update_check_interval", "0s"),
            ("endpoints", "https://a.example http://b.example"),
            ("endpoints", "https:///path"),
            ("manifest_url", "ftp://a.example"),
            ("manifest_url", "https://a.example/ b"),
            ("usage_url", "https://:443/"),
            ("manifest_bytes_max", "0"),
            ("package_bytes_max", "8 GB"),
            ("backup.enabled", "yes"),
            ("backup.at", "24:00"),
            ("backup.lease", "0s"),
            ("backup.lease", "1d1s"),
            ("site.code", "ps1"),
            ("site.version", "5.0"),
        ] {
            let row = find(key).unwrap();
            assert!((row.check)(value).is_err(), "{key} = {value}");
            assert!((row.normal)(value).is_err(), "{key} = {value}");
        }
    }

    #[test]
    fn a_value_has_one_stored_form() {
        for (key, typed, stored) in [
            ("mode", "OffLine", "offline"),
            ("usage_level", "full", "Full"),
            ("update_check_interval", "60m", "1h"),
            (
                "endpoints",
                " https://a.example!   https://b.example",
                "https://a.example! https://b.example",
            ),
            ("manifest_bytes_max", "007", "7"),
            ("backup.enabled", "TRUE", "true"),
            ("backup.at", "2:00", "02:00"),
            ("backup.lease", "60m", "1h"),
            ("backup.lease", "1d", "24h"),
        ] {
            assert_eq!((find(key).unwrap().normal)(typed).as_deref(), Ok(stored), "{key}");
        }
    }

    #[test]
    fn the_nearest_keys_come_first() {
        assert_eq!(nearest("mdoe").first(), Some(&"mode"));
        assert_eq!(nearest("UPDATE-CHECK-INTERVAL").first(), Some(&"update_check_interval"));
        assert_eq!(nearest("usage_levl").first(), Some(&"usage_level"));
        assert!(nearest("usage").len() <= 3);
        assert!(nearest("zzz").is_empty() && nearest("").is_empty());
        assert!(nearest(&"mode".repeat(1_000_000)).is_empty());
    }

    #[test]
    fn a_key_is_found_in_any_case() {
        assert_eq!(find("MODE").map(|row| row.key), Some("mode"));
        assert!(find("modes").is_none());
    }
}
