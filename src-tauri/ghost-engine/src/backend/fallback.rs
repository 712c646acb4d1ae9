//! A GPU backend with the CPU behind it: the whole policy of trust and failure.
//!
//! When a base is first sent to the GPU, both backends compute a few tokens, and before the first
//! training step both compute its gradients. A GPU whose results differ is not used. A GPU that fails
//! later is not used again: the CPU repeats that computation and does all that follow, and
//! [`Fallback::failure`] says why. A training step that does not fit in the GPU's memory is tried once
//! more with all activations recomputed, as are all later ones.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::backend::cpu::{self, CpuBackend, CpuKvCache};
use crate::backend::{
    ActivationCheckpointing, Backend, KvCache, LossInput, NegativeWeights, PREFILL_CHUNK, Weights,
};
use crate::base::Base;
use crate::lora::Lora;

/// The minimum cosine between both backends' logits or gradients: eight-bit activations on both sides
/// leave 0.99 and more, a wrong kernel leaves nothing.
const MIN_COSINE: f64 = 0.97;
/// Tokens that both backends compute before a GPU is trusted.
const TRIAL_TOKENS: usize = 6;

/// A GPU backend with the CPU behind it.
pub struct Fallback<P> {
    primary: Option<P>,
    cpu: CpuBackend,
    /// Held while a base is sent and compared, so that no other thread uses it before.
    uploading: Mutex<()>,
    failure: OnceLock<String>,
    /// Set once the gradients of the base that was sent last were compared.
    gradients_compared: AtomicBool,
    /// Set once a training step did not fit with its activations kept.
    is_memory_short: AtomicBool,
}

/// Keys and values, wherever they are.
pub struct FallbackKvCache<C> {
    primary: Option<C>,
    /// The tokens that the primary's cache holds, in case the CPU must read them again.
    tokens: Vec<u32>,
    cpu: CpuKvCache,
}

/// Saved activations, wherever they are.
pub struct FallbackSaved<S> {
    primary: S,
    cpu: cpu::SavedActivations,
    is_on_primary: bool,
}

impl<S: Default> Default for FallbackSaved<S> {
    fn default() -> Self {
        Self { primary: S::default(), cpu: Default::default(), is_on_primary: false }
    }
}

impl<S> FallbackSaved<S> {
    /// Bytes that the CPU holds for activations between steps.
    pub fn bytes(&self) -> u64 {
        self.cpu.bytes()
    }
}

impl<C: KvCache> KvCache for FallbackKvCache<C> {
    fn len(&self) -> usize {
        self.tokens.len() + self.cpu.len()
    }

    fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
        if let Some(primary) = &mut self.primary {
            primary.truncate(len);
        }
        self.cpu.truncate(len);
    }

    fn shrink(&mut self) {
        self.cpu.shrink();
    }
}

impl<P: Backend<Error = String>> Fallback<P> {
    /// A GPU, with the CPU behind it.
    pub fn new(primary: P) -> Self {
        Self::with(Some(primary), CpuBackend::default())
    }

    /// The CPU alone.
    pub fn cpu_only(cpu: CpuBackend) -> Self {
        Self::with(None, cpu)
    }

    fn with(primary: Option<P>, cpu: CpuBackend) -> Self {
        let (uploading, failure) = Default::default();
        let (gradients_compared, is_memory_short) = Default::default();
        Self { primary, cpu, uploading, failure, gradients_compared, is_memory_short }
    }

    /// The reason the GPU is no longer used, without a full stop.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Runs `work` on the GPU, unless there is none or it has failed; remembers its failure.
    fn run_or_disable<T>(&self, work: impl FnOnce(&P) -> Result<T, String>) -> Option<T> {
        let primary = self.primary.as_ref().filter(|_| self.failure.get().is_none())?;
        work(primary).map_err(|reason| self.disable(reason)).ok()
    }

    /// Stops using the GPU.
    pub(crate) fn disable(&self, reason: String) {
        let _ = self.failure.set(reason);
        // Other programs can use its memory now.
        if let Some(primary) = &self.primary {
            primary.release();
        }
    }

    /// Sends a base to the GPU and compares its logits with the CPU's, unless it is there.
    fn upload_and_compare(&self, primary: &P, base: &Base) -> Result<(), String> {
        let _guard = self.uploading.lock().unwrap_or_else(PoisonError::into_inner);
        if !primary.upload(base)? {
            return Ok(());
        }
        self.gradients_compared.store(false, Ordering::Relaxed);
        let compared = self.compare_logits(primary, base);
        if compared.is_err() {
            primary.release();
        }
        compared
    }

    fn compare_logits(&self, primary: &P, base: &Base) -> Result<(), String> {
        let (tokens, weights) = (trial_tokens(base), Weights { base, lora: None });
        let theirs = primary.all_logits(weights, &tokens)?;
        let Ok(ours) = self.cpu.all_logits(weights, &tokens);
        let vocab = base.head().rows;
        ours.chunks(vocab).zip(theirs.chunks(vocab)).try_for_each(|(a, b)| compare("logits", a, b))
    }

    /// Compares both backends' gradients, unless they were compared for this base.
    fn compare_gradients(&self, primary: &P, base: &Base) -> Result<(), String> {
        if self.gradients_compared.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let mut lora = Lora::fresh(base, 2, 2.0, 0.0, 1);
        // With `B` at zero no gradient reaches `A`.
        for tensor in lora.tensors_mut().skip(1).step_by(2) {
            tensor.iter_mut().enumerate().for_each(|(i, b)| *b = (i % 7) as f32 * 0.01 - 0.03);
        }
        let tokens = trial_tokens(base);
        let input = LossInput {
            tokens: &tokens,
            weights: &[1.0; TRIAL_TOKENS],
            normalizer: (TRIAL_TOKENS - 1) as f64,
            negative: NegativeWeights::Unlikelihood,
            dropout: None,
            checkpointing: ActivationCheckpointing::OFF,
        };
        let weights = Weights { base, lora: Some(&lora) };
        let (mut ours, mut theirs) = (lora.zeros_like(), lora.zeros_like());
        primary.accumulate_gradients(weights, &input, &mut Default::default(), &mut theirs)?;
        let Ok(_) =
            self.cpu.accumulate_gradients(weights, &input, &mut Default::default(), &mut ours);
        let flat = |lora: &Lora| lora.tensors().flatten().copied().collect::<Vec<f32>>();
        compare("gradients", &flat(&ours), &flat(&theirs))
    }

    /// The forward pass of training on the GPU, once more with all activations recomputed where it
    /// does not fit otherwise. `None` where the CPU has to do it.
    fn forward_train_on_primary(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut P::SavedActivations,
    ) -> Option<()> {
        self.run_or_disable(|primary| {
            self.upload_and_compare(primary, weights.base)?;
            self.compare_gradients(primary, weights.base)
        })?;
        if let Some(input) = self.with_activations_kept(input) {
            let primary = self.primary.as_ref()?;
            if primary.forward_train(weights, &input, saved).is_ok() {
                return Some(());
            }
            self.is_memory_short.store(true, Ordering::Relaxed);
        }
        let input = recomputed(input);
        self.run_or_disable(|primary| primary.forward_train(weights, &input, saved))
    }

    /// The backward pass after it, from the forward pass on where it did not fit.
    fn backward_on_primary(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut P::SavedActivations,
        gradients: &mut Lora,
    ) -> Option<f64> {
        if let Some(input) = self.with_activations_kept(input) {
            let primary = self.primary.as_ref()?;
            if let Ok(loss) = primary.backward(weights, &input, saved, gradients) {
                return Some(loss);
            }
            self.is_memory_short.store(true, Ordering::Relaxed);
            let input = recomputed(&input);
            self.run_or_disable(|primary| primary.forward_train(weights, &input, saved))?;
        }
        let input = recomputed(input);
        self.run_or_disable(|primary| primary.backward(weights, &input, saved, gradients))
    }

    /// The input, where the GPU may keep activations.
    fn with_activations_kept<'a>(&self, input: &LossInput<'a>) -> Option<LossInput<'a>> {
        let keeps = input.checkpointing != ActivationCheckpointing::EVERY_LAYER
            && !self.is_memory_short.load(Ordering::Relaxed);
        keeps.then_some(*input)
    }
}

/// The input with all activations recomputed.
fn recomputed<'a>(input: &LossInput<'a>) -> LossInput<'a> {
    LossInput { checkpointing: ActivationCheckpointing::EVERY_LAYER, ..*input }
}

/// Tokens to compare backends with: any.
fn trial_tokens(base: &Base) -> Vec<u32> {
    (1..=TRIAL_TOKENS).map(|i| (i * 7919 % base.config.vocab) as u32).collect()
}

/// An error unless both point in the same direction.
fn compare(what: &str, ours: &[f32], theirs: &[f32]) -> Result<(), String> {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let cosine = dot(ours, theirs) / (dot(ours, ours) * dot(theirs, theirs)).sqrt();
    // NaN is not similar either.
    if cosine >= MIN_COSINE {
        return Ok(());
    }
    Err(format!("its {what} differ from the CPU's (cosine {cosine:.3})"))
}

impl<P: Backend<Error = String>> Backend for Fallback<P> {
    type KvCache = FallbackKvCache<P::KvCache>;
    type SavedActivations = FallbackSaved<P::SavedActivations>;
    type Error = Infallible;

    fn upload(&self, base: &Base) -> Result<bool, Infallible> {
        self.run_or_disable(|primary| self.upload_and_compare(primary, base));
        Ok(false)
    }

    fn new_kv_cache(&self, base: &Base) -> Self::KvCache {
        let primary = self.primary.as_ref().filter(|_| self.failure.get().is_none());
        FallbackKvCache {
            primary: primary.map(|primary| primary.new_kv_cache(base)),
            tokens: Vec::new(),
            cpu: self.cpu.new_kv_cache(base),
        }
    }

    fn prefill(
        &self,
        weights: Weights,
        tokens: &[u32],
        cache: &mut Self::KvCache,
    ) -> Result<Vec<f32>, Infallible> {
        // What the CPU began, it continues.
        if let (Some(pages), true) = (&mut cache.primary, cache.cpu.is_empty()) {
            let is_new = cache.tokens.is_empty();
            let done = self.run_or_disable(|primary| {
                if is_new {
                    self.upload_and_compare(primary, weights.base)?;
                }
                primary.prefill(weights, tokens, pages)
            });
            if let Some(hidden) = done {
                cache.tokens.extend_from_slice(tokens);
                return Ok(hidden);
            }
        }
        cache.primary = None;
        for chunk in std::mem::take(&mut cache.tokens).chunks(PREFILL_CHUNK) {
            self.cpu.prefill(weights, chunk, &mut cache.cpu)?;
        }
        self.cpu.prefill(weights, tokens, &mut cache.cpu)
    }

    fn logits(&self, base: &Base, hidden: &[f32]) -> Result<Vec<f32>, Infallible> {
        match self.run_or_disable(|primary| primary.logits(base, hidden)) {
            Some(logits) => Ok(logits),
            None => self.cpu.logits(base, hidden),
        }
    }

    fn nll(&self, base: &Base, hidden: &[f32], targets: &[u32]) -> Result<Vec<f32>, Infallible> {
        match self.run_or_disable(|primary| primary.nll(base, hidden, targets)) {
            Some(nll) => Ok(nll),
            None => self.cpu.nll(base, hidden, targets),
        }
    }

    fn forward_train(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
    ) -> Result<(), Infallible> {
        saved.is_on_primary = weights.lora.is_some()
            && self.forward_train_on_primary(weights, input, &mut saved.primary).is_some();
        if saved.is_on_primary {
            return Ok(());
        }
        self.cpu.forward_train(weights, input, &mut saved.cpu)
    }

    fn backward(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
        gradients: &mut Lora,
    ) -> Result<f64, Infallible> {
        if saved.is_on_primary {
            let done = self.backward_on_primary(weights, input, &mut saved.primary, gradients);
            if let Some(loss) = done {
                return Ok(loss);
            }
            self.cpu.forward_train(weights, input, &mut saved.cpu)?;
        }
        self.cpu.backward(weights, input, &mut saved.cpu, gradients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_values_pass_the_comparison() {
        assert!(compare("logits", &[1.0, 2.0], &[1.01, 2.0]).is_ok());
        assert!(compare("logits", &[1.0, 2.0], &[2.0, -1.0]).is_err());
        assert!(compare("logits", &[1.0, f32::NAN], &[1.0, 2.0]).is_err());
    }
}
