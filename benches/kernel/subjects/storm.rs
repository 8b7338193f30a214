//! A crash storm: every component panics over a message, is recorded with place and backtrace,
//! and is started again after its backoff, beside a bare loop over `catch_unwind`.

use std::panic::{catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use contract::lifecycle::Budget;
use contract::{Component, Context, Descriptor, Fault, Message, Start, Started};

use super::rig::Rig;
use super::{Case, Scale, Side, Sides, Tally};

pub(crate) fn cases(scale: Scale) -> Vec<Case> {
    let components = scale.pick(10, 1_000);
    vec![Case {
        name: "crash and restart",
        floor: "bare catch_unwind",
        components,
        operations: components.into(),
        make: Box::new(move || Sides::new(Unwinding::new(components), Storm::new(components))),
    }]
}

/// Panics over every message, and counts how often it was started.
struct Bomb(Tally, u32);

impl Component for Bomb {
    fn start(&mut self, _: &Start<'_>, _: &mut Context<'_>) -> Result<Started, Fault> {
        self.0.add(self.1, 1);
        Ok(Started::Running)
    }

    fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
        panic!("component {} in a storm", self.1)
    }
}

struct Storm {
    rig: Rig,
    tally: Tally,
    targets: Vec<u32>,
    runs: u64,
}

impl Storm {
    fn new(components: u32) -> Self {
        let tally = Tally::new(components);
        let count = tally.clone();
        let descriptor = Descriptor {
            // No number of crashes is too many, and no message is delivered again.
            budget: Budget { crashes: u32::MAX, ..Budget::default() },
            poison_after: 1,
            ..Descriptor::new("panics", "bomb.log")
        };
        let rig = Rig::new(components, descriptor, move |number| Bomb(count.clone(), number));
        Storm { rig, tally, targets: (0..components).collect(), runs: 0 }
    }

    fn is_over(&self) -> bool {
        let running = self.rig.executive.service_status(self.rig.clock.now).running;
        running as usize == self.targets.len()
    }
}

impl Side for Storm {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        self.rig.send(&self.targets, 1);
        let begun = Instant::now();
        self.rig.settle();
        while !self.is_over() {
            let due = self.rig.executive.next_due().expect("restarts are due");
            self.rig.clock.now = self.rig.clock.now.max(due);
            self.rig.settle();
        }
        let taken = begun.elapsed();
        let lives = (self.runs + 1) * self.targets.len() as u64;
        assert_eq!(self.tally.total(), lives, "each has begun one life more");
        // They run for long enough to have their next delay be the first one again.
        self.rig.clock.now = self.rig.clock.now + Duration::from_secs(600);
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.tally.hash_of_one(self.runs + 1)
    }
}

/// Unwinds and catches, with no panic hook in between.
struct Unwinding {
    tally: Tally,
    components: u32,
    runs: u64,
}

impl Unwinding {
    fn new(components: u32) -> Self {
        Unwinding { tally: Tally::new(components), components, runs: 0 }
    }
}

impl Side for Unwinding {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        let begun = Instant::now();
        for number in 0..self.components {
            let caught = catch_unwind(|| -> () { resume_unwind(Box::new("in a storm")) }).is_err();
            self.tally.add(number, caught.into());
        }
        let taken = begun.elapsed();
        assert_eq!(self.tally.total(), self.runs * u64::from(self.components));
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.tally.hash_of_one(self.runs)
    }
}
