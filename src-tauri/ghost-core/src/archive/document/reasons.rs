//! Reasons why words of a document are not in its text. Each completes "12 words …".

/// Entries of a table of contents, which repeat the headings.
pub(in crate::archive) const CONTENTS: &str = "of a table of contents";
/// Hidden words.
pub(in crate::archive) const HIDDEN: &str = "of hidden text";
/// Words deleted with changes tracked.
pub(in crate::archive) const DELETED: &str = "deleted or moved with tracked changes";
/// Words about the text.
pub(in crate::archive) const COMMENTS: &str = "in comments";
/// Words on every page.
pub(in crate::archive) const HEADERS: &str = "in page headers and footers";
/// The pronunciation of characters.
pub(in crate::archive) const READINGS: &str = "in readings above characters";
/// Words that ask the writer for text.
pub(in crate::archive) const PLACEHOLDERS: &str = "of placeholders";
/// Words of charts and drawings.
pub(in crate::archive) const DIAGRAMS: &str = "in charts and diagrams";
/// Sources of computed text.
pub(in crate::archive) const FIELD_CODES: &str = "in field codes";
