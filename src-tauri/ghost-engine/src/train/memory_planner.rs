//! The memory of a training run: how long its sequences are, and which layers keep their activations.

use std::fs;
use std::path::Path;

use crate::adapter;
use crate::backend::ActivationCheckpointing;
use crate::backend::cpu::TrainingMemory;
use crate::base::Base;
use crate::error::{Error, Result};
use crate::private;
use crate::train::checkpoint;

/// The share of free memory that a step may fill; the rest is for other programs.
const MEMORY_SHARE: f64 = 0.5;
/// Sequences are not shortened below this number of tokens.
pub(super) const MIN_CONTEXT: usize = 256;
/// Memory of the loss in bytes: logits of a chunk plus scratch space.
pub(super) const LOSS_BYTES: u64 = 160 << 20;
/// The file in which a run keeps the length of its sequences. Its examples follow from it, so a run
/// that resumes needs the same length, however much memory there is by then.
const CONTEXT: &str = "context";

/// Keeps a run within the memory there is.
pub(super) struct MemoryPlanner<'a> {
    pub(super) base: &'a Base,
    pub(super) rank: usize,
    /// Free bytes.
    pub(super) free: &'a dyn Fn() -> u64,
    /// The maximum number of layers recomputed so far, so that it is reported once.
    pub(super) recomputed: usize,
}

impl MemoryPlanner<'_> {
    /// Bytes that a step may take, of which `held` are held already.
    fn allowed(&self, held: u64) -> u64 {
        let free = (self.free)().saturating_add(held) as f64 * MEMORY_SHARE;
        (free as u64).saturating_sub(LOSS_BYTES)
    }

    /// The longest sequence, up to `wanted`, that fits with all activations recomputed; or the length
    /// that the run began with.
    pub(super) fn context(&self, wanted: usize, folder: &Path) -> Result<usize> {
        let path = folder.join(CONTEXT);
        let saved = fs::read_to_string(&path).ok().and_then(|text| text.parse().ok());
        if let Some(context) = saved {
            return Ok(wanted.min(context));
        }
        // Runs of earlier versions kept it only where it was shortened.
        if checkpoint::is_in(folder) {
            return Ok(wanted);
        }
        let (allowed, mut context) = (self.allowed(0), wanted);
        let needed = |context| TrainingMemory::of(self.base, self.rank, context).fixed;
        while context > MIN_CONTEXT && needed(context) > allowed {
            context = (context / 2).max(MIN_CONTEXT);
        }
        let io = |source| Error::Io { path: folder.to_owned(), source };
        private::make_folder(folder).map_err(io)?;
        adapter::write(&path, context.to_string().as_bytes())?;
        Ok(context)
    }

    /// The layers that keep their activations for a sequence of `n` tokens, where `held` bytes are held
    /// already; and the number of recomputed layers, where it is more than ever before.
    pub(super) fn checkpointing(
        &mut self,
        n: usize,
        held: u64,
    ) -> (ActivationCheckpointing, Option<usize>) {
        let layers = self.base.config.layers;
        let TrainingMemory { fixed, per_layer } = TrainingMemory::of(self.base, self.rank, n);
        let left = self.allowed(held).saturating_sub(fixed);
        let stored = left.checked_div(per_layer).map_or(layers, |fit| layers.min(fit as usize));
        let is_more = layers - stored > self.recomputed;
        self.recomputed = self.recomputed.max(layers - stored);
        (ActivationCheckpointing { stored }, is_more.then_some(self.recomputed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tiny;

    #[test]
    fn sequences_are_as_long_as_memory_allows_and_stay_so() {
        let base = tiny::base(1);
        let [scarce, plenty, older] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let context = |run: &tempfile::TempDir, free: u64| {
            let free = || free;
            let planner = MemoryPlanner { base: &base, rank: 4, free: &free, recomputed: 0 };
            planner.context(512, run.path()).unwrap()
        };
        assert_eq!(context(&scarce, 1 << 20), MIN_CONTEXT);
        assert_eq!(context(&scarce, 16 << 30), MIN_CONTEXT, "a run keeps its length");
        assert_eq!(context(&plenty, 16 << 30), 512);
        assert_eq!(context(&plenty, 1 << 20), 512, "and with less memory too");
        std::fs::write(older.path().join("checkpoint"), "").unwrap();
        assert_eq!(context(&older, 1 << 20), 512, "nothing saved: it was not shortened");
    }
}
