//! The embedded cloud behind real HTTPS, on the loopback of this machine.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cloud::{Cloud, HOSTS};
use contract::cloud::{CloudCommand, CloudView};
use contract::control::Refusal;
use contract::lifecycle::Code;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::failure::reason;
use crate::identity::Identity;
use crate::wire::{self, Shared};

/// A client that has not finished its handshake, or its request's head, by then is dropped.
const GREETING_TIME_OUT: Duration = Duration::from_secs(10);

/// So many connections may wait to be taken.
const BACKLOG: u32 = 1024;

/// A [`Cloud`] that listens on 127.0.0.1, with certificates of its own for all of its hosts.
///
/// It runs on a thread of its own, so it can be started from any program, async or not, any
/// number of times. Dropped, it is gone: port, thread and connections.
#[derive(Debug)]
pub struct EmbeddedCloud {
    cloud: Shared,
    address: SocketAddr,
    root: Vec<u8>,
    /// Held from a command until the server has followed it, so that commands do not cross.
    orders: Mutex<Option<UnboundedSender<Order>>>,
    thread: Option<JoinHandle<()>>,
}

/// Listen, or do not; and where to tell when that is so.
struct Order {
    listen: bool,
    done: mpsc::Sender<io::Result<()>>,
}

impl EmbeddedCloud {
    /// Starts `cloud` on a free port. It listens when this returns, unless it is down.
    ///
    /// # Errors
    /// The system gave no port, no thread or no random numbers.
    pub fn start(cloud: Cloud) -> io::Result<Self> {
        let identity = Identity::new(HOSTS)?;
        let cloud = Arc::new(Mutex::new(cloud));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = {
            // Sockets register with the runtime that they are made in.
            let _inside = runtime.enter();
            Server::new(Arc::clone(&cloud), &identity)?
        };
        let address = server.address;
        let (orders, received) = unbounded_channel();
        let thread = thread::Builder::new()
            .name("embedded cloud".into())
            .spawn(move || runtime.block_on(server.run(received)))?;
        Ok(EmbeddedCloud {
            cloud,
            address,
            root: identity.root,
            orders: Mutex::new(Some(orders)),
            thread: Some(thread),
        })
    }

    /// Where it listens; the same for as long as it lives.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate, in DER, that a client must trust to talk to it.
    pub fn root_certificate_der(&self) -> Vec<u8> {
        self.root.clone()
    }

    /// Carries `command` out. When it returns, the cloud behaves so: down, it refuses the next
    /// connection and has ended those it had; up again, it takes them on the same port.
    ///
    /// # Errors
    /// See [`Cloud::command`]; and code 1067 if it cannot listen.
    pub fn command(&self, command: CloudCommand) -> Result<CloudView, Refusal> {
        self.with(|cloud| cloud.command(command))?.map(|view| self.placed(view))
    }

    /// What it holds and has counted.
    pub fn view(&self) -> CloudView {
        self.placed(wire::with(&self.cloud, |cloud| cloud.view()))
    }

    /// Lets `work` at the cloud itself. It must not call this cloud's server.
    ///
    /// # Errors
    /// Code 1067 if the cloud should listen after it and cannot.
    pub fn with<T>(&self, work: impl FnOnce(&mut Cloud) -> T) -> Result<T, Refusal> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, listen) = wire::with(&self.cloud, |cloud| (work(cloud), !cloud.is_down()));
        let (done, told) = mpsc::channel();
        if let Some(orders) = orders.as_ref() {
            // If the server's thread is gone, nobody answers below.
            let _ = orders.send(Order { listen, done });
        }
        match told.recv() {
            Ok(Ok(())) => Ok(result),
            Ok(Err(error)) => Err(cannot_listen(&reason(&error))),
            Err(_) => Err(cannot_listen("its thread is gone")),
        }
    }

    fn placed(&self, view: CloudView) -> CloudView {
        CloudView { address: self.address.to_string(), ..view }
    }
}

impl Drop for EmbeddedCloud {
    fn drop(&mut self) {
        // Without anyone to give orders, the server ends.
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.take() {
            // If it panicked, it is gone as well.
            let _ = thread.join();
        }
    }
}

fn cannot_listen(why: &str) -> Refusal {
    let reason = format!("the embedded cloud cannot listen: {why}");
    Refusal::new(Code::PROCESS_ABORTED, "cloud", reason, "start the host again")
}

/// The part that lives on the server's thread.
struct Server {
    cloud: Shared,
    tls: TlsAcceptor,
    router: axum::Router,
    address: SocketAddr,
    /// Bound and never listening: it holds the port while nobody listens there, and whoever
    /// connects then is refused.
    _place: TcpSocket,
    listener: Option<TcpListener>,
    connections: JoinSet<()>,
}

impl Server {
    fn new(cloud: Shared, identity: &Identity) -> io::Result<Self> {
        let place = bound((Ipv4Addr::LOCALHOST, 0).into())?;
        let mut server = Server {
            tls: TlsAcceptor::from(Arc::clone(&identity.config)),
            router: wire::router(Arc::clone(&cloud)),
            address: place.local_addr()?,
            _place: place,
            listener: None,
            connections: JoinSet::new(),
            cloud,
        };
        let listen = wire::with(&server.cloud, |cloud| !cloud.is_down());
        server.listen(listen)?;
        Ok(server)
    }

    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(Order { listen, done }) = order else { return };
                    // Whoever gave the order may have stopped waiting.
                    let _ = done.send(self.listen(listen));
                }
                stream = accept(self.listener.as_ref()) => self.take(stream),
                // Ended connections are let go of.
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn listen(&mut self, listen: bool) -> io::Result<()> {
        if !listen {
            self.listener = None;
            self.connections.abort_all();
        } else if self.listener.is_none() {
            self.listener = Some(bound(self.address)?.listen(BACKLOG)?);
        }
        Ok(())
    }

    fn take(&mut self, stream: TcpStream) {
        wire::with(&self.cloud, Cloud::connected);
        let (tls, router) = (self.tls.clone(), self.router.clone());
        self.connections.spawn(serve(stream, tls, router));
    }
}

/// A socket bound to `address`, which others of ours may be bound to as well.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The next connection; never, if nobody listens.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client has gone already, or this process has no file left for it; in the
            // second case trying again at once would only spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// One connection from handshake to end. It fails alone.
async fn serve(stream: TcpStream, tls: TlsAcceptor, router: axum::Router) {
    let handshake = tokio::time::timeout(GREETING_TIME_OUT, tls.accept(stream));
    let Ok(Ok(stream)) = handshake.await else { return };
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(GREETING_TIME_OUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that breaks off, and a body that is cut on command, end here; the other side
    // has seen it.
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::cloud::CloudFault;
    use std::io::Read;
    use std::net::TcpStream as StdStream;

    fn start() -> EmbeddedCloud {
        EmbeddedCloud::start(Cloud::new(1)).unwrap()
    }

    fn fault(cloud: &EmbeddedCloud, fault: CloudFault) {
        cloud.command(CloudCommand::Fault(fault)).unwrap();
    }

    fn connect(address: SocketAddr) -> Option<io::ErrorKind> {
        StdStream::connect(address).err().map(|error| error.kind())
    }

    #[track_caller]
    fn assert_ended(mut stream: StdStream) {
        stream.set_read_timeout(Some(GREETING_TIME_OUT / 2)).unwrap();
        match stream.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("the connection goes on: {other:?}"),
        }
    }

    #[test]
    fn down_refuses_and_healed_listens_on_the_same_port() {
        let cloud = start();
        for _ in 0..20 {
            assert_eq!(connect(cloud.address()), None);
            fault(&cloud, CloudFault::Down);
            assert_eq!(connect(cloud.address()), Some(io::ErrorKind::ConnectionRefused));
            fault(&cloud, CloudFault::None);
        }
        assert_eq!(cloud.view().address, cloud.address().to_string());
    }

    #[test]
    fn the_port_stays_its_own_while_it_is_down() {
        let cloud = start();
        fault(&cloud, CloudFault::Down);
        // Whoever asks for any port asks without sharing, and is not given this one.
        let other = TcpSocket::new_v4().unwrap();
        let taken = other.bind(cloud.address()).map_err(|error| error.kind());
        assert_eq!(taken, Err(io::ErrorKind::AddrInUse));
        fault(&cloud, CloudFault::None);
        assert_eq!(connect(cloud.address()), None);
    }

    #[test]
    fn a_cloud_that_starts_down_does_not_listen() {
        let mut cloud = Cloud::new(1);
        cloud.command(CloudCommand::Fault(CloudFault::Down)).unwrap();
        let cloud = EmbeddedCloud::start(cloud).unwrap();
        assert_eq!(connect(cloud.address()), Some(io::ErrorKind::ConnectionRefused));
        fault(&cloud, CloudFault::None);
        assert_eq!(connect(cloud.address()), None);
    }

    #[test]
    fn many_run_side_by_side_and_a_drop_ends_one() {
        let mut clouds: Vec<EmbeddedCloud> = (0..8).map(|_| start()).collect();
        let first = clouds.remove(0);
        let stream = StdStream::connect(first.address()).unwrap();
        drop(first);
        assert_ended(stream);
        for cloud in &clouds {
            assert_eq!(connect(cloud.address()), None);
        }
    }

    #[test]
    fn going_down_ends_connections_that_are_under_way() {
        let cloud = start();
        let stream = StdStream::connect(cloud.address()).unwrap();
        // One that waits to be taken goes with the listener; this one has been taken.
        while cloud.view().connections == 0 {
            thread::yield_now();
        }
        fault(&cloud, CloudFault::Down);
        assert_ended(stream);
    }

    #[test]
    fn refused_commands_are_told_and_a_panic_in_a_closure_breaks_nothing() {
        let cloud = start();
        let refused = cloud.command(CloudCommand::Fault(CloudFault::Status(7))).unwrap_err();
        assert_eq!(refused.code, Code::INVALID_PARAMETER);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cloud.with(|_| panic!("a test's own mistake"))
        }));
        assert!(panicked.is_err());
        fault(&cloud, CloudFault::Cut);
        assert_eq!(cloud.view().fault, CloudFault::Cut);
    }
}
