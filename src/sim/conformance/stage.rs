//! What cases begin with and what they do: sites and their components, commands, and faults by
//! the name of a hook.

use std::time::Duration;

use contract::control::HostControl;
use contract::id::{Generation, MessageId, OpId};
use contract::lifecycle::{Code, Command, Startup, State, Substate};
use contract::{ComponentId, Descriptor, Registration};
use kernel::Hook;

use super::Kit;
use super::view::{assert_sound, is_running, status};
use crate::faults::{CallVerdict, CodeCall, Guard};
use crate::run::Site;
use crate::seed;

pub(super) const MILLI: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// No component of a case takes longer to get where it is going.
pub(super) const LONG: Duration = Duration::from_secs(300);

impl Kit {
    /// The component under another name, with nothing but the defaults.
    pub(super) fn plain(&self, name: &str) -> Registration {
        self.declared(name, |_| {})
    }

    /// The component under another name, supervised by default, that waits for a start command
    /// and can be stopped while it starts.
    pub(super) fn manual(&self, name: &str) -> Registration {
        self.manual_with(name, |_| {})
    }

    /// The same, and `declare` has the last word.
    pub(super) fn manual_with(
        &self,
        name: &str,
        declare: impl FnOnce(&mut Descriptor),
    ) -> Registration {
        self.declared(name, |descriptor| {
            descriptor.startup = Startup::Manual;
            descriptor.cancellable_start = true;
            declare(descriptor);
        })
    }

    /// A site whose A waits for a start command.
    pub(super) fn waiting(&self) -> Site {
        untidy_site([self.manual("A")])
    }

    /// A site whose A was started by command, and runs.
    pub(super) fn running(&self) -> Site {
        running(self.manual("A"))
    }

    pub(super) fn is_pausable(&self) -> bool {
        self.registration.descriptor.pausable
    }
}

/// A site of these components, started and at rest.
pub(super) fn site(components: impl IntoIterator<Item = Registration>) -> Site {
    Site::primary("PS1").components(components).start().expect("the site starts")
}

/// The same, and that messages are left over is no fault of the case: a component may send
/// itself some.
pub(super) fn untidy_site(components: impl IntoIterator<Item = Registration>) -> Site {
    let mut site = site(components);
    site.allow_stranded();
    site
}

/// Such a site with this component, which is started by command, and runs.
pub(super) fn running(component: Registration) -> Site {
    let name = component.name.clone();
    let mut site = untidy_site([component]);
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

/// Waits until all of them run.
#[track_caller]
pub(super) fn run_until_running(site: &mut Site, names: &[&str]) {
    site.run_until(LONG, |site| names.iter().all(|name| is_running(site, name)));
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

/// Commands a component, and answers the operation.
#[track_caller]
pub(super) fn operation(site: &mut Site, name: &str, command: Command) -> OpId {
    let accepted = site.order(name, command).expect("it is accepted");
    accepted.operation.expect("there is something to wait for")
}

/// The code of an operation that has ended, waited for as long as it takes.
#[track_caller]
pub(super) fn end_of(site: &mut Site, operation: OpId) -> Code {
    site.wait(operation, LONG).code
}

/// Commands a component, and waits until that is done.
#[track_caller]
pub(super) fn operate(site: &mut Site, name: &str, command: Command) -> OpId {
    let operation = operation(site, name, command);
    assert_eq!(end_of(site, operation), Code::OK, "{command}");
    operation
}

/// Posts messages to a component, numbered like this; answers their identities.
pub(super) fn post(
    kit: &Kit,
    site: &mut Site,
    to: &str,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<MessageId> {
    let post = |number| site.post(to, kit.message(number), None).expect("it is accepted");
    numbers.into_iter().map(post).collect()
}

/// Every call that `is_it` is about comes to `verdict`, as long as the guard lives.
pub(super) fn fault_where(
    site: &mut Site,
    verdict: CallVerdict,
    is_it: impl Fn(&CodeCall<'_>) -> bool + Send + 'static,
) -> Guard {
    site.fault_code(move |call| if is_it(call) { verdict.clone() } else { CallVerdict::Pass })
}

/// Every call of that hook of that component comes to `verdict`, as long as the guard lives.
pub(super) fn fault(
    site: &mut Site,
    name: &'static str,
    hook: &'static str,
    verdict: CallVerdict,
) -> Guard {
    fault_where(site, verdict, move |call| call.name == name && call.hook.name() == hook)
}

/// The same, in one life only.
pub(super) fn fault_in_life(
    site: &mut Site,
    life: u64,
    name: &'static str,
    hook: &'static str,
    verdict: CallVerdict,
) -> Guard {
    fault_where(site, verdict, move |call| {
        call.name == name && call.hook.name() == hook && call.generation == Generation(life)
    })
}

/// The hook panics.
pub(super) fn panics() -> CallVerdict {
    CallVerdict::Panic("by the case".into())
}

/// The hook blocks its thread for so long.
pub(super) fn blocks_for(lasting: Duration) -> CallVerdict {
    CallVerdict::Hang(Some(lasting))
}

/// The hook blocks its thread for ever.
pub(super) const BLOCKS: CallVerdict = CallVerdict::Hang(None);

/// The first delivery of every message from outside to that component panics, as long as the
/// guard lives.
pub(super) fn first_deliveries_panic(site: &mut Site, whose: &'static str) -> Guard {
    fault_where(site, panics(), move |call| match call.hook {
        Hook::Message { id, delivery: 1, .. } => {
            call.name == whose && id.from == ComponentId::OUTSIDE
        }
        _ => false,
    })
}

/// Has the component crash once, by a message of its own, and runs until that has happened.
#[track_caller]
pub(super) fn crash_once(kit: &Kit, site: &mut Site, whose: &'static str) {
    let _guard = first_deliveries_panic(site, whose);
    post(kit, site, whose, [0]);
    let from = site.events().len();
    site.run_until(Duration::ZERO, |site| {
        let mut since = site.events()[from..].iter();
        since.any(|event| event.ended().is_some_and(|(name, ..)| name == whose))
    });
}

/// Has A crash whenever it runs: so many times have it fail, and fewer do not.
#[track_caller]
pub(super) fn assert_fails_at(kit: &Kit, site: &mut Site, crashes: u32) {
    for crash in 1..=crashes {
        run_until_running(site, &["A"]);
        crash_once(kit, site, "A");
        let has_failed = status(site, "A").substate == Some(Substate::Failed);
        assert_eq!(has_failed, crash == crashes, "after {crash} crashes");
    }
}
