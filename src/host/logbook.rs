//! The end of every log, in memory: what `logs` shows, live and simulated alike.
//!
//! Of a record is kept what it was made of. Its form is made when somebody reads it, or writes
//! it to a disk.

use std::collections::BTreeMap;

use contract::WallTime;
use contract::control::LogTail;
use contract::id::{ComponentId, Generation};
use contract::lifecycle::{Startup, State};
use contract::status::Severity;
use status::{Recent, Reporter, Said};

/// So many records of each log are at hand. The files hold the rest.
const RECORDS_MAX: usize = 2_000;

/// A record of a log.
#[derive(Debug)]
pub(crate) enum Entry {
    /// One that has not been given its form yet.
    Plain(Plain),
    /// One of an earlier host, as it stands in the file.
    Written(Box<str>),
}

/// What a record of a log is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    /// Who says it.
    pub(crate) reporter: Reporter,
    pub(crate) severity: Severity,
    pub(crate) bias_minutes: i32,
    pub(crate) utc: WallTime,
    pub(crate) words: Words,
}

/// What a record of a log says.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// This.
    Text(Box<str>),
    /// That a component is known, with that startup type.
    Initialized(ComponentId, Startup),
    /// That a component has changed its state.
    Change(ComponentId, State, State, Generation),
    /// That whoever says it has reported this.
    Message(Said),
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Words::Text(text.into())
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Words::Text(text.into())
    }
}

/// A log of the book, by the order in which they were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogNumber(u32);

/// The logs.
#[derive(Debug, Default)]
pub(crate) struct LogBook {
    logs: Vec<Log>,
    /// By file name in lower case: names are compared without regard to case.
    by_name: BTreeMap<String, LogNumber>,
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) file: String,
    entries: Recent<Entry, RECORDS_MAX>,
}

impl Log {
    /// The newest records, oldest first.
    pub(crate) fn newest(&self, last: usize) -> impl Iterator<Item = &Entry> {
        self.entries.newest(last)
    }
}

impl LogBook {
    /// Makes a log known, with nothing in it yet.
    pub(crate) fn open(&mut self, file: &str) -> LogNumber {
        let key = file.to_ascii_lowercase();
        if let Some(number) = self.by_name.get(&key) {
            return *number;
        }
        let number = LogNumber(self.logs.len() as u32);
        self.logs.push(Log { file: file.to_owned(), entries: Recent::default() });
        self.by_name.insert(key, number);
        number
    }

    /// Adds a record; the oldest makes room.
    #[inline]
    pub(crate) fn add(&mut self, log: LogNumber, entry: Entry) {
        self.logs[log.0 as usize].entries.add(entry);
    }

    /// The log of that file name.
    pub(crate) fn find(&self, file: &str) -> Option<&Log> {
        let number = self.by_name.get(&file.to_ascii_lowercase())?;
        Some(&self.logs[number.0 as usize])
    }

    /// Every log, by name.
    pub(crate) fn logs(&self) -> impl Iterator<Item = &Log> {
        self.by_name.values().map(|number| &self.logs[number.0 as usize])
    }

    /// Every log's name, without its lines.
    pub(crate) fn names(&self) -> Vec<LogTail> {
        self.logs().map(|log| LogTail { file: log.file.clone(), lines: Vec::new() }).collect()
    }
}
