//! A site that has no outside.

use contract::cloud::{CloudCommand, CloudView};
use contract::control::Refusal;
use contract::outside::{Outside, Pending};
use contract::store::Kept;
use contract::{Code, Failure, FailureKind, Request};

/// An outside where there is nothing: requests are never answered, nothing outlives the process,
/// and no backup can be copied. For whoever measures, or tests what needs no outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutside;

impl Outside for NoOutside {
    fn perform(&self, _: Request) -> Pending {
        Box::pin(std::future::pending())
    }

    fn cloud(&self, _: CloudCommand) -> Result<CloudView, Refusal> {
        let way_out = "start the site with an outside that has one";
        Err(Refusal::new(Code::DOES_NOT_EXIST, "cloud", "there is none", way_out))
    }

    fn keep(&self, _: &Kept) -> Result<(), Failure> {
        Ok(())
    }

    fn snapshot(&self) -> Result<String, Failure> {
        Err(Failure::new(FailureKind::Disk, "there is no place for a copy"))
    }
}
