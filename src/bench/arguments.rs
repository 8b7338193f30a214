//! What is typed after `smsexec bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, value_parser};
use contract::control::Refusal;
use contract::id::ComponentId;
use contract::lifecycle::Code;

use crate::settings::{Length, Measures, Plan, Skew, Tuning, Workload};

const SIZES: [u32; 6] = [4, 100, 1_000, 10_000, 100_000, 1_000_000];
/// What a search for better settings is done with unless it is told otherwise.
const TUNED_SIZE: u32 = 1_000;
/// A word is in every message.
pub(crate) const WORD: usize = size_of::<u64>();

/// Measure how fast messages are dispatched, beside what it takes at least.
///
/// Prints a table; with --json, the same as JSON. A row is the median of several runs, in which
/// host and floors take turns: the ratio is what carries over to another machine.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  smsexec bench --quick                          a first look, in a minute
  smsexec bench --components 1000 --latency      queue delays at 50 % and 90 % of the peak
  smsexec bench --stop-under-load --quick        how soon a stop takes effect
  smsexec bench --tune --components 100000       which settings suit so many components
  smsexec bench --save report.json --html report.html

Threads that send and threads that carry components need a processor each to be worth measuring.")]
pub struct Arguments {
    /// How many components: one number, or several with commas, for a row each [default: 4,100,
    /// and so on to 1,000,000; 1000 with --tune].
    #[arg(long, value_name = "N,…", value_delimiter = ',',
        value_parser = value_parser!(u32).range(1..=ComponentId::SLOTS_MAX as i64))]
    pub components: Vec<u32>,
    /// Threads that carry components.
    #[arg(long, value_name = "N", default_value_t = Tuning::default().shards,
        value_parser = value_parser!(u8).range(1..))]
    pub shards: u8,
    /// Messages that a shard handles in one turn at most. A long turn is cheaper by the message,
    /// a short one lets a stop take effect sooner.
    #[arg(long, value_name = "MESSAGES", default_value_t = Tuning::default().turn_budget,
        value_parser = at_least_one())]
    pub turn_budget: usize,
    /// Mail of one sender that may wait in front of a shard before the sender is held back.
    #[arg(long, value_name = "MESSAGES", default_value_t = Tuning::default().lane_max,
        value_parser = at_least_one())]
    pub lane_max: usize,
    /// Messages that a sender gathers before it sends them; 1 sends each at once.
    #[arg(long, value_name = "MESSAGES", default_value_t = 1, value_parser = at_least_one())]
    pub batch: usize,
    /// Bytes of a message; 0 is a bare word.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub payload: usize,
    /// Who gets the messages.
    #[arg(long, value_enum, default_value_t = Skew::Uniform)]
    pub skew: Skew,
    /// Threads that send.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = value_parser!(u32).range(1..=255))]
    pub producers: u32,
    /// How long an idle shard looks out for mail before its thread sleeps. 0 sleeps at once;
    /// more saves wake-ups and takes processor time.
    #[arg(long, value_name = "MICROSECONDS", default_value_t = Tuning::default().spin)]
    pub spin: u64,
    /// Messages of a run [default: 4,000,000; 400,000 with --quick].
    #[arg(long, value_name = "N", conflicts_with = "seconds",
        value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub messages: Option<u64>,
    /// How long a run takes, about; queue delays are watched for as long.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Runs of which a figure is the median [default: 5; 3 with --quick].
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    pub runs: Option<usize>,
    /// Fewer messages, runs and stops, and no more than 10,000 components.
    #[arg(long)]
    pub quick: bool,
    /// Also the queue delay at 50 % and 90 % of the measured peak, and what --spin costs.
    #[arg(long)]
    pub latency: bool,
    /// Also how soon a stop takes effect while a million messages wait and more come in.
    #[arg(long)]
    pub stop_under_load: bool,
    /// Search for better settings, one after the other, and show the evidence.
    #[arg(long, conflicts_with_all = ["latency", "stop_under_load"])]
    pub tune: bool,
    /// Write the report into this file too, as JSON.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Write the report into this file too, as a page with plots.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn at_least_one() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    RangedU64ValueParser::<u64>::new().range(1..=u64::from(u32::MAX)).map(|number| number as usize)
}

impl Arguments {
    /// What is to be measured; `seed` is what receivers are drawn from.
    ///
    /// # Errors
    /// 87, if arguments contradict each other or make no sense: which, why, and what to type.
    pub fn plan(&self, seed: u64) -> Result<Plan, Refusal> {
        let components = self.sizes();
        self.check(&components)?;
        let length = match (self.messages, self.seconds) {
            (Some(messages), _) => Length::Messages(messages),
            (None, Some(seconds)) => Length::Time(Duration::from_secs_f64(seconds)),
            (None, None) => Length::Messages(if self.quick { 400_000 } else { 4_000_000 }),
        };
        let watched = self.seconds.unwrap_or(if self.quick { 0.3 } else { 2.0 });
        Ok(Plan {
            components,
            workload: Workload {
                payload: self.payload,
                skew: self.skew,
                producers: self.producers,
                seed,
            },
            tuning: Tuning {
                shards: self.shards,
                turn_budget: self.turn_budget,
                lane_max: self.lane_max,
                batch: self.batch,
                spin: self.spin,
            },
            runs: self.runs.unwrap_or(if self.quick { 3 } else { 5 }),
            length,
            watched: Duration::from_secs_f64(watched),
            stops: if self.quick { 50 } else { 500 },
            queued: 1_000_000,
            measures: Measures {
                latency: self.latency,
                stop_under_load: self.stop_under_load,
                tune: self.tune,
            },
        })
    }

    fn sizes(&self) -> Vec<u32> {
        let mut sizes = self.components.clone();
        if sizes.is_empty() && self.tune {
            sizes.push(TUNED_SIZE);
        } else if sizes.is_empty() {
            let few = if self.quick { 4 } else { SIZES.len() };
            sizes.extend(&SIZES[..few]);
        }
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    fn check(&self, components: &[u32]) -> Result<(), Refusal> {
        let (least, many) = (components[0], components.len());
        let shards = u32::from(self.shards);
        if (1..WORD).contains(&self.payload) {
            let reason =
                format!("{} bytes are less than the word that every message has", self.payload);
            return Err(refusal("--payload", reason, "give 0 for a bare word, or 8 and more"));
        }
        if least < shards {
            let reason = format!("{least} components leave some of {shards} shards with none");
            return Err(refusal("--shards", reason, "give fewer shards, or more --components"));
        }
        if self.skew != Skew::Uniform && least == 1 {
            let reason = format!("one component gets everything, {} or not", self.skew);
            return Err(refusal("--skew", reason, "give two --components and more, or uniform"));
        }
        if self.tune && many > 1 {
            let reason = format!("settings are searched for one number of components, not {many}");
            return Err(refusal("--tune", reason, "give one number to --components"));
        }
        if self.stop_under_load && least < 2 * shards {
            let reason = format!(
                "{least} components on {shards} shards leave nobody beside the one \
                that is stopped"
            );
            return Err(refusal("--stop-under-load", reason, "give more --components"));
        }
        if self.messages.is_some_and(|messages| messages < u64::from(self.producers)) {
            let reason = format!("they do not go round among {} producers", self.producers);
            return Err(refusal("--messages", reason, "give more messages, or fewer --producers"));
        }
        if self.seconds.is_some_and(|seconds| !(0.001..=3_600.0).contains(&seconds)) {
            return Err(refusal("--seconds", "it is no time to measure in", "give 0.001 to 3600"));
        }
        Ok(())
    }
}

fn refusal(subject: &str, reason: impl Into<String>, way_out: &str) -> Refusal {
    let way_out = format!("{way_out}; smsexec bench --help explains them all");
    Refusal::new(Code::INVALID_PARAMETER, subject, reason, way_out)
}
