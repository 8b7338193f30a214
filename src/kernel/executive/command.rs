//! Commands to one component (lifecycle.md 2.3).

use std::sync::Arc;

use contract::control::{Accepted, Refusal};
use contract::id::ComponentId;
use contract::lifecycle::{Code, Command, Desired, Startup, State, Substate};
use contract::time::Moment;

use super::Executive;
use super::record::Record;
use super::service::Plan;
use crate::lifecycle::{Action, Event, Rule, Situation, rule};
use crate::order::Order;

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
    ) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        if let Some(accepted) = self.command_during_restart(index, command) {
            return Ok(accepted);
        }
        let record = &self.records[index];
        let situation = Situation::of(record.state, record.substate);
        let action = match rule(situation, command) {
            Rule::Do(action) => action,
            Rule::DoIf(condition, action, code) => {
                if !record.meets(condition, command) {
                    return Err(self.refusal(index, undefined_control(command).unwrap_or(code)));
                }
                action
            }
            Rule::Nothing => return Ok(nothing_to_do(record)),
            Rule::Join(code) => return Ok(self.join(index, command, code)),
            Rule::Refuse(code) => {
                if command == Command::Stop && record.state == State::Stopped {
                    self.records[index].desired = Desired::Down;
                }
                return Err(self.refusal(index, code));
            }
        };
        self.act(now, index, command, action)
    }

    fn act(
        &mut self,
        now: Moment,
        index: usize,
        command: Command,
        action: Action,
    ) -> Result<Accepted, Refusal> {
        let record = &mut self.records[index];
        let id = record.id;
        match action {
            Action::Start => {
                self.check_start(index)?;
                let record = &mut self.records[index];
                if record.substate == Substate::Failed {
                    record.crashes.forgive();
                }
                record.desired = Desired::Up;
                let accepted = self.begin_operation(index, State::Running);
                self.begin_life(now, index);
                Ok(accepted)
            }
            Action::Stop => {
                record.desired = Desired::Down;
                if record.substate == Substate::Failed {
                    record.crashes.forgive();
                }
                let accepted = self.begin_operation(index, State::Stopped);
                if self.records[index].state == State::Stopped {
                    self.set_stopped(now, index, Substate::Operator, None);
                    self.resolve(index, Code::OK, "stopped");
                } else {
                    self.order_stop(now, index);
                }
                Ok(accepted)
            }
            Action::Restart => {
                self.check_start(index)?;
                self.records[index].desired = Desired::Up;
                let accepted = self.begin_operation(index, State::Running);
                self.order_stop(now, index);
                self.records[index].starts_again = true;
                Ok(accepted)
            }
            Action::Kill => {
                record.desired = Desired::Down;
                record.starts_again = false;
                let accepted = self.begin_operation(index, State::Stopped);
                self.order_kill(now, index);
                Ok(accepted)
            }
            Action::Pause => {
                record.desired = Desired::Paused;
                let accepted = self.begin_operation(index, State::Paused);
                self.change(now, index, Event::PauseOrdered, None);
                let order = Order::Pause(id, self.records[index].generation);
                self.order(index, order);
                Ok(accepted)
            }
            Action::Continue => {
                record.desired = Desired::Up;
                let accepted = self.begin_operation(index, State::Running);
                self.change(now, index, Event::ContinueOrdered, None);
                let order = Order::Continue(id, self.records[index].generation);
                self.order(index, order);
                Ok(accepted)
            }
            Action::Control => {
                let generation = record.generation;
                let order = match command {
                    Command::Custom(code) => Order::Control(id, generation, code),
                    _ => {
                        record.told = Arc::clone(&self.stored);
                        Order::Changed(id, generation, Arc::clone(&self.stored))
                    }
                };
                self.order(index, order);
                Ok(Accepted { operation: None, code: Code::OK, note: "handed on".into() })
            }
            Action::Clear => {
                record.crashes.forgive();
                if matches!(record.substate, Substate::Backoff { .. }) {
                    self.begin_life(now, index);
                } else {
                    self.set_stopped(now, index, Substate::Cleared, None);
                }
                Ok(Accepted { operation: None, code: Code::OK, note: "failure cleared".into() })
            }
        }
    }

    /// The caller wants what is under way already: it waits for the same operation, or where
    /// nobody waits yet (an automatic restart, a stop for a backup) for one of its own.
    fn join(&mut self, index: usize, command: Command, code: Code) -> Accepted {
        let record = &mut self.records[index];
        let target = match command {
            Command::Stop => {
                record.desired = Desired::Down;
                State::Stopped
            }
            Command::Pause => State::Paused,
            _ => State::Running,
        };
        let note = "joined what is under way".to_owned();
        match record.operation {
            Some(operation) => Accepted { operation: Some(operation.id), code, note },
            None => Accepted { code, note, ..self.begin_operation(index, target) },
        }
    }

    /// A restart in its stop phase gives way to a stop, and is joined by another restart (case
    /// R07).
    fn command_during_restart(&mut self, index: usize, command: Command) -> Option<Accepted> {
        let record = &mut self.records[index];
        if !record.starts_again {
            return None;
        }
        match command {
            Command::Stop => {
                record.starts_again = false;
                record.desired = Desired::Down;
                Some(self.begin_operation(index, State::Stopped))
            }
            Command::Restart | Command::TryRestart => Some(Accepted {
                operation: record.operation.map(|operation| operation.id),
                code: Code::OK,
                note: "joined the restart under way".into(),
            }),
            _ => None,
        }
    }

    /// The executive's own reasons against a start: 1115, 1055, 1058.
    fn check_start(&self, index: usize) -> Result<(), Refusal> {
        let record = &self.records[index];
        if self.service.plan == Plan::Backup {
            return Err(self.refusal(index, Code::DATABASE_LOCKED));
        }
        if matches!(self.service.state, State::Stopped | State::StopPending) {
            return Err(self.refusal(index, Code::SHUTDOWN_IN_PROGRESS));
        }
        if record.startup == Startup::Disabled {
            return Err(self.refusal(index, Code::DISABLED));
        }
        Ok(())
    }

    fn refusal(&self, index: usize, code: Code) -> Refusal {
        let record = &self.records[index];
        let (reason, way_out) = match code {
            Code::ALREADY_RUNNING => {
                (format!("it is {}", record.state), "restart ends this life and begins another")
            }
            Code::NOT_ACTIVE => (format!("it is {}", record.state), "start begins a life"),
            Code::CANNOT_ACCEPT_CONTROL => {
                (format!("not while it is {}", record.state), "wait until it is settled")
            }
            Code::INVALID_CONTROL => ("it does not accept that".to_owned(), ""),
            Code::INVALID_PARAMETER => {
                ("control codes of a component are 128 to 255".to_owned(), "")
            }
            Code::DISABLED => {
                ("its startup type is Disabled".to_owned(), "make it Automatic or Manual first")
            }
            Code::DATABASE_LOCKED => {
                ("a backup holds it".to_owned(), "wait until the backup is done")
            }
            Code::SHUTDOWN_IN_PROGRESS => {
                ("SMS_EXECUTIVE is stopped or stopping".to_owned(), "exec start starts it")
            }
            _ => (format!("not while it is {}", record.state), ""),
        };
        Refusal::new(code, &*record.name, reason, way_out)
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
