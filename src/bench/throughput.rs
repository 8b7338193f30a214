//! How many messages a second: the host and its floors, by turns.

use std::sync::Arc;
use std::time::Duration;

use contract::control::Refusal;

use crate::crew::Crew;
use crate::floors::{Channel, Loop};
use crate::job::Job;
use crate::progress::Progress;
use crate::report::{Rates, Throughput, middle, sorted};
use crate::settings::{Length, Plan, Tuning};

/// With so many messages it is found out how many a run of a certain time takes.
const PROBE: u64 = 100_000;

/// A row, and the host that it was measured on.
///
/// # Errors
/// Those of [`Crew::start`] and [`Crew::run`].
pub(crate) fn row(
    plan: &Plan,
    components: u32,
    progress: &Progress,
) -> Result<(Throughput, Crew), Refusal> {
    progress.begin(format!("throughput, {components} components"));
    let job = job(plan, components, &plan.tuning)?;
    let crew = Crew::start(&job, &plan.tuning)?;
    let (mut plain, mut channel) = (Loop::new(&job), Channel::new(&job));
    let mut rates = [(); 3].map(|()| Vec::new());
    for run in 0..=plan.runs {
        let taken = [crew.run()?, plain.run()?, channel.run()?];
        progress.step();
        // The first run finds caches cold and threads asleep.
        if run > 0 {
            for (rates, taken) in rates.iter_mut().zip(taken) {
                rates.push(rate(job.messages, taken));
            }
        }
    }
    let [host, plain, channel] = &rates;
    let row = Throughput {
        components,
        messages: job.messages,
        runs: plan.runs,
        host: Rates::of(host),
        plain_loop: Rates::of(plain),
        channel: Rates::of(channel),
        beside_loop: ratio(host, plain),
        beside_channel: ratio(host, channel),
        hash: format!("{:016x}", job.hash),
    };
    Ok((row, crew))
}

/// The work of one run.
///
/// # Errors
/// Those of [`Crew::start`] and [`Crew::run`], where it has to be found out how much that is.
pub(crate) fn job(plan: &Plan, components: u32, tuning: &Tuning) -> Result<Arc<Job>, Refusal> {
    let job = |messages| Job::new(plan.workload, components, messages);
    match plan.length {
        Length::Messages(messages) => Ok(job(messages)),
        Length::Time(time) => {
            let probe = job(PROBE);
            let crew = Crew::start(&probe, tuning)?;
            crew.run()?;
            let taken = crew.run()?;
            crew.end()?;
            let messages = rate(PROBE, taken) * time.as_secs_f64();
            Ok(job((messages as u64).max(u64::from(plan.workload.producers))))
        }
    }
}

/// Messages a second.
pub(crate) fn rate(messages: u64, taken: Duration) -> f64 {
    messages as f64 / taken.as_secs_f64().max(1e-9)
}

/// The median of the ratios of runs that came one after the other, to three places.
fn ratio(rates: &[f64], floor: &[f64]) -> f64 {
    let ratios: Vec<f64> = rates.iter().zip(floor).map(|(rate, floor)| rate / floor).collect();
    (middle(&sorted(&ratios)) * 1_000.0).round() / 1_000.0
}
