//! Processor time, where the system tells it.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// What the threads of this process that are alive have used, since they began; none where the
/// system does not tell. What a thread used that is gone by then does not count.
pub(crate) fn used() -> Option<Duration> {
    let mut sum = None;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        // One that has ended in between says nothing.
        let of_thread = of_thread(&thread.ok()?.path());
        sum = of_thread.map(|used| sum.unwrap_or(Duration::ZERO) + used).or(sum);
    }
    sum
}

/// What the thread of that folder has used.
fn of_thread(folder: &Path) -> Option<Duration> {
    let text = fs::read_to_string(folder.join("schedstat")).ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_uses_processor_time_where_it_is_told() {
        // Of this thread alone: others end while the test runs, and take theirs along.
        let used = || of_thread(Path::new("/proc/thread-self"));
        let Some(before) = used() else { return };
        while used().expect("it was told before") <= before {
            std::hint::spin_loop();
        }
        assert!(super::used().is_some());
    }
}
