//! The LoRA part of a linear layer, `scale · x Aᵀ Bᵀ`, and its backward pass.

use super::context::Cpu;
use super::gemm::{Mat, MatMut, Parallelism, gemm};
use super::gemv;
use super::packed_lora::PackedLora;
use crate::lora::LoraView;
use crate::quant::weight::Weight;

/// One row through frozen weights that read it, with an adapter's packed pairs added to each:
/// `y = x Wᵀ + scale · x Aᵀ Bᵀ`.
pub(crate) fn gemv_lora(
    cpu: &Cpu,
    x: &[f32],
    outs: &mut [(&Weight, &mut [f32])],
    lora: &PackedLora,
) {
    gemv::gemv(cpu.simd, x, outs, Some(lora));
}

/// The pairs of frozen weights that read the same rows: `u = x Aᵀ`, columns of all pairs side by side and
/// kept for the backward pass, and `y += scale · u Bᵀ` for each.
pub(crate) fn lora_forward(x: &[f32], loras: &[LoraView], u: &mut [f32], ys: &mut [&mut [f32]]) {
    let Some(all) = StackedA::of(loras) else { return };
    let n = x.len() / all.cols;
    let a = Mat::new(&all.a, all.width, all.cols);
    gemm(
        Parallelism::Rayon(0),
        Mat::new(x, n, all.cols),
        a.t(),
        1.0,
        false,
        MatMut::new(u, n, all.width),
    );
    for ((lora, at), y) in all.each(loras).zip(ys) {
        let u = Mat::strided(&u[at..], n, lora.rank, all.width);
        let b = Mat::new(lora.b, lora.rows(), lora.rank);
        gemm(Parallelism::Rayon(0), u, b.t(), lora.scale, true, MatMut::new(y, n, lora.rows()));
    }
}

/// Adds the gradients of each `A` and `B` (`grads`), given those of the outputs (`dys`), and, with `dx`,
/// that of the rows they read.
#[allow(clippy::too_many_arguments)]
pub(crate) fn lora_backward(
    x: &[f32],
    loras: &[LoraView],
    u: &[f32],
    dys: &[&[f32]],
    grads: &mut [(&mut [f32], &mut [f32])],
    dx: Option<&mut [f32]>,
) {
    let Some(all) = StackedA::of(loras) else { return };
    let n = x.len() / all.cols;
    let mut du = vec![0.0; u.len()];
    for (((lora, at), dy), (_, db)) in all.each(loras).zip(dys).zip(grads.iter_mut()) {
        let (rank, rows) = (lora.rank, lora.rows());
        let (b, dy) = (Mat::new(lora.b, rows, rank), Mat::new(dy, n, rows));
        let into = MatMut::strided(&mut du[at..], n, rank, all.width);
        gemm(Parallelism::Rayon(0), dy, b, lora.scale, false, into);
        let u = Mat::strided(&u[at..], n, rank, all.width);
        gemm(Parallelism::Rayon(0), dy.t(), u, lora.scale, true, MatMut::new(db, rows, rank));
    }
    let du = Mat::new(&du, n, all.width);
    let mut da = vec![0.0; all.a.len()];
    let into = MatMut::new(&mut da, all.width, all.cols);
    gemm(Parallelism::Rayon(0), du.t(), Mat::new(x, n, all.cols), 1.0, false, into);
    let mut da = &*da;
    for (to, _) in grads {
        let (mine, others) = da.split_at(to.len());
        to.iter_mut().zip(mine).for_each(|(to, da)| *to += da);
        da = others;
    }
    if let Some(dx) = dx {
        let a = Mat::new(&all.a, all.width, all.cols);
        gemm(Parallelism::Rayon(0), du, a, 1.0, true, MatMut::new(dx, n, all.cols));
    }
}

/// The `A`s of pairs that read the same rows, stacked: one product computes them all.
struct StackedA {
    a: Vec<f32>,
    width: usize,
    cols: usize,
}

impl StackedA {
    fn of(loras: &[LoraView]) -> Option<Self> {
        let first = loras.first()?;
        let a = loras.iter().flat_map(|lora| lora.a).copied().collect();
        let width = loras.iter().map(|lora| lora.rank).sum();
        Some(Self { a, width, cols: first.a.len() / first.rank })
    }

    /// Each pair with its first column.
    fn each<'l>(&self, loras: &'l [LoraView<'l>]) -> impl Iterator<Item = (LoraView<'l>, usize)> {
        loras.iter().scan(0, |at, lora| {
            *at += lora.rank;
            Some((*lora, *at - lora.rank))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::test_support::{assert_close, numerical_gradient, random};

    #[test]
    fn the_backward_pass_is_the_gradient() {
        let (n, rows, cols, rank) = (3, 7, 5, 2);
        let (x, a, b, dy) = (
            random(n * cols, 22),
            random(rank * cols, 23),
            random(rows * rank, 24),
            random(n * rows, 25),
        );
        let forward = |x: &[f32], a: &[f32], b: &[f32]| {
            let (mut u, mut y) = (vec![0.0; n * rank], vec![0.0; n * rows]);
            lora_forward(x, &[LoraView { a, b, rank, scale: 2.0 }], &mut u, &mut [&mut y]);
            (u, y)
        };
        let (u, _) = forward(&x, &a, &b);
        let (mut da, mut db, mut dx) = (vec![0.0; a.len()], vec![0.0; b.len()], vec![0.0; x.len()]);
        let loras = [LoraView { a: &a, b: &b, rank, scale: 2.0 }];
        lora_backward(&x, &loras, &u, &[&dy], &mut [(&mut da, &mut db)], Some(&mut dx));
        assert_close(&da, &numerical_gradient(&a, |a| forward(&x, a, &b).1, &dy), 2e-3);
        assert_close(&db, &numerical_gradient(&b, |b| forward(&x, &a, b).1, &dy), 2e-3);
        assert_close(&dx, &numerical_gradient(&x, |x| forward(x, &a, &b).1, &dy), 2e-3);
    }
}
