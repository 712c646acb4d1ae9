//! The archive owner: its pieces, the purpose of each, and the training rows built from them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use ghost_core::archive::{Kind, Piece, Revision, non_prose_spans};
use ghost_core::id::{EditId, PieceId, RowId};
use ghost_core::measure::Shingles;
use ghost_core::near_duplicates::{KnownTexts, MAX_SHARED, NearDuplicates};
use ghost_core::outline::RequestScope;
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::seed::{Seed, TfIdf};
use ghost_core::split::{self, Split};

use crate::authors::{Authors, OWN};
use crate::failure::Result;
use crate::store::pieces::{self, StoredPiece};
use crate::store::{bases, drafts, edits, pairs, piece_seeds, rows, settings};
use crate::wire::{
    ArchiveView, ExcludeRow, PieceText, PieceView, RowList, RowView, SetAuthors, SplitName,
    WeightView,
};
use crate::workspace::Workspace;
use crate::{import_notes, training_rows};

/// Setting: pieces were imported since the training rows were last built.
pub(crate) const ROWS_STALE: &str = "rows_stale";
/// Likeness above which a piece counts as a shipped draft that was published. The edit already covers it.
const SAME_TEXT: f64 = 0.5;

/// The archive owner.
pub(crate) struct Archive {
    pub(crate) workspace: Arc<Workspace>,
    /// Held during an import.
    pub(crate) importing: Mutex<()>,
    pub(crate) stop_import: AtomicBool,
}

impl Archive {
    /// The archive of a workspace.
    pub(crate) fn new(workspace: Arc<Workspace>) -> Self {
        Archive { workspace, importing: Mutex::default(), stop_import: AtomicBool::default() }
    }

    /// The archive view. Splits are those of the last rebuild; this call does not wait for one.
    pub(crate) fn view(&self) -> Result<ArchiveView> {
        let store = self.workspace.store();
        let authors = Authors::read(store.db())?;
        let pieces: Vec<_> =
            pieces::all_but_texts(store.db())?.iter().map(|p| wire_piece(p, &authors)).collect();
        let (warnings, notes) = import_notes::views(&settings::complaints(store.db())?);
        Ok(ArchiveView {
            words: pieces.iter().map(|piece| piece.words).sum(),
            pieces,
            warnings,
            notes,
            watched: settings::watched(store.db())?,
            ask_author: authors.is_open(),
            authors: authors.view(),
        })
    }

    /// One piece with its text.
    pub(crate) fn piece(&self, id: i64) -> Result<PieceText> {
        let store = self.workspace.store();
        let piece = pieces::one(store.db(), PieceId(id))?;
        let authors = Authors::read(store.db())?;
        Ok(PieceText { piece: wire_piece(&piece, &authors), text: piece.piece.text })
    }

    /// The training data: every row, with its sections, outline and cuts.
    pub(crate) fn rows(&self) -> Result<RowList> {
        self.rebuild_stale_rows()?;
        let remembered = edits::of_pairs(self.workspace.store().db())?;
        let listed = rows::listed(self.workspace.store().db())?;
        let learned: Vec<(RowId, Row)> = listed
            .iter()
            .filter(|(_, _, excluded)| !excluded)
            .map(|(id, row, _)| (*id, row.clone()))
            .collect();
        let cuts = training_rows::cuts(self.workspace.store().db(), &learned)?;
        let parameters =
            bases::in_use(self.workspace.store().db())?.map_or(0, |base| base.card.parameters);
        let nightly = Recipe::nightly(parameters, learned.len(), 0);
        let parts = training_rows::expand_rows(learned, &nightly);
        let mut shown: Vec<RowView> = listed
            .iter()
            .map(|(id, row, excluded)| row_view(id.0, row, *excluded, &remembered))
            .collect();
        let parts = parts.iter().filter(|(_, row)| !row.scope.is_whole());
        shown.extend(parts.map(|(id, row)| row_view(id.0, row, false, &remembered)));
        shown.extend(cuts.iter().map(|(id, row)| RowView {
            origin: "cut".into(),
            ..row_view(id.0, row, false, &remembered)
        }));
        Ok(RowList { rows: shown })
    }

    /// Excludes a row from training and evaluation, or includes it again.
    pub(crate) fn exclude_row(&self, ask: ExcludeRow) -> Result<RowList> {
        rows::exclude(self.workspace.store().db(), RowId(ask.row), ask.excluded)?;
        self.rows()
    }

    /// Sets which names are the writer's, and rebuilds the rows.
    pub(crate) fn set_authors(&self, ask: SetAuthors) -> Result<ArchiveView> {
        self.workspace.store().transaction(|t| {
            settings::set(t, OWN, &ask.names)?;
            settings::set(t, ROWS_STALE, &true)
        })?;
        self.rebuild_stale_rows()?;
        self.view()
    }

    /// Rebuilds the rows if something was imported since. An import that was killed leaves the
    /// rebuild to the next caller that needs rows.
    pub(crate) fn rebuild_stale_rows(&self) -> Result<()> {
        while settings::get(self.workspace.store().db(), ROWS_STALE)?.unwrap_or(false) {
            self.rebuild_training_rows()?;
        }
        Ok(())
    }

    /// Passes each text to two readers that run in parallel, in order.
    fn each_text(
        &self,
        stored: &[StoredPiece],
        mut one: impl FnMut(&StoredPiece, &str),
        mut other: impl FnMut(&str) + Send,
    ) -> Result<()> {
        /// Texts that may queue for the slower reader.
        const MAX_WAITING: usize = 16;
        std::thread::scope(|scope| {
            let (pass, passed) = sync_channel::<Arc<str>>(MAX_WAITING);
            scope.spawn(move || passed.iter().for_each(|text| other(&text)));
            for piece in stored {
                let text: Arc<str> = pieces::text(self.workspace.store().db(), piece.id)?.into();
                // The receiver outlives the loop.
                let _ = pass.send(Arc::clone(&text));
                one(piece, &text);
            }
            Ok(())
        })
    }

    /// Assigns every piece to a split and builds the row of each piece and pair. Called after the
    /// archive changed: splits go by date over the whole archive, and seeds that were not chosen
    /// depend on which words are rare in it.
    ///
    /// Pieces by other authors get no row. A piece that was drafted here and then published is
    /// trained on as an edit, word by word, and never used for evaluation: half of it is generated.
    ///
    /// Reads the texts one at a time, more than once, so that an archive need not fit in memory.
    pub(crate) fn rebuild_training_rows(&self) -> Result<()> {
        let (mark, kept, pairs, authors) = {
            let store = self.workspace.store();
            let db = store.db();
            let kept = pieces::all_but_texts(db)?;
            (pieces::mark(db)?, kept, pairs::all(db)?, Authors::read(db)?)
        };
        let shipped = KnownTexts::of(
            drafts::shipped(self.workspace.store().db())?.iter().map(String::as_str),
        );
        let is_own = |author: &Option<String>| authors.is_own(author.as_deref());
        let (mut own, others): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|p| is_own(&p.piece.author));
        let text = |p: &StoredPiece| pieces::text(self.workspace.store().db(), p.id);
        let (mut phrases, mut near) = (TfIdf::default(), NearDuplicates::default());
        let mut published: HashMap<PieceId, f64> = HashMap::new();
        let read = |p: &StoredPiece, text: &str| {
            phrases.add(text);
            published.insert(p.id, shipped.likeness(text));
        };
        self.each_text(&own, read, |text| near.first_pass(text))?;
        // Without a chosen seed, the rarest words of the text make one.
        let chosen = piece_seeds::all(self.workspace.store().db())?;
        let seed = |piece: &Piece, text: &str| Seed::of_piece(piece, &phrases.keyphrases(text));
        let mut seeds: HashMap<PieceId, Seed> = HashMap::new();
        let make = |p: &StoredPiece, text: &str| {
            if !chosen.contains_key(&p.id) {
                seeds.insert(p.id, seed(&p.piece, text));
            }
        };
        self.each_text(&own, make, |text| near.second_pass(text))?;
        published.retain(|_, likeness| *likeness > MAX_SHARED);
        for StoredPiece { id, piece, .. } in &mut own {
            // Only here: the piece may be trained on but not evaluated on.
            piece.unfinished |= published.contains_key(id);
        }
        let named: Vec<_> = own.iter().map(|p| (p.id, &p.piece)).collect();
        let sides = split::assign_with(&named, &near);
        drop(near);
        let mut held_out = HeldOutTexts::of(&own, &sides);
        if !pairs.is_empty() {
            for piece in own.iter().filter(|p| sides.get(&p.id) != Some(&Split::Train)) {
                held_out.meet(sides.get(&piece.id).copied(), &text(piece)?);
            }
        }
        let seed = |piece: &Piece| seed(piece, &piece.text);
        self.workspace.store().transaction(|t| {
            piece_seeds::carry_over(t)?;
            let mut chosen = piece_seeds::all(t)?;
            for StoredPiece { id, side, .. } in &own {
                let Some(now) = sides.get(id) else { continue };
                if now != side {
                    pieces::set_side(t, *id, *now)?;
                }
                if published.get(id).is_some_and(|likeness| *likeness > SAME_TEXT) {
                    rows::drop_of(t, Origin::Archive(*id))?;
                    continue;
                }
                let piece = pieces::one(t, *id)?.piece;
                let made = chosen.remove(id).or_else(|| seeds.remove(id));
                let seed = made.unwrap_or_else(|| seed(&piece));
                match Row::of_piece(*id, &piece, seed, *now) {
                    Some(row) => {
                        rows::keep(t, &row)?;
                    }
                    None => rows::drop_of(t, Origin::Archive(*id))?,
                }
            }
            for other in &others {
                rows::drop_of(t, Origin::Archive(other.id))?;
            }
            for edit in pairs {
                let pair = pairs::of(t, edit)?;
                let side = held_out.side(&pair);
                if side == Split::Test || !is_own(&pair.author) {
                    rows::drop_of(t, Origin::Edit(edit))?;
                    continue;
                }
                rows::keep(t, &row_of_pair(edit, &pair, held_out.kind(&pair), &seed, side))?;
            }
            // The order matters: exclusions are carried over before replaced rows are dropped.
            rows::carry_over(t)?;
            rows::drop_replaced(t)?;
            // Pieces that were imported meanwhile need another rebuild.
            settings::set(t, ROWS_STALE, &(pieces::mark(t)? != mark))
        })
    }
}

/// The row of a pair: the later version, weighted towards what the writer added.
fn row_of_pair(
    id: EditId,
    pair: &Revision,
    kind: Kind,
    seed: &dyn Fn(&Piece) -> Seed,
    side: Split,
) -> Row {
    let spans = non_prose_spans(&pair.after);
    let piece = Piece {
        source: pair.source.clone(),
        kind,
        title: pair.title.clone(),
        author: pair.author.clone(),
        date: pair.date,
        unfinished: false,
        text: pair.after.clone(),
        words: ghost_core::words::count(&pair.after),
        non_prose_spans: spans,
    };
    Row::of_edit(id, seed(&piece), &pair.before, &pair.after, &piece.non_prose_spans, side)
}

/// The pieces in the validation and test splits. A pair gets the split of its piece, and of any
/// text it resembles, so that no earlier version of a held-out post is trained on.
struct HeldOutTexts<'a> {
    pieces: HashMap<&'a str, (Split, &'a Kind)>,
    /// For each held-out text: its split and its number of five-word shingles.
    texts: Vec<(Split, usize)>,
    /// Shingle → the texts that contain it.
    found_in: HashMap<u64, Vec<usize>>,
}

impl<'a> HeldOutTexts<'a> {
    fn of(kept: &'a [StoredPiece], sides: &BTreeMap<PieceId, Split>) -> Self {
        let side = |id| sides.get(id).copied().unwrap_or(Split::Test);
        HeldOutTexts {
            pieces: kept
                .iter()
                .map(|p| (p.piece.source.as_str(), (side(&p.id), &p.piece.kind)))
                .collect(),
            texts: Vec::new(),
            found_in: HashMap::new(),
        }
    }

    /// Adds a held-out text.
    fn meet(&mut self, side: Option<Split>, text: &str) {
        let shingles = Shingles::of(text);
        for shingle in shingles.iter() {
            self.found_in.entry(shingle).or_default().push(self.texts.len());
        }
        self.texts.push((side.unwrap_or(Split::Test), shingles.len()));
    }

    /// The splits of the texts that a text resembles.
    fn near(&self, text: &str) -> impl Iterator<Item = Split> {
        let own = Shingles::of(text);
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for at in own.iter().filter_map(|shingle| self.found_in.get(&shingle)).flatten() {
            *shared.entry(*at).or_default() += 1;
        }
        shared.into_iter().filter_map(move |(at, both)| {
            let (side, len) = self.texts[at];
            let either = own.len() + len - both;
            (both as f64 > MAX_SHARED * either as f64).then_some(side)
        })
    }

    /// The piece of a pair: the piece of the same name, or of the name above it.
    fn piece(&self, pair: &Revision) -> Option<&(Split, &'a Kind)> {
        let source = pair.source.as_str();
        let above = ['@', '/'].map(|mark| source.rsplit_once(mark).map(|(piece, _)| piece));
        [Some(source)].into_iter().chain(above).flatten().find_map(|name| self.pieces.get(name))
    }

    fn kind(&self, pair: &Revision) -> Kind {
        self.piece(pair).map(|(_, kind)| (*kind).clone()).unwrap_or_default()
    }

    fn side(&self, pair: &Revision) -> Split {
        let near = self.near(&pair.before).chain(self.near(&pair.after));
        let sides = near.chain(self.piece(pair).map(|(side, _)| *side));
        // `Train < Validation < Test`: the strictest applies.
        sides.max().unwrap_or(Split::Train)
    }
}

fn row_view(id: i64, row: &Row, excluded: bool, remembered: &HashSet<EditId>) -> RowView {
    let (origin, of) = match row.origin {
        Origin::Archive(piece) => ("archive", piece.0),
        Origin::Edit(edit) if remembered.contains(&edit) => ("history", edit.0),
        Origin::Edit(edit) => ("edit", edit.0),
    };
    RowView {
        row: id,
        origin: origin.into(),
        of,
        split: split_name(row.split),
        excluded,
        kind: row.seed.kind.to_string(),
        ask: match row.scope {
            RequestScope::Whole => "whole",
            RequestScope::Outline => "outline",
            RequestScope::Section { .. } => "section",
        }
        .into(),
        request: row.request(),
        words: ghost_core::words::count(&row.text) as u32,
        text: row.text.clone(),
        weights: row
            .weights
            .iter()
            .map(|w| WeightView { from: w.from as u32, to: w.to as u32, weight: w.weight })
            .collect(),
    }
}

/// The wire form of a piece.
fn wire_piece(stored: &StoredPiece, authors: &Authors) -> PieceView {
    let piece = &stored.piece;
    PieceView {
        piece: stored.id.0,
        kind: piece.kind.to_string(),
        title: piece.title.clone(),
        date: piece.date.map(|date| date.to_string()),
        words: piece.words as u32,
        split: split_name(stored.side),
        source: piece.source.clone(),
        unfinished: piece.unfinished,
        own: authors.is_own(piece.author.as_deref()),
        author: piece.author.clone(),
    }
}

/// The wire name of a split.
fn split_name(side: Split) -> SplitName {
    match side {
        Split::Train => SplitName::Train,
        Split::Validation => SplitName::Validation,
        Split::Test => SplitName::Test,
    }
}
