//! Fault rules: a test steps in where the site would have gone its way.
//!
//! A rule is any function of what is about to happen that answers with a verdict. Rules are
//! asked in the order in which they were installed, and the first that does not pass wins. A
//! rule lasts as long as its [`Guard`]. Whatever a rule does is an event in the log.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use contract::id::{ComponentId, Generation, MessageId, Ticket};
use contract::time::duration_text;
use contract::{Failure, Request};
use host::Errand;

use crate::event::What;
use crate::run::Site;

mod interposer;

pub(crate) use interposer::Faults;
pub use interposer::{CallVerdict, CodeCall, MessageCall, MessageVerdict};

/// Keeps a fault rule in force; dropped, it takes the rule away.
///
/// `let _ = …` drops at once; give it a name.
#[must_use = "the rule is gone as soon as its guard is"]
pub struct Guard {
    /// The rule itself, of whatever kind: the list has only a weak pointer to it.
    _rule: Box<dyn Send + Sync>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// Rules of one kind, in the order in which they were installed. A clone is the same list, so
/// that a shard's interposer can hold one.
pub(crate) struct Rules<R: ?Sized> {
    rules: Arc<Mutex<Vec<Weak<Mutex<R>>>>>,
}

impl<R: ?Sized> Clone for Rules<R> {
    fn clone(&self) -> Self {
        Rules { rules: Arc::clone(&self.rules) }
    }
}

impl<R: ?Sized> Default for Rules<R> {
    fn default() -> Self {
        Rules { rules: Arc::default() }
    }
}

impl<R: ?Sized> fmt::Debug for Rules<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rules").field(&lock(&self.rules).len()).finish()
    }
}

impl<R: ?Sized + Send + 'static> Rules<R> {
    pub(crate) fn install(&self, rule: Arc<Mutex<R>>) -> Guard {
        lock(&self.rules).push(Arc::downgrade(&rule));
        Guard { _rule: Box::new(rule) }
    }

    /// The first verdict that is none of `pass`. Neither the list nor another rule is locked
    /// while a rule is asked, so a rule may drop guards, its own too.
    pub(crate) fn ask<V: PartialEq + Default>(&self, mut ask: impl FnMut(&mut R) -> V) -> V {
        let rules: Vec<Arc<Mutex<R>>> = {
            let mut rules = lock(&self.rules);
            if rules.is_empty() {
                return V::default();
            }
            rules.retain(|rule| rule.strong_count() > 0);
            rules.iter().filter_map(Weak::upgrade).collect()
        };
        let pass = V::default();
        let verdicts = rules.iter().map(|rule| ask(&mut *lock(rule)));
        verdicts.into_iter().find(|verdict| *verdict != pass).unwrap_or(pass)
    }
}

/// A rule that panicked has failed its test; there is no half-done state to protect.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request on its way out.
#[derive(Debug, Clone, Copy)]
pub struct RequestCall<'a> {
    /// Who asks.
    pub name: &'a str,
    /// Its place in the site.
    pub id: ComponentId,
    /// In which life.
    pub generation: Generation,
    /// What the answer must bear.
    pub ticket: Ticket,
    /// What for.
    pub request: &'a Request,
}

/// What becomes of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RequestVerdict {
    /// What would become of it anyway; the next rule is asked.
    #[default]
    Pass,
    /// It is not carried out, and fails like this, at once.
    Fail(Failure),
    /// It is carried out, and its answer comes so much later.
    Delay(Duration),
    /// It is not carried out, and no answer ever comes.
    Lose,
}

/// A rule about requests.
type RequestRule = dyn FnMut(&RequestCall<'_>) -> RequestVerdict + Send;

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Injected {
    /// To a request.
    Request {
        /// What its answer would have borne.
        ticket: Ticket,
        /// Which request.
        request: &'static str,
        /// What became of it.
        verdict: RequestVerdict,
    },
    /// To a message on its way to this component.
    Message {
        /// Which.
        id: MessageId,
        /// What kind of message.
        message: &'static str,
        /// What became of it.
        verdict: MessageVerdict,
    },
    /// To a call of the component's code.
    Call {
        /// Which hook.
        hook: &'static str,
        /// What became of it.
        verdict: CallVerdict,
    },
}

impl Injected {
    /// Whether a life that ends badly after this is the test's own doing.
    pub(crate) fn excuses_a_crash(&self) -> bool {
        match self {
            // A component has to live with every answer, and with none.
            Injected::Request { .. } | Injected::Message { .. } => false,
            Injected::Call { .. } => true,
        }
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Injected::Request { ticket, request, verdict } => {
                write!(f, "{request} {ticket} {verdict}")
            }
            Injected::Message { id, message, verdict } => {
                write!(f, "{message} {id} {verdict}")
            }
            Injected::Call { hook, verdict } => write!(f, "{hook} {verdict}"),
        }
    }
}

impl fmt::Display for RequestVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestVerdict::Pass => f.write_str("passes"),
            RequestVerdict::Fail(failure) => write!(f, "fails, {failure}"),
            RequestVerdict::Delay(delay) => {
                write!(f, "is answered {} later", duration_text(*delay))
            }
            RequestVerdict::Lose => f.write_str("is lost"),
        }
    }
}

impl Site {
    /// Has `rule` asked about every request before it is carried out, as long as the guard
    /// lives. The first rule that does not pass wins.
    ///
    /// The same seed gives the same trace as long as the rule depends on nothing but what it is
    /// told and what it counts.
    ///
    /// ```
    /// use contract::{Failure, FailureKind, Request};
    /// use contract::control::HostControl;
    /// use smsexec_sim::probe::{Act, Probe};
    /// use smsexec_sim::{RequestVerdict, Site};
    /// use std::time::Duration;
    ///
    /// let ask = Act::Ask(Request::Probe { url: "https://x/".into(), time_out: Duration::from_secs(1) });
    /// let (probe, journal) = Probe::new("A").on(1, ask).build();
    /// let mut site = Site::primary("PS1").component(probe).start()?;
    ///
    /// // The second probe fails, and only that.
    /// let mut probes = 0;
    /// let guard = site.fault_requests(move |call| {
    ///     probes += u32::from(call.name == "A" && call.request.name() == "Probe");
    ///     match probes {
    ///         2 => RequestVerdict::Fail(Failure::new(FailureKind::Refused, "by the test")),
    ///         _ => RequestVerdict::Lose,
    ///     }
    /// });
    /// site.send("A", contract::Message::Word(1))?;
    /// site.send("A", contract::Message::Word(1))?;
    /// assert_eq!(journal.take().last().unwrap(), "answer t2 the connection was refused: by the test");
    ///
    /// drop(guard); // From here on requests are carried out again.
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    pub fn fault_requests(
        &mut self,
        rule: impl FnMut(&RequestCall<'_>) -> RequestVerdict + Send + 'static,
    ) -> Guard {
        self.faults.requests.install(Arc::new(Mutex::new(rule)))
    }

    /// What the rules say of a request. It and what they do to it are recorded.
    pub(crate) fn judge_request(&mut self, errand: &Errand) -> RequestVerdict {
        let Errand { id, generation, ticket, request } = errand;
        let (name, id, generation, ticket) = (self.name(*id), *id, *generation, *ticket);
        let call = RequestCall { name: &name, id, generation, ticket, request };
        let verdict = self.faults.requests.ask(|rule| rule(&call));
        let request = request.name();
        self.record(What::Asked { by: Arc::clone(&name), generation, ticket, request });
        if verdict != RequestVerdict::Pass {
            let fault = Injected::Request { ticket, request, verdict: verdict.clone() };
            self.record(What::Injected { name, generation, fault });
        }
        verdict
    }
}
