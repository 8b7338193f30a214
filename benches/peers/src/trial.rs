//! One row of one peer, in a process of its own.
//!
//! Nobody inherits what another has left behind: a heap in pieces, threads, a million actors to
//! be torn down. Who hangs is ended, and who takes too much takes nobody along.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::peer::Peer;
use crate::plan::{self, Outcome, Row};

/// A process has this long. What is measured takes a few seconds at most, and the gauges give up
/// before.
const LIMIT: Duration = Duration::from_secs(120);

/// Has the row measured by other processes of this program, called with `arguments` too; nothing
/// comes of it if the peer cannot do that.
///
/// # Errors
/// In words, why there is no figure.
pub(crate) fn measure(row: &Row, peer: &str, arguments: &[String]) -> Result<Vec<Outcome>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let (processes, _) = row.runs();
    plan::median(processes, || {
        let mut command = Command::new(&program);
        command.args(arguments).args(["--peer", peer]);
        command.args(["--alone", row.workload.name(), &row.components.to_string()]);
        let told = watch(&mut command, LIMIT)?;
        serde_json::from_str(&told).map_err(|error| error.to_string())
    })
}

/// What such a process does.
///
/// # Errors
/// Those of what it tells its outcomes to.
pub(crate) fn alone(row: &Row, peer: &dyn Peer, tells: impl io::Write) -> io::Result<()> {
    let (mut job, (_, runs)) = (row.job(peer.name()), row.runs());
    job.is_last = runs == 1;
    let outcomes = plan::median(runs, || io::Result::Ok(row.once(peer, &job)))?;
    Ok(serde_json::to_writer(tells, &outcomes)?)
}

/// Runs a program, and tells what it has written. After `limit`, it is ended.
///
/// # Errors
/// In words, how it went wrong.
fn watch(command: &mut Command, limit: Duration) -> Result<String, String> {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| error.to_string())?;
    let mut output = child.stdout.take().expect("it was asked for");
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        let _ = tell.send(output.read_to_string(&mut text).map(|_| text));
    });
    let heard = told.recv_timeout(limit);
    if heard.is_err() {
        // It may have ended by itself in between.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let Ok(text) = heard else { return Err(format!("not done after {limit:?}")) };
    reader.join().expect("it only reads");
    if !status.success() {
        return Err(status.to_string());
    }
    text.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hangs_is_ended_and_who_fails_says_how() {
        let mut hangs = Command::new("sh");
        hangs.args(["-c", "read forever"]);
        // The way in stays open until it has ended.
        let told = watch(&mut hangs, Duration::from_millis(100));
        assert_eq!(told, Err("not done after 100ms".to_owned()));
        let mut fails = Command::new("sh");
        fails.args(["-c", "echo half; exit 3"]);
        assert!(watch(&mut fails, LIMIT).is_err_and(|reason| reason.contains('3')));
        let mut tells = Command::new("sh");
        tells.args(["-c", "echo all"]);
        assert_eq!(watch(&mut tells, LIMIT), Ok("all\n".to_owned()));
    }
}
