//! Code that does not come back (lifecycle.md 3.9, 3.10), beyond cases T04, T07 and X06; and
//! what spreads restarts (3.6).

use std::time::Duration;

use contract::control::{Ask, DeadReason, HostControl, ServiceCommand};
use contract::lifecycle::{
    Code, Command, CommandOptions, Exit, Isolation, State, Substate, WhenHung,
};
use contract::{Component, Context, Descriptor, Fault, Generation, Message, Registration};
use smsexec_sim::probe::{Act, Probe};
use smsexec_sim::{CallVerdict, Hook, Site, What};
use status::ids;

use crate::seen::{
    HOUR, MINUTE, SECOND, accepted, crash, life, lives, now, refused, reporters, service,
    seven_hangs, site, starts_from, starts_panic, state, with,
};

/// Three heartbeats of 60 seconds.
const HUNG: Duration = Duration::from_secs(180);

fn restarted_when_hung(name: &str) -> Probe {
    Probe::new(name).declares(|d| d.when_hung = WhenHung::Restart)
}

#[test]
fn one_that_hangs_is_reported_and_left_alone_unless_it_says_otherwise() {
    let (mut site, [journal]) = site([Probe::new("A")]);
    let _guard = seven_hangs(&mut site, "A", Some(HOUR));
    site.send("A", Message::Word(7)).unwrap();
    site.advance(HUNG - SECOND).unwrap();
    assert!(!site.query("A").unwrap().hung);
    site.advance(SECOND).unwrap();
    assert!(site.query("A").unwrap().hung);
    assert_eq!(reporters(&mut site, ids::COMPONENT_HUNG), ["A"]);

    // It comes back after all, as good as new.
    site.advance(HOUR - HUNG).unwrap();
    assert_eq!(journal.take(), ["start 1", "message 7"]);
    assert!(!site.query("A").unwrap().hung);
    assert_eq!(reporters(&mut site, ids::COMPONENT_RECOVERED), ["A"]);
    assert_eq!(state(&mut site, "A"), (State::Running, None, 1));
    assert!(site.crashes("A").unwrap().is_empty());
}

/// A and C share the one shard, B and D the other one.
fn shared() -> (Site, [smsexec_sim::probe::Journal; 4]) {
    site([restarted_when_hung("A"), Probe::new("B"), Probe::new("C"), Probe::new("D")])
}

#[test]
fn a_thread_that_is_lost_costs_only_the_one_whose_code_hangs() {
    let (mut site, [_, b, c, d]) = shared();
    site.allow_crashes();
    let _guard = seven_hangs(&mut site, "A", None);
    // C has mail before, while it is held up, and after.
    site.post("A", Message::Word(7), None).unwrap();
    site.run_to_rest().unwrap();
    for number in 1..=3 {
        site.send("C", Message::Word(number)).unwrap();
        site.send("D", Message::Word(number)).unwrap();
    }
    assert_eq!(c.take(), ["start 1"], "its thread is held up");
    assert_eq!(d.take(), ["start 1", "message 1", "message 2", "message 3"]);

    site.advance(HUNG).unwrap();
    site.send("C", Message::Word(4)).unwrap();
    let lives = lives(&mut site, ["A", "B", "C", "D"]);
    assert_eq!(lives, [1, 1, 2, 1], "C has begun anew at once, A waits for its delay");
    assert_eq!(c.take(), ["start 2", "message 1", "message 2", "message 3", "message 4"]);
    assert_eq!(b.take(), ["start 1"]);

    let of_c = site.crashes("C").unwrap();
    assert_eq!((of_c.len(), &of_c[0].exit, of_c[0].charged), (1, &Exit::Lost, false));
    let of_a = site.crashes("A").unwrap();
    assert_eq!((of_a.len(), &of_a[0].exit, of_a[0].charged), (1, &Exit::Hung, true));
    assert_eq!(service(&mut site).zombies, [("A".to_owned(), Generation(1))]);
    assert_eq!(site.query("A").unwrap().zombies, 1);
    for id in [ids::COMPONENT_ZOMBIE, ids::COMPONENT_HUNG] {
        assert_eq!(reporters(&mut site, id), ["A"]);
    }
    assert_eq!(reporters(&mut site, ids::SHARD_LOST), [host::EXECUTIVE]);
    assert_eq!(service(&mut site).exit_status, None, "it runs");

    drop(_guard);
    site.advance(SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(service(&mut site).exit_status, Some(21));
}

#[test]
fn a_thread_that_is_lost_again_and_again_never_fails_the_others() {
    let (mut site, [_, _, c, _]) = shared();
    site.allow_crashes();
    site.allow_stranded();
    let _guard = seven_hangs(&mut site, "A", None);
    for round in 1..=20 {
        site.send("A", Message::Word(7)).unwrap();
        site.send("C", Message::Word(round)).unwrap();
        site.advance(HUNG + MINUTE).unwrap();
        assert_eq!(state(&mut site, "C").0, State::Running, "round {round}");
    }
    let got = c.take().into_iter().filter(|line| line.starts_with("message"));
    let expected: Vec<String> = (1..=20).map(|round| format!("message {round}")).collect();
    assert_eq!(got.collect::<Vec<_>>(), expected, "in order, and once");
}

#[test]
fn a_message_that_hangs_each_time_is_set_aside_like_one_that_panics() {
    let (mut site, [a, ..]) = shared();
    site.allow_crashes();
    let _guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    site.send("A", Message::Word(8)).unwrap();
    site.advance(HOUR).unwrap();
    assert_eq!(state(&mut site, "A").0, State::Running);
    assert_eq!(a.count("message 8"), 1, "{:?}", a.take());
    let letters = site.dead_letters().unwrap();
    let reason = DeadReason::Poison { deliveries: 3, exit: Exit::Hung };
    assert_eq!((letters.len(), &letters[0].reason), (1, &reason));
    let died_of: Vec<_> =
        site.crashes("A").unwrap().iter().map(|c| (c.message, c.charged)).collect();
    let once = |failed| (Some((letters[0].id, failed)), failed == 1);
    assert_eq!(died_of, [once(1), once(2), once(3)], "it costs once");
}

#[test]
fn a_hang_in_another_hook_is_no_message_s_fault() {
    let a = restarted_when_hung("A").on(1, Act::After(SECOND, "tick"));
    let (mut site, [journal]) = site([a]);
    site.allow_crashes();
    let guard = site.fault_code(|call| match call.hook {
        Hook::Timer(_) => CallVerdict::Hang(None),
        _ => CallVerdict::Pass,
    });
    site.send("A", Message::Word(1)).unwrap();
    site.advance(SECOND).unwrap();
    site.send("A", Message::Word(2)).unwrap();
    site.advance(HUNG).unwrap();
    drop(guard);
    site.advance(MINUTE).unwrap();
    assert_eq!(journal.take(), ["start 1", "message 1", "start 2", "message 2"]);
    let died = site.crashes("A").unwrap();
    assert_eq!((died.len(), died[0].message, died[0].charged), (1, None, true));
}

/// Its effects when it comes back: a message, a log line, a value kept, a timer.
fn busy() -> Probe {
    restarted_when_hung("A")
        .on(7, Act::Send("B", 70))
        .on(7, Act::After(SECOND, "late"))
        .declares(|a| a.isolation = Isolation::Dedicated)
}

#[test]
fn what_a_zombie_does_when_it_comes_back_has_no_effect() {
    let (mut site, [a, b]) = site([busy(), Probe::new("B")]);
    site.allow_crashes();
    let guard = seven_hangs(&mut site, "A", Some(HOUR));
    site.send("A", Message::Word(7)).unwrap();
    site.advance(HUNG).unwrap();
    drop(guard);
    site.advance(SECOND).unwrap();
    // The next life has been handed the message, and everything it asked for has been done.
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(a.take(), ["start 1", "start 2", "message 7"]);
    assert_eq!(b.take(), ["start 1", "message 70"]);
    site.send("A", Message::Word(1)).unwrap();
    site.advance(MINUTE).unwrap();
    assert_eq!(a.take(), ["message 1", "timer late"]);
    let log = site.log("probe.log").unwrap().len();

    site.advance(HOUR).unwrap();
    assert_eq!(a.take(), ["message 7"], "the code of the first life has run to its end");
    assert_eq!(b.take(), [""; 0]);
    assert_eq!(site.kept().registries["A"]["last"], "1");
    assert_eq!(reporters(&mut site, ids::COMPONENT_ZOMBIE_GONE), ["A"]);
    // Its end is reported, and that is all.
    assert_eq!(site.log("probe.log").unwrap().len(), log + 1);
    assert!(service(&mut site).zombies.is_empty());
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
}

const FORCE: CommandOptions =
    CommandOptions { queue: false, dependents: false, persist: false, force: true };

fn exclusive() -> Site {
    let (mut site, _) = site([busy().declares(|a| a.exclusive = true), Probe::new("B")]);
    site.allow_crashes();
    let _guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    site
}

#[test]
fn an_exclusive_one_starts_when_the_code_of_its_last_life_has_come_back() {
    let mut site = exclusive();
    site.advance(HUNG + HOUR).unwrap();
    let a = site.query("A").unwrap();
    assert_eq!((a.state, a.generation.0), (State::StartPending, 2), "for as long as it takes");
    assert_eq!(a.waits_for, ["the code of life 1"]);
    site.end_hangs();
    site.run_to_rest().unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    site.advance(MINUTE).unwrap();
    assert_eq!(life(&mut site, "A"), 2);
}

#[test]
fn an_exclusive_one_is_not_started_by_command_before_unless_somebody_insists() {
    let mut site = exclusive();
    site.control("A", Command::Kill).unwrap();
    assert_eq!(now(&site), 2 * SECOND, "the grace");
    let refusal = site.start("A").unwrap_err();
    assert_eq!(refusal.code, Code::REQUEST_TIMEOUT);
    assert!(refusal.way_out.contains("--force"), "{refusal}");
    assert_eq!(state(&mut site, "A"), (State::Stopped, Some(Substate::Operator), 1));
    site.control_with("A", Command::Start, FORCE).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));

    // Insisted upon once: the next life waits again.
    assert_eq!(refused(site.control_with("A", Command::Start, FORCE)), 1056);
    crash(&mut site, "A");
    site.advance(MINUTE).unwrap();
    assert_eq!(state(&mut site, "A"), (State::StartPending, None, 3));
    site.stop("A").unwrap();
    assert_eq!(refused(site.start("A")), 1053);
    site.end_hangs();
    site.run_to_rest().unwrap();
    site.start("A").unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 4));
}

#[test]
fn nobody_waits_longer_than_half_a_minute_for_one_that_waits_for_such_code() {
    let mut site = exclusive();
    site.advance(HUNG + MINUTE).unwrap();
    assert_eq!(state(&mut site, "A"), (State::StartPending, None, 2));
    let restart = accepted(site.ask(Ask::Service(ServiceCommand::Restart))).operation.unwrap();
    let begin = now(&site);
    assert_eq!(site.wait(restart, HOUR).code, Code::OK);
    assert_eq!(now(&site), begin + 30 * SECOND, "SMS_EXECUTIVE runs without it");
    assert_eq!(state(&mut site, "A"), (State::StartPending, None, 3));

    // Whoever starts it is told so in time, and whoever insists has it at once.
    let start = site.order("A", Command::Start).unwrap();
    assert_eq!(start.code, Code::ALREADY_RUNNING);
    let outcome = site.wait(start.operation.unwrap(), HOUR);
    assert_eq!(outcome.code, Code::REQUEST_TIMEOUT);
    assert_eq!(reporters(&mut site, ids::CONTROL_TIMED_OUT), ["A"; 3]);
    site.order_with("A", Command::Start, FORCE).unwrap();
    site.run_to_rest().unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 3));
}

#[test]
fn one_that_is_not_exclusive_does_not_wait_for_its_zombie() {
    let (mut site, _) = site([busy(), Probe::new("B")]);
    site.allow_crashes();
    let guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(7)).unwrap();
    site.advance(HUNG).unwrap();
    drop(guard);
    site.advance(SECOND).unwrap();
    assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    assert_eq!(site.query("A").unwrap().zombies, 1);
}

/// Takes a lease of 50 minutes for the next hook when it is handed a 1.
struct Lessee;

impl Component for Lessee {
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        if message.word() == Some(1) {
            cx.lease(50 * MINUTE);
        }
        Ok(())
    }
}

fn lessee() -> Site {
    let descriptor = Descriptor { when_hung: WhenHung::Restart, ..Descriptor::new("", "a.log") };
    let a = Registration::new("A", descriptor, || Lessee);
    let mut site = Site::primary("PS1").component(a).start().unwrap();
    site.allow_crashes();
    site
}

fn is_hung(what: &What) -> bool {
    matches!(what, What::Noticed { text, .. } if text.starts_with("hangs"))
}

#[test]
fn a_lease_keeps_the_watchdog_quiet_as_long_as_it_lasts() {
    let mut site = lessee();
    let _guard = seven_hangs(&mut site, "A", Some(50 * MINUTE - SECOND));
    site.send("A", Message::Word(1)).unwrap();
    site.send("A", Message::Word(7)).unwrap();
    site.expect_silence(2 * HOUR, |event| is_hung(&event.what));
    assert_eq!(state(&mut site, "A"), (State::Running, None, 1));
}

#[test]
fn a_lease_that_has_run_out_and_none_at_all_are_noticed() {
    for (lease, after) in [(true, 50 * MINUTE), (false, HUNG)] {
        let mut site = lessee();
        let guard = seven_hangs(&mut site, "A", None);
        if lease {
            site.send("A", Message::Word(1)).unwrap();
        }
        site.send("A", Message::Word(7)).unwrap();
        let hung = site.expect(2 * HOUR, |event| is_hung(&event.what));
        assert_eq!(hung.at.since_start(), after);
        drop(guard);
        site.advance(MINUTE).unwrap();
        assert_eq!(state(&mut site, "A"), (State::Running, None, 2));
    }
}

#[test]
fn a_lease_ends_with_its_life() {
    let mut site = lessee();
    let _guard = seven_hangs(&mut site, "A", None);
    site.send("A", Message::Word(1)).unwrap();
    site.restart("A").unwrap();
    site.send("A", Message::Word(7)).unwrap();
    let hung = site.expect(2 * HOUR, |event| is_hung(&event.what));
    assert_eq!(hung.at.since_start(), HUNG);
}

/// How long A, B and C wait before each of their restarts.
fn delays(seed: u64, jitter: bool) -> Vec<f64> {
    let (mut site, _) = with(["A", "B", "C"].map(Probe::new));
    if jitter {
        site = site.jitter();
    }
    let mut site = site.fixed_seed(seed).start().unwrap();
    site.advance(SECOND).unwrap();
    let begin = now(&site);
    let _guards = ["A", "B", "C"].map(|name| starts_panic(&mut site, name));
    for name in ["A", "B", "C"] {
        site.order(name, Command::Restart).unwrap();
    }
    site.advance(MINUTE).unwrap();
    let starts = ["A", "B", "C"].map(|name| starts_from(&site, begin, name));
    starts.iter().flat_map(|starts| starts.windows(2).map(|two| two[1] - two[0])).collect()
}

#[test]
fn jitter_stays_within_ten_percent_and_is_not_constant() {
    let exact = delays(1, false);
    assert_eq!(exact, [0.5, 1.0, 2.0, 4.0, 8.0].repeat(3));
    let jittered = delays(1, true);
    assert_eq!(jittered.len(), exact.len());
    let factors: Vec<f64> = jittered.iter().zip(&exact).map(|(it, exact)| it / exact).collect();
    assert!(factors.iter().all(|factor| (0.9..=1.1).contains(factor)), "{factors:?}");
    for (number, factor) in factors.iter().enumerate() {
        let others = &factors[number + 1..];
        assert!(!others.iter().any(|other| (other - factor).abs() < 1e-9), "{factors:?}");
    }
    let (least, most) = (
        factors.iter().copied().fold(f64::INFINITY, f64::min),
        factors.iter().copied().fold(0.0, f64::max),
    );
    assert!(least < 0.97 && most > 1.03, "spread over it: {factors:?}");
    assert_eq!(jittered, delays(1, true), "the same seed, the same delays");
    assert_ne!(jittered, delays(2, true));
}

#[test]
fn a_stop_that_blocks_a_shared_thread_takes_two_seconds_longer_and_one_name() {
    let (mut site, _) = shared();
    site.allow_crashes();
    let _guard = site.fault_code(|call| match call.hook {
        Hook::Stop if call.name == "A" => CallVerdict::Hang(None),
        _ => CallVerdict::Pass,
    });
    site.service(ServiceCommand::Stop).unwrap();
    assert_eq!(now(&site), 32 * SECOND);
    let gone = service(&mut site);
    assert_eq!((gone.state, gone.exit_status), (State::Stopped, Some(21)));
    assert_eq!(gone.zombies, [("A".to_owned(), Generation(1))]);
    let exit = |site: &mut Site, name: &str| site.query(name).unwrap().last_exit;
    assert_eq!(exit(&mut site, "A"), Some(Exit::Killed));
    for name in ["B", "D"] {
        assert_eq!(exit(&mut site, name), Some(Exit::Shutdown), "{name}");
    }
    // C could not be stopped on A's thread: it went down with it, and is charged with nothing.
    assert_eq!(exit(&mut site, "C"), Some(Exit::Lost));
    assert_eq!(site.query("C").unwrap().crashes, 0);
    site.service(ServiceCommand::Start).unwrap();
    for name in ["A", "B", "C", "D"] {
        assert_eq!(state(&mut site, name), (State::Running, None, 2), "{name}");
    }
}
