//! Journals of Day One. An entry's date is that of the place where it was written.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::json::{date_at, id_at, text_at};
use crate::archive::markdown;
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;

/// Returns true if a broken file begins like a journal.
pub(super) fn sniff(head: &str) -> bool {
    head.contains("\"entries\"") || head.contains("\"creationDate\"")
}

/// Reads a journal; `None` if it is something else.
pub(super) fn read(value: &Value) -> Option<ExportContents> {
    let entries = value.get("entries")?.as_array()?;
    if !entries.is_empty() && !entries.iter().any(|entry| entry.get("creationDate").is_some()) {
        return None;
    }
    let entries = entries.iter().filter(|entry| entry.is_object()).map(|entry| {
        let mut omissions = transcriptions(entry);
        Entry {
            key: id_at(entry, &["uuid", "creationDate"]),
            metadata: Metadata {
                date: entry_date(entry),
                kind: Some("log".to_owned()),
                ..Metadata::default()
            },
            text: entry_text(entry, &mut omissions),
            omissions,
        }
    });
    Some(ExportContents { entries: entries.collect(), ..ExportContents::default() })
}

fn entry_date(entry: &Value) -> Option<Date> {
    let moment = text_at(entry, &["creationDate", "modifiedDate"])?.parse::<Timestamp>().ok();
    let zone = text_at(entry, &["timeZone"])
        .and_then(|name| TimeZone::get(&name.replace("\\/", "/")).ok());
    match (moment, zone) {
        (Some(moment), Some(zone)) => Some(zone.to_datetime(moment).date()),
        _ => date_at(entry, &["creationDate", "modifiedDate"]),
    }
}

fn entry_text(entry: &Value, omissions: &mut Omissions) -> String {
    match text_at(entry, &["text"]) {
        Some(text) => markdown::clean(&unescaped(&without_pictures(text)), omissions),
        None => rich_text(entry).unwrap_or_default(),
    }
}

/// Removes references to the pictures and videos that the app stores separately.
fn without_pictures(text: &str) -> String {
    const PICTURE: &str = "![](dayone-moment:";
    let mut parts = text.split(PICTURE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    out
}

/// Removes the backslashes that the app puts before symbols, and zero-width characters.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{200b}' | '\u{200c}' | '\u{feff}' | '\u{2060}' => {}
            '\\' if chars.peek().is_some_and(|&next| {
                matches!(
                    next,
                    '.' | '-'
                        | '!'
                        | '('
                        | ')'
                        | '+'
                        | '{'
                        | '}'
                        | '~'
                        | '='
                        | '|'
                        | ':'
                        | ','
                        | '\''
                        | '"'
                        | '/'
                        | '?'
                        | '&'
                        | '%'
                        | '$'
                )
            }) => {}
            '\\' if chars.peek() == Some(&'#') && !out.ends_with('\n') && !out.is_empty() => {}
            _ => out.push(char),
        }
    }
    out
}

/// Counts the words of automatic transcriptions, which are not kept.
fn transcriptions(entry: &Value) -> Omissions {
    let mut omissions = Omissions::default();
    let recordings = ["audios", "videos"].iter().filter_map(|key| entry.get(key)?.as_array());
    for words in recordings.flatten().filter_map(|one| text_at(one, &["transcription"])) {
        omissions.add("in transcriptions of recordings", words);
    }
    omissions
}

/// The text of an entry that exists only in the app's own format: runs of text, each line with the
/// attributes of its last run.
fn rich_text(entry: &Value) -> Option<String> {
    let rich: Value = serde_json::from_str(text_at(entry, &["richText"])?).ok()?;
    let parts = rich.get("contents")?.as_array()?;
    let mut out = String::new();
    let (mut line, mut before) = (String::new(), None);
    let mut end = |line: &mut String, attributes: Option<&Value>| {
        let mark = mark(attributes);
        let content = std::mem::take(line);
        if content.trim().is_empty() {
            return;
        }
        // Lines of one list or quote stay together.
        let together = before.is_some_and(|before| before == mark) && !matches!(mark, "" | "#");
        out.push_str(if out.is_empty() {
            ""
        } else if together {
            "\n"
        } else {
            "\n\n"
        });
        let sign = match mark {
            "" => "",
            "#" => "## ",
            "1" => "1. ",
            mark => &format!("{mark} "),
        };
        out.push_str(&format!("{sign}{}", content.trim()));
        before = Some(mark);
    };
    for part in parts {
        let Some(text) = part.get("text").and_then(Value::as_str) else { continue };
        let attributes = part.get("attributes");
        let (first, more) =
            text.split_once('\n').map_or((text, None), |(first, more)| (first, Some(more)));
        line.push_str(first);
        for next in more.into_iter().flat_map(|more| more.split('\n')) {
            end(&mut line, attributes);
            line.push_str(next);
        }
    }
    end(&mut line, parts.last().and_then(|part| part.get("attributes")));
    Some(out)
}

/// The Markdown mark of a line.
fn mark(attributes: Option<&Value>) -> &'static str {
    let Some(line) = attributes.and_then(|attributes| attributes.get("line")) else { return "" };
    let has = |key: &str| {
        line.get(key)
            .is_some_and(|value| value.as_u64() != Some(0) && value.as_bool() != Some(false))
    };
    match line.get("listStyle").and_then(Value::as_str) {
        Some("numbered") => "1",
        Some(_) => "-",
        None if has("quote") => ">",
        None if has("header") => "#",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_date_uses_the_time_zone_of_the_entry() {
        let day = |zone: &str| {
            let entry =
                json!({"creationDate": "2024-03-05T23:30:00Z", "timeZone": zone, "text": "x"});
            read(&json!({"entries": [entry]})).unwrap().entries[0]
                .metadata
                .date
                .unwrap()
                .to_string()
        };
        assert_eq!(day("Asia/Tokyo"), "2024-03-06");
        assert_eq!(day("America\\/New_York"), "2024-03-05");
        assert_eq!(day("no such place"), "2024-03-05");
    }

    #[test]
    fn syntax_added_by_the_app_is_removed() {
        let text = |entry: Value| {
            read(&json!({"entries": [{"creationDate": ""}, entry]})).unwrap().entries[1]
                .text
                .clone()
        };
        assert_eq!(
            text(
                json!({"text": "Cold\\. Rain \\- then\n\n![](dayone-moment://AB)\n\n\u{200b}**sun**\u{200b}\\!"})
            ),
            "Cold. Rain - then\n\n**sun**!"
        );
        assert_eq!(
            text(
                json!({"richText": "{\"contents\":[{\"text\":\"One.\\n\"},{\"text\":\"Two.\"}]}"})
            ),
            "One.\n\nTwo."
        );
        assert_eq!(text(json!({})), "");
        assert!(read(&json!({"entries": [{"a": 1}]})).is_none());
    }

    #[test]
    fn rich_text_keeps_lists_and_transcriptions_are_counted() {
        let part = |text: &str, line: Value| json!({"text": text, "attributes": {"line": line}});
        let contents = json!({"contents": [
            part("Today\n", json!({"header": 1})),
            {"text": "It "}, {"text": "rained.\n"},
            part("rope\n", json!({"listStyle": "bulleted"})),
            part("oil\n", json!({"listStyle": "checkbox"})),
            {"embeddedObjects": [{"type": "photo"}]},
            part("Nobody came.", json!({"header": 0})),
        ]});
        let entry = json!({"creationDate": "2024-03-05T10:00:00Z", "richText": contents.to_string(), "audios": [{"transcription": "Three spoken words"}]});
        let contents = read(&json!({"entries": [entry]})).unwrap();
        assert_eq!(
            contents.entries[0].text,
            "## Today\n\nIt rained.\n\n- rope\n- oil\n\nNobody came."
        );
        assert_eq!(contents.entries[0].omissions.words(), 3);
    }
}
