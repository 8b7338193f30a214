//! The simulated twin of the real outside: the same cloud, a disk in memory, and no waiting.
//!
//! `tests/conformance.rs` holds it to what the room `edge` does over real HTTPS and on a real
//! disk: same answers, same files, same counts at the cloud.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::signed::TrustedKey;
use cloud::{Address, Ask, Cloud, HOSTS, Redirects, Response, TimeOuts, WireFault};
use cloud::{hash, plain_name};
use contract::cloud::{CloudCommand, CloudView};
use contract::control::Refusal;
use contract::{Answer, Failure, FailureKind, Reply, Request};

/// Carries requests out in memory, and tells how long that would have taken.
///
/// Files are known by paths such as `EasySetupPayload/x.cab`, `ContentLib/<id>` and
/// `DistributionPoints/<name>/<id>`.
#[derive(Debug, Clone)]
pub struct SimOutside {
    cloud: Cloud,
    trusted: TrustedKey,
    time_outs: TimeOuts,
    files: BTreeMap<String, Vec<u8>>,
}

impl SimOutside {
    /// An outside that talks to `cloud`, and has no files.
    pub fn new(cloud: Cloud) -> Self {
        Self::with_time_outs(cloud, TimeOuts::default())
    }

    /// An outside that talks to `cloud`, waits for `time_outs`, and has no files.
    pub fn with_time_outs(cloud: Cloud, time_outs: TimeOuts) -> Self {
        SimOutside { trusted: cloud.trusted_key(), cloud, time_outs, files: BTreeMap::new() }
    }

    /// Carries `request` out. The answer arrives after the time that comes with it; that is
    /// zero unless the cloud is slow.
    pub fn perform(&mut self, request: &Request) -> (Duration, Answer) {
        let mut waited = Duration::ZERO;
        let answer = match request {
            Request::FetchSigned { url, bytes_max } => {
                self.fetch_signed(url, *bytes_max, &mut waited)
            }
            Request::Download { url, file, bytes, sha256 } => {
                self.download(url, file, *bytes, sha256, &mut waited)
            }
            Request::Upload { url, json } => self.upload(url, json, &mut waited),
            Request::Probe { url, time_out } => self.probe(url, *time_out, &mut waited),
            Request::AddContent { content, file, sha256 } => {
                self.add_content(content, file, sha256)
            }
            Request::Distribute { content, to } => self.distribute(content, to),
        };
        (waited, answer)
    }

    /// Carries an operator's command to the cloud out.
    ///
    /// # Errors
    /// See [`Cloud::command`].
    pub fn cloud(&mut self, command: CloudCommand) -> Result<CloudView, Refusal> {
        self.cloud.command(command)
    }

    /// The cloud itself, for what it was sent.
    pub fn cloud_service(&self) -> &Cloud {
        &self.cloud
    }

    /// Every file, by its path.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    fn fetch_signed(&mut self, url: &str, bytes_max: u64, waited: &mut Duration) -> Answer {
        let address = Address::parse(url)?;
        let (from, response) = self.get(&address, self.time_outs.document, waited)?;
        if declared(&response) > bytes_max {
            return Err(from.too_large(bytes_max));
        }
        let bytes = arrived(&from, response)?;
        match self.trusted.open(&bytes) {
            Ok(document) => Ok(Reply::Signed { document: document.to_vec() }),
            Err(error) => Err(Failure::new(FailureKind::NotTrusted, error.to_string())),
        }
    }

    fn download(
        &mut self,
        url: &str,
        file: &str,
        bytes: u64,
        sha256: &str,
        waited: &mut Duration,
    ) -> Answer {
        let path = payload(file)?;
        let address = Address::parse(url)?;
        let matches = |content: &Vec<u8>| {
            content.len() as u64 == bytes && hash::same(&hash::sha256(content), sha256)
        };
        if self.files.get(&path).is_some_and(matches) {
            return Ok(Reply::Downloaded { bytes, already_there: true });
        }
        // A package may take as long as it keeps coming.
        let (from, response) = self.get(&address, Duration::MAX, waited)?;
        let length = declared(&response);
        if length != bytes {
            let text = format!("{file} should have {bytes} bytes, {length} bytes were announced");
            return Err(Failure::new(FailureKind::WrongSize, text));
        }
        let content = arrived(&from, response)?;
        check_hash(file, &content, sha256)?;
        self.files.insert(path, content);
        Ok(Reply::Downloaded { bytes, already_there: false })
    }

    fn upload(&mut self, url: &str, json: &str, waited: &mut Duration) -> Answer {
        let address = Address::parse(url)?;
        let patience = self.time_outs.idle.min(self.time_outs.document);
        let response = self.ask("POST", &address, json.as_bytes(), patience, waited)?;
        match response.status {
            200..=299 => Ok(Reply::Uploaded),
            status => Err(address.answered(status)),
        }
    }

    fn probe(&mut self, url: &str, time_out: Duration, waited: &mut Duration) -> Answer {
        let address = Address::parse(url)?;
        let response = self.ask("GET", &address, b"", time_out, waited)?;
        Ok(Reply::Probed { status: response.status })
    }

    fn add_content(&mut self, content: &str, file: &str, sha256: &str) -> Answer {
        let (to, from) = (format!("ContentLib/{}", plain_name(content)?), payload(file)?);
        let bytes = self.files.get(&from).ok_or_else(|| missing(&from))?.clone();
        check_hash(content, &bytes, sha256)?;
        Ok(self.store(to, bytes))
    }

    fn distribute(&mut self, content: &str, to: &str) -> Answer {
        let (content, to) = (plain_name(content)?, plain_name(to)?);
        let from = format!("ContentLib/{content}");
        let bytes = self.files.get(&from).ok_or_else(|| missing(&from))?.clone();
        Ok(self.store(format!("DistributionPoints/{to}/{content}"), bytes))
    }

    fn store(&mut self, path: String, content: Vec<u8>) -> Reply {
        let bytes = content.len() as u64;
        self.files.insert(path, content);
        Reply::Stored { bytes }
    }

    /// GETs `address`, redirects followed, and answers with a success and who sent it. `whole`
    /// is the time-out of the way with all its redirects.
    fn get(
        &mut self,
        address: &Address,
        whole: Duration,
        waited: &mut Duration,
    ) -> Result<(Address, Response), Failure> {
        let mut address = address.clone();
        let mut redirects = Redirects::default();
        loop {
            let patience = self.time_outs.idle.min(whole.saturating_sub(*waited));
            let response = self.ask("GET", &address, b"", patience, waited)?;
            match redirects.judge(&address, response.status, response.header("location"))? {
                Some(next) => address = next,
                None => return Ok((address, response)),
            }
        }
    }

    /// One request, one connection.
    fn ask(
        &mut self,
        method: &str,
        address: &Address,
        body: &[u8],
        patience: Duration,
        waited: &mut Duration,
    ) -> Result<Response, Failure> {
        let (host, path_and_query) = (address.host(), address.path_and_query());
        if !HOSTS.contains(&host) {
            return Err(address.unknown());
        }
        if self.cloud.is_down() {
            return Err(address.refused());
        }
        self.cloud.connected();
        let response = self.cloud.respond(&Ask { method, host, path_and_query, body });
        let latency = match response.fault {
            Some(WireFault::Slow(by)) => by,
            _ => Duration::ZERO,
        };
        *waited = waited.saturating_add(latency.min(patience));
        if latency >= patience {
            return Err(address.timed_out(patience));
        }
        Ok(response)
    }
}

/// The length that the answer's head declares.
fn declared(response: &Response) -> u64 {
    match response.fault {
        Some(WireFault::DeclareLength(length)) => length,
        _ => response.body.len() as u64,
    }
}

/// What arrives of the body that `from` sends: all that was declared, or the connection was cut.
fn arrived(from: &Address, response: Response) -> Result<Vec<u8>, Failure> {
    let length = declared(&response);
    let mut body = response.body;
    if let Some(WireFault::CutAfter(bytes)) = response.fault {
        body.truncate(bytes);
    }
    if (body.len() as u64) < length {
        return Err(from.cut());
    }
    body.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(body)
}

fn payload(file: &str) -> Result<String, Failure> {
    Ok(format!("EasySetupPayload/{}", plain_name(file)?))
}

fn check_hash(file: &str, content: &[u8], sha256: &str) -> Result<(), Failure> {
    let found = hash::sha256(content);
    if hash::same(&found, sha256) {
        return Ok(());
    }
    Err(Failure::new(FailureKind::WrongHash, format!("{file} has the sha-256 {found}")))
}

fn missing(path: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("{path} is not there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::cloud::CloudFault;
    use contract::settings::keys;

    fn slow(by: Duration) -> SimOutside {
        let mut outside = SimOutside::new(Cloud::new(1));
        outside.cloud(CloudCommand::Fault(CloudFault::Slow(by))).unwrap();
        outside
    }

    fn fetch(outside: &mut SimOutside) -> (Duration, Result<Reply, FailureKind>) {
        let url = keys::MANIFEST_URL.default_value();
        let (waited, answer) = outside.perform(&Request::FetchSigned { url, bytes_max: 10_000 });
        (waited, answer.map_err(|failure| failure.kind))
    }

    #[test]
    fn nothing_takes_time_but_a_slow_cloud() {
        let (waited, answer) = fetch(&mut SimOutside::new(Cloud::new(1)));
        assert!(waited.is_zero() && answer.is_ok(), "{answer:?}");
        // One hop to the link, one to the manifest.
        let (waited, answer) = fetch(&mut slow(Duration::from_secs(7)));
        assert_eq!((waited, answer.is_ok()), (Duration::from_secs(14), true));
    }

    #[test]
    fn patience_ends_with_the_time_out_and_not_with_the_cloud() {
        let idle = TimeOuts::default().idle;
        let year = Duration::from_secs(365 * 86_400);
        assert_eq!(fetch(&mut slow(year)), (idle, Err(FailureKind::TimedOut)));

        let document = idle + idle / 2;
        let time_outs = TimeOuts { document, ..TimeOuts::default() };
        let mut outside = SimOutside::with_time_outs(Cloud::new(1), time_outs);
        outside.cloud(CloudCommand::Fault(CloudFault::Slow(idle * 3 / 4))).unwrap();
        assert_eq!(fetch(&mut outside), (document, Err(FailureKind::TimedOut)));

        let time_out = Duration::from_secs(3);
        let url = "https://aka.ms/configmgrgateway".to_owned();
        let (waited, answer) = slow(year).perform(&Request::Probe { url, time_out });
        assert_eq!((waited, answer.unwrap_err().kind), (time_out, FailureKind::TimedOut));
    }
}
