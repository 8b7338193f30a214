//! Lives, commands and crashes in virtual time: what the cases of the conformance kit do not ask.

use std::time::Duration;

use crate::probe::{Does, Journal, Plan, probe, probe_with};
use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{Code, Command, Exit, Startup, State, Substate};
use contract::{Message, Registration};
use smsexec_sim::Site;

const SECOND: Duration = Duration::from_secs(1);

fn site(components: impl IntoIterator<Item = Registration>) -> Site {
    Site::primary("PS1").components(components).start().expect("the site starts")
}

fn one(plan: Plan) -> (Site, Journal) {
    let (a, journal) = probe("A", plan);
    (site([a]), journal)
}

#[track_caller]
fn state(site: &mut Site, name: &str) -> (State, Option<Substate>, u64) {
    let status = site.query(name).unwrap();
    (status.state, status.substate, status.generation.0)
}

fn refused(result: Result<contract::control::Accepted, contract::control::Refusal>) -> u32 {
    result.expect_err("it is refused").code.0
}

#[test]
fn a_stop_cancels_a_backoff() {
    let (mut site, _) = one(Plan { panics_on: Some(1), ..Plan::default() });
    site.allow_crashes();
    site.allow_stranded();
    site.send("A", Message::Word(1)).unwrap();
    assert!(matches!(state(&mut site, "A").1, Some(Substate::Backoff { .. })));
    site.control("A", Command::Stop).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Operator));
    site.advance(3600 * SECOND).unwrap();
    assert_eq!(state(&mut site, "A").2, 1, "it is not restarted");
}

/// M02's first half; the conformance kit has P02 itself, where it panics once.
#[test]
fn p02_a_message_that_panics_in_every_life_is_set_aside_before_the_next() {
    let (a, journal) = probe("A", Plan { panics_on: Some(3), ..Plan::default() });
    let (b, _) = probe("B", Plan::default());
    let mut site = site([a, b]);
    site.allow_crashes();
    site.control("A", Command::Pause).unwrap();
    for number in 1..=5 {
        site.send("A", Message::Word(number)).unwrap();
    }
    site.control("A", Command::Continue).unwrap();
    site.advance(60 * SECOND).unwrap();
    let got: Vec<String> =
        journal.take().into_iter().filter(|what| what.starts_with("message")).collect();
    let expected: Vec<String> =
        [1, 2, 3, 3, 3, 4, 5].iter().map(|n| format!("message {n}")).collect();
    assert_eq!(got, expected);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 4));
    assert_eq!(state(&mut site, "B"), (State::Running, None, 1), "its sibling is untouched");
    let log = site.log("probe.log").unwrap();
    assert!(log.iter().any(|line| line.contains("ID=60020 ")), "{log:#?}");
}

#[test]
fn s01_a_component_that_crashes_at_every_start_is_given_up_after_six() {
    let (mut site, journal) = one(Plan { start: Does::Panic, ..Plan::default() });
    site.allow_crashes();
    site.advance(24 * 3600 * SECOND).unwrap();
    let starts: Vec<String> = site
        .trace()
        .iter()
        .filter(|line| line.contains("Stopped -> Starting"))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert_eq!(starts, ["0.000000", "0.500000", "1.500000", "3.500000", "7.500000", "15.500000"]);
    assert_eq!(journal.take().len(), 6);
    let status = site.query("A").unwrap();
    assert_eq!((status.substate, status.crashes), (Some(Substate::Failed), 6));
}

#[test]
fn s04_a_failure_is_cleared_by_a_start_or_by_hand() {
    let plan = Plan { start: Does::Panic, starts_from: Some(7), ..Plan::default() };
    let (mut site, _) = one(plan);
    site.allow_crashes();
    site.advance(60 * SECOND).unwrap();
    site.control("A", Command::ResetFailed).unwrap();
    site.advance(3600 * SECOND).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Cleared), "it is not started");
    site.control("A", Command::Start).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 7));
}

#[test]
fn x01_a_setting_takes_effect_at_the_next_start_of_those_that_declare_it() {
    let (a, a_journal) = probe_with("A", Plan::default(), |d| d.start_only = vec!["probe.color"]);
    let (b, b_journal) = probe_with("B", Plan::default(), |d| d.reloads = vec!["probe.color"]);
    let (c, c_journal) = probe("C", Plan::default());
    let mut site = site([a, b, c]);
    let set = Ask::Set { key: "probe.color".into(), value: "red".into() };
    let contract::control::Told::Setting(view) = site.ask(set).unwrap() else { panic!() };
    assert_eq!(view.stored, "red");
    assert_eq!(view.restart_required, ["A"]);
    site.control("A", Command::Restart).unwrap();
    assert_eq!(site.query("A").unwrap().restart_required, [""; 0]);
    assert_eq!(a_journal.take(), ["start 1 none", "stop", "start 2 red"]);
    assert_eq!(b_journal.take(), ["start 1 none", "changed red"], "it takes it at once");
    assert_eq!(c_journal.take(), ["start 1 none"]);
}

#[test]
fn x03_a_start_of_the_executive_ends_an_operator_s_stop_and_heeds_startup_types() {
    let (a, _) = probe("A", Plan::default());
    let (b, _) = probe_with("B", Plan::default(), |d| d.startup = Startup::Manual);
    let (c, _) = probe_with("C", Plan::default(), |d| d.startup = Startup::Disabled);
    let mut site = site([a, b, c]);
    site.control("A", Command::Stop).unwrap();
    site.service(ServiceCommand::Restart).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(state(&mut site, "B").0, State::Stopped);
    assert_eq!(refused(site.control("C", Command::Start)), 1058);

    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(refused(site.control("A", Command::Start)), 1115);
    assert_eq!(refused(site.service(ServiceCommand::Stop)), 1062);
    site.service(ServiceCommand::Start).unwrap();
    assert_eq!(refused(site.service(ServiceCommand::Start)), 1056);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 3));
}

#[test]
fn r023_a_backup_stops_the_executive_and_starts_again_what_ran() {
    let (a, a_journal) = probe("A", Plan::default());
    let (b, _) = probe("B", Plan { stop: Does::Hang, ..Plan::default() });
    let (c, _) = probe("C", Plan::default());
    let mut site = site([a, b, c]);
    site.control("C", Command::Stop).unwrap();
    let backup = site.ask(Ask::Backup).unwrap();
    let contract::control::Told::Accepted(backup) = backup else { panic!("{backup:?}") };
    site.advance(40 * SECOND).unwrap();

    assert_eq!(state(&mut site, "A").1, Some(Substate::Held), "query works");
    assert_eq!(refused(site.control("A", Command::Start)), 1055);
    assert_eq!(refused(site.service(ServiceCommand::Start)), 1055);
    site.send("A", Message::Word(1)).unwrap();

    assert_eq!(site.wait(backup.operation.unwrap(), 300 * SECOND).code, Code::OK);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(site.query("B").unwrap().last_exit, Some(Exit::Killed));
    assert_eq!(state(&mut site, "B").0, State::Running);
    assert_eq!(state(&mut site, "C").0, State::Stopped, "it was stopped before");
    assert_eq!(a_journal.take(), ["start 1 none", "stop", "start 2 none", "message 1"]);
}

#[test]
fn m01_messages_for_a_stopped_component_wait_and_are_delivered_once_in_order() {
    let (mut site, journal) = one(Plan::default());
    site.control("A", Command::Stop).unwrap();
    for number in 0..100 {
        site.send("A", Message::Word(number)).unwrap();
    }
    journal.take();
    site.control("A", Command::Start).unwrap();
    let expected: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
    assert_eq!(journal.take()[1..], expected);
}

#[test]
fn what_a_life_remembers_is_there_for_the_next_one_and_can_outlive_the_site() {
    let (mut site, _) = one(Plan::default());
    site.send("A", Message::Word(42)).unwrap();
    assert_eq!(site.kept().registries["A"]["last"], "42");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another_order() {
    let run = |seed| {
        let probes = (0..20).map(|number| {
            let plan = Plan { panics_on: Some(3), ..Plan::default() };
            probe(&format!("P{number}"), plan).0
        });
        let mut site = Site::primary("PS1")
            .components(probes)
            .lenient()
            .fixed_seed(seed)
            .shards(4)
            .start()
            .unwrap();
        for number in 0..5 {
            for name in 0..20 {
                site.order(&format!("P{name}"), Command::Pause).ok();
                site.send(&format!("P{name}"), Message::Word(number)).unwrap();
                site.order(&format!("P{name}"), Command::Continue).ok();
            }
            site.advance(SECOND).unwrap();
        }
        site.trace().join("\n")
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
