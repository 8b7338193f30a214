//! Groups: components that are restarted together (lifecycle.md 3.3), one step at a time: all
//! that are concerned are stopped in reverse order, the delay passes, they are started in order.

use std::sync::Arc;
use std::time::Duration;

use contract::control::{Accepted, Refusal};
use contract::id::{ComponentId, OpId};
use contract::lifecycle::{
    Budget, Code, Command, Desired, Exit, Group, Restart, Startup, State, Strategy, Substate,
};
use contract::time::Moment;

use super::{Due, Executive, Notice};
use crate::supervision::{Crashes, Policy, Verdict};

#[derive(Debug)]
pub(super) struct GroupRecord {
    group: Group,
    name: Arc<str>,
    /// Records, in the order in which they start.
    members: Vec<usize>,
    crashes: Crashes,
    run: Option<Run>,
}

/// A restart, start or stop of a group that is under way.
#[derive(Debug)]
struct Run {
    /// Still to be stopped: the last one first.
    to_stop: Vec<usize>,
    /// To be started then, in this order; the first `started` of them have been.
    to_start: Vec<usize>,
    started: usize,
    /// Not before that moment.
    until: Moment,
    phase: Phase,
    operation: Option<OpId>,
    /// The group has been restarted too often: what is stopped now has failed.
    fails: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Stopping,
    Waiting,
    Starting,
}

impl GroupRecord {
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn is_due_at(&self, at: Moment) -> bool {
        self.run.as_ref().is_some_and(|run| run.phase == Phase::Waiting && run.until == at)
    }
}

impl Executive {
    pub(super) fn link_groups(&mut self, groups: &[Group]) -> Result<(), Refusal> {
        for group in groups {
            let number = self.groups.len();
            let mut members = Vec::new();
            for name in &group.members {
                let Some(id) = self.board.find(name) else {
                    return Err(Refusal::new(
                        Code::DOES_NOT_EXIST,
                        format!("group:{}", group.name),
                        format!("{name} is to be a member, and there is no such component"),
                        "take it out of the group, or register it",
                    ));
                };
                let index = self.index(id);
                if self.records[index].group.replace(number).is_some() {
                    return Err(Refusal::new(
                        Code::EXISTS,
                        format!("group:{}", group.name),
                        format!("{name} is a member already, of this group or another"),
                        "a component is in one group at most",
                    ));
                }
                members.push(index);
            }
            self.groups.push(GroupRecord {
                name: group.name.as_str().into(),
                group: group.clone(),
                members,
                crashes: Crashes::default(),
                run: None,
            });
        }
        Ok(())
    }

    /// The names of the groups.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| &*group.name)
    }

    /// The group that restarts this component when it crashes, if it is not its own to do.
    pub(super) fn group_that_restarts(&self, index: usize) -> Option<usize> {
        let group = self.records[index].group?;
        let alone = self.groups[group].group.strategy == Strategy::OneForOne;
        let temporary = self.records[index].descriptor().restart == Restart::Temporary;
        (!alone && !temporary).then_some(group)
    }

    /// What follows for a group after a member's life ended: charged to the group, once for
    /// each restart of it.
    pub(super) fn verdict_of_group(
        &mut self,
        now: Moment,
        group: usize,
        index: usize,
        exit: &Exit,
        ran: Duration,
        charged: bool,
    ) -> Verdict {
        let restart = self.records[index].descriptor().restart;
        if self.records[index].desired == Desired::Down {
            // It is being stopped, and has only ended before its turn.
            return Verdict::RestartAfter(Duration::ZERO);
        }
        let record = &mut self.groups[group];
        let run = record.run.as_ref().filter(|run| run.phase == Phase::Stopping);
        if let Some(run) = run.filter(|_| *exit != Exit::Normal) {
            if run.fails && run.concerns(index) {
                // The group has failed already, and this one with it.
                return Verdict::Leave;
            }
            if run.will_start(index) {
                // It is part of a restart that has been paid for, and starts with the others.
                return Verdict::RestartAfter(run.until.since(now));
            }
        }
        let policy = Policy { restart, budget: record.group.budget, backoff: record.group.backoff };
        let verdict = record.crashes.after(now, exit, ran, charged, &policy);
        self.with_jitter(verdict, policy.backoff.jitter_percent)
    }

    /// A member has crashed, and the group is restarted after `delay`: all of it, or that
    /// member and those behind it.
    pub(super) fn restart_group(
        &mut self,
        now: Moment,
        group: usize,
        crashed: usize,
        delay: Duration,
    ) {
        let record = &self.groups[group];
        let run = record.run.as_ref();
        let stopping = run.filter(|run| run.phase == Phase::Stopping);
        if stopping.is_some_and(|run| run.will_start(crashed)) {
            return;
        }
        let operation = run.and_then(|run| run.operation);
        let until = stopping.map_or(now, |run| run.until).max(now + delay);
        let concerned = self.concerned(group, crashed);
        let restarted = self.restarted(&concerned);
        let (concerned, to_start) = self.with_run_before(group, &concerned, &restarted);
        self.notice(Notice::GroupRestarts(
            Arc::clone(&self.groups[group].name),
            self.groups[group].group.strategy,
            delay,
        ));
        self.begin_run(now, group, concerned, to_start, until, operation);
    }

    /// Whom a new run is to stop and to start, and with them whom the one before it still had
    /// to: what that had begun is part of this one. In the group's order.
    fn with_run_before(
        &self,
        group: usize,
        to_stop: &[usize],
        to_start: &[usize],
    ) -> (Vec<usize>, Vec<usize>) {
        let GroupRecord { members, run, .. } = &self.groups[group];
        let (was_to_stop, was_to_start) = match run {
            Some(run) => (run.to_stop.as_slice(), &run.to_start[run.started..]),
            None => (&[][..], &[][..]),
        };
        let both = |one: &[usize], other: &[usize]| {
            let members = members.iter().copied();
            members.filter(|m| one.contains(m) || other.contains(m)).collect()
        };
        (both(to_stop, was_to_stop), both(to_start, was_to_start))
    }

    /// Whom a member's crash concerns, in the group's order.
    fn concerned(&self, group: usize, crashed: usize) -> Vec<usize> {
        let GroupRecord { members, group, .. } = &self.groups[group];
        match group.strategy {
            Strategy::OneForOne => vec![crashed],
            Strategy::OneForAll => members.clone(),
            Strategy::RestForOne => {
                members.iter().copied().skip_while(|member| *member != crashed).collect()
            }
        }
    }

    /// Those of them that are started again: temporary ones are not, nor what an operator has
    /// stopped or what has ended for good.
    fn restarted(&self, concerned: &[usize]) -> Vec<usize> {
        let comes_back = |index: &usize| {
            let record = &self.records[*index];
            record.desired != Desired::Down
                && record.descriptor().restart != Restart::Temporary
                && (record.state != State::Stopped || record.is_backing_off())
        };
        concerned.iter().copied().filter(comes_back).collect()
    }

    fn begin_run(
        &mut self,
        now: Moment,
        group: usize,
        to_stop: Vec<usize>,
        to_start: Vec<usize>,
        until: Moment,
        operation: Option<OpId>,
    ) {
        let run = Run {
            to_stop,
            to_start,
            started: 0,
            until,
            phase: Phase::Stopping,
            operation,
            fails: false,
        };
        self.groups[group].run = Some(run);
        self.tell_when(now, group);
        self.go_on_with_group(now, group);
    }

    /// Members that are down already come back when the run says so, and say so themselves.
    fn tell_when(&mut self, now: Moment, group: usize) {
        let Some(run) = &self.groups[group].run else { return };
        let there = Substate::Backoff { until: run.until };
        let left = run.to_start[run.started..].to_vec();
        for index in left {
            if self.records[index].is_backing_off() && self.records[index].substate != there {
                self.set_stopped(now, index, there, None);
            }
        }
    }

    /// A member has changed its state: the run goes on if that is what it waited for.
    pub(super) fn go_on_with_group(&mut self, now: Moment, group: usize) {
        match self.groups[group].run.as_ref().map(|run| run.phase) {
            Some(Phase::Stopping) => self.stop_members(now, group),
            Some(Phase::Starting) => self.start_members(now, group),
            Some(Phase::Waiting) | None => {}
        }
    }

    /// Stops the next member, once the one before it is Stopped.
    fn stop_members(&mut self, now: Moment, group: usize) {
        while let Some(index) =
            self.groups[group].run.as_ref().and_then(|run| run.to_stop.last().copied())
        {
            match self.records[index].state {
                State::Stopped => {
                    if let Some(run) = &mut self.groups[group].run {
                        run.to_stop.pop();
                    }
                }
                State::StopPending => return,
                _ => {
                    self.resolve(index, Code::CANCELLED, "its group is restarted");
                    return self.order_stop(now, index);
                }
            }
        }
        let Some(run) = &mut self.groups[group].run else { return };
        if run.to_start.is_empty() {
            return self.end_run(group, Code::OK, "stopped");
        }
        if run.until > now {
            run.phase = Phase::Waiting;
            let until = run.until;
            self.set_due(until, Due::Group(group));
        } else {
            self.start_members(now, group);
        }
    }

    /// Starts the next member, once the one before it runs or has nothing to do here.
    pub(super) fn start_members(&mut self, now: Moment, group: usize) {
        if self.are_all_held() {
            return self.end_run(group, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
        }
        loop {
            let Some(run) = &mut self.groups[group].run else { return };
            run.phase = Phase::Starting;
            let Some(index) = run.to_start.get(run.started).copied() else {
                return self.end_run(group, Code::OK, "running");
            };
            let record = &self.records[index];
            match record.state {
                State::StartPending | State::StopPending => return,
                State::Stopped if record.is_backing_off() => {
                    if self.is_held(index) {
                        self.set_stopped(now, index, Substate::Held, None);
                        self.resolve(index, Code::CANCELLED, "a hold keeps it down");
                        self.skip_member(group);
                        continue;
                    }
                    return self.begin_life(now, index);
                }
                State::Stopped
                    if record.substate == Substate::Failed && record.descriptor().significant =>
                {
                    return self.end_without(now, group);
                }
                _ => self.skip_member(group),
            }
        }
    }

    /// A significant member has failed: those behind it are not started without it.
    fn end_without(&mut self, now: Moment, group: usize) {
        let run = self.groups[group].run.as_ref();
        let left = run.map_or(Vec::new(), |run| run.to_start[run.started..].to_vec());
        self.end_run(group, Code::DEPENDENCY_FAIL, "a significant member has failed");
        for index in left {
            self.fail_with_group(now, index);
        }
    }

    /// A member that was on its way back is not any more: whoever waits for it waits in vain.
    fn fail_with_group(&mut self, now: Moment, index: usize) {
        if self.records[index].is_backing_off() {
            self.set_stopped(now, index, Substate::Failed, None);
            self.resolve(index, Code::DEPENDENCY_FAIL, "its group has failed");
        }
    }

    fn skip_member(&mut self, group: usize) {
        if let Some(run) = &mut self.groups[group].run {
            run.started += 1;
        }
    }

    fn end_run(&mut self, group: usize, code: Code, text: &str) {
        let Some(run) = self.groups[group].run.take() else { return };
        if let Some(operation) = run.operation {
            self.resolve_operation(operation, code, text);
        }
    }

    /// Whether the component is part of a run of its group.
    pub(super) fn is_in_run(&self, index: usize) -> bool {
        self.run_of(index).is_some_and(|run| run.concerns(index))
    }

    /// Whether a run of its group will start it.
    pub(super) fn is_to_be_started(&self, index: usize) -> bool {
        self.run_of(index).is_some_and(|run| run.will_start(index))
    }

    fn run_of(&self, index: usize) -> Option<&Run> {
        self.groups[self.records[index].group?].run.as_ref()
    }

    /// What a member that a run has stopped is: on its way back, failed with the group, or, if
    /// it is not to come back, at its end.
    pub(super) fn after_stop_by_run(&self, index: usize) -> Option<Substate> {
        let run = self.run_of(index)?;
        if !run.concerns(index) {
            return None;
        }
        Some(match run.will_start(index) {
            _ if run.fails => Substate::Failed,
            true => Substate::Backoff { until: run.until },
            false => Substate::Completed,
        })
    }

    /// A member has crashed at its turn in a run, and restarts by itself after a delay: so long
    /// the run waits. False if there is no such run.
    pub(super) fn delay_run(&mut self, now: Moment, index: usize, until: Moment) -> bool {
        let Some(group) = self.records[index].group else { return false };
        let run = self.groups[group].run.as_mut();
        let starting = |run: &&mut Run| run.phase == Phase::Starting && run.will_start(index);
        let Some(run) = run.filter(starting) else { return false };
        (run.until, run.phase) = (until, Phase::Waiting);
        self.set_due(until, Due::Group(group));
        self.tell_when(now, group);
        true
    }

    /// A person has seen to a component: its crashes are forgotten, those as well that were
    /// charged to its group.
    pub(super) fn forgive(&mut self, index: usize) {
        self.records[index].crashes.forgive();
        if let Some(group) = self.records[index].group {
            self.groups[group].crashes.forgive();
        }
    }

    /// How many crashes of a component are too many: where its group restarts it, of all of
    /// its members together.
    pub fn budget(&self, id: ComponentId) -> Budget {
        let index = self.index(id);
        match self.group_that_restarts(index) {
            Some(group) => self.groups[group].group.budget,
            None => self.records[index].descriptor().budget,
        }
    }

    /// The group has been restarted too often: whom the crash concerns has failed with it.
    pub(super) fn fail_group(&mut self, now: Moment, group: usize, crashed: usize) {
        let concerned = self.concerned(group, crashed);
        let (to_stop, failed) = self.with_run_before(group, &concerned, &concerned);
        let operation = self.groups[group].run.take().and_then(|run| run.operation);
        self.tell_failed(group);
        if let Some(operation) = operation {
            self.resolve_operation(operation, Code::DEPENDENCY_FAIL, "restarted too often");
        }
        for index in failed {
            self.fail_with_group(now, index);
        }
        let to_stop = to_stop.into_iter().filter(|i| self.records[*i].has_life()).collect();
        self.begin_run(now, group, to_stop, Vec::new(), now, None);
        if let Some(run) = &mut self.groups[group].run {
            run.fails = true;
        }
    }

    fn tell_failed(&mut self, group: usize) {
        let record = &self.groups[group];
        let notice = Notice::GroupFailed(Arc::clone(&record.name), record.group.budget);
        self.notice(notice);
    }

    /// A member has spent a budget of its own, and its group is to hear of it: all of the group
    /// is restarted, at the group's charge.
    pub(super) fn escalate_to_group(&mut self, now: Moment, index: usize) {
        let Some(group) = self.records[index].group else { return };
        // Where the group restarts it, the group has failed, and has said so.
        if self.group_that_restarts(index).is_some() {
            return;
        }
        let record = &mut self.groups[group];
        let policy = Policy {
            restart: Restart::Permanent,
            budget: record.group.budget,
            backoff: record.group.backoff,
        };
        let exit = Exit::Error { code: 0, text: String::new() };
        let verdict = record.crashes.after(now, &exit, Duration::ZERO, true, &policy);
        let members = record.members.clone();
        match self.with_jitter(verdict, policy.backoff.jitter_percent) {
            Verdict::RestartAfter(delay) => {
                let until = now + delay;
                // A temporary member stays where it is; the others are restarted for it.
                if self.records[index].descriptor().restart != Restart::Temporary {
                    self.records[index].crashes.forgive();
                    self.set_stopped(now, index, Substate::Backoff { until }, None);
                }
                let restarted = self.restarted(&members);
                let (members, to_start) = self.with_run_before(group, &members, &restarted);
                let record = &self.groups[group];
                let (name, strategy) = (Arc::clone(&record.name), record.group.strategy);
                // Whoever waits for the run that this one replaces waits for this one.
                let operation = record.run.as_ref().and_then(|run| run.operation);
                self.notice(Notice::GroupRestarts(name, strategy, delay));
                self.begin_run(now, group, members, to_start, until, operation);
            }
            Verdict::GiveUp | Verdict::Leave => {
                self.tell_failed(group);
            }
        }
    }

    /// The executive stops: its plan takes the place of every run.
    pub(super) fn end_all_runs(&mut self) {
        for group in 0..self.groups.len() {
            self.end_run(group, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
        }
    }

    /// An operator has other plans for a member: it is no part of a run any more.
    pub(super) fn leave_run(&mut self, now: Moment, index: usize) {
        let Some(group) = self.records[index].group else { return };
        let Some(run) = &mut self.groups[group].run else { return };
        run.to_stop.retain(|member| *member != index);
        let at = run.to_start.iter().position(|member| *member == index);
        if let Some(at) = at {
            run.to_start.remove(at);
            run.started -= usize::from(at < run.started);
        }
        self.go_on_with_group(now, group);
    }

    /// An operator does not want to wait for the delay of a group's restart.
    pub(super) fn hasten_run(&mut self, now: Moment, index: usize) -> bool {
        if !self.is_to_be_started(index) {
            return false;
        }
        let Some(group) = self.records[index].group else { return false };
        if self.records[index].state == State::Stopped && !self.records[index].is_backing_off() {
            // It has ended meanwhile, and would be passed over.
            self.set_stopped(now, index, Substate::Backoff { until: now }, None);
        }
        if let Some(run) = &mut self.groups[group].run {
            run.until = now;
            if run.phase == Phase::Waiting {
                self.start_members(now, group);
            }
        }
        true
    }

    /// Starts, stops or restarts a group, one member after the other.
    ///
    /// # Errors
    /// 1060 if there is no such group; 1052 for any other command; 1115 and 1055 as for a
    /// component; 1056 for a start when all run; 1062 for a stop when none does.
    pub fn command_group(
        &mut self,
        now: Moment,
        name: &str,
        command: Command,
    ) -> Result<Accepted, Refusal> {
        let subject = format!("group:{name}");
        let found = self.groups.iter().position(|group| group.name.eq_ignore_ascii_case(name));
        let Some(group) = found else {
            let names: Vec<&str> = self.groups().collect();
            let way_out = match names.as_slice() {
                [] => "this site has no groups".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            let reason = "no group has that name";
            return Err(Refusal::new(Code::DOES_NOT_EXIST, subject, reason, way_out));
        };
        if command != Command::Stop {
            self.check_executive(&subject)?;
        }
        let members = self.groups[group].members.clone();
        let (to_stop, to_start) = match command {
            Command::Start => (Vec::new(), self.wanted_up(&members, &subject)?),
            Command::Stop => (self.wanted_down(&members, &subject)?, Vec::new()),
            Command::Restart => (members.clone(), self.wanted_again(&members)),
            _ => {
                return Err(Refusal::new(
                    Code::INVALID_CONTROL,
                    subject,
                    format!("a group takes no {command}"),
                    "a group is started, stopped and restarted; its members take the rest",
                ));
            }
        };
        self.end_run(group, Code::CANCELLED, "a later command took its place");
        let id = self.next_operation();
        for index in to_stop.iter().chain(&to_start) {
            self.resolve(*index, Code::CANCELLED, "its group was commanded");
            self.cancel_queued(*index);
            self.records[*index].ahead.starts_again = false;
            self.records[*index].ahead.leaving = false;
            let desired = if command == Command::Stop { Desired::Down } else { Desired::Up };
            if self.records[*index].desired != Desired::Down || command == Command::Start {
                self.want(*index, desired);
            }
        }
        for index in members.into_iter().filter(|_| command == Command::Start) {
            // A stop that has not got there yet has no say any more.
            let record = &mut self.records[index];
            let down = matches!(record.state, State::Stopped | State::StopPending);
            if !down && record.desired == Desired::Down {
                self.stay(index);
                self.want(index, Desired::Up);
            }
        }
        for index in &to_start {
            if self.records[*index].state == State::Stopped {
                self.set_stopped(now, *index, Substate::Backoff { until: now }, None);
            }
        }
        for index in &to_stop {
            if self.records[*index].is_backing_off() && command == Command::Stop {
                self.set_stopped(now, *index, Substate::Operator, None);
            }
        }
        self.begin_run(now, group, to_stop, to_start, now, Some(id));
        self.settle(now);
        Ok(Accepted { operation: Some(id), code: Code::OK, note: "accepted".into() })
    }

    fn wanted_up(&mut self, members: &[usize], subject: &str) -> Result<Vec<usize>, Refusal> {
        let can_start = |index: &&usize| {
            let record = &self.records[**index];
            matches!(record.state, State::Stopped | State::StopPending)
                && record.startup != Startup::Disabled
                && !record.removed
                && record.maintenance.is_none()
        };
        let down: Vec<usize> = members.iter().filter(can_start).copied().collect();
        if down.is_empty() {
            let (code, reason) = (Code::ALREADY_RUNNING, "none of its members can be started");
            return Err(Refusal::new(code, subject, reason, ""));
        }
        for index in &down {
            self.forgive(*index);
        }
        Ok(down)
    }

    fn wanted_down(&self, members: &[usize], subject: &str) -> Result<Vec<usize>, Refusal> {
        let lives = |index: &usize| {
            let record = &self.records[*index];
            record.state != State::Stopped || record.is_backing_off()
        };
        if members.iter().any(lives) {
            return Ok(members.to_vec());
        }
        Err(Refusal::new(Code::NOT_ACTIVE, subject, "none of its members runs", ""))
    }

    /// Those that a restart by an operator brings back: all but what an operator has stopped.
    fn wanted_again(&mut self, members: &[usize]) -> Vec<usize> {
        for index in members {
            self.forgive(*index);
        }
        let comes_back = |index: &&usize| {
            let record = &self.records[**index];
            let free = !record.removed && record.maintenance.is_none();
            free && record.desired != Desired::Down && record.startup != Startup::Disabled
        };
        members.iter().filter(comes_back).copied().collect()
    }
}

impl Run {
    fn concerns(&self, index: usize) -> bool {
        self.to_stop.contains(&index) || self.will_start(index)
    }

    fn will_start(&self, index: usize) -> bool {
        self.to_start[self.started.min(self.to_start.len())..].contains(&index)
    }
}
