//! Pieces held out in turn, where an archive is too small to hold out enough of them at once
//! (cross-fit, VOICE 8.1).
//!
//! Several adapters learn by one recipe, each without the pieces of one fold, and every piece is
//! judged by the one that has not seen it. It is the recipe that is tested so; the adapter that
//! writes learns from all of them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::archive::Piece;
use crate::id::{PieceId, RowId};
use crate::measure::Shingles;
use crate::near::{MOST_SHARED, Near};
use crate::row::{Origin, Row, Side, families};
use crate::verdict::LEAST_PIECES;

/// How many folds there are.
pub const FOLDS: usize = 4;
/// Fewer pieces are not enough in turn either: some are watched and some folds are nearly empty.
const LEAST_IN_TURN: usize = 10;

/// Which fold each piece is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folds(Vec<(PieceId, usize)>);

impl Folds {
    /// The folds of an archive in rows of whole pieces, and the pieces they are of; `None` where
    /// enough is held out as it is, or where there is too little. Pieces that are watched are in
    /// none, nor are unfinished ones. What must stay together ([`crate::row::split`]) is in one fold.
    pub fn of<'a>(
        rows: impl IntoIterator<Item = &'a Row>,
        pieces: &HashMap<PieceId, &Piece>,
    ) -> Option<Folds> {
        let (in_turn, rows): (Vec<(PieceId, &Piece)>, Vec<&Row>) = rows
            .into_iter()
            .filter(|row| row.side != Side::Dev && !row.text.trim().is_empty())
            .filter_map(|row| {
                let id = piece_of(row)?;
                let piece = pieces.get(&id).filter(|piece| !piece.unfinished)?;
                Some(((id, *piece), row))
            })
            .unzip();
        let held_out = rows.iter().filter(|row| row.side == Side::Holdout).count();
        if held_out >= LEAST_PIECES || in_turn.len() < LEAST_IN_TURN {
            return None;
        }
        let near = Near::of(rows.iter().map(|row| row.text.as_str()));
        let mut families = families(&in_turn, &near);
        families.sort_by_key(|family| std::cmp::Reverse(family.len()));
        let mut sizes = [0; FOLDS];
        let mut folds = Vec::with_capacity(in_turn.len());
        for family in families {
            let smallest = (0..FOLDS).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
            sizes[smallest] += family.len();
            folds.extend(family.into_iter().map(|n| (in_turn[n].0, smallest)));
        }
        folds.sort();
        (!sizes.contains(&0)).then_some(Folds(folds))
    }

    /// The rows of an archive, as the adapter that writes learns from them.
    pub fn learn_all(&self, rows: &mut [(RowId, Row)]) {
        for (_, row) in rows {
            if row.side == Side::Holdout && self.of_row(row).is_some() {
                row.side = Side::Train;
            }
        }
    }

    /// What the adapter of a fold learns from: of rows as they are learned from, those of no piece
    /// of the fold, nor near one.
    pub fn lessons(&self, fold: usize, rows: &[(RowId, Row)]) -> Vec<(RowId, Row)> {
        let held_out = |row: &Row| self.of_row(row) == Some(fold);
        let texts: Vec<Shingles> = rows
            .iter()
            .filter(|(_, row)| held_out(row))
            .map(|(_, row)| Shingles::of(&row.text))
            .collect();
        let leaks = |row: &Row| {
            let own = Shingles::of(&row.text);
            piece_of(row).is_none() && texts.iter().any(|text| text.likeness(&own) > MOST_SHARED)
        };
        rows.iter().filter(|(_, row)| !held_out(row) && !leaks(row)).cloned().collect()
    }

    /// The rows of an archive for the verdict on a fold's adapter: its pieces held out and those of
    /// the others there to be shown in a prompt. What came in since was met by nobody, and is left
    /// out.
    pub fn sided(&self, fold: usize, rows: &[Row]) -> Vec<Row> {
        let side = |row: &Row| match (self.of_row(row), row.side) {
            (Some(own), _) if own == fold => Side::Holdout,
            (Some(_), _) => Side::Train,
            (None, Side::Holdout) => Side::Dev,
            (None, side) => side,
        };
        rows.iter().map(|row| Row { side: side(row), ..row.clone() }).collect()
    }

    /// How many pieces are held out in turn.
    pub fn pieces(&self) -> usize {
        self.0.len()
    }

    fn of_row(&self, row: &Row) -> Option<usize> {
        let piece = piece_of(row)?;
        let at = self.0.binary_search_by_key(&piece, |(piece, _)| *piece).ok()?;
        Some(self.0[at].1)
    }
}

fn piece_of(row: &Row) -> Option<PieceId> {
    match row.origin {
        Origin::Archive(piece) => Some(piece),
        Origin::Edit(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::id::EditId;
    use crate::seed::Seed;

    fn row(n: usize, side: Side) -> Row {
        let text: String = (0..40).map(|word| format!("w{n}x{word} ")).collect();
        Row {
            origin: Origin::Archive(PieceId(n as i64)),
            seed: Seed::default(),
            text,
            weights: Vec::new(),
            side,
            ask: crate::outline::Ask::Whole,
        }
    }

    /// So many rows, of which the last are held out and one before them is watched.
    fn archive(n: usize, held_out: usize) -> Vec<Row> {
        let side = |at| match n - at {
            left if left <= held_out => Side::Holdout,
            left if left == held_out + 1 => Side::Dev,
            _ => Side::Train,
        };
        (0..n).map(|at| row(at, side(at))).collect()
    }

    /// The folds of rows whose pieces have no title in common.
    fn folds(rows: &[Row]) -> Option<Folds> {
        folds_of(rows, |n| Piece { title: format!("Piece {n}"), ..Piece::default() })
    }

    fn folds_of(rows: &[Row], piece: impl Fn(i64) -> Piece) -> Option<Folds> {
        let pieces: Vec<(PieceId, Piece)> =
            rows.iter().filter_map(piece_of).map(|id| (id, piece(id.0))).collect();
        Folds::of(rows, &pieces.iter().map(|(id, piece)| (*id, piece)).collect())
    }

    fn numbered(rows: Vec<Row>) -> Vec<(RowId, Row)> {
        (0..).map(RowId).zip(rows).collect()
    }

    #[test]
    fn only_an_archive_too_small_to_hold_out_enough_is_held_out_in_turn() {
        assert!(folds(&archive(30, 8)).is_none(), "enough are held out");
        assert!(folds(&archive(10, 4)).is_none(), "nine are too few");
        assert!(folds(&archive(14, 5)).is_some());
        let drafts = |n| Piece { unfinished: n <= 5, ..Piece::default() };
        assert!(folds_of(&archive(14, 5), drafts).is_none(), "few may be judged on");
    }

    #[test]
    fn every_piece_but_the_watched_is_held_out_once() {
        let rows = archive(14, 5);
        let folds = folds(&rows).unwrap();
        let mut held_out: Vec<PieceId> = Vec::new();
        for fold in 0..FOLDS {
            let sided = folds.sided(fold, &rows);
            let of = |side| {
                let rows = sided.iter().filter(move |row| row.side == side);
                rows.filter_map(piece_of).collect::<Vec<_>>()
            };
            assert!((3..=4).contains(&of(Side::Holdout).len()));
            assert_eq!(of(Side::Dev), [PieceId(8)]);
            held_out.extend(of(Side::Holdout));
        }
        held_out.sort();
        assert_eq!(held_out, (0..14).filter(|n| *n != 8).map(PieceId).collect::<Vec<_>>());
    }

    #[test]
    fn an_adapter_of_a_fold_learns_nothing_of_it_or_near_it() {
        let mut rows = archive(14, 5);
        let near = Row { origin: Origin::Edit(EditId(1)), side: Side::Train, ..rows[13].clone() };
        rows.push(near);
        let folds = folds(&rows).unwrap();
        let mut rows = numbered(rows);
        folds.learn_all(&mut rows);
        assert!(rows.iter().all(|(_, row)| row.side != Side::Holdout));
        for fold in 0..FOLDS {
            let learned = folds.lessons(fold, &rows);
            assert!(!learned.iter().any(|(_, row)| folds.of_row(row) == Some(fold)));
            let edits = learned.iter().filter(|(_, row)| piece_of(row).is_none()).count();
            let is_of_fold = folds.of_row(&rows[13].1) == Some(fold);
            assert_eq!(edits, usize::from(!is_of_fold));
        }
    }

    #[test]
    fn near_pieces_are_in_one_fold() {
        let mut rows = archive(14, 5);
        rows[2].text = rows[11].text.clone();
        let folds = folds(&rows).unwrap();
        assert_eq!(folds.of_row(&rows[2]), folds.of_row(&rows[11]));
    }

    #[test]
    fn the_parts_of_a_series_are_in_one_fold() {
        let rows = archive(14, 5);
        let part = |n| match n {
            2 => "The roof, part 1".to_owned(),
            11 => "The roof, part 2".to_owned(),
            n => format!("Piece {n}"),
        };
        let folds = folds_of(&rows, |n| Piece { title: part(n), ..Piece::default() }).unwrap();
        assert_eq!(folds.of_row(&rows[2]), folds.of_row(&rows[11]));
    }

    #[test]
    fn what_came_in_since_is_left_out_of_the_verdict() {
        let folds = folds(&archive(14, 5)).unwrap();
        let sided = folds.sided(0, &archive(16, 5));
        assert_eq!([sided[14].side, sided[15].side], [Side::Dev; 2]);
    }
}
