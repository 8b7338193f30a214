//! The copy of a site that a backup leaves.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use contract::Failure;

use crate::failure::{disk, folder_or_nothing, make_folder};
use crate::folder::{INBOXES, SiteFolder};
use crate::kept;
use crate::temp::sync_folder;

pub(crate) const BACKUP: &str = "Backup";
/// The copy while it is made.
const NEXT: &str = ".backup-next";
/// The copy before, while the new one takes its place.
const BEFORE: &str = ".backup-before";

impl SiteFolder {
    /// Copies `kept.json`, `site.toml` and `inboxes` to `Backup`, in place of the copy before,
    /// and tells where that is. At no moment is there neither the old copy nor the new one.
    ///
    /// # Errors
    /// [`contract::FailureKind::Disk`], also if there is no folder but something else in the
    /// place of the copy, which is left there. The copy before is still there.
    pub fn snapshot(&self) -> Result<String, Failure> {
        // What is kept does not change while it is copied.
        let _one = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        self.folder(INBOXES)?;
        for name in [BACKUP, BEFORE, NEXT] {
            folder_or_nothing(&self.root.join(name))?;
        }
        recover(&self.root)?;
        let next = self.root.join(NEXT);
        copy_site(&self.root, &next).inspect_err(|_| {
            // What is left of it goes with the next snapshot, or the next start.
            let _ = remove_folder(&next);
        })?;
        let backup = self.root.join(BACKUP);
        swap(&self.root).map_err(|error| disk(&backup, &error))?;
        remove_folder(&self.root.join(BEFORE))?;
        Ok(backup.display().to_string())
    }
}

/// Ends what a snapshot left that did not come to its end. What is no folder is not its.
pub(crate) fn recover(root: &Path) -> Result<(), Failure> {
    let (backup, before) = (root.join(BACKUP), root.join(BEFORE));
    if before.is_dir() && backup.symlink_metadata().is_err() {
        fs::rename(&before, &backup).map_err(|error| disk(&backup, &error))?;
    }
    // While something else has the place of the copy, the one before is the only one.
    if backup.is_dir() {
        remove_folder(&before)?;
    }
    remove_folder(&root.join(NEXT))
}

fn copy_site(root: &Path, to: &Path) -> Result<(), Failure> {
    make_folder(to)?;
    for name in [kept::FILE, "site.toml"] {
        if root.join(name).is_file() {
            copy_file(&root.join(name), &to.join(name))?;
        }
    }
    copy_folder(&root.join(INBOXES), &to.join(INBOXES))?;
    sync_folder(to).map_err(|error| disk(to, &error))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    make_folder(to)?;
    for entry in fs::read_dir(from).map_err(|error| disk(from, &error))? {
        let entry = entry.map_err(|error| disk(from, &error))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        // A link is left out: it may lead out of the site, or in a circle.
        let kind = entry.file_type().map_err(|error| disk(&path, &error))?;
        if kind.is_dir() {
            copy_folder(&path, &target)?;
        } else if kind.is_file() {
            copy_file(&path, &target)?;
        }
    }
    sync_folder(to).map_err(|error| disk(to, &error))
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map_err(|error| disk(from, &error))?;
    File::open(to).and_then(|copy| copy.sync_all()).map_err(|error| disk(to, &error))
}

fn swap(root: &Path) -> io::Result<()> {
    let (backup, before) = (root.join(BACKUP), root.join(BEFORE));
    if backup.is_dir() {
        fs::rename(&backup, &before)?;
    }
    if let Err(error) = fs::rename(root.join(NEXT), &backup) {
        // Whatever is wrong, the copy before is better than none.
        let _ = fs::rename(&before, &backup);
        return Err(error);
    }
    sync_folder(root)
}

/// Removes the folder at `path`. Anything else is left: it is somebody's.
fn remove_folder(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        fs::remove_dir_all(path).map_err(|error| disk(path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::store::Kept;

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

    /// The text of the failure of a snapshot.
    fn refused(folder: &SiteFolder) -> String {
        let failure = folder.snapshot().unwrap_err();
        assert_eq!(failure.kind, contract::FailureKind::Disk);
        failure.text
    }

    #[test]
    fn a_file_in_the_place_of_the_copy_is_left_there() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let folder = SiteFolder::open(root).unwrap();
        write(root, "Backup", "mine");
        let backup = root.join("Backup");
        for _ in 0..2 {
            let text = refused(&folder);
            let wanted = "is a file, a folder is needed; move it away";
            assert_eq!(text, format!("{} {wanted}", backup.display()));
            assert_eq!(fs::read_to_string(&backup).unwrap(), "mine");
            assert!(!root.join(NEXT).exists() && !root.join(BEFORE).exists());
        }
        drop(folder);
        let folder = SiteFolder::open(root).unwrap();
        assert_eq!(fs::read_to_string(&backup).unwrap(), "mine");
        fs::remove_file(&backup).unwrap();
        folder.snapshot().unwrap();
    }

    #[test]
    fn no_leftover_of_any_kind_hinders_opening() {
        let make: [fn(&Path); 4] = [
            |path| fs::write(path, "mine").unwrap(),
            |path| fs::create_dir(path).unwrap(),
            |path| write(path, "deep/er/x", "x"),
            |path| {
                #[cfg(unix)]
                std::os::unix::fs::symlink("nowhere", path).unwrap();
                #[cfg(not(unix))]
                fs::write(path, "mine").unwrap();
            },
        ];
        for name in [BEFORE, NEXT, ".part-0"] {
            for (number, make) in make.iter().enumerate() {
                for with_backup in [true, false] {
                    let root = tempfile::tempdir().unwrap();
                    if with_backup {
                        write(root.path(), "Backup/site.toml", "one");
                    }
                    make(&root.path().join(name));
                    let case = format!("{name} {number} {with_backup}");
                    let folder = SiteFolder::open(root.path());
                    let folder = folder.unwrap_or_else(|failure| panic!("{case}: {failure}"));
                    // A folder of that name is ours. Anything else somebody put there: it stays,
                    // and whoever asks for a backup is told.
                    let is_ours = [1, 2].contains(&number) || name == ".part-0";
                    if is_ours {
                        folder.snapshot().unwrap_or_else(|failure| panic!("{case}: {failure}"));
                    } else {
                        let text = refused(&folder);
                        assert!(text.contains(&format!("{name} is a ")), "{case}: {text}");
                        assert!(root.path().join(name).symlink_metadata().is_ok(), "{case}");
                    }
                    drop(folder);
                    SiteFolder::open(root.path()).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_copy_that_stands_aside_is_kept_while_its_place_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, ".backup-before/site.toml", "one");
        write(root, "Backup", "mine");
        let folder = SiteFolder::open(root).unwrap();
        assert!(refused(&folder).contains("Backup is a file"));
        assert_eq!(fs::read_to_string(root.join(".backup-before/site.toml")).unwrap(), "one");
        fs::remove_file(root.join("Backup")).unwrap();
        drop(folder);
        let _folder = SiteFolder::open(root).unwrap();
        assert_eq!(fs::read_to_string(root.join("Backup/site.toml")).unwrap(), "one");
    }

    #[test]
    fn a_snapshot_that_fails_names_what_is_in_its_way_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let folder = SiteFolder::open(root).unwrap();
        fs::remove_dir(root.join("inboxes")).unwrap();
        folder.snapshot().expect("a folder that is gone is made again");
        fs::remove_dir(root.join("inboxes")).unwrap();
        write(root, "inboxes", "no folder");
        let text = refused(&folder);
        assert!(text.ends_with("inboxes is a file, a folder is needed; move it away"), "{text}");
        assert!(!root.join(NEXT).exists());
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
