//! The simulated site, driven from outside as an embedder drives it.
#![allow(missing_docs, unreachable_pub, reason = "a test's name says it")]

mod corners;
mod ending;
mod events;
mod faults;
mod found;
mod lifecycle;
mod probe;
mod waiting;
mod walltime;
