//! LoRA: two small matrices for each frozen one.
//!
//! With an adapter, a frozen weight `W` computes `x Wᵀ + alpha/rank · x Aᵀ Bᵀ`. `B` starts at zero, so a
//! fresh adapter changes nothing. Rows are in the order of the base's own file; the adapter's file
//! (`adapter`) has Hugging Face's.

use crate::base::{Base, LayerWeights};
use crate::config::ModelConfig;
use crate::quant::weight::Weight;
use ghost_core::rng::Rng;

/// The frozen matrices that an adapter adds to, in the order they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Target {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// The module's name as PEFT and transformers have it.
    pub fn module(self) -> &'static str {
        match self {
            Self::Q => "self_attn.q_proj",
            Self::K => "self_attn.k_proj",
            Self::V => "self_attn.v_proj",
            Self::O => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }

    /// Outputs and inputs of the frozen matrix.
    pub fn dims(self, config: &ModelConfig) -> (usize, usize) {
        let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        match self {
            Self::Q => (q, config.hidden),
            Self::K | Self::V => (kv, config.hidden),
            Self::O => (config.hidden, q),
            Self::Gate | Self::Up => (config.ffn, config.hidden),
            Self::Down => (config.hidden, config.ffn),
        }
    }

    /// The frozen matrix in a block.
    pub fn weight(self, layer: &LayerWeights) -> &Weight {
        match self {
            Self::Q => &layer.q,
            Self::K => &layer.k,
            Self::V => &layer.v,
            Self::O => &layer.o,
            Self::Gate => &layer.gate,
            Self::Up => &layer.up,
            Self::Down => &layer.down,
        }
    }
}

/// The two matrices for one frozen one.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraPair {
    /// `rank × inputs`.
    pub a: Vec<f32>,
    /// `outputs × rank`.
    pub b: Vec<f32>,
}

/// The inputs that adapters read. Targets with the same input share its dropout mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSite {
    Attention,
    Output,
    FeedForward,
    Down,
}

impl InputSite {
    /// All of them, in the order they are used.
    pub(crate) const ALL: [Self; 4] =
        [Self::Attention, Self::Output, Self::FeedForward, Self::Down];

    /// The matrices that read this input, in the order of [`Target::ALL`].
    pub(crate) fn targets(self) -> &'static [Target] {
        match self {
            Self::Attention => &[Target::Q, Target::K, Target::V],
            Self::Output => &[Target::O],
            Self::FeedForward => &[Target::Gate, Target::Up],
            Self::Down => &[Target::Down],
        }
    }
}

/// A borrowed pair: `scale · x Aᵀ Bᵀ`.
#[derive(Clone, Copy)]
pub(crate) struct LoraView<'a> {
    /// `rank × inputs`.
    pub(crate) a: &'a [f32],
    /// `outputs × rank`.
    pub(crate) b: &'a [f32],
    /// Rows of `a`.
    pub(crate) rank: usize,
    /// Alpha over rank.
    pub(crate) scale: f32,
}

impl LoraView<'_> {
    /// Outputs.
    pub(crate) fn rows(&self) -> usize {
        self.b.len() / self.rank
    }
}

/// An adapter's values, or their gradients, which have the same dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rows of each `A`.
    pub rank: usize,
    /// The product is scaled by `alpha / rank`.
    pub alpha: f32,
    /// Share of the input dropped while learning.
    pub dropout: f32,
    /// First layer to last, each in the order of [`Target::ALL`].
    pub layers: Vec<[LoraPair; 7]>,
}

impl Lora {
    /// An adapter that changes nothing yet: `A` uniform within 1/√inputs (Kaiming's bound at √5,
    /// as PEFT begins), `B` zero.
    pub fn fresh(base: &Base, rank: usize, alpha: f32, dropout: f32, random_seed: u64) -> Self {
        let mut rng = Rng::stream(random_seed, &[0x41]);
        let mut pair = |target: Target| {
            let (rows, cols) = target.dims(&base.config);
            let bound = 1.0 / (cols as f32).sqrt();
            let a = (0..rank * cols).map(|_| (rng.next_f32() * 2.0 - 1.0) * bound).collect();
            LoraPair { a, b: vec![0.0; rows * rank] }
        };
        let layers = (0..base.config.layers).map(|_| Target::ALL.map(&mut pair)).collect();
        Self { rank, alpha, dropout, layers }
    }

    /// The same shape, all zero.
    pub fn zeros_like(&self) -> Self {
        let zero =
            |pair: &LoraPair| LoraPair { a: vec![0.0; pair.a.len()], b: vec![0.0; pair.b.len()] };
        let layers = self.layers.iter().map(|pairs| std::array::from_fn(|i| zero(&pairs[i])));
        Self { layers: layers.collect(), ..*self }
    }

    /// The factor of the product.
    pub fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }

    /// The pair of one matrix, ready for a product.
    pub(crate) fn view(&self, layer: usize, target: Target) -> LoraView<'_> {
        let LoraPair { a, b } = &self.layers[layer][target as usize];
        LoraView { a, b, rank: self.rank, scale: self.scale() }
    }

    /// All tensors in a fixed order: layers, then targets, then `A` before `B`.
    pub fn tensors(&self) -> impl Iterator<Item = &Vec<f32>> {
        self.layers.iter().flatten().flat_map(|pair| [&pair.a, &pair.b])
    }

    /// All tensors to write to, in the same order.
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.layers.iter_mut().flatten().flat_map(|pair| [&mut pair.a, &mut pair.b])
    }

    /// Names of the tensors, in the same order, as PEFT has them without its prefix:
    /// `layers.0.self_attn.q_proj.lora_A.weight`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let modules =
            (0..self.layers.len()).flat_map(|n| Target::ALL.map(|target| (n, target.module())));
        modules.flat_map(|(n, module)| {
            ["A", "B"].map(|side| format!("layers.{n}.{module}.lora_{side}.weight"))
        })
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.tensors().map(Vec::len).sum()
    }

    /// True where there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The base with this adapter merged into its weights, which become `f32` and take that much
    /// memory.
    pub fn merge(&self, base: &Base) -> Base {
        let mut merged = base.clone();
        for (n, layer) in merged.layers.iter_mut().enumerate() {
            for target in Target::ALL {
                let weight = self.merged(n, target, target.weight(layer));
                match target {
                    Target::Q => layer.q = weight,
                    Target::K => layer.k = weight,
                    Target::V => layer.v = weight,
                    Target::O => layer.o = weight,
                    Target::Gate => layer.gate = weight,
                    Target::Up => layer.up = weight,
                    Target::Down => layer.down = weight,
                }
            }
        }
        merged
    }

    fn merged(&self, n: usize, target: Target, weight: &Weight) -> Weight {
        let LoraView { a, b, rank, scale } = self.view(n, target);
        let mut values = vec![0.0; weight.len()];
        weight.dequantize_rows(0..weight.rows, &mut values);
        for (row, b) in values.chunks_exact_mut(weight.cols).zip(b.chunks_exact(rank)) {
            for (b, a) in b.iter().zip(a.chunks_exact(weight.cols)) {
                row.iter_mut().zip(a).for_each(|(w, a)| *w += scale * b * a);
            }
        }
        Weight::from_f32(weight.rows, weight.cols, values)
    }
}
