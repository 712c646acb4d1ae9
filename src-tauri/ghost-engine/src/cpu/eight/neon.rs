//! Sixteen outputs in four vectors, four products of each an instruction (NEON with the dot
//! product, which every Apple processor of these years has).

#![allow(clippy::needless_range_loop)] // registers, numbered

use std::arch::aarch64::*;
use std::arch::asm;

use super::{GROUP, LANES, PANEL, ROWS, STRIP};

/// Rows multiplied together: with the four vectors of a strip, sixteen sums.
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

/// As [`super::tile`]. Numbers below 128 are multiplied as they are; others are made signed, and
/// what was taken off, 128 times the rows' numbers, is put back.
///
/// # Safety
/// The processor has the features named, and every slice holds `groups` groups.
#[target_feature(enable = "neon,dotprod")]
#[allow(unsafe_code)] // loads and stores at places the caller has checked
pub(super) unsafe fn tile<const BROAD: bool>(
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
            let q = q.as_ptr().add(g * STRIP);
            let quads = quads.as_ptr().add(g * PANEL);
            let scales = scales.as_ptr().add(g * 2 * LANES);
            let row_scales = row_scales.as_ptr().add(g * 2 * ROWS);
            for part in 0..ROWS / PART {
                let whole = whole::<BROAD>(q, quads.add(part * PART));
                for i in 0..PART {
                    let row = part * PART + i;
                    let row_scale = row_scales.add(row).read();
                    let row_sum = row_scales.add(ROWS + row).read();
                    for v in 0..VECTORS {
                        let step = vmulq_n_f32(vld1q_f32(scales.add(4 * v)), row_scale);
                        let least = vld1q_f32(scales.add(LANES + 4 * v));
                        let sum = sums[row].as_mut_ptr().add(4 * v);
                        let float = vfmaq_f32(vld1q_f32(sum), vcvtq_f32_s32(whole[i][v]), step);
                        vst1q_f32(sum, vfmaq_n_f32(float, least, row_sum));
                    }
                }
            }
        }
    }
}

/// The sums of a group of a strip and of a part of a panel.
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
        for k in 0..GROUP / 4 {
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
