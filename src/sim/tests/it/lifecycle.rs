//! Lives, commands and crashes in virtual time: what the cases of the conformance kit do not ask.

use std::time::Duration;

use crate::probe::{Journal, Plan, probe, probe_with};
use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{Command, State, Substate};
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
fn a_setting_that_is_reloaded_takes_effect_at_once() {
    let (a, a_journal) = probe_with("A", Plan::default(), |d| d.start_only = vec!["probe.color"]);
    let (b, b_journal) = probe_with("B", Plan::default(), |d| d.reloads = vec!["probe.color"]);
    let (c, c_journal) = probe("C", Plan::default());
    let mut site = site([a, b, c]);
    site.ask(Ask::Set { key: "probe.color".into(), value: "red".into() }).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(a_journal.take(), ["start 1 none"], "not before its next start");
    assert_eq!(b_journal.take(), ["start 1 none", "changed red"]);
    assert_eq!(c_journal.take(), ["start 1 none"], "it is none of its own");
}

#[test]
fn a_service_command_that_does_not_fit_is_refused() {
    let mut site = site([probe("A", Plan::default()).0]);
    assert_eq!(refused(site.service(ServiceCommand::Start)), 1056);
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(refused(site.control("A", Command::Start)), 1115);
    assert_eq!(refused(site.service(ServiceCommand::Stop)), 1062);
    site.service(ServiceCommand::Start).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
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
