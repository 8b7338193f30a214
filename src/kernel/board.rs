//! Status cells: what anybody may read of a component without asking anybody.
//!
//! The executive writes a component's state, its shard the depth of its inbox; a reader waits
//! for neither. The board also knows the names, so that a shard can find a receiver by name.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use contract::id::{ComponentId, Generation};
use contract::lifecycle::State;
use contract::time::Moment;

/// The names and cells of a host's components. The lock is held for a registration or a
/// look-up, never while component code runs.
#[derive(Debug, Default)]
pub struct Board {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By name in upper case.
    ids: HashMap<Box<str>, ComponentId>,
    /// By shard, by slot.
    cells: Vec<Vec<Arc<Cell>>>,
}

/// One component's cell.
#[derive(Debug)]
pub(crate) struct Cell {
    /// State in the lowest 3 bits, generation above: one word, so the two always fit together.
    life: AtomicU64,
    since: AtomicU64,
    inbox: AtomicU64,
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
}

const STATE_BITS: u32 = 3;

impl Cell {
    pub(crate) fn set(&self, state: State, generation: Generation, since: Moment) {
        self.since.store(since.0, Ordering::Relaxed);
        let word = generation.0 << STATE_BITS | u64::from(state.number());
        self.life.store(word, Ordering::Release);
    }

    pub(crate) fn set_inbox(&self, depth: usize) {
        self.inbox.store(depth as u64, Ordering::Relaxed);
    }

    pub(crate) fn view(&self) -> CellView {
        let word = self.life.load(Ordering::Acquire);
        let number = (word & ((1 << STATE_BITS) - 1)) as u8;
        CellView {
            state: State::from_number(number).expect("only states are stored"),
            generation: Generation(word >> STATE_BITS),
            since: Moment(self.since.load(Ordering::Relaxed)),
            inbox: self.inbox.load(Ordering::Relaxed),
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
        inner.cells[shard].push(Arc::new(Cell {
            life: AtomicU64::new(u64::from(State::Stopped.number())),
            since: AtomicU64::new(0),
            inbox: AtomicU64::new(0),
        }));
        true
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
            cell.set_inbox(3);
            let view =
                CellView { state, generation: Generation(1 << 40), since: Moment(7), inbox: 3 };
            assert_eq!(board.view(id), Some(view));
        }
        assert_eq!(board.view(ComponentId::new(0, 0)), None);
    }
}
