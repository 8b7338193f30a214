//! One check for updates: the manifest, then the package that it leads to.

use contract::cloud::{ManifestPackage, SiteVersion};
use contract::message::PackagePublished;
use contract::settings::{Settings, keys};
use contract::{
    Answer, Context, FailureKind, Reply, Request, Severity, StatusMessage, Ticket, WallTime,
};

use crate::memory::{Published, remember_synced};
use crate::{catalogue, wording};

/// Who takes a package on from EasySetupPayload.
const DISTRIBUTION_MANAGER: &str = "SMS_DISTRIBUTION_MANAGER";

// The status messages are the simulator's own.
/// Informational. Strings: how many updates the manifest lists, how many apply.
const CHECK_COMPLETED: u32 = 60201;
/// Informational. Strings: name, GUID.
const UPDATE_DOWNLOADED: u32 = 60202;
/// Warning. Strings: name, GUID, why.
const DOWNLOAD_FAILED: u32 = 60203;
/// Warning. Strings: why.
const MANIFEST_FAILED: u32 = 60204;
/// Error: it came, and is not to be trusted or not to be read. Strings: why.
const MANIFEST_REFUSED: u32 = 60205;

/// What a check goes by, over the whole life.
#[derive(Debug)]
pub(crate) struct Terms {
    manifest_url: String,
    manifest_bytes_max: u64,
    package_bytes_max: u64,
    site: SiteVersion,
}

impl Terms {
    pub(crate) fn read(settings: &Settings) -> Self {
        Terms {
            manifest_url: settings.get(&keys::MANIFEST_URL),
            manifest_bytes_max: settings.get(&keys::MANIFEST_BYTES_MAX),
            package_bytes_max: settings.get(&keys::PACKAGE_BYTES_MAX),
            site: settings.get(&keys::SITE_VERSION),
        }
    }
}

/// A check under way.
#[derive(Debug)]
pub(crate) struct Check {
    began: WallTime,
    waits_for: Ticket,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Manifest,
    Package(Box<ManifestPackage>, Found),
}

/// What the manifest held.
#[derive(Debug, Clone, Copy)]
struct Found {
    listed: usize,
    applicable: usize,
}

impl Check {
    /// Asks for the manifest.
    pub(crate) fn begin(terms: &Terms, cx: &mut Context<'_>) -> Self {
        wording::check_begins(&terms.manifest_url, cx);
        let waits_for = cx.request(Request::FetchSigned {
            url: terms.manifest_url.clone(),
            bytes_max: terms.manifest_bytes_max,
        });
        Check { began: cx.utc(), waits_for, stage: Stage::Manifest }
    }

    /// Whether that is the answer which the check waits for.
    pub(crate) fn waits_for(&self, ticket: Ticket) -> bool {
        self.waits_for == ticket
    }

    /// Takes the answer and goes on; `None` when the check has come to its end, good or bad.
    pub(crate) fn go_on(
        self,
        answer: Answer,
        terms: &Terms,
        published: &mut Published,
        cx: &mut Context<'_>,
    ) -> Option<Self> {
        match (self.stage, answer) {
            (Stage::Manifest, Ok(Reply::Signed { document })) => {
                take_manifest(&document, self.began, terms, published, cx)
            }
            (Stage::Manifest, answer) => {
                let (severity, why) = manifest_problem(answer);
                fail_manifest(severity, &why, cx);
                None
            }
            (Stage::Package(package, found), Ok(Reply::Downloaded { already_there, .. })) => {
                publish(&package, already_there, published, cx);
                complete(self.began, found, cx);
                None
            }
            (Stage::Package(package, _), answer) => {
                fail_package(&package, &problem(answer), cx);
                None
            }
        }
    }
}

fn take_manifest(
    document: &[u8],
    began: WallTime,
    terms: &Terms,
    published: &Published,
    cx: &mut Context<'_>,
) -> Option<Check> {
    wording::manifest_came(document.len(), cx);
    let packages = match catalogue::read(document, terms.package_bytes_max) {
        Ok(packages) => packages,
        Err(why) => {
            fail_manifest(Severity::Error, &why, cx);
            return None;
        }
    };
    wording::manifest_taken(cx);
    let mut found = Found { listed: packages.len(), applicable: 0 };
    for package in &packages {
        let applies = catalogue::applies(package, terms.site);
        found.applicable += usize::from(applies);
        wording::applicability(&package.guid, applies, cx);
    }
    match catalogue::newest(&packages, terms.site) {
        Some(package) if !published.holds(package) => Some(download(package, found, began, cx)),
        _ => {
            wording::nothing_new(cx);
            complete(began, found, cx);
            None
        }
    }
}

fn download(
    package: &ManifestPackage,
    found: Found,
    began: WallTime,
    cx: &mut Context<'_>,
) -> Check {
    wording::download_begins(&package.guid, &package.sha256, cx);
    let waits_for = cx.request(Request::Download {
        url: package.url.clone(),
        file: file_name(package),
        bytes: package.bytes,
        sha256: package.sha256.clone(),
    });
    Check { began, waits_for, stage: Stage::Package(Box::new(package.clone()), found) }
}

/// Named after the GUID alone, as in the samples; nothing else of the manifest names a file.
fn file_name(package: &ManifestPackage) -> String {
    format!("{}.cab", package.guid)
}

fn publish(
    package: &ManifestPackage,
    already_there: bool,
    published: &mut Published,
    cx: &mut Context<'_>,
) {
    if already_there {
        wording::already_there(&package.guid, cx);
    }
    wording::download_ends(&package.guid, cx);
    cx.report(
        StatusMessage::informational(UPDATE_DOWNLOADED).with(&package.name).with(&package.guid),
    );
    // Told before it is remembered: after a crash in between it is told twice, never not at all.
    cx.send_by_name(
        DISTRIBUTION_MANAGER,
        PackagePublished {
            guid: package.guid.clone(),
            name: package.name.clone(),
            file: file_name(package),
            bytes: package.bytes,
            sha256: package.sha256.clone(),
        },
    );
    published.remember(package, cx);
}

fn complete(began: WallTime, found: Found, cx: &mut Context<'_>) {
    remember_synced(began, cx);
    let numbers = [found.listed, found.applicable].map(|number| number.to_string());
    let [listed, applicable] = numbers;
    cx.report(StatusMessage::informational(CHECK_COMPLETED).with(listed).with(applicable));
}

fn fail_manifest(severity: Severity, why: &str, cx: &mut Context<'_>) {
    wording::check_failed(why, cx);
    let id = if severity == Severity::Error { MANIFEST_REFUSED } else { MANIFEST_FAILED };
    cx.report(StatusMessage::new(id, severity).with(why));
}

fn fail_package(package: &ManifestPackage, why: &str, cx: &mut Context<'_>) {
    wording::check_failed(why, cx);
    let report = StatusMessage::warning(DOWNLOAD_FAILED);
    cx.report(report.with(&package.name).with(&package.guid).with(why));
}

/// A manifest that did not come may come tomorrow; one that came and cannot be trusted is
/// somebody's fault.
fn manifest_problem(answer: Answer) -> (Severity, String) {
    let severity = match &answer {
        Err(failure) if matches!(failure.kind, FailureKind::NotTrusted | FailureKind::TooLarge) => {
            Severity::Error
        }
        _ => Severity::Warning,
    };
    (severity, problem(answer))
}

fn problem(answer: Answer) -> String {
    match answer {
        Err(failure) => failure.to_string(),
        Ok(_) => "the answer is of another kind than the request".to_owned(),
    }
}
