//! What outlives the process: `kept.json` in the site's folder.

use std::fs;
use std::io;
use std::sync::PoisonError;

use contract::outside::Kept;
use contract::{Failure, FailureKind};

use crate::failure::disk;
use crate::folder::SiteFolder;
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
    /// [`FailureKind::Disk`], with the place if the file is malformed. It is left as it is.
    pub fn load_kept(&self) -> Result<Kept, Failure> {
        let path = self.root.join(FILE);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(disk(&path, &error)),
        };
        serde_json::from_slice(&json).map_err(|error| {
            Failure::new(FailureKind::Disk, format!("{} is malformed: {error}", path.display()))
        })
    }
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
    fn a_malformed_file_is_named_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = SiteFolder::open(root.path()).unwrap();
        let path = root.path().join(FILE);
        for malformed in ["", "{", "[]", "{\n  \"settings\": 1\n}", "\u{0}"] {
            fs::write(&path, malformed).unwrap();
            let failure = folder.load_kept().unwrap_err();
            assert_eq!(failure.kind, FailureKind::Disk);
            let text = &failure.text;
            assert!(text.contains("kept.json") && text.contains("line"), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), malformed);
        }
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
