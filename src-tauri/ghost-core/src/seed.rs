//! What the writer asks for: as terse as a chat line or as full as a brief.

use serde::{Deserialize, Serialize};

use crate::archive::Kind;

/// A request for one text. Only `topic` is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seed {
    /// What it is about.
    pub topic: String,
    /// What to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub angle: Option<String>,
    /// How long, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<u32>,
    /// Post, log or a section of the writer's own.
    #[serde(default)]
    pub kind: Kind,
    /// Things to cover, in no particular order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<String>,
}
