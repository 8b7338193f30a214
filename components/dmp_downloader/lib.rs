//! SMS_DMP_DOWNLOADER: checks for updates and downloads the newest that applies.
//!
//! Online it checks at every interval, 24 hours unless set otherwise: it fetches the
//! signed manifest, keeps what applies to this site's version, downloads the newest of that and
//! tells SMS_DISTRIBUTION_MANAGER (R-017, domain.md 5.1 to 5.3). Offline it asks the world for
//! nothing at all. Its settings are read when it starts and at no other time; that is
//! why a change of mode needs this component restarted.
//!
//! The time of the last check that came to a good end is kept as `LastSyncedTime`, in Unix
//! seconds (domain.md 5.6); a new life goes on from there. It is the time at which that check
//! began, so that a restart does not shift the beat. A check that fails leaves it alone and is
//! repeated at the next interval, or at the next start (domain.md 5.6).
//!
//! # What is the simulator's own
//!
//! Applicability is a range of versions in the manifest; in the product SMS_HIERARCHY_MANAGER
//! runs queries out of the manifest and writes the two lines about it into its own log
//! (domain.md 5.2). There are no redistributables and no extraction here, so state messages 11
//! to 13 follow 10 at once, 25 is left out, and no line claims a file that nobody wrote. State
//! messages 2 to 4 follow at once too: the signature is checked where the document is fetched.
//! Log lines that the samples do not show (BLOCKs 20 to 24) are gathered at the end of
//! `wording.rs`. Status messages 60201 to 60206, the registry value `Published` and the shortest
//! interval of one second are the simulator's own.

mod catalogue;
mod check;
mod downloader;
mod memory;
mod wording;

use contract::settings::keys;
use contract::{Descriptor, Registration};

/// The component's name in its host.
pub const NAME: &str = "SMS_DMP_DOWNLOADER";

/// The component as it is handed to a host.
pub fn registration() -> Registration {
    // The log's name: R-074.
    let mut descriptor =
        Descriptor::new("checks for updates and downloads the newest", "Dmpdownloader.log");
    descriptor.start_only = vec![
        keys::MODE.key,
        keys::UPDATE_CHECK_INTERVAL.key,
        keys::MANIFEST_URL.key,
        keys::MANIFEST_BYTES_MAX.key,
        keys::PACKAGE_BYTES_MAX.key,
        keys::SITE_VERSION.key,
    ];
    Registration::new(NAME, descriptor, downloader::Downloader::default)
}
