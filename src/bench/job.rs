//! One piece of work: what is sent to whom, when, and what must come of it.
//!
//! Nobody asks the components whether they are done, for that would be measured too. It is known
//! beforehand how many messages each of them gets: whoever has got its last one says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contract::control::Refusal;
use contract::lifecycle::Code;

use crate::draw::Draw;
use crate::gauge::Gauge;
use crate::settings::Workload;

/// Nothing that is measured takes longer beyond what it is paced at; what does has lost something.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// A message that says when it was to be sent has this bit in its word; no other has.
pub(crate) const STAMP: u64 = 1 << 63;

/// Times at which messages are sent, whether those before were handled or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// From one message of a producer to the next, in nanoseconds.
    pub(crate) interval: f64,
    /// Each so-manieth message says when it was to be sent; the others say nothing, so that to
    /// look at the clock is not most of what is measured.
    pub(crate) stamped: u64,
    /// The job is done so often, one after the other.
    pub(crate) rounds: u64,
}

impl Pace {
    /// When message `index` of a producer is to be sent: nanoseconds from the beginning.
    pub(crate) fn due(&self, index: u64) -> u64 {
        (index as f64 * self.interval) as u64
    }

    /// What message `index` of a producer says, that would say `word`.
    pub(crate) fn word(&self, index: u64, word: u64) -> u64 {
        if index.is_multiple_of(self.stamped) { STAMP | self.due(index) } else { word }
    }
}

/// One piece of work.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) workload: Workload,
    pub(crate) components: u32,
    pub(crate) messages: u64,
    /// How many messages each component gets.
    quotas: Vec<u64>,
    /// What the components are to be in the end.
    pub(crate) hash: u64,
}

impl Job {
    /// `messages` to `components`.
    pub(crate) fn new(workload: Workload, components: u32, messages: u64) -> Arc<Self> {
        let (quotas, hash) = (Vec::new(), 0);
        let mut job = Job { workload, components, messages, quotas, hash };
        let mut ends = vec![(0_u64, 0_u64); components as usize];
        for (to, word) in (0..workload.producers).flat_map(|number| job.share(number)) {
            let (count, sum) = &mut ends[to as usize];
            *count += 1;
            *sum = sum.wrapping_add(word);
        }
        let hashes = (0..).zip(&ends).filter(|(_, (count, _))| *count > 0);
        job.hash = hashes.fold(0, |hash, (index, (_, sum))| hash.wrapping_add(mixed(index, *sum)));
        job.quotas = ends.into_iter().map(|(count, _)| count).collect();
        Arc::new(job)
    }

    /// What producer `number` sends, and to whom.
    pub(crate) fn share(&self, number: u32) -> impl Iterator<Item = (u32, u64)> + use<> {
        let producers = u64::from(self.workload.producers);
        let odd = u64::from(u64::from(number) < self.messages % producers);
        let draws = Draw::new(&self.workload, self.components, number);
        draws.take((self.messages / producers + odd) as usize).map(|(to, word)| (to, word & !STAMP))
    }

    /// Components that get anything at all.
    fn busy(&self) -> u64 {
        self.quotas.iter().filter(|quota| **quota > 0).count() as u64
    }

    /// How long it takes at that pace, at least.
    fn paced(&self, pace: &Pace) -> Duration {
        let each = self.messages * pace.rounds / u64::from(self.workload.producers);
        Duration::from_nanos(pace.due(each))
    }
}

/// Spreads what is in a number over all its bits.
fn mixed(index: u32, value: u64) -> u64 {
    let mut hash = value ^ (u64::from(index) << 32 | 0x9E37_79B9);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^ (hash >> 27)
}

/// What the components of one run have told; the next run begins when all have told everything.
#[derive(Debug)]
pub(crate) struct Tally {
    job: Arc<Job>,
    /// Components that have handled all that they get.
    handled: Gauge,
    total: AtomicU64,
    hash: AtomicU64,
    /// Messages that came when everything was handled.
    too_many: AtomicU64,
}

impl Tally {
    /// Whoever makes it is the one who waits.
    pub(crate) fn new(job: &Arc<Job>) -> Arc<Self> {
        let [total, hash, too_many] = [(); 3].map(|()| AtomicU64::new(0));
        Arc::new(Tally { job: Arc::clone(job), handled: Gauge::new(), total, hash, too_many })
    }

    /// Waits until every message of a run was handled.
    ///
    /// # Errors
    /// 1053 if some are not.
    pub(crate) fn wait(&self, pace: Option<&Pace>) -> Result<(), Refusal> {
        let all = self.job.busy() * pace.map_or(1, |pace| pace.rounds);
        let within = WAIT_MAX + pace.map_or(Duration::ZERO, |pace| self.job.paced(pace));
        if self.handled.wait(all, within) {
            return Ok(());
        }
        let done = self.handled.count();
        let reason = format!("{done} of {all} components have handled all their messages");
        Err(self.wrong(Code::REQUEST_TIMEOUT, reason))
    }

    /// Checks what was handled, and begins anew. To be called when nothing is on its way.
    ///
    /// # Errors
    /// 1066 if messages were lost, handled twice, or not what was sent.
    pub(crate) fn settle(&self, pace: Option<&Pace>) -> Result<(), Refusal> {
        self.handled.reset();
        let (total, hash) =
            (self.total.swap(0, Ordering::SeqCst), self.hash.swap(0, Ordering::SeqCst));
        let sent = self.job.messages * pace.map_or(1, |pace| pace.rounds);
        if total != sent {
            let reason = format!("{total} of {sent} messages were handled");
            return Err(self.wrong(Code::SPECIFIC, reason));
        }
        // What says when it was to be sent says something else each time.
        if pace.is_none() && hash != self.job.hash {
            return Err(self.wrong(Code::SPECIFIC, "what was handled is not what was sent".into()));
        }
        Ok(())
    }

    /// Checks, when the components are gone, that nothing came beyond what was sent.
    ///
    /// # Errors
    /// 1066 if something did.
    pub(crate) fn close(&self) -> Result<(), Refusal> {
        match self.too_many.load(Ordering::SeqCst) {
            0 => Ok(()),
            many => Err(self.wrong(Code::SPECIFIC, format!("{many} messages came twice"))),
        }
    }

    fn wrong(&self, code: Code, reason: String) -> Refusal {
        let subject = format!("measuring {} components", self.job.components);
        Refusal::new(code, subject, reason, "this is a bug: please report it")
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
    pub(crate) fn new(tally: &Arc<Tally>, index: u32) -> Self {
        let quota = tally.job.quotas[index as usize];
        Counter { count: 0, sum: 0, quota, index, tally: Arc::clone(tally) }
    }

    #[inline]
    pub(crate) fn handle(&mut self, word: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(word);
        if self.count == self.quota {
            self.filled();
        }
    }

    #[cold]
    fn filled(&mut self) {
        self.tally.total.fetch_add(self.count, Ordering::SeqCst);
        self.tally.hash.fetch_add(mixed(self.index, self.sum), Ordering::SeqCst);
        (self.count, self.sum) = (0, 0);
        self.tally.handled.add();
    }
}

/// A life ends between runs, when nothing is to be left over.
impl Drop for Counter {
    fn drop(&mut self) {
        self.tally.too_many.fetch_add(self.count, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Skew;

    fn job(messages: u64) -> Arc<Job> {
        let workload = Workload { payload: 0, skew: Skew::Zipf, producers: 2, seed: 3 };
        Job::new(workload, 4, messages)
    }

    /// Hands everything over but the last `less` messages.
    fn handed(job: &Arc<Job>, less: usize) -> Arc<Tally> {
        let tally = Tally::new(job);
        let mut counters: Vec<_> = (0..4).map(|index| Counter::new(&tally, index)).collect();
        let all: Vec<_> = (0..2).flat_map(|number| job.share(number)).collect();
        for (to, word) in &all[..all.len() - less] {
            counters[*to as usize].handle(*word);
        }
        tally
    }

    #[test]
    fn what_was_sent_is_accounted_for_and_what_is_missing_is_told() {
        let job = job(1_001);
        let tally = handed(&job, 0);
        tally.wait(None).expect("all are there");
        tally.settle(None).expect("the total is right");
        tally.close().expect("nothing is left over");

        let tally = handed(&job, 1);
        let refusal = tally.settle(None).expect_err("one is missing");
        assert_eq!(refusal.code, Code::SPECIFIC);
        assert!(refusal.to_string().contains("of 1001 messages were handled"), "{refusal}");
    }

    #[test]
    fn a_message_that_comes_twice_is_told() {
        let job = job(100);
        let tally = handed(&job, 0);
        Counter::new(&tally, 0).handle(5);
        assert!(tally.close().expect_err("one came twice").reason.contains("1 messages"));
    }

    #[test]
    fn at_a_pace_each_so_manieth_message_says_when_it_was_due() {
        let pace = Pace { interval: 1_000.0, stamped: 4, rounds: 3 };
        let words: Vec<u64> = (0..6).map(|index| pace.word(index, 7)).collect();
        assert_eq!(words, [STAMP, 7, 7, 7, STAMP | 4_000, 7]);
        let job = job(20);
        assert!((0..2).flat_map(|number| job.share(number)).all(|(_, word)| word < STAMP));
        assert_eq!(job.paced(&pace), Duration::from_micros(30), "three rounds, from two producers");
    }
}
