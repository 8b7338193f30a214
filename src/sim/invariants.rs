//! The invariants of lifecycle.md 2.6, held against what happens in a site.
//!
//! [`Invariants`] is fed with the events of a site, one after the other, and says which of them
//! breaks which invariant. What no event shows it finds by looking at the site: what components
//! are, and what the store holds. A site does both by itself after
//! [`SiteBuilder::checked`](crate::SiteBuilder::checked), or when it is asked
//! ([`Site::check_invariants`]).
//!
//! # What the log does not show
//!
//! A shard takes a turn, and what came of it is heard afterwards, one output after the other.
//! Outputs of one shard are in the order in which they came about. But while they are heard,
//! the executive changes the states of other components, and what those did in the same turn,
//! before they could know, stands behind it in the log. So I4 and I7 go by the beginning of the
//! turn ([`Invariants::turn_begins`]) where they compare a call with a state, and by the order
//! of the calls alone otherwise. A hook that a fault rule has hang is recorded when it comes
//! back, by which time its life may be over: that one call is no violation, and what it asks
//! for is.

mod lives;
mod looking;
mod mail;
mod operations;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use contract::lifecycle::State;

use crate::event::{Event, What};
use crate::run::Site;
use lives::Seen;
use looking::Look;
use mail::Messages;
use operations::Operations;

/// A checked site is looked at after so many events.
const LOOK_EVERY: u64 = 64;

/// Something that must never be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's number in lifecycle.md 2.6.
    pub invariant: u8,
    /// What is wrong.
    pub text: String,
}

impl Violation {
    fn new(invariant: u8, text: impl Into<String>) -> Self {
        Violation { invariant, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{} is broken: {}", self.invariant, self.text)
    }
}

impl std::error::Error for Violation {}

/// Whether all is well.
type Checked = Result<(), Violation>;

/// Checks I1 to I12. See the module's documentation.
///
/// ```
/// use contract::control::HostControl;
/// use smsexec_sim::invariants::Invariants;
/// use smsexec_sim::{Event, Site, What, probe::Probe};
///
/// let mut site = Site::primary("PS1").component(Probe::new("A").build().0).start()?;
/// site.restart("A")?;
/// let mut invariants = Invariants::default();
/// for event in site.events() {
///     invariants.see(event).unwrap();
/// }
///
/// // A start hook that is called once more than lives begin.
/// let number = site.events().len() as u64 + 1;
/// let what = site.events().iter().rev().find(|event| event.delivered("A", "start")).unwrap();
/// let again = Event { number, ..what.clone() };
/// assert_eq!(invariants.see(&again).unwrap_err().invariant, 1);
/// # Ok::<(), contract::control::Refusal>(())
/// ```
#[derive(Debug, Default)]
pub struct Invariants {
    /// The number of the last event.
    events: u64,
    /// The event after which a shard's turn has last begun.
    turn: u64,
    /// The event after which the site was last looked at.
    looked: u64,
    service: Option<State>,
    seen: BTreeMap<Arc<str>, Seen>,
    messages: Messages,
    operations: Operations,
}

impl Invariants {
    /// A shard's turn begins: what it brings comes next. Whoever does not say so has
    /// everything checked as if it were of one turn.
    pub fn turn_begins(&mut self) {
        self.turn = self.events;
    }

    /// Takes the next event in.
    ///
    /// # Errors
    /// The first invariant that it breaks. The checker is of no use after that.
    pub fn see(&mut self, event: &Event) -> Result<(), Violation> {
        self.i1_one_life(event)?;
        self.i2_generations_increase(event)?;
        self.i3_only_edges_of_the_table(event)?;
        self.i4_dispatch_in_running_only(event)?;
        self.i6_operations_resolve_once(event)?;
        self.i7_one_start_and_one_stop(event)?;
        self.i8_messages_are_not_lost(event)?;
        self.i9_no_effect_of_the_dead(event)?;
        self.i10_one_order(event)?;
        self.take_in(event);
        Ok(())
    }

    fn take_in(&mut self, event: &Event) {
        self.events = event.number;
        if let What::Service { state } = event.what {
            self.service = Some(state);
        }
        if event.what == What::Killed {
            self.service = None;
        }
        self.take_in_life(event);
        self.messages.take_in(event);
        self.operations.take_in(event);
    }

    /// I10, what the log itself shows of it: events are numbered one by one. That a replay of
    /// them gives the status is found by looking.
    fn i10_one_order(&self, event: &Event) -> Checked {
        if event.number == self.events + 1 {
            return Ok(());
        }
        let (last, number) = (self.events, event.number);
        Err(Violation::new(10, format!("event {number} comes after event {last}")))
    }

    /// Holds what is seen by looking at the site against what the events have said.
    fn look(&mut self, look: &Look) -> Checked {
        self.looked = self.events;
        self.i2_generations_are_kept(look)?;
        self.i5_all_is_as_it_should_be(look)?;
        self.i6_nothing_is_left_open(look)?;
        self.i8_what_is_open_is_kept(look)?;
        self.i10_replay_is_the_status(look)?;
        self.i12_holds_are_leases(look)
    }
}

impl Site {
    /// Checks every invariant of lifecycle.md 2.6 against all that has happened and against
    /// what the site is now; those that hold only when nothing is under way, if nothing is.
    ///
    /// ```
    /// use contract::control::HostControl;
    /// use smsexec_sim::{Site, probe::Probe};
    ///
    /// let mut site = Site::primary("PS1").component(Probe::new("A").build().0).start()?;
    /// site.restart("A")?;
    /// site.check_invariants();
    /// # Ok::<(), contract::control::Refusal>(())
    /// ```
    ///
    /// # Panics
    /// If one is broken. The text names the invariant and the event, and shows the last state
    /// of everything and how to replay.
    #[track_caller]
    pub fn check_invariants(&mut self) {
        self.do_doings();
        let look = self.take_a_look();
        let mut invariants = self.invariants.take().unwrap_or_default();
        let unseen = invariants.events as usize;
        for index in unseen..self.events().len() {
            if self.log.begins_turn(index as u64) {
                invariants.turn_begins();
            }
            if let Err(violation) = invariants.see(&self.events()[index]) {
                self.fail_with(&violation, index);
            }
        }
        if let Err(violation) = invariants.look(&look) {
            self.fail(&format!("{violation}\nfound by looking after event {}", invariants.events));
        }
        self.invariants = Some(invariants);
    }

    /// The event that has just been recorded, if the site checks by itself.
    pub(crate) fn check_last_event(&mut self) {
        if !self.checked {
            return;
        }
        let Some(mut invariants) = self.invariants.take() else { return };
        let index = self.events().len() - 1;
        if let Err(violation) = invariants.see(&self.events()[index]) {
            self.fail_with(&violation, index);
        }
        self.invariants = Some(invariants);
    }

    /// Looks at a site that checks by itself, now and then.
    pub(crate) fn look_now_and_then(&mut self) {
        let due = |invariants: &Invariants| invariants.events >= invariants.looked + LOOK_EVERY;
        if self.checked && self.invariants.as_ref().is_some_and(due) {
            self.check_invariants();
        }
    }

    #[track_caller]
    fn fail_with(&mut self, violation: &Violation, index: usize) -> ! {
        let event = &self.events()[index];
        let text = format!("{violation}\nby event {}:\n{event}", event.number);
        self.fail(&text)
    }
}
