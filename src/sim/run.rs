//! The simulated driver: every shard on one thread, time that moves only when told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use cloud::Cloud;
use contract::control::{
    Accepted, Ask, ClockView, ComponentStatus, DeadLetter, HostControl, Outcome, Refusal,
    ServiceCommand, SettingView, Told, Until,
};
use contract::effect::Answer;
use contract::id::{ComponentId, Generation, MessageId, OpId, Ticket};
use contract::lifecycle::Code;
use contract::message::Message;
use contract::settings::{Setting, SettingValue};
use contract::status::StatusRecord;
use contract::store::Kept;
use contract::time::{Moment, WallTime, duration_text};
use host::{Doing, Errand, Host, HostOptions};
use kernel::{Clock, Lane, Output, Parcel, lane};
use site::SiteDefinition;

use crate::builder::{EPOCH, SiteBuilder};
use crate::carrier::Carrier;
use crate::ending::Leniency;
use crate::event::What;
use crate::faults::{Faults, RequestVerdict};
use crate::invariants::Invariants;
use crate::log::{EventLog, command_of};
use crate::outside::SimOutside;
use crate::report::Story;
use crate::seed;
use crate::step::Pace;
use crate::store::MemoryStore;

/// A component that takes longer to start is not waited for.
const START_MAX: Duration = Duration::from_secs(300);

/// A site in virtual time. Operated through [`HostControl`].
///
/// Dropped at the end of a test, it fails the test if a component has crashed or a message has
/// been left in the inbox of a component that does not run, unless the test says that this is
/// meant: [`Site::allow_crashes`], [`Site::allow_stranded`], [`SiteBuilder::lenient`]. When
/// the test has failed already, it shows the last state of everything instead.
#[derive(Debug)]
pub struct Site {
    pub(crate) host: Host,
    /// What carries each shard, by its number.
    pub(crate) carriers: Vec<Carrier>,
    /// Carriers that were lost, and whose code has not come back.
    pub(crate) lost: Vec<Carrier>,
    pub(crate) carriers_made: u64,
    pub(crate) lanes: Arc<[Lane]>,
    /// The executive was killed, and nobody has started another.
    pub(crate) killed: bool,
    /// What the site is made of: a new executive is made of the same.
    pub(crate) recipe: Recipe,
    outside: SimOutside,
    pub(crate) now: Moment,
    /// What the wall clock showed at the start, as it is set now.
    pub(crate) epoch: WallTime,
    pub(crate) seed: u64,
    rng: fastrand::Rng,
    /// What will happen at a time: due, in order of asking.
    pub(crate) scheduled: BinaryHeap<Reverse<Scheduled>>,
    schedulings: u64,
    pub(crate) store: MemoryStore,
    pub(crate) log: EventLog,
    pub(crate) faults: Faults,
    pub(crate) leniency: Leniency,
    /// Checks every event, or what was checked so far.
    pub(crate) invariants: Option<Invariants>,
    pub(crate) checked: bool,
    pub(crate) story: Story,
    outputs: Vec<Output>,
    doings: Vec<Doing>,
}

/// What every executive of the site is made of.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) definition: SiteDefinition,
    pub(crate) components: Vec<contract::Registration>,
    pub(crate) options: HostOptions,
    pub(crate) backup_takes: Duration,
}

#[derive(Debug)]
pub(crate) struct Scheduled {
    at: Moment,
    number: u64,
    what: Due,
}

#[derive(Debug)]
pub(crate) enum Due {
    Answer {
        id: ComponentId,
        generation: Generation,
        ticket: Ticket,
        request: &'static str,
        answer: Answer,
    },
    BackupDone,
    /// A message that a fault rule has delayed.
    Parcel(Parcel),
    /// Code that a fault rule has hang comes back, on that carrier.
    ComesBack(u64),
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
        let seed = match (builder.fixed_seed, seed::from_environment()?) {
            (Some(seed), _) | (None, Some(seed)) => seed,
            (None, None) => builder.seed,
        };
        let options = HostOptions {
            is_virtual: true,
            jitter_seed: builder.jitter.then_some(seed),
            budget: builder.executive_budget,
            ..HostOptions::new(builder.shards, 4_242)
        };
        let recipe = Recipe {
            definition: builder.definition,
            components: builder.components,
            options,
            backup_takes: builder.backup_takes,
        };
        let clock = Clock { now: Moment::ZERO, utc: builder.epoch };
        let store = builder.store;
        for (key, text) in builder.settings.iter() {
            store.apply(contract::store::Change::Setting { key: key.into(), text: text.into() });
        }
        let host = recipe.host(store.kept(), clock)?;
        let mut site = Site {
            host,
            carriers: Vec::new(),
            lost: Vec::new(),
            carriers_made: 0,
            lanes: Arc::new([]),
            killed: false,
            recipe,
            outside: SimOutside::new(builder.cloud.unwrap_or_else(|| Cloud::new(seed))),
            now: Moment::ZERO,
            epoch: builder.epoch,
            seed,
            rng: fastrand::Rng::with_seed(seed),
            scheduled: BinaryHeap::new(),
            schedulings: 0,
            store,
            log: EventLog::default(),
            faults: Faults::default(),
            leniency: Leniency::ALL,
            invariants: builder.checked.then(Invariants::default),
            checked: builder.checked,
            story: Story::default(),
            outputs: Vec::new(),
            doings: Vec::new(),
        };
        site.record_components();
        if builder.waits {
            site.begin_executive()?;
        } else {
            site.order_executive()?;
        }
        // From here on there is a test that can say what it means; an error above is told as one.
        site.leniency = builder.leniency;
        Ok(site)
    }

    /// Carries the shards of a new host, starts SMS_EXECUTIVE, and waits until it runs.
    pub(crate) fn begin_executive(&mut self) -> Result<(), Refusal> {
        let operation = self.order_executive()?;
        // A backup of the executive before it holds everything until its lease runs out.
        if self.host.is_held() {
            return self.run_to_rest();
        }
        let outcome = self.wait(operation, START_MAX);
        if outcome.code == Code::OK || outcome.code == Code::CANCELLED {
            return self.run_to_rest();
        }
        Err(Refusal::new(outcome.code, host::EXECUTIVE, outcome.text, "its logs say more"))
    }

    /// Carries the shards of a new host, and orders SMS_EXECUTIVE to start.
    pub(crate) fn order_executive(&mut self) -> Result<OpId, Refusal> {
        let (lanes, ends): (Vec<_>, Vec<_>) = (0..self.host.shards()).map(|_| lane()).unzip();
        for lane in &lanes {
            lane.begin_numbers_after(self.host.last_message_number());
        }
        self.lanes = lanes.into();
        self.carriers.clear();
        for (number, end) in (0..).zip(ends) {
            let carrier = self.new_carrier(number, end);
            self.carriers.push(carrier);
        }
        let begun = self.ask(Ask::Service(ServiceCommand::Start))?;
        let Told::Accepted(Accepted { operation: Some(operation), .. }) = begun else {
            unreachable!("a start is accepted with an operation, told {begun:?}")
        };
        Ok(operation)
    }

    /// What time it is.
    pub fn clock(&self) -> Clock {
        Clock { now: self.now, utc: self.epoch + self.now.since_start() }
    }

    /// The seed that the order of turns is drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The simulated outside: its cloud and its files.
    pub fn outside(&self) -> &SimOutside {
        &self.outside
    }

    /// How many connections the cloud has taken.
    pub fn connections(&self) -> u64 {
        self.outside.cloud_service().view().connections
    }

    /// What outlives the executive: the store itself, which can be given to another site.
    pub fn store(&self) -> MemoryStore {
        self.store.clone()
    }

    /// A copy of what outlives the executive.
    pub fn kept(&self) -> Kept {
        self.store.kept()
    }

    /// What a component keeps for its next lives under that name
    /// ([`Context::remember`](contract::Context::remember)); none if it keeps nothing there. It
    /// can be asked at any time, of a component that is stopped and after [`Site::kill`] too.
    pub fn remembered(&self, component: &str, name: &str) -> Option<String> {
        let kept = self.store.kept();
        let is_it = |(other, _): &(&String, _)| other.eq_ignore_ascii_case(component);
        let (_, registry) = kept.registries.iter().find(is_it)?;
        registry.get(name).cloned()
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

    /// Stores a setting, as an operator does. It is in effect at once for components that reload
    /// it, and for the others when they are next started: the view says which those are.
    ///
    /// # Errors
    /// 87 if no component declares such a setting and it is none of the site's, or if the value
    /// does not fit; 1067 if the executive was killed.
    pub fn set<T: SettingValue>(
        &mut self,
        setting: &Setting<T>,
        value: &T,
    ) -> Result<SettingView, Refusal> {
        match self.ask(Ask::Set { key: setting.key.to_owned(), value: value.to_text() })? {
            Told::Setting(view) => Ok(view),
            told => unreachable!("a setting was stored, told {told:?}"),
        }
    }

    fn setting_view(&mut self, key: &str) -> SettingView {
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

    /// The messages that were set aside and will not be delivered, oldest first.
    ///
    /// # Errors
    /// 1067 if the executive was killed.
    pub fn dead_letters(&mut self) -> Result<Vec<DeadLetter>, Refusal> {
        match self.ask(Ask::DeadLetters { component: None, last: usize::MAX })? {
            Told::DeadLetters(letters) => Ok(letters),
            told => unreachable!("dead letters were asked for, told {told:?}"),
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

    /// Sends a message to a component from outside, and lets the site come to rest. Once this
    /// returns, the message is accepted: it outlives the component, and the executive.
    ///
    /// # Errors
    /// 1060 if there is no such component; 1816 if its inbox is full; 1067 if the executive was
    /// killed; 1061 if the site does not come to rest.
    pub fn send(&mut self, component: &str, message: impl Into<Message>) -> Result<(), Refusal> {
        self.post(component, message.into(), None)?;
        self.run_to_rest()
    }

    /// Sends a message that is set aside if its turn has not come within `within`.
    ///
    /// # Errors
    /// Those of [`Site::send`].
    pub fn send_within(
        &mut self,
        component: &str,
        message: impl Into<Message>,
        within: Duration,
    ) -> Result<(), Refusal> {
        self.post(component, message.into(), Some(within))?;
        self.run_to_rest()
    }

    /// Sends a message without anything happening yet.
    ///
    /// # Errors
    /// Those of [`Site::send`].
    pub fn post(
        &mut self,
        component: &str,
        message: Message,
        within: Option<Duration>,
    ) -> Result<MessageId, Refusal> {
        self.query(component)?;
        let to = self.host.board().find(component);
        let to = to.expect("a component that can be queried is on the board");
        if self.host.board().view(to).is_some_and(|cell| cell.is_full()) {
            return Err(host::inbox_is_full(component));
        }
        let lane = &self.lanes[usize::from(to.shard())];
        let id = MessageId { from: ComponentId::OUTSIDE, number: lane.next_number() };
        let clock = self.clock();
        self.record(What::Sent { to: self.name(to), id, message: message.name() });
        let expires = within.map(|within| clock.utc + within);
        self.host.accepted(to, id, message.clone(), expires);
        self.do_doings();
        let expires = within.map(|within| clock.now + within);
        self.lanes[usize::from(to.shard())].send(Parcel::outside(to, id, message, expires));
        Ok(id)
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
        self.order_with(component, command, contract::CommandOptions::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    /// The refusal.
    pub fn order_with(
        &mut self,
        component: &str,
        command: contract::Command,
        options: contract::CommandOptions,
    ) -> Result<Accepted, Refusal> {
        match self.ask(Ask::Control { component: component.to_owned(), command, options })? {
            Told::Accepted(accepted) => Ok(accepted),
            told => unreachable!("a command is accepted or refused, told {told:?}"),
        }
    }

    /// Does the next thing of this moment; false if there is none.
    pub(crate) fn do_next(&mut self, pace: Pace) -> bool {
        self.do_doings();
        let did =
            self.fire_scheduled() || (!self.killed && (self.fire_host() || self.take_turn(pace)));
        self.do_doings();
        self.look_now_and_then();
        did
    }

    /// Lets the executive do what has fallen due; false if nothing has.
    fn fire_host(&mut self) -> bool {
        let clock = self.clock();
        if self.host.next_due().is_some_and(|due| due <= self.now) {
            self.host.fire_due(clock);
            return true;
        }
        if self.watch_due().is_some_and(|due| due <= self.now) {
            self.host.watch(clock);
            return true;
        }
        false
    }

    /// A turn of a shard that has work, drawn from the seed; false if none has.
    fn take_turn(&mut self, pace: Pace) -> bool {
        let now = self.now;
        let carriers = self.carriers.iter_mut().enumerate();
        let busy: Vec<usize> = carriers
            .filter_map(|(number, carrier)| carrier.shard.has_work(now).then_some(number))
            .collect();
        let Some(number) = self.rng.choice(busy) else { return false };
        let budget = match pace {
            Pace::Drawn => self.rng.usize(1..=64),
            Pace::Single => 1,
        };
        self.turn(number, budget);
        true
    }

    /// One turn of one shard.
    fn turn(&mut self, number: usize, budget: usize) {
        let clock = self.clock();
        let mut outputs = std::mem::take(&mut self.outputs);
        let turn = self.carriers[number].shard.step(clock, budget, &mut outputs);
        self.hear(&mut outputs);
        self.outputs = outputs;
        if turn.stalled {
            self.stalled(number);
        }
    }

    /// Hears what a turn has brought.
    pub(crate) fn hear(&mut self, outputs: &mut Vec<Output>) {
        let clock = self.clock();
        self.record_turn();
        self.record_injected();
        for output in outputs.drain(..) {
            let Some(output) = self.witness(output) else { continue };
            if let Output::Delayed { parcel, by } = output {
                self.schedule(by, Due::Parcel(parcel));
                continue;
            }
            if let Some(errand) = self.host.hear(clock, output) {
                self.run_errand(errand);
            }
            self.do_doings();
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        let verdict = self.judge_request(&errand);
        let Errand { id, generation, ticket, request } = errand;
        let (latency, answer) = match verdict {
            RequestVerdict::Pass => self.outside.perform(&request),
            RequestVerdict::Fail(failure) => (Duration::ZERO, Err(failure)),
            RequestVerdict::Delay(delay) => {
                let (latency, answer) = self.outside.perform(&request);
                (latency.saturating_add(delay), answer)
            }
            RequestVerdict::Lose => return,
        };
        let request = request.name();
        self.schedule(latency, Due::Answer { id, generation, ticket, request, answer });
    }

    pub(crate) fn schedule(&mut self, after: Duration, what: Due) {
        self.schedulings += 1;
        let at = self.now + after;
        self.scheduled.push(Reverse(Scheduled { at, number: self.schedulings, what }));
    }

    /// Lets one scheduled thing happen that is due; false if there is none.
    fn fire_scheduled(&mut self) -> bool {
        if self.scheduled.peek().is_none_or(|Reverse(scheduled)| scheduled.at > self.now) {
            return false;
        }
        let Some(Reverse(scheduled)) = self.scheduled.pop() else { return false };
        match scheduled.what {
            Due::Answer { id, generation, ticket, request, answer } => {
                let failure = answer.as_ref().err().cloned();
                let to = self.name(id);
                self.record(What::Answered { to, generation, ticket, request, failure });
                let parcel = Parcel::answer(id, generation, ticket, answer);
                self.lanes[usize::from(id.shard())].send(parcel);
            }
            Due::BackupDone => {
                let clock = self.clock();
                self.record(What::Copied);
                self.host.backup_done(clock, Ok("the simulated backup folder".to_owned()));
            }
            Due::Parcel(parcel) => self.lanes[usize::from(parcel.to().shard())].send(parcel),
            Due::ComesBack(carrier) => self.comes_back(carrier),
        }
        true
    }

    pub(crate) fn do_doings(&mut self) {
        let mut doings = std::mem::take(&mut self.doings);
        self.host.take_doings(&mut doings);
        for doing in doings.drain(..) {
            match doing {
                Doing::Order(shard, order) => self.lanes[usize::from(shard)].order(order),
                Doing::Changed(transition) => self.record_change(transition),
                Doing::Service(state) => self.record(What::Service { state }),
                Doing::Reported(record) => self.record_status(*record),
                Doing::Resolved(outcome) => {
                    self.record_outcome(&outcome);
                }
                Doing::Keep(change) => {
                    self.witness_change(&change);
                    self.store.apply(change);
                }
                Doing::Deliver(parcel) => {
                    self.lanes[usize::from(parcel.to().shard())].send(parcel);
                }
                Doing::Replace(shard) => self.replace_carrier(shard),
                Doing::Noticed(notice) => self.record_notice(&notice),
                Doing::Snapshot => self.schedule(self.recipe.backup_takes, Due::BackupDone),
                // The host keeps the records; there is no file to write.
                Doing::Log(_) => {}
            }
        }
        self.doings = doings;
    }

    /// The next moment at which anything happens.
    pub(crate) fn next_due(&mut self) -> Option<Moment> {
        let scheduled = self.scheduled.peek().map(|Reverse(scheduled)| scheduled.at);
        if self.killed {
            return scheduled;
        }
        let carriers = self.carriers.iter_mut();
        let timers = carriers.filter_map(|carrier| carrier.shard.next_due()).min();
        let host = [self.host.next_due(), self.watch_due()];
        [timers, scheduled].into_iter().chain(host).flatten().min()
    }

    /// What will happen when, in words, soonest first.
    pub(crate) fn dues(&mut self) -> Vec<(Moment, String)> {
        let mut dues: Vec<(Moment, String)> = Vec::new();
        dues.extend(self.host.next_due().map(|at| (at, "a restart or a deadline".to_owned())));
        dues.extend(self.watch_due().map(|at| (at, "the watchdog".to_owned())));
        for (number, carrier) in self.carriers.iter_mut().enumerate() {
            let due = carrier.shard.next_due();
            dues.extend(due.map(|at| (at, format!("a timer on shard {number}"))));
        }
        let mut scheduled: Vec<&Scheduled> = self.scheduled.iter().map(|Reverse(it)| it).collect();
        scheduled.sort();
        dues.extend(scheduled.into_iter().map(|scheduled| {
            let what = match &scheduled.what {
                Due::Answer { id, ticket, request, .. } => {
                    format!("answer {ticket} ({request}) to {}", self.host.name(*id))
                }
                Due::BackupDone => "the end of the backup's copy".to_owned(),
                Due::Parcel(parcel) => {
                    format!("a delayed message to {}", self.host.name(parcel.to()))
                }
                Due::ComesBack(_) => "code that hangs comes back".to_owned(),
            };
            (scheduled.at, what)
        }));
        dues.sort_by_key(|(at, _)| *at);
        dues
    }
}

impl HostControl for Site {
    fn ask(&mut self, ask: Ask) -> Result<Told, Refusal> {
        let clock = self.clock();
        let command = command_of(&ask);
        let told = match ask {
            Ask::Cloud(command) => self.outside.cloud(command).map(Told::Cloud),
            _ if self.killed => Err(killed()),
            ask => self.host.ask(clock, ask),
        };
        if let Some(command) = command {
            self.record_told(command, &told);
        }
        self.do_doings();
        told
    }

    /// Virtual time passes, `within` at most, until the operation has ended.
    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        let until = self.now + within;
        loop {
            let rested = self.run_to_rest();
            if let Some(outcome) = self.host.outcome(operation) {
                return outcome;
            }
            let text = match rested.and_then(|()| self.go_on(until, &mut 0)) {
                Ok(true) => continue,
                Ok(false) => {
                    let within = duration_text(within);
                    format!("not done within {within}: {}", self.summary())
                }
                Err(refusal) => refusal.to_string(),
            };
            return Outcome { operation, code: Code::REQUEST_TIMEOUT, text };
        }
    }

    fn wait_for(
        &mut self,
        component: &str,
        until: Until,
        within: Duration,
    ) -> Result<ComponentStatus, Refusal> {
        let deadline = self.now + within;
        let mut turns = 0;
        loop {
            let status = self.query(component)?;
            if until.holds(&status) {
                return Ok(status);
            }
            if !self.go_on(deadline, &mut turns)? && !until.holds(&self.query(component)?) {
                let within = duration_text(within);
                return Err(Refusal::new(
                    Code::REQUEST_TIMEOUT,
                    component,
                    format!("it was not {until} within {within}; it is {}", status.state),
                    self.summary(),
                ));
            }
        }
    }

    fn advance(&mut self, by: Duration) -> Result<ClockView, Refusal> {
        let until = self.now + by;
        let mut turns = 0;
        while self.go_on(until, &mut turns)? {}
        Ok(self.host.clock_view(self.clock()))
    }
}

impl Recipe {
    /// A new host, with what was kept.
    pub(crate) fn host(&self, kept: Kept, clock: Clock) -> Result<Host, Refusal> {
        Host::new(&self.definition, self.components.clone(), kept, self.options, clock)
    }
}

fn killed() -> Refusal {
    Refusal::new(
        Code::PROCESS_ABORTED,
        host::EXECUTIVE,
        "it was killed",
        "Site::start_again() starts another from the store",
    )
}
