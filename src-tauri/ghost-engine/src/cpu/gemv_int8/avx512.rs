//! A row of blocks, 64 products at once (AVX-512 VNNI).

#![allow(unsafe_code)] // reads at places the caller has checked

use std::arch::x86_64::*;

use super::vec::QuantizedVec;
use crate::cpu::simd::prefetch;
use crate::quant::ggml::six_bits;

/// Blocks of 32, two at a time: `$halves` of them are four scales in half precision, each
/// block's own and what `$times` its min is, and `$numbers` their 64 numbers.
macro_rules! pairs {
    ($name:ident, $size:literal, $times:literal, $halves:expr, $numbers:expr) => {
        /// A row of such blocks against as many groups of `x`.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups, rounded up to two.
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
        pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &QuantizedVec) -> f32 {
            let all = &bytes.as_chunks::<$size>().0[..blocks];
            // Sums of their own for every other pair, so that none waits for the one before.
            let (mut sums, mut min_sums) = ([_mm512_setzero_ps(); 2], _mm_setzero_ps());
            for g in (0..blocks).step_by(2) {
                // An odd last block is multiplied with itself again, and with zeros of `x`, scale included.
                let (a, b) = (&all[g], &all[(g + 1).min(blocks - 1)]);
                prefetch(a.as_ptr().wrapping_add(32 * $size));
                // SAFETY: two blocks, and two groups of `x`, are read within their bounds.
                let (w, q, row) = unsafe {
                    let scale = _mm_castsi128_ps(_mm_loadu_si64(x.scale.as_ptr().add(g).cast()));
                    let sum = _mm_castsi128_ps(_mm_loadu_si64(x.sum.as_ptr().add(g).cast()));
                    (
                        $numbers(a.as_ptr(), b.as_ptr()),
                        _mm512_loadu_si512(x.q.as_ptr().add(g * 32).cast()),
                        _mm_unpacklo_ps(scale, sum),
                    )
                };
                let scales = _mm_mul_ps(_mm_cvtph_ps($halves(a, b)), row);
                min_sums = _mm_add_ps(min_sums, scales);
                let each = _mm512_permutexvar_ps(
                    _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0),
                    _mm512_castps128_ps512(scales),
                );
                sums.swap(0, 1);
                sums[0] = add(sums[0], w, q, each);
            }
            let mut both = [0.0; 4];
            // SAFETY: four values.
            unsafe { _mm_storeu_ps(both.as_mut_ptr(), min_sums) };
            hsum(sums) + $times * (both[1] + both[3])
        }
    };
}

pairs!(q4_0, 18, -8.0, scale_twice, |a: *const u8, b: *const u8| nibbles(a.add(2), b.add(2)));
pairs!(q4_1, 20, 1.0, scale_and_min, |a: *const u8, b: *const u8| nibbles(a.add(4), b.add(4)));
pairs!(q5_0, 22, -16.0, scale_twice, |a: *const u8, b: *const u8| {
    fifth(nibbles(a.add(6), b.add(6)), a.add(2), b.add(2))
});
pairs!(q5_1, 24, 1.0, scale_and_min, |a: *const u8, b: *const u8| {
    fifth(nibbles(a.add(8), b.add(8)), a.add(4), b.add(4))
});
pairs!(q8_0, 34, -128.0, scale_twice, |a: *const u8, b: *const u8| {
    let (a, b) = (_mm256_loadu_si256(a.add(2).cast()), _mm256_loadu_si256(b.add(2).cast()));
    let both = _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
    _mm512_xor_si512(both, _mm512_set1_epi8(-128))
});

/// Adds 64 products, the four of each lane times its scale.
#[target_feature(enable = "avx512f,avx512vnni")]
fn add(sums: __m512, w: __m512i, x: __m512i, scales: __m512) -> __m512 {
    let whole = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, x);
    _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), scales, sums)
}

/// All of both sums.
#[target_feature(enable = "avx512f")]
fn hsum([a, b]: [__m512; 2]) -> f32 {
    _mm512_reduce_add_ps(_mm512_add_ps(a, b))
}

/// The first two half-precision numbers of each.
#[inline(always)]
fn scale_and_min<const N: usize>(a: &[u8; N], b: &[u8; N]) -> __m128i {
    let bits = |block: &[u8; N]| i32::from_le_bytes([block[0], block[1], block[2], block[3]]);
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_set_epi32(0, 0, bits(b), bits(a)) }
}

/// The first half-precision number of each, twice.
#[inline(always)]
fn scale_twice<const N: usize>(a: &[u8; N], b: &[u8; N]) -> __m128i {
    let bits = |block: &[u8; N]| i32::from_le_bytes([block[0], block[1], block[0], block[1]]);
    // SAFETY: SSE2 is part of x86-64.
    unsafe { _mm_set_epi32(0, 0, bits(b), bits(a)) }
}

/// Low nibbles of 16 bytes, high nibbles of them, and the same of 16 more.
///
/// # Safety
/// 16 bytes can be read at each.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn nibbles(a: *const u8, b: *const u8) -> __m512i {
    // SAFETY: the caller's.
    let (a, b) = unsafe { (_mm_loadu_si128(a.cast()), _mm_loadu_si128(b.cast())) };
    let both = _mm512_castsi256_si512(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1));
    let twice = _mm512_shuffle_i64x2(both, both, 0b01_01_00_00);
    const HIGH: i64 = 0x0004_0004_0004_0004;
    let shifts = _mm512_set_epi64(HIGH, HIGH, 0, 0, HIGH, HIGH, 0, 0);
    _mm512_and_si512(_mm512_srlv_epi16(twice, shifts), _mm512_set1_epi8(15))
}

/// The numbers with their fifth bits.
///
/// # Safety
/// 4 bytes can be read at each of `a` and `b`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn fifth(numbers: __m512i, a: *const u8, b: *const u8) -> __m512i {
    // SAFETY: the caller's.
    let bits = |at: *const u8| u64::from(unsafe { at.cast::<u32>().read_unaligned() });
    let set = bits(a) | bits(b) << 32;
    _mm512_or_si512(numbers, _mm512_maskz_set1_epi8(set, 16))
}

/// The half-precision number at `at`.
#[target_feature(enable = "f16c")]
fn half(block: &[u8], at: usize) -> f32 {
    let bits = i32::from(u16::from_le_bytes([block[at], block[at + 1]]));
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)))
}

/// Eight bytes as `f32`.
#[target_feature(enable = "avx2")]
fn floats(bytes: u64) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes as i64)))
}

#[target_feature(enable = "avx512f")]
fn spread(eight: __m256, pair: usize) -> __m512 {
    let (low, high) = (2 * pair as i32, 2 * pair as i32 + 1);
    let which = _mm512_mask_mov_epi32(_mm512_set1_epi32(low), 0xFF00, _mm512_set1_epi32(high));
    _mm512_permutexvar_ps(which, _mm512_castps256_ps512(eight))
}

/// Both nibble types of 256: with fifth bits 32 bytes stand between scales and nibbles.
macro_rules! eights {
    ($name:ident, $size:literal, $nibbles:literal, $high_bits:expr) => {
        /// A row of such blocks against eight groups of `x` each.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,f16c,fma")]
        pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &QuantizedVec) -> f32 {
            let (mut sums, mut min_sums) = ([_mm512_setzero_ps(); 2], _mm256_setzero_ps());
            for (n, block) in bytes.as_chunks::<$size>().0[..blocks].iter().enumerate() {
                for line in 0..3 {
                    prefetch(block.as_ptr().wrapping_add(4 * $size + 64 * line));
                }
                let [scales, mins] = six_bits(&block[4..16]);
                // SAFETY: the caller guarantees block `n` of `x`.
                let (row, sum, q) = unsafe {
                    (
                        _mm256_loadu_ps(x.scale.as_ptr().add(n * 8)),
                        _mm256_loadu_ps(x.sum.as_ptr().add(n * 8)),
                        x.q.as_ptr().add(n * 256),
                    )
                };
                let scales = _mm256_mul_ps(floats(scales), _mm256_set1_ps(half(block, 0)));
                let scales = _mm256_mul_ps(scales, row);
                let mins = _mm256_mul_ps(floats(mins), _mm256_set1_ps(half(block, 2)));
                min_sums = _mm256_fmadd_ps(mins, sum, min_sums);
                for pair in 0..4 {
                    // SAFETY: 32 bytes of nibbles a pair, all within the block; 64 of `x`.
                    let (nibbles, q) = unsafe {
                        let at = block.as_ptr().add($nibbles + pair * 32);
                        (_mm256_loadu_si256(at.cast()), _mm512_loadu_si512(q.add(pair * 64).cast()))
                    };
                    const HIGH: i64 = 0x0004_0004_0004_0004;
                    let shifts = _mm512_set_epi64(HIGH, HIGH, HIGH, HIGH, 0, 0, 0, 0);
                    let numbers = _mm512_srlv_epi16(_mm512_broadcast_i64x4(nibbles), shifts);
                    let numbers = _mm512_and_si512(numbers, _mm512_set1_epi8(15));
                    let numbers = $high_bits(block, pair, numbers);
                    sums[pair % 2] = add(sums[pair % 2], numbers, q, spread(scales, pair));
                }
            }
            hsum(sums) - _mm512_reduce_add_ps(_mm512_zextps256_ps512(min_sums))
        }
    };
}

eights!(q4_k, 144, 16, |_: &[u8; 144], _: usize, numbers| numbers);
eights!(q5_k, 176, 48, with_fifths);

/// The numbers of a pair of groups with their fifth bits.
#[target_feature(enable = "avx512f,avx512bw")]
fn with_fifths(block: &[u8; 176], pair: usize, numbers: __m512i) -> __m512i {
    // SAFETY: bytes 16 to 48 of the block.
    let bits = unsafe { _mm256_loadu_si256(block.as_ptr().add(16).cast()) };
    let (low, high) = (2 * pair as i16, 2 * pair as i16 + 1);
    let shifts =
        _mm512_mask_mov_epi16(_mm512_set1_epi16(low), 0xFFFF_0000, _mm512_set1_epi16(high));
    let bits = _mm512_srlv_epi16(_mm512_broadcast_i64x4(bits), shifts);
    let bits = _mm512_and_si512(bits, _mm512_set1_epi8(1));
    _mm512_or_si512(numbers, _mm512_slli_epi16(bits, 4))
}

/// A row of such blocks against eight groups of `x` each.
///
/// # Safety
/// The processor has the features named; `x` holds the groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
pub(super) unsafe fn q6_k(bytes: &[u8], blocks: usize, x: &QuantizedVec) -> f32 {
    let (mut sums, mut min_sums) = ([_mm512_setzero_ps(); 2], _mm512_setzero_ps());
    for (n, block) in bytes.as_chunks::<210>().0[..blocks].iter().enumerate() {
        for line in 0..4 {
            prefetch(block.as_ptr().wrapping_add(4 * 210 + 64 * line));
        }
        // SAFETY: all reads are within the block, and within block `n` of `x`.
        let (scales, halves) = unsafe {
            let scales = _mm_loadu_si128(block.as_ptr().add(192).cast());
            let scales = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales));
            (
                _mm512_mul_ps(scales, _mm512_set1_ps(half(block, 208))),
                _mm512_loadu_ps(x.half_sum.as_ptr().add(n * 16)),
            )
        };
        min_sums = _mm512_fmadd_ps(scales, halves, min_sums);
        for quarter in 0..4 {
            let (side, upper) = (quarter / 2, quarter % 2);
            // SAFETY: as above.
            let (nibbles, bits, q, row) = unsafe {
                let block = block.as_ptr();
                (
                    _mm512_loadu_si512(block.add(side * 64).cast()),
                    _mm256_loadu_si256(block.add(128 + side * 32).cast()),
                    _mm512_loadu_si512(x.q.as_ptr().add(n * 256 + quarter * 64).cast()),
                    x.scale.as_ptr().add(n * 8 + quarter * 2),
                )
            };
            let shift = 4 * upper as i16;
            let nibbles = _mm512_srlv_epi16(nibbles, _mm512_set1_epi16(shift));
            let nibbles = _mm512_and_si512(nibbles, _mm512_set1_epi8(15));
            let shifts = _mm512_mask_mov_epi16(
                _mm512_set1_epi16(shift),
                0xFFFF_0000,
                _mm512_set1_epi16(shift + 2),
            );
            let bits = _mm512_srlv_epi16(_mm512_broadcast_i64x4(bits), shifts);
            let bits = _mm512_slli_epi16(_mm512_and_si512(bits, _mm512_set1_epi8(3)), 4);
            let first = 4 * quarter as i32;
            let which = _mm512_add_epi32(
                _mm512_set1_epi32(first),
                _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0),
            );
            // SAFETY: two scales of `x`.
            let row = unsafe {
                let (a, b) = (_mm512_set1_ps(*row), _mm512_set1_ps(*row.add(1)));
                _mm512_mask_mov_ps(a, 0xFF00, b)
            };
            let each = _mm512_mul_ps(_mm512_permutexvar_ps(which, scales), row);
            let numbers = _mm512_or_si512(nibbles, bits);
            sums[upper] = add(sums[upper], numbers, q, each);
        }
    }
    hsum(sums) - 32.0 * _mm512_reduce_add_ps(min_sums)
}
