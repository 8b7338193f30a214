//! Waiting and stepping in virtual time.

use std::time::Duration;

use contract::control::HostControl;
use contract::lifecycle::{Code, Command, State};
use contract::{Message, Moment};
use smsexec_sim::probe::{Act, Does, Probe};
use smsexec_sim::{Site, What};

use crate::seen::{SECOND, failure, now, operation, site};

#[test]
fn run_until_stops_as_soon_as_it_holds() {
    let (mut site, _) = site([Probe::new("A").start(Does::Checkpoints(3)).manual()]);
    site.order("A", Command::Start).unwrap();
    site.run_until(60 * SECOND, |site| site.query("A").unwrap().state == State::Running);
    assert_eq!(now(&site), Duration::from_millis(4500));
    site.run_until(Duration::ZERO, |_| true);
    // Nothing is due at this time, and it comes all the same.
    site.run_until(60 * SECOND, |site| site.clock().now == Moment::ZERO + 64_500 * SECOND / 1000);
}

#[test]
fn what_does_not_come_about_fails_with_the_last_state_of_everything() {
    let (mut site, _) = site([Probe::new("A").stop(Does::Hang)]);
    site.order("A", Command::Stop).unwrap();
    let seed = site.seed();
    let text = failure(|| {
        site.run_until(10 * SECOND, |site| site.query("A").unwrap().state == State::Stopped);
    });
    for part in [
        "did not come about within 10s",
        &format!("SMSEXEC_SEED={seed} cargo test"),
        "what_does_not_come_about_fails_with_the_last_state_of_everything",
        "10s after the start",
        "A          Stopping",
        "Down",
        "open operations: #2 stop A, 10s ago",
        "due next: a restart or a deadline in 20s",
        "A gen 1 Running -> Stopping",
        "the end of smsexec.log:",
        "A: Running -> Stopping, generation 1.",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn each_expect_goes_on_behind_the_one_before() {
    let (mut site, _) = site([Probe::new("A").on(1, Act::After(SECOND, "tick"))]);
    let started = site.expect(Duration::ZERO, |e| e.became("A", State::Running));
    for second in 1..=3 {
        site.send("A", Message::Word(1)).unwrap();
        let tick = site.expect(5 * SECOND, |e| e.delivered("A", "timer tick"));
        assert_eq!(tick.at.since_start(), second * SECOND);
        assert!(tick.number > started.number);
    }
    let text = failure(|| {
        site.expect(5 * SECOND, |e| e.delivered("A", "timer tick"));
    });
    assert!(text.contains("did not come within 5s"), "{text}");
    assert_eq!(now(&site), 8 * SECOND);
}

#[test]
fn silence_is_broken_by_what_comes_and_by_what_came_since_the_last_expect() {
    let (mut site, _) = site([Probe::new("A").on(1, Act::After(3 * SECOND, "tick"))]);
    site.expect(SECOND, |e| e.became("A", State::Running));
    site.send("A", Message::Word(1)).unwrap();
    let is_tick = |e: &smsexec_sim::Event| e.delivered("A", "timer tick");
    site.expect_silence(2 * SECOND, is_tick);
    assert_eq!(now(&site), 2 * SECOND);
    let text = failure(|| site.expect_silence(2 * SECOND, is_tick));
    assert!(text.contains("A gen 1 <- outside: timer tick"), "{text}");
    assert!(!text.contains("skip_events"), "it came in that time\n{text}");

    site.advance(SECOND).unwrap();
    let text = failure(|| site.expect_silence(SECOND, is_tick));
    assert!(text.contains("skip_events()"), "it came before\n{text}");
    site.skip_events();
    site.expect_silence(SECOND, is_tick);
}

#[test]
fn a_step_is_one_thing_and_a_test_can_act_between_any_two() {
    let (mut site, [journal]) = site([Probe::new("A")]);
    site.skip_events();
    site.order("A", Command::Pause).unwrap();
    for number in 1..=3 {
        site.send("A", Message::Word(number)).unwrap();
    }
    assert_eq!(journal.take(), ["start 1", "pause"]);
    site.order("A", Command::Continue).unwrap();
    // One message a step, and a stop right behind the second.
    while journal.count("message 2") == 0 {
        site.step().expect("there is more to do");
    }
    site.order("A", Command::Stop).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(journal.take(), ["resume", "message 1", "message 2", "stop"]);
    assert_eq!(site.query("A").unwrap().inbox, 1);
    site.allow_stranded();
}

#[test]
fn a_step_moves_the_clock_when_nothing_else_is_left_and_ends_when_nothing_is_due() {
    let (mut site, [journal]) = site([Probe::new("A").on(1, Act::After(5 * SECOND, "tick"))]);
    site.send("A", Message::Word(1)).unwrap();
    assert_eq!(site.step().map(<[_]>::len), Some(0));
    assert_eq!(now(&site), 5 * SECOND);
    assert_eq!(journal.count("timer tick"), 0, "it is due, and has not rung");
    assert!(site.step().unwrap().iter().any(|event| event.delivered("A", "timer tick")));
    while site.step().is_some() {}
    assert_eq!(now(&site), 5 * SECOND);
}

#[test]
fn steps_and_turns_come_to_the_same_end() {
    let (mut stepped, [one_journal]) = site([Probe::new("A").on(2, Act::Send("A", 3))]);
    let (mut settled, [other_journal]) = site([Probe::new("A").on(2, Act::Send("A", 3))]);
    for site in [&mut stepped, &mut settled] {
        site.pause("A").unwrap();
        for _ in 0..5 {
            site.send("A", Message::Word(2)).unwrap();
        }
        site.order("A", Command::Continue).unwrap();
    }
    while stepped.step().is_some() {}
    settled.run_to_rest().unwrap();
    assert_eq!(one_journal.take(), other_journal.take());
}

#[test]
fn an_operation_that_takes_too_long_tells_the_last_state_and_the_seed() {
    let (mut site, _) = site([Probe::new("A").stop(Does::Hang)]);
    let stop = operation(&mut site, "A", Command::Stop);
    let outcome = site.wait(stop, 5 * SECOND);
    assert_eq!(outcome.code, Code::REQUEST_TIMEOUT);
    let seed = site.seed();
    assert_eq!(
        outcome.text,
        format!(
            "not done within 5s: A Stopping (generation 1, checkpoint 1), 0 settled; next: a \
             restart or a deadline in 25s; seed {seed}"
        )
    );
    let resolved = |site: &Site| {
        let mut events = site.events().iter();
        events.any(|e| matches!(e.what, What::Resolved { operation, .. } if operation == stop))
    };
    assert!(!resolved(&site));
    assert_eq!(site.wait(stop, 60 * SECOND).code, Code::OK, "it was ended by force");
    assert!(resolved(&site));
}
