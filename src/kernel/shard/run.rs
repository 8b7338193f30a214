//! Most mail is a plain message to a running component, and nobody is to be told or asked. Such
//! messages are handed over one after the other in one go, under one guard: what a panic hits is
//! what lies at the head of the queue. Whatever else comes up is seen to outside, and then the
//! run goes on.

use std::collections::VecDeque;

use contract::Fault;
use contract::context::{Context, Delivery, Identity};
use contract::effect::WordSlip;
use contract::id::{ComponentId, MessageId};
use contract::message::Message;

use super::commit::Numbers;
use super::queue::{Local, Near, is_other};
use super::slot::{Life, Phase, Slot};
use super::{Clock, Shard};
use crate::board::{Board, Pulse};
use crate::intake::Batch;
use crate::lane::{LaneEnd, Way};
use crate::order::{Ending, Output};
use crate::parcel::{MessageSlip, Parcel};
use crate::prefetch::prefetch;
use crate::unwind::{discard, guarded};

/// So many components stay in a processor's nearer caches by themselves.
const NEAR_MAX: usize = 2_048;
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
        // What was handed over is dropped, which may take so long that the carrier is given up.
        while handed < most && !self.end.is_retired() && self.has_at_hand(source) {
            let (told, done) = (out.len(), self.done(source));
            let result = match self.is_plain() {
                true => guarded(|| self.run(source, most - handed)),
                false => Ok(Stop::Other),
            };
            self.pulse.leave();
            handed += self.done(source) - done;
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

    /// Hands over what is at hand, `most` messages at most, for as long as nothing else comes up.
    ///
    /// Runs guarded as a whole: nothing in here panics but the code of components. How far it has
    /// come is noted before each hook.
    fn run(&mut self, source: Source, most: usize) -> Stop {
        match source {
            Source::Local => self.run_local(most),
            Source::Lane => self.run_words(most),
        }
    }

    /// The same for the words that were taken out of the lane.
    fn run_words(&mut self, most: usize) -> Stop {
        let is_large = self.is_large();
        let (mut hands, _, batch) = self.hands();
        let (words, done) = batch.parts();
        let first = *done;
        if hands.end.has_orders() || words.len() == first {
            return Stop::Other;
        }
        let last = words.len().min(first + most);
        let mut begun = hands.end.begun();
        for at in first..last {
            *done = at;
            if is_large {
                hands.fetch_ahead(words, at);
            }
            begun += 1;
            match hands.hand_over_word(&words[at], Some(begun)) {
                Handed::Plainly => {}
                Handed::Not => return Stop::Other,
                Handed::Back(result) => return Stop::Back(result),
            }
        }
        *done = last;
        Stop::Done
    }

    /// The same for what components of this shard have sent each other.
    fn run_local(&mut self, most: usize) -> Stop {
        let first = self.near.done();
        loop {
            let handed = self.near.done() - first;
            let stop = self.run_near(most - handed);
            if !matches!(stop, Stop::Done) || !self.near.is_empty() || self.end.has_orders() {
                return stop;
            }
            // What they have brought about.
            self.near.take_from(&mut self.local);
            if self.near.is_empty() {
                return stop;
            }
        }
    }

    /// The same for those that lie in one list.
    fn run_near(&mut self, most: usize) -> Stop {
        let is_large = self.is_large();
        let (mut hands, near, _) = self.hands();
        let (words, others, done) = near.parts();
        let first = *done;
        let last = words.len().min(first + most);
        for at in first..last {
            *done = at;
            if is_large {
                hands.fetch_ahead(words, at);
            }
            let word = &words[at];
            let handed = match is_other(word) {
                false => hands.hand_over_word(word, None),
                true => hands.hand_over_other(others),
            };
            match handed {
                // Its value has been dropped since orders were looked for.
                Handed::Plainly if is_other(word) && hands.end.has_orders() => {
                    *done = at + 1;
                    return Stop::Done;
                }
                Handed::Plainly => {}
                Handed::Not => return Stop::Other,
                Handed::Back(result) => return Stop::Back(result),
            }
        }
        *done = last;
        Stop::Done
    }

    /// How much of what is at hand has been handed over.
    fn done(&self, source: Source) -> usize {
        match source {
            Source::Local => self.near.done(),
            Source::Lane => self.batch.begun(),
        }
    }

    /// What it takes to hand messages over, and the two queues that they come from.
    fn hands(&mut self) -> (Hands<'_>, &mut Near, &mut Batch) {
        let Shard { slots, pulse, end, local, near, batch, numbers, ways, board, clock, .. } = self;
        let shard = self.number;
        (Hands { slots, pulse, end, local, numbers, ways, board, clock, shard }, near, batch)
    }

    /// Carries out what the hook has asked for that was handed the first message of a queue, or
    /// what its failure means.
    fn has_come_back(
        &mut self,
        source: Source,
        result: Result<Result<(), Fault>, Box<Ending>>,
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
                self.near.take_from(&mut self.local);
                !self.near.is_empty()
            }
            Source::Lane => !self.batch.is_empty() || !self.is_lane_dry && self.fill_batch(),
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
        let most = if self.plain { usize::MAX } else { 1 };
        self.end.take_mail(most, &mut self.batch);
        if self.is_large() {
            let words = self.batch.words();
            words.iter().take(FETCH_SLOT).for_each(|word| fetch_slot(&self.slots, word.to));
            let soon = words.iter().take(FETCH_COMPONENT);
            soon.for_each(|word| fetch_component(&self.slots, word.to));
        }
        self.is_lane_dry = self.batch.is_empty();
        !self.is_lane_dry
    }

    /// Whether there are more components than stay in a processor's cache by themselves.
    fn is_large(&self) -> bool {
        self.slots.len() > NEAR_MAX
    }
}

/// What it takes to hand messages over.
struct Hands<'a> {
    slots: &'a mut [Slot],
    pulse: &'a Pulse,
    end: &'a LaneEnd,
    local: &'a mut Local,
    numbers: &'a mut Numbers,
    ways: &'a mut [Option<Way>],
    board: &'a Board,
    clock: &'a Clock,
    shard: u8,
}

/// What has become of a message.
enum Handed {
    /// It was handled, and nothing else came of it than, at most, messages that are on their way.
    Plainly,
    /// It is not to be handed over just like that.
    Not,
    /// The hook has come back, and there is something to look at.
    Back(Result<(), Fault>),
}

impl Hands<'_> {
    /// Hands a word to its hook. One that came out of the lane is the one that makes `begun` of
    /// those that carriers have begun with.
    #[inline(always)]
    fn hand_over_word(&mut self, word: &WordSlip, begun: Option<u64>) -> Handed {
        let WordSlip { to, from, number, word } = *word;
        self.hand_over(to, MessageId { from, number }, &Message::Word(word), begun)
    }

    /// Hands the first of the others to its hook, if it is a message and no more.
    #[inline(never)]
    fn hand_over_other(&mut self, others: &mut VecDeque<Parcel>) -> Handed {
        let Some(Parcel::Message { to, from, number, message }) = others.front() else {
            return Handed::Not;
        };
        let id = MessageId { from: *from, number: *number };
        let handed = self.hand_over(*to, id, message, None);
        if let Handed::Plainly = handed {
            discard(others.pop_front());
        }
        handed
    }

    /// Hands a message to its hook, if its receiver runs and has no mail waiting.
    #[inline(always)]
    fn hand_over(
        &mut self,
        to: ComponentId,
        id: MessageId,
        message: &Message,
        begun: Option<u64>,
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
        let Life { component, notes, .. } = life;
        let generation = notes.generation;
        let identity = Identity { id: to, place: block.entry(to), life: notes };
        let delivery = Delivery { message: id, nth: 1 };
        let mut cx = Context::new(self.clock, delivery, identity, self.local.asked());
        self.pulse.enter(to.slot(), generation);
        if let Some(begun) = begun {
            self.end.begin(begun);
        }
        let result = component.message(message, &mut cx);
        if result.is_err() || self.end.has_orders() {
            return Handed::Back(result);
        }
        // What most messages bring about, if anything. All else is seen to outside.
        if !self.local.has_asked() {
            return Handed::Plainly;
        }
        if block.cell(to).is_over(generation) {
            return Handed::Back(result);
        }
        let Some(words) = self.local.only_words() else {
            return if self.send_value(to) { Handed::Plainly } else { Handed::Back(result) };
        };
        if words.iter().all(|word| word.to.shard() == self.shard) {
            for word in words {
                word.number = self.numbers.next(self.end);
            }
            self.local.note_sent();
            return Handed::Plainly;
        }
        // Nothing waits with any sender of this shard, or there would be no run.
        let is_sent = !self.board.is_pressed() && self.send_away();
        if is_sent { Handed::Plainly } else { Handed::Back(result) }
    }

    /// Sends the only word that the hook has asked for to another shard, if something has been
    /// sent there before. Answers false if there is more to it.
    #[inline]
    fn send_away(&mut self) -> bool {
        let Some(&mut [word]) = self.local.only_words() else { return false };
        let Some(Some(way)) = self.ways.get_mut(usize::from(word.to.shard())) else { return false };
        way.send_word(WordSlip { number: self.numbers.next(self.end), ..word });
        self.local.drop_words();
        true
    }

    /// Sends the only typed message that the hook has asked for to a neighbour. Answers false if
    /// there is more to it.
    #[inline(never)]
    fn send_value(&mut self, from: ComponentId) -> bool {
        let Some((to, message)) = self.local.take_only_message(self.shard) else { return false };
        let number = self.numbers.next(self.end);
        self.local.push(Parcel::Message { to, from, number, message });
        true
    }

    /// Has what is needed soon fetched from memory.
    #[inline(always)]
    fn fetch_ahead(&self, words: &[WordSlip], at: usize) {
        if let Some(soon) = words.get(at + FETCH_SLOT) {
            fetch_slot(self.slots, soon.to);
        }
        if let Some(sooner) = words.get(at + FETCH_COMPONENT) {
            fetch_component(self.slots, sooner.to);
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
