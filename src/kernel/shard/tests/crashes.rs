//! How lives end, and what is told of it.

use std::time::Duration;

use contract::component::Component;
use contract::id::{ComponentId, Generation};
use contract::lifecycle::{Exit, State};
use contract::time::Moment;
use contract::{Descriptor, Fault, Registration};

use super::rig::{Called, GEN, Rig, after, plain};
use crate::order::Order;

#[test]
fn the_hook_that_it_died_in_is_told_and_where() {
    type Blow = fn(&Called<'_>) -> bool;
    let hooks: [(&str, Blow); 5] = [
        ("start", |called| matches!(called, Called::Start)),
        ("message", |called| matches!(called, Called::Message(_))),
        ("timer", |called| matches!(called, Called::Timer(_))),
        ("pause", |called| matches!(called, Called::Pause)),
        ("stop", |called| matches!(called, Called::Stop)),
    ];
    for (hook, blows) in hooks {
        for panics in [true, false] {
            let mut rig = Rig::new(1);
            let id = rig.puppet(0, plain, move |called, cx| {
                match called {
                    _ if !blows(&called) => {
                        if let Called::Start = called {
                            cx.after(Duration::ZERO, "soon");
                        }
                    }
                    _ if panics => panic!("blown"),
                    _ => return Err(Fault { code: 7, text: "blown".into() }),
                }
                Ok(())
            });
            rig.start(id, GEN);
            match hook {
                "message" => rig.tell(id, 1),
                "pause" => rig.tell_order(id, Order::Pause),
                "stop" => rig.tell_order(id, Order::Stop),
                _ => {}
            }
            rig.turns();
            let ending = rig.endings().remove(0);
            assert_eq!(ending.hook, hook);
            assert_eq!(ending.message.is_some(), hook == "message");
            assert_eq!(matches!(ending.exit, Exit::Panic { .. }), panics);
            assert_eq!(ending.backtrace.0.is_some(), panics);
        }
    }
}

struct Bomb {
    stops_well: bool,
}

impl Component for Bomb {
    fn stop(&mut self, _: &mut contract::Context<'_>) -> Result<contract::Progress, Fault> {
        assert!(self.stops_well, "in stop");
        Ok(contract::Progress::Done)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[test]
fn a_drop_that_panics_is_told_whatever_the_end_was() {
    for stops_well in [true, false] {
        let mut rig = Rig::new(1);
        let descriptor = Descriptor::new("blows up in the end", "bomb.log");
        let make = move || Bomb { stops_well };
        let id = rig.place(0, Registration::new("BOMB", descriptor, make));
        rig.start(id, GEN);
        rig.tell_order(id, Order::Stop);
        rig.turns();
        let ending = rig.endings().remove(0);
        assert_eq!(ending.exit == Exit::Shutdown, stops_well);
        assert_eq!(ending.drop_panic.as_deref(), Some("in drop"));
        let backtrace = ending.backtrace.to_string();
        assert_eq!(backtrace.contains("drop_in_place"), stops_well, "the first one counts");
    }
}

#[test]
fn a_factory_that_panics_is_a_start_that_failed() {
    let mut rig = Rig::new(1);
    let descriptor = Descriptor::new("is never made", "bomb.log");
    let make = || -> Bomb { panic!("no factory") };
    let id = rig.place(0, Registration::new("BOMB", descriptor, make));
    rig.start(id, GEN);
    let ending = rig.endings().remove(0);
    assert_eq!(ending.hook, "start");
    assert!(ending.exit.to_string().ends_with("no factory"), "{}", ending.exit);
}

/// Seen from inside a hook, where a watchdog would look from another thread.
#[test]
fn the_board_says_who_is_busy_since_when_and_how_long_it_may_be() {
    let mut rig = Rig::new(2);
    let (board, journal) = (std::sync::Arc::clone(&rig.board), rig.journal.clone());
    let id = rig.puppet(1, plain, move |called, cx| {
        if let Called::Message(_) = called {
            let lease = board.busy(1).unwrap().lease;
            cx.lease(Duration::from_secs(60));
            let busy = board.busy(1).unwrap();
            assert_eq!((busy.id, busy.generation), (cx.id(), cx.generation()));
            assert_eq!(board.busy(0), None);
            journal.note(format!("{} {} {}", busy.since.0, lease.0, busy.lease.0));
        }
        Ok(())
    });
    rig.start(id, GEN);
    rig.wait(5);
    rig.tell(id, 1);
    rig.tell(id, 2);
    rig.turns();
    let (now, lease) = (after(5).0, after(65).0);
    assert_eq!(rig.journal.take(), [format!("{now} 0 {lease}"), format!("{now} {lease} {lease}")]);
    assert_eq!(rig.board.busy(1), None);

    rig.tell_order(id, Order::Stop);
    rig.turns();
    rig.start(id, Generation(2));
    rig.tell(id, 3);
    rig.turns();
    assert_eq!(rig.journal.take(), [format!("{now} {} {lease}", Moment::ZERO.0)]);
}

/// A life that was given up, and whose hook comes back, has no say; its message comes again.
#[test]
fn a_life_that_was_given_up_has_no_say_when_it_comes_back() {
    for (state, generation) in [(State::Stopped, GEN), (State::StartPending, Generation(2))] {
        for panics in [false, true] {
            let mut rig = Rig::new(1);
            let sink = rig.sink(0, plain);
            let board = std::sync::Arc::clone(&rig.board);
            let lanes = std::sync::Arc::clone(&rig.lanes);
            let id = ComponentId::new(0, 1);
            rig.puppet(0, plain, move |called, cx| {
                if let Called::Message(_) = called {
                    board.cell(id).unwrap().set(state, generation, Moment::ZERO);
                    lanes[0].order(Order::Kill(id, GEN, Box::new(Exit::Hung)));
                    cx.send(sink, contract::Message::Word(1));
                    cx.log("too late");
                    assert!(!panics, "too late");
                }
                Ok(())
            });
            rig.start(id, GEN);
            rig.take_outputs();
            rig.tell(id, 1);
            rig.turns();
            assert_eq!(rig.told(), ["zombie 0:1 gen 1"]);
            assert_eq!(rig.journal.take(), [""; 0]);
            assert_eq!(rig.view(id).inbox, 1, "the message was not handled");
        }
    }
}
