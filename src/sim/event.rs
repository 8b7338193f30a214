//! What happens in a site, as data, in one total order: the oracle of a test.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use contract::Failure;
use contract::control::DeadReason;
use contract::id::{Generation, MessageId, OpId, Ticket};
use contract::lifecycle::{Code, Exit, State, Substate};
use contract::status::Severity;
use contract::time::{Moment, duration_text};
use kernel::Called;

use crate::faults::Injected;

/// Something that happened in a site. Its [`Display`](fmt::Display) form is its line in the
/// trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number: +1 each in a site, from 1. No two happen at once.
    pub number: u64,
    /// When, on the site's monotonic clock.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// What happened. Components are called by the names they are registered under.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A component is there, and was like this when the log began.
    Registered {
        /// Its name.
        name: Arc<str>,
        /// Its last life, in an earlier process; 0 if none.
        generation: Generation,
        /// What it is.
        state: State,
        /// Why, where it is Stopped.
        substate: Option<Substate>,
    },
    /// A component changed its state, or the reason for being Stopped.
    Changed {
        /// Its name.
        name: Arc<str>,
        /// In which life.
        generation: Generation,
        /// From this.
        from: State,
        /// To this.
        to: State,
        /// Why, where `to` is Stopped.
        substate: Option<Substate>,
        /// How the life ended, where one did.
        exit: Option<Exit>,
    },
    /// SMS_EXECUTIVE as a whole changed its state.
    Service {
        /// To this.
        state: State,
    },
    /// A message was sent from outside the site ([`Site::send`](crate::Site::send)).
    Sent {
        /// To whom.
        to: Arc<str>,
        /// Which message.
        id: MessageId,
        /// What kind of message.
        message: &'static str,
    },
    /// A component has sent a message, and it was accepted.
    Passed {
        /// To whom.
        to: Arc<str>,
        /// By whom; a component always.
        from: Option<Arc<str>>,
        /// Which message.
        id: MessageId,
        /// What kind of message.
        message: &'static str,
    },
    /// A message was handled, or set aside: nobody keeps it any longer.
    Settled {
        /// To whom it was sent.
        to: Arc<str>,
        /// Which message.
        id: MessageId,
    },
    /// A component's messages wait with it from here on: their receiver's inbox is full.
    Pressed {
        /// Who sends.
        from: Arc<str>,
        /// Whose inbox is full.
        to: Arc<str>,
    },
    /// The executive has something to say about a component, or about itself.
    Noticed {
        /// The component; none for the executive.
        about: Option<Arc<str>>,
        /// What, in words.
        text: String,
    },
    /// The process of SMS_EXECUTIVE was killed ([`Site::kill`](crate::Site::kill)).
    Killed,
    /// A component was handed a message, a timer or an answer.
    Delivered {
        /// To whom.
        to: Arc<str>,
        /// In which life.
        generation: Generation,
        /// From which component; none for what comes from no component.
        from: Option<Arc<str>>,
        /// Which hook was called, and for what.
        what: Called,
    },
    /// A message was set aside and will not be delivered.
    SetAside {
        /// To whom it was sent.
        to: Arc<str>,
        /// By which component; none for one from outside.
        from: Option<Arc<str>>,
        /// Which message.
        id: MessageId,
        /// What kind of message.
        message: &'static str,
        /// Why.
        reason: DeadReason,
    },
    /// The drop of a component's value panicked.
    DropPanicked {
        /// Its name.
        name: Arc<str>,
        /// Which life's value.
        generation: Generation,
        /// What it panicked with.
        text: String,
    },
    /// A component asked for something outside.
    Asked {
        /// Who.
        by: Arc<str>,
        /// In which life.
        generation: Generation,
        /// What the answer will bear.
        ticket: Ticket,
        /// What for: [`Request::name`](contract::Request::name).
        request: &'static str,
    },
    /// The answer to a request is on its way to whoever asked.
    Answered {
        /// Who asked.
        to: Arc<str>,
        /// In which life.
        generation: Generation,
        /// What the request bore.
        ticket: Ticket,
        /// What was asked for.
        request: &'static str,
        /// How it went wrong; none if it went well.
        failure: Option<Failure>,
    },
    /// A command was accepted.
    Accepted {
        /// What it is for: a component, a setting, SMS_EXECUTIVE.
        subject: String,
        /// The command in words, such as "stop".
        command: String,
        /// The operation to wait for, if there is one.
        operation: Option<OpId>,
        /// 0, or the code of a command that joined or found it so.
        code: Code,
    },
    /// A command was refused.
    Refused {
        /// What it is for.
        subject: String,
        /// The command in words.
        command: String,
        /// Why.
        code: Code,
    },
    /// An operation has ended.
    Resolved {
        /// Which.
        operation: OpId,
        /// 0 if it reached its target.
        code: Code,
        /// The same in words.
        text: String,
    },
    /// A status message was kept.
    Reported {
        /// Who reported it.
        component: String,
        /// Its id, such as 500.
        id: u32,
        /// How grave.
        severity: Severity,
        /// Its text.
        text: String,
    },
    /// The copy for a backup was made.
    Copied,
    /// A fault rule of the test stepped in.
    Injected {
        /// Whose request, message or call it was.
        name: Arc<str>,
        /// In which life.
        generation: Generation,
        /// What the rule did.
        fault: Injected,
    },
    /// The wall clock was moved. The monotonic clock and the timers were not.
    ClockJumped {
        /// By so much.
        by: Duration,
        /// Whether ahead.
        ahead: bool,
    },
    /// The bias changed: the minutes to add to the site's local time to get UTC.
    BiasSet {
        /// To this.
        minutes: i32,
    },
}

impl Event {
    /// The component, SMS_EXECUTIVE included, that the event is about; none for an operation
    /// that ended and for clocks.
    pub fn component(&self) -> Option<&str> {
        match &self.what {
            What::Registered { name, .. }
            | What::Changed { name, .. }
            | What::DropPanicked { name, .. }
            | What::Injected { name, .. } => Some(name),
            What::Sent { to, .. }
            | What::Delivered { to, .. }
            | What::SetAside { to, .. }
            | What::Passed { to, .. }
            | What::Settled { to, .. }
            | What::Pressed { to, .. }
            | What::Answered { to, .. } => Some(to),
            What::Asked { by, .. } => Some(by),
            What::Accepted { subject, .. } | What::Refused { subject, .. } => Some(subject),
            What::Reported { component, .. } => Some(component),
            What::Noticed { about, .. } => Some(about.as_deref().unwrap_or(host::EXECUTIVE)),
            What::Service { .. } | What::Killed => Some(host::EXECUTIVE),
            What::Copied => Some(host::SITE_BACKUP),
            What::Resolved { .. } | What::ClockJumped { .. } | What::BiasSet { .. } => None,
        }
    }

    /// Whether it is about the component of that name, in any case.
    pub fn is_about(&self, name: &str) -> bool {
        self.component().is_some_and(|component| component.eq_ignore_ascii_case(name))
    }

    /// Whether the component of that name entered `state`.
    pub fn became(&self, name: &str, state: State) -> bool {
        matches!(self.what, What::Changed { to, from, .. } if to == state && from != state)
            && self.is_about(name)
    }

    /// Whether the component of that name was handed `what`: "message NAME", "timer KEY" or
    /// "answer TICKET", or the first words of it, such as "message".
    pub fn delivered(&self, name: &str, what: &str) -> bool {
        let begins = |called: &Called| {
            let called = called.to_string();
            let rest = called.strip_prefix(what);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        self.is_about(name) && matches!(&self.what, What::Delivered { what, .. } if begins(what))
    }

    /// Whether the component of that name asked for something of that kind, such as "Probe".
    pub fn asked(&self, name: &str, request: &str) -> bool {
        matches!(self.what, What::Asked { request: asked, .. } if asked == request)
            && self.is_about(name)
    }

    /// Whether the component of that name reported the status message with that id.
    pub fn reported(&self, name: &str, id: u32) -> bool {
        matches!(self.what, What::Reported { id: reported, .. } if reported == id)
            && self.is_about(name)
    }

    /// The life that ended with it, and how.
    pub fn ended(&self) -> Option<(&str, Generation, &Exit)> {
        match &self.what {
            What::Changed { name, generation, exit: Some(exit), .. } => {
                Some((name, *generation, exit))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14.6} ", self.at.since_start().as_secs_f64())?;
        // Texts come from components; a line stays a line.
        f.write_str(&status::log::clean(&self.what.to_string()))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outside = |from: &Option<Arc<str>>| match from {
            Some(name) => Arc::clone(name),
            None => Arc::from("outside"),
        };
        match self {
            What::Registered { name, generation, state, substate } => {
                write!(f, "{name} gen {generation} registered {state}")?;
                substate.map_or(Ok(()), |substate| write!(f, " {substate}"))
            }
            What::Changed { name, generation, from, to, substate, exit } => {
                write!(f, "{name} gen {generation} {from} -> {to}")?;
                if let Some(substate) = substate {
                    write!(f, " {substate}")?;
                }
                exit.as_ref().map_or(Ok(()), |exit| write!(f, " ({exit})"))
            }
            What::Service { state } => write!(f, "{} {state}", host::EXECUTIVE),
            What::Sent { to, id, message } => {
                write!(f, "{to} is sent {message} {id} from outside")
            }
            What::Passed { to, from, id, message } => {
                write!(f, "{to} is sent {message} {id} from {}", outside(from))
            }
            What::Settled { to, id } => write!(f, "{to} is through with {id}"),
            What::Pressed { from, to } => {
                write!(f, "{from} has to wait: the inbox of {to} is full")
            }
            What::Noticed { about, text } => {
                write!(f, "{} {text}", about.as_deref().unwrap_or(host::EXECUTIVE))
            }
            What::Killed => write!(f, "{} is killed", host::EXECUTIVE),
            What::Delivered { to, generation, from, what } => {
                write!(f, "{to} gen {generation} <- {}: {what}", outside(from))
            }
            What::SetAside { to, from, id, message, reason } => {
                write!(f, "{to} is spared {message} {id} from {}: {reason}", outside(from))
            }
            What::DropPanicked { name, generation, text } => {
                write!(f, "{name} gen {generation} panicked when dropped: {text}")
            }
            What::Asked { by, generation, ticket, request } => {
                write!(f, "{by} gen {generation} asks {ticket}: {request}")
            }
            What::Answered { to, generation, ticket, request, failure } => {
                write!(f, "{to} gen {generation} is answered {ticket}: {request} ")?;
                match failure {
                    None => f.write_str("done"),
                    Some(failure) => write!(f, "failed, {failure}"),
                }
            }
            What::Accepted { subject, command, operation, code } => {
                write!(f, "{command} {subject}: accepted")?;
                if let Some(operation) = operation {
                    write!(f, " as {operation}")?;
                }
                if *code == Code::OK { Ok(()) } else { write!(f, ", code {code}") }
            }
            What::Refused { subject, command, code } => {
                write!(f, "{command} {subject}: refused, code {code} {}", code.name())
            }
            What::Resolved { operation, code, text } => {
                write!(f, "op {operation} {code}")?;
                if *code == Code::OK { Ok(()) } else { write!(f, ": {text}") }
            }
            What::Reported { component, id, severity, text } => {
                write!(f, "{component} reports {id} {severity}: {text}")
            }
            What::Copied => write!(f, "{} has its copy", host::SITE_BACKUP),
            What::Injected { name, generation, fault } => {
                write!(f, "{name} gen {generation} fault: {fault}")
            }
            What::ClockJumped { by, ahead } => {
                let way = if *ahead { "ahead" } else { "back" };
                write!(f, "the wall clock jumps {way} by {}", duration_text(*by))
            }
            What::BiasSet { minutes } => write!(f, "the bias is {minutes} minutes from here on"),
        }
    }
}

/// What every component is after these events, by name: state, why it is Stopped, and life.
///
/// The whole log of a site gives what [`query`](contract::control::HostControl::query) shows
/// (lifecycle.md 2.6, I10), and the first so many of its events what it showed then.
///
/// ```
/// use contract::control::HostControl;
/// use contract::{Component, Descriptor, Registration, State, Substate};
/// use smsexec_sim::{Site, replay};
///
/// struct Idle;
/// impl Component for Idle {}
/// let idle = Registration::new("IDLE", Descriptor::new("does nothing", "idle.log"), || Idle);
///
/// let mut site = Site::primary("PS1").component(idle).start()?;
/// site.stop("IDLE")?;
/// let (state, substate, generation) = replay(site.events())["IDLE"];
/// assert_eq!((state, substate), (State::Stopped, Some(Substate::Operator)));
/// assert_eq!(generation.0, 1);
/// # Ok::<(), contract::control::Refusal>(())
/// ```
pub fn replay(events: &[Event]) -> BTreeMap<String, (State, Option<Substate>, Generation)> {
    let mut status = BTreeMap::new();
    for event in events {
        let (name, now) = match &event.what {
            What::Registered { name, generation, state, substate } => {
                (name, (*state, *substate, *generation))
            }
            What::Changed { name, generation, to, substate, .. } => {
                (name, (*to, *substate, *generation))
            }
            _ => continue,
        };
        status.insert(name.to_string(), now);
    }
    status
}
