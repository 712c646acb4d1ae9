//! The prompt that was read last, so that the next one that begins the same is read from where the two
//! differ.

use std::ops::ControlFlow;

use crate::backend::{KvCache as _, PREFILL_CHUNK, next_chunk};
use crate::lora::Lora;
use crate::model::{KvCache, Model};

/// The prompt that was read last. Another with the same beginning, or a second draft for it, is read
/// from where the two differ; the result is the same bit for bit.
///
/// It belongs to one model and one adapter: with another of either, make a new one.
pub struct PrefixCache {
    pub(super) tokens: Vec<u32>,
    pub(super) kv: KvCache,
}

impl PrefixCache {
    /// Nothing read yet.
    pub fn new(model: &Model) -> Self {
        Self { tokens: Vec::new(), kv: model.new_kv_cache() }
    }

    /// Reads a prompt and asks between chunks whether to continue; the logits of the next token, or
    /// `None` where it was cancelled.
    pub(super) fn read(
        &mut self,
        model: &Model,
        lora: Option<&Lora>,
        prompt: &[u32],
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Option<Vec<f32>> {
        let same = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        // Whole chunks, and more than a single token left: then the rest is read as it would be without
        // a cache.
        let kept = same.min(prompt.len().saturating_sub(2)) / PREFILL_CHUNK * PREFILL_CHUNK;
        self.kv.truncate(kept);
        self.tokens.clear();
        self.tokens.extend_from_slice(&prompt[..kept]);
        let mut logits = Vec::new();
        while let left = &prompt[self.tokens.len()..]
            && !left.is_empty()
        {
            if on_text("").is_break() {
                return None;
            }
            let next = &left[..next_chunk(left.len())];
            logits = model.forward(lora, next, &mut self.kv);
            self.tokens.extend_from_slice(next);
        }
        Some(logits)
    }

    /// Forgets what was generated after the prompt.
    pub(super) fn forget_generated(&mut self) {
        self.kv.truncate(self.tokens.len());
        self.kv.shrink();
    }
}
