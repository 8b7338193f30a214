//! Status cells: what anybody may read of a component without asking anybody.
//!
//! The executive writes a component's state, its shard the depth of its inbox; a reader waits
//! for neither. The board also knows the names, so that a shard can find a receiver by name,
//! and what each shard is doing right now, so that a watchdog can tell whether it is stuck.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use contract::id::{ComponentId, Generation, MessageId};
use contract::lifecycle::State;
use contract::time::Moment;

use crate::cell::LifeWord;

/// The names and cells of a host's components. The lock is held for a registration or a
/// look-up, never while component code runs.
#[derive(Debug, Default)]
pub struct Board {
    inner: RwLock<Inner>,
    /// So many inboxes are full: as long as there is none, a sender need not look at its
    /// receiver's.
    pressed: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    /// By name in upper case.
    ids: HashMap<Box<str>, ComponentId>,
    /// By shard, by slot.
    cells: Vec<Vec<Arc<Cell>>>,
    /// By shard.
    pulses: Vec<Arc<Pulse>>,
}

/// One component's cell.
#[derive(Debug)]
pub(crate) struct Cell {
    life: LifeWord,
    inbox: AtomicU32,
    outbox: AtomicU32,
    /// So many may wait; 0 until the shard has the component.
    inbox_max: AtomicU32,
    /// It is counted in [`Board::pressed`].
    full: AtomicBool,
    /// Until when its hook may take; 0 if it has not said.
    pub(crate) lease: AtomicU64,
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellView {
    /// The component's state.
    pub state: State,
    /// The life that is in that state, or was the last one.
    pub generation: Generation,
    /// Since when. Read apart from the first two: during a transition it may be the next one's.
    pub since: Moment,
    /// Messages that wait in its inbox.
    pub inbox: u64,
    /// Messages of its own that wait for room in their receivers' inboxes.
    pub outbox: u64,
    /// So many may wait in inbox and outbox together before its senders have to; 0 if that is
    /// not known yet.
    pub inbox_max: u32,
}

impl CellView {
    /// Whether its inbox is full. Components that send it more have to wait; whoever is outside
    /// is to be refused.
    pub fn is_full(&self) -> bool {
        self.inbox_max > 0 && self.inbox + self.outbox >= u64::from(self.inbox_max)
    }

    /// How many more messages it has room for.
    pub(crate) fn room(&self) -> usize {
        let room = u64::from(self.inbox_max).saturating_sub(self.inbox + self.outbox);
        if self.inbox_max == 0 { usize::MAX } else { room as usize }
    }
}

/// What a shard is doing. Written twice for each hook, so a shard has it for itself: that of a
/// carrier that is lost cannot be mistaken for its successor's.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// The slot in the lowest 24 bits, the generation in the 39 above, the highest bit set;
    /// 0 between hooks.
    busy: AtomicU64,
    /// When the turn began.
    since: AtomicU64,
    /// The message that is being handled: its sender in the upper half, its number in the lower.
    message: AtomicU64,
    /// Which delivery of it this is; 0 if none is handled. Both only where a store keeps
    /// messages: elsewhere they would be written for nothing.
    delivery: AtomicU8,
}

const SLOT_BITS: u32 = 24;
const BUSY: u64 = 1 << 63;

/// A hook that is being called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Whose.
    pub id: ComponentId,
    /// In which life.
    pub generation: Generation,
    /// Since when, at the earliest: when the shard's turn began.
    pub since: Moment,
    /// Until when it may take, as it has said itself; [`Moment::ZERO`] if it has not.
    pub lease: Moment,
    /// The message that it was handed, and which delivery of it this is; none in other hooks,
    /// and where no store keeps messages.
    pub message: Option<(MessageId, u8)>,
}

impl Pulse {
    /// A turn begins.
    pub(crate) fn turn(&self, now: Moment) {
        self.since.store(now.0, Ordering::Relaxed);
    }

    /// A hook is going to be called.
    pub(crate) fn enter(&self, slot: u32, generation: Generation) {
        let word = BUSY | (generation.0 << SLOT_BITS & !BUSY) | u64::from(slot);
        self.busy.store(word, Ordering::Relaxed);
    }

    /// It has come back.
    pub(crate) fn leave(&self) {
        self.busy.store(0, Ordering::Relaxed);
    }

    /// The next hook is handed that message.
    pub(crate) fn hand(&self, message: MessageId, delivery: u8) {
        let MessageId { from, number } = message;
        let sender = u64::from(from.shard()) << SLOT_BITS | u64::from(from.slot());
        self.message.store(sender << 32 | u64::from(number), Ordering::Relaxed);
        self.delivery.store(delivery, Ordering::Relaxed);
    }

    /// It is through with the message, one way or another.
    pub(crate) fn take_back(&self) {
        self.delivery.store(0, Ordering::Relaxed);
    }

    fn handed(&self) -> Option<(MessageId, u8)> {
        let delivery = self.delivery.load(Ordering::Relaxed);
        let word = self.message.load(Ordering::Relaxed);
        let slot = (word >> 32) as u32 & ((1 << SLOT_BITS) - 1);
        let from = ComponentId::new((word >> (32 + SLOT_BITS)) as u8, slot);
        (delivery > 0).then_some((MessageId { from, number: word as u32 }, delivery))
    }

    fn get(&self) -> Option<(u32, Generation, Moment)> {
        let word = self.busy.load(Ordering::Relaxed);
        let slot = (word & ((1 << SLOT_BITS) - 1)) as u32;
        let since = Moment(self.since.load(Ordering::Relaxed));
        (word != 0).then_some((slot, Generation((word & !BUSY) >> SLOT_BITS), since))
    }
}

impl Cell {
    fn new() -> Self {
        Cell {
            life: LifeWord::new(),
            inbox: AtomicU32::new(0),
            outbox: AtomicU32::new(0),
            inbox_max: AtomicU32::new(0),
            full: AtomicBool::new(false),
            lease: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, state: State, generation: Generation, since: Moment) {
        self.life.set(state, generation, since);
    }

    pub(crate) fn set_depth(&self, inbox: usize, outbox: usize) {
        self.inbox.store(u32::try_from(inbox).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.outbox.store(u32::try_from(outbox).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// A shard has taken the component in, and has no mail for it yet.
    pub(crate) fn place(&self, inbox_max: u32) {
        self.set_depth(0, 0);
        self.inbox_max.store(inbox_max, Ordering::Relaxed);
    }

    /// Whether that life has been given up: whatever it does comes too late.
    pub(crate) fn is_over(&self, generation: Generation) -> bool {
        let (state, present, _) = self.life.get();
        present != generation || state == State::Stopped
    }

    pub(crate) fn view(&self) -> CellView {
        let (state, generation, since) = self.life.get();
        CellView {
            state,
            generation,
            since,
            inbox: self.inbox.load(Ordering::Relaxed).into(),
            outbox: self.outbox.load(Ordering::Relaxed).into(),
            inbox_max: self.inbox_max.load(Ordering::Relaxed),
        }
    }
}

impl Board {
    /// The component of that name, in any case.
    pub fn find(&self, name: &str) -> Option<ComponentId> {
        let inner = self.read();
        match inner.ids.get(name) {
            Some(id) => Some(*id),
            None => inner.ids.get(name.to_ascii_uppercase().as_str()).copied(),
        }
    }

    /// What the cell of `id` says now; `None` if there is no such component.
    pub fn view(&self, id: ComponentId) -> Option<CellView> {
        self.cell(id).map(|cell| cell.view())
    }

    /// What every cell says now, by shard and slot.
    pub fn view_all(&self) -> Vec<(ComponentId, CellView)> {
        let inner = self.read();
        let mut views = Vec::with_capacity(inner.ids.len());
        for (shard, cells) in (0..).zip(&inner.cells) {
            for (slot, cell) in (0..).zip(cells) {
                views.push((ComponentId::new(shard, slot), cell.view()));
            }
        }
        views
    }

    /// Adds a component; false if the name is taken. `id` is the next slot of its shard.
    pub(crate) fn add(&self, name: &str, id: ComponentId) -> bool {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let key = name.to_ascii_uppercase().into_boxed_str();
        if inner.ids.contains_key(&key) {
            return false;
        }
        inner.ids.insert(key, id);
        let shard = usize::from(id.shard());
        if inner.cells.len() <= shard {
            inner.cells.resize_with(shard + 1, Vec::new);
        }
        debug_assert_eq!(inner.cells[shard].len(), id.slot() as usize);
        inner.cells[shard].push(Arc::new(Cell::new()));
        true
    }

    /// The hook that a shard is in; none if it is in none. Takes part in nothing: a shard that
    /// is stuck cannot hold it up.
    pub fn busy(&self, shard: u8) -> Option<Busy> {
        let inner = self.read();
        let pulse = inner.pulses.get(usize::from(shard))?;
        let (slot, generation, since) = pulse.get()?;
        let message = pulse.handed();
        let cell = inner.cells.get(usize::from(shard))?.get(slot as usize)?;
        let lease = Moment(cell.lease.load(Ordering::Relaxed));
        Some(Busy { id: ComponentId::new(shard, slot), generation, since, lease, message })
    }

    /// A new pulse for a new carrier of that shard.
    pub(crate) fn pulse(&self, shard: u8) -> Arc<Pulse> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let shard = usize::from(shard);
        if inner.pulses.len() <= shard {
            inner.pulses.resize_with(shard + 1, Arc::default);
        }
        inner.pulses[shard] = Arc::default();
        Arc::clone(&inner.pulses[shard])
    }

    /// Whether any inbox of the host is full.
    #[inline]
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed) != 0
    }

    /// Takes down whether that inbox is full.
    pub(crate) fn set_full(&self, cell: &Cell, full: bool) {
        // Whoever turns the flag counts: two carriers of one shard do not count twice.
        if cell.full.swap(full, Ordering::Relaxed) == full {
            return;
        }
        if full {
            self.pressed.fetch_add(1, Ordering::Relaxed);
        } else {
            self.pressed.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn cell(&self, id: ComponentId) -> Option<Arc<Cell>> {
        let inner = self.read();
        let cells = inner.cells.get(usize::from(id.shard()))?;
        cells.get(id.slot() as usize).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_what_was_set_and_names_are_found_in_any_case() {
        let board = Board::default();
        let id = ComponentId::new(1, 0);
        assert!(board.add("SMS_EXAMPLE", id));
        assert!(!board.add("sms_example", ComponentId::new(0, 0)), "taken");
        assert_eq!(board.find("Sms_Example"), Some(id));
        assert_eq!(board.find("SMS_OTHER"), None);

        let cell = board.cell(id).unwrap();
        for state in State::ALL {
            cell.set(state, Generation(1 << 40), Moment(7));
            cell.place(5);
            cell.set_depth(3, 1);
            let (generation, since) = (Generation(1 << 40), Moment(7));
            let view = CellView { state, generation, since, inbox: 3, outbox: 1, inbox_max: 5 };
            assert_eq!(board.view(id), Some(view));
            assert!(!view.is_full() && view.room() == 1);
        }
        assert_eq!(board.view(ComponentId::new(0, 0)), None);
    }

    #[test]
    fn a_pulse_says_who_is_busy_and_since_when() {
        let board = Board::default();
        let id = ComponentId::new(2, 0);
        board.add("SMS_EXAMPLE", id);
        assert_eq!(board.busy(2), None);
        let pulse = board.pulse(2);
        pulse.turn(Moment(5));
        pulse.enter(0, Generation(9));
        board.cell(id).unwrap().lease.store(8, Ordering::Relaxed);
        let (generation, since, lease) = (Generation(9), Moment(5), Moment(8));
        assert_eq!(board.busy(2), Some(Busy { id, generation, since, lease, message: None }));
        for from in [ComponentId::OUTSIDE, ComponentId::new(3, 4)] {
            let message = MessageId { from, number: u32::MAX };
            pulse.hand(message, 2);
            assert_eq!(board.busy(2).unwrap().message, Some((message, 2)));
        }
        pulse.take_back();
        assert_eq!(board.busy(2).unwrap().message, None);
        let next = board.pulse(2);
        assert_eq!(board.busy(2), None, "the new carrier is not busy");
        pulse.leave();
        next.enter(0, Generation(10));
        assert!(board.busy(2).is_some());
    }
}
