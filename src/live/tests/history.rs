//! Several operators command one component at random, and afterwards it is checked that what
//! they were told could have been told to one after the other, by the table of lifecycle.md 2.3.
//!
//! What orders the history is the log of transitions: each operator notes how many there were
//! when he asked and when he was told. A transition is in the log before anything that came
//! after it is answered, so what he asked for took effect somewhere between the two.
#![allow(missing_docs, reason = "a test's name says it")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use common::{Does, LONG, Probe, manual, site_on, tell};
use contract::control::{Accepted, HostControl, Refusal, Until};
use contract::id::OpId;
use contract::lifecycle::{Code, Command, State};
use crossbeam_channel::Receiver;
use smsexec_live::{Handle, Transition};

const OPERATORS: u64 = 4;
const COMMANDS: usize = 1_500;
/// What brings it up comes more often than what brings it down.
const REPERTOIRE: [Command; 12] = [
    Command::Start,
    Command::Start,
    Command::Start,
    Command::Stop,
    Command::Pause,
    Command::Pause,
    Command::Continue,
    Command::Continue,
    Command::Continue,
    Command::Restart,
    Command::Restart,
    Command::Kill,
];

/// One command of one operator.
#[derive(Debug)]
struct Entry {
    command: Command,
    /// Transitions in the log when it was given, and when it was answered.
    asked: usize,
    told: usize,
    answer: Result<Accepted, Refusal>,
}

impl Entry {
    fn code(&self) -> Code {
        self.answer.as_ref().map_or_else(|refusal| refusal.code, |accepted| accepted.code)
    }

    fn operation(&self) -> Option<OpId> {
        self.answer.as_ref().ok().and_then(|accepted| accepted.operation)
    }
}

/// What the reference has for a command in a state: its code and whether there is an operation
/// to wait for. Two answers where it depends on whether the stop belongs to a restart.
fn reference(state: State, command: Command) -> Vec<(Code, bool)> {
    const DONE: (Code, bool) = (Code::OK, true);
    const NOTHING: (Code, bool) = (Code::OK, false);
    let refused = |code| vec![(code, false)];
    match (state, command) {
        (State::Stopped, Command::Start | Command::Restart) => vec![DONE],
        (State::Stopped, _) => refused(Code::NOT_ACTIVE),
        (State::StartPending, Command::Start) => vec![(Code::ALREADY_RUNNING, true)],
        (State::StopPending, Command::Start) => refused(Code::ALREADY_RUNNING),
        (State::StopPending, Command::Stop) => vec![(Code::CANNOT_ACCEPT_CONTROL, true), DONE],
        (State::StopPending, Command::Restart) => vec![(Code::ALREADY_RUNNING, false), DONE],
        (State::StopPending, Command::Pause | Command::Continue) => {
            refused(Code::CANNOT_ACCEPT_CONTROL)
        }
        (_, Command::Stop | Command::Kill) => vec![DONE],
        (State::StartPending, _) => refused(Code::CANNOT_ACCEPT_CONTROL),
        (_, Command::Start) => refused(Code::ALREADY_RUNNING),
        (_, Command::Restart) => vec![DONE],
        (State::Running | State::PausePending, Command::Pause) => vec![DONE],
        (State::Paused | State::ContinuePending, Command::Continue) => vec![DONE],
        (State::Paused, Command::Pause) | (State::Running, Command::Continue) => vec![NOTHING],
        (_, _) => refused(Code::CANNOT_ACCEPT_CONTROL),
    }
}

/// The states that a component went through: one more than there were transitions.
struct Log(Vec<State>);

/// Where a history may have got to: so many transitions, and whether a stop is a restart's.
type Place = (usize, bool);

impl Log {
    fn states(&self, entry: &Entry) -> &[State] {
        &self.0[entry.asked..=entry.told]
    }

    /// Whether some state between question and answer explains what was told.
    fn explains(&self, entry: &Entry) -> bool {
        let told = (entry.code(), entry.operation().is_some());
        self.states(entry).iter().any(|state| reference(*state, entry.command).contains(&told))
    }

    /// The places that are reached from these without a command, up to `last` transitions.
    fn go_on(&self, from: &BTreeSet<Place>, last: usize) -> BTreeSet<Place> {
        let mut places = from.clone();
        let mut ahead: Vec<Place> = from.iter().copied().collect();
        while let Some((at, restarts)) = ahead.pop() {
            if at >= last.min(self.0.len() - 1) {
                continue;
            }
            let next = match (self.0[at], self.0[at + 1]) {
                (State::Stopped, State::StartPending) if restarts => (at + 1, false),
                (_, State::Running | State::Paused) => (at + 1, restarts),
                // A life that was not being restarted has ended.
                (_, State::Stopped) => (at + 1, restarts),
                _ => continue,
            };
            if places.insert(next) {
                ahead.push(next);
            }
        }
        places
    }

    /// Where an accepted command leads from a place, if it can have been accepted there.
    fn accept(&self, (at, restarts): Place, command: Command) -> Option<Place> {
        let (state, next) = (self.0[at], self.0.get(at + 1).copied());
        let leads_to = |to: State, restarts| (next == Some(to)).then_some((at + 1, restarts));
        match (state, command) {
            (State::StopPending, Command::Stop) => restarts.then_some((at, false)),
            (State::StopPending, Command::Kill) => Some((at, false)),
            (State::Stopped, Command::Start | Command::Restart) => {
                leads_to(State::StartPending, false)
            }
            (State::Stopped | State::StopPending, _) | (_, Command::Start) => None,
            (_, Command::Stop | Command::Kill) => leads_to(State::StopPending, false),
            (State::StartPending, _) => None,
            (_, Command::Restart) => leads_to(State::StopPending, true),
            (State::Running, Command::Pause) => leads_to(State::PausePending, false),
            (State::Paused, Command::Continue) => leads_to(State::ContinuePending, false),
            _ => None,
        }
    }

    /// Whether the accepted commands, in the order of their operations, lead through the log:
    /// each at a place between its question and its answer, and no transition that takes a
    /// command without one.
    fn check_order(&self, history: &[Entry]) {
        let mut operations: BTreeMap<OpId, Vec<&Entry>> = BTreeMap::new();
        for entry in history.iter().filter(|entry| entry.code() == Code::OK) {
            if let Some(operation) = entry.operation() {
                operations.entry(operation).or_default().push(entry);
            }
        }
        let mut places = BTreeSet::from([(0, false)]);
        for (operation, entries) in operations {
            // Whoever joined is told the same number: one of them began it.
            let mut next = BTreeSet::new();
            for entry in &entries {
                let reached = self.go_on(&places, entry.told);
                let from = reached.into_iter().filter(|(at, _)| *at >= entry.asked);
                next.extend(from.filter_map(|place| self.accept(place, entry.command)));
            }
            assert!(!next.is_empty(), "no place for {operation}: {entries:?} from {places:?}");
            places = next;
        }
        let end = self.0.len() - 1;
        let reached = self.go_on(&places, end);
        assert!(reached.iter().any(|(at, _)| *at == end), "nobody commanded what came last");
    }
}

/// A history as one operator makes it.
fn operate(mut handle: Handle, log: &Receiver<Transition>, seed: u64) -> Vec<Entry> {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..COMMANDS)
        .map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let command = REPERTOIRE[(random % REPERTOIRE.len() as u64) as usize];
            let asked = log.len();
            let answer = tell(&mut handle, "A", command);
            let entry = Entry { command, asked, told: log.len(), answer };
            // Those who never pause for breath see nothing but lives that are stopped again
            // before they run.
            if !(random >> 32).is_multiple_of(3) {
                handle.wait_for("A", Until::Settled, LONG).unwrap();
            }
            entry
        })
        .collect()
}

#[test]
fn what_many_operators_are_told_could_have_been_told_to_one_after_the_other() {
    let (probe, watched) = Probe::new("A");
    let mut site = site_on(2, [probe.start(Does::Later).stop(Does::Later).declares(manual)]);
    let transitions = site.watch().unwrap();
    let history: Vec<Entry> = std::thread::scope(|scope| {
        let operators: Vec<_> = (1..=OPERATORS)
            .map(|seed| {
                let (handle, log) = (site.handle(), &transitions);
                scope.spawn(move || operate(handle, log, seed))
            })
            .collect();
        operators.into_iter().flat_map(|operator| operator.join().unwrap()).collect()
    });
    site.wait_for("A", Until::Settled, LONG).unwrap();

    let mut log = Log(vec![State::Stopped]);
    let mut generation = 0;
    for transition in transitions.try_iter() {
        assert_eq!(Some(&transition.from), log.0.last());
        generation += u64::from(transition.to == State::StartPending);
        assert_eq!(transition.generation.0, generation, "each life has the next number");
        log.0.push(transition.to);
    }
    for entry in &history {
        assert!(log.explains(entry), "{entry:?} in {:?}", log.states(entry));
    }
    log.check_order(&history);
    check_outcomes(&mut site, &history);
    assert_eq!(watched.lives.clashes.load(Ordering::SeqCst), 0, "one life at a time");
    for state in State::ALL {
        let often = log.0.iter().filter(|other| **other == state).count();
        assert!(often > 0, "{state} never came about");
    }
}

/// Each operation has ended, and always as it was meant to or because of a later one.
fn check_outcomes(host: &mut impl HostControl, history: &[Entry]) {
    let operations: BTreeSet<OpId> = history.iter().filter_map(Entry::operation).collect();
    let last = operations.last().copied();
    for operation in operations {
        let outcome = host.wait(operation, LONG);
        let ended = [Code::OK, Code::CANCELLED].contains(&outcome.code);
        assert!(ended && (outcome.code == Code::OK || Some(operation) != last), "{outcome:?}");
        assert_eq!(host.wait(operation, LONG), outcome);
    }
}
