//! Which state a component is in, in which life: written by the executive, read by anybody.
//! That a reader never mixes two lives up is checked in `tests/loom.rs`.

use contract::id::Generation;
use contract::lifecycle::State;
use contract::time::Moment;

use crate::sync::{AtomicU64, Ordering};

/// State and life of one component, and since when.
#[derive(Debug)]
pub(crate) struct LifeWord {
    /// State in the lowest 3 bits, generation above: one word, so the two always fit together.
    life: AtomicU64,
    since: AtomicU64,
}

const STATE_BITS: u32 = 3;

impl LifeWord {
    /// A component that has not lived yet.
    pub(crate) fn new() -> Self {
        let word = u64::from(State::Stopped.number());
        LifeWord { life: AtomicU64::new(word), since: AtomicU64::new(0) }
    }

    pub(crate) fn set(&self, state: State, generation: Generation, since: Moment) {
        self.since.store(since.0, Ordering::Relaxed);
        let word = generation.0 << STATE_BITS | u64::from(state.number());
        self.life.store(word, Ordering::Release);
    }

    /// Whether that life is over: another has begun since, or it is stopped.
    #[inline]
    pub(crate) fn is_over(&self, generation: Generation) -> bool {
        let word = self.life.load(Ordering::Acquire);
        let stopped = u64::from(State::Stopped.number());
        word >> STATE_BITS != generation.0 || word & ((1 << STATE_BITS) - 1) == stopped
    }

    /// State and life fit together. The moment is read apart from them: during a transition it
    /// may be the next one's, never an earlier one's.
    #[inline]
    pub(crate) fn get(&self) -> (State, Generation, Moment) {
        let word = self.life.load(Ordering::Acquire);
        let number = (word & ((1 << STATE_BITS) - 1)) as u8;
        let state = State::from_number(number).expect("only states are stored");
        let since = Moment(self.since.load(Ordering::Relaxed));
        (state, Generation(word >> STATE_BITS), since)
    }
}
