//! Runs and their steps. The rows of a run lie in its folder, so that going on with it learns
//! from exactly what it began with.

use ghost_core::id::{AdapterId, BaseId, RunId};
use ghost_core::run::{Recipe, RunState, Step};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// A run as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredRun {
    /// Its id.
    pub(crate) id: RunId,
    /// Where it stands, as last written; its process may have died since.
    pub(crate) state: RunState,
    /// Its numbers.
    pub(crate) recipe: Recipe,
    /// Most minutes, where some were given.
    pub(crate) minutes: Option<f64>,
    /// The base it learns on.
    pub(crate) base: BaseId,
    /// Rows it learns from.
    pub(crate) n_rows: u32,
    /// What it says of itself.
    pub(crate) notes: Vec<String>,
    /// When it began.
    pub(crate) started_at: String,
    /// When it ended.
    pub(crate) ended_at: Option<String>,
    /// The adapter it made.
    pub(crate) adapter: Option<AdapterId>,
}

const QUERY: &str = "SELECT r.id, r.state, r.recipe, r.minutes, r.base, r.n_rows, r.notes, \
     r.started_at, r.ended_at, a.id FROM runs r LEFT JOIN adapters a ON a.run = r.id";

/// Begins a run.
///
/// # Errors
/// The store's.
pub(crate) fn begin(
    on: &Connection,
    recipe: &Recipe,
    minutes: Option<f64>,
    base: BaseId,
    n_rows: usize,
    notes: &[String],
    now: &str,
) -> Result<RunId> {
    on.execute(
        "INSERT INTO runs (state, recipe, minutes, base, n_rows, notes, started_at) \
         VALUES (?1,?2,?3,?4,?5,?6,?7)",
        params![
            state_name(RunState::Waiting),
            to_json(recipe)?,
            minutes,
            base.0,
            n_rows as i64,
            to_json(&notes)?,
            now
        ],
    )?;
    Ok(RunId(on.last_insert_rowid()))
}

/// Says where a run stands.
///
/// # Errors
/// The store's.
pub(crate) fn set_state(
    on: &Connection,
    id: RunId,
    state: RunState,
    ended_at: Option<&str>,
) -> Result<()> {
    on.execute(
        "UPDATE runs SET state = ?2, ended_at = ?3 WHERE id = ?1",
        params![id.0, state_name(state), ended_at],
    )?;
    Ok(())
}

/// Fixes the recipe that was fitted to the minutes given.
///
/// # Errors
/// The store's.
pub(crate) fn fit(on: &Connection, id: RunId, recipe: &Recipe) -> Result<()> {
    on.execute("UPDATE runs SET recipe = ?2 WHERE id = ?1", params![id.0, to_json(recipe)?])?;
    Ok(())
}

/// Adds to what a run says of itself.
///
/// # Errors
/// The store's.
pub(crate) fn note(on: &Connection, id: RunId, sentence: &str) -> Result<()> {
    let mut notes = one(on, id)?.notes;
    if !notes.iter().any(|note| note == sentence) {
        notes.push(sentence.to_owned());
        on.execute("UPDATE runs SET notes = ?2 WHERE id = ?1", params![id.0, to_json(&notes)?])?;
    }
    Ok(())
}

/// Keeps a step. A step done again after an interruption takes the place of the first.
///
/// # Errors
/// The store's.
pub(crate) fn keep_step(on: &Connection, id: RunId, step: &Step) -> Result<()> {
    on.prepare_cached("INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3)")?.execute(params![
        id.0,
        step.n as i64,
        to_json(step)?
    ])?;
    Ok(())
}

/// The curve of a run, from the step after `after`.
///
/// # Errors
/// The store's.
pub(crate) fn steps(on: &Connection, id: RunId, after: usize) -> Result<Vec<Step>> {
    let mut query =
        on.prepare_cached("SELECT step FROM steps WHERE run = ?1 AND n > ?2 ORDER BY n")?;
    let steps = query.query_map(params![id.0, after as i64], |row| row.get::<_, String>(0))?;
    steps.map(|step| from_json(&step?)).collect()
}

/// The last step a run did.
///
/// # Errors
/// The store's.
pub(crate) fn last_step(on: &Connection, id: RunId) -> Result<Option<Step>> {
    let step: Option<String> = on
        .prepare_cached("SELECT step FROM steps WHERE run = ?1 ORDER BY n DESC LIMIT 1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    step.map(|step| from_json(&step)).transpose()
}

/// One run.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(on: &Connection, id: RunId) -> Result<StoredRun> {
    on.prepare_cached(&format!("{QUERY} WHERE r.id = ?1"))?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("run", id))?
}

/// All runs, the newest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<StoredRun>> {
    let mut query = on.prepare_cached(&format!("{QUERY} ORDER BY r.id DESC"))?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

fn state_name(state: RunState) -> String {
    to_json(&state).unwrap_or_default().trim_matches('"').to_owned()
}

fn read(row: &Row<'_>) -> Result<StoredRun> {
    Ok(StoredRun {
        id: RunId(row.get(0)?),
        state: from_json(&format!("\"{}\"", row.get::<_, String>(1)?))?,
        recipe: from_json(&row.get::<_, String>(2)?)?,
        minutes: row.get(3)?,
        base: BaseId(row.get(4)?),
        n_rows: row.get(5)?,
        notes: from_json(&row.get::<_, String>(6)?)?,
        started_at: row.get(7)?,
        ended_at: row.get(8)?,
        adapter: row.get::<_, Option<i64>>(9)?.map(AdapterId),
    })
}
