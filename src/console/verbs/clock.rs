//! The site's clock, which an operator can move on.

use std::time::Duration;

use clap::{Arg, ArgMatches};
use contract::control::{ClockView, Refusal};
use contract::time::duration_text;
use serde::Serialize;

use super::{Category, Kind, Verb};
use crate::console::{Console, Reply};
use crate::exit::ExitStatus;
use crate::render::View;
use crate::when::{iso, parse_duration, rough, utc};

/// Time moves on.
pub(super) const ADVANCE: Verb = Verb {
    name: "advance",
    aliases: &[],
    category: Category::Site,
    about: "Move the site's clock on; without a duration, show it",
    details: "What falls due on the way happens, in order: update checks, usage uploads, \
              restarts after a crash. In a live host the moved clock lasts until the process \
              ends: the next one starts with the machine's own time.",
    examples: &[
        ("advance 24h", "the next update check is due by then"),
        ("advance", "what time it is for the site"),
    ],
    json: true,
    args: |parser| {
        parser.arg(
            Arg::new("by")
                .value_name("DURATION")
                .allow_hyphen_values(true)
                .value_parser(parse_duration)
                .help("How far: 24h, 7d, 1h30m, 500ms"),
        )
    },
    next: |before| {
        if before.is_empty() { Kind::Words(&["1h", "24h", "7d"]) } else { Kind::Nothing }
    },
    run: |console, args| {
        let Some(by) = args.get_one::<Duration>("by").copied() else {
            let clock = console.clock()?;
            return Ok(console.show(args, &Clock::of(clock)));
        };
        advance(console, args, by)
    },
};

/// Day by day, so that it can be interrupted; what falls due is the same.
fn advance(console: &mut Console<'_>, args: &ArgMatches, by: Duration) -> Result<Reply, Refusal> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut left = by;
    loop {
        let step = left.min(DAY);
        let clock = console.host.advance(step)?;
        left -= step;
        if left.is_zero() {
            return Ok(console.show(args, &Clock::of(clock)));
        }
        if console.options.interrupt.take() {
            let (by, left) = (duration_text(by), duration_text(left));
            let problem = format!("advance: interrupted; {left} of {by} are left");
            let reply = console.show(args, &Clock::of(clock));
            return Ok(reply.and_problem(ExitStatus::INTERRUPTED, &problem));
        }
    }
}

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
