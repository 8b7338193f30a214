//! Verbs of the console itself: help, echo, exit.

use clap::Arg;

use super::{Category, Kind, Verb, text, texts};
use crate::console::Reply;
use crate::help;

/// What there is.
pub(super) const HELP: Verb = Verb {
    name: "help",
    aliases: &["?"],
    category: Category::Console,
    about: "List the verbs, or explain one of them",
    details: "Besides the verbs there are the topics exit-status, scripts and targets.",
    examples: &[
        ("help", "all verbs"),
        ("help stop", "one of them"),
        ("help exit-status", "what the statuses mean"),
    ],
    json: false,
    args: |parser| parser.arg(Arg::new("topic").value_name("VERB|TOPIC").help("What to explain")),
    next: |before| if before.is_empty() { Kind::Verb } else { Kind::Nothing },
    run: |_, args| Ok(help::about(text(args, "topic"))),
};

/// Say something.
pub(super) const ECHO: Verb = Verb {
    name: "echo",
    aliases: &[],
    category: Category::Console,
    about: "Print its arguments",
    details: "",
    examples: &[("echo now offline", "print a line")],
    json: false,
    args: |parser| parser.arg(words_arg(false)),
    next: |_| Kind::Nothing,
    run: |_, args| Ok(Reply::say(texts(args, "words").join(" ") + "\n")),
};

/// Leave.
pub(super) const EXIT: Verb = Verb {
    name: "exit",
    aliases: &["quit"],
    category: Category::Console,
    about: "Leave the console; end a script",
    details: "The status is 0.",
    examples: &[("exit", "leave")],
    json: false,
    args: |parser| parser,
    next: |_| Kind::Nothing,
    run: |_, _| Ok(Reply { quit: true, ..Reply::default() }),
};

/// Words that are taken as they are, flags and all.
pub(super) fn words_arg(required: bool) -> Arg {
    Arg::new("words")
        .value_name("WORD")
        .num_args(1..)
        .required(required)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .help("Taken as they are")
}
