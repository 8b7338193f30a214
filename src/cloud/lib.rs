//! The update service as a pure value: catalogue, answers, faults; and what both of its ends use.
//!
//! [`Cloud`] plays the service that the service connection point talks to. The room `edge` puts
//! it behind real HTTPS, the room `sim` asks it directly; it has no clock, no socket and no
//! randomness of its own, so one seed gives one cloud.
//!
//! The rules that the real and the simulated client must share lie here too, because neither of
//! their rooms may name the other and `contract` holds no algorithm: what a plain file name is
//! ([`plain_name`]), what an address is ([`Address`]), when a redirect is followed
//! ([`Redirects`]), how long one waits ([`TimeOuts`]), and the signed document ([`signed`]).

mod address;
mod catalogue;
mod exchange;
pub mod hash;
mod name;
mod service;
pub mod signed;

pub use address::Address;
pub use catalogue::PACKAGE_BYTES_MAX;
pub use exchange::{REDIRECTS_MAX, Redirects, TimeOuts};
pub use name::plain_name;
pub use service::{Ask, Cloud, HOSTS, Response, UPLOADS_KEPT, WireFault};
