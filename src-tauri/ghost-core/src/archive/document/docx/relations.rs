//! Relationships between the parts of a Word document.

use std::collections::HashMap;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use crate::archive::decode;
use crate::archive::document::xml_events::attribute;

/// A relationship to another part.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) id: String,
    /// The last segment of its type: "hyperlink", "footnotes".
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) is_external: bool,
}

/// The relationships of a part.
pub(super) fn relations(part: &mut impl FnMut(&str) -> Option<Vec<u8>>, of: &str) -> Vec<Relation> {
    let (folder, file) = of.rsplit_once('/').unwrap_or(("", of));
    let slash = if folder.is_empty() { "" } else { "/" };
    let list = part(&format!("{folder}{slash}_rels/{file}.rels"));
    let Some(xml) = list.and_then(|bytes| decode::decode_text(&bytes)) else { return Vec::new() };
    let mut reader = Reader::from_str(&xml);
    let mut relations = Vec::new();
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag)
                if tag.local_name().as_ref() == "Relationship" =>
            {
                let value = |name: &str| attribute(&tag, name).unwrap_or_default();
                let kind = value("Type");
                relations.push(Relation {
                    id: value("Id"),
                    kind: kind.rsplit('/').next().unwrap_or(&kind).to_owned(),
                    target: value("Target"),
                    is_external: value("TargetMode") == "External",
                });
            }
            Event::Eof => break,
            _ => {}
        }
    }
    relations
}

/// The address of each hyperlink of a part, by id.
pub(super) fn links(relations: &[Relation]) -> HashMap<String, String> {
    relations
        .iter()
        .filter(|relation| relation.kind == "hyperlink")
        .map(|relation| (relation.id.clone(), relation.target.clone()))
        .collect()
}

/// The usual path of a part of this kind.
pub(super) fn usual_path(main: &str, kind: &str) -> String {
    resolved(main, &format!("{kind}.xml"))
}

/// The path that `target` names, relative to the part `from`.
pub(super) fn resolved(from: &str, target: &str) -> String {
    let folder = match target.starts_with('/') {
        true => "",
        false => from.rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split(['/', '\\'])) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
