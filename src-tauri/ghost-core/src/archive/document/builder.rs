//! Builds the Markdown of a word processor's document from paragraphs, runs, lists, tables and notes,
//! with HTML as the intermediate form.
//!
//! Knows no file format: the readers of Word, OpenDocument and RTF write into it.

use std::collections::BTreeMap;

use quick_xml::escape::escape;

use super::{reasons, symbol_font};
use crate::archive::html;
use crate::archive::omissions::Omissions;

/// Tags and texts of one document; a novel has a tenth of that.
const MAX_TOKENS: usize = 1_400_000;
/// Tables inside tables.
const MAX_NESTED_TABLES: usize = 16;

/// The style of a paragraph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::archive) enum ParagraphStyle {
    #[default]
    Text,
    /// The level, from 1.
    Heading(usize),
    Quote,
    Code,
    /// The text is not kept, for this reason.
    Skipped(&'static str),
}

impl ParagraphStyle {
    /// The style for a word processor's built-in style name, which is English in all language versions.
    /// The whole name must match.
    pub(in crate::archive) fn named(name: &str) -> Option<ParagraphStyle> {
        let name = name.trim().to_lowercase();
        let level = |prefix: &str| {
            let level = name.strip_prefix(prefix)?.trim_start().parse::<usize>().ok()?;
            (1..=9).contains(&level).then_some(level)
        };
        if let Some(level) = level("heading") {
            return Some(ParagraphStyle::Heading(level));
        }
        if level("toc").is_some() || level("contents").is_some() {
            return Some(ParagraphStyle::Skipped(reasons::CONTENTS));
        }
        match name.as_str() {
            "title" => Some(ParagraphStyle::Heading(1)),
            "toc heading" | "contents heading" | "table of figures" => {
                Some(ParagraphStyle::Skipped(reasons::CONTENTS))
            }
            "quote" | "intense quote" | "block text" | "block quote" | "blockquote"
            | "block quotation" | "quotation" | "quotations" => Some(ParagraphStyle::Quote),
            "code" | "code block" | "source code" | "html preformatted" | "preformatted text"
            | "macro text" => Some(ParagraphStyle::Code),
            _ => None,
        }
    }
}

const TOO_LONG: &str = "beyond the maximum length of a document";

/// The position of a paragraph in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::archive) struct ListItem {
    /// The depth, from 0.
    pub(in crate::archive) depth: usize,
    pub(in crate::archive) is_ordered: bool,
    /// It continues the item before it.
    pub(in crate::archive) is_continued: bool,
}

/// The format of a run of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::archive) struct CharStyle {
    pub(in crate::archive) bold: bool,
    pub(in crate::archive) italic: bool,
    pub(in crate::archive) code: bool,
    /// The address it links to.
    pub(in crate::archive) link: Option<String>,
}

impl CharStyle {
    /// The tags of this format, the outermost first.
    fn tags(&self) -> Vec<(&'static str, String)> {
        let mut tags = Vec::new();
        if let Some(link) = &self.link {
            tags.push(("a", format!("a href=\"{}\"", escape(link.as_str()))));
        }
        for (on, name) in [(self.bold, "b"), (self.italic, "i"), (self.code, "code")] {
            if on {
                tags.push((name, name.to_owned()));
            }
        }
        tags
    }
}

#[derive(Debug, Default)]
struct Paragraph {
    style: ParagraphStyle,
    item: Option<ListItem>,
    html: String,
    char_style: CharStyle,
    /// The next paragraph continues it.
    joins: bool,
}

#[derive(Debug, Default)]
struct Table {
    /// The HTML before the table.
    outer: String,
    /// The HTML of each cell of each row.
    rows: Vec<Vec<String>>,
    in_cell: bool,
    /// It contains another table, so it only lays out the page.
    holds_table: bool,
}

/// A separate place for the text of a note, until the note ends.
#[derive(Debug)]
struct Note {
    outer: String,
    lists: Vec<bool>,
    /// Paragraphs and tables that were open around it.
    open: usize,
    tables: usize,
}

/// A document under construction.
#[derive(Debug, Default)]
pub(in crate::archive) struct MarkdownBuilder {
    /// Markdown that is finished.
    blocks: Vec<String>,
    html: String,
    /// Paragraphs can be nested: a text box in a run.
    open: Vec<Paragraph>,
    /// A paragraph that the next one at the same depth continues.
    pending: Option<(usize, Paragraph)>,
    /// The lists that are open in `html`; true if ordered.
    lists: Vec<bool>,
    tables: Vec<Table>,
    /// Open tables that are nested too deeply to be kept.
    too_deep_tables: usize,
    note: Option<Note>,
    /// The HTML of all notes, which is appended at the end.
    notes: String,
    tokens: usize,
    /// Text that is not kept, by reason.
    skipped: BTreeMap<&'static str, String>,
    /// The last text was skipped.
    is_skipping: bool,
}

impl MarkdownBuilder {
    /// Begins a paragraph.
    pub(in crate::archive) fn begin_paragraph(&mut self) {
        let depth = self.open.len();
        if self.pending.as_ref().is_some_and(|(at, _)| *at > depth) {
            self.flush_pending();
        }
        let before = self.pending.take_if(|(at, _)| *at == depth).map(|(_, before)| before);
        let (html, char_style) =
            before.map(|before| (before.html, before.char_style)).unwrap_or_default();
        self.open.push(Paragraph { html, char_style, ..Paragraph::default() });
    }

    /// Sets the style of the innermost paragraph.
    pub(in crate::archive) fn style(&mut self, style: ParagraphStyle, item: Option<ListItem>) {
        if let Some(paragraph) = self.open.last_mut() {
            (paragraph.style, paragraph.item) = (style, item);
        }
    }

    /// Makes the next paragraph continue the innermost one.
    pub(in crate::archive) fn join(&mut self) {
        if let Some(paragraph) = self.open.last_mut() {
            paragraph.joins = true;
        }
    }

    /// Returns true if the innermost paragraph has text.
    pub(in crate::archive) fn has_text(&self) -> bool {
        self.open.last().is_some_and(|paragraph| !paragraph.html.is_empty())
    }

    /// Returns true if a paragraph is open.
    pub(in crate::archive) fn in_paragraph(&self) -> bool {
        let around = self.note.as_ref().map_or(0, |note| note.open);
        self.open.len() > around
    }

    /// Writes text; `\n` is a line end within the paragraph.
    pub(in crate::archive) fn write(&mut self, text: &str, char_style: &CharStyle) {
        if text.is_empty() {
            return;
        }
        if !self.in_paragraph() {
            if text.trim().is_empty() {
                return;
            }
            self.begin_paragraph();
        }
        if self.tokens > MAX_TOKENS {
            return self.skip(TOO_LONG, text);
        }
        if std::mem::take(&mut self.is_skipping) {
            self.end_skipped_words(' ');
        }
        let Some(paragraph) = self.open.last_mut() else { return };
        if let ParagraphStyle::Skipped(reason) = paragraph.style {
            return self.skip(reason, text);
        }
        if paragraph.char_style != *char_style && !text.trim().is_empty() {
            self.tokens += set_char_style(paragraph, char_style);
        }
        self.tokens += 1;
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.tokens += 2;
                paragraph.html.push_str("<br>");
            }
            if line.contains(is_not_text) {
                let line: String = line
                    .chars()
                    .map(|c| if c == '\t' { ' ' } else { c })
                    .filter(|&c| !is_not_text(c))
                    .collect();
                paragraph.html.push_str(&escape(line.as_str()));
            } else {
                paragraph.html.push_str(&escape(line));
            }
        }
    }

    /// Counts text that is not kept, for this reason. A word may come in several parts.
    pub(in crate::archive) fn skip(&mut self, reason: &'static str, text: &str) {
        self.skipped.entry(reason).or_default().push_str(text);
        self.is_skipping = true;
    }

    /// Ends the last word of all skipped text.
    fn end_skipped_words(&mut self, with: char) {
        for text in self.skipped.values_mut().filter(|text| !text.ends_with(char::is_whitespace)) {
            text.push(with);
        }
    }

    /// Ends the innermost paragraph.
    pub(in crate::archive) fn end_paragraph(&mut self) {
        self.end_skipped_words('\n');
        if !self.in_paragraph() {
            return;
        }
        let Some(mut paragraph) = self.open.pop() else { return };
        if std::mem::take(&mut paragraph.joins) {
            self.flush_pending();
            self.pending = Some((self.open.len(), paragraph));
        } else {
            self.put(paragraph);
        }
    }

    /// Writes a pending paragraph.
    fn flush_pending(&mut self) {
        if let Some((_, paragraph)) = self.pending.take() {
            self.put(paragraph);
        }
    }

    /// Ends a part of the document: nothing that follows continues its last paragraph or list.
    pub(in crate::archive) fn end_part(&mut self) {
        self.flush_pending();
        if self.tables.is_empty() {
            self.open_lists(0, false);
        }
    }

    fn put(&mut self, mut paragraph: Paragraph) {
        self.tokens += set_char_style(&mut paragraph, &CharStyle::default());
        let Paragraph { style, item, html, .. } = paragraph;
        if html.trim().is_empty() {
            return;
        }
        self.tokens += 4;
        let (open, close, html) = match style {
            ParagraphStyle::Heading(level) => {
                let level = level.clamp(1, 6);
                let bare = html.replace("<b>", "").replace("</b>", "");
                (format!("<h{level}>"), format!("</h{level}>"), bare)
            }
            ParagraphStyle::Quote => {
                ("<blockquote><p>".to_owned(), "</p></blockquote>".to_owned(), html)
            }
            ParagraphStyle::Code => {
                // Every line of code is a separate paragraph.
                if item.is_none() && self.lists.is_empty() && self.html.ends_with("</pre>") {
                    self.html.truncate(self.html.len() - "</pre>".len());
                    self.html.push_str(&format!("\n{html}</pre>"));
                    return;
                }
                ("<pre>".to_owned(), "</pre>".to_owned(), html)
            }
            ParagraphStyle::Text | ParagraphStyle::Skipped(_) => {
                ("<p>".to_owned(), "</p>".to_owned(), html)
            }
        };
        match item.filter(|_| !matches!(style, ParagraphStyle::Heading(_))) {
            Some(item) if item.is_continued && self.lists.len() == item.depth.min(8) + 1 => {
                self.html.push_str(&format!("{open}{html}{close}"));
            }
            Some(item) => {
                self.open_lists(item.depth.min(8) + 1, item.is_ordered);
                self.html.push_str("<li>");
                match style {
                    ParagraphStyle::Text => self.html.push_str(&html),
                    _ => self.html.push_str(&format!("{open}{html}{close}")),
                }
            }
            None => {
                self.open_lists(0, false);
                self.html.push_str(&format!("{open}{html}{close}"));
            }
        }
    }

    /// Opens and closes lists until `depth` are open, the innermost of this type.
    fn open_lists(&mut self, depth: usize, ordered: bool) {
        let tag = |ordered: bool| if ordered { "ol" } else { "ul" };
        let other = self.lists.len() == depth && self.lists.last().is_some_and(|&o| o != ordered);
        while self.lists.len() > depth || (other && self.lists.len() == depth) {
            let closed = self.lists.pop().unwrap_or_default();
            self.html.push_str(&format!("</{}>", tag(closed)));
        }
        while self.lists.len() < depth {
            self.html.push_str(&format!("<{}>", tag(ordered)));
            self.lists.push(ordered);
        }
    }

    /// Begins a table.
    pub(in crate::archive) fn begin_table(&mut self) {
        if self.tables.len() >= MAX_NESTED_TABLES || self.too_deep_tables > 0 {
            self.too_deep_tables += 1;
            return;
        }
        self.flush_pending();
        self.open_lists(0, false);
        if let Some(table) = self.tables.last_mut() {
            table.holds_table = true;
        }
        let outer = std::mem::take(&mut self.html);
        self.tables.push(Table { outer, ..Table::default() });
    }

    /// Begins a row of the innermost table.
    pub(in crate::archive) fn begin_row(&mut self) {
        if self.too_deep_tables == 0 {
            self.end_cell();
            self.tables.iter_mut().last().into_iter().for_each(|table| table.rows.push(Vec::new()));
        }
    }

    /// Begins a cell of the innermost row.
    pub(in crate::archive) fn begin_cell(&mut self) {
        if self.too_deep_tables == 0 {
            self.end_cell();
            self.tables.iter_mut().last().into_iter().for_each(|table| table.in_cell = true);
        }
    }

    /// Ends the innermost cell, if one is open.
    pub(in crate::archive) fn end_cell(&mut self) {
        if self.too_deep_tables > 0 || self.tables.is_empty() {
            return;
        }
        self.flush_pending();
        self.open_lists(0, false);
        let Some(table) = self.tables.last_mut() else { return };
        let cell = std::mem::take(&mut self.html);
        if !std::mem::take(&mut table.in_cell) && cell.is_empty() {
            return;
        }
        match table.rows.last_mut() {
            Some(row) => row.push(cell),
            None => table.rows.push(vec![cell]),
        }
    }

    /// Ends the innermost table.
    pub(in crate::archive) fn end_table(&mut self) {
        if self.too_deep_tables > 0 {
            self.too_deep_tables -= 1;
            return;
        }
        self.end_cell();
        let Some(table) = self.tables.pop() else { return };
        self.html = table.outer;
        let is_layout = table.holds_table || table.rows.iter().all(|row| row.len() <= 1);
        if is_layout {
            table.rows.iter().flatten().for_each(|cell| self.html.push_str(cell));
            return;
        }
        self.html.push_str("<table>");
        for row in table.rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty())) {
            self.html.push_str("<tr>");
            for cell in row {
                self.tokens += 2;
                self.html.push_str(&format!("<td>{}</td>", flatten_cell(cell)));
            }
            self.html.push_str("</tr>");
        }
        self.html.push_str("</table>");
    }

    /// Returns true if a table is open inside the current note or, outside notes, at all.
    pub(in crate::archive) fn in_table(&self) -> bool {
        self.tables.len() > self.note.as_ref().map_or(0, |note| note.tables)
    }

    /// Begins a note, which is appended after the text. A note inside a note is part of it.
    pub(in crate::archive) fn begin_note(&mut self) {
        if self.note.is_none() {
            self.note = Some(Note {
                outer: std::mem::take(&mut self.html),
                lists: std::mem::take(&mut self.lists),
                open: self.open.len(),
                tables: self.tables.len(),
            });
        }
    }

    /// Ends a note.
    pub(in crate::archive) fn end_note(&mut self) {
        let Some((open, tables)) = self.note.as_ref().map(|note| (note.open, note.tables)) else {
            return;
        };
        while self.open.len() > open {
            self.end_paragraph();
        }
        if self.pending.as_ref().is_some_and(|(depth, _)| *depth >= open) {
            self.flush_pending();
        }
        while self.tables.len() > tables {
            self.end_table();
        }
        self.open_lists(0, false);
        let Some(note) = self.note.take() else { return };
        self.notes.push_str(&std::mem::replace(&mut self.html, note.outer));
        self.lists = note.lists;
    }

    /// Appends Markdown from another reader between two paragraphs.
    pub(in crate::archive) fn append_markdown(&mut self, markdown: String) {
        if self.tables.is_empty() && self.note.is_none() {
            self.flush_pending();
            self.flush();
            self.blocks.push(markdown);
        } else {
            for paragraph in markdown.split("\n\n") {
                self.html.push_str(&format!("<p>{}</p>", escape(paragraph)));
            }
        }
    }

    fn flush(&mut self) {
        self.open_lists(0, false);
        if !self.html.is_empty() {
            self.blocks.push(html::fragment(&std::mem::take(&mut self.html)));
        }
    }

    /// The Markdown of the document, notes last, and the words that were not kept.
    pub(in crate::archive) fn finish(mut self) -> (String, Omissions) {
        self.end_note();
        while self.in_paragraph() {
            self.end_paragraph();
        }
        self.flush_pending();
        self.too_deep_tables = 0;
        while !self.tables.is_empty() {
            self.end_table();
        }
        self.open_lists(0, false);
        let notes = std::mem::take(&mut self.notes);
        self.html.push_str(&notes);
        self.flush();
        self.blocks.retain(|block| !block.trim().is_empty());
        let mut omissions = Omissions::default();
        self.skipped.iter().for_each(|(reason, text)| omissions.add(reason, text));
        (self.blocks.join("\n\n"), omissions)
    }
}

/// Changes the format of the text that follows in a paragraph; returns the number of tags written.
fn set_char_style(paragraph: &mut Paragraph, char_style: &CharStyle) -> usize {
    if paragraph.char_style == *char_style {
        return 0;
    }
    let (old, new) = (paragraph.char_style.tags(), char_style.tags());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    for (name, _) in old[same..].iter().rev() {
        paragraph.html.push_str(&format!("</{name}>"));
    }
    for (_, tag) in &new[same..] {
        paragraph.html.push_str(&format!("<{tag}>"));
    }
    paragraph.char_style = char_style.clone();
    old.len() + new.len() - 2 * same
}

/// Returns true for characters that are not text: control characters, symbols of unknown fonts, object
/// placeholders.
fn is_not_text(char: char) -> bool {
    char.is_control() || symbol_font::is_private(char as u32) || char == '\u{fffc}'
}

/// The HTML of a table cell without headings and lists, which cells cannot have.
fn flatten_cell(cell: &str) -> String {
    let mut cell = cell.to_owned();
    for tag in ["ul", "ol"] {
        cell = cell.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
    }
    cell = cell.replace("<li>", "<p>");
    for tag in ["h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre"] {
        cell = cell.replace(&format!("<{tag}>"), "<p>").replace(&format!("</{tag}>"), "</p>");
    }
    cell
}
