//! Verbs that look at components: query, components, status.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::ArgMatches;
use contract::control::{Ask, ComponentStatus, Refusal, Told};
use contract::lifecycle::Startup;
use contract::status::ComponentSummary;
use contract::{Moment, State, Substate};
use serde::Serialize;

use super::{Category, Kind, Verb, targets_arg, texts};
use crate::console::{Console, Reply, beside_the_point};
use crate::exit::ExitStatus;
use crate::plain::cell;
use crate::render::{Align, Column, View, grid};
use crate::target::{Reporter, Targets};
use crate::when::{iso, rough, utc};

/// How components are.
pub(super) const QUERY: Verb = Verb {
    name: "query",
    aliases: &["q"],
    category: Category::Look,
    about: "Show how components are",
    details: "Query never waits for a component. The number behind a state is the Service \
              Control Manager's. GEN counts the lives of a component, FOR is how long it has \
              been in its state, EXIT is the Win32 exit code of its last life (1077: none yet). \
              \"restart needed\" names stored settings that take effect only at its next start, \
              \"held by\" what keeps it down, whatever is wanted of it; a zombie is a life that \
              was ended and whose code has not come back. Of a single component there is more \
              below the table, where there is something to say: its group, a stop that \
              persists, messages that wait to be sent, a drop that panicked. The status is 3 if \
              some target is not Running.",
    examples: &[
        ("query", "all components"),
        ("query dmp_downloader", "one; the SMS_ may be left out"),
        ("query state=Failed", "those that failed"),
        ("query all --json", "the same for a program"),
    ],
    json: true,
    args: |parser| parser.arg(targets_arg(false)),
    next: |_| Kind::Component,
    run: query,
};

/// What components there are.
pub(super) const COMPONENTS: Verb = Verb {
    name: "components",
    aliases: &[],
    category: Category::Look,
    about: "List components: what each is there for, how it starts, where it logs",
    details: "",
    examples: &[("components", "all of them"), ("components *loader", "some of them")],
    json: true,
    args: |parser| parser.arg(targets_arg(false)),
    next: |_| Kind::Component,
    run: components,
};

/// How the summarizer sees components.
pub(super) const STATUS: Verb = Verb {
    name: "status",
    aliases: &[],
    category: Category::Look,
    about: "Show Component Status: OK, Warning or Critical, and the counts behind it",
    details: "The counts are those of the threshold period; see messages for what they count.",
    examples: &[
        ("status", "every row"),
        ("status SMS_SERVICE_CONNECTOR", "one of them"),
        ("status executive", "that of the executive itself"),
    ],
    json: true,
    args: |parser| parser.arg(targets_arg(false)),
    next: |_| Kind::Reporter,
    run: status,
};

/// One row of query.
#[derive(Serialize)]
struct Row {
    component: String,
    state: String,
    scm_state: u8,
    why: String,
    generation: u64,
    since: String,
    r#for: String,
    for_seconds: u64,
    crashes: u64,
    exit_code: u32,
    last_exit: Option<String>,
    inbox: u64,
    desired: String,
    startup: String,
    checkpoint: u32,
    wait_hint_ms: u64,
    restart_needed: Vec<String>,
    holds: Vec<String>,
    hold_left_ms: Option<u64>,
    persist: bool,
    group: Option<String>,
    waits_for: Vec<String>,
    hung: bool,
    zombies: u32,
    outbox: u64,
    drop_panicked: Option<String>,
    #[serde(skip)]
    since_shown: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Rows(Vec<Row>);

fn query(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let targets = targets(console, args)?;
    let now = console.now()?;
    let all_run = targets.rows.iter().all(|row| row.state == State::Running);
    let exit = if all_run { ExitStatus::DONE } else { ExitStatus::NOT_RUNNING };
    let rows = Rows(targets.rows.iter().map(|row| Row::of(row, now)).collect());
    Ok(targets.told(console.show(args, &rows)).and_status(exit))
}

/// The targets of a line; all components if it names none.
fn targets(
    console: &mut Console<'_>,
    args: &ArgMatches,
) -> Result<Targets<ComponentStatus>, Refusal> {
    let mut words = texts(args, "target");
    if words.is_empty() {
        words.push("all");
    }
    Ok(Targets::resolve(&words, &console.components()?))
}

impl Row {
    fn of(status: &ComponentStatus, now: Moment) -> Row {
        let for_time = now.since(status.since);
        Row {
            component: status.name.clone(),
            state: status.state.to_string(),
            scm_state: status.state.number(),
            why: why(status, now),
            generation: status.generation.0,
            since: iso(status.since_utc),
            r#for: rough(for_time),
            for_seconds: for_time.as_secs(),
            crashes: status.crashes,
            exit_code: status.exit_code.0,
            last_exit: status.last_exit.as_ref().map(ToString::to_string),
            inbox: status.inbox,
            desired: status.desired.to_string(),
            startup: status.startup.to_string(),
            checkpoint: status.checkpoint,
            wait_hint_ms: u64::try_from(status.wait_hint.as_millis()).unwrap_or(u64::MAX),
            restart_needed: status.restart_required.clone(),
            holds: status.holds.iter().map(ToString::to_string).collect(),
            hold_left_ms: status.hold_left.map(|left| left.as_millis() as u64),
            persist: status.persist,
            group: status.group.clone(),
            waits_for: status.waits_for.clone(),
            hung: status.hung,
            zombies: status.zombies,
            outbox: status.outbox,
            drop_panicked: status.drop_panicked.clone(),
            since_shown: utc(status.since_utc),
        }
    }

    fn note(&self) -> String {
        let mut parts = Vec::new();
        if !self.why.is_empty() {
            parts.push(self.why.clone());
        }
        if !self.restart_needed.is_empty() {
            parts.push(format!("restart needed: {}", self.restart_needed.join(", ")));
        }
        parts.join("; ")
    }

    /// What a table of many has no room for, a line each, where there is something to say.
    fn more(&self) -> String {
        let mut lines = Vec::new();
        if let Some(group) = &self.group {
            lines.push(format!("group: {group}"));
        }
        if self.persist {
            lines.push("persist: its stop outlasts the next start of the executive".to_owned());
        }
        if self.outbox > 0 {
            lines.push(format!("outbox: {}, waiting for room at their receivers", self.outbox));
        }
        if let Some(text) = &self.drop_panicked {
            lines.push(format!("drop panicked: {text}"));
        }
        lines.iter().map(|line| cell(line) + "\n").collect()
    }
}

/// For how much longer a hold lasts at most.
pub(super) fn left(hold_left: Option<Duration>) -> String {
    hold_left.map_or(String::new(), |left| format!(" for {} at most", rough(left)))
}

/// Why it is as it is, in a few words; nothing for one that simply runs.
fn why(status: &ComponentStatus, now: Moment) -> String {
    let mut parts = Vec::new();
    match status.substate {
        Some(Substate::Backoff { until }) => {
            parts.push(format!("restart in {}", rough(until.since(now))));
        }
        // What holds it says so itself.
        Some(Substate::Held) if !status.holds.is_empty() => {}
        Some(substate) => parts.push(substate.to_string()),
        None => {}
    }
    if !status.holds.is_empty() {
        let holds: Vec<String> = status.holds.iter().map(ToString::to_string).collect();
        parts.push(format!("held by {}{}", holds.join(", "), left(status.hold_left)));
    }
    let crashed = matches!(status.substate, Some(Substate::Backoff { .. } | Substate::Failed));
    if let (true, Some(exit)) = (crashed, &status.last_exit) {
        parts.push(exit.to_string());
    }
    if !status.state.is_settled() {
        let hint = contract::time::duration_text(status.wait_hint);
        parts.push(format!("checkpoint {}, next in {hint}", status.checkpoint));
    }
    if !status.waits_for.is_empty() {
        parts.push(format!("waits for {}", status.waits_for.join(", ")));
    }
    if status.hung {
        parts.push("hung".to_owned());
    }
    match status.zombies {
        0 => {}
        1 => parts.push("1 zombie".to_owned()),
        zombies => parts.push(format!("{zombies} zombies")),
    }
    if status.startup == Startup::Manual {
        parts.push("startup Manual".to_owned());
    }
    parts.join("; ")
}

impl View for Rows {
    fn text(&self, width: Option<u16>) -> String {
        // A narrow terminal does without the date: FOR says nearly the same.
        const SINCE_FROM_WIDTH: u16 = 110;
        let with_since = width.is_none_or(|width| width >= SINCE_FROM_WIDTH);
        let mut columns = vec![
            Column("COMPONENT", Align::Left),
            Column("STATE", Align::Left),
            Column("GEN", Align::Right),
            Column("SINCE (UTC)", Align::Left),
            Column("FOR", Align::Left),
            Column("CRASHES", Align::Right),
            Column("EXIT", Align::Right),
            Column("INBOX", Align::Right),
            Column("WHY", Align::Left),
        ];
        let mut rows: Vec<Vec<String>> = self.0.iter().map(Row::cells).collect();
        if !with_since {
            const SINCE: usize = 3;
            columns.remove(SINCE);
            for row in &mut rows {
                row.remove(SINCE);
            }
        }
        let more = match self.0.as_slice() {
            [row] => row.more(),
            _ => String::new(),
        };
        grid(&columns, rows, width) + &more
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        vec![
            self.component.clone(),
            format!("{} ({})", self.state, self.scm_state),
            self.generation.to_string(),
            self.since_shown.clone(),
            self.r#for.clone(),
            self.crashes.to_string(),
            self.exit_code.to_string(),
            self.inbox.to_string(),
            self.note(),
        ]
    }
}

#[derive(Serialize)]
struct Listed {
    component: String,
    startup: String,
    log: String,
    about: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Listed>);

impl View for List {
    fn text(&self, width: Option<u16>) -> String {
        let columns = [
            Column("COMPONENT", Align::Left),
            Column("STARTUP", Align::Left),
            Column("LOG", Align::Left),
            Column("ABOUT", Align::Left),
        ];
        let rows = self.0.iter().map(|row| {
            vec![row.component.clone(), row.startup.clone(), row.log.clone(), row.about.clone()]
        });
        grid(&columns, rows.collect(), width)
    }
}

fn components(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let targets = targets(console, args)?;
    let list = List(
        targets
            .rows
            .iter()
            .map(|row| Listed {
                component: row.name.clone(),
                startup: row.startup.to_string(),
                log: row.log.clone(),
                about: row.about.clone(),
            })
            .collect(),
    );
    Ok(targets.told(console.show(args, &list)))
}

#[derive(Serialize)]
struct Summary {
    component: String,
    status: String,
    informational: u64,
    warnings: u64,
    errors: u64,
    last_contacted: Option<String>,
    #[serde(skip)]
    last_shown: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Summaries(Vec<Summary>);

impl View for Summaries {
    fn text(&self, width: Option<u16>) -> String {
        let columns = [
            Column("COMPONENT", Align::Left),
            Column("STATUS", Align::Left),
            Column("INFO", Align::Right),
            Column("WARNING", Align::Right),
            Column("ERROR", Align::Right),
            Column("LAST CONTACTED (UTC)", Align::Left),
        ];
        let rows = self.0.iter().map(|row| {
            vec![
                row.component.clone(),
                row.status.clone(),
                row.informational.to_string(),
                row.warnings.to_string(),
                row.errors.to_string(),
                row.last_shown.clone(),
            ]
        });
        grid(&columns, rows.collect(), width)
    }
}

fn status(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let mut summaries = summaries(console)?;
    let words = texts(args, "target");
    if words.is_empty() {
        let view = Summaries(summaries.into_iter().map(Summary::of).collect());
        return Ok(console.show(args, &view));
    }
    let mut targets = Targets::resolve(&words, &reporters(console)?);
    let mut wanted: BTreeSet<&str> = targets.rows.iter().map(|row| row.name.as_str()).collect();
    summaries.retain(|summary| wanted.remove(summary.component.as_str()));
    targets.empty.extend(wanted.into_iter().map(|name| format!("{name}: it has no status yet")));
    let view = Summaries(summaries.into_iter().map(Summary::of).collect());
    Ok(targets.told(console.show(args, &view)))
}

/// All that reports, by name: every component, and what has a row of the summarizer without
/// being one, such as the executive itself.
pub(super) fn reporters(console: &mut Console<'_>) -> Result<Vec<Reporter>, Refusal> {
    let mut reporters: BTreeMap<String, Option<ComponentStatus>> =
        summaries(console)?.into_iter().map(|row| (row.component, None)).collect();
    reporters.extend(console.components()?.into_iter().map(|row| (row.name.clone(), Some(row))));
    Ok(reporters.into_iter().map(|(name, status)| Reporter { name, status }).collect())
}

/// The summarizer's rows, by name.
fn summaries(console: &mut Console<'_>) -> Result<Vec<ComponentSummary>, Refusal> {
    match console.host.ask(Ask::Summaries)? {
        Told::Summaries(rows) => Ok(rows),
        _ => Err(beside_the_point("status")),
    }
}

impl Summary {
    fn of(summary: ComponentSummary) -> Summary {
        Summary {
            status: summary.health.to_string(),
            informational: summary.informational,
            warnings: summary.warnings,
            errors: summary.errors,
            last_contacted: summary.last_contacted.map(iso),
            last_shown: summary.last_contacted.map_or_else(|| "never".to_owned(), utc),
            component: summary.component,
        }
    }
}
