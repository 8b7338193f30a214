//! What the executive does, as status messages and log lines (domain.md 1.5, 3.3, 10.3).

use contract::id::ComponentId;
use contract::lifecycle::{Exit, Restart, State, Substate};
use contract::time::duration_text;
use contract::{Severity, StatusMessage, WallTime};
use kernel::Transition;
use status::ids;

use crate::{EXECUTIVE, Host, SITE_BACKUP};

impl Host {
    /// A component's change of state: a line in smsexec.log, and where it is an end, a status
    /// message of the component. The wording is the simulator's own, and so is every id but 500.
    pub(crate) fn tell_transition(&mut self, utc: WallTime, transition: &Transition) {
        let Transition { name, from, to, generation, .. } = transition;
        let name = name.clone();
        if from != to {
            let text = format!("{name}: {from} -> {to}, generation {generation}.");
            self.log(utc, EXECUTIVE, Severity::Informational, text);
        }
        if let Some(message) = self.message_of(transition) {
            self.report(utc, &name, message);
        }
    }

    fn message_of(&self, transition: &Transition) -> Option<StatusMessage> {
        let Transition { from, to, substate, exit, .. } = transition;
        match (from, to) {
            (State::StartPending, State::Running) => {
                Some(StatusMessage::informational(ids::COMPONENT_STARTED))
            }
            (State::PausePending, State::Paused) => {
                Some(StatusMessage::informational(ids::COMPONENT_PAUSED))
            }
            (State::ContinuePending, State::Running) => {
                Some(StatusMessage::informational(ids::COMPONENT_RESUMED))
            }
            (State::Stopped, _) | (_, State::Running | State::Paused) => None,
            (_, State::Stopped) => {
                Some(self.ended_message(transition, exit.as_ref()?, (*substate)?))
            }
            _ => None,
        }
    }

    fn ended_message(
        &self,
        transition: &Transition,
        exit: &Exit,
        substate: Substate,
    ) -> StatusMessage {
        match (exit, substate) {
            (_, Substate::Backoff { until }) => {
                let delay = duration_text(until.since(transition.at));
                StatusMessage::error(ids::COMPONENT_RESTARTS).with(exit.to_string()).with(delay)
            }
            (Exit::Ignore(why), _) => {
                StatusMessage::informational(ids::COMPONENT_NOT_APPLICABLE).with(why)
            }
            (_, Substate::Completed) => StatusMessage::informational(ids::COMPONENT_COMPLETED),
            // Its restart type, and not its budget, is why it stays down.
            (exit, Substate::Failed) if !self.is_restarted(transition.id) => {
                StatusMessage::error(ids::COMPONENT_ENDED).with(exit.to_string())
            }
            (_, Substate::Failed) => {
                let budget = self.executive.descriptor(transition.id).budget;
                StatusMessage::error(ids::COMPONENT_FAILED)
                    .with(budget.crashes.to_string())
                    .with(duration_text(budget.period))
                    .with(exit.to_string())
            }
            (Exit::Killed, _) => StatusMessage::warning(ids::COMPONENT_KILLED),
            _ => StatusMessage::informational(ids::COMPONENT_STOPPED),
        }
    }

    fn is_restarted(&self, id: ComponentId) -> bool {
        self.executive.descriptor(id).restart != Restart::Temporary
    }

    /// SMS_EXECUTIVE as a whole. The order of lines at a start is the product's (domain.md 1.5).
    pub(crate) fn tell_service(&mut self, utc: WallTime, state: State) {
        match state {
            State::StartPending => self.tell_service_start(utc),
            State::Running => {
                self.log(utc, EXECUTIVE, Severity::Informational, "SMS_EXECUTIVE runs.".into());
            }
            State::StopPending => {
                self.log(
                    utc,
                    EXECUTIVE,
                    Severity::Informational,
                    "Stopping SMS_EXECUTIVE...".into(),
                );
            }
            State::Stopped => {
                let message = StatusMessage::informational(ids::EXECUTIVE_STOPPED);
                self.report(utc, EXECUTIVE, message);
            }
            State::ContinuePending | State::PausePending | State::Paused => {}
        }
    }

    fn tell_service_start(&mut self, utc: WallTime) {
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
            self.log(utc, EXECUTIVE, Severity::Informational, line);
        }
        self.report(utc, EXECUTIVE, StatusMessage::informational(ids::COMPONENT_STARTED));
        let rows: Vec<String> = self
            .executive
            .ids()
            .map(|id| {
                let startup = self.executive.descriptor(id).startup;
                format!(
                    "{} initialized, startup type = \"{startup}\", current state = \"Stopped\", \
                     requested operation = \"None\".",
                    self.executive.name(id)
                )
            })
            .collect();
        for row in rows {
            self.log(utc, EXECUTIVE, Severity::Informational, row);
        }
    }

    /// A backup begins: 500, then 5055 before the snapshot (domain.md 3.3, 10.3).
    pub(crate) fn tell_backup_begun(&mut self, utc: WallTime) {
        for id in [ids::COMPONENT_STARTED, ids::BACKUP_STARTED, ids::BACKUP_PREPARING] {
            self.report(utc, SITE_BACKUP, StatusMessage::informational(id));
        }
    }

    /// All is down: 5056 before the copy.
    pub(crate) fn tell_snapshot(&mut self, utc: WallTime) {
        self.report(utc, SITE_BACKUP, StatusMessage::informational(ids::BACKUP_COPYING));
    }

    pub(crate) fn tell_backup_done(&mut self, utc: WallTime, result: &Result<String, String>) {
        match result {
            Ok(place) => {
                let text = format!("The copy lies at {place}");
                self.log(utc, SITE_BACKUP, Severity::Informational, text);
                self.log(utc, SITE_BACKUP, Severity::Informational, "Backup completed".into());
                let message = StatusMessage::informational(ids::BACKUP_COMPLETED);
                self.report(utc, SITE_BACKUP, message);
            }
            Err(problem) => {
                let message = StatusMessage::error(ids::BACKUP_FAILED).with(problem);
                self.report(utc, SITE_BACKUP, message);
            }
        }
    }
}
