//! Every measure at a size that takes no time: that it measures what it says, and that what it
//! writes can be read. A message that is lost or comes twice fails the measurement itself.

use std::time::Duration;

use smsexec_bench::{
    Delay, Length, Measures, Plan, Progress, Queued, Report, Skew, Tuning, Workload, html,
    markdown, measure, text,
};

/// Next to nothing, of everything but the search.
fn tiny() -> Plan {
    Plan {
        components: vec![2, 40],
        workload: Workload { payload: 0, skew: Skew::Uniform, producers: 1, seed: 1 },
        tuning: Tuning::default(),
        runs: 2,
        length: Length::Messages(501),
        watched: Duration::from_millis(20),
        stops: 3,
        queued: 300,
        measures: Measures { latency: true, stop_under_load: true, tune: false },
    }
}

fn measured(plan: &Plan) -> Report {
    measure(plan, &Progress::hidden()).unwrap_or_else(|refusal| panic!("{plan:?}: {refusal}"))
}

#[track_caller]
fn is_in_order(delay: &Delay) {
    let Delay { samples, p50, p99, p99_9, max } = *delay;
    assert!(samples > 0 && p50 <= p99 && p99 <= p99_9 && p99_9 <= max, "{delay:?}");
}

#[test]
fn every_measure_gives_its_rows_and_the_report_survives_its_file() {
    let report = measured(&tiny());
    let rows: Vec<_> = report.throughput.iter().map(|it| (it.components, it.messages)).collect();
    assert_eq!(rows, [(2, 501), (40, 501)]);
    for row in &report.throughput {
        for rates in [&row.host, &row.plain_loop, &row.channel] {
            assert!(0 < rates.least && rates.least <= rates.median && rates.median <= rates.most);
        }
        assert!(row.beside_loop > 0.0 && row.beside_channel > 0.0 && row.hash.len() == 16);
    }
    let loads: Vec<_> = report.latency.iter().map(|it| (it.components, it.load)).collect();
    assert_eq!(loads, [(2, 50), (2, 90), (40, 50), (40, 90)]);
    report.latency.iter().for_each(|row| is_in_order(&row.delay));
    let spins: Vec<_> = report.idle.iter().map(|row| row.spin).collect();
    assert_eq!(spins, [0, 10, 50, 200, 1_000]);
    report.idle.iter().for_each(|row| assert_eq!(row.delay.samples, 20));
    let queued: Vec<_> = report.stops.iter().map(|row| row.queued).collect();
    assert_eq!(queued, [Queued::Component, Queued::Shard]);
    for row in &report.stops {
        assert_eq!((row.in_effect.samples, row.told.samples), (3, 3));
        assert!(row.messages > 300, "{row:?}");
        is_in_order(&row.in_effect);
        assert!(row.in_effect.p50 <= row.told.max);
    }
    assert_eq!(report.tuned, None);
    assert_eq!(Report::from_json(&report.to_json()).expect("it is what was written"), report);

    let shown = text(&report);
    for part in ["Throughput", "Queue delay", "Idle wake-up", "Stop under load", "host / loop"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let cells = |line: &str| line.matches('|').count();
    for table in markdown(&report).split("\n\n").filter(|part| part.starts_with('|')) {
        let columns = cells(table.lines().next().expect("a heading"));
        let broken = table.lines().find(|line| line.starts_with('|') && cells(line) != columns);
        assert_eq!(broken, None, "{table}");
    }
    let page = html(&report);
    is_well_formed(&page);
    assert_eq!(page.matches("<svg").count(), 5);
    assert!(!page.contains("://"), "nothing is loaded from elsewhere");
}

/// Every way in which messages can be sent: none is lost, or the measurement fails.
#[test]
fn every_setting_of_work_and_host_keeps_account() {
    for skew in [Skew::Uniform, Skew::Zipf, Skew::Hot] {
        for (payload, batch, shards, producers) in [(0, 7, 2, 2), (64, 1, 1, 3)] {
            let mut plan = tiny();
            plan.workload = Workload { payload, skew, producers, ..plan.workload };
            let (turn_budget, lane_max) = (3, 10);
            plan.tuning = Tuning { batch, shards, turn_budget, lane_max, spin: 0 };
            plan.components = vec![12];
            let report = measured(&plan);
            assert_eq!((report.tuning, report.workload), (plan.tuning, plan.workload));
        }
    }
}

#[test]
fn one_seed_ends_in_one_state_and_another_in_another() {
    let hash = |seed| {
        let mut plan = tiny();
        (plan.workload.seed, plan.measures) = (seed, Measures::default());
        measured(&plan).throughput[1].hash.clone()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_time_comes_to_as_many_messages_as_fit_in() {
    let mut plan = tiny();
    (plan.length, plan.measures) = (Length::Time(Duration::from_millis(50)), Measures::default());
    let report = measured(&plan);
    assert!(report.throughput.iter().all(|row| row.messages > 1_000), "{:?}", report.throughput);
}

#[test]
fn a_search_shows_its_evidence_and_ends_where_it_says() {
    let mut plan = tiny();
    plan.components = vec![20];
    plan.measures = Measures { tune: true, ..Measures::default() };
    let report = measured(&plan);
    let tuned = report.tuned.as_ref().expect("it searched");
    assert_eq!((tuned.components, tuned.start), (20, plan.tuning));
    assert!(report.throughput.is_empty());
    let mut present = tuned.start;
    for trial in &tuned.trials {
        assert_eq!(trial.candidates[0].tuning, present, "each trial begins where the last ended");
        present = trial.candidates[trial.decision.taken].tuning;
    }
    assert_eq!(present, tuned.recommended);
    assert_eq!(tuned.check.is_some(), tuned.start != tuned.recommended);
    assert!(text(&report).contains(&tuned.verdict().split(" (").next().unwrap()[..20]));
    assert_eq!(Report::from_json(&report.to_json()).expect("it is what was written"), report);
    is_well_formed(&html(&report));
}

/// Every tag is closed, in order, and every ampersand begins an entity.
#[track_caller]
fn is_well_formed(page: &str) {
    let (_, mut rest) = page.split_once("<!DOCTYPE html>\n").expect("it says what it is");
    let mut open: Vec<&str> = Vec::new();
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>') || open.last() == Some(&"style"), "{before}");
        let (tag, after) = after.split_once('>').expect("a tag has an end");
        assert!(tag.matches('"').count().is_multiple_of(2), "<{tag}>");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in the order in which they open"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().expect("a name")),
        }
        rest = after;
    }
    assert_eq!(open, [""; 0]);
    for entity in page.split('&').skip(1) {
        assert!(
            ["amp;", "lt;", "gt;", "quot;"].iter().any(|it| entity.starts_with(it)),
            "{entity}"
        );
    }
}
