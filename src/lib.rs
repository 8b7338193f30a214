//! SMS_EXECUTIVE, the service of a Configuration Manager site that hosts the site's components,
//! as a library and a command.
//!
//! This crate is a façade: it names what an embedder imports and lists the components that
//! ship with the project. The README is the way in; it is compiled and run with the tests.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../CONTRIBUTING.md")]
struct Contributing;

pub use cloud;
pub use contract;
pub use host;
pub use kernel;
pub use sim;
pub use site;
pub use status;

// Not `bench`: that is an attribute too.
#[cfg(feature = "service")]
pub use ::bench;
#[cfg(feature = "service")]
pub use console;
#[cfg(feature = "service")]
pub use edge;
#[cfg(feature = "service")]
pub use live;

pub use contract::control::HostControl;

/// The components that ship with the project, by name.
pub fn roster() -> Vec<contract::Registration> {
    vec![
        distribution_manager::registration(),
        dmp_downloader::registration(),
        dmp_uploader::registration(),
        service_connector::registration(),
    ]
}
