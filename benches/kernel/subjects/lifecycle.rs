//! Stopping every component and starting it again, beside a list of boxed components that are
//! dropped and made anew.

use std::time::{Duration, Instant};

use contract::{Command, CommandOptions, Component, Descriptor};

use super::rig::Rig;
use super::{Case, Scale, Side, Sides, Tally};

pub(crate) fn cases(scale: Scale) -> Vec<Case> {
    let sizes: &[u32] = scale.pick(&[10], &[1_000, 50_000]);
    let case = |components| Case {
        name: "stop and start",
        floor: "drop and make",
        components,
        operations: components.into(),
        make: Box::new(move || Sides::new(Boxes::new(components), Lives::new(components))),
    };
    sizes.iter().copied().map(case).collect()
}

/// A life, counted when it is over.
struct Life(Tally, u32);

impl Component for Life {}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.add(self.1, 1);
    }
}

struct Boxes {
    lives: Vec<Box<dyn Component>>,
    tally: Tally,
    runs: u64,
}

impl Boxes {
    fn new(components: u32) -> Self {
        let tally = Tally::new(components);
        let life = |number| Box::new(Life(tally.clone(), number)) as Box<dyn Component>;
        Boxes { lives: (0..components).map(life).collect(), tally, runs: 0 }
    }
}

impl Side for Boxes {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        let begun = Instant::now();
        for (number, life) in (0..).zip(&mut self.lives) {
            *life = Box::new(Life(self.tally.clone(), number));
        }
        let taken = begun.elapsed();
        assert_eq!(self.tally.total(), self.runs * self.lives.len() as u64);
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.tally.hash_of_one(self.runs)
    }
}

struct Lives {
    rig: Rig,
    tally: Tally,
    runs: u64,
}

impl Lives {
    fn new(components: u32) -> Self {
        let tally = Tally::new(components);
        let count = tally.clone();
        let descriptor = Descriptor::new("lives", "life.log");
        let rig = Rig::new(components, descriptor, move |number| Life(count.clone(), number));
        Lives { rig, tally, runs: 0 }
    }

    fn command(&mut self, command: Command) {
        let now = self.rig.clock.now;
        for id in self.rig.executive.ids().collect::<Vec<_>>() {
            let options = CommandOptions::default();
            self.rig.executive.command(now, id, command, options).expect("it is at rest");
        }
        self.rig.settle();
    }
}

impl Side for Lives {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        let begun = Instant::now();
        self.command(Command::Stop);
        self.command(Command::Start);
        let taken = begun.elapsed();
        let (components, clock) = (self.rig.executive.ids().count(), self.rig.clock);
        assert_eq!(self.tally.total(), self.runs * components as u64, "each has ended once more");
        let running = self.rig.executive.service_status(clock.now).running;
        assert_eq!(running as usize, components, "and runs again");
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.tally.hash_of_one(self.runs)
    }
}
