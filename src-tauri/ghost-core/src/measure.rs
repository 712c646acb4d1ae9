//! Numbers about a text: words kept, distance, lengths, copied runs.
//!
//! Formulas are those of VOICE 5.3, 5.5 and 5.6. Every share lies between 0 and 1, and nothing
//! here is ever not a number. Knows nothing of what a number is held against.

use std::collections::HashSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::align;
use crate::edit::Edit;
use crate::words::{hash, words};

/// What it took the writer to ship a draft.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effort {
    /// Words of the draft.
    pub draft_words: usize,
    /// Words of what was shipped.
    pub shipped_words: usize,
    /// Share of the draft's words that stayed ([`kept_ratio`]).
    pub kept: f64,
    /// 0 nothing changed, 1 nothing stayed where it was ([`edit_distance`]).
    pub distance: f64,
    /// Share of the shipped words that the writer put in ([`authored_share`]).
    pub authored: f64,
}

impl Effort {
    /// Measures one draft and what became of it.
    pub fn of(draft: &str, shipped: &str) -> Effort {
        let edit = Edit::between(draft, shipped);
        Effort {
            draft_words: crate::words::count(draft),
            shipped_words: crate::words::count(shipped),
            kept: kept_ratio(&edit),
            distance: edit_distance(draft, shipped),
            authored: authored_share(&edit),
        }
    }
}

/// Share of the draft's words that stayed: the longest common subsequence over the draft's words,
/// if the edit is [`Edit::between`]. A draft without words was kept if it is unchanged.
pub fn kept_ratio(edit: &Edit) -> f64 {
    let spans: Vec<_> = edit.kept().map(|(draft, _)| draft).collect();
    share_within(&edit.draft(), &spans).unwrap_or(f64::from(u8::from(edit.is_empty())))
}

/// Share of the shipped words that are not the draft's.
pub fn authored_share(edit: &Edit) -> f64 {
    let spans: Vec<_> = edit.kept().map(|(_, shipped)| shipped).collect();
    share_within(&edit.shipped(), &spans).map_or(0.0, |kept| 1.0 - kept)
}

/// Share of the words of `text` that lie within `spans` (in order); none where it has no words.
fn share_within(text: &str, spans: &[Range<usize>]) -> Option<f64> {
    let mut spans = spans.iter().peekable();
    let (mut all, mut within) = (0, 0);
    for (at, word) in words(text) {
        while spans.next_if(|span| span.end <= at).is_some() {}
        all += 1;
        let end = at + word.len();
        within += usize::from(spans.peek().is_some_and(|s| s.start <= at && end <= s.end));
    }
    share(within, all)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Word-level Levenshtein distance over the longer text's words: exact (Myers's bit-parallel
/// table, one row of memory) up to 100,000 words on both sides.
pub fn edit_distance(draft: &str, shipped: &str) -> f64 {
    let texts = |text| words(text).map(|(_, word)| word);
    let (a, b) = align::numbered(texts(draft), texts(shipped));
    share(align::distance(&a, &b), a.len().max(b.len())).unwrap_or(0.0)
}

/// A run of words that stands in another text as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// How many words; 0 where no word is shared.
    pub words: usize,
    /// Where it stands in the text, in bytes.
    pub at: Range<usize>,
    /// Which of the others has it.
    pub other: Option<usize>,
}

/// The longest run of words that `text` shares with any of `others`, whatever the case.
///
/// If a run of n words is shared then so is one of n - 1, so the length is found by halving; each
/// guess is one pass over all words (a rolling hash of 64 bits, so exact but for one in 2^40).
pub fn copy_run(text: &str, others: &[&str]) -> Copied {
    let spans: Vec<_> = words(text).map(|(at, w)| at..at + w.len()).collect();
    let text = hashes(text);
    let others: Vec<_> = others.iter().map(|other| hashes(other)).collect();
    let longest = others.iter().map(Vec::len).max().unwrap_or(0);
    let mut best = Copied { words: 0, at: 0..0, other: None };
    let (mut shared, mut unshared) = (0, text.len().min(longest) + 1);
    while unshared - shared > 1 {
        let n = usize::midpoint(shared, unshared);
        let Some((start, other)) = shared_run(&text, &others, n) else {
            unshared = n;
            continue;
        };
        shared = n;
        best = Copied {
            words: n,
            at: spans[start].start..spans[start + n - 1].end,
            other: Some(other),
        };
    }
    best
}

/// Where a run of `n` words stands in `text` that one of `others` has, and which.
fn shared_run(text: &[u64], others: &[Vec<u64>], n: usize) -> Option<(usize, usize)> {
    let wanted: HashSet<u64> = grams(text, n).collect();
    others.iter().enumerate().find_map(|(which, other)| {
        let found = grams(other, n).find(|gram| wanted.contains(gram))?;
        let start = grams(text, n).position(|gram| gram == found)?;
        Some((start, which))
    })
}

/// Share of the runs of eight words of `text` that stand in any of `others`.
pub fn copy_share(text: &str, others: &[&str]) -> f64 {
    let text = hashes(text);
    let wanted: HashSet<u64> = grams(&text, 8).collect();
    let mut found = HashSet::new();
    for other in others {
        found.extend(grams(&hashes(other), 8).filter(|gram| wanted.contains(gram)));
    }
    let copied = grams(&text, 8).filter(|gram| found.contains(gram)).count();
    share(copied, grams(&text, 8).count()).unwrap_or(0.0)
}

/// The runs of five words of a text, as numbers, sorted, each once. A text of fewer words has one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shingles(Vec<u64>);

impl Shingles {
    /// The shingles of a text.
    pub fn of(text: &str) -> Shingles {
        Shingles::of_words(&hashes(text))
    }

    /// The shingles of words that are numbers already.
    pub(crate) fn of_words(words: &[u64]) -> Shingles {
        let mut found: Vec<u64> = grams(words, words.len().min(5)).collect();
        found.sort_unstable();
        found.dedup();
        Shingles(found)
    }

    /// The numbers.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text had no words.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How alike two texts are: shingles in both over shingles in either (Jaccard).
    pub fn likeness(&self, other: &Shingles) -> f64 {
        let both = self.iter().filter(|s| other.0.binary_search(s).is_ok());
        let both = both.count();
        share(both, self.len() + other.len() - both).unwrap_or(0.0)
    }
}

/// Share of the runs of four words that have been said before (rep-4).
pub fn repetition(text: &str) -> f64 {
    repetition_of_words(&hashes(text))
}

/// The same of words that are numbers already.
pub(crate) fn repetition_of_words(words: &[u64]) -> f64 {
    let all = grams(words, 4).count();
    let unique = grams(words, 4).collect::<HashSet<_>>().len();
    share(all - unique, all).unwrap_or(0.0)
}

/// Bits a byte, from the sum of the base-2 logarithms of the tokens' probabilities and the length
/// of the text they spell, in bytes. Nothing where there is no text or the sum is no sum.
pub fn bits_per_byte(sum_log2: f64, bytes: usize) -> Option<f64> {
    let bits = -sum_log2 / bytes as f64;
    (bytes > 0 && bits.is_finite() && bits >= 0.0).then_some(bits.abs())
}

/// The words of a text as numbers, whatever their case and the shape of their apostrophes.
pub(crate) fn hashes(text: &str) -> Vec<u64> {
    words(text).map(|(_, word)| hash(word)).collect()
}

/// A number for each run of `n` words: the sum of its words over the powers of a base, which rolls
/// on by one word at a time. None where `n` is 0 or there are fewer words.
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
        // A last mixing: neighbouring sums must not have neighbouring numbers.
        (end + 1 >= n).then(|| (hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chance::Chance;

    fn edit(line: &str) -> Edit {
        line.parse().unwrap()
    }

    #[test]
    fn kept_is_the_share_of_the_drafts_words() {
        assert_eq!(kept_ratio(&edit("one two [three/drei] four")), 0.75);
        assert_eq!(kept_ratio(&edit("It rained.")), 1.0);
        assert_eq!(kept_ratio(&edit("[/It rained.]")), 0.0);
        assert_eq!(kept_ratio(&edit("")), 1.0);
    }

    #[test]
    fn a_number_after_a_change_is_still_a_word() {
        assert_eq!(kept_ratio(&edit("in [1984. So /]what")), 0.5);
    }

    #[test]
    fn authored_is_the_share_of_the_shipped_words() {
        assert_eq!(authored_share(&edit("one [/two three ]four")), 0.5);
        assert_eq!(authored_share(&edit("one [two/]")), 0.0);
        assert_eq!(authored_share(&edit("[one/]")), 0.0);
    }

    #[test]
    fn distance_counts_swaps_and_drops_over_the_longer_text() {
        assert_eq!(edit_distance("one two three four", "one zwei four"), 0.5);
        assert_eq!(edit_distance("", ""), 0.0);
        assert_eq!(edit_distance("", "rain"), 1.0);
        assert_eq!(edit_distance("rain, rain", "rain rain!"), 0.0);
    }

    #[test]
    fn the_effort_of_one_draft() {
        let effort = Effort::of("In short, rain is wet.", "Rain is wet and cold.");
        assert_eq!((effort.draft_words, effort.shipped_words), (5, 5));
        assert_eq!((effort.kept, effort.authored), (0.4, 0.6));
    }

    #[test]
    fn the_longest_copied_run_is_found_with_its_place() {
        let text = "Yes: the rain IN Spain, they say, falls.";
        let found = copy_run(text, &["no", "“The rain in Spain they", "rain in"]);
        assert_eq!((found.words, found.other), (5, Some(1)));
        assert_eq!(&text[found.at], "the rain IN Spain, they");
    }

    #[test]
    fn nothing_is_copied_from_nothing() {
        assert_eq!(copy_run("rain", &[]).words, 0);
        assert_eq!(copy_run("", &["rain"]).words, 0);
        assert_eq!(copy_run("sun", &["rain"]).other, None);
        assert_eq!(copy_share("rain", &["rain"]), 0.0);
    }

    #[test]
    fn a_copied_run_is_as_long_as_the_table_says() {
        let mut chance = Chance::new(5);
        for _ in 0..300 {
            let mut draw = |n| -> Vec<String> {
                (0..chance.below(n)).map(|_| format!("w{}", chance.below(4))).collect()
            };
            let (a, b) = (draw(60), draw(60));
            let mut longest = 0;
            for i in 0..a.len() {
                for j in 0..b.len() {
                    let run = a[i..].iter().zip(&b[j..]).take_while(|(x, y)| x == y);
                    longest = longest.max(run.count());
                }
            }
            assert_eq!(copy_run(&a.join(" "), &[&b.join(" ")]).words, longest);
        }
    }

    #[test]
    fn copy_share_counts_runs_of_eight() {
        let own = "a b c d e f g h i";
        assert_eq!(copy_share(own, &["a b c d e f g h x"]), 0.5);
        assert_eq!(copy_share(own, &[own]), 1.0);
    }

    #[test]
    fn alike_texts_share_their_shingles() {
        let of = Shingles::of;
        assert_eq!(of("a b c d e f").likeness(&of("A b c d e g")), 1.0 / 3.0);
        assert_eq!(of("a b").likeness(&of("a b")), 1.0);
        assert_eq!(of("").likeness(&of("")), 0.0);
        assert!(of("").is_empty());
    }

    #[test]
    fn repetition_counts_what_was_said_before() {
        assert_eq!(repetition("a b c d e f g"), 0.0);
        assert_eq!(repetition("a b c d a b c d"), 0.2);
        assert_eq!(repetition("a b"), 0.0);
    }

    #[test]
    fn bits_per_byte_are_bits_over_bytes_or_nothing() {
        assert_eq!(bits_per_byte(-12.0, 8), Some(1.5));
        assert_eq!(bits_per_byte(0.0, 8), Some(0.0));
        assert_eq!(bits_per_byte(-12.0, 0), None);
        assert_eq!(bits_per_byte(f64::NAN, 8), None);
        assert_eq!(bits_per_byte(f64::NEG_INFINITY, 8), None);
        assert_eq!(bits_per_byte(12.0, 8), None);
    }
}
