//! Timers of a shard beside a heap of (time, component): setting, firing and cancelling with
//! ever more of them pending, each once in 24 hours; and a simulated year of such components.
//!
//! Ours are set and cancelled by message hooks, fire in timer hooks, and are found again by
//! key. What they cost each shows whether they stay flat from row to row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contract::control::HostControl;
use contract::{
    Component, Context, Descriptor, Fault, Message, Moment, Registration, Start, Started,
};
use sim::Site;

use super::rig::{Rig, parcel};
use super::{Case, Scale, Side, Sides, Tally, draws, hash, hash_on};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAY_NANOS: u64 = DAY.as_nanos() as u64;
/// So many are set, fired or cancelled in a run; the others are pending all along.
const BUSY_MAX: u32 = 100_000;
/// A message with this word cancels the timer, one with another sets it so many nanoseconds ahead.
const CANCEL: u64 = 0;

pub(crate) fn cases(scale: Scale) -> Vec<Case> {
    let sizes: &[u32] = scale.pick(&[100], &[1_000, 100_000, 1_000_000]);
    let deeds = [("set", Deed::Set), ("fire", Deed::Fire), ("cancel", Deed::Cancel)];
    let case = |components: u32, (name, deed)| Case {
        name,
        floor: "binary heap",
        components,
        operations: components.min(BUSY_MAX).into(),
        make: Box::new(move || {
            let delays = draws(DAY_NANOS - 1, components as usize);
            let ours = Measured::new(InShard::new(&delays), &delays, deed);
            Sides::new(Measured::new(InHeap::new(&delays), &delays, deed), ours)
        }),
    };
    let mut cases: Vec<Case> = deeds
        .into_iter()
        .flat_map(|deed| sizes.iter().map(move |size| case(*size, deed)))
        .collect();
    let (components, days) = scale.pick((10, 3), (1_000, 365));
    cases.push(Case {
        name: "simulated year",
        floor: "binary heap",
        components,
        operations: u64::from(components) * u64::from(days),
        make: Box::new(move || {
            Sides::new(YearOfHeap { components, days }, YearOfSite { components, days })
        }),
    });
    cases
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Set,
    Fire,
    Cancel,
}

/// Who has fired, in order, as a hash; and how many.
#[derive(Clone, Default)]
struct Fired(Arc<(AtomicU64, AtomicU64)>);

impl Fired {
    fn note(&self, number: u32) {
        let (order, count) = &*self.0;
        let now = hash_on(order.load(Ordering::Relaxed), number.into());
        order.store(now, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> (u64, u64) {
        let (order, count) = &*self.0;
        (order.swap(0, Ordering::Relaxed), count.swap(0, Ordering::Relaxed))
    }
}

/// Sets itself a timer, and again when it fires.
struct Sleeper(Fired, u32);

impl Component for Sleeper {
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        match message.word() {
            Some(CANCEL) | None => cx.cancel("nap"),
            Some(delay) => cx.after(Duration::from_nanos(delay), "nap"),
        }
        Ok(())
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.0.note(self.1);
        cx.after(DAY, key);
        Ok(())
    }
}

/// Timers of which the first `busy` components each have one, or none. Each deed tells how long it
/// took.
trait Timers: 'static {
    fn set(&mut self, busy: usize) -> Duration;
    fn cancel(&mut self, busy: usize) -> Duration;
    /// As many as there are of those components, whoever they belong to; each is set anew.
    fn fire(&mut self, busy: usize) -> Duration;
    /// When the next one is due, in nanoseconds; `u64::MAX` if there is none.
    fn next_due(&mut self) -> u64;
    fn fired(&self) -> &Fired;
}

/// Timers, what is done with them, and what the first time has come to.
struct Measured<T> {
    timers: T,
    deed: Deed,
    busy: usize,
    hash: Option<u64>,
}

impl<T: Timers> Measured<T> {
    fn new(mut timers: T, delays: &[u64], deed: Deed) -> Self {
        let busy = delays.len().min(BUSY_MAX as usize);
        timers.set(delays.len());
        if deed != Deed::Fire {
            timers.cancel(busy);
        }
        Measured { timers, deed, busy, hash: None }
    }
}

impl<T: Timers> Side for Measured<T> {
    fn run(&mut self) -> Duration {
        let Measured { timers, busy, .. } = self;
        let (taken, state) = match self.deed {
            Deed::Set => {
                let taken = timers.set(*busy);
                let due = timers.next_due();
                timers.cancel(*busy);
                (taken, due)
            }
            Deed::Cancel => {
                timers.set(*busy);
                let taken = timers.cancel(*busy);
                (taken, timers.next_due())
            }
            Deed::Fire => {
                let taken = timers.fire(*busy);
                let (order, fired) = timers.fired().take();
                assert_eq!(fired, *busy as u64);
                (taken, order)
            }
        };
        self.hash.get_or_insert(hash([state]));
        taken
    }

    fn finish(self: Box<Self>) -> u64 {
        self.hash.unwrap_or_default()
    }
}

struct InShard {
    rig: Rig,
    fired: Fired,
    delays: Vec<u64>,
}

impl InShard {
    fn new(delays: &[u64]) -> Self {
        let fired = Fired::default();
        let note = fired.clone();
        let descriptor = Descriptor::new("sleeps", "sleeper.log");
        let sleeper = move |number| Sleeper(note.clone(), number);
        let rig = Rig::new(delays.len() as u32, descriptor, sleeper);
        InShard { rig, fired, delays: delays.to_vec() }
    }

    /// The time that the turns take; filling the lane is the sender's.
    fn tell(&mut self, busy: usize, word: impl Fn(u64) -> u64) -> Duration {
        for (number, delay) in (0..).zip(&self.delays[..busy]) {
            self.rig.lane.send(parcel(number, word(*delay)));
        }
        let begun = Instant::now();
        let handled = self.rig.drain();
        let taken = begun.elapsed();
        assert_eq!(handled, busy);
        taken
    }
}

impl Timers for InShard {
    fn set(&mut self, busy: usize) -> Duration {
        self.tell(busy, |delay| delay + 1)
    }

    fn cancel(&mut self, busy: usize) -> Duration {
        self.tell(busy, |_| CANCEL)
    }

    /// Time goes from one timer to the next, as in simulation.
    fn fire(&mut self, busy: usize) -> Duration {
        let mut left = busy;
        let begun = Instant::now();
        while left > 0 {
            let due = self.rig.shard.next_due().expect("every one has a timer");
            self.rig.clock.now = self.rig.clock.now.max(due);
            left -= self.rig.turn(left);
        }
        begun.elapsed()
    }

    fn next_due(&mut self) -> u64 {
        self.rig.shard.next_due().map_or(u64::MAX, |due| due.0)
    }

    fn fired(&self) -> &Fired {
        &self.fired
    }
}

/// A heap in which what is cancelled stays until half of it is void.
struct InHeap {
    heap: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    /// By component: the serial of its timer, 0 if it has none.
    live: Vec<u64>,
    serial: u64,
    void: usize,
    fired: Fired,
    delays: Vec<u64>,
}

impl InHeap {
    fn new(delays: &[u64]) -> Self {
        InHeap {
            heap: BinaryHeap::new(),
            live: vec![0; delays.len()],
            serial: 0,
            void: 0,
            fired: Fired::default(),
            delays: delays.to_vec(),
        }
    }

    fn push(&mut self, at: Moment, number: u32) {
        self.serial += 1;
        self.live[number as usize] = self.serial;
        self.heap.push(Reverse((at, self.serial, number)));
    }
}

impl Timers for InHeap {
    fn set(&mut self, busy: usize) -> Duration {
        let begun = Instant::now();
        (0..busy).for_each(|number| self.push(Moment(self.delays[number] + 1), number as u32));
        begun.elapsed()
    }

    fn cancel(&mut self, busy: usize) -> Duration {
        let begun = Instant::now();
        for number in 0..busy {
            self.live[number] = 0;
            self.void += 1;
            if self.void > self.heap.len() / 2 {
                self.heap.retain(|Reverse((_, serial, of))| self.live[*of as usize] == *serial);
                self.void = 0;
            }
        }
        begun.elapsed()
    }

    fn fire(&mut self, busy: usize) -> Duration {
        let begun = Instant::now();
        for _ in 0..busy {
            let Reverse((at, _, number)) = self.heap.pop().expect("every one has a timer");
            self.fired.note(number);
            self.push(at + DAY, number);
        }
        begun.elapsed()
    }

    fn next_due(&mut self) -> u64 {
        while let Some(Reverse((at, serial, number))) = self.heap.peek() {
            if self.live[*number as usize] == *serial {
                return at.0;
            }
            self.heap.pop();
        }
        u64::MAX
    }

    fn fired(&self) -> &Fired {
        &self.fired
    }
}

/// Sets itself a timer every day.
struct Daily(Tally, u32);

impl Component for Daily {
    fn start(&mut self, _: &Start<'_>, cx: &mut Context<'_>) -> Result<Started, Fault> {
        cx.after(DAY, "day");
        Ok(Started::Running)
    }

    fn timer(&mut self, key: &'static str, cx: &mut Context<'_>) -> Result<(), Fault> {
        self.0.add(self.1, 1);
        cx.after(DAY, key);
        Ok(())
    }
}

/// A whole simulated site, trace and all.
struct YearOfSite {
    components: u32,
    days: u32,
}

impl YearOfSite {
    fn live(&self) -> (Duration, Tally) {
        let tally = Tally::new(self.components);
        let descriptor = Arc::new(Descriptor::new("counts days", "daily.log"));
        let registration = |number| {
            let count = tally.clone();
            let make = move || Daily(count.clone(), number);
            Registration::new(format!("DAILY_{number}"), Arc::clone(&descriptor), make)
        };
        let components = (0..self.components).map(registration);
        let site = Site::primary("PS1").fixed_seed(1).components(components).start();
        let mut site = site.expect("nothing keeps it from starting");
        let begun = Instant::now();
        site.advance(DAY * self.days).expect("the site comes to rest each day");
        let taken = begun.elapsed();
        assert_eq!(tally.total(), u64::from(self.components) * u64::from(self.days));
        (taken, tally)
    }
}

impl Side for YearOfSite {
    fn run(&mut self) -> Duration {
        self.live().0
    }

    fn finish(self: Box<Self>) -> u64 {
        self.live().1.hash_of_one(1)
    }
}

struct YearOfHeap {
    components: u32,
    days: u32,
}

impl YearOfHeap {
    fn live(&self) -> (Duration, Tally) {
        let tally = Tally::new(self.components);
        let mut heap: BinaryHeap<Reverse<(Moment, u32)>> =
            (0..self.components).map(|number| Reverse((Moment::ZERO + DAY, number))).collect();
        let end = Moment::ZERO + DAY * self.days;
        let begun = Instant::now();
        while let Some(Reverse((at, number))) = heap.pop()
            && at <= end
        {
            tally.add(number, 1);
            heap.push(Reverse((at + DAY, number)));
        }
        (begun.elapsed(), tally)
    }
}

impl Side for YearOfHeap {
    fn run(&mut self) -> Duration {
        self.live().0
    }

    fn finish(self: Box<Self>) -> u64 {
        self.live().1.hash_of_one(1)
    }
}
