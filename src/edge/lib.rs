//! The real outside: HTTPS client, endpoint probe, disk, and the embedded cloud's server.
//!
//! [`Edge`] carries a component's requests out for real; [`Embedded::start`] gives one that is
//! whole in itself, with a folder on this disk and a cloud on this machine's loopback. Nothing
//! here asks the system's resolver, its proxy or its trust store, and nothing is kept in the
//! process: any number of edges run side by side.

mod client;
mod download;
mod failure;
mod folder;
mod identity;
mod kept;
mod outside;
#[cfg(test)]
mod raw;
mod server;
mod snapshot;
mod temp;
mod wire;

pub use client::{BuildError, Client, Names};
pub use folder::SiteFolder;
pub use outside::{Edge, Embedded, StartError};
pub use server::EmbeddedCloud;
