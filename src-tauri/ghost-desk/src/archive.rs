//! The archive as it is kept: what is in it, what each piece is for, and the rows it gives.

use std::collections::BTreeMap;

use ghost_core::id::{PieceId, RowId};
use ghost_core::row::{self, Origin, Row};
use ghost_core::seed::{Phrases, Seed};

use crate::Desk;
use crate::failure::Result;
use crate::store::pieces::{self, StoredPiece};
use crate::store::{piece_seeds, rows, settings};
use crate::view;
use crate::wire::{ArchiveView, ExcludeRow, PieceText, RowList, RowView, WeightView};

impl Desk {
    pub(crate) fn archive(&self) -> Result<ArchiveView> {
        let store = self.store();
        let pieces: Vec<_> = pieces::all(store.on())?.iter().map(view::piece).collect();
        Ok(ArchiveView {
            words: pieces.iter().map(|piece| piece.words).sum(),
            pieces,
            complaints: settings::complaints(store.on())?,
            watched: settings::watched(store.on())?,
        })
    }

    pub(crate) fn piece(&self, id: i64) -> Result<PieceText> {
        let piece = pieces::one(self.store().on(), PieceId(id))?;
        Ok(PieceText { piece: view::piece(&piece), text: piece.piece.text })
    }

    pub(crate) fn rows(&self) -> Result<RowList> {
        let listed = rows::listed(self.store().on())?;
        let learned: Vec<(RowId, Row)> = listed
            .iter()
            .filter(|(_, _, excluded)| !excluded)
            .map(|(id, row, _)| (*id, row.clone()))
            .collect();
        let cuts = self.cuts(&learned)?;
        let mut shown: Vec<RowView> =
            listed.iter().map(|(id, row, excluded)| row_view(id.0, row, *excluded)).collect();
        shown.extend(
            cuts.iter()
                .map(|(id, row)| RowView { origin: "cut".into(), ..row_view(id.0, row, false) }),
        );
        Ok(RowList { rows: shown })
    }

    pub(crate) fn exclude_row(&self, ask: ExcludeRow) -> Result<RowList> {
        rows::exclude(self.store().on(), RowId(ask.row), ask.excluded)?;
        self.rows()
    }

    /// Says anew what each piece is for, and makes the row of each. Run after the archive changed:
    /// sides go by date over the whole of it, seeds by which words are rare in it.
    pub(crate) fn lay_out_rows(&self) -> Result<()> {
        let kept = pieces::all(self.store().on())?;
        let sides = row::split(&kept.iter().map(|p| (p.id, &p.piece)).collect::<Vec<_>>());
        let mut seeds = seeds(&kept);
        self.store().whole(|t| {
            piece_seeds::carry_over(t)?;
            seeds.extend(piece_seeds::all(t)?);
            for StoredPiece { id, side, piece } in &kept {
                let (Some(now), Some(seed)) = (sides.get(id), seeds.get(id)) else { continue };
                if now != side {
                    pieces::set_side(t, *id, *now)?;
                }
                rows::keep(t, &Row::of_piece(*id, piece, seed.clone(), *now))?;
            }
            rows::drop_replaced(t)
        })
    }
}

/// What each piece would have been asked with, from its own words and the archive's.
fn seeds(kept: &[StoredPiece]) -> BTreeMap<PieceId, Seed> {
    let phrases = Phrases::of(kept.iter().map(|p| p.piece.text.as_str()));
    kept.iter().map(|p| (p.id, Seed::of_piece(&p.piece, &phrases.topics(&p.piece.text)))).collect()
}

fn row_view(id: i64, row: &Row, excluded: bool) -> RowView {
    let (origin, of) = match row.origin {
        Origin::Archive(piece) => ("archive", piece.0),
        Origin::Edit(edit) => ("edit", edit.0),
    };
    RowView {
        row: id,
        origin: origin.into(),
        of,
        side: view::side(row.side),
        excluded,
        kind: row.seed.kind.to_string(),
        request: row.seed.request(),
        words: ghost_core::words::count(&row.text) as u32,
        text: row.text.clone(),
        weights: row
            .weights
            .iter()
            .map(|w| WeightView { from: w.from as u32, to: w.to as u32, weight: w.weight })
            .collect(),
    }
}
