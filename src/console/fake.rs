//! A host for the console's own tests: in memory, on a virtual clock, and it does as it is told.
//! It knows as much of the lifecycle table as the verbs can show, and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::cloud::{CloudCommand, CloudFault, CloudView};
use contract::control::{
    Accepted, Ask, ClockView, ComponentStatus, HostControl, LogTail, Outcome, Refusal,
    ServiceCommand, ServiceStatus, SettingView, Told,
};
use contract::lifecycle::{Desired, Startup};
use contract::settings::{Mode, SettingValue, keys};
use contract::status::{ComponentSummary, Health, StatusRecord};
use contract::time::parse_duration;
use contract::{
    Code, Command, Exit, Generation, Moment, OpId, State, StatusMessage, Substate, WallTime,
};

use crate::console::Interrupt;

/// What an operation will come to once it is waited for or time passes.
#[derive(Debug, Clone)]
enum Pending {
    Component { row: usize, to: State, code: Code },
    Service(State),
    Never,
}

/// A host that a test can look into.
pub(crate) struct FakeHost {
    pub(crate) rows: Vec<ComponentStatus>,
    pub(crate) messages: Vec<StatusRecord>,
    pub(crate) logs: Vec<LogTail>,
    /// Operations that end with this code, by component.
    pub(crate) doomed: BTreeMap<String, Code>,
    /// Answers to give instead of the true ones: a host that is out of its mind.
    pub(crate) always: Option<Told>,
    /// What to do to a component once the clock is there.
    pub(crate) due: Vec<(Moment, usize, State)>,
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

    fn empty() -> FakeHost {
        FakeHost {
            rows: Vec::new(),
            messages: Vec::new(),
            logs: Vec::new(),
            doomed: BTreeMap::new(),
            always: None,
            due: Vec::new(),
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

    fn control(&mut self, name: &str, command: Command) -> Result<Told, Refusal> {
        let row = self.row_of(name)?;
        let refuse = |code: Code, reason: &str| Err(Refusal::new(code, name, reason, ""));
        let state = self.rows[row].state;
        let to = match (command, state) {
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

    fn enter(&mut self, row: usize, state: State) {
        let since = self.now;
        let since_utc = EPOCH + since.since_start();
        let mode = Mode::from_text(&self.settings[keys::MODE.key]).unwrap();
        let row = &mut self.rows[row];
        if row.name == DOWNLOADER && state == State::Running && row.state != State::Paused {
            self.effective_mode = mode;
        }
        row.state = state;
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
            State::Stopped => vec!["executive stopped".to_owned()],
            _ => Vec::new(),
        };
        ServiceStatus {
            state: self.service,
            running: running as u64,
            components: self.rows.len() as u64,
            holds,
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
        if let Some((at, interrupt)) = &self.raises
            && self.now >= *at
        {
            interrupt.raise();
            self.raises = None;
        }
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
        match ask {
            Ask::Query(names) => self.query(&names),
            Ask::Control { component, command } => self.control(&component, command),
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
                let of = |r: &&StatusRecord| component.as_ref().is_none_or(|c| *c == r.component);
                let found: Vec<_> = self.messages.iter().filter(of).cloned().collect();
                let skip = found.len().saturating_sub(last);
                Ok(Told::Messages(found[skip..].to_vec()))
            }
            Ask::Summaries => Ok(Told::Summaries(self.summaries())),
            Ask::Logs { log, last } => self.tails(log.as_deref(), last),
            Ask::Cloud(command) => Ok(self.command_cloud(command)),
            Ask::Clock => Ok(Told::Clock(self.clock())),
        }
    }

    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        self.waits += 1;
        let outcome = self.settle(operation);
        if self.pending.contains_key(&operation) {
            self.tick(within);
        }
        outcome
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
    }
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
