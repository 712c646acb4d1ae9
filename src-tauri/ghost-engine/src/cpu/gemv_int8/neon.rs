//! A row of blocks, 16 products at once (NEON with the dot product).

#![allow(unsafe_code)] // reads at places the caller has checked

use std::arch::aarch64::*;

use super::rows::rows;
use super::vec::QuantizedVec;
use crate::cpu::gemm_int8::neon::dot;
use crate::quant::ggml::half_at as half;

rows!("neon,dotprod");
use self::add as add_by;

/// 32 numbers.
type Numbers = [uint8x16_t; 2];

/// Four blocks' scales times the row's, each with its min, which is the half-precision number
/// after it where there is one (`MIN`) and the scale again where not, times the row's sum.
///
/// # Safety
/// Eight numbers can be read at `pairs`.
#[inline]
unsafe fn block_scales<const MIN: bool>(heads: [u32; 4], pairs: *const f32) -> [[f32; 2]; 4] {
    // SAFETY: the caller's.
    let pairs = unsafe { pairs.cast::<[[f32; 2]; 4]>().read() };
    std::array::from_fn(|i| {
        let bytes = heads[i].to_le_bytes();
        let [scale, sum] = pairs[i];
        [half(&bytes, 0) * scale, half(&bytes, if MIN { 2 } else { 0 }) * sum]
    })
}

/// The scale of block `i` of four.
#[inline]
fn broadcast_scale(scaled: [[f32; 2]; 4], i: usize) -> f32 {
    scaled[i][0]
}

#[inline]
fn zero_mins() -> [[f32; 2]; 4] {
    [[0.0; 2]; 4]
}

#[inline]
fn add_mins(a: [[f32; 2]; 4], b: [[f32; 2]; 4]) -> [[f32; 2]; 4] {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][j] + b[i][j]))
}

/// The mins of four blocks together.
#[inline]
fn sum_mins(min_sums: [[f32; 2]; 4]) -> f32 {
    min_sums.iter().map(|[_, min]| min).sum()
}

/// Two half-precision numbers side by side.
#[inline]
fn f16_pair(halves: u32) -> [f32; 2] {
    let bytes = halves.to_le_bytes();
    [half(&bytes, 0), half(&bytes, 2)]
}

/// Eight bytes as numbers, each times `by` and its row's.
///
/// # Safety
/// Eight numbers can be read at `row`.
#[inline]
unsafe fn group_factors<const SIGNED: bool>(bytes: u64, by: f32, row: *const f32) -> [f32; 8] {
    // SAFETY: the caller's.
    let row = unsafe { row.cast::<[f32; 8]>().read() };
    let bytes = bytes.to_le_bytes();
    std::array::from_fn(|i| {
        let whole = if SIGNED { f32::from(bytes[i] as i8) } else { f32::from(bytes[i]) };
        whole * by * row[i]
    })
}

/// Low nibbles of 16 bytes, then their high nibbles.
///
/// # Safety
/// 16 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn nibbles(at: *const u8) -> Numbers {
    // SAFETY: the caller's.
    let bytes = unsafe { vld1q_u8(at) };
    [vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8::<4>(bytes)]
}

/// 32 bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn signed(at: *const u8) -> Numbers {
    // SAFETY: the caller's.
    unsafe { [vld1q_u8(at), vld1q_u8(at.add(16))] }
}

/// Low nibbles of 32 bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn low_nibbles(at: *const u8) -> Numbers {
    // SAFETY: the caller's.
    unsafe { signed(at) }.map(|bytes| vandq_u8(bytes, vdupq_n_u8(15)))
}

/// High nibbles of 32 bytes.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn high_nibbles(at: *const u8) -> Numbers {
    // SAFETY: the caller's.
    unsafe { signed(at) }.map(|bytes| vshrq_n_u8::<4>(bytes))
}

/// The numbers with their fifth bits, one a number.
#[inline]
#[target_feature(enable = "neon")]
fn fifth_bits(numbers: Numbers, bits: u32) -> Numbers {
    // One bit of each byte, aligned with its eight numbers.
    let bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    let bytes = bits.to_le_bytes();
    let with = |numbers, low, high| {
        let beside = vcombine_u8(vdup_n_u8(low), vdup_n_u8(high));
        let set = vtstq_u8(beside, bit);
        vorrq_u8(numbers, vandq_u8(set, vdupq_n_u8(16)))
    };
    [with(numbers[0], bytes[0], bytes[1]), with(numbers[1], bytes[2], bytes[3])]
}

/// The numbers with the bits under `mask` from `bit` on of 32 bytes above their four.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn above(numbers: Numbers, at: *const u8, bit: i32, mask: u8) -> Numbers {
    // SAFETY: the caller's.
    let bytes = unsafe { signed(at) };
    let with = |numbers, bytes| {
        let bits = vshlq_u8(bytes, vdupq_n_s8(-bit as i8));
        vorrq_u8(numbers, vshlq_n_u8::<4>(vandq_u8(bits, vdupq_n_u8(mask))))
    };
    [with(numbers[0], bytes[0]), with(numbers[1], bytes[1])]
}

/// The numbers with bit `bit` of 32 bytes for their fifth.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn high_bits5(numbers: Numbers, at: *const u8, bit: i32) -> Numbers {
    // SAFETY: the caller's.
    unsafe { above(numbers, at, bit, 1) }
}

/// The numbers with the two bits from `bit` on of 32 bytes for their fifth and sixth.
///
/// # Safety
/// 32 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn high_bits2(numbers: Numbers, at: *const u8, bit: i32) -> Numbers {
    // SAFETY: the caller's.
    unsafe { above(numbers, at, bit, 3) }
}

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> float32x4_t {
    vdupq_n_f32(0.0)
}

/// Adds 16 products times the first scale and 16 times the second. All numbers are read as signed,
/// which those below 128 are.
///
/// # Safety
/// The processor has the features named; 32 numbers can be read at `x`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add_halves(
    sums: float32x4_t,
    w: Numbers,
    x: *const u8,
    first: f32,
    second: f32,
) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe {
        let x = signed(x).map(|x| vreinterpretq_s8_u8(x));
        let w = w.map(|w| vreinterpretq_s8_u8(w));
        let low = vcvtq_f32_s32(dot(vdupq_n_s32(0), w[0], x[0]));
        let high = vcvtq_f32_s32(dot(vdupq_n_s32(0), w[1], x[1]));
        vfmaq_n_f32(vfmaq_n_f32(sums, low, first), high, second)
    }
}

/// Adds 32 products times their scale.
///
/// # Safety
/// As [`add_halves`].
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add(sums: float32x4_t, w: Numbers, x: *const u8, scale: f32) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe {
        let x = signed(x).map(|x| vreinterpretq_s8_u8(x));
        let w = w.map(|w| vreinterpretq_s8_u8(w));
        let whole = dot(dot(vdupq_n_s32(0), w[0], x[0]), w[1], x[1]);
        vfmaq_n_f32(sums, vcvtq_f32_s32(whole), scale)
    }
}

/// As [`add`].
///
/// # Safety
/// As [`add_halves`].
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add_signed(sums: float32x4_t, w: Numbers, x: *const u8, scale: f32) -> float32x4_t {
    // SAFETY: the caller's.
    unsafe { add(sums, w, x, scale) }
}

/// Sums of two kinds together.
#[inline]
#[target_feature(enable = "neon")]
fn add_sums(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    vaddq_f32(a, b)
}

/// All sums together.
#[inline]
#[target_feature(enable = "neon")]
fn hsum(sums: float32x4_t) -> f32 {
    vaddvq_f32(sums)
}
