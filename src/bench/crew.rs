//! A live host with the components that are measured, and the threads that send to them.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use contract::control::Refusal;
use contract::{Component, ComponentId, Descriptor, Registration};
use hdrhistogram::Histogram;
use kernel::Port;
use live::{NoOutside, Site};
use site::SiteDefinition;

use crate::job::{Counter, Job, Pace, Tally};
use crate::settings::Tuning;
use crate::worker::{Delays, Worker, message};

/// So long before a message is due its sender wakes up: to sleep is not exact.
const WAKE_EARLY: Duration = Duration::from_micros(200);
/// Threads have this long to begin.
const SET_OFF: Duration = Duration::from_millis(5);

/// What component `index` is called.
pub(crate) fn name(index: u32) -> String {
    format!("BENCH_{index}")
}

/// A host of so many components, tuned like that, and the places of its components.
///
/// # Errors
/// Those of [`Site::start`].
pub(crate) fn host<C: Component + 'static>(
    components: u32,
    tuning: &Tuning,
    make: impl Fn(u32) -> C + Clone + Send + Sync + 'static,
) -> Result<(Site, Arc<[ComponentId]>), Refusal> {
    let mut descriptor = Descriptor::new("is measured", "bench.log");
    // Where it matters what may wait, it is the lane's capacity that is set.
    descriptor.inbox_max = u32::MAX;
    let descriptor = Arc::new(descriptor);
    let registration = |index| {
        let make = make.clone();
        Registration::new(name(index), Arc::clone(&descriptor), move || make(index))
    };
    let components: Vec<_> = (0..components).map(registration).collect();
    let names: Vec<_> = components.iter().map(|component| Arc::clone(&component.name)).collect();
    let definition = SiteDefinition::primary("PS1");
    let site = Site::start(&definition, components, Arc::new(NoOutside), tuning.options())?;
    let place = |name: &Arc<str>| site.board().find(name).expect("it was registered");
    let ids = names.iter().map(place).collect();
    Ok((site, ids))
}

/// Sends, and waits as long as there is no room.
#[inline]
pub(crate) fn put(port: &mut Port, to: ComponentId, message: contract::Message) {
    if let Err(unsent) = port.send(to, message) {
        put_when_there_is_room(port, to, unsent.0);
    }
}

#[cold]
fn put_when_there_is_room(port: &mut Port, to: ComponentId, message: contract::Message) {
    let mut message = message;
    loop {
        // What is gathered must not wait for the room that it would make.
        port.flush();
        thread::yield_now();
        match port.send(to, message) {
            Ok(()) => return,
            Err(unsent) => message = unsent.0,
        }
    }
}

/// A host for one job.
pub(crate) struct Crew {
    site: Site,
    ids: Arc<[ComponentId]>,
    job: Arc<Job>,
    tally: Arc<Tally>,
    delays: Arc<Delays>,
    batch: usize,
}

impl Crew {
    /// A host that does nothing yet.
    ///
    /// # Errors
    /// Those of [`Site::start`].
    pub(crate) fn start(job: &Arc<Job>, tuning: &Tuning) -> Result<Self, Refusal> {
        let tally = Tally::new(job);
        let delays = Delays::new(tuning.shards);
        let (mine, theirs) = (Arc::clone(&tally), Arc::clone(&delays));
        let make = move |index| {
            let counter = Counter::new(&mine, index);
            Worker { counter, delays: Some(Arc::clone(&theirs)) }
        };
        let (site, ids) = host(job.components, tuning, make)?;
        let (job, batch) = (Arc::clone(job), tuning.batch);
        Ok(Crew { site, ids, job, tally, delays, batch })
    }

    /// What it does.
    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// Does the job once, as fast as it goes. Tells the time from when the first message was sent
    /// until the last was handled.
    ///
    /// # Errors
    /// 1053 if not all messages are handled, 1066 if others are.
    pub(crate) fn run(&self) -> Result<Duration, Refusal> {
        self.produce(None)
    }

    /// Does the job at a pace. Tells the time from when the first message was to be sent until
    /// the last was handled, and the delays, in nanoseconds.
    ///
    /// # Errors
    /// As [`Crew::run`].
    pub(crate) fn run_at(&self, pace: &Pace) -> Result<(Duration, Histogram<u64>), Refusal> {
        let taken = self.produce(Some(pace))?;
        Ok((taken, self.delays.take()))
    }

    fn produce(&self, pace: Option<&Pace>) -> Result<Duration, Refusal> {
        let (host, ids, job, batch) = (self.site.handle(), &self.ids, &self.job, self.batch);
        let origin = Instant::now() + SET_OFF;
        self.delays.begin(origin);
        drive(job, &self.tally, pace, |number| {
            let (ids, job) = (Arc::clone(ids), Arc::clone(job));
            let producer = Producer { port: host.port(batch), ids, job, number };
            move || match pace {
                None => producer.at_once(),
                Some(pace) => producer.at_pace(pace, origin),
            }
        })
    }

    /// Ends the host, and checks that nothing came of nothing.
    ///
    /// # Errors
    /// Those of [`Site::shut_down`]; 1066 if messages were handled that nobody sent.
    pub(crate) fn end(self) -> Result<(), Refusal> {
        self.site.shut_down()?;
        self.tally.close()
    }
}

/// Has each producer that `producer` makes send on a thread of its own, and waits until
/// everything was handled. What `producer` answers tells when it began.
///
/// # Errors
/// Those of [`Tally::wait`] and [`Tally::settle`].
pub(crate) fn drive<P: FnOnce() -> Instant>(
    job: &Job,
    tally: &Tally,
    pace: Option<&Pace>,
    producer: impl Fn(u32) -> P + Sync,
) -> Result<Duration, Refusal> {
    let gate = Barrier::new(job.workload.producers as usize);
    let produce = |number| {
        let produce = producer(number);
        gate.wait();
        produce()
    };
    let (begun, ended) = thread::scope(|scope| {
        let produce = &produce;
        let producers: Vec<_> = (0..job.workload.producers)
            .map(|number| scope.spawn(move || produce(number)))
            .collect();
        let waited = tally.wait(pace);
        let ended = Instant::now();
        let begun = producers.into_iter().map(|it| it.join().expect("a producer never panics"));
        (begun.min(), waited.map(|()| ended))
    });
    let taken = ended? - begun.expect("there is a producer");
    tally.settle(pace)?;
    Ok(taken)
}

/// One that sends.
struct Producer {
    port: Port,
    ids: Arc<[ComponentId]>,
    job: Arc<Job>,
    number: u32,
}

impl Producer {
    /// Sends its share as fast as it goes. Tells when it began.
    fn at_once(mut self) -> Instant {
        let payload = self.job.workload.payload;
        let begun = Instant::now();
        for (to, word) in self.job.share(self.number) {
            put(&mut self.port, self.ids[to as usize], message(word, payload));
        }
        self.port.flush();
        begun
    }

    /// Sends its share so often, from `origin` on. An open loop: what is late is sent at once, and
    /// nothing is left out.
    fn at_pace(mut self, pace: &Pace, origin: Instant) -> Instant {
        let payload = self.job.workload.payload;
        let mut now = 0;
        let (job, number) = (Arc::clone(&self.job), self.number);
        let shares = (0..pace.rounds).flat_map(|_| job.share(number));
        for (index, (to, word)) in (0..).zip(shares) {
            let due = pace.due(index);
            if due > now {
                self.port.flush();
                now = wait_until(due, origin);
            }
            let word = pace.word(index, word);
            put(&mut self.port, self.ids[to as usize], message(word, payload));
        }
        self.port.flush();
        origin
    }
}

/// Waits until `due` nanoseconds after `origin`; tells how many have passed.
fn wait_until(due: u64, origin: Instant) -> u64 {
    let until = origin + Duration::from_nanos(due);
    loop {
        let now = Instant::now();
        if now >= until {
            return now.saturating_duration_since(origin).as_nanos() as u64;
        }
        let left = until - now;
        if left > 2 * WAKE_EARLY {
            thread::park_timeout(left - WAKE_EARLY);
        } else {
            std::hint::spin_loop();
        }
    }
}
