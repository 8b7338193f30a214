//! The program as it is called: one row, measured by another process of it, told and written.

use std::path::Path;
use std::process::Command;

#[test]
fn a_row_is_measured_told_and_written() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_peers"))
        .args(["--quick", "--only", "memory", "--peer", "floor-loop"])
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("it runs");
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    assert!(problems.contains("start of 100000 with floor-loop"), "{problems}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("start             100000"), "{told}");
    let written = std::fs::read_to_string(target.join("peers.json")).expect("it is written");
    let figures: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    for figure in figures.as_array().expect("a list") {
        let keys: Vec<_> = figure.as_object().expect("a figure").keys().collect();
        assert_eq!(keys, ["components", "peer", "rate", "ratio", "workload"]);
        assert_eq!(figure["ratio"], 1.0);
    }
}

#[test]
fn who_is_not_there_is_said_and_not_measured() {
    let output = Command::new(env!("CARGO_BIN_EXE_peers"))
        .args(["--peer", "erlang"])
        .env("PATH", "")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(problems.starts_with("without erlang: "), "{problems}");
}
