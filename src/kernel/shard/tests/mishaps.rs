//! Random mail of all kinds, through ports and between components of two shards, and mishaps of
//! all kinds at random points. Each message is handled exactly once, and those of one sender to
//! one receiver in order; each has an identity of its own, the same at each delivery.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::Fault;
use contract::context::Context;
use contract::id::{ComponentId, Generation, MessageId};
use contract::lifecycle::State;
use contract::message::{Message, MessageType};

use super::rig::{Called, Rig};
use crate::lane::{Lane, LaneEnd};
use crate::order::{LifeEvent, Order, Output};
use crate::port::Port;
use crate::unwind::{discard, guarded, keep_quiet};

const SEEDS: u64 = 200;
const SHARDS: u8 = 2;
/// Every other one in the other shard.
const COMPONENTS: u8 = 6;
const GATHERS: [usize; 4] = [1, 1, 3, 100];
const ROUNDS: u64 = 40;
/// What a hook sends whose life is over, or ends by it.
const NEVER: u64 = u64::MAX;

/// A sender: a component, or behind those a port. Each port is another one.
type Source = u16;

/// What a message says.
#[derive(Debug, Clone, Copy)]
struct Note {
    source: Source,
    /// Which of those that it has sent to this receiver, from 1.
    number: u32,
    /// What it is to bring about.
    deed: u8,
}

impl Note {
    fn word(self) -> u64 {
        u64::from(self.number) << 24 | u64::from(self.source) << 8 | u64::from(self.deed)
    }

    fn is_from_port(self) -> bool {
        self.source >= COMPONENTS.into()
    }

    fn of(word: u64) -> Self {
        Note { source: (word >> 8) as Source, number: (word >> 24) as u32, deed: word as u8 }
    }
}

/// The same as a value, whose drop panics.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Bomb(u64);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl MessageType for Bomb {
    const NAME: &'static str = "Bomb";
}

/// What messages were sent and handled.
struct Books {
    dice: u64,
    /// Carriers are lost, too, and come back at once; no inbox is ever full then.
    loses: bool,
    sent: BTreeMap<(Source, u8), u32>,
    /// How often a message was handed over.
    handed: BTreeMap<(Source, u8, u32), u8>,
    /// Which message that is, by shard: what comes from outside is numbered in each by itself.
    identities: BTreeMap<(u8, MessageId), (Source, u8, u32)>,
    /// The last that was handled.
    last: BTreeMap<(Source, u8), u32>,
    handled: u32,
    problems: Vec<String>,
    /// The next hook for a message from a port has its carrier lost.
    armed: bool,
    lost: Option<(u8, LaneEnd)>,
}

impl Books {
    /// A number below `below`: splitmix64.
    fn throw(&mut self, below: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    /// The next message of `source` to `to`. It counts when it has been sent.
    fn next(&mut self, source: Source, to: u8) -> Message {
        let number = self.sent.get(&(source, to)).copied().unwrap_or(0) + 1;
        let word = Note { source, number, deed: self.throw(40) as u8 }.word();
        if self.throw(20) == 0 { Message::of(Bomb(word)) } else { Message::Word(word) }
    }

    fn note_sent(&mut self, source: Source, to: u8) {
        *self.sent.entry((source, to)).or_default() += 1;
    }

    fn note_handed(&mut self, to: u8, note: Note, identity: MessageId, delivery: u8) {
        let it = (note.source, to, note.number);
        let known = *self.identities.entry((to % SHARDS, identity)).or_insert(it);
        if known != it {
            self.problems.push(format!("{identity} is {known:?} and {note:?} to {to}"));
        }
        let handed = self.handed.entry((note.source, to, note.number)).or_default();
        *handed += 1;
        if *handed != delivery {
            self.problems.push(format!("{note:?} to {to}: delivery {delivery}"));
        }
    }

    fn note_handled(&mut self, to: u8, note: Note) {
        self.handled += 1;
        let last = self.last.insert((note.source, to), note.number).unwrap_or(0);
        if note.number != last + 1 {
            self.problems.push(format!("{note:?} to {to} behind {last}"));
        }
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Books>>);

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(
        &self,
        lanes: &[Lane],
        called: &Called<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        match called {
            Called::Message(message) => self.message(lanes, message, cx),
            Called::Timer(_) => {
                self.send_on(cx);
                Ok(())
            }
            Called::Start | Called::Pause | Called::Stop => Ok(()),
        }
    }

    fn message(
        &self,
        lanes: &[Lane],
        message: &Message,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let word = message.word().or(message.get::<Bomb>().map(|bomb| bomb.0)).unwrap();
        let (to, delivery) = (index(cx.id()), cx.delivery());
        let mut books = self.books();
        if word == NEVER {
            books.problems.push(format!("{to} is sent what is never to be sent"));
            return Ok(());
        }
        let note = Note::of(word);
        books.note_handed(to, note, cx.message_id(), delivery);
        if books.armed && note.is_from_port() {
            books.armed = false;
            let shard = cx.id().shard();
            books.lost = Some((shard, lanes[usize::from(shard)].replace_end()));
            cx.send(id(to ^ books.throw(2) as u8), Message::Word(NEVER));
            return Ok(());
        }
        if delivery == 1 && note.deed < 2 {
            drop(books);
            cx.send(id(to ^ 1), Message::Word(NEVER));
            cx.send(cx.id(), Message::Word(NEVER));
            assert_ne!(note.deed, 1, "it panics");
            return Err(Fault::new(1, "it fails"));
        }
        books.note_handled(to, note);
        drop(books);
        match note.deed {
            2 => cx.exit(),
            3 => cx.after(Duration::ZERO, "again"),
            4 => cx.send(ComponentId::new(7, 0), Message::Word(NEVER)),
            5 => cx.send_by_name("NOBODY", Message::Word(NEVER)),
            6..14 => self.send_on(cx),
            14 => (0..3).for_each(|_| self.send_on(cx)),
            _ => {}
        }
        Ok(())
    }

    /// To itself, or to one behind it: so that none of two shards wait for each other.
    fn send_on(&self, cx: &mut Context<'_>) {
        let from = index(cx.id());
        let mut books = self.books();
        let to = from + books.throw(u64::from(COMPONENTS - from)) as u8;
        cx.send(id(to), books.next(from.into(), to));
        books.note_sent(from.into(), to);
    }
}

fn id(index: u8) -> ComponentId {
    ComponentId::new(index % SHARDS, u32::from(index / SHARDS))
}

fn index(id: ComponentId) -> u8 {
    id.slot() as u8 * SHARDS + id.shard()
}

struct Play {
    rig: Rig,
    shared: Shared,
    ports: Vec<(Source, Port)>,
    next_source: Source,
    lives: Vec<Generation>,
}

impl Play {
    fn new(seed: u64, loses: bool) -> Self {
        let books = Books {
            dice: seed,
            loses,
            sent: BTreeMap::new(),
            handed: BTreeMap::new(),
            identities: BTreeMap::new(),
            last: BTreeMap::new(),
            handled: 0,
            problems: Vec::new(),
            armed: false,
            lost: None,
        };
        let shared = Shared(Arc::new(Mutex::new(books)));
        let mut rig = Rig::new(SHARDS);
        for number in 0..COMPONENTS {
            let (shared, lanes) = (shared.clone(), Arc::clone(&rig.lanes));
            let inbox_max = if loses { u32::MAX } else { 4 << (2 * number) };
            let tweak = |descriptor: &mut contract::Descriptor| {
                descriptor.inbox_max = inbox_max;
                descriptor.poison_after = u8::MAX;
            };
            let script =
                move |called: Called<'_>, cx: &mut Context<'_>| shared.called(&lanes, &called, cx);
            let placed = rig.puppet(number % SHARDS, tweak, script);
            assert_eq!(placed, id(number));
        }
        let lives = vec![Generation(0); usize::from(COMPONENTS)];
        let mut play =
            Play { rig, shared, ports: Vec::new(), next_source: COMPONENTS.into(), lives };
        play.ports = GATHERS.iter().map(|gathers| play.port(*gathers)).collect();
        (0..COMPONENTS).for_each(|number| play.start(number));
        play
    }

    fn port(&mut self, gathers: usize) -> (Source, Port) {
        self.next_source += 1;
        (self.next_source, self.rig.port(gathers))
    }

    fn throw(&self, below: u64) -> u64 {
        self.shared.books().throw(below)
    }

    fn start(&mut self, number: u8) {
        let life = &mut self.lives[usize::from(number)];
        *life = Generation(life.0 + 1);
        self.rig.set(id(number), State::Running, *life);
        self.rig.order_start(id(number), *life);
    }

    fn order(&self, number: u8, order: fn(ComponentId, Generation) -> Order) {
        let id = id(number);
        self.rig.order(order(id, self.lives[usize::from(number)]), id.shard());
    }

    /// A turn of a shard, and what the executive does about it; answers whether it did anything.
    fn step(&mut self, shard: u8) -> bool {
        let budget = 1 + self.throw(300) as usize;
        let mut out = Vec::new();
        let turn = self.rig.shards[usize::from(shard)].step(self.rig.clock, budget, &mut out);
        assert!(turn.handled <= budget);
        let lost = self.shared.books().lost.take();
        if let Some((shard, end)) = lost {
            drop(self.rig.replace_by(shard, end));
            self.start_all(shard);
            return true;
        }
        let mut has_news = false;
        for output in out {
            if let Output::Life(LifeEvent { id, change, .. }) = output
                && change.is_end()
            {
                self.start(index(id));
            }
            has_news = true;
        }
        turn.handled > 0 || has_news
    }

    fn start_all(&mut self, shard: u8) {
        (0..COMPONENTS).filter(|number| number % SHARDS == shard).for_each(|n| self.start(n));
    }

    /// Something happens.
    fn happen(&mut self) {
        let number = self.throw(u64::from(COMPONENTS)) as u8;
        let shard = number % SHARDS;
        let loses = self.shared.books().loses;
        match self.throw(20) {
            0..8 => self.send_some(),
            8 => self.ports.iter_mut().for_each(|(_, port)| port.flush()),
            9 => {
                let port = self.throw(GATHERS.len() as u64) as usize;
                self.ports[port] = self.port(GATHERS[port]);
            }
            10 => {
                let traced = self.throw(2) == 0;
                self.rig.shards[usize::from(shard)].set_trace(traced);
            }
            11 if loses => self.shared.books().armed = true,
            12 if loses => {
                drop(self.rig.replace(shard));
                self.start_all(shard);
            }
            11 => self.order(number, Order::Pause),
            12 => self.order(number, Order::Continue),
            13 => self.order(number, Order::Stop),
            _ => {
                self.step(shard);
            }
        }
    }

    fn is_clear(&self) -> bool {
        self.rig.board.views().all(|(_, view)| view.inbox == 0 && view.outbox == 0)
    }

    fn send_some(&mut self) {
        let nth = self.throw(GATHERS.len() as u64) as usize;
        let most = if self.throw(40) == 0 { 3_000 } else { 150 };
        for _ in 0..self.throw(most) {
            let to = self.throw(u64::from(COMPONENTS)) as u8;
            let (source, port) = &mut self.ports[nth];
            let message = self.shared.books().next(*source, to);
            match port.send(id(to), message) {
                Ok(()) => self.shared.books().note_sent(*source, to),
                Err(unsent) => discard(unsent),
            }
        }
    }

    /// Lets everything come to rest.
    fn come_to_rest(&mut self) {
        self.ports.clear();
        self.shared.books().armed = false;
        let (mut idle, now) = (0, self.rig.clock.now);
        (0..COMPONENTS).for_each(|number| self.order(number, Order::Continue));
        while let Some(busy) = self.rig.shards.iter_mut().position(|shard| shard.has_work(now)) {
            idle = if self.step(busy as u8) { 0 } else { idle + 1 };
            assert!(idle < 10, "a shard says that it has work, and does nothing");
        }
    }

    fn check(&mut self) {
        let mut books = self.shared.books();
        let sent: u32 = books.sent.values().sum();
        assert_eq!(std::mem::take(&mut books.problems), [""; 0]);
        assert_eq!(books.handled, sent, "each once");
        for ((source, to), many) in &books.sent {
            for number in 1..=*many {
                assert!(
                    books.handed.contains_key(&(*source, *to, number)),
                    "{source} {to} {number}"
                );
            }
        }
        assert!(self.is_clear() && !self.rig.board.is_pressed());
        assert!(self.rig.lanes.iter().all(|lane| lane.mail() == 0 && lane.is_empty()));
    }
}

#[test]
fn mail_is_handled_once_and_in_order_whatever_happens() {
    keep_quiet();
    for seed in 0..SEEDS {
        let play = || {
            let mut play = Play::new(seed, seed % 2 == 1);
            (0..ROUNDS).for_each(|_| play.happen());
            play.come_to_rest();
            play.check();
        };
        if let Err(caught) = guarded(play) {
            panic!("seed {seed}: {}", caught.exit);
        }
    }
}
