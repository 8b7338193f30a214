//! Verbs that change what becomes of components: hold, release, remove, startup.

use std::time::Duration;

use clap::{Arg, ArgMatches};
use contract::control::{Ask, ComponentStatus, Refusal};
use contract::lifecycle::Startup;
use serde::Serialize;

use super::control::{command_each, manner_args};
use super::{Category, Kind, Verb, targets_arg, text, texts};
use crate::console::{Console, Reply};
use crate::render::{Align, Column, View, grid};
use crate::target::Targets;
use crate::when::parse_duration;

/// Keep down for a while.
pub(super) const HOLD: Verb = Verb {
    name: "hold",
    about: "Keep components down for a while, whatever is wanted of them: maintenance",
    details: "One that runs is stopped. What is wanted of it stays as it is: it is started again \
              when the time is up, or by release, if it is to run then. A start in between is \
              refused with code 1055. A hold on one that is held counts anew.",
    examples: &[("hold SMS_DMP_DOWNLOADER --for 30m", "work on it for half an hour")],
    args: |parser| {
        parser
            .arg(targets_arg(true))
            .arg(
                Arg::new("for")
                    .long("for")
                    .value_name("DURATION")
                    .required(true)
                    .allow_hyphen_values(true)
                    .value_parser(parse_lease)
                    .help("How long, at most: 30m, 2h"),
            )
            .args(manner_args())
    },
    run: |console, args| {
        let lease = args.get_one::<Duration>("for").copied().unwrap_or_default();
        command(console, args, |component| Ask::Hold { component, lease })
    },
    ..BASE
};

/// End a hold.
pub(super) const RELEASE: Verb = Verb {
    name: "release",
    about: "End a hold before its time; what is wanted of the components is done",
    details: "",
    examples: &[("release SMS_DMP_DOWNLOADER", "the work is done, let it run")],
    run: |console, args| command(console, args, |component| Ask::Release { component }),
    ..BASE
};

/// Take out of service.
pub(super) const REMOVE: Verb = Verb {
    name: "remove",
    about: "Stop components and take them out of service until the process ends",
    details: "It is not asked whether that is meant. Messages that wait for them are set aside: \
              see dead-letters. A removed component stays listed until the process ends; a start \
              of it is refused with code 1072. The next process has it again: what lasts is \
              startup NAME disabled.",
    examples: &[("remove SMS_DMP_UPLOADER", "do without it")],
    run: |console, args| command(console, args, |component| Ask::Remove { component }),
    ..BASE
};

const TYPES: [&str; 3] = ["automatic", "manual", "disabled"];

/// What happens at a start of the executive.
pub(super) const STARTUP: Verb = Verb {
    name: "startup",
    about: "Show the startup type of components, or give them another",
    details: "The type says what happens when the executive starts: an automatic component is \
              started, a manual one waits for a start command, a disabled one cannot be started \
              at all (code 1058). It is neither started nor stopped by the change, which lasts.",
    examples: &[
        ("startup SMS_DMP_DOWNLOADER", "show it"),
        ("startup SMS_DMP_DOWNLOADER manual", "it is started by hand from now on"),
        ("startup dmp_* automatic", "that of several"),
    ],
    args: |parser| {
        parser
            .arg(
                Arg::new("target")
                    .value_name("TARGET")
                    .required(true)
                    .help("Components; see help targets"),
            )
            .arg(
                Arg::new("type")
                    .value_name("TYPE")
                    .value_parser(TYPES)
                    .ignore_case(true)
                    .help("The new type"),
            )
            .args(manner_args())
    },
    next: |before| match before.len() {
        0 => Kind::Component,
        1 => Kind::Words(&TYPES),
        _ => Kind::Nothing,
    },
    run: startup,
    ..BASE
};

const BASE: Verb = Verb {
    name: "",
    aliases: &[],
    category: Category::Operate,
    about: "",
    details: "",
    examples: &[],
    json: true,
    args: |parser| parser.arg(targets_arg(true)).args(manner_args()),
    next: |_| Kind::Component,
    run: |_, _| Ok(Reply::default()),
};

fn command(
    console: &mut Console<'_>,
    args: &ArgMatches,
    ask: impl Fn(String) -> Ask,
) -> Result<Reply, Refusal> {
    command_each(console, args, &texts(args, "target"), None, ask)
}

fn parse_lease(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("a hold lasts for longer than nothing; release ends one".to_owned()),
        lease => Ok(lease),
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Startups(Vec<Row>);

#[derive(Serialize)]
struct Row {
    component: String,
    startup: String,
}

impl View for Startups {
    fn text(&self, width: Option<u16>) -> String {
        let columns = [Column("COMPONENT", Align::Left), Column("STARTUP", Align::Left)];
        let rows = self.0.iter().map(|row| vec![row.component.clone(), row.startup.clone()]);
        grid(&columns, rows.collect(), width)
    }
}

fn startup(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let startup = match text(args, "type").map(str::to_ascii_lowercase).as_deref() {
        Some("automatic") => Startup::Automatic,
        Some("manual") => Startup::Manual,
        Some("disabled") => Startup::Disabled,
        _ => return show(console, args),
    };
    command(console, args, |component| Ask::SetStartup { component, startup })
}

fn show(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let targets = Targets::resolve(&texts(args, "target"), &console.components()?);
    let row = |status: &ComponentStatus| Row {
        component: status.name.clone(),
        startup: status.startup.to_string(),
    };
    let view = Startups(targets.rows.iter().map(row).collect());
    Ok(targets.told(console.show(args, &view)))
}
