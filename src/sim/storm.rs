//! A random operator against a site of tens of components, from a seed: what nobody would write
//! down as a case.
//!
//! The components are probes with whatever a descriptor can declare, in groups and depending on
//! each other. The operator commands, holds, removes, stores settings, backs up, sends, has
//! fault rules step in, moves the wall clock, lets time pass, and kills the executive, between
//! any two things that happen. The invariants of lifecycle.md 2.6 are checked after every event
//! ([`crate::invariants`]). From time to time it calms down: no faults, a quarter of an hour of
//! peace, and everything has to be as it is wanted.
//!
//! `cargo test` runs a few seeds. As many as wanted:
//!
//! ```text
//! SMSEXEC_SEEDS=5000 cargo test --release -p smsexec-sim --test storm -- --nocapture
//! ```
//!
//! and one of them, with everything there is to know about how it failed:
//!
//! ```text
//! SMSEXEC_SEED=77 cargo test --release -p smsexec-sim --test storm
//! ```
//!
//! With both variables, `SMSEXEC_SEED` is the first of so many. A failure's text says at which
//! action it came; [`Storm::actions`] ends a storm before that, to look at the site as it was.

mod cast;
mod deeds;
mod weather;

use std::time::Duration;

use contract::control::{Ask, HostControl, ServiceCommand};
use contract::lifecycle::State;

use crate::faults::Guard;
use crate::run::Site;
use crate::seed;

/// So many actions make a storm.
const ACTIONS: u64 = 250;
/// Peace lasts so long: longer than any lease, backoff or time-out that the storm gives.
const PEACE: Duration = Duration::from_secs(15 * 60);

/// A storm, before it breaks.
///
/// ```
/// use smsexec_sim::storm::Storm;
///
/// let summary = Storm::new(7).actions(40).run();
/// assert_eq!(summary.actions, 40);
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "it does nothing until run()"]
pub struct Storm {
    seed: u64,
    actions: u64,
}

/// What a storm was, that nothing broke in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// What the operator did.
    pub actions: u64,
    /// What happened.
    pub events: u64,
    /// How often the executive was killed.
    pub kills: u64,
    /// How much virtual time passed.
    pub lasted: Duration,
}

impl Storm {
    /// The storm of that seed: always the same.
    pub fn new(seed: u64) -> Self {
        Storm { seed, actions: ACTIONS }
    }

    /// The storms that the environment asks for: that of `SMSEXEC_SEED`, or as many as
    /// `SMSEXEC_SEEDS` says, from seed 1 or that one; `default` of them if it says nothing.
    ///
    /// # Panics
    /// If a variable holds no number.
    pub fn many(default: u64) -> impl Iterator<Item = Storm> {
        let first = seed::from_environment().unwrap_or_else(|refusal| panic!("{refusal}"));
        let count = seed::seeds(if first.is_some() { 1 } else { default });
        let first = first.unwrap_or(1);
        (first..first.saturating_add(count)).map(Storm::new)
    }

    /// It ends after so many actions: the first ones are the same.
    pub fn actions(mut self, actions: u64) -> Self {
        self.actions = actions;
        self
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Lets it break.
    ///
    /// # Panics
    /// If an invariant is broken. The text says which one, by which event, in which action, what
    /// was done last, and how to replay it.
    pub fn run(self) -> Summary {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let cast = cast::Cast::new(&mut rng);
        let (names, groups) = (cast.names().to_vec(), cast.groups());
        let site = cast.site(&mut rng, self.seed);
        let guards = Vec::new();
        let mut operator = Operator { site, rng, names, groups, guards, kills: 0 };
        operator.site.check_invariants();
        for number in 1..=self.actions {
            operator.act(number, self.actions);
        }
        operator.calm_down();
        operator.go_home();
        Summary {
            actions: self.actions,
            events: operator.site.events().len() as u64,
            kills: operator.kills,
            lasted: operator.site.clock().now.since_start(),
        }
    }
}

/// Whoever does all that.
struct Operator {
    site: Site,
    rng: fastrand::Rng,
    names: Vec<&'static str>,
    groups: Vec<String>,
    guards: Vec<Guard>,
    kills: u64,
}

impl Operator {
    /// Does one thing, and lets a few things happen.
    fn act(&mut self, number: u64, of: u64) {
        self.site.begin_chapter(format!("action {number} of {of}"));
        let deed = self.draw_deed();
        deed(self);
        for _ in 0..self.rng.usize(0..7) {
            self.site.step();
        }
        if self.rng.u32(0..60) == 0 {
            self.calm_down();
        }
    }

    fn tell(&mut self, what: impl Into<String>) {
        self.site.tell_story(&what.into());
    }

    /// No faults any more, and time enough for everything to get where it is wanted.
    fn calm_down(&mut self) {
        self.tell("calms down");
        self.guards.clear();
        if self.site.is_killed() {
            self.start_again();
        }
        self.site.end_hangs();
        self.pass(PEACE);
        self.site.check_invariants();
    }

    /// Stops everything.
    fn go_home(&mut self) {
        self.site.begin_chapter("the end".to_owned());
        self.tell("stops SMS_EXECUTIVE");
        let stop = self.site.ask(Ask::Service(ServiceCommand::Stop));
        self.pass(PEACE);
        self.site.check_invariants();
        if stop.is_err() {
            // It is on its way somewhere, held, or stopped.
            return;
        }
        let up = self.site.rows().into_iter().find(|row| row.state != State::Stopped);
        if let Some(row) = up {
            self.site
                .fail(&format!("SMS_EXECUTIVE was stopped, and {} is {}", row.name, row.state));
        }
    }

    fn pass(&mut self, time: Duration) {
        if let Err(refusal) = self.site.advance(time) {
            self.site.fail(&refusal.to_string());
        }
    }

    fn start_again(&mut self) {
        if let Err(refusal) = self.site.begin_again() {
            self.site.fail(&format!("the executive does not start again: {refusal}"));
        }
    }

    fn name(&mut self) -> &'static str {
        let index = self.rng.usize(0..self.names.len());
        self.names[index]
    }

    fn seconds(&mut self, at_most: u64) -> Duration {
        Duration::from_millis(self.rng.u64(1..=at_most * 1000))
    }
}
