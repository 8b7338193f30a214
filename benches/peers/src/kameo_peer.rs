//! kameo: one actor a component, each a task of a tokio runtime.
//!
//! Mailboxes are unbounded, so that `tell(…).try_send()` is a synchronous send that never fails
//! for want of room; each message is a type of its own with a handler, which is the only form
//! that there is. Tracing is off. A supervisor of kameo's own restarts what has panicked; the
//! mailbox goes over to the next life.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kameo::actor::{Actor, ActorRef, Spawn, WeakActorRef};
use kameo::error::{ActorStopReason, Infallible};
use kameo::mailbox;
use kameo::message::{Context, Message};

use crate::draw::Share;
use crate::engine::Engine;
use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::storm::Storm;
use crate::tally::{Counter, Tally};

pub(crate) struct Kameo {
    /// Workers of the runtime.
    pub(crate) threads: u8,
}

struct Life {
    counter: Counter,
    next: Option<ActorRef<Life>>,
}

struct Word(u64);
/// A number to be handed on until it is 0.
struct Token(u64);
/// Who is next in the ring.
struct Next(ActorRef<Life>);
struct Count;

impl Actor for Life {
    type Args = (Arc<Tally>, u32);
    type Error = Infallible;

    async fn on_start((tally, index): Self::Args, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Life { counter: Counter::new(&tally, index), next: None })
    }

    async fn on_stop(
        &mut self,
        _: WeakActorRef<Self>,
        _: ActorStopReason,
    ) -> Result<(), Infallible> {
        self.counter.stopped();
        Ok(())
    }
}

impl Message<Word> for Life {
    type Reply = ();

    async fn handle(&mut self, Word(word): Word, _: &mut Context<Self, ()>) {
        self.counter.handle(word);
    }
}

impl Message<Token> for Life {
    type Reply = ();

    async fn handle(&mut self, Token(left): Token, _: &mut Context<Self, ()>) {
        self.counter.handle(left);
        if let (Some(next), Some(left)) = (&self.next, left.checked_sub(1)) {
            tell(next, Token(left));
        }
    }
}

impl Message<Next> for Life {
    type Reply = ();

    async fn handle(&mut self, Next(next): Next, _: &mut Context<Self, ()>) {
        self.next = Some(next);
    }
}

impl Message<Count> for Life {
    type Reply = u64;

    async fn handle(&mut self, _: Count, _: &mut Context<Self, u64>) -> u64 {
        self.counter.count()
    }
}

fn tell<A: Message<M>, M: Send + 'static>(to: &ActorRef<A>, message: M) {
    assert!(to.tell(message).try_send().is_ok(), "the actor is there");
}

type Crew = Vec<ActorRef<Life>>;

/// Components that have all begun.
fn start(engine: &Engine, job: &Job, tally: &Arc<Tally>, goal: u64) -> Crew {
    let (components, mine) = (job.components, Arc::clone(tally));
    let spawn =
        move |index| Life::spawn_with_mailbox((Arc::clone(&mine), index), mailbox::unbounded());
    let crew = engine.run(async move { (0..components).map(spawn).collect() });
    tally.up.wait(goal, &job.label);
    crew
}

/// An actor that sends to the others.
struct Producer {
    crew: Crew,
    share: Share,
}

struct Go;

impl Actor for Producer {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(producer: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(producer)
    }
}

impl Message<Go> for Producer {
    type Reply = ();

    async fn handle(&mut self, _: Go, cx: &mut Context<Self, ()>) {
        let Producer { crew, share } = self;
        if share.send_chunk(|to, word| tell(&crew[to as usize], Word(word))) {
            tell(cx.actor_ref(), Go);
        }
    }
}

async fn ask_all(crew: Crew, rounds: u64) -> (u64, u64) {
    let (mut sum, mut answers) = (0, 0);
    for _ in 0..rounds {
        let mut asked = Vec::with_capacity(crew.len());
        for to in &crew {
            asked.push(to.ask(Count).enqueue().await.expect("the actor is there"));
        }
        for answer in asked {
            sum += answer.await.expect("it answers");
            answers += 1;
        }
    }
    (sum, answers)
}

/// A component that crashes.
struct Victim(Arc<Storm>);
struct Crash;

impl Actor for Victim {
    type Args = (Arc<Storm>, u32);
    type Error = Infallible;

    async fn on_start((storm, index): Self::Args, me: ActorRef<Self>) -> Result<Self, Infallible> {
        if storm.up(index) {
            tell(&me, Crash);
        }
        Ok(Victim(storm))
    }
}

impl Message<Crash> for Victim {
    type Reply = ();

    async fn handle(&mut self, _: Crash, _: &mut Context<Self, ()>) {
        self.0.crash()
    }
}

struct Supervisor;

impl Actor for Supervisor {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Supervisor)
    }
}

async fn guard_all(storm: Arc<Storm>, all: u32) -> (ActorRef<Supervisor>, Vec<ActorRef<Victim>>) {
    let supervisor = Supervisor::spawn_with_mailbox((), mailbox::unbounded());
    let mut crew = Vec::new();
    for index in 0..all {
        let child = Victim::supervise(&supervisor, (Arc::clone(&storm), index))
            .restart_limit(u32::MAX, Duration::from_secs(1))
            .spawn_with_mailbox(mailbox::unbounded());
        crew.push(child.await);
    }
    (supervisor, crew)
}

/// A ring on a runtime of so many workers.
fn ring(job: &Job, workers: u8) -> Measured {
    let (engine, tally) = (Engine::start(workers), Tally::new(job));
    let crew = start(&engine, job, &tally, u64::from(job.components));
    for (one, next) in crew.iter().zip(crew.iter().cycle().skip(1)) {
        tell(one, Next(next.clone()));
    }
    let taken = job.circulate(&tally, |to, left| tell(&crew[to as usize], Token(left)));
    job.end((engine, crew));
    job.measured(&tally, taken)
}

impl Peer for Kameo {
    fn name(&self) -> &'static str {
        "kameo"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let (engine, tally) = (Engine::start(self.threads), Tally::new(job));
        let crew = start(&engine, job, &tally, u64::from(job.components));
        let taken = job.drive(&tally, |to, word| tell(&crew[to as usize], Word(word)));
        job.end((engine, crew));
        Some(job.measured(&tally, taken))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        let (engine, tally) = (Engine::inside(job.components), Tally::new(job));
        let crew = start(&engine, job, &tally, u64::from(job.components));
        let producer = Producer { crew: crew.clone(), share: job.share(0) };
        let spawn = async { Producer::spawn_with_mailbox(producer, mailbox::unbounded()) };
        let producer = engine.run(spawn);
        let taken = job.set_off(&tally, || tell(&producer, Go));
        job.end((engine, crew));
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        Some(ring(job, self.threads))
    }

    fn ring_of_two(&self, job: &Job) -> Option<Measured> {
        Some(ring(job, 2))
    }

    fn query_all(&self, job: &Job) -> Option<Asked> {
        let (engine, tally) = (Engine::start(self.threads), Tally::new(job));
        let crew = start(&engine, job, &tally, u64::from(job.components));
        let spread = job.drive(&tally, |to, word| tell(&crew[to as usize], Word(word)));
        let asking = ask_all(crew.clone(), job.rounds());
        Some(engine.ask(job, &tally, spread, asking, crew))
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        let (tally, all, beginning) =
            (Tally::new(job), u64::from(job.components), Beginning::now());
        let engine = Engine::start(self.threads);
        let crew = start(&engine, job, &tally, all);
        let begun = job.begun(&tally, &beginning);
        let at = Instant::now();
        engine.run(async move {
            for actor in &crew {
                actor.stop_gracefully().await.expect("the actor is there");
            }
        });
        tally.down.wait(all, &job.label);
        let stop = at.elapsed();
        let at = Instant::now();
        let crew = start(&engine, job, &tally, 2 * all);
        let lives = begun.and_again(job, &tally, stop, at.elapsed());
        job.end((engine, crew));
        Some(lives)
    }

    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        let (engine, storm) = (Engine::start(self.threads), Storm::new(job));
        let (supervisor, crew) = engine.run(guard_all(Arc::clone(&storm), job.components));
        let taken = storm.rage(job, |to| tell(&crew[to as usize], Crash));
        drop((supervisor, engine));
        Some(job.survived(&storm, taken))
    }
}
