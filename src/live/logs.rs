//! Component logs on disk: a line is raised as a tracing event, and the layer here appends it
//! to its file in the form that the product's components write (domain.md part 4).
//!
//! A host has a dispatcher of its own, so a thousand hosts in one process write to a thousand
//! folders; nothing is installed globally.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::{LogFile, Severity, WallTime};
use status::{LogLine, render};
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The target of the events that are records of component logs.
pub const TARGET: &str = "smsexec::log";

/// A log goes on in a new file before it is larger. What real server logs have (domain.md 4.3).
pub const MAX_BYTES: u64 = 2_621_440;

/// Records of so many bytes that wait for a file are written.
const WAITING_MAX: usize = 64 * 1_024;

/// Raises `line` as an event. Who listens is the thread's dispatcher; see [`dispatch`].
///
/// The event's target is [`TARGET`]; its level is the line's severity; its fields are `file`,
/// `component` (as it stands in the record), `attribute` (whether the log has the attribute
/// format), `thread`, `utc` (microseconds since 1970), `bias` (minutes) and the message.
pub fn emit(line: &LogLine) {
    let (component, attribute) = match &line.log {
        LogFile::Server { .. } => (line.component.as_str(), false),
        LogFile::Attribute { component, .. } => (component.as_ref(), true),
    };
    // An event's level is part of its place in the code, so there are three places.
    macro_rules! raise {
        ($level:expr) => {
            tracing::event!(
                target: TARGET,
                $level,
                file = line.log.file(),
                component,
                attribute,
                thread = line.thread,
                utc = line.utc.0,
                bias = line.bias_minutes,
                message = line.text.as_str(),
            )
        };
    }
    match line.severity {
        Severity::Informational => raise!(Level::INFO),
        Severity::Warning => raise!(Level::WARN),
        Severity::Error => raise!(Level::ERROR),
    }
}

/// A dispatcher that writes component logs to `folder`, each up to `max_bytes`. Use it with
/// `tracing::dispatcher::with_default`. The folder is made when the first record comes.
pub fn dispatch(folder: impl Into<PathBuf>, max_bytes: u64) -> Dispatch {
    let layer = CmLogLayer::new(folder, max_bytes);
    Dispatch::new(tracing_subscriber::registry().with(layer))
}

/// What went wrong on the disk of that dispatcher; nothing if it is none of [`dispatch`]'s.
pub fn problems(dispatch: &Dispatch) -> Problems {
    dispatch.downcast_ref::<CmLogLayer>().map(CmLogLayer::problems).unwrap_or_default()
}

/// Has records gathered from now on until [`flush`] writes them: one write for each file in place
/// of one for each record. Without effect on a dispatcher that is none of [`dispatch`]'s.
pub fn gather(dispatch: &Dispatch) {
    if let Some(layer) = dispatch.downcast_ref::<CmLogLayer>() {
        layer.lock().gathers = true;
    }
}

/// Writes what was gathered since the last time.
pub fn flush(dispatch: &Dispatch) {
    if let Some(layer) = dispatch.downcast_ref::<CmLogLayer>() {
        layer.lock().flush();
    }
}

/// Records that could not be written, and files that could not be put away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// How many there were.
    pub count: u64,
    /// The last of them, in words.
    pub last: Option<String>,
}

/// Writes every event of [`TARGET`] to its file; other events pass.
///
/// A file is opened once, for appending, and stays open; each record is one write, unless they
/// are gathered ([`gather`]). Before a
/// file would exceed its size it is renamed from `x.log` to `x.lo_`, in place of the one
/// before, and `x.log` goes on empty (domain.md 4.3). A record that cannot be written is lost
/// and counted; the next one tries again.
#[derive(Debug)]
pub struct CmLogLayer {
    files: Mutex<Files>,
}

impl CmLogLayer {
    /// A layer that writes to `folder`, each file up to `max_bytes`. A record that is larger
    /// has a file to itself.
    pub fn new(folder: impl Into<PathBuf>, max_bytes: u64) -> Self {
        let files = Files {
            folder: folder.into(),
            max_bytes,
            open: BTreeMap::new(),
            gathers: false,
            unwritten: Vec::new(),
            problems: Problems::default(),
        };
        CmLogLayer { files: Mutex::new(files) }
    }

    /// What went wrong so far.
    pub fn problems(&self) -> Problems {
        self.lock().problems.clone()
    }

    /// A writer that panicked has left whole values behind: each record is one step.
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for CmLogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        match fields.into_line(*event.metadata().level()) {
            Some(line) => self.lock().write(&line),
            None => self.lock().problem("an event lacks a field of a log record".into()),
        }
    }
}

/// The fields of an event, as far as they have come.
#[derive(Debug, Default)]
struct Fields {
    file: Option<String>,
    component: Option<String>,
    attribute: Option<bool>,
    thread: Option<u32>,
    utc: Option<i64>,
    bias: Option<i32>,
    message: Option<String>,
}

impl Fields {
    fn into_line(self, level: Level) -> Option<LogLine> {
        let (file, component) = (self.file?.into(), self.component?);
        let log = if self.attribute? {
            LogFile::Attribute { file, component: component.clone().into() }
        } else {
            LogFile::Server { file }
        };
        Some(LogLine {
            log,
            component,
            thread: self.thread?,
            utc: WallTime(self.utc?),
            bias_minutes: self.bias?,
            severity: severity_of(level),
            text: self.message?,
        })
    }

    fn number(&mut self, field: &Field, value: i64) {
        match field.name() {
            "thread" => self.thread = value.try_into().ok(),
            "utc" => self.utc = Some(value),
            "bias" => self.bias = value.try_into().ok(),
            _ => {}
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if let Ok(value) = i64::try_from(value) {
            self.number(field, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "attribute" {
            self.attribute = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "file" => &mut self.file,
            "component" => &mut self.component,
            "message" => &mut self.message,
            _ => return,
        };
        *place = Some(value.to_owned());
    }

    /// Every field of a record has one of the types above.
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

fn severity_of(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warning,
        _ => Severity::Informational,
    }
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    max_bytes: u64,
    /// By file name.
    open: BTreeMap<String, Open>,
    /// Records wait until somebody has them written.
    gathers: bool,
    /// Names of files with records that wait.
    unwritten: Vec<String>,
    problems: Problems,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// With those that wait.
    bytes: u64,
    /// Records that wait to be written, and how many they are.
    waiting: Vec<u8>,
    records: u64,
}

impl Files {
    fn problem(&mut self, text: String) {
        self.problems(1, text);
    }

    fn problems(&mut self, count: u64, text: String) {
        self.problems.count += count;
        self.problems.last = Some(text);
    }

    fn write(&mut self, line: &LogLine) {
        let name = line.log.file();
        let waits = match self.append(name, render(line) + "\n") {
            Ok(waits) => waits,
            Err(error) => return self.problem(format!("{name:?} could not be written: {error}")),
        };
        if !self.gathers || waits >= WAITING_MAX {
            self.write_out(name);
        } else if waits == 0 {
            self.unwritten.push(name.to_owned());
        }
    }

    /// Puts a record behind those that wait; answers how many bytes waited before it.
    fn append(&mut self, name: &str, record: String) -> io::Result<usize> {
        let bytes = record.len() as u64;
        let open = self.opened(name)?;
        if open.bytes > 0 && open.bytes.saturating_add(bytes) > self.max_bytes {
            self.write_out(name);
            self.put_away(name);
        }
        let open = self.opened(name)?;
        let waited = open.waiting.len();
        open.waiting.extend_from_slice(record.as_bytes());
        open.records += 1;
        open.bytes += bytes;
        Ok(waited)
    }

    /// Writes all that waits.
    fn flush(&mut self) {
        for name in std::mem::take(&mut self.unwritten) {
            self.write_out(&name);
        }
    }

    /// Writes what waits for one file.
    fn write_out(&mut self, name: &str) {
        let Some(open) = self.open.get_mut(name) else { return };
        let result = open.file.write_all(&open.waiting);
        let records = std::mem::take(&mut open.records);
        open.waiting.clear();
        if let Err(error) = result {
            // Opened anew for the next record, with a look at how this one ended.
            self.open.remove(name);
            self.problems(records, format!("{name:?} could not be written: {error}"));
        }
    }

    fn opened(&mut self, name: &str) -> io::Result<&mut Open> {
        if !self.open.contains_key(name) {
            let open = Open::new(&self.folder, name)?;
            self.open.insert(name.to_owned(), open);
        }
        Ok(self.open.get_mut(name).expect("it has just been opened"))
    }

    /// Renames a full log. If that fails the log grows on, and the next record tries again.
    fn put_away(&mut self, name: &str) {
        self.open.remove(name);
        let (from, to) = (self.folder.join(name), self.folder.join(history_name(name)));
        if let Err(error) = fs::rename(from, to) {
            self.problem(format!("{name:?} could not be renamed: {error}"));
        }
    }
}

/// Nobody is left to have them written.
impl Drop for Files {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Open {
    /// Opens a log for appending. One that ends in the middle of a record, because a disk was
    /// full or a process was killed, goes on with a line of its own.
    fn new(folder: &Path, name: &str) -> io::Result<Self> {
        if !is_plain(name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "that is no plain file name"));
        }
        fs::create_dir_all(folder)?;
        let path = folder.join(name);
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Open { file, bytes, waiting: Vec::new(), records: 0 })
    }
}

/// `x.log` -> `x.lo_`; another name gets the ending besides its own.
fn history_name(name: &str) -> String {
    let stem = name.len().checked_sub(4).filter(|&at| name.is_char_boundary(at));
    match stem.map(|at| name.split_at(at)) {
        Some((stem, ending)) if ending.eq_ignore_ascii_case(".log") => format!("{stem}.lo_"),
        _ => format!("{name}.lo_"),
    }
}

/// Whether a name stays within its folder, on Windows too.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    one && !name.contains(|char: char| matches!(char, '/' | '\\' | ':') || char.is_control())
}

#[cfg(test)]
mod tests {
    use tracing::dispatcher::with_default;

    use super::*;

    /// A folder that is gone when the test is.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("smsexec-logs-{}-{test}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&folder);
            Folder(folder)
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.0.join(name)).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn line(file: &'static str, text: &str) -> LogLine {
        LogLine {
            log: LogFile::server(file),
            component: "SMS_A".into(),
            thread: 4844,
            utc: WallTime::from_unix_seconds(1_767_225_600),
            bias_minutes: -60,
            severity: Severity::Informational,
            text: text.into(),
        }
    }

    #[test]
    fn a_record_stands_in_its_file_as_the_product_writes_it() {
        let folder = Folder::new("form");
        let dispatch = dispatch(&folder.0, MAX_BYTES);
        let mut managed = line("x", "checked");
        managed.severity = Severity::Error;
        managed.log =
            LogFile::Attribute { file: "Worker.log".into(), component: "SMS_A_Worker".into() };
        with_default(&dispatch, || {
            emit(&line("a.log", "one\ntwo"));
            emit(&line("a.log", "three"));
            emit(&managed);
            tracing::info!("somebody else's event");
        });
        assert_eq!(
            folder.text("a.log"),
            "one~two  $$<SMS_A><01-01-2026 01:00:00.000-60><thread=4844 (0x12EC)>\n\
             three  $$<SMS_A><01-01-2026 01:00:00.000-60><thread=4844 (0x12EC)>\n"
        );
        assert_eq!(folder.text("Worker.log"), render(&managed) + "\n");
        assert_eq!(problems(&dispatch), Problems::default());
    }

    #[test]
    fn every_severity_comes_through() {
        let folder = Folder::new("severity");
        let lines = [Severity::Informational, Severity::Warning, Severity::Error].map(|severity| {
            let log = LogFile::Attribute { file: "w.log".into(), component: "W".into() };
            LogLine { log, severity, ..line("w.log", "text") }
        });
        with_default(&dispatch(&folder.0, MAX_BYTES), || lines.iter().for_each(emit));
        let expected: String = lines.iter().map(|line| render(line) + "\n").collect();
        assert_eq!(folder.text("w.log"), expected);
    }

    #[test]
    fn a_full_log_is_put_away_and_the_one_before_it_goes() {
        let folder = Folder::new("rotation");
        let record = render(&line("a.log", "0")).len() as u64 + 1;
        let dispatch = dispatch(&folder.0, 2 * record);
        with_default(&dispatch, || {
            (0..5).for_each(|number| emit(&line("a.log", &number.to_string())));
        });
        let texts = |name| {
            status::read(&folder.text(name))
                .into_iter()
                .map(|record| record.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("a.lo_"), ["2", "3"]);
        assert_eq!(texts("a.log"), ["4"]);
        assert_eq!(problems(&dispatch).count, 0);
    }

    #[test]
    fn a_record_that_is_larger_than_the_file_may_be_has_a_file_to_itself() {
        let folder = Folder::new("large");
        with_default(&dispatch(&folder.0, 1), || {
            emit(&line("a.log", "one"));
            emit(&line("a.log", "two"));
        });
        assert!(folder.text("a.lo_").starts_with("one") && folder.text("a.log").starts_with("two"));
    }

    #[test]
    fn a_log_goes_on_where_an_earlier_host_left_it_even_in_the_middle_of_a_record() {
        let folder = Folder::new("append");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("a.log"), "torn").unwrap();
        for text in ["one", "two"] {
            with_default(&dispatch(&folder.0, MAX_BYTES), || emit(&line("a.log", text)));
        }
        let begins: Vec<_> =
            folder.text("a.log").lines().map(|line| line[..3].to_owned()).collect();
        assert_eq!(begins, ["tor", "one", "two"]);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_nothing_else_suffers() {
        let folder = Folder::new("problems");
        fs::create_dir_all(folder.0.join("a.log")).unwrap();
        let dispatch = dispatch(&folder.0, MAX_BYTES);
        with_default(&dispatch, || {
            emit(&line("a.log", "that is a folder"));
            emit(&line("b.log", "fine"));
        });
        assert!(folder.text("b.log").starts_with("fine"));
        assert_eq!(problems(&dispatch).count, 1);
        // The disk is well again.
        fs::remove_dir(folder.0.join("a.log")).unwrap();
        with_default(&dispatch, || emit(&line("a.log", "now")));
        assert!(folder.text("a.log").starts_with("now"));
    }

    /// `/dev/full` takes no byte.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_on_a_full_disk_is_opened_anew_for_the_next_record() {
        let folder = Folder::new("full");
        fs::create_dir_all(&folder.0).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.0.join("a.log")).unwrap();
        let dispatch = dispatch(&folder.0, MAX_BYTES);
        with_default(&dispatch, || emit(&line("a.log", "lost")));
        assert!(problems(&dispatch).last.unwrap().contains("a.log"));
        fs::remove_file(folder.0.join("a.log")).unwrap();
        with_default(&dispatch, || emit(&line("a.log", "kept")));
        assert_eq!(problems(&dispatch).count, 1);
        assert!(folder.text("a.log").starts_with("kept"));
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_a_problem() {
        // All of them lead to places within the test's own folder, should the check be broken.
        let outer = Folder::new("names");
        let inner = outer.0.join("logs");
        let absolute = outer.0.join("absolute.log").to_str().unwrap().to_owned();
        let names = ["../out.log", "", "..", "a\\b.log", "c:x.log", "a/b.log", &absolute];
        let dispatch = dispatch(&inner, MAX_BYTES);
        with_default(&dispatch, || {
            for name in names {
                let log = LogFile::Server { file: name.to_owned().into() };
                emit(&LogLine { log, ..line("", "that is no plain name") });
            }
        });
        let problems = problems(&dispatch);
        assert_eq!(problems.count, names.len() as u64);
        assert!(problems.last.unwrap().contains("absolute.log"));
        assert!(!outer.0.exists(), "nothing was made for them");
    }

    #[test]
    fn gathered_records_are_written_together_and_in_order_also_where_a_log_is_full() {
        let folder = Folder::new("gather");
        let record = render(&line("a.log", "0")).len() as u64 + 1;
        let dispatch = dispatch(&folder.0, 3 * record);
        gather(&dispatch);
        let texts = |name| {
            let records = status::read(&folder.text(name)).into_iter();
            records.map(|record| record.text).collect::<Vec<_>>()
        };
        with_default(&dispatch, || {
            emit(&line("a.log", "0"));
            emit(&line("b.log", "0"));
            emit(&line("a.log", "1"));
        });
        assert!(folder.text("a.log").is_empty() && folder.text("b.log").is_empty());
        flush(&dispatch);
        assert_eq!(
            (texts("a.log"), texts("b.log")),
            (vec!["0".into(), "1".into()], vec!["0".into()])
        );
        with_default(&dispatch, || (2..5).for_each(|it| emit(&line("a.log", &it.to_string()))));
        assert_eq!(texts("a.lo_"), ["0", "1", "2"]);
        drop(dispatch);
        assert_eq!(texts("a.log"), ["3", "4"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn gathered_records_that_cannot_be_written_are_all_counted() {
        let folder = Folder::new("gather-full");
        fs::create_dir_all(&folder.0).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.0.join("a.log")).unwrap();
        let dispatch = dispatch(&folder.0, MAX_BYTES);
        gather(&dispatch);
        with_default(&dispatch, || (0..3).for_each(|_| emit(&line("a.log", "lost"))));
        assert_eq!(problems(&dispatch).count, 0);
        flush(&dispatch);
        assert_eq!(problems(&dispatch).count, 3);
    }

    #[test]
    fn a_log_that_cannot_be_renamed_grows_on() {
        let folder = Folder::new("rename");
        fs::create_dir_all(folder.0.join("a.lo_/occupied")).unwrap();
        let dispatch = dispatch(&folder.0, 1);
        with_default(&dispatch, || {
            emit(&line("a.log", "one"));
            emit(&line("a.log", "two"));
        });
        assert_eq!(status::read(&folder.text("a.log")).len(), 2);
        assert_eq!(problems(&dispatch).count, 1);
    }

    #[test]
    fn hosts_do_not_write_into_each_other_s_logs() {
        let folders = ["host-a", "host-b"].map(Folder::new);
        std::thread::scope(|scope| {
            for folder in &folders {
                let dispatch = dispatch(&folder.0, MAX_BYTES);
                for _ in 0..2 {
                    let dispatch = dispatch.clone();
                    scope.spawn(move || {
                        with_default(&dispatch, || {
                            (0..200).for_each(|_| emit(&line("a.log", "text")));
                        });
                    });
                }
            }
        });
        for folder in &folders {
            let records = status::read(&folder.text("a.log"));
            assert_eq!(records.len(), 400);
            assert!(records.iter().all(|record| record.text == "text"));
        }
    }

    #[test]
    fn an_event_that_lacks_a_field_is_counted() {
        let folder = Folder::new("fields");
        let dispatch = dispatch(&folder.0, MAX_BYTES);
        with_default(&dispatch, || tracing::info!(target: TARGET, file = "a.log", "no more"));
        assert_eq!(problems(&dispatch).count, 1);
        assert!(!folder.0.exists());
    }

    #[test]
    fn a_log_s_history_has_its_name() {
        assert_eq!(history_name("smsexec.LOG"), "smsexec.lo_");
        assert_eq!(history_name("log"), "log.lo_");
        assert_eq!(history_name("ä.txt"), "ä.txt.lo_");
    }
}
