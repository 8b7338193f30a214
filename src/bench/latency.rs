//! How long messages wait, at loads that the host can carry, and how an idle host is woken.
//!
//! Senders keep to times that are set beforehand, whether what they sent before was handled or
//! not, and a delay counts from when its message was to be sent. So a stall is told by all
//! messages that came due in it, and not by one (coordinated omission).

use std::time::Duration;

use contract::control::Refusal;

use crate::crew::Crew;
use crate::gauge::pass;
use crate::job::{Job, Pace};
use crate::processor;
use crate::progress::Progress;
use crate::report::{Delay, Idle, Latency};
use crate::settings::{Plan, Tuning};
use crate::throughput::rate;

/// Loads, in percent of the peak.
pub(crate) const LOADS: [u32; 2] = [50, 90];
/// So many delays a second are noted, or one more.
const NOTED: f64 = 200_000.0;
/// Microseconds for which idle shards are watched spinning, beside what the plan says.
pub(crate) const SPINS: [u64; 5] = [0, 10, 50, 200, 1_000];
/// Messages a second that an idle host gets now and then.
const TRICKLE: u64 = 1_000;
/// It has no more components than that.
const FEW: u32 = 1_000;

/// That job at so many messages a second, for about as long as the plan says; once at the least.
fn paced(plan: &Plan, job: &Job, rate: f64) -> Pace {
    let rounds = (rate * plan.watched.as_secs_f64() / job.messages as f64).round() as u64;
    Pace {
        interval: 1e9 * f64::from(plan.workload.producers) / rate,
        // An odd number, so that it is not always the same place of a batch.
        stamped: (rate / NOTED) as u64 | 1,
        rounds: rounds.max(1),
    }
}

/// A row at each load, on a host whose peak is known.
///
/// # Errors
/// Those of [`Crew::run_at`].
pub(crate) fn rows(
    plan: &Plan,
    crew: &Crew,
    peak: u64,
    progress: &Progress,
) -> Result<Vec<Latency>, Refusal> {
    let job = crew.job();
    let components = job.components;
    let row = |load| {
        progress.begin(format!("queue delay at {load} %, {components} components"));
        let wanted = (peak * u64::from(load) / 100).max(1);
        let pace = paced(plan, job, wanted as f64);
        let (taken, delays) = crew.run_at(&pace)?;
        progress.step();
        let reached = rate(job.messages * pace.rounds, taken).round() as u64;
        Ok(Latency { components, load, wanted, reached, delay: Delay::of(&delays) })
    };
    LOADS.into_iter().map(row).collect()
}

/// What spinning costs, and what it brings where there is little to do.
///
/// # Errors
/// Those of [`Crew::start`] and [`Crew::run`].
pub(crate) fn idle(plan: &Plan, progress: &Progress) -> Result<Vec<Idle>, Refusal> {
    let components = plan.components[0].min(FEW);
    let producers = u64::from(plan.workload.producers);
    let messages = ((TRICKLE as f64 * plan.watched.as_secs_f64()) as u64).max(producers);
    let job = Job::new(plan.workload, components, messages);
    let row = |spin| {
        progress.begin(format!("an idle host that spins for {spin} µs"));
        let crew = Crew::start(&job, &Tuning { spin, ..plan.tuning })?;
        let begun = processor::used();
        pass(plan.watched);
        let idle = share(begun, plan.watched);
        let begun = processor::used();
        let (taken, delays) = crew.run_at(&paced(plan, &job, TRICKLE as f64))?;
        let (busy, delay) = (share(begun, taken), Delay::of(&delays));
        crew.end()?;
        progress.step();
        Ok(Idle { spin, idle, trickle: TRICKLE, busy, delay })
    };
    spins(plan.tuning.spin).into_iter().map(row).collect()
}

/// Those that are watched, in order.
pub(crate) fn spins(planned: u64) -> Vec<u64> {
    let mut spins = [&SPINS[..], &[planned]].concat();
    spins.sort_unstable();
    spins.dedup();
    spins
}

/// Which part of one processor the threads of the host took in that time, since they had used
/// so much, in percent to two places. Threads that send begin and end in between, so what they
/// take does not count.
fn share(before: Option<Duration>, taken: Duration) -> Option<f64> {
    let used = processor::used()?.saturating_sub(before?);
    let share = used.as_secs_f64() / taken.as_secs_f64().max(1e-9);
    Some((share * 10_000.0).round() / 100.0)
}
