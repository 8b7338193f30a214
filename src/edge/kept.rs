//! What outlives the process: `kept.json` in the site's folder.

use std::fs;
use std::io;
use std::sync::PoisonError;

use contract::outside::Kept;
use contract::{Failure, FailureKind};
use serde_json::{Map, Value};

use crate::failure::{disk, gone};
use crate::folder::SiteFolder;
use crate::snapshot::BACKUP;
use crate::temp::TempFile;

pub(crate) const FILE: &str = "kept.json";

impl SiteFolder {
    /// Writes `kept`. On return it survives a crash; a crash before leaves what was there.
    ///
    /// # Errors
    /// [`FailureKind::Disk`]; what was kept before is still there.
    pub fn keep(&self, kept: &Kept) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(kept)
            .map_err(|error| Failure::new(FailureKind::Disk, format!("{FILE}: {error}")))?;
        if !self.root.is_dir() {
            return Err(gone(&self.root));
        }
        // One at a time, so that of two the later stays.
        let _one = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut temp = TempFile::create(&self.root, self.next_temp())?;
        temp.write(&json)?;
        temp.write(b"\n")?;
        temp.publish(FILE)
    }

    /// What was kept; nothing yet if there is no such file. The texts of settings are as they
    /// lie in the file: whoever takes them checks them.
    ///
    /// # Errors
    /// [`FailureKind::Malformed`], with what is wrong and where; [`FailureKind::Disk`]. The file
    /// is left as it is.
    pub fn load_kept(&self) -> Result<Kept, Failure> {
        let path = self.root.join(FILE);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(disk(&path, &error)),
        };
        read(&json).map_err(|problem| {
            let text = format!("{} {problem}; {}", path.display(), self.without_it());
            Failure::new(FailureKind::Malformed, text)
        })
    }

    /// What to do about a file that is malformed.
    fn without_it(&self) -> String {
        let mut way_out = "remove it to begin with the settings of site.toml".to_owned();
        if self.root.join(BACKUP).join(FILE).is_file() {
            way_out += &format!(", or restore {BACKUP}/{FILE}");
        }
        way_out
    }
}

/// What `json` holds; else what is wrong with it.
fn read(json: &[u8]) -> Result<Kept, String> {
    if json.trim_ascii().is_empty() {
        return Err("is empty".into());
    }
    let value: Value = serde_json::from_slice(json).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        if error.is_eof() {
            format!("ends too early, at {place}")
        } else {
            format!("is no JSON from {place} on")
        }
    })?;
    check(&value)?;
    // From the text once more, for the place.
    serde_json::from_slice(json).map_err(|error| format!("does not fit: {error}"))
}

/// Fails where `value` has not the form of [`Kept`], and names the place, which serde does not.
fn check(value: &Value) -> Result<(), String> {
    let top = object("", value)?;
    if let Some(settings) = top.get("settings") {
        texts("settings", settings)?;
    }
    if let Some(registries) = top.get("registries") {
        for (component, registry) in object("registries", registries)? {
            texts(&format!("registries.{component}"), registry)?;
        }
    }
    Ok(())
}

fn object<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| misfit(place, value, "an object"))
}

fn texts(place: &str, value: &Value) -> Result<(), String> {
    for (name, text) in object(place, value)? {
        if !text.is_string() {
            return Err(misfit(&format!("{place}.{name}"), text, "a text"));
        }
    }
    Ok(())
}

fn misfit(place: &str, value: &Value, needed: &str) -> String {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let under = if place.is_empty() { "" } else { " under " };
    format!("holds {found}{under}{place}, {needed} is needed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::settings::{Mode, keys};

    fn some() -> Kept {
        let mut kept = Kept::default();
        kept.settings.set(&keys::MODE, &Mode::Offline);
        let registry = kept.registries.entry("SMS_DMP_DOWNLOADER".into()).or_default();
        registry.insert("LastSyncedTime".into(), "0".into());
        kept
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_process() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        assert_eq!(folder.load_kept(), Ok(Kept::default()));
        folder.keep(&Kept::default()).unwrap();
        folder.keep(&some()).unwrap();
        drop(folder);
        assert_eq!(SiteFolder::open(root.path()).unwrap().load_kept(), Ok(some()));
    }

    #[test]
    fn a_malformed_file_is_named_with_what_is_wrong_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        let path = root.path().join(FILE);
        for (malformed, what) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("{", "ends too early, at line 1, column 1"),
            ("{\n  \"settings\": {\"mo", "ends too early, at line 2, column 18"),
            ("nonsense", "is no JSON from line 1, column 2 on"),
            ("\u{0}", "is no JSON from line 1, column 1 on"),
            ("{}\n{}", "is no JSON from line 2, column 1 on"),
            ("{\"settings\": {},}", "is no JSON from line 1, column 17 on"),
            ("[]", "holds a list, an object is needed"),
            ("null", "holds nothing, an object is needed"),
            ("{\"settings\": 1}", "holds a number under settings, an object is needed"),
            (
                "{\"settings\": {\"mode\": true}}",
                "holds true or false under settings.mode, a text is needed",
            ),
            ("{\"registries\": \"x\"}", "holds a text under registries, an object is needed"),
            (
                "{\"registries\": {\"A\": []}}",
                "holds a list under registries.A, an object is needed",
            ),
            (
                "{\"registries\": {\"A\": {\"b\": {}}}}",
                "holds an object under registries.A.b, a text is needed",
            ),
        ] {
            fs::write(&path, malformed).unwrap();
            let failure = folder.load_kept().unwrap_err();
            assert_eq!(failure.kind, FailureKind::Malformed);
            let wanted = "remove it to begin with the settings of site.toml";
            assert_eq!(failure.text, format!("{} {what}; {wanted}", path.display()));
            assert_eq!(fs::read_to_string(&path).unwrap(), malformed);
        }
        fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(folder.load_kept().unwrap_err().kind, FailureKind::Malformed);
    }

    #[test]
    fn a_malformed_file_can_be_restored_from_a_backup() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        folder.keep(&some()).unwrap();
        folder.snapshot().unwrap();
        let path = root.path().join(FILE);
        fs::write(&path, "").unwrap();
        let text = folder.load_kept().unwrap_err().text;
        let wanted = "remove it to begin with the settings of site.toml, or restore \
                      Backup/kept.json";
        assert!(text.ends_with(wanted), "{text}");
        fs::copy(root.path().join("Backup").join(FILE), path).unwrap();
        assert_eq!(folder.load_kept(), Ok(some()));
    }

    #[test]
    fn what_a_file_does_not_name_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        let only_settings = Kept { settings: some().settings, ..Kept::default() };
        let only_registries = Kept { registries: some().registries, ..Kept::default() };
        for (json, kept) in [
            ("{}", Kept::default()),
            ("{\"settings\": {\"mode\": \"offline\"}, \"other\": 1}", only_settings),
            (
                "{\"registries\": {\"SMS_DMP_DOWNLOADER\": {\"LastSyncedTime\": \"0\"}}}",
                only_registries,
            ),
        ] {
            fs::write(root.path().join(FILE), json).unwrap();
            assert_eq!(folder.load_kept(), Ok(kept), "{json}");
        }
        fs::remove_file(root.path().join(FILE)).unwrap();
        fs::create_dir(root.path().join(FILE)).unwrap();
        let text = folder.load_kept().unwrap_err().text;
        assert!(text.ends_with("is a folder, a file is needed; move it away"), "{text}");
    }

    #[test]
    fn what_cannot_be_kept_leaves_what_was() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        folder.keep(&some()).unwrap();
        // The next temporary name is taken, so it cannot be written.
        fs::write(root.path().join(".part-1"), b"").unwrap();
        assert_eq!(folder.keep(&Kept::default()).unwrap_err().kind, FailureKind::Disk);
        assert_eq!(folder.load_kept(), Ok(some()));
    }
}
