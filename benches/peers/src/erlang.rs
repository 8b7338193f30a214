//! Erlang: one process a component, in a runtime of its own ([peers.erl](peers.erl)), where `erl`
//! and `erlc` are on the path.
//!
//! A message is a small integer or a tagged tuple, sent with `!`; a component is a loop that
//! receives and calls itself, with what it knows in its arguments, which is what all of OTP is made
//! of and faster than a `gen_server`. Producers are processes too. So that nobody has to multiply
//! numbers that are too large for a word, what is drawn is handed over in a file and is in memory
//! before the time begins; a word is the upper half of what the others get, which is as much as
//! Erlang has without an allocation. What is down is started anew by whoever waits, as with bare
//! tasks; in a storm of crashes, by one process that has a monitor on each, which is what a
//! `simple_one_for_one` supervisor does, without its books. An exit is what a panic is elsewhere.
//!
//! There is a scheduler for each thread that handles messages and one for those who send; where
//! those who send are components, there is one for all, and in a ring on two threads there are
//! two, but who is where is for them to say.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::draw::Share;
use crate::job::Job;
use crate::peer::{Again, Asked, Lives, Measured, Peer};

const SOURCE: &str = include_str!("peers.erl");
/// As many processes as there may be at once: components, and those it has for itself.
const PROCESSES_MAX: &str = "2000000";

pub(crate) struct Erlang {
    /// Schedulers for those who handle messages.
    pub(crate) threads: u8,
}

/// What a run has told: what was done, how long it took, and numbers that depend on the workload.
struct Told {
    operations: u64,
    taken: Duration,
    last: [u64; 3],
}

/// Beside this program: what others of it find.
fn folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().expect("a program is in a folder").join("peers-erlang"))
}

/// Compiles the source, and sees whether what came of it could be run.
fn compile() -> io::Result<()> {
    let folder = folder()?;
    fs::create_dir_all(&folder)?;
    let source = folder.join("peers.erl");
    fs::write(&source, SOURCE)?;
    for command in [
        Command::new("erlc").arg("-o").arg(&folder).arg(&source),
        Command::new("erl").arg("-version").stderr(Stdio::null()),
    ] {
        let status = command.status()?;
        if !status.success() {
            return Err(io::Error::other(format!("{:?}: {status}", command.get_program())));
        }
    }
    Ok(())
}

/// Writes what a producer sends: for each message its receiver and a word, 32 bits each.
fn write(share: Share, file: &PathBuf) -> io::Result<()> {
    let mut writer = io::BufWriter::new(fs::File::create(file)?);
    for (to, word) in share {
        writer.write_all(&to.to_be_bytes())?;
        writer.write_all(&short(word).to_be_bytes())?;
    }
    writer.flush()
}

fn short(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Of what was handled, by whom.
fn sum(messages: impl Iterator<Item = (u32, u64)>) -> u64 {
    messages.fold(0, |sum: u64, (to, word)| {
        sum.wrapping_add(word.wrapping_mul(u64::from(to) + 1)) //
    })
}

/// Runs a workload on so many schedulers. `shares` are written to files while it runs.
fn run(
    workload: &str,
    schedulers: u8,
    job: &Job,
    extra: u64,
    shares: Vec<Share>,
) -> io::Result<Told> {
    let folder = folder()?;
    let name = |number| folder.join(format!("share-{}-{number}", std::process::id()));
    let files: Vec<_> = (0..shares.len()).map(name).collect();
    let written = shares.into_iter().zip(&files).try_for_each(|(share, file)| write(share, file));
    let mut command = Command::new("erl");
    command.args(["+P", PROCESSES_MAX, "+S", &schedulers.to_string()]);
    command.args(["-noinput", "-boot", "no_dot_erlang", "-pa"]).arg(&folder);
    command.args(["-run", "peers", "main", workload, &job.components.to_string()]);
    command.args([job.operations.to_string(), extra.to_string()]).args(&files);
    let output = written.and_then(|()| command.stderr(Stdio::inherit()).output());
    files.iter().for_each(|file| drop(fs::remove_file(file)));
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Option<Vec<u64>> = text.split_whitespace().map(|it| it.parse().ok()).collect();
    match (output.status.success(), numbers.as_deref()) {
        (true, Some(&[operations, nanoseconds, one, two, three])) => {
            let (taken, last) = (Duration::from_nanos(nanoseconds), [one, two, three]);
            Ok(Told { operations, taken, last })
        }
        _ => Err(io::Error::other(format!("{}: {text}", output.status))),
    }
}

impl Erlang {
    /// Runs a workload as [`run`] does.
    ///
    /// # Panics
    /// If it does not come to its end, or has not done what it was to.
    #[track_caller]
    fn told(workload: &str, schedulers: u8, job: &Job, extra: u64, shares: Vec<Share>) -> Told {
        let told = run(workload, schedulers, job, extra, shares);
        let told = told.unwrap_or_else(|error| panic!("{}: {error}", job.label));
        assert_eq!(told.operations, job.operations, "{}: operations", job.label);
        told
    }

    /// The same, where it tells the sum of what was handled.
    #[track_caller]
    fn handled(workload: &str, schedulers: u8, job: &Job, extra: u64, sum: u64) -> Measured {
        let shares = (0..job.producers).map(|number| job.share(number));
        let shares = if workload == "ring" { Vec::new() } else { shares.collect() };
        let told = Erlang::told(workload, schedulers, job, extra, shares);
        assert_eq!(told.last[0], sum, "{}: what was in the messages", job.label);
        Measured { operations: told.operations, taken: told.taken, hash: sum }
    }

    fn ring_on(schedulers: u8, job: &Job) -> Measured {
        let tokens = job.tokens().count() as u64;
        Erlang::handled("ring", schedulers, job, tokens, sum(job.hops()))
    }
}

/// Of everything that is sent.
fn sum_of_shares(job: &Job) -> u64 {
    let shares = (0..job.producers).flat_map(|number| job.share(number));
    sum(shares.map(|(to, word)| (to, short(word).into())))
}

impl Peer for Erlang {
    fn name(&self) -> &'static str {
        "erlang"
    }

    fn prepare(&self) -> Result<(), String> {
        compile().map_err(|error| format!("erlc and erl: {error}"))
    }

    fn spread(&self, job: &Job) -> Option<Measured> {
        Some(Erlang::handled("spread", self.threads + 1, job, 0, sum_of_shares(job)))
    }

    fn spread_inside(&self, job: &Job) -> Option<Measured> {
        Some(Erlang::handled("spread-inside", 1, job, 0, sum_of_shares(job)))
    }

    fn ring(&self, job: &Job) -> Option<Measured> {
        Some(Erlang::ring_on(self.threads, job))
    }

    fn ring_of_two(&self, job: &Job) -> Option<Measured> {
        Some(Erlang::ring_on(2, job))
    }

    fn query_all(&self, job: &Job) -> Option<Asked> {
        let shares = vec![job.share(0)];
        let asked = job.rounds() * u64::from(job.components);
        let told = Erlang::told("query-all", self.threads + 1, job, job.rounds(), shares);
        let [counted, sent, sum] = told.last;
        assert_eq!(sum, sum_of_shares(job), "{}: what was in the messages", job.label);
        let taken = Duration::from_nanos(sent);
        let spread = Measured { operations: job.operations, taken, hash: sum };
        Some(job.answered(spread, counted, asked, told.taken))
    }

    fn lives(&self, job: &Job) -> Option<Lives> {
        let told = Erlang::told("lives", self.threads + 1, job, 0, Vec::new());
        let (once, [bytes, stop, start]) = (told.operations, told.last);
        let [stop, start] = [stop, start].map(Duration::from_nanos);
        let again = Again {
            stops: job.lives(2, 2 * once, 1, once, stop),
            starts: job.lives(2, 2 * once, 1, once, start),
        };
        let starts = job.lives(1, once, 0, 0, told.taken);
        Some(Lives { starts, bytes: Some(bytes), again: Some(again) })
    }

    fn crash_storm(&self, job: &Job) -> Option<Measured> {
        let told = Erlang::told("crash-storm", self.threads, job, job.rounds(), Vec::new());
        let starts = job.operations + u64::from(job.components);
        assert_eq!(told.last[0], starts, "{}: starts", job.label);
        Some(Measured { operations: told.operations, taken: told.taken, hash: told.last[0] })
    }
}
