//! Small helpers for strings.

use crate::normalize;

/// The text, if it says anything.
pub(super) fn non_empty(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A title or a name as it is stored.
pub(super) fn one_line(name: String) -> String {
    let name = normalize::owned(name);
    if name.contains('\n') { name.split_whitespace().collect::<Vec<_>>().join(" ") } else { name }
}

/// Text without the blank lines and the rules at its ends.
pub(super) fn trim_rules(text: &str) -> &str {
    let mut text = text.trim_matches('\n');
    while let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_suffix("\n\n---")) {
        text = rest.trim_matches('\n');
    }
    text
}
