//! Where an interposer gets in between a hook and its call: it can have the hook panic, fail,
//! or not come back until somebody says so.

use std::sync::Arc;

use contract::Fault;
use contract::id::{ComponentId, Generation};
use contract::time::Moment;

use super::{Clock, Shard, Turn};
use crate::interpose::{CallVerdict, Hook, HookCall};
use crate::order::{Order, Output};
use crate::parcel::Parcel;
use crate::unwind::discard;

/// What a stuck hook was to be called for.
#[derive(Debug)]
pub(super) enum Task {
    Parcel(u32, Parcel),
    Timer { number: u32, serial: u64, base: Moment },
    Order(Order),
}

/// A hook that does not come back.
#[derive(Debug)]
pub(super) struct Stalled {
    id: ComponentId,
    generation: Generation,
    /// None until whoever was about to call the hook has put it down.
    task: Option<Task>,
}

/// What happens in place of a hook.
#[derive(Debug)]
pub(super) enum Instead {
    Panic(String),
    Fail(Fault),
}

impl Instead {
    /// Panics, or answers the fault.
    pub(super) fn come_about(self) -> Fault {
        match self {
            Instead::Panic(text) => panic!("{text}"),
            Instead::Fail(fault) => fault,
        }
    }
}

impl Shard {
    /// Asks the interposer about a hook of the life in that slot. True if the hook does not
    /// come back: then the caller puts down with [`Shard::stall`] what it was to be called for.
    pub(super) fn stalls(&mut self, number: u32, hook: &Hook<'_>) -> bool {
        if self.interposer.is_none() {
            return false;
        }
        match self.slots[number as usize].living() {
            Some((_, generation)) => self.stalls_in(number, generation, hook),
            None => false,
        }
    }

    /// The same for a life that is about to begin.
    pub(super) fn stalls_in(
        &mut self,
        number: u32,
        generation: Generation,
        hook: &Hook<'_>,
    ) -> bool {
        let Some(interposer) = &mut self.interposer else { return false };
        if std::mem::take(&mut self.excused) {
            return false;
        }
        let id = ComponentId::new(self.number, number);
        let name = Arc::clone(&self.slots[number as usize].registration().name);
        let verdict = interposer.on_call(&HookCall { id, name: &name, generation, hook: *hook });
        match verdict {
            CallVerdict::Pass => {}
            CallVerdict::Panic(text) => self.instead = Some(Instead::Panic(text)),
            CallVerdict::Fail(code, text) => {
                self.instead = Some(Instead::Fail(Fault { code, text }));
            }
            CallVerdict::Stall => {
                self.pulse.enter(number, generation);
                self.stalled = Some(Stalled { id, generation, task: None });
                return true;
            }
        }
        false
    }

    pub(super) fn stall(&mut self, task: Task) {
        if let Some(stalled) = &mut self.stalled {
            stalled.task = Some(task);
        }
    }

    /// Whether a hook does not come back, or the carrier has been given up.
    pub(super) fn is_stuck(&self) -> bool {
        self.stalled.is_some() || self.gone
    }

    /// The life whose hook does not come back, if there is one. While there is, the shard does
    /// nothing.
    pub fn stalled(&self) -> Option<(ComponentId, Generation)> {
        self.stalled.as_ref().map(|stalled| (stalled.id, stalled.generation))
    }

    /// The hook that did not come back does so: it is called now, and the interposer is not
    /// asked about it again. The rest is for the next [`Shard::step`].
    pub fn unstall(&mut self, clock: Clock, out: &mut Vec<Output>) -> Turn {
        self.begin_turn(clock);
        let Some(Stalled { task: Some(task), .. }) = self.stalled.take() else {
            return self.end_turn(0);
        };
        self.pulse.leave();
        self.pulse.take_back();
        self.excused = true;
        match task {
            Task::Parcel(number, parcel) => self.resume_parcel(number, parcel, out),
            Task::Timer { number, serial, base } => {
                self.base = base;
                self.ring(number, serial, out);
            }
            Task::Order(order) => self.obey(order, out),
        }
        // Nobody was to be called any more.
        self.excused = false;
        self.base = clock.now;
        if self.end.is_retired() && !self.gone {
            self.retire(None, None, out);
        }
        self.end_turn(1)
    }

    fn resume_parcel(&mut self, number: u32, parcel: Parcel, out: &mut Vec<Output>) {
        match parcel {
            // Its turn had come before the hook got stuck: it does not expire now.
            Parcel::Slip { slip, .. } => self.deliver_message(number, *slip, out),
            other => self.deliver(number, other, out),
        }
        self.make_ready(number);
    }

    pub(super) fn forget_stalled(&mut self) {
        if let Some(Stalled { task: Some(task), .. }) = self.stalled.take() {
            discard(task);
        }
    }
}
