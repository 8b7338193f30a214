//! What went wrong, for whoever asks later: crashes, and messages that were set aside. Of each is
//! kept what it was made of: it is put in words when somebody reads it.

use std::sync::Arc;
use std::time::Duration;

use contract::control::{CrashRecord, DeadLetter, DeadReason};
use contract::id::{ComponentId, MessageId};
use contract::lifecycle::Exit;
use contract::time::duration_text;
use contract::{Severity, StatusMessage, WallTime};
use kernel::{Clock, Crash, Shown};
use status::{Said, Wording, ids};

use crate::Host;

/// So many records of each kind are at hand.
pub(crate) const RECORDS_MAX: usize = 1_000;

/// A crash, and where it panicked: told in words when somebody asks.
#[derive(Debug)]
pub(crate) struct KeptCrash {
    number: u64,
    utc: WallTime,
    crash: Crash,
}

/// A message that was set aside.
#[derive(Debug)]
pub(crate) struct SetAside {
    pub(crate) clock: Clock,
    pub(crate) to: ComponentId,
    pub(crate) id: MessageId,
    pub(crate) name: &'static str,
    pub(crate) text: Shown,
    pub(crate) reason: DeadReason,
}

impl Wording for SetAside {
    fn id(&self) -> u32 {
        ids::MESSAGE_SET_ASIDE
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn strings(&self) -> Vec<String> {
        vec![self.name.to_owned(), self.id.to_string(), self.reason.to_string()]
    }
}

/// A life has ended so, and the next one begins after that delay.
#[derive(Debug)]
pub(crate) struct Restarts {
    pub(crate) exit: Arc<Exit>,
    pub(crate) delay: Duration,
}

impl Wording for Restarts {
    fn id(&self) -> u32 {
        ids::COMPONENT_RESTARTS
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn strings(&self) -> Vec<String> {
        vec![self.exit.to_string(), duration_text(self.delay)]
    }
}

impl Host {
    /// A life went wrong.
    pub(crate) fn record_crash(&mut self, clock: Clock, crash: Crash) {
        if let Some(text) = &crash.ending.drop_panic {
            let message = StatusMessage::warning(ids::COMPONENT_DROP_PANICKED).with(text);
            self.report(clock.utc, self.voices.of(crash.id), message);
        }
        self.crashes_seen += 1;
        self.crashes.add(KeptCrash { number: self.crashes_seen, utc: clock.utc, crash });
    }

    /// Records of crashes, of `component` or of all, the `last` ones.
    pub(crate) fn crashes(&self, component: Option<ComponentId>, last: usize) -> Vec<CrashRecord> {
        let wanted = |kept: &KeptCrash| component.is_none_or(|id| id == kept.crash.id);
        let found = self.crashes.newest_that(last, wanted).into_iter();
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
    pub(crate) fn record_dead_letter(&mut self, letter: SetAside) {
        let letter = Arc::new(letter);
        let message = Said::Unworded(Arc::clone(&letter) as Arc<dyn Wording>);
        self.report(letter.clock.utc, self.voices.of(letter.to), message);
        self.dead_letters.add(letter);
    }

    fn dead_letter(&self, letter: &SetAside) -> DeadLetter {
        let SetAside { clock, to, id, name, text, reason } = letter;
        DeadLetter {
            at: clock.now,
            utc: clock.utc,
            component: self.name_of(*to),
            id: *id,
            from: self.sender(id.from),
            name: (*name).to_owned(),
            text: text.to_string(),
            reason: reason.clone(),
        }
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
        let wanted = |letter: &Arc<SetAside>| component.is_none_or(|id| id == letter.to);
        let found = self.dead_letters.newest_that(last, wanted).into_iter();
        found.map(|letter| self.dead_letter(letter)).collect()
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
