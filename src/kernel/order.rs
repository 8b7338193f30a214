//! What passes between the executive, the shards and whoever drives them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use contract::component::Registry;
use contract::control::DeadReason;
use contract::effect::{LogText, Request};
use contract::id::{ComponentId, Generation, MessageId, Ticket};
use contract::lifecycle::Exit;
use contract::message::Message;
use contract::time::WallTime;
use contract::{Settings, StatusMessage};

use crate::parcel::Parcel;
use crate::unwind::PanicTrace;

/// What the executive has a shard do. Orders travel in a lane of their own, ahead of every
/// message; one for a life that is over is ignored.
#[derive(Debug)]
pub enum Order {
    /// Make room for a component, which is on the board. Its slot is the next free one of the
    /// shard, which asserts that it agrees.
    Place(ComponentId),
    /// Begin a life.
    Start {
        /// Whose.
        id: ComponentId,
        /// Which.
        generation: Generation,
        /// Its settings.
        settings: Arc<Settings>,
        /// What earlier lives kept.
        registry: Arc<Registry>,
        /// Pause as soon as it runs, before anything is dispatched: it was paused before.
        then_pause: bool,
    },
    /// End a life through its stop hook.
    Stop(ComponentId, Generation),
    /// Pause a life.
    Pause(ComponentId, Generation),
    /// Resume a life.
    Continue(ComponentId, Generation),
    /// Hand it a control code of its own.
    Control(ComponentId, Generation, u8),
    /// Tell it that settings it reloads have changed.
    Changed(ComponentId, Generation, Arc<Settings>),
    /// End a life at once, and tell that it ended so.
    Kill(ComponentId, Generation, Box<Exit>),
    /// Its component was removed: what waits for it, and what still comes, is set aside.
    Remove(ComponentId),
    /// The clock was moved, or there is room in an inbox again: look at what waits.
    Wake,
}

/// News of a life, from its shard to the executive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeEvent {
    /// Whose life.
    pub id: ComponentId,
    /// Which. News of any but the present one is ignored.
    pub generation: Generation,
    /// What happened.
    pub change: LifeChange,
}

/// What happened to a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifeChange {
    /// Its start went well.
    Started,
    /// A pending start, stop, pause or resume made progress; more within this time.
    Checkpoint(Duration),
    /// It is paused.
    Paused,
    /// It runs again after a pause.
    Continued,
    /// It is over, and its value dropped: it was asked to stop and did, as most do.
    Stopped,
    /// It is over, and its value dropped: in some other way.
    Ended(Box<Ending>),
}

impl LifeChange {
    /// Whether the life is over, in one way or another.
    pub fn is_end(&self) -> bool {
        matches!(self, LifeChange::Stopped | LifeChange::Ended(_))
    }
}

/// How a life ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub exit: Exit,
    /// The hook that it ended in, such as "message"; empty if in none.
    pub hook: &'static str,
    /// The message that it died of, and how often that has failed now.
    pub message: Option<(MessageId, u8)>,
    /// What its drop panicked with, if it did.
    pub drop_panic: Option<String>,
    /// Where it panicked.
    pub backtrace: PanicTrace,
}

impl Ending {
    /// An end that no hook is to blame for.
    pub fn plain(exit: Exit) -> Self {
        let backtrace = PanicTrace::default();
        Ending { exit, hook: "", message: None, drop_panic: None, backtrace }
    }
}

/// What a message that was set aside held, as its Debug form shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A bare number: its form is made when somebody reads it.
    Word(u64),
    /// What a typed message has written before it was dropped.
    Text(String),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Word(word) => write!(f, "{:?}", Message::Word(*word)),
            Shown::Text(text) => f.write_str(text),
        }
    }
}

/// What a shard's turn leaves to its driver, in the order in which it came about.
#[derive(Debug)]
pub enum Output {
    /// For the executive.
    Life(LifeEvent),
    /// To be carried out; the answer goes back as [`Parcel::Answer`].
    Request {
        /// Who asks.
        id: ComponentId,
        /// In which life.
        generation: Generation,
        /// What the answer must bear.
        ticket: Ticket,
        /// What to do.
        request: Box<Request>,
    },
    /// A status message to be kept.
    Report {
        /// Who reports.
        id: ComponentId,
        /// When.
        utc: WallTime,
        /// What.
        message: Box<StatusMessage>,
    },
    /// A line for the component's log.
    Log {
        /// Whose log.
        id: ComponentId,
        /// When.
        utc: WallTime,
        /// What.
        text: Box<LogText>,
    },
    /// A value to be kept for the component's next lives.
    Remember {
        /// Whose.
        id: ComponentId,
        /// Its name.
        name: &'static str,
        /// Its text.
        value: Box<str>,
    },
    /// A component sent a message, and it was accepted; only with
    /// [`Shard::set_keeping`](crate::Shard::set_keeping).
    Accepted {
        /// To whom.
        to: ComponentId,
        /// Its identity.
        message_id: MessageId,
        /// A copy.
        message: Message,
        /// It is of no use after that.
        expires: Option<WallTime>,
    },
    /// A delivery failed; so many of that message have now. The message waits for the next one.
    /// Only with keeping.
    Failed {
        /// To whom.
        to: ComponentId,
        /// Which message.
        message_id: MessageId,
        /// Failed deliveries.
        failed: u8,
    },
    /// A message was handled, or set aside: nobody need keep it any longer. Only with keeping.
    Settled {
        /// To whom it was.
        to: ComponentId,
        /// Which message.
        message_id: MessageId,
    },
    /// A message was taken out of an inbox, or never got there, and will not be delivered.
    DeadLetter {
        /// To whom it was.
        to: ComponentId,
        /// Which message.
        message_id: MessageId,
        /// What kind of message. The message itself is component code and ends where it was.
        name: &'static str,
        /// Its Debug form, 200 characters at most.
        text: Shown,
        /// Why.
        reason: Box<DeadReason>,
    },
    /// A sender's messages wait with the sender from here on: the receiver's inbox is full.
    Pressed {
        /// Who sends.
        from: ComponentId,
        /// Whose inbox is full.
        to: ComponentId,
    },
    /// A message for another shard waits with its sender, or does so no longer: it is on its
    /// way. Whoever delivers what is kept anew to a shard must know where it is. Only with
    /// keeping.
    HeldBack {
        /// To whom.
        to: ComponentId,
        /// Which message.
        message_id: MessageId,
        /// Whether it waits.
        waits: bool,
    },
    /// The code of a life that was given up has come back at last; it had no effect.
    ZombieEnded {
        /// Whose.
        id: ComponentId,
        /// Which life.
        generation: Generation,
    },
    /// An interposer has a parcel delivered later.
    Delayed {
        /// What: to be put into the lane of its receiver's shard again.
        parcel: Parcel,
        /// How much later.
        by: Duration,
    },
    /// An interposer has a message vanish: it was accepted, and will not come. It needs no
    /// keeping any more.
    Vanished {
        /// To whom it was.
        to: ComponentId,
        /// Which message.
        message_id: MessageId,
    },
    /// What was delivered to whom; only with [`Shard::set_trace`](crate::Shard::set_trace).
    Trace {
        /// To whom.
        id: ComponentId,
        /// In which life.
        generation: Generation,
        /// From whom.
        from: ComponentId,
        /// Which hook was called, and for what.
        what: Called,
    },
}

/// What a hook was called for. In words it is "message NAME ID", "timer KEY", "answer TICKET" or
/// the name of another hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// `message`, to be handed that one.
    Message {
        /// What kind of message.
        name: &'static str,
        /// Which.
        id: MessageId,
    },
    /// `timer`, with that key.
    Timer(&'static str),
    /// `answer`, to that request.
    Answer(Ticket),
    /// The hook of that name.
    Hook(&'static str),
}

impl Called {
    /// The name of the hook.
    pub fn hook(&self) -> &'static str {
        match self {
            Called::Message { .. } => "message",
            Called::Timer(_) => "timer",
            Called::Answer(_) => "answer",
            Called::Hook(name) => name,
        }
    }

    /// Which message it was handed, if it was handed one.
    pub fn message_id(&self) -> Option<MessageId> {
        match self {
            Called::Message { id, .. } => Some(*id),
            _ => None,
        }
    }
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Called::Message { name, id } => write!(f, "message {name} {id}"),
            Called::Timer(key) => write!(f, "timer {key}"),
            Called::Answer(ticket) => write!(f, "answer {ticket}"),
            Called::Hook(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executive::Step;

    #[test]
    fn what_every_start_and_stop_hands_on_is_small() {
        assert_eq!(size_of::<Order>(), 32);
        assert_eq!(size_of::<LifeEvent>(), 32);
        assert_eq!(size_of::<Output>(), 64);
        assert_eq!(size_of::<Step>(), 64);
    }
}
