//! Text to words and sentences: the one division into people-sized units.
//!
//! A word is a run of letters and digits; an apostrophe or a hyphen inside one belongs to it
//! ("don't", "well-known"), and so does a point or comma between digits ("3.5", "1,000"). In
//! scripts written without spaces each ideograph or kana is a word. Markdown's marks, the numbers
//! of lists among them, are no words. What a reader sees as one character never comes apart.
//!
//! Knows no language: abbreviations are the common English ones, and everything else goes by the
//! shape of the text.

use unicode_segmentation::UnicodeSegmentation;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Letters and digits, with inner apostrophes and hyphens.
    Word,
    /// White space within a line, all of it.
    Space,
    /// One line end.
    Break,
    /// One character that is none of the above; a list's number is one mark with its point.
    Mark,
}

/// A stretch of a text that is not divided further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// Byte offset in the text.
    pub at: usize,
    /// The stretch itself; never empty.
    pub text: &'a str,
    /// What it is made of.
    pub class: Class,
}

/// How many words `text` has.
pub fn count(text: &str) -> usize {
    words(text).count()
}

/// The words of `text`, each with its byte offset.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    tokens(text).filter(|token| token.class == Class::Word).map(|token| (token.at, token.text))
}

/// A word as a number: FNV-1a, mixed once more; cheap, and the same everywhere. Case
/// and the shape of the apostrophe make no difference.
pub(crate) fn hash(word: &str) -> u64 {
    let letters = word.chars().flat_map(char::to_lowercase);
    let hash = letters.fold(0xCBF2_9CE4_8422_2325, |hash: u64, c| {
        let c = if c == '’' { '\'' } else { c };
        (hash ^ u64::from(c)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    (hash ^ (hash >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// All of `text`, cut into tokens; put together again they are `text`, byte for byte.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0, line_begins: true }
}

/// See [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// Nothing but space and quote marks stands before `at` on its line.
    line_begins: bool,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = &self.text[self.at..];
        let first = first_character(rest)?;
        let number = self.line_begins.then(|| list_number(rest)).flatten();
        let (len, class) = match (number, class_of(first)) {
            (Some(len), _) => (len, Class::Mark),
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

/// What a reader sees as the first character of `text`. In ASCII that is a byte or a line end, and
/// most of most texts is ASCII: to ask Unicode of each would take most of the time.
fn first_character(text: &str) -> Option<&str> {
    match text.as_bytes() {
        [first] | [first, 0..=0x7F, ..] if first.is_ascii() && *first != b'\r' => Some(&text[..1]),
        _ => text.graphemes(true).next(),
    }
}

/// [`word_len`] of a word that is ASCII, and so is what follows it; none where it is not.
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

fn class_of(grapheme: &str) -> Class {
    match grapheme.chars().next() {
        Some('\n' | '\r') => Class::Break,
        Some(c) if c.is_whitespace() => Class::Space,
        Some(c) if c.is_alphanumeric() => Class::Word,
        _ => Class::Mark,
    }
}

fn space_len(text: &str) -> usize {
    // One blank between two words of ASCII.
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
            Class::Word => len == 0 || !(is_whole_word(last) || is_whole_word(grapheme)),
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

/// Whether `mark` between two characters of words makes them one word.
fn joins(before: &str, mark: &str, after: &str) -> bool {
    let ends_in_word = class_of(before) == Class::Word && class_of(after) == Class::Word;
    let digit = |text: &str| text.chars().all(char::is_numeric);
    ends_in_word
        && match mark {
            "'" | "’" | "ʼ" | "-" | "‐" | "\u{2011}" => {
                !is_whole_word(before) && !is_whole_word(after)
            }
            "." | "," => digit(before) && digit(after),
            _ => false,
        }
}

/// Han and kana are written without spaces: each is counted as a word.
fn is_whole_word(grapheme: &str) -> bool {
    matches!(
        grapheme.chars().next(),
        Some(
            '\u{3040}'..='\u{30FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFF}',
        )
    )
}

/// The length of "12." or "12)" where that numbers an item of a list.
fn list_number(line: &str) -> Option<usize> {
    let digits = line.bytes().take(10).take_while(u8::is_ascii_digit).count();
    let after = &line[digits..];
    let numbered = (1..=9).contains(&digits) && after.starts_with(['.', ')']);
    let alone = after.get(1..).is_none_or(|rest| {
        rest.chars().next().is_none_or(|c| c == ' ' || c == '\t' || c == '\n' || c == '\r')
    });
    (numbered && alone).then_some(digits + 1)
}

/// The sentences of `text`, without the space around them, each with its byte offset.
///
/// A heading, an item of a list and a paragraph each end a sentence; what has no word in it is
/// not a sentence.
pub fn sentences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    blocks(text)
        .flat_map(|(at, block)| sentences_of(block).map(move |(inner, s)| (at + inner, s)))
        .filter(|(_, sentence)| words(sentence).next().is_some())
}

/// Paragraphs, headings and items of lists, each with its byte offset.
fn blocks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    std::iter::from_fn(move || {
        let first = lines.next()?;
        let start = at;
        at += first.len();
        if !is_heading(first) {
            while let Some(next) = lines.next_if(|line| !begins_block(line)) {
                at += next.len();
            }
        }
        Some((start, &text[start..at]))
    })
}

fn is_heading(line: &str) -> bool {
    let level = line.bytes().take_while(|&b| b == b'#').count();
    (1..=6).contains(&level) && line[level..].starts_with([' ', '\t'])
}

fn begins_block(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty()
        || is_heading(line)
        || line.starts_with(['>', '|'])
        || line.starts_with("```")
        || ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark))
        || list_number(line).is_some()
}

/// The sentences of one block, trimmed.
fn sentences_of(block: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    let mut ends = block.char_indices().peekable();
    std::iter::from_fn(move || {
        let end = loop {
            let Some((at, c)) = ends.next() else {
                break block.len();
            };
            if !is_stop(c) {
                continue;
            }
            let mut after = at + c.len_utf8();
            while let Some((i, next)) = ends.next_if(|&(_, c)| is_stop(c) || is_closing(c)) {
                after = i + next.len_utf8();
            }
            if ends_sentence(&block[start..at], &block[at..after], &block[after..]) {
                break after;
            }
        };
        let sentence = &block[start..end];
        let lead = sentence.len() - sentence.trim_start().len();
        let found = (start + lead, sentence.trim());
        start = end;
        (!found.1.is_empty() || end < block.len()).then_some(found)
    })
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '‽' | '。' | '！' | '？')
}

fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '*' | '_' | '`' | '」' | '』')
}

/// Whether the sentence `before`, stopped by `stop` (its closing marks included), is over.
fn ends_sentence(before: &str, stop: &str, after: &str) -> bool {
    if stop.starts_with(['。', '！', '？']) {
        return true;
    }
    let Some(next) = after.chars().next() else {
        return true;
    };
    if !next.is_whitespace() {
        return false;
    }
    let goes_on = after.trim_start().chars().next().is_some_and(char::is_lowercase);
    match stop {
        "." => !is_abbreviation(before.rsplit(char::is_whitespace).next().unwrap_or("")),
        "!" | "?" => true,
        // An ellipsis, or a quotation that its sentence goes on after.
        _ => !goes_on,
    }
}

/// Whether the point after `word` shortens it; "J." does, "I." ends a sentence.
fn is_abbreviation(word: &str) -> bool {
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let mut chars = word.chars();
    if let (Some(initial), None) = (chars.next(), chars.next()) {
        return initial.is_uppercase() && initial != 'I';
    }
    matches!(
        word.to_lowercase().as_str(),
        "mr" | "mrs" | "ms" | "dr" | "prof" | "st" | "vs" | "cf" | "e.g" | "i.e" | "fig" | "approx"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(text: &str) -> Vec<&str> {
        words(text).map(|(_, word)| word).collect()
    }

    fn cut(text: &str) -> Vec<&str> {
        let found: Vec<_> = sentences(text).collect();
        for (at, sentence) in &found {
            assert_eq!(&text[*at..at + sentence.len()], *sentence);
        }
        found.into_iter().map(|(_, sentence)| sentence).collect()
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
    fn the_short_way_through_ascii_ends_where_the_long_way_does() {
        const PARTS: [&str; 18] = [
            "a", "Zb", "7", "42", "'", "-", ".", ",", " ", "  ", "\n", "\r", "\r\n", "\u{301}",
            "é", "雨", "’", "_",
        ];
        let mut chance = crate::chance::Chance::new(3);
        for _ in 0..20_000 {
            let text: String =
                (0..8).map(|_| PARTS[chance.below(PARTS.len() as u64) as usize]).collect();
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
    fn markdown_marks_are_no_words() {
        assert_eq!(count("# **Rain**\n\n- _in_ `town`\n---\n"), 3);
        assert_eq!(
            of("1. wet\n2) dry\n> 3. damp\nin 1984. So"),
            ["wet", "dry", "damp", "in", "1984", "So"]
        );
    }

    #[test]
    fn emoji_are_no_words() {
        assert_eq!(of("rain ☔️ 👩‍👩‍👧 today"), ["rain", "today"]);
    }

    #[test]
    fn accents_stay_on_their_letters() {
        assert_eq!(of("cafe\u{301} naïve"), ["cafe\u{301}", "naïve"]);
    }

    #[test]
    fn scripts_without_spaces_are_counted_by_the_character() {
        assert_eq!(count("雨が降る"), 4);
        assert_eq!(of("v2雨ok"), ["v2", "雨", "ok"]);
    }

    #[test]
    fn nothing_has_no_words() {
        assert_eq!(count(""), 0);
        assert_eq!(count(" \n—…"), 0);
    }

    #[test]
    fn tokens_put_together_are_the_text() {
        for text in ["", "a\r\nb\n\n c\t", "\u{301}x", "👩‍👩‍👧1.2.3", "'' - '", "1.", "1.\u{301}"]
        {
            let again: String = tokens(text).map(|token| token.text).collect();
            assert_eq!(again, text);
        }
    }

    #[test]
    fn a_word_knows_where_it_stands() {
        for (at, word) in words("Ümit says: don't") {
            assert!("Ümit says: don't"[at..].starts_with(word));
        }
    }

    #[test]
    fn sentences_end_at_their_stops() {
        assert_eq!(cut("It rained. Did it? Yes!"), ["It rained.", "Did it?", "Yes!"]);
        assert_eq!(cut("it rained. i stayed in."), ["it rained.", "i stayed in."]);
    }

    #[test]
    fn quotations_and_ellipses_can_go_on() {
        assert_eq!(
            cut("“Really?” she said. So... maybe."),
            ["“Really?” she said.", "So... maybe."]
        );
        assert_eq!(cut("(It rained.) Then sun."), ["(It rained.)", "Then sun."]);
    }

    #[test]
    fn abbreviations_and_numbers_do_not_end_a_sentence() {
        assert_eq!(
            cut("Mr. J. Smith, e.g. you and I. It cost 3.50 at shop.com today."),
            ["Mr. J. Smith, e.g. you and I.", "It cost 3.50 at shop.com today."]
        );
    }

    #[test]
    fn headings_and_items_are_sentences_of_their_own() {
        assert_eq!(
            cut("# Rain\nIt fell\nall day.\n\n- wet\n- cold\n\n---\n\nEnd"),
            ["# Rain", "It fell\nall day.", "- wet", "- cold", "End"]
        );
    }

    #[test]
    fn sentences_without_spaces_between() {
        assert_eq!(cut("雨だ。寒い。"), ["雨だ。", "寒い。"]);
    }
}
