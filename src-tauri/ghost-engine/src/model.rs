//! A base on the device that computes it: what drafting, evaluation and training work with.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use crate::backend::{Backend, LossInput, Weights};
use crate::base::Base;
use crate::device::{Device, DeviceBackend};
use crate::lora::Lora;

/// Keys and values of the tokens read, on whichever device.
pub type KvCache = <DeviceBackend as Backend>::KvCache;
/// Activations of a training forward pass, on whichever device.
pub type SavedActivations = <DeviceBackend as Backend>::SavedActivations;

/// A base on the device that computes it. Cloning it copies no weights.
#[derive(Clone)]
pub struct Model {
    base: Base,
    device: Arc<Device>,
}

impl Deref for Model {
    type Target = Base;

    fn deref(&self) -> &Base {
        &self.base
    }
}

impl Model {
    /// A base on a device.
    pub fn new(base: Base, device: Arc<Device>) -> Self {
        Self { base, device }
    }

    /// The device.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Copies the weights to huge pages, for a process that will generate, where the CPU computes
    /// ([`Base::copy_to_huge_pages`]).
    pub fn copy_to_huge_pages(&mut self) {
        if !self.device.is_gpu() {
            self.base.copy_to_huge_pages();
        }
    }

    fn weights<'a>(&'a self, lora: Option<&'a Lora>) -> Weights<'a> {
        Weights { base: &self.base, lora }
    }

    /// An empty cache.
    pub fn new_kv_cache(&self) -> KvCache {
        self.device.backend().new_kv_cache(&self.base)
    }

    /// Reads tokens after what the cache holds; the logits (`vocab`) of the token after the last, or
    /// none where there are no tokens.
    pub fn forward(&self, lora: Option<&Lora>, tokens: &[u32], cache: &mut KvCache) -> Vec<f32> {
        done(self.device.backend().forward(self.weights(lora), tokens, cache))
    }

    /// Logits after every token, `tokens × vocab`.
    pub fn all_logits(&self, lora: Option<&Lora>, tokens: &[u32]) -> Vec<f32> {
        done(self.device.backend().all_logits(self.weights(lora), tokens))
    }

    /// Negative log-likelihood, in nats, of each of `tokens[from..]` after all before it; `from` is at
    /// least 1.
    pub fn token_nll(&self, lora: Option<&Lora>, tokens: &[u32], from: usize) -> Vec<f32> {
        let mut cache = self.new_kv_cache();
        done(self.device.backend().token_nll(self.weights(lora), tokens, from, &mut cache))
    }

    /// Adds the gradients of one sequence's loss to `gradients`; the weighted sum of its tokens' losses
    /// in nats, not divided.
    ///
    /// # Panics
    /// If the gradients are not of the base's dimensions, or weights are not one a token.
    pub fn accumulate_gradients(
        &self,
        lora: &Lora,
        input: &LossInput,
        saved: &mut SavedActivations,
        gradients: &mut Lora,
    ) -> f64 {
        let weights = self.weights(Some(lora));
        done(self.device.backend().accumulate_gradients(weights, input, saved, gradients))
    }
}

/// The result of what cannot fail.
fn done<T>(result: Result<T, Infallible>) -> T {
    let Ok(result) = result;
    result
}
