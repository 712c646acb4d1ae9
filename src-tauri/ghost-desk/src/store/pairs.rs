//! Revisions: pairs of versions of one text found in the archive, and the edit of each.

use ghost_core::archive::Revision;
use ghost_core::edit::Edit;
use ghost_core::id::EditId;
use ghost_core::measure;
use rusqlite::{Connection, params};

use crate::failure::Result;

/// Stores a pair, identified by the hash of its versions, and its edit. Returns whether it is new.
///
/// # Errors
/// The store's.
pub(crate) fn keep(db: &Connection, pair: &Revision, hash: &str, now: &str) -> Result<bool> {
    let added = db
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
    let id = db.last_insert_rowid();
    let measured = Edit::between(&pair.before, &pair.after);
    db.prepare_cached(
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

/// The edits of all pairs, oldest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<EditId>> {
    let mut query = db.prepare_cached("SELECT id FROM edits WHERE pair IS NOT NULL ORDER BY id")?;
    let edits = query.query_map([], |row| Ok(EditId(row.get(0)?)))?;
    Ok(edits.collect::<Result<_, _>>()?)
}

/// The pair of an edit.
///
/// # Errors
/// The store's.
pub(crate) fn of(db: &Connection, edit: EditId) -> Result<Revision> {
    let mut query = db.prepare_cached(
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

/// Number of pairs per author, most frequent first.
///
/// # Errors
/// The store's.
pub(crate) fn authors(db: &Connection) -> Result<Vec<(String, u32)>> {
    let mut query = db.prepare_cached(
        "SELECT author, count(*) FROM pairs WHERE author IS NOT NULL GROUP BY author \
         ORDER BY 2 DESC, 1",
    )?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::edits;
    use crate::store::testing::store;

    fn pair(author: Option<&str>, after: &str) -> Revision {
        Revision {
            source: "up.md@1".into(),
            title: "Up".into(),
            author: author.map(str::to_owned),
            date: "2024-01-15".parse().ok(),
            before: "I go up a hill.".into(),
            after: after.into(),
        }
    }

    #[test]
    fn a_pair_is_stored_once_with_its_edit() {
        let (_folder, store) = store();
        let (db, one) = (store.db(), pair(Some("Jo"), "I went up a hill."));
        assert!(keep(db, &one, "hash", "now").unwrap());
        assert!(!keep(db, &one, "hash", "later").unwrap(), "it is there already");
        let stored = all(db).unwrap();
        assert_eq!(stored.len(), 1);
        let read = of(db, stored[0]).unwrap();
        assert_eq!((read.before, read.after, read.date), (one.before, one.after, one.date));
        assert!(edits::of_pairs(db).unwrap().contains(&stored[0]));
        let query = "SELECT notation, kept_ratio, edit_distance FROM edits";
        let edit: (String, f64, f64) =
            db.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(edit, ("I [go/went] up a hill.".into(), 0.8, 0.2));
    }

    #[test]
    fn authors_are_counted_most_frequent_first() {
        let (_folder, store) = store();
        let db = store.db();
        for (n, author) in [None, Some("Kim"), Some("Jo"), Some("Jo")].into_iter().enumerate() {
            keep(db, &pair(author, &format!("I went up {n} hills.")), &n.to_string(), "now")
                .unwrap();
        }
        assert_eq!(authors(db).unwrap(), [("Jo".into(), 2), ("Kim".into(), 1)]);
    }
}
