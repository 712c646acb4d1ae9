//! A row of blocks, 32 products at once (AVX2).

#![allow(unsafe_code)] // reads at places the caller has checked

use std::arch::x86_64::*;

use super::Row;
use super::rows::rows;

rows!("avx2,fma,f16c");

/// The half-precision number at `at`.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn half(block: &[u8], at: usize) -> f32 {
    let bits = i32::from(u16::from_le_bytes([block[at], block[at + 1]]));
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)))
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
unsafe fn lows(at: *const u8) -> __m256i {
    // SAFETY: the caller's.
    _mm256_and_si256(unsafe { _mm256_loadu_si256(at.cast()) }, _mm256_set1_epi8(15))
}

/// High nibbles of 32 bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn highs(at: *const u8) -> __m256i {
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
    // Each byte of the bits beside the eight numbers it is of, then one bit kept of each.
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
unsafe fn fifths(numbers: __m256i, at: *const u8, bit: i32) -> __m256i {
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
unsafe fn twos(numbers: __m256i, at: *const u8, bit: i32) -> __m256i {
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
unsafe fn whole(w: __m256i, x: *const u8) -> __m256 {
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
    _mm256_fmadd_ps(unsafe { whole(w, x) }, _mm256_set1_ps(scale), sums)
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
    _mm256_fmadd_ps(unsafe { whole(w, x) }, scales, sums)
}

/// As [`add`] with signed numbers: their signs are given to `x`, whose −128 is never there.
///
/// # Safety
/// 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_signed(sums: __m256, w: __m256i, x: *const u8, scale: f32) -> __m256 {
    // SAFETY: the caller's.
    let x = _mm256_sign_epi8(unsafe { _mm256_loadu_si256(x.cast()) }, w);
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), x);
    let whole = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    _mm256_fmadd_ps(whole, _mm256_set1_ps(scale), sums)
}

/// All sums together.
#[inline]
#[target_feature(enable = "avx2")]
fn total(sums: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}
