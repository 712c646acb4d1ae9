//! Frozen values as eight-bit integers: `value = scale · q + min`, with a scale and a min for each 32.
//! Products in eight bits read this form.
//!
//! Types with groups of 32 keep their own integers exactly; others are requantised, which changes a value
//! by at most 1/254 of the largest in its block.

use crate::quant::ggml::{self, GgmlType};

/// Values that share a scale.
pub(crate) const BLOCK: usize = 32;
/// The offset that makes a signed number unsigned.
const MIDDLE: f32 = 128.0;
/// 1.5 · 2²³: what is added to it loses its fraction to the nearest whole number, halves to the
/// even one, and that number is in the low bits.
const MAGIC: f32 = 12_582_912.0;

/// Where coded values go: as many as there are, and one scale and min for each [`BLOCK`].
pub(crate) struct QuantizedBlocks<'a> {
    pub(crate) q: &'a mut [u8],
    pub(crate) scale: &'a mut [f32],
    pub(crate) min: &'a mut [f32],
}

/// The nearest whole number, for values within ±2²².
#[inline(always)]
pub(crate) fn round(x: f32) -> i32 {
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

/// The largest magnitude; not a number where one of them is none.
#[inline(always)]
pub(crate) fn max_magnitude(values: &[f32]) -> f32 {
    // As whole numbers, the bits of magnitudes are in the order of the magnitudes, NaN above all.
    let bits = values.iter().fold(0, |most: u32, value| most.max(value.to_bits() & 0x7FFF_FFFF));
    f32::from_bits(bits)
}

/// A scale that brings magnitudes up to `largest` within ±127, and its inverse.
#[inline(always)]
pub(crate) fn scale_for(largest: f32) -> (f32, f32) {
    // Below the smallest normal the inverse would be infinite, and the values are nothing anyway.
    if largest < 127.0 * f32::MIN_POSITIVE {
        (0.0, 0.0)
    } else {
        (largest / 127.0, 127.0 / largest)
    }
}

/// The bits of the quantised numbers of a type.
pub(crate) fn bits(block: GgmlType) -> u32 {
    match block {
        GgmlType::Q4_0 | GgmlType::Q4_1 | GgmlType::Q4_K => 4,
        GgmlType::Q5_0 | GgmlType::Q5_1 | GgmlType::Q5_K => 5,
        _ => 8,
    }
}

/// Blocks of one group each. No function that is given another: only what is called by name is
/// compiled for its caller's vectors.
macro_rules! groups {
    ($bytes:expr, $to:expr, $one:ident) => {{
        let blocks = $bytes.as_chunks().0.iter().zip($to.q.as_chunks_mut().0);
        for ((block, q), (scale, min)) in blocks.zip($to.scale.iter_mut().zip($to.min)) {
            (*scale, *min) = $one(block, q);
        }
    }};
}

/// Blocks of eight groups each.
macro_rules! eights {
    ($bytes:expr, $to:expr, $one:ident) => {{
        let blocks = $bytes.as_chunks().0.iter().zip($to.q.as_chunks_mut().0);
        let scales = $to.scale.as_chunks_mut().0.iter_mut().zip($to.min.as_chunks_mut().0);
        for ((block, q), (scale, min)) in blocks.zip(scales) {
            [*scale, *min] = $one(block, q);
        }
    }};
}

/// Codes whole blocks of one row.
#[inline(always)] // into callers that are compiled for wider vectors
pub(crate) fn quantize(block: GgmlType, bytes: &[u8], to: QuantizedBlocks<'_>) {
    match block {
        GgmlType::Q4_0 => groups!(bytes, to, q4_0),
        GgmlType::Q4_1 => groups!(bytes, to, q4_1),
        GgmlType::Q5_0 => groups!(bytes, to, q5_0),
        GgmlType::Q5_1 => groups!(bytes, to, q5_1),
        GgmlType::Q8_0 => groups!(bytes, to, q8_0),
        GgmlType::Q4_K => eights!(bytes, to, q4_k),
        GgmlType::Q5_K => eights!(bytes, to, q5_k),
        GgmlType::Q6_K => eights!(bytes, to, q6_k),
        _ => requantize(block, bytes, to),
    }
}

/// A type whose groups are not 32 wide, or that has none.
#[inline(always)]
fn requantize(block: GgmlType, bytes: &[u8], to: QuantizedBlocks<'_>) {
    let mut values = [0.0; 256];
    let width = block.values_per_block();
    // Types without blocks are taken 256 at a time too; a tail may be shorter.
    let blocks_at_a_time = (256 / width).max(1);
    let mut groups = to.q.chunks_mut(BLOCK).zip(to.scale.iter_mut().zip(to.min));
    for bytes in bytes.chunks(blocks_at_a_time * block.bytes_per_block()) {
        let values = &mut values[..bytes.len() / block.bytes_per_block() * width];
        block.dequantize(bytes, values);
        for (values, (q, (scale, min))) in values.chunks(BLOCK).zip(&mut groups) {
            let (step, inverse) = scale_for(max_magnitude(values));
            for (q, value) in q.iter_mut().zip(values) {
                *q = (round(value * inverse) + MIDDLE as i32) as u8;
            }
            (*scale, *min) = (step, -MIDDLE * step);
        }
    }
}

#[inline(always)]
fn q4_0(block: &[u8; 18], q: &mut [u8; BLOCK]) -> (f32, f32) {
    let scale = ggml::half_at(block, 0);
    nibbles(&block[2..], q);
    (scale, -8.0 * scale)
}

#[inline(always)]
fn q4_1(block: &[u8; 20], q: &mut [u8; BLOCK]) -> (f32, f32) {
    nibbles(&block[4..], q);
    (ggml::half_at(block, 0), ggml::half_at(block, 2))
}

#[inline(always)]
fn q5_0(block: &[u8; 22], q: &mut [u8; BLOCK]) -> (f32, f32) {
    let scale = ggml::half_at(block, 0);
    nibbles(&block[6..], q);
    fifth_bits(ggml::bits_at(block, 2), q);
    (scale, -16.0 * scale)
}

#[inline(always)]
fn q5_1(block: &[u8; 24], q: &mut [u8; BLOCK]) -> (f32, f32) {
    nibbles(&block[8..], q);
    fifth_bits(ggml::bits_at(block, 4), q);
    (ggml::half_at(block, 0), ggml::half_at(block, 2))
}

#[inline(always)]
fn q8_0(block: &[u8; 34], q: &mut [u8; BLOCK]) -> (f32, f32) {
    let scale = ggml::half_at(block, 0);
    for (q, byte) in q.iter_mut().zip(&block[2..]) {
        *q = byte ^ 0x80;
    }
    (scale, -MIDDLE * scale)
}

#[inline(always)]
fn q4_k(block: &[u8; 144], q: &mut [u8; 8 * BLOCK]) -> [[f32; 8]; 2] {
    halves(&block[16..], q);
    ggml::group_scales(block)
}

#[inline(always)]
fn q5_k(block: &[u8; 176], q: &mut [u8; 8 * BLOCK]) -> [[f32; 8]; 2] {
    halves(&block[48..], q);
    for (group, q) in q.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        for (q, fifths) in q.iter_mut().zip(&block[16..48]) {
            *q |= ((fifths >> group) & 1) << 4;
        }
    }
    ggml::group_scales(block)
}

/// Its scales are for 16 numbers each, so that those of a pair are made one.
#[inline(always)]
fn q6_k(block: &[u8; 210], q: &mut [u8; 8 * BLOCK]) -> [[f32; 8]; 2] {
    let unit = ggml::half_at(block, 208);
    let (mut scales, mut mins) = ([0.0; 8], [0.0; 8]);
    for (group, q) in q.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        // Each half of 128 values holds four runs of 32: two from low nibbles, two from high.
        let (half, run) = (group / 4, group % 4);
        let nibbles = &block[half * 64 + run % 2 * 32..][..BLOCK];
        let highs = &block[128 + half * 32..][..BLOCK];
        let mut values = [0i32; BLOCK];
        let mut most = 0;
        for l in 0..BLOCK {
            let low = (nibbles[l] >> (4 * (run / 2))) & 15;
            let high = (highs[l] >> (2 * run)) & 3;
            let scale = i32::from(block[192 + 2 * group + l / 16] as i8);
            values[l] = (i32::from(low | (high << 4)) - 32) * scale;
            most = values[l].abs().max(most);
        }
        let (step, inverse) = scale_for(unit.abs() * most as f32);
        // NaN is passed on by the scale.
        let step = if unit.is_finite() { step } else { f32::NAN };
        let inverse = unit * inverse;
        for l in 0..BLOCK {
            q[l] = (round(values[l] as f32 * inverse) + MIDDLE as i32) as u8;
        }
        (scales[group], mins[group]) = (step, -MIDDLE * step);
    }
    [scales, mins]
}

/// Low halves of 32 bytes, then high halves; four times.
#[inline(always)]
fn halves(bytes: &[u8], q: &mut [u8; 8 * BLOCK]) {
    for (q, bytes) in q.as_chunks_mut::<64>().0.iter_mut().zip(bytes.as_chunks::<BLOCK>().0) {
        let (low, high) = q.split_at_mut(BLOCK);
        split(bytes, low, high);
    }
}

/// Low halves of 16 bytes, then high halves.
#[inline(always)]
fn nibbles(bytes: &[u8], q: &mut [u8; BLOCK]) {
    let (low, high) = q.split_at_mut(BLOCK / 2);
    split(bytes, low, high);
}

/// Low and high halves of bytes, eight at a time, so that it takes no luck to make them wide.
#[inline(always)]
fn split(bytes: &[u8], low: &mut [u8], high: &mut [u8]) {
    const LOW: u64 = 0x0F0F_0F0F_0F0F_0F0F;
    let out = low.as_chunks_mut::<8>().0.iter_mut().zip(high.as_chunks_mut::<8>().0);
    for (eight, (low, high)) in bytes.as_chunks::<8>().0.iter().zip(out) {
        let eight = u64::from_le_bytes(*eight);
        *low = (eight & LOW).to_le_bytes();
        *high = (eight >> 4 & LOW).to_le_bytes();
    }
}

#[inline(always)]
fn fifth_bits(bits: u32, q: &mut [u8; BLOCK]) {
    for (j, q) in q.iter_mut().enumerate() {
        *q |= ((bits >> j) & 1) as u8 * 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_quantised_within_its_error_bound() {
        for block in GgmlType::ALL {
            let n = 1024;
            let bytes = ggml::random_blocks(block, n, 5);
            let (mut q, mut scale, mut min) = (vec![0; n], vec![0.0; n / 32], vec![0.0; n / 32]);
            quantize(
                block,
                &bytes,
                QuantizedBlocks { q: &mut q, scale: &mut scale, min: &mut min },
            );
            let mut plain = vec![0.0; n];
            block.dequantize(&bytes, &mut plain);
            for (g, values) in plain.chunks(BLOCK).enumerate() {
                let exact = matches!(
                    block,
                    GgmlType::Q4_0
                        | GgmlType::Q4_1
                        | GgmlType::Q5_0
                        | GgmlType::Q5_1
                        | GgmlType::Q8_0
                        | GgmlType::Q4_K
                        | GgmlType::Q5_K
                );
                let within = if exact { 1e-5 } else { 1.01 / 254.0 } * max_magnitude(values);
                for (i, value) in values.iter().enumerate() {
                    let coded = scale[g] * f32::from(q[g * BLOCK + i]) + min[g];
                    assert!((coded - value).abs() <= within, "{block:?}: {coded} for {value}");
                }
            }
        }
    }

    #[test]
    fn values_round_to_the_nearest_integer() {
        for (x, whole) in [(0.0, 0), (0.5, 0), (1.5, 2), (-0.6, -1), (126.9, 127), (-127.0, -127)] {
            assert_eq!(round(x), whole, "{x}");
        }
    }

    #[test]
    fn nan_is_the_largest_magnitude() {
        assert!(max_magnitude(&[1.0, f32::NAN, -3.0]).is_nan());
        assert_eq!(max_magnitude(&[1.0, -3.0, 2.0]), 3.0);
        assert_eq!(scale_for(0.0), (0.0, 0.0));
    }
}
