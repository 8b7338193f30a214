//! Most mail is a plain message to a running component, and nobody is to be told or asked. Such
//! messages are handed over one after the other in one go, under one guard: what a panic hits is
//! what lies at the head of the queue. Whatever else comes up is seen to outside, and then the
//! run goes on.

use contract::Fault;
use contract::context::{Call, Context, Identity};
use contract::effect::Effect;
use contract::id::MessageId;
use contract::lifecycle::Exit;
use contract::message::Message;

use super::Shard;
use super::call::{crash, failure};
use super::queue::Queue;
use super::slot::{Phase, Slot};
use crate::order::{Ending, Output};
use crate::parcel::{MessageSlip, Parcel};
use crate::prefetch::prefetch;
use crate::unwind::{Caught, discard, guarded};

/// So many parcels are taken out of the lane at a time: as many as a processor fetches side by
/// side from memory, and some.
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
                    let Some(parcel) = self.queue(source).pop_front() else { continue };
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
            match self.run_through(source, most, handed) {
                Stop::Done if *handed < most && self.has_at_hand(source) => {}
                stop => return stop,
            }
        }
    }

    /// The same, with what lies side by side in the queue.
    #[inline(always)]
    fn run_through(&mut self, source: Source, most: usize, handed: &mut usize) -> Stop {
        let is_large = self.is_large();
        let Shard { slots, effects, pulse, end, local, near, batch, numbers, .. } = self;
        if end.has_orders() {
            return Stop::Other;
        }
        let (shard, clock) = (self.number, self.clock);
        let Queue { parcels, done } = match source {
            Source::Local => near,
            Source::Lane => batch,
        };
        let (parcels, _) = parcels.as_mut_slices();
        let last = parcels.len().min(*done + most - *handed);
        while *done < last {
            if is_large {
                fetch_ahead(slots, &parcels[*done..]);
            }
            let Parcel::Message { to, from, number, message } = &mut parcels[*done] else {
                return Stop::Other;
            };
            let slot = match slots.get_mut(to.slot() as usize) {
                Some(slot) if to.shard() == shard && !slot.has_mail => slot,
                _ => return Stop::Other,
            };
            let Slot { life, cell, rest, .. } = slot;
            let life = match life {
                Some(life) if life.phase == Phase::Running => life,
                _ => return Stop::Other,
            };
            let message_id = MessageId { from: *from, number: *number };
            let call = Call { now: clock.now, utc: clock.utc, message: message_id, delivery: 1 };
            let generation = life.generation;
            let identity = Identity { name: &rest.registration.name, id: *to, generation };
            let mut cx = Context::new(call, identity, &mut life.tickets, effects, &cell.lease);
            pulse.enter(to.slot(), generation);
            if source == Source::Lane {
                end.begin();
            }
            let result = life.component.message(message, &mut cx);
            if result.is_err() || end.is_retired() || end.has_orders() {
                return Stop::Back(result);
            }
            match effects.as_slice() {
                [] => {}
                // What most messages bring about, if anything.
                [Effect::Send { to: next, .. }] if next.shard() == shard => {
                    if let Some(Effect::Send { to: next, message }) = effects.pop() {
                        let (from, number) = (*to, numbers.next(end));
                        local.push_back(Parcel::Message { to: next, from, number, message });
                    }
                }
                _ => return Stop::Back(result),
            }
            *done += 1;
            *handed += 1;
            if let Message::Value(_) = message {
                discard(std::mem::replace(message, Message::Word(0)));
            }
        }
        Stop::Done
    }

    /// Carries out what the hook has asked for that was handed the first message of a queue, or
    /// what its failure means.
    fn has_come_back(
        &mut self,
        source: Source,
        result: Result<Result<(), Fault>, Box<Caught>>,
        out: &mut Vec<Output>,
    ) {
        let parcel = self.queue(source).pop_front();
        let Some(Parcel::Message { to, from, number: sent, message }) = parcel else {
            unreachable!("a run stops at the message that it was at, not at {parcel:?}");
        };
        let number = to.slot();
        let id = MessageId { from, number: sent };
        let slip = MessageSlip { id, message, expires: None, failed: 0, passed: true };
        let living = self.slots[number as usize].living();
        let is_given_up =
            living.is_some_and(|(_, generation)| self.is_given_up(number, generation, true));
        if self.end.is_retired() || is_given_up {
            return self.came_too_late(number, Some(slip), out);
        }
        match result {
            Ok(Ok(())) => {
                let exits = self.commit(number, out);
                if let Message::Value(payload) = slip.message {
                    discard(payload);
                }
                if exits {
                    self.end(number, Ending::plain(Exit::Normal), out);
                }
            }
            Ok(Err(fault)) => self.message_failed(number, slip, failure("message", fault), out),
            Err(caught) => self.message_failed(number, slip, crash("message", *caught), out),
        }
    }

    /// Whether there is mail of that source at hand; fetches some if there is not.
    #[inline]
    pub(super) fn has_at_hand(&mut self, source: Source) -> bool {
        if !self.queue(source).is_empty() {
            return true;
        }
        match source {
            Source::Local => {
                self.near.forget_done();
                std::mem::swap(&mut self.near.parcels, &mut self.local);
                !self.near.is_empty()
            }
            Source::Lane => self.fill_batch(),
        }
    }

    fn queue(&mut self, source: Source) -> &mut Queue {
        match source {
            Source::Local => &mut self.near,
            Source::Lane => &mut self.batch,
        }
    }

    /// Takes some parcels out of the lane, so that their receivers are on their way from memory
    /// together and not one after the other. Answers whether there were any.
    fn fill_batch(&mut self) -> bool {
        // Where a hook may be stalled or traced, every parcel is seen to by itself.
        let most = if self.plain { BATCH } else { 1 };
        self.batch.forget_done();
        let parcels = &mut self.batch.parcels;
        self.end.take_mail(most, parcels);
        if self.slots.len() > BATCH {
            parcels.iter().take(FETCH_SLOT).for_each(|parcel| fetch_slot(&self.slots, parcel));
            let soon = parcels.iter().take(FETCH_COMPONENT);
            soon.for_each(|parcel| fetch_component(&self.slots, parcel));
        }
        !self.batch.is_empty()
    }

    /// Whether there are more components than stay in a processor's cache by themselves.
    fn is_large(&self) -> bool {
        self.slots.len() > BATCH
    }
}

/// Has what is needed soon for the parcels behind the first one fetched from memory.
#[inline]
fn fetch_ahead(slots: &[Slot], parcels: &[Parcel]) {
    if let Some(soon) = parcels.get(FETCH_SLOT) {
        fetch_slot(slots, soon);
    }
    if let Some(sooner) = parcels.get(FETCH_COMPONENT) {
        fetch_component(slots, sooner);
    }
}

#[inline]
fn fetch_slot(slots: &[Slot], parcel: &Parcel) {
    if let Some(slot) = slots.get(parcel.to().slot() as usize) {
        prefetch(slot);
    }
}

#[inline]
fn fetch_component(slots: &[Slot], parcel: &Parcel) {
    let slot = slots.get(parcel.to().slot() as usize);
    if let Some(life) = slot.and_then(|slot| slot.life.as_ref()) {
        prefetch(&*life.component);
    }
}
