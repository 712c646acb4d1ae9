//! Pieces held out in turn, where an archive is too small to hold out enough of them at once
//! (cross-fit, VOICE 8.1).
//!
//! Several adapters learn by one recipe, each without the pieces of one fold, and every piece is
//! judged by the one that has not seen it. It is the recipe that is tested so; the adapter that
//! writes learns from all of them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::id::{PieceId, RowId};
use crate::measure::Shingles;
use crate::row::{Origin, Row, Side, near_families};
use crate::verdict::LEAST_PIECES;

/// How many folds there are.
pub const FOLDS: usize = 4;
/// Fewer pieces are not enough in turn either: some are watched and some folds are nearly empty.
const LEAST_IN_TURN: usize = 10;
/// A row that shares more of its five-word runs with a piece is held out with it.
const MOST_SHARED: f64 = 0.1;

/// Which fold each piece is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folds(Vec<(PieceId, usize)>);

impl Folds {
    /// The folds of an archive in rows of whole pieces; `None` where enough is held out as it is, or
    /// where there is too little. Pieces that are watched are in none, nor are those that are not
    /// to be judged on. Near pieces are in one fold.
    pub fn of(rows: &[Row], judged: impl Fn(PieceId) -> bool) -> Option<Folds> {
        let in_turn: Vec<(PieceId, &Row)> = rows
            .iter()
            .filter(|row| row.side != Side::Dev && !row.text.trim().is_empty())
            .filter_map(|row| Some((piece_of(row)?, row)))
            .filter(|(piece, _)| judged(*piece))
            .collect();
        let held_out = in_turn.iter().filter(|(_, row)| row.side == Side::Holdout).count();
        if held_out >= LEAST_PIECES || in_turn.len() < LEAST_IN_TURN {
            return None;
        }
        let mut families = near_families(in_turn.iter().map(|(_, row)| row.text.as_str()));
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

    /// The pieces of a fold.
    pub fn pieces(&self, fold: usize) -> HashSet<PieceId> {
        self.0.iter().filter(|(_, own)| *own == fold).map(|(piece, _)| *piece).collect()
    }

    /// All pieces that are held out in turn.
    pub fn all(&self) -> impl Iterator<Item = PieceId> {
        self.0.iter().map(|(piece, _)| *piece)
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

    fn numbered(rows: Vec<Row>) -> Vec<(RowId, Row)> {
        (0..).map(RowId).zip(rows).collect()
    }

    #[test]
    fn only_an_archive_too_small_to_hold_out_enough_is_held_out_in_turn() {
        let folds = |n, held_out| Folds::of(&archive(n, held_out), |_| true);
        assert!(folds(30, 8).is_none(), "enough are held out");
        assert!(folds(10, 4).is_none(), "nine are too few");
        assert!(folds(14, 5).is_some());
        assert!(Folds::of(&archive(14, 5), |piece| piece.0 > 5).is_none(), "few may be judged on");
    }

    #[test]
    fn every_piece_but_the_watched_is_held_out_once() {
        let rows = archive(14, 5);
        let folds = Folds::of(&rows, |_| true).unwrap();
        let mut held_out: Vec<PieceId> = Vec::new();
        for fold in 0..FOLDS {
            let pieces = folds.pieces(fold);
            assert!((3..=4).contains(&pieces.len()));
            for row in folds.sided(fold, &rows) {
                let piece = piece_of(&row).unwrap();
                assert_eq!(row.side == Side::Holdout, pieces.contains(&piece));
                assert_eq!(row.side == Side::Dev, piece.0 == 8);
            }
            held_out.extend(pieces);
        }
        held_out.sort();
        assert_eq!(held_out, (0..14).filter(|n| *n != 8).map(PieceId).collect::<Vec<_>>());
    }

    #[test]
    fn an_adapter_of_a_fold_learns_nothing_of_it_or_near_it() {
        let mut rows = archive(14, 5);
        let near = Row { origin: Origin::Edit(EditId(1)), side: Side::Train, ..rows[13].clone() };
        rows.push(near);
        let folds = Folds::of(&rows, |_| true).unwrap();
        let mut rows = numbered(rows);
        folds.learn_all(&mut rows);
        assert!(rows.iter().all(|(_, row)| row.side != Side::Holdout));
        for fold in 0..FOLDS {
            let pieces = folds.pieces(fold);
            let learned = folds.lessons(fold, &rows);
            let of = |row: &Row| piece_of(row).is_some_and(|piece| pieces.contains(&piece));
            assert!(!learned.iter().any(|(_, row)| of(row)));
            let edits = learned.iter().filter(|(_, row)| piece_of(row).is_none()).count();
            assert_eq!(edits, usize::from(!pieces.contains(&PieceId(13))));
        }
    }

    #[test]
    fn near_pieces_are_in_one_fold() {
        let mut rows = archive(14, 5);
        rows[2].text = rows[11].text.clone();
        let folds = Folds::of(&rows, |_| true).unwrap();
        assert_eq!(folds.of_row(&rows[2]), folds.of_row(&rows[11]));
    }

    #[test]
    fn what_came_in_since_is_left_out_of_the_verdict() {
        let folds = Folds::of(&archive(14, 5), |_| true).unwrap();
        let sided = folds.sided(0, &archive(16, 5));
        assert_eq!([sided[14].side, sided[15].side], [Side::Dev; 2]);
    }
}
