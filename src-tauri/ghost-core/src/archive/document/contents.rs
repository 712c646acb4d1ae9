//! The contents of a document that was read, and of its state before tracked changes.

use jiff::civil::Date;

use super::builder::MarkdownBuilder;
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;

/// The content of a document.
#[derive(Debug, Default)]
pub(in crate::archive) struct DocumentContents {
    pub(in crate::archive) metadata: Metadata,
    /// Markdown, with all tracked changes accepted.
    pub(in crate::archive) text: String,
    /// The document before its tracked changes, if there are any.
    pub(in crate::archive) before: Option<OriginalText>,
    /// The words of the document that are not in `text`.
    pub(in crate::archive) omissions: Omissions,
    /// Problems with the document, as sentences.
    pub(in crate::archive) warnings: Vec<String>,
}

/// A document before its tracked changes.
#[derive(Debug, Default)]
pub(in crate::archive) struct OriginalText {
    /// Markdown.
    pub(in crate::archive) text: String,
    /// The day of the first change.
    pub(in crate::archive) date: Option<Date>,
    /// The author of the changes, if there is only one.
    pub(in crate::archive) author: Option<String>,
}

impl DocumentContents {
    /// The contents from both states of a document: after its tracked changes, and before them.
    pub(in crate::archive) fn of(
        metadata: Metadata,
        after: MarkdownBuilder,
        before: Option<(MarkdownBuilder, Changes)>,
    ) -> DocumentContents {
        let (text, omissions) = after.finish();
        let before = before
            .map(|(builder, changes)| OriginalText {
                text: builder.finish().0,
                date: changes.date,
                author: changes.author.filter(|_| !changes.by_several),
            })
            .filter(|before| !before.text.is_empty() && before.text != text);
        DocumentContents { metadata, text, before, omissions, warnings: Vec::new() }
    }
}

/// The author and date of tracked changes.
#[derive(Debug, Clone, Default)]
pub(in crate::archive) struct Changes {
    /// The day of the first change.
    pub(in crate::archive) date: Option<Date>,
    author: Option<String>,
    by_several: bool,
}

impl Changes {
    /// Adds a change.
    pub(in crate::archive) fn add(&mut self, author: Option<String>, date: Option<Date>) {
        self.date = self.date.or(date);
        match (&self.author, author) {
            (_, None) => {}
            (None, author) => self.author = author,
            (Some(known), Some(author)) => self.by_several |= *known != author,
        }
    }
}
