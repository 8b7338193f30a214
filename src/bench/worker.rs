//! The component that is measured, and the messages that it gets.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use contract::{Component, Context, Fault, Message, MessageType};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::arguments::WORD;
use crate::job::Counter;

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
    /// When the first message was to be sent.
    origin: OnceLock<Instant>,
    /// By shard, so that none waits for another.
    by_shard: Vec<Mutex<Histogram<u64>>>,
}

impl Delays {
    /// More than that counts as that, in nanoseconds.
    const MOST: u64 = 600_000_000_000;

    pub(crate) fn new(shards: u8) -> Arc<Self> {
        let by_shard = (0..shards).map(|_| Mutex::new(Delays::empty())).collect();
        Arc::new(Delays { origin: OnceLock::new(), by_shard })
    }

    fn empty() -> Histogram<u64> {
        Histogram::new_with_bounds(1, Delays::MOST, 3).expect("bounds that are in order")
    }

    /// The first message is to be sent then.
    pub(crate) fn begin(&self, origin: Instant) {
        self.origin.set(origin).expect("it begins once");
    }

    /// A message is handled that bears this stamp. In time it was to be sent, not when that was
    /// done: a sender that is held back must not make the delay look short.
    fn record(&self, shard: u8, stamp: u64) {
        let Some(origin) = self.origin.get() else { return };
        let now = origin.elapsed().as_nanos() as u64;
        let delay = now.saturating_sub(stamp - 1);
        let mut delays =
            self.by_shard[usize::from(shard)].lock().unwrap_or_else(PoisonError::into_inner);
        delays.saturating_record(delay);
    }

    /// All of them, in nanoseconds.
    pub(crate) fn all(&self) -> Histogram<u64> {
        let mut all = Delays::empty();
        for delays in &self.by_shard {
            let delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
            all.add(&*delays).expect("bounds that are the same");
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
        if let Some(delays) = self.delays.as_ref().filter(|_| word > 0) {
            delays.record(cx.id().shard(), word);
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
        delays.begin(Instant::now() - Duration::from_secs(1));
        // Due at once, and due half a second later.
        delays.record(0, 1);
        delays.record(1, 500_000_001);
        let all = delays.all();
        assert_eq!(all.len(), 2);
        // To three digits.
        assert!(all.min() >= 499_000_000, "{}", all.min());
        assert!(all.max() >= 999_000_000, "{}", all.max());
    }
}
