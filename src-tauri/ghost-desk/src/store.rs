//! The store: SQLite, migrations, transactions. One file per table, with its queries.
//!
//! WAL mode, foreign keys on, every commit synced to disk before it is acknowledged: the writer's
//! text is worth an fsync. Migrations only add, so that an older program detects a newer store and
//! does not touch it.

pub(crate) mod adapters;
pub(crate) mod bases;
pub(crate) mod drafts;
pub(crate) mod edits;
pub(crate) mod files;
pub(crate) mod pairs;
pub(crate) mod piece_seeds;
pub(crate) mod pieces;
pub(crate) mod programs;
pub(crate) mod rows;
pub(crate) mod runs;
pub(crate) mod settings;
#[cfg(test)]
pub(crate) mod testing;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::backups;
use crate::failure::{Code, Failure, Result};
use crate::private;

/// The SQL of each version of the store. Never edit one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("store/001.sql"),
    include_str!("store/002.sql"),
    include_str!("store/003.sql"),
    include_str!("store/004.sql"),
    include_str!("store/005.sql"),
    include_str!("store/006.sql"),
];

/// An open store.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the store at `path`, creates it if it is missing, and migrates it to this version.
    ///
    /// # Errors
    /// `store_too_new` if a newer program wrote it, `disk_full`, `io`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // SQLite gives its other files the permissions of this one.
        private::make_file(path).map_err(|e| Failure::io("make", path, &e))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > MIGRATIONS.len() as i64 {
            return Err(Failure::new(
                Code::StoreTooNew,
                "This data folder was last opened by a newer version of The Ghost. Update The Ghost \
                 to open it; nothing was changed.",
            ));
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // An import changes more pages at once than the default cache of 2 MB holds: each would be
        // written and read many times.
        connection.pragma_update(None, "cache_size", -32 << 10)?;
        if (1..MIGRATIONS.len() as i64).contains(&version) {
            // The migration is one transaction; the backup guards against a mistake in it.
            let copy = path.with_file_name("backups").join(format!("desk version {version}.db"));
            if let Err(failure) = backups::write(path, &copy) {
                log::warn!("backups: {:?}", failure.code);
            }
        }
        // A migration may recreate a table that others refer to.
        connection.pragma_update(None, "foreign_keys", "OFF")?;
        migrate(&mut connection)?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        Ok(Store { connection })
    }

    /// The connection, for the queries of the tables.
    pub(crate) fn db(&self) -> &Connection {
        &self.connection
    }

    /// Runs `work` in a transaction.
    ///
    /// # Errors
    /// Those of `work`, after which nothing has changed; or the store's.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// Applies missing migrations. Two processes may open a new store at once, so each migration checks
/// the version again inside its transaction.
fn migrate(connection: &mut Connection) -> Result<()> {
    for (n, migration) in (0i64..).zip(MIGRATIONS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == n {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", n + 1)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Failure::disk_full(),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Failure::new(
                Code::Io,
                "The store desk.db is damaged and was not changed. The backups folder holds copies of the last days.",
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::new(
                Code::Busy,
                "Another program is writing to the store. Nothing is lost. Try again.",
            ),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Failure::new(Code::Io, "The data folder is not writable.")
            }
            // The WAL index cannot grow: only a full disk causes that.
            Some(ErrorCode::SystemIoFailure)
                if error.sqlite_error().map(|e| e.extended_code)
                    == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
            {
                Failure::disk_full()
            }
            Some(ErrorCode::SystemIoFailure) => {
                Failure::new(Code::Io, "The disk failed to save the data.")
            }
            _ => Failure::new(Code::Bug, format!("Store error: {error}")),
        }
    }
}

/// Serialises a value for a JSON column.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Failure::new(Code::Bug, e.to_string()))
}

/// Parses a value of a JSON column.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|e| Failure::new(Code::Bug, format!("A stored value could not be read: {e}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_store_can_be_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        drop(Store::open(&path).unwrap());
        drop(Store::open(&path).unwrap());
    }

    #[test]
    fn an_edit_of_the_first_version_keeps_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "PRAGMA foreign_keys = ON; PRAGMA user_version = 1;
             INSERT INTO bases VALUES (1, 'f', 'p', '{}', 'then');
             INSERT INTO seeds VALUES (1, '{}');
             INSERT INTO drafts VALUES (1, 1, 'one two', 2, 1.0, 1, NULL, '7', 'finished', 'then');
             INSERT INTO edits VALUES (5, 1, 'one [two/twi]', 0.5, 0.5);
             INSERT INTO rows (id, edit, seed, text, weights, side)
               VALUES (9, 5, '{}', 'one twi', '[]', 'train');",
        )
        .unwrap();
        drop(old);
        std::fs::create_dir(folder.path().join("backups")).unwrap();
        let store = Store::open(&path).unwrap();
        let before = Connection::open(folder.path().join("backups/desk version 1.db")).unwrap();
        let version = before.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        assert_eq!(version, Ok(1), "a backup of the old version");
        let kept = edits::of_draft(store.db(), ghost_core::id::DraftId(1)).unwrap();
        assert_eq!(kept, Some((ghost_core::id::EditId(5), Some(9))));
        let broken = store.db().prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
        assert!(!broken);
        assert!(store.db().execute("DELETE FROM edits", []).is_err());
    }

    #[test]
    fn a_store_of_a_newer_version_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        drop(Store::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
        assert_eq!(Store::open(&path).unwrap_err().code, Code::StoreTooNew);
    }

    #[test]
    fn a_file_that_is_not_a_store_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("desk.db");
        std::fs::write(&path, "Dear diary, this is no database at all, only words.").unwrap();
        assert_eq!(Store::open(&path).unwrap_err().code, Code::Io);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear diary"));
    }

    #[test]
    fn a_failed_transaction_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("desk.db")).unwrap();
        let failed: Result<()> = store.transaction(|t| {
            settings::set(t, "form", &"half done")?;
            Err(Failure::new(Code::Bug, "no"))
        });
        assert!(failed.is_err());
        assert_eq!(settings::get::<String>(store.db(), "form").unwrap(), None);
    }
}
