//! A report as text: for a terminal, and for a page of the documentation.

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{CellAlignment, Table, TableStyle};

use crate::report::Report;
use crate::sheet::{Sheet, circumstances, sheets};

/// Notes are broken into lines no longer than this.
const WIDTH: usize = 100;

/// For a terminal.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for (name, value) in circumstances(report) {
        text += &format!("{name:<9} {value}\n");
    }
    for sheet in sheets(report) {
        let (note, table) = (wrapped(&sheet.note), table(&sheet, NOTHING));
        text += &format!("\n{}\n{note}\n{table}", sheet.title);
    }
    text
}

/// For a page in Markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    for (name, value) in circumstances(report) {
        text += &format!("- {name}: {value}\n");
    }
    for sheet in sheets(report) {
        let table = table(&sheet, ASCII_MARKDOWN);
        text += &format!("\n**{}.** {}\n\n{table}", sheet.title, sheet.note);
    }
    text
}

fn table(sheet: &Sheet, style: TableStyle) -> String {
    let mut table = Table::new();
    table.load_style(style).set_header(&sheet.headings).add_rows(&sheet.rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn wrapped(note: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for word in note.split_whitespace() {
        let letters = word.chars().count();
        if width > 0 && width + letters >= WIDTH {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
        }
        text += word;
        width += letters + 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_note_is_longer_than_the_page_and_no_word_is_lost() {
        let note = "several words of a note ".repeat(20);
        let wrapped = wrapped(&note);
        assert!(wrapped.lines().count() > 1);
        assert!(wrapped.lines().all(|line| line.chars().count() <= WIDTH), "{wrapped}");
        assert!(note.split_whitespace().eq(wrapped.split_whitespace()));
    }
}
