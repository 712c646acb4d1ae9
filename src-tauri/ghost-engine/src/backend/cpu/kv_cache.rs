//! Keys and values of the tokens read, on the CPU.

use crate::backend::KvCache;
use crate::backend::cpu::activations::LayerActivations;
use crate::cpu::packed_lora::PackedLora;

/// The KV cache of the CPU.
pub struct CpuKvCache {
    /// One a layer, `tokens × kv_heads × head_dim`.
    pub(super) keys: Vec<Vec<f32>>,
    /// One a layer, `tokens × kv_heads × head_dim`.
    pub(super) values: Vec<Vec<f32>>,
    pub(super) len: usize,
    /// Buffers of the layer that is computed.
    pub(super) activations: LayerActivations,
    /// The adapter as single tokens are read with it, once the first was: for each layer, the pairs
    /// of each [`InputSite`](crate::lora::InputSite).
    pub(super) packed: Vec<[PackedLora; 4]>,
}

impl CpuKvCache {
    pub(super) fn new(layers: usize) -> Self {
        let (keys, values) = (vec![Vec::new(); layers], vec![Vec::new(); layers]);
        Self { keys, values, len: 0, activations: LayerActivations::default(), packed: Vec::new() }
    }
}

impl KvCache for CpuKvCache {
    fn len(&self) -> usize {
        self.len
    }

    fn truncate(&mut self, len: usize) {
        if len < self.len {
            for all in self.keys.iter_mut().chain(&mut self.values) {
                let width = all.len() / self.len;
                all.truncate(len * width);
            }
            self.len = len;
        }
    }

    fn shrink(&mut self) {
        self.keys.iter_mut().chain(&mut self.values).for_each(Vec::shrink_to_fit);
        self.activations = LayerActivations::default();
        self.packed = Vec::new();
    }
}
