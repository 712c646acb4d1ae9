//! Optimized prompts, cached drafts of evaluations, and the full-text search of the archive.

use ghost_core::id::BaseId;
use ghost_core::program::OptimizedPrompts;
use ghost_core::seed::Seed;
use ghost_core::words::words;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{from_json, to_json};
use crate::failure::Result;

/// Maximum number of seed words to search for.
const MAX_WORDS: usize = 40;

/// The result of a prompt search, if it was made before.
///
/// # Errors
/// The store's.
pub(crate) fn of(db: &Connection, what: &str) -> Result<Option<OptimizedPrompts>> {
    let found: Option<String> = db
        .prepare_cached("SELECT compiled FROM programs WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?;
    found.map(|found| from_json(&found)).transpose()
}

/// Stores the result of a prompt search.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    db: &Connection,
    what: &str,
    base: BaseId,
    compiled: &OptimizedPrompts,
    now: &str,
) -> Result<()> {
    db.execute(
        "INSERT OR REPLACE INTO programs (what, base, compiled, found_at) VALUES (?1, ?2, ?3, ?4)",
        params![what, base.0, to_json(compiled)?, now],
    )?;
    Ok(())
}

/// The newest prompt search on a base: its id and result.
///
/// # Errors
/// The store's.
pub(crate) fn newest(db: &Connection, base: BaseId) -> Result<Option<(i64, OptimizedPrompts)>> {
    let found: Option<(i64, String)> = db
        .prepare_cached(
            "SELECT id, compiled FROM programs WHERE base = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([base.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(id, found)| Ok((id, from_json(&found)?))).transpose()
}

/// A cached draft of an evaluation.
///
/// # Errors
/// The store's.
pub(crate) fn cached_draft(db: &Connection, what: &str) -> Result<Option<String>> {
    Ok(db
        .prepare_cached("SELECT text FROM heard WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?)
}

/// Caches a draft of an evaluation.
///
/// # Errors
/// The store's.
pub(crate) fn cache_draft(db: &Connection, what: &str, text: &str) -> Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO heard VALUES (?1, ?2)")?.execute([what, text])?;
    Ok(())
}

/// Pieces similar to a seed, best first (BM25, titles weighted three times).
///
/// # Errors
/// The store's.
pub(crate) fn similar_pieces(db: &Connection, seed: &Seed, most: usize) -> Result<Vec<i64>> {
    let said =
        format!("{} {} {}", seed.topic, seed.angle.as_deref().unwrap_or(""), seed.points.join(" "));
    // Each word is a quoted string, so that nothing in a seed is search syntax.
    let asked: Vec<String> = words(&said)
        .map(|(_, word)| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>())
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .map(|word| format!("\"{word}\""))
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = db.prepare_cached(
        "SELECT w.rowid FROM pieces_words w JOIN pieces p ON p.id = w.rowid \
         WHERE pieces_words MATCH ?1 AND p.replaced_by IS NULL \
         ORDER BY bm25(pieces_words, 3.0, 1.0), w.rowid LIMIT ?2",
    )?;
    let found = query.query_map(params![asked.join(" OR "), most as i64], |row| row.get(0))?;
    Ok(found.collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::{base, keep_piece, piece_of, seed, store};

    #[test]
    fn the_newest_search_on_a_base_is_found() {
        let (_folder, store) = store();
        let db = store.db();
        let (a, b) = (base(db, "a"), base(db, "b"));
        assert!(newest(db, a).unwrap().is_none());
        let found = |bare| OptimizedPrompts { bare, ..OptimizedPrompts::default() };
        keep(db, "first", a, &found(1.0), "now").unwrap();
        keep(db, "other base", b, &found(2.0), "now").unwrap();
        keep(db, "second", a, &found(3.0), "now").unwrap();
        assert_eq!(newest(db, a).unwrap().unwrap().1.bare, 3.0);
        assert_eq!(of(db, "first").unwrap().unwrap().bare, 1.0);
        assert!(of(db, "third").unwrap().is_none());
    }

    #[test]
    fn a_draft_is_cached_under_its_key() {
        let (_folder, store) = store();
        assert_eq!(cached_draft(store.db(), "a").unwrap(), None);
        cache_draft(store.db(), "a", "It rained.").unwrap();
        assert_eq!(cached_draft(store.db(), "a").unwrap().as_deref(), Some("It rained."));
    }

    #[test]
    fn similar_pieces_match_by_title_first_and_only_in_their_current_version() {
        let (_folder, store) = store();
        let db = store.db();
        keep_piece(db, "a.md", "# Bread\n\nI baked a loaf, and it rained while the barrel filled.");
        keep_piece(db, "b.md", "# The barrel\n\nI set it under the gutter and waited for a week.");
        let titled = piece_of(db, "b.md");
        assert_eq!(similar_pieces(db, &seed("a barrel"), 5).unwrap()[0], titled.0);
        assert_eq!(similar_pieces(db, &seed("a barrel"), 1).unwrap().len(), 1);
        assert!(similar_pieces(db, &seed("marble"), 5).unwrap().is_empty());
        keep_piece(db, "b.md", "# The tub\n\nI set it under the gutter and waited for a year.");
        assert!(!similar_pieces(db, &seed("barrel"), 5).unwrap().contains(&titled.0));
    }
}
