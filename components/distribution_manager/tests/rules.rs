//! SMS_DISTRIBUTION_MANAGER on the bench.

use std::time::Duration;

use contract::effect::Failure;
use contract::message::PackagePublished;
use contract::settings::keys;
use contract::{Answer, FailureKind, LogFile, Message, Reply, Request, Severity, Ticket};
use smsexec_distribution_manager::{NAME, registration};
use testkit::Bench;

const FIRST: &str = "3b7d84fa-eccc-4ea0-b8ab-abbda1e88e0e";
const SECOND: &str = "10aa8ba0-04d4-4fe3-bc21-f1874bc8c88c";
const HASH: &str = "6c3c912c1c79e3958a0d8ee7f306470a87058e5dc6936f3438bf812d367f976f";

fn with_points(points: &[&str]) -> Bench {
    let points: Vec<String> = points.iter().map(|&point| point.to_owned()).collect();
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set(&keys::DISTRIBUTION_POINTS, &points)).start();
    bench
}

fn package(guid: &str) -> PackagePublished {
    PackagePublished {
        guid: guid.into(),
        name: "Update 2509".into(),
        file: format!("{guid}.cab"),
        bytes: 4096,
        sha256: HASH.into(),
    }
}

fn stored() -> Answer {
    Ok(Reply::Stored { bytes: 4096 })
}

fn failure(kind: FailureKind) -> Answer {
    Err(Failure::new(kind, "particulars"))
}

/// Takes 2300 and the request that goes with it.
#[track_caller]
fn expect_begun(bench: &mut Bench, guid: &str) -> Ticket {
    let report = bench.expect_report(2300);
    assert_eq!(report.severity, Severity::Informational);
    assert_eq!(report.strings, ["Update 2509", guid]);
    assert_eq!(report.attributes, [(400, guid.to_owned())]);
    let ticket = bench.expect_request(|request| {
        *request
            == Request::AddContent {
                content: guid.into(),
                file: format!("{guid}.cab"),
                sha256: HASH.into(),
            }
    });
    bench.expect_silence();
    ticket
}

#[track_caller]
fn expect_copy(bench: &mut Bench, guid: &str, point: &str) -> Ticket {
    bench.expect_request(|request| {
        *request == Request::Distribute { content: guid.into(), to: point.into() }
    })
}

#[track_caller]
fn expect_processed(bench: &mut Bench, guid: &str) {
    let report = bench.expect_report(2301);
    assert_eq!(report.severity, Severity::Informational);
    assert_eq!(report.strings, ["Update 2509", guid]);
    assert_eq!(report.attributes, [(400, guid.to_owned())]);
}

#[track_caller]
fn expect_failed(bench: &mut Bench, guid: &str, why: &str) {
    let line = bench.expect_log(&format!("Failed to process package {guid}: "));
    assert_eq!(line.severity, Severity::Error);
    assert!(line.text.contains(why), "{}", line.text);
    let report = bench.expect_report(2302);
    assert_eq!(report.severity, Severity::Error);
    assert_eq!(report.strings[..2], ["Update 2509", guid]);
    assert!(report.strings[2].contains(why), "{:?}", report.strings);
}

#[test]
fn a_package_goes_into_the_library_and_on_to_every_distribution_point() {
    let mut bench = with_points(&["DP1", "DP2"]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, stored());
    let first = expect_copy(&mut bench, FIRST, "DP1");
    let second = expect_copy(&mut bench, FIRST, "DP2");
    bench.expect_silence();
    bench.answer(second, stored());
    let report = bench.expect_report(60301);
    assert_eq!(report.strings, [FIRST, "DP2"]);
    assert_eq!(report.attributes, [(400, FIRST.to_owned()), (404, "DP2".to_owned())]);
    bench.expect_silence();
    bench.answer(first, stored());
    bench.expect_report(60301);
    expect_processed(&mut bench, FIRST);
    bench.expect_silence();
}

#[test]
fn the_log_reads_as_the_samples_do() {
    let mut bench = with_points(&["DP1"]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, stored());
    let ticket = expect_copy(&mut bench, FIRST, "DP1");
    bench.answer(ticket, stored());
    for line in [
        format!("Adding package '{FIRST}' to package processing queue."),
        format!("~Started package processing thread for package '{FIRST}'"),
        format!("Start adding package {FIRST}..."),
        format!("Taking package snapshot for package {FIRST} from source {FIRST}.cab"),
        format!("The hash for algorithm 32780 is {}", HASH.to_uppercase()),
        format!("~Exiting package processing thread for package {FIRST}."),
        format!("~Successfully created/updated the package {FIRST}"),
    ] {
        bench.expect_log(&line);
    }
}

#[test]
fn without_distribution_points_the_library_is_all() {
    let mut bench = with_points(&[]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, stored());
    expect_processed(&mut bench, FIRST);
    bench.expect_silence();
}

#[test]
fn content_that_does_not_get_into_the_library_goes_nowhere() {
    for answer in [
        failure(FailureKind::WrongHash),
        failure(FailureKind::NotFound),
        failure(FailureKind::BadName),
    ] {
        let why = answer.clone().unwrap_err().to_string();
        let mut bench = with_points(&["DP1"]);
        bench.deliver(package(FIRST));
        let ticket = expect_begun(&mut bench, FIRST);
        bench.answer(ticket, answer);
        expect_failed(&mut bench, FIRST, &why);
        bench.expect_silence();
        assert_eq!(bench.remembered("Queue"), Some(""));
    }
}

#[test]
fn one_distribution_point_that_fails_makes_the_package_fail() {
    let mut bench = with_points(&["DP1", "DP2"]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, stored());
    let first = expect_copy(&mut bench, FIRST, "DP1");
    let second = expect_copy(&mut bench, FIRST, "DP2");
    bench.answer(first, failure(FailureKind::Disk));
    bench.expect_log(&format!("Failed to distribute package {FIRST} to DP1: disk failure"));
    let report = bench.expect_report(60302);
    assert_eq!(report.severity, Severity::Warning);
    assert_eq!(report.strings, [FIRST, "DP1", "disk failure: particulars"]);
    bench.expect_silence();
    bench.answer(second, stored());
    bench.expect_report(60301);
    expect_failed(&mut bench, FIRST, "DP1");
    bench.expect_silence();
}

#[test]
fn an_answer_of_another_kind_is_a_failure() {
    let mut bench = with_points(&[]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, Ok(Reply::Uploaded));
    expect_failed(&mut bench, FIRST, "another kind");
}

#[test]
fn packages_are_processed_one_at_a_time_and_in_order() {
    let mut bench = with_points(&["DP1"]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.deliver(package(SECOND));
    bench.expect_silence();
    bench.answer(ticket, stored());
    let ticket = expect_copy(&mut bench, FIRST, "DP1");
    bench.expect_silence();
    bench.answer(ticket, failure(FailureKind::Refused));
    bench.expect_report(60302);
    expect_failed(&mut bench, FIRST, "DP1");
    expect_begun(&mut bench, SECOND);
}

#[test]
fn a_life_that_is_stopped_or_killed_leaves_its_queue_to_the_next() {
    for end in [Bench::stop, Bench::kill] {
        let mut bench = with_points(&["DP1"]);
        bench.deliver(package(FIRST));
        bench.deliver(package(SECOND));
        let ticket = expect_begun(&mut bench, FIRST);
        bench.answer(ticket, stored());
        expect_copy(&mut bench, FIRST, "DP1");
        end(&mut bench);
        bench.start();
        bench.expect_log("Going on with 2 packages");
        let ticket = expect_begun(&mut bench, FIRST);
        bench.answer(ticket, stored());
        let ticket = expect_copy(&mut bench, FIRST, "DP1");
        bench.answer(ticket, stored());
        bench.expect_report(60301);
        expect_processed(&mut bench, FIRST);
        expect_begun(&mut bench, SECOND);
        end(&mut bench);
        bench.start();
        expect_begun(&mut bench, SECOND);
    }
}

#[test]
fn a_queue_that_is_done_is_an_empty_text() {
    let mut bench = with_points(&[]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    assert!(bench.remembered("Queue").is_some_and(|queue| queue.contains(FIRST)));
    bench.answer(ticket, stored());
    expect_processed(&mut bench, FIRST);
    assert_eq!(bench.remembered("Queue"), Some(""));
    bench.restart();
    bench.expect_silence();
}

#[test]
fn a_queue_that_cannot_be_read_starts_empty() {
    for kept in ["[", "null", "{}", "[1]", &"[".repeat(100_000), "[{\"guid\":\"a\"}]"] {
        let mut bench = Bench::new(registration());
        bench.registry("Queue", kept).start();
        let line = bench.expect_log("cannot be read and starts empty");
        assert_eq!(line.severity, Severity::Error);
        bench.expect_silence();
        bench.deliver(package(FIRST));
        expect_begun(&mut bench, FIRST);
    }
}

#[test]
fn a_package_that_waits_already_is_not_queued_twice() {
    let mut bench = with_points(&[]);
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.deliver(package(FIRST));
    bench.expect_log("is in the package processing queue already");
    bench.answer(ticket, stored());
    expect_processed(&mut bench, FIRST);
    bench.expect_silence();
    bench.deliver(package(FIRST));
    expect_begun(&mut bench, FIRST);
}

#[test]
fn answers_that_nothing_waits_for_are_ignored() {
    let mut bench = with_points(&["DP1"]);
    bench.stray_answer(Ticket(1), stored());
    bench.deliver(package(FIRST));
    let adding = expect_begun(&mut bench, FIRST);
    bench.stray_answer(Ticket(99), failure(FailureKind::Cut));
    bench.expect_silence();
    bench.answer(adding, stored());
    let copy = expect_copy(&mut bench, FIRST, "DP1");
    bench.stray_answer(adding, failure(FailureKind::Cut));
    bench.expect_silence();
    bench.answer(copy, stored());
    bench.expect_report(60301);
    expect_processed(&mut bench, FIRST);
    bench.stray_answer(copy, failure(FailureKind::Cut));
    bench.expect_silence();
}

#[test]
fn distribution_points_are_read_at_start_only() {
    assert_eq!(registration().descriptor.start_only, ["site.distribution_points"]);
    let mut bench = with_points(&["DP1"]);
    bench.change(|s| s.set(&keys::DISTRIBUTION_POINTS, &vec!["DP2".to_owned()]));
    bench.deliver(package(FIRST));
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, stored());
    expect_copy(&mut bench, FIRST, "DP1");
    bench.restart();
    let ticket = expect_begun(&mut bench, FIRST);
    bench.answer(ticket, stored());
    expect_copy(&mut bench, FIRST, "DP2");
}

#[test]
fn a_message_of_another_kind_is_ignored() {
    let mut bench = with_points(&[]);
    bench.deliver(Message::Word(1));
    bench.expect_log("Ignored a message of an unknown kind: word");
    bench.advance(Duration::from_secs(1_000_000));
    bench.expect_silence();
}

#[test]
fn it_writes_distmgr_log() {
    let registration = registration();
    assert_eq!(&*registration.name, NAME);
    assert_eq!(registration.descriptor.log, LogFile::server("distmgr.log"));
}
