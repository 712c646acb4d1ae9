//! The CPU as a backend: the transformer's forward pass leaves behind what its backward pass needs,
//! and the backward pass walks the layers down again by hand, without autograd.
//!
//! Where memory is short only the input of a layer is kept and the layer is computed again on the way
//! down, which gives the same bits.

mod activations;
mod backward;
mod forward;
mod kv_cache;

use std::convert::Infallible;

use self::activations::{GradBuffers, LayerActivations};
use self::forward::{LayerPass, Transformer};
pub use self::kv_cache::CpuKvCache;
use crate::backend::loss_head::loss_head;
use crate::backend::{Backend, LossInput, Weights};
use crate::base::Base;
use crate::cpu::Cpu;
use crate::cpu::attention::backward_scratch;
use crate::cpu::linear::linear;
use crate::cpu::loss::cross_entropy;
use crate::lora::Lora;
use crate::rope::RopeCache;

/// The CPU as a backend.
#[derive(Default)]
pub struct CpuBackend {
    cpu: Cpu,
}

/// Activations of a training forward pass on the CPU, and the buffers of both passes.
#[derive(Default)]
pub struct SavedActivations {
    /// Activations of the layers that keep theirs.
    layers: Vec<LayerActivations>,
    /// Inputs of the layers that don't.
    inputs: Vec<Vec<f32>>,
    /// Activations of one such layer.
    recomputed: LayerActivations,
    /// Hidden states after the last layer.
    output: Vec<f32>,
    grads: GradBuffers,
}

impl SavedActivations {
    /// Gives each layer a place, and frees the memory of those that are recomputed.
    fn make_room(&mut self, layers: usize, stores: impl Fn(usize) -> bool) {
        self.layers.resize_with(layers, LayerActivations::default);
        self.inputs.resize_with(layers, Vec::new);
        for i in 0..layers {
            if stores(i) {
                self.inputs[i] = Vec::new();
            } else {
                self.layers[i] = LayerActivations::default();
            }
        }
        if (0..layers).all(stores) {
            self.recomputed = LayerActivations::default();
        }
    }

    /// Bytes held for activations between steps.
    pub fn bytes(&self) -> u64 {
        let inputs: usize = self.inputs.iter().map(Vec::capacity).sum();
        let layers = self.layers.iter().chain([&self.recomputed]);
        let layers: usize = layers.map(LayerActivations::capacity).sum();
        (inputs + layers) as u64 * 4
    }
}

/// The memory of a training step in bytes, without the base's own and the adapter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingMemory {
    /// With every layer's activations recomputed.
    pub fixed: u64,
    /// More for each layer that keeps its activations.
    pub per_layer: u64,
}

impl TrainingMemory {
    /// For a sequence of `n` tokens and an adapter of a rank. These are the lengths that the buffers
    /// are allocated with.
    pub fn of(base: &Base, rank: usize, n: usize) -> Self {
        let config = &base.config;
        let Some(layer) = base.layers.first() else { return Self { fixed: 0, per_layer: 0 } };
        let activations = LayerActivations::lengths(config, layer, rank, 1).total();
        let grads = GradBuffers::lengths(config, layer, 1).total();
        let scratch = backward_scratch(config.heads, config.head_dim, 1);
        let inputs = config.layers * config.hidden;
        let bytes = |values: usize| (n as u64).saturating_mul(values as u64 * 4);
        Self { fixed: bytes(inputs + activations + grads + scratch), per_layer: bytes(activations) }
    }
}

impl CpuBackend {
    /// `f32` throughout, on any processor: the reference that others are compared with.
    pub fn scalar() -> Self {
        Self { cpu: Cpu::scalar() }
    }

    /// With the instructions named, one of [`Cpu::simd_levels`].
    pub fn with_simd(name: &str) -> Option<Self> {
        Cpu::with(name).map(|cpu| Self { cpu })
    }
}

impl Backend for CpuBackend {
    type KvCache = CpuKvCache;
    type SavedActivations = SavedActivations;
    type Error = Infallible;

    fn upload(&self, _: &Base) -> Result<bool, Infallible> {
        Ok(false)
    }

    fn new_kv_cache(&self, base: &Base) -> CpuKvCache {
        CpuKvCache::new(base.config.layers)
    }

    // Work is done inside the pool, so that its threads are not woken for every operation.
    fn prefill(
        &self,
        weights: Weights,
        tokens: &[u32],
        cache: &mut CpuKvCache,
    ) -> Result<Vec<f32>, Infallible> {
        Ok(rayon::scope(|_| Transformer::new(&self.cpu, weights).prefill(tokens, cache)))
    }

    fn logits(&self, base: &Base, hidden: &[f32]) -> Result<Vec<f32>, Infallible> {
        let transformer = Transformer::new(&self.cpu, Weights { base, lora: None });
        let rows = hidden.len() / base.config.hidden;
        let mut logits = vec![0.0; rows * base.head().rows];
        rayon::scope(|_| {
            linear(&self.cpu, &transformer.final_norm(hidden), base.head(), &mut logits);
        });
        Ok(logits)
    }

    fn nll(&self, base: &Base, hidden: &[f32], targets: &[u32]) -> Result<Vec<f32>, Infallible> {
        let transformer = Transformer::new(&self.cpu, Weights { base, lora: None });
        let mut nll = vec![0.0; targets.len()];
        rayon::scope(|_| {
            let normed = transformer.final_norm(hidden);
            cross_entropy(&self.cpu, &normed, base.head(), targets, &mut nll, None);
        });
        Ok(nll)
    }

    fn forward_train(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut SavedActivations,
    ) -> Result<(), Infallible> {
        // Nothing after the last token that counts can change the loss.
        let Some(n) = input.positions() else { return Ok(()) };
        let layers = weights.base.layers.len();
        let stores = |i: usize| input.checkpointing.stores(i, layers);
        saved.make_room(layers, stores);
        rayon::scope(|_| {
            let transformer = Transformer::new(&self.cpu, weights);
            let mut x = weights.base.embed(&input.tokens[..n]);
            let config = &weights.base.config;
            let ropes = RopeCache::new(&config.rope, config.window_rope.as_ref(), 0, n);
            for i in 0..layers {
                let pass = LayerPass::training(weights.base, i, &ropes, input.dropout);
                let kept = if stores(i) {
                    &mut saved.layers[i]
                } else {
                    saved.inputs[i].clone_from(&x);
                    &mut saved.recomputed
                };
                transformer.layer_forward(&pass, kept, None, &mut x);
            }
            saved.output = x;
        });
        Ok(())
    }

    fn backward(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut SavedActivations,
        gradients: &mut Lora,
    ) -> Result<f64, Infallible> {
        let Some(n) = input.positions() else { return Ok(0.0) };
        let (cpu, base) = (&self.cpu, weights.base);
        let layers = base.layers.len();
        rayon::scope(|_| {
            let transformer = Transformer::new(cpu, weights);
            let SavedActivations { layers: kept, inputs, recomputed, output, grads } = saved;
            let ropes = RopeCache::new(&base.config.rope, base.config.window_rope.as_ref(), 0, n);
            if let Some(layer) = base.layers.first() {
                let drops = input.dropout.is_some_and(|dropout| dropout.rate > 0.0);
                grads.resize(&GradBuffers::lengths(&base.config, layer, n), drops);
            }
            grads.d.resize(output.len(), 0.0);
            let loss =
                loss_head(cpu, base, input, output, &mut grads.d, |x, targets, nll, back| {
                    cross_entropy(cpu, x, base.head(), targets, nll, back);
                    Ok::<(), Infallible>(())
                })?;
            let mut x = std::mem::take(output);
            for i in (0..layers).rev() {
                let pass = LayerPass::training(base, i, &ropes, input.dropout);
                let activations = if input.checkpointing.stores(i, layers) {
                    &kept[i]
                } else {
                    x.copy_from_slice(&inputs[i]);
                    transformer.layer_forward(&pass, recomputed, None, &mut x);
                    &*recomputed
                };
                transformer.layer_backward(&pass, activations, grads, gradients);
            }
            Ok(loss)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::backend::KvCache;
    use crate::bench::some_adapter;
    use crate::quant::ggml::GgmlType;
    use crate::reference_tests::candle::{On, relative_distance, scalar};
    use crate::tiny::Tiny;

    #[test]
    fn a_packed_adapter_stays_within_the_rounding_of_the_base() {
        for block in [GgmlType::Q4_1, GgmlType::Q8_0] {
            let base = Tiny { block, layers: 4, ..Tiny::default() }.base();
            let mut lora = some_adapter(&base, 16);
            // Large enough to change much of the base's logits.
            lora.tensors_mut().skip(1).step_by(2).flatten().for_each(|b| *b *= 5.0);
            let tokens: Vec<u32> = (0..60).map(|i| i * 7 % 250).collect();
            let exact = scalar(&base, Some(&lora)).all_logits(&tokens);
            let bare = scalar(&base, None).all_logits(&tokens);
            let change = relative_distance(&bare, &exact);
            for level in Cpu::simd_levels() {
                let cpu = CpuBackend::with_simd(level).unwrap();
                let model = On::new(&cpu, &base, Some(&lora));
                // Many rows at once are multiplied with factors in f32.
                let rounding = relative_distance(&model.all_logits(&tokens), &exact);
                let mut cache = model.new_kv_cache();
                let one_by_one =
                    tokens.iter().flat_map(|token| model.forward(&[*token], &mut cache));
                let off = relative_distance(&one_by_one.collect::<Vec<_>>(), &exact);
                assert_eq!(cache.len(), tokens.len());
                let within = if level == "plain" { 0.01 } else { 1.1 * rounding };
                assert!(off < within, "{block:?} on {level}: off by {off}, the base by {rounding}");
            }
            assert!(change > 0.2, "the adapter changes {change}");
        }
    }
}
