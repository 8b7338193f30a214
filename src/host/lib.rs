//! One SMS_EXECUTIVE service on one server: the executive, the status manager and the stored
//! settings of the site, joined in one pure value.
//!
//! The drivers own the shards and the outside; a [`Host`] owns what they have in common. It is
//! asked ([`Host::ask`]), hears what shards put out ([`Host::hear`]) and that time has passed
//! ([`Host::fire_due`]), and says what is to be done ([`Host::take_doings`]).

mod ask;
mod logbook;
mod news;

use std::sync::Arc;

use contract::component::Registry;
use contract::control::{Outcome, Refusal, ServiceCommand};
use contract::id::{ComponentId, Generation, OpId, Ticket};
use contract::outside::Kept;
use contract::time::Moment;
use contract::{
    Descriptor, LogFile, Registration, Request, Settings, Severity, StatusMessage, WallTime,
};
use kernel::{Board, Clock, Executive, Order, Output, Step, Transition};
use site::SiteDefinition;
use status::{LogLine, StatusManager, ids};

use logbook::LogBook;

/// The service's own name in status messages and logs.
pub const EXECUTIVE: &str = "SMS_EXECUTIVE";
/// The backup's name in status messages and logs (domain.md 10.2).
pub const SITE_BACKUP: &str = "SMS_SITE_BACKUP";

/// Components that the host plays itself, and their logs (domain.md 2.1).
const OWN_LOGS: [(&str, &str); 3] = [
    (EXECUTIVE, "smsexec.log"),
    (SITE_BACKUP, "smsbkup.log"),
    (status::manager::SUMMARIZER, "compsumm.log"),
];

/// What is the same in every run of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostOptions {
    /// How many shards carry its components, 1 to 255.
    pub shards: u8,
    /// The process id that status messages and logs show.
    pub process: u32,
    /// Whether its clock moves only when it is advanced.
    pub is_virtual: bool,
}

/// The service. See the crate's documentation.
#[derive(Debug)]
pub struct Host {
    executive: Executive,
    board: Arc<Board>,
    status: StatusManager,
    logs: LogBook,
    server: String,
    site_code: String,
    bias_minutes: i32,
    options: HostOptions,
    /// What an operator has changed, and must outlive the process.
    changed: Settings,
    /// Whether anything that must outlive the process has changed since the driver was told.
    unkept: bool,
    /// Why what must outlive the process could not be kept, as long as that is so.
    keep_problem: Option<String>,
    installed: WallTime,
    doings: Vec<Doing>,
    steps: Vec<Step>,
}

/// What a driver has to do for its host, in order.
#[derive(Debug)]
pub enum Doing {
    /// Hand this to that shard.
    Order(u8, Order),
    /// Write this to its log file.
    Log(LogLine),
    /// Tell whoever waits for the operation.
    Resolved(Outcome),
    /// Tell whoever watches: a component's state has changed.
    Changed(Transition),
    /// Make [`Host::kept`] outlive the process; once after all the rest is enough, however
    /// often it is said.
    Keep,
    /// Copy the site, then call [`Host::backup_done`].
    Snapshot,
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
    /// there is not; 87 if a kept setting is none that can be.
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
        let executive = Executive::new(options.shards, settings, Arc::clone(&board));
        let thresholds = site.thresholds.clone();
        let mut host = Host {
            executive,
            board,
            status: StatusManager::new(&*site.code, &*site.server, thresholds, site.bias_minutes),
            logs: LogBook::default(),
            server: site.server.clone(),
            site_code: site.code.clone(),
            bias_minutes: site.bias_minutes,
            options,
            changed: kept.settings,
            unkept: false,
            keep_problem: None,
            installed: site.installed,
            doings: Vec::new(),
            steps: Vec::new(),
        };
        for (name, file) in OWN_LOGS {
            host.status.register(name);
            host.logs.open(file);
        }
        check_names(site, &components)?;
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
            host.register(clock, registration, registry)?;
        }
        host.settle(clock);
        Ok(host)
    }

    fn register(
        &mut self,
        clock: Clock,
        registration: Registration,
        registry: Registry,
    ) -> Result<ComponentId, Refusal> {
        self.status.register(&registration.name);
        self.logs.open(registration.descriptor.log.file());
        self.executive.register(clock.now, registration, registry)
    }

    /// Status cells and names, for whoever wants to read them without asking.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Takes what is to be done since the last call, in order.
    pub fn take_doings(&mut self, doings: &mut Vec<Doing>) {
        doings.append(&mut self.doings);
    }

    /// When [`Host::fire_due`] is next needed.
    pub fn next_due(&mut self) -> Option<Moment> {
        self.executive.next_due()
    }

    /// Does what has fallen due.
    pub fn fire_due(&mut self, clock: Clock) {
        self.executive.fire_due(clock.now);
        self.settle(clock);
    }

    /// Hears what a shard has put out; a request is handed back for the driver to carry out.
    pub fn hear(&mut self, clock: Clock, output: Output) -> Option<Errand> {
        match output {
            Output::Life(event) => self.executive.life(clock.now, event),
            Output::Request { id, generation, ticket, request } => {
                return Some(Errand { id, generation, ticket, request: *request });
            }
            Output::Report { id, utc, message } => {
                let name = Arc::clone(self.executive.name(id));
                self.report(utc, &name, *message);
            }
            Output::Log { id, utc, text } => {
                let name = Arc::clone(self.executive.name(id));
                self.log(utc, &name, text.severity, text.text);
            }
            Output::Remember { id, name, value } => {
                self.executive.remember(id, name, &value);
                self.unkept = true;
            }
            Output::Quarantined { id, name: what, .. } => {
                let name = Arc::clone(self.executive.name(id));
                let text = format!("{what} failed too often and was set aside.");
                self.log(clock.utc, &name, Severity::Error, text);
            }
            // The driver asked for these and has read them.
            Output::Trace { .. } => {}
        }
        self.settle(clock);
        None
    }

    /// The backup's copy has been made, at `place`, or could not be.
    pub fn backup_done(&mut self, clock: Clock, result: Result<String, String>) {
        self.tell_backup_done(clock.utc, &result);
        self.executive.backup_done(clock.now, result.map(drop));
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

    /// What must outlive the process, as of now.
    pub fn kept(&self) -> Kept {
        let registries = self.executive.ids().filter_map(|id| {
            let registry = self.executive.registry(id);
            (!registry.is_empty()).then(|| (self.executive.name(id).to_string(), registry.clone()))
        });
        Kept {
            settings: self.changed.clone(),
            registries: registries.collect(),
            installed: Some(self.installed),
        }
    }

    /// Hears how the last [`Doing::Keep`] went. What could not be kept is offered again with
    /// whatever comes next; the first failure in a row is reported.
    pub fn kept_so(&mut self, clock: Clock, result: Result<(), String>) {
        let problem = result.err();
        self.unkept |= problem.is_some();
        if let (Some(text), None) = (&problem, &self.keep_problem) {
            let message = StatusMessage::error(ids::NOT_KEPT).with(text);
            self.report(clock.utc, EXECUTIVE, message);
        }
        self.keep_problem = problem;
    }

    /// Why what must outlive the process is not kept at present, if it is not.
    pub fn keep_problem(&self) -> Option<&str> {
        self.keep_problem.as_deref()
    }

    /// Whether there ever was an operation of that number.
    pub fn has_operation(&self, operation: OpId) -> bool {
        self.executive.last_operation().is_some_and(|last| operation <= last)
    }

    /// Turns what the executive has said into doings, status messages and log lines.
    fn settle(&mut self, clock: Clock) {
        let mut steps = std::mem::take(&mut self.steps);
        self.executive.take_steps(&mut steps);
        for step in steps.drain(..) {
            match step {
                Step::Order(shard, order) => self.doings.push(Doing::Order(shard, order)),
                Step::Transition(transition) => {
                    self.tell_transition(clock.utc, &transition);
                    self.doings.push(Doing::Changed(transition));
                }
                Step::Service(state) => self.tell_service(clock.utc, state),
                Step::Resolved(outcome) => self.doings.push(Doing::Resolved(outcome)),
                Step::Snapshot => {
                    self.tell_snapshot(clock.utc);
                    self.doings.push(Doing::Snapshot);
                }
            }
        }
        self.steps = steps;
        if std::mem::take(&mut self.unkept) {
            self.doings.push(Doing::Keep);
        }
    }

    /// Keeps a status message, and writes it and what followed from it to the logs concerned.
    fn report(&mut self, utc: WallTime, component: &str, message: StatusMessage) {
        let reported = self.status.report(utc, component, message);
        for record in std::iter::once(reported.record).chain(reported.followed) {
            let thread = self.thread_of(&record.component);
            let text = status::statmsg(&record, self.options.process, thread);
            let severity = record.message.severity;
            self.log(utc, &record.component, severity, text);
        }
    }

    fn log(&mut self, utc: WallTime, component: &str, severity: Severity, text: String) {
        let line = LogLine {
            log: self.log_of(component),
            component: component.to_owned(),
            thread: self.thread_of(component),
            utc,
            bias_minutes: self.bias_minutes,
            severity,
            text,
        };
        self.logs.add(&line);
        self.doings.push(Doing::Log(line));
    }

    fn log_of(&self, component: &str) -> LogFile {
        match OWN_LOGS.iter().find(|(name, _)| *name == component) {
            Some((_, file)) => LogFile::server(file),
            None => match self.board.find(component) {
                Some(id) => self.executive.descriptor(id).log.clone(),
                None => LogFile::server(OWN_LOGS[0].1),
            },
        }
    }

    /// The thread id that a component's log lines show. The product's components are threads;
    /// here it is a number that stands for one, the same over all its lives, and a multiple of
    /// four like the real ones.
    fn thread_of(&self, component: &str) -> u32 {
        match self.board.find(component) {
            Some(id) => {
                4_000 + 4 * (u32::from(id.shard()) + id.slot() * u32::from(self.options.shards))
            }
            None => 3_000,
        }
    }
}

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
