//! Pieces of the archive. A changed piece is a new row that replaces the old one; nothing is deleted.

use ghost_core::archive::{Kind, Piece};
use ghost_core::id::PieceId;
use ghost_core::split::Split;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::{from_json, to_json};
use crate::failure::{Failure, Result};

/// A stored piece.
#[derive(Debug, Clone)]
pub(crate) struct StoredPiece {
    /// Its id.
    pub(crate) id: PieceId,
    /// Its split.
    pub(crate) side: Split,
    /// The piece.
    pub(crate) piece: Piece,
}

/// The outcome of storing a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportOutcome {
    /// New.
    Added,
    /// Replaced an older version.
    Changed,
    /// Already stored.
    Duplicate,
}

const COLUMNS: &str = "id, source, kind, title, date, unfinished, text, apart, words, side, author";

/// The keys of a piece.
#[derive(Debug, Clone)]
pub(crate) struct PieceKeys {
    /// Hash of title and words.
    pub(crate) hash: String,
    /// Identifies the text across formats ([`Piece::content_hash`]).
    pub(crate) content_hash: i64,
}

/// Stores a piece.
///
/// # Errors
/// The store's.
pub(crate) fn keep(
    db: &Connection,
    piece: &Piece,
    keys: &PieceKeys,
    now: &str,
) -> Result<ImportOutcome> {
    let PieceKeys { hash, content_hash } = keys;
    let (twin, older) = (twin(db, hash)?, older(db, piece, hash)?);
    let id = match twin {
        // The text is stored already; only its metadata may be new.
        Some((id, false)) if has_new_metadata(db, id, piece)? => {
            db.execute(
                "UPDATE pieces SET source = ?2, kind = ?3, date = ?4, author = ?5, unfinished = ?6 \
                 WHERE id = ?1",
                metadata(id, piece),
            )?;
            return Ok(ImportOutcome::Changed);
        }
        Some((id, false)) => {
            db.prepare_cached("UPDATE pieces SET gist = ?2 WHERE id = ?1 AND gist IS NULL")?
                .execute([id, *content_hash])?;
            return Ok(ImportOutcome::Duplicate);
        }
        None if older.is_none() && is_known_text(db, *content_hash)? => {
            return Ok(ImportOutcome::Duplicate);
        }
        // An older version has come back.
        Some((id, true)) => {
            db.execute(
                "UPDATE pieces SET replaced_by = NULL, source = ?2 WHERE id = ?1",
                params![id, piece.source],
            )?;
            id
        }
        None => {
            db.prepare_cached(
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
                content_hash,
            ])?;
            db.last_insert_rowid()
        }
    };
    match older {
        Some(older) => {
            db.execute("UPDATE pieces SET replaced_by = ?2 WHERE id = ?1", [older, id])?;
            Ok(ImportOutcome::Changed)
        }
        None => Ok(ImportOutcome::Added),
    }
}

/// The outcome of storing a piece, without storing it.
///
/// # Errors
/// The store's.
pub(crate) fn outcome(db: &Connection, piece: &Piece, keys: &PieceKeys) -> Result<ImportOutcome> {
    Ok(match (twin(db, &keys.hash)?, older(db, piece, &keys.hash)?) {
        (Some((id, false)), _) if has_new_metadata(db, id, piece)? => ImportOutcome::Changed,
        (Some((_, false)), _) => ImportOutcome::Duplicate,
        (_, Some(_)) => ImportOutcome::Changed,
        (None, None) if is_known_text(db, keys.content_hash)? => ImportOutcome::Duplicate,
        (_, None) => ImportOutcome::Added,
    })
}

/// Whether a file has newer metadata for a stored text: it is the file the text came from, or the
/// text was unpublished and is published now.
fn has_new_metadata(db: &Connection, id: i64, piece: &Piece) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM pieces WHERE id = ?1 AND (source = ?2 AND (kind <> ?3 OR date IS NOT ?4 \
             OR author IS NOT ?5 OR unfinished <> ?6) OR unfinished > ?6)",
        )?
        .exists(metadata(id, piece))?)
}

/// Parameters: ?1 is the piece, ?2 to ?6 are the file's metadata.
fn metadata(id: i64, piece: &Piece) -> impl Params {
    let date = piece.date.map(|date| date.to_string());
    (id, &piece.source, piece.kind.to_string(), date, &piece.author, piece.unfinished)
}

/// Whether the same text was imported from another source.
fn is_known_text(db: &Connection, content_hash: i64) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM pieces WHERE gist = ?1 AND replaced_by IS NULL")?
        .exists([content_hash])?)
}

/// The piece with the same content, and whether a newer version replaced it.
fn twin(db: &Connection, hash: &str) -> Result<Option<(i64, bool)>> {
    Ok(db
        .prepare_cached("SELECT id, replaced_by IS NOT NULL FROM pieces WHERE hash = ?1")?
        .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The current piece of the same file with other content.
fn older(db: &Connection, piece: &Piece, hash: &str) -> Result<Option<i64>> {
    Ok(db
        .prepare_cached(
            "SELECT id FROM pieces WHERE source = ?1 AND hash <> ?2 AND replaced_by IS NULL",
        )?
        .query_row([&piece.source, hash], |row| row.get(0))
        .optional()?)
}

/// Number of pieces per author, most frequent first.
///
/// # Errors
/// The store's.
pub(crate) fn authors(db: &Connection) -> Result<Vec<(String, u32)>> {
    let mut query = db.prepare_cached(
        "SELECT author, count(*) FROM pieces WHERE replaced_by IS NULL AND author IS NOT NULL \
         GROUP BY author ORDER BY 2 DESC, 1",
    )?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// The current pieces, newest first, undated last.
///
/// # Errors
/// The store's.
pub(crate) fn all(db: &Connection) -> Result<Vec<StoredPiece>> {
    listed(db, COLUMNS)
}

/// The same without texts, which together may not fit in memory.
///
/// # Errors
/// The store's.
pub(crate) fn all_but_texts(db: &Connection) -> Result<Vec<StoredPiece>> {
    listed(db, &COLUMNS.replace("text, apart", "'', '[]'"))
}

fn listed(db: &Connection, columns: &str) -> Result<Vec<StoredPiece>> {
    let mut query = db.prepare_cached(&format!(
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
pub(crate) fn one(db: &Connection, id: PieceId) -> Result<StoredPiece> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM pieces WHERE id = ?1"))?
        .query_row([id.0], |row| Ok(read(row)))
        .optional()?
        .ok_or_else(|| Failure::not_found("piece", id))?
}

/// The text of one piece.
///
/// # Errors
/// The store's.
pub(crate) fn text(db: &Connection, id: PieceId) -> Result<String> {
    let mut query = db.prepare_cached("SELECT text FROM pieces WHERE id = ?1")?;
    Ok(query.query_row([id.0], |row| row.get(0))?)
}

/// A mark that changes whenever pieces or pairs are added.
///
/// # Errors
/// The store's.
pub(crate) fn mark(db: &Connection) -> Result<(i64, i64, i64)> {
    let mut query = db.prepare_cached(
        "SELECT ifnull(max(id), 0), count(replaced_by), (SELECT ifnull(max(id), 0) FROM pairs) \
         FROM pieces",
    )?;
    Ok(query.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// Number of current pieces per kind, most frequent first.
///
/// # Errors
/// The store's.
pub(crate) fn kinds(db: &Connection) -> Result<Vec<(String, u32)>> {
    let mut query = db.prepare_cached(
        "SELECT kind, count(*) FROM pieces WHERE replaced_by IS NULL \
         GROUP BY kind ORDER BY 2 DESC, 1",
    )?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Sets the split of a piece.
///
/// # Errors
/// The store's.
pub(crate) fn set_side(db: &Connection, id: PieceId, side: Split) -> Result<()> {
    db.prepare_cached("UPDATE pieces SET side = ?2 WHERE id = ?1")?
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::failure::Code;
    use crate::store::testing::{keep_piece, piece_of, read_piece, store};

    const PAN: &str = "# The pan\n\nIt rained all day, and I put a pan under it, and it filled.";
    const TWO: &str = "# The pan\n\nIt rained all week, and I put two pans under it.";

    #[test]
    fn the_same_text_is_stored_once() {
        let (_folder, store) = store();
        let db = store.db();
        assert_eq!(keep_piece(db, "a.md", PAN), ImportOutcome::Added);
        assert_eq!(keep_piece(db, "a.md", PAN), ImportOutcome::Duplicate);
        assert_eq!(keep_piece(db, "copy/b.md", PAN), ImportOutcome::Duplicate);
        let broken_lines = PAN.replace("day, and", "day,\nand");
        assert_eq!(keep_piece(db, "a.md", &broken_lines), ImportOutcome::Duplicate);
        assert_eq!(all(db).unwrap().len(), 1);
    }

    #[test]
    fn a_changed_piece_replaces_the_older_version_which_can_come_back() {
        let (_folder, store) = store();
        let db = store.db();
        keep_piece(db, "a.md", PAN);
        let older = piece_of(db, "a.md");
        assert_eq!(keep_piece(db, "a.md", TWO), ImportOutcome::Changed);
        let newer = piece_of(db, "a.md");
        assert_ne!(older, newer);
        assert!(text(db, older).unwrap().contains("a pan"), "the older text is kept");
        assert_eq!(keep_piece(db, "a.md", PAN), ImportOutcome::Changed);
        assert_eq!(piece_of(db, "a.md"), older);
        assert_eq!(all(db).unwrap().len(), 1);
    }

    #[test]
    fn the_outcome_is_known_before_a_piece_is_stored() {
        let (_folder, store) = store();
        let db = store.db();
        for (file, text) in
            [("a.md", PAN), ("a.md", PAN), ("b.md", PAN), ("a.md", TWO), ("a.md", PAN)]
        {
            let piece = read_piece(file, text);
            let foreseen = outcome(db, &piece, &crate::import::keys(&piece)).unwrap();
            assert_eq!(keep_piece(db, file, text), foreseen, "{file}: {text}");
        }
    }

    #[test]
    fn new_metadata_of_the_same_text_is_a_change() {
        let (_folder, store) = store();
        let db = store.db();
        let draft = format!("---\ndraft: true\n---\n{PAN}");
        keep_piece(db, "a.md", &draft);
        let dated = format!("---\ndate: 2024-05-06\nauthor: Jo\n---\n{PAN}");
        assert_eq!(keep_piece(db, "a.md", &dated), ImportOutcome::Changed);
        assert_eq!(keep_piece(db, "a.md", &dated), ImportOutcome::Duplicate);
        let piece = one(db, piece_of(db, "a.md")).unwrap().piece;
        assert_eq!((piece.date, piece.unfinished), ("2024-05-06".parse().ok(), false));
        assert_eq!(authors(db).unwrap(), [("Jo".into(), 1)]);
    }

    #[test]
    fn the_mark_changes_with_the_pieces_and_not_with_their_splits() {
        let (_folder, store) = store();
        let db = store.db();
        let empty = mark(db).unwrap();
        keep_piece(db, "a.md", PAN);
        let one_piece = mark(db).unwrap();
        assert_ne!(empty, one_piece);
        set_side(db, piece_of(db, "a.md"), Split::Test).unwrap();
        assert_eq!(mark(db).unwrap(), one_piece);
        assert_eq!(all(db).unwrap()[0].side, Split::Test);
        keep_piece(db, "a.md", TWO);
        assert_ne!(mark(db).unwrap(), one_piece);
    }

    #[test]
    fn pieces_are_listed_newest_first_and_without_texts_on_request() {
        let (_folder, store) = store();
        let db = store.db();
        for (n, date) in ["2024-01-02", "", "2025-01-02"].into_iter().enumerate() {
            let head =
                if date.is_empty() { String::new() } else { format!("---\ndate: {date}\n---\n") };
            keep_piece(
                db,
                &format!("{n}.md"),
                &format!("{head}Number {n} rained and rained, as it does."),
            );
        }
        let listed = all_but_texts(db).unwrap();
        let sources: Vec<_> = listed.iter().map(|kept| kept.piece.source.as_str()).collect();
        assert_eq!(sources, ["2.md", "0.md", "1.md"]);
        assert!(listed.iter().all(|kept| kept.piece.text.is_empty() && kept.piece.words > 0));
        assert!(text(db, listed[0].id).unwrap().contains("Number 2"));
        assert_eq!(kinds(db).unwrap().iter().map(|(_, n)| n).sum::<u32>(), 3);
        assert_eq!(one(db, PieceId(99)).unwrap_err().code, Code::NotFound);
    }
}
