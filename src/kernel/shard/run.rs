//! Most mail is a plain message to a running component, and nobody is to be told or asked. Such
//! messages are handed over one after the other in one go, under one guard: what a panic hits is
//! what lies at the head of the queue. Whatever else comes up is seen to outside, and then the
//! run goes on.

use std::collections::VecDeque;

use contract::Fault;
use contract::context::{Call, Context, Identity};
use contract::effect::Effect;
use contract::id::{ComponentId, MessageId};
use contract::message::Message;

use super::commit::Numbers;
use super::queue::Queue;
use super::slot::{Life, Phase, Slot};
use super::{Clock, Shard};
use crate::board::Pulse;
use crate::intake::Batch;
use crate::lane::LaneEnd;
use crate::order::Output;
use crate::parcel::{MessageSlip, Parcel, WordSlip};
use crate::prefetch::prefetch;
use crate::unwind::{Caught, discard, guarded};

/// So many words are taken out of the lane at a time, and so many components stay in a
/// processor's cache by themselves.
const BATCH: usize = 64;
/// So far ahead of its turn a receiver's slot, and then its value, is asked from memory.
const FETCH_SLOT: usize = 16;
const FETCH_COMPONENT: usize = 8;

/// Where mail comes from that is worked off in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Components of this shard.
    Local,
    /// Everybody else.
    Lane,
}

/// Why a run has stopped.
enum Stop {
    /// There is no more, or it has been enough.
    Done,
    /// What comes next is no plain message to a running component.
    Other,
    /// The hook that was handed the first message of the queue has come back, and there is
    /// something to look at.
    Back(Result<(), Fault>),
}

impl Shard {
    /// Works off mail of one source, `most` parcels at most; answers how many, and whether the
    /// turn is to end with that.
    pub(super) fn work_off(
        &mut self,
        source: Source,
        most: usize,
        out: &mut Vec<Output>,
    ) -> (usize, bool) {
        let mut handed = 0;
        while handed < most && self.has_at_hand(source) {
            let told = out.len();
            let result = match self.is_plain() {
                true => guarded(|| self.run(source, most, &mut handed)),
                false => Ok(Stop::Other),
            };
            self.pulse.leave();
            match result {
                Ok(Stop::Done) => continue,
                Ok(Stop::Other) => {
                    if source == Source::Lane && !self.end.begin_steadily() {
                        return (handed, true);
                    }
                    let Some(parcel) = self.take_first(source) else { continue };
                    self.dispatch(parcel, out);
                }
                Ok(Stop::Back(result)) => self.has_come_back(source, Ok(result), out),
                Err(caught) => self.has_come_back(source, Err(caught), out),
            }
            handed += 1;
            if self.is_stuck() || out.len() > told && self.has_urgent(&out[told..]) {
                return (handed, true);
            }
        }
        (handed, false)
    }

    /// Whether a message to a running component goes straight to its hook, and nobody is to be
    /// told or asked: what most messages are.
    fn is_plain(&self) -> bool {
        self.plain && self.waiting.is_empty()
    }

    /// Hands messages over, for as long as nothing else comes up. `handed` counts them.
    ///
    /// Runs guarded as a whole: nothing in here panics but the code of components.
    fn run(&mut self, source: Source, most: usize, handed: &mut usize) -> Stop {
        loop {
            let stop = match source {
                Source::Local => self.run_local(most, handed),
                Source::Lane => self.run_words(most, handed),
            };
            match stop {
                Stop::Done if *handed < most && self.has_at_hand(source) => {}
                stop => return stop,
            }
        }
    }

    /// The same for the words that were taken out of the lane.
    fn run_words(&mut self, most: usize, handed: &mut usize) -> Stop {
        let is_large = self.is_large();
        let (mut hands, _, batch) = self.hands();
        if hands.end.has_orders() || batch.words().is_empty() {
            return Stop::Other;
        }
        let (words, done) = batch.parts();
        let last = words.len().min(*done + most - *handed);
        while *done < last {
            if is_large {
                let soon = |ahead| words.get(*done + ahead).map(|word: &WordSlip| word.to);
                hands.fetch_ahead(soon(FETCH_SLOT), soon(FETCH_COMPONENT));
            }
            let WordSlip { to, from, number, word } = words[*done];
            match hands.hand_over::<true>(to, MessageId { from, number }, &Message::Word(word)) {
                Handed::Plainly => {}
                Handed::Not => return Stop::Other,
                Handed::Back(result) => return Stop::Back(result),
            }
            *done += 1;
            *handed += 1;
        }
        Stop::Done
    }

    /// The same for what components of this shard have sent each other.
    fn run_local(&mut self, most: usize, handed: &mut usize) -> Stop {
        let is_large = self.is_large();
        let (mut hands, near, _) = self.hands();
        let Queue { parcels, done } = near;
        // As a rule it is so already.
        let parcels = parcels.make_contiguous();
        let last = parcels.len().min(*done + most - *handed);
        while *done < last {
            if is_large {
                let soon = |ahead| parcels.get(*done + ahead).map(Parcel::to);
                hands.fetch_ahead(soon(FETCH_SLOT), soon(FETCH_COMPONENT));
            }
            let Parcel::Message { to, from, number, message } = &mut parcels[*done] else {
                return Stop::Other;
            };
            let id = MessageId { from: *from, number: *number };
            match hands.hand_over::<false>(*to, id, message) {
                Handed::Plainly => {}
                Handed::Not => return Stop::Other,
                Handed::Back(result) => return Stop::Back(result),
            }
            *done += 1;
            *handed += 1;
            if let Message::Value(_) = message {
                discard(std::mem::replace(message, Message::Word(0)));
            }
        }
        Stop::Done
    }

    /// What it takes to hand messages over, and the two queues that they come from.
    fn hands(&mut self) -> (Hands<'_>, &mut Queue, &mut Batch) {
        let Shard { slots, effects, pulse, end, local, near, batch, numbers, .. } = self;
        let (shard, clock) = (self.number, self.clock);
        (Hands { slots, effects, pulse, end, local, numbers, shard, clock }, near, batch)
    }

    /// Carries out what the hook has asked for that was handed the first message of a queue, or
    /// what its failure means.
    fn has_come_back(
        &mut self,
        source: Source,
        result: Result<Result<(), Fault>, Box<Caught>>,
        out: &mut Vec<Output>,
    ) {
        let parcel = self.take_first(source);
        let Some(Parcel::Message { to, from, number: sent, message }) = parcel else {
            unreachable!("a run stops at the message that it was at, not at {parcel:?}");
        };
        let number = to.slot();
        let id = MessageId { from, number: sent };
        let slip = MessageSlip { id, message, expires: None, failed: 0, passed: true };
        let (_, generation) = self.slots[number as usize].living().expect("its hook was called");
        let result = self.come_to(number, generation, "message", true, result);
        self.conclude(number, slip, result, out);
    }

    /// Whether there is mail of that source at hand; fetches some if there is not.
    #[inline]
    pub(super) fn has_at_hand(&mut self, source: Source) -> bool {
        match source {
            Source::Local => {
                if self.near.is_empty() {
                    self.near.forget_done();
                    std::mem::swap(&mut self.near.parcels, &mut self.local);
                }
                !self.near.is_empty()
            }
            Source::Lane => !self.batch.is_empty() || self.fill_batch(),
        }
    }

    fn take_first(&mut self, source: Source) -> Option<Parcel> {
        match source {
            Source::Local => self.near.pop_front(),
            Source::Lane => self.batch.take_first(),
        }
    }

    /// Takes some words out of the lane, so that their receivers are on their way from memory
    /// together and not one after the other; or one parcel of another kind. Answers whether there
    /// were any.
    fn fill_batch(&mut self) -> bool {
        // Where a hook may be stalled or traced, every parcel is seen to by itself.
        let most = if self.plain { BATCH } else { 1 };
        self.end.take_mail(most, &mut self.batch);
        if self.is_large() {
            let words = self.batch.words();
            words.iter().take(FETCH_SLOT).for_each(|word| fetch_slot(&self.slots, word.to));
            let soon = words.iter().take(FETCH_COMPONENT);
            soon.for_each(|word| fetch_component(&self.slots, word.to));
        }
        !self.batch.is_empty()
    }

    /// Whether there are more components than stay in a processor's cache by themselves.
    fn is_large(&self) -> bool {
        self.slots.len() > BATCH
    }
}

/// What it takes to hand messages over.
struct Hands<'a> {
    slots: &'a mut [Slot],
    effects: &'a mut Vec<Effect>,
    pulse: &'a Pulse,
    end: &'a LaneEnd,
    local: &'a mut VecDeque<Parcel>,
    numbers: &'a mut Numbers,
    shard: u8,
    clock: Clock,
}

/// What has become of a message.
enum Handed {
    /// It was handled, and nothing else came of it than, at most, a message to a neighbour.
    Plainly,
    /// It is not to be handed over just like that.
    Not,
    /// The hook has come back, and there is something to look at.
    Back(Result<(), Fault>),
}

impl Hands<'_> {
    /// Hands a message to its hook, if its receiver runs and has no mail waiting.
    #[inline(always)]
    fn hand_over<const OUT_OF_LANE: bool>(
        &mut self,
        to: ComponentId,
        id: MessageId,
        message: &Message,
    ) -> Handed {
        let slot = match self.slots.get_mut(to.slot() as usize) {
            Some(slot) if to.shard() == self.shard && !slot.has_mail => slot,
            _ => return Handed::Not,
        };
        let Slot { life, block, .. } = slot;
        let life = match life {
            Some(life) if life.phase == Phase::Running => life,
            _ => return Handed::Not,
        };
        let Life { component, tickets, generation, .. } = life;
        let Clock { now, utc } = self.clock;
        let call = Call { now, utc, message: id, delivery: 1 };
        let generation = *generation;
        let entry = block.entry(to);
        let identity = Identity { name: entry, id: to, generation };
        let mut cx = Context::new(call, identity, tickets, self.effects, &entry.lease);
        self.pulse.enter(to.slot(), generation);
        if OUT_OF_LANE {
            self.end.begin();
        }
        let result = component.message(message, &mut cx);
        if result.is_err() || self.end.is_retired() || self.end.has_orders() {
            return Handed::Back(result);
        }
        match self.effects.as_slice() {
            [] => Handed::Plainly,
            // What most messages bring about, if anything; a typed one, which takes an allocation
            // besides, is seen to outside. Read where it is, not taken out: what was written just
            // now is slow to be read in other pieces than it was written in.
            [Effect::Send { to: next, message: Message::Word(word) }]
                if next.shard() == self.shard && !block.cell(to).is_over(generation) =>
            {
                let (next, message) = (*next, Message::Word(*word));
                let number = self.numbers.next(self.end);
                self.local.push_back(Parcel::Message { to: next, from: to, number, message });
                // There is nothing in it to be dropped.
                std::mem::forget(self.effects.pop());
                Handed::Plainly
            }
            _ => Handed::Back(result),
        }
    }

    /// Has what is needed soon fetched from memory.
    #[inline(always)]
    fn fetch_ahead(&self, soon: Option<ComponentId>, sooner: Option<ComponentId>) {
        if let Some(soon) = soon {
            fetch_slot(self.slots, soon);
        }
        if let Some(sooner) = sooner {
            fetch_component(self.slots, sooner);
        }
    }
}

#[inline]
fn fetch_slot(slots: &[Slot], to: ComponentId) {
    if let Some(slot) = slots.get(to.slot() as usize) {
        prefetch(slot);
    }
}

#[inline]
fn fetch_component(slots: &[Slot], to: ComponentId) {
    let slot = slots.get(to.slot() as usize);
    if let Some(life) = slot.and_then(|slot| slot.life.as_ref()) {
        prefetch(&*life.component);
    }
}
