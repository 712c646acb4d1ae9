//! Maximum sizes of files and texts.

/// Bytes of one text; the longest novels have half of that.
pub(super) const MAX_TEXT_BYTES: usize = 8 << 20;
/// Bytes of an export file, which holds many texts.
pub(super) const MAX_EXPORT_BYTES: usize = 64 << 20;
/// Bytes of a file that is read into memory; zips are read member by member.
pub const MAX_FILE_BYTES: usize = MAX_EXPORT_BYTES;
