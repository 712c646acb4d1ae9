//! Training rows: one per current piece and one per edit.

use std::collections::HashMap;

use ghost_core::id::{EditId, PieceId, RowId};
use ghost_core::outline::RequestScope;
use ghost_core::row::{Origin, Row};
use ghost_core::split::Split;
use rusqlite::{Connection, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// The stored name of a split.
pub(crate) fn side_name(side: Split) -> &'static str {
    match side {
        Split::Train => "train",
        Split::Validation => "dev",
        Split::Test => "holdout",
    }
}

/// The split of a stored name; an unknown name is not trained on.
pub(crate) fn side(name: &str) -> Split {
    match name {
        "train" => Split::Train,
        "dev" => Split::Validation,
        _ => Split::Test,
    }
}

/// Stores a row; replaces the earlier row of the same piece or edit.
///
/// # Errors
/// The store's.
pub(crate) fn keep(db: &Connection, row: &Row) -> Result<RowId> {
    let (piece, edit) = match row.origin {
        Origin::Archive(piece) => (Some(piece.0), None),
        Origin::Edit(edit) => (None, Some(edit.0)),
    };
    db.prepare_cached(
        "INSERT INTO rows (piece, edit, seed, text, weights, side) VALUES (?1,?2,?3,?4,?5,?6) \
         ON CONFLICT (piece) DO UPDATE SET seed = excluded.seed, text = excluded.text, \
         weights = excluded.weights, side = excluded.side, current = 1 \
         ON CONFLICT (edit) DO UPDATE SET seed = excluded.seed, text = excluded.text, \
         weights = excluded.weights, side = excluded.side, current = 1",
    )?
    .execute(params![
        piece,
        edit,
        to_json(&row.seed)?,
        row.text,
        to_json(&row.weights)?,
        side_name(row.split)
    ])?;
    let id = match (piece, edit) {
        (Some(piece), _) => db
            .prepare_cached("SELECT id FROM rows WHERE piece = ?1")?
            .query_row([piece], |row| row.get(0))?,
        _ => db
            .prepare_cached("SELECT id FROM rows WHERE edit = ?1")?
            .query_row([edit], |row| row.get(0))?,
    };
    Ok(RowId(id))
}

/// The row of a changed piece stays excluded: the exclusion applies to the text, not to one version.
///
/// # Errors
/// The store's.
pub(crate) fn carry_over(db: &Connection) -> Result<()> {
    db.execute(
        "UPDATE rows SET excluded = 1 WHERE piece IN (SELECT p.replaced_by FROM pieces p \
         JOIN rows r ON r.piece = p.id WHERE p.replaced_by IS NOT NULL AND r.excluded AND r.current)",
        [],
    )?;
    Ok(())
}

/// For each row, the rows of earlier versions of its piece.
///
/// # Errors
/// The store's.
pub(crate) fn earlier(db: &Connection) -> Result<HashMap<RowId, Vec<RowId>>> {
    let mut query = db.prepare_cached(
        "WITH RECURSIVE versions (now, id) AS (SELECT id, id FROM pieces WHERE replaced_by IS NULL \
         UNION SELECT v.now, p.id FROM pieces p JOIN versions v ON p.replaced_by = v.id) \
         SELECT a.id, b.id FROM versions v JOIN rows a ON a.piece = v.now \
         JOIN rows b ON b.piece = v.id WHERE v.now <> v.id",
    )?;
    let mut found: HashMap<RowId, Vec<RowId>> = HashMap::new();
    for pair in query.query_map([], |row| Ok((RowId(row.get(0)?), RowId(row.get(1)?))))? {
        let (now, before) = pair?;
        found.entry(now).or_default().push(before);
    }
    Ok(found)
}

/// Drops the rows of replaced pieces.
///
/// # Errors
/// The store's.
pub(crate) fn drop_replaced(db: &Connection) -> Result<()> {
    db.execute(
        "UPDATE rows SET current = 0 WHERE piece IN \
         (SELECT id FROM pieces WHERE replaced_by IS NOT NULL)",
        [],
    )?;
    Ok(())
}

/// Drops the row of something that is not to be trained on.
///
/// # Errors
/// The store's.
pub(crate) fn drop_of(db: &Connection, origin: Origin) -> Result<()> {
    let (column, id) = match origin {
        Origin::Archive(piece) => ("piece", piece.0),
        Origin::Edit(edit) => ("edit", edit.0),
    };
    db.prepare_cached(&format!("UPDATE rows SET current = 0 WHERE {column} = ?1"))?
        .execute([id])?;
    Ok(())
}

/// The current rows that are not excluded, oldest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<(RowId, Row)>> {
    let listed = listed(db)?.into_iter().filter(|(_, _, excluded)| !excluded);
    Ok(listed.map(|(id, row, _)| (id, row)).collect())
}

/// Excludes a row from training and evaluation, or includes it again.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn exclude(db: &Connection, id: RowId, excluded: bool) -> Result<()> {
    let n = db.execute(
        "UPDATE rows SET excluded = ?2 WHERE id = ?1 AND current",
        params![id.0, excluded],
    )?;
    if n == 0 { Err(Failure::not_found("row", id)) } else { Ok(()) }
}

/// All current rows, oldest first, and whether each is excluded.
///
/// # Errors
/// The store's.
pub(crate) fn listed(db: &Connection) -> Result<Vec<(RowId, Row, bool)>> {
    let mut query = db.prepare_cached(
        "SELECT id, piece, edit, seed, text, weights, side, excluded FROM rows WHERE current \
         ORDER BY id",
    )?;
    let rows = query.query_map([], |row| {
        let piece: Option<i64> = row.get(1)?;
        let edit: Option<i64> = row.get(2)?;
        Ok((
            RowId(row.get(0)?),
            piece.map_or(Origin::Edit(EditId(edit.unwrap_or_default())), |piece| {
                Origin::Archive(PieceId(piece))
            }),
            row.get::<_, String>(3)?,
            row.get::<_, String>(4)?,
            row.get::<_, String>(5)?,
            row.get::<_, String>(6)?,
            row.get::<_, bool>(7)?,
        ))
    })?;
    rows.map(|row| {
        let (id, origin, seed, text, weights, side_is, excluded) = row?;
        let (seed, weights) = (from_json(&seed)?, from_json(&weights)?);
        Ok((
            id,
            Row { seed, scope: RequestScope::Whole, text, weights, origin, split: side(&side_is) },
            excluded,
        ))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::failure::Code;
    use crate::store::testing::{keep_piece, piece_of, row, shipped_draft, store};

    const TEXT: &str = "It rained all day, and I put a pan under it, and it filled.";

    #[test]
    fn the_row_of_a_piece_is_replaced_and_keeps_its_id() {
        let (_folder, store) = store();
        let db = store.db();
        keep_piece(db, "a.md", TEXT);
        let origin = Origin::Archive(piece_of(db, "a.md"));
        let id = keep(db, &row(origin, "first", Split::Train)).unwrap();
        assert_eq!(keep(db, &row(origin, "second", Split::Validation)).unwrap(), id);
        let (_, edit) = shipped_draft(db, "one two", "one twi");
        let other = keep(db, &row(Origin::Edit(edit), "one twi", Split::Train)).unwrap();
        let listed = all(db).unwrap();
        assert_eq!(listed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [id, other]);
        assert_eq!((listed[0].1.text.as_str(), listed[0].1.split), ("second", Split::Validation));
        assert_eq!(listed[1].1.origin, Origin::Edit(edit));
    }

    #[test]
    fn an_excluded_row_is_listed_but_not_used() {
        let (_folder, store) = store();
        let db = store.db();
        let (_, edit) = shipped_draft(db, "one two", "one twi");
        let id = keep(db, &row(Origin::Edit(edit), "one twi", Split::Train)).unwrap();
        exclude(db, id, true).unwrap();
        // Building the row again does not include it.
        keep(db, &row(Origin::Edit(edit), "one twi", Split::Train)).unwrap();
        assert!(all(db).unwrap().is_empty());
        assert!(listed(db).unwrap()[0].2);
        exclude(db, id, false).unwrap();
        assert_eq!(all(db).unwrap().len(), 1);
        assert_eq!(exclude(db, RowId(99), true).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn the_exclusion_of_a_piece_applies_to_its_next_version() {
        let (_folder, store) = store();
        let db = store.db();
        keep_piece(db, "a.md", TEXT);
        let older =
            keep(db, &row(Origin::Archive(piece_of(db, "a.md")), "old", Split::Train)).unwrap();
        exclude(db, older, true).unwrap();
        keep_piece(db, "a.md", &TEXT.replace("a pan", "two pans"));
        let newer =
            keep(db, &row(Origin::Archive(piece_of(db, "a.md")), "new", Split::Train)).unwrap();
        carry_over(db).unwrap();
        drop_replaced(db).unwrap();
        let rows = listed(db).unwrap();
        assert_eq!((rows.len(), rows[0].0, rows[0].2), (1, newer, true));
        assert_eq!(earlier(db).unwrap().get(&newer), Some(&vec![older]));
    }

    #[test]
    fn a_dropped_row_can_come_back() {
        let (_folder, store) = store();
        let db = store.db();
        let (_, edit) = shipped_draft(db, "one two", "one twi");
        let one = row(Origin::Edit(edit), "one twi", Split::Train);
        keep(db, &one).unwrap();
        drop_of(db, one.origin).unwrap();
        assert!(listed(db).unwrap().is_empty());
        keep(db, &one).unwrap();
        assert_eq!(listed(db).unwrap().len(), 1);
    }

    #[test]
    fn a_split_is_stored_by_name_and_an_unknown_one_is_not_trained_on() {
        for split in [Split::Train, Split::Validation, Split::Test] {
            assert_eq!(side(side_name(split)), split);
        }
        assert_eq!(side("something newer"), Split::Test);
    }
}
