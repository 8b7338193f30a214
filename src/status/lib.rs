//! Status messages and logs: the catalogue of messages, the manager that keeps and tallies
//! them, and the form of a log record, written and read.
//!
//! Everything here is a function of its arguments: the time comes from the host, and the
//! records go to whoever owns a disk.

mod calendar;
pub mod catalogue;
pub mod log;
pub mod manager;
pub mod read;
mod recent;
pub mod thresholds;

pub use catalogue::{describe, explain, ids};
pub use log::{LogLine, render, statmsg};
pub use manager::{Report, Reporter, Said, StatusManager, Wording};
pub use read::{LogRecord, read};
pub use recent::Recent;
pub use thresholds::{Levels, Thresholds, Triple};
