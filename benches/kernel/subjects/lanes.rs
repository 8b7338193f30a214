//! The way into a shard beside a bare crossbeam channel of the same values: putting messages in,
//! one by one or gathered, putting orders in, and the whole way of a message to its component.

use std::time::{Duration, Instant};

use contract::{Component, ComponentId, Message};
use crossbeam_channel::{Receiver, Sender, unbounded};
use kernel::{Order, Parcel, Port};

use super::rig::{Caller, Counter, Rig, parcel};
use super::{Case, Scale, Side, Sides, Tally, hash, targets};

/// So many messages a port gathers.
const GATHERED: usize = 64;

pub(crate) fn cases(scale: Scale) -> Vec<Case> {
    let (components, messages) = scale.pick((10, 1_000), (1_000, 200_000));
    let case = |name, part| Case {
        name,
        floor: "bare channel",
        components,
        operations: messages as u64,
        make: Box::new(move || {
            let targets = targets(components, messages);
            let ours = InLane::new(components, targets.clone(), part);
            Sides::new(InChannel::new(components, targets, part), ours)
        }),
    };
    let orders = Case {
        name: "orders",
        floor: "bare channel",
        components,
        operations: messages as u64,
        make: Box::new(move || {
            let rig = Counter::rig(components, &Tally::new(components));
            let floor = OrdersInChannel { channel: unbounded(), orders: messages };
            Sides::new(floor, OrdersInLane { rig, orders: messages })
        }),
    };
    let mut cases = vec![
        case("sent", Part::Sent),
        case("gathered", Part::Gathered),
        case("handed over", Part::HandedOver),
    ];
    cases.push(orders);
    cases
}

/// What of a message's way is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Putting it in.
    Sent,
    /// The same by a port that gathers.
    Gathered,
    /// Putting it in, taking it out, and the component's hook.
    HandedOver,
}

struct InLane {
    rig: Rig,
    port: Port,
    targets: Vec<u32>,
    tally: Tally,
    part: Part,
    runs: u64,
}

impl InLane {
    fn new(components: u32, targets: Vec<u32>, part: Part) -> Self {
        let tally = Tally::new(components);
        let rig = Counter::rig(components, &tally);
        let port = Port::new([rig.lane.clone()], rig.board.clone(), GATHERED);
        InLane { rig, port, targets, tally, part, runs: 0 }
    }

    fn send_gathered(&mut self) {
        for target in &self.targets {
            let to = ComponentId::new(0, *target);
            self.port.send(to, Message::Word(1)).expect("there is room");
        }
        self.port.flush();
    }
}

impl Side for InLane {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        let begun = Instant::now();
        match self.part {
            Part::Gathered => self.send_gathered(),
            Part::Sent | Part::HandedOver => self.rig.send(&self.targets, 1),
        }
        let sent = begun.elapsed();
        let handled = self.rig.drain();
        let taken = if self.part == Part::HandedOver { begun.elapsed() } else { sent };
        assert_eq!(handled, self.targets.len(), "what is put in comes out");
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.rig.kill_all();
        assert_eq!(self.tally.total(), self.runs * self.targets.len() as u64);
        self.tally.hash_of_one(self.runs)
    }
}

struct InChannel {
    channel: (Sender<Parcel>, Receiver<Parcel>),
    components: Vec<Box<dyn Component>>,
    targets: Vec<u32>,
    tally: Tally,
    part: Part,
    runs: u64,
}

impl InChannel {
    fn new(components: u32, targets: Vec<u32>, part: Part) -> Self {
        let tally = Tally::new(components);
        let components = Counter::boxes(components, &tally);
        InChannel { channel: unbounded(), components, targets, tally, part, runs: 0 }
    }
}

impl Side for InChannel {
    fn run(&mut self) -> Duration {
        self.runs += 1;
        let (sender, receiver) = &self.channel;
        let mut caller = Caller::new();
        let begun = Instant::now();
        for target in &self.targets {
            sender.send(parcel(*target, 1)).expect("the receiver is here");
        }
        let sent = begun.elapsed();
        while let Ok(Parcel::Message { to, message, .. }) = receiver.try_recv() {
            caller.call(&mut *self.components[to.slot() as usize], &message);
        }
        if self.part == Part::HandedOver { begun.elapsed() } else { sent }
    }

    fn finish(self: Box<Self>) -> u64 {
        drop(self.components);
        assert_eq!(self.tally.total(), self.runs * self.targets.len() as u64);
        self.tally.hash_of_one(self.runs)
    }
}

struct OrdersInLane {
    rig: Rig,
    orders: usize,
}

impl Side for OrdersInLane {
    fn run(&mut self) -> Duration {
        let begun = Instant::now();
        (0..self.orders).for_each(|_| self.rig.lane.order(Order::Wake));
        let sent = begun.elapsed();
        assert!(!self.rig.lane.is_empty());
        self.rig.drain();
        assert!(self.rig.lane.is_empty(), "every order is taken out");
        sent
    }

    fn finish(self: Box<Self>) -> u64 {
        hash([self.orders as u64])
    }
}

struct OrdersInChannel {
    channel: (Sender<Order>, Receiver<Order>),
    orders: usize,
}

impl Side for OrdersInChannel {
    fn run(&mut self) -> Duration {
        let (sender, receiver) = &self.channel;
        let begun = Instant::now();
        (0..self.orders).for_each(|_| sender.send(Order::Wake).expect("the receiver is here"));
        let sent = begun.elapsed();
        assert_eq!(receiver.try_iter().count(), self.orders);
        sent
    }

    fn finish(self: Box<Self>) -> u64 {
        hash([self.orders as u64])
    }
}
