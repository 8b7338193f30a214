//! The site as it is defined: the definition, the file it is read from, the table of settings
//! that an operator can store, and when its backup is due.

pub mod definition;
pub mod file;
mod group;
pub mod schedule;
pub mod settings;
mod write;

pub use definition::{SiteDefinition, SiteType};
pub use file::Problem;
