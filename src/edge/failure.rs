//! What went wrong, in the classes that a component can tell apart.

use std::error::Error;
use std::io;
use std::path::Path;

use contract::{Failure, FailureKind};

use crate::client::NoSuchName;

/// A file or folder at `path` could not be read or written.
pub(crate) fn disk(path: &Path, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Disk, format!("{}: {error}", path.display()))
}

/// The failure of an HTTP exchange. Its text is that of the innermost error, without the
/// address, which may hold what a log must not.
pub(crate) fn http(error: &reqwest::Error) -> Failure {
    let kind = kind(error);
    let innermost = chain(error).last().map_or_else(String::new, ToString::to_string);
    Failure::new(kind, innermost)
}

fn kind(error: &reqwest::Error) -> FailureKind {
    if error.is_timeout() {
        return FailureKind::TimedOut;
    }
    let io_kinds = || chain(error).filter_map(|e| e.downcast_ref::<io::Error>()).map(|e| e.kind());
    if chain(error).any(|e| e.is::<NoSuchName>()) {
        FailureKind::NameNotResolved
    } else if chain(error).any(|e| e.is::<rustls::Error>()) {
        FailureKind::Tls
    } else if !error.is_connect() {
        // The exchange was under way, so whatever broke it cut it.
        FailureKind::Cut
    } else if io_kinds().any(ended) {
        // There was a connection, and it did not outlive the handshake.
        FailureKind::Tls
    } else {
        // Refused, or no way there: nobody was reached.
        FailureKind::Refused
    }
}

fn ended(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// `error` and everything behind it. An `io::Error` names as its source the source of what it
/// wraps, not what it wraps, so that one has to be asked for (crates.md, fact 7).
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_two_io_layers_deep_is_found() {
        let innermost = io::Error::other(rustls::Error::HandshakeNotComplete);
        let wrapped = io::Error::other(io::Error::other(innermost));
        assert!(chain(&wrapped).any(|error| error.is::<rustls::Error>()));
    }
}
