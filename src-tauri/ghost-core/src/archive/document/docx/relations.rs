//! Relationships between the parts of a Word document.

use std::collections::HashMap;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use crate::archive::decode;
use crate::archive::document::xml_events::attribute;

/// What a part of a document is to another.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) id: String,
    /// The last part of its type: "hyperlink", "footnotes".
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) is_external: bool,
}

/// What a part is related to, by the list beside it.
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
                let says = |name: &str| attribute(&tag, name).unwrap_or_default();
                let kind = says("Type");
                relations.push(Relation {
                    id: says("Id"),
                    kind: kind.rsplit('/').next().unwrap_or(&kind).to_owned(),
                    target: says("Target"),
                    is_external: says("TargetMode") == "External",
                });
            }
            Event::Eof => break,
            _ => {}
        }
    }
    relations
}

/// The address of each link of a part, by its id.
pub(super) fn links(relations: &[Relation]) -> HashMap<String, String> {
    relations
        .iter()
        .filter(|relation| relation.kind == "hyperlink")
        .map(|relation| (relation.id.clone(), relation.target.clone()))
        .collect()
}

/// The name that a part of this kind usually has.
pub(super) fn usual_path(main: &str, kind: &str) -> String {
    resolved(main, &format!("{kind}.xml"))
}

/// The part that `target` names in a list beside the part `from`.
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
