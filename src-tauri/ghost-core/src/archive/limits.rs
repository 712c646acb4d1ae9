//! Sizes that a reader accepts.

/// Bytes of one text; the longest novels have half of it.
pub(super) const MAX_TEXT_BYTES: usize = 8 << 20;
/// Bytes of one export file that holds many texts.
pub(super) const MAX_EXPORT_BYTES: usize = 64 << 20;
/// Bytes of a file that is read at once, whatever is in it; of a zip, only its parts are.
pub const MAX_FILE_BYTES: usize = MAX_EXPORT_BYTES;
