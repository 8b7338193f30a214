//! What one hook sends, word or not, to neighbours or to another shard: all of it in order if it
//! comes back well, and nothing of it if it does not.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use contract::Fault;
use contract::context::Context;
use contract::id::ComponentId;
use contract::lifecycle::State;
use contract::message::{Message, MessageType};
use contract::time::Moment;

use super::rig::{Called, GEN, Rig, plain};
use crate::interpose::{CallVerdict, Envelope, Hook, HookCall, Interposer, MessageVerdict};
use crate::lane::Lane;
use crate::order::Order;
use crate::parcel::Parcel;
use crate::unwind::guarded;

/// A number that is no word.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Value(u64);

impl MessageType for Value {
    const NAME: &'static str = "Value";
}

/// A running component that notes which message it is handed, and what it says.
fn reader(rig: &mut Rig, shard: u8) -> ComponentId {
    let journal = rig.journal.clone();
    let id = rig.puppet(shard, plain, move |called, cx| {
        if let Called::Message(message) = called {
            let says = message.word().or(message.get::<Value>().map(|value| value.0)).unwrap();
            journal.note(format!("{} to {}: {says}", cx.message_id(), cx.id()));
        }
        Ok(())
    });
    rig.start(id, GEN);
    id
}

fn start(id: ComponentId, then_pause: bool) -> Order {
    let (settings, registry) = Default::default();
    Order::Start { id, generation: GEN, settings, registry, then_pause }
}

/// Six messages of three kinds to two receivers: which is which, says `arrangement`.
fn send_six(arrangement: u64, to: [ComponentId; 2], cx: &mut Context<'_>) {
    for nth in 0..6 {
        let to = receiver(arrangement, to, nth);
        match arrangement >> (2 * nth) & 3 {
            0 | 1 => cx.send(to, Message::Word(nth)),
            2 => cx.send(to, Message::of(Value(nth))),
            _ => cx.send_within(to, Message::Word(nth), Duration::from_secs(9)),
        }
    }
}

fn receiver(arrangement: u64, to: [ComponentId; 2], nth: u64) -> ComponentId {
    to[usize::from(arrangement >> (12 + nth) & 1 == 1)]
}

#[test]
fn what_one_hook_sends_comes_in_order_and_is_numbered_in_order() {
    for (nth, arrangement) in (0..1 << 18).step_by(331).enumerate() {
        let mut rig = Rig::new(2);
        let to = [reader(&mut rig, 0), reader(&mut rig, (nth % 2) as u8)];
        let sender = rig.puppet((nth / 2 % 2) as u8, plain, move |called, cx| {
            if let Called::Message(_) = called {
                send_six(arrangement, to, cx);
            }
            Ok(())
        });
        rig.start(sender, GEN);
        // Seen to by itself, or in a run.
        match nth % 3 {
            0 => rig.tell(sender, 0),
            _ => rig.port(1).send(sender, Message::Word(0)).unwrap(),
        }
        rig.turns();
        let mut lines = rig.journal.take();
        for id in to {
            let to_it = (0..6).filter(|nth| receiver(arrangement, to, *nth) == id);
            let expected: Vec<String> =
                to_it.map(|nth| format!("{sender}/{} to {id}: {nth}", nth + 1)).collect();
            let is_its = |line: &mut String| line.contains(&format!(" to {id}:"));
            let came: Vec<String> = lines.extract_if(.., is_its).collect();
            assert_eq!(came, expected, "{arrangement:b}");
        }
        assert_eq!(lines, [""; 0]);
    }
}

/// Nor do its words become the next hook's.
#[test]
fn what_a_hook_has_sent_that_fails_is_forgotten_before_the_next_hook() {
    for receiver_shard in [0, 1] {
        for panics in [false, true] {
            let mut rig = Rig::new(2);
            let sink = reader(&mut rig, receiver_shard);
            let script = move |called: Called<'_>, cx: &mut Context<'_>| {
                if let Called::Message(message) = called {
                    let word = message.word().unwrap();
                    cx.send(sink, Message::Word(word));
                    if word == 13 {
                        cx.send(sink, Message::of(Value(word)));
                        assert!(!panics, "unlucky");
                        return Err(Fault::new(1, "unlucky"));
                    }
                }
                Ok(())
            };
            let senders = [(); 2].map(|()| rig.puppet(0, plain, script));
            senders.into_iter().for_each(|id| rig.start(id, GEN));
            let mut port = rig.port(1);
            for word in [1, 2, 13, 3] {
                port.send(senders[0], Message::Word(word)).unwrap();
                port.send(senders[1], Message::Word(word + 100)).unwrap();
            }
            rig.turns();
            let says: Vec<String> = rig.journal.take();
            let says: Vec<&str> = says.iter().filter_map(|line| line.rsplit(' ').next()).collect();
            assert_eq!(says, ["1", "101", "2", "102", "113", "103"], "{panics}");
        }
    }
}

/// One word each time: to neighbours and to another shard, and the first there is the slow one.
#[test]
fn each_word_has_a_number_of_its_own() {
    let mut rig = Rig::new(2);
    let (near, far) = (reader(&mut rig, 0), reader(&mut rig, 1));
    let sender = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(message) = called {
            let word = message.word().unwrap();
            cx.send(if word % 2 == 0 { near } else { far }, Message::Word(word));
        }
        Ok(())
    });
    rig.start(sender, GEN);
    let mut port = rig.port(1);
    (1..=6).for_each(|word| port.send(sender, Message::Word(word)).unwrap());
    rig.turns();
    let mut lines = rig.journal.take();
    lines.sort_unstable();
    let to = |word| if word % 2 == 0 { near } else { far };
    let expected =
        [1, 2, 3, 4, 5, 6].map(|word| format!("{sender}/{word} to {}: {word}", to(word)));
    assert_eq!(lines, expected);
}

/// The executive has written that in the cell, and its order is still on its way; something has
/// been sent to that shard before. What it wanted to send is not sent as the next hook's either.
#[test]
fn a_life_that_has_been_given_up_sends_nothing_to_another_shard() {
    let mut rig = Rig::new(2);
    let sink = rig.sink(1, plain);
    let board = Arc::clone(&rig.board);
    let script = move |called: Called<'_>, cx: &mut Context<'_>| {
        if let Called::Message(message) = called {
            if message.word() == Some(13) {
                board.cell(cx.id()).unwrap().set(State::Stopped, GEN, Moment::ZERO);
            }
            cx.send(sink, message.clone());
        }
        Ok(())
    };
    let (id, other) = (rig.puppet(0, plain, script.clone()), rig.puppet(0, plain, script));
    [id, other].into_iter().for_each(|id| rig.start(id, GEN));
    rig.take_outputs();
    let mut port = rig.port(1);
    for (to, word) in [(id, 1), (id, 2), (id, 13), (other, 3)] {
        port.send(to, Message::Word(word)).unwrap();
    }
    rig.turns();
    assert_eq!(rig.told(), [format!("zombie {id} gen 1")]);
    assert_eq!(rig.journal.take(), ["1:0<-1", "1:0<-2", "1:0<-3"]);
}

/// One word at a time, as is most quickly sent.
#[test]
fn a_word_for_a_full_inbox_of_another_shard_waits_with_its_sender() {
    let mut rig = Rig::new(2);
    let sink = rig.sink(1, |descriptor| descriptor.inbox_max = 2);
    let fan = rig.fan(0, sink, plain);
    rig.tell_order(sink, Order::Pause);
    let mut port = rig.port(1);
    for _ in 0..5 {
        port.send(fan, Message::Word(1)).unwrap();
        rig.turns();
    }
    assert_eq!((rig.view(sink).inbox, rig.view(fan).outbox), (2, 3));
}

/// There is room again, and yet not for all that waits: what is sent now stays behind that.
#[test]
fn what_is_sent_to_another_shard_stays_behind_what_waits() {
    let mut rig = Rig::new(2);
    let sink = rig.sink(1, |descriptor| descriptor.inbox_max = 2);
    let fan = rig.fan(0, sink, plain);
    let on = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(message) = called {
            cx.send(fan, message.clone());
        }
        Ok(())
    });
    rig.start(on, GEN);
    rig.tell_order(sink, Order::Pause);
    for _ in 0..5 {
        rig.tell(fan, 2);
        rig.turns();
    }
    assert_eq!(rig.view(fan).outbox, 8);
    rig.tell_order(sink, Order::Continue);
    rig.step(1);
    let mut port = rig.port(1);
    for _ in 0..3 {
        port.send(fan, Message::Word(1)).unwrap();
        port.send(on, Message::Word(1)).unwrap();
        assert!(!rig.board.is_pressed());
        rig.step(0);
        assert!(rig.view(fan).outbox > 0);
        rig.step(1);
    }
    rig.turns();
    let expected = (0..10).map(|nth| format!("1:0<-{}", nth % 2));
    let expected: Vec<String> = expected.chain((0..6).map(|_| "1:0<-0".to_owned())).collect();
    assert_eq!(rig.journal.take(), expected);
}

#[test]
fn what_is_sent_to_nobody_is_in_nobodys_way() {
    for shards in [1, 2, 255] {
        let mut rig = Rig::new(shards);
        let last = shards - 1;
        let sink = rig.sink(last, plain);
        let id = rig.puppet(last, plain, move |called, cx| {
            if let Called::Message(message) = called {
                for nobody in [cx.sender(), ComponentId::new(255, 0)] {
                    cx.send(nobody, message.clone());
                    cx.send(sink, message.clone());
                }
                cx.send(cx.sender(), Message::of(Value(1)));
            }
            Ok(())
        });
        rig.start(id, GEN);
        rig.tell(id, 1);
        rig.tell(id, 2);
        rig.turns();
        assert_eq!(rig.journal.take(), [1, 1, 2, 2].map(|word| format!("{sink}<-{word}")));
        assert_eq!(rig.told(), [""; 0]);
    }
}

/// A pause hook that is called while what its start hook has asked for is carried out, or before.
#[test]
fn what_a_start_and_its_pause_have_sent_stays_in_order() {
    for pause_fails in [false, true] {
        let mut rig = Rig::new(1);
        let sink = rig.sink(0, plain);
        let id = rig.puppet(0, plain, move |called, cx| {
            let from = match called {
                Called::Start => 10,
                Called::Pause => 20,
                _ => return Ok(()),
            };
            cx.send(sink, Message::Word(from));
            cx.log("so it is");
            cx.send(sink, Message::Word(from + 1));
            if from == 20 && pause_fails { Err(Fault::new(1, "it fails")) } else { Ok(()) }
        });
        rig.set(id, State::Running, GEN);
        rig.order(start(id, true), 0);
        rig.turns();
        let expected: &[&str] = match pause_fails {
            false => &["0:0<-10", "0:0<-11", "0:0<-20", "0:0<-21"],
            true => &[],
        };
        assert_eq!(rig.journal.take(), expected);
    }
}

/// Panics when it is asked about a pause hook.
struct Broken;

impl Interposer for Broken {
    fn on_message(&mut self, _: &Envelope<'_>) -> MessageVerdict {
        MessageVerdict::Pass
    }

    fn on_call(&mut self, call: &HookCall<'_>) -> CallVerdict {
        assert!(!matches!(call.hook, Hook::Pause), "it is broken");
        CallVerdict::Pass
    }
}

/// What a hook has asked for is neither sent nor in the way.
#[test]
fn a_shard_whose_interposer_has_panicked_goes_away_like_any_other() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let script = move |called: Called<'_>, cx: &mut Context<'_>| {
        if let Called::Start = called {
            cx.send(sink, Message::Word(1));
        }
        Ok(())
    };
    let ids = [(); 2].map(|()| rig.puppet(0, plain, script));
    rig.turns();
    rig.shards[0].set_interposer(Some(Box::new(Broken)));
    for (id, then_pause) in ids.into_iter().zip([false, true]) {
        rig.set(id, State::Running, GEN);
        rig.order(start(id, then_pause), 0);
    }
    assert!(guarded(|| rig.turns()).is_err());
    assert!(guarded(|| drop(rig)).is_ok());
}

/// A carrier is lost while this is dropped.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Hangs {
    #[serde(skip)]
    lane: Option<Lane>,
}

impl fmt::Debug for Hangs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hangs")
    }
}

impl Drop for Hangs {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.replace_end();
        }
    }
}

impl MessageType for Hangs {
    const NAME: &'static str = "Hangs";
}

/// It comes from a neighbour or out of the lane, and next is another message or a timer.
#[test]
fn a_carrier_that_is_lost_as_a_message_is_dropped_calls_no_other_hook() {
    for (is_near, is_timer) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut rig = Rig::new(1);
        let journal = rig.journal.clone();
        let sink = rig.puppet(0, plain, move |called, cx| {
            match called {
                Called::Message(message) => {
                    journal.note(message.name());
                    match is_timer {
                        true => cx.after(Duration::ZERO, "soon"),
                        false => cx.send(cx.id(), Message::Word(1)),
                    }
                }
                Called::Timer(key) => journal.note(key),
                _ => {}
            }
            Ok(())
        });
        let lane = rig.lanes[0].clone();
        let sender = rig.puppet(0, plain, move |called, cx| {
            if let Called::Message(_) = called {
                cx.send(sink, Message::of(Hangs { lane: Some(lane.clone()) }));
                cx.send(sink, Message::Word(2));
            }
            Ok(())
        });
        [sink, sender].into_iter().for_each(|id| rig.start(id, GEN));
        if is_near {
            rig.tell(sender, 0);
        } else {
            let lane = &rig.lanes[0];
            lane.tell(sink, Message::of(Hangs { lane: Some(lane.clone()) }));
            lane.tell(sink, Message::Word(3));
        }
        while rig.step(0).more {}
        assert!(rig.shards[0].is_retired());
        assert_eq!(rig.journal.take(), ["Hangs"], "{is_near} {is_timer}");
        let left = rig.lanes[0].replace_end().take_all_mail();
        assert_eq!(left.len(), usize::from(!is_timer) + 1);
        assert!(left.iter().all(|parcel| matches!(parcel, Parcel::Message { .. })), "{left:?}");
    }
}
