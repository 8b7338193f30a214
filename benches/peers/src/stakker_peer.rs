//! stakker: one actor a component, all on the calling thread.
//!
//! A call is a closure in a flat queue, so nothing is boxed and nothing is atomic. Sends across
//! threads are impossible: here the producer of `spread` is the thread that runs the actors, and
//! it does so whenever it has made a batch of calls. So its figures are to be held against
//! `floor-loop`, not against those who cross a thread. Two producers cannot be. Neither can a
//! storm of crashes: nothing catches a panic.
//!
//! A producer that is an actor makes its calls and then one to itself, which comes behind them.
//!
//! By default one thread of a process may use it; that is its fastest form.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use stakker::{Actor, ActorOwn, CX, Ret, Stakker, actor, call, ret, ret_nop, ret_some_do};

use crate::draw::Share;
use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::tally::{Counter, Tally};

/// Calls that are put in before they are carried out: few enough to stay in the cache.
const BATCH: usize = 1_024;

pub(crate) struct OnOneThread;

struct Life {
    counter: Counter,
    next: Option<Actor<Life>>,
}

impl Life {
    fn init(_: CX![], tally: Arc<Tally>, index: u32) -> Option<Self> {
        Some(Life { counter: Counter::new(&tally, index), next: None })
    }

    fn word(&mut self, _: CX![], word: u64) {
        self.counter.handle(word);
    }

    fn token(&mut self, _: CX![], left: u64) {
        self.counter.handle(left);
        if let (Some(next), Some(left)) = (&self.next, left.checked_sub(1)) {
            call!([next], token(left));
        }
    }

    fn next(&mut self, _: CX![], next: Actor<Life>) {
        self.next = Some(next);
    }

    fn count(&self, _: CX![], reply: Ret<u64>) {
        ret!([reply], self.counter.count());
    }

    fn stop(&mut self, cx: CX![]) {
        self.counter.stopped();
        cx.stop();
    }
}

type Crew = Vec<ActorOwn<Life>>;

/// An actor that sends to the others.
struct Producer {
    crew: Vec<Actor<Life>>,
    share: Share,
}

impl Producer {
    fn init(_: CX![], crew: Vec<Actor<Life>>, share: Share) -> Option<Self> {
        Some(Producer { crew, share })
    }

    fn go(&mut self, cx: CX![]) {
        let Producer { crew, share } = self;
        if share.send_chunk(|to, word| call!([crew[to as usize]], word(word))) {
            call!([cx], go());
        }
    }
}

/// Components that have all begun.
fn start(stakker: &mut Stakker, job: &Job, tally: &Arc<Tally>) -> Crew {
    let begin = |index| actor!(stakker, Life::init(Arc::clone(tally), index), ret_nop!());
    let crew = (0..job.components).map(begin).collect();
    stakker.run(Instant::now(), false);
    crew
}

/// Sends what producer 0 has to send, and runs the actors in between.
fn spread(stakker: &mut Stakker, job: &Job, crew: &Crew) {
    let mut messages = job.share(0).peekable();
    while messages.peek().is_some() {
        for (to, word) in messages.by_ref().take(BATCH) {
            call!([crew[to as usize]], word(word));
        }
        stakker.run(Instant::now(), false);
    }
}

impl Peer for OnOneThread {
    fn name(&self) -> &'static str {
        "stakker"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        if job.producers > 1 {
            return None;
        }
        let (mut stakker, tally) = (Stakker::new(Instant::now()), Tally::new(job));
        let crew = start(&mut stakker, job, &tally);
        let begun = Instant::now();
        spread(&mut stakker, job, &crew);
        let taken = begun.elapsed();
        Some(job.measured(&tally, taken))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        let (mut stakker, tally) = (Stakker::new(Instant::now()), Tally::new(job));
        let crew = start(&mut stakker, job, &tally);
        let actors = crew.iter().map(|actor| Actor::clone(actor)).collect();
        let stakker = &mut stakker;
        let producer = actor!(stakker, Producer::init(actors, job.share(0)), ret_nop!());
        stakker.run(Instant::now(), false);
        let taken = job.set_off(&tally, || {
            call!([producer], go());
            // Calls that a call brings about are carried out in the same run.
            stakker.run(Instant::now(), false);
        });
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        let (mut stakker, tally) = (Stakker::new(Instant::now()), Tally::new(job));
        let crew = start(&mut stakker, job, &tally);
        for (one, next) in crew.iter().zip(crew.iter().cycle().skip(1)) {
            let next = Actor::clone(next);
            call!([one], next(next));
        }
        stakker.run(Instant::now(), false);
        let begun = Instant::now();
        job.tokens().for_each(|(to, left)| call!([crew[to as usize]], token(left)));
        // Calls that a call brings about are carried out in the same run.
        stakker.run(Instant::now(), false);
        let taken = begun.elapsed();
        Some(job.measured(&tally, taken))
    }

    fn query_all(&self, job: &Job) -> Option<Asked> {
        let (mut stakker, tally) = (Stakker::new(Instant::now()), Tally::new(job));
        let crew = start(&mut stakker, job, &tally);
        let begun = Instant::now();
        spread(&mut stakker, job, &crew);
        let spread = job.measured(&tally, begun.elapsed());
        let told = Rc::new(Cell::new((0, 0)));
        let begun = Instant::now();
        for _ in 0..job.rounds() {
            for actor in &crew {
                let told = Rc::clone(&told);
                let reply = ret_some_do!(move |count: u64| {
                    let (sum, answers) = told.get();
                    told.set((sum + count, answers + 1));
                });
                call!([actor], count(reply));
            }
            stakker.run(Instant::now(), false);
        }
        let taken = begun.elapsed();
        let (sum, answers) = told.get();
        Some(job.answered(spread, sum, answers, taken))
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        let (tally, beginning) = (Tally::new(job), Beginning::now());
        let mut stakker = Stakker::new(Instant::now());
        let crew = start(&mut stakker, job, &tally);
        let begun = job.begun(&tally, &beginning);
        let at = Instant::now();
        crew.iter().for_each(|actor| call!([actor], stop()));
        stakker.run(Instant::now(), false);
        drop(crew);
        let stop = at.elapsed();
        let at = Instant::now();
        let crew = start(&mut stakker, job, &tally);
        let lives = begun.and_again(job, &tally, stop, at.elapsed());
        job.end((crew, stakker));
        Some(lives)
    }
}
