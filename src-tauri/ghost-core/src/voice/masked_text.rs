//! Text with its content words masked: function words and punctuation stay, every other word is
//! replaced by its shape. The whole voice measure works on masked text, so that no member can see a
//! topic, and so that other authors can be bundled without any of their words.
//!
//! Code, quotations and addresses are left out. The shape of quotation marks and apostrophes is not
//! kept: publishing tools change it. The word lists are English; in other languages only shapes and
//! punctuation are left.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::archive::{SpanKind, non_prose_spans};
use crate::words::{self, Class};

/// A word, mark or break as a number: [`MARKS`], then [`kept`] words, then shapes.
pub(super) type Symbol = u16;

/// Symbols that are not words. Those for breaks and objects have no spelling in the text.
pub(super) const MARKS: [&str; 19] = [
    ",", ".", "¶", "—", ";", ":", "(", ")", "?", "!", "\"", "'", "…", "/", "-", "`", "0", "#", "•",
];
pub(super) const COMMA: Symbol = 0;
pub(super) const STOP: Symbol = 1;
/// A blank line.
pub(super) const PARAGRAPH: Symbol = 2;
const DASH: Symbol = 3;
const OPENING: Symbol = 6;
pub(super) const QUESTION: Symbol = 8;
pub(super) const EXCLAIM: Symbol = 9;
const QUOTE: Symbol = 10;
const APOSTROPHE: Symbol = 11;
const ELLIPSIS: Symbol = 12;
const HYPHEN: Symbol = 14;
/// Inline code.
const CODE: Symbol = 15;
/// A word with a digit in it.
const NUMBER: Symbol = 16;
/// The mark of a heading.
pub(super) const HEADING: Symbol = 17;
/// The mark of a list item.
pub(super) const ITEM: Symbol = 18;

/// Endings by which content words are distinguished; the first stands for any other.
const ENDINGS: [&str; 14] =
    ["", "ing", "ed", "ly", "tion", "ment", "ness", "ity", "able", "ful", "ous", "ive", "er", "s"];
/// Highest length of a content word; longer words count as this long.
const MAX_LENGTH: u16 = 12;
/// Symbols at the beginning that identify a text.
const BEGINNING: usize = 50;
/// Words that are kept: function words, hedges and boosters.
static KEPT: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let lists = [
        include_str!("../../../../assets/lexicons/function-words.txt"),
        include_str!("../../../../assets/lexicons/hedges.txt"),
        include_str!("../../../../assets/lexicons/boosters.txt"),
    ];
    let lines = lists.iter().flat_map(|list| list.lines().map(str::trim));
    let mut kept: Vec<&str> = lines.filter(|w| !w.is_empty() && !w.contains(' ')).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
});
static NUMBERED: LazyLock<HashMap<&'static str, Symbol>> = LazyLock::new(|| {
    let first = MARKS.len() as Symbol;
    kept().iter().enumerate().map(|(n, word)| (*word, first + n as Symbol)).collect()
});

/// The words that are kept, in alphabetical order.
pub(super) fn kept() -> &'static [&'static str] {
    &KEPT
}

/// The number of symbols.
pub(super) fn alphabet() -> usize {
    grammar_alphabet() + 2 * ENDINGS.len() * usize::from(MAX_LENGTH)
}

/// The number of symbols that [`grammar`] returns.
pub(super) fn grammar_alphabet() -> usize {
    shapes() as usize + 2 * ENDINGS.len()
}

fn shapes() -> Symbol {
    (MARKS.len() + kept().len()) as Symbol
}

/// The symbol of a kept word.
pub(super) fn symbol(word: &str) -> Option<Symbol> {
    NUMBERED.get(word).copied()
}

/// The symbol without the word length.
pub(super) fn grammar(symbol: Symbol) -> Symbol {
    match symbol.checked_sub(shapes()) {
        Some(shape) => shapes() + shape / MAX_LENGTH,
        None => symbol,
    }
}

/// True if a symbol stands for a word.
pub(super) fn is_word(symbol: Symbol) -> bool {
    usize::from(symbol) >= MARKS.len() || symbol == NUMBER
}

/// The kept word a symbol stands for.
pub(super) fn kept_word(symbol: Symbol) -> Option<&'static str> {
    kept().get(usize::from(symbol).checked_sub(MARKS.len())?).copied()
}

/// The number of letters of a content word, up to [`MAX_LENGTH`].
pub(super) fn content_length(symbol: Symbol) -> Option<usize> {
    let shape = symbol.checked_sub(shapes())?;
    Some(usize::from(shape % MAX_LENGTH) + 1)
}

/// True if a sentence ends with this symbol.
pub(super) fn ends_sentence(symbol: Symbol) -> bool {
    matches!(symbol, STOP | QUESTION | EXCLAIM | PARAGRAPH | HEADING | ITEM)
}

/// A masked text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MaskedText(Vec<Symbol>);

impl MaskedText {
    /// Masks a Markdown text.
    pub fn of(text: &str) -> MaskedText {
        let mut symbols = Vec::with_capacity(text.len() / 5);
        let spans = non_prose_spans(text);
        let mut spans = spans.iter().peekable();
        let mut ends = words::sentences(text)
            .map(|(at, sentence)| {
                let letters = sentence.rfind(char::is_alphanumeric).unwrap_or(0);
                (at + letters, at + sentence.len())
            })
            .peekable();
        let mut line_begins = true;
        let mut breaks = 0;
        let mut sentence_begins = true;
        let (mut within, mut closes_link) = (0, usize::MAX);
        let mut all = words::tokens(text).peekable();
        while let Some(token) = all.next() {
            while let Some(span) = spans.next_if(|span| span.from <= token.at) {
                within = span.to.max(within);
                let inline =
                    span.kind == SpanKind::Code && !text[span.from..span.to].contains('\n');
                if inline && text[span.from..].starts_with('`') {
                    symbols.push(CODE);
                }
                if span.kind == SpanKind::Link && text[..span.from].ends_with("](") {
                    // The brackets around an address are Markdown, not punctuation.
                    symbols.pop_if(|last| *last == OPENING);
                    closes_link = span.to;
                }
            }
            while ends.next_if(|&(_, end)| end <= token.at).is_some() {}
            if token.at < within {
                line_begins = token.class == Class::Break;
                continue;
            }
            match token.class {
                Class::Break => {
                    breaks += 1;
                    line_begins = true;
                    if breaks == 2 && symbols.last().is_some_and(|&last| last != PARAGRAPH) {
                        symbols.push(PARAGRAPH);
                        sentence_begins = true;
                    }
                    continue;
                }
                Class::Space => continue,
                Class::Mark if token.at == closes_link => continue,
                Class::Word => {
                    symbols.push(of_word(token.text, sentence_begins));
                    sentence_begins = false;
                }
                Class::Mark => {
                    let next = all.peek().map_or("", |next| next.text);
                    let over = ends.peek().is_none_or(|&(letters, _)| token.at > letters);
                    let last = symbols.last().copied();
                    if let Some(mark) = of_mark(token.text, next, line_begins, over, last) {
                        if mark == DASH && last == Some(HYPHEN) {
                            symbols.pop();
                        }
                        sentence_begins |= ends_sentence(mark);
                        if last != Some(mark) || !matches!(mark, HEADING | DASH | ELLIPSIS) {
                            symbols.push(mark);
                        }
                    }
                }
            }
            breaks = 0;
            line_begins = false;
        }
        MaskedText(symbols)
    }

    /// The symbols, in order.
    pub(super) fn symbols(&self) -> &[Symbol] {
        &self.0
    }

    /// The number of words.
    pub fn words(&self) -> usize {
        self.0.iter().filter(|&&symbol| is_word(symbol)).count()
    }

    /// Its first `words` words; `None` if it has fewer.
    pub fn opening(&self, words: usize) -> Option<MaskedText> {
        let mut left = words;
        let end = self.0.iter().position(|&symbol| {
            left -= usize::from(is_word(symbol));
            left == 0
        })?;
        Some(MaskedText(self.0[..=end].to_vec()))
    }

    /// Divides it into samples of about `words` words, at the end of a sentence if one is near; the
    /// rest is a sample if it has at least half as many.
    pub fn samples(&self, words: usize) -> Vec<MaskedText> {
        let (mut samples, mut from, mut n) = (Vec::new(), 0, 0);
        for (at, &symbol) in self.0.iter().enumerate() {
            n += usize::from(is_word(symbol));
            if (n >= words && ends_sentence(symbol)) || n >= words + words / 10 {
                samples.push(MaskedText(self.0[from..=at].to_vec()));
                (from, n) = (at + 1, 0);
            }
        }
        if n * 2 >= words {
            samples.push(MaskedText(self.0[from..].to_vec()));
        }
        samples
    }

    /// A hash of its beginning, which identifies the text; `None` if it is too short.
    pub(super) fn beginning(&self) -> Option<u64> {
        let symbols = self.0.get(..BEGINNING)?;
        Some(symbols.iter().fold(0, |hash: u64, &symbol| {
            (hash.rotate_left(7) ^ u64::from(symbol)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        }))
    }

    /// True if every symbol belongs to the alphabet.
    pub(super) fn is_valid(&self) -> bool {
        self.0.iter().all(|&symbol| usize::from(symbol) < alphabet())
    }
}

/// Digits of the file format, two for each symbol.
const DIGITS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";

impl From<MaskedText> for String {
    fn from(text: MaskedText) -> String {
        let digits = |symbol: Symbol| [symbol / 64 % 64, symbol % 64];
        let digits = text.0.into_iter().flat_map(digits);
        digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }
}

impl TryFrom<String> for MaskedText {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<MaskedText, &'static str> {
        let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
        let symbol = |pair: &[u8]| Some((digit(&pair[0])? * 64 + digit(pair.get(1)?)?) as Symbol);
        let symbols: Option<Vec<_>> = digits.as_bytes().chunks(2).map(symbol).collect();
        symbols.map(MaskedText).ok_or("a sample must have two valid digits per symbol")
    }
}

fn of_word(word: &str, begins_sentence: bool) -> Symbol {
    let lower = word.to_lowercase().replace('’', "'");
    if let Some(kept) = symbol(&lower) {
        return kept;
    }
    if word.contains(|c: char| c.is_numeric()) {
        return NUMBER;
    }
    let named = !begins_sentence && word.starts_with(char::is_uppercase);
    let longer = |ending: &str| lower.len() > ending.len() + 2 && lower.ends_with(ending);
    let ending = ENDINGS.iter().skip(1).position(|ending| longer(ending)).map_or(0, |n| n + 1);
    let length = (lower.chars().count() as Symbol).clamp(1, MAX_LENGTH);
    shapes()
        + (Symbol::from(named) * ENDINGS.len() as Symbol + ending as Symbol) * MAX_LENGTH
        + length
        - 1
}

/// The symbol of a punctuation mark, if it has one. `over` is whether its sentence has no more words.
fn of_mark(
    mark: &str,
    next: &str,
    line_begins: bool,
    over: bool,
    last: Option<Symbol>,
) -> Option<Symbol> {
    let mark = latin_mark(mark);
    let bullet = matches!(mark, "-" | "*" | "+") && next.starts_with([' ', '\t']);
    if line_begins && (bullet || mark.starts_with(|c: char| c.is_ascii_digit())) {
        return Some(ITEM);
    }
    Some(match mark {
        "#" if line_begins || last == Some(HEADING) => HEADING,
        "." if next == "." || last == Some(ELLIPSIS) => ELLIPSIS,
        "." if over => STOP,
        "…" => ELLIPSIS,
        // The mark of an image is not an exclamation.
        "!" if next == "[" => return None,
        "—" | "–" => DASH,
        "-" if last == Some(HYPHEN) || last == Some(DASH) => DASH,
        "“" | "”" | "«" | "»" => QUOTE,
        "‘" | "’" => APOSTROPHE,
        "#" | "." | "`" | "•" | "¶" | "0" => return None,
        _ => MARKS.iter().position(|known| *known == mark)? as Symbol,
    })
}

/// The Latin mark with the same function as a mark of another script.
fn latin_mark(mark: &str) -> &str {
    match mark {
        "，" | "、" | "،" => ",",
        "。" | "．" | "｡" | "।" | "॥" | "။" | "។" | "៕" | "።" | "։" | "۔" => ".",
        "？" | "؟" | "፧" => "?",
        "！" => "!",
        "；" | "؛" => ";",
        "：" => ":",
        "（" => "(",
        "）" => ")",
        "「" | "」" | "『" | "』" => "\"",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Kept words and marks as they are, content words as `n` and their length, names as `N`.
    fn spelled(text: &str) -> String {
        let spell = |&symbol: &Symbol| match (kept_word(symbol), content_length(symbol)) {
            (Some(word), _) => word.to_owned(),
            (None, Some(length)) => {
                let named = (grammar(symbol) - shapes()) as usize >= ENDINGS.len();
                format!("{}{length}", if named { "N" } else { "n" })
            }
            (None, None) => MARKS[symbol as usize].to_owned(),
        };
        MaskedText::of(text).symbols().iter().map(spell).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(spelled(text), masked);
    }

    #[test]
    fn content_words_are_masked_and_function_words_kept() {
        check("The ferry is late again.", "the n5 is n4 again .");
        check("I asked Anna, and she didn’t know.", "i n5 N4 , and she didn't n4 .");
    }

    #[test]
    fn the_first_word_of_a_sentence_is_not_a_name() {
        check("Ferries sank. Ferries rose.", "n7 n4 . n7 n4 .");
    }

    #[test]
    fn equivalent_marks_have_one_symbol() {
        check("“Go” -- 'go' – \"go\"", "\" n2 \" — ' n2 ' — \" n2 \"");
        check("so... so…", "so … so …");
    }

    #[test]
    fn marks_of_other_scripts_map_to_latin_ones() {
        check("雨が降る、寒い。「帰ろう」？", "n1 n1 n2 , n2 . \" n1 n2 \" ?");
        check("هل أمطرت؟ نعم، أمطرت.", "n2 n5 ? n3 , n5 .");
    }

    #[test]
    fn a_full_stop_within_a_sentence_is_left_out() {
        check("Mr. Hill, e.g. here.", "n2 N4 , n1 n1 here .");
    }

    #[test]
    fn code_quotes_and_addresses_are_left_out() {
        check(
            "Run `ls -l`, see [it](http://x.org/a).\n\n> Not mine.\n\nOver",
            "n3 ` , n3 it . ¶ over",
        );
        check("So:\n\n```\nlet x = 1;\n```\n\nYes!", "so : ¶ n3 !");
    }

    #[test]
    fn headings_lists_and_numbers_have_symbols() {
        check("## On rain\n\n- wet\n1. cold\n\n24 days", "# on n4 ¶ • n3 • n4 ¶ 0 n4");
    }

    #[test]
    fn openings_have_the_requested_number_of_words() {
        let text = MaskedText::of("The cat, and the dog. It rains.");
        assert_eq!(text.words(), 7);
        assert_eq!(text.opening(3).unwrap(), MaskedText::of("The cat, and"));
        assert_eq!(text.opening(7).unwrap().words(), 7);
        assert_eq!(text.opening(8), None);
    }

    #[test]
    fn samples_end_with_sentences() {
        let text = MaskedText::of(&"The cat sat on the mat. ".repeat(10));
        let lengths: Vec<_> = text.samples(20).iter().map(MaskedText::words).collect();
        assert_eq!(lengths, [22, 20, 18]);
        assert_eq!(MaskedText::default().samples(20), []);
    }

    #[test]
    fn every_symbol_belongs_to_the_alphabet() {
        for text in ["", "\u{301}", "ÄÖÜ ß", "雨が降る", "a\0b", "Pneumonoultramicroscopic 9"]
        {
            assert!(MaskedText::of(text).is_valid());
        }
        let alphabet = grammar_alphabet();
        assert!(alphabet < 1024, "three of them fit in 30 bits: {alphabet}");
    }
}
