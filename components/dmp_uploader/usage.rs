//! What is uploaded, by level: an allow-list, so that what nobody thought of stays here.
//!
//! Nothing that an administrator typed leaves the site as it is (domain.md 7.1): names become
//! counts, and roles and the type of site pass only if they are ones that the product knows.
//! Site code, server names and addresses are not even read. A level holds every field of the
//! levels below it.

use std::time::Duration;

use contract::WallTime;
use contract::cloud::SiteVersion;
use contract::settings::{Mode, Settings, UsageLevel, keys};
use serde_json::{Map, Value, json};

/// What is known of the site for the length of a life.
#[derive(Debug, Default)]
pub(crate) struct Site {
    site_type: &'static str,
    version: SiteVersion,
    installed: WallTime,
    distribution_points: usize,
    roles: Vec<&'static str>,
    roles_unknown: usize,
}

/// What may change from one upload to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) mode: Mode,
    pub(crate) level: UsageLevel,
    pub(crate) upload_interval: Duration,
    pub(crate) check_interval: Duration,
}

/// All that a field may be made of.
struct Facts<'a> {
    site: &'a Site,
    terms: Terms,
    now: WallTime,
}

struct Field {
    level: UsageLevel,
    name: &'static str,
    value: fn(&Facts<'_>) -> Value,
}

const fn field(level: UsageLevel, name: &'static str, value: fn(&Facts<'_>) -> Value) -> Field {
    Field { level, name, value }
}

/// The allow-list.
const FIELDS: &[Field] = &[
    field(UsageLevel::Basic, "format", |_| json!(1)),
    field(UsageLevel::Basic, "level", |it| json!(it.terms.level as u8)),
    field(UsageLevel::Basic, "mode", |it| json!(it.terms.mode.to_string())),
    field(UsageLevel::Basic, "site_type", |it| json!(it.site.site_type)),
    field(UsageLevel::Basic, "site_version", |it| json!(it.site.version)),
    field(UsageLevel::Basic, "distribution_points", |it| json!(it.site.distribution_points)),
    field(UsageLevel::Basic, "roles", |it| json!(it.site.roles)),
    field(UsageLevel::Basic, "roles_unknown", |it| json!(it.site.roles_unknown)),
    field(UsageLevel::Enhanced, "update_check_interval_s", |it| {
        json!(it.terms.check_interval.as_secs())
    }),
    field(UsageLevel::Enhanced, "usage_upload_interval_s", |it| {
        json!(it.terms.upload_interval.as_secs())
    }),
    field(UsageLevel::Full, "site_age_s", |it| json!(it.now.since(it.site.installed).as_secs())),
];

/// The roles of domain.md 9, as a document may name them.
const ROLES: &[&str] = &[
    "Asset Intelligence synchronization point",
    "Certificate registration point",
    "Cloud management gateway connection point",
    "Component site system",
    "Data warehouse service point",
    "Distribution point",
    "Endpoint Protection point",
    "Enrollment point",
    "Enrollment proxy point",
    "Exchange Server connector",
    "Fallback status point",
    "Management point",
    "Reporting services point",
    "Service connection point",
    "Site database server",
    "Site server",
    "Site system",
    "SMS Provider",
    "Software update point",
    "State migration point",
];

const SITE_TYPES: &[&str] = &["primary", "central administration site", "secondary"];

impl Site {
    pub(crate) fn read(settings: &Settings) -> Self {
        let roles = settings.get(&keys::ROLES);
        let known: Vec<&str> = roles.iter().filter_map(|role| listed(ROLES, role)).collect();
        Site {
            site_type: listed(SITE_TYPES, &settings.get(&keys::SITE_TYPE)).unwrap_or("other"),
            version: settings.get(&keys::SITE_VERSION),
            installed: settings.get(&keys::SITE_INSTALLED),
            distribution_points: settings.get(&keys::DISTRIBUTION_POINTS).len(),
            roles_unknown: roles.len() - known.len(),
            roles: known,
        }
    }

    pub(crate) fn installed(&self) -> WallTime {
        self.installed
    }
}

impl Terms {
    pub(crate) fn read(settings: &Settings) -> Self {
        Terms {
            mode: settings.get(&keys::MODE),
            level: settings.get(&keys::USAGE_LEVEL),
            upload_interval: settings.get(&keys::USAGE_UPLOAD_INTERVAL),
            check_interval: settings.get(&keys::UPDATE_CHECK_INTERVAL),
        }
    }
}

/// The document of an upload at `now`.
pub(crate) fn document(site: &Site, terms: Terms, now: WallTime) -> String {
    let facts = Facts { site, terms, now };
    let allowed = FIELDS.iter().filter(|field| field.level <= terms.level);
    let fields: Map<String, Value> =
        allowed.map(|field| (field.name.to_owned(), (field.value)(&facts))).collect();
    Value::Object(fields).to_string()
}

/// The entry of `list` that `text` is, but for case and for `-` and `_` as blanks. What leaves
/// the site is the entry, never the text.
fn listed(list: &[&'static str], text: &str) -> Option<&'static str> {
    let text = text.replace(['-', '_'], " ");
    list.iter().copied().find(|entry| entry.eq_ignore_ascii_case(text.trim()))
}
