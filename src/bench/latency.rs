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

/// Messages so many a second, for as long as the plan says.
fn paced(plan: &Plan, components: u32, rate: f64) -> std::sync::Arc<Job> {
    let producers = u64::from(plan.workload.producers);
    let messages = ((rate * plan.watched.as_secs_f64()) as u64).max(producers);
    let interval = 1e9 * producers as f64 / rate;
    // An odd number, so that it is not always the same place of a batch.
    let stamped = (rate / NOTED) as u64 | 1;
    Job::new(plan.workload, components, messages, Some(Pace { interval, stamped }))
}

/// A row at each load.
///
/// # Errors
/// Those of [`Crew::start`] and [`Crew::run`].
pub(crate) fn rows(
    plan: &Plan,
    components: u32,
    peak: u64,
    progress: &Progress,
) -> Result<Vec<Latency>, Refusal> {
    let row = |load| {
        progress.begin(format!("queue delay at {load} %, {components} components"));
        let wanted = (peak * u64::from(load) / 100).max(1);
        let job = paced(plan, components, wanted as f64);
        let crew = Crew::start(&job, &plan.tuning)?;
        let taken = crew.run()?;
        let delay = Delay::of(&crew.delays());
        crew.end()?;
        progress.step();
        let reached = rate(job.messages, taken).round() as u64;
        Ok(Latency { components, load, wanted, reached, delay })
    };
    LOADS.into_iter().map(row).collect()
}

/// What spinning costs, and what it brings where there is little to do.
///
/// # Errors
/// Those of [`Crew::start`] and [`Crew::run`].
pub(crate) fn idle(plan: &Plan, progress: &Progress) -> Result<Vec<Idle>, Refusal> {
    let components = plan.components[0].min(FEW);
    let row = |spin| {
        progress.begin(format!("an idle host that spins for {spin} µs"));
        let job = paced(plan, components, TRICKLE as f64);
        let crew = Crew::start(&job, &Tuning { spin, ..plan.tuning })?;
        let (_, idle) = share(|| {
            pass(plan.watched);
            Ok(plan.watched)
        })?;
        let (_, busy) = share(|| crew.run())?;
        let delay = Delay::of(&crew.delays());
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

/// Does something that tells how long it took; which part of one processor the threads of the
/// host took meanwhile, in percent to two places. Threads that send begin and end in between, so
/// what they take does not count.
fn share(
    work: impl FnOnce() -> Result<Duration, Refusal>,
) -> Result<(Duration, Option<f64>), Refusal> {
    let before = processor::used();
    let taken = work()?;
    let used = processor::used().zip(before).map(|(after, before)| after.saturating_sub(before));
    let share = used.map(|used| used.as_secs_f64() / taken.as_secs_f64().max(1e-9));
    Ok((taken, share.map(|share| (share * 10_000.0).round() / 100.0)))
}
