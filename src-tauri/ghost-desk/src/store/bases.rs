//! Bases: the path of the file, and its card when it was last opened.

use ghost_core::id::BaseId;
use ghost_engine::load::card::BaseCard;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, settings, to_json};
use crate::failure::{Failure, Result};

/// A stored base.
#[derive(Debug, Clone)]
pub(crate) struct StoredBase {
    /// Its id.
    pub(crate) id: BaseId,
    /// Path of the file.
    pub(crate) path: String,
    /// Its card.
    pub(crate) card: BaseCard,
}

/// Stores a base, identified by its fingerprint; its path may change.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    db: &Connection,
    path: &str,
    fingerprint: &str,
    card: &BaseCard,
    now: &str,
) -> Result<BaseId> {
    db.execute(
        "INSERT INTO bases (fingerprint, path, card, added_at) VALUES (?1,?2,?3,?4) \
         ON CONFLICT (fingerprint) DO UPDATE SET path = excluded.path, card = excluded.card",
        params![fingerprint, path, to_json(card)?, now],
    )?;
    let id = "SELECT id FROM bases WHERE fingerprint = ?1";
    Ok(BaseId(db.query_row(id, [fingerprint], |row| row.get(0))?))
}

/// All bases, oldest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<StoredBase>> {
    let mut query = db.prepare_cached("SELECT id, path, card FROM bases ORDER BY id")?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// One base.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(db: &Connection, id: BaseId) -> Result<StoredBase> {
    db.prepare_cached("SELECT id, path, card FROM bases WHERE id = ?1")?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("base", id))?
}

/// The base in use.
///
/// # Errors
/// The store's.
pub(crate) fn in_use(db: &Connection) -> Result<Option<StoredBase>> {
    settings::get::<i64>(db, "base")?.map(|id| one(db, BaseId(id))).transpose()
}

/// Makes a base the one in use.
///
/// # Errors
/// The store's.
pub(crate) fn set_in_use(db: &Connection, id: BaseId) -> Result<()> {
    settings::set(db, "base", &id.0)
}

fn read(row: &Row<'_>) -> Result<StoredBase> {
    Ok(StoredBase {
        id: BaseId(row.get(0)?),
        path: row.get(1)?,
        card: from_json(&row.get::<_, String>(2)?)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::failure::Code;
    use crate::store::testing::{base, store};

    #[test]
    fn a_base_that_was_moved_keeps_its_id() {
        let (_folder, store) = store();
        let db = store.db();
        let (id, other) = (base(db, "a"), base(db, "b"));
        let card = one(db, id).unwrap().card;
        assert_eq!(keep(db, "moved.gguf", "a", &card, "later").unwrap(), id);
        assert_eq!(one(db, id).unwrap().path, "moved.gguf");
        assert_eq!(all(db).unwrap().iter().map(|base| base.id).collect::<Vec<_>>(), [id, other]);
    }

    #[test]
    fn the_base_in_use_is_remembered() {
        let (_folder, store) = store();
        let db = store.db();
        assert!(in_use(db).unwrap().is_none());
        for id in [base(db, "a"), base(db, "b")] {
            set_in_use(db, id).unwrap();
            assert_eq!(in_use(db).unwrap().map(|base| base.id), Some(id));
        }
        assert_eq!(one(db, BaseId(99)).unwrap_err().code, Code::NotFound);
    }
}
