//! wait: until components are in a state, or an operation has ended.

use std::time::Duration;

use clap::{Arg, ArgMatches};
use contract::control::{ComponentStatus, Refusal};
use contract::time::duration_text;
use contract::{Code, OpId};
use serde::Serialize;

use super::{Category, Kind, Verb, text, within_arg};
use crate::console::{Console, Reply};
use crate::exit::ExitStatus;
use crate::plain::cell;
use crate::render::View;
use crate::target::{Condition, Targets};

/// Wait for a state.
pub(super) const WAIT: Verb = Verb {
    name: "wait",
    aliases: &[],
    category: Category::Look,
    about: "Wait until components are in a state, or an operation has ended",
    details: "STATE is a word or a number as query shows it, or a reason for Stopped such as \
              Failed or Backoff. Time passes as it does for the host: real time live, virtual \
              time in a simulation. The status is 6 if the time is up, and 7 if a component has \
              failed and will not get there by itself. --generation tells the life after a \
              restart from the one before.",
    examples: &[
        ("wait SMS_DMP_DOWNLOADER Running", "until it runs"),
        ("wait all Stopped --within 2m", "until all have stopped, two minutes at most"),
        ("wait SMS_DMP_DOWNLOADER Running --generation 3", "until its third life or a later runs"),
        ("wait --op 12", "until operation #12 has ended"),
    ],
    json: true,
    args: |parser| {
        parser
            .arg(
                Arg::new("target")
                    .value_name("TARGET")
                    .required_unless_present("op")
                    .help("Components; see help targets"),
            )
            .arg(
                Arg::new("state")
                    .value_name("STATE")
                    .required_unless_present("op")
                    .value_parser(Condition::parse)
                    .help("The state to wait for"),
            )
            .arg(within_arg("30s"))
            .arg(
                Arg::new("generation")
                    .long("generation")
                    .value_name("N")
                    .value_parser(clap::value_parser!(u64))
                    .help("In this life or a later one"),
            )
            .arg(
                Arg::new("op")
                    .long("op")
                    .value_name("N")
                    .value_parser(clap::value_parser!(u64))
                    .conflicts_with_all(["target", "state", "generation"])
                    .help("Wait for this operation instead"),
            )
    },
    next: |before| match before.len() {
        0 => Kind::Component,
        1 => Kind::Words(STATES),
        _ => Kind::Nothing,
    },
    run: wait,
};

const STATES: &[&str] = &["Running", "Stopped", "Paused", "Failed", "Backoff"];

#[derive(Serialize)]
struct Waited {
    component: String,
    state: String,
    generation: u64,
    waited_ms: u64,
}

#[derive(Serialize)]
#[serde(transparent)]
struct AllWaited(Vec<Waited>);

impl View for AllWaited {
    fn text(&self, _width: Option<u16>) -> String {
        let line = |w: &Waited| {
            let waited = duration_text(Duration::from_millis(w.waited_ms));
            let Waited { component, state, generation, .. } = w;
            cell(&format!("{component}: {state}, generation {generation}, after {waited}")) + "\n"
        };
        self.0.iter().map(line).collect()
    }
}

fn wait(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let within = args.get_one::<Duration>("within").copied().unwrap_or_default();
    if let Some(operation) = args.get_one::<u64>("op") {
        return Ok(wait_for_operation(console, args, OpId(*operation), within));
    }
    let Some(condition) = args.get_one::<Condition>("state").copied() else {
        return Ok(Reply::default());
    };
    let word = text(args, "target").unwrap_or_default();
    let targets = Targets::resolve(&[word], &console.components()?);
    if let Some(refusal) = targets.unknown.into_iter().next() {
        return Err(refusal);
    }
    let goal = Goal {
        names: targets.rows.into_iter().map(|row| row.name).collect(),
        condition,
        generation: args.get_one::<u64>("generation").copied().unwrap_or(0),
    };
    goal.wait(console, args, within)
}

/// Who is to be what.
struct Goal {
    names: Vec<String>,
    condition: Condition,
    generation: u64,
}

impl Goal {
    /// Looks a hundred times at most: often enough for a person, seldom enough for a day.
    fn wait(
        &self,
        console: &mut Console<'_>,
        args: &ArgMatches,
        within: Duration,
    ) -> Result<Reply, Refusal> {
        let step = (within / 100).clamp(Duration::from_millis(10), Duration::from_secs(10));
        let mut waited = Duration::ZERO;
        loop {
            let rows = self.look(console)?;
            let Some(first_late) = rows.iter().find(|row| !self.is_met(row)) else {
                return Ok(console.show(args, &all_waited(&rows, waited)));
            };
            if let Some(dead) = rows.iter().find(|row| self.condition.is_hopeless(row)) {
                let problem = format!("{}; it will not be {}", in_words(dead), self.condition);
                return Ok(Reply::default().and_problem(ExitStatus::FAILED, &problem));
            }
            if console.options.interrupt.take() {
                let problem = format!("{}; interrupted", in_words(first_late));
                return Ok(Reply::default().and_problem(ExitStatus::INTERRUPTED, &problem));
            }
            if waited >= within {
                return Ok(self.too_late(first_late, within));
            }
            let pass = step.min(within - waited);
            console.host.pass(pass)?;
            waited += pass;
        }
    }

    fn look(&self, console: &mut Console<'_>) -> Result<Vec<ComponentStatus>, Refusal> {
        self.names.iter().map(|name| console.component(name)).collect()
    }

    fn is_met(&self, row: &ComponentStatus) -> bool {
        row.generation.0 >= self.generation && self.condition.holds(row)
    }

    fn too_late(&self, row: &ComponentStatus, within: Duration) -> Reply {
        let mut wanted = self.condition.to_string();
        if self.generation > 0 {
            wanted += &format!(" in generation {} or later", self.generation);
        }
        let within = duration_text(within);
        let problem = format!("{}, not {wanted}, after {within}", in_words(row));
        Reply::default().and_problem(ExitStatus::TIMED_OUT, &problem)
    }
}

fn all_waited(rows: &[ComponentStatus], waited: Duration) -> AllWaited {
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    AllWaited(
        rows.iter()
            .map(|row| Waited {
                component: row.name.clone(),
                state: row.state.to_string(),
                generation: row.generation.0,
                waited_ms,
            })
            .collect(),
    )
}

/// `SMS_DMP_DOWNLOADER: Stopped (by operator), generation 2`.
fn in_words(row: &ComponentStatus) -> String {
    let why = row.substate.map(|substate| format!(" ({substate})")).unwrap_or_default();
    format!("{}: {}{why}, generation {}", row.name, row.state, row.generation)
}

#[derive(Serialize)]
struct Ended {
    operation: u64,
    code: u32,
    code_name: &'static str,
    text: String,
}

impl View for Ended {
    fn text(&self, _width: Option<u16>) -> String {
        let Ended { operation, code, code_name, text } = self;
        cell(&format!("op #{operation}: {text} (code {code} {code_name})"))
    }
}

fn wait_for_operation(
    console: &mut Console<'_>,
    args: &ArgMatches,
    operation: OpId,
    within: Duration,
) -> Reply {
    let outcome = console.host.wait(operation, within);
    let view = Ended {
        operation: outcome.operation.0,
        code: outcome.code.0,
        code_name: outcome.code.name(),
        text: outcome.text,
    };
    if outcome.code == Code::OK {
        return console.show(args, &view);
    }
    let problem = view.text(None);
    let reply = match console.wants_json(args) {
        true => console.show(args, &view),
        false => Reply::default(),
    };
    reply.and_problem(ExitStatus::of_outcome(outcome.code), &problem)
}
