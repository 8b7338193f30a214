//! What an operator does with a group.

use std::collections::HashSet;

use contract::control::{Accepted, Refusal};
use contract::id::OpId;
use contract::lifecycle::{Code, Command, CommandOptions, Desired, State, Substate};
use contract::time::Moment;

use super::super::dependencies::some_of;
use super::super::{Executive, JOINED, SUPERSEDED};
use super::run::Goal;

impl Executive {
    /// Starts, stops or restarts a group, one member after the other. A stop takes `persist` and
    /// `dependents`, a start and a restart `force`, as for a component; nothing needs `queue`,
    /// for a group waits for its members anyway.
    ///
    /// The operation ends with 0 when the members run, or are stopped; with the code of the
    /// first that has failed.
    ///
    /// # Errors
    /// 1060 if there is no such group; 1052 for any other command; 1115 and 1055 as for a
    /// component; 1056 for a start when all run, or the reason why those that do not cannot be
    /// started; 1062 for a restart when none is to run, and for a stop when none does, which is
    /// remembered as the operator's wish; 1051 if others that run depend on a member.
    pub fn command_group(
        &mut self,
        now: Moment,
        name: &str,
        command: Command,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        let group = self.group_named(name)?;
        let subject = format!("group:{}", self.groups[group].name);
        if command != Command::Stop {
            self.check_executive(&subject)?;
        }
        let members = self.groups[group].members.clone();
        let (goal, to_stop, to_start) = match command {
            Command::Start => (Goal::Start, Vec::new(), self.wanted_up(&members, &subject)?),
            Command::Stop => {
                self.check_stop_of_group(&members, &subject, options)?;
                (Goal::Stop, members, Vec::new())
            }
            Command::Restart => {
                (Goal::Restart, members.clone(), self.wanted_again(&members, &subject)?)
            }
            _ => {
                return Err(Refusal::new(
                    Code::INVALID_CONTROL,
                    subject,
                    format!("a group takes no {command}"),
                    "a group is started, stopped and restarted; its members take the rest",
                ));
            }
        };
        if let Some(operation) = self.start_under_way(group, goal, &to_start) {
            let note = JOINED.to_owned();
            return Ok(Accepted { operation: Some(operation), code: Code::OK, note });
        }
        self.end_run(group, Code::CANCELLED, SUPERSEDED);
        let operation = self.next_operation();
        for index in to_stop.iter().chain(&to_start) {
            // A start goes on with what is starting already.
            if goal != Goal::Start || self.records[*index].state != State::StartPending {
                self.drop_own_plans(*index);
            }
        }
        match goal {
            Goal::Stop => self.want_group_down(now, &to_stop, options),
            _ => self.want_group_up(now, goal, group, &to_stop, &to_start, options),
        }
        self.begin_commanded(now, group, goal, &to_stop, &to_start, operation);
        self.settle(now);
        Ok(Accepted { operation: Some(operation), code: Code::OK, note: "accepted".into() })
    }

    /// The start of the group that is under way, if another one would do nothing more.
    fn start_under_way(&self, group: usize, goal: Goal, to_start: &[usize]) -> Option<OpId> {
        let run = self.groups[group].run.as_ref()?;
        let same = goal == Goal::Start && to_start.iter().all(|index| run.will_start(*index));
        run.operation.filter(|_| same && run.goal == Goal::Start)
    }

    fn group_named(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.groups.iter().position(|group| group.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let names: Vec<&str> = self.groups().collect();
            let way_out = match names.as_slice() {
                [] => "this site has no groups".to_owned(),
                names => format!("there are {}", some_of(names)),
            };
            let reason = "no group has that name";
            Refusal::new(Code::DOES_NOT_EXIST, format!("group:{name}"), reason, way_out)
        })
    }

    /// Whatever was ahead of a member gives way to the group's command.
    fn drop_own_plans(&mut self, index: usize) {
        self.resolve(index, Code::CANCELLED, "its group was commanded");
        self.cancel_queued(index);
        let ahead = &mut self.records[index].ahead;
        (ahead.starts_again, ahead.leaving) = (false, false);
    }

    fn want_group_down(&mut self, now: Moment, members: &[usize], options: CommandOptions) {
        for index in members {
            self.want_down(*index, options);
            if self.records[*index].is_backing_off() {
                self.set_stopped(now, *index, Substate::Operator, None);
            }
        }
        if options.dependents {
            for outsider in outside(members, self.dependents_to_stop(members)) {
                self.stop_with(now, outsider);
            }
        }
    }

    fn want_group_up(
        &mut self,
        now: Moment,
        goal: Goal,
        group: usize,
        to_stop: &[usize],
        to_start: &[usize],
        options: CommandOptions,
    ) {
        for index in to_stop {
            if self.records[*index].desired != Desired::Down {
                self.want(*index, Desired::Up);
            }
        }
        for index in to_start {
            self.want(*index, Desired::Up);
            self.records[*index].ahead.forced = options.force;
            // It may wait for code that it need not wait for now.
            self.changed.push_back(*index);
            if self.records[*index].state == State::Stopped {
                self.set_stopped(now, *index, Substate::Backoff { until: now }, None);
            }
        }
        if goal == Goal::Start {
            for index in self.groups[group].members.clone() {
                self.keep_up(index);
            }
        }
    }

    /// A stop that has not got there yet has no say any more.
    fn keep_up(&mut self, index: usize) {
        let record = &self.records[index];
        let down = matches!(record.state, State::Stopped | State::StopPending);
        if !down && record.desired == Desired::Down {
            self.stay(index);
            self.want(index, Desired::Up);
        }
    }

    /// Those that a start brings up: all that are down, or on their way up, and may be started.
    fn wanted_up(&mut self, members: &[usize], subject: &str) -> Result<Vec<usize>, Refusal> {
        let is_down = |index: &usize| {
            let state = self.records[*index].state;
            matches!(state, State::Stopped | State::StopPending | State::StartPending)
        };
        let down: Vec<usize> = members.iter().copied().filter(is_down).collect();
        let startable: Vec<usize> =
            down.iter().copied().filter(|index| !self.is_barred(*index)).collect();
        if startable.is_empty() {
            let why = down.iter().find_map(|index| self.check_start(*index).err());
            return Err(why.unwrap_or_else(|| {
                let way_out = "restart ends their lives and begins others";
                Refusal::new(Code::ALREADY_RUNNING, subject, "all of its members run", way_out)
            }));
        }
        for index in &startable {
            self.forgive(*index);
        }
        Ok(startable)
    }

    /// Those that a restart brings back: all but what an operator has stopped.
    fn wanted_again(&mut self, members: &[usize], subject: &str) -> Result<Vec<usize>, Refusal> {
        let comes_back = |index: &usize| {
            self.records[*index].desired != Desired::Down && !self.is_barred(*index)
        };
        let wanted: Vec<usize> = members.iter().copied().filter(comes_back).collect();
        if wanted.is_empty() {
            let reason = "none of its members is to run";
            return Err(Refusal::new(
                Code::NOT_ACTIVE,
                subject,
                reason,
                "start begins their lives",
            ));
        }
        for index in members {
            self.forgive(*index);
        }
        Ok(wanted)
    }

    fn check_stop_of_group(
        &mut self,
        members: &[usize],
        subject: &str,
        options: CommandOptions,
    ) -> Result<(), Refusal> {
        let lives = |index: &usize| {
            let record = &self.records[*index];
            record.state != State::Stopped || record.is_backing_off()
        };
        if !members.iter().any(lives) {
            for index in members {
                self.want_down(*index, options);
            }
            let reason = "none of its members runs";
            return Err(Refusal::new(
                Code::NOT_ACTIVE,
                subject,
                reason,
                "start begins their lives",
            ));
        }
        let outsiders = if options.dependents { Vec::new() } else { self.outsiders(members) };
        match outsiders.is_empty() {
            true => Ok(()),
            false => Err(self.dependents_run(subject, &outsiders)),
        }
    }

    /// Those outside a group that live and depend on a member that lives.
    fn outsiders(&self, members: &[usize]) -> Vec<usize> {
        let lives = |index: &usize| self.records[*index].state != State::Stopped;
        let living: Vec<usize> = members.iter().copied().filter(lives).collect();
        let found = self.dependents_that(&living, |record| record.state != State::Stopped);
        outside(members, found)
    }
}

/// Those of the components that are not in a group.
fn outside(members: &[usize], mut components: Vec<usize>) -> Vec<usize> {
    let inside: HashSet<usize> = members.iter().copied().collect();
    components.retain(|component| !inside.contains(component));
    components
}
