//! Reads logs in both of the product's formats, whatever state they are in.
//!
//! The reader takes what real files show (log-samples part A): one blank or two before a
//! server record's tail or none, bodies of several lines, several attribute records on a
//! line, a file that begins or ends in the middle of a record. Text that belongs to no record
//! is handed over as such; nothing makes it fail.

use contract::{Severity, WallTime};
use jiff::civil::{Date, Time};

use crate::calendar::{micros_of, utc_of};
use crate::log::{CLOSE_MARK, OPEN_MARK, SERVER_MARK};

/// One record of a log, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// The message.
    pub text: String,
    /// Who, when and where; none for a piece whose record was cut off.
    pub stamp: Option<Stamp>,
}

/// Which of the two formats a record stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// domain.md 4.1.
    Server,
    /// domain.md 4.2.
    Attribute,
}

/// What a record says besides its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// In which format it stands.
    pub format: Format,
    /// Which component wrote it.
    pub component: String,
    /// When, on the site's own clock: microseconds since 1970-01-01T00:00:00 there.
    pub local_micros: i64,
    /// Minutes to add to local time to get UTC, if the record says so.
    pub bias_minutes: Option<i32>,
    /// The number of the thread, if it is one.
    pub thread: Option<u32>,
    /// The attribute format's `type`; the server format has none.
    pub severity: Option<Severity>,
}

impl Stamp {
    /// When, in UTC. `site_bias` (minutes) stands in where the record has no bias.
    pub fn utc(&self, site_bias: i32) -> WallTime {
        utc_of(self.local_micros, self.bias_minutes.unwrap_or(site_bias))
    }
}

/// A field that is longer is none: it keeps the reader's work in proportion to the text.
const FIELD_BYTES_MAX: usize = 512;
/// A record with more attributes is none.
const ATTRIBUTES_MAX: usize = 32;

/// The records of a log's text, in the order in which they stand there.
pub fn read(text: &str) -> Vec<LogRecord> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, start: 0, records: Vec::new() };
    let mut at = 0;
    while let Some(found) = text[at..].find(['$', '<', ']']) {
        let place = at + found;
        at = reader.mark_at(place).unwrap_or(place + 1);
    }
    reader.piece(text.len());
    reader.records
}

struct Reader<'t> {
    text: &'t str,
    /// Where the text begins that belongs to no record yet.
    start: usize,
    records: Vec<LogRecord>,
}

impl Reader<'_> {
    /// Takes the record whose mark stands at `place`; answers where it ends. None if there is
    /// no mark or what follows makes no record.
    fn mark_at(&mut self, place: usize) -> Option<usize> {
        let rest = &self.text[place..];
        if let Some(after) = rest.strip_prefix(OPEN_MARK) {
            return self.attribute_record(place, self.text.len() - after.len());
        }
        let (stamp, left) = if let Some(after) = rest.strip_prefix(CLOSE_MARK) {
            // The record's beginning is cut off.
            attribute_tail(after)?
        } else {
            server_tail(rest.strip_prefix(SERVER_MARK)?)?
        };
        let body = without_line_ends(&self.text[self.start..place]);
        let body = match stamp.format {
            Format::Server => without_two_blanks(body),
            Format::Attribute => body,
        };
        Some(self.take(body.to_owned(), stamp, left))
    }

    /// Takes the attribute record that opens at `place` with its body at `body`, if it closes
    /// before the next one opens.
    fn attribute_record(&mut self, place: usize, body: usize) -> Option<usize> {
        let rest = &self.text[body..];
        let segment = rest.find(OPEN_MARK).map_or(rest, |end| &rest[..end]);
        let (text, stamp, left) = segment.match_indices(CLOSE_MARK).find_map(|(end, mark)| {
            let (stamp, left) = attribute_tail(&rest[end + mark.len()..])?;
            Some((&rest[..end], stamp, left))
        })?;
        self.piece(place);
        Some(self.take(text.to_owned(), stamp, left))
    }

    /// Adds a record; `left` is the text after it.
    fn take(&mut self, text: String, stamp: Stamp, left: &str) -> usize {
        self.records.push(LogRecord { text, stamp: Some(stamp) });
        self.start = self.text.len() - left.len();
        self.start
    }

    /// Adds what stands before `end` and belongs to no record, unless it is blank.
    fn piece(&mut self, end: usize) {
        let text = without_line_ends(&self.text[self.start..end]);
        let text = text.strip_prefix(OPEN_MARK).unwrap_or(text);
        if !text.trim().is_empty() {
            self.records.push(LogRecord { text: text.to_owned(), stamp: None });
        }
        self.start = end;
    }
}

fn without_line_ends(text: &str) -> &str {
    text.trim_matches(['\r', '\n'])
}

/// The product writes two blanks before a server record's tail; some sources show one.
fn without_two_blanks(text: &str) -> &str {
    let text = text.strip_suffix(' ').unwrap_or(text);
    text.strip_suffix(' ').unwrap_or(text)
}

/// `COMPONENT><MM-DD-YYYY HH:MM:SS.mmm±bias><thread=N (0xHEX)>` and the text after it.
fn server_tail(text: &str) -> Option<(Stamp, &str)> {
    let mut scan = Scan(text);
    let component = scan.field(b'>', |byte| byte != b'<')?.to_owned();
    scan.eat("<")?;
    let date = scan.date()?;
    scan.eat(" ")?;
    let (time, bias_minutes) = scan.time()?;
    scan.eat("><thread=")?;
    let thread = scan.until(b'>')?;
    let number = thread.split_once(' ').map_or(thread, |(number, _)| number);
    let stamp = Stamp {
        format: Format::Server,
        component,
        local_micros: micros_of(date.to_datetime(time))?,
        bias_minutes,
        thread: number.parse().ok(),
        severity: None,
    };
    Some((stamp, scan.0))
}

/// `<time=".." date=".." component=".." .. >` and the text after it. Time and date are
/// needed, the rest may be missing, in any order.
fn attribute_tail(text: &str) -> Option<(Stamp, &str)> {
    let mut scan = Scan(text);
    scan.eat("<")?;
    let (mut time, mut date) = (None, None);
    let (mut component, mut thread, mut severity) = (String::new(), None, None);
    for _ in 0..ATTRIBUTES_MAX {
        scan.blanks();
        if scan.eat(">").is_some() {
            let (time, bias_minutes) = time?;
            let local_micros = micros_of(Date::to_datetime(date?, time))?;
            let format = Format::Attribute;
            let stamp = Stamp { format, component, local_micros, bias_minutes, thread, severity };
            return Some((stamp, scan.0));
        }
        let name = scan.field(b'=', |byte| byte.is_ascii_alphabetic())?;
        scan.eat("\"")?;
        let value = scan.until(b'"')?;
        match name {
            "time" => time = Some(Scan(value).time()?),
            "date" => date = Some(Scan(value).date()?),
            "component" => component = value.to_owned(),
            "thread" => thread = value.parse().ok(),
            "type" => severity = severity_of(value),
            _ => {}
        }
    }
    None
}

/// 0 is written for success by some tools (domain.md 4.2).
fn severity_of(kind: &str) -> Option<Severity> {
    match kind {
        "0" | "1" => Some(Severity::Informational),
        "2" => Some(Severity::Warning),
        "3" => Some(Severity::Error),
        _ => None,
    }
}

/// The text that is left to look at.
struct Scan<'t>(&'t str);

impl<'t> Scan<'t> {
    fn eat(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }

    /// What stands before `end`, on this line and not too far away; `end` is skipped.
    fn until(&mut self, end: u8) -> Option<&'t str> {
        self.field(end, |_| true)
    }

    /// The same, of bytes that are `fit` only. `end` is ASCII.
    fn field(&mut self, end: u8, fit: impl Fn(u8) -> bool) -> Option<&'t str> {
        let near = self.0.as_bytes().iter().take(FIELD_BYTES_MAX);
        let stops = |byte: u8| byte == end || matches!(byte, b'\n' | b'\r') || !fit(byte);
        let place =
            near.copied().position(stops).filter(|&place| self.0.as_bytes()[place] == end)?;
        let field = &self.0[..place];
        self.0 = &self.0[place + 1..];
        Some(field)
    }

    /// A number of one digit or more, `most` at most; how many digits it had with it.
    fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let digits = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        Some((number.parse().ok()?, digits))
    }

    fn small(&mut self, most: usize) -> Option<i8> {
        i8::try_from(self.number(most)?.0).ok()
    }

    /// `MM-DD-YYYY`
    fn date(&mut self) -> Option<Date> {
        let month = self.small(2)?;
        self.eat("-")?;
        let day = self.small(2)?;
        self.eat("-")?;
        let (year, _) = self.number(4)?;
        Date::new(i16::try_from(year).ok()?, month, day).ok()
    }

    /// `HH:MM:SS`, a fraction if there is one, a bias in minutes if there is one.
    fn time(&mut self) -> Option<(Time, Option<i32>)> {
        let hour = self.small(2)?;
        self.eat(":")?;
        let minute = self.small(2)?;
        self.eat(":")?;
        let second = self.small(2)?;
        let mut nanos = 0;
        if self.eat(".").is_some() {
            let (fraction, digits) = self.number(9)?;
            nanos = fraction * 10_i64.pow(9 - digits as u32);
        }
        let bias = self.bias();
        let time = Time::new(hour, minute, second, i32::try_from(nanos).ok()?).ok()?;
        Some((time, bias))
    }

    fn bias(&mut self) -> Option<i32> {
        let sign = match self.0.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let (minutes, _) = self.number(5)?;
        i32::try_from(sign * minutes).ok()
    }
}

#[cfg(test)]
mod tests {
    use contract::LogFile;
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::local_micros;
    use crate::log::{LogLine, clean, render};

    /// Lines of log-samples part A, as they stand in the files.
    const SERVER: &str = include_str!("samples/server.log");
    const ATTRIBUTE: &str = include_str!("samples/attribute.log");

    #[test]
    fn real_server_records_are_read() {
        let records = read(SERVER);
        let seen: Vec<_> = records
            .iter()
            .map(|record| {
                let stamp = record.stamp.as_ref().expect("no record is cut off");
                (stamp.component.as_str(), stamp.bias_minutes.unwrap(), stamp.thread.unwrap())
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("SMS_COLLECTION_EVALUATOR", -60, 4844),
                ("SMS_COLLECTION_EVALUATOR", -60, 4844),
                ("SMS_PACKAGE_TRANSFER_MANAGER", -60, 9112),
                ("SMS_PACKAGE_TRANSFER_MANAGER", -60, 9112),
                ("SMS_HIERARCHY_MANAGER", 420, 7064),
                ("SMS_SITE_SYSTEM_STATUS_SUMMARIZER", 300, 4840),
                ("Configuration Manager Setup", 420, 2868),
                ("SMS Provider", -120, 1212),
                ("TestComp", 0, 100),
                ("Component", 0, 42),
            ]
        );
        assert_eq!(records[0].text, "SQL>>>>> Done.");
        assert_eq!(records[2].text, "Failed to get object class");
        assert_eq!(records[5].text, "---->: An event has occurred, the event code is: 0x1");
        assert!(records[6].text.starts_with(" *** [08001]"));
        assert_eq!(records[9].text, "message");
        let stamp = records[0].stamp.as_ref().unwrap();
        // 01:03:34.174 CET is 00:03:34.174 UTC.
        assert_eq!(stamp.utc(0), WallTime(1_669_766_614_174_000));
    }

    #[test]
    fn real_attribute_records_are_read() {
        let records = read(ATTRIBUTE);
        let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(texts.len(), 8);
        assert_eq!(texts[0], "This is some dummy test");
        assert_eq!(texts[1], "Successfully");
        assert!(texts[2].starts_with("[GenericDownloadWorker_ANY] Worker is \"run-once\""));
        assert_eq!(texts[3], "");
        assert_eq!(texts[4].lines().count(), 3);
        assert!(texts[5].starts_with("Processing\n"));
        assert_eq!(texts[6], "Test message");
        assert_eq!(texts[7], "Header: [Authorization]=[**************]");
        let stamps: Vec<_> = records.iter().map(|record| record.stamp.as_ref()).collect();
        assert!(stamps[..7].iter().all(Option::is_some) && stamps[7].is_none());
        let worker = stamps[1].unwrap();
        assert_eq!(worker.component, "SMS_SERVICE_CONNECTOR_GenericDownloadWorker");
        assert_eq!((worker.thread, worker.bias_minutes), (Some(153), None));
        assert_eq!(worker.local_micros % 1_000_000, 672_109);
        assert_eq!(stamps[4].unwrap().severity, Some(Severity::Error));
        assert_eq!(stamps[6].unwrap().bias_minutes, Some(0));
    }

    #[test]
    fn a_body_of_several_lines_belongs_to_the_record_that_ends_it() {
        let records =
            read("one\r\ntwo  $$<A><01-01-2024 10:00:00.000+000><thread=1 (0x1)>\r\nrest");
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].text, "one\r\ntwo");
        assert_eq!((records[1].text.as_str(), &records[1].stamp), ("rest", &None));
    }

    #[test]
    fn text_before_an_attribute_record_is_a_piece_of_its_own() {
        let whole = "<![LOG[whole]LOG]!><time=\"10:00:00\" date=\"01-01-2024\">";
        let records = read(&format!("cut\n<![LOG[open\n{whole}"));
        let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(texts, ["cut\n<![LOG[open", "whole"]);
        assert_eq!((&records[0].stamp, records[1].stamp.is_some()), (&None, true));
        let after = read(&format!("cut\n{whole}{whole}"));
        assert_eq!(after.len(), 3);
    }

    #[test]
    fn what_is_no_record_is_text() {
        for text in [
            "plain",
            "$$<",
            "$$<A><13-01-2024 10:00:00.000+000><thread=1>",
            "$$<A><Mon Aug 20 04:12:09 2012><thread=1>",
            "<![LOG[a]LOG]!>",
            "<![LOG[a]LOG]!><time=\"10:00:00\" date=\"99-99-9999\">",
            "]LOG]!><time=\"10:00:00\" date=\"01-01-2024",
        ] {
            let records = read(text);
            assert_eq!(records.len(), 1, "{text}");
            assert_eq!(records[0].stamp, None, "{text}");
        }
        assert_eq!(read("\r\n\n  "), []);
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<String>(),
            "(?s).{0,20}",
            proptest::sample::select(vec![
                "$$<",
                "$",
                "<",
                "]LOG]!>",
                "<![LOG[",
                "\r\n",
                "\n",
                "\u{1b}[31m",
                " ",
                "~",
                "\u{1b}]",
                "\u{feff}",
                "$$<A><01-01-2024 10:00:00.000+000><thread=1 (0x1)>",
                "<time=\"10:00:00.0\" date=\"01-01-2024\">",
                "\"",
                ">",
            ])
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn lines() -> impl Strategy<Value = LogLine> {
        let log = (any::<bool>(), hostile()).prop_map(|(server, component)| {
            if server {
                LogFile::server("x.log")
            } else {
                LogFile::Attribute { file: "x.log".into(), component: component.into() }
            }
        });
        let severity = prop_oneof![
            Just(Severity::Informational),
            Just(Severity::Warning),
            Just(Severity::Error),
        ];
        // Four-digit years, and any number at all.
        let utc = prop_oneof![0..253_000_000_000_000_000i64, any::<i64>()].prop_map(WallTime);
        (log, hostile(), any::<u32>(), utc, -840..=720i32, severity, hostile()).prop_map(
            |(log, component, thread, utc, bias_minutes, severity, text)| LogLine {
                log,
                component,
                thread,
                utc,
                bias_minutes,
                severity,
                text,
            },
        )
    }

    /// What the reader must find in the record of `line`.
    fn check(line: &LogLine, record: &LogRecord) -> Result<(), TestCaseError> {
        prop_assert_eq!(&record.text, &clean(&line.text));
        let stamp = record.stamp.as_ref().expect("a whole record");
        prop_assert_eq!(&stamp.component, &line.component_written());
        prop_assert_eq!(stamp.thread, Some(line.thread));
        let server = matches!(line.log, LogFile::Server { .. });
        let expected = if server {
            (Format::Server, Some(line.bias_minutes), None)
        } else {
            (Format::Attribute, None, Some(line.severity))
        };
        prop_assert_eq!((stamp.format, stamp.bias_minutes, stamp.severity), expected);
        // Times that a log cannot hold are moved to the nearest that it can.
        let local = local_micros(line.utc, line.bias_minutes);
        if (0..253_000_000_000_000_000).contains(&local) {
            let unit = if server { 1_000 } else { 1 };
            prop_assert_eq!(stamp.local_micros, local / unit * unit);
        }
        Ok(())
    }

    proptest! {
        // A file of failures would stand in `src` and look like a member of the workspace.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_rendered_line_reads_as_exactly_itself(line in lines()) {
            let text = render(&line);
            prop_assert!(text.chars().all(|char| !char.is_control()), "{:?}", text);
            let records = read(&text);
            prop_assert_eq!(records.len(), 1, "{}", text);
            check(&line, &records[0])?;
        }

        #[test]
        fn rendered_lines_read_as_many(lines in proptest::collection::vec(lines(), 0..5)) {
            let text: String = lines.iter().map(|line| render(line) + "\r\n").collect();
            let records = read(&text);
            prop_assert_eq!(records.len(), lines.len(), "{}", text);
            for (line, record) in lines.iter().zip(&records) {
                check(line, record)?;
            }
        }

        #[test]
        fn no_text_stops_the_reader(text in hostile(), cut in 0..200usize) {
            let cut = text.floor_char_boundary(cut);
            read(&text[cut..]);
        }
    }

    #[test]
    fn a_large_hostile_text_is_read_in_one_pass() {
        // Were the reader to look ahead to the end at every mark, this would take hours.
        for mark in ["<![LOG[", "]LOG]!><time=\"", "$$<", "<![LOG[]LOG]!>", "]LOG]!><a=\"b\" "] {
            assert_eq!(read(&mark.repeat(100_000)).last().map(|record| &record.stamp), Some(&None));
        }
    }
}
