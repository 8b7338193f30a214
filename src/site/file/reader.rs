//! The file as TOML: its lines, the problems in them, and the kinds of value that stand under
//! a key.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::values::wrong_type;
use crate::definition::{check_new, unknown};
use crate::settings::nearest_of;

/// A file, and what is wrong with it so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// Lines that are no TOML: what was made of them is not looked at.
    pub(super) broken: BTreeSet<usize>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1).filter(|&at| at < text.len());
        let lines = std::iter::once(0).chain(ends).collect();
        Reader { text, lines, broken: BTreeSet::new(), problems: Vec::new() }
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at)
    }

    /// Notes the first error of each line that is no TOML.
    pub(super) fn syntax(&mut self, errors: &[toml::de::Error]) {
        let mut by_place: Vec<(usize, &str)> = errors
            .iter()
            .map(|error| (error.span().map_or(self.text.len(), |span| span.start), error.message()))
            .collect();
        by_place.sort_by_key(|(place, _)| *place);
        for (place, message) in by_place {
            let line = self.line_of(place);
            if self.broken.insert(line) {
                let text = message.lines().collect::<Vec<_>>().join(", ");
                self.problems.push(Problem { line, text });
            }
        }
    }

    pub(super) fn problem<T>(&mut self, at: &Spanned<T>, text: String) {
        let line = self.line_of(at.span().start);
        if !self.broken.contains(&line) {
            self.problems.push(Problem { line, text });
        }
    }

    /// What went well; what did not becomes a problem at `at`.
    pub(super) fn checked<T, V>(
        &mut self,
        at: &Spanned<V>,
        outcome: Result<T, String>,
    ) -> Option<T> {
        outcome.map_err(|text| self.problem(at, text)).ok()
    }

    pub(super) fn known_keys(&mut self, table: &DeTable<'_>, what: &str, known: &[&'static str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let nearest = nearest_of(key.get_ref(), known.iter().copied());
            self.problem(key, unknown(what, key.get_ref(), nearest));
        }
    }

    /// The text under a key, if it is there and in order.
    pub(super) fn text(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<String> {
        let value = table.get(key)?;
        let text = self.string(value, key)?;
        self.checked(value, check(text)).map(|()| text.to_owned())
    }

    pub(super) fn put(
        &mut self,
        place: &mut String,
        table: &DeTable<'_>,
        key: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) {
        if let Some(text) = self.text(table, key, check) {
            *place = text;
        }
    }

    pub(super) fn string<'v>(
        &mut self,
        value: &'v Spanned<DeValue<'_>>,
        key: &str,
    ) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.problem(value, wrong_type(key, "a text in quotation marks", value.get_ref()));
        }
        text
    }

    /// The list of names under a key; no two may be the same.
    pub(super) fn names(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        mut check: impl FnMut(&str) -> Result<(), String>,
    ) -> Option<Vec<String>> {
        let value = table.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.problem(value, wrong_type(key, "a list of texts", value.get_ref()));
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        for item in items.iter() {
            let Some(name) = self.string(item, key) else { continue };
            let fit = check(name).and_then(|()| check_new(&mut seen, name));
            if self.checked(item, fit).is_some() {
                names.push(name.to_owned());
            }
        }
        Some(names)
    }
}
