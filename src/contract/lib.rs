//! What a site component may know of the world, and nothing else.
//!
//! A component is written against this crate alone. It is told what happens through
//! [`Component`], asks for what it needs through [`Context`], and never sees a thread, a
//! clock, a socket, another component's state or the kernel that runs it. The same nouns
//! are what an operator's tools use: [`control`] is the protocol that a console, a test
//! and an embedder speak to a host.
//!
//! There are nouns and ports here, and no algorithm.

pub mod cloud;
pub mod component;
pub mod context;
pub mod control;
pub mod effect;
pub mod id;
pub mod lifecycle;
pub mod message;
pub mod outside;
pub mod settings;
pub mod status;
pub mod store;
pub mod time;

pub use component::{
    Component, Descriptor, Fault, LogFile, Progress, Registration, Start, Started,
};
pub use context::Context;
pub use effect::{Answer, Effect, Failure, FailureKind, Reply, Request};
pub use id::{ComponentId, Generation, MessageId, OpId, Ticket};
pub use lifecycle::{Code, Command, CommandOptions, Exit, State, Substate};
pub use message::{Message, MessageType};
pub use settings::{Setting, Settings};
pub use status::{Severity, StatusMessage};
pub use time::{Clock, Moment, WallTime};
