//! Replacements in a Markdown text, and the ranges of its code.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::archive::omissions::Omissions;

/// Symbols and line ends, each of which may be a mark. The parser needs two hundred bytes of memory for
/// each; a novel has a tenth as many.
pub(super) const MAX_SYMBOLS: usize = 1 << 19;

/// Bytes of a tag, so that an opening brace in prose removes nothing, and the distance that is searched
/// along a line.
pub(super) const MAX_TAG_BYTES: usize = 4000;

/// Returns true if a text has too many symbols to be parsed.
pub(in crate::archive) fn is_mostly_symbols(text: &str) -> bool {
    has_more_symbols(text, MAX_SYMBOLS)
}

pub(in crate::archive) fn has_more_symbols(text: &str, most: usize) -> bool {
    let sign = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b' ';
    text.len() > most && text.bytes().filter(sign).count() > most
}

pub(super) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
}

/// Ranges of a text to replace.
#[derive(Debug, Default)]
pub(super) struct Replacements(Vec<Replacement>);

/// A range, its replacement, and the number and kind of words lost.
#[derive(Debug)]
pub(super) struct Replacement {
    range: Range<usize>,
    instead: String,
    what: &'static str,
    lost: usize,
}

impl Replacements {
    /// Replaces a range by an equivalent.
    pub(super) fn replace(&mut self, range: Range<usize>, instead: impl Into<String>) {
        self.replace_counting(range, instead, "", 0);
    }

    /// Cuts a range of this many words.
    pub(super) fn cut(&mut self, range: Range<usize>, what: &'static str, lost: usize) {
        self.replace_counting(range, "", what, lost);
    }

    /// Replaces a range and counts the words lost.
    pub(super) fn replace_counting(
        &mut self,
        range: Range<usize>,
        instead: impl Into<String>,
        what: &'static str,
        lost: usize,
    ) {
        self.0.push(Replacement { range, instead: instead.into(), what, lost });
    }

    pub(super) fn extend(&mut self, more: Replacements) {
        self.0.extend(more.0);
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.0.iter().map(|cut| cut.range.clone())
    }

    /// Removes the replacements at and after `at`, which were added in order.
    pub(super) fn truncate_from(&mut self, at: usize) {
        while self.0.pop_if(|cut| cut.range.start >= at).is_some() {}
    }

    /// Applies the replacements; of two that overlap, the first one counts.
    pub(super) fn apply(mut self, text: &str, omissions: &mut Omissions) -> String {
        self.0.sort_by_key(|cut| (cut.range.start, cut.range.end));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for cut in self.0 {
            if cut.range.start >= at {
                out.push_str(&text[at..cut.range.start]);
                out.push_str(&cut.instead);
                at = cut.range.end;
                omissions.add_words(cut.what, cut.lost);
            }
        }
        out.push_str(&text[at..]);
        out
    }
}

/// The ranges of code, in order.
pub(super) fn code(text: &str) -> Vec<Range<usize>> {
    let events = Parser::new_ext(text, options()).into_offset_iter();
    let code = events.filter_map(|(event, range)| {
        matches!(event, Event::Start(Tag::CodeBlock(_)) | Event::Code(_)).then_some(range)
    });
    code.collect()
}

pub(super) fn inside(ranges: &[Range<usize>], at: usize) -> Option<usize> {
    let next = ranges.partition_point(|range| range.end <= at);
    ranges.get(next).filter(|range| range.start <= at).map(|range| range.end)
}

/// The line that ends at `at`, up to the search limit.
pub(super) fn line_before(text: &str, at: usize) -> &str {
    let from = text.ceil_char_boundary(at.saturating_sub(MAX_TAG_BYTES));
    text[from..at].rsplit('\n').next().unwrap_or_default()
}

/// The line from `at` on, up to the search limit.
pub(super) fn line_after(text: &str, at: usize) -> &str {
    let to = text.floor_char_boundary((at + MAX_TAG_BYTES).min(text.len()));
    text[at..to].split('\n').next().unwrap_or_default()
}
