//! For tests: a server that says exactly what it is told to, which no decent one would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloud::TimeOuts;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::client::{Client, Names};
use crate::identity::Identity;

/// The host that it speaks for.
pub(crate) const HOST: &str = "raw.example";

/// What it does with each connection.
#[derive(Clone)]
pub(crate) enum Script {
    /// Ends it before the handshake.
    HangUp,
    /// Takes it and says nothing, not even a handshake.
    Silence,
    /// Says this without TLS, and ends.
    Plain(&'static [u8]),
    /// Reads a request and says this, and ends.
    Say(Vec<u8>),
    /// Reads a request, says this, and keeps the connection.
    SayAndStay(Vec<u8>),
    /// Reads a request, says this, and then a dot whenever it is taken.
    SayAndDrip(Vec<u8>),
}

/// A server for as long as its runtime runs.
pub(crate) struct Raw {
    pub(crate) address: SocketAddr,
    pub(crate) root: Vec<u8>,
    connections: Arc<AtomicUsize>,
}

impl Raw {
    /// A server of `script` on the runtime around it.
    pub(crate) async fn start(script: Script) -> Raw {
        let identity = Identity::new(&[HOST]).unwrap();
        let tls = TlsAcceptor::from(Arc::clone(&identity.config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(act(stream, tls.clone(), script.clone()));
            }
        });
        Raw { address, root: identity.root, connections }
    }

    /// Connections taken so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A client that knows and trusts it.
    pub(crate) fn client(&self, time_outs: TimeOuts) -> Client {
        let names = Names::all_at(&[HOST], self.address);
        Client::new(names, [self.root.clone()], time_outs).unwrap()
    }
}

async fn act(mut stream: TcpStream, tls: TlsAcceptor, script: Script) {
    match script {
        Script::HangUp => {}
        Script::Silence => stay(&mut stream).await,
        Script::Plain(text) => {
            let _ = stream.write_all(text).await;
            stay(&mut stream).await;
        }
        Script::Say(text) => drop(say(stream, tls, &text).await),
        Script::SayAndStay(text) => {
            if let Some(mut stream) = say(stream, tls, &text).await {
                stay(&mut stream).await;
            }
        }
        Script::SayAndDrip(text) => {
            if let Some(mut stream) = say(stream, tls, &text).await {
                while stream.write_all(b".").await.is_ok() && stream.flush().await.is_ok() {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Reads a request's head and answers `text`; nothing if the client does not go along.
async fn say(
    stream: TcpStream,
    tls: TlsAcceptor,
    text: &[u8],
) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    let mut stream = tls.accept(stream).await.ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    stream.write_all(text).await.ok()?;
    stream.flush().await.ok()?;
    Some(stream)
}

/// Stays until the client goes.
async fn stay(stream: &mut (impl AsyncRead + Unpin)) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}
