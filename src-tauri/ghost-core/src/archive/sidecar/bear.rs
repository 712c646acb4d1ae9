//! The `info.json` of a note exported from Bear.

use jiff::civil::Date;
use serde_json::Value;

use crate::archive::json;

/// Bear's metadata of a note.
pub(super) struct Note {
    pub(super) date: Option<Date>,
    pub(super) is_trashed: bool,
}

/// Reads an `info.json`; `None` if it is not Bear's.
pub(super) fn note(text: &str) -> Option<Note> {
    let info: Value = serde_json::from_str(text).ok()?;
    let bear = info.get("net.shinyfrog.bear")?;
    Some(Note {
        date: json::date_at(bear, &["creationDate", "modificationDate"]),
        is_trashed: json::flag_at(bear, "trashed"),
    })
}
