//! Groups (lifecycle.md 3.3), and what a failure means for those that depend on it (3.11),
//! beyond cases S05, S06 and X07.

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{
    Budget, Code, Command, CommandOptions, Escalate, Exit, Group, Restart, Startup, State,
    Strategy, Substate,
};
use contract::{Descriptor, Message};
use smsexec_sim::probe::{Does, Probe};
use smsexec_sim::{Site, What};

use crate::seen::{
    HOUR, MINUTE, SECOND, changes_from, crash, life, lives, now, operation, refused, reporters,
    service, site, starts_from, starts_panic, state, thirteen_panics_once, with,
};

const ABC: [&str; 3] = ["A", "B", "C"];

fn grouped(strategy: Strategy, probes: [Probe; 3]) -> Site {
    let (site, _) = with(probes);
    site.group(Group::new("g", strategy, ABC)).start().expect("the site starts")
}

fn three() -> [Probe; 3] {
    ABC.map(Probe::new)
}

#[track_caller]
fn assert_run(site: &mut Site, lives: [u64; 3]) {
    for (name, expected) in ABC.into_iter().zip(lives) {
        assert_eq!(state(site, name), (State::Running, None, expected), "{name}");
    }
}

#[test]
fn a_group_is_stopped_started_and_restarted_by_command() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let mut site = grouped(strategy, three());
        let from = site.events().len();
        site.stop("group:g").unwrap();
        let stops = ["C", "B", "A"].map(|name| {
            let stops = format!("{name} 1 Running -> Stopping");
            [stops, format!("{name} 1 Stopping -> Stopped by operator")]
        });
        assert_eq!(changes_from(&site, from), stops.concat(), "the last one first");

        site.start("GROUP:G").unwrap();
        assert_run(&mut site, [2; 3]);
        let begun: Vec<String> = changes_from(&site, from)
            .into_iter()
            .filter(|change| change.ends_with("Starting") || change.ends_with("Running"))
            .collect();
        let starts = ABC.map(|name| {
            let starts = format!("{name} 2 Stopped -> Starting");
            [starts, format!("{name} 2 Starting -> Running")]
        });
        assert_eq!(begun, starts.concat(), "each when the one before it runs");
        site.restart("group:g").unwrap();
        assert_run(&mut site, [3; 3]);
    }
}

#[test]
fn a_group_refuses_as_a_component_does() {
    let mut site = grouped(Strategy::OneForAll, three());
    assert_eq!(refused(site.start("group:g")), 1056);
    assert_eq!(refused(site.pause("group:g")), 1052);
    let refusal = site.restart("group:h").unwrap_err();
    assert_eq!((refusal.code.0, refusal.way_out.as_str()), (1060, "there are g"));
    site.stop("group:g").unwrap();
    assert_eq!(refused(site.stop("group:g")), 1062);
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(refused(site.start("group:g")), 1115);
}

#[test]
fn a_later_command_takes_the_place_of_one_that_is_under_way() {
    let slow = Does::Checkpoints(4);
    let mut site = grouped(Strategy::OneForAll, ABC.map(|name| Probe::new(name).stop(slow)));
    let restart = operation(&mut site, "group:g", Command::Restart);
    site.advance(8 * SECOND).unwrap();
    site.stop("group:g").unwrap();
    assert_eq!(site.wait(restart, SECOND).code, Code::CANCELLED);
    for name in ABC {
        assert_eq!(state(&mut site, name), (State::Stopped, Some(Substate::Operator), 1));
    }
}

#[test]
fn a_restart_does_not_bring_back_what_is_temporary_or_was_stopped() {
    let [a, b, c] = three();
    let b = b.declares(|b| b.restart = Restart::Temporary);
    let mut site = grouped(Strategy::OneForAll, [a, b, c]);
    site.stop("C").unwrap();
    crash(&mut site, "A");
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    // It was stopped with the others, and nothing more is to come of it.
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Completed), 1));
    assert_eq!(state(&mut site, "C"), (State::Stopped, Some(Substate::Operator), 1));

    // An operator's restart brings the temporary one back, and not what an operator stopped.
    site.restart("group:g").unwrap();
    assert_eq!(lives(&mut site, ["A", "B", "C"]), [3, 2, 1]);
    // A crash of a temporary one is nobody else's affair.
    crash(&mut site, "B");
    site.allow_stranded();
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Failed), 2));
    assert_eq!(life(&mut site, "A"), 3);
}

#[test]
fn a_member_that_is_stopped_for_its_group_is_no_mishap() {
    let mut site = grouped(Strategy::OneForAll, three());
    crash(&mut site, "A");
    site.advance(MINUTE).unwrap();
    assert_run(&mut site, [2; 3]);
    assert_eq!(reporters(&mut site, status::ids::COMPONENT_RESTARTS), ["A"]);
    assert_eq!(reporters(&mut site, status::ids::COMPONENT_STOPPED), ["C", "B"]);
}

#[test]
fn a_member_that_an_operator_stops_meanwhile_stays_stopped() {
    let mut site = grouped(Strategy::OneForAll, three());
    crash(&mut site, "A");
    site.stop("B").unwrap();
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Operator), 1));
    assert_eq!(lives(&mut site, ["A", "C"]), [2, 2]);
}

#[test]
fn a_start_of_a_member_cuts_the_delay_of_the_whole_group_short() {
    let mut site = grouped(Strategy::OneForAll, three());
    crash(&mut site, "C");
    let begin = now(&site);
    site.start("B").unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(now(&site), begin);
    assert_run(&mut site, [2; 3]);
    site.advance(HOUR).unwrap();
    assert_run(&mut site, [2; 3]);
}

#[test]
fn a_group_that_has_failed_is_forgiven_when_a_person_starts_it() {
    let (probes, _) = with(three());
    let budget = Budget { crashes: 1, period: HOUR };
    let group = Group { budget, ..Group::new("g", Strategy::OneForAll, ABC) };
    let mut site = probes.group(group).start().unwrap();
    let _guard = thirteen_panics_once(&mut site, "B");
    let crash = |site: &mut Site| {
        site.send("B", Message::Word(13)).unwrap();
        site.advance(MINUTE).unwrap();
    };
    crash(&mut site);
    assert_run(&mut site, [2; 3]);
    crash(&mut site);
    for name in ABC {
        assert_eq!(state(&mut site, name), (State::Stopped, Some(Substate::Failed), 2), "{name}");
    }
    let failed = |m: &contract::status::StatusRecord| m.message.id == status::ids::COMPONENT_FAILED;
    let texts: Vec<String> = site.messages().into_iter().filter(failed).map(|m| m.text).collect();
    assert_eq!(texts.len(), 1, "the others were only stopped\n{texts:?}");
    assert!(texts[0].contains("more than 1 times within 1h"), "the group's budget\n{texts:?}");
    site.start("group:g").unwrap();
    assert_run(&mut site, [3; 3]);
    crash(&mut site);
    assert_run(&mut site, [4; 3]);
    crash(&mut site);
    assert_eq!(state(&mut site, "A").1, Some(Substate::Failed));

    // Each by itself, too.
    for name in ABC {
        site.start(name).unwrap();
    }
    crash(&mut site);
    assert_run(&mut site, [6; 3]);
}

#[test]
fn a_member_that_fails_to_start_waits_out_its_delays_under_every_strategy() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let mut site = grouped(strategy, three());
        site.stop("group:g").unwrap();
        site.advance(SECOND).unwrap();
        let guard = starts_panic(&mut site, "B");
        let begin = now(&site);
        site.order("group:g", Command::Start).unwrap();
        site.advance(5 * SECOND).unwrap();
        assert_eq!(starts_from(&site, begin, "B"), [0.0, 0.5, 1.5, 3.5], "{strategy}");
        drop(guard);
        site.advance(MINUTE).unwrap();
        assert_eq!(life(&mut site, "B"), 6, "{strategy}");
        for name in ABC {
            assert_eq!(state(&mut site, name).0, State::Running, "{name} {strategy}");
        }
    }
}

#[test]
fn those_behind_a_significant_member_that_has_failed_do_not_start() {
    for significant in [false, true] {
        let [a, b, c] = three();
        let b = b.declares(|b| {
            (b.restart, b.significant) = (Restart::Temporary, significant);
        });
        let mut site = grouped(Strategy::RestForOne, [a, b, c]);
        site.stop("group:g").unwrap();
        let _guard = starts_panic(&mut site, "B");
        let start = operation(&mut site, "group:g", Command::Start);
        let outcome = site.wait(start, MINUTE);
        assert_eq!(state(&mut site, "A").0, State::Running);
        assert_eq!(state(&mut site, "B").1, Some(Substate::Failed));
        if significant {
            assert_eq!(outcome.code, Code::DEPENDENCY_FAIL);
            assert_eq!(state(&mut site, "C"), (State::Stopped, Some(Substate::Failed), 1));
        } else {
            assert_eq!(outcome.code, Code::EXCEPTION, "as B ended");
            assert_eq!(state(&mut site, "C"), (State::Running, None, 2));
        }
    }
}

#[test]
fn a_member_that_has_failed_restarts_its_group_if_it_escalates_and_fails_it_in_the_end() {
    let [a, b, c] = three();
    let b = b.declares(|b| {
        b.escalate = Escalate::Group;
        b.budget = Budget { crashes: 1, period: HOUR };
    });
    let (probes, _) = with([a, b, c]);
    let budget = Budget { crashes: 2, period: HOUR };
    let group = Group { budget, ..Group::new("g", Strategy::OneForOne, ABC) };
    let mut site = probes.group(group).start().unwrap();
    let _guard = thirteen_panics_once(&mut site, "B");
    let crash = |site: &mut Site| {
        site.send("B", Message::Word(13)).unwrap();
        site.advance(MINUTE).unwrap();
        lives(site, ABC)
    };
    // Within its own budget it restarts alone; beyond it, with all, at the group's charge.
    assert_eq!(crash(&mut site), [1, 2, 1]);
    assert_eq!(crash(&mut site), [2, 3, 2]);
    assert_eq!(crash(&mut site), [2, 4, 2]);
    assert_eq!(crash(&mut site), [3, 5, 3]);
    assert_eq!(crash(&mut site), [3, 6, 3]);
    assert_eq!(crash(&mut site), [3, 6, 3], "the group's budget is spent");
    site.allow_stranded();
    assert_eq!(state(&mut site, "B").1, Some(Substate::Failed));
    assert_eq!(state(&mut site, "A").0, State::Running, "the others go on");
    assert_eq!(reporters(&mut site, status::ids::GROUP_FAILED).len(), 1);
}

#[test]
fn a_stop_of_the_executive_ends_a_run_of_a_group() {
    let slow = Does::Checkpoints(4);
    let mut site = grouped(Strategy::OneForAll, ABC.map(|name| Probe::new(name).start(slow)));
    let restart = operation(&mut site, "group:g", Command::Restart);
    site.advance(SECOND).unwrap();
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(site.wait(restart, SECOND).code, Code::CANCELLED);
    site.skip_events();
    site.expect_silence(HOUR, |event| matches!(event.what, What::Changed { .. }));
    assert_eq!(service(&mut site).exit_status, Some(0));
    site.service(ServiceCommand::Start).unwrap();
    for name in ABC {
        assert_eq!(state(&mut site, name).0, State::Running, "{name}");
    }
}

#[test]
fn a_run_that_waits_for_a_delay_ends_with_a_stop_of_the_executive_at_once() {
    let mut site = grouped(Strategy::OneForAll, three());
    let guard = starts_panic(&mut site, "B");
    let restart = operation(&mut site, "group:g", Command::Restart);
    site.run_to_rest().unwrap();
    let begin = now(&site);
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(site.wait(restart, SECOND).code, Code::CANCELLED);
    assert_eq!(now(&site), begin);
    drop(guard);
    site.service(ServiceCommand::Start).unwrap();
    site.advance(HOUR).unwrap();
    assert_eq!(lives(&mut site, ["A", "B", "C"]), [3, 3, 2], "no more than once");
}

/// B requires A, C only depends on it.
fn requiring() -> Site {
    let [a, b, c] = three();
    let b = b.declares(|b: &mut Descriptor| b.requires = vec!["A".into()]);
    let c = c.declares(|c: &mut Descriptor| c.depends_on = vec!["A".into()]);
    site([a, b, c]).0
}

#[test]
fn what_requires_a_component_is_not_touched_by_a_quick_restart_of_it() {
    let mut site = requiring();
    crash(&mut site, "A");
    site.advance(MINUTE).unwrap();
    assert_run(&mut site, [2, 1, 1]);
}

#[test]
fn what_requires_a_component_that_has_failed_is_stopped_and_has_failed_too() {
    let mut site = requiring();
    let guard = starts_panic(&mut site, "A");
    site.order("A", Command::Restart).unwrap();
    let from = site.events().len();
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Failed));
    let others: Vec<String> =
        changes_from(&site, from).into_iter().filter(|change| !change.starts_with('A')).collect();
    assert_eq!(others, ["B 1 Running -> Stopping", "B 1 Stopping -> Stopped failed"]);
    let b = site.query("B").unwrap();
    assert_eq!(b.last_exit, Some(Exit::Dependency("A".into())));
    assert_eq!((b.exit_code.0, b.crashes), (1068, 0), "no crash of its own");
    assert_eq!(refused(site.start("B")), 1068);

    drop(guard);
    site.start("A").unwrap();
    site.advance(HOUR).unwrap();
    assert_eq!(life(&mut site, "B"), 1, "it needs a person");
    site.start("B").unwrap();
    assert_eq!(state(&mut site, "C"), (State::Running, None, 1), "it only depends on A");
}

#[test]
fn a_start_takes_what_it_depends_on_along_and_fails_with_it() {
    let [a, b, _] = three();
    let b = b.manual().declares(|b| b.depends_on = vec!["A".into()]);
    let (mut site, _) = site([a.manual(), b]);
    site.start("B").unwrap();
    assert_eq!(lives(&mut site, ["A", "B"]), [1, 1]);
    site.stop("B").unwrap();
    site.stop("A").unwrap();

    let _guard = starts_panic(&mut site, "A");
    let start = operation(&mut site, "B", Command::Start);
    site.run_to_rest().unwrap();
    let b = site.query("B").unwrap();
    assert_eq!((b.state, b.waits_for), (State::StartPending, vec!["A".to_owned()]));
    assert_eq!(site.wait(start, MINUTE).code, Code::DEPENDENCY_FAIL);
    assert_eq!(state(&mut site, "B").1, Some(Substate::Failed));
    assert_eq!(now(&site).as_secs_f64(), 15.5, "when A has failed, and no sooner");
}

const DEPENDENTS: CommandOptions =
    CommandOptions { queue: false, dependents: true, persist: false, force: false };
const PERSIST: CommandOptions =
    CommandOptions { queue: false, dependents: false, persist: true, force: false };

/// A group of A and B, and C, which is not in it and depends on A.
fn with_an_outsider() -> Site {
    let [a, b, c] = three();
    let c = c.stop(Does::Checkpoints(2)).declares(|c| c.depends_on = vec!["A".into()]);
    let (site, _) = with([a, b, c]);
    site.group(Group::new("g", Strategy::OneForAll, ["A", "B"])).start().unwrap()
}

#[test]
fn a_stop_of_a_group_is_refused_while_others_depend_on_it_unless_they_go_first() {
    let mut site = with_an_outsider();
    let refusal = site.stop("group:g").unwrap_err();
    assert_eq!((refusal.code, &*refusal.subject), (Code::DEPENDENTS_RUNNING, "group:g"));
    assert!(refusal.reason.ends_with(": C"), "{refusal}");

    let from = site.events().len();
    let stop = site.order_with("group:g", Command::Stop, DEPENDENTS).unwrap().operation.unwrap();
    assert_eq!(site.wait(stop, MINUTE).code, Code::OK);
    let stopped: Vec<String> = changes_from(&site, from)
        .into_iter()
        .filter(|change| change.ends_with("by operator"))
        .map(|change| change[..1].to_owned())
        .collect();
    assert_eq!(stopped, ["B", "C", "A"], "B, which nothing depends on, need not wait for C");
}

#[test]
fn a_stop_of_a_group_that_is_down_is_refused_and_remembered() {
    let mut site = grouped(Strategy::OneForAll, three().map(|probe| probe.stop(Does::Well)));
    site.stop("group:g").unwrap();
    assert_eq!(refused(site.order_with("group:g", Command::Stop, PERSIST)), 1062);
    site.service(ServiceCommand::Restart).unwrap();
    for name in ABC {
        assert_eq!(state(&mut site, name), (State::Stopped, Some(Substate::Operator), 1), "{name}");
    }
}

#[test]
fn a_start_of_a_group_starts_what_its_members_depend_on() {
    let [a, b, c] = three();
    let b = b.manual().declares(|b| b.depends_on = vec!["C".into()]);
    let (site, _) = with([a, b, c.manual()]);
    let mut site = site.group(Group::new("g", Strategy::OneForAll, ["A", "B"])).start().unwrap();
    site.start("group:g").unwrap();
    assert_run(&mut site, [1, 1, 1]);
}

#[test]
fn a_start_of_a_group_with_nothing_that_can_be_started_says_why() {
    let mut site = grouped(Strategy::OneForAll, three());
    for name in ABC {
        site.stop(name).unwrap();
        site.ask(Ask::SetStartup { component: name.into(), startup: Startup::Disabled }).unwrap();
    }
    let refusal = site.start("group:g").unwrap_err();
    assert_eq!((refusal.code, &*refusal.subject), (Code::DISABLED, "A"));
}

#[test]
fn a_member_that_is_started_while_its_group_is_stopped_stays_up() {
    let slow = Does::Checkpoints(4);
    let [a, b, c] = three();
    let mut site = grouped(Strategy::OneForAll, [a, b, c.stop(slow)]);
    let stop = site.order("group:g", Command::Stop).unwrap().operation.unwrap();
    // B crashes before its turn, and is started by hand.
    site.allow_crashes();
    let _guard = thirteen_panics_once(&mut site, "B");
    site.send("B", Message::Word(13)).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Operator), 1));
    site.start("B").unwrap();
    assert_eq!(site.wait(stop, MINUTE).code, Code::OK);
    assert_eq!(
        ABC.map(|name| state(&mut site, name).0),
        [State::Stopped, State::Running, State::Stopped]
    );
}

#[test]
fn a_group_in_an_order_that_its_dependencies_contradict_is_refused() {
    let [a, b, c] = three();
    let a = a.declares(|a| a.depends_on = vec!["C".into()]);
    let c = c.declares(|c| c.depends_on = vec!["B".into()]);
    let (site, _) = with([a, b, c]);
    let refusal = site.group(Group::new("g", Strategy::OneForAll, ["A", "B"])).start().unwrap_err();
    assert_eq!(refusal.code, Code::CIRCULAR_DEPENDENCY, "A waits for C, C for B, and B for A");
    assert!(refusal.reason.contains("the order of a group"), "{refusal}");
}

#[test]
fn a_chain_of_dependencies_may_be_as_long_as_it_likes() {
    const LONG: usize = 2_000;
    let name = |index: usize| format!("L{index}");
    let links = (0..LONG).map(|index| {
        let probe = Probe::new(&*name(index)).manual();
        let on = index.checked_sub(1).map(name);
        probe.declares(|probe| probe.depends_on.extend(on.map(Into::into))).build().0
    });
    let mut site = Site::primary("PS1").components(links).start().unwrap();
    let (first, last) = (name(0), name(LONG - 1));
    let running = |site: &mut Site| service(site).running;
    site.start(&last).unwrap();
    assert_eq!(running(&mut site), LONG as u64, "it takes all others along");
    let stop = site.order_with(&first, Command::Stop, DEPENDENTS).unwrap().operation.unwrap();
    assert_eq!(site.wait(stop, MINUTE).code, Code::OK);
    assert_eq!(running(&mut site), 0);
    let _guard = starts_panic(&mut site, "L0");
    let start = site.order(&last, Command::Start).unwrap().operation.unwrap();
    assert_eq!(site.wait(start, MINUTE).code, Code::DEPENDENCY_FAIL, "one after the other");
}
