//! Exports: files that hold many texts.
//!
//! One table lists every reader. A new format is one file below this one and one line in [`READERS`].

mod csv_table;
mod day_one;
mod evernote;
mod feed;
mod ghost_cms;
mod google_keep;
mod movable_type;
mod roam;
mod standard_notes;
mod wordpress;

use serde_json::Value;

use super::entry::ExportContents;
use super::json;

/// A reader of one product's exports.
struct Reader {
    /// The product or format, as its users call it.
    name: &'static str,
    /// Returns true if a file that begins like this is probably one of these exports. A JSON reader is
    /// asked only about files that cannot be parsed; otherwise the shape of the values decides.
    sniff: fn(head: &str) -> bool,
    read: Read,
}

/// A reader's function, by the syntax it reads. `None` means that the export is of another product.
enum Read {
    Xml(fn(&str) -> ExportContents),
    Json(fn(&Value) -> Option<ExportContents>),
    Csv(fn(&str) -> Option<ExportContents>),
    Text(fn(&str) -> Option<ExportContents>),
}

/// All readers. Of several that accept a file, the first one reads it.
const READERS: [Reader; 11] = [
    Reader { name: "WordPress", sniff: wordpress::sniff, read: Read::Xml(wordpress::read) },
    Reader { name: "Evernote", sniff: evernote::sniff, read: Read::Xml(evernote::read) },
    Reader { name: "RSS or Atom", sniff: feed::sniff_xml, read: Read::Xml(feed::read_xml) },
    Reader { name: "Ghost", sniff: ghost_cms::sniff, read: Read::Json(ghost_cms::read) },
    Reader { name: "Day One", sniff: day_one::sniff, read: Read::Json(day_one::read) },
    Reader { name: "JSON Feed", sniff: feed::sniff_json, read: Read::Json(feed::read_json) },
    Reader { name: "Google Keep", sniff: google_keep::sniff, read: Read::Json(google_keep::read) },
    Reader { name: "Roam Research", sniff: roam::sniff, read: Read::Json(roam::read) },
    Reader {
        name: "Standard Notes",
        sniff: standard_notes::sniff,
        read: Read::Json(standard_notes::read),
    },
    Reader {
        name: "Movable Type",
        sniff: movable_type::sniff,
        read: Read::Text(movable_type::read),
    },
    Reader { name: "CSV table", sniff: |_| true, read: Read::Csv(csv_table::read) },
];

/// Bytes of a file that are enough to recognise its format.
const HEAD_BYTES: usize = 16 << 10;

/// The syntax of an export file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Xml,
    Json,
    Csv,
    /// A format of plain lines.
    Text,
}

/// Returns true if a plain text file that begins like this is an export.
pub(super) fn is_text_export(head: &str) -> bool {
    READERS.iter().any(|reader| matches!(reader.read, Read::Text(_)) && (reader.sniff)(head))
}

/// Reads an export; `None` if no reader recognises it.
pub(super) fn read(syntax: Syntax, text: &str) -> Option<ExportContents> {
    let head = &text[..text.floor_char_boundary(HEAD_BYTES)];
    match syntax {
        Syntax::Xml => read_xml(text, head),
        Syntax::Json => read_json(text, head),
        Syntax::Csv => READERS.iter().find_map(|reader| match reader.read {
            Read::Csv(read) => read(text),
            _ => None,
        }),
        Syntax::Text => READERS.iter().find_map(|reader| match reader.read {
            Read::Text(read) => read(text),
            _ => None,
        }),
    }
}

/// Reads XML by its root and namespaces. An entity that a document defines is never expanded and nothing
/// outside the document is fetched; a document that defines entities is refused.
fn read_xml(xml: &str, head: &str) -> Option<ExportContents> {
    if head.contains("<!ENTITY") {
        return Some(ExportContents::refused(
            "Skipped: the file defines XML entities, which can be used to attack a reader.",
        ));
    }
    READERS.iter().find_map(|reader| match reader.read {
        Read::Xml(read) if (reader.sniff)(head) => Some(read(xml)),
        _ => None,
    })
}

/// Reads JSON by the shape of its values.
fn read_json(text: &str, head: &str) -> Option<ExportContents> {
    if json::is_too_large(text) {
        return Some(ExportContents::refused("Skipped: too large to read at once."));
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        let is_json = |reader: &&Reader| matches!(reader.read, Read::Json(_));
        let meant = READERS.iter().filter(is_json).find(|reader| (reader.sniff)(head))?;
        return Some(ExportContents::refused(format!(
            "Skipped: this {} export is broken or cut short. Export it again.",
            meant.name
        )));
    };
    READERS.iter().find_map(|reader| match reader.read {
        Read::Json(read) => read(&value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn warning(syntax: Syntax, text: &str) -> String {
        read(syntax, text).unwrap().warnings.remove(0)
    }

    #[test]
    fn every_reader_has_its_own_name() {
        for (at, reader) in READERS.iter().enumerate() {
            let before = &READERS[..at];
            assert!(before.iter().all(|other| other.name != reader.name), "{}", reader.name);
        }
    }

    #[test]
    fn a_broken_json_export_is_named_by_its_product() {
        for (text, name) in [
            ("{\"posts\": [", "Ghost"),
            ("{\"entries\": [", "Day One"),
            ("{\"version\": \"https://jsonfeed.org/version/1.1\"", "JSON Feed"),
            ("{\"textContent\": \"It rai", "Google Keep"),
            ("{\"items\": [{\"content_type\": \"Note\"", "Standard Notes"),
        ] {
            let warning = warning(Syntax::Json, text);
            assert!(warning.contains(name), "{text}: {warning}");
        }
        assert!(read(Syntax::Json, "{\"a\": [").is_none());
    }

    #[test]
    fn xml_that_defines_entities_is_refused() {
        let xml = "<!DOCTYPE a [<!ENTITY b \"c\">]><rss><item/></rss>";
        assert!(warning(Syntax::Xml, xml).contains("entities"));
        assert!(read(Syntax::Xml, "<svg/>").is_none());
    }
}
