//! Where cells lie, and what was registered: neighbours of a shard lie together in a block, so
//! that a component costs no allocation of its own and whoever reads them all reads on and on.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use contract::Registration;
use contract::context::Place;
use contract::id::{ComponentId, Generation};
use contract::lifecycle::State;
use contract::time::Moment;

use crate::cell::LifeWord;
use crate::prefetch::prefetch;
use crate::unwind::discard;

/// So many components lie in one block.
const BLOCK: usize = 64;
/// Lists of blocks in a shard: 1, 2, 4 and so on of them, for every slot that there can be.
const LISTS: usize = (ComponentId::SLOTS_MAX as usize / BLOCK).ilog2() as usize + 1;

/// One component's cell.
#[derive(Debug)]
pub(crate) struct Cell {
    life: LifeWord,
    inbox: AtomicU32,
    outbox: AtomicU32,
    /// So many may wait; 0 until the shard has the component.
    inbox_max: AtomicU32,
    /// It is counted among the full ones of the board.
    pub(super) full: AtomicBool,
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

impl Cell {
    fn new() -> Self {
        Cell {
            life: LifeWord::new(),
            inbox: AtomicU32::new(0),
            outbox: AtomicU32::new(0),
            inbox_max: AtomicU32::new(0),
            full: AtomicBool::new(false),
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
    #[inline]
    pub(crate) fn is_over(&self, generation: Generation) -> bool {
        self.life.is_over(generation)
    }

    /// Since when the component has been in its state.
    pub(crate) fn since(&self) -> Moment {
        self.life.get().2
    }

    #[inline]
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

/// What was registered in a place, once something is, and what is seldom read of its life.
#[derive(Default)]
pub(crate) struct Entry {
    registration: OnceLock<Registration>,
    /// Until when its hook may take; 0 if it has not said.
    pub(crate) lease: AtomicU64,
}

impl Entry {
    /// What was registered.
    pub(crate) fn registration(&self) -> &Registration {
        self.registration.get().expect("a block is handed out for what is registered in it")
    }
}

impl Place for Entry {
    fn name(&self) -> &Arc<str> {
        &self.registration().name
    }

    fn lease(&self) -> &AtomicU64 {
        &self.lease
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.registration.get().map(|registration| &registration.name).fmt(f)
    }
}

/// Components whose slots are neighbours. The executive and the shard hold the block of each
/// component, and find its place in there by its slot.
#[derive(Debug)]
pub(crate) struct Block {
    cells: [Cell; BLOCK],
    entries: [Entry; BLOCK],
}

impl Block {
    fn new() -> Self {
        Block {
            cells: std::array::from_fn(|_| Cell::new()),
            entries: std::array::from_fn(|_| Entry::default()),
        }
    }

    /// Has all cells fetched from memory: who reads on from block to block waits for none.
    fn fetch_cells(&self) {
        self.cells.iter().step_by(2).for_each(prefetch);
    }

    /// The cell of that component, which lies in this block.
    #[inline]
    pub(crate) fn cell(&self, id: ComponentId) -> &Cell {
        &self.cells[id.slot() as usize % BLOCK]
    }

    /// What that component, which lies in this block, was registered as.
    #[inline]
    pub(crate) fn entry(&self, id: ComponentId) -> &Entry {
        &self.entries[id.slot() as usize % BLOCK]
    }
}

/// The last to let go of a registration drops its factory, which is component code.
impl Drop for Block {
    fn drop(&mut self) {
        self.entries.iter_mut().filter_map(|entry| entry.registration.take()).for_each(discard);
    }
}

/// The blocks of one shard. One thread adds to them at a time, and whoever reads waits for
/// nobody: a list is as long as it will ever be when it is made, and stays where it is.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    components: AtomicU32,
    lists: [OnceLock<List>; LISTS],
}

type List = Box<[OnceLock<Arc<Block>>]>;

impl Blocks {
    /// How many components lie here, in slots from 0.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        // What is counted is there.
        self.components.load(Ordering::Acquire)
    }

    /// Where the cell and the registration of that slot lie, if anything was registered there.
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&Arc<Block>> {
        if slot < self.len() { self.block(slot as usize / BLOCK)?.get() } else { None }
    }

    #[inline]
    fn block(&self, nth: usize) -> Option<&OnceLock<Arc<Block>>> {
        let (list, place) = place(nth);
        self.lists[list].get()?.get(place)
    }

    /// Puts a registration into the next slot, which is that of `id`.
    pub(super) fn add(&self, id: ComponentId, registration: Registration) -> Arc<Block> {
        let slot = self.len();
        assert_eq!(slot, id.slot(), "components are added slot by slot");
        let (list, place) = place(slot as usize / BLOCK);
        let list =
            self.lists[list].get_or_init(|| (0..1 << list).map(|_| OnceLock::new()).collect());
        let block = list[place].get_or_init(|| Arc::new(Block::new()));
        let before = block.entry(id).registration.set(registration);
        assert!(before.is_ok(), "nothing is registered in a slot that is not counted");
        self.components.store(slot + 1, Ordering::Release);
        Arc::clone(block)
    }

    /// What every cell says, slot by slot.
    pub(super) fn views(&self) -> impl Iterator<Item = CellView> {
        let components = self.len() as usize;
        (0..components.div_ceil(BLOCK)).flat_map(move |nth| {
            if let Some(next) = self.block(nth + 1).and_then(OnceLock::get) {
                next.fetch_cells();
            }
            let block = self.block(nth).and_then(OnceLock::get).expect("what is counted is there");
            block.cells[..BLOCK.min(components - nth * BLOCK)].iter().map(Cell::view)
        })
    }
}

/// In which list the block lies, and where in there: behind the lists before it, which have as
/// many blocks as it has itself, less one.
#[inline]
fn place(nth: usize) -> (usize, usize) {
    let list = (nth + 1).ilog2() as usize;
    (list, nth + 1 - (1 << list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut next = (0, 0);
        for nth in 0..1_000 {
            assert_eq!(place(nth), next);
            next = if next.1 + 1 == 1 << next.0 { (next.0 + 1, 0) } else { (next.0, next.1 + 1) };
        }
        let last = ComponentId::SLOTS_MAX as usize / BLOCK - 1;
        assert!(place(last).0 < LISTS);
    }

    #[test]
    fn a_cell_is_small_and_a_block_has_little_beside() {
        assert_eq!(size_of::<Cell>(), 32);
        assert_eq!(size_of::<Entry>(), 56);
        assert_eq!(size_of::<Block>(), BLOCK * 88);
    }
}
