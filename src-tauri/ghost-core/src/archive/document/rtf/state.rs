//! The state of an RTF reader: what holds for a group, a paragraph or a font.

use std::rc::Rc;

use crate::archive::document::symbol_font::SymbolFont;

/// What the text of a group is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Destination {
    #[default]
    Text,
    /// It is not kept, for this reason.
    Skipped(&'static str),
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
pub(super) struct State {
    pub(super) destination: Destination,
    /// The place around a text that is given twice, once in Unicode.
    pub(super) alternative: Option<Destination>,
    pub(super) is_info: bool,
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) hidden: bool,
    pub(super) deleted: bool,
    pub(super) inserted: bool,
    pub(super) link: Option<Rc<str>>,
    pub(super) font: Option<i32>,
    /// How many signs stand in for a character that is given by number.
    pub(super) fallback_length: usize,
}

/// What the font table says of a font.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Font {
    pub(super) charset: Option<i32>,
    pub(super) code_page: Option<i32>,
    pub(super) signs: Option<SymbolFont>,
}

/// What holds until the next paragraph says otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Properties {
    pub(super) style: i32,
    pub(super) outline: Option<usize>,
    pub(super) list: i32,
    pub(super) depth: usize,
    pub(super) in_table: bool,
    /// The number or bullet before its text, if it has one.
    pub(super) marker: Option<String>,
}

/// A note or a text box within a paragraph.
#[derive(Debug)]
pub(super) struct NestedText {
    /// How many groups are open around it.
    pub(super) depth: usize,
    pub(super) is_note: bool,
    pub(super) properties: Properties,
    pub(super) begun: bool,
}
