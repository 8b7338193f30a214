//! Who waits for what, and is told at once whatever the components do.
#![allow(missing_docs, reason = "a test's name says it")]

mod common;

use std::time::Duration;

use common::{ASK, BLOCK, Does, FLOOD, LONG, Probe, await_state, manual, site_on, tell};
use contract::control::{Ask, DeadReason, HostControl, ServiceCommand, Told, Until};
use contract::id::{Generation, OpId};
use contract::lifecycle::{Code, Command, State, Substate};
use contract::message::Message;

#[test]
fn an_operation_is_waited_for_while_it_is_under_way_and_after() {
    let (probe, watched) = Probe::new("A");
    let mut site = site_on(1, [probe.stop(Does::Block)]);
    let stop = tell(&mut site, "A", Command::Stop).unwrap().operation.unwrap();
    watched.expect("start 1");
    watched.expect("stop 1");
    watched.expect("stop blocks");
    let early = site.wait(stop, Duration::ZERO);
    assert_eq!((early.code, &*early.text), (Code::REQUEST_TIMEOUT, "not done within 0ns"));
    let mut other = site.handle();
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || other.wait(stop, LONG));
        watched.release();
        assert_eq!(waits.join().unwrap().code, Code::OK);
    });
    assert_eq!(site.wait(stop, LONG).code, Code::OK, "it is remembered");
}

#[test]
fn an_operation_that_never_was_or_is_forgotten_is_not_waited_for() {
    let mut site = site_on(1, []);
    let newest = |site: &mut smsexec_live::Site| {
        site.service(ServiceCommand::Stop).unwrap();
        site.service(ServiceCommand::Start).unwrap().operation.unwrap()
    };
    let first = newest(&mut site);
    for number in [0, first.0 + 1, u64::MAX] {
        let outcome = site.wait(OpId(number), LONG);
        let text = format!("there is no operation #{number}; the newest is {first}");
        assert_eq!((outcome.code, outcome.text), (Code::DOES_NOT_EXIST, text));
    }
    let last = (0..5_000).map(|_| newest(&mut site)).last().unwrap();
    let outcome = site.wait(first, LONG);
    let text = "operation #3 ended too long ago: the last 10000 outcomes are remembered";
    assert_eq!((outcome.code, &*outcome.text), (Code::DOES_NOT_EXIST, text));
    assert_eq!(site.wait(OpId(first.0 + 1), LONG).code, Code::OK, "the oldest that is remembered");
    assert_eq!(site.wait(last, LONG).code, Code::OK);
}

#[test]
fn a_state_a_generation_and_rest_are_waited_for() {
    let (probe, watched) = Probe::new("A");
    let mut site = site_on(1, [probe.start(Does::Block).declares(manual)]);
    let mut other = site.handle();
    let (has_seen, seen) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || {
            let pending = other.wait_for("a", Until::State(State::StartPending), LONG).unwrap();
            assert_eq!(pending.state, State::StartPending);
            has_seen.send(()).unwrap();
            other.wait_for("A", Until::Generation(Generation(2)), LONG).unwrap()
        });
        tell(&mut site, "A", Command::Start).unwrap();
        seen.recv().unwrap();
        watched.release();
        await_state(&mut site, "A", State::Running);
        tell(&mut site, "A", Command::Restart).unwrap();
        watched.release();
        assert_eq!(waits.join().unwrap().generation, Generation(2));
    });
    let settled = site.wait_for("A", Until::Settled, LONG).unwrap();
    assert_eq!(settled.state, State::Running);
    tell(&mut site, "A", Command::Kill).unwrap();
    let settled = site.wait_for("A", Until::Settled, LONG).unwrap();
    assert_eq!((settled.state, settled.substate), (State::Stopped, Some(Substate::Operator)));
}

#[test]
fn a_wait_that_times_out_says_what_it_is_instead() {
    let (probe, _watched) = Probe::new("A");
    let mut site = site_on(1, [probe]);
    let refusal = site.wait_for("A", Until::State(State::Paused), Duration::ZERO).unwrap_err();
    assert_eq!(refusal.code, Code::REQUEST_TIMEOUT);
    assert_eq!(refusal.reason, "it was not Paused within 0ns; it is Running");
    for time in [Duration::ZERO, LONG] {
        let refusal = site.wait_for("B", Until::Settled, time).unwrap_err();
        assert_eq!(refusal.code, Code::DOES_NOT_EXIST, "{refusal}");
    }
}

#[test]
fn questions_are_answered_while_a_component_floods_the_executive() {
    let (flood, _flooded) = Probe::new("FLOOD");
    let (probe, watched) = Probe::new("A");
    let mut site = site_on(2, [flood, probe]);
    site.send("FLOOD", Message::Word(FLOOD)).unwrap();
    // The flood never ends: every answer comes in the midst of it.
    for _ in 0..50 {
        site.query("A").unwrap();
        site.stop("A").unwrap();
        site.start("A").unwrap();
    }
    assert_eq!(site.query("A").unwrap().generation, Generation(51));
    assert_eq!(site.query("FLOOD").unwrap().state, State::Running);
    site.stop("FLOOD").unwrap();
    drop(watched);
}

#[test]
fn questions_are_answered_while_a_component_blocks_its_thread() {
    let (first, blocked) = Probe::new("A");
    let (second, _watched) = Probe::new("B");
    let (third, same_thread) = Probe::new("C");
    let mut site = site_on(2, [first, second, third]);
    site.send("A", Message::Word(BLOCK)).unwrap();
    blocked.expect_blocked();
    assert_eq!(site.query("A").unwrap().state, State::Running);
    site.stop("B").unwrap();
    site.start("B").unwrap();
    // C is on the thread that A blocks: its stop is accepted, and comes about later.
    let stop = tell(&mut site, "C", Command::Stop).unwrap().operation.unwrap();
    let refusal = tell(&mut site, "C", Command::Pause).unwrap_err();
    assert_eq!(refusal.code, Code::CANNOT_ACCEPT_CONTROL);
    let again = tell(&mut site, "C", Command::Stop).unwrap();
    assert_eq!((again.operation, again.code), (Some(stop), Code::CANNOT_ACCEPT_CONTROL));
    assert!(site.ask(Ask::Service(ServiceCommand::Query)).is_ok());
    assert_eq!(same_thread.take(), ["start 1"]);
    blocked.release();
    assert_eq!(site.wait(stop, LONG).code, Code::OK);
    assert_eq!(same_thread.take(), ["stop 1"]);
}

#[test]
fn a_sibling_s_news_does_not_wait_for_a_hook_that_blocks() {
    let (first, running) = Probe::new("A");
    let (second, blocked) = Probe::new("B");
    let second = second.start(Does::Block).declares(manual);
    let (third, _also_running) = Probe::new("C");
    let mut site = site_on(1, [first.declares(manual), second, third.declares(manual)]);
    // One thread gets all three orders while it is busy with none of them.
    site.send("A", Message::Word(1)).unwrap();
    for name in ["A", "B", "C"] {
        tell(&mut site, name, Command::Start).unwrap();
    }
    running.expect("start 1");
    blocked.expect("start 1");
    blocked.expect("start blocks");
    await_state(&mut site, "A", State::Running);
    assert_eq!(site.query("B").unwrap().state, State::StartPending);
    blocked.release();
    await_state(&mut site, "C", State::Running);
}

#[test]
fn a_message_for_a_full_inbox_is_refused_and_one_for_nobody_too() {
    let (probe, watched) = Probe::new("A");
    let mut site = site_on(1, [probe.declares(|d| d.inbox_max = 3)]);
    site.pause("A").unwrap();
    let mut sent = 0;
    let refusal = loop {
        match site.send("A", Message::Word(sent)) {
            Ok(()) => sent += 1,
            Err(refusal) => break refusal,
        }
        // Once the site is at rest, the inbox has taken in what was sent.
        site.advance(Duration::ZERO).unwrap();
    };
    assert_eq!((sent, refusal.code), (3, Code::NOT_ENOUGH_QUOTA));
    site.resume("A").unwrap();
    site.advance(Duration::ZERO).unwrap();
    assert_eq!(watched.take().len(), 1 + 3);
    site.send("A", Message::Word(7)).unwrap();
    watched.expect("message 7 in 1");
    let refusal = site.send("B", Message::Word(7)).unwrap_err();
    assert_eq!((refusal.code, &*refusal.way_out), (Code::DOES_NOT_EXIST, "did you mean A?"));
}

#[test]
fn a_message_whose_time_runs_out_is_set_aside() {
    let (probe, watched) = Probe::new("A");
    let mut site = site_on(1, [probe]);
    site.pause("A").unwrap();
    site.send_within("A", Message::Word(1), Duration::from_secs(10)).unwrap();
    site.send_within("A", Message::Word(2), Duration::from_secs(3_600)).unwrap();
    site.advance(Duration::from_secs(60)).unwrap();
    site.resume("A").unwrap();
    watched.expect("start 1");
    watched.expect("message 2 in 1");
    site.advance(Duration::ZERO).unwrap();
    let letters = match site.ask(Ask::DeadLetters { component: None, last: usize::MAX }) {
        Ok(Told::DeadLetters(letters)) => letters,
        told => unreachable!("dead letters were asked for, told {told:?}"),
    };
    let reasons: Vec<_> = letters.iter().map(|letter| &letter.reason).collect();
    assert_eq!(reasons, [&DeadReason::Expired]);
}

#[test]
fn every_transition_can_be_watched_and_is_there_before_the_answer() {
    let (probe, _watched) = Probe::new("A");
    let mut site = site_on(1, [probe]);
    let transitions = site.watch().unwrap();
    tell(&mut site, "A", Command::Stop).unwrap();
    let first = transitions.try_recv().unwrap();
    assert_eq!((&*first.name, first.from, first.to), ("A", State::Running, State::StopPending));
    await_state(&mut site, "A", State::Stopped);
    let second = transitions.try_recv().unwrap();
    assert_eq!((second.number, second.to), (first.number + 1, State::Stopped));
    drop(transitions);
    let other = site.watch().unwrap();
    site.start("A").unwrap();
    let states: Vec<State> = other.try_iter().map(|transition| transition.to).collect();
    assert_eq!(states, [State::StartPending, State::Running]);
}

#[test]
fn a_handle_outlives_its_host_and_is_told_so() {
    let (probe, _watched) = Probe::new("A");
    let site = site_on(1, [probe]);
    let mut handle = site.handle();
    assert_eq!(handle.clone().query("A").unwrap().state, State::Running);
    assert_eq!(site.shut_down(), Ok(0));
    assert_eq!(handle.query("A").unwrap_err().code, Code::PROCESS_ABORTED);
    for name in ["A", "B"] {
        let refusal = handle.send(name, Message::Word(1)).unwrap_err();
        assert_eq!(refusal.code, Code::PROCESS_ABORTED, "{name}");
    }
    let waited = handle.wait_for("A", Until::Settled, LONG).unwrap_err();
    assert_eq!(waited.code, Code::PROCESS_ABORTED);
    assert_eq!(handle.wait(OpId(1), LONG).code, Code::PROCESS_ABORTED);
    assert_eq!(handle.watch().unwrap_err().code, Code::PROCESS_ABORTED);
    assert_eq!(handle.advance(LONG).unwrap_err().code, Code::PROCESS_ABORTED);
}

#[test]
fn what_a_killed_life_asked_for_does_not_keep_the_clock_from_moving() {
    let (probe, _watched) = Probe::new("A");
    let mut site = site_on(1, [probe]);
    site.send("A", Message::Word(ASK)).unwrap();
    tell(&mut site, "A", Command::Kill).unwrap();
    site.advance(LONG).unwrap();
}
