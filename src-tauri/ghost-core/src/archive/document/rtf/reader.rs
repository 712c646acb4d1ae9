//! Reads RTF byte by byte.

use std::collections::HashMap;
use std::rc::Rc;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::charset::{charset, code_page};
use super::state::{Destination, Font, NestedText, Properties, State};
use crate::archive::document::builder::{CharStyle, ListItem, MarkdownBuilder, ParagraphStyle};
use crate::archive::document::contents::Changes;
use crate::archive::document::reasons;
use crate::archive::document::symbol_font::{self, SymbolFont};

/// Groups inside groups.
const MAX_DEPTH: usize = 512;
/// Fonts and styles of a document, and bytes of a name or an instruction.
const MAX_NAMES: usize = 10_000;

/// An RTF document being read.
pub(super) struct RtfReader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Read the state before the tracked changes.
    before: bool,
    pub(super) changes: Option<Changes>,
    /// The document's own character set.
    encoding: &'static Encoding,
    fonts: HashMap<i32, Font>,
    default_font: Option<i32>,
    /// The font whose table entry is being read, and its name so far.
    font: i32,
    name: String,
    /// The styles by number.
    styles: HashMap<i32, ParagraphStyle>,
    style: i32,
    outline: Option<usize>,
    state: State,
    outer: Vec<State>,
    /// The next control word is an optional destination (`\*`).
    starred: bool,
    /// Open groups that are nested too deeply to be kept.
    lost: usize,
    pub(super) builder: MarkdownBuilder,
    properties: Properties,
    /// True if the paragraph has begun.
    begun: bool,
    in_row: bool,
    in_cell: bool,
    nested: Vec<NestedText>,
    instruction: String,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    /// The high surrogate of a character that takes two code units.
    high_surrogate: Option<u16>,
    to_skip: usize,
    pub(super) title: String,
    pub(super) day: [i16; 3],
}

impl<'a> RtfReader<'a> {
    pub(super) fn new(bytes: &'a [u8], before: bool) -> Self {
        RtfReader {
            bytes,
            at: 0,
            before,
            changes: None,
            encoding: WINDOWS_1252,
            fonts: HashMap::new(),
            default_font: None,
            font: 0,
            name: String::new(),
            styles: HashMap::new(),
            style: 0,
            outline: None,
            state: State { fallback_length: 1, ..State::default() },
            outer: Vec::new(),
            starred: false,
            lost: 0,
            builder: MarkdownBuilder::default(),
            properties: Properties::default(),
            begun: false,
            in_row: false,
            in_cell: false,
            nested: Vec::new(),
            instruction: String::new(),
            raw: Vec::new(),
            high_surrogate: None,
            to_skip: 0,
            title: String::new(),
            day: [0; 3],
        }
    }

    pub(super) fn read(&mut self) {
        // Text after the end is ignored; a surplus brace is not the end.
        let last = self.bytes.windows(4).rposition(|word| word == b"\\par").unwrap_or_default();
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'{' if self.outer.len() >= MAX_DEPTH => self.lost += 1,
                b'{' => {
                    self.flush_bytes();
                    self.outer.push(self.state.clone());
                    self.starred = false;
                }
                b'}' if self.lost > 0 => self.lost -= 1,
                b'}' => {
                    self.end_group();
                    match self.outer.pop() {
                        Some(outer) => self.state = outer,
                        None if self.at < last => {}
                        None => break,
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
        }
        self.flush_bytes();
        while let Some(nested_text) = self.nested.pop() {
            self.end_nested(nested_text);
        }
        self.end_paragraph();
    }

    fn end_group(&mut self) {
        self.flush_bytes();
        (self.to_skip, self.starred) = (0, false);
        while let Some(nested_text) =
            self.nested.pop_if(|nested_text| nested_text.depth >= self.outer.len())
        {
            self.end_nested(nested_text);
        }
        if matches!(self.state.destination, Destination::Skipped(_)) {
            self.put("\n");
        }
    }

    fn begin_nested(&mut self, is_note: bool) {
        self.flush_bytes();
        self.nested.push(NestedText {
            depth: self.outer.len(),
            is_note,
            properties: std::mem::take(&mut self.properties),
            begun: std::mem::take(&mut self.begun),
        });
        if is_note {
            self.builder.begin_note();
        }
    }

    fn end_nested(&mut self, nested_text: NestedText) {
        self.end_paragraph();
        if nested_text.is_note {
            self.builder.end_note();
        }
        (self.properties, self.begun) = (nested_text.properties, nested_text.begun);
    }

    fn control(&mut self) {
        let Some(&first) = self.bytes.get(self.at) else { return };
        if !first.is_ascii_alphabetic() {
            self.at += 1;
            return match first {
                b'\'' => {
                    let hex = self.bytes.get(self.at..self.at + 2).unwrap_or_default();
                    let value = std::str::from_utf8(hex)
                        .ok()
                        .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                    if let Some(value) = value {
                        self.at += 2;
                        self.byte(value);
                    }
                }
                b'~' => self.write_symbol(" "),
                b'_' => self.write_symbol("\u{2011}"),
                b'*' => self.starred = true,
                b'\\' | b'{' | b'}' => self.byte(first),
                b'\n' | b'\r' => self.end_line(),
                _ => {}
            };
        }
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphabetic) {
            self.at += 1;
        }
        let bytes = self.bytes;
        let word = std::str::from_utf8(&bytes[from..self.at]).unwrap_or_default();
        let from = self.at;
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let number: Option<i32> =
            std::str::from_utf8(&bytes[from..self.at]).ok().and_then(|text| text.parse().ok());
        if bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        let starred = std::mem::take(&mut self.starred);
        if let Some(destination) = self.destination_of(word, starred) {
            self.flush_bytes();
            self.state.destination = destination;
        } else if starred {
            // Readers skip an optional destination that they do not know.
            self.flush_bytes();
            self.state.destination = Destination::Nothing;
        } else {
            self.word(word, number);
        }
    }

    /// The destination that a control word starts.
    fn destination_of(&mut self, word: &str, starred: bool) -> Option<Destination> {
        let inner = self.state.destination;
        let kept = |destination: Destination| match inner {
            // Text inside a skipped destination is skipped.
            Destination::Text | Destination::Marker => destination,
            inner => inner,
        };
        Some(match word {
            "fonttbl" => Destination::Fonts,
            "stylesheet" => Destination::Styles,
            "info" => {
                self.state.is_info = true;
                Destination::Nothing
            }
            "title" if self.state.is_info => Destination::Title,
            "creatim" if self.state.is_info => Destination::Made,
            "header" | "headerl" | "headerr" | "headerf" | "footer" | "footerl" | "footerr"
            | "footerf" => kept(Destination::Skipped(reasons::HEADERS)),
            "annotation" => kept(Destination::Skipped(reasons::COMMENTS)),
            "xe" | "tc" | "tcn" => kept(Destination::Skipped(reasons::HIDDEN)),
            "fldinst" => {
                self.flush_bytes();
                self.instruction.clear();
                Destination::Instruction
            }
            "fldrslt" => {
                self.state.link = link(&self.instruction).map(Rc::from);
                let is_contents = self.instruction.trim_start().starts_with("TOC");
                if is_contents { kept(Destination::Skipped(reasons::CONTENTS)) } else { inner }
            }
            "listtext" | "pntext" => {
                self.flush_bytes();
                self.properties.marker = Some(String::new());
                Destination::Marker
            }
            "footnote" => {
                if inner == Destination::Text {
                    self.begin_nested(true);
                }
                inner
            }
            "shptxt" | "dptxbxtext" => {
                self.begin_nested(false);
                self.state.alternative.take().unwrap_or(Destination::Text)
            }
            // The same shape for programs that cannot draw it, and vice versa.
            "shpinst" | "do" => {
                self.state.alternative = Some(inner);
                Destination::Nothing
            }
            "upr" => {
                self.state.alternative = Some(inner);
                Destination::Nothing
            }
            "ud" => self.state.alternative.take().unwrap_or(inner),
            "moMath" | "moMathPara" if starred => inner,
            "colortbl" | "pict" | "objdata" | "objclass" | "objname" | "themedata"
            | "datastore" | "listtable" | "listoverridetable" | "revtbl" | "rsidtbl"
            | "generator" | "xmlnstbl" | "latentstyles" | "bkmkstart" | "bkmkend" | "filetbl"
            | "nonshppict" | "shprslt" | "shppict" | "atnid" | "atnauthor" | "atndate"
            | "atnref" | "atnparent" | "atnicn" | "ftnsep" | "ftnsepc" | "ftncn" | "aftnsep"
            | "aftnsepc" | "aftncn" | "datafield" | "formfield" | "nesttableprops"
            | "nonesttables" | "mmathPict" | "falt" | "panose" => Destination::Nothing,
            word if word.starts_with('m') && word.ends_with("Pr") => Destination::Nothing,
            _ => return None,
        })
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        let on = number != Some(0);
        let value = number.unwrap_or_default();
        match word {
            "par" | "sect" | "page" => self.end_line(),
            "cell" => self.end_cell(),
            "row" => (self.in_row, self.in_cell) = (false, false),
            "nestcell" | "nestrow" => self.end_line(),
            "line" | "lbr" | "softline" => self.write_symbol("\n"),
            "tab" | "enspace" | "emspace" | "qmspace" => self.write_symbol(" "),
            "emdash" => self.write_symbol("—"),
            "endash" => self.write_symbol("–"),
            "lquote" => self.write_symbol("‘"),
            "rquote" => self.write_symbol("’"),
            "ldblquote" => self.write_symbol("“"),
            "rdblquote" => self.write_symbol("”"),
            "bullet" => self.write_symbol("•"),
            "zwj" => self.write_symbol("\u{200d}"),
            "zwnj" => self.write_symbol("\u{200c}"),
            "b" => self.set(|state| state.bold = on),
            "i" => self.set(|state| state.italic = on),
            "v" => self.set(|state| state.hidden = on),
            "deleted" => {
                self.set(|state| state.deleted = on);
                self.change(on);
            }
            "revised" => {
                self.set(|state| state.inserted = on);
                self.change(on);
            }
            "f" if self.state.destination == Destination::Fonts => self.font = value,
            "f" => self.set(|state| state.font = number),
            "deff" => self.default_font = number,
            "fcharset" => self.font_entry(|font| font.charset = number),
            "cpg" => self.font_entry(|font| font.code_page = number),
            "plain" => self.set(|state| {
                (state.bold, state.italic, state.hidden) = (false, false, false);
                (state.deleted, state.inserted) = (false, false);
                state.font = None;
            }),
            "pard" => {
                let marker = self.properties.marker.take();
                self.properties = Properties { marker, ..Properties::default() };
            }
            "s" if self.state.destination == Destination::Styles => self.style = value,
            "s" => self.properties.style = value,
            "outlinelevel" => {
                let level = usize::try_from(value).ok();
                match self.state.destination {
                    Destination::Styles => self.outline = level,
                    _ => self.properties.outline = level,
                }
            }
            "ls" => self.properties.list = value,
            "ilvl" => self.properties.depth = usize::try_from(value).unwrap_or_default().min(8),
            "intbl" => self.properties.in_table = true,
            "uc" => self.state.fallback_length = number.unwrap_or(1).clamp(0, 16) as usize,
            "u" => self.write_code_unit(value),
            "ansicpg" => {
                self.flush_bytes();
                self.encoding = code_page(value).unwrap_or(self.encoding);
            }
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "yr" | "mo" | "dy" if self.state.destination == Destination::Made => {
                let part = ["yr", "mo", "dy"].iter().position(|part| *part == word).unwrap_or(0);
                self.day[part] = i16::try_from(value).unwrap_or_default();
            }
            "bin" => {
                self.at = self.at.saturating_add(value.max(0) as usize).min(self.bytes.len());
            }
            _ => {}
        }
    }

    fn set(&mut self, change: impl FnOnce(&mut State)) {
        self.flush_bytes();
        change(&mut self.state);
    }

    fn change(&mut self, on: bool) {
        if on && self.state.destination == Destination::Text {
            self.changes.get_or_insert_default().add(None, None);
        }
    }

    fn font_entry(&mut self, change: impl FnOnce(&mut Font)) {
        if self.state.destination == Destination::Fonts && self.fonts.len() < MAX_NAMES {
            change(self.fonts.entry(self.font).or_default());
        }
    }

    /// The character set of the current font; `None` for a symbol font.
    fn decoder(&self) -> Option<&'static Encoding> {
        let number = self.state.font.or(self.default_font);
        let Some(font) = number.and_then(|number| self.fonts.get(&number)) else {
            return Some(self.encoding);
        };
        if font.signs.is_some() || font.charset == Some(2) {
            return None;
        }
        if let Some(encoding) = font.code_page.and_then(code_page) {
            return Some(encoding);
        }
        match font.charset {
            // Programs without character sets write this number too; others name a further set for some
            // font.
            Some(0) if self.fonts.values().any(|font| font.charset.is_some_and(|set| set > 2)) => {
                Some(WINDOWS_1252)
            }
            Some(set) => Some(charset(set).unwrap_or(self.encoding)),
            None => Some(self.encoding),
        }
    }

    fn symbol_font(&self) -> SymbolFont {
        let number = self.state.font.or(self.default_font);
        let font = number.and_then(|number| self.fonts.get(&number));
        font.and_then(|font| font.signs).unwrap_or(SymbolFont::Other)
    }

    /// Writes a character by its code unit; the fallback characters after it are skipped.
    fn write_code_unit(&mut self, number: i32) {
        self.flush_bytes();
        let unit = number as u16;
        let high_surrogate = self.high_surrogate.take();
        let units: Vec<u16> = high_surrogate.into_iter().chain([unit]).collect();
        if (0xd800..0xdc00).contains(&unit) {
            self.high_surrogate = Some(unit);
        } else if symbol_font::is_private(u32::from(unit)) {
            let sign = self.symbol_font().character(u32::from(unit));
            sign.into_iter().for_each(|sign| self.put(sign.encode_utf8(&mut [0; 4])));
        } else {
            self.put(&String::from_utf16_lossy(&units));
        }
        self.to_skip = self.state.fallback_length;
    }

    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if self.state.destination != Destination::Nothing && (byte >= b' ' || byte == b'\t')
        {
            self.raw.push(byte);
        }
    }

    /// Decodes the collected bytes.
    fn flush_bytes(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let text = match self.decoder().filter(|_| self.state.destination == Destination::Text) {
            Some(encoding) => encoding.decode_without_bom_handling(&raw).0.into_owned(),
            None if self.state.destination == Destination::Text => raw
                .iter()
                .filter_map(|&byte| self.symbol_font().character(u32::from(byte)))
                .collect(),
            None => self.encoding.decode_without_bom_handling(&raw).0.into_owned(),
        };
        self.put(&text);
    }

    /// Writes a character that a control word names.
    fn write_symbol(&mut self, text: &str) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        self.flush_bytes();
        self.put(text);
    }

    fn put(&mut self, text: &str) {
        match self.state.destination {
            Destination::Nothing | Destination::Made => {}
            Destination::Title => self.title.push_str(text),
            Destination::Fonts => self.read_font_name(text),
            Destination::Styles => self.read_style_name(text),
            Destination::Instruction if self.instruction.len() < MAX_NAMES => {
                self.instruction.push_str(text);
            }
            Destination::Instruction => {}
            Destination::Marker => {
                self.properties.marker.iter_mut().for_each(|marker| marker.push_str(text));
            }
            Destination::Skipped(reason) => self.builder.skip(reason, text),
            Destination::Text if self.is_other_state() => {
                if !self.before {
                    self.builder.skip(reasons::DELETED, text);
                }
            }
            Destination::Text if self.state.hidden => self.builder.skip(reasons::HIDDEN, text),
            Destination::Text => self.write(text),
        }
    }

    /// Returns true if the text belongs to the other side of a tracked change.
    fn is_other_state(&self) -> bool {
        if self.before { self.state.inserted } else { self.state.deleted }
    }

    /// Reads names of the font table, which end with a semicolon.
    fn read_font_name(&mut self, text: &str) {
        for part in text.split_inclusive(';') {
            if self.name.len() < MAX_NAMES {
                self.name.push_str(part);
            }
            if self.name.ends_with(';') {
                let name = std::mem::take(&mut self.name);
                let signs = SymbolFont::named(name.trim_end_matches(';'));
                self.font_entry(|font| font.signs = signs);
            }
        }
    }

    /// Reads names of the style sheet, which end with a semicolon.
    fn read_style_name(&mut self, text: &str) {
        for part in text.split_inclusive(';') {
            if self.name.len() < MAX_NAMES {
                self.name.push_str(part);
            }
            if self.name.ends_with(';') {
                let name = std::mem::take(&mut self.name);
                let name = name.trim_end_matches(';').split(',').next().unwrap_or_default();
                let outline = self.outline.take().filter(|&level| level < 9);
                let style = ParagraphStyle::named(name)
                    .or(outline.map(|level| ParagraphStyle::Heading(level + 1)));
                if let Some(style) = style
                    && self.styles.len() < MAX_NAMES
                {
                    self.styles.insert(self.style, style);
                }
                self.style = 0;
            }
        }
    }

    fn write(&mut self, text: &str) {
        if !self.begun {
            if text.trim().is_empty() && text != "\n" {
                return;
            }
            self.begin_paragraph();
        }
        let char_style = CharStyle {
            bold: self.state.bold,
            italic: self.state.italic,
            code: false,
            link: self.state.link.as_deref().map(str::to_owned),
        };
        self.builder.write(&strip_scrivener_marks(text), &char_style);
    }

    fn begin_paragraph(&mut self) {
        // The paragraph around a text box continues after it.
        if self.nested.last().is_none_or(|nested_text| nested_text.is_note) {
            match (self.properties.in_table, self.builder.in_table()) {
                (true, _) => self.begin_cell(),
                (false, true) => {
                    self.builder.end_table();
                    (self.in_row, self.in_cell) = (false, false);
                }
                (false, false) => {}
            }
        }
        self.builder.begin_paragraph();
        self.begun = true;
        self.set_style();
    }

    fn set_style(&mut self) {
        let properties = &self.properties;
        let by_level = properties.outline.map(|level| match level {
            0..=8 => ParagraphStyle::Heading(level + 1),
            _ => ParagraphStyle::Text,
        });
        let style =
            by_level.or_else(|| self.styles.get(&properties.style).copied()).unwrap_or_default();
        let is_item = properties.list > 0 || properties.marker.is_some();
        let item = is_item.then(|| ListItem {
            depth: properties.depth,
            is_ordered: properties.marker.as_deref().is_some_and(is_number),
            is_continued: false,
        });
        self.builder.style(style, item);
    }

    /// Ends the cell or the paragraph, unless the text is skipped.
    fn end_line(&mut self) {
        self.flush_bytes();
        match self.state.destination {
            Destination::Skipped(_) => self.put("\n"),
            Destination::Text if self.is_other_state() => self.put("\n"),
            Destination::Text => self.end_paragraph(),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        self.flush_bytes();
        if std::mem::take(&mut self.begun) {
            self.set_style();
            self.builder.end_paragraph();
        }
        self.properties.marker = None;
    }

    fn begin_cell(&mut self) {
        if !self.builder.in_table() {
            self.builder.begin_table();
            (self.in_row, self.in_cell) = (false, false);
        }
        if !std::mem::replace(&mut self.in_row, true) {
            self.builder.begin_row();
        }
        if !std::mem::replace(&mut self.in_cell, true) {
            self.builder.begin_cell();
        }
    }

    fn end_cell(&mut self) {
        self.flush_bytes();
        if self.state.destination != Destination::Text || !self.nested.is_empty() {
            return self.end_line();
        }
        self.begin_empty_cell();
        self.end_paragraph();
        self.builder.end_cell();
        self.in_cell = false;
    }

    /// Begins a cell that has no text.
    fn begin_empty_cell(&mut self) {
        if !self.begun {
            self.begin_cell();
        }
    }
}

/// The address in a field's instruction.
fn link(instruction: &str) -> Option<&str> {
    let rest = instruction.trim_start().strip_prefix("HYPERLINK")?.trim_start();
    let address = match rest.strip_prefix('"') {
        Some(rest) => rest.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!address.is_empty() && !address.starts_with(['\\', '#'])).then_some(address)
}

/// Returns true if an item's marker is a number.
fn is_number(marker: &str) -> bool {
    let marker = marker.trim();
    marker.len() > 1 && marker.ends_with(['.', ')']) || marker.bytes().any(|b| b.is_ascii_digit())
}

/// Removes Scrivener's marks of styles and links: `<$Scr_Ps::0>`, `<!$Scr_Ps::0>`.
fn strip_scrivener_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let mark = rest[at..].starts_with("<$Scr_") || rest[at..].starts_with("<!$Scr_");
        match mark.then(|| rest[at..].find('>')).flatten() {
            Some(end) => {
                out.push_str(&rest[..at]);
                rest = &rest[at + end + 1..];
            }
            None => {
                out.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}
