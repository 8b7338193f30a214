//! The last state of everything: what a failing test shows.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use contract::control::{Ask, ComponentStatus, LogTail, ServiceCommand, Told};
use contract::id::OpId;
use contract::time::{Moment, duration_text};

use crate::event::What;
use crate::run::Site;
use crate::seed::replay_line;

/// So many events and so many lines of each log are shown.
const EVENTS_SHOWN: usize = 30;
const LINES_SHOWN: usize = 5;
/// So many deeds of a test that plays by itself are shown.
const DEEDS_SHOWN: usize = 16;
/// So many components, crashes and other rows are named in one place.
pub(crate) const NAMED: usize = 8;

/// What a test that plays by itself has done last, for whoever has to find out why it failed.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Where it is.
    chapter: String,
    told: VecDeque<String>,
}

impl Site {
    /// What is told from here on belongs there.
    pub(crate) fn begin_chapter(&mut self, chapter: String) {
        self.story.chapter = chapter;
    }

    /// Something is going to be done.
    pub(crate) fn tell_story(&mut self, what: &str) {
        if self.story.told.len() == DEEDS_SHOWN {
            self.story.told.pop_front();
        }
        let (chapter, at) = (&self.story.chapter, self.now.since_start().as_secs_f64());
        self.story.told.push_back(format!("{at:>14.6} {chapter}: {what}"));
    }

    /// The last state of everything: seed, clocks, components, open operations, what is due
    /// next, the last events, the ends of the logs. A failing test shows it by itself.
    pub fn report(&mut self) -> String {
        let mut text = String::new();
        self.write_head(&mut text);
        self.write_story(&mut text);
        self.write_components(&mut text);
        self.write_operations(&mut text);
        self.write_due(&mut text);
        self.write_events(&mut text);
        self.write_logs(&mut text);
        text
    }

    /// Fails the test with `why` and the report.
    #[track_caller]
    pub(crate) fn fail(&mut self, why: &str) -> ! {
        let report = self.report();
        self.leniency.told = true;
        panic!("{why}\n{report}");
    }

    /// The last state in a line: what is on its way, what is due, the seed.
    pub(crate) fn summary(&mut self) -> String {
        let rows = self.rows();
        let (settled, pending): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.state.is_settled());
        let mut parts: Vec<String> = pending.iter().take(NAMED).map(brief).collect();
        if pending.len() > NAMED {
            parts.push(format!("{} more on their way", pending.len() - NAMED));
        }
        if pending.is_empty() {
            parts.extend(settled.iter().take(NAMED).map(brief));
            if settled.len() > NAMED {
                parts.push(format!("{} more settled", settled.len() - NAMED));
            }
        } else {
            parts.push(format!("{} settled", settled.len()));
        }
        let due = match self.dues().first() {
            None => "nothing is due".to_owned(),
            Some((at, what)) => format!("next: {what} in {}", self.until(*at)),
        };
        format!("{}; {due}; seed {}", parts.join(", "), self.seed)
    }

    /// Every component's status, by name. The one who looks leaves no trace.
    pub(crate) fn rows(&mut self) -> Vec<ComponentStatus> {
        let clock = self.clock();
        match self.host.ask(clock, Ask::Query(Vec::new())) {
            Ok(Told::Components(rows)) => rows,
            told => unreachable!("components were asked for, told {told:?}"),
        }
    }

    fn until(&self, at: Moment) -> String {
        duration_text(at.since(self.now))
    }

    fn write_head(&mut self, text: &mut String) {
        let clock = self.clock();
        let service = match self.host.ask(clock, Ask::Service(ServiceCommand::Query)) {
            _ if self.killed => {
                let at = self.killed_at().map(|at| duration_text(at.since_start()));
                format!(
                    "was killed {} after the start; Site::start_again() starts another from the \
                     store",
                    at.unwrap_or_default()
                )
            }
            Ok(Told::Service(service)) => {
                format!(
                    "{}, {} of {} components run",
                    service.state, service.running, service.components
                )
            }
            told => format!("{told:?}"),
        };
        let _ = writeln!(
            text,
            "seed {}; to replay: {}\n{} after the start, wall clock {}\n{} {service}",
            self.seed,
            replay_line(self.seed),
            duration_text(clock.now.since_start()),
            status::log::utc_text(clock.utc),
            host::EXECUTIVE,
        );
    }

    /// When the executive was killed last.
    fn killed_at(&self) -> Option<Moment> {
        let kill = self.events().iter().rfind(|event| matches!(event.what, What::Killed));
        kill.map(|event| event.at)
    }

    fn write_story(&self, text: &mut String) {
        if self.story.chapter.is_empty() {
            return;
        }
        let _ = writeln!(text, "\nin {}; what was done last:", self.story.chapter);
        for deed in &self.story.told {
            let _ = writeln!(text, "{deed}");
        }
    }

    fn write_components(&mut self, text: &mut String) {
        let rows = self.rows();
        let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(9);
        if self.killed {
            text.push_str("\nNo component runs. Their last known state, at the kill:");
        }
        let _ = writeln!(
            text,
            "\n{:width$}  {:<8}  {:<19}  {:<7}  {:>3}  {:>5}  {:>5}  {:>7}  last exit",
            "component", "state", "why", "desired", "gen", "inbox", "check", "crashes"
        );
        for row in rows {
            let why = row.substate.map(|substate| substate.to_string()).unwrap_or_default();
            let exit = row.last_exit.map(|exit| status::log::clean(&exit.to_string()));
            let _ = writeln!(
                text,
                "{:width$}  {:<8}  {why:<19}  {:<7}  {:>3}  {:>5}  {:>5}  {:>7}  {}",
                row.name,
                row.state,
                row.desired,
                row.generation.0,
                row.inbox,
                row.checkpoint,
                row.crashes,
                exit.unwrap_or_default(),
            );
        }
    }

    /// Operations that have not ended, in words.
    pub(crate) fn open_operations(&self) -> BTreeMap<OpId, String> {
        let mut open: BTreeMap<OpId, String> = BTreeMap::new();
        for event in self.events() {
            match &event.what {
                What::Accepted { subject, command, operation: Some(operation), .. } => {
                    let since = duration_text(self.now.since(event.at));
                    open.entry(*operation)
                        .or_insert_with(|| format!("{operation} {command} {subject}, {since} ago"));
                }
                What::Resolved { operation, .. } => {
                    open.remove(operation);
                }
                _ => {}
            }
        }
        open
    }

    fn write_operations(&self, text: &mut String) {
        let open: Vec<String> = self.open_operations().into_values().collect();
        let open = if open.is_empty() { "none".to_owned() } else { open.join("; ") };
        let _ = writeln!(text, "\nopen operations: {open}");
    }

    fn write_due(&mut self, text: &mut String) {
        let dues = self.dues();
        let _ = write!(text, "due next: ");
        if dues.is_empty() {
            text.push_str("nothing");
        }
        for (number, (at, what)) in dues.iter().take(NAMED).enumerate() {
            let comma = if number > 0 { "; " } else { "" };
            let _ = write!(text, "{comma}{what} in {}", self.until(*at));
        }
        if dues.len() > NAMED {
            let _ = write!(text, "; {} more", dues.len() - NAMED);
        }
        text.push('\n');
    }

    fn write_events(&self, text: &mut String) {
        let events = self.events();
        let from = events.len().saturating_sub(EVENTS_SHOWN);
        let _ = writeln!(text, "\nthe last {} of {} events:", events.len() - from, events.len());
        for event in &events[from..] {
            let _ = writeln!(text, "{event}");
        }
    }

    fn write_logs(&mut self, text: &mut String) {
        let clock = self.clock();
        for tail in self.log_tails(clock) {
            let _ = writeln!(text, "\nthe end of {}:", tail.file);
            for line in tail.lines {
                let _ = writeln!(text, "{line}");
            }
        }
    }

    /// The ends of the logs that hold anything.
    fn log_tails(&mut self, clock: kernel::Clock) -> Vec<LogTail> {
        let mut logs = |log, last| match self.host.ask(clock, Ask::Logs { log, last }) {
            Ok(Told::Logs(tails)) => tails,
            _ => Vec::new(),
        };
        let names = logs(None, 0).into_iter().map(|tail| tail.file);
        let tails = names.flat_map(|file| logs(Some(file), LINES_SHOWN));
        tails.filter(|tail| !tail.lines.is_empty()).collect()
    }
}

/// A component in a few words.
fn brief(row: &ComponentStatus) -> String {
    let mut text = format!("{} {}", row.name, row.state);
    if let Some(substate) = row.substate {
        let _ = write!(text, " {substate}");
    }
    let _ = write!(text, " (generation {}", row.generation);
    if !row.state.is_settled() {
        let _ = write!(text, ", checkpoint {}", row.checkpoint);
    }
    if row.inbox > 0 {
        let _ = write!(text, ", inbox {}", row.inbox);
    }
    text.push(')');
    text
}
