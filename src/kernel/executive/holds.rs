//! What keeps a component down without touching what is wanted of it (lifecycle.md 2.1).
//! Maintenance and backup are leases, so none can be left over; a removal lasts as long as the
//! process, and what depends on a held component is down as long as that is.

use std::time::Duration;

use contract::control::{Accepted, Refusal};
use contract::id::ComponentId;
use contract::lifecycle::{Code, Desired, HoldKind, Startup, State, Substate};
use contract::time::Moment;

use super::{Due, Executive, Notice, Step};
use crate::order::Order;

impl Executive {
    /// Keeps a component down for `lease`, whatever is wanted of it. Again, and the lease
    /// counts anew.
    ///
    /// # Errors
    /// 1072 if it was removed; 1051 if components that run depend on it.
    pub fn hold(
        &mut self,
        now: Moment,
        id: ComponentId,
        lease: Duration,
    ) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        self.check_not_removed(index)?;
        self.check_dependents(index)?;
        self.take_maintenance(index, now + lease);
        let accepted = self.bring_down(now, index, "held for maintenance");
        self.settle(now);
        Ok(accepted)
    }

    /// A hold of an earlier process that has not run out.
    pub fn restore_hold(&mut self, kind: HoldKind, id: Option<ComponentId>, until: Moment) {
        match (kind, id) {
            (HoldKind::Maintenance, Some(id)) => self.take_maintenance(self.index(id), until),
            (HoldKind::Backup, None) => self.restore_backup(until),
            // The others end with the process that took them.
            _ => {}
        }
    }

    fn take_maintenance(&mut self, index: usize, until: Moment) {
        let before = self.records[index].rest.maintenance.replace(until);
        self.maintained += usize::from(before.is_none());
        self.set_due(until, Due::Maintenance(index));
        let id = self.records[index].id;
        self.steps.push(Step::Hold(HoldKind::Maintenance, Some(id), until));
    }

    /// Ends such a hold before its time.
    ///
    /// # Errors
    /// 1062 if there is none.
    pub fn release(&mut self, now: Moment, id: ComponentId) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        if self.records[index].rest.maintenance.is_none() {
            return Err(Refusal::new(
                Code::NOT_ACTIVE,
                &**self.records[index].name(),
                "no maintenance holds it",
                "",
            ));
        }
        let comes_back = self.end_maintenance(now, index, false);
        let accepted = if comes_back {
            self.begin_operation(index, State::Running)
        } else {
            Accepted { operation: None, code: Code::OK, note: "released".into() }
        };
        self.settle(now);
        Ok(accepted)
    }

    /// The maintenance of a component is over; answers whether it is started.
    pub(super) fn end_maintenance(&mut self, now: Moment, index: usize, expired: bool) -> bool {
        let before = self.records[index].rest.if_any().and_then(|rare| rare.maintenance.take());
        self.maintained -= usize::from(before.is_some());
        let id = Some(self.records[index].id);
        self.steps.push(Step::Released { kind: HoldKind::Maintenance, id, expired });
        let starts = self.start_if_held(now, index);
        self.start_held_dependents(now, index);
        starts
    }

    /// Starts what was held and is wanted, if nothing holds it any more.
    pub(super) fn start_if_held(&mut self, now: Moment, index: usize) -> bool {
        let record = &self.records[index];
        let wanted = record.desired != Desired::Down && record.substate() == Substate::Held;
        if record.state != State::Stopped || !wanted || self.is_kept_down(index) {
            return false;
        }
        // Nobody has asked for those that an operator has stopped.
        self.start_dependencies(now, index, |record| record.desired != Desired::Down);
        self.begin_life(now, index);
        true
    }

    /// 1072 if it was removed.
    pub(super) fn check_not_removed(&self, index: usize) -> Result<(), Refusal> {
        match self.records[index].removed {
            true => Err(self.refusal(index, Code::MARKED_FOR_DELETE)),
            false => Ok(()),
        }
    }

    /// Takes a component out of service: it is stopped, and cannot be started again.
    ///
    /// # Errors
    /// 1072 if it was removed before; 1051 if components that run depend on it.
    pub fn remove(&mut self, now: Moment, id: ComponentId) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        self.check_not_removed(index)?;
        self.check_dependents(index)?;
        self.records[index].removed = true;
        self.want(index, Desired::Down);
        let accepted = self.bring_down(now, index, "removed");
        self.settle(now);
        Ok(accepted)
    }

    /// A removed component is Stopped: nothing is kept for it any longer.
    pub(super) fn removed(&mut self, index: usize) {
        let id = self.records[index].id;
        self.order(index, Order::Remove(id));
        self.notice(Notice::Removed(id));
    }

    /// Brings a component down for a reason of the executive's own.
    fn bring_down(&mut self, now: Moment, index: usize, note: &str) -> Accepted {
        let record = &mut self.records[index];
        record.ahead.starts_again = false;
        self.cancel_queued(index);
        let record = &self.records[index];
        let done = Accepted { operation: None, code: Code::OK, note: note.to_owned() };
        match record.state {
            State::Stopped if record.removed => {
                self.leave_run(now, index);
                self.set_stopped(now, index, Substate::Removed, None);
                self.resolve(index, Code::OK, note);
                self.removed(index);
                done
            }
            State::Stopped => {
                if record.is_backing_off() {
                    self.leave_run(now, index);
                    self.set_stopped(now, index, Substate::Held, None);
                }
                self.resolve(index, Code::CANCELLED, note);
                done
            }
            State::StopPending => match record.rest.operation {
                Some(operation) if operation.target == State::Stopped => {
                    Accepted { operation: Some(operation.id), ..done }
                }
                _ => self.begin_operation(index, State::Stopped),
            },
            _ => {
                let accepted = self.begin_operation(index, State::Stopped);
                self.order_stop(now, index);
                accepted
            }
        }
    }

    /// Gives a component another startup type.
    ///
    /// # Errors
    /// 1072 if it was removed.
    pub fn set_startup(
        &mut self,
        now: Moment,
        id: ComponentId,
        startup: Startup,
    ) -> Result<Accepted, Refusal> {
        let index = self.index(id);
        self.check_not_removed(index)?;
        let record = &mut self.records[index];
        let note = format!("its startup type is {startup}");
        if record.startup != startup {
            let before = std::mem::replace(&mut record.startup, startup);
            record.given_startup = Some(startup);
            self.keep(index);
            self.notice(Notice::StartupChanged(id, before, startup));
            self.follow_startup(now, index);
            self.settle(now);
        }
        Ok(Accepted { operation: None, code: Code::OK, note })
    }

    /// What a new startup type means at once. A life goes on; a restart that is ahead does not
    /// take place where it is Disabled.
    fn follow_startup(&mut self, now: Moment, index: usize) {
        let record = &mut self.records[index];
        let disabled = record.startup == Startup::Disabled;
        if disabled && std::mem::take(&mut record.ahead.starts_again) {
            self.resolve(index, Code::DISABLED, "its startup type is Disabled");
        }
        let record = &self.records[index];
        if record.state != State::Stopped {
            return;
        }
        let substate = match record.substate() {
            Substate::NeverStarted | Substate::Backoff { .. } | Substate::Held if disabled => {
                Substate::Disabled
            }
            Substate::Disabled if !disabled && record.generation.0 == 0 => Substate::NeverStarted,
            Substate::Disabled if !disabled => Substate::Operator,
            _ => return,
        };
        if disabled {
            self.want(index, Desired::Down);
            self.leave_run(now, index);
            self.resolve(index, Code::DISABLED, "its startup type is Disabled");
        }
        self.set_stopped(now, index, substate, None);
    }
}
