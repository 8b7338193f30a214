//! A shard as an actix actor: its lane is a stream, its turns are the kernel's.

use std::cell::Cell;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use actix::prelude::*;
use contract::id::{ComponentId, Generation};
use contract::outside::Outside;
use contract::time::Moment;
use futures_core::Stream;
use kernel::{Lane, LaneEnd, LifeChange, LifeEvent, Order, Output, Parcel, Shard};
use tokio::task::AbortHandle;

use crate::activity::{Activity, UnderWay};
use crate::alarm::Alarm;
use crate::clock::SiteClock;
use crate::executive::{ExecutiveActor, News};

/// Messages of one turn: long enough to be worth a wake-up, short enough that an order waits
/// for microseconds.
const BUDGET: usize = 1_024;

/// What the rest of the host may see of a shard from other threads. The same over all the
/// threads that carry the shard, one after the other.
#[derive(Debug)]
pub(crate) struct ShardWatch {
    /// When its next timer falls due, in nanoseconds; `u64::MAX` if none is set.
    next_due: AtomicU64,
    /// The turn that it takes. In here, so that it can be given up with a thread that is lost.
    turn: Mutex<Option<UnderWay>>,
}

impl Default for ShardWatch {
    fn default() -> Self {
        ShardWatch { next_due: AtomicU64::new(u64::MAX), turn: Mutex::new(None) }
    }
}

impl ShardWatch {
    /// Puts a turn that begins in, or takes one that ends out.
    fn set_turn(&self, turn: Option<UnderWay>) -> Option<UnderWay> {
        let mut present = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *present, turn)
    }

    /// The thread is lost: nothing that it does is waited for any more.
    pub(crate) fn give_up(&self) {
        drop(self.set_turn(None));
        self.next_due.store(u64::MAX, Ordering::SeqCst);
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        match self.next_due.load(Ordering::SeqCst) {
            u64::MAX => None,
            nanos => Some(Moment(nanos)),
        }
    }
}

/// The actor.
pub(crate) struct ShardActor {
    pub(crate) shard: Shard,
    pub(crate) lane: Lane,
    pub(crate) end: LaneEnd,
    pub(crate) watch: Arc<ShardWatch>,
    pub(crate) clock: SiteClock,
    pub(crate) executive: Addr<ExecutiveActor>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) activity: Arc<Activity>,
    /// There is more to do at once, mail or no mail.
    pub(crate) again: Rc<Cell<bool>>,
    /// Errands under way, to be abandoned with the life that asked.
    pub(crate) errands: HashMap<ComponentId, Vec<(Generation, AbortHandle)>>,
    pub(crate) alarm: Alarm,
    pub(crate) outputs: Vec<Output>,
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(Mail { end: self.end.clone(), again: Rc::clone(&self.again) });
    }
}

/// Yields whenever the shard has something to do.
struct Mail {
    end: LaneEnd,
    again: Rc<Cell<bool>>,
}

impl Stream for Mail {
    type Item = ();

    fn poll_next(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<()>> {
        if self.again.take() || !self.end.park(task.waker()) {
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
        self.watch.set_turn(Some(self.activity.begin()));
        let mut outputs = std::mem::take(&mut self.outputs);
        let clock = self.clock.read();
        let turn = self.shard.step(clock, BUDGET, &mut outputs);
        self.again.set(turn.more);
        let mut news = Vec::new();
        for output in outputs.drain(..) {
            match output {
                Output::Request { id, generation, ticket, request } => {
                    self.run_errand(id, generation, ticket, *request);
                }
                output => {
                    self.abandon_errands(&output);
                    news.push(output);
                }
            }
        }
        self.outputs = outputs;
        if !news.is_empty() {
            let under_way = self.activity.begin();
            self.executive.do_send(News { clock, outputs: news, under_way });
        }
        if self.shard.is_retired() {
            // The shard has another thread now, and this one has just found its way back.
            ctx.stop();
            Arbiter::current().stop();
            return;
        }
        self.set_alarm(ctx);
        // If there is more to do, the shard is not at rest until the next turn.
        if !turn.more {
            drop(self.watch.set_turn(None));
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
        let under_way = self.activity.begin();
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
        let Output::Life(LifeEvent { id, generation, change: LifeChange::Ended { .. } }) = output
        else {
            return;
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
