//! The prompt in a pseudo-terminal: what a person at it sees.
#![cfg(unix)]

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

/// Generous: a loaded machine must not fail it, and a passing test never waits for it.
const WITHIN_MS: u64 = 60_000;

fn prompt(folder: &std::path::Path, arguments: &[&str]) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smsexec"));
    command.args(arguments).current_dir(folder).env("TERM", "xterm");
    spawn_command(command, Some(WITHIN_MS)).expect("a pseudo-terminal")
}

/// The editor asks a terminal where its cursor is; nobody else answers here.
fn answer_cursor(session: &mut PtySession) {
    session.exp_string("\u{1b}[6n").expect("the editor asks for the cursor");
    session.send("\u{1b}[1;1R").expect("the terminal answers");
    session.flush().expect("the terminal answers");
}

#[test]
fn the_prompt_shows_the_status_first_edits_completes_and_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut session = prompt(folder.path(), &["--sim"]);
    session.exp_string("SMS_DMP_DOWNLOADER").expect("the status comes first");
    answer_cursor(&mut session);
    session.exp_string("PS1>").expect("the prompt");

    // Typed wrong, corrected with backspace, completed with tab.
    session.send("stox\u{7f}p dmp_dow\t").expect("typing");
    session.flush().expect("typing");
    session.exp_string("SMS_DMP_DOWNLOADER").expect("the completed name");
    session.send("\r").expect("enter");
    session.flush().expect("enter");
    session.exp_string("Stopped").expect("the outcome");

    answer_cursor(&mut session);
    session.exp_string("PS1>").expect("the prompt again");
    session.send("\u{4}").expect("ctrl-d");
    session.flush().expect("ctrl-d");
    session.exp_eof().expect("it leaves");
}
