//! Tokens and words of a text.

use unicode_segmentation::UnicodeSegmentation;

use super::class::{Class, class_of};
use super::unspaced;

/// A part of a text that is not divided further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// Byte offset in the text.
    pub at: usize,
    /// Its text; never empty.
    pub text: &'a str,
    /// Its class.
    pub class: Class,
}

/// The number of words in `text`.
pub fn count(text: &str) -> usize {
    words(text).count()
}

/// [`count`] for a growing text: complete lines are counted once.
#[derive(Debug, Clone, Default)]
pub struct GrowingCount {
    /// Bytes up to the end of the last complete line, and the words in them.
    complete: (usize, usize),
}

impl GrowingCount {
    /// The number of words in `text`, which must begin with the text of the last call.
    pub fn of(&mut self, text: &str) -> usize {
        let (at, words) = self.complete;
        // No token crosses a line break, and each line is divided on its own.
        if let Some(end) = text[at..].rfind('\n') {
            let end = at + end + 1;
            self.complete = (end, words + count(&text[at..end]));
        }
        self.complete.1 + count(&text[self.complete.0..])
    }
}

/// The words of `text`, each with its byte offset.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    tokens(text).filter(|token| token.class == Class::Word).map(|token| (token.at, token.text))
}

/// The straight form of a quotation mark or an apostrophe; other characters stay.
pub(crate) fn straight(c: char) -> char {
    match c {
        '’' | '‘' | 'ʼ' => '\'',
        '“' | '”' | '„' => '"',
        c => c,
    }
}

/// A hash of a word that is the same on every computer (FNV-1a with a final mix). It ignores case and
/// the shape of the apostrophe.
pub(crate) fn hash(word: &str) -> u64 {
    let letters = word.chars().flat_map(char::to_lowercase);
    let hash = letters.fold(0xCBF2_9CE4_8422_2325, |hash: u64, c| {
        let c = if c == '’' { '\'' } else { c };
        (hash ^ u64::from(c)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    (hash ^ (hash >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// All tokens of `text`; joined, they are `text` byte for byte.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0, line_begins: true, ends: Vec::new() }
}

/// See [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// True if only space and quote marks precede `at` on its line.
    line_begins: bool,
    /// The ends of the remaining words of an unspaced run, the last first.
    ends: Vec<usize>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = &self.text[self.at..];
        if let Some(end) = self.ends.pop() {
            let token = Token { at: self.at, text: &rest[..end - self.at], class: Class::Word };
            self.at = end;
            return Some(token);
        }
        let first = first_character(rest)?;
        let number = self.line_begins.then(|| list_number(rest)).flatten();
        let (len, class) = match (number, class_of(first)) {
            (Some(len), _) => (len, Class::Mark),
            (None, Class::Word) if unspaced::is_unspaced(first) => {
                let ends = unspaced::ends(rest);
                self.ends.extend(ends[1..].iter().rev().map(|end| self.at + end));
                (ends[0], Class::Word)
            }
            (None, Class::Word) => {
                (plain_word_len(rest).unwrap_or_else(|| word_len(rest)), Class::Word)
            }
            (None, Class::Space) => (space_len(rest), Class::Space),
            (None, class) => (first.len(), class),
        };
        let text = &rest[..len];
        let token = Token { at: self.at, text, class };
        self.at += len;
        self.line_begins = match class {
            Class::Break => true,
            Class::Space => self.line_begins,
            Class::Mark => self.line_begins && text == ">",
            Class::Word => false,
        };
        Some(token)
    }
}

/// The first grapheme of `text`. In ASCII that is a byte or a line break; this shortcut matters,
/// because most text is ASCII and Unicode segmentation would take most of the time.
fn first_character(text: &str) -> Option<&str> {
    match text.as_bytes() {
        [first] | [first, 0..=0x7F, ..] if first.is_ascii() && *first != b'\r' => Some(&text[..1]),
        _ => text.graphemes(true).next(),
    }
}

/// [`word_len`] for a word that is ASCII and followed by ASCII; `None` otherwise.
fn plain_word_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
            at += 1;
        }
        let (Some(mark), next) = (bytes.get(at), bytes.get(at + 1)) else { return Some(at) };
        if !mark.is_ascii() || next.is_some_and(|next| !next.is_ascii()) {
            return None;
        }
        let digits = || bytes[at - 1].is_ascii_digit() && next.is_some_and(u8::is_ascii_digit);
        let joins = match mark {
            b'\'' | b'-' => next.is_some_and(u8::is_ascii_alphanumeric),
            b'.' | b',' => digits(),
            _ => false,
        };
        if !joins {
            return Some(at);
        }
        at += 1;
    }
}

fn space_len(text: &str) -> usize {
    // One space between two words of ASCII.
    if let [b' ', b'!'..=b'~', ..] = text.as_bytes() {
        return 1;
    }
    text.graphemes(true)
        .take_while(|grapheme| class_of(grapheme) == Class::Space)
        .map(str::len)
        .sum()
}

fn word_len(text: &str) -> usize {
    let mut graphemes = text.graphemes(true).peekable();
    let mut len = 0;
    let mut last = "";
    while let Some(grapheme) = graphemes.next() {
        let belongs = match class_of(grapheme) {
            Class::Word => !unspaced::is_unspaced(grapheme),
            Class::Mark => graphemes.peek().is_some_and(|next| joins(last, grapheme, next)),
            _ => false,
        };
        if !belongs {
            break;
        }
        len += grapheme.len();
        last = grapheme;
    }
    len
}

/// True if `mark` joins the characters on both sides to one word.
fn joins(before: &str, mark: &str, after: &str) -> bool {
    let ends_in_word = class_of(before) == Class::Word && class_of(after) == Class::Word;
    let digit = |text: &str| text.chars().all(char::is_numeric);
    ends_in_word
        && match mark {
            "'" | "’" | "ʼ" | "-" | "‐" | "\u{2011}" => !unspaced::is_unspaced(after),
            "." | "," => digit(before) && digit(after),
            _ => false,
        }
}

/// The length of "12." or "12)" if it numbers a list item.
pub(super) fn list_number(line: &str) -> Option<usize> {
    let digits = line.bytes().take(10).take_while(u8::is_ascii_digit).count();
    let after = &line[digits..];
    let numbered = (1..=9).contains(&digits) && after.starts_with(['.', ')']);
    let alone = after.get(1..).is_none_or(|rest| {
        rest.chars().next().is_none_or(|c| c == ' ' || c == '\t' || c == '\n' || c == '\r')
    });
    (numbered && alone).then_some(digits + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<&str> {
        words(text).map(|(_, word)| word).collect()
    }

    #[test]
    fn a_word_keeps_its_apostrophe_and_its_hyphen() {
        assert_eq!(of("Don't — it’s well-known."), ["Don't", "it’s", "well-known"]);
        assert_eq!(
            of("rock 'n' roll, the dogs' -- bed-"),
            ["rock", "n", "roll", "the", "dogs", "bed"]
        );
    }

    #[test]
    fn the_ascii_shortcut_agrees_with_unicode() {
        const PARTS: [&str; 18] = [
            "a", "Zb", "7", "42", "'", "-", ".", ",", " ", "  ", "\n", "\r", "\r\n", "\u{301}",
            "é", "雨", "’", "_",
        ];
        let mut rng = crate::rng::Rng::new(3);
        for _ in 0..20_000 {
            let text: String = (0..8).map(|_| PARTS[rng.below(PARTS.len())]).collect();
            assert_eq!(first_character(&text), text.graphemes(true).next(), "{text:?}");
            if class_of(&text[..1.max(text.ceil_char_boundary(1))]) == Class::Word {
                let short = plain_word_len(&text);
                assert!(short.is_none_or(|short| short == word_len(&text)), "{text:?}: {short:?}");
            }
            if text.starts_with(' ') {
                let spaces = text.graphemes(true).take_while(|g| class_of(g) == Class::Space);
                assert_eq!(space_len(&text), spaces.map(str::len).sum::<usize>(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_number_is_one_word() {
        assert_eq!(of("1,000 of 3.5, then 4."), ["1,000", "of", "3.5", "then", "4"]);
    }

    #[test]
    fn markdown_marks_are_not_words() {
        assert_eq!(count("# **Rain**\n\n- _in_ `town`\n---\n"), 3);
        assert_eq!(
            of("1. wet\n2) dry\n> 3. damp\nin 1984. So"),
            ["wet", "dry", "damp", "in", "1984", "So"]
        );
    }

    #[test]
    fn emoji_are_not_words() {
        assert_eq!(of("rain ☔️ 👩‍👩‍👧 today"), ["rain", "today"]);
    }

    #[test]
    fn combining_accents_stay_with_their_letters() {
        assert_eq!(of("cafe\u{301} naïve"), ["cafe\u{301}", "naïve"]);
    }

    #[test]
    fn scripts_without_spaces_are_divided_by_their_dictionaries() {
        for words in [
            "雨|が|降る",
            "人々|は|東京|に",
            "昨天晚上|我們|在|河邊",
            "ฝน|ตก|ทั้ง|คืน|และ|เรือ|ก็|ออก|ไป",
            "ភ្លៀង|ធ្លាក់|ពេញ|មួយ|យប់",
            "ຝົນຕົກ|ໝົດ|ຄືນ",
            "တစ်|ည|လုံး",
            "v2|雨|ok",
            "กรุงเทพมหานคร|๒๕.๕",
            "読む|well-known|本",
        ] {
            assert_eq!(of(&words.replace('|', "")), words.split('|').collect::<Vec<_>>());
        }
    }

    #[test]
    fn marks_and_spaces_end_a_run_without_spaces() {
        assert_eq!(of("雨、雨。ฝน ฝน-雨’雨"), ["雨", "雨", "ฝน", "ฝน", "雨", "雨"]);
        assert_eq!(count("雨\n1. 雨"), 2);
    }

    #[test]
    fn graphemes_are_never_split() {
        const PARTS: [&str; 22] = [
            "ฝ", "น", "ต", "ก", "้", "ั", "เ", "ก", "្", "ភ", "ល", "ည", "လ", "ုံ", "း", "雨", "が",
            "ー", " ", "a", "\u{301}", "。",
        ];
        let mut rng = crate::rng::Rng::new(5);
        for _ in 0..5_000 {
            let text: String = (0..12).map(|_| PARTS[rng.below(PARTS.len())]).collect();
            let characters: std::collections::HashSet<usize> =
                text.grapheme_indices(true).map(|(at, _)| at).collect();
            assert!(tokens(&text).all(|token| characters.contains(&token.at)), "{text:?}");
            assert_eq!(tokens(&text).map(|token| token.text).collect::<String>(), text);
        }
    }

    #[test]
    fn a_growing_text_is_counted_like_a_whole_one() {
        let text = "# Rain\n\n1. ฝนตกทั้งคืน\r\n2. wet\n\n雨が降る。 It don't\nstop";
        let mut growing = GrowingCount::default();
        for (at, c) in text.char_indices() {
            let so_far = &text[..at + c.len_utf8()];
            assert_eq!(growing.of(so_far), count(so_far), "{so_far:?}");
        }
    }

    #[test]
    fn an_empty_text_has_no_words() {
        assert_eq!(count(""), 0);
        assert_eq!(count(" \n—…"), 0);
    }

    #[test]
    fn tokens_joined_are_the_text() {
        for text in ["", "a\r\nb\n\n c\t", "\u{301}x", "👩‍👩‍👧1.2.3", "'' - '", "1.", "1.\u{301}"]
        {
            let again: String = tokens(text).map(|token| token.text).collect();
            assert_eq!(again, text);
        }
    }

    #[test]
    fn a_word_has_its_offset() {
        for (at, word) in words("Ümit says: don't") {
            assert!("Ümit says: don't"[at..].starts_with(word));
        }
    }
}
