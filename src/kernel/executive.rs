//! The executive: the one authority over the state of every component of a host.
//!
//! It holds no component and calls none. Commands, news of lives and the passing of time come
//! in; orders, transitions and resolved operations come out as [`Step`]s, in one total order.
//! So a query or a stop is answered at once whatever a component is doing.
//!
//! Actual state, desired state and holds are three things (lifecycle.md 2.1). Groups,
//! dependencies, expiring holds and watchdogs take their place here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use contract::component::{Descriptor, Registry};
use contract::control::{
    Accepted, ComponentStatus, Outcome, Refusal, ServiceCommand, ServiceStatus,
};
use contract::id::{ComponentId, Generation, OpId};
use contract::lifecycle::{Code, Command, Desired, Exit, Startup, State, Substate};
use contract::time::Moment;
use contract::{Registration, Settings};

use crate::board::{Board, Cell};
use crate::lifecycle::{Action, Condition, Event, Rule, Situation, next, rule};
use crate::order::{LifeChange, LifeEvent, Order};
use crate::shard::Clock;
use crate::supervision::{Crashes, Verdict};

/// How long a pending state may last without progress (lifecycle.md 2.5).
const PENDING_MAX: Duration = Duration::from_secs(30);
/// How long a killed life may take to end before it is fenced and given up.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// The hint shown when a pending state begins (lifecycle.md 1).
const FIRST_HINT: Duration = Duration::from_secs(2);

/// The executive of one host.
#[derive(Debug)]
pub struct Executive {
    shards: u8,
    board: Arc<Board>,
    records: Vec<Record>,
    stored: Arc<Settings>,
    service: Service,
    /// Components in a pending state, and components that are not Stopped.
    pending: usize,
    alive: usize,
    operations: u64,
    transitions: u64,
    /// Backoffs and deadlines: due time and record. One that no longer matches its record is
    /// void.
    due: BinaryHeap<Reverse<(Moment, usize)>>,
    steps: Vec<Step>,
}

/// What the executive has to say to its driver, in order.
#[derive(Debug)]
pub enum Step {
    /// Hand this to that shard.
    Order(u8, Order),
    /// A component changed its state, or the reason for being Stopped.
    Transition(Transition),
    /// SMS_EXECUTIVE as a whole changed its state.
    Service(State),
    /// An operation has ended.
    Resolved(Outcome),
    /// All is down for the backup: copy the site, then call [`Executive::backup_done`].
    Snapshot,
}

/// A change of a component's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Its number: +1 each in a host.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// Whose.
    pub id: ComponentId,
    /// Its name.
    pub name: Arc<str>,
    /// In which life.
    pub generation: Generation,
    /// From this.
    pub from: State,
    /// To this.
    pub to: State,
    /// Why, where `to` is Stopped.
    pub substate: Option<Substate>,
    /// How the life ended, where one did.
    pub exit: Option<Exit>,
}

#[derive(Debug)]
struct Record {
    id: ComponentId,
    name: Arc<str>,
    descriptor: Arc<Descriptor>,
    cell: Arc<Cell>,
    registry: Arc<Registry>,
    state: State,
    substate: Substate,
    desired: Desired,
    startup: Startup,
    generation: Generation,
    since: Moment,
    running_since: Option<Moment>,
    crashes: Crashes,
    crash_count: u64,
    last_exit: Option<Exit>,
    checkpoint: u32,
    hint: Duration,
    /// When the pending state has lasted too long.
    deadline: Option<Moment>,
    /// A kill has been ordered.
    killing: bool,
    /// Start again when Stopped: a restart is in its stop phase.
    starts_again: bool,
    operation: Option<Operation>,
    /// The settings that this life was started with.
    started_with: Arc<Settings>,
    /// The settings that it was last told.
    told: Arc<Settings>,
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    id: OpId,
    /// The settled state that it is for.
    target: State,
}

#[derive(Debug)]
struct Service {
    state: State,
    plan: Plan,
    operation: Option<OpId>,
}

/// What follows when everything is Stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    StayStopped,
    StartAgain,
    /// Copy the site, then start what was up. The one hold there is so far.
    Backup,
}

impl Executive {
    /// The executive of a host with `shards` shards (1 to 255), its settings and its board.
    /// It is Stopped until [`ServiceCommand::Start`].
    pub fn new(shards: u8, stored: Settings, board: Arc<Board>) -> Self {
        assert!(shards > 0, "a host has at least one shard");
        Executive {
            shards,
            board,
            records: Vec::new(),
            stored: Arc::new(stored),
            service: Service { state: State::Stopped, plan: Plan::StayStopped, operation: None },
            pending: 0,
            alive: 0,
            operations: 0,
            transitions: 0,
            due: BinaryHeap::new(),
            steps: Vec::new(),
        }
    }

    /// Takes in a component, with what its earlier lives kept.
    ///
    /// # Errors
    /// 1073 if the name is taken.
    pub fn register(
        &mut self,
        now: Moment,
        registration: Registration,
        registry: Registry,
    ) -> Result<ComponentId, Refusal> {
        let index = self.records.len();
        let shard = (index % usize::from(self.shards)) as u8;
        let id = ComponentId::new(shard, (index / usize::from(self.shards)) as u32);
        if !self.board.add(&registration.name, id) {
            return Err(Refusal::new(
                Code::EXISTS,
                &*registration.name,
                "a component of that name is registered",
                "give one of the two another name",
            ));
        }
        let startup = registration.descriptor.startup;
        self.records.push(Record {
            id,
            name: Arc::clone(&registration.name),
            descriptor: Arc::clone(&registration.descriptor),
            cell: self.board.cell(id).expect("just added"),
            registry: Arc::new(registry),
            state: State::Stopped,
            substate: match startup {
                Startup::Disabled => Substate::Disabled,
                Startup::Automatic | Startup::Manual => Substate::NeverStarted,
            },
            desired: Desired::Down,
            startup,
            generation: Generation(0),
            since: now,
            running_since: None,
            crashes: Crashes::default(),
            crash_count: 0,
            last_exit: None,
            checkpoint: 0,
            hint: Duration::ZERO,
            deadline: None,
            killing: false,
            starts_again: false,
            operation: None,
            started_with: Arc::clone(&self.stored),
            told: Arc::clone(&self.stored),
        });
        self.steps.push(Step::Order(shard, Order::Place { id, registration }));
        Ok(id)
    }

    /// Takes what has come about since the last call, in order.
    pub fn take_steps(&mut self, steps: &mut Vec<Step>) {
        steps.append(&mut self.steps);
    }

    /// When [`Executive::fire_due`] is next needed.
    pub fn next_due(&mut self) -> Option<Moment> {
        while let Some(Reverse((at, index))) = self.due.peek() {
            if self.records[*index].awaits(*at) {
                return Some(*at);
            }
            self.due.pop();
        }
        None
    }

    /// Starts what was waiting to restart and ends what took too long.
    pub fn fire_due(&mut self, now: Moment) {
        while let Some(due) = self.next_due() {
            if due > now {
                break;
            }
            let Some(Reverse((_, index))) = self.due.pop() else { break };
            if self.records[index].state == State::Stopped {
                self.begin_life(now, index);
            } else {
                self.give_up_waiting(now, index);
            }
        }
    }

    /// Commands one component (lifecycle.md 2.3).
    ///
    /// # Errors
    /// The refusal with its code; nothing has changed, except that a stop refused with 1062
    /// is remembered as the operator's wish.
    pub fn command(
        &mut self,
        now: Moment,
        id: ComponentId,
        command: Command,
    ) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        if let Some(accepted) = self.command_during_restart(index, command) {
            return Ok(accepted);
        }
        let record = &self.records[index];
        let situation = Situation::of(record.state, record.substate);
        let action = match rule(situation, command) {
            Rule::Do(action) => action,
            Rule::DoIf(condition, action, code) => {
                if !record.meets(condition, command) {
                    return Err(self.refusal(index, undefined_control(command).unwrap_or(code)));
                }
                action
            }
            Rule::Nothing => return Ok(nothing_to_do(record)),
            Rule::Join(code) => {
                let operation = record.operation.map(|operation| operation.id);
                return Ok(Accepted { operation, code, note: "joined what is under way".into() });
            }
            Rule::Refuse(code) => {
                if command == Command::Stop && record.state == State::Stopped {
                    self.records[index].desired = Desired::Down;
                }
                return Err(self.refusal(index, code));
            }
        };
        self.act(now, index, command, action)
    }

    fn act(
        &mut self,
        now: Moment,
        index: usize,
        command: Command,
        action: Action,
    ) -> Result<Accepted, Refusal> {
        let record = &mut self.records[index];
        let id = record.id;
        match action {
            Action::Start => {
                self.check_start(index)?;
                let record = &mut self.records[index];
                if record.substate == Substate::Failed {
                    record.crashes.forgive();
                }
                record.desired = Desired::Up;
                let accepted = self.begin_operation(index, State::Running);
                self.begin_life(now, index);
                Ok(accepted)
            }
            Action::Stop => {
                record.desired = Desired::Down;
                let accepted = self.begin_operation(index, State::Stopped);
                if self.records[index].state == State::Stopped {
                    self.set_stopped(now, index, Substate::Operator, None);
                    self.resolve(index, Code::OK, "stopped");
                } else {
                    self.order_stop(now, index);
                }
                Ok(accepted)
            }
            Action::Restart => {
                self.check_start(index)?;
                self.records[index].desired = Desired::Up;
                let accepted = self.begin_operation(index, State::Running);
                self.order_stop(now, index);
                self.records[index].starts_again = true;
                Ok(accepted)
            }
            Action::Kill => {
                record.desired = Desired::Down;
                record.starts_again = false;
                let accepted = self.begin_operation(index, State::Stopped);
                self.order_kill(now, index);
                Ok(accepted)
            }
            Action::Pause => {
                record.desired = Desired::Paused;
                let accepted = self.begin_operation(index, State::Paused);
                self.change(now, index, Event::PauseOrdered, None);
                let order = Order::Pause(id, self.records[index].generation);
                self.order(index, order);
                Ok(accepted)
            }
            Action::Continue => {
                record.desired = Desired::Up;
                let accepted = self.begin_operation(index, State::Running);
                self.change(now, index, Event::ContinueOrdered, None);
                let order = Order::Continue(id, self.records[index].generation);
                self.order(index, order);
                Ok(accepted)
            }
            Action::Control => {
                let generation = record.generation;
                let order = match command {
                    Command::Custom(code) => Order::Control(id, generation, code),
                    _ => Order::Changed(id, generation, Arc::clone(&self.stored)),
                };
                self.order(index, order);
                Ok(Accepted { operation: None, code: Code::OK, note: "handed on".into() })
            }
            Action::Clear => {
                record.crashes.forgive();
                if matches!(record.substate, Substate::Backoff { .. }) {
                    self.begin_life(now, index);
                } else {
                    self.set_stopped(now, index, Substate::Cleared, None);
                }
                Ok(Accepted { operation: None, code: Code::OK, note: "failure cleared".into() })
            }
        }
    }

    /// A restart in its stop phase gives way to a stop, and is joined by a restart or a start
    /// (cases R07, R05).
    fn command_during_restart(&mut self, index: usize, command: Command) -> Option<Accepted> {
        let record = &mut self.records[index];
        if !record.starts_again {
            return None;
        }
        match command {
            Command::Stop => {
                record.starts_again = false;
                record.desired = Desired::Down;
                Some(self.begin_operation(index, State::Stopped))
            }
            Command::Restart | Command::TryRestart => Some(Accepted {
                operation: record.operation.map(|operation| operation.id),
                code: Code::OK,
                note: "joined the restart under way".into(),
            }),
            _ => None,
        }
    }

    /// The executive's own reasons against a start: 1115, 1055, 1058.
    fn check_start(&self, index: usize) -> Result<(), Refusal> {
        let record = &self.records[index];
        if self.service.plan == Plan::Backup {
            return Err(self.refusal(index, Code::DATABASE_LOCKED));
        }
        if matches!(self.service.state, State::Stopped | State::StopPending) {
            return Err(self.refusal(index, Code::SHUTDOWN_IN_PROGRESS));
        }
        if record.startup == Startup::Disabled {
            return Err(self.refusal(index, Code::DISABLED));
        }
        Ok(())
    }

    /// News of a life. That of a life that is over or overtaken changes nothing.
    pub fn life(&mut self, now: Moment, event: LifeEvent) {
        let index = self.index(event.id);
        if self.records[index].generation != event.generation {
            return;
        }
        match event.change {
            LifeChange::Started => {
                if self.change(now, index, Event::Started, None) {
                    self.records[index].running_since = Some(now);
                    self.reached(index, State::Running);
                    self.tell_changes(index);
                }
            }
            LifeChange::Checkpoint(hint) => {
                let record = &mut self.records[index];
                if !record.state.is_settled() && !record.killing {
                    record.checkpoint += 1;
                    record.hint = hint;
                    self.set_deadline(index, now + PENDING_MAX);
                }
            }
            LifeChange::Paused => {
                if self.change(now, index, Event::PauseDone, None) {
                    self.reached(index, State::Paused);
                }
            }
            LifeChange::Continued => {
                if self.change(now, index, Event::ContinueDone, None) {
                    self.reached(index, State::Running);
                    self.tell_changes(index);
                }
            }
            LifeChange::Ended { exit, failed_deliveries, .. } => {
                self.ended(now, index, exit, failed_deliveries);
            }
        }
        self.continue_plan(now);
    }

    fn ended(&mut self, now: Moment, index: usize, exit: Exit, failed_deliveries: u8) {
        let record = &mut self.records[index];
        let from = record.state;
        if next(from, Event::Ended).is_none() {
            return;
        }
        let ran = record.running_since.take().map_or(Duration::ZERO, |since| now.since(since));
        let failed = exit.is_abnormal();
        record.killing = false;
        record.last_exit = Some(exit.clone());
        if from == State::StopPending {
            return self.stop_finished(now, index, exit);
        }
        if failed {
            record.crash_count += 1;
        }
        // A message that fails again has been paid for the first time (lifecycle.md 3.4).
        let charged = failed_deliveries <= 1;
        let Descriptor { restart, budget, backoff, .. } = &*record.descriptor;
        let verdict = record.crashes.after(now, &exit, ran, charged, *restart, budget, backoff);
        let substate = match verdict {
            Verdict::RestartAfter(delay) => Substate::Backoff { until: now + delay },
            Verdict::GiveUp => Substate::Failed,
            Verdict::Leave => match &exit {
                Exit::Ignore(_) => Substate::Ignored,
                _ if failed => Substate::Failed,
                _ => Substate::Completed,
            },
        };
        let (code, text) = match &exit {
            Exit::Ignore(why) => (Code::OK, format!("not applicable here: {why}")),
            Exit::Normal => (Code::OK, exit.to_string()),
            _ => (exit.code(), exit.to_string()),
        };
        self.set_stopped(now, index, substate, Some(exit));
        if let Substate::Backoff { until } = substate {
            self.due.push(Reverse((until, index)));
        }
        self.resolve(index, code, &text);
    }

    /// A stop has finished, one way or another: what the operator or the plan wanted holds.
    fn stop_finished(&mut self, now: Moment, index: usize, exit: Exit) {
        let starts_again = std::mem::take(&mut self.records[index].starts_again);
        let substate = match self.records[index].desired {
            Desired::Down => Substate::Operator,
            Desired::Up | Desired::Paused if self.is_held() => Substate::Held,
            Desired::Up | Desired::Paused => Substate::Operator,
        };
        let text = exit.to_string();
        self.set_stopped(now, index, substate, Some(exit));
        if starts_again && !self.is_held() {
            self.begin_life(now, index);
        } else {
            self.resolve_if(index, State::Stopped, Code::OK, &text);
        }
    }

    fn is_held(&self) -> bool {
        matches!(self.service.state, State::StopPending | State::Stopped)
    }

    /// A pending state has lasted too long.
    fn give_up_waiting(&mut self, now: Moment, index: usize) {
        let record = &mut self.records[index];
        record.deadline = None;
        let (id, generation) = (record.id, record.generation);
        match record.state {
            State::StartPending => {
                self.order(index, Order::Kill(id, generation, Exit::StartHang));
                // Whatever the shard still says of this life comes too late: it is fenced.
                self.ended(now, index, Exit::StartHang, 0);
            }
            State::StopPending if record.killing => self.ended(now, index, Exit::Killed, 0),
            State::StopPending => self.order_kill(now, index),
            State::PausePending | State::ContinuePending => {
                self.resolve(index, Code::REQUEST_TIMEOUT, "no answer within 30 s");
            }
            State::Stopped | State::Running | State::Paused => {}
        }
        self.continue_plan(now);
    }

    fn begin_life(&mut self, now: Moment, index: usize) {
        let stored = Arc::clone(&self.stored);
        let record = &mut self.records[index];
        record.generation.0 += 1;
        record.started_with = Arc::clone(&stored);
        record.told = Arc::clone(&stored);
        record.killing = false;
        let order = Order::Start {
            id: record.id,
            generation: record.generation,
            settings: stored,
            registry: Arc::clone(&record.registry),
        };
        self.change(now, index, Event::StartOrdered, None);
        self.order(index, order);
    }

    fn order_stop(&mut self, now: Moment, index: usize) {
        self.change(now, index, Event::StopOrdered, None);
        let order = Order::Stop(self.records[index].id, self.records[index].generation);
        self.order(index, order);
    }

    fn order_kill(&mut self, now: Moment, index: usize) {
        self.change(now, index, Event::StopOrdered, None);
        let record = &mut self.records[index];
        record.killing = true;
        let order = Order::Kill(record.id, record.generation, Exit::Killed);
        self.set_deadline(index, now + KILL_GRACE);
        self.order(index, order);
    }

    fn order(&mut self, index: usize, order: Order) {
        self.steps.push(Step::Order(self.records[index].id.shard(), order));
    }

    /// Takes the transition that `event` leads to, if it leads anywhere.
    fn change(&mut self, now: Moment, index: usize, event: Event, exit: Option<Exit>) -> bool {
        let Some(to) = next(self.records[index].state, event) else { return false };
        self.enter(now, index, to, exit);
        true
    }

    fn set_stopped(&mut self, now: Moment, index: usize, substate: Substate, exit: Option<Exit>) {
        self.records[index].substate = substate;
        self.enter(now, index, State::Stopped, exit);
    }

    fn enter(&mut self, now: Moment, index: usize, to: State, exit: Option<Exit>) {
        let record = &mut self.records[index];
        let from = record.state;
        self.pending -= usize::from(!from.is_settled());
        self.pending += usize::from(!to.is_settled());
        self.alive -= usize::from(from != State::Stopped);
        self.alive += usize::from(to != State::Stopped);
        record.state = to;
        record.since = now;
        record.checkpoint = 0;
        record.hint = if to.is_settled() { Duration::ZERO } else { FIRST_HINT };
        record.cell.set(to, record.generation, now);
        self.transitions += 1;
        self.steps.push(Step::Transition(Transition {
            number: self.transitions,
            at: now,
            id: record.id,
            name: Arc::clone(&record.name),
            generation: record.generation,
            from,
            to,
            substate: (to == State::Stopped).then_some(record.substate),
            exit,
        }));
        if to.is_settled() {
            record.deadline = None;
        } else {
            self.set_deadline(index, now + PENDING_MAX);
        }
    }

    fn set_deadline(&mut self, index: usize, at: Moment) {
        self.records[index].deadline = Some(at);
        self.due.push(Reverse((at, index)));
    }

    /// A new operation; the one before it, if it is still open, is superseded: 1223.
    fn begin_operation(&mut self, index: usize, target: State) -> Accepted {
        self.resolve(index, Code::CANCELLED, "a later command took its place");
        let id = self.next_operation();
        self.records[index].operation = Some(Operation { id, target });
        Accepted { operation: Some(id), code: Code::OK, note: "accepted".into() }
    }

    fn next_operation(&mut self) -> OpId {
        self.operations += 1;
        OpId(self.operations)
    }

    fn reached(&mut self, index: usize, target: State) {
        self.resolve_if(index, target, Code::OK, &target.to_string());
    }

    fn resolve_if(&mut self, index: usize, target: State, code: Code, text: &str) {
        if self.records[index].operation.is_some_and(|operation| operation.target == target) {
            self.resolve(index, code, text);
        }
    }

    fn resolve(&mut self, index: usize, code: Code, text: &str) {
        if let Some(Operation { id, .. }) = self.records[index].operation.take() {
            let outcome = Outcome { operation: id, code, text: text.to_owned() };
            self.steps.push(Step::Resolved(outcome));
        }
    }

    // --- SMS_EXECUTIVE as a whole ---

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
        if let (Err(problem), Some(operation)) = (result, self.service.operation) {
            let text = format!("the executive is started again, the copy failed: {problem}");
            let outcome = Outcome { operation, code: Code::SPECIFIC, text };
            self.steps.push(Step::Resolved(outcome));
            self.service.operation = None;
        }
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

    fn begin_service_operation(&mut self, plan: Plan) -> Accepted {
        let id = self.next_operation();
        self.service.operation = Some(id);
        self.service.plan = plan;
        Accepted { operation: Some(id), code: Code::OK, note: "accepted".into() }
    }

    /// `fresh`: a new start of the executive, which ends an operator's stops (lifecycle.md
    /// 2.4). After a backup only what was up comes back.
    fn start_service(&mut self, now: Moment, fresh: bool) {
        self.set_service(State::StartPending);
        for index in 0..self.records.len() {
            let record = &mut self.records[index];
            if fresh && record.startup == Startup::Automatic {
                record.desired = Desired::Up;
                record.crashes.forgive();
            }
            let failed = !fresh && record.substate == Substate::Failed;
            if record.desired != Desired::Down
                && record.startup != Startup::Disabled
                && record.state == State::Stopped
                && !failed
            {
                self.begin_life(now, index);
            }
        }
        self.continue_plan(now);
    }

    fn stop_service(&mut self, now: Moment, plan: Plan) -> Accepted {
        let accepted = self.begin_service_operation(plan);
        self.set_service(State::StopPending);
        for index in 0..self.records.len() {
            let record = &mut self.records[index];
            record.starts_again = false;
            match record.state {
                State::Stopped => {
                    if matches!(record.substate, Substate::Backoff { .. }) {
                        self.set_stopped(now, index, Substate::Held, None);
                    }
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
    fn continue_plan(&mut self, now: Moment) {
        match self.service.state {
            State::StartPending if self.pending == 0 => {
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

    fn set_service(&mut self, state: State) {
        self.service.state = state;
        self.steps.push(Step::Service(state));
    }

    fn resolve_service(&mut self, text: &str) {
        if let Some(operation) = self.service.operation.take() {
            let outcome = Outcome { operation, code: Code::OK, text: text.to_owned() };
            self.steps.push(Step::Resolved(outcome));
        }
    }

    // --- settings: stored, and in effect (lifecycle.md 3.12) ---

    /// What is stored.
    pub fn stored(&self) -> &Settings {
        &self.stored
    }

    /// Stores a text that has been checked. Running components that reload the key are told;
    /// for the others it takes effect at their next start.
    pub fn set(&mut self, key: &str, text: String) {
        if !Arc::make_mut(&mut self.stored).set_text(key, text) {
            return;
        }
        for index in 0..self.records.len() {
            if matches!(self.records[index].state, State::Running | State::Paused) {
                self.tell_changes(index);
            }
        }
    }

    /// Tells a component the stored settings, if one that it reloads differs from what it was
    /// last told.
    fn tell_changes(&mut self, index: usize) {
        let record = &self.records[index];
        let differs = |key: &&str| record.told.text(key) != self.stored.text(key);
        if !record.descriptor.reloads.iter().any(|key| differs(key)) {
            return;
        }
        let order = Order::Changed(record.id, record.generation, Arc::clone(&self.stored));
        self.records[index].told = Arc::clone(&self.stored);
        self.order(index, order);
    }

    /// What is in effect under `key`: name and text of every live component that declares it.
    pub fn effective(&self, key: &str) -> Vec<(&str, Option<&str>)> {
        let live = self.records.iter().filter(|record| record.state != State::Stopped);
        live.filter_map(|record| Some((&*record.name, record.effective(key)?.text(key)))).collect()
    }

    /// The smallest set of components to restart so that what is stored under `key` is in
    /// effect everywhere.
    pub fn restart_required(&self, key: &str) -> Vec<&str> {
        let live = self.records.iter().filter(|record| record.state != State::Stopped);
        live.filter(|record| record.descriptor.start_only.contains(&key))
            .filter(|record| record.started_with.text(key) != self.stored.text(key))
            .map(|record| &*record.name)
            .collect()
    }

    /// Keeps a value for the next lives of a component.
    pub fn remember(&mut self, id: ComponentId, name: &str, value: &str) {
        let index = self.index(id);
        let registry = Arc::make_mut(&mut self.records[index].registry);
        registry.insert(name.to_owned(), value.to_owned());
    }

    // --- reading ---

    /// Every component's place, in the order in which they were registered.
    pub fn ids(&self) -> impl Iterator<Item = ComponentId> {
        self.records.iter().map(|record| record.id)
    }

    /// The name of a component.
    pub fn name(&self, id: ComponentId) -> &Arc<str> {
        &self.records[self.index(id)].name
    }

    /// What a component declares.
    pub fn descriptor(&self, id: ComponentId) -> &Descriptor {
        &self.records[self.index(id)].descriptor
    }

    /// What a component's lives have kept for each other.
    pub fn registry(&self, id: ComponentId) -> &Registry {
        &self.records[self.index(id)].registry
    }

    /// The status of a component, at `clock`.
    pub fn status(&self, id: ComponentId, clock: Clock) -> ComponentStatus {
        let record = &self.records[self.index(id)];
        let ago = clock.now.since(record.since);
        let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        let since_utc = contract::WallTime(clock.utc.0.saturating_sub(micros));
        let keys = record.descriptor.start_only.iter();
        let differing = keys.filter(|key| {
            record.state != State::Stopped && record.started_with.text(key) != self.stored.text(key)
        });
        ComponentStatus {
            name: record.name.to_string(),
            about: record.descriptor.about.to_string(),
            log: record.descriptor.log.file().to_owned(),
            state: record.state,
            substate: (record.state == State::Stopped).then_some(record.substate),
            desired: record.desired,
            startup: record.startup,
            generation: record.generation,
            since: record.since,
            since_utc,
            crashes: record.crash_count,
            exit_code: match &record.last_exit {
                _ if record.generation.0 == 0 => Code::NEVER_STARTED,
                Some(exit) => exit.code(),
                None => Code::OK,
            },
            last_exit: record.last_exit.clone(),
            inbox: record.cell.view().inbox,
            checkpoint: record.checkpoint,
            wait_hint: record.hint,
            restart_required: differing.map(|key| (*key).to_owned()).collect(),
        }
    }

    /// Where a component's record lies: the inverse of how [`Executive::register`] deals them
    /// out.
    fn index(&self, id: ComponentId) -> usize {
        id.slot() as usize * usize::from(self.shards) + usize::from(id.shard())
    }

    fn refusal(&self, index: usize, code: Code) -> Refusal {
        let record = &self.records[index];
        let (reason, way_out) = match code {
            Code::ALREADY_RUNNING => {
                (format!("it is {}", record.state), "restart ends this life and begins another")
            }
            Code::NOT_ACTIVE => (format!("it is {}", record.state), "start begins a life"),
            Code::CANNOT_ACCEPT_CONTROL => {
                (format!("not while it is {}", record.state), "wait until it is settled")
            }
            Code::INVALID_CONTROL => ("it does not accept that".to_owned(), ""),
            Code::INVALID_PARAMETER => {
                ("control codes of a component are 128 to 255".to_owned(), "")
            }
            Code::DISABLED => {
                ("its startup type is Disabled".to_owned(), "make it Automatic or Manual first")
            }
            Code::DATABASE_LOCKED => {
                ("a backup holds it".to_owned(), "wait until the backup is done")
            }
            Code::SHUTDOWN_IN_PROGRESS => {
                ("SMS_EXECUTIVE is stopped or stopping".to_owned(), "exec start starts it")
            }
            _ => (format!("not while it is {}", record.state), ""),
        };
        Refusal::new(code, &*record.name, reason, way_out)
    }
}

impl Record {
    /// Whether a due time that was set at `at` still counts.
    fn awaits(&self, at: Moment) -> bool {
        match (self.state, self.substate) {
            (State::Stopped, Substate::Backoff { until }) => until == at,
            (State::Stopped, _) => false,
            _ => self.deadline == Some(at),
        }
    }

    fn meets(&self, condition: Condition, command: Command) -> bool {
        match condition {
            Condition::CancellableStart => self.descriptor.cancellable_start,
            Condition::Pausable => self.descriptor.pausable,
            Condition::Declared => match command {
                Command::Custom(code) => code >= 128 && self.descriptor.controls.contains(&code),
                _ => !self.descriptor.reloads.is_empty(),
            },
        }
    }

    /// The settings in which this component has `key` in effect; none if it declares no such.
    fn effective(&self, key: &str) -> Option<&Settings> {
        if self.descriptor.reloads.contains(&key) {
            Some(&self.told)
        } else if self.descriptor.start_only.contains(&key) {
            Some(&self.started_with)
        } else {
            None
        }
    }
}

/// 87 for a control code that no component can have.
fn undefined_control(command: Command) -> Option<Code> {
    matches!(command, Command::Custom(code) if code < 128).then_some(Code::INVALID_PARAMETER)
}

fn nothing_to_do(record: &Record) -> Accepted {
    Accepted {
        operation: None,
        code: Code::OK,
        note: format!("nothing to do, it is {}", record.state),
    }
}
