//! A shard: many components on one thread, with no task, no wake-up and no allocation per
//! message. [`Shard::step`] is the dispatch loop: the same in the benchmark, in simulation
//! and live.
//!
//! What each part does stands in its own module: `slot` is what is kept of a component,
//! `run` how many messages are handed over one after the other, `dispatch` how all other mail gets
//! to the hooks, `call` how a hook is called and a life ends, `commit`
//! how effects are carried out, `orders` what the executive says, `pressure` what happens when
//! an inbox is full, `stall` and `retire` what happens when a hook does not come back.

mod call;
mod commit;
mod dead;
mod dispatch;
mod orders;
mod pressure;
mod queue;
mod retire;
mod run;
mod slot;
mod stall;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use contract::time::{Clock, Moment};

use crate::board::{Board, Pulse};
use crate::intake::Batch;
use crate::interpose::Interposer;
use crate::lane::{Lane, LaneEnd, Way};
use crate::order::{Order, Output};
use crate::timers::{Timer, Timers};
use crate::unwind::{discard, keep_quiet};
use commit::Numbers;
use queue::{Local, Near};
use run::Source;
use slot::{Life, Slot};
use stall::{Instead, Stalled};

/// Mail is taken from one source this many times before the next has its turn.
const STRIDE: usize = 64;

/// What a turn did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Messages, timers and answers handed to components.
    pub handled: usize,
    /// Whether there is more to do at the same moment.
    pub more: bool,
    /// Whether the shard is stuck in a hook that does not come back, by an interposer's will.
    pub stalled: bool,
}

/// The components of one thread, and their mail.
pub struct Shard {
    number: u8,
    slots: Vec<Slot>,
    end: LaneEnd,
    /// Every shard's lane, this one's included, by number.
    lanes: Arc<[Lane]>,
    /// Its own ways into them, by number, as far as it has sent anything there.
    ways: Vec<Option<Way>>,
    board: Arc<Board>,
    pulse: Arc<Pulse>,
    /// What the hook being called has asked for; and mail between components of this shard, which
    /// needs no lane: what has been sent, and before that what is being handed over.
    local: Local,
    near: Near,
    /// Mail that has been taken out of the lane.
    batch: Batch,
    /// The lane had no more for this turn.
    is_lane_dry: bool,
    /// Running components with mail in their inbox.
    ready: VecDeque<u32>,
    /// Components with messages that their receivers have no room for.
    waiting: VecDeque<u32>,
    /// Room may have come about for some of those.
    relieved: bool,
    /// No two of them wait for each other, as far as is known.
    looked_for_knots: bool,
    /// Full inboxes here, and shards that want to know when there is room.
    askers: Vec<(u32, u8)>,
    timers: Timers,
    numbers: Numbers,
    /// Which source of mail the next turn begins with.
    first_source: usize,
    /// What time it is in this turn.
    clock: Clock,
    /// From when `after` counts: now, or the moment that the timer being served was due.
    base: Moment,
    /// Neither traced nor kept nor interposed: a message is handed over, and that is all.
    plain: bool,
    trace: bool,
    keeping: bool,
    prompt: bool,
    interposer: Option<Box<dyn Interposer>>,
    /// No life has begun here yet.
    fresh: bool,
    /// What happens in place of the hook that is called next.
    instead: Option<Instead>,
    /// The interposer has been asked about the hook that is called next.
    excused: bool,
    stalled: Option<Stalled>,
    /// The carrier was given up, and has let go of everything.
    gone: bool,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("number", &self.number)
            .field("slots", &self.slots)
            .field("stalled", &self.stalled)
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

impl Shard {
    /// Shard `number`, fed by `end`, which reaches the others through `lanes`.
    pub fn new(number: u8, end: LaneEnd, lanes: Arc<[Lane]>, board: Arc<Board>) -> Self {
        keep_quiet();
        let pulse = board.pulse(number);
        let shard = Shard {
            number,
            slots: Vec::new(),
            end,
            lanes,
            ways: Vec::new(),
            board,
            pulse,
            local: Local::default(),
            near: Near::default(),
            batch: Batch::default(),
            is_lane_dry: false,
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            relieved: false,
            looked_for_knots: false,
            askers: Vec::new(),
            timers: Timers::default(),
            numbers: Numbers::default(),
            first_source: 0,
            clock: Clock::default(),
            base: Moment::ZERO,
            plain: true,
            trace: false,
            keeping: false,
            prompt: false,
            interposer: None,
            fresh: true,
            instead: None,
            excused: false,
            stalled: None,
            gone: false,
        };
        if shard.end.is_replacement() {
            shard.wake_the_others();
        }
        shard
    }

    /// Who had asked the carrier before this one for room asks again.
    fn wake_the_others(&self) {
        let others = self.lanes.iter().zip(0..).filter(|(_, number)| *number != self.number);
        others.for_each(|(lane, _)| lane.order(Order::Wake));
    }

    /// Its number.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Whether every delivery is told as [`Output::Trace`]. Off at first.
    pub fn set_trace(&mut self, trace: bool) {
        self.trace = trace;
        self.note_plain();
    }

    /// Whether every message of a component is told as [`Output::Accepted`], with a copy of it,
    /// and what becomes of any message as [`Output::Failed`] and [`Output::Settled`], so that a
    /// store can keep those that wait. Off at first. What one hook has brought about is told
    /// in one go: what it asked for, in order, then that its message is settled.
    pub fn set_keeping(&mut self, keeping: bool) {
        self.keeping = keeping;
        self.note_plain();
    }

    /// Whether a turn ends as soon as it has news of a life, or a request, to put out: the next
    /// hook may not come back, and nobody should wait for it to hear of what came before. Off
    /// at first; a driver whose hooks take real time wants it.
    pub fn set_prompt(&mut self, prompt: bool) {
        self.prompt = prompt;
    }

    /// Has `interposer` asked before each message and each hook. There is none at first.
    pub fn set_interposer(&mut self, interposer: Option<Box<dyn Interposer>>) {
        self.interposer = interposer;
        self.note_plain();
    }

    fn note_plain(&mut self) {
        self.plain = !self.trace && !self.keeping && self.interposer.is_none();
    }

    /// Whether there is something to do at `now`. Messages that wait for room somewhere are
    /// nothing to do until there is some.
    pub fn has_work(&mut self, now: Moment) -> bool {
        if self.is_stuck() {
            return false;
        }
        self.has_mail()
            || self.end.is_retired()
            || self.relieved && !self.waiting.is_empty()
            || self.timers.may_be_due(now) && self.next_due().is_some_and(|due| due <= now)
    }

    fn has_mail(&self) -> bool {
        !self.batch.is_empty()
            || !self.near.is_empty()
            || !self.local.is_empty()
            || !self.ready.is_empty()
            || !self.end.is_empty()
    }

    /// When the next timer falls due.
    pub fn next_due(&mut self) -> Option<Moment> {
        if self.is_stuck() {
            return None;
        }
        let slots = &self.slots;
        self.timers.next_due(|timer| counts(slots, timer))
    }

    /// One turn of the dispatch loop: every order that waits, then timers and mail by turns,
    /// `budget` of them at most. What is left for the driver to do is appended to `out`, in
    /// order.
    pub fn step(&mut self, clock: Clock, budget: usize, out: &mut Vec<Output>) -> Turn {
        if self.is_stuck() {
            return self.end_turn(0);
        }
        self.begin_turn(clock);
        if self.end.is_retired() {
            self.retire(None, None, out);
            return self.end_turn(0);
        }
        let mut told = out.len();
        while let Some(order) = self.end.take_order() {
            self.obey(order, out);
            if self.is_stuck() || self.has_urgent(&out[told..]) {
                return self.end_turn(0);
            }
            told = out.len();
        }
        if self.relieved && !self.waiting.is_empty() {
            self.relieve(out);
        }
        let handled = self.take_mail(budget, out);
        if !self.waiting.is_empty() && !self.is_stuck() && !self.relieved && !self.has_mail() {
            self.untie(out);
        }
        self.end_turn(handled)
    }

    /// Takes mail from every source by turns, and not from the same one first each time: a
    /// component that sets itself timers for at once must not keep the others from their
    /// messages.
    fn take_mail(&mut self, budget: usize, out: &mut Vec<Output>) -> usize {
        const SOURCES: usize = 4;
        self.first_source = (self.first_source + 1) % SOURCES;
        let mut handled = 0;
        loop {
            let before = handled;
            for number in self.first_source..self.first_source + SOURCES {
                let most = STRIDE.min(budget - handled);
                let (served, ends) = match number % SOURCES {
                    0 => self.serve(most, out, Shard::take_timer),
                    1 => self.serve(most, out, Shard::take_retained),
                    2 => self.work_off(Source::Local, most, out),
                    _ => self.work_off(Source::Lane, most, out),
                };
                handled += served;
                if ends {
                    return handled;
                }
            }
            if handled == before {
                return handled;
            }
        }
    }

    /// Takes mail from one source, `most` at most; answers how much, and whether the turn is to
    /// end with that. `take` takes and serves one piece; false if there is none.
    fn serve(
        &mut self,
        most: usize,
        out: &mut Vec<Output>,
        take: impl Fn(&mut Shard, &mut Vec<Output>) -> bool,
    ) -> (usize, bool) {
        let mut told = out.len();
        for served in 0..most {
            if self.end.is_retired() || !take(self, out) {
                return (served, false);
            }
            if self.is_stuck() || out.len() > told && self.has_urgent(&out[told..]) {
                return (served + 1, true);
            }
            told = out.len();
        }
        (most, false)
    }

    /// Whether somebody waits for what was put out, and the turn is to end for it.
    fn has_urgent(&self, told: &[Output]) -> bool {
        let is_urgent = |output: &Output| {
            matches!(output, Output::Life(_) | Output::Request { .. } | Output::ZombieEnded { .. })
        };
        self.prompt && told.iter().any(is_urgent)
    }

    fn begin_turn(&mut self, clock: Clock) {
        self.clock = clock;
        self.base = clock.now;
        self.pulse.turn(clock.now);
        self.is_lane_dry = false;
        self.end.begin_turn();
    }

    fn end_turn(&mut self, handled: usize) -> Turn {
        let more = self.has_work(self.clock.now);
        Turn { handled, more, stalled: self.stalled.is_some() }
    }
}

/// Whether a timer still counts: the life that set it is there, and has neither cancelled it
/// nor set it anew.
fn counts(slots: &[Slot], timer: &Timer) -> bool {
    let slot = slots.get(timer.slot as usize);
    slot.is_some_and(|slot| slot.life.is_some() && slot.key_of(timer.serial).is_some())
}

/// A host that goes away takes its components and their mail along, and every drop of those is
/// component code too. A carrier that was given up goes alone, and hands the mail back.
impl Drop for Shard {
    fn drop(&mut self) {
        self.forget_stalled();
        if self.end.is_retired() {
            if !self.gone {
                self.retire(None, None, &mut Vec::new());
            }
        } else {
            self.end.close();
        }
        for slot in std::mem::take(&mut self.slots) {
            discard(slot.life);
            slot.rest.into_parcels().for_each(discard);
        }
        // An interposer may have panicked between a hook and what it has asked for.
        self.local.forget_asked();
        let waiting = [self.near.take_all(), self.local.take_all()];
        waiting.into_iter().flatten().for_each(discard);
        discard(self.batch.other.take());
    }
}
