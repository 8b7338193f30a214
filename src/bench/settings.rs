//! What can be set: the work that is measured, and how the host is tuned for it.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who gets the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Skew {
    /// Every component as many.
    Uniform,
    /// The second one half as many as the first, the third a third, and so on.
    Zipf,
    /// The first one half of all, the others the rest.
    Hot,
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skew::Uniform => "uniform",
            Skew::Zipf => "zipf",
            Skew::Hot => "hot",
        })
    }
}

/// The work, but for the number of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Bytes of a message; 0 is a bare word, which costs no allocation.
    pub payload: usize,
    /// Who gets the messages.
    pub skew: Skew,
    /// Threads that send.
    pub producers: u32,
    /// What receivers and contents are drawn from.
    pub seed: u64,
}

/// How the host is tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Threads that carry components: [`live::Options::shards`].
    pub shards: u8,
    /// Messages of a turn at most: [`live::Options::turn_budget`].
    pub turn_budget: usize,
    /// Mail that may wait in front of a shard: [`live::Options::lane_max`].
    pub lane_max: usize,
    /// Messages that a producer gathers before it sends them; 1 sends each at once.
    pub batch: usize,
    /// Microseconds for which an idle shard looks out for mail before its thread sleeps:
    /// [`live::Options::spin`].
    pub spin: u64,
}

impl Default for Tuning {
    /// One shard, every message sent at once, the rest as a live host has it.
    fn default() -> Self {
        let live = live::Options::default();
        Tuning {
            shards: 1,
            turn_budget: live.turn_budget,
            lane_max: live.lane_max,
            batch: 1,
            spin: live.spin.as_micros() as u64,
        }
    }
}

impl Tuning {
    pub(crate) fn options(&self) -> live::Options {
        live::Options {
            shards: self.shards,
            turn_budget: self.turn_budget,
            lane_max: self.lane_max,
            spin: Duration::from_micros(self.spin),
            ..live::Options::default()
        }
    }
}

impl fmt::Display for Tuning {
    /// As it is typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tuning { shards, turn_budget, lane_max, batch, spin } = self;
        write!(f, "--shards {shards} --turn-budget {turn_budget} --batch {batch} --spin {spin}")?;
        write!(f, " --lane-max {lane_max}")
    }
}

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// So many messages.
    Messages(u64),
    /// As many messages as the host handles in about that time.
    Time(Duration),
}

/// What is measured beside the throughput, or in its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measures {
    /// Queue delay at half and at nine tenths of the peak, and what spinning costs.
    pub latency: bool,
    /// How soon a stop takes effect while mail floods in.
    pub stop_under_load: bool,
    /// Nothing but the search for better settings.
    pub tune: bool,
}

/// All that a measurement needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// A row for each: how many components there are. In ascending order.
    pub components: Vec<u32>,
    /// The work.
    pub workload: Workload,
    /// The settings.
    pub tuning: Tuning,
    /// A figure is the median of so many runs, after one that does not count.
    pub runs: usize,
    /// How long each of them is.
    pub length: Length,
    /// How long queue delays are watched at each load.
    pub watched: Duration,
    /// How often a component is stopped under load.
    pub stops: usize,
    /// So many messages wait at the least when it is.
    pub queued: u64,
    /// What is measured.
    pub measures: Measures,
}
