//! How an answer of the cloud goes over the wire, well or badly.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use axum::http::{HeaderValue, Response, StatusCode};
use cloud::{Ask, Cloud, WireFault};
use hyper::body::{Bytes, Frame};

/// More than this is not read of a request; usage data has a few kilobytes.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// The cloud that the server and its owner share.
pub(crate) type Shared = Arc<Mutex<Cloud>>;

/// All of the cloud's answers: one handler, for it knows its hosts and paths itself.
pub(crate) fn router(cloud: Shared) -> Router {
    Router::new().fallback(answer).with_state(cloud)
}

/// Asks or commands the cloud, for a moment.
pub(crate) fn with<T>(cloud: &Shared, work: impl FnOnce(&mut Cloud) -> T) -> T {
    // A panic in somebody else's closure does not make the cloud less of a cloud.
    work(&mut cloud.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn answer(State(cloud): State<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, Body::empty());
    };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    let ask = Ask {
        method: head.method.as_str(),
        host: &host,
        path_and_query: head.uri.path_and_query().map_or("/", |path| path.as_str()),
        body: &body,
    };
    let response = with(&cloud, |cloud| cloud.respond(&ask));
    if let Some(WireFault::Slow(by)) = response.fault {
        tokio::time::sleep(by).await;
    }
    carry(response)
}

fn carry(from: cloud::Response) -> Response<Body> {
    let status = StatusCode::from_u16(from.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (body, declared) = match from.fault {
        None | Some(WireFault::Slow(_)) => (Body::from(from.body), None),
        Some(WireFault::CutAfter(bytes)) => {
            let whole = from.body.len() as u64;
            (broken(from.body, bytes), Some(whole))
        }
        Some(WireFault::DeclareLength(length)) => (broken(from.body, usize::MAX), Some(length)),
    };
    let mut response = plain(status, body);
    let headers = response.headers_mut();
    for (name, value) in from.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if let Some(length) = declared {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// An answer after which the connection ends.
fn plain(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn broken(mut body: Vec<u8>, after: usize) -> Body {
    body.truncate(after);
    Body::new(BrokenBody { rest: Bytes::from(body), waited: false })
}

/// A body of no known length that breaks when it should end, and the connection with it.
struct BrokenBody {
    rest: Bytes,
    waited: bool,
}

impl hyper::body::Body for BrokenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        if !self.waited {
            // hyper sends what it has gathered only when the body keeps it waiting, and drops
            // it on an error: without this, not even the head would arrive.
            self.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("cut on command"))))
    }
}
