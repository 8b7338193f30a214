//! Text from a host, a log or a file is foreign: a terminal must not act on it.

/// `text` without escape sequences, control characters and marks that turn the writing
/// direction. Line breaks and tabs stay.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            '\n' | '\t' => out.push(c),
            c if is_unsafe(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// The same on one line: line breaks and tabs become blanks, so no text can forge a row.
pub(crate) fn cell(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ").trim().to_owned()
}

/// `json` with everything escaped that [`plain`] would take away, so that data stays the same.
pub(crate) fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unsafe(c) {
            out += &format!("\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The start of `text`, for an error that quotes what was typed. What a terminal must not see
/// is shown by its number: taken away, it would leave a word that nobody typed.
pub(crate) fn shorten(text: &str) -> String {
    shorten_to(60, text)
}

/// The start of `text`: `chars` characters, and three points if that is not all of it.
pub(crate) fn shorten_to(chars: usize, text: &str) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", visible(&text[..end])),
        None => visible(text),
    }
}

/// The same for a word that stands without quotes around it, where an empty one would not be
/// seen.
pub(crate) fn word(text: &str) -> String {
    if text.is_empty() { "\"\"".to_owned() } else { shorten(text) }
}

/// `text` with everything that [`plain`] would take away shown by its number: `\x01`.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            c if is_unsafe(c) && c.is_ascii() => out += &format!("\\x{:02x}", u32::from(c)),
            c if is_unsafe(c) => out += &format!("\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

fn is_unsafe(c: char) -> bool {
    // Marks and embeddings that turn the writing direction, and the two line separators.
    const TURNS: [std::ops::RangeInclusive<char>; 3] =
        ['\u{200e}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    c.is_control() || c == '\u{61c}' || TURNS.iter().any(|turns| turns.contains(&c))
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

/// What follows ESC: a control sequence, a string, or one character behind some in-betweens.
fn skip_escape(rest: &mut Chars<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        _ => {
            while rest.next_if(|c| (' '..='/').contains(c)).is_some() {}
            rest.next_if(|c| ('0'..='~').contains(c));
        }
    }
}

fn skip_control_sequence(rest: &mut Chars<'_>) {
    while rest.next_if(|c| (' '..='?').contains(c)).is_some() {}
    rest.next_if(|c| ('@'..='~').contains(c));
}

/// Up to BEL or ST. A line break ends it too: an open string must not swallow other lines.
fn skip_string(rest: &mut Chars<'_>) {
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_for_a_terminal_to_act_on() {
        for (text, left) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{9b}2Jcleared", "cleared"),
            ("\u{1b}(Bset", "set"),
            ("open\u{1b}]0;never closed\nnext line", "open\nnext line"),
            ("a\rb\u{8}c\u{7f}d\u{0}e", "abcde"),
            ("turn\u{202e}ed", "turned"),
            ("end\u{1b}", "end"),
            ("end\u{1b}[", "end"),
        ] {
            assert_eq!(plain(text), left, "{text:?}");
        }
        assert_eq!(cell(" one\r\ntwo\tthree "), "one two three");
    }

    #[test]
    fn what_was_typed_is_quoted_so_that_it_can_be_seen() {
        for (text, seen) in [
            ("query", "query"),
            ("\u{1}query", "\\x01query"),
            ("\u{1b}[31mred\u{7f}", "\\x1b[31mred\\x7f"),
            ("two\nlines\t", "two\\nlines\\t"),
            ("turn\u{202e}ed\u{9b}", "turn\\u{202e}ed\\u{9b}"),
            ("", "\"\""),
        ] {
            assert_eq!(word(text), seen, "{text:?}");
            assert_eq!(plain(&word(text)), seen, "{text:?}");
        }
        assert_eq!(shorten_to(3, "\u{1}bcd"), "\\x01bc...");
        assert_eq!(shorten_to(3, "abc"), "abc");
    }

    #[test]
    fn json_keeps_what_a_terminal_must_not_see() {
        let json = serde_json::to_string("\u{9b}31m\u{202e}\u{7f}").unwrap();
        let escaped = escape_json(&json);
        assert_eq!(escaped, "\"\\u009b31m\\u202e\\u007f\"");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), "\u{9b}31m\u{202e}\u{7f}");
    }
}
