//! A draft by the ghost, and the text the writer shipped. Neither ever changes.

use serde::{Deserialize, Serialize};

use crate::id::AdapterId;
use crate::seed::Seed;

/// A draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The request.
    pub seed: Seed,
    /// The generated text.
    pub text: String,
    /// The adapter that wrote it; `None` for the base model.
    pub written_by: Option<AdapterId>,
    /// The random seed it was generated with.
    pub random_seed: u64,
}

/// The text a writer shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedText {
    /// The text.
    pub text: String,
}
