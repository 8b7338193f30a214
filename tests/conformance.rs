//! One table of cases, run against the real outside (HTTPS on this machine's loopback, a folder
//! on this disk) and against its simulated twin. Both must give the same answers, with the same
//! words for a failure, leave the same files, and be seen alike by the cloud. A case is one row;
//! what a component may rely on in a simulated test is what is in this table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cloud::{Cloud, TimeOuts};
use contract::cloud::{
    CloudCommand, CloudFault, CloudView, Manifest, ManifestPackage, SiteVersion,
};
use contract::control::Refusal;
use contract::outside::Outside;
use contract::settings::keys;
use contract::{Answer, Failure, FailureKind, Reply, Request};
use edge::{Edge, Embedded};
use sim::SimOutside;

const SEED: u64 = 2509;
/// The size of the cloud's first package.
const BYTES: u64 = 256 << 10;
/// Long enough for a request to reach the cloud on a busy machine, which then counts it.
const SHORT: Duration = Duration::from_millis(700);
/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

type Outcome = Result<Reply, FailureKind>;
type Files = BTreeMap<String, Vec<u8>>;

/// One step of a case.
#[derive(Debug, Clone)]
enum Step {
    /// The operator's command to the cloud, which it takes.
    Command(CloudCommand),
    /// A request, and how it must come out.
    Ask(Request, Outcome),
}

/// A case: what happens, and what must be left of it.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    time_outs: TimeOuts,
    steps: Vec<Step>,
    /// Paths of the files that must lie there afterwards, and no others.
    files: Vec<String>,
    /// Requests that the cloud must have answered; each has a connection of its own.
    requests: u64,
}

/// An outside, whichever.
trait Side {
    fn command(&mut self, command: CloudCommand) -> Result<CloudView, Refusal>;
    fn ask(&mut self, request: Request) -> Answer;
    fn files(&self) -> Files;
    fn uploads(&self) -> Vec<String>;
}

/// The real one, in a folder that goes away with it.
struct Real {
    runtime: tokio::runtime::Runtime,
    edge: Edge,
    folder: tempfile::TempDir,
}

impl Real {
    fn start(time_outs: TimeOuts) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let edge = Embedded::start_with(folder.path(), Cloud::new(SEED), time_outs).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Real { runtime, edge, folder }
    }
}

impl Side for Real {
    fn command(&mut self, command: CloudCommand) -> Result<CloudView, Refusal> {
        self.edge.cloud(command)
    }

    fn ask(&mut self, request: Request) -> Answer {
        // The twin's folder lies nowhere.
        let root = format!("{}/", self.folder.path().display());
        let answer = self.runtime.block_on(self.edge.perform(request));
        answer.map_err(|failure| Failure::new(failure.kind, failure.text.replace(&root, "")))
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        for folder in ["EasySetupPayload", "ContentLib", "DistributionPoints"] {
            gather(self.folder.path(), folder, &mut files);
        }
        files
    }

    fn uploads(&self) -> Vec<String> {
        let embedded = self.edge.embedded().unwrap();
        embedded.with(|cloud| cloud.uploads().map(str::to_owned).collect()).unwrap()
    }
}

/// Every file under `folder`, but for the notes that the content library keeps of its hashes.
fn gather(root: &Path, folder: &str, files: &mut Files) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if entry.file_type().unwrap().is_dir() {
            gather(root, &path, files);
        } else if !(name.starts_with('.') && name.ends_with(".sha256")) {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}

impl Side for SimOutside {
    fn command(&mut self, command: CloudCommand) -> Result<CloudView, Refusal> {
        self.cloud(command)
    }

    fn ask(&mut self, request: Request) -> Answer {
        self.perform(&request).1
    }

    fn files(&self) -> Files {
        SimOutside::files(self).clone()
    }

    fn uploads(&self) -> Vec<String> {
        self.cloud_service().uploads().map(str::to_owned).collect()
    }
}

/// What a side made of a case.
#[derive(Debug, PartialEq)]
struct Left {
    answers: Vec<Answer>,
    files: Files,
    uploads: Vec<String>,
    view: CloudView,
}

fn run(case: &Case, side: &mut dyn Side) -> Left {
    let mut answers = Vec::new();
    for step in &case.steps {
        match step {
            Step::Command(command) => drop(side.command(command.clone()).unwrap()),
            Step::Ask(request, _) => answers.push(side.ask(request.clone())),
        }
    }
    let view = side.command(CloudCommand::Show).unwrap();
    // Only the real one has an address.
    let view = CloudView { address: String::new(), ..view };
    Left { answers, files: side.files(), uploads: side.uploads(), view }
}

/// Nothing if `left` is what the case asks for; else what is wrong.
fn problem(case: &Case, left: &Left) -> Option<String> {
    let expected: Vec<&Outcome> = case
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Ask(_, outcome) => Some(outcome),
            Step::Command(_) => None,
        })
        .collect();
    let files: Vec<&String> = left.files.keys().collect();
    let kinds = |answer: &Answer| answer.clone().map_err(|failure| failure.kind);
    let outcomes: Vec<Outcome> = left.answers.iter().map(kinds).collect();
    if outcomes.iter().collect::<Vec<_>>() != expected {
        Some(format!("answered {:?} instead of {expected:?}", left.answers))
    } else if files != case.files.iter().collect::<Vec<_>>() {
        Some(format!("left {files:?} instead of {:?}", case.files))
    } else if (left.view.connections, left.view.requests) != (case.requests, case.requests) {
        Some(format!("was seen as {:?} instead of {} requests", left.view, case.requests))
    } else {
        None
    }
}

#[test]
fn the_real_outside_and_its_twin_do_the_same() {
    let mut problems = Vec::new();
    for case in cases() {
        let real = run(&case, &mut Real::start(case.time_outs));
        let mut twin = SimOutside::with_time_outs(Cloud::new(SEED), case.time_outs);
        let twin = run(&case, &mut twin);
        let sides = [("real", &real), ("twin", &twin)];
        for (side, left) in sides {
            problems.extend(problem(&case, left).map(|p| format!("{}: {side} {p}", case.name)));
        }
        if real != twin {
            problems.push(format!("{}: the two differ: {real:?}\n{twin:?}", case.name));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The twin does one thing at a time; the real one must be as right when it does not.
#[test]
fn the_real_outside_carries_many_requests_at_once() {
    let package = World::new().package();
    let real = Real::start(TimeOuts::default());
    let answers = real.runtime.block_on(async {
        let running: Vec<_> =
            (0..20).map(|_| tokio::spawn(real.edge.perform(download(&package)))).collect();
        let mut answers = Vec::new();
        for one in running {
            answers.push(one.await.unwrap());
        }
        answers
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let path = format!("EasySetupPayload/{}", file(&package));
    assert_eq!(real.files().into_keys().collect::<Vec<_>>(), [path]);
}

fn case(name: &'static str, steps: Vec<Step>) -> Case {
    Case { name, time_outs: TimeOuts::default(), steps, files: Vec::new(), requests: 0 }
}

impl Case {
    fn leaves(mut self, files: &[&str]) -> Self {
        self.files = files.iter().map(|file| (*file).to_owned()).collect();
        self.files.sort();
        self
    }

    fn in_requests(mut self, requests: u64) -> Self {
        self.requests = requests;
        self
    }

    fn impatient(mut self) -> Self {
        self.time_outs.idle = SHORT;
        self
    }
}

fn fault(fault: CloudFault) -> Step {
    Step::Command(CloudCommand::Fault(fault))
}

fn ask(request: Request, outcome: Outcome) -> Step {
    Step::Ask(request, outcome)
}

/// What the cloud of every case holds at first.
struct World {
    manifest: Manifest,
}

impl World {
    fn new() -> Self {
        World { manifest: Cloud::new(SEED).manifest() }
    }

    fn package(&self) -> ManifestPackage {
        self.manifest.packages[0].clone()
    }

    fn download_as(&self, file: &str) -> Request {
        let ManifestPackage { url, bytes, sha256, .. } = self.package();
        Request::Download { url, file: file.into(), bytes, sha256 }
    }

    fn download_from(&self, url: &str) -> Request {
        download(&ManifestPackage { url: url.into(), ..self.package() })
    }
}

fn file(package: &ManifestPackage) -> String {
    format!("{}.cab", package.guid)
}

fn fetch() -> Request {
    Request::FetchSigned { url: keys::MANIFEST_URL.default_value(), bytes_max: 1 << 20 }
}

fn signed(manifest: &Manifest) -> Outcome {
    Ok(Reply::Signed { document: serde_json::to_vec(manifest).unwrap() })
}

fn download(package: &ManifestPackage) -> Request {
    Request::Download {
        url: package.url.clone(),
        file: file(package),
        bytes: package.bytes,
        sha256: package.sha256.clone(),
    }
}

fn downloaded(already_there: bool) -> Outcome {
    Ok(Reply::Downloaded { bytes: BYTES, already_there })
}

fn upload(json: &str) -> Request {
    Request::Upload { url: keys::USAGE_URL.default_value(), json: json.into() }
}

fn probe(url: &str) -> Request {
    Request::Probe { url: url.into(), time_out: Duration::from_secs(30) }
}

fn add(content: &str, file: &str, sha256: &str) -> Request {
    Request::AddContent { content: content.into(), file: file.into(), sha256: sha256.into() }
}

fn distribute(content: &str, to: &str) -> Request {
    Request::Distribute { content: content.into(), to: to.into() }
}

fn stored() -> Outcome {
    Ok(Reply::Stored { bytes: BYTES })
}

const ENDPOINT: &str = "https://gateway.manage.microsoft.com/";

fn cases() -> Vec<Case> {
    let world = World::new();
    let mut cases = good_cases(&world);
    cases.extend(bad_request_cases(&world));
    cases.extend(fault_cases(&world));
    cases.extend(manifest_fault_cases(&world));
    cases
}

fn good_cases(world: &World) -> Vec<Case> {
    let payload = format!("EasySetupPayload/{}", file(&world.package()));
    let good = world.package().sha256;
    let small = CloudCommand::Publish {
        name: "Hotfix \"1\"".into(),
        version: SiteVersion([5, 0, 9142, 1000]),
        bytes: 1,
    };
    let mut with_small = Cloud::new(SEED);
    with_small.command(small.clone()).unwrap();
    let with_small = with_small.manifest();
    let hotfix = with_small.packages[1].clone();
    vec![
        case("fetch", vec![ask(fetch(), signed(&world.manifest))]).in_requests(2),
        case("download", vec![ask(download(&world.package()), downloaded(false))])
            .leaves(&[&payload])
            .in_requests(1),
        case(
            "download what is there",
            vec![
                ask(download(&world.package()), downloaded(false)),
                ask(download(&world.package()), downloaded(true)),
            ],
        )
        .leaves(&[&payload])
        .in_requests(1),
        case(
            "fetch and download what was published",
            vec![
                Step::Command(small),
                ask(fetch(), signed(&with_small)),
                ask(download(&hotfix), Ok(Reply::Downloaded { bytes: 1, already_there: false })),
            ],
        )
        .leaves(&[&format!("EasySetupPayload/{}", file(&hotfix))])
        .in_requests(3),
        case("upload", vec![ask(upload("{\"level\":2}"), Ok(Reply::Uploaded))]).in_requests(1),
        case(
            "probe",
            vec![
                ask(probe(ENDPOINT), Ok(Reply::Probed { status: 200 })),
                // A redirect is an answer, and is not followed.
                ask(probe("https://aka.ms/configmgrgateway"), Ok(Reply::Probed { status: 302 })),
                ask(
                    probe("https://dc.services.visualstudio.com/nothing"),
                    Ok(Reply::Probed { status: 404 }),
                ),
            ],
        )
        .in_requests(3),
        case(
            "add and distribute",
            vec![
                ask(download(&world.package()), downloaded(false)),
                ask(add("PS100001", &file(&world.package()), &good.to_uppercase()), stored()),
                ask(distribute("PS100001", "DP1"), stored()),
                ask(distribute("PS100001", "DP2"), stored()),
                ask(distribute("PS100001", "DP1"), stored()),
            ],
        )
        .leaves(&[
            &payload,
            "ContentLib/PS100001",
            "DistributionPoints/DP1/PS100001",
            "DistributionPoints/DP2/PS100001",
        ])
        .in_requests(1),
    ]
}

fn bad_request_cases(world: &World) -> Vec<Case> {
    let payload = format!("EasySetupPayload/{}", file(&world.package()));
    let bad_name = || Err(FailureKind::BadName);
    let elsewhere = "https://example.org/x";
    vec![
        case(
            "a host nobody knows",
            vec![
                ask(world.download_from(elsewhere), Err(FailureKind::NameNotResolved)),
                ask(probe("https://localhost/"), Err(FailureKind::NameNotResolved)),
                ask(
                    Request::Upload { url: elsewhere.into(), json: "{}".into() },
                    Err(FailureKind::NameNotResolved),
                ),
                ask(
                    Request::FetchSigned { url: elsewhere.into(), bytes_max: 1 },
                    Err(FailureKind::NameNotResolved),
                ),
            ],
        ),
        case(
            "an address that is none",
            ["", "x", "http://go.microsoft.com/", "https://127.0.0.1/", "https://aka.ms:1/"]
                .map(|url| ask(probe(url), bad_name()))
                .to_vec(),
        ),
        case(
            "a file name that is not plain",
            ["", ".", "..", "../x.cab", "a/b", "a\\b", "C:x", "nul", ".part-0", "x\0"]
                .map(|file| ask(world.download_as(file), bad_name()))
                .to_vec(),
        ),
        case(
            "content and server names that are not plain",
            vec![
                ask(add("..", "x.cab", ""), bad_name()),
                ask(add("x", "../kept.json", ""), bad_name()),
                ask(distribute("../x", "DP1"), bad_name()),
                ask(distribute("x", "../../x"), bad_name()),
            ],
        ),
        case(
            "a manifest that is too large",
            [1, 0]
                .map(|bytes_max| {
                    let url = keys::MANIFEST_URL.default_value();
                    ask(Request::FetchSigned { url, bytes_max }, Err(FailureKind::TooLarge))
                })
                .to_vec(),
        )
        .in_requests(4),
        case(
            "a package that is not there",
            vec![ask(
                world.download_from("https://configmgrbits.azureedge.net/release/x.cab"),
                Err(FailureKind::Status(404)),
            )],
        )
        .in_requests(1),
        case(
            "a manifest that nobody signed",
            vec![ask(
                Request::FetchSigned { url: ENDPOINT.into(), bytes_max: 1 << 20 },
                Err(FailureKind::NotTrusted),
            )],
        )
        .in_requests(1),
        case(
            "usage data that is no json",
            vec![
                ask(upload("level 2"), Err(FailureKind::Status(400))),
                ask(upload(""), Err(FailureKind::Status(400))),
                ask(
                    Request::Upload { url: ENDPOINT.into(), json: "{}".into() },
                    Err(FailureKind::Status(404)),
                ),
            ],
        )
        .in_requests(3),
        case(
            "content with another hash",
            vec![
                ask(download(&world.package()), downloaded(false)),
                ask(
                    add("PS100001", &file(&world.package()), &"0".repeat(64)),
                    Err(FailureKind::WrongHash),
                ),
                ask(
                    add("PS100001", &file(&world.package()), "no hash"),
                    Err(FailureKind::WrongHash),
                ),
                ask(distribute("PS100001", "DP1"), Err(FailureKind::NotFound)),
            ],
        )
        .leaves(&[&payload])
        .in_requests(1),
        case(
            "content that is not there",
            vec![
                ask(add("PS100001", "x.cab", ""), Err(FailureKind::NotFound)),
                ask(distribute("PS100001", "DP1"), Err(FailureKind::NotFound)),
            ],
        ),
        case(
            "a package of another size or hash than promised",
            vec![
                ask(
                    download(&ManifestPackage {
                        bytes: world.package().bytes + 1,
                        ..world.package()
                    }),
                    Err(FailureKind::WrongSize),
                ),
                ask(
                    download(&ManifestPackage { bytes: 0, ..world.package() }),
                    Err(FailureKind::WrongSize),
                ),
                ask(
                    download(&ManifestPackage { sha256: String::new(), ..world.package() }),
                    Err(FailureKind::WrongHash),
                ),
            ],
        )
        .in_requests(3),
    ]
}

/// Every kind of request once, each with `outcome`.
fn all_fail(world: &World, outcome: FailureKind) -> [Step; 3] {
    [
        ask(fetch(), Err(outcome)),
        ask(download(&world.package()), Err(outcome)),
        ask(upload("{}"), Err(outcome)),
    ]
}

fn with_fault(by: CloudFault, steps: impl IntoIterator<Item = Step>) -> Vec<Step> {
    std::iter::once(fault(by)).chain(steps).collect()
}

fn fault_cases(world: &World) -> Vec<Case> {
    let payload = format!("EasySetupPayload/{}", file(&world.package()));
    let uploaded = || Ok(Reply::Uploaded);
    let mut down = with_fault(CloudFault::Down, all_fail(world, FailureKind::Refused));
    down.push(ask(probe(ENDPOINT), Err(FailureKind::Refused)));
    down.push(fault(CloudFault::None));
    down.push(ask(download(&world.package()), downloaded(false)));
    down.push(fault(CloudFault::Down));
    down.push(ask(download(&world.package()), downloaded(true)));
    let mut status = with_fault(CloudFault::Status(502), all_fail(world, FailureKind::Status(502)));
    status.push(ask(probe(ENDPOINT), Ok(Reply::Probed { status: 502 })));
    let other_statuses = [201, 204, 301, 304, 407, 426, 451, 511, 598, 599].map(|status| {
        [fault(CloudFault::Status(status)), ask(probe(ENDPOINT), Ok(Reply::Probed { status }))]
    });
    let mut slow = with_fault(CloudFault::Slow(LONG), all_fail(world, FailureKind::TimedOut));
    let impatient_probe = Request::Probe { url: ENDPOINT.into(), time_out: SHORT };
    slow.push(ask(impatient_probe, Err(FailureKind::TimedOut)));
    vec![
        case("down, healed and down again", down).leaves(&[&payload]).in_requests(1),
        case("status", status).in_requests(4),
        case("statuses that are answers all the same", other_statuses.concat()).in_requests(10),
        // The upload arrives and its answer does not: the cloud counts it all the same.
        case("slow", slow).impatient().in_requests(4),
        case(
            "slow, and waited for",
            with_fault(
                CloudFault::Slow(Duration::from_millis(5)),
                [
                    ask(fetch(), signed(&world.manifest)),
                    ask(download(&world.package()), downloaded(false)),
                    ask(upload("{}"), uploaded()),
                    ask(probe(ENDPOINT), Ok(Reply::Probed { status: 200 })),
                ],
            ),
        )
        .leaves(&[&payload])
        .in_requests(5),
        case(
            "cut",
            with_fault(
                CloudFault::Cut,
                [
                    ask(fetch(), Err(FailureKind::Cut)),
                    ask(download(&world.package()), Err(FailureKind::Cut)),
                    // Their answers have no body, or none that is read.
                    ask(upload("{}"), uploaded()),
                    ask(probe(ENDPOINT), Ok(Reply::Probed { status: 200 })),
                ],
            ),
        )
        .in_requests(5),
        case(
            "wrong hash, and healed",
            with_fault(
                CloudFault::WrongHash,
                [
                    ask(download(&world.package()), Err(FailureKind::WrongHash)),
                    fault(CloudFault::None),
                    ask(download(&world.package()), downloaded(false)),
                ],
            ),
        )
        .leaves(&[&payload])
        .in_requests(2),
        case(
            "wrong length",
            with_fault(
                CloudFault::WrongLength,
                [ask(download(&world.package()), Err(FailureKind::WrongSize))],
            ),
        )
        .in_requests(1),
    ]
}

fn manifest_fault_cases(world: &World) -> Vec<Case> {
    let document = serde_json::to_vec(&world.manifest).unwrap();
    let half = document[..document.len() / 2].to_vec();
    let mut foreign = world.manifest.clone();
    for package in &mut foreign.packages {
        package.guid = format!("../../{}", package.guid);
        package.url = package.url.replace("/release/", "/release/../../");
    }
    let led_astray = foreign.packages[0].clone();
    vec![
        case(
            "bad signature",
            with_fault(CloudFault::BadSignature, [ask(fetch(), Err(FailureKind::NotTrusted))]),
        )
        .in_requests(2),
        case(
            "truncated manifest",
            with_fault(
                CloudFault::TruncatedManifest,
                [ask(fetch(), Ok(Reply::Signed { document: half }))],
            ),
        )
        .in_requests(2),
        case(
            "oversized manifest",
            with_fault(
                CloudFault::OversizedManifest,
                [
                    ask(fetch(), Err(FailureKind::TooLarge)),
                    // Without a limit, it is the missing rest that shows.
                    ask(
                        Request::FetchSigned {
                            url: keys::MANIFEST_URL.default_value(),
                            bytes_max: u64::MAX,
                        },
                        Err(FailureKind::Cut),
                    ),
                ],
            ),
        )
        .in_requests(4),
        case(
            "foreign path",
            with_fault(
                CloudFault::ForeignPath,
                [
                    ask(fetch(), signed(&foreign)),
                    ask(download(&led_astray), Err(FailureKind::BadName)),
                    ask(world.download_from(&led_astray.url), Err(FailureKind::BadName)),
                ],
            ),
        )
        .in_requests(2),
    ]
}
