//! The cross-entropy loss at the output head, and its backward pass.

use rayon::prelude::*;

use super::context::Cpu;
use super::linear::{linear, linear_backward};
use super::multiversion::multiversion;
use super::vector::{exp_row, max_plain};
use crate::quant::weight::Weight;

/// Logits held at a time: 64 MB.
const LOGITS: usize = 1 << 24;

/// Negative log-likelihood, in nats, of each row's target after the output head. With `backward`, given
/// a weight a row, also `dhidden += weight · d nll / d hidden`. Holds a limited number of logits at a
/// time.
pub(crate) fn cross_entropy(
    cpu: &Cpu,
    hidden: &[f32],
    head: &Weight,
    targets: &[u32],
    nll: &mut [f32],
    mut backward: Option<(&[f32], &mut [f32])>,
) {
    let (width, vocab) = (head.cols, head.rows);
    let height = (LOGITS / vocab.max(1)).clamp(1, targets.len().max(1));
    cpu.with_buffer(height * vocab, |buffer| {
        for from in (0..targets.len()).step_by(height) {
            let rows = from..(from + height).min(targets.len());
            let logits = &mut buffer[..rows.len() * vocab];
            let hidden = &hidden[rows.start * width..rows.end * width];
            linear(cpu, hidden, head, logits);
            let weights = backward.as_ref().map(|(weights, _)| &weights[rows.clone()]);
            let targets = &targets[rows.clone()];
            nll[rows.clone()]
                .par_iter_mut()
                .zip(logits.par_chunks_mut(vocab))
                .enumerate()
                .for_each(|(i, (nll, logits))| {
                    let weight = weights.map(|weights| weights[i]);
                    *nll = nll_of_row(cpu.arch, logits, targets[i] as usize, weight);
                });
            if let Some((_, dhidden)) = &mut backward {
                linear_backward(
                    cpu,
                    logits,
                    head,
                    &mut dhidden[rows.start * width..rows.end * width],
                );
            }
        }
    });
}

multiversion! {
    /// −ln p of the target. With a weight, logits become the gradient of weight × that.
    fn nll_of_row<'a>(logits: &'a mut [f32], target: usize, weight: Option<f32>) -> f32 {
        let max = max_plain(logits);
        let target_logit = logits.get(target).copied().unwrap_or(f32::NEG_INFINITY);
        let sum = exp_row(logits, max);
        if let Some(weight) = weight {
            let share = weight / sum;
            for value in logits.iter_mut() {
                *value *= share;
            }
            if let Some(of_target) = logits.get_mut(target) {
                *of_target -= weight;
            }
        }
        sum.ln() + max - target_logit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::test_support::{assert_close, numerical_gradient, random};

    #[test]
    fn the_backward_pass_is_the_gradient() {
        let cpu = Cpu::default();
        let (width, vocab, targets) = (8, 40, [3u32, 39, 0]);
        let head = Weight::from_f32(vocab, width, random(vocab * width, 20));
        let hidden = random(3 * width, 21);
        let forward = |hidden: &[f32]| {
            let mut nll = vec![0.0; 3];
            cross_entropy(&cpu, hidden, &head, &targets, &mut nll, None);
            nll
        };
        let weights = [0.5, 0.0, 2.0];
        let (mut nll, mut dhidden) = (vec![0.0; 3], vec![0.0; 3 * width]);
        let backward = Some((&weights[..], &mut dhidden[..]));
        cross_entropy(&cpu, &hidden, &head, &targets, &mut nll, backward);
        assert_close(&nll, &forward(&hidden), 1e-6);
        assert_close(&dhidden, &numerical_gradient(&hidden, forward, &weights), 2e-3);
        let mut logits = vec![0.0; vocab];
        linear(&cpu, &hidden[..width], &head, &mut logits);
        let sum: f32 = logits.iter().map(|l| l.exp()).sum();
        assert_close(&nll[..1], &[sum.ln() - logits[3]], 1e-5);
    }
}
