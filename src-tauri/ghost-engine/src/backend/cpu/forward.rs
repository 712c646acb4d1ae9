//! The transformer's forward pass on the CPU: embedding, layers, final norm.

use rayon::prelude::*;

use crate::backend::cpu::activations::LayerActivations;
use crate::backend::cpu::kv_cache::CpuKvCache;
use crate::backend::dropout::apply_dropout;
use crate::backend::{Dropout, Weights};
use crate::base::{Base, LayerWeights};
use crate::cpu::Cpu;
use crate::cpu::activation::gated_activation;
use crate::cpu::attention::{Heads, attention};
use crate::cpu::linear::linears;
use crate::cpu::lora::{gemv_lora, lora_forward};
use crate::cpu::norm::{RmsNorm, rms_norm};
use crate::cpu::packed_lora::PackedLora;
use crate::cpu::rope::rope;
use crate::lora::{InputSite, Lora, Target};
use crate::rope::{LayerRope, RopeCache};

/// Values a thread takes at a time.
const CHUNK: usize = 1 << 16;

/// A base and its adapter on the CPU.
#[derive(Clone, Copy)]
pub(super) struct Transformer<'a> {
    pub(super) cpu: &'a Cpu,
    pub(super) base: &'a Base,
    pub(super) lora: Option<&'a Lora>,
}

/// One layer's part of a pass over the sequence.
pub(super) struct LayerPass<'a> {
    /// The layer's number.
    pub(super) n: usize,
    pub(super) layer: &'a LayerWeights,
    /// `None` where positions don't rotate this layer's heads.
    pub(super) rope: Option<LayerRope<'a>>,
    pub(super) dropout: Option<Dropout>,
    /// The adapter's pairs of each [`InputSite`], where a single token is read.
    packed: Option<&'a [PackedLora; 4]>,
}

impl<'a> LayerPass<'a> {
    /// A layer's part of training.
    pub(super) fn training(
        base: &'a Base,
        n: usize,
        ropes: &'a RopeCache,
        dropout: Option<Dropout>,
    ) -> Self {
        let layer = &base.layers[n];
        let rope = ropes.of_layer(layer.rotary, layer.window.is_some());
        // A rate of zero drops nothing.
        let dropout = dropout.filter(|dropout| dropout.rate > 0.0);
        Self { n, layer, rope, dropout, packed: None }
    }

    /// An adapter's input after dropout; `None` where nothing is dropped.
    pub(super) fn dropped(&self, site: InputSite, x: &[f32]) -> Option<Vec<f32>> {
        let dropout = self.dropout?;
        let mut x = x.to_vec();
        apply_dropout(dropout, self.n, site, &mut x);
        Some(x)
    }
}

pub(super) fn add(to: &mut [f32], what: &[f32]) {
    to.par_chunks_mut(CHUNK).zip(what.par_chunks(CHUNK)).for_each(|(to, what)| {
        to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
    });
}

impl<'a> Transformer<'a> {
    pub(super) fn new(cpu: &'a Cpu, weights: Weights<'a>) -> Self {
        Self { cpu, base: weights.base, lora: weights.lora }
    }

    /// Tokens through all layers, after what the cache holds; `tokens × hidden`.
    pub(super) fn prefill(&self, tokens: &[u32], cache: &mut CpuKvCache) -> Vec<f32> {
        let n = tokens.len();
        let mut x = self.base.embed(tokens);
        let config = &self.base.config;
        let ropes = RopeCache::new(&config.rope, config.window_rope.as_ref(), cache.len, n);
        let (mut activations, mut packed) =
            (std::mem::take(&mut cache.activations), std::mem::take(&mut cache.packed));
        if n == 1 && packed.is_empty() {
            packed = self.packed_lora();
        }
        for (i, layer) in self.base.layers.iter().enumerate() {
            let rope = ropes.of_layer(layer.rotary, layer.window.is_some());
            let packed = packed.get(i).filter(|_| n == 1);
            let pass = LayerPass { n: i, layer, rope, dropout: None, packed };
            self.layer_forward(&pass, &mut activations, Some(cache), &mut x);
        }
        (cache.activations, cache.packed) = (activations, packed);
        cache.len += n;
        x
    }

    /// The adapter as single tokens are read with it; empty where there is none.
    fn packed_lora(&self) -> Vec<[PackedLora; 4]> {
        let Some(lora) = self.lora else { return Vec::new() };
        let layers = self.base.layers.par_iter().enumerate();
        let of_site = |layer: &LayerWeights, n: usize, site: InputSite| {
            let targets = site.targets().iter();
            let (weights, loras): (Vec<_>, Vec<_>) =
                targets.map(|target| (target.weight(layer), lora.view(n, *target))).unzip();
            PackedLora::new(&weights, &loras)
        };
        layers.map(|(n, layer)| InputSite::ALL.map(|site| of_site(layer, n, site))).collect()
    }

    /// The norm before the output head.
    pub(super) fn final_norm(&self, hidden: &[f32]) -> Vec<f32> {
        let mut normed = vec![0.0; hidden.len()];
        rms_norm(self.cpu, hidden, self.norm(&self.base.final_norm), &mut normed);
        normed
    }

    pub(super) fn norm<'w>(&self, weight: &'w [f32]) -> RmsNorm<'w> {
        RmsNorm { weight, eps: self.base.config.norm_eps }
    }

    pub(super) fn heads(&self, layer: &LayerWeights) -> Heads {
        let config = &self.base.config;
        let (q, kv, dim) = (config.heads, config.kv_heads, config.head_dim);
        Heads { q, kv, dim, window: layer.window }
    }

    /// `y = x Wᵀ` for all targets that read `x`, each with its part of the adapter.
    fn project<const N: usize>(
        &self,
        pass: &LayerPass,
        site: InputSite,
        x: &[f32],
        lora_activations: &mut [Vec<f32>; 4],
        mut readers: [(Target, &mut [f32]); N],
    ) {
        let mut outs = readers.each_mut().map(|(target, y)| (target.weight(pass.layer), &mut **y));
        if let Some(packed) = pass.packed {
            return gemv_lora(self.cpu, x, &mut outs, &packed[site as usize]);
        }
        linears(self.cpu, x, &mut outs);
        let Some(lora) = self.lora else { return };
        let loras = readers.each_ref().map(|(target, _)| lora.view(pass.n, *target));
        let mut ys = readers.map(|(_, y)| y);
        let dropped = pass.dropped(site, x);
        let u = &mut lora_activations[site as usize];
        lora_forward(dropped.as_deref().unwrap_or(x), &loras, u, &mut ys);
    }

    /// One layer, from `x` to `x`. Keeps in `saved` what its backward pass needs.
    pub(super) fn layer_forward(
        &self,
        pass: &LayerPass,
        saved: &mut LayerActivations,
        cache: Option<&mut CpuKvCache>,
        x: &mut [f32],
    ) {
        let (config, layer, cpu) = (&self.base.config, pass.layer, self.cpu);
        let n = x.len() / config.hidden;
        let rank = self.lora.map_or(0, |lora| lora.rank);
        saved.resize(&LayerActivations::lengths(config, layer, rank, n));
        let LayerActivations {
            input,
            attn_normed,
            q_unnormed,
            k_unnormed,
            q,
            k,
            v,
            attn_out,
            lse,
            o_unnormed,
            residual,
            ffn_normed,
            gate,
            up,
            act,
            down_unnormed,
            lora,
        } = saved;
        input.copy_from_slice(x);

        rms_norm(cpu, input, self.norm(&layer.attn_norm), attn_normed);
        let readers = [(Target::Q, &mut **q), (Target::K, &mut **k), (Target::V, &mut **v)];
        self.project(pass, InputSite::Attention, attn_normed, lora, readers);
        for (y, bias) in
            [(&mut *q, &layer.q_bias), (&mut *k, &layer.k_bias), (&mut *v, &layer.v_bias)]
        {
            if let Some(bias) = bias {
                y.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
            }
        }
        for (norm, y, unnormed, table) in [
            (&layer.q_norm, &mut *q, q_unnormed, pass.rope.map(|rope| rope.q)),
            (&layer.k_norm, &mut *k, k_unnormed, pass.rope.map(|rope| rope.k)),
        ] {
            if let Some(norm) = norm {
                unnormed.copy_from_slice(y);
                rms_norm(cpu, unnormed, self.norm(norm), y);
            }
            if let Some(table) = table {
                rope(y, config.head_dim, table, false);
            }
        }
        let (keys, values, past) = match cache {
            Some(cache) => {
                cache.keys[pass.n].extend_from_slice(k);
                cache.values[pass.n].extend_from_slice(v);
                (&*cache.keys[pass.n], &*cache.values[pass.n], cache.len)
            }
            None => (&**k, &**v, 0),
        };
        attention(cpu, q, keys, values, self.heads(layer), past, attn_out, lse);
        let readers = [(Target::O, &mut **residual)];
        self.project(pass, InputSite::Output, attn_out, lora, readers);
        self.post_norm(&layer.post_attn_norm, residual, o_unnormed);
        add(residual, input);

        rms_norm(cpu, residual, self.norm(&layer.ffn_norm), ffn_normed);
        let readers = [(Target::Gate, &mut **gate), (Target::Up, &mut **up)];
        self.project(pass, InputSite::FeedForward, ffn_normed, lora, readers);
        gated_activation(cpu, config.activation, gate, up, act);
        self.project(pass, InputSite::Down, act, lora, [(Target::Down, &mut *x)]);
        self.post_norm(&layer.post_ffn_norm, x, down_unnormed);
        add(x, residual);
    }

    /// The norm after a sublayer, where there is one.
    fn post_norm(&self, norm: &Option<Vec<f32>>, y: &mut [f32], unnormed: &mut [f32]) {
        if let Some(norm) = norm {
            unnormed.copy_from_slice(y);
            rms_norm(self.cpu, unnormed, self.norm(norm), y);
        }
    }
}
