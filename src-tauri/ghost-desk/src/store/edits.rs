//! Edits: notation and figures; the segments follow from draft and shipped text.

use std::collections::HashSet;

use ghost_core::id::{DraftId, EditId};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::failure::Result;

/// Stores the edit of a draft.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    db: &Connection,
    draft: DraftId,
    notation: &str,
    kept_ratio: f64,
    edit_distance: f64,
) -> Result<EditId> {
    db.execute(
        "INSERT INTO edits (draft, notation, kept_ratio, edit_distance) VALUES (?1, ?2, ?3, ?4)",
        params![draft.0, notation, kept_ratio, edit_distance],
    )?;
    Ok(EditId(db.last_insert_rowid()))
}

/// The edits that are revisions found in the archive.
///
/// # Errors
/// The store's.
pub(crate) fn of_pairs(db: &Connection) -> Result<HashSet<EditId>> {
    let mut query = db.prepare_cached("SELECT id FROM edits WHERE pair IS NOT NULL")?;
    Ok(query.query_map([], |row| row.get(0).map(EditId))?.collect::<Result<_, _>>()?)
}

/// The edit of a draft and its training row, once it was shipped.
///
/// # Errors
/// The store's.
pub(crate) fn of_draft(db: &Connection, draft: DraftId) -> Result<Option<(EditId, Option<i64>)>> {
    Ok(db
        .query_row(
            "SELECT e.id, r.id FROM edits e LEFT JOIN rows r ON r.edit = e.id WHERE e.draft = ?1",
            [draft.0],
            |row| Ok((EditId(row.get(0)?), row.get(1)?)),
        )
        .optional()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ghost_core::row::Origin;
    use ghost_core::split::Split;

    use super::*;
    use crate::store::rows;
    use crate::store::testing::{row, shipped_draft, store};

    #[test]
    fn the_edit_of_a_draft_is_found_with_its_row() {
        let (_folder, store) = store();
        let db = store.db();
        let (draft, edit) = shipped_draft(db, "one two", "one twi");
        assert_eq!(of_draft(db, draft).unwrap(), Some((edit, None)));
        let kept = rows::keep(db, &row(Origin::Edit(edit), "one twi", Split::Train)).unwrap();
        assert_eq!(of_draft(db, draft).unwrap(), Some((edit, Some(kept.0))));
        assert_eq!(of_draft(db, DraftId(99)).unwrap(), None);
        assert!(of_pairs(db).unwrap().is_empty(), "an edit of a draft is not a revision");
    }

    #[test]
    fn a_draft_has_one_edit() {
        let (_folder, store) = store();
        let (draft, _) = shipped_draft(store.db(), "one two", "one twi");
        assert!(keep(store.db(), draft, "one", 1.0, 0.0).is_err());
    }
}
