//! Notes of Google Keep, one JSON file each.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::html;
use crate::archive::json::{flag_at, id_at, text_at};
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;

/// Returns true if a broken file begins like a note.
pub(super) fn sniff(head: &str) -> bool {
    const KEYS: [&str; 3] = ["\"textContent\"", "\"listContent\"", "\"userEditedTimestampUsec\""];
    KEYS.iter().any(|key| head.contains(key))
}

/// Reads a note; `None` if it is something else.
pub(super) fn read(value: &Value) -> Option<ExportContents> {
    let marks = ["userEditedTimestampUsec", "createdTimestampUsec", "isTrashed", "textContent"];
    if marks.iter().filter(|mark| value.get(mark).is_some()).count() < 2 {
        return None;
    }
    let title = text_at(value, &["title"]).and_then(non_empty);
    let text = note_text(value);
    if flag_at(value, "isTrashed") {
        let mut omissions = Omissions::default();
        omissions.add("in notes in the Trash", &title.unwrap_or_default());
        omissions.add("in notes in the Trash", &text);
        let warnings = vec!["Skipped: in the Trash.".to_owned()];
        return Some(ExportContents { warnings, omissions, ..ExportContents::default() });
    }
    let stamp = ["createdTimestampUsec", "userEditedTimestampUsec"]
        .iter()
        .filter_map(|key| value.get(key)?.as_i64())
        .find(|&stamp| stamp > 0);
    let moment = stamp.and_then(|stamp| Timestamp::from_microsecond(stamp).ok());
    let entry = Entry {
        key: id_at(value, &["createdTimestampUsec"]),
        metadata: Metadata {
            title,
            date: moment.map(|moment| TimeZone::UTC.to_datetime(moment).date()),
            kind: Some("note".to_owned()),
            ..Metadata::default()
        },
        text,
        omissions: Omissions::default(),
    };
    Some(ExportContents { entries: vec![entry], ..ExportContents::default() })
}

/// The text of a note and the items of its list. Text that exists only as HTML is converted.
fn note_text(value: &Value) -> String {
    let one = |value: &Value, plain: &str, html: &str| match text_at(value, &[plain]) {
        Some(text) => Some(text.replace("\r\n", "\n")),
        None => text_at(value, &[html]).map(html::fragment),
    };
    let items = value.get("listContent").and_then(Value::as_array).into_iter().flatten();
    let items = items.filter_map(|item| {
        let text = one(item, "text", "textHtml")?;
        Some(format!("- {}", text.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    let items = items.collect::<Vec<_>>().join("\n");
    let parts = [one(value, "textContent", "textContentHtml").unwrap_or_default(), items];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
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
            (entry.metadata.title.unwrap().as_str(), entry.text.as_str()),
            ("Hills", "Up.\nDown.")
        );
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2021-03-06");
        let list = json!({"isTrashed": false, "createdTimestampUsec": 1, "listContent": [{"text": "milk"}, {"text": "oats"}, 3]});
        assert_eq!(read(&list).unwrap().entries[0].text, "- milk\n- oats");
        let trashed =
            read(&json!({"isTrashed": true, "title": "Old", "textContent": "Two words."})).unwrap();
        assert_eq!((trashed.entries.len(), trashed.omissions.words()), (0, 3));
        let rich = json!({"isTrashed": false, "createdTimestampUsec": 1, "textContentHtml": "<p>So <b>cold</b>.</p>", "listContent": [{"textHtml": "<p>milk</p>"}]});
        assert_eq!(read(&rich).unwrap().entries[0].text, "So **cold**.\n\n- milk");
        assert!(read(&json!({"title": "x"})).is_none());
    }
}
