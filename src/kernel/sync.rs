//! What [`bell`](crate::bell), [`cell`](crate::cell) and [`pipe`](crate::pipe) are made of, under
//! names that their model in `tests/loom.rs` gives to its own.

pub(crate) use rtrb::{Consumer, Producer};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Words in the ring of a pipe at most.
pub(crate) const RING: usize = 1_024;
/// Words of one chunk of a pipe's list at most, unless somebody has gathered more.
pub(crate) const CHUNK: usize = 256;

/// A ring of so many places.
pub(crate) fn ring<T>(places: usize) -> (Producer<T>, Consumer<T>) {
    rtrb::RingBuffer::new(places)
}

/// Whether there is room for one more in the ring.
#[inline]
pub(crate) fn has_room<T>(ring: &Producer<T>) -> bool {
    !ring.is_full()
}

/// Puts one into the ring, which has room.
#[inline]
pub(crate) fn push<T>(ring: &mut Producer<T>, item: T) {
    // Not `push`: to be ready to hand the item back it moves it about, and a message made just
    // now is slow to be read again in other pieces than it was written in.
    if let Ok(place) = ring.write_chunk_uninit(1) {
        place.fill_from_iter(std::iter::once(item));
    }
}

/// Takes the oldest out of the ring, `most` at most.
#[inline]
pub(crate) fn take_some<T: Copy>(ring: &mut Consumer<T>, most: usize, taken: &mut Vec<T>) {
    let many = ring.slots().min(most);
    if let Ok(chunk) = ring.read_chunk(many) {
        let (first, second) = chunk.as_slices();
        taken.extend_from_slice(first);
        taken.extend_from_slice(second);
        chunk.commit_all();
    }
}
