//! Prompts that were searched for, what verdicts listened to, and the search of the archive.

use ghost_core::id::BaseId;
use ghost_core::program::OptimizedPrompts;
use ghost_core::seed::Seed;
use ghost_core::words::words;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{from_json, to_json};
use crate::failure::Result;

/// Words of a seed that are searched for.
const MOST_WORDS: usize = 40;

/// What a search found, where it was made before.
///
/// # Errors
/// The store's.
pub(crate) fn of(on: &Connection, what: &str) -> Result<Option<OptimizedPrompts>> {
    let found: Option<String> = on
        .prepare_cached("SELECT compiled FROM programs WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?;
    found.map(|found| from_json(&found)).transpose()
}

/// Keeps what a search found.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    on: &Connection,
    what: &str,
    base: BaseId,
    compiled: &OptimizedPrompts,
    now: &str,
) -> Result<()> {
    on.execute(
        "INSERT OR REPLACE INTO programs (what, base, compiled, found_at) VALUES (?1, ?2, ?3, ?4)",
        params![what, base.0, to_json(compiled)?, now],
    )?;
    Ok(())
}

/// The newest search on a base: its id, and what it found.
///
/// # Errors
/// The store's.
pub(crate) fn newest(on: &Connection, base: BaseId) -> Result<Option<(i64, OptimizedPrompts)>> {
    let found: Option<(i64, String)> = on
        .prepare_cached(
            "SELECT id, compiled FROM programs WHERE base = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([base.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(id, found)| Ok((id, from_json(&found)?))).transpose()
}

/// A draft written to be judged by.
///
/// # Errors
/// The store's.
pub(crate) fn heard(on: &Connection, what: &str) -> Result<Option<String>> {
    Ok(on
        .prepare_cached("SELECT text FROM heard WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?)
}

/// Keeps one.
///
/// # Errors
/// The store's.
pub(crate) fn keep_heard(on: &Connection, what: &str, text: &str) -> Result<()> {
    on.prepare_cached("INSERT OR REPLACE INTO heard VALUES (?1, ?2)")?.execute([what, text])?;
    Ok(())
}

/// Pieces on the matter of a seed, the nearest first (BM25, titles counting thrice).
///
/// # Errors
/// The store's.
pub(crate) fn like(on: &Connection, seed: &Seed, most: usize) -> Result<Vec<i64>> {
    let said =
        format!("{} {} {}", seed.topic, seed.angle.as_deref().unwrap_or(""), seed.points.join(" "));
    // Each word a quoted string: nothing a writer says is a command to the search.
    let asked: Vec<String> = words(&said)
        .map(|(_, word)| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>())
        .filter(|word| !word.is_empty())
        .take(MOST_WORDS)
        .map(|word| format!("\"{word}\""))
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = on.prepare_cached(
        "SELECT w.rowid FROM pieces_words w JOIN pieces p ON p.id = w.rowid \
         WHERE pieces_words MATCH ?1 AND p.replaced_by IS NULL \
         ORDER BY bm25(pieces_words, 3.0, 1.0), w.rowid LIMIT ?2",
    )?;
    let found = query.query_map(params![asked.join(" OR "), most as i64], |row| row.get(0))?;
    Ok(found.collect::<std::result::Result<_, _>>()?)
}
