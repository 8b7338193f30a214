//! What it takes at least: the same components, with no names, no lives and no supervision.
//!
//! The plain loop draws a receiver and calls it, on one thread. The channel is one unbounded
//! crossbeam channel with one thread that sends and one that calls the components: what crosses a
//! thread costs that much.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::context::{Context, Delivery, Hostless, Identity, LifeNotes};
use contract::control::Refusal;
use contract::effect::Asked;
use contract::{Clock, Component, ComponentId, Generation, Message};
use crossbeam_channel::unbounded;

use crate::crew::drive;
use crate::job::{Counter, Job, Tally};
use crate::worker::{Worker, message};

/// Components as everybody has them: behind a pointer.
struct Boxed {
    components: Vec<Box<dyn Component>>,
    place: Hostless,
    life: LifeNotes,
    asked: Asked,
}

impl Boxed {
    fn new(job: &Job, tally: &Arc<Tally>) -> Self {
        let boxed = |index| {
            let worker = Worker { counter: Counter::new(tally, index), delays: None };
            Box::new(worker) as Box<dyn Component>
        };
        let components = (0..job.components).map(boxed).collect();
        let (place, life) = (Hostless::new("floor"), LifeNotes::new(Generation(1)));
        Boxed { components, place, life, asked: Asked::default() }
    }

    #[inline]
    fn call(&mut self, to: u32, message: &Message) {
        let Boxed { components, place, life, asked } = self;
        let identity = Identity { id: ComponentId::new(0, 0), place, life };
        let clock = Clock::default();
        let mut cx = Context::new(&clock, Delivery::NONE, identity, asked);
        components[to as usize].message(message, &mut cx).expect("it knows what it is sent");
    }
}

/// The plain loop.
pub(crate) struct Loop {
    boxed: Boxed,
    job: Arc<Job>,
    tally: Arc<Tally>,
}

impl Loop {
    pub(crate) fn new(job: &Arc<Job>) -> Self {
        let tally = Tally::new(job);
        Loop { boxed: Boxed::new(job, &tally), job: Arc::clone(job), tally }
    }

    /// Does the job once, one producer after the other.
    ///
    /// # Errors
    /// Those of [`Tally::settle`].
    pub(crate) fn run(&mut self) -> Result<Duration, Refusal> {
        let payload = self.job.workload.payload;
        let begun = Instant::now();
        for number in 0..self.job.workload.producers {
            for (to, word) in self.job.share(number) {
                self.boxed.call(to, &message(word, payload));
            }
        }
        let taken = begun.elapsed();
        self.tally.settle(None)?;
        Ok(taken)
    }
}

/// The channel.
pub(crate) struct Channel {
    boxed: Boxed,
    job: Arc<Job>,
    tally: Arc<Tally>,
}

impl Channel {
    pub(crate) fn new(job: &Arc<Job>) -> Self {
        let tally = Tally::new(job);
        Channel { boxed: Boxed::new(job, &tally), job: Arc::clone(job), tally }
    }

    /// Does the job once, each producer on a thread of its own.
    ///
    /// # Errors
    /// Those of [`drive`].
    pub(crate) fn run(&mut self) -> Result<Duration, Refusal> {
        let Channel { boxed, job, tally } = self;
        let (sender, mail) = unbounded::<(u32, Message)>();
        std::thread::scope(|scope| {
            scope.spawn(move || mail.iter().for_each(|(to, message)| boxed.call(to, &message)));
            let payload = job.workload.payload;
            let taken = drive(job, tally, None, |number| {
                let (sender, share) = (sender.clone(), job.share(number));
                move || {
                    let begun = Instant::now();
                    for (to, word) in share {
                        sender.send((to, message(word, payload))).expect("somebody receives");
                    }
                    begun
                }
            });
            drop(sender);
            taken
        })
    }
}
