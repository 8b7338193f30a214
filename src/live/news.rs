//! News on its way from the shards to the executive.
//!
//! It goes through a channel of its own, and not through the executive's mailbox: a shard that
//! starts ten thousand components has ten thousand pieces of news, and a letter for each would
//! cost more than the start. One letter says that there is news; it is not sent while the
//! executive is looking anyway.

use std::sync::atomic::{AtomicBool, Ordering, fence};

use actix::prelude::*;
use crossbeam_channel::{Receiver, Sender, unbounded};
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
pub(crate) struct NewsDesk {
    sender: Sender<News>,
    receiver: Receiver<News>,
    /// The executive is looking, or has been told to.
    looked_after: AtomicBool,
}

impl Default for NewsDesk {
    fn default() -> Self {
        let (sender, receiver) = unbounded();
        NewsDesk { sender, receiver, looked_after: AtomicBool::new(false) }
    }
}

impl NewsDesk {
    /// Hands news in, behind all that is there. Somebody is to call for it.
    pub(crate) fn hand_in(&self, news: News) {
        let _ = self.sender.send(news);
    }

    /// Sees to it that the executive looks for what has been handed in.
    pub(crate) fn call(&self, executive: &Addr<ExecutiveActor>) {
        // Pairs with the fence in `leave`: either we see that nobody looks, or the executive sees
        // what we have handed in.
        fence(Ordering::SeqCst);
        let looked_after = self.looked_after.load(Ordering::Relaxed);
        if !looked_after && !self.looked_after.swap(true, Ordering::Relaxed) {
            executive.do_send(NewsWaits);
        }
    }

    /// The next news.
    pub(crate) fn take(&self) -> Option<News> {
        self.receiver.try_recv().ok()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// The executive looks no more, until it is told to; false if it is to go on, for there is
    /// news.
    pub(crate) fn leave(&self) -> bool {
        self.looked_after.store(false, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.is_empty() || self.looked_after.swap(true, Ordering::Relaxed)
    }
}
