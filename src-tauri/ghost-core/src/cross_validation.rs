//! Cross-validation for archives that are too small for a test set.
//!
//! Several adapters train by one recipe, each without the pieces of one fold, and every piece is
//! judged by the adapter that has not seen it. This tests the recipe; the adapter that writes trains
//! on all pieces.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::archive::Piece;
use crate::id::{PieceId, RowId};
use crate::measure::Shingles;
use crate::near_duplicates::{MAX_SHARED, NearDuplicates};
use crate::row::{Origin, Row};
use crate::split::{Split, groups};
use crate::verdict::MIN_PIECES;

/// The number of folds.
pub const FOLDS: usize = 4;
/// Pieces needed for cross-validation: with fewer, some folds are nearly empty.
const MIN_CROSS_VALIDATED: usize = 10;

/// The fold of each piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folds(Vec<(PieceId, usize)>);

impl Folds {
    /// The folds of an archive, from its rows of whole pieces and those pieces. `None` if the test set
    /// is large enough, or if the archive is too small. Validation pieces and unfinished ones are in
    /// no fold. Pieces that must stay together ([`crate::split::assign`]) share a fold.
    pub fn of<'a>(
        rows: impl IntoIterator<Item = &'a Row>,
        pieces: &HashMap<PieceId, &Piece>,
    ) -> Option<Folds> {
        let (eligible, rows): (Vec<(PieceId, &Piece)>, Vec<&Row>) = rows
            .into_iter()
            .filter(|row| row.split != Split::Validation && !row.text.trim().is_empty())
            .filter_map(|row| {
                let id = piece_of(row)?;
                let piece = pieces.get(&id).filter(|piece| !piece.unfinished)?;
                Some(((id, *piece), row))
            })
            .unzip();
        let held_out = rows.iter().filter(|row| row.split == Split::Test).count();
        if held_out >= MIN_PIECES || eligible.len() < MIN_CROSS_VALIDATED {
            return None;
        }
        let near = NearDuplicates::of(rows.iter().map(|row| row.text.as_str()));
        let mut groups = groups(&eligible, &near);
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let mut sizes = [0; FOLDS];
        let mut folds = Vec::with_capacity(eligible.len());
        for group in groups {
            let smallest = (0..FOLDS).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
            sizes[smallest] += group.len();
            folds.extend(group.into_iter().map(|n| (eligible[n].0, smallest)));
        }
        folds.sort();
        (!sizes.contains(&0)).then_some(Folds(folds))
    }

    /// Moves the pieces of all folds to the training set, for the adapter that writes.
    pub fn train_on_all(&self, rows: &mut [(RowId, Row)]) {
        for (_, row) in rows {
            if row.split == Split::Test && self.of_row(row).is_some() {
                row.split = Split::Train;
            }
        }
    }

    /// The training rows of a fold's adapter: those that neither belong to a piece of the fold nor are
    /// near duplicates of one.
    pub fn training_rows(&self, fold: usize, rows: &[(RowId, Row)]) -> Vec<(RowId, Row)> {
        let held_out = |row: &Row| self.of_row(row) == Some(fold);
        let texts: Vec<Shingles> = rows
            .iter()
            .filter(|(_, row)| held_out(row))
            .map(|(_, row)| Shingles::of(&row.text))
            .collect();
        let leaks = |row: &Row| {
            let own = Shingles::of(&row.text);
            piece_of(row).is_none() && texts.iter().any(|text| text.likeness(&own) > MAX_SHARED)
        };
        rows.iter().filter(|(_, row)| !held_out(row) && !leaks(row)).cloned().collect()
    }

    /// The rows of an archive for the verdict on a fold's adapter: the fold's pieces are the test set,
    /// and those of the other folds may be shown in a prompt. Pieces imported since then are in no
    /// fold; they leave the test set.
    pub fn with_splits(&self, fold: usize, rows: &[Row]) -> Vec<Row> {
        let split = |row: &Row| match (self.of_row(row), row.split) {
            (Some(own), _) if own == fold => Split::Test,
            (Some(_), _) => Split::Train,
            (None, Split::Test) => Split::Validation,
            (None, split) => split,
        };
        rows.iter().map(|row| Row { split: split(row), ..row.clone() }).collect()
    }

    /// The number of pieces in all folds.
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

    fn row(n: usize, split: Split) -> Row {
        let text: String = (0..40).map(|word| format!("w{n}x{word} ")).collect();
        Row {
            origin: Origin::Archive(PieceId(n as i64)),
            seed: Seed::default(),
            text,
            weights: Vec::new(),
            split,
            scope: crate::outline::RequestScope::Whole,
        }
    }

    /// `n` rows: the last `held_out` are the test set, the one before them the validation set.
    fn archive(n: usize, held_out: usize) -> Vec<Row> {
        let split = |at| match n - at {
            left if left <= held_out => Split::Test,
            left if left == held_out + 1 => Split::Validation,
            _ => Split::Train,
        };
        (0..n).map(|at| row(at, split(at))).collect()
    }

    /// The folds of rows whose pieces are not a series.
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
    fn only_an_archive_too_small_for_a_test_set_is_cross_validated() {
        assert!(folds(&archive(30, 8)).is_none(), "the test set is large enough");
        assert!(folds(&archive(10, 4)).is_none(), "nine are too few");
        assert!(folds(&archive(14, 5)).is_some());
        let drafts = |n| Piece { unfinished: n <= 5, ..Piece::default() };
        assert!(folds_of(&archive(14, 5), drafts).is_none(), "too few are finished");
    }

    #[test]
    fn every_piece_outside_the_validation_set_is_in_one_fold() {
        let rows = archive(14, 5);
        let folds = folds(&rows).unwrap();
        let mut held_out: Vec<PieceId> = Vec::new();
        for fold in 0..FOLDS {
            let sided = folds.with_splits(fold, &rows);
            let of = |split| {
                let rows = sided.iter().filter(move |row| row.split == split);
                rows.filter_map(piece_of).collect::<Vec<_>>()
            };
            assert!((3..=4).contains(&of(Split::Test).len()));
            assert_eq!(of(Split::Validation), [PieceId(8)]);
            held_out.extend(of(Split::Test));
        }
        held_out.sort();
        assert_eq!(held_out, (0..14).filter(|n| *n != 8).map(PieceId).collect::<Vec<_>>());
    }

    #[test]
    fn the_adapter_of_a_fold_does_not_train_on_its_pieces_or_near_duplicates() {
        let mut rows = archive(14, 5);
        let near = Row { origin: Origin::Edit(EditId(1)), split: Split::Train, ..rows[13].clone() };
        rows.push(near);
        let folds = folds(&rows).unwrap();
        let mut rows = numbered(rows);
        folds.train_on_all(&mut rows);
        assert!(rows.iter().all(|(_, row)| row.split != Split::Test));
        for fold in 0..FOLDS {
            let learned = folds.training_rows(fold, &rows);
            assert!(!learned.iter().any(|(_, row)| folds.of_row(row) == Some(fold)));
            let edits = learned.iter().filter(|(_, row)| piece_of(row).is_none()).count();
            let is_of_fold = folds.of_row(&rows[13].1) == Some(fold);
            assert_eq!(edits, usize::from(!is_of_fold));
        }
    }

    #[test]
    fn near_duplicates_share_a_fold() {
        let mut rows = archive(14, 5);
        rows[2].text = rows[11].text.clone();
        let folds = folds(&rows).unwrap();
        assert_eq!(folds.of_row(&rows[2]), folds.of_row(&rows[11]));
    }

    #[test]
    fn the_parts_of_a_series_share_a_fold() {
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
    fn pieces_imported_later_are_not_tested_on() {
        let folds = folds(&archive(14, 5)).unwrap();
        let sided = folds.with_splits(0, &archive(16, 5));
        assert_eq!([sided[14].split, sided[15].split], [Split::Validation; 2]);
    }
}
