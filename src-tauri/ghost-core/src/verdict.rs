//! Does the candidate write more like its writer than the best that can be had without it?

use serde::{Deserialize, Serialize};

/// What is done with a candidate (VOICE 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// It writes from now on.
    Ship,
    /// The present ghost goes on writing.
    Keep,
    /// Too little to judge by.
    Unproven,
    /// A guardrail stands in the way.
    Blocked,
    /// Worse than the prompt: it is put away.
    Retire,
}
