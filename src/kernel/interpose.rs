//! The place where a test gets between the dispatch loop and the code of components: the loop
//! asks before each message and before each hook. A live host has no interposer.

use std::fmt;
use std::time::Duration;

use contract::id::{ComponentId, Generation, MessageId};
use contract::message::Message;
use contract::time::duration_text;

/// Asked by a shard. Must be a pure function of what it is told and of its own state, or the
/// same seed no longer gives the same trace.
pub trait Interposer: Send {
    /// A message is about to be put into its receiver's hands or inbox. Asked once for each
    /// message.
    fn on_message(&mut self, envelope: &Envelope<'_>) -> MessageVerdict;

    /// A hook is about to be called. Not asked again when a stalled hook goes on.
    fn on_call(&mut self, call: &HookCall<'_>) -> CallVerdict;
}

/// A message on its way.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Who sent it, and which of that sender's messages it is.
    pub id: MessageId,
    /// To whom.
    pub to: ComponentId,
    /// What.
    pub message: &'a Message,
}

/// What becomes of a message on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MessageVerdict {
    /// What would become of it anyway; the next rule is asked.
    #[default]
    Pass,
    /// It is lost on the way, although it was accepted: what no real site would do, to see
    /// whether a test would notice.
    Lose,
    /// It comes so much later: others overtake it.
    Delay(Duration),
    /// It comes twice, with the same identity.
    Duplicate,
}

impl fmt::Display for MessageVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageVerdict::Pass => f.write_str("passes"),
            MessageVerdict::Lose => f.write_str("is lost"),
            MessageVerdict::Delay(by) => write!(f, "comes {} later", duration_text(*by)),
            MessageVerdict::Duplicate => f.write_str("comes twice"),
        }
    }
}

/// A call of a hook.
#[derive(Debug, Clone, Copy)]
pub struct HookCall<'a> {
    /// The component.
    pub id: ComponentId,
    /// Its name.
    pub name: &'a str,
    /// The life.
    pub generation: Generation,
    /// Which hook.
    pub hook: Hook<'a>,
}

/// A hook, and what it is called with.
#[derive(Debug, Clone, Copy)]
pub enum Hook<'a> {
    /// `start`.
    Start,
    /// `message`.
    Message {
        /// Which message.
        id: MessageId,
        /// What.
        message: &'a Message,
        /// Which delivery of it, from 1.
        delivery: u8,
    },
    /// `timer`, with its key.
    Timer(&'static str),
    /// `answer`.
    Answer,
    /// `changed`.
    Changed,
    /// `control`, with its code.
    Control(u8),
    /// `pause`.
    Pause,
    /// `resume`.
    Resume,
    /// `stop`.
    Stop,
}

impl Hook<'_> {
    /// Its name, such as "message".
    pub const fn name(&self) -> &'static str {
        match self {
            Hook::Start => "start",
            Hook::Message { .. } => "message",
            Hook::Timer(_) => "timer",
            Hook::Answer => "answer",
            Hook::Changed => "changed",
            Hook::Control(_) => "control",
            Hook::Pause => "pause",
            Hook::Resume => "resume",
            Hook::Stop => "stop",
        }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CallVerdict {
    /// What would become of it anyway; the next rule is asked.
    #[default]
    Pass,
    /// It panics with this text.
    Panic(String),
    /// It fails with this code and text.
    Fail(u32, String),
    /// It does not come back: the shard is stuck in it until
    /// [`Shard::unstall`](crate::Shard::unstall).
    Stall,
}
