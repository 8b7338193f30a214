//! Commands to one component (lifecycle.md 2.3).

use std::sync::Arc;

use contract::control::{Accepted, Refusal};
use contract::id::ComponentId;
use contract::lifecycle::{
    Code, Command, CommandOptions, Desired, HoldKind, Startup, State, Substate,
};
use contract::time::Moment;

use super::dependencies::some_of;
use super::record::{Ahead, Queued, Record};
use super::{Executive, JOINED, PENDING_MAX, SUPERSEDED};
use crate::lifecycle::{Action, Event, Rule, Situation, rule};
use crate::order::Order;

/// The way out of a command that comes too early.
const QUEUE: &str = "wait, or have it done when its moment has come with --queue";

impl Executive {
    /// Commands one component (lifecycle.md 2.3).
    ///
    /// # Errors
    /// The refusal with its code; nothing has changed, except that a stop refused with 1062
    /// is remembered as the operator's wish.
    pub fn command(
        &mut self,
        now: Moment,
        id: ComponentId,
        command: Command,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        let answer = match self.command_during_restart(now, index, command, options) {
            Some(answer) => answer,
            None => match self.command_before_stop(index, command, options) {
                Some(answer) => answer,
                None => self.command_by_table(now, index, command, options),
            },
        };
        self.settle(now);
        answer
    }

    fn command_by_table(
        &mut self,
        now: Moment,
        index: usize,
        command: Command,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        let record = &self.records[index];
        let situation = Situation::of(record.state, record.substate());
        let action = match rule(situation, command) {
            Rule::Do(action) => action,
            Rule::DoIf(condition, action, code) => {
                if !record.meets(condition, command) {
                    return Err(self.refusal(index, undefined_control(command).unwrap_or(code)));
                }
                action
            }
            Rule::Nothing => return Ok(nothing_to_do(record)),
            Rule::Join(code) => return Ok(self.join(now, index, command, code, options)),
            Rule::Refuse(code) => {
                if options.queue && can_be_queued(situation, command) {
                    return self.queue(index, command, options);
                }
                if command == Command::Stop && record.state == State::Stopped {
                    self.want_down(index, options);
                }
                let refusal = self.refusal(index, code);
                return Err(match can_be_queued(situation, command) {
                    true => Refusal { way_out: QUEUE.to_owned(), ..refusal },
                    false => refusal,
                });
            }
        };
        self.act(now, index, command, action, options)
    }

    fn act(
        &mut self,
        now: Moment,
        index: usize,
        command: Command,
        action: Action,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        match action {
            Action::Start => self.do_start(now, index, options),
            Action::Stop => self.do_stop(now, index, options),
            Action::Restart => self.do_restart(now, index, options),
            Action::Kill => Ok(self.do_kill(now, index)),
            Action::Pause => {
                self.want(index, Desired::Paused);
                let order = Order::Pause(self.records[index].id, self.records[index].generation);
                Ok(self.do_step(now, index, Event::PauseOrdered, State::Paused, order))
            }
            Action::Continue => {
                self.want(index, Desired::Up);
                let order = Order::Continue(self.records[index].id, self.records[index].generation);
                Ok(self.do_step(now, index, Event::ContinueOrdered, State::Running, order))
            }
            Action::Control => Ok(self.do_control(index, command)),
            Action::Clear => Ok(self.do_clear(now, index)),
        }
    }

    fn do_start(
        &mut self,
        now: Moment,
        index: usize,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        self.check_start(index)?;
        self.check_zombies(index, options)?;
        if self.records[index].substate() == Substate::Failed {
            self.forgive(index);
        }
        self.want(index, Desired::Up);
        let accepted = self.begin_operation(index, State::Running);
        self.start_now(now, index, options);
        Ok(accepted)
    }

    /// Starts what is Stopped, with what it depends on: at its turn, where a run of its group is
    /// to start it.
    pub(super) fn start_now(&mut self, now: Moment, index: usize, options: CommandOptions) {
        self.records[index].ahead.forced = options.force;
        self.start_dependencies(now, index, |_| true);
        if !self.hasten_run(now, index) {
            self.begin_life(now, index);
        }
    }

    fn do_stop(
        &mut self,
        now: Moment,
        index: usize,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        if !options.dependents {
            self.check_dependents(index)?;
        }
        // Of a restart in its stop phase, this is what remains.
        self.records[index].ahead.starts_again = false;
        self.want_down(index, options);
        self.leave_run(now, index);
        self.cancel_queued(index);
        if self.records[index].substate() == Substate::Failed {
            self.forgive(index);
        }
        let accepted = self.begin_operation(index, State::Stopped);
        if options.dependents {
            self.stop_dependents(now, index);
        }
        if self.records[index].state == State::Stopped {
            self.set_stopped(now, index, Substate::Operator, None);
            self.resolve(index, Code::OK, "stopped");
        } else {
            self.let_leave(now, index);
        }
        Ok(accepted)
    }

    /// Stops what lives and depends on it, each as soon as nothing lives that depends on that.
    fn stop_dependents(&mut self, now: Moment, index: usize) {
        for dependent in self.dependents_to_stop(&[index]) {
            self.stop_with(now, dependent);
        }
    }

    /// A component is stopped with what it depends on, or does not come back.
    pub(super) fn stop_with(&mut self, now: Moment, dependent: usize) {
        self.want(dependent, Desired::Down);
        self.cancel_queued(dependent);
        self.records[dependent].ahead.starts_again = false;
        self.resolve(dependent, Code::CANCELLED, "it is stopped with what it depends on");
        if self.records[dependent].state == State::Stopped {
            self.leave_run(now, dependent);
            self.set_stopped(now, dependent, Substate::Operator, None);
        } else {
            self.let_leave(now, dependent);
        }
    }

    fn do_restart(
        &mut self,
        now: Moment,
        index: usize,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        self.check_start(index)?;
        self.want(index, Desired::Up);
        self.leave_run(now, index);
        let accepted = self.begin_operation(index, State::Running);
        self.restart_now(now, index, options);
        Ok(accepted)
    }

    /// Stops what lives, to start again; with what depends on it, if that is asked for.
    pub(super) fn restart_now(&mut self, now: Moment, index: usize, options: CommandOptions) {
        let ahead = &mut self.records[index].ahead;
        (ahead.starts_again, ahead.forced) = (true, options.force);
        if !options.dependents {
            return self.order_stop(now, index);
        }
        // It leaves first of all, so that none of them begins anew before it has.
        self.records[index].ahead.leaving = true;
        for dependent in self.living_dependents(index) {
            let record = &mut self.records[dependent];
            record.ahead.starts_again = record.desired != Desired::Down;
            self.let_leave(now, dependent);
        }
        self.let_leave(now, index);
    }

    fn do_kill(&mut self, now: Moment, index: usize) -> Accepted {
        self.want(index, Desired::Down);
        self.leave_run(now, index);
        self.cancel_queued(index);
        self.records[index].ahead.starts_again = false;
        let accepted = self.begin_operation(index, State::Stopped);
        self.order_kill(now, index);
        accepted
    }

    /// A step of the life itself, that leads to `target` by way of a pending state.
    fn do_step(
        &mut self,
        now: Moment,
        index: usize,
        event: Event,
        target: State,
        order: Order,
    ) -> Accepted {
        let accepted = self.begin_operation(index, target);
        self.change(now, index, event);
        self.order(index, order);
        accepted
    }

    fn do_control(&mut self, index: usize, command: Command) -> Accepted {
        let record = &mut self.records[index];
        let (id, generation) = (record.id, record.generation);
        let order = match command {
            Command::Custom(code) => Order::Control(id, generation, code),
            _ => {
                record.rest.told = Some(Arc::clone(&self.stored));
                Order::Changed(id, generation, Arc::clone(&self.stored))
            }
        };
        self.order(index, order);
        Accepted { operation: None, code: Code::OK, note: "handed on".into() }
    }

    fn do_clear(&mut self, now: Moment, index: usize) -> Accepted {
        self.forgive(index);
        if !self.records[index].is_backing_off() {
            self.set_stopped(now, index, Substate::Cleared, None);
        } else if !self.hasten_run(now, index) {
            self.begin_by_itself(now, index);
        }
        Accepted { operation: None, code: Code::OK, note: "failure cleared".into() }
    }

    pub(super) fn want_down(&mut self, index: usize, options: CommandOptions) {
        let record = &mut self.records[index];
        if options.persist && !record.persist {
            record.persist = true;
            record.desired = Desired::Down;
            self.keep(index);
        }
        self.want(index, Desired::Down);
    }

    /// The caller wants what is under way already: it waits for the same operation, or where
    /// nobody waits yet (an automatic restart, a stop for a backup) for one of its own.
    fn join(
        &mut self,
        now: Moment,
        index: usize,
        command: Command,
        code: Code,
        options: CommandOptions,
    ) -> Accepted {
        let target = match command {
            Command::Stop => {
                self.want_down(index, options);
                self.cancel_queued(index);
                State::Stopped
            }
            Command::Pause => State::Paused,
            _ => {
                if options.force && self.records[index].ahead.waiting {
                    self.records[index].ahead.forced = true;
                    self.changed.push_back(index);
                }
                State::Running
            }
        };
        let note = JOINED.to_owned();
        let record = &self.records[index];
        match record.rest.operation.filter(|operation| operation.target == target) {
            Some(operation) => Accepted { operation: Some(operation.id), code, note },
            None => {
                // Its time may have run out before: whoever waits now waits as long again.
                let Ahead { waiting, overdue, .. } = record.ahead;
                if record.deadline().is_none() && (overdue || !waiting) {
                    self.set_deadline(index, now + PENDING_MAX);
                }
                Accepted { code, note, ..self.begin_operation(index, target) }
            }
        }
    }

    /// A stop that waits for others to be stopped first, its dependents or its group: another
    /// stop joins it, a start takes its place, and it is too late for a pause.
    fn command_before_stop(
        &mut self,
        index: usize,
        command: Command,
        options: CommandOptions,
    ) -> Option<Result<Accepted, Refusal>> {
        if !self.is_about_to_leave(index) {
            return None;
        }
        match command {
            Command::Stop => {
                self.want_down(index, options);
                let waits = self.records[index].rest.operation;
                let operation = waits.filter(|operation| operation.target == State::Stopped)?.id;
                let note = JOINED.to_owned();
                Some(Ok(Accepted { operation: Some(operation), code: Code::OK, note }))
            }
            Command::Start if self.check_executive("").is_ok() => {
                self.stay(index);
                Some(Ok(nothing_to_do(&self.records[index])))
            }
            Command::Pause | Command::Continue => {
                Some(Err(self.refusal(index, Code::CANNOT_ACCEPT_CONTROL)))
            }
            _ => None,
        }
    }

    /// A start takes the place of a stop that has not got there: what the component depends on
    /// stays as well.
    pub(super) fn stay(&mut self, index: usize) {
        let mut to_stay = vec![index];
        while let Some(index) = to_stay.pop() {
            if std::mem::take(&mut self.records[index].ahead.leaving) {
                self.resolve(index, Code::CANCELLED, SUPERSEDED);
            }
            self.want(index, Desired::Up);
            // Its group goes on without it.
            self.changed.push_back(index);
            let on = self.records[index].rest.depends_on.iter().copied();
            to_stay.extend(on.filter(|on| self.is_about_to_leave(*on)));
        }
    }

    /// Whether it lives and is going to be stopped, for good.
    fn is_about_to_leave(&self, index: usize) -> bool {
        let Ahead { leaving, starts_again, .. } = self.records[index].ahead;
        leaving && !starts_again || self.is_to_be_stopped(index)
    }

    /// A restart in its stop phase gives way to a stop, and is joined by another restart (case
    /// R07).
    fn command_during_restart(
        &mut self,
        now: Moment,
        index: usize,
        command: Command,
        options: CommandOptions,
    ) -> Option<Result<Accepted, Refusal>> {
        if !self.records[index].ahead.starts_again {
            return None;
        }
        match command {
            Command::Stop => Some(self.do_stop(now, index, options)),
            Command::Restart | Command::TryRestart => {
                let note = "joined the restart under way".to_owned();
                Some(Ok(match self.records[index].rest.operation {
                    Some(operation) => {
                        Accepted { operation: Some(operation.id), code: Code::OK, note }
                    }
                    None => Accepted { note, ..self.begin_operation(index, State::Running) },
                }))
            }
            _ => None,
        }
    }

    /// Accepts a start or restart for later: at most one waits, and whoever asks again waits
    /// for that one.
    fn queue(
        &mut self,
        index: usize,
        command: Command,
        options: CommandOptions,
    ) -> Result<Accepted, Refusal> {
        self.check_start(index)?;
        let note = "accepted, to be done when its moment has come".to_owned();
        let restart = command != Command::Start;
        let queued = match self.records[index].rest.queued {
            Some(queued) => {
                let CommandOptions { dependents, force, .. } = queued.options;
                let (dependents, force) =
                    (dependents || options.dependents, force || options.force);
                let options = CommandOptions { dependents, force, ..options };
                Queued { restart: queued.restart || restart, options, ..queued }
            }
            None => Queued { operation: self.next_operation(), restart, options },
        };
        self.records[index].rest.queued = Some(queued);
        Ok(Accepted { operation: Some(queued.operation), code: Code::OK, note })
    }

    /// A stop takes the place of a start that waits, 1223, and nobody insists on one any more.
    pub(super) fn cancel_queued(&mut self, index: usize) {
        self.records[index].ahead.forced = false;
        if let Some(queued) = self.records[index].take_queued() {
            self.resolve_operation(queued.operation, Code::CANCELLED, SUPERSEDED);
        }
    }

    /// Reasons against a start that lie outside the component's own state: 1072, 1055, 1115,
    /// 1058, 1068.
    pub(super) fn check_start(&self, index: usize) -> Result<(), Refusal> {
        let record = &self.records[index];
        self.check_not_removed(index)?;
        self.check_executive(record.name())?;
        if record.rest.maintenance.is_some() {
            return Err(self.refusal(index, Code::DATABASE_LOCKED));
        }
        if record.startup == Startup::Disabled {
            return Err(self.refusal(index, Code::DISABLED));
        }
        if let Some(on) = self.missing_dependency(index) {
            let on = &self.records[on];
            let why = match on.state {
                State::Stopped => format!("Stopped ({})", on.substate()),
                state => state.to_string(),
            };
            return Err(Refusal::new(
                Code::DEPENDENCY_FAIL,
                &**record.name(),
                format!("it depends on {}, which is {why}", on.name()),
                format!("bring {} up first", on.name()),
            ));
        }
        Ok(())
    }

    /// An exclusive component has one life at a time, code that has not come back included.
    fn check_zombies(&self, index: usize, options: CommandOptions) -> Result<(), Refusal> {
        let record = &self.records[index];
        if !record.descriptor().exclusive || record.rest.zombies.is_empty() || options.force {
            return Ok(());
        }
        Err(Refusal::new(
            Code::REQUEST_TIMEOUT,
            &**record.name(),
            "code of an earlier life has not come back, and it is exclusive",
            "wait for it, or insist with --force",
        ))
    }

    /// 1051 if components that are not Stopped depend on it.
    pub(super) fn check_dependents(&self, index: usize) -> Result<(), Refusal> {
        let dependents = self.living_dependents(index);
        if dependents.is_empty() || self.records[index].state == State::Stopped {
            return Ok(());
        }
        Err(self.dependents_run(self.records[index].name(), &dependents))
    }

    pub(super) fn dependents_run(&self, subject: &str, dependents: &[usize]) -> Refusal {
        let names: Vec<&str> = dependents.iter().map(|d| &**self.records[*d].name()).collect();
        Refusal::new(
            Code::DEPENDENTS_RUNNING,
            subject,
            format!("these depend on it and run: {}", some_of(&names)),
            "stop them first, or all together with --dependents",
        )
    }

    pub(super) fn refusal(&self, index: usize, code: Code) -> Refusal {
        let record = &self.records[index];
        let state = record.state;
        let (reason, way_out) = match code {
            Code::ALREADY_RUNNING => {
                (format!("it is {state}"), "restart ends this life and begins another")
            }
            Code::NOT_ACTIVE => (format!("it is {state}"), "start begins a life"),
            Code::CANNOT_ACCEPT_CONTROL => {
                (format!("not while it is {state}"), "wait until it is settled")
            }
            Code::INVALID_CONTROL => ("it does not accept that".to_owned(), ""),
            Code::INVALID_PARAMETER => {
                ("control codes of a component are 128 to 255".to_owned(), "")
            }
            Code::DISABLED => {
                ("its startup type is Disabled".to_owned(), "make it Automatic or Manual first")
            }
            Code::DATABASE_LOCKED => (
                format!("a hold keeps it down: {}", HoldKind::Maintenance),
                "release it, or wait until its lease has run out",
            ),
            Code::MARKED_FOR_DELETE => {
                ("it was removed".to_owned(), "it is gone until the site is started anew")
            }
            _ => (format!("not while it is {state}"), ""),
        };
        Refusal::new(code, &**record.name(), reason, way_out)
    }
}

/// Whether an operator may ask for it now and have it later.
fn can_be_queued(situation: Situation, command: Command) -> bool {
    match situation {
        Situation::StopPending => {
            matches!(command, Command::Start | Command::Restart | Command::TryRestart)
        }
        Situation::StartPending => matches!(command, Command::Restart | Command::TryRestart),
        _ => false,
    }
}

/// 87 for a control code that no component can have.
fn undefined_control(command: Command) -> Option<Code> {
    matches!(command, Command::Custom(code) if code < 128).then_some(Code::INVALID_PARAMETER)
}

fn nothing_to_do(record: &Record) -> Accepted {
    Accepted {
        operation: None,
        code: Code::OK,
        note: format!("nothing to do, it is {}", record.state),
    }
}
