//! A hook's view of its own life, and the list of what it asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::effect::{Effect, Expiring, LogText, Request};
use crate::id::{ComponentId, Generation, MessageId, Ticket};
use crate::message::Message;
use crate::status::{Severity, StatusMessage};
use crate::time::{Moment, WallTime};

/// What a component's name can be had from, when a hook asks for it.
pub trait Named: std::fmt::Debug {
    /// The name.
    fn name(&self) -> &Arc<str>;
}

impl Named for Arc<str> {
    fn name(&self) -> &Arc<str> {
        self
    }
}

/// Who a life is: the same over the whole of it.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Where the component's name is: few hooks ask for it, so nobody looks before one does.
    pub name: &'a dyn Named,
    /// Its place in the host.
    pub id: ComponentId,
    /// Which of its lives this is.
    pub generation: Generation,
}

/// Handed to every hook: what time it is, who is asking, and a list to put effects on.
///
/// Nothing happens while the hook runs; the host carries the list out when it returns.
#[derive(Debug)]
pub struct Context<'a> {
    call: Call,
    identity: Identity<'a>,
    tickets: &'a mut u64,
    effects: &'a mut Vec<Effect>,
    lease: &'a AtomicU64,
}

/// What differs from one call of a hook to the next.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The host's monotonic clock.
    pub now: Moment,
    /// The site's wall clock.
    pub utc: WallTime,
    /// The message that is handled; its sender is [`ComponentId::OUTSIDE`] in other hooks.
    pub message: MessageId,
    /// Which delivery of that message this is, from 1; 0 in other hooks.
    pub delivery: u8,
}

impl Call {
    /// A call that hands no message over.
    pub fn plain(now: Moment, utc: WallTime) -> Self {
        let message = MessageId { from: ComponentId::OUTSIDE, number: 0 };
        Call { now, utc, message, delivery: 0 }
    }
}

impl<'a> Context<'a> {
    /// What a host makes for each call. `tickets` is the last ticket number of this life;
    /// `effects` is appended to; `lease` is where the watchdog reads until when the hook may
    /// take, in nanoseconds of the host's clock.
    pub fn new(
        call: Call,
        identity: Identity<'a>,
        tickets: &'a mut u64,
        effects: &'a mut Vec<Effect>,
        lease: &'a AtomicU64,
    ) -> Self {
        Context { call, identity, tickets, effects, lease }
    }

    /// The host's monotonic clock. The same during the whole hook.
    pub fn now(&self) -> Moment {
        self.call.now
    }

    /// The site's wall clock, in UTC. The same during the whole hook.
    pub fn utc(&self) -> WallTime {
        self.call.utc
    }

    /// The component's name.
    pub fn name(&self) -> &'a str {
        self.identity.name.name()
    }

    /// The component's place in its host.
    pub fn id(&self) -> ComponentId {
        self.identity.id
    }

    /// Which of the component's lives this is.
    pub fn generation(&self) -> Generation {
        self.identity.generation
    }

    /// Who sent the message that is being handled; [`ComponentId::OUTSIDE`] in other hooks.
    pub fn sender(&self) -> ComponentId {
        self.call.message.from
    }

    /// Which message is being handled: the same at every delivery of it.
    pub fn message_id(&self) -> MessageId {
        self.call.message
    }

    /// Which delivery of the message this is, from 1. A message comes again when the life that
    /// was handed it ended before it had handled it.
    pub fn delivery(&self) -> u8 {
        self.call.delivery
    }

    /// This hook, or the next one, may take until so long from now before the watchdog takes
    /// the component for hung. At once: it counts while the hook still runs (lifecycle.md 3.10).
    pub fn lease(&mut self, lease: Duration) {
        let until = self.call.now + lease;
        self.lease.store(until.0, Ordering::Relaxed);
    }

    /// Sends `message`. Messages from one sender to one receiver arrive in order; a receiver
    /// that does not run gets them when it does.
    pub fn send(&mut self, to: ComponentId, message: impl Into<Message>) {
        self.effects.push(Effect::Send { to, message: message.into() });
    }

    /// Sends `message`, which is of no use if its turn has not come within `within`: then it is
    /// set aside as a dead letter.
    pub fn send_within(&mut self, to: ComponentId, message: impl Into<Message>, within: Duration) {
        let expiring = Expiring { to, message: message.into(), within };
        self.effects.push(Effect::SendWithin(Box::new(expiring)));
    }

    /// Sends `message` to the component of that name, if the host has one.
    pub fn send_by_name(&mut self, to: &'static str, message: impl Into<Message>) {
        self.effects.push(Effect::SendByName { to, message: message.into() });
    }

    /// Has `timer(key)` called after `delay`. A timer with the same key is replaced.
    pub fn after(&mut self, delay: Duration, key: &'static str) {
        self.effects.push(Effect::After { delay, key });
    }

    /// Forgets the timer with that key.
    pub fn cancel(&mut self, key: &'static str) {
        self.effects.push(Effect::Cancel { key });
    }

    /// Asks for something outside; `answer` is called with this ticket, unless the life ends.
    pub fn request(&mut self, request: Request) -> Ticket {
        *self.tickets += 1;
        let ticket = Ticket(*self.tickets);
        self.effects.push(Effect::Request { ticket, request: Box::new(request) });
        ticket
    }

    /// Reports a status message.
    pub fn report(&mut self, message: StatusMessage) {
        self.effects.push(Effect::Report(Box::new(message)));
    }

    /// Writes a line to the component's log.
    pub fn log(&mut self, text: impl Into<String>) {
        self.log_at(Severity::Informational, text);
    }

    /// Writes a warning to the component's log.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.log_at(Severity::Warning, text);
    }

    /// Writes an error to the component's log.
    pub fn error(&mut self, text: impl Into<String>) {
        self.log_at(Severity::Error, text);
    }

    fn log_at(&mut self, severity: Severity, text: impl Into<String>) {
        self.effects.push(Effect::Log(Box::new(LogText { severity, text: text.into() })));
    }

    /// Keeps a value for the component's next lives.
    pub fn remember(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into().into_boxed_str();
        self.effects.push(Effect::Remember { name, value });
    }

    /// A pending start, stop, pause or resume made progress; the next checkpoint comes within
    /// `hint`.
    pub fn checkpoint(&mut self, hint: Duration) {
        self.effects.push(Effect::Checkpoint { hint });
    }

    /// A pending start, stop, pause or resume is finished.
    pub fn done(&mut self) {
        self.effects.push(Effect::Done);
    }

    /// The component ends itself, as it meant to.
    pub fn exit(&mut self) {
        self.effects.push(Effect::Exit);
    }
}
