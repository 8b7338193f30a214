//! The cases of chapters S, X and M of lifecycle.md part 4, lived through by three probes: one
//! that does everything at once, one that takes its time, and one that has much to say.

use std::time::Duration;

use contract::Request;
use smsexec_sim::conformance::{Kit, Ran};
use smsexec_sim::probe::{Act, Does, Probe};

fn slow() -> Probe {
    let slow = Does::Checkpoints(2);
    Probe::new("A").start(slow).stop(slow).pause(slow).resume(slow)
}

/// Whatever it is handed first, it asks for something, sets a timer and sends two messages.
fn chatty() -> Probe {
    let ask = Request::Probe { url: "nowhere".into(), time_out: Duration::from_secs(1) };
    (0..=2).fold(Probe::new("A"), |probe, number| {
        probe
            .on(number, Act::Ask(ask.clone()))
            .on(number, Act::After(Duration::from_secs(5), "tick"))
            .on(number, Act::Send("A", 1_000))
            .on(number, Act::Send("B", 1_000))
    })
}

/// Runs one case with each of them.
#[track_caller]
fn case(number: &str) {
    let case = Kit::cases().find(|case| case.number == number).expect("a case of the kit");
    for probe in [Probe::new("A"), slow(), chatty()] {
        assert_eq!(Kit::new(probe.build().0).run(case), Ran::Passed, "{}", case.about);
    }
}

#[test]
fn s01_given_up_after_six_crashes() {
    case("S01");
}

#[test]
fn s02_the_window_of_the_budget_slides() {
    case("S02");
}

#[test]
fn s04_what_clears_a_failure_and_what_resets_the_delay() {
    case("S04");
}

#[test]
fn s05_a_one_for_all_group_restarts_as_one() {
    case("S05");
}

#[test]
fn s06_a_rest_for_one_group_restarts_what_stands_behind() {
    case("S06");
}

#[test]
fn s09_a_restart_loop_keeps_nobody_waiting() {
    case("S09");
}

#[test]
fn s11_failures_restart_the_executive_and_end_it() {
    case("S11");
}

#[test]
fn m01_messages_wait_for_who_does_not_run_or_expire() {
    case("M01");
}

#[test]
fn m02_a_message_that_always_fails_is_set_aside() {
    case("M02");
}

#[test]
fn m04_who_sends_to_a_full_inbox_has_to_wait() {
    case("M04");
}

#[test]
fn x01_a_setting_takes_effect_at_the_next_start() {
    case("X01");
}

#[test]
fn x02_a_setting_changed_during_a_start_and_back() {
    case("X02");
}

#[test]
fn x03_what_a_start_of_the_executive_starts() {
    case("X03");
}

#[test]
fn x04_a_backup_stops_all_and_brings_back_what_ran() {
    case("X04");
}

#[test]
fn x06_one_that_hangs_does_not_hold_up_the_executive_s_stop() {
    case("X06");
}

#[test]
fn x07_dependents_dependencies_and_circles() {
    case("X07");
}
