//! Lives, commands and crashes in virtual time: what the cases of the conformance kit do not ask.

use contract::Message;
use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{Command, State, Substate};
use smsexec_sim::Site;
use smsexec_sim::probe::{Act, Probe};

use crate::seen::{HOUR, MINUTE, SECOND, refused, site, state};

#[test]
fn a_stop_cancels_a_backoff() {
    let (mut site, _) = site([Probe::new("A").on(1, Act::Panic)]);
    site.allow_crashes();
    site.allow_stranded();
    site.send("A", Message::Word(1)).unwrap();
    assert!(matches!(state(&mut site, "A").1, Some(Substate::Backoff { .. })));
    site.control("A", Command::Stop).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Operator));
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "A").2, 1, "it is not restarted");
}

/// M02's first half; the conformance kit has P02 itself, where it panics once.
#[test]
fn p02_a_message_that_panics_in_every_life_is_set_aside_before_the_next() {
    let (mut site, [journal, _]) = site([Probe::new("A").on(3, Act::Panic), Probe::new("B")]);
    site.allow_crashes();
    site.control("A", Command::Pause).unwrap();
    for number in 1..=5 {
        site.send("A", Message::Word(number)).unwrap();
    }
    site.control("A", Command::Continue).unwrap();
    site.advance(MINUTE).unwrap();
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
    let color = "probe.color";
    let [a, b, c] = ["A", "B", "C"].map(|name| Probe::new(name).shows(color));
    let a = a.declares(|d| d.start_only = vec![color]);
    let b = b.declares(|d| d.reloads = vec![color]);
    let (mut site, [a, b, c]) = site([a, b, c]);
    site.ask(Ask::Set { key: color.into(), value: "red".into() }).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(a.take(), ["start 1 none"], "not before its next start");
    assert_eq!(b.take(), ["start 1 none", "changed red"]);
    assert_eq!(c.take(), ["start 1 none"], "it is none of its own");
}

#[test]
fn a_service_command_that_does_not_fit_is_refused() {
    let (mut site, _) = site([Probe::new("A")]);
    assert_eq!(refused(site.service(ServiceCommand::Start)), 1056);
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(refused(site.control("A", Command::Start)), 1115);
    assert_eq!(refused(site.service(ServiceCommand::Stop)), 1062);
    site.service(ServiceCommand::Start).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

#[test]
fn what_a_life_remembers_is_there_for_the_next_one_and_can_outlive_the_site() {
    let (mut site, _) = site([Probe::new("A")]);
    site.send("A", Message::Word(42)).unwrap();
    assert_eq!(site.kept().registries["A"]["last"], "42");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another_order() {
    let run = |seed| {
        let probe = |number| Probe::new(format!("P{number}")).on(3, Act::Panic).build().0;
        let mut site = Site::primary("PS1")
            .components((0..20).map(probe))
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
