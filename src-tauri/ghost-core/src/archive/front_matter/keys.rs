//! Recognises the keys of front matter.

/// Returns true for a possible key of a block without fences: up to three words.
pub(super) fn is_named(key: &str) -> bool {
    let key = key.trim_end();
    !key.is_empty()
        && key.len() < 40
        && key.starts_with(char::is_alphabetic)
        && key.split(' ').count() <= 3
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
}

/// Returns true if a line of the block looks like `key: value`.
pub(super) fn has_keys(block: &str) -> bool {
    block.lines().any(|line| line.split_once([':', '=']).is_some_and(|(key, _)| is_key(key)))
}

pub(super) fn is_key(key: &str) -> bool {
    let key = key.trim_end();
    !key.is_empty()
        && key.len() < 40
        && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
