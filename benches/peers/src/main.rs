//! How fast smsexec and other actor frameworks hand over messages: the same workloads, the same
//! components, in the same run.
//!
//! `cargo run --release -p peers` prints a table and writes `peers.json` into the target folder: a
//! list of `{peer, workload, components, rate, ratio}`. A rate is operations a second (of `memory`,
//! bytes a component); what carries over to another machine is its ratio to the floor, or, where
//! there is no floor, to the best. It takes seven minutes, with `-- --quick` two; peers that
//! are slow are run once where others are run three times, and a million components are sent one
//! message each, once. Each row of each peer is measured in a process of its own ([`trial`]), which
//! is ended when it does not come to its end; why there is no figure is said on stderr, and then
//! the exit status is 1.
//!
//! Erlang joins where `erl` and `erlc` are on the path.
//!
//! To bring the figures of README up to date, on a machine that does nothing else:
//!
//! ```console
//! cargo run --release -p peers && cp target/peers.json benches/ && SMSEXEC_BLESS=1 cargo test --test readme
//! ```

mod actix_peer;
mod draw;
mod engine;
mod erlang;
mod floors;
mod gauge;
mod job;
mod kameo_peer;
mod memory;
mod peer;
mod plan;
mod ractor_peer;
mod report;
mod smsexec;
mod stakker_peer;
mod storm;
mod tally;
#[cfg(test)]
mod tests;
mod tokio_tasks;
mod trial;

use std::io;
use std::num::NonZeroU8;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use peer::Peer;
use plan::{Plan, Row};
use report::Report;
use storm::STORM;

const USAGE: &str = "\
peers: the dispatch speed of actor frameworks on the same workloads

  --quick            fewer messages, and no size beyond 100,000
  --only WORKLOAD    spread, spread-2p, spread-inside, ring, ring-2s, ping-pong, query-all, start,
                     memory, stop-all, start-all, restart-all, crash-storm
  --peer NAME        one peer; without a floor, ratios are to the best that there is
  --threads N        so many threads handle messages, for smsexec, tokio, ractor, kameo and
                     erlang; 1
  --alone WORKLOAD COMPONENTS
                     one row of one peer in this process, told as JSON: what the other forms call
";

/// Whoever is measured, in the order of the columns. `threads` handle messages, where a peer can
/// have several of them.
fn peers(threads: u8) -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(floors::Loop),
        Box::new(floors::Channel),
        Box::new(smsexec::Smsexec { threads, gathers: 1 }),
        Box::new(smsexec::Smsexec { threads, gathers: 256 }),
        Box::new(stakker_peer::OnOneThread),
        Box::new(actix_peer::Actix),
        Box::new(tokio_tasks::Tokio { threads }),
        Box::new(ractor_peer::Ractor { threads }),
        Box::new(kameo_peer::Kameo { threads }),
        Box::new(erlang::Erlang { threads }),
    ]
}

/// What was asked for on the command line.
#[derive(Debug)]
struct Arguments {
    quick: bool,
    only: Option<String>,
    peer: Option<String>,
    threads: NonZeroU8,
    alone: Option<(String, u32)>,
}

impl Arguments {
    /// None if they are not understood.
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (quick, only, peer, threads) = (false, None, None, NonZeroU8::MIN);
        let mut arguments = Arguments { quick, only, peer, threads, alone: None };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => arguments.quick = true,
                "--only" => arguments.only = Some(words.next()?),
                "--peer" => arguments.peer = Some(words.next()?),
                "--threads" => arguments.threads = words.next()?.parse().ok()?,
                "--alone" => {
                    let (workload, components) = (words.next()?, words.next()?);
                    arguments.alone = Some((workload, components.parse().ok()?));
                }
                _ => return None,
            }
        }
        Some(arguments)
    }

    fn plan(&self) -> Plan {
        if self.quick { Plan::QUICK } else { Plan::FULL }
    }

    /// What another process of this program is to know.
    fn handed_on(&self) -> Vec<String> {
        let quick = self.quick.then(|| "--quick".to_owned());
        quick.into_iter().chain(["--threads".to_owned(), self.threads.to_string()]).collect()
    }
}

/// Says nothing about the panics of a storm, and everything about others. Hooks that are set
/// later have to hand on what is not theirs.
fn keep_quiet_about_storms() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(STORM) {
            before(info);
        }
    }));
}

/// Measures one row of one peer, here and now.
fn alone(arguments: &Arguments, workload: &str, components: u32) -> ExitCode {
    keep_quiet_about_storms();
    let is_it = |row: &Row| row.workload.name() == workload && row.components == components;
    let row = arguments.plan().rows().into_iter().find(is_it);
    let mut peers = peers(arguments.threads.get()).into_iter();
    let peer = peers.find(|peer| Some(peer.name()) == arguments.peer.as_deref());
    let (Some(row), Some(peer)) = (row, peer) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let told = trial::alone(&row, peer.as_ref(), io::stdout());
    // What is left of a million actors goes with the process.
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures rows, peer by peer; tells whether all came to their end.
fn compare(rows: &[Row], peers: &[&'static str], arguments: &[String]) -> (Report, bool) {
    let (mut report, mut complete) = (Report::new(peers.to_vec()), true);
    for row in rows {
        for peer in peers {
            eprintln!("{} of {} with {peer}", row.workload, row.components);
            match trial::measure(row, peer, arguments) {
                Ok(outcomes) => outcomes.iter().for_each(|it| report.add(row, peer, it)),
                Err(reason) => {
                    eprintln!("{} of {} with {peer}: {reason}", row.workload, row.components);
                    complete = false;
                }
            }
        }
    }
    (report, complete)
}

/// Where cargo puts what it makes.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some((workload, components)) = &arguments.alone {
        return alone(&arguments, workload, *components);
    }
    let (only, named) = (arguments.only.as_deref(), arguments.peer.as_deref());
    let mut peers = peers(arguments.threads.get());
    peers.retain(|peer| named.is_none_or(|name| name == peer.name()));
    peers.retain(|peer| match peer.prepare() {
        Ok(()) => true,
        Err(reason) => {
            eprintln!("without {}: {reason}", peer.name());
            false
        }
    });
    let peers: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
    let mut rows = arguments.plan().rows();
    rows.retain(|row| only.is_none_or(|name| row.has(name)));
    if peers.is_empty() || rows.is_empty() {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }
    let (report, complete) = compare(&rows, &peers, &arguments.handed_on());
    print!("{}", report.table());
    let file = target_folder().join("peers.json");
    match report.write(&file) {
        Ok(()) if complete => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
