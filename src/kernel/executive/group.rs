//! Groups: components that are restarted together (lifecycle.md 3.3). Here is who is in one, and
//! what follows for it when a member's life ends; [`run`] carries it out, [`command`] is what an
//! operator does with one.

mod command;
mod run;

use std::sync::Arc;
use std::time::Duration;

use contract::control::Refusal;
use contract::id::ComponentId;
use contract::lifecycle::{Budget, Code, Desired, Exit, Group, Restart, Strategy, Substate};
use contract::time::Moment;

use super::{Executive, Notice};
use crate::supervision::{Crashes, Policy, Verdict};
use run::{Goal, Run};

#[derive(Debug)]
pub(super) struct GroupRecord {
    group: Group,
    name: Arc<str>,
    /// Records, in the order in which they start.
    members: Vec<usize>,
    crashes: Crashes,
    run: Option<Run>,
}

impl GroupRecord {
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn members(&self) -> &[usize] {
        &self.members
    }

    pub(super) fn is_due_at(&self, at: Moment) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_due_at(at))
    }
}

impl Executive {
    pub(super) fn link_groups(&mut self, groups: &[Group]) -> Result<(), Refusal> {
        for group in groups {
            let number = self.groups.len();
            if self.groups().any(|other| other.eq_ignore_ascii_case(&group.name)) {
                return Err(Refusal::new(
                    Code::EXISTS,
                    format!("group:{}", group.name),
                    "there is a group of that name",
                    "give one of the two another name",
                ));
            }
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
                if self.records[index].rest.group.replace(number).is_some() {
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
        let group = self.records[index].rest.group?;
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
        if let Some(run) = record.run.as_ref().filter(|run| run.stops()) {
            if run.goal == Goal::Fail && run.concerns(index) {
                // The group has failed already, and this one with it.
                return Verdict::Leave;
            }
            if run.will_start(index) && *exit != Exit::Normal {
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
        let run = self.groups[group].run.as_ref();
        let stopping = run.filter(|run| run.stops());
        if stopping.is_some_and(|run| run.will_start(crashed)) {
            return;
        }
        let until = stopping.map_or(now, |run| run.until).max(now + delay);
        let concerned = self.concerned(group, crashed);
        self.tell_restart(group, delay);
        self.begin_restart(now, group, &concerned, until);
    }

    fn tell_restart(&mut self, group: usize, delay: Duration) {
        let record = &self.groups[group];
        let (name, strategy) = (Arc::clone(&record.name), record.group.strategy);
        self.notice(Notice::GroupRestarts(name, strategy, delay));
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

    /// A person has seen to a component: its crashes are forgotten, those as well that were
    /// charged to its group.
    pub(super) fn forgive(&mut self, index: usize) {
        self.records[index].forgive();
        if let Some(group) = self.records[index].rest.group {
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
        self.tell_failed(group);
        self.begin_failure(now, group, &concerned);
    }

    fn tell_failed(&mut self, group: usize) {
        let record = &self.groups[group];
        let notice = Notice::GroupFailed(Arc::clone(&record.name), record.group.budget);
        self.notice(notice);
    }

    /// A member has spent a budget of its own, and its group is to hear of it: all of the group
    /// is restarted, at the group's charge.
    pub(super) fn escalate_to_group(&mut self, now: Moment, index: usize) {
        let Some(group) = self.records[index].rest.group else { return };
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
        let exit = Exit::Error { code: 0, text: "".into() };
        let verdict = record.crashes.after(now, &exit, Duration::ZERO, true, &policy);
        let members = record.members.clone();
        match self.with_jitter(verdict, policy.backoff.jitter_percent) {
            Verdict::RestartAfter(delay) => {
                let until = now + delay;
                // A temporary member stays where it is; the others are restarted for it.
                if self.records[index].descriptor().restart != Restart::Temporary {
                    self.records[index].forgive();
                    self.set_stopped(now, index, Substate::Backoff { until }, None);
                }
                self.tell_restart(group, delay);
                self.begin_restart(now, group, &members, until);
            }
            Verdict::GiveUp | Verdict::Leave => {
                self.tell_failed(group);
            }
        }
    }
}
