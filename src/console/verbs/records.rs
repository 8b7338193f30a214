//! What was recorded: status messages and logs.

use clap::{Arg, ArgMatches};
use contract::control::{Ask, LogTail, Refusal, Told};
use contract::status::StatusRecord;
use serde::Serialize;

use super::query::reporters;
use super::{Category, Kind, Verb, last, last_arg, targets_arg, text, texts};
use crate::console::{Console, Reply, beside_the_point};
use crate::plain::cell;
use crate::render::{Align, Column, View, grid, json};
use crate::target::{Targets, named_among, unknown};
use crate::when::{iso, utc};

/// Status messages.
pub(super) const MESSAGES: Verb = Verb {
    name: "messages",
    aliases: &[],
    category: Category::Look,
    about: "Show status messages, oldest first",
    details: "All that has a row in status has messages, the executive itself too. Those of \
              several targets are shown together, the newest of all of them.",
    examples: &[
        ("messages", "the last twenty"),
        ("messages SMS_SERVICE_CONNECTOR --last 5", "the last five of one component"),
        ("messages dmp_* executive", "of several"),
    ],
    json: true,
    args: |parser| parser.arg(targets_arg(false)).arg(last_arg()),
    next: |_| Kind::Reporter,
    run: messages,
};

/// Logs.
pub(super) const LOGS: Verb = Verb {
    name: "logs",
    aliases: &[],
    category: Category::Look,
    about: "Show the end of a log; without an argument, list the logs",
    details: "Lines are shown as they stand in the file.",
    examples: &[
        ("logs", "what logs there are"),
        ("logs SMS_DMP_DOWNLOADER", "the end of that component's log"),
        ("logs executive", "that of the executive itself"),
        ("logs smsexec.log --last 50", "the end of a file"),
    ],
    json: true,
    args: |parser| {
        parser
            .arg(Arg::new("log").value_name("COMPONENT|FILE").help("Whose log, or which"))
            .arg(last_arg())
    },
    next: |before| if before.is_empty() { Kind::Log } else { Kind::Nothing },
    run: logs,
};

#[derive(Serialize)]
struct Record {
    record: u64,
    time: String,
    severity: String,
    id: u32,
    component: String,
    machine: String,
    site: String,
    module: String,
    text: String,
    #[serde(skip)]
    time_shown: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Records(Vec<Record>);

impl View for Records {
    fn text(&self, width: Option<u16>) -> String {
        if self.0.is_empty() {
            return "no status messages\n".to_owned();
        }
        let columns = [
            Column("TIME (UTC)", Align::Left),
            Column("SEVERITY", Align::Left),
            Column("ID", Align::Right),
            Column("COMPONENT", Align::Left),
            Column("TEXT", Align::Left),
        ];
        let rows = self.0.iter().map(|record| {
            vec![
                record.time_shown.clone(),
                record.severity.clone(),
                record.id.to_string(),
                record.component.clone(),
                record.text.clone(),
            ]
        });
        grid(&columns, rows.collect(), width)
    }
}

fn messages(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let (words, last) = (texts(args, "target"), last(args));
    let targets = Targets::resolve(&words, &reporters(console)?);
    let mut records = Vec::new();
    if words.is_empty() || words.iter().any(|word| word.eq_ignore_ascii_case("all")) {
        records = messages_of(console, None, last)?;
    } else {
        for row in &targets.rows {
            records.extend(messages_of(console, Some(row.name.clone()), last)?);
        }
        records.sort_by_key(|record| record.record);
        records.drain(..records.len().saturating_sub(last));
    }
    // That there are none is no news where nobody was asked.
    if records.is_empty() && targets.rows.is_empty() && !words.is_empty() {
        let nothing: [Record; 0] = [];
        let text = if console.wants_json(args) { json(&nothing) } else { String::new() };
        return Ok(targets.told(Reply::say(text)));
    }
    let records = Records(records.into_iter().map(Record::of).collect());
    Ok(targets.told(console.show(args, &records)))
}

fn messages_of(
    console: &mut Console<'_>,
    component: Option<String>,
    last: usize,
) -> Result<Vec<StatusRecord>, Refusal> {
    match console.host.ask(Ask::Messages { component, last })? {
        Told::Messages(records) => Ok(records),
        _ => Err(beside_the_point("messages")),
    }
}

impl Record {
    fn of(record: StatusRecord) -> Record {
        Record {
            record: record.record,
            time: iso(record.time),
            time_shown: utc(record.time),
            severity: record.message.severity.to_string(),
            id: record.message.id,
            component: record.component,
            machine: record.machine,
            site: record.site,
            module: record.module,
            text: record.text,
        }
    }
}

#[derive(Serialize)]
struct Log {
    file: String,
    lines: Vec<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Logs(Vec<Log>);

impl View for Logs {
    /// One log is shown as it is, several with their names; a list has names alone.
    fn text(&self, _width: Option<u16>) -> String {
        let named = self.0.len() > 1;
        let mut text = String::new();
        for log in &self.0 {
            if named {
                text += &(cell(&log.file) + ":\n");
            }
            for line in log.lines.iter().flat_map(|record| record.lines()) {
                text += &(crate::plain::plain(line) + "\n");
            }
        }
        text
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Files(Vec<String>);

impl View for Files {
    fn text(&self, _width: Option<u16>) -> String {
        self.0.iter().map(|file| cell(file) + "\n").collect()
    }
}

fn logs(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let Some(word) = text(args, "log") else {
        let files = Files(console.logs()?);
        return Ok(console.show(args, &files));
    };
    let log = log_name(console, word)?;
    match console.host.ask(Ask::Logs { log: Some(log), last: last(args) })? {
        Told::Logs(tails) => {
            let log = |LogTail { file, lines }| Log { file, lines };
            Ok(console.show(args, &Logs(tails.into_iter().map(log).collect())))
        }
        _ => Err(beside_the_point("logs")),
    }
}

/// What reports, or the file, that a word means.
fn log_name(console: &mut Console<'_>, word: &str) -> Result<String, Refusal> {
    let reporters: Vec<String> = reporters(console)?.into_iter().map(|row| row.name).collect();
    if let Some(name) = named_among(word, reporters.iter().map(String::as_str)) {
        return Ok(name.to_owned());
    }
    let files = console.logs()?;
    if let Some(file) = named_among(word, files.iter().map(String::as_str)) {
        return Ok(file.to_owned());
    }
    let names = reporters.iter().chain(&files).map(String::as_str);
    Err(unknown(word, "no component and no log of that name", names, "logs lists them"))
}
