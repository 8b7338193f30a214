//! How fast smsexec and other actor frameworks hand over messages: the same workloads, the same
//! components, in the same run.
//!
//! `cargo run --release -p peers` prints a table and writes `peers.json` into the target folder.
//! A figure is a rate; what carries over to another machine is its ratio to the floor.

mod actix_peer;
mod engine;
mod floors;
mod gauge;
mod kameo_peer;
mod plan;
mod ractor_peer;
mod report;
mod smsexec;
mod stakker_peer;
#[cfg(test)]
mod tests;
mod tokio_tasks;
mod workload;

use std::num::NonZeroU8;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use plan::{Plan, Row};
use report::Report;
use workload::{Peer, STORM};

const USAGE: &str = "\
peers: the dispatch speed of actor frameworks on the same workloads

  --quick            fewer messages, and few sizes beyond 10,000
  --only WORKLOAD    spread, spread-2p, ring, ping-pong, query-all, restart-all, crash-storm
  --peer NAME        one peer; without a floor, ratios are to the best that there is
  --threads N        so many threads handle messages, for smsexec, tokio, ractor and kameo; 1
";

/// Whoever is measured, in the order of the columns. `threads` handle messages, where a peer can
/// have several of them. A peer that is not on every machine (Erlang, say) joins if it is there.
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
    ]
}

/// What was asked for on the command line.
#[derive(Debug)]
struct Arguments {
    quick: bool,
    only: Option<String>,
    peer: Option<String>,
    threads: NonZeroU8,
}

impl Arguments {
    /// None if they are not understood.
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (quick, only, peer, threads) = (false, None, None, NonZeroU8::MIN);
        let mut arguments = Arguments { quick, only, peer, threads };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => arguments.quick = true,
                "--only" => arguments.only = Some(words.next()?),
                "--peer" => arguments.peer = Some(words.next()?),
                "--threads" => arguments.threads = words.next()?.parse().ok()?,
                _ => return None,
            }
        }
        Some(arguments)
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

fn measure(row: &Row, peers: &[Box<dyn Peer>], report: &mut Report) {
    for peer in peers {
        eprintln!("{} of {} with {}", row.workload, row.components, peer.name());
        if let Some(measured) = row.median(peer.as_ref()) {
            report.add(row, peer.name(), measured);
        }
    }
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
    keep_quiet_about_storms();
    let mut peers = peers(arguments.threads.get());
    let (only, named) = (arguments.only.as_deref(), arguments.peer.as_deref());
    peers.retain(|peer| named.is_none_or(|name| name == peer.name()));
    let mut rows = if arguments.quick { Plan::QUICK } else { Plan::FULL }.rows();
    rows.retain(|row| only.is_none_or(|name| name == row.workload.name()));
    if peers.is_empty() || rows.is_empty() {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    }
    let mut report = Report::new(peers.iter().map(|peer| peer.name()).collect());
    rows.iter().for_each(|row| measure(row, &peers, &mut report));
    print!("{}", report.table());
    let file = target_folder().join("peers.json");
    match report.write(&file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
