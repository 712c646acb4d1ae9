//! Front matter in YAML.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Parses a block of YAML. Of a list, the first value counts: the first author is the main one.
///
/// # Errors
///
/// The line that cannot be parsed, from 1.
pub(super) fn yaml(block: &str) -> Result<Map<String, Value>, usize> {
    let options = granit_parser::options! { flow_nesting_limit: MAX_YAML_DEPTH, block_nesting_limit: MAX_YAML_DEPTH };
    let mut reader =
        Yaml { events: Parser::new_from_str_with_options(block, options), anchors: HashMap::new() };
    let mut map = Map::new();
    loop {
        match reader.next()? {
            (Event::MappingStart(..), _) => break,
            (Event::StreamEnd, _) => return Ok(map),
            (Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_), line) => {
                return Err(line);
            }
            _ => {}
        }
    }
    loop {
        match reader.next()?.0 {
            Event::MappingEnd => break,
            key => {
                let key = reader.value(key)?;
                let value = reader.next()?.0;
                let value = reader.value(value)?;
                // Of duplicate keys, the last one counts, as in most programs.
                if let Value::String(key) = key {
                    map.insert(key, value);
                }
            }
        }
    }
    // The rest may still be invalid.
    while !matches!(reader.next()?.0, Event::StreamEnd) {}
    Ok(map)
}

/// Nested lists and maps; metadata is flatter.
const MAX_YAML_DEPTH: usize = 32;

/// Reads the values of a block of YAML event by event, so aliases are never expanded.
struct Yaml<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    /// Short texts by their anchor.
    anchors: HashMap<usize, String>,
}

impl<'a> Yaml<'a> {
    /// The next event with its line; the error is the line that cannot be parsed.
    fn next(&mut self) -> Result<(Event<'a>, usize), usize> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(error.marker().line()),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    /// The value that starts with `event`: a text, the first item of a list, the `name` of a map.
    fn value(&mut self, event: Event) -> Result<Value, usize> {
        const MAX_ANCHOR_BYTES: usize = 1000;
        Ok(match event {
            Event::Scalar(text, style, anchor, _) => {
                if anchor > 0 && text.len() <= MAX_ANCHOR_BYTES {
                    self.anchors.insert(anchor, text.to_string());
                }
                match (style, &*text) {
                    (ScalarStyle::Plain, "true") => Value::Bool(true),
                    (ScalarStyle::Plain, "false") => Value::Bool(false),
                    (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
                    _ => Value::String(text.into_owned()),
                }
            }
            Event::Alias(anchor) => {
                self.anchors.get(&anchor).cloned().map_or(Value::Null, Value::String)
            }
            Event::SequenceStart(..) => {
                let mut first = None;
                loop {
                    match self.next()?.0 {
                        Event::SequenceEnd => break first.unwrap_or_default(),
                        event => {
                            let value = self.value(event)?;
                            first.get_or_insert(value);
                        }
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut name = Value::Null;
                loop {
                    match self.next()?.0 {
                        Event::MappingEnd => break name,
                        key => {
                            let key = self.value(key)?;
                            let value = self.next()?.0;
                            let value = self.value(value)?;
                            if key == "name" {
                                name = value;
                            }
                        }
                    }
                }
            }
            _ => Value::Null,
        })
    }
}
