//! What an interposer can do to messages and hooks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::id::Generation;
use contract::lifecycle::State;

use super::rig::{GEN, Rig, plain};
use crate::interpose::{CallVerdict, Envelope, HookCall, Interposer, MessageVerdict};
use crate::order::{Order, Output};

/// Answers from two lists, and passes everything when they are empty.
#[derive(Clone, Default)]
struct Meddler {
    messages: Arc<Mutex<Vec<MessageVerdict>>>,
    calls: Arc<Mutex<Vec<CallVerdict>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Interposer for Meddler {
    fn on_message(&mut self, envelope: &Envelope<'_>) -> MessageVerdict {
        self.asked.lock().unwrap().push(envelope.id.to_string());
        self.messages.lock().unwrap().pop().unwrap_or_default()
    }

    fn on_call(&mut self, call: &HookCall<'_>) -> CallVerdict {
        let hook = call.hook.name();
        self.asked.lock().unwrap().push(format!("{} {} {hook}", call.name, call.generation));
        self.calls.lock().unwrap().pop().unwrap_or_default()
    }
}

impl Meddler {
    fn in_shard(rig: &mut Rig) -> Meddler {
        let meddler = Meddler::default();
        rig.shards[0].set_interposer(Some(Box::new(meddler.clone())));
        meddler
    }

    fn next_message(&self, verdict: MessageVerdict) {
        self.messages.lock().unwrap().push(verdict);
    }

    fn next_call(&self, verdict: CallVerdict) {
        self.calls.lock().unwrap().push(verdict);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[test]
fn a_message_is_lost_late_or_doubled_as_the_interposer_says() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let meddler = Meddler::in_shard(&mut rig);
    rig.take_outputs();

    meddler.next_message(MessageVerdict::Lose);
    rig.tell(sink, 1);
    rig.turns();
    assert_eq!(rig.told(), ["vanished outside/1 to 0:0"]);

    meddler.next_message(MessageVerdict::Duplicate);
    rig.tell(sink, 2);
    rig.turns();
    assert_eq!(rig.journal.take(), ["0:0<-2", "0:0<-2"]);
    let hook = "PUPPET_0 1 message";
    assert_eq!(meddler.asked(), ["outside/1", "outside/2", hook, hook]);

    meddler.next_message(MessageVerdict::Delay(Duration::from_secs(3)));
    rig.tell(sink, 3);
    rig.tell(sink, 4);
    rig.turns();
    assert_eq!(meddler.asked(), ["outside/3", "outside/4", hook]);
    for output in rig.take_outputs() {
        let Output::Delayed { parcel, by } = output else { panic!("{output:?}") };
        assert_eq!(by, Duration::from_secs(3));
        rig.lanes[0].send(parcel);
    }
    rig.turns();
    assert_eq!(rig.journal.take(), ["0:0<-4", "0:0<-3"]);
    assert_eq!(meddler.asked(), [hook], "it is not asked about the message again");
}

#[test]
fn a_message_is_asked_about_when_it_is_dispatched_and_not_when_its_turn_comes() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    rig.tell_order(sink, Order::Pause);
    rig.turns();
    let meddler = Meddler::in_shard(&mut rig);
    rig.tell(sink, 1);
    rig.turns();
    assert_eq!(meddler.asked(), ["outside/1"]);
    rig.tell_order(sink, Order::Continue);
    rig.turns();
    assert_eq!(meddler.asked(), ["PUPPET_0 1 resume", "PUPPET_0 1 message"]);
}

#[test]
fn a_hook_panics_or_fails_as_the_interposer_says() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let meddler = Meddler::in_shard(&mut rig);
    rig.take_outputs();
    meddler.next_call(CallVerdict::Panic("out of the blue".into()));
    rig.tell(sink, 1);
    rig.turns();
    let ending = rig.endings().remove(0);
    assert!(ending.exit.to_string().ends_with("out of the blue"), "{}", ending.exit);
    assert_eq!(ending.message.map(|(_, failed)| failed), Some(1));

    meddler.next_call(CallVerdict::Fail(5, "no luck".into()));
    rig.start(sink, Generation(2));
    let ending = rig.endings().remove(0);
    assert_eq!((ending.hook, ending.exit.to_string().contains("no luck")), ("start", true));
    assert_eq!(rig.journal.take(), [""; 0], "neither was called");
}

/// Message, timer or order: the shard is stuck in it, does nothing, and goes on where it was.
#[test]
fn a_stalled_shard_does_nothing_until_the_hook_comes_back() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let meddler = Meddler::in_shard(&mut rig);
    meddler.next_call(CallVerdict::Stall);
    rig.tell(sink, 1);
    rig.tell(sink, 2);
    rig.wait(1);
    let turn = rig.step(0);
    assert!(turn.stalled && !turn.more);
    assert_eq!(rig.shards[0].stalled(), Some((sink, GEN)));
    let now = rig.clock.now;
    assert_eq!(rig.board.busy(0).map(|busy| (busy.id, busy.since)), Some((sink, now)));

    rig.tell_order(sink, Order::Stop);
    rig.wait(1);
    assert!(!rig.shards[0].has_work(rig.clock.now));
    assert_eq!(rig.shards[0].next_due(), None);
    assert!(rig.step(0).stalled);
    assert_eq!(rig.journal.take(), [""; 0]);
    meddler.asked();

    let turn = rig.unstall(0);
    assert!(!turn.stalled && turn.more);
    assert_eq!(rig.shards[0].stalled(), None);
    assert_eq!((rig.board.busy(0), rig.journal.take()), (None, vec!["0:0<-1".to_owned()]));
    rig.turns();
    assert_eq!(meddler.asked(), ["PUPPET_0 1 stop", "outside/2"], "not about the same again");
}

/// The copy lies ahead of what the same hook has sent later, and behind what has been handled.
#[test]
fn a_doubled_message_of_a_neighbour_that_stalls_comes_twice_in_a_row() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let fan = rig.fan(0, sink, plain);
    rig.tell(fan, 4);
    let meddler = Meddler::in_shard(&mut rig);
    let messages = [MessageVerdict::Duplicate, MessageVerdict::Pass, MessageVerdict::Pass];
    messages.into_iter().for_each(|verdict| meddler.next_message(verdict));
    let calls = [CallVerdict::Stall, CallVerdict::Pass, CallVerdict::Pass];
    calls.into_iter().for_each(|verdict| meddler.next_call(verdict));
    rig.turns();
    assert_eq!(rig.shards[0].stalled(), Some((sink, GEN)));
    assert_eq!(rig.journal.take(), ["0:0<-0"]);
    rig.unstall(0);
    rig.turns();
    assert_eq!(rig.journal.take(), [1, 1, 2, 3].map(|word| format!("0:0<-{word}")));
    let asked = meddler.asked();
    assert_eq!(asked.iter().filter(|asked| **asked == "0:1/2").count(), 1, "not about the copy");
}

#[test]
fn every_hook_can_stall_and_come_back() {
    let orders: [fn(_, _) -> Order; 6] = [
        Order::Pause,
        Order::Continue,
        |id, generation| Order::Control(id, generation, 128),
        |id, generation| Order::Changed(id, generation, Arc::default()),
        |id, generation| Order::Changed(id, generation, Arc::default()),
        Order::Stop,
    ];
    let mut rig = Rig::new(1);
    let id = rig.puppet(0, plain, |_, cx| {
        if cx.delivery() > 0 {
            cx.after(Duration::ZERO, "soon");
        }
        Ok(())
    });
    rig.turns();
    let meddler = Meddler::in_shard(&mut rig);
    rig.shards[0].set_trace(true);
    let come_back = |rig: &mut Rig, hook: &str| {
        meddler.next_call(CallVerdict::Stall);
        while !rig.step(0).stalled {}
        rig.take_outputs();
        rig.unstall(0);
        assert!(rig.told().contains(&format!("trace {hook}")), "{hook}");
        rig.turns();
    };
    rig.set(id, State::Running, GEN);
    rig.order_start(id, GEN);
    come_back(&mut rig, "start");
    rig.tell(id, 1);
    come_back(&mut rig, "message word outside/1");
    for (order, hook) in orders.into_iter().zip(["pause", "resume", "control", "changed"]) {
        rig.tell_order(id, order);
        come_back(&mut rig, hook);
    }
    rig.tell_order(id, Order::Stop);
    come_back(&mut rig, "stop");
}

#[test]
fn a_timer_stalls_and_counts_from_when_it_was_due() {
    let mut rig = Rig::new(1);
    let id = rig.puppet(0, plain, |_, cx| {
        cx.after(Duration::from_secs(10), "daily");
        Ok(())
    });
    rig.start(id, GEN);
    let meddler = Meddler::in_shard(&mut rig);
    meddler.next_call(CallVerdict::Stall);
    rig.wait(11);
    assert!(rig.step(0).stalled);
    rig.wait(1);
    rig.unstall(0);
    assert_eq!(rig.shards[0].next_due(), Some(super::rig::after(20)));
}

#[test]
fn a_stalled_life_that_was_given_up_is_a_zombie_when_it_comes_back() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let meddler = Meddler::in_shard(&mut rig);
    rig.take_outputs();
    rig.shards[0].set_keeping(true);
    meddler.next_call(CallVerdict::Stall);
    rig.tell(sink, 1);
    rig.turns();
    rig.set(sink, State::Stopped, GEN);
    rig.unstall(0);
    assert_eq!(rig.told(), ["failed outside/1 to 0:0: 1", "zombie 0:0 gen 1"]);
}
