//! Wall clocks that jump, and daylight saving.

use std::time::Duration;

use contract::Message;
use contract::control::HostControl;
use smsexec_sim::probe::{Act, Journal, Probe};
use smsexec_sim::{EPOCH, Site, What};

use crate::seen::{HOUR, SECOND, now, site};

/// A probe that hears a tick ten seconds after it was handed 1.
fn ticking() -> (Site, [Journal; 1]) {
    site([Probe::new("A").on(1, Act::After(10 * SECOND, "tick"))])
}

#[test]
fn timers_keep_their_distance_when_the_wall_clock_jumps() {
    let (mut site, [journal]) = ticking();
    site.send("A", Message::Word(1)).unwrap();
    site.advance(4 * SECOND).unwrap();
    site.jump_wall_ahead(HOUR);
    assert_eq!(site.clock().utc, EPOCH + HOUR + 4 * SECOND);
    assert_eq!(now(&site), 4 * SECOND, "the other clock does not jump");
    site.advance(Duration::from_millis(5999)).unwrap();
    assert_eq!(journal.count("timer tick"), 0);
    site.jump_wall_back(2 * HOUR);
    site.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(journal.count("timer tick"), 1);
    assert_eq!(site.clock().utc + HOUR, EPOCH + 10 * SECOND);
    let jumps = site.events().iter().filter(|e| matches!(e.what, What::ClockJumped { .. }));
    assert_eq!(jumps.count(), 2);
    assert_eq!(site.trace().iter().filter(|line| line.contains("jumps ahead by 1h")).count(), 1);
}

#[test]
fn a_record_bears_the_time_of_the_wall_clock_as_it_was_set() {
    let (mut site, _) = ticking();
    site.jump_wall_back(HOUR);
    site.send("A", Message::Word(2)).unwrap();
    let line = site.log("probe.log").unwrap().pop().unwrap();
    assert!(line.starts_with("got 2") && line.contains("07:00:00.000+000"), "{line}");
}

#[test]
fn log_lines_bear_the_new_bias_and_utc_goes_on() {
    let (mut site, _) = ticking();
    site.set_bias(-60);
    site.send("A", Message::Word(2)).unwrap();
    site.set_bias(-120);
    site.send("A", Message::Word(3)).unwrap();
    let log = site.log("probe.log").unwrap();
    assert!(log[0].contains("08:00:00.000+000"), "what was written stays\n{log:#?}");
    assert!(log[1].starts_with("got 2") && log[1].contains("09:00:00.000-60>"), "{log:#?}");
    assert!(log[2].starts_with("got 3") && log[2].contains("10:00:00.000-120>"), "{log:#?}");
    assert_eq!(site.clock().utc, EPOCH);
    assert!(site.events().iter().any(|e| e.what == What::BiasSet { minutes: -120 }));
}

/// A tally counts since local midnight (domain.md 3.5): midnight moves with the bias.
#[test]
fn the_tally_starts_over_at_the_new_midnight() {
    use contract::control::{Ask, Told};

    let (mut site, _) = ticking();
    let informational = |site: &mut Site| match site.ask(Ask::Summaries).unwrap() {
        Told::Summaries(rows) => {
            rows.iter().find(|row| row.component == "A").unwrap().informational
        }
        told => panic!("{told:?}"),
    };
    site.advance(15 * HOUR).unwrap();
    assert_eq!(informational(&mut site), 1, "23:00 in UTC and on the site: its start");
    site.set_bias(-60);
    assert_eq!(informational(&mut site), 0, "midnight on the site");
}
