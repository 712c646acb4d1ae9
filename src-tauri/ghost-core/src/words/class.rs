//! Classes of characters: what a token is made of.

/// The class of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Letters and digits, with inner apostrophes and hyphens.
    Word,
    /// White space within a line, all of it.
    Space,
    /// One line break.
    Break,
    /// One other character; the number of a list item is one mark with its full stop.
    Mark,
}

/// The class of a character as a reader sees it.
pub(super) fn class_of(grapheme: &str) -> Class {
    match grapheme.chars().next() {
        Some('\n' | '\r') => Class::Break,
        Some(c) if c.is_whitespace() => Class::Space,
        Some(c) if c.is_alphanumeric() => Class::Word,
        _ => Class::Mark,
    }
}
