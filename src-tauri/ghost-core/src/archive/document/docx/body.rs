//! The body of a Word document and its notes, as Markdown.

use std::collections::HashMap;

use quick_xml::events::{BytesStart, Event};

use super::styles::{Numbering, StyleSheet, depth, is_on};
use crate::archive::document::builder::{CharStyle, MarkdownBuilder};
use crate::archive::document::contents::{Changes, DocumentContents};
use crate::archive::document::reasons;
use crate::archive::document::symbol_font::{self, SymbolFont};
use crate::archive::document::xml_events::{SkippedElement, attribute, reader};
use crate::archive::{date, html};

/// Bytes of a field's instruction; an address is shorter.
const MAX_INSTRUCTION: usize = 2000;

/// A run of text being read.
#[derive(Debug, Default)]
struct Run {
    char_style: CharStyle,
    /// Its own property; its styles give the default.
    hidden: Option<bool>,
    font: Option<SymbolFont>,
}

/// The properties of a paragraph being read.
#[derive(Debug, Default)]
struct Properties {
    style: String,
    outline: Option<usize>,
    list: Option<Numbering>,
    hidden: bool,
}

/// A field: an instruction, then its result.
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

/// A part being read.
#[derive(Debug)]
pub(super) struct BodyReader<'a> {
    style_sheet: &'a StyleSheet,
    links: &'a HashMap<String, String>,
    inserted: &'a HashMap<String, DocumentContents>,
    pub(super) builder: MarkdownBuilder,
    /// Read the state before the tracked changes.
    before: bool,
    pub(super) changes: Option<Changes>,
    depth: usize,
    skipped: Vec<SkippedElement>,
    /// The properties of each open paragraph.
    paragraphs: Vec<Properties>,
    run: Run,
    in_paragraph_properties: usize,
    in_run_properties: usize,
    in_text: bool,
    in_instruction: bool,
    fields: Vec<Field>,
    hyperlinks: Vec<Option<String>>,
    /// For each open choice between two forms: true if one was taken.
    choices: Vec<bool>,
    /// For each open content control: the reason why its content is not the writer's text.
    controls: Vec<Option<&'static str>>,
}

impl<'a> BodyReader<'a> {
    pub(super) fn new(
        style_sheet: &'a StyleSheet,
        links: &'a HashMap<String, String>,
        inserted: &'a HashMap<String, DocumentContents>,
        builder: MarkdownBuilder,
        before: bool,
    ) -> Self {
        BodyReader {
            style_sheet,
            links,
            inserted,
            builder,
            before,
            changes: None,
            depth: 0,
            skipped: Vec::new(),
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

    /// Reads a part; returns false if it is cut short.
    pub(super) fn read(&mut self, xml: &str) -> bool {
        let mut reader = reader(xml);
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
                Ok(Event::Text(text)) if self.in_text => {
                    self.write(&spaced(&html::decode_entities(&text)))
                }
                Ok(Event::CData(text)) if self.in_text => self.write(&spaced(&text)),
                Ok(Event::GeneralRef(name)) if self.in_text => {
                    self.write(&html::decode_entities(&format!("&{};", &*name)))
                }
                Ok(Event::Text(text)) if self.in_instruction => {
                    let field = self.fields.last_mut();
                    if let Some(field) = field.filter(|f| f.instruction.len() < MAX_INSTRUCTION) {
                        field.instruction.push_str(&html::decode_entities(&text));
                    }
                }
                Ok(_) => {}
            }
        };
        while !self.paragraphs.is_empty() {
            self.end_paragraph();
        }
        self.builder.end_part();
        whole
    }

    /// The reason why an element is skipped, if it is: the other side of a tracked change, the second
    /// copy of a text box, the reading of a character, former properties.
    fn skipped_kind(&mut self, tag: &BytesStart) -> Option<Option<&'static str>> {
        let in_properties = self.in_run_properties > 0 || self.in_paragraph_properties > 0;
        match tag.local_name().as_ref() {
            "ins" | "moveTo" if self.before && !in_properties => Some(None),
            "del" | "moveFrom" if !self.before && !in_properties => Some(Some(reasons::DELETED)),
            "rt" => Some(Some(reasons::READINGS)),
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
            let day = attribute(tag, "date").as_deref().and_then(date::parse);
            self.changes.get_or_insert_default().add(attribute(tag, "author"), day);
        }
        if self.skipped.is_empty()
            && let Some(reason) = self.skipped_kind(tag)
        {
            self.skipped.push(SkippedElement { depth: self.depth, reason });
        } else if !self.skipped.is_empty() && name == "Fallback" {
            // A copy of text that is counted already.
            self.skipped.push(SkippedElement { depth: self.depth, reason: None });
        }
        if !self.skipped.is_empty() {
            match name {
                "t" | "delText" => self.in_text = true,
                "tab" | "br" | "cr" => self.write(" "),
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

    /// Reads a property of a run or of a paragraph mark.
    fn run_property(&mut self, name: &str, tag: &BytesStart) {
        if self.in_paragraph_properties > 0 {
            let gone = if self.before { ["ins", "moveTo"] } else { ["del", "moveFrom"] };
            if gone.contains(&name) {
                self.builder.join();
            }
            return;
        }
        match name {
            "rPr" => self.in_run_properties += 1,
            "b" => self.run.char_style.bold = is_on(tag),
            "i" => self.run.char_style.italic = is_on(tag),
            "vanish" => self.run.hidden = Some(is_on(tag)),
            "rFonts" => {
                let font = attribute(tag, "ascii").or_else(|| attribute(tag, "hAnsi"));
                self.run.font = font.and_then(|font| SymbolFont::named(&font));
            }
            "rStyle" => {
                let id = attribute(tag, "val").unwrap_or_default();
                for style in self.style_sheet.chain(&id) {
                    let char_style = &mut self.run.char_style;
                    char_style.bold |= style.bold == Some(true);
                    char_style.italic |= style.italic == Some(true);
                    char_style.code |= is_code(&style.name);
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
            // A drop cap is a separate frame before its paragraph.
            "framePr" if attribute(tag, "dropCap").is_some_and(|drop| drop != "none") => {
                self.builder.join();
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
                self.builder.begin_paragraph();
            }
            "pPr" => self.in_paragraph_properties += 1,
            "rPr" => self.in_run_properties += 1,
            "r" => self.run = Run::default(),
            "t" | "delText" => self.in_text = true,
            "instrText" | "delInstrText" => self.in_instruction = true,
            "br" | "cr" => self.write("\n"),
            "tab" | "ptab" if self.builder.has_text() => self.write(" "),
            "noBreakHyphen" => self.write("\u{2011}"),
            "sym" => self.write_symbol(tag),
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
            "showingPlcHdr" if is_on(tag) => self.control(reasons::PLACEHOLDERS),
            "docPartGallery"
                if attribute(tag, "val").is_some_and(|kind| kind == "Table of Contents") =>
            {
                self.control(reasons::CONTENTS);
            }
            "altChunk" => {
                let contents = attribute(tag, "id").and_then(|id| self.inserted.get(&id));
                if let Some(contents) = contents {
                    self.builder.append_markdown(contents.text.clone());
                }
            }
            "textpath" => {
                let text = attribute(tag, "string").unwrap_or_default();
                self.builder.skip(reasons::DIAGRAMS, &format!("{text}\n"));
            }
            "tbl" => self.builder.begin_table(),
            "tr" => self.builder.begin_row(),
            "tc" => self.builder.begin_cell(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if !self.skipped.is_empty() {
            match name {
                "t" | "delText" => self.in_text = false,
                "p" => self.write("\n"),
                _ => {}
            }
            self.skipped.pop_if(|skipped_kind| self.depth <= skipped_kind.depth);
            return;
        }
        match name {
            "p" => self.end_paragraph(),
            "pPr" => {
                self.in_paragraph_properties = self.in_paragraph_properties.saturating_sub(1);
                self.in_run_properties = 0;
                self.set_style();
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
            "tbl" => self.builder.end_table(),
            "tc" => self.builder.end_cell(),
            _ => {}
        }
    }

    /// Marks the open content control as not the writer's text.
    fn control(&mut self, reason: &'static str) {
        if let Some(control) = self.controls.last_mut() {
            *control = Some(reason);
        }
    }

    /// Sets the style of a paragraph from its properties, which come before its text.
    fn set_style(&mut self) {
        let style_sheet = self.style_sheet;
        let Some(properties) = self.paragraphs.last_mut() else { return };
        let style = style_sheet.style(&properties.style, properties.outline);
        let item = style_sheet.item(&properties.style, properties.list.as_ref());
        properties.hidden =
            style_sheet.chain(&properties.style).find_map(|style| style.hidden).unwrap_or_default();
        self.builder.style(style, item);
    }

    fn end_paragraph(&mut self) {
        if self.paragraphs.pop().is_some() {
            self.builder.end_paragraph();
            // An instruction ends with its paragraph, even without an end mark.
            self.fields.iter_mut().for_each(|field| field.in_result = true);
        }
        (self.in_text, self.in_instruction) = (false, false);
    }

    /// Writes a symbol by its code in its font.
    fn write_symbol(&mut self, tag: &BytesStart) {
        let code = attribute(tag, "char").and_then(|code| u32::from_str_radix(&code, 16).ok());
        let font = attribute(tag, "font").and_then(|font| SymbolFont::named(&font));
        let char = match (code, font) {
            (Some(code), Some(font)) => font.character(code),
            (Some(code), None) if !symbol_font::is_private(code) => char::from_u32(code),
            _ => None,
        };
        if let Some(char) = char {
            self.run.font = None;
            self.write(char.encode_utf8(&mut [0; 4]));
        }
    }

    /// Writes text, or counts it as skipped.
    fn write(&mut self, text: &str) {
        if let Some(skipped_kind) = self.skipped.last() {
            if let Some(reason) = skipped_kind.reason {
                self.builder.skip(reason, text);
            }
            return;
        }
        if self.fields.iter().any(|field| !field.in_result) {
            return self.builder.skip(reasons::FIELD_CODES, text);
        }
        let by_style = self.paragraphs.last().is_some_and(|properties| properties.hidden);
        if self.run.hidden.unwrap_or(by_style) {
            return self.builder.skip(reasons::HIDDEN, text);
        }
        let linked = self.hyperlinks.iter().rev().flatten().next().map(String::as_str);
        let linked = linked.or_else(|| self.fields.iter().rev().find_map(Field::link));
        if self.run.char_style.link.as_deref() != linked {
            self.run.char_style.link = linked.map(str::to_owned);
        }
        match self.run.font {
            Some(font) => {
                let signs: String = text.chars().filter_map(|c| font.character(c as u32)).collect();
                self.builder.write(&signs, &self.run.char_style);
            }
            None => self.builder.write(text, &self.run.char_style),
        }
    }
}

/// Text of the XML, in which line ends are spaces.
fn spaced(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

/// Returns true if a character style marks code.
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
