//! Figures of a text or an edit: kept words, edit distance, shingles, repetition.
//!
//! Every share is between 0 and 1 and never NaN. The users of a figure set its limits.

use std::collections::HashSet;
use std::ops::Range;

use crate::edit::Edit;
use crate::lcs;
use crate::words::{hash, straight, words};

/// Share of the draft's words that were kept: for [`Edit::between`] the longest common subsequence over
/// the draft's words. A draft without words was kept if it is unchanged.
pub fn kept_ratio(edit: &Edit) -> f64 {
    let spans: Vec<_> = edit.kept().map(|(draft, _)| draft).collect();
    share_within(&edit.draft(), &spans).unwrap_or(f64::from(u8::from(edit.is_empty())))
}

/// Share of the shipped words that are not from the draft.
pub fn authored_share(edit: &Edit) -> f64 {
    let spans: Vec<_> = edit.kept().map(|(_, shipped)| shipped).collect();
    share_within(&edit.shipped(), &spans).map_or(0.0, |kept| 1.0 - kept)
}

/// Share of the words of `text` that are within `spans` (in order), ignoring their apostrophes; `None`
/// if it has no words.
fn share_within(text: &str, spans: &[Range<usize>]) -> Option<f64> {
    let mut spans = spans.iter().peekable();
    let (mut all, mut within) = (0, 0);
    for (at, word) in words(text) {
        all += 1;
        let mut is_kept = |(inner, c): (usize, char)| {
            let at = at + inner;
            while spans.next_if(|span| span.end <= at).is_some() {}
            spans.peek().is_some_and(|span| span.start <= at) || straight(c) == '\''
        };
        // Every character has to be visited, because the spans advance with them.
        within += usize::from(word.char_indices().filter(|&c| !is_kept(c)).count() == 0);
    }
    share(within, all)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Word-level Levenshtein distance divided by the words of the longer text: exact up to 100,000 words
/// on both sides.
pub fn edit_distance(draft: &str, shipped: &str) -> f64 {
    let texts = |text| words(text).map(|(_, word)| word.chars().map(straight).collect::<String>());
    let (a, b) = lcs::intern(texts(draft), texts(shipped));
    share(lcs::levenshtein(&a, &b), a.len().max(b.len())).unwrap_or(0.0)
}

/// The five-word shingles of a text as sorted numbers, each once. A shorter text has a single one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shingles(Vec<u64>);

impl Shingles {
    /// The shingles of a text.
    pub fn of(text: &str) -> Shingles {
        Shingles::of_words(&hashes(text))
    }

    /// The shingles of words given as hashes.
    pub(crate) fn of_words(words: &[u64]) -> Shingles {
        let mut found: Vec<u64> = grams(words, words.len().min(5)).collect();
        found.sort_unstable();
        found.dedup();
        Shingles(found)
    }

    /// The shingles as numbers.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied()
    }

    /// The number of shingles.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if the text had no words.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The Jaccard similarity of two texts: common shingles over all shingles.
    pub fn likeness(&self, other: &Shingles) -> f64 {
        let both = self.iter().filter(|s| other.0.binary_search(s).is_ok());
        let both = both.count();
        share(both, self.len() + other.len() - both).unwrap_or(0.0)
    }
}

/// Share of four-word runs that are repetitions (rep-4), over words given as hashes.
pub(crate) fn repetition_of_words(words: &[u64]) -> f64 {
    let all = grams(words, 4).count();
    let unique = grams(words, 4).collect::<HashSet<_>>().len();
    share(all - unique, all).unwrap_or(0.0)
}

/// The hashes of a text's words, which ignore case and the shape of apostrophes.
pub(crate) fn hashes(text: &str) -> Vec<u64> {
    words(text).map(|(_, word)| hash(word)).collect()
}

/// A rolling hash of each run of `n` words. Empty if `n` is 0 or there are fewer words.
pub(crate) fn grams(words: &[u64], n: usize) -> impl Iterator<Item = u64> {
    const BASE: u64 = 0xD134_2543_DE82_EF95;
    let n = if n == 0 { usize::MAX } else { n };
    let oldest = (1..n.min(words.len())).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let mut hash = 0u64;
    (0..words.len()).filter_map(move |end| {
        if end >= n {
            hash = hash.wrapping_sub(words[end - n].wrapping_mul(oldest));
        }
        hash = hash.wrapping_mul(BASE).wrapping_add(words[end]);
        // A final mix: similar sums must not have similar hashes.
        (end + 1 >= n).then(|| (hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn edit(line: &str) -> Edit {
        line.parse().unwrap()
    }

    #[test]
    fn the_kept_share_is_over_the_draft() {
        assert_eq!(kept_ratio(&edit("one two [three/drei] four")), 0.75);
        assert_eq!(kept_ratio(&edit("It rained.")), 1.0);
        assert_eq!(kept_ratio(&edit("[/It rained.]")), 0.0);
        assert_eq!(kept_ratio(&edit("")), 1.0);
        assert_eq!(kept_ratio(&edit("I don['/’]t know")), 1.0);
        assert_eq!(kept_ratio(&edit("中文[測/不]試")), 0.5);
    }

    #[test]
    fn a_number_after_a_change_is_still_a_word() {
        assert_eq!(kept_ratio(&edit("in [1984. So /]what")), 0.5);
    }

    #[test]
    fn the_authored_share_is_over_the_shipped_text() {
        assert_eq!(authored_share(&edit("one [/two three ]four")), 0.5);
        assert_eq!(authored_share(&edit("one [two/]")), 0.0);
        assert_eq!(authored_share(&edit("[one/]")), 0.0);
    }

    #[test]
    fn the_distance_is_over_the_longer_text() {
        assert_eq!(edit_distance("one two three four", "one zwei four"), 0.5);
        assert_eq!(edit_distance("", ""), 0.0);
        assert_eq!(edit_distance("", "rain"), 1.0);
        assert_eq!(edit_distance("rain, rain", "rain rain!"), 0.0);
        assert_eq!(edit_distance("I don't", "I don’t"), 0.0);
        assert_eq!(edit_distance("ฉันรักแมวมาก", "ฉันรักหมามาก"), 0.25);
    }

    #[test]
    fn similar_texts_share_shingles() {
        let of = Shingles::of;
        assert_eq!(of("a b c d e f").likeness(&of("A b c d e g")), 1.0 / 3.0);
        assert_eq!(of("a b").likeness(&of("a b")), 1.0);
        assert_eq!(of("").likeness(&of("")), 0.0);
        assert!(of("").is_empty());
    }

    #[test]
    fn repetition_counts_repeated_runs() {
        let repetition = |text: &str| repetition_of_words(&hashes(text));
        assert_eq!(repetition("a b c d e f g"), 0.0);
        assert_eq!(repetition("a b c d a b c d"), 0.2);
        assert_eq!(repetition("a b"), 0.0);
    }
}
