//! Shards, their lanes and a board; the test gives the orders and writes the cells.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::component::Component;
use contract::context::Context;
use contract::id::{ComponentId, Generation, MessageId};
use contract::lifecycle::{Exit, State};
use contract::message::Message;
use contract::time::{Moment, WallTime};
use contract::{Descriptor, Fault, Progress, Registration, Start, Started};

use crate::board::{Board, CellView};
use crate::lane::{Lane, LaneEnd, lane};
use crate::order::{Ending, LifeChange, LifeEvent, Order, Output};
use crate::port::Port;
use crate::shard::{Clock, Shard, Turn};

pub(super) const GEN: Generation = Generation(1);

/// The hook that a script is called for.
pub(super) enum Called<'a> {
    Start,
    Message(&'a Message),
    Timer(&'static str),
    Pause,
    Stop,
}

/// What a puppet does in its hooks.
type Script = dyn Fn(Called<'_>, &mut Context<'_>) -> Result<(), Fault> + Send + Sync;

struct Puppet(Arc<Script>);

impl Component for Puppet {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        (self.0)(Called::Start, cx).map(|()| Started::Running)
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        (self.0)(Called::Message(message), cx)
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        (self.0)(Called::Timer(key), cx)
    }

    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        (self.0)(Called::Pause, cx).map(|()| Progress::Done)
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        (self.0)(Called::Stop, cx).map(|()| Progress::Done)
    }
}

/// What components have noted, in order.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(super) fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Takes what has been noted since the last time.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(super) struct Rig {
    pub(super) shards: Vec<Shard>,
    pub(super) lanes: Arc<[Lane]>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    out: Vec<Output>,
    placed: Vec<ComponentId>,
}

impl Rig {
    pub(super) fn new(shards: u8) -> Self {
        let (lanes, ends): (Vec<_>, Vec<_>) = (0..shards).map(|_| lane()).unzip();
        let (lanes, board): (Arc<[Lane]>, _) = (lanes.into(), Arc::new(Board::default()));
        let make = |(number, end)| Shard::new(number, end, Arc::clone(&lanes), Arc::clone(&board));
        let shards = (0..).zip(ends).map(make).collect();
        let (clock, journal) = (Clock::default(), Journal::default());
        Rig { shards, lanes, board, clock, journal, out: Vec::new(), placed: Vec::new() }
    }

    pub(super) fn place(&mut self, shard: u8, registration: Registration) -> ComponentId {
        let slots = self.placed.iter().filter(|id| id.shard() == shard).count();
        let id = ComponentId::new(shard, slots as u32);
        assert!(self.board.add(id, registration).is_some());
        self.placed.push(id);
        self.order(Order::Place(id), shard);
        id
    }

    /// A component that is placed and not started.
    pub(super) fn puppet(
        &mut self,
        shard: u8,
        tweak: impl FnOnce(&mut Descriptor),
        script: impl Fn(Called<'_>, &mut Context<'_>) -> Result<(), Fault> + Send + Sync + 'static,
    ) -> ComponentId {
        let mut descriptor = Descriptor::new("does as it is told", "puppet.log");
        tweak(&mut descriptor);
        let script: Arc<Script> = Arc::new(script);
        let name = format!("PUPPET_{}", self.placed.len());
        let make = move || Puppet(Arc::clone(&script));
        self.place(shard, Registration::new(name, descriptor, make))
    }

    /// A running component that notes every number it is sent.
    pub(super) fn sink(&mut self, shard: u8, tweak: impl FnOnce(&mut Descriptor)) -> ComponentId {
        let journal = self.journal.clone();
        let id = self.puppet(shard, tweak, move |called, cx| {
            if let Called::Message(message) = called {
                let word = message.word().unwrap_or_default();
                journal.note(format!("{}<-{word}", cx.id()));
            }
            Ok(())
        });
        self.start(id, GEN);
        id
    }

    /// A running component that sends `to` the numbers below the one that it is sent.
    pub(super) fn fan(
        &mut self,
        shard: u8,
        to: ComponentId,
        tweak: impl FnOnce(&mut Descriptor),
    ) -> ComponentId {
        let id = self.puppet(shard, tweak, move |called, cx| {
            if let Called::Message(message) = called {
                (0..message.word().unwrap()).for_each(|word| cx.send(to, Message::Word(word)));
            }
            Ok(())
        });
        self.start(id, GEN);
        id
    }

    /// Begins a life, as far as the executive is concerned, and takes the turns it needs.
    pub(super) fn start(&mut self, id: ComponentId, generation: Generation) {
        self.set(id, State::Running, generation);
        self.order_start(id, generation);
        self.turns();
    }

    pub(super) fn order_start(&self, id: ComponentId, generation: Generation) {
        let (settings, registry) = Default::default();
        let order = Order::Start { id, generation, settings, registry, then_pause: false };
        self.order(order, id.shard());
    }

    pub(super) fn set(&self, id: ComponentId, state: State, generation: Generation) {
        self.board.cell(id).unwrap().set(state, generation, self.clock.now);
    }

    pub(super) fn order(&self, order: Order, shard: u8) {
        self.lanes[usize::from(shard)].order(order);
    }

    /// An order for a component's life 1.
    pub(super) fn tell_order(&self, id: ComponentId, order: fn(ComponentId, Generation) -> Order) {
        self.order(order(id, GEN), id.shard());
    }

    pub(super) fn tell(&self, to: ComponentId, word: u64) {
        self.lanes[usize::from(to.shard())].tell(to, Message::Word(word));
    }

    /// A way for whoever sends much, so many words at a time.
    pub(super) fn port(&self, gathers: usize) -> Port {
        Port::new(self.lanes.iter().cloned(), Arc::clone(&self.board), gathers)
    }

    pub(super) fn view(&self, id: ComponentId) -> CellView {
        self.board.view(id).unwrap()
    }

    pub(super) fn step(&mut self, shard: usize) -> Turn {
        self.shards[shard].step(self.clock, 1_000, &mut self.out)
    }

    pub(super) fn unstall(&mut self, shard: usize) -> Turn {
        self.shards[shard].unstall(self.clock, &mut self.out)
    }

    /// Takes turns until no shard has anything to do.
    pub(super) fn turns(&mut self) {
        for _ in 0..10_000 {
            let now = self.clock.now;
            let Some(busy) = self.shards.iter_mut().position(|shard| shard.has_work(now)) else {
                return;
            };
            self.step(busy);
        }
        panic!("the shards do not come to rest");
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        let Clock { now, utc } = self.clock;
        self.clock = Clock { now: now + by, utc: utc + by };
    }

    /// Gives a shard a new carrier, with every component placed; the old one is answered.
    pub(super) fn replace(&mut self, shard: u8) -> Shard {
        let end = self.lanes[usize::from(shard)].replace_end();
        self.replace_by(shard, end)
    }

    /// The same where the lane has its new end already.
    pub(super) fn replace_by(&mut self, shard: u8, end: LaneEnd) -> Shard {
        for id in self.placed.iter().filter(|id| id.shard() == shard) {
            self.order(Order::Place(*id), shard);
        }
        let new = Shard::new(shard, end, Arc::clone(&self.lanes), Arc::clone(&self.board));
        std::mem::replace(&mut self.shards[usize::from(shard)], new)
    }

    pub(super) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// How lives have ended since outputs were last taken.
    pub(super) fn endings(&mut self) -> Vec<Ending> {
        let ending = |output| match output {
            Output::Life(LifeEvent { change: LifeChange::Ended(ending), .. }) => Some(*ending),
            Output::Life(LifeEvent { change: LifeChange::Stopped, .. }) => {
                Some(Ending::plain(Exit::Shutdown))
            }
            _ => None,
        };
        self.take_outputs().into_iter().filter_map(ending).collect()
    }

    /// The outputs in short, those of lives that go well left out.
    pub(super) fn told(&mut self) -> Vec<String> {
        self.take_outputs().into_iter().filter_map(|output| in_short(&output)).collect()
    }
}

fn in_short(output: &Output) -> Option<String> {
    Some(match output {
        Output::Life(LifeEvent { id, change: LifeChange::Ended(ending), .. }) => {
            format!("{id} ended: {}", ending.exit)
        }
        Output::Life(LifeEvent { id, change: LifeChange::Stopped, .. }) => {
            format!("{id} ended: {}", Exit::Shutdown)
        }
        Output::Life(_) => return None,
        Output::Accepted { to, message_id, expires, .. } => match expires {
            Some(WallTime(at)) => format!("accepted {message_id} to {to} until {at}"),
            None => format!("accepted {message_id} to {to}"),
        },
        Output::Failed { to, message_id, failed } => {
            format!("failed {message_id} to {to}: {failed}")
        }
        Output::Settled { to, message_id } => format!("settled {message_id} to {to}"),
        Output::DeadLetter { to, message_id, text, reason, .. } => {
            format!("dead {message_id} to {to}: {text}: {reason}")
        }
        Output::Pressed { from, to } => format!("pressed {from} to {to}"),
        Output::HeldBack { to, message_id, waits } => {
            format!("held back {message_id} to {to}: {waits}")
        }
        Output::ZombieEnded { id, generation } => format!("zombie {id} gen {generation}"),
        Output::Vanished { to, message_id } => format!("vanished {message_id} to {to}"),
        Output::Delayed { parcel, by } => format!("delayed to {} by {by:?}", parcel.to()),
        Output::Remember { name, .. } => format!("remember {name}"),
        Output::Log { text, .. } => format!("log {}", text.text),
        Output::Trace { what, .. } => format!("trace {what}"),
        Output::Request { .. } | Output::Report { .. } => return None,
    })
}

pub(super) fn outside(number: u32) -> MessageId {
    MessageId { from: ComponentId::OUTSIDE, number }
}

/// For a descriptor that is good as it is.
pub(super) fn plain(_: &mut Descriptor) {}

pub(super) fn after(seconds: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(seconds)
}
