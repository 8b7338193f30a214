//! What went wrong: records of crashes, and messages that were set aside.

use clap::ArgMatches;
use contract::control::{Ask, ComponentStatus, CrashRecord, DeadLetter, Refusal, Told};
use serde::Serialize;

use super::{Category, Kind, Verb, flag, last, last_arg, targets_arg, texts};
use crate::console::{Console, Reply, beside_the_point};
use crate::plain::{cell, plain};
use crate::render::{Align, Column, View, grid};
use crate::target::Targets;
use crate::when::{iso, utc};

/// Records of crashes.
pub(super) const CRASHES: Verb = Verb {
    name: "crashes",
    aliases: &[],
    category: Category::Look,
    about: "Show how lives of components went wrong, oldest first",
    details: "HOOK is what the component was doing; MESSAGE the message that it died of, and how \
              often that has failed by then. CHARGED tells whether the crash counts against the \
              restart budget. With --trace the newest one is shown at length: where it panicked, \
              frame by frame, and its fingerprint, which is the same for crashes of one kind.",
    examples: &[
        ("crashes", "the last twenty"),
        ("crashes SMS_DMP_DOWNLOADER --last 5", "the last five of one component"),
        ("crashes SMS_DMP_DOWNLOADER --trace", "its last one, with its backtrace"),
    ],
    json: true,
    args: |parser| {
        parser
            .arg(targets_arg(false))
            .arg(last_arg())
            .arg(flag("trace", "Show the newest one, with fingerprint and backtrace"))
    },
    next: |_| Kind::Component,
    run: crashes,
};

/// Messages that were set aside.
pub(super) const DEAD_LETTERS: Verb = Verb {
    name: "dead-letters",
    aliases: &[],
    category: Category::Look,
    about: "Show messages that were set aside and will not be delivered, oldest first",
    details: "A message is set aside when each life that was handed it has ended with it \
              (quarantine), when its time has run out before its turn came, or when its receiver \
              was removed.",
    examples: &[
        ("dead-letters", "the last twenty"),
        ("dead-letters SMS_DMP_DOWNLOADER --last 5", "the last five to one component"),
    ],
    json: true,
    args: |parser| parser.arg(targets_arg(false)).arg(last_arg()),
    next: |_| Kind::Component,
    run: dead_letters,
};

#[derive(Serialize)]
struct Crash {
    crash: u64,
    time: String,
    component: String,
    generation: u64,
    ended: String,
    exit_code: u32,
    drop_panic: Option<String>,
    hook: String,
    message: Option<String>,
    failures: Option<u8>,
    charged: bool,
    fingerprint: String,
    backtrace: String,
    #[serde(skip)]
    time_shown: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Crashes(Vec<Crash>);

/// The newest crash, at length.
#[derive(Serialize)]
#[serde(transparent)]
struct Trace(Vec<Crash>);

impl View for Crashes {
    fn text(&self, width: Option<u16>) -> String {
        if self.0.is_empty() {
            return "no crashes\n".to_owned();
        }
        let columns = [
            Column("TIME (UTC)", Align::Left),
            Column("COMPONENT", Align::Left),
            Column("GEN", Align::Right),
            Column("HOOK", Align::Left),
            Column("MESSAGE", Align::Left),
            Column("CHARGED", Align::Left),
            Column("ENDED", Align::Left),
        ];
        let rows = self.0.iter().map(|crash| {
            vec![
                crash.time_shown.clone(),
                crash.component.clone(),
                crash.generation.to_string(),
                crash.hook.clone(),
                crash.died_of(),
                crash.charged().to_owned(),
                crash.how(),
            ]
        });
        grid(&columns, rows.collect(), width)
    }
}

impl View for Trace {
    fn text(&self, _width: Option<u16>) -> String {
        match self.0.last() {
            None => "no crashes\n".to_owned(),
            Some(crash) => crash.at_length(),
        }
    }
}

impl Crash {
    fn of(record: CrashRecord) -> Crash {
        Crash {
            crash: record.number,
            time: iso(record.utc),
            time_shown: utc(record.utc),
            component: record.component,
            generation: record.generation.0,
            ended: record.exit.to_string(),
            exit_code: record.exit.code().0,
            drop_panic: record.drop_panic,
            hook: record.hook,
            message: record.message.map(|(id, _)| id.to_string()),
            failures: record.message.map(|(_, failures)| failures),
            charged: record.charged,
            fingerprint: record.fingerprint,
            backtrace: record.backtrace,
        }
    }

    /// How it ended, the drop's own panic behind it.
    fn how(&self) -> String {
        match &self.drop_panic {
            None => self.ended.clone(),
            Some(text) => format!("{}; its drop panicked: {text}", self.ended),
        }
    }

    /// The message, and how often it has failed.
    fn died_of(&self) -> String {
        match (&self.message, self.failures) {
            (Some(message), Some(failures)) => format!("{message} ({failures})"),
            _ => String::new(),
        }
    }

    fn charged(&self) -> &'static str {
        if self.charged { "yes" } else { "no" }
    }

    fn at_length(&self) -> String {
        let Crash { crash, component, generation, time_shown, .. } = self;
        let mut lines = vec![
            format!("crash {crash}: {component}, generation {generation}, {time_shown} UTC"),
            format!("ended: {}", self.how()),
        ];
        if !self.hook.is_empty() {
            lines.push(format!("hook: {}", self.hook));
        }
        if self.message.is_some() {
            lines.push(format!("message: {}", self.died_of()));
        }
        lines.push(format!("charged: {}", self.charged()));
        lines.push(format!("fingerprint: {}", self.fingerprint));
        let mut text: String = lines.iter().map(|line| cell(line) + "\n").collect();
        if self.backtrace.is_empty() {
            return text + "no backtrace\n";
        }
        text += "backtrace:\n";
        text.extend(self.backtrace.lines().map(|line| format!("  {}\n", plain(line))));
        text
    }
}

fn crashes(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let trace = args.get_flag("trace");
    let last = if trace { 1 } else { last(args) };
    let targets = targets(console, args)?;
    let mut records = Vec::new();
    for component in asked(args, &targets) {
        match console.host.ask(Ask::Crashes { component, last })? {
            Told::Crashes(found) => records.extend(found),
            _ => return Err(beside_the_point("crashes")),
        }
    }
    records.sort_by_key(|record| record.number);
    records.drain(..records.len().saturating_sub(last));
    let crashes: Vec<Crash> = records.into_iter().map(Crash::of).collect();
    let reply = match trace {
        true => show(console, args, &targets, &Trace(crashes)),
        false => show(console, args, &targets, &Crashes(crashes)),
    };
    Ok(targets.told(reply))
}

#[derive(Serialize)]
struct Letter {
    time: String,
    component: String,
    message: String,
    from: Option<String>,
    name: String,
    reason: String,
    text: String,
    #[serde(skip)]
    time_shown: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Letters(Vec<Letter>);

impl View for Letters {
    fn text(&self, width: Option<u16>) -> String {
        if self.0.is_empty() {
            return "no dead letters\n".to_owned();
        }
        let columns = [
            Column("TIME (UTC)", Align::Left),
            Column("TO", Align::Left),
            Column("MESSAGE", Align::Left),
            Column("FROM", Align::Left),
            Column("NAME", Align::Left),
            Column("REASON", Align::Left),
            Column("TEXT", Align::Left),
        ];
        let rows = self.0.iter().map(|letter| {
            vec![
                letter.time_shown.clone(),
                letter.component.clone(),
                letter.message.clone(),
                letter.from.clone().unwrap_or_else(|| "outside".to_owned()),
                letter.name.clone(),
                letter.reason.clone(),
                letter.text.clone(),
            ]
        });
        grid(&columns, rows.collect(), width)
    }
}

impl Letter {
    fn of(letter: DeadLetter) -> Letter {
        Letter {
            time: iso(letter.utc),
            time_shown: utc(letter.utc),
            component: letter.component,
            message: letter.id.to_string(),
            from: letter.from,
            name: letter.name,
            reason: letter.reason.to_string(),
            text: letter.text,
        }
    }
}

fn dead_letters(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let last = last(args);
    let targets = targets(console, args)?;
    let mut letters = Vec::new();
    for component in asked(args, &targets) {
        match console.host.ask(Ask::DeadLetters { component, last })? {
            Told::DeadLetters(found) => letters.extend(found),
            _ => return Err(beside_the_point("dead-letters")),
        }
    }
    // Each answer is in order; those of one moment stay in the order of the targets.
    letters.sort_by_key(|letter| letter.at);
    letters.drain(..letters.len().saturating_sub(last));
    let letters = Letters(letters.into_iter().map(Letter::of).collect());
    Ok(targets.told(show(console, args, &targets, &letters)))
}

fn targets(
    console: &mut Console<'_>,
    args: &ArgMatches,
) -> Result<Targets<ComponentStatus>, Refusal> {
    Ok(Targets::resolve(&texts(args, "target"), &console.components()?))
}

/// Whose records to ask for: those of everybody at once if the line names nobody.
fn asked(args: &ArgMatches, targets: &Targets<ComponentStatus>) -> Vec<Option<String>> {
    let words = texts(args, "target");
    if words.is_empty() || words.iter().any(|word| word.eq_ignore_ascii_case("all")) {
        return vec![None];
    }
    targets.rows.iter().map(|row| Some(row.name.clone())).collect()
}

/// That there is none is no news where nobody was asked.
fn show<V: View>(
    console: &Console<'_>,
    args: &ArgMatches,
    targets: &Targets<ComponentStatus>,
    view: &V,
) -> Reply {
    match asked(args, targets).is_empty() && !console.wants_json(args) {
        true => Reply::default(),
        false => console.show(args, view),
    }
}
