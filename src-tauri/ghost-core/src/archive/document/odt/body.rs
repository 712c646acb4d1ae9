//! The body of an OpenDocument text, as Markdown.

use std::collections::{HashMap, HashSet};

use quick_xml::events::{BytesStart, Event};

use super::changes::TrackedChanges;
use super::styles::{StyleDefinition, StyleSheet};
use crate::archive::document::builder::{CharStyle, ListItem, MarkdownBuilder, ParagraphStyle};
use crate::archive::document::reasons;
use crate::archive::document::xml_events::{SkippedElement, attribute, reader};
use crate::archive::html;

/// Deleted stretches that are restored inside each other.
const MAX_RESTORE_DEPTH: usize = 2;

pub(super) fn is_paragraph(name: &str) -> bool {
    matches!(name, "p" | "h")
}

/// An open list.
#[derive(Debug)]
struct List {
    style: Option<String>,
    is_ordered: bool,
    /// The current item has a paragraph.
    has_paragraph: bool,
    in_item: bool,
}

/// A run of text with its own format.
#[derive(Debug, Default, Clone)]
struct Span {
    char_style: CharStyle,
    hidden: bool,
}

/// A document being read.
#[derive(Debug)]
pub(super) struct BodyReader<'a> {
    style_sheet: &'a StyleSheet,
    tracked: &'a TrackedChanges<'a>,
    formulas: &'a HashMap<String, String>,
    pub(super) builder: MarkdownBuilder,
    /// Read the state before the tracked changes.
    before: bool,
    depth: usize,
    skipped: Vec<SkippedElement>,
    spans: Vec<Span>,
    lists: Vec<List>,
    /// The lists around a table, a text box or a note.
    outer: Vec<Vec<List>>,
    /// Open insertions.
    inserted: HashSet<String>,
    /// The number of paragraphs begun of a deleted stretch that is being restored.
    replayed: Option<usize>,
}

impl<'a> BodyReader<'a> {
    pub(super) fn new(
        style_sheet: &'a StyleSheet,
        tracked: &'a TrackedChanges<'a>,
        formulas: &'a HashMap<String, String>,
        before: bool,
    ) -> Self {
        BodyReader {
            style_sheet,
            tracked,
            formulas,
            builder: MarkdownBuilder::default(),
            before,
            depth: 0,
            skipped: Vec::new(),
            spans: Vec::new(),
            lists: Vec::new(),
            outer: Vec::new(),
            inserted: HashSet::new(),
            replayed: None,
        }
    }

    /// Reads a stretch of XML that is restored inside `replays` others; returns false if it is cut
    /// short.
    pub(super) fn read(&mut self, xml: &str, restore_depth: usize) -> bool {
        let around = self.depth;
        let mut reader = reader(xml);
        loop {
            match reader.read_event() {
                Err(_) => return false,
                Ok(Event::Eof) => return self.depth == around,
                Ok(Event::Start(tag)) => {
                    self.begin(&tag, restore_depth);
                    self.depth += 1;
                }
                Ok(Event::Empty(tag)) => {
                    self.begin(&tag, restore_depth);
                    self.end(tag.local_name().as_ref());
                }
                Ok(Event::End(tag)) => {
                    self.depth = self.depth.saturating_sub(1).max(around);
                    self.end(tag.local_name().as_ref());
                }
                Ok(Event::Text(text)) => self.text(&html::decode_entities(&text)),
                Ok(Event::CData(text)) => self.text(&text),
                Ok(Event::GeneralRef(name)) => {
                    self.text(&html::decode_entities(&format!("&{};", &*name)))
                }
                Ok(_) => {}
            }
        }
    }

    /// The reason why an element is skipped, if it is.
    fn skipped_kind(tag: &BytesStart) -> Option<Option<&'static str>> {
        let is_unshown = || attribute(tag, "display").is_some_and(|display| display == "none");
        match tag.local_name().as_ref() {
            // Deleted text is restored at its place, or counted.
            "tracked-changes" | "note-citation" | "number" | "forms" | "scripts" | "script"
            | "meta" | "settings" | "font-face-decls" | "creator" | "date-string"
            | "creator-initials" | "title" | "desc" | "binary-data" | "annotation-xml" => {
                Some(None)
            }
            // The date of a comment; the field of the same name is a date in the text.
            "date" if tag.name().as_ref().starts_with("dc:") => Some(None),
            // The name of both a comment in the text and the source of a formula.
            "annotation" if tag.name().as_ref().starts_with("office:") => {
                Some(Some(reasons::COMMENTS))
            }
            "annotation" => Some(None),
            "index-body" => Some(Some(reasons::CONTENTS)),
            "ruby-text" => Some(Some(reasons::READINGS)),
            "placeholder" => Some(Some(reasons::PLACEHOLDERS)),
            "master-styles" => Some(Some(reasons::HEADERS)),
            "hidden-text" => Some(Some(reasons::HIDDEN)),
            "section" if is_unshown() => Some(Some(reasons::HIDDEN)),
            "variable-set" | "user-field-get" if is_unshown() => Some(None),
            name if name.ends_with("-source") => Some(None),
            _ => None,
        }
    }

    fn begin(&mut self, tag: &BytesStart, restore_depth: usize) {
        if let Some(reason) = Self::skipped_kind(tag) {
            self.skipped.push(SkippedElement { depth: self.depth, reason });
        }
        let name = tag.local_name();
        if !self.skipped.is_empty() {
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
                let first = |property: fn(&StyleDefinition) -> Option<bool>| {
                    self.style_sheet.chain(&id).find_map(property)
                };
                span.char_style.bold = first(|style| style.bold).unwrap_or(span.char_style.bold);
                span.char_style.italic =
                    first(|style| style.italic).unwrap_or(span.char_style.italic);
                span.hidden = first(|style| style.hidden).unwrap_or(span.hidden);
                span.char_style.code |= self.style_sheet.chain(&id).any(|style| {
                    matches!(style.name.as_str(), "Source Text" | "Teletype" | "User Entry")
                });
                self.spans.push(span);
            }
            "a" => {
                let mut span = self.spans.last().cloned().unwrap_or_default();
                let address = attribute(tag, "href").filter(|address| !address.starts_with('#'));
                span.char_style.link = address;
                self.spans.push(span);
            }
            "s" => self.write(" "),
            "tab" if self.builder.has_text() => self.write(" "),
            "line-break" => self.write("\n"),
            "list" => {
                let depth = self.lists.len() + 1;
                let style = attribute(tag, "style-name")
                    .or_else(|| self.lists.last().and_then(|list| list.style.clone()));
                let levels = style.as_ref().and_then(|style| self.style_sheet.numbered.get(style));
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
                self.builder.begin_note();
            }
            "text-box" => self.outer.push(std::mem::take(&mut self.lists)),
            "table" => {
                self.outer.push(std::mem::take(&mut self.lists));
                self.builder.begin_table();
            }
            "table-row" => self.builder.begin_row(),
            "table-cell" => self.builder.begin_cell(),
            "object" => {
                let text = attribute(tag, "href").and_then(|folder| self.formulas.get(&folder));
                text.into_iter().for_each(|text| self.write(text));
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
            "change" if self.before && restore_depth < MAX_RESTORE_DEPTH => {
                let id = attribute(tag, "change-id").unwrap_or_default();
                if let Some(Some(deleted)) = self.tracked.changes.get(&id) {
                    self.restore_deleted(deleted, restore_depth);
                }
            }
            _ => {}
        }
    }

    /// Restores a deleted stretch: its first paragraph continues the open one, which continues its last
    /// one.
    fn restore_deleted(&mut self, deleted: &str, restore_depth: usize) {
        let around = self.replayed.replace(0).filter(|_| self.builder.in_paragraph());
        if !self.builder.in_paragraph() {
            self.replayed = None;
        }
        let spans = std::mem::take(&mut self.spans);
        self.read(deleted, restore_depth + 1);
        (self.spans, self.replayed) = (spans, around);
    }

    fn end(&mut self, name: &str) {
        if !self.skipped.is_empty() {
            if is_paragraph(name) {
                self.text("\n");
            }
            self.skipped.pop_if(|skipped_kind| self.depth <= skipped_kind.depth);
            return;
        }
        match name {
            "p" | "h" if self.replayed.is_some() => {}
            "p" | "h" => {
                if self.before && !self.inserted.is_empty() {
                    self.builder.join();
                }
                self.builder.end_paragraph();
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
                self.builder.end_note();
                self.lists = self.outer.pop().unwrap_or_default();
            }
            "text-box" => self.lists = self.outer.pop().unwrap_or_default(),
            "table" => {
                self.builder.end_table();
                self.lists = self.outer.pop().unwrap_or_default();
            }
            "table-cell" => self.builder.end_cell(),
            _ => {}
        }
    }

    fn begin_paragraph(&mut self, tag: &BytesStart) {
        if let Some(count) = &mut self.replayed {
            *count += 1;
            if *count == 1 {
                return;
            }
            self.builder.end_paragraph();
        }
        let id = attribute(tag, "style-name").unwrap_or_default();
        let style = match tag.local_name().as_ref() {
            "h" => {
                let level = attribute(tag, "outline-level").and_then(|level| level.parse().ok());
                ParagraphStyle::Heading(level.unwrap_or(1))
            }
            _ => self.style_sheet.style(&id),
        };
        let depth = self.lists.len().saturating_sub(1);
        let list = self.lists.last_mut().filter(|list| list.in_item);
        let item = list.map(|list| ListItem {
            depth,
            is_ordered: list.is_ordered,
            is_continued: std::mem::replace(&mut list.has_paragraph, true),
        });
        self.builder.begin_paragraph();
        self.builder.style(style, item);
        if self.replayed.is_none() {
            let hidden = self.style_sheet.is_hidden(&id).unwrap_or_default();
            self.spans.push(Span { hidden, ..Span::default() });
        }
    }

    /// Text of the XML, in which line ends are spaces.
    fn text(&mut self, text: &str) {
        let is_aside = !self.skipped.is_empty();
        if is_aside || !text.contains(['\n', '\r', '\t']) {
            self.write(text);
        } else {
            self.write(&text.replace(['\n', '\r', '\t'], " "));
        }
    }

    /// Writes text, or counts it as skipped.
    fn write(&mut self, text: &str) {
        if let Some(skipped_kind) = self.skipped.first() {
            if let Some(reason) = skipped_kind.reason
                && self.skipped.iter().all(|skipped_kind| skipped_kind.reason.is_some())
            {
                self.builder.skip(reason, text);
            }
            return;
        }
        if !self.builder.in_paragraph() || (self.before && !self.inserted.is_empty()) {
            return;
        }
        let span = self.spans.last().cloned().unwrap_or_default();
        match span.hidden {
            true => self.builder.skip(reasons::HIDDEN, text),
            false => self.builder.write(text, &span.char_style),
        }
    }
}
