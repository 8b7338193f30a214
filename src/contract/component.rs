//! A site component: what it declares, and what it is called with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::effect::Answer;
use crate::id::Ticket;
use crate::lifecycle::{Backoff, Budget, Escalate, Isolation, Restart, Startup, WhenHung};
use crate::message::Message;
use crate::settings::Settings;

/// A component of SMS_EXECUTIVE.
///
/// One value is one life: it is made by the registration's factory at every start and dropped
/// at every end, whatever the end was. Every hook is called on one thread at a time, returns
/// at once, and leaves what it wants done in the [`Context`]. A hook that panics ends the life
/// and nothing else.
///
/// ```
/// use smsexec_contract::{Component, Context, Fault, Message, Start, Started};
///
/// /// Answers every number with the next one.
/// struct Successor;
///
/// impl Component for Successor {
///     fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
///         if let Some(number) = message.word() {
///             cx.send(cx.sender(), Message::Word(number + 1));
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Component: Send {
    /// A life begins. Settings are given here, and here alone unless a key is declared in
    /// [`Descriptor::reloads`]; so what is stored later has no effect on this life.
    ///
    /// # Errors
    /// The start failed; it is tried again as the restart type and the backoff say.
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let _ = (start, cx);
        Ok(Started::Running)
    }

    /// A message came. Called in Running only; the sender is [`Context::sender`].
    ///
    /// # Errors
    /// The life ends with this error.
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        cx.warn(format!("Ignored a message of an unknown kind: {}", message.name()));
        Ok(())
    }

    /// A timer set with [`Context::after`] fell due.
    ///
    /// # Errors
    /// The life ends with this error.
    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        let _ = (key, cx);
        Ok(())
    }

    /// The answer to a request of this life.
    ///
    /// # Errors
    /// The life ends with this error.
    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let _ = (ticket, answer, cx);
        Ok(())
    }

    /// A setting declared in [`Descriptor::reloads`] has changed.
    ///
    /// # Errors
    /// The life ends with this error.
    fn changed(&mut self, settings: &Settings, cx: &mut Context<'_>) -> Result<(), Fault> {
        let _ = (settings, cx);
        Ok(())
    }

    /// A control code of the component's own, declared in [`Descriptor::controls`].
    ///
    /// # Errors
    /// The life ends with this error.
    fn control(&mut self, code: u8, cx: &mut Context<'_>) -> Result<(), Fault> {
        let _ = (code, cx);
        Ok(())
    }

    /// It is to pause. Messages wait from here on.
    ///
    /// # Errors
    /// The life ends with this error.
    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        let _ = cx;
        Ok(Progress::Done)
    }

    /// It is to go on after a pause.
    ///
    /// # Errors
    /// The life ends with this error.
    fn resume(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        let _ = cx;
        Ok(Progress::Done)
    }

    /// The life is to end. Called at most once, and only after a start that went well.
    ///
    /// # Errors
    /// It is noted; the component is stopped all the same.
    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        let _ = cx;
        Ok(Progress::Done)
    }
}

/// What a life is given at its start.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The settings in effect for this life.
    pub settings: &'a Settings,
    /// What earlier lives kept with [`Context::remember`].
    pub registry: &'a Registry,
}

/// What the lives of one component keep for each other, as the product keeps values under
/// `HKLM\SOFTWARE\Microsoft\SMS\COMPONENTS\<component>` (domain.md 5.6).
pub type Registry = BTreeMap<String, String>;

/// How a start went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Running,
    /// It goes on starting, and calls [`Context::checkpoint`] and at last [`Context::done`].
    Pending {
        /// The first checkpoint comes within this time.
        hint: Duration,
    },
    /// It has nothing to do on this server, and why. No failure.
    NotApplicable(String),
}

/// How a stop, pause or resume went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is finished.
    Done,
    /// It goes on, and calls [`Context::checkpoint`] and at last [`Context::done`].
    Pending {
        /// The first checkpoint comes within this time.
        hint: Duration,
    },
}

/// An error of the component's own. It ends the life: Win32 1066 with this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The component's own code.
    pub code: u32,
    /// What went wrong: lower case, no final stop.
    pub text: String,
}

impl Fault {
    /// An error with the component's own code.
    pub fn new(code: u32, text: impl Into<String>) -> Self {
        Fault { code, text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.text, self.code)
    }
}

impl std::error::Error for Fault {}

/// Which log a component writes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFile {
    /// One line a record, `text  $$<COMPONENT><date time><thread>` (domain.md 4.1).
    Server {
        /// Such as "distmgr.log".
        file: Cow<'static, str>,
    },
    /// The attribute syntax that managed workers write (domain.md 4.2).
    Attribute {
        /// Such as "EndpointConnectivityCheckWorker.log".
        file: Cow<'static, str>,
        /// What stands in the attribute `component`.
        component: Cow<'static, str>,
    },
}

impl LogFile {
    /// A log in the server format.
    pub const fn server(file: &'static str) -> Self {
        LogFile::Server { file: Cow::Borrowed(file) }
    }

    /// Its file name.
    pub fn file(&self) -> &str {
        match self {
            LogFile::Server { file } | LogFile::Attribute { file, .. } => file,
        }
    }
}

/// What a component declares about itself.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// One line for `help` and `components`.
    pub about: Cow<'static, str>,
    /// Its log.
    pub log: LogFile,
    /// Keys of settings that take effect at a start of the component only.
    pub start_only: Vec<&'static str>,
    /// Keys of settings that it takes while running, through [`Component::changed`].
    pub reloads: Vec<&'static str>,
    /// Whether it can be paused.
    pub pausable: bool,
    /// Control codes of its own, 128 to 255.
    pub controls: Vec<u8>,
    /// Whether a stop can interrupt its start.
    pub cancellable_start: bool,
    /// Whether the executive starts it.
    pub startup: Startup,
    /// When it is started again by itself.
    pub restart: Restart,
    /// How restarts are spaced out.
    pub backoff: Backoff,
    /// How many crashes make a failure.
    pub budget: Budget,
    /// Who hears of a failure.
    pub escalate: Escalate,
    /// Whether its group goes on starting when this component has failed.
    pub significant: bool,
    /// Names of components that must run before it starts, and that are not stopped before it.
    pub depends_on: Vec<Cow<'static, str>>,
    /// Those of them without which it cannot go on: when one has failed, it is stopped too.
    pub requires: Vec<Cow<'static, str>>,
    /// Which thread carries it.
    pub isolation: Isolation,
    /// It holds something that there is one of, such as a lock of a file: no life begins while
    /// code of an earlier one has not come back.
    pub exclusive: bool,
    /// What the watchdog does when it hangs.
    pub when_hung: WhenHung,
    /// So many messages may wait in its inbox; further ones wait with their senders.
    pub inbox_max: u32,
    /// A message is set aside after so many failed deliveries.
    pub poison_after: u8,
}

impl Descriptor {
    /// A pausable, permanent, automatic component on a shared thread that writes `log` in the
    /// server format, depends on nothing, and has the defaults of lifecycle.md 2.5.
    pub fn new(about: &'static str, log: &'static str) -> Self {
        Descriptor {
            about: Cow::Borrowed(about),
            log: LogFile::server(log),
            start_only: Vec::new(),
            reloads: Vec::new(),
            pausable: true,
            controls: Vec::new(),
            cancellable_start: true,
            startup: Startup::Automatic,
            restart: Restart::Permanent,
            backoff: Backoff::default(),
            budget: Budget::default(),
            escalate: Escalate::No,
            significant: false,
            depends_on: Vec::new(),
            requires: Vec::new(),
            isolation: Isolation::Shared,
            exclusive: false,
            when_hung: WhenHung::Report,
            inbox_max: 10_000,
            poison_after: 3,
        }
    }
}

/// Makes a component's value for one life.
pub type Factory = Arc<dyn Fn() -> Box<dyn Component> + Send + Sync>;

/// A component as it is handed to a host: a name, a declaration, a way to make its lives.
///
/// ```
/// use smsexec_contract::{Component, Descriptor, Registration};
///
/// #[derive(Default)]
/// struct Idle;
/// impl Component for Idle {}
///
/// let idle = Registration::new("MY_IDLE", Descriptor::new("does nothing", "idle.log"), Idle::default);
/// assert_eq!(&*idle.name, "MY_IDLE");
/// ```
#[derive(Clone)]
pub struct Registration {
    /// Such as "SMS_DMP_DOWNLOADER": unique in a host, compared without regard to case.
    pub name: Arc<str>,
    /// Shared, so that a million components of one kind share one.
    pub descriptor: Arc<Descriptor>,
    /// Called at every start, on the component's own thread.
    pub factory: Factory,
}

impl Registration {
    /// A component called `name`, whose lives `make` makes.
    pub fn new<C: Component + 'static>(
        name: impl Into<Arc<str>>,
        descriptor: impl Into<Arc<Descriptor>>,
        make: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        Registration {
            name: name.into(),
            descriptor: descriptor.into(),
            factory: Arc::new(move || Box::new(make())),
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("name", &self.name).finish_non_exhaustive()
    }
}
