//! One value, two forms: a grid for people, JSON for programs.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::plain::{cell, escape_json};

/// What a data verb found: serialised under `--json`, else shown as text.
pub(crate) trait View: Serialize {
    /// The text form, `width` characters wide if that is given and possible.
    fn text(&self, width: Option<u16>) -> String;
}

/// The JSON form, one document that ends in a line break.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    // Views are plain structs of texts and numbers; there is nothing in them that could fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| "null".to_owned());
    escape_json(&text) + "\n"
}

/// A column of a grid: its head, and whether it holds numbers.
pub(crate) struct Column(pub(crate) &'static str, pub(crate) Align);

/// Where the content of a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A grid without lines, as `sc` and Service Manager print it; nothing at all without rows.
/// Every cell is cleaned.
pub(crate) fn grid(columns: &[Column], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(columns.iter().map(|Column(head, _)| *head));
    for row in rows {
        table.add_row(row.iter().map(|text| cell(text)));
    }
    for (index, Column(_, align)) in columns.iter().enumerate() {
        let Some(column) = table.column_mut(index) else { continue };
        column.set_padding((0, 2));
        if *align == Align::Right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    text
}
