//! Where a draft ends, decided outside the model, which tracks length poorly.
//!
//! The end token is banned until a draft is near the requested number of words. From then on it ends
//! with its paragraph, a little later with its sentence, and at last with its word.

use ghost_core::words;

/// Below this share of the requested words a draft may not end.
const MIN_SHARE: f64 = 0.90;
/// From this share on a draft ends with its paragraph.
const PARAGRAPH: f64 = 0.96;
/// From this share on it ends with its sentence.
const SENTENCE: f64 = 1.0;
/// At this share it ends anywhere: beyond e^0.15 times the words a draft has missed its length.
const MAX_SHARE: f64 = 1.15;

/// The requested length, as a rule for where to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LengthConstraint {
    /// Without one the model ends where it likes.
    pub(crate) words: Option<u32>,
}

impl LengthConstraint {
    fn share(&self, n_words: usize) -> Option<f64> {
        self.words.filter(|words| *words > 0).map(|words| n_words as f64 / f64::from(words))
    }

    /// True while the draft may not end yet.
    pub(crate) fn is_too_short(&self, n_words: usize) -> bool {
        self.share(n_words).is_some_and(|share| share < MIN_SHARE)
    }

    /// True where the draft ends.
    pub(crate) fn ends(&self, n_words: usize, text: &str) -> bool {
        self.share(n_words).is_some_and(|share| {
            share >= MAX_SHARE
                || (share >= SENTENCE && words::may_end(text))
                || (share >= PARAGRAPH && text.ends_with('\n') && words::may_end(text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_ends_at_its_requested_length() {
        let hundred = LengthConstraint { words: Some(100) };
        assert!(hundred.is_too_short(89) && !hundred.is_too_short(90));
        assert!(!hundred.ends(95, "It rained.\n"));
        assert!(hundred.ends(96, "It rained.\n") && !hundred.ends(99, "It rained."));
        assert!(
            hundred.ends(100, "It rained.")
                && hundred.ends(104, "“It rained.” ")
                && !hundred.ends(114, "It rained,")
        );
        assert!(hundred.ends(115, "It rained,"));
        assert!(
            hundred.ends(100, "雨だ。")
                && hundred.ends(100, "ฝนตก ")
                && !hundred.ends(99, "雨だ。")
        );
        let any = LengthConstraint { words: None };
        assert!(!any.is_too_short(0) && !any.ends(10_000, "."));
        assert!(!LengthConstraint { words: Some(0) }.ends(10, "."));
    }
}
