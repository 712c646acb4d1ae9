//! Sixteen outputs in four vectors: four products of each an instruction (NEON with the dot
//! product, which every Apple processor has), or eight products of two outputs with two rows (with
//! the matrix products of i8mm, which those from the M2 on have).

#![allow(clippy::needless_range_loop)] // registers, numbered

use std::arch::aarch64::*;
use std::arch::asm;

use super::layout::{BLOCK, LANES, PANEL_QUADS, ROWS, TILE_BYTES};

/// Rows multiplied together: with the four vectors of a tile, sixteen sums.
const PART: usize = 4;
const VECTORS: usize = LANES / 4;

/// Adds to each lane of `sums` the four products of `w`'s with lane `LANE` of `x`.
///
/// The instruction by its name: the intrinsic is not stable yet.
///
/// # Safety
/// The processor has the features named.
#[inline]
#[target_feature(enable = "neon,dotprod")]
#[allow(unsafe_code)]
unsafe fn dot_lane<const LANE: usize>(sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    let mut sums = sums;
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {w:v}.16b, {x:v}.4b[{lane}]",
            sums = inout(vreg) sums, w = in(vreg) w, x = in(vreg) x, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Adds to each lane of `sums` the four products of `w`'s and `x`'s.
///
/// # Safety
/// The processor has the features named.
#[inline]
#[target_feature(enable = "neon,dotprod")]
#[allow(unsafe_code)]
pub(in super::super) unsafe fn dot(sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    let mut sums = sums;
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {w:v}.16b, {x:v}.16b",
            sums = inout(vreg) sums, w = in(vreg) w, x = in(vreg) x,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Adds to `sums` the products of two outputs' eight unsigned numbers with two rows' eight signed
/// ones: first output with first row, with second row, then the second output's.
///
/// # Safety
/// The processor has the features named.
#[inline]
#[target_feature(enable = "neon,i8mm")]
#[allow(unsafe_code)]
unsafe fn matrix(sums: int32x4_t, w: uint8x16_t, x: int8x16_t) -> int32x4_t {
    let mut sums = sums;
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "usmmla {sums:v}.4s, {w:v}.16b, {x:v}.16b",
            sums = inout(vreg) sums, w = in(vreg) w, x = in(vreg) x,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// A tile made of the sums that `$whole` answers for a group of a tile and of a part of a panel.
macro_rules! tile {
    ($(#[$doc:meta])* $name:ident$(<$broad:ident>)?, $features:literal, $part:literal, $whole:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The processor has the features named, and every slice holds `groups` groups.
        #[target_feature(enable = $features)]
        #[allow(unsafe_code)] // loads and stores at places the caller has checked
        pub(super) unsafe fn $name$(<const $broad: bool>)?(
            groups: usize,
            q: &[u8],
            scales: &[f32],
            quads: &[u32],
            row_scales: &[f32],
            sums: &mut [[f32; LANES]; ROWS],
        ) {
            *sums = [[0.0; LANES]; ROWS];
            for g in 0..groups {
                // SAFETY: all reads are of group `g` of its slice; `sums` holds four vectors a row.
                unsafe {
                    let q = q.as_ptr().add(g * TILE_BYTES);
                    let quads = quads.as_ptr().add(g * PANEL_QUADS);
                    let scales = scales.as_ptr().add(g * 2 * LANES);
                    let row_scales = row_scales.as_ptr().add(g * 2 * ROWS);
                    for part in 0..ROWS / PART {
                        let whole = $whole(q, quads.add(part * PART * $part));
                        for i in 0..PART {
                            let row = part * PART + i;
                            let row_scale = row_scales.add(row).read();
                            let row_sum = row_scales.add(ROWS + row).read();
                            for v in 0..VECTORS {
                                let step = vmulq_n_f32(vld1q_f32(scales.add(4 * v)), row_scale);
                                let min = vld1q_f32(scales.add(LANES + 4 * v));
                                let sum = sums[row].as_mut_ptr().add(4 * v);
                                let whole = vcvtq_f32_s32(whole[i][v]);
                                let float = vfmaq_f32(vld1q_f32(sum), whole, step);
                                vst1q_f32(sum, vfmaq_n_f32(float, min, row_sum));
                            }
                        }
                    }
                }
            }
        }
    };
}

tile!(
    /// As [`super::tile`]. Numbers below 128 are multiplied as they are; others are made signed,
    /// and what was taken off, 128 times the rows' numbers, is put back.
    tile<BROAD>, "neon,dotprod", 1, whole::<BROAD>
);
tile!(
    /// As [`super::tile`], for quads two by two.
    tile_of_eights, "neon,i8mm", 2, whole_of_eights
);

/// The sums of a group of a tile and of a part of a panel.
///
/// # Safety
/// The processor has the features named; a group can be read at both.
#[inline]
#[target_feature(enable = "neon,dotprod")]
#[allow(unsafe_code)]
unsafe fn whole<const BROAD: bool>(
    q: *const u8,
    quads: *const u32,
) -> [[int32x4_t; VECTORS]; PART] {
    // SAFETY: quad `k` of the group's, of sixteen outputs and of four rows, for each `k`.
    unsafe {
        let mut whole = [[vdupq_n_s32(0); VECTORS]; PART];
        let mut taken = vdupq_n_s32(0);
        for k in 0..BLOCK / 4 {
            let x = vreinterpretq_s8_u32(vld1q_u32(quads.add(k * ROWS)));
            if BROAD {
                taken = dot(taken, vdupq_n_s8(1), x);
            }
            for v in 0..VECTORS {
                let mut w = vld1q_u8(q.add(k * 4 * LANES + 16 * v));
                if BROAD {
                    w = veorq_u8(w, vdupq_n_u8(0x80));
                }
                let w = vreinterpretq_s8_u8(w);
                whole[0][v] = dot_lane::<0>(whole[0][v], w, x);
                whole[1][v] = dot_lane::<1>(whole[1][v], w, x);
                whole[2][v] = dot_lane::<2>(whole[2][v], w, x);
                whole[3][v] = dot_lane::<3>(whole[3][v], w, x);
            }
        }
        if BROAD {
            let mut each = [0; PART];
            vst1q_s32(each.as_mut_ptr(), vshlq_n_s32::<7>(taken));
            for i in 0..PART {
                for v in 0..VECTORS {
                    whole[i][v] = vaddq_s32(whole[i][v], vdupq_n_s32(each[i]));
                }
            }
        }
        whole
    }
}

/// The sums of a group of a tile and of a part of a panel, eight neighbours at a time.
///
/// # Safety
/// The processor has the features named; a group can be read at both.
#[inline]
#[target_feature(enable = "neon,i8mm")]
#[allow(unsafe_code)]
unsafe fn whole_of_eights(q: *const u8, quads: *const u32) -> [[int32x4_t; VECTORS]; PART] {
    // Pairs of outputs with pairs of rows.
    let mut sums = [[vdupq_n_s32(0); PART / 2]; LANES / 2];
    for k in 0..BLOCK / 8 {
        // SAFETY: eight neighbours from `8 k` on, of two outputs or two rows, all of the group's.
        unsafe {
            let mut x = [vdupq_n_s8(0); PART / 2];
            for pair in 0..PART / 2 {
                let two = vld1q_u32(quads.add((k * ROWS + 2 * pair) * 2));
                x[pair] = vreinterpretq_s8_u32(two);
            }
            for pair in 0..LANES / 2 {
                let w = vld1q_u8(q.add((k * LANES + 2 * pair) * 8));
                for rows in 0..PART / 2 {
                    sums[pair][rows] = matrix(sums[pair][rows], w, x[rows]);
                }
            }
        }
    }
    let mut whole = [[vdupq_n_s32(0); VECTORS]; PART];
    for v in 0..VECTORS {
        for rows in 0..PART / 2 {
            let (a, b) = (sums[2 * v][rows], sums[2 * v + 1][rows]);
            whole[2 * rows][v] = vuzp1q_s32(a, b);
            whole[2 * rows + 1][v] = vuzp2q_s32(a, b);
        }
    }
    whole
}
