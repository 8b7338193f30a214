//! The form of a log record, as the product's components write it (domain.md part 4).

use std::fmt::Write;

use contract::status::StatusRecord;
use contract::{LogFile, Severity, StatusMessage, WallTime};
use jiff::civil::DateTime;

use crate::calendar::{civil, local_micros};

/// What begins a record's tail in the server format.
pub(crate) const SERVER_MARK: &str = "$$<";
/// What begins a record in the attribute format.
pub(crate) const OPEN_MARK: &str = "<![LOG[";
/// What ends a record's text in the attribute format.
pub(crate) const CLOSE_MARK: &str = "]LOG]!>";

/// CMTrace cuts a component's name here (domain.md 4.2).
pub(crate) const COMPONENT_CHARS_MAX: usize = 100;

/// One record of a log, before it has a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which file, and in which form. In the attribute form the component's name is the one
    /// given here.
    pub log: LogFile,
    /// Which component wrote it.
    pub component: String,
    /// The number of the thread that wrote it.
    pub thread: u32,
    /// When.
    pub utc: WallTime,
    /// Minutes to add to the site's local time to get UTC.
    pub bias_minutes: i32,
    /// The server format has no field for it.
    pub severity: Severity,
    /// Anything; see [`clean`].
    pub text: String,
}

impl LogLine {
    /// The component's name as it stands in the record: without what would end the field.
    pub fn component_written(&self) -> String {
        let name = match &self.log {
            LogFile::Server { .. } => &self.component,
            LogFile::Attribute { component, .. } => component.as_ref(),
        };
        clean(name).chars().take(COMPONENT_CHARS_MAX).map(plain).collect()
    }
}

/// The record of `line`, one line without its line end, in the form that its log has.
///
/// Whatever the text holds, a reader finds exactly one record, with this component and time.
pub fn render(line: &LogLine) -> String {
    let local = civil(local_micros(line.utc, line.bias_minutes));
    match line.log {
        LogFile::Server { .. } => server(line, local),
        LogFile::Attribute { .. } => attribute(line, local),
    }
}

/// `text  $$<COMPONENT><MM-DD-YYYY HH:MM:SS.mmm±bias><thread=N (0xHEX)>`
fn server(line: &LogLine, local: DateTime) -> String {
    format!(
        "{text}  $$<{component}><{date} {time}.{millis:03}{bias}><thread={thread} (0x{thread:X})>",
        text = clean(&line.text),
        component = line.component_written(),
        date = local.strftime("%m-%d-%Y"),
        time = local.strftime("%H:%M:%S"),
        millis = local.subsec_nanosecond() / 1_000_000,
        bias = bias_text(line.bias_minutes),
        thread = line.thread,
    )
}

/// The managed workers' form: seven digits of a second, no bias, context and file empty
/// (log-samples BLOCK 2).
fn attribute(line: &LogLine, local: DateTime) -> String {
    format!(
        "<![LOG[{text}]LOG]!><time=\"{time}.{tenths:07}\" date=\"{date}\" \
         component=\"{component}\" context=\"\" type=\"{kind}\" thread=\"{thread}\" file=\"\">",
        text = clean(&line.text),
        time = local.strftime("%H:%M:%S"),
        tenths = local.subsec_nanosecond() / 100,
        date = local.strftime("%m-%d-%Y"),
        component = line.component_written(),
        kind = type_number(line.severity),
        thread = line.thread,
    )
}

/// The attribute `type`: 1, 2 or 3 (domain.md 4.2).
fn type_number(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 1,
        Severity::Warning => 2,
        Severity::Error => 3,
    }
}

/// A bias as the samples show it: `-60`, `+420`, `+000` (log-samples BLOCKs 1, 6, 11).
fn bias_text(minutes: i32) -> String {
    let sign = if minutes < 0 { "" } else { "+" };
    format!("{sign}{minutes:03}")
}

/// Date and time in UTC, for people: `2026-01-05 08:00:00 UTC`.
pub fn utc_text(time: WallTime) -> String {
    civil(time.0).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The `STATMSG:` line that a component's log gets for a status message (domain.md 3.2).
/// `process` and `thread` are the numbers of who reported it. All ten insertion strings are
/// printed; a quotation mark within one is written as an apostrophe.
pub fn statmsg(record: &StatusRecord, process: u32, thread: u32) -> String {
    let message = &record.message;
    let time = civil(record.time.0);
    let mut text = format!(
        "STATMSG: ID={id} SEV={severity} LEV={kind} SOURCE=\"{module}\" COMP=\"{component}\" \
         SYS={machine} SITE={site} PID={process} TID={thread} GMTDATE={date}.{millis:03} {year}",
        id = message.id,
        severity = message.severity.letter(),
        kind = message.kind.letter(),
        module = quoted(&record.module),
        component = quoted(&record.component),
        machine = word(&record.machine),
        site = word(&record.site),
        date = time.strftime("%a %b %d %H:%M:%S"),
        millis = time.subsec_nanosecond() / 1_000_000,
        year = time.strftime("%Y"),
    );
    for place in 0..StatusMessage::STRINGS_MAX {
        let string = message.strings.get(place).map_or("", String::as_str);
        let _ = write!(text, " ISTR{place}=\"{}\"", quoted(string));
    }
    let _ = write!(text, " NUMATTRS={}", message.attributes.len());
    for (place, (id, value)) in message.attributes.iter().enumerate() {
        let _ = write!(text, " AID{place}={id} AVAL{place}=\"{}\"", quoted(value));
    }
    text
}

/// A text as it may stand in a record: one line, nothing that a terminal obeys, nothing that
/// begins or ends a record.
///
/// A line end becomes `~`, as the product writes it; a tabulator becomes a blank; escape
/// sequences and other control characters go; a blank breaks up what looks like a record's
/// mark.
pub fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '\r' => {
                rest.next_if_eq(&'\n');
                kept.push('~');
            }
            '\n' | '\u{2028}' | '\u{2029}' => kept.push('~'),
            '\t' => kept.push(' '),
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            char if char.is_control() || is_invisible(char) => {}
            char => kept.push(char),
        }
    }
    break_marks(&kept)
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

/// Skips what follows an ESC: a control sequence, an operating system command, or one
/// character.
fn skip_escape(rest: &mut Chars<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']') => skip_command(rest),
        Some('\u{20}'..='\u{7e}') => {
            rest.next();
        }
        _ => {}
    }
}

/// Skips parameters and the final character of a control sequence (ECMA-48, 5.4).
fn skip_control_sequence(rest: &mut Chars<'_>) {
    while rest.next_if(|char| ('\u{20}'..='\u{3f}').contains(char)).is_some() {}
    rest.next_if(|char| ('\u{40}'..='\u{7e}').contains(char));
}

/// Skips an operating system command up to its terminator; without one only its first
/// character, so that an unfinished command cannot swallow a text.
fn skip_command(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    while let Some(char) = ahead.next_if(|char| !matches!(char, '\r' | '\n')) {
        let ended = char == '\u{7}' || char == '\u{9c}';
        if ended || (char == '\u{1b}' && ahead.next_if_eq(&'\\').is_some()) {
            *rest = ahead;
            return;
        }
    }
    rest.next();
}

/// Characters that show nothing and change how the rest shows: marks of writing direction,
/// and the byte order mark.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Breaks up every mark of a record with a blank, in any case: a viewer may not mind it.
fn break_marks(text: &str) -> String {
    const MARKS: [(&str, usize); 3] = [(SERVER_MARK, 2), (OPEN_MARK, 1), (CLOSE_MARK, 6)];
    let mut broken = String::with_capacity(text.len());
    let mut last = 0;
    for (place, byte) in text.bytes().enumerate() {
        if !matches!(byte, b'$' | b'<' | b']') {
            continue;
        }
        let starts = |mark: &str| {
            let rest = &text.as_bytes()[place..];
            rest.len() >= mark.len() && rest[..mark.len()].eq_ignore_ascii_case(mark.as_bytes())
        };
        if let Some((_, cut)) = MARKS.iter().find(|(mark, _)| starts(mark)) {
            broken.push_str(&text[last..place + cut]);
            broken.push(' ');
            last = place + cut;
        }
    }
    broken.push_str(&text[last..]);
    broken
}

/// A character as it may stand within `<..>` or `".."`.
fn plain(char: char) -> char {
    match char {
        '"' => '\'',
        '<' | '>' => '_',
        char => char,
    }
}

fn quoted(text: &str) -> String {
    clean(text).replace('"', "'")
}

/// A text as it may stand without quotation marks, where a blank ends it.
fn word(text: &str) -> String {
    clean(text).replace([' ', '"'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(log: LogFile, text: &str) -> LogLine {
        LogLine {
            log,
            component: "SMS_COLLECTION_EVALUATOR".into(),
            thread: 4844,
            utc: WallTime(1_669_766_614_174_987), // 2022-11-30T00:03:34Z
            bias_minutes: -60,
            severity: Severity::Warning,
            text: text.into(),
        }
    }

    fn attribute_log() -> LogFile {
        LogFile::Attribute {
            file: "GenericDownloadWorker.log".into(),
            component: "SMS_SERVICE_CONNECTOR_GenericDownloadWorker".into(),
        }
    }

    #[test]
    fn the_server_format_is_the_sample_s() {
        // log-samples BLOCK 1.
        assert_eq!(
            render(&line(LogFile::server("colleval.log"), "SQL>>>>> Done.")),
            "SQL>>>>> Done.  $$<SMS_COLLECTION_EVALUATOR><11-30-2022 01:03:34.174-60><thread=4844 (0x12EC)>"
        );
    }

    #[test]
    fn the_attribute_format_is_the_sample_s() {
        // log-samples BLOCK 2, with a severity and a time of our own.
        assert_eq!(
            render(&line(attribute_log(), "Successfully")),
            "<![LOG[Successfully]LOG]!><time=\"01:03:34.1749870\" date=\"11-30-2022\" component=\"SMS_SERVICE_CONNECTOR_GenericDownloadWorker\" context=\"\" type=\"2\" thread=\"4844\" file=\"\">"
        );
    }

    #[test]
    fn a_bias_has_a_sign_and_three_places() {
        let texts = [-840, -60, -5, 0, 5, 60, 420].map(bias_text);
        assert_eq!(texts, ["-840", "-60", "-05", "+000", "+005", "+060", "+420"]);
    }

    #[test]
    fn a_text_cannot_forge_a_record() {
        for (text, cleaned) in [
            ("one\r\ntwo\nthree\rfour", "one~two~three~four"),
            (
                "a $$<X><01-01-2024 10:00:00.000+000><thread=1>",
                "a $$ <X><01-01-2024 10:00:00.000+000><thread=1>",
            ),
            ("$$$<<", "$$$ <<"),
            ("a]LOG]!><time=", "a]LOG]! ><time="),
            ("<![log[a", "< ![log[a"),
            ("$\u{0}$\u{feff}<", "$$ <"),
            ("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}end", "red end"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}]unfinished", "unfinished"),
            ("\u{9b}1mbold\u{7}\u{8}", "bold"),
            ("a\tb\u{202e}c", "a bc"),
            ("~~ü~", "~~ü~"),
        ] {
            assert_eq!(clean(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn a_component_s_name_cannot_leave_its_field() {
        let mut line = line(LogFile::server("x.log"), "");
        line.component = "A\" type=\"3\"><B\n".into();
        assert_eq!(line.component_written(), "A' type='3'__B~");
        line.component = "ä".repeat(101);
        assert_eq!(line.component_written().chars().count(), 100);
    }

    fn record(message: StatusMessage) -> StatusRecord {
        StatusRecord {
            record: 1,
            time: WallTime(1_326_494_207_610_000),
            module: "SMS Server".into(),
            component: "SMS_DISTRIBUTION_MANAGER".into(),
            machine: "CS1SRV".into(),
            site: "CS1".into(),
            message,
            text: String::new(),
        }
    }

    #[test]
    fn a_statmsg_line_is_the_sample_s() {
        // domain.md 3.2.
        let message = StatusMessage::informational(2300)
            .with("Test BDP 2")
            .with("CS10001E")
            .attribute(contract::status::ATTRIBUTE_PACKAGE_ID, "CS10001E");
        assert_eq!(
            statmsg(&record(message), 4604, 5720),
            "STATMSG: ID=2300 SEV=I LEV=M SOURCE=\"SMS Server\" COMP=\"SMS_DISTRIBUTION_MANAGER\" \
             SYS=CS1SRV SITE=CS1 PID=4604 TID=5720 GMTDATE=Fri Jan 13 22:36:47.610 2012 \
             ISTR0=\"Test BDP 2\" ISTR1=\"CS10001E\" ISTR2=\"\" ISTR3=\"\" ISTR4=\"\" ISTR5=\"\" \
             ISTR6=\"\" ISTR7=\"\" ISTR8=\"\" ISTR9=\"\" NUMATTRS=1 AID0=400 AVAL0=\"CS10001E\""
        );
    }

    #[test]
    fn an_insertion_string_cannot_leave_its_quotes() {
        let mut record = record(StatusMessage::error(1).with("a\" SEV=I \"\nb"));
        record.machine = "CM 01".into();
        let text = statmsg(&record, 1, 2);
        assert!(text.contains("ISTR0=\"a' SEV=I '~b\" ISTR1="), "{text}");
        assert!(text.contains("SEV=E") && text.contains("SYS=CM_01 SITE"), "{text}");
        assert!(text.ends_with("ISTR9=\"\" NUMATTRS=0"), "{text}");
    }
}
