//! Books (EPUB): the chapters in the order they are read.

use std::collections::HashMap;

use super::entry::{Entry, Reading, said};
use super::front::Facts;
use super::xml::records;
use super::{date, decode, html};

/// Chapters of one book.
const MOST: usize = 2000;

/// Reads a book; `part` gives the bytes of a file in it by name. `None` where it is none.
pub(super) fn read(mut part: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<Reading> {
    let mut text = |name: &str| part(name).and_then(|bytes| decode::text(&bytes));
    let mut root = None;
    records(&text("META-INF/container.xml")?, &["rootfile"], |node| {
        root = root.take().or_else(|| node.attribute("full-path").map(str::to_owned));
    })
    .ok()?;
    let root = root?;
    let folder = root.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut reading = Reading::default();
    if text("META-INF/encryption.xml").is_some_and(|locks| locks.contains("html")) {
        reading
            .complaints
            .push("It is locked against copying, so it could not be read.".to_owned());
        return Some(reading);
    }
    let package = text(&root)?;
    let mut facts = Facts { kind: Some("chapter".to_owned()), ..Facts::default() };
    let mut files: HashMap<String, String> = HashMap::new();
    let mut order: Vec<String> = Vec::new();
    let ended = records(
        &package,
        &["metadata", "opf:metadata", "item", "opf:item", "itemref", "opf:itemref"],
        |node| {
            let says = |key: &str| node.attribute(key).map(str::to_owned);
            match node.name.trim_start_matches("opf:") {
                "metadata" => {
                    facts.author = node.says("dc:creator").and_then(said);
                    facts.date = node.says("dc:date").and_then(date::spelled);
                }
                "item" => {
                    let nav = says("properties")
                        .is_some_and(|all| all.split(' ').any(|one| one == "nav"));
                    let page = says("media-type").is_some_and(|sort| sort.contains("html"));
                    if let (Some(id), Some(href), true) = (says("id"), says("href"), page && !nav) {
                        files.insert(id, href);
                    }
                }
                _ => {
                    order.extend(says("idref").filter(|_| says("linear").as_deref() != Some("no")))
                }
            }
        },
    );
    reading.complaints.extend(ended.err());
    for id in order.into_iter().take(MOST) {
        let Some(href) = files.remove(&id) else { continue };
        let Some(page) = text(&format!("{folder}{}", unescaped(&href))) else {
            reading.complaints.push(format!("The chapter {href} is missing or broken."));
            continue;
        };
        if is_furniture(&href, &page) {
            continue;
        }
        let page = html::page(&page);
        // A title alone is a title page.
        if crate::words::count(&page.text) < 30 {
            continue;
        }
        let title = first_heading(&page.text).or(page.title);
        reading.entries.push(Entry {
            key: href,
            facts: Facts { title, ..facts.clone() },
            text: page.text,
            ..Entry::default()
        });
    }
    Some(reading)
}

/// The chapter's own heading; the page's title is the book's.
fn first_heading(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.is_empty())?;
    line.starts_with('#').then(|| said(line.trim_start_matches('#'))).flatten()
}

fn is_furniture(href: &str, page: &str) -> bool {
    const NAMES: [&str; 8] =
        ["cover", "toc", "nav", "titlepage", "title_page", "copyright", "colophon", "imprint"];
    const SORTS: [&str; 6] = ["titlepage", "copyright-page", "toc", "cover", "colophon", "imprint"];
    let file = href.rsplit('/').next().unwrap_or(href).to_lowercase();
    let stem = file.split('.').next().unwrap_or(&file);
    let body = page.find("<body").map_or("", |at| &page[at..page.floor_char_boundary(at + 2000)]);
    NAMES.contains(&stem)
        || SORTS.iter().any(|sort| body.contains(&format!("epub:type=\"{sort}\"")))
        || page.contains("pg-header")
        || page.contains("pg-footer") && crate::words::count(&html::fragment(page)) < 30
}

/// An address without its percent signs.
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
    fn chapters_in_their_order_without_the_furniture() {
        let chapter = |n: usize| {
            format!(
                "<html><head><title>The book</title></head><body><h2>Part {n}</h2><p>{}</p></body></html>",
                "So it went on. ".repeat(12)
            )
        };
        let reading = read(|name| {
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
            reading.entries.iter().map(|e| e.facts.title.clone().unwrap()).collect();
        assert_eq!(titles, ["Part 2", "Part 1"]);
        assert_eq!(reading.entries[0].facts.author.as_deref(), Some("Jo Hill"));
        assert!(reading.complaints.is_empty());
    }
}
