//! The update service as both sides know it: the manifest, and what an operator can make the
//! embedded cloud do. The form of the manifest is the simulator's own; the real one is a
//! signed cabinet of SQL and XML (domain.md 5.2).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A Configuration Manager version such as 5.00.9135.1000: four numbers, compared in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteVersion(pub [u32; 4]);

impl Default for SiteVersion {
    /// 5.00.9135.1000: the build that the newest log samples show (BLOCK 21).
    fn default() -> Self {
        SiteVersion([5, 0, 9135, 1000])
    }
}

impl fmt::Display for SiteVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor:02}.{build:04}.{revision:04}")
    }
}

impl FromStr for SiteVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a version looks like 5.00.9135.1000".to_owned();
        let mut numbers = [0; 4];
        let mut words = text.split('.');
        for number in &mut numbers {
            let word = words.next().ok_or_else(wrong)?;
            // `parse` alone would take "+5".
            if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
                return Err(wrong());
            }
            *number = word.parse().map_err(|_| wrong())?;
        }
        if words.next().is_some() { Err(wrong()) } else { Ok(SiteVersion(numbers)) }
    }
}

impl Serialize for SiteVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SiteVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The catalogue of updates: what SMS_DMP_DOWNLOADER fetches, as JSON under a signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of the document: 1.
    pub format: u32,
    /// In no order.
    pub packages: Vec<ManifestPackage>,
}

/// One update of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPackage {
    /// 36 characters: 8-4-4-4-12 hexadecimal digits.
    pub guid: String,
    /// What the console calls it.
    pub name: String,
    /// The version that a site has after it.
    pub version: SiteVersion,
    /// The lowest site version that it applies to (MinCMVersion, domain.md 5.2).
    pub min_version: SiteVersion,
    /// The highest site version that it applies to (MaxCMVersion).
    pub max_version: SiteVersion,
    /// Where to fetch it: an https address.
    pub url: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of it, 64 hexadecimal digits.
    pub sha256: String,
}

/// What an operator can make the embedded cloud do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloudCommand {
    /// Tell what it holds and what it has counted.
    Show,
    /// Put one more update in the catalogue.
    Publish {
        /// What the console will call it.
        name: String,
        /// The version that a site has after it.
        version: SiteVersion,
        /// How large to make it.
        bytes: u64,
    },
    /// Misbehave from now on, until [`CloudFault::None`].
    Fault(CloudFault),
    /// Count connections, requests and uploads from zero.
    ResetCounts,
}

/// How the embedded cloud misbehaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloudFault {
    /// It behaves.
    #[default]
    None,
    /// Nobody listens: connections are refused.
    Down,
    /// Every answer comes this much later.
    Slow(Duration),
    /// Every body ends half way, with the connection.
    Cut,
    /// Every answer is this HTTP status, with no body worth reading.
    Status(u16),
    /// The manifest's signature is another document's.
    BadSignature,
    /// The manifest's document ends half way, under a good signature.
    TruncatedManifest,
    /// The manifest is larger than any site takes.
    OversizedManifest,
    /// The manifest names a package that points outside the payload folder.
    ForeignPath,
    /// Packages do not match the manifest's hash.
    WrongHash,
    /// Packages do not have the manifest's length.
    WrongLength,
}

impl fmt::Display for CloudFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloudFault::None => f.write_str("none"),
            CloudFault::Down => f.write_str("down"),
            CloudFault::Slow(by) => write!(f, "slow {}", crate::time::duration_text(*by)),
            CloudFault::Cut => f.write_str("cut"),
            CloudFault::Status(status) => write!(f, "status {status}"),
            CloudFault::BadSignature => f.write_str("bad-signature"),
            CloudFault::TruncatedManifest => f.write_str("truncated-manifest"),
            CloudFault::OversizedManifest => f.write_str("oversized-manifest"),
            CloudFault::ForeignPath => f.write_str("foreign-path"),
            CloudFault::WrongHash => f.write_str("wrong-hash"),
            CloudFault::WrongLength => f.write_str("wrong-length"),
        }
    }
}

/// The embedded cloud as an operator sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudView {
    /// Where it listens; empty in simulation, where nothing listens.
    pub address: String,
    /// Connections taken since it was made or its counts were reset.
    pub connections: u64,
    /// Requests answered since it was made or its counts were reset.
    pub requests: u64,
    /// Usage data uploads received since it was made or its counts were reset.
    pub uploads: u64,
    /// How it misbehaves now.
    pub fault: CloudFault,
    /// Name and version of each update in the catalogue.
    pub catalogue: Vec<(String, SiteVersion)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_they_are_written_and_compare_by_number() {
        let version: SiteVersion = "5.00.9135.1000".parse().unwrap();
        assert_eq!(version.to_string(), "5.00.9135.1000");
        assert!(version < "5.00.10000.1000".parse().unwrap());
        for wrong in ["", "5", "5.0.1", "5.0.1.2.3", "5.0.+1.2", "a.b.c.d", "5.0.1.99999999999"] {
            assert!(wrong.parse::<SiteVersion>().is_err(), "{wrong:?}");
        }
    }
}
