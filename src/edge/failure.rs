//! What went wrong, in the classes that a component can tell apart.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use cloud::Address;
use contract::{Failure, FailureKind};

use crate::client::NoSuchName;

/// A file or folder at `path` could not be read or written.
pub(crate) fn disk(path: &Path, error: &io::Error) -> Failure {
    let text = match error.kind() {
        io::ErrorKind::NotADirectory => not_a_folder(path),
        io::ErrorKind::IsADirectory => {
            Some(format!("{} is a folder, a file is needed; move it away", path.display()))
        }
        _ => None,
    };
    let text = text.unwrap_or_else(|| {
        let way_out = match error.kind() {
            io::ErrorKind::PermissionDenied => "; allow this user to read and write there",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there",
            _ => "",
        };
        format!("{}: {}{way_out}", path.display(), reason(error))
    });
    Failure::new(FailureKind::Disk, text)
}

/// Makes the folder at `path` and those above it, unless they are there.
pub(crate) fn make_folders(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| folder_failure(path, &error))
}

/// Makes the folder at `path` in one that is there, unless it is there.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    match fs::create_dir(path) {
        Err(error) if !path.is_dir() => Err(folder_failure(path, &error)),
        _ => Ok(()),
    }
}

/// Fails if there is anything but a folder at `path`, whatever stands there.
pub(crate) fn folder_or_nothing(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) if !path.is_dir() => Err(disk(path, &io::ErrorKind::NotADirectory.into())),
        _ => Ok(()),
    }
}

fn folder_failure(path: &Path, error: &io::Error) -> Failure {
    match not_a_folder(path) {
        Some(text) => Failure::new(FailureKind::Disk, text),
        None => disk(path, error),
    }
}

/// Names what stands on the way to `path`, itself included, and is no folder.
fn not_a_folder(path: &Path) -> Option<String> {
    let on_the_way: Vec<&Path> = path.ancestors().collect();
    // From the top: below a file there is nothing.
    on_the_way.into_iter().rev().filter(|path| !path.as_os_str().is_empty()).find_map(|path| {
        let what = match (path.symlink_metadata(), path.metadata()) {
            (Ok(_), Ok(found)) if found.is_dir() => return None,
            (Ok(_), Ok(_)) => "is a file",
            (Ok(link), Err(_)) if link.is_symlink() => "is a link that leads nowhere",
            _ => return None,
        };
        Some(format!("{} {what}, a folder is needed; move it away", path.display()))
    })
}

/// The site's folder has gone while the site ran.
pub(crate) fn gone(root: &Path) -> Failure {
    let text = format!("{} is not there any more; put it back", root.display());
    Failure::new(FailureKind::Disk, text)
}

/// What the system says about `error`, without its number and in lower case.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match error.raw_os_error() {
        Some(number) => text.trim_end_matches(&format!(" (os error {number})")),
        None => &text,
    };
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The failure of an HTTP exchange with `address`, in words of our own where there are any: those
/// of the libraries bring numbers and addresses of their manuals, and maybe the query of ours,
/// which may hold what a log must not.
pub(crate) fn http(address: &Address, error: &reqwest::Error) -> Failure {
    let kind = kind(error);
    match kind {
        FailureKind::NameNotResolved => address.unknown(),
        FailureKind::Refused if io_kinds(error).any(|k| k == io::ErrorKind::ConnectionRefused) => {
            address.refused()
        }
        FailureKind::Cut if is_foreign(error) => {
            address.failure(kind, "what it answered is no HTTP")
        }
        FailureKind::Cut => address.cut(),
        FailureKind::Tls if io_kinds(error).any(ended) => {
            address.failure(kind, "the connection ended within the handshake")
        }
        _ => address.failure(kind, &innermost(error)),
    }
}

fn kind(error: &reqwest::Error) -> FailureKind {
    if error.is_timeout() {
        return FailureKind::TimedOut;
    }
    if chain(error).any(|e| e.is::<NoSuchName>()) {
        FailureKind::NameNotResolved
    } else if chain(error).any(|e| e.is::<rustls::Error>()) {
        FailureKind::Tls
    } else if !error.is_connect() {
        // The exchange was under way, so whatever broke it cut it.
        FailureKind::Cut
    } else if io_kinds(error).any(ended) {
        // There was a connection, and it did not outlive the handshake.
        FailureKind::Tls
    } else {
        // Refused, or no way there: nobody was reached.
        FailureKind::Refused
    }
}

/// Whether what came is not what HTTP looks like.
fn is_foreign(error: &reqwest::Error) -> bool {
    let parse = |e: &(dyn Error + 'static)| {
        e.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
    };
    // hyper says of a chunk that is none that the input is invalid.
    chain(error).any(parse) || io_kinds(error).any(|kind| kind == io::ErrorKind::InvalidInput)
}

fn innermost(error: &reqwest::Error) -> String {
    let Some(last) = chain(error).last() else { return String::new() };
    let text = match last.downcast_ref::<io::Error>() {
        Some(error) => reason(error),
        None => last.to_string(),
    };
    // Where the libraries point to a page, they do so at the end.
    text.split("http").next().unwrap_or_default().trim_end_matches([' ', ':', '(']).to_owned()
}

fn io_kinds(error: &reqwest::Error) -> impl Iterator<Item = io::ErrorKind> {
    chain(error).filter_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind)
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
