//! What the answer to a probe means. A failure is a matter of connectivity and not of the
//! status as such: an endpoint that answers 401, 404 or 500 has been reached. Only
//! statuses that something on the way gives are failures.

use contract::{Answer, Reply};

/// A status that is not the endpoint's own.
struct Unexpected {
    status: u16,
    meaning: &'static str,
    reason: &'static str,
}

const PROXY: &str = "a proxy may be in the way";
const TLS: &str = "TLS may be set up wrongly";
/// 598 and 599 stand in no RFC.
const PROXY_TIMED_OUT: &str = "some proxies tell of a time-out this way";

/// in order. There are no others.
const UNEXPECTED: [Unexpected; 8] = [
    Unexpected { status: 407, meaning: "Proxy authentication required", reason: PROXY },
    Unexpected { status: 408, meaning: "Request timeout", reason: PROXY },
    Unexpected { status: 426, meaning: "Upgrade required", reason: TLS },
    Unexpected { status: 451, meaning: "Unavailable for legal reasons", reason: PROXY },
    Unexpected { status: 502, meaning: "Bad gateway", reason: PROXY },
    Unexpected { status: 511, meaning: "Network authentication required", reason: PROXY },
    Unexpected { status: 598, meaning: "Network read timeout error", reason: PROXY_TIMED_OUT },
    Unexpected {
        status: 599,
        meaning: "Network connection timeout error",
        reason: PROXY_TIMED_OUT,
    },
];

/// The status with which an endpoint was reached.
///
/// # Errors
/// Why it counts as not reached, for the log.
pub(crate) fn judge(answer: &Answer) -> Result<u16, String> {
    match answer {
        Ok(Reply::Probed { status }) => match UNEXPECTED.iter().find(|it| it.status == *status) {
            None => Ok(*status),
            Some(Unexpected { meaning, reason, .. }) => {
                Err(format!("unexpected status code {status} {meaning}, {reason}"))
            }
        },
        Ok(_) => Err("the answer is of another kind than the request".to_owned()),
        // Time-outs, SSL/TLS and whatever else kept a status from coming.
        Err(failure) => Err(failure.to_string()),
    }
}
