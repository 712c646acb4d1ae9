//! Files that were read, and what each gave: one that has not changed is not read again.

use std::collections::BTreeMap;

use ghost_core::archive::ImportWarning;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::{from_json, to_json};
use crate::failure::Result;

/// What a file gave, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Pieces by kind.
    pub(crate) kinds: BTreeMap<String, u32>,
    /// Pieces by author, where the file names any.
    pub(crate) authors: BTreeMap<String, u32>,
    /// Pieces in all.
    pub(crate) pieces: u32,
    /// Pairs of states.
    pub(crate) pairs: u32,
    /// What was left out of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<ImportWarning>,
}

impl Tally {
    /// Adds what another file gave, but for its notes.
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

/// What a file gave when it was read as it is now.
///
/// # Errors
/// The store's.
pub(crate) fn unchanged(on: &Connection, path: &str, stamp: &str) -> Result<Option<Tally>> {
    let tally: Option<String> = on
        .prepare_cached("SELECT tally FROM files WHERE path = ?1 AND stamp = ?2")?
        .query_row([path, stamp], |row| row.get(0))
        .optional()?;
    tally.map(|tally| from_json(&tally)).transpose()
}

/// Remembers what a file gave.
///
/// # Errors
/// The store's.
pub(crate) fn keep(on: &Connection, path: &str, stamp: &str, tally: &Tally) -> Result<()> {
    on.prepare_cached(
        "INSERT INTO files VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET stamp = excluded.stamp, tally = excluded.tally",
    )?
    .execute(params![path, stamp, to_json(tally)?])?;
    Ok(())
}
