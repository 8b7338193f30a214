//! The site as it is defined: the definition, the file it is read from, and the table of
//! settings that an operator can store.

pub mod definition;
pub mod file;
pub mod settings;
mod write;

pub use definition::{SiteDefinition, SiteType};
pub use file::Problem;
