//! JSON exports: what is in them by their shape, and which reader takes them.

use serde_json::Value;

use super::date;
use super::entry::Reading;
use super::{dayone, feed, ghost, keep, roam, standard};

/// Bytes that the values of one file may take in memory, about; no archive has so many.
const MOST: usize = 160 << 20;

/// Reads an export; `None` where it is none that is known.
pub(super) fn read(text: &str) -> Option<Reading> {
    if weight(text) > MOST {
        let complaint = "There is more in it than can be read at once, so it was left alone.";
        return Some(Reading { complaints: vec![complaint.to_owned()], ..Reading::default() });
    }
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) if is_export(text) => {
            let complaint = "It is broken or cut short, so it could not be read.";
            return Some(Reading { complaints: vec![complaint.to_owned()], ..Reading::default() });
        }
        Err(_) => return None,
    };
    [ghost::read, dayone::read, feed::read_json, keep::read, roam::read, standard::read]
        .into_iter()
        .find_map(|read: fn(&Value) -> Option<Reading>| read(&value))
}

/// Whether broken JSON begins as the exports do.
fn is_export(text: &str) -> bool {
    const MARKS: [&str; 8] = [
        "\"content_type\"",
        "\"posts\"",
        "\"entries\"",
        "\"creationDate\"",
        "\"textContent\"",
        "\"listContent\"",
        "\"userEditedTimestampUsec\"",
        "jsonfeed.org",
    ];
    let head = &text[..text.floor_char_boundary(16 << 10)];
    MARKS.iter().any(|mark| head.contains(mark))
}

/// The bytes that the values take in memory at most, beside their texts: what serde_json keeps for
/// a value and for an object, counted by the commas and braces outside of strings.
fn weight(text: &str) -> usize {
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

/// The text under one of these keys, the first that says anything.
pub(super) fn says<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a str> {
    keys.iter()
        .filter_map(|key| value.get(key)?.as_str())
        .map(str::trim)
        .find(|text| !text.is_empty())
}

/// The day under one of these keys, as text or as a number of seconds or milliseconds.
pub(super) fn day(value: &Value, keys: &[&str]) -> Option<jiff::civil::Date> {
    keys.iter().find_map(|key| match value.get(key)? {
        Value::String(text) => date::spelled(text),
        Value::Number(number) => date::spelled(&number.to_string()),
        _ => None,
    })
}

/// Whether a value is true, 1, "1" or "true".
pub(super) fn yes(value: &Value, key: &str) -> bool {
    match value.get(key) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true" | "TRUE"),
        _ => false,
    }
}

/// The key of an entry: text or number.
pub(super) fn key(value: &Value, keys: &[&str]) -> String {
    keys.iter()
        .find_map(|key| match value.get(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
        .unwrap_or_default()
}
