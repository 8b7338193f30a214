//! What storms have found, as cases of its own: each failed before it was mended.

use contract::Message;
use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{Code, Command, Desired, Group, Restart, State, Strategy, Substate};
use smsexec_sim::Site;
use smsexec_sim::probe::{Act, Does, Probe};

use crate::seen::{MINUTE, SECOND, checked, life, operation, slow, state};

/// These probes in a group, in a site that checks every event.
fn grouped<const N: usize>(strategy: Strategy, probes: [Probe; N]) -> Site {
    let group = Group::new("g", strategy, ["A", "B"].into_iter().take(N));
    checked(probes).0.group(group).start().expect("the site starts")
}

#[test]
fn a_hold_that_ends_while_its_component_is_stopping_brings_it_back() {
    let mut site = checked([slow("A")]).0.start().unwrap();
    site.ask(Ask::Hold { component: "A".into(), lease: MINUTE }).unwrap();
    site.advance(SECOND).unwrap();
    site.ask(Ask::Release { component: "A".into() }).unwrap();
    site.advance(10 * SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

#[test]
fn a_pause_comes_too_late_for_what_the_executives_stop_will_reach() {
    let leaf = slow("B").declares(|d| d.depends_on.push("A".into()));
    let mut site = checked([Probe::new("A").pause(Does::Hang), leaf]).0.start().unwrap();
    site.ask(Ask::Service(ServiceCommand::Stop)).unwrap();
    let refusal = site.order("A", Command::Pause).unwrap_err();
    assert_eq!(refusal.code, Code::CANNOT_ACCEPT_CONTROL);
    site.advance(MINUTE).unwrap();
    assert_eq!(site.query("A").unwrap().state, State::Stopped);
}

#[test]
fn a_start_of_a_group_takes_the_place_of_a_stop_under_way() {
    let mut site = grouped(Strategy::OneForAll, [slow("A"), slow("B")]);
    site.order("group:g", Command::Stop).unwrap();
    site.advance(SECOND).unwrap();
    let start = operation(&mut site, "group:g", Command::Start);
    assert_eq!(site.wait(start, MINUTE).code, Code::OK);
    for name in ["A", "B"] {
        let status = site.query(name).unwrap();
        assert_eq!((status.state, status.desired), (State::Running, Desired::Up), "{name}");
    }
    site.check_invariants();
}

#[test]
fn a_temporary_member_that_goes_down_with_its_group_has_not_been_stopped_by_an_operator() {
    let temporary = Probe::new("B").declares(|d| d.restart = Restart::Temporary);
    let mut site = grouped(Strategy::OneForAll, [Probe::new("A").on(1, Act::Panic), temporary]);
    site.send("A", Message::Word(1)).unwrap();
    site.advance(SECOND).unwrap();
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Completed), 1));
    site.check_invariants();
}

#[test]
fn a_member_that_ends_in_its_start_is_started_again_with_its_delay() {
    let mut site = grouped(Strategy::OneForOne, [Probe::new("A").start(Does::Exit).manual()]);
    site.order("group:g", Command::Start).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(life(&mut site, "A"), 1);
    site.advance(SECOND / 2).unwrap();
    assert_eq!(life(&mut site, "A"), 2);
}

#[test]
fn what_a_life_sends_does_not_overtake_what_was_kept_of_an_earlier_process() {
    let sender = Probe::new("A").on(1, Act::Send("B", 2));
    let (site, [_, journal]) = checked([sender, Probe::new("B")]);
    let mut site = site.shards(1).start().unwrap();
    site.pause("B").unwrap();
    site.send("A", Message::Word(1)).unwrap();
    journal.take();
    site.kill();
    site.start_again().unwrap();
    assert_eq!(journal.take(), ["start 2", "message 2"]);
    site.check_invariants();
}

#[test]
fn a_start_of_what_has_ended_while_its_group_restarts_is_not_passed_over() {
    let ends = Probe::new("A").on(9, Act::Exit).declares(|d| d.restart = Restart::Transient);
    let mut site = grouped(Strategy::OneForAll, [ends, slow("B")]);
    site.order("group:g", Command::Restart).unwrap();
    site.advance(SECOND).unwrap();
    site.send("A", Message::Word(9)).unwrap();
    assert_eq!(site.query("A").unwrap().substate, Some(Substate::Completed));
    let start = operation(&mut site, "A", Command::Start);
    assert_eq!(site.wait(start, MINUTE).code, Code::OK);
    assert_eq!(site.query("A").unwrap().state, State::Running);
}
