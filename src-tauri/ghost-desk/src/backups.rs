//! Copies of the store, in case it is ever damaged: one for each day a window opens on it, and one
//! before a newer version of this program changes what is in it.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::Desk;
use crate::failure::{Failure, Result};
use crate::private;

/// Days of which a copy is kept.
const DAYS: usize = 3;

impl Desk {
    /// Makes today's copy, where there is none yet, beside whatever else is done; whether there is one
    /// is no reason for anything to wait or to fail.
    pub(crate) fn copy_in_background(&self) {
        let (store, backups) = (self.folder().store(), self.folder().backups());
        let today = day(&self.now()).to_owned();
        let copying = move || {
            if let Err(failure) = copy_of(&today, &store, &backups) {
                log::warn!("backups: {:?}", failure.code);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("backups".into()).spawn(copying) {
            log::warn!("backups: {error}");
        }
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

/// Copies a store, whole as it is at one moment, whoever else writes to it.
///
/// # Errors
/// `disk_full`, `io`; then there is no copy.
pub(crate) fn write(store: &Path, copy: &Path) -> Result<()> {
    let unfinished = copy.with_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    // SQLite writes into an empty file; one that it made itself could be read by others.
    private::make_file(&unfinished).map_err(|e| Failure::io("make", &unfinished, &e))?;
    let copied = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|on| on.execute("VACUUM INTO ?1", params![unfinished.to_string_lossy()]));
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
    fn the_last_three_days_are_kept_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        let backups = folder.path().join("backups");
        fs::create_dir(&backups).unwrap();
        let store = Store::open(&path).unwrap();
        for (n, day) in ["2026-01-30", "2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"]
            .into_iter()
            .enumerate()
        {
            settings::set(store.on(), "form", &n).unwrap();
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
            assert_eq!(settings::get::<usize>(copy.on(), "form").unwrap(), Some(n));
        }
    }

    #[test]
    fn a_day_is_copied_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        let store = Store::open(&path).unwrap();
        for n in [1, 2] {
            settings::set(store.on(), "form", &n).unwrap();
            copy_of(day("2026-01-30T10:00:00Z"), &path, folder.path()).unwrap();
        }
        let path = folder.path().join("desk 2026-01-30.db");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, private::FILE_MODE, "a copy is as private as the store");
        }
        let copy = Store::open(&path).unwrap();
        assert_eq!(settings::get::<usize>(copy.on(), "form").unwrap(), Some(1));
    }

    #[test]
    fn what_cannot_be_copied_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        fs::write(&path, "Dear diary, this is no database at all, only words.").unwrap();
        assert!(copy_of("2026-01-30", &path, folder.path()).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
