//! Commands that the host carries out: all asked first, then waited for, each reported.

use std::time::Duration;

use contract::control::{Accepted, Ask, ComponentStatus, Outcome, Refusal, ServiceStatus, Told};
use contract::{Code, OpId, State};
use serde::Serialize;

use crate::console::{Console, Reply, beside_the_point};
use crate::exit::ExitStatus;
use crate::render::json;
use crate::target::{group_of_word, is_member};

/// What is to be done with whom.
pub(super) struct Action {
    /// A component, or the executive.
    pub(super) subject: String,
    /// The question that commands it.
    pub(super) ask: Ask,
    /// The code that means "it is so already".
    pub(super) already: Option<Code>,
    /// Where to look afterwards.
    pub(super) look: Look,
}

/// Whose state a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The subject's own.
    Component,
    /// That of the components in the group that the subject names.
    Group,
    /// That of the executive.
    Executive,
    /// A backup has none; what it leaves behind is the executive.
    Backup,
}

/// How to wait, and for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Do not wait for the operation.
    pub(super) no_wait: bool,
    /// "It is so already" is a refusal.
    pub(super) strict: bool,
    /// Wait at most this long for each.
    pub(super) within: Duration,
}

/// What came of an action: a line on the screen, an object in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    subject: String,
    /// What it is now.
    state: Option<String>,
    operation: Option<u64>,
    code: u32,
    code_name: &'static str,
    note: String,
    status: u8,
    #[serde(skip)]
    exit: ExitStatus,
    /// The line for standard error, if it went wrong.
    #[serde(skip)]
    problem: Option<String>,
}

/// Asks for every action, then waits for each in turn, so that slow ones are slow together.
pub(super) fn carry_out(
    console: &mut Console<'_>,
    actions: Vec<Action>,
    manner: Manner,
) -> Vec<Report> {
    let asked: Vec<(Action, Result<Accepted, Refusal>)> = actions
        .into_iter()
        .map(|action| {
            let told = console.host.ask(action.ask.clone()).and_then(accepted);
            (action, told)
        })
        .collect();
    let mut reports = Vec::with_capacity(asked.len());
    let mut interrupted = false;
    for (action, told) in asked {
        interrupted |= console.options.interrupt.take();
        let report = report(console, &action, told, manner, interrupted);
        interrupted |= report.exit == ExitStatus::INTERRUPTED;
        reports.push(report);
    }
    reports
}

/// The reports as a reply: what went well on standard output, the rest on standard error;
/// under JSON all of it on standard output as well.
pub(super) fn reply(reports: &[Report], as_json: bool) -> Reply {
    let mut reply = Reply::default();
    for report in reports {
        match &report.problem {
            Some(problem) => reply = reply.and_problem(report.exit, problem),
            None if !as_json => reply.text += &report.line(),
            None => {}
        }
    }
    if as_json {
        reply.text = json(reports);
    }
    reply
}

fn accepted(told: Told) -> Result<Accepted, Refusal> {
    match told {
        Told::Accepted(accepted) => Ok(accepted),
        _ => Err(beside_the_point("command")),
    }
}

fn report(
    console: &mut Console<'_>,
    action: &Action,
    told: Result<Accepted, Refusal>,
    manner: Manner,
    interrupted: bool,
) -> Report {
    // Both ways in which a host can say "it is so already" are one from here on.
    let told = told.and_then(|accepted| match (accepted.operation, accepted.code) {
        (None, code) if code != Code::OK => {
            Err(Refusal::new(code, action.subject.as_str(), accepted.note, ""))
        }
        (operation, _) => Ok((accepted, operation)),
    });
    match told {
        Err(refusal) => Report::of_refusal(console, action, refusal, manner),
        Ok((accepted, None)) => {
            Report::new(action).with_note(accepted.note).with_state(console, action)
        }
        Ok((accepted, Some(operation))) => {
            let keep_problem = accepted.keep_problem().map(str::to_owned);
            let report = Report::new(action).with_operation(operation, &accepted);
            let report = if report.code != 0 && manner.strict {
                report.joined_against_the_rule(accepted, operation)
            } else if manner.no_wait {
                report.with_state(console, action).not_waited_for()
            } else if interrupted {
                report.interrupted(operation)
            } else {
                match console.wait_for(operation, manner.within) {
                    Ok(None) => report.interrupted(operation),
                    Ok(Some(outcome)) => report.with_state(console, action).ended(&outcome),
                    Err(refusal) => report.refused(&refusal),
                }
            };
            report.and_note(keep_problem)
        }
    }
}

impl Report {
    fn new(action: &Action) -> Report {
        Report {
            subject: action.subject.clone(),
            state: None,
            operation: None,
            code: 0,
            code_name: Code::OK.name(),
            note: String::new(),
            status: 0,
            exit: ExitStatus::DONE,
            problem: None,
        }
    }

    /// A refusal that may mean "it is so already", which is fine unless that counts.
    fn of_refusal(
        console: &mut Console<'_>,
        action: &Action,
        mut refusal: Refusal,
        manner: Manner,
    ) -> Report {
        if action.already != Some(refusal.code) {
            return Report::new(action).refused(&refusal);
        }
        if action.look == Look::Component && is_stopping(console, &action.subject) {
            // "Already running" is true to the letter and of no use: it is on its way down.
            refusal.way_out =
                format!("start --queue {} starts it once it has stopped", action.subject);
            return Report::new(action).refused(&refusal);
        }
        if manner.strict {
            return Report::new(action).refused(&refusal);
        }
        let report = Report::new(action).with_state(console, action);
        let note = format!("{} (code {} {})", refusal.reason, refusal.code, refusal.code.name());
        report.with_code(refusal.code).with_note(note)
    }

    fn with_state(mut self, console: &mut Console<'_>, action: &Action) -> Report {
        match action.look {
            Look::Component => {
                let row = console.component(&action.subject);
                self.state = row.ok().map(|row| row.state.to_string());
            }
            Look::Group => {
                let group = group_of_word(&action.subject).unwrap_or_default();
                let mut rows = console.components().unwrap_or_default();
                rows.retain(|row| is_member(row, group));
                self.state = state_of_all(&rows);
                if self.note.is_empty() {
                    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
                    self.note = names.join(", ");
                }
            }
            Look::Executive => {
                if let Ok(status) = console.service_status() {
                    self.state = Some(status.state.to_string());
                    self.note = components_run(&status);
                }
            }
            Look::Backup => {
                if let Ok(status) = console.service_status() {
                    self.note =
                        format!("SMS_EXECUTIVE {}, {}", status.state, components_run(&status));
                }
            }
        }
        self
    }

    /// An operation; with a code if it was under way before.
    fn with_operation(mut self, operation: OpId, accepted: &Accepted) -> Report {
        self.operation = Some(operation.0);
        match accepted.code {
            Code::OK => self,
            joined => self.with_code(joined).with_note("joined one under way".to_owned()),
        }
    }

    fn joined_against_the_rule(self, accepted: Accepted, operation: OpId) -> Report {
        let way_out = format!("wait --op {} waits for it", operation.0);
        let subject = self.subject.clone();
        self.refused(&Refusal::new(accepted.code, subject, accepted.note, way_out))
    }

    fn not_waited_for(mut self) -> Report {
        if self.code == 0 {
            self.note = "accepted, not waited for".to_owned();
        }
        self
    }

    fn with_note(mut self, note: String) -> Report {
        self.note = note;
        self
    }

    /// What has to be said beside what it came to.
    fn and_note(mut self, note: Option<String>) -> Report {
        if let Some(note) = note {
            let separator = if self.note.is_empty() { "" } else { "; " };
            self.note += &format!("{separator}{note}");
        }
        self
    }

    fn with_code(mut self, code: Code) -> Report {
        self.code = code.0;
        self.code_name = code.name();
        self
    }

    fn with_exit(mut self, exit: ExitStatus, problem: String) -> Report {
        self.exit = exit;
        self.status = exit.number();
        self.problem = Some(problem);
        self
    }

    fn refused(self, refusal: &Refusal) -> Report {
        let exit = ExitStatus::of_refusal(refusal.code);
        self.with_code(refusal.code)
            .with_note(refusal.reason.clone())
            .with_exit(exit, refusal.to_string())
    }

    fn interrupted(self, operation: OpId) -> Report {
        let problem =
            format!("{}: interrupted; wait --op {} goes on waiting", self.subject, operation.0);
        self.with_exit(ExitStatus::INTERRUPTED, problem)
    }

    fn ended(self, outcome: &Outcome) -> Report {
        if outcome.code == Code::OK {
            let state = self.state.clone().or_else(|| Some("Done".to_owned()));
            return Report { state, ..self };
        }
        let exit = ExitStatus::of_outcome(outcome.code);
        let report = self.with_code(outcome.code).with_note(outcome.text.clone());
        let state = report.state.as_deref().unwrap_or("not done");
        let mut problem = format!(
            "{}: {state} (op {}): {} (code {} {})",
            report.subject,
            outcome.operation,
            outcome.text,
            outcome.code,
            outcome.code.name()
        );
        if exit == ExitStatus::TIMED_OUT {
            problem += &format!("; wait --op {} waits on", outcome.operation.0);
        }
        report.with_exit(exit, problem)
    }

    /// `SMS_DMP_DOWNLOADER: Stopped (op #12)`.
    fn line(&self) -> String {
        let mut line = format!("{}: {}", self.subject, self.state.as_deref().unwrap_or("accepted"));
        if let Some(operation) = self.operation {
            line += &format!(" (op #{operation})");
        }
        if !self.note.is_empty() {
            line += &format!("; {}", self.note);
        }
        crate::plain::cell(&line) + "\n"
    }
}

/// `Running`, or `2 Running, 1 Stopped`; nothing of nobody.
fn state_of_all(rows: &[ComponentStatus]) -> Option<String> {
    let states = State::ALL.into_iter().filter_map(|state| {
        let count = rows.iter().filter(|row| row.state == state).count();
        (count > 0).then_some((state, count))
    });
    match states.collect::<Vec<_>>().as_slice() {
        [] => None,
        [(state, _)] => Some(state.to_string()),
        several => {
            let counted = several.iter().map(|(state, count)| format!("{count} {state}"));
            Some(counted.collect::<Vec<_>>().join(", "))
        }
    }
}

/// `4 of 4 components run`.
pub(super) fn components_run(status: &ServiceStatus) -> String {
    format!("{} of {} components run", status.running, status.components)
}

fn is_stopping(console: &mut Console<'_>, component: &str) -> bool {
    console.component(component).is_ok_and(|row| row.state == State::StopPending)
}
