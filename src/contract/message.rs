//! What components say to each other.

use std::any::Any;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type that components send each other. Serialisable, because an inbox may outlive the
/// process and a receiver may one day live in another host.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use smsexec_contract::{Message, MessageType};
///
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// struct Greeting { text: String }
/// impl MessageType for Greeting { const NAME: &'static str = "greeting"; }
///
/// let message = Message::of(Greeting { text: "hello".into() });
/// assert_eq!(message.name(), "greeting");
/// assert_eq!(message.get::<Greeting>().unwrap().text, "hello");
/// ```
pub trait MessageType: Any + Debug + Clone + Send + Serialize + DeserializeOwned {
    /// The type's name in traces, logs and stored inboxes.
    const NAME: &'static str;
}

/// A typed message behind a pointer. Implemented for every [`MessageType`]; not for others.
pub trait Payload: Any + Debug + Send + sealed::Sealed {
    /// [`MessageType::NAME`].
    fn name(&self) -> &'static str;
    /// A second copy, for retention and fault injection.
    fn boxed_clone(&self) -> Box<dyn Payload>;
}

mod sealed {
    pub trait Sealed {}
    impl<T: super::MessageType> Sealed for T {}
}

impl<T: MessageType> Payload for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn boxed_clone(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }
}

/// What one component sends another: a bare number, or a typed value. Two machine words.
#[derive(Debug)]
pub enum Message {
    /// A number: a token, a count, a wake-up. Costs no allocation.
    Word(u64),
    /// A typed value.
    Value(Box<dyn Payload>),
}

impl Message {
    /// A message that carries `value`.
    pub fn of<T: MessageType>(value: T) -> Self {
        Message::Value(Box::new(value))
    }

    /// The value, if the message carries a `T`.
    pub fn get<T: MessageType>(&self) -> Option<&T> {
        match self {
            Message::Value(payload) => (payload.as_ref() as &dyn Any).downcast_ref(),
            Message::Word(_) => None,
        }
    }

    /// The number, if it is a bare one.
    pub fn word(&self) -> Option<u64> {
        match self {
            Message::Word(word) => Some(*word),
            Message::Value(_) => None,
        }
    }

    /// What kind of message it is, for traces and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Message::Word(_) => "word",
            Message::Value(payload) => payload.name(),
        }
    }
}

impl Clone for Message {
    fn clone(&self) -> Self {
        match self {
            Message::Word(word) => Message::Word(*word),
            Message::Value(payload) => Message::Value(payload.boxed_clone()),
        }
    }
}

impl<T: MessageType> From<T> for Message {
    fn from(value: T) -> Self {
        Message::of(value)
    }
}

/// SMS_DMP_DOWNLOADER tells SMS_DISTRIBUTION_MANAGER that an update lies whole and verified
/// in EasySetupPayload (domain.md 5.3, 5.5). In the product SMS_HIERARCHY_MANAGER stands
/// between the two; it joins with update replication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct PackagePublished {
    /// The package's GUID: 36 characters, lower case.
    pub guid: String,
    /// What the catalogue calls it, such as "Configuration Manager 2509".
    pub name: String,
    /// Its file in EasySetupPayload, without a folder.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl MessageType for PackagePublished {
    const NAME: &'static str = "PackagePublished";
}
