//! Every workload of every peer at a size that takes no time: that what it says it handles is
//! handled. A wrong total panics where it is found.

use std::sync::Once;

use crate::peer::Peer;
use crate::plan::{Outcome, Plan, Row, Workload, median};
use crate::report::Report;
use crate::{Arguments, keep_quiet_about_storms, peers};

static QUIET: Once = Once::new();

/// Runs everything once; tells which workloads the peer cannot do.
fn run(name: &str) -> Vec<Workload> {
    run_on(1, name, Plan::TINY.rows())
}

fn run_on(threads: u8, name: &str, rows: Vec<Row>) -> Vec<Workload> {
    QUIET.call_once(keep_quiet_about_storms);
    let peers = peers(threads);
    let peer: &dyn Peer = peers.iter().find(|peer| peer.name() == name).expect("a peer").as_ref();
    if let Err(reason) = peer.prepare() {
        eprintln!("without {name}: {reason}");
        return Vec::new();
    }
    let mut cannot = Vec::new();
    for row in rows {
        let outcomes = row.once(peer, &row.job(name));
        // Of few components, and beside other tests, memory says nothing; it is there.
        assert!(outcomes.iter().all(|it| it.rate > 0.0 || it.workload == Workload::Memory));
        if outcomes.is_empty() {
            cannot.push(row.workload);
        }
    }
    cannot.dedup();
    cannot
}

#[test]
fn the_floors() {
    use Workload::{CrashStorm, RestartAll, RingOfTwo, SpreadInside, Start};
    assert_eq!(run("floor-loop"), [RingOfTwo, RestartAll, CrashStorm]);
    let cannot = [SpreadInside, Start, RestartAll, CrashStorm];
    assert_eq!(run("floor-channel"), cannot);
}

#[test]
fn smsexec() {
    assert_eq!(run("smsexec"), []);
    assert_eq!(run_on(2, "smsexec", Plan::TINY.rows()), []);
}

/// One test, for one thread of the process may use it.
#[test]
fn stakker() {
    let cannot = [Workload::SpreadOfTwo, Workload::RingOfTwo, Workload::CrashStorm];
    assert_eq!(run("stakker"), cannot);
}

#[test]
fn actix() {
    assert_eq!(run("actix"), []);
}

#[test]
fn tokio() {
    assert_eq!(run("tokio"), []);
    assert_eq!(run_on(2, "tokio", Plan::TINY.rows()), []);
}

#[test]
fn ractor() {
    assert_eq!(run("ractor"), []);
    assert_eq!(run_on(2, "ractor", Plan::TINY.rows()), []);
}

#[test]
fn kameo() {
    assert_eq!(run("kameo"), []);
    assert_eq!(run_on(2, "kameo", Plan::TINY.rows()), []);
}

/// Where it is installed. One size of each: its runtime takes longer to begin than all of it.
#[test]
fn erlang() {
    let mut rows = Plan::TINY.rows();
    rows.reverse();
    rows.dedup_by_key(|row| row.workload);
    assert_eq!(run_on(1, "erlang", rows), []);
}

/// A peer that leaves a message out, or handles one twice.
#[test]
#[should_panic(expected = "nobody, spread, 4 components: messages handled")]
fn a_wrong_total_names_peer_and_workload() {
    let row = Plan::TINY.rows().into_iter().find(|row| row.components == 4).expect("it is there");
    let job = row.job("nobody");
    let tally = crate::tally::Tally::new(&job);
    let mut first = crate::tally::Counter::new(&tally, 0);
    job.share(0).filter(|(to, _)| *to == 0).for_each(|(_, word)| first.handle(word));
    job.measured(&tally, std::time::Duration::from_secs(1));
}

#[test]
fn the_figures_have_a_ratio_to_the_floor_or_to_the_best() {
    let mut report = Report::new(vec!["floor-loop", "actix", "tokio"]);
    let rows = Plan::TINY.rows();
    let row = |name| rows.iter().find(|row| row.workload == name).expect("it is there");
    let mut add = |of, peer, workload, rate| {
        report.add(row(of), peer, &Outcome { workload, rate, hash: 7 });
    };
    use Workload::{CrashStorm, Memory, Spread, Start};
    add(Spread, "floor-loop", Spread, 100.0);
    add(Spread, "tokio", Spread, 25.0);
    add(CrashStorm, "actix", CrashStorm, 10.0);
    add(CrashStorm, "tokio", CrashStorm, 5.0);
    // Two come of one run, and less is better of one of them.
    add(Start, "actix", Start, 4.0);
    add(Start, "actix", Memory, 100.0);
    add(Start, "tokio", Start, 1.0);
    add(Start, "tokio", Memory, 50.0);
    let figures = serde_json::to_value(report.figures()).expect("JSON");
    let figures = figures.as_array().expect("a list");
    let told = figures.iter().map(|it| (it["workload"].as_str(), it["ratio"].as_f64()));
    let told: Vec<_> = told.map(|(workload, ratio)| (workload.unwrap(), ratio.unwrap())).collect();
    let expected = [
        ("spread", 1.0),
        ("spread", 0.25),
        ("start", 1.0),
        ("start", 0.25),
        ("memory", 2.0),
        ("memory", 1.0),
        ("crash-storm", 1.0),
        ("crash-storm", 0.5),
    ];
    assert_eq!(told, expected);
    assert_eq!(figures[7]["peer"], "tokio");
    assert!(report.table().contains("0.250"), "{}", report.table());
}

#[test]
fn a_figure_is_the_median_and_nothing_comes_of_nothing() {
    let mut rates = [3.0, 1.0, 2.0].into_iter();
    let once = || {
        let rate = rates.next().expect("three runs");
        let of = |workload, rate| Outcome { workload, rate, hash: 0 };
        Ok::<_, ()>(vec![of(Workload::StopAll, rate), of(Workload::StartAll, -rate)])
    };
    let told = median(3, once).expect("it never fails");
    assert_eq!(told.iter().map(|it| it.rate).collect::<Vec<_>>(), [2.0, -2.0]);
    assert!(median(3, || Ok::<_, ()>(Vec::new())).is_ok_and(|told| told.is_empty()));
    assert_eq!(median(3, || Err("no")).map(|_| ()), Err("no"));
}

#[test]
fn every_workload_has_rows_of_its_own_or_comes_with_another() {
    for plan in [Plan::FULL, Plan::QUICK, Plan::TINY] {
        for workload in Workload::ALL {
            assert!(plan.rows().iter().any(|row| row.has(workload.name())), "{workload}");
        }
    }
}

#[test]
fn a_million_are_asked_where_they_are_sent_something() {
    let rows = Plan::FULL.rows();
    let asked = rows.iter().filter(|row| row.has("query-all"));
    let asked: Vec<_> = asked.map(|row| (row.workload, row.components)).collect();
    assert_eq!(asked[0], (Workload::Spread, 1_000_000));
    assert!(asked[1..].iter().all(|(workload, _)| *workload == Workload::QueryAll));
}

#[test]
fn arguments_that_are_not_known_are_not_understood() {
    let parse = |line: &str| Arguments::parse(line.split_whitespace().map(str::to_owned));
    let arguments =
        parse("--quick --only ring --peer actix --threads 2").expect("it is understood");
    assert!(arguments.quick && arguments.only.is_some() && arguments.peer.is_some());
    assert_eq!(arguments.threads.get(), 2);
    let alone = parse("--peer actix --alone ring 100").expect("it is understood");
    assert_eq!(alone.alone, Some(("ring".to_owned(), 100)));
    assert!(
        parse("--only").is_none() && parse("--fast").is_none() && parse("--threads 0").is_none()
    );
}
