//! What is typed: what it comes to, and what is refused with the way out.

use clap::{CommandFactory, Parser};
use contract::lifecycle::Code;
use smsexec_bench::{Arguments, Length, Measures, Plan, Skew};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

fn plan(line: &str) -> Plan {
    let words = ["bench"].into_iter().chain(line.split_whitespace());
    let command = Command::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    command.arguments.plan(1).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
}

/// What is said, by whoever says no.
fn refused(line: &str) -> String {
    let words = ["bench"].into_iter().chain(line.split_whitespace());
    match Command::try_parse_from(words) {
        Err(error) => error.to_string(),
        Ok(command) => {
            let refusal = command.arguments.plan(1).expect_err(line);
            assert_eq!(refusal.code, Code::INVALID_PARAMETER, "{line}");
            assert!(refusal.way_out.contains("--help"), "{refusal}");
            refusal.to_string()
        }
    }
}

#[test]
fn without_arguments_it_measures_the_throughput_at_six_sizes() {
    let plan = plan("");
    assert_eq!(plan.components, [4, 100, 1_000, 10_000, 100_000, 1_000_000]);
    assert_eq!(plan.measures, Measures::default());
    assert_eq!(plan.length, Length::Messages(4_000_000));
    let live = live::Options::default();
    assert_eq!(plan.tuning.turn_budget, live.turn_budget);
    assert_eq!(plan.tuning.lane_max, live.lane_max);
    assert_eq!(u128::from(plan.tuning.spin), live.spin.as_micros());
}

#[test]
fn every_setting_arrives_where_it_belongs() {
    let plan = plan(
        "--components 300,20,300 --shards 2 --turn-budget 64 --lane-max 5000 --batch 16 \
         --payload 100 --skew zipf --producers 3 --spin 7 --seconds 0.5 --runs 2 --latency \
         --stop-under-load",
    );
    assert_eq!(plan.components, [20, 300], "in order, each once");
    let tuning = plan.tuning;
    assert_eq!((tuning.shards, tuning.turn_budget, tuning.lane_max), (2, 64, 5_000));
    assert_eq!((tuning.batch, tuning.spin), (16, 7));
    let workload = plan.workload;
    assert_eq!((workload.payload, workload.skew, workload.producers), (100, Skew::Zipf, 3));
    assert!(matches!(plan.length, Length::Time(time) if time.as_millis() == 500));
    assert_eq!((plan.watched.as_millis(), plan.runs), (500, 2));
    assert!(plan.measures.latency && plan.measures.stop_under_load && !plan.measures.tune);
}

#[test]
fn quick_is_less_of_everything_but_what_was_asked_for() {
    let quick = plan("--quick");
    assert_eq!(quick.components, [4, 100, 1_000, 10_000]);
    assert_eq!((quick.length, quick.runs), (Length::Messages(400_000), 3));
    let asked = plan("--quick --messages 7 --runs 9 --components 5");
    assert_eq!((asked.length, asked.runs), (Length::Messages(7), 9));
    assert_eq!(asked.components, [5]);
    assert_eq!(plan("--tune").components, [1_000]);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_does() {
    for (line, said) in [
        ("--payload 5", "--payload: 5 bytes are less than the word that every message has"),
        ("--components 4 --shards 8", "--shards: 4 components leave some of 8 shards with none"),
        ("--components 1 --skew hot", "--skew: one component gets everything, hot or not"),
        ("--tune --components 4,5", "--tune: settings are searched for one number"),
        ("--components 1 --stop-under-load", "--stop-under-load: 1 components on 1 shards"),
        ("--messages 2 --producers 3", "--messages: they do not go round among 3 producers"),
        ("--seconds 0", "--seconds: it is no time to measure in"),
        ("--seconds NaN", "--seconds: it is no time to measure in"),
        ("--shards 0", "0 is not in 1..=255"),
        ("--components 0", "0 is not in 1..="),
        ("--turn-budget 0", "0 is not in 1..="),
        ("--batch many", "invalid digit"),
        ("--skew even", "[possible values: uniform, zipf, hot]"),
        ("--messages 5 --seconds 1", "cannot be used with"),
        ("--tune --latency", "cannot be used with"),
        ("--shard 2", "--shards"),
    ] {
        let text = refused(line);
        assert!(text.contains(said), "{line}: {text}");
    }
}

#[test]
fn the_help_names_every_setting_with_its_unit() {
    Command::command().debug_assert();
    let help = Command::command().render_long_help().to_string();
    for part in ["--components <N,…>", "--payload <BYTES>", "--spin <MICROSECONDS>", "<SECONDS>"]
    {
        assert!(help.contains(part), "{part}: {help}");
    }
}
