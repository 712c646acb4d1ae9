//! Edits: kept with their notation and figures; the segments follow from draft and shipped text.

use std::collections::HashSet;

use ghost_core::id::{DraftId, EditId};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::failure::Result;

/// Keeps the edit of a draft.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    on: &Connection,
    draft: DraftId,
    notation: &str,
    kept_ratio: f64,
    edit_distance: f64,
) -> Result<EditId> {
    on.execute(
        "INSERT INTO edits (draft, notation, kept_ratio, edit_distance) VALUES (?1, ?2, ?3, ?4)",
        params![draft.0, notation, kept_ratio, edit_distance],
    )?;
    Ok(EditId(on.last_insert_rowid()))
}

/// Which edits are of pairs that an archive remembers.
///
/// # Errors
/// The store's.
pub(crate) fn of_pairs(on: &Connection) -> Result<HashSet<EditId>> {
    let mut query = on.prepare_cached("SELECT id FROM edits WHERE pair IS NOT NULL")?;
    Ok(query.query_map([], |row| row.get(0).map(EditId))?.collect::<Result<_, _>>()?)
}

/// The edit of a draft and the row it became, once it was shipped.
///
/// # Errors
/// The store's.
pub(crate) fn of_draft(on: &Connection, draft: DraftId) -> Result<Option<(EditId, Option<i64>)>> {
    Ok(on
        .query_row(
            "SELECT e.id, r.id FROM edits e LEFT JOIN rows r ON r.edit = e.id WHERE e.draft = ?1",
            [draft.0],
            |row| Ok((EditId(row.get(0)?), row.get(1)?)),
        )
        .optional()?)
}
