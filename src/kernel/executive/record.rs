//! What the executive keeps of one component.

use std::sync::Arc;
use std::time::Duration;

use contract::Settings;
use contract::component::{Descriptor, Registry};
use contract::id::{ComponentId, Generation, OpId};
use contract::lifecycle::{Command, Desired, Exit, Startup, State, Substate};
use contract::time::Moment;

use crate::board::Cell;
use crate::lifecycle::Condition;
use crate::supervision::Crashes;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: ComponentId,
    pub(super) name: Arc<str>,
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) cell: Arc<Cell>,
    pub(super) registry: Arc<Registry>,
    pub(super) state: State,
    pub(super) substate: Substate,
    pub(super) desired: Desired,
    pub(super) startup: Startup,
    pub(super) generation: Generation,
    pub(super) since: Moment,
    pub(super) running_since: Option<Moment>,
    pub(super) crashes: Crashes,
    pub(super) crash_count: u64,
    pub(super) last_exit: Option<Exit>,
    pub(super) checkpoint: u32,
    pub(super) hint: Duration,
    /// When the pending state has lasted too long.
    pub(super) deadline: Option<Moment>,
    /// A kill has been ordered.
    pub(super) killing: bool,
    /// Start again when Stopped: a restart is in its stop phase.
    pub(super) starts_again: bool,
    pub(super) operation: Option<Operation>,
    /// The settings that this life was started with.
    pub(super) started_with: Arc<Settings>,
    /// The settings that it was last told.
    pub(super) told: Arc<Settings>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) id: OpId,
    /// The settled state that it is for.
    pub(super) target: State,
}

impl Record {
    /// Whether a due time that was set at `at` still counts.
    pub(super) fn awaits(&self, at: Moment) -> bool {
        match (self.state, self.substate) {
            (State::Stopped, Substate::Backoff { until }) => until == at,
            (State::Stopped, _) => false,
            _ => self.deadline == Some(at),
        }
    }

    /// Whether somebody waits for it to reach that state.
    pub(super) fn waits_for(&self, target: State) -> bool {
        self.operation.is_some_and(|operation| operation.target == target)
    }

    pub(super) fn meets(&self, condition: Condition, command: Command) -> bool {
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
    pub(super) fn effective(&self, key: &str) -> Option<&Settings> {
        if self.descriptor.reloads.contains(&key) {
            Some(&self.told)
        } else if self.descriptor.start_only.contains(&key) {
            Some(&self.started_with)
        } else {
            None
        }
    }
}
