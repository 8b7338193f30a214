//! Verbs that command components: start, stop and their kin.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command as Parser};
use contract::control::{Ask, Refusal};
use contract::{Code, Command};

use super::action::{Action, Look, Manner, carry_out, reply};
use super::{Category, Kind, Verb, flag, targets_arg, texts, within_arg};
use crate::console::{Console, Reply};
use crate::target::Targets;

/// Bring to Running.
pub(super) const START: Verb = Verb {
    name: "start",
    about: "Start components",
    details: "A component that waits to be restarted is started at once; one that failed gets a \
              fresh restart budget. One that runs already is left alone, which is no error.",
    examples: &[
        ("start SMS_DMP_DOWNLOADER", "start one, and come back when it runs"),
        ("start dmp_*", "start both SMS_DMP_DOWNLOADER and SMS_DMP_UPLOADER"),
        ("start state=Failed", "start whatever failed"),
    ],
    run: |console, args| command(console, args, Command::Start),
    ..BASE
};

/// Bring to Stopped.
pub(super) const STOP: Verb = Verb {
    name: "stop",
    about: "Stop components",
    details: "A stopped component stays so until it is started, or until the executive is next \
              started. Messages for it wait in its inbox. One that is stopped already is left \
              alone, which is no error.",
    examples: &[
        ("stop SMS_DMP_DOWNLOADER", "stop one, and come back when it has stopped"),
        ("stop all --no-wait", "ask all of them to stop, and come back at once"),
    ],
    run: |console, args| command(console, args, Command::Stop),
    ..BASE
};

/// Stop and start.
pub(super) const RESTART: Verb = Verb {
    name: "restart",
    about: "Stop and start components; start those that are stopped",
    details: "A setting that takes effect only at a start, such as the mode, is in effect \
              afterwards.",
    examples: &[("restart SMS_DMP_DOWNLOADER", "put a stored mode into effect")],
    run: |console, args| command(console, args, Command::Restart),
    ..BASE
};

/// Stop and start what runs.
pub(super) const TRY_RESTART: Verb = Verb {
    name: "try-restart",
    about: "Restart components that run; leave stopped ones alone",
    details: "",
    examples: &[("try-restart all", "restart what runs, and nothing else")],
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
    let mut targets = Targets::resolve(&texts(args, "target"), &console.components()?);
    let actions = targets.rows.drain(..).map(|row| Action {
        ask: Ask::Control { component: row.name.clone(), command },
        subject: row.name,
        already: already(command),
        look: Look::Component,
    });
    let reports = carry_out(console, actions.collect(), manner(args));
    Ok(targets.told(reply(&reports, console.wants_json(args))))
}

/// The code that says that a command found it done.
fn already(command: Command) -> Option<Code> {
    match command {
        Command::Start => Some(Code::ALREADY_RUNNING),
        Command::Stop | Command::Kill => Some(Code::NOT_ACTIVE),
        _ => None,
    }
}
