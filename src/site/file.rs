//! Reads the site file, and names every problem in it with its line.

mod reader;
mod sections;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;

use toml::de::DeTable;

use self::reader::Reader;
use crate::definition::SiteDefinition;

/// Something in a site file that cannot stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong: lower case, no final stop.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl SiteDefinition {
    /// The site that a file in TOML defines. What the file leaves out is as in
    /// [`SiteDefinition::primary`] with the code that it gives, or PS1; without a list of
    /// distribution points the site server is the only one.
    ///
    /// # Errors
    /// Every problem at once, by line. Where the file is no TOML, one problem for each line
    /// that breaks the form, besides those of the lines that do not.
    pub fn from_toml(text: &str) -> Result<SiteDefinition, Vec<Problem>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader::new(text);
        reader.syntax(&errors);
        let site = reader.document(document.get_ref());
        reader.problems.sort_by_key(|problem| problem.line);
        if reader.problems.is_empty() { Ok(site) } else { Err(reader.problems) }
    }
}
