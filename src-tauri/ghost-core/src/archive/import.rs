//! Imports one file, zip or member of a folder: detects the format, calls its reader and keeps the pieces.

mod pieces;
mod text_file;
mod zip_file;

use std::collections::HashMap;
use std::io::{Cursor, Read, Seek};

use super::document::{odt, rtf};
use super::entry::{self, ExportContents};
use super::export::{self, Syntax};
use super::limits::{MAX_EXPORT_BYTES, MAX_TEXT_BYTES};
use super::omissions::Omissions;
use super::piece::{ImportResult, ImportWarning, Piece, Revision};
use super::sidecar::SidecarIndex;
use super::sniff::{self, Format};
use super::{decode, mail, path, zip_reader};
use pieces::{NO_TEXT, Rejection};

/// Reads one file. `name` is its path with `/` between the parts, starting with the file or folder that was
/// imported. Files that are not writing (pictures, layouts, licences) are ignored without a warning.
pub fn read(name: &str, bytes: &[u8]) -> (Vec<Piece>, Vec<ImportWarning>) {
    let result = read_with(name, bytes, &SidecarIndex::default());
    (result.pieces, result.warnings)
}

/// Reads one file of a folder, with the metadata that the folder's other files give it.
pub fn read_with(name: &str, bytes: &[u8], sidecars: &SidecarIndex) -> ImportResult {
    let mut importer = Importer::new(sidecars);
    importer.import(name, name, bytes, 0);
    importer.result
}

/// Returns true if a file that begins with `head` is a zip. Zips need not be read into memory.
pub fn is_zip(head: &[u8]) -> bool {
    zip_reader::is_zip(head)
}

/// Reads a zip of any size, one member at a time; otherwise like [`read_with`].
pub fn read_zip(name: &str, zip: impl Read + Seek, sidecars: &SidecarIndex) -> ImportResult {
    let mut importer = Importer::new(sidecars);
    if !path::is_app_file(name) && !sniff::is_office(name) {
        importer.import_zip(name, name, zip, 0);
    }
    importer.result
}

const TOO_LARGE_AT_ONCE: &str = "Skipped: too large to read at once.";
const TOO_LARGE_BLOG: &str =
    "Skipped: too large to read at once. Most blogs can be exported in parts.";
const TOO_LARGE_TEXT: &str = "Skipped: too large for a text.";
const NOT_TEXT: &str = "Skipped: the file does not look like text.";

/// One import in progress.
struct Importer<'a> {
    result: ImportResult,
    sidecars: &'a SidecarIndex,
    /// Bytes that may still be unpacked from zips.
    budget: u64,
}

impl<'a> Importer<'a> {
    fn new(sidecars: &'a SidecarIndex) -> Importer<'a> {
        Importer { result: ImportResult::default(), sidecars, budget: zip_reader::MAX_TOTAL_BYTES }
    }

    fn warn(&mut self, path: &str, reason: impl Into<String>) {
        self.warn_about(path, reason, 0);
    }

    /// Warns about a text that was not kept; `words` is its length.
    fn warn_about(&mut self, path: &str, reason: impl Into<String>, words: usize) {
        let mut reason = reason.into();
        if words > 0 {
            let unit = if words == 1 { "word" } else { "words" };
            reason = format!("{reason} Left out: {words} {unit}.");
        }
        self.result.warnings.push(ImportWarning { path: path.to_owned(), reason, words });
    }

    /// Warns about the words that were left out of a file of which the rest was kept.
    fn warn_of_omissions(&mut self, path: &str, omissions: &Omissions) {
        if let Some(reason) = omissions.sentence() {
            let words = omissions.words();
            self.result.warnings.push(ImportWarning { path: path.to_owned(), reason, words });
        }
    }

    /// Imports one file. `inner_path` is its path without the zips it came in, which says what sort of
    /// writing it is.
    fn import(&mut self, name: &str, inner_path: &str, bytes: &[u8], depth: usize) {
        if path::is_app_file(inner_path) {
            return;
        }
        // A file imported by itself was chosen by the writer, so an unknown format is worth a warning.
        let chosen = depth == 0 && !name.contains('/');
        let too_large = |max: usize| bytes.len() > max;
        match sniff::format(name, bytes) {
            Format::Other => {}
            _ if bytes.is_empty() => self.warn(name, "Skipped: the file is empty."),
            Format::Unsupported(reason) => self.warn(name, reason),
            Format::Zip => self.import_zip(name, inner_path, Cursor::new(bytes), depth),
            Format::Export(Syntax::Xml) if too_large(MAX_EXPORT_BYTES) => {
                self.warn(name, TOO_LARGE_BLOG);
            }
            Format::Export(_) | Format::Mail if too_large(MAX_EXPORT_BYTES) => {
                self.warn(name, TOO_LARGE_AT_ONCE);
            }
            Format::Export(syntax) => {
                let is_wanted = match syntax {
                    Syntax::Xml => depth == 0,
                    Syntax::Csv => chosen && !SidecarIndex::is_sidecar(name),
                    Syntax::Json | Syntax::Text => chosen,
                };
                self.import_export(name, bytes, syntax, is_wanted);
            }
            Format::Mail => self.keep_entries(name, mail::read(bytes)),
            Format::Rtf | Format::FlatOdt if too_large(4 * MAX_TEXT_BYTES) => {
                self.warn(name, TOO_LARGE_TEXT);
            }
            Format::Rtf if !rtf::is_rtf(bytes) => {
                self.warn(name, "Skipped: the file ends in .rtf, but it is not rich text.");
            }
            Format::Rtf => self.keep_document(name, inner_path, rtf::read(bytes)),
            Format::FlatOdt => match decode::decode_text(bytes) {
                Some(text) => self.keep_document(name, inner_path, odt::read_flat(&text)),
                None => self.warn(name, NOT_TEXT),
            },
            _ if too_large(MAX_TEXT_BYTES) => self.warn(name, TOO_LARGE_TEXT),
            format => self.import_text(name, inner_path, bytes, format),
        }
    }

    /// Imports a file that holds many texts. An unknown format causes a warning only if the file
    /// `is_wanted`.
    fn import_export(&mut self, name: &str, bytes: &[u8], syntax: Syntax, is_wanted: bool) {
        let Some(text) = decode::decode_large(bytes) else {
            return self.warn(name, NOT_TEXT);
        };
        match export::read(syntax, &text) {
            Some(contents) => self.keep_entries(name, contents),
            None if is_wanted => self.warn(name, "Skipped: unrecognised export or feed format."),
            None => {}
        }
    }

    /// Makes a piece of every text of an export.
    fn keep_entries(&mut self, name: &str, contents: ExportContents) {
        let (mut empty, mut kept) = (0, 0);
        let mut omissions = contents.omissions;
        let mut keys = HashMap::<String, usize>::new();
        for entry in contents.entries {
            let key = entry::source_key(&entry);
            let uses = keys.entry(key.clone()).or_default();
            *uses += 1;
            let source = match *uses {
                1 => format!("{name}/{key}"),
                nth => format!("{name}/{key} ({nth})"),
            };
            let hints = path::without_path(entry::fallback_title(&entry, &key));
            omissions.merge(&entry.omissions);
            match self.make_piece(&source, hints, entry.metadata, None, entry.text) {
                Ok(()) => kept += 1,
                Err(Rejection { reason: NO_TEXT, .. }) => empty += 1,
                Err(Rejection { reason, words }) => self.warn_about(&source, reason, words),
            }
        }
        self.warn_of_omissions(name, &omissions);
        for revision in contents.revisions {
            let source = format!("{name}/{}", revision.source);
            self.keep_revision(Revision { source, ..revision });
        }
        for warning in &contents.warnings {
            self.warn(name, warning.clone());
        }
        match (empty, kept) {
            (0, 0) if contents.warnings.is_empty() && omissions.words() == 0 => {
                self.warn(name, "No texts found in this file.");
            }
            (0, _) => {}
            (1, _) => self.warn(name, "Skipped 1 empty text."),
            _ => self.warn(name, format!("Skipped {empty} empty texts.")),
        }
    }
}

#[cfg(test)]
mod tests;
