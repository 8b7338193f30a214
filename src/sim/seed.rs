//! Where a site's seed comes from.

use std::ops::RangeInclusive;

use contract::control::Refusal;
use contract::lifecycle::Code;

/// The environment variable that replays a failure: its seed takes the place of the builder's.
pub const SEED_VARIABLE: &str = "SMSEXEC_SEED";

/// The environment variable that says over how many seeds a test goes that is about seeds: the
/// races of the conformance kit (30 unless it is set, 1000 for what the reference asks of a
/// release) and the storm.
pub const SEEDS_VARIABLE: &str = "SMSEXEC_SEEDS";

/// What a site's seed is unless somebody says otherwise.
pub(crate) const DEFAULT: u64 = 1;

/// With how many seeds a race is run unless somebody says otherwise: what a person waits for.
const SEEDS: u64 = 30;

/// The seed that the environment asks for. No other place of the harness
/// than this file reads the environment.
///
/// # Errors
/// 87 if the variable holds no number: a typing error must not pass for a replay.
pub(crate) fn from_environment() -> Result<Option<u64>, Refusal> {
    match std::env::var_os(SEED_VARIABLE) {
        None => Ok(None),
        Some(text) => parse(&text.to_string_lossy()).map(Some),
    }
}

/// Over how many seeds a test goes that is about seeds: what the environment says, else
/// `default`.
///
/// # Errors
/// 87 if the variable holds no number, or none to count with.
pub fn seeds(default: u64) -> Result<u64, Refusal> {
    match std::env::var_os(SEEDS_VARIABLE) {
        None => Ok(default),
        Some(text) => parse_many(&text.to_string_lossy()),
    }
}

/// The seeds that a race is run with: 1 to so many as the environment says. If it asks for one
/// seed, then that one alone, so that the line in a failure's text replays a race as well.
///
/// # Errors
/// 87 if either variable holds no number, or none to count with.
pub(crate) fn of_races() -> Result<RangeInclusive<u64>, Refusal> {
    match from_environment()? {
        Some(seed) => Ok(seed..=seed),
        None => Ok(1..=seeds(SEEDS)?),
    }
}

fn parse(text: &str) -> Result<u64, Refusal> {
    text.trim().parse().map_err(|_| {
        Refusal::new(
            Code::INVALID_PARAMETER,
            SEED_VARIABLE,
            format!("{text:?} is no seed"),
            "a seed is a number from 0 to 18446744073709551615; copy it from the failure's text",
        )
    })
}

/// None at all would be a race that always passes.
fn parse_many(text: &str) -> Result<u64, Refusal> {
    let many = text.trim().parse().ok().filter(|many| *many > 0);
    many.ok_or_else(|| {
        Refusal::new(
            Code::INVALID_PARAMETER,
            SEEDS_VARIABLE,
            format!("{text:?} is no number of seeds"),
            "it is a number from 1 on, such as 1000",
        )
    })
}

/// How to run the test of this thread again with the same seed. Test runners name the thread
/// after the test.
pub(crate) fn replay_line(seed: u64) -> String {
    let thread = std::thread::current();
    match thread.name() {
        None | Some("main") => format!("{SEED_VARIABLE}={seed} cargo test"),
        Some(test) => format!("{SEED_VARIABLE}={seed} cargo test {test}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_number_and_nothing_else() {
        assert_eq!(parse("7"), Ok(7));
        assert_eq!(parse(" 18446744073709551615\n"), Ok(u64::MAX));
        for wrong in ["", "-1", "0x7", "seven", "18446744073709551616"] {
            let refusal = parse(wrong).unwrap_err();
            assert_eq!((refusal.code, &*refusal.subject), (Code::INVALID_PARAMETER, SEED_VARIABLE));
        }
    }

    #[test]
    fn a_number_of_seeds_is_one_at_least() {
        assert_eq!(parse_many(" 1000\n"), Ok(1000));
        for wrong in ["", "0", "-1", "many"] {
            let refusal = parse_many(wrong).unwrap_err();
            let subject = &*refusal.subject;
            assert_eq!((refusal.code, subject), (Code::INVALID_PARAMETER, SEEDS_VARIABLE));
        }
    }

    #[test]
    fn the_line_to_replay_names_the_test() {
        let line = replay_line(7);
        assert!(line.starts_with("SMSEXEC_SEED=7 cargo test"), "{line}");
        if std::thread::current().name() != Some("main") {
            assert!(line.ends_with("the_line_to_replay_names_the_test"), "{line}");
        }
    }
}
