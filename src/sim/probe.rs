//! A component that does as it is told, and writes down what was done to it: what a test puts
//! in a site to see how the site treats its components.
//!
//! ```
//! use contract::control::HostControl;
//! use contract::{Message, State};
//! use smsexec_sim::Site;
//! use smsexec_sim::probe::{Act, Does, Probe};
//! use std::time::Duration;
//!
//! // Its start takes three checkpoints, and message 7 makes it panic.
//! let (a, journal) = Probe::new("A").start(Does::Checkpoints(3)).on(7, Act::Panic).build();
//! let mut site = Site::primary("PS1").component(a).start()?;
//! site.allow_crashes();
//!
//! site.send("A", Message::Word(7))?;
//! site.run_until(Duration::from_secs(60), |site| {
//!     site.query("A").is_ok_and(|a| a.state == State::Running && a.generation.0 == 4)
//! });
//! // What it died of is handed to the next life first, and set aside after the third time.
//! assert_eq!(
//!     journal.take(),
//!     ["start 1", "message 7", "start 2", "message 7", "start 3", "message 7", "start 4"],
//! );
//! # Ok::<(), contract::control::Refusal>(())
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::lifecycle::Startup;
use contract::{
    Answer, Component, Context, Descriptor, Fault, Message, Progress, Registration, Request,
    Settings, Start, Started, Ticket,
};

/// The pace of [`Does::Checkpoints`].
pub const CHECKPOINT_EVERY: Duration = Duration::from_millis(1500);

/// What its checkpoints promise the next one within.
const HINT: Duration = Duration::from_secs(2);

/// The key of the timer that paces checkpoints.
const CHECKPOINT: &str = "checkpoint";

/// What a hook of a probe does: `start`, `stop`, `pause` or `resume`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Does {
    /// It is done at once.
    #[default]
    Well,
    /// It panics with "HOOK panics", such as "start panics".
    Panic,
    /// It fails with this code and "HOOK fails".
    Fail(u32),
    /// It says that it will be done later, and is never heard of again.
    Hang,
    /// Its component ends itself.
    Exit,
    /// Start only: it has nothing to do here, "no such role here". Elsewhere like
    /// [`Does::Well`].
    Ignore,
    /// It takes so many checkpoints, one every [`CHECKPOINT_EVERY`], and is done with the last.
    Checkpoints(u32),
}

/// What a probe does when it is handed a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It panics with "message N panics".
    Panic,
    /// It fails with this code and "message N fails".
    Fail(u32),
    /// It ends itself.
    Exit,
    /// It asks for that. The answer goes into the journal.
    Ask(Request),
    /// It sends a number to the component of that name.
    Send(&'static str, u64),
    /// It sets a timer with that key. That it rings goes into the journal.
    After(Duration, &'static str),
}

/// A probe to be built.
///
/// It handles numbers ([`Message::Word`]) as [`Probe::on`] says, and does nothing on other
/// messages. Of each number it writes a log line ("got N") and remembers it as `last` for its
/// next lives, so that log and registry can be seen to work.
#[derive(Debug, Clone)]
#[must_use = "build() makes the registration"]
pub struct Probe {
    name: Arc<str>,
    descriptor: Descriptor,
    plan: Plan,
}

#[derive(Debug, Clone, Default)]
struct Plan {
    start: Does,
    starts_well_from: Option<u64>,
    stop: Does,
    pause: Does,
    resume: Does,
    acts: BTreeMap<u64, Vec<Act>>,
    drop_panics: bool,
    shows: Option<&'static str>,
}

impl Probe {
    /// A probe that does everything well and writes `probe.log`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Probe {
            name: name.into(),
            descriptor: Descriptor::new("a probe", "probe.log"),
            plan: Plan::default(),
        }
    }

    /// What its start hook does.
    pub fn start(mut self, does: Does) -> Self {
        self.plan.start = does;
        self
    }

    /// From that life on its start goes well, whatever [`Probe::start`] says.
    pub fn starts_well_from(mut self, generation: u64) -> Self {
        self.plan.starts_well_from = Some(generation);
        self
    }

    /// What its stop hook does.
    pub fn stop(mut self, does: Does) -> Self {
        self.plan.stop = does;
        self
    }

    /// What its pause hook does.
    pub fn pause(mut self, does: Does) -> Self {
        self.plan.pause = does;
        self
    }

    /// What its resume hook does.
    pub fn resume(mut self, does: Does) -> Self {
        self.plan.resume = does;
        self
    }

    /// What it does whenever it is handed `number`. Said more than once, it does one after the
    /// other.
    pub fn on(mut self, number: u64, act: Act) -> Self {
        self.plan.acts.entry(number).or_default().push(act);
        self
    }

    /// Every drop of its value panics with "drop panics".
    pub fn drop_panics(mut self) -> Self {
        self.plan.drop_panics = true;
        self
    }

    /// The journal shows what it is given under that setting, at its starts and, where it
    /// reloads the setting, at every change: "start 1 red", "changed red"; "none" where there
    /// is nothing.
    pub fn shows(mut self, key: &'static str) -> Self {
        self.plan.shows = Some(key);
        self
    }

    /// It waits for a start command.
    pub fn manual(mut self) -> Self {
        self.descriptor.startup = Startup::Manual;
        self
    }

    /// Declares what it likes about itself.
    ///
    /// ```
    /// use contract::lifecycle::Restart;
    /// use smsexec_sim::probe::Probe;
    ///
    /// let (_registration, _journal) = Probe::new("A")
    ///     .declares(|descriptor| {
    ///         descriptor.restart = Restart::Transient;
    ///         descriptor.controls = vec![130];
    ///     })
    ///     .build();
    /// ```
    pub fn declares(mut self, declare: impl FnOnce(&mut Descriptor)) -> Self {
        declare(&mut self.descriptor);
        self
    }

    /// The probe as a site takes it, and its journal.
    pub fn build(self) -> (Registration, Journal) {
        let Probe { name, descriptor, plan } = self;
        let (journal, plan) = (Journal::default(), Arc::new(plan));
        let notes = journal.clone();
        let make = move || Life { plan: Arc::clone(&plan), journal: notes.clone(), left: 0 };
        (Registration::new(name, descriptor, make), journal)
    }
}

/// What was done to a probe, over all its lives, in order. A clone is the same journal.
///
/// Its lines: `start GENERATION`, `message N` (or the message's name), `timer KEY`,
/// `answer TICKET done` or why it failed, `control CODE`, `changed VALUE`, `pause`, `resume`,
/// `stop`. Timers that pace checkpoints are the probe's own and not in it.
#[derive(Debug, Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    /// Takes what was noted since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines())
    }

    /// How often this stands in it, of what has not been taken.
    pub fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|other| *other == line).count()
    }

    fn note(&self, line: impl Into<String>) {
        self.lines().push(line.into());
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        // A panic of the probe's comes after its note, never in it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One life of a probe.
struct Life {
    plan: Arc<Plan>,
    journal: Journal,
    /// Checkpoints to go.
    left: u32,
}

impl Life {
    fn perform(&mut self, does: Does, hook: &str, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        match does {
            Does::Well | Does::Ignore | Does::Checkpoints(0) => Ok(Progress::Done),
            Does::Panic => panic!("{hook} panics"),
            Does::Fail(code) => Err(Fault::new(code, format!("{hook} fails"))),
            Does::Hang => Ok(Progress::Pending { hint: HINT }),
            Does::Exit => {
                cx.exit();
                Ok(Progress::Pending { hint: HINT })
            }
            Does::Checkpoints(count) => {
                self.left = count;
                cx.after(CHECKPOINT_EVERY, CHECKPOINT);
                Ok(Progress::Pending { hint: HINT })
            }
        }
    }

    /// What it is given under the setting it shows, with a blank before.
    fn shown(&self, settings: &Settings) -> String {
        match self.plan.shows {
            Some(key) => format!(" {}", settings.text(key).unwrap_or("none")),
            None => String::new(),
        }
    }
}

impl Component for Life {
    fn start(&mut self, start: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        let generation = cx.generation().0;
        self.journal.note(format!("start {generation}{}", self.shown(start.settings)));
        let well = self.plan.starts_well_from.is_some_and(|from| generation >= from);
        let does = if well { Does::Well } else { self.plan.start };
        if does == Does::Ignore {
            return Ok(Started::NotApplicable("no such role here".into()));
        }
        Ok(match self.perform(does, "start", cx)? {
            Progress::Done => Started::Running,
            Progress::Pending { hint } => Started::Pending { hint },
        })
    }

    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let Some(number) = message.word() else {
            self.journal.note(format!("message {}", message.name()));
            return Ok(());
        };
        self.journal.note(format!("message {number}"));
        cx.log(format!("got {number}"));
        cx.remember("last", number.to_string());
        let plan = Arc::clone(&self.plan);
        for act in plan.acts.get(&number).into_iter().flatten() {
            match act {
                Act::Panic => panic!("message {number} panics"),
                Act::Fail(code) => {
                    return Err(Fault::new(*code, format!("message {number} fails")));
                }
                Act::Exit => cx.exit(),
                Act::Ask(request) => {
                    cx.request(request.clone());
                }
                Act::Send(to, number) => cx.send_by_name(to, Message::Word(*number)),
                Act::After(delay, key) => cx.after(*delay, key),
            }
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        if key != CHECKPOINT || self.left == 0 {
            self.journal.note(format!("timer {key}"));
            return Ok(());
        }
        self.left -= 1;
        if self.left == 0 {
            cx.done();
        } else {
            cx.checkpoint(HINT);
            cx.after(CHECKPOINT_EVERY, CHECKPOINT);
        }
        Ok(())
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, _: &mut Context<'_>) -> Result<(), Fault> {
        self.journal.note(match answer {
            Ok(_) => format!("answer {ticket} done"),
            Err(failure) => format!("answer {ticket} {failure}"),
        });
        Ok(())
    }

    fn changed(&mut self, settings: &Settings, _: &mut Context<'_>) -> Result<(), Fault> {
        self.journal.note(format!("changed{}", self.shown(settings)));
        Ok(())
    }

    fn control(&mut self, code: u8, _: &mut Context<'_>) -> Result<(), Fault> {
        self.journal.note(format!("control {code}"));
        Ok(())
    }

    fn pause(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.journal.note("pause");
        self.perform(self.plan.pause, "pause", cx)
    }

    fn resume(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.journal.note("resume");
        self.perform(self.plan.resume, "resume", cx)
    }

    fn stop(&mut self, cx: &mut Context<'_>) -> Result<Progress, Fault> {
        self.journal.note("stop");
        self.perform(self.plan.stop, "stop", cx)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // In a failing test a second panic would end the process.
        if self.plan.drop_panics && !std::thread::panicking() {
            panic!("drop panics");
        }
    }
}
