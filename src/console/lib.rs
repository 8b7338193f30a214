//! The Service Manager: verbs, scripts, prompt.
//!
//! A [`Console`] takes a line and gives a [`Reply`]; it knows no terminal, no clock and no
//! environment. What it drives is a [`HostControl`](contract::control::HostControl), live or
//! simulated. Around it stand three fronts: [`Script`] for files and pipes, `terminal` (a
//! feature) for a person, and [`Console::exec_words`] for one command from a shell.

mod completion;
mod console;
mod exit;
mod help;
mod plain;
mod render;
mod script;
mod target;
#[cfg(feature = "terminal")]
pub mod terminal;
mod verbs;
mod when;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use completion::{Candidate, Names};
pub use console::{Console, Interrupt, LINE_BYTES_MAX, Options, Reply, StatusText};
pub use exit::ExitStatus;
pub use help::verb_list_markdown;
pub use script::Script;
pub use verbs::{Category, VERBS, Verb};
