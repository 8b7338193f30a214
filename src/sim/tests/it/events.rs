//! The event log: what is in it, and that it is enough to know what is so.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::{Code, Command, Exit, Startup, State};
use contract::{Generation, Message, OpId, Request};
use kernel::lifecycle::scm_allows;
use smsexec_sim::probe::{Act, Does, Probe};
use smsexec_sim::{Event, Site, What, replay};

use crate::seen::{HOUR, SECOND, operation, site, with};

/// What replaying the log gives is what query shows.
#[track_caller]
fn assert_replayed(site: &mut Site) {
    let replayed = replay(site.events());
    let names: Vec<String> = replayed.keys().cloned().collect();
    let queried = names.into_iter().map(|name| {
        let status = site.query(&name).expect("a component of the site");
        (name, (status.state, status.substate, status.generation))
    });
    assert_eq!(replayed, queried.collect());
}

/// I10 of lifecycle.md 2.6, after every single event of a site with something of everything.
#[test]
fn i10_the_log_replayed_is_the_status_after_every_event() {
    let (mut site, _) = site([
        Probe::new("A").on(3, Act::Panic).stop(Does::Checkpoints(2)),
        Probe::new("B").start(Does::Panic).starts_well_from(3),
        Probe::new("C").manual(),
        Probe::new("D").start(Does::Ignore),
        Probe::new("E").declares(|descriptor| descriptor.startup = Startup::Disabled),
        Probe::new("F").start(Does::Checkpoints(4)).pause(Does::Hang),
    ]);
    site.allow_crashes();
    assert_eq!(replay(site.events()).len(), 6, "those that were never started are in it too");
    assert_replayed(&mut site);
    let commands: [(&str, Command); 7] = [
        ("A", Command::Restart),
        ("C", Command::Start),
        ("C", Command::Start),
        ("A", Command::Pause),
        ("F", Command::Stop),
        ("F", Command::Start),
        ("B", Command::Kill),
    ];
    for (name, command) in commands {
        // Refusals are events as well.
        let _ = site.order(name, command);
        site.send("A", Message::Word(3)).unwrap();
        let until = site.clock().now + 10 * SECOND;
        while site.clock().now < until && site.step().is_some() {
            assert_replayed(&mut site);
        }
    }
    site.stop("C").unwrap();
    site.service(ServiceCommand::Restart).unwrap();
    assert_replayed(&mut site);
    site.backup().unwrap();
    assert_replayed(&mut site);
    site.allow_stranded();
}

/// Whatever is done to a site, its log keeps the invariants of lifecycle.md 2.6: I2, I3, I6 and
/// I10.
#[test]
fn i02_i03_i06_i10_hold_whatever_is_done_with_any_seed() {
    for seed in 1..=100 {
        let (site, _) = with([
            Probe::new("A").on(3, Act::Panic).stop(Does::Checkpoints(2)),
            Probe::new("B").start(Does::Panic).starts_well_from(3),
            Probe::new("C").start(Does::Checkpoints(4)).pause(Does::Hang),
            Probe::new("D").on(1, Act::Send("A", 2)).on(2, Act::Exit).stop(Does::Fail(7)),
        ]);
        let mut site = site.seed(seed).shards(3).lenient().start().unwrap();
        let mut draw = fastrand::Rng::with_seed(site.seed());
        for _ in 0..60 {
            let name = ["A", "B", "C", "D"][draw.usize(..4)];
            match draw.u8(..10) {
                0..=3 => drop(site.order(name, Command::ALL[draw.usize(1..Command::ALL.len())])),
                4..=5 => site.send(name, Message::Word(draw.u64(..5))).unwrap(),
                6..=7 => drop((0..draw.u8(..20)).map_while(|_| site.step().map(drop)).count()),
                8 => drop(site.advance(Duration::from_millis(draw.u64(..20_000))).unwrap()),
                _ => drop(site.ask(Ask::Service(ServiceCommand::Restart))),
            }
            assert_replayed(&mut site);
        }
        site.advance(HOUR).unwrap();
        assert_invariants(&site);
    }
}

#[track_caller]
fn assert_invariants(site: &Site) {
    let mut lives: BTreeMap<&str, (Generation, State)> = BTreeMap::new();
    let mut open: BTreeMap<OpId, bool> = BTreeMap::new();
    for event in site.events() {
        match &event.what {
            What::Registered { name, generation, state, .. } => {
                lives.insert(name, (*generation, *state));
            }
            What::Changed { name, generation, from, to, .. } => {
                let life = lives.get_mut(&**name).expect("it was registered");
                assert_eq!(life.1, *from, "I3: no change is left out\n{event}");
                assert!(from == to || scm_allows(*from, *to), "I3: {event}");
                if *to == State::StartPending {
                    assert!(life.0 < *generation, "I2: a life of its own\n{event}");
                } else {
                    assert_eq!(life.0, *generation, "I2: the same life\n{event}");
                }
                *life = (*generation, *to);
            }
            What::Accepted { operation: Some(operation), .. } => {
                let is_open = *open.entry(*operation).or_insert(true);
                assert!(is_open, "I6: nobody joins what has ended\n{event}");
            }
            What::Resolved { operation, .. } => {
                let was_open = open.insert(*operation, false);
                assert_eq!(was_open, Some(true), "I6: accepted, and once\n{event}");
            }
            _ => {}
        }
    }
    assert!(open.values().all(|open| !open), "I6: {open:?}");
}

#[test]
fn the_events_of_a_log_are_numbered_and_in_order_of_time() {
    let (mut site, _) = site([Probe::new("A"), Probe::new("B").on(1, Act::Send("A", 2))]);
    site.send("B", Message::Word(1)).unwrap();
    site.advance(SECOND).unwrap();
    site.restart("A").unwrap();
    let events = site.events();
    assert!(events.iter().zip(1..).all(|(event, number)| event.number == number));
    assert!(events.is_sorted_by_key(|event| event.at));
    assert_eq!(site.trace().len(), events.len(), "a line each");
}

#[test]
fn what_happens_is_an_event_with_its_particulars() {
    let ask = Act::Ask(Request::Probe { url: "nowhere".into(), time_out: SECOND });
    let (mut site, _) = site([
        Probe::new("A").on(1, ask).on(2, Act::Send("B", 7)).on(3, Act::Fail(5)),
        Probe::new("B").drop_panics(),
    ]);
    site.allow_crashes();
    site.send("a", Message::Word(1)).unwrap();
    site.send("A", Message::Word(2)).unwrap();
    site.send("A", Message::Word(3)).unwrap();
    site.advance(60 * SECOND).unwrap();
    site.stop("B").unwrap();
    site.stop("B").unwrap_err();
    site.ask(Ask::Set { key: "mode".into(), value: "no such mode".into() }).unwrap_err();
    site.backup().unwrap();

    let has = |what: &str, is_it: &dyn Fn(&Event) -> bool| {
        assert!(site.events().iter().any(is_it), "{what}\n{}", site.trace().join("\n"));
    };
    has("the start", &|e| e.became("A", State::Running));
    has(
        "the message from outside",
        &|e| matches!(&e.what, What::Sent { to, message, .. } if &**to == "A" && *message == "word"),
    );
    has("its delivery", &|e| e.delivered("A", "message word"));
    has("its delivery, in short", &|e| e.delivered("A", "message"));
    assert!(!site.events().iter().any(|e| e.delivered("A", "mess") || e.delivered("A", "word")));
    has("the message of a component", &|e| {
        matches!(&e.what, What::Delivered { to, from: Some(from), .. }
            if &**to == "B" && &**from == "A")
    });
    has("the request", &|e| e.asked("a", "Probe"));
    has(
        "its answer",
        &|e| matches!(&e.what, What::Answered { to, failure: Some(_), .. } if &**to == "A"),
    );
    has("the answer's delivery", &|e| e.delivered("A", "answer t1"));
    has("the crash", &|e| {
        let exit = Exit::Error { code: 5, text: "message 3 fails".into() };
        e.ended()
            .is_some_and(|(name, generation, how)| (name, generation.0, how) == ("A", 1, &exit))
    });
    has("what was set aside", &|e| {
        matches!(&e.what, What::SetAside { to, from: None, message, .. }
            if &**to == "A" && *message == "word")
    });
    has("the panic of a drop", &|e| {
        matches!(&e.what, What::DropPanicked { name, text, .. }
            if &**name == "B" && text == "drop panics")
    });
    has("the command", &|e| {
        matches!(&e.what, What::Accepted { subject, command, operation: Some(_), code: Code::OK }
            if subject == "B" && command == "stop")
    });
    has("the refusal", &|e| {
        matches!(&e.what, What::Refused { subject, command, code: Code::NOT_ACTIVE }
            if subject == "B" && command == "stop")
    });
    has("the refusal of a setting", &|e| {
        matches!(&e.what, What::Refused { subject, code: Code::INVALID_PARAMETER, .. }
            if subject == "mode")
    });
    has("the end of an operation", &|e| matches!(e.what, What::Resolved { code: Code::OK, .. }));
    has("the status message", &|e| e.reported("A", 500));
    has("the service's state", &|e| e.what == What::Service { state: State::Running });
    has("the backup's copy", &|e| e.what == What::Copied);
}

/// I6 of lifecycle.md 2.6.
#[test]
fn i06_a_command_comes_before_what_it_does_and_resolves_once() {
    let (mut site, _) = site([Probe::new("A")]);
    site.skip_events();
    let stop = operation(&mut site, "A", Command::Stop);
    let accepted = site.expect(SECOND, |e| matches!(e.what, What::Accepted { .. }));
    let stopping = site.expect(SECOND, |e| e.became("A", State::StopPending));
    let is_its_end =
        |e: &Event| matches!(e.what, What::Resolved { operation, .. } if operation == stop);
    let resolved = site.expect(SECOND, is_its_end);
    assert!(accepted.number < stopping.number && stopping.number < resolved.number);
    site.expect_silence(SECOND, is_its_end);
}

#[test]
fn a_line_stays_a_line_whatever_a_component_says() {
    let (mut site, _) = site([Probe::new("A")]);
    site.ask(Ask::Set { key: "a\nb".into(), value: "c\r\nd".into() }).unwrap_err();
    let line = site.trace().pop().unwrap();
    assert!(!line.contains(['\n', '\r']), "{line:?}");
}
