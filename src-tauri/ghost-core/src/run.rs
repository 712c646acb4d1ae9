//! One training: the numbers it is done with, the points on its curve, the states it can be in.

use serde::{Deserialize, Serialize};

/// The numbers of a run (VOICE 4.3). Everything needed to repeat it, apart from base and rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// `quick` or `nightly`.
    pub name: String,
    /// Rank of the adapter.
    pub rank: usize,
    /// The adapter's product is scaled by `alpha / rank`.
    pub alpha: f32,
    /// Share of the adapter's input dropped at each step.
    pub dropout: f32,
    /// Peak learning rate of AdamW.
    pub learning_rate: f32,
    /// Steps over which the learning rate rises from zero; it then falls along a cosine to a tenth.
    pub warmup_steps: usize,
    /// Gradient norm above which gradients are scaled down.
    pub clip: f32,
    /// Longest lesson, in tokens.
    pub context: usize,
    /// Tokens a step learns from, at least one lesson.
    pub batch_tokens: usize,
    /// Most passes over the rows.
    pub epochs: usize,
    /// Steps to do, where given; otherwise `epochs` decides.
    pub steps: Option<usize>,
    /// Steps between two looks at the dev rows; 0 is never.
    pub dev_every: usize,
    /// Looks at dev without a better one after which the run ends.
    pub patience: usize,
    /// The number that makes the run repeatable.
    pub random_seed: u64,
}

/// One point on the curve of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Counted from 1.
    pub n: usize,
    /// How many there will be.
    pub of: usize,
    /// Weighted mean negative log-likelihood per answer token, in nats.
    pub loss: f32,
    /// Bits per byte on the dev rows, where this step looked.
    pub dev_bits_per_byte: Option<f64>,
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f32,
    /// Tokens read in this step, prompts included.
    pub tokens: usize,
    /// Tokens read per second in this step.
    pub tokens_per_second: f32,
    /// Seconds to the end of the run at the present speed.
    pub seconds_left: f32,
    /// Most memory the process has held, in bytes; 0 where the system does not say.
    pub peak_bytes: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Asked for, not begun.
    Waiting,
    /// Its process is at work.
    Learning,
    /// Learned; the verdict is being reached.
    Judging,
    /// Ended by the writer; can be gone on with.
    Stopped,
    /// Its process ended without a word; can be gone on with.
    Interrupted,
    /// Could not be done; the reason is kept.
    Failed,
    /// Done, with a verdict.
    Done,
}

impl State {
    /// Whether the run can be gone on with where it was.
    pub fn is_unfinished(self) -> bool {
        matches!(self, State::Waiting | State::Stopped | State::Interrupted)
    }
}
