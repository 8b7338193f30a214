//! The canonical workload: single messages to uniformly random components of one shard, with
//! lane, supervision, `catch_unwind` and inboxes all on. The floor is one indirect call a
//! message.

use std::time::{Duration, Instant};

use contract::{Component, Message};

use super::rig::{Caller, Counter, Rig};
use super::{Case, Scale, Side, Sides, Tally, targets};

pub(crate) fn cases(scale: Scale) -> Vec<Case> {
    let messages = scale.pick(10_000, 200_000);
    let sizes: &[u32] = scale.pick(&[1, 4, 1_000], &[4, 1_000, 100_000]);
    let case = |components| Case {
        name: "turn",
        floor: "plain loop",
        components,
        operations: messages as u64,
        make: Box::new(move || {
            let targets = targets(components, messages);
            let turn = Turns::new(components, targets.clone());
            Sides::new(PlainLoop::new(components, targets), turn)
        }),
    };
    sizes.iter().copied().map(case).collect()
}

/// A loop over boxed components, nothing in between.
struct PlainLoop {
    components: Vec<Box<dyn Component>>,
    targets: Vec<u32>,
    tally: Tally,
    runs: u64,
}

impl PlainLoop {
    fn new(components: u32, targets: Vec<u32>) -> Self {
        let tally = Tally::new(components);
        PlainLoop { components: Counter::boxes(components, &tally), targets, tally, runs: 0 }
    }
}

impl Side for PlainLoop {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        let mut caller = Caller::new();
        let begun = Instant::now();
        for target in std::hint::black_box(&self.targets) {
            caller.call(&mut *self.components[*target as usize], &Message::Word(1));
        }
        begun.elapsed()
    }

    fn finish(self: Box<Self>) -> u64 {
        drop(self.components);
        assert_eq!(self.tally.total(), self.runs * self.targets.len() as u64);
        self.tally.hash_of_one(self.runs)
    }
}

/// Turns of a shard, over a full lane. Filling it is the sender's.
struct Turns {
    rig: Rig,
    targets: Vec<u32>,
    tally: Tally,
    runs: u64,
}

impl Turns {
    fn new(components: u32, targets: Vec<u32>) -> Self {
        let tally = Tally::new(components);
        Turns { rig: Counter::rig(components, &tally), targets, tally, runs: 0 }
    }
}

impl Side for Turns {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        self.rig.send(&self.targets, 1);
        let begun = Instant::now();
        let handled = self.rig.drain();
        let taken = begun.elapsed();
        assert_eq!(handled, self.targets.len(), "every message is handed over");
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.rig.kill_all();
        assert_eq!(self.tally.total(), self.runs * self.targets.len() as u64);
        self.tally.hash_of_one(self.runs)
    }
}
