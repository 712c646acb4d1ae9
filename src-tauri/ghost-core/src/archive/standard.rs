//! Backups of Standard Notes: a list of items, of which the notes are writing.

use serde_json::Value;

use super::dropped::Dropped;
use super::entry::{Entry, Reading, said};
use super::front::Facts;
use super::json::{day, key, says, yes};
use super::markdown;

/// Reads a backup; `None` where it is none.
pub(super) fn read(value: &Value) -> Option<Reading> {
    let items = value.get("items")?.as_array()?;
    if !items.iter().any(|item| says(item, &["content_type"]).is_some()) {
        return None;
    }
    let mut reading = Reading::default();
    let mut locked = 0;
    for item in items.iter().filter(|item| says(item, &["content_type"]) == Some("Note")) {
        match item.get("content") {
            Some(note @ Value::Object(_)) => {
                reading.entries.extend(entry(item, note, &mut reading.dropped))
            }
            Some(_) => locked += 1,
            None => {}
        }
    }
    if locked > 0 {
        let complaint = format!(
            "{locked} of the notes in it are encrypted; export a decrypted backup to bring them in."
        );
        reading.complaints.push(complaint);
    }
    Some(reading)
}

fn entry(item: &Value, note: &Value, lost: &mut Dropped) -> Option<Entry> {
    let text = says(note, &["text"]).unwrap_or_default();
    if yes(note, "trashed") || yes(item, "deleted") {
        lost.add("in the trash", text);
        return None;
    }
    let mut dropped = Dropped::default();
    Some(Entry {
        key: key(item, &["uuid"]),
        facts: Facts {
            title: says(note, &["title"]).and_then(said),
            date: day(item, &["created_at", "updated_at"]),
            kind: Some("note".to_owned()),
            ..Facts::default()
        },
        text: markdown::tidied(&text.replace("\r\n", "\n"), &mut dropped),
        dropped,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn notes_are_texts_and_other_items_are_not() {
        let backup = json!({"items": [
            {"content_type": "Note", "uuid": "a-1", "created_at": "2024-03-05T10:00:00.000Z",
             "content": {"title": "Harbour", "text": "It *rained*.\r\n\r\nAll day."}},
            {"content_type": "Note", "content": {"title": "Old", "text": "Not this one.", "trashed": true}},
            {"content_type": "Note", "content": "004:cipher"},
            {"content_type": "Tag", "content": {"title": "boats"}},
        ]});
        let reading = read(&backup).unwrap();
        let [entry] = reading.entries.as_slice() else { panic!("one entry") };
        assert_eq!(entry.facts.title.as_deref(), Some("Harbour"));
        assert_eq!(entry.facts.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(entry.text, "It *rained*.\n\nAll day.");
        assert_eq!(reading.dropped.words(), 3);
        assert!(reading.complaints[0].contains("encrypted"));
        assert!(read(&json!({"items": [{"id": "1"}]})).is_none());
    }
}
