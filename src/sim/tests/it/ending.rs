//! How a test may end, what it shows when it fails, and how its seed is replayed.

use std::process::{Command, Output};
use std::time::Duration;

use contract::control::HostControl;
use contract::{
    Component, Context, Descriptor, Fault, Message, Registration, Start, Started, State,
};
use smsexec_sim::probe::{Act, Does, Probe};
use smsexec_sim::{Site, SiteBuilder};

use crate::seen::failure;

fn with(probe: Probe) -> SiteBuilder {
    Site::primary("PS1").component(probe.build().0)
}

#[test]
fn a_test_with_a_component_that_crashed_fails_and_says_who_and_how() {
    for (act, how) in [
        (Act::Panic, "src/sim/probe.rs"),
        (Act::Panic, "message 1 panics"),
        (Act::Fail(7), "error 7: message 1 fails"),
    ] {
        let text = failure(|| {
            let mut site = with(Probe::new("A").on(1, act)).start().unwrap();
            site.send("A", Message::Word(1)).unwrap();
            site.advance(Duration::from_secs(60)).unwrap();
            assert_eq!(site.query("A").unwrap().state, State::Running, "it is as good as new");
        });
        for part in
            ["A crashed: generation 1", how, "site.allow_crashes()", ".lenient()", "SMSEXEC_SEED="]
        {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("inbox of"), "nothing is stranded\n{text}");
    }
}

#[test]
fn a_crash_in_a_stop_and_a_drop_that_panics_are_crashes_too() {
    for (probe, how) in [
        (Probe::new("A").stop(Does::Panic), "stop panics"),
        (Probe::new("A").drop_panics(), "panicked when it was dropped: drop panics"),
    ] {
        let text = failure(|| {
            let mut site = with(probe).start().unwrap();
            site.stop("A").unwrap();
        });
        assert!(text.contains(how), "{how:?} is not in\n{text}");
    }
}

#[test]
fn a_test_that_leaves_messages_stranded_fails_and_says_whose() {
    let text = failure(|| {
        let mut site = with(Probe::new("A")).start().unwrap();
        site.stop("A").unwrap();
        site.send("A", Message::Word(1)).unwrap();
        site.send("A", Message::Word(2)).unwrap();
    });
    let said = "2 messages wait in the inbox of A, which is Stopped (by operator)";
    for part in [said, "site.allow_stranded()", ".lenient()"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains("allow_crashes"), "{text}");

    let text = failure(|| {
        let mut site = with(Probe::new("A")).start().unwrap();
        site.pause("A").unwrap();
        site.send("A", Message::Word(1)).unwrap();
    });
    let said = "1 message waits in the inbox of A, which is Paused:";
    assert!(text.contains(said), "{said:?} is not in\n{text}");
}

#[test]
fn a_component_that_crashes_all_the_time_does_not_fill_the_screen() {
    let text = failure(|| {
        let probe = Probe::new("A").start(Does::Panic).declares(|d| d.budget.crashes = 1_000);
        let mut site = with(probe).start().unwrap();
        site.advance(Duration::from_secs(3600)).unwrap();
    });
    assert_eq!(text.matches("A crashed: generation").count(), 8);
    assert!(text.contains("\nAnd 58 more.\n"), "{}", &text[..2_000]);
}

/// `?` ends a test with a refusal, and then the ending fails it: that must not hide the refusal.
#[test]
fn a_bad_ending_tells_how_the_last_thing_was_refused() {
    for (starts_panic, end, says) in
        [(false, "B", "no component has that name"), (true, "A", "start panics"), (false, "A", "")]
    {
        let text = failure(|| {
            let a = Probe::new("A").on(1, Act::Panic);
            let a = if starts_panic { a.start(Does::Panic) } else { a };
            let mut site = with(a).start().unwrap();
            site.send("A", Message::Word(1)).unwrap();
            drop(site.restart(end));
        });
        let said = "The last thing asked of the site was refused: ";
        let line = text.lines().find_map(|line| line.strip_prefix(said)).unwrap_or_default();
        assert!(line.contains(says) && line.is_empty() == says.is_empty(), "{says:?}\n{text}");
    }
}

#[test]
fn what_is_meant_does_not_fail() {
    let crash_and_strand = |site: &mut Site| {
        site.send("A", Message::Word(1)).unwrap();
    };
    let probe = || Probe::new("A").on(1, Act::Panic);
    crash_and_strand(&mut with(probe()).lenient().start().unwrap());

    let mut site = with(probe()).start().unwrap();
    crash_and_strand(&mut site);
    site.allow_crashes();
    let text = failure(|| drop(site));
    assert!(text.contains("1 message waits in the inbox of A"), "{text}");
    assert!(!text.contains("crashed:"), "{text}");

    let mut site = with(probe()).start().unwrap();
    crash_and_strand(&mut site);
    site.allow_stranded();
    let text = failure(|| drop(site));
    assert!(text.contains("A crashed: generation 1"), "{text}");
    assert!(!text.contains("inbox of"), "{text}");
}

#[test]
fn a_kill_and_an_operation_that_is_under_way_are_no_faults() {
    let mut site = with(Probe::new("A").stop(Does::Hang)).start().unwrap();
    site.control("A", contract::Command::Kill).unwrap();
    site.start("A").unwrap();
    site.order("A", contract::Command::Stop).unwrap();
}

#[test]
fn a_site_that_cannot_start_tells_why_and_nothing_else() {
    let a = || Probe::new("A").build().0;
    let refusal = Site::primary("PS1").components([a(), a()]).start().unwrap_err();
    assert_eq!(refusal.code.0, 1073);

    /// Never comes to rest.
    struct Restless;
    impl Component for Restless {
        fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
            cx.after(Duration::ZERO, "again");
            Ok(Started::Pending { hint: Duration::from_secs(2) })
        }
        fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
            cx.after(Duration::ZERO, key);
            Ok(())
        }
    }
    let restless = Registration::new("R", Descriptor::new("restless", "r.log"), || Restless);
    // It crashes as well; who cannot say that this is meant is not blamed for it.
    let crashes = with(Probe::new("A").start(Does::Panic));
    let refusal = crashes.component(restless).start().unwrap_err();
    assert!(refusal.reason.contains("does not come to rest"), "{refusal}");
}

/// Runs an ignored test of this file, below, in a process of its own.
fn run(test: &str, seed: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--ignored", "--exact"]).arg(format!("ending::{test}"));
    command.env_remove("SMSEXEC_SEED");
    if let Some(seed) = seed {
        command.env("SMSEXEC_SEED", seed);
    }
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    assert!(text.contains("running 1 test"), "{text}");
    (status.success(), text.into_owned())
}

#[test]
fn the_seed_is_the_environment_s_then_the_builder_s_then_one() {
    for (seed, says) in [(None, "seeds 1 5 9"), (Some("77"), "seeds 77 77 9")] {
        let (_, text) = run("child_that_fails", seed);
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    }
    let (ok, text) = run("child_that_fails", Some("seven"));
    assert!(!ok && text.contains("seven") && text.contains("is no seed"), "{text}");
}

#[test]
fn a_failing_test_shows_the_last_state_and_how_to_replay() {
    let (ok, text) = run("child_that_fails", Some("77"));
    assert!(!ok);
    for part in [
        "SMSEXEC_SEED=77 cargo test ending::child_that_fails",
        "A gen 1 <- outside: message word",
        "the end of probe.log:",
        "got 4",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(text.matches("the end of probe.log:").count(), 1, "once is enough\n{text}");
}

#[test]
fn a_failed_wait_shows_it_once_and_a_passing_test_not_at_all() {
    let (ok, text) = run("child_that_waits_in_vain", None);
    assert!(!ok);
    assert_eq!(text.matches("the end of probe.log:").count(), 1, "once is enough\n{text}");
    let (ok, text) = run("child_that_passes", None);
    assert!(ok && !text.contains("probe.log"), "{text}");
}

#[test]
#[ignore = "run by others, to see it fail"]
fn child_that_fails() {
    let seeds = [
        with(Probe::new("A")).start().unwrap().seed(),
        with(Probe::new("A")).seed(5).start().unwrap().seed(),
        with(Probe::new("A")).fixed_seed(9).start().unwrap().seed(),
    ];
    let mut site = with(Probe::new("A").on(4, Act::Panic)).start().unwrap();
    site.send("A", Message::Word(4)).unwrap();
    let [default, given, fixed] = seeds;
    panic!("seeds {default} {given} {fixed}");
}

#[test]
#[ignore = "run by others, to see it fail"]
fn child_that_waits_in_vain() {
    let mut site = with(Probe::new("A")).start().unwrap();
    site.expect(Duration::from_secs(1), |event| event.became("A", State::Paused));
}

#[test]
#[ignore = "run by others"]
fn child_that_passes() {
    let mut site = with(Probe::new("A")).start().unwrap();
    site.send("A", Message::Word(4)).unwrap();
}
