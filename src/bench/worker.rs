//! The component that is measured, and the messages that it gets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use contract::{Component, Context, Fault, Message, MessageType};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::arguments::WORD;
use crate::job::{Counter, STAMP};

/// A message of a size of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Load {
    word: u64,
    rest: Vec<u8>,
}

impl MessageType for Load {
    const NAME: &'static str = "Load";
}

/// A message that carries `word`, `payload` bytes long; bare if that is 0.
#[inline]
pub(crate) fn message(word: u64, payload: usize) -> Message {
    if payload == 0 {
        return Message::Word(word);
    }
    Message::of(Load { word, rest: vec![0; payload - WORD] })
}

/// The word in a message of [`message`].
#[inline]
pub(crate) fn word_of(message: &Message) -> Result<u64, Fault> {
    let of_load = || message.get::<Load>().map(|load| load.word);
    message.word().or_else(of_load).ok_or_else(|| Fault::new(1, "a message of an unknown kind"))
}

/// How long messages took from when they were to be sent until they were handled.
#[derive(Debug)]
pub(crate) struct Delays {
    made: Instant,
    /// When the first message was to be sent: nanoseconds after this was made.
    origin: AtomicU64,
    /// By shard, so that none waits for another.
    by_shard: Vec<Mutex<Histogram<u64>>>,
}

impl Delays {
    /// More than that counts as that, in nanoseconds.
    const MOST: u64 = 600_000_000_000;

    pub(crate) fn new(shards: u8) -> Arc<Self> {
        let by_shard = (0..shards).map(|_| Mutex::new(Delays::empty())).collect();
        Arc::new(Delays { made: Instant::now(), origin: AtomicU64::new(0), by_shard })
    }

    fn empty() -> Histogram<u64> {
        Histogram::new_with_bounds(1, Delays::MOST, 3).expect("bounds that are in order")
    }

    /// The first message is to be sent then.
    pub(crate) fn begin(&self, origin: Instant) {
        let after = origin.saturating_duration_since(self.made).as_nanos() as u64;
        self.origin.store(after, Ordering::SeqCst);
    }

    /// A message is handled that was to be sent `due` nanoseconds after the first one. Not when
    /// it was sent counts: a sender that is held back must not make the delay look short.
    fn record(&self, shard: u8, due: u64) {
        let now = self.made.elapsed().as_nanos() as u64;
        let delay = now.saturating_sub(self.origin.load(Ordering::Relaxed) + due);
        self.of(shard).saturating_record(delay);
    }

    fn of(&self, shard: u8) -> MutexGuard<'_, Histogram<u64>> {
        self.by_shard[usize::from(shard)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, in nanoseconds; from here on it begins anew.
    pub(crate) fn take(&self) -> Histogram<u64> {
        let mut all = Delays::empty();
        for shard in (0..).take(self.by_shard.len()) {
            let mut delays = self.of(shard);
            all.add(&*delays).expect("bounds that are the same");
            delays.reset();
        }
        all
    }
}

/// Counts what it gets, and tells the delay of what is stamped, where somebody wants to know.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) counter: Counter,
    pub(crate) delays: Option<Arc<Delays>>,
}

impl Component for Worker {
    fn message(&mut self, message: &Message, cx: &mut Context<'_>) -> Result<(), Fault> {
        let word = word_of(message)?;
        if word >= STAMP
            && let Some(delays) = &self.delays
        {
            delays.record(cx.id().shard(), word & !STAMP);
        }
        self.counter.handle(word);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_message_carries_its_word_at_every_size() {
        for payload in [0, 8, 9, 1_000] {
            let message = message(77, payload);
            assert_eq!(word_of(&message), Ok(77));
            assert_eq!(message.word().is_some(), payload == 0);
            if let Some(load) = message.get::<Load>() {
                assert_eq!(size_of_val(&load.word) + load.rest.len(), payload);
            }
        }
    }

    #[test]
    fn a_delay_counts_from_when_the_message_was_to_be_sent() {
        let delays = Delays::new(2);
        delays.begin(Instant::now());
        delays.record(0, 0);
        // Due in an hour: it is not late.
        delays.record(1, Duration::from_secs(3_600).as_nanos() as u64);
        let all = delays.take();
        assert_eq!((all.len(), all.min()), (2, 0));
        assert!(all.max() > 0, "some time has passed");
        assert_eq!(delays.take().len(), 0, "each is told once");
    }
}
