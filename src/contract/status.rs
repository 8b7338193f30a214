//! Status messages as SMS_STATUS_MANAGER keeps them (domain.md 3.1), and a component's status.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// How grave a status message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// 0x40000000.
    Informational,
    /// 0x80000000.
    Warning,
    /// 0xC0000000.
    Error,
}

impl Severity {
    /// The number that SMS_StatusMessage has for it.
    pub const fn number(self) -> u32 {
        match self {
            Severity::Informational => 0x4000_0000,
            Severity::Warning => 0x8000_0000,
            Severity::Error => 0xC000_0000,
        }
    }

    /// The letter that a log's STATMSG line has for it: I, W or E.
    pub const fn letter(self) -> char {
        match self {
            Severity::Informational => 'I',
            Severity::Warning => 'W',
            Severity::Error => 'E',
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Informational => "Informational",
            Severity::Warning => "Warning",
            Severity::Error => "Error",
        })
    }
}

/// What a status message marks: the end of an operation, or a step in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatusKind {
    /// 256: the end of an operation.
    Milestone,
    /// 512: a step.
    Detail,
}

impl StatusKind {
    /// The number that SMS_StatusMessage.MessageType has for it.
    pub const fn number(self) -> u32 {
        match self {
            StatusKind::Milestone => 256,
            StatusKind::Detail => 512,
        }
    }

    /// The letter that a log's STATMSG line has for it: M or D.
    pub const fn letter(self) -> char {
        match self {
            StatusKind::Milestone => 'M',
            StatusKind::Detail => 'D',
        }
    }
}

/// Attribute 400: Package ID.
pub const ATTRIBUTE_PACKAGE_ID: u32 = 400;
/// Attribute 404: Distribution Point.
pub const ATTRIBUTE_DISTRIBUTION_POINT: u32 = 404;

/// A status message as a component reports it. Who, where and when are added on the way.
///
/// ```
/// use smsexec_contract::StatusMessage;
/// let message = StatusMessage::informational(2301).with("Update 2509").with("PS100001");
/// assert_eq!(message.strings.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMessage {
    /// 0 to 65535.
    pub id: u32,
    /// How grave.
    pub severity: Severity,
    /// Milestone unless said otherwise.
    pub kind: StatusKind,
    /// Insertion strings, ten at most: %1 of the text is the first.
    pub strings: Vec<String>,
    /// Attributes: id and value.
    pub attributes: Vec<(u32, String)>,
}

impl StatusMessage {
    /// How many insertion strings a message holds.
    pub const STRINGS_MAX: usize = 10;

    /// A milestone of severity `severity`.
    pub fn new(id: u32, severity: Severity) -> Self {
        StatusMessage {
            id,
            severity,
            kind: StatusKind::Milestone,
            strings: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// An informational milestone.
    pub fn informational(id: u32) -> Self {
        Self::new(id, Severity::Informational)
    }

    /// A warning.
    pub fn warning(id: u32) -> Self {
        Self::new(id, Severity::Warning)
    }

    /// An error.
    pub fn error(id: u32) -> Self {
        Self::new(id, Severity::Error)
    }

    /// With one more insertion string. An eleventh is dropped: the record has no place for it.
    #[must_use]
    pub fn with(mut self, string: impl Into<String>) -> Self {
        if self.strings.len() < Self::STRINGS_MAX {
            self.strings.push(string.into());
        }
        self
    }

    /// With one more attribute.
    #[must_use]
    pub fn attribute(mut self, id: u32, value: impl Into<String>) -> Self {
        self.attributes.push((id, value.into()));
        self
    }
}

/// A status message as it is kept: the reported one with who, where and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRecord {
    /// Rises by one with each record of a site.
    pub record: u64,
    /// When, in UTC.
    pub time: WallTime,
    /// "SMS Server", or the simulator's own module for ids that no source confirms.
    pub module: String,
    /// Which component reported it.
    pub component: String,
    /// On which server.
    pub machine: String,
    /// In which site.
    pub site: String,
    /// What was reported.
    pub message: StatusMessage,
    /// The text with the insertion strings in place.
    pub text: String,
}

/// A component's status, by the thresholds (domain.md 3.5).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Health {
    /// 0.
    #[default]
    Ok,
    /// 1.
    Warning,
    /// 2.
    Critical,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Health::Ok => "OK",
            Health::Warning => "Warning",
            Health::Critical => "Critical",
        })
    }
}

/// One row of the component status summarizer: the tally of an interval and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentSummary {
    /// Which component.
    pub component: String,
    /// By the thresholds.
    pub health: Health,
    /// Informational messages in the interval.
    pub informational: u64,
    /// Warnings in the interval.
    pub warnings: u64,
    /// Errors in the interval.
    pub errors: u64,
    /// When the last message came, if any ever did.
    pub last_contacted: Option<WallTime>,
}
