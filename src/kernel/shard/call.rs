//! How a hook is called, and how a life ends.

use contract::Fault;
use contract::component::Component;
use contract::context::{Context, Delivery, Identity};
use contract::id::Generation;
use contract::lifecycle::Exit;

use super::Shard;
use super::slot::{Life, Phase, Slot};
use crate::order::{Ending, LifeChange, LifeEvent, Output};
use crate::parcel::{MessageSlip, Parcel};
use crate::unwind::guarded;

/// What a hook came to that did not go well.
pub(super) enum Fate {
    /// It failed, and its life ends so.
    Crash(Box<Ending>),
    /// The life, or this carrier, was given up meanwhile: whatever it did has no effect.
    TooLate,
}

impl Shard {
    /// Calls a hook of the life in a slot, caught. What it asks for waits in `self.local`.
    #[inline]
    pub(super) fn call<R>(
        &mut self,
        number: u32,
        delivery: Delivery,
        hook: &'static str,
        code: impl FnOnce(&mut dyn Component, &mut Context<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fate> {
        let instead = if self.interposer.is_some() { self.instead.take() } else { None };
        let slot = &mut self.slots[number as usize];
        let Slot { life, block, id, .. } = slot;
        let Life { component, notes, .. } = life.as_mut().expect("the caller has looked");
        let generation = notes.generation;
        let identity = Identity { id: *id, place: block.entry(*id), life: notes };
        let mut cx = Context::new(&self.clock, delivery, identity, self.local.asked());
        self.pulse.enter(number, generation);
        let result = guarded(|| match instead {
            None => code(component.as_mut(), &mut cx),
            Some(instead) => Err(instead.come_about()),
        });
        self.pulse.leave();
        self.come_to(number, generation, hook, delivery.nth > 0, result)
    }

    /// What a hook of that life has come to.
    #[inline]
    pub(super) fn come_to<R>(
        &self,
        number: u32,
        generation: Generation,
        hook: &'static str,
        is_message: bool,
        result: Result<Result<R, Fault>, Box<Ending>>,
    ) -> Result<R, Fate> {
        if self.end.is_retired() || self.is_given_up(number, generation, is_message) {
            return Err(Fate::TooLate);
        }
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => Err(Fate::Crash(Box::new(failure(hook, fault)))),
            Err(ending) => Err(Fate::Crash(in_hook(hook, ending))),
        }
    }

    /// Whether the executive has given this life up while a hook of it still ran. A message
    /// hook that asked for nothing is not worth a look at the cell, unless orders wait: to be
    /// given up is to be killed, too.
    fn is_given_up(&self, number: u32, generation: Generation, is_message: bool) -> bool {
        let worth_a_look =
            !is_message || self.keeping || self.local.has_asked() || self.end.has_orders();
        worth_a_look && self.slots[number as usize].cell().is_over(generation)
    }

    /// Calls a hook that answers nothing, and carries out what it asked for.
    pub(super) fn call_unit(
        &mut self,
        number: u32,
        hook: &'static str,
        code: impl FnOnce(&mut dyn Component, &mut Context<'_>) -> Result<(), Fault>,
        out: &mut Vec<Output>,
    ) {
        match self.call(number, Delivery::NONE, hook, code) {
            Ok(()) => self.commit_and_end(number, out),
            Err(fate) => self.fail(number, fate, out),
        }
    }

    /// A hook without a message failed, or came too late.
    pub(super) fn fail(&mut self, number: u32, fate: Fate, out: &mut Vec<Output>) {
        match fate {
            Fate::Crash(ending) => {
                self.keep_logs_only(number, out);
                self.end(number, Some(ending), out);
            }
            Fate::TooLate => self.came_too_late(number, None, out),
        }
    }

    /// The hook of a life that was given up has come back, with a message in its hands or not.
    pub(super) fn came_too_late(
        &mut self,
        number: u32,
        in_hand: Option<MessageSlip>,
        out: &mut Vec<Output>,
    ) {
        let living = self.slots[number as usize].living();
        if self.end.is_retired() {
            return self.retire(living, in_hand, out);
        }
        self.local.forget_asked();
        if let Some(slip) = in_hand {
            self.put_back(number, slip, &Exit::Hung, out);
        }
        self.end_plainly(number, Exit::Killed, out);
    }

    /// Ends a life that no hook is to blame for.
    pub(super) fn end_plainly(&mut self, number: u32, exit: Exit, out: &mut Vec<Output>) {
        self.end(number, Some(Box::new(Ending::plain(exit))), out);
    }

    /// Drops the life's value and tells how it ended, if not as it was asked to. Messages stay in
    /// the inbox for the next life; answers and timers were this one's own.
    pub(super) fn end(
        &mut self,
        number: u32,
        mut ending: Option<Box<Ending>>,
        out: &mut Vec<Output>,
    ) {
        let slot = &mut self.slots[number as usize];
        let Some((id, generation)) = slot.living() else { return };
        let Some(Life { component, phase, .. }) = slot.life.take() else { return };
        self.timers.call_off(slot.rest.forget_timers());
        self.pulse.enter(number, generation);
        if let Err(caught) = guarded(|| drop(component)) {
            let Ending { exit, backtrace, .. } = *caught;
            let ending = ending.get_or_insert_with(|| Box::new(Ending::plain(Exit::Shutdown)));
            ending.drop_panic = Some(panic_text(exit));
            ending.backtrace.0 = ending.backtrace.0.take().or(backtrace.0);
        }
        self.pulse.leave();
        // In no other phase do they wait there, and there may be a million messages to go through.
        if phase == Phase::Paused {
            slot.rest.forget_own_mail();
        }
        slot.rest.give_room_back();
        debug_assert!(
            slot.rest.inbox.iter().all(Parcel::is_message),
            "only a paused life keeps its own"
        );
        let given_up = slot.cell().is_over(generation);
        self.note_depth(number);
        let change = ending.map_or(LifeChange::Stopped, LifeChange::Ended);
        out.push(if given_up {
            Output::ZombieEnded { id, generation }
        } else {
            Output::Life(LifeEvent { id, generation, change })
        });
    }
}

/// What has come about came about in that hook.
pub(super) fn in_hook(hook: &'static str, mut ending: Box<Ending>) -> Box<Ending> {
    ending.hook = hook;
    ending
}

/// How a life ends whose hook has failed.
fn failure(hook: &'static str, fault: Fault) -> Ending {
    let exit = Exit::Error { code: fault.code, text: fault.text.into() };
    Ending { hook, ..Ending::plain(exit) }
}

fn panic_text(exit: Exit) -> String {
    match exit {
        Exit::Panic { text, .. } => text.to_string(),
        other => other.to_string(),
    }
}
