//! The workloads, the same for everybody: what is to be done, what must come of it, and how it
//! is known that everything was done.
//!
//! Nobody asks the components whether they are done, for that would be measured too. It is known
//! beforehand how many messages each of them gets: whoever has got its last one says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::gauge::Gauge;
use crate::memory::Beginning;

/// Tokens that go round in a ring.
pub(crate) const TOKENS: u64 = 64;
/// A producer that is a component sends so many messages, and then lets the others have their turn.
pub(crate) const CHUNK: usize = 256;
/// What a component panics with in a storm of crashes; the panic hook says nothing about it.
pub(crate) const STORM: &str = "a crash that was asked for";

/// Somebody who is measured. None: that cannot be done with it, or makes no sense.
pub(crate) trait Peer {
    /// What heads its column.
    fn name(&self) -> &'static str;

    /// To be called once, before it is measured by whatever number of processes.
    ///
    /// # Errors
    /// In words, why it cannot be measured here.
    fn prepare(&self) -> Result<(), String> {
        Ok(())
    }

    /// Single messages to uniformly random components, from as many threads as the job says.
    fn spread(&self, job: &Job) -> Option<Measured> {
        let _ = job;
        None
    }

    /// The same, from one producer that is a component itself and shares a thread with the others.
    /// It sends [`CHUNK`] messages at a time, and in between it is the others' turn.
    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        let _ = job;
        None
    }

    /// Tokens that each component hands on to the next.
    fn ring(&self, job: &Job) -> Option<Measured> {
        let _ = job;
        None
    }

    /// The same, where each component is on another thread than the one before it; where that is
    /// not the sender's to say, there are two threads for all of them.
    fn ring_of_two(&self, job: &Job) -> Option<Measured> {
        let _ = job;
        None
    }

    /// One token between two components. It is a ring of two.
    fn ping_pong(&self, job: &Job) -> Option<Measured> {
        self.ring(job)
    }

    /// Every component is asked for its count, and answers.
    fn query_all(&self, job: &Job) -> Option<Measured> {
        let _ = job;
        None
    }

    /// Components begin where there was nothing, not even a thread to carry them; then nothing is
    /// done for a moment; then all are stopped, and when they are, all are started again.
    fn lives(&self, job: &Job) -> Option<Lives> {
        let _ = job;
        None
    }

    /// Every component is stopped and started again. Unless there is a way to have both at once,
    /// one comes after the other.
    fn restart_all(&self, job: &Job) -> Option<Measured> {
        let Again { stops, starts } = self.lives(job)?.again?;
        Some(Measured { taken: stops.taken + starts.taken, ..starts })
    }

    /// Every component panics on each message, and is started again by who supervises it.
    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        let _ = job;
        None
    }
}

/// What a run took, and a hash of what the components were in the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) operations: u64,
    pub(crate) taken: Duration,
    pub(crate) hash: u64,
}

impl Measured {
    /// Operations per second.
    pub(crate) fn rate(&self) -> f64 {
        self.operations as f64 / self.taken.as_secs_f64().max(1e-9)
    }
}

/// What it took that components began, were there, were stopped and began again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives {
    pub(crate) starts: Measured,
    /// By so many bytes the process was larger when nothing was done; none where the system does
    /// not tell.
    pub(crate) bytes: Option<u64>,
    /// None for a floor: it only begins.
    pub(crate) again: Option<Again>,
}

/// The second half of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    pub(crate) stops: Measured,
    pub(crate) starts: Measured,
}

/// A linear congruential generator: the same numbers for everybody, and next to no time.
#[derive(Debug, Clone)]
pub(crate) struct Lcg(u64);

impl Lcg {
    /// Each producer has a sequence of its own.
    pub(crate) fn of_producer(number: u32) -> Self {
        Lcg(0x5DEE_CE66 ^ (u64::from(number) << 40))
    }

    /// A component below `components`, and what it is sent.
    #[inline]
    pub(crate) fn draw(&mut self, components: u32) -> (u32, u64) {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let to = (u128::from(self.0) * u128::from(components)) >> 64;
        (to as u32, self.0)
    }
}

/// What one producer sends, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    lcg: Lcg,
    components: u32,
    left: u64,
}

impl Share {
    /// Sends the next chunk; false if that was all.
    #[inline]
    pub(crate) fn send_chunk(&mut self, mut send: impl FnMut(u32, u64)) -> bool {
        self.by_ref().take(CHUNK).for_each(|(to, word)| send(to, word));
        self.left > 0
    }
}

impl Iterator for Share {
    type Item = (u32, u64);

    #[inline]
    fn next(&mut self) -> Option<(u32, u64)> {
        self.left = self.left.checked_sub(1)?;
        Some(self.lcg.draw(self.components))
    }
}

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
    quotas: Arc<[u64]>,
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
        let (lcg, components) = (Lcg::of_producer(number), self.components);
        Share { lcg, components, left: self.operations / producers + odd }
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
        let total = tally.total.load(Ordering::SeqCst);
        assert_eq!(total, self.operations, "{}: messages handled", self.label);
        let hash = tally.hash.load(Ordering::SeqCst);
        assert_eq!(hash, self.hash, "{}: what was in the messages", self.label);
        Measured { operations: total, taken, hash }
    }

    /// Checks the answers to `rounds` of asking everybody: the sum of what they have counted, and
    /// how many there were.
    #[track_caller]
    pub(crate) fn answered(&self, sum: u64, answers: u64, taken: Duration) -> Measured {
        let asked = self.rounds() * u64::from(self.components);
        assert_eq!(answers, asked, "{}: answers", self.label);
        assert_eq!(sum, self.rounds() * self.operations, "{}: what they had counted", self.label);
        Measured { operations: answers, taken, hash: mixed(0, sum) }
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
        let crashes = storm.crashes.load(Ordering::SeqCst);
        assert_eq!(crashes, self.operations, "{}: crashes", self.label);
        let starts: Vec<u64> = storm.starts.iter().map(|it| it.load(Ordering::SeqCst)).collect();
        let each = storm.crashes_each + 1;
        assert!(starts.iter().all(|it| *it == each), "{}: starts {starts:?}", self.label);
        let hash = (0..).zip(&starts).fold(0_u64, |hash, (at, it)| hash ^ mixed(at, *it));
        Measured { operations: crashes, taken, hash }
    }
}

/// Spreads what is in a number over all its bits.
fn mixed(index: u32, value: u64) -> u64 {
    let mut hash = value ^ (u64::from(index) << 32 | 0x9E37_79B9);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^ (hash >> 27)
}

impl Lives {
    /// Adds what it took to stop all, and to start them again.
    #[track_caller]
    pub(crate) fn and_again(
        self,
        job: &Job,
        tally: &Tally,
        stop: Duration,
        start: Duration,
    ) -> Self {
        let [stops, starts] = [stop, start].map(|taken| job.restarted(tally, taken));
        Lives { again: Some(Again { stops, starts }), ..self }
    }
}

/// What the components of one run have told.
#[derive(Debug)]
pub(crate) struct Tally {
    quotas: Arc<[u64]>,
    /// Lives that have begun.
    pub(crate) up: Gauge,
    /// Lives that have ended, in order.
    pub(crate) down: Gauge,
    /// Components that have handled all that they get.
    pub(crate) handled: Gauge,
    total: AtomicU64,
    hash: AtomicU64,
}

impl Tally {
    /// Whoever makes it is the one who waits.
    pub(crate) fn new(job: &Job) -> Arc<Self> {
        let (total, hash) = (AtomicU64::new(0), AtomicU64::new(0));
        let (up, down, handled) = (Gauge::new(), Gauge::new(), Gauge::new());
        Arc::new(Tally { quotas: Arc::clone(&job.quotas), up, down, handled, total, hash })
    }
}

/// What every component does with a message, whoever hands it over.
#[derive(Debug)]
pub(crate) struct Counter {
    count: u64,
    sum: u64,
    quota: u64,
    index: u32,
    tally: Arc<Tally>,
}

impl Counter {
    /// Component `index` begins a life.
    pub(crate) fn new(tally: &Arc<Tally>, index: u32) -> Self {
        let quota = tally.quotas.get(index as usize).copied().unwrap_or_default();
        tally.up.add();
        Counter { count: 0, sum: 0, quota, index, tally: Arc::clone(tally) }
    }

    /// A message.
    #[inline]
    pub(crate) fn handle(&mut self, word: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(word);
        if self.count >= self.quota {
            self.filled();
        }
    }

    /// So many messages it has had.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Its life ends in order.
    pub(crate) fn stopped(&self) {
        self.tally.down.add();
    }

    #[cold]
    fn filled(&self) {
        let Counter { count, sum, quota, index, tally } = self;
        // One message too many makes the total wrong.
        let told = if count == quota { *count } else { 1 };
        tally.total.fetch_add(told, Ordering::SeqCst);
        if count == quota {
            tally.hash.fetch_add(mixed(*index, *sum), Ordering::SeqCst);
            tally.handled.add();
        }
    }
}

/// Components that crash. The next message comes when one is up again: what becomes of messages
/// that wait during a crash differs from peer to peer.
#[derive(Debug)]
pub(crate) struct Storm {
    crashes_each: u64,
    starts: Vec<AtomicU64>,
    crashes: AtomicU64,
    /// Components that have crashed for the last time and are up again.
    pub(crate) over: Gauge,
    /// Lives that have begun.
    pub(crate) up: Gauge,
}

impl Storm {
    /// Whoever makes it is the one who waits.
    pub(crate) fn new(job: &Job) -> Arc<Self> {
        let starts = (0..job.components).map(|_| AtomicU64::new(0)).collect();
        let (crashes, over, up) = (AtomicU64::new(0), Gauge::new(), Gauge::new());
        Arc::new(Storm { crashes_each: job.rounds(), starts, crashes, over, up })
    }

    /// Component `index` is up. Tells whether it is to send itself the next message; the first
    /// one comes from whoever waits.
    pub(crate) fn up(&self, index: u32) -> bool {
        let restarts = self.starts[index as usize].fetch_add(1, Ordering::SeqCst);
        self.up.add();
        if restarts == self.crashes_each {
            self.over.add();
        }
        (1..self.crashes_each).contains(&restarts)
    }

    /// A message: the component that gets it crashes.
    pub(crate) fn crash(&self) -> ! {
        self.crashes.fetch_add(1, Ordering::SeqCst);
        panic!("{STORM}");
    }

    /// Sends everybody its first message, and waits until all crashes are over.
    pub(crate) fn rage(&self, job: &Job, mut send: impl FnMut(u32)) -> Duration {
        let all = u64::from(job.components);
        self.up.wait(all, &job.label);
        let begun = Instant::now();
        (0..job.components).for_each(&mut send);
        self.over.wait(all, &job.label);
        begun.elapsed()
    }
}
