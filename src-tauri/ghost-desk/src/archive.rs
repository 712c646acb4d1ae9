//! The archive as it is kept: what is in it, what each piece is for, and the rows it gives.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use ghost_core::archive::{Kind, Piece, Revision, non_prose_spans};
use ghost_core::id::{EditId, PieceId, RowId};
use ghost_core::measure::Shingles;
use ghost_core::near_duplicates::{KnownTexts, MAX_SHARED, NearDuplicates};
use ghost_core::outline::RequestScope;
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::seed::{Seed, TfIdf};
use ghost_core::split::{self, Split};

use crate::Desk;
use crate::authors::Authors;
use crate::failure::Result;
use crate::store::pieces::{self, StoredPiece};
use crate::store::{bases, drafts, edits, pairs, piece_seeds, rows, settings};
use crate::wire::{ArchiveView, ExcludeRow, PieceText, RowList, RowView, WeightView};
use crate::{learn, notes, view};

/// The setting that says that pieces came in since rows were laid out.
pub(crate) const STALE: &str = "rows_stale";
/// A piece this like a shipped draft is that draft, published: the edit teaches it already.
const THE_SAME: f64 = 0.5;

impl Desk {
    /// Does not wait for the rows: sides are those of the last time they were laid out.
    pub(crate) fn archive(&self) -> Result<ArchiveView> {
        let store = self.store();
        let authors = Authors::read(store.on())?;
        let pieces: Vec<_> =
            pieces::all_but_texts(store.on())?.iter().map(|p| view::piece(p, &authors)).collect();
        let (complaints, notes) = notes::told(&settings::complaints(store.on())?);
        Ok(ArchiveView {
            words: pieces.iter().map(|piece| piece.words).sum(),
            pieces,
            complaints,
            notes,
            watched: settings::watched(store.on())?,
            ask_author: authors.is_open(),
            authors: authors.view(),
        })
    }

    pub(crate) fn piece(&self, id: i64) -> Result<PieceText> {
        let store = self.store();
        let piece = pieces::one(store.on(), PieceId(id))?;
        let authors = Authors::read(store.on())?;
        Ok(PieceText { piece: view::piece(&piece, &authors), text: piece.piece.text })
    }

    pub(crate) fn rows(&self) -> Result<RowList> {
        self.lay_out_stale_rows()?;
        let remembered = edits::of_pairs(self.store().on())?;
        let listed = rows::listed(self.store().on())?;
        let learned: Vec<(RowId, Row)> = listed
            .iter()
            .filter(|(_, _, excluded)| !excluded)
            .map(|(id, row, _)| (*id, row.clone()))
            .collect();
        let cuts = self.cuts(&learned)?;
        let parameters = bases::in_use(self.store().on())?.map_or(0, |base| base.card.parameters);
        let nightly = Recipe::nightly(parameters, learned.len(), 0);
        let parts = learn::taught(learned, &nightly);
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

    pub(crate) fn exclude_row(&self, ask: ExcludeRow) -> Result<RowList> {
        rows::exclude(self.store().on(), RowId(ask.row), ask.excluded)?;
        self.rows()
    }

    /// Lays out the rows where something came in since: a killed import leaves them to whoever
    /// needs them next.
    pub(crate) fn lay_out_stale_rows(&self) -> Result<()> {
        while settings::get(self.store().on(), STALE)?.unwrap_or(false) {
            self.lay_out_rows()?;
        }
        Ok(())
    }

    /// Hands each text to two who look at it side by side, in order.
    fn each_text(
        &self,
        stored: &[StoredPiece],
        mut one: impl FnMut(&StoredPiece, &str),
        mut other: impl FnMut(&str) + Send,
    ) -> Result<()> {
        /// Texts that may wait for the slower of the two.
        const MOST_WAITING: usize = 16;
        std::thread::scope(|scope| {
            let (pass, passed) = sync_channel::<Arc<str>>(MOST_WAITING);
            scope.spawn(move || passed.iter().for_each(|text| other(&text)));
            for piece in stored {
                let text: Arc<str> = pieces::text(self.store().on(), piece.id)?.into();
                // Whoever listens does so to the end.
                let _ = pass.send(Arc::clone(&text));
                one(piece, &text);
            }
            Ok(())
        })
    }

    /// Says anew what each piece is for, and makes the row of each piece and pair. Run after the
    /// archive changed: sides go by date over the whole of it, seeds by which words are rare in it
    /// where none was chosen.
    /// What others wrote is no lesson. What was drafted here and then published is learned as the edit
    /// it was, by who wrote which word, and nobody is judged by it: half of it is a ghost's.
    ///
    /// Goes through the texts one at a time, more than once: an archive need not fit into memory.
    pub(crate) fn lay_out_rows(&self) -> Result<()> {
        let (mark, kept, pairs, authors) = {
            let store = self.store();
            let on = store.on();
            let kept = pieces::all_but_texts(on)?;
            (pieces::mark(on)?, kept, pairs::all(on)?, Authors::read(on)?)
        };
        let shipped =
            KnownTexts::of(drafts::shipped(self.store().on())?.iter().map(String::as_str));
        let is_own = |author: &Option<String>| authors.is_own(author.as_deref());
        let (mut own, others): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|p| is_own(&p.piece.author));
        let text = |p: &StoredPiece| pieces::text(self.store().on(), p.id);
        let (mut phrases, mut near) = (TfIdf::default(), NearDuplicates::default());
        let mut published: HashMap<PieceId, f64> = HashMap::new();
        let read = |p: &StoredPiece, text: &str| {
            phrases.add(text);
            published.insert(p.id, shipped.likeness(text));
        };
        self.each_text(&own, read, |text| near.first_pass(text))?;
        // Where no seed was chosen, the text's own words make one.
        let chosen = piece_seeds::all(self.store().on())?;
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
            // Here alone: to be learned from and not to be judged by.
            piece.unfinished |= published.contains_key(id);
        }
        let named: Vec<_> = own.iter().map(|p| (p.id, &p.piece)).collect();
        let sides = split::assign_with(&named, &near);
        drop(near);
        let mut kept_back = KeptBack::of(&own, &sides);
        if !pairs.is_empty() {
            for piece in own.iter().filter(|p| sides.get(&p.id) != Some(&Split::Train)) {
                kept_back.meet(sides.get(&piece.id).copied(), &text(piece)?);
            }
        }
        let seed = |piece: &Piece| seed(piece, &piece.text);
        self.store().whole(|t| {
            piece_seeds::carry_over(t)?;
            let mut chosen = piece_seeds::all(t)?;
            for StoredPiece { id, side, .. } in &own {
                let Some(now) = sides.get(id) else { continue };
                if now != side {
                    pieces::set_side(t, *id, *now)?;
                }
                if published.get(id).is_some_and(|likeness| *likeness > THE_SAME) {
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
                let side = kept_back.side(&pair);
                if side == Split::Test || !is_own(&pair.author) {
                    rows::drop_of(t, Origin::Edit(edit))?;
                    continue;
                }
                rows::keep(t, &row_of_pair(edit, &pair, kept_back.kind(&pair), &seed, side))?;
            }
            // In this order: what is dropped was carried over, once.
            rows::carry_over(t)?;
            rows::drop_replaced(t)?;
            // What came in meanwhile waits for another round.
            settings::set(t, STALE, &(pieces::mark(t)? != mark))
        })
    }
}

/// The row of a pair: the later state, and in it above all what the writer put in.
fn row_of_pair(
    id: EditId,
    pair: &Revision,
    kind: Kind,
    seed: &dyn Fn(&Piece) -> Seed,
    side: Split,
) -> Row {
    let apart = non_prose_spans(&pair.after);
    let piece = Piece {
        source: pair.source.clone(),
        kind,
        title: pair.title.clone(),
        author: pair.author.clone(),
        date: pair.date,
        unfinished: false,
        text: pair.after.clone(),
        words: ghost_core::words::count(&pair.after),
        non_prose_spans: apart,
    };
    Row::of_edit(id, seed(&piece), &pair.before, &pair.after, &piece.non_prose_spans, side)
}

/// What must not be learned from by another road: the pieces that are held out or watched. A pair
/// goes with the piece it is of, and with whatever it is near, so that no earlier state of a
/// held-out post teaches its words.
struct KeptBack<'a> {
    pieces: HashMap<&'a str, (Split, &'a Kind)>,
    /// Of each text that is kept back: its side, and how many five-word runs it has.
    texts: Vec<(Split, usize)>,
    /// Which of them have a run.
    found_in: HashMap<u64, Vec<usize>>,
}

impl<'a> KeptBack<'a> {
    fn of(kept: &'a [StoredPiece], sides: &BTreeMap<PieceId, Split>) -> Self {
        let side = |id| sides.get(id).copied().unwrap_or(Split::Test);
        KeptBack {
            pieces: kept
                .iter()
                .map(|p| (p.piece.source.as_str(), (side(&p.id), &p.piece.kind)))
                .collect(),
            texts: Vec::new(),
            found_in: HashMap::new(),
        }
    }

    /// Takes in a text that is kept back.
    fn meet(&mut self, side: Option<Split>, text: &str) {
        let shingles = Shingles::of(text);
        for shingle in shingles.iter() {
            self.found_in.entry(shingle).or_default().push(self.texts.len());
        }
        self.texts.push((side.unwrap_or(Split::Test), shingles.len()));
    }

    /// The sides of the texts that a text is near.
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

    /// The piece that a pair is of: of that name, or one above the name of the state.
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
        // `Train < Dev < Holdout`: the strictest holds.
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
        side: view::side(row.split),
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
