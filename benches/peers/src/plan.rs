//! Which workloads are run, at which sizes, and with how many messages.

use std::fmt;

use crate::workload::{Job, Measured, Peer, TOKENS};

/// A figure is the median of so many runs.
const RUNS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    Spread,
    SpreadOfTwo,
    Ring,
    PingPong,
    QueryAll,
    RestartAll,
    CrashStorm,
}

impl Workload {
    pub(crate) const ALL: [Workload; 7] = [
        Workload::Spread,
        Workload::SpreadOfTwo,
        Workload::Ring,
        Workload::PingPong,
        Workload::QueryAll,
        Workload::RestartAll,
        Workload::CrashStorm,
    ];

    /// As in the table, in JSON and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Spread => "spread",
            Workload::SpreadOfTwo => "spread-2p",
            Workload::Ring => "ring",
            Workload::PingPong => "ping-pong",
            Workload::QueryAll => "query-all",
            Workload::RestartAll => "restart-all",
            Workload::CrashStorm => "crash-storm",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
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
    /// Sizes of a spread, with one producer and with two, of questions, of a ring and of restarts.
    spread: &'static [u32],
    spread_of_two: &'static [u32],
    query: &'static [u32],
    ring: &'static [u32],
    restart: &'static [u32],
}

impl Plan {
    pub(crate) const FULL: Plan = Plan {
        messages: 4_000_000,
        trips: 1_000_000,
        questions: 1_000_000,
        crashes: 10_000,
        spread: &[4, 100, 1_000, 10_000, 100_000, 1_000_000],
        spread_of_two: &[4, 100, 1_000, 10_000, 100_000, 1_000_000],
        query: &[4, 100, 1_000, 10_000, 100_000, 1_000_000],
        ring: &[100, 10_000, 100_000],
        restart: &[1_000, 100_000],
    };

    /// Done in two minutes.
    pub(crate) const QUICK: Plan = Plan {
        messages: 400_000,
        trips: 50_000,
        questions: 50_000,
        crashes: 1_000,
        spread: &[4, 100, 1_000, 10_000, 100_000],
        spread_of_two: &[4, 100, 1_000, 10_000],
        query: &[4, 100, 1_000, 10_000],
        ring: &[100, 10_000],
        restart: &[1_000],
    };

    /// Everything in no time, to see that it works.
    #[cfg(test)]
    pub(crate) const TINY: Plan = Plan {
        messages: 1_001,
        trips: 20,
        questions: 100,
        crashes: 20,
        spread: &[1, 4, 100],
        spread_of_two: &[1, 4, 100],
        query: &[4, 100],
        ring: &[1, 100],
        restart: &[10],
    };

    pub(crate) fn rows(self) -> Vec<Row> {
        Workload::ALL.into_iter().flat_map(|workload| self.rows_of(workload)).collect()
    }

    fn rows_of(self, workload: Workload) -> Vec<Row> {
        let (sizes, operations): (&[u32], _) = match workload {
            Workload::Spread => (self.spread, self.messages),
            Workload::SpreadOfTwo => (self.spread_of_two, self.messages),
            Workload::Ring => (self.ring, self.messages),
            Workload::PingPong => (&[2], self.trips),
            Workload::QueryAll => (self.query, self.questions),
            Workload::RestartAll => (self.restart, 0),
            Workload::CrashStorm => (&[1, 100], self.crashes),
        };
        let row = |&components| Row { workload, components, operations };
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
    /// The run in the middle; none if the peer cannot do it.
    pub(crate) fn median(&self, peer: &dyn Peer) -> Option<Measured> {
        let job = self.job(peer.name());
        let mut runs = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            runs.push(self.once(peer, &job)?);
        }
        runs.sort_by(|one, other| one.rate().total_cmp(&other.rate()));
        Some(runs[RUNS / 2])
    }

    pub(crate) fn job(&self, peer: &str) -> Job {
        let (label, components) = (format!("{peer}, {}", self.workload), self.components);
        let each = (self.operations / u64::from(components)).max(1);
        let rounds = each * u64::from(components);
        match self.workload {
            Workload::Spread => Job::spread(&label, components, self.operations, 1),
            Workload::SpreadOfTwo => Job::spread(&label, components, self.operations, 2),
            Workload::Ring => Job::ring(&label, components, TOKENS, self.operations / TOKENS),
            // There and back again.
            Workload::PingPong => Job::ring(&label, components, 1, 2 * self.operations),
            // As many messages as questions, so that there is something to tell.
            Workload::QueryAll => Job::spread(&label, components, rounds, 1),
            Workload::RestartAll | Workload::CrashStorm => Job::bare(&label, components, rounds),
        }
    }

    pub(crate) fn once(&self, peer: &dyn Peer, job: &Job) -> Option<Measured> {
        match self.workload {
            Workload::Spread | Workload::SpreadOfTwo => peer.spread(job),
            Workload::Ring => peer.ring(job),
            Workload::PingPong => peer.ping_pong(job).map(|hops| {
                let operations = hops.operations / 2;
                Measured { operations, ..hops }
            }),
            Workload::QueryAll => peer.query_all(job),
            Workload::RestartAll => peer.restart_all(job),
            Workload::CrashStorm => peer.crash_storm(job),
        }
    }
}
