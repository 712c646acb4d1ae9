//! Pairs: two states of one text, as an archive remembers them, and the edit each became.

use ghost_core::archive::Revision;
use ghost_core::edit::Edit;
use ghost_core::id::EditId;
use ghost_core::measure;
use rusqlite::{Connection, params};

use crate::failure::Result;

/// Keeps a pair, known by the hash of its states, and its edit. One that is here is not kept twice.
///
/// # Errors
/// The store's.
pub(crate) fn keep(on: &Connection, pair: &Revision, hash: &str, now: &str) -> Result<bool> {
    let added = on
        .prepare_cached(
            "INSERT INTO pairs (hash, source, title, author, date, before, after, imported_at) \
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            hash,
            pair.source,
            pair.title,
            pair.author,
            pair.date.map(|date| date.to_string()),
            pair.before,
            pair.after,
            now
        ])?;
    if added == 0 {
        return Ok(false);
    }
    let id = on.last_insert_rowid();
    let measured = Edit::between(&pair.before, &pair.after);
    on.prepare_cached(
        "INSERT INTO edits (pair, notation, kept_ratio, edit_distance) VALUES (?1,?2,?3,?4)",
    )?
    .execute(params![
        id,
        measured.to_string(),
        measure::kept_ratio(&measured),
        measure::edit_distance(&pair.before, &pair.after)
    ])?;
    Ok(true)
}

/// The edits of all pairs, in order of age.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<EditId>> {
    let mut query = on.prepare_cached("SELECT id FROM edits WHERE pair IS NOT NULL ORDER BY id")?;
    let edits = query.query_map([], |row| Ok(EditId(row.get(0)?)))?;
    Ok(edits.collect::<Result<_, _>>()?)
}

/// The pair that an edit is of.
///
/// # Errors
/// The store's.
pub(crate) fn of(on: &Connection, edit: EditId) -> Result<Revision> {
    let mut query = on.prepare_cached(
        "SELECT p.source, p.title, p.author, p.date, p.before, p.after \
         FROM pairs p JOIN edits e ON e.pair = p.id WHERE e.id = ?1",
    )?;
    Ok(query.query_row([edit.0], |row| {
        let date: Option<String> = row.get(3)?;
        Ok(Revision {
            source: row.get(0)?,
            title: row.get(1)?,
            author: row.get(2)?,
            date: date.and_then(|date| date.parse().ok()),
            before: row.get(4)?,
            after: row.get(5)?,
        })
    })?)
}

/// How many pairs each author has, the most frequent first.
///
/// # Errors
/// The store's.
pub(crate) fn authors(on: &Connection) -> Result<Vec<(String, u32)>> {
    let mut query = on.prepare_cached(
        "SELECT author, count(*) FROM pairs WHERE author IS NOT NULL GROUP BY author \
         ORDER BY 2 DESC, 1",
    )?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}
