//! Bare tokio: one task and one unbounded channel a component.
//!
//! The channel's send is synchronous, so a producer needs no runtime; what a component is asked
//! comes as a variant of what its channel carries, so nothing is boxed. There is no supervision:
//! whoever wants a task back after a panic joins it and spawns it anew, with a new channel.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::draw::Share;
use crate::engine::Engine;
use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::storm::Storm;
use crate::tally::{Counter, Tally};

pub(crate) struct Tokio {
    /// Workers of the runtime.
    pub(crate) threads: u8,
}

enum Mail {
    Word(u64),
    /// A number to be handed on until it is 0.
    Token(u64),
    /// Who is next in the ring.
    Next(UnboundedSender<Mail>),
    Count(oneshot::Sender<u64>),
}

/// A component's life. It ends in order when nobody can send it anything any more.
async fn live(tally: Arc<Tally>, index: u32, mut inbox: UnboundedReceiver<Mail>) {
    let mut counter = Counter::new(&tally, index);
    let mut next = None;
    while let Some(mail) = inbox.recv().await {
        match mail {
            Mail::Word(word) => counter.handle(word),
            Mail::Token(left) => {
                counter.handle(left);
                if let (Some(next), Some(left)) = (&next, left.checked_sub(1)) {
                    send(next, Mail::Token(left));
                }
            }
            Mail::Next(sender) => next = Some(sender),
            Mail::Count(reply) => reply.send(counter.count()).expect("somebody waits"),
        }
    }
    counter.stopped();
}

fn send<T>(to: &UnboundedSender<T>, mail: T) {
    assert!(to.send(mail).is_ok(), "the task is there");
}

type Crew = Vec<UnboundedSender<Mail>>;

/// Components that have all begun.
fn start(engine: &Engine, job: &Job, tally: &Arc<Tally>, goal: u64) -> Crew {
    let (components, mine) = (job.components, Arc::clone(tally));
    let crew = engine.run(async move { (0..components).map(|at| spawn(&mine, at)).collect() });
    tally.up.wait(goal, &job.label);
    crew
}

fn spawn(tally: &Arc<Tally>, index: u32) -> UnboundedSender<Mail> {
    let (sender, inbox) = unbounded_channel();
    tokio::spawn(live(Arc::clone(tally), index, inbox));
    sender
}

/// A task that sends to the others, and lets them have their turn after each chunk.
async fn produce(crew: Crew, mut share: Share) {
    while share.send_chunk(|to, word| send(&crew[to as usize], Mail::Word(word))) {
        tokio::task::yield_now().await;
    }
}

async fn ask_all(crew: Crew, rounds: u64) -> (u64, u64) {
    let (mut sum, mut answers) = (0, 0);
    for _ in 0..rounds {
        let ask = |to| {
            let (reply, answer) = oneshot::channel();
            send(to, Mail::Count(reply));
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

/// A life that ends with its first message.
async fn crash(
    storm: Arc<Storm>,
    index: u32,
    me: UnboundedSender<()>,
    inbox: UnboundedReceiver<()>,
) {
    let mut inbox = inbox;
    if storm.up(index) {
        send(&me, ());
    }
    drop(me);
    if inbox.recv().await.is_some() {
        storm.crash();
    }
}

/// Spawns the component again as long as it panics.
async fn supervise(storm: Arc<Storm>, index: u32, first: UnboundedReceiver<()>) {
    let (me, _) = unbounded_channel();
    let mut life = tokio::spawn(crash(Arc::clone(&storm), index, me, first));
    while life.await.is_err() {
        let (me, inbox) = unbounded_channel();
        life = tokio::spawn(crash(Arc::clone(&storm), index, me, inbox));
    }
}

/// A ring on a runtime of so many workers.
fn ring(job: &Job, workers: u8) -> Measured {
    let (engine, tally) = (Engine::start(workers), Tally::new(job));
    let crew = start(&engine, job, &tally, u64::from(job.components));
    for (one, next) in crew.iter().zip(crew.iter().cycle().skip(1)) {
        send(one, Mail::Next(next.clone()));
    }
    let taken = job.circulate(&tally, |to, left| send(&crew[to as usize], Mail::Token(left)));
    job.end((engine, crew));
    job.measured(&tally, taken)
}

impl Peer for Tokio {
    fn name(&self) -> &'static str {
        "tokio"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let (engine, tally) = (Engine::start(self.threads), Tally::new(job));
        let crew = start(&engine, job, &tally, u64::from(job.components));
        let taken = job.drive(&tally, |to, word| send(&crew[to as usize], Mail::Word(word)));
        job.end((engine, crew));
        Some(job.measured(&tally, taken))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        let (engine, tally) = (Engine::inside(job.components), Tally::new(job));
        let crew = start(&engine, job, &tally, u64::from(job.components));
        let (others, share) = (crew.clone(), job.share(0));
        let taken = job.set_off(&tally, || engine.begin(produce(others, share)));
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
        let spread = job.drive(&tally, |to, word| send(&crew[to as usize], Mail::Word(word)));
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
        drop(crew);
        tally.down.wait(all, &job.label);
        let stop = at.elapsed();
        let at = Instant::now();
        let crew = start(&engine, job, &tally, 2 * all);
        let lives = begun.and_again(job, &tally, stop, at.elapsed());
        job.end((engine, crew));
        Some(lives)
    }

    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        let (engine, storm, all) = (Engine::start(self.threads), Storm::new(job), job.components);
        let mine = Arc::clone(&storm);
        let crew: Vec<_> = engine.run(async move {
            let spawn = |index| {
                let (sender, inbox) = unbounded_channel();
                tokio::spawn(supervise(Arc::clone(&mine), index, inbox));
                sender
            };
            (0..all).map(spawn).collect()
        });
        let taken = storm.rage(job, |to| send(&crew[to as usize], ()));
        drop(engine);
        Some(job.survived(&storm, taken))
    }
}
