//! News on its way from the shards to the executive.
//!
//! It goes through a desk of its own, and not through the executive's mailbox: a shard that
//! starts ten thousand components has ten thousand pieces of news, and a letter for each would
//! cost more than the start. One letter says that there is news; it is not sent while the
//! executive is looking anyway. What has been handed in meanwhile it takes away in one go.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix::prelude::*;
use kernel::{Clock, Output};

use crate::activity::UnderWay;
use crate::executive::ExecutiveActor;
use crate::shard::Unheard;

/// What a shard has to tell.
pub(crate) enum News {
    /// Something that it has put out, and what its clock said: a start that took place then is
    /// told as of then.
    Output(Clock, Output),
    /// That was all for now. To be dropped when what follows from it is on its way.
    End(UnderWay, Unheard),
}

/// There is news: look.
pub(crate) struct NewsWaits;

impl Message for NewsWaits {
    type Result = ();
}

/// Where shards hand in their news.
#[derive(Default)]
pub(crate) struct NewsDesk {
    desk: Mutex<Desk>,
    /// Whether news lies there: for whoever looks out for it, and must not take the lock away
    /// from those who bring it.
    has_news: AtomicBool,
}

#[derive(Default)]
struct Desk {
    news: VecDeque<News>,
    /// The executive is looking, or has been told to.
    looked_after: bool,
}

impl NewsDesk {
    /// Hands news in, behind all that is there, leaves an empty list, and sees to it that the
    /// executive looks for it.
    pub(crate) fn hand_in(&self, news: &mut VecDeque<News>, executive: &Addr<ExecutiveActor>) {
        let mut desk = self.lock();
        desk.news.append(news);
        self.has_news.store(true, Ordering::Release);
        let looked_after = std::mem::replace(&mut desk.looked_after, true);
        drop(desk);
        if !looked_after {
            executive.do_send(NewsWaits);
        }
    }

    /// Takes all the news that there is; `news` is empty, and its room is left in exchange.
    pub(crate) fn take(&self, news: &mut VecDeque<News>) {
        debug_assert!(news.is_empty(), "what was taken first is heard first");
        if !self.is_empty() {
            let mut desk = self.lock();
            std::mem::swap(&mut desk.news, news);
            self.has_news.store(false, Ordering::Release);
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_news.load(Ordering::Acquire)
    }

    /// The executive looks no more, until it is told to; false if it is to go on, for there is
    /// news.
    pub(crate) fn leave(&self) -> bool {
        let mut desk = self.lock();
        desk.looked_after = !desk.news.is_empty();
        !desk.looked_after
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        // A panic between lock and unlock is impossible: news is moved there, never dropped.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
