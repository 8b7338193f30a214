//! A host for the console's own tests: in memory, on a virtual clock, and it does as it is told.
//! It knows as much of the lifecycle table as the verbs can show, and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::cloud::{CloudCommand, CloudFault, CloudView};
use contract::control::{
    Accepted, Ask, ClockView, ComponentStatus, CrashRecord, DeadLetter, DeadReason, HostControl,
    LogTail, Outcome, Refusal, ServiceCommand, ServiceStatus, SettingView, Told, Until,
};
use contract::lifecycle::{CommandOptions, Desired, HoldKind, Startup};
use contract::settings::{Mode, SettingValue, keys};
use contract::status::{ComponentSummary, Health, StatusRecord};
use contract::time::parse_duration;
use contract::{
    Code, Command, ComponentId, Exit, Generation, MessageId, Moment, OpId, State, StatusMessage,
    Substate, WallTime,
};

use crate::console::Interrupt;

/// What an operation will come to once it is waited for or time passes.
#[derive(Debug, Clone)]
enum Pending {
    Component { row: usize, to: State, code: Code },
    Rows(Vec<usize>, State),
    Held(usize),
    Removed(usize),
    Service(State),
    Never,
}

/// The answer to every wait of a host that is out of its mind.
pub(crate) type Raving = fn(&ComponentStatus) -> Result<ComponentStatus, Refusal>;

/// A host that a test can look into.
pub(crate) struct FakeHost {
    pub(crate) rows: Vec<ComponentStatus>,
    pub(crate) messages: Vec<StatusRecord>,
    pub(crate) logs: Vec<LogTail>,
    /// Operations that end with this code, by component.
    pub(crate) doomed: BTreeMap<String, Code>,
    /// Answers to give instead of the true ones: a host that is out of its mind.
    pub(crate) always: Option<Told>,
    /// Why it cannot keep what it is commanded.
    pub(crate) unkept: Option<&'static str>,
    pub(crate) crashes: Vec<CrashRecord>,
    pub(crate) letters: Vec<DeadLetter>,
    /// Who depends on whom: the first on the second.
    pub(crate) depends: Vec<(usize, usize)>,
    /// What the executive says of itself.
    pub(crate) service_says: ServiceStatus,
    /// What to do to a component once the clock is there.
    pub(crate) due: Vec<(Moment, usize, State)>,
    /// What it says of every wait at once, whatever is so.
    pub(crate) raves: Option<Raving>,
    /// What was commanded, and how.
    pub(crate) controls: Vec<(String, CommandOptions)>,
    /// Whether it says that it runs on real time.
    pub(crate) live: bool,
    /// How often it was asked to wait or to let time pass.
    pub(crate) waits: u32,
    /// Somebody who interrupts it once the clock is there.
    pub(crate) raises: Option<(Moment, Interrupt)>,
    ended: BTreeMap<OpId, Outcome>,
    cloud: CloudView,
    settings: BTreeMap<&'static str, String>,
    effective_mode: Mode,
    service: State,
    pending: BTreeMap<OpId, Pending>,
    operations: u64,
    now: Moment,
}

const EPOCH: WallTime = WallTime(1_795_132_800_000_000);
const DOWNLOADER: &str = "SMS_DMP_DOWNLOADER";

impl FakeHost {
    /// A site whose four components run since five minutes.
    pub(crate) fn site() -> FakeHost {
        let mut host = FakeHost::empty();
        host.rows = vec![
            running(
                "SMS_DISTRIBUTION_MANAGER",
                "Copies content to distribution points",
                "distmgr.log",
            ),
            running(DOWNLOADER, "Checks for updates and downloads them", "dmpdownloader.log"),
            running("SMS_DMP_UPLOADER", "Uploads usage data", "dmpuploader.log"),
            running(
                "SMS_SERVICE_CONNECTOR",
                "Checks that the cloud can be reached",
                "SMS_SERVICE_CONNECTOR.log",
            ),
        ];
        host.messages = vec![
            record(1, "SMS_EXECUTIVE", StatusMessage::informational(500), "SMS_EXECUTIVE started."),
            record(
                2,
                "SMS_SERVICE_CONNECTOR",
                StatusMessage::error(11412),
                "An endpoint is out of reach.",
            ),
        ];
        host.logs = vec![
            log("compsumm.log", &["Summarized"]),
            log("distmgr.log", &[]),
            log("dmpdownloader.log", &["Starting", "Next check in 24 hours"]),
            log("smsbkup.log", &["Backed up"]),
            log("smsexec.log", &["Starting SMS_EXECUTIVE...", "\u{1b}[31mred\u{1b}[0m line"]),
        ];
        host.now = Moment(300_000_000_000);
        host
    }

    /// A site in which much has gone wrong.
    pub(crate) fn trouble() -> FakeHost {
        let mut host = FakeHost::site();
        let row = &mut host.rows[0];
        row.state = State::StopPending;
        row.checkpoint = 3;
        row.wait_hint = Duration::from_secs(2);
        row.desired = Desired::Down;
        row.inbox = 1234;
        let row = &mut host.rows[1];
        row.state = State::Stopped;
        row.substate = Some(Substate::Failed);
        row.crashes = 6;
        row.exit_code = Code::EXCEPTION;
        row.last_exit =
            Some(Exit::Panic { text: "no\nmanifest\u{1b}[2J".into(), location: "a.rs:7".into() });
        let row = &mut host.rows[2];
        row.state = State::Stopped;
        row.substate = Some(Substate::Backoff { until: Moment(330_000_000_000) });
        row.crashes = 1;
        row.exit_code = Code::SPECIFIC;
        row.last_exit = Some(Exit::Error { code: 12, text: "upload refused".into() });
        host.rows[3].state = State::Paused;
        host.doomed.insert(DOWNLOADER.into(), Code::EXCEPTION);
        host.doomed.insert("SMS_SERVICE_CONNECTOR".into(), Code::REQUEST_TIMEOUT);
        host.doomed.insert("SMS_DMP_UPLOADER".into(), Code::CANCELLED);
        host.due.push((Moment(330_000_000_000), 2, State::Running));
        host
    }

    /// A site with all that supervision can show: a group, a dependency, a zombie, records.
    pub(crate) fn supervised() -> FakeHost {
        let mut host = FakeHost::site();
        host.depends = vec![(2, 3)];
        for row in [1, 3] {
            host.rows[row].group = Some("cloud".into());
        }
        let row = &mut host.rows[0];
        row.state = State::StopPending;
        row.wait_hint = Duration::from_secs(2);
        let row = &mut host.rows[1];
        row.state = State::Stopped;
        row.substate = Some(Substate::Operator);
        (row.persist, row.zombies) = (true, 1);
        row.drop_panicked = Some("no\nlock\u{1b}[2J".into());
        let row = &mut host.rows[2];
        row.hung = true;
        row.outbox = 3;
        host.crashes = crashes();
        host.letters = letters();
        host.service_says.zombies = vec![(DOWNLOADER.into(), Generation(1))];
        host.service_says.after_unclean_end = true;
        host
    }

    fn empty() -> FakeHost {
        FakeHost {
            rows: Vec::new(),
            messages: Vec::new(),
            logs: Vec::new(),
            crashes: Vec::new(),
            letters: Vec::new(),
            depends: Vec::new(),
            service_says: ServiceStatus {
                state: State::Running,
                running: 0,
                components: 0,
                holds: Vec::new(),
                hold_left: None,
                zombies: Vec::new(),
                exit_status: None,
                after_unclean_end: false,
            },
            doomed: BTreeMap::new(),
            always: None,
            unkept: None,
            due: Vec::new(),
            raves: None,
            controls: Vec::new(),
            live: false,
            waits: 0,
            raises: None,
            ended: BTreeMap::new(),
            cloud: CloudView::default(),
            settings: BTreeMap::from([
                (keys::MODE.key, "online".to_owned()),
                (keys::UPDATE_CHECK_INTERVAL.key, "24h".to_owned()),
            ]),
            effective_mode: Mode::Online,
            service: State::Running,
            pending: BTreeMap::new(),
            operations: 0,
            now: Moment::ZERO,
        }
    }

    fn operation(&mut self, pending: Pending) -> OpId {
        self.operations += 1;
        let operation = OpId(self.operations);
        self.pending.insert(operation, pending);
        operation
    }

    fn row_of(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.rows.iter().position(|row| row.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Refusal::new(Code::DOES_NOT_EXIST, name, "no such component", ""))
    }

    fn query(&mut self, names: &[String]) -> Result<Told, Refusal> {
        self.note_restarts();
        if names.is_empty() {
            return Ok(Told::Components(self.rows.clone()));
        }
        let rows: Result<Vec<_>, _> =
            names.iter().map(|name| self.row_of(name).map(|row| self.rows[row].clone())).collect();
        rows.map(Told::Components)
    }

    fn note_restarts(&mut self) {
        let behind = self.is_behind();
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == DOWNLOADER) {
            row.restart_required = if behind { vec![keys::MODE.key.into()] } else { Vec::new() };
        }
    }

    fn is_behind(&self) -> bool {
        let runs = self.rows.iter().any(|r| r.name == DOWNLOADER && r.state == State::Running);
        runs && self.settings[keys::MODE.key] != self.effective_mode.to_string()
    }

    fn control(
        &mut self,
        name: &str,
        command: Command,
        options: CommandOptions,
    ) -> Result<Told, Refusal> {
        self.controls.push((name.to_owned(), options));
        if let Some(group) = name.strip_prefix("group:") {
            return self.control_group(group, command);
        }
        let row = self.row_of(name)?;
        let refuse = |code: Code, reason: &str| Err(Refusal::new(code, name, reason, ""));
        let state = self.rows[row].state;
        if let Some(refusal) = self.guard(row, command, options) {
            return Err(refusal);
        }
        let is_stop = matches!(command, Command::Stop);
        self.rows[row].persist = is_stop && (options.persist || self.rows[row].persist);
        let to = match (command, state) {
            (Command::Start | Command::Restart | Command::TryRestart, State::StopPending)
                if options.queue =>
            {
                self.enter(row, State::Stopped);
                State::Running
            }
            (Command::Stop | Command::Restart, State::Running) if options.dependents => {
                let mut rows = self.running_dependents(row);
                rows.push(row);
                let to = if is_stop { State::Stopped } else { State::Running };
                return Ok(self.accepted(Pending::Rows(rows, to)));
            }
            (Command::Start | Command::Restart, State::Stopped) => State::Running,
            (Command::Start, _) => return refuse(Code::ALREADY_RUNNING, "it runs already"),
            (Command::ResetFailed, State::Stopped) => {
                self.rows[row].substate = Some(Substate::Cleared);
                return Ok(nothing_to_do("its failure is cleared"));
            }
            (Command::ResetFailed, _) => return Ok(nothing_to_do("it has not failed")),
            (Command::TryRestart, State::Stopped) => return Ok(nothing_to_do("it is stopped")),
            (Command::Stop | Command::Kill, State::Stopped) => {
                // The other way to say it: accepted, with the code.
                let note = "it is stopped already".to_owned();
                let accepted = Accepted { operation: None, code: Code::NOT_ACTIVE, note };
                return Ok(Told::Accepted(accepted));
            }
            (_, State::Stopped) => return refuse(Code::NOT_ACTIVE, "it is stopped"),
            (Command::Stop, State::StopPending) => {
                let operation = Some(self.operation(Pending::Component {
                    row,
                    to: State::Stopped,
                    code: Code::OK,
                }));
                let code = Code::CANNOT_ACCEPT_CONTROL;
                let note = "it is stopping already".to_owned();
                return Ok(Told::Accepted(Accepted { operation, code, note }));
            }
            (Command::Kill, _) | (Command::Stop, _) => State::Stopped,
            (_, State::StopPending) => {
                return refuse(Code::CANNOT_ACCEPT_CONTROL, "it is stopping");
            }
            (Command::Restart | Command::TryRestart | Command::Continue, _) => State::Running,
            (Command::Pause, _) => State::Paused,
            (Command::Custom(130), _) => state,
            (Command::Custom(code), _) if code < 128 => {
                return refuse(Code::INVALID_PARAMETER, "no such control code");
            }
            _ => return refuse(Code::INVALID_CONTROL, "it does not accept this control"),
        };
        let code = self.doomed.get(&self.rows[row].name).copied().unwrap_or(Code::OK);
        if matches!(command, Command::Start | Command::Restart | Command::TryRestart) {
            self.rows[row].generation.0 += 1;
            self.rows[row].state = State::StartPending;
        }
        let operation = Some(self.operation(Pending::Component { row, to, code }));
        Ok(Told::Accepted(Accepted { operation, code: Code::OK, note: String::new() }))
    }

    /// What forbids a command whatever the state.
    fn guard(&self, row: usize, command: Command, options: CommandOptions) -> Option<Refusal> {
        let status = &self.rows[row];
        let refuse = |code: Code, reason: &str, way_out: &str| {
            Some(Refusal::new(code, status.name.as_str(), reason, way_out))
        };
        let starts = matches!(command, Command::Start | Command::Restart);
        let ends = matches!(command, Command::Stop | Command::Restart | Command::TryRestart);
        let first = self.running_dependents(row).first().map(|row| &self.rows[*row].name);
        match first {
            Some(name) if ends && !options.dependents => {
                let reason = format!("{name} depends on it and runs");
                return refuse(Code::DEPENDENTS_RUNNING, &reason, "stop it with --dependents");
            }
            _ => {}
        }
        if !starts || status.state != State::Stopped {
            return None;
        }
        if status.substate == Some(Substate::Removed) {
            return refuse(Code::MARKED_FOR_DELETE, "it was removed", "");
        }
        if !status.holds.is_empty() {
            let way_out = format!("release {}", status.name);
            return refuse(Code::DATABASE_LOCKED, "an operator works on it", &way_out);
        }
        if status.startup == Startup::Disabled {
            return refuse(Code::DISABLED, "its startup type is Disabled", "");
        }
        if status.zombies > 0 && !options.force {
            let reason = "code of an earlier life has not come back";
            return refuse(Code::REQUEST_TIMEOUT, reason, "start it with --force");
        }
        None
    }

    fn running_dependents(&self, row: usize) -> Vec<usize> {
        let on_it = self.depends.iter().filter(|(_, on)| *on == row).map(|(who, _)| *who);
        on_it.filter(|who| self.rows[*who].state == State::Running).collect()
    }

    fn control_group(&mut self, group: &str, command: Command) -> Result<Told, Refusal> {
        let is_member = |row: &usize| {
            self.rows[*row].group.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(group))
        };
        let rows: Vec<usize> = (0..self.rows.len()).filter(is_member).collect();
        let name = format!("group:{group}");
        if rows.is_empty() {
            return Err(Refusal::new(Code::DOES_NOT_EXIST, name, "no such group", ""));
        }
        let to = if command == Command::Stop { State::Stopped } else { State::Running };
        if command != Command::Restart && rows.iter().all(|row| self.rows[*row].state == to) {
            let code = match to {
                State::Stopped => Code::NOT_ACTIVE,
                _ => Code::ALREADY_RUNNING,
            };
            return Err(Refusal::new(code, name, "all of it is so already", ""));
        }
        Ok(self.accepted(Pending::Rows(rows, to)))
    }

    fn answer(&mut self, ask: Ask) -> Result<Told, Refusal> {
        match ask {
            Ask::Query(names) => self.query(&names),
            Ask::Control { component, command, options } => {
                self.control(&component, command, options)
            }
            Ask::Hold { component, lease } => self.hold(&component, lease),
            Ask::Release { component } => self.release(&component),
            Ask::Remove { component } => {
                self.row_of(&component).map(|row| self.accepted(Pending::Removed(row)))
            }
            Ask::SetStartup { component, startup } => self.set_startup(&component, startup),
            Ask::Crashes { component, last } => {
                Ok(Told::Crashes(newest(&self.crashes, component, last, |crash| &crash.component)))
            }
            Ask::DeadLetters { component, last } => {
                Ok(Told::DeadLetters(newest(&self.letters, component, last, |letter| {
                    &letter.component
                })))
            }
            Ask::Service(command) => self.service(command),
            Ask::Backup => self.service(ServiceCommand::Restart),
            Ask::Set { key, value } => self.set(&key, value),
            Ask::Settings(Some(key)) => {
                self.key(&key).map(|key| Told::Settings(vec![self.setting(key)]))
            }
            Ask::Settings(None) => {
                Ok(Told::Settings(self.settings.keys().map(|key| self.setting(key)).collect()))
            }
            Ask::Messages { component, last } => {
                Ok(Told::Messages(newest(&self.messages, component, last, |r| &r.component)))
            }
            Ask::Summaries => Ok(Told::Summaries(self.summaries())),
            Ask::Logs { log, last } => self.tails(log.as_deref(), last),
            Ask::Cloud(command) => Ok(self.command_cloud(command)),
            Ask::Clock => Ok(Told::Clock(self.clock())),
        }
    }

    fn accepted(&mut self, pending: Pending) -> Told {
        let operation = Some(self.operation(pending));
        Told::Accepted(Accepted { operation, code: Code::OK, note: String::new() })
    }

    fn hold(&mut self, name: &str, lease: Duration) -> Result<Told, Refusal> {
        let row = self.row_of(name)?;
        self.rows[row].holds = vec![HoldKind::Maintenance];
        self.rows[row].hold_left = Some(lease);
        self.due.push((self.now + lease, row, State::Running));
        Ok(self.accepted(Pending::Held(row)))
    }

    fn release(&mut self, name: &str) -> Result<Told, Refusal> {
        let row = self.row_of(name)?;
        if self.rows[row].holds.is_empty() {
            return Ok(nothing_to_do("no hold is on it"));
        }
        self.due.retain(|(_, held, _)| *held != row);
        Ok(self.accepted(Pending::Component { row, to: State::Running, code: Code::OK }))
    }

    fn set_startup(&mut self, name: &str, startup: Startup) -> Result<Told, Refusal> {
        let row = self.row_of(name)?;
        self.rows[row].startup = startup;
        Ok(nothing_to_do(&format!("startup {startup}")))
    }

    fn enter(&mut self, row: usize, state: State) {
        let since = self.now;
        let since_utc = EPOCH + since.since_start();
        let mode = Mode::from_text(&self.settings[keys::MODE.key]).unwrap();
        let row = &mut self.rows[row];
        if row.name == DOWNLOADER && state == State::Running && row.state != State::Paused {
            self.effective_mode = mode;
        }
        row.state = state;
        if state == State::Running {
            row.holds.clear();
            row.hold_left = None;
        }
        row.substate = (state == State::Stopped).then_some(Substate::Operator);
        (row.since, row.since_utc) = (since, since_utc);
        (row.checkpoint, row.wait_hint) = (0, Duration::ZERO);
    }

    fn settle(&mut self, operation: OpId) -> Outcome {
        let outcome = self.end(operation);
        if outcome.operation.0 <= self.operations && !self.pending.contains_key(&operation) {
            self.ended.insert(operation, outcome.clone());
        }
        outcome
    }

    fn end(&mut self, operation: OpId) -> Outcome {
        let outcome = |code: Code, text: &str| Outcome { operation, code, text: text.to_owned() };
        match self.pending.remove(&operation) {
            None => match self.ended.get(&operation) {
                Some(ended) => ended.clone(),
                None => outcome(Code::DOES_NOT_EXIST, "no operation of that number"),
            },
            Some(Pending::Never) => {
                self.pending.insert(operation, Pending::Never);
                outcome(Code::REQUEST_TIMEOUT, "not done in time")
            }
            Some(Pending::Service(state)) => {
                self.enter_service(state);
                outcome(Code::OK, "done")
            }
            Some(Pending::Rows(rows, to)) => {
                for row in rows {
                    self.rows[row].generation.0 += u64::from(to == State::Running);
                    self.enter(row, to);
                }
                outcome(Code::OK, "done")
            }
            Some(Pending::Held(row)) => {
                self.enter(row, State::Stopped);
                self.rows[row].substate = Some(Substate::Held);
                outcome(Code::OK, "done")
            }
            Some(Pending::Removed(row)) => {
                self.enter(row, State::Stopped);
                self.rows[row].substate = Some(Substate::Removed);
                outcome(Code::OK, "done")
            }
            Some(Pending::Component { row, to, code: Code::OK }) => {
                self.enter(row, to);
                outcome(Code::OK, "done")
            }
            Some(Pending::Component { row, code: Code::REQUEST_TIMEOUT, .. }) => {
                self.rows[row].state = State::StopPending;
                self.pending.insert(operation, Pending::Never);
                outcome(Code::REQUEST_TIMEOUT, "not done in time")
            }
            Some(Pending::Component { code: Code::CANCELLED, .. }) => {
                outcome(Code::CANCELLED, "a later command took its place")
            }
            Some(Pending::Component { row, code, .. }) => {
                self.enter(row, State::Stopped);
                self.rows[row].substate = Some(Substate::Failed);
                outcome(code, "it panicked at start")
            }
        }
    }

    fn enter_service(&mut self, state: State) {
        self.service = state;
        for row in 0..self.rows.len() {
            self.enter(row, state);
            if state == State::Stopped {
                self.rows[row].substate = Some(Substate::Held);
            } else {
                self.rows[row].generation.0 += 1;
            }
        }
    }

    fn service(&mut self, command: ServiceCommand) -> Result<Told, Refusal> {
        let refuse = |code: Code, why: &str| Err(Refusal::new(code, "SMS_EXECUTIVE", why, ""));
        let to = match (command, self.service) {
            (ServiceCommand::Query, _) => return Ok(Told::Service(self.service_status())),
            (ServiceCommand::Start, State::Running) => {
                return refuse(Code::ALREADY_RUNNING, "it runs already");
            }
            (ServiceCommand::Stop, State::Stopped) => {
                return refuse(Code::NOT_ACTIVE, "it is stopped already");
            }
            (ServiceCommand::Stop, _) => State::Stopped,
            _ => State::Running,
        };
        let operation = Some(self.operation(Pending::Service(to)));
        Ok(Told::Accepted(Accepted { operation, code: Code::OK, note: String::new() }))
    }

    fn service_status(&self) -> ServiceStatus {
        let running = self.rows.iter().filter(|row| row.state == State::Running).count();
        let holds = match self.service {
            State::Stopped => vec![HoldKind::Stopping],
            _ => Vec::new(),
        };
        let says = self.service_says.clone();
        let is_stopped = self.service == State::Stopped;
        ServiceStatus {
            state: self.service,
            running: running as u64,
            components: self.rows.len() as u64,
            holds,
            exit_status: says.exit_status.or(is_stopped.then_some(0)),
            ..says
        }
    }

    fn setting(&self, key: &'static str) -> SettingView {
        let is_mode = key == keys::MODE.key;
        let downloader = || vec![(DOWNLOADER.to_owned(), self.effective_mode.to_string())];
        SettingView {
            key: key.to_owned(),
            about: match is_mode {
                true => "mode of the service connection point".to_owned(),
                false => "time between two checks for updates".to_owned(),
            },
            stored: self.settings[key].clone(),
            effective: if is_mode { downloader() } else { Vec::new() },
            restart_required: match is_mode && self.is_behind() {
                true => vec![DOWNLOADER.to_owned()],
                false => Vec::new(),
            },
        }
    }

    fn key(&self, key: &str) -> Result<&'static str, Refusal> {
        let found = self.settings.keys().find(|own| **own == key).copied();
        found.ok_or_else(|| Refusal::new(Code::INVALID_PARAMETER, key, "no such setting", ""))
    }

    fn set(&mut self, key: &str, value: String) -> Result<Told, Refusal> {
        let key = self.key(key)?;
        let checked = match key == keys::MODE.key {
            true => keys::MODE.check(&value),
            false => parse_duration(&value).map(drop),
        };
        checked.map_err(|why| Refusal::new(Code::INVALID_PARAMETER, key, why, ""))?;
        self.settings.insert(key, value);
        Ok(Told::Setting(self.setting(key)))
    }

    fn tails(&self, log: Option<&str>, last: usize) -> Result<Told, Refusal> {
        let Some(log) = log else {
            let named = |tail: &LogTail| LogTail { lines: Vec::new(), ..tail.clone() };
            return Ok(Told::Logs(self.logs.iter().map(named).collect()));
        };
        let file = match log {
            "SMS_EXECUTIVE" => "smsexec.log".to_owned(),
            "SMS_SITE_BACKUP" => "smsbkup.log".to_owned(),
            "SMS_COMPONENT_STATUS_SUMMARIZER" => "compsumm.log".to_owned(),
            log => self.row_of(log).map_or(log.to_owned(), |row| self.rows[row].log.clone()),
        };
        let found = self.logs.iter().find(|tail| tail.file == file);
        let tail =
            found.ok_or_else(|| Refusal::new(Code::DOES_NOT_EXIST, log, "no log yet", ""))?;
        let skip = tail.lines.len().saturating_sub(last);
        Ok(Told::Logs(vec![LogTail { file, lines: tail.lines[skip..].to_vec() }]))
    }

    fn command_cloud(&mut self, command: CloudCommand) -> Told {
        match command {
            CloudCommand::Show => {}
            CloudCommand::Publish { name, version, .. } => {
                self.cloud.catalogue.push((name, version));
            }
            CloudCommand::Fault(fault) => self.cloud.fault = fault,
            CloudCommand::ResetCounts => {
                let cloud = &mut self.cloud;
                (cloud.connections, cloud.requests, cloud.uploads) = (0, 0, 0);
            }
        }
        self.cloud.requests += u64::from(self.cloud.fault != CloudFault::None);
        Told::Cloud(self.cloud.clone())
    }

    fn summaries(&self) -> Vec<ComponentSummary> {
        let row = |name: &str, health, errors| ComponentSummary {
            component: name.to_owned(),
            health,
            informational: 3,
            warnings: 0,
            errors,
            last_contacted: (errors > 0).then_some(EPOCH),
        };
        vec![
            row("SMS_COMPONENT_STATUS_SUMMARIZER", Health::Ok, 0),
            row("SMS_DMP_DOWNLOADER", Health::Warning, 1),
            row("SMS_EXECUTIVE", Health::Ok, 0),
            row("SMS_SERVICE_CONNECTOR", Health::Critical, 5),
            row("SMS_SITE_BACKUP", Health::Ok, 0),
        ]
    }

    fn tick(&mut self, by: Duration) {
        self.now = self.now + by;
        for row in &mut self.rows {
            row.hold_left = row.hold_left.map(|left| left.saturating_sub(by));
        }
        if let Some((at, interrupt)) = &self.raises
            && self.now >= *at
        {
            interrupt.raise();
            self.raises = None;
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    fn clock(&self) -> ClockView {
        ClockView { now: self.now, utc: EPOCH + self.now.since_start(), is_virtual: !self.live }
    }
}

impl HostControl for FakeHost {
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal> {
        if let Some(told) = &self.always {
            return Ok(told.clone());
        }
        let told = self.answer(ask)?;
        Ok(match (told, self.unkept) {
            (Told::Accepted(accepted), Some(problem)) => Told::Accepted(accepted.not_kept(problem)),
            (told, _) => told,
        })
    }

    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        self.waits += 1;
        let outcome = self.settle(operation);
        if self.pending.contains_key(&operation) {
            self.tick(within);
        }
        outcome
    }

    fn wait_for(
        &mut self,
        component: &str,
        until: Until,
        within: Duration,
    ) -> Result<ComponentStatus, Refusal> {
        self.waits += 1;
        let row = self.row_of(component)?;
        let end = self.now + within;
        if let Some(raves) = self.raves {
            return raves(&self.rows[row]);
        }
        while !until.holds(&self.rows[row]) {
            if self.now >= end {
                let reason = format!("not {until} in time");
                return Err(Refusal::new(Code::REQUEST_TIMEOUT, component, reason, ""));
            }
            // What is under way ends at once; then up to what falls due.
            let next = self.due.iter().map(|(at, _, _)| *at).min().unwrap_or(end).min(end);
            let is_busy = self.pending.values().any(|pending| !matches!(pending, Pending::Never));
            self.advance(if is_busy { Duration::ZERO } else { next.since(self.now) })?;
        }
        Ok(self.rows[row].clone())
    }

    fn pass(&mut self, time: Duration) -> Result<ClockView, Refusal> {
        self.waits += 1;
        self.advance(time)
    }

    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal> {
        let operations: Vec<OpId> = self.pending.keys().copied().collect();
        for operation in operations {
            self.settle(operation);
        }
        self.tick(by);
        let (due, later) = self.due.drain(..).partition(|(at, _, _)| *at <= self.now);
        self.due = later;
        for (_, row, state) in due {
            self.enter(row, state);
        }
        Ok(self.clock())
    }
}

fn nothing_to_do(note: &str) -> Told {
    Told::Accepted(Accepted { operation: None, code: Code::OK, note: note.to_owned() })
}

fn running(name: &str, about: &str, log: &str) -> ComponentStatus {
    ComponentStatus {
        name: name.to_owned(),
        about: about.to_owned(),
        log: log.to_owned(),
        state: State::Running,
        substate: None,
        desired: Desired::Up,
        startup: Startup::Automatic,
        generation: Generation(1),
        since: Moment::ZERO,
        since_utc: EPOCH,
        crashes: 0,
        exit_code: Code::NEVER_STARTED,
        last_exit: None,
        inbox: 0,
        checkpoint: 0,
        wait_hint: Duration::ZERO,
        restart_required: Vec::new(),
        holds: Vec::new(),
        hold_left: None,
        persist: false,
        group: None,
        waits_for: Vec::new(),
        hung: false,
        zombies: 0,
        outbox: 0,
        drop_panicked: None,
    }
}

/// The last of those that are of this component, or of all.
fn newest<T: Clone>(
    all: &[T],
    component: Option<String>,
    last: usize,
    of: fn(&T) -> &String,
) -> Vec<T> {
    let is_of = |one: &&T| component.as_ref().is_none_or(|component| component == of(one));
    let found: Vec<T> = all.iter().filter(is_of).cloned().collect();
    found[found.len().saturating_sub(last)..].to_vec()
}

fn crashes() -> Vec<CrashRecord> {
    let at = |seconds: u64| {
        let at = Moment::ZERO + Duration::from_secs(seconds);
        (at, EPOCH + at.since_start())
    };
    let base = CrashRecord {
        number: 1,
        at: at(10).0,
        utc: at(10).1,
        component: DOWNLOADER.into(),
        generation: Generation(1),
        exit: Exit::Panic { text: "no\nmanifest\u{1b}[2J".into(), location: "a.rs:7".into() },
        drop_panic: None,
        hook: "message".into(),
        message: Some((message(7), 1)),
        fingerprint: "panic a.rs:7".into(),
        backtrace: "0: download\u{1b}[2J\n1: turn\n".into(),
        charged: true,
    };
    vec![
        base.clone(),
        CrashRecord {
            number: 2,
            at: at(20).0,
            utc: at(20).1,
            component: "SMS_DMP_UPLOADER".into(),
            exit: Exit::Hung,
            hook: String::new(),
            message: None,
            fingerprint: "hung".into(),
            backtrace: String::new(),
            ..base.clone()
        },
        CrashRecord {
            number: 3,
            at: at(30).0,
            utc: at(30).1,
            generation: Generation(2),
            drop_panic: Some("no lock".into()),
            message: Some((message(7), 2)),
            charged: false,
            ..base
        },
    ]
}

fn letters() -> Vec<DeadLetter> {
    let exit = Exit::Error { code: 12, text: "upload\nrefused".into() };
    let letter = |seconds: u64, to: &str, number: u32, reason: DeadReason| DeadLetter {
        at: Moment::ZERO + Duration::from_secs(seconds),
        utc: EPOCH + Duration::from_secs(seconds),
        component: to.into(),
        id: message(number),
        from: (number > 7).then(|| DOWNLOADER.to_owned()),
        name: "Upload".into(),
        text: "Upload { size: 1 }\u{1b}[2J".into(),
        reason,
    };
    vec![
        letter(10, DOWNLOADER, 7, DeadReason::Expired),
        letter(20, "SMS_DMP_UPLOADER", 8, DeadReason::Poison { deliveries: 3, exit }),
        letter(30, DOWNLOADER, 9, DeadReason::Removed),
    ]
}

fn message(number: u32) -> MessageId {
    MessageId { from: ComponentId::new(0, 2), number }
}

fn log(file: &str, lines: &[&str]) -> LogTail {
    LogTail { file: file.to_owned(), lines: lines.iter().map(|l| (*l).to_owned()).collect() }
}

fn record(record: u64, component: &str, message: StatusMessage, text: &str) -> StatusRecord {
    StatusRecord {
        record,
        time: EPOCH,
        module: "SMS Server".into(),
        component: component.into(),
        machine: "CM01".into(),
        site: "PS1".into(),
        message,
        text: text.into(),
    }
}
