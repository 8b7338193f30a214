//! A whole measurement, from plan to report.

use contract::control::Refusal;

use crate::machine::Machine;
use crate::progress::Progress;
use crate::report::{Queued, Report};
use crate::settings::Plan;
use crate::{latency, stop, throughput, tune};

/// Measures what the plan says, on hosts of its own. Takes from a second to many minutes.
///
/// # Errors
/// What a host refuses; 1053 or 1066 if messages were lost, came twice, or out of order: then
/// there are no figures.
pub fn measure(plan: &Plan, progress: &Progress) -> Result<Report, Refusal> {
    let machine = Machine::here();
    let mut report = Report {
        workload: plan.workload,
        tuning: plan.tuning,
        throughput: Vec::new(),
        latency: Vec::new(),
        idle: Vec::new(),
        stops: Vec::new(),
        tuned: None,
        machine,
    };
    if plan.measures.tune {
        report.tuned = Some(tune::search(plan, report.machine.cores, progress)?);
        progress.finish();
        return Ok(report);
    }
    progress.expect(steps(plan));
    for components in &plan.components {
        let (row, crew) = throughput::row(plan, *components, progress)?;
        if plan.measures.latency {
            report.latency.extend(latency::rows(plan, &crew, row.host.median, progress)?);
        }
        crew.end()?;
        report.throughput.push(row);
    }
    if plan.measures.latency {
        report.idle = latency::idle(plan, progress)?;
    }
    if plan.measures.stop_under_load {
        for queued in [Queued::Component, Queued::Shard] {
            report.stops.push(stop::under_load(plan, queued, progress)?);
        }
    }
    progress.finish();
    Ok(report)
}

/// How many of them it tells of.
fn steps(plan: &Plan) -> usize {
    let rows = plan.components.len();
    let mut steps = rows * (plan.runs + 1);
    if plan.measures.latency {
        steps += rows * latency::LOADS.len() + latency::spins(plan.tuning.spin).len();
    }
    if plan.measures.stop_under_load {
        steps += 2;
    }
    steps
}
