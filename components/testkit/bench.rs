//! The bench: what can be done to a component.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use contract::component::Registry;
use contract::context::{Delivery, Hostless, Identity, LifeNotes};
use contract::effect::{Asked, LogText};
use contract::{
    Answer, Clock, Component, ComponentId, Context, Fault, Generation, Message, MessageId, Moment,
    Progress, Registration, Request, Settings, Start, Started, State, StatusMessage, Ticket,
    WallTime,
};

use crate::journal::Journal;

/// The wall time at which every bench begins: 2026-01-05T08:00:00Z.
pub const START_TIME: WallTime = WallTime::from_unix_seconds(1_767_600_000);

/// So many timers in a row at one instant, and they are taken to go on for ever.
const TIMERS_AT_ONE_INSTANT_MAX: u32 = 1_000;

/// A test bench for one component.
///
/// Messages are handed over in Running only; in other states they wait on the bench. Timers and
/// answers come in every state in which the component lives but Paused, where they wait with
/// the messages.
#[derive(Debug)]
pub struct Bench {
    pub(crate) registration: Registration,
    pub(crate) stored: Settings,
    pub(crate) effective: Settings,
    pub(crate) registry: Registry,
    pub(crate) now: Moment,
    pub(crate) state: State,
    pub(crate) generation: u64,
    pub(crate) life: Option<Life>,
    pub(crate) inbox: VecDeque<Mail>,
    /// Messages handed over so far.
    pub(crate) handed: u32,
    pub(crate) unexamined: Unexamined,
    pub(crate) logged: Vec<LogText>,
    /// Lines before this one were found by `expect_log` already.
    pub(crate) log_seen: usize,
    pub(crate) journal: Journal,
}

/// What belongs to one life and ends with it.
pub(crate) struct Life {
    pub(crate) component: Box<dyn Component>,
    pub(crate) name: Arc<str>,
    pub(crate) notes: LifeNotes,
    pub(crate) timers: Vec<Timer>,
    pub(crate) timers_set: u64,
    pub(crate) outstanding: Vec<(Ticket, Request)>,
}

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer {
    pub(crate) due: Moment,
    /// Of two timers due at the same instant the one set earlier fires first.
    pub(crate) order: u64,
    pub(crate) key: &'static str,
}

/// What waits until the component runs.
#[derive(Debug)]
pub(crate) enum Mail {
    Message(ComponentId, Message),
    Timer(&'static str),
    Answer(Ticket, Answer),
}

/// What the component did and no expectation has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Unexamined {
    pub(crate) requests: VecDeque<Ticket>,
    pub(crate) sent: VecDeque<(String, Message)>,
    pub(crate) reports: VecDeque<StatusMessage>,
    pub(crate) fault: Option<Fault>,
}

impl Bench {
    /// A bench with the component on it, not started, at [`START_TIME`] and Moment zero.
    ///
    /// # Panics
    /// If the component declares a setting as start-only and as reloadable at once.
    #[track_caller]
    pub fn new(registration: Registration) -> Self {
        let declared = &registration.descriptor;
        if let Some(key) = declared.start_only.iter().find(|key| declared.reloads.contains(key)) {
            panic!("{key} is declared both start-only and reloadable");
        }
        Bench {
            registration,
            stored: Settings::default(),
            effective: Settings::default(),
            registry: Registry::new(),
            now: Moment::ZERO,
            state: State::Stopped,
            generation: 0,
            life: None,
            inbox: VecDeque::new(),
            handed: 0,
            unexamined: Unexamined::default(),
            logged: Vec::new(),
            log_seen: 0,
            journal: Journal::default(),
        }
    }

    /// Stores settings for the next start. What `store` returns is of no interest, so that it
    /// may be a bare `set`.
    ///
    /// # Panics
    /// If the component lives: then it is [`Bench::change`] that is meant.
    #[track_caller]
    pub fn settings<R>(&mut self, store: impl FnOnce(&mut Settings) -> R) -> &mut Self {
        if self.life.is_some() {
            self.fail("settings() is for a stopped component; use change()");
        }
        store(&mut self.stored);
        self
    }

    /// Puts a value into the component's registry, as if an earlier life had kept it.
    pub fn registry(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.registry.insert(name.to_owned(), value.into());
        self
    }

    /// Begins a life with the settings as they are stored now.
    ///
    /// # Panics
    /// If the component lives already.
    #[track_caller]
    pub fn start(&mut self) -> &mut Self {
        if self.state != State::Stopped {
            self.fail(&format!("start() in state {}", self.state));
        }
        self.begin_life();
        let (settings, registry) = (self.effective.clone(), self.registry.clone());
        let start = Start { settings: &settings, registry: &registry };
        match self.call("start", None, |it, cx| it.start(&start, cx)) {
            Some(Started::Running) => self.enter_running(),
            Some(Started::NotApplicable(why)) => {
                self.journal.deed(format_args!("not applicable: {why}"));
                self.end_life();
            }
            // It may have called `done` or `exit` in the same hook; then the state is right.
            Some(Started::Pending { .. }) | None => {}
        }
        self
    }

    fn begin_life(&mut self) {
        self.generation += 1;
        self.effective = self.stored.clone();
        self.state = State::StartPending;
        self.life = Some(Life {
            component: (self.registration.factory)(),
            name: self.registration.name.clone(),
            notes: LifeNotes::new(Generation(self.generation)),
            timers: Vec::new(),
            timers_set: 0,
            outstanding: Vec::new(),
        });
    }

    /// The state that a console would show.
    pub fn state(&self) -> State {
        self.state
    }

    /// The wall clock as the component sees it.
    pub fn utc(&self) -> WallTime {
        START_TIME + self.now.since_start()
    }

    /// Hands over a message from nobody in particular; it waits if the component does not run.
    #[track_caller]
    pub fn deliver(&mut self, message: impl Into<Message>) {
        self.deliver_from(ComponentId::OUTSIDE, message);
    }

    /// Hands over a message from the component at `sender`; it waits if the receiver does not
    /// run.
    #[track_caller]
    pub fn deliver_from(&mut self, sender: ComponentId, message: impl Into<Message>) {
        let mail = Mail::Message(sender, message.into());
        if self.state == State::Running {
            self.hand_over(mail);
        } else {
            self.inbox.push_back(mail);
        }
    }

    /// Timers and answers: they wait only while the component is paused.
    #[track_caller]
    fn deliver_own(&mut self, mail: Mail) {
        if self.state == State::Paused {
            self.inbox.push_back(mail);
        } else {
            self.hand_over(mail);
        }
    }

    #[track_caller]
    fn hand_over(&mut self, mail: Mail) {
        match mail {
            Mail::Message(sender, message) => {
                let what = format!("message {message:?} from {sender}");
                self.handed += 1;
                let id = MessageId { from: sender, number: self.handed };
                self.call(&what, Some(id), |it, cx| it.message(&message, cx));
            }
            Mail::Timer(key) => {
                let what = format!("timer {key:?}");
                self.call(&what, None, |it, cx| it.timer(key, cx));
            }
            Mail::Answer(ticket, answer) => {
                let what = format!("answer {ticket} {}", crate::carry::answer_text(&answer));
                self.call(&what, None, |it, cx| it.answer(ticket, answer, cx));
            }
        }
    }

    /// Moves both clocks on by `by` and fires every timer that falls due, in order.
    ///
    /// # Panics
    /// If timers at one instant come to no end.
    #[track_caller]
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        let mut at_this_instant = 0;
        while let Some(timer) = self.next_timer(until) {
            at_this_instant = if timer.due > self.now { 1 } else { at_this_instant + 1 };
            if at_this_instant > TIMERS_AT_ONE_INSTANT_MAX {
                self.fail("timers at one instant come to no end");
            }
            self.now = self.now.max(timer.due);
            self.deliver_own(Mail::Timer(timer.key));
        }
        self.now = until;
    }

    fn next_timer(&mut self, until: Moment) -> Option<Timer> {
        let timers = &mut self.life.as_mut()?.timers;
        let (index, timer) =
            timers.iter().copied().enumerate().min_by_key(|(_, timer)| (timer.due, timer.order))?;
        if timer.due > until {
            return None;
        }
        timers.remove(index);
        Some(timer)
    }

    /// Every request of this life that has not been answered, oldest first.
    pub fn requests(&self) -> Vec<&Request> {
        let open = self.life.iter().flat_map(|life| &life.outstanding);
        open.map(|(_, request)| request).collect()
    }

    /// Answers an open request.
    ///
    /// # Panics
    /// If no request of this life with that ticket is open.
    #[track_caller]
    pub fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let life = self.life.as_mut();
        let open = life.and_then(|life| {
            let index = life.outstanding.iter().position(|(open, _)| *open == ticket)?;
            Some(life.outstanding.remove(index))
        });
        if open.is_none() {
            self.fail(&format!("no open request has the ticket {ticket}"));
        }
        self.unexamined.requests.retain(|unexamined| *unexamined != ticket);
        self.stray_answer(ticket, answer);
    }

    /// Calls `answer` with a ticket that may be anything: answered before, or never given out.
    #[track_caller]
    pub fn stray_answer(&mut self, ticket: Ticket, answer: Answer) {
        self.deliver_own(Mail::Answer(ticket, answer));
    }

    /// Stores settings while the component lives. It is told only if a key that it declared as
    /// reloadable changed, and start-only keys keep the values of its start.
    #[track_caller]
    pub fn change<R>(&mut self, store: impl FnOnce(&mut Settings) -> R) {
        store(&mut self.stored);
        let mut told = false;
        for key in &self.registration.descriptor.reloads {
            if let Some(text) = self.stored.text(key) {
                told |= self.effective.set_text(key, text.to_owned());
            }
        }
        if told && self.life.is_some() {
            let settings = self.effective.clone();
            self.call("changed", None, |it, cx| it.changed(&settings, cx));
        }
    }

    /// Sends a control code of the component's own.
    ///
    /// # Panics
    /// If the component did not declare it.
    #[track_caller]
    pub fn control(&mut self, code: u8) {
        if !self.registration.descriptor.controls.contains(&code) {
            self.fail(&format!("control code {code} is not declared"));
        }
        let what = format!("control {code}");
        self.call(&what, None, |it, cx| it.control(code, cx));
    }

    /// Pauses the component.
    ///
    /// # Panics
    /// If it does not run, or is not pausable.
    #[track_caller]
    pub fn pause(&mut self) {
        if self.state != State::Running || !self.registration.descriptor.pausable {
            self.fail(&format!("pause() in state {}", self.state));
        }
        self.state = State::PausePending;
        let progress = self.call("pause", None, |it, cx| it.pause(cx));
        self.progress(progress);
    }

    /// Lets a paused component go on.
    ///
    /// # Panics
    /// If it is not paused.
    #[track_caller]
    pub fn resume(&mut self) {
        if self.state != State::Paused {
            self.fail(&format!("resume() in state {}", self.state));
        }
        self.state = State::ContinuePending;
        let progress = self.call("resume", None, |it, cx| it.resume(cx));
        self.progress(progress);
    }

    /// Ends the life in good order.
    ///
    /// # Panics
    /// If the component neither runs nor is paused.
    #[track_caller]
    pub fn stop(&mut self) {
        if !matches!(self.state, State::Running | State::Paused) {
            self.fail(&format!("stop() in state {}", self.state));
        }
        self.state = State::StopPending;
        let progress = self.call("stop", None, |it, cx| it.stop(cx));
        self.progress(progress);
    }

    /// Stops the component, if it lives, and starts it again: a new value from the factory,
    /// with the registry that was kept and the settings as they are stored now. Timers and
    /// open requests of the old life are gone.
    ///
    /// # Panics
    /// If the stop does not finish at once.
    #[track_caller]
    pub fn restart(&mut self) {
        if self.life.is_some() {
            self.stop();
        }
        self.start();
    }

    /// Ends the life as a crash would: `stop` is not called.
    pub fn kill(&mut self) {
        self.journal.stimulus(self.now, "killed");
        self.end_life();
    }

    #[track_caller]
    fn progress(&mut self, progress: Option<Progress>) {
        if progress == Some(Progress::Done) {
            self.finish_pending();
        }
    }

    /// The pending state that the component is in has come to its end.
    #[track_caller]
    pub(crate) fn finish_pending(&mut self) {
        match self.state {
            State::StartPending | State::ContinuePending => self.enter_running(),
            State::PausePending => self.state = State::Paused,
            State::StopPending => self.end_life(),
            State::Running | State::Paused | State::Stopped => {}
        }
    }

    #[track_caller]
    fn enter_running(&mut self) {
        // `exit` in the start hook has ended the life already.
        if self.life.is_some() {
            self.state = State::Running;
        }
        while self.state == State::Running
            && let Some(mail) = self.inbox.pop_front()
        {
            self.hand_over(mail);
        }
    }

    pub(crate) fn end_life(&mut self) {
        self.life = None;
        self.state = State::Stopped;
        self.unexamined.requests.clear();
        // A message is the component's; timers and answers were the life's.
        self.inbox.retain(|mail| matches!(mail, Mail::Message(..)));
    }

    /// Calls a hook and carries out what it asked for; `None` if it failed.
    #[track_caller]
    fn call<R>(
        &mut self,
        what: &str,
        message: Option<MessageId>,
        hook: impl FnOnce(&mut dyn Component, &mut Context<'_>) -> Result<R, Fault>,
    ) -> Option<R> {
        if let Some(fault) = &self.unexamined.fault {
            self.fail(&format!("{what}: an earlier hook failed: {fault}"));
        }
        self.journal.stimulus(self.now, format_args!("-> {what}"));
        let clock = Clock { now: self.now, utc: self.utc() };
        let Some(life) = &mut self.life else {
            self.fail(&format!("{what}: the component does not live"));
        };
        let mut asked = Asked::default();
        let delivery = match message {
            Some(message) => Delivery { message, nth: 1 },
            None => Delivery::NONE,
        };
        let place = Hostless::new(Arc::clone(&self.registration.name));
        let id = ComponentId::new(0, 0);
        let identity = Identity { id, place: &place, life: &mut life.notes };
        let mut cx = Context::new(&clock, delivery, identity, &mut asked);
        let outcome = hook(life.component.as_mut(), &mut cx);
        self.carry_out(outcome, asked)
    }

    /// Panics at the caller's line with `problem` and everything that happened.
    #[track_caller]
    pub(crate) fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\n{} is {}; {}", self.registration.name, self.state, self.journal)
    }
}
