//! Identities: who, which life, which operation, which answer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A component's place in its host: shard (upper 8 bits) and slot in that shard (lower 24).
///
/// It names the logical component and stays the same over all its lives; a
/// [`Generation`] tells the lives apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ComponentId(u32);

impl ComponentId {
    /// The sender of what comes from no component: the operator, the host, the world.
    pub const OUTSIDE: ComponentId = ComponentId(u32::MAX);

    /// Slots that one shard can hold.
    pub const SLOTS_MAX: u32 = 1 << 24;

    /// The component at `slot` of `shard`.
    ///
    /// # Panics
    /// If `slot` is not below [`ComponentId::SLOTS_MAX`].
    pub const fn new(shard: u8, slot: u32) -> Self {
        assert!(slot < Self::SLOTS_MAX, "a shard holds at most 2^24 components");
        ComponentId((shard as u32) << 24 | slot)
    }

    /// The shard that carries the component.
    pub const fn shard(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// Its slot in that shard.
    pub const fn slot(self) -> u32 {
        self.0 & (Self::SLOTS_MAX - 1)
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::OUTSIDE {
            return f.write_str("outside");
        }
        write!(f, "{}:{}", self.shard(), self.slot())
    }
}

/// One life of a component: +1 at every start attempt, never used again (lifecycle.md 2.1).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

impl Generation {
    /// The highest that may be kept of an earlier process. A life a millisecond comes to that
    /// in eight years; what says more is damaged, and would leave no number for the next life
    /// or none that the board has room for.
    pub const KEPT_MAX: Generation = Generation((1 << 38) - 1);
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An accepted command: +1 each, resolves exactly once (lifecycle.md 2.1, 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpId(pub u64);

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A message, the same over all its deliveries: who sent it, and the sender's count of it.
///
/// A receiver that must do a thing once remembers the ids that it has done. The count begins
/// anew after four thousand million messages of one shard's components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Who sent it.
    pub from: ComponentId,
    /// Which of the messages sent from there.
    pub number: u32,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from, self.number)
    }
}

/// Ties an [`Answer`](crate::Answer) to the request that asked for it, within one life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}
