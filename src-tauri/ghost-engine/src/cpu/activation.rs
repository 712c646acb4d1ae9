//! The gated activation of the feed-forward (SwiGLU and GeGLU), and its backward pass.

use rayon::prelude::*;

use super::context::Cpu;
use super::multiversion::multiversion;
use super::vector::exp;
use crate::config::Activation;

/// Values a thread takes at a time.
const CHUNK: usize = 1 << 16;

/// `out = activation(gate) · up`.
pub(crate) fn gated_activation(
    cpu: &Cpu,
    kind: Activation,
    gate: &[f32],
    up: &[f32],
    out: &mut [f32],
) {
    out.par_chunks_mut(CHUNK)
        .zip(gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)))
        .for_each(|(out, (gate, up))| forward_chunk(cpu.arch, kind, gate, up, out));
}

/// *Writes* (does not add) the gradients of `gate` and `up`.
pub(crate) fn gated_activation_backward(
    cpu: &Cpu,
    kind: Activation,
    gate: &[f32],
    up: &[f32],
    dout: &[f32],
    dgate: &mut [f32],
    dup: &mut [f32],
) {
    let inputs = gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)).zip(dout.par_chunks(CHUNK));
    dgate.par_chunks_mut(CHUNK).zip(dup.par_chunks_mut(CHUNK)).zip(inputs).for_each(
        |((dgate, dup), ((gate, up), dout))| {
            backward_chunk(cpu.arch, kind, gate, up, dout, dgate, dup)
        },
    );
}

/// An activation and its derivative: `x · σ(z)`, given `z` and its derivative. Silu has `z = x`, and
/// gelu's tanh form twice its inner polynomial, since `(1 + tanh u) / 2 = σ(2u)`.
#[inline(always)]
fn activate(x: f32, (z, dz): (f32, f32)) -> (f32, f32) {
    let s = 1.0 / (1.0 + exp(-z));
    (x * s, s + x * s * (1.0 - s) * dz)
}

#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    (x, 1.0)
}

#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    const C: f32 = 1.595_769; // 2 √(2/π)
    const D: f32 = 0.044_715;
    (C * (x + D * x * x * x), C * (1.0 + 3.0 * D * x * x))
}

#[inline(always)]
fn gated_rows(z: impl Fn(f32) -> (f32, f32), gate: &[f32], up: &[f32], out: &mut [f32]) {
    let (gate, up) = (&gate[..out.len()], &up[..out.len()]);
    for i in 0..out.len() {
        out[i] = activate(gate[i], z(gate[i])).0 * up[i];
    }
}

#[inline(always)]
fn gated_backward_rows(
    z: impl Fn(f32) -> (f32, f32),
    gate: &[f32],
    up: &[f32],
    dout: &[f32],
    dgate: &mut [f32],
    dup: &mut [f32],
) {
    let n = dgate.len();
    let (gate, up, dout, dup) = (&gate[..n], &up[..n], &dout[..n], &mut dup[..n]);
    for i in 0..n {
        let (value, derivative) = activate(gate[i], z(gate[i]));
        dup[i] = dout[i] * value;
        dgate[i] = dout[i] * up[i] * derivative;
    }
}

multiversion! {
    fn forward_chunk<'a>(kind: Activation, gate: &'a [f32], up: &'a [f32], out: &'a mut [f32]) -> () {
        match kind {
            Activation::Silu => gated_rows(silu, gate, up, out),
            Activation::Gelu => gated_rows(gelu, gate, up, out),
        }
    }

    fn backward_chunk<'a>(kind: Activation, gate: &'a [f32], up: &'a [f32], dout: &'a [f32], dgate: &'a mut [f32], dup: &'a mut [f32]) -> () {
        match kind {
            Activation::Silu => gated_backward_rows(silu, gate, up, dout, dgate, dup),
            Activation::Gelu => gated_backward_rows(gelu, gate, up, dout, dgate, dup),
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
        for kind in [Activation::Silu, Activation::Gelu] {
            let (gate, up, dout) = (random(40, 8), random(40, 9), random(40, 10));
            let forward = |gate: &[f32], up: &[f32]| {
                let mut out = vec![0.0; 40];
                gated_activation(&cpu, kind, gate, up, &mut out);
                out
            };
            let (mut dgate, mut dup) = (vec![0.0; 40], vec![0.0; 40]);
            gated_activation_backward(&cpu, kind, &gate, &up, &dout, &mut dgate, &mut dup);
            assert_close(&dgate, &numerical_gradient(&gate, |g| forward(g, &up), &dout), 2e-3);
            assert_close(&dup, &numerical_gradient(&up, |u| forward(&gate, u), &dout), 2e-3);
        }
        // torch.nn.functional: silu(1.5) = 1.2263617, gelu(1.5, approximate="tanh") = 1.3995717
        assert_close(
            &[activate(1.5, silu(1.5)).0, activate(1.5, gelu(1.5)).0],
            &[1.226_361_7, 1.399_571_7],
            1e-6,
        );
    }
}
