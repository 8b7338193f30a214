//! The site's folder on disk.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use cloud::hash::{self, Hasher};
use cloud::plain_name;
use contract::{Failure, FailureKind};

use crate::failure::{disk, gone, make_folder, make_folders};
use crate::snapshot;
use crate::temp::{TempFile, sweep};

const PAYLOAD: &str = "EasySetupPayload";
const CONTENT: &str = "ContentLib";
const POINTS: &str = "DistributionPoints";
pub(crate) const INBOXES: &str = "inboxes";
const LOGS: &str = "logs";
const LOCK: &str = "site.lock";

/// How much of a file is read at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// One site's folder. While this value lives, no other process can open the folder.
///
/// ```text
/// EasySetupPayload/           what SMS_DMP_DOWNLOADER fetched (domain.md 5.3)
/// ContentLib/                 content by id, and beside it .<id>.sha256 with its hash
/// DistributionPoints/<name>/  content by id, as that server has it
/// inboxes/  logs/             left to others
/// kept.json                   see `keep`
/// Backup/                     see `snapshot`
/// ```
///
/// Its calls block on the disk. Every file appears under its name whole, or not at all.
#[derive(Debug)]
pub struct SiteFolder {
    pub(crate) root: PathBuf,
    temp_count: AtomicU64,
    /// Held while `kept.json` or the backup is replaced.
    pub(crate) replacing: Mutex<()>,
    /// The lock goes with the file.
    _lock: File,
}

impl SiteFolder {
    /// Opens the folder at `root`, makes what is missing of it, and clears away what a process
    /// that died left half done.
    ///
    /// # Errors
    /// [`FailureKind::Disk`], also if another process has it open.
    pub fn open(root: &Path) -> Result<Self, Failure> {
        make_folders(root).map_err(or_another)?;
        let lock = lock(root)?;
        for name in [PAYLOAD, CONTENT, POINTS, LOGS, INBOXES] {
            make_folder(&root.join(name))?;
        }
        // A leftover that cannot be cleared away is nothing to a site that makes no backup; the
        // next backup tells.
        let _ = snapshot::recover(root);
        sweep_all(root)?;
        Ok(SiteFolder {
            root: root.to_owned(),
            temp_count: AtomicU64::new(0),
            replacing: Mutex::new(()),
            _lock: lock,
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Whether EasySetupPayload holds `file` with that size and hash.
    pub(crate) fn has_payload(
        &self,
        file: &str,
        bytes: u64,
        sha256: &str,
    ) -> Result<bool, Failure> {
        let path = self.root.join(PAYLOAD).join(plain_name(file)?);
        // The size tells most strangers without reading them.
        match fs::metadata(&path) {
            Ok(found) if found.is_file() && found.len() == bytes => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(disk(&path, &error)),
        }
        let mut hasher = Hasher::default();
        read_blocks(&path, |block| {
            hasher.update(block);
            Ok(())
        })?;
        Ok(hash::same(&hasher.finish(), sha256))
    }

    /// A file on its way into EasySetupPayload.
    pub(crate) fn incoming_payload(&self) -> Result<Incoming, Failure> {
        self.incoming(&self.folder(PAYLOAD)?)
    }

    /// Takes `file` of EasySetupPayload into the content library under the id `content`;
    /// answers its size.
    ///
    /// # Errors
    /// [`FailureKind::BadName`] for a name that is not plain, [`FailureKind::NotFound`] if there
    /// is no such file, [`FailureKind::WrongHash`] if it is another one,
    /// [`FailureKind::Disk`].
    pub fn add_content(&self, content: &str, file: &str, sha256: &str) -> Result<u64, Failure> {
        let (content, file) = (plain_name(content)?, plain_name(file)?);
        let library = self.folder(CONTENT)?;
        let bytes = self.copy(&self.root.join(PAYLOAD).join(file), &library, content, sha256)?;
        // After the content: content without a hash counts as not there, so a crash between the
        // two is healed by adding it again.
        let mut note = TempFile::create(&library, self.next_temp())?;
        note.write(sha256.as_bytes())?;
        note.publish(&hash_file(content))?;
        Ok(bytes)
    }

    /// Copies `content` from the library to the distribution point `to`, if it still is what
    /// was added; answers its size.
    ///
    /// # Errors
    /// [`FailureKind::BadName`] for a name that is not plain, [`FailureKind::NotFound`] if the
    /// library does not have it, [`FailureKind::WrongHash`] if it has changed there,
    /// [`FailureKind::Disk`].
    pub fn distribute(&self, content: &str, to: &str) -> Result<u64, Failure> {
        let (content, to) = (plain_name(content)?, plain_name(to)?);
        let library = self.root.join(CONTENT);
        let note = library.join(hash_file(content));
        let sha256 = fs::read_to_string(&note).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(&library.join(content)),
            _ => disk(&note, &error),
        })?;
        let point = self.folder(POINTS)?.join(to);
        make_folder(&point)?;
        self.copy(&library.join(content), &point, content, &sha256)
    }

    /// A number that no other temporary file of this folder has.
    pub(crate) fn next_temp(&self) -> u64 {
        self.temp_count.fetch_add(1, Ordering::Relaxed)
    }

    /// The folder `name` of the site, made again if it was deleted while the site runs. The
    /// site's own is not: its lock went with it, and another process may have made a new one.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        if !self.root.is_dir() {
            return Err(gone(&self.root));
        }
        let path = self.root.join(name);
        make_folder(&path)?;
        Ok(path)
    }

    fn incoming(&self, folder: &Path) -> Result<Incoming, Failure> {
        let temp = TempFile::create(folder, self.next_temp())?;
        Ok(Incoming { temp, hasher: Hasher::default(), bytes: 0 })
    }

    fn copy(&self, source: &Path, folder: &Path, name: &str, sha256: &str) -> Result<u64, Failure> {
        let mut incoming = self.incoming(folder)?;
        read_blocks(source, |block| incoming.write(block))?;
        let bytes = incoming.bytes;
        incoming.publish(name, bytes, sha256)?;
        Ok(bytes)
    }
}

/// A file that is being written, counted and hashed. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Incoming {
    temp: TempFile,
    hasher: Hasher,
    bytes: u64,
}

impl Incoming {
    /// Appends `block`.
    pub(crate) fn write(&mut self, block: &[u8]) -> Result<(), Failure> {
        self.hasher.update(block);
        self.bytes += block.len() as u64;
        self.temp.write(block)
    }

    /// Gives the file its name if it is what it should be.
    ///
    /// # Errors
    /// [`FailureKind::WrongSize`], [`FailureKind::WrongHash`], [`FailureKind::Disk`].
    pub(crate) fn publish(self, name: &str, bytes: u64, sha256: &str) -> Result<(), Failure> {
        if self.bytes != bytes {
            let text = format!("{name} has {} bytes and should have {bytes}", self.bytes);
            return Err(Failure::new(FailureKind::WrongSize, text));
        }
        let found = self.hasher.finish();
        if !hash::same(&found, sha256) {
            let text = format!("{name} has the sha-256 {found}");
            return Err(Failure::new(FailureKind::WrongHash, text));
        }
        self.temp.publish(name)
    }
}

/// Where the hash of `content` is kept. The dot keeps it apart from every content id.
fn hash_file(content: &str) -> String {
    format!(".{content}.sha256")
}

/// `failure` to open a site folder, with the way out that is always open.
fn or_another(failure: Failure) -> Failure {
    let before = if failure.text.contains("; ") { ", or" } else { ";" };
    Failure::new(failure.kind, format!("{}{before} give another folder", failure.text))
}

fn lock(root: &Path) -> Result<File, Failure> {
    let path = root.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| disk(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = "another process has this site folder open; close it";
            let text = format!("{}: {text}", root.display());
            Err(or_another(Failure::new(FailureKind::Disk, text)))
        }
        Err(TryLockError::Error(error)) => Err(disk(&path, &error)),
    }
}

fn sweep_all(root: &Path) -> Result<(), Failure> {
    for folder in [root, &root.join(PAYLOAD), &root.join(CONTENT)] {
        sweep(folder)?;
    }
    let points = root.join(POINTS);
    for point in fs::read_dir(&points).map_err(|error| disk(&points, &error))? {
        let point = point.map_err(|error| disk(&points, &error))?.path();
        if point.is_dir() {
            sweep(&point)?;
        }
    }
    Ok(())
}

fn missing_or_disk(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound { missing(path) } else { disk(path, error) }
}

fn missing(path: &Path) -> Failure {
    Failure::new(FailureKind::NotFound, format!("{} is not there", path.display()))
}

fn read_blocks(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut file = File::open(path).map_err(|error| missing_or_disk(path, &error))?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&block[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(disk(path, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(root: &tempfile::TempDir) -> SiteFolder {
        SiteFolder::open(root.path()).unwrap()
    }

    /// A site folder whose payload folder holds `x.cab`.
    fn with_payload() -> (tempfile::TempDir, SiteFolder, String) {
        let root = tempfile::tempdir().unwrap();
        let folder = open(&root);
        fs::write(root.path().join("EasySetupPayload/x.cab"), b"update").unwrap();
        (root, folder, hash::sha256(b"update"))
    }

    fn kind(answer: Result<u64, Failure>) -> FailureKind {
        answer.unwrap_err().kind
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn content_travels_from_payload_to_distribution_point() {
        let (root, folder, sha256) = with_payload();
        assert_eq!(folder.add_content("PS100001", "x.cab", &sha256.to_uppercase()), Ok(6));
        assert_eq!(folder.distribute("PS100001", "DP1"), Ok(6));
        let copy = root.path().join("DistributionPoints/DP1/PS100001");
        assert_eq!(fs::read(copy).unwrap(), b"update");
        assert_eq!(names(&root.path().join("ContentLib")), [".PS100001.sha256", "PS100001"]);
    }

    #[test]
    fn content_with_another_hash_leaves_nothing() {
        let (root, folder, _) = with_payload();
        let other = hash::sha256(b"other");
        assert_eq!(kind(folder.add_content("PS100001", "x.cab", &other)), FailureKind::WrongHash);
        assert_eq!(kind(folder.add_content("PS100001", "x.cab", "")), FailureKind::WrongHash);
        assert_eq!(kind(folder.add_content("PS100001", "y.cab", &other)), FailureKind::NotFound);
        assert!(names(&root.path().join("ContentLib")).is_empty());
    }

    #[test]
    fn content_that_rots_in_the_library_is_not_distributed() {
        let (root, folder, sha256) = with_payload();
        folder.add_content("PS100001", "x.cab", &sha256).unwrap();
        fs::write(root.path().join("ContentLib/PS100001"), b"updatE").unwrap();
        assert_eq!(kind(folder.distribute("PS100001", "DP1")), FailureKind::WrongHash);
        assert!(names(&root.path().join("DistributionPoints/DP1")).is_empty());
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let (root, folder, sha256) = with_payload();
        folder.add_content("PS100001", "x.cab", &sha256).unwrap();
        let up = "../EasySetupPayload/x.cab";
        assert_eq!(kind(folder.add_content(up, "x.cab", &sha256)), FailureKind::BadName);
        assert_eq!(kind(folder.add_content("x", up, &sha256)), FailureKind::BadName);
        assert_eq!(kind(folder.distribute(up, "DP1")), FailureKind::BadName);
        assert_eq!(kind(folder.distribute("PS100001", "..")), FailureKind::BadName);
        assert!(folder.has_payload("../x", 1, "").is_err());
        assert_eq!(kind(folder.distribute("PS100002", "DP1")), FailureKind::NotFound);
        assert!(names(&root.path().join("DistributionPoints")).is_empty());
    }

    #[test]
    fn a_folder_is_open_once() {
        let root = tempfile::tempdir().unwrap();
        let first = open(&root);
        let refused = SiteFolder::open(root.path()).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Disk);
        let wanted = "another process has this site folder open; close it, or give another folder";
        assert_eq!(refused.text, format!("{}: {wanted}", root.path().display()));
        drop(first);
        open(&root);
    }

    /// What opening the folder at `root` fails with.
    fn not_opened(root: &Path) -> String {
        let failure = SiteFolder::open(root).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Disk);
        failure.text
    }

    #[test]
    fn a_file_where_a_folder_is_needed_is_named_with_the_way_out() {
        for name in [PAYLOAD, CONTENT, POINTS, LOGS, INBOXES] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join(name);
            fs::write(&path, "mine").unwrap();
            let wanted = "is a file, a folder is needed; move it away";
            assert_eq!(not_opened(root.path()), format!("{} {wanted}", path.display()));
            assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        }
        for name in [LOCK, "site"] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join(name);
            if name == LOCK {
                fs::create_dir(&path).unwrap();
                let wanted = "is a folder, a file is needed; move it away";
                assert_eq!(not_opened(root.path()), format!("{} {wanted}", path.display()));
            } else {
                fs::write(&path, "mine").unwrap();
                let wanted = "is a file, a folder is needed; move it away, or give another folder";
                let wanted = format!("{} {wanted}", path.display());
                assert_eq!(not_opened(&path), wanted);
                assert_eq!(not_opened(&path.join("deep/er")), wanted);
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_no_folder() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("site");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let wanted = "is a link that leads nowhere, a folder is needed; move it away, or give \
                      another folder";
        for path in [link.clone(), link.join("deeper")] {
            assert_eq!(not_opened(&path), format!("{} {wanted}", link.display()));
        }
    }

    #[test]
    fn folders_that_are_deleted_while_the_site_runs_are_made_again() {
        let (root, folder, sha256) = with_payload();
        let remove = |name| fs::remove_dir_all(root.path().join(name)).unwrap();
        remove(CONTENT);
        assert_eq!(folder.add_content("PS100001", "x.cab", &sha256), Ok(6));
        remove(POINTS);
        assert_eq!(folder.distribute("PS100001", "DP1"), Ok(6));
        remove(PAYLOAD);
        assert_eq!(folder.has_payload("x.cab", 6, &sha256), Ok(false));
        let mut incoming = folder.incoming_payload().unwrap();
        incoming.write(b"update").unwrap();
        incoming.publish("x.cab", 6, &sha256).unwrap();
        assert_eq!(folder.has_payload("x.cab", 6, &sha256), Ok(true));
        remove(CONTENT);
        let failure = folder.distribute("PS100001", "DP1").unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
    }

    #[test]
    fn a_site_folder_that_is_gone_is_not_made_again_behind_its_lock() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("site");
        let folder = SiteFolder::open(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        let wanted = format!("{} is not there any more; put it back", root.display());
        assert_eq!(folder.incoming_payload().unwrap_err().text, wanted);
        assert_eq!(folder.keep(&Default::default()).unwrap_err().text, wanted);
        assert_eq!(folder.snapshot().unwrap_err().text, wanted);
        assert!(!root.exists());
    }

    #[test]
    fn a_file_in_the_way_of_a_running_site_is_named() {
        let (root, folder, sha256) = with_payload();
        folder.add_content("PS100001", "x.cab", &sha256).unwrap();
        fs::write(root.path().join("DistributionPoints/DP1"), "mine").unwrap();
        let text = folder.distribute("PS100001", "DP1").unwrap_err().text;
        assert!(text.ends_with("DP1 is a file, a folder is needed; move it away"), "{text}");
        fs::remove_dir_all(root.path().join(PAYLOAD)).unwrap();
        fs::write(root.path().join(PAYLOAD), "mine").unwrap();
        let wanted = "EasySetupPayload is a file, a folder is needed; move it away";
        for failure in [
            folder.has_payload("x.cab", 6, &sha256).unwrap_err(),
            folder.incoming_payload().unwrap_err(),
            folder.add_content("PS100002", "x.cab", &sha256).unwrap_err(),
        ] {
            assert!(failure.text.ends_with(wanted), "{failure}");
        }
    }

    #[test]
    fn what_a_dead_process_left_is_swept_and_nothing_else() {
        let (root, folder, sha256) = with_payload();
        folder.add_content("PS100001", "x.cab", &sha256).unwrap();
        folder.distribute("PS100001", "DP1").unwrap();
        drop(folder);
        let places = ["", "EasySetupPayload", "ContentLib", "DistributionPoints/DP1"];
        for place in places {
            fs::write(root.path().join(place).join(".part-0"), b"half").unwrap();
        }
        let folder = open(&root);
        for place in places {
            assert!(!root.path().join(place).join(".part-0").exists(), "{place}");
        }
        assert_eq!(folder.has_payload("x.cab", 6, &sha256), Ok(true));
        assert_eq!(folder.distribute("PS100001", "DP2"), Ok(6));
    }

    #[test]
    fn a_payload_is_known_by_size_and_hash() {
        let (_root, folder, sha256) = with_payload();
        assert_eq!(folder.has_payload("x.cab", 6, &sha256), Ok(true));
        assert_eq!(folder.has_payload("x.cab", 7, &sha256), Ok(false));
        assert_eq!(folder.has_payload("x.cab", 6, &hash::sha256(b"Update")), Ok(false));
        assert_eq!(folder.has_payload("y.cab", 6, &sha256), Ok(false));
    }

    #[test]
    fn an_incoming_file_that_is_dropped_leaves_nothing() {
        let (root, folder, _) = with_payload();
        let payload = root.path().join("EasySetupPayload");
        let mut incoming = folder.incoming_payload().unwrap();
        incoming.write(b"half").unwrap();
        assert_eq!(names(&payload), [".part-0", "x.cab"]);
        drop(incoming);
        assert_eq!(names(&payload), ["x.cab"]);
    }
}
