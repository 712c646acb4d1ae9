//! What the ghost wrote, and what the writer stands behind. Neither ever changes.

use serde::{Deserialize, Serialize};

use crate::id::AdapterId;
use crate::seed::Seed;

/// A text by the ghost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What was asked for.
    pub seed: Seed,
    /// What came.
    pub text: String,
    /// The adapter that wrote it; the bare base where there is none.
    pub written_by: Option<AdapterId>,
    /// The number that makes it repeatable.
    pub random_seed: u64,
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The text the writer stands behind.
    pub text: String,
}
