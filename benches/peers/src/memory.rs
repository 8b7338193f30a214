//! What components take that do nothing: time to begin, and memory to be there.
//!
//! Memory is by how much the process has grown in what it has resident, as the system tells it:
//! stacks, arenas and what an allocator keeps for itself are in it, and it is told of another
//! program in the same way. So it is measured in a process in which nothing else has been, and
//! for so many components that what there is only once does not count.

use std::fs;
use std::time::{Duration, Instant};

/// The moment before there is anything.
#[derive(Debug)]
pub(crate) struct Beginning {
    at: Instant,
    resident: Option<u64>,
}

impl Beginning {
    pub(crate) fn now() -> Self {
        let resident = resident();
        Beginning { at: Instant::now(), resident }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    /// The process has grown by so many bytes; none where the system does not tell.
    pub(crate) fn grown(&self) -> Option<u64> {
        Some(resident()?.saturating_sub(self.resident?))
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_is_resident() {
        let beginning = Beginning::now();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        if let Some(grown) = beginning.grown() {
            assert!(grown >= 32 << 20, "{grown} bytes for {}", block.len());
        }
    }
}
