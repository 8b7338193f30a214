//! The wheel beside what it stands for: a heap by due time and serial.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use contract::time::Moment;
use proptest::prelude::*;

use super::{TIDY_FROM, Timers};

/// The wheel, and a heap that is told the same.
#[derive(Default)]
struct Both {
    now: u64,
    wheel: Timers,
    heap: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    /// Serials that still count.
    live: BTreeSet<u64>,
}

impl Both {
    fn set(&mut self, at: u64, slot: u32) {
        let serial = self.wheel.set(Moment(at), slot);
        self.heap.push(Reverse((Moment(at), serial, slot)));
        assert!(self.live.insert(serial), "a serial is never used again");
    }

    /// Cancels one of those that count.
    fn cancel(&mut self, which: usize) {
        let Some(serial) = self.live.iter().nth(which % self.live.len().max(1)).copied() else {
            return;
        };
        self.live.remove(&serial);
        self.wheel.call_off(1);
        if self.wheel.is_untidy() {
            let live = &self.live;
            self.wheel.tidy(|timer| live.contains(&{ timer.serial }));
            assert_eq!(self.wheel.len(), live.len());
        }
    }

    /// Takes what is due, `most` at most. Void ones are passed over by whoever takes them.
    fn take(&mut self, most: usize) {
        let now = Moment(self.now);
        for _ in 0..most {
            let expected = self.first_of_heap().filter(|(at, ..)| *at <= now);
            let live = &self.live;
            let due = std::iter::from_fn(|| self.wheel.take_due(now))
                .find(|timer| live.contains(&{ timer.serial }));
            assert_eq!(due.map(|timer| (timer.at, timer.serial, timer.slot)), expected);
            let Some((_, serial, _)) = expected else { return };
            self.live.remove(&serial);
        }
    }

    /// The first timer of the heap that counts.
    fn first_of_heap(&mut self) -> Option<(Moment, u64, u32)> {
        while let Some(Reverse(timer)) = self.heap.peek().copied() {
            if self.live.contains(&timer.1) {
                return Some(timer);
            }
            self.heap.pop();
        }
        None
    }

    fn next_due(&mut self) -> Option<Moment> {
        let expected = self.first_of_heap().map(|(at, ..)| at);
        let live = &self.live;
        assert_eq!(self.wheel.next_due(|timer| live.contains(&{ timer.serial })), expected);
        expected
    }

    fn empty(&mut self) {
        while let Some(due) = self.next_due() {
            self.now = self.now.max(due.0);
            self.take(1);
        }
        assert_eq!(self.wheel.len(), 0);
        assert!(self.live.is_empty());
    }
}

#[derive(Debug, Clone)]
enum Deed {
    /// So many timers, each due so long after now and after the one before it.
    Set {
        delay: u64,
        apart: u64,
        many: u32,
    },
    /// One that was due before now, which no shard sets.
    SetLate {
        ago: u64,
    },
    Cancel {
        which: usize,
        many: usize,
    },
    /// Time passes, and some of what is due is taken.
    Pass {
        by: u64,
        take: usize,
    },
    /// Time passes until the next is due, and some of what is due is taken.
    GoOn {
        take: usize,
    },
}

/// Every order of magnitude, as often as any other.
fn span() -> impl Strategy<Value = u64> {
    (0_u32..=64, any::<u64>()).prop_map(|(bits, draw)| draw.checked_shr(64 - bits).unwrap_or(0))
}

fn deed() -> impl Strategy<Value = Deed> {
    let many = prop_oneof![1_u32..4, 30_u32..200];
    prop_oneof![
        4 => (span(), prop_oneof![Just(0), span()], many)
            .prop_map(|(delay, apart, many)| Deed::Set { delay, apart, many }),
        1 => span().prop_map(|ago| Deed::SetLate { ago }),
        2 => (any::<usize>(), 1_usize..100).prop_map(|(which, many)| Deed::Cancel { which, many }),
        2 => (0_u64..1 << 50, 0_usize..300).prop_map(|(by, take)| Deed::Pass { by, take }),
        4 => (0_usize..300).prop_map(|take| Deed::GoOn { take }),
    ]
}

proptest! {
    #[test]
    fn the_wheel_is_a_heap(deeds in prop::collection::vec(deed(), 1..60), looks: bool) {
        let mut both = Both::default();
        for deed in deeds {
            match deed {
                Deed::Set { delay, apart, many } => {
                    for number in 0..many {
                        let after = delay.saturating_add(apart.saturating_mul(number.into()));
                        both.set(both.now.saturating_add(after), number);
                    }
                }
                Deed::SetLate { ago } => both.set(both.now.saturating_sub(ago), 0),
                Deed::Cancel { which, many } => (0..many).for_each(|_| both.cancel(which)),
                Deed::Pass { by, take } => {
                    both.now = both.now.saturating_add(by);
                    both.take(take);
                }
                Deed::GoOn { take } => {
                    if let Some(due) = both.next_due() {
                        both.now = both.now.max(due.0);
                        both.take(take);
                    }
                }
            }
            if looks {
                both.next_due();
            }
        }
        both.empty();
    }
}

#[test]
fn a_timer_is_twenty_bytes() {
    assert_eq!(size_of::<super::Timer>(), 20);
}

#[test]
fn the_last_moment_of_all_has_its_timers_too() {
    let mut both = Both::default();
    (0..200).for_each(|number| both.set(u64::MAX - number % 3, 0));
    both.empty();
    assert_eq!(both.now, u64::MAX);
}

#[test]
fn cleared_timers_are_gone_and_their_serials_with_them() {
    let mut timers = Timers::default();
    let last = (0..1_000).map(|number| timers.set(Moment(number), 0)).last();
    timers.clear();
    assert_eq!((timers.len(), timers.take_due(Moment(u64::MAX))), (0, None));
    assert!(Some(timers.set(Moment(0), 0)) > last);
}

#[test]
fn void_timers_do_not_pile_up() {
    let mut timers = Timers::default();
    for number in 0..100_000_u64 {
        let last = timers.set(Moment(number + 1_000_000_000), 0);
        timers.call_off(1);
        if timers.is_untidy() {
            timers.tidy(|timer| timer.serial == last);
        }
    }
    assert!(timers.len() <= TIDY_FROM + 1, "{}", timers.len());
}
