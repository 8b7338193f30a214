//! The simulated driver: every shard on one thread, time that moves only when told.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use cloud::Cloud;
use contract::control::{
    Accepted, Ask, ClockView, HostControl, Outcome, Refusal, ServiceCommand, Told,
};
use contract::effect::Answer;
use contract::id::{ComponentId, Generation, OpId, Ticket};
use contract::lifecycle::Code;
use contract::message::Message;
use contract::outside::Kept;
use contract::settings::{Setting, SettingValue};
use contract::status::StatusRecord;
use contract::time::{Moment, WallTime};
use host::{Doing, Errand, Host, HostOptions};
use kernel::{Clock, Lane, Output, Parcel, Shard, lane};
use site::SiteDefinition;

use crate::builder::{EPOCH, SiteBuilder};
use crate::outside::SimOutside;

/// After so many turns at one moment something sends itself messages without end.
const TURNS_MAX: u32 = 20_000;

/// A site in virtual time. Operated through [`HostControl`].
#[derive(Debug)]
pub struct Site {
    host: Host,
    shards: Vec<Shard>,
    lanes: Arc<[Lane]>,
    outside: SimOutside,
    now: Moment,
    epoch: WallTime,
    seed: u64,
    rng: fastrand::Rng,
    /// What will happen at a time: due, in order of asking.
    events: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    backup_takes: Duration,
    outcomes: BTreeMap<OpId, Outcome>,
    kept: Kept,
    trace: Vec<String>,
    outputs: Vec<Output>,
    doings: Vec<Doing>,
}

#[derive(Debug)]
struct Scheduled {
    at: Moment,
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Answer { id: ComponentId, generation: Generation, ticket: Ticket, answer: Answer },
    BackupDone,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Site {
    /// A stand-alone primary site of that code, installed at the moment it begins, to be given
    /// components and started.
    pub fn primary(code: &str) -> SiteBuilder {
        let installed = EPOCH;
        SiteBuilder::new(SiteDefinition { installed, ..SiteDefinition::primary(code) })
    }

    pub(crate) fn from_builder(builder: SiteBuilder) -> Result<Site, Refusal> {
        let options = HostOptions { shards: builder.shards, process: 4_242, is_virtual: true };
        let clock = Clock { now: Moment::ZERO, utc: builder.epoch };
        let kept = builder.kept;
        let host =
            Host::new(&builder.definition, builder.components, kept.clone(), options, clock)?;
        let (lanes, ends): (Vec<_>, Vec<_>) = (0..builder.shards).map(|_| lane()).unzip();
        let lanes: Arc<[Lane]> = lanes.into();
        let shard = |(number, end)| {
            let mut shard = Shard::new(number, end, Arc::clone(&lanes), Arc::clone(host.board()));
            shard.set_trace(true);
            shard
        };
        let shards = (0..).zip(ends).map(shard).collect();
        let mut site = Site {
            host,
            shards,
            lanes,
            outside: SimOutside::new(builder.cloud.unwrap_or_else(|| Cloud::new(builder.seed))),
            now: Moment::ZERO,
            epoch: builder.epoch,
            seed: builder.seed,
            rng: fastrand::Rng::with_seed(builder.seed),
            events: BinaryHeap::new(),
            scheduled: 0,
            backup_takes: builder.backup_takes,
            outcomes: BTreeMap::new(),
            kept,
            trace: Vec::new(),
            outputs: Vec::new(),
            doings: Vec::new(),
        };
        site.service(ServiceCommand::Start)?;
        site.settle()?;
        Ok(site)
    }

    /// What time it is.
    pub fn clock(&self) -> Clock {
        Clock { now: self.now, utc: self.epoch + self.now.since_start() }
    }

    /// The seed that the order of turns is drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Everything that has happened, in its one order: a line each for a change of state, a
    /// delivery, a request and an answer.
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    /// The simulated outside: its cloud and its files.
    pub fn outside(&self) -> &SimOutside {
        &self.outside
    }

    /// How many connections the cloud has taken.
    pub fn connections(&self) -> u64 {
        self.outside.cloud_service().view().connections
    }

    /// What would outlive the process.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What is stored under a setting.
    pub fn stored<T: SettingValue>(&mut self, setting: &Setting<T>) -> T {
        let view = self.setting_view(setting.key);
        T::from_text(&view.stored).expect("what is stored has been checked")
    }

    /// What a component has in effect under a setting; none if it is stopped or declares no
    /// such setting.
    pub fn effective<T: SettingValue>(
        &mut self,
        setting: &Setting<T>,
        component: &str,
    ) -> Option<T> {
        let view = self.setting_view(setting.key);
        let (_, text) =
            view.effective.iter().find(|(name, _)| name.eq_ignore_ascii_case(component))?;
        Some(T::from_text(text).expect("what is in effect has been checked"))
    }

    fn setting_view(&mut self, key: &str) -> contract::control::SettingView {
        match self.ask(Ask::Settings(Some(key.to_owned()))) {
            Ok(Told::Settings(mut views)) if views.len() == 1 => views.remove(0),
            told => panic!("setting {key} is not one of this site's: {told:?}"),
        }
    }

    /// Every status message there is, oldest first.
    pub fn messages(&mut self) -> Vec<StatusRecord> {
        match self.ask(Ask::Messages { component: None, last: usize::MAX }) {
            Ok(Told::Messages(records)) => records,
            told => unreachable!("messages were asked for, told {told:?}"),
        }
    }

    /// The records of a log, by its file name or its component's.
    ///
    /// # Errors
    /// 1060 if there is no such log.
    pub fn log(&mut self, log: &str) -> Result<Vec<String>, Refusal> {
        match self.ask(Ask::Logs { log: Some(log.to_owned()), last: usize::MAX })? {
            Told::Logs(mut tails) if tails.len() == 1 => Ok(tails.remove(0).lines),
            told => unreachable!("one log was asked for, told {told:?}"),
        }
    }

    /// Sends a message to a component from outside, and lets the site come to rest.
    ///
    /// # Errors
    /// 1060 if there is no such component; 1061 if the site does not come to rest.
    pub fn send(&mut self, component: &str, message: impl Into<Message>) -> Result<(), Refusal> {
        let to = self.query(component).map(|_| self.host.board().find(component))?;
        let to = to.expect("a component that can be queried is on the board");
        self.lanes[usize::from(to.shard())].tell(to, message);
        self.settle()
    }

    /// Commands a component without waiting for it, and without anything happening yet: for
    /// tests of what overtakes what.
    ///
    /// # Errors
    /// The refusal.
    pub fn order(
        &mut self,
        component: &str,
        command: contract::Command,
    ) -> Result<Accepted, Refusal> {
        match self.ask(Ask::Control { component: component.to_owned(), command })? {
            Told::Accepted(accepted) => Ok(accepted),
            told => unreachable!("a command is accepted or refused, told {told:?}"),
        }
    }

    /// Lets everything happen that happens at this moment.
    fn settle(&mut self) -> Result<(), Refusal> {
        for _ in 0..TURNS_MAX {
            self.do_doings();
            if self.fire_events() {
                continue;
            }
            if self.host.next_due().is_some_and(|due| due <= self.now) {
                let clock = self.clock();
                self.host.fire_due(clock);
                continue;
            }
            let now = self.now;
            let busy: Vec<usize> = (0..self.shards.len())
                .filter(|number| self.shards[*number].has_work(now))
                .collect();
            let Some(number) = self.rng.choice(busy) else { return Ok(()) };
            self.turn(number);
        }
        Err(Refusal::new(
            Code::CANNOT_ACCEPT_CONTROL,
            "simulation",
            format!("the site does not come to rest at {:?}; seed {}", self.now, self.seed),
            format!("the last thing that happened: {}", self.trace.last().map_or("", |l| l)),
        ))
    }

    /// One turn of one shard, of a length drawn from the seed.
    fn turn(&mut self, number: usize) {
        let clock = self.clock();
        let budget = self.rng.usize(1..=64);
        let mut outputs = std::mem::take(&mut self.outputs);
        self.shards[number].step(clock, budget, &mut outputs);
        for output in outputs.drain(..) {
            if let Output::Trace { id, generation, from, what } = &output {
                self.note(format!("{id} gen {generation} <- {from}: {what}"));
            }
            if let Some(errand) = self.host.hear(clock, output) {
                self.run_errand(errand);
            }
            self.do_doings();
        }
        self.outputs = outputs;
    }

    fn run_errand(&mut self, errand: Errand) {
        let Errand { id, generation, ticket, request } = errand;
        self.note(format!("{id} gen {generation} asks {ticket}: {}", request.name()));
        let (latency, answer) = self.outside.perform(&request);
        self.schedule(latency, What::Answer { id, generation, ticket, answer });
    }

    fn schedule(&mut self, after: Duration, what: What) {
        self.scheduled += 1;
        let at = self.now + after;
        self.events.push(Reverse(Scheduled { at, number: self.scheduled, what }));
    }

    /// Lets one scheduled thing happen that is due; false if there is none.
    fn fire_events(&mut self) -> bool {
        if self.events.peek().is_none_or(|Reverse(event)| event.at > self.now) {
            return false;
        }
        let Some(Reverse(event)) = self.events.pop() else { return false };
        match event.what {
            What::Answer { id, generation, ticket, answer } => {
                let parcel = Parcel::answer(id, generation, ticket, answer);
                self.lanes[usize::from(id.shard())].send(parcel);
            }
            What::BackupDone => {
                let clock = self.clock();
                self.host.backup_done(clock, Ok("the simulated backup folder".to_owned()));
            }
        }
        true
    }

    fn do_doings(&mut self) {
        let mut keep = false;
        let mut doings = std::mem::take(&mut self.doings);
        self.host.take_doings(&mut doings);
        for doing in doings.drain(..) {
            match doing {
                Doing::Order(shard, order) => self.lanes[usize::from(shard)].order(order),
                Doing::Changed(change) => self.note(format!(
                    "{} gen {} {} -> {} {}",
                    change.name,
                    change.generation,
                    change.from,
                    change.to,
                    change.substate.map(|substate| substate.to_string()).unwrap_or_default()
                )),
                Doing::Resolved(outcome) => {
                    self.note(format!("op {} {}", outcome.operation, outcome.code));
                    self.outcomes.insert(outcome.operation, outcome);
                }
                Doing::Keep => keep = true,
                Doing::Snapshot => self.schedule(self.backup_takes, What::BackupDone),
                // The host keeps the records; there is no file to write.
                Doing::Log(_) => {}
            }
        }
        if keep {
            self.kept = self.host.kept();
            let clock = self.clock();
            self.host.kept_so(clock, Ok(()));
        }
        self.doings = doings;
    }

    fn note(&mut self, what: String) {
        self.trace.push(format!("{:>14.6} {what}", self.now.since_start().as_secs_f64()));
    }

    /// The next moment at which anything happens.
    fn next_due(&mut self) -> Option<Moment> {
        let shards = self.shards.iter_mut().filter_map(Shard::next_due).min();
        let event = self.events.peek().map(|Reverse(event)| event.at);
        [shards, event, self.host.next_due()].into_iter().flatten().min()
    }

    /// Goes to the next moment at which anything happens; false if that is later than `until`.
    fn step_time(&mut self, until: Moment) -> Result<bool, Refusal> {
        match self.next_due() {
            Some(due) if due <= until => {
                self.now = self.now.max(due);
                self.settle()?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl HostControl for Site {
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal> {
        if let Ask::Cloud(command) = ask {
            return self.outside.cloud(command).map(Told::Cloud);
        }
        let clock = self.clock();
        let told = self.host.ask(clock, ask);
        self.do_doings();
        told
    }

    /// Virtual time passes, `within` at most, until the operation has ended.
    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        if !self.host.has_operation(operation) {
            return no_operation(operation);
        }
        let until = self.now + within;
        loop {
            let going_on = self.settle().and_then(|()| {
                if self.outcomes.contains_key(&operation) {
                    return Ok(false);
                }
                self.step_time(until)
            });
            if let Some(outcome) = self.outcomes.get(&operation) {
                return outcome.clone();
            }
            let text = match going_on {
                Ok(true) => continue,
                Ok(false) => {
                    self.now = until;
                    format!("not done within {within:?}; seed {}", self.seed)
                }
                Err(refusal) => refusal.to_string(),
            };
            return Outcome { operation, code: Code::REQUEST_TIMEOUT, text };
        }
    }

    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal> {
        let until = self.now + by;
        self.settle()?;
        while self.step_time(until)? {}
        self.now = until;
        self.settle()?;
        Ok(self.host.clock_view(self.clock()))
    }
}

fn no_operation(operation: OpId) -> Outcome {
    let text = format!("there is no operation {operation}");
    Outcome { operation, code: Code::DOES_NOT_EXIST, text }
}
