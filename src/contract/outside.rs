//! The port to everything outside a host that really is outside: the internet, the disk, the
//! update service at the other end. The live driver is given one; the simulation has a twin of
//! its own, and both pass the same conformance test.

use std::future::Future;
use std::pin::Pin;

use crate::cloud::{CloudCommand, CloudView};
use crate::control::Refusal;
use crate::effect::{Answer, Failure, Request};
use crate::store::Kept;

/// A request under way.
pub type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Carries requests out for real.
pub trait Outside: Send + Sync {
    /// Carries `request` out. Dropping the future abandons it and leaves no file half made.
    fn perform(&self, request: Request) -> Pending;

    /// Commands the embedded cloud.
    ///
    /// # Errors
    /// There is no embedded cloud, or it cannot do that.
    fn cloud(&self, command: CloudCommand) -> Result<CloudView, Refusal>;

    /// Writes what must outlive the process. Returns when it would survive a crash.
    ///
    /// # Errors
    /// [`FailureKind::Disk`](crate::FailureKind::Disk); what was kept before is still there.
    fn keep(&self, kept: &Kept) -> Result<(), Failure>;

    /// Copies the site for a backup, in place of the copy before, and tells where it lies.
    ///
    /// # Errors
    /// [`FailureKind::Disk`](crate::FailureKind::Disk).
    fn snapshot(&self) -> Result<String, Failure>;
}
