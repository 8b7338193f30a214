//! A cloud that is down, slow, rude or hostile, and a whole site that lives with it: whatever
//! comes is refused, logged, leaves nothing behind, and is tried again in the next polling
//! cycle.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloud::{Cloud, TimeOuts};
use contract::cloud::{CloudCommand, CloudFault};
use contract::control::{Ask, HostControl, Told};
use edge::Embedded;
use sim::Site;
use site::SiteDefinition;
use smsexec::roster;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LOG: &str = "Dmpdownloader.log";
const SLOW: Duration = Duration::from_secs(3600);

fn faults() -> Vec<CloudFault> {
    vec![
        CloudFault::Down,
        CloudFault::Slow(SLOW),
        CloudFault::Cut,
        CloudFault::Status(503),
        CloudFault::BadSignature,
        CloudFault::TruncatedManifest,
        CloudFault::OversizedManifest,
        CloudFault::ForeignPath,
        CloudFault::WrongHash,
        CloudFault::WrongLength,
    ]
}

fn cloud_with(fault: &CloudFault) -> Cloud {
    let mut cloud = Cloud::new(1);
    cloud.command(CloudCommand::Fault(fault.clone())).expect("a fault that can be");
    cloud
}

fn log(site: &mut dyn HostControl) -> String {
    let ask = Ask::Logs { log: Some(LOG.into()), last: usize::MAX };
    match site.ask(ask).expect("the log is there") {
        Told::Logs(tails) => tails[0].lines.join("\n"),
        told => panic!("{told:?}"),
    }
}

/// The first check fails; nothing lies there; the cloud behaves again, and a day later all is
/// as it should be.
fn live_through<S: HostControl>(fault: &CloudFault, site: &mut S, payload: impl Fn(&S) -> usize) {
    site.advance(2 * SLOW).unwrap();
    let told = log(site);
    assert!(told.contains("Retry in the next polling cycle"), "{fault}:\n{told}");
    assert_eq!(payload(site), 0, "{fault} leaves nothing behind");

    site.ask(Ask::Cloud(CloudCommand::Fault(CloudFault::None))).unwrap();
    site.advance(DAY).unwrap();
    assert!(log(site).contains("finishes downloading"), "{fault}:\n{}", log(site));
    assert_eq!(payload(site), 1, "{fault} is over");
}

#[test]
fn a_simulated_site_lives_through_every_fault() {
    for fault in faults() {
        let builder = Site::primary("PS1").components(roster()).cloud(cloud_with(&fault));
        let mut site = builder.start().expect("the site starts");
        live_through(&fault, &mut site, |site| {
            let files = site.outside().files().keys();
            files.filter(|path| path.starts_with("EasySetupPayload/")).count()
        });
    }
}

#[test]
fn a_live_site_lives_through_every_fault() {
    for fault in faults() {
        let folder = tempfile::tempdir().expect("a folder");
        // Short, so that a slow cloud is given up soon; on loopback a good answer is sooner.
        let time_outs = TimeOuts { idle: Duration::from_millis(1500), ..TimeOuts::default() };
        let edge = Embedded::start_with(folder.path(), cloud_with(&fault), time_outs)
            .expect("the embedded defaults start");
        let definition = SiteDefinition::primary("PS1");
        let options = live::Options::default();
        // The other two have time-outs of their own, which nobody should wait for here.
        let components = roster().into_iter().filter(|component| {
            ["SMS_DMP_DOWNLOADER", "SMS_DISTRIBUTION_MANAGER"].contains(&&*component.name)
        });
        let mut site =
            live::Site::start(&definition, components.collect(), Arc::new(edge), options)
                .expect("the site starts");
        live_through(&fault, &mut site, |_| files_in(&folder.path().join("EasySetupPayload")));
    }
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).expect("the folder").count()
}
