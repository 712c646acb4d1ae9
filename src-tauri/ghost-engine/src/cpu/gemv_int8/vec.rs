//! A row quantised to eight bits, as the kernels read it.

use crate::cpu::gemm_int8::quantize_block;
use crate::cpu::multiversion::multiversion;
use crate::cpu::simd::SimdLevel;
use crate::quant::int8::BLOCK;

/// A row in eight bits, padded to two groups.
#[derive(Default)]
pub(in super::super) struct QuantizedVec {
    pub(super) q: Vec<u8>,
    /// One a group.
    pub(super) scale: Vec<f32>,
    /// Scale × sum of the numbers, one a group.
    pub(super) sum: Vec<f32>,
    /// The same for each half of a group.
    pub(super) half_sum: Vec<f32>,
    /// Its group's scale, for each half.
    pub(super) half_scale: Vec<f32>,
    /// Scale and sum side by side.
    pub(super) pairs: Vec<f32>,
}

impl QuantizedVec {
    /// A row, coded.
    pub(in super::super) fn of(simd: SimdLevel, x: &[f32]) -> Self {
        let mut row = Self::default();
        row.quantize(simd, x);
        row
    }

    pub(super) fn quantize(&mut self, simd: SimdLevel, x: &[f32]) {
        let groups = x.len().div_ceil(2 * BLOCK) * 2;
        self.q.resize(groups * BLOCK, 0);
        self.scale.resize(groups, 0.0);
        self.sum.resize(groups, 0.0);
        self.half_sum.resize(2 * groups, 0.0);
        self.half_scale.resize(2 * groups, 0.0);
        // Four groups at a time; those that aren't there are nothing.
        self.pairs.clear();
        self.pairs.resize(2 * groups.next_multiple_of(4), 0.0);
        quantize_row(simd.arch(), simd, x, self);
    }
}

/// Eight bytes from `at` on, as a number.
#[inline(always)]
pub(super) fn u64_at<const N: usize>(block: &[u8; N], at: usize) -> u64 {
    (0..8).fold(0, |all, i| all | u64::from(block[at + i]) << (8 * i))
}

multiversion! {
    fn quantize_row<'a>(simd: SimdLevel, x: &'a [f32], to: &'a mut QuantizedVec) -> () {
        let groups = to.q.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate();
        for (g, to_q) in groups {
            let mut padded = [0.0; BLOCK];
            let x = &x[(g * BLOCK).min(x.len())..((g + 1) * BLOCK).min(x.len())];
            padded[..x.len()].copy_from_slice(x);
            let (q, scale, sum) = quantize_block(simd, &padded);
            *to_q = q;
            to.scale[g] = scale;
            to.sum[g] = scale * sum as f32;
            to.half_scale[2 * g..2 * g + 2].fill(scale);
            to.pairs[2 * g] = scale;
            to.pairs[2 * g + 1] = to.sum[g];
            let first: i32 = q[..BLOCK / 2].iter().map(|q| i32::from(*q as i8)).sum();
            to.half_sum[2 * g] = scale * first as f32;
            to.half_sum[2 * g + 1] = scale * (sum - first) as f32;
        }
    }
}
