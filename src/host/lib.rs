//! One SMS_EXECUTIVE service on one server: the executive, the status manager and the stored
//! settings of the site, joined in one pure value.
//!
//! The drivers own the shards and the outside; a [`Host`] owns what they have in common. It is
//! asked ([`Host::ask`]), hears what shards put out ([`Host::hear`]) and that time has passed
//! ([`Host::fire_due`]), and says what is to be done ([`Host::take_doings`]).

mod ask;
mod backup;
mod keeping;
mod logbook;
mod news;
mod operations;
mod records;
mod voices;

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::component::Registry;
use contract::control::{Outcome, Refusal, ServiceCommand};
use contract::id::{ComponentId, Generation, MessageId, OpId, Ticket};
use contract::lifecycle::{Budget, State};
use contract::status::StatusRecord;
use contract::store::{Change, Kept, KeptComponent, Mail};
use contract::time::Moment;
use contract::{Descriptor, Registration, Request, Settings, StatusMessage};
use kernel::{
    Board, Clock, Executive, ExecutiveOptions, Notice, Order, Output, Parcel, Step, Transition,
};
use site::SiteDefinition;
use status::{LogLine, Recent, StatusManager, ids};

use logbook::LogBook;
use operations::Operations;
use records::{KeptCrash, RECORDS_MAX, SetAside};
use voices::Voices;

/// The service's own name in status messages and logs.
pub const EXECUTIVE: &str = "SMS_EXECUTIVE";
/// The backup's name in status messages and logs (domain.md 10.2).
pub const SITE_BACKUP: &str = "SMS_SITE_BACKUP";

/// What is the same in every run of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostOptions {
    /// How many shards carry its components, 1 to 255.
    pub shards: u8,
    /// The process id that status messages and logs show.
    pub process: u32,
    /// Whether its clock moves only when it is advanced.
    pub is_virtual: bool,
    /// Restarts are spread by jitter drawn from this; not at all if there is none.
    pub jitter_seed: Option<u64>,
    /// How often the executive as a whole may be restarted because of a component.
    pub budget: Budget,
}

impl HostOptions {
    /// So many shards, in real time, with the defaults of lifecycle.md 2.5 and exact delays.
    pub fn new(shards: u8, process: u32) -> Self {
        let budget = Budget::default();
        HostOptions { shards, process, is_virtual: false, jitter_seed: None, budget }
    }
}

/// The service. See the crate's documentation.
#[derive(Debug)]
pub struct Host {
    executive: Executive,
    board: Arc<Board>,
    status: StatusManager,
    logs: LogBook,
    voices: Voices,
    audience: Audience,
    server: String,
    site_code: String,
    bias_minutes: i32,
    options: HostOptions,
    /// Messages that were accepted and not handled, where the driver has shards keep account.
    mail: Mail,
    /// Those of them that wait with their sender, whose shard is not their receiver's.
    held_back: BTreeSet<(ComponentId, MessageId)>,
    operations: Operations,
    crashes: Recent<KeptCrash, RECORDS_MAX>,
    crashes_seen: u64,
    dead_letters: Recent<Arc<SetAside>, RECORDS_MAX>,
    /// When the next backup by schedule is due.
    next_backup: Option<Moment>,
    /// Why what must outlive the process could not be kept, as long as that is so.
    keep_problem: Option<String>,
    doings: Vec<Doing>,
    steps: Vec<Step>,
}

/// What a driver has to do for its host, in order.
#[derive(Debug)]
pub enum Doing {
    /// Hand this to that shard.
    Order(u8, Order),
    /// Write this to its log file.
    Log(Box<LogLine>),
    /// Tell whoever waits for the operation.
    Resolved(Outcome),
    /// Tell whoever watches: a component's state has changed.
    Changed(Box<Transition>),
    /// This must outlive the process; what comes after it counts on that.
    ///
    /// Changes come in the order in which they came about, each in front of what follows from it:
    /// a generation in front of the order that begins its life, what an operator wants in front
    /// of the outcome. So a driver makes a change last before it does anything that stands behind
    /// it, or answers whoever asked. It may do so sooner, and make all the changes that it has
    /// been handed last together; never later, and never in another order.
    ///
    /// It may leave two things out. What its store has no place for: messages
    /// ([`Change::Accepted`], [`Change::Failed`], [`Change::Settled`]), where it keeps none. And
    /// what cannot be kept now: a full disk keeps nobody from being stopped. It goes on then,
    /// says so ([`Host::kept_so`]), and offers the change again with the next ones, until it is
    /// kept. If the process ends before that, it is lost, and with it that a generation is never
    /// used again.
    Keep(Change),
    /// Put this into the lane of its receiver's shard.
    Deliver(Parcel),
    /// The thread of that shard is lost: retire the end of its lane, and carry the shard on a
    /// fresh one. Orders that set it up follow.
    Replace(u8),
    /// Tell whoever watches: this is worth knowing.
    Noticed(Notice),
    /// Tell whoever watches: SMS_EXECUTIVE as a whole is now this.
    Service(State),
    /// Tell whoever watches: this status message has been kept.
    Reported(Box<StatusRecord>),
    /// Copy the site for that backup, then call [`Host::backup_done`] with it.
    Snapshot(OpId),
}

/// What a driver wants to be told of beside what it has to do. The host keeps all of it, and
/// answers whoever asks, whether its driver wants it or not: to tell is work of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audience {
    /// Somebody watches: [`Doing::Changed`].
    pub changes: bool,
    /// Status messages as they are kept: [`Doing::Reported`].
    pub reports: bool,
    /// Logs are written to files: [`Doing::Log`].
    pub logs: bool,
}

impl Default for Audience {
    /// All of it.
    fn default() -> Self {
        Audience { changes: true, reports: true, logs: true }
    }
}

/// A request to be carried out, and whose it is.
#[derive(Debug)]
pub struct Errand {
    /// Who asks.
    pub id: ComponentId,
    /// In which life.
    pub generation: Generation,
    /// What the answer must bear.
    pub ticket: Ticket,
    /// What to do.
    pub request: Request,
}

impl Host {
    /// The service of `site` with these components, and what was kept of an earlier process.
    /// It is Stopped until it is asked to start.
    ///
    /// # Errors
    /// 1073 if two components bear one name; 1060 if the site gives a startup type to one that
    /// there is not; 87 if a kept setting or a kept generation is none that can be; what [`Executive::link`] finds
    /// wrong with dependencies and groups.
    pub fn new(
        site: &SiteDefinition,
        components: Vec<Registration>,
        kept: Kept,
        options: HostOptions,
        clock: Clock,
    ) -> Result<Self, Refusal> {
        let board = Arc::new(Board::default());
        let mut settings = Settings::default();
        for row in site::settings::TABLE {
            settings.set_text(row.key, (row.default_text)());
        }
        for (key, text) in site.settings().iter() {
            settings.set_text(key, text.to_owned());
        }
        for (key, text) in kept.settings.iter() {
            settings.set_text(key, checked(key, text)?);
        }
        let executive_options = ExecutiveOptions {
            budget: options.budget,
            jitter_seed: options.jitter_seed,
            after_unclean_end: kept.running,
            ..ExecutiveOptions::new(options.shards)
        };
        let executive = Executive::new(executive_options, settings, Arc::clone(&board));
        let thresholds = site.thresholds.clone();
        let mut status =
            StatusManager::new(&*site.code, &*site.server, thresholds, site.bias_minutes);
        let mut logs = LogBook::default();
        let voices = Voices::new(&mut status, &mut logs);
        let mut host = Host {
            executive,
            board,
            status,
            logs,
            voices,
            audience: Audience::default(),
            server: site.server.clone(),
            site_code: site.code.clone(),
            bias_minutes: site.bias_minutes,
            options,
            mail: kept.mail,
            held_back: BTreeSet::new(),
            operations: Operations::default(),
            crashes: Recent::default(),
            crashes_seen: 0,
            dead_letters: Recent::default(),
            next_backup: None,
            keep_problem: None,
            doings: Vec::new(),
            steps: Vec::new(),
        };
        check_names(site, &components)?;
        host.executive.reserve(components.len());
        host.status.reserve(components.len());
        for mut registration in components {
            let declared = site.startup.iter();
            let startup = declared
                .filter(|(name, _)| name.eq_ignore_ascii_case(&registration.name))
                .map(|(_, startup)| startup)
                .next();
            if let Some(startup) = startup {
                let descriptor = registration.descriptor.as_ref().clone();
                registration.descriptor = Arc::new(Descriptor { startup: *startup, ..descriptor });
            }
            let registry = kept.registries.get(&*registration.name).cloned().unwrap_or_default();
            let component = kept.components.get(&registration.name).copied();
            check_generation(&registration.name, component)?;
            host.register(clock, registration, registry, component)?;
        }
        host.executive.link(&site.groups)?;
        if kept.installed != Some(site.installed) {
            host.keep(Change::Installed(site.installed));
        }
        host.restore_holds(clock, kept.holds);
        host.settle(clock);
        host.deliver_mail(clock, None);
        host.plan_backup(clock);
        Ok(host)
    }

    fn register(
        &mut self,
        clock: Clock,
        registration: Registration,
        registry: Registry,
        kept: Option<KeptComponent>,
    ) -> Result<ComponentId, Refusal> {
        let id = self.executive.register(clock.now, registration.clone(), registry, kept)?;
        self.give_voice(id, &registration);
        Ok(id)
    }

    /// Status cells and names, for whoever wants to read them without asking.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// From now on only what `audience` says is told beside what there is to do.
    pub fn set_audience(&mut self, audience: Audience) {
        self.audience = audience;
    }

    /// The name of a component of this host.
    pub fn name(&self, id: ComponentId) -> &Arc<str> {
        self.executive.name(id)
    }

    /// Changes the minutes to add to the site's local time to get UTC, as daylight saving does.
    /// Log lines and the tallies' midnight follow; what was written stays as it is.
    pub fn set_bias(&mut self, minutes: i32) {
        self.bias_minutes = minutes;
        self.status.set_bias(minutes);
    }

    /// Takes what is to be done since the last call, in order.
    pub fn take_doings(&mut self, doings: &mut Vec<Doing>) {
        if doings.is_empty() {
            std::mem::swap(doings, &mut self.doings);
        } else {
            doings.append(&mut self.doings);
        }
    }

    /// How many shards carry the components, dedicated ones included.
    pub fn shards(&self) -> u8 {
        self.executive.shards()
    }

    /// When [`Host::fire_due`] is next needed.
    pub fn next_due(&mut self) -> Option<Moment> {
        self.executive.next_due().into_iter().chain(self.next_backup).min()
    }

    /// Does what has fallen due.
    pub fn fire_due(&mut self, clock: Clock) {
        self.executive.fire_due(clock.now);
        self.settle(clock);
        if self.next_backup.is_some_and(|due| due <= clock.now) {
            self.back_up_by_schedule(clock);
        }
    }

    /// When [`Host::watch`] will find a component hung, if its code does not come back before.
    pub fn watch_due(&self) -> Option<Moment> {
        self.executive.watch_due()
    }

    /// Looks for components whose code has not come back (lifecycle.md 3.10). To be called every
    /// few seconds where time is real, and when [`Host::watch_due`] says so where it is not.
    pub fn watch(&mut self, clock: Clock) {
        self.executive.watch(clock.now);
        self.settle(clock);
    }

    /// Whether a hold keeps every component down although the executive is not being stopped.
    pub fn is_held(&self) -> bool {
        self.executive.is_backed_up()
    }

    /// Every component's place and name.
    pub fn names(&self) -> impl Iterator<Item = (ComponentId, &Arc<str>)> {
        self.executive.ids().map(|id| (id, self.executive.name(id)))
    }

    /// Takes over what is remembered of the operations of an earlier host of the same site, and
    /// numbers its own from there: whoever remembers one is not to take it for another.
    pub fn take_operations_of(&mut self, earlier: &mut Host) {
        debug_assert_eq!(self.operations.last(), OpId(0), "it has none of its own yet");
        self.operations = std::mem::take(&mut earlier.operations);
        self.executive.number_operations_after(self.operations.last());
    }

    /// Ends all operations that are under way with 1067: their process has ended.
    pub fn abort_operations(&mut self, text: &str) {
        self.operations.abort(text);
    }

    /// The wall clock has jumped: what goes by it is planned anew.
    pub fn wall_clock_jumped(&mut self, clock: Clock) {
        self.plan_backup(clock);
    }

    /// Hears what a shard has put out; a request is handed back for the driver to carry out.
    pub fn hear(&mut self, clock: Clock, output: Output) -> Option<Errand> {
        match output {
            Output::Life(event) => self.executive.life(clock.now, event),
            Output::Request { id, generation, ticket, request } => {
                return Some(Errand { id, generation, ticket, request: *request });
            }
            Output::Report { id, utc, message } => {
                self.report(utc, self.voices.of(id), *message);
            }
            Output::Log { id, utc, text } => {
                self.log(utc, self.voices.of(id), text.severity, text.text);
            }
            Output::Remember { id, name, value } => {
                self.executive.remember(id, name, &value);
                let (component, name) = (self.name_of(id), name.to_owned());
                self.keep(Change::Registry { component, name, value: value.into() });
            }
            Output::Accepted { to, message_id, message, expires } => {
                self.accepted(to, message_id, message, expires);
            }
            Output::Failed { to, message_id, failed } => self.failed(to, message_id, failed),
            Output::Settled { to, message_id } => self.settled(to, message_id),
            Output::DeadLetter { to, message_id: id, name, text, reason } => {
                let reason = *reason;
                self.record_dead_letter(SetAside { clock, to, id, name, text, reason });
            }
            Output::Vanished { to, message_id } => self.settled(to, message_id),
            Output::HeldBack { to, message_id, waits: true } => {
                self.held_back.insert((to, message_id));
            }
            Output::HeldBack { to, message_id, waits: false } => {
                self.held_back.remove(&(to, message_id));
            }
            Output::Pressed { from, to } => self.tell_pressed(clock, from, to),
            Output::ZombieEnded { id, generation } => {
                self.executive.zombie_ended(clock.now, id, generation);
            }
            // The driver's, who has dealt with them.
            Output::Trace { .. } | Output::Delayed { .. } => {}
        }
        self.settle(clock);
        None
    }

    /// The copy for that backup has been made, and lies where `result` says, or could not be. One
    /// that nobody waits for any more, because the backup's lease has run out, is logged as late.
    pub fn backup_done(&mut self, clock: Clock, backup: OpId, result: Result<String, String>) {
        let copied = result.as_ref().map(drop).map_err(String::clone);
        if self.executive.backup_done(clock.now, backup, copied) {
            self.tell_backup_done(clock.utc, &result);
        } else {
            self.tell_late_copy(clock.utc, &result);
        }
        self.settle(clock);
    }

    /// Commands the service as a whole without an operator: what a driver does at its start
    /// and end.
    ///
    /// # Errors
    /// As [`Executive::service`].
    pub fn service(
        &mut self,
        clock: Clock,
        command: ServiceCommand,
    ) -> Result<contract::control::Accepted, Refusal> {
        let accepted = self.executive.service(clock.now, command);
        self.settle(clock);
        accepted
    }

    /// Hears how the last [`Doing::Keep`] went; the first failure in a row is reported. The
    /// driver offers what could not be kept again with whatever comes next.
    pub fn kept_so(&mut self, clock: Clock, result: Result<(), String>) {
        let problem = result.err();
        if let (Some(text), None) = (&problem, &self.keep_problem) {
            let message = StatusMessage::error(ids::NOT_KEPT).with(text);
            self.report(clock.utc, self.voices.executive, message);
        }
        self.keep_problem = problem;
    }

    /// Why what must outlive the process is not kept at present, if it is not.
    pub fn keep_problem(&self) -> Option<&str> {
        self.keep_problem.as_deref()
    }

    /// How an operation has ended; none while it is under way. Code 1060, and why, if there never
    /// was one of that number, or if it ended so long ago that nobody remembers it. Whoever
    /// waits for an operation asks this first: what it answers will never be told again.
    pub fn outcome(&self, operation: OpId) -> Option<Outcome> {
        self.operations.outcome(operation)
    }

    /// Turns what the executive has said into doings, status messages and log lines.
    fn settle(&mut self, clock: Clock) {
        let mut steps = std::mem::take(&mut self.steps);
        self.executive.take_steps(&mut steps);
        self.operations.given(self.executive.last_operation().unwrap_or(OpId(0)));
        for step in steps.drain(..) {
            match step {
                Step::Order(shard, order) => self.doings.push(Doing::Order(shard, order)),
                Step::Transition(passage) => self.tell_transition(clock.utc, passage),
                Step::Service(state) => {
                    self.doings.push(Doing::Service(state));
                    self.tell_service(clock, state);
                }
                Step::Resolved(outcome) => {
                    self.operations.end(outcome.clone());
                    self.doings.push(Doing::Resolved(outcome));
                }
                Step::Snapshot(backup) => {
                    self.tell_snapshot(clock.utc);
                    self.doings.push(Doing::Snapshot(backup));
                }
                Step::Failed(to, message, failed) => self.failed(to, message, failed),
                Step::Replace(shard) => {
                    self.doings.push(Doing::Replace(shard));
                    self.deliver_mail(clock, Some(shard));
                }
                Step::Keep(id, component) => {
                    let name = Arc::clone(self.executive.name(id));
                    self.keep(Change::Component(name, component));
                }
                Step::Running(running) => self.keep(Change::Running(running)),
                Step::Hold(kind, id, until) => {
                    self.keep_hold(clock, kind, id, until);
                    self.tell_hold(clock, kind, id, until);
                }
                Step::Released { kind, id, expired } => {
                    self.keep(Change::Released(kind, id.map(|id| self.name_of(id))));
                    self.tell_released(clock, kind, id, expired);
                }
                Step::Crash(crash) => self.record_crash(clock, crash),
                Step::Notice(notice) => {
                    self.tell_notice(clock, &notice);
                    self.doings.push(Doing::Noticed(notice));
                }
            }
        }
        self.steps = steps;
    }
}

/// What whoever is outside is told when a component cannot take in what it is sent.
pub fn inbox_is_full(component: &str) -> Refusal {
    let (code, way_out) = (contract::Code::NOT_ENOUGH_QUOTA, SEND_AGAIN);
    Refusal::new(code, component, "its inbox is full", way_out)
}

/// The way out for whoever has sent too much.
pub const SEND_AGAIN: &str = "send again when it has got on";

/// A startup type for a component that there is not is a slip of the pen, and never takes effect.
fn check_names(site: &SiteDefinition, components: &[Registration]) -> Result<(), Refusal> {
    let known = |name: &str| components.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    match site.startup.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = components.iter().map(|component| &*component.name).collect();
            Err(Refusal::new(
                contract::Code::DOES_NOT_EXIST,
                name,
                "the site gives it a startup type, and no component has that name",
                format!("there are {}", names.join(", ")),
            ))
        }
    }
}

/// A kept setting in its one form. What was kept was checked when it was stored, but the file
/// may have been written by another version, or by hand.
fn checked(key: &str, text: &str) -> Result<String, Refusal> {
    let Some(row) = site::settings::find(key) else { return Ok(text.to_owned()) };
    (row.normal)(text).map_err(|problem| {
        Refusal::new(
            contract::Code::INVALID_PARAMETER,
            key,
            format!("{text:?} was kept for it: {problem}"),
            "mend or remove what was kept, and start again",
        )
    })
}

/// A store that is no file of ours may say anything; the next life bears a higher number.
fn check_generation(name: &str, kept: Option<KeptComponent>) -> Result<(), Refusal> {
    match kept.map(|kept| kept.generation) {
        Some(generation) if generation > Generation::KEPT_MAX => Err(Refusal::new(
            contract::Code::INVALID_PARAMETER,
            name,
            format!(
                "generation {generation} was kept for it, {} is the most",
                Generation::KEPT_MAX
            ),
            "mend or remove what was kept, and start again",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::control::DeadReason;
    use contract::lifecycle::Desired;
    use contract::store::KeptMessage;
    use contract::{Component, Context, Fault, Message, Start, Started, WallTime};

    struct Idle;

    impl Component for Idle {
        fn start(&mut self, _: &Start<'_>, _: &mut Context<'_>) -> Result<Started, Fault> {
            Ok(Started::Running)
        }

        fn message(&mut self, _: &Message, _: &mut Context<'_>) -> Result<(), Fault> {
            Ok(())
        }
    }

    /// A host of one component, A, at the first place.
    fn host(kept: Kept) -> Result<Host, Refusal> {
        let a = Registration::new("A", Descriptor::new("idles", "a.log"), || Idle);
        let clock = Clock { now: Moment::ZERO, utc: WallTime(1_000) };
        let site = SiteDefinition::primary("PS1");
        Host::new(&site, vec![a], kept, HostOptions::new(1, 1), clock)
    }

    #[test]
    fn the_sender_of_a_kept_message_need_not_be_in_this_process() {
        let mut kept = Kept::default();
        for (number, from) in (1..).zip([
            ComponentId::new(0, 0),
            ComponentId::new(0, 1),
            ComponentId::new(254, ComponentId::SLOTS_MAX - 1),
            ComponentId::OUTSIDE,
        ]) {
            let id = MessageId { from, number };
            let (to, message, expires) = ("A".into(), Message::Word(0), Some(WallTime(999)));
            kept.mail.accept(KeptMessage { to, id, message, expires, failed: 0 });
        }
        let letters = host(kept).unwrap().dead_letters(None, usize::MAX);
        assert!(letters.iter().all(|letter| letter.reason == DeadReason::Expired), "{letters:?}");
        let from: Vec<Option<&str>> = letters.iter().map(|letter| letter.from.as_deref()).collect();
        assert_eq!(from, [Some("A"), None, None, None]);
    }

    #[test]
    fn a_kept_generation_that_none_can_follow_is_refused() {
        let kept = |generation| {
            let (desired, persist, startup) = (Desired::Up, false, None);
            let component = KeptComponent { generation, desired, persist, startup };
            Kept { components: [("A".to_owned(), component)].into(), ..Kept::default() }
        };
        assert!(host(kept(Generation::KEPT_MAX)).is_ok());
        for generation in [Generation(Generation::KEPT_MAX.0 + 1), Generation(u64::MAX)] {
            let refusal = host(kept(generation)).unwrap_err();
            assert_eq!(refusal.code, contract::Code::INVALID_PARAMETER);
            assert!(refusal.reason.contains(&generation.to_string()), "{refusal}");
        }
    }
}
