//! SMS_DMP_UPLOADER on the bench, rule by rule.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::effect::Failure;
use contract::settings::{Mode, Settings, UsageLevel, keys};
use contract::{Answer, FailureKind, LogFile, Message, Reply, Request, Severity, Ticket, WallTime};
use serde_json::{Map, Value};
use smsexec_dmp_uploader::{NAME, registration};
use testkit::{Bench, START_TIME};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const SECOND: Duration = Duration::from_secs(1);

/// The site was installed at the bench's start time.
fn stopped(mode: Mode) -> Bench {
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set(&keys::MODE, &mode));
    bench.settings(|s| s.set(&keys::SITE_INSTALLED, &START_TIME));
    bench
}

fn online() -> Bench {
    let mut bench = stopped(Mode::Online);
    bench.start();
    bench
}

/// Online, with the first upload under way.
#[track_caller]
fn uploading() -> (Bench, Ticket) {
    let mut bench = online();
    bench.advance(WEEK);
    let ticket = expect_upload(&mut bench);
    (bench, ticket)
}

#[track_caller]
fn expect_upload(bench: &mut Bench) -> Ticket {
    let ticket = bench.expect_request(|request| matches!(request, Request::Upload { .. }));
    bench.expect_silence();
    ticket
}

#[track_caller]
fn finish_upload(bench: &mut Bench) {
    let ticket = expect_upload(bench);
    bench.answer(ticket, Ok(Reply::Uploaded));
    assert_eq!(bench.expect_report(60210).severity, Severity::Informational);
    bench.expect_silence();
}

fn failure(kind: FailureKind) -> Answer {
    Err(Failure::new(kind, "particulars"))
}

/// The document that a site with these settings uploads first.
fn document(level: UsageLevel, store: impl FnOnce(&mut Settings)) -> Map<String, Value> {
    let mut bench = stopped(Mode::Online);
    bench.settings(|s| s.set(&keys::USAGE_LEVEL, &level)).settings(store).start();
    bench.advance(WEEK);
    let requests = bench.requests();
    let [Request::Upload { url, json }] = requests[..] else { panic!("{requests:?}") };
    assert_eq!(*url, keys::USAGE_URL.default_value());
    serde_json::from_str(json).unwrap()
}

#[test]
fn r004_online_uploads_usage_data_once_a_week() {
    let mut bench = online();
    for _ in 0..3 {
        bench.advance(WEEK - SECOND);
        bench.expect_silence();
        bench.advance(SECOND);
        finish_upload(&mut bench);
    }
}

#[test]
fn r004_the_first_upload_is_due_one_interval_after_the_installation() {
    let mut bench = stopped(Mode::Online);
    let installed = WallTime::from_unix_seconds(START_TIME.unix_seconds() - 3 * 86_400);
    bench.settings(|s| s.set(&keys::SITE_INSTALLED, &installed)).start();
    bench.advance(4 * DAY - SECOND);
    bench.expect_silence();
    bench.advance(SECOND);
    finish_upload(&mut bench);

    let mut old = stopped(Mode::Online);
    old.settings(|s| s.set(&keys::SITE_INSTALLED, &WallTime::default())).start();
    finish_upload(&mut old);
}

#[test]
fn r004_a_restart_does_not_shift_the_beat() {
    let mut bench = online();
    bench.advance(WEEK);
    finish_upload(&mut bench);
    let kept = (START_TIME + WEEK).unix_seconds().to_string();
    assert_eq!(bench.remembered("LastUploadTime"), Some(kept.as_str()));
    bench.advance(2 * DAY);
    bench.restart();
    bench.advance(5 * DAY - SECOND);
    bench.expect_silence();
    bench.advance(SECOND);
    finish_upload(&mut bench);
}

#[test]
fn r004_a_slow_upload_does_not_shift_the_beat() {
    let (mut bench, ticket) = uploading();
    bench.advance(DAY);
    bench.answer(ticket, Ok(Reply::Uploaded));
    bench.expect_report(60210);
    let began = (START_TIME + WEEK).unix_seconds().to_string();
    assert_eq!(bench.remembered("LastUploadTime"), Some(began.as_str()));
    bench.advance(6 * DAY - SECOND);
    bench.expect_silence();
    bench.advance(SECOND);
    finish_upload(&mut bench);
}

#[test]
fn r004_the_level_decides_how_much_is_uploaded() {
    let basic = ["distribution_points", "format", "level", "mode", "roles", "roles_unknown"];
    let basic: BTreeSet<&str> = basic.into_iter().chain(["site_type", "site_version"]).collect();
    let enhanced = BTreeSet::from(["update_check_interval_s", "usage_upload_interval_s"]);
    let full = BTreeSet::from(["site_age_s"]);
    let names = |level| {
        let names = document(level, |_| ()).keys().cloned().collect::<Vec<_>>();
        names.into_iter().collect::<BTreeSet<String>>()
    };
    let expected = |sets: &[&BTreeSet<&str>]| {
        sets.iter().flat_map(|set| set.iter().map(|name| (*name).to_owned())).collect()
    };
    let expect: BTreeSet<String> = expected(&[&basic]);
    assert_eq!(names(UsageLevel::Basic), expect);
    let expect: BTreeSet<String> = expected(&[&basic, &enhanced]);
    assert_eq!(names(UsageLevel::Enhanced), expect);
    let expect: BTreeSet<String> = expected(&[&basic, &enhanced, &full]);
    assert_eq!(names(UsageLevel::Full), expect);
}

#[test]
fn r004_the_document_says_what_the_site_is() {
    let document = document(UsageLevel::Full, |s| {
        s.set(&keys::DISTRIBUTION_POINTS, &vec!["A".into(), "B".into()]);
        s.set(&keys::ROLES, &vec!["service-connection-point".into(), "Site server".into()]);
        s.set(&keys::SITE_TYPE, &"Central administration site".into());
    });
    let expected = serde_json::json!({
        "format": 1,
        "level": 3,
        "mode": "online",
        "site_type": "central administration site",
        "site_version": "5.00.9135.1000",
        "distribution_points": 2,
        "roles": ["Service connection point", "Site server"],
        "roles_unknown": 0,
        "update_check_interval_s": 86_400,
        "usage_upload_interval_s": 604_800,
        "site_age_s": 604_800,
    });
    assert_eq!(Value::Object(document), expected);
}

#[test]
fn nothing_that_names_the_site_is_uploaded_at_any_level() {
    for level in [UsageLevel::Basic, UsageLevel::Enhanced, UsageLevel::Full] {
        let document = document(level, |s| {
            s.set(&keys::SITE_CODE, &"ZQ7".into());
            s.set(&keys::SITE_SERVER, &"zq7-site.corp.example".into());
            s.set(&keys::SITE_TYPE, &"the zq7 site".into());
            s.set(&keys::DISTRIBUTION_POINTS, &vec!["zq7-dp1".into(), "10.9.8.7".into()]);
            s.set(&keys::ROLES, &vec!["Distribution point on zq7-dp1".into()]);
            s.set(&keys::MANIFEST_URL, &"https://zq7.corp.example/".into());
        });
        let text = Value::Object(document.clone()).to_string().to_lowercase();
        for secret in ["zq7", "corp.example", "10.9.8.7"] {
            assert!(!text.contains(secret), "{level}: {text}");
        }
        assert_eq!(document["site_type"], "other");
        assert_eq!(document["distribution_points"], 2);
        assert_eq!(document["roles_unknown"], 1);
    }
}

#[test]
fn r008_the_level_can_be_changed_and_holds_for_the_next_upload() {
    let mut bench = online();
    bench.advance(DAY);
    bench.change(|s| s.set(&keys::USAGE_LEVEL, &UsageLevel::Basic));
    bench.expect_silence();
    bench.advance(6 * DAY);
    bench.expect_log("Uploading usage data at level Basic");
    let ticket = bench.expect_request(
        |request| matches!(request, Request::Upload { json, .. } if json.contains("\"level\":1")),
    );
    bench.answer(ticket, Ok(Reply::Uploaded));
    assert_eq!(bench.expect_report(60210).strings, ["Basic"]);
}

#[test]
fn r018_offline_makes_no_request() {
    let mut bench = stopped(Mode::Offline);
    bench.start();
    bench.expect_log("offline");
    bench.expect_report(60206);
    bench.advance(60 * WEEK);
    bench.deliver(Message::Word(1));
    bench.stray_answer(Ticket(1), Ok(Reply::Uploaded));
    bench.change(|s| s.set(&keys::USAGE_LEVEL, &UsageLevel::Full));
    bench.change(|s| s.set(&keys::USAGE_UPLOAD_INTERVAL, &HOUR));
    bench.advance(60 * WEEK);
    bench.expect_silence();
}

#[test]
fn going_online_when_overdue_uploads_at_once() {
    let mut bench = stopped(Mode::Offline);
    bench.start();
    bench.expect_report(60206);
    bench.advance(8 * DAY);
    bench.change(|s| s.set(&keys::MODE, &Mode::Online));
    finish_upload(&mut bench);
    bench.advance(WEEK);
    finish_upload(&mut bench);
}

#[test]
fn going_online_early_waits_for_the_rest_of_the_week() {
    let mut bench = stopped(Mode::Offline);
    bench.start();
    bench.expect_report(60206);
    bench.advance(6 * DAY);
    bench.change(|s| s.set(&keys::MODE, &Mode::Online));
    bench.expect_silence();
    bench.advance(DAY);
    finish_upload(&mut bench);
}

#[test]
fn going_offline_gives_up_the_upload_under_way() {
    let (mut bench, ticket) = uploading();
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.answer(ticket, failure(FailureKind::Cut));
    bench.advance(10 * WEEK);
    bench.expect_silence();
    assert_eq!(bench.remembered("LastUploadTime"), None);

    let (mut bench, old) = uploading();
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.change(|s| s.set(&keys::MODE, &Mode::Online));
    let new = expect_upload(&mut bench);
    bench.answer(old, failure(FailureKind::Cut));
    bench.expect_silence();
    bench.answer(new, Ok(Reply::Uploaded));
    bench.expect_report(60210);
    bench.expect_silence();
}

#[test]
fn going_offline_gives_up_the_retry() {
    let (mut bench, ticket) = uploading();
    bench.answer(ticket, failure(FailureKind::Refused));
    bench.expect_report(9607);
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.advance(WEEK);
    bench.expect_silence();
}

#[test]
fn a_refused_upload_is_9605_and_is_tried_again_after_an_hour() {
    let (mut bench, ticket) = uploading();
    bench.answer(ticket, failure(FailureKind::Status(503)));
    let line = bench.expect_log("Failed to upload usage data: HTTP status 503: particulars");
    assert_eq!(line.severity, Severity::Error);
    let report = bench.expect_report(9605);
    assert_eq!(report.severity, Severity::Error);
    assert_eq!(report.strings, ["HTTP status 503: particulars"]);
    assert_eq!(bench.remembered("LastUploadTime"), None);
    bench.advance(HOUR - SECOND);
    bench.expect_silence();
    bench.advance(SECOND);
    finish_upload(&mut bench);
    bench.advance(WEEK - SECOND);
    bench.expect_silence();
}

#[test]
fn another_level_does_not_hurry_the_retry() {
    let (mut bench, ticket) = uploading();
    bench.answer(ticket, failure(FailureKind::Refused));
    bench.expect_report(9607);
    bench.change(|s| s.set(&keys::USAGE_LEVEL, &UsageLevel::Full));
    bench.expect_silence();
    bench.advance(HOUR);
    finish_upload(&mut bench);
}

#[test]
fn an_upload_that_fell_due_in_a_pause_is_not_made_offline() {
    let mut bench = online();
    bench.pause();
    bench.advance(WEEK);
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.resume();
    bench.expect_silence();
}

#[test]
fn every_other_failure_is_9607() {
    for kind in [
        FailureKind::NameNotResolved,
        FailureKind::Refused,
        FailureKind::TimedOut,
        FailureKind::Tls,
        FailureKind::Cut,
        FailureKind::BadName,
    ] {
        let (mut bench, ticket) = uploading();
        bench.answer(ticket, failure(kind));
        assert_eq!(bench.expect_report(9607).severity, Severity::Error);
        bench.advance(HOUR);
        finish_upload(&mut bench);
    }
    let (mut bench, ticket) = uploading();
    bench.answer(ticket, Ok(Reply::Stored { bytes: 1 }));
    assert!(bench.expect_report(9607).strings[0].contains("another kind"));
}

#[test]
fn a_shorter_interval_takes_effect_at_once() {
    let mut bench = online();
    bench.advance(2 * DAY);
    bench.change(|s| s.set(&keys::USAGE_UPLOAD_INTERVAL, &(3 * DAY)));
    bench.expect_silence();
    bench.advance(DAY);
    finish_upload(&mut bench);
    bench.advance(HOUR);
    bench.change(|s| s.set(&keys::USAGE_UPLOAD_INTERVAL, &Duration::ZERO));
    for _ in 0..3 {
        finish_upload(&mut bench);
        bench.advance(SECOND);
    }
}

#[test]
fn a_changed_interval_does_not_start_a_second_upload() {
    let (mut bench, ticket) = uploading();
    bench.change(|s| s.set(&keys::USAGE_UPLOAD_INTERVAL, &HOUR));
    bench.expect_silence();
    bench.answer(ticket, Ok(Reply::Uploaded));
    bench.expect_report(60210);
    bench.expect_silence();
    bench.advance(HOUR);
    finish_upload(&mut bench);
}

#[test]
fn a_kept_time_that_makes_no_sense_counts_as_none() {
    let future = (START_TIME.unix_seconds() + 86_400).to_string();
    for kept in [future.as_str(), "", "x", "9223372036854775807", "1e9"] {
        let mut bench = stopped(Mode::Online);
        bench.registry("LastUploadTime", kept).start();
        bench.advance(WEEK - SECOND);
        bench.expect_silence();
        bench.advance(SECOND);
        finish_upload(&mut bench);
    }
}

#[test]
fn an_answer_that_nothing_waits_for_is_ignored() {
    let (mut bench, ticket) = uploading();
    bench.stray_answer(Ticket(99), Ok(Reply::Uploaded));
    bench.expect_silence();
    bench.answer(ticket, Ok(Reply::Uploaded));
    bench.expect_report(60210);
    bench.stray_answer(ticket, failure(FailureKind::Cut));
    bench.expect_silence();
}

#[test]
fn what_it_takes_while_running_and_what_at_a_start() {
    let descriptor = registration().descriptor;
    for key in ["mode", "usage_level", "usage_upload_interval", "update_check_interval"] {
        assert!(descriptor.reloads.contains(&key), "{key}");
    }
    assert!(descriptor.start_only.contains(&"site.version"));
    // What it never reads it never uploads.
    for key in ["site.code", "site.server"] {
        assert!(!descriptor.start_only.contains(&key), "{key}");
    }
}

#[test]
fn r073_uploads_are_logged_in_dmpuploader_log() {
    let registration = registration();
    assert_eq!(&*registration.name, NAME);
    assert_eq!(registration.descriptor.log, LogFile::server("Dmpuploader.log"));
}
