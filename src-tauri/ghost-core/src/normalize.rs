//! Normalisation of text before it is stored, so that equal characters are equal bytes.
//!
//! Line breaks become `\n`; accents are composed with their letters (Unicode NFC); invisible characters
//! are removed: soft hyphens, zero-width spaces, byte order marks and control characters. Zero-width
//! joiners stay where they change how a text is read.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// `text` in the form in which pieces, drafts and shipped texts are stored; borrowed if unchanged.
pub fn text(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    match text.find(is_odd) {
        None => nfc.normalize(text),
        Some(first) => match cleaned(text, first) {
            Cow::Borrowed(text) => nfc.normalize(text),
            Cow::Owned(text) if nfc.is_normalized(&text) => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(nfc.normalize(&text).into_owned()),
        },
    }
}

/// [`text`] for an owned string.
pub fn owned(one: String) -> String {
    match text(&one) {
        Cow::Borrowed(_) => one,
        Cow::Owned(stored) => stored,
    }
}

/// True if a character may have to be replaced or removed.
fn is_odd(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}')
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2028}' | '\u{2029}' | '\u{2060}')
        || c == '\u{FEFF}'
}

/// The text with `\n` line breaks and without invisible characters; `first` is the first odd character.
fn cleaned(text: &str, first: usize) -> Cow<'_, str> {
    let mut clean = String::with_capacity(text.len());
    clean.push_str(&text[..first]);
    let mut rest = text[first..].chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            // Line breaks of other systems and of Unicode.
            '\r' | '\u{B}' | '\u{85}' | '\u{2028}' => clean.push('\n'),
            // Page break and paragraph separator.
            '\u{C}' | '\u{2029}' => clean.push_str("\n\n"),
            '\u{200C}' | '\u{200D}' => {
                let (before, after) = (clean.chars().next_back(), rest.peek().copied());
                if joins_letters(before, after) || c == '\u{200D}' && joins_emoji(before, after) {
                    clean.push(c);
                }
            }
            c if is_odd(c) => {}
            c => clean.push(c),
        }
    }
    match clean == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(clean),
    }
}

/// True if a joiner may change the shape of letters: in Arabic, Syriac, Mongolian and related scripts,
/// and in the scripts of Indian origin.
fn joins_letters(before: Option<char>, after: Option<char>) -> bool {
    let is_joining = |c: char| {
        matches!(
            c,
            '\u{600}'..='\u{DFF}'
                | '\u{F00}'..='\u{109F}'
                | '\u{1780}'..='\u{18AF}'
                | '\u{1A20}'..='\u{1CFF}'
                | '\u{A840}'..='\u{A9FF}'
                | '\u{AA60}'..='\u{ABFF}'
                | '\u{FB50}'..='\u{FDFF}'
                | '\u{FE70}'..='\u{FEFC}'
                | '\u{10A00}'..='\u{11FFF}'
                | '\u{1E900}'..='\u{1E95F}'
        )
    };
    before.is_some_and(is_joining) || after.is_some_and(is_joining)
}

/// True if a joiner combines two emoji into one.
fn joins_emoji(before: Option<char>, after: Option<char>) -> bool {
    let is_emoji = |c: char| matches!(c, '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}');
    let is_tail = |c: char| matches!(c, '\u{FE0F}' | '\u{20E3}' | '\u{E0020}'..='\u{E007F}');
    before.is_some_and(|c| is_emoji(c) || is_tail(c)) && after.is_some_and(is_emoji)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_normalised_text_is_not_copied() {
        for stored in ["", "It rained.\n\n\tAll day.", "Café — “oui”", "👩‍👩‍👧 می‌خواهم", "中文"]
        {
            assert!(matches!(text(stored), Cow::Borrowed(_)), "{stored:?}");
        }
    }

    #[test]
    fn accents_are_composed() {
        assert_eq!(text("cafe\u{301}"), "café");
        assert_eq!(text("한"), "한");
        assert_eq!(text("A\u{30A}ngstro\u{AD}\u{308}m"), "Ångström");
    }

    #[test]
    fn line_breaks_are_unified() {
        assert_eq!(text("a\r\nb\rc\u{85}d\u{B}e\u{2028}f"), "a\nb\nc\nd\ne\nf");
        assert_eq!(text("a\u{2029}b\r\n\r\nc\r\u{C}"), "a\n\nb\n\nc\n\n\n");
    }

    #[test]
    fn invisible_characters_are_removed() {
        assert_eq!(
            text("\u{FEFF}Unter\u{AD}nehmen, fünf\u{200B}zig\u{2060}"),
            "Unternehmen, fünfzig"
        );
        assert_eq!(text("a\0b\u{1}c\u{7F}d\u{92}\te"), "abcd\te");
    }

    #[test]
    fn joiners_stay_where_they_matter() {
        for kept in ["👩🏽‍🚒", "❤️‍🔥", "🏴‍☠️", "🐦‍⬛", "می‌خواهم", "क्‍ष", "ශ්‍රී"]
        {
            assert_eq!(text(kept), kept);
        }
        assert_eq!(text("Auf\u{200C}lage, rain\u{200D} 👩\u{200D} a"), "Auflage, rain 👩 a");
    }

    #[test]
    fn normalisation_is_idempotent() {
        const PARTS: [&str; 20] = [
            "a", "e", "\u{301}", "\u{AD}", "\r", "\n", "\u{200D}", "\u{200C}", "👩", "\u{FE0F}",
            "می", "क्", "\u{2029}", "\0", "\u{85}", "ᄒ", "ᅡ", "\u{FEFF}", " ", "⬛",
        ];
        let mut rng = Rng::new(1);
        for _ in 0..5_000 {
            let odd: String = (0..10).map(|_| PARTS[rng.below(PARTS.len())]).collect();
            let stored = text(&odd);
            assert!(matches!(text(&stored), Cow::Borrowed(_)), "{odd:?} to {stored:?}");
        }
    }
}
