//! The lines of Dmpdownloader.log. Those that the log samples show (BLOCKs 20 to 24) keep their
//! wording, down to the `~~` that stands for a line end; the simulator's own come last.

use contract::Context;
use contract::time::duration_text;
use std::time::Duration;

/// What a state message about the manifest and not about a package names as its package.
pub(crate) const NO_PACKAGE: &str = "00000000-0000-0000-0000-000000000000";

/// The steps of a check that the product drops a state message for (domain.md 5.1). Names of 8,
/// 9, 11, 12 and 13 are not known; these follow their places in the samples.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    StartProcess = 0,
    StartVerifyManifest = 1,
    StartVerifyManifestFileTrusted = 2,
    VerifiedManifest = 3,
    ManifestDownloaded = 4,
    FoundNewPackage = 6,
    PackageBegun = 8,
    PayloadWanted = 9,
    PayloadDownloaded = 10,
    RedistDone = 11,
    MetaDataWritten = 12,
    PackageDone = 13,
}

pub(crate) fn state_message(step: Step, package: &str, cx: &mut Context<'_>) {
    cx.log(format!("Generating state message: {} for package {package}~~", step as u32));
}

pub(crate) fn check_begins(url: &str, cx: &mut Context<'_>) {
    cx.log("Hasn't synced recently.");
    state_message(Step::StartProcess, NO_PACKAGE, cx);
    cx.log(format!("Easysetup fwlink to download the manifest: {url}~~"));
    cx.log("Download Easy setup payloads~~");
    cx.log("Get manifest.cab url~~");
    state_message(Step::StartVerifyManifest, NO_PACKAGE, cx);
    cx.log("Download manifest.cab~~");
}

pub(crate) fn manifest_came(bytes: usize, cx: &mut Context<'_>) {
    cx.log(format!("manifest.cab (http response) size is {bytes}~~"));
    state_message(Step::StartVerifyManifestFileTrusted, NO_PACKAGE, cx);
}

pub(crate) fn manifest_taken(cx: &mut Context<'_>) {
    cx.log("Finished calling verify manifest~~");
    state_message(Step::VerifiedManifest, NO_PACKAGE, cx);
    state_message(Step::ManifestDownloaded, NO_PACKAGE, cx);
    cx.log("Get new Easy Setup Package IDs~~");
}

pub(crate) fn applicability(guid: &str, applies: bool, cx: &mut Context<'_>) {
    let verdict =
        if applies { "is applicable" } else { "is not applicable and should be filtered." };
    cx.log(format!("Configuration Manager Update (PackageGuid={guid}) {verdict}"));
}

pub(crate) fn download_begins(guid: &str, sha256: &str, cx: &mut Context<'_>) {
    cx.log("Found a new available update~~");
    state_message(Step::FoundNewPackage, guid, cx);
    cx.log(format!("EasySetupDownloadSinglePackage downloading {guid}. ~~"));
    state_message(Step::PackageBegun, guid, cx);
    cx.log("Checking IsPayloadLocal with HashAlgorithm = SHA256 ...~~");
    cx.log(format!("expected hash = {}~~", sha256.to_ascii_uppercase()));
    state_message(Step::PayloadWanted, guid, cx);
    cx.log(format!("Download content for payload {guid}~~"));
}

pub(crate) fn download_ends(guid: &str, cx: &mut Context<'_>) {
    for step in
        [Step::PayloadDownloaded, Step::RedistDone, Step::MetaDataWritten, Step::PackageDone]
    {
        state_message(step, guid, cx);
    }
    cx.log(format!("EasySetupDownloadSinglePackage finishes downloading {guid}. ~~"));
}

pub(crate) fn check_failed(why: &str, cx: &mut Context<'_>) {
    cx.warn(format!("WARNING: Failed to download easy setup payload with exception: {why}"));
    cx.warn("WARNING: Retry in the next polling cycle");
}

// From here on the simulator's own.

pub(crate) fn offline(cx: &mut Context<'_>) {
    cx.log("The service connection point is offline, updates are imported by hand");
}

pub(crate) fn next_check(delay: Duration, cx: &mut Context<'_>) {
    cx.log(format!("Synced recently, the next check is due in {}", duration_text(delay)));
}

pub(crate) fn still_checking(cx: &mut Context<'_>) {
    cx.warn("The check before is still under way, this one is left out");
}

pub(crate) fn already_there(guid: &str, cx: &mut Context<'_>) {
    cx.log(format!("Content for {guid} exists locally"));
}

pub(crate) fn nothing_new(cx: &mut Context<'_>) {
    cx.log("No new update is available");
}
