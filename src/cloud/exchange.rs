//! How a client goes from an address to an answer: redirects and time-outs.

use std::time::Duration;

use contract::time::duration_text;
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
    /// What an answer of `from` with `status` and that header `location` means: go on to an
    /// address, or take the answer.
    ///
    /// # Errors
    /// [`FailureKind::Status`] if it is neither success nor a redirect that may be followed;
    /// [`FailureKind::BadName`] if it leads to anything but an https address.
    pub fn judge(
        &mut self,
        from: &Address,
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
                let text = format!("{} redirects without end", from.without_query());
                Err(Failure::new(FailureKind::Status(status), text))
            }
            _ => Err(from.answered(status)),
        }
    }
}

/// How an exchange with an address fails. Both clients say it in these words, which name the
/// other side and hold no query, for that may be a secret.
impl Address {
    /// Nothing is known of such a host.
    pub fn unknown(&self) -> Failure {
        let text = format!("there is no host {}", self.host());
        Failure::new(FailureKind::NameNotResolved, text)
    }

    /// Nobody listens there.
    pub fn refused(&self) -> Failure {
        Failure::new(FailureKind::Refused, format!("nobody listens at {}:443", self.host()))
    }

    /// Nothing came for as long as `limit`.
    pub fn timed_out(&self, limit: Duration) -> Failure {
        let text = format!("no answer within {}", duration_text(limit));
        self.failure(FailureKind::TimedOut, &text)
    }

    /// The connection went before the answer was whole.
    pub fn cut(&self) -> Failure {
        self.failure(FailureKind::Cut, "the connection ended before the answer did")
    }

    /// It answered more than was allowed.
    pub fn too_large(&self, bytes_max: u64) -> Failure {
        let unit = if bytes_max == 1 { "byte" } else { "bytes" };
        self.failure(FailureKind::TooLarge, &format!("more than {bytes_max} {unit}"))
    }

    /// It answered with a status that is no success.
    pub fn answered(&self, status: u16) -> Failure {
        let text = format!("{} answered so", self.without_query());
        Failure::new(FailureKind::Status(status), text)
    }

    /// It failed so, for that reason.
    pub fn failure(&self, kind: FailureKind, reason: &str) -> Failure {
        Failure::new(kind, format!("{}: {reason}", self.host()))
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
        let from = Address::parse("https://x/?secret").unwrap();
        for _ in 0..REDIRECTS_MAX {
            let next = redirects.judge(&from, 302, Some("https://x/y")).unwrap();
            assert_eq!(next.map(|address| address.to_string()), Some("https://x/y".into()));
        }
        let kind = redirects.judge(&from, 302, Some("https://x/y")).map_err(|failure| failure.kind);
        assert_eq!(kind, Err(FailureKind::Status(302)));
        assert_eq!(redirects.judge(&from, 200, None), Ok(None));
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
            let from = Address::parse("https://x/").unwrap();
            let judged = Redirects::default().judge(&from, status, location);
            assert_eq!(judged.map_err(|failure| failure.kind), Err(kind), "{status} {location:?}");
        }
    }
}
