//! What the executive keeps of one component.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use contract::component::{Descriptor, Registry};
use contract::id::{ComponentId, Generation, OpId};
use contract::lifecycle::{Command, CommandOptions, Desired, Exit, Startup, State, Substate};
use contract::store::KeptComponent;
use contract::time::Moment;
use contract::{Registration, Settings};

use super::Ended;
use crate::board::{Block, Cell};
use crate::lifecycle::Condition;
use crate::supervision::Crashes;

/// The hint shown when a pending state begins (lifecycle.md 1).
const FIRST_HINT: Duration = Duration::from_secs(2);
/// A deadline that there is not.
const NEVER: Moment = Moment(u64::MAX);

/// One cache line: all that a start and a stop of a component needs that nothing is out of the
/// ordinary with.
#[derive(Debug)]
pub(super) struct Record {
    /// Its cell is in there, and what it was registered as.
    pub(super) block: Arc<Block>,
    pub(super) rest: Rest,
    /// The settings that this life was started with.
    pub(super) started_with: Arc<Settings>,
    pub(super) generation: Generation,
    /// When the pending state has lasted too long, or the backoff is over.
    due: Moment,
    pub(super) id: ComponentId,
    pub(super) state: State,
    /// Why it is Stopped, or was the last time.
    down: Down,
    pub(super) desired: Desired,
    /// A stop that outlasts the next start of the executive.
    pub(super) persist: bool,
    pub(super) startup: Startup,
    /// The startup type that an operator gave it.
    pub(super) given_startup: Option<Startup>,
    /// Taken out of service, or about to be.
    pub(super) removed: bool,
    /// Its last life was stopped as it should, unless the rest says otherwise.
    shut_down: bool,
    pub(super) ahead: Ahead,
}

/// [`Substate`] without the moment, which is [`Record::due`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    NeverStarted,
    Operator,
    Completed,
    Ignored,
    Held,
    Backoff,
    Failed,
    Cleared,
    Disabled,
    Removed,
}

/// What most components never need. It takes up room from the first time on that something is put
/// in.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<Box<Rare>>);

/// What is in there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rare {
    /// What earlier lives kept, if anything.
    pub(super) registry: Option<Arc<Registry>>,
    /// The settings that it was last told, if not those that it was started with.
    pub(super) told: Option<Arc<Settings>>,
    pub(super) operation: Option<Operation>,
    /// A start or restart that waits for its moment.
    pub(super) queued: Option<Queued>,
    /// Since when this life had been Running when it was first paused.
    running_since: Option<Moment>,
    /// Progress of the pending state, and when there is to be more.
    pub(super) checkpoint: u32,
    pub(super) hint: Duration,
    pub(super) crashes: Crashes,
    pub(super) crash_count: u64,
    last_exit: Option<Arc<Exit>>,
    pub(super) drop_panicked: Option<String>,
    /// It is being stopped because something that it requires has failed: this.
    pub(super) deprived_of: Option<String>,
    /// Until when an operator keeps it down.
    pub(super) maintenance: Option<Moment>,
    /// The watchdog calls it hung: since then its code has not come back.
    pub(super) hung: Option<Moment>,
    /// Lives that were given up and whose code has not come back.
    pub(super) zombies: Vec<Generation>,
    /// Its place among all: after what it depends on. Of those that are tied to no others, none
    /// is asked for.
    pub(super) rank: usize,
    /// How many of those that depend on it directly have a life.
    pub(super) lives_on_it: usize,
    /// Records of what it depends on, of what depends on it, and of its group.
    pub(super) depends_on: Vec<usize>,
    pub(super) dependents: Vec<usize>,
    pub(super) group: Option<usize>,
}

/// What has been decided for a component and has not been done yet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ahead {
    /// A kill has been ordered.
    pub(super) killing: bool,
    /// Start again when Stopped: a restart is in its stop phase.
    pub(super) starts_again: bool,
    /// Its start is accepted, and not ordered yet: it waits for what it depends on, or for the
    /// code of an earlier life.
    pub(super) waiting: bool,
    /// It waits for code that does not come back, and SMS_EXECUTIVE waits for it no longer.
    pub(super) overdue: bool,
    /// It is to be stopped as soon as nothing that lives depends on it.
    pub(super) leaving: bool,
    /// An operator insists on the start although code of an earlier life has not come back.
    pub(super) forced: bool,
    /// Its start was ordered together with a pause.
    pub(super) pauses: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queued {
    pub(super) operation: OpId,
    pub(super) restart: bool,
    pub(super) options: CommandOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) id: OpId,
    /// The settled state that it is for.
    pub(super) target: State,
}

const NOTHING: Rare = Rare {
    registry: None,
    told: None,
    operation: None,
    queued: None,
    running_since: None,
    checkpoint: 0,
    hint: Duration::ZERO,
    crashes: Crashes::NONE,
    crash_count: 0,
    last_exit: None,
    drop_panicked: None,
    deprived_of: None,
    maintenance: None,
    hung: None,
    zombies: Vec::new(),
    rank: 0,
    lives_on_it: 0,
    depends_on: Vec::new(),
    dependents: Vec::new(),
    group: None,
};

impl Rest {
    /// What is in there, to be changed, if there is anything.
    pub(super) fn if_any(&mut self) -> Option<&mut Rare> {
        self.0.as_deref_mut()
    }

    /// Gives the room back if nothing is in there any more.
    fn tidy(&mut self) {
        if self.0.as_deref() == Some(&NOTHING) {
            self.0 = None;
        }
    }
}

impl Deref for Rest {
    type Target = Rare;

    fn deref(&self) -> &Rare {
        const NOTHING_AT_ALL: &Rare = &NOTHING;
        self.0.as_deref().unwrap_or(NOTHING_AT_ALL)
    }
}

impl DerefMut for Rest {
    fn deref_mut(&mut self) -> &mut Rare {
        self.0.get_or_insert_default()
    }
}

impl Record {
    /// A component that has not lived yet.
    pub(super) fn new(
        block: Arc<Block>,
        id: ComponentId,
        startup: Startup,
        stored: &Arc<Settings>,
    ) -> Self {
        let down = if startup == Startup::Disabled { Down::Disabled } else { Down::NeverStarted };
        Record {
            block,
            rest: Rest::default(),
            started_with: Arc::clone(stored),
            generation: Generation(0),
            due: NEVER,
            id,
            state: State::Stopped,
            down,
            desired: Desired::Down,
            persist: false,
            startup,
            given_startup: None,
            removed: false,
            shut_down: false,
            ahead: Ahead::default(),
        }
    }

    /// It is in that state from now on.
    pub(super) fn enter(&mut self, now: Moment, to: State) {
        if (self.state, to) == (State::Running, State::PausePending) {
            let since = self.cell().since();
            self.rest.running_since.get_or_insert(since);
        }
        if let Some(rare) = self.rest.if_any() {
            rare.checkpoint = 0;
        }
        if to.is_settled() && to != State::Stopped {
            self.due = NEVER;
        }
        self.state = to;
        self.cell().set(to, self.generation, now);
    }

    /// For how long the life that is over had been Running.
    pub(super) fn ran(&mut self, now: Moment) -> Duration {
        let paused = self.rest.if_any().and_then(|rare| rare.running_since.take());
        let running = (self.state == State::Running).then(|| self.cell().since());
        paused.or(running).map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Why it is Stopped, or was the last time.
    pub(super) fn substate(&self) -> Substate {
        match self.down {
            Down::NeverStarted => Substate::NeverStarted,
            Down::Operator => Substate::Operator,
            Down::Completed => Substate::Completed,
            Down::Ignored => Substate::Ignored,
            Down::Held => Substate::Held,
            Down::Backoff => Substate::Backoff { until: self.due },
            Down::Failed => Substate::Failed,
            Down::Cleared => Substate::Cleared,
            Down::Disabled => Substate::Disabled,
            Down::Removed => Substate::Removed,
        }
    }

    /// It is Stopped, or about to be, because of that.
    pub(super) fn set_substate(&mut self, substate: Substate) {
        self.due = NEVER;
        self.down = match substate {
            Substate::NeverStarted => Down::NeverStarted,
            Substate::Operator => Down::Operator,
            Substate::Completed => Down::Completed,
            Substate::Ignored => Down::Ignored,
            Substate::Held => Down::Held,
            Substate::Backoff { until } => {
                self.due = until;
                Down::Backoff
            }
            Substate::Failed => Down::Failed,
            Substate::Cleared => Down::Cleared,
            Substate::Disabled => Down::Disabled,
            Substate::Removed => Down::Removed,
        };
    }

    /// When the pending state that it is in has lasted too long, if that is ever.
    pub(super) fn deadline(&self) -> Option<Moment> {
        (self.state != State::Stopped && self.due != NEVER).then_some(self.due)
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<Moment>) {
        self.due = deadline.unwrap_or(NEVER);
    }

    /// A life begins with those settings.
    pub(super) fn begin_with(&mut self, settings: &Arc<Settings>) {
        if !Arc::ptr_eq(&self.started_with, settings) {
            self.started_with = Arc::clone(settings);
        }
        if let Some(rare) = self.rest.if_any() {
            rare.told = None;
        }
    }

    /// The settings that it was last told.
    pub(super) fn told(&self) -> &Arc<Settings> {
        self.rest.told.as_ref().unwrap_or(&self.started_with)
    }

    /// How its last life ended, if one has.
    pub(super) fn last_exit(&self) -> Option<&Exit> {
        self.rest.last_exit.as_deref().or(self.shut_down.then_some(&Exit::Shutdown))
    }

    pub(super) fn set_last_exit(&mut self, end: &Ended) {
        self.shut_down = *end == Ended::Stopped;
        match (end, self.rest.if_any()) {
            (Ended::Stopped, None) => {}
            (Ended::Stopped, Some(rare)) => rare.last_exit = None,
            (Ended::Other(exit), _) => self.rest.last_exit = Some(Arc::clone(exit)),
        }
    }

    /// Its crashes are forgotten.
    pub(super) fn forgive(&mut self) {
        if let Some(rare) = self.rest.if_any() {
            rare.crashes.forgive();
        }
    }

    /// Takes the operation that is under way.
    pub(super) fn take_operation(&mut self) -> Option<Operation> {
        let operation = self.rest.if_any()?.operation.take()?;
        self.rest.tidy();
        Some(operation)
    }

    /// Takes the start or restart that waits for its moment.
    pub(super) fn take_queued(&mut self) -> Option<Queued> {
        self.rest.if_any()?.queued.take()
    }

    /// Whether it differs from most: it is tied to others, or waits for something. If not, what
    /// it does is nothing to others.
    pub(super) fn stands_out(&self) -> bool {
        self.rest.0.as_deref().is_some_and(|rare| {
            !rare.depends_on.is_empty()
                || !rare.dependents.is_empty()
                || rare.group.is_some()
                || self.ahead.waiting
        })
    }

    /// The hint of the pending state that it is in.
    pub(super) fn hint(&self) -> Duration {
        match self.rest.checkpoint {
            0 if self.state.is_settled() => Duration::ZERO,
            0 => FIRST_HINT,
            _ => self.rest.hint,
        }
    }

    fn registration(&self) -> &Registration {
        self.block.entry(self.id).registration()
    }

    pub(super) fn cell(&self) -> &Cell {
        self.block.cell(self.id)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.registration().name
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.registration().descriptor
    }

    /// Whether a shard carries a life of it.
    pub(super) fn has_life(&self) -> bool {
        self.state != State::Stopped && !self.ahead.waiting
    }

    /// Whether a start of SMS_EXECUTIVE waits for it.
    pub(super) fn is_starting(&self) -> bool {
        self.state == State::StartPending && !self.ahead.overdue
    }

    /// Whether it has been started and not been stopped since.
    pub(super) fn is_up(&self) -> bool {
        match self.state {
            State::Running | State::Paused | State::PausePending | State::ContinuePending => true,
            State::Stopped | State::StartPending | State::StopPending => false,
        }
    }

    /// Whether a restart is ahead of it.
    pub(super) fn is_backing_off(&self) -> bool {
        self.state == State::Stopped && self.down == Down::Backoff
    }

    /// Whether somebody waits for it to reach that state.
    pub(super) fn waits_for(&self, target: State) -> bool {
        self.rest.operation.is_some_and(|operation| operation.target == target)
    }

    pub(super) fn meets(&self, condition: Condition, command: Command) -> bool {
        let descriptor = self.descriptor();
        match condition {
            Condition::CancellableStart => descriptor.cancellable_start || self.ahead.waiting,
            Condition::Pausable => descriptor.pausable,
            Condition::Declared => match command {
                Command::Custom(code) => code >= 128 && descriptor.controls.contains(&code),
                _ => !descriptor.reloads.is_empty(),
            },
        }
    }

    /// The settings in which this component has `key` in effect; none if it declares no such.
    pub(super) fn effective(&self, key: &str) -> Option<&Settings> {
        if self.descriptor().reloads.contains(&key) {
            Some(self.told())
        } else if self.descriptor().start_only.contains(&key) {
            Some(&self.started_with)
        } else {
            None
        }
    }

    /// What must outlive the process.
    pub(super) fn kept(&self) -> KeptComponent {
        KeptComponent {
            generation: self.generation,
            desired: self.desired,
            persist: self.persist,
            startup: self.given_startup,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Together with the slot in its shard (64 bytes), its place in a block (88), its entry in
    /// the layout (4) and among the names (8, with room to spare 14 at most), that is what the
    /// kernel keeps of a component that runs and that nothing is out of the ordinary with.
    #[test]
    fn a_record_is_one_cache_line() {
        assert_eq!(size_of::<Record>(), 64);
    }

    #[test]
    fn room_that_was_needed_once_is_given_back_with_the_operation() {
        let mut rest = Rest::default();
        assert_eq!(*rest, Rare::default());
        rest.operation = Some(Operation { id: OpId(1), target: State::Running });
        rest.tidy();
        assert!(rest.if_any().is_some(), "it is under way");
        rest.operation = None;
        rest.tidy();
        assert!(rest.if_any().is_none());
    }
}
