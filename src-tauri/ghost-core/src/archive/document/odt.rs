//! OpenDocument texts, zipped (.odt) and flat (.fodt), as Markdown.
//!
//! Tracked deletions stay deleted, tracked insertions are accepted.

mod body;
mod changes;
mod styles;

use std::collections::HashMap;

use quick_xml::events::Event;

use super::contents::DocumentContents;
use super::reasons;
use super::xml_events::{attribute, is_within, reader};
use crate::archive::metadata::Metadata;
use crate::archive::{date, decode, html};
use body::{BodyReader, is_paragraph};
use changes::TrackedChanges;
use styles::StyleSheet;

/// Formulas of one document.
const MAX_FORMULAS: usize = 10_000;

/// Returns true if the part `mimetype` is that of a text.
pub(in crate::archive) fn is_odt_mimetype(mimetype: &[u8]) -> bool {
    mimetype.starts_with(b"application/vnd.oasis.opendocument.text")
}

/// Returns true if the manifest says that the parts are encrypted.
pub(in crate::archive) fn is_encrypted(manifest: &[u8]) -> bool {
    String::from_utf8_lossy(manifest).contains("encryption-data")
}

/// The text and metadata of a document. `part` returns the bytes of a part by name.
pub(in crate::archive) fn read(
    mut part: impl FnMut(&str) -> Option<Vec<u8>>,
) -> Option<DocumentContents> {
    let mut xml = |name: &str| part(name).and_then(|bytes| decode::decode_text(&bytes));
    let content = xml("content.xml")?;
    let styles = xml("styles.xml").unwrap_or_default();
    let meta = xml("meta.xml").unwrap_or_default();
    let formulas = formulas(&content, &mut xml);
    Some(read_parts(&content, &styles, &meta, &formulas))
}

/// The contents of a document that is a single XML file.
pub(in crate::archive) fn read_flat(xml: &str) -> DocumentContents {
    read_parts(xml, xml, xml, &HashMap::new())
}

/// The text of each formula, which is a document of its own, by its folder.
fn formulas(
    content: &str,
    xml: &mut impl FnMut(&str) -> Option<String>,
) -> HashMap<String, String> {
    let mut reader = reader(content);
    let mut formulas = HashMap::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "object" => {
                let Some(folder) = attribute(&tag, "href") else { continue };
                if formulas.len() >= MAX_FORMULAS {
                    break;
                }
                let part = format!("{}/content.xml", folder.trim_start_matches("./"));
                let text = xml(&part).map(|xml| formula(&xml)).unwrap_or_default();
                formulas.insert(folder, text);
            }
            _ => {}
        }
    }
    formulas
}

/// The symbols of a formula in MathML.
fn formula(xml: &str) -> String {
    let mut reader = reader(xml);
    let (mut text, mut is_sign) = (String::new(), false);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(tag) => {
                is_sign = matches!(tag.local_name().as_ref(), "mi" | "mn" | "mo" | "mtext");
            }
            Event::End(_) => is_sign = false,
            Event::Text(sign) if is_sign => text.push_str(&html::decode_entities(&sign)),
            Event::GeneralRef(name) if is_sign => {
                text.push_str(&html::decode_entities(&format!("&{};", &*name)));
            }
            _ => {}
        }
    }
    text
}

fn read_parts(
    content: &str,
    styles: &str,
    meta: &str,
    formulas: &HashMap<String, String>,
) -> DocumentContents {
    let mut style_sheet = StyleSheet::default();
    style_sheet.take(styles);
    if styles.as_ptr() != content.as_ptr() {
        style_sheet.take(content);
    }
    let tracked = TrackedChanges::of(content);
    let is_changed = !tracked.changes.is_empty();
    let mut is_whole = true;
    let mut build = |before: bool| {
        let mut body = BodyReader::new(&style_sheet, &tracked, formulas, before);
        is_whole &= body.read(content, 0);
        if !before {
            tracked.changes.values().flatten().for_each(|deleted| {
                body.builder.skip(reasons::DELETED, &plain_words(deleted, |_| true));
            });
            // A flat document is one file; the body reader meets its headers.
            if styles.as_ptr() != content.as_ptr() {
                let mut depth = 0usize;
                let headers =
                    plain_words(styles, |event| is_within(event, "master-styles", &mut depth));
                body.builder.skip(reasons::HEADERS, &headers);
            }
        }
        body.builder
    };
    let after = build(false);
    let before = is_changed.then(|| (build(true), tracked.by.clone()));
    let mut contents = DocumentContents::of(metadata(meta), after, before);
    if !is_whole {
        contents
            .warnings
            .push("The document is broken; the text before the damage was kept.".to_owned());
    }
    contents
}

/// The words of the paragraphs for which `wanted` returns true, one line each.
fn plain_words(xml: &str, mut wanted: impl FnMut(&Event) -> bool) -> String {
    let mut reader = reader(xml);
    let (mut text, mut paragraphs) = (String::new(), 0usize);
    while let Ok(event) = reader.read_event() {
        if matches!(event, Event::Eof) {
            break;
        }
        if !wanted(&event) {
            continue;
        }
        match event {
            Event::Start(tag) if is_paragraph(tag.local_name().as_ref()) => paragraphs += 1,
            Event::End(tag) if is_paragraph(tag.local_name().as_ref()) => {
                paragraphs = paragraphs.saturating_sub(1);
                text.push('\n');
            }
            Event::Empty(tag) if matches!(tag.local_name().as_ref(), "s" | "tab") => text.push(' '),
            Event::Text(fragment) if paragraphs > 0 => {
                text.push_str(&html::decode_entities(&fragment))
            }
            Event::GeneralRef(name) if paragraphs > 0 => {
                text.push_str(&html::decode_entities(&format!("&{};", &*name)));
            }
            _ => {}
        }
    }
    text
}

fn metadata(xml: &str) -> Metadata {
    let mut reader = reader(xml);
    let mut metadata = Metadata::default();
    let (mut value, mut in_meta) = (String::new(), 0usize);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            event if !is_within(&event, "meta", &mut in_meta) => {}
            Event::Start(_) => value.clear(),
            Event::Text(text) => value.push_str(&text),
            Event::GeneralRef(name) => {
                value.push_str(&html::decode_entities(&format!("&{};", &*name)))
            }
            Event::End(tag) => match tag.local_name().as_ref() {
                "title" if !value.trim().is_empty() => {
                    metadata.title = Some(value.trim().to_owned())
                }
                "creation-date" => metadata.date = date::parse(&value),
                _ => {}
            },
            _ => {}
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn document(body: &str) -> DocumentContents {
        let content = format!(
            "<office:document-content><office:automatic-styles>\
             <style:style style:name=\"T1\" style:family=\"text\"><style:text-properties fo:font-weight=\"bold\"/></style:style>\
             <style:style style:name=\"T2\" style:family=\"text\"><style:text-properties text:display=\"none\"/></style:style>\
             <style:style style:name=\"P1\" style:family=\"paragraph\" style:parent-style-name=\"Quotations\"/>\
             <text:list-style style:name=\"L1\"><text:list-level-style-number text:level=\"1\" style:num-format=\"1\"/><text:list-level-style-bullet text:level=\"2\"/></text:list-style>\
             </office:automatic-styles><office:body><office:text>{body}</office:text></office:body></office:document-content>"
        );
        let styles = "<office:document-styles><office:styles><style:style style:name=\"Quotations\"/></office:styles>\
            <office:master-styles><style:master-page><style:header><text:p>Page head</text:p></style:header></style:master-page></office:master-styles></office:document-styles>";
        let meta = "<office:document-meta><office:meta><dc:title>The sill</dc:title><meta:creation-date>2024-03-05T10:00:00</meta:creation-date></office:meta></office:document-meta>";
        read(|name| match name {
            "content.xml" => Some(content.clone().into_bytes()),
            "styles.xml" => Some(styles.into()),
            "meta.xml" => Some(meta.into()),
            _ => None,
        })
        .unwrap()
    }

    #[track_caller]
    fn reads(body: &str, expected: &str) {
        assert_eq!(document(body).text, expected, "{body}");
    }

    #[test]
    fn paragraphs_headings_and_runs() {
        let contents = document(
            "<text:h text:outline-level=\"2\">Up</text:h><text:p>A <text:span text:style-name=\"T1\">bold</text:span>\n<text:s text:c=\"3\"/>word<text:tab/>&amp;<text:line-break/>a <text:a xlink:href=\"http://a.b\">link</text:a>.</text:p>",
        );
        assert_eq!(contents.text, "## Up\n\nA **bold** word &\na [link](http://a.b).");
        assert_eq!(contents.metadata.title.as_deref(), Some("The sill"));
        assert_eq!(contents.metadata.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(
            contents.omissions.sentence().unwrap(),
            "Left out 2 words in page headers and footers."
        );
        reads("<text:p text:style-name=\"P1\">Theirs.</text:p>", "> Theirs.");
        reads(
            "<text:p text:style-name=\"Preformatted_20_Text\">let it</text:p>",
            "```\nlet it\n```",
        );
    }

    #[test]
    fn lists_tables_boxes_and_notes() {
        let item = |inner: &str| format!("<text:list-item>{inner}</text:list-item>");
        reads(
            &format!(
                "<text:list text:style-name=\"L1\">{}{}</text:list><text:p>On.</text:p>",
                item(&format!(
                    "<text:p>a</text:p><text:list>{}</text:list>",
                    item("<text:p>b</text:p>")
                )),
                item("<text:p>c</text:p>")
            ),
            "1. a\n   - b\n2. c\n\nOn.",
        );
        reads(
            "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:h>b</text:h></table:table-cell></table:table-row></table:table><text:p>On.</text:p>",
            "| a | b |\n| --- | --- |\n\nOn.",
        );
        reads(
            "<text:p>Text<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p></text:note-body></text:note> continues.</text:p><text:p><draw:frame><draw:text-box><text:p>Box.</text:p></draw:text-box><svg:desc>a picture</svg:desc></draw:frame>Beside it.</text:p>",
            "Text continues.\n\nBox.\n\nBeside it.\n\nA note.",
        );
    }

    #[test]
    fn tracked_changes_give_both_states() {
        let info = "<office:change-info><dc:creator>Ida</dc:creator><dc:date>2022-05-06T07:08:09</dc:date></office:change-info>";
        let body = format!(
            "<text:tracked-changes>\
             <text:changed-region text:id=\"c1\"><text:insertion>{info}</text:insertion></text:changed-region>\
             <text:changed-region text:id=\"c2\"><text:deletion>{info}<text:p>old</text:p></text:deletion></text:changed-region>\
             <text:changed-region text:id=\"c3\"><text:deletion>{info}<text:p> left early.</text:p><text:p>Nobody</text:p></text:deletion></text:changed-region>\
             <text:changed-region text:id=\"c4\"><text:insertion>{info}</text:insertion></text:changed-region>\
             </text:tracked-changes>\
             <text:p>An <text:change text:change-id=\"c2\"/><text:change-start text:change-id=\"c1\"/>new<text:change-end text:change-id=\"c1\"/> lamp.</text:p>\
             <text:p>They<text:change text:change-id=\"c3\"/> waved.</text:p>\
             <text:p>It rained.<text:change-start text:change-id=\"c4\"/></text:p><text:p><text:change-end text:change-id=\"c4\"/> It stopped.</text:p>"
        );
        let contents = document(&body);
        assert_eq!(contents.text, "An new lamp.\n\nThey waved.\n\nIt rained.\n\nIt stopped.");
        let before = contents.before.unwrap();
        assert_eq!(
            before.text,
            "An old lamp.\n\nThey left early.\n\nNobody waved.\n\nIt rained. It stopped."
        );
        assert_eq!(before.author.as_deref(), Some("Ida"));
        assert_eq!(before.date.unwrap().to_string(), "2022-05-06");
        assert_eq!(contents.omissions.words(), 4 + 2);
    }

    #[test]
    fn every_word_of_a_document_is_kept_or_counted() {
        let contents = document(
            "<text:p>one <text:span text:style-name=\"T2\">hidden words</text:span> two\
             <office:annotation><dc:creator>Per Holm</dc:creator><text:p>so true</text:p></office:annotation></text:p>\
             <text:table-of-content><text:table-of-content-source><text:index-title-template>Contents</text:index-title-template></text:table-of-content-source><text:index-body><text:p>Up 1</text:p></text:index-body></text:table-of-content>\
             <text:p><text:ruby><text:ruby-base>three</text:ruby-base><text:ruby-text>reading</text:ruby-text></text:ruby></text:p>\
             <text:section text:display=\"none\"><text:p>not shown</text:p></text:section><text:section><text:p>four</text:p></text:section>\
             <text:p><text:placeholder>&lt;Name&gt;</text:placeholder> five on <text:date>5 May</text:date></text:p>",
        );
        assert_eq!(contents.text, "one two\n\nthree\n\nfour\n\nfive on 5 May");
        assert_eq!(
            contents.omissions.sentence().unwrap(),
            "Left out 12 words: 4 of hidden text, 2 in comments, 2 in page headers and footers, 2 of a table of contents, 1 in readings above characters, 1 of placeholders."
        );
    }

    #[test]
    fn formulas_are_read_from_their_parts() {
        let contents = read(|name| {
            match name {
            "content.xml" => Some("<office:document-content><office:body><office:text><text:p>So <draw:frame><draw:object xlink:href=\"./Object 1\"/></draw:frame> it is.</text:p></office:text></office:body></office:document-content>".into()),
            "Object 1/content.xml" => Some("<math><semantics><mrow><mi>E</mi><mo>=</mo><mi>m</mi></mrow><annotation>E = m</annotation></semantics></math>".into()),
            _ => None,
        }
        });
        assert_eq!(contents.unwrap().text, "So E=m it is.");
    }

    #[test]
    fn flat_and_zipped_documents_read_the_same() {
        let contents = read_flat(
            "<?xml version=\"1.0\"?><office:document><office:meta><dc:title>The sill</dc:title></office:meta><office:master-styles><style:header><text:p>Page head</text:p></style:header></office:master-styles><office:body><office:text><text:p>One.</text:p></office:text></office:body></office:document>",
        );
        assert_eq!((contents.text.as_str(), contents.omissions.words()), ("One.", 2));
        assert_eq!(contents.metadata.title.as_deref(), Some("The sill"));
    }

    #[test]
    fn a_truncated_document_causes_a_warning() {
        let whole = "<office:document><office:body><office:text><text:list><text:list-item><text:p>One <text:span>two</text:span></text:p></text:list-item></text:list></office:text></office:body></office:document>";
        for at in 0..whole.len() {
            let contents = read_flat(&whole[..at]);
            assert!(at == 0 || !contents.warnings.is_empty(), "{at}");
        }
    }
}
