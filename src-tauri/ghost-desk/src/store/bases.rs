//! Bases on this computer: where the file is, and what it said of itself when it was last opened.

use ghost_core::id::BaseId;
use ghost_engine::load::card::BaseCard;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, settings, to_json};
use crate::failure::{Failure, Result};

/// A base as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredBase {
    /// Its id.
    pub(crate) id: BaseId,
    /// The file.
    pub(crate) path: String,
    /// What it says of itself.
    pub(crate) card: BaseCard,
}

/// Keeps a base, known by its fingerprint; where it lies may change.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    on: &Connection,
    path: &str,
    fingerprint: &str,
    card: &BaseCard,
    now: &str,
) -> Result<BaseId> {
    on.execute(
        "INSERT INTO bases (fingerprint, path, card, added_at) VALUES (?1,?2,?3,?4) \
         ON CONFLICT (fingerprint) DO UPDATE SET path = excluded.path, card = excluded.card",
        params![fingerprint, path, to_json(card)?, now],
    )?;
    let id = "SELECT id FROM bases WHERE fingerprint = ?1";
    Ok(BaseId(on.query_row(id, [fingerprint], |row| row.get(0))?))
}

/// All bases, in the order they came.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<StoredBase>> {
    let mut query = on.prepare_cached("SELECT id, path, card FROM bases ORDER BY id")?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// One base.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(on: &Connection, id: BaseId) -> Result<StoredBase> {
    on.prepare_cached("SELECT id, path, card FROM bases WHERE id = ?1")?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("base", id))?
}

/// The base in use.
///
/// # Errors
/// The store's.
pub(crate) fn in_use(on: &Connection) -> Result<Option<StoredBase>> {
    settings::get::<i64>(on, "base")?.map(|id| one(on, BaseId(id))).transpose()
}

/// Uses a base from now on.
///
/// # Errors
/// The store's.
pub(crate) fn set_in_use(on: &Connection, id: BaseId) -> Result<()> {
    settings::set(on, "base", &id.0)
}

fn read(row: &Row<'_>) -> Result<StoredBase> {
    Ok(StoredBase {
        id: BaseId(row.get(0)?),
        path: row.get(1)?,
        card: from_json(&row.get::<_, String>(2)?)?,
    })
}
