//! Styles and numbered lists of a Word document.

use std::collections::HashMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::archive::document::builder::{ListItem, ParagraphStyle};
use crate::archive::document::xml_events::attribute;

/// Styles that are based on each other.
const MAX_CHAIN: usize = 16;

/// The styles and lists of the document.
#[derive(Debug, Default)]
pub(super) struct StyleSheet {
    pub(super) styles: HashMap<String, StyleDefinition>,
    /// For each list, by id: whether its levels are numbered.
    pub(super) lists: HashMap<String, Vec<bool>>,
}

/// A style.
#[derive(Debug, Default)]
pub(super) struct StyleDefinition {
    pub(super) name: String,
    pub(super) based_on: Option<String>,
    /// The outline level, from 0; 9 means body text.
    pub(super) outline: Option<usize>,
    pub(super) list: Option<Numbering>,
    pub(super) bold: Option<bool>,
    pub(super) italic: Option<bool>,
    pub(super) hidden: Option<bool>,
}

/// The list position that a paragraph or a style declares.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbering {
    pub(super) id: Option<String>,
    pub(super) depth: usize,
}

impl StyleSheet {
    /// A style and the styles it is based on, the nearest first.
    pub(super) fn chain<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a StyleDefinition> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let style = self.styles.get(next?)?;
            next = style.based_on.as_deref();
            Some(style)
        })
        .take(MAX_CHAIN)
    }

    pub(super) fn style(&self, id: &str, outline: Option<usize>) -> ParagraphStyle {
        let heading = |level: usize| {
            if level < 9 { ParagraphStyle::Heading(level + 1) } else { ParagraphStyle::Text }
        };
        if let Some(level) = outline {
            return heading(level);
        }
        if !self.styles.contains_key(id) {
            return ParagraphStyle::named(id).unwrap_or_default();
        }
        self.chain(id)
            .find_map(|style| ParagraphStyle::named(&style.name).or(style.outline.map(heading)))
            .unwrap_or_default()
    }

    /// The list position of a paragraph, from its own properties or its style.
    pub(super) fn item(&self, style: &str, own: Option<&Numbering>) -> Option<ListItem> {
        let by_style = || self.chain(style).find_map(|style| style.list.as_ref());
        let numbering = own.or_else(by_style)?;
        let id = numbering.id.as_deref();
        if id == Some("0") {
            return None;
        }
        let levels = id.and_then(|id| self.lists.get(id));
        let is_ordered =
            levels.and_then(|levels| levels.get(numbering.depth)).copied().unwrap_or_default();
        Some(ListItem { depth: numbering.depth, is_ordered, is_continued: false })
    }
}

/// The styles of a document by id. Ids are in the language of the Word version.
pub(super) fn styles(xml: &str) -> HashMap<String, StyleDefinition> {
    let mut reader = Reader::from_str(xml);
    let mut styles = HashMap::new();
    let mut open: Option<(String, StyleDefinition)> = None;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if tag.local_name().as_ref() == "style" => {
                open = attribute(&tag, "styleId").map(|id| (id, StyleDefinition::default()));
            }
            Event::End(tag) if tag.local_name().as_ref() == "style" => styles.extend(open.take()),
            Event::Start(tag) | Event::Empty(tag) => {
                let Some((_, style)) = &mut open else { continue };
                let value = || attribute(&tag, "val");
                match tag.local_name().as_ref() {
                    "name" => style.name = value().unwrap_or_default(),
                    "basedOn" => style.based_on = value(),
                    "outlineLvl" => style.outline = value().and_then(|level| level.parse().ok()),
                    "numPr" => style.list = Some(Numbering::default()),
                    "numId" => style.list.get_or_insert_default().id = value(),
                    "ilvl" => style.list.get_or_insert_default().depth = depth(&tag),
                    "b" => style.bold = Some(is_on(&tag)),
                    "i" => style.italic = Some(is_on(&tag)),
                    "vanish" => style.hidden = Some(is_on(&tag)),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    styles
}

/// The list depth that a tag gives.
pub(super) fn depth(tag: &BytesStart) -> usize {
    attribute(tag, "val").and_then(|value| value.parse().ok()).unwrap_or(0usize).min(8)
}

/// For each list, by id: whether its levels are numbered.
pub(super) fn lists(xml: &str) -> HashMap<String, Vec<bool>> {
    let mut reader = Reader::from_str(xml);
    let mut shapes: HashMap<String, Vec<bool>> = HashMap::new();
    let mut lists = HashMap::new();
    let (mut shape, mut list) = (None, None);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "abstractNum" => shape = attribute(&tag, "abstractNumId"),
                "num" => list = attribute(&tag, "numId"),
                "numFmt" => {
                    let format = attribute(&tag, "val").unwrap_or_default();
                    if let Some(shape) = &shape {
                        let levels = shapes.entry(shape.clone()).or_default();
                        levels.push(!matches!(format.as_str(), "bullet" | "none"));
                    }
                }
                "abstractNumId" => {
                    let of = attribute(&tag, "val").and_then(|id| shapes.get(&id));
                    if let (Some(list), Some(levels)) = (list.take(), of) {
                        lists.insert(list, levels.clone());
                    }
                }
                _ => {}
            },
            Event::End(tag) if tag.local_name().as_ref() == "abstractNum" => shape = None,
            Event::Eof => break,
            _ => {}
        }
    }
    lists
}

/// Returns true if a property is on, which is the default.
pub(super) fn is_on(tag: &BytesStart) -> bool {
    !attribute(tag, "val")
        .is_some_and(|value| matches!(value.as_str(), "0" | "false" | "none" | "off"))
}
