//! What went wrong, for whoever asks later: crashes, and messages that were set aside.

use std::collections::VecDeque;

use contract::control::{CrashRecord, DeadLetter, DeadReason};
use contract::id::{ComponentId, MessageId};
use contract::lifecycle::Exit;
use contract::{Severity, StatusMessage, WallTime};
use kernel::{Clock, Crash};
use status::ids;

use crate::Host;

/// So many records of each kind are at hand.
const RECORDS_MAX: usize = 1_000;

/// Records of one kind, the newest.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    records: VecDeque<T>,
    seen: u64,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent { records: VecDeque::new(), seen: 0 }
    }
}

impl<T> Recent<T> {
    fn add(&mut self, record: T) {
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    /// The `last` of those for which `wanted` holds, oldest first.
    fn last(&self, last: usize, wanted: impl Fn(&T) -> bool) -> Vec<&T> {
        let mut found: Vec<&T> =
            self.records.iter().rev().filter(|record| wanted(record)).take(last).collect();
        found.reverse();
        found
    }
}

/// A crash, and where it panicked: told in words when somebody asks.
#[derive(Debug)]
pub(crate) struct KeptCrash {
    number: u64,
    utc: WallTime,
    crash: Crash,
}

impl Host {
    /// A life went wrong.
    pub(crate) fn record_crash(&mut self, clock: Clock, crash: Crash) {
        if let Some(text) = &crash.ending.drop_panic {
            let message = StatusMessage::warning(ids::COMPONENT_DROP_PANICKED).with(text);
            self.report(clock.utc, self.voices.of(crash.id), message);
        }
        self.crashes.seen += 1;
        self.crashes.add(KeptCrash { number: self.crashes.seen, utc: clock.utc, crash });
    }

    /// Records of crashes, of `component` or of all, the `last` ones.
    pub(crate) fn crashes(&self, component: Option<ComponentId>, last: usize) -> Vec<CrashRecord> {
        let wanted = |kept: &KeptCrash| component.is_none_or(|id| id == kept.crash.id);
        let found = self.crashes.last(last, wanted).into_iter();
        found.map(|kept| self.crash_record(kept)).collect()
    }

    fn crash_record(&self, kept: &KeptCrash) -> CrashRecord {
        let KeptCrash { number, utc, crash } = kept;
        let Crash { at, id, generation, ending, charged } = crash;
        CrashRecord {
            number: *number,
            at: *at,
            utc: *utc,
            component: self.name_of(*id),
            generation: *generation,
            fingerprint: fingerprint(&ending.exit),
            exit: ending.exit.clone(),
            drop_panic: ending.drop_panic.clone(),
            hook: ending.hook.to_owned(),
            message: ending.message,
            backtrace: ending.backtrace.to_string(),
            charged: *charged,
        }
    }

    /// A message was set aside.
    pub(crate) fn record_dead_letter(
        &mut self,
        clock: Clock,
        to: ComponentId,
        id: MessageId,
        name: &str,
        text: String,
        reason: DeadReason,
    ) {
        let message = StatusMessage::warning(ids::MESSAGE_SET_ASIDE)
            .with(name)
            .with(id.to_string())
            .with(reason.to_string());
        self.report(clock.utc, self.voices.of(to), message);
        let from = self.sender(id.from);
        self.dead_letters.add(DeadLetter {
            at: clock.now,
            utc: clock.utc,
            component: self.name_of(to),
            id,
            from,
            name: name.to_owned(),
            text,
            reason,
        });
    }

    /// Who sent a message, by name. None if it came from outside, and if an earlier process had
    /// accepted it from a component that has no place in this one: what is kept of a message is
    /// its sender's place, and who is there now need not be who was there then.
    fn sender(&self, from: ComponentId) -> Option<String> {
        self.board.view(from).map(|_| self.name_of(from))
    }

    /// Messages that were set aside, to `component` or to all, the `last` ones.
    pub(crate) fn dead_letters(
        &self,
        component: Option<ComponentId>,
        last: usize,
    ) -> Vec<DeadLetter> {
        let name = component.map(|id| &**self.executive.name(id));
        let wanted = |letter: &DeadLetter| name.is_none_or(|name| name == letter.component);
        self.dead_letters.last(last, wanted).into_iter().cloned().collect()
    }

    /// A line in a component's log.
    pub(crate) fn log_for(&mut self, clock: Clock, id: ComponentId, text: String) {
        self.log(clock.utc, self.voices.of(id), Severity::Warning, text);
    }
}

/// The same for crashes of one kind: what a person would count as one bug.
fn fingerprint(exit: &Exit) -> String {
    match exit {
        Exit::Panic { location, .. } => format!("panic at {location}"),
        Exit::Error { code, .. } => format!("error {code}"),
        Exit::StartHang => "start hang".to_owned(),
        Exit::Hung => "hung".to_owned(),
        Exit::Lost => "lost".to_owned(),
        exit => exit.to_string(),
    }
}
