//! The `smsexec` command from outside: pipes, scripts, exit statuses, bad input.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SMSEXEC: &str = env!("CARGO_BIN_EXE_smsexec");

/// Runs the command in `folder` with these arguments and lines on standard input.
fn smsexec(folder: &Path, arguments: &[&str], lines: &str) -> Output {
    let mut child = Command::new(SMSEXEC)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // One that leaves without reading its lines closes the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(lines.as_bytes());
    child.wait_with_output().expect("the command ends")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn problems(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[track_caller]
fn status(output: &Output, expected: i32) {
    assert_eq!(output.status.code(), Some(expected), "{}\n{}", out(output), problems(output));
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn lines_through_a_pipe_drive_a_live_site_in_the_default_folder() {
    let folder = folder();
    let output = smsexec(folder.path(), &[], "query SMS_DMP_DOWNLOADER\nadvance 0s\n");
    status(&output, 0);
    assert!(out(&output).contains("Running (4)"), "{}", out(&output));
    let log = fs::read_to_string(folder.path().join("site/logs/Dmpdownloader.log")).unwrap();
    assert!(log.contains("STATMSG: ID=500"), "{log}");
    assert!(log.contains("$$<SMS_DMP_DOWNLOADER><"), "{log}");
    let worker = folder.path().join("site/logs/EndpointConnectivityCheckWorker.log");
    assert!(fs::read_to_string(worker).unwrap().contains("<![LOG["));
    for log in ["Dmpuploader.log", "distmgr.log", "smsexec.log"] {
        assert!(folder.path().join("site/logs").join(log).exists(), "{log}");
    }
}

#[test]
fn the_exit_status_tells_how_it_went() {
    let folder = folder();
    for (lines, expected) in [
        ("query", 0),
        ("# nothing\n\n", 0),
        ("start SMS_DMP_DOWNLOADER", 0),
        ("start SMS_DMP_DOWNLOADER --strict", 5),
        ("stop SMS_DMP_DOWNLOADER\nquery SMS_DMP_DOWNLOADER\n", 3),
        ("stop SMS_DMP_DOWNLOADER\nquery SMS_DMP_DOWNLOADER\necho went on\n", 0),
        ("query SMS_NOBODY", 4),
        ("stpo all", 2),
        ("stop", 2),
        ("expect Stopped query SMS_DMP_DOWNLOADER", 7),
        ("control 200 SMS_DMP_DOWNLOADER", 5),
    ] {
        let output = smsexec(folder.path(), &["--sim"], lines);
        status(&output, expected);
    }
}

#[test]
fn a_script_that_goes_wrong_says_where_and_stops() {
    let folder = folder();
    fs::write(folder.path().join("s.sms"), "query\nstop SMS_NOBODY\nmode offline\n").unwrap();
    let output = smsexec(folder.path(), &["--sim", "run", "s.sms"], "");
    status(&output, 4);
    assert!(problems(&output).contains("s.sms:2:"), "{}", problems(&output));
    assert!(!out(&output).contains("offline"), "{}", out(&output));

    let output = smsexec(folder.path(), &["--sim", "run", "missing.sms"], "");
    status(&output, 1);
    assert!(problems(&output).contains("missing.sms"), "{}", problems(&output));
}

#[test]
fn unknown_verbs_and_names_are_answered_with_the_nearest() {
    let folder = folder();
    let output = smsexec(folder.path(), &["--sim"], "stpo all");
    assert!(problems(&output).contains("stop"), "{}", problems(&output));
    let output = smsexec(folder.path(), &["--sim"], "query SMS_DMP_DOWNLAODER");
    let said = problems(&output);
    assert!(said.contains("1060") && said.contains("SMS_DMP_DOWNLOADER"), "{said}");
}

#[test]
fn json_is_the_same_data_on_standard_output_alone() {
    let folder = folder();
    let output = smsexec(folder.path(), &["--sim", "--json"], "query dmp_downloader");
    status(&output, 0);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = told.to_string();
    assert!(text.contains("SMS_DMP_DOWNLOADER") && text.contains("Running"), "{text}");
}

#[test]
fn a_malformed_site_file_lists_every_problem_with_its_line() {
    let folder = folder();
    fs::create_dir(folder.path().join("site")).unwrap();
    let file = "code = \"TOOLONG\"\nversion = \"five\"\ncolour = \"red\"\n";
    fs::write(folder.path().join("site/site.toml"), file).unwrap();
    for arguments in [&["--sim"][..], &[]] {
        let output = smsexec(folder.path(), arguments, "query");
        status(&output, 2);
        for line in ["site.toml:1:", "site.toml:2:", "site.toml:3:"] {
            assert!(problems(&output).contains(line), "{line}\n{}", problems(&output));
        }
    }
}

#[test]
fn the_printed_site_file_is_one_that_a_site_starts_with() {
    let folder = folder();
    let file = smsexec(folder.path(), &["init"], "").stdout;
    fs::create_dir(folder.path().join("site")).unwrap();
    fs::write(folder.path().join("site/site.toml"), file).unwrap();
    status(&smsexec(folder.path(), &["--sim"], "query"), 0);
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = folder();
    let _first = edge::Embedded::start(&folder.path().join("site"), 1).expect("it starts");
    let output = smsexec(folder.path(), &[], "query");
    status(&output, 1);
    assert!(problems(&output).contains("site"), "{}", problems(&output));
}

#[test]
fn a_measurement_writes_what_it_shows_and_nonsense_is_refused_before_it_begins() {
    let folder = folder();
    let tiny = ["bench", "--components", "4", "--messages", "500", "--runs", "1"];
    let files = ["--save", "report.json", "--html", "report.html"];
    let output = smsexec(folder.path(), &[&tiny[..], &files].concat(), "");
    status(&output, 0);
    assert!(out(&output).contains("host / loop"), "{}", out(&output));
    assert_eq!(problems(&output), "", "no progress is shown where there is no terminal");
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).expect("it was written");
    let saved: serde_json::Value = serde_json::from_str(&read("report.json")).expect("JSON");
    assert_eq!(saved["throughput"][0]["messages"], 500);
    assert!(read("report.html").contains("<svg"));
    assert!(!folder.path().join("site").exists(), "no site is touched");

    let output = smsexec(folder.path(), &[&tiny[..], &["--json", "--seed", "9"]].concat(), "");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["workload"]["seed"], 9);

    for (more, said) in [
        (&["--payload", "3"][..], "--payload: 3 bytes are less than"),
        (&["--sim"], "--sim: virtual time has no speed"),
        (&["--skew", "even"], "possible values: uniform, zipf, hot"),
    ] {
        let output = smsexec(folder.path(), &[&tiny[..], more].concat(), "");
        status(&output, 2);
        assert!(problems(&output).contains(said), "{}", problems(&output));
    }
    let output = smsexec(folder.path(), &[&tiny[..], &["--save", "no/such/folder"]].concat(), "");
    status(&output, 1);
    assert!(problems(&output).contains("no/such/folder"), "{}", problems(&output));
}
