//! Word documents (.docx): the parts of the zip that hold text, as Markdown.
//!
//! Tracked deletions stay deleted, tracked insertions are accepted. Parts are found by the document's
//! relationships, never by name.

mod body;
mod relations;
mod styles;

use std::collections::HashMap;
use std::io::Cursor;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::builder::MarkdownBuilder;
use super::contents::{Changes, DocumentContents};
use super::{reasons, rtf};
use crate::archive::metadata::Metadata;
use crate::archive::zip_reader::{self, Zip};
use crate::archive::{date, decode, html, mail, plain_text};
use body::BodyReader;
use relations::{links, relations, resolved, usual_path};
use styles::{StyleSheet, lists, styles};

/// Documents inserted inside documents.
const MAX_INSERTED: usize = 2;

/// Returns true if a zip with these content types is a Word document.
pub(in crate::archive) fn is_word_document(types: &[u8]) -> bool {
    let types = String::from_utf8_lossy(types);
    ["wordprocessingml.document.main", "wordprocessingml.template.main", "ms-word."]
        .iter()
        .any(|kind| types.contains(kind))
}

/// The path of the main document part.
fn main_part(part: &mut impl FnMut(&str) -> Option<Vec<u8>>) -> String {
    relations(part, "")
        .into_iter()
        .find(|relation| relation.kind == "officeDocument")
        .map_or_else(|| "word/document.xml".to_owned(), |relation| resolved("", &relation.target))
}

/// The text and metadata of a document. `part` returns the bytes of a part by name.
pub(in crate::archive) fn read(
    part: impl FnMut(&str) -> Option<Vec<u8>>,
) -> Option<DocumentContents> {
    read_within(part, 0)
}

/// Like [`read`], for a document that is inserted in `depth` others.
fn read_within(
    mut part: impl FnMut(&str) -> Option<Vec<u8>>,
    depth: usize,
) -> Option<DocumentContents> {
    let main = main_part(&mut part);
    let document = part(&main).and_then(|bytes| decode::decode_text(&bytes))?;
    let related = relations(&mut part, &main);
    let mut warnings = Vec::new();
    let metadata = match relations(&mut part, "").iter().find(|one| one.kind == "core-properties") {
        Some(relation) => part(&resolved("", &relation.target)),
        None => part("docProps/core.xml"),
    };
    let metadata =
        metadata.and_then(|bytes| decode::decode_text(&bytes)).map(|text| core_properties(&text));
    // Reads a part by its relationship; damaged packages keep the usual names.
    let mut xml = |kind: &str| {
        let path = related
            .iter()
            .find(|relation| relation.kind == kind && !relation.is_external)
            .map_or_else(|| usual_path(&main, kind), |relation| resolved(&main, &relation.target));
        let bytes = part(&path)?;
        Some((path, decode::decode_text(&bytes)?))
    };
    let style_sheet = StyleSheet {
        styles: xml("styles").map(|(_, text)| styles(&text)).unwrap_or_default(),
        lists: xml("numbering").map(|(_, text)| lists(&text)).unwrap_or_default(),
    };
    let notes: Vec<(String, String)> =
        ["footnotes", "endnotes"].into_iter().filter_map(&mut xml).collect();
    let comments = xml("comments");
    let mut texts = vec![(links(&related), document)];
    for (path, text) in notes {
        texts.push((links(&relations(&mut part, &path)), text));
    }
    let mut inserted = HashMap::new();
    for relation in related.iter().filter(|relation| relation.kind == "aFChunk") {
        let path = resolved(&main, &relation.target);
        if let Some(bytes) = part(&path) {
            inserted.insert(relation.id.clone(), chunk(&path, &bytes, depth));
        }
    }
    let mut builders = Vec::new();
    let mut changes: Option<Changes> = None;
    for before in [false, true] {
        if before && changes.is_none() {
            break;
        }
        let mut builder = MarkdownBuilder::default();
        for (links, text) in &texts {
            let mut body = BodyReader::new(&style_sheet, links, &inserted, builder, before);
            if !body.read(text) && !before {
                warnings.push(
                    "The document is broken; the text before the damage was kept.".to_owned(),
                );
            }
            changes = changes.or(body.changes);
            builder = body.builder;
        }
        builders.push(builder);
    }
    let (after, earlier) = {
        let mut builders = builders.into_iter();
        (builders.next()?, builders.next())
    };
    let mut contents =
        DocumentContents::of(metadata.unwrap_or_default(), after, earlier.zip(changes));
    // Comments, headers and diagrams are not part of the text.
    if let Some((_, text)) = comments {
        contents.omissions.add(reasons::COMMENTS, &plain_words(&text));
    }
    for relation in related.iter().filter(|relation| !relation.is_external) {
        let reason = match relation.kind.as_str() {
            "header" | "footer" => reasons::HEADERS,
            "diagramData" | "chart" | "chartEx" => reasons::DIAGRAMS,
            _ => continue,
        };
        let text =
            part(&resolved(&main, &relation.target)).and_then(|bytes| decode::decode_text(&bytes));
        contents.omissions.add(reason, &text.map(|text| plain_words(&text)).unwrap_or_default());
    }
    for chunk in inserted.values() {
        contents.omissions.merge(&chunk.omissions);
        warnings.extend(chunk.warnings.iter().cloned());
    }
    contents.warnings = warnings;
    Some(contents)
}

/// The text of a file that is inserted in a document.
fn chunk(path: &str, bytes: &[u8], depth: usize) -> DocumentContents {
    let unread = || DocumentContents {
        warnings: vec!["A file inserted in this document could not be read.".to_owned()],
        ..DocumentContents::default()
    };
    if rtf::is_rtf(bytes) {
        return rtf::read(bytes);
    }
    if zip_reader::is_zip(bytes) {
        let Some(mut zip) = Zip::open(Cursor::new(bytes)).filter(|_| depth < MAX_INSERTED) else {
            return unread();
        };
        let mut budget = zip_reader::MAX_MEMBER_BYTES;
        let inner = read_within(
            |name| {
                let bytes = zip.read_part(name, budget)?;
                budget = budget.saturating_sub(bytes.len() as u64);
                Some(bytes)
            },
            depth + 1,
        );
        return inner.unwrap_or_else(unread);
    }
    let ending = path.rsplit('.').next().unwrap_or_default().to_lowercase();
    if matches!(ending.as_str(), "mht" | "mhtml" | "eml") {
        let reading = mail::read(bytes);
        let texts: Vec<String> = reading.entries.iter().map(|entry| entry.text.clone()).collect();
        let mut contents =
            DocumentContents { text: texts.join("\n\n"), ..DocumentContents::default() };
        contents.omissions.merge(&reading.omissions);
        reading.entries.iter().for_each(|entry| contents.omissions.merge(&entry.omissions));
        return contents;
    }
    let Some(text) = decode::decode_text(bytes) else { return unread() };
    match ending.as_str() {
        "txt" => DocumentContents {
            text: plain_text::join_wrapped_lines(&text),
            ..DocumentContents::default()
        },
        _ => {
            let page = html::page(&text);
            DocumentContents {
                text: page.text,
                omissions: page.omissions,
                ..DocumentContents::default()
            }
        }
    }
}

/// All words of a part, one line for each paragraph.
fn plain_words(xml: &str) -> String {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let (mut text, mut in_text, mut copies) = (String::new(), false, 0usize);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if copies > 0 || tag.local_name().as_ref() == "Fallback" => {
                copies += 1;
            }
            Event::End(_) if copies > 0 => copies -= 1,
            _ if copies > 0 && !matches!(event, Event::Eof) => {}
            Event::Start(tag) => in_text = tag.local_name().as_ref() == "t",
            Event::Empty(tag) if matches!(tag.local_name().as_ref(), "tab" | "br" | "cr") => {
                text.push(' ');
            }
            Event::End(tag) => {
                in_text = false;
                if tag.local_name().as_ref() == "p" {
                    text.push('\n');
                }
            }
            Event::Text(fragment) if in_text => text.push_str(&html::decode_entities(&fragment)),
            Event::GeneralRef(name) if in_text => {
                text.push_str(&html::decode_entities(&format!("&{};", &*name)));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    text
}

fn core_properties(xml: &str) -> Metadata {
    let mut reader = Reader::from_str(xml);
    let mut metadata = Metadata::default();
    let mut element = String::new();
    let mut value = String::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) => {
                element = tag.local_name().as_ref().to_owned();
                value.clear();
            }
            Event::Text(text) => value.push_str(&text),
            Event::GeneralRef(name) => {
                value.push_str(&html::decode_entities(&format!("&{};", &*name)))
            }
            Event::End(_) => {
                match element.as_str() {
                    "title" if !value.trim().is_empty() => {
                        metadata.title = Some(value.trim().to_owned())
                    }
                    "created" => metadata.date = date::parse(&value),
                    _ => {}
                }
                element.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reads(body: &str, expected: &str) {
        let document = format!(
            "\u{feff}<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>"
        );
        let styles = "<w:styles><w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/></w:style><w:style w:styleId=\"Zitat\"><w:name w:val=\"Quote\"/></w:style></w:styles>";
        let rels = "<Relationships><Relationship Id=\"r1\" Type=\"x/hyperlink\" Target=\"http://a.b\"/></Relationships>";
        let text = read(|name| match name {
            "word/document.xml" => Some(document.clone().into_bytes()),
            "word/styles.xml" => Some(styles.into()),
            "word/_rels/document.xml.rels" => Some(rels.into()),
            _ => None,
        })
        .unwrap()
        .text;
        assert_eq!(text, expected, "{body}");
    }

    #[test]
    fn runs_become_words_and_paragraphs() {
        reads(
            "<w:p><w:r><w:t>Hel</w:t></w:r><w:r><w:t>lo &amp; &#233;</w:t></w:r></w:p><w:p><w:r><w:t>Two.</w:t></w:r></w:p>",
            "Hello & é\n\nTwo.",
        );
    }

    #[test]
    fn tracked_changes_are_accepted() {
        reads(
            "<w:p><w:r><w:t>a </w:t></w:r><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>",
            "a new",
        );
    }

    #[test]
    fn tracked_changes_give_both_states() {
        let document = "<w:document><w:body><w:p><w:r><w:t>a </w:t></w:r><w:del w:id=\"1\" w:date=\"2024-03-05T10:00:00Z\"><w:r><w:delText>old</w:delText></w:r></w:del>\
            <w:ins w:id=\"2\"><w:r><w:t>new</w:t></w:r></w:ins></w:p></w:body></w:document>";
        let contents = read(|name| (name == "word/document.xml").then(|| document.into())).unwrap();
        let before = contents.before.unwrap();
        assert_eq!((contents.text.as_str(), before.text.as_str()), ("a new", "a old"));
        assert_eq!(before.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(contents.omissions.words(), 1);
    }

    #[test]
    fn a_text_box_is_read_once() {
        reads(
            "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>Box.</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:t>Box.</w:t></mc:Fallback></mc:AlternateContent></w:r></w:p>",
            "Box.",
        );
    }

    #[test]
    fn styles_are_recognised_by_name_not_id() {
        reads(
            "<w:p><w:pPr><w:pStyle w:val=\"berschrift1\"/></w:pPr><w:r><w:t>Eins</w:t></w:r></w:p><w:p><w:pPr><w:pStyle w:val=\"Zitat\"/></w:pPr><w:r><w:t>Theirs.</w:t></w:r></w:p>",
            "# Eins\n\n> Theirs.",
        );
    }

    #[test]
    fn emphasis_links_and_lists() {
        reads(
            "<w:p><w:r><w:rPr><w:b/></w:rPr><w:t>bo</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>ld</w:t></w:r><w:r><w:rPr><w:b w:val=\"0\"/></w:rPr><w:t xml:space=\"preserve\"> not</w:t></w:r></w:p>",
            "**bold** not",
        );
        reads(
            "<w:p><w:hyperlink r:id=\"r1\"><w:r><w:t>see</w:t></w:r></w:hyperlink></w:p>",
            "[see](http://a.b)",
        );
        let item = |depth: usize, text: &str| {
            format!(
                "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"{depth}\"/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
            )
        };
        reads(&[item(0, "a"), item(1, "b"), item(0, "c")].concat(), "- a\n  - b\n- c");
    }

    /// A package of these parts and a main part with this body.
    fn package(body: &str, parts: &[(&str, &str)]) -> DocumentContents {
        let document = format!("<w:document><w:body>{body}</w:body></w:document>");
        read(|name| {
            let given = parts.iter().find(|(part, _)| *part == name);
            match (given, name) {
                (Some((_, text)), _) => Some(text.replace("BODY", &document).into_bytes()),
                (None, "word/document.xml") => Some(document.clone().into_bytes()),
                _ => None,
            }
        })
        .unwrap()
    }

    fn rel(id: &str, kind: &str, target: &str) -> String {
        format!("<Relationship Id=\"{id}\" Type=\"http://x/{kind}\" Target=\"{target}\"/>")
    }

    fn p(inner: &str) -> String {
        format!("<w:p><w:r>{inner}</w:r></w:p>")
    }

    fn styled(style: &str, text: &str) -> String {
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
        )
    }

    #[test]
    fn parts_are_found_by_relationships() {
        for target in ["/word/document2.xml", "word/document2.xml", "/odd/a/../main.xml"] {
            let path = resolved("", target);
            let (folder, file) = path.rsplit_once('/').unwrap();
            let list = [rel("a", "officeDocument", target)].concat();
            let notes = rel("n", "footnotes", "notes/f.xml");
            let contents = package(
                "",
                &[
                    ("_rels/.rels", &list),
                    (&path, &format!("<w:document>{}</w:document>", p("<w:t>The sill.</w:t>"))),
                    (&format!("{folder}/_rels/{file}.rels"), &notes),
                    (&format!("{folder}/notes/f.xml"), &p("<w:t>A note.</w:t>")),
                ],
            );
            assert_eq!(contents.text, "The sill.\n\nA note.", "{target}");
        }
    }

    #[test]
    fn a_style_needs_its_whole_name_or_a_known_base() {
        let style = |id: &str, name: &str, more: &str| {
            format!("<w:style w:styleId=\"{id}\"><w:name w:val=\"{name}\"/>{more}</w:style>")
        };
        let styles = [
            style("h", "Rubrik ett", "<w:basedOn w:val=\"h1\"/>"),
            style("h1", "heading 1", "<w:pPr><w:outlineLvl w:val=\"0\"/></w:pPr>"),
            style("o", "Hoofdstuk", "<w:pPr><w:outlineLvl w:val=\"1\"/></w:pPr>"),
            style(
                "b",
                "Kopftext",
                "<w:basedOn w:val=\"h1\"/><w:pPr><w:outlineLvl w:val=\"9\"/></w:pPr>",
            ),
            style("q", "My quote", "<w:basedOn w:val=\"iq\"/>"),
            style("iq", "Intense Quote", ""),
            style("head", "header", ""),
            style("toc", "Tocqueville", ""),
            style("toc1", "toc 1", ""),
            style("u", "Unquoted and uncoded", ""),
        ]
        .concat();
        for (id, expected, left) in [
            ("h", "# Words.", 0),
            ("o", "## Words.", 0),
            ("b", "Words.", 0),
            ("q", "> Words.", 0),
            ("head", "Words.", 0),
            ("Footer", "Words.", 0),
            ("toc", "Words.", 0),
            ("u", "Words.", 0),
            ("caption", "Words.", 0),
            ("toc1", "", 1),
        ] {
            let contents = package(&styled(id, "Words."), &[("word/styles.xml", &styles)]);
            assert_eq!(
                (contents.text.as_str(), contents.omissions.words()),
                (expected, left),
                "{id}"
            );
        }
    }

    #[test]
    fn a_deleted_paragraph_mark_joins_and_an_inserted_one_divides() {
        let mark = |change: &str, text: &str| {
            format!(
                "<w:p><w:pPr><w:rPr><w:{change} w:author=\"Ida\" w:date=\"2022-05-06T07:08:09Z\"/></w:rPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
            )
        };
        let body = [
            mark("del", "The lamp was lit"),
            p("<w:t xml:space=\"preserve\"> before seven.</w:t>"),
            mark("ins", "It rained."),
            p("<w:t>Nobody came.</w:t>"),
        ]
        .concat();
        let contents = package(&body, &[]);
        assert_eq!(contents.text, "The lamp was lit before seven.\n\nIt rained.\n\nNobody came.");
        let before = contents.before.unwrap();
        assert_eq!(before.text, "The lamp was lit\n\nbefore seven.\n\nIt rained.Nobody came.");
        assert_eq!(before.author.as_deref(), Some("Ida"));
    }

    #[test]
    fn changes_by_several_people_have_no_author() {
        let change = |who: &str| {
            format!(
                "<w:p><w:ins w:author=\"{who}\"><w:r><w:t>By {who}.</w:t></w:r></w:ins><w:r><w:t>So.</w:t></w:r></w:p>"
            )
        };
        let contents = package(&[change("Ida"), change("Per")].concat(), &[]);
        assert_eq!(contents.before.unwrap().author, None);
    }

    #[test]
    fn symbols_hyphens_and_tabs() {
        reads(
            &p(
                "<w:t>an e</w:t><w:noBreakHyphen/><w:t>mail co</w:t><w:softHyphen/><w:t>operative</w:t>",
            ),
            "an e\u{2011}mail cooperative",
        );
        reads(
            &p("<w:t>left</w:t><w:tab/><w:t>right</w:t><w:cr/><w:t>below</w:t>"),
            "left right\nbelow",
        );
        reads(
            &p(
                "<w:t>20</w:t><w:sym w:font=\"Symbol\" w:char=\"F0B0\"/><w:t xml:space=\"preserve\">C </w:t><w:sym w:font=\"Wingdings\" w:char=\"F0E0\"/><w:sym w:font=\"Nobody's\" w:char=\"F041\"/><w:sym w:font=\"Times\" w:char=\"00E9\"/>",
            ),
            "20°C →é",
        );
        reads(&p("<w:rPr><w:rFonts w:ascii=\"Wingdings\"/></w:rPr><w:t>J</w:t>"), "☺");
        reads(
            "<w:p><w:pPr><w:framePr w:dropCap=\"drop\"/></w:pPr><w:r><w:t>T</w:t></w:r></w:p><w:p><w:r><w:t>he sill.</w:t></w:r></w:p>",
            "The sill.",
        );
    }

    #[test]
    fn numbered_lists_and_lists_from_styles() {
        let numbering = "<w:numbering><w:abstractNum w:abstractNumId=\"7\"><w:lvl><w:numFmt w:val=\"decimal\"/></w:lvl><w:lvl><w:numFmt w:val=\"bullet\"/></w:lvl></w:abstractNum><w:num w:numId=\"3\"><w:abstractNumId w:val=\"7\"/></w:num></w:numbering>";
        let styles = "<w:style w:styleId=\"n\"><w:name w:val=\"List Number\"/><w:pPr><w:numPr><w:numId w:val=\"3\"/></w:numPr></w:pPr></w:style>";
        let deeper = "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"3\"/></w:numPr></w:pPr><w:r><w:t>b</w:t></w:r></w:p>";
        let body = [&styled("n", "a"), deeper, &styled("n", "c")].concat();
        let parts = [("word/numbering.xml", numbering), ("word/styles.xml", styles)];
        assert_eq!(package(&body, &parts).text, "1. a\n   - b\n2. c");
    }

    #[test]
    fn fields_give_their_result_and_links() {
        let code = |kind: &str| format!("<w:fldChar w:fldCharType=\"{kind}\"/>");
        let field = [
            code("begin"),
            "<w:instrText> HYPERLINK \"http://a.b\" </w:instrText>".to_owned(),
            code("separate"),
            "<w:t>there</w:t>".to_owned(),
            code("end"),
            "<w:t xml:space=\"preserve\"> and on</w:t>".to_owned(),
        ];
        reads(&p(&field.concat()), "[there](http://a.b) and on");
        // An unfinished instruction affects no other paragraph.
        reads(&[p(&code("begin")), p("<w:t>On.</w:t>")].concat(), "On.");
    }

    #[test]
    fn an_inserted_file_is_read_at_its_place() {
        let list: String = [("1", "a.html"), ("2", "b.txt"), ("3", "c.rtf"), ("4", "d.bin")]
            .iter()
            .map(|(id, target)| rel(id, "aFChunk", target))
            .collect();
        let body = (1..=4).map(|n| format!("<w:altChunk r:id=\"{n}\"/>")).collect::<String>();
        let body = [p("<w:t>First.</w:t>"), body, p("<w:t>Last.</w:t>")].concat();
        let contents = package(
            &body,
            &[
                ("word/_rels/document.xml.rels", &list),
                (
                    "word/a.html",
                    "<html><head><title>x</title></head><body><p>From <b>HTML</b>.</p></body></html>",
                ),
                ("word/b.txt", "From text."),
                ("word/c.rtf", "{\\rtf1 From rich text.}"),
                ("word/d.bin", "\u{1}\u{2}\u{3}\u{4}"),
            ],
        );
        assert_eq!(
            contents.text,
            "First.\n\nFrom **HTML**.\n\nFrom text.\n\nFrom rich text.\n\nLast."
        );
        assert_eq!(contents.warnings, ["A file inserted in this document could not be read."]);
    }

    #[test]
    fn a_truncated_document_keeps_the_text_before_the_cut() {
        let whole = "<w:document><w:body><w:p><w:r><w:t>One.</w:t></w:r></w:p><w:p><w:r><w:t>Two";
        let contents = read(|name| (name == "word/document.xml").then(|| whole.into())).unwrap();
        assert_eq!((contents.text.as_str(), contents.warnings.len()), ("One.\n\nTwo", 1));
    }

    #[test]
    fn every_word_of_a_document_is_kept_or_counted() {
        let list = [
            rel("c", "comments", "comments.xml"),
            rel("h", "header", "header1.xml"),
            rel("f", "footer", "footer1.xml"),
            rel("d", "diagramData", "diagrams/data1.xml"),
            rel("n", "endnotes", "endnotes.xml"),
        ]
        .concat();
        let run = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
        let body = [
            p("<w:t>one two</w:t>"),
            format!("<w:p>{}<w:r><w:rPr><w:vanish/></w:rPr><w:t xml:space=\"preserve\"> hidden words</w:t></w:r></w:p>", run("three")),
            format!("<w:p><w:del>{}</w:del></w:p><w:p><w:moveFrom>{}</w:moveFrom></w:p>", run("gone").replace("w:t>", "w:delText>"), run("moved")),
            format!("<w:p><w:ins>{}</w:ins><w:moveTo>{}</w:moveTo></w:p>", run("four"), run(" five")),
            format!("<w:p><w:r><w:ruby><w:rt>{}</w:rt><w:rubyBase>{}</w:rubyBase></w:ruby></w:r></w:p>", run("reading"), run("six")),
            format!("<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent><w:p>{}</w:p></w:sdtContent></w:sdt>", run("Click here")),
            format!("<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val=\"Table of Contents\"/></w:docPartObj></w:sdtPr><w:sdtContent><w:p>{}</w:p></w:sdtContent></w:sdt>", run("Contents entry")),
            format!("<w:p><m:oMath><m:r><m:t>seven</m:t></m:r></m:oMath><w:customXml><w:smartTag>{}</w:smartTag></w:customXml></w:p>", run(" eight")),
            format!("<w:tbl><w:tr><w:tc><w:p>{}</w:p></w:tc><w:tc><w:p>{}</w:p></w:tc></w:tr></w:tbl>", run("nine"), run("ten")),
            format!("<w:p><w:r><w:pict><v:textpath string=\"art\"/><w:txbxContent><w:p>{}</w:p></w:txbxContent></w:pict></w:r></w:p>", run("eleven")),
        ]
        .concat();
        let contents = package(
            &body,
            &[
                ("word/_rels/document.xml.rels", &list),
                ("word/comments.xml", &p("<w:t>so true</w:t>")),
                ("word/header1.xml", &p("<w:t>page head</w:t>")),
                ("word/footer1.xml", &p("<w:t>foot</w:t>")),
                ("word/diagrams/data1.xml", "<a:p><a:r><a:t>box</a:t></a:r></a:p>"),
                (
                    "word/endnotes.xml",
                    "<w:endnote w:type=\"separator\"><w:p/></w:endnote><w:endnote><w:p><w:r><w:t>twelve</w:t></w:r></w:p></w:endnote>",
                ),
            ],
        );
        let kept: Vec<&str> = crate::words::words(&contents.text).map(|(_, word)| word).collect();
        let all = "one two three four five six seven eight nine ten eleven twelve";
        let mut expected: Vec<&str> = all.split(' ').collect();
        assert_eq!(
            contents.omissions.words(),
            2 + 2 + 1 + 2 + 2 + 2 + 2 + 1 + 2,
            "{:?}",
            contents.omissions
        );
        let mut kept = kept;
        kept.sort_unstable();
        expected.sort_unstable();
        assert_eq!(kept, expected);
    }
}
