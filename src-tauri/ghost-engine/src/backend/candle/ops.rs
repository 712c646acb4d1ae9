//! The operations in tensors, each with its backward pass. Matrices are n × width, heads are heads × n × dim;
//! all are contiguous `f32`. Where candle has one kernel for several steps it is used, for it gives
//! no gradients and here none are asked of it.

use candle_core::{D, Result, Tensor};
use candle_nn::{ops, rotary_emb};

use super::quantized_linear::QuantizedLinear;
use crate::config::Activation;
use crate::rope::RopeLayout;

/// Attention scores held at a time in the backward pass: 512 MB.
const SCORES: usize = 1 << 27;
/// Logits held at a time: 256 MB.
const LOGITS: usize = 1 << 26;

/// `x / rms(x) · weight`, over the last dimension.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    ops::rms_norm(x, weight, eps)
}

/// The gradient of `x` through [`rms_norm`].
pub(super) fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    eps: f32,
    dy: &Tensor,
) -> Result<Tensor> {
    let root = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
    let unit = x.broadcast_div(&root)?;
    let g = dy.broadcast_mul(weight)?;
    let along = (&g * &unit)?.mean_keepdim(D::Minus1)?;
    (g - unit.broadcast_mul(&along)?)?.broadcast_div(&root)
}

/// Cosines and sines of a chunk of positions, on the device.
pub(super) struct DeviceRope {
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
    pub(super) inverse_sin: Tensor,
    pub(super) dims: usize,
    pub(super) layout: RopeLayout,
}

/// Rotates the heads of `x` by their positions, or back, which is also the gradient.
pub(super) fn rope(x: &Tensor, table: &DeviceRope, inverse: bool) -> Result<Tensor> {
    let (_, _, dim) = x.dims3()?;
    let rotated = x.narrow(2, 0, table.dims)?.contiguous()?.unsqueeze(0)?;
    let sin = if inverse { &table.inverse_sin } else { &table.sin };
    let rotated = match table.layout {
        RopeLayout::NeoX => rotary_emb::rope(&rotated, &table.cos, sin)?,
        RopeLayout::GptJ => rotary_emb::rope_i(&rotated, &table.cos, sin)?,
    };
    let rotated = rotated.squeeze(0)?;
    if table.dims == dim {
        return Ok(rotated);
    }
    Tensor::cat(&[rotated, x.narrow(2, table.dims, dim - table.dims)?], 2)?.contiguous()
}

/// The attention probabilities, `kv × (heads/kv · n) × keys`. Queries that share a key's head follow
/// one another, so that keys need no copies.
fn attention_probs(q: &Tensor, k: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let ((heads, n, dim), (kv, seen, _)) = (q.dims3()?, k.dims3()?);
    let q = q.reshape((kv, heads / kv * n, dim))?;
    let scores = (q.matmul(&k.transpose(1, 2)?)? * (1.0 / (dim as f64).sqrt()))?;
    let scores = match mask {
        Some(mask) => scores.reshape((heads, n, seen))?.broadcast_add(mask)?,
        None => scores,
    };
    ops::softmax_last_dim(&scores.reshape((kv, heads / kv * n, seen))?)
}

/// Attention of the queries (heads × n × dim) over keys and values (kv × seen × dim), those unseen
/// masked by −∞ (1 × n × seen); n × (heads · dim).
pub(super) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
) -> Result<Tensor> {
    let (heads, n, dim) = q.dims3()?;
    merge_heads(&attention_probs(q, k, mask)?.matmul(v)?.reshape((heads, n, dim))?)
}

/// The gradients of queries, keys and values, given that of the output (n × (heads · dim)).
pub(super) fn attention_backward(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    dout: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let ((heads, n, dim), (kv, seen, _)) = (q.dims3()?, k.dims3()?);
    let (group, dout) = (heads / kv, split_heads(dout, heads)?);
    let at_once = (SCORES / (group * n * seen)).clamp(1, kv);
    let (mut dq, mut dk, mut dv) = (Vec::new(), Vec::new(), Vec::new());
    for from in (0..kv).step_by(at_once) {
        let kv = at_once.min(kv - from);
        let (k, v) = (k.narrow(0, from, kv)?, v.narrow(0, from, kv)?);
        let below = |x: &Tensor| x.narrow(0, from * group, kv * group)?.contiguous();
        let (q, dout) = (below(q)?, below(&dout)?.reshape((kv, group * n, dim))?);
        let p = attention_probs(&q, &k, mask)?;
        dv.push(p.transpose(1, 2)?.matmul(&dout)?);
        let dp = dout.matmul(&v.transpose(1, 2)?)?;
        let along = (&p * &dp)?.sum_keepdim(D::Minus1)?;
        let ds = ((p * dp.broadcast_sub(&along)?)? * (1.0 / (dim as f64).sqrt()))?;
        dq.push(ds.matmul(&k)?.reshape((kv * group, n, dim))?);
        let q = q.reshape((kv, group * n, dim))?;
        dk.push(ds.transpose(1, 2)?.matmul(&q)?);
    }
    let whole = |parts: Vec<Tensor>| Tensor::cat(&parts, 0);
    Ok((whole(dq)?, whole(dk)?, whole(dv)?))
}

/// Rows of several heads to heads of rows.
pub(super) fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    x.reshape((n, heads, width / heads))?.transpose(0, 1)?.contiguous()
}

/// Heads of rows to rows of several heads.
pub(super) fn merge_heads(x: &Tensor) -> Result<Tensor> {
    let (heads, n, dim) = x.dims3()?;
    x.transpose(0, 1)?.contiguous()?.reshape((n, heads * dim))
}

/// `activation(gate) · up`.
pub(super) fn gated_activation(kind: Activation, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    match kind {
        Activation::Silu => gate.silu()? * up,
        Activation::Gelu => gate.gelu()? * up,
    }
}

/// The gradients of `gate` and `up`.
pub(super) fn gated_activation_backward(
    kind: Activation,
    gate: &Tensor,
    up: &Tensor,
    dout: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (open, slope) = match kind {
        Activation::Silu => {
            // x σ(x), and its slope σ(x) (1 + x (1 − σ(x))).
            let sigmoid = ((gate * 0.5)?.tanh()? * 0.5)?.affine(1.0, 0.5)?;
            let slope = (&sigmoid * (gate * sigmoid.affine(-1.0, 1.0)?)?.affine(1.0, 1.0)?)?;
            ((gate * sigmoid)?, slope)
        }
        Activation::Gelu => {
            // x/2 (1 + tanh u), u = √(2/π) (x + 0.044715 x³), and its slope.
            let root = (2.0 / std::f64::consts::PI).sqrt();
            let square = gate.sqr()?;
            let tanh = (gate * square.affine(root * 0.044715, root)?)?.tanh()?;
            let half = tanh.affine(0.5, 0.5)?;
            let inner = (gate * square.affine(root * 0.134145, root)?)?;
            let slope = (&half + (tanh.sqr()?.affine(-0.5, 0.5)? * inner)?)?;
            ((gate * half)?, slope)
        }
    };
    Ok((((dout * up)? * slope)?, (dout * open)?))
}

/// Negative log-likelihood of each row's target after `head`, and, given a weight a row, the
/// gradient of the weighted sum with respect to the rows. Never holds all logits at once.
pub(super) fn cross_entropy(
    hidden: &Tensor,
    head: &QuantizedLinear,
    targets: &Tensor,
    weights: Option<&Tensor>,
) -> Result<(Tensor, Option<Tensor>)> {
    let n = hidden.dim(0)?;
    let height = (LOGITS / head.rows()).max(1);
    let (mut nll, mut dhidden) = (Vec::new(), Vec::new());
    for from in (0..n).step_by(height) {
        let rows = height.min(n - from);
        let logits = head.forward(&hidden.narrow(0, from, rows)?.contiguous()?)?;
        let targets = targets.narrow(0, from, rows)?.contiguous()?;
        let largest = logits.max_keepdim(1)?;
        let exp = logits.broadcast_sub(&largest)?.exp()?;
        let sum = exp.sum_keepdim(1)?;
        let of_target = logits.gather(&targets.unsqueeze(1)?, 1)?;
        nll.push(((sum.log()? + largest)? - of_target)?.squeeze(1)?);
        if let Some(weights) = weights {
            // d nll / d logits = p − one at the target; the one is a row of the head.
            let weights = weights.narrow(0, from, rows)?.unsqueeze(1)?;
            let p = exp.broadcast_mul(&(&weights / sum)?)?;
            let of_target_row = head.embedding(&targets)?.broadcast_mul(&weights)?;
            dhidden.push((head.backward(&p)? - of_target_row)?);
        }
    }
    let dhidden = weights.map(|_| Tensor::cat(&dhidden, 0)).transpose()?;
    Ok((Tensor::cat(&nll, 0)?, dhidden))
}

/// The attention mask, −∞ where a key is not visible, to be added to scores: 1 × n × (past + n). `None`
/// where all are visible.
pub(super) fn mask(
    n: usize,
    past: usize,
    window: Option<usize>,
    device: &candle_core::Device,
) -> Result<Option<Tensor>> {
    let seen = past + n;
    if n == 1 && window.is_none_or(|window| seen <= window) {
        return Ok(None);
    }
    let unseen = |i: usize, j: usize| j > past + i || window.is_some_and(|w| past + i - j >= w);
    let of_row =
        |i: usize| (0..seen).map(move |j| if unseen(i, j) { f32::NEG_INFINITY } else { 0.0 });
    let values: Vec<f32> = (0..n).flat_map(of_row).collect();
    Tensor::from_vec(values, (1, n, seen), device).map(Some)
}
