//! Pieces of the archive. A changed piece is a new row that replaces the old one; nothing is lost.

use ghost_core::archive::{Kind, Piece};
use ghost_core::id::PieceId;
use ghost_core::split::Split;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// A piece as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct StoredPiece {
    /// Its id.
    pub(crate) id: PieceId,
    /// What it is for.
    pub(crate) side: Split,
    /// The piece.
    pub(crate) piece: Piece,
}

/// What became of a piece that was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was new.
    Added,
    /// It took the place of an older version of itself.
    Changed,
    /// It was here already.
    Duplicate,
}

const COLUMNS: &str = "id, source, kind, title, date, unfinished, text, apart, words, side, author";

/// What a piece is known by.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    /// Of its title and words.
    pub(crate) hash: String,
    /// What the text is whatever road it came by ([`Piece::gist`]).
    pub(crate) gist: i64,
}

/// Keeps a piece.
///
/// # Errors
/// The store's.
pub(crate) fn keep(on: &Connection, piece: &Piece, marks: &Marks, now: &str) -> Result<Kept> {
    let Marks { hash, gist } = marks;
    let (twin, older) = (twin(on, hash)?, older(on, piece, hash)?);
    let id = match twin {
        // The text is here already; if it is also what this file used to say, it stays so.
        Some((id, false)) if tells_more(on, id, piece)? => {
            on.execute(
                "UPDATE pieces SET source = ?2, kind = ?3, date = ?4, author = ?5, unfinished = ?6 \
                 WHERE id = ?1",
                facts(id, piece),
            )?;
            return Ok(Kept::Changed);
        }
        Some((id, false)) => {
            on.prepare_cached("UPDATE pieces SET gist = ?2 WHERE id = ?1 AND gist IS NULL")?
                .execute([id, *gist])?;
            return Ok(Kept::Duplicate);
        }
        None if older.is_none() && known(on, *gist)? => return Ok(Kept::Duplicate),
        // An older version has come back.
        Some((id, true)) => {
            on.execute(
                "UPDATE pieces SET replaced_by = NULL, source = ?2 WHERE id = ?1",
                params![id, piece.source],
            )?;
            id
        }
        None => {
            on.prepare_cached(
                "INSERT INTO pieces (hash, source, kind, title, date, unfinished, text, apart, \
                 words, side, imported_at, author, gist) \
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,'train',?10,?11,?12)",
            )?
            .execute(params![
                hash,
                piece.source,
                piece.kind.to_string(),
                piece.title,
                piece.date.map(|date| date.to_string()),
                piece.unfinished,
                piece.text,
                to_json(&piece.non_prose_spans)?,
                piece.words as i64,
                now,
                piece.author,
                gist,
            ])?;
            on.last_insert_rowid()
        }
    };
    match older {
        Some(older) => {
            on.execute("UPDATE pieces SET replaced_by = ?2 WHERE id = ?1", [older, id])?;
            Ok(Kept::Changed)
        }
        None => Ok(Kept::Added),
    }
}

/// What would become of a piece if it were kept.
///
/// # Errors
/// The store's.
pub(crate) fn fate(on: &Connection, piece: &Piece, marks: &Marks) -> Result<Kept> {
    Ok(match (twin(on, &marks.hash)?, older(on, piece, &marks.hash)?) {
        (Some((id, false)), _) if tells_more(on, id, piece)? => Kept::Changed,
        (Some((_, false)), _) => Kept::Duplicate,
        (_, Some(_)) => Kept::Changed,
        (None, None) if known(on, marks.gist)? => Kept::Duplicate,
        (_, None) => Kept::Added,
    })
}

/// Whether a file says something new of a text that is here: it is the file the text came from, whose
/// head was changed, or the text is published now and was not.
fn tells_more(on: &Connection, id: i64, piece: &Piece) -> Result<bool> {
    Ok(on
        .prepare_cached(
            "SELECT 1 FROM pieces WHERE id = ?1 AND (source = ?2 AND (kind <> ?3 OR date IS NOT ?4 \
             OR author IS NOT ?5 OR unfinished <> ?6) OR unfinished > ?6)",
        )?
        .exists(facts(id, piece))?)
}

/// What a file says of the text of a piece that is kept: ?1 is the piece, ?2 to ?6 are the facts.
fn facts(id: i64, piece: &Piece) -> impl Params {
    let date = piece.date.map(|date| date.to_string());
    (id, &piece.source, piece.kind.to_string(), date, &piece.author, piece.unfinished)
}

/// Whether the same text came in by another road.
fn known(on: &Connection, gist: i64) -> Result<bool> {
    Ok(on
        .prepare_cached("SELECT 1 FROM pieces WHERE gist = ?1 AND replaced_by IS NULL")?
        .exists([gist])?)
}

/// The piece of the same content, and whether a newer version took its place.
fn twin(on: &Connection, hash: &str) -> Result<Option<(i64, bool)>> {
    Ok(on
        .prepare_cached("SELECT id, replaced_by IS NOT NULL FROM pieces WHERE hash = ?1")?
        .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The piece that the same file gave before.
fn older(on: &Connection, piece: &Piece, hash: &str) -> Result<Option<i64>> {
    Ok(on
        .prepare_cached(
            "SELECT id FROM pieces WHERE source = ?1 AND hash <> ?2 AND replaced_by IS NULL",
        )?
        .query_row([&piece.source, hash], |row| row.get(0))
        .optional()?)
}

/// How many pieces each author has, the most frequent first.
///
/// # Errors
/// The store's.
pub(crate) fn authors(on: &Connection) -> Result<Vec<(String, u32)>> {
    let mut query = on.prepare_cached(
        "SELECT author, count(*) FROM pieces WHERE replaced_by IS NULL AND author IS NOT NULL \
         GROUP BY author ORDER BY 2 DESC, 1",
    )?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// The pieces that count, the newest first, the undated last.
///
/// # Errors
/// The store's.
pub(crate) fn all(on: &Connection) -> Result<Vec<StoredPiece>> {
    listed(on, COLUMNS)
}

/// The same, without their texts, which may be more than the memory should hold at once.
///
/// # Errors
/// The store's.
pub(crate) fn all_but_texts(on: &Connection) -> Result<Vec<StoredPiece>> {
    listed(on, &COLUMNS.replace("text, apart", "'', '[]'"))
}

fn listed(on: &Connection, columns: &str) -> Result<Vec<StoredPiece>> {
    let mut query = on.prepare_cached(&format!(
        "SELECT {columns} FROM pieces WHERE replaced_by IS NULL \
         ORDER BY date IS NULL, date DESC, id DESC"
    ))?;
    let rows = query.query_map([], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// One piece.
///
/// # Errors
/// `not_found`, or the store's.
pub(crate) fn one(on: &Connection, id: PieceId) -> Result<StoredPiece> {
    on.prepare_cached(&format!("SELECT {COLUMNS} FROM pieces WHERE id = ?1"))?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("piece", id))?
}

/// The text of one piece.
///
/// # Errors
/// The store's.
pub(crate) fn text(on: &Connection, id: PieceId) -> Result<String> {
    let mut query = on.prepare_cached("SELECT text FROM pieces WHERE id = ?1")?;
    Ok(query.query_row([id.0], |row| row.get(0))?)
}

/// What changes whenever pieces or pairs come in.
///
/// # Errors
/// The store's.
pub(crate) fn mark(on: &Connection) -> Result<(i64, i64, i64)> {
    let mut query = on.prepare_cached(
        "SELECT ifnull(max(id), 0), count(replaced_by), (SELECT ifnull(max(id), 0) FROM pairs) \
         FROM pieces",
    )?;
    Ok(query.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// How many pieces count, by kind, the most frequent first.
///
/// # Errors
/// The store's.
pub(crate) fn kinds(on: &Connection) -> Result<Vec<(String, u32)>> {
    let mut query = on.prepare_cached(
        "SELECT kind, count(*) FROM pieces WHERE replaced_by IS NULL \
         GROUP BY kind ORDER BY 2 DESC, 1",
    )?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Says what a piece is for.
///
/// # Errors
/// The store's.
pub(crate) fn set_side(on: &Connection, id: PieceId, side: Split) -> Result<()> {
    on.prepare_cached("UPDATE pieces SET side = ?2 WHERE id = ?1")?
        .execute(params![id.0, super::rows::side_name(side)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<StoredPiece> {
    let date: Option<String> = row.get(4)?;
    Ok(StoredPiece {
        id: PieceId(row.get(0)?),
        side: super::rows::side(&row.get::<_, String>(9)?),
        piece: Piece {
            source: row.get(1)?,
            kind: Kind::from(row.get::<_, String>(2)?),
            title: row.get(3)?,
            author: row.get(10)?,
            date: date.and_then(|date| date.parse().ok()),
            unfinished: row.get(5)?,
            text: row.get(6)?,
            non_prose_spans: from_json(&row.get::<_, String>(7)?)?,
            words: row.get::<_, i64>(8)? as usize,
        },
    })
}
