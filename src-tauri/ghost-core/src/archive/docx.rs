//! Word documents: the parts of the zip that hold words, as Markdown.
//!
//! What its writer deleted with changes tracked stays deleted, what they inserted is taken. Each part
//! is found by the relationships of the document, never by its name.

use std::collections::HashMap;
use std::io::Cursor;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::document::{self, Changes, Item, Look, Sheet, Style, Words};
use super::front::Facts;
use super::symbol::{self, SignFont};
use super::zipped::Zip;
use super::{date, decode, html, mail, plain, rtf};

/// Styles that are based on each other, and documents in each other.
const MAX_CHAIN: usize = 16;
/// Documents that are inserted in documents.
const MAX_INSERTED: usize = 2;
/// Bytes of a field's instruction; what is longer is no address.
const MAX_INSTRUCTION: usize = 2000;

/// What a part of a document is to another.
#[derive(Debug)]
struct Relation {
    id: String,
    /// The last part of its type: "hyperlink", "footnotes".
    kind: String,
    target: String,
    is_external: bool,
}

/// Whether a zip with these content types is a Word document, whatever it is called.
pub(super) fn is_word(types: &[u8]) -> bool {
    let types = String::from_utf8_lossy(types);
    ["wordprocessingml.document.main", "wordprocessingml.template.main", "ms-word."]
        .iter()
        .any(|kind| types.contains(kind))
}

/// The part that is the document itself.
fn main_part(part: &mut impl FnMut(&str) -> Option<Vec<u8>>) -> String {
    relations(part, "")
        .into_iter()
        .find(|relation| relation.kind == "officeDocument")
        .map_or_else(|| "word/document.xml".to_owned(), |relation| resolved("", &relation.target))
}

/// The words of a document, and what it says about itself. `part` gives the bytes of a part by
/// its name.
pub(super) fn read(part: impl FnMut(&str) -> Option<Vec<u8>>) -> Option<Words> {
    read_within(part, 0)
}

/// As [`read`], for a document that is inserted in so many others.
fn read_within(mut part: impl FnMut(&str) -> Option<Vec<u8>>, depth: usize) -> Option<Words> {
    let main = main_part(&mut part);
    let document = part(&main).and_then(|bytes| decode::text(&bytes))?;
    let related = relations(&mut part, &main);
    let mut complaints = Vec::new();
    let facts = match relations(&mut part, "").iter().find(|one| one.kind == "core-properties") {
        Some(relation) => part(&resolved("", &relation.target)),
        None => part("docProps/core.xml"),
    };
    let facts = facts.and_then(|bytes| decode::text(&bytes)).map(|text| facts_of(&text));
    // A part by what it is to the document; damaged packages keep the usual names.
    let mut xml = |kind: &str| {
        let path = related
            .iter()
            .find(|relation| relation.kind == kind && !relation.is_external)
            .map_or_else(|| beside(&main, kind), |relation| resolved(&main, &relation.target));
        let bytes = part(&path)?;
        Some((path, decode::text(&bytes)?))
    };
    let catalog = Catalog {
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
    let mut sheets = Vec::new();
    let mut changes: Option<Changes> = None;
    for before in [false, true] {
        if before && changes.is_none() {
            break;
        }
        let mut sheet = Sheet::default();
        for (links, text) in &texts {
            let mut body = Body::new(&catalog, links, &inserted, sheet, before);
            if !body.read(text) && !before {
                complaints.push("It is broken; what came before the break was kept.".to_owned());
            }
            changes = changes.or(body.changes);
            sheet = body.sheet;
        }
        sheets.push(sheet);
    }
    let (after, earlier) = {
        let mut sheets = sheets.into_iter();
        (sheets.next()?, sheets.next())
    };
    let mut words = Words::of(facts.unwrap_or_default(), after, earlier.zip(changes));
    // What others see beside the text is not of the text.
    if let Some((_, text)) = comments {
        words.dropped.add(document::COMMENTS, &bare(&text));
    }
    for relation in related.iter().filter(|relation| !relation.is_external) {
        let why = match relation.kind.as_str() {
            "header" | "footer" => document::HEADERS,
            "diagramData" | "chart" | "chartEx" => document::DIAGRAMS,
            _ => continue,
        };
        let text = part(&resolved(&main, &relation.target)).and_then(|bytes| decode::text(&bytes));
        words.dropped.add(why, &text.map(|text| bare(&text)).unwrap_or_default());
    }
    for chunk in inserted.values() {
        words.dropped.merge(&chunk.dropped);
        complaints.extend(chunk.complaints.iter().cloned());
    }
    words.complaints = complaints;
    Some(words)
}

/// The text of a file that is inserted in a document as it is.
fn chunk(path: &str, bytes: &[u8], depth: usize) -> Words {
    let unread = || Words {
        complaints: vec!["A file that was inserted in it could not be read.".to_owned()],
        ..Words::default()
    };
    if rtf::looks_rich(bytes) {
        return rtf::read(bytes);
    }
    if super::zipped::looks_zipped(bytes) {
        let Some(mut zip) = Zip::open(Cursor::new(bytes)).filter(|_| depth < MAX_INSERTED) else {
            return unread();
        };
        let mut room = super::zipped::LARGEST_MEMBER;
        let inner = read_within(
            |name| {
                let bytes = zip.part(name, room)?;
                room = room.saturating_sub(bytes.len() as u64);
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
        let mut words = Words { text: texts.join("\n\n"), ..Words::default() };
        words.dropped.merge(&reading.dropped);
        reading.entries.iter().for_each(|entry| words.dropped.merge(&entry.dropped));
        return words;
    }
    let Some(text) = decode::text(bytes) else { return unread() };
    match ending.as_str() {
        "txt" => Words { text: plain::joined(&text), ..Words::default() },
        _ => {
            let page = html::page(&text);
            Words { text: page.text, dropped: page.dropped, ..Words::default() }
        }
    }
}

/// What a part is related to, by the list beside it.
fn relations(part: &mut impl FnMut(&str) -> Option<Vec<u8>>, of: &str) -> Vec<Relation> {
    let (folder, file) = of.rsplit_once('/').unwrap_or(("", of));
    let slash = if folder.is_empty() { "" } else { "/" };
    let list = part(&format!("{folder}{slash}_rels/{file}.rels"));
    let Some(xml) = list.and_then(|bytes| decode::text(&bytes)) else { return Vec::new() };
    let mut reader = Reader::from_str(&xml);
    let mut relations = Vec::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag)
                if tag.local_name().as_ref() == "Relationship" =>
            {
                let says = |name: &str| attribute(&tag, name).unwrap_or_default();
                let kind = says("Type");
                relations.push(Relation {
                    id: says("Id"),
                    kind: kind.rsplit('/').next().unwrap_or(&kind).to_owned(),
                    target: says("Target"),
                    is_external: says("TargetMode") == "External",
                });
            }
            Event::Eof => break,
            _ => {}
        }
    }
    relations
}

/// The address of each link of a part, by its id.
fn links(relations: &[Relation]) -> HashMap<String, String> {
    relations
        .iter()
        .filter(|relation| relation.kind == "hyperlink")
        .map(|relation| (relation.id.clone(), relation.target.clone()))
        .collect()
}

/// The name that a part of this kind usually has.
fn beside(main: &str, kind: &str) -> String {
    resolved(main, &format!("{kind}.xml"))
}

/// The part that `target` names in a list beside the part `from`.
fn resolved(from: &str, target: &str) -> String {
    let folder = match target.starts_with('/') {
        true => "",
        false => from.rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split(['/', '\\'])) {
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

fn attribute(tag: &BytesStart, wanted: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// Whether a property is on, as it is where nothing else is said.
fn is_on(tag: &BytesStart) -> bool {
    !attribute(tag, "val")
        .is_some_and(|value| matches!(value.as_str(), "0" | "false" | "none" | "off"))
}

/// All words of a part, a line for each paragraph.
fn bare(xml: &str) -> String {
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
            Event::Text(said) if in_text => text.push_str(&html::decoded(&said)),
            Event::GeneralRef(name) if in_text => {
                text.push_str(&html::decoded(&format!("&{};", &*name)));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    text
}

/// What the document says of its styles and lists.
#[derive(Debug, Default)]
struct Catalog {
    styles: HashMap<String, Named>,
    /// The levels of each list, by its id: whether they are numbered.
    lists: HashMap<String, Vec<bool>>,
}

/// A style.
#[derive(Debug, Default)]
struct Named {
    name: String,
    based_on: Option<String>,
    /// The outline level, from 0; 9 is body text.
    outline: Option<usize>,
    list: Option<Numbering>,
    bold: Option<bool>,
    italic: Option<bool>,
    hidden: Option<bool>,
}

/// Where a paragraph or a style says that it stands in a list.
#[derive(Debug, Clone, Default)]
struct Numbering {
    id: Option<String>,
    depth: usize,
}

impl Catalog {
    /// A style and those that it is based on, the nearest first.
    fn chain<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Named> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let style = self.styles.get(next?)?;
            next = style.based_on.as_deref();
            Some(style)
        })
        .take(MAX_CHAIN)
    }

    fn style(&self, id: &str, outline: Option<usize>) -> Style {
        let heading =
            |level: usize| if level < 9 { Style::Heading(level + 1) } else { Style::Text };
        if let Some(level) = outline {
            return heading(level);
        }
        if !self.styles.contains_key(id) {
            return Style::named(id).unwrap_or_default();
        }
        self.chain(id)
            .find_map(|style| Style::named(&style.name).or(style.outline.map(heading)))
            .unwrap_or_default()
    }

    /// Where a paragraph stands in a list, by what it says itself or by its style.
    fn item(&self, style: &str, own: Option<&Numbering>) -> Option<Item> {
        let by_style = || self.chain(style).find_map(|style| style.list.as_ref());
        let numbering = own.or_else(by_style)?;
        let id = numbering.id.as_deref();
        if id == Some("0") {
            return None;
        }
        let levels = id.and_then(|id| self.lists.get(id));
        let is_ordered =
            levels.and_then(|levels| levels.get(numbering.depth)).copied().unwrap_or_default();
        Some(Item { depth: numbering.depth, is_ordered, is_continued: false })
    }
}

/// The styles of a document by their ids, which are in Word's own language.
fn styles(xml: &str) -> HashMap<String, Named> {
    let mut reader = Reader::from_str(xml);
    let mut styles = HashMap::new();
    let mut open: Option<(String, Named)> = None;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if tag.local_name().as_ref() == "style" => {
                open = attribute(&tag, "styleId").map(|id| (id, Named::default()));
            }
            Event::End(tag) if tag.local_name().as_ref() == "style" => styles.extend(open.take()),
            Event::Start(tag) | Event::Empty(tag) => {
                let Some((_, style)) = &mut open else { continue };
                let value = || attribute(&tag, "val");
                match tag.local_name().as_ref() {
                    "name" => style.name = value().unwrap_or_default(),
                    "basedOn" => style.based_on = value(),
                    "outlineLvl" => style.outline = value().and_then(|level| level.parse().ok()),
                    "numPr" => style.list = Some(Numbering::default()),
                    "numId" => style.list.get_or_insert_default().id = value(),
                    "ilvl" => style.list.get_or_insert_default().depth = depth(&tag),
                    "b" => style.bold = Some(is_on(&tag)),
                    "i" => style.italic = Some(is_on(&tag)),
                    "vanish" => style.hidden = Some(is_on(&tag)),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    styles
}

/// The depth in a list that a tag gives.
fn depth(tag: &BytesStart) -> usize {
    attribute(tag, "val").and_then(|value| value.parse().ok()).unwrap_or(0usize).min(8)
}

/// The levels of each list by its id: whether they are numbered.
fn lists(xml: &str) -> HashMap<String, Vec<bool>> {
    let mut reader = Reader::from_str(xml);
    let mut shapes: HashMap<String, Vec<bool>> = HashMap::new();
    let mut lists = HashMap::new();
    let (mut shape, mut list) = (None, None);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "abstractNum" => shape = attribute(&tag, "abstractNumId"),
                "num" => list = attribute(&tag, "numId"),
                "numFmt" => {
                    let format = attribute(&tag, "val").unwrap_or_default();
                    if let Some(shape) = &shape {
                        let levels = shapes.entry(shape.clone()).or_default();
                        levels.push(!matches!(format.as_str(), "bullet" | "none"));
                    }
                }
                "abstractNumId" => {
                    let of = attribute(&tag, "val").and_then(|id| shapes.get(&id));
                    if let (Some(list), Some(levels)) = (list.take(), of) {
                        lists.insert(list, levels.clone());
                    }
                }
                _ => {}
            },
            Event::End(tag) if tag.local_name().as_ref() == "abstractNum" => shape = None,
            Event::Eof => break,
            _ => {}
        }
    }
    lists
}

fn facts_of(xml: &str) -> Facts {
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

/// A run of text while it is read.
#[derive(Debug, Default)]
struct Run {
    look: Look,
    /// What it says of itself; its styles say the rest.
    hidden: Option<bool>,
    font: Option<SignFont>,
}

/// The properties of a paragraph while it is read.
#[derive(Debug, Default)]
struct Properties {
    style: String,
    outline: Option<usize>,
    list: Option<Numbering>,
    hidden: bool,
}

/// A field: its instruction, then its result.
#[derive(Debug, Default)]
struct Field {
    instruction: String,
    in_result: bool,
}

impl Field {
    /// The address that a field links to.
    fn link(&self) -> Option<&str> {
        let rest = self.instruction.trim_start().strip_prefix("HYPERLINK")?.trim_start();
        let address = rest.strip_prefix('"')?.split('"').next()?;
        (!address.is_empty()).then_some(address)
    }
}

/// An element whose text is not taken.
#[derive(Debug)]
struct Aside {
    /// How many elements are open around it.
    depth: usize,
    /// Why, if its words are to be counted: a copy of others is not.
    why: Option<&'static str>,
}

/// A part while it is read.
#[derive(Debug)]
struct Body<'a> {
    catalog: &'a Catalog,
    links: &'a HashMap<String, String>,
    inserted: &'a HashMap<String, Words>,
    sheet: Sheet,
    /// Take what was deleted and not what was inserted.
    before: bool,
    changes: Option<Changes>,
    depth: usize,
    asides: Vec<Aside>,
    /// Of each open paragraph.
    paragraphs: Vec<Properties>,
    run: Run,
    in_paragraph_properties: usize,
    in_run_properties: usize,
    in_text: bool,
    in_instruction: bool,
    fields: Vec<Field>,
    hyperlinks: Vec<Option<String>>,
    /// Of each open choice between two forms: whether one was taken.
    choices: Vec<bool>,
    /// Of each open content control: why its content is not the writer's text.
    controls: Vec<Option<&'static str>>,
}

impl<'a> Body<'a> {
    fn new(
        catalog: &'a Catalog,
        links: &'a HashMap<String, String>,
        inserted: &'a HashMap<String, Words>,
        sheet: Sheet,
        before: bool,
    ) -> Self {
        Body {
            catalog,
            links,
            inserted,
            sheet,
            before,
            changes: None,
            depth: 0,
            asides: Vec::new(),
            paragraphs: Vec::new(),
            run: Run::default(),
            in_paragraph_properties: 0,
            in_run_properties: 0,
            in_text: false,
            in_instruction: false,
            fields: Vec::new(),
            hyperlinks: Vec::new(),
            choices: Vec::new(),
            controls: Vec::new(),
        }
    }

    /// Reads a part; whether it is whole.
    fn read(&mut self, xml: &str) -> bool {
        let mut reader = Reader::from_str(xml);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        let whole = loop {
            match reader.read_event() {
                Err(_) => break false,
                Ok(Event::Eof) => break self.depth == 0,
                Ok(Event::Start(tag)) => {
                    self.begin(&tag);
                    self.depth += 1;
                }
                Ok(Event::Empty(tag)) => {
                    self.begin(&tag);
                    self.end(tag.local_name().as_ref());
                }
                Ok(Event::End(tag)) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.end(tag.local_name().as_ref());
                }
                Ok(Event::Text(text)) if self.in_text => self.say(&spaced(&html::decoded(&text))),
                Ok(Event::CData(text)) if self.in_text => self.say(&spaced(&text)),
                Ok(Event::GeneralRef(name)) if self.in_text => {
                    self.say(&html::decoded(&format!("&{};", &*name)))
                }
                Ok(Event::Text(text)) if self.in_instruction => {
                    let field = self.fields.last_mut();
                    if let Some(field) = field.filter(|f| f.instruction.len() < MAX_INSTRUCTION) {
                        field.instruction.push_str(&html::decoded(&text));
                    }
                }
                Ok(_) => {}
            }
        };
        while !self.paragraphs.is_empty() {
            self.end_paragraph();
        }
        self.sheet.end_part();
        whole
    }

    /// Why an element is not taken: the side of a tracked change that is not asked for, the second
    /// copy of a text box, the reading of a character, properties that were.
    fn aside(&mut self, tag: &BytesStart) -> Option<Option<&'static str>> {
        let in_properties = self.in_run_properties > 0 || self.in_paragraph_properties > 0;
        match tag.local_name().as_ref() {
            "ins" | "moveTo" if self.before && !in_properties => Some(None),
            "del" | "moveFrom" if !self.before && !in_properties => Some(Some(document::DELETED)),
            "rt" => Some(Some(document::READINGS)),
            "Choice" | "Fallback" => match self.choices.last_mut() {
                Some(taken) => std::mem::replace(taken, true).then_some(None),
                None => None,
            },
            "footnote" | "endnote" => {
                attribute(tag, "type").is_some_and(|kind| kind != "normal").then_some(None)
            }
            "sdtContent" => self.controls.last().copied().flatten().map(Some),
            "sectPr" | "rPrChange" | "pPrChange" | "tblPrChange" | "trPrChange" | "tcPrChange"
            | "sectPrChange" | "numberingChange" | "tblGridChange" => Some(None),
            _ => None,
        }
    }

    fn begin(&mut self, tag: &BytesStart) {
        let name = tag.local_name();
        let name = name.as_ref();
        if matches!(name, "ins" | "del" | "moveFrom" | "moveTo") {
            let day = attribute(tag, "date").as_deref().and_then(date::spelled);
            self.changes.get_or_insert_default().add(attribute(tag, "author"), day);
        }
        if self.asides.is_empty()
            && let Some(why) = self.aside(tag)
        {
            self.asides.push(Aside { depth: self.depth, why });
        } else if !self.asides.is_empty() && name == "Fallback" {
            // The copy of what was counted once.
            self.asides.push(Aside { depth: self.depth, why: None });
        }
        if !self.asides.is_empty() {
            match name {
                "t" | "delText" => self.in_text = true,
                "tab" | "br" | "cr" => self.say(" "),
                _ => {}
            }
            return;
        }
        if self.in_run_properties > 0 {
            self.run_property(name, tag);
        } else if self.in_paragraph_properties > 0 {
            self.paragraph_property(name, tag);
        } else {
            self.open(name, tag);
        }
    }

    /// An element in the properties of a run, or of a paragraph's mark.
    fn run_property(&mut self, name: &str, tag: &BytesStart) {
        if self.in_paragraph_properties > 0 {
            let gone = if self.before { ["ins", "moveTo"] } else { ["del", "moveFrom"] };
            if gone.contains(&name) {
                self.sheet.join();
            }
            return;
        }
        match name {
            "rPr" => self.in_run_properties += 1,
            "b" => self.run.look.bold = is_on(tag),
            "i" => self.run.look.italic = is_on(tag),
            "vanish" => self.run.hidden = Some(is_on(tag)),
            "rFonts" => {
                let font = attribute(tag, "ascii").or_else(|| attribute(tag, "hAnsi"));
                self.run.font = font.and_then(|font| SignFont::named(&font));
            }
            "rStyle" => {
                let id = attribute(tag, "val").unwrap_or_default();
                for style in self.catalog.chain(&id) {
                    let look = &mut self.run.look;
                    look.bold |= style.bold == Some(true);
                    look.italic |= style.italic == Some(true);
                    look.code |= is_code(&style.name);
                    self.run.hidden = self.run.hidden.or(style.hidden);
                }
            }
            _ => {}
        }
    }

    fn paragraph_property(&mut self, name: &str, tag: &BytesStart) {
        if name == "rPr" {
            self.in_run_properties += 1;
        }
        let Some(properties) = self.paragraphs.last_mut() else { return };
        match name {
            // A large first letter is a frame of its own before its paragraph.
            "framePr" if attribute(tag, "dropCap").is_some_and(|drop| drop != "none") => {
                self.sheet.join();
            }
            "pStyle" => properties.style = attribute(tag, "val").unwrap_or_default(),
            "outlineLvl" => {
                properties.outline = attribute(tag, "val").and_then(|level| level.parse().ok());
            }
            "numPr" => properties.list = Some(Numbering::default()),
            "ilvl" => properties.list.get_or_insert_default().depth = depth(tag),
            "numId" => properties.list.get_or_insert_default().id = attribute(tag, "val"),
            _ => {}
        }
    }

    fn open(&mut self, name: &str, tag: &BytesStart) {
        match name {
            "p" => {
                self.paragraphs.push(Properties::default());
                self.sheet.begin_paragraph();
            }
            "pPr" => self.in_paragraph_properties += 1,
            "rPr" => self.in_run_properties += 1,
            "r" => self.run = Run::default(),
            "t" | "delText" => self.in_text = true,
            "instrText" | "delInstrText" => self.in_instruction = true,
            "br" | "cr" => self.say("\n"),
            "tab" | "ptab" if self.sheet.has_text() => self.say(" "),
            "noBreakHyphen" => self.say("\u{2011}"),
            "sym" => self.sign(tag),
            "hyperlink" => {
                let address = attribute(tag, "id").and_then(|id| self.links.get(&id)).cloned();
                self.hyperlinks.push(address.filter(|address| !address.starts_with('#')));
            }
            "fldChar" => match attribute(tag, "fldCharType").as_deref() {
                Some("begin") => self.fields.push(Field::default()),
                Some("separate") => {
                    self.fields.last_mut().into_iter().for_each(|field| field.in_result = true);
                }
                Some("end") => {
                    self.fields.pop();
                }
                _ => {}
            },
            "AlternateContent" => self.choices.push(false),
            "sdt" => self.controls.push(None),
            "showingPlcHdr" if is_on(tag) => self.control(document::PLACEHOLDERS),
            "docPartGallery"
                if attribute(tag, "val").is_some_and(|kind| kind == "Table of Contents") =>
            {
                self.control(document::CONTENTS);
            }
            "altChunk" => {
                let words = attribute(tag, "id").and_then(|id| self.inserted.get(&id));
                if let Some(words) = words {
                    self.sheet.take_in(words.text.clone());
                }
            }
            "textpath" => {
                let text = attribute(tag, "string").unwrap_or_default();
                self.sheet.leave(document::DIAGRAMS, &format!("{text}\n"));
            }
            "tbl" => self.sheet.begin_table(),
            "tr" => self.sheet.begin_row(),
            "tc" => self.sheet.begin_cell(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if !self.asides.is_empty() {
            match name {
                "t" | "delText" => self.in_text = false,
                "p" => self.say("\n"),
                _ => {}
            }
            self.asides.pop_if(|aside| self.depth <= aside.depth);
            return;
        }
        match name {
            "p" => self.end_paragraph(),
            "pPr" => {
                self.in_paragraph_properties = self.in_paragraph_properties.saturating_sub(1);
                self.in_run_properties = 0;
                self.settle_style();
            }
            "rPr" => self.in_run_properties = self.in_run_properties.saturating_sub(1),
            "t" | "delText" => self.in_text = false,
            "instrText" | "delInstrText" => self.in_instruction = false,
            "hyperlink" => {
                self.hyperlinks.pop();
            }
            "AlternateContent" => {
                self.choices.pop();
            }
            "sdt" => {
                self.controls.pop();
            }
            "tbl" => self.sheet.end_table(),
            "tc" => self.sheet.end_cell(),
            _ => {}
        }
    }

    /// Says of the content control that is open why its content is not the writer's text.
    fn control(&mut self, why: &'static str) {
        if let Some(control) = self.controls.last_mut() {
            *control = Some(why);
        }
    }

    /// Knows a paragraph by its properties, which come before its text.
    fn settle_style(&mut self) {
        let catalog = self.catalog;
        let Some(properties) = self.paragraphs.last_mut() else { return };
        let style = catalog.style(&properties.style, properties.outline);
        let item = catalog.item(&properties.style, properties.list.as_ref());
        properties.hidden =
            catalog.chain(&properties.style).find_map(|style| style.hidden).unwrap_or_default();
        self.sheet.style(style, item);
    }

    fn end_paragraph(&mut self) {
        if self.paragraphs.pop().is_some() {
            self.sheet.end_paragraph();
            // An instruction ends where its paragraph does, even if that is not said.
            self.fields.iter_mut().for_each(|field| field.in_result = true);
        }
        (self.in_text, self.in_instruction) = (false, false);
    }

    /// A sign by the number that it has in its font.
    fn sign(&mut self, tag: &BytesStart) {
        let code = attribute(tag, "char").and_then(|code| u32::from_str_radix(&code, 16).ok());
        let font = attribute(tag, "font").and_then(|font| SignFont::named(&font));
        let char = match (code, font) {
            (Some(code), Some(font)) => font.sign(code),
            (Some(code), None) if !symbol::is_private(code) => char::from_u32(code),
            _ => None,
        };
        if let Some(char) = char {
            self.run.font = None;
            self.say(char.encode_utf8(&mut [0; 4]));
        }
    }

    /// Takes text, or counts it.
    fn say(&mut self, text: &str) {
        if let Some(aside) = self.asides.last() {
            if let Some(why) = aside.why {
                self.sheet.leave(why, text);
            }
            return;
        }
        if self.fields.iter().any(|field| !field.in_result) {
            return self.sheet.leave(document::FIELD_CODES, text);
        }
        let by_style = self.paragraphs.last().is_some_and(|properties| properties.hidden);
        if self.run.hidden.unwrap_or(by_style) {
            return self.sheet.leave(document::HIDDEN, text);
        }
        let linked = self.hyperlinks.iter().rev().flatten().next().map(String::as_str);
        let linked = linked.or_else(|| self.fields.iter().rev().find_map(Field::link));
        if self.run.look.link.as_deref() != linked {
            self.run.look.link = linked.map(str::to_owned);
        }
        match self.run.font {
            Some(font) => {
                let signs: String = text.chars().filter_map(|c| font.sign(c as u32)).collect();
                self.sheet.say(&signs, &self.run.look);
            }
            None => self.sheet.say(text, &self.run.look),
        }
    }
}

/// Text as it stands in the XML, where a line end is a space.
fn spaced(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

/// Whether a style of runs marks code.
fn is_code(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "html code",
        "verbatim char",
        "source text",
        "html typewriter",
        "html keyboard",
        "code char",
    ];
    NAMES.contains(&name.to_lowercase().as_str())
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
        let before = words.before.unwrap();
        assert_eq!((words.text.as_str(), before.text.as_str()), ("a new", "a old"));
        assert_eq!(before.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(words.dropped.words(), 1);
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

    /// A package of the given parts, besides a main part with this body.
    fn package(body: &str, parts: &[(&str, &str)]) -> Words {
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
    fn the_main_part_and_its_parts_are_what_the_relationships_say() {
        for target in ["/word/document2.xml", "word/document2.xml", "/odd/a/../main.xml"] {
            let path = resolved("", target);
            let (folder, file) = path.rsplit_once('/').unwrap();
            let list = [rel("a", "officeDocument", target)].concat();
            let notes = rel("n", "footnotes", "notes/f.xml");
            let words = package(
                "",
                &[
                    ("_rels/.rels", &list),
                    (&path, &format!("<w:document>{}</w:document>", p("<w:t>The sill.</w:t>"))),
                    (&format!("{folder}/_rels/{file}.rels"), &notes),
                    (&format!("{folder}/notes/f.xml"), &p("<w:t>A note.</w:t>")),
                ],
            );
            assert_eq!(words.text, "The sill.\n\nA note.", "{target}");
        }
    }

    #[test]
    fn a_style_counts_by_its_whole_name_and_by_what_it_is_based_on() {
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
            let words = package(&styled(id, "Words."), &[("word/styles.xml", &styles)]);
            assert_eq!((words.text.as_str(), words.dropped.words()), (expected, left), "{id}");
        }
    }

    #[test]
    fn a_paragraph_mark_that_was_deleted_joins_and_one_that_was_inserted_divides() {
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
        let words = package(&body, &[]);
        assert_eq!(words.text, "The lamp was lit before seven.\n\nIt rained.\n\nNobody came.");
        let before = words.before.unwrap();
        assert_eq!(before.text, "The lamp was lit\n\nbefore seven.\n\nIt rained.Nobody came.");
        assert_eq!(before.author.as_deref(), Some("Ida"));
    }

    #[test]
    fn changes_by_several_people_name_nobody() {
        let change = |who: &str| {
            format!(
                "<w:p><w:ins w:author=\"{who}\"><w:r><w:t>By {who}.</w:t></w:r></w:ins><w:r><w:t>So.</w:t></w:r></w:p>"
            )
        };
        let words = package(&[change("Ida"), change("Per")].concat(), &[]);
        assert_eq!(words.before.unwrap().author, None);
    }

    #[test]
    fn signs_hyphens_and_tabs() {
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
    fn numbered_lists_and_those_of_a_style() {
        let numbering = "<w:numbering><w:abstractNum w:abstractNumId=\"7\"><w:lvl><w:numFmt w:val=\"decimal\"/></w:lvl><w:lvl><w:numFmt w:val=\"bullet\"/></w:lvl></w:abstractNum><w:num w:numId=\"3\"><w:abstractNumId w:val=\"7\"/></w:num></w:numbering>";
        let styles = "<w:style w:styleId=\"n\"><w:name w:val=\"List Number\"/><w:pPr><w:numPr><w:numId w:val=\"3\"/></w:numPr></w:pPr></w:style>";
        let deeper = "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"3\"/></w:numPr></w:pPr><w:r><w:t>b</w:t></w:r></w:p>";
        let body = [&styled("n", "a"), deeper, &styled("n", "c")].concat();
        let parts = [("word/numbering.xml", numbering), ("word/styles.xml", styles)];
        assert_eq!(package(&body, &parts).text, "1. a\n   - b\n2. c");
    }

    #[test]
    fn fields_show_their_result_and_link_where_they_say() {
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
        // An instruction that is cut off takes no other paragraph with it.
        reads(&[p(&code("begin")), p("<w:t>On.</w:t>")].concat(), "On.");
    }

    #[test]
    fn a_file_that_is_inserted_is_read_where_it_stands() {
        let list: String = [("1", "a.html"), ("2", "b.txt"), ("3", "c.rtf"), ("4", "d.bin")]
            .iter()
            .map(|(id, target)| rel(id, "aFChunk", target))
            .collect();
        let body = (1..=4).map(|n| format!("<w:altChunk r:id=\"{n}\"/>")).collect::<String>();
        let body = [p("<w:t>First.</w:t>"), body, p("<w:t>Last.</w:t>")].concat();
        let words = package(
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
            words.text,
            "First.\n\nFrom **HTML**.\n\nFrom text.\n\nFrom rich text.\n\nLast."
        );
        assert_eq!(words.complaints, ["A file that was inserted in it could not be read."]);
    }

    #[test]
    fn a_document_that_is_cut_short_keeps_what_came_before() {
        let whole = "<w:document><w:body><w:p><w:r><w:t>One.</w:t></w:r></w:p><w:p><w:r><w:t>Two";
        let words = read(|name| (name == "word/document.xml").then(|| whole.into())).unwrap();
        assert_eq!((words.text.as_str(), words.complaints.len()), ("One.\n\nTwo", 1));
    }

    #[test]
    fn every_word_of_a_document_is_kept_or_named() {
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
        let words = package(
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
        let kept: Vec<&str> = crate::words::words(&words.text).map(|(_, word)| word).collect();
        let all = "one two three four five six seven eight nine ten eleven twelve";
        let mut expected: Vec<&str> = all.split(' ').collect();
        assert_eq!(words.dropped.words(), 2 + 2 + 1 + 2 + 2 + 2 + 2 + 1 + 2, "{:?}", words.dropped);
        let mut kept = kept;
        kept.sort_unstable();
        expected.sort_unstable();
        assert_eq!(kept, expected);
    }
}
