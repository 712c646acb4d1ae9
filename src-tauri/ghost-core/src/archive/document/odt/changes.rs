//! Tracked changes of an OpenDocument text.

use std::collections::HashMap;

use quick_xml::events::Event;

use crate::archive::document::contents::Changes;
use crate::archive::document::xml_events::{attribute, is_within, position, reader};
use crate::archive::{date, html};

/// The tracked changes of a document.
#[derive(Debug, Default)]
pub(super) struct TrackedChanges<'a> {
    /// By id: the content that a change deleted; `None` for an insertion.
    pub(super) changes: HashMap<String, Option<&'a str>>,
    pub(super) by: Changes,
}

impl<'a> TrackedChanges<'a> {
    pub(super) fn of(xml: &'a str) -> Self {
        let mut tracked = TrackedChanges::default();
        let mut reader = reader(xml);
        let mut within = 0usize;
        let mut id = None;
        // The start of a deletion's content, after its author and date.
        let mut from = None;
        let (mut author, mut value) = (None, String::new());
        loop {
            let before = position(&reader);
            let Ok(event) = reader.read_event() else { break };
            if matches!(event, Event::Eof) {
                break;
            }
            if !is_within(&event, "tracked-changes", &mut within) {
                continue;
            }
            match event {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "changed-region" => id = attribute(&tag, "id"),
                    "insertion" => {
                        id.take().into_iter().for_each(|id| {
                            tracked.changes.insert(id, None);
                        });
                    }
                    "deletion" => from = Some(position(&reader)),
                    "creator" | "date" => value.clear(),
                    _ => {}
                },
                Event::Text(text) => value.push_str(&html::decode_entities(&text)),
                Event::End(tag) => match tag.local_name().as_ref() {
                    "creator" => author = Some(value.trim().to_owned()),
                    "date" => {
                        let author = author.take();
                        tracked.by.add(author.filter(|name| !name.is_empty()), date::parse(&value));
                    }
                    "change-info" if from.is_some() => from = Some(position(&reader)),
                    "deletion" => {
                        let content = from.take().and_then(|from| xml.get(from..before));
                        if let (Some(id), Some(content)) = (id.take(), content) {
                            tracked.changes.insert(id, Some(content));
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        tracked
    }
}
