//! Where everything lives on disk, and who may work there.
//!
//! One data folder: the store, bases, adapters, runs, logs. Locks are the operating system's own
//! file locks: they end with the process that holds them, however it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ghost_core::id::{AdapterId, RunId};

use crate::failure::{Code, Failure, Result};
use crate::private;

/// Far longer than looking at a lock takes, far shorter than work under one does.
const PATIENCE: Duration = Duration::from_secs(1);

/// The folders in the data folder.
const ROOMS: [&str; 5] = ["bases", "adapters", "runs", "backups", "logs"];
/// The store; SQLite's other files begin with its name.
const STORE_FILE: &str = "desk.db";
const LOCKS: [&str; 3] = ["window.lock", "writing.lock", "run.lock"];

/// The data folder: `explicit`, or the platform's own place.
///
/// # Errors
/// `io` where the platform names no place.
pub fn home(explicit: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(home) = explicit {
        return std::path::absolute(&home).map_err(|e| Failure::io("reach", &home, &e));
    }
    directories::ProjectDirs::from("io", "theghost", "The Ghost")
        .map(|dirs| dirs.data_dir().to_owned())
        .ok_or_else(|| {
            Failure::new(Code::Io, "This computer names no place for data; give one with --home.")
        })
}

/// The data folder, once it is there.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder and its rooms where they are missing, and makes private what is there.
    ///
    /// # Errors
    /// `io` or `disk_full`.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        for room in [""].iter().chain(&ROOMS) {
            let room = root.join(room);
            private::make_folder(&room).map_err(|e| Failure::io("make", &room, &e))?;
        }
        let folder = Folder { root: root.to_owned() };
        // A file system without permissions is no reason not to write on it.
        if let Err(error) = folder.correct() {
            log::warn!("permissions: {}", error.kind());
        }
        Ok(folder)
    }

    /// Makes private what is ours in the folder. A folder that somebody named may hold other
    /// things, which stay as they are.
    fn correct(&self) -> io::Result<()> {
        let mut done = private::correct_folder(&self.root);
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours =
                ROOMS.contains(&&*name) || name.starts_with(STORE_FILE) || LOCKS.contains(&&*name);
            if ours {
                done = done.and(private::correct(&entry.path()));
            }
        }
        done
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The store.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join(STORE_FILE)
    }

    /// Where a base that is kept here lies.
    pub(crate) fn bases(&self) -> PathBuf {
        self.root.join("bases")
    }

    /// Where copies of the store lie.
    pub(crate) fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// The folder of an adapter.
    pub(crate) fn adapter(&self, id: AdapterId) -> PathBuf {
        self.root.join("adapters").join(id.to_string())
    }

    /// The folder of a run: its rows and checkpoints.
    pub(crate) fn run(&self, id: RunId) -> PathBuf {
        self.root.join("runs").join(id.to_string())
    }

    /// Held by the window for as long as it is open.
    pub(crate) fn window_lock(&self) -> PathBuf {
        self.root.join(LOCKS[0])
    }

    /// Held while a draft is being written; a run waits for it between two steps.
    pub(crate) fn writing_lock(&self) -> PathBuf {
        self.root.join(LOCKS[1])
    }

    /// Held by the process of a run.
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

/// Takes a lock if nobody holds it; it is let go when the file is dropped.
///
/// # Errors
/// `io` where the file cannot be made.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = lock_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(Failure::io("lock", path, &e)),
    }
}

/// Takes a lock, waiting a moment for whoever only looks whether it is free.
///
/// # Errors
/// As [`try_lock`].
pub(crate) fn take_lock(path: &Path) -> Result<Option<File>> {
    let started = Instant::now();
    loop {
        let taken = try_lock(path)?;
        if taken.is_some() || started.elapsed() > PATIENCE {
            return Ok(taken);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether somebody holds a lock at present.
pub(crate) fn is_locked(path: &Path) -> bool {
    matches!(try_lock(path), Ok(None))
}

/// Waits until nobody holds a lock.
pub(crate) fn wait_until_free(path: &Path) {
    if let Ok(file) = lock_file(path) {
        // An error here only means that we do not wait; the work goes on beside the draft.
        let _ = file.lock_shared();
    }
}

/// Writes a file whole or not at all, without waiting for the disk: for what may be lost.
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

/// Writes a file whole or not at all: to a neighbour, to the disk, then under its name.
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
        // Makes the rename itself lasting; not every file system can.
        let _ = folder.sync_all();
    }
    Ok(())
}
