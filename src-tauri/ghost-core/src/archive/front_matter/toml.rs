//! Front matter in TOML.

use serde_json::{Map, Value};

/// Parses a block of TOML; of a list, the first value counts.
///
/// # Errors
///
/// The line that cannot be parsed, from 1.
pub(super) fn toml(block: &str) -> Result<Map<String, Value>, usize> {
    let table: ::toml::Table = block.parse().map_err(|error: ::toml::de::Error| {
        let at = error.span().map_or(0, |span| block.floor_char_boundary(span.start));
        block[..at].matches('\n').count() + 1
    })?;
    fn plain(value: ::toml::Value) -> Value {
        match value {
            ::toml::Value::String(text) => Value::String(text),
            ::toml::Value::Boolean(flag) => Value::Bool(flag),
            ::toml::Value::Integer(number) => Value::String(number.to_string()),
            ::toml::Value::Datetime(time) => Value::String(time.to_string()),
            ::toml::Value::Array(all) => all.into_iter().next().map_or(Value::Null, plain),
            ::toml::Value::Table(table) => table.get("name").cloned().map_or(Value::Null, plain),
            _ => Value::Null,
        }
    }
    Ok(table.into_iter().map(|(key, value)| (key, plain(value))).collect())
}
