//! What is measured: for each subject its cases, for each case both sides. The benchmark runs
//! them at full size, `tests/benches.rs` at smoke size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod dispatch;
mod lanes;
mod lifecycle;
mod query;
mod rig;
mod storm;
mod timers;

/// Something of the kernel that is measured by itself.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) cases: fn(Scale) -> Vec<Case>,
}

/// Every subject.
pub(crate) const SUBJECTS: &[Subject] = &[
    Subject { name: "dispatch", cases: dispatch::cases },
    Subject { name: "lanes", cases: lanes::cases },
    Subject { name: "query", cases: query::cases },
    Subject { name: "lifecycle", cases: lifecycle::cases },
    Subject { name: "timers", cases: timers::cases },
    Subject { name: "storm", cases: storm::cases },
];

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As little as shows that everything is there.
    Smoke,
    /// As much as gives figures.
    Full,
}

impl Scale {
    /// One or the other.
    pub(crate) fn pick<T>(self, smoke: T, full: T) -> T {
        match self {
            Scale::Smoke => smoke,
            Scale::Full => full,
        }
    }
}

/// One thing that is measured, with so many components.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What it is held against.
    pub(crate) floor: &'static str,
    pub(crate) components: u32,
    /// So many things are done in a run.
    pub(crate) operations: u64,
    pub(crate) make: Box<dyn FnOnce() -> Sides>,
}

/// Ours, and the floor.
pub(crate) struct Sides {
    pub(crate) floor: Box<dyn Side>,
    pub(crate) ours: Box<dyn Side>,
}

impl Sides {
    pub(crate) fn new(floor: impl Side + 'static, ours: impl Side + 'static) -> Self {
        Sides { floor: Box::new(floor), ours: Box::new(ours) }
    }
}

/// Something that does the work of a case.
pub(crate) trait Side {
    /// Does it once, and checks that all of it was done. Answers how long it took, preparations
    /// apart.
    fn run(&mut self) -> Duration;

    /// A hash of the state that it has come to: the same on every machine, for any number of
    /// runs, and for both sides.
    ///
    /// # Panics
    /// If anything was lost or done twice.
    fn finish(self: Box<Self>) -> u64;
}

/// Ends both sides, which must have come to the same; answers what.
pub(crate) fn hash_of(sides: Sides) -> u64 {
    let (floor, ours) = (sides.floor.finish(), sides.ours.finish());
    assert_eq!(floor, ours, "floor and kernel come to the same");
    ours
}

/// FNV-1a over whole numbers.
pub(crate) fn hash(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0xCBF2_9CE4_8422_2325, hash_on)
}

/// One number more.
pub(crate) fn hash_on(hash: u64, number: u64) -> u64 {
    (hash ^ number).wrapping_mul(0x0000_0100_0000_01B3)
}

/// Numbers below `below`, drawn from a seed: a linear congruential generator is enough, and is
/// the same for everybody who is measured.
pub(crate) fn draws(below: u64, many: usize) -> Vec<u64> {
    let mut state: u64 = 0x5DEE_CE66;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        ((u128::from(state) * u128::from(below)) >> 64) as u64
    };
    (0..many).map(|_| next()).collect()
}

/// The receiver of each of so many messages.
pub(crate) fn targets(components: u32, messages: usize) -> Vec<u32> {
    draws(components.into(), messages).into_iter().map(|target| target as u32).collect()
}

/// A number for each component, written by whatever stands for it.
#[derive(Clone)]
pub(crate) struct Tally(Arc<Vec<AtomicU64>>);

impl Tally {
    pub(crate) fn new(components: u32) -> Self {
        Tally(Arc::new((0..components).map(|_| AtomicU64::new(0)).collect()))
    }

    pub(crate) fn add(&self, component: u32, number: u64) {
        self.0[component as usize].fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|number| number.load(Ordering::Relaxed)).sum()
    }

    /// A hash of what one run has added to each.
    pub(crate) fn hash_of_one(&self, runs: u64) -> u64 {
        hash(self.0.iter().map(|number| {
            let number = number.load(Ordering::Relaxed);
            assert_eq!(number % runs.max(1), 0, "every run adds the same");
            number / runs.max(1)
        }))
    }
}
