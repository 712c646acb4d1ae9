//! The operations in tensors, forth and back. Matrices are n × width, heads are heads × n × dim;
//! all are contiguous `f32`. Where candle has one kernel for several steps it is used, for it gives
//! no gradients and here none are asked of it.

use candle_core::{D, Result, Tensor};
use candle_nn::{ops, rotary_emb};

use super::frozen::Frozen;
use crate::base::{Gate, Pairs};

/// Scores of attention held at a time on the way back: 512 MB.
const SCORES: usize = 1 << 27;
/// Logits held at a time: 256 MB.
const LOGITS: usize = 1 << 26;

/// `x / rms(x) · weight`, over the last dimension.
pub(super) fn norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    ops::rms_norm(x, weight, eps)
}

/// What `dy` asks of `x` through [`norm`].
pub(super) fn norm_back(x: &Tensor, weight: &Tensor, eps: f32, dy: &Tensor) -> Result<Tensor> {
    let root = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?;
    let unit = x.broadcast_div(&root)?;
    let g = dy.broadcast_mul(weight)?;
    let along = (&g * &unit)?.mean_keepdim(D::Minus1)?;
    (g - unit.broadcast_mul(&along)?)?.broadcast_div(&root)
}

/// How far each position of a stretch turns; `sin` is the other way round on the way back.
pub(super) struct Turns {
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
    pub(super) back: Tensor,
    pub(super) dims: usize,
    pub(super) pairs: Pairs,
}

/// Turns the heads of `x` by their positions, or back, which is also the gradient.
pub(super) fn turn(x: &Tensor, turns: &Turns, back: bool) -> Result<Tensor> {
    let (_, _, dim) = x.dims3()?;
    let turning = x.narrow(2, 0, turns.dims)?.contiguous()?.unsqueeze(0)?;
    let sin = if back { &turns.back } else { &turns.sin };
    let turned = match turns.pairs {
        Pairs::Halves => rotary_emb::rope(&turning, &turns.cos, sin)?,
        Pairs::Interleaved => rotary_emb::rope_i(&turning, &turns.cos, sin)?,
    };
    let turned = turned.squeeze(0)?;
    if turns.dims == dim {
        return Ok(turned);
    }
    Tensor::cat(&[turned, x.narrow(2, turns.dims, dim - turns.dims)?], 2)?.contiguous()
}

/// The shares each query gives to the keys it sees: `kv × (heads/kv · n) × keys`. Queries that share
/// a key's head stand below one another, so that keys need no copies.
fn shares(q: &Tensor, k: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
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
pub(super) fn attend(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let (heads, n, dim) = q.dims3()?;
    beside(&shares(q, k, mask)?.matmul(v)?.reshape((heads, n, dim))?)
}

/// The gradients of queries, keys and values, given that of the answer (n × (heads · dim)).
pub(super) fn attend_back(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    dout: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let ((heads, n, dim), (kv, seen, _)) = (q.dims3()?, k.dims3()?);
    let (group, dout) = (heads / kv, apart(dout, heads)?);
    let at_once = (SCORES / (group * n * seen)).clamp(1, kv);
    let (mut dq, mut dk, mut dv) = (Vec::new(), Vec::new(), Vec::new());
    for from in (0..kv).step_by(at_once) {
        let kv = at_once.min(kv - from);
        let (k, v) = (k.narrow(0, from, kv)?, v.narrow(0, from, kv)?);
        let below = |x: &Tensor| x.narrow(0, from * group, kv * group)?.contiguous();
        let (q, dout) = (below(q)?, below(&dout)?.reshape((kv, group * n, dim))?);
        let p = shares(&q, &k, mask)?;
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
pub(super) fn apart(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (n, width) = x.dims2()?;
    x.reshape((n, heads, width / heads))?.transpose(0, 1)?.contiguous()
}

/// Heads of rows to rows of several heads.
pub(super) fn beside(x: &Tensor) -> Result<Tensor> {
    let (heads, n, dim) = x.dims3()?;
    x.transpose(0, 1)?.contiguous()?.reshape((n, heads * dim))
}

/// `open(gate) · up`.
pub(super) fn gate(kind: Gate, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    match kind {
        Gate::Silu => gate.silu()? * up,
        Gate::Gelu => gate.gelu()? * up,
    }
}

/// The gradients of `gate` and `up`.
pub(super) fn gate_back(
    kind: Gate,
    gate: &Tensor,
    up: &Tensor,
    dout: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (open, slope) = match kind {
        Gate::Silu => {
            // x σ(x), and its slope σ(x) (1 + x (1 − σ(x))).
            let sigmoid = ((gate * 0.5)?.tanh()? * 0.5)?.affine(1.0, 0.5)?;
            let slope = (&sigmoid * (gate * sigmoid.affine(-1.0, 1.0)?)?.affine(1.0, 1.0)?)?;
            ((gate * sigmoid)?, slope)
        }
        Gate::Gelu => {
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
    head: &Frozen,
    targets: &Tensor,
    weights: Option<&Tensor>,
) -> Result<(Tensor, Option<Tensor>)> {
    let n = hidden.dim(0)?;
    let height = (LOGITS / head.rows()).max(1);
    let (mut nll, mut dhidden) = (Vec::new(), Vec::new());
    for from in (0..n).step_by(height) {
        let rows = height.min(n - from);
        let logits = head.times(&hidden.narrow(0, from, rows)?.contiguous()?)?;
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
            let wanted = head.take(&targets)?.broadcast_mul(&weights)?;
            dhidden.push((head.back(&p)? - wanted)?);
        }
    }
    let dhidden = weights.map(|_| Tensor::cat(&dhidden, 0)).transpose()?;
    Ok((Tensor::cat(&nll, 0)?, dhidden))
}

/// What is not seen, as −∞ to be added to scores: 1 × n × (past + n). `None` where all is seen.
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
