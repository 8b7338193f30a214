//! How components are, as Query shows them.

use contract::control::ComponentStatus;
use contract::id::ComponentId;
use contract::lifecycle::{Code, HoldKind, Startup, State};
use contract::time::{Clock, Moment};

use super::Executive;

impl Executive {
    /// The status of a component, at `clock`.
    pub fn status(&self, id: ComponentId, clock: Clock) -> ComponentStatus {
        let index = self.index(id);
        let record = &self.records[index];
        let since = record.cell().since();
        let ago = clock.now.since(since);
        let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        let since_utc = contract::WallTime(clock.utc.0.saturating_sub(micros));
        let descriptor = record.descriptor();
        let differing = descriptor.start_only.iter().filter(|key| {
            record.state != State::Stopped && record.started_with.text(key) != self.stored.text(key)
        });
        let cell = record.cell().view();
        ComponentStatus {
            name: record.name().to_string(),
            about: descriptor.about.to_string(),
            log: descriptor.log.file().to_owned(),
            state: record.state,
            substate: (record.state == State::Stopped).then(|| record.substate()),
            desired: record.desired,
            startup: record.startup,
            generation: record.generation,
            since,
            since_utc,
            crashes: record.rest.crash_count,
            exit_code: match record.last_exit() {
                _ if record.generation.0 == 0 => Code::NEVER_STARTED,
                Some(exit) => exit.code(),
                None => Code::OK,
            },
            last_exit: record.last_exit().cloned(),
            inbox: cell.inbox,
            checkpoint: record.rest.checkpoint,
            wait_hint: record.hint(),
            restart_required: differing.map(|key| (*key).to_owned()).collect(),
            holds: self.holds(index),
            hold_left: self.held_until(index).map(|until| until.since(clock.now)),
            persist: record.persist,
            group: record.rest.group.map(|group| self.groups[group].name().to_string()),
            waits_for: self.waits_for(index),
            hung: record.rest.hung.is_some(),
            zombies: record.rest.zombies.len() as u32,
            outbox: cell.outbox,
            drop_panicked: record.rest.drop_panicked.clone(),
        }
    }

    /// The startup type of a component that is in effect.
    pub fn startup(&self, id: ComponentId) -> Startup {
        self.records[self.index(id)].startup
    }

    /// Whether anything keeps a component down.
    pub(super) fn is_held(&self, index: usize) -> bool {
        let record = &self.records[index];
        record.rest.maintenance.is_some() || record.removed || self.are_all_held()
    }

    /// Whether anything keeps a component down, be it by way of what it depends on.
    pub(super) fn is_kept_down(&self, index: usize) -> bool {
        self.is_held(index) || self.held_dependency(index).is_some()
    }

    /// Whether anything keeps every component down.
    pub(super) fn are_all_held(&self) -> bool {
        self.service.backup_until.is_some()
            || matches!(self.service.state, State::StopPending | State::Stopped)
    }

    fn held_until(&self, index: usize) -> Option<Moment> {
        self.records[index].rest.maintenance.max(self.service.backup_until)
    }

    /// What keeps a component down, whatever is wanted of it.
    fn holds(&self, index: usize) -> Vec<HoldKind> {
        let record = &self.records[index];
        let mut holds = self.holds_on_all();
        holds.extend(record.rest.maintenance.map(|_| HoldKind::Maintenance));
        holds.extend(record.removed.then_some(HoldKind::Removal));
        holds
    }

    /// What keeps every component down.
    pub(super) fn holds_on_all(&self) -> Vec<HoldKind> {
        let backup = self.service.backup_until.map(|_| HoldKind::Backup);
        let stopping = matches!(self.service.state, State::StopPending | State::Stopped);
        backup.into_iter().chain(stopping.then_some(HoldKind::Stopping)).collect()
    }
}
