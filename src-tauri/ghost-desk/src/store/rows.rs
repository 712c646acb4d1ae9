//! Rows: one for each piece that counts, one for each edit.

use std::collections::HashMap;

use ghost_core::id::{EditId, PieceId, RowId};
use ghost_core::outline::RequestScope;
use ghost_core::row::{Origin, Row};
use ghost_core::split::Split;
use rusqlite::{Connection, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// A side's name in the store.
pub(crate) fn side_name(side: Split) -> &'static str {
    match side {
        Split::Train => "train",
        Split::Validation => "dev",
        Split::Test => "holdout",
    }
}

/// The side of a name; what is not known is not learned from.
pub(crate) fn side(name: &str) -> Split {
    match name {
        "train" => Split::Train,
        "dev" => Split::Validation,
        _ => Split::Test,
    }
}

/// Keeps a row; the row of a piece takes the place of the one made before.
///
/// # Errors
/// The store's.
pub(crate) fn keep(on: &Connection, row: &Row) -> Result<RowId> {
    let (piece, edit) = match row.origin {
        Origin::Archive(piece) => (Some(piece.0), None),
        Origin::Edit(edit) => (None, Some(edit.0)),
    };
    on.prepare_cached(
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
        (Some(piece), _) => on
            .prepare_cached("SELECT id FROM rows WHERE piece = ?1")?
            .query_row([piece], |row| row.get(0))?,
        _ => on
            .prepare_cached("SELECT id FROM rows WHERE edit = ?1")?
            .query_row([edit], |row| row.get(0))?,
    };
    Ok(RowId(id))
}

/// The row of a piece that took the place of another stays excluded where that one was: the writer
/// said it of the text, not of its last comma.
///
/// # Errors
/// The store's.
pub(crate) fn carry_over(on: &Connection) -> Result<()> {
    on.execute(
        "UPDATE rows SET excluded = 1 WHERE piece IN (SELECT p.replaced_by FROM pieces p \
         JOIN rows r ON r.piece = p.id WHERE p.replaced_by IS NOT NULL AND r.excluded AND r.current)",
        [],
    )?;
    Ok(())
}

/// The rows of what each row's piece said before it was changed.
///
/// # Errors
/// The store's.
pub(crate) fn earlier(on: &Connection) -> Result<HashMap<RowId, Vec<RowId>>> {
    let mut query = on.prepare_cached(
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

/// Leaves out the rows of pieces that were replaced.
///
/// # Errors
/// The store's.
pub(crate) fn drop_replaced(on: &Connection) -> Result<()> {
    on.execute(
        "UPDATE rows SET current = 0 WHERE piece IN \
         (SELECT id FROM pieces WHERE replaced_by IS NOT NULL)",
        [],
    )?;
    Ok(())
}

/// Leaves out the row of something that is not to be learned from.
///
/// # Errors
/// The store's.
pub(crate) fn drop_of(on: &Connection, origin: Origin) -> Result<()> {
    let (column, id) = match origin {
        Origin::Archive(piece) => ("piece", piece.0),
        Origin::Edit(edit) => ("edit", edit.0),
    };
    on.prepare_cached(&format!("UPDATE rows SET current = 0 WHERE {column} = ?1"))?
        .execute([id])?;
    Ok(())
}

/// The rows that count, in order of age.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<(RowId, Row)>> {
    let listed = listed(on)?.into_iter().filter(|(_, _, excluded)| !excluded);
    Ok(listed.map(|(id, row, _)| (id, row)).collect())
}

/// The writer wants a row learned from and judged by no more, or again.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn exclude(on: &Connection, id: RowId, excluded: bool) -> Result<()> {
    let n = on.execute(
        "UPDATE rows SET excluded = ?2 WHERE id = ?1 AND current",
        params![id.0, excluded],
    )?;
    if n == 0 { Err(Failure::not_found("row", id)) } else { Ok(()) }
}

/// The rows of all pieces and edits, in order of age, and whether the writer excluded them.
///
/// # Errors
/// The store's.
pub(crate) fn listed(on: &Connection) -> Result<Vec<(RowId, Row, bool)>> {
    let mut query = on.prepare_cached(
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
