//! Restart tests of a component of somebody else's. Each is a thing that happens to services at
//! night; the guide, `smsexec::sim::guide`, has the rest.
#![allow(missing_docs, reason = "a test's name says it")]

use std::time::Duration;

use smsexec::contract::control::{Refusal, ServiceCommand, Until};
use smsexec::contract::settings::{Mode, keys};
use smsexec::contract::{Command, Failure, FailureKind, Message, State};
use smsexec::sim::conformance::Kit;
use smsexec::sim::{
    CallVerdict, Event, Hook, MessageVerdict, RequestVerdict, Site, SiteBuilder, What,
};
use smsexec::{HostControl, roster};
use smsexec_embedder_example::{
    ACCOUNTS, LEDGER, NIGHT_DONE, NIGHT_HOUR, PACE, Payment, registration,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Sites begin on a Monday at 08:00 UTC.
const TO_NIGHT: Duration = Duration::from_secs(18 * 60 * 60);

fn site() -> SiteBuilder {
    Site::primary("PS1").component(registration())
}

/// What the ledger keeps under that name, as a number; 0 if nothing.
fn kept(site: &Site, name: &str) -> u64 {
    site.remembered(LEDGER, name).map_or(0, |text| text.parse().expect("a number"))
}

/// How often the log has a line with these words.
fn logged(site: &mut Site, words: &str) -> usize {
    let log = site.log("ledger.log").expect("its log");
    log.iter().filter(|line| line.contains(words)).count()
}

/// Into the night, until that many accounts are closed.
fn close(site: &mut Site, accounts: u64) {
    site.run_until(DAY, |site| kept(site, "closed") == accounts && kept(site, "night") > 0);
}

/// Every account once and in order, and one report.
#[track_caller]
fn night_is_whole(site: &mut Site) {
    for account in 1..=ACCOUNTS {
        assert_eq!(logged(site, &format!("Closed account {account} of")), 1, "account {account}");
    }
    assert_eq!(site.events().iter().filter(|e| e.reported(LEDGER, NIGHT_DONE)).count(), 1);
}

#[test]
fn a_night_closes_every_account_and_reports_once() -> Result<(), Refusal> {
    let mut site = site().start()?;
    site.send(LEDGER, Payment { cents: 995 })?;
    site.expect_silence(TO_NIGHT - MINUTE, |event| event.delivered(LEDGER, "timer close"));
    site.expect(HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    night_is_whole(&mut site);
    let uploads: Vec<&str> = site.outside().cloud_service().uploads().collect();
    assert_eq!(uploads, ["{\"night\":20459,\"total\":995}"]);
    Ok(())
}

#[test]
fn a_restart_keeps_the_cursor() -> Result<(), Refusal> {
    let mut site = site().start()?;
    close(&mut site, 5);
    site.restart(LEDGER)?;
    assert_eq!(kept(&site, "closed"), 5);
    site.expect(HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    night_is_whole(&mut site);
    assert_eq!(logged(&mut site, "Sorted"), 2, "each life sorts for itself");
    Ok(())
}

/// Between any two events: what holds at one moment of the night holds at every other.
#[test]
fn it_may_be_killed_after_any_step_of_the_night() -> Result<(), Refusal> {
    for steps in 1.. {
        let mut site = site().start()?;
        site.send(LEDGER, Payment { cents: 1 })?;
        site.advance(TO_NIGHT - MINUTE)?;
        for _ in 0..steps {
            site.step();
        }
        if site.events().iter().any(|event| event.reported(LEDGER, NIGHT_DONE)) {
            return Ok(());
        }
        site.kill();
        site.start_again()?;
        site.advance(HOUR)?;
        night_is_whole(&mut site);
        assert_eq!(kept(&site, "total"), 1);
    }
    unreachable!("a night has an end")
}

#[test]
fn a_crash_in_the_middle_of_a_payment_books_it_once() -> Result<(), Refusal> {
    let mut site = site().start()?;
    // Twice it dies of the first payment. What a rule does is meant; the test may end with it.
    let mut deaths = 0;
    let _guard = site.fault_code(move |call| match call.hook {
        Hook::Message { .. } if deaths < 2 => {
            deaths += 1;
            CallVerdict::Panic("by the test".into())
        }
        _ => CallVerdict::Pass,
    });
    site.send(LEDGER, Payment { cents: 100 })?;
    site.send(LEDGER, Payment { cents: 20 })?;
    let ledger = site.wait_for(LEDGER, Until::Settled, MINUTE)?;
    assert_eq!((ledger.generation.0, ledger.crashes), (3, 2));
    assert_eq!(kept(&site, "total"), 120);
    Ok(())
}

#[test]
fn messages_that_come_twice_or_late_are_booked_once() -> Result<(), Refusal> {
    let mut site = site().start()?;
    let mut count = 0;
    let _guard = site.fault_messages(move |call| {
        count += u32::from(call.to == LEDGER);
        match count % 3 {
            0 => MessageVerdict::Duplicate,
            1 => MessageVerdict::Delay(2 * MINUTE),
            _ => MessageVerdict::Pass,
        }
    });
    for cents in [1, 20, 300, 4_000, 50_000, 600_000] {
        site.send(LEDGER, Payment { cents })?;
    }
    site.restart(LEDGER)?;
    site.advance(HOUR)?;
    assert_eq!(kept(&site, "total"), 654_321);
    assert_eq!(logged(&mut site, "is booked already"), 2);
    Ok(())
}

#[test]
fn what_cannot_be_sent_is_sent_again() -> Result<(), Refusal> {
    let mut site = site().start()?;
    let guard = site.fault_requests(|call| match call.name {
        LEDGER => RequestVerdict::Fail(Failure::new(FailureKind::Refused, "by the test")),
        _ => RequestVerdict::Pass,
    });
    close(&mut site, ACCOUNTS.into());
    site.expect_silence(HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    drop(guard);
    site.expect(HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    night_is_whole(&mut site);
    Ok(())
}

#[test]
fn a_backup_in_the_middle_of_the_night_loses_nothing() -> Result<(), Refusal> {
    // 02:01 is in the middle of it. The executive is down for ten minutes.
    let at_night = smsexec::contract::settings::TimeOfDay::new(2, 1).expect("a time of day");
    let mut site = site()
        .setting(&keys::BACKUP_ENABLED, &true)
        .setting(&keys::BACKUP_AT, &at_night)
        .backup_takes(10 * MINUTE)
        .start()?;
    site.expect(DAY, |event| event.became(LEDGER, State::Stopped));
    let closed = kept(&site, "closed");
    assert!((1..ACCOUNTS.into()).contains(&closed), "{closed} are closed");
    site.send(LEDGER, Payment { cents: 7 })?;
    site.expect(HOUR, |event| event.became(LEDGER, State::Running));
    site.expect(HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    night_is_whole(&mut site);
    assert_eq!(kept(&site, "total"), 7, "it waited in the inbox");
    Ok(())
}

#[test]
fn a_long_sort_is_no_hang_and_a_hang_ends() -> Result<(), Refusal> {
    for (hangs, generation) in [(Some(12 * MINUTE), 1), (None, 2)] {
        let mut site = site().start()?;
        let _guard = site.fault_code(move |call| match call.hook {
            Hook::Timer("sort") if call.generation.0 == 1 => CallVerdict::Hang(hangs),
            _ => CallVerdict::Pass,
        });
        site.expect(DAY, |event| event.reported(LEDGER, NIGHT_DONE));
        night_is_whole(&mut site);
        assert_eq!(site.query(LEDGER)?.generation.0, generation);
        // Code that never comes back is a thread that is lost. The test ends it.
        site.end_hangs();
        site.run_to_rest()?;
    }
    Ok(())
}

#[test]
fn a_clock_that_is_set_back_makes_no_second_night() -> Result<(), Refusal> {
    let mut site = site().start()?;
    site.expect(DAY, |event| event.reported(LEDGER, NIGHT_DONE));
    // To 01:02 of the day before: two nights that it has had come again.
    site.jump_wall_back(DAY + HOUR);
    site.set_bias(-120);
    site.expect_silence(48 * HOUR, |event| event.delivered(LEDGER, "timer close"));
    site.expect(2 * HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    Ok(())
}

#[test]
fn another_hour_is_in_effect_after_a_restart() -> Result<(), Refusal> {
    let mut site = site().start()?;
    let view = site.set(&NIGHT_HOUR, &9)?;
    assert_eq!(view.restart_required, [LEDGER]);
    site.expect_silence(3 * HOUR, |event| event.delivered(LEDGER, "timer close"));
    site.set(&NIGHT_HOUR, &12)?;
    site.restart(LEDGER)?;
    site.expect(2 * HOUR, |event| event.reported(LEDGER, NIGHT_DONE));
    Ok(())
}

/// Everything at once, from fifty seeds: payments that come twice, crashes anywhere, stops,
/// kills. At the end of the night everything is as if nothing had happened.
#[test]
fn a_storm_over_seeds_changes_nothing() -> Result<(), Refusal> {
    for seed in 1..=50 {
        let mut site = site().fixed_seed(seed).start()?;
        // Any generator will do that depends on nothing but the seed.
        let mut dice = Dice(seed);
        let mut of_messages = Dice(seed + 1000);
        let mut of_code = Dice(seed + 2000);
        let copies = site.fault_messages(move |_| match of_messages.throw(3) {
            0 => MessageVerdict::Duplicate,
            _ => MessageVerdict::Pass,
        });
        let crashes = site.fault_code(move |_| match of_code.throw(12) {
            0 => CallVerdict::Panic("storm".into()),
            _ => CallVerdict::Pass,
        });
        site.advance(TO_NIGHT - MINUTE)?;
        for _ in 0..20 {
            site.send(LEDGER, Payment { cents: 1 })?;
            site.advance(PACE * dice.throw(4))?;
            // What is refused in the state it is in is refused: a storm does not mind.
            let _ = match dice.throw(6) {
                0 => site.order(LEDGER, Command::Stop).map(drop),
                1 => site.order(LEDGER, Command::Restart).map(drop),
                2 => site.order(LEDGER, Command::Kill).map(drop),
                3 => site.start_again(),
                _ => Ok(()),
            };
        }
        drop((copies, crashes));
        // A component that was stopped or failed too often runs again in another executive.
        site.start_again()?;
        site.advance(HOUR)?;
        night_is_whole(&mut site);
        // What it died of three times was set aside: that is told, and it is missing, unless it
        // was a copy.
        let seen = site.remembered(LEDGER, "seen").unwrap_or_default();
        let missing = |event: &&Event| match &event.what {
            What::SetAside { id, .. } => !seen.split(' ').any(|other| other == id.to_string()),
            _ => false,
        };
        let missing = site.events().iter().filter(missing).count();
        assert_eq!(kept(&site, "total") + missing as u64, 20, "seed {seed}");
    }
    Ok(())
}

struct Dice(u64);

impl Dice {
    /// 0 to `sides` - 1.
    fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as u32 % sides
    }
}

#[test]
fn it_lives_beside_the_shipped_components() -> Result<(), Refusal> {
    let mut site = Site::primary("PS1").components(roster()).component(registration()).start()?;
    site.set_mode(Mode::Offline)?;
    site.restart(LEDGER)?;
    assert_eq!(site.query("SMS_DMP_DOWNLOADER")?.generation.0, 1, "it is left alone");
    site.service(ServiceCommand::Restart)?;
    site.send("SMS_DMP_DOWNLOADER", Message::Word(1))?;
    site.advance(DAY)?;
    night_is_whole(&mut site);
    Ok(())
}

/// The cases of the lifecycle reference, with this component in the leading part.
#[test]
fn it_conforms() {
    Kit::new(registration()).messages(|number| Payment { cents: number }.into()).check();
}
