//! Every workload of every peer at a size that takes no time: that what it says it handles is
//! handled. A wrong total panics where it is found.

use std::sync::Once;

use crate::plan::{Plan, Workload};
use crate::report::Report;
use crate::workload::Peer;
use crate::{Arguments, keep_quiet_about_storms, peers};

static QUIET: Once = Once::new();

/// Runs everything once; tells which workloads the peer cannot do.
fn run(name: &str) -> Vec<Workload> {
    run_on(1, name)
}

fn run_on(threads: u8, name: &str) -> Vec<Workload> {
    QUIET.call_once(keep_quiet_about_storms);
    let peers = peers(threads);
    let peer: &dyn Peer = peers.iter().find(|peer| peer.name() == name).expect("a peer").as_ref();
    let mut cannot = Vec::new();
    for row in Plan::TINY.rows() {
        match row.once(peer, &row.job(name)) {
            Some(measured) => assert!(measured.operations > 0 && measured.rate() > 0.0),
            None => cannot.push(row.workload),
        }
    }
    cannot.dedup();
    cannot
}

#[test]
fn the_floors() {
    assert_eq!(run("floor-loop"), [Workload::RestartAll, Workload::CrashStorm]);
    assert_eq!(run("floor-channel"), [Workload::RestartAll, Workload::CrashStorm]);
}

#[test]
fn smsexec() {
    assert_eq!(run("smsexec"), []);
    assert_eq!(run_on(2, "smsexec"), []);
}

/// One test, for one thread of the process may use it.
#[test]
fn stakker() {
    assert_eq!(run("stakker"), [Workload::SpreadOfTwo, Workload::CrashStorm]);
}

#[test]
fn actix() {
    assert_eq!(run("actix"), []);
}

#[test]
fn tokio() {
    assert_eq!(run("tokio"), []);
    assert_eq!(run_on(2, "tokio"), []);
}

#[test]
fn ractor() {
    assert_eq!(run("ractor"), []);
    assert_eq!(run_on(2, "ractor"), []);
}

#[test]
fn kameo() {
    assert_eq!(run("kameo"), []);
    assert_eq!(run_on(2, "kameo"), []);
}

/// A peer that leaves a message out, or handles one twice.
#[test]
#[should_panic(expected = "nobody, spread, 4 components: messages handled")]
fn a_wrong_total_names_peer_and_workload() {
    let row = Plan::TINY.rows().into_iter().find(|row| row.components == 4).expect("it is there");
    let job = row.job("nobody");
    let tally = crate::workload::Tally::new(&job);
    let mut first = crate::workload::Counter::new(&tally, 0);
    job.share(0).filter(|(to, _)| *to == 0).for_each(|(_, word)| first.handle(word));
    job.measured(&tally, std::time::Duration::from_secs(1));
}

#[test]
fn the_figures_have_a_ratio_to_the_floor_or_to_the_best() {
    let mut report = Report::new(vec!["floor-loop", "actix", "tokio"]);
    let rows = Plan::TINY.rows();
    let measured = |operations| crate::workload::Measured {
        operations,
        taken: std::time::Duration::from_secs(1),
        hash: operations,
    };
    report.add(&rows[0], "floor-loop", measured(100));
    report.add(&rows[0], "tokio", measured(25));
    let last = rows.last().expect("it is there");
    report.add(last, "actix", measured(10));
    report.add(last, "tokio", measured(5));
    let figures = serde_json::to_value(report.figures()).expect("JSON");
    let told: Vec<_> = figures.as_array().expect("a list").iter().map(|it| &it["ratio"]).collect();
    assert_eq!(told, [1.0, 0.25, 1.0, 0.5]);
    assert_eq!(figures[3]["peer"], "tokio");
    assert_eq!(figures[3]["workload"], "crash-storm");
    assert!(report.table().contains("0.250"), "{}", report.table());
}

#[test]
fn arguments_that_are_not_known_are_not_understood() {
    let parse = |line: &str| Arguments::parse(line.split_whitespace().map(str::to_owned));
    let arguments =
        parse("--quick --only ring --peer actix --threads 2").expect("it is understood");
    assert!(arguments.quick && arguments.only.is_some() && arguments.peer.is_some());
    assert_eq!(arguments.threads.get(), 2);
    assert!(
        parse("--only").is_none() && parse("--fast").is_none() && parse("--threads 0").is_none()
    );
}
