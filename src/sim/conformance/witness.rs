//! What cases are made of: a site, faults by the name of a hook, and what is read off the event
//! log.

use std::collections::BTreeMap;

use contract::control::HostControl;
use contract::id::{Generation, MessageId, OpId};
use contract::lifecycle::{Code, Command, Startup, State};
use contract::{Descriptor, Registration};
use kernel::lifecycle::scm_allows;

use super::Kit;
use crate::event::What;
use crate::faults::{CallVerdict, Guard};
use crate::run::Site;
use crate::seed;

pub(super) use super::view::{HOUR, LONG, SECOND, crashes};

impl Kit {
    /// The component under another name, supervised by default, that waits for a start command
    /// and can be stopped while it starts. `declare` has the last word.
    pub(super) fn plain(&self, name: &str, declare: impl FnOnce(&mut Descriptor)) -> Registration {
        self.declared(name, |descriptor| {
            descriptor.startup = Startup::Manual;
            descriptor.cancellable_start = true;
            declare(descriptor);
        })
    }

    pub(super) fn is_pausable(&self) -> bool {
        self.registration.descriptor.pausable
    }
}

/// A site with these components. That messages are left over is no fault of a case: a component
/// may send itself some.
pub(super) fn site(components: impl IntoIterator<Item = Registration>) -> Site {
    let mut site = Site::primary("PS1").components(components).start().expect("the site starts");
    site.allow_stranded();
    site
}

/// A site with this component, which runs.
pub(super) fn running(component: Registration) -> Site {
    let name = component.name.clone();
    let mut site = site([component]);
    bring_up(&mut site, &name);
    site
}

/// Starts a component and waits until it runs.
#[track_caller]
pub(super) fn bring_up(site: &mut Site, name: &str) {
    site.start(name).expect("it starts");
    let status = site.query(name).expect("it is there");
    assert_eq!(status.state, State::Running, "{name} has to run for this, and {status:?}");
}

/// Has `race` run once for each seed, in a site whose turns are drawn from that seed, and sees
/// to it that nothing is left open and no rule of the log is broken.
pub(super) fn races(
    components: impl Fn() -> Vec<Registration>,
    mut race: impl FnMut(&mut Site, &mut fastrand::Rng),
) {
    for seed in seed::of_races().expect("the environment holds numbers") {
        let builder = Site::primary("PS1").components(components()).fixed_seed(seed);
        let mut site = builder.start().expect("the site starts");
        site.allow_stranded();
        race(&mut site, &mut fastrand::Rng::with_seed(seed));
        assert_sound(&site);
    }
}

/// Takes a drawn number of steps, fewer than `most`.
pub(super) fn draw_steps(site: &mut Site, draw: &mut fastrand::Rng, most: usize) {
    for _ in 0..draw.usize(..most) {
        if site.step().is_none() {
            break;
        }
    }
}

/// Every call of that hook of that component comes to `verdict`, as long as the guard lives.
pub(super) fn fault(
    site: &mut Site,
    name: &'static str,
    hook: &'static str,
    verdict: CallVerdict,
) -> Guard {
    site.fault_code(move |call| match call.name == name && call.hook.name() == hook {
        true => verdict.clone(),
        false => CallVerdict::Pass,
    })
}

/// The same, in its first life only.
pub(super) fn fault_in_first_life(
    site: &mut Site,
    name: &'static str,
    hook: &'static str,
    verdict: CallVerdict,
) -> Guard {
    site.fault_code(move |call| {
        match call.name == name && call.hook.name() == hook && call.generation == Generation(1) {
            true => verdict.clone(),
            false => CallVerdict::Pass,
        }
    })
}

/// The hook panics.
pub(super) fn panics() -> CallVerdict {
    CallVerdict::Panic("by the case".into())
}

/// Commands a component, and answers the operation.
#[track_caller]
pub(super) fn operation(site: &mut Site, name: &str, command: Command) -> OpId {
    let accepted = site.order(name, command).expect("it is accepted");
    accepted.operation.expect("there is something to wait for")
}

/// The code with which a command is refused.
#[track_caller]
pub(super) fn refused(site: &mut Site, name: &str, command: Command) -> u32 {
    site.order(name, command).expect_err("it is refused").code.0
}

/// Every change of a component's state, in order: "LIFE FROM -> TO WHY".
pub(super) fn changes(site: &Site, name: &str) -> Vec<String> {
    let about = site.events().iter().filter(|event| event.is_about(name));
    let changes = about.filter_map(|event| match &event.what {
        What::Changed { generation, from, to, substate, .. } => {
            let why = substate.map(|substate| format!(" {substate}")).unwrap_or_default();
            Some(format!("{generation} {from} -> {to}{why}"))
        }
        _ => None,
    });
    changes.collect()
}

/// The same from the moment on at which it first ran.
#[track_caller]
pub(super) fn changes_since_up(site: &Site, name: &str) -> Vec<String> {
    let all = changes(site, name);
    assert_eq!(all[..2], ["1 Stopped -> Starting", "1 Starting -> Running"], "it came up");
    all[2..].to_vec()
}

/// The lives in which that hook of a component was called, a call each.
pub(super) fn calls(site: &Site, name: &str, hook: &str) -> Vec<u64> {
    let about = site.events().iter().filter(|event| event.is_about(name));
    let calls = about.filter_map(|event| match &event.what {
        What::Delivered { generation, what, .. } if what == hook => Some(generation.0),
        _ => None,
    });
    calls.collect()
}

/// Each delivery of one of these messages: which of them, counted from 0, and to which life.
pub(super) fn deliveries(site: &Site, ids: &[MessageId]) -> Vec<(usize, u64)> {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let deliveries = site.events().iter().filter_map(|event| match &event.what {
        What::Delivered { generation, what, .. } if what.starts_with("message ") => {
            let id = what.rsplit(' ').next()?;
            texts.iter().position(|text| text == id).map(|number| (number, generation.0))
        }
        _ => None,
    });
    deliveries.collect()
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

/// How many of a component's crashes count against its restart budget.
pub(super) fn charged(site: &mut Site, name: &str) -> usize {
    crashes(site, name).iter().filter(|crash| crash.charged).count()
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
            What::Delivered { to, generation, what, .. } if what == "start" || what == "stop" => {
                let calls = hooks.entry((to, generation.0, what)).or_default();
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

/// The code of an operation that has ended, waited for as long as it takes.
#[track_caller]
pub(super) fn end_of(site: &mut Site, operation: OpId) -> Code {
    site.wait(operation, LONG).code
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
