//! Mail that comes through ports, with all that may get in between.

use std::sync::Arc;

use contract::lifecycle::State;
use contract::message::Message;
use contract::time::Moment;

use super::rig::{Called, GEN, Rig, outside, plain};
use crate::order::Order;
use crate::parcel::Parcel;

/// Where every parcel is seen to by itself, a turn takes as many as elsewhere.
#[test]
fn a_turn_that_is_traced_takes_as_much_out_of_a_pipe_as_any_other() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    rig.shards[0].set_trace(true);
    let mut port = rig.port(1);
    for word in 0..100 {
        port.send(sink, Message::Word(word)).unwrap();
    }
    assert_eq!(rig.step(0).handled, 100);
}

/// The executive has written that in the cell, and its order is still on its way.
#[test]
fn what_a_hook_sends_when_its_life_has_been_given_up_is_not_sent() {
    let mut rig = Rig::new(1);
    let board = Arc::clone(&rig.board);
    let sink = rig.sink(0, plain);
    let id = rig.puppet(0, plain, move |called, cx| {
        if let Called::Message(_) = called {
            board.cell(cx.id()).unwrap().set(State::Stopped, GEN, Moment::ZERO);
            cx.send(sink, Message::Word(1));
        }
        Ok(())
    });
    rig.start(id, GEN);
    rig.take_outputs();
    rig.port(1).send(id, Message::Word(1)).unwrap();
    rig.turns();
    assert_eq!(rig.told(), ["zombie 0:1 gen 1"]);
    assert_eq!(rig.journal.take(), [""; 0]);
}

#[test]
fn what_waited_for_a_life_takes_up_no_room_after_it() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    rig.tell_order(sink, Order::Pause);
    rig.turns();
    rig.tell(sink, 1);
    rig.turns();
    rig.tell_order(sink, Order::Continue);
    rig.turns();
    assert_eq!(rig.journal.take(), ["0:0<-1"]);
    assert!(rig.shards[0].slots[0].rest.takes_up_room());
    rig.tell_order(sink, Order::Stop);
    rig.turns();
    assert!(!rig.shards[0].slots[0].rest.takes_up_room());
}

#[test]
fn what_was_put_back_is_ahead_of_what_was_sent() {
    let mut rig = Rig::new(1);
    let sink = rig.sink(0, plain);
    let parcel =
        |number| Parcel::outside(sink, outside(number), Message::Word(number.into()), None);
    rig.shards[0].local.push(parcel(2));
    rig.shards[0].near.push_front(parcel(1));
    rig.turns();
    assert_eq!(rig.journal.take(), ["0:0<-1", "0:0<-2"]);
}
