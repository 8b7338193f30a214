//! What whoever holds the host and those who carry its shards have in common.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use contract::outside::Outside;
use contract::time::Moment;
use kernel::{Board, Lane, LaneEnd, Order};

use crate::activity::Activity;
use crate::clock::SiteClock;
use crate::executive::ExecutiveActor;
use crate::news::NewsDesk;
use crate::shard::{ShardActor, ShardWatch};
use crate::site::Options;

#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) lanes: Arc<[Lane]>,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: SiteClock,
    pub(crate) outside: Arc<dyn Outside>,
    /// What is under way with the executive.
    pub(crate) activity: Arc<Activity>,
    /// Where shards hand in what they have to tell it.
    pub(crate) news: Arc<NewsDesk>,
    /// Held by whoever moves the clock on: two advances come one after the other.
    pub(crate) advancing: Arc<Mutex<()>>,
    /// How long an advance waits for a hook, in real time.
    patience: Duration,
    /// How long an idle shard looks out for mail before it sleeps, and the executive for news.
    pub(crate) spin: Duration,
    /// Messages of a turn at most.
    pub(crate) turn_budget: usize,
    /// So much mail may wait in front of a shard.
    pub(crate) lane_max: usize,
    /// By shard: the thread that carries it, as it is seen from others.
    watches: Arc<Mutex<Vec<Arc<ShardWatch>>>>,
    /// By shard: the thread that carries it.
    arbiters: Arc<Mutex<BTreeMap<u8, Arbiter>>>,
}

impl Shared {
    pub(crate) fn new(
        lanes: Vec<Lane>,
        board: Arc<Board>,
        clock: SiteClock,
        outside: Arc<dyn Outside>,
        options: &Options,
    ) -> Self {
        let activity = Arc::new(Activity::default());
        let watches = lanes.iter().map(|_| Arc::new(ShardWatch::new(activity.beside()))).collect();
        Shared {
            lanes: lanes.into(),
            board,
            clock,
            outside,
            activity,
            news: Arc::default(),
            advancing: Arc::default(),
            patience: options.patience,
            spin: options.spin,
            turn_budget: options.turn_budget.max(1),
            lane_max: options.lane_max.max(1),
            watches: Arc::new(Mutex::new(watches)),
            arbiters: Arc::default(),
        }
    }

    /// Carries a shard on a thread of its own; false if there is none to be had.
    pub(crate) fn start_shard(
        &self,
        number: u8,
        end: &LaneEnd,
        executive: &Addr<ExecutiveActor>,
    ) -> bool {
        let Ok(arbiter) = Arbiter::try_new() else { return false };
        let watch = Arc::clone(&self.watches()[usize::from(number)]);
        let (shared, end, executive) = (self.clone(), end.clone(), executive.clone());
        ShardActor::start_in_arbiter(&arbiter.handle(), move |_| {
            ShardActor::new(number, end, watch, &shared, executive)
        });
        self.arbiters().insert(number, arbiter);
        true
    }

    /// Gives up the thread that carries a shard: another one is to take the lane's new end. The
    /// one that is lost ends by itself, if it ever comes back, and nobody waits for that.
    pub(crate) fn give_up(&self, number: u8) -> LaneEnd {
        let end = self.lanes[usize::from(number)].replace_end();
        self.watches()[usize::from(number)] = Arc::new(ShardWatch::new(self.activity.beside()));
        drop(self.arbiters().remove(&number));
        end
    }

    /// Has every shard look at the clock.
    pub(crate) fn wake_shards(&self) {
        self.lanes.iter().for_each(|lane| lane.order(Order::Wake));
    }

    /// Waits, `within` at most, until nothing happens any more before the next timer. Not for a
    /// hook that takes longer than the site's patience: it may never come back, and what is to
    /// become of it is a matter of the time that is waited for.
    pub(crate) fn wait_for_rest(&self, within: Duration) -> bool {
        self.activity.wait_for_rest(within, || self.are_shards_quiet())
    }

    fn are_shards_quiet(&self) -> bool {
        let now = self.clock.real();
        (0..).zip(self.lanes.iter().zip(&*self.watches())).all(|(number, (lane, watch))| {
            let quiet = watch.activity.count() == 0 && lane.is_empty();
            quiet || watch.is_slow(now, self.patience) && self.board.busy(number).is_some()
        })
    }

    /// When the next timer of a component falls due.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.watches().iter().filter_map(|watch| watch.next_due()).min()
    }

    /// How many things are under way, of those that are waited for.
    pub(crate) fn under_way(&self) -> u64 {
        let on_shards: u64 = self.watches().iter().map(|watch| watch.activity.count()).sum();
        self.activity.count() + on_shards
    }

    pub(crate) fn take_arbiters(&self) -> Vec<Arbiter> {
        std::mem::take(&mut *self.arbiters()).into_values().collect()
    }

    fn watches(&self) -> MutexGuard<'_, Vec<Arc<ShardWatch>>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arbiters(&self) -> MutexGuard<'_, BTreeMap<u8, Arbiter>> {
        self.arbiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
