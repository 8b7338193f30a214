//! The runtime that carries the peers that are made of tokio tasks.

use std::future::Future;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};

/// A multi-threaded runtime.
pub(crate) struct Engine(Runtime);

impl Engine {
    pub(crate) fn start() -> Self {
        let workers =
            std::env::var("PEERS_WORKERS").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build();
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
