//! The end of the executive's process, and the next one in the same store.

use contract::{Message, MessageId};
use smsexec_sim::What;
use smsexec_sim::probe::{Act, Probe};

use crate::seen::site;

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
    assert_eq!((site.remembered("A", "first"), site.remembered("B", "last")), (None, None));
}
