//! The transformer on the device, forward and backward: the same steps as on the CPU, in tensors. The
//! activations that a layer leaves for its backward pass are tensors it made anyway.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::kv_cache::Pages;
use super::lora::{DeviceLora, LayerGradients, add_gradients};
use super::model::DeviceModel;
use super::ops::{self, DeviceRope};
use crate::backend::dropout::apply_dropout;
use crate::backend::{Dropout, LossInput};
use crate::base::LayerWeights;
use crate::lora::{InputSite, Lora, Target};
use crate::rope::RopeCache;

/// The parts of a pass over a chunk of positions that all layers share.
struct Pass {
    model: Arc<DeviceModel>,
    lora: Option<Arc<DeviceLora>>,
    /// For layers without a window and with one; for the queries of the former, where they have a
    /// temperature.
    tables: [Option<DeviceRope>; 3],
    masks: [Option<Tensor>; 2],
    dropout: Option<Dropout>,
}

/// A layer's activations.
struct LayerActivations {
    x: Tensor,
    h: Tensor,
    /// Before norm and rotation, heads × n × dim.
    q_raw: Tensor,
    k_raw: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_out: Tensor,
    o_raw: Tensor,
    residual: Tensor,
    h2: Tensor,
    gate: Tensor,
    up: Tensor,
    act: Tensor,
    down_raw: Tensor,
    sites: [SiteActivations; 4],
}

/// An adapter's activations at one input.
struct SiteActivations {
    /// `x Aᵀ` of its readers, side by side; `None` without an adapter.
    u: Option<Tensor>,
    /// The dropout mask of its input, where something is dropped.
    mask: Option<Tensor>,
}

impl Pass {
    fn new(
        model: Arc<DeviceModel>,
        lora: Option<Arc<DeviceLora>>,
        dropout: Option<Dropout>,
        past: usize,
        n: usize,
    ) -> Result<Self> {
        let tables = RopeCache::new(&model.config.rope, model.config.window_rope.as_ref(), past, n);
        let to_device = |table: &crate::rope::RopeTable| {
            let matrix =
                |values: &[f32]| Tensor::from_slice(values, (n, table.dims / 2), &model.device);
            let (cos, sin) = (matrix(&table.cos)?, matrix(&table.sin)?);
            Ok::<_, candle_core::Error>(DeviceRope {
                inverse_sin: sin.neg()?,
                cos,
                sin,
                dims: table.dims,
                layout: table.layout,
            })
        };
        let windowed = model.layers_of.iter().find_map(|layer| layer.window);
        Ok(Self {
            tables: [
                Some(to_device(&tables.full)?),
                tables.window.as_ref().map(to_device).transpose()?,
                tables.queries.as_ref().map(to_device).transpose()?,
            ],
            masks: [
                ops::mask(n, past, None, &model.device)?,
                match windowed {
                    Some(window) => ops::mask(n, past, Some(window), &model.device)?,
                    None => None,
                },
            ],
            dropout,
            model,
            lora,
        })
    }

    /// The tables of a layer's queries and of its keys.
    fn ropes(&self, layer: &LayerWeights) -> [Option<&DeviceRope>; 2] {
        let [full, windowed, queries] = self.tables.each_ref().map(Option::as_ref);
        let windowed = windowed.filter(|_| layer.window.is_some());
        let k = windowed.or(full);
        [windowed.or(queries).or(k), k].map(|table| table.filter(|_| layer.rotary))
    }

    fn mask(&self, layer: &LayerWeights) -> Option<&Tensor> {
        self.masks[usize::from(layer.window.is_some())].as_ref()
    }

    /// The dropout mask of an input, the same as on the CPU: 0, or the scale of the rest.
    fn dropped(&self, n: usize, site: InputSite, x: &Tensor) -> Result<Option<Tensor>> {
        let Some(dropout) = self.dropout.filter(|dropout| dropout.rate > 0.0) else {
            return Ok(None);
        };
        let mut ones = vec![1.0; x.elem_count()];
        apply_dropout(dropout, n, site, &mut ones);
        let most = ones.iter().fold(0.0f32, |most, one| most.max(*one));
        // A byte a value over the bus.
        let bytes: Vec<u8> = ones.iter().map(|one| u8::from(*one != 0.0)).collect();
        let mask = Tensor::from_vec(bytes, x.dims(), x.device())?.to_dtype(x.dtype())?;
        (mask * f64::from(most)).map(Some)
    }

    /// `x Wᵀ` for all targets of a site, each with its part of the adapter.
    fn project(
        &self,
        n: usize,
        site: InputSite,
        x: &Tensor,
    ) -> Result<(Vec<Tensor>, SiteActivations)> {
        let (targets, layer) = (site.targets(), &self.model.layers[n]);
        let project = |target: &Target| layer.linears[*target as usize].forward(x);
        let mut ys: Vec<Tensor> = targets.iter().map(project).collect::<Result<_>>()?;
        let Some(lora) = &self.lora else {
            return Ok((ys, SiteActivations { u: None, mask: None }));
        };
        let (pairs, rank) = (&lora.layers[n], lora.rank);
        let mask = self.dropped(n, site, x)?;
        let u = masked(x, mask.as_ref())?.matmul(&pairs.a[site as usize].t()?)?;
        for (i, (y, target)) in ys.iter_mut().zip(targets).enumerate() {
            let own = u.narrow(1, i * rank, rank)?.contiguous()?;
            *y = (&*y + own.matmul(&pairs.b[*target as usize].t()?)?)?;
        }
        Ok((ys, SiteActivations { u: Some(u), mask }))
    }

    /// One layer, with the activations that its backward pass needs.
    fn layer_forward(
        &self,
        n: usize,
        x: &Tensor,
        pages: Option<&mut Pages>,
    ) -> Result<(Tensor, LayerActivations)> {
        let (config, tensors, layer) =
            (&self.model.config, &self.model.layers[n], &self.model.layers_of[n]);
        let eps = config.norm_eps;
        let post = |y: &Tensor, weight: &Option<Tensor>| match weight {
            Some(weight) => ops::rms_norm(y, weight, eps),
            None => Ok(y.clone()),
        };
        let h = ops::rms_norm(x, &tensors.attn_norm, eps)?;
        let (qkv, attention) = self.project(n, InputSite::Attention, &h)?;
        let heads = [config.heads, config.kv_heads, config.kv_heads];
        let mut plain = Vec::new();
        for ((y, bias), heads) in qkv.iter().zip(&tensors.bias).zip(heads) {
            let y = match bias {
                Some(bias) => y.broadcast_add(bias)?,
                None => y.clone(),
            };
            plain.push(ops::split_heads(&y, heads)?);
        }
        let [q_raw, k_raw, v] = <[Tensor; 3]>::try_from(plain).expect("q, k and v");
        let [q_table, k_table] = self.ropes(layer);
        let rotated = |y: &Tensor, norm: &Option<Tensor>, table: Option<&DeviceRope>| {
            let y = post(y, norm)?;
            match table {
                Some(table) => ops::rope(&y, table, false),
                None => Ok(y),
            }
        };
        let (q, k) = (
            rotated(&q_raw, &tensors.q_norm, q_table)?,
            rotated(&k_raw, &tensors.k_norm, k_table)?,
        );
        let (keys, values) = match pages {
            Some(pages) => pages.append(n, &k, &v)?,
            None => (k.clone(), v.clone()),
        };
        let attn_out = ops::attention(&q, &keys, &values, self.mask(layer))?;
        let (o, output) = self.project(n, InputSite::Output, &attn_out)?;
        let o_raw = only(o);
        let residual = (post(&o_raw, &tensors.post_attn_norm)? + x)?;

        let h2 = ops::rms_norm(&residual, &tensors.ffn_norm, eps)?;
        let (mut gate_up, feed_forward) = self.project(n, InputSite::FeedForward, &h2)?;
        let (up, gate) = (gate_up.remove(1), only(gate_up));
        let act = ops::gated_activation(config.activation, &gate, &up)?;
        let (down, last) = self.project(n, InputSite::Down, &act)?;
        let down_raw = only(down);
        let out = (post(&down_raw, &tensors.post_ffn_norm)? + &residual)?;
        let sites = [attention, output, feed_forward, last];
        let x = x.clone();
        let kept = LayerActivations {
            x,
            h,
            q_raw,
            k_raw,
            q,
            k,
            v,
            attn_out,
            o_raw,
            residual,
            h2,
            gate,
            up,
            act,
            down_raw,
            sites,
        };
        Ok((out, kept))
    }

    /// The gradient of a site's input where it is needed, and those of its targets' pairs.
    fn project_backward(
        &self,
        n: usize,
        site: InputSite,
        input: &Tensor,
        dys: &[&Tensor],
        kept: &SiteActivations,
        needed: bool,
    ) -> Result<(Option<Tensor>, Tensor, Vec<Tensor>)> {
        let (targets, layer) = (site.targets(), &self.model.layers[n]);
        let mut dx: Option<Tensor> = None;
        for (target, dy) in targets.iter().zip(dys).filter(|_| needed) {
            let part = layer.linears[*target as usize].backward(dy)?;
            dx = Some(match dx {
                Some(dx) => (dx + part)?,
                None => part,
            });
        }
        let lora = self.lora.as_ref().expect("training has an adapter");
        let (pairs, rank) = (&lora.layers[n], lora.rank);
        let u = kept.u.as_ref().expect("an adapter's product is kept");
        let (mut du, mut db) = (Vec::new(), Vec::new());
        for (i, (target, dy)) in targets.iter().zip(dys).enumerate() {
            du.push(dy.matmul(&pairs.b[*target as usize])?);
            db.push(dy.t()?.matmul(&u.narrow(1, i * rank, rank)?.contiguous()?)?);
        }
        let du = Tensor::cat(&du, 1)?;
        let da = du.t()?.matmul(&masked(input, kept.mask.as_ref())?)?;
        if let Some(sum) = dx {
            let part = masked(&du.matmul(&pairs.a[site as usize])?, kept.mask.as_ref())?;
            dx = Some((sum + part)?);
        }
        Ok((dx, da, db))
    }

    /// One layer's backward pass, from the gradient of its output to that of its input, which is not
    /// computed for the first layer.
    fn layer_backward(
        &self,
        n: usize,
        kept: &LayerActivations,
        d: &Tensor,
    ) -> Result<(Tensor, LayerGradients)> {
        let (config, tensors, layer) =
            (&self.model.config, &self.model.layers[n], &self.model.layers_of[n]);
        let eps = config.norm_eps;
        let post = |input: &Tensor, weight: &Option<Tensor>, d: &Tensor| match weight {
            Some(weight) => ops::rms_norm_backward(input, weight, eps, d),
            None => Ok(d.clone()),
        };
        let dy = post(&kept.down_raw, &tensors.post_ffn_norm, d)?;
        let [attention, output, feed_forward, last] = &kept.sites;
        let (dact, a_down, b_down) =
            self.project_backward(n, InputSite::Down, &kept.act, &[&dy], last, true)?;
        let dact = dact.expect("it is needed");
        let (dgate, dup) =
            ops::gated_activation_backward(config.activation, &kept.gate, &kept.up, &dact)?;
        let site = InputSite::FeedForward;
        let (dh, a_ffn, b_ffn) =
            self.project_backward(n, site, &kept.h2, &[&dgate, &dup], feed_forward, true)?;
        let dh = dh.expect("it is needed");
        let d = (d + ops::rms_norm_backward(&kept.residual, &tensors.ffn_norm, eps, &dh)?)?;

        let dy = post(&kept.o_raw, &tensors.post_attn_norm, &d)?;
        let (dattn_out, a_o, b_o) =
            self.project_backward(n, InputSite::Output, &kept.attn_out, &[&dy], output, true)?;
        let dattn_out = dattn_out.expect("it is needed");
        let (dq, dk, dv) =
            ops::attention_backward(&kept.q, &kept.k, &kept.v, self.mask(layer), &dattn_out)?;
        let [q_table, k_table] = self.ropes(layer);
        let unrotated = |dy: &Tensor, plain: &Tensor, norm: &Option<Tensor>, table| {
            let dy = match table {
                Some(table) => ops::rope(dy, table, true)?,
                None => dy.clone(),
            };
            ops::merge_heads(&post(plain, norm, &dy)?)
        };
        let dq = unrotated(&dq, &kept.q_raw, &tensors.q_norm, q_table)?;
        let dk = unrotated(&dk, &kept.k_raw, &tensors.k_norm, k_table)?;
        let dv = ops::merge_heads(&dv)?;
        let needed = n > 0;
        let (dh, a_qkv, b_qkv) = self.project_backward(
            n,
            InputSite::Attention,
            &kept.h,
            &[&dq, &dk, &dv],
            attention,
            needed,
        )?;
        let d = match dh {
            Some(dh) => (d + ops::rms_norm_backward(&kept.x, &tensors.attn_norm, eps, &dh)?)?,
            None => d,
        };
        let b: Vec<Tensor> = [b_qkv, b_o, b_ffn, b_down].into_iter().flatten().collect();
        let b = b.try_into().expect("a gradient for each target");
        Ok((d, LayerGradients { a: [a_qkv, a_o, a_ffn, a_down], b }))
    }
}

fn only(mut of: Vec<Tensor>) -> Tensor {
    of.remove(0)
}

fn masked(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    match mask {
        Some(mask) => x * mask,
        None => Ok(x.clone()),
    }
}

/// Hidden states after the last layer of rows that follow what the pages hold. The pages grow only if
/// all goes well.
pub(super) fn prefill(pages: &mut Pages, x: &[f32]) -> Result<Vec<f32>> {
    let model = pages.model.clone();
    let n = x.len() / model.config.hidden;
    let mut x = Tensor::from_slice(x, (n, model.config.hidden), &model.device)?;
    pages.reserve(n)?;
    let pass = Pass::new(model, pages.lora.clone(), None, pages.len, n)?;
    for i in 0..pass.model.layers.len() {
        x = pass.layer_forward(i, &x, Some(pages))?.0;
    }
    let hidden = x.flatten_all()?.to_vec1()?;
    pages.len += n;
    Ok(hidden)
}

/// Activations of a training forward pass on the device; `None` between steps.
#[derive(Default)]
pub struct SavedActivations(Option<TrainingPass>);

impl SavedActivations {
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    pub(super) fn take(&mut self) -> Option<TrainingPass> {
        self.0.take()
    }
}

/// A training pass after its forward half.
pub(super) struct TrainingPass {
    pass: Pass,
    /// Inputs of all layers.
    inputs: Vec<Tensor>,
    /// Activations of the layers that keep theirs.
    layers: Vec<Option<LayerActivations>>,
    /// Hidden states after the last layer, on the host.
    pub(super) output: Vec<f32>,
}

impl TrainingPass {
    /// The forward half, of rows before the first layer.
    pub(super) fn forward(
        model: Arc<DeviceModel>,
        lora: DeviceLora,
        input: &LossInput,
        x: &[f32],
    ) -> Result<SavedActivations> {
        let n = x.len() / model.config.hidden;
        let mut x = Tensor::from_slice(x, (n, model.config.hidden), &model.device)?;
        let pass = Pass::new(model, Some(Arc::new(lora)), input.dropout, 0, n)?;
        let (mut layers, mut inputs) = (Vec::new(), Vec::new());
        let of = pass.model.layers.len();
        for i in 0..of {
            inputs.push(x.clone());
            let (out, activations) = pass.layer_forward(i, &x, None)?;
            layers.push(input.checkpointing.stores(i, of).then_some(activations));
            x = out;
        }
        let output = x.flatten_all()?.to_vec1::<f32>()?;
        Ok(SavedActivations(Some(Self { pass, inputs, layers, output })))
    }

    /// The backward half, from the gradient of the hidden states after the last layer. Adds to
    /// `gradients`, or nothing where anything fails.
    pub(super) fn backward(mut self, d: Vec<f32>, gradients: &mut Lora) -> Result<()> {
        let model = self.pass.model.clone();
        let n = d.len() / model.config.hidden;
        let mut d = Tensor::from_vec(d, (n, model.config.hidden), &model.device)?;
        let mut of_layers = Vec::new();
        for i in (0..model.layers.len()).rev() {
            let activations = match self.layers.pop().flatten() {
                Some(activations) => activations,
                None => self.pass.layer_forward(i, &self.inputs[i], None)?.1,
            };
            let (dx, of_layer) = self.pass.layer_backward(i, &activations, &d)?;
            d = dx;
            of_layers.push(of_layer);
        }
        of_layers.reverse();
        let lora = self.pass.lora.as_ref().expect("training has an adapter");
        add_gradients(&of_layers, lora, gradients)
    }
}
