//! What was measured. Serialisable, so that pages and later comparisons are made from a file.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::settings::{Tuning, Workload};
use crate::tune::Tuned;

/// Everything of one measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// What was sent.
    pub workload: Workload,
    /// With which settings.
    pub tuning: Tuning,
    /// By number of components.
    pub throughput: Vec<Throughput>,
    /// By number of components and load.
    pub latency: Vec<Latency>,
    /// By how long idle shards spin.
    pub idle: Vec<Idle>,
    /// By what is queued.
    pub stops: Vec<Stops>,
    /// What a search for better settings has found.
    pub tuned: Option<Tuned>,
}

impl Report {
    /// As a file holds it.
    ///
    /// # Panics
    /// Never: every report is JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is JSON") + "\n"
    }

    /// From what [`Report::to_json`] wrote.
    ///
    /// # Errors
    /// What is not as it should be, and where.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// How fast something was in several runs: messages a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// In the run in the middle.
    pub median: u64,
    /// In the slowest.
    pub least: u64,
    /// In the fastest.
    pub most: u64,
}

impl Rates {
    /// Of runs in any order.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn of(runs: &[f64]) -> Self {
        let sorted = sorted(runs);
        let median = middle(&sorted).round() as u64;
        let (least, most) = (sorted[0].round() as u64, sorted[sorted.len() - 1].round() as u64);
        Rates { median, least, most }
    }
}

pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The one in the middle, or between the two in the middle.
pub(crate) fn middle(sorted: &[f64]) -> f64 {
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// A row: the host beside its floors, at one number of components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// How many.
    pub components: u32,
    /// Messages of each run.
    pub messages: u64,
    /// Runs that count.
    pub runs: usize,
    /// The live host: from the first message sent to the last one handled.
    pub host: Rates,
    /// A plain loop over the same components.
    pub plain_loop: Rates,
    /// One channel between two threads.
    pub channel: Rates,
    /// Host beside plain loop: the median of the ratios of runs that came one after the other.
    pub beside_loop: f64,
    /// Host beside channel, likewise.
    pub beside_channel: f64,
    /// Of what all components were in the end: the same for host and floors.
    pub hash: String,
}

/// How long messages took from when they were to be sent until they were handled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many components.
    pub components: u32,
    /// Which part of the peak was sent, in percent.
    pub load: u32,
    /// Messages a second that were to be sent.
    pub wanted: u64,
    /// Messages a second that were handled.
    pub reached: u64,
    /// The delays.
    pub delay: Delay,
}

impl Latency {
    /// Whether less was handled than was sent, so that the queue grew as long as it lasted: then
    /// the delays say how long that was, and nothing else.
    pub fn is_overload(&self) -> bool {
        self.reached * 100 < self.wanted * 98
    }
}

/// Delays, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// How many were taken.
    pub samples: u64,
    /// Half of them are no longer than this.
    pub p50: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1,000.
    pub p99_9: u64,
    /// All of them.
    pub max: u64,
}

impl Delay {
    pub(crate) fn of(delays: &hdrhistogram::Histogram<u64>) -> Self {
        Delay {
            samples: delays.len(),
            p50: delays.value_at_quantile(0.5),
            p99: delays.value_at_quantile(0.99),
            p99_9: delays.value_at_quantile(0.999),
            max: delays.max(),
        }
    }
}

/// What it costs to look out for mail for so long before sleeping, and what it brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// For how long, in microseconds.
    pub spin: u64,
    /// Processor time of the host while nothing was sent, in percent of one processor; none where
    /// the system does not tell.
    pub idle: Option<f64>,
    /// Messages a second that were sent for the rest of the row.
    pub trickle: u64,
    /// Processor time of the host at that, likewise.
    pub busy: Option<f64>,
    /// Delays of those messages.
    pub delay: Delay,
}

/// What waits when a component is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queued {
    /// Messages for that component.
    Component,
    /// Messages for others of its shard, but for a few.
    Shard,
}

impl Queued {
    /// As in a table.
    pub(crate) fn for_whom(self) -> &'static str {
        match self {
            Queued::Component => "the component",
            Queued::Shard => "others of its shard",
        }
    }
}

/// How soon stops took effect while mail flooded in. All that was retained came in order after
/// the next start, and nothing was lost, or there would be no figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stops {
    /// For whom the messages were.
    pub queued: Queued,
    /// So many waited when a stop was asked for, at the least.
    pub waiting: u64,
    /// So many were sent in all, and as many handled, in order.
    pub messages: u64,
    /// From the command until the component's stop hook ran: no message is handled after that.
    pub in_effect: Delay,
    /// From the command until whoever watches was told that it is Stopped.
    pub told: Delay,
}
