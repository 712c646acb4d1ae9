//! Sentences of a text.

use super::tokens::{list_number, words};
use super::unspaced;

/// The sentences of `text`, trimmed, each with its byte offset.
///
/// A heading, a list item and a paragraph each end a sentence. A stretch without a word is not a
/// sentence.
pub fn sentences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    blocks(text)
        .flat_map(|(at, block)| sentences_of(block).map(move |(inner, s)| (at + inner, s)))
        .filter(|(_, sentence)| words(sentence).next().is_some())
}

/// Paragraphs, headings and list items, each with its byte offset.
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

/// True if a text may end here: after the end of a sentence and its closing marks, or at a blank line.
/// Thai and Lao have no full stop: there a space between clauses may end a sentence.
pub fn may_end(text: &str) -> bool {
    let bare = text.trim_end();
    let last = bare.trim_end_matches(is_closing).chars().next_back();
    let after_blank = || bare.len() < text.len() && bare.ends_with(unspaced::is_without_stops);
    last.is_some_and(is_stop) || text.ends_with("\n\n") || after_blank()
}

fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '‽' | '۔' | '؟') || is_sure_stop(c)
}

/// True if a mark ends a sentence whatever follows it, even without a space: in Chinese and Japanese,
/// the scripts of India, Burmese, Khmer, Ethiopic and Armenian.
fn is_sure_stop(c: char) -> bool {
    matches!(
        c,
        '。' | '！'
            | '？'
            | '．'
            | '｡'
            | '।'
            | '॥'
            | '။'
            | '។'
            | '៕'
            | '።'
            | '፧'
            | '፨'
            | '։'
    )
}

fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '*' | '_' | '`' | '」' | '』')
}

/// True if the sentence `before` ends with `stop`, which includes its closing marks.
fn ends_sentence(before: &str, stop: &str, after: &str) -> bool {
    if stop.starts_with(is_sure_stop) {
        return true;
    }
    let Some(next) = after.chars().next() else {
        return true;
    };
    if !next.is_whitespace() {
        return false;
    }
    let continues = after.trim_start().chars().next().is_some_and(char::is_lowercase);
    match stop {
        "." => !is_abbreviation(before.rsplit(char::is_whitespace).next().unwrap_or("")),
        "!" | "?" | "؟" => true,
        // An ellipsis, or a quotation within a longer sentence.
        _ => !continues,
    }
}

/// True if the full stop after `word` marks an abbreviation: after "J" it does, after "I" it does not.
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
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let found: Vec<_> = sentences(text).collect();
        for (at, sentence) in &found {
            assert_eq!(&text[*at..at + sentence.len()], *sentence);
        }
        found.into_iter().map(|(_, sentence)| sentence).collect()
    }

    #[test]
    fn a_text_may_end_after_a_full_stop_of_any_script() {
        for text in
            ["It rained.", "(“It rained.”) ", "雨だ。」", "बारिश हुई।", "هل؟", "One\n\n", "ฝนตก "]
        {
            assert!(may_end(text), "{text:?}");
        }
        for text in ["It rained,", "It rained ", "雨が", "ฝนตก", "One\n", ""] {
            assert!(!may_end(text), "{text:?}");
        }
    }

    #[test]
    fn sentences_end_at_full_stops() {
        assert_eq!(cut("It rained. Did it? Yes!"), ["It rained.", "Did it?", "Yes!"]);
        assert_eq!(cut("it rained. i stayed in."), ["it rained.", "i stayed in."]);
    }

    #[test]
    fn quotations_and_ellipses_can_continue() {
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
    fn headings_and_list_items_are_sentences() {
        assert_eq!(
            cut("# Rain\nIt fell\nall day.\n\n- wet\n- cold\n\n---\n\nEnd"),
            ["# Rain", "It fell\nall day.", "- wet", "- cold", "End"]
        );
    }

    #[test]
    fn sentences_without_spaces_between() {
        assert_eq!(cut("雨だ。寒い。"), ["雨だ。", "寒い。"]);
        assert_eq!(cut("「雨だ。」寒い！？そう"), ["「雨だ。」", "寒い！？", "そう"]);
        assert_eq!(cut("មេឃភ្លៀង។ខ្ញុំនៅផ្ទះ។"), ["មេឃភ្លៀង។", "ខ្ញុំនៅផ្ទះ។"]);
    }

    #[test]
    fn sentences_of_other_scripts_end_at_their_own_full_stops() {
        assert_eq!(cut("बारिश हुई। हम रुके।"), ["बारिश हुई।", "हम रुके।"]);
        assert_eq!(cut("هل أمطرت؟ نعم. بقينا"), ["هل أمطرت؟", "نعم.", "بقينا"]);
        assert_eq!(cut("بارش ہوئی۔ ہم رکے۔"), ["بارش ہوئی۔", "ہم رکے۔"]);
        assert_eq!(cut("မိုးရွာသည်။ နေပူသည်။"), ["မိုးရွာသည်။", "နေပူသည်။"]);
    }
}
