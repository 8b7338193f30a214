//! The lifecycle as a model of its own, typed in from lifecycle.md 2.3 and not from the kernel,
//! beside a simulated site: both are given the same commands at the same times and must say the
//! same. What fails shrinks to a script that the console can run.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use contract::control::{Accepted, HostControl, Refusal};
use contract::id::OpId;
use contract::lifecycle::{Command, CommandOptions, Desired, State, Substate};
use contract::time::duration_text;
use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use smsexec_sim::probe::{CHECKPOINT_EVERY, Does, Probe};
use smsexec_sim::{CallVerdict, Guard, Hook, Site};

/// The probe takes this long to start, to stop, and to pause or resume.
const START: Duration = CHECKPOINT_EVERY.saturating_mul(4);
const STOP: Duration = CHECKPOINT_EVERY.saturating_mul(3);
const PAUSE: Duration = CHECKPOINT_EVERY.saturating_mul(2);
/// A control code that it handles, and one that it panics at.
const HARMLESS: u8 = 130;
const DEADLY: u8 = 200;

/// What is done to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Command(Command, bool),
    Advance(Duration),
}

impl std::fmt::Display for Deed {
    /// A line for the console.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = |queue: bool| if queue { " --queue" } else { "" };
        match *self {
            Deed::Command(Command::Custom(code), _) => write!(f, "control A {code}"),
            Deed::Command(command, options) => write!(f, "{command}{} A", queue(options)),
            Deed::Advance(by) => write!(f, "advance {}", duration_text(by)),
        }
    }
}

/// How a command is answered: its code, and the operation if there is one.
type Answer = (u32, Option<u64>);

/// What the component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    Stopped(Why),
    Starting { until: Duration },
    Running,
    Pausing { until: Duration },
    Paused,
    Resuming { until: Duration },
    Stopping { until: Duration, again: bool },
}

/// Why it is Stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    NeverStarted,
    Operator,
    Cleared,
    Failed,
    Backoff { until: Duration },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Stopped,
    Running,
    Paused,
}

#[derive(Debug, Clone)]
struct Model {
    time: Duration,
    now: Now,
    desired: Desired,
    generation: u64,
    running_since: Option<Duration>,
    /// Crashes that still count, and restarts in a row.
    window: VecDeque<Duration>,
    streak: u32,
    operations: u64,
    open: Option<(u64, Target)>,
    queued: Option<(u64, bool)>,
    resolved: BTreeMap<u64, u32>,
    answer: Option<Answer>,
    script: Vec<Deed>,
}

/// The table of lifecycle.md 2.3: rows by situation, columns start, stop, pause, resume,
/// control, restart, try-restart, kill, reset-failed. `+` accepted, `0` nothing to do, `j`
/// joined, else the code.
const TABLE: [(&str, &str); 9] = [
    ("stopped", "+ 1062 1062 1062 1062 + 0 1062 0"),
    ("backoff", "+ + 1062 1062 1062 + + + +"),
    ("failed", "+ + 1062 1062 1062 + 0 1062 +"),
    ("starting", "j1056 + 1061 1061 1061 1061 1061 + 1062"),
    ("running", "1056 + + 0 + + + + 0"),
    ("pausing", "1056 + j0 1061 + + + + 0"),
    ("paused", "1056 + 0 + + + + + 0"),
    ("resuming", "1056 + 1061 j0 + + + + 0"),
    ("stopping", "1056 j1061 1061 1061 1061 1056 1056 + 1062"),
];

const COLUMNS: [Command; 9] = [
    Command::Start,
    Command::Stop,
    Command::Pause,
    Command::Continue,
    Command::Custom(HARMLESS),
    Command::Restart,
    Command::TryRestart,
    Command::Kill,
    Command::ResetFailed,
];

impl Model {
    fn new() -> Self {
        Model {
            time: Duration::ZERO,
            now: Now::Stopped(Why::NeverStarted),
            desired: Desired::Down,
            generation: 0,
            running_since: None,
            window: VecDeque::new(),
            streak: 0,
            // The start of the executive was the first.
            operations: 1,
            open: None,
            queued: None,
            resolved: BTreeMap::new(),
            answer: None,
            script: Vec::new(),
        }
    }

    fn situation(&self) -> &'static str {
        match self.now {
            Now::Stopped(Why::Backoff { .. }) => "backoff",
            Now::Stopped(Why::Failed) => "failed",
            Now::Stopped(_) => "stopped",
            Now::Starting { .. } => "starting",
            Now::Running => "running",
            Now::Pausing { .. } => "pausing",
            Now::Paused => "paused",
            Now::Resuming { .. } => "resuming",
            Now::Stopping { .. } => "stopping",
        }
    }

    fn cell(&self, command: Command) -> &'static str {
        let (_, row) = TABLE.iter().find(|(name, _)| *name == self.situation()).unwrap();
        let command = match command {
            Command::Custom(_) => Command::Custom(HARMLESS),
            command => command,
        };
        let column = COLUMNS.iter().position(|other| *other == command).unwrap();
        row.split(' ').nth(column).unwrap()
    }

    fn command(&mut self, command: Command, queue: bool) -> Answer {
        if let Now::Stopping { again: true, until } = self.now {
            match command {
                Command::Stop => {
                    self.now = Now::Stopping { again: false, until };
                    self.desired = Desired::Down;
                    self.cancel_queued();
                    return (0, Some(self.open(Target::Stopped)));
                }
                Command::Restart | Command::TryRestart => {
                    let (id, _) = self.open.expect("a restart is under way");
                    return (0, Some(id));
                }
                _ => {}
            }
        }
        match self.cell(command) {
            "+" => self.accept(command),
            "0" => (0, None),
            "j0" => self.join(command, 0),
            "j1056" => self.join(command, 1056),
            "j1061" => self.join(command, 1061),
            code => self.refuse(command, code.parse().unwrap(), queue),
        }
    }

    fn refuse(&mut self, command: Command, code: u32, queue: bool) -> Answer {
        let starts = matches!(command, Command::Start | Command::Restart | Command::TryRestart);
        let restarts = starts && command != Command::Start;
        let can_wait = match self.now {
            Now::Stopping { .. } => starts,
            Now::Starting { .. } => restarts,
            _ => false,
        };
        if queue && can_wait {
            let (id, before) = self.queued.unwrap_or_else(|| {
                self.operations += 1;
                (self.operations, false)
            });
            self.queued = Some((id, before || restarts));
            return (0, Some(id));
        }
        if command == Command::Stop && matches!(self.now, Now::Stopped(_)) {
            self.desired = Desired::Down;
        }
        (code, None)
    }

    fn join(&mut self, command: Command, code: u32) -> Answer {
        let target = match command {
            Command::Stop => {
                self.desired = Desired::Down;
                self.cancel_queued();
                Target::Stopped
            }
            Command::Pause => Target::Paused,
            _ => Target::Running,
        };
        let id = match self.open {
            Some((id, _)) => id,
            None => self.open(target),
        };
        (code, Some(id))
    }

    fn accept(&mut self, command: Command) -> Answer {
        match (command, self.now) {
            (Command::Start | Command::Restart | Command::TryRestart, Now::Stopped(why)) => {
                if why == Why::Failed {
                    self.forgive();
                }
                self.desired = Desired::Up;
                let id = self.open(Target::Running);
                self.begin();
                (0, Some(id))
            }
            (Command::Restart | Command::TryRestart, _) => {
                self.desired = Desired::Up;
                let id = self.open(Target::Running);
                self.now = Now::Stopping { until: self.time + STOP, again: true };
                (0, Some(id))
            }
            (Command::Stop | Command::Kill, Now::Stopped(why)) => {
                if why == Why::Failed {
                    self.forgive();
                }
                (0, Some(self.down()))
            }
            (Command::Stop, Now::Starting { .. }) | (Command::Kill, _) => (0, Some(self.down())),
            (Command::Stop, _) => {
                self.desired = Desired::Down;
                self.cancel_queued();
                let id = self.open(Target::Stopped);
                self.now = Now::Stopping { until: self.time + STOP, again: false };
                (0, Some(id))
            }
            (Command::Pause, _) => {
                self.desired = Desired::Paused;
                let id = self.open(Target::Paused);
                self.now = Now::Pausing { until: self.time + PAUSE };
                (0, Some(id))
            }
            (Command::Continue, _) => {
                self.desired = Desired::Up;
                let id = self.open(Target::Running);
                self.now = Now::Resuming { until: self.time + PAUSE };
                (0, Some(id))
            }
            (Command::Custom(DEADLY), _) => {
                self.crash();
                (0, None)
            }
            (Command::ResetFailed, Now::Stopped(Why::Backoff { .. })) => {
                self.forgive();
                self.begin();
                (0, None)
            }
            (Command::ResetFailed, _) => {
                self.forgive();
                self.now = Now::Stopped(Why::Cleared);
                (0, None)
            }
            _ => (0, None),
        }
    }

    /// Stopped at once, for an operator.
    fn down(&mut self) -> u64 {
        self.desired = Desired::Down;
        self.cancel_queued();
        let id = self.open(Target::Stopped);
        self.running_since = None;
        self.now = Now::Stopped(Why::Operator);
        self.reach(Target::Stopped);
        id
    }

    fn open(&mut self, target: Target) -> u64 {
        self.resolve(1223);
        self.operations += 1;
        self.open = Some((self.operations, target));
        self.operations
    }

    fn resolve(&mut self, code: u32) {
        if let Some((id, _)) = self.open.take() {
            assert_eq!(self.resolved.insert(id, code), None, "the model resolves once");
        }
    }

    fn reach(&mut self, reached: Target) {
        if self.open.is_some_and(|(_, target)| target == reached) {
            self.resolve(0);
        }
    }

    fn cancel_queued(&mut self) {
        if let Some((id, _)) = self.queued.take() {
            self.resolved.insert(id, 1223);
        }
    }

    fn forgive(&mut self) {
        self.window.clear();
        self.streak = 0;
    }

    fn begin(&mut self) {
        self.generation += 1;
        self.now = Now::Starting { until: self.time + START };
    }

    /// lifecycle.md 3.4 to 3.6.
    fn crash(&mut self) {
        let ran = self.time - self.running_since.take().expect("it has run");
        self.window.push_back(self.time);
        while self.time - self.window[0] > Duration::from_secs(300) {
            self.window.pop_front();
        }
        self.now = if self.window.len() > 5 {
            Now::Stopped(Why::Failed)
        } else {
            if ran >= Duration::from_secs(60) {
                self.streak = 0;
            }
            self.streak += 1;
            let delay = Duration::from_millis(500 << (self.streak - 1));
            Now::Stopped(Why::Backoff { until: self.time + delay })
        };
        self.resolve(1064);
    }

    fn run_queued(&mut self) {
        let Some((id, restart)) = self.queued.take() else { return };
        self.resolve(1223);
        self.open = Some((id, Target::Running));
        self.desired = Desired::Up;
        match self.now {
            Now::Stopped(_) => self.begin(),
            _ if restart => {
                self.now = Now::Stopping { until: self.time + STOP, again: true };
            }
            _ => self.reach(Target::Running),
        }
    }

    fn due(&self) -> Option<Duration> {
        match self.now {
            Now::Starting { until } | Now::Pausing { until } | Now::Resuming { until } => {
                Some(until)
            }
            Now::Stopping { until, .. } | Now::Stopped(Why::Backoff { until }) => Some(until),
            Now::Stopped(_) | Now::Running | Now::Paused => None,
        }
    }

    fn advance(&mut self, by: Duration) {
        let until = self.time + by;
        while let Some(due) = self.due().filter(|due| *due <= until) {
            self.time = due;
            self.fall_due();
        }
        self.time = until;
    }

    fn fall_due(&mut self) {
        match self.now {
            Now::Starting { .. } => {
                self.running_since = Some(self.time);
                self.now = Now::Running;
                self.reach(Target::Running);
                if self.queued.is_some() {
                    self.run_queued();
                } else if self.desired == Desired::Paused {
                    self.now = Now::Pausing { until: self.time + PAUSE };
                }
            }
            Now::Pausing { .. } => {
                self.now = Now::Paused;
                self.reach(Target::Paused);
            }
            Now::Resuming { .. } => {
                self.now = Now::Running;
                self.reach(Target::Running);
            }
            Now::Stopping { again, .. } => {
                self.running_since = None;
                self.now = Now::Stopped(Why::Operator);
                if again {
                    self.begin();
                } else {
                    self.reach(Target::Stopped);
                    self.run_queued();
                }
            }
            Now::Stopped(_) => self.begin(),
            Now::Running | Now::Paused => unreachable!("nothing is due"),
        }
    }

    fn state(&self) -> State {
        match self.now {
            Now::Stopped(_) => State::Stopped,
            Now::Starting { .. } => State::StartPending,
            Now::Running => State::Running,
            Now::Pausing { .. } => State::PausePending,
            Now::Paused => State::Paused,
            Now::Resuming { .. } => State::ContinuePending,
            Now::Stopping { .. } => State::StopPending,
        }
    }

    fn explains(&self, substate: Option<Substate>) -> bool {
        match (self.now, substate) {
            (Now::Stopped(Why::NeverStarted), Some(Substate::NeverStarted))
            | (Now::Stopped(Why::Operator), Some(Substate::Operator))
            | (Now::Stopped(Why::Cleared), Some(Substate::Cleared))
            | (Now::Stopped(Why::Failed), Some(Substate::Failed)) => true,
            (Now::Stopped(Why::Backoff { until }), Some(Substate::Backoff { until: at })) => {
                at.since_start() == until
            }
            (Now::Stopped(_), _) => false,
            (_, substate) => substate.is_none(),
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Deed;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Deed> {
        let command = prop::sample::select(COLUMNS.to_vec());
        let millis = prop::sample::select(vec![1_500, 1_500, 3_000, 4_500, 6_000, 500, 61_000]);
        prop_oneof![
            6 => (command, any::<bool>()).prop_map(|(command, queue)| {
                let takes_it = matches!(
                    command,
                    Command::Start | Command::Restart | Command::TryRestart
                );
                Deed::Command(command, queue && takes_it)
            }),
            2 => Just(Deed::Command(Command::Custom(DEADLY), false)),
            6 => millis.prop_map(|millis| Deed::Advance(Duration::from_millis(millis))),
        ]
        .boxed()
    }

    fn apply(mut model: Model, deed: &Deed) -> Model {
        model.script.push(*deed);
        model.answer = None;
        match deed {
            Deed::Command(command, queue) => {
                model.answer = Some(model.command(*command, *queue));
            }
            Deed::Advance(by) => model.advance(*by),
        }
        model
    }
}

/// The site beside the model.
struct Beside {
    site: Site,
    _deadly: Guard,
}

fn told(answer: Result<Accepted, Refusal>) -> Answer {
    match answer {
        Ok(accepted) => (accepted.code.0, accepted.operation.map(|OpId(id)| id)),
        Err(refusal) => (refusal.code.0, None),
    }
}

impl StateMachineTest for Beside {
    type SystemUnderTest = Beside;
    type Reference = Model;

    fn init_test(_: &Model) -> Beside {
        let (probe, _) = Probe::new("A")
            .manual()
            .start(Does::Checkpoints(4))
            .stop(Does::Checkpoints(3))
            .pause(Does::Checkpoints(2))
            .resume(Does::Checkpoints(2))
            .declares(|descriptor| descriptor.controls = vec![HARMLESS, DEADLY])
            .build();
        let mut site =
            Site::primary("PS1").component(probe).lenient().start().expect("the site starts");
        let deadly = site.fault_code(|call| match call.hook {
            Hook::Control(DEADLY) => CallVerdict::Panic("by the model".into()),
            _ => CallVerdict::Pass,
        });
        Beside { site, _deadly: deadly }
    }

    fn apply(mut beside: Beside, model: &Model, deed: Deed) -> Beside {
        let script: Vec<String> = model.script.iter().map(ToString::to_string).collect();
        let script = script.join("\n");
        let site = &mut beside.site;
        match deed {
            Deed::Command(command, queue) => {
                let options = CommandOptions { queue, ..CommandOptions::default() };
                let answer = told(site.order_with("A", command, options));
                assert_eq!(Some(answer), model.answer, "the answer to the last line of\n{script}");
                site.run_to_rest().expect("the site comes to rest");
            }
            Deed::Advance(by) => drop(site.advance(by).expect("the site comes to rest")),
        }
        let status = site.query("A").unwrap();
        let is = (status.state, status.generation.0, status.desired);
        assert_eq!(is, (model.state(), model.generation, model.desired), "after\n{script}");
        assert!(
            model.explains(status.substate),
            "{:?} and not {:?} after\n{script}",
            status.substate,
            model.now
        );
        for (id, code) in &model.resolved {
            let outcome = site.wait(OpId(*id), Duration::ZERO);
            assert_eq!(outcome.code.0, *code, "operation #{id} of\n{script}");
        }
        if let Some((id, _)) = model.open {
            let text = site.wait(OpId(id), Duration::ZERO).text;
            assert!(text.contains("not done"), "operation #{id} is open, {text}, after\n{script}");
        }
        beside
    }
}

prop_state_machine! {
    #![proptest_config(Config {
        cases: 2_000,
        failure_persistence: None,
        .. Config::default()
    })]

    /// Commands at any time, answered and carried out as the reference says (lifecycle.md 2.3,
    /// 3.4 to 3.6); each operation resolves once and with its code.
    #[test]
    fn the_site_does_what_the_model_says(sequential 1..40 => Beside);
}
