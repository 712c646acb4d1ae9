//! Pre-tokenisation: text is divided into stretches before anything is merged, and no token crosses from one to the next.
//!
//! Each vocabulary was made with a division of its own, which its file names in
//! `tokenizer.ggml.pre` (the patterns: ggml-org/llama.cpp, `src/llama-vocab.cpp`). All of them end
//! in `\s+(?!\S)|\s+`: of the spaces before a word, the last one belongs to the word. We match
//! `\s+` and give that space back by hand, since a pattern without look-ahead takes time linear in
//! the text, whatever the text is. Knows nothing of tokens.

use std::ops::Range;

use regex::Regex;

use crate::error::{Error, Result};

/// GPT-2's: contractions, words, numbers and marks with a space before them, spaces.
pub(super) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// Llama 3's: numbers by three digits; a word takes one mark before it; line ends stay with marks.
pub(super) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// Qwen's: the same with every digit on its own.
pub(super) const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// Mistral's later ones: words are divided where capitals begin.
pub(super) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+";

/// A pre-tokenizer.
#[derive(Clone, Debug)]
pub(crate) struct PreTokenizer {
    pattern: Regex,
    /// Digits are taken out first, each on its own.
    digits_first: bool,
    /// Spaces up to a line end are one stretch, which keeps its last character.
    keeps_line_ends: bool,
    /// A stretch that is a token needs no merging.
    pub(crate) takes_whole_words: bool,
}

impl PreTokenizer {
    /// The pre-tokenizer that a GGUF file calls `pre`.
    ///
    /// # Errors
    /// `Unsupported` for an unknown name: with other tokens a base reads gibberish.
    pub(crate) fn named(pre: &str) -> Result<Self> {
        let (pattern, digits_first, takes_whole_words) = match pre {
            "gpt-2" | "gpt2" | "default" => (GPT2, false, false),
            "smollm" | "starcoder" | "refact" | "command-r" => (GPT2, true, false),
            // SmolLM3's is called after a tuned Llama 3, whose tokenizer both have.
            "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "smaug-bpe" => (LLAMA3, false, true),
            "qwen2" | "qwen3" | "deepseek-r1-qwen" => (QWEN2, false, false),
            "tekken" => (TEKKEN, false, true),
            other => return Err(Error::unsupported(format!("the tokenizer `{other}`"))),
        };
        Self::new(pattern, digits_first, takes_whole_words)
    }

    /// The pre-tokenizer of a pattern, as `tokenizer.json` has it.
    ///
    /// # Errors
    /// `Unsupported` for a pattern we don't know. Another could mean something else to our
    /// `Regex` than to theirs without either complaining.
    pub(crate) fn of(pattern: &str, digits_first: bool, takes_whole_words: bool) -> Result<Self> {
        let bare = pattern.replace(r"\s+(?!\S)|", "");
        match [GPT2, LLAMA3, QWEN2, TEKKEN].into_iter().find(|known| *known == bare) {
            Some(known) => Self::new(known, digits_first, takes_whole_words),
            None => Err(Error::unsupported("a tokenizer that divides text by another pattern")),
        }
    }

    fn new(pattern: &str, digits_first: bool, takes_whole_words: bool) -> Result<Self> {
        let keeps_line_ends = pattern != GPT2;
        let pattern = Regex::new(pattern)
            .map_err(|error| Error::Bug(format!("a pattern of ours: {error}")))?;
        Ok(Self { pattern, digits_first, keeps_line_ends, takes_whole_words })
    }

    /// Hands over the stretches of a text, first to last; together they are the whole of it.
    pub(crate) fn each(&self, text: &str, mut on_stretch: impl FnMut(Range<usize>)) {
        let mut from = 0;
        if self.digits_first {
            for (at, c) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
                self.words(text, from..at, &mut on_stretch);
                from = at + c.len_utf8();
                on_stretch(at..from);
            }
        }
        self.words(text, from..text.len(), &mut on_stretch);
    }

    fn words(&self, text: &str, within: Range<usize>, on_stretch: &mut impl FnMut(Range<usize>)) {
        let part = &text[within.clone()];
        let mut from = 0;
        while from < part.len() {
            // The patterns cover all text; a gap would be a stretch of its own.
            let to = match self.pattern.find_at(part, from) {
                Some(found) if found.start() == from => self.give_back(part, from..found.end()),
                Some(found) => found.start(),
                None => part.len(),
            };
            on_stretch(within.start + from..within.start + to);
            from = to;
        }
    }

    /// Where a stretch ends once the last of its spaces is left to what follows.
    fn give_back(&self, part: &str, found: Range<usize>) -> usize {
        let stretch = &part[found.clone()];
        let last = stretch.chars().next_back().map_or(0, char::len_utf8);
        let at_the_end = found.end == part.len();
        let alone = last == stretch.len();
        let kept = self.keeps_line_ends && stretch.ends_with(['\r', '\n']);
        match at_the_end || alone || kept || !stretch.chars().all(char::is_whitespace) {
            true => found.end,
            false => found.end - last,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `pre: one| two| three`: divides the text without its bars, expects the bars back.
    #[track_caller]
    fn check(line: &str) {
        let (pre, divided) = line.split_once(": ").unwrap();
        let text = divided.replace('|', "");
        let mut stretches = Vec::new();
        PreTokenizer::named(pre).unwrap().each(&text, |at| stretches.push(&text[at]));
        assert_eq!(stretches.join("|"), divided);
    }

    #[test]
    fn words_take_the_space_before_them() {
        check("gpt-2: The| rain|'s| here|,| again|.");
    }

    #[test]
    fn the_last_of_many_spaces_belongs_to_the_word() {
        check("gpt-2:   | two|   | three|  ");
    }

    #[test]
    fn numbers_are_divided_whole_by_three_digits_or_by_one() {
        check("gpt-2: In| 1984| so");
        check("llama-bpe: In| |198|4| so");
        check("qwen2: In| |1|9|8|4| so");
        check("smollm: In| |1|9|8|4| so");
    }

    #[test]
    fn spaces_before_a_digit_stay_together() {
        check("smollm: a|  |1|  | b");
    }

    #[test]
    fn line_ends_are_divided_as_hugging_face_does() {
        check("gpt-2: a|\n|\n|b");
        check("llama-bpe: a|\n\n|b|.\n|c|  \n|  | d");
    }

    #[test]
    fn capitals_begin_a_word_in_tekken() {
        check("tekken: one|Two| three|FOURfive|6|7|.\n");
    }

    #[test]
    fn an_unknown_pre_tokenizer_is_refused() {
        assert!(PreTokenizer::named("klingon").is_err());
    }
}
