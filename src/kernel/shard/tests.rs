//! A shard by itself: the test plays the executive and the driver.

mod crashes;
mod letters;
mod lost;
mod mishaps;
mod ports;
mod pressure;
mod rig;
mod stalls;
mod words;
