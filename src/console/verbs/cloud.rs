//! The embedded cloud: what it holds, what it is to hold, how it misbehaves.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use contract::cloud::{CloudCommand, CloudFault, CloudView, SiteVersion};
use contract::control::{Ask, Refusal, Told};
use serde::Serialize;

use super::{Category, Kind, Verb, text};
use crate::console::{Console, Reply, beside_the_point};
use crate::exit::ExitStatus;
use crate::plain::{cell, shorten};
use crate::render::{Align, Column, View, grid};
use crate::target::nearest;
use crate::when::parse_duration;

const FAULTS: [&str; 10] = [
    "down",
    "slow",
    "cut",
    "status",
    "bad-signature",
    "truncated-manifest",
    "oversized-manifest",
    "foreign-path",
    "wrong-hash",
    "wrong-length",
];

/// The update service.
pub(super) const CLOUD: Verb = Verb {
    name: "cloud",
    aliases: &[],
    category: Category::Site,
    about: "Show the embedded cloud, publish updates in it, or make it misbehave",
    details: "Faults: down, slow DURATION, cut, status NUMBER, bad-signature, \
              truncated-manifest, oversized-manifest, foreign-path, wrong-hash, wrong-length. A \
              fault lasts until cloud heal, or the next one. Nothing is contacted until a \
              component does so: see advance.",
    examples: &[
        ("cloud", "what it holds and has counted"),
        ("cloud publish \"Update 2509\" 5.00.9140.1000 --size 256k", "publish an update"),
        ("cloud fault slow 2s", "every answer comes two seconds later"),
        ("cloud heal", "it behaves again"),
        ("cloud reset", "count connections, requests and uploads from zero"),
    ],
    json: true,
    args: |parser| {
        parser
            .subcommand(Command::new("show").about("Show what it holds and has counted"))
            .subcommand(publish())
            .subcommand(fault())
            .subcommand(Command::new("heal").about("Make it behave again"))
            .subcommand(Command::new("reset").about("Count from zero"))
    },
    next: |before| match before {
        [] => Kind::Words(&["show", "publish", "fault", "heal", "reset"]),
        ["fault"] => Kind::Words(&FAULTS),
        _ => Kind::Nothing,
    },
    run: cloud,
};

fn publish() -> Command {
    Command::new("publish")
        .about("Publish an update")
        .arg(Arg::new("name").value_name("NAME").required(true).help("What it is called"))
        .arg(
            Arg::new("version")
                .value_name("VERSION")
                .required(true)
                .value_parser(|text: &str| text.parse::<SiteVersion>())
                .help("The version that a site has after it"),
        )
        .arg(
            Arg::new("size")
                .long("size")
                .value_name("BYTES")
                .default_value("256k")
                .allow_hyphen_values(true)
                .value_parser(parse_size)
                .help("How large it is: a number, with k, m or g"),
        )
}

fn fault() -> Command {
    Command::new("fault")
        .about("Make it misbehave")
        .arg(Arg::new("kind").value_name("FAULT").required(true).help("How; see help cloud"))
        .arg(
            Arg::new("value")
                .value_name("VALUE")
                .allow_hyphen_values(true)
                .help("How slow, or which status"),
        )
}

/// A number of bytes as people type it: `4096`, `256k`, `10m`, `1g`.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || "a size looks like 4096, 256k, 10m or 1g".to_owned();
    let too_large = || "a size is 16 exabytes at most".to_owned();
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = match lower.strip_suffix(['k', 'm', 'g']) {
        None => (lower.as_str(), 1),
        Some(digits) if lower.ends_with('k') => (digits, 1 << 10),
        Some(digits) if lower.ends_with('m') => (digits, 1 << 20),
        Some(digits) => (digits, 1_u64 << 30),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| too_large())?;
    number.checked_mul(unit).ok_or_else(too_large)
}

/// The fault that the words after `cloud fault` mean.
fn parse_fault(kind: &str, value: Option<&str>) -> Result<CloudFault, String> {
    let kind = kind.to_ascii_lowercase();
    let fault = match (kind.as_str(), value) {
        ("slow", Some(value)) => return Ok(CloudFault::Slow(parse_delay(value)?)),
        ("slow", None) => return Err("slow needs a duration, such as 2s".to_owned()),
        ("status", Some(value)) => return parse_status(value).map(CloudFault::Status),
        ("status", None) => return Err("status needs a number, such as 503".to_owned()),
        ("down", _) => CloudFault::Down,
        ("cut", _) => CloudFault::Cut,
        ("bad-signature", _) => CloudFault::BadSignature,
        ("truncated-manifest", _) => CloudFault::TruncatedManifest,
        ("oversized-manifest", _) => CloudFault::OversizedManifest,
        ("foreign-path", _) => CloudFault::ForeignPath,
        ("wrong-hash", _) => CloudFault::WrongHash,
        ("wrong-length", _) => CloudFault::WrongLength,
        _ => return Err(unknown_fault(&kind)),
    };
    match value {
        Some(value) => Err(format!("{kind} takes no value, and \"{}\" is one", shorten(value))),
        None => Ok(fault),
    }
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

fn parse_status(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(status) if (100..=999).contains(&status) => Ok(status),
        _ => Err("an HTTP status is a number from 100 to 999".to_owned()),
    }
}

fn unknown_fault(kind: &str) -> String {
    let near = nearest(kind, FAULTS.into_iter());
    let hint = match near.is_empty() {
        true => format!("there are {}", FAULTS.join(", ")),
        false => format!("did you mean {}?", near.join(", ")),
    };
    format!("unknown fault \"{}\"; {hint}", shorten(kind))
}

fn cloud(console: &mut Console<'_>, args: &ArgMatches) -> Result<Reply, Refusal> {
    let (command, args) = match args.subcommand() {
        Some(("publish", args)) => (published(args), args),
        Some(("fault", args)) => {
            match parse_fault(text(args, "kind").unwrap_or_default(), text(args, "value")) {
                Ok(fault) => (CloudCommand::Fault(fault), args),
                Err(problem) => {
                    return Ok(Reply::fail(ExitStatus::USAGE, format!("cloud fault: {problem}")));
                }
            }
        }
        Some(("heal", args)) => (CloudCommand::Fault(CloudFault::None), args),
        Some(("reset", args)) => (CloudCommand::ResetCounts, args),
        Some((_, args)) => (CloudCommand::Show, args),
        None => (CloudCommand::Show, args),
    };
    match console.host.ask(Ask::Cloud(command))? {
        Told::Cloud(view) => Ok(console.show(args, &Cloud::of(view))),
        _ => Err(beside_the_point("cloud")),
    }
}

fn published(args: &ArgMatches) -> CloudCommand {
    CloudCommand::Publish {
        name: text(args, "name").unwrap_or_default().to_owned(),
        version: args.get_one::<SiteVersion>("version").copied().unwrap_or_default(),
        bytes: args.get_one::<u64>("size").copied().unwrap_or_default(),
    }
}

#[derive(Serialize)]
struct Cloud {
    address: String,
    fault: String,
    connections: u64,
    requests: u64,
    uploads: u64,
    catalogue: Vec<Update>,
}

#[derive(Serialize)]
struct Update {
    name: String,
    version: String,
}

impl Cloud {
    fn of(view: CloudView) -> Cloud {
        let update =
            |(name, version): (String, SiteVersion)| Update { name, version: version.to_string() };
        Cloud {
            address: view.address,
            fault: view.fault.to_string(),
            connections: view.connections,
            requests: view.requests,
            uploads: view.uploads,
            catalogue: view.catalogue.into_iter().map(update).collect(),
        }
    }
}

impl View for Cloud {
    fn text(&self, width: Option<u16>) -> String {
        let address = if self.address.is_empty() { "none (simulated)" } else { &self.address };
        let mut text = cell(&format!("address: {address}")) + "\n";
        text += &(cell(&format!("fault: {}", self.fault)) + "\n");
        text += &format!(
            "connections: {}, requests: {}, uploads: {}\n",
            self.connections, self.requests, self.uploads
        );
        if self.catalogue.is_empty() {
            return text + "catalogue: empty\n";
        }
        let columns = [Column("UPDATE", Align::Left), Column("VERSION", Align::Left)];
        let rows =
            self.catalogue.iter().map(|update| vec![update.name.clone(), update.version.clone()]);
        text + &grid(&columns, rows.collect(), width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, bytes) in [("0", 0), ("4096", 4096), ("256k", 262_144), ("1G", 1 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for wrong in
            ["", "k", "-1", "+1", "1.5m", "1kk", "1 k", "99999999999999999999", "99999999999999g"]
        {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn faults_are_read_as_they_are_shown() {
        for kind in FAULTS {
            let value = match kind {
                "slow" => Some("2s"),
                "status" => Some("503"),
                _ => None,
            };
            let fault = parse_fault(kind, value).unwrap();
            let shown = value.map_or(kind.to_owned(), |value| format!("{kind} {value}"));
            assert_eq!(fault.to_string(), shown);
        }
        for (kind, value) in [
            ("slow", None),
            ("slow", Some("fast")),
            ("status", Some("99")),
            ("status", Some("1000")),
            ("down", Some("now")),
            ("dwon", None),
        ] {
            assert!(parse_fault(kind, value).is_err(), "{kind} {value:?}");
        }
    }
}
