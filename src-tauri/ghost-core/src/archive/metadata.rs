//! The metadata of a text: title, author, date, kind.

use jiff::civil::Date;

/// Metadata from front matter or document properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) date: Option<Date>,
    /// The value of `kind`, which is explicit.
    pub(super) kind: Option<String>,
    /// The values of `type` and `layout`, which are names of templates as often as kinds.
    pub(super) hints: Vec<String>,
    pub(super) unfinished: bool,
}

impl Metadata {
    /// This metadata, completed by `other`.
    pub(super) fn or(self, other: Metadata) -> Metadata {
        Metadata {
            title: self.title.or(other.title),
            author: self.author.or(other.author),
            date: self.date.or(other.date),
            kind: self.kind.or(other.kind),
            hints: if self.hints.is_empty() { other.hints } else { self.hints },
            unfinished: self.unfinished || other.unfinished,
        }
    }
}
