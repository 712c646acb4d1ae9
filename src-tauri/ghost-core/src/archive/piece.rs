//! The results of an import: pieces, revisions and warnings.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::words;

/// The kind of writing a piece is. `post` and `log` are defined by this program; any other kind is the
/// writer's own section, in the singular ("note", "book report").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Kind {
    /// A finished text for readers.
    #[default]
    Post,
    /// A daily, weekly or monthly record, where the voice is rawest.
    Log,
    /// A section of the writer's own.
    Other(String),
}

impl From<String> for Kind {
    fn from(name: String) -> Self {
        match name.trim().to_lowercase().as_str() {
            "" | "post" | "posts" => Kind::Post,
            "log" | "logs" => Kind::Log,
            other => Kind::Other(other.to_owned()),
        }
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Post => f.write_str("post"),
            Kind::Log => f.write_str("log"),
            Kind::Other(name) => f.write_str(name),
        }
    }
}

/// The reason why a span is not the writer's prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A code block or inline code.
    Code,
    /// Somebody else's words.
    Quote,
    /// The address of a link or picture.
    Link,
}

/// A stretch of `Piece::text`, in bytes, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
    /// The reason why it is not prose.
    #[serde(rename = "why")]
    pub kind: SpanKind,
}

/// One text of the archive, as Markdown without boilerplate (front matter, shortcodes, template tags,
/// navigation).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Piece {
    /// The path it was read from; members of a zip are `a.zip/b.md`.
    pub source: String,
    /// Post, log or a section of the writer's own.
    pub kind: Kind,
    /// The title, or a name made from the file's.
    pub title: String,
    /// The author, if the file says so: an export may hold texts of several.
    #[serde(default)]
    pub author: Option<String>,
    /// The date of writing, if the file says so.
    pub date: Option<Date>,
    /// The writer marked it as a draft.
    pub unfinished: bool,
    /// The text as [`crate::normalize`] stores it, without blank lines at the ends; punctuation is
    /// unchanged.
    pub text: String,
    /// Spans of `text` that are not the writer's prose, in order, without overlaps.
    #[serde(rename = "apart")]
    pub non_prose_spans: Vec<Span>,
    /// The number of the writer's own words in `text` (see [`crate::words::count`]).
    pub words: usize,
}

impl Piece {
    /// A hash of the text that is the same wherever it was read: a post from an export, a feed and its
    /// source file has one hash, regardless of markup, addresses and code. A long text is identified by
    /// its words alone, because titles are often lost; a short one by its title and date too.
    pub fn content_hash(&self) -> u64 {
        const LONG: usize = 40;
        let mut state = 0u64;
        let mut add = |hash: u64| state = (state.rotate_left(5) ^ hash).wrapping_mul(MIXER);
        let (mut at, mut count) = (0, 0);
        let foreign = self.non_prose_spans.iter().filter(|span| span.kind != SpanKind::Quote);
        for (from, to) in foreign.map(|span| (span.from, span.to)).chain([(self.text.len(), 0)]) {
            for (_, word) in words::words(&self.text[at..from]) {
                add(words::hash(word));
                count += 1;
            }
            at = to;
        }
        if count < LONG {
            words::words(&self.title).for_each(|(_, word)| add(words::hash(word)));
            self.date.iter().for_each(|date| add(words::hash(&date.to_string())));
        }
        state
    }
}

/// An odd multiplier that spreads bits well (Knuth's, 64 bits).
const MIXER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A warning about something that an import could not read or did not keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportWarning {
    /// The path of the file or the member of a zip.
    pub path: String,
    /// The reason, as sentences for the writer.
    pub reason: String,
    /// The number of words that were not kept, if known; `reason` contains it too.
    #[serde(default)]
    pub words: usize,
}

/// Two states of one text by the writer: before and after tracked changes, or a snapshot and the text
/// after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The path it was read from, as in [`Piece::source`].
    pub source: String,
    /// The title of the text.
    pub title: String,
    /// The author of the change, if known.
    #[serde(default)]
    pub author: Option<String>,
    /// The date of the earlier state, if known.
    pub date: Option<Date>,
    /// The earlier state, Markdown.
    pub before: String,
    /// The later state, Markdown.
    pub after: String,
}

/// Everything that was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportResult {
    /// The texts.
    pub pieces: Vec<Piece>,
    /// Changes that the writer made to texts, if the file records them.
    pub revisions: Vec<Revision>,
    /// Warnings about what could not be read or was left out.
    pub warnings: Vec<ImportWarning>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stored_pieces_keep_their_field_names() {
        let span = Span { from: 0, to: 3, kind: SpanKind::Code };
        let piece = Piece { non_prose_spans: vec![span], ..Piece::default() };
        let stored = serde_json::to_value(&piece).unwrap();
        assert_eq!(stored["apart"][0], serde_json::json!({"from": 0, "to": 3, "why": "code"}));
        assert_eq!(serde_json::from_value::<Piece>(stored).unwrap(), piece);
    }

    #[test]
    fn a_long_text_is_known_by_its_words_alone() {
        let piece = |title: &str, text: &str| {
            let (title, text) = (title.to_owned(), text.to_owned());
            Piece { title, text, ..Piece::default() }.content_hash()
        };
        let long = "It rained all day and nobody came. ".repeat(8);
        assert_eq!(piece("Rain", &long), piece("", &long.replace("all", "*all*")));
        assert_ne!(piece("Rain", &long), piece("Rain", &long.replace("all", "half the")));
        assert_ne!(piece("Rain", "It rained."), piece("Again", "It rained."));
    }
}
