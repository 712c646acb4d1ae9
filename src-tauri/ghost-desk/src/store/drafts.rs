//! Drafts, the writer's text so far on each, and what was shipped.
//!
//! A draft grows while it is written and never changes afterwards; the writer's own text stands
//! beside it.

use ghost_core::id::{AdapterId, BaseId, DraftId, EditId};
use ghost_core::seed::Seed;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, to_json};
use crate::failure::{Code, Failure, Result};

/// A draft as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredDraft {
    /// Its id.
    pub(crate) id: DraftId,
    /// What was asked for.
    pub(crate) seed: Seed,
    /// What the ghost wrote.
    pub(crate) text: String,
    /// How many tokens it wrote.
    pub(crate) tokens: u32,
    /// How long it took.
    pub(crate) seconds: f64,
    /// The adapter that wrote it.
    pub(crate) adapter: Option<AdapterId>,
    /// Whether the base wrote it after the best prompt.
    pub(crate) prompted: bool,
    /// Makes it repeatable.
    pub(crate) random_seed: u64,
    /// Why it ended, as JSON of the wire's own name; absent while it is written.
    pub(crate) ended: Option<String>,
    /// When it was asked for.
    pub(crate) written_at: String,
    /// The writer's text so far.
    pub(crate) working: Option<String>,
    /// What was shipped.
    pub(crate) shipped: Option<String>,
}

const QUERY: &str = "SELECT d.id, s.seed, d.text, d.tokens, d.seconds, d.adapter, d.random_seed, \
     d.ended, d.written_at, w.text, p.text, d.prompted \
     FROM drafts d JOIN seeds s ON s.id = d.seed LEFT JOIN workings w ON w.draft = d.id \
     LEFT JOIN shipped p ON p.draft = d.id";

/// Begins a draft.
///
/// # Errors
/// The store's.
pub(crate) fn begin(
    on: &Connection,
    seed: &Seed,
    base: BaseId,
    adapter: Option<AdapterId>,
    random_seed: u64,
    now: &str,
) -> Result<DraftId> {
    on.execute("INSERT INTO seeds (seed) VALUES (?1)", [to_json(seed)?])?;
    let seed = on.last_insert_rowid();
    on.execute(
        "INSERT INTO drafts (seed, text, tokens, seconds, base, adapter, random_seed, written_at) \
         VALUES (?1, '', 0, 0, ?2, ?3, ?4, ?5)",
        params![seed, base.0, adapter.map(|a| a.0), random_seed.to_string(), now],
    )?;
    Ok(DraftId(on.last_insert_rowid()))
}

/// Keeps what a draft has grown to; refused once it has ended.
///
/// # Errors
/// The store's.
pub(crate) fn grow(
    on: &Connection,
    id: DraftId,
    text: &str,
    tokens: u32,
    seconds: f64,
    ended: Option<&str>,
) -> Result<()> {
    on.prepare_cached(
        "UPDATE drafts SET text = ?2, tokens = ?3, seconds = ?4, ended = ?5 \
         WHERE id = ?1 AND ended IS NULL",
    )?
    .execute(params![id.0, text, tokens, seconds, ended])?;
    Ok(())
}

/// Closes drafts whose process died while it wrote them.
///
/// # Errors
/// The store's.
pub(crate) fn close_interrupted(on: &Connection, ended: &str) -> Result<()> {
    on.execute("UPDATE drafts SET ended = ?1 WHERE ended IS NULL", [ended])?;
    Ok(())
}

/// One draft.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(on: &Connection, id: DraftId) -> Result<StoredDraft> {
    on.prepare_cached(&format!("{QUERY} WHERE d.id = ?1"))?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("draft", id))?
}

/// All drafts, the newest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<StoredDraft>> {
    let mut query = on.prepare_cached(&format!("{QUERY} ORDER BY d.id DESC"))?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Says that the base wrote a draft after a prompt that was searched for; 0 is the plainest prompt.
///
/// # Errors
/// The store's.
pub(crate) fn set_program(on: &Connection, id: DraftId, program: i64) -> Result<()> {
    on.execute(
        "UPDATE drafts SET prompted = 1, program = nullif(?2, 0) WHERE id = ?1",
        params![id.0, program],
    )?;
    Ok(())
}

/// What was asked for, written and shipped, for each edit in order of age.
///
/// # Errors
/// The store's.
pub(crate) fn pairs(on: &Connection) -> Result<Vec<(EditId, Seed, String, String)>> {
    let mut query = on.prepare_cached(
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

/// All texts that were shipped.
///
/// # Errors
/// The store's.
pub(crate) fn shipped(on: &Connection) -> Result<Vec<String>> {
    let mut query = on.prepare_cached("SELECT text FROM shipped ORDER BY draft")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Keeps the writer's text so far.
///
/// # Errors
/// `not_found`, `bad_input` once it was shipped, or the store's.
pub(crate) fn save_working(on: &Connection, id: DraftId, text: &str, now: &str) -> Result<()> {
    if one(on, id)?.shipped.is_some() {
        return Err(already_shipped());
    }
    on.execute(
        "INSERT INTO workings VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET text = excluded.text, saved_at = excluded.saved_at",
        params![id.0, text, now],
    )?;
    Ok(())
}

/// Ships a text.
///
/// # Errors
/// `bad_input` where it was shipped before, or the store's.
pub(crate) fn ship(on: &Connection, id: DraftId, text: &str, now: &str) -> Result<()> {
    let new =
        on.execute("INSERT OR IGNORE INTO shipped VALUES (?1, ?2, ?3)", params![id.0, text, now])?;
    if new == 0 { Err(already_shipped()) } else { Ok(()) }
}

/// How many drafts were shipped.
///
/// # Errors
/// The store's.
pub(crate) fn n_shipped(on: &Connection) -> Result<u32> {
    Ok(on.query_row("SELECT count(*) FROM shipped", [], |row| row.get(0))?)
}

fn already_shipped() -> Failure {
    Failure::new(
        Code::BadInput,
        "This draft was shipped already; what was shipped does not change.",
    )
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
