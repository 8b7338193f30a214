//! A carrier that is given up, and the one that takes its place (lifecycle.md 3.9).

use std::sync::{Arc, Mutex};

use contract::id::{ComponentId, Generation, MessageId};
use contract::lifecycle::State;
use contract::message::Message;
use contract::time::Moment;

use super::rig::{Called, GEN, Rig, outside, plain};
use crate::interpose::{CallVerdict, Envelope, Hook, HookCall, Interposer, MessageVerdict};

use crate::order::Order;
use crate::parcel::Parcel;
use crate::shard::Shard;
use crate::shard::run::Source;

/// Has the hook for the message 13, and the stop hook, not come back.
struct Unlucky;

impl Interposer for Unlucky {
    fn on_message(&mut self, _: &Envelope<'_>) -> MessageVerdict {
        MessageVerdict::Pass
    }

    fn on_call(&mut self, call: &HookCall<'_>) -> CallVerdict {
        match call.hook {
            Hook::Message { message: Message::Word(13), .. } | Hook::Stop => CallVerdict::Stall,
            _ => CallVerdict::Pass,
        }
    }
}

/// A shard that is stuck with mail all over the place: message 13 in hand, a paused component
/// with mail, a burst on its way, and one more message in the lane.
fn stuck() -> (Rig, ComponentId, ComponentId) {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let paused = rig.sink(0, |descriptor| descriptor.inbox_max = 2);
    let fan = rig.fan(0, paused, plain);
    rig.tell_order(paused, Order::Pause);
    rig.tell(fan, 4);
    rig.turns();
    rig.shards[0].set_interposer(Some(Box::new(Unlucky)));
    rig.tell(sink, 13);
    rig.tell(sink, 14);
    rig.turns();
    assert_eq!(rig.shards[0].stalled(), Some((sink, GEN)));
    rig.take_outputs();
    (rig, sink, paused)
}

#[test]
fn a_stop_that_comes_back_on_a_lost_carrier_leaves_the_cell_to_its_successor() {
    let mut rig = Rig::new(1);
    let full = rig.sink(0, |descriptor| descriptor.inbox_max = 1);
    rig.tell_order(full, Order::Pause);
    rig.turns();
    rig.tell(full, 1);
    rig.turns();
    assert!(rig.view(full).is_full());
    rig.shards[0].set_interposer(Some(Box::new(Unlucky)));
    rig.tell_order(full, Order::Stop);
    rig.turns();
    assert_eq!(rig.shards[0].stalled(), Some((full, GEN)));
    let mut old = rig.replace(0);
    rig.turns();
    assert!(!rig.view(full).is_full(), "the successor has placed it anew");

    rig.set(full, State::Stopped, GEN);
    old.unstall(rig.clock, &mut Vec::new());
    assert!(!rig.view(full).is_full() && !rig.board.is_pressed());
    assert_eq!(rig.view(full).inbox, 0);
}

#[test]
fn a_lost_carrier_leaves_what_it_has_not_begun_with_to_its_successor() {
    let mut rig = Rig::new(1);
    let sinks: Vec<ComponentId> = (0..40).map(|_| rig.sink(0, plain)).collect();
    rig.turns();
    rig.shards[0].set_interposer(Some(Box::new(Unlucky)));
    rig.tell(sinks[0], 13);
    for sink in &sinks[1..4] {
        rig.tell(*sink, 1);
    }
    rig.turns();
    assert_eq!(rig.shards[0].stalled(), Some((sinks[0], GEN)));
    assert!(!rig.shards[0].has_work(rig.clock.now));

    let mut old = rig.replace(0);
    old.unstall(rig.clock, &mut Vec::new());
    let back: Vec<String> = ids_in(&rig.shards[0]);
    let expected = ["0:0 outside/1 failed 1", "0:1 outside/2", "0:2 outside/3", "0:3 outside/4"];
    assert_eq!(back.len(), 4, "{back:?}");
    for (back, expected) in back.iter().zip(expected) {
        assert!(back.starts_with(expected), "{back} {expected}");
    }
}

/// The same where many messages are handed over in a row, and the carrier is given up in the
/// middle of that.
#[test]
fn a_carrier_that_is_lost_in_the_middle_of_a_run_leaves_the_rest_of_it_to_its_successor() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let (lane, end) = (rig.lanes[0].clone(), Arc::new(Mutex::new(None)));
    let given = Arc::clone(&end);
    let hangs = rig.puppet(0, plain, move |called, _| {
        if matches!(called, Called::Message(_)) {
            *given.lock().unwrap() = Some(lane.replace_end());
        }
        Ok(())
    });
    rig.start(hangs, GEN);
    rig.turns();
    for word in 1..4 {
        rig.tell(sink, word);
    }
    rig.tell(hangs, 4);
    for word in 5..200 {
        rig.tell(sink, word);
    }
    let mut old = rig.shards.remove(0);
    while old.step(rig.clock, 100, &mut Vec::new()).more {}
    assert!(old.is_retired());
    assert_eq!(rig.journal.take(), ["0:0<-1", "0:0<-2", "0:0<-3"]);

    let end = end.lock().unwrap().take().expect("it was replaced");
    let left: Vec<MessageId> = end.take_all_mail().iter().filter_map(Parcel::message_id).collect();
    assert!(left.into_iter().eq((4..200).map(outside)), "each once, in order");
}

/// Whatever it has taken out of the lane by then, and not begun with.
#[test]
fn a_carrier_that_is_lost_between_taking_mail_and_beginning_with_it_loses_nothing() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    rig.tell(sink, 1);
    rig.shards[0].begin_turn(rig.clock);
    assert!(rig.shards[0].has_at_hand(Source::Lane));
    let mut old = rig.replace(0);
    old.step(rig.clock, 100, &mut Vec::new());
    rig.start(sink, Generation(2));
    assert_eq!(rig.journal.take(), ["0:0<-1"]);
}

fn ids_in(shard: &Shard) -> Vec<String> {
    let mut found = Vec::new();
    for parcel in shard.end.take_all_mail() {
        let failed = match &parcel {
            Parcel::Slip { slip, .. } => slip.failed,
            _ => 0,
        };
        let id = parcel.message_id().expect("only messages are handed back");
        found.push(format!("{} {id} failed {failed}", parcel.to()));
    }
    found
}

#[test]
fn a_lost_carrier_hands_its_mail_back_when_it_comes_back() {
    let (mut rig, sink, paused) = stuck();
    let mut old = rig.replace(0);
    assert!(old.is_retired() && !rig.shards[0].is_retired());
    let mut out = Vec::new();
    assert!(old.step(rig.clock, 100, &mut out).stalled, "it is stuck, after all");
    assert_eq!(out.len(), 0);

    let turn = old.unstall(rig.clock, &mut out);
    assert!(!turn.more && !turn.stalled && !old.has_work(rig.clock.now));
    let ended =
        |id: u32| format!("ZombieEnded {{ id: ComponentId({id}), generation: Generation(1) }}");
    assert_eq!(
        format!("{out:?}"),
        format!("[{}, {}, {}]", ended(0), ended(1), ended(2)),
        "whichever of its lives the executive has given up"
    );
    assert_eq!(rig.journal.take(), ["0:0<-13"], "its code ran, to no effect");

    let mut expected = vec![format!("{sink} outside/2 failed 1")];
    expected.extend((1..=4).map(|number| format!("{paused} 0:2/{number} failed 0")));
    expected.push(format!("{sink} outside/3 failed 0"));
    assert_eq!(ids_in(&rig.shards[0]), expected, "what lay in the lane is younger");

    rig.tell(sink, 1);
    old.step(rig.clock, 100, &mut out);
    drop(old);
    rig.start(sink, Generation(2));
    assert_eq!(rig.journal.take(), ["0:0<-1"], "the old one takes nothing and closes nothing");
}

#[test]
fn the_successor_delivers_what_it_is_handed() {
    let (mut rig, sink, paused) = stuck();
    let mut old = rig.replace(0);
    old.unstall(rig.clock, &mut Vec::new());
    rig.journal.take();
    rig.start(paused, Generation(2));
    rig.start(sink, Generation(2));
    let mut lines = rig.journal.take();
    lines.sort_unstable();
    assert_eq!(lines, ["0:0<-13", "0:0<-14", "0:1<-0", "0:1<-1", "0:1<-2", "0:1<-3"]);
    assert!(!rig.board.is_pressed());
}

#[test]
fn a_lost_carrier_that_keeps_hands_nothing_back() {
    let (mut rig, ..) = stuck();
    rig.shards[0].set_keeping(true);
    let mut old = rig.replace(0);
    old.unstall(rig.clock, &mut Vec::new());
    assert_eq!(ids_in(&rig.shards[0]), ["0:0 outside/3 failed 0"], "the lane's own");
}

/// Between two hooks as well, and by a drop alone.
#[test]
fn a_carrier_that_is_not_stuck_retires_at_its_next_turn_or_with_its_end() {
    for steps in [true, false] {
        let mut rig = Rig::new(1);
        let sink = rig.sink(0, plain);
        rig.tell_order(sink, Order::Pause);
        rig.tell(sink, 1);
        rig.turns();
        let mut old = rig.replace(0);
        assert!(old.has_work(rig.clock.now));
        let mut out = Vec::new();
        if steps {
            assert!(!old.step(rig.clock, 100, &mut out).more);
        }
        drop(old);
        assert_eq!(out.len(), usize::from(steps), "its one life is over");
        assert_eq!(ids_in(&rig.shards[0]), ["0:0 outside/1 failed 0"]);
    }
}

/// The end is taken away while the hook runs: what it asked for is not carried out.
#[test]
fn what_a_hook_asked_for_when_its_carrier_was_lost_is_not_carried_out() {
    let mut rig = Rig::new(1);
    let lanes = Arc::clone(&rig.lanes);
    let sink = rig.sink(0, plain);
    let id = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(_) = called {
            lanes[0].replace_end();
            cx.send(sink, Message::Word(1));
            cx.log("too late");
        }
        Ok(())
    });
    rig.start(id, GEN);
    rig.take_outputs();
    rig.tell(id, 1);
    rig.step(0);
    assert_eq!(rig.told(), ["zombie 0:1 gen 1", "zombie 0:0 gen 1"]);
    rig.lanes[0].replace_end();
    assert_eq!(rig.lanes[0].mail(), 1, "the message, and nothing sent");
}

#[test]
fn numbers_go_on_with_the_next_carrier_and_after_a_restart() {
    let mut rig = Rig::new(1);
    rig.lanes[0].begin_numbers_after(100);
    let journal = rig.journal.clone();
    let sink = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(_) = called {
            journal.note(cx.message_id().to_string());
        }
        Ok(())
    });
    let fan = rig.fan(0, sink, plain);
    rig.start(sink, GEN);
    rig.tell(fan, 1);
    rig.turns();
    drop(rig.replace(0));
    rig.start(sink, Generation(2));
    rig.start(fan, Generation(2));
    rig.tell(fan, 1);
    rig.turns();
    assert_eq!(rig.journal.take(), ["0:1/101", "0:1/1125"]);
    assert_eq!(rig.lanes[0].next_number(), outside(103).number);
}

/// Whoever in another shard waited for room asks the new carrier.
#[test]
fn a_sender_of_another_shard_goes_on_when_its_receivers_carrier_is_replaced() {
    let mut rig = Rig::new(2);
    let sink = rig.sink(0, |descriptor| descriptor.inbox_max = 2);
    let fan = rig.fan(1, sink, plain);
    rig.tell_order(sink, Order::Pause);
    for _ in 0..2 {
        rig.tell(fan, 2);
        rig.turns();
    }
    assert_eq!((rig.view(sink).inbox, rig.view(fan).outbox), (2, 2));
    drop(rig.replace(0));
    rig.turns();
    rig.start(sink, Generation(2));
    let mut lines = rig.journal.take();
    lines.sort_unstable();
    assert_eq!(lines, ["0:0<-0", "0:0<-0", "0:0<-1", "0:0<-1"]);
    assert_eq!(rig.view(fan).outbox, 0);
    assert_eq!(rig.clock.now, Moment::ZERO);
}
