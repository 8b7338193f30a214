//! I6: what becomes of accepted commands.

use std::collections::BTreeMap;

use contract::id::OpId;
use contract::lifecycle::State;

use super::looking::Look;
use super::{Checked, Invariants, Violation};
use crate::event::{Event, What};

/// Every operation that was accepted, or has ended.
#[derive(Debug, Default)]
pub(super) struct Operations(BTreeMap<OpId, Operation>);

#[derive(Debug)]
struct Operation {
    /// What it was for; none for one of the executive's own, which nobody was told of.
    subject: Option<String>,
    resolved: bool,
}

impl Invariants {
    /// I6: every accepted operation resolves exactly once. Evidence: none resolves that has, and
    /// nobody is told to wait for one that has.
    pub(super) fn i6_operations_resolve_once(&self, event: &Event) -> Checked {
        let (operation, problem) = match &event.what {
            What::Resolved { operation, .. } => (operation, "resolves twice"),
            What::Accepted { operation: Some(operation), .. } => {
                (operation, "has ended, and somebody is told to wait for it")
            }
            _ => return Ok(()),
        };
        match self.operations.0.get(operation) {
            Some(Operation { resolved: true, .. }) => {
                Err(Violation::new(6, format!("operation {operation} {problem}")))
            }
            _ => Ok(()),
        }
    }

    /// I6, by looking: when nothing is under way, no operation is open but those of components
    /// and groups that wait for a restart, or that have not answered a pause.
    pub(super) fn i6_nothing_is_left_open(&self, look: &Look) -> Checked {
        if !look.is_settled() || !look.service_is_settled() {
            return Ok(());
        }
        let open = self.operations.0.iter().filter(|(_, operation)| !operation.resolved);
        for (id, operation) in open {
            let Some(subject) = &operation.subject else { continue };
            if !look.waits(subject) {
                let text = format!("operation {id} for {subject} is open, and nothing goes on");
                return Err(Violation::new(6, text));
            }
        }
        Ok(())
    }
}

impl Operations {
    pub(super) fn take_in(&mut self, event: &Event) {
        match &event.what {
            What::Accepted { operation: Some(operation), subject, .. } => {
                let subject = Some(subject.clone());
                self.0.entry(*operation).or_insert(Operation { subject, resolved: false });
            }
            What::Resolved { operation, .. } => {
                let own = Operation { subject: None, resolved: false };
                self.0.entry(*operation).or_insert(own).resolved = true;
            }
            _ => {}
        }
    }
}

impl Look {
    /// Whether what was accepted for that subject may still be open although nothing goes on.
    fn waits(&self, subject: &str) -> bool {
        let (group, name) = match subject.split_once(':') {
            Some((_, group)) => (Some(group), None),
            None => (None, Some(subject)),
        };
        let concerned = self.rows.iter().filter(|row| {
            let of_group = row.group.as_deref().zip(group);
            of_group.is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
                || name.is_some_and(|name| name.eq_ignore_ascii_case(&row.name))
        });
        let mut waiting = concerned.filter(|row| {
            let pausing = matches!(row.state, State::PausePending | State::ContinuePending);
            pausing || super::looking::is_backing_off(row)
        });
        waiting.next().is_some()
    }
}
