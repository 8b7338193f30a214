//! README is held to what it says: its lines run, its tables are the generated ones. Its Rust
//! code is compiled and run with the documentation tests.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::Deserialize;

use console::{Console, ExitStatus, Options, Script, verb_list_markdown};
use sim::Site;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> String {
    fs::read_to_string(path()).expect("README.md")
}

/// The fenced blocks of that language.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let readme = readme();
    let parts = readme.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().expect("an end").to_owned()).collect()
}

#[test]
fn the_lines_for_the_prompt_run() {
    let blocks = blocks("sms");
    assert!(!blocks.is_empty());
    for lines in blocks {
        let mut site = Site::primary("PS1").components(smsexec::roster()).start().unwrap();
        let mut console = Console::new(&mut site, Options::default());
        let (mut out, mut problems) = (Vec::new(), Vec::new());
        let script = Script { name: "README.md".into(), ..Script::default() };
        let status = script
            .run(&mut console, lines.as_bytes(), &mut out, &mut problems)
            .expect("no I/O fails");
        assert!(status == ExitStatus::DONE, "{}", String::from_utf8_lossy(&problems));
    }
}

#[test]
fn the_two_commands_are_there_and_ci_calls_them() {
    let commands = &blocks("console")[0];
    assert_eq!(commands, "cargo run --release\ncargo test\n");
    let ci = path().with_file_name(".ci").join("run");
    let ci = fs::read_to_string(ci).expect(".ci/run");
    for command in commands.lines() {
        assert!(ci.contains(&format!("grep -x '{command}' README.md")), "{command}");
    }
}

#[test]
fn the_verb_list_is_the_verb_table() {
    check_block("verbs", &verb_list_markdown());
}

/// One line of the file that `cargo run --release -p peers` has written.
#[derive(Deserialize)]
struct Figure {
    peer: String,
    workload: String,
    components: u32,
    /// Operations per second; bytes a component of `memory`.
    rate: f64,
}

/// What is shown first: messages, questions, restarts and crashes.
const WORKLOADS: [&str; 7] =
    ["spread", "spread-2p", "ring", "ping-pong", "query-all", "restart-all", "crash-storm"];

#[test]
fn the_peers_are_those_of_the_last_measurement() {
    let file = path().with_file_name("benches").join("peers.json");
    let text = fs::read_to_string(file).expect("benches/peers.json");
    let figures: Vec<Figure> = serde_json::from_str(&text).expect("a list of figures");
    let is_first = |it: &&Figure| WORKLOADS.contains(&it.workload.as_str());
    let (first, others): (Vec<_>, Vec<_>) = figures.iter().partition(is_first);
    check_block("peers", &peers_table(&first));
    check_block("peers-more", &peers_table(&others));
}

/// Million operations a second, or bytes, a column for each peer, in the order of the file.
fn peers_table(figures: &[&Figure]) -> String {
    let (mut peers, mut rows) = (Vec::new(), Vec::new());
    for Figure { peer, workload, components, .. } in figures {
        let row = (workload, components);
        if !peers.contains(&peer) {
            peers.push(peer);
        }
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let mut table = String::from("| workload | components |");
    peers.iter().for_each(|peer| table += &format!(" {peer} |"));
    table += &format!("\n|---|---|{}\n", "---|".repeat(peers.len()));
    for row in rows {
        let (workload, components) = row;
        table += &format!("| {workload} | {components} |");
        for peer in &peers {
            let is_it = |it: &&&Figure| &it.peer == *peer && (&it.workload, &it.components) == row;
            table += &match figures.iter().find(is_it).map(|figure| figure.rate) {
                None => " |".to_owned(),
                Some(bytes) if workload == "memory" => format!(" {bytes:.0} |"),
                Some(rate) if rate < 1e6 => format!(" {:.3} |", rate / 1e6),
                Some(rate) => format!(" {:.1} |", rate / 1e6),
            };
        }
        table.push('\n');
    }
    table
}

/// README has, between the marks of that name, what was generated.
fn check_block(name: &str, generated: &str) {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    // Two tests write it when they are told to.
    static WRITES: Mutex<()> = Mutex::new(());
    let _writes = WRITES.lock();
    let readme = readme();
    let (before, rest) = readme.split_once(&begin).expect("README has a place for it");
    let (shown, after) = rest.split_once(&end).expect("the place has an end");
    if std::env::var_os("SMSEXEC_BLESS").is_some() {
        fs::write(path(), format!("{before}{begin}{generated}{end}{after}")).expect("README.md");
        return;
    }
    assert_eq!(shown, generated, "run SMSEXEC_BLESS=1 cargo test --test readme");
}

#[test]
fn every_path_that_readme_names_is_there() {
    let root = path().parent().expect("a folder").to_owned();
    let readme = readme();
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(root.join(link).exists(), "README names {link}");
    }
}
