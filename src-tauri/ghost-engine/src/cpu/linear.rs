//! Products of rows with a frozen weight, and their backward pass.
//!
//! Quantised weights are multiplied in eight bits where the processor is fast at it. Other weights
//! are dequantised a panel at a time and multiplied in `f32`.

use std::ops::Range;

use rayon::prelude::*;

use super::context::Cpu;
use super::gemm::{Mat, MatMut, Parallelism, gemm};
use super::gemv_int8::uses_int8;
use super::multiversion::multiversion;
use super::{gemm_int8, gemv};
use crate::quant::weight::Weight;

/// Values of a frozen weight dequantised at a time: 4 MB, which stays in a cache near the cores.
const PANEL: usize = 1 << 20;
/// Values a thread dequantises at a time.
const CHUNK: usize = 1 << 16;

/// `y = x Wᵀ` for several weights that read the same rows.
pub(crate) fn linears(cpu: &Cpu, x: &[f32], outs: &mut [(&Weight, &mut [f32])]) {
    let Some(cols) = outs.first().map(|(w, _)| w.cols) else { return };
    if x.len() == cols {
        return gemv::gemv(cpu.simd, x, outs, None);
    }
    if !outs.iter().all(|(w, _)| uses_int8(cpu.simd, w)) {
        return outs.iter_mut().for_each(|(w, y)| linear(cpu, x, w, y));
    }
    cpu.with_quantized(x, cols, |rows| {
        for (w, y) in outs {
            gemm_int8::forward(cpu.simd, rows, w, MatMut::new(y, x.len() / cols, w.rows));
        }
    });
}

/// `y = x Wᵀ` for a frozen weight of any block type.
pub(crate) fn linear(cpu: &Cpu, x: &[f32], w: &Weight, y: &mut [f32]) {
    if x.len() == w.cols || uses_int8(cpu.simd, w) {
        return linears(cpu, x, &mut [(w, y)]);
    }
    let n = x.len() / w.cols;
    let x = Mat::new(x, n, w.cols);
    dequantized_panels(cpu, w, |rows, panel| {
        let panel = Mat::new(panel, rows.len(), w.cols);
        let into = MatMut::strided(&mut y[rows.start..], n, rows.len(), w.rows);
        gemm(Parallelism::Rayon(0), x, panel.t(), 1.0, false, into);
    });
}

/// `dx += dy W`.
pub(crate) fn linear_backward(cpu: &Cpu, dy: &[f32], w: &Weight, dx: &mut [f32]) {
    let n = dy.len() / w.rows;
    if uses_int8(cpu.simd, w) && n > 1 {
        return cpu.with_quantized(dy, w.rows, |rows| {
            gemm_int8::backward(cpu.simd, rows, w, MatMut::new(dx, n, w.cols));
        });
    }
    dequantized_panels(cpu, w, |rows, panel| {
        let dy = Mat::strided(&dy[rows.start..], n, rows.len(), w.rows);
        let panel = Mat::new(panel, rows.len(), w.cols);
        gemm(Parallelism::Rayon(0), dy, panel, 1.0, true, MatMut::new(dx, n, w.cols));
    });
}

/// Calls `work` with each panel of the weight, dequantised, in order.
fn dequantized_panels(cpu: &Cpu, w: &Weight, mut work: impl FnMut(Range<usize>, &[f32])) {
    let height = (PANEL / w.cols.max(1)).next_multiple_of(64).clamp(64, w.rows.max(64));
    cpu.with_buffer(height * w.cols, |buffer| {
        for from in (0..w.rows).step_by(height) {
            let rows = from..(from + height).min(w.rows);
            let panel = &mut buffer[..rows.len() * w.cols];
            let rows_per_chunk = (CHUNK / w.cols.max(1)).max(1);
            panel.par_chunks_mut(rows_per_chunk * w.cols).enumerate().for_each(|(i, out)| {
                let from = rows.start + i * rows_per_chunk;
                dequantize(cpu.arch, w, from..from + out.len() / w.cols, out);
            });
            work(rows, panel);
        }
    });
}

multiversion! {
    fn dequantize<'a>(w: &'a Weight, rows: Range<usize>, out: &'a mut [f32]) -> () {
        w.dequantize_rows(rows, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::test_support::{assert_close, random};

    fn plain_product(n: usize, x: &[f32], w: &[f32], rows: usize, cols: usize) -> Vec<f32> {
        let at = |i: usize, r: usize| (0..cols).map(|c| x[i * cols + c] * w[r * cols + c]).sum();
        (0..n).flat_map(|i| (0..rows).map(move |r| (i, r))).map(|(i, r)| at(i, r)).collect()
    }

    #[test]
    fn a_frozen_weight_multiplies_one_row_and_many() {
        let (rows, cols) = (70, 96);
        let values = random(rows * cols, 1);
        let w = Weight::from_f32(rows, cols, values.clone());
        for n in [1, 2, 9] {
            let x = random(n * cols, 2);
            let mut y = vec![0.0; n * rows];
            linear(&Cpu::default(), &x, &w, &mut y);
            assert_close(&y, &plain_product(n, &x, &values, rows, cols), 1e-5);
        }
    }

    #[test]
    fn a_weight_of_many_panels_multiplies_forward_and_backward() {
        let (n, rows, cols) = (3, 700, 4096);
        let values = random(rows * cols, 3);
        let w = Weight::from_f32(rows, cols, values.clone());
        let x = random(n * cols, 4);
        let mut y = vec![0.0; n * rows];
        linear(&Cpu::default(), &x, &w, &mut y);
        assert_close(&y, &plain_product(n, &x, &values, rows, cols), 1e-3);
        let mut dx = vec![1.0; n * cols];
        linear_backward(&Cpu::default(), &y, &w, &mut dx);
        let back: f32 = (0..rows).map(|r| y[r] * values[r * cols + 5]).sum();
        assert_close(&[dx[5]], &[1.0 + back], 1e-4);
    }
}
