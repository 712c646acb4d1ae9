//! The state of an RTF reader: properties of a group, a paragraph or a font.

use std::rc::Rc;

use crate::archive::document::symbol_font::SymbolFont;

/// The destination of a group's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Destination {
    #[default]
    Text,
    /// The text is not kept, for this reason.
    Skipped(&'static str),
    /// The text is not writing.
    Nothing,
    /// The title of the document.
    Title,
    /// The creation date of the document.
    Made,
    Fonts,
    Styles,
    /// The instruction of a field.
    Instruction,
    /// The number or bullet of a list item.
    Marker,
}

/// Properties that last until the group ends.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) destination: Destination,
    /// The destination of the second form of a text that is stored in two forms.
    pub(super) alternative: Option<Destination>,
    pub(super) is_info: bool,
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) hidden: bool,
    pub(super) deleted: bool,
    pub(super) inserted: bool,
    pub(super) link: Option<Rc<str>>,
    pub(super) font: Option<i32>,
    /// Characters that stand in for one given by code.
    pub(super) fallback_length: usize,
}

/// An entry of the font table.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Font {
    pub(super) charset: Option<i32>,
    pub(super) code_page: Option<i32>,
    pub(super) signs: Option<SymbolFont>,
}

/// Properties that last until the next paragraph.
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
    /// Groups that are open around it.
    pub(super) depth: usize,
    pub(super) is_note: bool,
    pub(super) properties: Properties,
    pub(super) begun: bool,
}
