//! What overtakes what: cases R. Each runs both orders as they are, and then with commands
//! placed after a drawn number of steps, with as many seeds as
//! [`SEEDS_VARIABLE`](crate::SEEDS_VARIABLE) says.

use std::time::Duration;

use contract::Registration;
use contract::control::{Accepted, HostControl, Refusal};
use contract::lifecycle::{Code, Command, CommandOptions, Exit, State, Substate};

use super::stage::{
    HOUR, MINUTE, SECOND, blocks_for, bring_up, draw_steps, end_of, fault, fault_in_life, operate,
    operation, panics, races, run_until_running, running, untidy_site,
};
use super::view::{
    COMES_UP_AGAIN, GOES_DOWN, assert_runs, assert_sound, assert_stopped, calls, changes,
    changes_since_up, charged, ends, is_kept, now, refused, settled,
};
use super::wrapped::Values;
use super::{Case, Kit, Ran};
use crate::faults::Guard;
use crate::probe::{Does, Probe};
use crate::run::Site;

pub(super) const CASES: &[Case] = &[
    Case { number: "R01", about: "a stop while it starts", run: r01 },
    Case { number: "R03", about: "a stop that panics is a stop", run: r03 },
    Case { number: "R05", about: "a start while it stops", run: r05 },
    Case { number: "R07", about: "a restart and a stop, and two restarts", run: r07 },
    Case { number: "R08", about: "a start cuts a backoff short", run: r08 },
    Case { number: "R10", about: "a start at the instant of Stopped", run: r10 },
];

const QUEUE: CommandOptions =
    CommandOptions { queue: true, dependents: false, persist: false, force: false };

/// Has that hook of A take a drawn while, and one time in four none at all.
fn draw_slow(site: &mut Site, draw: &mut fastrand::Rng, hook: &'static str) -> Option<Guard> {
    let lasting = Duration::from_millis(draw.u64(1..3000));
    (draw.u8(..4) > 0).then(|| fault(site, "A", hook, blocks_for(lasting)))
}

/// A, and a neighbour on another shard that has something to do.
fn with_neighbour(a: Registration) -> Vec<Registration> {
    vec![a, Probe::new("B").start(Does::Checkpoints(2)).build().0]
}

/// R01; and in addition with a probe whose start is under way when the stop comes.
fn r01(kit: &Kit) -> Ran {
    stop_before_started(kit);
    stop_after_started(kit);
    stop_between(true);
    stop_between(false);
    races(
        || with_neighbour(kit.manual("A")),
        |site, draw| {
            let _slow = draw_slow(site, draw, "start");
            stop_somewhere(site, draw);
            assert_stopped(site, 1);
        },
    );
    races(
        || with_neighbour(kit.manual_with("A", |descriptor| descriptor.cancellable_start = false)),
        |site, draw| {
            let _slow = draw_slow(site, draw, "start");
            stop_somewhere(site, draw);
        },
    );
    Ran::Passed
}

fn stop_before_started(kit: &Kit) {
    let mut site = kit.waiting();
    let start = operation(&mut site, "A", Command::Start);
    operate(&mut site, "A", Command::Stop);
    assert_eq!(ends(&site, start), [1223]);
    assert_eq!(
        changes(&site, "A"),
        ["1 Stopped -> Starting", "1 Starting -> Stopping", "1 Stopping -> Stopped by operator"]
    );
    assert_sound(&site);
}

fn stop_after_started(kit: &Kit) {
    let mut site = kit.waiting();
    let start = operation(&mut site, "A", Command::Start);
    run_until_running(&mut site, &["A"]);
    operate(&mut site, "A", Command::Stop);
    assert_eq!(ends(&site, start), [0]);
    assert_eq!(changes_since_up(&site, "A"), GOES_DOWN);
    assert_sound(&site);
}

fn stop_between(cancellable: bool) {
    let probe = Probe::new("A").start(Does::Checkpoints(4)).manual();
    let (a, journal) = probe.declares(|d| d.cancellable_start = cancellable).build();
    let mut site = untidy_site([a]);
    let start = operation(&mut site, "A", Command::Start);
    site.advance(SECOND).unwrap();
    if cancellable {
        operate(&mut site, "A", Command::Stop);
        assert_eq!((ends(&site, start), now(&site)), (vec![1223], SECOND));
        assert_eq!(journal.take(), ["start 1"], "no stop hook without a start that went well");
        let changes = changes(&site, "A");
        assert!(!changes.iter().any(|change| change.contains("Running")), "{changes:?}");
    } else {
        assert_eq!(refused(site.order("A", Command::Stop)), 1061);
        assert_eq!(end_of(&mut site, start), Code::OK, "it runs all the same");
        assert_runs(&mut site, 1);
        site.stop("A").expect("a second stop works");
        assert_eq!(journal.take(), ["start 1", "stop"]);
    }
    assert_stopped(&mut site, 1);
    assert_sound(&site);
}

/// A start, and a stop a drawn number of steps behind it. Refused, it comes again.
fn stop_somewhere(site: &mut Site, draw: &mut fastrand::Rng) {
    let start = operation(site, "A", Command::Start);
    draw_steps(site, draw, 6);
    let status = site.query("A").unwrap();
    let ran = status.state == State::Running;
    match site.order("A", Command::Stop) {
        Ok(stop) => {
            assert_eq!(end_of(site, stop.operation.unwrap()), Code::OK);
            assert_eq!(ends(site, start), [if ran { 0 } else { 1223 }]);
            let becomes_running = site.events().iter().any(|e| e.became("A", State::Running));
            assert_eq!(becomes_running, ran, "once the stop is accepted it does not run any more");
        }
        Err(refusal) => {
            assert_eq!((refusal.code.0, ran), (1061, false), "it cannot be cancelled");
            assert_eq!(end_of(site, start), Code::OK);
            assert_runs(site, 1);
            site.stop("A").expect("a second stop works");
        }
    }
}

/// R03: a message is on its way when the stop comes, or is handled before it.
fn r03(kit: &Kit) -> Ran {
    for handled_first in [false, true] {
        let values = Values::default();
        let mut site = running(values.of(kit.manual("A")));
        let sent = site.post("A", kit.message(1), None).unwrap();
        if handled_first {
            site.run_to_rest().unwrap();
        }
        stop_panics(&mut site, &values);
        assert_eq!(settled(&site, sent) == 1, handled_first);
        assert_eq!(is_kept(&site, sent), !handled_first, "it is handed back");
        assert_sound(&site);
    }
    let values = Values::default();
    races(
        || with_neighbour(values.of(kit.manual("A"))),
        |site, draw| {
            bring_up(site, "A");
            let sent = site.post("A", kit.message(1), None).unwrap();
            let _slow = draw_slow(site, draw, "message");
            draw_steps(site, draw, 6);
            stop_panics(site, &values);
            assert_ne!(settled(site, sent) == 1, is_kept(site, sent), "acked, or handed back");
        },
    );
    Ran::Passed
}

fn stop_panics(site: &mut Site, values: &Values) {
    let panicking = fault(site, "A", "stop", panics());
    operate(site, "A", Command::Stop);
    drop(panicking);
    assert_eq!(values.alive(), 0, "what it owned is dropped");
    site.advance(HOUR).unwrap();
    assert_stopped(site, 1);
    let status = site.query("A").unwrap();
    assert!(matches!(status.last_exit, Some(Exit::Panic { .. })), "{status:?}");
    assert_eq!((status.exit_code.0, status.crashes), (1064, 0));
    assert_eq!(charged(site, "A"), 0, "its budget is what it was");
    assert_eq!(changes_since_up(site, "A"), GOES_DOWN, "it is not restarted");
}

/// R05.
fn r05(kit: &Kit) -> Ran {
    start_while_it_stops(kit);
    start_when_it_has_stopped(kit);
    stop_removes_what_is_queued(kit);
    races(
        || with_neighbour(kit.manual("A")),
        |site, draw| {
            bring_up(site, "A");
            let slow = draw_slow(site, draw, "stop");
            let stop = operation(site, "A", Command::Stop);
            draw_steps(site, draw, 6);
            let state = site.query("A").unwrap().state;
            if state == State::StopPending {
                assert_eq!(refused(site.order("A", Command::Start)), 1056);
            }
            let start = site.order_with("A", Command::Start, QUEUE).expect("now, or later");
            assert_eq!(end_of(site, start.operation.unwrap()), Code::OK);
            assert_eq!(ends(site, stop), [0]);
            drop(slow);
            site.advance(HOUR).unwrap();
            assert_runs(site, 2);
        },
    );
    Ran::Passed
}

fn start_while_it_stops(kit: &Kit) {
    let mut site = kit.running();
    let stop = operation(&mut site, "A", Command::Stop);
    let refusal = site.order("A", Command::Start).expect_err("it is stopping");
    assert_eq!(refusal.code.0, 1056);
    assert!(refusal.way_out.contains("--queue"), "it says what to do: {refusal}");
    assert!(site.query("A").unwrap().wait_hint > Duration::ZERO, "and when to ask again");

    let start = site.order_with("A", Command::Start, QUEUE).expect("it is queued");
    let again = site.order_with("A", Command::Start, QUEUE).expect("so it is");
    assert_eq!(start.operation, again.operation, "one start waits at most");
    assert_eq!(end_of(&mut site, start.operation.unwrap()), Code::OK);
    assert_eq!(ends(&site, stop), [0]);
    assert_eq!(changes_since_up(&site, "A"), [GOES_DOWN, COMES_UP_AGAIN].concat());
    assert_sound(&site);
}

fn start_when_it_has_stopped(kit: &Kit) {
    let mut site = kit.running();
    site.stop("A").expect("it stops");
    let start = site.order("A", Command::Start).expect("nothing is in its way");
    assert_eq!(start.code, Code::OK);
    assert_eq!(end_of(&mut site, start.operation.unwrap()), Code::OK);
    assert_runs(&mut site, 2);
    assert_sound(&site);
}

fn stop_removes_what_is_queued(kit: &Kit) {
    let mut site = kit.running();
    let stop = operation(&mut site, "A", Command::Stop);
    let start = site.order_with("A", Command::Start, QUEUE).expect("it is queued");
    let again = site.order("A", Command::Stop).expect("it joins");
    assert_eq!((again.code.0, again.operation), (1061, Some(stop)));
    assert_eq!(end_of(&mut site, stop), Code::OK);
    assert_eq!(ends(&site, start.operation.unwrap()), [1223]);
    assert_stopped(&mut site, 1);
    assert_sound(&site);
}

/// R07; and in addition with a probe whose stop is under way when the other command comes.
fn r07(kit: &Kit) -> Ran {
    for (site, _slow) in slow_to_stop(kit) {
        stop_in_the_stop_phase(site);
    }
    for (site, _slow) in slow_to_stop(kit) {
        two_restarts(site);
    }
    stop_behind_the_restart(kit);
    races(
        || with_neighbour(kit.manual("A")),
        |site, draw| {
            bring_up(site, "A");
            let slow = (draw_slow(site, draw, "stop"), draw_slow(site, draw, "start"));
            let restart = operation(site, "A", Command::Restart);
            draw_steps(site, draw, 8);
            let life = site.query("A").unwrap().generation.0;
            operate(site, "A", Command::Stop);
            let code = ends(site, restart)[0];
            assert!(code == 1223 || (code, life) == (0, 2), "{code} in life {life}");
            drop(slow);
            site.advance(HOUR).unwrap();
            assert_stopped(site, life);
        },
    );
    races(
        || with_neighbour(kit.manual("A")),
        |site, draw| {
            bring_up(site, "A");
            let _slow = (draw_slow(site, draw, "stop"), draw_slow(site, draw, "start"));
            let first = operation(site, "A", Command::Restart);
            draw_steps(site, draw, 8);
            let second = site.order("A", Command::Restart);
            assert_eq!(end_of(site, first), Code::OK);
            let changes = 1 + incarnations_of(site, first, second);
            site.advance(HOUR).unwrap();
            assert_runs(site, 1 + changes);
        },
    );
    Ran::Passed
}

/// How many lives a second restart has brought beside those of the first.
fn incarnations_of(
    site: &mut Site,
    first: contract::OpId,
    second: Result<Accepted, Refusal>,
) -> u64 {
    match second {
        Ok(Accepted { operation: Some(operation), .. }) => {
            assert_eq!(end_of(site, operation), Code::OK);
            u64::from(operation != first)
        }
        Ok(accepted) => panic!("there is something to wait for: {accepted:?}"),
        // The new life is starting: too late to join, too early for another.
        Err(refusal) => {
            assert_eq!(refusal.code.0, 1061);
            0
        }
    }
}

/// Its stop hook takes 5 s; that of the probe in addition returns at once, and is done later.
fn slow_to_stop(kit: &Kit) -> [(Site, Option<Guard>); 2] {
    let mut blocking = kit.running();
    let slow = fault(&mut blocking, "A", "stop", blocks_for(5 * SECOND));
    let (pending, _) = Probe::new("A").stop(Does::Checkpoints(3)).manual().build();
    [(blocking, Some(slow)), (running(pending), None)]
}

fn stop_in_the_stop_phase(mut site: Site) {
    let restart = operation(&mut site, "A", Command::Restart);
    site.advance(SECOND).unwrap();
    let stop = operation(&mut site, "A", Command::Stop);
    assert_eq!(ends(&site, restart), [1223], "at once");
    assert_eq!(end_of(&mut site, stop), Code::OK);
    site.advance(HOUR).unwrap();
    assert_stopped(&mut site, 1);
    assert_eq!(changes_since_up(&site, "A"), GOES_DOWN);
    assert_sound(&site);
}

fn stop_behind_the_restart(kit: &Kit) {
    let mut site = kit.running();
    let restart = operate(&mut site, "A", Command::Restart);
    site.stop("A").expect("it stops");
    site.advance(HOUR).unwrap();
    assert_stopped(&mut site, 2);
    assert_eq!(ends(&site, restart), [0]);
    assert_sound(&site);
}

fn two_restarts(mut site: Site) {
    let first = operation(&mut site, "A", Command::Restart);
    site.advance(SECOND).unwrap();
    let second = operation(&mut site, "A", Command::Restart);
    assert_eq!(end_of(&mut site, first), Code::OK);
    assert_eq!((ends(&site, first), ends(&site, second)), (vec![0], vec![0]));
    site.advance(HOUR).unwrap();
    assert_runs(&mut site, 2);
    assert_eq!(calls(&site, "A", "start"), [1, 2]);
    assert_sound(&site);
}

/// R08: the start comes with all of the delay ahead, at the very instant at which the timer
/// falls due and has not rung, or when it has.
fn r08(kit: &Kit) -> Ran {
    let (mut site, _failing) = backing_off(kit);
    let began = site.clock().now;
    let start = operation(&mut site, "A", Command::Start);
    site.run_to_rest().unwrap();
    assert_eq!(calls(&site, "A", "start"), [1, 2], "at once");
    assert_eq!(site.clock().now, began);
    assert_eq!(end_of(&mut site, start), Code::OK);
    assert_no_second_start(&mut site);

    let (mut site, _failing) = backing_off(kit);
    while now(&site) < MINUTE {
        site.step().expect("the timer is due");
    }
    assert_eq!(site.query("A").unwrap().state, State::Stopped, "it has not rung");
    operate(&mut site, "A", Command::Start);
    assert_no_second_start(&mut site);

    let (mut site, _failing) = backing_off(kit);
    site.advance(MINUTE).unwrap();
    run_until_running(&mut site, &["A"]);
    assert_eq!(refused(site.order("A", Command::Start)), 1056);
    assert_no_second_start(&mut site);

    races(
        || with_neighbour(slow_to_restart(kit)),
        |site, draw| {
            let _failing = fail_first_start(site);
            site.advance(Duration::from_millis(draw.u64(..60_000))).unwrap();
            draw_steps(site, draw, 4);
            if let Ok(start) = site.order("A", Command::Start) {
                assert_eq!(end_of(site, start.operation.unwrap()), Code::OK);
            }
            assert_no_second_start(site);
        },
    );
    Ran::Passed
}

fn slow_to_restart(kit: &Kit) -> Registration {
    kit.manual_with("A", |descriptor| descriptor.backoff.first = MINUTE)
}

/// A site whose A has failed to start this moment, and is due again in 60 s.
fn backing_off(kit: &Kit) -> (Site, Guard) {
    let mut site = untidy_site([slow_to_restart(kit)]);
    let failing = fail_first_start(&mut site);
    let until = site.clock().now + MINUTE;
    assert_eq!(site.query("A").unwrap().substate, Some(Substate::Backoff { until }));
    (site, failing)
}

fn fail_first_start(site: &mut Site) -> Guard {
    let failing = fault_in_life(site, 1, "A", "start", panics());
    let start = operation(site, "A", Command::Start);
    site.run_to_rest().unwrap();
    assert_eq!(ends(site, start), [1064]);
    failing
}

/// The crash has led to one start, whoever began it, and to no other.
fn assert_no_second_start(site: &mut Site) {
    site.advance(HOUR).unwrap();
    assert_runs(site, 2);
    assert_eq!(calls(site, "A", "start"), [1, 2]);
    assert_eq!((site.query("A").unwrap().crashes, site.crashes("A").unwrap().len()), (1, 1));
    assert_sound(site);
}

/// R10: what stands for the old port and the file lock is the value that owned them.
fn r10(kit: &Kit) -> Ran {
    for command in [Command::Stop, Command::Kill] {
        start_at_stopped(kit, command);
        start_just_before_stopped(kit, command);
        let values = Values::default();
        races(
            || with_neighbour(values.of(kit.manual("A"))),
            |site, draw| {
                bring_up(site, "A");
                let _slow = draw_slow(site, draw, "stop");
                let end = operation(site, "A", command);
                draw_steps(site, draw, 6);
                start_as_soon_as_stopped(site, &values);
                assert_eq!(ends(site, end), [0]);
                assert_runs(site, 2);
                assert_eq!((values.alive(), site.query("A").unwrap().zombies), (1, 0));
                site.stop("A").expect("it stops");
            },
        );
    }
    Ran::Passed
}

/// Steps until it is Stopped, if it is not, and starts it right there.
fn start_as_soon_as_stopped(site: &mut Site, values: &Values) {
    while site.query("A").unwrap().state != State::Stopped {
        site.step().expect("it stops");
    }
    assert_eq!(values.alive(), 0, "what the old life owned is free");
    let start = site.order("A", Command::Start).expect("it is Stopped: no spurious 1056");
    assert_eq!(start.code, Code::OK);
    assert_eq!(end_of(site, start.operation.unwrap()), Code::OK);
}

fn start_at_stopped(kit: &Kit, command: Command) {
    let values = Values::default();
    let mut site = running(values.of(kit.manual("A")));
    operation(&mut site, "A", command);
    let is_stopped = |event: &crate::Event| event.became("A", State::Stopped);
    while !site.step().expect("it stops").iter().any(is_stopped) {}
    start_as_soon_as_stopped(&mut site, &values);
    assert_runs(&mut site, 2);
    assert_sound(&site);
}

fn start_just_before_stopped(kit: &Kit, command: Command) {
    let values = Values::default();
    let mut site = running(values.of(kit.manual("A")));
    operation(&mut site, "A", command);
    assert_eq!(values.alive(), 1);
    assert_eq!(refused(site.order("A", Command::Start)), 1056, "it is still there");
    start_as_soon_as_stopped(&mut site, &values);
    assert_runs(&mut site, 2);
    assert_sound(&site);
}
