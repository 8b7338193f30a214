//! Which workloads are run, at which sizes, with how many messages, and how often.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::job::{Job, TOKENS};
use crate::peer::{Again, Asked, Lives, Measured, Peer};

/// A figure is the median of so many runs, or of one: where a run takes long, and at [`CROWD`].
const RUNS: usize = 3;
/// No further run begins when so much time has gone by.
const ENOUGH: Duration = Duration::from_millis(500);
/// So many components are measured once, and are sent one message each: to put them on their feet
/// takes most frameworks longer than all that is measured. For that reason they are sent something
/// and asked in the same run.
const CROWD: u32 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Workload {
    #[serde(rename = "spread")]
    Spread,
    #[serde(rename = "spread-2p")]
    SpreadOfTwo,
    #[serde(rename = "spread-inside")]
    SpreadInside,
    #[serde(rename = "ring")]
    Ring,
    #[serde(rename = "ring-2s")]
    RingOfTwo,
    #[serde(rename = "ping-pong")]
    PingPong,
    #[serde(rename = "query-all")]
    QueryAll,
    #[serde(rename = "start")]
    Start,
    #[serde(rename = "memory")]
    Memory,
    #[serde(rename = "stop-all")]
    StopAll,
    #[serde(rename = "start-all")]
    StartAll,
    #[serde(rename = "restart-all")]
    RestartAll,
    #[serde(rename = "crash-storm")]
    CrashStorm,
}

impl Workload {
    pub(crate) const ALL: [Workload; 13] = [
        Workload::Spread,
        Workload::SpreadOfTwo,
        Workload::SpreadInside,
        Workload::Ring,
        Workload::RingOfTwo,
        Workload::PingPong,
        Workload::QueryAll,
        Workload::Start,
        Workload::Memory,
        Workload::StopAll,
        Workload::StartAll,
        Workload::RestartAll,
        Workload::CrashStorm,
    ];

    /// As in the table, in JSON and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Spread => "spread",
            Workload::SpreadOfTwo => "spread-2p",
            Workload::SpreadInside => "spread-inside",
            Workload::Ring => "ring",
            Workload::RingOfTwo => "ring-2s",
            Workload::PingPong => "ping-pong",
            Workload::QueryAll => "query-all",
            Workload::Start => "start",
            Workload::Memory => "memory",
            Workload::StopAll => "stop-all",
            Workload::StartAll => "start-all",
            Workload::RestartAll => "restart-all",
            Workload::CrashStorm => "crash-storm",
        }
    }

    /// The workload that this one's runs are measured for as well.
    fn comes_with(self) -> Workload {
        match self {
            Workload::Memory | Workload::StopAll | Workload::StartAll => Workload::Start,
            itself => itself,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What one run is worth to the table.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) workload: Workload,
    /// Operations a second; of [`Workload::Memory`], bytes a component.
    pub(crate) rate: f64,
    /// Of what the components were in the end.
    pub(crate) hash: u64,
}

impl Outcome {
    fn of(workload: Workload, measured: Measured) -> Self {
        Outcome { workload, rate: measured.rate(), hash: measured.hash }
    }
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Messages of a spread, and hops of a ring.
    messages: u64,
    /// Round trips of a ping-pong.
    trips: u64,
    /// Questions, where there are fewer components than that.
    questions: u64,
    /// Crashes, over all components.
    crashes: u64,
    /// Sizes of a spread, whoever sends, and of questions.
    spread: &'static [u32],
    /// Sizes of a ring.
    ring: &'static [u32],
    /// Sizes at which everybody begins, is there, is stopped and begins again.
    lives: &'static [u32],
    /// Sizes at which a restart is measured as one.
    restart: &'static [u32],
}

impl Plan {
    pub(crate) const FULL: Plan = Plan {
        messages: 1_000_000,
        trips: 400_000,
        questions: 1_000_000,
        crashes: 10_000,
        spread: &[4, 100, 1_000, 10_000, 100_000, 1_000_000],
        ring: &[100, 10_000, 100_000],
        lives: &[1_000, 10_000, 100_000, 1_000_000],
        restart: &[1_000, 100_000],
    };

    /// Done in two minutes.
    pub(crate) const QUICK: Plan = Plan {
        messages: 400_000,
        trips: 50_000,
        questions: 100_000,
        crashes: 1_000,
        spread: &[4, 100, 1_000, 10_000, 100_000],
        ring: &[100, 10_000, 100_000],
        lives: &[1_000, 10_000, 100_000],
        restart: &[1_000, 100_000],
    };

    /// Everything in no time, to see that it works.
    #[cfg(test)]
    pub(crate) const TINY: Plan = Plan {
        messages: 1_001,
        trips: 20,
        questions: 100,
        crashes: 20,
        spread: &[1, 4, 100],
        ring: &[2, 100],
        lives: &[10],
        restart: &[10],
    };

    pub(crate) fn rows(self) -> Vec<Row> {
        let rows = Workload::ALL.into_iter().flat_map(|workload| self.rows_of(workload));
        rows.filter(|row| row.workload != Workload::QueryAll || !row.is_crowd()).collect()
    }

    fn rows_of(self, workload: Workload) -> Vec<Row> {
        let (sizes, operations): (&[u32], _) = match workload {
            Workload::Spread | Workload::SpreadOfTwo | Workload::SpreadInside => {
                (self.spread, self.messages)
            }
            Workload::Ring | Workload::RingOfTwo => (self.ring, self.messages),
            Workload::PingPong => (&[2], self.trips),
            Workload::QueryAll => (self.spread, self.questions),
            Workload::Start => (self.lives, 0),
            Workload::RestartAll => (self.restart, 0),
            Workload::CrashStorm => (&[1, 100], self.crashes),
            Workload::Memory | Workload::StopAll | Workload::StartAll => (&[], 0),
        };
        let row = |&components: &u32| {
            let operations = if components < CROWD { operations } else { CROWD.into() };
            Row { workload, components, operations }
        };
        sizes.iter().map(row).collect()
    }
}

/// A workload at one size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) components: u32,
    operations: u64,
}

impl Row {
    /// Whether it has figures of the workload of that name.
    pub(crate) fn has(&self, workload: &str) -> bool {
        let mut named = Workload::ALL.into_iter().filter(|it| it.name() == workload);
        let comes = |it: Workload| it == Workload::QueryAll && self.is_spread_and_questions();
        named.any(|it| it.comes_with() == self.workload || comes(it))
    }

    fn is_crowd(&self) -> bool {
        self.components >= CROWD
    }

    fn is_spread_and_questions(&self) -> bool {
        self.workload == Workload::Spread && self.is_crowd()
    }

    /// How often it is run, in how many processes, and how often in each. What is there when
    /// nothing is done is measured where nothing has been done before.
    pub(crate) fn runs(&self) -> (usize, usize) {
        let runs = if self.is_crowd() { 1 } else { RUNS };
        if self.workload == Workload::Start { (runs, 1) } else { (1, runs) }
    }

    pub(crate) fn job(&self, peer: &str) -> Job {
        let (label, components) = (format!("{peer}, {}", self.workload), self.components);
        let each = (self.operations / u64::from(components)).max(1);
        let rounds = each * u64::from(components);
        match self.workload {
            Workload::Spread | Workload::SpreadInside => {
                Job::spread(&label, components, self.operations, 1)
            }
            Workload::SpreadOfTwo => Job::spread(&label, components, self.operations, 2),
            Workload::Ring | Workload::RingOfTwo => {
                Job::ring(&label, components, TOKENS, self.operations / TOKENS)
            }
            // There and back again.
            Workload::PingPong => Job::ring(&label, components, 1, 2 * self.operations),
            // As many messages as questions, so that there is something to tell.
            Workload::QueryAll => Job::spread(&label, components, rounds, 1),
            Workload::Start
            | Workload::Memory
            | Workload::StopAll
            | Workload::StartAll
            | Workload::RestartAll
            | Workload::CrashStorm => Job::bare(&label, components, rounds),
        }
    }

    /// One run: nothing comes of it if the peer cannot do that.
    pub(crate) fn once(&self, peer: &dyn Peer, job: &Job) -> Vec<Outcome> {
        if self.is_spread_and_questions()
            && let Some(Asked { spread, answers }) = peer.query_all(job)
        {
            let spread = Outcome::of(Workload::Spread, spread);
            return vec![spread, Outcome::of(Workload::QueryAll, answers)];
        }
        let measured = match self.workload {
            Workload::Spread | Workload::SpreadOfTwo => peer.spread(job),
            Workload::SpreadInside => peer.spread_inside(job),
            Workload::Ring => peer.ring(job),
            Workload::RingOfTwo => peer.ring_of_two(job),
            Workload::PingPong => peer.ping_pong(job).map(|hops| {
                let operations = hops.operations / 2;
                Measured { operations, ..hops }
            }),
            Workload::QueryAll => peer.query_all(job).map(|asked| asked.answers),
            Workload::Start | Workload::Memory | Workload::StopAll | Workload::StartAll => {
                return peer.lives(job).map(of_lives).unwrap_or_default();
            }
            Workload::RestartAll => peer.restart_all(job),
            Workload::CrashStorm => peer.crash_storm(job),
        };
        measured.into_iter().map(|measured| Outcome::of(self.workload, measured)).collect()
    }
}

fn of_lives(lives: Lives) -> Vec<Outcome> {
    let Lives { starts, bytes, again } = lives;
    let memory = bytes.map(|bytes| Outcome {
        workload: Workload::Memory,
        rate: bytes as f64 / starts.operations as f64,
        hash: starts.hash,
    });
    let again = again.map(|Again { stops, starts }| {
        [Outcome::of(Workload::StopAll, stops), Outcome::of(Workload::StartAll, starts)]
    });
    let starts = Outcome::of(Workload::Start, starts);
    [starts].into_iter().chain(memory).chain(again.into_iter().flatten()).collect()
}

/// Runs it so often, or until that takes long, and tells what was in the middle.
///
/// # Errors
/// Those of `once`.
pub(crate) fn median<E>(
    runs: usize,
    mut once: impl FnMut() -> Result<Vec<Outcome>, E>,
) -> Result<Vec<Outcome>, E> {
    let begun = Instant::now();
    let mut by_workload: Vec<Vec<Outcome>> = Vec::new();
    for _ in 0..runs {
        let outcomes = once()?;
        by_workload.resize_with(outcomes.len(), Vec::new);
        by_workload.iter_mut().zip(outcomes).for_each(|(runs, outcome)| runs.push(outcome));
        if by_workload.is_empty() || begun.elapsed() >= ENOUGH {
            break;
        }
    }
    let middle = |mut runs: Vec<Outcome>| {
        runs.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        // Of two, the slower one.
        runs[(runs.len() - 1) / 2]
    };
    Ok(by_workload.into_iter().map(middle).collect())
}
