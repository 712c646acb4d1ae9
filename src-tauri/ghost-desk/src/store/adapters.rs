//! Adapters, their verdicts, held-out scores, and who writes since when.

use ghost_core::id::{AdapterId, BaseId, RunId};
use ghost_core::verdict::Verdict;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// An adapter as it is kept; its weights and card lie in its folder.
#[derive(Debug, Clone)]
pub(crate) struct StoredAdapter {
    /// Its id.
    pub(crate) id: AdapterId,
    /// The run that made it.
    pub(crate) run: Option<RunId>,
    /// The base it belongs to.
    pub(crate) base: BaseId,
    /// The recipe's name.
    pub(crate) recipe: String,
    /// Rows it learned from.
    pub(crate) n_rows: u32,
    /// Put away.
    pub(crate) retired: bool,
    /// When it was made.
    pub(crate) made_at: String,
}

const QUERY: &str = "SELECT id, run, base, recipe, n_rows, retired, made_at FROM adapters";

/// The adapter of a run: made now, or as it was made before an interruption.
///
/// # Errors
/// The store's.
pub(crate) fn of_run(
    on: &Connection,
    run: RunId,
    base: BaseId,
    recipe: &str,
    n_rows: u32,
    now: &str,
) -> Result<AdapterId> {
    on.execute(
        "INSERT OR IGNORE INTO adapters (run, base, recipe, n_rows, made_at) VALUES (?1,?2,?3,?4,?5)",
        params![run.0, base.0, recipe, n_rows, now],
    )?;
    Ok(AdapterId(on.query_row("SELECT id FROM adapters WHERE run = ?1", [run.0], |r| r.get(0))?))
}

/// All adapters, the newest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<StoredAdapter>> {
    let mut query = on.prepare_cached(&format!("{QUERY} ORDER BY id DESC"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One adapter.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(on: &Connection, id: AdapterId) -> Result<StoredAdapter> {
    on.prepare_cached(&format!("{QUERY} WHERE id = ?1"))?
        .query_row([id.0], read)
        .optional()?
        .ok_or_else(|| Failure::not_found("adapter", id))
}

/// Puts an adapter away, or takes it out again.
///
/// # Errors
/// The store's.
pub(crate) fn set_retired(on: &Connection, id: AdapterId, retired: bool) -> Result<()> {
    on.execute("UPDATE adapters SET retired = ?2 WHERE id = ?1", params![id.0, retired])?;
    Ok(())
}

/// Keeps a verdict; the newest counts.
///
/// # Errors
/// The store's.
pub(crate) fn keep_verdict(
    on: &Connection,
    id: AdapterId,
    verdict: &Verdict,
    now: &str,
) -> Result<()> {
    on.execute(
        "INSERT INTO verdicts (adapter, verdict, reached_at) VALUES (?1, ?2, ?3)",
        params![id.0, to_json(verdict)?, now],
    )?;
    Ok(())
}

/// The newest verdict on an adapter.
///
/// # Errors
/// The store's.
pub(crate) fn verdict(on: &Connection, id: AdapterId) -> Result<Option<Verdict>> {
    let verdict: Option<String> = on
        .prepare_cached("SELECT verdict FROM verdicts WHERE adapter = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    verdict.map(|verdict| from_json(&verdict)).transpose()
}

/// Who writes now and who wrote before: the newest two reigns. Inner `None` is the bare base.
///
/// # Errors
/// The store's.
pub(crate) fn reigns(on: &Connection) -> Result<(Option<AdapterId>, Option<Option<AdapterId>>)> {
    let mut query = on.prepare_cached("SELECT adapter FROM ghosts ORDER BY id DESC LIMIT 2")?;
    let reigns: Vec<Option<i64>> =
        query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut reigns = reigns.into_iter().map(|adapter| adapter.map(AdapterId));
    let now = reigns.next();
    // Before the first adapter the bare base wrote.
    let before = now.map(|_| reigns.next().flatten());
    Ok((now.flatten(), before))
}

/// Lets an adapter, or the bare base, write from now on.
///
/// # Errors
/// The store's.
pub(crate) fn crown(on: &Connection, adapter: Option<AdapterId>, now: &str) -> Result<()> {
    if reigns(on)?.0 != adapter {
        on.execute(
            "INSERT INTO ghosts (adapter, since) VALUES (?1, ?2)",
            params![adapter.map(|a| a.0), now],
        )?;
    }
    Ok(())
}

/// Bits measured before.
///
/// # Errors
/// The store's.
pub(crate) fn score(on: &Connection, what: &str) -> Result<Option<f64>> {
    Ok(on
        .prepare_cached("SELECT bits FROM scores WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?)
}

/// Keeps bits measured.
///
/// # Errors
/// The store's.
pub(crate) fn keep_score(on: &Connection, what: &str, bits: f64) -> Result<()> {
    on.prepare_cached("INSERT OR REPLACE INTO scores VALUES (?1, ?2)")?
        .execute(params![what, bits])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredAdapter> {
    Ok(StoredAdapter {
        id: AdapterId(row.get(0)?),
        run: row.get::<_, Option<i64>>(1)?.map(RunId),
        base: BaseId(row.get(2)?),
        recipe: row.get(3)?,
        n_rows: row.get(4)?,
        retired: row.get(5)?,
        made_at: row.get(6)?,
    })
}
