//! Reasons why words of a document are not in its text. Each completes "12 words …".

/// Entries of a table of contents repeat the headings.
pub(in crate::archive) const CONTENTS: &str = "of a table of contents";
/// Words that no reader sees.
pub(in crate::archive) const HIDDEN: &str = "of hidden text";
/// Words that were struck out with changes tracked.
pub(in crate::archive) const DELETED: &str = "deleted or moved with changes tracked";
/// Words about the text rather than of it.
pub(in crate::archive) const COMMENTS: &str = "in comments";
/// Words that stand on every page.
pub(in crate::archive) const HEADERS: &str = "in page headers and footers";
/// How characters are pronounced.
pub(in crate::archive) const READINGS: &str = "in readings above characters";
/// Words that ask for others.
pub(in crate::archive) const PLACEHOLDERS: &str = "of placeholders";
/// Words of charts and drawings.
pub(in crate::archive) const DIAGRAMS: &str = "in charts and diagrams";
/// What a program computes a text from.
pub(in crate::archive) const FIELD_CODES: &str = "in field codes";
