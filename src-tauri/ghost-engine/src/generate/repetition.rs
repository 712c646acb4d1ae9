//! Repetition in a draft, counted in words, whatever tokens they are made of.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Words of a repeat that is not allowed a third time. With one more it is what an evaluation rejects a
/// draft for, as is a repeated line of this many words.
pub(crate) const REPEATED_NGRAM: usize = 5;
/// The number of times they may occur.
const MAX_REPEATS: usize = 2;
/// Words of the runs that an evaluation counts repeats by.
const NGRAM: usize = 4;
/// One in this many runs may be a repeat, and one in any case. People repeat one in a hundred, small
/// bases one in ten.
const REPEAT_DISTANCE: usize = 50;

/// Where a token stands among the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TokenBoundary {
    /// A repeat of a few words does not reach across it: a line's end, a quote, a list marker.
    pub stops: bool,
    /// A word begins with it.
    pub begins_word: bool,
    /// A line ends with it.
    pub ends_line: bool,
    /// The letters it adds to a word.
    pub letters: RollingHash,
}

impl TokenBoundary {
    /// Of a token with these bytes, `after` the byte before it.
    pub(crate) fn of(bytes: &[u8], after: u8) -> Self {
        // What was before it, and its own bytes but the last, each before the next.
        let before = std::iter::once(after).chain(bytes.iter().copied());
        let begins =
            |(before, byte): (u8, &u8)| is_letter(*byte) && !is_letter(before) && before != b'\'';
        Self {
            stops: bytes.is_empty() || bytes.iter().any(|byte| b"\n:\"*".contains(byte)),
            begins_word: before.zip(bytes).any(begins),
            ends_line: bytes.contains(&b'\n'),
            letters: RollingHash::of(bytes),
        }
    }
}

/// The words of a draft, whatever tokens they are made of, and their repeats.
#[derive(Default)]
pub(crate) struct RepetitionTracker {
    /// Each as a number; the last may still grow.
    words: Vec<u64>,
    /// First tokens of the words that followed [`NGRAM`] − 1 words, and [`REPEATED_NGRAM`] words.
    next: [HashMap<u64, Vec<u32>>; 2],
    /// Runs of [`NGRAM`] words, and how many of them were repeats.
    runs: HashSet<u64>,
    repeated: usize,
}

impl RepetitionTracker {
    const BEFORE: [usize; 2] = [NGRAM - 1, REPEATED_NGRAM];

    /// Appends a token.
    pub(crate) fn push(&mut self, token: u32, boundary: TokenBoundary) {
        if boundary.begins_word {
            if let Some(run) = self.last(NGRAM) {
                self.repeated += usize::from(!self.runs.insert(run));
            }
            for (n, before) in Self::BEFORE.into_iter().enumerate() {
                if let Some(run) = self.last(before) {
                    self.next[n].entry(run).or_default().push(token);
                }
            }
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word = boundary.letters.after(*word);
        }
    }

    /// A hash of the last `n` words.
    fn last(&self, n: usize) -> Option<u64> {
        let from = self.words.len().checked_sub(n)?;
        let mix =
            |run: u64, word: &u64| (run ^ word).wrapping_mul(RollingHash::BASE).rotate_left(29);
        Some(self.words[from..].iter().fold(n as u64, mix))
    }

    /// Tokens that would repeat what was repeated too often.
    pub(crate) fn repeated_too_often(&self) -> BTreeSet<u32> {
        let after = |n: usize| self.last(Self::BEFORE[n]).and_then(|run| self.next[n].get(&run));
        let mut tokens = BTreeSet::new();
        let words = self.words.len().max(REPEAT_DISTANCE);
        if (self.repeated + 1) * REPEAT_DISTANCE > words {
            tokens.extend(after(0).into_iter().flatten());
        }
        let candidates = after(1).into_iter().flatten();
        for token in candidates.clone() {
            if candidates.clone().filter(|other| *other == token).count() >= MAX_REPEATS {
                tokens.insert(*token);
            }
        }
        tokens
    }
}

/// A rolling hash of a token's letters, whatever their case. It extends the hash of the letters before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingHash {
    sum: u64,
    times: u64,
}

impl Default for RollingHash {
    fn default() -> Self {
        RollingHash { sum: 0, times: 1 }
    }
}

impl RollingHash {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

    /// Of a token's bytes.
    pub fn of(bytes: &[u8]) -> RollingHash {
        bytes.iter().filter(|byte| is_letter(**byte)).fold(RollingHash::default(), |all, byte| {
            let byte = u64::from(byte.to_ascii_lowercase()) + 1;
            RollingHash {
                sum: all.sum.wrapping_mul(RollingHash::BASE).wrapping_add(byte),
                times: all.times.wrapping_mul(RollingHash::BASE),
            }
        })
    }

    fn after(self, before: u64) -> u64 {
        before.wrapping_mul(self.times).wrapping_add(self.sum)
    }
}

/// Of words: ASCII's letters and digits, and everything beyond ASCII.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_word_does_not_depend_on_its_tokens() {
        let whole = RollingHash::of(b" Rain");
        let parts = [" RA", "in"].map(|part| RollingHash::of(part.as_bytes()));
        assert_eq!(whole.after(0), parts[1].after(parts[0].after(0)));
        assert_ne!(whole.after(0), RollingHash::of(b" rail").after(0));
        assert_eq!(RollingHash::of(b"*, ").after(7), 7, "marks change no word");
    }
}
