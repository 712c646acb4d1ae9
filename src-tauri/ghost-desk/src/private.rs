//! File permissions: files and folders that only their owner can read, whatever the umask.
//!
//! The data folder holds diaries, drafts and perhaps an API key. Files in it are created private
//! ([`ghost_engine::private`]); the permissions of files that an earlier version or another program
//! left readable are corrected when the folder is opened.

use std::io;
use std::path::Path;

pub use ghost_engine::private::{FILE_MODE, FOLDER_MODE, make_folder, options};

/// Creates an empty private file if there is none, for a library that would create a readable one.
///
/// # Errors
/// The system's own.
pub(crate) fn make_file(path: &Path) -> io::Result<()> {
    options().append(true).create(true).open(path).map(drop)
}

/// Makes `path` and everything below it private. Links are not followed. Returns the first refusal
/// of the system.
///
/// # Errors
/// The system's own.
#[cfg(unix)]
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut refused = Ok(());
    for entry in walkdir::WalkDir::new(path).follow_links(false) {
        let corrected = entry.map_err(io::Error::from).and_then(|entry| {
            let facts = entry.metadata()?;
            match facts.file_type() {
                kind if kind.is_dir() => set_mode(entry.path(), &facts, FOLDER_MODE),
                kind if kind.is_file() => set_mode(entry.path(), &facts, FILE_MODE),
                _ => Ok(()),
            }
        });
        // A file that another process removed meanwhile needs no correction.
        let gone = |e: &io::Error| e.kind() == io::ErrorKind::NotFound;
        if !corrected.as_ref().is_err_and(gone) && refused.is_ok() {
            refused = corrected;
        }
    }
    refused
}

/// Makes a folder itself private, unless it is a shared one such as `/tmp`.
///
/// # Errors
/// The system's own.
#[cfg(unix)]
pub(crate) fn make_folder_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    const SHARED: u32 = 0o1000;
    let facts = std::fs::metadata(path)?;
    match facts.permissions().mode() & SHARED {
        0 => set_mode(path, &facts, FOLDER_MODE),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, facts: &std::fs::Metadata, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match facts.permissions().mode() & 0o777 == mode {
        true => Ok(()),
        false => std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)),
    }
}

/// Does nothing: this system has no such permissions.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Does nothing: this system has no such permissions.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn make_folder_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn loosen(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn readable_files_are_made_private() {
        let dir = tempfile::tempdir().unwrap();
        let (room, file) = (dir.path().join("runs/1"), dir.path().join("runs/1/rows.json"));
        fs::create_dir_all(&room).unwrap();
        fs::write(&file, "words").unwrap();
        loosen(&room, 0o755);
        loosen(&file, 0o664);
        make_private(&dir.path().join("runs")).unwrap();
        assert_eq!((mode(&room), mode(&file)), (0o700, 0o600));
        assert_eq!(fs::read_to_string(&file).unwrap(), "words");
    }

    #[test]
    fn the_target_of_a_link_keeps_its_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let (bases, outside) = (dir.path().join("bases"), dir.path().join("model.gguf"));
        fs::create_dir(&bases).unwrap();
        fs::write(&outside, "").unwrap();
        loosen(&outside, 0o644);
        symlink(&outside, bases.join("model.gguf")).unwrap();
        make_private(&bases).unwrap();
        assert_eq!(mode(&outside), 0o644);
    }

    #[test]
    fn a_shared_folder_stays_shared() {
        let dir = tempfile::tempdir().unwrap();
        for (before, after) in [(0o755, 0o700), (0o1777, 0o1777)] {
            loosen(dir.path(), before);
            make_folder_private(dir.path()).unwrap();
            assert_eq!(mode(dir.path()), after);
        }
    }
}
