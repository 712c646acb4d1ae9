//! A second opinion: the same transformer in candle's differentiable operations, a line an
//! equation, with its autograd for the way back. The model is held to it, for every kind of block
//! a base can have. Uses none of candle's fused operations: those drop gradients without a word.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use candle_core::{D, Device, Tensor, Var};
use candle_nn::ops;

use crate::base::{Base, Gate, Layer, Pairs, Rope};
use crate::block::{self, BlockType};
use crate::chance::Chance;
use crate::cpu::Cpu;
use crate::kernel::Kernel;
use crate::lora::{Lora, Target};
use crate::model::{Cache, Dropout, Keep, Learner, Model, Told};
use crate::tiny::{self, Tiny};
use crate::transformers;
use crate::weight::Weight;

fn matrix(w: &Weight) -> Tensor {
    let mut values = vec![0.0; w.len()];
    w.unpack_rows(0..w.rows, &mut values);
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
fn turn(x: &Tensor, rope: &Rope, query: bool) -> Tensor {
    let (n, heads, dim) = x.dims3().unwrap();
    let half = rope.dims / 2;
    let angles = |f: fn(f32) -> f32| {
        let of = |i: usize| rope.frequencies().into_iter().map(move |w| f(i as f32 * w));
        let values: Vec<f32> = (0..n).flat_map(of).collect();
        Tensor::from_vec(values, (n, 1, half), &Device::Cpu).unwrap()
    };
    let (cos, sin) = (angles(f32::cos), angles(f32::sin));
    let turning = x.narrow(2, 0, rope.dims).unwrap();
    let (a, b) = match rope.pairs {
        Pairs::Halves => {
            (turning.narrow(2, 0, half).unwrap(), turning.narrow(2, half, half).unwrap())
        }
        Pairs::Interleaved => {
            let pairs = turning.reshape((n, heads, half, 2)).unwrap();
            let side = |i| pairs.narrow(3, i, 1).unwrap().squeeze(3).unwrap();
            (side(0), side(1))
        }
    };
    let mul = |x: &Tensor, y: &Tensor| x.broadcast_mul(y).unwrap();
    let (c, s) =
        ((mul(&a, &cos) - mul(&b, &sin)).unwrap(), (mul(&a, &sin) + mul(&b, &cos)).unwrap());
    let turned = match rope.pairs {
        Pairs::Halves => Tensor::cat(&[c, s], 2).unwrap(),
        Pairs::Interleaved => {
            Tensor::stack(&[c, s], 3).unwrap().reshape((n, heads, rope.dims)).unwrap()
        }
    };
    let growth = |i| rope.scale * if query { rope.growth_at(i) } else { 1.0 };
    let growth: Vec<f32> = (0..n).map(growth).collect();
    let turned = mul(&turned, &Tensor::from_vec(growth, (n, 1, 1), &Device::Cpu).unwrap());
    if rope.dims == dim {
        return turned;
    }
    Tensor::cat(&[turned, x.narrow(2, rope.dims, dim - rope.dims).unwrap()], 2).unwrap()
}

/// Heads × tokens × tokens: 0 where seen, −∞ elsewhere.
fn mask(n: usize, window: Option<usize>) -> Tensor {
    let seen = |i: usize, j: usize| j <= i && window.is_none_or(|w| i - j < w);
    let values: Vec<f32> =
        (0..n * n).map(|at| if seen(at / n, at % n) { 0.0 } else { f32::NEG_INFINITY }).collect();
    Tensor::from_vec(values, (1, n, n), &Device::Cpu).unwrap()
}

struct Oracle<'a> {
    base: &'a Base,
    /// In the order of [`Lora::tensors`], for the adapter's scale.
    vars: Vec<Var>,
    scale: f64,
}

impl<'a> Oracle<'a> {
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

    fn project(&self, n: usize, layer: &Layer, target: Target, x: &Tensor) -> Tensor {
        let at = (n * 7 + target as usize) * 2;
        let product = |w: &Tensor, x: &Tensor| x.matmul(&w.t().unwrap()).unwrap();
        let low = product(&self.vars[at + 1], &product(&self.vars[at], x));
        (product(&matrix(target.weight(layer)), x) + (low * self.scale).unwrap()).unwrap()
    }

    fn block(&self, n: usize, x: &Tensor) -> Tensor {
        let (shape, layer) = (&self.base.shape, &self.base.layers[n]);
        let (eps, tokens) = (shape.norm_eps, x.dim(0).unwrap());
        let window_rope = shape.window_rope.as_ref().filter(|_| layer.window.is_some());
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
            y = y.reshape((tokens, heads, shape.head_dim)).unwrap();
            if let Some(weight) = head_norm {
                y = norm(&y, weight, eps);
            }
            if turns {
                y = turn(&y, window_rope.unwrap_or(&shape.rope), target == Target::Q);
            }
            y.transpose(0, 1).unwrap().contiguous().unwrap()
        };
        let q = heads(Target::Q, shape.heads, &layer.q_bias, layer.q_norm.as_ref(), layer.rotary);
        let k =
            heads(Target::K, shape.kv_heads, &layer.k_bias, layer.k_norm.as_ref(), layer.rotary);
        let v = heads(Target::V, shape.kv_heads, &layer.v_bias, None, false);
        let share: Vec<u32> =
            (0..shape.heads).map(|h| (h / (shape.heads / shape.kv_heads)) as u32).collect();
        let share = Tensor::new(share, &Device::Cpu).unwrap();
        let (k, v) = (k.index_select(&share, 0).unwrap(), v.index_select(&share, 0).unwrap());
        let scores = q.matmul(&k.transpose(1, 2).unwrap()).unwrap();
        let scores = (scores / (shape.head_dim as f64).sqrt()).unwrap();
        let seen =
            ops::softmax(&scores.broadcast_add(&mask(tokens, layer.window)).unwrap(), D::Minus1)
                .unwrap();
        let seen = seen.matmul(&v).unwrap().transpose(0, 1).unwrap();
        let seen = seen.reshape((tokens, shape.heads * shape.head_dim)).unwrap();
        let post = |y: Tensor, weight: &Option<Vec<f32>>| match weight {
            Some(weight) => norm(&y, weight, eps),
            None => y,
        };
        let o = post(self.project(n, layer, Target::O, &seen), &layer.post_attn_norm);
        let middle = (x + o).unwrap();
        let h2 = norm(&middle, &layer.ffn_norm, eps);
        let gate = self.project(n, layer, Target::Gate, &h2);
        let opened = if shape.gate == Gate::Silu { gate.silu() } else { gate.gelu() }.unwrap();
        let act = (opened * self.project(n, layer, Target::Up, &h2)).unwrap();
        let down = post(self.project(n, layer, Target::Down, &act), &layer.post_ffn_norm);
        (middle + down).unwrap()
    }

    /// Tokens × vocab.
    fn logits(&self, tokens: &[u32]) -> Tensor {
        let shape = &self.base.shape;
        let ids = Tensor::new(tokens, &Device::Cpu).unwrap();
        let embedded = matrix(&self.base.embedding).index_select(&ids, 0).unwrap();
        let x = (embedded * f64::from(shape.embedding_scale)).unwrap();
        let x = (0..shape.layers).fold(x, |x, n| self.block(n, &x));
        let x = norm(&x, &self.base.final_norm, shape.norm_eps);
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

pub(crate) fn some(n: usize, seed: u64, scale: f32) -> Vec<f32> {
    let mut chance = Chance::new(seed);
    (0..n).map(|_| (chance.uniform() * 2.0 - 1.0) * scale).collect()
}

pub(crate) fn near_one(n: usize, seed: u64) -> Vec<f32> {
    some(n, seed, 0.3).into_iter().map(|v| 1.0 + v).collect()
}

/// Every kind of base there is, by what its blocks have; then every family, as transformers
/// writes it.
pub(crate) fn kinds() -> Vec<(&'static str, Base)> {
    made().into_iter().chain(transformers::bases()).collect()
}

/// Every kind of base there is, by what its blocks have.
fn made() -> Vec<(&'static str, Base)> {
    let llama = tiny::base(1);
    let (dim, hidden) = (llama.shape.head_dim, llama.shape.hidden);
    let (q, kv) = (llama.shape.heads * dim, llama.shape.kv_heads * dim);

    let mut qwen2 = llama.clone();
    qwen2.shape.rope.pairs = Pairs::Halves;
    for layer in &mut qwen2.layers {
        layer.q_bias = Some(some(q, 2, 0.5));
        layer.k_bias = Some(some(kv, 3, 0.5));
        layer.v_bias = Some(some(kv, 4, 0.5));
    }

    let mut gemma = llama.clone();
    gemma.shape.rope.pairs = Pairs::Halves;
    gemma.shape.gate = Gate::Gelu;
    gemma.shape.embedding_scale = 1.5;
    gemma.shape.window_rope = Some(Rope { theta: 100.0, ..gemma.shape.rope.clone() });
    gemma.layers[0].window = Some(9);
    for layer in &mut gemma.layers {
        layer.q_norm = Some(near_one(dim, 5));
        layer.k_norm = Some(near_one(dim, 6));
        layer.post_attn_norm = Some(near_one(hidden, 7));
        layer.post_ffn_norm = Some(near_one(hidden, 8));
    }

    let mut unturned = llama.clone();
    unturned.layers[1].rotary = false;
    unturned.shape.rope.dims = dim / 2;
    unturned.output =
        Some(Weight::from_f32(llama.shape.vocab, hidden, some(llama.shape.vocab * hidden, 9, 0.2)));
    vec![("llama", llama), ("qwen2", qwen2), ("gemma", gemma), ("unturned", unturned)]
}

/// An adapter that has learned something already.
pub(crate) fn learned(base: &Base) -> Lora {
    let mut lora = Lora::fresh(base, 4, 8.0, 0.0, 3);
    for (i, tensor) in lora.tensors_mut().enumerate().filter(|(i, _)| i % 2 == 1) {
        *tensor = some(tensor.len(), i as u64, 0.1);
    }
    lora
}

pub(crate) fn tokens(base: &Base, n: usize) -> Vec<u32> {
    let mut chance = Chance::new(10);
    (0..n).map(|_| chance.below(base.shape.vocab) as u32).collect()
}

/// Weights of all sorts, the last none: what isn't counted must not matter.
pub(crate) fn weights(n: usize) -> Vec<f32> {
    (0..n).map(|i| if i == n - 1 { 0.0 } else { [0.0, 1.0, 2.0, 0.3][i % 4] }).collect()
}

pub(crate) fn told<'a>(tokens: &'a [u32], weights: &'a [f32]) -> Told<'a> {
    let over = weights[1..].iter().map(|w| f64::from(w.abs())).sum();
    Told { tokens, weights, over, straight: false, dropout: None, keep: Keep::ALL }
}

fn learn(base: &Base, lora: &Lora, told: Told) -> (f64, Lora) {
    let mut gradients = lora.zeros_like();
    let loss = Learner::default().learn(&plain(base, Some(lora)), told, &mut gradients);
    (loss, gradients)
}

/// In `f32` throughout, as the oracle is.
pub(crate) fn plain<'a>(base: &'a Base, lora: Option<&'a Lora>) -> Model<'a> {
    static PLAIN: LazyLock<Cpu> = LazyLock::new(Cpu::plain);
    Model::new(base, lora).on(&*PLAIN)
}

#[track_caller]
pub(crate) fn close(name: &str, ours: &[f32], theirs: &[f32], within: f32) {
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
fn logits_are_the_oracles() {
    for (kind, base) in kinds() {
        let (lora, tokens) = (learned(&base), tokens(&base, 90));
        let theirs: Vec<f32> =
            Oracle::new(&base, &lora).logits(&tokens).flatten_all().unwrap().to_vec1().unwrap();
        close(kind, &plain(&base, Some(&lora)).all_logits(&tokens), &theirs, 1e-4);
    }
}

#[test]
fn one_steps_loss_and_every_gradient_are_the_oracles() {
    for (kind, base) in kinds() {
        let (lora, tokens, weights) = (learned(&base), tokens(&base, 75), weights(75));
        let told = told(&tokens, &weights);
        let (loss, gradients) = learn(&base, &lora, told);
        let oracle = Oracle::new(&base, &lora);
        let theirs = oracle.loss(&tokens, &weights);
        let their_loss = f64::from(theirs.to_scalar::<f32>().unwrap());
        assert!((loss / their_loss - 1.0).abs() < 1e-5, "{kind}: {loss} against {their_loss}");
        let found = (theirs / told.over).unwrap().backward().unwrap();
        for ((name, ours), var) in gradients.names().zip(gradients.tensors()).zip(&oracle.vars) {
            let theirs = found.get(var).expect("candle's gradient").flatten_all().unwrap();
            close(&format!("{kind} {name}"), ours, &theirs.to_vec1::<f32>().unwrap(), 1e-3);
        }
    }
}

/// A sequence in which each token is the likeliest, and what is likely enough to be unlearned.
fn likeliest(base: &Base, lora: &Lora, n: usize) -> Vec<u32> {
    let model = plain(base, Some(lora));
    let (mut tokens, mut cache) = (vec![7], Cache::new(base));
    while tokens.len() < n {
        let logits = model.forward(&tokens[tokens.len() - 1..], &mut cache);
        let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
        tokens.push(best as u32);
    }
    tokens
}

#[test]
fn what_should_not_be_said_is_unlearned_as_the_oracle_does() {
    for (kind, base) in made() {
        let mut lora = learned(&base);
        for (i, tensor) in lora.tensors_mut().enumerate() {
            *tensor = some(tensor.len(), i as u64, 0.6);
        }
        let tokens = likeliest(&base, &lora, 60);
        let weights: Vec<f32> = (0..60).map(|i| [-0.2, 1.0, -1.0, 0.0][i % 4]).collect();
        let told = told(&tokens, &weights);
        let (loss, gradients) = learn(&base, &lora, told);
        let oracle = Oracle::new(&base, &lora);
        let of_targets = oracle.of_targets(&tokens);
        let nll: Vec<f32> = of_targets.neg().unwrap().to_vec1().unwrap();
        // Below a twentieth, and where the cost is clipped, there is no slope.
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
        let said: Vec<f32> = weights[1..].iter().map(|w| w.max(0.0)).collect();
        let against = of_targets.exp().unwrap().affine(-1.0, 1.0).unwrap().log().unwrap();
        let theirs = ((of_targets * vector(&said)).unwrap() + (against * vector(&likely)).unwrap())
            .unwrap()
            .sum_all()
            .unwrap()
            .neg()
            .unwrap();
        let their_loss = f64::from(theirs.to_scalar::<f32>().unwrap()) + clipped;
        assert!((loss / their_loss - 1.0).abs() < 1e-4, "{kind}: {loss} against {their_loss}");
        let found = (theirs / told.over).unwrap().backward().unwrap();
        for ((name, ours), var) in gradients.names().zip(gradients.tensors()).zip(&oracle.vars) {
            let theirs = found.get(var).expect("candle's gradient").flatten_all().unwrap();
            close(&format!("{kind} {name}"), ours, &theirs.to_vec1::<f32>().unwrap(), 2e-3);
        }
    }
}

#[test]
fn a_slope_is_what_a_small_step_finds() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (learned(&base), tokens(&base, 40), weights(40));
    let dropout = Some(Dropout { share: 0.3, seed: 4 });
    let told = Told { dropout, ..told(&tokens, &weights) };
    let (_, gradients) = learn(&base, &lora, told);
    for (i, gradient) in gradients.tensors().enumerate() {
        let most = (0..gradient.len())
            .max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs()))
            .unwrap();
        let h = 2e-2;
        let loss_at = |step: f32| {
            let mut moved = lora.clone();
            moved.tensors_mut().nth(i).unwrap()[most] += step;
            learn(&base, &moved, told).0 / told.over
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
fn computing_again_is_the_same_as_keeping() {
    for (kind, base) in kinds() {
        let (lora, tokens, weights) = (learned(&base), tokens(&base, 70), weights(70));
        let stored =
            Told { dropout: Some(Dropout { share: 0.1, seed: 2 }), ..told(&tokens, &weights) };
        for keep in [Keep(1), Keep::NONE] {
            let again = Told { keep, ..stored };
            assert!(learn(&base, &lora, stored) == learn(&base, &lora, again), "{kind}, {keep:?}");
        }
    }
}

#[test]
fn a_learner_used_twice_gives_the_same() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (learned(&base), tokens(&base, 70), weights(70));
    let mut learner = Learner::default();
    let mut once = |n: usize, keep| {
        let mut gradients = lora.zeros_like();
        let told = Told { keep, ..told(&tokens[..n], &weights[..n]) };
        let loss = learner.learn(&plain(&base, Some(&lora)), told, &mut gradients);
        (loss, gradients)
    };
    let first = once(70, Keep::ALL);
    once(20, Keep::NONE);
    assert!(first == once(70, Keep::ALL));
    assert!(first == once(70, Keep(1)));
}

#[test]
fn a_learner_needs_what_it_says_and_gives_it_back() {
    for (kind, base) in kinds() {
        let (lora, tokens, weights) = (learned(&base), tokens(&base, 200), weights(200));
        let mut learner = Learner::default();
        let mut held = |keep| {
            let told = Told { keep, ..told(&tokens, &weights) };
            learner.learn(&plain(&base, Some(&lora)), told, &mut lora.zeros_like());
            learner.held() as f64
        };
        let (least, each) = Learner::needs(&base, lora.rank, 200);
        let all = held(Keep::ALL);
        let said = (each * base.shape.layers as u64) as f64;
        assert!((0.9..1.1).contains(&(all / said)), "{kind}: {all} held, {said} said");
        assert!(held(Keep::NONE) < least as f64, "{kind}");
    }
}

#[test]
fn what_is_dropped_follows_from_the_seed() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (learned(&base), tokens(&base, 40), weights(40));
    let with = |seed| {
        learn(
            &base,
            &lora,
            Told { dropout: Some(Dropout { share: 0.2, seed }), ..told(&tokens, &weights) },
        )
    };
    assert!(with(1) == with(1));
    assert!(with(1) != with(2));
    let none = Told { dropout: Some(Dropout { share: 0.0, seed: 1 }), ..told(&tokens, &weights) };
    assert!(learn(&base, &lora, none) == learn(&base, &lora, told(&tokens, &weights)));
}

#[test]
fn two_sequences_in_one_batch_are_one_loss() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (learned(&base), tokens(&base, 60), weights(60));
    let halves = [0..25, 25..60].map(|range| (&tokens[range.clone()], &weights[range]));
    let over: f64 = halves.iter().flat_map(|(_, w)| &w[1..]).map(|w| f64::from(*w)).sum();
    let mut together = lora.zeros_like();
    for (tokens, weights) in halves {
        Learner::default().learn(
            &plain(&base, Some(&lora)),
            Told { over, ..told(tokens, weights) },
            &mut together,
        );
    }
    let oracle = Oracle::new(&base, &lora);
    let [a, b] = halves.map(|(tokens, weights)| oracle.loss(tokens, weights));
    let found = ((a + b).unwrap() / over).unwrap().backward().unwrap();
    for (ours, var) in together.tensors().zip(&oracle.vars) {
        let theirs = found.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        close("batch", ours, &theirs, 1e-3);
    }
}

#[test]
fn a_token_at_a_time_is_the_same_as_all_at_once() {
    for (kind, base) in kinds() {
        let (lora, tokens) = (learned(&base), tokens(&base, 80));
        let model = plain(&base, Some(&lora));
        let all = model.all_logits(&tokens);
        let mut cache = Cache::new(&base);
        let vocab = base.shape.vocab;
        let mut logits = model.forward(&tokens[..70], &mut cache);
        for i in 70..80 {
            close(kind, &logits, &all[(i - 1) * vocab..i * vocab], 1e-4);
            logits = model.forward(&tokens[i..=i], &mut cache);
        }
        close(kind, &logits, &all[79 * vocab..], 1e-4);
        cache.truncate(70);
        assert_eq!(cache.len(), 70);
        let back = model.forward(&tokens[70..71], &mut cache);
        close(kind, &back, &all[70 * vocab..71 * vocab], 1e-4);
    }
}

#[test]
fn a_fresh_adapter_changes_nothing_at_all() {
    let base = tiny::base(1);
    let (fresh, tokens) = (Lora::fresh(&base, 8, 16.0, 0.1, 1), tokens(&base, 70));
    assert!(
        plain(&base, Some(&fresh)).all_logits(&tokens) == plain(&base, None).all_logits(&tokens)
    );
    assert_ne!(Lora::fresh(&base, 8, 16.0, 0.1, 2), fresh, "another seed begins elsewhere");
}

#[test]
fn merged_is_the_same_as_beside() {
    for (kind, base) in kinds() {
        let (lora, tokens) = (learned(&base), tokens(&base, 70));
        let merged = lora.merge(&base);
        let beside = plain(&base, Some(&lora)).all_logits(&tokens);
        assert!(beside != plain(&base, None).all_logits(&tokens));
        close(kind, &Model::new(&merged, None).all_logits(&tokens), &beside, 1e-4);
    }
}

#[test]
fn the_same_is_asked_twice_and_answered_the_same() {
    let base = tiny::base(1);
    let (lora, tokens, weights) = (learned(&base), tokens(&base, 600), weights(600));
    let model = plain(&base, Some(&lora));
    assert!(model.all_logits(&tokens) == model.all_logits(&tokens));
    assert!(
        learn(&base, &lora, told(&tokens, &weights))
            == learn(&base, &lora, told(&tokens, &weights))
    );
}

#[test]
fn tokens_no_base_knows_and_none_at_all_are_no_accident() {
    let base = tiny::base(1);
    let model = plain(&base, None);
    assert!(model.forward(&[], &mut Cache::new(&base)).is_empty());
    assert!(model.forward(&[u32::MAX, 3], &mut Cache::new(&base)).iter().all(|l| l.is_finite()));
    assert!(model.surprise(&[5], 1, &mut Cache::new(&base)).is_empty());
    assert!(model.surprise(&[], 0, &mut Cache::new(&base)).is_empty());
    let lora = learned(&base);
    assert_eq!(learn(&base, &lora, Told { over: 1.0, ..told(&[1, 2], &[1.0, 0.0]) }).0, 0.0);
}

/// How far apart two lists are, of how long the second is.
fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
    let size = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let off = size(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    off / size(&mut theirs.iter().copied()).max(1e-12)
}

/// One token and many, forth and back: the product of each block type is that of its numbers, to
/// rounding in 32 bits, and to the promise of eight bits as the program computes it.
#[test]
fn a_product_with_every_block_type_is_that_of_its_numbers() {
    let (rows, cols) = (48, 512);
    for block in BlockType::ALL {
        let bytes = block::some_blocks(block, rows * cols, 21);
        let weight = Weight::new(rows, cols, block, bytes.into()).unwrap();
        let mut numbers = vec![0.0; weight.len()];
        weight.unpack_rows(0..rows, &mut numbers);
        for n in [1, 37] {
            let (x, dy) = (some(n * cols, 22, 1.0), some(n * rows, 23, 1.0));
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
            for (cpu, within) in [(Cpu::plain(), 1e-5), (Cpu::default(), 0.012)] {
                let (mut y, mut dx) = (vec![0.0; n * rows], vec![0.0; n * cols]);
                cpu.linear(&x, &weight, &mut y);
                cpu.linear_back(&dy, &weight, &mut dx);
                for (what, ours, theirs) in [("forth", &y, &wanted), ("back", &dx, &wanted_back)] {
                    let off = apart(ours, theirs);
                    assert!(off < within, "{block:?} {what}, {n} rows: off by {off}");
                }
            }
        }
    }
}

#[test]
fn eight_bits_are_near_enough_forth_and_back() {
    for block in [BlockType::Q4_1, BlockType::Q8_0] {
        let base = Tiny { block, ..Tiny::default() }.base();
        let (lora, tokens, weights) = (learned(&base), tokens(&base, 75), weights(75));
        let fast = Model::new(&base, Some(&lora));
        let logits = plain(&base, Some(&lora)).all_logits(&tokens);
        let off = apart(&fast.all_logits(&tokens), &logits);
        assert!(off < 0.02, "{block:?}: logits are off by {off}");
        let told = told(&tokens, &weights);
        let (loss, gradients) = learn(&base, &lora, told);
        let mut near = lora.zeros_like();
        let near_loss = Learner::default().learn(&fast, told, &mut near);
        assert!((near_loss / loss - 1.0).abs() < 2e-3, "{block:?}: {near_loss} for {loss}");
        for ((name, ours), theirs) in near.names().zip(near.tensors()).zip(gradients.tensors()) {
            let off = apart(ours, theirs);
            assert!(off < 0.05, "{block:?}: {name} is off by {off}");
        }
    }
}
