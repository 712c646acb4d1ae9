//! Front matter: the block of facts above a text, in YAML, TOML or JSON.
//!
//! Knows which keys say the title, the day, the kind and whether the text is finished; everything
//! else in the block is dropped with it.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::date;

/// A longer block is a text that happens to begin with a rule.
const LONGEST: usize = 64 * 1024;

/// What a text says about itself, in its front matter or its document properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) title: Option<String>,
    pub(super) author: Option<String>,
    pub(super) date: Option<Date>,
    /// The value of `kind`, taken at its word.
    pub(super) kind: Option<String>,
    /// The values of `type` and `layout`, which name a theme's template as often as a kind.
    pub(super) hints: Vec<String>,
    pub(super) unfinished: bool,
}

impl Facts {
    /// These facts, and those of `other` where these say nothing.
    pub(super) fn or(self, other: Facts) -> Facts {
        Facts {
            title: self.title.or(other.title),
            author: self.author.or(other.author),
            date: self.date.or(other.date),
            kind: self.kind.or(other.kind),
            hints: if self.hints.is_empty() { other.hints } else { self.hints },
            unfinished: self.unfinished || other.unfinished,
        }
    }
}

/// A text without its front matter.
#[derive(Debug)]
pub(super) struct Split<'a> {
    pub(super) facts: Facts,
    pub(super) body: &'a str,
    /// Why the block could not be read, if there is one and it could not.
    pub(super) complaint: Option<&'static str>,
}

/// Takes the front matter off `text`.
pub(super) fn split(text: &str) -> Split<'_> {
    let whole = |complaint| Split { facts: Facts::default(), body: text, complaint };
    let first = text.lines().next().unwrap_or_default().trim_end();
    match first {
        "---" => fenced(text, &["---", "..."], yaml),
        "+++" => fenced(text, &["+++"], toml),
        _ if first.starts_with('{') && !first.starts_with("{{") && !first.starts_with("{%") => {
            json(text)
        }
        _ => whole(None),
    }
}

type Parse = fn(&str) -> Option<Map<String, Value>>;

fn fenced<'a>(text: &'a str, fences: &[&str], parse: Parse) -> Split<'a> {
    let whole = |complaint| Split { facts: Facts::default(), body: text, complaint };
    let start = text.find('\n').map_or(text.len(), |at| at + 1);
    let mut end = start;
    for line in text[start..].split_inclusive('\n') {
        if fences.contains(&line.trim_end()) {
            let (block, body) = (&text[start..end], &text[end + line.len()..]);
            let claims = keyed(block) || block.trim().is_empty() || !block.starts_with(['\n', ' ']);
            return match parse(block) {
                Some(map) => Split { facts: facts(&map), body, complaint: None },
                None if claims => {
                    let complaint = Some(
                        "The block of facts at its top could not be read; the text was kept without it.",
                    );
                    Split { facts: facts(&by_line(block)), body, complaint }
                }
                None => whole(None),
            };
        }
        end += line.len();
        if end > LONGEST {
            break;
        }
    }
    if !keyed(text[start..].split("\n\n").next().unwrap_or_default()) {
        return whole(None);
    }
    let block_end = text[start..].find("\n\n").map_or(text.len(), |at| start + at);
    let block = &text[start..block_end];
    let complaint =
        Some("The block of facts at its top is never closed; the text was kept without it.");
    Split { facts: facts(&by_line(block)), body: &text[block_end..], complaint }
}

fn json(text: &str) -> Split<'_> {
    let head = &text[..text.floor_char_boundary(LONGEST)];
    let mut stream = serde_json::Deserializer::from_str(head).into_iter::<Map<String, Value>>();
    match stream.next() {
        Some(Ok(map)) => {
            Split { facts: facts(&map), body: &text[stream.byte_offset()..], complaint: None }
        }
        _ => Split { facts: Facts::default(), body: text, complaint: None },
    }
}

fn yaml(block: &str) -> Option<Map<String, Value>> {
    if block.trim().is_empty() {
        return Some(Map::new());
    }
    let mapping: serde_yaml_ng::Mapping = serde_yaml_ng::from_str(block).ok()?;
    // Of a list, the first: whoever is named first wrote most.
    fn plain(value: serde_yaml_ng::Value) -> Value {
        match value {
            serde_yaml_ng::Value::String(text) => Value::String(text),
            serde_yaml_ng::Value::Bool(flag) => Value::Bool(flag),
            serde_yaml_ng::Value::Number(number) => Value::String(number.to_string()),
            serde_yaml_ng::Value::Sequence(all) => {
                all.into_iter().next().map_or(Value::Null, plain)
            }
            serde_yaml_ng::Value::Mapping(map) => {
                map.get("name").cloned().map_or(Value::Null, plain)
            }
            _ => Value::Null,
        }
    }
    Some(
        mapping
            .into_iter()
            .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), plain(value))))
            .collect(),
    )
}

fn toml(block: &str) -> Option<Map<String, Value>> {
    let table: ::toml::Table = block.parse().ok()?;
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
    Some(table.into_iter().map(|(key, value)| (key, plain(value))).collect())
}

/// What can be saved of a block that no parser takes: `key: value` lines.
fn by_line(block: &str) -> Map<String, Value> {
    let pairs = block.lines().filter_map(|line| {
        let (key, value) = line.split_once([':', '='])?;
        let value = value.trim().trim_matches(['"', '\'']);
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::String(value.to_owned()),
        };
        is_key(key).then(|| (key.trim().to_owned(), value))
    });
    pairs.collect()
}

/// Some line of the block looks like `key: value`.
fn keyed(block: &str) -> bool {
    block.lines().any(|line| line.split_once([':', '=']).is_some_and(|(key, _)| is_key(key)))
}

fn is_key(key: &str) -> bool {
    let key = key.trim_end();
    !key.is_empty()
        && key.len() < 40
        && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn facts(map: &Map<String, Value>) -> Facts {
    let lower: Map<String, Value> =
        map.iter().map(|(key, value)| (key.to_lowercase(), value.clone())).collect();
    let word = |key: &str| match lower.get(key)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let flag = |key: &str| match lower.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    };
    const DATES: [&str; 11] = [
        "date",
        "datetime",
        "date_published",
        "published_at",
        "publishdate",
        "pubdate",
        "published",
        "created",
        "created_at",
        "date_created",
        "day",
    ];
    Facts {
        title: word("title"),
        author: word("author").or_else(|| word("authors")),
        date: DATES.iter().find_map(|key| date::spelled(&word(key)?)),
        kind: word("kind"),
        hints: ["type", "layout"].iter().filter_map(|key| word(key)).collect(),
        unfinished: flag("draft") == Some(true)
            || flag("published") == Some(false)
            || word("status").is_some_and(|status| status.eq_ignore_ascii_case("draft")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn title_and_body(text: &str) -> (String, &str) {
        let split = split(text);
        (split.facts.title.unwrap_or_default(), split.body.trim())
    }

    #[test]
    fn yaml_toml_and_json_say_the_same() {
        let expected = ("A walk".to_owned(), "Text.");
        for text in [
            "---\ntitle: A walk\ndate: 2024-03-05\ndraft: true\n---\nText.",
            "+++\ntitle = \"A walk\"\ndate = 2024-03-05T10:00:00Z\ndraft = true\n+++\nText.",
            "{\n\"title\": \"A walk\", \"date\": \"2024-03-05\", \"draft\": true\n}\n\nText.",
        ] {
            assert_eq!(title_and_body(text), expected);
            let facts = split(text).facts;
            assert_eq!(facts.date.unwrap().to_string(), "2024-03-05");
            assert!(facts.unfinished);
        }
    }

    #[test]
    fn a_colon_in_a_title_spoils_yaml_but_not_the_title() {
        let split = split("---\ntitle: Walking: a history\ndate: 2024-3-5\n---\nText.");
        assert!(split.complaint.is_some());
        assert_eq!(split.facts.title.unwrap(), "Walking: a history");
        assert_eq!(split.facts.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(split.body, "Text.");
    }

    #[test]
    fn front_matter_that_is_not_a_map() {
        let list = split("---\n- one\n- two\n---\nText.");
        assert!(list.complaint.is_some());
        assert_eq!(list.body, "Text.");
    }

    #[test]
    fn front_matter_that_is_never_closed() {
        let open = split("---\ntitle: A walk\n\nText.\n");
        assert!(open.complaint.is_some());
        assert_eq!((open.facts.title.unwrap().as_str(), open.body.trim()), ("A walk", "Text."));
    }

    #[test]
    fn a_text_that_begins_with_a_rule() {
        let text = "---\n\nFirst.\n\n---\n\nSecond.";
        let split = split(text);
        assert!(split.complaint.is_none());
        assert_eq!(split.body, text);
    }

    #[test]
    fn braces_that_are_no_front_matter() {
        for text in ["{{< img >}}\nText.", "{ a thought } and more", "{", "---", "+++", "---\n"] {
            assert_eq!(split(text).body, text);
        }
    }
}
