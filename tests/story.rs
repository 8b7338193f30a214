//! The story of the source documents, told by the script that ships with the project: live and
//! simulated, by the same lines.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use console::{Console, ExitStatus, Options, Script};
use contract::control::HostControl;
use contract::settings::{Mode, keys};
use contract::{Request, State};
use edge::Embedded;
use sim::Site;
use site::SiteDefinition;
use smsexec::roster;

const DOWNLOADER: &str = "SMS_DMP_DOWNLOADER";
const HOUR: Duration = Duration::from_secs(60 * 60);

fn simulated() -> Site {
    Site::primary("PS1").components(roster()).start().expect("the site starts")
}

/// A live site on the embedded defaults, in a folder of its own.
fn live(folder: &Path) -> live::Site {
    let edge = Embedded::start(folder, 1).expect("the embedded defaults start");
    let kept = edge.folder().load_kept().expect("what was kept can be read");
    let logs = Some(folder.join("logs"));
    let options = live::Options { logs, kept, ..live::Options::default() };
    let definition = SiteDefinition::primary("PS1");
    live::Site::start(&definition, roster(), Arc::new(edge), options).expect("the site starts")
}

/// Does the script's lines, and shows what was said if one goes wrong.
#[track_caller]
fn tell(site: &mut dyn HostControl, script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(script);
    let lines = fs::read(path).expect("the script");
    let mut console = Console::new(site, Options::default());
    let (mut out, mut problems) = (Vec::new(), Vec::new());
    let script = Script { name: script.into(), echo: true, keep_going: false };
    let status =
        script.run(&mut console, &lines[..], &mut out, &mut problems).expect("no I/O fails");
    assert!(
        status == ExitStatus::DONE,
        "status {status:?}\n{}\n{}",
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(&problems)
    );
}

#[test]
fn r015_r016_r017_r018_r020_r021_r022_r023_r028_r029_the_story_simulated() {
    tell(&mut simulated(), "change-mode.sms");
}

#[test]
fn r015_r016_r017_r018_r020_r021_r022_r023_r028_r029_the_story_live() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut site = live(folder.path());
    tell(&mut site, "change-mode.sms");
    site.shut_down().expect("it stops");

    let payload = fs::read_dir(folder.path().join("EasySetupPayload")).expect("the payload folder");
    assert_eq!(payload.count(), 2, "two updates, and nothing half done");
    let point = fs::read_dir(folder.path().join("DistributionPoints/CM01")).expect("the point");
    assert_eq!(point.count(), 2, "both are on the distribution point");
}

#[test]
fn r016_a_day_is_exactly_one_check_and_a_week_is_seven() {
    let mut site = simulated();
    let checks = |site: &Site| {
        let asked = Request::FetchSigned { url: String::new(), bytes_max: 0 };
        site.trace().iter().filter(|line| line.ends_with(asked.name())).count()
    };
    assert_eq!(checks(&site), 1, "never synced: at once");
    site.advance(24 * HOUR).unwrap();
    assert_eq!(checks(&site), 2);
    site.advance(7 * 24 * HOUR).unwrap();
    assert_eq!(checks(&site), 9);
}

#[test]
fn r021_only_the_downloader_is_restarted() {
    let mut site = simulated();
    site.set_mode(Mode::Offline).unwrap();
    site.restart(DOWNLOADER).unwrap();
    for name in ["SMS_DMP_UPLOADER", "SMS_SERVICE_CONNECTOR", "SMS_DISTRIBUTION_MANAGER"] {
        assert_eq!(site.query(name).unwrap().generation.0, 1, "{name}");
    }
    assert_eq!(site.effective(&keys::MODE, DOWNLOADER), Some(Mode::Offline));
}

#[test]
fn r022_a_restart_of_the_executive_restarts_every_component() {
    let mut site = simulated();
    site.set_mode(Mode::Offline).unwrap();
    site.service(contract::control::ServiceCommand::Restart).unwrap();
    for registration in roster() {
        assert_eq!(site.query(&registration.name).unwrap().generation.0, 2);
    }
    assert_eq!(site.effective(&keys::MODE, DOWNLOADER), Some(Mode::Offline));
}

#[test]
fn r023_a_backup_stops_and_restarts_the_executive() {
    let mut site = simulated();
    site.set_mode(Mode::Offline).unwrap();
    assert_eq!(site.effective(&keys::MODE, DOWNLOADER), Some(Mode::Online));
    site.backup().unwrap();
    assert_eq!(site.effective(&keys::MODE, DOWNLOADER), Some(Mode::Offline));
    assert_eq!(site.query(DOWNLOADER).unwrap().generation.0, 2);
}

#[test]
fn r026_r027_query_tells_the_status() {
    let mut site = simulated();
    assert_eq!(site.query(DOWNLOADER).unwrap().state, State::Running);
    site.stop(DOWNLOADER).unwrap();
    assert_eq!(site.query(DOWNLOADER).unwrap().state, State::Stopped);
}

/// What an operator stored and what components remember is there after the process is not.
#[test]
fn a_live_site_remembers_its_mode_and_its_last_sync() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut site = live(folder.path());
    site.advance(Duration::ZERO).unwrap();
    site.set_mode(Mode::Offline).unwrap();
    site.shut_down().unwrap();

    let mut site = live(folder.path());
    let view = site.set_mode(Mode::Offline).unwrap();
    assert_eq!(view.stored, "offline");
    assert_eq!(view.restart_required, [""; 0], "it was started with it");
    let kept = fs::read_to_string(folder.path().join("kept.json")).unwrap();
    assert!(kept.contains("LastSyncedTime"), "{kept}");
}

#[test]
fn the_component_status_follows_the_endpoint_checks() {
    use contract::cloud::{CloudCommand, CloudFault};
    use contract::control::{Ask, Told};
    use contract::status::Health;

    let mut site = simulated();
    let health = |site: &mut Site| match site.ask(Ask::Summaries).unwrap() {
        Told::Summaries(rows) => {
            rows.into_iter().find(|row| row.component == "SMS_SERVICE_CONNECTOR").unwrap().health
        }
        told => panic!("{told:?}"),
    };
    assert_eq!(health(&mut site), Health::Ok);
    site.ask(Ask::Cloud(CloudCommand::Fault(CloudFault::Down))).unwrap();
    // Midnight starts the tally over, so the checks of one day have to count (domain.md 3.5).
    let set = |key: &str, value: &str| Ask::Set { key: key.into(), value: value.into() };
    site.ask(set(keys::ENDPOINT_CHECK_INTERVAL.key, "1h")).unwrap();
    site.restart("SMS_SERVICE_CONNECTOR").unwrap();
    site.advance(Duration::ZERO).unwrap();
    assert_eq!(health(&mut site), Health::Warning, "one error");
    site.advance(4 * HOUR).unwrap();
    assert_eq!(health(&mut site), Health::Critical, "five errors");
    let ids: Vec<u32> = site.messages().iter().map(|record| record.message.id).collect();
    assert!(ids.contains(&11410) && ids.contains(&11412) && ids.contains(&4609), "{ids:?}");
}
