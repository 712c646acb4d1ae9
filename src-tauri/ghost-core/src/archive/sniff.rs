//! Detects the format of a file, by its content first and its name second.

use super::document::rtf;
use super::export::{self, Syntax};
use super::{decode, mail, path, zip_reader};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    /// A file that may hold many texts.
    Export(Syntax),
    Mail,
    Rtf,
    Org,
    Djot,
    Markdown,
    Html,
    PlainText,
    /// An OpenDocument text that is a single XML file.
    FlatOdt,
    /// Writing in a format that cannot be read: the format and what to do, in sentences.
    Unsupported(&'static str),
    /// Not writing.
    Other,
}

/// Detects the format of a file.
pub(super) fn format(name: &str, bytes: &[u8]) -> Format {
    let ending = path::extension(name);
    let ending = ending.as_str();
    if is_office(name) {
        return Format::Other;
    }
    if let Some(format) = unsupported(ending, bytes) {
        return format;
    }
    if rtf::is_rtf(bytes) || ending == "rtf" {
        return Format::Rtf;
    }
    if zip_reader::is_zip(bytes) || matches!(ending, "zip" | "epub") || is_document(ending) {
        return Format::Zip;
    }
    let head = head(bytes);
    // A template that a site generates its feed from.
    if head.starts_with("---\n") && matches!(ending, "xml" | "rss" | "atom" | "json") {
        return Format::Other;
    }
    if ending == "fodt" || head.contains("<office:document") {
        return Format::FlatOdt;
    }
    if is_xml(&head, ending) {
        return Format::Export(Syntax::Xml);
    }
    if ending == "json" || (matches!(ending, "" | "txt") && looks_json(&head)) {
        return Format::Export(Syntax::Json);
    }
    if matches!(ending, "" | "txt") && export::is_text_export(&head) {
        return Format::Export(Syntax::Text);
    }
    // Notion's tables list pages that are files themselves.
    let listed = path::has_export_id(name) || name.ends_with("_all.csv");
    if matches!(ending, "csv" | "tsv") && !listed {
        return Format::Export(Syntax::Csv);
    }
    let mail = matches!(ending, "mbox" | "eml" | "mht" | "mhtml" | "emlx");
    if mail || (matches!(ending, "" | "txt") && mail::looks_like_mail(&head)) {
        return Format::Mail;
    }
    let page = begins(&head, "<!doctype html") || begins(&head, "<html") || is_xhtml(&head);
    match ending {
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" if page => Format::Html,
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "txt" | "text" | "doc" | "" if page => Format::Html,
        "txt" | "text" if head.starts_with("---\n") => Format::Markdown,
        "txt" | "text" | "doc" => Format::PlainText,
        "" if head.starts_with("---\n") || head.starts_with("+++\n") => Format::Markdown,
        "org" => Format::Org,
        "dj" | "djot" => Format::Djot,
        _ => Format::Other,
    }
}

/// Returns true for the extensions of word processor documents that are zips.
pub(super) fn is_document(ending: &str) -> bool {
    matches!(ending, "docx" | "docm" | "dotx" | "dotm" | "odt" | "ott")
}

/// Writing in an unsupported format, with what to do.
fn unsupported(ending: &str, bytes: &[u8]) -> Option<Format> {
    let compound = bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    let sentences = match ending {
        "docx" | "docm" | "dotx" | "dotm" | ""
            if compound && holds_stream(bytes, "EncryptedPackage") =>
        {
            PROTECTED_WORD
        }
        "doc" | "dot" | "docx" | "" if compound && holds_stream(bytes, "WordDocument") => {
            "Skipped: old Word documents (.doc) cannot be read. Open it in Word or LibreOffice, save it as .docx and import that."
        }
        "doc" | "dot" | "docx" | "docm" | "wps" if compound => {
            "Skipped: documents of old word processors cannot be read. Open it in Word or LibreOffice, save it as .docx and import that."
        }
        "msg" if compound => {
            "Skipped: Outlook messages (.msg) cannot be read. Save it in Outlook as HTML or text, or drag it into a mail program that saves .eml, and import that."
        }
        "wps" | "wpd" | "wp" | "wp5" | "wp6" if compound || bytes.starts_with(b"\xffWPC") => {
            "Skipped: WordPerfect and Works documents cannot be read. Open it in LibreOffice, save it as .docx and import that."
        }
        "pages" => PAGES,
        "webarchive" => {
            "Skipped: Safari web archives cannot be read. Open it in Safari, save it as page source (.html) and import that."
        }
        _ => return None,
    };
    Some(Format::Unsupported(sentences))
}

/// The warning about a Pages document.
pub(super) const PAGES: &str = "Skipped: Pages documents cannot be read. In Pages, choose File, Export To, Word, and import the .docx.";
/// The warning about a document encrypted by Word.
const PROTECTED_WORD: &str = "Skipped: protected with a password. Open it in Word, remove the password (File, Info, Protect Document, Encrypt with Password), save it and import it again.";
/// The warning about a document encrypted by LibreOffice.
pub(super) const PROTECTED_TEXT: &str = "Skipped: protected with a password. Open it in LibreOffice, save it without a password (File, Save As) and import it again.";

/// Returns true if a compound file has a stream of this name, which is stored as UTF-16.
fn holds_stream(bytes: &[u8], name: &str) -> bool {
    let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.windows(wide.len()).any(|window| window == wide)
}

/// Returns true for zips that are not writing, by name.
pub(super) fn is_office(name: &str) -> bool {
    const OFFICE: [&str; 9] = ["xlsx", "pptx", "jar", "apk", "xpi", "ods", "odp", "key", "numbers"];
    OFFICE.contains(&path::extension(name).as_str())
}

/// Returns true if a file may be writing, by its name.
pub(super) fn is_writing_by_name(name: &str) -> bool {
    // Extensions that need the content to be recognised.
    const NAMED: [&str; 4] = ["dot", "wps", "wpd", "msg"];
    NAMED.contains(&path::extension(name).as_str()) || !matches!(format(name, b"-"), Format::Other)
}

/// The beginning of a file as text.
fn head(bytes: &[u8]) -> String {
    let head = decode::decode_text(&bytes[..bytes.len().min(4096)]).unwrap_or_default();
    head.trim_start_matches(['\u{feff}', ' ', '\n', '\t']).to_owned()
}

/// Returns true for an object or a list of objects, with which prose does not begin.
fn looks_json(head: &str) -> bool {
    let bare = head.trim_start_matches([' ', '\n', '\r', '\t', '[']);
    let key = |rest: &str| rest.trim_start().starts_with(['"', '}']);
    bare.strip_prefix('{').is_some_and(key)
}

fn begins(head: &str, mark: &str) -> bool {
    head.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark))
}

/// Returns true for a page that is declared as XML.
fn is_xhtml(head: &str) -> bool {
    let lower = head.to_ascii_lowercase();
    lower.starts_with("<?xml") && (lower.contains("<!doctype html") || lower.contains("<html"))
}

fn is_xml(head: &str, ending: &str) -> bool {
    const ROOTS: [&str; 4] = ["<rss", "<feed", "<rdf:rdf", "<en-export"];
    let root = ROOTS.iter().any(|root| begins(head, root));
    let named = matches!(ending, "xml" | "rss" | "atom" | "rdf" | "enex");
    const OTHERS: [&str; 7] = ["svg", "plist", "xsl", "opml", "scrivx", "opf", "ncx"];
    let xml = root || begins(head, "<?xml");
    (named && !is_xhtml(head)) || (xml && !is_xhtml(head) && !OTHERS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_documents_are_named_with_advice() {
        let compound = |stream: &str| {
            let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
            bytes.extend(stream.encode_utf16().flat_map(u16::to_le_bytes));
            bytes
        };
        for (name, bytes, part) in [
            ("a.docx", compound("EncryptedPackage"), "remove the password"),
            ("a", compound("EncryptedPackage"), "remove the password"),
            ("a.doc", compound("WordDocument"), "save it as .docx"),
            ("a.docx", compound("WordDocument"), "save it as .docx"),
            ("a.wps", compound("Contents"), "save it as .docx"),
            ("a.msg", compound("x"), "Outlook"),
            ("a.wpd", b"\xffWPC\x10".to_vec(), "LibreOffice"),
            ("a.pages", b"PK\x03\x04".to_vec(), "Export To, Word"),
        ] {
            let Format::Unsupported(sentences) = format(name, &bytes) else { panic!("{name}") };
            assert!(sentences.contains(part), "{name}: {sentences}");
        }
    }

    #[test]
    fn content_decides_over_a_document_extension() {
        for (name, bytes, expected) in [
            ("a.doc", b"{\\rtf1 It rained.}".as_slice(), Format::Rtf),
            ("a.doc", b"<html><body>It rained.</body></html>", Format::Html),
            ("a.doc", b"It rained all day.", Format::PlainText),
            ("a.doc", b"PK\x03\x04", Format::Zip),
            ("a.fodt", b"<?xml version=\"1.0\"?><office:document>", Format::FlatOdt),
            ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Other),
        ] {
            assert_eq!(format(name, bytes), expected, "{name}");
        }
    }
}
