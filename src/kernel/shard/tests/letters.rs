//! Messages: who they are, when they fail, when they are too late, and what a store is told.

use std::fmt;
use std::time::Duration;

use contract::id::{ComponentId, Generation};
use contract::message::{Message, MessageType};
use contract::time::Moment;

use super::rig::{Called, GEN, Rig, after, outside, plain};
use crate::order::{Order, Output};
use crate::parcel::{MessageSlip, Parcel};

#[test]
fn a_message_bears_its_sender_and_a_number_that_goes_on() {
    let mut rig = Rig::new(1);
    let journal = rig.journal.clone();
    let sink = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(_) = called {
            journal.note(format!("{} delivery {}", cx.message_id(), cx.delivery()));
        } else {
            assert_eq!((cx.message_id(), cx.delivery()), (outside(0), 0));
        }
        Ok(())
    });
    rig.start(sink, GEN);
    let fan = rig.fan(0, sink, plain);
    rig.tell(sink, 7);
    rig.tell(fan, 2);
    rig.turns();
    rig.tell(fan, 1);
    rig.turns();
    let expected = ["outside/1", "0:1/1", "0:1/2", "0:1/3"].map(|id| format!("{id} delivery 1"));
    assert_eq!(rig.journal.take(), expected);
}

/// Case M02: a message that always fails is tried so often as declared, at the head.
#[test]
fn a_message_that_fails_comes_again_first_and_is_set_aside_in_the_end() {
    let mut rig = Rig::new(1);
    let journal = rig.journal.clone();
    let script = move |called: Called<'_>, cx: &mut contract::Context<'_>| {
        if let Called::Message(message) = called {
            journal.note(format!("{} delivery {}", cx.message_id(), cx.delivery()));
            assert_ne!(message.word(), Some(13), "unlucky");
        }
        Ok(())
    };
    let id = rig.puppet(0, |descriptor| descriptor.poison_after = 2, script);
    rig.start(id, Generation(1));
    rig.tell(id, 13);
    rig.tell(id, 1);
    rig.turns();
    assert_eq!(rig.view(id).inbox, 2, "it is back, with the other behind it");
    let ending = rig.endings().remove(0);
    assert_eq!((ending.hook, ending.message), ("message", Some((outside(1), 1))));

    rig.start(id, Generation(2));
    let told = rig.told();
    assert!(told[0].starts_with("dead outside/1 to 0:0: Word(13): failed 2 times"), "{told:?}");
    assert!(told[1].starts_with("0:0 ended"), "{told:?}");
    rig.start(id, Generation(3));
    let seen = ["outside/1 delivery 1", "outside/1 delivery 2", "outside/2 delivery 1"];
    assert_eq!(rig.journal.take(), seen);
}

#[test]
fn a_restored_message_keeps_its_count() {
    let mut rig = Rig::new(1);
    let id = rig.puppet(0, plain, |called, cx| match called {
        Called::Message(_) => panic!("delivery {}", cx.delivery()),
        _ => Ok(()),
    });
    rig.start(id, GEN);
    rig.lanes[0].send(restored(id, 2, None));
    rig.turns();
    let told = rig.told();
    assert!(told[0].contains("failed 3 times, at last: panicked"), "{told:?}");
    assert!(told[0].ends_with("delivery 3"), "{told:?}");
    rig.start(id, Generation(2));
    rig.lanes[0].send(restored(id, 3, None));
    rig.turns();
    let told = rig.told();
    assert_eq!(told.len(), 1, "its last delivery never came back: {told:?}");
}

fn restored(to: ComponentId, failed: u8, expires: Option<Moment>) -> Parcel {
    let (id, message) = (outside(9), Message::Word(9));
    Parcel::Slip { to, slip: Box::new(MessageSlip { id, message, expires, failed, passed: false }) }
}

/// Case M01: what has a time limit is set aside at its turn; at the very moment it is good.
#[test]
fn a_message_expires_when_its_turn_comes_too_late() {
    for (wait, expected) in [(30, "0:0<-5"), (31, "")] {
        let mut rig = Rig::new(1);
        let sink = rig.sink(0, plain);
        let sender = rig.puppet(0, plain, move |called, cx| {
            if let Called::Message(_) = called {
                cx.send_within(sink, Message::Word(5), Duration::from_secs(30));
            }
            Ok(())
        });
        rig.start(sender, GEN);
        rig.tell_order(sink, Order::Pause);
        rig.tell(sender, 0);
        rig.turns();
        rig.take_outputs();
        rig.wait(wait);
        rig.tell_order(sink, Order::Continue);
        rig.turns();
        assert_eq!(rig.journal.take().join(","), expected);
        let dead = "dead 0:1/1 to 0:0: Word(5): expired before its turn came".to_owned();
        assert_eq!(rig.told(), if expected.is_empty() { vec![dead] } else { vec![] });
    }
}

/// What a hook has brought about is told in one go, its message last.
#[test]
fn a_store_is_told_what_is_sent_before_what_is_settled() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let sender = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(message) = called {
            cx.send(sink, Message::Word(1));
            cx.remember("done", "1");
            cx.send_within(sink, Message::Word(2), Duration::from_secs(1));
            assert_ne!(message.word(), Some(13), "unlucky");
            cx.exit();
        }
        Ok(())
    });
    rig.start(sender, GEN);
    rig.tell(sender, 0);
    rig.turns();
    assert_eq!(rig.told().len(), 2, "not keeping: remembered and ended");

    rig.shards[0].set_keeping(true);
    rig.start(sender, Generation(2));
    rig.tell(sender, 0);
    rig.turns();
    let told = rig.told();
    let expected = [
        "accepted 0:1/3 to 0:0",
        "remember done",
        "accepted 0:1/4 to 0:0 until 1000000",
        "settled outside/2 to 0:1",
        "0:1 ended: normal",
        "settled 0:1/3 to 0:0",
        "settled 0:1/4 to 0:0",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert_eq!(told[..4], expected[..4]);
    assert_eq!(told[5..], expected[5..]);

    rig.start(sender, Generation(3));
    rig.tell(sender, 13);
    rig.turns();
    let told = rig.told();
    assert_eq!(told[0], "failed outside/3 to 0:1: 1", "nothing else of it remains: {told:?}");
}

#[test]
fn a_removed_component_gets_no_mail_any_more() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    rig.tell_order(sink, Order::Stop);
    rig.tell(sink, 1);
    rig.turns();
    rig.take_outputs();
    rig.shards[0].set_keeping(true);
    rig.order(Order::Remove(sink), 0);
    rig.turns();
    rig.tell(sink, 2);
    rig.turns();
    let expected = [
        "dead outside/1 to 0:0: Word(1): its receiver was removed",
        "settled outside/1 to 0:0",
        "dead outside/2 to 0:0: Word(2): its receiver was removed",
        "settled outside/2 to 0:0",
    ];
    assert_eq!(rig.told(), expected);
    rig.start(sink, Generation(2));
    assert_eq!(rig.told(), [""; 0], "nor does it live again");
}

/// A value whose own code does all that it can do wrong.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Nasty;

impl fmt::Debug for Nasty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", "long ".repeat(100))?;
        panic!("never told");
    }
}

impl Drop for Nasty {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl MessageType for Nasty {
    const NAME: &'static str = "Nasty";
}

#[test]
fn a_nasty_value_hurts_nobody_when_it_is_set_aside() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    rig.order(Order::Remove(sink), 0);
    rig.lanes[0].tell(sink, Nasty);
    rig.turns();
    let outputs = rig.take_outputs();
    let Some(Output::DeadLetter { name, text, .. }) = outputs.last() else {
        panic!("{outputs:?}");
    };
    assert_eq!((*name, text.to_string().len()), ("Nasty", 200));
}

#[test]
fn orders_and_messages_for_slots_that_do_not_exist_are_ignored() {
    let mut rig = Rig::new(1);
    let nobody = ComponentId::new(0, 5);
    rig.tell_order(nobody, Order::Stop);
    rig.tell_order(nobody, Order::Pause);
    rig.tell_order(nobody, Order::Continue);
    rig.order(Order::Remove(nobody), 0);
    rig.order_start(nobody, GEN);
    rig.tell(nobody, 1);
    rig.turns();
    assert_eq!(rig.told(), [""; 0]);
}

/// A component that puts off a timer time and again leaves no heap of void ones behind.
#[test]
fn timers_that_are_set_anew_do_not_pile_up() {
    let mut rig = Rig::new(1);
    let journal = rig.journal.clone();
    let id = rig.puppet(0, plain, move |called, cx| {
        match called {
            Called::Message(_) => {
                (0..1_000).for_each(|_| cx.after(Duration::from_secs(9), "late"));
                cx.after(Duration::from_secs(9), "gone");
                cx.cancel("gone");
            }
            Called::Timer(key) => journal.note(key),
            _ => {}
        }
        Ok(())
    });
    rig.start(id, GEN);
    for _ in 0..10 {
        rig.tell(id, 0);
        rig.turns();
    }
    assert!(rig.shards[0].timers.len() <= 65, "{}", rig.shards[0].timers.len());
    assert_eq!(rig.shards[0].next_due(), Some(after(9)));
    rig.wait(9);
    rig.turns();
    assert_eq!(rig.journal.take(), ["late"]);
}
