//! One run of one workload, the same for everybody: what is to be done, and what must come of it.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::draw::Share;
use crate::memory::Beginning;
use crate::peer::{Asked, Lives, Measured};
use crate::storm::Storm;
use crate::tally::{Tally, mixed};

/// Tokens that go round in a ring.
pub(crate) const TOKENS: u64 = 64;

/// One run of one workload for one peer.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Peer and workload, for whoever has to say that it went wrong.
    pub(crate) label: String,
    pub(crate) components: u32,
    /// Messages, hops, or what each component crashes.
    pub(crate) operations: u64,
    pub(crate) producers: u32,
    /// Tokens of a ring.
    tokens: u64,
    /// How many messages each component gets.
    pub(crate) quotas: Arc<[u64]>,
    /// What the components are to be in the end.
    hash: u64,
    /// Whether the process ends when it is done.
    pub(crate) is_last: bool,
}

impl Job {
    /// `messages` to random components, from `producers` threads.
    pub(crate) fn spread(label: &str, components: u32, messages: u64, producers: u32) -> Self {
        let mut job = Job::bare(label, components, messages);
        job.producers = producers;
        let shares: Vec<_> = (0..producers).map(|number| job.share(number)).collect();
        job.expect(shares.into_iter().flatten());
        job
    }

    /// `tokens` that go round `hops` times each, among `components`.
    pub(crate) fn ring(label: &str, components: u32, tokens: u64, hops: u64) -> Self {
        let mut job = Job::bare(label, components, tokens * hops);
        job.tokens = tokens;
        let hops = job.hops();
        job.expect(hops);
        job
    }

    /// One round for each component: it is asked, restarted, or crashes so many times.
    pub(crate) fn bare(label: &str, components: u32, operations: u64) -> Self {
        let (label, quotas) = (format!("{label}, {components} components"), Arc::from([]));
        Job {
            label,
            components,
            operations,
            producers: 1,
            tokens: 0,
            quotas,
            hash: 0,
            is_last: false,
        }
    }

    /// What producer `number` sends, and to whom.
    pub(crate) fn share(&self, number: u32) -> Share {
        let producers = u64::from(self.producers);
        let odd = u64::from(u64::from(number) < self.operations % producers);
        Share::new(number, self.components, self.operations / producers + odd)
    }

    /// Where each token begins, and how many hops it has left after that one.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (u32, u64)> + use<> {
        let (tokens, components) = (self.tokens, u64::from(self.components));
        let left = self.operations / tokens.max(1) - 1;
        (0..tokens).map(move |token| ((token * components / tokens) as u32, left))
    }

    /// Every hop of every token: who gets it, and how many it has left.
    pub(crate) fn hops(&self) -> impl Iterator<Item = (u32, u64)> + use<> {
        let components = u64::from(self.components);
        self.tokens().flat_map(move |(from, left)| {
            (0..=left).map(move |hop| {
                let to = (u64::from(from) + hop) % components;
                (to as u32, left - hop)
            })
        })
    }

    /// How often everybody is asked, so that there is something to measure.
    pub(crate) fn rounds(&self) -> u64 {
        (self.operations / u64::from(self.components)).max(1)
    }

    fn expect(&mut self, messages: impl Iterator<Item = (u32, u64)>) {
        let mut ends = vec![(0_u64, 0_u64); self.components as usize];
        for (to, word) in messages {
            let (count, sum) = &mut ends[to as usize];
            *count += 1;
            *sum = sum.wrapping_add(word);
        }
        self.quotas = ends.iter().map(|(count, _)| *count).collect();
        let hashes = (0..).zip(&ends).filter(|(_, (count, _))| *count > 0);
        self.hash = hashes.fold(0, |hash: u64, (index, (_, sum))| {
            hash.wrapping_add(mixed(index, *sum)) //
        });
    }

    /// Components that get anything at all.
    fn busy(&self) -> u64 {
        self.quotas.iter().filter(|quota| **quota > 0).count() as u64
    }

    /// Has the producers send, each on a thread of its own, and waits until everything was
    /// handled. Tells the time from the first send on.
    pub(crate) fn drive(&self, tally: &Tally, send: impl Fn(u32, u64) + Sync) -> Duration {
        self.drive_each(tally, || |to, word| send(to, word))
    }

    /// The same, for producers that each have a sender of their own: it is made before the first
    /// send, and dropped after the last.
    pub(crate) fn drive_each<S: FnMut(u32, u64)>(
        &self,
        tally: &Tally,
        sender: impl Fn() -> S + Sync,
    ) -> Duration {
        let gate = Barrier::new(self.producers as usize);
        let produce = |number| {
            let mut send = sender();
            gate.wait();
            let begun = Instant::now();
            self.share(number).for_each(|(to, word)| send(to, word));
            begun
        };
        thread::scope(|scope| {
            let produce = &produce;
            let producers: Vec<_> =
                (0..self.producers).map(|number| scope.spawn(move || produce(number))).collect();
            tally.handled.wait(self.busy(), &self.label);
            let ended = Instant::now();
            let begun = producers.into_iter().map(|producer| producer.join().expect("it sends"));
            ended - begun.min().expect("there is a producer")
        })
    }

    /// Puts the tokens in, and waits until all hops were made.
    pub(crate) fn circulate(&self, tally: &Tally, mut put: impl FnMut(u32, u64)) -> Duration {
        let begun = Instant::now();
        self.tokens().for_each(|(to, left)| put(to, left));
        tally.handled.wait(self.busy(), &self.label);
        begun.elapsed()
    }

    /// Has a producer that is a component begin, and waits until everything was handled.
    pub(crate) fn set_off(&self, tally: &Tally, go: impl FnOnce()) -> Duration {
        let begun = Instant::now();
        go();
        tally.handled.wait(self.busy(), &self.label);
        begun.elapsed()
    }

    /// Checks what was handled. To be called when nothing can be handled any more.
    #[track_caller]
    pub(crate) fn measured(&self, tally: &Tally, taken: Duration) -> Measured {
        let (total, hash) = tally.told();
        assert_eq!(total, self.operations, "{}: messages handled", self.label);
        assert_eq!(hash, self.hash, "{}: what was in the messages", self.label);
        Measured { operations: total, taken, hash }
    }

    /// Checks the answers to `rounds` of asking everybody: the sum of what they have counted, and
    /// how many there were. Before, everybody was sent something.
    #[track_caller]
    pub(crate) fn answered(
        &self,
        spread: Measured,
        sum: u64,
        answers: u64,
        taken: Duration,
    ) -> Asked {
        let asked = self.rounds() * u64::from(self.components);
        assert_eq!(answers, asked, "{}: answers", self.label);
        assert_eq!(sum, self.rounds() * self.operations, "{}: what they had counted", self.label);
        let answers = Measured { operations: answers, taken, hash: mixed(0, sum) };
        Asked { spread, answers }
    }

    /// Checks that everybody was stopped and started again, once.
    #[track_caller]
    pub(crate) fn restarted(&self, tally: &Tally, taken: Duration) -> Measured {
        self.lives(2, tally.up.count(), 1, tally.down.count(), taken)
    }

    /// Checks that everybody has begun, once.
    #[track_caller]
    pub(crate) fn begun(&self, tally: &Tally, beginning: &Beginning) -> Lives {
        let (taken, bytes) = (beginning.elapsed(), beginning.grown());
        let starts = self.lives(1, tally.up.count(), 0, tally.down.count(), taken);
        Lives { starts, bytes, again: None }
    }

    /// Ends what carried the components: with the process, where that ends next, for it would take
    /// as long as what is measured.
    pub(crate) fn end<T>(&self, carrier: T) {
        if self.is_last { std::mem::forget(carrier) } else { drop(carrier) }
    }

    /// Checks that everybody has begun so many lives and ended so many.
    #[track_caller]
    pub(crate) fn lives(
        &self,
        begun: u64,
        up: u64,
        ended: u64,
        down: u64,
        taken: Duration,
    ) -> Measured {
        let once = u64::from(self.components);
        assert_eq!((up, down), (begun * once, ended * once), "{}: starts and stops", self.label);
        Measured { operations: once, taken, hash: mixed(up as u32, down) }
    }

    /// Checks that everybody crashed as often as it was to, and was started again each time.
    #[track_caller]
    pub(crate) fn survived(&self, storm: &Storm, taken: Duration) -> Measured {
        let (crashes, starts) = storm.told();
        assert_eq!(crashes, self.operations, "{}: crashes", self.label);
        let each = self.rounds() + 1;
        assert!(starts.iter().all(|it| *it == each), "{}: starts {starts:?}", self.label);
        let hash = (0..).zip(&starts).fold(0_u64, |hash, (at, it)| hash ^ mixed(at, *it));
        Measured { operations: crashes, taken, hash }
    }
}
