//! Reads the site file, and names every problem in it with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use contract::lifecycle::{Budget, Group, Startup};
use contract::time::{WallTime, parse_duration};
use status::Triple;
use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use crate::definition::{
    SiteDefinition, SiteType, check_bias, check_component_name, check_initial, check_label,
    check_new, check_server_name, check_site_code, unknown,
};
use crate::group::{self, Taken};
use crate::settings::nearest_of;

/// The sections of a site file.
const SECTIONS: [&str; 5] = ["site", "settings", "thresholds", "components", GROUP];
/// The section that stands once for each group.
const GROUP: &str = "group";
/// What a section `[[group]]` must have.
const GROUP_NEEDS: [&str; 3] = ["name", "strategy", "members"];
/// The keys of a section `[[group]]`.
const GROUP_KEYS: [&str; 5] = ["name", "strategy", "members", "restarts", "within"];
/// The keys of the section `[site]`.
const SITE_KEYS: [&str; 9] = [
    "code",
    "name",
    "type",
    "server",
    "version",
    "installed",
    "bias_minutes",
    "distribution_points",
    "roles",
];

/// Something in a site file that cannot stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong: lower case, no final stop.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl SiteDefinition {
    /// The site that a file in TOML defines. What the file leaves out is as in
    /// [`SiteDefinition::primary`] with the code that it gives, or PS1; without a list of
    /// distribution points the site server is the only one (R-112).
    ///
    /// # Errors
    /// Every problem at once, by line. Where the file is no TOML, one problem for each line
    /// that breaks the form, besides those of the lines that do not.
    pub fn from_toml(text: &str) -> Result<SiteDefinition, Vec<Problem>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader::new(text);
        reader.syntax(&errors);
        let site = reader.document(document.get_ref());
        reader.problems.sort_by_key(|problem| problem.line);
        if reader.problems.is_empty() { Ok(site) } else { Err(reader.problems) }
    }
}

struct Reader<'t> {
    text: &'t str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// Lines that are no TOML: what was made of them is not looked at.
    broken: BTreeSet<usize>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1).filter(|&at| at < text.len());
        let lines = std::iter::once(0).chain(ends).collect();
        Reader { text, lines, broken: BTreeSet::new(), problems: Vec::new() }
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at)
    }

    /// Notes the first error of each line that is no TOML.
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        let mut by_place: Vec<(usize, &str)> = errors
            .iter()
            .map(|error| (error.span().map_or(self.text.len(), |span| span.start), error.message()))
            .collect();
        by_place.sort_by_key(|(place, _)| *place);
        for (place, message) in by_place {
            let line = self.line_of(place);
            if self.broken.insert(line) {
                let text = message.lines().collect::<Vec<_>>().join(", ");
                self.problems.push(Problem { line, text });
            }
        }
    }

    fn problem<T>(&mut self, at: &Spanned<T>, text: String) {
        let line = self.line_of(at.span().start);
        if !self.broken.contains(&line) {
            self.problems.push(Problem { line, text });
        }
    }

    /// What went well; what did not becomes a problem at `at`.
    fn checked<T, V>(&mut self, at: &Spanned<V>, outcome: Result<T, String>) -> Option<T> {
        outcome.map_err(|text| self.problem(at, text)).ok()
    }

    fn document(&mut self, document: &DeTable<'_>) -> SiteDefinition {
        // Where a section's head is broken, its keys seem to belong to no section.
        let whole = self.broken.is_empty();
        for (name, section) in in_order(document) {
            let known = SECTIONS.contains(&name.get_ref().as_ref());
            let (fit, form) = match name.get_ref().as_ref() {
                GROUP => (section.get_ref().is_array(), "[[group]], one for each group".to_owned()),
                name => (section.get_ref().is_table(), format!("[{name}]")),
            };
            if known && !fit {
                self.problem(section, format!("{} is a section, {form}", name.get_ref()));
            } else if !known && whole {
                let nearest = nearest_of(name.get_ref(), SECTIONS.into_iter());
                self.problem(name, unknown("section", name.get_ref(), nearest));
            }
        }
        let section = |name: &str| document.get(name).and_then(|table| table.get_ref().as_table());
        let mut site = section("site").map(|table| self.site(table)).unwrap_or_default();
        if let Some(table) = section("settings") {
            self.settings(table, &mut site);
        }
        if let Some(table) = section("thresholds") {
            self.thresholds(table, &mut site);
        }
        if let Some(table) = section("components") {
            site.startup = self.components(table);
        }
        if let Some(list) = document.get(GROUP).and_then(|list| list.get_ref().as_array()) {
            let mut taken = Taken::default();
            let groups = list.iter().filter_map(|item| self.group(item, &mut taken));
            site.groups = groups.collect();
        }
        site
    }

    fn known_keys(&mut self, table: &DeTable<'_>, what: &str, known: &[&'static str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let nearest = nearest_of(key.get_ref(), known.iter().copied());
            self.problem(key, unknown(what, key.get_ref(), nearest));
        }
    }

    fn site(&mut self, table: &DeTable<'_>) -> SiteDefinition {
        self.known_keys(table, "key of [site]", &SITE_KEYS);
        let code = self.text(table, "code", check_site_code);
        let mut site = code.map_or_else(SiteDefinition::default, SiteDefinition::primary);
        self.put(&mut site.name, table, "name", check_label);
        site.site_type = self.site_type(table);
        self.put(&mut site.server, table, "server", check_server_name);
        if let Some(version) = table.get("version") {
            let words = self.string(version, "version");
            let parsed = words.and_then(|words| self.checked(version, words.parse()));
            site.version = parsed.unwrap_or_default();
        }
        if let Some(installed) = table.get("installed") {
            let time = moment(installed.get_ref());
            site.installed = self.checked(installed, time).unwrap_or(site.installed);
        }
        if let Some(bias) = table.get("bias_minutes") {
            let minutes = integer(bias.get_ref(), "bias_minutes").and_then(check_bias);
            site.bias_minutes = self.checked(bias, minutes).unwrap_or_default();
        }
        let points = self.names(table, "distribution_points", check_server_name);
        site.distribution_points = points.unwrap_or_else(|| vec![site.server.clone()]);
        if let Some(roles) = self.names(table, "roles", check_label) {
            site.roles = roles;
        }
        site
    }

    fn site_type(&mut self, table: &DeTable<'_>) -> SiteType {
        self.text(table, "type", |kind| match kind {
            "primary" => Ok(()),
            "central administration site" | "secondary" => Err(format!(
                "a {kind} needs a hierarchy, and hierarchies come later; the type is primary"
            )),
            _ => Err(format!("{kind:?} is no site type; the type is primary")),
        });
        SiteType::Primary
    }

    /// The text under a key, if it is there and in order.
    fn text(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<String> {
        let value = table.get(key)?;
        let text = self.string(value, key)?;
        self.checked(value, check(text)).map(|()| text.to_owned())
    }

    fn put(
        &mut self,
        place: &mut String,
        table: &DeTable<'_>,
        key: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) {
        if let Some(text) = self.text(table, key, check) {
            *place = text;
        }
    }

    fn string<'v>(&mut self, value: &'v Spanned<DeValue<'_>>, key: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.problem(value, wrong_type(key, "a text in quotation marks", value.get_ref()));
        }
        text
    }

    /// The list of names under a key; no two may be the same.
    fn names(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        mut check: impl FnMut(&str) -> Result<(), String>,
    ) -> Option<Vec<String>> {
        let value = table.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.problem(value, wrong_type(key, "a list of texts", value.get_ref()));
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        for item in items.iter() {
            let Some(name) = self.string(item, key) else { continue };
            let fit = check(name).and_then(|()| check_new(&mut seen, name));
            if self.checked(item, fit).is_some() {
                names.push(name.to_owned());
            }
        }
        Some(names)
    }

    fn settings(&mut self, table: &DeTable<'_>, site: &mut SiteDefinition) {
        let mut seen = BTreeSet::new();
        for (name, key, value) in setting_entries(table) {
            let name = name.as_str();
            let Some(row) = crate::settings::find(name) else {
                let nearest = nearest_of(name, operator_keys());
                self.problem(key, unknown("setting", name, nearest));
                continue;
            };
            let fresh = check_new(&mut seen, name);
            self.checked(key, fresh);
            let text = setting_text(value.get_ref(), name);
            let stored = text.and_then(|text| check_initial(row.key, &text));
            if let Some(stored) = self.checked(value, stored) {
                site.initial.set_text(row.key, stored);
            }
        }
    }

    fn thresholds(&mut self, table: &DeTable<'_>, site: &mut SiteDefinition) {
        let mut seen = BTreeSet::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let fit = check_component_name(name).and_then(|()| check_new(&mut seen, name));
            self.checked(key, fit);
            let Some(levels) = value.get_ref().as_table() else {
                let what = "a table such as { EW = 1, EE = 5 }";
                self.problem(value, wrong_type(name, what, value.get_ref()));
                continue;
            };
            if let Some(triple) = self.triple(key, levels) {
                site.thresholds.set(name, triple);
            }
        }
    }

    fn triple<K>(&mut self, at: &Spanned<K>, levels: &DeTable<'_>) -> Option<Triple> {
        let known = Triple::default().tokens().map(|(token, _)| token);
        let mut tokens = Vec::new();
        for (key, value) in in_order(levels) {
            let token = key.get_ref().as_ref();
            if !known.contains(&token) {
                let nearest = nearest_of(token, known.into_iter());
                self.problem(key, unknown("threshold", token, nearest));
                continue;
            }
            let number = integer(value.get_ref(), token).and_then(|number| {
                u64::try_from(number).map_err(|_| format!("{token} is one message at least"))
            });
            if let Some(number) = self.checked(value, number) {
                tokens.push((token, number));
            }
        }
        self.checked(at, Triple::from_tokens(tokens))
    }

    fn components(&mut self, table: &DeTable<'_>) -> BTreeMap<String, Startup> {
        let mut seen = BTreeSet::new();
        let mut startup = BTreeMap::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let fit = check_component_name(name).and_then(|()| check_new(&mut seen, name));
            self.checked(key, fit);
            let Some(word) = self.string(value, name) else { continue };
            if let Some(kind) = self.checked(value, startup_type(word)) {
                startup.insert(name.to_owned(), kind);
            }
        }
        startup
    }

    fn group(&mut self, item: &Spanned<DeValue<'_>>, taken: &mut Taken) -> Option<Group> {
        let Some(table) = item.get_ref().as_table() else {
            self.problem(item, wrong_type(GROUP, "a section, [[group]]", item.get_ref()));
            return None;
        };
        self.known_keys(table, "key of [[group]]", &GROUP_KEYS);
        for key in GROUP_NEEDS.into_iter().filter(|key| !table.contains_key(*key)) {
            self.problem(item, format!("a group needs the key {key}"));
        }
        taken.next_group();
        let name = self.text(table, "name", |name| taken.name(name)).unwrap_or_default();
        let strategy = table.get("strategy").and_then(|value| {
            let word = self.string(value, "strategy")?;
            self.checked(value, group::strategy(word))
        });
        let members = self.members(table, &name, taken);
        let budget = self.budget(table);
        Some(Group { budget, ..Group::new(name, strategy.unwrap_or_default(), members) })
    }

    fn members(&mut self, table: &DeTable<'_>, group: &str, taken: &mut Taken) -> Vec<String> {
        if let Some(value) = table.get("members") {
            let count = value.get_ref().as_array().map(|items| items.len());
            self.checked(value, count.map_or(Ok(()), group::check_count));
        }
        self.names(table, "members", |member| taken.member(group, member)).unwrap_or_default()
    }

    /// How many restarts of a group within what time; each is the default where it is left out.
    fn budget(&mut self, table: &DeTable<'_>) -> Budget {
        let mut budget = Budget::default();
        if let Some(value) = table.get("restarts") {
            let number = integer(value.get_ref(), "restarts").and_then(|number| {
                u32::try_from(number).map_err(|_| format!("restarts is 0 to {}", u32::MAX))
            });
            budget.crashes = self.checked(value, number).unwrap_or_default();
        }
        if let Some(value) = table.get("within") {
            let period = self.string(value, "within").and_then(|text| {
                self.checked(value, parse_duration(text).and_then(group::check_period))
            });
            budget.period = period.unwrap_or_default();
        }
        budget
    }
}

/// A table's entries as they stand in the file: of two that collide the later one is at fault.
fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// The settings of a table as they stand in the file, by key. `backup.at = "02:00"` is a table in
/// a table to TOML, and so is `[settings.backup]`.
fn setting_entries<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(String, &'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries = Vec::new();
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        match value.get_ref().as_table().filter(|_| crate::settings::is_prefix(name)) {
            Some(inner) => entries.extend(
                inner.iter().map(|(key, value)| (format!("{name}.{}", key.get_ref()), key, value)),
            ),
            None => entries.push((name.to_owned(), key, value)),
        }
    }
    entries.sort_by_key(|(_, key, _)| key.span().start);
    entries
}

/// The keys that may stand in `[settings]`.
fn operator_keys() -> impl Iterator<Item = &'static str> {
    crate::settings::TABLE.iter().filter(|row| !row.fixed).map(|row| row.key)
}

fn wrong_type(key: &str, wanted: &str, value: &DeValue<'_>) -> String {
    format!("{key} is {wanted}, not a TOML {}", value.type_str())
}

fn integer(value: &DeValue<'_>, key: &str) -> Result<i64, String> {
    let number = value.as_integer().ok_or_else(|| wrong_type(key, "a whole number", value))?;
    whole(number).ok_or_else(|| format!("{key} is a whole number of 64 bits at most"))
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A time with its zone, in whole seconds: a fraction is dropped.
fn moment(value: &DeValue<'_>) -> Result<WallTime, String> {
    const FORM: &str = "installed is a time with its zone, such as 2026-01-01T00:00:00Z";
    let time = value.as_datetime().ok_or(FORM)?;
    let time: jiff::Timestamp = time.to_string().parse().map_err(|_| FORM)?;
    Ok(WallTime::from_unix_seconds(WallTime(time.as_microsecond()).unix_seconds()))
}

/// The text of a setting's value: a text as it stands, a whole number in decimal, true or false,
/// a list of texts parted by blanks.
fn setting_text(value: &DeValue<'_>, key: &str) -> Result<String, String> {
    let form = "a text, a whole number, true or false, or a list of texts";
    let wrong = || wrong_type(key, form, value);
    match value {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        DeValue::Integer(_) => integer(value, key).map(|number| number.to_string()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Array(items) => {
            let words = items.iter().map(|item| item.get_ref().as_str());
            let words: Option<Vec<&str>> = words.collect();
            words.map(|words| words.join(" ")).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn startup_type(word: &str) -> Result<Startup, String> {
    [Startup::Automatic, Startup::Manual, Startup::Disabled]
        .into_iter()
        .find(|kind| kind.to_string().eq_ignore_ascii_case(word))
        .ok_or_else(|| format!("{word:?} is none of Automatic, Manual, Disabled"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::lifecycle::Strategy as GroupStrategy;
    use contract::settings::{Mode, keys};
    use proptest::prelude::*;

    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = SiteDefinition::from_toml(text).expect_err("the file has problems");
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_whole_file_is_read() {
        let site = SiteDefinition::from_toml(
            r#"
            [site]
            code = "CHQ"
            name = "Head office"
            type = "primary"
            server = "CM1.corp.example"
            version = "5.00.9128.1000"
            installed = 2026-02-03T04:05:06.789+01:00
            bias_minutes = -60
            distribution_points = ["DP1", "DP2"]
            roles = ["Site server"]

            [settings]
            Mode = "OFFLINE"
            package_bytes_max = 1_000
            endpoints = ["https://a.example!", "https://b.example"]

            [thresholds]
            SMS_DMP_DOWNLOADER = { EW = 2, EE = 0x0A }

            [components]
            SMS_DMP_UPLOADER = "manual"

            [[group]]
            name = "cloud"
            strategy = "One-For-All"
            members = ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"]
            restarts = 3
            within = "1m30s"

            [[group]]
            name = "distribution"
            strategy = "rest-for-one"
            members = ["SMS_DISTRIBUTION_MANAGER"]
            "#,
        )
        .unwrap();
        assert_eq!((site.code.as_str(), site.name.as_str()), ("CHQ", "Head office"));
        assert_eq!((site.server.as_str(), site.bias_minutes), ("CM1.corp.example", -60));
        assert_eq!(site.version.to_string(), "5.00.9128.1000");
        assert_eq!(site.installed, WallTime::from_unix_seconds(1_770_087_906));
        assert_eq!(site.distribution_points, ["DP1", "DP2"]);
        assert_eq!(site.roles, ["Site server"]);
        assert_eq!(site.initial.text("mode"), Some("offline"));
        assert_eq!(site.initial.text("package_bytes_max"), Some("1000"));
        let settings = site.settings();
        assert_eq!(settings.get(&keys::MODE), Mode::Offline);
        let critical: Vec<_> =
            settings.get(&keys::ENDPOINTS).iter().map(|endpoint| endpoint.critical).collect();
        assert_eq!(critical, [true, false]);
        let expected = Triple::from_tokens([("EW", 2), ("EE", 10)]).unwrap();
        assert_eq!(site.thresholds.of("SMS_DMP_DOWNLOADER"), expected);
        assert_eq!(site.startup["SMS_DMP_UPLOADER"], Startup::Manual);
        let members = ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"];
        let mut cloud = Group::new("cloud", GroupStrategy::OneForAll, members);
        cloud.budget = Budget { crashes: 3, period: Duration::from_secs(90) };
        let members = ["SMS_DISTRIBUTION_MANAGER"];
        let distribution = Group::new("distribution", GroupStrategy::RestForOne, members);
        assert_eq!(site.groups, [cloud, distribution]);
        assert_eq!(site.check(), Ok(()));
    }

    #[test]
    fn what_a_file_leaves_out_is_the_default() {
        assert_eq!(SiteDefinition::from_toml(""), Ok(SiteDefinition::default()));
        let site = SiteDefinition::from_toml("[site]\ncode = \"ABC\"\nserver = \"X1\"").unwrap();
        assert_eq!(site.name, "Primary site ABC");
        assert_eq!(site.distribution_points, ["X1"], "R-112");
        let site = SiteDefinition::from_toml("[site]\ndistribution_points = []").unwrap();
        assert!(site.distribution_points.is_empty());
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        let text = r#"[site]
code = "CON"
nmae = "x"
type = "secondary"
server = 7
version = "5.0"
installed = 2026-01-01
bias_minutes = 900
distribution_points = [
  "DP1",
  "DP 2",
  "dp1",
  3,
]
roles = "Site server"

[setings]

[settings]
modee = "online"
"site.code" = "PS1"
update_check_interval = "24"
endpoints = ["https://a.example", "http://b.example"]
usage_level = 1.5
mode = "x"
MODE = "online"

[thresholds]
SMS_A = { EW = 0 }
SMS_B = { XX = 1, EW = "1" }
SMS_C = 1
"," = {}

[components]
SMS_A = "sometimes"
sms_a = "manual"
"#;
        let expected = [
            (2, "reserved name"),
            (3, "did you mean name?"),
            (4, "hierarchies come later"),
            (5, "server is a text in quotation marks, not a TOML integer"),
            (6, "a version looks like"),
            (7, "a time with its zone"),
            (8, "no bias"),
            (11, "no server name"),
            (12, "stands twice"),
            (13, "distribution_points is a text"),
            (15, "roles is a list of texts"),
            (17, "there is no section \"setings\"; did you mean settings"),
            (20, "there is no setting \"modee\"; did you mean mode"),
            (21, "set by the site's installation"),
            (22, "a duration looks like"),
            (23, "\"http://b.example\" is no https address"),
            (24, "usage_level is a text, a whole number, true or false, or a list of texts"),
            (25, "the mode is online or offline"),
            (26, "stands twice"),
            (29, "one message at least"),
            (30, "there is no threshold \"XX\""),
            (30, "EW is a whole number"),
            (31, "SMS_C is a table"),
            (32, "no component name"),
            (35, "none of Automatic"),
            (36, "stands twice"),
        ];
        let found = SiteDefinition::from_toml(text).unwrap_err();
        let shown = found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(found.len(), expected.len(), "\n{shown}");
        for (problem, (line, words)) in found.iter().zip(expected) {
            assert!(
                problem.line == line && problem.text.contains(words),
                "{line} {words}\n{shown}"
            );
        }
        assert!(found.is_sorted_by_key(|problem| problem.line));
    }

    #[test]
    fn a_setting_with_a_full_stop_is_read_however_toml_has_it() {
        for text in [
            "[settings]\nbackup.enabled = true\nbackup.at = \"3:30\"",
            "[settings]\n\"backup.enabled\" = \"true\"\n\"Backup.At\" = \"03:30\"",
            "[settings.backup]\nenabled = true\nat = \"03:30\"",
            "[settings]\nBACKUP = { Enabled = true, at = \"03:30\" }",
        ] {
            let site = SiteDefinition::from_toml(text).unwrap_or_else(|p| panic!("{text}: {p:?}"));
            let initial: Vec<_> = site.initial.iter().collect();
            assert_eq!(initial, [("backup.at", "03:30"), ("backup.enabled", "true")], "{text}");
        }
        for (text, expected) in [
            ("backup.enabled = 1", "line 2: true or false is needed"),
            ("backup.at = \"25:00\"", "line 2: a time of day looks like 02:00"),
            ("backup.lease = \"2d\"", "line 2: a lease is one second at least and 24h at most"),
            ("backup = true", "line 2: there is no setting \"backup\"; did you mean backup.at"),
            ("backup.att = \"02:00\"", "line 2: there is no setting \"backup.att\"; did you mean"),
            ("mode.x = 1", "line 2: mode is a text"),
            ("site.code = \"ABC\"", "line 2: site.code is set by the site's installation"),
            (
                "backup.at = \"02:00\"\n\"BACKUP.at\" = \"02:00\"",
                "line 3: \"BACKUP.at\" stands twice",
            ),
        ] {
            let found = problems(&format!("[settings]\n{text}"));
            assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn every_problem_of_a_group_is_named_with_its_line() {
        let text = r#"[[group]]
name = ""
strategy = "all"
members = []

[[group]]
nmae = "x"

[[group]]
name = "cloud"
strategy = "one-for-all"
members = [
  "A",
  "b",
  "a",
  "B,C",
  7,
]
restarts = -1
within = "5"

[[group]]
name = "CLOUD"
strategy = 1
members = ["C", "B"]
restarts = "5"
within = "0s"

[[group]]
name = 3
strategy = "one-for-one"
members = "D"
restarts = 4294967296
within = 5
"#;
        let expected = [
            (2, "\"\" is no group name"),
            (3, "\"all\" is none of one-for-one, one-for-all, rest-for-one"),
            (4, "one member at least"),
            (6, "a group needs the key name"),
            (6, "a group needs the key strategy"),
            (6, "a group needs the key members"),
            (7, "there is no key of [[group]] \"nmae\"; did you mean name?"),
            (15, "\"a\" stands twice"),
            (16, "\"B,C\" is no component name"),
            (17, "members is a text in quotation marks, not a TOML integer"),
            (19, "restarts is 0 to 4294967295"),
            (20, "a duration looks like"),
            (23, "\"CLOUD\" is the name of a group before"),
            (24, "strategy is a text"),
            (25, "\"B\" is in group \"cloud\" already"),
            (26, "restarts is a whole number"),
            (27, "a group's period is a millisecond at least"),
            (30, "name is a text"),
            (32, "members is a list of texts"),
            (33, "restarts is 0 to 4294967295"),
            (34, "within is a text"),
        ];
        let found = SiteDefinition::from_toml(text).unwrap_err();
        let shown = found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(found.len(), expected.len(), "\n{shown}");
        for (problem, (line, words)) in found.iter().zip(expected) {
            let fit = problem.line == line && problem.text.contains(words);
            assert!(fit, "{line} {words}\n{shown}");
        }
    }

    #[test]
    fn groups_of_another_form_are_problems() {
        for (text, expected) in [
            ("[group]\nname = \"a\"", "line 1: group is a section, [[group]], one for each group"),
            ("group = 1", "line 1: group is a section, [[group]], one for each group"),
            ("\ngroup = [1]", "line 2: group is a section, [[group]], not a TOML integer"),
            ("[[groups]]", "line 1: there is no section \"groups\"; did you mean group?"),
        ] {
            assert_eq!(problems(text), [expected], "{text}");
        }
        let broken = problems("[components]\n[[group]\nname = \"cloud\"\nrestarts = 1\n");
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].starts_with("line 2: "), "{broken:?}");
        let empty = SiteDefinition::from_toml("group = []").unwrap();
        assert!(empty.groups.is_empty());
    }

    #[test]
    fn a_broken_line_does_not_hide_the_others() {
        let text = "[site]\ncode = PS1\nversion = \"5\"\nname = \"open\nserver = \"A B\"\n";
        let lines: Vec<_> =
            SiteDefinition::from_toml(text).unwrap_err().iter().map(|p| p.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert_eq!(problems("[site]\ncode = \"A\n").len(), 1);
        let twice = problems("[site]\ncode = \"ABC\"\ncode = \"DEF\"\n");
        assert_eq!(twice, ["line 3: duplicate key"]);
        let open = problems("[site]\nroles = [\"a\",\n");
        assert_eq!(open.len(), 1);
        assert!(open[0].starts_with("line 2: "), "{open:?}");
    }

    #[test]
    fn a_problem_at_the_end_of_the_file_is_on_its_last_line() {
        for text in ["a = \"\"\"x\n", "[site]\na = '''\n", "[site]\nroles = [\n", "[site"] {
            let last = text.lines().count();
            let found = SiteDefinition::from_toml(text).unwrap_err();
            assert!(found.iter().all(|problem| problem.line <= last), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn keys_of_a_section_with_a_broken_head_are_not_taken_for_sections() {
        let found = problems("[site]\ncode = \"ABC\"\n[settings\nmode = \"online\"\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("line 3: "), "{found:?}");
    }

    #[test]
    fn a_deep_or_large_file_is_a_problem_and_no_crash() {
        assert!(SiteDefinition::from_toml(&"[".repeat(100_000)).is_err());
        assert!(SiteDefinition::from_toml(&format!("a = {}", "[".repeat(100_000))).is_err());
        assert!(SiteDefinition::from_toml(&format!("a{} = 1", ".a".repeat(100_000))).is_err());
        assert!(SiteDefinition::from_toml(&"x = 1\n".repeat(20_000)).is_err());
    }

    /// Pieces of site files, so that chance gets past the first character.
    fn torn() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "(?s).{0,12}",
            proptest::sample::select(vec![
                "[site]\n",
                "[settings]\n",
                "[thresholds]\n",
                "[components]\n",
                "[[site]]\n",
                "[[group]]\n",
                "[settings.backup]\n",
                "name",
                "strategy",
                "members",
                "restarts",
                "within",
                "backup.at",
                "\"one-for-all\"",
                "\"5m\"",
                "code",
                "mode",
                "endpoints",
                "installed",
                "bias_minutes",
                "version",
                "roles",
                "distribution_points",
                " = ",
                "\"PS1\"",
                "\"online\"",
                "2026-01-01T00:00:00Z",
                "0000-01-01T00:00:00+23:59",
                "-1",
                "0xFFFFFFFFFFFFFFFF",
                "1e999",
                "nan",
                "true",
                "[\"a\", \"A\"]",
                "{ EW = 1 }",
                "\n",
                "\r\n",
                "\"",
                "'''",
                "#",
                ".",
                "\\u0000",
            ])
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    fn never_panics(text: &str) -> Result<(), TestCaseError> {
        match SiteDefinition::from_toml(text) {
            Ok(site) => prop_assert_eq!(site.check(), Ok(())),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.is_sorted_by_key(|problem| problem.line));
                let lines = text.lines().count().max(1);
                let within = |problem: &Problem| (1..=lines).contains(&problem.line);
                prop_assert!(problems.iter().all(within), "{:?}", problems);
            }
        }
        Ok(())
    }

    proptest! {
        // A file of failures would stand in `src` and look like a member of the workspace.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_are_a_site_or_problems(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            never_panics(&String::from_utf8_lossy(&bytes))?;
        }

        #[test]
        fn any_text_is_a_site_or_problems(text in any::<String>()) {
            never_panics(&text)?;
        }

        #[test]
        fn any_torn_file_is_a_site_or_problems(text in torn()) {
            never_panics(&text)?;
        }
    }
}
