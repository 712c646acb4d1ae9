//! The inputs of an evaluation, its participants, its cache and its progress.

use std::ops::ControlFlow;

use ghost_core::outline::RequestScope;
use ghost_core::program::{OptimizedPrompts, Program};
use ghost_core::row::{Origin, Row};
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_core::words;
use ghost_engine::adapter::{Adapter, fingerprint};
use ghost_engine::model::Model;
use sha2::{Digest as _, Sha256};

use crate::failure::{Failure, Result};
use crate::hex;
use crate::prompt::{PieceSearch, Prompts};
use crate::remote_model::RemoteWriter;

/// Maximum bytes of a piece that are scored: enough to judge style, small enough to be quick.
pub(crate) const SCORED_BYTES: usize = 4000;

/// A cache of measurements, with the search over the archive.
pub(crate) trait EvalCache: PieceSearch {
    /// A cached measurement.
    fn score(&self, what: &str) -> Result<Option<f64>>;
    /// Stores a measurement.
    fn store_score(&self, what: &str, figure: f64) -> Result<()>;
    /// A cached draft.
    fn draft(&self, what: &str) -> Result<Option<String>>;
    /// Stores a draft.
    fn store_draft(&self, what: &str, text: &str) -> Result<()>;
}

/// Sample sizes of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Test seeds that drafts are generated from.
    pub(crate) seeds: usize,
    /// EvalDrafts per seed.
    pub(crate) drafts: usize,
    /// Maximum words of a draft.
    pub(crate) words: u32,
    /// EvalDrafts of the base on training seeds, which calibrate the voice score.
    pub(crate) floor: usize,
}

impl Sample {
    /// The sample of a recipe for a base of `parameters` weights. Generation is slow on a large
    /// base, so there are fewer and shorter drafts.
    pub(crate) fn of(recipe: &str, parameters: u64) -> Sample {
        match (recipe, parameters) {
            ("nightly", 0..700_000_000) => Sample { seeds: 12, drafts: 2, words: 400, floor: 12 },
            ("nightly", _) => Sample { seeds: 10, drafts: 1, words: 400, floor: 10 },
            (_, 0..700_000_000) => Sample { seeds: 8, drafts: 1, words: 200, floor: 10 },
            _ => Sample { seeds: 8, drafts: 1, words: 200, floor: 8 },
        }
    }
}

/// A participant of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    /// A hash of the adapter; empty for the base.
    pub(crate) name: &'a str,
    /// The adapter, if any.
    pub(crate) adapter: Option<&'a Adapter>,
    /// The prompt, if it is asked with one.
    pub(crate) program: Option<&'a Program>,
}

impl Candidate<'_> {
    /// The base without an adapter or prompt.
    pub(crate) const BARE: Candidate<'static> =
        Candidate { name: "", adapter: None, program: None };
}

/// A draft and what the writer shipped.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// The seed.
    pub(crate) seed: Seed,
    /// The generated draft.
    pub(crate) draft: String,
    /// The shipped text.
    pub(crate) shipped: String,
}

/// The fixed inputs of an evaluation.
pub(crate) struct EvalContext<'a> {
    /// The base of all participants.
    pub(crate) base: &'a Model,
    /// All rows.
    pub(crate) rows: &'a [Row],
    /// Edits outside the training split.
    pub(crate) pairs: &'a [Pair],
    /// Edits in the training split.
    pub(crate) edits: &'a [Pair],
    /// The optimized prompts.
    pub(crate) compiled: &'a OptimizedPrompts,
    /// The sample sizes.
    pub(crate) sample: Sample,
    /// Seeds all sampling.
    pub(crate) random_seed: u64,
    /// Cached measurements.
    pub(crate) cache: &'a dyn EvalCache,
    /// A remote model to compare with.
    pub(crate) remote: Option<&'a dyn RemoteWriter>,
}

/// Why an evaluation ended without a result.
pub(crate) enum Interrupted {
    /// The caller asked to stop.
    Stopped,
    /// An error.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Interrupted {
    fn from(failure: E) -> Interrupted {
        Interrupted::Failed(failure.into())
    }
}

/// A result, unless the evaluation was interrupted.
pub(crate) type EvalResult<T> = std::result::Result<T, Interrupted>;

/// Receives how many items are measured, of how many; may ask to stop.
pub(crate) type OnProgress<'a> = dyn FnMut(u32, u32) -> ControlFlow<()> + 'a;

/// Counts measured items.
pub(crate) struct Progress<'a, 'h> {
    pub(crate) done: u32,
    pub(crate) of: u32,
    pub(crate) on_progress: &'a mut OnProgress<'h>,
}

impl Progress<'_, '_> {
    /// Counts one more item.
    pub(crate) fn one(&mut self) -> EvalResult<()> {
        self.done += 1;
        self.check()
    }

    /// Checks whether to continue, during a long item.
    pub(crate) fn check(&mut self) -> EvalResult<()> {
        if (self.on_progress)(self.done, self.of.max(self.done)).is_break() {
            return Err(Interrupted::Stopped);
        }
        Ok(())
    }
}

/// The seed and text of each draft: the candidate's, the prompt's and the base's.
pub(crate) type EvalDrafts = [Vec<(Seed, String)>; 3];

impl EvalContext<'_> {
    /// The prompts of this evaluation.
    pub(super) fn prompts(&self) -> Prompts<'_> {
        Prompts { base: self.base, rows: self.rows, search: self.cache }
    }

    /// The prompt tokens of a participant.
    pub(super) fn prompt(&self, participant: Candidate<'_>, seed: &Seed) -> Result<Vec<u32>> {
        self.prompts().tokens(participant.program, seed, &RequestScope::Whole)
    }

    /// The rows of the test split.
    pub(super) fn held_out(&self) -> Vec<&Row> {
        let of_piece = |row: &&Row| matches!(row.origin, Origin::Archive(_));
        self.rows.iter().filter(|row| row.split == Split::Test).filter(of_piece).collect()
    }

    /// The cache key of a measurement: a hash of everything it depends on.
    pub(super) fn name(&self, participant: Candidate<'_>, prompt: &[u32], what: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(fingerprint(self.base));
        hasher.update(format!("/{}/", participant.name));
        hasher.update(prompt.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<_>>());
        hasher.update(what);
        hex::lower(&hasher.finalize())
    }
}

/// At most `most` words of a text.
pub(super) fn first_words(text: &str, most: usize) -> &str {
    let last = most.checked_sub(1).and_then(|n| words::words(text).nth(n));
    last.map_or(if most == 0 { "" } else { text }, |(at, word)| &text[..at + word.len()])
}

/// At most `most` items of a list, evenly spaced.
pub(crate) fn evenly<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    let n = all.len().min(most);
    (0..n).map(|at| all[at * all.len() / n]).collect()
}
