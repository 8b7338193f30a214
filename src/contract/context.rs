//! A hook's view of its own life, and the list of what it asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::effect::{Asked, Effect, Expiring, LogText, Request, WordSlip};
use crate::id::{ComponentId, Generation, MessageId, Ticket};
use crate::message::Message;
use crate::status::{Severity, StatusMessage};
use crate::time::{Clock, Moment, WallTime};

/// Where a component is at home, as far as its hooks may know.
pub trait Place: std::fmt::Debug {
    /// The component's name.
    fn name(&self) -> &Arc<str>;

    /// Where the watchdog reads until when the hook may take, in nanoseconds of the host's clock.
    fn lease(&self) -> &AtomicU64;
}

/// A place in no host: a name, and a lease that nobody watches.
#[derive(Debug)]
pub struct Hostless {
    name: Arc<str>,
    lease: AtomicU64,
}

impl Hostless {
    /// A place with that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Hostless { name: name.into(), lease: AtomicU64::new(0) }
    }
}

impl Place for Hostless {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn lease(&self) -> &AtomicU64 {
        &self.lease
    }
}

/// What a host notes of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeNotes {
    /// Which of the component's lives it is.
    pub generation: Generation,
    /// The last ticket given out.
    pub tickets: u64,
}

impl LifeNotes {
    /// Of a life that begins.
    pub fn new(generation: Generation) -> Self {
        LifeNotes { generation, tickets: 0 }
    }
}

/// Whose hook is called.
#[derive(Debug)]
pub struct Identity<'a> {
    /// The component's place in the host.
    pub id: ComponentId,
    /// What else is known there: few hooks ask for it, so nobody looks before one does.
    pub place: &'a dyn Place,
    /// The life.
    pub life: &'a mut LifeNotes,
}

/// Which message a hook is handed, and for which time.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// The message; its sender is [`ComponentId::OUTSIDE`] in hooks that are handed none.
    pub message: MessageId,
    /// Which delivery of it this is, from 1; 0 in hooks that are handed none.
    pub nth: u8,
}

impl Delivery {
    /// Of a hook that is handed no message.
    pub const NONE: Delivery =
        Delivery { message: MessageId { from: ComponentId::OUTSIDE, number: 0 }, nth: 0 };
}

/// Handed to every hook: what time it is, who is asking, and a list to put effects on.
///
/// Nothing happens while the hook runs; the host carries the list out when it returns.
// Made anew for each message: what is the same for all of them is behind a reference.
#[derive(Debug)]
pub struct Context<'a> {
    clock: &'a Clock,
    identity: Identity<'a>,
    delivery: Delivery,
    asked: &'a mut Asked,
}

impl<'a> Context<'a> {
    /// What a host makes for each call. `asked` is appended to.
    #[inline]
    pub fn new(
        clock: &'a Clock,
        delivery: Delivery,
        identity: Identity<'a>,
        asked: &'a mut Asked,
    ) -> Self {
        Context { clock, identity, delivery, asked }
    }

    /// The host's monotonic clock. The same during the whole hook.
    pub fn now(&self) -> Moment {
        self.clock.now
    }

    /// The site's wall clock, in UTC. The same during the whole hook.
    pub fn utc(&self) -> WallTime {
        self.clock.utc
    }

    /// The component's name.
    pub fn name(&self) -> &'a str {
        self.identity.place.name()
    }

    /// The component's place in its host.
    pub fn id(&self) -> ComponentId {
        self.identity.id
    }

    /// Which of the component's lives this is.
    pub fn generation(&self) -> Generation {
        self.identity.life.generation
    }

    /// Who sent the message that is being handled; [`ComponentId::OUTSIDE`] in other hooks.
    pub fn sender(&self) -> ComponentId {
        self.delivery.message.from
    }

    /// Which message is being handled: the same at every delivery of it.
    pub fn message_id(&self) -> MessageId {
        self.delivery.message
    }

    /// Which delivery of the message this is, from 1. A message comes again when the life that
    /// was handed it ended before it had handled it.
    pub fn delivery(&self) -> u8 {
        self.delivery.nth
    }

    /// This hook, or the next one, may take until so long from now before the watchdog takes
    /// the component for hung. At once: it counts while the hook still runs (lifecycle.md 3.10).
    pub fn lease(&mut self, lease: Duration) {
        let until = self.clock.now + lease;
        self.identity.place.lease().store(until.0, Ordering::Relaxed);
    }

    /// Sends `message`. Messages from one sender to one receiver arrive in order; a receiver
    /// that does not run gets them when it does.
    #[inline]
    pub fn send(&mut self, to: ComponentId, message: impl Into<Message>) {
        match message.into() {
            Message::Word(word) if self.asked.others.is_empty() => {
                let from = self.identity.id;
                self.asked.words.push(WordSlip { to, from, number: 0, word });
            }
            message => self.asked.others.push(Effect::Send { to, message }),
        }
    }

    /// Sends `message`, which is of no use if its turn has not come within `within`: then it is
    /// set aside as a dead letter.
    pub fn send_within(&mut self, to: ComponentId, message: impl Into<Message>, within: Duration) {
        let expiring = Expiring { to, message: message.into(), within };
        self.asked.others.push(Effect::SendWithin(Box::new(expiring)));
    }

    /// Sends `message` to the component of that name, if the host has one.
    pub fn send_by_name(&mut self, to: &'static str, message: impl Into<Message>) {
        self.asked.others.push(Effect::SendByName { to, message: message.into() });
    }

    /// Has `timer(key)` called after `delay`. A timer with the same key is replaced.
    pub fn after(&mut self, delay: Duration, key: &'static str) {
        self.asked.others.push(Effect::After { delay, key });
    }

    /// Forgets the timer with that key.
    pub fn cancel(&mut self, key: &'static str) {
        self.asked.others.push(Effect::Cancel { key });
    }

    /// Asks for something outside; `answer` is called with this ticket, unless the life ends.
    pub fn request(&mut self, request: Request) -> Ticket {
        let tickets = &mut self.identity.life.tickets;
        *tickets += 1;
        let ticket = Ticket(*tickets);
        self.asked.others.push(Effect::Request { ticket, request: Box::new(request) });
        ticket
    }

    /// Reports a status message.
    pub fn report(&mut self, message: StatusMessage) {
        self.asked.others.push(Effect::Report(Box::new(message)));
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
        self.asked.others.push(Effect::Log(Box::new(LogText { severity, text: text.into() })));
    }

    /// Keeps a value for the component's next lives.
    pub fn remember(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into().into_boxed_str();
        self.asked.others.push(Effect::Remember { name, value });
    }

    /// A pending start, stop, pause or resume made progress; the next checkpoint comes within
    /// `hint`.
    pub fn checkpoint(&mut self, hint: Duration) {
        self.asked.others.push(Effect::Checkpoint { hint });
    }

    /// A pending start, stop, pause or resume is finished.
    pub fn done(&mut self) {
        self.asked.others.push(Effect::Done);
    }

    /// The component ends itself, as it meant to.
    pub fn exit(&mut self) {
        self.asked.others.push(Effect::Exit);
    }
}
