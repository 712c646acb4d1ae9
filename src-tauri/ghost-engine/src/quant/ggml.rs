//! ggml's block types: small blocks of quantised values with their scales.
//!
//! One plain function a type turns bytes into `f32`. These are the reference
//! that every faster kernel is tested against, and are themselves tested
//! against candle. Knows nothing of files, rows or shapes.

use half::bf16;

/// Calls `dequantize` on each block and its values. The sizes are in its types, so LLVM drops the
/// bounds checks and vectorises the body. A macro, for a function passed as a value would be called
/// from here and not compiled for its caller's vectors.
macro_rules! each {
    ($bytes:expr, $out:expr, $dequantize:expr) => {
        for (block, out) in $bytes.as_chunks().0.iter().zip($out.as_chunks_mut().0) {
            $dequantize(block, out);
        }
    };
}

/// One block of each row.
macro_rules! column {
    ($bytes:expr, $step:expr, $out:expr, $dequantize:expr) => {
        for (i, out) in $out.as_chunks_mut().0.iter_mut().enumerate() {
            if let Some(block) = $bytes[i * $step..].first_chunk() {
                $dequantize(block, out);
            }
        }
    };
}

/// A way of storing values. The names are ggml's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, non_camel_case_types)]
pub enum GgmlType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
}

impl GgmlType {
    /// Every type the engine reads.
    pub const ALL: [Self; 13] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
    ];

    /// Unpacks one block of each of several rows, which begin `step` bytes apart, to rows of `out`
    /// as wide as a block.
    ///
    /// # Panics
    /// If `bytes` ends before the last block does.
    #[inline(always)] // as `dequantize`
    pub(crate) fn dequantize_column(self, bytes: &[u8], step: usize, out: &mut [f32]) {
        match self {
            Self::Q4_0 => column!(bytes, step, out, q4_0),
            Self::Q4_1 => column!(bytes, step, out, q4_1),
            Self::Q5_0 => column!(bytes, step, out, q5_0),
            Self::Q8_0 => column!(bytes, step, out, q8_0),
            Self::Q4_K => column!(bytes, step, out, q4_k),
            Self::Q5_K => column!(bytes, step, out, q5_k),
            Self::Q6_K => column!(bytes, step, out, q6_k),
            _ => {
                let size = self.bytes_per_block();
                for (i, out) in out.chunks_mut(self.values_per_block()).enumerate() {
                    self.dequantize(&bytes[i * step..i * step + size], out);
                }
            }
        }
    }

    /// The number a GGUF file calls this type by.
    pub fn ggml_id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q2_K => 10,
            Self::Q3_K => 11,
            Self::Q4_K => 12,
            Self::Q5_K => 13,
            Self::Q6_K => 14,
            Self::BF16 => 30,
        }
    }

    /// The type a GGUF file calls by this number.
    pub fn from_ggml_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|block| block.ggml_id() == id)
    }

    /// Values in one block.
    pub const fn values_per_block(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q2_K | Self::Q3_K | Self::Q4_K | Self::Q5_K | Self::Q6_K => 256,
        }
    }

    /// Bytes of one block.
    pub const fn bytes_per_block(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2_K => 84,
            Self::Q3_K => 110,
            Self::Q4_K => 144,
            Self::Q5_K => 176,
            Self::Q6_K => 210,
        }
    }

    /// Bytes of a row of `cols` values, or `None` where blocks don't divide the row.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        if !cols.is_multiple_of(self.values_per_block()) {
            return None;
        }
        (cols / self.values_per_block()).checked_mul(self.bytes_per_block())
    }

    /// Writes the values of whole blocks to `out`.
    ///
    /// # Panics
    /// If `bytes` isn't whole blocks, or `out` doesn't hold exactly their values.
    #[inline(always)] // into callers that are compiled for wider vectors
    pub fn dequantize(self, bytes: &[u8], out: &mut [f32]) {
        let blocks = bytes.len() / self.bytes_per_block();
        assert_eq!(bytes.len(), blocks * self.bytes_per_block(), "whole blocks");
        assert_eq!(out.len(), blocks * self.values_per_block(), "room for every value");
        match self {
            Self::F32 => each!(bytes, out, f32_le),
            Self::F16 => each!(bytes, out, f16_le),
            Self::BF16 => each!(bytes, out, bf16_le),
            Self::Q4_0 => each!(bytes, out, q4_0),
            Self::Q4_1 => each!(bytes, out, q4_1),
            Self::Q5_0 => each!(bytes, out, q5_0),
            Self::Q5_1 => each!(bytes, out, q5_1),
            Self::Q8_0 => each!(bytes, out, q8_0),
            Self::Q2_K => each!(bytes, out, q2_k),
            Self::Q3_K => each!(bytes, out, q3_k),
            Self::Q4_K => each!(bytes, out, q4_k),
            Self::Q5_K => each!(bytes, out, q5_k),
            Self::Q6_K => each!(bytes, out, q6_k),
        }
    }
}

#[inline(always)]
fn f32_le(bytes: &[u8; 4], out: &mut [f32; 1]) {
    out[0] = f32::from_le_bytes(*bytes);
}

#[inline(always)]
fn f16_le(bytes: &[u8; 2], out: &mut [f32; 1]) {
    out[0] = half_float(u16::from_le_bytes(*bytes));
}

#[inline(always)]
fn bf16_le(bytes: &[u8; 2], out: &mut [f32; 1]) {
    out[0] = bf16::from_le_bytes(*bytes).to_f32();
}

/// The half-precision number at `at`.
#[inline(always)]
pub(crate) fn half_at(block: &[u8], at: usize) -> f32 {
    half_float(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// A half-precision number as `f32`, without asking what the processor can do, so that a loop over
/// it is compiled for its caller's vectors.
#[inline(always)]
fn half_float(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7FFF) << 13);
    // The exponents are counted from 15 and from 127; the product also mends subnormals.
    let moved = f32::from_bits(rest) * f32::from_bits((127 + 127 - 15) << 23);
    let infinite = if rest >= 0x7C00 << 13 { 0x7F80_0000 } else { 0 };
    f32::from_bits(moved.to_bits() | infinite | sign)
}

/// The 32 bits at `at`.
#[inline(always)]
pub(crate) fn bits_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// Scale; 16 bytes, low nibbles first. Value = scale × (q − 8).
#[inline(always)]
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half_at(block, 0);
    for j in 0..16 {
        let q = block[2 + j];
        out[j] = scale * f32::from((q & 15) as i8 - 8);
        out[j + 16] = scale * f32::from((q >> 4) as i8 - 8);
    }
}

/// Scale, least value; 16 bytes. Value = scale × q + least.
#[inline(always)]
fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    for j in 0..16 {
        let q = block[4 + j];
        out[j] = scale * f32::from(q & 15) + least;
        out[j + 16] = scale * f32::from(q >> 4) + least;
    }
}

/// Scale; the 32 fifth bits; 16 bytes. Value = scale × (q − 16).
#[inline(always)]
fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let (scale, high) = (half_at(block, 0), bits_at(block, 2));
    for j in 0..16 {
        let q = block[6 + j];
        let low = (q & 15) as i32 | (((high >> j) & 1) << 4) as i32;
        let top = (q >> 4) as i32 | (((high >> (j + 16)) & 1) << 4) as i32;
        out[j] = scale * (low - 16) as f32;
        out[j + 16] = scale * (top - 16) as f32;
    }
}

/// Scale, least value; the 32 fifth bits; 16 bytes. Value = scale × q + least.
#[inline(always)]
fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (scale, least, high) = (half_at(block, 0), half_at(block, 2), bits_at(block, 4));
    for j in 0..16 {
        let q = block[8 + j];
        let low = u32::from(q & 15) | (((high >> j) & 1) << 4);
        let top = u32::from(q >> 4) | (((high >> (j + 16)) & 1) << 4);
        out[j] = scale * low as f32 + least;
        out[j + 16] = scale * top as f32 + least;
    }
}

/// Scale; 32 signed bytes.
#[inline(always)]
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let scale = half_at(block, 0);
    for j in 0..32 {
        out[j] = scale * f32::from(block[2 + j] as i8);
    }
}

/// 16 bytes of scale and least nibbles, one a group of 16; 64 bytes of 2-bit
/// values; scale and least of the scales.
#[inline(always)]
fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scale, least) = (half_at(block, 80), half_at(block, 82));
    for group in 0..16 {
        let (half, shift) = (group / 8, 2 * (group % 8 / 2));
        let from = 16 + half * 32 + group % 2 * 16;
        let s = scale * f32::from(block[group] & 15);
        let m = least * f32::from(block[group] >> 4);
        for l in 0..16 {
            out[group * 16 + l] = s * f32::from((block[from + l] >> shift) & 3) - m;
        }
    }
}

/// 32 bytes of third bits; 64 bytes of 2-bit values; sixteen 6-bit scales in
/// 12 bytes; scale of the scales.
#[inline(always)]
fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let scale = half_at(block, 108);
    for group in 0..16 {
        let low = (block[96 + group % 8] >> (4 * (group / 8))) & 15;
        let high = (block[104 + group % 4] >> (2 * (group / 4))) & 3;
        let s = scale * f32::from((low | (high << 4)) as i8 - 32);
        let (half, pair) = (group / 8, group % 8 / 2);
        let (bit, from) = (half * 4 + pair, group % 2 * 16);
        for l in 0..16 {
            let q = (block[32 + half * 32 + from + l] >> (2 * pair)) & 3;
            let third = (block[from + l] >> bit) & 1;
            out[group * 16 + l] = s * f32::from((q | (third << 2)) as i8 - 4);
        }
    }
}

/// Scales and leasts of the eight groups of a `q4_k` or `q5_k` block: value = scale × q + least.
#[inline(always)]
pub(crate) fn group_scales(block: &[u8]) -> [[f32; 8]; 2] {
    let [s, m] = six_bits(&block[4..16]);
    let (s, m) = (s.to_le_bytes(), m.to_le_bytes());
    let (scale, least) = (half_at(block, 0), -half_at(block, 2));
    let (mut scales, mut leasts) = ([0.0; 8], [0.0; 8]);
    for group in 0..8 {
        scales[group] = scale * f32::from(s[group]);
        leasts[group] = least * f32::from(m[group]);
    }
    [scales, leasts]
}

/// Eight scales of 6 bits, then eight leasts, of the 12 bytes they are packed in.
#[inline(always)]
pub(crate) fn six_bits(packed: &[u8]) -> [u64; 2] {
    let word = |at: usize| {
        u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], packed[at + 3]])
    };
    let (a, b, c) = (word(0), word(4), word(8));
    let scales = (a & 0x3F3F_3F3F, c & 0x0F0F_0F0F | (a >> 6 & 0x0303_0303) << 4);
    let leasts = (b & 0x3F3F_3F3F, c >> 4 & 0x0F0F_0F0F | (b >> 6 & 0x0303_0303) << 4);
    let both = |(low, high): (u32, u32)| u64::from(low) | u64::from(high) << 32;
    [both(scales), both(leasts)]
}

/// Scale and least of the scales; 12 bytes of scales; 128 bytes of nibbles in groups of 32.
#[inline(always)]
fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let [scales, leasts] = group_scales(block);
    for group in 0..8 {
        let (s, m) = (scales[group], leasts[group]);
        let (from, shift) = (16 + group / 2 * 32, 4 * (group % 2));
        for l in 0..32 {
            out[group * 32 + l] = s * f32::from((block[from + l] >> shift) & 15) + m;
        }
    }
}

/// As `q4_k`, with 32 bytes of fifth bits before the nibbles.
#[inline(always)]
fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let [scales, leasts] = group_scales(block);
    for group in 0..8 {
        let (s, m) = (scales[group], leasts[group]);
        let (from, shift) = (48 + group / 2 * 32, 4 * (group % 2));
        for l in 0..32 {
            let fifth = (block[16 + l] >> group) & 1;
            out[group * 32 + l] =
                s * f32::from(((block[from + l] >> shift) & 15) | (fifth << 4)) + m;
        }
    }
}

/// 128 bytes of nibbles; 64 bytes of 2 high bits; 16 signed scales; scale of the scales.
#[inline(always)]
fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let scale = half_at(block, 208);
    for group in 0..16 {
        // Each half of 128 values holds four runs of 32: two from low nibbles, two from high.
        let (half, run, side) = (group / 8, group % 8 / 2, group % 2 * 16);
        let nibbles = half * 64 + run % 2 * 32 + side;
        let highs = 128 + half * 32 + side;
        let s = scale * f32::from(block[192 + group] as i8);
        for l in 0..16 {
            let low = (block[nibbles + l] >> (4 * (run / 2))) & 15;
            let high = (block[highs + l] >> (2 * run)) & 3;
            out[group * 16 + l] = s * f32::from((low | (high << 4)) as i8 - 32);
        }
    }
}

/// Random blocks, every bit of them tried, whose scales are ordinary numbers.
#[cfg(test)]
pub(crate) fn random_blocks(block: GgmlType, values: usize, seed: u64) -> Vec<u8> {
    let mut rng = ghost_core::rng::Rng::new(seed);
    let mut bytes: Vec<u8> =
        (0..block.row_bytes(values).expect("whole blocks")).map(|_| rng.next_u64() as u8).collect();
    // High bytes of half-precision scales: an exponent near a sixteenth.
    let scales: &[usize] = match block {
        GgmlType::F16 | GgmlType::Q4_0 | GgmlType::Q5_0 | GgmlType::Q8_0 => &[1],
        GgmlType::Q4_1 | GgmlType::Q5_1 | GgmlType::Q4_K | GgmlType::Q5_K => &[1, 3],
        GgmlType::Q2_K => &[81, 83],
        GgmlType::Q3_K => &[109],
        GgmlType::Q6_K => &[209],
        GgmlType::BF16 => &[1],
        GgmlType::F32 => &[3],
    };
    let wide = matches!(block, GgmlType::BF16 | GgmlType::F32);
    for block in bytes.chunks_mut(block.bytes_per_block()) {
        for at in scales {
            block[*at] = if wide { block[*at] & 0x80 | 0x3E } else { block[*at] & 0x83 | 0x2C };
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use candle_core::Device;
    use candle_core::quantized::{GgmlDType, ggml_file::qtensor_from_ggml};
    use ghost_core::rng::Rng;

    fn candles(block: GgmlType) -> GgmlDType {
        match block {
            GgmlType::F32 => GgmlDType::F32,
            GgmlType::F16 => GgmlDType::F16,
            GgmlType::BF16 => GgmlDType::BF16,
            GgmlType::Q4_0 => GgmlDType::Q4_0,
            GgmlType::Q4_1 => GgmlDType::Q4_1,
            GgmlType::Q5_0 => GgmlDType::Q5_0,
            GgmlType::Q5_1 => GgmlDType::Q5_1,
            GgmlType::Q8_0 => GgmlDType::Q8_0,
            GgmlType::Q2_K => GgmlDType::Q2K,
            GgmlType::Q3_K => GgmlDType::Q3K,
            GgmlType::Q4_K => GgmlDType::Q4K,
            GgmlType::Q5_K => GgmlDType::Q5K,
            GgmlType::Q6_K => GgmlDType::Q6K,
        }
    }

    /// Any bytes are a block, so random ones try every bit. Every type unpacks them as candle does.
    #[test]
    fn every_type_is_dequantised_as_candle_does() {
        let mut rng = Rng::new(3);
        for block in GgmlType::ALL {
            let n = 4096;
            let mut bytes = Vec::new();
            bytes.resize_with(block.row_bytes(n).unwrap(), || rng.next_u64() as u8);
            let theirs = qtensor_from_ggml(candles(block), &bytes, vec![n], &Device::Cpu).unwrap();
            let theirs = theirs.dequantize(&Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
            let mut ours = vec![0.0; n];
            block.dequantize(&bytes, &mut ours);
            for (at, (a, b)) in ours.iter().zip(&theirs).enumerate() {
                let near = (a - b).abs() <= 1e-5 * a.abs().max(b.abs());
                assert!(
                    near || a.to_bits() == b.to_bits() || (!a.is_finite() && !b.is_finite()),
                    "{block:?}: value {at} is {a}, candle says {b}"
                );
            }
        }
    }

    #[test]
    fn every_half_precision_number_is_converted_exactly() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (half_float(bits), half::f16::from_bits(bits).to_f32());
            assert!(ours == theirs || (ours.is_nan() && theirs.is_nan()), "{bits:#x}: {ours}");
        }
    }

    #[test]
    fn a_block_type_is_found_by_its_number() {
        for block in GgmlType::ALL {
            assert_eq!(GgmlType::from_ggml_id(block.ggml_id()), Some(block));
        }
        assert_eq!(GgmlType::from_ggml_id(9), None);
    }

    #[test]
    fn a_row_is_whole_blocks() {
        assert_eq!(GgmlType::Q4_1.row_bytes(64), Some(40));
        assert_eq!(GgmlType::Q4_1.row_bytes(48), None);
        assert_eq!(GgmlType::F32.row_bytes(usize::MAX), None);
    }
}
