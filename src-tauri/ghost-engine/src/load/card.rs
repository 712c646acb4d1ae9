//! The facts of a base that a person wants to know before using it.

use serde::{Deserialize, Serialize};

/// The facts of a base that a person wants to know before using it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseCard {
    /// As the file names itself.
    pub name: String,
    /// The architecture, in the file's own word.
    pub family: String,
    /// The block type of most weights, in words.
    pub quantisation: String,
    /// Values in all weights.
    pub parameters: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Positions it was made for.
    pub context: usize,
    /// As the file states it.
    pub licence: Option<String>,
    /// Sentences on what may be wrong with it, although it can be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
