//! The walls of the house, stated as absences and read from the manifests and the sources.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use common::{root, rust_files};

/// Package -> the packages that it names as ordinary dependencies, for our own packages.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let mut graph = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let named = package["dependencies"].as_array().expect("dependencies").iter();
        let ordinary = named.filter(|dependency| dependency["kind"].is_null());
        let names = ordinary.map(|dependency| text(&dependency["name"])).collect();
        graph.insert(text(&package["name"]), names);
    }
    graph
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_contract_depends_on_nothing_but_serde() {
    assert_eq!(dependencies()["smsexec-contract"], names(&["serde"]));
}

#[test]
fn a_component_depends_on_the_contract_only() {
    let allowed = names(&["smsexec-contract", "serde", "serde_json"]);
    let graph = dependencies();
    let folders = fs::read_dir(root().join("components")).expect("components");
    for folder in folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let package = format!("smsexec-{}", folder.replace('_', "-"));
        let more: Vec<_> = graph[&package].difference(&allowed).collect();
        assert!(more.is_empty(), "{package} names {more:?}");
    }
}

/// It shows what an embedder needs, so it names no room that an embedder does not.
#[test]
fn the_example_of_an_embedder_knows_the_facade_only() {
    assert_eq!(dependencies()["smsexec-embedder-example"], names(&["smsexec", "serde"]));
}

#[test]
fn the_kernel_knows_the_contract_and_what_its_lanes_are_made_of() {
    let allowed = names(&["smsexec-contract", "crossbeam-channel", "rtrb"]);
    assert_eq!(dependencies()["smsexec-kernel"], allowed);
}

/// Crates that only some rooms may name. The peers of the benchmark are such crates themselves, and
/// are no room: nobody may name the benchmark.
#[test]
fn a_tool_is_named_in_its_own_room_only() {
    let graph = dependencies();
    for (tools, rooms) in [
        (&["actix", "actix-rt"][..], &["smsexec-live", "peers"][..]),
        (&["tokio", "futures-core", "futures-util"], &["smsexec-live", "smsexec-edge", "peers"]),
        (&["ractor", "kameo", "stakker"], &["peers"]),
        (
            &[
                "reqwest",
                "axum",
                "hyper",
                "hyper-util",
                "http",
                "http-body",
                "tokio-rustls",
                "rustls",
                "rcgen",
            ],
            &["smsexec-edge"],
        ),
        (&["rusqlite"], &["smsexec-store"]),
        (&["reedline", "crossterm"], &["smsexec-console"]),
        (&["comfy-table"], &["smsexec-console", "smsexec-bench"]),
        (&["hdrhistogram", "indicatif"], &["smsexec-bench"]),
    ] {
        for (package, named) in &graph {
            let wrong: Vec<_> = tools.iter().filter(|tool| named.contains(**tool)).collect();
            assert!(
                wrong.is_empty() || rooms.contains(&package.as_str()),
                "{package} names {wrong:?}, which belong to {rooms:?}"
            );
        }
    }
}

#[test]
fn nothing_points_up() {
    let graph = dependencies();
    let floors: [&[&str]; 8] = [
        &["smsexec-contract"],
        &["smsexec-kernel", "smsexec-status", "smsexec-cloud", "smsexec-testkit"],
        &["smsexec-site", "smsexec-edge", "smsexec-console"],
        &["smsexec-host"],
        &["smsexec-sim", "smsexec-live"],
        &[
            "smsexec-bench",
            "smsexec-distribution-manager",
            "smsexec-dmp-downloader",
            "smsexec-dmp-uploader",
            "smsexec-service-connector",
        ],
        &["smsexec"],
        &["smsexec-embedder-example", "peers"],
    ];
    let floor = |name: &str| floors.iter().position(|floor| floor.contains(&name));
    for (package, named) in &graph {
        let here = floor(package).unwrap_or_else(|| panic!("{package} stands on no floor"));
        for below in named.iter().filter_map(|name| floor(name)) {
            assert!(below < here, "{package} names a room that is not below it: {named:?}");
        }
    }
}

/// An embedder who wants only the harness gets no HTTP, TLS, actix or database, and the
/// number of crates that README says.
#[test]
fn the_harness_alone_is_small() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "smsexec", "--no-default-features", "-e", "normal", "--prefix=none"])
        .args(["--offline", "--format={p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let crates: BTreeSet<&str> =
        text.lines().filter_map(|line| line.split(" (").next()).map(str::trim).collect();
    for tool in [
        "actix",
        "tokio",
        "reqwest",
        "axum",
        "hyper",
        "rustls",
        "rusqlite",
        "clap",
        "reedline",
        "hdrhistogram",
    ] {
        let found = crates.iter().find(|name| name.split(' ').next() == Some(tool));
        assert_eq!(found, None, "the harness brings {tool}");
    }
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let others = crates.iter().filter(|name| !name.starts_with("smsexec")).count();
    let claim = format!("brings {others} crates beside our own");
    assert!(readme.contains(&claim), "README should say that the harness {claim}");
}

/// A line of a source, without what a test module at the end of the file holds.
struct Line {
    place: String,
    text: String,
}

fn sources(folders: &[&str], tests_too: bool) -> Vec<Line> {
    let files = folders.iter().flat_map(|folder| rust_files(&root().join(folder)));
    let mut lines = Vec::new();
    for file in files {
        let name = file.strip_prefix(root()).expect("below the root").display().to_string();
        let is_test =
            name.contains("/tests") || name.starts_with("tests/") || name.contains("/fake.rs");
        if is_test && !tests_too {
            continue;
        }
        for (number, text) in (1..).zip(fs::read_to_string(&file).expect("a source").lines()) {
            if !tests_too && text.starts_with("#[cfg(test)]") {
                break;
            }
            let code = text.split("//").next().unwrap_or_default();
            lines.push(Line { place: format!("{name}:{number}"), text: code.to_owned() });
        }
    }
    lines
}

/// Fails for every line that holds one of `words`, outside of the files that may.
#[track_caller]
fn forbid(lines: &[Line], words: &[&str], allowed: &[&str]) {
    let found: Vec<String> = lines
        .iter()
        .filter(|line| !allowed.iter().any(|file| line.place.starts_with(file)))
        .filter(|line| words.iter().any(|word| line.text.contains(word)))
        .map(|line| format!("{}: {}", line.place, line.text.trim()))
        .collect();
    assert!(found.is_empty(), "{words:?} may stand in {allowed:?} only:\n{}", found.join("\n"));
}

#[test]
fn only_the_command_and_the_terminal_touch_terminal_and_environment() {
    let lines = sources(&["src", "components"], false);
    // The seed of a failed test is replayed through a variable; cargo tells a build script the
    // compiler by variables, and is told by lines.
    let (seed, build) = ("src/sim/seed.rs", "src/bench/build.rs");
    let allowed = ["src/main.rs", "src/console/terminal.rs", seed, build];
    forbid(&lines, &["std::env"], &allowed);
    // What a failing test shows goes where the test runner looks for it.
    let words = ["io::stdin", "io::stdout", "io::stderr", "println!", "print!("];
    let allowed = ["src/main.rs", "src/console/terminal.rs", "src/sim/ending.rs", build];
    forbid(&lines, &words, &allowed);
}

#[test]
fn no_clock_no_sleep_and_no_chance_outside_the_live_rooms() {
    // A generator is fine where its seed is given: fastrand's ambient one is not.
    let words = [
        "Instant::now",
        "SystemTime",
        "thread::sleep",
        "time::sleep",
        "rand::rng",
        "rand::random",
        "Rng::new()",
        "getrandom",
        "RandomState",
    ];
    let allowed = ["src/live/", "src/edge/", "src/bench/"];
    forbid(&sources(&["src", "components"], false), &words, &allowed);
}

#[test]
fn no_test_sleeps() {
    let lines = sources(&["src", "components", "tests", "benches"], true);
    // `pass` of a live host is a sleep that an operator asks for; this file names the words.
    forbid(
        &lines,
        &["thread::sleep(", "time::sleep("],
        &["src/live/handle.rs", "src/live/site.rs", "src/edge/", "tests/house.rs"],
    );
}

/// A thousand hosts run side by side in one process: nothing is global but the panic hook,
/// which is the process's and of which there is no other.
#[test]
fn no_static_holds_anything_of_a_host() {
    let lines = sources(&["src", "components"], false);
    let is_static = |line: &&Line| {
        let words: Vec<&str> = line.text.split_whitespace().take(2).collect();
        matches!(words[..], ["static", _] | ["pub" | "pub(crate)", "static"])
    };
    let file = |line: &Line| line.place.split(':').next().unwrap_or_default().to_owned();
    let statics: Vec<String> = lines.iter().filter(is_static).map(file).collect();
    assert!(
        statics.iter().all(|file| file == "src/kernel/unwind.rs"),
        "statics outside of the panic hook: {statics:?}"
    );
}
