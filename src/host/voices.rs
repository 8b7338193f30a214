//! Who says something in this host, its own parts and its components, and where that is written
//! down: as a status message, and in a log.

use contract::control::LogTail;
use contract::id::ComponentId;
use contract::{LogFile, Registration, Severity, WallTime};
use status::{LogLine, Report, Reporter, Said, StatusManager};

use crate::logbook::{Entry, LogBook, LogNumber, Plain, Words};
use crate::{Doing, EXECUTIVE, Host, SITE_BACKUP};

/// Components that the host plays itself, and their logs (domain.md 2.1).
pub(crate) const OWN_LOGS: [(&str, &str); 3] = [
    (EXECUTIVE, "smsexec.log"),
    (SITE_BACKUP, "smsbkup.log"),
    (status::manager::SUMMARIZER, "compsumm.log"),
];

/// The thread that log lines of the host's own parts show.
const OWN_THREAD: u32 = 3_000;

/// All who say something.
#[derive(Debug)]
pub(crate) struct Voices {
    /// By reporter.
    all: Vec<Voice>,
    /// By shard and slot of a component.
    of_components: Vec<Vec<Reporter>>,
    pub(crate) executive: Reporter,
    pub(crate) backup: Reporter,
}

/// One who says something.
#[derive(Debug, Clone, Copy)]
struct Voice {
    log: LogNumber,
    /// Whose it is; [`ComponentId::OUTSIDE`] if it is one of the host's own.
    id: ComponentId,
}

impl Voices {
    /// The host's own.
    pub(crate) fn new(status: &mut StatusManager, logs: &mut LogBook) -> Self {
        let [(executive, log), (backup, backup_log), (summarizer, summarizer_log)] = OWN_LOGS;
        let own = |file| Voice { log: file, id: ComponentId::OUTSIDE };
        status.register(summarizer);
        let (executive, backup) = (status.register(executive), status.register(backup));
        // In the order of reporters, of whom the summarizer is the first.
        let all = [summarizer_log, log, backup_log].map(|file| own(logs.open(file)));
        debug_assert_eq!((executive.place(), backup.place()), (1, 2));
        Voices { all: all.into(), of_components: Vec::new(), executive, backup }
    }

    /// A component's voice.
    pub(crate) fn of(&self, id: ComponentId) -> Reporter {
        self.of_components[usize::from(id.shard())][id.slot() as usize]
    }

    /// A component has that voice. It may bear the name of one of the host's own, and speaks in
    /// that one's log then.
    fn add(&mut self, reporter: Reporter, id: ComponentId, log: LogNumber) {
        match self.all.get_mut(reporter.place()) {
            Some(own) => own.id = id,
            None => self.all.push(Voice { log, id }),
        }
        let shard = usize::from(id.shard());
        if self.of_components.len() <= shard {
            self.of_components.resize_with(shard + 1, Vec::new);
        }
        debug_assert_eq!(self.of_components[shard].len(), id.slot() as usize);
        self.of_components[shard].push(reporter);
    }
}

impl Host {
    /// Gives a component that was registered a voice.
    pub(crate) fn give_voice(&mut self, id: ComponentId, registration: &Registration) {
        let log = self.logs.open(registration.descriptor.log.file());
        let name = &registration.name;
        let own = OWN_LOGS.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        let reporter = match own.and_then(|(own, _)| self.status.find(own)) {
            Some(own) => own,
            None => self.status.register(name.clone()),
        };
        self.voices.add(reporter, id, log);
    }

    /// One of the host's own, or a component, by its name in any case.
    pub(crate) fn voice_called(&self, name: &str) -> Option<Reporter> {
        match OWN_LOGS.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
            Some((own, _)) => self.status.find(own),
            None => self.board.find(name).map(|id| self.voices.of(id)),
        }
    }

    /// Keeps a status message, and writes it and what followed from it to the logs concerned.
    pub(crate) fn report(&mut self, utc: WallTime, reporter: Reporter, said: impl Into<Said>) {
        let (said, number) = (said.into(), self.status.last_record() + 1);
        let followed = self.status.report(utc, reporter, said.clone());
        self.tell_report(Report { number, utc, reporter, said });
        if let Some(followed) = followed {
            self.tell_report(followed);
        }
    }

    fn tell_report(&mut self, report: Report) {
        if self.audience.reports {
            let record = Box::new(self.status.record(&report));
            self.doings.push(Doing::Reported(record));
        }
        let Report { utc, reporter, said, .. } = report;
        self.log_words(utc, reporter, said.severity(), Words::Message(said));
    }

    /// A record in the log of whoever says it.
    pub(crate) fn log(
        &mut self,
        utc: WallTime,
        by: Reporter,
        severity: Severity,
        words: impl Into<Words>,
    ) {
        self.log_words(utc, by, severity, words.into());
    }

    fn log_words(&mut self, utc: WallTime, by: Reporter, severity: Severity, words: Words) {
        let bias_minutes = self.bias_minutes;
        let plain = Plain { reporter: by, severity, bias_minutes, utc, words };
        if self.audience.logs {
            let line = Box::new(self.line_of(&plain));
            self.doings.push(Doing::Log(line));
        }
        self.logs.add(self.voices.all[by.place()].log, Entry::Plain(plain));
    }

    /// What a record was made of, with all that it takes to write it.
    fn line_of(&self, plain: &Plain) -> LogLine {
        let Plain { reporter, severity, bias_minutes, utc, words } = plain;
        let thread = self.thread_of(*reporter);
        let text = match words {
            Words::Text(text) => text.to_string(),
            Words::Initialized(id, startup) => {
                let name = self.executive.name(*id);
                format!(
                    "{name} initialized, startup type = \"{startup}\", current state = \
                     \"Stopped\", requested operation = \"None\"."
                )
            }
            Words::Change(id, from, to, generation) => {
                let name = self.executive.name(*id);
                format!("{name}: {from} -> {to}, generation {generation}.")
            }
            Words::Message(said) => {
                let (utc, reporter, said) = (*utc, *reporter, said.clone());
                let record = self.status.record(&Report { number: 0, utc, reporter, said });
                status::statmsg(&record, self.options.process, thread)
            }
        };
        LogLine {
            log: self.log_of(*reporter),
            component: self.status.name(*reporter).to_string(),
            thread,
            utc: *utc,
            bias_minutes: *bias_minutes,
            severity: *severity,
            text,
        }
    }

    pub(crate) fn log_of(&self, reporter: Reporter) -> LogFile {
        let own = OWN_LOGS.iter().find(|(name, _)| **name == **self.status.name(reporter));
        match own {
            Some((_, file)) => LogFile::server(file),
            None => {
                let id = self.voices.all[reporter.place()].id;
                self.executive.descriptor(id).log.clone()
            }
        }
    }

    /// The thread id that the log lines of a voice show. The product's components are threads;
    /// here it is a number that stands for one, the same over all lives of a component, and a
    /// multiple of four like the real ones.
    fn thread_of(&self, reporter: Reporter) -> u32 {
        match self.voices.all[reporter.place()].id {
            ComponentId::OUTSIDE => OWN_THREAD,
            id => 4_000 + 4 * (u32::from(id.shard()) + id.slot() * u32::from(self.options.shards)),
        }
    }

    fn written(&self, entry: &Entry) -> String {
        match entry {
            Entry::Plain(plain) => status::render(&self.line_of(plain)),
            Entry::Written(text) => text.to_string(),
        }
    }

    /// The newest records of the log of that file name.
    pub(crate) fn tail(&self, file: &str, last: usize) -> Option<LogTail> {
        let log = self.logs.find(file)?;
        let lines = log.newest(last).map(|entry| self.written(entry)).collect();
        Some(LogTail { file: log.file.clone(), lines })
    }

    /// Takes over what an earlier host of the same site has logged: the files are still there.
    pub fn take_logs_of(&mut self, earlier: &mut Host) {
        let logs = std::mem::take(&mut earlier.logs);
        for log in logs.logs() {
            let number = self.logs.open(&log.file);
            for entry in log.newest(usize::MAX) {
                self.logs.add(number, Entry::Written(earlier.written(entry).into()));
            }
        }
    }
}
