//! Records for the tests of the store, each with as little as it needs.

#![allow(clippy::unwrap_used)]

use ghost_core::archive::{self, Piece};
use ghost_core::id::{BaseId, DraftId, EditId, PieceId, RunId};
use ghost_core::outline::RequestScope;
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use rusqlite::Connection;
use tempfile::TempDir;

use super::pieces::{self, ImportOutcome};
use super::{Store, bases, drafts, edits, runs};

/// A new store in a temporary folder.
pub(crate) fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("desk.db")).unwrap();
    (folder, store)
}

/// A base with this fingerprint.
pub(crate) fn base(db: &Connection, fingerprint: &str) -> BaseId {
    let card = r#"{"name":"tiny","family":"llama","quantisation":"F32","parameters":1,"bytes":1,
        "context":128,"licence":"apache-2.0"}"#;
    let card = serde_json::from_str(card).unwrap();
    bases::keep(db, &format!("{fingerprint}.gguf"), fingerprint, &card, "now").unwrap()
}

/// A seed with this topic.
pub(crate) fn seed(topic: &str) -> Seed {
    Seed { topic: topic.to_owned(), ..Seed::default() }
}

/// A piece as it is read from a Markdown file.
pub(crate) fn read_piece(file: &str, text: &str) -> Piece {
    let mut piece = archive::read(file, text.as_bytes()).0.swap_remove(0);
    piece.source = file.to_owned();
    piece
}

/// Stores a piece, and returns what became of it.
pub(crate) fn keep_piece(db: &Connection, file: &str, text: &str) -> ImportOutcome {
    let piece = read_piece(file, text);
    pieces::keep(db, &piece, &crate::import::keys(&piece), "now").unwrap()
}

/// The current piece of a file.
pub(crate) fn piece_of(db: &Connection, file: &str) -> PieceId {
    pieces::all(db).unwrap().into_iter().find(|kept| kept.piece.source == file).unwrap().id
}

/// A finished draft with this text, and its edit.
pub(crate) fn shipped_draft(db: &Connection, text: &str, shipped: &str) -> (DraftId, EditId) {
    let base = base(db, "drafts");
    let draft = drafts::begin(db, &seed("rain"), base, None, 7, "then").unwrap();
    drafts::grow(db, draft, text, 3, 1.0, Some("finished")).unwrap();
    drafts::ship(db, draft, shipped, "now").unwrap();
    let edit = edits::keep(db, draft, "one [two/twi]", 0.5, 0.25).unwrap();
    (draft, edit)
}

/// A row with this text.
pub(crate) fn row(origin: Origin, text: &str, side: Split) -> Row {
    let (seed, text) = (seed("rain"), text.to_owned());
    Row { seed, scope: RequestScope::Whole, text, weights: Vec::new(), origin, split: side }
}

/// A run on a base.
pub(crate) fn run(db: &Connection, base: BaseId) -> RunId {
    runs::begin(db, &Recipe::quick(1, 1, 7), None, base, 5, &[], "then").unwrap()
}
