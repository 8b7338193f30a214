//! The copy of a site that a backup leaves.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use contract::Failure;

use crate::failure::disk;
use crate::folder::SiteFolder;
use crate::kept;
use crate::temp::sync_folder;

const BACKUP: &str = "Backup";
/// The copy while it is made.
const NEXT: &str = ".backup-next";
/// The copy before, while the new one takes its place.
const BEFORE: &str = ".backup-before";

impl SiteFolder {
    /// Copies `kept.json`, `site.toml` and `inboxes` to `Backup`, in place of the copy before,
    /// and tells where that is. At no moment is there neither the old copy nor the new one.
    ///
    /// # Errors
    /// [`contract::FailureKind::Disk`]; the copy before is still there.
    pub fn snapshot(&self) -> Result<String, Failure> {
        // What is kept does not change while it is copied.
        let _one = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.root.join(NEXT);
        recover(&self.root)?;
        copy_site(&self.root, &next).map_err(|error| disk(&next, &error))?;
        let backup = self.root.join(BACKUP);
        swap(&self.root).map_err(|error| disk(&backup, &error))?;
        remove_folder(&self.root.join(BEFORE))?;
        Ok(backup.display().to_string())
    }
}

/// Ends what a snapshot left that did not come to its end.
pub(crate) fn recover(root: &Path) -> Result<(), Failure> {
    let (backup, before) = (root.join(BACKUP), root.join(BEFORE));
    if before.exists() && !backup.exists() {
        fs::rename(&before, &backup).map_err(|error| disk(&backup, &error))?;
    }
    remove_folder(&before)?;
    remove_folder(&root.join(NEXT))
}

fn copy_site(root: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for name in [kept::FILE, "site.toml"] {
        if root.join(name).is_file() {
            copy_file(&root.join(name), &to.join(name))?;
        }
    }
    copy_folder(&root.join("inboxes"), &to.join("inboxes"))?;
    sync_folder(to)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        // A link is left out: it may lead out of the site, or in a circle.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            copy_file(&entry.path(), &target)?;
        }
    }
    sync_folder(to)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

fn swap(root: &Path) -> io::Result<()> {
    let (backup, before) = (root.join(BACKUP), root.join(BEFORE));
    if backup.exists() {
        fs::rename(&backup, &before)?;
    }
    if let Err(error) = fs::rename(root.join(NEXT), &backup) {
        // Whatever is wrong, the copy before is better than none.
        let _ = fs::rename(&before, &backup);
        return Err(error);
    }
    sync_folder(root)
}

fn remove_folder(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::outside::Kept;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_snapshot_takes_the_place_of_the_one_before() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let folder = SiteFolder::open(root).unwrap();
        folder.keep(&Kept::default()).unwrap();
        write(root, "site.toml", "code = \"PS1\"");
        write(root, "inboxes/hman.box/old.scu", "old");
        let backup = root.join("Backup");
        assert_eq!(folder.snapshot(), Ok(backup.display().to_string()));
        assert_eq!(fs::read_to_string(backup.join("inboxes/hman.box/old.scu")).unwrap(), "old");
        assert!(backup.join("kept.json").exists() && backup.join("site.toml").exists());

        fs::remove_file(root.join("inboxes/hman.box/old.scu")).unwrap();
        write(root, "inboxes/new.scu", "new");
        folder.snapshot().unwrap();
        assert!(!backup.join("inboxes/hman.box/old.scu").exists());
        assert!(backup.join("inboxes/new.scu").exists());
        assert!(!root.join(NEXT).exists() && !root.join(BEFORE).exists());
    }

    #[test]
    fn a_snapshot_that_fails_leaves_the_one_before() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let folder = SiteFolder::open(root).unwrap();
        write(root, "site.toml", "one");
        folder.snapshot().unwrap();
        fs::remove_dir(root.join("inboxes")).unwrap();
        write(root, "inboxes", "no folder");
        write(root, "site.toml", "two");
        assert_eq!(folder.snapshot().unwrap_err().kind, contract::FailureKind::Disk);
        assert_eq!(fs::read_to_string(root.join("Backup/site.toml")).unwrap(), "one");
    }

    #[test]
    fn a_swap_that_a_crash_broke_off_is_undone() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, ".backup-before/site.toml", "one");
        write(root, ".backup-next/site.toml", "two");
        let _folder = SiteFolder::open(root).unwrap();
        assert_eq!(fs::read_to_string(root.join("Backup/site.toml")).unwrap(), "one");
        assert!(!root.join(NEXT).exists() && !root.join(BEFORE).exists());
    }
}
