//! Counts the words of a file that are in none of its pieces, by the reason.
//!
//! Every reader counts what it leaves out: the words of a file are the words of its pieces and titles
//! plus the omissions.

use std::collections::BTreeMap;

use crate::words;

/// The numbers of words left out, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Omissions(BTreeMap<&'static str, usize>);

impl Omissions {
    /// Counts the words of `text`, which is left out. `what` completes "12 words …": "of navigation",
    /// "in comments by others".
    pub(super) fn add(&mut self, what: &'static str, text: &str) {
        self.add_words(what, words::count(text));
    }

    /// Counts words that are left out; ignores zero.
    pub(super) fn add_words(&mut self, what: &'static str, words: usize) {
        if words > 0 {
            *self.0.entry(what).or_default() += words;
        }
    }

    /// Adds the counts of `other`.
    pub(super) fn merge(&mut self, other: &Omissions) {
        other.0.iter().for_each(|(what, words)| self.add_words(what, *words));
    }

    /// The number of words left out.
    pub(super) fn words(&self) -> usize {
        self.0.values().sum()
    }

    /// The warning "Left out 52 words: 40 in quoted replies, 12 in a signature."; `None` if all words
    /// were kept.
    pub(super) fn sentence(&self) -> Option<String> {
        let mut counts: Vec<(&str, usize)> =
            self.0.iter().map(|(what, words)| (*what, *words)).collect();
        counts.sort_by_key(|&(what, words)| (std::cmp::Reverse(words), what));
        let word = |n: usize| if n == 1 { "word" } else { "words" };
        match counts.as_slice() {
            [] => None,
            [(what, n)] => Some(format!("Left out {n} {} {what}.", word(*n))),
            counts => {
                let parts: Vec<String> =
                    counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
                let n = self.words();
                Some(format!("Left out {n} {}: {}.", word(n), parts.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_lists_reasons_largest_first() {
        let mut omissions = Omissions::default();
        assert_eq!(omissions.sentence(), None);
        omissions.add("of navigation", "Home");
        assert_eq!(omissions.sentence().as_deref(), Some("Left out 1 word of navigation."));
        omissions.add("in comments by others", "Well said, neighbour.");
        omissions.add("in nothing", " -- ");
        assert_eq!(
            omissions.sentence().as_deref(),
            Some("Left out 4 words: 3 in comments by others, 1 of navigation.")
        );
        let mut all = Omissions::default();
        all.merge(&omissions);
        all.merge(&omissions);
        assert_eq!(all.words(), 8);
    }
}
