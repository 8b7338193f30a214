//! Timers of a shard: by due time, ties in the order in which they were set.
//!
//! A wheel of 64 buckets on each of eleven levels, for the digits to base 64 that a due time in
//! nanoseconds has. A timer lies on the level of the highest digit in which its due time differs
//! from `passed`, in the bucket of that digit. So whatever lies on a lower level, or in an
//! earlier bucket of the same, is due earlier, and to set a timer costs the same whether there
//! are a thousand others or a million.
//!
//! A bucket is a heap, so the first due time is always at hand. One that is due and has more than
//! a few timers is opened: `passed` moves up, and what is not due yet goes to lower levels. A
//! timer is moved so once per level at most, and three times or four as a rule.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use contract::time::Moment;

#[cfg(test)]
mod tests;

/// So many timers or fewer are not worth tidying.
const TIDY_FROM: usize = 64;

/// A bucket with so many timers or fewer is not opened: they are taken out one by one.
const SMALL: usize = 32;

const DIGIT_BITS: u32 = 6;
const BUCKETS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// A timer in the wheel. `serial` is unique in a shard, so the order is total, and so the life
/// that set it knows it again. Packed: there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub(crate) struct Timer {
    pub(crate) at: Moment,
    pub(crate) serial: u64,
    pub(crate) slot: u32,
}

impl Timer {
    /// Its place in the order, as one number: compared in two steps without a branch.
    fn rank(self) -> u128 {
        u128::from(self.at.0) << u64::BITS | u128::from(self.serial)
    }

    fn is_due(self, now: Moment) -> bool {
        let at = self.at;
        at <= now
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn lt(&self, other: &Self) -> bool {
        self.rank() < other.rank()
    }

    fn le(&self, other: &Self) -> bool {
        self.rank() <= other.rank()
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

type Bucket = BinaryHeap<Reverse<Timer>>;

/// The wheel. A cancelled or replaced timer stays in it for a while; the life that set it knows
/// which serials still count. When most of the timers are void, they are looked through.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// Up to here the wheel has been opened: what lies in it is due later.
    passed: Moment,
    /// What is due by then and was not taken yet, in order.
    due: VecDeque<Timer>,
    /// Level by level; none before the first timer.
    buckets: Box<[Bucket]>,
    /// Which levels hold timers, and which buckets of each, a bit each.
    levels: u32,
    occupied: [u64; LEVELS],
    len: usize,
    serial: u64,
    /// So many were called off since the timers were last looked through. Those that have left
    /// since are counted in, which makes for a look too many now and then.
    void: usize,
}

impl Timers {
    /// Sets a timer; answers its serial.
    pub(crate) fn set(&mut self, at: Moment, slot: u32) -> u64 {
        self.serial += 1;
        self.len += 1;
        self.put(Timer { at, serial: self.serial, slot });
        self.serial
    }

    /// So many timers were cancelled or replaced, or their life is over.
    pub(crate) fn call_off(&mut self, timers: usize) {
        self.void += timers;
    }

    /// Whether more than half of the timers may be void.
    pub(crate) fn is_untidy(&self) -> bool {
        self.len > TIDY_FROM && self.void > self.len / 2
    }

    /// Keeps the timers for which `counts` holds. It takes as many steps as timers were called
    /// off since the last time, or twice that.
    pub(crate) fn tidy(&mut self, counts: impl Fn(&Timer) -> bool) {
        self.due.retain(&counts);
        self.len = self.due.len();
        for place in 0..self.buckets.len() {
            let bucket = &mut self.buckets[place];
            if !bucket.is_empty() {
                bucket.retain(|Reverse(timer)| counts(timer));
                bucket.shrink_to(SMALL);
                self.len += bucket.len();
                self.note_emptied(place);
            }
        }
        self.void = 0;
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Moment) -> Option<Timer> {
        self.first().filter(|timer| timer.is_due(now))?;
        if self.due.is_empty()
            && let Some(place) = self.first_place()
            && self.buckets[place].len() > SMALL
        {
            self.open(place, now);
        }
        self.take_first()
    }

    /// Whether any timer is due at `now`, which may be void.
    #[inline]
    pub(crate) fn may_be_due(&self, now: Moment) -> bool {
        self.first().is_some_and(|timer| timer.is_due(now))
    }

    /// When the first timer is due for which `counts` holds; those before it are forgotten.
    pub(crate) fn next_due(&mut self, counts: impl Fn(&Timer) -> bool) -> Option<Moment> {
        while let Some(timer) = self.first() {
            if counts(&timer) {
                return Some(timer.at);
            }
            self.take_first();
        }
        None
    }

    /// Timers in the wheel, void ones included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn clear(&mut self) {
        *self = Timers { serial: self.serial, ..Timers::default() };
    }

    fn put(&mut self, timer: Timer) {
        if timer.is_due(self.passed) {
            // The newest is the last of its moment, which as a rule is the last of all.
            let place = self.due.partition_point(|other| *other < timer);
            return self.due.insert(place, timer);
        }
        if self.buckets.is_empty() {
            self.buckets = (0..LEVELS * BUCKETS).map(|_| Bucket::new()).collect();
        }
        let at = timer.at.0;
        let level = (at ^ self.passed.0).ilog2() / DIGIT_BITS;
        let digit = (at >> (level * DIGIT_BITS)) as usize % BUCKETS;
        self.levels |= 1 << level;
        self.occupied[level as usize] |= 1 << digit;
        self.buckets[level as usize * BUCKETS + digit].push(Reverse(timer));
    }

    /// The first timer of all.
    fn first(&self) -> Option<Timer> {
        let in_wheel = || self.buckets[self.first_place()?].peek().map(|Reverse(timer)| *timer);
        self.due.front().copied().or_else(in_wheel)
    }

    fn take_first(&mut self) -> Option<Timer> {
        let timer = self.due.pop_front().or_else(|| {
            let place = self.first_place()?;
            let timer = self.buckets[place].pop().map(|Reverse(timer)| timer);
            self.note_emptied(place);
            timer
        })?;
        if self.due.is_empty() && self.due.capacity() > SMALL {
            self.due = VecDeque::new();
        }
        self.len -= 1;
        Some(timer)
    }

    /// The bucket with the timers that are due first of those in the wheel.
    fn first_place(&self) -> Option<usize> {
        let level = self.levels.trailing_zeros() as usize;
        let digits = self.occupied.get(level)?;
        Some(level * BUCKETS + digits.trailing_zeros() as usize)
    }

    fn note_emptied(&mut self, place: usize) {
        if self.buckets[place].is_empty() {
            let level = place / BUCKETS;
            self.occupied[level] &= !(1 << (place % BUCKETS));
            self.levels &= !(u32::from(self.occupied[level] == 0) << level);
        }
    }

    /// Opens the first bucket, whose first timer is due at `now`: what is due goes to `due`, the
    /// rest to lower levels. What lies in other buckets stays where it is: it differs from the
    /// last moment of this bucket in the same digit as before.
    fn open(&mut self, place: usize, now: Moment) {
        let bucket = std::mem::take(&mut self.buckets[place]).into_vec();
        self.note_emptied(place);
        let Some(Reverse(first)) = bucket.first().copied() else { return };
        let below = (1 << ((place / BUCKETS) as u32 * DIGIT_BITS)) - 1;
        self.passed = now.min(Moment(first.at.0 | below));
        let mut due: Vec<Timer> = bucket.into_iter().map(|Reverse(timer)| timer).collect();
        due.retain(|timer| {
            let is_due = timer.is_due(self.passed);
            if !is_due {
                self.put(*timer);
            }
            is_due
        });
        due.sort_unstable();
        self.due = due.into();
    }
}
