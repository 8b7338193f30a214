//! Where the figures are from.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// A machine, and what made the program that ran on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model, as the system tells it.
    pub processor: String,
    /// Threads that it runs at a time.
    pub cores: usize,
    /// Operating system, and for which target the program was made.
    pub system: String,
    /// The compiler's version.
    pub compiler: String,
    /// Whether the compiler optimised; figures of a program where it did not say nothing.
    pub optimised: bool,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let unknown = || "unknown".to_owned();
        let target = env!("TARGET_TRIPLE");
        let system = match release() {
            Some(release) => format!("Linux {release}, {target}"),
            None => target.to_owned(),
        };
        Machine {
            processor: processor().unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, usize::from),
            system,
            compiler: env!("COMPILER").to_owned(),
            optimised: env!("OPTIMISED") != "0",
        }
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find(|line| line.starts_with("model name"))?;
    Some(model.split_once(':')?.1.trim().to_owned())
}

/// The kernel's version, without what its maker calls it.
fn release() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let numbers: Vec<&str> = text.trim().split(['.', '-']).take(2).collect();
    Some(numbers.join("."))
}
