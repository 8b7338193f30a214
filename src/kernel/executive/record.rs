//! What the executive keeps of one component.

use std::sync::Arc;
use std::time::Duration;

use contract::component::{Descriptor, Registry};
use contract::id::{ComponentId, Generation, OpId};
use contract::lifecycle::{Command, CommandOptions, Desired, Exit, Startup, State, Substate};
use contract::store::KeptComponent;
use contract::time::Moment;
use contract::{Registration, Settings};

use crate::board::Cell;
use crate::lifecycle::Condition;
use crate::supervision::Crashes;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: ComponentId,
    pub(super) registration: Registration,
    pub(super) cell: Arc<Cell>,
    pub(super) registry: Arc<Registry>,
    pub(super) state: State,
    pub(super) substate: Substate,
    pub(super) desired: Desired,
    /// A stop that outlasts the next start of the executive.
    pub(super) persist: bool,
    pub(super) startup: Startup,
    /// The startup type that an operator gave it.
    pub(super) given_startup: Option<Startup>,
    pub(super) generation: Generation,
    pub(super) since: Moment,
    pub(super) running_since: Option<Moment>,
    pub(super) crashes: Crashes,
    pub(super) crash_count: u64,
    pub(super) last_exit: Option<Exit>,
    pub(super) drop_panicked: Option<String>,
    pub(super) checkpoint: u32,
    pub(super) hint: Duration,
    /// When the pending state has lasted too long.
    pub(super) deadline: Option<Moment>,
    pub(super) operation: Option<Operation>,
    pub(super) ahead: Ahead,
    /// The settings that this life was started with.
    pub(super) started_with: Arc<Settings>,
    /// The settings that it was last told.
    pub(super) told: Arc<Settings>,
    /// Until when an operator keeps it down.
    pub(super) maintenance: Option<Moment>,
    /// Taken out of service, or about to be.
    pub(super) removed: bool,
    /// The watchdog calls it hung: since then its code has not come back.
    pub(super) hung: Option<Moment>,
    /// Lives that were given up and whose code has not come back.
    pub(super) zombies: Vec<Generation>,
    /// Its place among all: after what it depends on.
    pub(super) rank: usize,
    /// How many of those that depend on it directly have a life.
    pub(super) lives_on_it: usize,
    /// Records of what it depends on, of what depends on it, and of its group.
    pub(super) depends_on: Vec<usize>,
    pub(super) dependents: Vec<usize>,
    pub(super) group: Option<usize>,
}

/// What has been decided for a component and has not been done yet.
#[derive(Debug, Clone, Default)]
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
    /// It is being stopped because something that it requires has failed: this.
    pub(super) deprived_of: Option<String>,
    /// An operator insists on the start although code of an earlier life has not come back.
    pub(super) forced: bool,
    /// Its start was ordered together with a pause.
    pub(super) pauses: bool,
    /// A start or restart that waits for its moment.
    pub(super) queued: Option<Queued>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub(super) operation: OpId,
    pub(super) restart: bool,
    pub(super) options: CommandOptions,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) id: OpId,
    /// The settled state that it is for.
    pub(super) target: State,
}

impl Record {
    pub(super) fn name(&self) -> &Arc<str> {
        &self.registration.name
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.registration.descriptor
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
        self.state == State::Stopped && matches!(self.substate, Substate::Backoff { .. })
    }

    /// Whether somebody waits for it to reach that state.
    pub(super) fn waits_for(&self, target: State) -> bool {
        self.operation.is_some_and(|operation| operation.target == target)
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
            Some(&self.told)
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
