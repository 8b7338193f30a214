//! The HTTPS client.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cloud::signed::TrustedKey;
use cloud::{Address, Redirects, TimeOuts};
use contract::{Answer, Failure, FailureKind, Reply};
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Method, RequestBuilder, Response};
use rustls::pki_types::CertificateDer;

use crate::failure;

/// The hosts that a [`Client`] knows, and where each is reached. There are no others.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, SocketAddr>);

impl Names {
    /// Every one of `hosts` at `address`.
    pub fn all_at(hosts: &[&str], address: SocketAddr) -> Self {
        hosts.iter().map(|host| ((*host).to_owned(), address)).collect()
    }

    fn get(&self, host: &str) -> Option<SocketAddr> {
        self.0.get(host).copied()
    }
}

impl FromIterator<(String, SocketAddr)> for Names {
    fn from_iter<I: IntoIterator<Item = (String, SocketAddr)>>(hosts: I) -> Self {
        // Addresses are read to lower case before they are looked up.
        Names(hosts.into_iter().map(|(host, at)| (host.to_ascii_lowercase(), at)).collect())
    }
}

/// [`Names`] as reqwest asks them. A port that is not 0 holds where the address names none.
struct Resolver(Names);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.get(name.as_str()).ok_or(NoSuchName);
        Box::pin(std::future::ready(match found {
            Ok(address) => Ok(Box::new(std::iter::once(address)) as reqwest::dns::Addrs),
            Err(error) => Err(Box::new(error) as Box<dyn Error + Send + Sync>),
        }))
    }
}

/// The name is not one of [`Names`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoSuchName;

impl fmt::Display for NoSuchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such host")
    }
}

impl Error for NoSuchName {}

/// Why a [`Client`] could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A trusted root is no certificate that can be used.
    #[error("a trusted root certificate cannot be used")]
    Root(#[source] rustls::Error),
    /// TLS could not be set up.
    #[error("tls could not be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("the http client could not be set up")]
    Http(#[source] reqwest::Error),
}

/// Talks HTTPS to the hosts it knows, and to nobody else.
///
/// Every request has a connection of its own, so that a count of connections tells how often
/// the outside was asked. Nothing is asked twice by itself. Its futures need a tokio
/// runtime with I/O and timers around them.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    names: Names,
    time_outs: TimeOuts,
}

impl Client {
    /// A client that knows `names`, trusts what `roots` vouch for, and waits for `time_outs`.
    /// The roots are certificates in DER; those of the system count for nothing.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(
        names: Names,
        roots: impl IntoIterator<Item = Vec<u8>>,
        time_outs: TimeOuts,
    ) -> Result<Self, BuildError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(roots)?)
            .dns_resolver(Resolver(names.clone()))
            .no_proxy()
            .referer(false)
            .https_only(true)
            .http1_only()
            // Redirects are followed here and not there: each hop is checked as the first is.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .connect_timeout(time_outs.connect)
            .user_agent("smsexec")
            .build()
            .map_err(BuildError::Http)?;
        Ok(Client { http, names, time_outs })
    }

    /// Carries [`FetchSigned`](contract::Request::FetchSigned) out.
    ///
    /// # Errors
    /// See [`FailureKind`]; [`FailureKind::NotTrusted`] if `trusted` did not sign it.
    pub async fn fetch_signed(&self, url: &str, bytes_max: u64, trusted: &TrustedKey) -> Answer {
        let address = Address::parse(url)?;
        let fetched = self.fetch(&address, bytes_max);
        let bytes = within(&address, self.time_outs.document, fetched).await??;
        match trusted.open(&bytes) {
            Ok(document) => Ok(Reply::Signed { document: document.to_vec() }),
            Err(error) => Err(Failure::new(FailureKind::NotTrusted, error.to_string())),
        }
    }

    /// Carries [`Upload`](contract::Request::Upload) out. Follows no redirect.
    ///
    /// # Errors
    /// See [`FailureKind`].
    pub async fn upload(&self, url: &str, json: String) -> Answer {
        let address = Address::parse(url)?;
        let request = self.request(Method::POST, &address)?;
        let request = request.header(CONTENT_TYPE, "application/json").body(json);
        let sent = self.send(&address, request);
        let response = within(&address, self.time_outs.document, sent).await??;
        let status = response.status();
        if status.is_success() {
            return Ok(Reply::Uploaded);
        }
        Err(address.answered(status.as_u16()))
    }

    /// Carries [`Probe`](contract::Request::Probe) out. Any status is connectivity (domain.md
    /// 8.4), a redirect too, which is not followed.
    ///
    /// # Errors
    /// See [`FailureKind`].
    pub async fn probe(&self, url: &str, time_out: Duration) -> Answer {
        let address = Address::parse(url)?;
        let request = self.request(Method::GET, &address)?;
        let response = within(&address, time_out, request.send()).await?;
        let response = response.map_err(|error| self.failure(&address, &error))?;
        Ok(Reply::Probed { status: response.status().as_u16() })
    }

    /// GETs `address`, redirects followed, and answers with the head of a success and who sent
    /// it.
    pub(crate) async fn get(&self, address: &Address) -> Result<(Address, Response), Failure> {
        let mut address = address.clone();
        let mut redirects = Redirects::default();
        loop {
            let request = self.request(Method::GET, &address)?;
            let response = self.send(&address, request).await?;
            // A header that is no text leads nowhere.
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match redirects.judge(&address, response.status().as_u16(), location)? {
                Some(next) => address = next,
                None => return Ok((address, response)),
            }
        }
    }

    /// The next piece of a body that `from` sends; nothing at its end.
    pub(crate) async fn next_piece(
        &self,
        from: &Address,
        response: &mut Response,
    ) -> Result<Option<hyper::body::Bytes>, Failure> {
        let piece = within(from, self.time_outs.idle, response.chunk()).await?;
        piece.map_err(|error| self.failure(from, &error))
    }

    async fn fetch(&self, address: &Address, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let (from, mut response) = self.get(address).await?;
        if response.content_length().is_some_and(|length| length > bytes_max) {
            return Err(from.too_large(bytes_max));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = self.next_piece(&from, &mut response).await? {
            if (bytes.len() + piece.len()) as u64 > bytes_max {
                return Err(from.too_large(bytes_max));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// A request to a host that is known. Whoever is not known is not connected to.
    fn request(&self, method: Method, address: &Address) -> Result<RequestBuilder, Failure> {
        if self.names.get(address.host()).is_none() {
            return Err(address.unknown());
        }
        Ok(self.http.request(method, address.to_string()))
    }

    async fn send(&self, to: &Address, request: RequestBuilder) -> Result<Response, Failure> {
        let response = within(to, self.time_outs.idle, request.send()).await?;
        response.map_err(|error| self.failure(to, &error))
    }

    fn failure(&self, address: &Address, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            // The one time-out that is the library's.
            return address.timed_out(self.time_outs.connect);
        }
        failure::http(address, error)
    }
}

async fn within<T>(
    address: &Address,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.map_err(|_| address.timed_out(limit))
}

fn tls(roots: impl IntoIterator<Item = Vec<u8>>) -> Result<rustls::ClientConfig, BuildError> {
    let mut trusted = rustls::RootCertStore::empty();
    for root in roots {
        trusted.add(CertificateDer::from(root)).map_err(BuildError::Root)?;
    }
    // The provider is named here, so that none has to be installed for the whole process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?
        .with_root_certificates(trusted)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;
