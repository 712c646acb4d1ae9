//! Where a draft ends, held from outside the model, which tracks length poorly (VOICE 7).
//!
//! The end is forbidden until a draft is near the words asked for; once it has them it ends with
//! its paragraph, a little later with its sentence, and at last with its word. Knows words, not
//! tokens.

use ghost_core::words;

/// Below this share of the words asked for there is no end.
const LEAST: f64 = 0.90;
/// From here on a paragraph's end is the draft's.
const PARAGRAPH: f64 = 0.96;
/// From here on a sentence's end is.
const SENTENCE: f64 = 1.0;
/// Here it ends, wherever it is: beyond e^0.15 times the words a draft has missed its length.
const MOST: f64 = 1.15;

/// The words asked for, as a rule for where to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// None were asked for where absent; then the model ends as it likes.
    pub(crate) words: Option<u32>,
}

impl Length {
    fn share(&self, n_words: usize) -> Option<f64> {
        self.words.filter(|words| *words > 0).map(|words| n_words as f64 / f64::from(words))
    }

    /// Whether it may not end yet.
    pub(crate) fn too_short(&self, n_words: usize) -> bool {
        self.share(n_words).is_some_and(|share| share < LEAST)
    }

    /// Whether it ends here.
    pub(crate) fn ends(&self, n_words: usize, text: &str) -> bool {
        self.share(n_words).is_some_and(|share| {
            share >= MOST
                || (share >= SENTENCE && words::may_end(text))
                || (share >= PARAGRAPH && text.ends_with('\n') && words::may_end(text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_where_the_length_says() {
        let hundred = Length { words: Some(100) };
        assert!(hundred.too_short(89) && !hundred.too_short(90));
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
        let any = Length { words: None };
        assert!(!any.too_short(0) && !any.ends(10_000, "."));
        assert!(!Length { words: Some(0) }.ends(10, "."));
    }
}
