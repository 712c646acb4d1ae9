//! Products in eight bits: many rows against a frozen weight, forth and back.
//!
//! Rows are coded to whole numbers within ±127, a scale for each 32 values, as llama.cpp codes
//! them; weights come as [`crate::coded`] has them. 32 products are summed exactly, and the sums
//! added up in `f32`, in one order whatever the instructions, so that every tier gives the same
//! answer bit for bit. A strip of 16 outputs is packed when its turn comes, meets all rows while
//! it is near, and is forgotten: no copy of the weights is kept.
//!
//! On the way back a weight's columns become rows, across which its own scales don't reach;
//! there it is coded anew. The moves this makes (a few thousandths of a gradient) are far below
//! what one batch differs from the next by.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;

use std::ops::Range;

use rayon::prelude::*;

use super::tier::{Tier, ahead};
use super::wide;
use crate::coded::{self, Coded, GROUP};
use crate::kernel::MatMut;
use crate::weight::Weight;

/// The place of quad `k` of lane (or row) `i` among `n` within a group: `[GROUP / 4][n]`, or
/// `[GROUP / 8][n][2]` for a tier that takes eight neighbours at once.
#[inline(always)]
fn place(tier: Tier, k: usize, i: usize, n: usize) -> usize {
    let together = tier.quads_at_once();
    (k / together * n + i) * together + k % together
}

/// Outputs of a strip.
const LANES: usize = 16;
/// Rows multiplied together.
const ROWS: usize = 12;
/// Bytes of a strip for each group: quads in the order of [`place`], of [`LANES`].
const STRIP: usize = GROUP * LANES;
/// Quads of a panel of rows for each group, in the order of [`place`], of [`ROWS`].
const PANEL: usize = GROUP / 4 * ROWS;
/// Groups of a strip packed at a time: with its panel it stays in the nearest cache.
const NEAR: usize = 32;

/// Rows in eight bits, in panels of [`ROWS`], four neighbours of a row side by side.
#[derive(Default)]
pub(super) struct Rows {
    n: usize,
    groups: usize,
    /// `[panel][group][quad]`, four numbers in each.
    quads: Vec<u32>,
    /// `[panel][group][2][ROWS]`: scales, then scale × sum of the numbers.
    scales: Vec<f32>,
}

impl Rows {
    /// Codes rows of `width` values each; the last group may be short.
    pub(super) fn code(&mut self, tier: Tier, x: &[f32], width: usize) {
        self.n = x.len() / width;
        self.groups = width.div_ceil(GROUP);
        let panels = self.n.div_ceil(ROWS);
        self.quads.resize(panels * self.groups * PANEL, 0);
        self.scales.resize(panels * self.groups * 2 * ROWS, 0.0);
        let quads = self.quads.par_chunks_mut((self.groups * PANEL).max(1));
        let scales = self.scales.par_chunks_mut((self.groups * 2 * ROWS).max(1));
        quads.zip(scales).zip(x.par_chunks(ROWS * width)).for_each(|((quads, scales), x)| {
            code_panel(tier.arch(), tier, x, width, quads, scales);
        });
    }

    fn panel(&self, n: usize, groups: &Range<usize>) -> (&[u32], &[f32]) {
        let at = |size: usize| {
            (n * self.groups + groups.start) * size..(n * self.groups + groups.end) * size
        };
        (&self.quads[at(PANEL)], &self.scales[at(2 * ROWS)])
    }
}

/// 16 outputs of a weight, packed.
#[derive(Default)]
struct Strip {
    /// `[group][quad][4]`.
    q: Vec<u8>,
    /// What the numbers stay below is 2 to this.
    bits: u32,
    /// `[group][2][LANES]`: scales, then leasts.
    scales: Vec<f32>,
}

/// Buffers of a thread.
#[derive(Default)]
struct Bench {
    strips: Vec<Strip>,
    q: Vec<u8>,
    scale: Vec<f32>,
    least: Vec<f32>,
    values: Vec<f32>,
}

/// `y = x Wᵀ`.
pub(super) fn forth(tier: Tier, x: &Rows, w: &Weight, y: MatMut) {
    let y = Shared::new(y);
    let strips = w.rows.div_ceil(LANES);
    (0..strips).into_par_iter().for_each_init(Bench::default, |bench, strip| {
        let rows = strip * LANES..((strip + 1) * LANES).min(w.rows);
        let near = NEAR.next_multiple_of(groups_of(w));
        for from in (0..x.groups).step_by(near) {
            let groups = from..(from + near).min(x.groups);
            bench.strips.resize_with(1, Strip::default);
            pack_rows(tier.arch(), tier, w, &rows, &groups, bench);
            // They come while these are multiplied: what is read in short pieces of many rows is
            // seen coming by no processor.
            if groups.end < x.groups {
                let (cols, n) = (groups.end * GROUP..(groups.end + near) * GROUP, rows.len());
                ask(w.column_bytes(rows.start, &cols), w.row_len(), n, w.part_len(&cols));
            }
            multiply(
                tier,
                x,
                0..x.n.div_ceil(ROWS),
                &groups,
                &bench.strips,
                &y,
                rows.start,
                from > 0,
            );
        }
    });
}

/// `dx += dy W`.
pub(super) fn back(tier: Tier, dy: &Rows, w: &Weight, dx: MatMut) {
    let dx = Shared::new(dx);
    let wide = groups_of(w) * GROUP;
    let strips = w.cols.div_ceil(wide);
    // However the work is divided, each sum is made in the same order.
    let panels = dy.n.div_ceil(ROWS);
    let shares = (2 * rayon::current_num_threads()).div_ceil(strips).clamp(1, panels.max(1));
    let share = panels.div_ceil(shares);
    (0..strips * shares).into_par_iter().with_max_len(1).for_each_init(
        Bench::default,
        |bench, task| {
            let (strip, part) = (task / shares, task % shares);
            let cols = strip * wide..((strip + 1) * wide).min(w.cols);
            let mine = part * share..((part + 1) * share).min(panels);
            for from in (0..dy.groups).step_by(NEAR) {
                let groups = from..(from + NEAR).min(dy.groups);
                bench.strips.resize_with(cols.len().div_ceil(LANES), Strip::default);
                pack_cols(tier.arch(), tier, w, &cols, &groups, bench);
                multiply(tier, dy, mine.clone(), &groups, &bench.strips, &dx, cols.start, true);
            }
        },
    );
}

/// Asks for the beginnings of `n` rows, `step` bytes apart.
#[inline(always)]
fn ask(bytes: &[u8], step: usize, n: usize, beginning: usize) {
    for row in 0..n {
        for line in (0..beginning).step_by(64) {
            ahead(bytes.as_ptr().wrapping_add(row * step + line));
        }
    }
}

/// Groups in the smallest stretch of a row that can be unpacked by itself.
fn groups_of(w: &Weight) -> usize {
    (w.block.values_per_block() / GROUP).max(1)
}

/// The products of panels of rows with strips, to the columns from `at` on.
#[allow(clippy::too_many_arguments)]
fn multiply(
    tier: Tier,
    x: &Rows,
    panels: Range<usize>,
    groups: &Range<usize>,
    strips: &[Strip],
    y: &Shared,
    at: usize,
    add: bool,
) {
    let mut sums = [[0.0; LANES]; ROWS];
    for panel in panels {
        let (quads, scales) = x.panel(panel, groups);
        let rows = panel * ROWS..((panel + 1) * ROWS).min(x.n);
        for (i, strip) in strips.iter().enumerate() {
            tier.tile(strip, quads, scales, &mut sums);
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
            // A whole strip, which nearly all are, is a vector.
            match to.as_chunks_mut::<LANES>() {
                ([to], []) if add => (0..LANES).for_each(|lane| to[lane] += sums[lane]),
                ([to], []) => *to = *sums,
                (_, to) if add => to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum),
                (_, to) => to.copy_from_slice(&sums[..lanes]),
            }
        }
    }
}

wide! {
    fn code_panel<'a>(tier: Tier, x: &'a [f32], width: usize, quads: &'a mut [u32], scales: &'a mut [f32]) -> () {
        let groups = width.div_ceil(GROUP);
        for (i, x) in x.chunks(width).enumerate() {
            for (g, x) in x.chunks(GROUP).enumerate() {
                let (q, scale, sum) = match x.as_array() {
                    Some(x) => code_group(tier, x),
                    None => {
                        let mut padded = [0.0; GROUP];
                        padded[..x.len()].copy_from_slice(x);
                        code_group(tier, &padded)
                    }
                };
                let quads = &mut quads[g * PANEL..(g + 1) * PANEL];
                for (k, quad) in q.as_chunks::<4>().0.iter().enumerate() {
                    quads[place(tier, k, i, ROWS)] = u32::from_le_bytes(*quad);
                }
                let scales = &mut scales[g * 2 * ROWS..(g + 1) * 2 * ROWS];
                scales[i] = scale;
                scales[ROWS + i] = scale * sum as f32;
            }
        }
        // A panel's missing rows are nothing.
        for i in x.len() / width..ROWS {
            for g in 0..groups {
                (0..GROUP / 4).for_each(|k| quads[g * PANEL + place(tier, k, i, ROWS)] = 0);
                scales[g * 2 * ROWS + i] = 0.0;
                scales[g * 2 * ROWS + ROWS + i] = 0.0;
            }
        }
    }

    fn pack_rows<'a>(tier: Tier, w: &'a Weight, rows: &'a Range<usize>, groups: &'a Range<usize>, bench: &'a mut Bench) -> () {
        let n = groups.len();
        let Bench { strips, q, scale, least, .. } = bench;
        let Strip { q: packed, bits, scales } = &mut strips[0];
        *bits = coded::bits(w.block);
        packed.resize(n * STRIP, 0);
        scales.resize(n * 2 * LANES, 0.0);
        q.resize(n * GROUP, 0);
        scale.resize(n, 0.0);
        least.resize(n, 0.0);
        for lane in 0..LANES {
            if lane < rows.len() {
                let bytes = w.part_bytes(rows.start + lane, groups.start * GROUP..groups.end * GROUP);
                coded::code(w.block, bytes, Coded { q, scale, least });
            } else {
                scale.fill(0.0);
                least.fill(0.0);
            }
            // Four neighbours of each lane side by side: a transpose of quads.
            let all = packed.as_chunks_mut::<STRIP>().0.iter_mut().zip(q.as_chunks::<GROUP>().0);
            let each = scales.as_chunks_mut::<{ 2 * LANES }>().0.iter_mut();
            for (g, ((packed, q), scales)) in all.zip(each).enumerate() {
                for (k, quad) in q.as_chunks::<4>().0.iter().enumerate() {
                    packed.as_chunks_mut::<4>().0[place(tier, k, lane, LANES)] = *quad;
                }
                (scales[lane], scales[LANES + lane]) = (scale[g], least[g]);
            }
        }
    }

    fn pack_cols<'a>(tier: Tier, w: &'a Weight, cols: &'a Range<usize>, groups: &'a Range<usize>, bench: &'a mut Bench) -> () {
        let n = groups.len();
        for strip in &mut bench.strips {
            strip.bits = 8;
            strip.q.resize(n * STRIP, 0);
            strip.scales.resize(n * 2 * LANES, 0.0);
        }
        let width = cols.len();
        bench.values.resize(GROUP * width, 0.0);
        for (g, group) in groups.clone().enumerate() {
            let rows = group * GROUP..((group + 1) * GROUP).min(w.rows);
            if rows.end < w.rows {
                let n = GROUP.min(w.rows - rows.end);
                ask(w.column_bytes(rows.end, cols), w.row_len(), n, w.part_len(cols));
            }
            let (values, missing) = bench.values.split_at_mut(rows.len() * width);
            w.block.unpack_column(w.column_bytes(rows.start, cols), w.row_len(), values);
            missing.fill(0.0);
            for (i, strip) in bench.strips.iter_mut().enumerate() {
                let q = &mut strip.q.as_chunks_mut::<STRIP>().0[g];
                let scales = &mut strip.scales[g * 2 * LANES..(g + 1) * 2 * LANES];
                code_columns(tier, &bench.values[i * LANES..], width, q, scales);
            }
        }
    }
}

/// 32 values in eight bits: the numbers, their scale, their sum.
#[inline(always)]
pub(super) fn code_group(tier: Tier, values: &[f32; GROUP]) -> ([u8; GROUP], f32, i32) {
    match tier {
        // SAFETY: the tier was found on this processor.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Tier::Avx512Vnni(_) => unsafe { avx512::code_group(values) },
        _ => code_group_plain(values),
    }
}

#[inline(always)]
fn code_group_plain(values: &[f32; GROUP]) -> ([u8; GROUP], f32, i32) {
    let largest = coded::largest(values);
    // Not a number is passed on by the scale.
    let (scale, inverse) =
        if largest.is_finite() { coded::scale_of(largest) } else { (f32::NAN, 0.0) };
    let (mut q, mut sum) = ([0; GROUP], 0);
    for i in 0..GROUP {
        let whole = coded::nearest(values[i] * inverse);
        q[i] = whole as u8;
        sum += whole;
    }
    (q, scale, sum)
}

/// 32 rows of 16 columns in eight bits, columns for lanes.
#[inline(always)]
fn code_columns(tier: Tier, values: &[f32], step: usize, q: &mut [u8; STRIP], scales: &mut [f32]) {
    let mut largest = [0u32; LANES];
    for row in values.chunks(step) {
        for (lane, most) in largest.iter_mut().enumerate() {
            *most = (*most).max(row[lane].to_bits() & 0x7FFF_FFFF);
        }
    }
    let mut inverse = [0.0; LANES];
    for lane in 0..LANES {
        let (scale, over) = coded::scale_of(f32::from_bits(largest[lane]));
        inverse[lane] = over;
        scales[lane] = scale;
        scales[LANES + lane] = -128.0 * scale;
    }
    for k in 0..GROUP / 4 {
        let mut four = [0u32; LANES];
        for j in 0..4 {
            let row = &values[(4 * k + j) * step..][..LANES];
            for lane in 0..LANES {
                let whole = coded::nearest(row[lane] * inverse[lane]) + 128;
                four[lane] |= (whole as u32) << (8 * j);
            }
        }
        for (lane, four) in four.into_iter().enumerate() {
            q.as_chunks_mut::<4>().0[place(tier, k, lane, LANES)] = four.to_le_bytes();
        }
    }
}

impl Tier {
    /// Writes a panel of rows times a strip to `sums`.
    fn tile(
        self,
        strip: &Strip,
        quads: &[u32],
        row_scales: &[f32],
        sums: &mut [[f32; LANES]; ROWS],
    ) {
        let Strip { q, bits, scales } = strip;
        let groups = q.len() / STRIP;
        assert!(
            scales.len() == groups * 2 * LANES
                && quads.len() == groups * PANEL
                && row_scales.len() == groups * 2 * ROWS,
            "a strip and a panel of as many groups"
        );
        // SAFETY: the tier was found on this processor, and the assert above holds every index
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
                (Self::Plain(_), _) => tile(groups, q, scales, quads, row_scales, sums),
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
        let q = &q[g * STRIP..(g + 1) * STRIP];
        let (scale, least) = scales[g * 2 * LANES..(g + 1) * 2 * LANES].split_at(LANES);
        let quads = &quads[g * PANEL..(g + 1) * PANEL];
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
                sums[lane] = least[lane].mul_add(row_sum[i], sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{self, BlockType};
    use crate::chance::Chance;
    use crate::cpu::dots;

    fn some(n: usize, seed: u64) -> Vec<f32> {
        let mut chance = Chance::new(seed);
        (0..n).map(|_| chance.uniform() - 0.5).collect()
    }

    fn weight(block: BlockType, rows: usize, cols: usize) -> Weight {
        let bytes = block::some_blocks(block, rows * cols, 11);
        Weight::new(rows, cols, block, bytes.into()).expect("whole blocks")
    }

    fn forth_on(tier: Tier, x: &[f32], w: &Weight) -> Vec<f32> {
        let (mut rows, n) = (Rows::default(), x.len() / w.cols);
        rows.code(tier, x, w.cols);
        let mut y = vec![0.0; n * w.rows];
        forth(tier, &rows, w, MatMut::new(&mut y, n, w.rows));
        y
    }

    fn back_on(tier: Tier, dy: &[f32], w: &Weight) -> Vec<f32> {
        let (mut rows, n) = (Rows::default(), dy.len() / w.rows);
        rows.code(tier, dy, w.rows);
        let mut dx = vec![0.0; n * w.cols];
        back(tier, &rows, w, MatMut::new(&mut dx, n, w.cols));
        dx
    }

    /// `x Wᵀ` or `dy W` in the plainest way.
    fn plainly(x: &[f32], w: &Weight, back: bool) -> Vec<f32> {
        let mut values = vec![0.0; w.len()];
        w.unpack_rows(0..w.rows, &mut values);
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
        let tier = Tier::found();
        for block in BlockType::ALL.into_iter().filter(|block| dots::suits(*block)) {
            let cols = if block.values_per_block() == 256 { 768 } else { 288 };
            let w = weight(block, 70, cols);
            for n in [2, 12, 29] {
                let (x, dy) = (some(n * w.cols, 1), some(n * w.rows, 2));
                let off = apart(&forth_on(tier, &x, &w), &plainly(&x, &w, false));
                assert!(off < 0.01, "{block:?} forth, {n} rows: off by {off}");
                let off = apart(&back_on(tier, &dy, &w), &plainly(&dy, &w, true));
                assert!(off < 0.015, "{block:?} back, {n} rows: off by {off}");
            }
        }
    }

    #[test]
    fn every_tier_gives_the_same_bits() {
        for block in BlockType::ALL.into_iter().filter(|block| dots::suits(*block)) {
            let w = weight(block, 41, 512);
            let (x, dy) = (some(17 * w.cols, 3), some(17 * w.rows, 4));
            let forth = forth_on(Tier::plain(), &x, &w);
            let back = back_on(Tier::plain(), &dy, &w);
            for tier in Tier::all() {
                assert!(forth_on(tier, &x, &w) == forth, "{block:?} forth on {tier:?}");
                assert!(back_on(tier, &dy, &w) == back, "{block:?} back on {tier:?}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_there_are_do_not_overflow() {
        let tiers = || Tier::all();
        // Every number of a block at its end: 15, 31 and −128 times ±127.
        let full = |block: BlockType, scale: usize| {
            let mut bytes = vec![0xFF; 16 * block.row_bytes(64).expect("whole blocks")];
            if block == BlockType::Q8_0 {
                bytes.fill(0x80);
            }
            for block in bytes.chunks_mut(block.bytes_per_block()) {
                block[..scale].fill(0);
                block[1] = 0x3C;
            }
            Weight::new(16, 64, block, bytes.into()).expect("whole blocks")
        };
        for (block, scale) in [
            (BlockType::Q4_0, 2),
            (BlockType::Q5_0, 2),
            (BlockType::Q4_1, 4),
            (BlockType::Q5_1, 4),
            (BlockType::Q8_0, 2),
        ] {
            let w = full(block, scale);
            let x: Vec<f32> = [1.0, -1.0].into_iter().flat_map(|v| [v; 64]).collect();
            let sums = forth_on(Tier::plain(), &x, &w);
            assert!(apart(&sums, &plainly(&x, &w, false)) < 1e-3, "{block:?}: {sums:?}");
            tiers()
                .for_each(|tier| assert!(forth_on(tier, &x, &w) == sums, "{block:?} on {tier:?}"));
        }
    }

    #[test]
    fn what_is_no_number_is_not_hidden() {
        let w = weight(BlockType::Q4_1, 16, 64);
        let mut x = some(2 * 64, 5);
        x[70] = f32::NAN;
        let y = forth_on(Tier::found(), &x, &w);
        assert!(y[..16].iter().all(|y| y.is_finite()) && y[16..].iter().all(|y| y.is_nan()));
    }
}
