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
//! - [`board`]: status cells that anybody reads without waiting.

pub mod board;
pub mod executive;
pub mod lane;
pub mod lifecycle;
pub mod order;
pub mod shard;
pub mod supervision;
mod timers;
mod unwind;

pub use board::{Board, CellView};
pub use executive::{Executive, Step, Transition};
pub use lane::{Lane, LaneEnd, Parcel, lane};
pub use order::{LifeChange, LifeEvent, Order, Output};
pub use shard::{Clock, Shard, Turn};
