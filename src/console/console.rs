//! The console: a line goes in, a reply comes out. Prompt, script, one-shot and test all use it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ArgMatches;
use clap::error::ErrorKind;
use contract::control::{
    Ask, ClockView, ComponentStatus, HostControl, Outcome, Refusal, ServiceCommand, ServiceStatus,
    SettingView, Told,
};
use contract::time::duration_text;
use contract::{Code, Moment, OpId};

use crate::exit::ExitStatus;
use crate::plain::{cell, plain, shorten, visible};
use crate::render::{View, json};
use crate::verbs::{self, Verb};

/// The longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// How many verbs may stand inside each other, as in `expect A expect B query`.
const DEPTH_MAX: u32 = 8;

/// Gives the text of a status message id, with its insertion strings' places in it.
pub type StatusText = Box<dyn Fn(u32) -> Option<String>>;

/// How a console talks.
#[derive(Default)]
pub struct Options {
    /// Every data verb answers in JSON, as if `--json` stood on it.
    pub json: bool,
    /// How wide tables may be; none: as wide as they get, one row on one line.
    pub width: Option<u16>,
    /// What `explain` says of a status message id.
    pub status_text: Option<StatusText>,
    /// Raised from elsewhere to end what is under way.
    pub interrupt: Interrupt,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("json", &self.json)
            .field("width", &self.width)
            .field("status_text", &self.status_text.is_some())
            .field("interrupt", &self.interrupt)
            .finish()
    }
}

/// A flag that a signal handler or another thread raises. Looked at between targets, between
/// the looks of `wait`, between the days of `advance`, and between the lines of a script; on
/// real time also while an operation is waited for, which goes on by itself.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Ends what is under way with status 130.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// The flag itself, for a signal handler.
    #[cfg(feature = "terminal")]
    pub(crate) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether it was raised; it is down again after this.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// What a line came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// For standard output: whole lines, or nothing.
    pub text: String,
    /// For standard error: whole lines, or nothing.
    pub problems: String,
    /// How it went.
    pub status: ExitStatus,
    /// Whether the operator wants to leave.
    pub quit: bool,
}

impl Reply {
    /// All went well, and this is to be said.
    pub(crate) fn say(text: impl Into<String>) -> Reply {
        Reply { text: whole_lines(text.into()), ..Reply::default() }
    }

    /// It went wrong.
    pub(crate) fn fail(status: ExitStatus, problem: impl Into<String>) -> Reply {
        Reply { problems: whole_lines(problem.into()), status, ..Reply::default() }
    }

    /// With one line more on standard error, and `status` if that is worse.
    pub(crate) fn and_problem(mut self, status: ExitStatus, problem: &str) -> Reply {
        self.problems += &whole_lines(cell(problem));
        self.status = self.status.worst(status);
        self
    }

    /// With what a host, or a look at its names, had to refuse.
    pub(crate) fn and_refusal(self, refusal: &Refusal) -> Reply {
        self.and_problem(ExitStatus::of_refusal(refusal.code), &refusal.to_string())
    }

    /// With `status` if that is worse.
    pub(crate) fn and_status(mut self, status: ExitStatus) -> Reply {
        self.status = self.status.worst(status);
        self
    }
}

fn whole_lines(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// The Service Manager over one host.
pub struct Console<'h> {
    pub(crate) host: &'h mut dyn HostControl,
    pub(crate) options: Options,
    depth: u32,
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'h> Console<'h> {
    /// A console over `host`.
    pub fn new(host: &'h mut dyn HostControl, options: Options) -> Self {
        Console { host, options, depth: 0 }
    }

    /// Does what `line` says. An empty line and a `#` comment say nothing.
    pub fn exec(&mut self, line: &str) -> Reply {
        if line.len() > LINE_BYTES_MAX {
            let problem = format!("a line has {LINE_BYTES_MAX} bytes at most");
            return Reply::fail(ExitStatus::USAGE, problem);
        }
        match shlex::split(line) {
            None => Reply::fail(ExitStatus::USAGE, "a quote is not closed, or a \\ ends the line"),
            Some(words) => self.exec_words(&words),
        }
    }

    /// Does what a verb and its arguments say, already split: what a shell hands over.
    pub fn exec_words(&mut self, words: &[String]) -> Reply {
        let mut reply = self.run(words);
        // The last wall before a terminal: whatever a host, a log or an argument had in it.
        reply.text = plain(&reply.text);
        reply.problems = plain(&reply.problems);
        reply
    }

    /// How wide tables may be from now on.
    pub fn set_width(&mut self, width: Option<u16>) {
        self.options.width = width;
    }

    /// The status of a session or a script that comes to its end with `status`: that of the
    /// executive if it has ended for good, and nothing is worse.
    pub(crate) fn at_the_end(&mut self, status: ExitStatus) -> ExitStatus {
        let service = self.service_status();
        status.worst(service.map_or(ExitStatus::DONE, |service| ExitStatus::of_end(&service)))
    }

    /// A verb inside a verb.
    pub(crate) fn exec_inner(&mut self, words: &[String]) -> Reply {
        if self.depth >= DEPTH_MAX {
            let problem = format!("verbs stand at most {DEPTH_MAX} deep inside each other");
            return Reply::fail(ExitStatus::USAGE, problem);
        }
        self.depth += 1;
        let reply = self.run(words);
        self.depth -= 1;
        reply
    }

    fn run(&mut self, words: &[String]) -> Reply {
        let Some((name, args)) = words.split_first() else { return Reply::default() };
        let Some(verb) = verbs::find(name) else { return unknown_verb(name) };
        match verb.command().try_get_matches_from(args) {
            Err(error) => misunderstood(verb, &error),
            Ok(matches) => (verb.run)(self, &matches).unwrap_or_else(|refusal| refused(&refusal)),
        }
    }

    /// Shows what a data verb found, in the form that was asked for.
    pub(crate) fn show<V: View>(&self, args: &ArgMatches, view: &V) -> Reply {
        Reply::say(if self.wants_json(args) { json(view) } else { view.text(self.options.width) })
    }

    /// Whether the answer is to be JSON.
    pub(crate) fn wants_json(&self, args: &ArgMatches) -> bool {
        self.options.json || args.get_flag("json")
    }

    /// The status of all components, by name.
    pub(crate) fn components(&mut self) -> Result<Vec<ComponentStatus>, Refusal> {
        match self.host.ask(Ask::Query(Vec::new()))? {
            Told::Components(rows) => Ok(rows),
            _ => Err(beside_the_point("query")),
        }
    }

    /// The status of one component, by its whole name.
    pub(crate) fn component(&mut self, name: &str) -> Result<ComponentStatus, Refusal> {
        match self.host.ask(Ask::Query(vec![name.to_owned()]))? {
            Told::Components(mut rows) if rows.len() == 1 => Ok(rows.remove(0)),
            _ => Err(beside_the_point("query")),
        }
    }

    /// The status of SMS_EXECUTIVE.
    pub(crate) fn service_status(&mut self) -> Result<ServiceStatus, Refusal> {
        match self.host.ask(Ask::Service(ServiceCommand::Query))? {
            Told::Service(status) => Ok(status),
            _ => Err(beside_the_point("exec query")),
        }
    }

    /// The site's clock.
    pub(crate) fn clock(&mut self) -> Result<ClockView, Refusal> {
        match self.host.ask(Ask::Clock)? {
            Told::Clock(clock) => Ok(clock),
            _ => Err(beside_the_point("clock")),
        }
    }

    /// Waits for an operation; nothing if somebody interrupts it first. A host on real time is
    /// waited for a little at a time, and the interrupt looked at in between.
    pub(crate) fn wait_for(
        &mut self,
        operation: OpId,
        within: Duration,
    ) -> Result<Option<Outcome>, Refusal> {
        const PIECE: Duration = Duration::from_millis(100);
        let ClockView { now: start, is_virtual, .. } = self.clock()?;
        let piece = if is_virtual { within } else { PIECE };
        let mut waited = Duration::ZERO;
        loop {
            if self.options.interrupt.take() {
                return Ok(None);
            }
            let piece = piece.min(within - waited);
            let mut outcome = self.host.wait(operation, piece);
            if outcome.code != Code::REQUEST_TIMEOUT {
                return Ok(Some(outcome));
            }
            // An operation can also have ended with this code: it says so before the time is up.
            let before = waited;
            waited = self.now()?.since(start);
            if waited < before + piece {
                return Ok(Some(outcome));
            }
            if waited >= within {
                outcome.text = format!("not done within {}", duration_text(within));
                return Ok(Some(outcome));
            }
        }
    }

    /// What time it is on the host's clock.
    pub(crate) fn now(&mut self) -> Result<Moment, Refusal> {
        Ok(self.clock()?.now)
    }

    /// All settings, by key.
    pub(crate) fn settings(&mut self) -> Result<Vec<SettingView>, Refusal> {
        match self.host.ask(Ask::Settings(None))? {
            Told::Settings(views) => Ok(views),
            _ => Err(beside_the_point("settings")),
        }
    }

    /// The names of what has a row of the status summarizer.
    pub(crate) fn reporters(&mut self) -> Result<Vec<String>, Refusal> {
        match self.host.ask(Ask::Summaries)? {
            Told::Summaries(rows) => Ok(rows.into_iter().map(|row| row.component).collect()),
            _ => Err(beside_the_point("status")),
        }
    }

    /// The names of all logs.
    pub(crate) fn logs(&mut self) -> Result<Vec<String>, Refusal> {
        match self.host.ask(Ask::Logs { log: None, last: 0 })? {
            Told::Logs(logs) => Ok(logs.into_iter().map(|log| log.file).collect()),
            _ => Err(beside_the_point("logs")),
        }
    }
}

/// A host that answers another question than it was asked. A bug in the host, or a newer host
/// at the other end of a wire; either way no reason to fall over.
pub(crate) fn beside_the_point(question: &str) -> Refusal {
    Refusal::new(Code(1), question, "the host answered another question", "")
}

/// What a refusal looks like when it ends a verb.
fn refused(refusal: &Refusal) -> Reply {
    Reply::default().and_refusal(refusal)
}

fn unknown_verb(name: &str) -> Reply {
    let near = verbs::nearest_verbs(name);
    let hint = match near.is_empty() {
        true => "help lists them".to_owned(),
        false => format!("did you mean {}?", near.join(", ")),
    };
    let problem = format!("unknown verb \"{}\"; {hint}", shorten(name));
    Reply::fail(ExitStatus::USAGE, problem)
}

fn misunderstood(verb: &Verb, error: &clap::Error) -> Reply {
    if error.kind() == ErrorKind::DisplayHelp {
        return Reply::say(crate::help::of_verb(verb));
    }
    // The parser spreads itself over paragraphs; a script's error is better off without gaps.
    let text = error.render().to_string();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("For more"));
    // It quotes what was typed, as it was typed.
    let text = lines.map(visible).collect::<Vec<_>>().join("\n");
    let problem = format!(
        "{}: {}\nhelp {} has more",
        verb.name,
        text.trim_start_matches("error: "),
        verb.name
    );
    Reply::fail(ExitStatus::USAGE, problem)
}
