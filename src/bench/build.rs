//! Which compiler made the figures, and for which machine: nobody can tell at run time.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(rustc).arg("--version").output();
    let version = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    println!("cargo:rustc-env=COMPILER={}", version.unwrap_or_default());
    for (name, variable) in [("TARGET_TRIPLE", "TARGET"), ("OPTIMISED", "OPT_LEVEL")] {
        println!("cargo:rustc-env={name}={}", env::var(variable).unwrap_or_default());
    }
    println!("cargo:rerun-if-changed=build.rs");
}
