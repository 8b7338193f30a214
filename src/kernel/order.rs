//! What passes between the executive, the shards and whoever drives them.

use std::sync::Arc;
use std::time::Duration;

use contract::component::Registry;
use contract::effect::{LogText, Request};
use contract::id::{ComponentId, Generation, Ticket};
use contract::lifecycle::Exit;
use contract::time::WallTime;
use contract::{Registration, Settings, StatusMessage};

/// What the executive has a shard do. Orders travel in a lane of their own, ahead of every
/// message; one for a life that is over is ignored.
#[derive(Debug)]
pub enum Order {
    /// Make room for a component. Its slot is the next free one of the shard.
    Place {
        /// Where: the shard asserts that it agrees.
        id: ComponentId,
        /// What.
        registration: Registration,
    },
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
    Kill(ComponentId, Generation, Exit),
    /// The clock was moved: look at the timers.
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
    /// It is over, and its value dropped.
    Ended {
        /// How.
        exit: Exit,
        /// How often the message it died of has now failed; 0 if it died of none.
        failed_deliveries: u8,
        /// What its drop panicked with, if it did.
        drop_panic: Option<String>,
    },
}

/// What a shard's turn leaves to its driver, in the order in which it came about.
#[derive(Debug)]
pub enum Output {
    /// For the executive.
    Life(LifeEvent),
    /// To be carried out; the answer goes back as [`Parcel::Answer`](crate::Parcel::Answer).
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
    /// A message that failed as often as is allowed and was taken out of the inbox.
    Quarantined {
        /// Whose inbox.
        id: ComponentId,
        /// Who sent it.
        from: ComponentId,
        /// What kind of message it was. The message itself is component code and ends where
        /// it was handled.
        name: &'static str,
    },
    /// What was delivered to whom; only with [`Shard::set_trace`](crate::Shard::set_trace).
    Trace {
        /// To whom.
        id: ComponentId,
        /// In which life.
        generation: Generation,
        /// From whom.
        from: ComponentId,
        /// "message NAME", "timer KEY" or "answer TICKET".
        what: String,
    },
}
