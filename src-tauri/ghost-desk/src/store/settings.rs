//! Settings: the saved seed form, the base in use, the watched folders.

use ghost_core::archive::ImportWarning;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, de::DeserializeOwned};

use super::{from_json, to_json};
use crate::failure::Result;

/// Stores a value under a name.
///
/// # Errors
/// The store's.
pub(crate) fn set(db: &Connection, name: &str, value: &impl Serialize) -> Result<()> {
    db.execute(
        "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        params![name, to_json(value)?],
    )?;
    Ok(())
}

/// The value stored under a name.
///
/// # Errors
/// The store's.
pub(crate) fn get<T: DeserializeOwned>(db: &Connection, name: &str) -> Result<Option<T>> {
    let text: Option<String> = db
        .query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    text.map(|text| from_json(&text)).transpose()
}

/// The watched folders.
///
/// # Errors
/// The store's.
pub(crate) fn watched(db: &Connection) -> Result<Vec<String>> {
    let mut query = db.prepare_cached("SELECT path FROM watched ORDER BY path")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Adds or removes a watched folder.
///
/// # Errors
/// The store's.
pub(crate) fn watch(db: &Connection, path: &str, watch: bool) -> Result<()> {
    let change = if watch {
        "INSERT OR IGNORE INTO watched VALUES (?1)"
    } else {
        "DELETE FROM watched WHERE path = ?1"
    };
    db.execute(change, [path])?;
    Ok(())
}

/// The warnings of the last import.
///
/// # Errors
/// The store's.
pub(crate) fn complaints(db: &Connection) -> Result<Vec<ImportWarning>> {
    let mut query =
        db.prepare_cached("SELECT path, reason, words FROM complaints ORDER BY path")?;
    let complaints = query
        .query_map([], |row| {
            let words: i64 = row.get(2)?;
            Ok(ImportWarning { path: row.get(0)?, reason: row.get(1)?, words: words as usize })
        })?
        .collect::<Result<_, _>>()?;
    Ok(complaints)
}

/// Replaces the warnings of the last import.
///
/// # Errors
/// The store's.
pub(crate) fn set_complaints(db: &Connection, complaints: &[ImportWarning]) -> Result<()> {
    db.execute("DELETE FROM complaints", [])?;
    let mut insert = db.prepare_cached("INSERT INTO complaints VALUES (?1, ?2, ?3)")?;
    for complaint in complaints {
        insert.execute(params![complaint.path, complaint.reason, complaint.words as i64])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::store;

    #[test]
    fn a_value_is_replaced_and_read_back() {
        let (_folder, store) = store();
        let db = store.db();
        assert_eq!(get::<i64>(db, "base").unwrap(), None);
        set(db, "base", &1).unwrap();
        set(db, "base", &2).unwrap();
        assert_eq!(get::<i64>(db, "base").unwrap(), Some(2));
        assert!(get::<Vec<String>>(db, "base").is_err(), "a number is not a list");
    }

    #[test]
    fn a_folder_is_watched_once_until_it_is_not() {
        let (_folder, store) = store();
        let db = store.db();
        for folder in ["/b", "/a", "/b"] {
            watch(db, folder, true).unwrap();
        }
        assert_eq!(watched(db).unwrap(), ["/a", "/b"]);
        watch(db, "/a", false).unwrap();
        watch(db, "/not/watched", false).unwrap();
        assert_eq!(watched(db).unwrap(), ["/b"]);
    }

    #[test]
    fn the_warnings_are_those_of_the_last_import() {
        let (_folder, store) = store();
        let db = store.db();
        let warning =
            |path: &str, words| ImportWarning { path: path.into(), reason: "Why.".into(), words };
        set_complaints(db, &[warning("b", 0), warning("a", 7)]).unwrap();
        let read: Vec<_> = complaints(db).unwrap().into_iter().map(|w| (w.path, w.words)).collect();
        assert_eq!(read, [("a".into(), 7), ("b".into(), 0)]);
        set_complaints(db, &[]).unwrap();
        assert!(complaints(db).unwrap().is_empty());
    }
}
