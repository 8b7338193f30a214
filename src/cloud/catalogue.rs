//! The packages of the catalogue: their ids, and their content out of thin air.

use std::sync::OnceLock;

use contract::cloud::{ManifestPackage, SiteVersion};

use crate::hash::{self, sha256_bytes};

/// The largest package that the embedded cloud makes: 64 MiB. It is made in memory.
pub const PACKAGE_BYTES_MAX: u64 = 64 << 20;

/// The lowest site version that the embedded cloud's updates apply to, where they do not
/// install a lower one.
const MIN_VERSION: SiteVersion = SiteVersion([5, 0, 9000, 0]);

const BLOCK_BYTES: usize = 4096;

/// The host that packages come from (domain.md 5.3, 8.2).
pub(crate) const PACKAGE_HOST: &str = "configmgrbits.azureedge.net";

/// One package of the catalogue.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// All that the manifest tells of it, but for the hash.
    entry: ManifestPackage,
    /// Found when it is first asked for: most simulated hosts never ask.
    sha256: OnceLock<String>,
}

impl Package {
    /// A package of the cloud made from `seed`: one and the same, whatever else that cloud
    /// holds. `bytes` is at most [`PACKAGE_BYTES_MAX`].
    pub(crate) fn new(seed: u64, name: String, version: SiteVersion, bytes: u64) -> Self {
        let guid = guid(seed, &name, version, bytes);
        let max_version = just_below(version);
        let entry = ManifestPackage {
            url: format!("https://{PACKAGE_HOST}{}", path(version, &guid)),
            sha256: String::new(),
            min_version: MIN_VERSION.min(max_version),
            guid,
            name,
            version,
            max_version,
            bytes,
        };
        Package { entry, sha256: OnceLock::new() }
    }

    /// What the console calls it, and the version that a site has after it.
    pub(crate) fn title(&self) -> (String, SiteVersion) {
        (self.entry.name.clone(), self.entry.version)
    }

    /// Whether it is the update of that name and version.
    pub(crate) fn is_called(&self, name: &str, version: SiteVersion) -> bool {
        self.entry.name == name && self.entry.version == version
    }

    /// What the manifest tells of it.
    pub(crate) fn entry(&self) -> ManifestPackage {
        let sha256 = self.sha256.get_or_init(|| hash::sha256(&self.content()));
        ManifestPackage { sha256: sha256.clone(), ..self.entry.clone() }
    }

    /// Whether it lies at `path` on its host.
    pub(crate) fn is_at(&self, path_asked: &str) -> bool {
        path(self.entry.version, &self.entry.guid).eq_ignore_ascii_case(path_asked)
    }

    /// What it holds: the same bytes for the same id.
    pub(crate) fn content(&self) -> Vec<u8> {
        content(&self.entry.guid, self.entry.bytes)
    }
}

/// Where a package lies on its host.
fn path(version: SiteVersion, guid: &str) -> String {
    format!("/release/{version}/{guid}.cab")
}

/// A block of noise again and again, each with its own number in front: no two blocks are the
/// same, and a large package costs little more than its memory.
fn content(guid: &str, bytes: u64) -> Vec<u8> {
    let mut state = u64::from_le_bytes(first(sha256_bytes(guid.as_bytes())));
    let noise: Vec<u8> =
        (0..BLOCK_BYTES / 8).flat_map(|_| next(&mut state).to_le_bytes()).collect();
    let blocks = bytes.div_ceil(BLOCK_BYTES as u64);
    let mut content = Vec::with_capacity(blocks as usize * BLOCK_BYTES);
    for number in 0..blocks {
        content.extend_from_slice(&(first_word(&noise) ^ number).to_le_bytes());
        content.extend_from_slice(&noise[8..]);
    }
    content.truncate(bytes as usize);
    content
}

fn first_word(noise: &[u8]) -> u64 {
    noise.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The next number of a SplitMix64 sequence: cheap, and nothing here asks for more.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// A package id such as 10AA8BA0-04D4-4FE3-BC21-F1874BC8C88C, in upper case as the logs have it.
/// It is not the place in the catalogue that counts: a site folder outlives the process that
/// published, and takes what has the same id for the same package.
fn guid(seed: u64, name: &str, version: SiteVersion, bytes: u64) -> String {
    let package = format!("smsexec package {seed} {version} {bytes} {name}");
    let digest = sha256_bytes(package.as_bytes());
    let digits = hash::hex(&first::<16>(digest)).to_uppercase();
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

fn first<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|place| digest[place])
}

/// The highest version below `version`, each number having four digits at most: an update
/// does not apply to a site that has it.
fn just_below(version: SiteVersion) -> SiteVersion {
    let mut numbers = version.0;
    for place in (0..4).rev() {
        if numbers[place] > 0 {
            numbers[place] -= 1;
            numbers[place + 1..].fill(9999);
            return SiteVersion(numbers);
        }
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_applies_to_versions_below_its_own() {
        for (version, below) in [
            ("5.00.9141.1000", "5.00.9141.0999"),
            ("5.00.9141.0000", "5.00.9140.9999"),
            ("6.00.0000.0000", "5.9999.9999.9999"),
            ("0.00.0000.0000", "0.00.0000.0000"),
        ] {
            assert_eq!(just_below(version.parse().unwrap()), below.parse().unwrap());
        }
    }

    #[test]
    fn ids_differ_and_have_the_form_of_ids() {
        let version = SiteVersion::default();
        let ids = [guid(1, "a", version, 1), guid(1, "b", version, 1), guid(2, "a", version, 1)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        for id in ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert!(id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn content_has_its_size_and_depends_on_the_id_alone() {
        for bytes in [1, 7, 8, 9, 4095, 4096, 4097, 10_000] {
            assert_eq!(content("a", bytes).len() as u64, bytes);
        }
        let longest = content("a", 10_000);
        assert_eq!(longest[..9], content("a", 9));
        assert_ne!(longest[..4096], longest[4096..8192]);
        assert_ne!(longest, content("b", 10_000));
    }
}
