//! The executive: the one authority over the state of every component of a host.
//!
//! It holds no component and calls none. Commands, news of lives and the passing of time come
//! in; orders, transitions and resolved operations come out as [`Step`]s, in one total order.
//! So a query or a stop is answered at once whatever a component is doing.
//!
//! Actual state, desired state and holds are three things (lifecycle.md 2.1). Groups,
//! dependencies, expiring holds and watchdogs take their place here.

mod command;
mod lives;
mod record;
mod service;
mod settings;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use contract::component::{Descriptor, Registry};
use contract::control::{Accepted, ComponentStatus, Outcome, Refusal};
use contract::id::{ComponentId, Generation, OpId};
use contract::lifecycle::{Code, Desired, Exit, Startup, State, Substate};
use contract::time::Moment;
use contract::{Registration, Settings};

use crate::board::Board;
use crate::lifecycle::{Event, next};
use crate::order::Order;
use crate::shard::Clock;
use crate::supervision::Crashes;
use record::{Operation, Record};
use service::{Plan, Service};

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
    /// Components that are starting, and components that are not Stopped.
    starting: usize,
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

impl Executive {
    /// The executive of a host with `shards` shards (1 to 255), its settings and its board.
    /// It is Stopped until [`ServiceCommand::Start`](contract::control::ServiceCommand::Start).
    pub fn new(shards: u8, stored: Settings, board: Arc<Board>) -> Self {
        assert!(shards > 0, "a host has at least one shard");
        Executive {
            shards,
            board,
            records: Vec::new(),
            stored: Arc::new(stored),
            service: Service {
                state: State::Stopped,
                plan: Plan::StayStopped,
                operation: None,
                problem: None,
            },
            starting: 0,
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

    /// The newest operation; none before the first.
    pub fn last_operation(&self) -> Option<OpId> {
        (self.operations > 0).then_some(OpId(self.operations))
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
            then_pause: record.desired == Desired::Paused,
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
        self.starting -= usize::from(from == State::StartPending);
        self.starting += usize::from(to == State::StartPending);
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
}
