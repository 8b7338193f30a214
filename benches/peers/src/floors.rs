//! What it takes at least: no names, no lives, no supervision, nothing held back.
//!
//! `floor-loop` calls boxed components in a plain loop, on one thread. `floor-channel` is one
//! unbounded channel with one consumer that calls them: what crosses a thread costs that much.
//! In both, one producer after the other or beside the other, as the job says. In a ring on two
//! threads there are two such channels, and each hop is from one to the other.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::job::Job;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured, Peer};
use crate::tally::{Counter, Tally};

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

type Crew = Vec<Box<dyn Handler>>;

fn crew(job: &Job, tally: &Arc<Tally>) -> Crew {
    of_indices(0..job.components, tally)
}

fn of_indices(indices: impl Iterator<Item = u32>, tally: &Arc<Tally>) -> Crew {
    indices.map(|index| Box::new(Counter::new(tally, index)) as Box<dyn Handler>).collect()
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

    /// Whoever sends is on the thread of the others.
    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        self.spread(job)
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        let (tally, beginning) = (Tally::new(job), Beginning::now());
        let crew = crew(job, &tally);
        let begun = job.begun(&tally, &beginning);
        drop(crew);
        Some(begun)
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

    fn query_all(&self, job: &Job) -> Option<Asked> {
        let tally = Tally::new(job);
        let mut crew = crew(job, &tally);
        let begun = Instant::now();
        job.share(0).for_each(|(to, word)| crew[to as usize].handle(word));
        let spread = job.measured(&tally, begun.elapsed());
        let (mut sum, mut answers) = (0, 0);
        let begun = Instant::now();
        for _ in 0..job.rounds() {
            sum += crew.iter().map(|component| component.count()).sum::<u64>();
            answers += crew.len() as u64;
        }
        Some(job.answered(spread, sum, answers, begun.elapsed()))
    }
}

pub(crate) struct Channel;

enum Mail {
    Word(u32, u64),
    /// A number to be handed on until it is 0.
    Token(u32, u64),
    Count(u32, Sender<u64>),
    /// Nothing more comes.
    End,
}

/// Calls the components that share a thread.
struct Consumer {
    crew: Crew,
    mail: Receiver<Mail>,
    /// By how many bits an index is more than a place in the crew.
    shift: u32,
    /// Where tokens go on, and how many components there are in their ring.
    ring: Option<(Sender<Mail>, u32)>,
}

impl Consumer {
    fn run(mut self) {
        while let Ok(mail) = self.mail.recv() {
            match mail {
                Mail::Word(to, word) => self.crew[(to >> self.shift) as usize].handle(word),
                Mail::Token(to, left) => {
                    self.crew[(to >> self.shift) as usize].handle(left);
                    if let (Some((ring, all)), Some(left)) = (&self.ring, left.checked_sub(1)) {
                        let next = if to + 1 == *all { 0 } else { to + 1 };
                        put(ring, Mail::Token(next, left));
                    }
                }
                Mail::Count(of, reply) => {
                    let count = self.crew[(of >> self.shift) as usize].count();
                    reply.send(count).expect("it waits");
                }
                Mail::End => return,
            }
        }
    }
}

/// All components on one thread. What they are handed on goes through the same channel.
fn consume(job: &Job, tally: &Arc<Tally>) -> (Sender<Mail>, JoinHandle<()>) {
    let (sender, mail) = unbounded();
    let ring = Some((sender.clone(), job.components));
    let consumer = Consumer { crew: crew(job, tally), mail, shift: 0, ring };
    (sender, thread::spawn(move || consumer.run()))
}

/// Ends it, when it has done all that it was sent.
fn end((sender, consumer): (Sender<Mail>, JoinHandle<()>)) {
    put(&sender, Mail::End);
    consumer.join().expect("it ends");
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
        let (sender, consumer) = consume(job, &tally);
        let taken = job.drive(&tally, |to, word| put(&sender, Mail::Word(to, word)));
        end((sender, consumer));
        Some(job.measured(&tally, taken))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let (sender, consumer) = consume(job, &tally);
        let taken = job.circulate(&tally, |to, left| put(&sender, Mail::Token(to, left)));
        end((sender, consumer));
        Some(job.measured(&tally, taken))
    }

    fn ring_of_two(&self, job: &Job) -> Option<Measured> {
        let tally = Tally::new(job);
        let (even, evens) = unbounded();
        let (odd, odds) = unbounded();
        let consumer = |first: u32, mail, next: &Sender<Mail>| {
            let crew = of_indices((first..job.components).step_by(2), &tally);
            let ring = Some((next.clone(), job.components));
            let consumer = Consumer { crew, mail, shift: 1, ring };
            thread::spawn(move || consumer.run())
        };
        let consumers = [consumer(0, evens, &odd), consumer(1, odds, &even)];
        let ways = [even, odd];
        let way = |to: u32| &ways[(to & 1) as usize];
        let taken = job.circulate(&tally, |to, left| put(way(to), Mail::Token(to, left)));
        ways.into_iter().zip(consumers).for_each(end);
        Some(job.measured(&tally, taken))
    }

    fn query_all(&self, job: &Job) -> Option<Asked> {
        let tally = Tally::new(job);
        let (sender, consumer) = consume(job, &tally);
        let spread = job.drive(&tally, |to, word| put(&sender, Mail::Word(to, word)));
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
        end((sender, consumer));
        let spread = job.measured(&tally, spread);
        Some(job.answered(spread, sum, answers, taken))
    }
}
