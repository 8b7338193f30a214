//! The site's clock, which an operator can move on.

use std::time::Duration;

use clap::Arg;
use contract::control::ClockView;
use contract::time::parse_duration;
use serde::Serialize;

use super::{Category, Kind, Verb};
use crate::render::View;
use crate::when::{iso, rough, utc};

/// Time moves on.
pub(super) const ADVANCE: Verb = Verb {
    name: "advance",
    aliases: &[],
    category: Category::Site,
    about: "Move the site's clock on; without a duration, show it",
    details: "What falls due on the way happens, in order: update checks, usage uploads, \
              restarts after a crash.",
    examples: &[
        ("advance 24h", "the next update check is due by then"),
        ("advance", "what time it is for the site"),
    ],
    json: true,
    args: |parser| {
        parser.arg(
            Arg::new("by")
                .value_name("DURATION")
                .value_parser(parse_duration)
                .help("How far: 24h, 7d, 1h30m, 500ms"),
        )
    },
    next: |before| {
        if before.is_empty() { Kind::Words(&["1h", "24h", "7d"]) } else { Kind::Nothing }
    },
    run: |console, args| {
        let clock = match args.get_one::<Duration>("by") {
            Some(by) => console.host.advance(*by)?,
            None => console.clock()?,
        };
        Ok(console.show(args, &Clock::of(clock)))
    },
};

#[derive(Serialize)]
struct Clock {
    utc: String,
    since_start_seconds: u64,
    is_virtual: bool,
    #[serde(skip)]
    view: ClockView,
}

impl Clock {
    fn of(view: ClockView) -> Clock {
        Clock {
            utc: iso(view.utc),
            since_start_seconds: view.now.since_start().as_secs(),
            is_virtual: view.is_virtual,
            view,
        }
    }
}

impl View for Clock {
    fn text(&self, _width: Option<u16>) -> String {
        let kind = if self.is_virtual { "virtual time" } else { "real time" };
        let since_start = rough(self.view.now.since_start());
        format!("{} UTC, {since_start} since the host was made, {kind}", utc(self.view.utc))
    }
}
