//! An adapter's factors packed for the product of a single row, which is all that writing computes.
//!
//! Why packed. Pair by pair in `f32`, an adapter takes two thirds of the speed of writing: each of
//! its small products reads four bytes a number and is a round of all threads of its own. Packed,
//! the factors are computed within the product of the frozen weights they belong to
//! ([`gemv_lora`](crate::cpu::lora::gemv_lora)): the `A`s of all weights that read one
//! row are one matrix more, and each `B` is added where its outputs are written.
//!
//! Why eight bits. Writing waits for memory. At rank 16 a base of 135M parameters (95 MB in four
//! bits) gets 4.9 million factors: 20 MB in `f32` and 10 MB in 16 bits, which alone would cost 20 %
//! and 10 % of the speed, or 5.5 MB in eight bits. The row they multiply is rounded to eight bits
//! for the frozen weights anyway, and the adapter's share of an answer is the smaller one, so what
//! this rounding moves stays below what that one does; a test of the model checks it. Bases
//! that are not quantised keep factors in `f32`.
//!
//! Why not merged into the weights. Four bits are too coarse for a change as small as an adapter's;
//! merged weights would need eight, which is twice the memory and half the speed.

use crate::lora::LoraView;
use crate::quant::ggml::GgmlType;
use crate::quant::int8::{self, BLOCK};
use crate::quant::weight::Weight;

/// Outputs whose factors lie together: enough that no sum waits for the one before.
pub(crate) const TILE: usize = 32;

/// The pairs of all frozen weights that read the same row.
pub(crate) struct PackedLora {
    /// The `A`s, one below the other.
    pub(crate) a: Weight,
    /// A factor for each row of `a`: a power of two that brought the row near one.
    pub(crate) gains: Vec<f32>,
    /// One for each weight.
    pub(crate) b: Vec<PackedB>,
}

/// A `B`, in tiles of [`TILE`] outputs.
pub(crate) struct PackedB {
    /// Where its columns begin among the rows of `a`.
    first: usize,
    rank: usize,
    /// `[tile][rank][TILE]`.
    values: Values,
    /// `[tile][TILE]`: what a sum is multiplied with, the adapter's own scale among it.
    scales: Vec<f32>,
}

enum Values {
    Int8(Vec<i8>),
    F32(Vec<f32>),
}

impl PackedLora {
    /// Packs the pairs of frozen weights that read the same row, in eight bits where all of the
    /// weights are quantised.
    pub(crate) fn new(weights: &[&Weight], lows: &[LoraView]) -> Self {
        let cols = weights.first().map_or(0, |w| w.cols);
        let quantised = weights.iter().all(|w| w.block.values_per_block() > 1);
        let rows: usize = lows.iter().map(|low| low.rank).sum();
        let mut gains = Vec::with_capacity(rows);
        let (mut bytes, block) = match quantised {
            true => (Vec::new(), GgmlType::Q8_0),
            false => (Vec::new(), GgmlType::F32),
        };
        let mut b = Vec::with_capacity(lows.len());
        for low in lows {
            b.push(PackedB::new(gains.len(), low, quantised));
            for row in low.a.chunks_exact(cols.max(1)) {
                let gain = if quantised { power_of_two(int8::max_magnitude(row)) } else { 1.0 };
                gains.push(gain);
                match block {
                    GgmlType::Q8_0 => quantise_row(row, gain, &mut bytes),
                    _ => bytes.extend(row.iter().flat_map(|v| v.to_le_bytes())),
                }
            }
        }
        let a = Weight::new(rows, cols, block, bytes.into()).expect("as many rows as were packed");
        Self { a, gains, b }
    }
}

/// The power of two just above a magnitude; 1 where there is none.
fn power_of_two(magnitude: f32) -> f32 {
    if magnitude.is_normal() { 2f32.powi(magnitude.log2().floor() as i32 + 1) } else { 1.0 }
}

/// Appends a row, divided by `gain`, in blocks of Q8_0.
fn quantise_row(row: &[f32], gain: f32, bytes: &mut Vec<u8>) {
    for group in row.chunks_exact(BLOCK) {
        let largest = int8::max_magnitude(group) / gain;
        // The scale as the block holds it decides the numbers.
        let scale = half::f16::from_f32(largest / 127.0);
        let step = scale.to_f32() * gain;
        let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
        bytes.extend(scale.to_le_bytes());
        bytes.extend(group.iter().map(|v| int8::round(v * inverse).clamp(-127, 127) as i8 as u8));
    }
}

impl PackedB {
    fn new(first: usize, low: &LoraView, quantised: bool) -> Self {
        let (rank, rows) = (low.rank, low.b.len() / low.rank);
        let tiles = rows.div_ceil(TILE);
        let mut scales = vec![0.0; tiles * TILE];
        let mut plain = vec![0.0; if quantised { 0 } else { tiles * rank * TILE }];
        let mut eight = vec![0; if quantised { tiles * rank * TILE } else { 0 }];
        for (row, values) in low.b.chunks_exact(rank).enumerate() {
            let at = |k: usize| (row / TILE * rank + k) * TILE + row % TILE;
            if quantised {
                let (step, inverse) = int8::scale_for(int8::max_magnitude(values));
                scales[row] = step * low.scale;
                for (k, value) in values.iter().enumerate() {
                    eight[at(k)] = int8::round(value * inverse) as i8;
                }
            } else {
                scales[row] = low.scale;
                values.iter().enumerate().for_each(|(k, value)| plain[at(k)] = *value);
            }
        }
        let values = if quantised { Values::Int8(eight) } else { Values::F32(plain) };
        Self { first, rank, values, scales }
    }

    /// Adds `scale · u Bᵀ` to the outputs from `from` on, a multiple of [`TILE`]; `u` has the sums
    /// of all `A`s.
    #[inline(always)] // into callers that are compiled for wider vectors
    pub(crate) fn add(&self, from: usize, u: &[f32], y: &mut [f32]) {
        let u = &u[self.first..self.first + self.rank];
        match &self.values {
            Values::Int8(values) => add(values, &self.scales, from, u, y),
            Values::F32(values) => add(values, &self.scales, from, u, y),
        }
    }
}

#[inline(always)]
fn add<T: Copy + Into<f32>>(values: &[T], scales: &[f32], from: usize, u: &[f32], y: &mut [f32]) {
    let tiles = values[from * u.len()..].chunks_exact(TILE * u.len());
    let scales = scales[from..].as_chunks::<TILE>().0;
    for ((tile, scales), y) in tiles.zip(scales).zip(y.chunks_mut(TILE)) {
        let mut sums = [0.0; TILE];
        for (values, u) in tile.as_chunks::<TILE>().0.iter().zip(u) {
            for lane in 0..TILE {
                sums[lane] += values[lane].into() * u;
            }
        }
        for (lane, y) in y.iter_mut().enumerate() {
            *y += sums[lane] * scales[lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::ggml;
    use ghost_core::rng::Rng;

    fn some(n: usize, seed: u64, size: f32) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..n).map(|_| (rng.next_f32() - 0.5) * size).collect()
    }

    /// The outputs of the packed pairs for a row, and those of the pairs themselves, for each weight.
    fn both(block: GgmlType, sizes: [f32; 2]) -> Vec<(f32, f32)> {
        let (cols, rank, heights) = (96, 5, [40, 7, 16]);
        let weights = heights.map(|rows| {
            Weight::new(rows, cols, block, ggml::random_blocks(block, rows * cols, 1).into())
                .expect("whole blocks")
        });
        let pairs: Vec<_> = (0..)
            .zip(heights)
            .map(|(i, rows)| {
                (some(rank * cols, 2 + i, sizes[0]), some(rows * rank, 5 + i, sizes[1]))
            })
            .collect();
        let lows: Vec<LoraView> =
            pairs.iter().map(|(a, b)| LoraView { a, b, rank, scale: 2.0 }).collect();
        let packed = PackedLora::new(&weights.each_ref(), &lows);
        let x = some(cols, 9, 2.0);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let mut a = vec![0.0; packed.a.len()];
        packed.a.dequantize_rows(0..packed.a.rows, &mut a);
        let rows = a.chunks(cols).zip(&packed.gains);
        let u: Vec<f32> = rows.map(|(a, gain)| dot(a, &x) * gain).collect();
        let mut answers = Vec::new();
        for (low, b) in lows.iter().zip(&packed.b) {
            let mut ours = vec![1.0; low.b.len() / rank];
            // In two parts, as two threads would.
            let (one, two) = ours.split_at_mut(TILE.min(low.b.len() / rank));
            b.add(0, &u, one);
            b.add(TILE, &u, two);
            let u: Vec<f32> = low.a.chunks(cols).map(|a| dot(a, &x)).collect();
            let theirs = low.b.chunks(rank).map(|b| 1.0 + low.scale * dot(b, &u));
            answers.extend(ours.into_iter().zip(theirs));
        }
        answers
    }

    fn apart(answers: &[(f32, f32)]) -> f32 {
        let size =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
        size(&mut answers.iter().map(|(a, b)| a - b))
            / size(&mut answers.iter().map(|(_, b)| b - 1.0))
    }

    #[test]
    fn packed_pairs_compute_what_the_pairs_do() {
        let off = apart(&both(GgmlType::F32, [1.0, 1.0]));
        assert!(off < 1e-6, "with f32 weights: off by {off}");
        // Down to sizes that half precision holds badly, which a gain brings near one.
        for size in [1.0, 1e-2, 1e-5] {
            let off = apart(&both(GgmlType::Q4_1, [size, 1.0 / size]));
            assert!(off < 0.01, "with quantised weights, of size {size}: off by {off}");
        }
    }

    #[test]
    fn a_zero_adapter_changes_nothing() {
        let nothing = both(GgmlType::Q4_1, [1.0, 0.0]);
        assert!(nothing.iter().all(|(ours, _)| *ours == 1.0));
        let nothing = both(GgmlType::Q4_1, [0.0, 1.0]);
        assert!(nothing.iter().all(|(ours, _)| *ours == 1.0));
    }

    #[test]
    fn nan_is_propagated() {
        let weight = Weight::from_f32(16, 32, vec![0.0; 512]);
        let (mut a, b) = (vec![1.0; 32], vec![1.0; 16]);
        a[3] = f32::NAN;
        let low = LoraView { a: &a, b: &b, rank: 1, scale: 1.0 };
        let mut unpacked = vec![0.0; 32];
        PackedLora::new(&[&weight], &[low]).a.dequantize_rows(0..1, &mut unpacked);
        assert!(unpacked[3].is_nan());
        let weight = Weight::new(16, 32, GgmlType::Q8_0, vec![0; 16 * 34].into());
        PackedLora::new(&[&weight.expect("whole blocks")], &[low])
            .a
            .dequantize_rows(0..1, &mut unpacked);
        assert!(unpacked.iter().all(|v| v.is_nan()));
    }
}
