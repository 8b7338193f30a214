//! The end of the executive's process, and the next one in the same store.

use std::time::Duration;

use contract::control::HostControl;
use contract::settings::{Setting, keys};
use contract::{Message, MessageId};
use smsexec_sim::What;
use smsexec_sim::probe::{Act, Probe};

use crate::seen::{failure, site};

/// A receiver that must do a thing once remembers which messages it has handled, in the registry
/// too: another executive must not use their numbers again.
#[test]
fn no_number_of_a_message_is_used_again_after_a_kill() {
    let (mut site, _) = site([Probe::new("A").on(1, Act::Send("B", 2)), Probe::new("B")]);
    for _ in 0..3 {
        site.send("A", Message::Word(1)).unwrap();
        site.start_again().unwrap();
    }
    let mut handled: Vec<(String, MessageId)> = Vec::new();
    for event in site.events() {
        if let What::Settled { to, id } = &event.what {
            let message = (to.to_string(), *id);
            assert!(!handled.contains(&message), "{message:?} came twice");
            handled.push(message);
        }
    }
    assert_eq!(handled.len(), 6);
}

#[test]
fn what_a_component_keeps_can_be_read_whatever_it_is() {
    let (mut site, _) = site([Probe::new("A")]);
    assert_eq!(site.remembered("A", "last"), None);
    site.send("A", Message::Word(7)).unwrap();
    site.kill();
    assert_eq!(site.remembered("a", "last").as_deref(), Some("7"));
    assert_eq!(site.remembered("A", "first"), None);
}

#[test]
fn what_a_component_keeps_is_not_asked_of_one_that_there_is_not() {
    let (mut site, _) = site([Probe::new("TALLY"), Probe::new("B")]);
    let text = failure(|| drop(site.remembered("TALY", "last")));
    for part in ["TALY", "no component has that name", "1060", "did you mean TALLY?"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    // It has kept nothing, and is none of the running ones: that is no slip.
    site.kill();
    assert_eq!(site.remembered("b", "last"), None);
    assert!(failure(|| drop(site.remembered("TALY", "last"))).contains("TALLY?"));
}

#[test]
fn after_a_kill_what_is_left_can_be_read_and_the_rest_says_why_not() {
    let (mut site, _) = site([Probe::new("A")]);
    let (messages, log) = (site.messages(), site.log("A").unwrap());
    assert!(!messages.is_empty() && !log.is_empty());
    let stored = site.stored(&keys::BACKUP_ENABLED);
    site.kill();
    assert_eq!(site.messages(), messages);
    assert_eq!(site.log("A").unwrap(), log);
    assert_eq!(site.stored(&keys::BACKUP_ENABLED), stored);
    let text = failure(|| assert_eq!(site.effective(&keys::BACKUP_ENABLED, "A"), None));
    for part in ["SMS_EXECUTIVE", "it was killed", "1067", "start_again()"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    site.start_again().unwrap();
    assert_eq!(site.effective(&keys::BACKUP_ENABLED, "A"), None);
    let started = site.messages().into_iter().filter(|m| m.component == "A" && m.message.id == 500);
    assert_eq!(started.count(), 1, "those of the new one alone");
    assert!(site.log("A").unwrap().len() > log.len());
}

#[test]
fn a_setting_that_there_is_not_is_named() {
    let (mut site, _) = site([Probe::new("A")]);
    let pace: Setting<u64> = Setting::new("my.pace", || 1);
    let text = failure(|| assert_eq!(site.stored(&pace), 1));
    assert!(text.contains("my.pace") && text.contains("no setting has that key"), "{text}");
}

#[test]
fn the_report_says_that_the_executive_was_killed_and_when() {
    let (mut site, _) = site([Probe::new("A")]);
    site.advance(Duration::from_secs(90)).unwrap();
    let before = site.report();
    for part in ["wall clock 2026-01-05 08:01:30 UTC\n", "SMS_EXECUTIVE Running, 1 of 1"] {
        assert!(before.contains(part), "{part:?} is not in\n{before}");
    }
    site.kill();
    site.advance(Duration::from_secs(30)).unwrap();
    let report = site.report();
    let said = "SMS_EXECUTIVE was killed 1m30s after the start";
    let rows = "No component runs. Their last known state, at the kill:\ncomponent ";
    for part in [said, "start_again()", rows, "due next: nothing\n"] {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(!report.contains("components run"), "{report}");
    site.start_again().unwrap();
    assert!(!site.report().contains("was killed"), "{}", site.report());
}
