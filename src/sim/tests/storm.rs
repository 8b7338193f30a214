//! Storms: as many seeds as the environment asks for, a few if it does not.
#![allow(missing_docs, unreachable_pub, reason = "a test's name says it")]

use std::panic::catch_unwind;

use smsexec_sim::storm::Storm;

/// So many seeds in a plain `cargo test`.
const FEW: u64 = 80;
/// So many failing seeds are enough.
const FAILURES_MAX: usize = 20;

#[test]
fn nothing_breaks_in_a_storm() {
    let (mut seeds, mut events, mut failed) = (0_u64, 0, Vec::new());
    for storm in Storm::many(FEW) {
        match catch_unwind(|| storm.run()) {
            Ok(summary) => events += summary.events,
            Err(_) => {
                println!("seed {} fails", storm.seed());
                failed.push(storm.seed());
            }
        }
        seeds += 1;
        if seeds.is_multiple_of(100) {
            println!("{seeds} seeds, {events} events, {} failed", failed.len());
        }
        if failed.len() >= FAILURES_MAX {
            break;
        }
    }
    assert!(failed.is_empty(), "of {seeds} seeds these fail: {failed:?}");
}

#[test]
fn a_storm_is_the_same_each_time() {
    assert_eq!(Storm::new(3).actions(60).run(), Storm::new(3).actions(60).run());
}
