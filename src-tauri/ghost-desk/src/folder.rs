//! The data folder: paths of the store, bases, adapters, runs and logs, and its locks.
//!
//! Locks are the operating system's file locks: they end with the process that holds them, however
//! it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ghost_core::id::{AdapterId, RunId};

use crate::failure::{Code, Failure, Result};
use crate::private;

/// How long to wait for a lock: far longer than a check of one takes, far shorter than work under one.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The subfolders of the data folder.
const SUBFOLDERS: [&str; 5] = ["bases", "adapters", "runs", "backups", "logs"];
/// File name of the store; SQLite's other files start with it.
const STORE_FILE: &str = "desk.db";
const LOCKS: [&str; 3] = ["window.lock", "writing.lock", "run.lock"];

/// The data folder: `explicit`, or the system's default.
///
/// # Errors
/// `io` if the system has no default.
pub fn home(explicit: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(home) = explicit {
        return std::path::absolute(&home).map_err(|e| Failure::io("reach", &home, &e));
    }
    directories::ProjectDirs::from("io", "theghost", "The Ghost")
        .map(|dirs| dirs.data_dir().to_owned())
        .ok_or_else(|| {
            Failure::new(Code::Io, "No data directory found on this system. Pass one with --home.")
        })
}

/// A data folder that exists.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens the folder, creates what is missing, and corrects the permissions of what is there.
    ///
    /// # Errors
    /// `io` or `disk_full`.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        for subfolder in [""].iter().chain(&SUBFOLDERS) {
            let subfolder = root.join(subfolder);
            private::make_folder(&subfolder).map_err(|e| Failure::io("make", &subfolder, &e))?;
        }
        let folder = Folder { root: root.to_owned() };
        // A file system without permissions can still be used.
        if let Err(error) = folder.make_private() {
            log::warn!("permissions: {}", error.kind());
        }
        Ok(folder)
    }

    /// Makes the app's own files private. A folder that the user chose may contain other files, which
    /// are not changed.
    fn make_private(&self) -> io::Result<()> {
        let mut done = private::make_folder_private(&self.root);
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = SUBFOLDERS.contains(&&*name)
                || name.starts_with(STORE_FILE)
                || LOCKS.contains(&&*name);
            if ours {
                done = done.and(private::make_private(&entry.path()));
            }
        }
        done
    }

    /// Path of the data folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Path of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join(STORE_FILE)
    }

    /// Folder of the bases.
    pub(crate) fn bases(&self) -> PathBuf {
        self.root.join("bases")
    }

    /// Folder of the backups.
    pub(crate) fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// Folder of an adapter.
    pub(crate) fn adapter(&self, id: AdapterId) -> PathBuf {
        self.root.join("adapters").join(id.to_string())
    }

    /// Folder of a run: its inputs and checkpoints.
    pub(crate) fn run(&self, id: RunId) -> PathBuf {
        self.root.join("runs").join(id.to_string())
    }

    /// Lock held by the window while it is open.
    pub(crate) fn window_lock(&self) -> PathBuf {
        self.root.join(LOCKS[0])
    }

    /// Lock held while a draft is being written; a run waits for it between two steps.
    pub(crate) fn writing_lock(&self) -> PathBuf {
        self.root.join(LOCKS[1])
    }

    /// Lock held by the process of a run.
    pub(crate) fn run_lock(&self) -> PathBuf {
        self.root.join(LOCKS[2])
    }
}

fn lock_file(path: &Path) -> Result<File> {
    private::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| Failure::io("open", path, &e))
}

/// Takes a lock if it is free; it is released when the file is dropped.
///
/// # Errors
/// `io` if the file cannot be created.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = lock_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(Failure::io("lock", path, &e)),
    }
}

/// Takes a lock, waiting a moment for a process that only checks it.
///
/// # Errors
/// As [`try_lock`].
pub(crate) fn take_lock(path: &Path) -> Result<Option<File>> {
    let started = Instant::now();
    loop {
        let taken = try_lock(path)?;
        if taken.is_some() || started.elapsed() > LOCK_TIMEOUT {
            return Ok(taken);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a lock is held.
pub(crate) fn is_locked(path: &Path) -> bool {
    matches!(try_lock(path), Ok(None))
}

/// Waits until a lock is free.
pub(crate) fn wait_until_free(path: &Path) {
    if let Ok(file) = lock_file(path) {
        // On an error there is no wait; the work continues during the draft.
        let _ = file.lock_shared();
    }
}

/// Writes a file whole or not at all, without syncing: for data that may be lost.
///
/// # Errors
/// The system's own.
pub(crate) fn write_quickly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|e| e.error).map(drop)
}

/// Writes a file whole or not at all: to a temporary file, synced, then renamed.
///
/// # Errors
/// The system's own.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    if let Ok(folder) = File::open(folder) {
        // Makes the rename durable; not every file system supports it.
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lock_is_held_until_its_file_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        assert!(!is_locked(&path));
        let held = try_lock(&path).unwrap().unwrap();
        assert!(is_locked(&path));
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(!is_locked(&path));
        assert!(take_lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_lock_is_waited_for_and_given_up_after_a_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.lock");
        let held = try_lock(&path).unwrap().unwrap();
        let started = Instant::now();
        assert!(take_lock(&path).unwrap().is_none());
        assert!(started.elapsed() >= LOCK_TIMEOUT);
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || wait_until_free(&path)
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "it waits for the holder");
        drop(held);
        waiting.join().unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.json");
        write_whole(&path, b"a longer first version").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        write_quickly(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
        assert!(write_whole(&dir.path().join("missing/rows.json"), b"x").is_err());
    }

    #[test]
    fn a_new_data_folder_has_its_subfolders_and_a_chosen_path_is_made_absolute() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("home");
        let folder = Folder::open(&root).unwrap();
        assert!(SUBFOLDERS.iter().all(|name| root.join(name).is_dir()));
        assert_eq!(folder.run(RunId(3)), root.join("runs/3"));
        assert!(home(Some("some/folder".into())).unwrap().is_absolute());
    }
}
