//! A sender's own way into the shards of a host, for whoever sends much from one thread.

use std::sync::Arc;

use contract::effect::WordSlip;
use contract::id::ComponentId;
use contract::message::Message;

use crate::board::Board;
use crate::lane::{Lane, NUMBER_BLOCK, Way};
use crate::parcel::Parcel;

/// So much mail may wait in front of a shard before whoever is outside is refused, unless the port
/// is told otherwise.
pub const LANE_MAX: usize = 1_000_000;
/// After so many messages to one shard a port looks how far behind it is.
const LOOK_EVERY: u32 = 256;

/// Sends messages from outside the host, one at a time or gathered. What one port sends to one
/// component arrives in order.
///
/// Only bare words are gathered; another message is sent at once, behind what was gathered. A port
/// that gathers sends what it has gathered for a shard when that is enough, when the shard
/// sleeps, by [`Port::flush`], and when it is dropped. A message to a shard that is busy now and
/// asleep a moment later stays in the port until the next of these: whoever pauses, flushes.
#[derive(Debug)]
pub struct Port {
    board: Arc<Board>,
    berths: Vec<Berth>,
    gathers: usize,
    lane_max: usize,
}

/// What a port has for one shard.
#[derive(Debug)]
struct Berth {
    lane: Lane,
    /// Laid when it is first needed.
    way: Option<Way>,
    /// Bare words: others are sent at once, behind these.
    gathered: Vec<WordSlip>,
    /// The number of the next message, and how many may be given out.
    number: u32,
    numbers_left: u32,
    until_look: u32,
}

/// A message was not sent, and is handed back: its receiver's inbox is full, its shard far behind,
/// or there is no such component.
#[derive(Debug)]
pub struct Unsent(pub Message);

impl Port {
    /// A port to the shards with these lanes, by number, that sends `gathers` messages at a time;
    /// 1 sends each at once.
    pub fn new(lanes: impl IntoIterator<Item = Lane>, board: Arc<Board>, gathers: usize) -> Self {
        let berth = |lane| Berth {
            lane,
            way: None,
            gathered: Vec::new(),
            number: 0,
            numbers_left: 0,
            until_look: LOOK_EVERY,
        };
        let berths = lanes.into_iter().map(berth).collect();
        Port { board, berths, gathers: gathers.max(1), lane_max: LANE_MAX }
    }

    /// The same, that refuses where so much of its own mail waits in front of a shard;
    /// [`LANE_MAX`] otherwise. It looks every 256 messages.
    #[must_use]
    pub fn with_lane_max(mut self, lane_max: usize) -> Self {
        self.lane_max = lane_max;
        self
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The message, if the receiver has no room for it at present, or does not exist.
    // Always: a message that has to be written down to be passed is slow to be read again.
    #[inline(always)]
    pub fn send(&mut self, to: ComponentId, message: impl Into<Message>) -> Result<(), Unsent> {
        let message = message.into();
        let Some(berth) = self.berths.get_mut(usize::from(to.shard())) else {
            return Err(Unsent(message));
        };
        if self.board.is_pressed() && is_full(&self.board, to) {
            return Err(Unsent(message));
        }
        berth.until_look -= 1;
        if berth.until_look == 0 && !berth.has_room(self.lane_max) {
            return Err(Unsent(message));
        }
        let (from, number) = (ComponentId::OUTSIDE, berth.next_number());
        match message {
            Message::Word(word) if self.gathers == 1 => {
                berth.way().send_word(WordSlip { to, from, number, word });
            }
            Message::Word(word) => berth.gather(WordSlip { to, from, number, word }, self.gathers),
            message => {
                berth.flush();
                berth.way().send(Parcel::Message { to, from, number, message });
            }
        }
        Ok(())
    }

    /// Sends what was gathered.
    pub fn flush(&mut self) {
        self.berths.iter_mut().for_each(Berth::flush);
    }
}

#[cold]
fn is_full(board: &Board, to: ComponentId) -> bool {
    board.view(to).is_some_and(|cell| cell.is_full())
}

impl Berth {
    /// Whether the shard is not too far behind. To be asked again at the next message if it is.
    fn has_room(&mut self, lane_max: usize) -> bool {
        let has_room = self.way().waiting() < lane_max;
        self.until_look = if has_room { LOOK_EVERY } else { 1 };
        has_room
    }

    #[inline]
    fn next_number(&mut self) -> u32 {
        if self.numbers_left == 0 {
            self.number = self.lane.next_numbers(NUMBER_BLOCK);
            self.numbers_left = NUMBER_BLOCK;
        }
        self.numbers_left -= 1;
        let number = self.number;
        self.number = number.wrapping_add(1);
        number
    }

    #[inline]
    fn way(&mut self) -> &mut Way {
        self.way.get_or_insert_with(|| self.lane.way())
    }

    #[inline]
    fn gather(&mut self, word: WordSlip, gathers: usize) {
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(gathers);
        }
        self.gathered.push(word);
        if self.gathered.len() >= gathers || self.lane.is_parked() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            let mut gathered = std::mem::take(&mut self.gathered);
            self.way().send_words(&mut gathered);
            self.gathered = gathered;
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Wake, Waker};

    use super::*;
    use contract::component::Component;
    use contract::{Descriptor, Registration};

    use crate::lane::{LaneEnd, lane};

    const TO: ComponentId = ComponentId::new(0, 0);

    /// A port that gathers so many, and the shard's end of its one lane.
    fn port(gathers: usize) -> (Port, LaneEnd) {
        let (lane, end) = lane();
        (Port::new([lane], Arc::default(), gathers), end)
    }

    /// What lies in the lane: numbers and words.
    fn arrived(end: &LaneEnd) -> Vec<(u32, u64)> {
        let read = |parcel: Parcel| match parcel {
            Parcel::Message { number, message, .. } => (number, message.word().unwrap()),
            other => unreachable!("only messages are sent, not {other:?}"),
        };
        end.take_all_mail().into_iter().map(read).collect()
    }

    #[test]
    fn one_at_a_time_each_is_there_at_once() {
        let (mut port, end) = port(1);
        for word in 7..9 {
            port.send(TO, Message::Word(word)).unwrap();
        }
        assert_eq!(arrived(&end), [(1, 7), (2, 8)]);
    }

    #[test]
    fn gathered_ones_go_when_they_are_enough_and_the_rest_with_the_port() {
        let (mut port, end) = port(3);
        for word in 0..7 {
            port.send(TO, Message::Word(word)).unwrap();
        }
        assert_eq!(arrived(&end), [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5)]);
        port.flush();
        assert_eq!(arrived(&end), [(7, 6)]);
        port.send(TO, Message::Word(7)).unwrap();
        drop(port);
        assert_eq!(arrived(&end), [(8, 7)]);
    }

    struct Idle;

    impl Component for Idle {}

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn nothing_is_gathered_while_the_shard_sleeps() {
        let (mut port, end) = port(100);
        assert!(end.park(&Waker::from(Arc::new(Nobody))));
        port.send(TO, Message::Word(1)).unwrap();
        port.send(TO, Message::Word(2)).unwrap();
        assert_eq!(arrived(&end), [(1, 1)], "it is awake now, and has the first");
    }

    #[test]
    fn a_message_to_nobody_or_for_a_full_inbox_is_handed_back() {
        let (mut port, _end) = port(1);
        let Unsent(message) = port.send(ComponentId::new(1, 0), Message::Word(5)).unwrap_err();
        assert_eq!(message.word(), Some(5));

        let descriptor = Descriptor::new("does nothing", "idle.log");
        port.board.add(TO, Registration::new("A", descriptor, || Idle)).unwrap();
        let board = Arc::clone(&port.board);
        let cell = board.cell(TO).unwrap();
        cell.place(1);
        cell.set_depth(1, 0);
        board.set_full(cell, true);
        assert!(port.send(TO, Message::Word(6)).is_err());
        cell.set_depth(0, 0);
        assert!(port.send(TO, Message::Word(6)).is_ok());
    }

    #[test]
    fn a_port_refuses_where_as_much_mail_waits_as_may() {
        let (port, end) = port(1);
        let mut port = port.with_lane_max(10);
        let sent =
            (0..1_000).take_while(|word| port.send(TO, Message::Word(*word)).is_ok()).count();
        assert_eq!(sent, LOOK_EVERY as usize - 1, "it looks at every so-manieth message");
        assert!(port.send(TO, Message::Word(0)).is_err(), "and then at each, until there is room");
        assert_eq!(arrived(&end).len(), sent);
        assert!(port.send(TO, Message::Word(0)).is_ok());
    }

    #[test]
    fn two_ports_number_their_messages_apart() {
        let (lane, end) = lane();
        let mut ports = [(); 2].map(|()| Port::new([lane.clone()], Arc::default(), 1));
        for port in &mut ports {
            port.send(TO, Message::Word(0)).unwrap();
        }
        assert_eq!(arrived(&end), [(1, 0), (1 + NUMBER_BLOCK, 0)]);
    }
}
