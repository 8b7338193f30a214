//! Waiting in virtual time: for a state, for an event, for nothing. No await, no polling
//! interval, no real time; what does not come fails the test with everything there is to know.

use std::time::Duration;

use contract::time::{Moment, duration_text};

use crate::event::Event;
use crate::run::Site;

impl Site {
    /// Lets virtual time pass until `holds`, `within` at most. It is asked now, and again
    /// after whatever happens; to stop between any two events, use [`Site::step`].
    ///
    /// ```
    /// use contract::control::HostControl;
    /// use contract::State;
    /// use smsexec_sim::{Site, probe::{Does, Probe}};
    /// use std::time::Duration;
    ///
    /// let (a, _) = Probe::new("A").start(Does::Panic).starts_well_from(2).build();
    /// let mut site = Site::primary("PS1").component(a).start()?;
    /// site.allow_crashes();
    /// site.run_until(Duration::from_secs(60), |site| {
    ///     site.query("A").is_ok_and(|a| a.state == State::Running)
    /// });
    /// assert_eq!(site.clock().now.since_start(), Duration::from_millis(500));
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    ///
    /// # Panics
    /// If it does not come about. The text shows the last state of everything, and how to
    /// replay.
    #[track_caller]
    pub fn run_until(&mut self, within: Duration, mut holds: impl FnMut(&mut Site) -> bool) {
        let until = self.now + within;
        let mut turns = 0;
        while !holds(self) {
            if !self.get_on(until, &mut turns) {
                // The time itself may be what it waits for.
                if holds(self) {
                    return;
                }
                let within = duration_text(within);
                self.fail(&format!("what run_until waits for did not come about within {within}"));
            }
        }
    }

    /// The next event for which `is_it` holds, waited for `within` at most.
    ///
    /// Each `expect` goes on behind the event that the one before it found, and the first one
    /// begins at the very beginning: what has happened already counts, and nothing is missed
    /// between two of them. [`Site::skip_events`] leaves behind all that has happened.
    ///
    /// ```
    /// use contract::control::HostControl;
    /// use contract::{Command, State};
    /// use smsexec_sim::{Site, probe::Probe};
    /// use std::time::Duration;
    ///
    /// const MINUTE: Duration = Duration::from_secs(60);
    /// let mut site = Site::primary("PS1").component(Probe::new("A").build().0).start()?;
    /// site.order("A", Command::Restart)?;
    /// let first = site.expect(MINUTE, |event| event.became("A", State::Running));
    /// let stopped = site.expect(MINUTE, |event| event.became("A", State::Stopped));
    /// let second = site.expect(MINUTE, |event| event.became("A", State::Running));
    /// assert!(first.number < stopped.number && stopped.number < second.number);
    /// site.expect_silence(60 * MINUTE, |event| event.became("A", State::Stopped));
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    ///
    /// # Panics
    /// If it does not come. The text shows the last state of everything, and how to replay.
    #[track_caller]
    pub fn expect(&mut self, within: Duration, mut is_it: impl FnMut(&Event) -> bool) -> Event {
        let until = self.now + within;
        let (mut turns, mut seen) = (0, self.log.cursor);
        loop {
            if let Some(event) = self.find(&mut seen, &mut is_it) {
                self.log.cursor = seen;
                return event;
            }
            if !self.get_on(until, &mut turns) {
                let (within, from) = (duration_text(within), self.log.cursor + 1);
                self.fail(&format!(
                    "the event that is expected did not come within {within}; looked at were \
                     events {from} to {seen}"
                ));
            }
        }
    }

    /// Lets virtual time pass for so long, and sees to it that no event comes for which `is_it`
    /// holds: none in that time, and none since the event that the last [`Site::expect`]
    /// found. All of them are left behind.
    ///
    /// # Panics
    /// If one comes. The text shows it, the last state of everything, and how to replay.
    #[track_caller]
    pub fn expect_silence(&mut self, lasting: Duration, mut is_it: impl FnMut(&Event) -> bool) {
        let (begin, until) = (self.now, self.now + lasting);
        let (mut turns, mut seen) = (0, self.log.cursor);
        loop {
            if let Some(event) = self.find(&mut seen, &mut is_it) {
                let lasting = duration_text(lasting);
                let hint = if event.at < begin {
                    "\nThat was before: skip_events() leaves behind what has happened."
                } else {
                    ""
                };
                let number = event.number;
                self.fail(&format!(
                    "silence is expected for {lasting}, and event {number} came:\n{event}{hint}"
                ));
            }
            if !self.get_on(until, &mut turns) {
                self.log.cursor = seen;
                return;
            }
        }
    }

    /// Leaves behind all that has happened: the next [`Site::expect`] and
    /// [`Site::expect_silence`] look at what comes from here on.
    pub fn skip_events(&mut self) {
        self.log.cursor = self.events().len();
    }

    /// The first event from number `seen` + 1 on for which `is_it` holds; `seen` moves along.
    fn find(&self, seen: &mut usize, is_it: &mut impl FnMut(&Event) -> bool) -> Option<Event> {
        while let Some(event) = self.events().get(*seen) {
            *seen += 1;
            if is_it(event) {
                return Some(event.clone());
            }
        }
        None
    }

    #[track_caller]
    fn get_on(&mut self, until: Moment, turns: &mut u32) -> bool {
        match self.go_on(until, turns) {
            Ok(more) => more,
            Err(refusal) => self.fail(&refusal.to_string()),
        }
    }
}
