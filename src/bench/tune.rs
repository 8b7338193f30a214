//! The search for better settings: one after the other, each value beside all others of its
//! setting, by turns, and again until nothing gets better.
//!
//! A value is taken when it is better by more than the runs of one and the same value differ. What
//! is better by less may be chance, and is not worth a change.

use std::sync::Arc;

use contract::control::Refusal;
use serde::{Deserialize, Serialize};

use crate::crew::Crew;
use crate::job::Job;
use crate::progress::Progress;
use crate::report::{Rates, middle, sorted};
use crate::settings::{Plan, Tuning};
use crate::throughput::{job, rate};

/// All settings are tried so often at most. Most of it is found in the first round.
const ROUNDS: usize = 2;
/// Start and recommendation are compared in so many times as many runs.
const CHECKED: usize = 2;

/// What a search has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// For how many components.
    pub components: u32,
    /// Messages of a run.
    pub messages: u64,
    /// Where it began.
    pub start: Tuning,
    /// What was tried, in order.
    pub trials: Vec<Trial>,
    /// Where it ended.
    pub recommended: Tuning,
    /// Start and recommendation beside each other, once more; none if they are the same.
    pub check: Option<Trial>,
}

impl Tuned {
    /// What it comes to, in a sentence.
    pub fn verdict(&self) -> String {
        match &self.check {
            None => "No setting makes a difference beyond the noise: keep what you have.".into(),
            Some(check) if check.decision.within_noise => format!(
                "What was found is within the noise ({:+.1} %, noise {:.1} %): keep what you have.",
                check.decision.gain, check.decision.noise
            ),
            Some(check) => format!(
                "Recommended: {} ({:+.1} %, noise {:.1} %).",
                self.recommended, check.decision.gain, check.decision.noise
            ),
        }
    }
}

/// Values of one setting, tried by turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Which: its name on the command line, or "all" of a recommendation.
    pub setting: String,
    /// What was tried.
    pub candidates: Vec<Candidate>,
    /// What was made of it.
    pub decision: Decision,
}

/// One of the values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// All settings, with this value.
    pub tuning: Tuning,
    /// Messages a second.
    pub rates: Rates,
    /// How far the middle half of the runs is spread, in percent of the median.
    pub spread: f64,
}

/// What is made of some runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The candidate that is taken.
    pub taken: usize,
    /// How much better the best candidate was than the present one, in percent.
    pub gain: f64,
    /// How much of that may be chance: the larger spread of the two, in percent.
    pub noise: f64,
    /// Whether all of it may be; then the present one is kept.
    pub within_noise: bool,
}

/// Decides between candidates by their runs, messages a second. `present` is the one to keep in
/// doubt.
///
/// # Panics
/// If a candidate has no runs, or `present` is none of them.
pub fn decide(present: usize, candidates: &[Vec<f64>]) -> Decision {
    let medians: Vec<f64> = candidates.iter().map(|runs| middle(&sorted(runs))).collect();
    let best = (0..candidates.len()).fold(present, |best, candidate| {
        if medians[candidate] > medians[best] { candidate } else { best }
    });
    let gain = percent(medians[best] / medians[present] - 1.0);
    let noise = spread(&candidates[best]).max(spread(&candidates[present]));
    let within_noise = gain <= noise;
    Decision { taken: if within_noise { present } else { best }, gain, noise, within_noise }
}

/// How far the middle half of the runs is spread, in percent of the median.
fn spread(runs: &[f64]) -> f64 {
    let sorted = sorted(runs);
    let quarter = sorted.len() / 4;
    let (low, high) = (sorted[quarter], sorted[sorted.len() - 1 - quarter]);
    percent((high - low) / middle(&sorted))
}

/// To a tenth.
fn percent(part: f64) -> f64 {
    (part * 1_000.0).round() / 10.0
}

/// What can be set, and what is tried of it.
type Setting = (&'static str, fn(&mut Tuning, u64), &'static [u64]);

const SETTINGS: [Setting; 5] = [
    ("--shards", |tuning, value| tuning.shards = value as u8, &[1, 2, 4, 8, 16]),
    ("--batch", |tuning, value| tuning.batch = value as usize, &[1, 16, 64, 256, 1_024]),
    (
        "--turn-budget",
        |tuning, value| tuning.turn_budget = value as usize,
        &[64, 256, 1_024, 4_096],
    ),
    ("--lane-max", |tuning, value| tuning.lane_max = value as usize, &[1_000, 30_000, 1_000_000]),
    ("--spin", |tuning, value| tuning.spin = value, &[0, 10, 50, 200]),
];

/// What is tried of one setting, the present value first.
fn candidates(present: Tuning, (_, set, values): Setting, shards_max: u64) -> Vec<Tuning> {
    let mut candidates = vec![present];
    for value in values {
        let mut tuning = present;
        set(&mut tuning, *value);
        if !candidates.contains(&tuning) && u64::from(tuning.shards) <= shards_max {
            candidates.push(tuning);
        }
    }
    candidates
}

/// Searches.
///
/// # Errors
/// Those of [`Crew::start`] and [`Crew::run`].
pub(crate) fn search(plan: &Plan, cores: usize, progress: &Progress) -> Result<Tuned, Refusal> {
    let components = plan.components[0];
    let shards_max = (cores as u64).min(u64::from(components)).max(plan.tuning.shards.into());
    let job = job(plan, components, &plan.tuning)?;
    let (mut present, mut trials) = (plan.tuning, Vec::new());
    for round in 0..ROUNDS {
        let before = present;
        for setting in SETTINGS {
            let candidates = candidates(present, setting, shards_max);
            if candidates.len() > 1 {
                progress.begin(format!("round {}: {}", round + 1, setting.0));
                let trial = try_all(setting.0, &candidates, &job, plan.runs, progress)?;
                present = candidates[trial.decision.taken];
                trials.push(trial);
            }
        }
        if present == before {
            break;
        }
    }
    let check = if present == plan.tuning {
        None
    } else {
        progress.begin("start and recommendation");
        Some(try_all("all", &[plan.tuning, present], &job, CHECKED * plan.runs, progress)?)
    };
    let (start, recommended) = (plan.tuning, present);
    Ok(Tuned { components, messages: job.messages, start, trials, recommended, check })
}

/// Runs all candidates by turns. The first one is the present.
fn try_all(
    setting: &str,
    candidates: &[Tuning],
    job: &Arc<Job>,
    runs: usize,
    progress: &Progress,
) -> Result<Trial, Refusal> {
    progress.expect(runs + 1);
    let crews: Vec<Crew> =
        candidates.iter().map(|tuning| Crew::start(job, tuning)).collect::<Result<_, _>>()?;
    let mut rates = vec![Vec::with_capacity(runs); crews.len()];
    for run in 0..=runs {
        for (crew, rates) in crews.iter().zip(&mut rates) {
            let taken = crew.run()?;
            // The first run finds caches cold and threads asleep.
            if run > 0 {
                rates.push(rate(job.messages, taken));
            }
        }
        progress.step();
    }
    crews.into_iter().try_for_each(Crew::end)?;
    let decision = decide(0, &rates);
    let candidate = |(tuning, runs): (&Tuning, &Vec<f64>)| Candidate {
        tuning: *tuning,
        rates: Rates::of(runs),
        spread: spread(runs),
    };
    let candidates = candidates.iter().zip(&rates).map(candidate).collect();
    Ok(Trial { setting: setting.into(), candidates, decision })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_better_beyond_the_noise_is_taken() {
        let runs = [vec![100.0, 101.0, 99.0, 100.0], vec![150.0, 151.0, 149.0, 150.0]];
        let decision = decide(0, &runs);
        assert_eq!((decision.taken, decision.within_noise), (1, false));
        assert_eq!(decision.gain, 50.0);
        assert!(decision.noise < 2.0, "{decision:?}");
    }

    #[test]
    fn what_is_better_by_less_than_runs_differ_is_not() {
        let runs = [vec![100.0, 90.0, 110.0, 120.0, 80.0], vec![105.0, 85.0, 125.0, 110.0, 95.0]];
        let decision = decide(0, &runs);
        assert_eq!((decision.taken, decision.within_noise), (0, true));
        assert_eq!(decision.gain, 5.0);
        assert!(decision.noise >= 20.0, "{decision:?}");
    }

    #[test]
    fn the_present_one_is_kept_where_it_is_the_best() {
        let decision = decide(1, &[vec![50.0], vec![60.0], vec![55.0]]);
        assert_eq!((decision.taken, decision.gain, decision.within_noise), (1, 0.0, true));
    }

    #[test]
    fn one_run_that_was_held_up_decides_nothing() {
        let steady = vec![100.0, 100.0, 100.0, 100.0, 10.0];
        let faster = vec![120.0, 120.0, 5.0, 120.0, 120.0];
        assert_eq!(decide(0, &[steady, faster]).taken, 1);
    }

    #[test]
    fn each_candidate_differs_from_the_present_in_one_setting() {
        let present = Tuning::default();
        for setting in SETTINGS {
            let candidates = candidates(present, setting, 2);
            assert_eq!(candidates[0], present);
            assert!(candidates.iter().all(|tuning| tuning.shards <= 2));
            let is_other = |tuning: &&Tuning| **tuning != present;
            assert_eq!(candidates.iter().filter(is_other).count(), candidates.len() - 1);
        }
    }
}
