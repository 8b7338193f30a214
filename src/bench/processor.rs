//! Processor time, where the system tells it.

use std::fs;
use std::time::Duration;

/// What the threads of this process that are alive have used, since they began; none where the
/// system does not tell. What a thread used that is gone by then does not count.
pub(crate) fn used() -> Option<Duration> {
    let mut sum = None;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        // One that has ended in between.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
        sum = Some(sum.unwrap_or(Duration::ZERO) + Duration::from_nanos(nanoseconds));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn who_works_uses_processor_time_where_it_is_told() {
        let Some(before) = used() else { return };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let after = used().expect("it was told before");
        assert!(after > before, "{before:?} {after:?}");
    }
}
