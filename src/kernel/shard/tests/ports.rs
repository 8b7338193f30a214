//! Mail that comes through ports, with all that may get in between.

use contract::message::Message;

use super::rig::{Rig, plain};

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
