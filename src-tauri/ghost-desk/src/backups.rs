//! Backups of the store: one per day on which a window opens, and one before a newer version of
//! the program migrates it.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::failure::{Failure, Result};
use crate::folder::Folder;
use crate::private;

/// Number of days to keep backups of.
const DAYS: usize = 3;

/// Makes today's backup in the background, if there is none yet. A failure is logged and does not
/// affect anything else.
pub(crate) fn copy_in_background(folder: &Folder, now: &str) {
    let (store, backups) = (folder.store(), folder.backups());
    let today = day(now).to_owned();
    let copying = move || {
        if let Err(failure) = copy_of(&today, &store, &backups) {
            log::warn!("backups: {:?}", failure.code);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("backups".into()).spawn(copying) {
        log::warn!("backups: {error}");
    }
}

fn day(now: &str) -> &str {
    now.split('T').next().unwrap_or(now)
}

fn copy_of(today: &str, store: &Path, backups: &Path) -> Result<()> {
    let copy = backups.join(format!("desk {today}.db"));
    if copy.exists() {
        return Ok(());
    }
    write(store, &copy)?;
    let is_day = |name: &str| name.starts_with("desk 2") && name.ends_with(".db");
    let listed = fs::read_dir(backups).map_err(|e| Failure::io("read", backups, &e))?;
    let mut days: Vec<_> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_day))
        .collect();
    days.sort();
    for old in &days[..days.len().saturating_sub(DAYS)] {
        fs::remove_file(old).map_err(|e| Failure::io("remove", old, &e))?;
    }
    Ok(())
}

/// Copies a store as it is at one moment, even while others write to it.
///
/// # Errors
/// `disk_full`, `io`; no copy is left then.
pub(crate) fn write(store: &Path, copy: &Path) -> Result<()> {
    let unfinished = copy.with_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    // SQLite writes into the empty file; a file it created itself could be readable by others.
    private::make_file(&unfinished).map_err(|e| Failure::io("make", &unfinished, &e))?;
    let copied = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|db| db.execute("VACUUM INTO ?1", params![unfinished.to_string_lossy()]));
    if let Err(error) = copied {
        let _ = fs::remove_file(&unfinished);
        return Err(error.into());
    }
    fs::rename(&unfinished, copy).map_err(|e| Failure::io("write", copy, &e))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::{Store, settings};

    #[test]
    fn the_last_three_days_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        let backups = folder.path().join("backups");
        fs::create_dir(&backups).unwrap();
        let store = Store::open(&path).unwrap();
        for (n, day) in ["2026-01-30", "2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"]
            .into_iter()
            .enumerate()
        {
            settings::set(store.db(), "form", &n).unwrap();
            copy_of(day, &path, &backups).unwrap();
        }
        let mut kept: Vec<_> =
            fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().path()).collect();
        kept.sort();
        let days = ["2026-01-31", "2026-02-01", "2026-02-02"];
        let named = days.map(|day| backups.join(format!("desk {day}.db")));
        assert_eq!(kept, named);
        for (copy, n) in kept.iter().zip(2..) {
            let copy = Store::open(copy).unwrap();
            assert_eq!(settings::get::<usize>(copy.db(), "form").unwrap(), Some(n));
        }
    }

    #[test]
    fn a_day_is_backed_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        let store = Store::open(&path).unwrap();
        for n in [1, 2] {
            settings::set(store.db(), "form", &n).unwrap();
            copy_of(day("2026-01-30T10:00:00Z"), &path, folder.path()).unwrap();
        }
        let path = folder.path().join("desk 2026-01-30.db");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, private::FILE_MODE, "a backup is as private as the store");
        }
        let copy = Store::open(&path).unwrap();
        assert_eq!(settings::get::<usize>(copy.db(), "form").unwrap(), Some(1));
    }

    #[test]
    fn a_failed_backup_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        fs::write(&path, "Dear diary, this is no database at all, only words.").unwrap();
        assert!(copy_of("2026-01-30", &path, folder.path()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
