//! What a component asks of the world, as data, and how it is answered.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{ComponentId, Ticket};
use crate::message::Message;
use crate::status::{Severity, StatusMessage};

/// One thing a component asked for. Effects are carried out when the hook that asked returns;
/// of a hook that panics or fails only the log lines remain.
#[derive(Debug)]
pub enum Effect {
    /// Hand `message` to another component.
    Send {
        /// To whom.
        to: ComponentId,
        /// What.
        message: Message,
    },
    /// Hand `message` to the component of that name; logged and dropped if there is none.
    SendByName {
        /// To whom.
        to: &'static str,
        /// What.
        message: Message,
    },
    /// Hand `message` to another component, unless its turn has not come within `within`: then
    /// it is set aside.
    SendWithin(Box<Expiring>),
    /// Call `timer(key)` after `delay`; takes the place of a timer with the same key.
    After {
        /// How long from now.
        delay: Duration,
        /// Which timer.
        key: &'static str,
    },
    /// Forget the timer with that key.
    Cancel {
        /// Which timer.
        key: &'static str,
    },
    /// Do something outside; answered by `answer(ticket, ..)`.
    Request {
        /// Which answer belongs to it.
        ticket: Ticket,
        /// What to do.
        request: Box<Request>,
    },
    /// Report a status message.
    Report(Box<StatusMessage>),
    /// Write a line to the component's log.
    Log(Box<LogText>),
    /// Keep a value that the next life is given at its start.
    Remember {
        /// Its name.
        name: &'static str,
        /// Its text.
        value: Box<str>,
    },
    /// A pending start, stop, pause or resume made progress.
    Checkpoint {
        /// The next checkpoint comes within this time.
        hint: Duration,
    },
    /// A pending start, stop, pause or resume is finished.
    Done,
    /// The component ends itself.
    Exit,
}

/// What hooks have asked for. A host may keep what earlier ones have asked for in here; a hook
/// adds to it at the end.
#[derive(Debug, Default)]
pub struct Asked {
    /// Bare words to be handed to other components: most of what is ever asked for, and in a
    /// form that can be queued as it is.
    pub words: Vec<WordSlip>,
    /// All else, and words that were sent after it: behind everything in `words`.
    pub others: Vec<Effect>,
}

impl Asked {
    /// Everything in order.
    pub fn into_effects(self) -> impl Iterator<Item = Effect> {
        let sent = |WordSlip { to, word, .. }| Effect::Send { to, message: Message::Word(word) };
        self.words.into_iter().map(sent).chain(self.others)
    }
}

/// A bare word on its way from one component to another. 24 bytes that anybody can copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordSlip {
    /// To whom.
    pub to: ComponentId,
    /// From whom.
    pub from: ComponentId,
    /// Which of the messages sent from there, with `from` its identity; given by the host.
    pub number: u32,
    /// The word.
    pub word: u64,
}

/// A message that is of no use later.
#[derive(Debug)]
pub struct Expiring {
    /// To whom.
    pub to: ComponentId,
    /// What.
    pub message: Message,
    /// From now.
    pub within: Duration,
}

/// A line for a component's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogText {
    /// Colours the line in a log viewer; the server format has no field for it.
    pub severity: Severity,
    /// May hold anything; the writer makes one record of it.
    pub text: String,
}

/// Something to be done outside the host. What the world is told is all here; a component
/// holds no socket and no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// GET a signed document and check its signature against what this server trusts.
    /// Answered by [`Reply::Signed`].
    FetchSigned {
        /// An https address.
        url: String,
        /// Give up at more bytes.
        bytes_max: u64,
    },
    /// GET a file as a stream into a temporary file of EasySetupPayload, check size and
    /// SHA-256, and publish it by renaming. On any failure nothing is left behind. A file that
    /// is already there and matches is not fetched again. Answered by [`Reply::Downloaded`].
    Download {
        /// An https address.
        url: String,
        /// A plain file name; anything with a folder in it is refused.
        file: String,
        /// The size it must have.
        bytes: u64,
        /// The SHA-256 it must have, 64 hexadecimal digits.
        sha256: String,
    },
    /// POST a JSON document. Answered by [`Reply::Uploaded`].
    Upload {
        /// An https address.
        url: String,
        /// The document.
        json: String,
    },
    /// Connect, make a TLS handshake, ask, and tell the status. Answered by [`Reply::Probed`].
    Probe {
        /// An https address.
        url: String,
        /// Give up after this long.
        time_out: Duration,
    },
    /// Take a file of EasySetupPayload into the content library, if its hash is right.
    /// Answered by [`Reply::Stored`].
    AddContent {
        /// Content id: a plain name.
        content: String,
        /// The file in EasySetupPayload.
        file: String,
        /// The SHA-256 it must have.
        sha256: String,
    },
    /// Copy content from the library to a distribution point. Answered by [`Reply::Stored`].
    Distribute {
        /// Content id.
        content: String,
        /// The distribution point's name.
        to: String,
    },
}

impl Request {
    /// Whether carrying it out makes a connection to the internet.
    pub const fn connects(&self) -> bool {
        match self {
            Request::FetchSigned { .. }
            | Request::Download { .. }
            | Request::Upload { .. }
            | Request::Probe { .. } => true,
            Request::AddContent { .. } | Request::Distribute { .. } => false,
        }
    }

    /// Its name, for traces and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Request::FetchSigned { .. } => "FetchSigned",
            Request::Download { .. } => "Download",
            Request::Upload { .. } => "Upload",
            Request::Probe { .. } => "Probe",
            Request::AddContent { .. } => "AddContent",
            Request::Distribute { .. } => "Distribute",
        }
    }
}

/// How a request came out.
pub type Answer = Result<Reply, Failure>;

/// How a request went well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The document, without its signature.
    Signed {
        /// UTF-8 or not: whoever signed it decides.
        document: Vec<u8>,
    },
    /// The file lies in EasySetupPayload, whole and checked.
    Downloaded {
        /// Its size.
        bytes: u64,
        /// Whether it was there before and nothing was fetched.
        already_there: bool,
    },
    /// The document was taken.
    Uploaded,
    /// There is connectivity: an HTTP status came back.
    Probed {
        /// Which.
        status: u16,
    },
    /// The content lies where it should.
    Stored {
        /// Its size.
        bytes: u64,
    },
}

/// How a request went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What class of failure.
    pub kind: FailureKind,
    /// The particulars, for a log: lower case, no final stop, no secrets.
    pub text: String,
}

impl Failure {
    /// A failure of `kind` with its particulars.
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Failure { kind, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

impl std::error::Error for Failure {}

/// The classes of failure that a component can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    /// The host name does not resolve.
    NameNotResolved,
    /// Nobody listens there.
    Refused,
    /// It took too long.
    TimedOut,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// The connection ended before the answer did.
    Cut,
    /// An HTTP status that is no success.
    Status(u16),
    /// More bytes than allowed.
    TooLarge,
    /// Another number of bytes than promised.
    WrongSize,
    /// Another hash than promised.
    WrongHash,
    /// The signature is missing or not by anyone this server trusts.
    NotTrusted,
    /// A name that is no plain file name, or an address that is none.
    BadName,
    /// A file could not be read or written.
    Disk,
    /// A file of the site does not hold what it should.
    Malformed,
    /// What was asked for is not there.
    NotFound,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailureKind::NameNotResolved => f.write_str("the name could not be resolved"),
            FailureKind::Refused => f.write_str("the connection was refused"),
            FailureKind::TimedOut => f.write_str("the operation timed out"),
            FailureKind::Tls => f.write_str("SSL/TLS failure"),
            FailureKind::Cut => f.write_str("the connection was cut"),
            FailureKind::Status(status) => write!(f, "HTTP status {status}"),
            FailureKind::TooLarge => f.write_str("too large"),
            FailureKind::WrongSize => f.write_str("wrong size"),
            FailureKind::WrongHash => f.write_str("wrong hash"),
            FailureKind::NotTrusted => f.write_str("not signed by anyone trusted"),
            FailureKind::BadName => f.write_str("bad name"),
            FailureKind::Disk => f.write_str("disk failure"),
            FailureKind::Malformed => f.write_str("malformed"),
            FailureKind::NotFound => f.write_str("not found"),
        }
    }
}
