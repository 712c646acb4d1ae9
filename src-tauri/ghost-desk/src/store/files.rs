//! Imported files and what each contained: an unchanged file is not read again.

use std::collections::BTreeMap;

use ghost_core::archive::ImportWarning;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::{from_json, to_json};
use crate::failure::Result;

/// The contents of a file, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Pieces by kind.
    pub(crate) kinds: BTreeMap<String, u32>,
    /// Pieces by author, if named.
    pub(crate) authors: BTreeMap<String, u32>,
    /// Number of pieces.
    pub(crate) pieces: u32,
    /// Number of revisions.
    pub(crate) pairs: u32,
    /// Notes on skipped words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<ImportWarning>,
}

impl Tally {
    /// Adds the numbers of another file, without its notes.
    pub(crate) fn add(&mut self, other: &Tally) {
        let sum = |all: &mut BTreeMap<String, u32>, more: &BTreeMap<String, u32>| {
            more.iter().for_each(|(name, n)| *all.entry(name.clone()).or_default() += n);
        };
        sum(&mut self.kinds, &other.kinds);
        sum(&mut self.authors, &other.authors);
        self.pieces += other.pieces;
        self.pairs += other.pairs;
    }
}

/// The contents of a file, if it is unchanged since it was read.
///
/// # Errors
/// The store's.
pub(crate) fn unchanged(db: &Connection, path: &str, stamp: &str) -> Result<Option<Tally>> {
    let tally: Option<String> = db
        .prepare_cached("SELECT tally FROM files WHERE path = ?1 AND stamp = ?2")?
        .query_row([path, stamp], |row| row.get(0))
        .optional()?;
    tally.map(|tally| from_json(&tally)).transpose()
}

/// Stores the contents of a file.
///
/// # Errors
/// The store's.
pub(crate) fn keep(db: &Connection, path: &str, stamp: &str, tally: &Tally) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO files VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET stamp = excluded.stamp, tally = excluded.tally",
    )?
    .execute(params![path, stamp, to_json(tally)?])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::store;

    fn tally(kind: &str, pieces: u32) -> Tally {
        let kinds = BTreeMap::from([(kind.to_owned(), pieces)]);
        Tally { kinds, pieces, ..Tally::default() }
    }

    #[test]
    fn a_file_is_unchanged_only_with_the_same_stamp() {
        let (_folder, store) = store();
        let db = store.db();
        assert_eq!(unchanged(db, "a.md", "1").unwrap(), None);
        keep(db, "a.md", "1", &tally("post", 1)).unwrap();
        keep(db, "a.md", "2", &tally("post", 3)).unwrap();
        assert_eq!(unchanged(db, "a.md", "1").unwrap(), None);
        assert_eq!(unchanged(db, "a.md", "2").unwrap(), Some(tally("post", 3)));
        assert_eq!(unchanged(db, "b.md", "2").unwrap(), None);
    }

    #[test]
    fn the_numbers_of_files_add_up() {
        let mut sum = tally("post", 2);
        sum.add(&tally("log", 1));
        sum.add(&Tally { pairs: 4, ..tally("post", 3) });
        assert_eq!(sum.kinds, BTreeMap::from([("log".into(), 1), ("post".into(), 5)]));
        assert_eq!((sum.pieces, sum.pairs), (6, 4));
    }
}
