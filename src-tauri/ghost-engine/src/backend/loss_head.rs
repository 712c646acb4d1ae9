//! The loss of a sequence, from the hidden states after the last layer, and its gradient there.

use crate::backend::{LossInput, NegativeWeights};
use crate::base::Base;
use crate::cpu::Cpu;
use crate::cpu::norm::{RmsNorm, rms_norm, rms_norm_backward};

/// A token less likely than this is not pushed away any further.
const MIN_UNLIKELIHOOD_P: f32 = 0.05;
/// The maximum cost of one token pushed away, in nats; beyond it the gradient is zero.
const MAX_UNLIKELIHOOD: f32 = 3.0;

/// The cross-entropy that a backend computes: negative log-likelihoods of targets after normed rows,
/// and with weights the gradient of the rows, which is added.
pub(super) type Backward<'a> = Option<(&'a [f32], &'a mut [f32])>;

/// The weighted sum of the tokens' losses over the first `n` positions, and in `d` (`n × hidden`) the
/// gradient of the hidden states. Only rows whose next token counts are multiplied with the head.
pub(super) fn loss_head<E>(
    cpu: &Cpu,
    base: &Base,
    input: &LossInput,
    hidden: &[f32],
    d: &mut [f32],
    mut cross_entropy: impl FnMut(&[f32], &[u32], &mut [f32], Backward) -> Result<(), E>,
) -> Result<f64, E> {
    let width = base.config.hidden;
    let n = hidden.len() / width;
    let norm = RmsNorm { weight: &base.final_norm, eps: base.config.norm_eps };
    let rows: Vec<usize> = (0..n).filter(|i| input.weights[i + 1] != 0.0).collect();
    let counted: Vec<f32> =
        rows.iter().flat_map(|i| &hidden[i * width..(i + 1) * width]).copied().collect();
    let targets: Vec<u32> = rows.iter().map(|i| input.tokens[i + 1]).collect();
    let weights: Vec<f32> = rows.iter().map(|i| input.weights[i + 1]).collect();
    let (mut nll, mut dnormed) = (vec![0.0; rows.len()], vec![0.0; counted.len()]);
    let mut normed = vec![0.0; counted.len()];
    rms_norm(cpu, &counted, norm, &mut normed);
    let mut shares: Vec<f32> =
        weights.iter().map(|w| (f64::from(*w) / input.normalizer) as f32).collect();
    let unlikely = |w: f32| w < 0.0 && input.negative == NegativeWeights::Unlikelihood;
    if weights.iter().any(|weight| unlikely(*weight)) {
        // How hard a token is pushed away depends on how likely it is, so that is computed first.
        cross_entropy(&normed, &targets, &mut nll, None)?;
        for (share, nll) in shares.iter_mut().zip(&nll).filter(|(share, _)| **share < 0.0) {
            *share *= unlikelihood(*nll).1;
        }
    }
    cross_entropy(&normed, &targets, &mut nll, Some((&*shares, &mut *dnormed)))?;
    let mut dcounted = vec![0.0; counted.len()];
    rms_norm_backward(cpu, &counted, norm, &dnormed, &mut dcounted);
    d.fill(0.0);
    for (i, row) in rows.iter().zip(dcounted.chunks_exact(width)) {
        d[i * width..(i + 1) * width].copy_from_slice(row);
    }
    let losses = weights.iter().zip(&nll).map(|(w, nll)| match *w {
        w if unlikely(w) => f64::from(-w) * f64::from(unlikelihood(*nll).0),
        w => f64::from(w) * f64::from(*nll),
    });
    Ok(losses.sum())
}

/// The unlikelihood loss of a token, −ln(1 − p), given its negative log-likelihood −ln p; and the
/// factor that turns the gradient of the latter into its own, p / (1 − p).
fn unlikelihood(nll: f32) -> (f32, f32) {
    let p = (-nll).exp();
    let loss = -(-p).ln_1p();
    match p {
        p if p <= MIN_UNLIKELIHOOD_P => (0.0, 0.0),
        _ if loss >= MAX_UNLIKELIHOOD => (MAX_UNLIKELIHOOD, 0.0),
        p => (loss, p / (1.0 - p)),
    }
}
