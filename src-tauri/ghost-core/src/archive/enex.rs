//! Notes of Evernote (ENEX): each a document of its own inside the export.

use super::entry::{Entry, Reading, said};
use super::front::Facts;
use super::xml::records;
use super::{date, html};

/// Reads an export.
pub(super) fn read(xml: &str) -> Reading {
    let mut reading = Reading::default();
    let ended = records(xml, &["note"], |note| {
        let about = note.child("note-attributes");
        let clipped = about
            .and_then(|about| about.says("source"))
            .is_some_and(|source| source.starts_with("web.clip"));
        if clipped {
            return;
        }
        reading.entries.push(Entry {
            key: note.says("created").unwrap_or_default().to_owned(),
            facts: Facts {
                title: note
                    .says("title")
                    .and_then(said)
                    .filter(|title| title != "Untitled" && title != "Untitled Note"),
                author: about.and_then(|about| about.says("author")).and_then(said),
                date: note.says("created").and_then(|stamp| date::spelled(stamp.get(..8)?)),
                kind: Some("note".to_owned()),
                ..Facts::default()
            },
            text: note.says("content").map(html::fragment).unwrap_or_default(),
            ..Entry::default()
        });
    });
    reading.complaints.extend(ended.err());
    reading
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn notes_and_not_what_was_clipped_from_the_web() {
        let note = |source: &str| {
            format!(
                "<note><title>Hills</title><content><![CDATA[<?xml version=\"1.0\"?><!DOCTYPE en-note SYSTEM \"x.dtd\">\
             <en-note><div>Up.</div><div><br/></div><div>So <b>cold</b>.</div><en-media hash=\"a\"/></en-note>]]></content>\
             <created>20241009T162617Z</created><note-attributes><source>{source}</source></note-attributes>\
             <resource><data encoding=\"base64\">AAAA</data></resource></note>"
            )
        };
        let xml = format!(
            "<?xml version=\"1.0\"?><en-export>{}{}</en-export>",
            note("desktop.mac"),
            note("web.clip7")
        );
        let reading = read(&xml);
        let [entry] = reading.entries.as_slice() else { panic!("one note") };
        assert_eq!(
            (entry.facts.title.as_deref(), entry.text.as_str()),
            (Some("Hills"), "Up.\n\nSo **cold**.")
        );
        assert_eq!(entry.facts.date.unwrap().to_string(), "2024-10-09");
    }
}
