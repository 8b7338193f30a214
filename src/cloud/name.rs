//! What a plain file name is.

use contract::{Failure, FailureKind};

/// A longer name would not leave room for a temporary name beside it on every file system.
const BYTES_MAX: usize = 200;

/// `name`, if it names a file in its folder and nothing else, on any operating system.
///
/// Refused are: an empty name, one of more than 200 bytes, one that starts with a dot (the
/// site folder's own temporary files do) or ends in a dot or blank (Windows drops those), one
/// with a control character or any of `/ \ : < > " | ? *`, and the device names of Windows
/// such as `con` and `nul.txt`.
///
/// # Errors
/// [`FailureKind::BadName`].
pub fn plain_name(name: &str) -> Result<&str, Failure> {
    match problem(name) {
        None => Ok(name),
        Some(problem) => {
            // The name comes from outside and may be long.
            let shown: String = name.chars().take(80).collect();
            Err(Failure::new(FailureKind::BadName, format!("{shown:?} {problem}")))
        }
    }
}

fn problem(name: &str) -> Option<&'static str> {
    let foreign = |c: char| c.is_control() || r#"/\:<>"|?*"#.contains(c);
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > BYTES_MAX {
        Some("is longer than 200 bytes")
    } else if name.starts_with('.') {
        Some("starts with a dot")
    } else if name.ends_with(['.', ' ']) {
        Some("ends in a dot or a blank")
    } else if name.contains(foreign) {
        Some("holds a character that no plain file name has")
    } else if is_device(name) {
        Some("is the name of a device")
    } else {
        None
    }
}

/// Whether Windows takes `name` for a device: with or without an extension, in any case.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered = |prefix| {
        let number = stem.strip_prefix(prefix).unwrap_or("");
        number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit())
    };
    ["con", "prn", "aux", "nul"].contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass_unchanged() {
        let longest = "x".repeat(BYTES_MAX);
        for name in
            ["x.cab", "PS100001", "a b", "Straße.cab", "console", "com10", "nullable.txt", &longest]
        {
            assert_eq!(plain_name(name), Ok(name));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let too_long = "x".repeat(BYTES_MAX + 1);
        let wrong = [
            "",
            ".",
            "..",
            "...",
            "../x",
            "..\\x",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "C:x",
            "x:stream",
            "a\0b",
            "a\nb",
            ".hidden",
            "x.",
            "x ",
            "con",
            "NUL",
            "nul.txt",
            "Com1",
            "lpt9.cab",
            "aux .x",
            "a*b",
            &too_long,
        ];
        for name in wrong {
            let kind = plain_name(name).map_err(|failure| failure.kind);
            assert_eq!(kind, Err(FailureKind::BadName), "{name:?}");
        }
    }
}
