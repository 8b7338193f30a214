//! What cases look at: what is asked of a site, what is read off its event log, and what holds
//! of every log.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::control::{
    Ask, ComponentStatus, DeadLetter, HostControl, Refusal, ServiceCommand, ServiceStatus, Told,
};
use contract::id::{Generation, MessageId, OpId};
use contract::lifecycle::{Desired, State, Substate};
use kernel::Called;
use kernel::lifecycle::scm_allows;

use crate::event::{Event, What};
use crate::run::Site;

/// What [`changes`] shows of a first start that goes well.
pub(super) const COMES_UP: [&str; 2] = ["1 Stopped -> Starting", "1 Starting -> Running"];
/// Of one that goes wrong.
pub(super) const FAILS_TO_START: [&str; 2] =
    ["1 Stopped -> Starting", "1 Starting -> Stopped waiting to restart"];
/// Of the start of the second life.
pub(super) const COMES_UP_AGAIN: [&str; 2] = ["2 Stopped -> Starting", "2 Starting -> Running"];
/// Of a stop of the first life.
pub(super) const GOES_DOWN: [&str; 2] =
    ["1 Running -> Stopping", "1 Stopping -> Stopped by operator"];

pub(super) fn status(site: &mut Site, name: &str) -> ComponentStatus {
    site.query(name).expect("a component of the case")
}

pub(super) fn state(site: &mut Site, name: &str) -> State {
    status(site, name).state
}

pub(super) fn generation(site: &mut Site, name: &str) -> u64 {
    status(site, name).generation.0
}

pub(super) fn generations<const N: usize>(site: &mut Site, names: [&str; N]) -> [u64; N] {
    names.map(|name| generation(site, name))
}

pub(super) fn is_running(site: &mut Site, name: &str) -> bool {
    state(site, name) == State::Running
}

/// A runs, in that life.
#[track_caller]
pub(super) fn assert_runs(site: &mut Site, life: u64) {
    let status = status(site, "A");
    assert_eq!((status.state, status.generation.0), (State::Running, life), "{status:?}");
}

/// A was stopped by an operator, in that life.
#[track_caller]
pub(super) fn assert_stopped(site: &mut Site, life: u64) {
    let status = status(site, "A");
    assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::Operator)));
    assert_eq!((status.generation.0, status.desired), (life, Desired::Down));
}

pub(super) fn service(site: &mut Site) -> ServiceStatus {
    match site.ask(Ask::Service(ServiceCommand::Query)) {
        Ok(Told::Service(service)) => service,
        told => unreachable!("the service was asked for, told {told:?}"),
    }
}

/// The code that a command was refused with, or that its operation failed with.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> u32 {
    result.expect_err("it should be refused").code.0
}

/// How many of a component's crashes count against its restart budget.
pub(super) fn charged(site: &mut Site, name: &str) -> usize {
    let crashes = site.crashes(name).expect("a component of the case");
    crashes.iter().filter(|crash| crash.charged).count()
}

/// The messages to a component that were set aside: the executive picks them out.
pub(super) fn dead_letters(site: &mut Site, name: &str) -> Vec<DeadLetter> {
    match site.ask(Ask::DeadLetters { component: Some(name.to_owned()), last: usize::MAX }) {
        Ok(Told::DeadLetters(letters)) => letters,
        told => unreachable!("dead letters were asked for, told {told:?}"),
    }
}

/// How long the site has been there.
pub(super) fn now(site: &Site) -> Duration {
    site.clock().now.since_start()
}

/// When the events happened for which `is_it` holds, from `begin` on, and counted from there.
pub(super) fn times(site: &Site, begin: Duration, is_it: impl Fn(&Event) -> bool) -> Vec<Duration> {
    let found = site.events().iter().filter(|event| is_it(event));
    found.filter_map(|event| event.at.since_start().checked_sub(begin)).collect()
}

/// Whose state an event changes, and how: "LIFE FROM -> TO WHY".
fn change(event: &Event) -> Option<(&str, String)> {
    match &event.what {
        What::Changed { name, generation, from, to, substate, .. } => {
            let why = substate.map(|substate| format!(" {substate}")).unwrap_or_default();
            Some((&**name, format!("{generation} {from} -> {to}{why}")))
        }
        _ => None,
    }
}

/// Every change of a component's state, in order, such as "1 Stopping -> Stopped by operator".
pub(super) fn changes(site: &Site, name: &str) -> Vec<String> {
    let about = site.events().iter().filter(|event| event.is_about(name));
    about.filter_map(change).map(|(_, change)| change).collect()
}

/// The same from the moment on at which it first ran.
#[track_caller]
pub(super) fn changes_since_up(site: &Site, name: &str) -> Vec<String> {
    let all = changes(site, name);
    assert_eq!(all[..2], COMES_UP, "it came up");
    all[2..].to_vec()
}

/// The changes of these components from event number `from` on, in order, each with its name
/// before it: "A 1 Starting -> Running".
pub(super) fn changes_from(site: &Site, from: usize, names: &[&str]) -> Vec<String> {
    let concerned = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    let changes = site.events()[from..].iter().filter_map(change);
    let concerned = changes.filter(|(name, _)| concerned(name));
    concerned.map(|(name, change)| format!("{name} {change}")).collect()
}

/// The lives in which that hook of a component was called, a call each.
pub(super) fn calls(site: &Site, name: &str, hook: &str) -> Vec<u64> {
    let about = site.events().iter().filter(|event| event.is_about(name));
    let calls = about.filter_map(|event| match &event.what {
        What::Delivered { generation, what: Called::Hook(called), .. } if *called == hook => {
            Some(generation.0)
        }
        _ => None,
    });
    calls.collect()
}

/// Each delivery of one of these messages: to whom, which of them, counted from 0, and to which
/// life.
fn handed<'s>(site: &'s Site, ids: &[MessageId]) -> impl Iterator<Item = (&'s str, usize, u64)> {
    site.events().iter().filter_map(move |event| match &event.what {
        What::Delivered { to, generation, what, .. } => {
            let id = what.message_id()?;
            let which = ids.iter().position(|other| *other == id)?;
            Some((&**to, which, generation.0))
        }
        _ => None,
    })
}

/// Each delivery of one of these messages: which of them, counted from 0, and to which life.
pub(super) fn deliveries(site: &Site, ids: &[MessageId]) -> Vec<(usize, u64)> {
    handed(site, ids).map(|(_, which, life)| (which, life)).collect()
}

/// Which of these messages the component was handed, in order: one that is handed twice
/// stands there twice.
pub(super) fn delivered(site: &Site, name: &str, of: &[MessageId]) -> Vec<MessageId> {
    let to_it = handed(site, of).filter(|(to, ..)| to.eq_ignore_ascii_case(name));
    to_it.map(|(_, which, _)| of[which]).collect()
}

/// How often a message was handled, or set aside.
pub(super) fn settled(site: &Site, id: MessageId) -> usize {
    let is_it = |what: &What| matches!(what, What::Settled { id: settled, .. } if *settled == id);
    site.events().iter().filter(|event| is_it(&event.what)).count()
}

/// Whether the store keeps a message: it was accepted and nobody has handled it.
pub(super) fn is_kept(site: &Site, id: MessageId) -> bool {
    site.kept().mail.iter().any(|message| message.id == id)
}

/// The codes that an operation has ended with: one, as it should be.
pub(super) fn ends(site: &Site, operation: OpId) -> Vec<u32> {
    let ends = site.events().iter().filter_map(|event| match &event.what {
        What::Resolved { operation: ended, code, .. } if *ended == operation => Some(code.0),
        _ => None,
    });
    ends.collect()
}

/// What holds of every log (lifecycle.md 2.6): I2, I3, I6 and I7.
#[track_caller]
pub(super) fn assert_sound(site: &Site) {
    let mut lives: BTreeMap<&str, (Generation, State)> = BTreeMap::new();
    let mut hooks: BTreeMap<(&str, u64, &str), u32> = BTreeMap::new();
    let mut open: BTreeMap<OpId, bool> = BTreeMap::new();
    for event in site.events() {
        match &event.what {
            What::Registered { name, generation, state, .. } => {
                lives.insert(name, (*generation, *state));
            }
            What::Changed { name, generation, from, to, .. } => {
                let before = lives.insert(name, (*generation, *to)).expect("it was registered");
                assert_eq!(before.1, *from, "I3: no change is left out\n{event}");
                assert!(from == to || scm_allows(*from, *to), "I3: {event}");
                let is_new = u64::from(*to == State::StartPending);
                assert_eq!(before.0.0 + is_new, generation.0, "I2: {event}");
            }
            What::Delivered {
                to,
                generation,
                what: Called::Hook(hook @ ("start" | "stop")),
                ..
            } => {
                let calls = hooks.entry((to, generation.0, hook)).or_default();
                *calls += 1;
                assert_eq!(*calls, 1, "I7: {event}");
            }
            What::Accepted { operation: Some(operation), .. } => {
                assert!(*open.entry(*operation).or_insert(true), "I6: it had ended\n{event}");
            }
            What::Resolved { operation, .. } => {
                assert_eq!(open.insert(*operation, false), Some(true), "I6: {event}");
            }
            _ => {}
        }
    }
    assert!(open.values().all(|open| !open), "I6: {open:?}");
}

/// I4: a component is handed messages in Running and at no other time.
#[track_caller]
pub(super) fn assert_dispatched_while_running(site: &Site, name: &str) {
    let mut state = State::Stopped;
    for event in site.events().iter().filter(|event| event.is_about(name)) {
        match &event.what {
            What::Changed { to, .. } => state = *to,
            _ if event.delivered(name, "message") => {
                assert_eq!(state, State::Running, "I4: {event}");
            }
            _ => {}
        }
    }
}
