//! The simulated driver: every shard on one thread, time that moves only when told.

mod begin;
mod seen;
mod turns;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use contract::control::{
    Accepted, Ask, ClockView, ComponentStatus, HostControl, Outcome, Refusal, Told, Until,
};
use contract::id::{ComponentId, MessageId, OpId};
use contract::lifecycle::Code;
use contract::message::Message;
use contract::time::{Moment, WallTime, duration_text};
use host::{Doing, Host, HostOptions};
use kernel::{Lane, Output, Parcel};
use site::SiteDefinition;

pub(crate) use self::turns::{Due, Scheduled};
use crate::carrier::Carrier;
use crate::ending::Leniency;
use crate::event::What;
use crate::faults::Faults;
use crate::invariants::Invariants;
use crate::log::{EventLog, command_of};
use crate::outside::SimOutside;
use crate::report::Story;
use crate::store::MemoryStore;

/// A site in virtual time. Operated through [`HostControl`].
///
/// Dropped at the end of a test, it fails the test if a component has crashed or a message has
/// been left in the inbox of a component that does not run, unless the test says that this is
/// meant: [`Site::allow_crashes`], [`Site::allow_stranded`],
/// [`SiteBuilder::lenient`](crate::SiteBuilder::lenient). When the test has failed already, it
/// shows the last state of everything instead.
#[derive(Debug)]
pub struct Site {
    pub(crate) host: Host,
    /// What carries each shard, by its number.
    pub(crate) carriers: Vec<Carrier>,
    /// Carriers that were lost, and whose code has not come back.
    pub(crate) lost: Vec<Carrier>,
    pub(crate) carriers_made: u64,
    /// A hook is stalled, or was and the executive may not have noticed yet that it is back.
    pub(crate) watches: bool,
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
    /// How the last thing that was asked or waited for was refused, if it was.
    pub(crate) refused: Option<String>,
    /// Checks every event, or what was checked so far.
    pub(crate) invariants: Option<Invariants>,
    pub(crate) checked: bool,
    pub(crate) story: Story,
    /// The shards that have work, where one is drawn. This and the next two are kept for their
    /// capacity.
    busy: Vec<usize>,
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

impl Site {
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
        self.refused = told.as_ref().err().map(ToString::to_string);
        told
    }

    /// Virtual time passes, `within` at most, until the operation has ended.
    fn wait(&mut self, operation: OpId, within: Duration) -> Outcome {
        let until = self.now + within;
        loop {
            let rested = self.run_to_rest();
            if let Some(outcome) = self.host.outcome(operation) {
                let failed = outcome.code != Code::OK;
                self.refused = failed.then(|| format!("{} ({})", outcome.text, outcome.code));
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

fn killed() -> Refusal {
    Refusal::new(
        Code::PROCESS_ABORTED,
        host::EXECUTIVE,
        "it was killed",
        "Site::start_again() starts another from the store",
    )
}
