//! What a reader of an export gives back: many texts with their facts, before they are pieces.

use super::Pair;
use super::front::Facts;

/// One text of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// What the export calls it, the same in every export: a slug or a number.
    pub(super) key: String,
    pub(super) facts: Facts,
    /// Markdown.
    pub(super) text: String,
}

/// All texts of an export.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) entries: Vec<Entry>,
    /// The source of each is its key.
    pub(super) pairs: Vec<Pair>,
    /// What is wrong with the export, in sentences.
    pub(super) complaints: Vec<String>,
}

/// The entry's key as one part of a name, made of its title or day where it has none.
pub(super) fn key(entry: &Entry) -> String {
    let named = [Some(entry.key.as_str()), entry.facts.title.as_deref()];
    let day = entry.facts.date.map(|date| date.to_string());
    let name = named.into_iter().flatten().chain(day.as_deref()).map(str::trim);
    let name = name.filter(|name| !name.is_empty()).map(str::to_owned).next();
    name.unwrap_or_else(|| "untitled".to_owned())
        .chars()
        .map(|c| if matches!(c, '/' | '\\') || c.is_control() { '-' } else { c })
        .take(120)
        .collect()
}

/// The text, if it says anything.
pub(super) fn said(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}
