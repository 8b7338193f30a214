//! SMS_SERVICE_CONNECTOR: checks that the cloud's endpoints can be reached.
//!
//! While the service connection point is online it probes every endpoint, when it starts and
//! then at every interval, and says in one status message how that went: all
//! well (11410, R-061), only endpoints that are not critical failed (11411, R-062), or a
//! critical one did (11412, R-063). What counts as a failure is in `verdict.rs` (R-050 to
//! Offline it asks the world for nothing.
//!
//! The mode is taken while running: the source documents ask for a restart of
//! SMS_DMP_DOWNLOADER only. Going online checks at once; going offline drops a check
//! under way, and answers to it that still come are ignored.
//!
//! # What is the simulator's own
//!
//! The period, the time-out of 30 seconds, the shortest interval of one second, status message
//! 60206, the insertion strings of the other three, and every line of the log: no source shows
//! EndpointConnectivityCheckWorker.log. Status message 11488 is the site's and not sent
//! from here.

mod connector;
mod round;
mod verdict;

use std::borrow::Cow;

use contract::settings::keys;
use contract::{Descriptor, LogFile, Registration};

/// The component's name in its host.
pub const NAME: &str = "SMS_SERVICE_CONNECTOR";

/// The worker's log. Its `component` attribute has the form that the sibling worker's
/// has in log-samples BLOCK 2.
const LOG: LogFile = LogFile::Attribute {
    file: Cow::Borrowed("EndpointConnectivityCheckWorker.log"),
    component: Cow::Borrowed("SMS_SERVICE_CONNECTOR_EndpointConnectivityCheckWorker"),
};

/// The component as it is handed to a host.
pub fn registration() -> Registration {
    let mut descriptor = Descriptor::new("checks that the cloud's endpoints can be reached", "");
    descriptor.log = LOG;
    descriptor.start_only = vec![keys::ENDPOINTS.key, keys::ENDPOINT_CHECK_INTERVAL.key];
    descriptor.reloads = vec![keys::MODE.key];
    Registration::new(NAME, descriptor, connector::Connector::default)
}
