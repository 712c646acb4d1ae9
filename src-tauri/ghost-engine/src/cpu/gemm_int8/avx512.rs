//! Sixteen outputs at once, four products of each an instruction (AVX-512 VNNI).

#![allow(clippy::needless_range_loop)] // registers, numbered

use std::arch::x86_64::*;

use super::layout::{BLOCK, LANES, PANEL_QUADS, ROWS, TILE_BYTES};
use crate::quant::int8;

/// As [`super::quantize_block_scalar`].
///
/// # Safety
/// The processor has the features named.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[allow(unsafe_code)] // loads and stores of whole arrays
pub(super) unsafe fn quantize_block(values: &[f32; BLOCK]) -> ([u8; BLOCK], f32, i32) {
    // SAFETY: 32 values are two vectors.
    let (a, b) =
        unsafe { (_mm512_loadu_ps(values.as_ptr()), _mm512_loadu_ps(values.as_ptr().add(16))) };
    let magnitude = |v| _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7FFF_FFFF));
    let most = _mm512_reduce_max_epu32(_mm512_max_epu32(magnitude(a), magnitude(b)));
    let largest = f32::from_bits(most);
    let (scale, inverse) =
        if largest.is_finite() { int8::scale_for(largest) } else { (f32::NAN, 0.0) };
    let inverse = _mm512_set1_ps(inverse);
    // Rounds to the nearest, halves to the even one, as the plain version does.
    let a = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
    let b = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
    let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
    let mut q = [0; BLOCK];
    // SAFETY: 16 bytes each.
    unsafe {
        _mm_storeu_si128(q.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(a));
        _mm_storeu_si128(q.as_mut_ptr().add(16).cast(), _mm512_cvtepi32_epi8(b));
    }
    // NaN has no quantised value; its scale carries it.
    (if scale.is_nan() { [0; BLOCK] } else { q }, scale, if scale.is_nan() { 0 } else { sum })
}

/// As [`super::tile`].
///
/// # Safety
/// The processor has the features named, and every slice holds `groups` groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[allow(unsafe_code)] // loads at places the caller has checked
pub(super) unsafe fn tile(
    groups: usize,
    q: &[u8],
    scales: &[f32],
    quads: &[u32],
    row_scales: &[f32],
    sums: &mut [[f32; LANES]; ROWS],
) {
    let mut float = [_mm512_setzero_ps(); ROWS];
    for g in 0..groups {
        // SAFETY: all reads are of group `g` of its slice.
        unsafe {
            let q = q.as_ptr().add(g * TILE_BYTES);
            let quads = quads.as_ptr().add(g * PANEL_QUADS);
            let scales = scales.as_ptr().add(g * 2 * LANES);
            let row_scales = row_scales.as_ptr().add(g * 2 * ROWS);
            let mut whole = [_mm512_setzero_si512(); ROWS];
            for k in 0..BLOCK / 4 {
                let w = _mm512_loadu_si512(q.add(k * 4 * LANES).cast());
                for i in 0..ROWS {
                    let x = _mm512_set1_epi32(quads.add(k * ROWS + i).read() as i32);
                    whole[i] = _mm512_dpbusd_epi32(whole[i], w, x);
                }
            }
            let (scale, min) = (_mm512_loadu_ps(scales), _mm512_loadu_ps(scales.add(LANES)));
            for i in 0..ROWS {
                let step = _mm512_mul_ps(scale, _mm512_set1_ps(row_scales.add(i).read()));
                float[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[i]), step, float[i]);
                let sum = _mm512_set1_ps(row_scales.add(ROWS + i).read());
                float[i] = _mm512_fmadd_ps(min, sum, float[i]);
            }
        }
    }
    for (sums, float) in sums.iter_mut().zip(float) {
        // SAFETY: `sums` is as wide as a vector.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), float) };
    }
}
