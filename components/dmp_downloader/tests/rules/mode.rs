//! When a check begins, and when none does.

use std::time::Duration;

use contract::settings::{Mode, keys};
use contract::{LogFile, Message, State, Ticket};
use smsexec_dmp_downloader::{NAME, registration};
use testkit::START_TIME;

use crate::bench::*;

#[test]
fn r016_online_checks_every_24_hours() {
    let mut bench = online();
    finish_empty_check(&mut bench);
    for _ in 0..3 {
        bench.advance(DAY - Duration::from_secs(1));
        bench.expect_silence();
        bench.advance(Duration::from_secs(1));
        finish_empty_check(&mut bench);
    }
}

#[test]
fn r016_a_slow_check_does_not_shift_the_beat() {
    let mut bench = online();
    for _ in 0..3 {
        let ticket = expect_fetch(&mut bench);
        bench.advance(5 * HOUR);
        bench.answer(ticket, signed(&[]));
        expect_completed(&mut bench, ["0", "0"]);
        bench.advance(DAY - 5 * HOUR);
    }
}

#[test]
fn r016_a_restart_does_not_shift_the_beat() {
    let mut bench = online();
    finish_empty_check(&mut bench);
    bench.advance(7 * HOUR);
    bench.restart();
    bench.expect_log("Synced recently, the next check is due in 17h");
    bench.advance(17 * HOUR - Duration::from_secs(1));
    bench.expect_silence();
    bench.advance(Duration::from_secs(1));
    finish_empty_check(&mut bench);
}

#[test]
fn r016_never_synced_or_overdue_checks_at_once() {
    let now = START_TIME.unix_seconds();
    for kept in [None, Some(0), Some(now - 86_400), Some(now - 100_000), Some(now + 3600)] {
        let mut bench = stopped(Mode::Online);
        if let Some(kept) = kept {
            bench.registry("LastSyncedTime", kept.to_string());
        }
        bench.start();
        bench.expect_log("Hasn't synced recently.");
        expect_fetch(&mut bench);
        bench.expect_silence();
    }
}

#[test]
fn r016_synced_recently_waits_for_the_rest_of_the_interval() {
    let mut bench = stopped(Mode::Online);
    let kept = START_TIME.unix_seconds() - 3600;
    bench.registry("LastSyncedTime", kept.to_string()).start();
    bench.advance(23 * HOUR - Duration::from_secs(1));
    bench.expect_silence();
    bench.advance(Duration::from_secs(1));
    expect_fetch(&mut bench);
}

#[test]
fn r016_the_interval_is_a_setting_with_a_floor() {
    let mut bench = stopped(Mode::Online);
    bench.settings(|s| s.set(&keys::UPDATE_CHECK_INTERVAL, &Duration::ZERO)).start();
    for _ in 0..3 {
        finish_empty_check(&mut bench);
        bench.advance(Duration::from_secs(1));
    }
}

#[test]
fn r018_offline_makes_no_request() {
    let mut bench = stopped(Mode::Offline);
    bench.start();
    bench.expect_log("offline");
    bench.expect_report(60206);
    bench.advance(400 * DAY);
    bench.deliver(Message::Word(1));
    bench.stray_answer(Ticket(1), signed(&[update()]));
    bench.pause();
    bench.resume();
    bench.advance(400 * DAY);
    bench.expect_silence();
    assert_eq!(bench.state(), State::Running);
    assert_eq!(bench.remembered("LastSyncedTime"), None);
}

#[test]
fn r020_mode_is_read_at_start_only() {
    let mut bench = online();
    finish_empty_check(&mut bench);
    bench.change(|s| s.set(&keys::MODE, &Mode::Offline));
    bench.advance(DAY);
    finish_empty_check(&mut bench);
    bench.restart();
    bench.expect_report(60206);
    bench.advance(30 * DAY);
    bench.expect_silence();

    bench.change(|s| s.set(&keys::MODE, &Mode::Online));
    bench.advance(30 * DAY);
    bench.expect_silence();
    bench.restart();
    finish_empty_check(&mut bench);
}

#[test]
fn r020_everything_it_reads_takes_effect_at_a_start() {
    let descriptor = registration().descriptor;
    for key in [
        "mode",
        "update_check_interval",
        "manifest_url",
        "manifest_bytes_max",
        "package_bytes_max",
        "site.version",
    ] {
        assert!(descriptor.start_only.contains(&key), "{key}");
    }
    assert!(descriptor.reloads.is_empty());
}

#[test]
fn r074_downloads_are_logged_in_dmpdownloader_log() {
    let registration = registration();
    assert_eq!(&*registration.name, NAME);
    assert_eq!(registration.descriptor.log, LogFile::server("Dmpdownloader.log"));
}

#[test]
fn a_check_that_falls_due_during_a_pause_is_made_after_it() {
    let mut bench = online();
    finish_empty_check(&mut bench);
    bench.pause();
    bench.advance(3 * DAY);
    bench.expect_silence();
    bench.resume();
    finish_empty_check(&mut bench);
    bench.advance(DAY);
    finish_empty_check(&mut bench);
}
