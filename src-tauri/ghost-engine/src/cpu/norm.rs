//! The root-mean-square norm (RMSNorm), and its backward pass.

use rayon::prelude::*;

use super::context::Cpu;
use super::multiversion::multiversion;
use super::vector::{dot_plain, dot_three};

/// Values a thread takes at a time.
const CHUNK: usize = 1 << 16;

/// A frozen norm: `x / rms(x) · weight` over rows as wide as `weight`.
#[derive(Clone, Copy)]
pub(crate) struct RmsNorm<'a> {
    /// One multiplier a column.
    pub weight: &'a [f32],
    /// Added under the root.
    pub eps: f32,
}

/// `y = norm(x)`.
pub(crate) fn rms_norm(cpu: &Cpu, x: &[f32], norm: RmsNorm, y: &mut [f32]) {
    let width = norm.weight.len();
    let rows = (CHUNK / width).max(1) * width;
    y.par_chunks_mut(rows)
        .zip(x.par_chunks(rows))
        .for_each(|(y, x)| norm_rows(cpu.arch, x, norm, y));
}

/// `dx +=` the gradient of `x` through `norm`, given that of its output.
pub(crate) fn rms_norm_backward(cpu: &Cpu, x: &[f32], norm: RmsNorm, dy: &[f32], dx: &mut [f32]) {
    let width = norm.weight.len();
    let rows = (CHUNK / width).max(1) * width;
    dx.par_chunks_mut(rows)
        .zip(x.par_chunks(rows).zip(dy.par_chunks(rows)))
        .for_each(|(dx, (x, dy))| backward_rows(cpu.arch, x, norm, dy, dx));
}

#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot_plain(x, x) / x.len() as f32 + eps).sqrt()
}

multiversion! {
    fn norm_rows<'a>(x: &'a [f32], norm: RmsNorm<'a>, y: &'a mut [f32]) -> () {
        let width = norm.weight.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let r = inverse_rms(x, norm.eps);
            for i in 0..width {
                y[i] = x[i] * r * norm.weight[i];
            }
        }
    }

    fn backward_rows<'a>(x: &'a [f32], norm: RmsNorm<'a>, dy: &'a [f32], dx: &'a mut [f32]) -> () {
        let width = norm.weight.len();
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for ((x, dy), dx) in rows {
            let r = inverse_rms(x, norm.eps);
            let along = dot_three(dy, norm.weight, x) * r * r * r / width as f32;
            for i in 0..width {
                dx[i] += dy[i] * norm.weight[i] * r - x[i] * along;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::test_support::{assert_close, numerical_gradient, random};

    #[test]
    fn the_backward_pass_is_the_gradient() {
        let cpu = Cpu::default();
        let weight = random(24, 5);
        let norm = RmsNorm { weight: &weight, eps: 1e-5 };
        let forward = |x: &[f32]| {
            let mut y = vec![0.0; x.len()];
            rms_norm(&cpu, x, norm, &mut y);
            y
        };
        let (x, dy) = (random(48, 6), random(48, 7));
        let mut dx = vec![0.0; 48];
        rms_norm_backward(&cpu, &x, norm, &dy, &mut dx);
        assert_close(&dx, &numerical_gradient(&x, forward, &dy), 2e-3);
    }
}
