//! What keeps a component down, for a while or for good (lifecycle.md 2.1, 2.4): maintenance,
//! removal, startup types, stops that last; and starts that wait for their moment (2.3).

use std::time::Duration;

use contract::Message;
use contract::control::{Accepted, Ask, DeadReason, HostControl, Refusal, ServiceCommand};
use contract::lifecycle::{
    Code, Command, CommandOptions, Desired, HoldKind, Startup, State, Substate,
};
use smsexec_sim::Site;
use smsexec_sim::probe::{Act, Does, Probe};
use status::ids;

use crate::seen::{
    HOUR, MINUTE, SECOND, accepted, changes_from, life, lives, now, operation, refused, reporters,
    site, starts_panic, state, with,
};

const STOPPED_HELD: (State, Option<Substate>, u64) = (State::Stopped, Some(Substate::Held), 1);

fn hold(site: &mut Site, name: &str, lease: Duration) -> Result<Accepted, Refusal> {
    let ask = Ask::Hold { component: name.into(), lease };
    let accepted = match site.ask(ask)? {
        contract::control::Told::Accepted(accepted) => accepted,
        told => panic!("accepted is expected, not {told:?}"),
    };
    if let Some(operation) = accepted.operation {
        assert_eq!(site.wait(operation, MINUTE).code, Code::OK);
    }
    Ok(accepted)
}

fn release(site: &mut Site, name: &str) -> Result<Accepted, Refusal> {
    site.ask_and_wait(Ask::Release { component: name.into() }, name)
}

fn set_startup(site: &mut Site, name: &str, startup: Startup) {
    let accepted = accepted(site.ask(Ask::SetStartup { component: name.into(), startup }));
    assert_eq!(accepted.operation, None, "it is done at once");
}

fn start_anew(site: &mut Site) {
    site.kill();
    site.start_again().expect("what is kept is in order");
}

#[test]
fn maintenance_keeps_it_down_until_it_is_released_and_touches_nothing_else() {
    let (mut site, [journal, _]) = site([Probe::new("A"), Probe::new("B")]);
    hold(&mut site, "A", HOUR).unwrap();
    let a = site.query("A").unwrap();
    assert_eq!((a.state, a.substate, a.generation.0), STOPPED_HELD);
    assert_eq!((a.desired, a.holds), (Desired::Up, vec![HoldKind::Maintenance]));
    for command in [Command::Start, Command::Restart] {
        assert_eq!(refused(site.control("A", command)), 1055, "{command}");
    }
    site.send("A", Message::Word(1)).unwrap();
    assert_eq!(journal.take(), ["start 1", "stop"]);
    assert_eq!(state(&mut site, "B"), (State::Running, None, 1));

    release(&mut site, "A").unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(journal.take(), ["start 2", "message 1"], "it was retained");
    assert_eq!(refused(release(&mut site, "A")), 1062);
    assert_eq!(reporters(&mut site, ids::HOLD_ENDED).len(), 1);
    assert!(site.kept().holds.is_empty(), "nothing is left over");
    site.advance(2 * HOUR).unwrap();
    assert_eq!(reporters(&mut site, ids::HOLD_RAN_OUT).len(), 0, "its lease is gone with it");
    assert_eq!(life(&mut site, "A"), 2);
}

#[test]
fn maintenance_ends_with_its_lease_which_counts_anew_when_it_is_asked_for_again() {
    let (mut site, _) = site([Probe::new("A")]);
    hold(&mut site, "A", HOUR).unwrap();
    site.advance(HOUR - SECOND).unwrap();
    hold(&mut site, "A", HOUR).unwrap();
    site.advance(HOUR - SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), STOPPED_HELD);
    site.advance(SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(reporters(&mut site, ids::HOLD_RAN_OUT).len(), 1);
}

#[test]
fn maintenance_outlives_a_kill_with_what_is_left_of_its_lease() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B")]);
    hold(&mut site, "A", HOUR).unwrap();
    site.advance(HOUR / 2).unwrap();
    site.kill();
    site.advance(MINUTE).unwrap();
    site.start_again().unwrap();
    assert_eq!(state(&mut site, "A"), STOPPED_HELD);
    assert_eq!(life(&mut site, "B"), 2, "the executive runs");
    assert_eq!(refused(site.start("A")), 1055);
    site.advance(HOUR / 2 - MINUTE - SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), STOPPED_HELD);
    site.advance(SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));

    // One that ran out while no executive was there is not left over.
    hold(&mut site, "A", MINUTE).unwrap();
    site.kill();
    site.advance(HOUR).unwrap();
    site.start_again().unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 3));
    assert!(site.kept().holds.is_empty(), "{:?}", site.kept().holds);
}

#[test]
fn maintenance_brings_back_only_what_is_wanted() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B"), Probe::new("C").manual()]);
    site.stop("A").unwrap();
    site.pause("B").unwrap();
    for name in ["A", "B", "C"] {
        hold(&mut site, name, HOUR).unwrap();
    }
    // What is wanted can change meanwhile.
    site.stop("B").unwrap_err();
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Operator), 1));
    assert_eq!(state(&mut site, "B").0, State::Stopped, "its stop was remembered");
    assert_eq!(state(&mut site, "C"), (State::Stopped, Some(Substate::NeverStarted), 0));
}

#[test]
fn maintenance_ends_a_backoff_and_outlasts_a_restart_of_the_executive() {
    let (mut site, _) = site([Probe::new("A")]);
    let guard = starts_panic(&mut site, "A");
    site.restart("A").unwrap_err();
    assert!(matches!(state(&mut site, "A").1, Some(Substate::Backoff { .. })));
    hold(&mut site, "A", HOUR).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Held), "at once");
    drop(guard);
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Held));
    site.service(ServiceCommand::Restart).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Held));
    release(&mut site, "A").unwrap();
    assert_eq!(state(&mut site, "A").0, State::Running);
}

#[test]
fn maintenance_of_what_others_depend_on_is_refused_as_a_stop_is() {
    let b = Probe::new("B").declares(|b| b.depends_on = vec!["A".into()]);
    let (mut site, _) = site([Probe::new("A"), b]);
    assert_eq!(refused(hold(&mut site, "A", HOUR)), 1051);
    let remove = Ask::Remove { component: "A".into() };
    assert_eq!(refused(site.ask(remove)), 1051);
    site.stop("B").unwrap();
    hold(&mut site, "A", HOUR).unwrap();
    assert_eq!(refused(site.start("B")), 1068, "it cannot be had");
}

#[test]
fn what_is_removed_is_gone_while_the_process_lives_and_its_mail_for_good() {
    let (mut site, [journal, _]) = site([Probe::new("A"), Probe::new("B")]);
    site.pause("A").unwrap();
    site.send("A", Message::Word(1)).unwrap();
    let removed = accepted(site.ask(Ask::Remove { component: "A".into() }));
    assert_eq!(site.wait(removed.operation.unwrap(), MINUTE).code, Code::OK);
    site.send("A", Message::Word(2)).unwrap();
    let a = site.query("A").unwrap();
    assert_eq!((a.state, a.substate, a.inbox), (State::Stopped, Some(Substate::Removed), 0));
    assert_eq!(a.holds, [HoldKind::Removal]);
    let letters = site.dead_letters().unwrap();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|letter| letter.reason == DeadReason::Removed), "{letters:?}");
    assert_eq!(journal.take(), ["start 1", "pause", "stop"]);
    assert_eq!(reporters(&mut site, ids::COMPONENT_REMOVED), ["A"]);

    let component = || "A".to_owned();
    for command in [Command::Start, Command::Restart] {
        assert_eq!(refused(site.control("A", command)), 1072, "{command}");
    }
    assert_eq!(refused(site.ask(Ask::Remove { component: component() })), 1072);
    assert_eq!(refused(site.ask(Ask::Hold { component: component(), lease: HOUR })), 1072);
    let startup = Ask::SetStartup { component: component(), startup: Startup::Manual };
    assert_eq!(refused(site.ask(startup)), 1072);
    site.service(ServiceCommand::Restart).unwrap();
    site.backup().unwrap();
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Removed), 1));
    assert!(life(&mut site, "B") > 2, "the others go on");
    assert!(site.kept().mail.iter().next().is_none(), "nothing is kept for it");

    start_anew(&mut site);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2), "the next process has it again");
}

#[test]
fn what_is_removed_while_it_is_stopped_or_backs_off_does_not_come_back() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B")]);
    site.stop("A").unwrap();
    let guard = starts_panic(&mut site, "B");
    site.restart("B").unwrap_err();
    for name in ["A", "B"] {
        let removed = accepted(site.ask(Ask::Remove { component: name.into() }));
        assert_eq!(removed.operation, None, "it is down already");
    }
    drop(guard);
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Removed));
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Removed), 2));
}

#[test]
fn a_startup_type_that_an_operator_gave_lasts_over_a_kill() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B").manual(), Probe::new("C")]);
    set_startup(&mut site, "A", Startup::Manual);
    set_startup(&mut site, "B", Startup::Automatic);
    set_startup(&mut site, "C", Startup::Disabled);
    // Nothing is started or stopped by that.
    assert_eq!(state(&mut site, "A"), (State::Running, None, 1));
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::NeverStarted), 0));
    assert_eq!(state(&mut site, "C"), (State::Running, None, 1));
    assert_eq!(reporters(&mut site, ids::COMPONENT_STARTUP_CHANGED), ["A", "B", "C"]);

    start_anew(&mut site);
    assert_eq!(state(&mut site, "A").0, State::Stopped);
    assert_eq!(state(&mut site, "B"), (State::Running, None, 1));
    assert_eq!(state(&mut site, "C"), (State::Stopped, Some(Substate::Disabled), 1));
    assert_eq!(refused(site.start("C")), 1058);
    site.start("A").unwrap();

    set_startup(&mut site, "C", Startup::Automatic);
    assert_eq!(site.query("C").unwrap().startup, Startup::Automatic);
    start_anew(&mut site);
    assert_eq!(state(&mut site, "A").0, State::Stopped, "still manual");
    assert_eq!(state(&mut site, "C"), (State::Running, None, 2));
}

#[test]
fn a_start_of_the_executive_logs_the_startup_type_that_is_in_effect() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B").manual()]);
    set_startup(&mut site, "A", Startup::Manual);
    set_startup(&mut site, "B", Startup::Disabled);
    let before = site.log("smsexec.log").unwrap().len();
    site.service(ServiceCommand::Restart).unwrap();
    let lines = site.log("smsexec.log").unwrap().split_off(before);
    for line in [
        "A initialized, startup type = \"Manual\", current state = \"Stopped\"",
        "B initialized, startup type = \"Disabled\", current state = \"Stopped\"",
    ] {
        assert!(lines.iter().any(|logged| logged.contains(line)), "{line}: {lines:#?}");
    }
}

#[test]
fn a_disabled_component_can_be_stopped_and_not_restarted() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B")]);
    set_startup(&mut site, "A", Startup::Disabled);
    assert_eq!(refused(site.restart("A")), 1058);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 1), "nothing has changed");
    site.stop("A").unwrap();
    assert_eq!(refused(site.start("A")), 1058);
}

const PERSIST: CommandOptions =
    CommandOptions { queue: false, dependents: false, persist: true, force: false };
const QUEUE: CommandOptions =
    CommandOptions { queue: true, dependents: false, persist: false, force: false };

#[test]
fn a_stop_that_lasts_is_ended_by_a_start_and_by_nothing_else() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B")]);
    site.control_with("A", Command::Stop, PERSIST).unwrap();
    // Of one that is stopped already, too: refused, and remembered.
    site.stop("B").unwrap();
    assert_eq!(refused(site.control_with("B", Command::Stop, PERSIST)), 1062);
    for name in ["A", "B"] {
        site.service(ServiceCommand::Restart).unwrap();
        start_anew(&mut site);
        let row = site.query(name).unwrap();
        assert_eq!((row.substate, row.generation.0), (Some(Substate::Operator), 1), "{name}");
        assert!(row.persist);
        site.start(name).unwrap();
        assert!(!site.query(name).unwrap().persist);
    }
    start_anew(&mut site);
    assert_eq!(lives(&mut site, ["A", "B"]), [5, 3]);
    assert_eq!(state(&mut site, "A").0, State::Running);
}

fn slow() -> Probe {
    Probe::new("A").start(Does::Checkpoints(2)).stop(Does::Checkpoints(2))
}

#[test]
fn a_queued_start_comes_after_the_stop_and_there_is_one_at_most() {
    let (mut site, [journal]) = site([slow()]);
    let stop = operation(&mut site, "A", Command::Stop);
    assert_eq!(refused(site.order("A", Command::Start)), 1056, "unless it is queued");
    let first = site.order_with("A", Command::Start, QUEUE).unwrap().operation.unwrap();
    let second = site.order_with("A", Command::Restart, QUEUE).unwrap().operation.unwrap();
    assert_eq!(first, second, "at most one waits");
    assert_eq!(site.wait(stop, MINUTE).code, Code::OK);
    assert_eq!(site.wait(first, MINUTE).code, Code::OK);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(journal.take(), ["start 1", "stop", "start 2"]);
}

#[test]
fn a_stop_takes_a_queued_start_away() {
    let (mut site, _) = site([slow()]);
    let stop = site.order("A", Command::Stop).unwrap();
    let start = site.order_with("A", Command::Start, QUEUE).unwrap().operation.unwrap();
    let again = site.order("A", Command::Stop).unwrap();
    assert_eq!((again.code.0, again.operation), (1061, stop.operation));
    assert_eq!(site.wait(start, SECOND).code, Code::CANCELLED);
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Operator), 1));
}

#[test]
fn a_queued_restart_comes_after_the_start() {
    let (mut site, [journal]) = site([slow().manual()]);
    let start = operation(&mut site, "A", Command::Start);
    assert_eq!(refused(site.order("A", Command::Restart)), 1061, "unless it is queued");
    let restart = site.order_with("A", Command::Restart, QUEUE).unwrap().operation.unwrap();
    assert_eq!(site.wait(start, MINUTE).code, Code::OK);
    assert_eq!(now(&site), 3 * SECOND);
    assert_eq!(site.wait(restart, MINUTE).code, Code::OK);
    assert_eq!(now(&site), 9 * SECOND);
    assert_eq!(journal.take(), ["start 1", "stop", "start 2"]);
}

#[test]
fn what_is_queued_does_not_outlast_a_stop_of_the_executive_a_hold_or_a_removal() {
    for ask in [
        Ask::Service(ServiceCommand::Stop),
        Ask::Hold { component: "A".into(), lease: HOUR },
        Ask::Remove { component: "A".into() },
    ] {
        let (mut site, _) = site([slow()]);
        site.order("A", Command::Stop).unwrap();
        let start = site.order_with("A", Command::Start, QUEUE).unwrap().operation.unwrap();
        accepted(site.ask(ask.clone()));
        assert_eq!(site.wait(start, MINUTE).code, Code::CANCELLED, "{ask:?}");
        site.advance(2 * HOUR).unwrap();
        assert_eq!(life(&mut site, "A"), 1, "{ask:?}");
    }
}

/// B depends on A; both are held, B for a minute and A for an hour.
fn held_longer_than_its_dependent() -> Site {
    let b = Probe::new("B").declares(|b| b.depends_on = vec!["A".into()]);
    let (mut site, _) = site([Probe::new("A"), b]);
    hold(&mut site, "B", MINUTE).unwrap();
    hold(&mut site, "A", HOUR).unwrap();
    site.advance(2 * MINUTE).unwrap();
    site
}

#[test]
fn what_depends_on_a_held_component_stays_down_as_long() {
    let mut site = held_longer_than_its_dependent();
    let b = site.query("B").unwrap();
    assert_eq!((b.state, b.substate, b.generation.0), STOPPED_HELD);
    assert_eq!((b.holds, b.waits_for), (vec![], vec!["A".to_owned()]), "its own hold is over");
    let refusal = site.start("B").unwrap_err();
    assert_eq!(refusal.code, Code::DEPENDENCY_FAIL);
    assert!(refusal.reason.contains("A, which is Stopped (held)"), "{refusal}");
    site.advance(HOUR).unwrap();
    assert_eq!(["A", "B"].map(|name| life(&mut site, name)), [2, 2]);
    assert_eq!(state(&mut site, "B").0, State::Running);
}

#[test]
fn what_depends_on_a_held_component_stays_down_over_a_kill_and_a_backup_too() {
    let mut site = held_longer_than_its_dependent();
    start_anew(&mut site);
    assert_eq!(state(&mut site, "B"), STOPPED_HELD);
    site.backup().unwrap();
    assert_eq!(state(&mut site, "B"), STOPPED_HELD);
    release(&mut site, "A").unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(["A", "B"].map(|name| state(&mut site, name)), [(State::Running, None, 2); 2]);
}

#[test]
fn what_depends_on_a_held_component_fails_when_that_does_not_come_back() {
    let mut site = held_longer_than_its_dependent();
    accepted(site.ask(Ask::Remove { component: "A".into() }));
    assert_eq!(state(&mut site, "B"), STOPPED_HELD, "the lease runs on");
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Failed), 2));
    assert_eq!(site.query("B").unwrap().exit_code, Code::DEPENDENCY_FAIL);
    assert_eq!(reporters(&mut site, ids::COMPONENT_DEPRIVED), ["B"]);
}

const DISABLED: (State, Option<Substate>) = (State::Stopped, Some(Substate::Disabled));

#[track_caller]
fn assert_rests_disabled(site: &mut Site) {
    site.advance(2 * HOUR).unwrap();
    let a = site.query("A").unwrap();
    assert_eq!((a.state, a.substate), DISABLED);
    assert_eq!((a.generation.0, a.desired), (1, Desired::Down));
    assert_eq!(refused(site.start("A")), 1058);
    set_startup(site, "A", Startup::Automatic);
    assert_eq!(state(site, "A"), (State::Stopped, Some(Substate::Operator), 1));
    site.start("A").unwrap();
    assert_eq!(life(site, "A"), 2);
}

#[test]
fn what_is_disabled_while_it_waits_to_restart_does_not() {
    let (mut site, _) = site([Probe::new("A").on(13, Act::Panic)]);
    site.allow_crashes();
    site.send("A", Message::Word(13)).unwrap();
    site.run_to_rest().unwrap();
    assert!(matches!(state(&mut site, "A").1, Some(Substate::Backoff { .. })));
    let from = site.events().len();
    set_startup(&mut site, "A", Startup::Disabled);
    assert_eq!(changes_from(&site, from), ["A 1 Stopped -> Stopped disabled"]);
    site.allow_stranded();
    site.advance(HOUR).unwrap();
    assert_eq!((state(&mut site, "A").0, life(&mut site, "A")), (State::Stopped, 1));
    assert_eq!(refused(site.start("A")), 1058);
}

#[test]
fn what_is_disabled_while_it_runs_ends_with_its_life() {
    let (mut site, _) = site([Probe::new("A").on(13, Act::Exit)]);
    set_startup(&mut site, "A", Startup::Disabled);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 1));
    site.send("A", Message::Word(13)).unwrap();
    assert_rests_disabled(&mut site);
}

#[test]
fn what_is_disabled_while_it_is_held_does_not_come_back() {
    let (mut site, _) = site([Probe::new("A")]);
    hold(&mut site, "A", HOUR).unwrap();
    set_startup(&mut site, "A", Startup::Disabled);
    assert_rests_disabled(&mut site);
}

#[test]
fn what_is_disabled_while_it_restarts_does_not_start_again() {
    let (mut site, _) = site([Probe::new("A").stop(Does::Checkpoints(4))]);
    let restart = site.order("A", Command::Restart).unwrap().operation.unwrap();
    set_startup(&mut site, "A", Startup::Disabled);
    assert_eq!(site.wait(restart, MINUTE).code, Code::DISABLED);
    assert_rests_disabled(&mut site);
}

#[test]
fn what_is_disabled_while_a_backup_has_it_down_stays_down() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B")]);
    let backup = accepted(site.ask(Ask::Backup)).operation.unwrap();
    set_startup(&mut site, "A", Startup::Disabled);
    assert_eq!(site.wait(backup, HOUR).code, Code::OK);
    assert_eq!(life(&mut site, "B"), 2);
    assert_rests_disabled(&mut site);
}

#[test]
fn a_copy_that_outlives_its_backup_is_not_taken_for_that_of_the_next() {
    let (builder, _) = with([Probe::new("A")]);
    let mut site = builder
        .backup_takes(15 * MINUTE)
        .setting(&contract::settings::keys::BACKUP_LEASE, &(10 * MINUTE))
        .start()
        .unwrap();
    let backup = |site: &mut Site| accepted(site.ask(Ask::Backup)).operation.unwrap();
    let first = backup(&mut site);
    let outcome = site.wait(first, HOUR);
    assert_eq!((outcome.code, now(&site)), (Code::SPECIFIC, 10 * MINUTE));
    let second = backup(&mut site);
    // The first copy is through five minutes later; the second would be after fifteen.
    let outcome = site.wait(second, HOUR);
    assert_eq!((outcome.code, now(&site)), (Code::SPECIFIC, 20 * MINUTE), "its lease, too");
    assert_eq!(reporters(&mut site, ids::BACKUP_COMPLETED), [""; 0]);
    let log = site.log("smsbkup.log").unwrap();
    assert_eq!(log.iter().filter(|line| line.contains("Too late: the copy at")).count(), 1);
}
