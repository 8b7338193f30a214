//! `smsexec bench`: how fast a live host dispatches messages, for those who tune it.
//!
//! [`measure()`] carries a [`Plan`] out and tells a [`Report`]; [`Arguments`] is what is typed on
//! the command line, [`text()`], [`markdown`] and [`html()`] are how a report is shown. Everything that is
//! measured is checked: a message that is lost, comes twice or out of order leaves no figures.
//!
//! [`guide`] says how it is measured, what each setting does, and what came of it.

mod arguments;
mod crew;
mod draw;
mod floors;
mod gauge;
#[doc = include_str!("guide.md")]
pub mod guide {}
mod html;
mod job;
mod latency;
mod machine;
mod measure;
mod plot;
mod processor;
mod progress;
mod report;
mod settings;
mod sheet;
mod stop;
mod text;
mod throughput;
mod tune;
mod worker;

pub use arguments::Arguments;
pub use html::html;
pub use machine::Machine;
pub use measure::measure;
pub use progress::Progress;
pub use report::{Delay, Idle, Latency, Queued, Rates, Report, Stops, Throughput};
pub use settings::{Length, Measures, Plan, Skew, Tuning, Workload};
pub use text::{markdown, text};
pub use tune::{Candidate, Decision, Trial, Tuned, decide};
