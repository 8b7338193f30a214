//! Where mail comes from, and how it gets to the hooks or into an inbox.

use contract::component::Component;
use contract::context::{Context, Delivery};
use contract::control::DeadReason;
use contract::effect::Answer;
use contract::id::{ComponentId, Generation, MessageId, Ticket};
use contract::lifecycle::Exit;
use contract::message::Message;

use super::call::Fate;
use super::slot::{Life, Phase};
use super::stall::Task;
use super::{Shard, dead};
use crate::interpose::{Envelope, Hook, MessageVerdict};
use crate::order::{Called, Ending, Output};
use crate::parcel::{AnswerSlip, MessageSlip, Parcel, TimerSlip};
use crate::timers::Timer;
use crate::unwind::{discard, guarded};

impl Shard {
    /// Serves the first timer that is due; false if there is none.
    pub(super) fn take_timer(&mut self, out: &mut Vec<Output>) -> bool {
        while let Some(Timer { at, serial, slot: number }) = self.timers.take_due(self.clock.now) {
            let slot = &mut self.slots[number as usize];
            let Some(&Life { notes, phase, .. }) = slot.life.as_ref() else { continue };
            let Some(key) = slot.key_of(serial) else { continue };
            if phase == Phase::Paused {
                let timer = Box::new(TimerSlip { generation: notes.generation, key, serial });
                let parcel = Parcel::Timer { to: slot.id, timer };
                slot.rest.inbox.push_back(parcel);
                self.note_depth(number);
            } else {
                // What is set from here counts from when this was due, so that a daily timer
                // does not creep through the day on a machine that is a little late each time.
                self.base = at;
                self.ring(number, serial, out);
                self.base = self.clock.now;
            }
            return true;
        }
        false
    }

    /// Delivers the first message of the first ready inbox; false if there is none.
    pub(super) fn take_retained(&mut self, out: &mut Vec<Output>) -> bool {
        while let Some(number) = self.ready.pop_front() {
            let slot = &mut self.slots[number as usize];
            slot.ready = false;
            if !slot.is_running() {
                continue;
            }
            let Some(parcel) = slot.rest.inbox.pop_front() else { continue };
            self.note_depth(number);
            self.deliver(number, parcel, out);
            self.make_ready(number);
            return true;
        }
        false
    }

    /// Puts a running component with waiting mail on the ready list.
    pub(super) fn make_ready(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        if slot.is_running() && !slot.rest.inbox.is_empty() && !slot.ready {
            slot.ready = true;
            self.ready.push_back(number);
        }
    }

    /// Takes in a parcel from the lane or from this shard. An interposer has its say first.
    pub(super) fn dispatch(&mut self, parcel: Parcel, out: &mut Vec<Output>) {
        if parcel.to().shard() != self.number {
            return self.forward(parcel, out);
        }
        if self.interposer.is_none() {
            return self.accept(parcel, out);
        }
        match self.verdict(&parcel) {
            MessageVerdict::Pass => self.accept(parcel, out),
            MessageVerdict::Lose => {
                if let Some(message_id) = parcel.message_id() {
                    out.push(Output::Vanished { to: parcel.to(), message_id });
                }
                discard(parcel);
            }
            MessageVerdict::Delay(by) => out.push(Output::Delayed { parcel: passed(parcel), by }),
            MessageVerdict::Duplicate => {
                let parcel = passed(parcel);
                let copy = copy_of(&parcel);
                self.accept(parcel, out);
                match copy {
                    Some(copy) if self.gone => self.hand_back(copy),
                    Some(copy) if self.is_stuck() => self.near.push_front(copy),
                    Some(copy) => self.accept(copy, out),
                    None => {}
                }
            }
        }
    }

    fn verdict(&mut self, parcel: &Parcel) -> MessageVerdict {
        let Some(interposer) = &mut self.interposer else { return MessageVerdict::Pass };
        let message = match parcel {
            Parcel::Message { message, .. } => message,
            Parcel::Slip { slip, .. } if !slip.passed => &slip.message,
            _ => return MessageVerdict::Pass,
        };
        let Some(id) = parcel.message_id() else { return MessageVerdict::Pass };
        interposer.on_message(&Envelope { id, to: parcel.to(), message })
    }

    /// Delivers a parcel now, or keeps it until it may be delivered.
    fn accept(&mut self, parcel: Parcel, out: &mut Vec<Output>) {
        let number = parcel.to().slot();
        let Some(slot) = self.slots.get(number as usize) else {
            return self.drop_unknown(parcel, out);
        };
        let now = match (&slot.life, &parcel) {
            (_, Parcel::Ask { shard, .. }) => return self.asked(number, *shard),
            (life, Parcel::Message { .. } | Parcel::Slip { .. }) => {
                if (slot.full || !self.waiting.is_empty())
                    && let Some(sender) = self.waits_with(&parcel, slot.full)
                {
                    return self.press(sender, parcel, out);
                }
                life.as_ref().is_some_and(|life| life.phase == Phase::Running) && !slot.has_mail
            }
            (Some(life), _) => life.phase.takes_own_mail(),
            // Its life is over, and with it everything it asked for.
            (None, _) => return,
        };
        if now {
            self.deliver(number, parcel, out);
        } else {
            self.retain(number, parcel, out);
        }
    }

    /// What a component of this shard had sent to another shard when its carrier was lost.
    fn forward(&mut self, parcel: Parcel, out: &mut Vec<Output>) {
        let from = parcel.message_id().map(|id| id.from);
        let sender = from.filter(|from| {
            from.shard() == self.number && (from.slot() as usize) < self.slots.len()
        });
        match (self.lanes.get(usize::from(parcel.to().shard())), sender) {
            (None, _) => discard(parcel),
            (Some(_), Some(sender)) => self.send_away(sender.slot(), parcel, out),
            (Some(lane), None) => lane.send(parcel),
        }
    }

    fn drop_unknown(&mut self, parcel: Parcel, out: &mut Vec<Output>) {
        if let Some(id) = parcel.message_id() {
            self.settle(parcel.to(), id, out);
        }
        discard(parcel);
    }

    /// Puts a parcel at the end of an inbox.
    pub(super) fn retain(&mut self, number: u32, parcel: Parcel, out: &mut Vec<Output>) {
        let slot = &mut self.slots[number as usize];
        if slot.removed {
            return self.bury_letter(parcel, DeadReason::Removed, out);
        }
        slot.rest.inbox.push_back(parcel);
        self.note_depth(number);
    }

    pub(super) fn deliver(&mut self, number: u32, parcel: Parcel, out: &mut Vec<Output>) {
        match parcel {
            Parcel::Message { from, number: sent, message, .. } => {
                let id = MessageId { from, number: sent };
                let slip = MessageSlip { id, message, expires: None, failed: 0, passed: true };
                self.deliver_message(number, slip, out);
            }
            Parcel::Slip { slip, .. } => self.deliver_slip(number, *slip, out),
            Parcel::Answer { answer, .. } => {
                let AnswerSlip { generation, ticket, answer } = *answer;
                if self.is_life(number, generation) {
                    self.deliver_answer(number, generation, ticket, answer, out);
                }
            }
            Parcel::Timer { timer, .. } => {
                let TimerSlip { generation, serial, .. } = *timer;
                if self.is_life(number, generation) {
                    self.ring(number, serial, out);
                }
            }
            Parcel::Ask { .. } => {}
        }
    }

    /// Delivers a message, unless its time is over. One whose turn comes at the very moment is
    /// still good.
    fn deliver_slip(&mut self, number: u32, slip: MessageSlip, out: &mut Vec<Output>) {
        let to = ComponentId::new(self.number, number);
        let deliveries = slip.failed;
        if slip.expires.is_some_and(|expires| expires < self.clock.now) {
            self.bury_message(to, slip, DeadReason::Expired, out);
        } else if deliveries >= self.poison_after(number) {
            // Its last delivery never came back.
            let reason = DeadReason::Poison { deliveries, exit: Exit::Hung };
            self.bury_message(to, slip, reason, out);
        } else {
            self.deliver_message(number, slip, out);
        }
    }

    pub(super) fn deliver_message(
        &mut self,
        number: u32,
        slip: MessageSlip,
        out: &mut Vec<Output>,
    ) {
        let to = ComponentId::new(self.number, number);
        let MessageSlip { id, message, failed, .. } = &slip;
        let (id, delivery) = (*id, failed.saturating_add(1));
        if self.keeping {
            self.pulse.hand(id, delivery);
        }
        if self.stalls(number, &Hook::Message { id, message, delivery }) {
            return self.stall(Task::Parcel(number, Parcel::Slip { to, slip: Box::new(slip) }));
        }
        self.tell_trace(number, id.from, Called::Message { name: message.name(), id }, out);
        let delivery = Delivery { message: id, nth: delivery };
        let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.message(message, cx);
        let result = self.call(number, delivery, "message", hook);
        if self.keeping {
            self.pulse.take_back();
        }
        self.conclude(number, slip, result, out);
    }

    /// A message was handed to its hook, and that is what came of it.
    pub(super) fn conclude(
        &mut self,
        number: u32,
        slip: MessageSlip,
        result: Result<(), Fate>,
        out: &mut Vec<Output>,
    ) {
        match result {
            Ok(()) => {
                let exits = self.commit(number, out);
                self.settle(ComponentId::new(self.number, number), slip.id, out);
                if let Message::Value(payload) = slip.message {
                    discard(payload);
                }
                if exits {
                    self.end_plainly(number, Exit::Normal, out);
                }
            }
            Err(Fate::Crash(ending)) => self.message_failed(number, slip, ending, out),
            Err(Fate::TooLate) => self.came_too_late(number, Some(slip), out),
        }
    }

    /// A life ended with a message in its hands.
    fn message_failed(
        &mut self,
        number: u32,
        slip: MessageSlip,
        mut ending: Box<Ending>,
        out: &mut Vec<Output>,
    ) {
        let id = slip.id;
        self.keep_logs_only(number, out);
        let failed = self.put_back(number, slip, &ending.exit, out);
        ending.message = Some((id, failed));
        self.end(number, Some(ending), out);
    }

    /// Puts a message whose delivery failed back to the head of its inbox, or sets it aside if
    /// that was once too often. Answers how often it has failed.
    pub(super) fn put_back(
        &mut self,
        number: u32,
        mut slip: MessageSlip,
        exit: &Exit,
        out: &mut Vec<Output>,
    ) -> u8 {
        slip.failed = slip.failed.saturating_add(1);
        let (to, failed, message_id) =
            (ComponentId::new(self.number, number), slip.failed, slip.id);
        if failed >= self.poison_after(number) {
            let reason = DeadReason::Poison { deliveries: failed, exit: exit.clone() };
            self.bury_message(to, slip, reason, out);
        } else {
            if self.keeping {
                out.push(Output::Failed { to, message_id, failed });
            }
            let parcel = Parcel::Slip { to, slip: Box::new(slip) };
            self.slots[number as usize].rest.inbox.push_front(parcel);
            self.note_depth(number);
        }
        failed
    }

    fn poison_after(&self, number: u32) -> u8 {
        self.slots[number as usize].registration().descriptor.poison_after.max(1)
    }

    /// Sets aside what waits for, or comes for, a component that takes no more.
    pub(super) fn bury_letter(
        &mut self,
        parcel: Parcel,
        reason: DeadReason,
        out: &mut Vec<Output>,
    ) {
        let to = parcel.to();
        let Some(id) = parcel.message_id() else { return discard(parcel) };
        match parcel {
            Parcel::Message { message, .. } => self.bury(to, id, message, reason, out),
            Parcel::Slip { slip, .. } => self.bury(to, id, slip.message, reason, out),
            other => discard(other),
        }
    }

    fn bury_message(
        &mut self,
        to: ComponentId,
        slip: MessageSlip,
        reason: DeadReason,
        out: &mut Vec<Output>,
    ) {
        self.bury(to, slip.id, slip.message, reason, out);
    }

    fn bury(
        &mut self,
        to: ComponentId,
        message_id: MessageId,
        message: Message,
        reason: DeadReason,
        out: &mut Vec<Output>,
    ) {
        let (name, text) = (message.name(), dead::text_of(&message));
        let reason = Box::new(reason);
        out.push(Output::DeadLetter { to, message_id, name, text, reason });
        self.settle(to, message_id, out);
        discard(message);
    }

    /// Nobody need keep that message any longer.
    pub(super) fn settle(&self, to: ComponentId, message_id: MessageId, out: &mut Vec<Output>) {
        if self.keeping {
            out.push(Output::Settled { to, message_id });
        }
    }

    fn deliver_answer(
        &mut self,
        number: u32,
        generation: Generation,
        ticket: Ticket,
        answer: Answer,
        out: &mut Vec<Output>,
    ) {
        if self.stalls(number, &Hook::Answer) {
            let to = ComponentId::new(self.number, number);
            let parcel = Parcel::answer(to, generation, ticket, answer);
            return self.stall(Task::Parcel(number, parcel));
        }
        self.tell_trace(number, ComponentId::OUTSIDE, Called::Answer(ticket), out);
        let hook = |c: &mut dyn Component, cx: &mut Context<'_>| c.answer(ticket, answer, cx);
        self.call_unit(number, "answer", hook, out);
    }

    /// Calls the timer hook, if that setting of the timer still counts.
    pub(super) fn ring(&mut self, number: u32, serial: u64, out: &mut Vec<Output>) {
        let slot = &self.slots[number as usize];
        let Some(key) = slot.key_of(serial).filter(|_| slot.life.is_some()) else { return };
        if self.stalls(number, &Hook::Timer(key)) {
            return self.stall(Task::Timer { number, serial, base: self.base });
        }
        self.slots[number as usize].forget_timer(key);
        self.tell_trace(number, ComponentId::OUTSIDE, Called::Timer(key), out);
        self.call_unit(number, "timer", |component, cx| component.timer(key, cx), out);
    }

    pub(super) fn tell_trace(
        &self,
        number: u32,
        from: ComponentId,
        what: Called,
        out: &mut Vec<Output>,
    ) {
        if !self.trace {
            return;
        }
        if let Some((id, generation)) = self.slots[number as usize].living() {
            out.push(Output::Trace { id, generation, from, what });
        }
    }
}

/// The same message, marked so that no interposer is asked about it again.
pub(super) fn passed(parcel: Parcel) -> Parcel {
    match parcel {
        Parcel::Message { to, from, number, message } => {
            let id = MessageId { from, number };
            let slip = MessageSlip { id, message, expires: None, failed: 0, passed: true };
            Parcel::Slip { to, slip: Box::new(slip) }
        }
        Parcel::Slip { to, mut slip } => {
            slip.passed = true;
            Parcel::Slip { to, slip }
        }
        other => other,
    }
}

/// A copy of a message that has passed; none if its own code will not make one.
fn copy_of(parcel: &Parcel) -> Option<Parcel> {
    let Parcel::Slip { to, slip } = parcel else { return None };
    let message = guarded(|| slip.message.clone()).ok()?;
    let MessageSlip { id, expires, failed, passed, .. } = **slip;
    let slip = Box::new(MessageSlip { id, message, expires, failed, passed });
    Some(Parcel::Slip { to: *to, slip })
}
