//! Writes the site file: what `from_toml` reads, with comments for the person who edits it.

use std::fmt::Write;

use contract::time::duration_text;

use crate::definition::SiteDefinition;
use crate::settings::TABLE;

impl SiteDefinition {
    /// The site file of this site. Settings that have their default stand there as comments,
    /// so that the file shows all there is to set.
    pub fn to_toml(&self) -> String {
        let mut file = String::new();
        self.write_site(&mut file);
        self.write_settings(&mut file);
        self.write_thresholds(&mut file);
        self.write_components(&mut file);
        self.write_groups(&mut file);
        file
    }

    fn write_site(&self, file: &mut String) {
        let mut entry = |about: &str, key: &str, value: String| {
            let _ = writeln!(file, "{about}{key} = {value}");
        };
        entry(
            "# A site of smsexec. What is left out has the default that is shown.\n\n[site]\n\
             # Three characters, A-Z and 0-9.\n",
            "code",
            text(&self.code),
        );
        entry("", "name", text(&self.name));
        entry(
            "# Only primary: hierarchies come later.\n",
            "type",
            text(&self.site_type.to_string()),
        );
        entry("", "server", text(&self.server));
        entry("# Decides which updates apply.\n", "version", text(&self.version.to_string()));
        entry("", "installed", self.installed_text());
        entry(
            "# Minutes to add to the site's local time to get UTC: 0 for UTC, -60 for UTC+1.\n",
            "bias_minutes",
            self.bias_minutes.to_string(),
        );
        entry("", "distribution_points", list(&self.distribution_points));
        entry("", "roles", list(&self.roles));
    }

    /// The time of installation as TOML has it; a time that no calendar has is the default's.
    fn installed_text(&self) -> String {
        let time = jiff::Timestamp::from_second(self.installed.unix_seconds());
        let within = time.ok().filter(|time| (0..=253_402_128_000).contains(&time.as_second()));
        within.map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |time| time.to_string())
    }

    fn write_settings(&self, file: &mut String) {
        file.push_str(
            "\n[settings]\n# What an operator may change later. Without the mark of a comment, a \
             line sets it from the beginning.\n",
        );
        for row in TABLE.iter().filter(|row| !row.fixed) {
            let _ = writeln!(file, "\n# {}", row.about);
            let _ = match self.initial.text(row.key) {
                Some(value) => writeln!(file, "{} = {}", row.key, text(value)),
                None => writeln!(file, "# {} = {}", row.key, text(&(row.default_text)())),
            };
        }
    }

    fn write_thresholds(&self, file: &mut String) {
        file.push_str(
            "\n[thresholds]\n# How many messages since midnight make a component's status Warning \
             or Critical (E):\n# informational IW and IE, warnings WW and WE, errors EW and EE.\n\
             # SMS_DMP_DOWNLOADER = { IW = 2000, IE = 5000, WW = 10, WE = 50, EW = 1, EE = 5 }\n",
        );
        for (component, triple) in self.thresholds.overrides() {
            let levels = triple.tokens().map(|(token, number)| format!("{token} = {number}"));
            let _ = writeln!(file, "{} = {{ {} }}", text(component), levels.join(", "));
        }
    }

    fn write_components(&self, file: &mut String) {
        file.push_str(
            "\n[components]\n# Automatic, Manual or Disabled, where it is not what the component \
             declares.\n# SMS_DMP_UPLOADER = \"Manual\"\n",
        );
        for (component, startup) in &self.startup {
            let _ = writeln!(file, "{} = \"{startup}\"", text(component));
        }
    }

    /// Last, because a key behind `[[group]]` belongs to the group.
    fn write_groups(&self, file: &mut String) {
        file.push_str(
            "\n# Components that are restarted together, in the order in which they start. Who is \
             restarted with\n# one that crashed: one-for-all all of them, rest-for-one those behind \
             it, one-for-one none. More\n# restarts than so many within that time, and the group is \
             not restarted again.\n#\n# [[group]]\n# name = \"cloud\"\n\
             # strategy = \"one-for-all\"\n\
             # members = [\"SMS_DMP_DOWNLOADER\", \"SMS_DMP_UPLOADER\"]\n\
             # restarts = 5\n# within = \"5m\"\n",
        );
        for group in &self.groups {
            let _ = write!(
                file,
                "\n[[group]]\nname = {}\nstrategy = \"{}\"\nmembers = {}\nrestarts = {}\n\
                 within = \"{}\"\n",
                text(&group.name),
                group.strategy,
                list(&group.members),
                group.budget.crashes,
                duration_text(group.budget.period),
            );
        }
    }
}

/// A text in quotation marks, on one line. (TOML's own writer may choose a form of many.)
fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| text(name)).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::lifecycle::{Budget, Group, Startup, Strategy as GroupStrategy};
    use contract::settings::{Mode, keys};
    use contract::time::WallTime;
    use proptest::prelude::*;
    use status::Triple;

    use super::*;

    #[test]
    fn the_default_reads_back() {
        let site = SiteDefinition::default();
        let file = site.to_toml();
        assert_eq!(SiteDefinition::from_toml(&file), Ok(site), "{file}");
    }

    #[test]
    fn every_commented_default_can_be_uncommented() {
        let file: String = SiteDefinition::default()
            .to_toml()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(entry) if entry.contains(" = ") || entry.starts_with("[[") => {
                    format!("{entry}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let site = SiteDefinition::from_toml(&file).unwrap_or_else(|p| panic!("{p:#?}\n{file}"));
        let operators = TABLE.iter().filter(|row| !row.fixed).count();
        assert_eq!(site.initial.iter().count(), operators);
        assert_eq!(site.startup["SMS_DMP_UPLOADER"], Startup::Manual);
        let members = ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"];
        assert_eq!(site.groups, [Group::new("cloud", GroupStrategy::OneForAll, members)]);
    }

    fn groups() -> impl Strategy<Value = Vec<Group>> {
        let kind = proptest::sample::select(vec![
            GroupStrategy::OneForOne,
            GroupStrategy::OneForAll,
            GroupStrategy::RestForOne,
        ]);
        let group = (kind, 1..4usize, any::<u32>(), 1..10_000_000_000u64);
        proptest::collection::vec(group, 0..3).prop_map(|groups| {
            let numbered = groups.into_iter().enumerate();
            let named = numbered.map(|(number, (kind, members, crashes, period_ms))| {
                let members = (0..members).map(|member| format!("SMS_{number} {member}"));
                let mut group = Group::new(format!("group-{number}"), kind, members);
                group.budget = Budget { crashes, period: Duration::from_millis(period_ms) };
                group
            });
            named.collect()
        })
    }

    fn sites() -> impl Strategy<Value = SiteDefinition> {
        let names = proptest::collection::btree_set("[A-Z0-9][a-z0-9._-]{0,8}", 0..4);
        let startup = proptest::collection::btree_map(
            "[A-Z][A-Z0-9_.]{0,10}",
            proptest::sample::select(vec![Startup::Automatic, Startup::Manual, Startup::Disabled]),
            0..3,
        );
        let numbers = (-840..=720i32, 0..4_000_000_000i64, 1..9u64, any::<bool>());
        ("[B-M][A-Z0-9]{2}", "[^,\\pC\\pZ]{1,20}", names, startup, numbers, groups()).prop_map(
            |(code, name, points, startup, (bias_minutes, installed, level, offline), groups)| {
                // A letter's two cases may be the same name twice.
                let lower: std::collections::BTreeSet<_> =
                    points.iter().map(|point| point.to_lowercase()).collect();
                let mut site = SiteDefinition::primary(code);
                site.name = name;
                site.installed = WallTime::from_unix_seconds(installed);
                site.bias_minutes = bias_minutes;
                site.distribution_points = lower.into_iter().collect();
                for component in startup.keys() {
                    let triple = Triple::from_tokens([("EW", level), ("EE", level * 2)]).unwrap();
                    site.thresholds.set(component.clone(), triple);
                }
                site.startup = startup;
                site.groups = groups;
                if offline {
                    site.initial.set(&keys::BACKUP_ENABLED, &true);
                    site.initial.set(&keys::MODE, &Mode::Offline);
                    site.initial.set(&keys::PACKAGE_BYTES_MAX, &level);
                }
                site
            },
        )
    }

    proptest! {
        // A file of failures would stand in `src` and look like a member of the workspace.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_site_reads_back(site in sites()) {
            let file = site.to_toml();
            prop_assert_eq!(SiteDefinition::from_toml(&file), Ok(site), "{}", file);
        }
    }
}
