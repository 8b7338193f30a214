//! What happens at a moment, one thing after the other, and what will happen later.

use std::cmp::Reverse;
use std::time::Duration;

use contract::effect::Answer;
use contract::id::{ComponentId, Generation, OpId, Ticket};
use contract::time::Moment;
use host::{Doing, Errand};
use kernel::{Output, Parcel};

use super::Site;
use crate::carrier::Carrier;
use crate::event::What;
use crate::faults::RequestVerdict;
use crate::step::Pace;

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
    BackupDone(OpId),
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

    /// When the watchdog will find something. In simulation a hook comes back at once unless it
    /// is stalled, so most of the time there is nothing to ask the executive for.
    fn watch_due(&mut self) -> Option<Moment> {
        if !self.watches {
            return None;
        }
        let due = self.host.watch_due();
        let is_stalled = |carrier: &Carrier| carrier.shard.stalled().is_some();
        self.watches = due.is_some() || self.carriers.iter().any(is_stalled);
        due
    }

    /// A turn of a shard that has work, drawn from the seed; false if none has.
    fn take_turn(&mut self, pace: Pace) -> bool {
        let now = self.now;
        let carriers = self.carriers.iter_mut().enumerate();
        self.busy.clear();
        self.busy.extend(
            carriers.filter_map(|(number, carrier)| carrier.shard.has_work(now).then_some(number)),
        );
        let Some(number) = self.rng.choice(&self.busy).copied() else { return false };
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
            Due::BackupDone(backup) => {
                let clock = self.clock();
                self.record(What::Copied);
                self.host.backup_done(clock, backup, Ok("the simulated backup folder".to_owned()));
            }
            Due::Parcel(parcel) => self.lanes[usize::from(parcel.to().shard())].send(parcel),
            Due::ComesBack(carrier) => self.comes_back(carrier),
        }
        true
    }

    pub(crate) fn do_doings(&mut self) {
        let mut doings = std::mem::take(&mut self.doings);
        self.host.take_doings(&mut doings);
        if doings.is_empty() {
            self.doings = doings;
            return;
        }
        for doing in doings.drain(..) {
            match doing {
                Doing::Order(shard, order) => self.lanes[usize::from(shard)].order(order),
                Doing::Changed(transition) => self.record_change(*transition),
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
                    self.lanes[usize::from(parcel.to().shard())].send_anew(parcel);
                }
                Doing::Replace(shard) => self.replace_carrier(shard),
                Doing::Noticed(notice) => self.record_notice(&notice),
                Doing::Snapshot(backup) => {
                    self.schedule(self.recipe.backup_takes, Due::BackupDone(backup));
                }
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
        if !self.killed {
            let due = self.host.next_due();
            dues.extend(due.map(|at| (at, "a restart or a deadline".to_owned())));
            dues.extend(self.host.watch_due().map(|at| (at, "the watchdog".to_owned())));
        }
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
                Due::BackupDone(_) => "the end of the backup's copy".to_owned(),
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
