//! The embedded cloud: what it holds, and how it answers.

use std::collections::VecDeque;
use std::time::Duration;

use contract::cloud::{
    CloudCommand, CloudFault, CloudView, Manifest, ManifestPackage, SiteVersion,
};
use contract::control::Refusal;
use contract::lifecycle::Code;

use crate::catalogue::{PACKAGE_BYTES_MAX, PACKAGE_HOST, Package};
use crate::hash;
use crate::signed::{Signer, TrustedKey};

/// Every host name that the cloud answers for, in order (domain.md 5.1, 5.3, 8.2, 8.3).
pub const HOSTS: &[&str] = &[
    "aka.ms",
    PACKAGE_HOST,
    "dc.services.visualstudio.com",
    MANIFEST_HOST,
    GATEWAY,
    "go.microsoft.com",
];

/// So many of the newest uploads are kept; all are counted.
pub const UPLOADS_KEPT: usize = 100;

const GATEWAY: &str = "gateway.manage.microsoft.com";
const MANIFEST_HOST: &str = "download.microsoft.com";
/// The file's name is the real one (domain.md 5.1), the folder the simulator's own.
const MANIFEST_PATH: &str = "/download/configmgr/ConfigMgr.Update.Manifest.cab";

/// More than any site takes, and declared only: nobody has to hold it.
const OVERSIZE: u64 = 1 << 50;

/// A request as it reaches the cloud.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Such as GET.
    pub method: &'a str,
    /// The host name that was asked for, in lower case.
    pub host: &'a str,
    /// From the first `/` on.
    pub path_and_query: &'a str,
    /// What was sent along.
    pub body: &'a [u8],
}

/// An answer, and what the wire does to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body as it should arrive.
    pub body: Vec<u8>,
    /// How it fails to.
    pub fault: Option<WireFault>,
}

impl Response {
    /// The value of header `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Response { status, headers, body, fault: None }
    }

    fn empty(status: u16) -> Self {
        Response { status, headers: Vec::new(), body: Vec::new(), fault: None }
    }
}

/// What the wire does to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// It carries the answer this much later.
    Slow(Duration),
    /// It ends the connection after so many bytes of the body.
    CutAfter(usize),
    /// It declares a body of this length, whatever comes, and ends the connection with the body.
    DeclareLength(u64),
}

/// The update service that SMS_DMP_DOWNLOADER and SMS_DMP_UPLOADER talk to, and the endpoints
/// that SMS_SERVICE_CONNECTOR checks.
///
/// ```
/// use smsexec_cloud::{Ask, Cloud};
///
/// let mut cloud = Cloud::new(1);
/// let ask = Ask {
///     method: "GET",
///     host: "go.microsoft.com",
///     path_and_query: "/fwlink/?LinkId=2309745",
///     body: b"",
/// };
/// assert_eq!(cloud.respond(&ask).status, 302);
/// assert_eq!(cloud.view().requests, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Cloud {
    seed: u64,
    signer: Signer,
    packages: Vec<Package>,
    fault: CloudFault,
    connections: u64,
    requests: u64,
    upload_count: u64,
    uploads: VecDeque<String>,
}

impl Cloud {
    /// The cloud of `seed`, with one update in its catalogue: version 2509, which applies to a
    /// site of the default version.
    pub fn new(seed: u64) -> Self {
        let secret = hash::sha256_bytes(format!("smsexec cloud signer {seed}").as_bytes());
        let mut cloud = Cloud {
            seed,
            signer: Signer::from_seed(secret),
            packages: Vec::new(),
            fault: CloudFault::None,
            connections: 0,
            requests: 0,
            upload_count: 0,
            uploads: VecDeque::new(),
        };
        let version = SiteVersion([5, 0, 9141, 1000]);
        cloud.add("Configuration Manager 2509".into(), version, 256 << 10);
        cloud
    }

    /// Carries `command` out and shows the cloud after it.
    ///
    /// # Errors
    /// Code 87, [`Code::INVALID_PARAMETER`], for an update without a name, one of no bytes or
    /// more than [`PACKAGE_BYTES_MAX`], one whose name and version are published already, or a
    /// status that no answer can have.
    pub fn command(&mut self, command: CloudCommand) -> Result<CloudView, Refusal> {
        match command {
            CloudCommand::Show => {}
            CloudCommand::Publish { name, version, bytes } => {
                check_update(&name, bytes)?;
                self.check_new(&name, version)?;
                self.add(name, version, bytes);
            }
            CloudCommand::Fault(fault) => {
                check_fault(&fault)?;
                self.fault = fault;
            }
            CloudCommand::ResetCounts => {
                (self.connections, self.requests, self.upload_count) = (0, 0, 0);
            }
        }
        Ok(self.view())
    }

    /// The cloud as an operator sees it; without an address, which only a wire has.
    pub fn view(&self) -> CloudView {
        CloudView {
            address: String::new(),
            connections: self.connections,
            requests: self.requests,
            uploads: self.upload_count,
            fault: self.fault.clone(),
            catalogue: self.packages.iter().map(Package::title).collect(),
        }
    }

    /// Whose signature its manifest bears.
    pub fn trusted_key(&self) -> TrustedKey {
        self.signer.trusted_key()
    }

    /// Whether nobody listens. Refusing connections is for the wire to do.
    pub fn is_down(&self) -> bool {
        self.fault == CloudFault::Down
    }

    /// The manifest as it is without any fault.
    pub fn manifest(&self) -> Manifest {
        Manifest { format: 1, packages: self.packages.iter().map(Package::entry).collect() }
    }

    /// The usage data documents it was sent, oldest first: the newest [`UPLOADS_KEPT`].
    pub fn uploads(&self) -> impl Iterator<Item = &str> {
        self.uploads.iter().map(String::as_str)
    }

    /// The wire tells of a connection that it took.
    pub fn connected(&mut self) {
        self.connections += 1;
    }

    /// Answers a request. An upload counts once it is answered, whether or not the answer
    /// arrives: so it is with a real service.
    pub fn respond(&mut self, ask: &Ask<'_>) -> Response {
        self.requests += 1;
        let mut response = match self.fault {
            CloudFault::Status(status) => Response::empty(status),
            _ => self.route(ask),
        };
        match self.fault {
            CloudFault::Slow(by) => response.fault = Some(WireFault::Slow(by)),
            CloudFault::Cut if !response.body.is_empty() => {
                response.fault = Some(WireFault::CutAfter(response.body.len() / 2));
            }
            _ => {}
        }
        response
    }

    fn check_new(&self, name: &str, version: SiteVersion) -> Result<(), Refusal> {
        let is_it = |package: &Package| package.is_called(name, version);
        if self.packages.iter().any(is_it) {
            let reason = format!("{name} {version} is published already");
            let way_out = "give it another name or version";
            return Err(Refusal::new(Code::INVALID_PARAMETER, "cloud", reason, way_out));
        }
        Ok(())
    }

    fn add(&mut self, name: String, version: SiteVersion, bytes: u64) {
        self.packages.push(Package::new(self.seed, name, version, bytes));
    }

    fn route(&mut self, ask: &Ask<'_>) -> Response {
        let (path, query) = ask.path_and_query.split_once('?').unwrap_or((ask.path_and_query, ""));
        match (ask.method, ask.host, path) {
            ("GET", "go.microsoft.com", "/fwlink/" | "/fwlink") => fwlink(query),
            ("GET", MANIFEST_HOST, MANIFEST_PATH) => self.answer_manifest(),
            ("GET", PACKAGE_HOST, _) => self.answer_package(path),
            ("POST", GATEWAY, "/usage") => self.take_usage(ask.body),
            ("GET", "aka.ms", "/configmgrgateway") => redirect(format!("https://{GATEWAY}/")),
            ("GET", GATEWAY | "dc.services.visualstudio.com", "/") => {
                Response::new(200, "text/plain", b"ok\n".to_vec())
            }
            ("GET" | "POST", _, _) => Response::new(404, "text/plain", b"not found\n".to_vec()),
            _ => Response::empty(405),
        }
    }

    fn answer_manifest(&self) -> Response {
        let mut manifest = self.manifest();
        if self.fault == CloudFault::ForeignPath {
            // All of them, so that whichever one a site picks leads astray.
            manifest.packages.iter_mut().for_each(lead_astray);
        }
        let document = serde_json::to_vec(&manifest).expect("a manifest has string keys only");
        let body = match self.fault {
            CloudFault::BadSignature => self.signer.sign_as(b"another document", &document),
            CloudFault::TruncatedManifest => self.signer.sign(&document[..document.len() / 2]),
            _ => self.signer.sign(&document),
        };
        let mut response = Response::new(200, "application/octet-stream", body);
        if self.fault == CloudFault::OversizedManifest {
            response.fault = Some(WireFault::DeclareLength(OVERSIZE));
        }
        response
    }

    fn answer_package(&self, path: &str) -> Response {
        let Some(package) = self.packages.iter().find(|package| package.is_at(path)) else {
            return Response::new(404, "text/plain", b"not found\n".to_vec());
        };
        let mut content = package.content();
        match self.fault {
            CloudFault::WrongHash => content[0] ^= 1,
            CloudFault::WrongLength => content.push(0),
            _ => {}
        }
        Response::new(200, "application/vnd.ms-cab-compressed", content)
    }

    fn take_usage(&mut self, body: &[u8]) -> Response {
        let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
        let (Ok(text), true) = (std::str::from_utf8(body), is_json) else {
            return Response::empty(400);
        };
        if self.uploads.len() == UPLOADS_KEPT {
            self.uploads.pop_front();
        }
        self.uploads.push_back(text.to_owned());
        self.upload_count += 1;
        Response::empty(202)
    }
}

fn fwlink(query: &str) -> Response {
    if query.eq_ignore_ascii_case("LinkId=2309745") {
        redirect(format!("https://{MANIFEST_HOST}{MANIFEST_PATH}"))
    } else {
        Response::new(404, "text/plain", b"not found\n".to_vec())
    }
}

fn redirect(to: String) -> Response {
    Response { headers: vec![("location", to)], ..Response::empty(302) }
}

/// Makes a package point outside the payload folder, by its id and by its address.
fn lead_astray(package: &mut ManifestPackage) {
    package.url = package.url.replace("/release/", "/release/../../");
    package.guid = format!("../../{}", package.guid);
}

fn check_update(name: &str, bytes: u64) -> Result<(), Refusal> {
    let refuse = |reason, way_out| Refusal::new(Code::INVALID_PARAMETER, "cloud", reason, way_out);
    if name.trim().is_empty() || name.len() > 200 || name.contains(char::is_control) {
        return Err(refuse("the update needs a name of one line", "name it in 200 bytes or less"));
    }
    if bytes == 0 || bytes > PACKAGE_BYTES_MAX {
        return Err(refuse(
            "the embedded cloud makes packages of 1 byte to 64 MiB",
            "give a size between them",
        ));
    }
    Ok(())
}

fn check_fault(fault: &CloudFault) -> Result<(), Refusal> {
    match fault {
        // A lower one is no answer yet, a higher one is no HTTP status; 598 and 599 are not in
        // any standard and yet answered by proxies (domain.md 8.4).
        CloudFault::Status(status) if !(200..=599).contains(status) => Err(Refusal::new(
            Code::INVALID_PARAMETER,
            "cloud",
            format!("no answer has the status {status}"),
            "give one between 200 and 599",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    const MANIFEST_URL: &str =
        "https://download.microsoft.com/download/configmgr/ConfigMgr.Update.Manifest.cab";

    fn get(cloud: &mut Cloud, url: &str) -> Response {
        let address = Address::parse(url).unwrap();
        let (host, path_and_query) = (address.host(), address.path_and_query());
        cloud.respond(&Ask { method: "GET", host, path_and_query, body: b"" })
    }

    fn post(cloud: &mut Cloud, body: &[u8]) -> u16 {
        cloud.respond(&Ask { method: "POST", host: GATEWAY, path_and_query: "/usage", body }).status
    }

    fn with(fault: CloudFault) -> Cloud {
        let mut cloud = Cloud::new(1);
        cloud.command(CloudCommand::Fault(fault)).unwrap();
        cloud
    }

    fn opened_manifest(cloud: &mut Cloud) -> Manifest {
        let body = get(cloud, MANIFEST_URL).body;
        serde_json::from_slice(cloud.trusted_key().open(&body).unwrap()).unwrap()
    }

    #[test]
    fn the_link_of_the_documents_leads_to_the_signed_manifest_and_its_packages() {
        let mut cloud = Cloud::new(1);
        let first = get(&mut cloud, &contract::settings::keys::MANIFEST_URL.default_value());
        assert_eq!((first.status, first.header("location")), (302, Some(MANIFEST_URL)));

        let manifest = opened_manifest(&mut cloud);
        assert_eq!(manifest, cloud.manifest());
        let [package] = &manifest.packages[..] else { panic!("one update by default") };
        assert_eq!(package.name, "Configuration Manager 2509");
        let site = SiteVersion::default();
        assert!(package.min_version <= site && site <= package.max_version);
        assert!(package.max_version < package.version);

        let content = get(&mut cloud, &package.url).body;
        assert_eq!(content.len() as u64, package.bytes);
        assert_eq!(hash::sha256(&content), package.sha256);
        assert_eq!(cloud.view().requests, 3);
    }

    #[test]
    fn one_seed_gives_one_cloud() {
        assert_eq!(Cloud::new(1).manifest(), Cloud::new(1).manifest());
        assert_eq!(Cloud::new(1).trusted_key(), Cloud::new(1).trusted_key());
        assert_ne!(Cloud::new(1).manifest(), Cloud::new(2).manifest());
        assert_ne!(Cloud::new(1).trusted_key(), Cloud::new(2).trusted_key());
    }

    #[test]
    fn published_updates_can_be_fetched() {
        let mut cloud = Cloud::new(1);
        let version = SiteVersion([5, 0, 8000, 1]);
        let command = CloudCommand::Publish { name: "Hotfix".into(), version, bytes: 10 };
        let view = cloud.command(command).unwrap();
        assert_eq!(view.catalogue[1], ("Hotfix".into(), version));
        let package = opened_manifest(&mut cloud).packages.remove(1);
        assert!(package.min_version <= package.max_version && package.max_version < version);
        assert_eq!(get(&mut cloud, &package.url).body.len(), 10);
    }

    #[test]
    fn an_update_is_known_by_what_it_is_and_not_by_when_it_was_published() {
        let publish = |name: &str, version: [u32; 4], bytes| CloudCommand::Publish {
            name: name.into(),
            version: SiteVersion(version),
            bytes,
        };
        let newest = |cloud: &Cloud| cloud.manifest().packages.pop().unwrap();
        let hotfix = || publish("Hotfix", [5, 0, 9142, 1000], 10);
        let mut first = Cloud::new(1);
        first.command(hotfix()).unwrap();
        let known = newest(&first);
        // Another process, in which another update came first.
        let mut later = Cloud::new(1);
        later.command(publish("Rollup", [5, 0, 9143, 1000], 10)).unwrap();
        later.command(hotfix()).unwrap();
        assert_eq!(newest(&later), known);

        let mut seen = vec![known];
        for (seed, command) in [
            (1, publish("Hotfiy", [5, 0, 9142, 1000], 10)),
            (1, publish("Hotfix", [5, 0, 9142, 1001], 10)),
            (1, publish("Hotfix", [5, 0, 9142, 1000], 11)),
            (2, hotfix()),
        ] {
            let mut cloud = Cloud::new(seed);
            cloud.command(command.clone()).unwrap();
            let package = newest(&cloud);
            for other in &seen {
                assert_ne!(package.guid, other.guid, "{command:?}");
                assert_ne!(package.sha256, other.sha256, "{command:?}");
            }
            seen.push(package);
        }
    }

    #[test]
    fn an_update_is_published_once() {
        let mut cloud = Cloud::new(1);
        let publish = |name: &str, bytes| CloudCommand::Publish {
            name: name.into(),
            version: SiteVersion([5, 0, 9142, 1000]),
            bytes,
        };
        let before = cloud.command(publish("Hotfix", 10)).unwrap();
        for bytes in [10, 11] {
            let refusal = cloud.command(publish("Hotfix", bytes)).unwrap_err();
            assert_eq!(refusal.code, Code::INVALID_PARAMETER);
            assert_eq!(refusal.reason, "Hotfix 5.00.9142.1000 is published already");
            assert_eq!(cloud.view(), before);
        }
        let (name, version) = before.catalogue[0].clone();
        let again = CloudCommand::Publish { name, version, bytes: 1 };
        assert!(cloud.command(again).unwrap_err().reason.contains("already"));
        cloud.command(publish("Hotfix 2", 10)).unwrap();
    }

    #[test]
    fn impossible_commands_change_nothing() {
        let mut cloud = Cloud::new(1);
        let publish = |name: &str, bytes| CloudCommand::Publish {
            name: name.into(),
            version: SiteVersion::default(),
            bytes,
        };
        for command in [
            publish(" ", 1),
            publish("two\nlines", 1),
            publish("x", 0),
            publish("x", PACKAGE_BYTES_MAX + 1),
            publish("x", u64::MAX),
            CloudCommand::Fault(CloudFault::Status(0)),
            CloudCommand::Fault(CloudFault::Status(101)),
            CloudCommand::Fault(CloudFault::Status(600)),
        ] {
            let before = cloud.view();
            let refusal = cloud.command(command.clone()).expect_err(&format!("{command:?}"));
            assert_eq!(refusal.code, Code::INVALID_PARAMETER);
            assert_eq!(cloud.view(), before);
        }
    }

    #[test]
    fn usage_data_is_kept_if_it_is_json() {
        let mut cloud = Cloud::new(1);
        assert_eq!(post(&mut cloud, b"{\"level\":2}"), 202);
        for wrong in [&b""[..], b"{", b"level 2", b"{}x", &[0xff, b'1']] {
            assert_eq!(post(&mut cloud, wrong), 400, "{wrong:?}");
        }
        assert_eq!(cloud.uploads().collect::<Vec<_>>(), ["{\"level\":2}"]);
        for number in 0..UPLOADS_KEPT {
            post(&mut cloud, number.to_string().as_bytes());
        }
        assert_eq!(cloud.view().uploads, 101);
        assert_eq!(cloud.uploads().count(), UPLOADS_KEPT);
        assert_eq!(cloud.uploads().next(), Some("0"));
    }

    #[test]
    fn every_default_endpoint_shows_connectivity() {
        let mut cloud = Cloud::new(1);
        for endpoint in contract::settings::keys::ENDPOINTS.default_value() {
            // Failures by status are the closed list of domain.md 8.4.
            let status = get(&mut cloud, &endpoint.url).status;
            assert!(matches!(status, 200 | 302), "{}: {status}", endpoint.url);
            assert!(HOSTS.contains(&Address::parse(&endpoint.url).unwrap().host()));
        }
    }

    #[test]
    fn what_it_does_not_play_is_not_found() {
        let mut cloud = Cloud::new(1);
        for url in [
            "https://go.microsoft.com/fwlink/?LinkId=1",
            "https://go.microsoft.com/",
            "https://download.microsoft.com/x.cab",
            "https://configmgrbits.azureedge.net/release/x.cab",
            "https://example.org/",
        ] {
            assert_eq!(get(&mut cloud, url).status, 404, "{url}");
        }
        let ask = Ask { method: "DELETE", host: GATEWAY, path_and_query: "/", body: b"" };
        assert_eq!(cloud.respond(&ask).status, 405);
    }

    #[test]
    fn faults_of_the_manifest() {
        let mut bad = with(CloudFault::BadSignature);
        let body = get(&mut bad, MANIFEST_URL).body;
        assert!(bad.trusted_key().open(&body).is_err());

        let mut truncated = with(CloudFault::TruncatedManifest);
        let body = get(&mut truncated, MANIFEST_URL).body;
        let key = truncated.trusted_key();
        let document = key.open(&body).unwrap();
        assert!(serde_json::from_slice::<Manifest>(document).is_err());

        let mut oversized = with(CloudFault::OversizedManifest);
        let response = get(&mut oversized, MANIFEST_URL);
        let limit = contract::settings::keys::MANIFEST_BYTES_MAX.default_value();
        let Some(WireFault::DeclareLength(length)) = response.fault else { panic!("no fault") };
        assert!(length > limit && response.body.len() < 10_000);

        let mut foreign = with(CloudFault::ForeignPath);
        for package in opened_manifest(&mut foreign).packages {
            assert!(crate::plain_name(&package.guid).is_err());
            assert!(Address::parse(&package.url).is_err());
        }
    }

    #[test]
    fn faults_of_packages_leave_the_manifest_alone() {
        for fault in [CloudFault::WrongHash, CloudFault::WrongLength] {
            let mut cloud = with(fault.clone());
            let package = opened_manifest(&mut cloud).packages.remove(0);
            let content = get(&mut cloud, &package.url).body;
            let right_length = content.len() as u64 == package.bytes;
            assert_eq!(right_length, fault == CloudFault::WrongHash);
            assert_ne!(hash::sha256(&content), package.sha256);
        }
    }

    #[test]
    fn faults_of_the_wire() {
        let mut slow = with(CloudFault::Slow(Duration::from_secs(7)));
        let fault = get(&mut slow, MANIFEST_URL).fault;
        assert_eq!(fault, Some(WireFault::Slow(Duration::from_secs(7))));

        let mut cut = with(CloudFault::Cut);
        let response = get(&mut cut, MANIFEST_URL);
        assert_eq!(response.fault, Some(WireFault::CutAfter(response.body.len() / 2)));
        // There is no half of nothing: a redirect arrives whole.
        assert_eq!(get(&mut cut, "https://aka.ms/configmgrgateway").fault, None);

        let mut status = with(CloudFault::Status(502));
        assert_eq!(get(&mut status, MANIFEST_URL), Response::empty(502));
        assert_eq!((post(&mut status, b"{}"), status.view().uploads), (502, 0));

        assert!(with(CloudFault::Down).is_down() && !Cloud::new(1).is_down());
    }
}
