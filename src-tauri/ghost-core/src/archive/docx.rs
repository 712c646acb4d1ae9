//! Word documents: the parts of the zip that hold words, as Markdown by way of HTML.
//!
//! What its writer deleted with changes tracked stays deleted, what they inserted is taken.

use std::collections::HashMap;

use quick_xml::XmlVersion;
use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use jiff::civil::Date;

use super::dropped::Dropped;
use super::front::Facts;
use super::{date, decode, html};

/// What a document holds.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) facts: Facts,
    /// Markdown, with all tracked changes taken.
    pub(super) text: String,
    /// Markdown as it was before the tracked changes, if there are any, and the day of the first.
    pub(super) before: Option<(String, Option<Date>)>,
    /// The words of the document that are not in `text`.
    pub(super) dropped: Dropped,
}

/// The words of a document, and what it says about itself. `part` gives the bytes of a part by
/// its name.
pub(super) fn read(mut part: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<Words> {
    let mut xml = |name: &str| part(name).and_then(|bytes| decode::text(&bytes));
    let document = xml("word/document.xml")?;
    let styles = xml("word/styles.xml").map(|text| styles(&text)).unwrap_or_default();
    let facts = xml("docProps/core.xml").map(|text| facts(&text)).unwrap_or_default();
    let changed = change(&document);
    let (mut page, mut older) = (String::new(), String::new());
    for (name, text) in [
        ("document", Some(document)),
        ("footnotes", xml("word/footnotes.xml")),
        ("endnotes", xml("word/endnotes.xml")),
    ] {
        let Some(text) = text else { continue };
        let links = xml(&format!("word/_rels/{name}.xml.rels"))
            .map(|text| links(&text))
            .unwrap_or_default();
        page.push_str(&body(&text, &styles, &links, false)?);
        if changed.is_some() {
            older.push_str(&body(&text, &styles, &links, true)?);
        }
    }
    let text = html::fragment(&page);
    let before = changed
        .map(|day| (html::fragment(&older), day))
        .filter(|(before, _)| !before.is_empty() && *before != text);
    Some(Words { facts, text, before, dropped: Dropped::default() })
}

/// The HTML of a part, as it was before its tracked changes or as it is after them.
fn body(
    xml: &str,
    styles: &HashMap<String, String>,
    links: &HashMap<String, String>,
    before: bool,
) -> Option<String> {
    let mut body = Body {
        styles,
        links,
        html: String::new(),
        open: Vec::new(),
        lists: 0,
        bold: false,
        italic: false,
        in_text: false,
        before,
    };
    body.read(xml)?;
    Some(body.html)
}

/// Whether a part has tracked changes, and the day of the first.
fn change(xml: &str) -> Option<Option<Date>> {
    let at = ["<w:ins ", "<w:del "].iter().filter_map(|tag| xml.find(tag)).min()?;
    let tag = &xml[at..xml.floor_char_boundary(at + 400)];
    let tag = tag.split('>').next().unwrap_or(tag);
    let day = tag.split("w:date=\"").nth(1).and_then(date::spelled);
    Some(day)
}

fn attribute(tag: &BytesStart, wanted: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// The name of each paragraph style, in lower case, by its id, which is in Word's own language.
fn styles(xml: &str) -> HashMap<String, String> {
    let mut reader = Reader::from_str(xml);
    let mut styles = HashMap::new();
    let mut id = None;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if tag.local_name().as_ref() == "style" => {
                id = attribute(&tag, "styleId")
            }
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "name" => {
                if let (Some(id), Some(name)) = (id.take(), attribute(&tag, "val")) {
                    styles.insert(id, name.to_lowercase());
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    styles
}

/// The address of each link, by its id.
fn links(xml: &str) -> HashMap<String, String> {
    let mut reader = Reader::from_str(xml);
    let mut links = HashMap::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag)
                if tag.local_name().as_ref() == "Relationship" =>
            {
                let hyperlink =
                    attribute(&tag, "Type").is_some_and(|kind| kind.ends_with("/hyperlink"));
                if let (true, Some(id), Some(target)) =
                    (hyperlink, attribute(&tag, "Id"), attribute(&tag, "Target"))
                {
                    links.insert(id, target);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    links
}

fn facts(xml: &str) -> Facts {
    let mut reader = Reader::from_str(xml);
    let mut facts = Facts::default();
    let mut element = String::new();
    let mut value = String::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) => {
                element = tag.local_name().as_ref().to_owned();
                value.clear();
            }
            Event::Text(text) => value.push_str(&text),
            Event::GeneralRef(name) => value.push_str(&html::decoded(&format!("&{};", &*name))),
            Event::End(_) => {
                match element.as_str() {
                    "title" if !value.trim().is_empty() => {
                        facts.title = Some(value.trim().to_owned())
                    }
                    "created" => facts.date = date::spelled(&value),
                    _ => {}
                }
                element.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    facts
}

/// What stands around the text that is read now.
#[derive(Debug, Default)]
struct Paragraph {
    style: String,
    /// The depth in a list, if it is in one.
    list: Option<usize>,
    html: String,
}

/// A part while it is read.
#[derive(Debug)]
struct Body<'a> {
    styles: &'a HashMap<String, String>,
    links: &'a HashMap<String, String>,
    html: String,
    /// Paragraphs can stand inside each other: a text box in a run.
    open: Vec<Paragraph>,
    /// How many lists are open in `html`.
    lists: usize,
    bold: bool,
    italic: bool,
    in_text: bool,
    /// Take what was deleted and not what was inserted.
    before: bool,
}

impl Body<'_> {
    fn read(&mut self, xml: &str) -> Option<()> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = false;
        // How many elements deep the reader is inside one whose content is not taken.
        let mut skipping = 0usize;
        loop {
            match reader.read_event().ok()? {
                Event::Eof => break,
                Event::Start(_) if skipping > 0 => skipping += 1,
                Event::End(_) if skipping > 0 => skipping -= 1,
                _ if skipping > 0 => {}
                Event::Start(tag) if self.skips(&tag) => skipping = 1,
                Event::Start(tag) => self.begin(&tag),
                Event::Empty(tag) if !self.skips(&tag) => {
                    let name = tag.local_name().as_ref().to_owned();
                    self.begin(&tag);
                    self.end(&name);
                }
                Event::End(tag) => self.end(tag.local_name().as_ref()),
                Event::Text(text) if self.in_text => {
                    self.say(&escape(html::decoded(&text).as_ref()))
                }
                Event::CData(text) if self.in_text => self.say(&escape(&*text)),
                Event::GeneralRef(name) if self.in_text => {
                    self.say(&escape(html::decoded(&format!("&{};", &*name)).as_ref()))
                }
                _ => {}
            }
        }
        while !self.open.is_empty() {
            self.end("p");
        }
        self.nest(0);
        Some(())
    }

    /// Besides what is never taken: the side of a tracked change that is not asked for.
    fn skips(&self, tag: &BytesStart) -> bool {
        match (tag.local_name().as_ref(), self.before) {
            ("ins" | "moveTo", true) | ("del" | "moveFrom" | "delText", false) => true,
            _ => is_skipped(tag),
        }
    }

    fn say(&mut self, text: &str) {
        if let Some(paragraph) = self.open.last_mut() {
            paragraph.html.push_str(text);
        }
    }

    fn begin(&mut self, tag: &BytesStart) {
        let on = || {
            !attribute(tag, "val")
                .is_some_and(|value| matches!(value.as_str(), "0" | "false" | "none" | "off"))
        };
        match tag.local_name().as_ref() {
            "p" => self.open.push(Paragraph::default()),
            "pStyle" => {
                let id = attribute(tag, "val").unwrap_or_default();
                let name = self.styles.get(&id).cloned().unwrap_or_else(|| id.to_lowercase());
                if let Some(paragraph) = self.open.last_mut() {
                    paragraph.style = name;
                }
            }
            "ilvl" => {
                let depth =
                    attribute(tag, "val").and_then(|value| value.parse().ok()).unwrap_or(0usize);
                if let Some(paragraph) = self.open.last_mut() {
                    paragraph.list = Some(depth.min(8));
                }
            }
            "r" => (self.bold, self.italic) = (false, false),
            "b" => self.bold = on(),
            "i" => self.italic = on(),
            "t" | "delText" => {
                self.in_text = true;
                let signs = [(self.bold, "<b>"), (self.italic, "<i>")];
                for (_, sign) in signs.into_iter().filter(|(on, _)| *on) {
                    self.say(sign);
                }
            }
            "br" | "cr" => self.say("<br>"),
            "tab" | "ptab"
                if self.open.last().is_some_and(|paragraph| !paragraph.html.is_empty()) =>
            {
                self.say(" ")
            }
            "noBreakHyphen" => self.say("\u{2011}"),
            "hyperlink" => {
                let address = attribute(tag, "id")
                    .and_then(|id| self.links.get(&id))
                    .cloned()
                    .unwrap_or_default();
                self.say(&format!("<a href=\"{}\">", escape(&address)));
            }
            "tbl" => {
                self.nest(0);
                self.html.push_str("<table>");
            }
            "tr" => self.html.push_str("<tr>"),
            "tc" => self.html.push_str("<td>"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" => self.end_paragraph(),
            "t" | "delText" => {
                let signs = [(self.italic, "</i>"), (self.bold, "</b>")];
                for (_, sign) in signs.into_iter().filter(|(on, _)| *on) {
                    self.say(sign);
                }
                self.in_text = false;
            }
            "hyperlink" => self.say("</a>"),
            "tbl" => self.html.push_str("</table>"),
            "tr" => self.html.push_str("</tr>"),
            "tc" => self.html.push_str("</td>"),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let Some(Paragraph { style, list, html }) = self.open.pop() else { return };
        // Runs that share their emphasis are one stretch of it to the reader.
        let html = html.replace("</i></b><b><i>", "").replace("</b><b>", "").replace("</i><i>", "");
        let bare = || html.replace("<b>", "").replace("</b>", "");
        let level = style.strip_prefix("heading ").and_then(|level| level.parse::<usize>().ok());
        let (open, close, html) = match (level, style.as_str()) {
            (Some(level), _) => {
                (format!("<h{}>", level.clamp(1, 6)), format!("</h{}>", level.clamp(1, 6)), bare())
            }
            (None, "title") => ("<h1>".to_owned(), "</h1>".to_owned(), bare()),
            (None, name)
                if name.starts_with("toc")
                    || name == "header"
                    || name == "footer"
                    || name == "caption" =>
            {
                return;
            }
            (None, name) if name.contains("quote") || name == "block text" => {
                ("<blockquote>".to_owned(), "</blockquote>".to_owned(), html)
            }
            (None, name)
                if name.contains("code")
                    || name.contains("preformatted")
                    || name == "macro text" =>
            {
                ("<pre>".to_owned(), "</pre>".to_owned(), html)
            }
            _ => ("<p>".to_owned(), "</p>".to_owned(), html),
        };
        match list.filter(|_| level.is_none()) {
            Some(depth) => {
                self.nest(depth + 1);
                self.html.push_str(&format!("<li>{html}"));
            }
            None => {
                if !html.trim().is_empty() {
                    self.nest(0);
                }
                self.html.push_str(&format!("{open}{html}{close}"));
            }
        }
    }

    fn nest(&mut self, depth: usize) {
        while self.lists < depth {
            self.html.push_str("<ul>");
            self.lists += 1;
        }
        while self.lists > depth {
            self.html.push_str("</ul>");
            self.lists -= 1;
        }
    }
}

/// The second copy of a text box, the notes that are only rules, field codes.
fn is_skipped(tag: &BytesStart) -> bool {
    match tag.local_name().as_ref() {
        "Fallback" | "instrText" | "delInstrText" | "footnoteRef" | "endnoteRef" => true,
        "footnote" | "endnote" => attribute(tag, "type").is_some(),
        "rPrChange" | "pPrChange" | "sectPr" | "annotationRef" => true,
        _ => false,
    }
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
    fn runs_make_words_and_paragraphs() {
        reads(
            "<w:p><w:r><w:t>Hel</w:t></w:r><w:r><w:t>lo &amp; &#233;</w:t></w:r></w:p><w:p><w:r><w:t>Two.</w:t></w:r></w:p>",
            "Hello & é\n\nTwo.",
        );
    }

    #[test]
    fn tracked_changes_are_taken_as_made() {
        reads(
            "<w:p><w:r><w:t>a </w:t></w:r><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>",
            "a new",
        );
    }

    #[test]
    fn tracked_changes_are_a_before_and_an_after() {
        let document = "<w:document><w:body><w:p><w:r><w:t>a </w:t></w:r><w:del w:id=\"1\" w:date=\"2024-03-05T10:00:00Z\"><w:r><w:delText>old</w:delText></w:r></w:del>\
            <w:ins w:id=\"2\"><w:r><w:t>new</w:t></w:r></w:ins></w:p></w:body></w:document>";
        let words = read(|name| (name == "word/document.xml").then(|| document.into())).unwrap();
        let (before, day) = words.before.unwrap();
        assert_eq!((words.text.as_str(), before.as_str()), ("a new", "a old"));
        assert_eq!(day.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn a_text_box_is_read_once() {
        reads(
            "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>Box.</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:t>Box.</w:t></mc:Fallback></mc:AlternateContent></w:r></w:p>",
            "Box.",
        );
    }

    #[test]
    fn styles_by_their_name_and_not_their_id() {
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
}
