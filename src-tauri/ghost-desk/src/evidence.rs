//! The evidence for a verdict: likelihoods, drafts, guardrails and edits, measured for a candidate
//! and for everyone it is compared with.
//!
//! The same base, rows, candidate and random seed give the same evidence, and so the same verdict:
//! the sample size follows from the recipe and the size of the base, never from the clock. Every
//! measurement is stored in a cache ([`EvalCache`]), so that a stopped evaluation resumes, and prompts
//! and bases are not measured again. Independent of the store's tables.

mod bits;
mod collect;
mod context;
mod prompt_search;
mod voice;

pub(crate) use context::{
    Candidate, EvalCache, EvalContext, EvalDrafts, Interrupted, Pair, Progress, SCORED_BYTES,
    Sample, evenly,
};
pub(crate) use prompt_search::SearchBudget;
