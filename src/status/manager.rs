//! The status manager and the component status summarizer in one: keeps status messages,
//! tallies them since local midnight, and says what the tallies mean (domain.md 3.5).

use std::collections::{BTreeMap, VecDeque};

use contract::status::{ComponentSummary, Health, StatusRecord};
use contract::{Severity, StatusMessage, WallTime};

use crate::calendar::site_day;
use crate::catalogue::{self, ids};
use crate::thresholds::{Counts, Thresholds};

/// Who reports that a component's status has changed (domain.md 3.3).
pub const SUMMARIZER: &str = "SMS_COMPONENT_STATUS_SUMMARIZER";

/// So many records are kept; the oldest is dropped for the next one. The number is the
/// simulator's own: the product keeps messages by age, 30 days (domain.md 3.4), and has a
/// database for them.
pub const RECORDS_MAX: usize = 10_000;

/// An insertion string or an attribute's value is cut after so many characters, so that no
/// component fills the memory with one message. The number is the simulator's own.
pub const STRING_CHARS_MAX: usize = 1_024;

/// What became of a reported message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The message as it is kept.
    pub record: StatusRecord,
    /// What the summarizer had to say about it: 4609 or 4610, kept as well.
    pub followed: Vec<StatusRecord>,
}

/// Keeps the status messages of one site and the tally of each component.
///
/// A tally counts since 00:00:00 site time, the product's default interval. The summarizer's
/// own 4609, 4610 and 4611 are kept but stand in no tally: it is not to be blamed for the
/// trouble it reports. Messages of a component that was never registered are kept and not
/// tallied (domain.md 3.5, KB Q278334).
#[derive(Debug, Clone)]
pub struct StatusManager {
    site: String,
    machine: String,
    bias_minutes: i32,
    thresholds: Thresholds,
    /// Upper-case name -> row: names are compared without regard to case.
    rows: BTreeMap<String, Row>,
    /// Oldest first, with numbers that rise by one.
    records: VecDeque<StatusRecord>,
    next_record: u64,
}

#[derive(Debug, Clone)]
struct Row {
    name: String,
    /// The site's day that `counts` belongs to.
    day: i64,
    counts: Counts,
    last_contacted: Option<WallTime>,
}

impl Row {
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
        StatusManager {
            site: site_code.into(),
            machine: machine.into(),
            bias_minutes,
            thresholds,
            rows: BTreeMap::new(),
            records: VecDeque::new(),
            next_record: 1,
        }
    }

    /// Changes the bias, as daylight saving does. A tally goes on until the new midnight.
    pub fn set_bias(&mut self, minutes: i32) {
        self.bias_minutes = minutes;
    }

    /// Makes a component known, with nothing in its tally. One that is known stays as it is.
    pub fn register(&mut self, component: &str) {
        self.rows.entry(component.to_ascii_uppercase()).or_insert_with(|| Row {
            name: component.to_owned(),
            day: i64::MIN,
            counts: Counts::default(),
            last_contacted: None,
        });
    }

    /// Keeps `message`, which `component` reports at `utc`, and tallies it. If that makes the
    /// component's status Warning or Critical, the summarizer's 4610 or 4609 follows.
    pub fn report(&mut self, utc: WallTime, component: &str, message: StatusMessage) -> Reported {
        let key = component.to_ascii_uppercase();
        let verdict = key == SUMMARIZER && is_verdict(message.id);
        let (name, change) = match self.rows.get_mut(&key) {
            Some(row) if verdict => {
                row.last_contacted = Some(utc);
                (row.name.clone(), None)
            }
            Some(row) => {
                let day = site_day(utc, self.bias_minutes);
                let change = tally(row, &self.thresholds, utc, day, message.severity);
                (row.name.clone(), change)
            }
            None => (component.to_owned(), None),
        };
        let record = self.keep(utc, &name, message);
        let followed = change.and_then(|health| self.verdict(utc, &name, health));
        Reported { record, followed: followed.into_iter().collect() }
    }

    /// Sets a component's tally to nothing; the summarizer's 4611 tells of it. None if there
    /// is no such component.
    pub fn reset(&mut self, utc: WallTime, component: &str) -> Option<StatusRecord> {
        let row = self.rows.get_mut(&component.to_ascii_uppercase())?;
        row.roll(site_day(utc, self.bias_minutes));
        row.counts = Counts::default();
        let message = StatusMessage::informational(ids::STATUS_RESET).with(row.name.clone());
        Some(self.summarizer_says(utc, message))
    }

    /// The newest records, `last` at most, oldest first; of one component or of all.
    pub fn messages(&self, component: Option<&str>, last: usize) -> Vec<StatusRecord> {
        let wanted = |record: &&StatusRecord| {
            component.is_none_or(|name| record.component.eq_ignore_ascii_case(name))
        };
        let mut found: Vec<_> =
            self.records.iter().rev().filter(wanted).take(last).cloned().collect();
        found.reverse();
        found
    }

    /// The records that came after the record of that number, oldest first; 0 for all that
    /// are kept.
    pub fn records_since(&self, record: u64) -> Vec<StatusRecord> {
        let place = self.records.partition_point(|kept| kept.record <= record);
        self.records.range(place..).cloned().collect()
    }

    /// The number of the newest record; 0 before the first.
    pub fn last_record(&self) -> u64 {
        self.next_record - 1
    }

    /// The rows of all known components as they stand at `utc`, by name.
    pub fn summaries(&self, utc: WallTime) -> Vec<ComponentSummary> {
        let day = site_day(utc, self.bias_minutes);
        self.rows.values().map(|row| self.summarize(row, day)).collect()
    }

    /// The row of one component as it stands at `utc`; none if it is not known.
    pub fn summary(&self, utc: WallTime, component: &str) -> Option<ComponentSummary> {
        let row = self.rows.get(&component.to_ascii_uppercase())?;
        Some(self.summarize(row, site_day(utc, self.bias_minutes)))
    }

    fn summarize(&self, row: &Row, day: i64) -> ComponentSummary {
        let counts = row.counts_on(day);
        ComponentSummary {
            component: row.name.clone(),
            health: self.thresholds.of(&row.name).health(&counts),
            informational: counts.informational,
            warnings: counts.warnings,
            errors: counts.errors,
            last_contacted: row.last_contacted,
        }
    }

    /// What the summarizer says about a change to `health`; nothing about a change to OK.
    fn verdict(&mut self, utc: WallTime, component: &str, health: Health) -> Option<StatusRecord> {
        let message = match health {
            Health::Critical => StatusMessage::error(ids::STATUS_CRITICAL),
            Health::Warning => StatusMessage::warning(ids::STATUS_WARNING),
            Health::Ok => return None,
        };
        Some(self.summarizer_says(utc, message.with(component)))
    }

    /// Keeps a message of the summarizer's without a tally: here ends what could be a loop.
    fn summarizer_says(&mut self, utc: WallTime, message: StatusMessage) -> StatusRecord {
        if let Some(row) = self.rows.get_mut(SUMMARIZER) {
            row.last_contacted = Some(utc);
        }
        self.keep(utc, SUMMARIZER, message)
    }

    fn keep(&mut self, utc: WallTime, component: &str, message: StatusMessage) -> StatusRecord {
        let message = bounded(message);
        let (module, text) = catalogue::describe(message.id, &message.strings);
        let record = StatusRecord {
            record: self.next_record,
            time: utc,
            module: module.to_owned(),
            component: component.to_owned(),
            machine: self.machine.clone(),
            site: self.site.clone(),
            message,
            text,
        };
        self.next_record += 1;
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record.clone());
        record
    }
}

fn is_verdict(id: u32) -> bool {
    matches!(id, ids::STATUS_CRITICAL | ids::STATUS_WARNING | ids::STATUS_RESET)
}

/// Counts one message; answers the component's status if that changed it.
fn tally(
    row: &mut Row,
    thresholds: &Thresholds,
    utc: WallTime,
    day: i64,
    severity: Severity,
) -> Option<Health> {
    let triple = thresholds.of(&row.name);
    row.roll(day);
    let before = triple.health(&row.counts);
    row.counts.add(severity);
    row.last_contacted = Some(utc);
    let after = triple.health(&row.counts);
    (after != before).then_some(after)
}

/// The message with no more strings than a record holds, and none of them endless.
fn bounded(mut message: StatusMessage) -> StatusMessage {
    message.strings.truncate(StatusMessage::STRINGS_MAX);
    let values = message.attributes.iter_mut().map(|(_, value)| value);
    for text in message.strings.iter_mut().chain(values) {
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
        let record = manager.report(NOON, "sms_a", StatusMessage::informational(500)).record;
        assert_eq!((record.record, record.time), (1, NOON));
        assert_eq!((record.component.as_str(), record.module.as_str()), ("SMS_A", "SMS Server"));
        assert_eq!((record.machine.as_str(), record.site.as_str()), ("CM01", "PS1"));
        assert_eq!(manager.summary(NOON, "SMS_A").unwrap().last_contacted, Some(NOON));
    }

    #[test]
    fn the_first_error_makes_warning_and_the_fifth_critical_and_each_is_told_once() {
        let mut manager = manager();
        let followed: Vec<_> = (0..6)
            .map(|_| ids_of(&manager.report(NOON, "SMS_A", StatusMessage::error(9605)).followed))
            .collect();
        assert_eq!(followed, [vec![4610], vec![], vec![], vec![], vec![4609], vec![]]);
        let told = manager.messages(Some(SUMMARIZER), 10);
        assert_eq!(ids_of(&told), [4610, 4609]);
        assert!(told.iter().all(|record| record.message.strings == ["SMS_A"]));
        assert_eq!(manager.summary(NOON, "SMS_B").unwrap().health, Health::Ok);
    }

    #[test]
    fn what_the_summarizer_says_is_not_held_against_it() {
        let mut manager = manager();
        manager.register(SUMMARIZER);
        for _ in 0..20 {
            manager.report(NOON, "SMS_A", StatusMessage::error(1));
            manager.reset(NOON, "SMS_A");
        }
        let row = manager.summary(NOON, SUMMARIZER).unwrap();
        assert_eq!((row.health, row.errors, row.warnings), (Health::Ok, 0, 0));
        assert_eq!(row.last_contacted, Some(NOON));
        // By the front door as well.
        let reported = manager.report(NOON, SUMMARIZER, StatusMessage::error(4609).with("X"));
        assert_eq!(reported.followed, []);
        // Trouble of its own is its own.
        let reported = manager.report(NOON, SUMMARIZER, StatusMessage::error(7));
        assert_eq!(ids_of(&reported.followed), [4610]);
        assert_eq!(reported.followed[0].message.strings, [SUMMARIZER]);
    }

    #[test]
    fn a_reset_starts_over_and_tells() {
        let mut manager = manager();
        manager.report(NOON, "SMS_A", StatusMessage::error(1));
        let told = manager.reset(NOON, "sms_a").unwrap();
        assert_eq!((told.message.id, told.component.as_str()), (4611, SUMMARIZER));
        let row = manager.summary(NOON, "SMS_A").unwrap();
        assert_eq!((row.health, row.errors), (Health::Ok, 0));
        assert_eq!(manager.reset(NOON, "SMS_NONE"), None);
        let again = manager.report(NOON, "SMS_A", StatusMessage::error(1));
        assert_eq!(ids_of(&again.followed), [4610]);
    }

    #[test]
    fn a_tally_ends_at_local_midnight_though_nothing_is_reported() {
        // 23:59:59.999999 in a site at UTC+1.
        let midnight = WallTime::from_unix_seconds(1_767_308_400);
        let before = WallTime(midnight.0 - 1);
        let mut manager = StatusManager::new("PS1", "CM01", Thresholds::default(), -60);
        manager.register("SMS_A");
        manager.report(before, "SMS_A", StatusMessage::error(1));
        assert_eq!(manager.summary(before, "SMS_A").unwrap().health, Health::Warning);
        assert_eq!(manager.summaries(midnight)[0].health, Health::Ok);
        // A clock set back loses nothing.
        assert_eq!(manager.summary(before, "SMS_A").unwrap().errors, 1);
        let next = manager.report(midnight, "SMS_A", StatusMessage::error(1));
        assert_eq!(ids_of(&next.followed), [4610], "a new day, a new change");
    }

    #[test]
    fn a_stranger_is_kept_and_not_tallied() {
        let mut manager = manager();
        let reported = manager.report(NOON, "SMS_STRANGER", StatusMessage::error(1));
        assert_eq!(reported.followed, []);
        assert_eq!(manager.messages(Some("sms_stranger"), 5), [reported.record]);
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
            manager.report(NOON, "SMS_STRANGER", StatusMessage::informational(500));
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
        let kept = manager().report(NOON, "SMS_A", message).record.message;
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
            NAMES.iter().for_each(|name| manager.register(name));
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
                        manager.reset(now, name);
                        journal.retain(|(_, who, _)| *who != step.component);
                    }
                    Some(severity) => {
                        journal.push((now.0, step.component, severity));
                        let reported = manager.report(now, name, StatusMessage::new(1, severity));
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
