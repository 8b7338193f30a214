//! expect: a script's assertion on what a verb says.

use clap::{Arg, ArgMatches};

use super::shell::words_arg;
use super::{Category, Kind, Verb, flag, text, texts};
use crate::console::{Console, Reply};
use crate::exit::ExitStatus;
use crate::plain::visible;

/// Hold a verb to its word.
pub(super) const EXPECT: Verb = Verb {
    name: "expect",
    aliases: &[],
    category: Category::Console,
    about: "Do a verb, and fail with status 7 unless what it says holds a text",
    details: "Standard output and standard error are both searched, so a refusal can be \
              expected too. With --not the text must be absent, and the verb must go well: an \
              error holds no text worth missing. A line that is not understood fails in any \
              case.",
    examples: &[
        ("expect \"Running (4)\" query SMS_DMP_DOWNLOADER", "it must run"),
        ("expect --not \"restart needed\" query all", "no restart may be needed"),
        ("expect 1062 pause SMS_DMP_UPLOADER", "the refusal is what is wanted"),
    ],
    json: false,
    args: |parser| {
        parser
            .arg(flag("not", "The text must be absent"))
            .arg(Arg::new("text").value_name("TEXT").required(true).help("What to look for"))
            .arg(words_arg(true).value_name("VERB"))
    },
    next: |before| if before.len() == 1 { Kind::Verb } else { Kind::Nothing },
    run: |console, args| Ok(expect(console, args)),
};

fn expect(console: &mut Console<'_>, args: &ArgMatches) -> Reply {
    let wanted = text(args, "text").unwrap_or_default();
    let words: Vec<String> = texts(args, "words").into_iter().map(str::to_owned).collect();
    let mut reply = console.exec_inner(&words);
    let absent = args.get_flag("not");
    let went_well = reply.status.lets_a_script_go_on();
    if matches!(reply.status, ExitStatus::USAGE | ExitStatus::INTERRUPTED) {
        return reply;
    }
    if absent && !went_well {
        return reply;
    }
    let found = reply.text.contains(wanted) || reply.problems.contains(wanted);
    if found != absent {
        reply.status = ExitStatus::DONE;
        // A refusal that was expected is no problem.
        reply.text += &std::mem::take(&mut reply.problems);
        return reply;
    }
    // The verb's own status is no news any more: the expectation's is.
    reply.status = ExitStatus::FAILED;
    let what = if absent { "unwanted text found" } else { "expected text not found" };
    reply.and_problem(ExitStatus::FAILED, &format!("{what}: \"{}\"", visible(wanted)))
}
