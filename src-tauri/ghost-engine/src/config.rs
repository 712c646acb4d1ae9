//! The hyperparameters of a base, and the differences between its layers. Pure data.

use crate::error::{Error, Result};
use crate::rope::Rope;

/// The maximum of any dimension of a base; a file that exceeds it is damaged.
pub(crate) const MAX_DIM: usize = 1 << 20;

/// The architecture of a base. The differences between them are spelled out
/// in [`ModelConfig`] and [`LayerWeights`](crate::base::LayerWeights); the family itself is for people to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Family {
    Llama,
    Mistral,
    SmolLm3,
    Qwen2,
    Qwen3,
    Gemma3,
}

/// The activation of the feed-forward's gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x × sigmoid(x).
    Silu,
    /// Gemma's gelu, in its tanh form.
    Gelu,
}

/// The hyperparameters of a base.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The architecture.
    pub family: Family,
    /// Transformer blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Width of the feed-forward.
    pub ffn: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// The context length, in positions.
    pub context: usize,
    /// Keeps the root-mean-square norm from dividing by zero.
    pub norm_eps: f32,
    /// The activation of the feed-forward's gate.
    pub activation: Activation,
    /// The factor of an embedding: 1, or √hidden for Gemma.
    pub embedding_scale: f32,
    /// The rotary embedding.
    pub rope: Rope,
    /// The rotary embedding of layers with a window, where it differs (Gemma).
    pub window_rope: Option<Rope>,
}

impl ModelConfig {
    /// Checks that the numbers fit together.
    ///
    /// # Errors
    /// `Malformed` where they don't.
    pub(crate) fn check(&self) -> Result<()> {
        let (heads, dims) = (self.heads, self.rope.dims);
        // The temperature of queries is in the table that rotates them.
        let has_temperature = self.rope.temperature.is_some() || self.rope.scale != 1.0;
        if !heads.is_multiple_of(self.kv_heads)
            || !(1..=MAX_DIM).contains(&self.head_dim)
            || dims % 2 != 0
            || dims > self.head_dim
            || (has_temperature && dims < self.head_dim)
        {
            return Err(Error::malformed("its heads do not divide its width"));
        }
        Ok(())
    }
}

/// The differences between layers, and between file formats.
pub(crate) struct LayerPlan {
    /// For each layer, whether positions rotate its heads.
    pub(crate) rotary: Vec<bool>,
    /// The attention window of each layer, in positions.
    pub(crate) windows: Vec<Option<usize>>,
    /// The offset of every norm's weights.
    pub(crate) norm_offset: f32,
    /// Attention is scaled by the root of this, where not by that of a head's width.
    pub(crate) attention_width: Option<usize>,
}

/// SmolLM3's layers: every fourth has no positions.
pub(crate) fn smollm3_rotary_layers(config: &ModelConfig) -> Vec<bool> {
    let is_rotary = |n: usize| config.family != Family::SmolLm3 || !n.is_multiple_of(4);
    (1..=config.layers).map(is_rotary).collect()
}

/// Gemma 3's windows: every sixth layer has none.
pub(crate) fn gemma3_windows(layers: usize, window: Option<usize>) -> Vec<Option<usize>> {
    (1..=layers).map(|n| window.filter(|_| !n.is_multiple_of(6))).collect()
}
