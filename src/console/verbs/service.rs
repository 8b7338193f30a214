//! The executive as a whole: exec and backup.

use std::time::Duration;

use clap::{Arg, ArgMatches};
use contract::control::{Ask, Refusal, ServiceCommand};
use contract::{Code, Generation, State};
use serde::Serialize;

use super::action::{Action, Look, carry_out, reply};
use super::control::{manner, manner_args};
use super::query::left;
use super::{Category, Kind, Verb, text};
use crate::console::{Console, Reply};
use crate::exit::ExitStatus;
use crate::plain::cell;
use crate::render::View;

const SUBJECT: &str = "SMS_EXECUTIVE";
const COMMANDS: [&str; 4] = ["query", "start", "stop", "restart"];

/// The executive.
pub(super) const EXEC: Verb = Verb {
    name: "exec",
    aliases: &[],
    category: Category::Operate,
    about: "Query, start, stop or restart SMS_EXECUTIVE as a whole",
    details: "A restart starts the components whose startup type is Automatic, also those that \
              an operator had stopped, unless with --persist, and puts every stored setting into \
              effect. query also shows what holds every component, lives that were ended and \
              whose code has not come back (zombies), and the status that the process would \
              end with: see help exit-status.",
    examples: &[
        ("exec query", "its state, and how many components run"),
        ("exec restart", "restart all of it"),
    ],
    json: true,
    args: |parser| {
        parser
            .arg(
                Arg::new("command")
                    .value_name("COMMAND")
                    .value_parser(COMMANDS)
                    .ignore_case(true)
                    .default_value("query")
                    .help("What to do with it"),
            )
            .args(manner_args())
    },
    next: |before| if before.is_empty() { Kind::Words(&COMMANDS) } else { Kind::Nothing },
    run: exec,
};

/// A site backup.
pub(super) const BACKUP: Verb = Verb {
    name: "backup",
    aliases: &[],
    category: Category::Operate,
    about: "Back the site up: stop the executive, copy the site, start the executive",
    details: "As with a restart of the executive, every stored setting is in effect afterwards.",
    examples: &[("backup", "back up now, and come back when the executive is back")],
    json: true,
    args: |parser| parser.args(manner_args()),
    next: |_| Kind::Nothing,
    run: |console, args| {
        let action = Action {
            subject: "SMS_SITE_BACKUP".to_owned(),
            ask: Ask::Backup,
            already: None,
            look: Look::Backup,
        };
        let reports = carry_out(console, vec![action], manner(args));
        Ok(reply(&reports, console.wants_json(args)))
    },
};

#[derive(Serialize)]
struct Executive {
    name: &'static str,
    state: String,
    scm_state: u8,
    running: u64,
    components: u64,
    holds: Vec<String>,
    hold_left_ms: Option<u64>,
    zombies: Vec<Zombie>,
    exit_status: Option<u8>,
    after_unclean_end: bool,
}

/// A life that was ended and whose code has not come back.
#[derive(Serialize)]
struct Zombie {
    component: String,
    generation: u64,
}

impl View for Executive {
    fn text(&self, _width: Option<u16>) -> String {
        let Executive { name, state, scm_state, running, components, .. } = self;
        let mut parts = vec![format!(
            "{name}: {state} ({scm_state}), {running} of {components} components run"
        )];
        if !self.holds.is_empty() {
            let left = left(self.hold_left_ms.map(Duration::from_millis));
            parts.push(format!("held by {}{left}", self.holds.join(", ")));
        }
        if !self.zombies.is_empty() {
            let shown = |z: &Zombie| format!("{} (generation {})", z.component, z.generation);
            let zombies: Vec<String> = self.zombies.iter().map(shown).collect();
            parts.push(format!("zombies: {}", zombies.join(", ")));
        }
        if let Some(status) = self.exit_status {
            parts.push(format!("exit status {status}"));
        }
        if self.after_unclean_end {
            parts.push("the one before did not end as it should".to_owned());
        }
        cell(&parts.join("; "))
    }
}

impl Zombie {
    fn of((component, generation): (String, Generation)) -> Zombie {
        Zombie { component, generation: generation.0 }
    }
}

fn exec(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let (command, already) = match text(args, "command").map(str::to_ascii_lowercase).as_deref() {
        Some("start") => (ServiceCommand::Start, Some(Code::ALREADY_RUNNING)),
        Some("stop") => (ServiceCommand::Stop, Some(Code::NOT_ACTIVE)),
        Some("restart") => (ServiceCommand::Restart, None),
        _ => return query(console, args),
    };
    let action = Action {
        subject: SUBJECT.to_owned(),
        ask: Ask::Service(command),
        already,
        look: Look::Executive,
    };
    let reports = carry_out(console, vec![action], manner(args));
    Ok(reply(&reports, console.wants_json(args)))
}

fn query(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let status = console.service_status()?;
    let exit = match status.state {
        State::Running => ExitStatus::DONE,
        _ => ExitStatus::NOT_RUNNING,
    };
    let view = Executive {
        name: SUBJECT,
        state: status.state.to_string(),
        scm_state: status.state.number(),
        running: status.running,
        components: status.components,
        holds: status.holds.iter().map(ToString::to_string).collect(),
        hold_left_ms: status.hold_left.map(|left| left.as_millis() as u64),
        zombies: status.zombies.into_iter().map(Zombie::of).collect(),
        exit_status: status.exit_status,
        after_unclean_end: status.after_unclean_end,
    };
    Ok(console.show(args, &view).and_status(exit))
}
