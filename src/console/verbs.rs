//! The verbs: one sorted table. The parser, `help`, completion, the list in README and the
//! test that every verb has a golden transcript all come from it.

mod action;
mod clock;
mod cloud;
mod control;
mod expect;
mod explain;
mod failures;
mod maintain;
mod query;
mod records;
mod service;
mod settings;
mod shell;
mod wait;

use clap::{Arg, ArgAction, ArgMatches, Command};
use contract::control::Refusal;

use crate::console::{Console, Reply};
use crate::target::nearest;

/// What a verb is for: the parts of `help`, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Looking.
    Look,
    /// Components and the executive.
    Operate,
    /// The site: settings, the cloud, time.
    Site,
    /// The console itself and its scripts.
    Console,
}

impl Category {
    /// All four, in the order in which `help` shows them.
    pub const ALL: [Category; 4] =
        [Category::Look, Category::Operate, Category::Site, Category::Console];

    /// The head over its verbs.
    pub const fn title(self) -> &'static str {
        match self {
            Category::Look => "Look",
            Category::Operate => "Operate",
            Category::Site => "Site",
            Category::Console => "Console and scripts",
        }
    }
}

/// What may stand at a place of a line, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing that could be listed.
    Nothing,
    /// A component's name.
    Component,
    /// The name of what has status and messages: a component, or the executive itself.
    Reporter,
    /// One of those names, or a log's file name.
    Log,
    /// The key of a setting.
    SettingKey,
    /// The name of a verb.
    Verb,
    /// One of these.
    Words(&'static [&'static str]),
}

/// One verb.
pub struct Verb {
    /// What it is called.
    pub name: &'static str,
    /// What else it is called.
    pub aliases: &'static [&'static str],
    /// Where `help` lists it.
    pub category: Category,
    /// What it does, in a line.
    pub about: &'static str,
    /// What there is to know beyond that line.
    pub details: &'static str,
    /// Lines that can be typed as they stand, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Whether it finds data, which `--json` shows as JSON.
    pub(crate) json: bool,
    /// Adds its arguments to an empty command.
    pub(crate) args: fn(Command) -> Command,
    /// What may stand after these words, flags left out.
    pub(crate) next: fn(&[&str]) -> Kind,
    /// Does it.
    pub(crate) run: fn(&mut Console<'_>, &ArgMatches) -> Result<Reply, Refusal>,
}

impl Verb {
    /// The parser of its arguments.
    pub(crate) fn command(&self) -> Command {
        let command = Command::new(self.name)
            .about(self.about)
            .bin_name(self.name)
            .no_binary_name(true)
            .disable_help_subcommand(true)
            .disable_version_flag(true);
        let command = (self.args)(command);
        if !self.json {
            return command;
        }
        command.arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Answer in JSON, on standard output alone"),
        )
    }

    /// Whether it answers to `name`, in any case.
    fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Its name, then its aliases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// Every verb, sorted by name.
pub const VERBS: &[Verb] = &[
    clock::ADVANCE,
    service::BACKUP,
    cloud::CLOUD,
    query::COMPONENTS,
    control::CONTROL,
    failures::CRASHES,
    failures::DEAD_LETTERS,
    shell::ECHO,
    service::EXEC,
    shell::EXIT,
    expect::EXPECT,
    explain::EXPLAIN,
    shell::HELP,
    maintain::HOLD,
    control::KILL,
    records::LOGS,
    records::MESSAGES,
    settings::MODE,
    control::PAUSE,
    query::QUERY,
    maintain::RELEASE,
    maintain::REMOVE,
    control::RESET_FAILED,
    control::RESTART,
    control::RESUME,
    settings::SETTINGS,
    control::START,
    maintain::STARTUP,
    query::STATUS,
    control::STOP,
    control::TRY_RESTART,
    wait::WAIT,
];

/// The verb of that name or alias, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.is_called(name))
}

/// The verbs whose names are most like `name`.
pub(crate) fn nearest_verbs(name: &str) -> Vec<&'static str> {
    nearest(name, VERBS.iter().map(|verb| verb.name))
}

/// `TARGET...`, one at least if `required`.
fn targets_arg(required: bool) -> Arg {
    Arg::new("target").value_name("TARGET").num_args(1..).required(required).help(
        "A name, a pattern such as SMS_DMP_*, state=Stopped, group:NAME, or all; see help targets",
    )
}

/// The texts under `id`, which may be many or none.
fn texts<'a>(args: &'a ArgMatches, id: &str) -> Vec<&'a str> {
    args.get_many::<String>(id).unwrap_or_default().map(String::as_str).collect()
}

/// The text under `id`.
fn text<'a>(args: &'a ArgMatches, id: &str) -> Option<&'a str> {
    args.get_one::<String>(id).map(String::as_str)
}

/// `--last N`.
fn last_arg() -> Arg {
    Arg::new("last")
        .long("last")
        .value_name("N")
        .default_value("20")
        .allow_negative_numbers(true)
        .value_parser(parse_last)
        .help("At most this many, the newest")
}

/// The number under `--last`.
fn last(args: &ArgMatches) -> usize {
    args.get_one::<u32>("last").map_or(20, |last| *last as usize)
}

fn parse_last(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(last @ 1..=100_000) => Ok(last),
        _ => Err("it is a number from 1 to 100000".to_owned()),
    }
}

/// `--within DURATION`.
fn within_arg(default: &'static str) -> Arg {
    Arg::new("within")
        .long("within")
        .value_name("DURATION")
        .default_value(default)
        .allow_hyphen_values(true)
        .value_parser(crate::when::parse_duration)
        .help("Wait at most this long")
}

/// A switch.
fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
