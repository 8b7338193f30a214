//! A component's place in its shard: its life, and the mail that waits for it.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use contract::Registration;
use contract::component::Component;
use contract::context::LifeNotes;
use contract::id::{ComponentId, Generation};

use super::pressure::Outbox;
use crate::board::{Block, Cell};
use crate::parcel::Parcel;

/// One cache line: all that a message to a running component needs, but for what it carries.
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) life: Option<Life>,
    /// Its cell is in there, and what it was registered as.
    pub(super) block: Arc<Block>,
    pub(super) rest: Rest,
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

/// What waits for a component, or with it. Most have nothing of the kind most of the time, and
/// some never: it takes up room from the first time on that something is put in.
#[derive(Default)]
pub(super) struct Rest(Option<Box<Waiting>>);

/// What is in there.
#[derive(Default)]
pub(super) struct Waiting {
    /// Mail that waits: for Running, or for its turn.
    pub(super) inbox: VecDeque<Parcel>,
    /// What it has sent and its receivers have no room for.
    pub(super) outbox: Outbox,
    /// Timers of the present life that count: key, and serial in the wheel.
    pub(super) timers: Vec<(&'static str, u64)>,
}

pub(super) struct Life {
    pub(super) component: Box<dyn Component>,
    pub(super) notes: LifeNotes,
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
    pub(super) fn new(id: ComponentId, block: Arc<Block>) -> Self {
        Slot {
            life: None,
            block,
            rest: Rest::default(),
            id,
            ready: false,
            has_mail: false,
            full: false,
            removed: false,
        }
    }

    pub(super) fn cell(&self) -> &Cell {
        self.block.cell(self.id)
    }

    pub(super) fn registration(&self) -> &Registration {
        self.block.entry(self.id).registration()
    }

    pub(super) fn is_running(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.phase == Phase::Running)
    }

    /// The life in this slot, if it is that one.
    pub(super) fn life_of(&mut self, generation: Generation) -> Option<&mut Life> {
        self.life.as_mut().filter(|life| life.notes.generation == generation)
    }

    /// Who lives here, if anybody.
    pub(super) fn living(&self) -> Option<(ComponentId, Generation)> {
        let life = self.life.as_ref()?;
        Some((self.id, life.notes.generation))
    }

    /// How many messages may wait; a component that takes none at all could not be reached.
    pub(super) fn inbox_max(&self) -> usize {
        self.registration().descriptor.inbox_max.max(1) as usize
    }

    /// The key of the timer that was set as `serial`, if it still counts.
    pub(super) fn key_of(&self, serial: u64) -> Option<&'static str> {
        self.rest.timers.iter().find(|(_, other)| *other == serial).map(|(key, _)| *key)
    }

    /// Forgets the timer with that key; false if there is none.
    pub(super) fn forget_timer(&mut self, key: &str) -> bool {
        let set = self.rest.timers.iter().position(|(other, _)| *other == key);
        set.map(|nth| self.rest.timers.remove(nth)).is_some()
    }
}

impl Rest {
    /// Takes what waits in the inbox.
    pub(super) fn take_inbox(&mut self) -> VecDeque<Parcel> {
        self.0.as_mut().map(|waiting| std::mem::take(&mut waiting.inbox)).unwrap_or_default()
    }

    /// A life is over, and its timers with it: answers how many there were.
    pub(super) fn forget_timers(&mut self) -> usize {
        let timers = self.0.as_mut().map(|waiting| std::mem::take(&mut waiting.timers));
        timers.unwrap_or_default().len()
    }

    /// Messages stay for the next life; answers and timers were that one's own.
    pub(super) fn forget_own_mail(&mut self) {
        if let Some(waiting) = &mut self.0 {
            waiting.inbox.retain(Parcel::is_message);
        }
    }

    /// Gives the room back if nothing is left.
    pub(super) fn give_room_back(&mut self) {
        if self.inbox.is_empty() && self.outbox.is_empty() && self.timers.is_empty() {
            self.0 = None;
        }
    }

    /// Whether room is taken up, needed or not.
    #[cfg(test)]
    pub(super) fn takes_up_room(&self) -> bool {
        self.0.is_some()
    }

    /// Everything that waits, inbox first.
    pub(super) fn into_parcels(self) -> impl Iterator<Item = Parcel> {
        let Waiting { inbox, outbox, .. } = self.0.map(|waiting| *waiting).unwrap_or_default();
        inbox.into_iter().chain(outbox.into_parcels())
    }
}

impl Deref for Rest {
    type Target = Waiting;

    fn deref(&self) -> &Waiting {
        const NOTHING: &Waiting =
            &Waiting { inbox: VecDeque::new(), outbox: Outbox::new(), timers: Vec::new() };
        self.0.as_deref().unwrap_or(NOTHING)
    }
}

impl DerefMut for Rest {
    fn deref_mut(&mut self) -> &mut Waiting {
        self.0.get_or_insert_default()
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("name", &self.registration().name)
            .field("phase", &self.life.as_ref().map(|life| life.phase))
            .field("inbox", &self.rest.inbox.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_one_cache_line_and_what_waits_takes_up_room_only_while_something_does() {
        assert_eq!(size_of::<Slot>(), 64);
        let mut rest = Rest::default();
        assert!(rest.inbox.is_empty() && rest.outbox.is_empty() && rest.timers.is_empty());
        assert!(rest.take_inbox().is_empty() && rest.forget_timers() == 0);
        assert!(rest.0.is_none(), "nobody put anything in");
        rest.timers.push(("key", 1));
        rest.give_room_back();
        assert!(rest.0.is_some());
        assert_eq!(rest.forget_timers(), 1);
        rest.give_room_back();
        assert!(rest.0.is_none());
    }
}
