//! Zips: exports, zipped folders, and the documents of word processors that are zips.

use std::io::{Read, Seek};

use super::Importer;
use crate::archive::document::contents::DocumentContents;
use crate::archive::document::{docx, odt};
use crate::archive::sidecar::SidecarIndex;
use crate::archive::{epub, path, sniff, zip_reader};

/// Zips inside zips: exports pack a zip in a zip; deeper nesting is an attack.
const MAX_ZIP_DEPTH: usize = 2;

/// A document of a word processor that is a zip.
enum Document {
    Word,
    /// OpenDocument.
    Text,
    Pages,
}

impl Importer<'_> {
    /// Reads a part of a zip, within the budget.
    fn read_part(
        &mut self,
        zip: &mut zip_reader::Zip<impl Read + Seek>,
        name: &str,
    ) -> Option<Vec<u8>> {
        let bytes = zip.read_part(name, self.budget)?;
        self.budget -= bytes.len() as u64;
        Some(bytes)
    }

    /// The type of document in a zip, by its parts.
    fn document_kind(
        &mut self,
        zip: &mut zip_reader::Zip<impl Read + Seek>,
        is_called_document: bool,
    ) -> Option<Document> {
        let part_is = |bytes: Option<Vec<u8>>, is: fn(&[u8]) -> bool| bytes.is_some_and(|b| is(&b));
        if part_is(self.read_part(zip, "mimetype"), odt::is_odt_mimetype) {
            return Some(Document::Text);
        }
        if zip.has("Index/Document.iwa") {
            return Some(Document::Pages);
        }
        if zip.has("word/document.xml")
            || part_is(self.read_part(zip, "[Content_Types].xml"), docx::is_word_document)
        {
            return Some(Document::Word);
        }
        match is_called_document {
            true if zip.has("content.xml") => Some(Document::Text),
            true => Some(Document::Word),
            false => None,
        }
    }

    /// Keeps a document, which must have text.
    fn keep_office(&mut self, name: &str, inner_path: &str, contents: Option<DocumentContents>) {
        match contents {
            Some(contents) => self.keep_document(name, inner_path, contents),
            None => self.warn(name, "Skipped: no readable text in this document."),
        }
    }

    pub(super) fn import_zip(
        &mut self,
        name: &str,
        inner_path: &str,
        zip: impl Read + Seek,
        depth: usize,
    ) {
        let ending = path::extension(name);
        let is_called_document = sniff::is_document(&ending);
        let Some(mut zip) = zip_reader::Zip::open(zip) else {
            let called = if is_called_document { "document" } else { "zip" };
            return self
                .warn(name, format!("Skipped: not a valid {called}; it is broken or cut short."));
        };
        match self.document_kind(&mut zip, is_called_document) {
            Some(Document::Word) => {
                let contents = docx::read(|part| self.read_part(&mut zip, part));
                return self.keep_office(name, inner_path, contents);
            }
            Some(Document::Text) => {
                let manifest = self.read_part(&mut zip, "META-INF/manifest.xml");
                if manifest.is_some_and(|manifest| odt::is_encrypted(&manifest)) {
                    return self.warn(name, sniff::PROTECTED_TEXT);
                }
                let contents = odt::read(|part| self.read_part(&mut zip, part));
                return self.keep_office(name, inner_path, contents);
            }
            Some(Document::Pages) => return self.warn(name, sniff::PAGES),
            None => {}
        }
        if zip.has("META-INF/container.xml") {
            let budget = &mut self.budget;
            let book = epub::read(|part| {
                let bytes = zip.read_part(part, *budget)?;
                *budget -= bytes.len() as u64;
                Some(bytes)
            });
            return match book {
                Some(book) => self.keep_entries(name, book),
                None => self.warn(name, "Skipped: not a valid book; it is broken."),
            };
        }
        if depth >= MAX_ZIP_DEPTH {
            return self.warn(name, "Skipped: a zip inside a zip inside a zip.");
        }
        // The single top folder of a zip is what was zipped; its name is not a section.
        let within = if zip.is_one_folder() { "" } else { "zip/" };
        let before = (self.result.pieces.len(), self.result.warnings.len());
        let (count, more) = zip.count();
        let sidecars = self.sidecars_of(name, &mut zip, count);
        let mut importer = Importer {
            result: std::mem::take(&mut self.result),
            sidecars: &sidecars,
            budget: self.budget,
        };
        importer.import_members(name, within, &mut zip, count, depth);
        (self.result, self.budget) = (importer.result, importer.budget);
        if more {
            self.warn(name, "Too many files in this zip; the rest was not read.");
        }
        if before == (self.result.pieces.len(), self.result.warnings.len()) {
            self.warn(name, "Skipped: nothing in this zip can be read as text.");
        }
    }

    /// Reads the sidecars among the members of a zip.
    fn sidecars_of(
        &mut self,
        name: &str,
        zip: &mut zip_reader::Zip<impl Read + Seek>,
        count: usize,
    ) -> SidecarIndex {
        let mut sidecars = SidecarIndex::default();
        for index in 0..count {
            if let zip_reader::Member::File { name: member, bytes } =
                zip.member(index, self.budget, SidecarIndex::is_sidecar)
            {
                self.budget = self.budget.saturating_sub(bytes.len() as u64);
                sidecars.add(&format!("{name}/{member}"), &bytes);
            }
        }
        sidecars
    }

    fn import_members(
        &mut self,
        name: &str,
        within: &str,
        zip: &mut zip_reader::Zip<impl Read + Seek>,
        count: usize,
        depth: usize,
    ) {
        for index in 0..count {
            // Pictures are ignored without unpacking them.
            let wanted = |member: &str| {
                !path::is_app_file(&format!("{within}{member}"))
                    && (path::extension(member).is_empty() || sniff::is_writing_by_name(member))
            };
            match zip.member(index, self.budget, wanted) {
                zip_reader::Member::Ignored => {}
                zip_reader::Member::Skipped { name: member, reason } => {
                    // Only members that might have been writing.
                    let path = format!("{name}/{member}");
                    if reason == zip_reader::OUTSIDE || sniff::is_writing_by_name(&member) {
                        self.warn(&path, reason);
                    }
                }
                zip_reader::Member::File { name: member, bytes } => {
                    self.budget = self.budget.saturating_sub(bytes.len() as u64);
                    let inner_path = format!("{within}{member}");
                    self.import(&format!("{name}/{member}"), &inner_path, &bytes, depth + 1);
                }
            }
            if self.budget == 0 {
                return self.warn(
                    name,
                    "This zip unpacks to more than can be read at once; the rest was not read.",
                );
            }
        }
    }
}
