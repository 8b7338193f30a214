//! ractor: one actor a component, each a task of a tokio runtime.
//!
//! `cast` is its synchronous send into an unbounded mailbox; the message is an enumeration with
//! the asker's `RpcReplyPort` in it, as its handbook has it. Spans of tracing are off. A failed
//! actor's supervisor hears of it and spawns the next one, linked again.

use std::sync::Arc;
use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use crate::draw::Share;
use crate::engine::Engine;
use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::storm::Storm;
use crate::tally::{Counter, Tally};

pub(crate) struct Ractor {
    /// Workers of the runtime.
    pub(crate) threads: u8,
}

struct Life;

enum Mail {
    Word(u64),
    /// A number to be handed on until it is 0.
    Token(u64),
    /// Who is next in the ring.
    Next(ActorRef<Mail>),
    Count(RpcReplyPort<u64>),
}

struct State {
    counter: Counter,
    next: Option<ActorRef<Mail>>,
}

impl State {
    fn take(&mut self, mail: Mail) -> Result<(), ActorProcessingErr> {
        match mail {
            Mail::Word(word) => self.counter.handle(word),
            Mail::Token(left) => {
                self.counter.handle(left);
                if let (Some(next), Some(left)) = (&self.next, left.checked_sub(1)) {
                    next.cast(Mail::Token(left))?;
                }
            }
            Mail::Next(next) => self.next = Some(next),
            Mail::Count(reply) => reply.send(self.counter.count())?,
        }
        Ok(())
    }
}

impl Actor for Life {
    type Msg = Mail;
    type State = State;
    type Arguments = (Arc<Tally>, u32);

    async fn pre_start(
        &self,
        _: ActorRef<Mail>,
        (tally, index): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { counter: Counter::new(&tally, index), next: None })
    }

    async fn post_stop(
        &self,
        _: ActorRef<Mail>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.counter.stopped();
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Mail>,
        mail: Mail,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.take(mail)
    }
}

type Crew = Vec<ActorRef<Mail>>;

/// Components that have all begun: an actor's start is over when its spawn is.
fn start(engine: &Engine, job: &Job, tally: &Arc<Tally>) -> Crew {
    let (components, tally) = (job.components, Arc::clone(tally));
    engine.run(async move {
        let mut crew = Vec::with_capacity(components as usize);
        for index in 0..components {
            let spawned = Actor::spawn(None, Life, (Arc::clone(&tally), index)).await;
            crew.push(spawned.expect("it starts").0);
        }
        crew
    })
}

fn cast<M: ractor::Message>(to: &ActorRef<M>, mail: M) {
    assert!(to.cast(mail).is_ok(), "the actor is there");
}

/// An actor that sends to the others. Its mail says that it is its turn again.
struct Producer;

impl Actor for Producer {
    type Msg = ();
    type State = (Crew, Share);
    type Arguments = (Crew, Share);

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(arguments)
    }

    async fn handle(
        &self,
        me: ActorRef<()>,
        (): (),
        (crew, share): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if share.send_chunk(|to, word| cast(&crew[to as usize], Mail::Word(word))) {
            me.cast(())?;
        }
        Ok(())
    }
}

async fn ask_all(crew: Crew, rounds: u64) -> (u64, u64) {
    let (mut sum, mut answers) = (0, 0);
    for _ in 0..rounds {
        let ask = |to| {
            let (reply, answer) = ractor::concurrency::oneshot();
            cast(to, Mail::Count(reply.into()));
            answer
        };
        let asked: Vec<_> = crew.iter().map(ask).collect();
        for answer in asked {
            sum += answer.await.expect("it answers");
            answers += 1;
        }
    }
    (sum, answers)
}

/// A component that crashes.
struct Victim;

impl Actor for Victim {
    type Msg = ();
    type State = Arc<Storm>;
    type Arguments = (Arc<Storm>, u32);

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        (storm, index): Self::Arguments,
    ) -> Result<Arc<Storm>, ActorProcessingErr> {
        if storm.up(index) {
            me.cast(())?;
        }
        Ok(storm)
    }

    async fn handle(
        &self,
        _: ActorRef<()>,
        (): (),
        storm: &mut Arc<Storm>,
    ) -> Result<(), ActorProcessingErr> {
        storm.crash()
    }
}

/// Starts one component again whenever it fails. Each has one of its own, so that nobody has to
/// look up who has failed.
struct Supervisor;

type Guarded = (Arc<Storm>, u32);

async fn guard(me: ActorRef<()>, ward: &Guarded) -> Result<ActorRef<()>, ActorProcessingErr> {
    Ok(Actor::spawn_linked(None, Victim, ward.clone(), me.get_cell()).await?.0)
}

impl Actor for Supervisor {
    /// The first message, to be handed on.
    type Msg = ();
    type State = (Guarded, ActorRef<()>);
    type Arguments = Guarded;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        ward: Guarded,
    ) -> Result<Self::State, ActorProcessingErr> {
        let child = guard(me, &ward).await?;
        Ok((ward, child))
    }

    async fn handle(
        &self,
        _: ActorRef<()>,
        (): (),
        (_, child): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(child.cast(())?)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (ward, child): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            *child = guard(me, ward).await?;
        }
        Ok(())
    }
}

/// A ring on a runtime of so many workers.
fn ring(job: &Job, workers: u8) -> Measured {
    let (engine, tally) = (Engine::start(workers), Tally::new(job));
    let crew = start(&engine, job, &tally);
    for (one, next) in crew.iter().zip(crew.iter().cycle().skip(1)) {
        cast(one, Mail::Next(next.clone()));
    }
    let taken = job.circulate(&tally, |to, left| cast(&crew[to as usize], Mail::Token(left)));
    job.end((engine, crew));
    job.measured(&tally, taken)
}

impl Peer for Ractor {
    fn name(&self) -> &'static str {
        "ractor"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let (engine, tally) = (Engine::start(self.threads), Tally::new(job));
        let crew = start(&engine, job, &tally);
        let taken = job.drive(&tally, |to, word| cast(&crew[to as usize], Mail::Word(word)));
        job.end((engine, crew));
        Some(job.measured(&tally, taken))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        let (engine, tally) = (Engine::inside(job.components), Tally::new(job));
        let crew = start(&engine, job, &tally);
        let (others, share) = (crew.clone(), job.share(0));
        let producer = engine.run(Actor::spawn(None, Producer, (others, share)));
        let (producer, _) = producer.expect("it starts");
        let taken = job.set_off(&tally, || cast(&producer, ()));
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
        let crew = start(&engine, job, &tally);
        let spread = job.drive(&tally, |to, word| cast(&crew[to as usize], Mail::Word(word)));
        let asking = ask_all(crew.clone(), job.rounds());
        Some(engine.ask(job, &tally, spread, asking, crew))
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        let (tally, all, beginning) =
            (Tally::new(job), u64::from(job.components), Beginning::now());
        let engine = Engine::start(self.threads);
        let crew = start(&engine, job, &tally);
        let begun = job.begun(&tally, &beginning);
        let at = Instant::now();
        crew.iter().for_each(|actor| actor.stop(None));
        tally.down.wait(all, &job.label);
        let stop = at.elapsed();
        let at = Instant::now();
        let crew = start(&engine, job, &tally);
        let lives = begun.and_again(job, &tally, stop, at.elapsed());
        job.end((engine, crew));
        Some(lives)
    }

    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        let (engine, storm, all) = (Engine::start(self.threads), Storm::new(job), job.components);
        let mine = Arc::clone(&storm);
        let crew = engine.run(async move {
            let mut crew = Vec::new();
            for index in 0..all {
                let spawned = Actor::spawn(None, Supervisor, (Arc::clone(&mine), index)).await;
                crew.push(spawned.expect("it starts").0);
            }
            crew
        });
        let taken = storm.rage(job, |to| cast(&crew[to as usize], ()));
        drop(engine);
        Some(job.survived(&storm, taken))
    }
}
