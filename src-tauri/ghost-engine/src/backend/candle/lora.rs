//! An adapter on the device, and its gradients.

use candle_core::{Device, Result, Tensor};

use crate::lora::{InputSite, Lora};

/// An adapter on the device.
pub(super) struct DeviceLora {
    pub(super) layers: Vec<LayerLora>,
    pub(super) rank: usize,
    pub(super) scale: f64,
}

/// The pairs of one layer.
pub(super) struct LayerLora {
    /// `A`s of the targets of each site, one below the other.
    pub(super) a: [Tensor; 4],
    /// Each `B`, times the scale.
    pub(super) b: [Tensor; 7],
}

impl DeviceLora {
    pub(super) fn new(lora: &Lora, device: &Device) -> Result<Self> {
        let (rank, scale) = (lora.rank, f64::from(lora.scale()));
        let mut layers = Vec::new();
        for pairs in &lora.layers {
            let a = |site: usize| {
                let targets = InputSite::ALL[site].targets();
                let all: Vec<f32> =
                    targets.iter().flat_map(|t| &pairs[*t as usize].a).copied().collect();
                let cols = all.len() / (targets.len() * rank);
                Tensor::from_vec(all, (targets.len() * rank, cols), device)
            };
            let b = |t: usize| {
                let b = &pairs[t].b;
                Tensor::from_slice(b, (b.len() / rank, rank), device)? * scale
            };
            layers.push(LayerLora {
                a: [a(0)?, a(1)?, a(2)?, a(3)?],
                b: [b(0)?, b(1)?, b(2)?, b(3)?, b(4)?, b(5)?, b(6)?],
            });
        }
        Ok(Self { layers, rank, scale })
    }
}

/// Gradients of the pairs of one layer, as in [`LayerLora`] and not yet times the scale.
pub(super) struct LayerGradients {
    pub(super) a: [Tensor; 4],
    pub(super) b: [Tensor; 7],
}

/// Copies gradients to the host in one piece, and adds them.
pub(super) fn add_gradients(
    layers: &[LayerGradients],
    lora: &DeviceLora,
    gradients: &mut Lora,
) -> Result<()> {
    let mut parts = Vec::new();
    for LayerGradients { a, b } in layers {
        for a in a {
            parts.push(a.flatten_all()?);
        }
        for b in b {
            parts.push((b.flatten_all()? * lora.scale)?);
        }
    }
    let all = Tensor::cat(&parts, 0)?.to_vec1::<f32>()?;
    let mut rest = &*all;
    let mut take = |to: &mut [f32]| {
        let (own, others) = rest.split_at(to.len());
        to.iter_mut().zip(own).for_each(|(to, d)| *to += d);
        rest = others;
    };
    for pairs in &mut gradients.layers {
        let targets = InputSite::ALL.into_iter().flat_map(InputSite::targets);
        targets.for_each(|t| take(&mut pairs[*t as usize].a));
        pairs.iter_mut().for_each(|pair| take(&mut pair.b));
    }
    Ok(())
}
