//! The probe as these tests write it: a plan in one place.

use contract::{Descriptor, Registration};
use smsexec_sim::probe::{Act, Probe};

pub use smsexec_sim::probe::{Does, Journal};

/// What a probe does in each hook.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    pub start: Does,
    /// The first life whose start goes well, whatever `start` says.
    pub starts_from: Option<u64>,
    pub stop: Does,
    pub pause: Does,
    /// Panics when it is handed this number.
    pub panics_on: Option<u64>,
    /// Ends itself when it is handed this number.
    pub exits_on: Option<u64>,
    pub drop_panics: bool,
}

/// A probe called `name`, and its journal.
pub fn probe(name: &str, plan: Plan) -> (Registration, Journal) {
    probe_with(name, plan, |_| {})
}

pub fn probe_with(
    name: &str,
    plan: Plan,
    declare: impl FnOnce(&mut Descriptor),
) -> (Registration, Journal) {
    let Plan { start, starts_from, stop, pause, panics_on, exits_on, drop_panics } = plan;
    let mut probe = Probe::new(name).shows("probe.color").declares(declare);
    probe = probe.start(start).stop(stop).pause(pause);
    if let Some(generation) = starts_from {
        probe = probe.starts_well_from(generation);
    }
    if let Some(number) = panics_on {
        probe = probe.on(number, Act::Panic);
    }
    if let Some(number) = exits_on {
        probe = probe.on(number, Act::Exit);
    }
    if drop_panics {
        probe = probe.drop_panics();
    }
    probe.build()
}
