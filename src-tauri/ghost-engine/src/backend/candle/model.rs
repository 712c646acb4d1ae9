//! A base's frozen weights on the device, sent once.

use candle_core::{Device, Result, Tensor};

use super::quantized_linear::QuantizedLinear;
use crate::base::{Base, LayerWeights};
use crate::config::ModelConfig;
use crate::lora::Target;
use crate::quant::weight::Weight;

/// A base's frozen weights on the device.
pub(super) struct DeviceModel {
    pub(super) config: ModelConfig,
    pub(super) layers: Vec<LayerTensors>,
    head: QuantizedLinear,
    /// The weights it was made from, by which it is recognised. Their bytes stay valid as long.
    pub(super) layers_of: Vec<LayerWeights>,
    head_of: Weight,
    pub(super) device: Device,
}

/// One layer's frozen weights.
pub(super) struct LayerTensors {
    pub(super) attn_norm: Tensor,
    /// In the order of [`Target::ALL`].
    pub(super) linears: [QuantizedLinear; 7],
    /// Of queries, keys and values.
    pub(super) bias: [Option<Tensor>; 3],
    pub(super) q_norm: Option<Tensor>,
    pub(super) k_norm: Option<Tensor>,
    pub(super) post_attn_norm: Option<Tensor>,
    pub(super) ffn_norm: Tensor,
    pub(super) post_ffn_norm: Option<Tensor>,
}

impl DeviceModel {
    pub(super) fn new(base: &Base, device: &Device) -> Result<Self> {
        let vector = |values: &[f32]| Tensor::new(values, device);
        let maybe = |values: &Option<Vec<f32>>| values.as_deref().map(vector).transpose();
        let tensors = |layer: &LayerWeights| {
            let mut linears = Vec::new();
            for target in Target::ALL {
                linears.push(QuantizedLinear::new(target.weight(layer), device)?);
            }
            Ok(LayerTensors {
                attn_norm: vector(&layer.attn_norm)?,
                linears: linears.try_into().ok().expect("as many as there are targets"),
                bias: [maybe(&layer.q_bias)?, maybe(&layer.k_bias)?, maybe(&layer.v_bias)?],
                q_norm: maybe(&layer.q_norm)?,
                k_norm: maybe(&layer.k_norm)?,
                post_attn_norm: maybe(&layer.post_attn_norm)?,
                ffn_norm: vector(&layer.ffn_norm)?,
                post_ffn_norm: maybe(&layer.post_ffn_norm)?,
            })
        };
        Ok(Self {
            layers: base.layers.iter().map(tensors).collect::<Result<_>>()?,
            head: QuantizedLinear::new(base.head(), device)?,
            config: base.config.clone(),
            layers_of: base.layers.clone(),
            head_of: base.head().clone(),
            device: device.clone(),
        })
    }

    /// True where this was made from that base, or from one that shares its bytes.
    pub(super) fn is_of(&self, base: &Base) -> bool {
        self.config == base.config
            && same(&self.head_of, base.head())
            && self.layers_of.iter().zip(&base.layers).all(|(a, b)| {
                Target::ALL.iter().all(|target| same(target.weight(a), target.weight(b)))
                    && small(a) == small(b)
                    && (a.rotary, a.window) == (b.rotary, b.window)
            })
    }

    /// The head, where `weight` is it.
    pub(super) fn head(&self, weight: &Weight) -> Option<&QuantizedLinear> {
        same(&self.head_of, weight).then_some(&self.head)
    }
}

/// The small weights of a layer, by which it is recognised.
fn small(layer: &LayerWeights) -> [Option<&Vec<f32>>; 9] {
    [
        Some(&layer.attn_norm),
        layer.q_bias.as_ref(),
        layer.k_bias.as_ref(),
        layer.v_bias.as_ref(),
        layer.q_norm.as_ref(),
        layer.k_norm.as_ref(),
        layer.post_attn_norm.as_ref(),
        Some(&layer.ffn_norm),
        layer.post_ffn_norm.as_ref(),
    ]
}

fn same(a: &Weight, b: &Weight) -> bool {
    std::ptr::eq(a.bytes(), b.bytes()) && (a.rows, a.cols, a.block) == (b.rows, b.cols, b.block)
}
