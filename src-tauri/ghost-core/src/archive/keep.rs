//! Notes of Google Keep, one JSON file each.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::entry::{Entry, Reading, said};
use super::front::Facts;
use super::json::{key, says, yes};

/// Reads a note; `None` where it is none.
pub(super) fn read(value: &Value) -> Option<Reading> {
    let marks = ["userEditedTimestampUsec", "createdTimestampUsec", "isTrashed", "textContent"];
    if marks.iter().filter(|mark| value.get(mark).is_some()).count() < 2 {
        return None;
    }
    if yes(value, "isTrashed") {
        let complaints = vec!["It lies in the bin, so it was left alone.".to_owned()];
        return Some(Reading { complaints, ..Reading::default() });
    }
    let stamp = ["createdTimestampUsec", "userEditedTimestampUsec"]
        .iter()
        .filter_map(|key| value.get(key)?.as_i64())
        .find(|&stamp| stamp > 0);
    let moment = stamp.and_then(|stamp| Timestamp::from_microsecond(stamp).ok());
    let items = value.get("listContent").and_then(Value::as_array).into_iter().flatten();
    let items: Vec<String> =
        items.filter_map(|item| Some(format!("- {}", says(item, &["text"])?))).collect();
    let text = match says(value, &["textContent"]) {
        Some(text) => text.replace("\r\n", "\n"),
        None => items.join("\n"),
    };
    let entry = Entry {
        key: key(value, &["createdTimestampUsec"]),
        facts: Facts {
            title: says(value, &["title"]).and_then(said),
            date: moment.map(|moment| TimeZone::UTC.to_datetime(moment).date()),
            kind: Some("note".to_owned()),
            ..Facts::default()
        },
        text,
        ..Entry::default()
    };
    Some(Reading { entries: vec![entry], ..Reading::default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_note_and_a_list() {
        let note = json!({"title": "Hills", "textContent": "Up.\r\nDown.", "isTrashed": false,
            "userEditedTimestampUsec": 1_615_000_000_000_000_i64});
        let entry = read(&note).unwrap().entries.remove(0);
        assert_eq!(
            (entry.facts.title.unwrap().as_str(), entry.text.as_str()),
            ("Hills", "Up.\nDown.")
        );
        assert_eq!(entry.facts.date.unwrap().to_string(), "2021-03-06");
        let list = json!({"isTrashed": false, "createdTimestampUsec": 1, "listContent": [{"text": "milk"}, {"text": "oats"}, 3]});
        assert_eq!(read(&list).unwrap().entries[0].text, "- milk\n- oats");
        assert!(read(&json!({"isTrashed": true, "textContent": "x"})).unwrap().entries.is_empty());
        assert!(read(&json!({"title": "x"})).is_none());
    }
}
