//! Components that crash, and are started again by who supervises them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::gauge::Gauge;
use crate::job::Job;

/// What a component panics with in a storm of crashes; the panic hook says nothing about it.
pub(crate) const STORM: &str = "a crash that was asked for";

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

    /// Crashes, and lives that have begun, by component.
    pub(crate) fn told(&self) -> (u64, Vec<u64>) {
        let starts = self.starts.iter().map(|starts| starts.load(Ordering::SeqCst)).collect();
        (self.crashes.load(Ordering::SeqCst), starts)
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
