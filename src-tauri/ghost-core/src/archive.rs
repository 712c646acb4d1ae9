//! The writer's past work: bytes of a file in, pieces and complaints out.
//!
//! Knows formats, not folders: whoever walks the disk hands over a path *as a name* and the bytes.
//! Reading never fails; what cannot be read is complained about, and the rest is kept.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

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
pub enum Apart {
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
    /// Why it stands apart.
    pub why: Apart,
}

/// One text of the archive, as Markdown, with the page's furniture (front matter, shortcodes,
/// template tags, navigation) taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Where it came from, as named by whoever read it; members of a zip are `a.zip/b.md`.
    pub source: String,
    /// Post, log or a section of the writer's own.
    pub kind: Kind,
    /// The title, without which a piece is named after its file.
    pub title: String,
    /// The day it was written, where the file says so.
    pub date: Option<Date>,
    /// Marked by its writer as not published yet.
    pub unfinished: bool,
    /// The text, line ends as `\n`, no blank lines at either end; punctuation byte for byte.
    pub text: String,
    /// Stretches of `text` that are not the writer's own prose, in order, not overlapping.
    pub apart: Vec<Span>,
    /// How many words of `text` are the writer's own (see [`crate::words::count`]).
    pub words: usize,
}

/// What an import could not read, and why, in a sentence for the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// The file, or the member of a zip.
    pub path: String,
    /// One sentence.
    pub reason: String,
}
