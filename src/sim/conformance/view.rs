//! What cases have in common: how they declare their components, and how they look at a site.

use std::time::Duration;

use contract::Registration;
use contract::control::{
    Ask, ComponentStatus, CrashRecord, DeadLetter, HostControl, Refusal, ServiceCommand,
    ServiceStatus, Told,
};
use contract::id::MessageId;
use contract::lifecycle::State;

use super::Kit;
use crate::event::{Event, What};
use crate::faults::{CallVerdict, Guard};
use crate::run::Site;

pub(super) const MILLI: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// No component of a case takes longer to get where it is going.
pub(super) const LONG: Duration = Duration::from_secs(300);

/// The component under another name, with nothing but the defaults.
pub(super) fn plain(kit: &Kit, name: &str) -> Registration {
    kit.declared(name, |_| {})
}

/// A site of these components, started and at rest.
pub(super) fn site(components: impl IntoIterator<Item = Registration>) -> Site {
    Site::primary("PS1").components(components).start().expect("the site starts")
}

/// The changes of these components from event number `from` on, in order, such as
/// "A 1 Starting -> Running" and "A 1 Stopping -> Stopped by operator".
pub(super) fn changes_from(site: &Site, from: usize, names: &[&str]) -> Vec<String> {
    let concerned = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    let line = |event: &Event| match &event.what {
        What::Changed { name, generation, from, to, substate, .. } if concerned(name) => {
            let why = substate.map(|substate| format!(" {substate}")).unwrap_or_default();
            Some(format!("{name} {generation} {from} -> {to}{why}"))
        }
        _ => None,
    };
    site.events()[from..].iter().filter_map(line).collect()
}

/// The same from the beginning.
pub(super) fn changes(site: &Site, names: &[&str]) -> Vec<String> {
    changes_from(site, 0, names)
}

/// When the events happened for which `is_it` holds, from `begin` on, and counted from there.
pub(super) fn times(site: &Site, begin: Duration, is_it: impl Fn(&Event) -> bool) -> Vec<Duration> {
    let found = site.events().iter().filter(|event| is_it(event));
    found.filter_map(|event| event.at.since_start().checked_sub(begin)).collect()
}

/// How long the site has been there.
pub(super) fn now(site: &Site) -> Duration {
    site.clock().now.since_start()
}

pub(super) fn status(site: &mut Site, name: &str) -> ComponentStatus {
    site.query(name).expect("a component of the case")
}

pub(super) fn generation(site: &mut Site, name: &str) -> u64 {
    status(site, name).generation.0
}

pub(super) fn is_running(site: &mut Site, name: &str) -> bool {
    status(site, name).state == State::Running
}

/// Waits until all of them run.
#[track_caller]
pub(super) fn run_until_running(site: &mut Site, names: &[&str]) {
    site.run_until(LONG, |site| names.iter().all(|name| is_running(site, name)));
}

/// The code that a command was refused with, or that its operation failed with.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> u32 {
    result.expect_err("it should be refused").code.0
}

pub(super) fn crashes(site: &mut Site, name: &str) -> Vec<CrashRecord> {
    let ask = Ask::Crashes { component: Some(name.to_owned()), last: usize::MAX };
    match site.ask(ask) {
        Ok(Told::Crashes(crashes)) => crashes,
        told => unreachable!("crashes were asked for, told {told:?}"),
    }
}

pub(super) fn dead_letters(site: &mut Site, name: &str) -> Vec<DeadLetter> {
    let ask = Ask::DeadLetters { component: Some(name.to_owned()), last: usize::MAX };
    match site.ask(ask) {
        Ok(Told::DeadLetters(letters)) => letters,
        told => unreachable!("dead letters were asked for, told {told:?}"),
    }
}

pub(super) fn service(site: &mut Site) -> ServiceStatus {
    match site.ask(Ask::Service(ServiceCommand::Query)) {
        Ok(Told::Service(service)) => service,
        told => unreachable!("the service was asked for, told {told:?}"),
    }
}

/// Posts messages to a component, numbered like this; answers their identities.
pub(super) fn post(
    kit: &Kit,
    site: &mut Site,
    to: &str,
    numbers: std::ops::Range<u64>,
) -> Vec<MessageId> {
    let post = |number| site.post(to, kit.message(number), None).expect("it is accepted");
    numbers.map(post).collect()
}

/// Which of these messages the component was handed, in order: one that is handed twice
/// stands there twice.
pub(super) fn delivered(site: &Site, name: &str, of: &[MessageId]) -> Vec<MessageId> {
    let of: Vec<(String, MessageId)> = of.iter().map(|id| (id.to_string(), *id)).collect();
    let id_in = |event: &Event| match &event.what {
        What::Delivered { to, what, .. } if to.eq_ignore_ascii_case(name) => {
            let id = what.strip_prefix("message ")?.rsplit(' ').next()?;
            of.iter().find(|(text, _)| text == id).map(|(_, id)| *id)
        }
        _ => None,
    };
    site.events().iter().filter_map(id_in).collect()
}

/// Every start of that component panics, as long as the guard lives.
pub(super) fn starts_panic(site: &mut Site, whose: &'static str) -> Guard {
    site.fault_code(move |call| match call.hook {
        crate::Hook::Start if call.name == whose => CallVerdict::Panic("by the case".into()),
        _ => CallVerdict::Pass,
    })
}

/// The first delivery of every message from outside to that component panics, as long as the
/// guard lives.
pub(super) fn first_deliveries_panic(site: &mut Site, whose: &'static str) -> Guard {
    site.fault_code(move |call| match call.hook {
        crate::Hook::Message { id, delivery: 1, .. }
            if call.name == whose && id.from == contract::ComponentId::OUTSIDE =>
        {
            CallVerdict::Panic("by the case".into())
        }
        _ => CallVerdict::Pass,
    })
}

/// The stop hook of that component blocks its thread for ever, as long as the guard lives.
pub(super) fn stop_blocks(site: &mut Site, whose: &'static str) -> Guard {
    site.fault_code(move |call| match call.hook {
        crate::Hook::Stop if call.name == whose => CallVerdict::Hang(None),
        _ => CallVerdict::Pass,
    })
}

/// Has the component crash once, by a message of its own, and runs until that has happened.
#[track_caller]
pub(super) fn crash_once(kit: &Kit, site: &mut Site, whose: &'static str) {
    let _guard = first_deliveries_panic(site, whose);
    site.post(whose, kit.message(0), None).expect("it is accepted");
    let from = site.events().len();
    site.run_until(Duration::ZERO, |site| {
        site.events()[from..]
            .iter()
            .any(|event| event.ended().is_some_and(|(name, ..)| name == whose))
    });
}
