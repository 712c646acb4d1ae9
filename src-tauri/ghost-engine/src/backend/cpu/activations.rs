//! The buffers of a layer: what its forward pass leaves for its backward pass, and the gradients on
//! their way through it. One definition gives each buffer's length; it allocates the buffers, and the
//! memory estimate of a training step adds the same lengths up.

use crate::base::LayerWeights;
use crate::config::ModelConfig;
use crate::lora::InputSite;

/// The activations of a layer, `n` rows each: buffers, or their lengths. What a base does not need
/// stays empty.
#[derive(Default)]
pub(super) struct LayerActivations<T = Vec<f32>> {
    /// The layer's input.
    pub(super) input: T,
    /// Its norm; the attention's input.
    pub(super) attn_normed: T,
    /// Queries before their norm, where there is one.
    pub(super) q_unnormed: T,
    /// Keys before their norm, where there is one.
    pub(super) k_unnormed: T,
    pub(super) q: T,
    pub(super) k: T,
    pub(super) v: T,
    /// The attention's output, before the output projection.
    pub(super) attn_out: T,
    /// Logarithms of the softmax sums.
    pub(super) lse: T,
    /// The output projection before its post norm, where there is one.
    pub(super) o_unnormed: T,
    /// The residual stream after attention.
    pub(super) residual: T,
    /// Its norm; the feed-forward's input.
    pub(super) ffn_normed: T,
    pub(super) gate: T,
    pub(super) up: T,
    /// `activation(gate) · up`.
    pub(super) act: T,
    /// The down projection before its post norm, where there is one.
    pub(super) down_unnormed: T,
    /// `x Aᵀ` of the targets that read each [`InputSite`], side by side.
    pub(super) lora: [T; 4],
}

impl<T> LayerActivations<T> {
    /// Every buffer. A field that is added and missing here does not compile.
    fn fields(&self) -> [&T; 20] {
        let Self {
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
            lora: [a, b, c, d],
        } = self;
        [
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
            a,
            b,
            c,
            d,
        ]
    }

    fn fields_mut(&mut self) -> [&mut T; 20] {
        let Self {
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
            lora: [a, b, c, d],
        } = self;
        [
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
            a,
            b,
            c,
            d,
        ]
    }
}

impl LayerActivations<usize> {
    /// Lengths for `n` tokens, with an adapter of a rank; 0 is none.
    pub(super) fn lengths(
        config: &ModelConfig,
        layer: &LayerWeights,
        rank: usize,
        n: usize,
    ) -> Self {
        let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let (hidden, ffn) = (config.hidden, config.ffn);
        let where_some = |norm: &Option<Vec<f32>>, width: usize| {
            if norm.is_some() { n * width } else { 0 }
        };
        Self {
            input: n * hidden,
            attn_normed: n * hidden,
            q_unnormed: where_some(&layer.q_norm, q),
            k_unnormed: where_some(&layer.k_norm, kv),
            q: n * q,
            k: n * kv,
            v: n * kv,
            attn_out: n * q,
            lse: n * config.heads,
            o_unnormed: where_some(&layer.post_attn_norm, hidden),
            residual: n * hidden,
            ffn_normed: n * hidden,
            gate: n * ffn,
            up: n * ffn,
            act: n * ffn,
            down_unnormed: where_some(&layer.post_ffn_norm, hidden),
            lora: InputSite::ALL.map(|site| n * site.targets().len() * rank),
        }
    }

    /// Values in all buffers.
    pub(super) fn total(&self) -> usize {
        self.fields().into_iter().sum()
    }
}

impl LayerActivations {
    /// Gives every buffer its length. What it holds then is unspecified.
    pub(super) fn resize(&mut self, lengths: &LayerActivations<usize>) {
        for (buffer, len) in self.fields_mut().into_iter().zip(lengths.fields()) {
            buffer.resize(*len, 0.0);
        }
    }

    /// Values that there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.fields().into_iter().map(Vec::capacity).sum()
    }
}

/// Gradients on their way down a layer: buffers, or their lengths.
#[derive(Default)]
pub(super) struct GradBuffers<T = Vec<f32>> {
    /// Of the layer's output, then of its input.
    pub(super) d: T,
    /// Of what a norm reads.
    pub(super) dnormed: T,
    pub(super) dact: T,
    pub(super) dgate: T,
    pub(super) dup: T,
    /// Of the input of attention, and of the feed-forward.
    pub(super) dh: T,
    pub(super) dattn_out: T,
    pub(super) dq: T,
    pub(super) dk: T,
    pub(super) dv: T,
    /// Of an adapter's input, before dropout's mask.
    pub(super) ddropped: T,
}

impl GradBuffers<usize> {
    /// Lengths for `n` tokens, at most.
    pub(super) fn lengths(config: &ModelConfig, layer: &LayerWeights, n: usize) -> Self {
        let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let (hidden, ffn) = (config.hidden, config.ffn);
        let post = layer.post_attn_norm.is_some() || layer.post_ffn_norm.is_some();
        let head = layer.q_norm.is_some() || layer.k_norm.is_some();
        Self {
            d: n * hidden,
            dnormed: n * (if post { hidden } else { 0 }).max(if head { q.max(kv) } else { 0 }),
            dact: n * ffn,
            dgate: n * ffn,
            dup: n * ffn,
            dh: n * hidden,
            dattn_out: n * q,
            dq: n * q,
            dk: n * kv,
            dv: n * kv,
            ddropped: n * hidden.max(q).max(ffn),
        }
    }

    /// Values in all buffers.
    pub(super) fn total(&self) -> usize {
        let Self { d, dnormed, dact, dgate, dup, dh, dattn_out, dq, dk, dv, ddropped } = self;
        [d, dnormed, dact, dgate, dup, dh, dattn_out, dq, dk, dv, ddropped].into_iter().sum()
    }
}

impl GradBuffers {
    /// Gives every buffer its length; that of dropout only where it is needed.
    pub(super) fn resize(&mut self, lengths: &GradBuffers<usize>, drops: bool) {
        let GradBuffers { d, dnormed, dact, dgate, dup, dh, dattn_out, dq, dk, dv, ddropped } =
            lengths;
        for (buffer, len) in [
            (&mut self.d, *d),
            (&mut self.dnormed, *dnormed),
            (&mut self.dact, *dact),
            (&mut self.dgate, *dgate),
            (&mut self.dup, *dup),
            (&mut self.dh, *dh),
            (&mut self.dattn_out, *dattn_out),
            (&mut self.dq, *dq),
            (&mut self.dk, *dk),
            (&mut self.dv, *dv),
            (&mut self.ddropped, if drops { *ddropped } else { 0 }),
        ] {
            buffer.resize(len, 0.0);
        }
    }
}
