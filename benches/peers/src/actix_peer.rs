//! actix: one actor a component, all on the arbiter of one system, which has a thread; in a ring on
//! two threads, there is a second arbiter, which has every other component.
//!
//! `do_send` is its cheapest send: synchronous, past the limit of the mailbox. Questions are
//! asked with `send` from a task on the same arbiter, all before the first answer is waited for.
//! A restart is the `Supervisor`'s, which keeps mailbox and address. That supervisor does not
//! outlive a panic, so in a storm of crashes the handler catches it and stops its context, and the
//! supervisor restarts that. Where all are to be down before any is started, there is no supervisor.
//!
//! A producer that is an actor goes on when a task of its own has yielded. With 10,000 others or
//! more it is faster to send itself a message after each chunk: an actor looks into its mailbox
//! some hundred times before it is another's turn, so the others find more in theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use actix::prelude::*;

use crate::draw::Share;
use crate::engine::MANY;
use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::storm::Storm;
use crate::tally::{Counter, Tally};

pub(crate) struct Actix;

/// A system on a thread of its own.
struct Carrier {
    system: System,
    /// Until it is over.
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    fn start() -> Self {
        let (sender, system) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runner = System::new();
            sender.send(System::current()).expect("somebody waits");
            runner.run().expect("it ends as it is told");
        });
        Carrier { system: system.recv().expect("it starts"), thread: Some(thread) }
    }

    /// Does `work` on the arbiter's thread, and waits for it.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, is_done) = mpsc::channel();
        let sent = self.system.arbiter().spawn_fn(move || {
            let _ = done.send(work());
        });
        assert!(sent, "the arbiter is there");
        is_done.recv().expect("the work does not panic")
    }

    /// A second arbiter.
    fn second(&self) -> Arbiter {
        self.run(Arbiter::new)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.system.stop();
        let thread = self.thread.take().expect("it is dropped once");
        thread.join().expect("no panic comes through");
    }
}

struct Life {
    /// None before the first start.
    counter: Option<Counter>,
    tally: Arc<Tally>,
    index: u32,
    next: Option<Addr<Life>>,
}

impl Life {
    fn handle(&mut self, word: u64) {
        if let Some(counter) = &mut self.counter {
            counter.handle(word);
        }
    }
}

impl Actor for Life {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(0);
        self.counter = Some(Counter::new(&self.tally, self.index));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(counter) = self.counter.take() {
            counter.stopped();
        }
    }
}

impl Supervised for Life {}

struct Word(u64);
/// A number to be handed on until it is 0.
struct Token(u64);
/// Who is next in the ring.
struct Next(Addr<Life>);
struct Count;
struct Stop;

impl Message for Word {
    type Result = ();
}

impl Message for Token {
    type Result = ();
}

impl Message for Next {
    type Result = ();
}

impl Message for Count {
    type Result = u64;
}

impl Message for Stop {
    type Result = ();
}

impl Handler<Word> for Life {
    type Result = ();

    fn handle(&mut self, Word(word): Word, _: &mut Self::Context) {
        self.handle(word);
    }
}

impl Handler<Token> for Life {
    type Result = ();

    fn handle(&mut self, Token(left): Token, _: &mut Self::Context) {
        self.handle(left);
        if let (Some(next), Some(left)) = (&self.next, left.checked_sub(1)) {
            next.do_send(Token(left));
        }
    }
}

impl Handler<Next> for Life {
    type Result = ();

    fn handle(&mut self, Next(next): Next, _: &mut Self::Context) {
        self.next = Some(next);
    }
}

impl Handler<Count> for Life {
    type Result = u64;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> u64 {
        self.counter.as_ref().map_or(0, Counter::count)
    }
}

impl Handler<Stop> for Life {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

type Crew = Vec<Addr<Life>>;

/// Components that have all begun, each of them put on its feet by `begin`.
fn start(carrier: &Carrier, job: &Job, tally: &Arc<Tally>, begin: fn(Life) -> Addr<Life>) -> Crew {
    let (components, mine) = (job.components, Arc::clone(tally));
    let life = move |index| Life { counter: None, tally: Arc::clone(&mine), index, next: None };
    let crew = carrier.run(move || (0..components).map(|index| begin(life(index))).collect());
    tally.up.wait(u64::from(components), &job.label);
    crew
}

/// Asks everybody, on the arbiter, and tells sum and number of the answers.
fn ask_all(carrier: &Carrier, crew: Crew, rounds: u64) -> (u64, u64) {
    let (done, is_done) = mpsc::channel();
    let asking = async move {
        let (mut sum, mut answers) = (0, 0);
        for _ in 0..rounds {
            let asked: Vec<_> = crew.iter().map(|to| to.send(Count)).collect();
            for answer in asked {
                sum += answer.await.expect("it answers");
                answers += 1;
            }
        }
        let _ = done.send((sum, answers));
    };
    assert!(carrier.system.arbiter().spawn(asking), "the arbiter is there");
    is_done.recv().expect("the task does not panic")
}

/// An actor that sends to the others.
struct Producer {
    crew: Crew,
    share: Share,
}

struct Go;

impl Message for Go {
    type Result = ();
}

impl Actor for Producer {
    type Context = Context<Self>;
}

impl Handler<Go> for Producer {
    type Result = ();

    fn handle(&mut self, _: Go, ctx: &mut Self::Context) {
        let Producer { crew, share } = self;
        if !share.send_chunk(|to, word| crew[to as usize].do_send(Word(word))) {
            return;
        }
        if crew.len() < MANY as usize {
            let pause = tokio::task::yield_now().into_actor(self);
            ctx.spawn(pause.map(|(), _, ctx| ctx.notify(Go)));
        } else {
            ctx.address().do_send(Go);
        }
    }
}

/// A component that crashes.
struct Victim {
    storm: Arc<Storm>,
    index: u32,
}

struct Crash;

impl Message for Crash {
    type Result = ();
}

impl Actor for Victim {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.storm.up(self.index) {
            ctx.address().do_send(Crash);
        }
    }
}

impl Supervised for Victim {}

impl Handler<Crash> for Victim {
    type Result = ();

    fn handle(&mut self, _: Crash, ctx: &mut Self::Context) {
        if catch_unwind(AssertUnwindSafe(|| self.storm.crash())).is_err() {
            ctx.stop();
        }
    }
}

impl Peer for Actix {
    fn name(&self) -> &'static str {
        "actix"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let (carrier, tally) = (Carrier::start(), Tally::new(job));
        let crew = start(&carrier, job, &tally, Life::start);
        let taken = job.drive(&tally, |to, word| crew[to as usize].do_send(Word(word)));
        job.end((carrier, crew));
        Some(job.measured(&tally, taken))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        let (carrier, tally) = (Carrier::start(), Tally::new(job));
        let crew = start(&carrier, job, &tally, Life::start);
        let producer = Producer { crew: crew.clone(), share: job.share(0) };
        let producer = carrier.run(|| producer.start());
        let taken = job.set_off(&tally, || producer.do_send(Go));
        job.end((carrier, crew));
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        let (carrier, tally) = (Carrier::start(), Tally::new(job));
        let crew = start(&carrier, job, &tally, Life::start);
        for (one, next) in crew.iter().zip(crew.iter().cycle().skip(1)) {
            one.do_send(Next(next.clone()));
        }
        let taken = job.circulate(&tally, |to, left| crew[to as usize].do_send(Token(left)));
        job.end((carrier, crew));
        Some(job.measured(&tally, taken))
    }

    fn ring_of_two(&self, job: &Job) -> Option<Measured> {
        let (carrier, tally) = (Carrier::start(), Tally::new(job));
        let second = carrier.second();
        let arbiters = [carrier.system.arbiter().clone(), second.handle()];
        let begin = |index| {
            let life = Life { counter: None, tally: Arc::clone(&tally), index, next: None };
            let arbiter = &arbiters[index as usize % arbiters.len()];
            Life::start_in_arbiter(arbiter, |_| life)
        };
        let crew: Crew = (0..job.components).map(begin).collect();
        tally.up.wait(u64::from(job.components), &job.label);
        for (one, next) in crew.iter().zip(crew.iter().cycle().skip(1)) {
            one.do_send(Next(next.clone()));
        }
        let taken = job.circulate(&tally, |to, left| crew[to as usize].do_send(Token(left)));
        drop(carrier);
        second.join().expect("no panic comes through");
        Some(job.measured(&tally, taken))
    }

    fn query_all(&self, job: &Job) -> Option<Asked> {
        let (carrier, tally) = (Carrier::start(), Tally::new(job));
        let crew = start(&carrier, job, &tally, Life::start);
        let spread = job.drive(&tally, |to, word| crew[to as usize].do_send(Word(word)));
        let asked = crew.clone();
        let begun = Instant::now();
        let (sum, answers) = ask_all(&carrier, asked, job.rounds());
        let taken = begun.elapsed();
        job.end((carrier, crew));
        let spread = job.measured(&tally, spread);
        Some(job.answered(spread, sum, answers, taken))
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        let (tally, all, beginning) =
            (Tally::new(job), u64::from(job.components), Beginning::now());
        let carrier = Carrier::start();
        let crew = start(&carrier, job, &tally, Life::start);
        let begun = job.begun(&tally, &beginning);
        let at = Instant::now();
        crew.iter().for_each(|actor| actor.do_send(Stop));
        tally.down.wait(all, &job.label);
        let stop = at.elapsed();
        let at = Instant::now();
        let crew = start(&carrier, job, &tally, Life::start);
        tally.up.wait(2 * all, &job.label);
        let lives = begun.and_again(job, &tally, stop, at.elapsed());
        job.end((carrier, crew));
        Some(lives)
    }

    fn restart_all(&self, job: &Job) -> Option<Measured> {
        let (carrier, tally, all) = (Carrier::start(), Tally::new(job), u64::from(job.components));
        let begin = |life| actix::Supervisor::start(|_| life);
        let crew = start(&carrier, job, &tally, begin);
        let begun = Instant::now();
        crew.iter().for_each(|actor| actor.do_send(Stop));
        tally.down.wait(all, &job.label);
        tally.up.wait(2 * all, &job.label);
        let measured = job.restarted(&tally, begun.elapsed());
        job.end((carrier, crew));
        Some(measured)
    }

    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        let (carrier, storm, all) = (Carrier::start(), Storm::new(job), job.components);
        let mine = Arc::clone(&storm);
        let begin = move |index| {
            let victim = Victim { storm: Arc::clone(&mine), index };
            actix::Supervisor::start(|_| victim)
        };
        let crew: Vec<_> = carrier.run(move || (0..all).map(begin).collect());
        let taken = storm.rage(job, |to| crew[to as usize].do_send(Crash));
        job.end((carrier, crew));
        Some(job.survived(&storm, taken))
    }
}
