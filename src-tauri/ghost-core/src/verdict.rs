//! The verdict on a candidate: does it write more like its writer than the best alternative?
//!
//! The gate denies by default. A candidate ships only if, on pieces that nothing was trained on, it
//! needs fewer bits per byte of the writer's text *and* its drafts score higher on the voice measure,
//! no guardrail blocks it, it is no worse than the adapter in use, and it understands the writer's
//! edits no worse. What was not measured is not required, and the reasons say so.
//!
//! The verdict knows neither base models nor adapters, only their figures, and its randomness comes
//! from a seed: the same evidence always has the same verdict.

mod evidence;
mod gate;
mod measures;
mod statistics;
mod wording;

pub use self::evidence::{
    DraftScores, Evidence, GuardrailCheck, HeldOut, Preference, RemoteEvidence, VoiceScores,
};
pub(crate) use self::gate::MIN_PIECES;
pub use self::gate::{Decision, Verdict, decide};
pub use self::measures::{Baseline, GuardrailResult, Measures, RemoteComparison, VoiceMeasures};
