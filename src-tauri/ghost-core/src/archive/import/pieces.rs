//! Stores texts as pieces and revisions.

use std::collections::BTreeMap;

use super::Importer;
use crate::archive::document::contents::{DocumentContents, OriginalText};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::path::PathHints;
use crate::archive::piece::{Kind, Piece, Revision};
use crate::archive::sidecar::SidecarEntry;
use crate::archive::text::{one_line, trim_rules};
use crate::archive::{date, entry, markdown, path};
use crate::{normalize, words};

pub(super) const NO_TEXT: &str = "Skipped: no text.";
pub(super) const MOSTLY_SYMBOLS: &str = "Skipped: mostly symbols, not prose.";

/// The reason why a text does not become a piece, and its number of words.
pub(super) struct Rejection {
    pub(super) reason: &'static str,
    pub(super) words: usize,
}

impl Importer<'_> {
    /// Keeps a word processor's document, and its tracked changes as a revision.
    pub(super) fn keep_document(
        &mut self,
        name: &str,
        inner_path: &str,
        contents: DocumentContents,
    ) {
        let DocumentContents { metadata, text, before, omissions, warnings } = contents;
        let title = metadata.title.clone().unwrap_or_else(|| path::hints(inner_path).title);
        warnings.into_iter().for_each(|warning| self.warn(name, warning));
        let after = before.as_ref().map(|_| text.clone()).unwrap_or_default();
        self.keep(name, inner_path, metadata, None, text, omissions);
        if let Some(OriginalText { text: before, date, author }) = before {
            let source = name.to_owned();
            self.keep_revision(Revision { source, title, author, date, before, after });
        }
    }

    /// Keeps the text of a file. `heading` is a title outside the text; `omissions` counts the words of
    /// the file that are not in the text.
    pub(super) fn keep(
        &mut self,
        name: &str,
        inner_path: &str,
        mut metadata: Metadata,
        heading: Option<String>,
        text: String,
        mut omissions: Omissions,
    ) {
        match self.sidecars.entry(name) {
            Some(SidecarEntry { skipped: Some(reason), .. }) => {
                let words = words::count(&text) + omissions.words();
                return self.warn_about(name, *reason, words);
            }
            Some(known) => {
                omissions.merge(&known.omissions);
                metadata = known.metadata.clone().or(metadata);
            }
            None => {}
        }
        self.warn_of_omissions(name, &omissions);
        if let Err(rejection) =
            self.make_piece(name, path::hints(inner_path), metadata, heading, text)
        {
            // The words in place of a text were reported.
            if rejection.reason == NO_TEXT && omissions.words() > 0 {
                return;
            }
            return self.warn_about(name, rejection.reason, rejection.words);
        }
        if let Some(known) = self.sidecars.entry(name) {
            self.keep_earlier_states(&known.earlier);
        }
    }

    /// Keeps the earlier states of the last piece as revisions, each to the next.
    fn keep_earlier_states(&mut self, earlier: &BTreeMap<String, String>) {
        let Some(piece) = self.result.pieces.last() else { return };
        let states: Vec<(&str, &str)> = earlier
            .iter()
            .map(|(time, text)| (time.as_str(), text.as_str()))
            .chain([("", piece.text.as_str())])
            .collect();
        let changed = states.windows(2).filter(|two| two[0].1 != two[1].1 && !two[0].1.is_empty());
        let revisions: Vec<Revision> = changed
            .map(|two| Revision {
                source: format!("{}/{}", piece.source, two[0].0),
                title: piece.title.clone(),
                author: piece.author.clone(),
                date: date::parse(two[0].0),
                before: two[0].1.to_owned(),
                after: two[1].1.to_owned(),
            })
            .collect();
        revisions.into_iter().for_each(|revision| self.keep_revision(revision));
    }

    /// Keeps a revision in stored form, unless only its form differs.
    pub(super) fn keep_revision(&mut self, revision: Revision) {
        let [before, after] = [revision.before, revision.after].map(normalize::owned);
        if before != after {
            self.result.revisions.push(Revision {
                title: one_line(revision.title),
                before,
                after,
                ..revision
            });
        }
    }

    /// Makes a piece of a text.
    pub(super) fn make_piece(
        &mut self,
        name: &str,
        hints: PathHints,
        mut metadata: Metadata,
        heading: Option<String>,
        text: String,
    ) -> Result<(), Rejection> {
        let text = normalize::owned(text);
        let heading = heading.map(one_line);
        metadata.title = metadata.title.map(one_line);
        metadata.author = metadata.author.map(one_line);
        if markdown::is_mostly_symbols(&text) {
            return Err(Rejection { reason: MOSTLY_SYMBOLS, words: words::count(&text) });
        }
        let (found, text) = split_title(metadata.title.as_deref().or(heading.as_deref()), text);
        if words::count(&text) == 0 {
            let words = found.as_deref().map_or(0, words::count);
            return Err(Rejection { reason: NO_TEXT, words });
        }
        // A file whose name is only a number is titled by its date or its first words.
        let fallback = match metadata.date.or(hints.date) {
            _ if hints.title.contains(char::is_alphabetic) => hints.title.clone(),
            Some(date) => date.to_string(),
            None => entry::first_words(&text),
        };
        let non_prose_spans = markdown::non_prose_spans(&text);
        self.result.pieces.push(Piece {
            source: name.to_owned(),
            kind: piece_kind(&metadata, &hints),
            title: metadata.title.or(heading).or(found).unwrap_or(fallback),
            // Only the name before the @ is kept, not the whole address.
            author: metadata
                .author
                .map(|name| name.split('@').next().unwrap_or_default().to_owned()),
            date: metadata.date.or(hints.date),
            unfinished: metadata.unfinished || hints.unfinished,
            words: markdown::own_words(&text, &non_prose_spans),
            text,
            non_prose_spans,
        });
        Ok(())
    }
}

/// The kind that the metadata names takes precedence over the path. A theme's `type` and `layout` are
/// "post" for everything, so they count only if the path names no section.
fn piece_kind(metadata: &Metadata, hints: &PathHints) -> Kind {
    if let Some(word) = metadata.kind.as_deref().filter(|word| word.split_whitespace().count() <= 3)
    {
        return path::kind_of_word(word);
    }
    const KNOWN: [&str; 8] =
        ["note", "essay", "story", "poem", "letter", "review", "book report", "newsletter"];
    metadata
        .hints
        .iter()
        .map(|word| path::kind_of_word(word))
        .find(|kind| match kind {
            Kind::Log => true,
            Kind::Post => false,
            Kind::Other(name) => !hints.sectioned && KNOWN.contains(&name.as_str()),
        })
        .unwrap_or_else(|| hints.kind.clone())
}

/// Removes the heading that repeats the title, or that is the title if none is known.
fn split_title(title: Option<&str>, text: String) -> (Option<String>, String) {
    let text = trim_rules(&text).to_owned();
    let Some((heading, range)) = markdown::heading(&text) else { return (None, text) };
    let same = |title: &str| {
        let letters = |text: &str| {
            text.chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect::<String>()
        };
        letters(title) == letters(&heading)
    };
    if title.is_some_and(|title| !same(title)) {
        return (None, text);
    }
    let (before, after) =
        (text[..range.start].trim_end(), text[range.end..].trim_start_matches('\n'));
    let gap = if before.is_empty() { "" } else { "\n\n" };
    (Some(heading), trim_rules(&format!("{before}{gap}{after}")).to_owned())
}
