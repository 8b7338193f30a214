//! Lives, commands and crashes in virtual time: cases of lifecycle.md part 4, by number.

use std::time::Duration;

use crate::probe::{Does, Journal, Plan, probe, probe_with};
use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{Code, Command, Desired, Exit, Restart, Startup, State, Substate};
use contract::{Generation, Message, Registration};
use smsexec_sim::{Site, What};

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

/// The changes of `name`'s state: life, from, to, why.
fn changes(site: &Site, name: &str) -> Vec<String> {
    let about = site.events().iter().filter(|event| event.is_about(name));
    about
        .filter_map(|event| match &event.what {
            What::Changed { generation, from, to, substate, .. } => {
                let why = substate.map(|substate| format!(" {substate}")).unwrap_or_default();
                Some(format!("{generation} {from} -> {to}{why}"))
            }
            _ => None,
        })
        .collect()
}

fn refused(result: Result<contract::control::Accepted, contract::control::Refusal>) -> u32 {
    result.expect_err("it is refused").code.0
}

#[test]
fn l01_a_component_that_was_never_started_and_one_that_does_not_exist() {
    let (a, journal) = probe_with("A", Plan::default(), |d| d.startup = Startup::Manual);
    let mut site = site([a]);
    let status = site.query("a").unwrap();
    assert_eq!(status.state, State::Stopped);
    assert_eq!(status.substate, Some(Substate::NeverStarted));
    assert_eq!(status.exit_code, Code::NEVER_STARTED);
    assert_eq!(status.generation, Generation(0));
    assert!(journal.take().is_empty(), "none of its code has run");

    for command in Command::ALL {
        let refusal = site.control("AX", command).unwrap_err();
        assert_eq!(refusal.code, Code::DOES_NOT_EXIST);
        assert!(refusal.way_out.contains("did you mean A?"), "{refusal}");
    }
}

#[test]
fn l02_a_start_leads_through_start_pending_and_resolves_at_running() {
    let (a, journal) = probe_with("A", Plan::default(), |d| d.startup = Startup::Manual);
    let mut site = site([a]);
    site.control("A", Command::Start).unwrap();
    assert_eq!(changes(&site, "A"), ["1 Stopped -> Starting", "1 Starting -> Running"]);
    assert_eq!(journal.take(), ["start 1 none"]);
    let status = site.query("A").unwrap();
    assert_eq!((status.state, status.generation), (State::Running, Generation(1)));
    assert_eq!((status.checkpoint, status.wait_hint), (0, Duration::ZERO));
}

#[test]
fn l03_a_start_of_what_runs_or_is_paused_is_1056_and_changes_nothing() {
    let (mut site, journal) = one(Plan::default());
    site.allow_stranded();
    assert_eq!(refused(site.control("A", Command::Start)), 1056);
    site.control("A", Command::Pause).unwrap();
    site.send("A", Message::Word(1)).unwrap();
    assert_eq!(refused(site.control("A", Command::Start)), 1056);
    assert_eq!(state(&mut site, "A"), (State::Paused, None, 1));
    assert_eq!(journal.take(), ["start 1 none", "pause"], "nothing was dispatched");
}

#[test]
fn l04_a_stop_of_what_has_ended_is_1062_and_is_remembered() {
    let plan = Plan { exits_on: Some(9), ..Plan::default() };
    let (a, _) = probe_with("A", plan, |d| d.restart = Restart::Transient);
    let mut site = site([a]);
    site.send("A", Message::Word(9)).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Completed), 1));
    assert_eq!(refused(site.control("A", Command::Stop)), 1062);
    assert_eq!(site.query("A").unwrap().desired, Desired::Down);
}

#[test]
fn l06_a_second_stop_joins_the_first_and_both_resolve_together() {
    let plan = Plan { stop: Does::Checkpoints(3), ..Plan::default() };
    let (mut site, journal) = one(plan);
    let first = site.order("A", Command::Stop).unwrap();
    site.advance(SECOND).unwrap();
    let second = site.order("A", Command::Stop).unwrap();
    assert_eq!((first.code, second.code), (Code::OK, Code::CANNOT_ACCEPT_CONTROL));
    assert_eq!(first.operation, second.operation);
    let outcome = site.wait(first.operation.unwrap(), 60 * SECOND);
    assert_eq!(outcome.code, Code::OK);
    assert_eq!(journal.take(), ["start 1 none", "stop"], "the stop hook ran once");
}

#[test]
fn l08_messages_wait_while_it_is_paused_and_keep_their_order() {
    let (mut site, journal) = one(Plan::default());
    site.allow_stranded();
    site.control("A", Command::Pause).unwrap();
    for number in 0..10 {
        site.send("A", Message::Word(number)).unwrap();
    }
    site.advance(300 * SECOND).unwrap();
    assert_eq!(journal.take(), ["start 1 none", "pause"]);
    assert_eq!(site.query("A").unwrap().inbox, 10);
    site.control("A", Command::Continue).unwrap();
    let expected: Vec<String> = (0..10).map(|n| format!("message {n}")).collect();
    assert_eq!(journal.take()[1..], expected);
    assert_eq!(
        changes(&site, "A")[2..],
        [
            "1 Running -> Pausing",
            "1 Pausing -> Paused",
            "1 Paused -> Resuming",
            "1 Resuming -> Running"
        ]
    );

    site.control("A", Command::Pause).unwrap();
    site.send("A", Message::Word(10)).unwrap();
    site.control("A", Command::Stop).unwrap();
    let last = changes(&site, "A");
    assert_eq!(
        last[last.len() - 2..],
        ["1 Paused -> Stopping", "1 Stopping -> Stopped by operator"]
    );
    assert_eq!(site.query("A").unwrap().inbox, 1, "it is retained");
}

#[test]
fn l10_controls_are_answered_as_the_service_control_manager_does() {
    let plan = Plan { start: Does::Checkpoints(2), ..Plan::default() };
    let (a, journal) = probe_with("A", plan, |d| {
        d.pausable = false;
        d.controls = vec![130];
        d.startup = Startup::Manual;
    });
    let mut site = site([a]);
    let start = site.order("A", Command::Start).unwrap();
    assert_eq!(refused(site.control("A", Command::Custom(130))), 1061);
    site.wait(start.operation.unwrap(), 60 * SECOND);
    site.control("A", Command::Custom(130)).unwrap();
    site.advance(SECOND).unwrap();
    assert_eq!(refused(site.control("A", Command::Custom(127))), 87);
    assert_eq!(refused(site.control("A", Command::Custom(131))), 1052);
    assert_eq!(refused(site.control("A", Command::Pause)), 1052);
    site.control("A", Command::Stop).unwrap();
    assert_eq!(refused(site.control("A", Command::Custom(130))), 1062);
    assert_eq!(journal.take(), ["start 1 none", "control 130", "stop"]);
}

#[test]
fn t01_a_start_that_makes_progress_may_take_its_time() {
    let plan = Plan { start: Does::Checkpoints(200), ..Plan::default() };
    let (a, _) = probe_with("A", plan, |d| d.startup = Startup::Manual);
    let mut site = site([a]);
    let start = site.order("A", Command::Start).unwrap().operation.unwrap();
    let mut shown = 0;
    for _ in 0..29 {
        site.advance(10 * SECOND).unwrap();
        let status = site.query("A").unwrap();
        assert_eq!(status.state, State::StartPending);
        assert!(status.checkpoint > shown, "checkpoint {}", status.checkpoint);
        shown = status.checkpoint;
    }
    assert_eq!(site.wait(start, 60 * SECOND).code, Code::OK);
}

#[test]
fn t02_a_start_that_makes_none_is_ended_after_thirty_seconds() {
    let plan = Plan { start: Does::Hang, starts_from: Some(2), ..Plan::default() };
    let (a, _) = probe_with("A", plan, |d| d.startup = Startup::Manual);
    let mut site = site([a]);
    site.allow_crashes();
    let start = site.order("A", Command::Start).unwrap().operation.unwrap();
    let outcome = site.wait(start, 60 * SECOND);
    assert_eq!((outcome.code, site.clock().now.since_start()), (Code::START_HANG, 30 * SECOND));
    let status = site.query("A").unwrap();
    assert!(matches!(status.substate, Some(Substate::Backoff { .. })), "{status:?}");
    assert_eq!(status.last_exit, Some(Exit::StartHang));
    site.advance(Duration::from_millis(500)).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

#[test]
fn t04_a_stop_that_never_ends_is_ended_by_force() {
    let (mut site, _) = one(Plan { stop: Does::Hang, ..Plan::default() });
    let accepted = site.control("A", Command::Stop).unwrap();
    assert!(accepted.operation.is_some());
    assert!(site.clock().now.since_start() <= 32 * SECOND);
    let status = site.query("A").unwrap();
    assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::Operator)));
    assert_eq!((status.exit_code, status.last_exit), (Code::REQUEST_TIMEOUT, Some(Exit::Killed)));
    site.advance(3600 * SECOND).unwrap();
    assert_eq!(state(&mut site, "A").2, 1, "it is not restarted");
}

#[test]
fn t06_a_pause_that_never_ends_holds_up_nobody() {
    let (a, _) = probe("A", Plan { pause: Does::Hang, ..Plan::default() });
    let (b, _) = probe("B", Plan::default());
    let mut site = site([a, b]);
    let pause = site.order("A", Command::Pause).unwrap().operation.unwrap();
    site.control("B", Command::Pause).unwrap();
    assert_eq!(site.clock().now.since_start(), Duration::ZERO, "B was not delayed");
    assert_eq!(site.wait(pause, 60 * SECOND).code, Code::REQUEST_TIMEOUT);
    assert_eq!(site.clock().now.since_start(), 30 * SECOND);
    assert_eq!(state(&mut site, "A").0, State::PausePending);
    site.control("A", Command::Stop).unwrap();
    assert_eq!(state(&mut site, "A").0, State::Stopped);
}

#[test]
fn r01_a_stop_while_starting_is_final_where_the_start_can_be_cancelled() {
    for cancellable in [true, false] {
        let plan = Plan { start: Does::Checkpoints(4), ..Plan::default() };
        let (a, _) = probe_with("A", plan, |d| {
            d.startup = Startup::Manual;
            d.cancellable_start = cancellable;
        });
        let mut site = site([a]);
        let start = site.order("A", Command::Start).unwrap().operation.unwrap();
        site.advance(SECOND).unwrap();
        if cancellable {
            site.control("A", Command::Stop).unwrap();
            assert_eq!(site.wait(start, SECOND).code, Code::CANCELLED);
            assert!(changes(&site, "A").iter().all(|change| !change.contains("Running")));
        } else {
            assert_eq!(refused(site.control("A", Command::Stop)), 1061);
            assert_eq!(site.wait(start, 60 * SECOND).code, Code::OK);
            site.control("A", Command::Stop).unwrap();
        }
        assert_eq!(state(&mut site, "A").0, State::Stopped);
    }
}

#[test]
fn r03_a_stop_that_panics_is_a_stop() {
    let (mut site, _) = one(Plan { stop: Does::Panic, ..Plan::default() });
    site.allow_crashes();
    site.control("A", Command::Stop).unwrap();
    site.advance(3600 * SECOND).unwrap();
    let status = site.query("A").unwrap();
    assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::Operator)));
    assert_eq!((status.exit_code, status.crashes), (Code::EXCEPTION, 0));
}

#[test]
fn r07_a_stop_overtakes_a_restart_and_two_restarts_are_one() {
    let plan = Plan { stop: Does::Checkpoints(2), ..Plan::default() };
    let (mut site, _) = one(plan);
    let restart = site.order("A", Command::Restart).unwrap().operation.unwrap();
    site.control("A", Command::Stop).unwrap();
    assert_eq!(site.wait(restart, SECOND).code, Code::CANCELLED);
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Operator), 1));

    site.control("A", Command::Start).unwrap();
    let first = site.order("A", Command::Restart).unwrap().operation.unwrap();
    let second = site.order("A", Command::Restart).unwrap().operation.unwrap();
    assert_eq!(first, second);
    assert_eq!(site.wait(first, 60 * SECOND).code, Code::OK);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 3));
}

#[test]
fn r08_a_start_cuts_a_backoff_short_and_the_timer_starts_nothing_more() {
    let (mut site, _) = one(Plan { panics_on: Some(1), ..Plan::default() });
    site.allow_crashes();
    site.allow_stranded();
    site.send("A", Message::Word(1)).unwrap();
    assert!(matches!(state(&mut site, "A").1, Some(Substate::Backoff { .. })));
    site.control("A", Command::Stop).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Operator), "a stop cancels it");

    let (mut site, _) = one(Plan { start: Does::Panic, starts_from: Some(2), ..Plan::default() });
    site.allow_crashes();
    site.control("A", Command::Start).unwrap();
    assert_eq!(site.clock().now.since_start(), Duration::ZERO);
    site.advance(3600 * SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

#[test]
fn p01_a_start_that_panics_fails_its_operation_and_is_tried_again() {
    let plan = Plan { start: Does::Panic, starts_from: Some(2), ..Plan::default() };
    let (a, _) = probe_with("A", plan, |d| d.startup = Startup::Manual);
    let mut site = site([a]);
    site.allow_crashes();
    let refusal = site.control("A", Command::Start).unwrap_err();
    assert_eq!(refusal.code, Code::EXCEPTION);
    assert!(refusal.reason.contains("start panics"), "{refusal}");
    assert_eq!(changes(&site, "A")[1], "1 Starting -> Stopped waiting to restart");
    site.advance(Duration::from_millis(499)).unwrap();
    assert_eq!(state(&mut site, "A").0, State::Stopped);
    site.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

#[test]
fn p02_a_message_that_panics_once_is_delivered_again_before_the_next() {
    // Panics in every life, so the third failure sets it aside: M02's first half.
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
fn p03_a_drop_that_panics_is_survived() {
    let (mut site, _) = one(Plan { drop_panics: true, ..Plan::default() });
    site.allow_crashes();
    site.control("A", Command::Stop).unwrap();
    assert_eq!(state(&mut site, "A").0, State::Stopped);
    site.control("A", Command::Start).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

#[test]
fn p06_a_component_that_is_not_applicable_is_no_failure() {
    let (a, _) = probe("A", Plan { start: Does::Ignore, ..Plan::default() });
    let (b, _) = probe("B", Plan::default());
    let mut site = site([a, b]);
    site.advance(3600 * SECOND).unwrap();
    let status = site.query("A").unwrap();
    assert_eq!((status.substate, status.crashes), (Some(Substate::Ignored), 0));
    assert_eq!(status.last_exit, Some(Exit::Ignore("no such role here".into())));
    assert_eq!(state(&mut site, "B").0, State::Running);
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
