//! A component's place in its shard: its life, and the mail that waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::Registration;
use contract::component::Component;
use contract::context::Identity;
use contract::id::{ComponentId, Generation};

use super::pressure::Outbox;
use crate::board::Cell;
use crate::parcel::Parcel;

pub(super) struct Slot {
    pub(super) registration: Registration,
    pub(super) life: Option<Life>,
    /// Mail that waits: for Running, or for its turn.
    pub(super) inbox: VecDeque<Parcel>,
    /// What it has sent and its receivers have no room for.
    pub(super) outbox: Outbox,
    /// Whether the slot is on the ready list.
    pub(super) ready: bool,
    /// Inbox and outbox hold as many messages as they may.
    pub(super) full: bool,
    /// The component was removed: nothing is delivered here any more.
    pub(super) removed: bool,
    pub(super) cell: Arc<Cell>,
}

pub(super) struct Life {
    pub(super) component: Box<dyn Component>,
    pub(super) identity: Identity,
    pub(super) phase: Phase,
    /// The last ticket given out.
    pub(super) tickets: u64,
    /// Timers that count: key, and serial in the heap.
    pub(super) timers: Vec<(&'static str, u64)>,
    /// It pauses as soon as it runs.
    pub(super) then_pause: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Running,
    Pausing,
    Paused,
    Resuming,
    Stopping,
}

impl Phase {
    /// Whether answers and timers go straight to the hooks: they are how a pending start, stop
    /// or pause gets on. In Paused they wait with the messages.
    pub(super) fn takes_own_mail(self) -> bool {
        self != Phase::Paused
    }
}

impl Slot {
    pub(super) fn new(registration: Registration, cell: Arc<Cell>) -> Self {
        Slot {
            registration,
            life: None,
            inbox: VecDeque::new(),
            outbox: Outbox::default(),
            ready: false,
            full: false,
            removed: false,
            cell,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.phase == Phase::Running)
    }

    /// The life in this slot, if it is that one.
    pub(super) fn life_of(&mut self, generation: Generation) -> Option<&mut Life> {
        self.life.as_mut().filter(|life| life.identity.generation == generation)
    }

    /// Who lives here, if anybody.
    pub(super) fn living(&self) -> Option<(ComponentId, Generation)> {
        let life = self.life.as_ref()?;
        Some((life.identity.id, life.identity.generation))
    }

    /// How many messages may wait; a component that takes none at all could not be reached.
    pub(super) fn inbox_max(&self) -> usize {
        self.registration.descriptor.inbox_max.max(1) as usize
    }
}

impl Life {
    /// The key of the timer that was set as `serial`, if it still counts.
    pub(super) fn key_of(&self, serial: u64) -> Option<&'static str> {
        self.timers.iter().find(|(_, other)| *other == serial).map(|(key, _)| *key)
    }

    /// Forgets the timer with that key; false if there is none.
    pub(super) fn forget_timer(&mut self, key: &str) -> bool {
        let before = self.timers.len();
        self.timers.retain(|(other, _)| *other != key);
        self.timers.len() < before
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("name", &self.registration.name)
            .field("phase", &self.life.as_ref().map(|life| life.phase))
            .field("inbox", &self.inbox.len())
            .finish_non_exhaustive()
    }
}
