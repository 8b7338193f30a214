//! Backups: by command, and by schedule (domain.md 10.1).

use contract::Severity;
use contract::control::{Accepted, Refusal};
use contract::settings::keys;
use kernel::Clock;
use site::schedule::next_backup;

use crate::Host;

impl Host {
    /// Begins a backup, for as long as the setting `backup.lease` allows.
    pub(crate) fn back_up(&mut self, clock: Clock) -> Result<Accepted, Refusal> {
        let lease = self.executive.stored().get(&keys::BACKUP_LEASE);
        let accepted = self.executive.backup(clock.now, lease)?;
        self.tell_backup_begun(clock.utc);
        Ok(accepted)
    }

    /// Finds out when the next backup by schedule is due: the settings, the wall clock or the
    /// bias have changed, or one has just begun.
    pub(crate) fn plan_backup(&mut self, clock: Clock) {
        let stored = self.executive.stored();
        let enabled = stored.get(&keys::BACKUP_ENABLED);
        self.next_backup = enabled.then(|| {
            let at = next_backup(clock.utc, stored.get(&keys::BACKUP_AT), self.bias_minutes);
            clock.now + at.since(clock.utc)
        });
    }

    pub(crate) fn back_up_by_schedule(&mut self, clock: Clock) {
        if let Err(refusal) = self.back_up(clock) {
            let text = format!("The scheduled backup was left out: {refusal}");
            self.log(clock.utc, self.voices.backup, Severity::Error, text);
        }
        self.settle(clock);
        self.plan_backup(clock);
    }
}
