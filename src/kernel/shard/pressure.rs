//! Back-pressure: a message for a full inbox waits with its sender, and those behind it too.
//! Nothing is dropped, and what one component sends another stays in order.
//!
//! A receiver of the same shard is looked at when the message is dispatched, for a burst of one
//! hook must not overshoot; one of another shard when the message is sent. What is on its way
//! from another shard when the inbox becomes full is accepted beyond the cap. What is on its way
//! in this shard counts nowhere until it is dispatched, which is before the shard rests.
//!
//! What waits in a component's outbox counts towards its own cap: its senders feel the pressure
//! as well. What it sends itself never waits, since it would wait for itself. Two or more
//! components of different shards that each hold back a full inbox's worth of messages for the
//! next one in a circle wait for each other; in one shard such a knot is undone.

use std::collections::VecDeque;

use contract::id::ComponentId;

use super::Shard;
use crate::lane::Way;
use crate::order::{Order, Output};
use crate::parcel::Parcel;

/// Messages that wait with their sender, by receiver.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Never empty ones.
    lines: Vec<Line>,
    /// Messages in all of them.
    depth: usize,
}

#[derive(Debug)]
struct Line {
    to: ComponentId,
    parcels: VecDeque<Parcel>,
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Outbox { lines: Vec::new(), depth: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether messages for that receiver wait here.
    fn has(&self, to: ComponentId) -> bool {
        self.lines.iter().any(|line| line.to == to)
    }

    /// Adds a message; answers whether it is the first for its receiver.
    fn push(&mut self, parcel: Parcel) -> bool {
        self.depth += 1;
        let to = parcel.to();
        match self.lines.iter_mut().find(|line| line.to == to) {
            Some(line) => line.parcels.push_back(parcel),
            None => self.lines.push(Line { to, parcels: VecDeque::from([parcel]) }),
        }
        self.lines.last().is_some_and(|line| line.to == to && line.parcels.len() == 1)
    }

    /// Takes the first message for that receiver.
    fn take_first(&mut self, to: ComponentId) -> Option<Parcel> {
        let index = self.lines.iter().position(|line| line.to == to)?;
        let parcel = self.lines[index].parcels.pop_front()?;
        self.depth -= 1;
        if self.lines[index].parcels.is_empty() {
            self.lines.remove(index);
        }
        Some(parcel)
    }

    pub(super) fn into_parcels(self) -> impl Iterator<Item = Parcel> {
        self.lines.into_iter().flat_map(|line| line.parcels)
    }
}

impl Shard {
    /// Whether a message of a component of this shard has to wait with its sender, whose slot
    /// is answered then. Asked only if anything is full or waits.
    pub(super) fn waits_with(&self, parcel: &Parcel, full: bool) -> Option<u32> {
        let from = parcel.message_id()?.from;
        let to = parcel.to();
        if from == to || from.shard() != self.number {
            return None;
        }
        let sender = self.slots.get(from.slot() as usize)?;
        (full || sender.rest.outbox.has(to)).then_some(from.slot())
    }

    /// Sends a message of the component in that slot to another shard, or has it wait.
    pub(super) fn send_away(&mut self, sender: u32, parcel: Parcel, out: &mut Vec<Output>) {
        let to = parcel.to();
        let outbox = &self.slots[sender as usize].rest.outbox;
        let waits = !outbox.is_empty() && outbox.has(to);
        if waits || self.board.is_pressed() && self.board.view(to).is_some_and(|v| v.is_full()) {
            return self.press(sender, parcel, out);
        }
        self.way(to.shard()).send(parcel);
    }

    /// The way to another shard.
    fn way(&mut self, to: u8) -> &mut Way {
        let index = usize::from(to);
        if self.ways.len() <= index {
            self.ways.resize_with(index + 1, || None);
        }
        self.ways[index].get_or_insert_with(|| self.lanes[index].way_from(self.number))
    }

    /// A message waits with its sender.
    pub(super) fn press(&mut self, sender: u32, parcel: Parcel, out: &mut Vec<Output>) {
        let to = parcel.to();
        self.tell_held_back(&parcel, true, out);
        let outbox = &mut self.slots[sender as usize].rest.outbox;
        if outbox.is_empty() {
            self.waiting.push_back(sender);
        }
        self.looked_for_knots = false;
        if outbox.push(parcel) {
            out.push(Output::Pressed { from: ComponentId::new(self.number, sender), to });
            self.ask(to);
        }
        self.note_depth(sender);
    }

    /// One for this very shard is lost with it, and delivered with it anew.
    fn tell_held_back(&self, parcel: &Parcel, waits: bool, out: &mut Vec<Output>) {
        let to = parcel.to();
        if let Some(message_id) = parcel.message_id()
            && self.keeping
            && to.shard() != self.number
        {
            out.push(Output::HeldBack { to, message_id, waits });
        }
    }

    /// Asks another shard to say when there is room.
    fn ask(&mut self, to: ComponentId) {
        if to.shard() != self.number {
            let shard = self.number;
            self.way(to.shard()).send(Parcel::Ask { to, shard });
        }
    }

    /// Another shard has messages for that slot and wants to know when there is room.
    pub(super) fn asked(&mut self, number: u32, shard: u8) {
        if !self.slots[number as usize].full {
            self.wake_shard(shard);
        } else if !self.askers.contains(&(number, shard)) {
            self.askers.push((number, shard));
        }
    }

    pub(super) fn wake_shard(&self, shard: u8) {
        if let Some(lane) = self.lanes.get(usize::from(shard)) {
            lane.order(Order::Wake);
        }
    }

    /// Takes down how much waits in a slot; whoever waits for room there hears of it.
    ///
    /// The cells are not a lost carrier's any more: what waits with it comes to its successor.
    pub(super) fn note_depth(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        slot.has_mail = !slot.rest.inbox.is_empty();
        if self.end.is_retired() {
            return;
        }
        let (inbox, outbox) = (slot.rest.inbox.len(), slot.rest.outbox.depth());
        slot.cell().set_depth(inbox, outbox);
        let full = inbox + outbox >= slot.inbox_max();
        if full == slot.full {
            return;
        }
        slot.full = full;
        self.board.set_full(slot.cell(), full);
        if !full {
            self.relieved = true;
            self.answer_askers(number);
        }
    }

    fn answer_askers(&mut self, number: u32) {
        let mut askers = std::mem::take(&mut self.askers);
        askers.retain(|(slot, shard)| {
            if *slot == number {
                self.wake_shard(*shard);
            }
            *slot != number
        });
        self.askers = askers;
    }

    /// Moves what waits with its sender and has room now. Every sender has its turn.
    pub(super) fn relieve(&mut self, out: &mut Vec<Output>) {
        (self.relieved, self.looked_for_knots) = (false, false);
        for _ in 0..self.waiting.len() {
            let Some(sender) = self.waiting.pop_front() else { break };
            let mut outbox = std::mem::take(&mut self.slots[sender as usize].rest.outbox);
            outbox.lines.retain_mut(|line| {
                outbox.depth -= self.move_line(line, out);
                !line.parcels.is_empty()
            });
            if !outbox.is_empty() {
                self.waiting.push_back(sender);
            }
            self.slots[sender as usize].rest.outbox = outbox;
            self.note_depth(sender);
        }
    }

    /// Moves as much of one line as there is room for; answers how much that was.
    fn move_line(&mut self, line: &mut Line, out: &mut Vec<Output>) -> usize {
        let before = line.parcels.len();
        if line.to.shard() == self.number {
            while !self.slots[line.to.slot() as usize].full {
                let Some(parcel) = line.parcels.pop_front() else { break };
                self.retain(line.to.slot(), parcel, out);
            }
            self.make_ready(line.to.slot());
        } else {
            let room = self.board.view(line.to).map_or(usize::MAX, |view| view.room());
            for parcel in line.parcels.drain(..room.min(before)) {
                self.tell_held_back(&parcel, false, out);
                self.way(line.to.shard()).send(parcel);
            }
            if !line.parcels.is_empty() {
                self.ask(line.to);
            }
        }
        before - line.parcels.len()
    }

    /// Nothing else is to be done, and something waits: if it waits in a circle, each component
    /// for the next one's outbox, one message goes on in spite of the cap. Looked for again
    /// only when what waits has changed.
    pub(super) fn untie(&mut self, out: &mut Vec<Output>) {
        if std::mem::replace(&mut self.looked_for_knots, true) {
            return;
        }
        for start in self.waiting.clone() {
            if let Some(line) = self.knotted(start) {
                let outbox = &mut self.slots[start as usize].rest.outbox;
                let Some(parcel) = outbox.take_first(line) else { continue };
                if outbox.is_empty() {
                    self.waiting.retain(|waiting| *waiting != start);
                }
                let to = parcel.to().slot();
                self.retain(to, parcel, out);
                self.make_ready(to);
                self.note_depth(start);
                self.looked_for_knots = false;
                return;
            }
        }
    }

    /// The receiver of a message of `start` that waits for messages of `start`'s own.
    fn knotted(&self, start: u32) -> Option<ComponentId> {
        let lines = &self.slots[start as usize].rest.outbox.lines;
        let is_knot = |line: &&Line| {
            let (mut seen, mut next) = (Vec::new(), vec![line.to]);
            while let Some(id) = next.pop() {
                if self.is_held_up(id) && !seen.contains(&id) {
                    seen.push(id);
                    let slot = &self.slots[id.slot() as usize];
                    next.extend(slot.rest.outbox.lines.iter().map(|line| line.to));
                }
            }
            seen.iter().any(|id| id.slot() == start)
        };
        lines.iter().find(is_knot).map(|line| line.to)
    }

    /// Whether a component of this shard would have room, but for what it has sent itself.
    fn is_held_up(&self, id: ComponentId) -> bool {
        let slot = self.slots.get(id.slot() as usize);
        id.shard() == self.number
            && slot.is_some_and(|slot| slot.full && slot.rest.inbox.len() < slot.inbox_max())
    }
}
