//! What an import gives back: pieces, revisions and warnings.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::words;

/// What sort of writing a piece is. `post` and `log` are words of this program; any other kind is
/// the writer's own section, in the singular and as they named it ("note", "book report").
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

/// Why a stretch of a piece is not the writer's own prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A code block or code span.
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
    /// Why it is not prose.
    #[serde(rename = "why")]
    pub kind: SpanKind,
}

/// One text of the archive, as Markdown, with the page's furniture (front matter, shortcodes,
/// template tags, navigation) taken off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Piece {
    /// Where it came from, as named by whoever read it; members of a zip are `a.zip/b.md`.
    pub source: String,
    /// Post, log or a section of the writer's own.
    pub kind: Kind,
    /// The title, without which a piece is named after its file.
    pub title: String,
    /// Who wrote it, where the file says so: an export may hold the texts of several.
    #[serde(default)]
    pub author: Option<String>,
    /// The day it was written, where the file says so.
    pub date: Option<Date>,
    /// Marked by its writer as not published yet.
    pub unfinished: bool,
    /// The text as [`crate::normalize`] stores it, no blank lines at either end; its punctuation is the
    /// writer's own.
    pub text: String,
    /// Stretches of `text` that are not the writer's own prose, in order, not overlapping.
    #[serde(rename = "apart")]
    pub non_prose_spans: Vec<Span>,
    /// How many words of `text` are the writer's own (see [`crate::words::count`]).
    pub words: usize,
}

impl Piece {
    /// What the text is whatever road it came by: the same post, exported, in a feed and as it was
    /// written, has one gist, however its marks, addresses and code are spelled. Long texts are known by
    /// their words alone, since titles are often lost; short ones are alike too often for that.
    pub fn content_hash(&self) -> u64 {
        const LONG: usize = 40;
        let mut content_hash = 0u64;
        let mut add =
            |hash: u64| content_hash = (content_hash.rotate_left(5) ^ hash).wrapping_mul(MIXER);
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
        content_hash
    }
}

/// An odd number that spreads bits well (Knuth's, of 64 bits).
const MIXER: u64 = 0x9E37_79B9_7F4A_7C15;

/// What an import could not read or did not keep, and why, in a sentence for the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportWarning {
    /// The file, or the member of a zip.
    pub path: String,
    /// One sentence.
    pub reason: String,
    /// How many words were not kept, where they could be counted; `reason` names the figure.
    #[serde(default)]
    pub words: usize,
}

/// Two states of one text, as the writer left them: a tracked change taken and not taken, a
/// snapshot and what it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Where it came from, as in [`Piece::source`].
    pub source: String,
    /// The title of the text.
    pub title: String,
    /// Who made the change, where it is known.
    #[serde(default)]
    pub author: Option<String>,
    /// The day of the earlier state, where the file says so.
    pub date: Option<Date>,
    /// The earlier state, Markdown.
    pub before: String,
    /// The later state, Markdown.
    pub after: String,
}

/// All that was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportResult {
    /// The texts.
    pub pieces: Vec<Piece>,
    /// How the writer changed texts, where the file remembers it.
    pub revisions: Vec<Revision>,
    /// What could not be read.
    pub warnings: Vec<ImportWarning>,
}
