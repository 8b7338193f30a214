//! The operator's port: what a console, a test and an embedder ask of a host, and what they
//! are told. The same in simulation and live; all of it is data, so it can cross a network.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cloud::{CloudCommand, CloudView};
use crate::id::{Generation, MessageId, OpId};
use crate::lifecycle::{
    Code, Command, CommandOptions, Desired, Exit, HoldKind, Startup, State, Substate,
};
use crate::settings::Mode;
use crate::status::{ComponentSummary, StatusRecord};
use crate::time::{Moment, WallTime};

/// A question or a command to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// The status of these components, in this order; of all, by name, if the list is empty.
    /// Told by [`Told::Components`].
    Query(Vec<String>),
    /// Command one component. Told by [`Told::Accepted`].
    Control {
        /// Its whole name, in any case; or "group:" and the name of a group, which can be
        /// started, stopped and restarted.
        component: String,
        /// What to do. [`Command::Query`] is [`Ask::Query`]'s business and is refused (87).
        command: Command,
        /// How.
        options: CommandOptions,
    },
    /// Keep one component down for so long, whatever is wanted of it: maintenance. Asked again,
    /// it counts anew. Told by [`Told::Accepted`].
    Hold {
        /// Its name.
        component: String,
        /// The hold ends by itself after this time: it cannot be left over.
        lease: Duration,
    },
    /// End such a hold before its time; what is wanted of the component is done. Told by
    /// [`Told::Accepted`].
    Release {
        /// Its name.
        component: String,
    },
    /// Stop a component and take it out of service until the process ends. That is not kept: the
    /// next process registers it again, as it is wanted then. Told by [`Told::Accepted`].
    Remove {
        /// Its name.
        component: String,
    },
    /// Give a component another startup type. It is neither started nor stopped by that. Told
    /// by [`Told::Accepted`].
    SetStartup {
        /// Its name.
        component: String,
        /// What happens to it when the executive starts.
        startup: Startup,
    },
    /// Records of crashes, oldest first. Told by [`Told::Crashes`].
    Crashes {
        /// Of this component only.
        component: Option<String>,
        /// At most this many, the newest.
        last: usize,
    },
    /// Messages that were set aside, oldest first. Told by [`Told::DeadLetters`].
    DeadLetters {
        /// To this component only.
        component: Option<String>,
        /// At most this many, the newest.
        last: usize,
    },
    /// Start, stop or restart SMS_EXECUTIVE as a whole. Told by [`Told::Accepted`].
    Service(ServiceCommand),
    /// Back the site up: the executive is stopped, the site copied, the executive started
    /// . Told by [`Told::Accepted`].
    Backup,
    /// Store a setting. Told by [`Told::Setting`].
    Set {
        /// Its key.
        key: String,
        /// Its new value, as text.
        value: String,
    },
    /// The setting under that key, or all of them. Told by [`Told::Settings`].
    Settings(Option<String>),
    /// Status messages, oldest first. Told by [`Told::Messages`].
    Messages {
        /// Of this component only.
        component: Option<String>,
        /// At most this many, the newest.
        last: usize,
    },
    /// The component status summarizer's rows, by name. Told by [`Told::Summaries`].
    Summaries,
    /// Log lines, oldest first. Told by [`Told::Logs`].
    Logs {
        /// A component's name or a log's file name; the names of all logs if none.
        log: Option<String>,
        /// At most this many, the newest.
        last: usize,
    },
    /// Command the embedded cloud. Told by [`Told::Cloud`].
    Cloud(CloudCommand),
    /// What time it is for the site. Told by [`Told::Clock`].
    Clock,
}

/// What to do with SMS_EXECUTIVE as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceCommand {
    /// Tell its state.
    Query,
    /// Start what is to run.
    Start,
    /// Stop everything.
    Stop,
    /// Stop, then start.
    Restart,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// To [`Ask::Query`].
    Components(Vec<ComponentStatus>),
    /// To a command.
    Accepted(Accepted),
    /// To [`Ask::Service`] with [`ServiceCommand::Query`].
    Service(ServiceStatus),
    /// To [`Ask::Set`].
    Setting(SettingView),
    /// To [`Ask::Settings`], by key.
    Settings(Vec<SettingView>),
    /// To [`Ask::Messages`].
    Messages(Vec<StatusRecord>),
    /// To [`Ask::Summaries`].
    Summaries(Vec<ComponentSummary>),
    /// To [`Ask::Logs`].
    Logs(Vec<LogTail>),
    /// To [`Ask::Cloud`].
    Cloud(CloudView),
    /// To [`Ask::Clock`].
    Clock(ClockView),
    /// To [`Ask::Crashes`].
    Crashes(Vec<CrashRecord>),
    /// To [`Ask::DeadLetters`].
    DeadLetters(Vec<DeadLetter>),
}

/// One component, as Query shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentStatus {
    /// Its name.
    pub name: String,
    /// What it is there for.
    pub about: String,
    /// The file it logs to.
    pub log: String,
    /// What it is.
    pub state: State,
    /// Why, when it is Stopped.
    pub substate: Option<Substate>,
    /// What it is wanted to be.
    pub desired: Desired,
    /// What happens to it when the executive starts.
    pub startup: Startup,
    /// Which of its lives this is, or the last one was; 0 before the first.
    pub generation: Generation,
    /// Since when it is in this state, on the host's clock.
    pub since: Moment,
    /// The same in wall time.
    pub since_utc: WallTime,
    /// Crashes since the executive was made.
    pub crashes: u64,
    /// Exit code of the last life; 1077 before the first start.
    pub exit_code: Code,
    /// How the last life ended.
    pub last_exit: Option<Exit>,
    /// Messages that wait in its inbox.
    pub inbox: u64,
    /// Progress reports of a pending state; 0 in settled ones.
    pub checkpoint: u32,
    /// Time to the next of them, in a pending state; else zero.
    pub wait_hint: Duration,
    /// Keys that take effect only when this component is next started.
    pub restart_required: Vec<String>,
    /// What keeps it down, whatever is wanted of it.
    pub holds: Vec<HoldKind>,
    /// For how much longer at most, where a lease says so.
    pub hold_left: Option<Duration>,
    /// A stop that outlasts the next start of the executive.
    pub persist: bool,
    /// Its group, if it is in one.
    pub group: Option<String>,
    /// Components that it depends on and that its start waits for at present.
    pub waits_for: Vec<String>,
    /// Its code has not come back for so long that the watchdog calls it hung.
    pub hung: bool,
    /// Lives that were ended and whose code has not come back.
    pub zombies: u32,
    /// Messages of its own that wait for room in their receivers' inboxes.
    pub outbox: u64,
    /// What the last drop of its value panicked with, if it did.
    pub drop_panicked: Option<String>,
}

/// How a life went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashRecord {
    /// Its number: +1 each in a host.
    pub number: u64,
    /// When, on the host's clock.
    pub at: Moment,
    /// When, in wall time.
    pub utc: WallTime,
    /// Whose.
    pub component: String,
    /// Which life.
    pub generation: Generation,
    /// How it ended. [`Exit::Shutdown`] where the end was well and only the drop panicked.
    pub exit: Exit,
    /// What its drop panicked with, if it did.
    pub drop_panic: Option<String>,
    /// The hook that it died in, such as "message"; empty if in none.
    pub hook: String,
    /// The message that it died of, and how often that has failed now.
    pub message: Option<(MessageId, u8)>,
    /// The same for crashes of one kind, wherever and whenever they occur: how it ended and,
    /// of a panic, where.
    pub fingerprint: String,
    /// Where it panicked, frame by frame; empty where it did not. Of several panics at one place of
    /// the code, with the stack equally deep, the stack was walked at the first, and a line in
    /// front says so: that takes several times as long as all else that a crash costs.
    pub backtrace: String,
    /// Whether it counts against the restart budget.
    pub charged: bool,
}

/// A message that was set aside and will not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// When, on the host's clock.
    pub at: Moment,
    /// When, in wall time.
    pub utc: WallTime,
    /// To whom.
    pub component: String,
    /// Which message.
    pub id: MessageId,
    /// Who sent it; none if it came from outside, or from a component that there is no more.
    pub from: Option<String>,
    /// What kind of message it is.
    pub name: String,
    /// What it held, as its Debug form shows it, 200 characters at most.
    pub text: String,
    /// Why.
    pub reason: DeadReason,
}

/// Why a message was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadReason {
    /// Each life that was handed it ended with it.
    Poison {
        /// So often.
        deliveries: u8,
        /// What the last of them ended with.
        exit: Exit,
    },
    /// Its time ran out before its turn came.
    Expired,
    /// Its receiver was removed.
    Removed,
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeadReason::Poison { deliveries, exit } => {
                write!(f, "failed {deliveries} times, at last: {exit}")
            }
            DeadReason::Expired => f.write_str("expired before its turn came"),
            DeadReason::Removed => f.write_str("its receiver was removed"),
        }
    }
}

/// What an accepted command got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The operation to wait for; none when there was nothing to do.
    pub operation: Option<OpId>,
    /// 0, or the code of a command that joined or found it so: 1056, 1061, 1062.
    pub code: Code,
    /// The same in words. Behind it stands why what was commanded is not kept, if it is not:
    /// [`Accepted::keep_problem`].
    pub note: String,
}

/// Stands in a note in front of why what was commanded is not kept.
const NOT_KEPT: &str = "not kept, and lost with the process unless that is mended: ";

impl Accepted {
    /// The same, of a command that has taken effect and could not be kept. It is no refusal:
    /// what was wanted is so, until the process ends.
    pub fn not_kept(mut self, problem: &str) -> Accepted {
        if !self.note.is_empty() {
            self.note += "; ";
        }
        self.note += NOT_KEPT;
        self.note += problem;
        self
    }

    /// That what was commanded is not kept, and why, if it is not.
    pub fn keep_problem(&self) -> Option<&str> {
        self.note.find(NOT_KEPT).map(|from| &self.note[from..])
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which operation.
    pub operation: OpId,
    /// 0 if its target state was reached; 1223 if a later command took its place; 1053 if the
    /// wait timed out; else what it failed with.
    pub code: Code,
    /// The same in words.
    pub text: String,
}

/// SMS_EXECUTIVE as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// What it is.
    pub state: State,
    /// Components that run.
    pub running: u64,
    /// Components that there are.
    pub components: u64,
    /// Holds that keep every component down.
    pub holds: Vec<HoldKind>,
    /// For how much longer at most, where a lease says so.
    pub hold_left: Option<Duration>,
    /// Lives that were ended and whose code has not come back: component and generation.
    pub zombies: Vec<(String, Generation)>,
    /// How the process would end now: 0 clean, 20 when it stopped because it was restarted too
    /// often, 21 when code of ended lives has not come back (lifecycle.md 3.5, case X06). None
    /// unless it is Stopped.
    pub exit_status: Option<u8>,
    /// The executive before this one did not end as it should.
    pub after_unclean_end: bool,
}

/// What to wait for ([`HostControl::wait_for`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Until {
    /// It is in this state.
    State(State),
    /// Its life of this number, or a later one, is Running.
    Generation(Generation),
    /// It is in a state that lasts until somebody acts: Running, Paused, or Stopped without a
    /// restart ahead.
    Settled,
}

impl Until {
    /// Whether that is so.
    pub fn holds(self, status: &ComponentStatus) -> bool {
        match self {
            Until::State(state) => status.state == state,
            Until::Generation(generation) => {
                status.state == State::Running && status.generation >= generation
            }
            Until::Settled => {
                let restarts = matches!(status.substate, Some(Substate::Backoff { .. }));
                status.state.is_settled() && !restarts
            }
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::State(state) => write!(f, "{state}"),
            Until::Generation(generation) => write!(f, "Running in generation {generation}"),
            Until::Settled => f.write_str("settled"),
        }
    }
}

/// One setting: what is stored, and what is in effect where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingView {
    /// Its key.
    pub key: String,
    /// What it means, in a line.
    pub about: String,
    /// What is stored, or the default.
    pub stored: String,
    /// What is in effect, by component; stopped components have nothing in effect.
    pub effective: Vec<(String, String)>,
    /// The smallest set of components to restart so that stored is in effect everywhere.
    pub restart_required: Vec<String>,
}

/// The end of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTail {
    /// Its file name.
    pub file: String,
    /// Records as they stand in the file.
    pub lines: Vec<String>,
}

/// The site's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    /// Time since the host was made, advances included.
    pub now: Moment,
    /// The site's wall clock.
    pub utc: WallTime,
    /// Whether time moves only when it is advanced.
    pub is_virtual: bool,
}

/// A command that was not accepted: who, why, the code, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The Win32 code.
    pub code: Code,
    /// What the command was for: a component, a setting, the executive.
    pub subject: String,
    /// Why not.
    pub reason: String,
    /// What to do instead; may be empty.
    pub way_out: String,
}

impl Refusal {
    /// A refusal with its way out.
    pub fn new(
        code: Code,
        subject: impl Into<String>,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Refusal { code, subject: subject.into(), reason: reason.into(), way_out: way_out.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (code {} {})", self.subject, self.reason, self.code, self.code.name())?;
        if !self.way_out.is_empty() {
            write!(f, "; {}", self.way_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// A host under an operator's hand.
///
/// Four methods are the port: [`ask`](HostControl::ask), [`wait`](HostControl::wait),
/// [`wait_for`](HostControl::wait_for) and [`advance`](HostControl::advance). A host on real time
/// gives a [`pass`](HostControl::pass) of its own; the rest is what people type, in terms of them.
pub trait HostControl {
    /// Asks, and is told at once: no answer waits for a component.
    ///
    /// # Errors
    /// The refusal, with its code and the way out.
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal>;

    /// Waits until the operation has ended, `within` at most: real time live, virtual time
    /// in simulation. Code 1060, at once, if there never was an operation of that number, or if
    /// it ended so long ago that its outcome is forgotten: the last 10,000 are remembered.
    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome;

    /// Moves the site's clock on by `by`; what falls due on the way happens, in order.
    ///
    /// # Errors
    /// The site did not come to rest; the refusal says who is busy.
    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal>;

    /// Lets time pass, and nothing else: real time live, virtual time in simulation. What waits
    /// for a state that no operation leads to waits with this; the site's clock is not moved on.
    ///
    /// A host whose clock is virtual need not bother; one on real time has to give its own.
    ///
    /// # Errors
    /// Those of [`HostControl::advance`]; 1052 if the host runs on real time and cannot wait.
    fn pass(&mut self, time: Duration) -> Result<ClockView, Refusal> {
        match self.ask(Ask::Clock)? {
            Told::Clock(clock) if clock.is_virtual => self.advance(time),
            _ => Err(Refusal::new(
                Code::INVALID_CONTROL,
                "clock",
                "this host runs on real time and cannot be waited for",
                "",
            )),
        }
    }

    /// Waits until `until` holds of a component, `within` at most: real time live, virtual time
    /// in simulation. Told its status as it was then.
    ///
    /// # Errors
    /// 1060 if there is no such component; 1053 if it did not come about, with what it is.
    fn wait_for(
        &mut self,
        component: &str,
        until: Until,
        within: Duration,
    ) -> Result<ComponentStatus, Refusal>;

    /// The status of one component.
    ///
    /// # Errors
    /// 1060 if there is none of that name.
    fn query(&mut self, component: &str) -> Result<ComponentStatus, Refusal> {
        match self.ask(Ask::Query(vec![component.to_owned()]))? {
            Told::Components(mut rows) if rows.len() == 1 => Ok(rows.remove(0)),
            told => unreachable!("one component was asked for, told {told:?}"),
        }
    }

    /// Commands one component and waits, five minutes at most, until it is done.
    ///
    /// # Errors
    /// The refusal, or how the operation failed.
    fn control(&mut self, component: &str, command: Command) -> Result<Accepted, Refusal> {
        self.control_with(component, command, CommandOptions::default())
    }

    /// Commands one component with options and waits, five minutes at most, until it is done.
    ///
    /// # Errors
    /// The refusal, or how the operation failed.
    fn control_with(
        &mut self,
        component: &str,
        command: Command,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        let ask = Ask::Control { component: component.to_owned(), command, options };
        self.ask_and_wait(ask, component)
    }

    /// Starts a component and waits until it runs.
    ///
    /// # Errors
    /// As [`HostControl::control`]: 1056 if it is not Stopped.
    fn start(&mut self, component: &str) -> Result<Accepted, Refusal> {
        self.control(component, Command::Start)
    }

    /// Stops a component and waits until it is Stopped.
    ///
    /// # Errors
    /// As [`HostControl::control`]: 1062 if it is Stopped.
    fn stop(&mut self, component: &str) -> Result<Accepted, Refusal> {
        self.control(component, Command::Stop)
    }

    /// Stops and starts a component, or starts a stopped one, and waits until it runs.
    ///
    /// # Errors
    /// As [`HostControl::control`].
    fn restart(&mut self, component: &str) -> Result<Accepted, Refusal> {
        self.control(component, Command::Restart)
    }

    /// Pauses a component and waits until it is Paused.
    ///
    /// # Errors
    /// As [`HostControl::control`]: 1052 if it cannot be paused.
    fn pause(&mut self, component: &str) -> Result<Accepted, Refusal> {
        self.control(component, Command::Pause)
    }

    /// Lets a paused component go on and waits until it runs.
    ///
    /// # Errors
    /// As [`HostControl::control`].
    fn resume(&mut self, component: &str) -> Result<Accepted, Refusal> {
        self.control(component, Command::Continue)
    }

    /// Commands the executive as a whole and waits, five minutes at most, until it is done.
    ///
    /// # Errors
    /// The refusal, or how the operation failed.
    fn service(&mut self, command: ServiceCommand) -> Result<Accepted, Refusal> {
        self.ask_and_wait(Ask::Service(command), "SMS_EXECUTIVE")
    }

    /// Backs the site up and waits, five minutes at most, until the executive is back.
    ///
    /// # Errors
    /// The refusal, or how the operation failed.
    fn backup(&mut self) -> Result<Accepted, Refusal> {
        self.ask_and_wait(Ask::Backup, "SMS_SITE_BACKUP")
    }

    /// Stores the mode of the service connection point and tells what it takes to put
    /// it into effect.
    ///
    /// # Errors
    /// The refusal.
    fn set_mode(&mut self, mode: Mode) -> Result<SettingView, Refusal> {
        let key = crate::settings::keys::MODE.key.to_owned();
        match self.ask(Ask::Set { key, value: mode.to_string() })? {
            Told::Setting(view) => Ok(view),
            told => unreachable!("a setting was stored, told {told:?}"),
        }
    }

    /// Asks for an operation and waits for it, five minutes at most.
    ///
    /// # Errors
    /// The refusal, or how the operation failed; `subject` stands in the latter.
    fn ask_and_wait(&mut self, ask: Ask, subject: &str) -> Result<Accepted, Refusal> {
        const WITHIN: Duration = Duration::from_secs(300);
        let Told::Accepted(accepted) = self.ask(ask)? else {
            return Err(Refusal::new(
                Code::INVALID_PARAMETER,
                subject,
                "a question is no command, there is nothing to wait for",
                "ask it",
            ));
        };
        let Some(operation) = accepted.operation else { return Ok(accepted) };
        let outcome = self.wait(operation, WITHIN);
        if outcome.code == Code::OK {
            return Ok(accepted);
        }
        Err(Refusal::new(outcome.code, subject, outcome.text, ""))
    }
}
