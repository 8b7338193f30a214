//! SMS_EXECUTIVE as a whole: start, stop, restart, backup.

use std::time::Duration;

use contract::control::{Accepted, Refusal, ServiceCommand, ServiceStatus};
use contract::id::OpId;
use contract::lifecycle::{Code, Desired, HoldKind, Startup, State, Substate};
use contract::time::Moment;

use super::{Due, Executive, Notice, SUPERSEDED, Step};

/// How the process ends when the executive was restarted too often (lifecycle.md 3.5).
const EXIT_GAVE_UP: u8 = 20;
/// How it ends when code of lives that were given up has not come back (case X06).
const EXIT_ZOMBIES: u8 = 21;

#[derive(Debug)]
pub(super) struct Service {
    pub(super) state: State,
    plan: Plan,
    operation: Option<OpId>,
    /// What went wrong on the way; told when the operation ends.
    problem: Option<String>,
    /// A backup holds every component until then.
    pub(super) backup_until: Option<Moment>,
    after_unclean_end: bool,
    unclean_end_told: bool,
    gave_up: bool,
}

/// What follows when everything is Stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    StayStopped,
    StartAgain,
    /// Copy the site, then start what was up.
    Backup,
    /// Start what was up: the backup's lease has run out before all was down.
    ComeBack,
}

impl Service {
    pub(super) fn new(after_unclean_end: bool) -> Self {
        Service {
            state: State::Stopped,
            plan: Plan::StayStopped,
            operation: None,
            problem: None,
            backup_until: None,
            after_unclean_end,
            unclean_end_told: false,
            gave_up: false,
        }
    }
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
        let held = self.service.backup_until.is_some();
        let accepted = match (command, self.service.state) {
            (ServiceCommand::Query, _) => {
                return refuse(Code::INVALID_PARAMETER, "a query is no command", "");
            }
            // The lease of an earlier process: it starts when that has run out.
            (ServiceCommand::Start, State::Stopped)
                if held && self.service.plan == Plan::StayStopped =>
            {
                self.begin_service_operation(Plan::StartAgain)
            }
            // It waits for such a lease, and is not to start after all.
            (ServiceCommand::Stop, State::Stopped)
                if held && self.service.plan == Plan::StartAgain =>
            {
                self.cancel_service_operation();
                self.service.plan = Plan::StayStopped;
                Accepted { operation: None, code: Code::OK, note: "it does not start".into() }
            }
            _ if held => {
                let way_out = "wait until the backup is done or its lease has run out";
                return refuse(Code::DATABASE_LOCKED, "a backup holds it", way_out);
            }
            // A start that takes its time does not keep anybody from stopping it.
            (ServiceCommand::Stop, State::StartPending) => {
                self.cancel_service_operation();
                self.stop_service(now, Plan::StayStopped)
            }
            (_, State::StartPending | State::StopPending) => {
                let (reason, way_out) = ("it is on its way", "wait, then try again");
                return refuse(Code::CANNOT_ACCEPT_CONTROL, reason, way_out);
            }
            (ServiceCommand::Stop, State::Stopped) => {
                return refuse(Code::NOT_ACTIVE, "it is stopped", "exec start starts it");
            }
            (ServiceCommand::Start | ServiceCommand::Restart, State::Stopped) => {
                let accepted = self.begin_service_operation(Plan::StayStopped);
                self.start_service(now, true);
                accepted
            }
            (ServiceCommand::Start, _) => {
                return refuse(Code::ALREADY_RUNNING, "it is running", "");
            }
            (ServiceCommand::Stop, _) => self.stop_service(now, Plan::StayStopped),
            (ServiceCommand::Restart, _) => self.stop_service(now, Plan::StartAgain),
        };
        self.settle(now);
        Ok(accepted)
    }

    /// Begins a backup: everything is stopped, [`Step::Snapshot`] asks for the copy, and what
    /// was up is started again (R-023, domain.md 10.3), after `lease` at the latest.
    ///
    /// # Errors
    /// 1061 unless the executive is Running, 1055 while a backup is under way.
    pub fn backup(&mut self, now: Moment, lease: Duration) -> Result<Accepted, Refusal> {
        let refuse = |code: Code, reason: &str, way_out: &str| {
            Err(Refusal::new(code, "SMS_SITE_BACKUP", reason, way_out))
        };
        if self.service.backup_until.is_some() {
            return refuse(Code::DATABASE_LOCKED, "a backup is under way", "wait until it is done");
        }
        if self.service.state != State::Running {
            return refuse(
                Code::CANNOT_ACCEPT_CONTROL,
                "SMS_EXECUTIVE is not running",
                "exec start starts it",
            );
        }
        self.take_backup_lease(now + lease);
        let accepted = self.stop_service(now, Plan::Backup);
        self.settle(now);
        Ok(accepted)
    }

    /// A backup that an earlier process had begun holds on until its lease runs out.
    pub(super) fn restore_backup(&mut self, until: Moment) {
        self.take_backup_lease(until);
    }

    fn take_backup_lease(&mut self, until: Moment) {
        self.service.backup_until = Some(until);
        self.set_due(until, Due::Backup);
        self.steps.push(Step::Hold(HoldKind::Backup, None, until));
    }

    fn release_backup(&mut self, expired: bool) {
        self.service.backup_until = None;
        self.steps.push(Step::Released { kind: HoldKind::Backup, id: None, expired });
    }

    /// The copy for that backup has been made, or could not be: the executive starts again either
    /// way. False, and nothing changes, if it was not waited for any more: its lease had run out,
    /// and another backup may be under way by now.
    pub fn backup_done(&mut self, now: Moment, backup: OpId, result: Result<(), String>) -> bool {
        let awaited = self.service.plan == Plan::Backup && self.service.state == State::Stopped;
        if !awaited || self.service.operation != Some(backup) {
            return false;
        }
        self.service.plan = Plan::StayStopped;
        self.service.problem = result.err();
        self.release_backup(false);
        self.start_service(now, false);
        self.settle(now);
        true
    }

    /// The lease of a backup has run out, or somebody has ended it: whatever became of the copy, the executive comes back.
    pub(super) fn end_backup_lease(&mut self, now: Moment, expired: bool) {
        self.release_backup(expired);
        self.service.problem = Some("its lease ran out before the copy was made".to_owned());
        match (self.service.plan, self.service.state) {
            (Plan::Backup, State::StopPending) => self.service.plan = Plan::ComeBack,
            (Plan::Backup, _) => {
                self.service.plan = Plan::StayStopped;
                self.start_service(now, false);
            }
            // That of an earlier process: nobody waits for its copy.
            (Plan::StartAgain, State::Stopped) => {
                self.service.problem = None;
                self.service.plan = Plan::StayStopped;
                self.start_service(now, true);
            }
            _ => self.service.problem = None,
        }
    }

    /// Ends the hold of a backup that an earlier process had begun, before its lease runs out.
    ///
    /// # Errors
    /// 1062 if there is none; 1061 if it is this process's own, which ends by itself.
    pub fn release_all(&mut self, now: Moment) -> Result<Accepted, Refusal> {
        let refuse = |code: Code, reason: &str, way_out: &str| {
            Err(Refusal::new(code, "SMS_EXECUTIVE", reason, way_out))
        };
        if self.service.backup_until.is_none() {
            return refuse(Code::NOT_ACTIVE, "no backup holds it", "");
        }
        if matches!(self.service.plan, Plan::Backup | Plan::ComeBack) {
            let way_out = "wait until it is done";
            return refuse(Code::CANNOT_ACCEPT_CONTROL, "the backup is under way", way_out);
        }
        self.end_backup_lease(now, false);
        self.settle(now);
        let operation = self.service.operation;
        Ok(Accepted { operation, code: Code::OK, note: "released".into() })
    }

    /// Whether a backup keeps every component down.
    pub fn is_backed_up(&self) -> bool {
        self.service.backup_until.is_some()
    }

    /// What the executive as a whole is.
    pub fn service_status(&self, now: Moment) -> ServiceStatus {
        ServiceStatus {
            state: self.service.state,
            running: self.running as u64,
            components: self.records.len() as u64,
            holds: self.holds_on_all(),
            hold_left: self.service.backup_until.map(|until| until.since(now)),
            zombies: self.zombies(),
            exit_status: self.exit_status(),
            after_unclean_end: self.service.after_unclean_end,
        }
    }

    /// How the process would end now; none unless the executive is Stopped and stays so.
    fn exit_status(&self) -> Option<u8> {
        if self.service.state != State::Stopped || self.service.plan != Plan::StayStopped {
            return None;
        }
        if self.service.gave_up {
            return Some(EXIT_GAVE_UP);
        }
        Some(if self.haunted.is_empty() { 0 } else { EXIT_ZOMBIES })
    }

    /// A component has failed for good and the executive is to be restarted for it, unless that
    /// has happened too often.
    pub(super) fn escalate_to_executive(&mut self, now: Moment, index: usize) {
        if self.service.state != State::Running && self.service.state != State::StartPending {
            return;
        }
        let id = self.records[index].id;
        let budget = self.options.budget;
        self.cancel_service_operation();
        if self.restarts.charge(now, &budget) {
            self.service.gave_up = true;
            self.notice(Notice::ExecutiveGivesUp(id));
            self.stop_service(now, Plan::StayStopped);
        } else {
            self.notice(Notice::ExecutiveRestarts(id));
            self.stop_service(now, Plan::StartAgain);
        }
    }

    fn cancel_service_operation(&mut self) {
        if let Some(operation) = self.service.operation.take() {
            self.resolve_operation(operation, Code::CANCELLED, SUPERSEDED);
        }
    }

    fn begin_service_operation(&mut self, plan: Plan) -> Accepted {
        let id = self.next_operation();
        self.service.operation = Some(id);
        self.service.plan = plan;
        self.service.problem = None;
        Accepted { operation: Some(id), code: Code::OK, note: "accepted".into() }
    }

    /// `fresh`: a new start of the executive, which ends an operator's stops (lifecycle.md
    /// 2.4). After a backup only what was up comes back.
    fn start_service(&mut self, now: Moment, fresh: bool) {
        self.service.gave_up = false;
        if fresh {
            self.steps.push(Step::Running(true));
        }
        self.set_service(State::StartPending);
        if self.service.after_unclean_end && !self.service.unclean_end_told {
            self.service.unclean_end_told = true;
            self.notice(Notice::AfterUncleanEnd);
        }
        let starts: Vec<usize> =
            (0..self.records.len()).filter(|index| self.comes_up(now, *index, fresh)).collect();
        for index in starts {
            if self.records[index].state == State::Stopped {
                if fresh {
                    self.start_dependencies(now, index, |_| true);
                }
                self.begin_life(now, index);
            }
        }
    }

    /// Whether a start of the executive starts this component; what is wanted of it follows.
    fn comes_up(&mut self, now: Moment, index: usize, fresh: bool) -> bool {
        let held = self.records[index].substate() == Substate::Held;
        if self.records[index].removed {
            return false;
        }
        if fresh {
            self.forgive(index);
            let record = &self.records[index];
            let stays_down = record.persist && record.desired == Desired::Down;
            // A manual component waits for a start command, whatever it did before.
            let automatic = record.startup == Startup::Automatic;
            let was_stopped =
                record.desired == Desired::Down && record.substate() == Substate::Operator;
            let id = record.id;
            if automatic && !stays_down {
                if was_stopped && record.generation.0 > 0 {
                    self.notice(Notice::StartedAgain(id));
                }
                self.want(index, Desired::Up);
            } else {
                self.want(index, Desired::Down);
                if held {
                    self.set_stopped(now, index, Substate::Operator, None);
                }
            }
        }
        let record = &self.records[index];
        let comes = record.desired != Desired::Down && (fresh || held);
        if !comes {
            return false;
        }
        let kept_down = record.rest.maintenance.is_some() || self.held_dependency(index).is_some();
        if kept_down && !held {
            self.set_stopped(now, index, Substate::Held, None);
        }
        !kept_down
    }

    /// Stops every component, what depends on others first, all at once that can be.
    fn stop_service(&mut self, now: Moment, plan: Plan) -> Accepted {
        let accepted = self.begin_service_operation(plan);
        self.set_service(State::StopPending);
        self.end_all_runs();
        for index in 0..self.records.len() {
            self.cancel_queued(index);
            let record = &mut self.records[index];
            let restarting = std::mem::take(&mut record.ahead.starts_again);
            match record.state {
                State::Stopped => {
                    if record.is_backing_off() {
                        self.set_stopped(now, index, Substate::Held, None);
                    }
                    // Somebody may wait for a restart of its group.
                    self.resolve(index, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
                }
                State::StopPending if restarting => {
                    self.resolve(index, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
                }
                State::StopPending => {}
                _ => {
                    record.ahead.leaving = true;
                    self.resolve(index, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
                }
            }
        }
        for index in 0..self.records.len() {
            if self.records[index].ahead.leaving {
                self.let_leave(now, index);
            }
        }
        accepted
    }

    /// Takes the next step of a service command once the components have got there; answers
    /// whether there was one.
    pub(super) fn continue_plan(&mut self, now: Moment) -> bool {
        match self.service.state {
            State::StartPending if self.starting == 0 => {
                self.set_service(State::Running);
                self.resolve_service("running");
            }
            State::StopPending if self.alive == 0 => {
                self.set_service(State::Stopped);
                match self.service.plan {
                    Plan::StayStopped => {
                        self.steps.push(Step::Running(false));
                        self.resolve_service("stopped");
                    }
                    Plan::StartAgain => {
                        self.service.plan = Plan::StayStopped;
                        self.start_service(now, true);
                    }
                    Plan::ComeBack => {
                        self.service.plan = Plan::StayStopped;
                        self.start_service(now, false);
                    }
                    Plan::Backup => {
                        let backup = self.service.operation.expect("a backup is an operation");
                        self.steps.push(Step::Snapshot(backup));
                    }
                }
            }
            _ => return false,
        }
        true
    }

    fn set_service(&mut self, state: State) {
        self.service.state = state;
        self.steps.push(Step::Service(state));
    }

    fn resolve_service(&mut self, text: &str) {
        let problem = self.service.problem.take();
        if let Some(operation) = self.service.operation.take() {
            let (code, text) = match problem {
                None => (Code::OK, text.to_owned()),
                Some(problem) => {
                    (Code::SPECIFIC, format!("{text} again, but the copy failed: {problem}"))
                }
            };
            self.resolve_operation(operation, code, text);
        }
    }

    /// The executive's own reasons against a start of anything: 1055, 1115.
    pub(super) fn check_executive(&self, subject: &str) -> Result<(), Refusal> {
        if self.service.backup_until.is_some() {
            return Err(Refusal::new(
                Code::DATABASE_LOCKED,
                subject,
                "a backup holds it",
                "wait until the backup is done",
            ));
        }
        if matches!(self.service.state, State::Stopped | State::StopPending) {
            return Err(Refusal::new(
                Code::SHUTDOWN_IN_PROGRESS,
                subject,
                "SMS_EXECUTIVE is stopped or stopping",
                "exec start starts it",
            ));
        }
        Ok(())
    }
}
