//! Rules about messages and about the code of components: what stands between a shard and both.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::Message;
use contract::id::{ComponentId, Generation, MessageId};
use contract::time::duration_text;
pub use kernel::MessageVerdict;
use kernel::{Envelope, Hook, HookCall, Interposer};

use super::{Guard, Injected, RequestRule, Rules, lock};
use crate::event::What;
use crate::run::Site;

/// A message on its way to a component.
#[derive(Debug, Clone, Copy)]
pub struct MessageCall<'a> {
    /// Who sent it; none if it came from outside.
    pub from: Option<&'a str>,
    /// To whom.
    pub to: &'a str,
    /// Its identity.
    pub id: MessageId,
    /// What.
    pub message: &'a Message,
}

/// A call of a hook of a component.
#[derive(Debug, Clone, Copy)]
pub struct CodeCall<'a> {
    /// Whose.
    pub name: &'a str,
    /// In which life.
    pub generation: Generation,
    /// Which hook, and what it is called with.
    pub hook: Hook<'a>,
}

/// What becomes of a call of a component's code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CallVerdict {
    /// What would become of it anyway; the next rule is asked.
    #[default]
    Pass,
    /// It panics with this text, in place of what it would have done.
    Panic(String),
    /// It fails with this code and text, in place of what it would have done.
    Fail(u32, String),
    /// It blocks its thread for so long, then does what it would have done; none: for ever, or
    /// until [`Site::end_hangs`].
    Hang(Option<Duration>),
}

type MessageRule = dyn FnMut(&MessageCall<'_>) -> MessageVerdict + Send;
type CallRule = dyn FnMut(&CodeCall<'_>) -> CallVerdict + Send;

/// Every rule of a site, and what those that shards ask have done.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) requests: Rules<RequestRule>,
    messages: Rules<MessageRule>,
    calls: Rules<CallRule>,
    done: Arc<Mutex<Done>>,
}

/// What rules did in the turn that is being taken.
#[derive(Debug, Default)]
struct Done {
    injected: Vec<(ComponentId, Generation, Injected)>,
    /// How long the hook that hangs does so.
    hang: Option<Option<Duration>>,
}

impl Faults {
    /// How long the hook that has just begun to hang does so; none without end.
    pub(crate) fn take_hang(&self) -> Option<Option<Duration>> {
        lock(&self.done).hang.take()
    }
}

/// Asks the rules of a site on behalf of one of its shards.
struct Asker {
    names: Arc<HashMap<ComponentId, Arc<str>>>,
    messages: Rules<MessageRule>,
    calls: Rules<CallRule>,
    done: Arc<Mutex<Done>>,
}

impl Asker {
    fn name(&self, id: ComponentId) -> Option<&str> {
        self.names.get(&id).map(|name| &**name)
    }
}

impl Interposer for Asker {
    fn on_message(&mut self, envelope: &Envelope<'_>) -> MessageVerdict {
        let Envelope { id, to, message } = *envelope;
        let call = MessageCall {
            from: self.name(id.from),
            to: self.name(to).unwrap_or_default(),
            id,
            message,
        };
        let verdict = self.messages.ask(|rule| rule(&call));
        if verdict != MessageVerdict::Pass {
            let injected = Injected::Message { id, message: message.name(), verdict };
            lock(&self.done).injected.push((to, Generation(0), injected));
        }
        verdict
    }

    fn on_call(&mut self, call: &HookCall<'_>) -> kernel::CallVerdict {
        let HookCall { id, name, generation, hook } = *call;
        let verdict = self.calls.ask(|rule| rule(&CodeCall { name, generation, hook }));
        if verdict != CallVerdict::Pass {
            let injected = Injected::Call { hook: hook.name(), verdict: verdict.clone() };
            lock(&self.done).injected.push((id, generation, injected));
        }
        match verdict {
            CallVerdict::Pass => kernel::CallVerdict::Pass,
            CallVerdict::Panic(text) => kernel::CallVerdict::Panic(text),
            CallVerdict::Fail(code, text) => kernel::CallVerdict::Fail(code, text),
            CallVerdict::Hang(lasting) => {
                lock(&self.done).hang = Some(lasting);
                kernel::CallVerdict::Stall
            }
        }
    }
}

impl Site {
    /// Has `rule` asked about every message when it reaches its receiver's shard, as long as the
    /// guard lives. The first rule that does not pass wins.
    ///
    /// ```
    /// use contract::Message;
    /// use smsexec_sim::{MessageVerdict, Site, probe::Probe};
    ///
    /// let (probe, journal) = Probe::new("A").build();
    /// let mut site = Site::primary("PS1").component(probe).start()?;
    /// let _guard = site.fault_messages(|call| match call.message.word() {
    ///     Some(2) => MessageVerdict::Duplicate,
    ///     _ => MessageVerdict::Pass,
    /// });
    /// for number in 1..=3 {
    ///     site.send("A", Message::Word(number))?;
    /// }
    /// assert_eq!(journal.take()[1..], ["message 1", "message 2", "message 2", "message 3"]);
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    pub fn fault_messages(
        &mut self,
        rule: impl FnMut(&MessageCall<'_>) -> MessageVerdict + Send + 'static,
    ) -> Guard {
        self.faults.messages.install(Arc::new(Mutex::new(rule)))
    }

    /// Has `rule` asked before every call of a component's code, as long as the guard lives. The
    /// first rule that does not pass wins.
    ///
    /// ```
    /// use contract::State;
    /// use contract::control::HostControl;
    /// use smsexec_sim::{CallVerdict, Hook, Site, probe::Probe};
    /// use std::time::Duration;
    ///
    /// let mut site = Site::primary("PS1").component(Probe::new("A").build().0).start()?;
    /// // Its third start fails, and only that.
    /// let _guard = site.fault_code(|call| match (call.hook, call.generation.0) {
    ///     (Hook::Start, 3) => CallVerdict::Panic("by the test".into()),
    ///     _ => CallVerdict::Pass,
    /// });
    /// site.restart("A")?;
    /// assert!(site.restart("A").is_err());
    /// site.advance(Duration::from_secs(1))?;
    /// assert_eq!(site.query("A")?.generation.0, 4);
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    pub fn fault_code(
        &mut self,
        rule: impl FnMut(&CodeCall<'_>) -> CallVerdict + Send + 'static,
    ) -> Guard {
        self.faults.calls.install(Arc::new(Mutex::new(rule)))
    }

    /// What stands between a shard and the code of its components.
    pub(crate) fn interposer(&self) -> Box<dyn Interposer> {
        let names = self.host.names().map(|(id, name)| (id, Arc::clone(name))).collect();
        Box::new(Asker {
            names: Arc::new(names),
            messages: self.faults.messages.clone(),
            calls: self.faults.calls.clone(),
            done: Arc::clone(&self.faults.done),
        })
    }

    /// Records what rules did in the turn that was taken, ahead of what came of it.
    pub(crate) fn record_injected(&mut self) {
        let injected = std::mem::take(&mut lock(&self.faults.done).injected);
        for (id, generation, fault) in injected {
            let name = self.name(id);
            self.record(What::Injected { name, generation, fault });
        }
    }
}

impl fmt::Display for CallVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallVerdict::Pass => f.write_str("passes"),
            CallVerdict::Panic(text) => write!(f, "panics: {text}"),
            CallVerdict::Fail(code, text) => write!(f, "fails with {code}: {text}"),
            CallVerdict::Hang(None) => f.write_str("hangs without end"),
            CallVerdict::Hang(Some(lasting)) => write!(f, "hangs for {}", duration_text(*lasting)),
        }
    }
}
