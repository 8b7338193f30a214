//! What [`bell`](crate::bell) and [`cell`](crate::cell) are made of, under a name that their
//! model in `tests/loom.rs` gives to its own.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
