//! What a base learns of its writer: two small matrices beside each frozen one.
//!
//! A frozen weight `W` answers `x Wᵀ + alpha/rank · x Aᵀ Bᵀ`. `B` begins at
//! zero, so a fresh adapter changes nothing. Rows are in the base's own order;
//! what order other programs want is the adapter file's business.

mod packed;

pub(crate) use self::packed::PackedB;
pub use self::packed::PackedLora;
pub(crate) use self::packed::TILE;
use crate::base::{Base, Layer, Shape};
use crate::chance::Chance;
use crate::kernel::Low;
use crate::weight::Weight;

/// The frozen matrices an adapter stands beside, in the order they are used.
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
    pub fn shape(self, shape: &Shape) -> (usize, usize) {
        let (q, kv) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
        match self {
            Self::Q => (q, shape.hidden),
            Self::K | Self::V => (kv, shape.hidden),
            Self::O => (shape.hidden, q),
            Self::Gate | Self::Up => (shape.ffn, shape.hidden),
            Self::Down => (shape.hidden, shape.ffn),
        }
    }

    /// The frozen matrix in a block.
    pub fn weight(self, layer: &Layer) -> &Weight {
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

/// The two matrices beside one frozen one.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// `rank × inputs`.
    pub a: Vec<f32>,
    /// `outputs × rank`.
    pub b: Vec<f32>,
}

/// An adapter's numbers, or their gradients, which have the same shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rows of each `A`.
    pub rank: usize,
    /// The product is scaled by `alpha / rank`.
    pub alpha: f32,
    /// Share of the input dropped while learning.
    pub dropout: f32,
    /// First block to last, each in the order of [`Target::ALL`].
    pub layers: Vec<[Pair; 7]>,
}

impl Lora {
    /// An adapter that changes nothing yet: `A` uniform within 1/√inputs (Kaiming's bound at √5,
    /// as PEFT begins), `B` zero.
    pub fn fresh(base: &Base, rank: usize, alpha: f32, dropout: f32, random_seed: u64) -> Self {
        let mut chance = Chance::of(random_seed, &[0x41]);
        let mut pair = |target: Target| {
            let (rows, cols) = target.shape(&base.shape);
            let bound = 1.0 / (cols as f32).sqrt();
            let a = (0..rank * cols).map(|_| (chance.uniform() * 2.0 - 1.0) * bound).collect();
            Pair { a, b: vec![0.0; rows * rank] }
        };
        let layers = (0..base.shape.layers).map(|_| Target::ALL.map(&mut pair)).collect();
        Self { rank, alpha, dropout, layers }
    }

    /// The same shape, all zero.
    pub fn zeros_like(&self) -> Self {
        let zero = |pair: &Pair| Pair { a: vec![0.0; pair.a.len()], b: vec![0.0; pair.b.len()] };
        let layers = self.layers.iter().map(|pairs| std::array::from_fn(|i| zero(&pairs[i])));
        Self { layers: layers.collect(), ..*self }
    }

    /// What the product is multiplied by.
    pub fn scale(&self) -> f32 {
        self.alpha / self.rank as f32
    }

    /// The pair beside one matrix, ready for the kernel.
    pub(crate) fn low(&self, layer: usize, target: Target) -> Low<'_> {
        let Pair { a, b } = &self.layers[layer][target as usize];
        Low { a, b, rank: self.rank, scale: self.scale() }
    }

    /// All tensors in their one order: blocks, then targets, then `A` before `B`.
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

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.tensors().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The base with this adapter worked into its weights, which become plain numbers: it takes
    /// as much memory as they do.
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
        let Low { a, b, rank, scale } = self.low(n, target);
        let mut values = vec![0.0; weight.len()];
        weight.unpack_rows(0..weight.rows, &mut values);
        for (row, b) in values.chunks_exact_mut(weight.cols).zip(b.chunks_exact(rank)) {
            for (b, a) in b.iter().zip(a.chunks_exact(weight.cols)) {
                row.iter_mut().zip(a).for_each(|(w, a)| *w += scale * b * a);
            }
        }
        Weight::from_f32(weight.rows, weight.cols, values)
    }
}
