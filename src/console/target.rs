//! Targets: which components, or what else reports, a line means. A name, a pattern, a state,
//! or all.

use std::collections::{BTreeSet, HashSet};

use contract::control::{ComponentStatus, Refusal, Until};
use contract::{Code, State, Substate};

use crate::console::Reply;
use crate::exit::ExitStatus;
use crate::plain::{shorten, word as shown};

/// What a word can mean.
pub(crate) trait Target: Clone {
    /// Its whole name.
    fn name(&self) -> &str;

    /// How it is, if it is a component.
    fn status(&self) -> Option<&ComponentStatus>;
}

impl Target for ComponentStatus {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> Option<&ComponentStatus> {
        Some(self)
    }
}

/// What reports: a component, or what only the summarizer knows, such as the executive itself.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    /// Its name.
    pub(crate) name: String,
    /// How it is, if it is a component.
    pub(crate) status: Option<ComponentStatus>,
}

impl Target for Reporter {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> Option<&ComponentStatus> {
        self.status.as_ref()
    }
}

/// What the words of a line meant.
#[derive(Debug)]
pub(crate) struct Targets<T> {
    /// What they mean, each once, in the order of the words.
    pub(crate) rows: Vec<T>,
    /// Words that mean nothing here.
    pub(crate) unknown: Vec<Refusal>,
    /// Words that mean something, and nothing is in that state.
    pub(crate) empty: Vec<String>,
    taken: HashSet<String>,
}

impl<T: Target> Targets<T> {
    /// What `words` mean among `rows`.
    pub(crate) fn resolve(words: &[&str], rows: &[T]) -> Targets<T> {
        let mut targets = Targets {
            rows: Vec::new(),
            unknown: Vec::new(),
            empty: Vec::new(),
            taken: HashSet::new(),
        };
        for word in words {
            targets.add(word, rows);
        }
        targets
    }

    fn add(&mut self, word: &str, rows: &[T]) {
        if let Some(wanted) = strip_prefix_ignore_case(word, "state=") {
            return self.add_condition(word, wanted, rows);
        }
        if let Some(group) = group_of_word(word) {
            return self.add_group(word, group, rows);
        }
        let found: Vec<&T> = match word {
            word if word.eq_ignore_ascii_case("all") => return self.take(rows.iter()),
            word if word.contains(['*', '?']) => {
                rows.iter().filter(|row| matches_pattern(word, row.name())).collect()
            }
            word => named(word, rows).into_iter().collect(),
        };
        if found.is_empty() {
            self.unknown.push(unknown_component(word, rows.iter().map(T::name)));
        }
        self.take(found.into_iter());
    }

    fn add_condition(&mut self, word: &str, wanted: &str, rows: &[T]) {
        let wanted = match Condition::parse(wanted) {
            Ok(wanted) => wanted,
            Err(problem) => {
                let refusal = Refusal::new(Code::INVALID_PARAMETER, shorten(word), problem, "");
                return self.unknown.push(refusal);
            }
        };
        let holds = |row: &&T| row.status().is_some_and(|status| wanted.holds(status));
        let found: Vec<&T> = rows.iter().filter(holds).collect();
        if found.is_empty() {
            self.empty.push(format!("{}: no component is {wanted}", shorten(word)));
        }
        self.take(found.into_iter());
    }

    fn add_group(&mut self, word: &str, group: &str, rows: &[T]) {
        let groups = || rows.iter().filter_map(|row| row.status()?.group.as_deref());
        let is_in = |row: &&T| row.status().is_some_and(|status| is_member(status, group));
        let found: Vec<&T> = rows.iter().filter(is_in).collect();
        if found.is_empty() {
            let names: BTreeSet<&str> = groups().collect();
            let otherwise = "query shows who is in which";
            let reason = "no group of that name";
            let way_out = way_out(group, names.into_iter(), otherwise);
            let code = Code::DOES_NOT_EXIST;
            self.unknown.push(Refusal::new(code, shorten(word), reason, way_out));
        }
        self.take(found.into_iter());
    }

    /// `reply` with the words that meant nothing, and those that mean nobody now.
    pub(crate) fn told(&self, mut reply: Reply) -> Reply {
        for refusal in &self.unknown {
            reply = reply.and_refusal(refusal);
        }
        for note in &self.empty {
            reply = reply.and_problem(ExitStatus::DONE, note);
        }
        reply
    }

    fn take<'a>(&mut self, found: impl Iterator<Item = &'a T>)
    where
        T: 'a,
    {
        for row in found {
            if self.taken.insert(row.name().to_owned()) {
                self.rows.push(row.clone());
            }
        }
    }
}

/// The group's name in a word such as `group:cloud`.
pub(crate) fn group_of_word(word: &str) -> Option<&str> {
    strip_prefix_ignore_case(word, "group:")
}

/// Whether a component is in the group of that name, in any case.
pub(crate) fn is_member(status: &ComponentStatus, group: &str) -> bool {
    status.group.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(group))
}

/// The refusal of a name that no component has, with the names most like it.
pub(crate) fn unknown_component<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Refusal {
    let reason = "no component of that name";
    if without_prefix(word).eq_ignore_ascii_case("EXECUTIVE") {
        // Known, and yet no component: it is the house that they live in.
        let way_out = "the executive as a whole is under exec";
        return Refusal::new(Code::DOES_NOT_EXIST, shown(word), reason, way_out);
    }
    unknown(word, reason, names, "components lists them")
}

/// The refusal of a name that nothing has, with the `names` most like it.
pub(crate) fn unknown<'a>(
    word: &str,
    reason: &str,
    names: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> Refusal {
    Refusal::new(Code::DOES_NOT_EXIST, shown(word), reason, way_out(word, names, otherwise))
}

/// The `names` most like `word`, as a question; `otherwise` if there are none.
pub(crate) fn way_out<'a>(
    word: &str,
    names: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let near = nearest(word, names);
    match near.is_empty() {
        true => otherwise.to_owned(),
        false => format!("did you mean {}?", near.join(", ")),
    }
}

/// The component of that name, in any case, with or without its `SMS_`.
fn named<'a, T: Target>(word: &str, rows: &'a [T]) -> Option<&'a T> {
    let is = |row: &&T, name: &str| row.name().eq_ignore_ascii_case(name);
    rows.iter()
        .find(|row| is(row, word))
        .or_else(|| rows.iter().find(|row| is(row, &format!("SMS_{word}"))))
}

/// The name in `names` that `word` means, in any case, with or without its `SMS_`.
pub(crate) fn named_among<'a>(
    word: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    names
        .clone()
        .find(|name| name.eq_ignore_ascii_case(word))
        .or_else(|| names.clone().find(|name| name.eq_ignore_ascii_case(&format!("SMS_{word}"))))
}

fn without_prefix(name: &str) -> &str {
    strip_prefix_ignore_case(name, "SMS_").unwrap_or(name)
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Whether `pattern` with its `*` and `?` covers `name`, with or without its `SMS_`.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_ascii_uppercase().chars().collect();
    [name, without_prefix(name)]
        .iter()
        .any(|name| glob(&pattern, &name.to_ascii_uppercase().chars().collect::<Vec<_>>()))
}

/// Goes back to the last `*` only, so the time is the product of the lengths at worst.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star_p, star_n)) = star else { return false };
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The three names most like `word`, the likest first; none if none is like it at all.
pub(crate) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const LIKE_ENOUGH: f64 = 0.72;
    const SHOWN: usize = 3;
    let form = |name: &str| without_prefix(name).to_ascii_lowercase();
    let word = form(&shorten(word));
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&word, &form(name)), name))
        .filter(|(score, _)| *score >= LIKE_ENOUGH)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(SHOWN).map(|(_, name)| name).collect()
}

/// A state that a component can be asked to be in: one of the seven, or a reason for Stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// One of the Service Control Manager's states.
    State(State),
    /// Stopped, for this reason.
    Why(&'static str),
    /// In a state that lasts until somebody acts.
    Settled,
}

/// Reasons as they are typed.
const REASONS: [&str; 10] = [
    "NeverStarted",
    "Operator",
    "Completed",
    "Ignored",
    "Held",
    "Backoff",
    "Failed",
    "Cleared",
    "Disabled",
    "Removed",
];

/// What a settled component is asked for with.
const SETTLED: &str = "Settled";

impl Condition {
    /// The condition of a word: `Running`, `STOP_PENDING`, `4`, `Failed`.
    ///
    /// # Errors
    /// What can be said instead.
    pub(crate) fn parse(word: &str) -> Result<Condition, String> {
        let word = word.trim();
        let state = State::ALL.into_iter().find(|state| {
            word.eq_ignore_ascii_case(&state.to_string())
                || word.eq_ignore_ascii_case(state.scm_name())
                || word == state.number().to_string()
        });
        if let Some(state) = state {
            return Ok(Condition::State(state));
        }
        if word.eq_ignore_ascii_case(SETTLED) {
            return Ok(Condition::Settled);
        }
        let plain = word.replace(['-', '_', ' '], "");
        match REASONS.iter().find(|reason| plain.eq_ignore_ascii_case(reason)) {
            Some(reason) => Ok(Condition::Why(reason)),
            None => Err(format!("a state is one of {}", Self::words().join(", "))),
        }
    }

    /// Every word that names a condition.
    pub(crate) fn words() -> Vec<String> {
        let states = State::ALL.into_iter().map(|state| state.to_string());
        states.chain(REASONS.iter().chain([&SETTLED]).map(|word| (*word).to_owned())).collect()
    }

    /// Whether it holds for a component.
    pub(crate) fn holds(self, row: &ComponentStatus) -> bool {
        match self {
            Condition::State(state) => row.state == state,
            Condition::Settled => Until::Settled.holds(row),
            Condition::Why(reason) => {
                row.state == State::Stopped && row.substate.is_some_and(|s| reason_of(s) == reason)
            }
        }
    }

    /// Whether a component in this condition stays there until a person acts, and it is not
    /// what `self` waits for.
    pub(crate) fn is_hopeless(self, row: &ComponentStatus) -> bool {
        use Substate::{Disabled, Failed, Ignored, Removed};
        let dead = matches!(row.substate, Some(Failed | Disabled | Ignored | Removed));
        self.wants_life() && row.state == State::Stopped && dead
    }

    /// Whether nothing that is Stopped can be so.
    pub(crate) fn wants_life(self) -> bool {
        matches!(self, Condition::State(state) if state != State::Stopped)
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Condition::State(state) => state.fmt(f),
            Condition::Why(reason) => f.pad(reason),
            Condition::Settled => f.pad(SETTLED),
        }
    }
}

fn reason_of(substate: Substate) -> &'static str {
    match substate {
        Substate::NeverStarted => "NeverStarted",
        Substate::Operator => "Operator",
        Substate::Completed => "Completed",
        Substate::Ignored => "Ignored",
        Substate::Held => "Held",
        Substate::Backoff { .. } => "Backoff",
        Substate::Failed => "Failed",
        Substate::Cleared => "Cleared",
        Substate::Disabled => "Disabled",
        Substate::Removed => "Removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_names_with_and_without_their_prefix() {
        for (pattern, name, covered) in [
            ("SMS_DMP_*", "SMS_DMP_DOWNLOADER", true),
            ("dmp_*", "SMS_DMP_UPLOADER", true),
            ("*loader", "SMS_DMP_UPLOADER", true),
            ("*O*O*R", "SMS_DMP_DOWNLOADER", true),
            ("?MS_*", "SMS_DMP_UPLOADER", true),
            ("DMP_?PLOADER", "SMS_DMP_UPLOADER", true),
            ("DMP_?", "SMS_DMP_UPLOADER", false),
            ("*X*", "SMS_DMP_UPLOADER", false),
            ("**", "", true),
            ("?", "", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), covered, "{pattern} {name}");
        }
        // What makes a backtracking matcher explode.
        assert!(!matches_pattern(&"*A".repeat(500), &"A".repeat(400)));
    }

    #[test]
    fn conditions_are_read_in_every_form_that_query_shows() {
        for word in ["Running", "running", "RUNNING", "4"] {
            assert_eq!(Condition::parse(word), Ok(Condition::State(State::Running)), "{word}");
        }
        assert_eq!(Condition::parse("STOP_PENDING"), Ok(Condition::State(State::StopPending)));
        assert_eq!(Condition::parse("never-started"), Ok(Condition::Why("NeverStarted")));
        for word in Condition::words() {
            assert_eq!(Condition::parse(&word).map(|c| c.to_string()), Ok(word));
        }
        assert!(Condition::parse("up").is_err());
        assert!(Condition::parse("").is_err());
    }

    #[test]
    fn the_likest_name_comes_first() {
        let names = ["SMS_DMP_DOWNLOADER", "SMS_DMP_UPLOADER", "SMS_SERVICE_CONNECTOR"];
        let near = nearest("dmp_downlader", names.into_iter());
        assert_eq!(near.first(), Some(&"SMS_DMP_DOWNLOADER"));
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }
}
