//! wait: until components are in a state, or an operation has ended.

use std::time::Duration;

use clap::{Arg, ArgMatches};
use contract::control::{Ask, ClockView, ComponentStatus, Refusal, Told, Until};
use contract::time::duration_text;
use contract::{Code, Generation, Moment, OpId, State};
use serde::Serialize;

use super::{Category, Kind, Verb, text, within_arg};
use crate::console::{Console, Reply, beside_the_point};
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
    details: "STATE is a word or a number as query shows it, a reason for Stopped such as Failed \
              or Backoff, or settled: a state that lasts until somebody acts, with no restart \
              ahead. --generation tells the life after a restart from the one before; without a \
              STATE it waits until that life, or a later one, runs. Time passes as it does for \
              the host: real time live, virtual time in a simulation. The status is 6 if the \
              time is up, 7 if a component has failed and will not get there by itself, and 4 \
              if no operation has that number.",
    examples: &[
        ("wait SMS_DMP_DOWNLOADER Running", "until it runs"),
        ("wait all Stopped --within 2m", "until all have stopped, two minutes at most"),
        ("wait SMS_DMP_DOWNLOADER --generation 3", "until its third life or a later runs"),
        ("wait SMS_DMP_DOWNLOADER settled", "until nothing happens to it by itself any more"),
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
                    .required_unless_present_any(["op", "generation"])
                    .value_parser(Condition::parse)
                    .help("The state to wait for"),
            )
            .arg(within_arg("30s"))
            .arg(
                Arg::new("generation")
                    .long("generation")
                    .value_name("N")
                    .allow_negative_numbers(true)
                    .value_parser(|text: &str| whole("a generation", text))
                    .help("In this life or a later one"),
            )
            .arg(
                Arg::new("op")
                    .long("op")
                    .value_name("N")
                    .allow_negative_numbers(true)
                    .value_parser(|text: &str| whole("an operation", text))
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

fn whole(what: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{what} is a whole number, such as 12"))
}

const STATES: &[&str] = &["Running", "Stopped", "Paused", "Failed", "Backoff", "settled"];

#[derive(Serialize)]
struct Waited {
    component: String,
    state: String,
    reached: bool,
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
        return wait_for_operation(console, args, OpId(*operation), within);
    }
    let condition = args.get_one::<Condition>("state").copied();
    let condition = condition.unwrap_or(Condition::State(State::Running));
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
    /// The host waits, on virtual time as long as there is; on real time a little at a time, and
    /// the interrupt is looked at in between.
    fn wait(
        &self,
        console: &mut Console<'_>,
        args: &ArgMatches,
        within: Duration,
    ) -> Result<Reply, Refusal> {
        let mut rounds = Rounds::new(console.clock()?, within);
        let mut rows = self.look(console)?;
        loop {
            let waited = rounds.waited;
            let Some(first_late) = rows.iter().find(|row| !self.is_met(row)) else {
                return Ok(console.show(args, &self.waited(&rows, waited)));
            };
            if let Some(dead) = rows.iter().find(|row| self.condition.is_hopeless(row)) {
                let problem = format!("{}; it will not be {}", in_words(dead), self.condition);
                let reply = self.in_vain(console, args, &rows, waited);
                return Ok(reply.and_problem(ExitStatus::FAILED, &problem));
            }
            if console.options.interrupt.take() {
                let problem = format!("{}; interrupted", in_words(first_late));
                let reply = self.in_vain(console, args, &rows, waited);
                return Ok(reply.and_problem(ExitStatus::INTERRUPTED, &problem));
            }
            if waited >= within {
                let reply = self.in_vain(console, args, &rows, waited);
                return Ok(
                    reply.and_problem(ExitStatus::TIMED_OUT, &self.too_late(first_late, within))
                );
            }
            rows = self.round(console, rows, &mut rounds)?;
            rounds.idle = if rounds.waited > waited { 0 } else { rounds.idle + 1 };
        }
    }

    /// Lets the host wait for each that is late, in turn, and looks at all of them again.
    fn round(
        &self,
        console: &mut Console<'_>,
        rows: Vec<ComponentStatus>,
        rounds: &mut Rounds,
    ) -> Result<Vec<ComponentStatus>, Refusal> {
        let before = rounds.waited;
        let end = before + rounds.piece();
        for row in rows.iter().filter(|row| !self.is_met(row)) {
            let until = if rounds.is_stuck() { None } else { self.until(row) };
            let Some(until) = until else {
                let step = rounds.step().min(end - rounds.waited);
                rounds.passed_to(console.host.pass(step)?.now, rounds.waited + step);
                break;
            };
            match console.host.wait_for(&row.name, until, end - rounds.waited) {
                // Of one component this is its state as it came about: live, it may be over by
                // the time of another look.
                Ok(status) if self.names.len() == 1 => {
                    rounds.passed_to(console.now()?, before);
                    return Ok(vec![status]);
                }
                Ok(_) => rounds.passed_to(console.now()?, before),
                Err(refusal) if refusal.code == Code::REQUEST_TIMEOUT => {
                    rounds.passed_to(console.now()?, end);
                }
                Err(refusal) => return Err(refusal),
            }
            if rounds.waited >= end {
                break;
            }
        }
        self.look(console)
    }

    /// What the host is to wait for so that a late component gets nearer; nothing if it knows no
    /// such thing, and has to be looked at again and again.
    fn until(&self, row: &ComponentStatus) -> Option<Until> {
        const LASTING: [Condition; 2] =
            [Condition::State(State::Running), Condition::State(State::Paused)];
        if LASTING.contains(&self.condition) && !Until::Settled.holds(row) {
            // On the way there it may fail, and then it is not waited for any longer.
            return Some(Until::Settled);
        }
        match self.condition {
            Condition::State(State::Running) if self.generation > 0 => {
                Some(Until::Generation(Generation(self.generation)))
            }
            _ if row.generation.0 < self.generation => None,
            Condition::State(state) => Some(Until::State(state)),
            Condition::Settled => Some(Until::Settled),
            Condition::Why(_) if row.state != State::Stopped => Some(Until::State(State::Stopped)),
            Condition::Why(_) if Until::Settled.holds(row) => None,
            Condition::Why(_) => Some(Until::Settled),
        }
    }

    fn look(&self, console: &mut Console<'_>) -> Result<Vec<ComponentStatus>, Refusal> {
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        match console.host.ask(Ask::Query(self.names.clone()))? {
            Told::Components(rows) => Ok(rows),
            _ => Err(beside_the_point("wait")),
        }
    }

    /// What a program is told when it was waited for in vain: the same as when it was not.
    fn in_vain(
        &self,
        console: &Console<'_>,
        args: &ArgMatches,
        rows: &[ComponentStatus],
        waited: Duration,
    ) -> Reply {
        match console.wants_json(args) {
            true => console.show(args, &self.waited(rows, waited)),
            false => Reply::default(),
        }
    }

    fn waited(&self, rows: &[ComponentStatus], waited: Duration) -> AllWaited {
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let row = |row: &ComponentStatus| Waited {
            component: row.name.clone(),
            state: row.state.to_string(),
            reached: self.is_met(row),
            generation: row.generation.0,
            waited_ms,
        };
        AllWaited(rows.iter().map(row).collect())
    }

    fn is_met(&self, row: &ComponentStatus) -> bool {
        row.generation.0 >= self.generation && self.condition.holds(row)
    }

    fn too_late(&self, row: &ComponentStatus, within: Duration) -> String {
        let mut wanted = self.condition.to_string();
        if self.generation > 0 {
            wanted += &format!(" in generation {} or later", self.generation);
        }
        let within = duration_text(within);
        format!("{}, not {wanted}, after {within}", in_words(row))
    }
}

/// Between two looks at a live host.
const LIVE_STEP: Duration = Duration::from_millis(50);

/// How the time goes by while components are waited for.
struct Rounds {
    start: Moment,
    is_virtual: bool,
    within: Duration,
    waited: Duration,
    /// Rounds since time last passed: a host that tells of progress and makes none must not be
    /// asked for ever.
    idle: u32,
}

impl Rounds {
    fn new(clock: ClockView, within: Duration) -> Rounds {
        let ClockView { now: start, is_virtual, .. } = clock;
        Rounds { start, is_virtual, within, waited: Duration::ZERO, idle: 0 }
    }

    /// How long the host may wait before the interrupt is looked at.
    fn piece(&self) -> Duration {
        let left = self.within - self.waited;
        if self.is_virtual { left } else { LIVE_STEP.min(left) }
    }

    /// The time between two looks.
    fn step(&self) -> Duration {
        if self.is_virtual { virtual_step(self.waited, self.within) } else { LIVE_STEP }
    }

    /// It is `now`, and `at_least` has been waited: a live host passes a little more than it is
    /// asked to; one that passes less must not make this wait longer.
    fn passed_to(&mut self, now: Moment, at_least: Duration) {
        self.waited = now.since(self.start).max(at_least).max(self.waited);
    }

    fn is_stuck(&self) -> bool {
        const IDLE_MAX: u32 = 100;
        self.idle > IDLE_MAX
    }
}

/// Up to the next look in virtual time: a sixteenth of what has been waited, in whole 10 ms, a
/// minute at most; of a long wait more, so that there are some ten thousand looks and no more.
fn virtual_step(waited: Duration, within: Duration) -> Duration {
    const FINEST: Duration = Duration::from_millis(10);
    const MINUTE: Duration = Duration::from_secs(60);
    let step = (waited / 16).min(MINUTE.max(within / 10_000));
    let tens = u64::try_from(step.as_millis()).unwrap_or(u64::MAX) / 10;
    FINEST.max(Duration::from_millis(tens * 10))
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
) -> Result<Reply, Refusal> {
    let Some(outcome) = console.wait_for(operation, within)? else {
        let problem =
            format!("op {operation}: interrupted; wait --op {} goes on waiting", operation.0);
        return Ok(Reply::default().and_problem(ExitStatus::INTERRUPTED, &problem));
    };
    let view = Ended {
        operation: outcome.operation.0,
        code: outcome.code.0,
        code_name: outcome.code.name(),
        text: outcome.text,
    };
    if outcome.code == Code::OK {
        return Ok(console.show(args, &view));
    }
    let problem = view.text(None);
    let reply = match console.wants_json(args) {
        true => console.show(args, &view),
        false => Reply::default(),
    };
    Ok(reply.and_problem(ExitStatus::of_outcome(outcome.code), &problem))
}
