//! Status cells: what anybody may read of a component without asking anybody.
//!
//! The executive writes a component's state, its shard the depth of its inbox; a reader waits
//! for neither. The board also knows the names, so that a shard can find a receiver by name,
//! and what each shard is doing right now, so that a watchdog can tell whether it is stuck.

mod block;
mod names;
mod pulse;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use contract::Registration;
use contract::id::ComponentId;
use contract::time::Moment;

use block::Blocks;
pub use block::CellView;
pub(crate) use block::{Block, Cell};
use names::Names;
pub use pulse::Busy;
pub(crate) use pulse::Pulse;

/// The names and cells of a host's components. Cells are read without a lock; the names have
/// one, which is held for a registration or a look-up, never while component code runs.
#[derive(Debug)]
pub struct Board {
    /// By number; one for each that there can be.
    shards: [OnceLock<Box<Blocks>>; 256],
    names: RwLock<Names>,
    /// By shard.
    pulses: RwLock<Vec<Arc<Pulse>>>,
    /// So many inboxes are full: as long as there is none, a sender need not look at its
    /// receiver's.
    pressed: AtomicUsize,
}

impl Default for Board {
    fn default() -> Self {
        Board {
            shards: [const { OnceLock::new() }; 256],
            names: RwLock::default(),
            pulses: RwLock::default(),
            pressed: AtomicUsize::new(0),
        }
    }
}

impl Board {
    /// The component of that name, in any case.
    pub fn find(&self, name: &str) -> Option<ComponentId> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.find(name, |id| self.name_of(id))
    }

    /// What the cell of `id` says now; `None` if there is no such component.
    #[inline]
    pub fn view(&self, id: ComponentId) -> Option<CellView> {
        self.cell(id).map(Cell::view)
    }

    /// What every cell says now, by shard and slot. Components that are registered meanwhile may
    /// or may not be among them.
    pub fn views(&self) -> impl Iterator<Item = (ComponentId, CellView)> {
        let shards =
            (0..=u8::MAX).zip(&self.shards).filter_map(|(shard, all)| Some((shard, all.get()?)));
        shards.flat_map(|(shard, blocks)| {
            (0..).zip(blocks.views()).map(move |(slot, view)| (ComponentId::new(shard, slot), view))
        })
    }

    /// Adds a component; none if the name is taken. `id` is the next slot of its shard.
    pub(crate) fn add(&self, id: ComponentId, registration: Registration) -> Option<Arc<Block>> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if !names.add(&registration.name, id, |id| self.name_of(id)) {
            return None;
        }
        let blocks = self.shards[usize::from(id.shard())].get_or_init(Box::default);
        Some(blocks.add(id, registration))
    }

    /// The hook that a shard is in; none if it is in none. Takes part in nothing: a shard that
    /// is stuck cannot hold it up.
    pub fn busy(&self, shard: u8) -> Option<Busy> {
        let pulses = self.pulses.read().unwrap_or_else(PoisonError::into_inner);
        let pulse = pulses.get(usize::from(shard))?;
        let (slot, generation, since) = pulse.get()?;
        let message = pulse.handed();
        let id = ComponentId::new(shard, slot);
        let lease = Moment(self.block(id)?.entry(id).lease.load(Ordering::Relaxed));
        Some(Busy { id, generation, since, lease, message })
    }

    /// A new pulse for a new carrier of that shard.
    pub(crate) fn pulse(&self, shard: u8) -> Arc<Pulse> {
        let mut pulses = self.pulses.write().unwrap_or_else(PoisonError::into_inner);
        let shard = usize::from(shard);
        if pulses.len() <= shard {
            pulses.resize_with(shard + 1, Arc::default);
        }
        pulses[shard] = Arc::default();
        Arc::clone(&pulses[shard])
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

    /// The cell of `id`; none if there is no such component.
    #[inline]
    pub(crate) fn cell(&self, id: ComponentId) -> Option<&Cell> {
        self.block(id).map(|block| block.cell(id))
    }

    /// Where the cell of `id` lies, and what it was registered as; none if there is no such
    /// component.
    #[inline]
    pub(crate) fn block(&self, id: ComponentId) -> Option<&Arc<Block>> {
        self.shards[usize::from(id.shard())].get()?.get(id.slot())
    }

    fn name_of(&self, id: ComponentId) -> &str {
        let block = self.block(id).expect("who has a name has a place");
        &block.entry(id).registration().name
    }
}

#[cfg(test)]
mod tests {
    use contract::component::Component;
    use contract::id::{Generation, MessageId};
    use contract::lifecycle::State;
    use contract::{Descriptor, Registration};

    use super::*;

    struct Idle;

    impl Component for Idle {}

    fn named(name: &str) -> Registration {
        Registration::new(name, Descriptor::new("does nothing", "idle.log"), || Idle)
    }

    #[test]
    fn a_cell_says_what_was_set_and_names_are_found_in_any_case() {
        let board = Board::default();
        let id = ComponentId::new(1, 0);
        assert!(board.add(id, named("SMS_EXAMPLE")).is_some());
        let again = board.add(ComponentId::new(0, 0), named("sms_example"));
        assert!(again.is_none(), "taken");
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
        board.add(id, named("SMS_EXAMPLE"));
        assert_eq!(board.busy(2), None);
        let pulse = board.pulse(2);
        pulse.turn(Moment(5));
        pulse.enter(0, Generation(9));
        board.block(id).unwrap().entry(id).lease.store(8, Ordering::Relaxed);
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

    #[test]
    fn all_cells_are_walked_by_shard_and_slot() {
        let board = Board::default();
        let mut expected = Vec::new();
        for (shard, slots) in [(0, 0), (1, 200), (3, 1), (254, 64)] {
            for slot in 0..slots {
                let id = ComponentId::new(shard, slot);
                let block = board.add(id, named(&format!("{shard}_{slot}"))).unwrap();
                let generation = Generation(u64::from(slot));
                block.cell(id).set(State::Running, generation, Moment(1));
                expected.push((id, generation));
            }
        }
        let seen: Vec<_> = board.views().map(|(id, view)| (id, view.generation)).collect();
        assert_eq!(seen, expected);
        assert!(expected.iter().all(|(id, of)| board.view(*id).unwrap().generation == *of));
        assert_eq!(board.view(ComponentId::new(1, 200)), None);
        assert_eq!(board.find("254_63"), Some(ComponentId::new(254, 63)));
    }

    /// The last to hold a registration may be anybody who reads the board.
    #[test]
    fn a_factory_whose_drop_panics_does_so_without_consequences() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let board = Board::default();
        let bomb = Bomb;
        let descriptor = Descriptor::new("does nothing", "idle.log");
        let make = move || {
            let _ = &bomb;
            Idle
        };
        crate::unwind::keep_quiet();
        board.add(ComponentId::new(0, 0), Registration::new("BOMB", descriptor, make));
        drop(board);
    }
}
