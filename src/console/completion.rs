//! Completion: what may stand where the cursor is. Knows no terminal; `terminal` shows it.

use std::collections::{BTreeMap, BTreeSet};

use contract::control::{ComponentStatus, HostControl};

use crate::console::{Console, Options};
use crate::help::TOPICS;
use crate::verbs::{Kind, VERBS, Verb, find};

/// The names of a host that can be completed, as they were at one moment. An editor asks for
/// them while it holds the line, so it is given a copy and not the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Components, each with its state.
    pub components: Vec<(String, String)>,
    /// Groups, each with its members.
    pub groups: Vec<(String, String)>,
    /// What reports without being a component, such as the executive itself.
    pub reporters: Vec<String>,
    /// Log files.
    pub logs: Vec<String>,
    /// Settings, each with what is stored.
    pub settings: Vec<(String, String)>,
}

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is put in place of the word under the cursor.
    pub value: String,
    /// What to show beside it; may be empty.
    pub about: String,
}

impl Names {
    /// The names of `host` as they are now; what it does not tell is left out.
    pub fn of(host: &mut dyn HostControl) -> Names {
        let mut console = Console::new(host, Options::default());
        Names::from_console(&mut console)
    }

    pub(crate) fn from_console(console: &mut Console<'_>) -> Names {
        let components = console.components().unwrap_or_default();
        let settings = console.settings().unwrap_or_default();
        let known: BTreeSet<&str> = components.iter().map(|row| row.name.as_str()).collect();
        let mut reporters = console.reporters().unwrap_or_default();
        reporters.retain(|name| !known.contains(name.as_str()));
        Names {
            reporters,
            groups: groups(&components),
            components: components
                .into_iter()
                .map(|row| (row.name, row.state.to_string()))
                .collect(),
            logs: console.logs().unwrap_or_default(),
            settings: settings.into_iter().map(|view| (view.key, view.stored)).collect(),
        }
    }

    /// Where the word under the cursor begins in `line`, and what it may become. The cursor is
    /// `at` bytes into the line.
    pub fn complete(&self, line: &str, at: usize) -> (usize, Vec<Candidate>) {
        let line = line.get(..at).unwrap_or(line);
        let start = line
            .rfind(char::is_whitespace)
            .map_or(0, |blank| blank + line[blank..].chars().next().map_or(0, char::len_utf8));
        let (before, word) = line.split_at(start);
        // Quotes as in the line itself; one that is open yet is taken as it stands.
        let words = shlex::split(before)
            .unwrap_or_else(|| before.split_whitespace().map(str::to_owned).collect());
        let before: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut candidates = self.candidates(&before, word);
        candidates.retain(|candidate| begins(&candidate.value, word));
        (start, candidates)
    }

    fn candidates(&self, before: &[&str], word: &str) -> Vec<Candidate> {
        let Some((name, args)) = before.split_first() else { return verbs() };
        let Some(verb) = find(name) else { return Vec::new() };
        let words: Vec<&str> = args.iter().copied().filter(|arg| !arg.starts_with('-')).collect();
        let kind = (verb.next)(&words);
        // Behind `expect TEXT` a whole line stands.
        if verb.name == "expect" && words.len() > 1 {
            return self.candidates(&words[1..], word);
        }
        if word.starts_with('-') {
            return flags(verb);
        }
        let mut candidates = self.of_kind(kind);
        if verb.name == "help" {
            candidates.extend(TOPICS.iter().map(|topic| plain(topic)));
        }
        candidates
    }

    fn of_kind(&self, kind: Kind) -> Vec<Candidate> {
        match kind {
            Kind::Nothing => Vec::new(),
            Kind::Verb => verbs(),
            Kind::Words(words) => words.iter().map(|word| plain(word)).collect(),
            Kind::Component => {
                let mut candidates = described(&self.components);
                candidates.extend(described(&self.groups));
                candidates
            }
            Kind::SettingKey => described(&self.settings),
            Kind::Reporter => {
                let mut candidates = described(&self.components);
                candidates.extend(self.reporters.iter().map(|name| plain(name)));
                candidates
            }
            Kind::Log => {
                let mut candidates = self.of_kind(Kind::Reporter);
                candidates.extend(self.logs.iter().map(|log| plain(log)));
                candidates
            }
        }
    }
}

/// `group:cloud`, with who is in it.
fn groups(components: &[ComponentStatus]) -> Vec<(String, String)> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in components {
        if let Some(group) = &row.group {
            groups.entry(group).or_default().push(&row.name);
        }
    }
    let shown =
        |(group, members): (&str, Vec<&str>)| (format!("group:{group}"), members.join(", "));
    groups.into_iter().map(shown).collect()
}

/// Whether `value` goes on from `word`, in any case; a component also without its `SMS_`.
fn begins(value: &str, word: &str) -> bool {
    let begins =
        |value: &str| value.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    begins(value) || value.strip_prefix("SMS_").is_some_and(begins)
}

fn verbs() -> Vec<Candidate> {
    let candidate = |verb: &Verb| Candidate { value: verb.name.into(), about: verb.about.into() };
    VERBS.iter().map(candidate).collect()
}

fn flags(verb: &Verb) -> Vec<Candidate> {
    let command = verb.command();
    let flag = |arg: &clap::Arg| {
        let value = format!("--{}", arg.get_long()?);
        let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some(Candidate { value, about })
    };
    command.get_arguments().filter_map(flag).collect()
}

fn plain(word: &str) -> Candidate {
    Candidate { value: word.to_owned(), about: String::new() }
}

fn described(names: &[(String, String)]) -> Vec<Candidate> {
    let clean = crate::plain::cell;
    let candidate =
        |(value, about): &(String, String)| Candidate { value: clean(value), about: clean(about) };
    names.iter().map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;

    fn values(line: &str) -> Vec<String> {
        let (_, candidates) = Names::of(&mut FakeHost::site()).complete(line, line.len());
        candidates.into_iter().map(|candidate| candidate.value).collect()
    }

    #[test]
    fn every_place_of_a_line_has_its_own_names() {
        assert_eq!(values("st"), ["start", "startup", "status", "stop"]);
        assert_eq!(values("stop dmp_"), ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER"]);
        assert_eq!(values("stop --str"), ["--strict"]);
        assert_eq!(values("stop --strict SMS_DMP_D"), ["SMS_DMP_DOWNLOADER"]);
        assert_eq!(values("stop --dep"), ["--dependents"]);
        assert_eq!(values("startup dmp_downloader ma"), ["manual"]);
        assert_eq!(values("wait dmp_downloader set"), ["settled"]);
        assert_eq!(values("mode o"), ["online", "offline"]);
        assert_eq!(values("settings show mo"), ["mode"]);
        assert_eq!(values("settings set mode of"), ["offline"]);
        assert_eq!(values("cloud fault wrong"), ["wrong-hash", "wrong-length"]);
        assert_eq!(
            values("logs sms"),
            [
                "SMS_DISTRIBUTION_MANAGER",
                "SMS_DMP_DOWNLOADER",
                "SMS_DMP_UPLOADER",
                "SMS_SERVICE_CONNECTOR",
                "SMS_COMPONENT_STATUS_SUMMARIZER",
                "SMS_EXECUTIVE",
                "SMS_SITE_BACKUP",
                "smsbkup.log",
                "smsexec.log",
            ]
        );
        assert_eq!(values("status ex"), ["SMS_EXECUTIVE"]);
        assert_eq!(values("messages all site"), ["SMS_SITE_BACKUP"]);
        assert!(values("stop ex").is_empty());
        assert_eq!(values("help exit"), ["exit", "exit-status"]);
        assert_eq!(values("expect \"Running (4)\" que"), ["query"]);
        assert_eq!(values("expect Running query distri"), ["SMS_DISTRIBUTION_MANAGER"]);
        assert!(values("advance 24h x").is_empty());
        assert!(values("nonsense x").is_empty());
    }

    #[test]
    fn a_component_comes_with_its_state_and_replaces_the_word_only() {
        let names = Names::of(&mut FakeHost::site());
        let (start, candidates) = names.complete("stop dmp_d more", 10);
        assert_eq!(start, 5);
        let wanted = Candidate { value: "SMS_DMP_DOWNLOADER".into(), about: "Running".into() };
        assert_eq!(candidates, [wanted]);
    }

    #[test]
    fn a_group_comes_with_its_members() {
        let names = Names::of(&mut FakeHost::supervised());
        let (_, candidates) = names.complete("restart gr", 10);
        let about = "SMS_DMP_DOWNLOADER, SMS_SERVICE_CONNECTOR";
        let wanted = Candidate { value: "group:cloud".into(), about: about.into() };
        assert_eq!(candidates, [wanted]);
    }

    #[test]
    fn a_cursor_in_the_middle_of_a_character_is_no_reason_to_fall_over() {
        let names = Names::default();
        for at in 0..12 {
            names.complete("stop \u{3000}é\u{10000}", at);
        }
    }
}
