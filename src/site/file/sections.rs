//! What stands in each section, and what it makes of a site.

use std::collections::{BTreeMap, BTreeSet};

use contract::lifecycle::{Budget, Group, Startup};
use contract::time::parse_duration;
use status::Triple;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::Reader;
use super::values::{
    in_order, integer, moment, operator_keys, setting_entries, setting_text, startup_type,
    wrong_type,
};
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

impl Reader<'_> {
    /// The site that the whole file makes.
    pub(super) fn document(&mut self, document: &DeTable<'_>) -> SiteDefinition {
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
