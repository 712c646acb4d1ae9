//! Backups of Standard Notes: a list of items, some of which are notes.

use serde_json::Value;

use crate::archive::entry::{Entry, ExportContents};
use crate::archive::json::{date_at, flag_at, id_at, text_at};
use crate::archive::markdown;
use crate::archive::metadata::Metadata;
use crate::archive::omissions::Omissions;
use crate::archive::text::non_empty;

/// Returns true if a broken file begins like a backup.
pub(super) fn sniff(head: &str) -> bool {
    head.contains("\"content_type\"")
}

/// Reads a backup; `None` if it is something else.
pub(super) fn read(value: &Value) -> Option<ExportContents> {
    let items = value.get("items")?.as_array()?;
    if !items.iter().any(|item| text_at(item, &["content_type"]).is_some()) {
        return None;
    }
    let mut contents = ExportContents::default();
    let mut locked = 0;
    for item in items.iter().filter(|item| text_at(item, &["content_type"]) == Some("Note")) {
        match item.get("content") {
            Some(note @ Value::Object(_)) => {
                contents.entries.extend(entry(item, note, &mut contents.omissions))
            }
            Some(_) => locked += 1,
            None => {}
        }
    }
    if locked > 0 {
        let (notes, them) = if locked == 1 { ("note is", "it") } else { ("notes are", "them") };
        contents.warnings.push(format!(
            "{locked} {notes} encrypted. To import {them}, export a decrypted backup."
        ));
    }
    Some(contents)
}

fn entry(item: &Value, note: &Value, lost: &mut Omissions) -> Option<Entry> {
    let text = text_at(note, &["text"]).unwrap_or_default();
    if flag_at(note, "trashed") || flag_at(item, "deleted") {
        lost.add("in the trash", text);
        return None;
    }
    let mut omissions = Omissions::default();
    Some(Entry {
        key: id_at(item, &["uuid"]),
        metadata: Metadata {
            title: text_at(note, &["title"]).and_then(non_empty),
            date: date_at(item, &["created_at", "updated_at"]),
            kind: Some("note".to_owned()),
            ..Metadata::default()
        },
        text: markdown::clean(&text.replace("\r\n", "\n"), &mut omissions),
        omissions,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn notes_are_kept_and_other_items_are_not() {
        let backup = json!({"items": [
            {"content_type": "Note", "uuid": "a-1", "created_at": "2024-03-05T10:00:00.000Z",
             "content": {"title": "Harbour", "text": "It *rained*.\r\n\r\nAll day."}},
            {"content_type": "Note", "content": {"title": "Old", "text": "Not this one.", "trashed": true}},
            {"content_type": "Note", "content": "004:cipher"},
            {"content_type": "Tag", "content": {"title": "boats"}},
        ]});
        let contents = read(&backup).unwrap();
        let [entry] = contents.entries.as_slice() else { panic!("one entry") };
        assert_eq!(entry.metadata.title.as_deref(), Some("Harbour"));
        assert_eq!(entry.metadata.date.unwrap().to_string(), "2024-03-05");
        assert_eq!(entry.text, "It *rained*.\n\nAll day.");
        assert_eq!(contents.omissions.words(), 3);
        assert!(contents.warnings[0].contains("encrypted"));
        assert!(read(&json!({"items": [{"id": "1"}]})).is_none());
    }
}
