//! Help, and the list of verbs in README: both written from the table of verbs.

use crate::console::{LINE_BYTES_MAX, Reply};
use crate::exit::ExitStatus;
use crate::plain::shorten;
use crate::target::nearest;
use crate::verbs::{Category, VERBS, Verb, find};

/// What `help` knows beside the verbs.
pub(crate) const TOPICS: [&str; 3] = ["exit-status", "scripts", "targets"];

const TARGETS: &str = "\
A target says which components a verb is for. There may be several.

  SMS_DMP_DOWNLOADER  a component, in any case
  dmp_downloader      the same: the SMS_ may be left out
  SMS_DMP_*           every component that the pattern covers; ? is one character
  state=Stopped       every component in that state, or stopped for that reason:
                      state=Failed, state=Backoff, state=Operator
  group:cloud         every component of that group; start, stop and restart take the
                      group as a whole, in its order
  all                 every component

All targets of a line are done and reported; the status is that of the worst.
";

/// What there is to say about `topic`, or about everything.
pub(crate) fn about(topic: Option<&str>) -> Reply {
    let Some(topic) = topic else { return Reply::say(overview()) };
    if let Some(verb) = find(topic) {
        return Reply::say(of_verb(verb));
    }
    match topic.to_ascii_lowercase().as_str() {
        "exit-status" => Reply::say(exit_statuses()),
        "scripts" => Reply::say(scripts()),
        "targets" => Reply::say(TARGETS),
        _ => unknown_topic(topic),
    }
}

fn unknown_topic(topic: &str) -> Reply {
    let names = VERBS.iter().map(|verb| verb.name).chain(TOPICS);
    let near = nearest(topic, names);
    let hint = match near.is_empty() {
        true => "help lists them".to_owned(),
        false => format!("did you mean {}?", near.join(", ")),
    };
    let problem = format!("no verb and no topic \"{}\"; {hint}", shorten(topic));
    Reply::fail(ExitStatus::USAGE, problem)
}

/// Every verb with its line.
fn overview() -> String {
    let mut text = String::new();
    for category in Category::ALL {
        text += &format!("{}\n", category.title());
        for verb in VERBS.iter().filter(|verb| verb.category == category) {
            let names: Vec<&str> = verb.names().collect();
            text += &format!("  {:<18}{}\n", names.join(", "), verb.about);
        }
        text.push('\n');
    }
    text + &format!("help VERB explains one; topics: {}\n", TOPICS.join(", "))
}

/// One verb at length.
pub(crate) fn of_verb(verb: &Verb) -> String {
    let mut text = verb.command().render_help().to_string().trim_end().to_owned() + "\n\n";
    if !verb.aliases.is_empty() {
        text += &format!("Also called: {}\n\n", verb.aliases.join(", "));
    }
    if !verb.details.is_empty() {
        text += &(wrapped(verb.details) + "\n");
    }
    text += "Examples:\n";
    let column = verb.examples.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    for (line, what) in verb.examples {
        text += &format!("  {line:<column$}  {what}\n");
    }
    text
}

/// `text` in lines of 78 characters at most.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 78;
    let mut out = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        if length > 0 && length + 1 + word.len() > WIDTH {
            out.push('\n');
            length = 0;
        } else if length > 0 {
            out.push(' ');
            length += 1;
        }
        out += word;
        length += word.len();
    }
    out + "\n"
}

fn exit_statuses() -> String {
    let mut text = "The status of a verb, of a script and of the command:\n\n".to_owned();
    for (status, meaning) in ExitStatus::KNOWN {
        text += &format!("  {:>3}  {meaning}\n", status.number());
    }
    text += "\n";
    text += &wrapped(
        "Codes 1056 and 1062, which say that a component runs or is stopped already, count as \
         done; with --strict they are a refusal (5). Of several targets the highest status \
         counts. After a query with status 3 a script goes on, and that status is forgotten; if the \
         query is the last line, 3 is the status of the script, and of the command. 20 and 21 \
         are no verb's: a script, or a session at the prompt, has them when the executive has \
         ended for good by then; exec query shows that.",
    );
    text
}

fn scripts() -> String {
    wrapped(&format!(
        "A script is a file, or a pipe, with one verb on a line. Words are parted as in a \
         shell: quotes keep blanks, and # starts a comment. A line has {LINE_BYTES_MAX} bytes \
         at most, in UTF-8. The script ends at the first line whose status is neither 0 nor, \
         from a query, 3; that status is the script's own. With --keep-going it goes on, and \
         the highest status counts. A script that comes to its end has status 0, or 3 if its \
         last line is a query that finds some target not Running; 20 or 21 if the executive has \
         ended for good by then. A problem is told with the name of the script and the number \
         of the line. expect holds a verb to \
         what it says, and wait waits for a state."
    ))
}

/// The verbs as a table in Markdown, for README; a test compares the two.
///
/// ```
/// assert!(smsexec_console::verb_list_markdown().contains("| `query`, `q` |"));
/// ```
pub fn verb_list_markdown() -> String {
    let mut text = "| Verb | What it does |\n|---|---|\n".to_owned();
    for category in Category::ALL {
        for verb in VERBS.iter().filter(|verb| verb.category == category) {
            let names: Vec<String> = verb.names().map(|name| format!("`{name}`")).collect();
            text += &format!("| {} | {} |\n", names.join(", "), verb.about);
        }
    }
    text
}
