//! OpenDocument texts, zipped (.odt) and flat (.fodt), as Markdown.
//!
//! What its writer deleted with changes tracked stays deleted, what they inserted is taken.

use std::collections::{HashMap, HashSet};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::document::{self, Changes, Item, Look, Sheet, Style, Words};
use super::front::Facts;
use super::{date, decode, html};

/// Styles that are based on each other.
const MAX_CHAIN: usize = 16;
/// Formulas of one document.
const MAX_FORMULAS: usize = 10_000;
/// Deleted stretches that are put back within each other.
const MAX_REPLAYS: usize = 2;

/// Whether a zip whose part `mimetype` says this is a text.
pub(super) fn is_text(mimetype: &[u8]) -> bool {
    mimetype.starts_with(b"application/vnd.oasis.opendocument.text")
}

/// Whether the list of a document's parts says that they are encrypted.
pub(super) fn is_locked(manifest: &[u8]) -> bool {
    String::from_utf8_lossy(manifest).contains("encryption-data")
}

/// The words of a document, and what it says about itself. `part` gives the bytes of a part by
/// its name.
pub(super) fn read(mut part: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<Words> {
    let mut xml = |name: &str| part(name).and_then(|bytes| decode::text(&bytes));
    let content = xml("content.xml")?;
    let styles = xml("styles.xml").unwrap_or_default();
    let meta = xml("meta.xml").unwrap_or_default();
    let formulas = formulas(&content, &mut xml);
    Some(read_parts(&content, &styles, &meta, &formulas))
}

/// The words of a document that is one file of XML.
pub(super) fn read_flat(xml: &str) -> Words {
    read_parts(xml, xml, xml, &HashMap::new())
}

/// The text of each formula of a document, which is a document of its own, by its folder.
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

/// The signs of a formula in MathML.
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
            Event::Text(sign) if is_sign => text.push_str(&html::decoded(&sign)),
            Event::GeneralRef(name) if is_sign => {
                text.push_str(&html::decoded(&format!("&{};", &*name)));
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
) -> Words {
    let mut catalog = Catalog::default();
    catalog.take(styles);
    if styles.as_ptr() != content.as_ptr() {
        catalog.take(content);
    }
    let tracked = Tracked::of(content);
    let is_changed = !tracked.changes.is_empty();
    let mut is_whole = true;
    let mut sheet_of = |before: bool| {
        let mut body = Body::new(&catalog, &tracked, formulas, before);
        is_whole &= body.read(content, 0);
        if !before {
            tracked.changes.values().flatten().for_each(|deleted| {
                body.sheet.leave(document::DELETED, &bare(deleted, |_| true));
            });
            // Of a flat document this is the document itself, whose headers the body meets.
            if styles.as_ptr() != content.as_ptr() {
                let mut depth = 0usize;
                let headers = bare(styles, |event| is_within(event, "master-styles", &mut depth));
                body.sheet.leave(document::HEADERS, &headers);
            }
        }
        body.sheet
    };
    let after = sheet_of(false);
    let before = is_changed.then(|| (sheet_of(true), tracked.by.clone()));
    let mut words = Words::of(facts(meta), after, before);
    if !is_whole {
        words.complaints.push("It is broken; what came before the break was kept.".to_owned());
    }
    words
}

/// Keeps count of whether events come from within an element called `name`.
fn is_within(event: &Event, name: &str, depth: &mut usize) -> bool {
    match event {
        Event::Start(tag) if tag.local_name().as_ref() == name => *depth += 1,
        Event::End(tag) if tag.local_name().as_ref() == name => *depth = depth.saturating_sub(1),
        _ => {}
    }
    *depth > 0
}

fn reader(xml: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// The words of paragraphs, a line each, as far as they are `wanted`.
fn bare(xml: &str, mut wanted: impl FnMut(&Event) -> bool) -> String {
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
            Event::Text(said) if paragraphs > 0 => text.push_str(&html::decoded(&said)),
            Event::GeneralRef(name) if paragraphs > 0 => {
                text.push_str(&html::decoded(&format!("&{};", &*name)));
            }
            _ => {}
        }
    }
    text
}

fn is_paragraph(name: &str) -> bool {
    matches!(name, "p" | "h")
}

fn attribute(tag: &BytesStart, wanted: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

fn facts(xml: &str) -> Facts {
    let mut reader = reader(xml);
    let mut facts = Facts::default();
    let (mut value, mut in_meta) = (String::new(), 0usize);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            event if !is_within(&event, "meta", &mut in_meta) => {}
            Event::Start(_) => value.clear(),
            Event::Text(text) => value.push_str(&text),
            Event::GeneralRef(name) => value.push_str(&html::decoded(&format!("&{};", &*name))),
            Event::End(tag) => match tag.local_name().as_ref() {
                "title" if !value.trim().is_empty() => facts.title = Some(value.trim().to_owned()),
                "creation-date" => facts.date = date::spelled(&value),
                _ => {}
            },
            _ => {}
        }
    }
    facts
}

/// The tracked changes of a document.
#[derive(Debug, Default)]
struct Tracked<'a> {
    /// By its id, what a change deleted; `None` for an insertion.
    changes: HashMap<String, Option<&'a str>>,
    by: Changes,
}

impl<'a> Tracked<'a> {
    fn of(xml: &'a str) -> Self {
        let mut tracked = Tracked::default();
        let mut reader = reader(xml);
        let mut within = 0usize;
        let mut id = None;
        // Where the content of a deletion begins, behind who made it.
        let mut from = None;
        let (mut author, mut value) = (None, String::new());
        loop {
            let before = position(&reader);
            let Ok(event) = reader.read_event() else { break };
            if matches!(event, Event::Eof) {
                break;
            }
            if !is_within(&event, "tracked-changes", &mut within) {
                continue;
            }
            match event {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "changed-region" => id = attribute(&tag, "id"),
                    "insertion" => {
                        id.take().into_iter().for_each(|id| {
                            tracked.changes.insert(id, None);
                        });
                    }
                    "deletion" => from = Some(position(&reader)),
                    "creator" | "date" => value.clear(),
                    _ => {}
                },
                Event::Text(text) => value.push_str(&html::decoded(&text)),
                Event::End(tag) => match tag.local_name().as_ref() {
                    "creator" => author = Some(value.trim().to_owned()),
                    "date" => {
                        let author = author.take();
                        tracked
                            .by
                            .add(author.filter(|name| !name.is_empty()), date::spelled(&value));
                    }
                    "change-info" if from.is_some() => from = Some(position(&reader)),
                    "deletion" => {
                        let content = from.take().and_then(|from| xml.get(from..before));
                        if let (Some(id), Some(content)) = (id.take(), content) {
                            tracked.changes.insert(id, Some(content));
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        tracked
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// What the document says of its styles and lists.
#[derive(Debug, Default)]
struct Catalog {
    styles: HashMap<String, Named>,
    /// The levels of each list, from 1: the numbered ones.
    numbered: HashMap<String, HashSet<usize>>,
}

/// A style of paragraphs or of runs.
#[derive(Debug, Default)]
struct Named {
    name: String,
    parent: Option<String>,
    bold: Option<bool>,
    italic: Option<bool>,
    hidden: Option<bool>,
}

impl Catalog {
    fn take(&mut self, xml: &str) {
        let mut reader = reader(xml);
        let mut open: Option<(String, Named)> = None;
        let mut list: Option<String> = None;
        while let Ok(event) = reader.read_event() {
            let (tag, is_empty) = match event {
                Event::Eof => break,
                Event::Start(tag) => (tag, false),
                Event::Empty(tag) => (tag, true),
                Event::End(tag) => {
                    match tag.local_name().as_ref() {
                        "style" => self.styles.extend(open.take()),
                        "list-style" => list = None,
                        _ => {}
                    }
                    continue;
                }
                _ => continue,
            };
            match tag.local_name().as_ref() {
                "style" => {
                    let id = attribute(&tag, "name").unwrap_or_default();
                    let name = attribute(&tag, "display-name").unwrap_or_else(|| spelled(&id));
                    let parent = attribute(&tag, "parent-style-name");
                    open = Some((id, Named { name, parent, ..Named::default() }));
                    if is_empty {
                        self.styles.extend(open.take());
                    }
                }
                "text-properties" => {
                    let Some((_, style)) = &mut open else { continue };
                    let says = |name: &str, is: &[&str]| {
                        attribute(&tag, name).map(|value| is.contains(&value.as_str()))
                    };
                    let bold = ["bold", "600", "700", "800", "900"];
                    style.bold = says("font-weight", &bold).or(style.bold);
                    style.italic = says("font-style", &["italic", "oblique"]).or(style.italic);
                    style.hidden = says("display", &["none"]).or(style.hidden);
                }
                "list-style" => list = attribute(&tag, "name").filter(|_| !is_empty),
                "list-level-style-number" => {
                    let level = attribute(&tag, "level").and_then(|level| level.parse().ok());
                    let has_format = attribute(&tag, "num-format").is_some_and(|f| !f.is_empty());
                    if let (Some(list), Some(level), true) = (&list, level, has_format) {
                        self.numbered.entry(list.clone()).or_default().insert(level);
                    }
                }
                _ => {}
            }
        }
    }

    /// A style and those that it is based on, the nearest first.
    fn chain<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Named> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let style = self.styles.get(next?)?;
            next = style.parent.as_deref();
            Some(style)
        })
        .take(MAX_CHAIN)
    }

    fn style(&self, id: &str) -> Style {
        if !self.styles.contains_key(id) {
            return Style::named(&spelled(id)).unwrap_or_default();
        }
        self.chain(id).find_map(|style| Style::named(&style.name)).unwrap_or_default()
    }

    fn is_hidden(&self, id: &str) -> Option<bool> {
        self.chain(id).find_map(|style| style.hidden)
    }
}

/// The name of a style as its user sees it: "Text_20_body" is "Text body".
fn spelled(id: &str) -> String {
    id.replace("_20_", " ")
}

/// A list that is open.
#[derive(Debug)]
struct List {
    style: Option<String>,
    is_ordered: bool,
    /// The item that is read has a paragraph already.
    has_paragraph: bool,
    in_item: bool,
}

/// A run of text that looks its own way.
#[derive(Debug, Default, Clone)]
struct Span {
    look: Look,
    hidden: bool,
}

/// An element whose text is not taken.
#[derive(Debug)]
struct Aside {
    depth: usize,
    /// Why, if its words are to be counted.
    why: Option<&'static str>,
}

/// A document while it is read.
#[derive(Debug)]
struct Body<'a> {
    catalog: &'a Catalog,
    tracked: &'a Tracked<'a>,
    formulas: &'a HashMap<String, String>,
    sheet: Sheet,
    /// Take what was deleted and not what was inserted.
    before: bool,
    depth: usize,
    asides: Vec<Aside>,
    spans: Vec<Span>,
    lists: Vec<List>,
    /// The lists around a table, a box or a note.
    outer: Vec<Vec<List>>,
    /// Insertions that are open.
    inserted: HashSet<String>,
    /// Whether a deleted stretch is put back, and how many of its paragraphs have begun.
    replayed: Option<usize>,
}

impl<'a> Body<'a> {
    fn new(
        catalog: &'a Catalog,
        tracked: &'a Tracked<'a>,
        formulas: &'a HashMap<String, String>,
        before: bool,
    ) -> Self {
        Body {
            catalog,
            tracked,
            formulas,
            sheet: Sheet::default(),
            before,
            depth: 0,
            asides: Vec::new(),
            spans: Vec::new(),
            lists: Vec::new(),
            outer: Vec::new(),
            inserted: HashSet::new(),
            replayed: None,
        }
    }

    /// Reads a stretch of XML, which is put back within so many others; whether it is whole.
    fn read(&mut self, xml: &str, replays: usize) -> bool {
        let around = self.depth;
        let mut reader = reader(xml);
        loop {
            match reader.read_event() {
                Err(_) => return false,
                Ok(Event::Eof) => return self.depth == around,
                Ok(Event::Start(tag)) => {
                    self.begin(&tag, replays);
                    self.depth += 1;
                }
                Ok(Event::Empty(tag)) => {
                    self.begin(&tag, replays);
                    self.end(tag.local_name().as_ref());
                }
                Ok(Event::End(tag)) => {
                    self.depth = self.depth.saturating_sub(1).max(around);
                    self.end(tag.local_name().as_ref());
                }
                Ok(Event::Text(text)) => self.text(&html::decoded(&text)),
                Ok(Event::CData(text)) => self.text(&text),
                Ok(Event::GeneralRef(name)) => self.text(&html::decoded(&format!("&{};", &*name))),
                Ok(_) => {}
            }
        }
    }

    /// Why an element is not taken.
    fn aside(tag: &BytesStart) -> Option<Option<&'static str>> {
        let is_unshown = || attribute(tag, "display").is_some_and(|display| display == "none");
        match tag.local_name().as_ref() {
            // What was deleted is put back where it was, or counted.
            "tracked-changes" | "note-citation" | "number" | "forms" | "scripts" | "script"
            | "meta" | "settings" | "font-face-decls" | "creator" | "date-string"
            | "creator-initials" | "title" | "desc" | "binary-data" | "annotation-xml" => {
                Some(None)
            }
            // Who wrote a comment; the field of this name is a day in the text.
            "date" if tag.name().as_ref().starts_with("dc:") => Some(None),
            // Both a comment in the text and the source of a formula are called so.
            "annotation" if tag.name().as_ref().starts_with("office:") => {
                Some(Some(document::COMMENTS))
            }
            "annotation" => Some(None),
            "index-body" => Some(Some(document::CONTENTS)),
            "ruby-text" => Some(Some(document::READINGS)),
            "placeholder" => Some(Some(document::PLACEHOLDERS)),
            "master-styles" => Some(Some(document::HEADERS)),
            "hidden-text" => Some(Some(document::HIDDEN)),
            "section" if is_unshown() => Some(Some(document::HIDDEN)),
            "variable-set" | "user-field-get" if is_unshown() => Some(None),
            name if name.ends_with("-source") => Some(None),
            _ => None,
        }
    }

    fn begin(&mut self, tag: &BytesStart, replays: usize) {
        if let Some(why) = Self::aside(tag) {
            self.asides.push(Aside { depth: self.depth, why });
        }
        let name = tag.local_name();
        if !self.asides.is_empty() {
            if matches!(name.as_ref(), "s" | "tab" | "line-break") {
                self.text(" ");
            }
            return;
        }
        match name.as_ref() {
            "p" | "h" => self.begin_paragraph(tag),
            "span" => {
                let id = attribute(tag, "style-name").unwrap_or_default();
                let mut span = self.spans.last().cloned().unwrap_or_default();
                let first =
                    |says: fn(&Named) -> Option<bool>| self.catalog.chain(&id).find_map(says);
                span.look.bold = first(|style| style.bold).unwrap_or(span.look.bold);
                span.look.italic = first(|style| style.italic).unwrap_or(span.look.italic);
                span.hidden = first(|style| style.hidden).unwrap_or(span.hidden);
                span.look.code |= self.catalog.chain(&id).any(|style| {
                    matches!(style.name.as_str(), "Source Text" | "Teletype" | "User Entry")
                });
                self.spans.push(span);
            }
            "a" => {
                let mut span = self.spans.last().cloned().unwrap_or_default();
                let address = attribute(tag, "href").filter(|address| !address.starts_with('#'));
                span.look.link = address;
                self.spans.push(span);
            }
            "s" => self.say(" "),
            "tab" if self.sheet.has_text() => self.say(" "),
            "line-break" => self.say("\n"),
            "list" => {
                let depth = self.lists.len() + 1;
                let style = attribute(tag, "style-name")
                    .or_else(|| self.lists.last().and_then(|list| list.style.clone()));
                let levels = style.as_ref().and_then(|style| self.catalog.numbered.get(style));
                let is_ordered = levels.is_some_and(|levels| levels.contains(&depth));
                self.lists.push(List { style, is_ordered, has_paragraph: false, in_item: false });
            }
            "list-item" => {
                self.lists.iter_mut().last().into_iter().for_each(|list| {
                    (list.in_item, list.has_paragraph) = (true, false);
                });
            }
            "note-body" => {
                self.outer.push(std::mem::take(&mut self.lists));
                self.sheet.begin_note();
            }
            "text-box" => self.outer.push(std::mem::take(&mut self.lists)),
            "table" => {
                self.outer.push(std::mem::take(&mut self.lists));
                self.sheet.begin_table();
            }
            "table-row" => self.sheet.begin_row(),
            "table-cell" => self.sheet.begin_cell(),
            "object" => {
                let text = attribute(tag, "href").and_then(|folder| self.formulas.get(&folder));
                text.into_iter().for_each(|text| self.say(text));
            }
            "change-start" => {
                let id = attribute(tag, "change-id").unwrap_or_default();
                if matches!(self.tracked.changes.get(&id), Some(None)) {
                    self.inserted.insert(id);
                }
            }
            "change-end" => {
                self.inserted.remove(&attribute(tag, "change-id").unwrap_or_default());
            }
            "change" if self.before && replays < MAX_REPLAYS => {
                let id = attribute(tag, "change-id").unwrap_or_default();
                if let Some(Some(deleted)) = self.tracked.changes.get(&id) {
                    self.put_back(deleted, replays);
                }
            }
            _ => {}
        }
    }

    /// Puts a deleted stretch back: its first paragraph continues the one that is open, which in turn
    /// continues its last.
    fn put_back(&mut self, deleted: &str, replays: usize) {
        let around = self.replayed.replace(0).filter(|_| self.sheet.in_paragraph());
        if !self.sheet.in_paragraph() {
            self.replayed = None;
        }
        let spans = std::mem::take(&mut self.spans);
        self.read(deleted, replays + 1);
        (self.spans, self.replayed) = (spans, around);
    }

    fn end(&mut self, name: &str) {
        if !self.asides.is_empty() {
            if is_paragraph(name) {
                self.text("\n");
            }
            self.asides.pop_if(|aside| self.depth <= aside.depth);
            return;
        }
        match name {
            "p" | "h" if self.replayed.is_some() => {}
            "p" | "h" => {
                if self.before && !self.inserted.is_empty() {
                    self.sheet.join();
                }
                self.sheet.end_paragraph();
                self.spans.pop();
            }
            "span" | "a" => {
                self.spans.pop();
            }
            "list" => {
                self.lists.pop();
            }
            "list-item" => {
                self.lists.iter_mut().last().into_iter().for_each(|list| list.in_item = false);
            }
            "note-body" => {
                self.sheet.end_note();
                self.lists = self.outer.pop().unwrap_or_default();
            }
            "text-box" => self.lists = self.outer.pop().unwrap_or_default(),
            "table" => {
                self.sheet.end_table();
                self.lists = self.outer.pop().unwrap_or_default();
            }
            "table-cell" => self.sheet.end_cell(),
            _ => {}
        }
    }

    fn begin_paragraph(&mut self, tag: &BytesStart) {
        if let Some(count) = &mut self.replayed {
            *count += 1;
            if *count == 1 {
                return;
            }
            self.sheet.end_paragraph();
        }
        let id = attribute(tag, "style-name").unwrap_or_default();
        let style = match tag.local_name().as_ref() {
            "h" => {
                let level = attribute(tag, "outline-level").and_then(|level| level.parse().ok());
                Style::Heading(level.unwrap_or(1))
            }
            _ => self.catalog.style(&id),
        };
        let depth = self.lists.len().saturating_sub(1);
        let list = self.lists.last_mut().filter(|list| list.in_item);
        let item = list.map(|list| Item {
            depth,
            is_ordered: list.is_ordered,
            is_continued: std::mem::replace(&mut list.has_paragraph, true),
        });
        self.sheet.begin_paragraph();
        self.sheet.style(style, item);
        if self.replayed.is_none() {
            let hidden = self.catalog.is_hidden(&id).unwrap_or_default();
            self.spans.push(Span { hidden, ..Span::default() });
        }
    }

    /// Text as it stands in the XML, where a line end is a space.
    fn text(&mut self, text: &str) {
        let is_aside = !self.asides.is_empty();
        if is_aside || !text.contains(['\n', '\r', '\t']) {
            self.say(text);
        } else {
            self.say(&text.replace(['\n', '\r', '\t'], " "));
        }
    }

    /// Takes text, or counts it.
    fn say(&mut self, text: &str) {
        if let Some(aside) = self.asides.first() {
            if let Some(why) = aside.why
                && self.asides.iter().all(|aside| aside.why.is_some())
            {
                self.sheet.leave(why, text);
            }
            return;
        }
        if !self.sheet.in_paragraph() || (self.before && !self.inserted.is_empty()) {
            return;
        }
        let span = self.spans.last().cloned().unwrap_or_default();
        match span.hidden {
            true => self.sheet.leave(document::HIDDEN, text),
            false => self.sheet.say(text, &span.look),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn document(body: &str) -> Words {
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
        let words = document(
            "<text:h text:outline-level=\"2\">Up</text:h><text:p>A <text:span text:style-name=\"T1\">bold</text:span>\n<text:s text:c=\"3\"/>word<text:tab/>&amp;<text:line-break/>a <text:a xlink:href=\"http://a.b\">link</text:a>.</text:p>",
        );
        assert_eq!(words.text, "## Up\n\nA **bold** word &\na [link](http://a.b).");
        assert_eq!(words.facts.title.as_deref(), Some("The sill"));
        assert_eq!(words.facts.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(
            words.dropped.sentence().unwrap(),
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
            "<text:p>Text<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p></text:note-body></text:note> goes on.</text:p><text:p><draw:frame><draw:text-box><text:p>Box.</text:p></draw:text-box><svg:desc>a picture</svg:desc></draw:frame>Beside it.</text:p>",
            "Text goes on.\n\nBox.\n\nBeside it.\n\nA note.",
        );
    }

    #[test]
    fn tracked_changes_are_a_before_and_an_after() {
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
        let words = document(&body);
        assert_eq!(words.text, "An new lamp.\n\nThey waved.\n\nIt rained.\n\nIt stopped.");
        let before = words.before.unwrap();
        assert_eq!(
            before.text,
            "An old lamp.\n\nThey left early.\n\nNobody waved.\n\nIt rained. It stopped."
        );
        assert_eq!(before.author.as_deref(), Some("Ida"));
        assert_eq!(before.date.unwrap().to_string(), "2022-05-06");
        assert_eq!(words.dropped.words(), 4 + 2);
    }

    #[test]
    fn every_word_of_a_document_is_kept_or_named() {
        let words = document(
            "<text:p>one <text:span text:style-name=\"T2\">hidden words</text:span> two\
             <office:annotation><dc:creator>Per Holm</dc:creator><text:p>so true</text:p></office:annotation></text:p>\
             <text:table-of-content><text:table-of-content-source><text:index-title-template>Contents</text:index-title-template></text:table-of-content-source><text:index-body><text:p>Up 1</text:p></text:index-body></text:table-of-content>\
             <text:p><text:ruby><text:ruby-base>three</text:ruby-base><text:ruby-text>reading</text:ruby-text></text:ruby></text:p>\
             <text:section text:display=\"none\"><text:p>not shown</text:p></text:section><text:section><text:p>four</text:p></text:section>\
             <text:p><text:placeholder>&lt;Name&gt;</text:placeholder> five on <text:date>5 May</text:date></text:p>",
        );
        assert_eq!(words.text, "one two\n\nthree\n\nfour\n\nfive on 5 May");
        assert_eq!(
            words.dropped.sentence().unwrap(),
            "Left out 12 words: 4 of hidden text, 2 in comments, 2 in page headers and footers, 2 of a table of contents, 1 in readings above characters, 1 of placeholders."
        );
    }

    #[test]
    fn a_formula_is_read_from_its_own_part() {
        let words = read(|name| {
            match name {
            "content.xml" => Some("<office:document-content><office:body><office:text><text:p>So <draw:frame><draw:object xlink:href=\"./Object 1\"/></draw:frame> it is.</text:p></office:text></office:body></office:document-content>".into()),
            "Object 1/content.xml" => Some("<math><semantics><mrow><mi>E</mi><mo>=</mo><mi>m</mi></mrow><annotation>E = m</annotation></semantics></math>".into()),
            _ => None,
        }
        });
        assert_eq!(words.unwrap().text, "So E=m it is.");
    }

    #[test]
    fn a_flat_document_is_read_as_a_zipped_one() {
        let words = read_flat(
            "<?xml version=\"1.0\"?><office:document><office:meta><dc:title>The sill</dc:title></office:meta><office:master-styles><style:header><text:p>Page head</text:p></style:header></office:master-styles><office:body><office:text><text:p>One.</text:p></office:text></office:body></office:document>",
        );
        assert_eq!((words.text.as_str(), words.dropped.words()), ("One.", 2));
        assert_eq!(words.facts.title.as_deref(), Some("The sill"));
    }

    #[test]
    fn damage_is_survived() {
        let whole = "<office:document><office:body><office:text><text:list><text:list-item><text:p>One <text:span>two</text:span></text:p></text:list-item></text:list></office:text></office:body></office:document>";
        for at in 0..whole.len() {
            let words = read_flat(&whole[..at]);
            assert!(at == 0 || !words.complaints.is_empty(), "{at}");
        }
    }
}
