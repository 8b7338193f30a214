//! Who is in a storm: components with random descriptors, plans and groups.

use std::borrow::Cow;
use std::time::Duration;

use contract::lifecycle::{
    Backoff, Budget, Escalate, Group, Isolation, Restart, Startup, Strategy, WhenHung,
};
use contract::settings::keys;
use contract::{Descriptor, Registration, Request};

use crate::probe::{Act, Does, Probe};
use crate::run::Site;

/// What components are called.
const NAMES: [&str; 40] = [
    "C00", "C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "C12",
    "C13", "C14", "C15", "C16", "C17", "C18", "C19", "C20", "C21", "C22", "C23", "C24", "C25",
    "C26", "C27", "C28", "C29", "C30", "C31", "C32", "C33", "C34", "C35", "C36", "C37", "C38",
    "C39",
];

/// Messages are numbers below this. What a component sends for one is at most half of it, so
/// that every cascade ends.
pub(super) const WORDS: u64 = 24;

/// A setting that components take at their start, and one that they take at once.
pub(super) const KEYS: [&str; 2] = ["storm.fixed", "storm.fluid"];

/// The control codes that components have.
pub(super) const CONTROLS: std::ops::Range<u8> = 126..132;

/// The components and groups of a storm.
pub(super) struct Cast {
    names: &'static [&'static str],
    components: Vec<Registration>,
    groups: Vec<Group>,
}

impl Cast {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Self {
        let names = &NAMES[..rng.usize(6..=NAMES.len())];
        let components = (0..names.len()).map(|index| component(rng, names, index)).collect();
        let groups = groups(rng, names);
        Cast { names, components, groups }
    }

    pub(super) fn names(&self) -> &'static [&'static str] {
        self.names
    }

    pub(super) fn groups(&self) -> Vec<String> {
        self.groups.iter().map(|group| format!("group:{}", group.name)).collect()
    }

    pub(super) fn site(self, rng: &mut fastrand::Rng, seed: u64) -> Site {
        let lease = Duration::from_secs(rng.u64(60..600));
        let budget = Budget { crashes: rng.u32(0..4), period: Duration::from_secs(300) };
        let mut builder = Site::primary("PS1")
            .components(self.components)
            .fixed_seed(seed)
            .shards(rng.u8(1..=4))
            .backup_takes(Duration::from_secs(rng.u64(1..400)))
            .setting(&keys::BACKUP_LEASE, &lease)
            .executive_budget(budget)
            .lenient()
            .checked()
            .impatient();
        for group in self.groups {
            builder = builder.group(group);
        }
        if rng.bool() {
            builder = builder.jitter();
        }
        builder.start().unwrap_or_else(|refusal| panic!("seed {seed} makes no site: {refusal}"))
    }
}

fn component(rng: &mut fastrand::Rng, names: &[&'static str], index: usize) -> Registration {
    let mut probe = Probe::new(names[index])
        .start(does(rng, true))
        .stop(does(rng, false))
        .pause(does(rng, false))
        .resume(does(rng, false))
        .shows(KEYS[rng.usize(0..2)]);
    if rng.bool() {
        probe = probe.starts_well_from(rng.u64(2..6));
    }
    for word in 0..WORDS {
        for _ in 0..rng.usize(0..3) {
            probe = probe.on(word, act(rng, names, word));
        }
    }
    if rng.u32(0..20) == 0 {
        probe = probe.drop_panics();
    }
    probe.declares(|descriptor| declare(rng, names, index, descriptor)).build().0
}

/// Mostly well; everything else now and then.
fn does(rng: &mut fastrand::Rng, starts: bool) -> Does {
    match rng.u32(0..60) {
        0 => Does::Panic,
        1 => Does::Fail(rng.u32(1..9)),
        2 | 3 => Does::Hang,
        4 => Does::Exit,
        5 if starts => Does::Ignore,
        6..=14 => Does::Checkpoints(rng.u32(1..5)),
        _ => Does::Well,
    }
}

fn act(rng: &mut fastrand::Rng, names: &[&'static str], word: u64) -> Act {
    match rng.u32(0..40) {
        0 => Act::Panic,
        1 => Act::Fail(rng.u32(1..9)),
        2 => Act::Exit,
        3..=8 => {
            let url = "https://aka.ms/configmgrgateway".to_owned();
            Act::Ask(Request::Probe { url, time_out: Duration::from_secs(rng.u64(1..30)) })
        }
        9..=16 => Act::After(Duration::from_millis(rng.u64(0..90_000)), "later"),
        _ if word == 0 => Act::After(Duration::from_secs(1), "soon"),
        _ => Act::Send(names[rng.usize(0..names.len())], rng.u64(0..=word / 2)),
    }
}

fn declare(
    rng: &mut fastrand::Rng,
    names: &[&'static str],
    index: usize,
    descriptor: &mut Descriptor,
) {
    let d = descriptor;
    let mut rarely = |of: u32| rng.u32(0..of) == 0;
    d.pausable = !rarely(6);
    d.cancellable_start = !rarely(3);
    d.exclusive = rarely(4);
    d.significant = rarely(4);
    d.isolation = if rarely(5) { Isolation::Dedicated } else { Isolation::Shared };
    d.when_hung = if rarely(2) { WhenHung::Restart } else { WhenHung::Report };
    (d.start_only, d.reloads) = (vec![KEYS[0]], vec![KEYS[1]]);
    if rarely(3) {
        d.reloads.clear();
    }
    d.controls = CONTROLS.filter(|code| *code >= 128 && rng.bool()).collect();
    d.startup = pick(rng, &[Startup::Automatic; 5], &[Startup::Manual, Startup::Disabled]);
    d.restart = pick(rng, &[Restart::Permanent; 3], &[Restart::Transient, Restart::Temporary]);
    d.escalate = pick(rng, &[Escalate::No; 6], &[Escalate::Group, Escalate::Executive]);
    d.budget = Budget { crashes: rng.u32(0..7), period: Duration::from_secs(rng.u64(10..300)) };
    d.backoff = backoff(rng);
    d.inbox_max = if rng.bool() { rng.u32(1..6) } else { 1000 };
    d.poison_after = rng.u8(1..4);
    // Of those before it only, so that none goes round in a circle.
    if index > 0 && rng.u32(0..3) == 0 {
        for _ in 0..rng.usize(1..3) {
            d.depends_on.push(Cow::Borrowed(names[rng.usize(0..index)]));
        }
        if rng.bool() {
            d.requires.push(d.depends_on[0].clone());
        }
    }
}

fn pick<T: Copy>(rng: &mut fastrand::Rng, often: &[T], seldom: &[T]) -> T {
    let index = rng.usize(0..often.len() + seldom.len());
    often.get(index).copied().unwrap_or_else(|| seldom[index - often.len()])
}

fn backoff(rng: &mut fastrand::Rng) -> Backoff {
    Backoff {
        first: Duration::from_millis(rng.u64(1..3000)),
        max: Duration::from_secs(rng.u64(3..60)),
        ..Backoff::default()
    }
}

/// Groups of neighbours and of strangers; none is in two.
fn groups(rng: &mut fastrand::Rng, names: &[&'static str]) -> Vec<Group> {
    let mut left: Vec<&'static str> = names.to_vec();
    rng.shuffle(&mut left);
    let mut groups = Vec::new();
    for name in ["red", "green", "blue", "grey"] {
        let count = rng.usize(0..5);
        if count < 2 || left.len() < count {
            continue;
        }
        let mut members = left.split_off(left.len() - count);
        // What depends on others comes after them.
        members.sort_unstable();
        let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
        let mut group = Group::new(name, strategies[rng.usize(0..3)], members);
        group.budget = Budget { crashes: rng.u32(0..6), period: Duration::from_secs(300) };
        group.backoff = backoff(rng);
        groups.push(group);
    }
    groups
}
