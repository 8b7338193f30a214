//! Budgets, delays, groups, escalation: cases S.

use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand, Told};
use contract::lifecycle::{
    Budget, Command, Desired, Escalate, Exit, Group, Restart, Startup, State, Strategy, Substate,
};
use contract::status::Health;
use status::ids;

use super::stage::{
    HOUR, LONG, MILLI, MINUTE, SECOND, assert_fails_at, blocks_for, crash_once, fault,
    fault_in_life, first_deliveries_panic, panics, run_until_running, site,
};
use super::view::{changes, changes_from, generation, now, refused, service, status, times};
use super::{Case, Kit, Ran};
use crate::event::What;
use crate::faults::Guard;
use crate::run::Site;

pub(super) const CASES: &[Case] = &[
    Case { number: "S01", about: "given up after six crashes at once", run: s01 },
    Case { number: "S02", about: "the window of the budget slides, and is inclusive", run: s02 },
    Case { number: "S04", about: "what clears a failure, and what resets the delay", run: s04 },
    Case { number: "S05", about: "a one-for-all group restarts as one", run: s05 },
    Case { number: "S06", about: "a rest-for-one group restarts what stands behind", run: s06 },
    Case { number: "S09", about: "a restart loop keeps nobody waiting", run: s09 },
    Case { number: "S11", about: "failures restart the executive, and end it", run: s11 },
];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// When a component starts that crashes at once each time.
const LOOP: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_millis(1_500),
    Duration::from_millis(3_500),
    Duration::from_millis(7_500),
    Duration::from_millis(15_500),
];

/// A site whose A has failed: six starts in a row have panicked. They do so as long as the
/// guard lives.
fn failed(kit: &Kit) -> (Site, Guard) {
    let mut site = site([kit.declared("A", |a| a.startup = Startup::Manual)]);
    let guard = fault(&mut site, "A", "start", panics());
    assert_eq!(refused(site.start("A")), 1064);
    site.advance(16 * SECOND).expect("it comes to rest");
    assert_eq!(status(&mut site, "A").substate, Some(Substate::Failed));
    (site, guard)
}

fn health(site: &mut Site, name: &str) -> Health {
    match site.ask(Ask::Summaries) {
        Ok(Told::Summaries(rows)) => {
            let row = rows.into_iter().find(|row| row.component == name);
            row.expect("every component has a row").health
        }
        told => unreachable!("summaries were asked for, told {told:?}"),
    }
}

fn s01(kit: &Kit) -> Ran {
    let (mut site, _guard) = failed(kit);
    let mut expected = Vec::new();
    for life in 1..=6 {
        let end = if life < 6 { "waiting to restart" } else { "failed" };
        expected.push(format!("{life} Stopped -> Starting"));
        expected.push(format!("{life} Starting -> Stopped {end}"));
    }
    assert_eq!(changes(&site, "A"), expected);
    assert_eq!(times(&site, Duration::ZERO, |e| e.became("A", State::StartPending)), LOOP);
    assert_eq!(health(&mut site, "A"), Health::Critical);

    let records = site.crashes("A").unwrap();
    let lives: Vec<u64> = records.iter().map(|crash| crash.generation.0).collect();
    assert_eq!(lives, [1, 2, 3, 4, 5, 6]);
    for crash in &records {
        assert!(crash.charged && crash.hook == "start" && crash.message.is_none(), "{crash:?}");
        assert!(matches!(&crash.exit, Exit::Panic { text, .. } if **text == *"by the case"));
    }
    site.skip_events();
    site.expect_silence(DAY, |event| event.became("A", State::StartPending));
    assert_eq!(status(&mut site, "A").substate, Some(Substate::Failed));
    Ran::Passed
}

/// Has A crash at every multiple of `every`, `count` times at most; answers after how many
/// crashes it has failed. The delays are short, so that it runs again whenever it is to crash.
fn crash_every(kit: &Kit, every: Duration, count: u32) -> Option<u32> {
    let mut site = site([kit.declared("A", |a| a.backoff.factor = 1)]);
    let _guard = first_deliveries_panic(&mut site, "A");
    let begin = now(&site);
    for number in 0..count {
        let due = begin + every * number;
        site.advance(due - now(&site)).expect("it comes to rest");
        site.send("A", kit.message(number.into())).expect("it is accepted");
        let a = status(&mut site, "A");
        assert_eq!((now(&site), a.crashes), (due, u64::from(number) + 1), "it crashes when due");
        if a.substate == Some(Substate::Failed) {
            site.allow_stranded();
            return Some(number + 1);
        }
    }
    site.allow_stranded();
    None
}

fn s02(kit: &Kit) -> Ran {
    let crashes_a_day = 24 * 3600 / 61 + 1;
    assert_eq!(crash_every(kit, 61 * SECOND, crashes_a_day), None);
    assert_eq!(crash_every(kit, 60 * SECOND, 10), Some(6));
    Ran::Passed
}

fn s04(kit: &Kit) -> Ran {
    start_after_a_failure(kit);
    clearing_after_a_failure(kit);
    delay_after(kit, MINUTE - MILLI, SECOND);
    delay_after(kit, MINUTE, SECOND / 2);
    Ran::Passed
}

/// A start clears the budget: it takes six crashes more until A has failed again.
fn start_after_a_failure(kit: &Kit) {
    let (mut site, guard) = failed(kit);
    drop(guard);
    site.start("A").expect("a failure is no obstacle");
    assert_eq!(generation(&mut site, "A"), 7);
    assert_fails_at(kit, &mut site, 6);
    site.allow_stranded();
}

/// Clearing a failure starts nothing, leaves what is wanted as it is, and empties budget and
/// delay.
fn clearing_after_a_failure(kit: &Kit) {
    let (mut site, guard) = failed(kit);
    let from = site.events().len();
    let accepted = site.control("A", Command::ResetFailed).expect("there is a failure");
    assert_eq!(accepted.operation, None, "it is done at once");
    site.advance(HOUR).expect("it comes to rest");
    assert_eq!(changes_from(&site, from, &["A"]), ["A 6 Stopped -> Stopped failure cleared"]);
    assert_eq!(status(&mut site, "A").desired, Desired::Up);

    let begin = now(&site);
    assert_eq!(refused(site.start("A")), 1064);
    site.advance(SECOND).expect("it comes to rest");
    let starts = times(&site, Duration::ZERO, |e| e.became("A", State::StartPending));
    assert_eq!(starts[6..], [begin, begin + LOOP[1]]);
    drop(guard);
    run_until_running(&mut site, &["A"]);
}

/// After one crash, `ran` of Running and another crash, A starts again after `delay`.
fn delay_after(kit: &Kit, ran: Duration, delay: Duration) {
    let mut site = site([kit.plain("A")]);
    crash_once(kit, &mut site, "A");
    run_until_running(&mut site, &["A"]);
    site.advance(ran).expect("it comes to rest");
    crash_once(kit, &mut site, "A");
    let until = site.clock().now + delay;
    assert_eq!(status(&mut site, "A").substate, Some(Substate::Backoff { until }), "{ran:?}");
    run_until_running(&mut site, &["A"]);
}

/// A site with that group of plain members.
fn grouped(kit: &Kit, group: Group) -> Site {
    let members: Vec<_> = group.members.iter().map(|name| kit.plain(name)).collect();
    Site::primary("PS1").components(members).group(group).start().expect("the site starts")
}

/// Waits until all of them have begun that life.
#[track_caller]
fn run_until_life(site: &mut Site, life: u64, names: &[&str]) {
    site.run_until(LONG, |site| names.iter().all(|name| generation(site, name) == life));
}

const CONNECTION: &str = "CLOUDCONNECTION";
const APP: &str = "BUSINESS_APP";
const CLOUD: [&str; 2] = [CONNECTION, APP];

fn cloud(kit: &Kit) -> Site {
    let group = Group::new("cloud", Strategy::OneForAll, CLOUD);
    grouped(kit, group)
}

fn s05(kit: &Kit) -> Ran {
    one_crash_restarts_all(kit, APP);
    one_crash_restarts_all(kit, CONNECTION);
    an_operator_restarts_all(kit);
    all_are_down_before_the_first_starts(kit);
    the_group_is_charged_once(kit);
    Ran::Passed
}

/// When that component last began to start, counted from `begin`.
fn last_start(site: &Site, begin: Duration, name: &str) -> Duration {
    let starts = times(site, begin, |event| event.became(name, State::StartPending));
    *starts.last().expect("it has started")
}

/// Both start in the group's order.
const BOTH_START: [&str; 4] = [
    "CLOUDCONNECTION 2 Stopped -> Starting",
    "CLOUDCONNECTION 2 Starting -> Running",
    "BUSINESS_APP 2 Stopped -> Starting",
    "BUSINESS_APP 2 Starting -> Running",
];

fn one_crash_restarts_all(kit: &Kit, crashed: &'static str) {
    let mut site = cloud(kit);
    let (from, begin) = (site.events().len(), now(&site));
    crash_once(kit, &mut site, crashed);
    run_until_life(&mut site, 2, &CLOUD);
    run_until_running(&mut site, &CLOUD);
    let other = if crashed == APP { CONNECTION } else { APP };
    let mut expected = vec![
        format!("{crashed} 1 Running -> Stopped waiting to restart"),
        format!("{other} 1 Running -> Stopping"),
        format!("{other} 1 Stopping -> Stopped waiting to restart"),
    ];
    expected.extend(BOTH_START.map(str::to_owned));
    assert_eq!(changes_from(&site, from, &CLOUD), expected);
    let first = last_start(&site, begin, CONNECTION);
    assert!(first >= SECOND / 2, "the delay has passed: {first:?}");
    assert_eq!((site.crashes(crashed).unwrap().len(), site.crashes(other).unwrap().len()), (1, 0));
    assert_eq!(health(&mut site, other), Health::Ok, "the other one has done nothing wrong");
}

fn an_operator_restarts_all(kit: &Kit) {
    let mut site = cloud(kit);
    let from = site.events().len();
    site.restart("group:cloud").expect("there is such a group");
    let expected = [
        "BUSINESS_APP 1 Running -> Stopping",
        "BUSINESS_APP 1 Stopping -> Stopped waiting to restart",
        "CLOUDCONNECTION 1 Running -> Stopping",
        "CLOUDCONNECTION 1 Stopping -> Stopped waiting to restart",
    ];
    assert_eq!(changes_from(&site, from, &CLOUD), [expected, BOTH_START].concat());
}

/// The stop of the last takes its time, longer than the delay: nobody starts before it is down.
fn all_are_down_before_the_first_starts(kit: &Kit) {
    let mut site = cloud(kit);
    let _guard = fault(&mut site, APP, "stop", blocks_for(10 * SECOND));
    let (from, begin) = (site.events().len(), now(&site));
    crash_once(kit, &mut site, CONNECTION);
    run_until_life(&mut site, 2, &[APP]);
    run_until_running(&mut site, &CLOUD);
    assert_eq!(changes_from(&site, from, &CLOUD)[3..], BOTH_START);
    let first = last_start(&site, begin, CONNECTION);
    assert!(first >= 10 * SECOND, "it waited: {first:?}");
}

/// Five crashes of the one restart both. So does a sixth of the other one, if the window is
/// over; within it the group has failed, and both with it.
fn the_group_is_charged_once(kit: &Kit) {
    let mut site = cloud(kit);
    for crash in 1..=6 {
        run_until_running(&mut site, &CLOUD);
        crash_once(kit, &mut site, if crash % 2 == 0 { APP } else { CONNECTION });
        let group_failed = site.messages().iter().any(|m| m.message.id == ids::GROUP_FAILED);
        assert_eq!(group_failed, crash == 6, "after {crash} crashes");
        if crash < 6 {
            run_until_life(&mut site, crash + 1, &CLOUD);
        }
    }
    site.advance(HOUR).expect("it comes to rest");
    for name in CLOUD {
        let member = status(&mut site, name);
        assert_eq!((member.substate, member.generation.0), (Some(Substate::Failed), 6), "{name}");
    }
    site.allow_stranded();
}

fn s06(kit: &Kit) -> Ran {
    let names = ["A", "B", "C"];
    let group = Group::new("g", Strategy::RestForOne, names);
    let mut site = grouped(kit, group);
    let from = site.events().len();
    crash_once(kit, &mut site, "B");
    run_until_life(&mut site, 2, &["C"]);
    run_until_running(&mut site, &names);
    let expected = [
        "B 1 Running -> Stopped waiting to restart",
        "C 1 Running -> Stopping",
        "C 1 Stopping -> Stopped waiting to restart",
        "B 2 Stopped -> Starting",
        "B 2 Starting -> Running",
        "C 2 Stopped -> Starting",
        "C 2 Starting -> Running",
    ];
    assert_eq!(changes_from(&site, from, &names), expected, "A is not touched");

    // C's next start fails, and only that.
    let _guard = fault_in_life(&mut site, 3, "C", "start", panics());
    let from = site.events().len();
    crash_once(kit, &mut site, "B");
    run_until_life(&mut site, 4, &["C"]);
    run_until_running(&mut site, &names);
    let expected = [
        "B 2 Running -> Stopped waiting to restart",
        "C 2 Running -> Stopping",
        "C 2 Stopping -> Stopped waiting to restart",
        "B 3 Stopped -> Starting",
        "B 3 Starting -> Running",
        "C 3 Stopped -> Starting",
        "C 3 Starting -> Stopped waiting to restart",
        "C 4 Stopped -> Starting",
        "C 4 Starting -> Running",
    ];
    assert_eq!(changes_from(&site, from, &names), expected, "only C is tried again");
    Ran::Passed
}

/// In a loop with delays, between two starts, and in one without any, where the next start is
/// always under way.
fn s09(kit: &Kit) -> Ran {
    for delay in [Duration::ZERO, SECOND / 2] {
        let (mut site, _guard) = looping(kit, delay);
        let begin = now(&site);
        assert!(generation(&mut site, "A") > 3, "a query is answered");
        let stop = site.order("A", Command::Stop).expect("a stop is answered");
        let stop = stop.operation.expect("it is accepted");
        assert_eq!(site.wait(stop, 50 * MILLI).code.0, 0, "and obeyed");
        assert_eq!(now(&site), begin, "at once");
        assert_stays_down(&mut site, Substate::Operator);

        let (mut site, _guard) = looping(kit, delay);
        let begin = now(&site);
        site.service(ServiceCommand::Stop).expect("the executive can be stopped");
        assert_eq!(now(&site), begin, "at once");
        assert_eq!(service(&mut site).exit_status, Some(0));
        assert_stays_down(&mut site, Substate::Held);
    }
    Ran::Passed
}

/// A site whose A has crashed at some starts. It goes on doing so as long as the guard lives, and
/// is never given up.
fn looping(kit: &Kit, delay: Duration) -> (Site, Guard) {
    let mut site = site([kit.declared("A", |a| {
        a.startup = Startup::Manual;
        a.backoff.first = delay;
        a.budget.crashes = u32::MAX;
    })]);
    let guard = fault(&mut site, "A", "start", panics());
    site.order("A", Command::Start).expect("it is stopped");
    while generation(&mut site, "A") < 4 {
        site.step().expect("it goes on for ever");
    }
    if !delay.is_zero() {
        site.run_to_rest().expect("it waits for the next start");
    }
    (site, guard)
}

#[track_caller]
fn assert_stays_down(site: &mut Site, why: Substate) {
    assert_eq!(status(site, "A").substate, Some(why));
    site.skip_events();
    site.expect_silence(DAY, |event| event.became("A", State::StartPending));
    assert_eq!(status(site, "A").substate, Some(why));
}

fn s11(kit: &Kit) -> Ran {
    let mut site = site([
        kit.declared("A", |a| a.escalate = Escalate::Executive),
        kit.plain("B"),
        kit.declared("C", |c| c.restart = Restart::Transient),
    ]);
    let _guard = fault(&mut site, "A", "start", panics());
    assert_eq!(refused(site.restart("A")), 1064);
    site.run_until(HOUR, |site| service(site).exit_status.is_some());

    // The default budget: five restarts of the executive, and the sixth failure is its end.
    let reports = |site: &mut Site, id| {
        site.messages().iter().filter(|record| record.message.id == id).count()
    };
    assert_eq!(reports(&mut site, ids::EXECUTIVE_RESTARTS), 5);
    assert_eq!(reports(&mut site, ids::EXECUTIVE_GIVES_UP), 1);
    assert_eq!(site.crashes("A").unwrap().len(), 36, "six times six");
    for name in ["B", "C"] {
        let sibling = status(&mut site, name);
        assert_eq!((sibling.generation.0, sibling.crashes), (6, 0), "{name}");
        assert_eq!(sibling.last_exit, Some(Exit::Shutdown), "{name} was stopped cleanly");
        assert_eq!(sibling.substate, Some(Substate::Held), "{name}");
    }
    let gone = service(&mut site);
    assert_eq!((gone.state, gone.exit_status), (State::Stopped, Some(20)));
    site.skip_events();
    site.expect_silence(DAY, |event| matches!(event.what, What::Changed { .. }));
    within_another_budget(kit);
    Ran::Passed
}

/// The executive's budget is the site's to declare: with none, the first failure ends it.
fn within_another_budget(kit: &Kit) {
    let a = kit.declared("A", |a| a.escalate = Escalate::Executive);
    let budget = Budget { crashes: 0, period: MINUTE };
    let site = Site::primary("PS1").component(a).executive_budget(budget).start();
    let mut site = site.expect("the site starts");
    let _guard = fault(&mut site, "A", "start", panics());
    assert_eq!(refused(site.restart("A")), 1064);
    site.run_until(MINUTE, |site| service(site).exit_status == Some(20));
    assert_eq!(site.crashes("A").unwrap().len(), 6);
}
