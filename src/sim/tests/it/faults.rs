//! Fault rules for requests, and for code that hangs.

use std::time::Duration;

use contract::control::HostControl;
use contract::{Failure, FailureKind, Message, Request};
use smsexec_sim::probe::{Act, Journal, Probe};
use smsexec_sim::{CallVerdict, Hook, Injected, RequestVerdict, Site, What};

use crate::seen::{HOUR, MINUTE, SECOND, site};

/// A probe that asks when it is handed 1. What it asks for fails at once, with "bad name".
fn asking() -> (Site, Journal) {
    let ask = Act::Ask(Request::Probe { url: "nowhere".into(), time_out: SECOND });
    let (site, [journal]) = site([Probe::new("A").on(1, ask)]);
    journal.take();
    (site, journal)
}

fn refused() -> RequestVerdict {
    RequestVerdict::Fail(Failure::new(FailureKind::Refused, "by the test"))
}

const FAILED: &str = "answer t1 the connection was refused: by the test";

#[test]
fn a_request_fails_and_comes_late_and_is_lost_as_the_rule_says() {
    for verdict in [refused(), RequestVerdict::Delay(5 * SECOND), RequestVerdict::Lose] {
        let (mut site, journal) = asking();
        let rule = verdict.clone();
        let _guard = site.fault_requests(move |call| {
            assert_eq!((call.name, call.generation.0, call.ticket.0), ("A", 1, 1));
            rule.clone()
        });
        site.send("A", Message::Word(1)).unwrap();
        let at_once = journal.take();
        site.advance(Duration::from_millis(4999)).unwrap();
        let soon = journal.take();
        site.advance(HOUR).unwrap();
        let late = journal.take();
        match verdict {
            RequestVerdict::Fail(_) => assert_eq!(at_once, ["message 1", FAILED]),
            RequestVerdict::Delay(_) => {
                assert_eq!((at_once.len(), soon.len()), (1, 0));
                assert!(late[0].starts_with("answer t1 bad name"), "{late:?}");
            }
            _ => assert_eq!((at_once.len(), soon.len(), late.len()), (1, 0, 0)),
        }
        let fault = Injected::Request { ticket: contract::Ticket(1), request: "Probe", verdict };
        let injected = site.events().iter().filter(|event| {
            matches!(&event.what, What::Injected { name, fault: injected, .. }
                if &**name == "A" && *injected == fault)
        });
        assert_eq!(injected.count(), 1, "{:#?}", site.trace());
    }
}

#[test]
fn the_first_rule_that_does_not_pass_wins_and_a_rule_ends_with_its_guard() {
    let (mut site, journal) = asking();
    let passing = site.fault_requests(|_| RequestVerdict::Pass);
    let failing = site.fault_requests(|_| refused());
    let losing = site.fault_requests(|_| RequestVerdict::Lose);
    let answers = |site: &mut Site| {
        site.send("A", Message::Word(1)).unwrap();
        let lines = journal.take();
        lines.into_iter().filter(|line| line.starts_with("answer")).collect::<Vec<_>>()
    };
    assert!(answers(&mut site)[0].contains("by the test"));
    drop(failing);
    assert!(answers(&mut site).is_empty(), "it is lost");
    drop((losing, passing));
    assert!(answers(&mut site)[0].contains("bad name"), "nobody steps in");
}

#[test]
fn a_rule_can_end_itself_and_count() {
    let (mut site, journal) = asking();
    let mut calls = 0;
    let inner = std::sync::Arc::new(std::sync::Mutex::new(None));
    let own = std::sync::Arc::clone(&inner);
    let guard = site.fault_requests(move |_| {
        calls += 1;
        if calls == 2 {
            own.lock().unwrap().take();
        }
        RequestVerdict::Lose
    });
    *inner.lock().unwrap() = Some(guard);
    for _ in 0..3 {
        site.send("A", Message::Word(1)).unwrap();
    }
    let lines = journal.take();
    assert_eq!(lines.iter().filter(|line| line.starts_with("answer")).count(), 1, "{lines:?}");
    assert!(lines.last().unwrap().starts_with("answer t3"), "{lines:?}");
}

/// The watchdog is told that code has come back, although nothing else happens then.
#[test]
fn what_hung_and_came_back_is_not_called_hung() {
    let (mut site, _) = site([Probe::new("A")]);
    let _guard = site.fault_code(|call| match call.hook {
        Hook::Message { .. } => CallVerdict::Hang(Some(10 * MINUTE)),
        _ => CallVerdict::Pass,
    });
    site.send("A", Message::Word(1)).unwrap();
    site.advance(10 * MINUTE - SECOND).unwrap();
    assert!(site.query("A").unwrap().hung);
    site.advance(SECOND).unwrap();
    assert!(!site.query("A").unwrap().hung);
}
