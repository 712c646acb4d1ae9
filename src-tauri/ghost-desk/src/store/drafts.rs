//! Drafts, the writer's text so far on each, and the shipped texts.
//!
//! A draft grows while it is written and never changes afterwards; the writer's text is stored
//! separately.

use ghost_core::id::{AdapterId, BaseId, DraftId, EditId};
use ghost_core::seed::Seed;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, to_json};
use crate::failure::{Code, Failure, Result};

/// A stored draft.
#[derive(Debug, Clone)]
pub(crate) struct StoredDraft {
    /// Its id.
    pub(crate) id: DraftId,
    /// The seed.
    pub(crate) seed: Seed,
    /// The generated text.
    pub(crate) text: String,
    /// Generated tokens.
    pub(crate) tokens: u32,
    /// Duration in seconds.
    pub(crate) seconds: f64,
    /// The adapter that wrote it.
    pub(crate) adapter: Option<AdapterId>,
    /// Whether the base wrote it with the optimized prompt.
    pub(crate) prompted: bool,
    /// Makes it repeatable.
    pub(crate) random_seed: u64,
    /// Why it ended, by its wire name; absent while it is being written.
    pub(crate) ended: Option<String>,
    /// Time of the request.
    pub(crate) written_at: String,
    /// The writer's text so far.
    pub(crate) working: Option<String>,
    /// The shipped text.
    pub(crate) shipped: Option<String>,
}

const QUERY: &str = "SELECT d.id, s.seed, d.text, d.tokens, d.seconds, d.adapter, d.random_seed, \
     d.ended, d.written_at, w.text, p.text, d.prompted \
     FROM drafts d JOIN seeds s ON s.id = d.seed LEFT JOIN workings w ON w.draft = d.id \
     LEFT JOIN shipped p ON p.draft = d.id";

/// Creates a draft.
///
/// # Errors
/// The store's.
pub(crate) fn begin(
    db: &Connection,
    seed: &Seed,
    base: BaseId,
    adapter: Option<AdapterId>,
    random_seed: u64,
    now: &str,
) -> Result<DraftId> {
    db.execute("INSERT INTO seeds (seed) VALUES (?1)", [to_json(seed)?])?;
    let seed = db.last_insert_rowid();
    db.execute(
        "INSERT INTO drafts (seed, text, tokens, seconds, base, adapter, random_seed, written_at) \
         VALUES (?1, '', 0, 0, ?2, ?3, ?4, ?5)",
        params![seed, base.0, adapter.map(|a| a.0), random_seed.to_string(), now],
    )?;
    Ok(DraftId(db.last_insert_rowid()))
}

/// Saves the text of a growing draft; ignored once it has ended.
///
/// # Errors
/// The store's.
pub(crate) fn grow(
    db: &Connection,
    id: DraftId,
    text: &str,
    tokens: u32,
    seconds: f64,
    ended: Option<&str>,
) -> Result<()> {
    db.prepare_cached(
        "UPDATE drafts SET text = ?2, tokens = ?3, seconds = ?4, ended = ?5 \
         WHERE id = ?1 AND ended IS NULL",
    )?
    .execute(params![id.0, text, tokens, seconds, ended])?;
    Ok(())
}

/// Closes drafts whose process died.
///
/// # Errors
/// The store's.
pub(crate) fn close_interrupted(db: &Connection, ended: &str) -> Result<()> {
    db.execute("UPDATE drafts SET ended = ?1 WHERE ended IS NULL", [ended])?;
    Ok(())
}

/// One draft.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(db: &Connection, id: DraftId) -> Result<StoredDraft> {
    db.prepare_cached(&format!("{QUERY} WHERE d.id = ?1"))?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("draft", id))?
}

/// All drafts, newest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<StoredDraft>> {
    let mut query = db.prepare_cached(&format!("{QUERY} ORDER BY d.id DESC"))?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Marks a draft as written with an optimized prompt; 0 is the default prompt.
///
/// # Errors
/// The store's.
pub(crate) fn set_program(db: &Connection, id: DraftId, program: i64) -> Result<()> {
    db.execute(
        "UPDATE drafts SET prompted = 1, program = nullif(?2, 0) WHERE id = ?1",
        params![id.0, program],
    )?;
    Ok(())
}

/// Edit, seed, draft and shipped text of each edit, oldest first.
///
/// # Errors
/// The store's.
pub(crate) fn pairs(db: &Connection) -> Result<Vec<(EditId, Seed, String, String)>> {
    let mut query = db.prepare_cached(
        "SELECT e.id, s.seed, d.text, p.text FROM edits e JOIN drafts d ON d.id = e.draft \
         JOIN seeds s ON s.id = d.seed JOIN shipped p ON p.draft = d.id ORDER BY e.id",
    )?;
    let rows = query.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.map(|row| {
        let (edit, seed, draft, shipped) = row?;
        Ok((EditId(edit), from_json(&seed)?, draft, shipped))
    })
    .collect()
}

/// All shipped texts.
///
/// # Errors
/// The store's.
pub(crate) fn shipped(db: &Connection) -> Result<Vec<String>> {
    let mut query = db.prepare_cached("SELECT text FROM shipped ORDER BY draft")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Saves the writer's text so far.
///
/// # Errors
/// `not_found`, `bad_input` after shipping, or the store's.
pub(crate) fn save_working(db: &Connection, id: DraftId, text: &str, now: &str) -> Result<()> {
    if one(db, id)?.shipped.is_some() {
        return Err(already_shipped());
    }
    db.execute(
        "INSERT INTO workings VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET text = excluded.text, saved_at = excluded.saved_at",
        params![id.0, text, now],
    )?;
    Ok(())
}

/// Ships a text.
///
/// # Errors
/// `bad_input` if the draft was shipped before, or the store's.
pub(crate) fn ship(db: &Connection, id: DraftId, text: &str, now: &str) -> Result<()> {
    let new =
        db.execute("INSERT OR IGNORE INTO shipped VALUES (?1, ?2, ?3)", params![id.0, text, now])?;
    if new == 0 { Err(already_shipped()) } else { Ok(()) }
}

/// Number of shipped drafts.
///
/// # Errors
/// The store's.
pub(crate) fn n_shipped(db: &Connection) -> Result<u32> {
    Ok(db.query_row("SELECT count(*) FROM shipped", [], |row| row.get(0))?)
}

fn already_shipped() -> Failure {
    Failure::new(Code::BadInput, "This draft has already been shipped and can no longer change.")
}

fn read(row: &Row<'_>) -> Result<StoredDraft> {
    Ok(StoredDraft {
        id: DraftId(row.get(0)?),
        seed: from_json(&row.get::<_, String>(1)?)?,
        text: row.get(2)?,
        tokens: row.get(3)?,
        seconds: row.get(4)?,
        adapter: row.get::<_, Option<i64>>(5)?.map(AdapterId),
        random_seed: row.get::<_, String>(6)?.parse().unwrap_or_default(),
        ended: row.get(7)?,
        written_at: row.get(8)?,
        working: row.get(9)?,
        shipped: row.get(10)?,
        prompted: row.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::testing::{base, seed, shipped_draft, store};

    #[test]
    fn a_draft_grows_until_it_ends_and_never_changes_afterwards() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        // A random seed of any size comes back exactly.
        let id = begin(db, &seed("rain"), base, None, u64::MAX, "then").unwrap();
        grow(db, id, "It", 1, 0.5, None).unwrap();
        let draft = one(db, id).unwrap();
        assert_eq!((draft.text.as_str(), draft.ended, draft.random_seed), ("It", None, u64::MAX));
        grow(db, id, "It rained.", 3, 1.5, Some("finished")).unwrap();
        grow(db, id, "Something else.", 9, 9.0, Some("stopped")).unwrap();
        let draft = one(db, id).unwrap();
        assert_eq!((draft.text.as_str(), draft.tokens, draft.seconds), ("It rained.", 3, 1.5));
        assert_eq!((draft.ended.as_deref(), draft.seed.topic.as_str()), (Some("finished"), "rain"));
    }

    #[test]
    fn only_open_drafts_are_closed_as_interrupted() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let ended = begin(db, &seed("a"), base, None, 1, "then").unwrap();
        grow(db, ended, "Done.", 1, 1.0, Some("finished")).unwrap();
        let open = begin(db, &seed("b"), base, None, 1, "then").unwrap();
        close_interrupted(db, "interrupted").unwrap();
        assert_eq!(one(db, ended).unwrap().ended.as_deref(), Some("finished"));
        assert_eq!(one(db, open).unwrap().ended.as_deref(), Some("interrupted"));
        assert_eq!(all(db).unwrap().iter().map(|d| d.id).collect::<Vec<_>>(), [open, ended]);
    }

    #[test]
    fn the_working_text_is_replaced_until_a_draft_is_shipped() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let id = begin(db, &seed("rain"), base, None, 1, "then").unwrap();
        for text in ["It rain", "It rained."] {
            save_working(db, id, text, "now").unwrap();
            assert_eq!(one(db, id).unwrap().working.as_deref(), Some(text));
        }
        ship(db, id, "It rained all day.", "now").unwrap();
        assert_eq!(save_working(db, id, "No.", "now").unwrap_err().code, Code::BadInput);
        assert_eq!(ship(db, id, "No.", "now").unwrap_err().code, Code::BadInput);
        assert_eq!(one(db, id).unwrap().shipped.as_deref(), Some("It rained all day."));
        assert_eq!(
            (n_shipped(db).unwrap(), shipped(db).unwrap()),
            (1, vec!["It rained all day.".into()])
        );
        assert_eq!(save_working(db, DraftId(99), "x", "now").unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn the_pairs_of_drafts_and_shipped_texts_are_listed_oldest_first() {
        let (_folder, store) = store();
        let db = store.db();
        let (_, first) = shipped_draft(db, "one two", "one twi");
        let (_, second) = shipped_draft(db, "three", "four");
        let listed = pairs(db).unwrap();
        assert_eq!(listed.iter().map(|pair| pair.0).collect::<Vec<_>>(), [first, second]);
        assert_eq!((listed[1].2.as_str(), listed[1].3.as_str()), ("three", "four"));
    }

    #[test]
    fn a_draft_knows_whether_a_prompt_wrote_it() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let id = begin(db, &seed("rain"), base, None, 1, "then").unwrap();
        assert!(!one(db, id).unwrap().prompted);
        // The default prompt has no entry of its own.
        set_program(db, id, 0).unwrap();
        assert!(one(db, id).unwrap().prompted);
        assert!(set_program(db, id, 99).is_err(), "no such prompt");
    }
}
