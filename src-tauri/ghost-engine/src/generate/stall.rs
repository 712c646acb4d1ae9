//! Detects a draft that brings no words: white space, markup, or one repeated line.
//!
//! A base that was never tuned to follow requests may answer with blank lines and stray tags until
//! it has no tokens left.

/// Tokens in a row without a new word, after which a draft ends.
pub(crate) const MAX_WORDLESS: usize = 64;
/// The longest markup, in characters; anything longer was a "<" or "&" in prose.
const MAX_MARKUP: usize = 80;

/// The tokens in a row that brought no new word.
#[derive(Debug, Default)]
pub(crate) struct StallDetector {
    tokens: usize,
    /// Tokens since a tag or an entity began. They count once it is whole.
    pending: usize,
    markup: Option<Markup>,
    /// The line at the end of the text, without markup.
    line: String,
    /// The last line before it that is not blank.
    line_before: String,
}

/// A tag or an entity that is not whole yet.
#[derive(Debug)]
struct Markup {
    end: char,
    length: usize,
    has_letters: bool,
}

impl StallDetector {
    /// Counts one token, which added `grown` to the text. True where it brought a word.
    pub(crate) fn push(&mut self, grown: &str) -> bool {
        let mut has_words = false;
        for c in grown.chars() {
            has_words |= self.character(c);
        }
        if has_words {
            (self.tokens, self.pending) = (0, 0);
        } else if self.markup.is_some() {
            self.pending += 1;
        } else {
            self.tokens += 1 + std::mem::take(&mut self.pending);
        }
        has_words
    }

    /// True where the draft ends.
    pub(crate) fn is_too_long(&self) -> bool {
        self.tokens >= MAX_WORDLESS
    }

    /// Reads a character; whether it belongs to a word that the line before does not have.
    fn character(&mut self, c: char) -> bool {
        if let Some(markup) = &mut self.markup {
            let is_first = markup.length == 0;
            markup.length += 1;
            if c == markup.end {
                self.markup = None;
                return false;
            }
            let fits = match markup.end {
                '>' if is_first => c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?' | '|'),
                '>' => !matches!(c, '<' | '\n'),
                _ if is_first => c == '#' || c.is_ascii_alphabetic(),
                _ => c.is_ascii_alphanumeric(),
            };
            if fits && markup.length <= MAX_MARKUP {
                markup.has_letters |= c.is_alphabetic();
                return false;
            }
            let had_letters = markup.has_letters;
            self.markup = None;
            return self.character(c) || had_letters;
        }
        match c {
            '<' => self.markup = Some(Markup { end: '>', length: 0, has_letters: false }),
            '&' => self.markup = Some(Markup { end: ';', length: 0, has_letters: false }),
            '\n' => {
                let line = std::mem::take(&mut self.line);
                if !line.trim().is_empty() {
                    self.line_before = line.trim().to_owned();
                }
            }
            _ => {
                self.line.push(c);
                return c.is_alphabetic() && !self.line_before.starts_with(self.line.trim());
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of the repeated text that are counted before a draft ends; `None`
    /// where it does not. A token is four characters.
    fn ends_after(before: &str, repeated: &str) -> Option<usize> {
        let mut run = StallDetector::default();
        run.push(before);
        let text: Vec<char> = repeated.chars().cycle().take(4_000).collect();
        text.chunks(4).position(|token| {
            run.push(&token.iter().collect::<String>());
            run.is_too_long()
        })
    }

    #[test]
    fn white_space_markup_and_one_repeated_line_end_a_draft() {
        for nothing in [
            "\n",
            " \t\n\u{a0}\n",
            "</div>\n\n",
            "<br><p class=\"note\">",
            "<|im_start|>\n",
            "<unused12>",
            "&nbsp;&#160;",
            "*** --- ___\n",
            "1. \n2. \n3. \n",
            "It rained.\n",
            "It rained.\n\n\n",
            "<p>It rained.</p>\n",
        ] {
            let before = "It rained on the hill.\n";
            assert!(ends_after(before, nothing).is_some_and(|n| n < 90), "{nothing:?}");
        }
    }

    #[test]
    fn words_do_not_end_a_draft() {
        for words in [
            "It rained.\nIt snowed.\n",
            "It rained. ",
            "\n\n\n\n\n\n\n\nAnd again.\n\n\n\nSo on.",
            "a < b and c & d\n\nfor ever\n",
            "<p>The first line.</p>\n<p>The second.</p>\n",
            "雨が降った。風も吹いた。\n寒い。\n",
        ] {
            assert_eq!(ends_after("", words), None, "{words:?}");
        }
    }

    #[test]
    fn a_tag_that_never_ends_is_prose() {
        assert_eq!(ends_after("", &format!("<p {}", "so it went on, ".repeat(30))), None);
    }
}
