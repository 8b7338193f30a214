//! SMS_DISTRIBUTION_MANAGER: takes packages into the content library and on to distribution points.
//!
//! A package that SMS_DMP_DOWNLOADER has published is queued. Packages are processed one at a
//! time and in order: 2300, content into the library, content on to every distribution point
//! of the site, and 2301 when all of it went well or 2302 when any of it did not (domain.md
//! 3.3, log-samples BLOCK 29). A package that failed leaves the queue; the others go on.
//!
//! The queue is kept for the next life with every change, the package under way at its head
//! included. So a package whose processing was cut short is processed again from the
//! beginning, which takes nothing but time: both steps find what is there already.
//!
//! # What is the simulator's own
//!
//! In the product an update is replicated to site servers and not to distribution points
//! (domain.md 5.5), by way of SMS_HIERARCHY_MANAGER; until replication is there, updates stand
//! in for packages. The package id shown is the update's GUID; ids such as PS100001 come later.
//! The registry value `Queue`, status messages 60301 and 60302 and the log lines at the end of
//! `wording.rs` are the simulator's own, too.

mod job;
mod manager;
mod queue;
mod wording;

use contract::settings::keys;
use contract::{Descriptor, Registration};

/// The component's name in its host.
pub const NAME: &str = "SMS_DISTRIBUTION_MANAGER";

/// The component as it is handed to a host.
pub fn registration() -> Registration {
    let mut descriptor = Descriptor::new("takes packages on to distribution points", "distmgr.log");
    descriptor.start_only = vec![keys::DISTRIBUTION_POINTS.key];
    Registration::new(NAME, descriptor, manager::Manager::default)
}
