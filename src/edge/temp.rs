//! A file that is either published whole or gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use contract::Failure;

use crate::failure::disk;

/// What the names of temporary files start with. No plain name starts with a dot.
const PREFIX: &str = ".part-";

/// A temporary file. Dropped before it is published, it is removed; a process that dies leaves
/// it to [`sweep`].
#[derive(Debug)]
pub(crate) struct TempFile {
    path: PathBuf,
    file: File,
    published: bool,
}

impl TempFile {
    /// A new file in `folder`, under a name that `number` makes its own.
    pub(crate) fn create(folder: &Path, number: u64) -> Result<Self, Failure> {
        let path = folder.join(format!("{PREFIX}{number}"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| disk(&path, &error))?;
        Ok(TempFile { path, file, published: false })
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| disk(&self.path, &error))
    }

    /// Gives the file its name, in the folder it lies in, in place of whatever has that name.
    /// It survives a crash from then on.
    pub(crate) fn publish(mut self, name: &str) -> Result<(), Failure> {
        let target = self.path.with_file_name(name);
        let publish = || {
            self.file.sync_all()?;
            fs::rename(&self.path, &target)
        };
        publish().map_err(|error| disk(&target, &error))?;
        self.published = true;
        match target.parent() {
            Some(folder) => sync_folder(folder).map_err(|error| disk(folder, &error)),
            None => Ok(()),
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.published {
            // If it cannot be removed now, the next start sweeps it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes what happened to the names in `folder` survive a crash.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows opens no folder as a file, and needs no such thing.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes the temporary files that an earlier process left in `folder`.
pub(crate) fn sweep(folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|error| disk(folder, &error))? {
        let entry = entry.map_err(|error| disk(folder, &error))?;
        // Ours are files. What else has such a name is somebody's, and hinders nobody.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_file(entry.path()).map_err(|error| disk(&entry.path(), &error))?;
        }
    }
    Ok(())
}
