//! The guide's figures are those of the report that lies with the benchmarks, and of nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use smsexec_bench::{Report, markdown};

const BEGIN: &str = "<!-- figures: begin -->\n";
const END: &str = "<!-- figures: end -->";

fn room() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn report() -> Report {
    let text = read(&room().join("../../benches/report.json"));
    Report::from_json(&text).expect("smsexec bench --save wrote it")
}

#[test]
fn the_guide_shows_the_figures_of_the_report() {
    let path = room().join("guide.md");
    let guide = read(&path);
    let (before, rest) = guide.split_once(BEGIN).expect("the guide has a place for figures");
    let (shown, after) = rest.split_once(END).expect("the place has an end");
    let figures = markdown(&report());
    if std::env::var_os("SMSEXEC_BLESS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{figures}{END}{after}")).expect("guide.md");
        return;
    }
    assert_eq!(shown, figures, "run SMSEXEC_BLESS=1 cargo test -p smsexec-bench --test guide");
}

#[test]
fn the_report_is_of_a_whole_measurement() {
    let report = report();
    assert!(report.machine.optimised, "a release build made it");
    assert!(!report.throughput.is_empty() && !report.latency.is_empty());
    assert!(!report.idle.is_empty() && report.stops.len() == 2);
}

/// Every setting that can be typed has its line.
#[test]
fn the_guide_explains_every_setting() {
    let guide = read(&room().join("guide.md"));
    for setting in [
        "--components",
        "--shards",
        "--turn-budget",
        "--lane-max",
        "--batch",
        "--payload",
        "--skew",
        "--producers",
        "--spin",
    ] {
        assert!(guide.contains(&format!("| `{setting}`")), "{setting}");
    }
}
