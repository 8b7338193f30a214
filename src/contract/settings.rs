//! Settings: what is stored for the site, and the snapshot of it that a component was started with.
//!
//! A component sees settings at its start, and again only if it declared that it can take a
//! change while running ([`Descriptor::reloads`](crate::Descriptor)). So stored may run ahead of
//! effective, which is the situation the source documents are about (R-020).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cloud::SiteVersion;
use crate::time::{WallTime, duration_text, parse_duration};

/// A setting's key, its type and its default.
///
/// ```
/// use smsexec_contract::settings::{Setting, Settings};
///
/// const RETRIES: Setting<u64> = Setting::new("my_component.retries", || 3);
///
/// let mut settings = Settings::default();
/// assert_eq!(settings.get(&RETRIES), 3);
/// settings.set(&RETRIES, &5);
/// assert_eq!(settings.get(&RETRIES), 5);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Setting<T> {
    /// What it is stored and typed under.
    pub key: &'static str,
    default: fn() -> T,
}

impl<T: SettingValue> Setting<T> {
    /// A setting under `key` that is `default()` where nothing is stored.
    pub const fn new(key: &'static str, default: fn() -> T) -> Self {
        Setting { key, default }
    }

    /// The value where nothing is stored.
    pub fn default_value(&self) -> T {
        (self.default)()
    }

    /// Whether `text` is a value of this setting; if not, what is wrong with it.
    ///
    /// # Errors
    /// What a value must look like.
    pub fn check(&self, text: &str) -> Result<(), String> {
        T::from_text(text).map(drop)
    }
}

/// A type that can stand as a setting: it has one text form, and reads it back.
pub trait SettingValue: Sized {
    /// The text form, which [`SettingValue::from_text`] reads back.
    fn to_text(&self) -> String;

    /// The value of a text.
    ///
    /// # Errors
    /// What a value must look like, for a person.
    fn from_text(text: &str) -> Result<Self, String>;
}

/// A set of stored values: keys in order, each with its text form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The value of `setting`: the stored one, else its default.
    ///
    /// # Panics
    /// If what is stored is no value of that type. Every door checks before it stores, so
    /// that is a bug and not bad input.
    pub fn get<T: SettingValue>(&self, setting: &Setting<T>) -> T {
        match self.0.get(setting.key) {
            None => setting.default_value(),
            Some(text) => T::from_text(text).unwrap_or_else(|problem| {
                panic!("setting {} holds {text:?}, unchecked: {problem}", setting.key)
            }),
        }
    }

    /// Stores `value`; answers whether that changed anything.
    pub fn set<T: SettingValue>(&mut self, setting: &Setting<T>, value: &T) -> bool {
        self.set_text(setting.key, value.to_text())
    }

    /// The stored text under `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Stores a text that has been checked; answers whether that changed anything.
    pub fn set_text(&mut self, key: &str, text: String) -> bool {
        match self.0.get_mut(key) {
            Some(old) if *old == text => false,
            Some(old) => {
                *old = text;
                true
            }
            None => {
                self.0.insert(key.to_owned(), text);
                true
            }
        }
    }

    /// Every stored key with its text, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

/// The settings of a site that more than one room reads. The names are the simulator's own;
/// the defaults are ConfigMgr's where a source confirms them.
pub mod keys {
    use super::{Duration, Endpoint, Mode, Setting, SiteVersion, TimeOfDay, UsageLevel, WallTime};

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// Mode of the service connection point. Default Online (domain.md 7.6).
    pub const MODE: Setting<Mode> = Setting::new("mode", || Mode::Online);
    /// Level of usage data. Default Enhanced (domain.md 7.1).
    pub const USAGE_LEVEL: Setting<UsageLevel> =
        Setting::new("usage_level", || UsageLevel::Enhanced);
    /// How often SMS_DMP_DOWNLOADER checks for updates. Default 24 hours (R-016).
    pub const UPDATE_CHECK_INTERVAL: Setting<Duration> =
        Setting::new("update_check_interval", || DAY);
    /// How often SMS_DMP_UPLOADER uploads usage data. Default 7 days (domain.md 7.4).
    pub const USAGE_UPLOAD_INTERVAL: Setting<Duration> =
        Setting::new("usage_upload_interval", || 7 * DAY);
    /// How often SMS_SERVICE_CONNECTOR checks its endpoints. No source gives the period; 24
    /// hours is the simulator's own.
    pub const ENDPOINT_CHECK_INTERVAL: Setting<Duration> =
        Setting::new("endpoint_check_interval", || DAY);
    /// What SMS_SERVICE_CONNECTOR checks (R-048, domain.md 8.3). Which of them are critical
    /// no source says; the marks are the simulator's own.
    pub const ENDPOINTS: Setting<Vec<Endpoint>> = Setting::new("endpoints", || {
        vec![
            Endpoint { url: "https://aka.ms/configmgrgateway".into(), critical: true },
            Endpoint { url: "https://gateway.manage.microsoft.com/".into(), critical: true },
            Endpoint { url: "https://dc.services.visualstudio.com/".into(), critical: false },
        ]
    });
    /// Where the update manifest is fetched (domain.md 5.1).
    pub const MANIFEST_URL: Setting<String> =
        Setting::new("manifest_url", || "https://go.microsoft.com/fwlink/?LinkId=2309745".into());
    /// Where usage data goes. The path is the simulator's own.
    pub const USAGE_URL: Setting<String> =
        Setting::new("usage_url", || "https://gateway.manage.microsoft.com/usage".into());
    /// A manifest of more bytes is refused. The real one is about 11 MB (log-samples BLOCK 21).
    pub const MANIFEST_BYTES_MAX: Setting<u64> = Setting::new("manifest_bytes_max", || 64 << 20);
    /// A package of more bytes is refused. The limit is the simulator's own.
    pub const PACKAGE_BYTES_MAX: Setting<u64> = Setting::new("package_bytes_max", || 8 << 30);

    /// Whether the site is backed up on a schedule. Default false: on a primary site the
    /// maintenance task is not enabled (domain.md 10, item 1).
    pub const BACKUP_ENABLED: Setting<bool> = Setting::new("backup.enabled", || false);
    /// When a scheduled backup begins, on the site's local clock (domain.md 10, item 1). The
    /// default of 02:00 is the simulator's own.
    pub const BACKUP_AT: Setting<TimeOfDay> =
        Setting::new("backup.at", || TimeOfDay::new(2, 0).expect("02:00 is on every clock"));
    /// How long a backup keeps SMS_EXECUTIVE down at most: the executive comes back when that
    /// has run out, whatever the copy does. The default of one hour is the simulator's own.
    pub const BACKUP_LEASE: Setting<Duration> = Setting::new("backup.lease", || HOUR);

    /// The site's three-character code.
    pub const SITE_CODE: Setting<String> = Setting::new("site.code", || "PS1".into());
    /// What kind of site: "primary", "central administration site" or "secondary".
    pub const SITE_TYPE: Setting<String> = Setting::new("site.type", || "primary".into());
    /// The site's version; decides which updates apply.
    pub const SITE_VERSION: Setting<SiteVersion> =
        Setting::new("site.version", SiteVersion::default);
    /// The site server's name.
    pub const SITE_SERVER: Setting<String> = Setting::new("site.server", || "CM01".into());
    /// When the site was installed: usage data is first complete seven days later
    /// (domain.md 7.3).
    pub const SITE_INSTALLED: Setting<WallTime> = Setting::new("site.installed", WallTime::default);
    /// The names of the site's distribution points.
    pub const DISTRIBUTION_POINTS: Setting<Vec<String>> =
        Setting::new("site.distribution_points", Vec::new);
    /// The names of the roles installed in the site.
    pub const ROLES: Setting<Vec<String>> = Setting::new("site.roles", Vec::new);
}

/// Mode of operation of the service connection point (R-015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Checks for updates every 24 hours and downloads them (R-016, R-017).
    Online,
    /// Makes no connection to the cloud (R-018).
    Offline,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Online => "online",
            Mode::Offline => "offline",
        })
    }
}

impl SettingValue for Mode {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "online" => Ok(Mode::Online),
            "offline" => Ok(Mode::Offline),
            _ => Err("the mode is online or offline".into()),
        }
    }
}

/// How much usage data is uploaded (domain.md 7.1). There is no "off".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UsageLevel {
    /// Level 1.
    Basic = 1,
    /// Level 2, the default.
    Enhanced = 2,
    /// Level 3.
    Full = 3,
}

impl fmt::Display for UsageLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            UsageLevel::Basic => "Basic",
            UsageLevel::Enhanced => "Enhanced",
            UsageLevel::Full => "Full",
        })
    }
}

impl SettingValue for UsageLevel {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "basic" => Ok(UsageLevel::Basic),
            "enhanced" => Ok(UsageLevel::Enhanced),
            "full" => Ok(UsageLevel::Full),
            _ => Err("the level is Basic, Enhanced or Full".into()),
        }
    }
}

/// A time of day on a site's local clock, to the minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    /// Since midnight, 0 to 1439.
    minutes: u16,
}

impl TimeOfDay {
    /// That hour, 0 to 23, and minute, 0 to 59; none for others.
    pub const fn new(hour: u8, minute: u8) -> Option<Self> {
        if hour < 24 && minute < 60 {
            Some(TimeOfDay { minutes: hour as u16 * 60 + minute as u16 })
        } else {
            None
        }
    }

    /// Minutes since midnight, 0 to 1439.
    pub const fn minutes(self) -> u16 {
        self.minutes
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:02}:{:02}", self.minutes / 60, self.minutes % 60))
    }
}

impl SettingValue for TimeOfDay {
    /// Hours and minutes, two digits each.
    fn to_text(&self) -> String {
        self.to_string()
    }

    /// The hour may have one digit.
    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || "a time of day looks like 02:00, from 00:00 to 23:59".to_owned();
        let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
        let number = |digits: &str, lengths: std::ops::RangeInclusive<usize>| {
            let fit = lengths.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u8>().ok().filter(|_| fit)
        };
        let (hour, minute) = (number(hour, 1..=2), number(minute, 2..=2));
        hour.zip(minute).and_then(|(hour, minute)| Self::new(hour, minute)).ok_or_else(wrong)
    }
}

/// A place on the internet that the service connection point must reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// An https address.
    pub url: String,
    /// Whether a failure is an error (11412) or a warning (11411).
    pub critical: bool,
}

impl SettingValue for Vec<Endpoint> {
    /// Addresses parted by blanks; a critical one ends in `!`.
    fn to_text(&self) -> String {
        let words: Vec<String> = self
            .iter()
            .map(|e| format!("{}{}", e.url, if e.critical { "!" } else { "" }))
            .collect();
        words.join(" ")
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.split_whitespace()
            .map(|word| {
                let url = word.strip_suffix('!').unwrap_or(word);
                if !url.starts_with("https://") || url.len() == "https://".len() {
                    return Err(format!("{url:?} is no https address"));
                }
                Ok(Endpoint { url: url.to_owned(), critical: url.len() < word.len() })
            })
            .collect()
    }
}

impl SettingValue for Vec<String> {
    /// Words parted by commas.
    fn to_text(&self) -> String {
        self.join(",")
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect())
    }
}

impl SettingValue for String {
    fn to_text(&self) -> String {
        self.clone()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl SettingValue for bool {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("true or false is needed".into()),
        }
    }
}

impl SettingValue for u64 {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "a whole number is needed".to_owned())
    }
}

impl SettingValue for SiteVersion {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        SiteVersion::from_str(text)
    }
}

impl SettingValue for WallTime {
    /// Whole seconds since 1970, as ConfigMgr's registry has it.
    fn to_text(&self) -> String {
        self.unix_seconds().to_string()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let seconds = text.parse().map_err(|_| "seconds since 1970 are needed".to_owned())?;
        Ok(WallTime::from_unix_seconds(seconds))
    }
}

impl SettingValue for Duration {
    fn to_text(&self) -> String {
        duration_text(*self)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_read_as_they_are_written() {
        let default = keys::ENDPOINTS.default_value();
        assert_eq!(Vec::<Endpoint>::from_text(&default.to_text()), Ok(default));
        assert!(Vec::<Endpoint>::from_text("http://plain.example").is_err());
        assert!(Vec::<Endpoint>::from_text("https://!").is_err());
    }

    #[test]
    fn a_time_of_day_reads_as_it_is_written() {
        for (text, minutes) in [("00:00", 0), ("02:00", 120), ("09:05", 545), ("23:59", 1439)] {
            let time = TimeOfDay::from_text(text).unwrap();
            assert_eq!((time.minutes(), time.to_text().as_str()), (minutes, text));
        }
        assert_eq!(TimeOfDay::from_text(" 2:30 ").map(|time| time.to_text()), Ok("02:30".into()));
        for wrong in [
            "", ":", "2", "02", "2:", ":30", "2:3", "24:00", "12:60", "002:00", "02:000", "+2:00",
            "02:00:00", "-1:00", "2 :00", "noon", "99999:00", "0２:00",
        ] {
            assert!(TimeOfDay::from_text(wrong).is_err(), "{wrong:?}");
        }
    }
}
