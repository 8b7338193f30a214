//! The manifest as a site takes it: whole and in order, or not at all.
//!
//! The signature says who wrote it, not that it makes sense; so every field that will end up in
//! a file name, a request, a log or a message is checked here before anything is done with it.

use std::collections::BTreeSet;

use contract::cloud::{Manifest, ManifestPackage, SiteVersion};

/// Each package writes a line; the real catalogue has some dozens. The limit is our own.
const PACKAGES_MAX: usize = 1_000;
const NAME_CHARS_MAX: usize = 200;
const FILE_NAME_BYTES_MAX: usize = 200;
/// So much of a bad value is shown; the rest says nothing new and fills a log.
const SHOWN_CHARS_MAX: usize = 120;

/// The packages of a manifest, with GUIDs and hashes in lower case.
///
/// # Errors
/// What rule the document breaks, and where.
pub(crate) fn read(document: &[u8], bytes_max: u64) -> Result<Vec<ManifestPackage>, String> {
    let manifest: Manifest = serde_json::from_slice(document)
        .map_err(|e| format!("the manifest does not parse: {}", shown(&e.to_string())))?;
    if manifest.format != 1 {
        return Err(format!("the manifest has format {}, not 1", manifest.format));
    }
    let mut packages = manifest.packages;
    if packages.len() > PACKAGES_MAX {
        return Err(format!(
            "the manifest has {} packages, more than {PACKAGES_MAX}",
            packages.len()
        ));
    }
    let mut guids = BTreeSet::new();
    for (index, package) in packages.iter_mut().enumerate() {
        let refused = |why: String| format!("package {} of the manifest: {why}", index + 1);
        check(package, bytes_max).map_err(refused)?;
        package.guid.make_ascii_lowercase();
        package.sha256.make_ascii_lowercase();
        if !guids.insert(package.guid.clone()) {
            return Err(refused(format!("guid {} stands there twice", package.guid)));
        }
    }
    Ok(packages)
}

/// Whether an update is for a site of that version (MinCMVersion and MaxCMVersion, domain.md
/// 5.2), and newer than what the site has.
pub(crate) fn applies(package: &ManifestPackage, site: SiteVersion) -> bool {
    package.min_version <= site && site <= package.max_version && package.version > site
}

/// The newest package that applies: the only one that is downloaded unasked (domain.md 5.3).
pub(crate) fn newest(packages: &[ManifestPackage], site: SiteVersion) -> Option<&ManifestPackage> {
    let applicable = packages.iter().filter(|package| applies(package, site));
    // The GUID decides between equals, so that the order in the document does not.
    applicable.max_by(|a, b| (a.version, &a.guid).cmp(&(b.version, &b.guid)))
}

fn check(package: &ManifestPackage, bytes_max: u64) -> Result<(), String> {
    if !is_guid(&package.guid) {
        return Err(format!("guid {} has not the form 8-4-4-4-12", shown(&package.guid)));
    }
    if !is_display_name(&package.name) {
        return Err(format!("name {} is no name to show", shown(&package.name)));
    }
    if !is_hex(&package.sha256, 64) {
        return Err(format!("sha256 {} is not 64 hexadecimal digits", shown(&package.sha256)));
    }
    if package.bytes == 0 || package.bytes > bytes_max {
        return Err(format!("{} bytes is not between 1 and {bytes_max}", package.bytes));
    }
    if !is_package_url(&package.url) {
        return Err(format!("url {} is no https address of a plain file", shown(&package.url)));
    }
    Ok(())
}

/// 8-4-4-4-12 hexadecimal digits: the package's file is named after it.
fn is_guid(text: &str) -> bool {
    let mut words = text.split('-');
    let formed = [8, 4, 4, 4, 12].iter().all(|len| words.next().is_some_and(|w| is_hex(w, *len)));
    formed && words.next().is_none()
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_display_name(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control)
}

/// An https address whose path ends in a plain file name and never climbs. Anything that a
/// server and a client could read in two ways is refused: blanks, backslashes, user names,
/// escapes in the path.
fn is_package_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    if !rest.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b)) {
        return false;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let Some((host, path)) = rest.split_once('/') else { return false };
    let Some(file) = path.rsplit('/').next() else { return false };
    is_host(host) && !path.contains('%') && !climbs(path) && is_file_name(file)
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// Two dots anywhere count: some systems drop what trails a name, and "x../" climbs there.
fn climbs(path: &str) -> bool {
    path.contains("..") || path.split('/').any(|segment| segment == ".")
}

fn is_file_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= FILE_NAME_BYTES_MAX
        && !text.starts_with('.')
        && !text.ends_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// A text of unknown origin, fit for one log line.
fn shown(text: &str) -> String {
    let head: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let more = if head.len() < text.len() { " and more" } else { "" };
    format!("{head:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_five_words_of_hexadecimal_digits() {
        assert!(is_guid("3b7d84fa-eccc-4ea0-b8ab-abbda1e88e0e"));
        assert!(is_guid("3B7D84FA-ECCC-4EA0-B8AB-ABBDA1E88E0E"));
        for wrong in [
            "",
            "../../../../windows/system32/evil.cab",
            "3b7d84fa-eccc-4ea0-b8ab-abbda1e88e0",
            "3b7d84fa-eccc-4ea0-b8ab-abbda1e88e0e-",
            "3b7d84fa-eccc-4ea0-b8ab-abbda1e88e0g",
            "{b7d84fa-eccc-4ea0-b8ab-abbda1e88e0e}",
            "3b7d84faeccc4ea0b8ababbda1e88e0e----",
        ] {
            assert!(!is_guid(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_package_lies_at_an_https_address_that_is_read_in_one_way() {
        for right in [
            "https://configmgrbits.azureedge.net/release/2509/3B7D84FA.cab",
            "https://127.0.0.1:8443/packages/3b7d84fa.cab?a=b/../c",
            "https://[::1]:8443/3b7d84fa.cab",
        ] {
            assert!(is_package_url(right), "{right:?}");
        }
        for wrong in [
            "http://a.example/b.cab",
            "HTTPS://a.example/b.cab",
            "file:///etc/passwd",
            "https://a.example",
            "https://a.example/",
            "https://a.example?b.cab",
            "https:///b.cab",
            "https://a.example/../b.cab",
            "https://a.example/c/./b.cab",
            "https://a.example/..",
            "https://a.example/%2e%2e/b.cab",
            "https://a.example/b%2fc.cab",
            "https://a.example/c\\b.cab",
            "https://a.example/.b.cab",
            "https://a.example/b.cab.",
            "https://a.example/b..cab",
            "https://user@a.example/b.cab",
            "https://a.example/b c.cab",
            "https://a.example/b.cab\r\nHost: c",
            "https://a.example/bä.cab",
        ] {
            assert!(!is_package_url(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_shown_of_a_bad_value_is_one_short_line() {
        assert_eq!(shown("a\nb"), r#""a\nb""#);
        assert!(shown(&"x".repeat(100_000)).len() < 200);
    }
}
