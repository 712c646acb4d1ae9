//! The edit itself: segments that are in both texts and segments that were changed.

use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize};

/// A segment of an edit. As JSON `{"same": "…"}` or `{"cut": "…", "added": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Segment {
    /// Text that is in both.
    #[serde(rename = "same")]
    Same(String),
    /// `cut` in the draft, `added` in the shipped text; at most one is empty.
    #[serde(untagged)]
    Changed {
        /// The words the writer cut.
        cut: String,
        /// The words the writer added.
        added: String,
    },
}

/// The changes that turn a draft into the shipped text. No segment is empty, and no two adjacent ones
/// are of the same kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Edit {
    #[serde(deserialize_with = "normalized")]
    segments: Vec<Segment>,
}

/// An edit was applied to a text other than its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This edit belongs to another draft: the texts differ from byte {at}.")]
pub struct DraftMismatch {
    /// The first byte that differs.
    pub at: usize,
}

impl Edit {
    /// Its segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// True if the draft was shipped unchanged.
    pub fn is_empty(&self) -> bool {
        !self.segments.iter().any(|segment| matches!(segment, Segment::Changed { .. }))
    }

    /// The draft.
    pub fn draft(&self) -> String {
        self.segments.iter().map(|s| s.sides().0).collect()
    }

    /// The shipped text.
    pub fn shipped(&self) -> String {
        self.segments.iter().map(|s| s.sides().1).collect()
    }

    /// The ranges that are in both texts: bytes of the draft and bytes of the shipped text.
    pub fn kept(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let (mut before, mut after) = (0, 0);
        self.segments.iter().filter_map(move |segment| {
            let (cut, added) = segment.sides();
            let kept = (before..before + cut.len(), after..after + added.len());
            (before, after) = (kept.0.end, kept.1.end);
            matches!(segment, Segment::Same(_)).then_some(kept)
        })
    }

    /// Applies the edit to its draft and returns the shipped text.
    ///
    /// # Errors
    /// If `text` is not the draft.
    pub fn apply(&self, text: &str) -> Result<String, DraftMismatch> {
        let draft = self.draft();
        if draft == text {
            return Ok(self.shipped());
        }
        let same = draft.bytes().zip(text.bytes());
        Err(DraftMismatch { at: same.take_while(|(a, b)| a == b).count() })
    }

    /// The edit that undoes this one.
    pub fn invert(&self) -> Edit {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Same(text) => Segment::Same(text.clone()),
            Segment::Changed { cut, added } => {
                Segment::Changed { cut: added.clone(), added: cut.clone() }
            }
        });
        Edit { segments: segments.collect() }
    }

    pub(super) fn push_same(&mut self, text: &str) {
        match self.segments.last_mut() {
            _ if text.is_empty() => {}
            Some(Segment::Same(last)) => last.push_str(text),
            _ => self.segments.push(Segment::Same(text.to_owned())),
        }
    }

    pub(super) fn push_change(&mut self, cut: &str, added: &str) {
        match self.segments.last_mut() {
            _ if cut.is_empty() && added.is_empty() => {}
            Some(Segment::Changed { cut: last_cut, added: last_added }) => {
                last_cut.push_str(cut);
                last_added.push_str(added);
            }
            _ => self
                .segments
                .push(Segment::Changed { cut: cut.to_owned(), added: added.to_owned() }),
        }
    }

    /// Appends two texts that differ only in the shape of quotes.
    pub(super) fn push_quotes(&mut self, cut: &str, added: &str) {
        let (mut one, mut other) = ([0; 4], [0; 4]);
        for (a, b) in cut.chars().zip(added.chars()) {
            match a == b {
                true => self.push_same(a.encode_utf8(&mut one)),
                false => self.push_change(a.encode_utf8(&mut one), b.encode_utf8(&mut other)),
            }
        }
    }
}

impl Segment {
    /// Its text in the draft and in the shipped text.
    pub fn sides(&self) -> (&str, &str) {
        match self {
            Segment::Same(text) => (text, text),
            Segment::Changed { cut, added } => (cut, added),
        }
    }
}

impl FromIterator<Segment> for Edit {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        let mut edit = Edit::default();
        for segment in segments {
            match segment {
                Segment::Same(text) => edit.push_same(&text),
                Segment::Changed { cut, added } => edit.push_change(&cut, &added),
            }
        }
        edit
    }
}

fn normalized<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Segment>, D::Error> {
    let segments = Vec::<Segment>::deserialize(from)?;
    Ok(segments.into_iter().collect::<Edit>().segments)
}
