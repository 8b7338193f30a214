//! I2, I5, I10, I12: what is found by looking at the site.

use std::time::Duration;

use contract::control::{Ask, ComponentStatus, ServiceCommand, ServiceStatus, Told};
use contract::lifecycle::{Desired, HoldKind, State, Substate};
use contract::store::Kept;
use contract::time::Moment;

use super::{Checked, Invariants, Violation};
use crate::run::Site;

/// A restart may come so much later than it was announced: others stop or start before it.
const OVERDUE: Duration = Duration::from_secs(600);

/// What a site is at one moment.
pub(super) struct Look {
    /// When it was looked.
    now: Moment,
    /// Nobody asked: the executive was killed.
    killed: bool,
    /// Nothing is left to do at this moment, and no hook hangs.
    rests: bool,
    /// Something will happen by itself that the executive waits for.
    has_dues: bool,
    pub(super) rows: Vec<ComponentStatus>,
    service: Option<ServiceStatus>,
    pub(super) kept: Kept,
}

pub(super) fn is_backing_off(row: &ComponentStatus) -> bool {
    matches!(row.substate, Some(Substate::Backoff { .. }))
}

impl Look {
    /// Whether nothing is under way: no component starts or stops. One that has not answered a
    /// pause stays so until somebody acts (case T06).
    pub(super) fn is_settled(&self) -> bool {
        let pending =
            |row: &ComponentStatus| matches!(row.state, State::StartPending | State::StopPending);
        self.rests && !self.rows.iter().any(pending)
    }

    /// Whether nothing is under way, and nothing will ever be: what is pending then is stuck.
    fn is_at_its_end(&self) -> bool {
        self.rests && !self.has_dues
    }

    /// Whether a start waits, by way of others or not, for code that has not come back.
    fn waits_for_code(&self, row: &ComponentStatus) -> bool {
        let mut look_at = vec![row];
        let mut seen = Vec::new();
        while let Some(row) = look_at.pop() {
            if row.waits_for.iter().any(|what| what.starts_with("the code of life")) {
                return true;
            }
            seen.push(row.name.as_str());
            let mut on = self.rows.iter().filter(|other| row.waits_for.contains(&other.name));
            look_at.extend(on.by_ref().filter(|other| !seen.contains(&other.name.as_str())));
        }
        false
    }

    /// What a pending start waits for and that is on no way up.
    fn waits_in_vain(&self, row: &ComponentStatus) -> Option<&str> {
        let mut on = self.rows.iter().filter(|other| row.waits_for.contains(&other.name));
        on.find(|other| other.state == State::Stopped && !is_backing_off(other))
            .map(|other| other.name.as_str())
    }

    /// Whether a restart has not come although it should have by now: not one that stands behind
    /// another one of its group.
    fn is_overdue(&self, row: &ComponentStatus, until: Moment) -> bool {
        let late = |until: Moment| until + OVERDUE <= self.now;
        let on_its_way = |other: &ComponentStatus| match other.substate {
            Some(Substate::Backoff { until }) => !late(until),
            _ => !other.state.is_settled() && !self.is_at_its_end(),
        };
        let mut group = self.rows.iter().filter(|other| other.group == row.group);
        late(until) && !(row.group.is_some() && group.any(on_its_way))
    }

    /// Whether there is one of these, and it is held for maintenance.
    fn is_held_through(&self, names: &[String]) -> bool {
        let mut rows = self.rows.iter().filter(|row| names.contains(&row.name));
        rows.any(|row| row.holds.contains(&HoldKind::Maintenance))
    }

    /// Whether SMS_EXECUTIVE is on its way nowhere either.
    pub(super) fn service_is_settled(&self) -> bool {
        let settled = |service: &ServiceStatus| {
            service.state.is_settled() && !service.holds.contains(&HoldKind::Backup)
        };
        self.service.as_ref().is_some_and(settled)
    }

    /// Whether that component has nothing to do, runs, and holds nothing back.
    pub(super) fn leaves_unhandled(&self, name: &str) -> bool {
        let idle = |row: &ComponentStatus| {
            row.name == name && row.state == State::Running && (row.inbox, row.outbox) == (0, 0)
        };
        self.rests && self.rows.iter().any(idle)
    }
}

impl Invariants {
    /// I2, by looking: the store knows the last life, so that no later process begins it again.
    pub(super) fn i2_generations_are_kept(&self, look: &Look) -> Checked {
        for (name, seen) in &self.seen {
            let kept = look.kept.components.get(name).map(|kept| kept.generation.0);
            let last = seen.generation;
            if kept.unwrap_or_default() != last.0 {
                let text = format!("{name} is at generation {last}, and kept is {kept:?}");
                return Err(Violation::new(2, text));
            }
        }
        Ok(())
    }

    /// I5: when nothing is under way, what is wanted of a component is so: Stopped where it is
    /// wanted Down or held; else what is wanted, or Stopped for one of five reasons, or as long as
    /// something that it depends on is held. No restart is overdue, no start waits in vain, and
    /// nothing is pending when nothing is going to happen.
    pub(super) fn i5_all_is_as_it_should_be(&self, look: &Look) -> Checked {
        for row in look.rows.iter().filter(|row| row.state == State::StartPending) {
            if let Some(on) = look.waits_in_vain(row).filter(|_| look.rests) {
                let text = format!("{} is Starting, and waits in vain for {on}", row.name);
                return Err(Violation::new(5, text));
            }
        }
        if !look.is_settled() && !look.is_at_its_end() {
            return Ok(());
        }
        for row in &look.rows {
            let down = row.desired == Desired::Down || !row.holds.is_empty();
            let fits = match (row.state, row.substate) {
                (State::Stopped, _) if down => true,
                (State::Stopped, Some(Substate::Backoff { until })) => !look.is_overdue(row, until),
                (State::Stopped, Some(Substate::Failed)) => true,
                (State::Stopped, Some(Substate::Cleared | Substate::Ignored)) => true,
                (State::Stopped, Some(Substate::Completed)) => true,
                (State::Stopped, Some(Substate::Held)) => look.is_held_through(&row.waits_for),
                (State::Stopped, _) => false,
                (State::Running, _) => !down && row.desired == Desired::Up,
                (State::Paused, _) => !down && row.desired == Desired::Paused,
                (State::StartPending | State::StopPending, _) => look.waits_for_code(row),
                // Whoever has not answered a pause or a resume has not been stopped either.
                _ => !down,
            };
            if !fits {
                let ComponentStatus { name, state, substate, desired, holds, .. } = row;
                let why = substate.map(|why| format!(" {why}")).unwrap_or_default();
                let text = format!("{name} is {state}{why}, wanted {desired}, held by {holds:?}");
                return Err(Violation::new(5, text));
            }
        }
        Ok(())
    }

    /// I10: a replay of the log gives the status that Query shows.
    pub(super) fn i10_replay_is_the_status(&self, look: &Look) -> Checked {
        for row in &look.rows {
            let replayed = self
                .seen
                .get(row.name.as_str())
                .map(|seen| (seen.state.unwrap_or(State::Stopped), seen.substate, seen.generation));
            if replayed != Some((row.state, row.substate, row.generation)) {
                let ComponentStatus { name, state, substate, generation, .. } = row;
                let text = format!(
                    "{name} is {state} {substate:?} gen {generation}, and by the log {replayed:?}"
                );
                return Err(Violation::new(10, text));
            }
        }
        Ok(())
    }

    /// I12: holds carry a lease. Evidence: a component is held for maintenance, and the whole
    /// for a backup, if and only if the store has that hold with its lease; and as long as there
    /// is one, the executive has something due. `Stopping` and `Removal` are no leases: they
    /// last as long as the process.
    pub(super) fn i12_holds_are_leases(&self, look: &Look) -> Checked {
        let Some(service) = look.service.as_ref().filter(|_| !look.killed) else { return Ok(()) };
        let kept = |kind: HoldKind, name: Option<&str>| {
            let mut holds = look.kept.holds.iter();
            holds.any(|hold| hold.kind == kind && hold.component.as_deref() == name)
        };
        let of_one = look.rows.iter().map(|row| (HoldKind::Maintenance, Some(row), &row.holds));
        let all = of_one.chain([(HoldKind::Backup, None, &service.holds)]);
        for (kind, row, holds) in all {
            let name = row.map(|row| row.name.as_str());
            let who = name.unwrap_or(host::EXECUTIVE);
            let problem = match (holds.contains(&kind), kept(kind, name)) {
                (true, false) => "holds it, and no lease of it is kept",
                (false, true) => "does not hold it, and a lease of it is kept",
                (true, true) if !look.has_dues => "holds it, and nothing is due",
                _ => continue,
            };
            return Err(Violation::new(12, format!("{kind} {problem}: {who}")));
        }
        Ok(())
    }
}

impl Site {
    /// What the site is now.
    pub(super) fn take_a_look(&mut self) -> Look {
        let kept = self.kept();
        if self.killed {
            let (rows, service) = (Vec::new(), None);
            return Look {
                now: self.now,
                killed: true,
                rests: false,
                has_dues: false,
                rows,
                service,
                kept,
            };
        }
        let clock = self.clock();
        let service = match self.host.ask(clock, Ask::Service(ServiceCommand::Query)) {
            Ok(Told::Service(service)) => Some(service),
            _ => None,
        };
        let rests = self.rests();
        let has_dues = self.host.next_due().is_some();
        let rows = self.rows();
        Look { now: self.now, killed: false, rests, has_dues, rows, service, kept }
    }

    /// Whether nothing is left to do at this moment, and no hook hangs.
    fn rests(&mut self) -> bool {
        let now = self.now;
        let due = self.next_due().is_some_and(|due| due <= now);
        let carriers = &mut self.carriers;
        let busy = carriers
            .iter_mut()
            .any(|carrier| carrier.shard.has_work(now) || carrier.shard.stalled().is_some());
        !due && !busy
    }
}
