//! What lanes carry to components: messages, answers, timers.

use contract::effect::{Answer, WordSlip};
use contract::id::{ComponentId, Generation, MessageId, Ticket};
use contract::message::Message;
use contract::time::Moment;

/// What a lane carries to a component. 32 bytes.
#[derive(Debug)]
pub enum Parcel {
    /// A message.
    Message {
        /// To whom.
        to: ComponentId,
        /// From whom.
        from: ComponentId,
        /// Which of the messages sent from there; with `from` its identity.
        number: u32,
        /// What.
        message: Message,
    },
    /// A message that has more to it: it expires, or has been delivered before.
    Slip {
        /// To whom.
        to: ComponentId,
        /// The rest, behind a pointer: such messages are few.
        slip: Box<MessageSlip>,
    },
    /// The answer to a request.
    Answer {
        /// To whom.
        to: ComponentId,
        /// The rest, behind a pointer: answers are rare and messages are many.
        answer: Box<AnswerSlip>,
    },
    /// A timer that fell due while its component was paused.
    Timer {
        /// To whom.
        to: ComponentId,
        /// The rest.
        timer: Box<TimerSlip>,
    },
    /// No mail: a shard with messages that wait for room in this inbox asks to be woken when
    /// there is some. It comes behind everything that the shard has sent there, so there is
    /// room for what has not been sent yet.
    Ask {
        /// Whose inbox.
        to: ComponentId,
        /// The shard that asks.
        shard: u8,
    },
}

impl From<WordSlip> for Parcel {
    fn from(slip: WordSlip) -> Self {
        let WordSlip { to, from, number, word } = slip;
        Parcel::Message { to, from, number, message: Message::Word(word) }
    }
}

/// A message that has more to it.
#[derive(Debug)]
pub struct MessageSlip {
    /// Its identity.
    pub id: MessageId,
    /// What.
    pub message: Message,
    /// If its turn has not come by then, it is set aside.
    pub expires: Option<Moment>,
    /// Deliveries that have failed.
    pub failed: u8,
    /// It has been through the interposer.
    pub passed: bool,
}

/// An answer, and the life that asked for it.
#[derive(Debug)]
pub struct AnswerSlip {
    /// The life that asked; no other gets it.
    pub generation: Generation,
    /// What the request bore.
    pub ticket: Ticket,
    /// How it came out.
    pub answer: Answer,
}

/// A timer, and the life that set it.
#[derive(Debug)]
pub struct TimerSlip {
    /// The life that set it; no other gets it.
    pub generation: Generation,
    /// Which timer.
    pub key: &'static str,
    /// Which setting of it: one that was cancelled or set anew since does not count.
    pub serial: u64,
}

impl Parcel {
    /// To whom it goes.
    pub fn to(&self) -> ComponentId {
        match self {
            Parcel::Message { to, .. } | Parcel::Slip { to, .. } => *to,
            Parcel::Answer { to, .. } | Parcel::Timer { to, .. } => *to,
            Parcel::Ask { to, .. } => *to,
        }
    }

    /// Whether it is a message: what outlives the life that it is meant for.
    pub(crate) fn is_message(&self) -> bool {
        matches!(self, Parcel::Message { .. } | Parcel::Slip { .. })
    }

    /// The word that it is, if it is no more than that; itself otherwise.
    pub(crate) fn into_word(self) -> Result<WordSlip, Parcel> {
        match self {
            Parcel::Message { to, from, number, message: Message::Word(word) } => {
                Ok(WordSlip { to, from, number, word })
            }
            other => Err(other),
        }
    }

    /// Which message it is, if it is one.
    pub fn message_id(&self) -> Option<MessageId> {
        match self {
            Parcel::Message { from, number, .. } => {
                Some(MessageId { from: *from, number: *number })
            }
            Parcel::Slip { slip, .. } => Some(slip.id),
            Parcel::Answer { .. } | Parcel::Timer { .. } | Parcel::Ask { .. } => None,
        }
    }

    /// A message from outside the host, which is set aside if its turn has not come by
    /// `expires`.
    pub fn outside(
        to: ComponentId,
        id: MessageId,
        message: Message,
        expires: Option<Moment>,
    ) -> Parcel {
        let MessageId { from, number } = id;
        if expires.is_none() {
            return Parcel::Message { to, from, number, message };
        }
        let slip = MessageSlip { id, message, expires, failed: 0, passed: false };
        Parcel::Slip { to, slip: Box::new(slip) }
    }

    /// An answer on its way to the life that asked.
    pub fn answer(
        to: ComponentId,
        generation: Generation,
        ticket: Ticket,
        answer: Answer,
    ) -> Parcel {
        Parcel::Answer { to, answer: Box::new(AnswerSlip { generation, ticket, answer }) }
    }
}
