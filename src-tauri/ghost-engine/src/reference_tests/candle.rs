//! The same transformer in candle's differentiable operations, a line an equation, with candle's autograd
//! for the backward pass. The CPU backend is compared with it for every kind of layer a base can have.
//! candle's fused operations are not used: they drop gradients silently.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use candle_core::{D, Device, Tensor, Var};
use candle_nn::ops;

use crate::backend::cpu::{CpuBackend, SavedActivations, TrainingMemory};
use crate::backend::{
    ActivationCheckpointing, Backend, Dropout, KvCache, LossInput, NegativeWeights, Weights,
};
use crate::base::{Base, LayerWeights};
use crate::config::Activation;
use crate::cpu::Cpu;
use crate::cpu::linear::{linear, linear_backward};
use crate::lora::{Lora, Target};
use crate::quant::ggml::{self, GgmlType};
use crate::quant::weight::Weight;
use crate::reference_tests::hf;
use crate::rope::{Rope, RopeLayout};
use crate::tiny::{self, Tiny};
use ghost_core::rng::Rng;

fn matrix(w: &Weight) -> Tensor {
    let mut values = vec![0.0; w.len()];
    w.dequantize_rows(0..w.rows, &mut values);
    Tensor::from_vec(values, (w.rows, w.cols), &Device::Cpu).unwrap()
}

fn vector(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

fn norm(x: &Tensor, weight: &[f32], eps: f32) -> Tensor {
    let mean = (x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap() + f64::from(eps)).unwrap();
    let scaled = x.broadcast_div(&mean.sqrt().unwrap()).unwrap();
    scaled.broadcast_mul(&vector(weight)).unwrap()
}

/// `x` is tokens × heads × head_dim. Queries may grow with their position.
fn rotate(x: &Tensor, rope: &Rope, query: bool) -> Tensor {
    let (n, heads, dim) = x.dims3().unwrap();
    let half = rope.dims / 2;
    let angles = |f: fn(f32) -> f32| {
        let of = |i: usize| rope.frequencies().into_iter().map(move |w| f(i as f32 * w));
        let values: Vec<f32> = (0..n).flat_map(of).collect();
        Tensor::from_vec(values, (n, 1, half), &Device::Cpu).unwrap()
    };
    let (cos, sin) = (angles(f32::cos), angles(f32::sin));
    let turning = x.narrow(2, 0, rope.dims).unwrap();
    let (a, b) = match rope.layout {
        RopeLayout::NeoX => {
            (turning.narrow(2, 0, half).unwrap(), turning.narrow(2, half, half).unwrap())
        }
        RopeLayout::GptJ => {
            let pairs = turning.reshape((n, heads, half, 2)).unwrap();
            let side = |i| pairs.narrow(3, i, 1).unwrap().squeeze(3).unwrap();
            (side(0), side(1))
        }
    };
    let mul = |x: &Tensor, y: &Tensor| x.broadcast_mul(y).unwrap();
    let (c, s) =
        ((mul(&a, &cos) - mul(&b, &sin)).unwrap(), (mul(&a, &sin) + mul(&b, &cos)).unwrap());
    let turned = match rope.layout {
        RopeLayout::NeoX => Tensor::cat(&[c, s], 2).unwrap(),
        RopeLayout::GptJ => {
            Tensor::stack(&[c, s], 3).unwrap().reshape((n, heads, rope.dims)).unwrap()
        }
    };
    let growth = |i| rope.scale * if query { rope.temperature_at(i) } else { 1.0 };
    let growth: Vec<f32> = (0..n).map(growth).collect();
    let turned = mul(&turned, &Tensor::from_vec(growth, (n, 1, 1), &Device::Cpu).unwrap());
    if rope.dims == dim {
        return turned;
    }
    Tensor::cat(&[turned, x.narrow(2, rope.dims, dim - rope.dims).unwrap()], 2).unwrap()
}

/// Heads × tokens × tokens: 0 where visible, −∞ otherwise.
fn mask(n: usize, window: Option<usize>) -> Tensor {
    let seen = |i: usize, j: usize| j <= i && window.is_none_or(|w| i - j < w);
    let values: Vec<f32> =
        (0..n * n).map(|at| if seen(at / n, at % n) { 0.0 } else { f32::NEG_INFINITY }).collect();
    Tensor::from_vec(values, (1, n, n), &Device::Cpu).unwrap()
}

struct Reference<'a> {
    base: &'a Base,
    /// In the order of [`Lora::tensors`], for the adapter's scale.
    vars: Vec<Var>,
    scale: f64,
}

impl<'a> Reference<'a> {
    fn new(base: &'a Base, lora: &Lora) -> Self {
        let rank = lora.rank;
        let var = |(i, values): (usize, &Vec<f32>)| {
            let other = values.len() / rank;
            let shape = if i % 2 == 0 { (rank, other) } else { (other, rank) };
            Var::from_tensor(&Tensor::from_slice(values, shape, &Device::Cpu).unwrap()).unwrap()
        };
        Self {
            base,
            vars: lora.tensors().enumerate().map(var).collect(),
            scale: f64::from(lora.scale()),
        }
    }

    fn project(&self, n: usize, layer: &LayerWeights, target: Target, x: &Tensor) -> Tensor {
        let at = (n * 7 + target as usize) * 2;
        let product = |w: &Tensor, x: &Tensor| x.matmul(&w.t().unwrap()).unwrap();
        let low = product(&self.vars[at + 1], &product(&self.vars[at], x));
        (product(&matrix(target.weight(layer)), x) + (low * self.scale).unwrap()).unwrap()
    }

    fn block(&self, n: usize, x: &Tensor) -> Tensor {
        let (config, layer) = (&self.base.config, &self.base.layers[n]);
        let (eps, tokens) = (config.norm_eps, x.dim(0).unwrap());
        let window_rope = config.window_rope.as_ref().filter(|_| layer.window.is_some());
        let h = norm(x, &layer.attn_norm, eps);
        let heads = |target,
                     heads: usize,
                     bias: &Option<Vec<f32>>,
                     head_norm: Option<&Vec<f32>>,
                     turns: bool| {
            let mut y = self.project(n, layer, target, &h);
            if let Some(bias) = bias {
                y = y.broadcast_add(&vector(bias)).unwrap();
            }
            y = y.reshape((tokens, heads, config.head_dim)).unwrap();
            if let Some(weight) = head_norm {
                y = norm(&y, weight, eps);
            }
            if turns {
                y = rotate(&y, window_rope.unwrap_or(&config.rope), target == Target::Q);
            }
            y.transpose(0, 1).unwrap().contiguous().unwrap()
        };
        let q = heads(Target::Q, config.heads, &layer.q_bias, layer.q_norm.as_ref(), layer.rotary);
        let k =
            heads(Target::K, config.kv_heads, &layer.k_bias, layer.k_norm.as_ref(), layer.rotary);
        let v = heads(Target::V, config.kv_heads, &layer.v_bias, None, false);
        let share: Vec<u32> =
            (0..config.heads).map(|h| (h / (config.heads / config.kv_heads)) as u32).collect();
        let share = Tensor::new(share, &Device::Cpu).unwrap();
        let (k, v) = (k.index_select(&share, 0).unwrap(), v.index_select(&share, 0).unwrap());
        let scores = q.matmul(&k.transpose(1, 2).unwrap()).unwrap();
        let scores = (scores / (config.head_dim as f64).sqrt()).unwrap();
        let seen =
            ops::softmax(&scores.broadcast_add(&mask(tokens, layer.window)).unwrap(), D::Minus1)
                .unwrap();
        let seen = seen.matmul(&v).unwrap().transpose(0, 1).unwrap();
        let seen = seen.reshape((tokens, config.heads * config.head_dim)).unwrap();
        let post = |y: Tensor, weight: &Option<Vec<f32>>| match weight {
            Some(weight) => norm(&y, weight, eps),
            None => y,
        };
        let o = post(self.project(n, layer, Target::O, &seen), &layer.post_attn_norm);
        let middle = (x + o).unwrap();
        let h2 = norm(&middle, &layer.ffn_norm, eps);
        let gate = self.project(n, layer, Target::Gate, &h2);
        let opened =
            if config.activation == Activation::Silu { gate.silu() } else { gate.gelu() }.unwrap();
        let act = (opened * self.project(n, layer, Target::Up, &h2)).unwrap();
        let down = post(self.project(n, layer, Target::Down, &act), &layer.post_ffn_norm);
        (middle + down).unwrap()
    }

    /// Tokens × vocab.
    fn logits(&self, tokens: &[u32]) -> Tensor {
        let config = &self.base.config;
        let ids = Tensor::new(tokens, &Device::Cpu).unwrap();
        let embedded = matrix(&self.base.embedding).index_select(&ids, 0).unwrap();
        let x = (embedded * f64::from(config.embedding_scale)).unwrap();
        let x = (0..config.layers).fold(x, |x, n| self.block(n, &x));
        let x = norm(&x, &self.base.final_norm, config.norm_eps);
        x.matmul(&matrix(self.base.head()).t().unwrap()).unwrap()
    }

    /// The logarithm of each token's probability but the first's.
    fn of_targets(&self, tokens: &[u32]) -> Tensor {
        let logits = self.logits(&tokens[..tokens.len() - 1]);
        let all = ops::log_softmax(&logits, D::Minus1).unwrap();
        let targets = Tensor::new(&tokens[1..], &Device::Cpu).unwrap().unsqueeze(1).unwrap();
        all.gather(&targets, 1).unwrap().squeeze(1).unwrap()
    }

    /// The weighted sum of surprises, not divided.
    fn loss(&self, tokens: &[u32], weights: &[f32]) -> Tensor {
        let of_targets = self.of_targets(tokens);
        (of_targets * vector(&weights[1..])).unwrap().sum_all().unwrap().neg().unwrap()
    }
}

pub(crate) fn random(n: usize, seed: u64, scale: f32) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..n).map(|_| (rng.next_f32() * 2.0 - 1.0) * scale).collect()
}

pub(crate) fn near_one(n: usize, seed: u64) -> Vec<f32> {
    random(n, seed, 0.3).into_iter().map(|v| 1.0 + v).collect()
}

/// Every kind of base, by the parts of its layers; then every family, as transformers
/// writes it.
pub(crate) fn base_kinds() -> Vec<(&'static str, Base)> {
    synthetic_bases().into_iter().chain(hf::bases()).collect()
}

/// Every kind of base, by the parts of its layers.
fn synthetic_bases() -> Vec<(&'static str, Base)> {
    let llama = tiny::base(1);
    let (dim, hidden) = (llama.config.head_dim, llama.config.hidden);
    let (q, kv) = (llama.config.heads * dim, llama.config.kv_heads * dim);

    let mut qwen2 = llama.clone();
    qwen2.config.rope.layout = RopeLayout::NeoX;
    for layer in &mut qwen2.layers {
        layer.q_bias = Some(random(q, 2, 0.5));
        layer.k_bias = Some(random(kv, 3, 0.5));
        layer.v_bias = Some(random(kv, 4, 0.5));
    }

    let mut gemma = llama.clone();
    gemma.config.rope.layout = RopeLayout::NeoX;
    gemma.config.activation = Activation::Gelu;
    gemma.config.embedding_scale = 1.5;
    gemma.config.window_rope = Some(Rope { theta: 100.0, ..gemma.config.rope.clone() });
    gemma.layers[0].window = Some(9);
    for layer in &mut gemma.layers {
        layer.q_norm = Some(near_one(dim, 5));
        layer.k_norm = Some(near_one(dim, 6));
        layer.post_attn_norm = Some(near_one(hidden, 7));
        layer.post_ffn_norm = Some(near_one(hidden, 8));
    }

    let mut unturned = llama.clone();
    unturned.layers[1].rotary = false;
    unturned.config.rope.dims = dim / 2;
    unturned.output = Some(Weight::from_f32(
        llama.config.vocab,
        hidden,
        random(llama.config.vocab * hidden, 9, 0.2),
    ));
    vec![("llama", llama), ("qwen2", qwen2), ("gemma", gemma), ("unturned", unturned)]
}

/// An adapter with values in both matrices.
pub(crate) fn trained_adapter(base: &Base) -> Lora {
    let mut lora = Lora::fresh(base, 4, 8.0, 0.0, 3);
    for (i, tensor) in lora.tensors_mut().enumerate().filter(|(i, _)| i % 2 == 1) {
        *tensor = random(tensor.len(), i as u64, 0.1);
    }
    lora
}

pub(crate) fn tokens(base: &Base, n: usize) -> Vec<u32> {
    let mut rng = Rng::new(10);
    (0..n).map(|_| rng.below(base.config.vocab) as u32).collect()
}

/// Weights of all sorts, the last none: what isn't counted must not matter.
pub(crate) fn weights(n: usize) -> Vec<f32> {
    (0..n).map(|i| if i == n - 1 { 0.0 } else { [0.0, 1.0, 2.0, 0.3][i % 4] }).collect()
}

pub(crate) fn loss_input<'a>(tokens: &'a [u32], weights: &'a [f32]) -> LossInput<'a> {
    LossInput {
        tokens,
        weights,
        normalizer: weights[1..].iter().map(|w| f64::from(w.abs())).sum(),
        negative: NegativeWeights::Unlikelihood,
        dropout: None,
        checkpointing: ActivationCheckpointing::OFF,
    }
}

/// A base and perhaps an adapter on a backend.
#[derive(Clone, Copy)]
pub(crate) struct On<'a, B> {
    pub(crate) backend: &'a B,
    pub(crate) weights: Weights<'a>,
}

impl<'a, B: Backend<Error: std::fmt::Debug>> On<'a, B> {
    pub(crate) fn new(backend: &'a B, base: &'a Base, lora: Option<&'a Lora>) -> Self {
        Self { backend, weights: Weights { base, lora } }
    }

    pub(crate) fn new_kv_cache(&self) -> B::KvCache {
        self.backend.new_kv_cache(self.weights.base)
    }

    pub(crate) fn forward(&self, tokens: &[u32], cache: &mut B::KvCache) -> Vec<f32> {
        self.backend.forward(self.weights, tokens, cache).unwrap()
    }

    pub(crate) fn all_logits(&self, tokens: &[u32]) -> Vec<f32> {
        self.backend.all_logits(self.weights, tokens).unwrap()
    }

    pub(crate) fn token_nll(&self, tokens: &[u32], from: usize) -> Vec<f32> {
        self.backend.token_nll(self.weights, tokens, from, &mut self.new_kv_cache()).unwrap()
    }

    /// The loss and the gradients of a sequence.
    pub(crate) fn gradients(&self, input: &LossInput) -> (f64, Lora) {
        self.gradients_with(input, &mut B::SavedActivations::default())
    }

    pub(crate) fn gradients_with(
        &self,
        input: &LossInput,
        saved: &mut B::SavedActivations,
    ) -> (f64, Lora) {
        let mut gradients = self.weights.lora.unwrap().zeros_like();
        let loss = self.backend.accumulate_gradients(self.weights, input, saved, &mut gradients);
        (loss.unwrap(), gradients)
    }
}

/// In `f32` throughout, as candle's own operations are.
pub(crate) fn scalar<'a>(base: &'a Base, lora: Option<&'a Lora>) -> On<'a, CpuBackend> {
    static SCALAR: LazyLock<CpuBackend> = LazyLock::new(CpuBackend::scalar);
    On::new(&*SCALAR, base, lora)
}

fn gradients(base: &Base, lora: &Lora, input: LossInput) -> (f64, Lora) {
    scalar(base, Some(lora)).gradients(&input)
}

#[track_caller]
pub(crate) fn assert_close(name: &str, ours: &[f32], theirs: &[f32], within: f32) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let most = theirs.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= within * most.max(1e-6),
            "{name} at {i}: {a} against {b}, of {most}"
        );
    }
}

#[test]
fn logits_are_candles() {
    for (kind, base) in base_kinds() {
        let (lora, tokens) = (trained_adapter(&base), tokens(&base, 90));
        let theirs: Vec<f32> =
            Reference::new(&base, &lora).logits(&tokens).flatten_all().unwrap().to_vec1().unwrap();
        assert_close(kind, &scalar(&base, Some(&lora)).all_logits(&tokens), &theirs, 1e-4);
    }
}

#[test]
fn the_loss_and_every_gradient_are_candles() {
    for (kind, base) in base_kinds() {
        let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 75), weights(75));
        let input = loss_input(&tokens, &weights);
        let (loss, grads) = gradients(&base, &lora, input);
        let reference = Reference::new(&base, &lora);
        let theirs = reference.loss(&tokens, &weights);
        let their_loss = f64::from(theirs.to_scalar::<f32>().unwrap());
        assert!((loss / their_loss - 1.0).abs() < 1e-5, "{kind}: {loss} against {their_loss}");
        let found = (theirs / input.normalizer).unwrap().backward().unwrap();
        for ((name, ours), var) in grads.names().zip(grads.tensors()).zip(&reference.vars) {
            let theirs = found.get(var).expect("candle's gradient").flatten_all().unwrap();
            assert_close(&format!("{kind} {name}"), ours, &theirs.to_vec1::<f32>().unwrap(), 1e-3);
        }
    }
}

/// A sequence in which each token is the likeliest, and what is likely enough to be unlearned.
fn likeliest(base: &Base, lora: &Lora, n: usize) -> Vec<u32> {
    let model = scalar(base, Some(lora));
    let (mut tokens, mut cache) = (vec![7], model.new_kv_cache());
    while tokens.len() < n {
        let logits = model.forward(&tokens[tokens.len() - 1..], &mut cache);
        let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
        tokens.push(best as u32);
    }
    tokens
}

#[test]
fn unlikelihood_is_candles() {
    for (kind, base) in synthetic_bases() {
        let mut lora = trained_adapter(&base);
        for (i, tensor) in lora.tensors_mut().enumerate() {
            *tensor = random(tensor.len(), i as u64, 0.6);
        }
        let tokens = likeliest(&base, &lora, 60);
        let weights: Vec<f32> = (0..60).map(|i| [-0.2, 1.0, -1.0, 0.0][i % 4]).collect();
        let input = loss_input(&tokens, &weights);
        let (loss, grads) = gradients(&base, &lora, input);
        let reference = Reference::new(&base, &lora);
        let of_targets = reference.of_targets(&tokens);
        let nll: Vec<f32> = of_targets.neg().unwrap().to_vec1().unwrap();
        // Below a twentieth, and where the loss is clipped, the gradient is zero.
        let (mut likely, mut clipped) = (Vec::new(), 0.0);
        for (nll, weight) in nll.iter().zip(&weights[1..]) {
            let p = (-nll).exp();
            let in_play = *weight < 0.0 && p > 0.05 && -(1.0 - p).ln() < 3.0;
            likely.push(if in_play { -weight } else { 0.0 });
            if *weight < 0.0 && -(1.0 - p).ln() >= 3.0 {
                clipped += f64::from(-3.0 * weight);
            }
        }
        assert!(likely.iter().filter(|w| **w > 0.0).count() > 3, "{kind}: nothing to unlearn");
        let positive: Vec<f32> = weights[1..].iter().map(|w| w.max(0.0)).collect();
        let against = of_targets.exp().unwrap().affine(-1.0, 1.0).unwrap().log().unwrap();
        let theirs = ((of_targets * vector(&positive)).unwrap()
            + (against * vector(&likely)).unwrap())
        .unwrap()
        .sum_all()
        .unwrap()
        .neg()
        .unwrap();
        let their_loss = f64::from(theirs.to_scalar::<f32>().unwrap()) + clipped;
        assert!((loss / their_loss - 1.0).abs() < 1e-4, "{kind}: {loss} against {their_loss}");
        let found = (theirs / input.normalizer).unwrap().backward().unwrap();
        for ((name, ours), var) in grads.names().zip(grads.tensors()).zip(&reference.vars) {
            let theirs = found.get(var).expect("candle's gradient").flatten_all().unwrap();
            assert_close(&format!("{kind} {name}"), ours, &theirs.to_vec1::<f32>().unwrap(), 2e-3);
        }
    }
}

#[test]
fn a_gradient_is_the_numerical_gradient() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 40), weights(40));
    let dropout = Some(Dropout { rate: 0.3, seed: 4 });
    let input = LossInput { dropout, ..loss_input(&tokens, &weights) };
    let (_, grads) = gradients(&base, &lora, input);
    for (i, gradient) in grads.tensors().enumerate() {
        let most = (0..gradient.len())
            .max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs()))
            .unwrap();
        let h = 2e-2;
        let loss_at = |step: f32| {
            let mut moved = lora.clone();
            moved.tensors_mut().nth(i).unwrap()[most] += step;
            gradients(&base, &moved, input).0 / input.normalizer
        };
        let slope = ((loss_at(h) - loss_at(-h)) / f64::from(2.0 * h)) as f32;
        let gradient = gradient[most];
        assert!(
            (slope - gradient).abs() <= 0.03 * gradient.abs() + 2e-4,
            "tensor {i}: {slope} against {gradient}"
        );
    }
}

#[test]
fn recomputed_activations_give_the_same_gradients() {
    for (kind, base) in base_kinds() {
        let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 70), weights(70));
        let stored = LossInput {
            dropout: Some(Dropout { rate: 0.1, seed: 2 }),
            ..loss_input(&tokens, &weights)
        };
        for stored_layers in [1, 0] {
            let checkpointing = ActivationCheckpointing { stored: stored_layers };
            let again = LossInput { checkpointing, ..stored };
            assert!(
                gradients(&base, &lora, stored) == gradients(&base, &lora, again),
                "{kind}, {stored_layers}"
            );
        }
    }
}

#[test]
fn buffers_used_again_give_the_same_gradients() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 70), weights(70));
    let mut saved = SavedActivations::default();
    let mut once = |n: usize, checkpointing| {
        let input = LossInput { checkpointing, ..loss_input(&tokens[..n], &weights[..n]) };
        scalar(&base, Some(&lora)).gradients_with(&input, &mut saved)
    };
    let first = once(70, ActivationCheckpointing::OFF);
    once(20, ActivationCheckpointing::EVERY_LAYER);
    assert!(first == once(70, ActivationCheckpointing::OFF));
    assert!(first == once(70, ActivationCheckpointing { stored: 1 }));
}

#[test]
fn the_estimate_is_what_training_allocates() {
    for (kind, base) in base_kinds() {
        let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 201), weights(201));
        // The last token does not count, so 199 positions are computed.
        let TrainingMemory { fixed, per_layer } = TrainingMemory::of(&base, lora.rank, 199);
        let mut saved = SavedActivations::default();
        let mut held = |checkpointing| {
            let input = LossInput { checkpointing, ..loss_input(&tokens, &weights) };
            scalar(&base, Some(&lora)).gradients_with(&input, &mut saved);
            saved.bytes()
        };
        let all = held(ActivationCheckpointing::OFF);
        assert_eq!(all, per_layer * base.config.layers as u64, "{kind}");
        assert!(held(ActivationCheckpointing::EVERY_LAYER) < fixed, "{kind}: and freed");
    }
}

#[test]
fn dropout_follows_from_the_seed() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 40), weights(40));
    let with = |seed| {
        gradients(
            &base,
            &lora,
            LossInput {
                dropout: Some(Dropout { rate: 0.2, seed }),
                ..loss_input(&tokens, &weights)
            },
        )
    };
    assert!(with(1) == with(1));
    assert!(with(1) != with(2));
    let none = LossInput {
        dropout: Some(Dropout { rate: 0.0, seed: 1 }),
        ..loss_input(&tokens, &weights)
    };
    assert!(
        gradients(&base, &lora, none) == gradients(&base, &lora, loss_input(&tokens, &weights))
    );
}

#[test]
fn two_sequences_in_one_batch_are_one_loss() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 60), weights(60));
    let halves = [0..25, 25..60].map(|range| (&tokens[range.clone()], &weights[range]));
    let normalizer: f64 = halves.iter().flat_map(|(_, w)| &w[1..]).map(|w| f64::from(*w)).sum();
    let mut together = lora.zeros_like();
    for (tokens, weights) in halves {
        let input = LossInput { normalizer, ..loss_input(tokens, weights) };
        let (_, grads) = gradients(&base, &lora, input);
        let sum = together.tensors_mut().zip(grads.tensors());
        sum.for_each(|(to, d)| to.iter_mut().zip(d).for_each(|(to, d)| *to += d));
    }
    let reference = Reference::new(&base, &lora);
    let [a, b] = halves.map(|(tokens, weights)| reference.loss(tokens, weights));
    let found = ((a + b).unwrap() / normalizer).unwrap().backward().unwrap();
    for (ours, var) in together.tensors().zip(&reference.vars) {
        let theirs = found.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_close("batch", ours, &theirs, 1e-3);
    }
}

#[test]
fn one_token_at_a_time_gives_the_same_logits() {
    for (kind, base) in base_kinds() {
        let (lora, tokens) = (trained_adapter(&base), tokens(&base, 80));
        let model = scalar(&base, Some(&lora));
        let all = model.all_logits(&tokens);
        let mut cache = model.new_kv_cache();
        let vocab = base.config.vocab;
        let mut logits = model.forward(&tokens[..70], &mut cache);
        for i in 70..80 {
            assert_close(kind, &logits, &all[(i - 1) * vocab..i * vocab], 1e-4);
            logits = model.forward(&tokens[i..=i], &mut cache);
        }
        assert_close(kind, &logits, &all[79 * vocab..], 1e-4);
        cache.truncate(70);
        assert_eq!(cache.len(), 70);
        let back = model.forward(&tokens[70..71], &mut cache);
        assert_close(kind, &back, &all[70 * vocab..71 * vocab], 1e-4);
    }
}

#[test]
fn a_fresh_adapter_changes_nothing() {
    let base = tiny::base(1);
    let (fresh, tokens) = (Lora::fresh(&base, 8, 16.0, 0.1, 1), tokens(&base, 70));
    assert!(
        scalar(&base, Some(&fresh)).all_logits(&tokens) == scalar(&base, None).all_logits(&tokens)
    );
    assert_ne!(Lora::fresh(&base, 8, 16.0, 0.1, 2), fresh, "another seed starts from other values");
}

#[test]
fn a_merged_adapter_gives_the_same_logits() {
    for (kind, base) in base_kinds() {
        let (lora, tokens) = (trained_adapter(&base), tokens(&base, 70));
        let merged = lora.merge(&base);
        let separate = scalar(&base, Some(&lora)).all_logits(&tokens);
        assert!(separate != scalar(&base, None).all_logits(&tokens));
        let fast = CpuBackend::default();
        assert_close(kind, &On::new(&fast, &merged, None).all_logits(&tokens), &separate, 1e-4);
    }
}

#[test]
fn the_same_computation_gives_the_same_bits() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 600), weights(600));
    let model = scalar(&base, Some(&lora));
    assert!(model.all_logits(&tokens) == model.all_logits(&tokens));
    assert!(
        gradients(&base, &lora, loss_input(&tokens, &weights))
            == gradients(&base, &lora, loss_input(&tokens, &weights))
    );
}

#[test]
fn unknown_tokens_and_none_at_all_are_handled() {
    let base = tiny::base(1);
    let model = scalar(&base, None);
    assert!(model.forward(&[], &mut model.new_kv_cache()).is_empty());
    assert!(model.forward(&[u32::MAX, 3], &mut model.new_kv_cache()).iter().all(|l| l.is_finite()));
    assert!(model.token_nll(&[5], 1).is_empty());
    assert!(model.token_nll(&[], 0).is_empty());
    let lora = trained_adapter(&base);
    assert_eq!(
        gradients(&base, &lora, LossInput { normalizer: 1.0, ..loss_input(&[1, 2], &[1.0, 0.0]) })
            .0,
        0.0
    );
}

/// The distance of two lists, relative to the length of the second.
pub(crate) fn relative_distance(ours: &[f32], theirs: &[f32]) -> f32 {
    let size = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let off = size(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    off / size(&mut theirs.iter().copied()).max(1e-12)
}

/// One token and many, forward and backward: the product of each block type is that of its numbers, to
/// rounding in 32 bits, and to the error bound of eight bits as the program computes it.
#[test]
fn the_product_with_every_block_type_is_that_of_its_values() {
    let (rows, cols) = (48, 512);
    for block in GgmlType::ALL {
        let bytes = ggml::random_blocks(block, rows * cols, 21);
        let weight = Weight::new(rows, cols, block, bytes.into()).unwrap();
        let mut numbers = vec![0.0; weight.len()];
        weight.dequantize_rows(0..rows, &mut numbers);
        for n in [1, 37] {
            let (x, dy) = (random(n * cols, 22, 1.0), random(n * rows, 23, 1.0));
            let (mut wanted, mut wanted_back) = (vec![0.0; n * rows], vec![0.0; n * cols]);
            for (i, row) in x.chunks(cols).enumerate() {
                for (r, w) in numbers.chunks(cols).enumerate() {
                    let product = row.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
                    wanted[i * rows + r] = product.sum::<f64>() as f32;
                    for (c, w) in w.iter().enumerate() {
                        wanted_back[i * cols + c] += dy[i * rows + r] * w;
                    }
                }
            }
            for (cpu, within) in [(Cpu::scalar(), 1e-5), (Cpu::default(), 0.012)] {
                let (mut y, mut dx) = (vec![0.0; n * rows], vec![0.0; n * cols]);
                linear(&cpu, &x, &weight, &mut y);
                linear_backward(&cpu, &dy, &weight, &mut dx);
                for (what, ours, theirs) in
                    [("forward", &y, &wanted), ("backward", &dx, &wanted_back)]
                {
                    let off = relative_distance(ours, theirs);
                    assert!(off < within, "{block:?} {what}, {n} rows: off by {off}");
                }
            }
        }
    }
}

#[test]
fn int8_products_are_close_forward_and_backward() {
    for block in [GgmlType::Q4_1, GgmlType::Q8_0] {
        let base = Tiny { block, ..Tiny::default() }.base();
        let (lora, tokens, weights) = (trained_adapter(&base), tokens(&base, 75), weights(75));
        let backend = CpuBackend::default();
        let fast = On::new(&backend, &base, Some(&lora));
        let logits = scalar(&base, Some(&lora)).all_logits(&tokens);
        let off = relative_distance(&fast.all_logits(&tokens), &logits);
        assert!(off < 0.02, "{block:?}: logits are off by {off}");
        let input = loss_input(&tokens, &weights);
        let (loss, grads) = gradients(&base, &lora, input);
        let (near_loss, near) = fast.gradients(&input);
        assert!((near_loss / loss - 1.0).abs() < 2e-3, "{block:?}: {near_loss} for {loss}");
        for ((name, ours), theirs) in near.names().zip(near.tensors()).zip(grads.tensors()) {
            let off = relative_distance(ours, theirs);
            assert!(off < 0.05, "{block:?}: {name} is off by {off}");
        }
    }
}
