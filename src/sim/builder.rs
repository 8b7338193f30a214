//! What a simulated site is made of.

use std::time::Duration;

use cloud::Cloud;
use contract::Registration;
use contract::Settings;
use contract::control::Refusal;
use contract::lifecycle::{Budget, Group};
use contract::settings::{Setting, SettingValue};
use contract::store::Kept;
use contract::time::WallTime;
use site::SiteDefinition;

use crate::ending::Leniency;
use crate::run::Site;
use crate::seed;
use crate::store::MemoryStore;

/// 2026-01-05 08:00 UTC, a Monday: when simulated sites begin.
pub const EPOCH: WallTime = WallTime::from_unix_seconds(1_767_600_000);

/// A simulated site that has not been started.
#[derive(Debug)]
#[must_use = "nothing runs before start()"]
pub struct SiteBuilder {
    pub(crate) definition: SiteDefinition,
    pub(crate) components: Vec<Registration>,
    pub(crate) seed: u64,
    pub(crate) fixed_seed: Option<u64>,
    pub(crate) leniency: Leniency,
    pub(crate) shards: u8,
    pub(crate) epoch: WallTime,
    pub(crate) backup_takes: Duration,
    pub(crate) cloud: Option<Cloud>,
    pub(crate) settings: Settings,
    pub(crate) store: MemoryStore,
    pub(crate) jitter: bool,
    pub(crate) executive_budget: Budget,
    pub(crate) checked: bool,
    /// Whether start() waits until SMS_EXECUTIVE runs.
    pub(crate) waits: bool,
}

impl SiteBuilder {
    /// A site by its definition, with no components yet.
    pub fn new(definition: SiteDefinition) -> Self {
        SiteBuilder {
            definition,
            components: Vec::new(),
            seed: seed::DEFAULT,
            fixed_seed: None,
            leniency: Leniency::default(),
            shards: 2,
            epoch: EPOCH,
            backup_takes: Duration::from_secs(60),
            cloud: None,
            settings: Settings::default(),
            store: MemoryStore::default(),
            jitter: false,
            executive_budget: Budget::default(),
            checked: false,
            waits: true,
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

    /// Draws the order of turns from this seed: 1 unless said otherwise. The environment
    /// variable [`SEED_VARIABLE`](crate::SEED_VARIABLE) takes precedence, so that a failure can
    /// be replayed without a change of the test.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Draws the order of turns from this seed, whatever the environment says: for a test that
    /// is about seeds.
    pub fn fixed_seed(mut self, seed: u64) -> Self {
        self.fixed_seed = Some(seed);
        self
    }

    /// Components may crash and messages may be left over: the test does not fail for it at its
    /// end. [`Site::allow_crashes`] and [`Site::allow_stranded`] say the same more closely.
    pub fn lenient(mut self) -> Self {
        self.leniency = Leniency::ALL;
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
        self.settings.set(setting, value);
        self
    }

    /// With what an earlier site kept ([`Site::kept`]).
    /// Settings given to this builder take precedence.
    pub fn kept(self, kept: Kept) -> Self {
        self.store(MemoryStore::holding(kept))
    }

    /// With the store of an earlier site ([`Site::store`]), which goes on in it: generations,
    /// what is wanted of components, holds, messages that were accepted and not handled.
    pub fn store(mut self, store: MemoryStore) -> Self {
        self.store = store;
        self
    }

    /// With a group of components that are restarted together.
    pub fn group(mut self, group: Group) -> Self {
        self.definition.groups.push(group);
        self
    }

    /// Restarts are spread by jitter, drawn from the seed. Exact delays unless this is said.
    pub fn jitter(mut self) -> Self {
        self.jitter = true;
        self
    }

    /// So often may the executive as a whole be restarted because of a component: 5 times in
    /// 300 s unless said otherwise.
    pub fn executive_budget(mut self, budget: Budget) -> Self {
        self.executive_budget = budget;
        self
    }

    /// Checks the invariants of lifecycle.md 2.6 after every event, and looks at the site now and
    /// then: the test fails at the event that breaks one. See [`crate::invariants`].
    pub fn checked(mut self) -> Self {
        self.checked = true;
        self
    }

    /// Does not wait until SMS_EXECUTIVE runs.
    pub(crate) fn impatient(mut self) -> Self {
        self.waits = false;
        self
    }

    /// Starts SMS_EXECUTIVE and lets it come to rest.
    ///
    /// # Errors
    /// 1073 if two components bear one name; 1061 if the site does not come to rest; 87 if
    /// [`SEED_VARIABLE`](crate::SEED_VARIABLE) holds no number.
    pub fn start(self) -> Result<Site, Refusal> {
        Site::from_builder(self)
    }
}
