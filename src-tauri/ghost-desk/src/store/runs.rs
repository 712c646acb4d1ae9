//! Runs and their steps. The rows of a run are in its folder, so that a resumed run trains on
//! exactly the same data.

use ghost_core::id::{AdapterId, BaseId, RunId};
use ghost_core::run::{Recipe, RunState, Step};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// A stored run.
#[derive(Debug, Clone)]
pub(crate) struct StoredRun {
    /// Its id.
    pub(crate) id: RunId,
    /// Its state as last stored; its process may have died since.
    pub(crate) state: RunState,
    /// Its recipe.
    pub(crate) recipe: Recipe,
    /// Time limit in minutes, if any.
    pub(crate) minutes: Option<f64>,
    /// Its base.
    pub(crate) base: BaseId,
    /// Training rows.
    pub(crate) n_rows: u32,
    /// Notes.
    pub(crate) notes: Vec<String>,
    /// Start time.
    pub(crate) started_at: String,
    /// End time.
    pub(crate) ended_at: Option<String>,
    /// Its adapter.
    pub(crate) adapter: Option<AdapterId>,
}

const QUERY: &str = "SELECT r.id, r.state, r.recipe, r.minutes, r.base, r.n_rows, r.notes, \
     r.started_at, r.ended_at, a.id FROM runs r LEFT JOIN adapters a ON a.run = r.id";

/// Creates a run.
///
/// # Errors
/// The store's.
pub(crate) fn begin(
    db: &Connection,
    recipe: &Recipe,
    minutes: Option<f64>,
    base: BaseId,
    n_rows: usize,
    notes: &[String],
    now: &str,
) -> Result<RunId> {
    db.execute(
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
    Ok(RunId(db.last_insert_rowid()))
}

/// Sets the state of a run.
///
/// # Errors
/// The store's.
pub(crate) fn set_state(
    db: &Connection,
    id: RunId,
    state: RunState,
    ended_at: Option<&str>,
) -> Result<()> {
    db.execute(
        "UPDATE runs SET state = ?2, ended_at = ?3 WHERE id = ?1",
        params![id.0, state_name(state), ended_at],
    )?;
    Ok(())
}

/// Replaces the recipe with one fitted to the time limit.
///
/// # Errors
/// The store's.
pub(crate) fn fit(db: &Connection, id: RunId, recipe: &Recipe) -> Result<()> {
    db.execute("UPDATE runs SET recipe = ?2 WHERE id = ?1", params![id.0, to_json(recipe)?])?;
    Ok(())
}

/// Adds a note to a run.
///
/// # Errors
/// The store's.
pub(crate) fn note(db: &Connection, id: RunId, sentence: &str) -> Result<()> {
    let mut notes = one(db, id)?.notes;
    if !notes.iter().any(|note| note == sentence) {
        notes.push(sentence.to_owned());
        db.execute("UPDATE runs SET notes = ?2 WHERE id = ?1", params![id.0, to_json(&notes)?])?;
    }
    Ok(())
}

/// Stores a step; a step repeated after an interruption replaces the first.
///
/// # Errors
/// The store's.
pub(crate) fn keep_step(db: &Connection, id: RunId, step: &Step) -> Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3)")?.execute(params![
        id.0,
        step.n as i64,
        to_json(step)?
    ])?;
    Ok(())
}

/// The steps of a run after step `after`.
///
/// # Errors
/// The store's.
pub(crate) fn steps(db: &Connection, id: RunId, after: usize) -> Result<Vec<Step>> {
    let mut query =
        db.prepare_cached("SELECT step FROM steps WHERE run = ?1 AND n > ?2 ORDER BY n")?;
    let steps = query.query_map(params![id.0, after as i64], |row| row.get::<_, String>(0))?;
    steps.map(|step| from_json(&step?)).collect()
}

/// The last finished step of a run.
///
/// # Errors
/// The store's.
pub(crate) fn last_step(db: &Connection, id: RunId) -> Result<Option<Step>> {
    let step: Option<String> = db
        .prepare_cached("SELECT step FROM steps WHERE run = ?1 ORDER BY n DESC LIMIT 1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    step.map(|step| from_json(&step)).transpose()
}

/// One run.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(db: &Connection, id: RunId) -> Result<StoredRun> {
    db.prepare_cached(&format!("{QUERY} WHERE r.id = ?1"))?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("run", id))?
}

/// All runs, newest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<StoredRun>> {
    let mut query = db.prepare_cached(&format!("{QUERY} ORDER BY r.id DESC"))?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::failure::Code;
    use crate::store::adapters;
    use crate::store::testing::{base, run, store};

    #[test]
    fn a_run_is_stored_with_its_recipe_and_its_adapter() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let id = run(db, base);
        let stored = one(db, id).unwrap();
        assert_eq!(
            (stored.state, stored.recipe, stored.n_rows),
            (RunState::Waiting, Recipe::quick(1, 1, 7), 5)
        );
        let adapter = adapters::of_run(db, id, base, "quick", 5, "now").unwrap();
        set_state(db, id, RunState::Done, Some("later")).unwrap();
        let second = run(db, base);
        let listed = all(db).unwrap();
        assert_eq!(listed.iter().map(|run| run.id).collect::<Vec<_>>(), [second, id]);
        assert_eq!(
            (listed[1].adapter, listed[1].ended_at.as_deref()),
            (Some(adapter), Some("later"))
        );
        assert_eq!(one(db, RunId(99)).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn a_note_is_added_once() {
        let (_folder, store) = store();
        let db = store.db();
        let id = run(db, base(db, "f"));
        for sentence in ["First.", "Second.", "First."] {
            note(db, id, sentence).unwrap();
        }
        assert_eq!(one(db, id).unwrap().notes, ["First.", "Second."]);
    }

    #[test]
    fn a_step_that_is_repeated_replaces_the_first() {
        let (_folder, store) = store();
        let db = store.db();
        let id = run(db, base(db, "f"));
        assert_eq!(last_step(db, id).unwrap(), None);
        for (n, loss) in [(1, 3.0), (2, 2.0), (2, 1.5), (3, 1.0)] {
            keep_step(db, id, &Step { n, loss, ..Step::default() }).unwrap();
        }
        let losses = |after| -> Vec<f32> {
            steps(db, id, after).unwrap().iter().map(|step| step.loss).collect()
        };
        assert_eq!((losses(0), losses(2)), (vec![3.0, 1.5, 1.0], vec![1.0]));
        assert_eq!(last_step(db, id).unwrap().unwrap().n, 3);
    }

    #[test]
    fn a_fitted_recipe_replaces_the_first() {
        let (_folder, store) = store();
        let db = store.db();
        let id = run(db, base(db, "f"));
        let fitted = Recipe { warmup_steps: 2, ..Recipe::quick(1, 1, 7) };
        fit(db, id, &fitted).unwrap();
        assert_eq!(one(db, id).unwrap().recipe, fitted);
    }
}
