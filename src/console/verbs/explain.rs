//! explain: what a number means. Win32 codes are known here; status messages the caller knows.

use clap::{Arg, ArgMatches};
use contract::Code;
use serde::Serialize;

use super::{Category, Kind, Verb, text};
use crate::console::{Console, Reply};
use crate::exit::ExitStatus;
use crate::plain::{cell, shorten};
use crate::render::View;

/// What a code means.
pub(super) const EXPLAIN: Verb = Verb {
    name: "explain",
    aliases: &[],
    category: Category::Look,
    about: "Explain a Win32 code or a status message id",
    details: "A code may be hexadecimal: 0x41D.",
    examples: &[
        ("explain 1062", "why a pause was refused"),
        ("explain ERROR_SERVICE_DISABLED", "the same by name"),
        ("explain 11412", "a status message"),
    ],
    json: true,
    args: |parser| {
        parser.arg(
            Arg::new("code")
                .value_name("CODE")
                .required(true)
                .help("A number, or the name of a Win32 code"),
        )
    },
    next: |_| Kind::Nothing,
    run: |console, args| Ok(explain(console, args)),
};

/// What each code of [`Code::KNOWN`] means here, and what to do about it.
const MEANINGS: &[(Code, &str, &str)] = &[
    (Code::OK, "it was done, or accepted", ""),
    (
        Code::INVALID_PARAMETER,
        "a control code, a key or a value is not one that exists",
        "settings shows keys and values; a component's own control codes are 128 to 255",
    ),
    (
        Code::DEPENDENTS_RUNNING,
        "other running components depend on it",
        "stop those first; stop --dependents takes them along, leaves first",
    ),
    (
        Code::INVALID_CONTROL,
        "the component does not accept this control; not every component can be paused",
        "stop and start it instead",
    ),
    (
        Code::REQUEST_TIMEOUT,
        "it did not answer in time",
        "wait goes on waiting; kill ends a component that does not stop",
    ),
    (
        Code::NO_THREAD,
        "no thread could be had for it",
        "the machine has no more threads to give: end other programs",
    ),
    (
        Code::DATABASE_LOCKED,
        "a hold keeps it down: a backup runs, or an operator works on it",
        "wait for the end of the backup, or release it; query shows its holds, exec query those of all",
    ),
    (
        Code::ALREADY_RUNNING,
        "it was to be started, and is not stopped",
        "nothing to do if it runs; resume it if it is paused; start --queue if it is stopping",
    ),
    (
        Code::DISABLED,
        "its startup type is Disabled",
        "it can be started once startup NAME manual gives it another",
    ),
    (
        Code::CIRCULAR_DEPENDENCY,
        "components depend on each other in a circle, so that none of them could be the first",
        "take one of those dependencies out of its registration",
    ),
    (Code::DOES_NOT_EXIST, "nothing has that name", "components lists the components"),
    (
        Code::CANNOT_ACCEPT_CONTROL,
        "it is on its way from one state to another, and takes no control until it is there",
        "wait for the state, then try again",
    ),
    (Code::NOT_ACTIVE, "it is stopped, and a stopped component takes no control", "start it first"),
    (
        Code::EXCEPTION,
        "it panicked; the executive caught that and ended its life",
        "query shows what it said, and its log has more",
    ),
    (
        Code::SPECIFIC,
        "it ended with an error code of its own",
        "query --json shows the error as last_exit",
    ),
    (Code::PROCESS_ABORTED, "the thread that carried it was lost", "start it"),
    (
        Code::DEPENDENCY_FAIL,
        "what it depends on is not there",
        "query shows what it waits for, or what failed; start that first",
    ),
    (
        Code::START_HANG,
        "its start made no progress in time, and was ended",
        "its log shows how far it came",
    ),
    (
        Code::MARKED_FOR_DELETE,
        "it was removed, or is about to be, and is not started any more",
        "do without it; query shows it as removed until the process ends, and the next one has it again",
    ),
    (Code::EXISTS, "something of that name is there already", "choose another name"),
    (
        Code::DEPENDENCY_DELETED,
        "what it depends on does not exist: no component of that name is registered",
        "components lists what there is",
    ),
    (Code::NEVER_STARTED, "it was never started, so it has no exit code yet", "start it"),
    (
        Code::SHUTDOWN_IN_PROGRESS,
        "the executive is stopping, or is stopped",
        "exec start starts it",
    ),
    (
        Code::CANCELLED,
        "a later command took the place of this one",
        "query shows where that has led",
    ),
    (
        Code::NOT_ENOUGH_QUOTA,
        "its inbox is full",
        "query shows how many messages wait; a running component takes them",
    ),
];

#[derive(Serialize)]
struct Explained {
    code: u32,
    win32: Option<Win32>,
    status_message: Option<String>,
}

#[derive(Serialize)]
struct Win32 {
    name: &'static str,
    meaning: &'static str,
    way_out: &'static str,
}

impl View for Explained {
    fn text(&self, _width: Option<u16>) -> String {
        let mut text = String::new();
        if let Some(Win32 { name, meaning, way_out }) = &self.win32 {
            text += &format!("{} {name}: {meaning}\n", self.code);
            if !way_out.is_empty() {
                text += &format!("way out: {way_out}\n");
            }
        }
        if let Some(message) = &self.status_message {
            let colon = if message.starts_with('(') { "" } else { ":" };
            let message = format!("status message {}{colon} {message}", self.code);
            text.extend(message.lines().map(|line| cell(line) + "\n"));
        }
        text
    }
}

fn explain(console: &mut Console<'_>, args: &ArgMatches) -> Reply {
    let word = text(args, "code").unwrap_or_default();
    let Some(code) = number_of(word) else {
        let problem =
            format!("explain: \"{}\" is no number and no name of a Win32 code", shorten(word));
        return Reply::fail(ExitStatus::USAGE, problem);
    };
    let explained = Explained {
        code: code.0,
        win32: win32(code),
        status_message: status_message(console, code),
    };
    if explained.win32.is_none() && explained.status_message.is_none() {
        let problem = format!("explain: {code} is no Win32 code and no status message known here");
        return Reply::fail(ExitStatus::UNKNOWN_TARGET, problem);
    }
    console.show(args, &explained)
}

/// The text of a status message, without the id that the caller may have put in front.
fn status_message(console: &Console<'_>, code: Code) -> Option<String> {
    let text = console.options.status_text.as_ref()?(code.0)?;
    let without =
        text.strip_prefix(&code.to_string()).and_then(|rest| rest.strip_prefix([' ', ':']));
    Some(without.map_or(text.as_str(), str::trim_start).to_owned())
}

fn number_of(word: &str) -> Option<Code> {
    let number = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        // A sign behind 0x would be read, and is none.
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    };
    number.map(Code).or_else(|| {
        Code::KNOWN
            .iter()
            .find(|(_, name)| {
                name.eq_ignore_ascii_case(word)
                    || name.trim_start_matches("ERROR_").eq_ignore_ascii_case(word)
            })
            .map(|(code, _)| *code)
    })
}

fn win32(code: Code) -> Option<Win32> {
    let (_, meaning, way_out) = MEANINGS.iter().find(|(known, _, _)| *known == code)?;
    Some(Win32 { name: code.name(), meaning, way_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_contract_is_explained() {
        let explained: Vec<Code> = MEANINGS.iter().map(|(code, _, _)| *code).collect();
        let known: Vec<Code> = Code::KNOWN.iter().map(|(code, _)| *code).collect();
        assert_eq!(explained, known);
    }
}
