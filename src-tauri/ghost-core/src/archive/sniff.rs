//! How a file is read: by what is in it, and only then by what it is called.

use super::{decode, mail, movable, place, rtf, zipped};

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    Xml,
    Json,
    Table,
    /// The text export of Movable Type.
    Movable,
    Mail,
    Rich,
    Org,
    Djot,
    Markdown,
    Html,
    Plain,
    /// Writing in a format that is not read, called so.
    Unread(&'static str),
    /// No writing.
    Other,
}

/// How this file is read.
pub(super) fn format(name: &str, bytes: &[u8]) -> Format {
    let ending = place::ending(name);
    let ending = ending.as_str();
    if is_office(name) {
        return Format::Other;
    }
    match ending {
        "odt" => return Format::Unread("an OpenDocument text"),
        "webarchive" => return Format::Unread("a web archive of Safari"),
        "pages" => return Format::Unread("a Pages document"),
        "doc" if bytes.starts_with(b"\xd0\xcf\x11\xe0") => {
            return Format::Unread("an old Word document");
        }
        _ => {}
    }
    if rtf::looks_rich(bytes) || ending == "rtf" {
        return Format::Rich;
    }
    if zipped::looks_zipped(bytes) || matches!(ending, "zip" | "docx" | "epub") {
        return Format::Zip;
    }
    let head = head(bytes);
    // A template that a site makes its feed of.
    if head.starts_with("---\n") && matches!(ending, "xml" | "rss" | "atom" | "json") {
        return Format::Other;
    }
    if is_xml(&head, ending) {
        return Format::Xml;
    }
    if ending == "json" || (matches!(ending, "" | "txt") && looks_json(&head)) {
        return Format::Json;
    }
    if matches!(ending, "" | "txt") && movable::looks_exported(&head) {
        return Format::Movable;
    }
    // Notion's tables list pages that are there themselves.
    let listed = place::has_id(name) || name.ends_with("_all.csv");
    if matches!(ending, "csv" | "tsv") && !listed {
        return Format::Table;
    }
    let mail = matches!(ending, "mbox" | "eml" | "mht" | "mhtml" | "emlx");
    if mail || (matches!(ending, "" | "txt") && mail::looks_mailed(&head)) {
        return Format::Mail;
    }
    let page = begins(&head, "<!doctype html") || begins(&head, "<html") || is_xhtml(&head);
    match ending {
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" if page => Format::Html,
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "txt" | "text" | "" if page => Format::Html,
        "txt" | "text" if head.starts_with("---\n") => Format::Markdown,
        "txt" | "text" => Format::Plain,
        "" if head.starts_with("---\n") || head.starts_with("+++\n") => Format::Markdown,
        "org" => Format::Org,
        "dj" | "djot" => Format::Djot,
        _ => Format::Other,
    }
}

/// Whether a file of this name is a zip of something else than writing.
pub(super) fn is_office(name: &str) -> bool {
    const OFFICE: [&str; 9] = ["xlsx", "pptx", "jar", "apk", "xpi", "ods", "odp", "key", "numbers"];
    OFFICE.contains(&place::ending(name).as_str())
}

/// Whether a name alone says that there is writing in it.
pub(super) fn is_writing_by_name(name: &str) -> bool {
    !matches!(format(name, b"-"), Format::Other)
}

/// The beginning of a file as text.
fn head(bytes: &[u8]) -> String {
    let head = decode::text(&bytes[..bytes.len().min(4096)]).unwrap_or_default();
    head.trim_start_matches(['\u{feff}', ' ', '\n', '\t']).to_owned()
}

/// An object, or a list of objects: no prose begins so.
fn looks_json(head: &str) -> bool {
    let bare = head.trim_start_matches([' ', '\n', '\r', '\t', '[']);
    let key = |rest: &str| rest.trim_start().starts_with(['"', '}']);
    bare.strip_prefix('{').is_some_and(key)
}

fn begins(head: &str, mark: &str) -> bool {
    head.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark))
}

/// A page that says it is XML.
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
