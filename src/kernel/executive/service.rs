//! SMS_EXECUTIVE as a whole: start, stop, restart, backup.

use contract::control::{Accepted, Outcome, Refusal, ServiceCommand, ServiceStatus};
use contract::id::OpId;
use contract::lifecycle::{Code, Desired, Startup, State, Substate};
use contract::time::Moment;

use super::{Executive, Step};

#[derive(Debug)]
pub(super) struct Service {
    pub(super) state: State,
    pub(super) plan: Plan,
    pub(super) operation: Option<OpId>,
    /// What went wrong on the way; told when the operation ends.
    pub(super) problem: Option<String>,
}

/// What follows when everything is Stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    StayStopped,
    StartAgain,
    /// Copy the site, then start what was up. The one hold there is so far.
    Backup,
}

impl Executive {
    /// Commands the executive as a whole.
    ///
    /// # Errors
    /// 1056 for a start when it is not Stopped, 1062 for a stop when it is, 1061 while it is
    /// on its way, 1055 during a backup, 87 for a query, which is [`Executive::service_status`].
    pub fn service(&mut self, now: Moment, command: ServiceCommand) -> Result<Accepted, Refusal> {
        let refuse = |code: Code, reason: &str, way_out: &str| {
            Err(Refusal::new(code, "SMS_EXECUTIVE", reason, way_out))
        };
        if self.service.plan == Plan::Backup {
            return refuse(
                Code::DATABASE_LOCKED,
                "a backup holds it",
                "wait until the backup is done",
            );
        }
        match (command, self.service.state) {
            (ServiceCommand::Query, _) => {
                refuse(Code::INVALID_PARAMETER, "a query is no command", "")
            }
            // A start that takes its time does not keep anybody from stopping it.
            (ServiceCommand::Stop, State::StartPending) => {
                self.cancel_service_operation();
                Ok(self.stop_service(now, Plan::StayStopped))
            }
            (_, State::StartPending | State::StopPending) => {
                refuse(Code::CANNOT_ACCEPT_CONTROL, "it is on its way", "wait, then try again")
            }
            (ServiceCommand::Stop, State::Stopped) => {
                refuse(Code::NOT_ACTIVE, "it is stopped", "exec start starts it")
            }
            (ServiceCommand::Start | ServiceCommand::Restart, State::Stopped) => {
                let accepted = self.begin_service_operation(Plan::StayStopped);
                self.start_service(now, true);
                Ok(accepted)
            }
            (ServiceCommand::Start, _) => refuse(Code::ALREADY_RUNNING, "it is running", ""),
            (ServiceCommand::Stop, _) => Ok(self.stop_service(now, Plan::StayStopped)),
            (ServiceCommand::Restart, _) => Ok(self.stop_service(now, Plan::StartAgain)),
        }
    }

    /// Begins a backup: everything is stopped, [`Step::Snapshot`] asks for the copy, and what
    /// was up is started again (R-023, domain.md 10.3).
    ///
    /// # Errors
    /// 1061 unless the executive is Running, 1055 while a backup is under way.
    pub fn backup(&mut self, now: Moment) -> Result<Accepted, Refusal> {
        let refuse = |code: Code, reason: &str, way_out: &str| {
            Err(Refusal::new(code, "SMS_SITE_BACKUP", reason, way_out))
        };
        if self.service.plan == Plan::Backup {
            return refuse(Code::DATABASE_LOCKED, "a backup is under way", "wait until it is done");
        }
        if self.service.state != State::Running {
            return refuse(
                Code::CANNOT_ACCEPT_CONTROL,
                "SMS_EXECUTIVE is not running",
                "exec start starts it",
            );
        }
        Ok(self.stop_service(now, Plan::Backup))
    }

    /// The copy has been made, or could not be: the executive starts again either way.
    pub fn backup_done(&mut self, now: Moment, result: Result<(), String>) {
        if self.service.plan != Plan::Backup || self.service.state != State::Stopped {
            return;
        }
        self.service.plan = Plan::StayStopped;
        self.service.problem = result.err();
        self.start_service(now, false);
    }

    /// What the executive as a whole is.
    pub fn service_status(&self) -> ServiceStatus {
        let running = self.records.iter().filter(|record| record.state == State::Running).count();
        let held = self.service.plan == Plan::Backup;
        ServiceStatus {
            state: self.service.state,
            running: running as u64,
            components: self.records.len() as u64,
            holds: if held { vec!["backup".to_owned()] } else { Vec::new() },
        }
    }

    fn cancel_service_operation(&mut self) {
        if let Some(operation) = self.service.operation.take() {
            let text = "a later command took its place".to_owned();
            self.steps.push(Step::Resolved(Outcome { operation, code: Code::CANCELLED, text }));
        }
    }

    pub(super) fn begin_service_operation(&mut self, plan: Plan) -> Accepted {
        let id = self.next_operation();
        self.service.operation = Some(id);
        self.service.plan = plan;
        Accepted { operation: Some(id), code: Code::OK, note: "accepted".into() }
    }

    /// `fresh`: a new start of the executive, which ends an operator's stops (lifecycle.md
    /// 2.4). After a backup only what was up comes back.
    pub(super) fn start_service(&mut self, now: Moment, fresh: bool) {
        self.set_service(State::StartPending);
        for index in 0..self.records.len() {
            let record = &mut self.records[index];
            let held = record.substate == Substate::Held;
            if fresh {
                // A manual component waits for a start command, whatever it did before.
                let automatic = record.startup == Startup::Automatic;
                record.desired = if automatic { Desired::Up } else { Desired::Down };
                record.crashes.forgive();
                if !automatic && held {
                    record.substate = Substate::Operator;
                }
            }
            if record.desired != Desired::Down && (fresh || held) {
                self.begin_life(now, index);
            }
        }
        self.continue_plan(now);
    }

    pub(super) fn stop_service(&mut self, now: Moment, plan: Plan) -> Accepted {
        let accepted = self.begin_service_operation(plan);
        self.set_service(State::StopPending);
        for index in 0..self.records.len() {
            let record = &mut self.records[index];
            let restarting = std::mem::take(&mut record.starts_again);
            match record.state {
                State::Stopped => {
                    if matches!(record.substate, Substate::Backoff { .. }) {
                        self.set_stopped(now, index, Substate::Held, None);
                    }
                }
                State::StopPending if restarting => {
                    self.resolve(index, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
                }
                State::StopPending => {}
                _ => {
                    self.resolve(index, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
                    self.order_stop(now, index);
                }
            }
        }
        self.continue_plan(now);
        accepted
    }

    /// Takes the next step of a service command once the components have got there.
    pub(super) fn continue_plan(&mut self, now: Moment) {
        match self.service.state {
            State::StartPending if self.starting == 0 => {
                self.set_service(State::Running);
                self.resolve_service("running");
            }
            State::StopPending if self.alive == 0 => {
                self.set_service(State::Stopped);
                match self.service.plan {
                    Plan::StayStopped => self.resolve_service("stopped"),
                    Plan::StartAgain => {
                        self.service.plan = Plan::StayStopped;
                        self.start_service(now, true);
                    }
                    Plan::Backup => self.steps.push(Step::Snapshot),
                }
            }
            _ => {}
        }
    }

    pub(super) fn set_service(&mut self, state: State) {
        self.service.state = state;
        self.steps.push(Step::Service(state));
    }

    pub(super) fn resolve_service(&mut self, text: &str) {
        let problem = self.service.problem.take();
        if let Some(operation) = self.service.operation.take() {
            let (code, text) = match problem {
                None => (Code::OK, text.to_owned()),
                Some(problem) => {
                    (Code::SPECIFIC, format!("{text} again, but the copy failed: {problem}"))
                }
            };
            let outcome = Outcome { operation, code, text };
            self.steps.push(Step::Resolved(outcome));
        }
    }
}
