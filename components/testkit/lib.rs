//! Test bench for one component: manual clock, expectations, answers by hand.
//!
//! The bench stands where a host would: it makes the component's lives, calls its hooks and
//! carries out what a hook asked for, but only if the hook returned well. Nothing happens by
//! itself. Time stands still until [`Bench::advance`]; a request stays open until
//! [`Bench::answer`]. What the component did is taken by the `expect_` methods, oldest first,
//! and [`Bench::expect_silence`] makes sure that nothing was overlooked.
//!
//! A method that finds something else than it was told to expect panics at its caller's line
//! and shows everything that happened on the bench so far.
//!
//! ```
//! use std::time::Duration;
//! use contract::{Component, Context, Descriptor, Fault, Registration, Start, Started};
//! use contract::{Message, StatusMessage};
//! use smsexec_testkit::Bench;
//!
//! /// Reports 60999 an hour after it was started.
//! struct Hourglass;
//!
//! impl Component for Hourglass {
//!     fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
//!         cx.after(Duration::from_secs(3600), "empty");
//!         Ok(Started::Running)
//!     }
//!
//!     fn timer(&mut self, _: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
//!         cx.log("the sand has run");
//!         cx.report(StatusMessage::informational(60999));
//!         Ok(())
//!     }
//! }
//!
//! let descriptor = Descriptor::new("an hourglass", "hourglass.log");
//! let mut bench = Bench::new(Registration::new("HOURGLASS", descriptor, || Hourglass));
//! bench.start();
//! bench.advance(Duration::from_secs(3599));
//! bench.expect_silence();
//! bench.advance(Duration::from_secs(1));
//! bench.expect_log("sand");
//! bench.expect_report(60999);
//! bench.expect_silence();
//! ```

mod bench;
mod carry;
mod expect;
mod journal;
#[cfg(test)]
mod tests;

pub use bench::{Bench, START_TIME};
