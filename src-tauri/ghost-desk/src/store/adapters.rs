//! Adapters, verdicts, cached scores, and the history of active adapters.

use ghost_core::id::{AdapterId, BaseId, RunId};
use ghost_core::verdict::Verdict;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// A stored adapter; its weights and card are files in its folder.
#[derive(Debug, Clone)]
pub(crate) struct StoredAdapter {
    /// Its id.
    pub(crate) id: AdapterId,
    /// The run that made it.
    pub(crate) run: Option<RunId>,
    /// The base it belongs to.
    pub(crate) base: BaseId,
    /// Name of the recipe.
    pub(crate) recipe: String,
    /// Training rows.
    pub(crate) n_rows: u32,
    /// Whether it is retired.
    pub(crate) retired: bool,
    /// Creation time.
    pub(crate) made_at: String,
}

const QUERY: &str = "SELECT id, run, base, recipe, n_rows, retired, made_at FROM adapters";

/// The adapter of a run: a new one, or the one created before an interruption.
///
/// # Errors
/// The store's.
pub(crate) fn of_run(
    db: &Connection,
    run: RunId,
    base: BaseId,
    recipe: &str,
    n_rows: u32,
    now: &str,
) -> Result<AdapterId> {
    db.execute(
        "INSERT OR IGNORE INTO adapters (run, base, recipe, n_rows, made_at) VALUES (?1,?2,?3,?4,?5)",
        params![run.0, base.0, recipe, n_rows, now],
    )?;
    Ok(AdapterId(db.query_row("SELECT id FROM adapters WHERE run = ?1", [run.0], |r| r.get(0))?))
}

/// All adapters, newest first.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<StoredAdapter>> {
    let mut query = db.prepare_cached(&format!("{QUERY} ORDER BY id DESC"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One adapter.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(db: &Connection, id: AdapterId) -> Result<StoredAdapter> {
    db.prepare_cached(&format!("{QUERY} WHERE id = ?1"))?
        .query_row([id.0], read)
        .optional()?
        .ok_or_else(|| Failure::not_found("adapter", id))
}

/// Retires an adapter, or undoes that.
///
/// # Errors
/// The store's.
pub(crate) fn set_retired(db: &Connection, id: AdapterId, retired: bool) -> Result<()> {
    db.execute("UPDATE adapters SET retired = ?2 WHERE id = ?1", params![id.0, retired])?;
    Ok(())
}

/// Stores a verdict; the newest one applies.
///
/// # Errors
/// The store's.
pub(crate) fn keep_verdict(
    db: &Connection,
    id: AdapterId,
    verdict: &Verdict,
    now: &str,
) -> Result<()> {
    db.execute(
        "INSERT INTO verdicts (adapter, verdict, reached_at) VALUES (?1, ?2, ?3)",
        params![id.0, to_json(verdict)?, now],
    )?;
    Ok(())
}

/// The newest verdict on an adapter.
///
/// # Errors
/// The store's.
pub(crate) fn verdict(db: &Connection, id: AdapterId) -> Result<Option<Verdict>> {
    let verdict: Option<String> = db
        .prepare_cached("SELECT verdict FROM verdicts WHERE adapter = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    verdict.map(|verdict| from_json(&verdict)).transpose()
}

/// The active adapter and the previous one. An inner `None` is the base alone.
///
/// # Errors
/// The store's.
pub(crate) fn active_and_previous(
    db: &Connection,
) -> Result<(Option<AdapterId>, Option<Option<AdapterId>>)> {
    let mut query = db.prepare_cached("SELECT adapter FROM ghosts ORDER BY id DESC LIMIT 2")?;
    let active_and_previous: Vec<Option<i64>> =
        query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut active_and_previous =
        active_and_previous.into_iter().map(|adapter| adapter.map(AdapterId));
    let now = active_and_previous.next();
    // Before the first adapter, the base was active.
    let before = now.map(|_| active_and_previous.next().flatten());
    Ok((now.flatten(), before))
}

/// Activates an adapter, or the base alone.
///
/// # Errors
/// The store's.
pub(crate) fn set_active_adapter(
    db: &Connection,
    adapter: Option<AdapterId>,
    now: &str,
) -> Result<()> {
    if active_and_previous(db)?.0 != adapter {
        db.execute(
            "INSERT INTO ghosts (adapter, since) VALUES (?1, ?2)",
            params![adapter.map(|a| a.0), now],
        )?;
    }
    Ok(())
}

/// A cached measurement, in bits.
///
/// # Errors
/// The store's.
pub(crate) fn score(db: &Connection, what: &str) -> Result<Option<f64>> {
    Ok(db
        .prepare_cached("SELECT bits FROM scores WHERE what = ?1")?
        .query_row([what], |row| row.get(0))
        .optional()?)
}

/// Caches a measurement, in bits.
///
/// # Errors
/// The store's.
pub(crate) fn keep_score(db: &Connection, what: &str, bits: f64) -> Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO scores VALUES (?1, ?2)")?
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ghost_core::verdict::{self, Evidence};

    use super::*;
    use crate::failure::Code;
    use crate::store::testing::{base, run, store};

    #[test]
    fn a_run_has_one_adapter_even_if_it_was_interrupted() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let (first, second) = (run(db, base), run(db, base));
        let adapter = of_run(db, first, base, "quick", 5, "now").unwrap();
        assert_eq!(of_run(db, first, base, "quick", 5, "later").unwrap(), adapter);
        let other = of_run(db, second, base, "nightly", 6, "later").unwrap();
        let listed = all(db).unwrap();
        assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [other, adapter]);
        assert_eq!((listed[1].run, listed[1].made_at.as_str()), (Some(first), "now"));
        assert_eq!((listed[0].recipe.as_str(), listed[0].n_rows), ("nightly", 6));
    }

    #[test]
    fn the_active_and_the_previous_adapter_are_known() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        assert_eq!(active_and_previous(db).unwrap(), (None, None));
        let adapter = of_run(db, run(db, base), base, "quick", 5, "now").unwrap();
        set_active_adapter(db, Some(adapter), "now").unwrap();
        assert_eq!(active_and_previous(db).unwrap(), (Some(adapter), Some(None)));
        // Activating the active one again is not a change that can be rolled back.
        set_active_adapter(db, Some(adapter), "later").unwrap();
        assert_eq!(active_and_previous(db).unwrap(), (Some(adapter), Some(None)));
        set_active_adapter(db, None, "later").unwrap();
        assert_eq!(active_and_previous(db).unwrap(), (None, Some(Some(adapter))));
    }

    #[test]
    fn the_newest_verdict_applies() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let adapter = of_run(db, run(db, base), base, "quick", 5, "now").unwrap();
        assert_eq!(verdict(db, adapter).unwrap(), None);
        let first = verdict::decide(&Evidence::default(), 1);
        let second = Verdict { reasons: vec!["Another reason.".into()], ..first.clone() };
        keep_verdict(db, adapter, &first, "now").unwrap();
        keep_verdict(db, adapter, &second, "later").unwrap();
        assert_eq!(verdict(db, adapter).unwrap(), Some(second));
    }

    #[test]
    fn retiring_an_adapter_can_be_undone() {
        let (_folder, store) = store();
        let (db, base) = (store.db(), base(store.db(), "f"));
        let adapter = of_run(db, run(db, base), base, "quick", 5, "now").unwrap();
        for retired in [true, false] {
            set_retired(db, adapter, retired).unwrap();
            assert_eq!(one(db, adapter).unwrap().retired, retired);
        }
        assert_eq!(one(db, AdapterId(99)).unwrap_err().code, Code::NotFound);
    }

    #[test]
    fn scores_are_cached_exactly() {
        let (_folder, store) = store();
        assert_eq!(score(store.db(), "a").unwrap(), None);
        for bits in [1.0 / 3.0, 2.0_f64.sqrt()] {
            keep_score(store.db(), "a", bits).unwrap();
            assert_eq!(score(store.db(), "a").unwrap(), Some(bits));
        }
    }
}
