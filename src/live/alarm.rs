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
    /// Has `ring` called when `clock` shows `due`; without `due`, no more. What was set before
    /// is forgotten. `ring` sets the alarm again, or there is no further call.
    pub(crate) fn set<A>(
        &mut self,
        due: Option<Moment>,
        clock: &SiteClock,
        ctx: &mut Context<A>,
        ring: fn(&mut A, &mut Context<A>),
    ) where
        A: Actor<Context = Context<A>>,
    {
        let moved_by = clock.moved_by();
        if self.0.as_ref().map(|set| (set.due, set.moved_by)) == due.map(|due| (due, moved_by)) {
            return;
        }
        if let Some(set) = self.0.take() {
            ctx.cancel_future(set.handle);
        }
        if let Some(due) = due {
            let handle = ctx.run_later(clock.until(due), ring);
            self.0 = Some(Set { due, moved_by, handle });
        }
    }

    /// It has rung.
    pub(crate) fn rung(&mut self) {
        self.0 = None;
    }
}
