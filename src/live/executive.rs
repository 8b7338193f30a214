//! The executive as an actix actor: everything that is asked of the host goes through here,
//! and nothing in here ever waits for a component.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::prelude::*;
use contract::control::{Ask, ComponentStatus, Outcome, Refusal, Told, Until};
use contract::id::OpId;
use contract::lifecycle::{Code, Command};
use contract::store::Kept;
use contract::time::Moment;
use crossbeam_channel::Receiver;
use host::{Audience, Doing, Host};
use kernel::{LaneEnd, Order, Transition};
use status::LogLine;

use crate::activity::UnderWay;
use crate::alarm::Alarm;
use crate::logs;
use crate::lookout::look_out;
use crate::news::{News, NewsWaits};
use crate::shard::Unheard;
use crate::shared::Shared;

/// How often the watchdog looks whether a shard is stuck. A heartbeat is a minute.
const WATCH_EVERY: Duration = Duration::from_secs(5);
/// So many outputs of shards are heard before what follows from them is done.
const OUTPUTS_MAX: usize = 256;
/// So many of those are heard in between before whoever asks something is answered.
const OUTPUTS_BEFORE_ASKS: usize = 16;
/// So often is done what follows from news before the mailbox has its turn.
const ROUNDS_MAX: usize = 16;
/// So many orders are handed over together, before the shard may begin with them.
const ORDERS_TOGETHER: usize = 64;
/// Room for so many doings is kept.
const DOINGS_KEPT: usize = 1_024;

/// The actor.
pub(crate) struct ExecutiveActor {
    pub(crate) host: Host,
    pub(crate) shared: Shared,
    /// News that was taken from the desk and has not been heard.
    pub(crate) news: VecDeque<News>,
    /// What is under way until what follows from the news is done.
    pub(crate) until_done: Vec<(UnderWay, Unheard)>,
    /// What operators ask. A channel of its own: an actor has one mailbox, and there the news of
    /// a million components would stand in front of a query.
    pub(crate) asks: Receiver<Asked>,
    /// What must outlive the process.
    pub(crate) kept: Kept,
    /// Whether some of it has not been written yet.
    pub(crate) unkept: bool,
    /// Where this host's log records go. Each host has its own: there is no global log.
    /// None if they are written nowhere.
    pub(crate) log: Option<tracing::Dispatch>,
    /// Whether some of them have been gathered and not been written.
    pub(crate) unwritten: bool,
    pub(crate) waiting: HashMap<OpId, Vec<Reply<Outcome>>>,
    pub(crate) watching: Vec<Watching>,
    /// Who is told of every transition.
    pub(crate) subscribers: Vec<crossbeam_channel::Sender<Transition>>,
    /// Shards that wait for a thread. They begin once their orders are in their lanes, for what
    /// comes for a component that a shard has not been given yet is lost.
    pub(crate) to_start: Vec<(u8, LaneEnd)>,
    pub(crate) alarm: Alarm,
    pub(crate) doings: Vec<Doing>,
    /// Orders that are about to be handed over, and to which shard.
    pub(crate) orders: Vec<Order>,
    pub(crate) orders_to: u8,
}

impl Actor for ExecutiveActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.do_doings(ctx);
        ctx.run_interval(WATCH_EVERY, |actor, ctx| {
            actor.host.watch(actor.shared.clock.read());
            actor.forget_the_gone();
            actor.do_doings(ctx);
        });
    }
}

/// The way back to somebody who may have stopped waiting.
pub(crate) struct Reply<T> {
    sender: Sender<T>,
    waits: Weak<()>,
}

/// What somebody waits for.
pub(crate) struct Awaited<T> {
    receiver: mpsc::Receiver<T>,
    _waits: Arc<()>,
}

/// A reply, and the other end of it.
pub(crate) fn reply<T>() -> (Reply<T>, Awaited<T>) {
    let (sender, receiver) = mpsc::channel();
    let waits = Arc::new(());
    (Reply { sender, waits: Arc::downgrade(&waits) }, Awaited { receiver, _waits: waits })
}

impl<T> Reply<T> {
    fn send(&self, answer: T) {
        let _ = self.sender.send(answer);
    }

    fn is_awaited(&self) -> bool {
        self.waits.strong_count() > 0
    }
}

impl<T> Awaited<T> {
    pub(crate) fn within(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        self.receiver.recv_timeout(time)
    }
}

impl Handler<NewsWaits> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, _: NewsWaits, ctx: &mut Self::Context) {
        for _ in 0..ROUNDS_MAX {
            if !self.hear_news(ctx) && !self.has_news_soon() && self.shared.news.leave() {
                return;
            }
        }
        // There may be more; whoever else has written is not to wait for the end of it.
        ctx.notify(NewsWaits);
    }
}

/// An operator asks.
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) reply: Sender<Result<Told, Refusal>>,
}

/// Somebody has asked: look.
pub(crate) struct AskWaits;

impl Message for AskWaits {
    type Result = ();
}

impl Handler<AskWaits> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, _: AskWaits, ctx: &mut Self::Context) {
        self.answer_asks(ctx);
    }
}

/// An operator waits for a component.
pub(crate) struct Watching {
    pub(crate) component: String,
    pub(crate) until: Until,
    pub(crate) reply: Reply<Result<ComponentStatus, Refusal>>,
}

impl Message for Watching {
    type Result = ();
}

impl Handler<Watching> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, watching: Watching, _: &mut Self::Context) {
        self.watching.push(watching);
        self.answer_watching();
        self.note_audience();
    }
}

/// An operator waits for an operation.
pub(crate) struct Waits {
    pub(crate) operation: OpId,
    pub(crate) reply: Reply<Outcome>,
}

impl Message for Waits {
    type Result = ();
}

impl Handler<Waits> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, waits: Waits, _: &mut Self::Context) {
        match self.host.outcome(waits.operation) {
            Some(outcome) => waits.reply.send(outcome),
            None => self.waiting.entry(waits.operation).or_default().push(waits.reply),
        }
    }
}

/// Somebody wants to be told of every transition from now on.
pub(crate) struct Subscribes {
    pub(crate) subscriber: crossbeam_channel::Sender<Transition>,
    pub(crate) done: Sender<()>,
}

impl Message for Subscribes {
    type Result = ();
}

impl Handler<Subscribes> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, subscribes: Subscribes, _: &mut Self::Context) {
        self.subscribers.push(subscribes.subscriber);
        self.note_audience();
        let _ = subscribes.done.send(());
    }
}

/// The clock was moved, or is about to be: do what is due, and tell when something next is.
pub(crate) struct LookAtClock {
    pub(crate) reply: Sender<Option<Moment>>,
}

impl Message for LookAtClock {
    type Result = ();
}

impl Handler<LookAtClock> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, look: LookAtClock, ctx: &mut Self::Context) {
        self.host.watch(self.shared.clock.read());
        self.fire_due(ctx);
        let due = self.host.next_due().into_iter().chain(self.host.watch_due()).min();
        let _ = look.reply.send(due);
    }
}

/// The backup's copy was made, or could not be.
struct Copied {
    backup: OpId,
    result: Result<String, String>,
    under_way: UnderWay,
}

impl Message for Copied {
    type Result = ();
}

impl Handler<Copied> for ExecutiveActor {
    type Result = ();

    fn handle(&mut self, copied: Copied, ctx: &mut Self::Context) {
        self.host.backup_done(self.shared.clock.read(), copied.backup, copied.result);
        self.do_doings(ctx);
        drop(copied.under_way);
    }
}

impl ExecutiveActor {
    /// Hears what shards have handed in, and does what follows from it; false if there was
    /// nothing.
    fn hear_news(&mut self, ctx: &mut Context<Self>) -> bool {
        let mut heard = 0;
        while heard < OUTPUTS_MAX
            && let Some(news) = self.next_news()
        {
            if heard % OUTPUTS_BEFORE_ASKS == 0 {
                self.answer_asks(ctx);
            }
            heard += 1;
            match news {
                News::Output(clock, output) => {
                    let errand = self.host.hear(clock, output);
                    debug_assert!(errand.is_none(), "shards run their own errands");
                }
                News::End(under_way, unheard) => self.until_done.push((under_way, unheard)),
            }
        }
        if heard > 0 {
            self.do_doings(ctx);
            self.until_done.clear();
        }
        heard > 0
    }

    fn next_news(&mut self) -> Option<News> {
        if self.news.is_empty() {
            self.shared.news.take(&mut self.news);
        }
        self.news.pop_front()
    }

    /// Whether there is news before long. Whoever asks something has written as well, and is not
    /// to wait for that.
    fn has_news_soon(&self) -> bool {
        let news = &self.shared.news;
        look_out(self.shared.spin, || !news.is_empty() || !self.asks.is_empty()) && !news.is_empty()
    }

    fn fire_due(&mut self, ctx: &mut Context<Self>) {
        self.host.fire_due(self.shared.clock.read());
        self.do_doings(ctx);
    }

    /// Has the host tell what somebody wants to hear, and no more.
    fn note_audience(&mut self) {
        let changes = !self.subscribers.is_empty() || !self.watching.is_empty();
        let audience = Audience { changes, reports: false, logs: self.log.is_some() };
        self.host.set_audience(audience);
    }

    fn answer_asks(&mut self, ctx: &mut Context<Self>) {
        while let Ok(Asked { ask, reply }) = self.asks.try_recv() {
            let lasts = is_to_last(&ask);
            let mut told = self.host.ask(self.shared.clock.read(), ask);
            // What is to last is kept before it is acknowledged.
            self.do_doings(ctx);
            if let Some(problem) = self.host.keep_problem().filter(|_| lasts) {
                told = told.and_then(|told| not_kept(told, problem));
            }
            let _ = reply.send(told);
        }
    }

    /// Whoever does not wait any more need not be told.
    fn forget_the_gone(&mut self) {
        self.watching.retain(|watching| watching.reply.is_awaited());
        self.note_audience();
        self.waiting.retain(|_, replies| {
            replies.retain(Reply::is_awaited);
            !replies.is_empty()
        });
    }

    /// Tells those who wait for a component, where it has come to that.
    fn answer_watching(&mut self) {
        let clock = self.shared.clock.read();
        let host = &mut self.host;
        self.watching.retain(|watching| {
            let told = match host.ask(clock, Ask::Query(vec![watching.component.clone()])) {
                Ok(Told::Components(rows)) => {
                    let Some(row) = rows.into_iter().next() else { return false };
                    if !watching.until.holds(&row) {
                        return true;
                    }
                    Ok(row)
                }
                Ok(told) => unreachable!("a component was asked for, told {told:?}"),
                Err(refusal) => Err(refusal),
            };
            watching.reply.send(told);
            false
        });
    }

    /// Does what there is to do, and what is due by then: a restart without a delay is not to
    /// wait for the alarm, which counts in milliseconds.
    fn do_doings(&mut self, ctx: &mut Context<Self>) {
        self.do_all(ctx);
        let mut next = self.host.next_due();
        while let Some(due) = next {
            let clock = self.shared.clock.read();
            if due > clock.now {
                break;
            }
            self.host.fire_due(clock);
            self.do_all(ctx);
            next = self.host.next_due();
        }
        self.set_alarm(next, ctx);
    }

    fn do_all(&mut self, ctx: &mut Context<Self>) {
        let mut changed = false;
        let mut doings = std::mem::take(&mut self.doings);
        self.host.take_doings(&mut doings);
        self.keep(&mut doings);
        for doing in doings.drain(..) {
            match doing {
                Doing::Order(shard, order) => self.gather(shard, order),
                Doing::Log(line) => self.write(&line),
                // The status messages say it all. What is kept has been by now.
                Doing::Noticed(_) | Doing::Service(_) | Doing::Reported(_) | Doing::Keep(_) => {}
                doing => {
                    self.send_orders();
                    changed |= matches!(doing, Doing::Changed(_));
                    self.do_one(doing, ctx);
                }
            }
        }
        self.send_orders();
        // A start of a million components is no reason to keep room for what that takes.
        doings.shrink_to(DOINGS_KEPT);
        self.doings = doings;
        self.flush_logs();
        self.start_shards(ctx);
        if changed && !self.watching.is_empty() {
            self.answer_watching();
            self.note_audience();
        }
    }

    fn do_one(&mut self, doing: Doing, ctx: &mut Context<Self>) {
        match doing {
            Doing::Resolved(outcome) => {
                // Whoever hears of the end finds what it was about in the logs.
                self.flush_logs();
                self.resolve(&outcome);
            }
            Doing::Deliver(parcel) => {
                self.shared.lanes[usize::from(parcel.to().shard())].send_anew(parcel);
            }
            Doing::Replace(shard) => {
                self.to_start.retain(|(other, _)| *other != shard);
                self.to_start.push((shard, self.shared.give_up(shard)));
            }
            Doing::Snapshot(backup) => self.copy_site(backup, ctx),
            Doing::Changed(transition) => {
                self.subscribers.retain(|to| to.send((*transition).clone()).is_ok());
            }
            other => unreachable!("it is gathered, written or done: {other:?}"),
        }
    }

    /// Orders to one shard that come one behind the other are handed over in one go; the shard
    /// need not wait for more than so many.
    fn gather(&mut self, shard: u8, order: Order) {
        if self.orders_to != shard || self.orders.len() == ORDERS_TOGETHER {
            self.send_orders();
        }
        self.orders_to = shard;
        self.orders.push(order);
    }

    fn send_orders(&mut self) {
        if !self.orders.is_empty() {
            self.shared.lanes[usize::from(self.orders_to)].orders(&mut self.orders);
        }
    }

    fn write(&mut self, line: &LogLine) {
        if let Some(log) = &self.log {
            tracing::dispatcher::with_default(log, || logs::emit(line));
            self.unwritten = true;
        }
    }

    /// Writes the log records that were gathered.
    fn flush_logs(&mut self) {
        if let (true, Some(log)) = (std::mem::take(&mut self.unwritten), &self.log) {
            logs::flush(log);
        }
    }

    /// Writes what is to be kept before anything is done that counts on it: a generation that
    /// has begun must not begin again in the next process.
    fn keep(&mut self, doings: &mut Vec<Doing>) {
        for doing in &mut *doings {
            if let Doing::Keep(change) = doing {
                self.kept.apply(change.clone());
                self.unkept = true;
            }
        }
        if self.unkept {
            let result = self.shared.outside.keep(&self.kept);
            self.unkept = result.is_err();
            let result = result.map_err(|failure| failure.to_string());
            self.host.kept_so(self.shared.clock.read(), result);
            // What the host has to say of how that went: logs, and nothing to be kept.
            self.host.take_doings(doings);
        }
    }

    /// Gives threads to the shards that wait for one. One that cannot be had now is asked for
    /// again at the watchdog's next look.
    fn start_shards(&mut self, ctx: &mut Context<Self>) {
        if self.to_start.is_empty() {
            return;
        }
        let (shared, executive) = (&self.shared, ctx.address());
        self.to_start.retain(|(number, end)| !shared.start_shard(*number, end, &executive));
    }

    fn resolve(&mut self, outcome: &Outcome) {
        for reply in self.waiting.remove(&outcome.operation).unwrap_or_default() {
            reply.send(outcome.clone());
        }
    }

    /// Copies the site on a thread for blocking work: queries are answered meanwhile.
    fn copy_site(&mut self, backup: OpId, ctx: &mut Context<Self>) {
        let outside = Arc::clone(&self.shared.outside);
        let under_way = self.shared.activity.begin();
        let me = ctx.address();
        actix::spawn(async move {
            let copy = tokio::task::spawn_blocking(move || outside.snapshot());
            let result = match copy.await {
                Ok(result) => result.map_err(|failure| failure.to_string()),
                Err(panic) => Err(panic.to_string()),
            };
            me.do_send(Copied { backup, result, under_way });
        });
    }

    fn set_alarm(&mut self, due: Option<Moment>, ctx: &mut Context<Self>) {
        self.alarm.set(due, &self.shared.clock, ctx, |actor, ctx| {
            actor.alarm.rung();
            actor.fire_due(ctx);
        });
    }
}

/// Whether what is asked for changes what outlives the process. A command does in one way or
/// another, if only by the number of the life that it begins; it need not change anything now:
/// what was asked for once more may still not be kept. What is handed to a component is its own.
fn is_to_last(ask: &Ask) -> bool {
    !matches!(ask, Ask::Control { command: Command::Custom(_) | Command::ParamChange, .. })
}

/// What is told of something that has taken effect and could not be kept: of a setting, which
/// is there to last, that it was not stored; of a command, what it came to, with a warning.
fn not_kept(told: Told, problem: &str) -> Result<Told, Refusal> {
    match told {
        Told::Setting(view) => Err(Refusal::new(
            Code::SPECIFIC,
            view.key,
            format!("it is stored, but not kept: {problem}"),
            "mend that and store it again, or it is lost with the process",
        )),
        Told::Accepted(accepted) => Ok(Told::Accepted(accepted.not_kept(problem))),
        told => Ok(told),
    }
}
