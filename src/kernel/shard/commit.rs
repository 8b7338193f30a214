//! Carrying out what a hook asked for.

use std::time::Duration;

use contract::effect::{Effect, Expiring, LogText, WordSlip};
use contract::id::{ComponentId, MessageId};
use contract::lifecycle::Exit;
use contract::message::Message;

use super::Shard;
use crate::lane::{LaneEnd, NUMBER_BLOCK};
use crate::order::{LifeChange, Output};
use crate::parcel::{MessageSlip, Parcel};
use crate::unwind::{discard, guarded};

impl Shard {
    /// Carries out what the hook asked for, in order. Answers whether it asked for its end,
    /// which comes last and is the caller's.
    pub(super) fn commit(&mut self, number: u32, out: &mut Vec<Output>) -> bool {
        if !self.local.has_asked() {
            return false;
        }
        self.send_words(out);
        let mut others = self.local.take_others();
        let mut exits = false;
        for effect in others.drain(..) {
            match effect {
                Effect::Exit => exits = true,
                Effect::Done => self.finish(number, out),
                effect => self.carry_out(number, effect, out),
            }
        }
        self.local.reuse(others);
        exits
    }

    pub(super) fn commit_and_end(&mut self, number: u32, out: &mut Vec<Output>) {
        if self.commit(number, out) {
            self.end_plainly(number, Exit::Normal, out);
        }
    }

    /// Of what a failed hook asked for only the log lines remain.
    pub(super) fn keep_logs_only(&mut self, number: u32, out: &mut Vec<Output>) {
        self.local.keep_logs_only();
        self.commit(number, out);
    }

    /// Sends the words that the hook has sent before it asked for anything else.
    fn send_words(&mut self, out: &mut Vec<Output>) {
        let Some(mut words) = self.local.take_words() else { return };
        for WordSlip { to, from, word, .. } in words.drain(..) {
            self.send(from, to, Message::Word(word), None, out);
        }
        self.local.reuse_words(words);
    }

    fn carry_out(&mut self, number: u32, effect: Effect, out: &mut Vec<Output>) {
        let slot = &mut self.slots[number as usize];
        // A stop hook that said Done and then went on: its life is over, and so is its say.
        let Some((id, generation)) = slot.living() else { return discard(effect) };
        let utc = self.clock.utc;
        match effect {
            Effect::Send { to, message } => self.send(id, to, message, None, out),
            Effect::SendWithin(expiring) => {
                let Expiring { to, message, within } = *expiring;
                self.send(id, to, message, Some(within), out);
            }
            Effect::SendByName { to, message } => match self.board.find(to) {
                Some(to) => self.send(id, to, message, None, out),
                None => {
                    let text = format!("{to} is not on this server; {} is lost", message.name());
                    self.warn(id, text, out);
                    discard(message);
                }
            },
            Effect::After { delay, key } => self.set_timer(number, delay, key),
            Effect::Cancel { key } => {
                let forgotten = slot.forget_timer(key);
                self.timers.call_off(usize::from(forgotten));
            }
            Effect::Request { ticket, request } => {
                out.push(Output::Request { id, generation, ticket, request });
            }
            Effect::Report(message) => out.push(Output::Report { id, utc, message }),
            Effect::Log(text) => out.push(Output::Log { id, utc, text }),
            Effect::Remember { name, value } => out.push(Output::Remember { id, name, value }),
            Effect::Checkpoint { hint } => self.tell(number, LifeChange::Checkpoint(hint), out),
            Effect::Done | Effect::Exit => unreachable!("commit keeps these for itself"),
        }
    }

    fn set_timer(&mut self, number: u32, delay: Duration, key: &'static str) {
        let slot = &mut self.slots[number as usize];
        if slot.life.is_none() {
            return;
        }
        let at = (self.base + delay).max(self.clock.now);
        let serial = self.timers.set(at, number);
        match slot.rest.timers.iter_mut().find(|(other, _)| *other == key) {
            Some(timer) => {
                timer.1 = serial;
                self.timers.call_off(1);
            }
            None => slot.rest.timers.push((key, serial)),
        }
        if self.timers.is_untidy() {
            let slots = &self.slots;
            self.timers.tidy(|timer| super::counts(slots, timer));
        }
    }

    fn warn(&self, id: ComponentId, text: String, out: &mut Vec<Output>) {
        let text = Box::new(LogText { severity: contract::Severity::Warning, text });
        out.push(Output::Log { id, utc: self.clock.utc, text });
    }

    fn send(
        &mut self,
        from: ComponentId,
        to: ComponentId,
        message: Message,
        within: Option<Duration>,
        out: &mut Vec<Output>,
    ) {
        if usize::from(to.shard()) >= self.lanes.len() {
            // To nobody, such as the sender of a message from outside: there is no one to tell.
            return discard(message);
        }
        let number = self.numbers.next(&self.end);
        let id = MessageId { from, number };
        if self.keeping {
            self.tell_accepted(to, id, &message, within, out);
        }
        let parcel = match within {
            None => Parcel::Message { to, from, number, message },
            Some(within) => {
                let expires = Some(self.clock.now + within);
                let slip = MessageSlip { id, message, expires, failed: 0, passed: false };
                Parcel::Slip { to, slip: Box::new(slip) }
            }
        };
        if to.shard() == self.number {
            self.local.push(parcel);
        } else {
            self.send_away(from.slot(), parcel, out);
        }
    }

    fn tell_accepted(
        &self,
        to: ComponentId,
        message_id: MessageId,
        message: &Message,
        within: Option<Duration>,
        out: &mut Vec<Output>,
    ) {
        let expires = within.map(|within| self.clock.utc + within);
        // A copy is made by component code.
        match guarded(|| message.clone()) {
            Ok(message) => out.push(Output::Accepted { to, message_id, message, expires }),
            Err(caught) => {
                let name = message.name();
                let text = format!("{name} {message_id} is not kept on disk: {}", caught.exit);
                self.warn(message_id.from, text, out);
            }
        }
    }
}

/// The numbers of the messages that are sent from here, one block after the other.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u32,
    /// How many of the block may be given out.
    left: u32,
}

impl Numbers {
    /// The number of the next message that a component of this shard sends.
    #[inline]
    pub(super) fn next(&mut self, end: &LaneEnd) -> u32 {
        if self.left == 0 {
            (self.next, self.left) = (end.take_numbers(), NUMBER_BLOCK);
        }
        self.left -= 1;
        let number = self.next;
        self.next = number.wrapping_add(1);
        number
    }
}
