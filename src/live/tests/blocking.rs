//! Hooks that do not come back, and the threads they take along (lifecycle.md 3.9, 3.10).
#![allow(missing_docs, reason = "a test's name says it")]

mod common;

use std::time::Duration;

use common::{
    ASK, BLOCK, BLOCK_LATER, Does, LONG, Probe, STOP_AND_KILL, Watched, ask, await_state,
    dedicated, manual, service, site_on, tell, zombies_end,
};
use contract::Descriptor;
use contract::control::{Ask, HostControl, ServiceCommand, Told, Until};
use contract::id::Generation;
use contract::lifecycle::{Code, Command, CommandOptions, Exit, State, WhenHung};
use contract::message::Message;
use smsexec_live::Site;
use status::ids;

fn exclusive(descriptor: &mut Descriptor) {
    descriptor.exclusive = true;
}

/// Has it wait at its gate in a message.
fn block(site: &Site, name: &str, watched: &Watched) {
    site.send(name, Message::Word(BLOCK)).unwrap();
    watched.expect_blocked();
}

/// Commands it, and moves the clock on until a stop that does not come about has run out.
fn stop_in_vain(site: &mut Site, name: &str) {
    let stop = tell(site, name, Command::Stop).unwrap().operation.unwrap();
    site.advance(STOP_AND_KILL).unwrap();
    assert_eq!(site.wait(stop, LONG).code, Code::OK);
    let status = site.query(name).unwrap();
    assert_eq!((status.state, status.last_exit), (State::Stopped, Some(Exit::Killed)));
}

#[test]
fn a_dedicated_component_that_blocks_is_killed_and_its_next_life_has_a_fresh_thread() {
    let (first, blocked) = Probe::new("A");
    let (second, other) = Probe::new("B");
    let mut site = site_on(1, [first.declares(dedicated), second]);
    block(&site, "A", &blocked);
    other.expect("start 1");
    site.send("B", Message::Word(1)).unwrap();
    other.expect("message 1 in 1");

    stop_in_vain(&mut site, "A");
    assert_eq!(service(&mut site).zombies, [("A".to_owned(), Generation(1))]);
    site.start("A").unwrap();
    blocked.expect("start 2");
    site.send("A", Message::Word(2)).unwrap();
    blocked.expect("message 2 in 2");
    assert_eq!(site.query("B").unwrap().generation, Generation(1), "it was never disturbed");

    blocked.release();
    blocked.expect("message goes on");
    // What it was handed when it got stuck has failed once, and comes again.
    blocked.expect("message 1000 in 2");
    blocked.expect("message blocks");
    blocked.release();
    blocked.expect("message goes on");
    site.stop("A").unwrap();
    assert_eq!(service(&mut site).zombies, []);
    assert_eq!(site.shut_down(), Ok(0));
}

#[test]
fn the_host_ends_with_21_while_code_has_not_come_back() {
    let (first, blocked) = Probe::new("A");
    let (second, _other) = Probe::new("B");
    let mut site = site_on(1, [first.declares(dedicated), second]);
    block(&site, "A", &blocked);
    stop_in_vain(&mut site, "A");
    assert_eq!(site.shut_down(), Ok(21));
    blocked.release();
    blocked.expect("message goes on");
}

#[test]
fn a_stop_of_all_gives_a_blocked_thread_up_and_code_that_came_back_is_forgiven() {
    let (first, blocked) = Probe::new("A");
    let (second, _other) = Probe::new("B");
    let mut site = site_on(1, [first.declares(dedicated), second]);
    block(&site, "A", &blocked);
    let mut operator = site.handle();
    std::thread::scope(|scope| {
        let stops = scope.spawn(move || operator.service(ServiceCommand::Stop));
        await_state(&mut site, "A", State::StopPending);
        site.advance(STOP_AND_KILL).unwrap();
        assert_eq!(stops.join().unwrap().unwrap().code, Code::OK);
    });
    assert_eq!(service(&mut site).exit_status, Some(21));
    // The thread tells that it is back when it takes its last turn.
    let transitions = site.watch().unwrap();
    blocked.release();
    blocked.expect("message goes on");
    zombies_end(&mut site);
    assert_eq!(service(&mut site).exit_status, Some(0));
    assert_eq!(transitions.try_recv().ok(), None, "that changes nothing else");
}

#[test]
fn code_that_was_given_up_and_comes_back_is_reported() {
    let (probe, blocked) = Probe::new("A");
    let mut site = site_on(1, [probe.declares(dedicated)]);
    block(&site, "A", &blocked);
    stop_in_vain(&mut site, "A");
    let zombies = [ids::COMPONENT_ZOMBIE, ids::COMPONENT_ZOMBIE_GONE];
    assert_eq!(reports_of(&mut site, "A", &zombies), [ids::COMPONENT_ZOMBIE]);
    blocked.release();
    blocked.expect("message goes on");
    zombies_end(&mut site);
    assert_eq!(reports_of(&mut site, "A", &zombies), zombies);
}

/// The status messages of a component that bear one of these ids, oldest first.
fn reports_of(site: &mut Site, component: &str, ids: &[u32]) -> Vec<u32> {
    let ask = Ask::Messages { component: Some(component.to_owned()), last: usize::MAX };
    match site.ask(ask) {
        Ok(Told::Messages(records)) => {
            let reported = records.iter().map(|record| record.message.id);
            reported.filter(|id| ids.contains(id)).collect()
        }
        told => unreachable!("messages were asked for, told {told:?}"),
    }
}

#[test]
fn a_clock_that_moves_on_does_not_wait_for_a_timer_whose_turn_has_begun() {
    let (probe, blocked) = Probe::new("A");
    let site = site_on(1, [probe.declares(dedicated)]);
    site.send("A", Message::Word(BLOCK_LATER)).unwrap();
    blocked.expect("start 1");
    blocked.expect("message 1004 in 1");
    // On a thread of its own: if the clock stood still at the timer, nobody would ever be told.
    let (done, is_done) = std::sync::mpsc::channel();
    let mut operator = site.handle();
    let advances = std::thread::spawn(move || done.send(operator.advance(LONG).map(|c| c.now)));
    blocked.expect("timer blocks");
    let now = is_done.recv_timeout(LONG).expect("the clock moves on").unwrap();
    assert!(now.since_start() >= LONG, "{now:?}");
    blocked.release();
    blocked.expect("timer goes on");
    advances.join().unwrap().unwrap();
}

#[test]
fn a_start_that_blocks_is_ended_at_its_time_and_tried_again_on_a_fresh_thread() {
    let (probe, blocked) = Probe::new("A");
    let probe = probe.start(Does::Block).declares(manual).declares(dedicated);
    let mut site = site_on(1, [probe]);
    tell(&mut site, "A", Command::Start).unwrap();
    blocked.expect("start 1");
    blocked.expect("start blocks");
    site.advance(Duration::from_secs(31)).unwrap();
    blocked.expect("start 2");
    blocked.expect("start blocks");
    assert_eq!(site.query("A").unwrap().last_exit, Some(Exit::StartHang));
    assert_eq!(service(&mut site).zombies, [("A".to_owned(), Generation(1))]);
    blocked.release();
    blocked.release();
    await_state(&mut site, "A", State::Running);
    assert_eq!(site.query("A").unwrap().generation, Generation(2));
    zombies_end(&mut site);
}

#[test]
fn on_a_shared_thread_that_is_lost_the_others_begin_anew_and_at_nobody_s_charge() {
    let (first, blocked) = Probe::new("A");
    let (second, sibling) = Probe::new("B");
    let mut site = site_on(1, [first, second]);
    block(&site, "A", &blocked);
    sibling.expect("start 1");
    // They lie in the lane, in front of a thread that does not take them.
    site.send("B", Message::Word(1)).unwrap();
    site.send("B", Message::Word(2)).unwrap();
    stop_in_vain(&mut site, "A");
    sibling.expect("start 2");
    sibling.expect("message 1 in 2");
    sibling.expect("message 2 in 2");
    let status = site.query("B").unwrap();
    assert_eq!((status.state, status.crashes), (State::Running, 1));
    assert_eq!(status.last_exit, Some(Exit::Lost));
    for life in 2..10 {
        // Six charged crashes would be one too many.
        site.restart("B").unwrap();
        assert_eq!(site.query("B").unwrap().generation, Generation(life + 1));
    }
    drop(blocked);
    zombies_end(&mut site);
}

#[test]
fn what_waited_in_an_inbox_of_a_lost_thread_comes_when_the_hook_comes_back() {
    let (first, blocked) = Probe::new("A");
    let (second, sibling) = Probe::new("B");
    let mut site = site_on(1, [first, second]);
    site.pause("B").unwrap();
    site.send("B", Message::Word(1)).unwrap();
    site.advance(Duration::ZERO).unwrap();
    block(&site, "A", &blocked);
    stop_in_vain(&mut site, "A");
    site.resume("B").unwrap();
    sibling.expect("start 1");
    sibling.expect("start 2");
    site.send("B", Message::Word(2)).unwrap();
    sibling.expect("message 2 in 2");
    drop(blocked);
    sibling.expect("message 1 in 2");
}

#[test]
fn an_exclusive_component_waits_until_its_code_has_come_back() {
    let (probe, blocked) = Probe::new("A");
    let mut site = site_on(1, [probe.declares(dedicated).declares(exclusive)]);
    block(&site, "A", &blocked);
    stop_in_vain(&mut site, "A");
    let refusal = site.start("A").unwrap_err();
    assert_eq!(refusal.code, Code::REQUEST_TIMEOUT);
    assert_eq!(blocked.take(), [""; 0]);
    blocked.release();
    zombies_end(&mut site);
    site.start("A").unwrap();
    assert_eq!(site.query("A").unwrap().generation, Generation(2));
    assert_eq!(blocked.lives.clashes.load(std::sync::atomic::Ordering::SeqCst), 0);
    drop(blocked);
}

#[test]
fn an_exclusive_component_starts_beside_its_zombie_when_somebody_insists() {
    let (probe, blocked) = Probe::new("A");
    let mut site = site_on(1, [probe.declares(dedicated).declares(exclusive)]);
    block(&site, "A", &blocked);
    stop_in_vain(&mut site, "A");
    let force = CommandOptions { force: true, ..CommandOptions::default() };
    ask(&mut site, "A", Command::Start, force).unwrap();
    blocked.expect("start 2");
    drop(blocked);
}

#[test]
fn a_hung_component_is_found_by_the_watchdog_and_begins_anew_where_it_wants_to() {
    let (first, blocked) = Probe::new("A");
    let first = first.declares(|d| d.when_hung = WhenHung::Restart);
    let (second, reported) = Probe::new("B");
    let mut site = site_on(1, [first.declares(dedicated), second.declares(dedicated)]);
    block(&site, "A", &blocked);
    block(&site, "B", &reported);
    site.advance(Duration::from_secs(190)).unwrap();
    blocked.expect("start 2");
    let status = site.wait_for("A", Until::Generation(Generation(2)), LONG).unwrap();
    assert_eq!((status.last_exit, status.crashes), (Some(Exit::Hung), 1));
    let status = site.query("B").unwrap();
    assert_eq!((status.hung, status.state), (true, State::Running));
    reported.release();
    reported.expect("message goes on");
    site.advance(Duration::from_secs(10)).unwrap();
    assert!(!site.query("B").unwrap().hung);
    drop(blocked);
}

#[test]
fn what_was_asked_for_on_a_lost_thread_does_not_keep_the_clock_from_moving() {
    let (first, blocked) = Probe::new("A");
    let (second, sibling) = Probe::new("B");
    let mut site = site_on(1, [first, second]);
    site.send("B", Message::Word(ASK)).unwrap();
    sibling.expect("start 1");
    sibling.expect("message 1003 in 1");
    block(&site, "A", &blocked);
    stop_in_vain(&mut site, "A");
    // The errand of B's first life is stuck with its thread, and with nobody else.
    site.advance(Duration::from_secs(3_600)).unwrap();
    drop(blocked);
}
