//! What depends on what (lifecycle.md 3.11): start order, stop order, and what a failure means
//! for others.

use std::collections::{HashMap, HashSet, VecDeque};

use contract::control::Refusal;
use contract::id::Generation;
use contract::lifecycle::{Code, Desired, Exit, Startup, State, Substate};
use contract::time::Moment;

use super::record::Record;
use super::{Ended, Executive, Notice, PENDING_MAX};

impl Executive {
    pub(super) fn link_dependencies(&mut self) -> Result<(), Refusal> {
        for index in 0..self.records.len() {
            let descriptor = self.records[index].descriptor();
            if descriptor.depends_on.is_empty() && descriptor.requires.is_empty() {
                continue;
            }
            let mut names = descriptor.depends_on.clone();
            names.extend(descriptor.requires.iter().cloned());
            for name in names {
                let Some(id) = self.board.find(&name) else {
                    return Err(Refusal::new(
                        Code::DEPENDENCY_DELETED,
                        &**self.records[index].name(),
                        format!("it depends on {name}, and there is no such component"),
                        "register that one too, or take the dependency away",
                    ));
                };
                let on = self.index(id);
                if !self.records[index].rest.depends_on.contains(&on) {
                    self.records[index].rest.depends_on.push(on);
                    self.records[on].rest.dependents.push(index);
                }
            }
        }
        Ok(())
    }

    /// Takes away, time and again, what has to wait for nothing that is left, and numbers it: a
    /// component comes after all that it depends on. What then is left goes round in a circle,
    /// which would have a start wait for ever.
    pub(super) fn rank(&mut self) -> Result<(), Refusal> {
        let mut waits_for: Vec<usize> =
            self.records.iter().map(|r| r.rest.depends_on.len()).collect();
        // A member of a group starts after the one before it.
        let mut next_in_group: HashMap<usize, usize> = HashMap::new();
        for group in &self.groups {
            for pair in group.members().windows(2) {
                next_in_group.insert(pair[0], pair[1]);
                waits_for[pair[1]] += 1;
            }
        }
        let mut free: VecDeque<usize> =
            (0..waits_for.len()).filter(|index| waits_for[*index] == 0).collect();
        let mut ranked = 0;
        while let Some(index) = free.pop_front() {
            if let Some(rare) = self.records[index].rest.if_any() {
                rare.rank = ranked;
            }
            ranked += 1;
            for dependent in
                self.records[index].rest.dependents.iter().chain(next_in_group.get(&index))
            {
                waits_for[*dependent] -= 1;
                if waits_for[*dependent] == 0 {
                    free.push_back(*dependent);
                }
            }
        }
        let left: HashSet<usize> =
            (0..waits_for.len()).filter(|index| waits_for[*index] > 0).collect();
        let mut going_round: Vec<usize> = self.those_in_circles(left, &next_in_group);
        going_round.sort_unstable();
        let names: Vec<&str> = going_round.iter().map(|i| &**self.records[*i].name()).collect();
        match names.first() {
            None => Ok(()),
            Some(first) => Err(Refusal::new(
                Code::CIRCULAR_DEPENDENCY,
                *first,
                format!(
                    "these depend on each other in a circle, or with the order of a group: {}",
                    some_of(&names)
                ),
                "take one of the dependencies away, or put the group in another order",
            )),
        }
    }

    /// Of these, which are in a circle or behind one, those that nothing left waits for are only
    /// behind it.
    fn those_in_circles(
        &self,
        mut left: HashSet<usize>,
        next_in_group: &HashMap<usize, usize>,
    ) -> Vec<usize> {
        loop {
            let is_waited_for = |index: &usize| {
                let mut others =
                    self.records[*index].rest.dependents.iter().chain(next_in_group.get(index));
                others.any(|other| left.contains(other))
            };
            let in_circles: HashSet<usize> = left.iter().copied().filter(is_waited_for).collect();
            if in_circles.len() == left.len() {
                return in_circles.into_iter().collect();
            }
            left = in_circles;
        }
    }

    /// Whether a start has to wait for others, and cannot be ordered yet.
    pub(super) fn must_wait(&self, index: usize) -> bool {
        self.is_haunted(index)
            || self.records[index].rest.depends_on.iter().any(|on| !self.serves_dependents(*on))
    }

    /// Whether it has one life at a time, and code of an earlier one has not come back.
    fn is_haunted(&self, index: usize) -> bool {
        let record = &self.records[index];
        record.descriptor().exclusive && !record.rest.zombies.is_empty() && !record.ahead.forced
    }

    /// Whether those that depend on it can do with it as it is.
    fn serves_dependents(&self, index: usize) -> bool {
        let record = &self.records[index];
        let has_done_its_work =
            record.state == State::Stopped && record.substate() == Substate::Completed;
        let stays = !record.ahead.leaving && !self.is_to_be_stopped(index);
        (record.is_up() && stays) || has_done_its_work
    }

    /// What a pending start waits for, by name; or a component that is down for no other reason.
    pub(super) fn waits_for(&self, index: usize) -> Vec<String> {
        let record = &self.records[index];
        if record.state == State::Stopped && record.substate() == Substate::Held {
            let held = self.held_dependency(index);
            return held.map(|on| self.records[on].name().to_string()).into_iter().collect();
        }
        if !record.ahead.waiting {
            return Vec::new();
        }
        let missing = record.rest.depends_on.iter().filter(|on| !self.serves_dependents(**on));
        let mut names: Vec<String> =
            missing.map(|on| self.records[*on].name().to_string()).collect();
        if self.is_haunted(index) {
            let zombies = record.rest.zombies.iter();
            names.extend(zombies.map(|Generation(life)| format!("the code of life {life}")));
        }
        names
    }

    /// What would have to be started for a component first, directly or not: each after what it
    /// depends on itself.
    fn stopped_dependencies(&self, index: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut look_at = vec![index];
        while let Some(dependent) = look_at.pop() {
            for on in &self.records[dependent].rest.depends_on {
                let down = self.records[*on].state == State::Stopped;
                if down && !self.serves_dependents(*on) && seen.insert(*on) {
                    found.push(*on);
                    look_at.push(*on);
                }
            }
        }
        found.sort_by_key(|on| self.records[*on].rest.rank);
        found
    }

    /// Of these, each after what it depends on, the ones that could be started.
    fn to_be_had(&self, stopped: &[usize]) -> HashSet<usize> {
        let mut had = HashSet::new();
        for index in stopped {
            let record = &self.records[*index];
            let given_up = matches!(record.substate(), Substate::Failed | Substate::Ignored);
            let on = &record.rest.depends_on;
            if !given_up
                && !record.persist
                && !self.is_barred(*index)
                && on.iter().all(|on| self.is_to_be_had(*on, &had))
            {
                had.insert(*index);
            }
        }
        had
    }

    /// Whether a component serves, or is on its way, or is one of those that could be started.
    fn is_to_be_had(&self, index: usize, stopped: &HashSet<usize>) -> bool {
        match self.records[index].state {
            _ if self.serves_dependents(index) => true,
            State::Stopped => stopped.contains(&index),
            _ => !self.is_barred(index) && self.is_coming(index),
        }
    }

    /// Whether its next start would be refused, whoever asks for it.
    pub(super) fn is_barred(&self, index: usize) -> bool {
        let record = &self.records[index];
        record.removed || record.rest.maintenance.is_some() || record.startup == Startup::Disabled
    }

    /// What it depends on and that cannot be had: a start command has no prospects.
    pub(super) fn missing_dependency(&self, index: usize) -> Option<usize> {
        if self.records[index].rest.depends_on.is_empty() {
            return None;
        }
        let had = self.to_be_had(&self.stopped_dependencies(index));
        let mut on = self.records[index].rest.depends_on.iter().copied();
        on.find(|on| !self.is_to_be_had(*on, &had))
    }

    /// What it depends on, directly or not, and that is held: so long it stays down itself.
    pub(super) fn held_dependency(&self, index: usize) -> Option<usize> {
        if self.maintained == 0 {
            return None;
        }
        let mut stopped = self.stopped_dependencies(index).into_iter();
        stopped.find(|on| self.records[*on].rest.maintenance.is_some())
    }

    /// What is held for the only reason that this one, which it depends on, was held: it may
    /// start now, each after what it depends on.
    pub(super) fn start_held_dependents(&mut self, now: Moment, index: usize) {
        let mut held = self.dependents_that(&[index], |record| record.state == State::Stopped);
        held.sort_by_key(|dependent| self.records[*dependent].rest.rank);
        for dependent in held {
            self.start_if_held(now, dependent);
        }
    }

    /// Whether a component is on its way up without anybody doing anything more.
    fn is_coming(&self, index: usize) -> bool {
        let record = &self.records[index];
        let comes_back = record.ahead.starts_again || record.rest.queued.is_some();
        match record.state {
            State::StartPending => true,
            // One that a run of its group is to start is; what has ended before its turn is passed.
            State::Stopped => record.is_backing_off(),
            State::StopPending => comes_back || self.is_to_be_started(index),
            _ => comes_back || !record.ahead.leaving && !self.is_to_be_stopped(index),
        }
    }

    /// Starts what it depends on and what is not on its way, as the Service Control Manager
    /// does; those in turn what they depend on. Only those that may be taken along.
    pub(super) fn start_dependencies(
        &mut self,
        now: Moment,
        index: usize,
        may_be: impl Fn(&Record) -> bool,
    ) {
        if self.records[index].rest.depends_on.is_empty() {
            return;
        }
        let mut stopped = self.stopped_dependencies(index);
        stopped.retain(|on| may_be(&self.records[*on]));
        let had = self.to_be_had(&stopped);
        for on in stopped.into_iter().filter(|on| had.contains(on)) {
            self.want(on, Desired::Up);
            self.begin_life(now, on);
        }
    }

    /// Components that depend on it, directly or not, and that live: the first to be stopped
    /// come last.
    pub(super) fn living_dependents(&self, index: usize) -> Vec<usize> {
        self.dependents_that(&[index], |record| record.state != State::Stopped)
    }

    /// Those that are to be stopped with these components: that live, or are going to.
    pub(super) fn dependents_to_stop(&self, indexes: &[usize]) -> Vec<usize> {
        let lives = |record: &Record| record.state != State::Stopped || record.is_backing_off();
        self.dependents_that(indexes, lives)
    }

    /// Those of the components that depend on these for which that is true, and on the way to
    /// which it is true.
    pub(super) fn dependents_that(
        &self,
        indexes: &[usize],
        is_so: impl Fn(&Record) -> bool,
    ) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        // Most have none.
        if indexes.iter().all(|index| self.records[*index].rest.dependents.is_empty()) {
            return found;
        }
        let mut seen = HashSet::new();
        let mut look_at = indexes.to_vec();
        while let Some(on) = look_at.pop() {
            for dependent in &self.records[on].rest.dependents {
                if is_so(&self.records[*dependent]) && seen.insert(*dependent) {
                    found.push(*dependent);
                    look_at.push(*dependent);
                }
            }
        }
        found
    }

    /// Counts the lives of what depends on a component, where this one's has begun or ended.
    pub(super) fn count_life(&mut self, index: usize, lived: bool) {
        let lives = self.records[index].has_life();
        if lives == lived {
            return;
        }
        for nth in 0..self.records[index].rest.depends_on.len() {
            let on = self.records[index].rest.depends_on[nth];
            let counted = &mut self.records[on].rest.lives_on_it;
            *counted = if lives { *counted + 1 } else { *counted - 1 };
        }
    }

    /// Whether its start is accepted and not ordered yet.
    pub(super) fn set_waiting(&mut self, index: usize, waiting: bool) {
        let lived = self.records[index].has_life();
        self.records[index].ahead.waiting = waiting;
        self.count_life(index, lived);
    }

    /// Has a component stopped as soon as nothing that lives depends on it.
    pub(super) fn let_leave(&mut self, now: Moment, index: usize) {
        if self.records[index].state == State::StopPending {
            return;
        }
        if self.records[index].rest.lives_on_it > 0 {
            self.records[index].ahead.leaving = true;
        } else {
            self.order_stop(now, index);
        }
    }

    /// `index` has changed: those that depend on it go on, or cannot.
    pub(super) fn go_on_with_dependents(&mut self, now: Moment, index: usize) {
        if self.records[index].ahead.waiting {
            self.go_on_waiting(now, index);
        }
        if self.records[index].rest.dependents.is_empty() {
            return;
        }
        let stopped = self.records[index].state == State::Stopped;
        let overdue = self.records[index].ahead.overdue;
        if !stopped && !overdue && !self.serves_dependents(index) {
            return;
        }
        let failed = stopped && self.records[index].substate() == Substate::Failed;
        for dependent in self.records[index].rest.dependents.clone() {
            if self.records[dependent].ahead.waiting {
                self.go_on_waiting(now, dependent);
            } else if failed && self.requires(dependent, index) {
                self.deprive(now, dependent, index);
            }
        }
    }

    /// A start that waits is ordered when what it waits for is there, and fails when that is
    /// not to be had: 1068. If that is only held, it is down as long.
    pub(super) fn go_on_waiting(&mut self, now: Moment, index: usize) {
        let missing = |on: &usize| !self.serves_dependents(*on) && !self.is_coming(*on);
        let overdue = |on: &usize| self.records[*on].ahead.overdue;
        let on = &self.records[index].rest.depends_on;
        if let Some(missing) = on.iter().find(|on| missing(on)) {
            let name = self.records[*missing].name().to_string();
            if self.held_dependency(index).is_some() {
                self.hold_back(now, index, &name);
            } else {
                self.fail_for_want_of(now, index, name);
            }
        } else if !self.must_wait(index) {
            self.order_start(now, index);
        } else if !self.records[index].ahead.overdue && on.iter().any(overdue) {
            self.waits_too_long(index, "what it depends on waits for code that does not come back");
        } else if self.waits_for_code_alone(index) {
            // That may never come back, and whoever waits for this start is told so.
            self.set_deadline(index, now + PENDING_MAX);
        } else if !self.is_haunted(index) {
            self.records[index].set_deadline(None);
        }
    }

    /// A start that waits for what is held is put off.
    fn hold_back(&mut self, now: Moment, index: usize, name: &str) {
        self.set_waiting(index, false);
        self.set_stopped(now, index, Substate::Held, None);
        let text = format!("{name}, on which it depends, is held");
        self.resolve(index, Code::CANCELLED, text);
        self.run_queued(now, index);
    }

    /// Whether all that it depends on is there, only code of an earlier life is in its way, and
    /// nobody has been told yet.
    fn waits_for_code_alone(&self, index: usize) -> bool {
        let record = &self.records[index];
        record.deadline().is_none()
            && !record.ahead.overdue
            && record.rest.depends_on.iter().all(|on| self.serves_dependents(*on))
    }

    pub(super) fn fail_for_want_of(&mut self, now: Moment, index: usize, name: String) {
        let end = Ended::from(Exit::Dependency(name));
        self.set_waiting(index, false);
        self.records[index].set_last_exit(&end);
        let text = end.exit().to_string();
        self.set_stopped(now, index, Substate::Failed, Some(end));
        self.resolve(index, Code::DEPENDENCY_FAIL, text);
        self.run_queued(now, index);
    }

    fn requires(&self, index: usize, on: usize) -> bool {
        let name = self.records[on].name();
        let record = &self.records[index];
        record.has_life()
            && record.state != State::StopPending
            && record.descriptor().requires.iter().any(|other| other.eq_ignore_ascii_case(name))
    }

    /// What it cannot go on without has failed: it is stopped, and is a failure too.
    fn deprive(&mut self, now: Moment, index: usize, of: usize) {
        let name = self.records[of].name().to_string();
        self.records[index].rest.deprived_of = Some(name.clone());
        self.notice(Notice::Deprived(self.records[index].id, name));
        self.resolve(index, Code::CANCELLED, "what it depends on has failed");
        self.order_stop(now, index);
    }

    /// `index` has changed: what it depends on may leave, if that was waiting for it.
    pub(super) fn go_on_with_dependencies(&mut self, now: Moment, index: usize) {
        if self.records[index].has_life() || self.records[index].rest.depends_on.is_empty() {
            return;
        }
        for on in self.records[index].rest.depends_on.clone() {
            if self.records[on].ahead.leaving {
                self.let_leave(now, on);
            } else if let Some(group) = self.records[on].rest.group {
                // A stop of the group may wait for those outside that depend on its members.
                self.go_on_with_group(now, group);
            }
        }
    }
}

/// Names for a refusal: not more than a person reads.
pub(super) fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    match names.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        None => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}
