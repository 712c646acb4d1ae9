//! Reads the records of an XML file one at a time.
//!
//! An entity that the file defines is never expanded, and nothing outside the file is fetched.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::entry::TRUNCATED;
use super::html;

/// Nesting that is read.
const MAX_DEPTH: usize = 64;
/// Bytes of text of one element; a longer one is a picture or an attack.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// Elements and attributes of one record.
const MAX_NODES: usize = 100_000;
/// Records that are read of one export.
const MAX_RECORDS: usize = 200_000;

/// An element of a record.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    /// The name with its prefix, in lower case.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// Its own text including CDATA, entities decoded.
    pub(super) text: String,
    pub(super) children: Vec<Node<'a>>,
    /// The source between its tags.
    pub(super) inner: &'a str,
}

impl<'a> Node<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn children_named<'b>(
        &'b self,
        name: &'b str,
    ) -> impl Iterator<Item = &'b Node<'a>> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Node<'a>> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of a child, if it is not empty.
    pub(super) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }
}

/// Calls `each` for every element with one of the `wanted` names, with its contents.
///
/// # Errors
///
/// A sentence, if the document is broken or has too many records; those before were passed to `each`.
pub(super) fn read_records<'a>(
    xml: &'a str,
    wanted: &[&str],
    mut each: impl FnMut(Node<'a>),
) -> Result<(), String> {
    let mut left = MAX_RECORDS;
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    // The open elements of the current record, with the start of their contents.
    let mut open: Vec<(Node, usize)> = Vec::new();
    // Open elements that are too deep or too many to be kept.
    let (mut lost, mut count) = (0usize, 0usize);
    loop {
        if left == 0 || lost > MAX_NODES {
            return Err(TRUNCATED.to_owned());
        }
        let before = position(&reader);
        let event = match reader.read_event() {
            Ok(Event::Eof) if open.is_empty() => return Ok(()),
            Ok(Event::Eof) => {
                return Err("The file is cut short; the texts before that were kept.".to_owned());
            }
            Ok(event) => event,
            Err(_) => {
                return Err("The XML is broken; the texts before the damage were kept.".to_owned());
            }
        };
        match event {
            Event::Start(tag) if lost > 0 || open.len() >= MAX_DEPTH || count >= MAX_NODES => {
                let _ = tag;
                lost += 1;
            }
            Event::End(_) if lost > 0 => lost -= 1,
            Event::Start(tag) => {
                let node = node(&tag);
                if !open.is_empty() || wanted.contains(&node.name.as_str()) {
                    count += 1 + node.attributes.len();
                    open.push((node, position(&reader)));
                }
            }
            Event::Empty(tag) => match open.last_mut() {
                Some((parent, _)) if lost == 0 && count < MAX_NODES => {
                    let node = node(&tag);
                    count += 1 + node.attributes.len();
                    parent.children.push(node);
                }
                None if lost == 0 => {
                    let node = node(&tag);
                    if wanted.contains(&node.name.as_str()) {
                        left -= 1;
                        each(node);
                    }
                }
                _ => {}
            },
            // An end tag without a start is ignored.
            Event::End(tag) => {
                let name = tag.name().as_ref().to_ascii_lowercase();
                let Some(at) = open.iter().rposition(|(node, _)| node.name == name) else {
                    continue;
                };
                while open.len() > at {
                    let Some((mut node, from)) = open.pop() else { break };
                    node.inner = xml.get(from..before).unwrap_or_default();
                    match open.last_mut() {
                        Some((parent, _)) => parent.children.push(node),
                        None => {
                            count = 0;
                            left -= 1;
                            each(node);
                        }
                    }
                }
            }
            _ if lost > 0 => {}
            Event::Text(text) => push_text(&mut open, &text),
            Event::CData(text) => push_text(&mut open, &text),
            Event::GeneralRef(name) => {
                push_text(&mut open, &html::decode_entities(&format!("&{};", &*name)))
            }
            _ => {}
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn push_text(open: &mut [(Node, usize)], text: &str) {
    if let Some((node, _)) = open.last_mut()
        && node.text.len() + text.len() <= MAX_TEXT_BYTES
    {
        node.text.push_str(text);
    }
}

fn node<'a>(tag: &BytesStart) -> Node<'a> {
    let mut attributes = tag.attributes();
    let attributes = attributes.with_checks(false).flatten().take(32).filter_map(|found| {
        let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
        Some((found.key.as_ref().to_ascii_lowercase(), value.into_owned()))
    });
    Node {
        name: tag.name().as_ref().to_ascii_lowercase(),
        attributes: attributes.collect(),
        ..Node::default()
    }
}
