//! The status manager and the component status summarizer in one: keeps status messages,
//! tallies them since local midnight, and says what the tallies mean (domain.md 3.5).
//!
//! A message is kept as few words as it takes: who, when, and what was said. Its text, its
//! module and the names in it are put together when somebody reads it, for few are ever read.

use std::fmt;
use std::sync::Arc;

use contract::status::{ComponentSummary, Health, StatusKind, StatusRecord};
use contract::{Severity, StatusMessage, WallTime};

use crate::calendar::site_day;
use crate::catalogue::{self, ids};
use crate::recent::Recent;
use crate::thresholds::{Counts, Thresholds, Triple};

/// Who reports that a component's status has changed (domain.md 3.3).
pub const SUMMARIZER: &str = "SMS_COMPONENT_STATUS_SUMMARIZER";

/// So many records are kept; the oldest is dropped for the next one. The number is the
/// simulator's own: the product keeps messages by age, 30 days (domain.md 3.4), and has a
/// database for them.
pub const RECORDS_MAX: usize = 10_000;

/// An insertion string or an attribute's value is cut after so many characters, so that no
/// component fills the memory with one message. The number is the simulator's own.
pub const STRING_CHARS_MAX: usize = 1_024;

/// Who reports: a place in the manager's table, from 0 in the order of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reporter(u32);

impl Reporter {
    /// The summarizer is there from the beginning.
    pub const SUMMARIZER: Reporter = Reporter(0);

    /// Its place.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// What was said: a status message, as small as it is.
#[derive(Debug, Clone)]
pub enum Said {
    /// A milestone without strings and attributes, as most are: it takes no memory of its own.
    Bare(u32, Severity),
    /// Any other, shared by all who keep it.
    Full(Arc<StatusMessage>),
    /// One whose strings are put in words when somebody reads it.
    Unworded(Arc<dyn Wording>),
}

/// What a status message with strings is made of, where there may be many such and few are read.
pub trait Wording: fmt::Debug + Send + Sync {
    /// The number of the message.
    fn id(&self) -> u32;

    /// How grave it is.
    fn severity(&self) -> Severity;

    /// Its strings, the first for %1.
    fn strings(&self) -> Vec<String>;
}

impl Said {
    /// An informational milestone.
    pub fn informational(id: u32) -> Self {
        Said::Bare(id, Severity::Informational)
    }

    /// The number of the message.
    pub fn id(&self) -> u32 {
        match self {
            Said::Bare(id, _) => *id,
            Said::Full(message) => message.id,
            Said::Unworded(wording) => wording.id(),
        }
    }

    /// How grave it is.
    pub fn severity(&self) -> Severity {
        match self {
            Said::Bare(_, severity) => *severity,
            Said::Full(message) => message.severity,
            Said::Unworded(wording) => wording.severity(),
        }
    }

    /// The message itself.
    pub fn message(&self) -> StatusMessage {
        match self {
            Said::Bare(id, severity) => StatusMessage::new(*id, *severity),
            Said::Full(message) => message.as_ref().clone(),
            Said::Unworded(wording) => {
                let message = StatusMessage::new(wording.id(), wording.severity());
                bounded(StatusMessage { strings: wording.strings(), ..message })
            }
        }
    }
}

/// With no more strings than a record holds, and none of them endless.
impl From<StatusMessage> for Said {
    fn from(message: StatusMessage) -> Self {
        let bare = message.strings.is_empty()
            && message.attributes.is_empty()
            && message.kind == StatusKind::Milestone;
        if bare {
            return Said::Bare(message.id, message.severity);
        }
        Said::Full(Arc::new(bounded(message)))
    }
}

/// A status message as the manager keeps it. [`StatusManager::record`] has it in full.
#[derive(Debug, Clone)]
pub struct Report {
    /// Rises by one with each record of a site.
    pub number: u64,
    /// When.
    pub utc: WallTime,
    /// Who.
    pub reporter: Reporter,
    /// What.
    pub said: Said,
}

/// Keeps the status messages of one site and the tally of each component.
///
/// A tally counts since 00:00:00 site time, the product's default interval. The summarizer's
/// own 4609, 4610 and 4611 are kept but stand in no tally: it is not to be blamed for the
/// trouble it reports. Messages of a stranger are kept and not tallied (domain.md 3.5, KB
/// Q278334).
#[derive(Debug, Clone)]
pub struct StatusManager {
    site: String,
    machine: String,
    bias_minutes: i32,
    thresholds: Thresholds,
    /// Triples that rows have: the default one first.
    triples: Vec<Triple>,
    /// By reporter.
    names: Vec<Arc<str>>,
    rows: Vec<Row>,
    /// Oldest first, with numbers that rise by one.
    reports: Recent<Report, RECORDS_MAX>,
    next_record: u64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    counts: Counts,
    /// The site's day that `counts` belongs to.
    day: i64,
    /// When the last message came, if it was contacted ever.
    last_contacted: WallTime,
    contacted: bool,
    /// A stranger is not tallied.
    known: bool,
    /// Which of the triples is its own.
    triple: u32,
}

impl Row {
    fn new(known: bool, triple: u32) -> Self {
        Row {
            counts: Counts::default(),
            day: i64::MIN,
            last_contacted: WallTime::default(),
            contacted: false,
            known,
            triple,
        }
    }

    /// The counts as they stand on `day`: none when a midnight lies between. A clock that was
    /// set back loses nothing: the tally goes on.
    fn counts_on(&self, day: i64) -> Counts {
        if day > self.day { Counts::default() } else { self.counts }
    }

    fn roll(&mut self, day: i64) {
        if day > self.day {
            self.day = day;
            self.counts = Counts::default();
        }
    }

    fn contact(&mut self, utc: WallTime) {
        self.last_contacted = utc;
        self.contacted = true;
    }

    /// Counts one message; answers the component's status if that changed it.
    fn tally(&mut self, triple: &Triple, utc: WallTime, day: i64, of: Severity) -> Option<Health> {
        self.roll(day);
        let before = self.counts;
        self.counts.add(of);
        self.contact(utc);
        // Between two levels one more makes no difference.
        if !triple.is_level_reached(of, &self.counts) {
            return None;
        }
        let after = triple.health(&self.counts);
        (after != triple.health(&before)).then_some(after)
    }
}

impl StatusManager {
    /// The manager of site `site_code`, for what `machine` reports. `bias_minutes` are added
    /// to the site's local time to get UTC and say when midnight is (domain.md 4.1).
    pub fn new(
        site_code: impl Into<String>,
        machine: impl Into<String>,
        thresholds: Thresholds,
        bias_minutes: i32,
    ) -> Self {
        let mut manager = StatusManager {
            site: site_code.into(),
            machine: machine.into(),
            bias_minutes,
            triples: vec![thresholds.common()],
            thresholds,
            names: Vec::new(),
            rows: Vec::new(),
            reports: Recent::default(),
            next_record: 1,
        };
        let summarizer = manager.add(SUMMARIZER.into(), false);
        debug_assert_eq!(summarizer, Reporter::SUMMARIZER);
        manager
    }

    /// Changes the bias, as daylight saving does. A tally goes on until the new midnight.
    pub fn set_bias(&mut self, minutes: i32) {
        self.bias_minutes = minutes;
    }

    /// Makes a component known, with nothing in its tally. Whoever registers sees to it that no
    /// two have one name, in whatever case.
    pub fn register(&mut self, name: impl Into<Arc<str>>) -> Reporter {
        let name = name.into();
        if name.eq_ignore_ascii_case(SUMMARIZER) {
            self.rows[Reporter::SUMMARIZER.place()].known = true;
            return Reporter::SUMMARIZER;
        }
        self.add(name, true)
    }

    /// So many are going to be registered.
    pub fn reserve(&mut self, components: usize) {
        self.names.reserve_exact(components);
        self.rows.reserve_exact(components);
    }

    /// Somebody who was never registered, and reports all the same.
    pub fn stranger(&mut self, name: impl Into<Arc<str>>) -> Reporter {
        self.add(name.into(), false)
    }

    fn add(&mut self, name: Arc<str>, known: bool) -> Reporter {
        let reporter = Reporter(self.rows.len() as u32);
        let own = self.thresholds.own(&name);
        let triple = own.map_or(0, |triple| {
            self.triples.push(triple);
            self.triples.len() as u32 - 1
        });
        self.names.push(name);
        self.rows.push(Row::new(known, triple));
        reporter
    }

    /// Who bears that name, in any case. Looks at one after the other.
    pub fn find(&self, name: &str) -> Option<Reporter> {
        let place = self.names.iter().position(|other| other.eq_ignore_ascii_case(name))?;
        Some(Reporter(place as u32))
    }

    /// The name of a reporter.
    pub fn name(&self, reporter: Reporter) -> &Arc<str> {
        &self.names[reporter.place()]
    }

    /// Keeps what `reporter` says at `utc`, and tallies it. If that makes the component's status
    /// Warning or Critical, the summarizer's 4610 or 4609 follows, and is kept as well: that is
    /// the answer.
    pub fn report(&mut self, utc: WallTime, reporter: Reporter, said: Said) -> Option<Report> {
        let verdict = reporter == Reporter::SUMMARIZER && is_verdict(said.id());
        let day = site_day(utc, self.bias_minutes);
        let row = &mut self.rows[reporter.place()];
        let change = match row.known {
            true if verdict => {
                row.contact(utc);
                None
            }
            true => row.tally(&self.triples[row.triple as usize], utc, day, said.severity()),
            false => None,
        };
        self.keep(utc, reporter, said);
        self.verdict(utc, reporter, change?)
    }

    /// Sets a component's tally to nothing; the summarizer's 4611 tells of it. None of a
    /// stranger.
    pub fn reset(&mut self, utc: WallTime, reporter: Reporter) -> Option<Report> {
        let row = self.rows.get_mut(reporter.place()).filter(|row| row.known)?;
        row.roll(site_day(utc, self.bias_minutes));
        row.counts = Counts::default();
        let message = StatusMessage::informational(ids::STATUS_RESET);
        let message = message.with(&*self.names[reporter.place()]);
        Some(self.summarizer_says(utc, message))
    }

    /// A report in full, as it is read.
    pub fn record(&self, report: &Report) -> StatusRecord {
        let message = report.said.message();
        let (module, text) = catalogue::describe(message.id, &message.strings);
        StatusRecord {
            record: report.number,
            time: report.utc,
            module: module.to_owned(),
            component: self.name(report.reporter).to_string(),
            machine: self.machine.clone(),
            site: self.site.clone(),
            message,
            text,
        }
    }

    /// The newest records, `last` at most, oldest first; of one reporter or of all.
    pub fn messages(&self, reporter: Option<Reporter>, last: usize) -> Vec<StatusRecord> {
        let wanted = |report: &Report| reporter.is_none_or(|it| it == report.reporter);
        let newest = self.reports.newest_that(last, wanted);
        newest.into_iter().map(|report| self.record(report)).collect()
    }

    /// The records that came after the record of that number, oldest first; 0 for all that
    /// are kept.
    pub fn records_since(&self, record: u64) -> Vec<StatusRecord> {
        let newer = usize::try_from(self.last_record().saturating_sub(record));
        let newest = self.reports.newest(newer.unwrap_or(usize::MAX));
        newest.map(|report| self.record(report)).collect()
    }

    /// The number of the newest record; 0 before the first.
    pub fn last_record(&self) -> u64 {
        self.next_record - 1
    }

    /// The rows of all known components as they stand at `utc`, by name.
    pub fn summaries(&self, utc: WallTime) -> Vec<ComponentSummary> {
        let day = site_day(utc, self.bias_minutes);
        let places = 0..self.rows.len();
        let mut known: Vec<usize> = places.filter(|place| self.rows[*place].known).collect();
        known.sort_by_cached_key(|place| self.names[*place].to_ascii_uppercase());
        known.into_iter().map(|place| self.summarize(place, day)).collect()
    }

    /// The row of one component as it stands at `utc`; none if it is not known.
    pub fn summary(&self, utc: WallTime, component: &str) -> Option<ComponentSummary> {
        let place = self.find(component)?.place();
        let day = site_day(utc, self.bias_minutes);
        self.rows[place].known.then(|| self.summarize(place, day))
    }

    fn summarize(&self, place: usize, day: i64) -> ComponentSummary {
        let row = &self.rows[place];
        let counts = row.counts_on(day);
        ComponentSummary {
            component: self.names[place].to_string(),
            health: self.triples[row.triple as usize].health(&counts),
            informational: counts.informational,
            warnings: counts.warnings,
            errors: counts.errors,
            last_contacted: row.contacted.then_some(row.last_contacted),
        }
    }

    /// What the summarizer says about a change to `health`; nothing about a change to OK.
    fn verdict(&mut self, utc: WallTime, of: Reporter, health: Health) -> Option<Report> {
        let message = match health {
            Health::Critical => StatusMessage::error(ids::STATUS_CRITICAL),
            Health::Warning => StatusMessage::warning(ids::STATUS_WARNING),
            Health::Ok => return None,
        };
        let message = message.with(&*self.names[of.place()]);
        Some(self.summarizer_says(utc, message))
    }

    /// Keeps a message of the summarizer's without a tally: here ends what could be a loop.
    fn summarizer_says(&mut self, utc: WallTime, message: StatusMessage) -> Report {
        let row = &mut self.rows[Reporter::SUMMARIZER.place()];
        if row.known {
            row.contact(utc);
        }
        let (number, reporter, said) =
            (self.next_record, Reporter::SUMMARIZER, Said::from(message));
        self.keep(utc, reporter, said.clone());
        Report { number, utc, reporter, said }
    }

    fn keep(&mut self, utc: WallTime, reporter: Reporter, said: Said) {
        self.reports.add(Report { number: self.next_record, utc, reporter, said });
        self.next_record += 1;
    }
}

fn is_verdict(id: u32) -> bool {
    matches!(id, ids::STATUS_CRITICAL | ids::STATUS_WARNING | ids::STATUS_RESET)
}

/// The message with no more strings than a record holds, and none of them endless.
fn bounded(mut message: StatusMessage) -> StatusMessage {
    message.strings.truncate(StatusMessage::STRINGS_MAX);
    let values = message.attributes.iter_mut().map(|(_, value)| value);
    for text in message.strings.iter_mut().chain(values) {
        if text.len() <= STRING_CHARS_MAX {
            continue;
        }
        if let Some((end, _)) = text.char_indices().nth(STRING_CHARS_MAX) {
            text.truncate(end);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::thresholds::Triple;

    const NOON: WallTime = WallTime::from_unix_seconds(1_767_268_800); // 2026-01-01T12:00:00Z

    /// What became of a reported message, in full.
    struct Told {
        record: StatusRecord,
        /// What the summarizer had to say about it.
        followed: Vec<StatusRecord>,
    }

    /// By name, as a reader does it.
    impl StatusManager {
        fn told(&mut self, utc: WallTime, component: &str, message: StatusMessage) -> Told {
            let known = self.find(component);
            let reporter = known.unwrap_or_else(|| self.stranger(component));
            let said = Said::from(message);
            let number = self.next_record;
            let followed = self.report(utc, reporter, said.clone());
            let followed = followed.iter().map(|report| self.record(report)).collect();
            Told { record: self.record(&Report { number, utc, reporter, said }), followed }
        }

        fn start_over(&mut self, utc: WallTime, component: &str) -> Option<StatusRecord> {
            let report = self.reset(utc, self.find(component)?)?;
            Some(self.record(&report))
        }
    }

    fn manager() -> StatusManager {
        let mut manager = StatusManager::new("PS1", "CM01", Thresholds::default(), 0);
        manager.register("SMS_B");
        manager.register("SMS_A");
        manager
    }

    fn ids_of(records: &[StatusRecord]) -> Vec<u32> {
        records.iter().map(|record| record.message.id).collect()
    }

    #[test]
    fn a_record_says_who_where_and_when() {
        let mut manager = manager();
        let record = manager.told(NOON, "sms_a", StatusMessage::informational(500)).record;
        assert_eq!((record.record, record.time), (1, NOON));
        assert_eq!((record.component.as_str(), record.module.as_str()), ("SMS_A", "SMS Server"));
        assert_eq!((record.machine.as_str(), record.site.as_str()), ("CM01", "PS1"));
        assert_eq!(manager.summary(NOON, "SMS_A").unwrap().last_contacted, Some(NOON));
    }

    #[test]
    fn the_first_error_makes_warning_and_the_fifth_critical_and_each_is_told_once() {
        let mut manager = manager();
        let followed: Vec<_> = (0..6)
            .map(|_| ids_of(&manager.told(NOON, "SMS_A", StatusMessage::error(9605)).followed))
            .collect();
        assert_eq!(followed, [vec![4610], vec![], vec![], vec![], vec![4609], vec![]]);
        let told = manager.messages(Some(Reporter::SUMMARIZER), 10);
        assert_eq!(ids_of(&told), [4610, 4609]);
        assert!(told.iter().all(|record| record.message.strings == ["SMS_A"]));
        assert_eq!(manager.summary(NOON, "SMS_B").unwrap().health, Health::Ok);
    }

    #[test]
    fn what_the_summarizer_says_is_not_held_against_it() {
        let mut manager = manager();
        manager.register(SUMMARIZER);
        for _ in 0..20 {
            manager.told(NOON, "SMS_A", StatusMessage::error(1));
            manager.start_over(NOON, "SMS_A");
        }
        let row = manager.summary(NOON, SUMMARIZER).unwrap();
        assert_eq!((row.health, row.errors, row.warnings), (Health::Ok, 0, 0));
        assert_eq!(row.last_contacted, Some(NOON));
        // By the front door as well.
        let reported = manager.told(NOON, SUMMARIZER, StatusMessage::error(4609).with("X"));
        assert_eq!(reported.followed, []);
        // Trouble of its own is its own.
        let reported = manager.told(NOON, SUMMARIZER, StatusMessage::error(7));
        assert_eq!(ids_of(&reported.followed), [4610]);
        assert_eq!(reported.followed[0].message.strings, [SUMMARIZER]);
    }

    #[test]
    fn a_reset_starts_over_and_tells() {
        let mut manager = manager();
        manager.told(NOON, "SMS_A", StatusMessage::error(1));
        let told = manager.start_over(NOON, "sms_a").unwrap();
        assert_eq!((told.message.id, told.component.as_str()), (4611, SUMMARIZER));
        let row = manager.summary(NOON, "SMS_A").unwrap();
        assert_eq!((row.health, row.errors), (Health::Ok, 0));
        assert_eq!(manager.start_over(NOON, "SMS_NONE"), None);
        let again = manager.told(NOON, "SMS_A", StatusMessage::error(1));
        assert_eq!(ids_of(&again.followed), [4610]);
    }

    #[test]
    fn a_tally_ends_at_local_midnight_though_nothing_is_reported() {
        // 23:59:59.999999 in a site at UTC+1.
        let midnight = WallTime::from_unix_seconds(1_767_308_400);
        let before = WallTime(midnight.0 - 1);
        let mut manager = StatusManager::new("PS1", "CM01", Thresholds::default(), -60);
        manager.register("SMS_A");
        manager.told(before, "SMS_A", StatusMessage::error(1));
        assert_eq!(manager.summary(before, "SMS_A").unwrap().health, Health::Warning);
        assert_eq!(manager.summaries(midnight)[0].health, Health::Ok);
        // A clock set back loses nothing.
        assert_eq!(manager.summary(before, "SMS_A").unwrap().errors, 1);
        let next = manager.told(midnight, "SMS_A", StatusMessage::error(1));
        assert_eq!(ids_of(&next.followed), [4610], "a new day, a new change");
    }

    #[test]
    fn a_stranger_is_kept_and_not_tallied() {
        let mut manager = manager();
        let reported = manager.told(NOON, "SMS_STRANGER", StatusMessage::error(1));
        assert_eq!(reported.followed, []);
        assert_eq!(manager.messages(manager.find("sms_stranger"), 5), [reported.record]);
        assert_eq!(manager.summary(NOON, "SMS_STRANGER"), None);
    }

    #[test]
    fn summaries_stand_by_name() {
        let names: Vec<_> =
            manager().summaries(NOON).into_iter().map(|row| row.component).collect();
        assert_eq!(names, ["SMS_A", "SMS_B"]);
    }

    #[test]
    fn the_oldest_record_goes_and_its_number_is_not_used_again() {
        let mut manager = manager();
        for _ in 0..RECORDS_MAX + 3 {
            manager.told(NOON, "SMS_STRANGER", StatusMessage::informational(500));
        }
        let all = manager.records_since(0);
        assert_eq!((all.len(), all[0].record), (RECORDS_MAX, 4));
        assert_eq!(manager.last_record(), RECORDS_MAX as u64 + 3);
        let since = manager.records_since(manager.last_record() - 2);
        assert_eq!(since, manager.messages(None, 2));
        assert_eq!(manager.records_since(u64::MAX), []);
    }

    #[test]
    fn a_message_beyond_all_bounds_is_cut() {
        let mut message = StatusMessage::error(1).attribute(400, "ä".repeat(5_000));
        message.strings = vec!["ß".repeat(5_000); 12];
        let kept = manager().told(NOON, "SMS_A", message).record.message;
        assert_eq!(kept.strings.len(), 10);
        assert_eq!(kept.strings[9].chars().count(), STRING_CHARS_MAX);
        assert_eq!(kept.attributes[0].1.chars().count(), STRING_CHARS_MAX);
    }

    #[derive(Debug, Clone)]
    struct Step {
        later_minutes: u32,
        component: usize,
        /// None resets.
        severity: Option<Severity>,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let severity = prop_oneof![
            4 => Just(Some(Severity::Informational)),
            4 => Just(Some(Severity::Warning)),
            4 => Just(Some(Severity::Error)),
            1 => Just(None),
        ];
        let later = prop_oneof![3 => 0..30u32, 1 => 0..3_000u32];
        let step = (later, 0..3usize, severity).prop_map(|(later_minutes, component, severity)| {
            Step { later_minutes, component, severity }
        });
        proptest::collection::vec(step, 1..80)
    }

    proptest! {
        // A file of failures would stand in `src` and look like a member of the workspace.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// The tally is what a count over everything that was reported gives.
        #[test]
        fn the_tally_is_the_naive_count(steps in steps(), bias in -840i32..=720) {
            const NAMES: [&str; 3] = ["SMS_A", "SMS_B", "SMS_C"];
            let tight = Triple::from_tokens(
                [("IW", 3), ("IE", 6), ("WW", 2), ("WE", 4), ("EW", 1), ("EE", 2)]
            ).unwrap();
            let mut thresholds = Thresholds::default();
            thresholds.set("SMS_A", tight);
            thresholds.set("SMS_B", tight);
            let mut manager = StatusManager::new("PS1", "CM01", thresholds.clone(), bias);
            NAMES.iter().for_each(|name| _ = manager.register(*name));
            let mut journal: Vec<(i64, usize, Severity)> = Vec::new();
            let mut now = NOON;
            let count = |journal: &[(i64, usize, Severity)], now: WallTime, component: usize| {
                let day = |utc: i64| (utc / 60_000_000 - i64::from(bias)) / 1_440;
                let mut counts = Counts::default();
                for (utc, who, severity) in journal {
                    if *who == component && day(*utc) == day(now.0) {
                        counts.add(*severity);
                    }
                }
                counts
            };
            for step in steps {
                now.0 += i64::from(step.later_minutes) * 60_000_000;
                let name = NAMES[step.component];
                let triple = thresholds.of(name);
                let before = triple.health(&count(&journal, now, step.component));
                match step.severity {
                    None => {
                        manager.start_over(now, name);
                        journal.retain(|(_, who, _)| *who != step.component);
                    }
                    Some(severity) => {
                        journal.push((now.0, step.component, severity));
                        let reported = manager.told(now, name, StatusMessage::new(1, severity));
                        let after = triple.health(&count(&journal, now, step.component));
                        let expected = match after {
                            after if after == before => vec![],
                            Health::Critical => vec![4609],
                            Health::Warning => vec![4610],
                            Health::Ok => vec![],
                        };
                        prop_assert_eq!(ids_of(&reported.followed), expected);
                    }
                }
                for (component, row) in manager.summaries(now).into_iter().enumerate() {
                    let counts = count(&journal, now, component);
                    prop_assert_eq!(row.informational, counts.informational);
                    prop_assert_eq!(row.warnings, counts.warnings);
                    prop_assert_eq!(row.errors, counts.errors);
                    prop_assert_eq!(row.health, thresholds.of(NAMES[component]).health(&counts));
                }
            }
            let numbers: Vec<u64> = manager.records_since(0).iter().map(|r| r.record).collect();
            prop_assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
        }
    }
}
