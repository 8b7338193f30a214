//! Commands, states and codes: cases L.

use std::time::Duration;

use contract::control::{Ask, HostControl};
use contract::id::MessageId;
use contract::lifecycle::{Code, Command, Desired, Exit, Restart, Startup, State, Substate};
use contract::{Generation, Message};

use super::stage::{
    HOUR, SECOND, blocks_for, bring_up, end_of, fault, operate, operation, post, running,
    untidy_site,
};
use super::view::{
    COMES_UP, GOES_DOWN, assert_dispatched_while_running, assert_sound, calls, changes,
    changes_since_up, deliveries, ends, is_kept, refused, settled,
};
use super::wrapped::Values;
use super::{Case, Kit, Ran};
use crate::event::What;
use crate::faults::{CallVerdict, Guard};
use crate::probe::{Act, Does, Probe};
use crate::run::Site;
use kernel::Hook;

pub(super) const CASES: &[Case] = &[
    Case { number: "L01", about: "never started, and not there at all", run: l01 },
    Case { number: "L02", about: "a start leads to Running, and resolves there", run: l02 },
    Case { number: "L03", about: "a start of what is up is 1056 and changes nothing", run: l03 },
    Case { number: "L04", about: "a stop of what has ended is 1062 and remembered", run: l04 },
    Case { number: "L05", about: "a stop with a message in flight", run: l05 },
    Case { number: "L06", about: "a second stop joins the first", run: l06 },
    Case { number: "L08", about: "messages wait in a pause and over a stop", run: l08 },
    Case { number: "L10", about: "controls and their codes", run: l10 },
];

/// L01: what was never started shows 1077 and runs no code; what is not there is 1060, whatever
/// is asked of it.
fn l01(kit: &Kit) -> Ran {
    let values = Values::default();
    let mut site = untidy_site([values.of(kit.manual("A"))]);
    let status = site.query("a").expect("its name is found in any case");
    assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::NeverStarted)));
    assert_eq!((status.exit_code, status.generation), (Code::NEVER_STARTED, Generation(0)));
    assert_eq!(values.made(), 0, "none of its code has run");

    let component = || "AX".to_owned();
    let mut refusals = vec![site.query("AX").expect_err("there is no AX")];
    for command in Command::ALL {
        refusals.push(site.order("AX", command).expect_err("there is no AX"));
    }
    for ask in [
        Ask::Hold { component: component(), lease: HOUR },
        Ask::Release { component: component() },
        Ask::Remove { component: component() },
        Ask::SetStartup { component: component(), startup: Startup::Automatic },
    ] {
        refusals.push(site.ask(ask).expect_err("there is no AX"));
    }
    for refusal in refusals {
        assert_eq!(refusal.code, Code::DOES_NOT_EXIST, "{refusal}");
        assert!(refusal.way_out.contains("did you mean A?"), "the nearest name: {refusal}");
    }
    Ran::Passed
}

/// L02.
fn l02(kit: &Kit) -> Ran {
    let mut site = kit.waiting();
    let start = operation(&mut site, "A", Command::Start);
    assert_eq!(site.query("A").unwrap().state, State::StartPending);
    assert!(ends(&site, start).is_empty(), "it does not run yet");
    assert_eq!(end_of(&mut site, start), Code::OK);

    assert_eq!(changes(&site, "A"), COMES_UP);
    assert_eq!(calls(&site, "A", "start"), [1]);
    let runs = site.events().iter().position(|event| event.became("A", State::Running));
    let resolved = site.events().iter().position(
        |event| matches!(event.what, What::Resolved { operation, .. } if operation == start),
    );
    assert!(runs < resolved, "the start resolves at Running, not before");
    let status = site.query("A").unwrap();
    assert_eq!((status.state, status.generation), (State::Running, Generation(1)));
    assert_eq!((status.checkpoint, status.wait_hint), (0, Duration::ZERO));
    assert_sound(&site);
    Ran::Passed
}

/// L03: Running; and Paused, where the component can be.
fn l03(kit: &Kit) -> Ran {
    let mut site = kit.running();
    starts_in_vain(&mut site);
    if kit.is_pausable() {
        site.pause("A").expect("it pauses");
        let sent = site.post("A", kit.message(1), None).unwrap();
        starts_in_vain(&mut site);
        assert_eq!(site.query("A").unwrap().state, State::Paused);
        assert!(deliveries(&site, &[sent]).is_empty(), "nothing is dispatched");
    }
    Ran::Passed
}

/// A start that is refused, and leaves everything as it was.
#[track_caller]
fn starts_in_vain(site: &mut Site) {
    site.advance(SECOND).unwrap();
    let before = site.query("A").unwrap();
    let changes_before = changes(site, "A");
    assert_eq!(refused(site.order("A", Command::Start)), 1056);
    site.advance(SECOND).unwrap();
    let after = site.query("A").unwrap();
    assert_eq!((after.generation, after.since), (before.generation, before.since));
    assert_eq!(changes(site, "A"), changes_before);
}

/// L04: with a probe, as a component cannot be made to end itself from outside.
fn l04(_: &Kit) -> Ran {
    let probe = Probe::new("A").on(9, Act::Exit).manual();
    let (a, _) = probe.declares(|descriptor| descriptor.restart = Restart::Transient).build();
    let mut site = running(a);
    site.send("A", Message::Word(9)).unwrap();
    let status = site.query("A").unwrap();
    assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::Completed)));
    assert_eq!(status.desired, Desired::Up, "nobody has stopped it");

    assert_eq!(refused(site.order("A", Command::Stop)), 1062);
    let status = site.query("A").unwrap();
    assert_eq!((status.substate, status.desired), (Some(Substate::Completed), Desired::Down));
    assert_eq!(site.kept().components["A"].desired, Desired::Down, "it outlives the process");
    assert_eq!(changes_since_up(&site, "A"), ["1 Running -> Stopped completed"]);
    Ran::Passed
}

/// L05: two messages are on their way when the stop comes; or one is in the component's hands
/// and one behind it.
fn l05(kit: &Kit) -> Ran {
    for in_hand in [false, true] {
        let mut site = kit.running();
        let slow = blocks_for(5 * SECOND);
        let guard = in_hand.then(|| fault(&mut site, "A", "message", slow));
        let sent = post(kit, &mut site, "A", 1..3);
        if in_hand {
            site.run_to_rest().unwrap();
        }
        operate(&mut site, "A", Command::Stop);
        drop(guard);

        assert_eq!(changes_since_up(&site, "A"), GOES_DOWN);
        assert_eq!(calls(&site, "A", "stop"), [1]);
        let status = site.query("A").unwrap();
        assert_eq!((status.exit_code, status.last_exit), (Code::OK, Some(Exit::Shutdown)));
        for id in &sent {
            assert_ne!(settled(&site, *id) == 1, is_kept(&site, *id), "acked, or handed back");
        }
        assert_eq!(settled(&site, sent[0]) == 1, in_hand, "what was in its hands was handled");

        bring_up(&mut site, "A");
        site.run_to_rest().unwrap();
        let came: Vec<usize> = deliveries(&site, &sent).iter().map(|(which, _)| *which).collect();
        assert_eq!(came, [0, 1], "each once in all, and in order");
        assert!(sent.iter().all(|id| settled(&site, *id) == 1 && !is_kept(&site, *id)));
        assert_sound(&site);
    }
    Ran::Passed
}

/// L06: the component's stop hook takes 5 s; and in addition a probe's returns at once and is
/// done after 4.5 s.
fn l06(kit: &Kit) -> Ran {
    let mut blocking = kit.running();
    let slow = fault(&mut blocking, "A", "stop", blocks_for(5 * SECOND));
    two_stop_it(blocking, Some(slow));
    let (pending, journal) = Probe::new("A").stop(Does::Checkpoints(3)).manual().build();
    two_stop_it(running(pending), None);
    assert_eq!(journal.count("stop"), 1);
    Ran::Passed
}

fn two_stop_it(mut site: Site, _slow: Option<Guard>) {
    let began = site.clock().now;
    let first = site.order("A", Command::Stop).expect("it is accepted");
    site.advance(SECOND).unwrap();
    let second = site.order("A", Command::Stop).expect("it joins");
    assert_eq!((first.code, second.code), (Code::OK, Code::CANNOT_ACCEPT_CONTROL));
    assert_eq!(first.operation, second.operation, "it is joined to the first");

    let stop = first.operation.expect("there is something to wait for");
    assert_eq!(end_of(&mut site, stop), Code::OK);
    assert!(site.clock().now.since(began) > 4 * SECOND);
    assert_eq!(ends(&site, stop), [0], "both waits end with the one end of it");
    assert_eq!(calls(&site, "A", "stop"), [1]);
    assert_eq!(changes_since_up(&site, "A"), GOES_DOWN);
    assert_sound(&site);
}

/// L08: what has been handled goes on behind a pause, and what waits in a pause outlasts a stop.
fn l08(kit: &Kit) -> Ran {
    if !kit.is_pausable() {
        return Ran::NotApplicable("it cannot be paused");
    }
    let (mut site, sent) = paused_with_mail(kit);
    site.advance(300 * SECOND).unwrap();
    assert!(deliveries(&site, &sent).is_empty(), "they wait while it is paused");
    site.resume("A").expect("it goes on");
    assert_eq!(
        changes_since_up(&site, "A"),
        [
            "1 Running -> Pausing",
            "1 Pausing -> Paused",
            "1 Paused -> Resuming",
            "1 Resuming -> Running"
        ]
    );
    assert_handled_once_in_order(&site, &sent, 1);

    let (mut site, sent) = paused_with_mail(kit);
    site.stop("A").expect("it stops");
    assert_eq!(
        changes_since_up(&site, "A"),
        [
            "1 Running -> Pausing",
            "1 Pausing -> Paused",
            "1 Paused -> Stopping",
            "1 Stopping -> Stopped by operator"
        ]
    );
    assert!(deliveries(&site, &sent).is_empty(), "it never ran");
    assert!(sent.iter().all(|id| is_kept(&site, *id)), "they are retained");
    bring_up(&mut site, "A");
    site.run_to_rest().unwrap();
    assert_handled_once_in_order(&site, &sent, 2);
    Ran::Passed
}

/// A site whose A has been sent ten messages and is paused before it was handed any.
fn paused_with_mail(kit: &Kit) -> (Site, Vec<MessageId>) {
    let mut site = kit.running();
    let sent = post(kit, &mut site, "A", 0..10);
    operate(&mut site, "A", Command::Pause);
    (site, sent)
}

#[track_caller]
fn assert_handled_once_in_order(site: &Site, sent: &[MessageId], life: u64) {
    let expected: Vec<(usize, u64)> = (0..sent.len()).map(|number| (number, life)).collect();
    assert_eq!(deliveries(site, sent), expected);
    assert!(sent.iter().all(|id| settled(site, *id) == 1));
    assert_dispatched_while_running(site, "A");
    assert_sound(site);
}

/// L10: a component that declares a control of its own is handed that one, any other one 130.
fn l10(kit: &Kit) -> Ran {
    let own = kit.registration.descriptor.controls.first().copied().unwrap_or(130);
    let mut site = untidy_site([kit.manual_with("A", |descriptor| {
        descriptor.controls = vec![own];
        descriptor.pausable = false;
    })]);
    let handed = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = std::sync::Arc::clone(&handed);
    let _watch = site.fault_code(move |call| {
        if let Hook::Control(code) = call.hook {
            notes.lock().unwrap().push((code, call.generation.0));
        }
        CallVerdict::Pass
    });
    let _slow = fault(&mut site, "A", "start", blocks_for(SECOND));

    let start = operation(&mut site, "A", Command::Start);
    assert_eq!(refused(site.order("A", Command::Custom(own))), 1061, "it has not begun to start");
    site.run_to_rest().unwrap();
    assert_eq!(refused(site.order("A", Command::Custom(own))), 1061, "it is starting");
    assert_eq!(end_of(&mut site, start), Code::OK);

    let accepted = site.order("A", Command::Custom(own)).expect("it takes that");
    assert_eq!((accepted.code, accepted.operation), (Code::OK, None));
    site.run_to_rest().unwrap();
    assert_eq!(refused(site.order("A", Command::Custom(127))), 87);
    let other = if own == 255 { 254 } else { own + 1 };
    assert_eq!(refused(site.order("A", Command::Custom(other))), 1052, "it does not declare that");
    assert_eq!(refused(site.order("A", Command::Pause)), 1052);
    site.stop("A").expect("it stops");
    assert_eq!(refused(site.order("A", Command::Custom(own))), 1062);
    assert_eq!(*handed.lock().unwrap(), [(own, 1)], "it was handed it once");
    Ran::Passed
}
