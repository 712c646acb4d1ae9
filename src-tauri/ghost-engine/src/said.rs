//! What was said: a draft's words, however they were divided into tokens, and which of them may not be
//! said over again.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Words that go round in circles: with one more they are what a verdict stops a draft for, as is a
/// line of so many said again.
pub(crate) const IN_CIRCLES: usize = 5;
/// How often they may be said.
const MOST_SAID: usize = 2;
/// Runs of so many words are what a verdict counts repeats by.
const RUN: usize = 4;
/// One in so many of them may be one that was said before, and one in any case; people say one in a
/// hundred again, and small bases one in ten.
const SAID_AGAIN: usize = 50;

/// What a token is to the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// A repeat of a few words does not reach across it: a line's end, a quote, a list marker.
    pub stops: bool,
    /// A word begins with it.
    pub begins_word: bool,
    /// A line ends with it.
    pub ends_line: bool,
    /// What it adds to a word.
    pub letters: Letters,
}

impl Place {
    /// What a token of these bytes is to the words around it, `after` the byte before it.
    pub(crate) fn of(bytes: &[u8], after: u8) -> Self {
        // What was before it, and its own bytes but the last, each before the next.
        let before = std::iter::once(after).chain(bytes.iter().copied());
        let begins =
            |(before, byte): (u8, &u8)| is_letter(*byte) && !is_letter(before) && before != b'\'';
        Self {
            stops: bytes.is_empty() || bytes.iter().any(|byte| b"\n:\"*".contains(byte)),
            begins_word: before.zip(bytes).any(begins),
            ends_line: bytes.contains(&b'\n'),
            letters: Letters::of(bytes),
        }
    }
}

/// The words of a draft, however they were divided into tokens.
#[derive(Default)]
pub(crate) struct Words {
    /// Each as a number; the last may still grow.
    said: Vec<u64>,
    /// What words began with that came after so many others, [`RUN`] less one and [`IN_CIRCLES`].
    next: [HashMap<u64, Vec<u32>>; 2],
    /// Runs of [`RUN`] words, and how many of them were said before.
    runs: HashSet<u64>,
    said_again: usize,
}

impl Words {
    const BEFORE: [usize; 2] = [RUN - 1, IN_CIRCLES];

    /// Notes a token as said.
    pub(crate) fn say(&mut self, token: u32, place: Place) {
        if place.begins_word {
            if let Some(run) = self.last(RUN) {
                self.said_again += usize::from(!self.runs.insert(run));
            }
            for (n, before) in Self::BEFORE.into_iter().enumerate() {
                if let Some(run) = self.last(before) {
                    self.next[n].entry(run).or_default().push(token);
                }
            }
            self.said.push(0);
        }
        if let Some(word) = self.said.last_mut() {
            *word = place.letters.after(*word);
        }
    }

    /// The last so many words as one number.
    fn last(&self, n: usize) -> Option<u64> {
        let from = self.said.len().checked_sub(n)?;
        let mix = |run: u64, word: &u64| (run ^ word).wrapping_mul(Letters::BASE).rotate_left(29);
        Some(self.said[from..].iter().fold(n as u64, mix))
    }

    /// Tokens that would say again what was said too often.
    pub(crate) fn too_often(&self) -> BTreeSet<u32> {
        let after = |n: usize| self.last(Self::BEFORE[n]).and_then(|run| self.next[n].get(&run));
        let mut tokens = BTreeSet::new();
        let room = self.said.len().max(SAID_AGAIN);
        if (self.said_again + 1) * SAID_AGAIN > room {
            tokens.extend(after(0).into_iter().flatten());
        }
        let circling = after(1).into_iter().flatten();
        for token in circling.clone() {
            if circling.clone().filter(|other| *other == token).count() >= MOST_SAID {
                tokens.insert(*token);
            }
        }
        tokens
    }
}

/// The letters of a token, whatever their case, as a number that goes on with that of the letters before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letters {
    sum: u64,
    times: u64,
}

impl Default for Letters {
    fn default() -> Self {
        Letters { sum: 0, times: 1 }
    }
}

impl Letters {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

    /// Of a token's bytes.
    pub fn of(bytes: &[u8]) -> Letters {
        bytes.iter().filter(|byte| is_letter(**byte)).fold(Letters::default(), |all, byte| {
            let byte = u64::from(byte.to_ascii_lowercase()) + 1;
            Letters {
                sum: all.sum.wrapping_mul(Letters::BASE).wrapping_add(byte),
                times: all.times.wrapping_mul(Letters::BASE),
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
    fn words_are_the_same_however_they_are_divided() {
        let whole = Letters::of(b" Rain");
        let parts = [" RA", "in"].map(|part| Letters::of(part.as_bytes()));
        assert_eq!(whole.after(0), parts[1].after(parts[0].after(0)));
        assert_ne!(whole.after(0), Letters::of(b" rail").after(0));
        assert_eq!(Letters::of(b"*, ").after(7), 7, "marks change no word");
    }
}
