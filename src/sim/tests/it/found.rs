//! What storms have found, as cases of its own: each failed before it was mended.

use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand, Told};
use contract::lifecycle::{Code, Command, Desired, Group, Restart, State, Strategy, Substate};
use contract::{Message, OpId, Registration};
use smsexec_sim::probe::{Act, Does, Probe};
use smsexec_sim::{Site, SiteBuilder};

const SECOND: Duration = Duration::from_secs(1);

fn site(components: impl IntoIterator<Item = Registration>) -> SiteBuilder {
    Site::primary("PS1").components(components).lenient().checked()
}

fn named(name: &str) -> Probe {
    Probe::new(name)
}

fn operation(told: Told) -> OpId {
    match told {
        Told::Accepted(accepted) => accepted.operation.expect("there is something to wait for"),
        told => panic!("it is accepted, told {told:?}"),
    }
}

#[test]
fn a_hold_that_ends_while_its_component_is_stopping_brings_it_back() {
    let (a, _) = named("A").stop(Does::Checkpoints(4)).build();
    let mut site = site([a]).start().unwrap();
    site.ask(Ask::Hold { component: "A".into(), lease: 60 * SECOND }).unwrap();
    site.advance(SECOND).unwrap();
    site.ask(Ask::Release { component: "A".into() }).unwrap();
    site.advance(10 * SECOND).unwrap();
    let status = site.query("A").unwrap();
    assert_eq!((status.state, status.generation.0), (State::Running, 2));
}

#[test]
fn a_pause_comes_too_late_for_what_the_executives_stop_will_reach() {
    let (a, _) = named("A").pause(Does::Hang).build();
    let leaf = named("B").stop(Does::Checkpoints(4));
    let (b, _) = leaf.declares(|d| d.depends_on.push("A".into())).build();
    let mut site = site([a, b]).start().unwrap();
    site.ask(Ask::Service(ServiceCommand::Stop)).unwrap();
    let refusal = site.order("A", Command::Pause).unwrap_err();
    assert_eq!(refusal.code, Code::CANNOT_ACCEPT_CONTROL);
    site.advance(60 * SECOND).unwrap();
    assert_eq!(site.query("A").unwrap().state, State::Stopped);
}

#[test]
fn a_start_of_a_group_takes_the_place_of_a_stop_under_way() {
    let slow = |name| named(name).stop(Does::Checkpoints(4)).build().0;
    let group = Group::new("g", Strategy::OneForAll, ["A", "B"]);
    let mut site = site([slow("A"), slow("B")]).group(group).start().unwrap();
    let control = |command| {
        let (component, options) = ("group:g".to_owned(), Default::default());
        Ask::Control { component, command, options }
    };
    site.ask(control(Command::Stop)).unwrap();
    site.advance(SECOND).unwrap();
    let start = operation(site.ask(control(Command::Start)).unwrap());
    assert_eq!(site.wait(start, 60 * SECOND).code, Code::OK);
    for name in ["A", "B"] {
        let status = site.query(name).unwrap();
        assert_eq!((status.state, status.desired), (State::Running, Desired::Up), "{name}");
    }
    site.check_invariants();
}

#[test]
fn a_temporary_member_that_goes_down_with_its_group_has_not_been_stopped_by_an_operator() {
    let (a, _) = named("A").on(1, Act::Panic).build();
    let (b, _) = named("B").declares(|d| d.restart = Restart::Temporary).build();
    let group = Group::new("g", Strategy::OneForAll, ["A", "B"]);
    let mut site = site([a, b]).group(group).start().unwrap();
    site.send("A", Message::Word(1)).unwrap();
    site.advance(SECOND).unwrap();
    let status = site.query("B").unwrap();
    assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::Completed)));
    site.check_invariants();
}

#[test]
fn a_member_that_ends_in_its_start_is_started_again_with_its_delay() {
    let (a, _) = named("A").start(Does::Exit).manual().build();
    let group = Group::new("g", Strategy::OneForOne, ["A"]);
    let mut site = site([a]).group(group).start().unwrap();
    let (component, options) = ("group:g".to_owned(), Default::default());
    site.ask(Ask::Control { component, command: Command::Start, options }).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(site.query("A").unwrap().generation.0, 1);
    site.advance(SECOND / 2).unwrap();
    assert_eq!(site.query("A").unwrap().generation.0, 2);
}

#[test]
fn what_a_life_sends_does_not_overtake_what_was_kept_of_an_earlier_process() {
    let (a, _) = named("A").on(1, Act::Send("B", 2)).build();
    let (b, journal) = named("B").build();
    let mut site = site([a, b]).shards(1).start().unwrap();
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
    let (a, _) = named("A").on(9, Act::Exit).declares(|d| d.restart = Restart::Transient).build();
    let (b, _) = named("B").stop(Does::Checkpoints(4)).build();
    let group = Group::new("g", Strategy::OneForAll, ["A", "B"]);
    let mut site = site([a, b]).group(group).start().unwrap();
    let (component, options) = ("group:g".to_owned(), Default::default());
    site.ask(Ask::Control { component, command: Command::Restart, options }).unwrap();
    site.advance(SECOND).unwrap();
    site.send("A", Message::Word(9)).unwrap();
    assert_eq!(site.query("A").unwrap().substate, Some(Substate::Completed));
    let start = site.order("A", Command::Start).unwrap().operation.unwrap();
    assert_eq!(site.wait(start, 60 * SECOND).code, Code::OK);
    assert_eq!(site.query("A").unwrap().state, State::Running);
}
