//! Styles and numbered lists of an OpenDocument text.

use std::collections::{HashMap, HashSet};

use quick_xml::events::Event;

use crate::archive::document::builder::ParagraphStyle;
use crate::archive::document::xml_events::{attribute, reader};

/// Styles that are based on each other.
const MAX_CHAIN: usize = 16;

/// The styles and lists of the document.
#[derive(Debug, Default)]
pub(super) struct StyleSheet {
    pub(super) styles: HashMap<String, StyleDefinition>,
    /// The levels of each list that are numbered, from 1.
    pub(super) numbered: HashMap<String, HashSet<usize>>,
}

/// A style of paragraphs or of runs.
#[derive(Debug, Default)]
pub(super) struct StyleDefinition {
    pub(super) name: String,
    pub(super) parent: Option<String>,
    pub(super) bold: Option<bool>,
    pub(super) italic: Option<bool>,
    pub(super) hidden: Option<bool>,
}

impl StyleSheet {
    pub(super) fn take(&mut self, xml: &str) {
        let mut reader = reader(xml);
        let mut open: Option<(String, StyleDefinition)> = None;
        let mut list: Option<String> = None;
        while let Ok(event) = reader.read_event() {
            let (tag, is_empty) = match event {
                Event::Eof => break,
                Event::Start(tag) => (tag, false),
                Event::Empty(tag) => (tag, true),
                Event::End(tag) => {
                    match tag.local_name().as_ref() {
                        "style" => self.styles.extend(open.take()),
                        "list-style" => list = None,
                        _ => {}
                    }
                    continue;
                }
                _ => continue,
            };
            match tag.local_name().as_ref() {
                "style" => {
                    let id = attribute(&tag, "name").unwrap_or_default();
                    let name = attribute(&tag, "display-name").unwrap_or_else(|| spelled(&id));
                    let parent = attribute(&tag, "parent-style-name");
                    open =
                        Some((id, StyleDefinition { name, parent, ..StyleDefinition::default() }));
                    if is_empty {
                        self.styles.extend(open.take());
                    }
                }
                "text-properties" => {
                    let Some((_, style)) = &mut open else { continue };
                    let property = |name: &str, is: &[&str]| {
                        attribute(&tag, name).map(|value| is.contains(&value.as_str()))
                    };
                    let bold = ["bold", "600", "700", "800", "900"];
                    style.bold = property("font-weight", &bold).or(style.bold);
                    style.italic = property("font-style", &["italic", "oblique"]).or(style.italic);
                    style.hidden = property("display", &["none"]).or(style.hidden);
                }
                "list-style" => list = attribute(&tag, "name").filter(|_| !is_empty),
                "list-level-style-number" => {
                    let level = attribute(&tag, "level").and_then(|level| level.parse().ok());
                    let has_format = attribute(&tag, "num-format").is_some_and(|f| !f.is_empty());
                    if let (Some(list), Some(level), true) = (&list, level, has_format) {
                        self.numbered.entry(list.clone()).or_default().insert(level);
                    }
                }
                _ => {}
            }
        }
    }

    /// A style and the styles it is based on, the nearest first.
    pub(super) fn chain<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a StyleDefinition> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let style = self.styles.get(next?)?;
            next = style.parent.as_deref();
            Some(style)
        })
        .take(MAX_CHAIN)
    }

    pub(super) fn style(&self, id: &str) -> ParagraphStyle {
        if !self.styles.contains_key(id) {
            return ParagraphStyle::named(&spelled(id)).unwrap_or_default();
        }
        self.chain(id).find_map(|style| ParagraphStyle::named(&style.name)).unwrap_or_default()
    }

    pub(super) fn is_hidden(&self, id: &str) -> Option<bool> {
        self.chain(id).find_map(|style| style.hidden)
    }
}

/// The name of a style as the user sees it: "Text_20_body" is "Text body".
pub(super) fn spelled(id: &str) -> String {
    id.replace("_20_", " ")
}
