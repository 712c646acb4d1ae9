//! Helpers for reading JSON values.

use serde_json::Value;

use super::date;

/// Bytes of memory, approximately, that the values of one file may take.
const MAX_MEMORY: usize = 160 << 20;

/// Returns true if parsing a text would take more memory than [`MAX_MEMORY`].
pub(super) fn is_too_large(text: &str) -> bool {
    memory_needed(text) > MAX_MEMORY
}

/// The maximum memory of the parsed values, without their texts: what serde_json needs for values and
/// objects, by the commas and braces outside strings.
fn memory_needed(text: &str) -> usize {
    const VALUE: usize = 32;
    const OBJECT: usize = 640;
    let (mut bytes, mut quoted, mut escaped) = (VALUE, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' if !quoted => bytes += VALUE,
            b'{' if !quoted => bytes += OBJECT,
            _ => {}
        }
    }
    bytes
}

/// The first text with content under one of these keys.
pub(super) fn text_at<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter()
        .filter_map(|key| value.get(key)?.as_str())
        .map(str::trim)
        .find(|text| !text.is_empty())
}

/// The date under one of these keys, as text or as seconds or milliseconds.
pub(super) fn date_at(value: &Value, keys: &[&str]) -> Option<jiff::civil::Date> {
    keys.iter().find_map(|key| match value.get(key)? {
        Value::String(text) => date::parse(text),
        Value::Number(number) => date::parse(&number.to_string()),
        _ => None,
    })
}

/// Returns true if a value is true, 1, "1" or "true".
pub(super) fn flag_at(value: &Value, key: &str) -> bool {
    match value.get(key) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true" | "TRUE"),
        _ => false,
    }
}

/// The id under one of these keys, text or number.
pub(super) fn id_at(value: &Value, keys: &[&str]) -> String {
    keys.iter()
        .find_map(|key| match value.get(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .unwrap_or_default()
}
