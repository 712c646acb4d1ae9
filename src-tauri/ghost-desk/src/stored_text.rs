//! The stored form of a text.

use ghost_core::normalize;

/// A text as pieces are stored, without line breaks at either end. What an editor changes when it
/// saves a file is not an edit by the writer.
pub(crate) fn of(text: String) -> String {
    let text = normalize::owned(text);
    let bare = text.trim_matches('\n');
    if bare.len() == text.len() { text } else { bare.to_owned() }
}
