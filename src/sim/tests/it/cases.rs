//! Every case of chapters L, T, R and P of the conformance kit, run with a plain probe; and all
//! of them with components that are not plain.

use std::time::Duration;

use contract::{
    Component, Context, Descriptor, Fault, Message, Progress, Registration, Start, Started,
};
use smsexec_sim::conformance::{Case, Kit, Ran};
use smsexec_sim::probe::{Does, Probe};

use crate::seen::failure;

/// The cases of this file's chapters.
fn cases() -> impl Iterator<Item = &'static Case> {
    Kit::cases().filter(|case| case.number.starts_with(['L', 'T', 'R', 'P']))
}

/// Runs that case with a plain probe.
#[track_caller]
fn passes(number: &str) {
    let case = cases().find(|case| case.number == number).expect("the kit has that case");
    assert_eq!(Kit::new(Probe::new("P").build().0).run(case), Ran::Passed, "{number}");
}

#[test]
fn l01_what_was_never_started_and_what_does_not_exist() {
    passes("L01");
}

#[test]
fn l02_a_start_leads_through_start_pending_and_resolves_at_running() {
    passes("L02");
}

#[test]
fn l03_a_start_of_what_runs_or_is_paused_is_1056_and_changes_nothing() {
    passes("L03");
}

#[test]
fn l04_a_stop_of_what_has_ended_is_1062_and_is_remembered() {
    passes("L04");
}

#[test]
fn l05_a_message_in_flight_is_handled_or_handed_back_when_a_stop_comes() {
    passes("L05");
}

#[test]
fn l06_a_second_stop_joins_the_first_and_both_resolve_together() {
    passes("L06");
}

#[test]
fn l08_messages_wait_while_it_is_paused_and_keep_their_order() {
    passes("L08");
}

#[test]
fn l10_controls_are_answered_as_the_service_control_manager_does() {
    passes("L10");
}

#[test]
fn t01_a_start_that_makes_progress_may_take_its_time() {
    passes("T01");
}

#[test]
fn t02_a_start_that_makes_none_is_ended_after_thirty_seconds() {
    passes("T02");
}

#[test]
fn t04_a_stop_that_never_ends_is_ended_by_force() {
    passes("T04");
}

#[test]
fn t06_a_pause_that_never_ends_holds_up_nobody() {
    passes("T06");
}

#[test]
fn t07_work_under_a_lease_is_not_hung_and_work_without_one_is() {
    passes("T07");
}

#[test]
fn r01_a_stop_while_starting_is_final_where_the_start_can_be_cancelled() {
    passes("R01");
}

#[test]
fn r03_a_stop_that_panics_is_a_stop() {
    passes("R03");
}

#[test]
fn r05_a_start_while_it_stops_is_refused_or_waits() {
    passes("R05");
}

#[test]
fn r07_a_stop_overtakes_a_restart_and_two_restarts_are_one() {
    passes("R07");
}

#[test]
fn r08_a_start_cuts_a_backoff_short_and_the_timer_starts_nothing_more() {
    passes("R08");
}

#[test]
fn r10_a_start_at_the_instant_of_stopped_finds_everything_free() {
    passes("R10");
}

#[test]
fn p01_a_start_that_panics_fails_its_operation_and_is_tried_again() {
    passes("P01");
}

#[test]
fn p02_a_message_that_panics_once_is_delivered_again_before_the_next() {
    passes("P02");
}

#[test]
fn p03_a_drop_that_panics_is_survived() {
    passes("P03");
}

#[test]
fn p05_the_restart_type_decides_what_follows_an_end() {
    passes("P05");
}

#[test]
fn p06_a_component_that_is_not_applicable_is_no_failure() {
    passes("P06");
}

#[test]
fn p07_a_kill_of_the_executive_loses_nothing_and_leaves_no_hold() {
    passes("P07");
}

#[test]
fn every_case_of_these_chapters_has_a_test_here() {
    for case in cases() {
        let test = format!("\nfn {}_", case.number.to_lowercase());
        assert!(include_str!("cases.rs").contains(&test), "{} has none", case.number);
    }
}

/// Has a clock of its own, writes to itself, logs, remembers, and takes its time.
struct Busy {
    left: u32,
}

impl Busy {
    fn take_time(&mut self, cx: &mut Context<'_>) -> Progress {
        let hint = Duration::from_secs(2);
        self.left = 3;
        cx.after(Duration::from_millis(40), "on");
        Progress::Pending { hint }
    }
}

impl Component for Busy {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        cx.log(format!("life {} knows {:?}", cx.generation(), start.registry));
        cx.after(Duration::from_secs(7), "tick");
        let Progress::Pending { hint } = self.take_time(cx) else { return Ok(Started::Running) };
        Ok(Started::Pending { hint })
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        cx.log(format!("got {}", message.name()));
        if let Some(number) = message.word().filter(|number| *number < 1000) {
            cx.send(cx.id(), Message::Word(number + 1000));
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        if key == "tick" {
            cx.remember("ticked", cx.now().since_start().as_secs().to_string());
            cx.send(cx.id(), Message::Word(2000));
            cx.after(Duration::from_secs(7), key);
            return Ok(());
        }
        self.left -= 1;
        if self.left == 0 {
            cx.done();
        } else {
            cx.checkpoint(Duration::from_secs(2));
            cx.after(Duration::from_millis(40), key);
        }
        Ok(())
    }

    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        Ok(self.take_time(cx))
    }

    fn resume(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        Ok(self.take_time(cx))
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        Ok(self.take_time(cx))
    }
}

/// It has restart rules of its own, too, that a case is not to mistake for its own.
#[test]
fn a_busy_component_passes_them_all() {
    let mut descriptor = Descriptor::new("is never still", "busy.log");
    descriptor.controls = vec![200];
    descriptor.cancellable_start = false;
    descriptor.budget.crashes = 0;
    descriptor.exclusive = true;
    let busy = Registration::new("BUSY", descriptor, || Busy { left: 0 });
    let kit = Kit::new(busy).messages(|number| Message::Word(number % 1000));
    for case in cases() {
        assert_eq!(kit.run(case), Ran::Passed, "{}", case.number);
    }
}

#[test]
fn a_component_that_cannot_be_paused_is_not_asked_to() {
    let (fixed, _) = Probe::new("FIXED").declares(|descriptor| descriptor.pausable = false).build();
    let kit = Kit::new(fixed);
    let ran = cases().filter(|case| matches!(kit.run(case), Ran::NotApplicable(_)));
    assert_eq!(ran.map(|case| case.number).collect::<Vec<_>>(), ["L08"]);
}

#[test]
fn a_case_that_fails_says_which_it_is_and_whose() {
    let kit = Kit::new(Probe::new("BROKEN").start(Does::Fail(7)).build().0);
    let case = cases().find(|case| case.number == "L02").expect("the kit has that case");
    let text = failure(|| _ = kit.run(case));
    let named = "case L02 (a start leads to Running, and resolves there) fails for BROKEN: ";
    assert!(text.starts_with(named), "{text}");
    assert_eq!(text.lines().count(), 1, "the report has been shown: {text}");
}
