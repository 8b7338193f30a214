//! Case M04: a full inbox, and who waits for it.

use std::cell::Cell;

use contract::Descriptor;
use contract::id::{ComponentId, Generation};

use super::rig::{GEN, Rig, plain};
use crate::order::Order;

fn cap(inbox_max: u32) -> impl FnOnce(&mut Descriptor) {
    move |descriptor| descriptor.inbox_max = inbox_max
}

/// The numbers that a component has noted, in order.
fn words(rig: &Rig, id: ComponentId) -> Vec<u64> {
    let prefix = format!("{id}<-");
    let lines = rig.journal.take();
    lines.iter().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect()
}

/// Depths of inbox and outbox.
fn depths(rig: &Rig, receiver: ComponentId, sender: ComponentId) -> (u64, u64) {
    (rig.view(receiver).inbox, rig.view(sender).outbox)
}

#[test]
fn a_burst_waits_with_its_sender_and_comes_in_order() {
    for sender_shard in [0, 1] {
        let mut rig = Rig::new(2);
        let sink = rig.sink(0, cap(10));
        let other = rig.sink(0, cap(10));
        let fan = rig.fan(sender_shard, sink, plain);
        rig.tell_order(sink, Order::Pause);
        rig.turns();
        rig.take_outputs();

        // From another shard what is on its way when the inbox fills is accepted beyond.
        for words in [10, 5, 3] {
            rig.tell(fan, words);
            rig.turns();
        }
        assert_eq!(depths(&rig, sink, fan), (10, 8), "from shard {sender_shard}");
        assert!(rig.view(sink).is_full() && !rig.view(fan).is_full());
        assert_eq!(rig.told(), [format!("pressed {fan} to {sink}")], "once per onset");
        assert!(!rig.shards.iter_mut().any(|shard| shard.has_work(rig.clock.now)));
        rig.tell(other, 1);
        rig.turns();
        assert_eq!(words(&rig, other), [1], "other inboxes are not affected");

        rig.tell_order(sink, Order::Continue);
        rig.turns();
        let expected: Vec<u64> = (0..10).chain(0..5).chain(0..3).collect();
        assert_eq!(words(&rig, sink), expected);
        assert_eq!(depths(&rig, sink, fan), (0, 0));
        assert!(!rig.board.is_pressed());
    }
}

#[test]
fn a_burst_in_one_hook_does_not_overshoot() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, cap(10));
    let fan = rig.fan(0, sink, plain);
    rig.tell_order(sink, Order::Stop);
    rig.tell(fan, 1_000);
    rig.turns();
    assert_eq!(depths(&rig, sink, fan), (10, 990));
    rig.start(sink, Generation(2));
    assert_eq!(words(&rig, sink), (0..1_000).collect::<Vec<_>>());
}

#[test]
fn what_comes_from_outside_is_accepted_beyond_the_cap() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, cap(1));
    rig.tell_order(sink, Order::Pause);
    (0..3).for_each(|word| rig.tell(sink, word));
    rig.turns();
    assert_eq!(rig.view(sink).inbox, 3);
    assert!(rig.view(sink).is_full());
}

#[test]
fn every_waiting_sender_has_its_turn_and_an_outbox_outlives_its_sender() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, cap(2));
    let (a, b) = (rig.fan(0, sink, plain), rig.fan(0, sink, plain));
    rig.tell_order(sink, Order::Pause);
    rig.tell(a, 6);
    rig.tell(b, 6);
    rig.turns();
    rig.tell_order(a, Order::Stop);
    rig.turns();
    assert_eq!(rig.view(a).outbox + rig.view(b).outbox, 10);
    rig.tell_order(sink, Order::Continue);
    rig.turns();
    let mut all = words(&rig, sink);
    all.sort_unstable();
    assert_eq!(all, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
}

/// Pressure goes on to whoever sends to a component whose own messages wait.
#[test]
fn pressure_is_passed_on() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, cap(2));
    let middle = rig.puppet(0, cap(3), move |called, cx| {
        if let super::rig::Called::Message(message) = called {
            cx.send(sink, message.clone());
        }
        Ok(())
    });
    rig.start(middle, GEN);
    let source = rig.fan(0, middle, plain);
    rig.tell_order(sink, Order::Stop);
    for _ in 0..20 {
        rig.tell(source, 5);
        rig.turns();
    }
    assert_eq!(depths(&rig, sink, middle), (2, 3));
    assert_eq!(depths(&rig, middle, source), (0, 95), "it was not handed more");
    rig.start(sink, Generation(2));
    assert_eq!(words(&rig, sink), (0..20).flat_map(|_| 0..5).collect::<Vec<_>>());
}

/// Two that hold each other's messages back would wait for ever.
#[test]
fn a_circle_of_full_outboxes_is_undone() {
    let mut rig = Rig::new(1);
    let journal = rig.journal.clone();
    let (a, b) = (ComponentId::new(0, 0), ComponentId::new(0, 1));
    for other in [b, a] {
        let journal = journal.clone();
        let id = rig.puppet(0, cap(2), move |called, cx| {
            if let super::rig::Called::Message(message) = called {
                journal.note("got");
                match message.word() {
                    Some(0) | None => {}
                    Some(left) => cx.send(other, contract::Message::Word(left - 1)),
                }
            }
            Ok(())
        });
        rig.start(id, GEN);
    }
    (0..20).for_each(|_| rig.tell(a, 9));
    (0..20).for_each(|_| rig.tell(b, 9));
    rig.turns();
    assert_eq!(journal.take().len(), 400, "forty messages, ten stations each");
    assert!(!rig.board.is_pressed());
}

#[test]
fn what_a_component_sends_itself_never_waits() {
    let mut rig = Rig::new(1);
    let id = ComponentId::new(0, 0);
    let count = std::sync::Arc::new(std::sync::Mutex::new(Cell::new(0)));
    let counted = std::sync::Arc::clone(&count);
    rig.puppet(0, cap(2), move |called, cx| {
        if let super::rig::Called::Message(message) = called {
            let word = message.word().unwrap();
            let count = counted.lock().unwrap();
            count.set(count.get() + 1);
            (0..word).for_each(|_| cx.send(cx.id(), contract::Message::Word(0)));
        }
        Ok(())
    });
    rig.start(id, GEN);
    rig.tell(id, 50);
    rig.turns();
    assert_eq!(count.lock().unwrap().get(), 51);
}

/// A cell's depth is taken down on both sides, whatever becomes of the receiver.
#[test]
fn what_waits_for_a_removed_component_is_set_aside() {
    for sender_shard in [0, 1] {
        let mut rig = Rig::new(2);
        let sink = rig.sink(0, cap(2));
        let fan = rig.fan(sender_shard, sink, plain);
        rig.tell_order(sink, Order::Stop);
        for _ in 0..2 {
            rig.tell(fan, 2);
            rig.turns();
        }
        assert_eq!(depths(&rig, sink, fan), (2, 2));
        rig.take_outputs();
        rig.order(Order::Remove(sink), 0);
        rig.turns();
        assert_eq!(rig.told().len(), 4);
        assert_eq!(depths(&rig, sink, fan), (0, 0));
    }
}
