//! Asking how components are, beside reading an array of atomics: their cells on the board by
//! place and by name, and the whole status that a query shows.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contract::{ComponentId, State};

use super::rig::{Counter, Rig, name};
use super::{Case, Scale, Side, Sides, Tally, hash, targets};

pub(crate) fn cases(scale: Scale) -> Vec<Case> {
    let questions = scale.pick(1_000, 200_000);
    let sizes: &[u32] = scale.pick(&[10], &[1_000, 100_000]);
    let ways = [("by place", Way::Place), ("by name", Way::Name), ("status", Way::Status)];
    let case = |components, (name, way)| Case {
        name,
        floor: "array of atomics",
        components,
        operations: questions as u64,
        make: Box::new(move || {
            let targets = targets(components, questions);
            let ours = Asked::new(components, targets.clone(), way);
            Sides::new(Read::new(components, targets), ours)
        }),
    };
    sizes.iter().flat_map(|size| ways.map(|way| case(*size, way))).collect()
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Place,
    Name,
    Status,
}

/// Generations, which are 1 all along.
struct Read {
    cells: Vec<AtomicU64>,
    targets: Vec<u32>,
}

impl Read {
    fn new(components: u32, targets: Vec<u32>) -> Self {
        Read { cells: (0..components).map(|_| AtomicU64::new(1)).collect(), targets }
    }

    fn sum(&self) -> u64 {
        let cell = |target: &u32| self.cells[*target as usize].load(Ordering::Acquire);
        black_box(&self.targets).iter().map(cell).sum()
    }
}

impl Side for Read {
    fn run(&mut self) -> Duration {
        let begun = Instant::now();
        let sum = self.sum();
        let taken = begun.elapsed();
        assert_eq!(sum, self.targets.len() as u64);
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        hash([self.sum()])
    }
}

struct Asked {
    rig: Rig,
    names: Vec<String>,
    targets: Vec<u32>,
    way: Way,
}

impl Asked {
    fn new(components: u32, targets: Vec<u32>, way: Way) -> Self {
        let rig = Counter::rig(components, &Tally::new(components));
        Asked { rig, names: (0..components).map(name).collect(), targets, way }
    }

    /// The sum of the generations of those that run.
    fn sum(&self) -> u64 {
        let Rig { board, executive, clock, .. } = &self.rig;
        let view = |id| board.view(id).map(|cell| (cell.state, cell.generation));
        let ask = |target: &u32| match self.way {
            Way::Place => view(ComponentId::new(0, *target)),
            Way::Name => board.find(&self.names[*target as usize]).and_then(view),
            Way::Status => {
                let status = executive.status(ComponentId::new(0, *target), *clock);
                let status = black_box(status);
                Some((status.state, status.generation))
            }
        };
        let told = black_box(&self.targets).iter().filter_map(ask);
        told.filter(|(state, _)| *state == State::Running).map(|(_, life)| life.0).sum()
    }
}

impl Side for Asked {
    fn run(&mut self) -> Duration {
        let begun = Instant::now();
        let sum = self.sum();
        let taken = begun.elapsed();
        assert_eq!(sum, self.targets.len() as u64, "every one of them runs its first life");
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        hash([self.sum()])
    }
}
