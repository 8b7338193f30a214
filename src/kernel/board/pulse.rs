//! What each shard is doing right now, for the watchdog.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use contract::id::{ComponentId, Generation, MessageId};
use contract::time::Moment;

/// What a shard is doing. Written twice for each hook, so a shard has it for itself: that of a
/// carrier that is lost cannot be mistaken for its successor's.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// The slot in the lowest 24 bits, the generation in the 39 above, the highest bit set;
    /// 0 between hooks.
    busy: AtomicU64,
    /// When the turn began.
    since: AtomicU64,
    /// The message that is being handled: its sender in the upper half, its number in the lower.
    message: AtomicU64,
    /// Which delivery of it this is; 0 if none is handled. Both only where a store keeps
    /// messages: elsewhere they would be written for nothing.
    delivery: AtomicU8,
}

const SLOT_BITS: u32 = 24;
const BUSY: u64 = 1 << 63;

/// A hook that is being called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// Whose.
    pub id: ComponentId,
    /// In which life.
    pub generation: Generation,
    /// Since when, at the earliest: when the shard's turn began.
    pub since: Moment,
    /// Until when it may take, as it has said itself; [`Moment::ZERO`] if it has not.
    pub lease: Moment,
    /// The message that it was handed, and which delivery of it this is; none in other hooks,
    /// and where no store keeps messages.
    pub message: Option<(MessageId, u8)>,
}

impl Pulse {
    /// A turn begins.
    pub(crate) fn turn(&self, now: Moment) {
        self.since.store(now.0, Ordering::Relaxed);
    }

    /// A hook is going to be called.
    pub(crate) fn enter(&self, slot: u32, generation: Generation) {
        let word = BUSY | (generation.0 << SLOT_BITS & !BUSY) | u64::from(slot);
        self.busy.store(word, Ordering::Relaxed);
    }

    /// It has come back.
    pub(crate) fn leave(&self) {
        self.busy.store(0, Ordering::Relaxed);
    }

    /// The next hook is handed that message.
    pub(crate) fn hand(&self, message: MessageId, delivery: u8) {
        let MessageId { from, number } = message;
        let sender = u64::from(from.shard()) << SLOT_BITS | u64::from(from.slot());
        self.message.store(sender << 32 | u64::from(number), Ordering::Relaxed);
        self.delivery.store(delivery, Ordering::Relaxed);
    }

    /// It is through with the message, one way or another.
    pub(crate) fn take_back(&self) {
        self.delivery.store(0, Ordering::Relaxed);
    }

    pub(super) fn handed(&self) -> Option<(MessageId, u8)> {
        let delivery = self.delivery.load(Ordering::Relaxed);
        let word = self.message.load(Ordering::Relaxed);
        let slot = (word >> 32) as u32 & ((1 << SLOT_BITS) - 1);
        let from = ComponentId::new((word >> (32 + SLOT_BITS)) as u8, slot);
        (delivery > 0).then_some((MessageId { from, number: word as u32 }, delivery))
    }

    /// Slot, life and turn of the hook that is being called.
    pub(super) fn get(&self) -> Option<(u32, Generation, Moment)> {
        let word = self.busy.load(Ordering::Relaxed);
        let slot = (word & ((1 << SLOT_BITS) - 1)) as u32;
        let since = Moment(self.since.load(Ordering::Relaxed));
        (word != 0).then_some((slot, Generation((word & !BUSY) >> SLOT_BITS), since))
    }
}
