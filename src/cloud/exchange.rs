//! How a client goes from an address to an answer: redirects and time-outs.

use std::time::Duration;

use contract::{Failure, FailureKind};

use crate::address::Address;

/// A GET follows at most this many redirects.
pub const REDIRECTS_MAX: u32 = 5;

/// Where one GET has got to. Ask it about every answer.
#[derive(Debug, Default)]
pub struct Redirects {
    followed: u32,
}

impl Redirects {
    /// What an answer with `status` and that header `location` means: go on to an address, or
    /// take the answer.
    ///
    /// # Errors
    /// [`FailureKind::Status`] if it is neither success nor a redirect that may be followed;
    /// [`FailureKind::BadName`] if it leads to anything but an https address.
    pub fn judge(
        &mut self,
        status: u16,
        location: Option<&str>,
    ) -> Result<Option<Address>, Failure> {
        match (status, location) {
            (200..=299, _) => Ok(None),
            (301 | 302 | 303 | 307 | 308, Some(to)) if self.followed < REDIRECTS_MAX => {
                self.followed += 1;
                Address::parse(to).map(Some)
            }
            (301 | 302 | 303 | 307 | 308, Some(_)) => {
                Err(Failure::new(FailureKind::Status(status), "it redirects without end"))
            }
            _ => Err(Failure::new(FailureKind::Status(status), "the server answered so")),
        }
    }
}

/// How long a client waits. A probe brings a time-out of its own and follows none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOuts {
    /// For the connection, with its TLS handshake.
    pub connect: Duration,
    /// For the next sign of life: the answer's head, then each piece of its body.
    pub idle: Duration,
    /// For the whole of a document, up or down. A package may take as long as it keeps coming.
    pub document: Duration,
}

impl Default for TimeOuts {
    /// 10 seconds, 30 seconds, 2 minutes: the simulator's own, no source gives any.
    fn default() -> Self {
        TimeOuts {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            document: Duration::from_secs(120),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_up_to_the_limit() {
        let mut redirects = Redirects::default();
        for _ in 0..REDIRECTS_MAX {
            let next = redirects.judge(302, Some("https://x/y")).unwrap();
            assert_eq!(next.map(|address| address.to_string()), Some("https://x/y".into()));
        }
        let kind = redirects.judge(302, Some("https://x/y")).map_err(|failure| failure.kind);
        assert_eq!(kind, Err(FailureKind::Status(302)));
        assert_eq!(redirects.judge(200, None), Ok(None));
    }

    #[test]
    fn other_answers_end_the_way() {
        for (status, location, kind) in [
            (404, None, FailureKind::Status(404)),
            (302, None, FailureKind::Status(302)),
            (304, Some("https://x/"), FailureKind::Status(304)),
            (302, Some("http://x/"), FailureKind::BadName),
            (302, Some("/relative"), FailureKind::BadName),
        ] {
            let judged = Redirects::default().judge(status, location);
            assert_eq!(judged.map_err(|failure| failure.kind), Err(kind), "{status} {location:?}");
        }
    }
}
