//! Time-outs, hangs, clocks: cases T.

use std::time::Duration;

use contract::Registration;
use contract::control::HostControl;
use contract::lifecycle::{Code, Command, Exit, Isolation, State, Substate, WhenHung};
use kernel::Hook;

use super::stage::{
    BLOCKS, HOUR, MINUTE, SECOND, blocks_for, bring_up, end_of, fault, fault_in_life, fault_where,
    operation, run_until_running, running, untidy_site,
};
use super::view::{
    COMES_UP, COMES_UP_AGAIN, FAILS_TO_START, GOES_DOWN, assert_sound, changes, changes_since_up,
    charged, ends, now,
};
use super::wrapped::Values;
use super::{Case, Kit, Ran};
use crate::event::What;
use crate::faults::Guard;
use crate::probe::{CHECKPOINT_EVERY, Does, Probe};
use crate::run::Site;

pub(super) const CASES: &[Case] = &[
    Case { number: "T01", about: "a start that makes progress may take its time", run: t01 },
    Case { number: "T02", about: "a start that makes none is ended after 30 s", run: t02 },
    Case { number: "T04", about: "a stop that never ends is ended by force", run: t04 },
    Case { number: "T06", about: "a pause that is stuck holds up nobody else", run: t06 },
    Case { number: "T07", about: "work under a lease is not hung, work without is", run: t07 },
];

/// The clock knows nothing shorter.
const INSTANT: Duration = Duration::from_nanos(1);

/// T01: with a probe, as checkpoints are a component's own to report.
fn t01(_: &Kit) -> Ran {
    let (a, _) = Probe::new("A").start(Does::Checkpoints(200)).manual().build();
    let mut site = untidy_site([a]);
    let start = operation(&mut site, "A", Command::Start);
    let mut shown = 0;
    for _ in 0..29 {
        site.advance(10 * SECOND).unwrap();
        let status = site.query("A").unwrap();
        assert_eq!((status.state, status.hung), (State::StartPending, false));
        assert!(status.checkpoint > shown, "the checkpoint rises: {status:?}");
        assert!(status.wait_hint > CHECKPOINT_EVERY, "the next one is promised: {status:?}");
        shown = status.checkpoint;
    }
    assert_eq!(end_of(&mut site, start), Code::OK);
    assert_eq!(now(&site), 5 * MINUTE);
    assert_eq!(changes(&site, "A"), COMES_UP);
    Ran::Passed
}

/// T02: the component's start hook blocks; and in addition a probe's, which returns at once and
/// is never heard of again.
fn t02(kit: &Kit) -> Ran {
    let silent = Probe::new("A").start(Does::Hang).starts_well_from(2).manual();
    let mut blocked = kit.waiting();
    let stuck = fault_in_life(&mut blocked, 1, "A", "start", BLOCKS);
    start_is_given_up(blocked, Some(stuck));
    start_is_given_up(untidy_site([silent.build().0]), None);
    Ran::Passed
}

fn start_is_given_up(mut site: Site, _stuck: Option<Guard>) {
    site.allow_crashes();
    let start = operation(&mut site, "A", Command::Start);
    site.advance(30 * SECOND - INSTANT).unwrap();
    assert_eq!(site.query("A").unwrap().state, State::StartPending, "it has its 30 s");
    assert_eq!(end_of(&mut site, start), Code::START_HANG);
    assert_eq!(now(&site), 30 * SECOND);

    let status = site.query("A").unwrap();
    let until = site.clock().now + Duration::from_millis(500);
    assert_eq!(status.substate, Some(Substate::Backoff { until }));
    assert_eq!((status.exit_code.0, status.last_exit), (1070, Some(Exit::StartHang)));
    assert_eq!((status.crashes, charged(&mut site, "A")), (1, 1), "its budget is one less");
    site.advance(Duration::from_millis(500)).unwrap();
    run_until_running(&mut site, &["A"]);
    assert_eq!(changes(&site, "A"), [FAILS_TO_START, COMES_UP_AGAIN].concat());
    assert_sound(&site);
}

/// T04: the component's stop hook blocks its thread, which takes the grace of a kill as well;
/// and in addition a probe's returns at once and is never heard of again.
fn t04(kit: &Kit) -> Ran {
    let mut blocked = kit.running();
    let stuck = fault(&mut blocked, "A", "stop", BLOCKS);
    stop_is_forced(blocked, Some(stuck), 32 * SECOND);
    let (silent, _) = Probe::new("A").stop(Does::Hang).manual().build();
    stop_is_forced(running(silent), None, 30 * SECOND);
    Ran::Passed
}

fn stop_is_forced(mut site: Site, _stuck: Option<Guard>, after: Duration) {
    let began = now(&site);
    let stop = operation(&mut site, "A", Command::Stop);
    site.advance(30 * SECOND - INSTANT).unwrap();
    assert_eq!(site.query("A").unwrap().state, State::StopPending, "it has its 30 s");
    assert_eq!(end_of(&mut site, stop), Code::OK);
    assert_eq!(now(&site) - began, after);

    let status = site.query("A").unwrap();
    assert_eq!((status.exit_code.0, status.last_exit), (1053, Some(Exit::Killed)));
    assert_eq!((status.crashes, charged(&mut site, "A")), (0, 0), "it is no crash");
    site.advance(HOUR).unwrap();
    assert_eq!(changes_since_up(&site, "A"), GOES_DOWN, "it is not restarted");
    assert_sound(&site);
}

/// T06: the component's pause hook blocks, on a thread of its own as one that blocks should
/// have; and in addition a probe's never comes to an end. The other component is a probe.
fn t06(kit: &Kit) -> Ran {
    let silent = || Probe::new("A").pause(Does::Hang).manual().build().0;
    let blocked = || {
        kit.manual_with("A", |descriptor| {
            descriptor.pausable = true;
            descriptor.isolation = Isolation::Dedicated;
        })
    };
    pause_is_stuck(blocked(), true);
    pause_is_stuck(silent(), false);
    pause_gives_way_to_a_stop(blocked(), true);
    pause_gives_way_to_a_stop(silent(), false);
    Ran::Passed
}

fn with_a_stuck_pause(a: Registration, blocks: bool) -> (Site, Option<Guard>) {
    let (b, _) = Probe::new("B").declares(|descriptor| descriptor.controls = vec![130]).build();
    let mut site = untidy_site([a, b]);
    bring_up(&mut site, "A");
    let stuck = blocks.then(|| fault(&mut site, "A", "pause", BLOCKS));
    (site, stuck)
}

fn pause_is_stuck(a: Registration, blocks: bool) {
    let (mut site, _stuck) = with_a_stuck_pause(a, blocks);
    let began = now(&site);
    let pause = operation(&mut site, "A", Command::Pause);
    site.run_to_rest().unwrap();
    assert_eq!(site.query("A").unwrap().state, State::PausePending, "a query does not wait");
    for command in [Command::Custom(130), Command::Pause, Command::Continue, Command::Restart] {
        site.control("B", command).expect("B is not concerned");
    }
    assert_eq!(now(&site), began, "B was not delayed");

    assert_eq!(end_of(&mut site, pause), Code::REQUEST_TIMEOUT);
    assert_eq!(now(&site) - began, 30 * SECOND);
    assert_eq!(changes_since_up(&site, "A"), ["1 Running -> Pausing"], "it is still pausing");
    site.stop("A").expect("it can be stopped all the same");
    assert_eq!(
        changes_since_up(&site, "A")[1..],
        ["1 Pausing -> Stopping", "1 Stopping -> Stopped by operator"]
    );
    assert_eq!(ends(&site, pause), [1053]);
}

fn pause_gives_way_to_a_stop(a: Registration, blocks: bool) {
    let (mut site, _stuck) = with_a_stuck_pause(a, blocks);
    let pause = operation(&mut site, "A", Command::Pause);
    site.advance(10 * SECOND).unwrap();
    let began = now(&site);
    let stop = operation(&mut site, "A", Command::Stop);
    assert_eq!(site.query("A").unwrap().state, State::StopPending, "it is obeyed at once");
    assert_eq!(end_of(&mut site, stop), Code::OK);
    assert!(now(&site) - began <= 32 * SECOND);
    assert_eq!(ends(&site, pause), [1223], "the stop took its place");
    assert_sound(&site);
}

/// T07: 49 minutes of work in one hook: under a lease of 50 minutes that was taken before, under
/// one that is too short, and without any.
fn t07(kit: &Kit) -> Ran {
    const WORK: Duration = Duration::from_secs(49 * 60);
    let (mut site, _busy) = at_work(kit, WORK, WhenHung::Report, Some(50 * MINUTE));
    site.advance(WORK - INSTANT).unwrap();
    assert!(!site.query("A").unwrap().hung, "its lease covers it");
    site.advance(HOUR).unwrap();
    assert_eq!(told(&site), [""; 0], "it never was");
    assert!(changes_since_up(&site, "A").is_empty());

    let too_short = (Some(10 * MINUTE), 10 * MINUTE, "A hangs, for 10m");
    let none = (None, 3 * MINUTE, "A hangs, for 3m");
    for (lease, hung_after, hangs) in [too_short, none] {
        let (mut site, _busy) = at_work(kit, WORK, WhenHung::Report, lease);
        site.advance(hung_after - INSTANT).unwrap();
        assert!(!site.query("A").unwrap().hung, "it is not yet at the third missed heartbeat");
        site.advance(INSTANT).unwrap();
        assert!(site.query("A").unwrap().hung);
        site.advance(WORK - hung_after).unwrap();
        assert!(!site.query("A").unwrap().hung, "it has come back");
        assert_eq!(told(&site), [hangs, "A is back after 49m"], "each once");
        assert!(changes_since_up(&site, "A").is_empty(), "it was reported, and nothing else");
    }

    let (mut site, _busy) = at_work(kit, WORK, WhenHung::Restart, None);
    site.advance(3 * MINUTE).unwrap();
    assert_eq!(changes_since_up(&site, "A"), ["1 Running -> Stopped waiting to restart"]);
    assert_eq!(site.crashes("A").unwrap()[0].exit, Exit::Hung);
    Ran::Passed
}

/// A site whose A has begun with so much work this moment.
fn at_work(
    kit: &Kit,
    work: Duration,
    when_hung: WhenHung,
    lease: Option<Duration>,
) -> (Site, Guard) {
    let values = Values::default();
    let mut site = running(values.of(kit.manual_with("A", |d| d.when_hung = when_hung)));
    values.lease(lease.unwrap_or_default());
    site.send("A", kit.message(1)).unwrap();
    let brings_work = site.post("A", kit.message(2), None).unwrap();
    let busy = fault_where(
        &mut site,
        blocks_for(work),
        move |call| matches!(call.hook, Hook::Message { id, .. } if id == brings_work),
    );
    site.run_to_rest().unwrap();
    (site, busy)
}

/// What a person is told of A.
fn told(site: &Site) -> Vec<String> {
    let about = site.events().iter().filter(|event| event.is_about("A"));
    let notices = about.filter(|event| matches!(event.what, What::Noticed { .. }));
    notices.map(|event| event.what.to_string()).collect()
}
