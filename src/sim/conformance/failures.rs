//! Panics and exits: cases P.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::id::MessageId;
use contract::lifecycle::{
    Code, Command, Exit, Group, HoldKind, Restart, State, Strategy, Substate,
};
use contract::{Message, Registration};
use kernel::Hook;

use super::stage::{
    BLOCKS, HOUR, LONG, MINUTE, SECOND, bring_up, fault, fault_in_life, operation, panics, post,
    run_until_running, running, untidy_site,
};
use super::view::{
    COMES_UP, COMES_UP_AGAIN, FAILS_TO_START, GOES_DOWN, assert_runs, assert_sound, changes,
    changes_since_up, charged, deliveries, ends, generation, is_kept, settled, state,
};
use super::wrapped::Values;
use super::{Case, Kit, Ran};
use crate::event::What;
use crate::faults::{CallVerdict, Guard};
use crate::probe::{Act, Does, Probe};
use crate::run::Site;

pub(super) const CASES: &[Case] = &[
    Case { number: "P01", about: "a start that panics is tried again", run: p01 },
    Case { number: "P02", about: "a message that panics comes again, first of all", run: p02 },
    Case { number: "P03", about: "a drop that panics is survived", run: p03 },
    Case { number: "P05", about: "the restart type decides", run: p05 },
    Case { number: "P06", about: "not applicable here is no failure", run: p06 },
    Case { number: "P07", about: "a kill of the executive loses nothing", run: p07 },
];

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// P01.
fn p01(kit: &Kit) -> Ran {
    let mut site = kit.waiting();
    let _failing = fault_in_life(&mut site, 1, "A", "start", panics());
    let start = operation(&mut site, "A", Command::Start);
    let outcome = site.wait(start, LONG);
    assert_eq!(outcome.code, Code::EXCEPTION);
    assert!(outcome.text.contains("by the case"), "{outcome:?}");
    assert_eq!((site.query("A").unwrap().crashes, charged(&mut site, "A")), (1, 1));

    site.advance(HALF_A_SECOND - Duration::from_nanos(1)).unwrap();
    assert_eq!(changes(&site, "A"), FAILS_TO_START);
    site.advance(Duration::from_nanos(1)).unwrap();
    run_until_running(&mut site, &["A"]);
    assert_eq!(changes(&site, "A")[2..], COMES_UP_AGAIN);
    assert_sound(&site);
    Ran::Passed
}

/// P02: with two more of the component beside it, one of them on its thread. The five come one
/// after the other, or lie in the inbox when it starts.
fn p02(kit: &Kit) -> Ran {
    for lie_there in [false, true] {
        let mut site = untidy_site(["A", "B", "C"].map(|name| kit.manual(name)));
        bring_up(&mut site, "B");
        bring_up(&mut site, "C");
        if !lie_there {
            bring_up(&mut site, "A");
        }
        let sent = post(kit, &mut site, "A", 1..6);
        let (handed, _dying) = dies_of(&mut site, sent[2]);
        site.run_to_rest().unwrap();
        if lie_there {
            operation(&mut site, "A", Command::Start);
        }
        site.run_until(LONG, |site| generation(site, "A") == 2);
        run_until_running(&mut site, &["A"]);
        site.run_to_rest().unwrap();
        comes_again(&mut site, &sent, &handed);
    }
    Ran::Passed
}

fn comes_again(site: &mut Site, sent: &[MessageId], handed: &Handed) {
    let [one, two, three, four, five] = *sent else { panic!("five were sent: {sent:?}") };
    let mut handed = handed.lock().unwrap().clone();
    handed.retain(|(id, _)| sent.contains(id));
    assert_eq!(handed, [(one, 1), (two, 1), (three, 1), (three, 2), (four, 1), (five, 1)]);
    assert_eq!(deliveries(site, sent), [(0, 1), (1, 1), (2, 1), (2, 2), (3, 2), (4, 2)]);
    assert!(sent.iter().all(|id| settled(site, *id) == 1), "each counts once");
    assert_restarted(site);
    assert_eq!(site.crashes("A").unwrap()[0].message, Some((three, 1)));
    for sibling in ["B", "C"] {
        assert_eq!(changes_since_up(site, sibling), [""; 0], "its siblings live on");
    }
    assert_sound(site);
}

/// Which message was handed to A, and which delivery of it that was.
type Handed = Arc<Mutex<Vec<(MessageId, u8)>>>;

/// The first delivery of that message kills A.
fn dies_of(site: &mut Site, message: MessageId) -> (Handed, Guard) {
    let handed = Handed::default();
    let notes = Arc::clone(&handed);
    let guard = site.fault_code(move |call| {
        let Hook::Message { id, delivery, .. } = call.hook else { return CallVerdict::Pass };
        if call.name == "A" {
            notes.lock().unwrap().push((id, delivery));
        }
        match id == message && delivery == 1 {
            true => panics(),
            false => CallVerdict::Pass,
        }
    });
    (handed, guard)
}

/// P03.
fn p03(kit: &Kit) -> Ran {
    let values = Values::default();
    let mut site = running(values.of(kit.manual("A")));
    site.allow_crashes();
    values.drop_panics(true);
    site.stop("A").expect("it is stopped all the same");
    values.drop_panics(false);
    assert_eq!(changes_since_up(&site, "A"), GOES_DOWN);
    let status = site.query("A").unwrap();
    assert_eq!(status.drop_panicked.as_deref(), Some("the drop panics"));
    assert_eq!((status.last_exit, status.crashes), (Some(Exit::Shutdown), 0));
    let dropped =
        |what: &What| matches!(what, What::DropPanicked { generation, .. } if generation.0 == 1);
    assert_eq!(site.events().iter().filter(|event| dropped(&event.what)).count(), 1);
    assert_eq!(charged(&mut site, "A"), 0);

    site.start("A").expect("the executive is alive, and the next start fine");
    assert_runs(&mut site, 2);
    assert_sound(&site);
    Ran::Passed
}

/// P05: a clean exit is a probe's, as a component cannot be made to end itself from outside.
fn p05(kit: &Kit) -> Ran {
    for (restart, after_ok, after_error) in [
        (Restart::Permanent, true, true),
        (Restart::Transient, false, true),
        (Restart::Temporary, false, false),
    ] {
        let exits = Probe::new("A").on(9, Act::Exit).manual();
        let (exits, _) = exits.declares(|descriptor| descriptor.restart = restart).build();
        let mut site = running(exits);
        site.send("A", Message::Word(9)).unwrap();
        assert_ends(&mut site, after_ok, "completed", &Exit::Normal);

        let fails = kit.manual_with("A", |descriptor| descriptor.restart = restart);
        let mut site = running(fails);
        let verdict = CallVerdict::Fail(7, "by the case".into());
        let _failing = fault_in_life(&mut site, 1, "A", "message", verdict);
        site.send("A", kit.message(1)).unwrap();
        let exit = Exit::Error { code: 7, text: "by the case".into() };
        assert_ends(&mut site, after_error, "failed", &exit);
    }
    Ran::Passed
}

/// A has ended this moment. It is restarted, or stays Stopped for that reason.
fn assert_ends(site: &mut Site, restarts: bool, why: &str, exit: &Exit) {
    let status = site.query("A").unwrap();
    assert_eq!(status.last_exit.as_ref(), Some(exit));
    site.advance(HOUR).unwrap();
    if restarts {
        assert_restarted(site);
        assert_runs(site, 2);
    } else {
        let ended = format!("1 Running -> Stopped {why}");
        assert_eq!(changes_since_up(site, "A"), [ended]);
        assert_eq!(state(site, "A"), State::Stopped);
    }
    assert_sound(site);
}

/// A has ended in its first life, and runs in its second.
#[track_caller]
fn assert_restarted(site: &Site) {
    let [starts, runs] = COMES_UP_AGAIN;
    let expected = ["1 Running -> Stopped waiting to restart", starts, runs];
    assert_eq!(changes_since_up(site, "A"), expected);
}

/// P06: the one that does not apply is a probe, as a component cannot be made to say so from
/// outside. It is the first in a group with the component itself.
fn p06(kit: &Kit) -> Ran {
    let (a, _) = Probe::new("A").start(Does::Ignore).manual().build();
    let group = Group::new("pair", Strategy::OneForAll, ["A", "B"]);
    let builder = Site::primary("PS1").group(group);
    let mut site = builder.components([a, kit.manual("B")]).start().expect("it starts");
    site.allow_stranded();
    site.start("group:pair").expect("the group starts");
    assert_eq!(moves(&site, "B"), COMES_UP);

    site.advance(HOUR).unwrap();
    let ignored = "1 Starting -> Stopped not applicable here";
    assert_eq!(moves(&site, "A"), ["1 Stopped -> Starting", ignored]);
    let status = site.query("A").unwrap();
    assert_eq!(status.substate, Some(Substate::Ignored));
    assert_eq!(status.last_exit, Some(Exit::Ignore("no such role here".into())), "that is why");
    assert_eq!((status.exit_code, status.crashes), (Code::OK, 0));
    assert!(site.crashes("A").unwrap().is_empty());
    assert_sound(&site);
    Ran::Passed
}

/// The changes of its state, without those of the reason for being Stopped: while its group
/// starts, a member waits for its turn as for a restart.
fn moves(site: &Site, name: &str) -> Vec<String> {
    changes(site, name)
        .into_iter()
        .filter(|change| !change.contains("Stopped -> Stopped"))
        .collect()
}

/// P07, as far as a store in memory goes: it has no integrity to lose.
fn p07(kit: &Kit) -> Ran {
    mail_outlives_a_kill(kit);
    a_hold_outlives_a_kill_and_not_its_lease(kit);
    a_stop_of_the_executive_is_not_left_over(kit);
    Ran::Passed
}

fn automatic(kit: &Kit) -> Registration {
    kit.declared("A", |descriptor| descriptor.cancellable_start = true)
}

fn mail_outlives_a_kill(kit: &Kit) {
    let mut site = untidy_site([automatic(kit)]);
    run_until_running(&mut site, &["A"]);
    let stuck = fault(&mut site, "A", "message", BLOCKS);
    let sent = post(kit, &mut site, "A", 1..4);
    site.run_to_rest().unwrap();
    let restart = operation(&mut site, "A", Command::Restart);
    site.kill();
    assert_eq!(site.order("A", Command::Stop).expect_err("nobody is there").code.0, 1067);
    assert_eq!(ends(&site, restart), [1067]);
    drop(stuck);

    site.start_again().expect("another starts from the store");
    run_until_running(&mut site, &["A"]);
    site.run_to_rest().unwrap();
    assert_eq!(deliveries(&site, &sent), [(0, 2), (1, 2), (2, 2)], "in order, to the next life");
    assert!(sent.iter().all(|id| settled(&site, *id) == 1 && !is_kept(&site, *id)));
    let status = site.query("A").unwrap();
    assert_eq!((status.generation.0, status.holds), (2, Vec::new()));
    assert_eq!(unclean_ends(&site), 1);
    site.service(ServiceCommand::Restart).expect("the executive restarts");
    assert_eq!(site.query("A").unwrap().generation.0, 3);
    assert_eq!(unclean_ends(&site), 1, "it is noted once");
    site.service(ServiceCommand::Stop).expect("the executive stops");
    site.start_again().expect("another starts from the store");
    assert_eq!(unclean_ends(&site), 1, "this one was clean");
    assert_eq!(site.query("A").unwrap().generation.0, 4);
    assert_sound(&site);
}

/// How often it was noted that an executive did not end as it should.
fn unclean_ends(site: &Site) -> usize {
    let noted = |what: &What| matches!(what, What::Noticed { about: None, text } if text.contains("did not end"));
    site.events().iter().filter(|event| noted(&event.what)).count()
}

fn a_hold_outlives_a_kill_and_not_its_lease(kit: &Kit) {
    let mut site = untidy_site([automatic(kit)]);
    site.ask(Ask::Hold { component: "A".into(), lease: HOUR }).expect("it is held");
    site.advance(MINUTE).unwrap();
    site.start_again().expect("another starts from the store");
    assert_eq!(site.query("A").unwrap().holds, [HoldKind::Maintenance]);
    site.advance(HOUR - MINUTE - SECOND).unwrap();
    assert_eq!(site.query("A").unwrap().state, State::Stopped, "its lease has not run out");
    site.advance(SECOND).unwrap();
    run_until_running(&mut site, &["A"]);
    assert!(site.query("A").unwrap().holds.is_empty());
    assert!(site.kept().holds.is_empty(), "the store keeps none");
    assert_sound(&site);
}

fn a_stop_of_the_executive_is_not_left_over(kit: &Kit) {
    let mut site = untidy_site([automatic(kit)]);
    let _slow = fault(&mut site, "A", "stop", BLOCKS);
    let stop = site.ask(Ask::Service(ServiceCommand::Stop)).expect("it is accepted");
    site.advance(SECOND).unwrap();
    assert_eq!(site.query("A").unwrap().holds, [HoldKind::Stopping], "{stop:?}");
    site.start_again().expect("another starts from the store");
    run_until_running(&mut site, &["A"]);
    assert!(site.query("A").unwrap().holds.is_empty());
    assert_sound(&site);
}
