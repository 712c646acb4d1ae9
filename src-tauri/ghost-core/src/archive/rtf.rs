//! Rich text (RTF), as word processors of all ages and Scrivener write it.
//!
//! Each stretch of bytes is read in the character set of its font. Text that was struck out with
//! changes tracked, hidden text, comments and page headers are counted, not kept.

use std::collections::HashMap;
use std::rc::Rc;

use encoding_rs::{Encoding, WINDOWS_1252};
use jiff::civil::Date;

use super::document::{self, Changes, Item, Look, Sheet, Style, Words};
use super::entry::said;
use super::front::Facts;
use super::symbol::{self, SignFont};

/// Groups in groups.
const MAX_DEPTH: usize = 512;
/// Fonts and styles of one document, bytes of a name or an instruction.
const MAX_NAMES: usize = 10_000;

pub(super) fn looks_rich(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\\rtf")
}

/// The words of a document, and what it says about itself.
pub(super) fn read(bytes: &[u8]) -> Words {
    let mut rich = Rich::new(bytes, false);
    rich.read();
    let [year, month, day] = rich.day;
    let facts = Facts {
        title: said(&rich.title),
        date: Date::new(year, month as i8, day as i8).ok().filter(|_| year > 0),
        ..Facts::default()
    };
    let before = rich.changes.map(|changes| {
        let mut earlier = Rich::new(bytes, true);
        earlier.read();
        (earlier.sheet, changes)
    });
    Words::of(facts, rich.sheet, before)
}

/// What the text of a group is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    /// It is not kept, for this reason.
    Left(&'static str),
    /// It is no writing.
    Nothing,
    /// The title of the document.
    Title,
    /// The day the document was made.
    Made,
    Fonts,
    Styles,
    /// What a field is made from.
    Instruction,
    /// The number or bullet of a list's item.
    Marker,
}

/// What holds until the group ends.
#[derive(Debug, Clone, Default)]
struct State {
    place: Place,
    /// The place around a text that is given twice, once in Unicode.
    twice: Option<Place>,
    is_info: bool,
    bold: bool,
    italic: bool,
    hidden: bool,
    deleted: bool,
    inserted: bool,
    link: Option<Rc<str>>,
    font: Option<i32>,
    /// How many signs stand in for a character that is given by number.
    stand_ins: usize,
}

/// What the font table says of a font.
#[derive(Debug, Clone, Copy, Default)]
struct Font {
    charset: Option<i32>,
    code_page: Option<i32>,
    signs: Option<SignFont>,
}

/// What holds until the next paragraph says otherwise.
#[derive(Debug, Clone, Default)]
struct Properties {
    style: i32,
    outline: Option<usize>,
    list: i32,
    depth: usize,
    in_table: bool,
    /// The number or bullet before its text, if it has one.
    marker: Option<String>,
}

/// A note or a text box within a paragraph.
#[derive(Debug)]
struct Insert {
    /// How many groups are open around it.
    depth: usize,
    is_note: bool,
    properties: Properties,
    begun: bool,
}

struct Rich<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Take what was deleted and not what was inserted.
    before: bool,
    changes: Option<Changes>,
    /// The document's own character set.
    encoding: &'static Encoding,
    fonts: HashMap<i32, Font>,
    default_font: Option<i32>,
    /// The font of the table that is read now, and its name so far.
    font: i32,
    name: String,
    /// The styles by their numbers.
    styles: HashMap<i32, Style>,
    style: i32,
    outline: Option<usize>,
    state: State,
    outer: Vec<State>,
    /// The next word names what only some programs know.
    starred: bool,
    /// Groups too deep to be kept.
    lost: usize,
    sheet: Sheet,
    properties: Properties,
    /// Whether the paragraph has begun.
    begun: bool,
    in_row: bool,
    in_cell: bool,
    inserts: Vec<Insert>,
    instruction: String,
    /// Bytes of an old encoding that are not decoded yet.
    raw: Vec<u8>,
    /// The first half of a character given by two numbers.
    half: Option<u16>,
    to_skip: usize,
    title: String,
    day: [i16; 3],
}

impl<'a> Rich<'a> {
    fn new(bytes: &'a [u8], before: bool) -> Self {
        Rich {
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
            state: State { stand_ins: 1, ..State::default() },
            outer: Vec::new(),
            starred: false,
            lost: 0,
            sheet: Sheet::default(),
            properties: Properties::default(),
            begun: false,
            in_row: false,
            in_cell: false,
            inserts: Vec::new(),
            instruction: String::new(),
            raw: Vec::new(),
            half: None,
            to_skip: 0,
            title: String::new(),
            day: [0; 3],
        }
    }

    fn read(&mut self) {
        // What comes after the end is no text; a brace too many is no end.
        let last = self.bytes.windows(4).rposition(|word| word == b"\\par").unwrap_or_default();
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'{' if self.outer.len() >= MAX_DEPTH => self.lost += 1,
                b'{' => {
                    self.settle();
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
        self.settle();
        while let Some(insert) = self.inserts.pop() {
            self.end_insert(insert);
        }
        self.end_paragraph();
    }

    fn end_group(&mut self) {
        self.settle();
        (self.to_skip, self.starred) = (0, false);
        while let Some(insert) = self.inserts.pop_if(|insert| insert.depth >= self.outer.len()) {
            self.end_insert(insert);
        }
        if matches!(self.state.place, Place::Left(_)) {
            self.put("\n");
        }
    }

    fn begin_insert(&mut self, is_note: bool) {
        self.settle();
        self.inserts.push(Insert {
            depth: self.outer.len(),
            is_note,
            properties: std::mem::take(&mut self.properties),
            begun: std::mem::take(&mut self.begun),
        });
        if is_note {
            self.sheet.begin_note();
        }
    }

    fn end_insert(&mut self, insert: Insert) {
        self.end_paragraph();
        if insert.is_note {
            self.sheet.end_note();
        }
        (self.properties, self.begun) = (insert.properties, insert.begun);
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
                b'~' => self.sign(" "),
                b'_' => self.sign("\u{2011}"),
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
        if let Some(place) = self.destination(word, starred) {
            self.settle();
            self.state.place = place;
        } else if starred {
            // `{\*\name …}` is for those who know the name.
            self.settle();
            self.state.place = Place::Nothing;
        } else {
            self.word(word, number);
        }
    }

    /// What the text of a group is that begins with this word.
    fn destination(&mut self, word: &str, starred: bool) -> Option<Place> {
        let inner = self.state.place;
        let kept = |place: Place| match inner {
            // Nothing that is within what is not taken is taken.
            Place::Text | Place::Marker => place,
            inner => inner,
        };
        Some(match word {
            "fonttbl" => Place::Fonts,
            "stylesheet" => Place::Styles,
            "info" => {
                self.state.is_info = true;
                Place::Nothing
            }
            "title" if self.state.is_info => Place::Title,
            "creatim" if self.state.is_info => Place::Made,
            "header" | "headerl" | "headerr" | "headerf" | "footer" | "footerl" | "footerr"
            | "footerf" => kept(Place::Left(document::HEADERS)),
            "annotation" => kept(Place::Left(document::COMMENTS)),
            "xe" | "tc" | "tcn" => kept(Place::Left(document::HIDDEN)),
            "fldinst" => {
                self.settle();
                self.instruction.clear();
                Place::Instruction
            }
            "fldrslt" => {
                self.state.link = link(&self.instruction).map(Rc::from);
                let is_contents = self.instruction.trim_start().starts_with("TOC");
                if is_contents { kept(Place::Left(document::CONTENTS)) } else { inner }
            }
            "listtext" | "pntext" => {
                self.settle();
                self.properties.marker = Some(String::new());
                Place::Marker
            }
            "footnote" => {
                if inner == Place::Text {
                    self.begin_insert(true);
                }
                inner
            }
            "shptxt" | "dptxbxtext" => {
                self.begin_insert(false);
                self.state.twice.take().unwrap_or(Place::Text)
            }
            // The same shape for those who cannot draw it, and the other way round.
            "shpinst" | "do" => {
                self.state.twice = Some(inner);
                Place::Nothing
            }
            "upr" => {
                self.state.twice = Some(inner);
                Place::Nothing
            }
            "ud" => self.state.twice.take().unwrap_or(inner),
            "moMath" | "moMathPara" if starred => inner,
            "colortbl" | "pict" | "objdata" | "objclass" | "objname" | "themedata"
            | "datastore" | "listtable" | "listoverridetable" | "revtbl" | "rsidtbl"
            | "generator" | "xmlnstbl" | "latentstyles" | "bkmkstart" | "bkmkend" | "filetbl"
            | "nonshppict" | "shprslt" | "shppict" | "atnid" | "atnauthor" | "atndate"
            | "atnref" | "atnparent" | "atnicn" | "ftnsep" | "ftnsepc" | "ftncn" | "aftnsep"
            | "aftnsepc" | "aftncn" | "datafield" | "formfield" | "nesttableprops"
            | "nonesttables" | "mmathPict" | "falt" | "panose" => Place::Nothing,
            word if word.starts_with('m') && word.ends_with("Pr") => Place::Nothing,
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
            "line" | "lbr" | "softline" => self.sign("\n"),
            "tab" | "enspace" | "emspace" | "qmspace" => self.sign(" "),
            "emdash" => self.sign("—"),
            "endash" => self.sign("–"),
            "lquote" => self.sign("‘"),
            "rquote" => self.sign("’"),
            "ldblquote" => self.sign("“"),
            "rdblquote" => self.sign("”"),
            "bullet" => self.sign("•"),
            "zwj" => self.sign("\u{200d}"),
            "zwnj" => self.sign("\u{200c}"),
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
            "f" if self.state.place == Place::Fonts => self.font = value,
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
            "s" if self.state.place == Place::Styles => self.style = value,
            "s" => self.properties.style = value,
            "outlinelevel" => {
                let level = usize::try_from(value).ok();
                match self.state.place {
                    Place::Styles => self.outline = level,
                    _ => self.properties.outline = level,
                }
            }
            "ls" => self.properties.list = value,
            "ilvl" => self.properties.depth = usize::try_from(value).unwrap_or_default().min(8),
            "intbl" => self.properties.in_table = true,
            "uc" => self.state.stand_ins = number.unwrap_or(1).clamp(0, 16) as usize,
            "u" => self.number(value),
            "ansicpg" => {
                self.settle();
                self.encoding = code_page(value).unwrap_or(self.encoding);
            }
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "yr" | "mo" | "dy" if self.state.place == Place::Made => {
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
        self.settle();
        change(&mut self.state);
    }

    fn change(&mut self, on: bool) {
        if on && self.state.place == Place::Text {
            self.changes.get_or_insert_default().add(None, None);
        }
    }

    fn font_entry(&mut self, change: impl FnOnce(&mut Font)) {
        if self.state.place == Place::Fonts && self.fonts.len() < MAX_NAMES {
            change(self.fonts.entry(self.font).or_default());
        }
    }

    /// The character set of the font that is used now; `None` for a font of signs.
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
            // Programs that know no character sets write this number as well; those that do name
            // another one for some font.
            Some(0) if self.fonts.values().any(|font| font.charset.is_some_and(|set| set > 2)) => {
                Some(WINDOWS_1252)
            }
            Some(set) => Some(charset(set).unwrap_or(self.encoding)),
            None => Some(self.encoding),
        }
    }

    fn signs(&self) -> SignFont {
        let number = self.state.font.or(self.default_font);
        let font = number.and_then(|number| self.fonts.get(&number));
        font.and_then(|font| font.signs).unwrap_or(SignFont::Other)
    }

    /// A character by its number, and the signs after it that stand in for it.
    fn number(&mut self, number: i32) {
        self.settle();
        let unit = number as u16;
        let half = self.half.take();
        let units: Vec<u16> = half.into_iter().chain([unit]).collect();
        if (0xd800..0xdc00).contains(&unit) {
            self.half = Some(unit);
        } else if symbol::is_private(u32::from(unit)) {
            let sign = self.signs().sign(u32::from(unit));
            sign.into_iter().for_each(|sign| self.put(sign.encode_utf8(&mut [0; 4])));
        } else {
            self.put(&String::from_utf16_lossy(&units));
        }
        self.to_skip = self.state.stand_ins;
    }

    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if self.state.place != Place::Nothing && (byte >= b' ' || byte == b'\t') {
            self.raw.push(byte);
        }
    }

    /// Decodes the bytes that were gathered.
    fn settle(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let text = match self.decoder().filter(|_| self.state.place == Place::Text) {
            Some(encoding) => encoding.decode_without_bom_handling(&raw).0.into_owned(),
            None if self.state.place == Place::Text => {
                raw.iter().filter_map(|&byte| self.signs().sign(u32::from(byte))).collect()
            }
            None => self.encoding.decode_without_bom_handling(&raw).0.into_owned(),
        };
        self.put(&text);
    }

    /// A character that a word names.
    fn sign(&mut self, text: &str) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return;
        }
        self.settle();
        self.put(text);
    }

    fn put(&mut self, text: &str) {
        match self.state.place {
            Place::Nothing | Place::Made => {}
            Place::Title => self.title.push_str(text),
            Place::Fonts => self.take_font(text),
            Place::Styles => self.take_style(text),
            Place::Instruction if self.instruction.len() < MAX_NAMES => {
                self.instruction.push_str(text);
            }
            Place::Instruction => {}
            Place::Marker => {
                self.properties.marker.iter_mut().for_each(|marker| marker.push_str(text));
            }
            Place::Left(why) => self.sheet.leave(why, text),
            Place::Text if self.is_struck() => {
                if !self.before {
                    self.sheet.leave(document::DELETED, text);
                }
            }
            Place::Text if self.state.hidden => self.sheet.leave(document::HIDDEN, text),
            Place::Text => self.say(text),
        }
    }

    /// Whether the text is of the side of a tracked change that is not asked for.
    fn is_struck(&self) -> bool {
        if self.before { self.state.inserted } else { self.state.deleted }
    }

    /// Takes in names of the font table, which end with a semicolon.
    fn take_font(&mut self, text: &str) {
        for part in text.split_inclusive(';') {
            if self.name.len() < MAX_NAMES {
                self.name.push_str(part);
            }
            if self.name.ends_with(';') {
                let name = std::mem::take(&mut self.name);
                let signs = SignFont::named(name.trim_end_matches(';'));
                self.font_entry(|font| font.signs = signs);
            }
        }
    }

    /// Takes in names of the style sheet, which end with a semicolon.
    fn take_style(&mut self, text: &str) {
        for part in text.split_inclusive(';') {
            if self.name.len() < MAX_NAMES {
                self.name.push_str(part);
            }
            if self.name.ends_with(';') {
                let name = std::mem::take(&mut self.name);
                let name = name.trim_end_matches(';').split(',').next().unwrap_or_default();
                let outline = self.outline.take().filter(|&level| level < 9);
                let style = Style::named(name).or(outline.map(|level| Style::Heading(level + 1)));
                if let Some(style) = style
                    && self.styles.len() < MAX_NAMES
                {
                    self.styles.insert(self.style, style);
                }
                self.style = 0;
            }
        }
    }

    fn say(&mut self, text: &str) {
        if !self.begun {
            if text.trim().is_empty() && text != "\n" {
                return;
            }
            self.begin_paragraph();
        }
        let look = Look {
            bold: self.state.bold,
            italic: self.state.italic,
            code: false,
            link: self.state.link.as_deref().map(str::to_owned),
        };
        self.sheet.say(&without_marks(text), &look);
    }

    fn begin_paragraph(&mut self) {
        // What is around a text box continues after it.
        if self.inserts.last().is_none_or(|insert| insert.is_note) {
            match (self.properties.in_table, self.sheet.in_table()) {
                (true, _) => self.begin_cell(),
                (false, true) => {
                    self.sheet.end_table();
                    (self.in_row, self.in_cell) = (false, false);
                }
                (false, false) => {}
            }
        }
        self.sheet.begin_paragraph();
        self.begun = true;
        self.settle_style();
    }

    fn settle_style(&mut self) {
        let properties = &self.properties;
        let by_level = properties.outline.map(|level| match level {
            0..=8 => Style::Heading(level + 1),
            _ => Style::Text,
        });
        let style =
            by_level.or_else(|| self.styles.get(&properties.style).copied()).unwrap_or_default();
        let is_item = properties.list > 0 || properties.marker.is_some();
        let item = is_item.then(|| Item {
            depth: properties.depth,
            is_ordered: properties.marker.as_deref().is_some_and(is_number),
            is_continued: false,
        });
        self.sheet.style(style, item);
    }

    /// Ends the cell or the paragraph, unless that end belongs to what is not taken.
    fn end_line(&mut self) {
        self.settle();
        match self.state.place {
            Place::Left(_) => self.put("\n"),
            Place::Text if self.is_struck() => self.put("\n"),
            Place::Text => self.end_paragraph(),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        self.settle();
        if std::mem::take(&mut self.begun) {
            self.settle_style();
            self.sheet.end_paragraph();
        }
        self.properties.marker = None;
    }

    fn begin_cell(&mut self) {
        if !self.sheet.in_table() {
            self.sheet.begin_table();
            (self.in_row, self.in_cell) = (false, false);
        }
        if !std::mem::replace(&mut self.in_row, true) {
            self.sheet.begin_row();
        }
        if !std::mem::replace(&mut self.in_cell, true) {
            self.sheet.begin_cell();
        }
    }

    fn end_cell(&mut self) {
        self.settle();
        if self.state.place != Place::Text || !self.inserts.is_empty() {
            return self.end_line();
        }
        self.begin_cell_without_text();
        self.end_paragraph();
        self.sheet.end_cell();
        self.in_cell = false;
    }

    /// An empty cell is a cell.
    fn begin_cell_without_text(&mut self) {
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

/// Whether the mark of a list's item counts it.
fn is_number(marker: &str) -> bool {
    let marker = marker.trim();
    marker.len() > 1 && marker.ends_with(['.', ')']) || marker.bytes().any(|b| b.is_ascii_digit())
}

/// The character set of a font, by the number that Windows and the Mac give it.
fn charset(number: i32) -> Option<&'static Encoding> {
    code_page(match number {
        77 => 10000,
        78 => 10001,
        79 => 10003,
        80 => 10008,
        81 => 10002,
        89 => 10007,
        128 => 932,
        129 | 130 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178..=180 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

/// The encoding of a code page. Numbers above 32767 come as negative ones too.
fn code_page(number: i32) -> Option<&'static Encoding> {
    let number = if number < 0 { i32::from(number as u16) } else { number };
    Some(match number {
        866 => encoding_rs::IBM866,
        874 => encoding_rs::WINDOWS_874,
        932 | 10001 => encoding_rs::SHIFT_JIS,
        936 | 10008 => encoding_rs::GBK,
        949 | 10003 | 51949 => encoding_rs::EUC_KR,
        950 | 10002 => encoding_rs::BIG5,
        1250..=1258 => Encoding::for_label(format!("windows-{number}").as_bytes())?,
        10000 => encoding_rs::MACINTOSH,
        10007 | 10017 => encoding_rs::X_MAC_CYRILLIC,
        20866 => encoding_rs::KOI8_R,
        21866 => encoding_rs::KOI8_U,
        20932 | 51932 => encoding_rs::EUC_JP,
        28591..=28606 => Encoding::for_label(format!("iso-8859-{}", number - 28590).as_bytes())?,
        54936 => encoding_rs::GB18030,
        65001 => encoding_rs::UTF_8,
        _ => return None,
    })
}

/// Scrivener's marks of styles and links: `<$Scr_Ps::0>`, `<!$Scr_Ps::0>`.
fn without_marks(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn says(body: &str, expected: &str) {
        let rtf = format!("{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Times;}}}}{body}}}");
        assert_eq!(read(rtf.as_bytes()).text, expected, "{body}");
    }

    #[test]
    fn words_in_every_spelling() {
        says(
            "\\pard Caf\\'e9 \\u8212? so\\emdash up\\par\nTwo \\{x\\}.\\par",
            "Café — so—up\n\nTwo {x}.",
        );
        says("\\u-10179?\\u-8704? a\\uc0\\u233 b", "😀 aéb");
        says("one\\line two", "one\ntwo");
        says("\\u233\\'e9\\'e8", "éè");
    }

    #[test]
    fn emphasis_headings_and_lists() {
        says("I {\\b went {\\i up}}, \\i so\\i0  it\\par", "I **went *up***, *so* it");
        says("\\pard\\outlinelevel1 Up\\par\\pard Text.", "## Up\n\nText.");
        says(
            "{\\listtext\\'b7\\tab}one\\par{\\listtext\\'b7\\tab}two\\par Text.",
            "- one\n- two\n\nText.",
        );
    }

    #[test]
    fn furniture_is_passed_over() {
        says("{\\header Page 1}{\\*\\generator x;}{\\pict 00ff}Text.", "Text.");
        says(
            "{\\field{\\*\\fldinst HYPERLINK \"http://a.b\"}{\\fldrslt there}}",
            "[there](http://a.b)",
        );
        says("<$Scr_Ps::0>Text.<!$Scr_Ps::0>", "Text.");
        says("one {\\deleted two }three", "one three");
    }

    #[test]
    fn what_the_document_says_of_itself() {
        let Words { facts, text, .. } = read(
            b"{\\rtf1{\\info{\\title A walk}{\\author Jo}{\\creatim\\yr2024\\mo3\\dy5\\hr1}}Up.}",
        );
        assert_eq!((facts.title.as_deref(), text.as_str()), (Some("A walk"), "Up."));
        assert_eq!(facts.date.unwrap().to_string(), "2024-03-05");
    }

    #[test]
    fn damage_is_survived() {
        let whole = b"{\\rtf1\\ansi{\\info{\\title A}}\\u233?\\'e9{\\b x}\\par\\bin99 y}";
        for at in 0..whole.len() {
            read(&whole[..at]);
        }
        read("{".repeat(5000).as_bytes());
        read("\\u-99999999999999999999 \\'zz \\bin2147483647 ".as_bytes());
    }

    fn of(rtf: &str) -> Words {
        read(rtf.as_bytes())
    }

    #[test]
    fn bytes_are_read_in_the_character_set_of_their_font() {
        let fonts = [0, 204, 238, 161, 134, 128, 77, 2].iter().enumerate();
        let fonts: String =
            fonts.map(|(n, set)| format!("{{\\f{n}\\fnil\\fcharset{set} Font{n};}}")).collect();
        let text = "\\f0 Plain \\f1\\'cf\\'f0\\'e8\\f0 , \\f2\\'c8esk\\'e1\\f0 , \\f3\\'d9\\f0 , \\f4\\'d6\\'d0\\'b9\\'fa\\f0 , \\f5\\'93\\'fa\\'96\\'7b\\f0 , \\f6 caf\\'8e\\plain  caf\\'e9";
        let rtf = format!("{{\\rtf1\\ansi\\ansicpg1252\\deff0{{\\fonttbl{fonts}}}{text}}}");
        assert_eq!(of(&rtf).text, "Plain При, Česká, Ω, 中国, 日本, café café");
    }

    #[test]
    fn code_pages_of_the_document_and_of_a_font() {
        for (head, text, expected) in [
            ("\\ansi\\ansicpg-535", "Caf\\'c3\\'a9", "Café"),
            ("\\ansi\\ansicpg65001", "na\\'c3\\'afve", "naïve"),
            (
                "\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fcharset0\\cpg65001 A;}}\\f0",
                "Caf\\'c3\\'a9",
                "Café",
            ),
            ("\\mac\\ansicpg10001", "\\'82\\'a8\\'93\\'c7\\'82\\'dd", "お読み"),
            ("\\mac{\\fonttbl\\f0\\fnil\\fcharset78 Hira;}\\f0", "\\'82\\'a8", "お"),
            ("\\mac", "\\'d2so\\'d3", "“so”"),
            ("\\ansi\\ansicpg1251{\\fonttbl{\\f0\\fcharset0 A;}}\\f0", "\\'cf\\'f0\\'e8", "При"),
            (
                "\\ansi\\ansicpg1251{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset204 A;}}\\f0",
                "caf\\'e9",
                "café",
            ),
        ] {
            assert_eq!(of(&format!("{{\\rtf1{head} {text}}}")).text, expected, "{head}");
        }
    }

    #[test]
    fn fonts_of_signs_show_signs() {
        let head = "{\\rtf1\\ansi{\\fonttbl{\\f0 A;}{\\f1\\fcharset2 Symbol;}{\\f2\\fcharset2 Wingdings;}}\\f0 ";
        let rtf = format!("{head}20{{\\f1\\'b0}}C {{\\f2\\u-3872 ?}} {{\\f1 a}}}}");
        assert_eq!(of(&rtf).text, "20°C → α");
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let rtf = "{\\rtf1{\\header Page head\\par}{\\info{\\title T}{\\author Nobody}}One {\\v hidden words}two\
            {\\*\\annotation a word from Per} {\\deleted gone}{\\revised new}{\\footnote\\pard A note.}\\par Three.\\par}";
        let words = of(rtf);
        assert_eq!(words.text, "One two new\n\nThree.\n\nA note.");
        assert_eq!(
            words.dropped.sentence().as_deref(),
            Some(
                "Left out 9 words: 4 in comments, 2 in page headers and footers, 2 of hidden text, 1 deleted or moved with changes tracked."
            )
        );
        assert_eq!(words.before.unwrap().text, "One two gone\n\nThree.\n\nA note.");
    }

    #[test]
    fn what_comes_twice_is_read_once() {
        says("{\\upr{Caf?}{\\*\\ud{Caf\\u233 ?}}} open", "Café open");
        says(
            "{\\shp{\\*\\shpinst{\\sp{\\sn x}{\\sv 1}}{\\shptxt Box.\\par}}{\\shprslt Box.}}After.",
            "Box.\n\nAfter.",
        );
        says("{\\*\\shppict{\\pict 00}}{\\nonshppict{\\pict 01}}Text.", "Text.");
    }

    #[test]
    fn tables_lists_and_styles() {
        says(
            "\\trowd\\intbl a\\cell b\\cell\\row\\intbl c\\cell\\cell\\row\\pard After.\\par",
            "| a | b |\n| --- | --- |\n| c |  |\n\nAfter.",
        );
        says("{\\listtext 1.\\tab}one\\par{\\listtext 2.\\tab}two\\par", "1. one\n2. two");
        says(
            "\\pard\\ls1\\ilvl0{\\listtext\\'b7}a\\par\\ilvl1{\\listtext\\'b7}b\\par",
            "- a\n  - b",
        );
        says(
            "{\\stylesheet{\\s0 Normal;}{\\s1\\outlinelevel0 heading 1;}{\\s2 Block Text;}{\\s3\\sbasedon0 toc 1;}}\\pard\\s1 Up\\par\\pard\\s2 Theirs.\\par\\pard\\s3 Up 1\\par\\pard\\s0 On.\\par",
            "# Up\n\n> Theirs.\n\nOn.",
        );
    }

    #[test]
    fn control_characters_and_braces_too_many() {
        says("a\0b\u{1}c\\par", "abc");
        says("one\\par}two\\par", "one\n\ntwo");
    }
}
