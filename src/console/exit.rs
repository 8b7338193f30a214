//! Exit statuses: what a script learns from a verb, a script from its lines, a shell from us.

use std::fmt;
use std::process::ExitCode;

use contract::Code;
use contract::control::ServiceStatus;

/// The status of a verb, a script or the whole command, as a process exits with it.
///
/// ```
/// use smsexec_console::ExitStatus;
///
/// assert_eq!(ExitStatus::UNKNOWN_TARGET.number(), 4);
/// assert_eq!(ExitStatus::DONE.worst(ExitStatus::REFUSED), ExitStatus::REFUSED);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExitStatus(u8);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl ExitStatus {
            $($(#[$doc])* pub const $name: ExitStatus = ExitStatus($number);)*

            /// Every status with its meaning, in ascending order: `help exit-status`.
            pub const KNOWN: &'static [(ExitStatus, &'static str)] =
                &[$((ExitStatus::$name, $text),)*];
        }
    };
}

statuses! {
    /// Done, or it was so already.
    DONE = 0, "done, or it was so already";
    /// It went wrong, and none of the others says how.
    GENERIC = 1, "it went wrong in a way that has no number of its own";
    /// The line was not understood; nothing was done.
    USAGE = 2, "the line was not understood, and nothing was done";
    /// Query only: some target is not Running.
    NOT_RUNNING = 3, "query: some target is not Running (a script goes on)";
    /// There is no such component, setting or log.
    UNKNOWN_TARGET = 4, "there is no component, setting, log or code of that name";
    /// The host did not accept the command in the state that things are in.
    REFUSED = 5, "the command was refused in the state that things are in";
    /// It was not done in time, and may still be.
    TIMED_OUT = 6, "it was not done in time; it may still be on its way";
    /// The target failed on the way, or an expectation was not met.
    FAILED = 7, "the target failed, or an expectation was not met";
    /// The executive was restarted too often and has stopped for good (lifecycle.md 3.5).
    GAVE_UP = 20, "the executive has stopped for good: it was restarted too often";
    /// The executive has stopped, and code of ended lives has not come back (case X06).
    ZOMBIES_LEFT = 21, "the executive has stopped, and code of ended lives has not come back";
    /// Somebody interrupted it.
    INTERRUPTED = 130, "interrupted";
}

impl ExitStatus {
    /// The number that the process exits with.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Of two statuses the one with the higher number, which is the one to report.
    #[must_use]
    pub fn worst(self, other: ExitStatus) -> ExitStatus {
        self.max(other)
    }

    /// Whether a script goes on after it: done, or a query that found something not running.
    pub const fn lets_a_script_go_on(self) -> bool {
        matches!(self, ExitStatus::DONE | ExitStatus::NOT_RUNNING)
    }

    /// Of a command that the host did not accept.
    pub fn of_refusal(code: Code) -> ExitStatus {
        match code {
            Code::OK => ExitStatus::DONE,
            Code::INVALID_PARAMETER => ExitStatus::USAGE,
            Code::DOES_NOT_EXIST => ExitStatus::UNKNOWN_TARGET,
            Code::REQUEST_TIMEOUT => ExitStatus::TIMED_OUT,
            code if code.name() == "unknown" => ExitStatus::GENERIC,
            _ => ExitStatus::REFUSED,
        }
    }

    /// Of a process that ends now, with the executive as `service` tells it: done, unless it has
    /// ended for good.
    pub(crate) fn of_end(service: &ServiceStatus) -> ExitStatus {
        ExitStatus::of_service(service.exit_status)
    }

    /// Of an executive that ends with this status, where it has ended (lifecycle.md 3.5, X06).
    pub fn of_service(exit_status: Option<u8>) -> ExitStatus {
        match exit_status.map(ExitStatus) {
            Some(end @ (ExitStatus::GAVE_UP | ExitStatus::ZOMBIES_LEFT)) => end,
            _ => ExitStatus::DONE,
        }
    }

    /// Of a command that was accepted and ended with `code`.
    pub fn of_outcome(code: Code) -> ExitStatus {
        match code {
            Code::OK => ExitStatus::DONE,
            // A later command won, so nobody failed; but what was asked for is not so.
            Code::CANCELLED => ExitStatus::GENERIC,
            Code::REQUEST_TIMEOUT => ExitStatus::TIMED_OUT,
            Code::INVALID_PARAMETER => ExitStatus::USAGE,
            // An operation that the host does not know.
            Code::DOES_NOT_EXIST => ExitStatus::UNKNOWN_TARGET,
            _ => ExitStatus::FAILED,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(status.0)
    }
}
