//! Reads the XML of documents event by event.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element whose text is not part of the document.
#[derive(Debug)]
pub(super) struct SkippedElement {
    /// Elements that are open around it.
    pub(super) depth: usize,
    /// The reason under which its words are counted; `None` if they are not, as for a second copy.
    pub(super) reason: Option<&'static str>,
}

/// A reader that tolerates end tags without a start and a bare `&`.
pub(super) fn reader(xml: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// The byte that a reader has reached.
pub(super) fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// The value of an attribute by its local name.
pub(super) fn attribute(tag: &BytesStart, wanted: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// Updates `depth`, the number of open elements called `name`, and returns true inside one.
pub(super) fn is_within(event: &Event, name: &str, depth: &mut usize) -> bool {
    match event {
        Event::Start(tag) if tag.local_name().as_ref() == name => *depth += 1,
        Event::End(tag) if tag.local_name().as_ref() == name => *depth = depth.saturating_sub(1),
        _ => {}
    }
    *depth > 0
}
