//! What a check does.

use contract::effect::Failure;
use contract::message::PackagePublished;
use contract::settings::{Mode, keys};
use contract::{FailureKind, Reply, Request, Severity};
use testkit::{Bench, START_TIME};

use crate::bench::*;

const OTHER_GUID: &str = "10aa8ba0-04d4-4fe3-bc21-f1874bc8c88c";

/// Runs a check that has begun to its good end, with one package to download.
#[track_caller]
fn finish_check(bench: &mut Bench, already_there: bool) -> PackagePublished {
    let ticket = expect_fetch(bench);
    bench.answer(ticket, signed(&[update()]));
    let ticket = expect_download(bench);
    bench.answer(ticket, downloaded(already_there));
    bench.expect_report(60202);
    let published = bench.expect_sent(DISTMGR);
    expect_completed(bench, ["1", "1"]);
    published
}

/// The check failed and says so; answers the strings of its status message.
#[track_caller]
fn expect_failed_check(bench: &mut Bench, id: u32, why: &str) -> Vec<String> {
    let line = bench.expect_log("WARNING: Failed to download easy setup payload with exception: ");
    assert_eq!(line.severity, Severity::Warning);
    assert!(line.text.contains(why), "{}", line.text);
    bench.expect_log("WARNING: Retry in the next polling cycle");
    let report = bench.expect_report(id);
    assert!(report.strings.last().unwrap().contains(why), "{:?}", report.strings);
    assert_eq!(report.severity == Severity::Error, id == 60205);
    bench.expect_silence();
    assert_eq!(bench.remembered("LastSyncedTime"), None);
    report.strings
}

#[test]
fn r017_downloads_the_newest_that_applies_and_publishes_it() {
    let mut bench = online();
    let ticket = bench.expect_request(|request| {
        *request
            == Request::FetchSigned {
                url: keys::MANIFEST_URL.default_value(),
                bytes_max: keys::MANIFEST_BYTES_MAX.default_value(),
            }
    });
    let newest = update();
    bench.answer(ticket, signed(&[package(OTHER_GUID, "5.00.9138.1000"), newest.clone()]));
    let ticket = bench.expect_request(|request| {
        *request
            == Request::Download {
                url: newest.url.clone(),
                file: format!("{GUID}.cab"),
                bytes: newest.bytes,
                sha256: newest.sha256.clone(),
            }
    });
    bench.expect_silence();
    bench.answer(ticket, downloaded(false));
    let report = bench.expect_report(60202);
    assert_eq!(report.severity, Severity::Informational);
    assert_eq!(report.strings, [newest.name.as_str(), GUID]);
    let published: PackagePublished = bench.expect_sent(DISTMGR);
    assert_eq!(published.guid, GUID);
    assert_eq!(published.file, format!("{GUID}.cab"));
    assert_eq!(published.name, newest.name);
    assert_eq!((published.bytes, published.sha256), (newest.bytes, newest.sha256));
    expect_completed(&mut bench, ["2", "2"]);
}

#[test]
fn r017_what_does_not_apply_is_filtered() {
    let site = "5.00.9135.1000".parse().unwrap();
    let mut too_high = update();
    too_high.min_version = "5.00.9135.1001".parse().unwrap();
    let mut too_low = update();
    too_low.max_version = "5.00.9135.0999".parse().unwrap();
    let mut same = update();
    (same.version, same.max_version) = (site, site);
    for wrong in [too_high, too_low, same] {
        let mut bench = stopped(Mode::Online);
        bench.settings(|s| s.set(&keys::SITE_VERSION, &site)).start();
        let ticket = expect_fetch(&mut bench);
        bench.answer(ticket, signed(&[wrong]));
        bench
            .expect_log(&format!("(PackageGuid={GUID}) is not applicable and should be filtered."));
        expect_completed(&mut bench, ["1", "0"]);
        assert_eq!(bench.remembered("LastSyncedTime"), Some("1767600000"));
    }
}

#[test]
fn r017_both_ends_of_the_version_range_belong_to_it() {
    let site = "5.00.9135.1000".parse().unwrap();
    let mut exact = update();
    (exact.min_version, exact.max_version) = (site, site);
    let mut bench = stopped(Mode::Online);
    bench.settings(|s| s.set(&keys::SITE_VERSION, &site)).start();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, signed(&[exact]));
    bench.expect_log(&format!("(PackageGuid={GUID}) is applicable"));
    expect_download(&mut bench);
}

#[test]
fn the_log_reads_as_the_samples_do() {
    let mut bench = online();
    finish_check(&mut bench, false);
    let nobody = "00000000-0000-0000-0000-000000000000";
    for line in [
        "Hasn't synced recently.".to_owned(),
        format!("Generating state message: 0 for package {nobody}~~"),
        "Easysetup fwlink to download the manifest: https://go.microsoft.com/".into(),
        "Download Easy setup payloads~~".into(),
        "Get manifest.cab url~~".into(),
        format!("Generating state message: 1 for package {nobody}~~"),
        "Download manifest.cab~~".into(),
        "manifest.cab (http response) size is ".into(),
        format!("Generating state message: 2 for package {nobody}~~"),
        "Finished calling verify manifest~~".into(),
        format!("Generating state message: 3 for package {nobody}~~"),
        format!("Generating state message: 4 for package {nobody}~~"),
        "Get new Easy Setup Package IDs~~".into(),
        "Found a new available update~~".into(),
        format!("Generating state message: 6 for package {GUID}~~"),
        format!("EasySetupDownloadSinglePackage downloading {GUID}. ~~"),
        format!("Generating state message: 8 for package {GUID}~~"),
        "Checking IsPayloadLocal with HashAlgorithm = SHA256 ...~~".into(),
        "expected hash = 6C3C912C1C79E3958A0D8EE7F306470A87058E5DC6936F3438BF812D367F976F~~".into(),
        format!("Generating state message: 9 for package {GUID}~~"),
        format!("Download content for payload {GUID}~~"),
        format!("Generating state message: 10 for package {GUID}~~"),
        format!("Generating state message: 11 for package {GUID}~~"),
        format!("Generating state message: 12 for package {GUID}~~"),
        format!("Generating state message: 13 for package {GUID}~~"),
        format!("EasySetupDownloadSinglePackage finishes downloading {GUID}. ~~"),
    ] {
        bench.expect_log(&line);
    }
}

#[test]
fn a_package_is_published_once() {
    let mut bench = online();
    finish_check(&mut bench, false);
    bench.advance(DAY);
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, signed(&[update()]));
    bench.expect_log("No new update is available");
    expect_completed(&mut bench, ["1", "1"]);
    bench.restart();
    bench.advance(DAY);
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, signed(&[update()]));
    expect_completed(&mut bench, ["1", "1"]);
}

#[test]
fn a_package_that_lies_there_unpublished_is_published() {
    let mut bench = online();
    assert_eq!(finish_check(&mut bench, true).guid, GUID);
    bench.expect_log(&format!("Content for {GUID} exists locally"));
}

#[test]
fn a_package_with_another_hash_is_another_package() {
    let mut bench = online();
    finish_check(&mut bench, false);
    bench.advance(DAY);
    let ticket = expect_fetch(&mut bench);
    let again = contract::cloud::ManifestPackage { sha256: "0".repeat(64), ..update() };
    bench.answer(ticket, signed(&[again]));
    expect_download(&mut bench);
}

#[test]
fn guid_and_hash_are_lower_case_wherever_they_came_from() {
    let mut bench = online();
    let mut loud = update();
    loud.guid.make_ascii_uppercase();
    loud.sha256.make_ascii_uppercase();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, signed(&[loud]));
    let ticket = expect_download(&mut bench);
    bench.answer(ticket, downloaded(false));
    bench.expect_report(60202);
    let published: PackagePublished = bench.expect_sent(DISTMGR);
    assert_eq!(published.guid, GUID);
    assert_eq!(published.sha256, update().sha256);
    assert_eq!(published.file, format!("{GUID}.cab"));
}

#[test]
fn a_good_check_is_remembered_with_the_time_it_began() {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.advance(HOUR);
    bench.answer(ticket, signed(&[update()]));
    assert_eq!(bench.remembered("LastSyncedTime"), None, "it has not come to its end");
    let ticket = expect_download(&mut bench);
    bench.advance(HOUR);
    bench.answer(ticket, downloaded(false));
    let began = START_TIME.unix_seconds().to_string();
    assert_eq!(bench.remembered("LastSyncedTime"), Some(began.as_str()));
}

#[test]
fn a_failed_manifest_waits_for_the_next_cycle() {
    for kind in [
        FailureKind::NameNotResolved,
        FailureKind::Refused,
        FailureKind::TimedOut,
        FailureKind::Tls,
        FailureKind::Cut,
        FailureKind::Status(503),
    ] {
        let mut bench = online();
        let ticket = expect_fetch(&mut bench);
        bench.answer(ticket, Err(Failure::new(kind, "particulars")));
        expect_failed_check(&mut bench, 60204, &format!("{kind}: particulars"));
        bench.advance(DAY - HOUR);
        bench.expect_silence();
        bench.advance(HOUR);
        expect_fetch(&mut bench);
    }
}

#[test]
fn a_manifest_that_cannot_be_trusted_is_an_error() {
    for kind in [FailureKind::NotTrusted, FailureKind::TooLarge] {
        let mut bench = online();
        let ticket = expect_fetch(&mut bench);
        bench.answer(ticket, Err(Failure::new(kind, "particulars")));
        expect_failed_check(&mut bench, 60205, &kind.to_string());
    }
}

#[test]
fn a_failed_download_is_not_published_and_waits_for_the_next_cycle() {
    for kind in [FailureKind::WrongHash, FailureKind::WrongSize, FailureKind::Disk] {
        let mut bench = online();
        let ticket = expect_fetch(&mut bench);
        bench.answer(ticket, signed(&[update()]));
        let ticket = expect_download(&mut bench);
        bench.answer(ticket, Err(Failure::new(kind, "particulars")));
        let strings = expect_failed_check(&mut bench, 60203, &kind.to_string());
        assert_eq!(strings[..2], [update().name.as_str(), GUID]);
        bench.advance(DAY);
        finish_check(&mut bench, false);
    }
}

#[test]
fn a_restart_after_a_failure_checks_at_once() {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, timed_out());
    bench.expect_report(60204);
    bench.advance(HOUR);
    bench.restart();
    finish_check(&mut bench, false);
}

#[test]
fn a_life_that_ends_during_a_download_leaves_it_to_the_next() {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, signed(&[update()]));
    expect_download(&mut bench);
    bench.kill();
    bench.start();
    finish_check(&mut bench, true);
}

#[test]
fn two_checks_never_overlap() {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.advance(3 * DAY);
    bench.expect_log("still under way");
    bench.expect_silence();
    bench.answer(ticket, signed(&[]));
    expect_completed(&mut bench, ["0", "0"]);
    bench.advance(DAY);
    finish_empty_check(&mut bench);
}

#[test]
fn an_answer_that_nothing_waits_for_is_ignored() {
    let mut bench = online();
    let manifest = expect_fetch(&mut bench);
    bench.answer(manifest, signed(&[update()]));
    let download = expect_download(&mut bench);
    bench.stray_answer(manifest, timed_out());
    bench.stray_answer(contract::Ticket(99), downloaded(false));
    bench.expect_silence();
    bench.answer(download, downloaded(false));
    bench.expect_report(60202);
    bench.expect_sent::<PackagePublished>(DISTMGR);
    expect_completed(&mut bench, ["1", "1"]);
    bench.stray_answer(download, downloaded(false));
    bench.expect_silence();
}

#[test]
fn an_answer_of_another_kind_is_a_failure() {
    let mut bench = online();
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, Ok(Reply::Uploaded));
    expect_failed_check(&mut bench, 60204, "of another kind");
    bench.advance(DAY);
    let ticket = expect_fetch(&mut bench);
    bench.answer(ticket, signed(&[update()]));
    let ticket = expect_download(&mut bench);
    bench.answer(ticket, signed(&[]));
    expect_failed_check(&mut bench, 60203, "of another kind");
}
