//! Books (EPUB): the chapters in reading order.

use std::collections::HashMap;

use super::entry::{Entry, ExportContents};
use super::metadata::Metadata;
use super::text::non_empty;
use super::xml::read_records;
use super::{date, decode, html};
use crate::words;

/// Chapters that are read of one book.
const MAX_CHAPTERS: usize = 2000;
/// Words of a cover, a title page or a table of contents; a longer page is a chapter.
const MAX_FRONT_MATTER: usize = 1000;

/// Reads a book; `part` returns the bytes of a file in it by name. `None` if it is not a book.
pub(super) fn read(mut part: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<ExportContents> {
    let mut text = |name: &str| part(name).and_then(|bytes| decode::decode_text(&bytes));
    let mut root = None;
    read_records(&text("META-INF/container.xml")?, &["rootfile"], |node| {
        root = root.take().or_else(|| node.attribute("full-path").map(str::to_owned));
    })
    .ok()?;
    let root = root?;
    let folder = root.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut contents = ExportContents::default();
    if text("META-INF/encryption.xml").is_some_and(|locks| locks.contains("html")) {
        contents.warnings.push("Skipped: the book is protected against copying (DRM).".to_owned());
        return Some(contents);
    }
    let package = text(&root)?;
    let mut title = None;
    let mut metadata = Metadata { kind: Some("chapter".to_owned()), ..Metadata::default() };
    // Each file by id; true for the table of contents.
    let mut files: HashMap<String, (String, bool)> = HashMap::new();
    let mut listed: Vec<String> = Vec::new();
    let mut order: Vec<String> = Vec::new();
    let ended = read_records(
        &package,
        &["metadata", "opf:metadata", "item", "opf:item", "itemref", "opf:itemref"],
        |node| {
            let attribute = |key: &str| node.attribute(key).map(str::to_owned);
            match node.name.trim_start_matches("opf:") {
                "metadata" => {
                    title = node.child_text("dc:title").and_then(non_empty);
                    metadata.author = node.child_text("dc:creator").and_then(non_empty);
                    metadata.date = node.child_text("dc:date").and_then(date::parse);
                }
                "item" => {
                    let is_toc = attribute("properties")
                        .is_some_and(|all| all.split(' ').any(|one| one == "nav"));
                    let page = attribute("media-type")
                        .is_some_and(|sort| sort.contains("html") || sort.contains("oeb1"));
                    if let (Some(id), Some(href), true) = (attribute("id"), attribute("href"), page)
                    {
                        listed.push(id.clone());
                        files.insert(id, (href, is_toc));
                    }
                }
                _ => order.extend(attribute("idref")),
            }
        },
    );
    contents.warnings.extend(ended.err());
    // A book without a reading order is read in the order of its files.
    let order = if order.is_empty() { listed } else { order };
    for id in order.into_iter().take(MAX_CHAPTERS) {
        let Some((href, is_toc)) = files.remove(&id) else { continue };
        let page = match text(&within(&folder, &unescaped(&href))) {
            Some(page) => page,
            None if is_toc => continue,
            None => {
                contents.warnings.push(format!("The chapter {href} is missing or broken."));
                continue;
            }
        };
        let front_matter_kind =
            if is_toc { Some("of navigation") } else { front_matter_kind(&href, &page) };
        let page = html::whole_page(&page);
        let names = [title.as_deref(), metadata.author.as_deref(), Some("by")];
        let front_matter_kind = front_matter_kind
            .or_else(|| only_names(&page.text, &names).then_some("on the title page"));
        contents.omissions.merge(&page.omissions);
        match front_matter_kind.filter(|_| words::count(&page.text) < MAX_FRONT_MATTER) {
            Some(what) => contents.omissions.add(what, &page.text),
            // A page that is only a picture.
            None if page.text.is_empty() => {}
            None => {
                let title = first_heading(&page.text).or(page.title);
                contents.entries.push(Entry {
                    key: href,
                    metadata: Metadata { title, ..metadata.clone() },
                    text: page.text,
                    ..Entry::default()
                });
            }
        }
    }
    Some(contents)
}

/// The path of `href` relative to `folder`.
fn within(folder: &str, href: &str) -> String {
    if let Some(from_root) = href.strip_prefix('/') {
        return from_root.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(href.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns true if a page contains only the names of the book and its author.
fn only_names(text: &str, names: &[Option<&str>]) -> bool {
    let known: Vec<&str> =
        names.iter().flatten().flat_map(|name| words::words(name)).map(|(_, word)| word).collect();
    let mut found = words::words(text).map(|(_, word)| word).peekable();
    found.peek().is_some()
        && found.all(|word| known.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// The chapter's own heading; the page's title is that of the book.
fn first_heading(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.is_empty())?;
    line.starts_with('#').then(|| non_empty(line.trim_start_matches('#'))).flatten()
}

/// The kind of a page that is not a chapter.
fn front_matter_kind(href: &str, page: &str) -> Option<&'static str> {
    const FRONT_MATTER: [(&str, &[&str]); 4] = [
        ("of navigation", &["toc", "nav", "landmarks", "loi", "lot"]),
        ("on the cover", &["cover"]),
        ("on the title page", &["titlepage", "title_page", "title", "halftitlepage"]),
        ("in the imprint", &["copyright", "copyright-page", "colophon", "imprint"]),
    ];
    let file = href.rsplit('/').next().unwrap_or(href).to_lowercase();
    let stem = file.split('.').next().unwrap_or(&file);
    let body = page.find("<body").map_or("", |at| &page[at..page.floor_char_boundary(at + 2000)]);
    let attribute = |name: &&str| {
        let marks = [format!("epub:type=\"{name}\""), format!("role=\"doc-{name}\"")];
        stem == *name || marks.iter().any(|mark| body.contains(mark.as_str()))
    };
    FRONT_MATTER.iter().find(|(_, names)| names.iter().any(&attribute)).map(|(what, _)| *what)
}

/// Decodes the percent codes of an address.
fn unescaped(href: &str) -> String {
    let href = href.split('#').next().unwrap_or(href);
    let mut out = Vec::with_capacity(href.len());
    let bytes = href.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn chapters_in_reading_order_without_front_matter() {
        let chapter = |n: usize| {
            format!(
                "<html><head><title>The book</title></head><body><h2>Part {n}</h2><p>{}</p></body></html>",
                "So it went on. ".repeat(12)
            )
        };
        let contents = read(|name| {
            Some(match name {
                "META-INF/container.xml" => "<container><rootfiles><rootfile full-path=\"OEBPS/a.opf\"/></rootfiles></container>".into(),
                "OEBPS/a.opf" => "<package><metadata><dc:title>The book</dc:title><dc:creator>Jo Hill</dc:creator><dc:date>2024-03-05</dc:date></metadata>\
                    <manifest><item id=\"1\" href=\"one%20a.xhtml\" media-type=\"application/xhtml+xml\"/><item id=\"2\" href=\"two.xhtml\" media-type=\"application/xhtml+xml\"/>\
                    <item id=\"n\" href=\"nav.xhtml\" properties=\"nav\" media-type=\"application/xhtml+xml\"/><item id=\"p\" href=\"p.jpg\" media-type=\"image/jpeg\"/></manifest>\
                    <spine><itemref idref=\"n\"/><itemref idref=\"2\"/><itemref idref=\"1\"/><itemref idref=\"9\"/></spine></package>".into(),
                "OEBPS/one a.xhtml" => chapter(1).into_bytes(),
                "OEBPS/two.xhtml" => chapter(2).into_bytes(),
                _ => return None,
            })
        }).unwrap();
        let titles: Vec<_> =
            contents.entries.iter().map(|e| e.metadata.title.clone().unwrap()).collect();
        assert_eq!(titles, ["Part 2", "Part 1"]);
        assert_eq!(contents.entries[0].metadata.author.as_deref(), Some("Jo Hill"));
        assert!(contents.warnings.is_empty());
    }

    /// A book of these files, each named in the manifest and in the spine.
    fn book(files: &[(&str, &str)], spine: &str) -> ExportContents {
        let items: String = files
            .iter()
            .enumerate()
            .map(|(n, (href, _))| {
                format!("<item id=\"i{n}\" href=\"{href}\" media-type=\"application/xhtml+xml\"/>")
            })
            .collect();
        let refs: String = spine.chars().map(|n| format!("<itemref idref=\"i{n}\"/>")).collect();
        let package = format!(
            "<package><metadata/><manifest>{items}</manifest><spine>{refs}</spine></package>"
        );
        read(|name| {
            let page = match name {
                "META-INF/container.xml" => return Some("<container><rootfiles><rootfile full-path=\"o/a.opf\"/></rootfiles></container>".into()),
                "o/a.opf" => return Some(package.clone().into_bytes()),
                name => files.iter().find(|(href, _)| within("o", &unescaped(href)) == name)?.1,
            };
            (!page.is_empty()).then(|| format!("\u{feff}<?xml version=\"1.0\"?><html><head><title/></head><body>{page}</body></html>").into_bytes())
        })
        .unwrap()
    }

    fn texts(contents: &ExportContents) -> Vec<&str> {
        contents.entries.iter().map(|entry| entry.text.as_str()).collect()
    }

    #[test]
    fn a_short_chapter_with_entities_is_kept() {
        let contents = book(
            &[("a.xhtml", "<p>It&nbsp;rained&hellip;</p>"), ("b%20b.xhtml", "<p>Then not.</p>")],
            "10",
        );
        assert_eq!(texts(&contents), ["Then not.", "It\u{a0}rained…"]);
        assert!(contents.warnings.is_empty());
    }

    #[test]
    fn a_missing_chapter_causes_a_warning() {
        let contents = book(
            &[("a.xhtml", "<p>One.</p>"), ("gone.xhtml", ""), ("../c.xhtml", "<p>Three.</p>")],
            "012",
        );
        assert_eq!(texts(&contents), ["One.", "Three."]);
        assert_eq!(contents.warnings, ["The chapter gone.xhtml is missing or broken."]);
    }

    #[test]
    fn a_book_in_one_file_is_kept() {
        let contents = book(
            &[(
                "a.xhtml",
                "<div id='pg-header'>A notice of four</div><h2>One</h2><p>It rained.</p><div><p>It snowed.</p></div><aside>It hailed.</aside>",
            )],
            "0",
        );
        assert_eq!(texts(&contents), ["## One\n\nIt rained.\n\nIt snowed.\n\nIt hailed."]);
        assert_eq!(
            contents.omissions.sentence().as_deref(),
            Some("Left out 4 words in the publisher's notice.")
        );
    }

    #[test]
    fn front_matter_of_a_book_is_counted() {
        let contents = book(
            &[
                ("cover.xhtml", "<p>A cover</p>"),
                ("toc.xhtml", "<nav><a href='a.xhtml'>One</a></nav>"),
                ("copyright.xhtml", "<p>All rights reserved</p>"),
                ("a.xhtml", "<p>It rained.<span epub:type='pagebreak'>7</span></p>"),
            ],
            "0123",
        );
        assert_eq!(texts(&contents), ["It rained."]);
        assert_eq!(
            contents.omissions.sentence().as_deref(),
            Some(
                "Left out 7 words: 3 in the imprint, 2 on the cover, 1 in page numbers, 1 of navigation."
            )
        );
    }

    #[test]
    fn a_book_without_a_spine_is_read_in_file_order() {
        assert_eq!(
            texts(&book(&[("b.xhtml", "<p>One.</p>"), ("a.xhtml", "<p>Two.</p>")], "")),
            ["One.", "Two."]
        );
    }
}
