//! What it takes at least: no names, no lives, no supervision, nothing held back.
//!
//! `floor-loop` calls boxed components in a plain loop, on one thread. `floor-channel` is one
//! unbounded channel with one consumer that calls them: what crosses a thread costs that much.
//! In both, one producer after the other or beside the other, as the job says.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::workload::{Counter, Job, Measured, Peer, Tally};

/// What a component is to the floors: behind a pointer, as everybody has them.
trait Handler: Send {
    fn handle(&mut self, word: u64);
    fn count(&self) -> u64;
}

impl Handler for Counter {
    fn handle(&mut self, word: u64) {
        Counter::handle(self, word);
    }

    fn count(&self) -> u64 {
        Counter::count(self)
    }
}

fn crew(job: &Job, tally: &Arc<Tally>) -> Vec<Box<dyn Handler>> {
    let boxed = |index| Box::new(Counter::new(tally, index)) as Box<dyn Handler>;
    (0..job.components).map(boxed).collect()
}

pub(crate) struct Loop;

impl Peer for Loop {
    fn name(&self) -> &'static str {
        "floor-loop"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let mut crew = crew(job, &tally);
        let begun = Instant::now();
        for producer in 0..job.producers {
            job.share(producer).for_each(|(to, word)| crew[to as usize].handle(word));
        }
        let taken = begun.elapsed();
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let mut crew = crew(job, &tally);
        let mut tokens: Vec<(u32, u64)> = job.tokens().collect();
        let begun = Instant::now();
        // Every token makes a hop in turn, as they do where each hop is a message.
        for _ in 0..=tokens[0].1 {
            for (at, left) in &mut tokens {
                crew[*at as usize].handle(*left);
                *at = if *at + 1 == job.components { 0 } else { *at + 1 };
                *left = left.saturating_sub(1);
            }
        }
        let taken = begun.elapsed();
        Some(job.measured(&tally, taken))
    }

    fn query_all(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let mut crew = crew(job, &tally);
        job.share(0).for_each(|(to, word)| crew[to as usize].handle(word));
        let (mut sum, mut answers) = (0, 0);
        let begun = Instant::now();
        for _ in 0..job.rounds() {
            sum += crew.iter().map(|component| component.count()).sum::<u64>();
            answers += crew.len() as u64;
        }
        Some(job.answered(sum, answers, begun.elapsed()))
    }
}

pub(crate) struct Channel;

enum Mail {
    Word(u32, u64),
    /// A number to be handed on until it is 0.
    Token(u32, u64),
    Count(u32, Sender<u64>),
}

/// Calls the components until nobody is left who could send anything.
fn consume(mut crew: Vec<Box<dyn Handler>>, mail: &Receiver<Mail>, ring: Option<Sender<Mail>>) {
    let mut ring = ring;
    while let Ok(mail) = mail.recv() {
        match mail {
            Mail::Word(to, word) => crew[to as usize].handle(word),
            Mail::Token(to, left) => {
                crew[to as usize].handle(left);
                let next = if to as usize + 1 == crew.len() { 0 } else { to + 1 };
                match (&ring, left.checked_sub(1)) {
                    (Some(ring), Some(left)) => put(ring, Mail::Token(next, left)),
                    // Its other tokens are in the channel, and make all the hops that are left.
                    _ => ring = ring.filter(|ring| !ring.is_empty()),
                }
            }
            Mail::Count(of, reply) => reply.send(crew[of as usize].count()).expect("it waits"),
        }
    }
}

fn put(to: &Sender<Mail>, mail: Mail) {
    to.send(mail).expect("the consumer is there");
}

impl Peer for Channel {
    fn name(&self) -> &'static str {
        "floor-channel"
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let (crew, (sender, mail)) = (crew(job, &tally), unbounded());
        let consumer = thread::spawn(move || consume(crew, &mail, None));
        let taken = job.drive(&tally, |to, word| put(&sender, Mail::Word(to, word)));
        drop(sender);
        consumer.join().expect("it ends");
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let (crew, (sender, mail)) = (crew(job, &tally), unbounded());
        let ring = sender.clone();
        let consumer = thread::spawn(move || consume(crew, &mail, Some(ring)));
        let taken = job.circulate(&tally, |to, left| put(&sender, Mail::Token(to, left)));
        drop(sender);
        consumer.join().expect("it ends");
        Some(job.measured(&tally, taken))
    }

    fn query_all(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let (crew, (sender, mail)) = (crew(job, &tally), unbounded());
        let consumer = thread::spawn(move || consume(crew, &mail, None));
        job.drive(&tally, |to, word| put(&sender, Mail::Word(to, word)));
        let (mut sum, mut answers) = (0, 0);
        let (reply, told) = unbounded();
        let begun = Instant::now();
        for _ in 0..job.rounds() {
            (0..job.components).for_each(|of| put(&sender, Mail::Count(of, reply.clone())));
            for count in told.iter().take(job.components as usize) {
                sum += count;
                answers += 1;
            }
        }
        let taken = begun.elapsed();
        drop(sender);
        consumer.join().expect("it ends");
        Some(job.answered(sum, answers, taken))
    }
}
