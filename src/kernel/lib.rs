//! The kernel: what a component's life is, who decides over it, and how messages reach it.
//!
//! Everything here is pure and deterministic. `now` is an argument; what is to be done comes
//! back as values. The same code runs under the benchmark, in simulation and live.
//!
//! - [`lifecycle`]: the total tables, command × situation and event × state.
//! - [`supervision`]: budget and backoff.
//! - [`executive`]: the one authority over every component's state; orders go out to shards,
//!   events come back.
//! - [`shard`]: carries lives and dispatches messages to them, a batch at a time.
//! - [`mod@lane`]: the way into a shard: messages, and orders that no message can delay.
//! - [`parcel`]: what lanes carry.
//! - [`board`]: status cells that anybody reads without waiting.
//! - [`interpose`]: where a test gets in between.

mod bell;
pub mod board;
mod cell;
pub mod executive;
mod intake;
pub mod interpose;
pub mod lane;
pub mod lifecycle;
pub mod order;
pub mod parcel;
mod pipe;
#[cfg(test)]
#[path = "pipe/tests.rs"]
mod pipe_tests;
pub mod port;
mod prefetch;
mod push;
pub mod shard;
pub mod supervision;
mod sync;
mod timers;
mod unwind;

pub use board::{Board, Busy, CellView};
pub use contract::time::Clock;
pub use executive::{Crash, Ended, Executive, ExecutiveOptions, Notice, Passage, Step, Transition};
pub use interpose::{CallVerdict, Envelope, Hook, HookCall, Interposer, MessageVerdict};
pub use lane::{Lane, LaneEnd, lane};
pub use order::{Called, Ending, LifeChange, LifeEvent, Order, Output, Shown};
pub use parcel::{MessageSlip, Parcel};
pub use port::{Port, Unsent};
pub use shard::{Shard, Turn};
pub use unwind::{PanicTrace, Walk};
