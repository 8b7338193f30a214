//! How a site begins: from its builder, and each executive in it.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use cloud::Cloud;
use contract::control::{Accepted, Ask, HostControl, Refusal, ServiceCommand, Told};
use contract::id::OpId;
use contract::lifecycle::Code;
use contract::store::Kept;
use contract::time::Moment;
use host::{Host, HostOptions};
use kernel::{Clock, lane};
use site::SiteDefinition;

use super::{Recipe, Site};
use crate::builder::{EPOCH, SiteBuilder};
use crate::ending::Leniency;
use crate::faults::Faults;
use crate::invariants::Invariants;
use crate::log::EventLog;
use crate::outside::SimOutside;
use crate::report::Story;
use crate::seed;

/// A component that takes longer to start is not waited for.
const START_MAX: Duration = Duration::from_secs(300);

impl Site {
    /// A stand-alone primary site of that code, installed at the moment it begins, to be given
    /// components and started.
    pub fn primary(code: &str) -> SiteBuilder {
        let installed = EPOCH;
        SiteBuilder::new(SiteDefinition { installed, ..SiteDefinition::primary(code) })
    }

    pub(crate) fn from_builder(builder: SiteBuilder) -> Result<Site, Refusal> {
        let seed = match (builder.fixed_seed, seed::from_environment()?) {
            (Some(seed), _) | (None, Some(seed)) => seed,
            (None, None) => builder.seed,
        };
        let options = HostOptions {
            is_virtual: true,
            jitter_seed: builder.jitter.then_some(seed),
            budget: builder.executive_budget,
            ..HostOptions::new(builder.shards, 4_242)
        };
        let recipe = Recipe {
            definition: builder.definition,
            components: builder.components,
            options,
            backup_takes: builder.backup_takes,
        };
        let clock = Clock { now: Moment::ZERO, utc: builder.epoch };
        let store = builder.store;
        for (key, text) in builder.settings.iter() {
            store.apply(contract::store::Change::Setting { key: key.into(), text: text.into() });
        }
        let host = recipe.host(store.kept(), clock)?;
        let mut site = Site {
            host,
            carriers: Vec::new(),
            lost: Vec::new(),
            carriers_made: 0,
            watches: false,
            lanes: Arc::new([]),
            killed: false,
            recipe,
            outside: SimOutside::new(builder.cloud.unwrap_or_else(|| Cloud::new(seed))),
            now: Moment::ZERO,
            epoch: builder.epoch,
            seed,
            rng: fastrand::Rng::with_seed(seed),
            scheduled: BinaryHeap::new(),
            schedulings: 0,
            store,
            log: EventLog::default(),
            faults: Faults::default(),
            leniency: Leniency::ALL,
            refused: None,
            invariants: builder.checked.then(Invariants::default),
            checked: builder.checked,
            story: Story::default(),
            busy: Vec::new(),
            outputs: Vec::new(),
            doings: Vec::new(),
        };
        site.record_components();
        if builder.waits {
            site.begin_executive()?;
        } else {
            site.order_executive()?;
        }
        // From here on there is a test that can say what it means; an error above is told as one.
        site.leniency = builder.leniency;
        Ok(site)
    }

    /// Carries the shards of a new host, starts SMS_EXECUTIVE, and waits until it runs.
    pub(crate) fn begin_executive(&mut self) -> Result<(), Refusal> {
        let operation = self.order_executive()?;
        // A backup of the executive before it holds everything until its lease runs out.
        if self.host.is_held() {
            return self.run_to_rest();
        }
        let outcome = self.wait(operation, START_MAX);
        if outcome.code == Code::OK || outcome.code == Code::CANCELLED {
            return self.run_to_rest();
        }
        Err(Refusal::new(outcome.code, host::EXECUTIVE, outcome.text, "its logs say more"))
    }

    /// Carries the shards of a new host, and orders SMS_EXECUTIVE to start.
    pub(crate) fn order_executive(&mut self) -> Result<OpId, Refusal> {
        let (lanes, ends): (Vec<_>, Vec<_>) = (0..self.host.shards()).map(|_| lane()).unzip();
        for lane in &lanes {
            lane.begin_numbers_after(self.host.last_message_number());
        }
        self.lanes = lanes.into();
        self.carriers.clear();
        for (number, end) in (0..).zip(ends) {
            let carrier = self.new_carrier(number, end);
            self.carriers.push(carrier);
        }
        let begun = self.ask(Ask::Service(ServiceCommand::Start))?;
        let Told::Accepted(Accepted { operation: Some(operation), .. }) = begun else {
            unreachable!("a start is accepted with an operation, told {begun:?}")
        };
        Ok(operation)
    }
}

impl Recipe {
    /// A new host, with what was kept.
    pub(crate) fn host(&self, kept: Kept, clock: Clock) -> Result<Host, Refusal> {
        Host::new(&self.definition, self.components.clone(), kept, self.options, clock)
    }
}
