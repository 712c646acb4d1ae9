//! HTML tags with their positions, for readers that cut elements out of HTML before its conversion.

use std::collections::HashMap;

use html5gum::{DefaultEmitter, Token, Tokenizer};

/// Tags that are read of one page.
const MAX_TAGS: usize = 1_000_000;

/// The attributes that are read.
const ATTRIBUTES: [&str; 6] = ["class", "data-signatureblock", "id", "name", "style", "type"];

/// A tag of a page.
#[derive(Debug)]
pub(super) struct Tag {
    /// The position of its `<`.
    pub(super) from: usize,
    /// The position after its `>`.
    pub(super) to: usize,
    /// In lower case.
    pub(super) name: String,
    pub(super) closes: bool,
    attributes: Vec<(&'static str, String)>,
}

impl Tag {
    pub(super) fn opens(&self, name: &str) -> bool {
        !self.closes && self.name == name
    }

    /// The value of an attribute, entities decoded.
    pub(super) fn value(&self, wanted: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_str())
    }
}

/// The tags of a page in order, except those in comments, scripts and styles.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let tokens = Tokenizer::new_with_emitter(html, emitter).filter_map(Result::ok);
    let tag = |token| match token {
        Token::StartTag(tag) => {
            let attributes = ATTRIBUTES.iter().filter_map(|&key| {
                let value = tag.attributes.get(key.as_bytes())?;
                Some((key, String::from_utf8_lossy(value).into_owned()))
            });
            Some(Tag {
                from: tag.span.start,
                to: tag.span.end,
                name: String::from_utf8_lossy(&tag.name).into_owned(),
                closes: false,
                attributes: attributes.collect(),
            })
        }
        Token::EndTag(tag) => Some(Tag {
            from: tag.span.start,
            to: tag.span.end,
            name: String::from_utf8_lossy(&tag.name).into_owned(),
            closes: true,
            attributes: Vec::new(),
        }),
        _ => None,
    };
    let is_whole = |tag: &Tag| tag.from <= tag.to && html.get(tag.from..tag.to).is_some();
    tokens.filter_map(tag).filter(is_whole).take(MAX_TAGS).collect()
}

/// For each tag, the one that closes it; a void element closes itself.
pub(super) fn closes(tags: &[Tag]) -> Vec<Option<usize>> {
    const EMPTY: [&str; 8] = ["br", "col", "hr", "img", "input", "link", "meta", "wbr"];
    let mut open: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut closes = vec![None; tags.len()];
    for (at, tag) in tags.iter().enumerate() {
        if EMPTY.contains(&tag.name.as_str()) {
            closes[at] = Some(at);
        } else if !tag.closes {
            open.entry(&tag.name).or_default().push(at);
        } else if let Some(from) = open.get_mut(tag.name.as_str()).and_then(Vec::pop) {
            closes[from] = Some(at);
        }
    }
    closes
}
