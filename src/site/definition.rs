//! What a site is: its identity, its servers, and the settings it is installed with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use contract::cloud::SiteVersion;
use contract::lifecycle::{Group, Startup};
use contract::settings::{Settings, keys};
use contract::time::WallTime;
use status::Thresholds;

/// 2026-01-01T00:00:00Z. Fixed, so that a definition is the same on every day.
const INSTALLED: WallTime = WallTime::from_unix_seconds(1_767_225_600);

/// The bias of a time zone, in minutes: UTC+14 is the earliest, UTC-12 the latest.
pub(crate) const BIAS_MINUTES: std::ops::RangeInclusive<i32> = -840..=720;

/// Names that Windows keeps to itself, and the product's own (the simulator's choice of the
/// documented list).
const RESERVED_CODES: [&str; 5] = ["AUX", "CON", "NUL", "PRN", "SMS"];

/// What kind of site it is. A hierarchy's other kinds come later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SiteType {
    /// A stand-alone primary site.
    #[default]
    Primary,
}

impl fmt::Display for SiteType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SiteType::Primary => "primary",
        })
    }
}

/// A site as it is installed.
///
/// ```
/// use contract::settings::keys;
/// use smsexec_site::SiteDefinition;
///
/// let definition = SiteDefinition::primary("PS1");
/// assert_eq!(definition.settings().get(&keys::SITE_CODE), "PS1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteDefinition {
    /// Three characters; see [`check_site_code`].
    pub code: String,
    /// What people call it.
    pub name: String,
    /// What kind of site it is.
    pub site_type: SiteType,
    /// The site server's name.
    pub server: String,
    /// Decides which updates apply.
    pub version: SiteVersion,
    /// When it was installed, in whole seconds.
    pub installed: WallTime,
    /// Minutes to add to the site's local time to get UTC, -840 to 720 (domain.md 4.1).
    pub bias_minutes: i32,
    /// Names of servers, no two the same.
    pub distribution_points: Vec<String>,
    /// Names of the roles that are installed.
    pub roles: Vec<String>,
    /// When a component's status is Warning or Critical, where that is not the default.
    pub thresholds: Thresholds,
    /// What an operator's settings are from the beginning, checked; see
    /// [`crate::settings::TABLE`].
    pub initial: Settings,
    /// Components whose startup type is not the one that they declare, by name.
    pub startup: BTreeMap<String, Startup>,
    /// Components that are restarted together (lifecycle.md 3.3). The site file has no place for
    /// a backoff: a group that is read from it has the default's.
    pub groups: Vec<Group>,
}

impl Default for SiteDefinition {
    fn default() -> Self {
        SiteDefinition::primary("PS1")
    }
}

impl SiteDefinition {
    /// A primary site with everything on one server, CM01, the distribution point too
    /// (R-112). The code is taken as it is; [`SiteDefinition::check`] checks it.
    pub fn primary(code: impl Into<String>) -> Self {
        let code = code.into();
        let server = keys::SITE_SERVER.default_value();
        SiteDefinition {
            name: format!("Primary site {code}"),
            code,
            site_type: SiteType::Primary,
            version: SiteVersion::default(),
            installed: INSTALLED,
            bias_minutes: 0,
            distribution_points: vec![server.clone()],
            server,
            roles: default_roles(),
            thresholds: Thresholds::default(),
            initial: Settings::default(),
            startup: BTreeMap::new(),
            groups: Vec::new(),
        }
    }

    /// Everything that components are given of the site: what is installed under `site.*`,
    /// and the initial settings.
    pub fn settings(&self) -> Settings {
        let mut settings = self.initial.clone();
        settings.set(&keys::SITE_CODE, &self.code);
        settings.set(&keys::SITE_TYPE, &self.site_type.to_string());
        settings.set(&keys::SITE_VERSION, &self.version);
        settings.set(&keys::SITE_SERVER, &self.server);
        settings.set(&keys::SITE_INSTALLED, &self.installed);
        settings.set(&keys::DISTRIBUTION_POINTS, &self.distribution_points);
        settings.set(&keys::ROLES, &self.roles);
        settings
    }

    /// Whether this is a site that can be installed: for one that a program put together. A
    /// file is checked when it is read.
    ///
    /// # Errors
    /// Every problem, each with the field it is about.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        let mut note = |field: &str, outcome: Result<(), String>| {
            problems.extend(outcome.err().map(|problem| format!("{field}: {problem}")));
        };
        note("code", check_site_code(&self.code));
        note("name", check_label(&self.name));
        note("server", check_server_name(&self.server));
        note("bias_minutes", check_bias(self.bias_minutes.into()).map(drop));
        let mut seen = BTreeSet::new();
        for name in &self.distribution_points {
            note("distribution_points", check_server_name(name));
            note("distribution_points", check_new(&mut seen, name));
        }
        let mut seen = BTreeSet::new();
        for role in &self.roles {
            note("roles", check_label(role));
            note("roles", check_new(&mut seen, role));
        }
        for (key, text) in self.initial.iter() {
            note(key, check_initial(key, text).map(drop));
        }
        problems.extend(crate::group::problems(&self.groups));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// The roles of a stand-alone primary site on one server (domain.md part 9).
fn default_roles() -> Vec<String> {
    [
        "Component site system",
        "Distribution point",
        "Management point",
        "Service connection point",
        "Site database server",
        "Site server",
        "Site system",
        "SMS Provider",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Whether `code` can be a site's: three characters A to Z and 0 to 9, and no reserved name.
///
/// # Errors
/// What a site code must look like.
pub fn check_site_code(code: &str) -> Result<(), String> {
    let fit = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if code.len() != 3 || !code.bytes().all(fit) {
        return Err(format!("{code:?} is no site code: three characters A-Z and 0-9 are needed"));
    }
    if RESERVED_CODES.contains(&code) {
        return Err(format!("{code:?} is a reserved name and cannot be a site code"));
    }
    Ok(())
}

/// Whether `name` can be a server's: letters, digits, hyphens, underscores and full stops,
/// 253 of them at most, beginning with a letter or a digit. So it holds nothing that ends a
/// word in a list, a path or a log.
///
/// # Errors
/// What a server name must look like.
pub fn check_server_name(name: &str) -> Result<(), String> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !begins || name.len() > 253 || !name.bytes().all(fit) {
        return Err(format!(
            "{name:?} is no server name: letters, digits, '-', '_' and '.' are needed"
        ));
    }
    Ok(())
}

/// Whether `text` can be shown in a line and stand in a list that is parted by commas: the
/// names of sites and roles.
pub(crate) fn check_label(text: &str) -> Result<(), String> {
    let fit = |char: char| !char.is_control() && char != ',';
    if text.trim().is_empty() || text.trim() != text || !text.chars().all(fit) || text.len() > 127 {
        return Err(format!("{text:?} is no name: one line of text without commas is needed"));
    }
    Ok(())
}

/// Whether `name` can be a component's.
pub(crate) fn check_component_name(name: &str) -> Result<(), String> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b' ');
    if name.trim().is_empty() || name.len() > 100 || !name.bytes().all(fit) {
        return Err(format!("{name:?} is no component name"));
    }
    Ok(())
}

/// The bias as it is kept.
pub(crate) fn check_bias(minutes: i64) -> Result<i32, String> {
    i32::try_from(minutes).ok().filter(|minutes| BIAS_MINUTES.contains(minutes)).ok_or_else(|| {
        let (first, last) = (BIAS_MINUTES.start(), BIAS_MINUTES.end());
        format!("{minutes} is no bias: minutes from {first} to {last} are added to local time to get UTC")
    })
}

/// Whether `name` has not been seen, in any case; notes it.
pub(crate) fn check_new(seen: &mut BTreeSet<String>, name: &str) -> Result<(), String> {
    if seen.insert(name.to_lowercase()) { Ok(()) } else { Err(format!("{name:?} stands twice")) }
}

/// The stored form of an operator's setting.
pub(crate) fn check_initial(key: &str, text: &str) -> Result<String, String> {
    let Some(row) = crate::settings::find(key) else {
        return Err(unknown("setting", key, crate::settings::nearest(key)));
    };
    if row.fixed {
        return Err(format!("{key} is set by the site's installation, in [site]"));
    }
    (row.normal)(text)
}

/// What to say of a name that nobody knows, with what may have been meant.
pub(crate) fn unknown(what: &str, name: &str, nearest: Vec<&str>) -> String {
    match nearest.as_slice() {
        [] => format!("there is no {what} {name:?}"),
        [one] => format!("there is no {what} {name:?}; did you mean {one}?"),
        [most @ .., last] => {
            format!("there is no {what} {name:?}; did you mean {} or {last}?", most.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::settings::Mode;

    use super::*;

    #[test]
    fn the_default_is_a_site() {
        assert_eq!(SiteDefinition::default().check(), Ok(()));
        let settings = SiteDefinition::primary("ABC").settings();
        assert_eq!(settings.get(&keys::SITE_CODE), "ABC");
        assert_eq!(settings.get(&keys::SITE_TYPE), "primary");
        assert_eq!(settings.get(&keys::SITE_SERVER), "CM01");
        assert_eq!(settings.get(&keys::DISTRIBUTION_POINTS), ["CM01"]);
        assert_eq!(settings.get(&keys::SITE_INSTALLED), INSTALLED);
        assert_eq!(settings.get(&keys::ROLES).len(), 8);
        assert_eq!(settings.get(&keys::MODE), Mode::Online, "the contract's default");
    }

    #[test]
    fn every_fixed_setting_is_given() {
        let settings = SiteDefinition::default().settings();
        for row in crate::settings::TABLE.iter().filter(|row| row.fixed) {
            let text = settings.text(row.key).unwrap_or_else(|| panic!("{} is missing", row.key));
            assert_eq!((row.check)(text), Ok(()), "{}", row.key);
        }
    }

    #[test]
    fn a_bad_definition_has_every_problem_named() {
        let mut site = SiteDefinition::primary("con");
        site.name = "two\nlines".into();
        site.server = "CM 01".into();
        site.bias_minutes = 1_000;
        site.distribution_points = vec!["DP1".into(), "dp1".into(), "".into()];
        site.roles = vec!["a,b".into()];
        site.initial.set_text("site.code", "PS1".into());
        site.initial.set_text("modus", "x".into());
        let problems = site.check().unwrap_err();
        assert_eq!(problems.len(), 9, "{problems:#?}");
    }

    #[test]
    fn a_site_code_is_three_characters_and_not_reserved() {
        for code in ["PS1", "001", "ABC"] {
            assert_eq!(check_site_code(code), Ok(()), "{code}");
        }
        for code in ["", "PS", "PS12", "ps1", "P-1", "PÄ", "Ä1", "CON", "AUX", "NUL", "PRN", "SMS"]
        {
            assert!(check_site_code(code).is_err(), "{code}");
        }
    }
}
