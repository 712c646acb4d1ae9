//! A row of blocks, 32 products at once (AVX2).

#![allow(unsafe_code)] // reads at places the caller has checked

use std::arch::x86_64::*;

use super::rows::rows;
use super::vec::QuantizedVec;
use crate::quant::ggml::half_at as half;

rows!("avx2,fma,f16c");

/// Four blocks' scales times the row's, each with its min, which is the half-precision number
/// after it where there is one (`MIN`) and the scale again where not, times the row's sum.
///
/// Never one number at a time: a single one would be put beside whatever a register holds, and wait
/// for it, which may be the sum before.
///
/// # Safety
/// Eight numbers can be read at `pairs`.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn block_scales<const MIN: bool>(heads: [u32; 4], pairs: *const f32) -> __m256 {
    let [a, b, c, d] = heads.map(|head| head as i32);
    let mut halves = _mm_set_epi32(d, c, b, a);
    if !MIN {
        let scales = _mm_and_si128(halves, _mm_set1_epi32(0xFFFF));
        halves = _mm_or_si128(scales, _mm_slli_epi32::<16>(scales));
    }
    // SAFETY: the caller's.
    _mm256_mul_ps(_mm256_cvtph_ps(halves), unsafe { _mm256_loadu_ps(pairs) })
}

/// The scale of block `i` of four, everywhere.
#[inline]
#[target_feature(enable = "avx2")]
fn broadcast_scale(scaled: __m256, i: usize) -> __m256 {
    _mm256_permutevar8x32_ps(scaled, _mm256_set1_epi32(2 * i as i32))
}

#[inline]
#[target_feature(enable = "avx2")]
fn zero_mins() -> __m256 {
    _mm256_setzero_ps()
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_mins(a: __m256, b: __m256) -> __m256 {
    _mm256_add_ps(a, b)
}

/// The mins of four blocks together.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_mins(min_sums: __m256) -> f32 {
    hsum(_mm256_blend_ps::<0b1010_1010>(_mm256_setzero_ps(), min_sums))
}

/// Two half-precision numbers side by side.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn f16_pair(halves: u32) -> [f32; 2] {
    let mut floats = [0.0; 4];
    let four = _mm_cvtph_ps(_mm_cvtsi32_si128(halves as i32));
    // SAFETY: four numbers.
    unsafe { _mm_storeu_ps(floats.as_mut_ptr(), four) };
    [floats[0], floats[1]]
}

/// Eight bytes as numbers, each times `by` and its row's.
///
/// # Safety
/// Eight numbers can be read at `row`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn group_factors<const SIGNED: bool>(bytes: u64, by: f32, row: *const f32) -> [f32; 8] {
    let bytes = _mm_cvtsi64_si128(bytes as i64);
    let whole = if SIGNED { _mm256_cvtepi8_epi32(bytes) } else { _mm256_cvtepu8_epi32(bytes) };
    let mut all = [0.0; 8];
    // SAFETY: the caller's, and eight numbers.
    unsafe {
        let by = _mm256_mul_ps(_mm256_set1_ps(by), _mm256_loadu_ps(row));
        _mm256_storeu_ps(all.as_mut_ptr(), _mm256_mul_ps(_mm256_cvtepi32_ps(whole), by));
    }
    all
}

/// Low nibbles of 16 bytes, then their high nibbles.
///
/// # Safety
/// 16 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn nibbles(at: *const u8) -> __m256i {
    // SAFETY: the caller's.
    let bytes = unsafe { _mm_loadu_si128(at.cast()) };
    let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
    _mm256_and_si256(both, _mm256_set1_epi8(15))
}

/// Low nibbles of 32 bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn low_nibbles(at: *const u8) -> __m256i {
    // SAFETY: the caller's.
    _mm256_and_si256(unsafe { _mm256_loadu_si256(at.cast()) }, _mm256_set1_epi8(15))
}

/// High nibbles of 32 bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn high_nibbles(at: *const u8) -> __m256i {
    // SAFETY: the caller's.
    let bytes = unsafe { _mm256_loadu_si256(at.cast()) };
    _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15))
}

/// 32 signed bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn signed(at: *const u8) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_loadu_si256(at.cast()) }
}

/// The numbers with their fifth bits, one a number.
#[inline]
#[target_feature(enable = "avx2")]
fn fifth_bits(numbers: __m256i, bits: u32) -> __m256i {
    // Each byte of bits aligned with its eight numbers, then one bit of each.
    let which =
        _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits as i32), which);
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
    _mm256_or_si256(numbers, _mm256_and_si256(set, _mm256_set1_epi8(16)))
}

/// The numbers with bit `bit` of 32 bytes for their fifth.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn high_bits5(numbers: __m256i, at: *const u8, bit: i32) -> __m256i {
    // SAFETY: the caller's.
    let bytes = unsafe { _mm256_loadu_si256(at.cast()) };
    let bits = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(bit));
    let bits = _mm256_and_si256(bits, _mm256_set1_epi8(1));
    _mm256_or_si256(numbers, _mm256_slli_epi16::<4>(bits))
}

/// The numbers with the two bits from `bit` on of 32 bytes for their fifth and sixth.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn high_bits2(numbers: __m256i, at: *const u8, bit: i32) -> __m256i {
    // SAFETY: the caller's.
    let bytes = unsafe { _mm256_loadu_si256(at.cast()) };
    let bits = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(bit));
    let bits = _mm256_and_si256(bits, _mm256_set1_epi8(3));
    _mm256_or_si256(numbers, _mm256_slli_epi16::<4>(bits))
}

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> __m256 {
    _mm256_setzero_ps()
}

/// The sums of four products each: numbers below 64 against signed ones.
///
/// # Safety
/// 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn int_dot(w: __m256i, x: *const u8) -> __m256 {
    // SAFETY: the caller's.
    let pairs = _mm256_maddubs_epi16(w, unsafe { _mm256_loadu_si256(x.cast()) });
    _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

/// Adds 32 products times their scale.
///
/// # Safety
/// 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add(sums: __m256, w: __m256i, x: *const u8, scale: f32) -> __m256 {
    // SAFETY: the caller's.
    unsafe { add_by(sums, w, x, _mm256_set1_ps(scale)) }
}

/// As [`add`], the scale everywhere.
///
/// # Safety
/// 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_by(sums: __m256, w: __m256i, x: *const u8, scale: __m256) -> __m256 {
    // SAFETY: the caller's.
    _mm256_fmadd_ps(unsafe { int_dot(w, x) }, scale, sums)
}

/// Adds 16 products times the first scale and 16 times the second.
///
/// # Safety
/// 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_halves(sums: __m256, w: __m256i, x: *const u8, first: f32, second: f32) -> __m256 {
    let scales = _mm256_set_m128(_mm_set1_ps(second), _mm_set1_ps(first));
    // SAFETY: the caller's.
    _mm256_fmadd_ps(unsafe { int_dot(w, x) }, scales, sums)
}

/// As [`add_by`] with signed numbers: their signs are given to `x`, whose −128 is never there.
///
/// # Safety
/// 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_signed(sums: __m256, w: __m256i, x: *const u8, scale: __m256) -> __m256 {
    // SAFETY: the caller's.
    let x = _mm256_sign_epi8(unsafe { _mm256_loadu_si256(x.cast()) }, w);
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), x);
    let whole = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    _mm256_fmadd_ps(whole, scale, sums)
}

/// Sums of two kinds together.
#[inline]
#[target_feature(enable = "avx2")]
fn add_sums(a: __m256, b: __m256) -> __m256 {
    _mm256_add_ps(a, b)
}

/// All sums together.
#[inline]
#[target_feature(enable = "avx2")]
fn hsum(sums: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}
