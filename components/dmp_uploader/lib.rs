//! SMS_DMP_UPLOADER: uploads usage data at the configured level.
//!
//! Once in an interval, a week unless set otherwise, it uploads what the level allows (R-004,
//! domain.md 7.1 and 7.4); what that is stands in `usage.rs`. Usage data is complete one
//! interval after the site was installed (domain.md 7.3), so the first upload is due then.
//! Offline it asks the world for nothing: then the service connection tool uploads.
//!
//! An upload that an HTTP status refused is reported as 9605, any other failure as 9607
//! (domain.md 3.3).
//!
//! # What is the simulator's own
//!
//! Mode, level and intervals are taken while running: the source documents ask for a restart of
//! SMS_DMP_DOWNLOADER only after a change of mode, and a level that is changed after
//! installation should not be waited for. The form of the document, the registry value
//! `LastUploadTime` (Unix seconds, when the last good upload began), the retry after one hour,
//! the shortest interval of one second, status messages 60206 and 60210 and the texts of the
//! log are the simulator's own, too: no source shows a line of Dmpuploader.log.

mod uploader;
mod usage;

use contract::settings::keys;
use contract::{Descriptor, Registration};

/// The component's name in its host.
pub const NAME: &str = "SMS_DMP_UPLOADER";

/// The component as it is handed to a host.
pub fn registration() -> Registration {
    // The log's name: R-073.
    let mut descriptor =
        Descriptor::new("uploads usage data at the configured level", "Dmpuploader.log");
    descriptor.start_only = vec![
        keys::SITE_TYPE.key,
        keys::SITE_VERSION.key,
        keys::SITE_INSTALLED.key,
        keys::DISTRIBUTION_POINTS.key,
        keys::ROLES.key,
        keys::USAGE_URL.key,
    ];
    descriptor.reloads = vec![
        keys::MODE.key,
        keys::USAGE_LEVEL.key,
        keys::USAGE_UPLOAD_INTERVAL.key,
        keys::UPDATE_CHECK_INTERVAL.key,
    ];
    Registration::new(NAME, descriptor, uploader::Uploader::default)
}
