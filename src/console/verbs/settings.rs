//! Settings, and the one that everything turns on: the mode. Stored is not yet effective.

use clap::{Arg, ArgMatches, Command};
use contract::control::{Ask, Refusal, SettingView, Told};
use contract::settings::keys;
use serde::Serialize;

use super::{Category, Kind, Verb, text};
use crate::console::{Console, Reply, beside_the_point};
use crate::exit::ExitStatus;
use crate::plain::{cell, shorten_to, word};
use crate::render::{Align, Column, View, grid};
use crate::target::way_out;

const MODES: [&str; 2] = ["online", "offline"];

/// The mode of the service connection point.
pub(super) const MODE: Verb = Verb {
    name: "mode",
    aliases: &[],
    category: Category::Site,
    about: "Show or store the mode of the service connection point: online or offline",
    details: "A new mode is stored at once, and takes effect when SMS_DMP_DOWNLOADER is next \
              started: by a restart of it, of the executive, or by a site backup. Without an \
              argument the verb shows what is stored, and what is in effect where.",
    examples: &[("mode", "stored and effective"), ("mode offline", "store offline")],
    json: true,
    args: |parser| {
        parser.arg(
            Arg::new("mode")
                .value_name("MODE")
                .value_parser(MODES)
                .ignore_case(true)
                .help("The mode to store"),
        )
    },
    next: |before| if before.is_empty() { Kind::Words(&MODES) } else { Kind::Nothing },
    run: |console, args| match text(args, "mode") {
        Some(mode) => set(console, args, keys::MODE.key, &mode.to_ascii_lowercase()),
        None => show(console, args, keys::MODE.key),
    },
};

/// All settings.
pub(super) const SETTINGS: Verb = Verb {
    name: "settings",
    aliases: &[],
    category: Category::Site,
    about: "List, show or store settings",
    details: "The list shows the beginning of a long value, show all of it. A setting is stored at \
              once. Some take effect only when the components that \
              declared them are next started; the verb says which.",
    examples: &[
        ("settings", "all of them"),
        ("settings show update_check_interval", "one, and what is in effect where"),
        ("settings set update_check_interval 12h", "store one"),
    ],
    json: true,
    args: |parser| {
        parser
            .subcommand(Command::new("list").about("List all settings"))
            .subcommand(
                Command::new("show").about("Show one, and what is in effect where").arg(key_arg()),
            )
            .subcommand(
                Command::new("set").about("Store one").arg(key_arg()).arg(
                    Arg::new("value")
                        .value_name("VALUE")
                        .required(true)
                        .allow_hyphen_values(true)
                        .help("Its new value"),
                ),
            )
    },
    next: |before| match before {
        [] => Kind::Words(&["list", "show", "set"]),
        ["show" | "set"] => Kind::SettingKey,
        ["set", key] if *key == keys::MODE.key => Kind::Words(&MODES),
        _ => Kind::Nothing,
    },
    run: |console, args| match args.subcommand() {
        Some(("show", args)) => match known_key(console, text(args, "key").unwrap_or_default())? {
            Ok(key) => show(console, args, &key),
            Err(unknown) => Ok(unknown),
        },
        Some(("set", args)) => match known_key(console, text(args, "key").unwrap_or_default())? {
            Ok(key) => set(console, args, &key, text(args, "value").unwrap_or_default()),
            Err(unknown) => Ok(unknown),
        },
        Some((_, args)) => list(console, args),
        None => list(console, args),
    },
};

fn key_arg() -> Arg {
    Arg::new("key").value_name("KEY").required(true).help("Its key, as settings lists it")
}

/// The key as the host has it, for one typed in any case; else what to say. No Win32 code says
/// that there is no such setting: 1060 is about services.
fn known_key(console: &mut Console<'_>, key: &str) -> Result<Result<String, Reply>, Refusal> {
    let views = console.settings()?;
    if let Some(view) = views.iter().find(|view| view.key.eq_ignore_ascii_case(key)) {
        return Ok(Ok(view.key.clone()));
    }
    let keys = views.iter().map(|view| view.key.as_str());
    let way_out = way_out(key, keys, "settings lists them");
    let problem = format!("{}: no setting has that key; {way_out}", word(key));
    Ok(Err(Reply::default().and_problem(ExitStatus::UNKNOWN_TARGET, &problem)))
}

/// A setting with where it is in effect, and the way to get it there.
#[derive(Serialize)]
struct Setting {
    key: String,
    about: String,
    stored: String,
    effective: Vec<Effective>,
    restart_needed: Vec<String>,
    /// Lines, any of which puts the stored value into effect.
    ways: Vec<String>,
    #[serde(skip)]
    was_set: bool,
}

#[derive(Serialize)]
struct Effective {
    component: String,
    value: String,
    restart_needed: bool,
}

impl Setting {
    fn of(view: SettingView, was_set: bool) -> Setting {
        let is_behind = |component: &str| view.restart_required.iter().any(|c| c == component);
        let effective = view.effective.iter().map(|(component, value)| Effective {
            component: component.clone(),
            value: value.clone(),
            restart_needed: is_behind(component),
        });
        Setting {
            effective: effective.collect(),
            ways: ways(&view.restart_required),
            key: view.key,
            about: view.about,
            stored: view.stored,
            restart_needed: view.restart_required,
            was_set,
        }
    }
}

/// The smallest restart first; the larger ones do it too.
fn ways(behind: &[String]) -> Vec<String> {
    if behind.is_empty() {
        return Vec::new();
    }
    vec![format!("restart {}", behind.join(" ")), "exec restart".into(), "backup".into()]
}

impl View for Setting {
    fn text(&self, width: Option<u16>) -> String {
        let verb = if self.was_set { "is now stored as" } else { "is stored as" };
        let mut text = cell(&format!("{} {verb} {}", self.key, shown(&self.stored))) + "\n";
        if !self.was_set && !self.about.is_empty() {
            text += &(cell(&self.about) + "\n");
        }
        if !self.effective.is_empty() {
            text += &self.effective_grid(width);
        }
        if self.restart_needed.is_empty() {
            text += "in effect wherever it is read\n";
        } else {
            text += &cell(&format!("restart needed: {}", self.restart_needed.join(", ")));
            text += &format!("\nto put it into effect: {}\n", cell(&self.ways.join(", or ")));
        }
        text
    }
}

impl Setting {
    fn effective_grid(&self, width: Option<u16>) -> String {
        let columns = [
            Column("COMPONENT", Align::Left),
            Column("IN EFFECT", Align::Left),
            Column("RESTART", Align::Left),
        ];
        let rows = self.effective.iter().map(|effective| {
            let restart = if effective.restart_needed { "needed" } else { "" };
            vec![effective.component.clone(), shown(&effective.value), restart.to_owned()]
        });
        grid(&columns, rows.collect(), width)
    }
}

fn shown(value: &str) -> String {
    if value.is_empty() { "\"\"".to_owned() } else { value.to_owned() }
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Setting>);

/// Room for a value in the list; `settings show` and JSON have all of it.
const CELL_CHARS: usize = 40;

impl View for List {
    fn text(&self, width: Option<u16>) -> String {
        let columns = [
            Column("KEY", Align::Left),
            Column("STORED", Align::Left),
            Column("RESTART NEEDED", Align::Left),
            Column("ABOUT", Align::Left),
        ];
        let rows = self.0.iter().map(|setting| {
            vec![
                setting.key.clone(),
                shorten_to(CELL_CHARS, &shown(&setting.stored)),
                shorten_to(CELL_CHARS, &setting.restart_needed.join(", ")),
                setting.about.clone(),
            ]
        });
        grid(&columns, rows.collect(), width)
    }
}

fn list(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let views = console.settings()?;
    let list = List(views.into_iter().map(|view| Setting::of(view, false)).collect());
    Ok(console.show(args, &list))
}

fn show(console: &mut Console<'_>, args: &ArgMatches, key: &str) -> Result<Reply, Refusal> {
    match console.host.ask(Ask::Settings(Some(key.to_owned())))? {
        Told::Settings(mut views) if views.len() == 1 => {
            Ok(console.show(args, &Setting::of(views.remove(0), false)))
        }
        _ => Err(beside_the_point("settings")),
    }
}

fn set(
    console: &mut Console<'_>,
    args: &ArgMatches,
    key: &str,
    value: &str,
) -> Result<Reply, Refusal> {
    match console.host.ask(Ask::Set { key: key.to_owned(), value: value.to_owned() })? {
        Told::Setting(view) => Ok(console.show(args, &Setting::of(view, true))),
        _ => Err(beside_the_point("settings set")),
    }
}
