//! The eight-bit matrix product (GEMM) of many rows with a frozen weight, forward and backward.
//!
//! Rows are quantised to integers within ±127 with a scale for each 32 values, as llama.cpp quantises
//! them; weights come as [`crate::quant::int8`] has them. 32 products are summed exactly, and the sums
//! added up in `f32`, in one order whatever the instructions, so that every SIMD level gives the same
//! bits. A tile of 16 outputs is packed when it is needed, multiplied with all rows while
//! it is near, and is forgotten: no copy of the weights is kept.
//!
//! In the backward pass a weight's columns become rows, across which its own scales don't apply, so it
//! is requantised. The error (a few thousandths of a gradient) is far below the difference between one
//! batch and the next.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod layout;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;

use std::ops::Range;

use rayon::prelude::*;

use self::layout::{LANES, PANEL_QUADS, ROWS, TILE_BYTES};
use super::gemm::MatMut;
use super::multiversion::multiversion;
use super::simd::{SimdLevel, prefetch};
use crate::quant::int8::{self, BLOCK, QuantizedBlocks};
use crate::quant::weight::Weight;

/// The place of quad `k` of lane (or row) `i` among `n` within a group: `[BLOCK / 4][n]`, or
/// `[BLOCK / 8][n][2]` for instructions that take eight neighbours at once.
#[inline(always)]
fn quad_index(simd: SimdLevel, k: usize, i: usize, n: usize) -> usize {
    let together = simd.quads_at_once();
    (k / together * n + i) * together + k % together
}

/// Groups of a tile packed at a time: with its panel it stays in the nearest cache.
const NEAR: usize = 32;

/// Rows in eight bits, in panels of [`ROWS`], four neighbours of a row side by side.
#[derive(Default)]
pub(super) struct QuantizedMat {
    n: usize,
    groups: usize,
    /// `[panel][group][quad]`, four numbers in each.
    quads: Vec<u32>,
    /// `[panel][group][2][ROWS]`: scales, then scale × sum of the numbers.
    scales: Vec<f32>,
}

impl QuantizedMat {
    /// Codes rows of `width` values each; the last group may be short.
    pub(super) fn quantize(&mut self, simd: SimdLevel, x: &[f32], width: usize) {
        self.n = x.len() / width;
        self.groups = width.div_ceil(BLOCK);
        let panels = self.n.div_ceil(ROWS);
        self.quads.resize(panels * self.groups * PANEL_QUADS, 0);
        self.scales.resize(panels * self.groups * 2 * ROWS, 0.0);
        let quads = self.quads.par_chunks_mut((self.groups * PANEL_QUADS).max(1));
        let scales = self.scales.par_chunks_mut((self.groups * 2 * ROWS).max(1));
        quads.zip(scales).zip(x.par_chunks(ROWS * width)).for_each(|((quads, scales), x)| {
            quantize_panel(simd.arch(), simd, x, width, quads, scales);
        });
    }

    fn panel(&self, n: usize, groups: &Range<usize>) -> (&[u32], &[f32]) {
        let at = |size: usize| {
            (n * self.groups + groups.start) * size..(n * self.groups + groups.end) * size
        };
        (&self.quads[at(PANEL_QUADS)], &self.scales[at(2 * ROWS)])
    }
}

/// 16 outputs of a weight, packed.
#[derive(Default)]
struct PackedTile {
    /// `[group][quad][4]`.
    q: Vec<u8>,
    /// The bits of each number.
    bits: u32,
    /// `[group][2][LANES]`: scales, then mins.
    scales: Vec<f32>,
}

/// Buffers of a thread.
#[derive(Default)]
struct Scratch {
    tiles: Vec<PackedTile>,
    q: Vec<u8>,
    scale: Vec<f32>,
    min: Vec<f32>,
    values: Vec<f32>,
}

/// `y = x Wᵀ`.
pub(super) fn forward(simd: SimdLevel, x: &QuantizedMat, w: &Weight, y: MatMut) {
    let y = Shared::new(y);
    let tiles = w.rows.div_ceil(LANES);
    (0..tiles).into_par_iter().for_each_init(Scratch::default, |scratch, strip| {
        let rows = strip * LANES..((strip + 1) * LANES).min(w.rows);
        let near = NEAR.next_multiple_of(groups_of(w));
        for from in (0..x.groups).step_by(near) {
            let groups = from..(from + near).min(x.groups);
            scratch.tiles.resize_with(1, PackedTile::default);
            pack_rows(simd.arch(), simd, w, &rows, &groups, scratch);
            // They come while these are multiplied: what is read in short pieces of many rows is
            // seen coming by no processor.
            if groups.end < x.groups {
                let (cols, n) = (groups.end * BLOCK..(groups.end + near) * BLOCK, rows.len());
                prefetch_rows(w.column_bytes(rows.start, &cols), w.row_len(), n, w.part_len(&cols));
            }
            multiply(
                simd,
                x,
                0..x.n.div_ceil(ROWS),
                &groups,
                &scratch.tiles,
                &y,
                rows.start,
                from > 0,
            );
        }
    });
}

/// `dx += dy W`.
pub(super) fn backward(simd: SimdLevel, dy: &QuantizedMat, w: &Weight, dx: MatMut) {
    let dx = Shared::new(dx);
    let wide = groups_of(w) * BLOCK;
    let tiles = w.cols.div_ceil(wide);
    // However the work is divided, each sum is made in the same order.
    let panels = dy.n.div_ceil(ROWS);
    let shares = (2 * rayon::current_num_threads()).div_ceil(tiles).clamp(1, panels.max(1));
    let share = panels.div_ceil(shares);
    (0..tiles * shares).into_par_iter().with_max_len(1).for_each_init(
        Scratch::default,
        |scratch, task| {
            let (strip, part) = (task / shares, task % shares);
            let cols = strip * wide..((strip + 1) * wide).min(w.cols);
            let mine = part * share..((part + 1) * share).min(panels);
            for from in (0..dy.groups).step_by(NEAR) {
                let groups = from..(from + NEAR).min(dy.groups);
                scratch.tiles.resize_with(cols.len().div_ceil(LANES), PackedTile::default);
                pack_cols(simd.arch(), simd, w, &cols, &groups, scratch);
                multiply(simd, dy, mine.clone(), &groups, &scratch.tiles, &dx, cols.start, true);
            }
        },
    );
}

/// Asks for the beginnings of `n` rows, `step` bytes apart.
#[inline(always)]
fn prefetch_rows(bytes: &[u8], step: usize, n: usize, beginning: usize) {
    for row in 0..n {
        for line in (0..beginning).step_by(64) {
            prefetch(bytes.as_ptr().wrapping_add(row * step + line));
        }
    }
}

/// Groups in the smallest stretch of a row that can be dequantised by itself.
fn groups_of(w: &Weight) -> usize {
    (w.block.values_per_block() / BLOCK).max(1)
}

/// The products of panels of rows with tiles, to the columns from `at` on.
#[allow(clippy::too_many_arguments)]
fn multiply(
    simd: SimdLevel,
    x: &QuantizedMat,
    panels: Range<usize>,
    groups: &Range<usize>,
    tiles: &[PackedTile],
    y: &Shared,
    at: usize,
    add: bool,
) {
    let mut sums = [[0.0; LANES]; ROWS];
    for panel in panels {
        let (quads, scales) = x.panel(panel, groups);
        let rows = panel * ROWS..((panel + 1) * ROWS).min(x.n);
        for (i, strip) in tiles.iter().enumerate() {
            simd.tile(strip, quads, scales, &mut sums);
            y.put(rows.clone(), at + i * LANES, &sums, add);
        }
    }
}

/// A matrix that threads write to, each its own columns or rows.
struct Shared {
    data: *mut f32,
    cols: usize,
    step: usize,
    len: usize,
}

// SAFETY: the pointer comes from a `&mut` that outlives the product, and no two tasks write to the
// same element: a task has columns, or rows, of its own.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

impl Shared {
    fn new(to: MatMut) -> Self {
        assert!(
            to.reach() <= to.data.len() && to.step >= to.cols,
            "an answer as long as its shape"
        );
        Self { data: to.data.as_mut_ptr(), cols: to.cols, step: to.step, len: to.data.len() }
    }

    /// Writes or adds to some rows, in the columns from `col` on, as far as there are any.
    fn put(&self, rows: Range<usize>, col: usize, sums: &[[f32; LANES]; ROWS], add: bool) {
        let lanes = LANES.min(self.cols - col);
        for (row, sums) in rows.zip(sums) {
            let at = row * self.step + col;
            assert!(at + lanes <= self.len, "a row of the answer");
            // SAFETY: within the slice by the assert above; see `Sync` for why no one else is here.
            #[allow(unsafe_code)]
            let to = unsafe { std::slice::from_raw_parts_mut(self.data.add(at), lanes) };
            // A whole tile, which nearly all are, is a vector.
            match to.as_chunks_mut::<LANES>() {
                ([to], []) if add => (0..LANES).for_each(|lane| to[lane] += sums[lane]),
                ([to], []) => *to = *sums,
                (_, to) if add => to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum),
                (_, to) => to.copy_from_slice(&sums[..lanes]),
            }
        }
    }
}

multiversion! {
    fn quantize_panel<'a>(simd: SimdLevel, x: &'a [f32], width: usize, quads: &'a mut [u32], scales: &'a mut [f32]) -> () {
        let groups = width.div_ceil(BLOCK);
        for (i, x) in x.chunks(width).enumerate() {
            for (g, x) in x.chunks(BLOCK).enumerate() {
                let (q, scale, sum) = match x.as_array() {
                    Some(x) => quantize_block(simd, x),
                    None => {
                        let mut padded = [0.0; BLOCK];
                        padded[..x.len()].copy_from_slice(x);
                        quantize_block(simd, &padded)
                    }
                };
                let quads = &mut quads[g * PANEL_QUADS..(g + 1) * PANEL_QUADS];
                for (k, quad) in q.as_chunks::<4>().0.iter().enumerate() {
                    quads[quad_index(simd, k, i, ROWS)] = u32::from_le_bytes(*quad);
                }
                let scales = &mut scales[g * 2 * ROWS..(g + 1) * 2 * ROWS];
                scales[i] = scale;
                scales[ROWS + i] = scale * sum as f32;
            }
        }
        // A panel's missing rows are nothing.
        for i in x.len() / width..ROWS {
            for g in 0..groups {
                (0..BLOCK / 4).for_each(|k| quads[g * PANEL_QUADS + quad_index(simd, k, i, ROWS)] = 0);
                scales[g * 2 * ROWS + i] = 0.0;
                scales[g * 2 * ROWS + ROWS + i] = 0.0;
            }
        }
    }

    fn pack_rows<'a>(simd: SimdLevel, w: &'a Weight, rows: &'a Range<usize>, groups: &'a Range<usize>, scratch: &'a mut Scratch) -> () {
        let n = groups.len();
        let Scratch { tiles, q, scale, min, .. } = scratch;
        let PackedTile { q: packed, bits, scales } = &mut tiles[0];
        *bits = int8::bits(w.block);
        packed.resize(n * TILE_BYTES, 0);
        scales.resize(n * 2 * LANES, 0.0);
        q.resize(n * BLOCK, 0);
        scale.resize(n, 0.0);
        min.resize(n, 0.0);
        for lane in 0..LANES {
            if lane < rows.len() {
                let bytes = w.part_bytes(rows.start + lane, groups.start * BLOCK..groups.end * BLOCK);
                int8::quantize(w.block, bytes, QuantizedBlocks { q, scale, min });
            } else {
                scale.fill(0.0);
                min.fill(0.0);
            }
            // Four neighbours of each lane side by side: a transpose of quads.
            let all = packed.as_chunks_mut::<TILE_BYTES>().0.iter_mut().zip(q.as_chunks::<BLOCK>().0);
            let each = scales.as_chunks_mut::<{ 2 * LANES }>().0.iter_mut();
            for (g, ((packed, q), scales)) in all.zip(each).enumerate() {
                for (k, quad) in q.as_chunks::<4>().0.iter().enumerate() {
                    packed.as_chunks_mut::<4>().0[quad_index(simd, k, lane, LANES)] = *quad;
                }
                (scales[lane], scales[LANES + lane]) = (scale[g], min[g]);
            }
        }
    }

    fn pack_cols<'a>(simd: SimdLevel, w: &'a Weight, cols: &'a Range<usize>, groups: &'a Range<usize>, scratch: &'a mut Scratch) -> () {
        let n = groups.len();
        for strip in &mut scratch.tiles {
            strip.bits = 8;
            strip.q.resize(n * TILE_BYTES, 0);
            strip.scales.resize(n * 2 * LANES, 0.0);
        }
        let width = cols.len();
        scratch.values.resize(BLOCK * width, 0.0);
        for (g, group) in groups.clone().enumerate() {
            let rows = group * BLOCK..((group + 1) * BLOCK).min(w.rows);
            if rows.end < w.rows {
                let n = BLOCK.min(w.rows - rows.end);
                prefetch_rows(w.column_bytes(rows.end, cols), w.row_len(), n, w.part_len(cols));
            }
            let (values, missing) = scratch.values.split_at_mut(rows.len() * width);
            w.block.dequantize_column(w.column_bytes(rows.start, cols), w.row_len(), values);
            missing.fill(0.0);
            for (i, strip) in scratch.tiles.iter_mut().enumerate() {
                let q = &mut strip.q.as_chunks_mut::<TILE_BYTES>().0[g];
                let scales = &mut strip.scales[g * 2 * LANES..(g + 1) * 2 * LANES];
                quantize_columns(simd, &scratch.values[i * LANES..], width, q, scales);
            }
        }
    }
}

/// 32 values in eight bits: the numbers, their scale, their sum.
#[inline(always)]
pub(super) fn quantize_block(simd: SimdLevel, values: &[f32; BLOCK]) -> ([u8; BLOCK], f32, i32) {
    match simd {
        // SAFETY: the level was detected on this processor.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        SimdLevel::Avx512Vnni(_) => unsafe { avx512::quantize_block(values) },
        _ => quantize_block_scalar(values),
    }
}

#[inline(always)]
fn quantize_block_scalar(values: &[f32; BLOCK]) -> ([u8; BLOCK], f32, i32) {
    let largest = int8::max_magnitude(values);
    // Not a number is passed on by the scale.
    let (scale, inverse) =
        if largest.is_finite() { int8::scale_for(largest) } else { (f32::NAN, 0.0) };
    let (mut q, mut sum) = ([0; BLOCK], 0);
    for i in 0..BLOCK {
        let whole = int8::round(values[i] * inverse);
        q[i] = whole as u8;
        sum += whole;
    }
    (q, scale, sum)
}

/// 32 rows of 16 columns in eight bits, columns for lanes.
#[inline(always)]
fn quantize_columns(
    simd: SimdLevel,
    values: &[f32],
    step: usize,
    q: &mut [u8; TILE_BYTES],
    scales: &mut [f32],
) {
    let mut largest = [0u32; LANES];
    for row in values.chunks(step) {
        for (lane, most) in largest.iter_mut().enumerate() {
            *most = (*most).max(row[lane].to_bits() & 0x7FFF_FFFF);
        }
    }
    let mut inverse = [0.0; LANES];
    for lane in 0..LANES {
        let (scale, over) = int8::scale_for(f32::from_bits(largest[lane]));
        inverse[lane] = over;
        scales[lane] = scale;
        scales[LANES + lane] = -128.0 * scale;
    }
    for k in 0..BLOCK / 4 {
        let mut four = [0u32; LANES];
        for j in 0..4 {
            let row = &values[(4 * k + j) * step..][..LANES];
            for lane in 0..LANES {
                let whole = int8::round(row[lane] * inverse[lane]) + 128;
                four[lane] |= (whole as u32) << (8 * j);
            }
        }
        for (lane, four) in four.into_iter().enumerate() {
            q.as_chunks_mut::<4>().0[quad_index(simd, k, lane, LANES)] = four.to_le_bytes();
        }
    }
}

impl SimdLevel {
    /// Writes a panel of rows times a tile to `sums`.
    fn tile(
        self,
        strip: &PackedTile,
        quads: &[u32],
        row_scales: &[f32],
        sums: &mut [[f32; LANES]; ROWS],
    ) {
        let PackedTile { q, bits, scales } = strip;
        let groups = q.len() / TILE_BYTES;
        assert!(
            scales.len() == groups * 2 * LANES
                && quads.len() == groups * PANEL_QUADS
                && row_scales.len() == groups * 2 * ROWS,
            "a tile and a panel of as many groups"
        );
        // SAFETY: the level was detected on this processor, and the assert above holds every index
        // inside its slice.
        #[allow(unsafe_code)]
        unsafe {
            match (self, bits) {
                #[cfg(target_arch = "x86_64")]
                (Self::Avx512Vnni(_), _) => {
                    avx512::tile(groups, q, scales, quads, row_scales, sums);
                }
                #[cfg(target_arch = "x86_64")]
                (Self::AvxVnni(_), _) => avx2::vnni(groups, q, scales, quads, row_scales, sums),
                #[cfg(target_arch = "x86_64")]
                (Self::Avx2(_), ..=4) => {
                    avx2::four_bits(groups, q, scales, quads, row_scales, sums);
                }
                #[cfg(target_arch = "x86_64")]
                (Self::Avx2(_), 5) => avx2::five_bits(groups, q, scales, quads, row_scales, sums),
                #[cfg(target_arch = "x86_64")]
                (Self::Avx2(_), _) => avx2::eight_bits(groups, q, scales, quads, row_scales, sums),
                #[cfg(target_arch = "aarch64")]
                (Self::NeonI8mm(_), _) => {
                    neon::tile_of_eights(groups, q, scales, quads, row_scales, sums);
                }
                #[cfg(target_arch = "aarch64")]
                (Self::Neon(_), ..=7) => {
                    neon::tile::<false>(groups, q, scales, quads, row_scales, sums);
                }
                #[cfg(target_arch = "aarch64")]
                (Self::Neon(_), _) => {
                    neon::tile::<true>(groups, q, scales, quads, row_scales, sums);
                }
                (Self::Scalar(_), _) => tile(groups, q, scales, quads, row_scales, sums),
            }
        }
    }
}

/// The plain version, which the others are held to.
fn tile(
    groups: usize,
    q: &[u8],
    scales: &[f32],
    quads: &[u32],
    row_scales: &[f32],
    sums: &mut [[f32; LANES]; ROWS],
) {
    *sums = [[0.0; LANES]; ROWS];
    for g in 0..groups {
        let q = &q[g * TILE_BYTES..(g + 1) * TILE_BYTES];
        let (scale, min) = scales[g * 2 * LANES..(g + 1) * 2 * LANES].split_at(LANES);
        let quads = &quads[g * PANEL_QUADS..(g + 1) * PANEL_QUADS];
        let (row_scale, row_sum) = row_scales[g * 2 * ROWS..(g + 1) * 2 * ROWS].split_at(ROWS);
        for (i, sums) in sums.iter_mut().enumerate() {
            let mut whole = [0i32; LANES];
            for (k, four) in q.chunks_exact(4 * LANES).enumerate() {
                let x = quads[k * ROWS + i].to_le_bytes();
                for (whole, w) in whole.iter_mut().zip(four.as_chunks::<4>().0) {
                    for (w, x) in w.iter().zip(x) {
                        *whole += i32::from(*w) * i32::from(x as i8);
                    }
                }
            }
            for lane in 0..LANES {
                let step = scale[lane] * row_scale[i];
                let sum = (whole[lane] as f32).mul_add(step, sums[lane]);
                sums[lane] = min[lane].mul_add(row_sum[i], sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::gemv_int8;
    use crate::quant::ggml::{self, GgmlType};
    use ghost_core::rng::Rng;

    fn some(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..n).map(|_| rng.next_f32() - 0.5).collect()
    }

    fn weight(block: GgmlType, rows: usize, cols: usize) -> Weight {
        let bytes = ggml::random_blocks(block, rows * cols, 11);
        Weight::new(rows, cols, block, bytes.into()).expect("whole blocks")
    }

    fn forward_on(simd: SimdLevel, x: &[f32], w: &Weight) -> Vec<f32> {
        let (mut rows, n) = (QuantizedMat::default(), x.len() / w.cols);
        rows.quantize(simd, x, w.cols);
        let mut y = vec![0.0; n * w.rows];
        forward(simd, &rows, w, MatMut::new(&mut y, n, w.rows));
        y
    }

    fn backward_on(simd: SimdLevel, dy: &[f32], w: &Weight) -> Vec<f32> {
        let (mut rows, n) = (QuantizedMat::default(), dy.len() / w.rows);
        rows.quantize(simd, dy, w.rows);
        let mut dx = vec![0.0; n * w.cols];
        backward(simd, &rows, w, MatMut::new(&mut dx, n, w.cols));
        dx
    }

    /// `x Wᵀ` or `dy W` in the plainest way.
    fn plainly(x: &[f32], w: &Weight, back: bool) -> Vec<f32> {
        let mut values = vec![0.0; w.len()];
        w.dequantize_rows(0..w.rows, &mut values);
        let (inputs, outputs) = if back { (w.rows, w.cols) } else { (w.cols, w.rows) };
        let at = |i: usize, o: usize| if back { i * w.cols + o } else { o * w.cols + i };
        let rows = x.chunks(inputs);
        rows.flat_map(|x| {
            let one =
                |o| (0..inputs).map(|i| f64::from(x[i]) * f64::from(values[at(i, o)])).sum::<f64>();
            (0..outputs).map(|o| one(o) as f32).collect::<Vec<_>>()
        })
        .collect()
    }

    fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
        assert_eq!(ours.len(), theirs.len());
        let size =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
        size(&mut ours.iter().zip(theirs).map(|(a, b)| a - b)) / size(&mut theirs.iter().copied())
    }

    #[test]
    fn every_type_multiplies_as_f32_does_to_within_eight_bits() {
        let simd = SimdLevel::found();
        for block in GgmlType::ALL.into_iter().filter(|block| gemv_int8::supports(*block)) {
            let cols = if block.values_per_block() == 256 { 768 } else { 288 };
            let w = weight(block, 70, cols);
            for n in [2, 12, 29] {
                let (x, dy) = (some(n * w.cols, 1), some(n * w.rows, 2));
                let off = apart(&forward_on(simd, &x, &w), &plainly(&x, &w, false));
                assert!(off < 0.01, "{block:?} forward, {n} rows: off by {off}");
                let off = apart(&backward_on(simd, &dy, &w), &plainly(&dy, &w, true));
                assert!(off < 0.015, "{block:?} backward, {n} rows: off by {off}");
            }
        }
    }

    #[test]
    fn every_simd_level_gives_the_same_bits() {
        for block in GgmlType::ALL.into_iter().filter(|block| gemv_int8::supports(*block)) {
            let w = weight(block, 41, 512);
            let (x, dy) = (some(17 * w.cols, 3), some(17 * w.rows, 4));
            let forward = forward_on(SimdLevel::scalar(), &x, &w);
            let backward = backward_on(SimdLevel::scalar(), &dy, &w);
            for simd in SimdLevel::all() {
                assert!(forward_on(simd, &x, &w) == forward, "{block:?} forward on {simd:?}");
                assert!(backward_on(simd, &dy, &w) == backward, "{block:?} backward on {simd:?}");
            }
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let levels = || SimdLevel::all();
        // Every number of a block at its end: 15, 31 and −128 times ±127.
        let full = |block: GgmlType, scale: usize| {
            let mut bytes = vec![0xFF; 16 * block.row_bytes(64).expect("whole blocks")];
            if block == GgmlType::Q8_0 {
                bytes.fill(0x80);
            }
            for block in bytes.chunks_mut(block.bytes_per_block()) {
                block[..scale].fill(0);
                block[1] = 0x3C;
            }
            Weight::new(16, 64, block, bytes.into()).expect("whole blocks")
        };
        for (block, scale) in [
            (GgmlType::Q4_0, 2),
            (GgmlType::Q5_0, 2),
            (GgmlType::Q4_1, 4),
            (GgmlType::Q5_1, 4),
            (GgmlType::Q8_0, 2),
        ] {
            let w = full(block, scale);
            let x: Vec<f32> = [1.0, -1.0].into_iter().flat_map(|v| [v; 64]).collect();
            let sums = forward_on(SimdLevel::scalar(), &x, &w);
            assert!(apart(&sums, &plainly(&x, &w, false)) < 1e-3, "{block:?}: {sums:?}");
            levels().for_each(|simd| {
                assert!(forward_on(simd, &x, &w) == sums, "{block:?} on {simd:?}")
            });
        }
    }

    #[test]
    fn nan_is_propagated() {
        let w = weight(GgmlType::Q4_1, 16, 64);
        let mut x = some(2 * 64, 5);
        x[70] = f32::NAN;
        let y = forward_on(SimdLevel::found(), &x, &w);
        assert!(y[..16].iter().all(|y| y.is_finite()) && y[16..].iter().all(|y| y.is_nan()));
    }
}
