//! The executive: the one authority over the state of every component of a host.
//!
//! It holds no component and calls none. Commands, news of lives and the passing of time come
//! in; orders, transitions and resolved operations come out as [`Step`]s, in one total order.
//! So a query or a stop is answered at once whatever a component is doing.
//!
//! Actual state, desired state and holds are three things (lifecycle.md 2.1). What one change
//! means for others (dependents, a group, the executive as a whole) is worked off after it, by
//! `Executive::settle`, so that no change is made in the middle of another.

mod command;
mod dependencies;
mod due;
mod group;
mod holds;
mod lives;
mod record;
mod service;
mod settings;
mod status;
mod watch;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use contract::component::{Descriptor, Registry};
use contract::control::{Accepted, Outcome, Refusal};
use contract::id::{ComponentId, Generation, MessageId, OpId};
use contract::lifecycle::{
    Budget, Code, Desired, Exit, Group, HoldKind, Isolation, Startup, State, Strategy, Substate,
};
use contract::store::KeptComponent;
use contract::time::Moment;
use contract::{Registration, Settings};

use crate::board::Board;
use crate::lifecycle::{Event, next};
use crate::order::{Ending, Order};
use crate::push::push_closely;
use crate::supervision::Crashes;
use due::{Due, Dues};
use group::GroupRecord;
use record::{Ahead, Operation, Record};
use service::Service;

/// How long a pending state may last without progress (lifecycle.md 2.5).
const PENDING_MAX: Duration = Duration::from_secs(30);
/// How long a killed life may take to end before it is fenced and given up.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// What is said to whoever asks for what is under way already.
const JOINED: &str = "joined what is under way";
/// Why an operation ended that another command has overtaken (lifecycle.md 2.3, rule i).
const SUPERSEDED: &str = "a later command took its place";
/// Room for so many steps is kept.
const STEPS_KEPT: usize = 1_024;

/// What is the same in every run of an executive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutiveOptions {
    /// Shards that components share, 1 to 255. Each dedicated component brings one more.
    pub shards: u8,
    /// How often the executive as a whole may be restarted because of a component.
    pub budget: Budget,
    /// Restarts are spread by jitter drawn from this; not at all if there is none.
    pub jitter_seed: Option<u64>,
    /// The executive before this one did not end as it should.
    pub after_unclean_end: bool,
}

impl ExecutiveOptions {
    /// The defaults of lifecycle.md 2.5 with so many shards, and exact delays.
    pub fn new(shards: u8) -> Self {
        ExecutiveOptions {
            shards,
            budget: Budget::default(),
            jitter_seed: None,
            after_unclean_end: false,
        }
    }
}

/// The executive of one host.
#[derive(Debug)]
pub struct Executive {
    options: ExecutiveOptions,
    board: Arc<Board>,
    records: Vec<Record>,
    /// By shard, by slot: which record.
    layout: Vec<Vec<u32>>,
    groups: Vec<GroupRecord>,
    stored: Arc<Settings>,
    /// What lives are given that no earlier life has kept anything for.
    no_registry: Arc<Registry>,
    service: Service,
    /// Restarts of the executive as a whole that components have caused.
    restarts: Crashes,
    /// Components that run, that are starting, and that are not Stopped.
    running: usize,
    starting: usize,
    alive: usize,
    /// Components under maintenance.
    maintained: usize,
    operations: u64,
    transitions: u64,
    /// The state of the generator that jitter is drawn from.
    jitter: u64,
    /// Components that are or were called hung, and those of which code has not come back: few
    /// among many, and looked at every few seconds.
    hung: BTreeSet<usize>,
    haunted: BTreeSet<usize>,
    due: Dues,
    /// Records whose state has changed, and what that means for others has not been seen to. One
    /// that has nothing to do with others is not worth an entry.
    changed: VecDeque<usize>,
    steps: Vec<Step>,
}

/// What the executive has to say to its driver, in order.
#[derive(Debug)]
pub enum Step {
    /// Hand this to that shard.
    Order(u8, Order),
    /// The thread of that shard is lost: retire its lane's end and carry the shard on a fresh
    /// one. Orders that set it up follow.
    Replace(u8),
    /// A delivery of that message to that component, the how many-th, never came back, and its
    /// thread is about to be replaced: the message has failed so often.
    Failed(ComponentId, MessageId, u8),
    /// A component changed its state, or the reason for being Stopped.
    Transition(Passage),
    /// SMS_EXECUTIVE as a whole changed its state.
    Service(State),
    /// An operation has ended.
    Resolved(Outcome),
    /// All is down for the backup that this operation is: copy the site, then call
    /// [`Executive::backup_done`] with it.
    Snapshot(OpId),
    /// This must outlive the process.
    Keep(ComponentId, KeptComponent),
    /// Whether the executive runs must outlive the process.
    Running(bool),
    /// A hold was taken, on one component or on all, until that moment.
    Hold(HoldKind, Option<ComponentId>, Moment),
    /// A hold has ended.
    Released {
        /// Which.
        kind: HoldKind,
        /// Whose.
        id: Option<ComponentId>,
        /// Whether its lease ran out.
        expired: bool,
    },
    /// A life went wrong.
    Crash(Crash),
    /// Something that a person would want to know.
    Notice(Notice),
}

/// How a life went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// When.
    pub at: Moment,
    /// Whose.
    pub id: ComponentId,
    /// Which life.
    pub generation: Generation,
    /// How it ended.
    pub ending: Box<Ending>,
    /// Whether it counts against a restart budget.
    pub charged: bool,
}

/// Something that a person would want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A start of the executive starts it, although an operator had stopped it.
    StartedAgain(ComponentId),
    /// Its code has not come back for so long.
    Hung(ComponentId, Duration),
    /// Its code has come back after all, after so long.
    Recovered(ComponentId, Duration),
    /// A life was given up, and its code has not come back.
    Zombie(ComponentId, Generation),
    /// That code has come back.
    ZombieEnded(ComponentId, Generation),
    /// The thread of that shard was lost to the code of that component.
    CarrierLost(u8, ComponentId),
    /// A group is restarted after this delay.
    GroupRestarts(Arc<str>, Strategy, Duration),
    /// A group has been restarted too often.
    GroupFailed(Arc<str>, Budget),
    /// The executive is restarted because of that component.
    ExecutiveRestarts(ComponentId),
    /// The executive has been restarted too often and stops for good.
    ExecutiveGivesUp(ComponentId),
    /// The executive before this one did not end as it should.
    AfterUncleanEnd,
    /// It was removed.
    Removed(ComponentId),
    /// Its startup type was the first, and is the second now.
    StartupChanged(ComponentId, Startup, Startup),
    /// It is stopped, because what it requires, named here, has failed.
    Deprived(ComponentId, String),
    /// It is still in that state although its time is up.
    ControlTimedOut(ComponentId, State),
}

/// A change of a component's state, as it is handed on: small, for a start and a stop of
/// everything are millions of them. [`Transition::of`] has the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its number: +1 each in a host.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// Whose.
    pub id: ComponentId,
    /// In which life.
    pub generation: Generation,
    /// From this.
    pub from: State,
    /// To this.
    pub to: State,
    /// Why, where `to` is Stopped.
    pub substate: Option<Substate>,
    /// How the life ended, where one did.
    pub end: Option<Ended>,
}

/// How a life ended: most were asked to stop and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// [`Exit::Shutdown`].
    Stopped,
    /// In any other way, shared by all who keep it.
    Other(Arc<Exit>),
}

impl From<Exit> for Ended {
    fn from(exit: Exit) -> Self {
        if exit == Exit::Shutdown { Ended::Stopped } else { Ended::Other(Arc::new(exit)) }
    }
}

impl Ended {
    /// In the words of an exit.
    pub fn exit(&self) -> &Exit {
        match self {
            Ended::Stopped => &Exit::Shutdown,
            Ended::Other(exit) => exit,
        }
    }
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

impl Transition {
    /// The change of the component of that name.
    pub fn of(passage: Passage, name: Arc<str>) -> Self {
        let Passage { number, at, id, generation, from, to, substate, end } = passage;
        let exit = end.map(|end| end.exit().clone());
        Transition { number, at, id, name, generation, from, to, substate, exit }
    }
}

impl Executive {
    /// The executive of a host, its settings and its board. It is Stopped until
    /// [`ServiceCommand::Start`](contract::control::ServiceCommand::Start).
    pub fn new(options: ExecutiveOptions, stored: Settings, board: Arc<Board>) -> Self {
        assert!(options.shards > 0, "a host has at least one shard");
        Executive {
            board,
            records: Vec::new(),
            layout: vec![Vec::new(); usize::from(options.shards)],
            groups: Vec::new(),
            stored: Arc::new(stored),
            no_registry: Arc::default(),
            service: Service::new(options.after_unclean_end),
            restarts: Crashes::default(),
            running: 0,
            starting: 0,
            alive: 0,
            maintained: 0,
            operations: 0,
            transitions: 0,
            jitter: options.jitter_seed.unwrap_or_default(),
            hung: BTreeSet::new(),
            haunted: BTreeSet::new(),
            due: Dues::default(),
            changed: VecDeque::new(),
            steps: Vec::new(),
            options,
        }
    }

    /// So many components are going to be registered.
    pub fn reserve(&mut self, components: usize) {
        self.records.reserve_exact(components);
        self.steps.reserve_exact(components);
    }

    /// Takes in a component, with what its earlier lives kept and what the executive kept of
    /// it. Once all are in, [`Executive::link`] ties them together.
    ///
    /// # Errors
    /// 1073 if the name is taken; 1054 if there is no shard left for a dedicated one.
    pub fn register(
        &mut self,
        now: Moment,
        registration: Registration,
        registry: Registry,
        kept: Option<KeptComponent>,
    ) -> Result<ComponentId, Refusal> {
        let name = Arc::clone(&registration.name);
        let startup = registration.descriptor.startup;
        let id = self.place_for(&registration)?;
        let Some(block) = self.board.add(id, registration) else { return Err(exists(&name)) };
        self.take_place(id);
        let given_startup = kept.and_then(|kept| kept.startup);
        let mut record = Record::new(block, id, given_startup.unwrap_or(startup), &self.stored);
        record.given_startup = given_startup;
        if !registry.is_empty() {
            record.rest.registry = Some(Arc::new(registry));
        }
        if let Some(kept) = kept {
            self.recall(&mut record, kept);
        }
        record.enter(now, State::Stopped);
        push_closely(&mut self.records, record);
        self.steps.push(Step::Order(id.shard(), Order::Place(id)));
        Ok(id)
    }

    /// What an earlier executive kept of a component holds.
    fn recall(&self, record: &mut Record, kept: KeptComponent) {
        record.persist = kept.persist;
        if kept.generation.0 == 0 {
            return;
        }
        let was_up = kept.desired != Desired::Down;
        (record.generation, record.desired) = (kept.generation, kept.desired);
        if record.startup != Startup::Disabled {
            record.set_substate(if was_up { Substate::Held } else { Substate::Operator });
        }
        // Whoever was up when its process ended went down with it.
        if was_up && self.options.after_unclean_end {
            record.set_last_exit(&Ended::from(Exit::Lost));
        }
    }

    /// The next free slot: of the shared shards in turn, or of a shard of its own.
    fn place_for(&self, registration: &Registration) -> Result<ComponentId, Refusal> {
        let shard = match registration.descriptor.isolation {
            Isolation::Shared => {
                let shared = 0..usize::from(self.options.shards);
                shared.min_by_key(|shard| self.layout[*shard].len()).expect("there is one")
            }
            Isolation::Dedicated if self.layout.len() < usize::from(u8::MAX) => self.layout.len(),
            Isolation::Dedicated if self.board.find(&registration.name).is_some() => {
                return Err(exists(&registration.name));
            }
            Isolation::Dedicated => {
                return Err(Refusal::new(
                    Code::NO_THREAD,
                    &*registration.name,
                    "255 threads are in use, and it wants one of its own",
                    "let it share one",
                ));
            }
        };
        let slot = self.layout.get(shard).map_or(0, Vec::len);
        Ok(ComponentId::new(shard as u8, slot as u32))
    }

    /// The next record has that place.
    fn take_place(&mut self, id: ComponentId) {
        let shard = usize::from(id.shard());
        if self.layout.len() == shard {
            self.layout.push(Vec::new());
        }
        push_closely(&mut self.layout[shard], self.records.len() as u32);
    }

    /// Ties the registered components together: what depends on what, and in which groups they
    /// are.
    ///
    /// # Errors
    /// 1075 if one depends on a component that there is not; 1059 if they depend on each other
    /// in a circle; 1060 or 1073 for a group whose members there are not, or that are in another.
    pub fn link(&mut self, groups: &[Group]) -> Result<(), Refusal> {
        self.link_dependencies()?;
        self.link_groups(groups)?;
        self.rank()
    }

    /// How many shards carry the components, dedicated ones included.
    pub fn shards(&self) -> u8 {
        self.layout.len() as u8
    }

    /// The newest operation; none before the first.
    pub fn last_operation(&self) -> Option<OpId> {
        (self.operations > 0).then_some(OpId(self.operations))
    }

    /// Numbers operations from the one after `last`: those before it were an earlier
    /// executive's, and whoever remembers one of them must not take it for another.
    pub fn number_operations_after(&mut self, last: OpId) {
        self.operations = self.operations.max(last.0);
    }

    /// Takes what has come about since the last call, in order.
    pub fn take_steps(&mut self, steps: &mut Vec<Step>) {
        if steps.is_empty() {
            std::mem::swap(steps, &mut self.steps);
            // After a start or stop of everything, room for that many is not needed for long.
            self.steps.shrink_to(STEPS_KEPT);
        } else {
            steps.append(&mut self.steps);
        }
    }

    /// When [`Executive::fire_due`] is next needed.
    pub fn next_due(&mut self) -> Option<Moment> {
        let mut due = std::mem::take(&mut self.due);
        let first = due.first(|at, due| self.is_due_at(due, at));
        self.due = due;
        first
    }

    /// Takes what has fallen due, and still counts.
    fn take_due(&mut self, now: Moment) -> Option<Due> {
        let mut due = std::mem::take(&mut self.due);
        let taken = due.take(now, |at, due| self.is_due_at(due, at));
        self.due = due;
        taken
    }

    /// Whether a due time that was set at `at` still counts.
    fn is_due_at(&self, due: Due, at: Moment) -> bool {
        match due {
            Due::Record(index) => {
                let record = &self.records[index];
                match (record.state, record.substate()) {
                    // A group restarts its members itself.
                    (State::Stopped, Substate::Backoff { until }) => {
                        until == at && !self.is_to_be_started(index)
                    }
                    (State::Stopped, _) => false,
                    _ => record.deadline() == Some(at),
                }
            }
            Due::Group(group) => self.groups[group].is_due_at(at),
            Due::Maintenance(index) => self.records[index].rest.maintenance == Some(at),
            Due::Backup => self.service.backup_until == Some(at),
        }
    }

    /// Does what has fallen due: starts what was waiting to restart, ends what took too long,
    /// and holds whose lease has run out.
    pub fn fire_due(&mut self, now: Moment) {
        while let Some(due) = self.take_due(now) {
            match due {
                Due::Record(index) if self.records[index].state == State::Stopped => {
                    self.begin_by_itself(now, index);
                }
                Due::Record(index) => self.give_up_waiting(now, index),
                Due::Group(group) => self.start_members(now, group),
                Due::Maintenance(index) => drop(self.end_maintenance(now, index, true)),
                Due::Backup => self.end_backup_lease(now, true),
            }
            self.settle(now);
        }
    }

    fn set_due(&mut self, at: Moment, due: Due) {
        self.due.add(at, due);
    }

    /// Sees to what the changes of state mean for others, until there are no more.
    fn settle(&mut self, now: Moment) {
        loop {
            while let Some(index) = self.changed.pop_front() {
                self.go_on_with_dependents(now, index);
                self.go_on_with_dependencies(now, index);
                if let Some(group) = self.records[index].rest.group {
                    self.go_on_with_group(now, group);
                }
            }
            // A restart with nothing to start changes no component, and goes on all the same.
            let went_on = self.continue_plan(now);
            if !went_on && self.changed.is_empty() {
                break;
            }
        }
    }

    /// Begins a life: orders its start, or has it wait for what it depends on.
    fn begin_life(&mut self, now: Moment, index: usize) {
        self.begins_outside_run(index);
        let record = &mut self.records[index];
        record.generation.0 += 1;
        record.ahead = Ahead { forced: record.ahead.forced, ..Ahead::default() };
        if let Some(rare) = record.rest.if_any() {
            (rare.hung, rare.deprived_of) = (None, None);
        }
        self.keep(index);
        self.change(now, index, Event::StartOrdered);
        if self.must_wait(index) {
            self.set_waiting(index, true);
            self.records[index].set_deadline(None);
            // What it waits for may be hopeless already.
            self.changed.push_back(index);
        } else {
            self.order_start(now, index);
        }
    }

    fn order_start(&mut self, now: Moment, index: usize) {
        let stored = Arc::clone(&self.stored);
        self.set_waiting(index, false);
        let record = &mut self.records[index];
        record.ahead.forced = false;
        let pauses = record.desired == Desired::Paused && record.rest.queued.is_none();
        record.ahead.pauses = pauses;
        record.begin_with(&stored);
        let order = Order::Start {
            id: record.id,
            generation: record.generation,
            settings: stored,
            registry: Arc::clone(record.rest.registry.as_ref().unwrap_or(&self.no_registry)),
            then_pause: pauses,
        };
        self.set_deadline(index, now + PENDING_MAX);
        self.order(index, order);
    }

    /// Stops a life through its stop hook. One that waits to begin is stopped at once.
    fn order_stop(&mut self, now: Moment, index: usize) {
        self.records[index].ahead.leaving = false;
        if !self.change(now, index, Event::StopOrdered) {
            return;
        }
        if self.records[index].ahead.waiting {
            self.set_waiting(index, false);
            return self.stop_finished(now, index, Ended::Stopped);
        }
        let order = Order::Stop(self.records[index].id, self.records[index].generation);
        self.order(index, order);
    }

    fn order_kill(&mut self, now: Moment, index: usize) {
        self.change(now, index, Event::StopOrdered);
        self.records[index].ahead.leaving = false;
        if self.records[index].ahead.waiting {
            self.set_waiting(index, false);
            return self.stop_finished(now, index, Ended::from(Exit::Killed));
        }
        let record = &mut self.records[index];
        let again = std::mem::replace(&mut record.ahead.killing, true);
        let order = Order::Kill(record.id, record.generation, Box::new(Exit::Killed));
        if !again {
            self.set_deadline(index, now + KILL_GRACE);
        }
        self.order(index, order);
    }

    fn order(&mut self, index: usize, order: Order) {
        self.steps.push(Step::Order(self.records[index].id.shard(), order));
    }

    /// Takes the transition that `event` leads to, if it leads anywhere.
    fn change(&mut self, now: Moment, index: usize, event: Event) -> bool {
        let Some(to) = next(self.records[index].state, event) else { return false };
        self.enter(now, index, to, None);
        true
    }

    fn set_stopped(&mut self, now: Moment, index: usize, substate: Substate, end: Option<Ended>) {
        self.records[index].set_substate(substate);
        self.enter(now, index, State::Stopped, end);
    }

    fn enter(&mut self, now: Moment, index: usize, to: State, end: Option<Ended>) {
        let record = &mut self.records[index];
        let lived = record.has_life();
        let from = record.state;
        self.running -= usize::from(from == State::Running);
        self.running += usize::from(to == State::Running);
        self.starting -= usize::from(record.is_starting());
        record.ahead.overdue = false;
        self.starting += usize::from(to == State::StartPending);
        self.alive -= usize::from(from != State::Stopped);
        self.alive += usize::from(to != State::Stopped);
        record.enter(now, to);
        self.transitions += 1;
        self.steps.push(Step::Transition(Passage {
            number: self.transitions,
            at: now,
            id: record.id,
            generation: record.generation,
            from,
            to,
            substate: (to == State::Stopped).then(|| record.substate()),
            end,
        }));
        if self.records[index].stands_out() {
            self.changed.push_back(index);
            self.count_life(index, lived);
        }
        if !to.is_settled() {
            self.set_deadline(index, now + PENDING_MAX);
        }
    }

    /// A pending state is to have got on by then. Where that was said already, its entry is there.
    fn set_deadline(&mut self, index: usize, at: Moment) {
        let before = self.records[index].deadline();
        if before != Some(at) {
            self.records[index].set_deadline(Some(at));
            self.due.add_deadline(at, index);
        }
    }

    /// What is wanted of a component, apart from what it is.
    fn want(&mut self, index: usize, desired: Desired) {
        let record = &mut self.records[index];
        let persist = record.persist && desired == Desired::Down;
        if record.desired != desired || record.persist != persist {
            record.desired = desired;
            record.persist = persist;
            self.keep(index);
        }
    }

    /// Has what must outlive the process outlive it.
    fn keep(&mut self, index: usize) {
        let record = &self.records[index];
        self.steps.push(Step::Keep(record.id, record.kept()));
    }

    fn notice(&mut self, notice: Notice) {
        self.steps.push(Step::Notice(notice));
    }

    /// A new operation; the one before it, if it is still open, is superseded: 1223.
    fn begin_operation(&mut self, index: usize, target: State) -> Accepted {
        self.resolve(index, Code::CANCELLED, SUPERSEDED);
        let id = self.next_operation();
        self.records[index].rest.operation = Some(Operation { id, target });
        Accepted { operation: Some(id), code: Code::OK, note: "accepted".into() }
    }

    fn next_operation(&mut self) -> OpId {
        self.operations += 1;
        OpId(self.operations)
    }

    fn reached(&mut self, index: usize, target: State) {
        self.resolve_if(index, target, Code::OK, target.word());
    }

    fn resolve_if(&mut self, index: usize, target: State, code: Code, text: impl Into<String>) {
        if self.records[index].waits_for(target) {
            self.resolve(index, code, text);
        }
    }

    fn resolve(&mut self, index: usize, code: Code, text: impl Into<String>) {
        if let Some(Operation { id, .. }) = self.records[index].take_operation() {
            self.resolve_operation(id, code, text);
        }
    }

    fn resolve_operation(&mut self, operation: OpId, code: Code, text: impl Into<String>) {
        let text = text.into();
        self.steps.push(Step::Resolved(Outcome { operation, code, text }));
    }

    /// Every component's place, in the order in which they were registered.
    pub fn ids(&self) -> impl Iterator<Item = ComponentId> {
        self.records.iter().map(|record| record.id)
    }

    /// The name of a component.
    pub fn name(&self, id: ComponentId) -> &Arc<str> {
        self.records[self.index(id)].name()
    }

    /// What a component declares.
    pub fn descriptor(&self, id: ComponentId) -> &Descriptor {
        self.records[self.index(id)].descriptor()
    }

    /// A number that jitter is made of: splitmix64.
    fn draw(&mut self) -> u64 {
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.jitter;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A delay of `delay` with the jitter of this host.
    fn jittered(&mut self, delay: Duration, percent: u8) -> Duration {
        if self.options.jitter_seed.is_none() || delay.is_zero() {
            return delay;
        }
        let draw = self.draw();
        crate::supervision::with_jitter(delay, percent, draw)
    }

    /// Where a component's record lies.
    fn index(&self, id: ComponentId) -> usize {
        self.layout[usize::from(id.shard())][id.slot() as usize] as usize
    }
}

fn exists(name: &str) -> Refusal {
    Refusal::new(
        Code::EXISTS,
        name,
        "a component of that name is registered",
        "give one of the two another name",
    )
}
