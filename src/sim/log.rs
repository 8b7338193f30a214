//! The event log of a site, and what goes into it.

use std::sync::Arc;

use contract::control::{Ask, Outcome, Refusal, ServiceCommand, Told};
use contract::id::ComponentId;
use contract::lifecycle::{Command, CommandOptions};
use contract::status::StatusRecord;
use contract::store::Change;
use contract::time::{Moment, duration_text};
use kernel::{LifeChange, LifeEvent, Notice, Output, Transition};

use crate::event::{Event, What};
use crate::run::Site;

/// Everything that has happened, in order, and up to where a test has looked at it.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    events: Vec<Event>,
    /// How many of them [`Site::expect`] has left behind.
    pub(crate) cursor: usize,
    /// The numbers of the events after which a shard's turn began, in order.
    turns: Vec<u64>,
}

impl EventLog {
    pub(crate) fn record(&mut self, at: Moment, what: What) {
        let number = self.events.len() as u64 + 1;
        self.events.push(Event { number, at, what });
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// A shard's turn is going to be heard.
    fn begin_turn(&mut self) {
        let last = self.events.len() as u64;
        if self.turns.last() != Some(&last) {
            self.turns.push(last);
        }
    }

    /// Whether a shard's turn began after that event.
    pub(crate) fn begins_turn(&self, event: u64) -> bool {
        self.turns.binary_search(&event).is_ok()
    }
}

impl Site {
    /// Everything that has happened, in its one order.
    ///
    /// Together with the tables of the lifecycle reference this is what a test is judged by:
    /// every change of state, delivery, request, command, status message and injected fault is
    /// in it. [`replay`](crate::replay) makes the status of every component of it.
    pub fn events(&self) -> &[Event] {
        self.log.events()
    }

    /// The same as text, a line for each event. The same seed gives the same lines, byte for
    /// byte.
    pub fn trace(&self) -> Vec<String> {
        self.events().iter().map(ToString::to_string).collect()
    }

    pub(crate) fn record(&mut self, what: What) {
        self.log.record(self.now, what);
        self.check_last_event();
    }

    /// What comes next is of another turn of a shard.
    pub(crate) fn record_turn(&mut self) {
        self.log.begin_turn();
        if let Some(invariants) = self.invariants.as_mut().filter(|_| self.checked) {
            invariants.turn_begins();
        }
    }

    /// Records that a message is done with where no shard says so: one that a fault rule loses,
    /// and one whose time is over when the executive delivers what is kept.
    pub(crate) fn witness_change(&mut self, change: &Change) {
        let Change::Settled { to, id } = change else { return };
        let told = |event: &Event| {
            matches!(&event.what, What::Settled { to: other, id: same }
                if **other == **to && same == id)
        };
        if !self.events().last().is_some_and(told) {
            self.record(What::Settled { to: to.as_str().into(), id: *id });
        }
    }

    /// How the site began: what each component is before anything has happened.
    pub(crate) fn record_components(&mut self) {
        for row in self.rows() {
            self.record(What::Registered {
                name: row.name.into(),
                generation: row.generation,
                state: row.state,
                substate: row.substate,
            });
        }
    }

    /// Records what of a shard's output the host keeps to itself. What is the driver's alone
    /// is not handed back.
    pub(crate) fn witness(&mut self, output: Output) -> Option<Output> {
        match &output {
            Output::Life(LifeEvent { id, generation, change: LifeChange::Ended(ending) }) => {
                if let Some(text) = &ending.drop_panic {
                    let (name, generation) = (self.name(*id), *generation);
                    self.record(What::DropPanicked { name, generation, text: text.clone() });
                }
            }
            Output::Accepted { to, message_id, message, .. } => {
                let (to, from) = (self.name(*to), self.sender(message_id.from));
                self.record(What::Passed { to, from, id: *message_id, message: message.name() });
            }
            Output::DeadLetter { to, message_id, name, reason, .. } => {
                let (to, from) = (self.name(*to), self.sender(message_id.from));
                let reason = (**reason).clone();
                self.record(What::SetAside { to, from, id: *message_id, message: name, reason });
            }
            Output::Settled { to, message_id } => {
                let to = self.name(*to);
                self.record(What::Settled { to, id: *message_id });
            }
            Output::Pressed { from, to } => {
                let (from, to) = (self.name(*from), self.name(*to));
                self.record(What::Pressed { from, to });
            }
            _ => {}
        }
        let Output::Trace { id, generation, from, what } = output else { return Some(output) };
        let (to, from) = (self.name(id), self.sender(from));
        self.record(What::Delivered { to, generation, from, what });
        None
    }

    pub(crate) fn record_change(&mut self, transition: Transition) {
        let Transition { name, generation, from, to, substate, exit, .. } = transition;
        self.record(What::Changed { name, generation, from, to, substate, exit });
    }

    pub(crate) fn record_outcome(&mut self, outcome: &Outcome) {
        let Outcome { operation, code, text } = outcome.clone();
        self.record(What::Resolved { operation, code, text });
    }

    pub(crate) fn record_status(&mut self, record: StatusRecord) {
        let StatusRecord { component, message, text, .. } = record;
        let (id, severity) = (message.id, message.severity);
        self.record(What::Reported { component, id, severity, text });
    }

    /// Something that the executive thinks a person would want to know.
    pub(crate) fn record_notice(&mut self, notice: &Notice) {
        let (about, text) = self.words_of_notice(notice);
        self.record(What::Noticed { about, text });
    }

    fn words_of_notice(&self, notice: &Notice) -> (Option<Arc<str>>, String) {
        let own = |text: String| (None, text);
        match notice {
            Notice::StartedAgain(id) => {
                (Some(self.name(*id)), "starts again, although an operator had stopped it".into())
            }
            Notice::Hung(id, away) => {
                (Some(self.name(*id)), format!("hangs, for {}", duration_text(*away)))
            }
            Notice::Recovered(id, away) => {
                (Some(self.name(*id)), format!("is back after {}", duration_text(*away)))
            }
            Notice::Zombie(id, life) => {
                (Some(self.name(*id)), format!("life {life} was given up, its code is still out"))
            }
            Notice::ZombieEnded(id, life) => {
                (Some(self.name(*id)), format!("the code of life {life} has come back"))
            }
            Notice::Removed(id) => (Some(self.name(*id)), "is removed".into()),
            Notice::StartupChanged(id, _, now) => {
                (Some(self.name(*id)), format!("has the startup type {now}"))
            }
            Notice::Deprived(id, of) => (Some(self.name(*id)), format!("cannot be without {of}")),
            Notice::ControlTimedOut(id, state) => {
                (Some(self.name(*id)), format!("is still {state} after 30s"))
            }
            Notice::CarrierLost(shard, id) => {
                own(format!("the thread of shard {shard} is lost to {}", self.name(*id)))
            }
            Notice::GroupRestarts(group, strategy, delay) => {
                own(format!("group {group} ({strategy}) restarts in {}", duration_text(*delay)))
            }
            Notice::GroupFailed(group, _) => own(format!("group {group} has failed")),
            Notice::ExecutiveRestarts(id) => own(format!("restarts because of {}", self.name(*id))),
            Notice::ExecutiveGivesUp(id) => own(format!("gives up because of {}", self.name(*id))),
            Notice::AfterUncleanEnd => own("did not end as it should before".into()),
        }
    }

    /// What has become of a command.
    pub(crate) fn record_told(
        &mut self,
        (subject, command): (String, String),
        told: &Result<Told, Refusal>,
    ) {
        self.record(match told {
            Ok(told) => {
                let accepted = match told {
                    Told::Accepted(accepted) => Some(accepted),
                    _ => None,
                };
                let operation = accepted.and_then(|accepted| accepted.operation);
                let code = accepted.map_or(contract::Code::OK, |accepted| accepted.code);
                What::Accepted { subject, command, operation, code }
            }
            Err(refusal) => What::Refused { subject, command, code: refusal.code },
        });
    }

    pub(crate) fn name(&self, id: ComponentId) -> Arc<str> {
        Arc::clone(self.host.name(id))
    }

    fn sender(&self, id: ComponentId) -> Option<Arc<str>> {
        (id != ComponentId::OUTSIDE).then(|| self.name(id))
    }
}

/// A command's options, as the console has them.
fn words_of(options: CommandOptions) -> String {
    let CommandOptions { queue, dependents, persist, force } = options;
    let words =
        [(queue, "queue"), (dependents, "dependents"), (persist, "persist"), (force, "force")];
    words.iter().filter(|(given, _)| *given).map(|(_, word)| format!(" --{word}")).collect()
}

/// What a command is for, and the command in words; none for a question, which changes nothing
/// and is no event.
pub(crate) fn command_of(ask: &Ask) -> Option<(String, String)> {
    let (subject, command) = match ask {
        Ask::Control { command: Command::Query, .. } | Ask::Service(ServiceCommand::Query) => {
            return None;
        }
        Ask::Control { component, command, options } => {
            (component.as_str(), format!("{command}{}", words_of(*options)))
        }
        Ask::Hold { component, lease } => {
            (component.as_str(), format!("hold for {}", duration_text(*lease)))
        }
        Ask::Release { component } => (component.as_str(), "release".to_owned()),
        Ask::Remove { component } => (component.as_str(), "remove".to_owned()),
        Ask::SetStartup { component, startup } => {
            (component.as_str(), format!("give startup type {startup} to"))
        }
        Ask::Service(command) => (host::EXECUTIVE, format!("{command:?}").to_ascii_lowercase()),
        Ask::Backup => (host::SITE_BACKUP, "back up".to_owned()),
        Ask::Set { key, value } => (key.as_str(), format!("set {value:?} for")),
        Ask::Cloud(contract::cloud::CloudCommand::Show) => return None,
        Ask::Cloud(command) => ("the cloud", format!("{command:?} to")),
        _ => return None,
    };
    Some((subject.to_owned(), command))
}
