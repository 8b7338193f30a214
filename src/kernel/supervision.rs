//! When a component that crashed starts again: budget and backoff, as pure values
//! (lifecycle.md 3.4 to 3.6). A component has one of these, and so has a group, and the executive.

use std::collections::VecDeque;
use std::time::Duration;

use contract::lifecycle::{Backoff, Budget, Exit, Restart};
use contract::time::Moment;

/// What a supervisor goes by.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// When what ended is started again.
    pub restart: Restart,
    /// How many crashes are too many.
    pub budget: Budget,
    /// How restarts are spaced out.
    pub backoff: Backoff,
}

/// Crashes as a supervisor remembers them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crashes {
    /// When, oldest first; only those that the budget still counts.
    window: VecDeque<Moment>,
    /// Restarts in a row without a long enough time of Running in between.
    streak: u32,
}

/// What a supervisor decides after a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start again after this long.
    RestartAfter(Duration),
    /// Leave it: its restart type says so.
    Leave,
    /// Leave it: the budget is spent.
    GiveUp,
}

impl Crashes {
    /// None so far.
    pub(crate) const NONE: Crashes = Crashes { window: VecDeque::new(), streak: 0 };

    /// A life that ran for `ran` ended with `exit` at `now`: what follows?
    ///
    /// `charged` is false for a crash that repeats an earlier one: a message that has failed
    /// before costs once (lifecycle.md 3.4). The delay is without jitter.
    pub fn after(
        &mut self,
        now: Moment,
        exit: &Exit,
        ran: Duration,
        charged: bool,
        policy: &Policy,
    ) -> Verdict {
        let Policy { restart, budget, backoff } = policy;
        let restarts = match restart {
            Restart::Permanent => !matches!(exit, Exit::Ignore(_)),
            Restart::Transient => exit.is_abnormal(),
            Restart::Temporary => false,
        };
        // Its carrier was lost to somebody else: it starts on another at once.
        if *exit == Exit::Lost {
            return if restarts { Verdict::RestartAfter(Duration::ZERO) } else { Verdict::Leave };
        }
        if exit.is_abnormal() && charged && self.charge(now, budget) {
            return Verdict::GiveUp;
        }
        if !restarts {
            return Verdict::Leave;
        }
        if ran >= backoff.reset_after {
            self.streak = 0;
        }
        self.streak = self.streak.saturating_add(1);
        Verdict::RestartAfter(delay(backoff, self.streak))
    }

    /// Counts a crash; answers whether that is one too many. The window is inclusive: a crash
    /// exactly one period ago still counts (OTP, lifecycle.md 3.4).
    pub fn charge(&mut self, now: Moment, budget: &Budget) -> bool {
        self.window.push_back(now);
        while self.window.front().is_some_and(|at| now.since(*at) > budget.period) {
            self.window.pop_front();
        }
        self.window.len() > budget.crashes as usize
    }

    /// A person starts it or clears its failure: everything before is forgotten.
    pub fn forgive(&mut self) {
        *self = Crashes::default();
    }
}

/// `delay`, lengthened or shortened by up to `percent`: `draw` is anything, evenly spread.
pub fn with_jitter(delay: Duration, percent: u8, draw: u64) -> Duration {
    let percent = f64::from(percent.min(100)) / 100.0;
    // The upper 32 bits, as a number from -1 to 1.
    let draw = f64::from((draw >> 32) as u32) / f64::from(u32::MAX) * 2.0 - 1.0;
    delay.mul_f64(1.0 + percent * draw)
}

/// The delay before restart number `streak`, counted from 1.
fn delay(backoff: &Backoff, streak: u32) -> Duration {
    let mut delay = backoff.first.min(backoff.max);
    for _ in 1..streak {
        if delay >= backoff.max || delay.is_zero() {
            break;
        }
        delay = delay.saturating_mul(backoff.factor).min(backoff.max);
    }
    delay
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn panic() -> Exit {
        Exit::Panic { text: "boom".into(), location: "here".into() }
    }

    fn policy(restart: Restart) -> Policy {
        Policy { restart, budget: Budget::default(), backoff: Backoff::default() }
    }

    fn crash_at(crashes: &mut Crashes, millis: u64, ran: Duration) -> Verdict {
        let permanent = policy(Restart::Permanent);
        crashes.after(Moment(millis * MILLI), &panic(), ran, true, &permanent)
    }

    #[test]
    fn jitter_stays_within_its_percentage_and_is_spread_over_it() {
        let delay = Duration::from_secs(10);
        assert_eq!(with_jitter(delay, 10, 0), Duration::from_secs(9));
        assert_eq!(with_jitter(delay, 10, u64::MAX), Duration::from_secs(11));
        assert_eq!(with_jitter(delay, 0, u64::MAX), delay);
        let middle = with_jitter(delay, 10, 1 << 63);
        assert!(middle.abs_diff(delay) < Duration::from_millis(1), "{middle:?}");
    }

    #[test]
    fn a_lost_carrier_costs_nothing() {
        let mut crashes = Crashes::default();
        for _ in 0..20 {
            let verdict = crashes.after(
                Moment::ZERO,
                &Exit::Lost,
                Duration::ZERO,
                true,
                &policy(Restart::Transient),
            );
            assert_eq!(verdict, Verdict::RestartAfter(Duration::ZERO));
        }
        let first = Verdict::RestartAfter(Duration::from_millis(500));
        assert_eq!(crash_at(&mut crashes, 0, Duration::ZERO), first);
    }

    /// Case S01's first half: the delays double from half a second.
    #[test]
    fn delays_double_up_to_the_maximum() {
        let backoff = Backoff::default();
        let delays: Vec<u64> = (1..=9).map(|n| delay(&backoff, n).as_millis() as u64).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
    }

    /// Case S01: five crashes restart, the sixth within the period does not.
    #[test]
    fn the_sixth_crash_in_the_period_is_one_too_many() {
        let mut crashes = Crashes::default();
        for (n, at) in [0, 500, 1500, 3500, 7500].into_iter().enumerate() {
            let verdict = crash_at(&mut crashes, at, Duration::ZERO);
            assert_eq!(verdict, Verdict::RestartAfter(Duration::from_millis(500 << n)));
        }
        assert_eq!(crash_at(&mut crashes, 15500, Duration::ZERO), Verdict::GiveUp);
    }

    /// Case S02: the window is inclusive to the millisecond.
    #[test]
    fn s02_the_window_slides_and_is_inclusive() {
        let day = 24 * 60 * 60 * 1000;
        let mut crashes = Crashes::default();
        for at in (0..day).step_by(61_000) {
            assert_ne!(crash_at(&mut crashes, at, Duration::from_secs(61)), Verdict::GiveUp);
        }
        let mut crashes = Crashes::default();
        for k in 0..5 {
            let verdict = crash_at(&mut crashes, k * 60_000, Duration::from_secs(60));
            assert_ne!(verdict, Verdict::GiveUp, "crash {k}");
        }
        assert_eq!(crash_at(&mut crashes, 300_000, Duration::from_secs(60)), Verdict::GiveUp);
    }

    /// Case S04's second half: Running long enough starts the delays over.
    #[test]
    fn s04_the_delay_starts_over_after_sixty_seconds_of_running() {
        for (ran, expected) in [(59_999, 1000), (60_000, 500)] {
            let mut crashes = Crashes::default();
            crash_at(&mut crashes, 0, Duration::ZERO);
            let verdict = crash_at(&mut crashes, 100_000, Duration::from_millis(ran));
            assert_eq!(verdict, Verdict::RestartAfter(Duration::from_millis(expected)));
        }
    }

    /// Case P05: permanent, transient, temporary after a clean and after a failed end.
    #[test]
    fn p05_the_restart_type_decides() {
        let error = Exit::Error { code: 1, text: "broken".into() };
        for (restart, after_normal, after_error) in [
            (Restart::Permanent, true, true),
            (Restart::Transient, false, true),
            (Restart::Temporary, false, false),
        ] {
            for (exit, restarts) in [(Exit::Normal, after_normal), (error.clone(), after_error)] {
                let mut crashes = Crashes::default();
                let policy = policy(restart);
                let verdict = crashes.after(Moment::ZERO, &exit, Duration::ZERO, true, &policy);
                let restarted = matches!(verdict, Verdict::RestartAfter(_));
                assert_eq!(restarted, restarts, "{restart:?} after {exit:?}");
            }
        }
    }
}
