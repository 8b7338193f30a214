//! What went wrong, for whoever asks later: crashes, and messages that were set aside.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::control::{CrashRecord, DeadLetter, DeadReason};
use contract::id::{ComponentId, MessageId};
use contract::lifecycle::Exit;
use contract::{Severity, StatusMessage};
use kernel::{Clock, Crash, PanicTrace};
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
    record: CrashRecord,
    backtrace: PanicTrace,
}

impl Host {
    /// A life went wrong.
    pub(crate) fn record_crash(&mut self, clock: Clock, crash: Crash) {
        let Crash { at, id, generation, ending, charged } = crash;
        let component = Arc::clone(self.executive.name(id));
        if let Some(text) = &ending.drop_panic {
            let message = StatusMessage::warning(ids::COMPONENT_DROP_PANICKED).with(text);
            self.report(clock.utc, &component, message);
        }
        self.crashes.seen += 1;
        let record = CrashRecord {
            number: self.crashes.seen,
            at,
            utc: clock.utc,
            component: component.to_string(),
            generation,
            fingerprint: fingerprint(&ending.exit),
            exit: ending.exit,
            drop_panic: ending.drop_panic,
            hook: ending.hook.to_owned(),
            message: ending.message,
            backtrace: String::new(),
            charged,
        };
        self.crashes.add(KeptCrash { record, backtrace: ending.backtrace });
    }

    /// Records of crashes, of `component` or of all, the `last` ones.
    pub(crate) fn crashes(&self, component: Option<&str>, last: usize) -> Vec<CrashRecord> {
        let found = self.crashes.last(last, |crash| is(component, &crash.record.component));
        let told = found.into_iter().map(|crash| CrashRecord {
            backtrace: crash.backtrace.to_string(),
            ..crash.record.clone()
        });
        told.collect()
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
        let component = Arc::clone(self.executive.name(to));
        let message = StatusMessage::warning(ids::MESSAGE_SET_ASIDE)
            .with(name)
            .with(id.to_string())
            .with(reason.to_string());
        self.report(clock.utc, &component, message);
        let from = self.sender(id.from);
        self.dead_letters.add(DeadLetter {
            at: clock.now,
            utc: clock.utc,
            component: component.to_string(),
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
    pub(crate) fn dead_letters(&self, component: Option<&str>, last: usize) -> Vec<DeadLetter> {
        let found = self.dead_letters.last(last, |letter| is(component, &letter.component));
        found.into_iter().cloned().collect()
    }

    /// A line in a component's log.
    pub(crate) fn log_for(&mut self, clock: Clock, id: ComponentId, text: String) {
        let name = Arc::clone(self.executive.name(id));
        self.log(clock.utc, &name, Severity::Warning, text);
    }
}

fn is(wanted: Option<&str>, name: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
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
