//! Where groups, dependencies, holds, queued commands and code that does not come back meet:
//! what one of them has under way and another one finds.

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{
    Budget, Code, Command, CommandOptions, Exit, Group, Isolation, Restart, State, Strategy,
    Substate, WhenHung,
};
use contract::{Message, OpId};
use smsexec_sim::probe::{Act, Does, Probe};
use smsexec_sim::{Site, What};
use status::ids;

use crate::seen::{
    HOUR, MINUTE, SECOND, accepted, changes_from, checked, crash, now, operation, refused,
    reporters, service, seven_hangs, slow, starts_panic, state,
};

const DEPENDENTS: CommandOptions =
    CommandOptions { queue: false, dependents: true, persist: false, force: false };
const QUEUE: CommandOptions =
    CommandOptions { queue: true, dependents: false, persist: false, force: false };
const QUEUE_DEPENDENTS: CommandOptions = CommandOptions { queue: true, ..DEPENDENTS };
const FORCE: CommandOptions =
    CommandOptions { queue: false, dependents: false, persist: false, force: true };

/// These probes, those of `members` in a group, in a site that checks every event.
fn grouped<const N: usize>(strategy: Strategy, members: &[&str], probes: [Probe; N]) -> Site {
    let group = Group::new("g", strategy, members.iter().copied());
    checked(probes).0.group(group).start().expect("the site starts")
}

/// Likewise, and the first crash is one too many for the group.
fn strict<const N: usize>(members: &[&str], probes: [Probe; N]) -> Site {
    let budget = Budget { crashes: 0, period: HOUR };
    let group = Group::new("g", Strategy::OneForAll, members.iter().copied());
    checked(probes).0.group(Group { budget, ..group }).start().expect("the site starts")
}

/// The same without a group.
fn ungrouped<const N: usize>(probes: [Probe; N]) -> Site {
    checked(probes).0.start().expect("the site starts")
}

fn needs(on: &'static str, probe: Probe) -> Probe {
    probe.declares(|probe| probe.depends_on = vec![on.into()])
}

/// Begins no life as long as code of an earlier one has not come back.
fn exclusive(name: &str) -> Probe {
    Probe::new(name).declares(|probe| {
        (probe.isolation, probe.when_hung) = (Isolation::Dedicated, WhenHung::Restart);
        probe.exclusive = true;
    })
}

/// Each needs the one before it; the last one takes six seconds to stop.
fn chain(length: usize) -> Site {
    let name = |index: usize| format!("L{index}");
    let links = (0..length).map(|index| {
        let link = if index + 1 == length { slow(&name(index)) } else { Probe::new(name(index)) };
        let on = index.checked_sub(1).map(name);
        link.manual().declares(|link| link.depends_on.extend(on.map(Into::into))).build().0
    });
    Site::primary("PS1").components(links).lenient().start().expect("the site starts")
}

#[track_caller]
fn ordered(site: &mut Site, name: &str, command: Command, options: CommandOptions) -> OpId {
    let accepted = site.order_with(name, command, options).expect("it is accepted");
    accepted.operation.expect("there is something to wait for")
}

/// Orders it and lets happen what happens at this moment.
#[track_caller]
fn begun(site: &mut Site, name: &str, command: Command) -> OpId {
    let operation = operation(site, name, command);
    site.run_to_rest().expect("it comes to rest");
    operation
}

fn hold(site: &mut Site, name: &str) {
    accepted(site.ask(Ask::Hold { component: name.into(), lease: HOUR }));
    site.run_to_rest().expect("it comes to rest");
}

/// How the operation ended, as it does within the hour. To wait in vain has the code of a
/// time-out, too.
#[track_caller]
fn end(site: &mut Site, operation: OpId) -> Code {
    let outcome = site.wait(operation, HOUR);
    let resolved = site
        .events()
        .iter()
        .any(|event| matches!(event.what, What::Resolved { operation: it, .. } if it == operation));
    assert!(resolved, "{}", outcome.text);
    outcome.code
}

type Row = (State, Option<Substate>, u64);

const fn runs(life: u64) -> Row {
    (State::Running, None, life)
}

const fn waits(life: u64) -> Row {
    (State::StartPending, None, life)
}

const fn rests(why: Substate, life: u64) -> Row {
    (State::Stopped, Some(why), life)
}

/// An hour later they are like this, and nothing contradicts it.
#[track_caller]
fn assert_end<const N: usize>(site: &mut Site, expected: [(&str, Row); N]) {
    site.advance(HOUR).expect("it comes to rest");
    assert_eq!(expected.map(|(name, _)| (name, state(site, name))), expected);
    site.check_invariants();
}

const ABC: [&str; 3] = ["A", "B", "C"];

#[test]
fn a_stop_of_a_group_ends_although_an_outsider_and_what_it_needs_stay() {
    let outsiders = [needs("A", Probe::new("C")), needs("C", slow("D"))];
    let [c, d] = outsiders;
    let probes = [Probe::new("A"), Probe::new("B"), c, d];
    let mut site = grouped(Strategy::OneForAll, &["A", "B"], probes);
    let stop = ordered(&mut site, "group:g", Command::Stop, DEPENDENTS);
    site.run_to_rest().unwrap();
    site.order("C", Command::Start).unwrap();
    assert_eq!(end(&mut site, stop), Code::OK);
    let stopped = rests(Substate::Operator, 1);
    assert_end(&mut site, [("A", runs(1)), ("B", stopped), ("C", runs(1)), ("D", stopped)]);
}

#[test]
fn a_member_that_ends_by_itself_does_not_bring_a_group_back_that_has_failed() {
    let mut site = strict(&ABC, [Probe::new("A"), Probe::new("B").on(9, Act::Exit), slow("C")]);
    crash(&mut site, "A");
    assert_eq!(ABC.map(|name| state(&mut site, name).0)[2], State::StopPending);
    site.send("B", Message::Word(9)).unwrap();
    assert_end(&mut site, ABC.map(|name| (name, rests(Substate::Failed, 1))));
}

#[test]
fn a_member_that_waits_for_what_it_needs_fails_with_its_group() {
    let x = Probe::new("X").manual().start(Does::Checkpoints(8));
    let b = needs("X", Probe::new("B").manual());
    let mut site = strict(&["A", "B"], [x, Probe::new("A"), b]);
    begun(&mut site, "B", Command::Start);
    assert_eq!(site.query("B").unwrap().waits_for, ["X"]);
    crash(&mut site, "A");
    let failed = rests(Substate::Failed, 1);
    assert_end(&mut site, [("X", runs(1)), ("A", failed), ("B", failed)]);
}

#[test]
fn a_member_that_an_operator_starts_while_its_group_restarts_runs() {
    let probes = [Probe::new("A"), Probe::new("B"), slow("C")];
    let mut site = grouped(Strategy::OneForAll, &ABC, probes);
    site.stop("B").unwrap();
    crash(&mut site, "A");
    let start = begun(&mut site, "B", Command::Start);
    assert_eq!(end(&mut site, start), Code::OK);
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "B").0, State::Running);
    let b = state(&mut site, "B");
    assert_end(&mut site, [("A", runs(2)), ("B", b), ("C", runs(2))]);
}

#[test]
fn what_waits_for_a_component_that_is_then_held_is_held_with_it() {
    let probes = [Probe::new("A").manual(), needs("A", Probe::new("X").manual())];
    let mut site = ungrouped(probes);
    let guard = starts_panic(&mut site, "A");
    let start = begun(&mut site, "X", Command::Start);
    hold(&mut site, "A");
    drop(guard);
    assert_eq!(end(&mut site, start), Code::CANCELLED);
    assert_eq!(state(&mut site, "X"), rests(Substate::Held, 1));
    assert_eq!(site.query("X").unwrap().waits_for, ["A"]);
    assert_end(&mut site, [("A", runs(2)), ("X", runs(2))]);
}

#[test]
fn what_waits_for_a_temporary_member_fails_when_that_fails_at_its_turn() {
    let b = Probe::new("B").manual().start(Does::Hang);
    let b = b.declares(|b| b.restart = Restart::Temporary);
    let probes = [Probe::new("A"), b, needs("B", Probe::new("X").manual())];
    let mut site = grouped(Strategy::OneForOne, &["A", "B"], probes);
    let group = begun(&mut site, "group:g", Command::Start);
    let start = operation(&mut site, "X", Command::Start);
    assert_eq!(end(&mut site, group), Code::START_HANG);
    assert_eq!(end(&mut site, start), Code::DEPENDENCY_FAIL);
    let failed = rests(Substate::Failed, 1);
    assert_end(&mut site, [("A", runs(1)), ("B", failed), ("X", failed)]);
}

#[test]
fn what_waits_for_a_member_fails_when_that_has_failed_too_often_at_its_turn() {
    let b = Probe::new("B").manual();
    let probes = [Probe::new("A"), b, needs("B", Probe::new("X").manual())];
    let mut site = grouped(Strategy::OneForOne, &["A", "B"], probes);
    let _guard = starts_panic(&mut site, "B");
    let group = begun(&mut site, "group:g", Command::Start);
    let start = operation(&mut site, "X", Command::Start);
    assert_eq!(end(&mut site, group), Code::EXCEPTION);
    assert_eq!(end(&mut site, start), Code::DEPENDENCY_FAIL);
    let failed = |life| rests(Substate::Failed, life);
    assert_end(&mut site, [("A", runs(1)), ("B", failed(6)), ("X", failed(1))]);
}

#[test]
fn a_restart_of_a_group_does_not_wait_for_ever_for_code_that_does_not_come_back() {
    let probes = [exclusive("A"), Probe::new("B")];
    let mut site = grouped(Strategy::OneForOne, &["A", "B"], probes);
    let _guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "A"), waits(2));
    let restart = operation(&mut site, "group:g", Command::Restart);
    assert_eq!(end(&mut site, restart), Code::REQUEST_TIMEOUT);
    assert_end(&mut site, [("A", waits(3)), ("B", runs(2))]);
}

#[test]
fn the_executive_runs_although_what_waits_for_such_code_is_needed_by_others() {
    let mut site = ungrouped([exclusive("A"), needs("A", Probe::new("X"))]);
    let guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    site.advance(HOUR).unwrap();
    let restart = accepted(site.ask(Ask::Service(ServiceCommand::Restart))).operation.unwrap();
    let begin = now(&site);
    assert_eq!(end(&mut site, restart), Code::OK);
    assert_eq!(now(&site), begin + 30 * SECOND);
    assert_eq!(state(&mut site, "X"), waits(2));
    assert_eq!(site.query("X").unwrap().waits_for, ["A"]);
    drop(guard);
    site.end_hangs();
    assert_end(&mut site, [("A", runs(3)), ("X", runs(2))]);
}

/// A is being restarted, and B, which needs it, is stopping for that.
fn restarting_with_dependents() -> (Site, OpId) {
    let mut site = ungrouped([Probe::new("A"), needs("A", slow("B"))]);
    let restart = ordered(&mut site, "A", Command::Restart, DEPENDENTS);
    site.run_to_rest().unwrap();
    assert_eq!(state(&mut site, "B").0, State::StopPending);
    (site, restart)
}

#[test]
fn a_plain_stop_during_a_restart_with_dependents_is_refused_while_they_live() {
    let (mut site, restart) = restarting_with_dependents();
    assert_eq!(refused(site.order("A", Command::Stop)), 1051);
    assert_eq!(end(&mut site, restart), Code::OK);
    assert_end(&mut site, [("A", runs(2)), ("B", runs(2))]);
}

#[test]
fn a_stop_with_dependents_takes_the_place_of_a_restart_with_dependents_for_all_of_them() {
    let (mut site, restart) = restarting_with_dependents();
    let stop = ordered(&mut site, "A", Command::Stop, DEPENDENTS);
    assert_eq!(end(&mut site, restart), Code::CANCELLED);
    assert_eq!(end(&mut site, stop), Code::OK);
    assert_end(&mut site, ["A", "B"].map(|name| (name, rests(Substate::Operator, 1))));
}

#[test]
fn a_restart_does_not_join_a_stop() {
    let mut site = ungrouped([Probe::new("A"), needs("A", slow("B"))]);
    let stop = begun(&mut site, "B", Command::Stop);
    let restart = ordered(&mut site, "A", Command::Restart, DEPENDENTS);
    assert_eq!(refused(site.order("B", Command::Restart)), 1056);
    assert_eq!([stop, restart].map(|operation| end(&mut site, operation)), [Code::OK; 2]);
    assert_end(&mut site, [("A", runs(2)), ("B", rests(Substate::Operator, 1))]);
}

#[test]
fn a_second_start_of_a_group_joins_the_first_one_and_keeps_the_order() {
    let a = Probe::new("A").manual().start(Does::Checkpoints(4));
    let probes = [a, Probe::new("B").manual()];
    let mut site = grouped(Strategy::OneForOne, &["A", "B"], probes);
    let from = site.events().len();
    let first = begun(&mut site, "group:g", Command::Start);
    for _ in 0..2 {
        let again = site.order("group:g", Command::Start).unwrap();
        assert_eq!((again.code, again.operation), (Code::OK, Some(first)));
        site.advance(SECOND).unwrap();
        assert_eq!(state(&mut site, "A"), waits(1));
    }
    assert_eq!(end(&mut site, first), Code::OK);
    let begun: Vec<String> = changes_from(&site, from)
        .into_iter()
        .filter(|change| !change.contains("-> Stopped"))
        .collect();
    let starts = ["A", "B"].map(|name| {
        [format!("{name} 1 Stopped -> Starting"), format!("{name} 1 Starting -> Running")]
    });
    assert_eq!(begun, starts.concat());
    assert_end(&mut site, [("A", runs(1)), ("B", runs(1))]);
}

#[test]
fn a_member_that_fails_to_start_while_its_group_is_stopped_is_started_again() {
    let probes = [Probe::new("A"), Probe::new("B"), slow("C")];
    let mut site = grouped(Strategy::OneForOne, &ABC, probes);
    let stop = begun(&mut site, "group:g", Command::Stop);
    // B crashes before its turn, is started by hand, and its start panics once.
    crash(&mut site, "B");
    let guard = starts_panic(&mut site, "B");
    begun(&mut site, "B", Command::Start);
    drop(guard);
    assert_eq!(end(&mut site, stop), Code::OK);
    let stopped = rests(Substate::Operator, 1);
    assert_end(&mut site, [("A", stopped), ("B", runs(3)), ("C", stopped)]);
}

#[test]
fn all_of_a_long_chain_stays_when_the_last_but_one_of_it_is_to() {
    const LONG: usize = 5_000;
    let stays = || {
        let [last, last_but_one] = [1, 2].map(|back| format!("L{}", LONG - back));
        let mut site = chain(LONG);
        site.start(&last).unwrap();
        let stop = ordered(&mut site, "L0", Command::Stop, DEPENDENTS);
        site.run_to_rest().unwrap();
        site.order(&last_but_one, Command::Start).unwrap();
        assert_eq!(end(&mut site, stop), Code::CANCELLED);
        site.advance(MINUTE).unwrap();
        assert_eq!(state(&mut site, &last), rests(Substate::Operator, 1));
        assert_eq!(service(&mut site).running, LONG as u64 - 1);
    };
    // Little of a stack, so that what takes some for each of them shows.
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    thread.spawn(stays).unwrap().join().unwrap();
}

#[test]
fn a_start_of_what_waits_for_its_delay_takes_what_it_needs_along() {
    let probes = || [Probe::new("X"), Probe::new("A"), needs("X", Probe::new("B"))];
    let alone = ungrouped(probes());
    let member = grouped(Strategy::OneForAll, &["A", "B"], probes());
    for (mut site, a) in [(alone, 1), (member, 2)] {
        crash(&mut site, "B");
        site.stop("X").unwrap();
        site.start("B").unwrap();
        assert_end(&mut site, [("X", runs(2)), ("A", runs(a)), ("B", runs(2))]);
    }
}

#[test]
fn what_comes_back_after_a_hold_does_not_start_what_an_operator_has_stopped() {
    let mut site = ungrouped([Probe::new("B"), needs("B", Probe::new("X"))]);
    crash(&mut site, "X");
    site.stop("B").unwrap();
    hold(&mut site, "B");
    site.advance(2 * HOUR).unwrap();
    assert_eq!(state(&mut site, "B"), rests(Substate::Operator, 1), "its hold is over");
    let x = site.query("X").unwrap();
    assert_eq!((x.state, x.substate), (State::Stopped, Some(Substate::Failed)));
    assert_eq!(x.exit_code, Code::DEPENDENCY_FAIL);
    site.check_invariants();
}

#[test]
fn a_stop_with_dependents_stops_those_that_wait_for_their_delay_as_well() {
    let mut site = ungrouped([Probe::new("A"), needs("A", Probe::new("B"))]);
    crash(&mut site, "B");
    let stop = ordered(&mut site, "A", Command::Stop, DEPENDENTS);
    assert_eq!(end(&mut site, stop), Code::OK);
    assert_end(&mut site, ["A", "B"].map(|name| (name, rests(Substate::Operator, 1))));
}

#[test]
fn a_start_is_refused_if_it_needs_a_member_that_is_about_to_be_stopped() {
    let probes = [Probe::new("A"), slow("B"), needs("A", Probe::new("X").manual())];
    let mut site = grouped(Strategy::OneForAll, &["A", "B"], probes);
    let stop = begun(&mut site, "group:g", Command::Stop);
    assert_eq!(refused(site.order("X", Command::Start)), 1068);
    assert_eq!(end(&mut site, stop), Code::OK);
    let (stopped, never) = (rests(Substate::Operator, 1), rests(Substate::NeverStarted, 0));
    assert_end(&mut site, [("A", stopped), ("B", stopped), ("X", never)]);
}

#[test]
fn a_queued_restart_with_dependents_restarts_them_too() {
    let a = Probe::new("A").manual().start(Does::Checkpoints(4));
    let mut site = ungrouped([a, needs("A", Probe::new("B").manual())]);
    site.start("B").unwrap();
    begun(&mut site, "A", Command::Restart);
    assert_eq!(state(&mut site, "A"), waits(2));
    let queued = ordered(&mut site, "A", Command::Restart, QUEUE_DEPENDENTS);
    assert_eq!(end(&mut site, queued), Code::OK);
    assert_end(&mut site, [("A", runs(3)), ("B", runs(2))]);
}

#[test]
fn a_start_of_a_group_that_needs_what_is_held_fails() {
    let probes = [Probe::new("X"), needs("X", Probe::new("A").manual())];
    let mut site = grouped(Strategy::OneForAll, &["A"], probes);
    hold(&mut site, "X");
    assert_eq!(refused(site.start("group:g")), 1068, "as that of A by itself");
    assert_eq!(refused(site.start("A")), 1068);
    assert_eq!(state(&mut site, "A").0, State::Stopped);
    assert_eq!(state(&mut site, "X"), rests(Substate::Held, 1));
    site.check_invariants();
}

#[test]
fn a_hold_of_a_backup_that_is_released_has_not_run_out() {
    let mut site = checked([Probe::new("A")]).0.backup_takes(HOUR).start().unwrap();
    accepted(site.ask(Ask::Backup));
    site.advance(SECOND).unwrap();
    site.kill();
    site.start_again().unwrap();
    accepted(site.ask(Ask::Release { component: host::EXECUTIVE.into() }));
    site.run_to_rest().unwrap();
    assert_eq!(reporters(&mut site, ids::HOLD_RAN_OUT), [""; 0]);
    assert_eq!(reporters(&mut site, ids::HOLD_ENDED), [host::EXECUTIVE]);
    site.check_invariants();
}

/// How often members of a group of so many, none of which can start, change nothing but the
/// reason for being Stopped.
fn changes_of_reason(members: usize) -> usize {
    let name = |index: usize| format!("L{index}");
    let probes = (0..members).map(|index| Probe::new(name(index)).manual().start(Does::Fail(5)));
    let group = Group::new("g", Strategy::OneForOne, (0..members).map(name));
    let site = Site::primary("PS1").components(probes.map(|probe| probe.build().0));
    let mut site = site.lenient().checked().group(group).start().unwrap();
    let from = site.events().len();
    site.order("group:g", Command::Start).unwrap();
    site.advance(24 * HOUR).unwrap();
    assert_eq!(state(&mut site, &name(members - 1)).1, Some(Substate::Failed));
    changes_from(&site, from).iter().filter(|change| change.contains("Stopped -> Stopped")).count()
}

#[test]
fn what_members_that_wait_for_their_turn_have_to_say_grows_with_their_number() {
    let [twenty, forty] = [20, 40].map(changes_of_reason);
    assert!(forty <= 3 * twenty, "{twenty} of 20, {forty} of 40");
}

#[test]
fn a_circle_is_named_without_those_that_only_lead_into_it() {
    let [a, b, c] = ABC.map(Probe::new);
    let probes = [needs("B", a), needs("C", b), needs("B", c)];
    let refusal = checked(probes).0.start().unwrap_err();
    assert_eq!(refusal.code, Code::CIRCULAR_DEPENDENCY);
    assert!(["B", "C"].contains(&&*refusal.subject), "{refusal}");
    let (_, names) = refusal.reason.rsplit_once(": ").expect("names at its end");
    assert!(["B, C", "C, B"].contains(&names), "{refusal}");
}

#[test]
fn a_member_that_is_to_be_up_is_not_stopped_with_its_group_any_more() {
    let mut site = grouped(Strategy::OneForAll, &["A", "B"], [Probe::new("A"), slow("B")]);
    let stop = begun(&mut site, "group:g", Command::Stop);
    let start = site.order("A", Command::Start).unwrap();
    assert_eq!((start.code, start.operation), (Code::OK, None), "nothing to do");
    assert_eq!(end(&mut site, stop), Code::OK);
    assert_end(&mut site, [("A", runs(1)), ("B", rests(Substate::Operator, 1))]);
}

#[test]
fn a_queued_start_is_done_with_what_the_restart_of_its_group_starts() {
    let mut site = grouped(Strategy::OneForAll, &["A", "B"], [Probe::new("A"), slow("B")]);
    let restart = begun(&mut site, "group:g", Command::Restart);
    let queued = ordered(&mut site, "B", Command::Start, QUEUE);
    assert_eq!([restart, queued].map(|operation| end(&mut site, operation)), [Code::OK; 2]);
    assert_end(&mut site, [("A", runs(2)), ("B", runs(2))]);
}

#[test]
fn what_waits_for_a_member_does_not_go_on_waiting_when_that_is_held() {
    let b = Probe::new("B").manual();
    let probes = [Probe::new("A"), b, needs("B", Probe::new("X").manual())];
    let mut site = grouped(Strategy::OneForOne, &["A", "B"], probes);
    let _guard = starts_panic(&mut site, "B");
    let group = begun(&mut site, "group:g", Command::Start);
    let start = begun(&mut site, "X", Command::Start);
    assert_eq!(site.query("X").unwrap().waits_for, ["B"]);
    hold(&mut site, "B");
    assert_eq!(state(&mut site, "B").1, Some(Substate::Held));
    // Held with it, or failed for it.
    assert_eq!(state(&mut site, "X").0, State::Stopped);
    let code = end(&mut site, start);
    assert!([Code::CANCELLED, Code::DEPENDENCY_FAIL].contains(&code), "{code}");
    // The group does not wait for it either.
    end(&mut site, group);
    site.check_invariants();
}

#[test]
fn a_restart_of_a_group_that_an_operator_has_stopped_is_refused() {
    let probes = [Probe::new("A"), Probe::new("B")];
    let mut site = grouped(Strategy::OneForAll, &["A", "B"], probes);
    site.stop("group:g").unwrap();
    assert_eq!(refused(site.order("group:g", Command::Restart)), 1062);
    assert_end(&mut site, ["A", "B"].map(|name| (name, rests(Substate::Operator, 1))));
}

#[test]
fn two_groups_of_one_name_are_refused() {
    let [one, two] =
        [("g", "A"), ("G", "B")].map(|(name, of)| Group::new(name, Strategy::OneForAll, [of]));
    let site = checked([Probe::new("A"), Probe::new("B")]).0.group(one).group(two);
    assert_eq!(refused(site.start()), 1073);
}

#[test]
fn a_crash_of_a_member_that_is_about_to_be_stopped_is_charged_with_nothing() {
    let probes = [Probe::new("A"), Probe::new("B"), slow("C")];
    let mut site = grouped(Strategy::OneForAll, &ABC, probes);
    let stop = begun(&mut site, "group:g", Command::Stop);
    crash(&mut site, "B");
    let charged: Vec<bool> = site.crashes("B").unwrap().iter().map(|crash| crash.charged).collect();
    assert_eq!(charged, [false]);
    assert_eq!(end(&mut site, stop), Code::OK);
    assert_end(&mut site, ABC.map(|name| (name, rests(Substate::Operator, 1))));
}

#[test]
fn what_waits_for_a_member_fails_with_a_restart_of_the_group_that_does_not_succeed() {
    let b = Probe::new("B").declares(|b| b.restart = Restart::Transient);
    let x = needs("B", Probe::new("X").start(Does::Checkpoints(4)));
    let mut site = grouped(Strategy::OneForAll, &["A", "B"], [Probe::new("A"), b, x]);
    let _guard = starts_panic(&mut site, "B");
    crash(&mut site, "A");
    let restart = operation(&mut site, "X", Command::Restart);
    assert_eq!(end(&mut site, restart), Code::DEPENDENCY_FAIL);
    let failed = |life| rests(Substate::Failed, life);
    assert_end(&mut site, [("A", failed(6)), ("B", failed(6)), ("X", failed(2))]);
}

#[test]
fn a_restart_of_what_hangs_begins_its_next_life_once_and_on_a_thread_of_its_own() {
    for restart in [Restart::Permanent, Restart::Temporary] {
        let mut site = ungrouped([Probe::new("A").declares(|a| {
            (a.isolation, a.restart) = (Isolation::Dedicated, restart);
        })]);
        let guard = seven_hangs(&mut site, "A", None);
        site.send("A", Message::Word(7)).unwrap();
        drop(guard);
        site.advance(MINUTE).unwrap();
        let operation = operation(&mut site, "A", Command::Restart);
        assert_eq!(end(&mut site, operation), Code::OK, "{restart:?}");
        assert_end(&mut site, [("A", runs(2))]);
        let crashes = site.crashes("A").unwrap();
        assert!(crashes.iter().all(|crash| crash.exit != Exit::Lost), "{crashes:?}");
    }
}

#[test]
fn a_restart_that_insists_does_not_wait_for_the_code_of_the_life_that_it_ends() {
    let mut site = ungrouped([exclusive("A")]);
    let guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    drop(guard);
    site.advance(MINUTE).unwrap();
    let restart = ordered(&mut site, "A", Command::Restart, FORCE);
    assert_eq!(end(&mut site, restart), Code::OK);
    assert_end(&mut site, [("A", runs(2))]);
}

#[test]
fn the_half_minute_for_code_does_not_count_for_what_else_is_waited_for() {
    let x = Probe::new("X").start(Does::Checkpoints(60));
    let mut site = ungrouped([x, needs("X", exclusive("A").manual())]);
    site.start("A").unwrap();
    let guard = seven_hangs(&mut site, "A", Some(186 * SECOND));
    site.send("A", Message::Word(7)).unwrap();
    site.advance(181 * SECOND).unwrap();
    drop(guard);
    assert_eq!(site.query("A").unwrap().waits_for, ["the code of life 1"]);
    let start = operation(&mut site, "A", Command::Start);
    crash(&mut site, "X");
    site.advance(10 * SECOND).unwrap();
    assert_eq!(site.query("A").unwrap().waits_for, ["X"], "the code has come back");
    assert_eq!(end(&mut site, start), Code::OK);
    assert_end(&mut site, [("X", runs(2)), ("A", runs(2))]);
}

#[test]
fn a_group_that_restarts_by_itself_does_not_wait_for_code_that_does_not_come_back() {
    let probes = [exclusive("A"), Probe::new("B"), Probe::new("C")];
    let mut site = grouped(Strategy::OneForAll, &ABC, probes);
    let guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    drop(guard);
    assert_end(&mut site, [("A", waits(2)), ("B", runs(2)), ("C", runs(2))]);
    assert_eq!(site.query("A").unwrap().waits_for, ["the code of life 1"]);
}
