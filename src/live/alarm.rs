//! An actor's alarm: a call when the site's clock says so.

use actix::prelude::*;
use contract::time::Moment;

use crate::clock::SiteClock;

/// At most one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Set>);

#[derive(Debug)]
struct Set {
    due: Moment,
    /// How far the clock had been moved on. When it is moved again, real time takes less long.
    moved_by: u64,
    handle: SpawnHandle,
}

impl Alarm {
    /// Has `ring` called when `clock` shows `due`, or before: one that is set for an earlier
    /// moment rings then, and whoever hears it sets it anew. To set it anew each time would cost
    /// more than that, for what is due next changes all the time. `ring` sets the alarm again, or
    /// there is no further call.
    pub(crate) fn set<A>(
        &mut self,
        due: Option<Moment>,
        clock: &SiteClock,
        ctx: &mut Context<A>,
        ring: fn(&mut A, &mut Context<A>),
    ) where
        A: Actor<Context = Context<A>>,
    {
        let Some(due) = due else { return };
        let moved_by = clock.moved_by();
        if let Some(set) = &self.0 {
            if set.moved_by == moved_by && set.due <= due {
                return;
            }
            ctx.cancel_future(set.handle);
        }
        let handle = ctx.run_later(clock.until(due), ring);
        self.0 = Some(Set { due, moved_by, handle });
    }

    /// It has rung.
    pub(crate) fn rung(&mut self) {
        self.0 = None;
    }
}
