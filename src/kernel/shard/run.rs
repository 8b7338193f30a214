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
use super::slot::{Phase, Slot};
use crate::lane::Mail;
use crate::order::{Ending, Output};
use crate::parcel::{MessageSlip, Parcel};
use crate::prefetch::prefetch;
use crate::unwind::{Caught, discard, guarded};

/// So many parcels are taken out of the lane at a time: as many as a processor fetches side by
/// side from memory, and some.
const BATCH: usize = 32;
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
                Ok(Stop::Done) => {}
                Ok(Stop::Other) => {
                    let Some(parcel) = self.take_first(source) else { continue };
                    self.dispatch(parcel, out);
                    handed += 1;
                }
                Ok(Stop::Back(result)) => {
                    self.has_come_back(source, Ok(result), out);
                    handed += 1;
                }
                Err(caught) => {
                    self.has_come_back(source, Err(caught), out);
                    handed += 1;
                }
            }
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
    /// Runs guarded as a whole: nothing here may panic but the code of components.
    #[inline]
    fn run(&mut self, source: Source, most: usize, handed: &mut usize) -> Stop {
        let is_large = self.is_large();
        let Shard { slots, effects, pulse, end, local, near, batch, numbers, .. } = self;
        let (shard, clock) = (self.number, self.clock);
        let queue = match source {
            Source::Local => near,
            Source::Lane => batch,
        };
        while *handed < most {
            if is_large {
                fetch_ahead(slots, queue.get(FETCH_SLOT), queue.get(FETCH_COMPONENT));
            }
            let (to, from, number, message) = match queue.front() {
                Some(Parcel::Message { to, from, number, message }) => {
                    (*to, *from, *number, message)
                }
                Some(_) => return Stop::Other,
                None => return Stop::Done,
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
            let message_id = MessageId { from, number };
            let call = Call { now: clock.now, utc: clock.utc, message: message_id, delivery: 1 };
            let generation = life.generation;
            let identity = Identity { name: &rest.registration.name, id: to, generation };
            let mut cx = Context::new(call, identity, &mut life.tickets, effects, &cell.lease);
            pulse.enter(to.slot(), generation);
            let result = life.component.message(message, &mut cx);
            if result.is_err() || end.is_retired() || end.has_orders() {
                return Stop::Back(result);
            }
            match effects.as_slice() {
                [] => {}
                // What most messages bring about, if anything.
                [Effect::Send { to: next, .. }] if next.shard() == shard => {
                    if let Some(Effect::Send { to: next, message }) = effects.pop() {
                        let number = numbers.next(end);
                        local.push_back(Parcel::Message { to: next, from: to, number, message });
                    }
                }
                _ => return Stop::Back(result),
            }
            *handed += 1;
            if let Some(Parcel::Message { message: Message::Value(payload), .. }) =
                queue.pop_front()
            {
                discard(payload);
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
        let parcel = self.take_first(source);
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
    fn has_at_hand(&mut self, source: Source) -> bool {
        match source {
            Source::Local => {
                if self.near.is_empty() {
                    std::mem::swap(&mut self.near, &mut self.local);
                }
                !self.near.is_empty()
            }
            Source::Lane => {
                if !self.batch.is_empty() {
                    return true;
                }
                let has_mail = self.fill_batch();
                if has_mail && self.end.is_retired() {
                    // It was the successor's already.
                    let batch = std::mem::take(&mut self.batch);
                    batch.into_iter().for_each(|parcel| self.hand_back(parcel));
                    return false;
                }
                has_mail
            }
        }
    }

    fn take_first(&mut self, source: Source) -> Option<Parcel> {
        match source {
            Source::Local => self.near.pop_front(),
            Source::Lane => self.batch.pop_front(),
        }
    }

    /// Takes some parcels out of the lane, so that their receivers are on their way from memory
    /// together and not one after the other. Answers whether there were any.
    pub(super) fn fill_batch(&mut self) -> bool {
        // What is taken out is lost for a while with a lost thread: one at a time where there is
        // nothing to be gained.
        let most = if self.is_large() { BATCH } else { 1 };
        while self.batch.len() < most
            && let Some(mail) = self.end.take_mail()
        {
            match mail {
                Mail::One(parcel) => self.batch.push_back(parcel),
                Mail::Many(parcels) => self.batch.extend(parcels),
            }
        }
        if self.is_large() {
            self.batch.iter().take(FETCH_SLOT).for_each(|parcel| fetch_slot(&self.slots, parcel));
            let soon = self.batch.iter().take(FETCH_COMPONENT);
            soon.for_each(|parcel| fetch_component(&self.slots, parcel));
        }
        !self.batch.is_empty()
    }

    /// Whether there are more components than stay in a processor's cache by themselves.
    fn is_large(&self) -> bool {
        self.slots.len() > BATCH
    }
}

/// Has what is needed soon fetched from memory.
#[inline]
fn fetch_ahead(slots: &[Slot], soon: Option<&Parcel>, sooner: Option<&Parcel>) {
    if let Some(soon) = soon {
        fetch_slot(slots, soon);
    }
    if let Some(sooner) = sooner {
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
