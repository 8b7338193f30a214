//! One scenario, simulated and live: `cargo test -p smsexec-embedder-example --features live`.
#![allow(missing_docs, reason = "a test's name says it")]

use std::sync::Arc;
use std::time::Duration;

use smsexec::contract::State;
use smsexec::contract::control::{Ask, Refusal, Told, Until};
use smsexec::edge::Embedded;
use smsexec::site::SiteDefinition;
use smsexec::{HostControl, live, sim};
use smsexec_embedder_example::{LEDGER, NIGHT_DONE, registration};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an operator does, and what must come of it, on any host.
fn scenario(site: &mut dyn HostControl) -> Result<(), Refusal> {
    let first = site.query(LEDGER)?.generation;
    site.restart(LEDGER)?;
    site.backup()?;
    let ledger = site.wait_for(LEDGER, Until::State(State::Running), Duration::from_secs(60))?;
    assert_eq!(ledger.generation.0, first.0 + 2);
    // A day has a night, live too: the site's clock is moved on. It has two for a day that begins
    // in the hour of the night.
    site.advance(DAY)?;
    let asked = Ask::Messages { component: Some(LEDGER.into()), last: usize::MAX };
    match site.ask(asked)? {
        Told::Messages(messages) => {
            assert!(messages.iter().any(|m| m.message.id == NIGHT_DONE), "{messages:?}");
        }
        told => panic!("{told:?}"),
    }
    Ok(())
}

#[test]
fn simulated() -> Result<(), Refusal> {
    scenario(&mut sim::Site::primary("PS1").component(registration()).start()?)
}

/// On threads, with HTTPS to a cloud on this machine's loopback and files in a folder.
#[test]
fn live() -> Result<(), Refusal> {
    let folder = tempfile::tempdir().expect("a folder");
    let edge = Embedded::start(folder.path(), 1).expect("the embedded defaults start");
    let options = live::Options { jitter: false, ..live::Options::default() };
    let definition = SiteDefinition::primary("PS1");
    let mut site = live::Site::start(&definition, vec![registration()], Arc::new(edge), options)?;
    scenario(&mut site)?;
    site.shut_down().map(drop)
}
