//! Corners where two things meet: what overtakes what, and what must not be lost on the way.

use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::id::OpId;
use contract::lifecycle::{Code, Command, Desired, Restart, State, Substate};
use contract::{
    Component, Context, Descriptor, Fault, Message, MessageType, Progress, Registration, Start,
    Started,
};
use serde::{Deserialize, Serialize};
use smsexec_sim::Site;
use smsexec_sim::probe::{Act, Does, Probe};

use crate::seen::{HOUR, MINUTE, SECOND, accepted, operation, site, state};

/// A site of one component of a test's own.
fn with<C: Component + 'static>(make: impl Fn() -> C + Send + Sync + 'static) -> Site {
    let a = Registration::new("A", Descriptor::new("a corner case", "a.log"), make);
    Site::primary("PS1").component(a).start().expect("the site starts")
}

fn restart_executive(site: &mut Site) -> contract::OpId {
    accepted(site.ask(Ask::Service(ServiceCommand::Restart))).operation.expect("it is under way")
}

#[test]
fn a_restart_that_the_executive_s_stop_overtakes_is_cancelled() {
    let (mut site, _) = site([Probe::new("A").stop(Does::Checkpoints(2))]);
    let restart = operation(&mut site, "A", Command::Restart);
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(site.wait(restart, SECOND).code, Code::CANCELLED);
}

#[test]
fn a_pause_that_hangs_does_not_keep_the_executive_from_running() {
    let slow = Probe::new("A").start(Does::Checkpoints(40));
    let (mut site, _) = site([slow, Probe::new("B").pause(Does::Hang)]);
    let restart = restart_executive(&mut site);
    site.advance(SECOND).unwrap();
    site.order("B", Command::Pause).unwrap();
    assert_eq!(site.wait(restart, 2 * MINUTE).code, Code::OK);
    site.service(ServiceCommand::Stop).unwrap();
}

#[test]
fn the_executive_can_be_stopped_while_it_starts() {
    let (mut site, _) = site([Probe::new("A").start(Does::Checkpoints(40))]);
    let restart = restart_executive(&mut site);
    site.advance(SECOND).unwrap();
    assert_eq!(state(&mut site, "A").0, State::StartPending);
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(site.wait(restart, SECOND).code, Code::CANCELLED);
    assert_eq!(state(&mut site, "A").0, State::Stopped);
}

#[test]
fn an_operator_s_stop_during_a_backup_outlasts_it() {
    let (mut site, _) = site([Probe::new("A").stop(Does::Checkpoints(4))]);
    let backup = accepted(site.ask(Ask::Backup)).operation.unwrap();
    site.advance(SECOND).unwrap();
    site.order("A", Command::Stop).unwrap();
    assert_eq!(site.wait(backup, 5 * MINUTE).code, Code::OK);
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Operator), 1));
}

#[test]
fn what_was_paused_is_paused_after_a_backup_and_after_a_crash() {
    let (mut site, [journal]) = site([Probe::new("A")]);
    site.pause("A").unwrap();
    site.send("A", Message::Word(1)).unwrap();
    site.backup().unwrap();
    assert_eq!(state(&mut site, "A").0, State::Paused);
    assert_eq!(site.query("A").unwrap().desired, Desired::Paused);
    assert_eq!(journal.take(), ["start 1", "pause", "stop", "start 2", "pause"]);
    site.resume("A").unwrap();
    assert_eq!(journal.take(), ["resume", "message 1"]);
}

#[test]
fn a_backup_brings_back_what_was_up_and_nothing_else() {
    let ends = Probe::new("A").on(9, Act::Exit).declares(|d| d.restart = Restart::Transient);
    let fails = Probe::new("B").start(Does::Panic).starts_well_from(7);
    let (mut site, _) = site([ends, fails, Probe::new("C").manual()]);
    site.allow_crashes();
    site.send("A", Message::Word(9)).unwrap();
    site.advance(MINUTE).unwrap();
    site.control("B", Command::ResetFailed).unwrap();
    site.start("C").unwrap();

    site.backup().unwrap();
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Completed), 1));
    assert_eq!(state(&mut site, "B"), (State::Stopped, Some(Substate::Cleared), 6));
    assert_eq!(state(&mut site, "C").0, State::Running, "it was up");
    site.service(ServiceCommand::Restart).unwrap();
    assert_eq!(state(&mut site, "C").0, State::Stopped, "manual waits for a start command");
}

#[test]
fn whoever_joins_what_nobody_waits_for_waits_for_it_all_the_same() {
    let slow = Probe::new("A").start(Does::Checkpoints(4)).on(3, Act::Panic);
    let (mut crashing, _) = site([slow]);
    crashing.allow_crashes();
    crashing.allow_stranded();
    crashing.send("A", Message::Word(3)).unwrap();
    crashing.advance(SECOND).unwrap();
    assert_eq!(state(&mut crashing, "A").0, State::StartPending, "it restarts by itself");
    crashing.start("A").unwrap();
    assert_eq!(crashing.query("A").unwrap().generation.0, 2);
    assert_ne!(state(&mut crashing, "A").0, State::StartPending, "the start was waited for");

    let (mut hanging, _) = site([Probe::new("A").pause(Does::Hang)]);
    assert_eq!(hanging.pause("A").unwrap_err().code, Code::REQUEST_TIMEOUT);
    let again = hanging.order("A", Command::Pause).unwrap();
    assert!(again.operation.is_some(), "it is still not paused");
}

#[test]
fn a_failure_that_a_person_stopped_is_forgiven() {
    let fails = Probe::new("A").start(Does::Panic).starts_well_from(7);
    let (mut site, _) = site([fails.on(5, Act::Panic)]);
    site.allow_crashes();
    site.allow_stranded();
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A").1, Some(Substate::Failed));
    site.stop("A").unwrap();
    site.start("A").unwrap();
    site.send("A", Message::Word(5)).unwrap();
    assert!(matches!(state(&mut site, "A").1, Some(Substate::Backoff { .. })), "one crash");
}

#[test]
fn a_setting_stored_while_it_pauses_is_told_when_it_has() {
    let slow = Probe::new("A").pause(Does::Checkpoints(4)).shows("probe.color");
    let (mut site, [journal]) = site([slow.declares(|d| d.reloads = vec!["probe.color"])]);
    site.order("A", Command::Pause).unwrap();
    site.advance(SECOND).unwrap();
    site.ask(Ask::Set { key: "probe.color".into(), value: "red".into() }).unwrap();
    site.advance(MINUTE).unwrap();
    assert_eq!(journal.take(), ["start 1 none", "pause", "changed red"]);
}

#[test]
fn a_question_is_no_command_and_an_operation_that_never_was_is_not_waited_for() {
    let (mut site, _) = site([Probe::new("A")]);
    assert_eq!(site.service(ServiceCommand::Query).unwrap_err().code, Code::INVALID_PARAMETER);
    for number in [0, 2, u64::MAX] {
        let outcome = site.wait(OpId(number), HOUR);
        let text = format!("there is no operation #{number}; the newest is #1");
        assert_eq!((outcome.code, outcome.text), (Code::DOES_NOT_EXIST, text));
    }
    assert_eq!(site.clock().now.since_start(), Duration::ZERO);
}

#[test]
fn an_operation_whose_outcome_is_forgotten_is_not_waited_for_in_the_next_process_either() {
    let (mut site, _) = site([]);
    for _ in 0..5_000 {
        site.service(ServiceCommand::Stop).unwrap();
        site.service(ServiceCommand::Start).unwrap();
    }
    let text = "operation #1 ended too long ago: the last 10000 outcomes are remembered";
    for _ in 0..2 {
        let outcome = site.wait(OpId(1), HOUR);
        assert_eq!((outcome.code, &*outcome.text), (Code::DOES_NOT_EXIST, text));
        assert_eq!(site.wait(OpId(10_001), HOUR).code, Code::OK);
        site.kill();
    }
    assert_eq!(site.clock().now.since_start(), Duration::ZERO);
    site.start_again().unwrap();
    assert_eq!(site.wait(OpId(10_002), HOUR).code, Code::OK, "the new process's start");
    assert_eq!(site.wait(OpId(2), HOUR).text, text.replace("#1", "#2"));
}

/// Leaves itself while it pauses.
struct Leaver;

impl Component for Leaver {
    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        cx.exit();
        Ok(Progress::Pending { hint: SECOND })
    }
}

#[test]
fn a_pause_that_ends_in_an_exit_is_no_pause() {
    let mut site = with(|| Leaver);
    assert_eq!(site.pause("A").unwrap_err().code, Code::NOT_ACTIVE);
}

/// Sets a timer; on resume cancels it, or waits for it.
struct Timed {
    waits: bool,
}

impl Component for Timed {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        cx.after(SECOND, "k");
        Ok(Started::Running)
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        cx.log(format!("timer {key}"));
        cx.done();
        Ok(())
    }

    fn resume(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        if self.waits {
            return Ok(Progress::Pending { hint: SECOND });
        }
        cx.cancel("k");
        Ok(Progress::Done)
    }
}

#[test]
fn a_timer_that_fell_due_in_a_pause_can_be_cancelled_or_waited_for() {
    for waits in [false, true] {
        let mut site = with(move || Timed { waits });
        site.pause("A").unwrap();
        site.advance(5 * SECOND).unwrap();
        site.resume("A").unwrap();
        assert_eq!(state(&mut site, "A").0, State::Running);
        let rang = site.log("a.log").unwrap().iter().any(|line| line.contains("timer k"));
        assert_eq!(rang, waits);
    }
}

/// Sets a timer for at once, without end.
struct Restless;

impl Component for Restless {
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        match message.word() {
            Some(0) => cx.after(Duration::ZERO, "again"),
            _ => cx.cancel("again"),
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        cx.after(Duration::ZERO, key);
        Ok(())
    }
}

#[test]
fn timers_for_at_once_do_not_keep_messages_from_coming_and_the_simulation_says_who_is_busy() {
    let mut site = with(|| Restless);
    let refusal = site.send("A", Message::Word(0)).unwrap_err();
    let seed = format!("seed {}", site.seed());
    assert!(refusal.reason.contains(&seed), "{refusal}");
    assert!(refusal.way_out.contains("timer again"), "{refusal}");
    site.send("A", Message::Word(1)).unwrap();
}

/// A message whose drop panics.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bomb;

impl MessageType for Bomb {
    const NAME: &'static str = "Bomb";
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a bomb");
        }
    }
}

/// Fails at every message, or sends itself a bomb and panics.
struct Careless {
    sends: bool,
}

impl Component for Careless {
    fn message(&mut self, _: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        if !self.sends {
            return Err(Fault::new(1, "no"));
        }
        cx.send(cx.id(), Bomb);
        panic!("after the bomb was laid");
    }
}

#[test]
fn payloads_that_panic_when_dropped_are_survived_wherever_they_are_dropped() {
    let mut site = with(|| Careless { sends: false });
    site.allow_crashes();
    site.send("A", Bomb).unwrap();
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A").0, State::Running, "it was set aside");

    let mut site = with(|| Careless { sends: true });
    site.allow_crashes();
    site.allow_stranded();
    site.send("A", Message::Word(1)).unwrap();
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A").0, State::Running);
    site.stop("A").unwrap();
    site.send("A", Bomb).unwrap();
    drop(site);
}
