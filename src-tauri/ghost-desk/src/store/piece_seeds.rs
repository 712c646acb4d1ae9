//! Seeds of pieces that a base chose or the writer set.

use std::collections::BTreeMap;

use ghost_core::id::PieceId;
use ghost_core::seed::Seed;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{from_json, to_json};
use crate::failure::Result;

/// The origin of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// Extracted from the piece, and chosen by the base.
    Extracted,
    /// Proposed by the base.
    Base,
    /// Set by the writer; never replaced automatically.
    Writer,
}

impl Maker {
    /// Its name in the store and on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Maker::Extracted => "extracted",
            Maker::Base => "base",
            Maker::Writer => "writer",
        }
    }

    fn of(name: &str) -> Maker {
        match name {
            "writer" => Maker::Writer,
            "base" => Maker::Base,
            _ => Maker::Extracted,
        }
    }
}

/// A stored seed.
#[derive(Debug, Clone)]
pub(crate) struct StoredSeed {
    /// The seed.
    pub(crate) seed: Seed,
    /// Its origin.
    pub(crate) maker: Maker,
    /// Bits per byte that it saves the base on the piece.
    pub(crate) saves: Option<f64>,
}

/// Stores a seed; the writer's seed is only replaced by the writer.
///
/// # Errors
/// The store's.
pub(crate) fn keep(db: &Connection, piece: PieceId, kept: &StoredSeed, now: &str) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO piece_seeds VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (piece) DO UPDATE SET \
         seed = excluded.seed, origin = excluded.origin, saves = excluded.saves, \
         made_at = excluded.made_at WHERE origin <> 'writer' OR excluded.origin = 'writer'",
    )?
    .execute(params![piece.0, to_json(&kept.seed)?, kept.maker.name(), kept.saves, now])?;
    Ok(())
}

/// Forgets the seed of a piece and of its earlier versions.
///
/// # Errors
/// The store's.
pub(crate) fn forget(db: &Connection, piece: PieceId) -> Result<()> {
    db.execute(
        "WITH RECURSIVE versions (id) AS (SELECT ?1 UNION SELECT p.id FROM pieces p \
         JOIN versions v ON p.replaced_by = v.id) \
         DELETE FROM piece_seeds WHERE piece IN (SELECT id FROM versions)",
        [piece.0],
    )?;
    Ok(())
}

/// The seed of one piece.
///
/// # Errors
/// The store's.
pub(crate) fn of(db: &Connection, piece: PieceId) -> Result<Option<StoredSeed>> {
    let found = db
        .prepare_cached("SELECT seed, origin, saves FROM piece_seeds WHERE piece = ?1")?
        .query_row([piece.0], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })
        .optional()?;
    found
        .map(|(seed, maker, saves)| {
            Ok(StoredSeed { seed: from_json(&seed)?, maker: Maker::of(&maker), saves })
        })
        .transpose()
}

/// The seeds of all current pieces.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<BTreeMap<PieceId, Seed>> {
    let mut query = db.prepare_cached(
        "SELECT s.piece, s.seed FROM piece_seeds s JOIN pieces p ON p.id = s.piece \
         WHERE p.replaced_by IS NULL",
    )?;
    let found = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    found
        .map(|found| {
            let (piece, seed) = found?;
            Ok((PieceId(piece), from_json(&seed)?))
        })
        .collect()
}

/// A piece that replaced another inherits the writer's seed.
///
/// # Errors
/// The store's.
pub(crate) fn carry_over(db: &Connection) -> Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO piece_seeds SELECT p.replaced_by, s.seed, s.origin, NULL, s.made_at \
         FROM piece_seeds s JOIN pieces p ON p.id = s.piece \
         WHERE p.replaced_by IS NOT NULL AND s.origin = 'writer'",
        [],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::Store;
    use ghost_core::archive;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("desk.db")).unwrap()
    }

    /// Stores a piece with this text, as the current version of the file `a.md`.
    fn piece(db: &Connection, text: &str) -> PieceId {
        let piece = archive::read("a.md", text.as_bytes()).0.swap_remove(0);
        let keys = crate::import::keys(&piece);
        super::super::pieces::keep(db, &piece, &keys, "now").unwrap();
        super::super::pieces::all(db).unwrap()[0].id
    }

    fn seed(topic: &str, maker: Maker) -> StoredSeed {
        let seed = Seed { topic: topic.to_owned(), ..Seed::default() };
        StoredSeed { seed, maker, saves: None }
    }

    #[test]
    fn the_writers_seed_is_not_replaced_automatically() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = piece(store.db(), "# Rain\n\nIt rained all day, and I put a pan under it.");
        keep(store.db(), id, &seed("rain", Maker::Extracted), "now").unwrap();
        keep(store.db(), id, &seed("a leak", Maker::Writer), "now").unwrap();
        keep(store.db(), id, &seed("weather", Maker::Base), "now").unwrap();
        assert_eq!(of(store.db(), id).unwrap().unwrap().seed.topic, "a leak");
        forget(store.db(), id).unwrap();
        assert!(of(store.db(), id).unwrap().is_none());
    }

    #[test]
    fn a_changed_piece_keeps_the_writers_seed() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = piece(store.db(), "# Rain\n\nIt rained all day, and I put a pan under it.");
        keep(store.db(), id, &seed("a leak", Maker::Writer), "now").unwrap();
        let newer = piece(store.db(), "# Rain\n\nIt rained all week, and I put two pans under it.");
        assert_ne!(id, newer);
        carry_over(store.db()).unwrap();
        let seeds = all(store.db()).unwrap();
        assert_eq!(seeds.get(&newer).map(|seed| seed.topic.as_str()), Some("a leak"));
        assert_eq!(seeds.len(), 1, "without the older version");
        forget(store.db(), newer).unwrap();
        carry_over(store.db()).unwrap();
        assert!(all(store.db()).unwrap().is_empty(), "a forgotten seed does not return");
    }
}
