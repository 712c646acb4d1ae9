//! Eight outputs at once: AVX2, which multiplies bytes in pairs and may overflow sixteen bits, and
//! AVX-VNNI, which does neither.

#![allow(clippy::needless_range_loop)] // registers, numbered

use std::arch::x86_64::*;

use super::layout::{BLOCK, LANES, PANEL_QUADS, ROWS, TILE_BYTES};

/// Rows multiplied together: with both halves of a tile, all that sixteen registers hold.
const PART: usize = 4;
/// Sums of a part with both halves of a tile.
type Whole = [[__m256i; 2]; PART];

/// A tile made of the sums that `$whole` answers for a group of a tile and of a part of a panel.
macro_rules! tile {
    ($(#[$doc:meta])* $name:ident, $features:literal, $whole:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The processor has the features named, and every slice holds `groups` groups.
        #[target_feature(enable = $features)]
        #[allow(unsafe_code)] // loads and stores at places the caller has checked
        pub(super) unsafe fn $name(
            groups: usize,
            q: &[u8],
            scales: &[f32],
            quads: &[u32],
            row_scales: &[f32],
            sums: &mut [[f32; LANES]; ROWS],
        ) {
            *sums = [[0.0; LANES]; ROWS];
            for g in 0..groups {
                // SAFETY: all reads are of group `g` of its slice; `sums` holds two vectors a row.
                unsafe {
                    let q = q.as_ptr().add(g * TILE_BYTES);
                    let quads = quads.as_ptr().add(g * PANEL_QUADS);
                    let scales = scales.as_ptr().add(g * 2 * LANES);
                    let row_scales = row_scales.as_ptr().add(g * 2 * ROWS);
                    for part in 0..ROWS / PART {
                        let whole = $whole(q, quads.add(part * PART));
                        for i in 0..PART {
                            let row = part * PART + i;
                            let row_scale = _mm256_set1_ps(row_scales.add(row).read());
                            let row_sum = _mm256_set1_ps(row_scales.add(ROWS + row).read());
                            for half in 0..2 {
                                let scale = _mm256_loadu_ps(scales.add(half * 8));
                                let min = _mm256_loadu_ps(scales.add(LANES + half * 8));
                                let sum = sums[row].as_mut_ptr().add(half * 8);
                                let float = _mm256_cvtepi32_ps(whole[i][half]);
                                let step = _mm256_mul_ps(scale, row_scale);
                                let float = _mm256_fmadd_ps(float, step, _mm256_loadu_ps(sum));
                                let float = _mm256_fmadd_ps(min, row_sum, float);
                                _mm256_storeu_ps(sum, float);
                            }
                        }
                    }
                }
            }
        }
    };
}

tile!(
    /// As [`super::tile`], for numbers of four bits: a group's products fit sixteen.
    four_bits, "avx2,fma", narrow::<8>
);
tile!(
    /// As [`super::tile`], for numbers of five bits: half a group's products fit sixteen.
    five_bits, "avx2,fma", narrow::<4>
);
tile!(
    /// As [`super::tile`], for any numbers.
    eight_bits, "avx2,fma", broad
);
tile!(
    /// As [`super::tile`], for any numbers.
    vnni, "avx2,fma,avxvnni", quads_at_once
);

/// The sums of numbers so small that the products of `STEP` quads don't overflow.
///
/// # Safety
/// The processor has the features named; a group can be read at both.
#[inline]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
unsafe fn narrow<const STEP: usize>(q: *const u8, quads: *const u32) -> Whole {
    let ones = _mm256_set1_epi16(1);
    let mut whole = [[_mm256_setzero_si256(); 2]; PART];
    for from in (0..BLOCK / 4).step_by(STEP) {
        let mut short = [[_mm256_setzero_si256(); 2]; PART];
        for k in from..from + STEP {
            // SAFETY: quad `k` of the group.
            let w = unsafe { halves(q, k) };
            for i in 0..PART {
                // SAFETY: as above.
                let x = _mm256_set1_epi32(unsafe { quads.add(k * ROWS + i).read() } as i32);
                for half in 0..2 {
                    let products = _mm256_maddubs_epi16(w[half], x);
                    short[i][half] = _mm256_add_epi16(short[i][half], products);
                }
            }
        }
        for i in 0..PART {
            for half in 0..2 {
                let sums = _mm256_madd_epi16(short[i][half], ones);
                whole[i][half] = _mm256_add_epi32(whole[i][half], sums);
            }
        }
    }
    whole
}

/// The sums of any numbers. They are made signed, and their signs given to the rows', so that a
/// pair of products is at most 2 · 128 · 127, which sixteen bits hold; then what was taken off,
/// 128 times the rows' numbers, is put back.
///
/// # Safety
/// The processor has the features named; a group can be read at both.
#[inline]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
unsafe fn broad(q: *const u8, quads: *const u32) -> Whole {
    let (ones, middle) = (_mm256_set1_epi16(1), _mm256_set1_epi8(-128));
    let mut whole = [[_mm256_setzero_si256(); 2]; PART];
    let mut taken = _mm_setzero_si128();
    for k in 0..BLOCK / 4 {
        // SAFETY: quad `k` of the group, of four rows.
        let (w, four) = unsafe { (halves(q, k), _mm_loadu_si128(quads.add(k * ROWS).cast())) };
        let w = w.map(|w| _mm256_xor_si256(w, middle));
        let size = w.map(|w| _mm256_abs_epi8(w));
        let pairs = _mm_maddubs_epi16(_mm_set1_epi8(1), four);
        taken = _mm_add_epi32(taken, _mm_madd_epi16(pairs, _mm_set1_epi16(128)));
        for i in 0..PART {
            // SAFETY: as above.
            let x = _mm256_set1_epi32(unsafe { quads.add(k * ROWS + i).read() } as i32);
            for half in 0..2 {
                let pairs = _mm256_maddubs_epi16(size[half], _mm256_sign_epi8(x, w[half]));
                whole[i][half] = _mm256_add_epi32(whole[i][half], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    let mut each = [0; PART];
    // SAFETY: four numbers.
    unsafe { _mm_storeu_si128(each.as_mut_ptr().cast(), taken) };
    for i in 0..PART {
        for half in 0..2 {
            whole[i][half] = _mm256_add_epi32(whole[i][half], _mm256_set1_epi32(each[i]));
        }
    }
    whole
}

/// The sums of any numbers, four products an instruction.
///
/// # Safety
/// The processor has the features named; a group can be read at both.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
#[allow(unsafe_code)]
unsafe fn quads_at_once(q: *const u8, quads: *const u32) -> Whole {
    let mut whole = [[_mm256_setzero_si256(); 2]; PART];
    for k in 0..BLOCK / 4 {
        // SAFETY: quad `k` of the group.
        let w = unsafe { halves(q, k) };
        for i in 0..PART {
            // SAFETY: as above.
            let x = _mm256_set1_epi32(unsafe { quads.add(k * ROWS + i).read() } as i32);
            for half in 0..2 {
                whole[i][half] = _mm256_dpbusd_avx_epi32(whole[i][half], w[half], x);
            }
        }
    }
    whole
}

/// Quad `k` of a tile's sixteen outputs.
///
/// # Safety
/// The processor has the feature named; a group can be read at `q`.
#[inline]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
unsafe fn halves(q: *const u8, k: usize) -> [__m256i; 2] {
    // SAFETY: 64 bytes of the group's 512.
    unsafe {
        let at = q.add(k * 4 * LANES);
        [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(32).cast())]
    }
}
