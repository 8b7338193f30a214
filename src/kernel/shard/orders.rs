//! What the executive has a shard do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use contract::component::{Component, Progress, Start, Started};
use contract::context::{Context, Delivery, LifeNotes};
use contract::control::DeadReason;
use contract::id::{ComponentId, Generation};
use contract::lifecycle::Exit;

use super::Shard;
use super::call::{Fate, in_hook};
use super::run::Source;
use super::slot::{Life, Phase, Slot};
use super::stall::Task;
use crate::interpose::Hook;
use crate::order::{Called, LifeChange, LifeEvent, Order, Output};
use crate::parcel::Parcel;
use crate::push::push_closely;
use crate::unwind::{discard, guarded};

impl Shard {
    /// One for a slot that does not exist is ignored, as is one for a life that is over.
    pub(super) fn obey(&mut self, order: Order, out: &mut Vec<Output>) {
        let Some(id) = subject(&order) else { return self.obey_for_all(order) };
        if id.slot() as usize >= self.slots.len() {
            return discard(order);
        }
        self.end_given_up(id.slot(), out);
        match order {
            Order::Start { .. } => self.begin(id, order, out),
            Order::Stop(_, generation) => self.stop(id, generation, out),
            Order::Pause(_, generation) => self.pause(id, generation, out),
            Order::Continue(_, generation) => self.resume(id, generation, out),
            Order::Control(_, generation, code) => {
                let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.control(code, cx);
                if self.may_call(id, generation, Hook::Control(code), &order) {
                    self.tell_hook(id, "control", out);
                    self.call_unit(id.slot(), "control", hook, out);
                }
            }
            Order::Changed(_, generation, ref settings) => {
                let settings = Arc::clone(settings);
                let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.changed(&settings, cx);
                if self.may_call(id, generation, Hook::Changed, &order) {
                    self.tell_hook(id, "changed", out);
                    self.call_unit(id.slot(), "changed", hook, out);
                }
            }
            Order::Kill(_, generation, exit) => {
                if self.is_life(id.slot(), generation) {
                    self.end_plainly(id.slot(), *exit, out);
                }
            }
            Order::Remove(_) => self.remove(id.slot(), out),
            Order::Place(_) | Order::Wake => {}
        }
    }

    /// A life that the executive has given up takes no order any more, also of those that lie
    /// ahead of the kill: none of its hooks is called again.
    fn end_given_up(&mut self, number: u32, out: &mut Vec<Output>) {
        let slot = &self.slots[number as usize];
        if slot.living().is_some_and(|(_, generation)| slot.cell().is_over(generation)) {
            self.end_plainly(number, Exit::Killed, out);
        }
    }

    fn obey_for_all(&mut self, order: Order) {
        match order {
            Order::Place(id) => self.place(id),
            // Timers are looked at in every turn; what waits for room has its turn too.
            _ => self.relieved = true,
        }
    }

    fn place(&mut self, id: ComponentId) {
        assert_eq!(
            (id.shard(), id.slot() as usize),
            (self.number, self.slots.len()),
            "the executive and the shard count slots alike"
        );
        let block = self.board.block(id).expect("a component is on the board before it is placed");
        let slot = Slot::new(id, Arc::clone(block));
        slot.cell().place(u32::try_from(slot.inbox_max()).unwrap_or(u32::MAX));
        // An earlier carrier may have left it full.
        self.board.set_full(slot.cell(), false);
        push_closely(&mut self.slots, slot);
    }

    /// Begins a life, unless there is one, or the component was removed.
    fn begin(&mut self, id: ComponentId, order: Order, out: &mut Vec<Output>) {
        let Order::Start { generation, ref settings, ref registry, then_pause, .. } = order else {
            return;
        };
        self.take_over(out);
        let slot = &self.slots[id.slot() as usize];
        debug_assert!(slot.life.is_none(), "one life at a time");
        if slot.removed || slot.life.is_some() {
            return;
        }
        if self.stalls_in(id.slot(), generation, &Hook::Start) {
            return self.stall(Task::Order(order));
        }
        let start = Start { settings, registry };
        if self.make_life(id, generation, then_pause, out) {
            self.start(id, &start, out);
        }
    }

    /// What a store has kept lies in the lane before the first life begins. What that life sends
    /// to its neighbours does not go through the lane, and must not overtake it.
    fn take_over(&mut self, out: &mut Vec<Output>) {
        if !std::mem::take(&mut self.fresh) {
            return;
        }
        while self.has_at_hand(Source::Lane) && self.end.begin_steadily() {
            if let Some(parcel) = self.batch.take_first() {
                self.dispatch(parcel, out);
            }
        }
    }

    /// Has the factory make a life; false if it did not.
    fn make_life(
        &mut self,
        id: ComponentId,
        generation: Generation,
        then_pause: bool,
        out: &mut Vec<Output>,
    ) -> bool {
        let number = id.slot();
        let entry = self.slots[number as usize].block.entry(id);
        entry.lease.store(0, std::sync::atomic::Ordering::Relaxed);
        self.pulse.enter(number, generation);
        let made = guarded(|| (entry.registration().factory)());
        self.pulse.leave();
        if self.end.is_retired() {
            discard(made);
            self.retire(Some((id, generation)), None, out);
            return false;
        }
        let slot = &mut self.slots[number as usize];
        let too_late = slot.cell().is_over(generation);
        match made {
            Ok(component) if !too_late => {
                let (phase, notes) = (Phase::Starting, LifeNotes::new(generation));
                slot.life = Some(Life { component, notes, phase, then_pause });
                return true;
            }
            Err(caught) if !too_late => {
                self.instead = None;
                let change = LifeChange::Ended(in_hook("start", caught));
                out.push(Output::Life(LifeEvent { id, generation, change }));
            }
            made => {
                self.instead = None;
                discard(made);
                out.push(Output::ZombieEnded { id, generation });
            }
        }
        false
    }

    fn start(&mut self, id: ComponentId, start: &Start<'_>, out: &mut Vec<Output>) {
        let number = id.slot();
        self.tell_hook(id, "start", out);
        let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.start(start, cx);
        match self.call(number, Delivery::NONE, "start", hook) {
            Ok(Started::Running) => {
                self.finish(number, out);
                self.commit_and_end(number, out);
            }
            Ok(Started::Pending { hint }) => self.go_on(number, hint, out),
            Ok(Started::NotApplicable(why)) => {
                self.keep_logs_only(number, out);
                self.end_plainly(number, Exit::Ignore(why), out);
            }
            Err(fate) => self.fail(number, fate, out),
        }
    }

    fn stop(&mut self, id: ComponentId, generation: Generation, out: &mut Vec<Output>) {
        let number = id.slot();
        let Some(life) = self.slots[number as usize].life_of(generation) else { return };
        let is_paused = life.phase == Phase::Paused;
        match life.phase {
            Phase::Stopping => return,
            // The stop hook belongs to a start that went well; this one never did.
            Phase::Starting => {
                return self.end(number, None, out);
            }
            Phase::Running | Phase::Pausing | Phase::Paused | Phase::Resuming => {}
        }
        if self.stalls(number, &Hook::Stop) {
            return self.stall(Task::Order(Order::Stop(id, generation)));
        }
        self.set_phase(number, Phase::Stopping);
        if is_paused {
            self.release_own_mail(number);
        }
        self.tell_hook(id, "stop", out);
        let result = self.call(number, Delivery::NONE, "stop", |c, cx| c.stop(cx));
        self.progressed(number, result, out);
    }

    fn pause(&mut self, id: ComponentId, generation: Generation, out: &mut Vec<Output>) {
        let number = id.slot();
        if !self.is_in(id, generation, Phase::Running) {
            return;
        }
        if self.stalls(number, &Hook::Pause) {
            return self.stall(Task::Order(Order::Pause(id, generation)));
        }
        self.set_phase(number, Phase::Pausing);
        self.tell_hook(id, "pause", out);
        let result = self.call(number, Delivery::NONE, "pause", |c, cx| c.pause(cx));
        self.progressed(number, result, out);
    }

    fn resume(&mut self, id: ComponentId, generation: Generation, out: &mut Vec<Output>) {
        let number = id.slot();
        if !self.is_in(id, generation, Phase::Paused) {
            return;
        }
        if self.stalls(number, &Hook::Resume) {
            return self.stall(Task::Order(Order::Continue(id, generation)));
        }
        self.set_phase(number, Phase::Resuming);
        self.release_own_mail(number);
        self.tell_hook(id, "resume", out);
        let result = self.call(number, Delivery::NONE, "resume", |c, cx| c.resume(cx));
        self.progressed(number, result, out);
    }

    /// Closes a slot: what waits in it, and what still comes, is set aside.
    fn remove(&mut self, number: u32, out: &mut Vec<Output>) {
        self.end_plainly(number, Exit::Killed, out);
        let slot = &mut self.slots[number as usize];
        slot.removed = true;
        for parcel in slot.rest.take_inbox() {
            self.bury_letter(parcel, DeadReason::Removed, out);
        }
        self.note_depth(number);
    }

    fn is_in(&mut self, id: ComponentId, generation: Generation, phase: Phase) -> bool {
        let life = self.slots[id.slot() as usize].life_of(generation);
        life.is_some_and(|life| life.phase == phase)
    }

    fn set_phase(&mut self, number: u32, phase: Phase) {
        if let Some(life) = &mut self.slots[number as usize].life {
            life.phase = phase;
        }
    }

    /// Whether an order's hook is to be called now: that life is there, neither starting nor
    /// stopping, and its hook comes back.
    fn may_call(
        &mut self,
        id: ComponentId,
        generation: Generation,
        hook: Hook<'_>,
        order: &Order,
    ) -> bool {
        let life = self.slots[id.slot() as usize].life_of(generation);
        let settled =
            life.is_some_and(|life| !matches!(life.phase, Phase::Starting | Phase::Stopping));
        if settled && self.stalls(id.slot(), &hook) {
            let task = match order {
                Order::Control(id, generation, code) => Order::Control(*id, *generation, *code),
                Order::Changed(id, generation, new) => {
                    Order::Changed(*id, *generation, Arc::clone(new))
                }
                _ => return false,
            };
            self.stall(Task::Order(task));
            return false;
        }
        settled
    }

    /// What a stop, pause or resume hook has answered.
    fn progressed(&mut self, number: u32, result: Result<Progress, Fate>, out: &mut Vec<Output>) {
        match result {
            Ok(Progress::Done) => {
                let exits = self.commit(number, out);
                self.finish(number, out);
                if exits {
                    self.end_plainly(number, Exit::Normal, out);
                }
            }
            Ok(Progress::Pending { hint }) => self.go_on(number, hint, out),
            Err(fate) => self.fail(number, fate, out),
        }
    }

    /// A hook has begun what is finished later.
    fn go_on(&mut self, number: u32, hint: Duration, out: &mut Vec<Output>) {
        self.tell(number, LifeChange::Checkpoint(hint), out);
        self.commit_and_end(number, out);
    }

    /// Answers and timers that waited with the messages while it was paused have their turn as
    /// soon as it is not: a pending resume or stop may need them to get on. It goes through the
    /// whole inbox; in no other phase do they wait there.
    fn release_own_mail(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        if !slot.has_mail {
            return;
        }
        let (messages, own): (VecDeque<_>, VecDeque<_>) =
            slot.rest.take_inbox().into_iter().partition(Parcel::is_message);
        slot.rest.inbox = messages;
        self.note_depth(number);
        own.into_iter().for_each(|parcel| self.local.push(parcel));
    }

    /// A pending phase is finished.
    pub(super) fn finish(&mut self, number: u32, out: &mut Vec<Output>) {
        let Slot { life: Some(life), id, .. } = &self.slots[number as usize] else { return };
        let (id, generation) = (*id, life.notes.generation);
        match life.phase {
            Phase::Starting if life.then_pause => {
                self.enter(number, Phase::Running, LifeChange::Started, out);
                self.pause(id, generation, out);
            }
            Phase::Starting => self.enter(number, Phase::Running, LifeChange::Started, out),
            Phase::Pausing => self.enter(number, Phase::Paused, LifeChange::Paused, out),
            Phase::Resuming => self.enter(number, Phase::Running, LifeChange::Continued, out),
            Phase::Stopping => self.end(number, None, out),
            // It says so once too often.
            Phase::Running | Phase::Paused => {}
        }
    }

    fn enter(&mut self, number: u32, phase: Phase, change: LifeChange, out: &mut Vec<Output>) {
        self.set_phase(number, phase);
        self.tell(number, change, out);
        self.make_ready(number);
    }

    pub(super) fn tell(&self, number: u32, change: LifeChange, out: &mut Vec<Output>) {
        if let Some((id, generation)) = self.slots[number as usize].living() {
            out.push(Output::Life(LifeEvent { id, generation, change }));
        }
    }

    fn tell_hook(&self, id: ComponentId, hook: &'static str, out: &mut Vec<Output>) {
        self.tell_trace(id.slot(), ComponentId::OUTSIDE, Called::Hook(hook), out);
    }

    pub(super) fn is_life(&self, number: u32, generation: Generation) -> bool {
        let slot = self.slots.get(number as usize);
        slot.is_some_and(|slot| slot.living().is_some_and(|(_, living)| living == generation))
    }
}

/// Whose slot an order needs, if it needs one.
fn subject(order: &Order) -> Option<ComponentId> {
    match order {
        Order::Place(_) | Order::Wake => None,
        Order::Start { id, .. } | Order::Remove(id) => Some(*id),
        Order::Stop(id, _) | Order::Pause(id, _) | Order::Continue(id, _) => Some(*id),
        Order::Control(id, ..) | Order::Changed(id, ..) | Order::Kill(id, ..) => Some(*id),
    }
}
