//! The lines of distmgr.log. Those that the log samples show (BLOCKs 28 and 29) keep their
//! wording, down to the `~` that stands for a line end; the simulator's own come last.

use contract::Context;
use contract::message::PackagePublished;

pub(crate) fn queued(id: &str, cx: &mut Context<'_>) {
    cx.log(format!("Adding package '{id}' to package processing queue."));
}

pub(crate) fn begun(id: &str, cx: &mut Context<'_>) {
    cx.log(format!("~Started package processing thread for package '{id}'"));
}

pub(crate) fn snapshot(package: &PackagePublished, cx: &mut Context<'_>) {
    let PackagePublished { guid: id, file, .. } = package;
    cx.log(format!("Start adding package {id}..."));
    cx.log(format!("Taking package snapshot for package {id} from source {file}"));
}

/// 32780 is the number that Windows has for SHA-256.
pub(crate) fn hash(sha256: &str, cx: &mut Context<'_>) {
    cx.log(format!("The hash for algorithm 32780 is {}", sha256.to_ascii_uppercase()));
}

pub(crate) fn succeeded(id: &str, cx: &mut Context<'_>) {
    exiting(id, cx);
    cx.log(format!("~Successfully created/updated the package {id}"));
}

fn exiting(id: &str, cx: &mut Context<'_>) {
    cx.log(format!("~Exiting package processing thread for package {id}."));
}

// From here on the simulator's own.

pub(crate) fn failed(id: &str, why: &str, cx: &mut Context<'_>) {
    cx.error(format!("Failed to process package {id}: {why}"));
    exiting(id, cx);
}

pub(crate) fn queued_before(id: &str, cx: &mut Context<'_>) {
    cx.log(format!("Package '{id}' is in the package processing queue already"));
}

pub(crate) fn left_over(number: usize, cx: &mut Context<'_>) {
    cx.log(format!("Going on with {number} packages that were not done"));
}

pub(crate) fn queue_lost(why: &str, cx: &mut Context<'_>) {
    cx.error(format!("The package processing queue cannot be read and starts empty: {why}"));
}

pub(crate) fn distributing(id: &str, to: &str, cx: &mut Context<'_>) {
    cx.log(format!("Distributing package {id} to {to}"));
}

pub(crate) fn distributed(id: &str, to: &str, cx: &mut Context<'_>) {
    cx.log(format!("Package {id} is on {to}"));
}

pub(crate) fn not_distributed(id: &str, to: &str, why: &str, cx: &mut Context<'_>) {
    cx.error(format!("Failed to distribute package {id} to {to}: {why}"));
}
