//! The material to train on: what the archive and the writer's edits hold, in figures.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::archive::Piece;
use crate::edit::{Edit, Segment};
use crate::measure::{Shingles, authored_share, edit_distance};
use crate::split::Split;
use crate::voice::is_function_word;
use crate::words::{count, words};

/// Words below which a piece is too short to show a voice.
const MIN_WORDS: usize = 50;
/// Share of a piece's shingles that occur in earlier pieces, above which it is a duplicate.
const DUPLICATE: f64 = 0.5;
/// Edits needed to say something about how the writer edits.
pub(super) const MIN_PAIRS: usize = 10;

/// The size of the archive, and of the part that can be used for training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Material {
    /// All pieces.
    pub pieces: usize,
    /// All words, including code and quotations.
    pub words: usize,
    /// Pieces that can be trained on.
    pub usable_pieces: usize,
    /// The writer's own words in them.
    pub usable_words: usize,
    /// Pieces that repeat earlier ones.
    pub duplicates: usize,
    /// Unfinished pieces.
    pub unfinished: usize,
    /// Pieces too short to show a voice.
    pub short: usize,
    /// Pieces by other authors.
    pub by_others: usize,
    /// Pieces in the test set.
    #[serde(rename = "holdout")]
    pub test_pieces: usize,
}

impl Material {
    /// Counts an archive; `is_own` returns whether an author's pieces are the writer's.
    pub fn of<'a>(
        pieces: impl IntoIterator<Item = (&'a Piece, Split)>,
        is_own: &dyn Fn(Option<&str>) -> bool,
    ) -> Material {
        let mut found = Material::default();
        let mut seen: HashSet<u64> = HashSet::new();
        for (piece, split) in pieces {
            let shingles = Shingles::of(&piece.text);
            let again = shingles.iter().filter(|shingle| seen.contains(shingle)).count();
            let is_duplicate = again as f64 > DUPLICATE * shingles.len().max(1) as f64;
            seen.extend(shingles.iter());
            let is_other = !is_own(piece.author.as_deref());
            let is_short = piece.words < MIN_WORDS;
            found.pieces += 1;
            found.words += count(&piece.text).max(piece.words);
            found.duplicates += usize::from(is_duplicate);
            found.unfinished += usize::from(piece.unfinished);
            found.short += usize::from(is_short);
            found.by_others += usize::from(is_other);
            found.test_pieces += usize::from(split == Split::Test);
            if !(is_duplicate || is_other || is_short || piece.unfinished) {
                found.usable_pieces += 1;
                found.usable_words += piece.words;
            }
        }
        found
    }

    /// The usable share of all words.
    pub(super) fn usable_share(&self) -> f64 {
        if self.words == 0 { 1.0 } else { self.usable_words as f64 / self.words as f64 }
    }
}

/// Figures of the writer's edits of drafts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EditStats {
    /// Shipped drafts.
    pub pairs: usize,
    /// Words that the writer put into them.
    pub authored_words: usize,
    /// Median edit distance of the first ten and of the last ten; `None` with fewer than ten.
    pub changed: Option<[f64; 2]>,
    /// Share of the changed words in changes of facts alone: numbers, names, addresses. `None` if
    /// nothing was changed.
    pub facts: Option<f64>,
}

impl EditStats {
    /// Reads pairs of a draft and its shipped text, oldest first.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> EditStats {
        let mut found = EditStats::default();
        let mut distances = Vec::new();
        let (mut changed, mut facts) = (0, 0);
        for (draft, shipped) in pairs {
            let edit = Edit::between(draft, shipped);
            found.pairs += 1;
            found.authored_words +=
                (authored_share(&edit) * count(shipped) as f64).round() as usize;
            distances.push(edit_distance(draft, shipped));
            let mut opens = true;
            for segment in edit.segments() {
                match segment {
                    Segment::Same(text) => opens = ends_sentence(text),
                    Segment::Changed { cut, added } => {
                        let n = count(cut) + count(added);
                        changed += n;
                        facts += if is_factual(cut, added, opens) { n } else { 0 };
                    }
                }
            }
        }
        found.facts = (changed > 0).then(|| facts as f64 / changed as f64);
        found.changed = (distances.len() >= MIN_PAIRS).then(|| {
            [median(&distances[..MIN_PAIRS]), median(&distances[distances.len() - MIN_PAIRS..])]
        });
        found
    }
}

fn median(all: &[f64]) -> f64 {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', '!', '?', ':', '”', '"']) || text.ends_with('\n')
}

/// True if a change has numbers, names or addresses and no other content word.
fn is_factual(cut: &str, added: &str, opens: bool) -> bool {
    let mut any = false;
    for side in [cut, added] {
        let mut opens = opens;
        let mut end = 0;
        for (at, word) in words(side) {
            opens = opens && end == 0 || ends_sentence(&side[end..at]);
            end = at + word.len();
            let small = word.to_lowercase();
            let named = word.chars().any(|c| c.is_ascii_digit())
                || small.contains("www.")
                || !opens && word.starts_with(char::is_uppercase) && small != "i";
            if named {
                any = true;
            } else if !is_function_word(&small) {
                return false;
            }
        }
    }
    any
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn changes_of_facts_are_told_from_changes_of_style() {
        let facts = |edit: &str| {
            let edit: Edit = edit.parse().unwrap();
            EditStats::of([(edit.draft().as_str(), edit.shipped().as_str())]).facts
        };
        assert_eq!(facts("It cost [40/45] euros."), Some(1.0));
        assert_eq!(facts("I met [Anna/Petra Maier] there."), Some(1.0));
        assert_eq!(facts("It was [utilised/used] there."), Some(0.0));
        assert_eq!(facts("It rained. [Furthermore/Then] it snowed."), Some(0.0));
        assert_eq!(facts("It [was/is] so."), Some(0.0));
        assert_eq!(facts("It rained."), None);
    }
}
