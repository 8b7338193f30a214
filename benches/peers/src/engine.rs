//! The runtime that carries the peers that are made of tokio tasks.
//!
//! It is the multi-threaded one, with one worker unless more are asked for: so everybody has one
//! thread that handles messages, beside those that send them. A current-thread runtime, woken from
//! other threads, was slower nearly everywhere; a second worker helps some and hurts others. Where
//! whoever sends is a task itself, the current-thread runtime is the faster one for few others. From
//! [`MANY`] on it is not: what becomes of a chunk does not fit into the other one's queue, so the
//! producer is back before all others had their turn, and these find more in their mailboxes.

use std::future::Future;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::job::Job;
use crate::peer::Asked;
use crate::tally::Tally;

/// From so many components on, it is faster if a producer does not wait for all of them.
pub(crate) const MANY: u32 = 10_000;

pub(crate) struct Engine {
    handle: Handle,
    carrier: Option<Carrier>,
}

enum Carrier {
    Workers(Runtime),
    /// Ends when it is told.
    Thread(oneshot::Sender<()>, JoinHandle<()>),
}

impl Engine {
    pub(crate) fn start(workers: u8) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(workers.into()).build();
        let runtime = runtime.expect("a runtime");
        Engine { handle: runtime.handle().clone(), carrier: Some(Carrier::Workers(runtime)) }
    }

    /// For a producer that is a task itself, and so many others.
    pub(crate) fn inside(components: u32) -> Self {
        if components < MANY { Engine::alone() } else { Engine::start(1) }
    }

    /// A current-thread runtime, on a thread of its own.
    fn alone() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let handle = runtime.handle().clone();
        let (end, ends) = oneshot::channel();
        let thread = thread::spawn(move || _ = runtime.block_on(ends));
        Engine { handle, carrier: Some(Carrier::Thread(end, thread)) }
    }

    /// Carries `work` out as a task among the others, and waits for it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (done, is_done) = mpsc::channel();
        self.begin(async move {
            let _ = done.send(work.await);
        });
        is_done.recv().expect("the task does not panic")
    }

    /// Has `asking` ask everybody what a spread, which took so long, has brought: a task that
    /// answers the sum and how many have told. Then it is over with the crew.
    pub(crate) fn ask<C>(
        self,
        job: &Job,
        tally: &Tally,
        spread: Duration,
        asking: impl Future<Output = (u64, u64)> + Send + 'static,
        crew: C,
    ) -> Asked {
        let begun = Instant::now();
        let (sum, answers) = self.run(asking);
        let taken = begun.elapsed();
        job.end((self, crew));
        job.answered(job.measured(tally, spread), sum, answers, taken)
    }

    /// Has `work` carried out as a task among the others.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}

impl Drop for Engine {
    /// All tasks are dropped where they are, and no thread is left.
    fn drop(&mut self) {
        match self.carrier.take() {
            Some(Carrier::Workers(runtime)) => drop(runtime),
            Some(Carrier::Thread(end, thread)) => {
                let _ = end.send(());
                thread.join().expect("no task's panic comes through");
            }
            None => {}
        }
    }
}
