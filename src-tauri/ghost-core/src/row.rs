//! One lesson: a seed, the text that answers it, and how much each stretch of the text counts.

use serde::{Deserialize, Serialize};

use crate::id::{EditId, PieceId};
use crate::seed::Seed;

/// Where a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from", content = "id")]
pub enum Origin {
    /// A piece the writer wrote alone.
    Archive(PieceId),
    /// The writer's own edit of a draft.
    Edit(EditId),
}

/// What a row is for. A row never changes side within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Learned from.
    Train,
    /// Watched while learning, to know when to stop.
    Dev,
    /// Never looked at before the verdict.
    Holdout,
}

/// A stretch of a row's text, in bytes, and how much each of its tokens counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// First byte.
    pub from: usize,
    /// One past the last byte.
    pub to: usize,
    /// 1.0 is the writer's unassisted word; 0.0 is not learned from.
    pub weight: f32,
}

/// One lesson.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What would have been asked.
    pub seed: Seed,
    /// What the writer wrote.
    pub text: String,
    /// Stretches whose tokens count otherwise than 1.0, in order, not overlapping.
    pub weights: Vec<Weight>,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is for.
    pub side: Side,
}
