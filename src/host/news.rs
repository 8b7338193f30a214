//! What the executive does, as status messages and log lines (domain.md 1.5, 3.3, 10.3).

use std::sync::Arc;

use contract::id::ComponentId;
use contract::lifecycle::{Exit, HoldKind, Restart, State, Substate};
use contract::time::{Moment, duration_text};
use contract::{Severity, StatusMessage, WallTime};
use kernel::{Clock, Ended, Notice, Passage, Transition};
use status::{Said, ids};

use crate::logbook::Words;
use crate::records::Restarts;
use crate::{Doing, Host};

impl Host {
    /// A component's change of state: a line in smsexec.log, and where it is an end, a status
    /// message of the component. The wording is the simulator's own, and so is every id but 500.
    pub(crate) fn tell_transition(&mut self, utc: WallTime, passage: Passage) {
        let Passage { id, from, to, generation, .. } = passage;
        let said = self.said_of(&passage);
        // First what happened, then what is said about it.
        if self.audience.changes {
            let name = Arc::clone(self.executive.name(id));
            self.doings.push(Doing::Changed(Box::new(Transition::of(passage, name))));
        }
        if from != to {
            let words = Words::Change(id, from, to, generation);
            self.log(utc, self.voices.executive, Severity::Informational, words);
        }
        if let Some(said) = said {
            self.report(utc, self.voices.of(id), said);
        }
    }

    fn said_of(&self, passage: &Passage) -> Option<Said> {
        let Passage { from, to, substate, end, .. } = passage;
        match (from, to) {
            (State::StartPending, State::Running) => {
                Some(Said::informational(ids::COMPONENT_STARTED))
            }
            (State::PausePending, State::Paused) => {
                Some(Said::informational(ids::COMPONENT_PAUSED))
            }
            (State::ContinuePending, State::Running) => {
                Some(Said::informational(ids::COMPONENT_RESUMED))
            }
            (State::Stopped, _) | (_, State::Running | State::Paused) => None,
            (_, State::Stopped) => match (end.as_ref()?, (*substate)?) {
                // It was stopped for a restart of its group, or failed with it: no mishap of its
                // own.
                (Ended::Stopped, _) => Some(Said::informational(ids::COMPONENT_STOPPED)),
                (Ended::Other(exit), Substate::Backoff { until }) if **exit != Exit::Killed => {
                    let (exit, delay) = (Arc::clone(exit), until.since(passage.at));
                    Some(Said::Unworded(Arc::new(Restarts { exit, delay })))
                }
                (Ended::Other(exit), substate) => {
                    Some(self.ended_message(passage, exit, substate).into())
                }
            },
            _ => None,
        }
    }

    fn ended_message(&self, passage: &Passage, exit: &Exit, substate: Substate) -> StatusMessage {
        match (exit, substate) {
            (Exit::Killed, _) => StatusMessage::warning(ids::COMPONENT_KILLED),
            (Exit::Ignore(why), _) => {
                StatusMessage::informational(ids::COMPONENT_NOT_APPLICABLE).with(why)
            }
            (_, Substate::Completed) => StatusMessage::informational(ids::COMPONENT_COMPLETED),
            // No mishap of its own either, whatever its budget.
            (Exit::Dependency(on), Substate::Failed) => {
                StatusMessage::error(ids::COMPONENT_DEPRIVED).with(on)
            }
            // Its restart type, and not its budget, is why it stays down.
            (exit, Substate::Failed) if !self.is_restarted(passage.id) => {
                StatusMessage::error(ids::COMPONENT_ENDED).with(exit.to_string())
            }
            (_, Substate::Failed) => {
                let budget = self.executive.budget(passage.id);
                StatusMessage::error(ids::COMPONENT_FAILED)
                    .with(budget.crashes.to_string())
                    .with(duration_text(budget.period))
                    .with(exit.to_string())
            }
            _ => StatusMessage::informational(ids::COMPONENT_STOPPED),
        }
    }

    fn is_restarted(&self, id: ComponentId) -> bool {
        self.executive.descriptor(id).restart != Restart::Temporary
    }

    /// SMS_EXECUTIVE as a whole. The order of lines at a start is the product's (domain.md 1.5).
    pub(crate) fn tell_service(&mut self, clock: Clock, state: State) {
        let utc = clock.utc;
        match state {
            State::StartPending => self.tell_service_start(clock),
            State::Running => {
                self.log(
                    utc,
                    self.voices.executive,
                    Severity::Informational,
                    "SMS_EXECUTIVE runs.",
                );
            }
            State::StopPending => {
                self.log(
                    utc,
                    self.voices.executive,
                    Severity::Informational,
                    "Stopping SMS_EXECUTIVE...",
                );
            }
            State::Stopped => {
                let message = StatusMessage::informational(ids::EXECUTIVE_STOPPED);
                self.report(utc, self.voices.executive, message);
            }
            State::ContinuePending | State::PausePending | State::Paused => {}
        }
    }

    fn tell_service_start(&mut self, clock: Clock) {
        let utc = clock.utc;
        let version = self.executive.stored().text("site.version").unwrap_or_default().to_owned();
        let lines = [
            "Starting SMS_EXECUTIVE...".to_owned(),
            format!("smsexec {}, a simulator. Site version {version}", env!("CARGO_PKG_VERSION")),
            format!("Process ID: {}", self.options.process),
            format!(
                "This server: {0}     Site server: {0}     Site code: {1}     Site type: 8",
                self.server, self.site_code
            ),
            "Initializing the status message reporting system...".to_owned(),
            "Status message reporting system initialized successfully.".to_owned(),
        ];
        for line in lines {
            self.log(utc, self.voices.executive, Severity::Informational, line);
        }
        self.report(
            utc,
            self.voices.executive,
            StatusMessage::informational(ids::COMPONENT_STARTED),
        );
        let components: Vec<ComponentId> = self.executive.ids().collect();
        for id in components {
            // The one in effect: an operator may have given it another than it declares.
            let words = Words::Initialized(id, self.executive.startup(id));
            self.log(utc, self.voices.executive, Severity::Informational, words);
        }
    }

    /// A backup begins: 500, then 5055 before the snapshot (domain.md 3.3, 10.3).
    pub(crate) fn tell_backup_begun(&mut self, utc: WallTime) {
        for id in [ids::COMPONENT_STARTED, ids::BACKUP_STARTED, ids::BACKUP_PREPARING] {
            self.report(utc, self.voices.backup, StatusMessage::informational(id));
        }
    }

    /// All is down: 5056 before the copy.
    pub(crate) fn tell_snapshot(&mut self, utc: WallTime) {
        self.report(utc, self.voices.backup, StatusMessage::informational(ids::BACKUP_COPYING));
    }

    pub(crate) fn tell_backup_done(&mut self, utc: WallTime, result: &Result<String, String>) {
        match result {
            Ok(place) => {
                let text = format!("The copy lies at {place}");
                self.log(utc, self.voices.backup, Severity::Informational, text);
                self.log(utc, self.voices.backup, Severity::Informational, "Backup completed");
                let message = StatusMessage::informational(ids::BACKUP_COMPLETED);
                self.report(utc, self.voices.backup, message);
            }
            Err(problem) => {
                let message = StatusMessage::error(ids::BACKUP_FAILED).with(problem);
                self.report(utc, self.voices.backup, message);
            }
        }
    }

    pub(crate) fn tell_late_copy(&mut self, utc: WallTime, result: &Result<String, String>) {
        let what = match result {
            Ok(place) => format!("the copy at {place}"),
            Err(problem) => format!("that the copy failed ({problem})"),
        };
        let text = format!("Too late: {what}. The backup's lease had run out before.");
        self.log(utc, self.voices.backup, Severity::Warning, text);
    }
}

/// Supervision, holds, liveness and back-pressure, in words (lifecycle.md 2.1, 3).
impl Host {
    pub(crate) fn tell_hold(
        &mut self,
        clock: Clock,
        kind: HoldKind,
        id: Option<ComponentId>,
        until: Moment,
    ) {
        let message = StatusMessage::informational(ids::HOLD_TAKEN)
            .with(kind.to_string())
            .with(self.whom(id))
            .with(duration_text(until.since(clock.now)));
        self.report(clock.utc, self.voices.executive, message);
    }

    pub(crate) fn tell_released(
        &mut self,
        clock: Clock,
        kind: HoldKind,
        id: Option<ComponentId>,
        expired: bool,
    ) {
        let message = if expired {
            StatusMessage::warning(ids::HOLD_RAN_OUT)
        } else {
            StatusMessage::informational(ids::HOLD_ENDED)
        };
        let message = message.with(kind.to_string()).with(self.whom(id));
        self.report(clock.utc, self.voices.executive, message);
    }

    fn whom(&self, id: Option<ComponentId>) -> String {
        id.map_or("every component".to_owned(), |id| self.name_of(id))
    }

    pub(crate) fn tell_pressed(&mut self, clock: Clock, from: ComponentId, to: ComponentId) {
        let (sender, receiver) = (self.name_of(from), self.name_of(to));
        let message = StatusMessage::warning(ids::INBOX_FULL).with(receiver).with(sender);
        self.report(clock.utc, self.voices.of(to), message);
    }

    /// Says what is worth knowing: a status message of the component, or of the executive.
    pub(crate) fn tell_notice(&mut self, clock: Clock, notice: &Notice) {
        let (reporter, message) = match notice {
            Notice::StartedAgain(id) => {
                (Some(id), StatusMessage::informational(ids::COMPONENT_STARTED_AGAIN))
            }
            Notice::Hung(id, away) => {
                (Some(id), StatusMessage::error(ids::COMPONENT_HUNG).with(duration_text(*away)))
            }
            Notice::Recovered(id, away) => {
                let message = StatusMessage::informational(ids::COMPONENT_RECOVERED);
                (Some(id), message.with(duration_text(*away)))
            }
            Notice::Zombie(id, life) => {
                (Some(id), StatusMessage::warning(ids::COMPONENT_ZOMBIE).with(life.to_string()))
            }
            Notice::ZombieEnded(id, life) => {
                let message = StatusMessage::informational(ids::COMPONENT_ZOMBIE_GONE);
                (Some(id), message.with(life.to_string()))
            }
            Notice::StartupChanged(id, before, now) => {
                let message = StatusMessage::informational(ids::COMPONENT_STARTUP_CHANGED);
                (Some(id), message.with(before.to_string()).with(now.to_string()))
            }
            Notice::Removed(id) => (Some(id), StatusMessage::informational(ids::COMPONENT_REMOVED)),
            Notice::ControlTimedOut(id, state) => {
                let message = StatusMessage::warning(ids::CONTROL_TIMED_OUT);
                let control = match state {
                    State::StartPending => "start",
                    State::PausePending => "pause",
                    _ => "resume",
                };
                (Some(id), message.with(control).with("30s"))
            }
            Notice::Deprived(id, of) => {
                let text = format!("It cannot be without {of}, and {of} is not to be had (1068).");
                return self.log_for(clock, *id, text);
            }
            notice => (None, self.own_message(notice)),
        };
        let by = reporter.map_or(self.voices.executive, |id| self.voices.of(*id));
        self.report(clock.utc, by, message);
    }

    /// What is said of the executive itself.
    fn own_message(&self, notice: &Notice) -> StatusMessage {
        match notice {
            Notice::CarrierLost(shard, id) => StatusMessage::error(ids::SHARD_LOST)
                .with(shard.to_string())
                .with(self.name_of(*id)),
            Notice::GroupRestarts(group, strategy, delay) => {
                StatusMessage::informational(ids::GROUP_RESTARTS)
                    .with(&**group)
                    .with(strategy.to_string())
                    .with(duration_text(*delay))
            }
            Notice::GroupFailed(group, budget) => StatusMessage::error(ids::GROUP_FAILED)
                .with(&**group)
                .with(budget.crashes.to_string())
                .with(duration_text(budget.period)),
            Notice::ExecutiveRestarts(id) => {
                StatusMessage::warning(ids::EXECUTIVE_RESTARTS).with(self.name_of(*id))
            }
            Notice::ExecutiveGivesUp(id) => StatusMessage::error(ids::EXECUTIVE_GIVES_UP)
                .with(self.options.budget.crashes.to_string())
                .with(duration_text(self.options.budget.period))
                .with(self.name_of(*id)),
            _ => StatusMessage::warning(ids::EXECUTIVE_ENDED_BADLY),
        }
    }
}
