//! Where a model is computed. A [`Backend`] runs the whole transformer, forward and backward; what is
//! above it (generation, evaluation, training) knows only this trait.
//!
//! **Why at this level.** A GPU has a memory of its own. To send every activation over the bus at
//! every operation would cost more than the GPU saves, so hidden states go in before the first layer
//! and come back after the last. The CPU writes into its own buffers in place, and tensors on a GPU
//! are never written to. One text for both would slow down either, so there are two ([`cpu`] and
//! [`candle`]), and tests compare them.

pub mod candle;
pub mod cpu;
mod dropout;
pub mod fallback;
mod loss_head;

use crate::base::Base;
use crate::lora::Lora;

/// Tokens computed at a time while reading. Products of more or fewer rows may differ in their last
/// bits, so a reading that was interrupted resumes at a multiple of this.
pub const PREFILL_CHUNK: usize = 256;

/// The number of tokens to read next of those that are left. It never leaves a single token: the
/// product of one row is computed in another way than that of many.
pub fn next_chunk(left: usize) -> usize {
    if left <= PREFILL_CHUNK + 1 { left } else { PREFILL_CHUNK }
}

/// A base, with or without an adapter: what a backend computes.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// The frozen weights.
    pub base: &'a Base,
    /// The adapter on them.
    pub lora: Option<&'a Lora>,
}

/// Dropout on the inputs of an adapter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The share of values dropped.
    pub rate: f32,
    /// The same seed drops the same values.
    pub seed: u64,
}

/// Activation checkpointing: the last `stored` layers keep their activations for the backward pass.
/// Those of the others are recomputed, which is slower, takes less memory, and gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivationCheckpointing {
    /// Layers that keep their activations.
    pub stored: usize,
}

impl ActivationCheckpointing {
    /// Every layer keeps its activations; nothing is computed twice.
    pub const OFF: Self = Self { stored: usize::MAX };
    /// Every layer's activations are recomputed; one layer's are held at a time.
    pub const EVERY_LAYER: Self = Self { stored: 0 };

    /// True where layer `i` of `layers` keeps its activations.
    pub(crate) fn stores(self, i: usize, layers: usize) -> bool {
        i >= layers.saturating_sub(self.stored)
    }
}

/// The meaning of a weight below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegativeWeights {
    /// Unlikelihood: the cost of a token that should not be written, −ln(1 − p).
    Unlikelihood,
    /// A factor of the negative log-likelihood like any other.
    Linear,
}

/// A sequence with a weight for each token, and how its loss is computed.
#[derive(Clone, Copy, Debug)]
pub struct LossInput<'a> {
    /// The sequence.
    pub tokens: &'a [u32],
    /// The weight of each token; the first token has no prediction and is never counted.
    pub weights: &'a [f32],
    /// The divisor of gradients: the sum of the weights of the whole batch, whatever their sign.
    pub normalizer: f64,
    /// The meaning of a weight below zero.
    pub negative: NegativeWeights,
    /// Dropout on the adapter's inputs.
    pub dropout: Option<Dropout>,
    /// The layers that keep their activations.
    pub checkpointing: ActivationCheckpointing,
}

impl LossInput<'_> {
    /// The number of positions to compute: up to the one that predicts the last token that counts.
    /// `None` where no token counts.
    pub(crate) fn positions(&self) -> Option<usize> {
        (1..self.tokens.len()).rev().find(|&i| self.weights[i] != 0.0)
    }
}

/// Keys and values of the tokens read, so that the next token costs one token. It belongs to one base
/// and one adapter, neither of which may change while it is in use.
pub trait KvCache: Send {
    /// Tokens read.
    fn len(&self) -> usize;

    /// True where no token has been read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all but the first `len` tokens.
    fn truncate(&mut self, len: usize);

    /// Frees memory that is not needed to hold what was read.
    fn shrink(&mut self) {}
}

/// A transformer's computations. Two backends agree to rounding; one backend gives the same bits
/// every time.
pub trait Backend: Send + Sync {
    /// Keys and values of the tokens read.
    type KvCache: KvCache;
    /// Activations that a training forward pass keeps for the backward pass. Buffers are used again.
    type SavedActivations: Default + Send;
    /// The reason of a failure. After one, caches and gradients are as they were before the call.
    type Error;

    /// Sends a base to the memory of this backend, unless it is there; whether it was sent.
    ///
    /// # Errors
    /// Where it does not fit.
    fn upload(&self, base: &Base) -> Result<bool, Self::Error>;

    /// Frees what [`Backend::upload`] sent.
    fn release(&self) {}

    /// An empty cache.
    fn new_kv_cache(&self, base: &Base) -> Self::KvCache;

    /// Reads at most [`PREFILL_CHUNK`]` + 1` tokens after what the cache holds; their hidden states
    /// after the last layer, `tokens × hidden`.
    ///
    /// # Errors
    /// Where the backend fails.
    fn prefill(
        &self,
        weights: Weights,
        tokens: &[u32],
        cache: &mut Self::KvCache,
    ) -> Result<Vec<f32>, Self::Error>;

    /// Logits (`rows × vocab`) of hidden states (`rows × hidden`), final norm included.
    ///
    /// # Errors
    /// Where the backend fails.
    fn logits(&self, base: &Base, hidden: &[f32]) -> Result<Vec<f32>, Self::Error>;

    /// Negative log-likelihood, in nats, of a target after each hidden state, final norm included.
    ///
    /// # Errors
    /// Where the backend fails.
    fn nll(&self, base: &Base, hidden: &[f32], targets: &[u32]) -> Result<Vec<f32>, Self::Error>;

    /// The forward pass of training: fills `saved`.
    ///
    /// # Errors
    /// Where the backend fails.
    fn forward_train(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
    ) -> Result<(), Self::Error>;

    /// The backward pass after [`Backend::forward_train`] with the same arguments. Adds the adapter's
    /// gradients to `gradients`; the weighted sum of the tokens' losses in nats, not divided.
    ///
    /// # Errors
    /// Where the backend fails.
    fn backward(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
        gradients: &mut Lora,
    ) -> Result<f64, Self::Error>;

    /// Reads one token; the logits (`vocab`) of the next.
    ///
    /// # Errors
    /// Where the backend fails.
    fn decode(
        &self,
        weights: Weights,
        token: u32,
        cache: &mut Self::KvCache,
    ) -> Result<Vec<f32>, Self::Error> {
        let hidden = self.prefill(weights, &[token], cache)?;
        self.logits(weights.base, &hidden)
    }

    /// Reads tokens after what the cache holds; the logits (`vocab`) of the token after the last, or
    /// none where there are no tokens.
    ///
    /// # Errors
    /// Where the backend fails.
    fn forward(
        &self,
        weights: Weights,
        tokens: &[u32],
        cache: &mut Self::KvCache,
    ) -> Result<Vec<f32>, Self::Error> {
        if let [token] = tokens {
            return self.decode(weights, *token, cache);
        }
        let mut hidden = Vec::new();
        each_chunk::<Self::Error>(tokens, |_, chunk| {
            hidden = self.prefill(weights, chunk, cache)?;
            Ok(())
        })?;
        match hidden.len().checked_sub(weights.base.config.hidden) {
            Some(last) => self.logits(weights.base, &hidden[last..]),
            None => Ok(Vec::new()),
        }
    }

    /// Logits after every token, `tokens × vocab`.
    ///
    /// # Errors
    /// Where the backend fails.
    fn all_logits(&self, weights: Weights, tokens: &[u32]) -> Result<Vec<f32>, Self::Error> {
        let (mut logits, mut cache) = (Vec::new(), self.new_kv_cache(weights.base));
        each_chunk::<Self::Error>(tokens, |_, chunk| {
            let hidden = self.prefill(weights, chunk, &mut cache)?;
            logits.extend(self.logits(weights.base, &hidden)?);
            Ok(())
        })?;
        Ok(logits)
    }

    /// Negative log-likelihood, in nats, of each of `tokens[from..]` after all before it; `from` is at
    /// least 1. The cache holds what came before `tokens`, and holds `tokens` afterwards.
    ///
    /// # Errors
    /// Where the backend fails.
    fn token_nll(
        &self,
        weights: Weights,
        tokens: &[u32],
        from: usize,
        cache: &mut Self::KvCache,
    ) -> Result<Vec<f32>, Self::Error> {
        let (from, width) = (from.max(1), weights.base.config.hidden);
        let mut nll = Vec::with_capacity(tokens.len().saturating_sub(from));
        each_chunk::<Self::Error>(tokens, |at, chunk| {
            let hidden = self.prefill(weights, chunk, cache)?;
            // Row `i` of this chunk predicts token `at + i + 1`.
            let first = (from - 1).max(at);
            let end = (at + chunk.len()).min(tokens.len() - 1);
            if first < end {
                let hidden = &hidden[(first - at) * width..(end - at) * width];
                nll.extend(self.nll(weights.base, hidden, &tokens[first + 1..end + 1])?);
            }
            Ok(())
        })?;
        Ok(nll)
    }

    /// Adds the gradients of one sequence's loss to `gradients`; the weighted sum of its tokens' losses
    /// in nats, not divided.
    ///
    /// # Panics
    /// If the gradients are not of the base's dimensions, or weights are not one a token.
    ///
    /// # Errors
    /// Where the backend fails.
    fn accumulate_gradients(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
        gradients: &mut Lora,
    ) -> Result<f64, Self::Error> {
        assert_eq!(input.tokens.len(), input.weights.len(), "one weight a token");
        self.forward_train(weights, input, saved)?;
        self.backward(weights, input, saved, gradients)
    }
}

/// Calls `work` with each chunk of `tokens` and where it begins.
fn each_chunk<E>(
    tokens: &[u32],
    mut work: impl FnMut(usize, &[u32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    while at < tokens.len() {
        let chunk = &tokens[at..at + next_chunk(tokens.len() - at)];
        work(at, chunk)?;
        at += chunk.len();
    }
    Ok(())
}
