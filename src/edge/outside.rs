//! The port to the outside, for real.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cloud::signed::TrustedKey;
use cloud::{Cloud, HOSTS, TimeOuts};
use contract::cloud::{CloudCommand, CloudView};
use contract::control::Refusal;
use contract::lifecycle::Code;
use contract::outside::{Outside, Pending};
use contract::store::Kept;
use contract::{Failure, Reply, Request};

use crate::client::{BuildError, Client, Names};
use crate::download::{Download, blocking};
use crate::failure::reason;
use crate::folder::SiteFolder;
use crate::server::EmbeddedCloud;

/// Carries requests out over real HTTPS and on a real disk.
///
/// What [`Edge::perform`](Outside::perform) gives must be polled inside a tokio runtime with
/// I/O and timers.
#[derive(Debug)]
pub struct Edge {
    folder: Arc<SiteFolder>,
    client: Client,
    trusted: TrustedKey,
    embedded: Option<EmbeddedCloud>,
}

impl Edge {
    /// An edge over `folder` that talks through `client`, takes documents that `trusted`
    /// signed, and gives `embedded`, if there is one, to the operator.
    pub fn new(
        folder: SiteFolder,
        client: Client,
        trusted: TrustedKey,
        embedded: Option<EmbeddedCloud>,
    ) -> Self {
        Edge { folder: Arc::new(folder), client, trusted, embedded }
    }

    /// The site's folder, for what was kept in it.
    pub fn folder(&self) -> &SiteFolder {
        &self.folder
    }

    /// The embedded cloud, if it has one.
    pub fn embedded(&self) -> Option<&EmbeddedCloud> {
        self.embedded.as_ref()
    }
}

impl Outside for Edge {
    fn perform(&self, request: Request) -> Pending {
        let (folder, client) = (Arc::clone(&self.folder), self.client.clone());
        match request {
            Request::FetchSigned { url, bytes_max } => {
                let trusted = self.trusted.clone();
                Box::pin(async move { client.fetch_signed(&url, bytes_max, &trusted).await })
            }
            Request::Download { url, file, bytes, sha256 } => {
                let download = Download { url, file, bytes, sha256 };
                Box::pin(async move { download.run(&client, &folder).await })
            }
            Request::Upload { url, json } => {
                Box::pin(async move { client.upload(&url, json).await })
            }
            Request::Probe { url, time_out } => {
                Box::pin(async move { client.probe(&url, time_out).await })
            }
            Request::AddContent { content, file, sha256 } => {
                stored(move || folder.add_content(&content, &file, &sha256))
            }
            Request::Distribute { content, to } => stored(move || folder.distribute(&content, &to)),
        }
    }

    fn cloud(&self, command: CloudCommand) -> Result<CloudView, Refusal> {
        match &self.embedded {
            Some(embedded) => embedded.command(command),
            None => Err(Refusal::new(
                Code::DOES_NOT_EXIST,
                "cloud",
                "this site talks to a cloud that is not embedded",
                "",
            )),
        }
    }

    fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        self.folder.keep(kept)
    }

    fn snapshot(&self) -> Result<String, Failure> {
        self.folder.snapshot()
    }
}

fn stored(work: impl FnOnce() -> Result<u64, Failure> + Send + 'static) -> Pending {
    Box::pin(async move { Ok(Reply::Stored { bytes: blocking(work).await? }) })
}

/// Why an embedded edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The site's folder could not be opened. Its text says all.
    #[error("{}", .0.text)]
    Folder(Failure),
    /// The embedded cloud could not be started.
    #[error("the embedded cloud could not be started: {}", reason(.0))]
    Cloud(io::Error),
    /// The client could not be made.
    #[error("the client of the embedded cloud could not be made")]
    Client(#[source] BuildError),
}

/// The embedded default: everything outside a host is on this machine.
#[derive(Debug)]
pub struct Embedded;

impl Embedded {
    /// An edge over the folder at `folder` and a new cloud of `cloud_seed`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(folder: &Path, cloud_seed: u64) -> Result<Edge, StartError> {
        Self::start_with(folder, Cloud::new(cloud_seed), TimeOuts::default())
    }

    /// An edge over the folder at `folder` and `cloud`, whose client waits for `time_outs`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(
        folder: &Path,
        cloud: Cloud,
        time_outs: TimeOuts,
    ) -> Result<Edge, StartError> {
        let folder = SiteFolder::open(folder).map_err(StartError::Folder)?;
        let trusted = cloud.trusted_key();
        let cloud = EmbeddedCloud::start(cloud).map_err(StartError::Cloud)?;
        let names = Names::all_at(HOSTS, cloud.address());
        let client = Client::new(names, [cloud.root_certificate_der()], time_outs)
            .map_err(StartError::Client)?;
        Ok(Edge::new(folder, client, trusted, Some(cloud)))
    }
}
