//! What pieces would have been asked for with, where a base chose it or the writer said so.

use std::collections::BTreeMap;

use ghost_core::id::PieceId;
use ghost_core::seed::Seed;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{from_json, to_json};
use crate::failure::Result;

/// Who made a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// Taken from the piece's own words, and chosen by the base.
    Extracted,
    /// Proposed by the base.
    Base,
    /// Put right by the writer; never taken back.
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

/// A seed as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredSeed {
    /// The seed.
    pub(crate) seed: Seed,
    /// Who made it.
    pub(crate) maker: Maker,
    /// Bits a byte of the piece that it saves the untouched base.
    pub(crate) saves: Option<f64>,
}

/// Keeps a seed; one of the writer's gives way to nobody but the writer.
///
/// # Errors
/// The store's.
pub(crate) fn keep(on: &Connection, piece: PieceId, kept: &StoredSeed, now: &str) -> Result<()> {
    on.prepare_cached(
        "INSERT INTO piece_seeds VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (piece) DO UPDATE SET \
         seed = excluded.seed, origin = excluded.origin, saves = excluded.saves, \
         made_at = excluded.made_at WHERE origin <> 'writer' OR excluded.origin = 'writer'",
    )?
    .execute(params![piece.0, to_json(&kept.seed)?, kept.maker.name(), kept.saves, now])?;
    Ok(())
}

/// Forgets a seed, and what was said of the piece before it was changed: its own words make another.
///
/// # Errors
/// The store's.
pub(crate) fn forget(on: &Connection, piece: PieceId) -> Result<()> {
    on.execute(
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
pub(crate) fn of(on: &Connection, piece: PieceId) -> Result<Option<StoredSeed>> {
    let found = on
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

/// All of them, of pieces that count.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<BTreeMap<PieceId, Seed>> {
    let mut query = on.prepare_cached(
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

/// A piece that took the place of another keeps what the writer said of it.
///
/// # Errors
/// The store's.
pub(crate) fn carry_over(on: &Connection) -> Result<()> {
    on.execute(
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

    /// Keeps a piece of this text, as the file `a.md` has it now.
    fn piece(on: &Connection, text: &str) -> PieceId {
        let piece = archive::read("a.md", text.as_bytes()).0.swap_remove(0);
        let marks = crate::import::marks(&piece);
        super::super::pieces::keep(on, &piece, &marks, "now").unwrap();
        super::super::pieces::all(on).unwrap()[0].id
    }

    fn seed(topic: &str, maker: Maker) -> StoredSeed {
        let seed = Seed { topic: topic.to_owned(), ..Seed::default() };
        StoredSeed { seed, maker, saves: None }
    }

    #[test]
    fn the_writers_seed_gives_way_to_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = piece(store.on(), "# Rain\n\nIt rained all day, and I put a pan under it.");
        keep(store.on(), id, &seed("rain", Maker::Extracted), "now").unwrap();
        keep(store.on(), id, &seed("a leak", Maker::Writer), "now").unwrap();
        keep(store.on(), id, &seed("weather", Maker::Base), "now").unwrap();
        assert_eq!(of(store.on(), id).unwrap().unwrap().seed.topic, "a leak");
        forget(store.on(), id).unwrap();
        assert!(of(store.on(), id).unwrap().is_none());
    }

    #[test]
    fn a_changed_piece_keeps_what_the_writer_said_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = piece(store.on(), "# Rain\n\nIt rained all day, and I put a pan under it.");
        keep(store.on(), id, &seed("a leak", Maker::Writer), "now").unwrap();
        let newer = piece(store.on(), "# Rain\n\nIt rained all week, and I put two pans under it.");
        assert_ne!(id, newer);
        carry_over(store.on()).unwrap();
        let seeds = all(store.on()).unwrap();
        assert_eq!(seeds.get(&newer).map(|seed| seed.topic.as_str()), Some("a leak"));
        assert_eq!(seeds.len(), 1, "the older version no longer counts");
        forget(store.on(), newer).unwrap();
        carry_over(store.on()).unwrap();
        assert!(all(store.on()).unwrap().is_empty(), "what was forgotten does not come back");
    }
}
