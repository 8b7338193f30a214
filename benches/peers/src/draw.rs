//! Who gets the next message, and what is in it: the same for everybody.

/// A producer that is a component sends so many messages, and then lets the others have their turn.
pub(crate) const CHUNK: usize = 256;

/// A linear congruential generator: the same numbers for everybody, and next to no time.
#[derive(Debug, Clone)]
struct Lcg(u64);

impl Lcg {
    /// Each producer has a sequence of its own.
    fn of_producer(number: u32) -> Self {
        Lcg(0x5DEE_CE66 ^ (u64::from(number) << 40))
    }

    /// A component below `components`, and what it is sent.
    #[inline]
    fn draw(&mut self, components: u32) -> (u32, u64) {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let to = (u128::from(self.0) * u128::from(components)) >> 64;
        (to as u32, self.0)
    }
}

/// What one producer sends, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    lcg: Lcg,
    components: u32,
    left: u64,
}

impl Share {
    /// So many messages of producer `number`, to so many components.
    pub(crate) fn new(number: u32, components: u32, messages: u64) -> Self {
        Share { lcg: Lcg::of_producer(number), components, left: messages }
    }

    /// Sends the next chunk; false if that was all.
    #[inline]
    pub(crate) fn send_chunk(&mut self, mut send: impl FnMut(u32, u64)) -> bool {
        self.by_ref().take(CHUNK).for_each(|(to, word)| send(to, word));
        self.left > 0
    }
}

impl Iterator for Share {
    type Item = (u32, u64);

    #[inline]
    fn next(&mut self) -> Option<(u32, u64)> {
        self.left = self.left.checked_sub(1)?;
        Some(self.lcg.draw(self.components))
    }
}
