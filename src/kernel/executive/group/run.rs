//! A group's run: a restart, start, stop or failure of all that are concerned, one step at a
//! time. They are stopped in reverse order, the delay passes, they are started in order.

use std::collections::{HashSet, VecDeque};

use contract::id::OpId;
use contract::lifecycle::{Code, Desired, Restart, State, Substate};
use contract::time::Moment;

use super::super::dependencies::some_of;
use super::super::record::Record;
use super::super::{Due, Executive};

#[derive(Debug)]
pub(in super::super) struct Run {
    pub(super) goal: Goal,
    /// Still to be stopped: the last one first.
    to_stop: Line,
    /// Still to be started then: the first one first.
    to_start: Line,
    /// Those that have been started, or passed over.
    done: Vec<usize>,
    /// Not before that moment.
    pub(super) until: Moment,
    phase: Phase,
    /// The operation of whoever waits for its end.
    pub(super) operation: Option<OpId>,
    /// Where among its dependents the outsider was that the next member waits for.
    looked_at: usize,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    Restart,
    Stop,
    Start,
    /// The group has been restarted too often: what is stopped now has failed.
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Stopping,
    Waiting,
    Starting,
}

/// Records in an order, each once.
#[derive(Debug, Default)]
struct Line {
    order: VecDeque<usize>,
    left: HashSet<usize>,
}

impl Line {
    fn new(order: impl IntoIterator<Item = usize>) -> Self {
        let order: VecDeque<usize> = order.into_iter().collect();
        Line { left: order.iter().copied().collect(), order }
    }

    fn contains(&self, index: usize) -> bool {
        self.left.contains(&index)
    }

    fn remove(&mut self, index: usize) {
        if self.left.remove(&index) {
            self.order.retain(|other| *other != index);
        }
    }

    fn pop_first(&mut self) -> Option<usize> {
        let index = self.order.pop_front()?;
        self.left.remove(&index);
        Some(index)
    }

    fn pop_last(&mut self) {
        if let Some(index) = self.order.pop_back() {
            self.left.remove(&index);
        }
    }
}

impl Run {
    fn new(goal: Goal, to_stop: Line, to_start: Line, until: Moment) -> Self {
        let (phase, done, operation) = (Phase::Stopping, Vec::new(), None);
        Run { goal, to_stop, to_start, done, until, phase, operation, looked_at: 0 }
    }

    /// Whether it is in its stop phase.
    pub(super) fn stops(&self) -> bool {
        self.phase == Phase::Stopping
    }

    pub(super) fn is_due_at(&self, at: Moment) -> bool {
        self.phase == Phase::Waiting && self.until == at
    }

    pub(super) fn concerns(&self, index: usize) -> bool {
        self.to_stop.contains(index) || self.to_start.contains(index)
    }

    fn will_stop(&self, index: usize) -> bool {
        self.to_stop.contains(index)
    }

    pub(super) fn will_start(&self, index: usize) -> bool {
        self.to_start.contains(index)
    }

    /// Why a member's own operation ends when the run stops it.
    fn why(&self) -> &'static str {
        match self.goal {
            Goal::Restart | Goal::Start => "its group is restarted",
            Goal::Stop => "its group is stopped",
            Goal::Fail => "its group has failed",
        }
    }
}

impl Executive {
    /// Restarts those of a group, not before `until`. Whoever waits for the run that this one
    /// replaces waits for this one.
    pub(super) fn begin_restart(
        &mut self,
        now: Moment,
        group: usize,
        concerned: &[usize],
        until: Moment,
    ) {
        let comes_back: HashSet<usize> =
            concerned.iter().copied().filter(|index| self.comes_back(*index)).collect();
        let (to_stop, to_start) = self.with_run_before(group, concerned, &comes_back);
        let operation = self.groups[group].run.as_ref().and_then(|run| run.operation);
        let run = Run::new(Goal::Restart, to_stop, to_start, until);
        self.begin_run(now, group, Run { operation, ..run });
    }

    /// Whether a restart of its group brings it back: not what is temporary, nor what an
    /// operator has stopped or what has ended for good.
    fn comes_back(&self, index: usize) -> bool {
        let record = &self.records[index];
        record.desired != Desired::Down
            && record.descriptor().restart != Restart::Temporary
            && (record.state != State::Stopped || record.is_backing_off())
    }

    /// Those of a group have failed with it: what lives is stopped, what was on its way back is
    /// not any more.
    pub(super) fn begin_failure(&mut self, now: Moment, group: usize, concerned: &[usize]) {
        let all: HashSet<usize> = concerned.iter().copied().collect();
        let (to_stop, failed) = self.with_run_before(group, concerned, &all);
        self.end_run(group, Code::DEPENDENCY_FAIL, "restarted too often");
        for index in failed.order {
            self.fail_with_group(now, index);
        }
        let lives = |index: &usize| self.records[*index].state != State::Stopped;
        let to_stop = to_stop.order.into_iter().filter(lives);
        let run = Run::new(Goal::Fail, Line::new(to_stop), Line::default(), now);
        self.begin_run(now, group, run);
    }

    /// Begins what an operator wants of a group; the operation ends with it.
    pub(super) fn begin_commanded(
        &mut self,
        now: Moment,
        group: usize,
        goal: Goal,
        to_stop: &[usize],
        to_start: &[usize],
        operation: OpId,
    ) {
        let line = |members: &[usize]| Line::new(members.iter().copied());
        let run = Run::new(goal, line(to_stop), line(to_start), now);
        self.begin_run(now, group, Run { operation: Some(operation), ..run });
    }

    /// Whom a new run is to stop and to start, and with them whom the one before it still had
    /// to: what that had begun is part of this one. In the group's order.
    fn with_run_before(
        &self,
        group: usize,
        to_stop: &[usize],
        to_start: &HashSet<usize>,
    ) -> (Line, Line) {
        let to_stop: HashSet<usize> = to_stop.iter().copied().collect();
        let record = &self.groups[group];
        let run = record.run.as_ref();
        let stops = |index: &usize| {
            to_stop.contains(index) || run.is_some_and(|run| run.to_stop.contains(*index))
        };
        let starts = |index: &usize| {
            to_start.contains(index) || run.is_some_and(|run| run.to_start.contains(*index))
        };
        let members = || record.members.iter().copied();
        (Line::new(members().filter(stops)), Line::new(members().filter(starts)))
    }

    fn begin_run(&mut self, now: Moment, group: usize, run: Run) {
        self.groups[group].run = Some(run);
        self.tell_when(now, group);
        self.go_on_with_group(now, group);
    }

    /// Members that are down already come back when the run says so, and say so themselves.
    fn tell_when(&mut self, now: Moment, group: usize) {
        let Some(run) = &self.groups[group].run else { return };
        let there = Substate::Backoff { until: run.until };
        let left: Vec<usize> = run.to_start.order.iter().copied().collect();
        for index in left {
            if self.records[index].is_backing_off() && self.records[index].substate() != there {
                self.set_stopped(now, index, there, None);
            }
        }
    }

    /// A member has changed its state: the run goes on if that is what it waited for.
    pub(in super::super) fn go_on_with_group(&mut self, now: Moment, group: usize) {
        match self.groups[group].run.as_ref().map(|run| run.phase) {
            Some(Phase::Stopping) => self.stop_members(now, group),
            Some(Phase::Starting) => self.start_members(now, group),
            Some(Phase::Waiting) | None => {}
        }
    }

    /// Stops the next member, once the one before it is Stopped.
    fn stop_members(&mut self, now: Moment, group: usize) {
        while let Some(run) = &mut self.groups[group].run
            && let Some(index) = run.to_stop.order.back().copied()
        {
            let record = &self.records[index];
            // An operator has started it since, and that is the later command.
            let stays = run.goal == Goal::Stop && record.desired != Desired::Down;
            match record.state {
                _ if stays => run.to_stop.pop_last(),
                State::Stopped => run.to_stop.pop_last(),
                State::StopPending => return,
                _ => {
                    let why = run.why();
                    if !self.waits_for_outsiders(group, index) {
                        self.resolve(index, Code::CANCELLED, why);
                        self.order_stop(now, index);
                    }
                    return;
                }
            }
        }
        let Some(run) = &mut self.groups[group].run else { return };
        if run.to_start.order.is_empty() {
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

    /// Whether a stop of the group has to wait for what is not in it, depends on that member,
    /// and is being stopped too.
    fn waits_for_outsiders(&mut self, group: usize, index: usize) -> bool {
        let Some(run) = &mut self.groups[group].run else { return false };
        let record = &self.records[index];
        if run.goal != Goal::Stop || record.rest.lives_on_it == 0 {
            return false;
        }
        let goes_first = |nth: &usize| {
            let dependent = record.rest.dependents[*nth];
            let other = &self.records[dependent];
            other.has_life() && other.desired == Desired::Down && !run.to_stop.contains(dependent)
        };
        // From the one that it waited for last: they are many, and each end comes here.
        let all = record.rest.dependents.len();
        let found = (run.looked_at..all).chain(0..run.looked_at.min(all)).find(goes_first);
        run.looked_at = found.unwrap_or_default();
        found.is_some()
    }

    /// Starts the next member, once the one before it runs or has nothing to do here.
    pub(in super::super) fn start_members(&mut self, now: Moment, group: usize) {
        if self.are_all_held() {
            return self.end_run(group, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
        }
        loop {
            let Some(run) = &mut self.groups[group].run else { return };
            run.phase = Phase::Starting;
            let commanded = run.operation.is_some();
            let Some(index) = run.to_start.order.front().copied() else {
                let (code, text) = self.result_of_run(group);
                return self.end_run(group, code, &text);
            };
            let record = &self.records[index];
            match record.state {
                State::StartPending if record.ahead.overdue => self.pass_member(group),
                State::StartPending | State::StopPending => return,
                State::Stopped if record.is_backing_off() && self.is_kept_down(index) => {
                    self.set_stopped(now, index, Substate::Held, None);
                    self.resolve(index, Code::CANCELLED, "a hold keeps it down");
                    self.pass_member(group);
                }
                State::Stopped if record.is_backing_off() => {
                    if commanded {
                        self.start_dependencies(now, index, |_| true);
                    }
                    return self.begin_life(now, index);
                }
                State::Stopped
                    if record.substate() == Substate::Failed && record.descriptor().significant =>
                {
                    return self.end_without(now, group);
                }
                _ => self.pass_member(group),
            }
        }
    }

    /// A significant member has failed: those behind it are not started without it.
    fn end_without(&mut self, now: Moment, group: usize) {
        let left = self.groups[group].run.as_mut().map(|run| std::mem::take(&mut run.to_start));
        self.end_run(group, Code::DEPENDENCY_FAIL, "a significant member has failed");
        for index in left.unwrap_or_default().order {
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

    fn pass_member(&mut self, group: usize) {
        if let Some(run) = &mut self.groups[group].run {
            let passed = run.to_start.pop_first();
            run.done.extend(passed);
            // What depends on it waits for this run no longer.
            self.changed.extend(passed);
        }
    }

    /// How a run ends that has started all it was to start: with the first member that does not
    /// run for another reason than that it has nothing to do here.
    fn result_of_run(&self, group: usize) -> (Code, String) {
        let done = self.groups[group].run.iter().flat_map(|run| &run.done);
        let mut missing = done.filter_map(|index| Some((*index, self.why_missing(*index)?)));
        let Some((first, code)) = missing.next() else { return (Code::OK, "running".to_owned()) };
        let others = missing.map(|(index, _)| index);
        let names: Vec<&str> =
            std::iter::once(first).chain(others).map(|i| &**self.records[i].name()).collect();
        (code, format!("running, but for {}", some_of(&names)))
    }

    fn why_missing(&self, index: usize) -> Option<Code> {
        let record = &self.records[index];
        match (record.state, record.substate()) {
            (State::StartPending, _) => Some(Code::REQUEST_TIMEOUT),
            (State::Stopped, Substate::Failed) => {
                let exit = record.last_exit();
                Some(exit.map_or(Code::DEPENDENCY_FAIL, |exit| exit.code()))
            }
            (State::Stopped, Substate::Held) if self.is_held(index) => Some(Code::DATABASE_LOCKED),
            (State::Stopped, Substate::Held) => Some(Code::DEPENDENCY_FAIL),
            _ => None,
        }
    }

    pub(super) fn end_run(&mut self, group: usize, code: Code, text: &str) {
        let Some(run) = self.groups[group].run.take() else { return };
        // What depends on those that it would have started waits for it no longer.
        self.changed.extend(run.to_start.order);
        if let Some(operation) = run.operation {
            self.resolve_operation(operation, code, text);
        }
    }

    /// Whether a stop of its group has yet to come to it.
    pub(in super::super) fn is_to_be_stopped(&self, index: usize) -> bool {
        let Record { state, desired, .. } = &self.records[index];
        *desired == Desired::Down
            && !matches!(state, State::Stopped | State::StopPending)
            && self.run_of(index).is_some_and(|run| run.goal == Goal::Stop && run.will_stop(index))
    }

    /// A life begins before a run has come to stop the last one, which is over: it is no part of
    /// what the run is to stop.
    pub(in super::super) fn begins_outside_run(&mut self, index: usize) {
        let Some(group) = self.records[index].rest.group else { return };
        if let Some(run) = &mut self.groups[group].run {
            run.to_stop.remove(index);
        }
    }

    /// Whether a run of its group will start it.
    pub(in super::super) fn is_to_be_started(&self, index: usize) -> bool {
        self.run_of(index).is_some_and(|run| run.will_start(index))
    }

    fn run_of(&self, index: usize) -> Option<&Run> {
        self.groups[self.records[index].rest.group?].run.as_ref()
    }

    /// What a member that a run has stopped is: on its way back, failed with the group, or, if
    /// it is not to come back, at its end.
    pub(in super::super) fn after_stop_by_run(&self, index: usize) -> Option<Substate> {
        let run = self.run_of(index).filter(|run| run.concerns(index))?;
        Some(match run.will_start(index) {
            _ if run.goal == Goal::Fail => Substate::Failed,
            true => Substate::Backoff { until: run.until },
            false => Substate::Completed,
        })
    }

    /// A member has crashed at its turn in a run, and restarts by itself after a delay: so long
    /// the run waits. False if there is no such run.
    pub(in super::super) fn delay_run(&mut self, index: usize, until: Moment) -> bool {
        let Some(group) = self.records[index].rest.group else { return false };
        let run = self.groups[group].run.as_mut();
        let starting = |run: &&mut Run| run.phase == Phase::Starting && run.will_start(index);
        let Some(run) = run.filter(starting) else { return false };
        (run.until, run.phase) = (until, Phase::Waiting);
        self.set_due(until, Due::Group(group));
        true
    }

    /// The executive stops: its plan takes the place of every run.
    pub(in super::super) fn end_all_runs(&mut self) {
        for group in 0..self.groups.len() {
            self.end_run(group, Code::CANCELLED, "SMS_EXECUTIVE is stopping");
        }
    }

    /// An operator has other plans for a member: it is no part of a run any more.
    pub(in super::super) fn leave_run(&mut self, now: Moment, index: usize) {
        let Some(group) = self.records[index].rest.group else { return };
        let Some(run) = &mut self.groups[group].run else { return };
        run.to_stop.remove(index);
        run.to_start.remove(index);
        self.changed.push_back(index);
        let comes_back = |index: &usize| self.records[*index].is_backing_off();
        if run.phase == Phase::Waiting && !run.to_start.order.iter().any(comes_back) {
            // Nobody is left to wait for.
            self.start_members(now, group);
        } else {
            self.go_on_with_group(now, group);
        }
    }

    /// An operator does not want to wait for the delay of a group's restart. False if no run is
    /// to start the component.
    pub(in super::super) fn hasten_run(&mut self, now: Moment, index: usize) -> bool {
        let Some(group) = self.records[index].rest.group else { return false };
        if !self.is_to_be_started(index) {
            return false;
        }
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
}
