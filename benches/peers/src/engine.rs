//! The runtime that carries the peers that are made of tokio tasks.
//!
//! It is the multi-threaded one, with one worker unless more are asked for: so everybody has one
//! thread that handles messages, beside those that send them. A current-thread runtime, woken from
//! other threads, was slower nearly everywhere; a second worker helps some and hurts others.

use std::future::Future;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};

pub(crate) struct Engine(Runtime);

impl Engine {
    pub(crate) fn start(workers: u8) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(workers.into()).build();
        Engine(runtime.expect("a runtime"))
    }

    /// Carries `work` out as a task among the others, and waits for it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (done, is_done) = mpsc::channel();
        self.0.spawn(async move {
            let _ = done.send(work.await);
        });
        is_done.recv().expect("the task does not panic")
    }
}
