//! The bench on itself: what it does, and that each helper fails when it should.

use std::time::Duration;

use contract::effect::Failure;
use contract::{
    Answer, Component, ComponentId, Context, Descriptor, FailureKind, Fault, Message, MessageType,
    Progress, Registration, Reply, Request, Setting, Settings, Start, Started, State,
    StatusMessage, Ticket,
};
use serde::{Deserialize, Serialize};

use crate::{Bench, START_TIME};

const HOUR: Duration = Duration::from_secs(3600);
const FIXED: Setting<u64> = Setting::new("fixed", || 0);
const LIVE: Setting<u64> = Setting::new("live", || 0);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note(String);

impl MessageType for Note {
    const NAME: &'static str = "Note";
}

/// Does what a word tells it; says what it was called with in its log.
#[derive(Default)]
struct Puppet;

mod word {
    pub(super) const SEND: u64 = 1;
    pub(super) const REQUEST: u64 = 2;
    pub(super) const REPORT: u64 = 3;
    pub(super) const FAIL: u64 = 4;
    pub(super) const TIMERS: u64 = 5;
    pub(super) const SPIN: u64 = 6;
    pub(super) const REMEMBER: u64 = 7;
    pub(super) const CANCEL: u64 = 8;
    pub(super) const EXIT: u64 = 9;
}

fn probe() -> Request {
    Request::Probe { url: "https://a.example/".into(), time_out: HOUR }
}

impl Component for Puppet {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let settings = start.settings;
        cx.log(format!("life {} fixed {}", cx.generation(), settings.get(&FIXED)));
        match settings.text("start") {
            Some("pending") => Ok(Started::Pending { hint: HOUR }),
            Some("not applicable") => Ok(Started::NotApplicable("no reason".into())),
            _ => Ok(Started::Running),
        }
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        match message.word() {
            Some(word::SEND) => {
                cx.send_by_name("OTHER", Note("hello".into()));
                cx.send(cx.sender(), Message::Word(7));
            }
            Some(word::REQUEST) => drop(cx.request(probe())),
            Some(word::REPORT) => cx.report(StatusMessage::warning(60990)),
            Some(word::FAIL) => {
                cx.log("about to fail");
                cx.request(probe());
                cx.remember("Value", "lost");
                cx.report(StatusMessage::warning(60990));
                return Err(Fault::new(5, "told to fail"));
            }
            Some(word::TIMERS) => {
                cx.after(2 * HOUR, "late");
                cx.after(HOUR, "early");
                cx.after(HOUR, "early too");
            }
            Some(word::SPIN) => cx.after(Duration::ZERO, "spin"),
            Some(word::REMEMBER) => cx.remember("Value", "kept"),
            Some(word::CANCEL) => cx.cancel("early"),
            Some(word::EXIT) => cx.exit(),
            _ => cx.log(format!("message {}", message.name())),
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        if key == "spin" {
            cx.after(Duration::ZERO, "spin");
        }
        cx.log(format!("timer {key} at {:?} {}", cx.now().since_start(), cx.utc().unix_seconds()));
        Ok(())
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        cx.log(format!("answer {ticket} {}", answer.is_ok()));
        cx.done();
        Ok(())
    }

    fn changed(&mut self, settings: &Settings, cx: &mut Context<'_>) -> Result<(), Fault> {
        cx.log(format!("changed {} {}", settings.get(&FIXED), settings.get(&LIVE)));
        Ok(())
    }

    fn control(&mut self, code: u8, cx: &mut Context<'_>) -> Result<(), Fault> {
        cx.log(format!("control {code}"));
        Ok(())
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        cx.log("stopping");
        Ok(Progress::Done)
    }
}

fn registration() -> Registration {
    let mut descriptor = Descriptor::new("a puppet", "puppet.log");
    descriptor.start_only = vec![FIXED.key];
    descriptor.reloads = vec![LIVE.key];
    descriptor.controls = vec![130];
    Registration::new("PUPPET", descriptor, Puppet::default)
}

fn running() -> Bench {
    let mut bench = Bench::new(registration());
    bench.start();
    bench
}

fn told(word: u64) -> Bench {
    let mut bench = running();
    bench.deliver(Message::Word(word));
    bench
}

fn refused() -> Answer {
    Err(Failure::new(FailureKind::Refused, "nobody there"))
}

#[test]
fn a_bench_begins_at_the_fixed_time() {
    let bench = Bench::new(registration());
    assert_eq!(bench.utc(), START_TIME);
    assert_eq!(START_TIME.unix_seconds() % 86_400, 8 * 3600, "eight in the morning");
    assert_eq!(bench.state(), State::Stopped);
}

#[test]
#[should_panic(expected = "fixed is declared both start-only and reloadable")]
fn new_fails_on_a_key_that_is_declared_twice() {
    let mut descriptor = Descriptor::new("a puppet", "puppet.log");
    descriptor.start_only = vec![FIXED.key];
    descriptor.reloads = vec![FIXED.key];
    Bench::new(Registration::new("PUPPET", descriptor, Puppet::default));
}

#[test]
#[should_panic(expected = "use change()")]
fn settings_fails_while_the_component_lives() {
    running().settings(|_| ());
}

#[test]
#[should_panic(expected = "start() in state Running")]
fn start_fails_while_the_component_runs() {
    running().start();
}

#[test]
fn a_message_waits_until_the_component_runs() {
    let mut bench = Bench::new(registration());
    bench.deliver(Message::of(Note("early".into())));
    bench.expect_no_log("message Note");
    bench.start();
    bench.expect_log("message Note");
    bench.pause();
    bench.deliver(Message::of(Note("paused".into())));
    assert_eq!(bench.state(), State::Paused);
    bench.resume();
    bench.expect_log("message Note");
}

#[test]
fn a_pending_start_ends_with_done() {
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set_text("start", "pending".into())).start();
    assert_eq!(bench.state(), State::StartPending);
    bench.stray_answer(Ticket(1), refused());
    assert_eq!(bench.state(), State::Running);
}

#[test]
fn not_applicable_leaves_it_stopped() {
    let mut bench = Bench::new(registration());
    bench.settings(|s| s.set_text("start", "not applicable".into())).start();
    assert_eq!(bench.state(), State::Stopped);
    bench.expect_silence();
}

#[test]
fn exit_leaves_it_stopped() {
    assert_eq!(told(word::EXIT).state(), State::Stopped);
}

#[test]
fn advance_fires_timers_in_order_and_at_their_time() {
    let mut bench = told(word::TIMERS);
    bench.advance(HOUR - Duration::from_nanos(1));
    bench.expect_no_log("timer");
    bench.advance(Duration::from_nanos(1));
    bench.expect_log("timer early at 3600s 1767603600");
    bench.expect_log("timer early too at 3600s");
    bench.expect_no_log("timer late");
    bench.advance(10 * HOUR);
    bench.expect_log("timer late at 7200s");
    assert_eq!(bench.utc(), START_TIME + 11 * HOUR);
}

#[test]
fn a_timer_can_be_cancelled() {
    let mut bench = told(word::TIMERS);
    bench.deliver(Message::Word(word::CANCEL));
    bench.advance(10 * HOUR);
    bench.expect_log("timer early too");
    bench.expect_log("timer late");
    bench.expect_no_log("timer early at");
}

#[test]
fn a_timer_that_is_set_again_is_replaced() {
    let mut bench = told(word::TIMERS);
    bench.advance(Duration::from_secs(1));
    bench.deliver(Message::Word(word::TIMERS));
    bench.advance(HOUR);
    bench.expect_log("timer early at 3601s");
    bench.expect_log("timer early too at 3601s");
    bench.expect_no_log("at 3600s");
}

#[test]
#[should_panic(expected = "timers at one instant come to no end")]
fn advance_fails_on_a_timer_that_spins() {
    told(word::SPIN).advance(HOUR);
}

#[test]
fn a_request_is_taken_once_and_open_until_its_answer() {
    let mut bench = told(word::REQUEST);
    assert_eq!(bench.requests(), [&probe()]);
    let ticket = bench.expect_request(|request| *request == probe());
    bench.expect_silence();
    assert_eq!(bench.requests(), [&probe()]);
    bench.answer(ticket, Ok(Reply::Probed { status: 200 }));
    bench.expect_log("answer t1 true");
    assert!(bench.requests().is_empty());
}

#[test]
fn timers_and_answers_wait_out_a_pause() {
    let mut bench = told(word::TIMERS);
    bench.deliver(Message::Word(word::REQUEST));
    let ticket = bench.expect_request(|_| true);
    bench.pause();
    bench.answer(ticket, refused());
    bench.advance(3 * HOUR);
    bench.expect_no_log("answer");
    bench.expect_no_log("timer");
    bench.resume();
    for line in ["answer t1", "timer early at 10800s", "timer early too", "timer late"] {
        bench.expect_log(line);
    }
}

#[test]
fn what_waited_for_a_life_ends_with_it() {
    let mut bench = told(word::TIMERS);
    bench.pause();
    bench.advance(HOUR);
    bench.deliver(Message::of(Note("kept".into())));
    bench.restart();
    bench.expect_log("message Note");
    bench.expect_no_log("timer");
}

#[test]
#[should_panic(expected = "expected a request, but none was made")]
fn expect_request_fails_without_one() {
    running().expect_request(|_| true);
}

#[test]
#[should_panic(expected = "expected another request than t1")]
fn expect_request_fails_on_another() {
    told(word::REQUEST).expect_request(|_| false);
}

#[test]
#[should_panic(expected = "no open request has the ticket t1")]
fn answer_fails_when_nothing_is_open() {
    running().answer(Ticket(1), refused());
}

#[test]
#[should_panic(expected = "answer t9 failure: the connection was refused: nobody there: the \
                           component does not live")]
fn stray_answer_fails_without_a_life() {
    Bench::new(registration()).stray_answer(Ticket(9), refused());
}

#[test]
fn messages_are_taken_by_name_and_by_id() {
    let mut bench = running();
    bench.deliver_from(ComponentId::new(1, 2), Message::Word(word::SEND));
    assert_eq!(bench.expect_sent::<Note>("OTHER"), Note("hello".into()));
    let (to, message) = bench.unexamined.sent.pop_front().unwrap();
    assert_eq!((to.as_str(), message.word()), ("1:2", Some(7)));
}

#[test]
#[should_panic(expected = "expected a Note to OTHER, but nothing was sent")]
fn expect_sent_fails_without_a_message() {
    running().expect_sent::<Note>("OTHER");
}

#[test]
#[should_panic(expected = "expected a Note to ANOTHER, not Value(Note(\"hello\")) to OTHER")]
fn expect_sent_fails_on_another_receiver() {
    told(word::SEND).expect_sent::<Note>("ANOTHER");
}

#[test]
#[should_panic(expected = "expected a Note to outside, not Word(7) to outside")]
fn expect_sent_fails_on_another_type() {
    let mut bench = told(word::SEND);
    bench.expect_sent::<Note>("OTHER");
    bench.expect_sent::<Note>("outside");
}

#[test]
fn expect_report_takes_it() {
    let mut bench = told(word::REPORT);
    assert_eq!(bench.expect_report(60990), StatusMessage::warning(60990));
    bench.expect_silence();
}

#[test]
#[should_panic(expected = "expected status message 60991, not StatusMessage { id: 60990")]
fn expect_report_fails_on_another() {
    told(word::REPORT).expect_report(60991);
}

#[test]
#[should_panic(expected = "expected status message 60990, but none was reported")]
fn expect_report_fails_without_one() {
    running().expect_report(60990);
}

#[test]
#[should_panic(expected = "expected a log line with \"life 1\" after the first 1 lines")]
fn expect_log_fails_on_a_line_found_before() {
    let mut bench = running();
    bench.expect_log("life 1");
    bench.expect_log("life 1");
}

#[test]
#[should_panic(expected = "expected a log line with \"control 130\" after the first 3 lines")]
fn expect_log_does_not_go_back() {
    let mut bench = running();
    bench.control(130);
    bench.change(|s| s.set(&LIVE, &1));
    bench.expect_log("changed");
    bench.expect_log("control 130");
}

#[test]
#[should_panic(expected = "expected no log line with \"life\", not \"life 1 fixed 0\"")]
fn expect_no_log_fails_on_a_line() {
    running().expect_no_log("life");
}

#[test]
#[should_panic(expected = "expected silence, not Unexamined { requests: [Ticket(1)]")]
fn expect_silence_fails_on_a_request() {
    told(word::REQUEST).expect_silence();
}

#[test]
#[should_panic(expected = "expected silence")]
fn expect_silence_fails_on_a_message() {
    told(word::SEND).expect_silence();
}

#[test]
#[should_panic(expected = "expected silence")]
fn expect_silence_fails_on_a_report() {
    told(word::REPORT).expect_silence();
}

#[test]
#[should_panic(expected = "expected silence")]
fn expect_silence_fails_on_a_failed_hook() {
    told(word::FAIL).expect_silence();
}

#[test]
fn of_a_failed_hook_only_the_log_remains() {
    let mut bench = told(word::FAIL);
    bench.expect_log("about to fail");
    assert_eq!(bench.expect_fault(), Fault::new(5, "told to fail"));
    assert!(bench.requests().is_empty());
    assert_eq!(bench.remembered("Value"), None);
    bench.expect_silence();
    assert_eq!(bench.state(), State::Stopped);
}

#[test]
#[should_panic(expected = "an earlier hook failed: told to fail (code 5)")]
fn a_failed_hook_does_not_go_unnoticed() {
    let mut bench = told(word::FAIL);
    bench.start();
}

#[test]
#[should_panic(expected = "expected a hook to fail, but none did")]
fn expect_fault_fails_without_one() {
    running().expect_fault();
}

#[test]
fn a_change_is_told_only_of_reloadable_keys() {
    let mut bench = running();
    bench.change(|s| s.set(&FIXED, &1));
    bench.expect_no_log("changed");
    bench.change(|s| s.set(&LIVE, &2));
    bench.expect_log("changed 0 2");
    bench.restart();
    bench.expect_log("life 2 fixed 1");
}

#[test]
fn a_restart_drops_timers_and_requests_and_keeps_the_registry() {
    let mut bench = told(word::TIMERS);
    bench.deliver(Message::Word(word::REQUEST));
    bench.deliver(Message::Word(word::REMEMBER));
    bench.restart();
    bench.expect_log("stopping");
    assert!(bench.requests().is_empty());
    bench.expect_silence();
    bench.advance(10 * HOUR);
    bench.expect_no_log("timer");
    assert_eq!(bench.remembered("Value"), Some("kept"));
    assert_eq!(bench.remembered("Other"), None);
}

#[test]
fn a_kill_does_not_call_stop() {
    let mut bench = running();
    bench.kill();
    bench.expect_no_log("stopping");
    assert_eq!(bench.state(), State::Stopped);
    bench.restart();
    bench.expect_log("life 2");
}

#[test]
#[should_panic(expected = "stop() in state Stopped")]
fn stop_fails_when_stopped() {
    Bench::new(registration()).stop();
}

#[test]
#[should_panic(expected = "pause() in state Stopped")]
fn pause_fails_when_stopped() {
    Bench::new(registration()).pause();
}

#[test]
#[should_panic(expected = "resume() in state Running")]
fn resume_fails_when_running() {
    running().resume();
}

#[test]
fn a_declared_control_arrives() {
    let mut bench = running();
    bench.control(130);
    bench.expect_log("control 130");
}

#[test]
#[should_panic(expected = "control code 131 is not declared")]
fn control_fails_on_another_code() {
    running().control(131);
}

#[test]
#[should_panic(expected = "+0s       -> message Word(3) from outside\n              reports \
                           StatusMessage { id: 60990")]
fn a_failure_shows_everything_that_happened() {
    let mut bench = told(word::REPORT);
    bench.registry("Value", "1");
    bench.expect_report(1);
}
