//! Small helpers for strings.

use crate::normalize;

/// The trimmed text, if it is not empty.
pub(super) fn non_empty(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A title or name in stored form, on one line.
pub(super) fn one_line(name: String) -> String {
    let name = normalize::owned(name);
    if name.contains('\n') { name.split_whitespace().collect::<Vec<_>>().join(" ") } else { name }
}

/// The text without blank lines and rules at its ends.
pub(super) fn trim_rules(text: &str) -> &str {
    let mut text = text.trim_matches('\n');
    while let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_suffix("\n\n---")) {
        text = rest.trim_matches('\n');
    }
    text
}

/// The lines without their common indent.
pub(super) fn dedent<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let white = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let least = filled.map(|line| white(line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(least.min(white(line))..).unwrap_or_default()).collect()
}
