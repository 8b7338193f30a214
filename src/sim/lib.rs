//! A site in virtual time: the test harness.
//!
//! Everything runs on the caller's thread. Time stands still while anything is under way and
//! moves only when it is asked to; which shard takes the next turn is drawn from the seed. The
//! same seed gives the same trace, byte for byte.
//!
//! [`guide`] leads a newcomer from the first test to storms of faults.
//!
//! ```
//! use contract::{Component, Context, Descriptor, Fault, Registration, Start, Started, State};
//! use contract::control::HostControl;
//! use smsexec_sim::Site;
//! use std::time::Duration;
//!
//! /// Logs a line every hour.
//! struct Hourly;
//! impl Component for Hourly {
//!     fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
//!         cx.after(Duration::from_secs(3600), "hour");
//!         Ok(Started::Running)
//!     }
//!     fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
//!         cx.log("another hour");
//!         cx.after(Duration::from_secs(3600), key);
//!         Ok(())
//!     }
//! }
//!
//! let hourly = Registration::new("HOURLY", Descriptor::new("counts hours", "hourly.log"), || Hourly);
//! let mut site = Site::primary("PS1").component(hourly).start()?;
//! assert_eq!(site.query("HOURLY")?.state, State::Running);
//! site.advance(Duration::from_secs(24 * 3600))?;
//! assert_eq!(site.log("hourly.log")?.len(), 1 + 24, "500 at the start, then the hours");
//! # Ok::<(), contract::control::Refusal>(())
//! ```

mod builder;
mod carrier;
pub mod conformance;
mod ending;
pub mod event;
pub mod faults;
#[doc = include_str!("guide.md")]
pub mod guide {}
pub mod invariants;
mod kill;
mod log;
mod outside;
pub mod probe;
mod report;
mod run;
mod seed;
mod step;
mod store;
pub mod storm;
mod wait;
mod walltime;

pub use builder::{EPOCH, SiteBuilder};
pub use event::{Event, What, replay};
pub use faults::{
    CallVerdict, CodeCall, Guard, Injected, MessageCall, MessageVerdict, RequestCall,
    RequestVerdict,
};
pub use kernel::{Called, Hook};
pub use outside::SimOutside;
pub use run::Site;
pub use seed::{SEED_VARIABLE, SEEDS_VARIABLE, seeds};
pub use store::MemoryStore;

#[cfg(test)]
mod tests {
    /// The guide shows the component that its other examples include.
    #[test]
    fn the_guide_shows_its_component() {
        let (_, tally) = include_str!("guide/tally.rs")
            .split_once("// From here on as the guide shows it.\n\n")
            .expect("the line that parts the two");
        assert!(include_str!("guide.md").contains(tally.trim_end()));
    }
}
