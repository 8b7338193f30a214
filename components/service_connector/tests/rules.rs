//! SMS_SERVICE_CONNECTOR on the bench, rule by rule.

use std::time::Duration;

use contract::effect::Failure;
use contract::settings::{Endpoint, Mode, keys};
use contract::{Answer, FailureKind, LogFile, Message, Reply, Request, Severity, Ticket};
use smsexec_service_connector::{NAME, registration};
use testkit::Bench;

const DAY: Duration = Duration::from_secs(24 * 3600);
const SECOND: Duration = Duration::from_secs(1);
const VITAL: &str = "https://vital.example/";
const USEFUL: &str = "https://useful.example/";

fn stopped(mode: Mode) -> Bench {
    let endpoints = vec![
        Endpoint { url: VITAL.into(), critical: true },
        Endpoint { url: USEFUL.into(), critical: false },
    ];
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set(&keys::MODE, &mode));
    bench.settings(|s| s.set(&keys::ENDPOINTS, &endpoints));
    bench
}

fn online() -> Bench {
    let mut bench = stopped(Mode::Online);
    bench.start();
    bench
}

fn status(status: u16) -> Answer {
    Ok(Reply::Probed { status })
}

fn failure(kind: FailureKind) -> Answer {
    Err(Failure::new(kind, "particulars"))
}

#[track_caller]
fn expect_probe(bench: &mut Bench, address: &str) -> Ticket {
    bench.expect_request(|request| {
        *request == Request::Probe { url: address.into(), time_out: Duration::from_secs(30) }
    })
}

/// Takes both probes and answers them.
#[track_caller]
fn finish(bench: &mut Bench, vital: Answer, useful: Answer) {
    let vital_ticket = expect_probe(bench, VITAL);
    let useful_ticket = expect_probe(bench, USEFUL);
    bench.expect_silence();
    bench.answer(vital_ticket, vital);
    bench.expect_silence();
    bench.answer(useful_ticket, useful);
}

#[track_caller]
fn finish_well(bench: &mut Bench) {
    finish(bench, status(200), status(204));
    bench.expect_report(11410);
    bench.expect_silence();
}

/// An answer that counts as a failure, with that in the log.
#[track_caller]
fn fails(answer: Answer, logged: &str) {
    let mut bench = online();
    finish(&mut bench, answer.clone(), answer);
    let line = bench.expect_log(&format!("Failed to reach {VITAL}: "));
    assert_eq!(line.severity, Severity::Error);
    assert!(line.text.contains(logged), "{}", line.text);
    let line = bench.expect_log(&format!("Failed to reach {USEFUL}: "));
    assert_eq!(line.severity, Severity::Warning);
    bench.expect_report(11412);
    bench.expect_silence();
}

macro_rules! unexpected_status {
    ($($rule:ident: $status:literal, $meaning:literal, $reason:literal;)*) => {$(
        #[test]
        fn $rule() {
            fails(
                status($status),
                concat!("unexpected status code ", $status, " ", $meaning, ", ", $reason),
            );
        }
    )*};
}

unexpected_status! {
    r053_407_proxy_authentication_required_fails:
        407, "Proxy authentication required", "a proxy";
    r054_408_request_timeout_fails: 408, "Request timeout", "a proxy";
    r055_426_upgrade_required_fails: 426, "Upgrade required", "TLS";
    r056_451_unavailable_for_legal_reasons_fails:
        451, "Unavailable for legal reasons", "a proxy";
    r057_502_bad_gateway_fails: 502, "Bad gateway", "a proxy";
    r058_511_network_authentication_required_fails:
        511, "Network authentication required", "a proxy";
    r059_598_network_read_timeout_fails: 598, "Network read timeout error", "some proxies";
    r060_599_network_connection_timeout_fails:
        599, "Network connection timeout error", "some proxies";
}

#[test]
fn r046_probes_every_endpoint_when_it_starts_and_at_every_interval() {
    let mut bench = online();
    finish_well(&mut bench);
    for _ in 0..3 {
        bench.advance(DAY - SECOND);
        bench.expect_silence();
        bench.advance(SECOND);
        finish_well(&mut bench);
    }
}

#[test]
fn r048_the_endpoints_of_tenant_attach_are_the_default() {
    let mut bench = Bench::new(registration());
    bench.start();
    let defaults = keys::ENDPOINTS.default_value();
    for host in ["aka.ms/configmgrgateway", "manage.microsoft.com", "dc.services.visualstudio.com"]
    {
        assert!(defaults.iter().any(|endpoint| endpoint.url.contains(host)), "{host}");
    }
    for endpoint in &defaults {
        expect_probe(&mut bench, &endpoint.url);
    }
    bench.expect_silence();
}

#[test]
fn r049_details_are_in_endpointconnectivitycheckworker_log() {
    let registration = registration();
    assert_eq!(&*registration.name, NAME);
    let LogFile::Attribute { file, component } = &registration.descriptor.log else {
        panic!("managed workers write the attribute syntax (domain.md 4.2)");
    };
    assert_eq!(file, "EndpointConnectivityCheckWorker.log");
    assert_eq!(component, "SMS_SERVICE_CONNECTOR_EndpointConnectivityCheckWorker");
}

#[test]
fn r050_every_other_status_means_connectivity() {
    let unexpected = [407, 408, 426, 451, 502, 511, 598, 599];
    let mut bench = stopped(Mode::Online);
    bench.settings(|s| s.set(&keys::ENDPOINT_CHECK_INTERVAL, &SECOND)).start();
    for code in (0..1000).filter(|code| !unexpected.contains(code)) {
        finish(&mut bench, status(code), status(code));
        bench.expect_log(&format!("Reached {VITAL} with status code {code}"));
        bench.expect_report(11410);
        bench.advance(SECOND);
    }
}

#[test]
fn r050_whatever_keeps_a_status_from_coming_fails() {
    for kind in [
        FailureKind::NameNotResolved,
        FailureKind::Refused,
        FailureKind::Cut,
        FailureKind::BadName,
        FailureKind::Status(200),
    ] {
        fails(failure(kind), &kind.to_string());
    }
    fails(Ok(Reply::Uploaded), "of another kind");
}

#[test]
fn r051_a_connection_timeout_fails() {
    fails(failure(FailureKind::TimedOut), "the operation timed out");
}

#[test]
fn r052_an_ssl_or_tls_failure_fails() {
    fails(failure(FailureKind::Tls), "SSL/TLS failure");
}

#[test]
fn r061_all_well_is_11410_informational() {
    let mut bench = online();
    finish(&mut bench, status(200), status(404));
    let report = bench.expect_report(11410);
    assert_eq!(report.severity, Severity::Informational);
    assert_eq!(report.strings, ["2"]);
    bench.expect_silence();
}

#[test]
fn r062_only_a_non_critical_failure_is_11411_warning() {
    let mut bench = online();
    finish(&mut bench, status(200), failure(FailureKind::TimedOut));
    let report = bench.expect_report(11411);
    assert_eq!(report.severity, Severity::Warning);
    assert_eq!(report.strings, ["2", "1", USEFUL]);
    bench.expect_silence();
}

#[test]
fn r063_a_critical_failure_is_11412_error() {
    let mut bench = online();
    finish(&mut bench, failure(FailureKind::Refused), status(200));
    let report = bench.expect_report(11412);
    assert_eq!(report.severity, Severity::Error);
    assert_eq!(report.strings, ["2", "1", VITAL]);

    bench.advance(DAY);
    finish(&mut bench, status(502), status(502));
    let report = bench.expect_report(11412);
    assert_eq!(report.strings, ["2", "2", "https://vital.example/ https://useful.example/"]);
    bench.expect_silence();
}

#[test]
fn r018_offline_makes_no_request() {
    let mut bench = stopped(Mode::Offline);
    bench.start();
    bench.expect_log("offline");
    bench.expect_report(60206);
    bench.advance(400 * DAY);
    bench.deliver(Message::Word(1));
    bench.stray_answer(Ticket(1), status(200));
    bench.expect_silence();
}

#[test]
fn the_mode_is_taken_while_running() {
    let descriptor = registration().descriptor;
    assert_eq!(descriptor.reloads, ["mode"]);
    assert_eq!(descriptor.start_only, ["endpoints", "endpoint_check_interval"]);

    let mut bench = online();
    finish_well(&mut bench);
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.advance(10 * DAY);
    bench.expect_silence();
    bench.change(|s| s.set(&keys::MODE, &Mode::Online));
    finish_well(&mut bench);
    bench.advance(DAY);
    finish_well(&mut bench);
}

#[test]
fn a_check_that_fell_due_in_a_pause_is_not_made_offline() {
    let mut bench = online();
    finish_well(&mut bench);
    bench.pause();
    bench.advance(DAY);
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.resume();
    bench.expect_silence();
}

#[test]
fn answers_of_an_earlier_round_are_ignored() {
    let mut bench = online();
    let old_vital = expect_probe(&mut bench, VITAL);
    let old_useful = expect_probe(&mut bench, USEFUL);
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.expect_report(60206);
    bench.answer(old_vital, failure(FailureKind::TimedOut));
    bench.expect_silence();
    bench.change(|s| s.set(&keys::MODE, &Mode::Online));
    let vital = expect_probe(&mut bench, VITAL);
    let useful = expect_probe(&mut bench, USEFUL);
    bench.answer(old_useful, failure(FailureKind::TimedOut));
    bench.answer(useful, status(200));
    bench.stray_answer(useful, failure(FailureKind::TimedOut));
    bench.expect_silence();
    bench.answer(vital, status(200));
    bench.expect_report(11410);
    bench.expect_silence();
}

#[test]
fn two_rounds_never_overlap() {
    let mut bench = online();
    let vital = expect_probe(&mut bench, VITAL);
    let useful = expect_probe(&mut bench, USEFUL);
    bench.advance(2 * DAY);
    bench.expect_log("still under way");
    bench.expect_silence();
    bench.answer(useful, status(200));
    bench.answer(vital, status(200));
    bench.expect_report(11410);
    bench.advance(DAY);
    finish_well(&mut bench);
}

#[test]
fn an_address_that_stands_there_twice_is_probed_twice() {
    let mut bench = Bench::new(registration());
    let twice = vec![Endpoint { url: USEFUL.into(), critical: false }; 2];
    bench.settings(|s| s.set(&keys::ENDPOINTS, &twice)).start();
    let first = expect_probe(&mut bench, USEFUL);
    let second = expect_probe(&mut bench, USEFUL);
    bench.answer(second, status(200));
    bench.answer(first, failure(FailureKind::Cut));
    assert_eq!(bench.expect_report(11411).strings[..2], ["2", "1"]);
}

#[test]
fn without_endpoints_there_is_nothing_to_report() {
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set(&keys::ENDPOINTS, &Vec::new())).start();
    bench.advance(DAY);
    bench.expect_log("There are no endpoints to check");
    bench.expect_log("There are no endpoints to check");
    bench.expect_silence();
}

#[test]
fn an_interval_of_nothing_is_one_second() {
    let mut bench = stopped(Mode::Online);
    bench.settings(|s| s.set(&keys::ENDPOINT_CHECK_INTERVAL, &Duration::ZERO)).start();
    for _ in 0..3 {
        finish_well(&mut bench);
        bench.advance(SECOND);
    }
}
