//! Who is measured, what is asked of it, and what comes of that.

use std::time::Duration;

use crate::job::Job;
use crate::tally::Tally;

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
    /// It sends [`CHUNK`](crate::draw::CHUNK) messages at a time, and in between it is the others' turn.
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

    /// Every component is asked for its count, and answers. So that there is something to tell,
    /// there is a spread before.
    fn query_all(&self, job: &Job) -> Option<Asked> {
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

/// What it took that components were sent something, and were asked what they had got.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) spread: Measured,
    pub(crate) answers: Measured,
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
