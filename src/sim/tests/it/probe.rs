//! A component that does as it is told, and writes down what was done to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::{
    Component, Context, Descriptor, Fault, Message, Progress, Registration, Settings, Start,
    Started,
};

/// What a hook does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Does {
    #[default]
    Well,
    Panic,
    /// Begins, and is never heard of again.
    Hang,
    /// Says at start that it has nothing to do here.
    Ignore,
    /// Takes so many checkpoints of 1.5 s each, and is done.
    Checkpoints(u32),
}

/// What a probe does in each hook.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    pub start: Does,
    /// The first life whose start goes well, whatever `start` says.
    pub starts_from: Option<u64>,
    pub stop: Does,
    pub pause: Does,
    /// Panics when it is handed this number.
    pub panics_on: Option<u64>,
    /// Ends itself when it is handed this number.
    pub exits_on: Option<u64>,
    pub drop_panics: bool,
}

/// What was done to a probe, over all its lives, in order.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// Takes what was noted since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Probe {
    plan: Plan,
    journal: Journal,
    generation: u64,
    left: u32,
}

/// A probe called `name`, and its journal.
pub fn probe(name: &str, plan: Plan) -> (Registration, Journal) {
    probe_with(name, plan, |_| {})
}

pub fn probe_with(
    name: &str,
    plan: Plan,
    declare: impl FnOnce(&mut Descriptor),
) -> (Registration, Journal) {
    let journal = Journal::default();
    let mut descriptor = Descriptor::new("a probe", "probe.log");
    declare(&mut descriptor);
    let notes = journal.clone();
    let make = move || Probe { plan, journal: notes.clone(), generation: 0, left: 0 };
    (Registration::new(name, descriptor, make), journal)
}

impl Probe {
    fn do_it(&mut self, does: Does, hook: &str, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        match does {
            Does::Well | Does::Ignore => Ok(Progress::Done),
            Does::Panic => panic!("{hook} panics"),
            Does::Hang => Ok(Progress::Pending { hint: Duration::from_secs(2) }),
            Does::Checkpoints(count) => {
                self.left = count;
                cx.after(Duration::from_millis(1500), "checkpoint");
                Ok(Progress::Pending { hint: Duration::from_secs(2) })
            }
        }
    }
}

impl Component for Probe {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        self.generation = cx.generation().0;
        let color = start.settings.text("probe.color").unwrap_or("none");
        self.journal.note(format!("start {} {color}", self.generation));
        if self.plan.start == Does::Ignore {
            return Ok(Started::NotApplicable("no such role here".into()));
        }
        let well = self.plan.starts_from.is_some_and(|from| self.generation >= from);
        let does = if well { Does::Well } else { self.plan.start };
        Ok(match self.do_it(does, "start", cx)? {
            Progress::Done => Started::Running,
            Progress::Pending { hint } => Started::Pending { hint },
        })
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let number = message.word().expect("probes are sent numbers");
        self.journal.note(format!("message {number}"));
        cx.log(format!("got {number}"));
        cx.remember("last", number.to_string());
        if self.plan.panics_on == Some(number) {
            panic!("message {number} panics");
        }
        if self.plan.exits_on == Some(number) {
            cx.exit();
        }
        Ok(())
    }

    fn timer(&mut self, _: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.left -= 1;
        if self.left == 0 {
            cx.done();
        } else {
            cx.checkpoint(Duration::from_secs(2));
            cx.after(Duration::from_millis(1500), "checkpoint");
        }
        Ok(())
    }

    fn changed(&mut self, settings: &Settings, _: &mut Context<'_>) -> Result<(), Fault> {
        let color = settings.text("probe.color").unwrap_or("none");
        self.journal.note(format!("changed {color}"));
        Ok(())
    }

    fn control(&mut self, code: u8, _: &mut Context<'_>) -> Result<(), Fault> {
        self.journal.note(format!("control {code}"));
        Ok(())
    }

    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.journal.note("pause");
        self.do_it(self.plan.pause, "pause", cx)
    }

    fn resume(&mut self, _: &mut Context<'_>) -> Result<Progress, Fault> {
        self.journal.note("resume");
        Ok(Progress::Done)
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.journal.note("stop");
        self.do_it(self.plan.stop, "stop", cx)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.plan.drop_panics && !std::thread::panicking() {
            panic!("drop panics");
        }
    }
}
