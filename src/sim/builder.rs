//! What a simulated site is made of.

use std::time::Duration;

use cloud::Cloud;
use contract::Registration;
use contract::control::Refusal;
use contract::outside::Kept;
use contract::settings::{Setting, SettingValue};
use contract::time::WallTime;
use site::SiteDefinition;

use crate::run::Site;

/// 2026-01-05 08:00 UTC, a Monday: when simulated sites begin.
pub const EPOCH: WallTime = WallTime::from_unix_seconds(1_767_600_000);

/// A simulated site that has not been started.
#[derive(Debug)]
#[must_use = "nothing runs before start()"]
pub struct SiteBuilder {
    pub(crate) definition: SiteDefinition,
    pub(crate) components: Vec<Registration>,
    pub(crate) seed: u64,
    pub(crate) shards: u8,
    pub(crate) epoch: WallTime,
    pub(crate) backup_takes: Duration,
    pub(crate) cloud: Option<Cloud>,
    pub(crate) kept: Kept,
}

impl SiteBuilder {
    /// A site by its definition, with no components yet.
    pub fn new(definition: SiteDefinition) -> Self {
        SiteBuilder {
            definition,
            components: Vec::new(),
            seed: 1,
            shards: 2,
            epoch: EPOCH,
            backup_takes: Duration::from_secs(60),
            cloud: None,
            kept: Kept::default(),
        }
    }

    /// With one more component.
    pub fn component(mut self, component: Registration) -> Self {
        self.components.push(component);
        self
    }

    /// With these components as well, such as `smsexec::roster()`.
    pub fn components(mut self, components: impl IntoIterator<Item = Registration>) -> Self {
        self.components.extend(components);
        self
    }

    /// Draws the order of turns from this seed. 1 unless said otherwise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Spreads the components over so many shards, 1 to 255. Two unless said otherwise, so that
    /// order matters.
    pub fn shards(mut self, shards: u8) -> Self {
        self.shards = shards.max(1);
        self
    }

    /// Begins at this wall time.
    pub fn begins_at(mut self, epoch: WallTime) -> Self {
        self.epoch = epoch;
        self
    }

    /// A backup keeps the executive down for so long. One minute unless said otherwise.
    pub fn backup_takes(mut self, backup_takes: Duration) -> Self {
        self.backup_takes = backup_takes;
        self
    }

    /// With this update service at the other end.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = Some(cloud);
        self
    }

    /// With a setting stored from the beginning.
    pub fn setting<T: SettingValue>(mut self, setting: &Setting<T>, value: &T) -> Self {
        self.kept.settings.set(setting, value);
        self
    }

    /// With what an earlier site kept ([`Site::kept`]).
    /// Settings given to this builder take precedence.
    pub fn kept(mut self, kept: Kept) -> Self {
        let given = std::mem::replace(&mut self.kept, kept);
        for (key, text) in given.settings.iter() {
            self.kept.settings.set_text(key, text.to_owned());
        }
        self
    }

    /// Starts SMS_EXECUTIVE and lets it come to rest.
    ///
    /// # Errors
    /// 1073 if two components bear one name; 1061 if the site does not come to rest.
    pub fn start(self) -> Result<Site, Refusal> {
        Site::from_builder(self)
    }
}
