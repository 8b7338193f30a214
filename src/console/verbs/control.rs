//! Verbs that command components: start, stop and their kin.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command as Parser};
use contract::control::{Ask, ComponentStatus, Refusal};
use contract::lifecycle::CommandOptions;
use contract::{Code, Command};

use super::action::{Action, Look, Manner, carry_out, reply};
use super::{Category, Kind, Verb, flag, targets_arg, texts, within_arg};
use crate::console::{Console, Reply};
use crate::target::{Targets, group_of_word, is_member};

/// Bring to Running.
pub(super) const START: Verb = Verb {
    name: "start",
    about: "Start components",
    details: "A component that waits to be restarted is started at once; one that failed gets a \
              fresh restart budget. One that runs already is left alone, which is no error. \
              With --queue one that is still on its way down is started as soon as it has \
              stopped, in place of a refusal. --force starts one that needs something for itself \
              alone although code of an earlier life has not come back (query shows zombies) and \
              may still hold it.",
    examples: &[
        ("start SMS_DMP_DOWNLOADER", "start one, and come back when it runs"),
        ("start dmp_*", "start both SMS_DMP_DOWNLOADER and SMS_DMP_UPLOADER"),
        ("start state=Failed", "start whatever failed"),
        ("start group:cloud", "start a group in its order"),
        ("start --queue SMS_DMP_DOWNLOADER", "start it, once it has stopped if it is stopping"),
        ("start --force SMS_DMP_DOWNLOADER", "start it in spite of a zombie"),
    ],
    args: |parser| parser.args(base_args()).args([queue_arg(), force_arg()]),
    run: |console, args| command(console, args, Command::Start),
    ..BASE
};

/// Bring to Stopped.
pub(super) const STOP: Verb = Verb {
    name: "stop",
    about: "Stop components",
    details: "A stopped component stays so until it is started, or until the executive is next \
              started; with --persist it stays so beyond that. Messages for it wait in its \
              inbox. One that is stopped already is left alone, which is no error. One that \
              running components depend on refuses with code 1051; with --dependents they are \
              stopped as well, before it.",
    examples: &[
        ("stop SMS_DMP_DOWNLOADER", "stop one, and come back when it has stopped"),
        ("stop all --no-wait", "ask all of them to stop, and come back at once"),
        ("stop group:cloud", "stop a group against its order"),
        ("stop --dependents SMS_DMP_DOWNLOADER", "stop what depends on it, then it"),
        ("stop --persist SMS_DMP_DOWNLOADER", "stop it until somebody starts it"),
    ],
    args: |parser| parser.args(base_args()).args([dependents_arg(), persist_arg()]),
    run: |console, args| command(console, args, Command::Stop),
    ..BASE
};

/// Stop and start.
pub(super) const RESTART: Verb = Verb {
    name: "restart",
    about: "Stop and start components; start those that are stopped",
    details: "A setting that takes effect only at a start, such as the mode, is in effect \
              afterwards. With --queue one that is on its way from one state to another is \
              restarted when it is there, in place of a refusal. With --dependents running \
              components that depend on it are restarted with it; without it they run on.",
    examples: &[
        ("restart SMS_DMP_DOWNLOADER", "put a stored mode into effect"),
        ("restart group:cloud", "stop all of a group, then start all of it"),
        ("restart --queue SMS_DMP_DOWNLOADER", "restart it, once its moment has come"),
        ("restart --dependents SMS_DMP_DOWNLOADER", "with what depends on it"),
    ],
    args: |parser| parser.args(base_args()).args([queue_arg(), dependents_arg()]),
    run: |console, args| command(console, args, Command::Restart),
    ..BASE
};

/// Stop and start what runs.
pub(super) const TRY_RESTART: Verb = Verb {
    name: "try-restart",
    about: "Restart components that run; leave stopped ones alone",
    details: "With --queue one that is on its way from one state to another is restarted when it \
              is there, in place of a refusal.",
    examples: &[
        ("try-restart all", "restart what runs, and nothing else"),
        ("try-restart --queue all", "the same, and what is on its way when it is there"),
    ],
    args: |parser| parser.args(base_args()).arg(queue_arg()),
    run: |console, args| command(console, args, Command::TryRestart),
    ..BASE
};

/// Bring to Paused.
pub(super) const PAUSE: Verb = Verb {
    name: "pause",
    about: "Pause components: they stay alive, and their messages wait",
    details: "A component that cannot be paused refuses with code 1052.",
    examples: &[("pause SMS_DISTRIBUTION_MANAGER", "let its messages wait")],
    run: |console, args| command(console, args, Command::Pause),
    ..BASE
};

/// Bring from Paused to Running.
pub(super) const RESUME: Verb = Verb {
    name: "resume",
    aliases: &["continue"],
    about: "Let paused components go on",
    details: "",
    examples: &[("resume SMS_DISTRIBUTION_MANAGER", "let it go on with what has waited")],
    run: |console, args| command(console, args, Command::Continue),
    ..BASE
};

/// End at once.
pub(super) const KILL: Verb = Verb {
    name: "kill",
    about: "End components at once, without their stop hook",
    details: "For a component whose stop does not come to an end. What it was doing is lost.",
    examples: &[("kill SMS_DMP_DOWNLOADER", "end it now")],
    run: |console, args| command(console, args, Command::Kill),
    ..BASE
};

/// Clear a failure.
pub(super) const RESET_FAILED: Verb = Verb {
    name: "reset-failed",
    about: "Clear the failure of components and their restart budget; start nothing",
    details: "",
    examples: &[("reset-failed state=Failed", "clear every failure")],
    run: |console, args| command(console, args, Command::ResetFailed),
    ..BASE
};

/// A control code of the component's own.
pub(super) const CONTROL: Verb = Verb {
    name: "control",
    about: "Send components a control code of their own, 128 to 255",
    details: "A component that declares no such code refuses with code 1052.",
    examples: &[("control 130 SMS_DMP_DOWNLOADER", "send it control 130")],
    args: |parser| {
        parser
            .arg(
                Arg::new("code")
                    .value_name("CODE")
                    .required(true)
                    .allow_negative_numbers(true)
                    .value_parser(parse_code)
                    .help("The control code"),
            )
            .args(base_args())
    },
    next: |before| if before.is_empty() { Kind::Nothing } else { Kind::Component },
    run: |console, args| {
        let code = args.get_one::<u8>("code").copied().unwrap_or_default();
        command(console, args, Command::Custom(code))
    },
    ..BASE
};

fn parse_code(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(code @ 128..) => Ok(code),
        _ => Err("a control code is 128 to 255".to_owned()),
    }
}

const BASE: Verb = Verb {
    name: "",
    aliases: &[],
    category: Category::Operate,
    about: "",
    details: "",
    examples: &[],
    json: true,
    args: with_base_args,
    next: |_| Kind::Component,
    run: |_, _| Ok(Reply::default()),
};

fn with_base_args(parser: Parser) -> Parser {
    parser.args(base_args())
}

fn base_args() -> Vec<Arg> {
    vec![targets_arg(true)].into_iter().chain(manner_args()).collect()
}

fn queue_arg() -> Arg {
    flag("queue", "At the wrong moment, wait for the right one in place of a refusal")
}

fn dependents_arg() -> Arg {
    flag("dependents", "Take the components that depend on it along, leaves first")
}

fn persist_arg() -> Arg {
    flag("persist", "Stay stopped beyond the next start of the executive")
}

fn force_arg() -> Arg {
    flag("force", "Start it although code of an earlier life has not come back")
}

/// What a verb's own switches say; one that it does not have is off.
fn options(args: &ArgMatches) -> CommandOptions {
    let is_on = |id: &str| args.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or_default();
    CommandOptions {
        queue: is_on("queue"),
        dependents: is_on("dependents"),
        persist: is_on("persist"),
        force: is_on("force"),
    }
}

/// `--no-wait`, `--strict`, `--within`.
pub(super) fn manner_args() -> [Arg; 3] {
    [
        flag("no-wait", "Come back when the command is accepted, not when it is done"),
        flag("strict", "Refuse (status 5) what is so already"),
        within_arg("5m"),
    ]
}

/// What those say.
pub(super) fn manner(args: &ArgMatches) -> Manner {
    Manner {
        no_wait: args.get_flag("no-wait"),
        strict: args.get_flag("strict"),
        within: args.get_one::<Duration>("within").copied().unwrap_or_default(),
    }
}

fn command(
    console: &mut Console<'_>,
    args: &ArgMatches,
    command: Command,
) -> Result<Reply, Refusal> {
    let options = options(args);
    let ask = |component| Ask::Control { component, command, options };
    let words = texts(args, "target");
    if !takes_groups(command) {
        return command_each(console, args, &words, already(command), ask);
    }
    let (groups, words): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| group_of_word(word).is_some());
    let mut groups: Vec<&str> = groups.into_iter().filter_map(group_of_word).collect();
    let mut named = BTreeSet::new();
    groups.retain(|group| named.insert(group.to_ascii_lowercase()));
    let mut targets = Targets::resolve(&words, &console.components()?);
    // Commanded with its group already: a second command would take the place of that one.
    targets.rows.retain(|row| !groups.iter().any(|group| is_member(row, group)));
    let mut actions: Vec<Action> = groups
        .into_iter()
        .map(|group| format!("group:{group}"))
        .map(|name| action(name, Look::Group, already(command), &ask))
        .collect();
    actions.extend(each(&targets, already(command), &ask));
    let reports = carry_out(console, actions, manner(args));
    Ok(targets.told(reply(&reports, console.wants_json(args))))
}

/// Commands each component that `words` mean with what `ask` makes of its name; where `already`
/// is the refusal, it was done before.
pub(super) fn command_each(
    console: &mut Console<'_>,
    args: &ArgMatches,
    words: &[&str],
    already: Option<Code>,
    ask: impl Fn(String) -> Ask,
) -> Result<Reply, Refusal> {
    let targets = Targets::resolve(words, &console.components()?);
    let reports = carry_out(console, each(&targets, already, &ask), manner(args));
    Ok(targets.told(reply(&reports, console.wants_json(args))))
}

fn each(
    targets: &Targets<ComponentStatus>,
    already: Option<Code>,
    ask: &impl Fn(String) -> Ask,
) -> Vec<Action> {
    let rows = targets.rows.iter();
    rows.map(|row| action(row.name.clone(), Look::Component, already, ask)).collect()
}

fn action(
    subject: String,
    look: Look,
    already: Option<Code>,
    ask: &impl Fn(String) -> Ask,
) -> Action {
    Action { ask: ask(subject.clone()), subject, already, look }
}

/// Whether a group is commanded as a whole; else each of its components is.
fn takes_groups(command: Command) -> bool {
    matches!(command, Command::Start | Command::Stop | Command::Restart)
}

/// The code that says that a command found it done.
fn already(command: Command) -> Option<Code> {
    match command {
        Command::Start => Some(Code::ALREADY_RUNNING),
        Command::Stop | Command::Kill => Some(Code::NOT_ACTIVE),
        _ => None,
    }
}
