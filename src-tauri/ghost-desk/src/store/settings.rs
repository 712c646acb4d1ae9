//! Small things to remember: the seed form as it was left, the base in use, the watched folders.

use ghost_core::archive::ImportWarning;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, de::DeserializeOwned};

use super::{from_json, to_json};
use crate::failure::Result;

/// Remembers a value under a name.
///
/// # Errors
/// The store's.
pub(crate) fn set(on: &Connection, name: &str, value: &impl Serialize) -> Result<()> {
    on.execute(
        "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        params![name, to_json(value)?],
    )?;
    Ok(())
}

/// What was remembered under a name.
///
/// # Errors
/// The store's.
pub(crate) fn get<T: DeserializeOwned>(on: &Connection, name: &str) -> Result<Option<T>> {
    let text: Option<String> = on
        .query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    text.map(|text| from_json(&text)).transpose()
}

/// The watched folders.
///
/// # Errors
/// The store's.
pub(crate) fn watched(on: &Connection) -> Result<Vec<String>> {
    let mut query = on.prepare_cached("SELECT path FROM watched ORDER BY path")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Adds a folder to the watched ones, or takes it off.
///
/// # Errors
/// The store's.
pub(crate) fn watch(on: &Connection, path: &str, watch: bool) -> Result<()> {
    let change = if watch {
        "INSERT OR IGNORE INTO watched VALUES (?1)"
    } else {
        "DELETE FROM watched WHERE path = ?1"
    };
    on.execute(change, [path])?;
    Ok(())
}

/// What the last import could not read.
///
/// # Errors
/// The store's.
pub(crate) fn complaints(on: &Connection) -> Result<Vec<ImportWarning>> {
    let mut query =
        on.prepare_cached("SELECT path, reason, words FROM complaints ORDER BY path")?;
    let complaints = query
        .query_map([], |row| {
            let words: i64 = row.get(2)?;
            Ok(ImportWarning { path: row.get(0)?, reason: row.get(1)?, words: words as usize })
        })?
        .collect::<Result<_, _>>()?;
    Ok(complaints)
}

/// Takes the place of the complaints of the import before.
///
/// # Errors
/// The store's.
pub(crate) fn set_complaints(on: &Connection, complaints: &[ImportWarning]) -> Result<()> {
    on.execute("DELETE FROM complaints", [])?;
    let mut insert = on.prepare_cached("INSERT INTO complaints VALUES (?1, ?2, ?3)")?;
    for complaint in complaints {
        insert.execute(params![complaint.path, complaint.reason, complaint.words as i64])?;
    }
    Ok(())
}
