//! What tests begin with and do, and what they look at, in a form that a list can be compared
//! with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use contract::control::{Accepted, Ask, HostControl, Refusal, ServiceCommand, ServiceStatus, Told};
use contract::lifecycle::{Command, State, Substate};
use contract::{Message, OpId};
use smsexec_sim::probe::{Does, Journal, Probe};
use smsexec_sim::{CallVerdict, Guard, Hook, Site, SiteBuilder, What};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);

/// A site to be started, of these probes, and their journals.
pub fn with<const N: usize>(probes: [Probe; N]) -> (SiteBuilder, [Journal; N]) {
    let mut site = Site::primary("PS1");
    let journals = probes.map(|probe| {
        let (registration, journal) = probe.build();
        site = std::mem::replace(&mut site, Site::primary("PS1")).component(registration);
        journal
    });
    (site, journals)
}

/// The same, started.
pub fn site<const N: usize>(probes: [Probe; N]) -> (Site, [Journal; N]) {
    let (site, journals) = with(probes);
    (site.start().expect("the site starts"), journals)
}

/// A site to be started, of these probes, that checks every event; crashes and messages left
/// over are no mistake in it.
pub fn checked<const N: usize>(probes: [Probe; N]) -> (SiteBuilder, [Journal; N]) {
    let (site, journals) = with(probes);
    (site.lenient().checked(), journals)
}

/// Takes six seconds to stop.
pub fn slow(name: &str) -> Probe {
    Probe::new(name).stop(Does::Checkpoints(4))
}

#[track_caller]
pub fn state(site: &mut Site, name: &str) -> (State, Option<Substate>, u64) {
    let status = site.query(name).expect("a component of the test");
    (status.state, status.substate, status.generation.0)
}

pub fn life(site: &mut Site, name: &str) -> u64 {
    state(site, name).2
}

pub fn lives<const N: usize>(site: &mut Site, names: [&str; N]) -> [u64; N] {
    names.map(|name| life(site, name))
}

/// What components of whatever name changed from event number `from` on, such as
/// "A 1 Starting -> Running".
pub fn changes_from(site: &Site, from: usize) -> Vec<String> {
    let line = |what: &What| match what {
        What::Changed { name, generation, from, to, substate, .. } => {
            let why = substate.map(|substate| format!(" {substate}")).unwrap_or_default();
            Some(format!("{name} {generation} {from} -> {to}{why}"))
        }
        _ => None,
    };
    site.events()[from..].iter().filter_map(|event| line(&event.what)).collect()
}

/// Seconds from `begin` at which that component began to start.
pub fn starts_from(site: &Site, begin: Duration, name: &str) -> Vec<f64> {
    let starts = site.events().iter().filter(|event| event.became(name, State::StartPending));
    starts
        .filter_map(|event| event.at.since_start().checked_sub(begin))
        .map(|after| after.as_secs_f64())
        .collect()
}

pub fn now(site: &Site) -> Duration {
    site.clock().now.since_start()
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> u32 {
    result.expect_err("it should be refused").code.0
}

/// Commands a component or a group, and answers the operation.
#[track_caller]
pub fn operation(site: &mut Site, name: &str, command: Command) -> OpId {
    let accepted = site.order(name, command).expect("it is accepted");
    accepted.operation.expect("there is something to wait for")
}

#[track_caller]
pub fn accepted(told: Result<Told, Refusal>) -> Accepted {
    match told {
        Ok(Told::Accepted(accepted)) => accepted,
        told => panic!("accepted is expected, not {told:?}"),
    }
}

pub fn service(site: &mut Site) -> ServiceStatus {
    match site.ask(Ask::Service(ServiceCommand::Query)) {
        Ok(Told::Service(service)) => service,
        told => panic!("the service was asked for, told {told:?}"),
    }
}

/// Who has reported that status message.
pub fn reporters(site: &mut Site, id: u32) -> Vec<String> {
    let records = site.messages().into_iter().filter(|record| record.message.id == id);
    records.map(|record| record.component).collect()
}

/// Every start of that component panics, as long as the guard lives.
pub fn starts_panic(site: &mut Site, whose: &'static str) -> Guard {
    site.fault_code(move |call| match call.hook {
        Hook::Start if call.name == whose => CallVerdict::Panic("by the test".into()),
        _ => CallVerdict::Pass,
    })
}

/// The first delivery of number 13 to that component panics, as long as the guard lives.
pub fn thirteen_panics_once(site: &mut Site, whose: &'static str) -> Guard {
    site.fault_code(move |call| match call.hook {
        Hook::Message { message, delivery: 1, .. }
            if call.name == whose && message.word() == Some(13) =>
        {
            CallVerdict::Panic("by the test".into())
        }
        _ => CallVerdict::Pass,
    })
}

/// Has a component that runs crash, once, of a number 13.
#[track_caller]
pub fn crash(site: &mut Site, whose: &'static str) {
    let _guard = thirteen_panics_once(site, whose);
    site.send(whose, Message::Word(13)).expect("it is accepted");
}

/// Number 7 hangs in the hands of that component, for so long, as long as the guard lives.
pub fn seven_hangs(site: &mut Site, whose: &'static str, lasting: Option<Duration>) -> Guard {
    site.fault_code(move |call| match call.hook {
        Hook::Message { message, .. } if call.name == whose && message.word() == Some(7) => {
            CallVerdict::Hang(lasting)
        }
        _ => CallVerdict::Pass,
    })
}

/// What `code` fails with.
#[track_caller]
pub fn failure(code: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(code)).expect_err("it should have failed");
    *payload.downcast::<String>().expect("a text")
}
