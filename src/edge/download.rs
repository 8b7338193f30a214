//! A package on its way from the internet into EasySetupPayload.

use std::sync::Arc;

use cloud::{Address, plain_name};
use contract::{Answer, Failure, FailureKind, Reply};

use crate::client::Client;
use crate::folder::{Incoming, SiteFolder};

/// So much is gathered before it is handed to the disk: a hop to another thread for each
/// 16 KiB that TLS hands over would cost more than the writing.
const BLOCK_BYTES: usize = 256 << 10;

/// What [`Request::Download`](contract::Request::Download) names.
#[derive(Debug, Clone)]
pub(crate) struct Download {
    pub(crate) url: String,
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Download {
    /// Carries it out. Dropped on the way, it leaves nothing: the temporary file is owned by
    /// this future or by the file work that it started, and goes with either.
    pub(crate) async fn run(self, client: &Client, folder: &Arc<SiteFolder>) -> Answer {
        plain_name(&self.file)?;
        let address = Address::parse(&self.url)?;
        let (here, wanted) = (Arc::clone(folder), self.clone());
        let already_there =
            blocking(move || here.has_payload(&wanted.file, wanted.bytes, &wanted.sha256));
        let already_there = already_there.await?;
        if !already_there {
            let incoming = self.fetch(&address, client, folder).await?;
            let Download { file, bytes, sha256, .. } = self.clone();
            blocking(move || incoming.publish(&file, bytes, &sha256)).await?;
        }
        Ok(Reply::Downloaded { bytes: self.bytes, already_there })
    }

    async fn fetch(
        &self,
        address: &Address,
        client: &Client,
        folder: &Arc<SiteFolder>,
    ) -> Result<Incoming, Failure> {
        let (from, mut response) = client.get(address).await?;
        if let Some(length) = response.content_length().filter(|length| *length != self.bytes) {
            return Err(self.wrong_size(&format!("{length} bytes were announced")));
        }
        let here = Arc::clone(folder);
        let mut incoming = blocking(move || here.incoming_payload()).await?;
        let (mut block, mut taken) = (Vec::new(), 0);
        while let Some(piece) = client.next_piece(&from, &mut response).await? {
            taken += piece.len() as u64;
            if taken > self.bytes {
                return Err(self.wrong_size("more bytes came"));
            }
            block.extend_from_slice(&piece);
            if block.len() >= BLOCK_BYTES {
                incoming = append(incoming, std::mem::take(&mut block)).await?;
            }
        }
        append(incoming, block).await
    }

    fn wrong_size(&self, text: &str) -> Failure {
        let text = format!("{} should have {} bytes, {text}", self.file, self.bytes);
        Failure::new(FailureKind::WrongSize, text)
    }
}

async fn append(mut incoming: Incoming, block: Vec<u8>) -> Result<Incoming, Failure> {
    blocking(move || incoming.write(&block).map(|()| incoming)).await
}

/// Does file work where it holds up no one. Work that has begun goes on to its end even if
/// nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // The join fails if the runtime ends first, or if the work panicked.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Failure::new(FailureKind::Disk, "the file work did not come to its end"))
    })
}

#[cfg(test)]
mod tests;
