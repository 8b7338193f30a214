//! The race cases of lifecycle.md part 4 with real threads: several operators, one component,
//! 300 rounds each.
#![allow(missing_docs, reason = "a test's name says it")]

mod common;

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{
    BLOCK, Does, LONG, PANIC, Probe, STOP_AND_KILL, Watched, ask, await_state, impatient_site,
    manual, site_on, tell, zombies_end,
};
use contract::Descriptor;
use contract::control::{Accepted, HostControl, Outcome, Refusal, Until};
use contract::id::{Generation, OpId};
use contract::lifecycle::{Code, Command, CommandOptions, Exit, State, Substate};
use contract::message::Message;
use crossbeam_channel::Receiver;
use smsexec_live::{Handle, Site, Transition};

const ROUNDS: usize = 300;

/// A component and those who operate it.
struct Arena {
    site: Site,
    watched: Watched,
    transitions: Receiver<Transition>,
    /// The component's state, as the transitions have it.
    state: State,
    generation: Generation,
    operations: BTreeSet<OpId>,
}

type Answer = Result<Accepted, Refusal>;

impl Arena {
    /// A component that waits for its first start.
    fn new(probe: impl FnOnce(Probe) -> Probe) -> Self {
        let (new, watched) = Probe::new("A");
        let site = site_on(2, [probe(new).declares(manual)]);
        let transitions = site.watch().unwrap();
        let (state, generation) = (State::Stopped, Generation(0));
        Arena { site, watched, transitions, state, generation, operations: BTreeSet::new() }
    }

    /// Has two operators do that at once, and waits for what comes of it: the answers, and how
    /// the operations ended.
    fn both(
        &mut self,
        first: impl FnOnce(&mut Handle) -> Answer + Send,
        second: impl FnOnce(&mut Handle) -> Answer + Send,
    ) -> [(Answer, Option<Outcome>); 2] {
        let barrier = Barrier::new(2);
        let operate =
            |mut handle: Handle, act: Box<dyn FnOnce(&mut Handle) -> Answer + Send + '_>| {
                barrier.wait();
                let answer = act(&mut handle);
                let operation = answer.as_ref().ok().and_then(|accepted| accepted.operation);
                (answer, operation.map(|operation| handle.wait(operation, LONG)))
            };
        let operate = &operate;
        let answers = std::thread::scope(|scope| {
            let (one, other) = (self.site.handle(), self.site.handle());
            let first = scope.spawn(move || operate(one, Box::new(first)));
            let second = scope.spawn(move || operate(other, Box::new(second)));
            [first.join().unwrap(), second.join().unwrap()]
        });
        for (_, outcome) in &answers {
            let ended = outcome.as_ref().is_none_or(|o| o.code != Code::REQUEST_TIMEOUT);
            assert!(ended, "{answers:?}");
            self.operations.extend(outcome.as_ref().map(|outcome| outcome.operation));
        }
        answers
    }

    /// Checks what has come about since the last look: each transition follows from the one
    /// before it and is one that the table has, and generations only grow.
    fn check(&mut self) -> Vec<State> {
        let mut states = Vec::new();
        for transition in self.transitions.try_iter() {
            assert_eq!(transition.from, self.state, "{transition:?}");
            let begins = transition.to == State::StartPending;
            let expected = Generation(self.generation.0 + u64::from(begins));
            assert_eq!(transition.generation, expected, "{transition:?}");
            (self.state, self.generation) = (transition.to, expected);
            states.push(transition.to);
        }
        assert_eq!(self.watched.lives.clashes.load(Ordering::SeqCst), 0, "one life at a time");
        states
    }

    fn settle(&mut self, state: State) {
        let status = self.site.wait_for("A", Until::Settled, LONG).unwrap();
        assert_eq!(status.state, state);
    }

    fn start(&mut self) {
        self.site.start("A").unwrap();
    }
}

fn code(answer: &(Answer, Option<Outcome>)) -> (Code, Option<Code>) {
    let (answer, outcome) = answer;
    let told = answer.as_ref().map_or_else(|refusal| refusal.code, |accepted| accepted.code);
    (told, outcome.as_ref().map(|outcome| outcome.code))
}

const DONE: (Code, Option<Code>) = (Code::OK, Some(Code::OK));
const CANCELLED: (Code, Option<Code>) = (Code::OK, Some(Code::CANCELLED));

fn does(command: Command) -> impl FnOnce(&mut Handle) -> Answer + Send {
    move |handle| tell(handle, "A", command)
}

fn queues(command: Command) -> impl FnOnce(&mut Handle) -> Answer + Send {
    move |handle| ask(handle, "A", command, CommandOptions { queue: true, ..Default::default() })
}

#[test]
fn r01_a_stop_during_a_start_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.start(Does::Later));
    let mut cancelled = 0;
    for _ in 0..ROUNDS {
        let answers = arena.both(does(Command::Start), does(Command::Stop));
        let states = arena.check();
        match (code(&answers[0]), code(&answers[1])) {
            // The stop came while it started.
            (CANCELLED, DONE) => {
                cancelled += 1;
                let expected = [State::StartPending, State::StopPending, State::Stopped];
                assert_eq!(states, expected, "never Running");
            }
            // It came when it ran.
            (DONE, DONE) => assert_eq!(states.len(), 4, "{states:?}"),
            // It came first.
            (DONE, (Code::NOT_ACTIVE, None)) => {
                assert_eq!(states, [State::StartPending, State::Running]);
                arena.site.stop("A").unwrap();
            }
            other => panic!("{other:?} {states:?}"),
        }
        arena.settle(State::Stopped);
        arena.check();
    }
    assert!(cancelled > 0, "no stop has met a start");
}

#[test]
fn r01_a_stop_during_a_start_that_cannot_be_cancelled_on_real_threads() {
    let probe = |probe: Probe| probe.start(Does::Later).declares(|d| d.cancellable_start = false);
    let mut arena = Arena::new(probe);
    for _ in 0..ROUNDS {
        let answers = arena.both(does(Command::Start), does(Command::Stop));
        assert_eq!(code(&answers[0]), DONE, "{answers:?}");
        match code(&answers[1]) {
            DONE => {}
            (Code::CANNOT_ACCEPT_CONTROL | Code::NOT_ACTIVE, None) => {
                drop(arena.site.stop("A").unwrap());
            }
            other => panic!("{other:?}"),
        }
        arena.settle(State::Stopped);
        let expected = [State::StartPending, State::Running, State::StopPending, State::Stopped];
        assert_eq!(arena.check(), expected);
    }
}

#[test]
fn r03_a_stop_hook_that_panics_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Panic));
    for _ in 0..ROUNDS {
        arena.start();
        let answers = arena.both(does(Command::Stop), |handle| handle.query("A").map(|_| idle()));
        assert_eq!(code(&answers[0]), DONE);
        let status = arena.site.query("A").unwrap();
        assert_eq!((status.state, status.substate), (State::Stopped, Some(Substate::Operator)));
        assert!(matches!(status.last_exit, Some(Exit::Panic { .. })), "{status:?}");
        assert_eq!(arena.check().len(), 4, "no restart");
    }
}

/// What an operator has who has only looked.
fn idle() -> Accepted {
    Accepted { operation: None, code: Code::OK, note: String::new() }
}

#[test]
fn r05_a_start_during_a_stop_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Later));
    let (mut refused, mut late) = (0, 0);
    for _ in 0..ROUNDS {
        arena.start();
        arena.check();
        let answers = arena.both(does(Command::Stop), does(Command::Start));
        assert_eq!(code(&answers[0]), DONE, "{answers:?}");
        match code(&answers[1]) {
            (Code::ALREADY_RUNNING, None) => refused += 1,
            // The stop was done.
            DONE => {
                late += 1;
                arena.site.stop("A").unwrap();
            }
            other => panic!("{other:?}"),
        }
        arena.settle(State::Stopped);
        arena.check();
    }
    assert!(refused > 0, "{refused} {late}");
}

#[test]
fn r05_a_queued_start_during_a_stop_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Later));
    for _ in 0..ROUNDS {
        arena.start();
        let before = arena.check().len();
        assert!(before > 0);
        let answers = arena.both(does(Command::Stop), queues(Command::Start));
        assert_eq!(code(&answers[0]), DONE, "{answers:?}");
        let states = match code(&answers[1]) {
            // It ran, so there was nothing to queue; then it was stopped.
            (Code::ALREADY_RUNNING, None) => {
                arena.settle(State::Stopped);
                arena.check()
            }
            DONE => {
                let states = arena.check();
                arena.site.stop("A").unwrap();
                states
            }
            other => panic!("{other:?}"),
        };
        let again = [State::StopPending, State::Stopped, State::StartPending, State::Running];
        assert!(again.starts_with(&states) && [2, 4].contains(&states.len()), "{states:?}");
        arena.settle(State::Stopped);
        arena.check();
    }
}

#[test]
fn r07_a_restart_and_a_stop_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Later));
    let mut cancelled = 0;
    for _ in 0..ROUNDS {
        arena.start();
        arena.check();
        let answers = arena.both(does(Command::Restart), does(Command::Stop));
        match (code(&answers[0]), code(&answers[1])) {
            // The stop came after the restart, and before it was done.
            (CANCELLED, DONE) => {
                cancelled += 1;
                arena.settle(State::Stopped);
            }
            // One was done before the other came.
            (DONE, DONE) => {
                let state = arena.site.wait_for("A", Until::Settled, LONG).unwrap().state;
                assert!([State::Running, State::Stopped].contains(&state));
            }
            // The restart came during the stop.
            ((Code::ALREADY_RUNNING, None), DONE) => arena.settle(State::Stopped),
            // The stop came while the next life began, was not running yet, and could not.
            other => panic!("{other:?}"),
        }
        if arena.site.query("A").unwrap().state == State::Running {
            arena.site.stop("A").unwrap();
        }
        arena.check();
    }
    assert!(cancelled > 0, "no stop has met a restart");
}

#[test]
fn r07_two_restarts_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Later));
    arena.start();
    let mut joined = 0;
    for _ in 0..ROUNDS {
        let before = arena.site.query("A").unwrap().generation;
        let answers = arena.both(does(Command::Restart), does(Command::Restart));
        let codes = [code(&answers[0]), code(&answers[1])];
        arena.settle(State::Running);
        let lives = arena.site.query("A").unwrap().generation.0 - before.0;
        let operations =
            answers.each_ref().map(|(_, outcome)| outcome.as_ref().map(|o| o.operation));
        // Either they share one restart, or the second came when the first one's life began.
        let starting = (Code::CANNOT_ACCEPT_CONTROL, None);
        if codes == [DONE, DONE] && operations[0] == operations[1] {
            joined += 1;
            assert_eq!(lives, 1);
        } else if codes.contains(&starting) {
            assert!(codes.contains(&DONE) && lives == 1, "{answers:?} {lives}");
        } else {
            assert!(codes == [DONE, DONE] && lives == 2, "{answers:?} {lives}");
        }
        arena.check();
    }
    assert!(joined > 0, "no two restarts have met");
}

#[test]
fn r08_a_start_during_a_backoff_on_real_threads() {
    let mut arena = Arena::new(|probe| {
        probe.declares(|d| {
            d.budget.crashes = u32::MAX;
            (d.backoff.first, d.backoff.max) = (LONG, LONG);
            d.poison_after = 1;
        })
    });
    arena.start();
    for _ in 0..ROUNDS {
        arena.site.send("A", Message::Word(PANIC)).unwrap();
        await_state(&mut arena.site, "A", State::Stopped);
        let before = arena.site.query("A").unwrap().generation;
        let answers = arena.both(does(Command::Start), does(Command::Start));
        let codes = answers.each_ref().map(code);
        // One starts it; the other finds it starting, or running.
        assert!(codes.contains(&DONE), "{answers:?}");
        let of_the_other = [(Code::ALREADY_RUNNING, None), (Code::ALREADY_RUNNING, Some(Code::OK))];
        assert!(codes.iter().any(|code| of_the_other.contains(code)), "{answers:?}");
        arena.settle(State::Running);
        assert_eq!(arena.site.query("A").unwrap().generation.0, before.0 + 1);
        arena.check();
    }
    let lives = arena.site.query("A").unwrap().generation;
    // The timers of all those restarts never cause another start.
    arena.site.advance(3 * LONG).unwrap();
    assert_eq!(arena.site.query("A").unwrap().generation, lives);
}

#[test]
fn r10_a_start_at_the_instant_of_stopped_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Later));
    for _ in 0..ROUNDS {
        arena.start();
        arena.check();
        let transitions = arena.site.watch().unwrap();
        let at_once = move |handle: &mut Handle| {
            while transitions.recv_timeout(LONG).unwrap().to != State::Stopped {}
            tell(handle, "A", Command::Start)
        };
        let answers = arena.both(does(Command::Stop), at_once);
        assert_eq!(answers.each_ref().map(code), [DONE, DONE], "{answers:?}");
        arena.check();
        arena.site.stop("A").unwrap();
        arena.check();
    }
    assert_eq!(arena.generation.0, 2 * ROUNDS as u64);
    assert_eq!(arena.watched.lives.starts.load(Ordering::SeqCst), 2 * ROUNDS);
}

#[test]
fn l06_two_stops_on_real_threads() {
    let mut arena = Arena::new(|probe| probe.stop(Does::Later));
    let mut joined = 0;
    for round in 1..=ROUNDS {
        arena.start();
        let answers = arena.both(does(Command::Stop), does(Command::Stop));
        let codes = answers.each_ref().map(code);
        assert!(codes.contains(&DONE), "{answers:?}");
        let together = (Code::CANNOT_ACCEPT_CONTROL, Some(Code::OK));
        if codes.contains(&together) {
            joined += 1;
            let [first, second] = answers.each_ref().map(|(_, outcome)| outcome);
            assert_eq!(first, second, "they wait for the same");
        } else {
            assert!(codes.contains(&(Code::NOT_ACTIVE, None)), "{answers:?}");
        }
        assert_eq!(arena.watched.lives.stops.load(Ordering::SeqCst), round, "once each");
        arena.check();
    }
    assert!(joined > 0, "no two stops have met");
}

#[test]
fn p02_a_panic_and_what_comes_again_on_real_threads() {
    let mut arena = Arena::new(|probe| {
        probe.declares(|d| {
            d.budget.crashes = u32::MAX;
            (d.backoff.first, d.backoff.max) = (Duration::ZERO, Duration::ZERO);
            d.poison_after = 2;
        })
    });
    arena.start();
    arena.watched.expect("start 1");
    for round in 0..ROUNDS as u64 {
        let life = 2 * round + 1;
        let sends = |numbers: [u64; 2]| {
            move |handle: &mut Handle| {
                numbers
                    .iter()
                    .try_for_each(|n| handle.send("A", Message::Word(*n)))
                    .map(|()| idle())
            }
        };
        // One operator's messages keep their order, whatever the other's do.
        let _ = arena.both(sends([PANIC, 1]), sends([2, 3]));
        arena.site.wait_for("A", Until::Generation(Generation(life + 2)), LONG).unwrap();
        let mut lines = Vec::new();
        while lines.len() < 7 {
            lines.push(arena.watched.lines.recv_timeout(LONG).unwrap());
        }
        let place = |what: &str| {
            let found: Vec<usize> = (0..7).filter(|at| lines[*at].starts_with(what)).collect();
            assert!(!found.is_empty(), "{what}: {lines:?}");
            found
        };
        let panics = place("message 1001");
        let starts = place("start");
        assert_eq!((panics.len(), starts.len()), (2, 2), "{lines:?}");
        // It is the first thing that the next life is handed.
        assert_eq!(
            [starts[0], panics[1], starts[1]],
            [panics[0] + 1, panics[0] + 2, panics[0] + 3]
        );
        assert!(place("message 1 ")[0] > panics[1], "{lines:?}");
        assert!(place("message 2 ")[0] < place("message 3 ")[0], "{lines:?}");
        arena.check();
    }
}

#[test]
fn a_hook_that_comes_back_at_the_instant_at_which_its_thread_is_given_up() {
    let at_once = |d: &mut Descriptor| (d.backoff.first, d.backoff.max) = Default::default();
    let (first, blocked) = Probe::new("A");
    let (second, sibling) = Probe::new("B");
    let probes = [first.declares(at_once), second.declares(at_once)];
    let mut site = impatient_site(1, Duration::from_millis(20), probes);
    for round in 1..=50 {
        site.send("A", Message::Word(BLOCK)).unwrap();
        while blocked.lines.recv_timeout(LONG).unwrap() != "message blocks" {}
        let transitions = site.watch().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let killed = |t: Transition| &*t.name == "A" && t.to == State::Stopped;
                while !killed(transitions.recv_timeout(LONG).unwrap()) {}
                // Once now, and once when it comes again.
                blocked.release();
                blocked.release();
            });
            tell(&mut site, "A", Command::Stop).unwrap();
            site.advance(STOP_AND_KILL).unwrap();
        });
        site.start("A").unwrap();
        for _ in 0..2 {
            while blocked.lines.recv_timeout(LONG).unwrap() != "message goes on" {}
        }
        zombies_end(&mut site);
        await_state(&mut site, "B", State::Running);
        site.send("B", Message::Word(round)).unwrap();
        let handled = format!("message {round} in");
        while !sibling.lines.recv_timeout(LONG).unwrap().starts_with(&handled) {}
    }
    assert_eq!(site.shut_down(), Ok(0));
}
