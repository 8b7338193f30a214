//! A component's place in its shard: its life, and the mail that waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use contract::Registration;
use contract::component::Component;
use contract::id::{ComponentId, Generation};

use super::pressure::Outbox;
use crate::board::Cell;
use crate::parcel::Parcel;

/// One cache line: all that a message to a running component needs, but for what it carries.
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) life: Option<Life>,
    pub(super) cell: Arc<Cell>,
    /// What most messages do not need.
    pub(super) rest: Box<Rest>,
    pub(super) id: ComponentId,
    /// Whether the slot is on the ready list.
    pub(super) ready: bool,
    /// Whether mail waits in the inbox.
    pub(super) has_mail: bool,
    /// Inbox and outbox hold as many messages as they may.
    pub(super) full: bool,
    /// The component was removed: nothing is delivered here any more.
    pub(super) removed: bool,
}

/// What is kept of a component and is looked at now and then.
pub(super) struct Rest {
    pub(super) registration: Registration,
    /// Mail that waits: for Running, or for its turn.
    pub(super) inbox: VecDeque<Parcel>,
    /// What it has sent and its receivers have no room for.
    pub(super) outbox: Outbox,
    /// Timers of the present life that count: key, and serial in the wheel.
    pub(super) timers: Vec<(&'static str, u64)>,
}

pub(super) struct Life {
    pub(super) component: Box<dyn Component>,
    pub(super) generation: Generation,
    /// The last ticket given out.
    pub(super) tickets: u64,
    pub(super) phase: Phase,
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
    pub(super) fn new(id: ComponentId, registration: Registration, cell: Arc<Cell>) -> Self {
        let (inbox, outbox, timers) = (VecDeque::new(), Outbox::default(), Vec::new());
        Slot {
            life: None,
            cell,
            rest: Box::new(Rest { registration, inbox, outbox, timers }),
            id,
            ready: false,
            has_mail: false,
            full: false,
            removed: false,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.phase == Phase::Running)
    }

    /// Whether a message may be handed over as soon as it comes.
    pub(super) fn takes_at_once(&self) -> bool {
        self.is_running() && !self.has_mail
    }

    /// The life in this slot, if it is that one.
    pub(super) fn life_of(&mut self, generation: Generation) -> Option<&mut Life> {
        self.life.as_mut().filter(|life| life.generation == generation)
    }

    /// Who lives here, if anybody.
    pub(super) fn living(&self) -> Option<(ComponentId, Generation)> {
        let life = self.life.as_ref()?;
        Some((self.id, life.generation))
    }

    /// How many messages may wait; a component that takes none at all could not be reached.
    pub(super) fn inbox_max(&self) -> usize {
        self.rest.registration.descriptor.inbox_max.max(1) as usize
    }

    /// The key of the timer that was set as `serial`, if it still counts.
    pub(super) fn key_of(&self, serial: u64) -> Option<&'static str> {
        self.rest.timers.iter().find(|(_, other)| *other == serial).map(|(key, _)| *key)
    }

    /// Forgets the timer with that key; false if there is none.
    pub(super) fn forget_timer(&mut self, key: &str) -> bool {
        let before = self.rest.timers.len();
        self.rest.timers.retain(|(other, _)| *other != key);
        self.rest.timers.len() < before
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("name", &self.rest.registration.name)
            .field("phase", &self.life.as_ref().map(|life| life.phase))
            .field("inbox", &self.rest.inbox.len())
            .finish_non_exhaustive()
    }
}
