//! One thing after the other: how a site gets on, and how far at a time.

use std::time::Duration;

use contract::control::Refusal;
use contract::lifecycle::Code;
use contract::time::Moment;

use crate::event::Event;
use crate::run::Site;

/// After so many turns at one moment something sends itself messages without end.
const TURNS_MAX: u32 = 20_000;

/// How much a shard does in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As much as the seed says.
    Drawn,
    /// One message, timer or answer.
    Single,
}

impl Site {
    /// Does the next single thing, and tells what came of it; none when nothing is left that
    /// could ever happen by itself.
    ///
    /// A single thing is an answer that arrives, a restart or a deadline that falls due, or a
    /// turn of one shard with every order that waits for it and one message, timer or answer.
    /// When nothing of that kind is left at this moment, it is the step of the clock to the
    /// next moment at which anything is due: then nothing has come of it yet. Between any two
    /// of these a test can look, command, send and jump.
    ///
    /// ```
    /// use contract::control::HostControl;
    /// use contract::{Command, State};
    /// use smsexec_sim::{Site, probe::Probe};
    ///
    /// let mut site = Site::primary("PS1").component(Probe::new("A").build().0).start()?;
    /// site.order("A", Command::Restart)?;
    /// // A stop that comes exactly between the end of one life and the start of the next.
    /// while !site.step().unwrap().iter().any(|event| event.became("A", State::Stopped)) {}
    /// site.order("A", Command::Stop)?;
    /// site.run_to_rest()?;
    /// assert_eq!(site.query("A")?.state, State::Stopped);
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    pub fn step(&mut self) -> Option<&[Event]> {
        let before = self.events().len();
        if !self.do_next(Pace::Single) {
            self.now = self.now.max(self.next_due()?);
        }
        Some(&self.events()[before..])
    }

    /// Lets everything happen that happens at this moment.
    ///
    /// # Errors
    /// 1061 if that has no end; the refusal says what happened last.
    pub fn run_to_rest(&mut self) -> Result<(), Refusal> {
        let mut turns = 0;
        while self.do_next(Pace::Drawn) {
            self.count_turn(&mut turns)?;
        }
        Ok(())
    }

    /// Does the next thing up to `until`, or goes to that moment; false if nothing is left
    /// before it. `turns` counts what was done at one moment.
    pub(crate) fn go_on(&mut self, until: Moment, turns: &mut u32) -> Result<bool, Refusal> {
        if self.do_next(Pace::Drawn) {
            self.count_turn(turns)?;
            return Ok(true);
        }
        *turns = 0;
        match self.next_due() {
            Some(due) if due <= until => {
                self.now = self.now.max(due);
                Ok(true)
            }
            _ => {
                self.now = self.now.max(until);
                Ok(false)
            }
        }
    }

    fn count_turn(&self, turns: &mut u32) -> Result<(), Refusal> {
        *turns += 1;
        if *turns < TURNS_MAX {
            return Ok(());
        }
        let last = self.events().last().map(ToString::to_string).unwrap_or_default();
        let now: Duration = self.now.since_start();
        Err(Refusal::new(
            Code::CANNOT_ACCEPT_CONTROL,
            "simulation",
            format!("the site does not come to rest at {now:?}; seed {}", self.seed),
            format!("the last thing that happened: {}", last.trim_start()),
        ))
    }
}
