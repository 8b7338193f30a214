//! Golden transcripts, one per verb; lines nobody thought of; and the corners between verbs.
//!
//! A transcript in `golden/` is what an operator would see: `PS1> ` before each line, what went
//! to standard error behind `! `, and the status where it is not 0. Set `SMSEXEC_BLESS` to write
//! them anew, then read the difference.

use std::collections::BTreeSet;
use std::path::PathBuf;

use contract::Code;
use contract::control::{Refusal, Told};
use contract::lifecycle::{CommandOptions, HoldKind};
use proptest::prelude::*;

use crate::console::{Console, Options, Reply};
use crate::exit::ExitStatus;
use crate::fake::FakeHost;
use crate::verb_list_markdown;
use crate::verbs::VERBS;

const PROMPT: &str = "PS1> ";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"))
}

fn options() -> Options {
    let known = |id| match id {
        11412 => Some("An endpoint is out of reach.".to_owned()),
        // As the catalogue has it: with the id in front, on several lines.
        4629 => Some("4629 (Error, SMS Server)\nIt failed.\nthe text is our own".to_owned()),
        _ => None,
    };
    Options { status_text: Some(Box::new(known)), ..Options::default() }
}

fn shown(reply: &Reply) -> String {
    let mut text = reply.text.clone();
    for problem in reply.problems.lines() {
        text += &format!("! {problem}\n");
    }
    if reply.status != ExitStatus::DONE {
        text += &format!("[{}]\n", reply.status);
    }
    if reply.quit {
        text += "[left]\n";
    }
    text
}

/// Types the lines of a transcript into a host of its own and tells what comes of it. The host
/// is the good one, the one in trouble after a line `# trouble`, and the supervised one after
/// `# supervised`.
fn replay(transcript: &str) -> String {
    let (mut text, mut host) = (String::new(), FakeHost::site());
    for line in transcript.lines() {
        let other = match line {
            "# trouble" => FakeHost::trouble(),
            "# supervised" => FakeHost::supervised(),
            line => {
                text += &answered(&mut Console::new(&mut host, options()), line);
                continue;
            }
        };
        host = other;
        text += &format!("{line}\n");
    }
    text
}

fn answered(console: &mut Console<'_>, line: &str) -> String {
    match line.strip_prefix(PROMPT) {
        Some(typed) => format!("{line}\n{}", shown(&console.exec(typed))),
        None => String::new(),
    }
}

#[test]
fn every_verb_has_a_transcript_and_keeps_to_it() {
    let bless = std::env::var_os("SMSEXEC_BLESS").is_some();
    for name in VERBS.iter().map(|verb| verb.name).chain(["typing"]) {
        let path = golden(name);
        let wanted = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("verb {name} has no transcript {path:?}: {error}"));
        let is_of_verb = wanted.contains(&format!("{PROMPT}{name}")) || name == "typing";
        assert!(is_of_verb, "{path:?} never types {name}");
        let got = replay(&wanted);
        if bless {
            std::fs::write(&path, &got).unwrap();
        }
        assert!(bless || got == wanted, "{path:?} says\n{wanted}\nand the console\n{got}");
    }
}

#[test]
fn no_transcript_is_of_a_verb_that_is_gone() {
    let names: BTreeSet<&str> = VERBS.iter().map(|verb| verb.name).chain(["typing"]).collect();
    for entry in std::fs::read_dir(golden("x").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(name), "{path:?} is of no verb");
    }
}

#[test]
fn the_table_of_verbs_is_sorted_and_every_entry_complete() {
    assert!(VERBS.is_sorted_by(|a, b| a.name < b.name));
    let mut names = BTreeSet::new();
    for verb in VERBS {
        verb.command().debug_assert();
        assert!(verb.names().all(|name| names.insert(name)), "{} is there twice", verb.name);
        assert!(!verb.about.is_empty() && !verb.about.ends_with('.'), "{}", verb.name);
        assert!(!verb.examples.is_empty(), "{} has no example", verb.name);
    }
}

#[test]
fn every_example_can_be_typed() {
    for verb in VERBS {
        for (line, _) in verb.examples {
            assert!(verb.names().any(|name| line.starts_with(name)), "{line}");
            let words = shlex::split(line).unwrap();
            let parsed = verb.command().try_get_matches_from(&words[1..]);
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }
}

#[test]
fn the_list_for_readme_has_every_verb() {
    let list = verb_list_markdown();
    assert_eq!(list.lines().count(), VERBS.len() + 2);
    assert!(list.contains("| `resume`, `continue` | Let paused components go on |\n"));
}

#[test]
fn json_is_one_document_on_standard_output_and_holds_what_the_grid_holds() {
    for line in [
        "query",
        "components",
        "status",
        "messages",
        "logs",
        "logs smsexec.log",
        "mode",
        "mode offline",
        "settings",
        "cloud",
        "advance 1h",
        "exec query",
        "stop all nobody",
        "restart all",
        "explain 1062",
        "wait all Running",
        "wait all settled",
        "crashes",
        "crashes --trace",
        "dead-letters",
        "hold all --for 1h",
        "release all",
        "remove all",
        "startup all",
        "startup all manual",
        "backup",
    ] {
        let typed = format!("{line} --json");
        let on_verb = Console::new(&mut FakeHost::site(), options()).exec(&typed);
        let everywhere = Options { json: true, ..options() };
        let global = Console::new(&mut FakeHost::site(), everywhere).exec(line);
        assert_eq!(on_verb, global, "{line}");
        let value: serde_json::Value = serde_json::from_str(&on_verb.text)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}", on_verb.text));
        assert!(!value.is_null(), "{line}");
    }
    let reply = Console::new(&mut FakeHost::trouble(), options()).exec("query --json");
    let rows: serde_json::Value = serde_json::from_str(&reply.text).unwrap();
    assert_eq!(rows[0]["scm_state"], 3);
    assert_eq!(rows[0]["inbox"], 1234);
    assert_eq!(rows[1]["last_exit"], "panicked at a.rs:7: no\nmanifest\u{1b}[2J");
    assert_eq!(rows[2]["since"], "2026-11-20T00:00:00Z");
}

#[test]
fn a_narrow_terminal_gets_a_narrow_table() {
    let options = Options { width: Some(80), ..options() };
    let reply = Console::new(&mut FakeHost::trouble(), options).exec("query");
    assert!(reply.text.lines().all(|line| line.chars().count() <= 80), "{}", reply.text);
    assert!(!reply.text.contains("SINCE"), "{}", reply.text);
}

#[test]
fn a_stop_that_is_interrupted_says_so_and_can_be_waited_for() {
    let mut host = FakeHost::site();
    let mut console = Console::new(&mut host, options());
    console.options.interrupt.raise();
    let reply = console.exec("stop dmp_downloader");
    assert_eq!(reply.status, ExitStatus::INTERRUPTED);
    assert!(reply.problems.contains("wait --op 1"), "{}", reply.problems);
    assert_eq!(console.exec("wait --op 1").status, ExitStatus::DONE);
    console.options.interrupt.raise();
    assert_eq!(console.exec("wait dmp_downloader Running").status, ExitStatus::INTERRUPTED);
    assert_eq!(console.exec("query dmp_uploader").status, ExitStatus::DONE);
}

#[test]
fn on_real_time_an_operation_is_waited_for_piece_by_piece() {
    let doomed = |host: &mut FakeHost| {
        host.live = true;
        host.doomed.insert("SMS_DMP_UPLOADER".into(), Code::REQUEST_TIMEOUT);
    };
    // Not done in time: all of the time, in pieces, and the whole of it in the answer.
    let mut host = FakeHost::site();
    doomed(&mut host);
    let reply = Console::new(&mut host, options()).exec("stop dmp_uploader --within 1s");
    assert_eq!(reply.status, ExitStatus::TIMED_OUT);
    assert!(reply.problems.contains("not done within 1s"), "{}", reply.problems);
    assert_eq!(host.waits, 10);
    // Interrupted on the way: this one and those behind it.
    let mut host = FakeHost::site();
    doomed(&mut host);
    let options = options();
    host.raises = Some((contract::Moment(300_350_000_000), options.interrupt.clone()));
    let reply = Console::new(&mut host, options).exec("stop dmp_uploader service_connector");
    assert_eq!(reply.status, ExitStatus::INTERRUPTED);
    assert!(reply.problems.contains("wait --op 1 "), "{}", reply.problems);
    assert!(reply.problems.contains("wait --op 2 "), "{}", reply.problems);
    assert_eq!(host.waits, 4);
    // The same of wait --op.
    let options = self::options();
    host.raises = Some((contract::Moment(300_650_000_000), options.interrupt.clone()));
    let reply = Console::new(&mut host, options).exec("wait --op 1");
    assert_eq!(reply.status, ExitStatus::INTERRUPTED);
    assert!(reply.problems.contains("op #1: interrupted"), "{}", reply.problems);
}

#[test]
fn the_host_waits_and_meets_the_moment() {
    let waited = |host: &mut FakeHost, line: &str| {
        let reply = Console::new(host, options()).exec(&format!("{line} --json"));
        let told: serde_json::Value = serde_json::from_str(&reply.text).unwrap();
        (told[0]["waited_ms"].as_u64().unwrap(), reply.status)
    };
    let at = |ms: u64| contract::Moment(300_000_000_000 + ms * 1_000_000);
    for due_ms in [10, 70, 150, 9_990] {
        let mut host = FakeHost::trouble();
        host.due = vec![(at(due_ms), 2, contract::State::Running)];
        let told = waited(&mut host, "wait dmp_uploader Running");
        assert_eq!(told, (due_ms, ExitStatus::DONE));
        assert_eq!(host.waits, 1);
    }
    // A century in one go; of several each in its turn.
    let mut host = FakeHost::site();
    let told = waited(&mut host, "wait all Stopped --within 36500d");
    assert_eq!((told.1, host.waits), (ExitStatus::TIMED_OUT, 1));
    let mut host = FakeHost::site();
    host.due =
        vec![(at(20_000), 1, contract::State::Stopped), (at(10_000), 2, contract::State::Stopped)];
    assert_eq!(waited(&mut host, "wait dmp_* Stopped"), (20_000, ExitStatus::DONE));
    assert_eq!(host.waits, 2);
    // On real time a little at a time.
    let mut host = FakeHost::site();
    host.live = true;
    Console::new(&mut host, options()).exec("wait all Stopped --within 1s");
    assert_eq!(host.waits, 20);
    let mut host = FakeHost::site();
    host.live = true;
    let options = options();
    host.raises = Some((at(320), options.interrupt.clone()));
    let reply = Console::new(&mut host, options).exec("wait dmp_uploader Stopped");
    assert_eq!((reply.status, host.waits), (ExitStatus::INTERRUPTED, 7));
}

#[test]
fn what_fails_while_it_is_waited_for_is_waited_for_no_longer() {
    let mut host = FakeHost::trouble();
    host.due.clear();
    let mut console = Console::new(&mut host, options());
    console.exec("start dmp_downloader --no-wait");
    let reply = console.exec("wait dmp_downloader Running");
    assert_eq!(reply.status, ExitStatus::FAILED, "{}", reply.problems);
    assert!(reply.problems.contains("it will not be Running"), "{}", reply.problems);
    assert_eq!(host.waits, 1);
    assert_eq!(host.now(), contract::Moment(300_000_000_000));
}

#[test]
fn what_no_host_can_wait_for_is_looked_at_in_growing_steps() {
    for (within, most) in [("5m", 500), ("100d", 11_000), ("36500d", 11_000)] {
        let mut host = FakeHost::trouble();
        let line = format!("wait dmp_downloader Cleared --within {within}");
        let reply = Console::new(&mut host, options()).exec(&line);
        assert_eq!(reply.status, ExitStatus::TIMED_OUT, "{line}");
        assert!((20..most).contains(&host.waits), "{line}: {} looks", host.waits);
    }
    // It is Stopped, but in a life that is too early.
    let mut host = FakeHost::trouble();
    let line = "wait dmp_downloader Stopped --generation 2 --within 10ms";
    let reply = Console::new(&mut host, options()).exec(line);
    assert_eq!((reply.status, host.waits), (ExitStatus::TIMED_OUT, 1));
}

#[test]
fn a_host_that_tells_of_progress_and_makes_none_is_not_asked_for_ever() {
    let mut host = FakeHost::site();
    host.raves = Some(|row| Ok(row.clone()));
    let reply = Console::new(&mut host, options()).exec("wait dmp_uploader Stopped --within 1s");
    assert_eq!(reply.status, ExitStatus::TIMED_OUT);
    // One that says that the time is up has had its time.
    let mut host = FakeHost::site();
    host.raves = Some(|row| Err(Refusal::new(Code::REQUEST_TIMEOUT, row.name.as_str(), "", "")));
    let reply = Console::new(&mut host, options()).exec("wait dmp_uploader Stopped --within 1s");
    assert_eq!((reply.status, host.waits), (ExitStatus::TIMED_OUT, 1));
    // Any other refusal is the answer.
    host.raves = Some(|row| Err(Refusal::new(Code::EXISTS, row.name.as_str(), "", "")));
    let reply = Console::new(&mut host, options()).exec("wait dmp_uploader Stopped");
    assert_eq!(reply.status, ExitStatus::REFUSED);
}

#[test]
fn the_switches_of_a_line_reach_the_host() {
    let options_of = |line: &str| {
        let mut host = FakeHost::site();
        Console::new(&mut host, options()).exec(line);
        host.controls.iter().map(|(name, options)| (name.clone(), *options)).collect::<Vec<_>>()
    };
    let none = CommandOptions::default();
    let uploader = "SMS_DMP_UPLOADER";
    for (line, name, wanted) in [
        ("start dmp_uploader", uploader, none),
        ("start dmp_uploader --queue", uploader, CommandOptions { queue: true, ..none }),
        ("start dmp_uploader --force", uploader, CommandOptions { force: true, ..none }),
        ("stop dmp_uploader --dependents", uploader, CommandOptions { dependents: true, ..none }),
        ("stop dmp_uploader --persist", uploader, CommandOptions { persist: true, ..none }),
        ("restart dmp_uploader --queue", uploader, CommandOptions { queue: true, ..none }),
        ("restart --dependents group:x", "group:x", CommandOptions { dependents: true, ..none }),
        ("try-restart dmp_uploader --queue", uploader, CommandOptions { queue: true, ..none }),
        ("pause dmp_uploader", uploader, none),
    ] {
        assert_eq!(options_of(line), [(name.to_owned(), wanted)], "{line}");
    }
    for line in ["pause all --queue", "start all --persist", "stop all --force", "kill all --force"]
    {
        assert_eq!(options_of(line), [], "{line}");
    }
}

#[test]
fn a_group_is_commanded_once_and_its_members_with_it() {
    let mut host = FakeHost::supervised();
    Console::new(&mut host, options()).exec("stop dmp_* group:cloud GROUP:Cloud");
    let names: Vec<&str> = host.controls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["group:cloud", "SMS_DMP_UPLOADER"]);
    // A verb that knows no groups takes the members.
    let mut host = FakeHost::supervised();
    Console::new(&mut host, options()).exec("pause group:CLOUD");
    let names: Vec<&str> = host.controls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["SMS_DMP_DOWNLOADER", "SMS_SERVICE_CONNECTOR"]);
}

#[test]
fn what_a_command_came_to_and_that_it_is_not_kept_is_said_together() {
    let not_kept = "not kept, and lost with the process unless that is mended: the disk is full";
    for (line, done) in [
        ("startup dmp_uploader manual", "SMS_DMP_UPLOADER: Running; startup Manual; "),
        ("stop dmp_uploader --persist", "SMS_DMP_UPLOADER: Stopped (op #1); "),
        ("hold dmp_uploader --for 1h", "SMS_DMP_UPLOADER: Stopped (op #1); "),
        (
            "restart dmp_uploader --no-wait",
            "SMS_DMP_UPLOADER: Starting (op #1); accepted, not waited for; ",
        ),
        ("exec stop", "SMS_EXECUTIVE: Stopped (op #1); 0 of 4 components run; "),
    ] {
        let host = || {
            let mut host = FakeHost::site();
            host.unkept = Some("the disk is full");
            host
        };
        let reply = Console::new(&mut host(), options()).exec(line);
        assert_eq!(reply.text, format!("{done}{not_kept}\n"), "{line}");
        assert_eq!((reply.problems.as_str(), reply.status), ("", ExitStatus::DONE), "{line}");
        let reply = Console::new(&mut host(), options()).exec(&format!("{line} --json"));
        assert!(reply.text.contains("the disk is full"), "{line}: {}", reply.text);
    }
}

#[test]
fn what_there_is_to_say_of_a_component_is_said() {
    let mut host = FakeHost::supervised();
    let row = &mut host.rows[2];
    (row.state, row.hung, row.zombies) = (contract::State::StartPending, false, 2);
    row.waits_for = vec!["SMS_A".into(), "SMS_B".into()];
    row.holds = vec![HoldKind::Backup, HoldKind::Maintenance];
    let text = Console::new(&mut host, options()).exec("query dmp_uploader").text;
    for said in ["held by backup, maintenance", "waits for SMS_A, SMS_B", "2 zombies"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    host.service_says.exit_status = Some(21);
    let text = Console::new(&mut host, options()).exec("exec query").text;
    assert!(text.contains("; exit status 21; "), "{text}");
}

#[test]
fn an_advance_is_interrupted_between_two_days() {
    let mut host = FakeHost::site();
    let options = options();
    host.raises = Some((contract::Moment(90_000_000_000_000), options.interrupt.clone()));
    let reply = Console::new(&mut host, options).exec("advance 7d");
    assert_eq!(reply.status, ExitStatus::INTERRUPTED);
    assert!(reply.problems.contains("5d of 7d are left"), "{}", reply.problems);
    assert!(reply.text.starts_with("2026-11-22 00:05:00 UTC"), "{}", reply.text);
}

#[test]
fn a_long_value_is_cut_in_the_list_alone() {
    let mut host = FakeHost::site();
    let long = format!("24h{}", "0s".repeat(100));
    let mut console = Console::new(&mut host, options());
    assert_eq!(
        console.exec(&format!("settings set update_check_interval {long}")).status.number(),
        0
    );
    let list = console.exec("settings").text;
    assert!(list.lines().all(|line| line.len() < 130) && list.contains("0s0..."), "{list}");
    for whole in ["settings show update_check_interval", "settings --json"] {
        assert!(console.exec(whole).text.contains(&long), "{whole}");
    }
}

#[test]
fn what_a_terminal_would_swallow_is_shown() {
    let mut host = FakeHost::site();
    let mut console = Console::new(&mut host, options());
    for (line, shown) in [
        ("\u{1}query", "unknown verb \"\\x01query\""),
        ("query \u{1}dmp_uploader", "\\x01dmp_uploader: no component"),
        ("query \u{202e}x", "\\u{202e}x: no component"),
        ("help \u{7}stop", "\"\\x07stop\""),
        ("advance \u{1}1h", "'\\x011h'"),
    ] {
        let reply = console.exec(line);
        assert!(reply.problems.contains(shown), "{line:?}: {}", reply.problems);
    }
}

#[test]
fn a_host_that_answers_beside_the_point_is_told_on_and_survived() {
    for line in VERBS.iter().flat_map(|verb| verb.examples).map(|(line, _)| line) {
        for told in [Told::Components(Vec::new()), Told::Messages(Vec::new())] {
            let mut host = FakeHost::site();
            host.always = Some(told);
            Console::new(&mut host, options()).exec(line);
        }
    }
    let mut host = FakeHost::site();
    host.always = Some(Told::Messages(Vec::new()));
    let reply = Console::new(&mut host, options()).exec("query");
    assert_eq!(reply.status, ExitStatus::GENERIC);
    assert!(reply.problems.contains("another question"), "{}", reply.problems);
}

#[test]
fn text_from_the_host_cannot_drive_the_terminal_or_forge_a_row() {
    let mut host = FakeHost::site();
    host.rows[0].about = "\u{1b}]0;title\u{7}good\nSMS_FORGED  Automatic".into();
    let reply = Console::new(&mut host, options()).exec("components");
    assert_eq!(reply.text.lines().count(), 5, "{}", reply.text);
    assert!(reply.text.contains("good SMS_FORGED"), "{}", reply.text);
    // What is typed, or stands in a script, is no better.
    let reply = Console::new(&mut host, options()).exec("echo \u{1b}[31mred\u{7}");
    assert_eq!(reply.text, "red\n");
}

#[test]
fn a_line_has_an_end() {
    let mut host = FakeHost::site();
    let mut console = Console::new(&mut host, options());
    let longest = format!("echo {}", "x".repeat(crate::LINE_BYTES_MAX - "echo ".len()));
    assert_eq!(console.exec(&longest).status, ExitStatus::DONE);
    assert_eq!(console.exec(&(longest + "x")).status, ExitStatus::USAGE);
    let deep = "expect a ".repeat(5_000) + "echo a";
    assert_eq!(console.exec(&deep).status, ExitStatus::USAGE);
}

fn is_clean(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control())
}

fn check(line: &str, options: Options) -> Result<(), TestCaseError> {
    for mut host in [FakeHost::site(), FakeHost::trouble(), FakeHost::supervised()] {
        let reply =
            Console::new(&mut host, Options { width: options.width, ..self::options() }).exec(line);
        prop_assert!(is_clean(&reply.text) && is_clean(&reply.problems), "{reply:?}");
        prop_assert!(reply.text.is_empty() || reply.text.ends_with('\n'), "{reply:?}");
        let known = ExitStatus::KNOWN.iter().any(|(status, _)| *status == reply.status);
        prop_assert!(known, "{reply:?}");
        let told = reply.status.lets_a_script_go_on() || !reply.problems.is_empty();
        prop_assert!(told, "status {} and not a word on it: {line:?}", reply.status);
    }
    Ok(())
}

fn word() -> impl Strategy<Value = String> {
    let names: Vec<String> = VERBS
        .iter()
        .flat_map(|verb| verb.names())
        .chain([
            "all",
            "SMS_*",
            "state=Running",
            "state=",
            "dmp_downloader",
            "nobody",
            "Running",
            "4",
            "1062",
            "130",
            "online",
            "offline",
            "mode",
            "--json",
            "--strict",
            "--no-wait",
            "--within",
            "5s",
            "--last",
            "0",
            "--op",
            "--generation",
            "--not",
            "--queue",
            "--dependents",
            "--trace",
            "--for",
            "group:cloud",
            "group:",
            "manual",
            "settled",
            "--",
            "-x",
            "--help",
            "set",
            "show",
            "list",
            "publish",
            "fault",
            "heal",
            "slow",
            "status",
            "503",
            "2s",
            "5.00.9140.1000",
            "--size",
            "1g",
            "18446744073709551616",
            "''",
            "\"a b\"",
            "\\",
            "#",
        ])
        .map(str::to_owned)
        .collect();
    prop_oneof![8 => proptest::sample::select(names), 1 => ".{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_makes_it_panic(line in "\\PC{0,80}", width in proptest::option::of(0_u16..200)) {
        check(&line, Options { width, ..Options::default() })?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        check(&String::from_utf8_lossy(&bytes), Options::default())?;
    }

    #[test]
    fn no_words_in_any_order_make_it_panic(
        words in proptest::collection::vec(word(), 1..7),
        width in proptest::option::of(0_u16..200),
    ) {
        check(&words.join(" "), Options { width, ..Options::default() })?;
    }

    #[test]
    fn completion_stays_inside_the_line(
        words in proptest::collection::vec(word(), 0..5),
        at in 0_usize..60,
    ) {
        let line = words.join(" ");
        let (start, candidates) = crate::Names::of(&mut FakeHost::site()).complete(&line, at);
        prop_assert!(line.is_char_boundary(start) && start <= line.len());
        prop_assert!(candidates.iter().all(|candidate| is_clean(&candidate.value)));
    }
}
