//! The simulated site, driven from outside as an embedder drives it.
#![allow(missing_docs, unreachable_pub, reason = "a test's name says it")]

mod cases;
mod cases_sxm;
mod corners;
mod ending;
mod events;
mod faults;
mod found;
mod groups;
mod holds;
mod interplay;
mod kill;
mod lifecycle;
mod liveness;
mod seen;
mod waiting;
mod walltime;
