//! Documents of word processors: Word, OpenDocument, RTF.

mod builder;
pub(super) mod contents;
pub(super) mod docx;
pub(super) mod odt;
mod reasons;
pub(super) mod rtf;
mod symbol_font;
mod xml_events;
