//! Front matter: the metadata block above a text, in YAML, TOML, JSON or plain lines.
//!
//! Reads title, date, kind and draft status; of everything else in the block, only prose is counted.

mod keys;
mod prose;
mod toml;
mod yaml;

use serde_json::{Map, Value};

use super::date;
use super::metadata::Metadata;
use super::omissions::Omissions;
use super::text::non_empty;
use keys::{has_keys, is_key, is_named};
use prose::{add_prose, prose};
use toml::toml;
use yaml::yaml;

/// A longer block is a text that happens to begin with a rule.
const MAX_BLOCK_BYTES: usize = 64 * 1024;

/// A text and its front matter, separated.
#[derive(Debug)]
pub(super) struct FrontMatter<'a> {
    pub(super) metadata: Metadata,
    pub(super) body: &'a str,
    /// A problem with the block, as a sentence.
    pub(super) warning: Option<String>,
    /// The prose in the block: summaries and the like.
    pub(super) omissions: Omissions,
}

impl<'a> FrontMatter<'a> {
    /// A text without front matter.
    fn whole(body: &'a str) -> FrontMatter<'a> {
        FrontMatter {
            metadata: Metadata::default(),
            body,
            warning: None,
            omissions: Omissions::default(),
        }
    }
}

/// Separates the front matter from `text`.
pub(super) fn split(text: &str) -> FrontMatter<'_> {
    let from = first_content(text);
    let first = text[from..].lines().next().unwrap_or_default().trim_end();
    let found = match first {
        "---" => fenced(text, from, &["---", "..."], yaml),
        "+++" => fenced(text, from, &["+++"], toml),
        _ if first.starts_with('{') && !first.starts_with("{{") && !first.starts_with("{%") => {
            json(&text[from..])
        }
        _ if first.starts_with("% ") && from == 0 => title_block(text),
        _ => header_lines(&text[from..]),
    };
    found.unwrap_or_else(|| FrontMatter::whole(text))
}

/// Like [`split`] for plain text, which can have only `Title: …` and similar lines.
pub(super) fn split_plain(text: &str) -> FrontMatter<'_> {
    header_lines(&text[first_content(text)..]).unwrap_or_else(|| FrontMatter::whole(text))
}

/// The start of the first line that is not blank.
fn first_content(text: &str) -> usize {
    let blank = text.split_inclusive('\n').take_while(|line| line.trim().is_empty());
    blank.map(str::len).sum()
}

/// Parses a block; the error is the line that cannot be parsed, from 1.
type Parse = fn(&str) -> Result<Map<String, Value>, usize>;

/// Reads a block between lines of dashes or plus signs.
fn fenced<'a>(
    text: &'a str,
    from: usize,
    fences: &[&str],
    parse: Parse,
) -> Option<FrontMatter<'a>> {
    let start = from + text[from..].find('\n').map_or(text.len() - from, |at| at + 1);
    let mut end = start;
    for line in text[start..].split_inclusive('\n') {
        if fences.contains(&line.trim_end()) {
            let (block, body) = (&text[start..end], &text[end + line.len()..]);
            let claims = has_keys(block) || block.starts_with("- ");
            let omissions = prose(block);
            return match parse(block) {
                Ok(map) => {
                    Some(FrontMatter { metadata: metadata(&map), body, warning: None, omissions })
                }
                Err(odd) if claims => {
                    let odd = text[..start].matches('\n').count() + odd;
                    let (metadata, how) = match repaired(block, parse) {
                        Some(map) => (metadata(&map), "was taken literally"),
                        None => (metadata(&by_line(block)), "could not be read"),
                    };
                    let warning = Some(format!(
                        "Line {odd}, in the front matter, is invalid and {how}. Check the title and the date."
                    ));
                    Some(FrontMatter { metadata, body, warning, omissions })
                }
                Err(_) => None,
            };
        }
        end += line.len();
        if end - start > MAX_BLOCK_BYTES {
            break;
        }
    }
    if !has_keys(text[start..].split("\n\n").next().unwrap_or_default()) {
        return None;
    }
    let block_end = text[start..].find("\n\n").map_or(text.len(), |at| start + at);
    let block = &text[start..block_end];
    let warning = Some(
        "The front matter is never closed; it was read up to the first blank line.".to_owned(),
    );
    let metadata = metadata(&by_line(block));
    Some(FrontMatter { metadata, body: &text[block_end..], warning, omissions: prose(block) })
}

fn json(text: &str) -> Option<FrontMatter<'_>> {
    let head = &text[..text.floor_char_boundary(MAX_BLOCK_BYTES)];
    let mut stream = serde_json::Deserializer::from_str(head).into_iter::<Map<String, Value>>();
    let Some(Ok(map)) = stream.next() else { return None };
    let mut omissions = Omissions::default();
    for (key, value) in &map {
        value.as_str().iter().for_each(|value| add_prose(&mut omissions, key, value));
    }
    let body = &text[stream.byte_offset()..];
    Some(FrontMatter { metadata: metadata(&map), body, warning: None, omissions })
}

/// Reads the title, authors and date on lines that begin with `%`, as in pandoc. Indented lines
/// continue the field above.
fn title_block(text: &str) -> Option<FrontMatter<'_>> {
    let mut fields: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let first = line.strip_prefix('%').filter(|_| fields.len() < 3);
        match (first, fields.last_mut()) {
            (Some(field), _) => fields.push(field.trim().to_owned()),
            (None, Some(field)) if line.starts_with([' ', '\t']) && !line.trim().is_empty() => {
                field.push(' ');
                field.push_str(line.trim());
            }
            _ => break,
        }
        at += line.len();
    }
    let field = |at: usize| non_empty(fields.get(at).map_or("", String::as_str));
    // The first of several authors.
    let author = field(1).and_then(|all| non_empty(all.split(';').next().unwrap_or_default()));
    let (title, date) = (field(0), field(2).as_deref().and_then(date::parse));
    let metadata = Metadata { title, author, date, ..Metadata::default() };
    Some(FrontMatter {
        metadata,
        body: &text[at..],
        warning: None,
        omissions: Omissions::default(),
    })
}

/// Reads lines of `Key: value` before the first blank line (MultiMarkdown, Pelican), or before a line
/// of dashes without an opening one (Hexo).
fn header_lines(text: &str) -> Option<FrontMatter<'_>> {
    /// Keys that do not begin a text by chance if two of them or a title come together.
    const KNOWN: [&str; 18] = [
        "title",
        "subtitle",
        "author",
        "authors",
        "date",
        "slug",
        "category",
        "categories",
        "tags",
        "status",
        "summary",
        "description",
        "keywords",
        "modified",
        "layout",
        "permalink",
        "copyright",
        "lang",
    ];
    let (mut known, mut titled, mut end) = (0, false, 0);
    let mut closed = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if end > 0 && bare == "---" {
            closed = true;
            break;
        }
        if bare.is_empty() || end > MAX_BLOCK_BYTES {
            break;
        }
        // "title:: " is a property of a note.
        let key = bare.split_once(':').filter(|(_, value)| !value.starts_with(':'));
        match key.map(|(key, _)| key.to_lowercase()) {
            Some(key) if is_named(&key) => {
                known += usize::from(KNOWN.contains(&key.as_str()));
                titled |= key == "title";
                if known == 0 {
                    return None;
                }
            }
            _ if end > 0 && line.starts_with([' ', '\t', '-']) => {}
            _ => return None,
        }
        end += line.len();
    }
    if !titled && known < 2 {
        return None;
    }
    let (block, body) = (&text[..end], &text[end..]);
    let body = if closed { body.split_once('\n').map_or("", |(_, body)| body) } else { body };
    let map = if closed { yaml(block).ok() } else { None };
    let metadata = metadata(&map.unwrap_or_else(|| by_line(block)));
    Some(FrontMatter { metadata, body, warning: None, omissions: prose(block) })
}

/// Parses a block that the parser rejects, after quoting the value of each line with an error.
fn repaired(block: &str, parse: Parse) -> Option<Map<String, Value>> {
    const MAX_REPAIRS: usize = 8;
    let mut lines: Vec<String> = block.lines().map(str::to_owned).collect();
    for _ in 0..MAX_REPAIRS {
        let block: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let odd = match parse(&block) {
            Ok(map) => return Some(map),
            Err(odd) => odd.clamp(1, lines.len().max(1)),
        };
        // An unterminated value is reported on a line below it.
        let at = (0..odd).rev().find(|&at| {
            lines
                .get(at)
                .is_some_and(|line| line.split_once(':').is_some_and(|(key, _)| is_key(key)))
        })?;
        let (key, value) = lines[at].split_once(':')?;
        let value = value.trim();
        // A single quotation mark is a typing error.
        let lone = |mark: char| value.matches(mark).count() == 1;
        let value = value.trim_matches(|c| matches!(c, '"' | '\'') && lone(c));
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let word_for_word = format!("{key}: \"{value}\"");
        if lines[at] == word_for_word {
            return None;
        }
        lines[at] = word_for_word;
    }
    None
}

/// The `key: value` lines of a block that cannot be parsed.
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

fn metadata(map: &Map<String, Value>) -> Metadata {
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
    Metadata {
        title: word("title"),
        author: word("author").or_else(|| word("authors")),
        date: DATES.iter().find_map(|key| date::parse(&word(key)?)),
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
        (split.metadata.title.unwrap_or_default(), split.body.trim())
    }

    #[test]
    fn yaml_toml_and_json_give_the_same_metadata() {
        let expected = ("A walk".to_owned(), "Text.");
        for text in [
            "---\ntitle: A walk\ndate: 2024-03-05\ndraft: true\n---\nText.",
            "+++\ntitle = \"A walk\"\ndate = 2024-03-05T10:00:00Z\ndraft = true\n+++\nText.",
            "{\n\"title\": \"A walk\", \"date\": \"2024-03-05\", \"draft\": true\n}\n\nText.",
        ] {
            assert_eq!(title_and_body(text), expected);
            let metadata = split(text).metadata;
            assert_eq!(metadata.date.unwrap().to_string(), "2024-03-05");
            assert!(metadata.unfinished);
        }
    }

    #[test]
    fn a_colon_in_a_title_breaks_yaml_but_not_the_title() {
        let split = split("---\ntitle: Walking: a history\ndate: 2024-3-5\n---\nText.");
        assert!(split.warning.unwrap().starts_with("Line 2,"));
        assert_eq!(split.metadata.title.unwrap(), "Walking: a history");
        assert_eq!(split.metadata.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(split.body, "Text.");
    }

    #[test]
    fn an_invalid_line_causes_a_warning_and_the_rest_is_read() {
        for (block, odd, title) in [
            ("tags:\n  - a\ntitle: \"Cut off\ndate: 2024-03-05", "Line 4", "Cut off"),
            ("date: 2024-03-05\ntitle: @home", "Line 3", "@home"),
            ("date: 2024-03-05\n\ttitle: x\ntitle: In a tab", "Line 2", "In a tab"),
            ("title: %60 of it\ndate: 2024-03-05", "Line 2", "%60 of it"),
        ] {
            let text = format!("---\n{block}\n---\nText.");
            let split = split(&text);
            let warning = split.warning.unwrap_or_default();
            assert!(warning.starts_with(odd), "{block}: {warning}");
            assert_eq!(split.metadata.title.as_deref(), Some(title), "{block}");
            assert_eq!(split.metadata.date.unwrap().to_string(), "2024-03-05", "{block}");
            assert_eq!(split.body, "Text.", "{block}");
        }
    }

    #[test]
    fn yaml_features_that_writers_use() {
        for (block, title) in [
            ("title: 1.10", "1.10"),
            ("title: \"A \\u00e9t\u{e9}\"", "A été"),
            ("title: 'It''s'", "It's"),
            ("title: >-\n  A walk\n  up", "A walk up"),
            ("title: First\ntitle: Second", "Second"),
            ("title:\tA tab", "A tab"),
            ("x: &a A walk\ntitle: *a", "A walk"),
            ("title: !!str 12", "12"),
            ("title: [A walk, again]", "A walk"),
            ("title: A walk # not this", "A walk"),
        ] {
            let text = format!("---\n{block}\n---\nText.");
            let split = split(&text);
            assert_eq!(split.warning, None, "{block}");
            assert_eq!(split.metadata.title.as_deref(), Some(title), "{block}");
        }
        let metadata =
            split("---\ntitle: A\nauthor:\n  - name: Jo\n    site: x\n  - Ann\n---\n").metadata;
        assert_eq!(metadata.author.as_deref(), Some("Jo"));
    }

    #[test]
    fn growing_aliases_and_deep_lists_are_harmless() {
        let mut bomb = "a0: &a0 [ha, ha]\n".to_owned();
        for n in 1..40 {
            bomb += &format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(9));
        }
        let text = format!("---\n{bomb}title: Mine\n---\nText.");
        assert_eq!(title_and_body(&text), ("Mine".to_owned(), "Text."));
        for deep in ["[", "{a: ", "- ", "? ", "&a ", "!a "] {
            let text = format!("---\ntitle: Mine\nx: {}\n---\nText.", deep.repeat(9_000));
            assert_eq!(split(&text).body, "Text.");
        }
    }

    #[test]
    fn blank_lines_before_the_block() {
        let text = "\n \n---\ntitle: A walk\ndate: 2018-07-08\n---\n\nText.";
        assert_eq!(title_and_body(text), ("A walk".to_owned(), "Text."));
    }

    #[test]
    fn front_matter_without_fences() {
        for (text, title, date) in [
            ("Title: A walk\nAuthor: Jo\nDate: 2019-03-04\n\nText.", "A walk", "2019-03-04"),
            (
                "title: A walk\ndate: 2019-03-04 10:00:00\ntags:\n- a\n- b\n---\nText.",
                "A walk",
                "2019-03-04",
            ),
            (
                "Title: A walk\nDate: 2010-12-03 10:20\nBase Header Level: 2\nSummary: Up\n    and down.\n\nText.",
                "A walk",
                "2010-12-03",
            ),
            ("% A walk\n% Jo; Ann\n% 4 March 2019\n\nText.", "A walk", "2019-03-04"),
            ("% A walk\n  uphill\n%\n% 4 March 2019\n\nText.", "A walk uphill", "2019-03-04"),
        ] {
            let found = split(text);
            assert_eq!((found.warning, found.body.trim()), (None, "Text."), "{text}");
            assert_eq!(found.metadata.title.as_deref(), Some(title), "{text}");
            assert_eq!(found.metadata.date.unwrap().to_string(), date, "{text}");
        }
        assert_eq!(split("% A\n% Jo; Ann\n\nText.").metadata.author.as_deref(), Some("Jo"));
    }

    #[test]
    fn a_first_paragraph_with_a_colon_is_prose() {
        for text in [
            "Note: it rained.\n\nText.",
            "Date: it was Monday.\n\nText.",
            "Anna: where were you?\nJo: out.\n\nText.",
            "Title: A walk\nand then this.\n\nText.",
            "Tags and such\n---\n\nText.",
            "%d is a number\n\nText.",
            "title:: A walk\ndate:: 2024-03-05\n\nText.",
        ] {
            assert_eq!(split(text).body, text);
        }
    }

    #[test]
    fn prose_in_front_matter_is_counted() {
        let check = |text: &str| split(text).omissions.sentence().unwrap_or_default();
        assert_eq!(
            check(
                "---\ntitle: A walk up the hill again\ntags: [a, b, c, d, e]\ndescription: Up.\nhero:\n  alt: A man in front of a hill\n---\nText."
            ),
            "Left out 9 words: 8 in the front matter, 1 in a summary."
        );
        assert_eq!(check("---\ntitle: A\ncanonical: https://a.b/c/d/e/f\n---\nText."), "");
        assert_eq!(
            check("{\"title\": \"A\", \"summary\": \"Up and down.\"}\nText."),
            "Left out 3 words in a summary."
        );
    }

    #[test]
    fn front_matter_that_is_not_a_mapping() {
        let list = split("---\n- one\n- two\n---\nText.");
        assert!(list.warning.is_some());
        assert_eq!((list.body, list.omissions.words()), ("Text.", 2));
    }

    #[test]
    fn unclosed_front_matter() {
        let open = split("---\ntitle: A walk\n\nText.\n");
        assert!(open.warning.is_some());
        assert_eq!((open.metadata.title.unwrap().as_str(), open.body.trim()), ("A walk", "Text."));
    }

    #[test]
    fn a_text_that_begins_with_a_rule_has_no_front_matter() {
        let text = "---\n\nFirst.\n\n---\n\nSecond.";
        let split = split(text);
        assert!(split.warning.is_none());
        assert_eq!(split.body, text);
    }

    #[test]
    fn braces_that_are_not_front_matter() {
        for text in ["{{< img >}}\nText.", "{ a thought } and more", "{", "---", "+++", "---\n"] {
            assert_eq!(split(text).body, text);
        }
    }
}
