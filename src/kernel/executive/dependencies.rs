//! What depends on what (lifecycle.md 3.11): start order, stop order, and what a failure means
//! for others.

use std::collections::{HashMap, HashSet};

use contract::control::Refusal;
use contract::id::Generation;
use contract::lifecycle::{Code, Desired, Exit, Startup, State, Substate};
use contract::time::Moment;

use super::{Executive, Notice};

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
                if !self.records[index].depends_on.contains(&on) {
                    self.records[index].depends_on.push(on);
                    self.records[on].dependents.push(index);
                }
            }
        }
        self.check_circles()
    }

    /// Takes away, time and again, what depends on nothing that is left: what then is left
    /// goes round in a circle.
    fn check_circles(&self) -> Result<(), Refusal> {
        let mut waits_for: Vec<usize> = self.records.iter().map(|r| r.depends_on.len()).collect();
        let mut free: Vec<usize> = (0..waits_for.len()).filter(|i| waits_for[*i] == 0).collect();
        while let Some(index) = free.pop() {
            for dependent in &self.records[index].dependents {
                waits_for[*dependent] -= 1;
                if waits_for[*dependent] == 0 {
                    free.push(*dependent);
                }
            }
        }
        let left = (0..waits_for.len()).filter(|index| waits_for[*index] > 0);
        let names: Vec<&str> = left.map(|index| &**self.records[index].name()).collect();
        match names.first() {
            None => Ok(()),
            Some(first) => Err(Refusal::new(
                Code::CIRCULAR_DEPENDENCY,
                *first,
                format!("these depend on each other in a circle: {}", names.join(", ")),
                "take one of the dependencies away",
            )),
        }
    }

    /// Whether a start has to wait, and cannot be ordered yet.
    pub(super) fn must_wait(&self, index: usize) -> bool {
        let record = &self.records[index];
        let exclusive = record.descriptor().exclusive && !record.zombies.is_empty();
        (exclusive && !record.ahead.forced)
            || record.depends_on.iter().any(|on| !self.serves_dependents(*on))
    }

    /// Whether those that depend on it can do with it as it is.
    fn serves_dependents(&self, index: usize) -> bool {
        let record = &self.records[index];
        let has_done_its_work =
            record.state == State::Stopped && record.substate == Substate::Completed;
        (record.is_up() && !record.ahead.leaving) || has_done_its_work
    }

    /// What a pending start waits for, by name.
    pub(super) fn waits_for(&self, index: usize) -> Vec<String> {
        let record = &self.records[index];
        if !record.ahead.waiting {
            return Vec::new();
        }
        let missing = record.depends_on.iter().filter(|on| !self.serves_dependents(**on));
        let mut names: Vec<String> =
            missing.map(|on| self.records[*on].name().to_string()).collect();
        if record.descriptor().exclusive {
            let zombies = record.zombies.iter();
            names.extend(zombies.map(|Generation(life)| format!("the code of life {life}")));
        }
        names
    }

    /// What it depends on and that cannot be had: a start command has no prospects.
    pub(super) fn missing_dependency(&self, index: usize) -> Option<usize> {
        self.missing_among(index, &mut HashMap::new())
    }

    /// The same, with what has been found out on the way: many may depend on one.
    fn missing_among(&self, index: usize, known: &mut HashMap<usize, bool>) -> Option<usize> {
        let mut on = self.records[index].depends_on.iter().copied();
        on.find(|on| {
            if self.serves_dependents(*on) {
                return false;
            }
            let had = known.get(on).copied().unwrap_or_else(|| self.can_be_had(*on, known));
            known.insert(*on, had);
            !had
        })
    }

    /// Whether a component is on its way, or would be started for those that need it.
    fn can_be_had(&self, index: usize, known: &mut HashMap<usize, bool>) -> bool {
        let record = &self.records[index];
        if record.removed || record.maintenance.is_some() || record.startup == Startup::Disabled {
            return false;
        }
        match (record.state, record.substate) {
            (State::Stopped, Substate::Failed | Substate::Ignored) => false,
            (State::Stopped, _) => !record.persist && self.missing_among(index, known).is_none(),
            _ => true,
        }
    }

    /// Whether a component is on its way up without anybody doing anything more.
    fn is_coming(&self, index: usize) -> bool {
        let record = &self.records[index];
        let comes_back = record.ahead.starts_again || record.ahead.queued.is_some();
        match record.state {
            State::StartPending => true,
            State::Stopped => record.is_backing_off() || self.is_to_be_started(index),
            State::StopPending => comes_back || self.is_to_be_started(index),
            _ => comes_back || !record.ahead.leaving,
        }
    }

    /// Starts what it depends on and what is not on its way, as the Service Control Manager
    /// does; those in turn what they depend on.
    pub(super) fn start_dependencies(&mut self, now: Moment, index: usize) {
        for on in self.records[index].depends_on.clone() {
            let record = &self.records[on];
            let has_done_its_work = self.serves_dependents(on);
            let stopped = record.state == State::Stopped && !has_done_its_work;
            if stopped && self.can_be_had(on, &mut HashMap::new()) {
                self.want(on, Desired::Up);
                self.start_dependencies(now, on);
                if self.records[on].state == State::Stopped {
                    self.begin_life(now, on);
                }
            }
        }
    }

    /// Components that depend on it, directly or not, and that live: the first to be stopped
    /// come last.
    pub(super) fn living_dependents(&self, index: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut seen = HashSet::new();
        let mut look_at = vec![index];
        while let Some(on) = look_at.pop() {
            for dependent in &self.records[on].dependents {
                if self.records[*dependent].state != State::Stopped && seen.insert(*dependent) {
                    found.push(*dependent);
                    look_at.push(*dependent);
                }
            }
        }
        found
    }

    /// Has a component stopped as soon as nothing that lives depends on it.
    pub(super) fn let_leave(&mut self, now: Moment, index: usize) {
        if self.records[index].state == State::StopPending {
            return;
        }
        let waits = self.records[index].dependents.iter().any(|d| self.records[*d].has_life());
        if waits {
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
        if self.records[index].dependents.is_empty() {
            return;
        }
        let serves = self.serves_dependents(index);
        let failed = self.records[index].state == State::Stopped
            && self.records[index].substate == Substate::Failed;
        if !serves && !failed && self.records[index].state != State::Stopped {
            return;
        }
        for dependent in self.records[index].dependents.clone() {
            if self.records[dependent].ahead.waiting {
                self.go_on_waiting(now, dependent);
            } else if failed && self.requires(dependent, index) {
                self.deprive(now, dependent, index);
            }
        }
    }

    /// A start that waits is ordered when what it waits for is there, and fails when that is
    /// not to be had: 1068.
    pub(super) fn go_on_waiting(&mut self, now: Moment, index: usize) {
        let mut on = self.records[index].depends_on.iter().copied();
        if let Some(missing) = on.find(|on| !self.serves_dependents(*on) && !self.is_coming(*on)) {
            let name = self.records[missing].name().to_string();
            self.fail_for_want_of(now, index, name);
        } else if !self.must_wait(index) {
            self.order_start(now, index);
        }
    }

    pub(super) fn fail_for_want_of(&mut self, now: Moment, index: usize, name: String) {
        let exit = Exit::Dependency(name.clone());
        let record = &mut self.records[index];
        record.ahead.waiting = false;
        record.last_exit = Some(exit.clone());
        let id = record.id;
        let text = exit.to_string();
        self.set_stopped(now, index, Substate::Failed, Some(exit));
        self.notice(Notice::Deprived(id, name));
        self.resolve(index, Code::DEPENDENCY_FAIL, &text);
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
        self.records[index].ahead.deprived_of = Some(name.clone());
        self.notice(Notice::Deprived(self.records[index].id, name));
        self.resolve(index, Code::CANCELLED, "what it depends on has failed");
        self.order_stop(now, index);
    }

    /// `index` has changed: what it depends on may leave, if that was waiting for it.
    pub(super) fn go_on_with_dependencies(&mut self, now: Moment, index: usize) {
        if self.records[index].has_life() || self.records[index].depends_on.is_empty() {
            return;
        }
        for on in self.records[index].depends_on.clone() {
            if self.records[on].ahead.leaving {
                self.let_leave(now, on);
            }
        }
    }
}
