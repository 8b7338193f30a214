//! The words of a component's life: the Service Control Manager's states and codes
//! (lifecycle.md part 1), the reasons behind Stopped (2.1), the commands (2.3).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Moment;

/// The seven states of the Service Control Manager, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum State {
    /// Not running; a [`Substate`] says why.
    Stopped = 1,
    /// `start` has been called and has not finished.
    StartPending = 2,
    /// A stop was accepted and has not finished.
    StopPending = 3,
    /// The only state in which messages are dispatched.
    Running = 4,
    /// Between Paused and Running.
    ContinuePending = 5,
    /// Between Running and Paused.
    PausePending = 6,
    /// Alive, and its messages wait.
    Paused = 7,
}

impl State {
    /// All seven, in the order of their numbers.
    pub const ALL: [State; 7] = [
        State::Stopped,
        State::StartPending,
        State::StopPending,
        State::Running,
        State::ContinuePending,
        State::PausePending,
        State::Paused,
    ];

    /// The Service Control Manager's number, 1 to 7.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state with that number.
    pub const fn from_number(number: u8) -> Option<State> {
        match number {
            1..=7 => Some(Self::ALL[number as usize - 1]),
            _ => None,
        }
    }

    /// The Service Control Manager's name, such as `STOP_PENDING`.
    pub const fn scm_name(self) -> &'static str {
        match self {
            State::Stopped => "STOPPED",
            State::StartPending => "START_PENDING",
            State::StopPending => "STOP_PENDING",
            State::Running => "RUNNING",
            State::ContinuePending => "CONTINUE_PENDING",
            State::PausePending => "PAUSE_PENDING",
            State::Paused => "PAUSED",
        }
    }

    /// Service Manager's word. "Running", "Stopping" and "Stopped" are confirmed (domain.md
    /// 1.2); the other four are the simulator's own.
    pub const fn word(self) -> &'static str {
        match self {
            State::Stopped => "Stopped",
            State::StartPending => "Starting",
            State::StopPending => "Stopping",
            State::Running => "Running",
            State::ContinuePending => "Resuming",
            State::PausePending => "Pausing",
            State::Paused => "Paused",
        }
    }

    /// Whether the state lasts until somebody acts; the other four are on their way.
    pub const fn is_settled(self) -> bool {
        matches!(self, State::Stopped | State::Running | State::Paused)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a component is Stopped (lifecycle.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Substate {
    /// Registered, and no start was ever tried.
    NeverStarted,
    /// An operator stopped it.
    Operator,
    /// It ended by itself, without an error.
    Completed,
    /// It said that it is not applicable here.
    Ignored,
    /// A hold keeps it down: a backup, maintenance, or the executive is stopped.
    Held,
    /// It crashed and starts again at that moment.
    Backoff {
        /// When the next start is due.
        until: Moment,
    },
    /// It crashed more often than its restart budget allows. Needs a person.
    Failed,
    /// A person cleared the failure; it is not started by itself.
    Cleared,
    /// Its startup type is Disabled.
    Disabled,
    /// It was removed, and stays listed until the process ends. The next one has it again.
    Removed,
}

impl fmt::Display for Substate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Substate::NeverStarted => "never started",
            Substate::Operator => "by operator",
            Substate::Completed => "completed",
            Substate::Ignored => "not applicable here",
            Substate::Held => "held",
            Substate::Backoff { .. } => "waiting to restart",
            Substate::Failed => "failed",
            Substate::Cleared => "failure cleared",
            Substate::Disabled => "disabled",
            Substate::Removed => "removed",
        })
    }
}

/// What the operator wants of a component, apart from what it is (lifecycle.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Desired {
    /// To run.
    Up,
    /// To be stopped, until a start or the next start of the executive (lifecycle.md 2.4).
    Down,
    /// To be alive and paused.
    Paused,
}

impl fmt::Display for Desired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Desired::Up => "Up",
            Desired::Down => "Down",
            Desired::Paused => "Paused",
        })
    }
}

/// What happens to a component when the executive starts (lifecycle.md 2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Startup {
    /// It is started.
    #[default]
    Automatic,
    /// It waits for a start command.
    Manual,
    /// It cannot be started: 1058.
    Disabled,
}

impl fmt::Display for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Startup::Automatic => "Automatic",
            Startup::Manual => "Manual",
            Startup::Disabled => "Disabled",
        })
    }
}

/// When a component that ended is started again by itself (Erlang/OTP's restart types).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Only after an abnormal end.
    Transient,
    /// Never.
    Temporary,
}

/// What an operator can ask of one component (lifecycle.md 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Read its status. Never waits for the component.
    Query,
    /// Bring it to Running.
    Start,
    /// Bring it to Stopped.
    Stop,
    /// Bring it to Paused.
    Pause,
    /// Bring it from Paused to Running. Service Manager calls this Resume.
    Continue,
    /// A control code of the component's own, 128 to 255.
    Custom(u8),
    /// Tell it that a setting it can take while running has changed.
    ParamChange,
    /// Stop and start; starts a stopped one.
    Restart,
    /// Stop and start; leaves a stopped one alone.
    TryRestart,
    /// End it now, without its stop hook.
    Kill,
    /// Clear a failure and its budget; starts nothing, but a restart that was due is not delayed
    /// any longer.
    ResetFailed,
}

impl Command {
    /// One of each, [`Command::Custom`] with 128: the columns of the table in lifecycle.md 2.3.
    pub const ALL: [Command; 11] = [
        Command::Query,
        Command::Start,
        Command::Stop,
        Command::Pause,
        Command::Continue,
        Command::Custom(128),
        Command::ParamChange,
        Command::Restart,
        Command::TryRestart,
        Command::Kill,
        Command::ResetFailed,
    ];
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Query => f.pad("query"),
            Command::Start => f.pad("start"),
            Command::Stop => f.pad("stop"),
            Command::Pause => f.pad("pause"),
            Command::Continue => f.pad("resume"),
            Command::Custom(code) => write!(f, "control {code}"),
            Command::ParamChange => f.pad("parameter change"),
            Command::Restart => f.pad("restart"),
            Command::TryRestart => f.pad("try-restart"),
            Command::Kill => f.pad("kill"),
            Command::ResetFailed => f.pad("reset-failed"),
        }
    }
}

/// A Win32 error code, as the Service Control Manager answers it (lifecycle.md part 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Code(pub u32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $win32:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code($number);)*

            /// Every code the simulator answers with its Win32 name, in ascending order.
            pub const KNOWN: &'static [(Code, &'static str)] = &[$((Code::$name, $win32),)*];
        }
    };
}

codes! {
    /// Done, or accepted.
    OK = 0, "NO_ERROR";
    /// The control code is not one that exists.
    INVALID_PARAMETER = 87, "ERROR_INVALID_PARAMETER";
    /// Other running components depend on it.
    DEPENDENTS_RUNNING = 1051, "ERROR_DEPENDENT_SERVICES_RUNNING";
    /// The component does not accept this control.
    INVALID_CONTROL = 1052, "ERROR_INVALID_SERVICE_CONTROL";
    /// It did not answer in time.
    REQUEST_TIMEOUT = 1053, "ERROR_SERVICE_REQUEST_TIMEOUT";
    /// No thread could be had for it.
    NO_THREAD = 1054, "ERROR_SERVICE_NO_THREAD";
    /// A hold forbids the start: a backup runs, or an operator works on the component.
    DATABASE_LOCKED = 1055, "ERROR_SERVICE_DATABASE_LOCKED";
    /// A start in any state but Stopped.
    ALREADY_RUNNING = 1056, "ERROR_SERVICE_ALREADY_RUNNING";
    /// Its startup type is Disabled.
    DISABLED = 1058, "ERROR_SERVICE_DISABLED";
    /// Components depend on each other in a circle.
    CIRCULAR_DEPENDENCY = 1059, "ERROR_CIRCULAR_DEPENDENCY";
    /// No component has that name.
    DOES_NOT_EXIST = 1060, "ERROR_SERVICE_DOES_NOT_EXIST";
    /// The wrong moment for this control.
    CANNOT_ACCEPT_CONTROL = 1061, "ERROR_SERVICE_CANNOT_ACCEPT_CTRL";
    /// A control to a stopped component.
    NOT_ACTIVE = 1062, "ERROR_SERVICE_NOT_ACTIVE";
    /// It panicked.
    EXCEPTION = 1064, "ERROR_EXCEPTION_IN_SERVICE";
    /// It ended with an error code of its own.
    SPECIFIC = 1066, "ERROR_SERVICE_SPECIFIC_ERROR";
    /// Its carrier was lost.
    PROCESS_ABORTED = 1067, "ERROR_PROCESS_ABORTED";
    /// What it depends on is not there.
    DEPENDENCY_FAIL = 1068, "ERROR_SERVICE_DEPENDENCY_FAIL";
    /// Its start made no progress in time.
    START_HANG = 1070, "ERROR_SERVICE_START_HANG";
    /// It was removed, or is about to be, until the process ends.
    MARKED_FOR_DELETE = 1072, "ERROR_SERVICE_MARKED_FOR_DELETE";
    /// It is registered already.
    EXISTS = 1073, "ERROR_SERVICE_EXISTS";
    /// What it depends on does not exist.
    DEPENDENCY_DELETED = 1075, "ERROR_SERVICE_DEPENDENCY_DELETED";
    /// It was never started: the exit code shown before the first start.
    NEVER_STARTED = 1077, "ERROR_SERVICE_NEVER_STARTED";
    /// The executive is stopping or stopped.
    SHUTDOWN_IN_PROGRESS = 1115, "ERROR_SHUTDOWN_IN_PROGRESS";
    /// A later command took its place.
    CANCELLED = 1223, "ERROR_CANCELLED";
    /// Its inbox is full.
    NOT_ENOUGH_QUOTA = 1816, "ERROR_NOT_ENOUGH_QUOTA";
}

impl Code {
    /// The Win32 name, or "unknown".
    pub fn name(self) -> &'static str {
        Self::KNOWN.iter().find(|(code, _)| *code == self).map_or("unknown", |(_, name)| name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a life ended (lifecycle.md 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It ended by itself, as it meant to.
    Normal,
    /// It was asked to stop and did.
    Shutdown,
    /// It said at start that it is not applicable here, and why.
    Ignore(String),
    /// A hook returned an error of the component's own.
    Error {
        /// The component's own code.
        code: u32,
        /// What it said. Many keep it: it is shared.
        text: Arc<str>,
    },
    /// It panicked.
    Panic {
        /// What it panicked with.
        text: Arc<str>,
        /// Where: file and line, if known.
        location: Arc<str>,
    },
    /// It was ended by force: an operator's kill, or a stop that took too long.
    Killed,
    /// Its start made no progress in time and was ended.
    StartHang,
    /// Its code did not come back and no lease covered it: the watchdog ended it.
    Hung,
    /// The thread that carried it was lost to another component's code. Not its own fault, and
    /// not charged.
    Lost,
    /// It was never begun: what it depends on, named here, is not to be had.
    Dependency(String),
}

impl Exit {
    /// How the life ended, as a person reads it.
    pub fn words(&self) -> Cow<'static, str> {
        match self {
            Exit::Normal => "ended by itself".into(),
            Exit::Shutdown => "stopped as asked".into(),
            Exit::Ignore(why) => format!("not applicable here: {why}").into(),
            Exit::Error { code, text } => format!("error {code}: {text}").into(),
            Exit::Panic { text, location } => format!("panicked at {location}: {text}").into(),
            Exit::Killed => "killed".into(),
            Exit::StartHang => "its start made no progress in time".into(),
            Exit::Hung => "hung: its code did not come back".into(),
            Exit::Lost => "lost with the thread that carried it".into(),
            Exit::Dependency(name) => {
                format!("{name}, on which it depends, is not to be had").into()
            }
        }
    }

    /// Whether a Transient component is started again after it (lifecycle.md 3.1).
    pub fn is_abnormal(&self) -> bool {
        match self {
            Exit::Error { .. } | Exit::Panic { .. } => true,
            Exit::StartHang | Exit::Hung | Exit::Lost => true,
            Exit::Normal | Exit::Shutdown | Exit::Ignore(_) => false,
            Exit::Killed | Exit::Dependency(_) => false,
        }
    }

    /// The Win32 exit code that Query shows.
    pub fn code(&self) -> Code {
        match self {
            Exit::Normal | Exit::Shutdown | Exit::Ignore(_) => Code::OK,
            Exit::Error { .. } => Code::SPECIFIC,
            Exit::Panic { .. } => Code::EXCEPTION,
            Exit::Killed => Code::REQUEST_TIMEOUT,
            Exit::StartHang => Code::START_HANG,
            Exit::Hung => Code::REQUEST_TIMEOUT,
            Exit::Lost => Code::PROCESS_ABORTED,
            Exit::Dependency(_) => Code::DEPENDENCY_FAIL,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

/// How restarts are spaced out: data, so that a test can state it (lifecycle.md 2.5, 3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the first restart.
    pub first: Duration,
    /// Each further delay is this many times the one before.
    pub factor: u32,
    /// No delay is longer.
    pub max: Duration,
    /// Running for this long starts over with the first delay.
    pub reset_after: Duration,
    /// Each delay is lengthened or shortened by up to so many percent, so that what crashed
    /// together does not start together. Drawn from the host's seed; a simulated host has none
    /// unless it is given one, and then the delays are exact.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    /// 0.5 s doubling up to 60 s, reset after 60 s of Running, ten percent of jitter.
    fn default() -> Self {
        Backoff {
            first: Duration::from_millis(500),
            factor: 2,
            max: Duration::from_secs(60),
            reset_after: Duration::from_secs(60),
            jitter_percent: 10,
        }
    }
}

/// How many crashes in how long make a failure: a sliding, inclusive window (lifecycle.md 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// One crash more than this within the period and the component is Failed.
    pub crashes: u32,
    /// The window.
    pub period: Duration,
}

impl Default for Budget {
    /// 5 in 300 s.
    fn default() -> Self {
        Budget { crashes: 5, period: Duration::from_secs(300) }
    }
}

/// What an operator may add to a command (lifecycle.md 2.3, 2.4). All false unless said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandOptions {
    /// A start or restart that comes at the wrong moment is carried out when its moment has
    /// come, in place of a refusal with 1056 or 1061.
    pub queue: bool,
    /// A stop or restart takes the components that depend on this one along, leaves first. A
    /// stop without it is refused with 1051 while any of them runs; a restart never is: they run
    /// on, for what they depend on comes back.
    pub dependents: bool,
    /// A stop outlasts the next start of the executive.
    pub persist: bool,
    /// An exclusive component is started although code of an earlier life has not come back.
    pub force: bool,
}

/// What keeps a component down without touching what is wanted of it (lifecycle.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HoldKind {
    /// The site is being backed up. Holds every component.
    Backup,
    /// The executive is stopping or stopped. Holds every component.
    Stopping,
    /// An operator works on the component.
    Maintenance,
    /// The component was removed. This one has no lease: it ends with the process.
    Removal,
}

impl fmt::Display for HoldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            HoldKind::Backup => "backup",
            HoldKind::Stopping => "executive-stopping",
            HoldKind::Maintenance => "maintenance",
            HoldKind::Removal => "removal",
        })
    }
}

/// Which members of a group are restarted with one that crashed (Erlang/OTP's strategies).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// None but itself.
    #[default]
    OneForOne,
    /// All.
    OneForAll,
    /// Those that stand behind it in the group's order.
    RestForOne,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Strategy::OneForOne => "one-for-one",
            Strategy::OneForAll => "one-for-all",
            Strategy::RestForOne => "rest-for-one",
        })
    }
}

/// Components that are restarted together (lifecycle.md 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Such as "cloud"; an operator says "group:cloud".
    pub name: String,
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// Names of components, in the order in which they start. A component is in one group at
    /// most.
    pub members: Vec<String>,
    /// How many restarts of the group make a failure. With OneForOne each member has its own.
    pub budget: Budget,
    /// How restarts of the group are spaced out.
    pub backoff: Backoff,
}

impl Group {
    /// A group with the default budget and backoff (lifecycle.md 2.5).
    pub fn new<M: Into<String>>(
        name: impl Into<String>,
        strategy: Strategy,
        members: impl IntoIterator<Item = M>,
    ) -> Self {
        Group {
            name: name.into(),
            strategy,
            members: members.into_iter().map(Into::into).collect(),
            budget: Budget::default(),
            backoff: Backoff::default(),
        }
    }
}

/// Who hears of it when a component has spent its restart budget (lifecycle.md 3.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Escalate {
    /// Nobody: it is Failed until a person acts.
    #[default]
    No,
    /// Its group is restarted, all of it, at the group's charge.
    Group,
    /// The executive is restarted; when that has happened too often, it stops with exit 20.
    Executive,
}

/// Which thread carries a component (lifecycle.md 3.9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Isolation {
    /// One that it shares. Its hooks return at once.
    #[default]
    Shared,
    /// One of its own. Its hooks may block.
    Dedicated,
}

/// What the watchdog does with a component that hangs (lifecycle.md 3.10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WhenHung {
    /// It says so.
    #[default]
    Report,
    /// It says so, ends the life, and starts another on a fresh thread.
    Restart,
}
