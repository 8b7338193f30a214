//! The end of every log, in memory: what `logs` shows, live and simulated alike.

use std::collections::{BTreeMap, VecDeque};

use contract::control::LogTail;
use status::LogLine;

/// So many records of each log are at hand. The files hold the rest.
const RECORDS_MAX: usize = 2_000;

/// Logs by file name in lower case: names are compared without regard to case.
#[derive(Debug, Default)]
pub(crate) struct LogBook {
    logs: BTreeMap<String, Log>,
}

#[derive(Debug)]
struct Log {
    file: String,
    lines: VecDeque<String>,
}

impl LogBook {
    /// Makes a log known, with nothing in it yet.
    pub(crate) fn open(&mut self, file: &str) {
        self.log_mut(file);
    }

    fn log_mut(&mut self, file: &str) -> &mut Log {
        self.logs
            .entry(file.to_ascii_lowercase())
            .or_insert_with(|| Log { file: file.to_owned(), lines: VecDeque::new() })
    }

    /// Adds a record; the oldest makes room.
    pub(crate) fn add(&mut self, line: &LogLine) {
        let log = self.log_mut(line.log.file());
        if log.lines.len() == RECORDS_MAX {
            log.lines.pop_front();
        }
        log.lines.push_back(status::render(line));
    }

    /// The newest records of the log of that file name.
    pub(crate) fn tail(&self, file: &str, last: usize) -> Option<LogTail> {
        let log = self.logs.get(&file.to_ascii_lowercase())?;
        let from = log.lines.len().saturating_sub(last);
        let lines = log.lines.range(from..).cloned().collect();
        Some(LogTail { file: log.file.clone(), lines })
    }

    /// Every log's name, without its lines.
    pub(crate) fn names(&self) -> Vec<LogTail> {
        let logs = self.logs.values();
        logs.map(|log| LogTail { file: log.file.clone(), lines: Vec::new() }).collect()
    }
}
