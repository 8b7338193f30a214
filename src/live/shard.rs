//! A shard as an actix actor: its lane is a stream, its turns are the kernel's.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use actix::prelude::*;
use contract::id::{ComponentId, Generation};
use contract::outside::Outside;
use contract::time::Moment;
use futures_core::Stream;
use kernel::{Clock, Lane, LaneEnd, LifeEvent, Order, Output, Parcel, Shard, Turn};
use tokio::task::AbortHandle;

use crate::activity::{Activity, UnderWay};
use crate::alarm::Alarm;
use crate::clock::SiteClock;
use crate::executive::ExecutiveActor;
use crate::lookout::look_out;
use crate::news::{News, NewsDesk};
use crate::shared::Shared;

/// A shard takes no turn while the executive has not heard so many of its outputs.
const BACKLOG_MAX: usize = 4_096;
/// So many turns are taken in a row at most, and begun within so much time, before the errands
/// on the same thread go on.
const TURNS_MAX: usize = 64;
const IN_A_ROW_MAX: Duration = Duration::from_millis(1);
/// A turn is to take no longer than this: so long may an order wait for the turn before it.
const TURN_MAX: Duration = Duration::from_millis(10);

/// What the rest of the host may see from other threads of a thread that carries a shard. Each
/// thread has one of its own: that of a lost one says nothing about its successor.
#[derive(Debug)]
pub(crate) struct ShardWatch {
    /// What is under way on that thread: turns, and errands of its components.
    pub(crate) activity: Arc<Activity>,
    /// When its next timer falls due, in nanoseconds; `u64::MAX` if none is set.
    next_due: AtomicU64,
    /// When the turn that it takes began, in nanoseconds of real time; `u64::MAX` if it takes none.
    turn_since: AtomicU64,
}

impl ShardWatch {
    pub(crate) fn new(activity: Arc<Activity>) -> Self {
        let (next_due, turn_since) = (AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX));
        ShardWatch { activity, next_due, turn_since }
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        match self.next_due.load(Ordering::SeqCst) {
            u64::MAX => None,
            nanos => Some(Moment(nanos)),
        }
    }

    /// Whether it has taken the same turn for longer than `patience`, at that real time.
    pub(crate) fn is_slow(&self, now: Duration, patience: Duration) -> bool {
        match self.turn_since.load(Ordering::SeqCst) {
            u64::MAX => false,
            nanos => now.saturating_sub(Duration::from_nanos(nanos)) > patience,
        }
    }

    /// What was due next is being seen to: nobody is to wait for it any more.
    fn wakes(&self) {
        self.next_due.store(u64::MAX, Ordering::SeqCst);
    }

    fn turn_begins(&self, now: Duration) {
        self.turn_since.store(now.as_nanos() as u64, Ordering::Relaxed);
    }

    /// There is no turn after the last one for now.
    fn rests(&self) {
        self.turn_since.store(u64::MAX, Ordering::SeqCst);
    }
}

/// What a shard has told the executive and the executive has not heard yet. A shard that is far
/// ahead of it takes no turn: else its news would stand in front of everybody else's.
#[derive(Debug, Default)]
struct Backlog {
    outputs: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

/// A part of a backlog, until it is dropped.
#[derive(Debug)]
pub(crate) struct Unheard(Arc<Backlog>, usize);

impl Backlog {
    fn add(self: &Arc<Self>, outputs: usize) -> Unheard {
        self.outputs.fetch_add(outputs, Ordering::SeqCst);
        Unheard(Arc::clone(self), outputs)
    }

    /// Whether there is room for another turn's, behind so many more that are not counted yet.
    fn has_room_for(&self, more: usize) -> bool {
        self.outputs.load(Ordering::SeqCst) + more < BACKLOG_MAX
    }

    /// Whether there is room for another turn's; if not, `waker` is woken when there is.
    fn has_room(&self, waker: &Waker) -> bool {
        if self.has_room_for(0) {
            return true;
        }
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
        // The executive may have heard some in between.
        self.has_room_for(0)
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let before = self.0.outputs.fetch_sub(self.1, Ordering::SeqCst);
        if before >= BACKLOG_MAX && before - self.1 < BACKLOG_MAX {
            let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// The actor.
pub(crate) struct ShardActor {
    shard: Shard,
    lane: Lane,
    end: LaneEnd,
    watch: Arc<ShardWatch>,
    clock: SiteClock,
    executive: Addr<ExecutiveActor>,
    news: Arc<NewsDesk>,
    outside: Arc<dyn Outside>,
    /// For what is on its way to the executive: that arrives, whatever becomes of the thread.
    on_the_way: Arc<Activity>,
    /// The turn that it takes, until there is nothing more to do at once.
    under_way: Option<UnderWay>,
    /// Messages of the next turn: fewer where they take long.
    budget: usize,
    /// Messages of a turn at most.
    budget_max: usize,
    backlog: Arc<Backlog>,
    spin: Duration,
    /// There is more to do at once, mail or no mail.
    again: Rc<Cell<bool>>,
    /// Errands under way, to be abandoned with the life that asked.
    errands: HashMap<ComponentId, Vec<(Generation, AbortHandle)>>,
    alarm: Alarm,
    outputs: Vec<Output>,
    /// What of that is about to be handed in.
    to_tell: VecDeque<News>,
}

impl ShardActor {
    /// What carries shard `number` from now on, with nothing done yet.
    pub(crate) fn new(
        number: u8,
        end: LaneEnd,
        watch: Arc<ShardWatch>,
        shared: &Shared,
        executive: Addr<ExecutiveActor>,
    ) -> Self {
        let lanes = Arc::clone(&shared.lanes);
        let mut shard = Shard::new(number, end.clone(), lanes, Arc::clone(&shared.board));
        shard.set_prompt(true);
        ShardActor {
            shard,
            lane: shared.lanes[usize::from(number)].clone(),
            end,
            watch,
            clock: shared.clock.clone(),
            executive,
            news: Arc::clone(&shared.news),
            outside: Arc::clone(&shared.outside),
            on_the_way: Arc::clone(&shared.activity),
            under_way: None,
            budget: shared.turn_budget,
            budget_max: shared.turn_budget,
            backlog: Arc::default(),
            spin: shared.spin,
            again: Rc::new(Cell::new(false)),
            errands: HashMap::new(),
            alarm: Alarm::default(),
            outputs: Vec::new(),
            to_tell: VecDeque::new(),
        }
    }
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (end, again) = (self.end.clone(), Rc::clone(&self.again));
        let (backlog, spin) = (Arc::clone(&self.backlog), self.spin);
        ctx.add_stream(Mail { end, again, backlog, spin, awake: false });
    }
}

/// Yields whenever the shard has something to do.
struct Mail {
    end: LaneEnd,
    again: Rc<Cell<bool>>,
    backlog: Arc<Backlog>,
    /// How long it looks out for mail before it sleeps.
    spin: Duration,
    /// It has had something to do since it last looked out.
    awake: bool,
}

impl Mail {
    /// Whether there is mail now, or soon.
    fn has_mail_soon(&mut self) -> bool {
        std::mem::take(&mut self.awake) && look_out(self.spin, || !self.end.is_empty())
    }
}

impl Stream for Mail {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<()>> {
        if !self.backlog.has_room(task.waker()) {
            return Poll::Pending;
        }
        // A retired end is woken once more and never again: the last turn is for its lives.
        if self.again.take()
            || self.has_mail_soon()
            || !self.end.park(task.waker())
            || self.end.is_retired()
        {
            self.awake = true;
            Poll::Ready(Some(()))
        } else {
            Poll::Pending
        }
    }
}

impl StreamHandler<()> for ShardActor {
    fn handle(&mut self, (): (), ctx: &mut Self::Context) {
        self.turn(ctx);
    }

    /// The lane never ends while the actor lives.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl ShardActor {
    fn turn(&mut self, ctx: &mut Context<Self>) {
        self.under_way = Some(self.watch.activity.begin());
        self.watch.wakes();
        let mut outputs = std::mem::take(&mut self.outputs);
        let began = self.clock.real();
        let (mut now, mut turns, mut told) = (began, 0, 0);
        let turn = loop {
            let clock = self.clock.read_at(now);
            let turn;
            (turn, now) = self.step(clock, now, &mut outputs);
            let retired = self.shard.is_retired();
            if retired {
                // If it was given up after that turn, nobody has said yet whose code is back.
                self.step(clock, now, &mut outputs);
            }
            told += self.put_out(clock, &mut outputs, retired);
            turns += 1;
            // News ends a turn, so that it is told before the next hook is called. That is no
            // reason to give the thread to others each time.
            let others_wait = turns == TURNS_MAX || now.saturating_sub(began) > IN_A_ROW_MAX;
            let is_last = retired || !turn.more || others_wait || !self.backlog.has_room_for(told);
            self.tell_news(is_last.then_some(told));
            if retired {
                self.watch.rests();
                // The shard has another thread now, and this one has just found its way back.
                ctx.stop();
                Arbiter::current().stop();
                return;
            }
            if is_last {
                break turn;
            }
        };
        self.watch.rests();
        self.outputs = outputs;
        self.again.set(turn.more);
        self.set_alarm(ctx);
        // If there is more to do, the shard is not at rest until the next turn.
        if !turn.more {
            self.under_way = None;
        }
    }

    /// Takes a turn, and sees to it that the next one takes no longer than it may. Answers what
    /// time it is after it, as it was `began` before.
    fn step(
        &mut self,
        clock: Clock,
        began: Duration,
        outputs: &mut Vec<Output>,
    ) -> (Turn, Duration) {
        self.watch.turn_begins(began);
        let turn = self.shard.step(clock, self.budget, outputs);
        let ended = self.clock.real();
        self.budget = next_budget(self.budget, self.budget_max, ended.saturating_sub(began));
        (turn, ended)
    }

    /// Sets about the errands of a turn, and puts the rest down for the executive; answers how much
    /// that was. Lives of a retired shard are over, and nothing is done for them any more.
    fn put_out(&mut self, clock: Clock, outputs: &mut Vec<Output>, retired: bool) -> usize {
        for output in outputs.drain(..) {
            match output {
                Output::Request { .. } if retired => {}
                Output::Request { id, generation, ticket, request } => {
                    self.run_errand(id, generation, ticket, *request);
                }
                output => {
                    self.abandon_errands(&output);
                    self.to_tell.push_back(News::Output(clock, output));
                }
            }
        }
        self.to_tell.len()
    }

    /// Hands in what the executive is to hear of a turn. If that is all for now, so much has been
    /// told since the last time: it is under way until it has been seen to, and the shard may be
    /// ahead by so much only.
    fn tell_news(&mut self, all: Option<usize>) {
        if let Some(told) = all.filter(|told| *told > 0) {
            self.to_tell.push_back(News::End(self.on_the_way.begin(), self.backlog.add(told)));
        }
        if !self.to_tell.is_empty() {
            self.news.hand_in(&mut self.to_tell, &self.executive);
        }
    }

    fn run_errand(
        &mut self,
        id: ComponentId,
        generation: Generation,
        ticket: contract::Ticket,
        request: contract::Request,
    ) {
        let pending = self.outside.perform(request);
        let lane = self.lane.clone();
        let under_way = self.watch.activity.begin();
        let task = actix::spawn(async move {
            let answer = pending.await;
            lane.send(Parcel::answer(id, generation, ticket, answer));
            drop(under_way);
        });
        let errands = self.errands.entry(id).or_default();
        errands.retain(|(_, handle)| !handle.is_finished());
        errands.push((generation, task.abort_handle()));
    }

    /// A life that is over wants nothing any more: what it asked for is not done behind the
    /// next one's back.
    fn abandon_errands(&mut self, output: &Output) {
        let (id, generation) = match output {
            Output::Life(LifeEvent { id, generation, change }) if change.is_end() => {
                (id, generation)
            }
            Output::ZombieEnded { id, generation } => (id, generation),
            _ => return,
        };
        let Some(errands) = self.errands.get_mut(id) else { return };
        errands.retain(|(asked_by, handle)| {
            let over = asked_by == generation;
            if over {
                handle.abort();
            }
            !over && !handle.is_finished()
        });
    }

    /// Sees to it that a turn is taken when the next timer falls due.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let due = self.shard.next_due();
        self.watch.next_due.store(due.map_or(u64::MAX, |due| due.0), Ordering::SeqCst);
        self.alarm.set(due, &self.clock, ctx, |actor, _| {
            actor.alarm.rung();
            // Through the lane, so that the stream is awake if the turn leaves more to do.
            actor.lane.order(Order::Wake);
        });
    }
}

/// Messages of the turn after one of so many that took so long: half of them where it was too
/// long, else twice as many, as far as that goes.
fn next_budget(budget: usize, most: usize, took: Duration) -> usize {
    if took > TURN_MAX { (budget / 2).max(1) } else { budget.saturating_mul(2).min(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_that_take_long_shrink_to_one_message_and_grow_again() {
        let slow = TURN_MAX + Duration::from_nanos(1);
        let mut budgets = vec![1_024];
        for took in [slow; 12].into_iter().chain([TURN_MAX; 12]) {
            budgets.push(next_budget(budgets[budgets.len() - 1], 1_024, took));
        }
        assert_eq!(budgets[..4], [1_024, 512, 256, 128]);
        assert_eq!(budgets[10..16], [1, 1, 1, 2, 4, 8]);
        assert_eq!(budgets[21..], [512, 1_024, 1_024, 1_024]);
    }
}
