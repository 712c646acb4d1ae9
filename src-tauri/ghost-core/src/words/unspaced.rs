//! Words of scripts without spaces between words: Thai, Lao, Khmer, Burmese, Chinese and Japanese,
//! segmented by ICU.
//!
//! ICU's dictionaries are used rather than its neural models: they give the same result on every
//! computer and are about eighty times as fast.

use std::sync::LazyLock;

use icu_segmenter::options::WordBreakInvariantOptions;
use icu_segmenter::{WordSegmenter, WordSegmenterBorrowed};
use unicode_segmentation::UnicodeSegmentation;

use super::class::{Class, class_of};

/// Bytes that are segmented at once. Runs between marks or spaces have at most hundreds; a text
/// without either must not need memory proportional to its length.
const MAX_RUN: usize = 1 << 16;

static SEGMENTER: LazyLock<WordSegmenterBorrowed<'static>> =
    LazyLock::new(|| WordSegmenter::new_dictionary(WordBreakInvariantOptions::default()));

/// True if a character belongs to a script written without spaces.
pub(super) fn is_unspaced(grapheme: &str) -> bool {
    // Lower code points are Latin, Greek, Cyrillic, Hebrew, Arabic and the scripts of India.
    let Some(c @ '\u{E00}'..) = grapheme.chars().next() else { return false };
    is_southeast_asian(c) && !c.is_numeric() || is_east_asian(c)
}

/// True if a character is Chinese or Japanese.
pub(crate) fn is_east_asian(c: char) -> bool {
    matches!(
        c,
        '\u{3005}'..='\u{3007}'
            | '\u{3021}'..='\u{3035}'
            | '\u{3038}'..='\u{303C}'
            | '\u{3040}'..='\u{30FF}'
            | '\u{31F0}'..='\u{31FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{FF66}'..='\u{FF9F}'
            | '\u{1AFF0}'..='\u{1B16F}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

fn is_southeast_asian(c: char) -> bool {
    matches!(
        c,
        '\u{E00}'..='\u{EFF}'
            | '\u{1000}'..='\u{109F}'
            | '\u{1780}'..='\u{17FF}'
            | '\u{A9E0}'..='\u{A9FF}'
            | '\u{AA60}'..='\u{AA7F}'
    )
}

/// True if a character is Thai or Lao; neither has a full stop.
pub(super) fn is_without_stops(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{EFF}')
}

/// The ends of the words in the run at the start of `text`: at least one, in order.
pub(super) fn ends(text: &str) -> Vec<usize> {
    let is_in_run = |&(at, grapheme): &(usize, &str)| {
        at < MAX_RUN && class_of(grapheme) == Class::Word && is_unspaced(grapheme)
    };
    let characters: Vec<usize> = text
        .grapheme_indices(true)
        .take_while(is_in_run)
        .map(|(at, grapheme)| at + grapheme.len())
        .collect();
    let Some(&run) = characters.last() else { return vec![text.len()] };
    // The dictionaries divide by code points; a grapheme must not be split.
    let mut breaks = SEGMENTER.segment_str(&text[..run]).peekable();
    let is_break = |end: &usize| {
        while breaks.next_if(|at| at < end).is_some() {}
        end == &run || breaks.peek() == Some(end)
    };
    characters.into_iter().filter(is_break).collect()
}
