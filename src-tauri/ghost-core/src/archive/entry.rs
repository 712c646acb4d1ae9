//! The contents of an export: many texts with their metadata, before they become pieces.

use super::metadata::Metadata;
use super::omissions::Omissions;
use super::piece::Revision;
use super::{markdown, path};

/// The warning about an export with more texts than are read.
pub(super) const TRUNCATED: &str = "Too many texts in this file; only the first ones were kept.";

/// One text of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The export's id of the text, the same in every export: a slug or a number.
    pub(super) key: String,
    pub(super) metadata: Metadata,
    /// Markdown.
    pub(super) text: String,
    /// Words of this text in the export that are not in `text`.
    pub(super) omissions: Omissions,
}

/// All texts of an export.
#[derive(Debug, Default)]
pub(super) struct ExportContents {
    pub(super) entries: Vec<Entry>,
    /// Each revision's source is a key.
    pub(super) revisions: Vec<Revision>,
    /// Problems with the export, as sentences.
    pub(super) warnings: Vec<String>,
    /// Words of the export that belong to none of the entries.
    pub(super) omissions: Omissions,
}

impl ExportContents {
    /// The contents of an export that is refused, for this reason.
    pub(super) fn refused(warning: impl Into<String>) -> ExportContents {
        ExportContents { warnings: vec![warning.into()], ..ExportContents::default() }
    }
}

/// The entry's key as one segment of a path; without one, its title or date.
pub(super) fn source_key(entry: &Entry) -> String {
    let named = [Some(entry.key.as_str()), entry.metadata.title.as_deref()];
    let day = entry.metadata.date.map(|date| date.to_string());
    let name = named.into_iter().flatten().chain(day.as_deref()).map(str::trim);
    let name = name.filter(|name| !name.is_empty()).map(str::to_owned).next();
    name.unwrap_or_else(|| "untitled".to_owned())
        .chars()
        .map(|c| if matches!(c, '/' | '\\') || c.is_control() { '-' } else { c })
        .take(120)
        .collect()
}

/// The title of an entry that has none: its key, unless that is only a number or a time. Then a note is
/// named by its first words, and any other text by its date.
pub(super) fn fallback_title(entry: &Entry, key: &str) -> String {
    // Numbers, ids and times: "20240305T090000Z".
    let figure = |c: char| c.is_ascii_hexdigit() || matches!(c, '-' | '_' | '.' | ':' | 'T' | 'Z');
    let number = key.chars().all(figure) && key.chars().any(|c| c.is_ascii_digit());
    let machine = number || key.contains('@') || key == "untitled";
    let is_note = entry.metadata.kind.as_deref() == Some("note") && !entry.text.trim().is_empty();
    match (machine, entry.metadata.date) {
        (false, _) => path::title_from_slug(key),
        (true, _) if is_note => first_words(&entry.text),
        (true, Some(date)) => date.to_string(),
        (true, None) => first_words(&entry.text),
    }
}

/// The first words of a text, as its title.
pub(super) fn first_words(text: &str) -> String {
    let mut bare = text.lines().map(markdown::strip_marks);
    let line = bare.find(|line| !line.is_empty()).unwrap_or_else(|| "Untitled".to_owned());
    let words: Vec<&str> = line.split_whitespace().collect();
    let more = if words.len() > 8 { "…" } else { "" };
    format!("{}{more}", words[..words.len().min(8)].join(" "))
}
