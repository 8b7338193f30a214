//! What every test here starts from: a bench, a catalogue, and the answers of a healthy world.

use std::time::Duration;

use contract::cloud::{Manifest, ManifestPackage};
use contract::effect::Failure;
use contract::settings::{Mode, keys};
use contract::{Answer, FailureKind, Reply, Request, Ticket};
use smsexec_dmp_downloader::registration;
use testkit::Bench;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const DISTMGR: &str = "SMS_DISTRIBUTION_MANAGER";
pub(crate) const GUID: &str = "3b7d84fa-eccc-4ea0-b8ab-abbda1e88e0e";

pub(crate) fn stopped(mode: Mode) -> Bench {
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set(&keys::MODE, &mode));
    bench
}

pub(crate) fn online() -> Bench {
    let mut bench = stopped(Mode::Online);
    bench.start();
    bench
}

/// An update for every site from 5.00.9000.0000 up to the version below its own.
pub(crate) fn package(guid: &str, version: &str) -> ManifestPackage {
    ManifestPackage {
        guid: guid.into(),
        name: format!("Configuration Manager {version}"),
        version: version.parse().unwrap(),
        min_version: "5.00.9000.0000".parse().unwrap(),
        max_version: version.parse().unwrap(),
        url: format!("https://updates.example/release/{guid}.cab"),
        bytes: 4096,
        sha256: "6c3c912c1c79e3958a0d8ee7f306470a87058e5dc6936f3438bf812d367f976f".into(),
    }
}

/// Newer than the default site version.
pub(crate) fn update() -> ManifestPackage {
    package(GUID, "5.00.9141.1000")
}

pub(crate) fn document(packages: &[ManifestPackage]) -> Vec<u8> {
    serde_json::to_vec(&Manifest { format: 1, packages: packages.to_vec() }).unwrap()
}

pub(crate) fn signed(packages: &[ManifestPackage]) -> Answer {
    Ok(Reply::Signed { document: document(packages) })
}

pub(crate) fn downloaded(already_there: bool) -> Answer {
    Ok(Reply::Downloaded { bytes: 4096, already_there })
}

pub(crate) fn timed_out() -> Answer {
    Err(Failure::new(FailureKind::TimedOut, "30 s went by"))
}

#[track_caller]
pub(crate) fn expect_fetch(bench: &mut Bench) -> Ticket {
    bench.expect_request(|request| matches!(request, Request::FetchSigned { .. }))
}

#[track_caller]
pub(crate) fn expect_download(bench: &mut Bench) -> Ticket {
    bench.expect_request(|request| matches!(request, Request::Download { .. }))
}

/// Lets a check that has begun find an empty catalogue.
#[track_caller]
pub(crate) fn finish_empty_check(bench: &mut Bench) {
    let ticket = expect_fetch(bench);
    bench.answer(ticket, signed(&[]));
    expect_completed(bench, ["0", "0"]);
}

/// The check came to a good end and that was all; so many updates listed and applicable.
#[track_caller]
pub(crate) fn expect_completed(bench: &mut Bench, numbers: [&str; 2]) {
    assert_eq!(bench.expect_report(60201).strings, numbers);
    bench.expect_silence();
}
