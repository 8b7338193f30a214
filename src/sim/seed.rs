//! Where a site's seed comes from.

use contract::control::Refusal;
use contract::lifecycle::Code;

/// The environment variable that replays a failure: its seed takes the place of the builder's.
pub const SEED_VARIABLE: &str = "SMSEXEC_SEED";

/// The environment variable that says over how many seeds a test that is about seeds goes.
pub const SEEDS_VARIABLE: &str = "SMSEXEC_SEEDS";

/// What a site's seed is unless somebody says otherwise.
pub(crate) const DEFAULT: u64 = 1;

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

/// Over how many seeds a test goes that is about seeds: what `SMSEXEC_SEEDS` says, else
/// `default`.
///
/// # Panics
/// If the variable holds no number.
pub fn seeds(default: u64) -> u64 {
    match std::env::var_os(SEEDS_VARIABLE) {
        None => default,
        Some(text) => {
            let text = text.to_string_lossy();
            let number = text.trim().parse();
            number.unwrap_or_else(|_| panic!("{SEEDS_VARIABLE}={text:?} is no number of seeds"))
        }
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
    fn the_line_to_replay_names_the_test() {
        let line = replay_line(7);
        assert!(line.starts_with("SMSEXEC_SEED=7 cargo test"), "{line}");
        if std::thread::current().name() != Some("main") {
            assert!(line.ends_with("the_line_to_replay_names_the_test"), "{line}");
        }
    }
}
