//! Looking out for work before a thread sleeps: to be woken takes longer than most work takes to
//! come while there is any traffic, and costs whoever brings it.

use std::time::{Duration, Instant};

/// So long a thread looks out without letting others have its processor: about as long as
/// somebody who is at work on the next piece takes for it.
const KEEPS_PROCESSOR: Duration = Duration::from_micros(5);

/// So often it pauses between two looks: for less than a microsecond.
const PAUSES: usize = 16;

/// Whether there is something within `time`. Not long after the beginning the processor is
/// offered to others each time: whoever is to bring the work may wait for it.
pub(crate) fn look_out(time: Duration, is_there: impl Fn() -> bool) -> bool {
    if time.is_zero() {
        return false;
    }
    let begun = Instant::now();
    loop {
        if is_there() {
            return true;
        }
        // To look all the time would slow down whoever is just sending something.
        (0..PAUSES).for_each(|_| std::hint::spin_loop());
        match begun.elapsed() {
            waited if waited >= time => return false,
            waited if waited >= KEEPS_PROCESSOR => std::thread::yield_now(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_comes_in_time_is_seen_and_nothing_is_waited_for_without_end() {
        let looks = Cell::new(0);
        let after = |count: u32| {
            looks.set(looks.get() + 1);
            looks.get() >= count
        };
        assert!(!look_out(Duration::ZERO, || true), "it is not to look at all");
        assert!(look_out(Duration::from_secs(60), || after(10_000)));
        assert!(!look_out(Duration::from_micros(20), || false));
    }
}
