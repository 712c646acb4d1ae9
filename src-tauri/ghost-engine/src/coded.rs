//! Frozen values as whole numbers of eight bits: `value = scale · q + least`, a scale and a least
//! for each 32.
//!
//! Types whose groups are 32 wide keep their own numbers exactly; the others are coded anew, which
//! moves a value by at most 1/254 of the largest beside it. What products in eight bits read.
//! Knows nothing of instructions.

use crate::block::{self, BlockType};

/// Values that share a scale.
pub(crate) const GROUP: usize = 32;
/// What is added to a signed number to make it an unsigned one.
const MIDDLE: f32 = 128.0;
/// 1.5 · 2²³: what is added to it loses its fraction to the nearest whole number, halves to the
/// even one, and that number stands in the low bits.
const MAGIC: f32 = 12_582_912.0;

/// Where coded values go: as many as there are, and one scale and least for each [`GROUP`].
pub(crate) struct Coded<'a> {
    pub(crate) q: &'a mut [u8],
    pub(crate) scale: &'a mut [f32],
    pub(crate) least: &'a mut [f32],
}

/// The nearest whole number, for values within ±2²².
#[inline(always)]
pub(crate) fn nearest(x: f32) -> i32 {
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

/// The largest magnitude; not a number where one of them is none.
#[inline(always)]
pub(crate) fn largest(values: &[f32]) -> f32 {
    // As whole numbers, the bits of magnitudes are in the order of the magnitudes, NaN above all.
    let bits = values.iter().fold(0, |most: u32, value| most.max(value.to_bits() & 0x7FFF_FFFF));
    f32::from_bits(bits)
}

/// A scale that brings magnitudes up to `largest` within ±127, and its inverse.
#[inline(always)]
pub(crate) fn scale_of(largest: f32) -> (f32, f32) {
    // Below the smallest normal the inverse would be infinite, and the values are nothing anyway.
    if largest < 127.0 * f32::MIN_POSITIVE {
        (0.0, 0.0)
    } else {
        (largest / 127.0, 127.0 / largest)
    }
}

/// What the coded numbers of a type stay below is 2 to this.
pub(crate) fn bits(block: BlockType) -> u32 {
    match block {
        BlockType::Q4_0 | BlockType::Q4_1 | BlockType::Q4_K => 4,
        BlockType::Q5_0 | BlockType::Q5_1 | BlockType::Q5_K => 5,
        _ => 8,
    }
}

/// Blocks of one group each. No function that is given another: only what is called by name is
/// compiled for its caller's vectors.
macro_rules! groups {
    ($bytes:expr, $to:expr, $one:ident) => {{
        let blocks = $bytes.as_chunks().0.iter().zip($to.q.as_chunks_mut().0);
        for ((block, q), (scale, least)) in blocks.zip($to.scale.iter_mut().zip($to.least)) {
            (*scale, *least) = $one(block, q);
        }
    }};
}

/// Blocks of eight groups each.
macro_rules! eights {
    ($bytes:expr, $to:expr, $one:ident) => {{
        let blocks = $bytes.as_chunks().0.iter().zip($to.q.as_chunks_mut().0);
        let scales = $to.scale.as_chunks_mut().0.iter_mut().zip($to.least.as_chunks_mut().0);
        for ((block, q), (scale, least)) in blocks.zip(scales) {
            [*scale, *least] = $one(block, q);
        }
    }};
}

/// Codes whole blocks of one row.
#[inline(always)] // into callers that are compiled for wider vectors
pub(crate) fn code(block: BlockType, bytes: &[u8], to: Coded<'_>) {
    match block {
        BlockType::Q4_0 => groups!(bytes, to, q4_0),
        BlockType::Q4_1 => groups!(bytes, to, q4_1),
        BlockType::Q5_0 => groups!(bytes, to, q5_0),
        BlockType::Q5_1 => groups!(bytes, to, q5_1),
        BlockType::Q8_0 => groups!(bytes, to, q8_0),
        BlockType::Q4_K => eights!(bytes, to, q4_k),
        BlockType::Q5_K => eights!(bytes, to, q5_k),
        BlockType::Q6_K => eights!(bytes, to, q6_k),
        _ => anew(block, bytes, to),
    }
}

/// A type whose groups are not 32 wide, or that has none.
#[inline(always)]
fn anew(block: BlockType, bytes: &[u8], to: Coded<'_>) {
    let mut values = [0.0; 256];
    let width = block.values_per_block();
    // Types without blocks are taken 256 at a time too; a tail is as long as it is.
    let blocks_at_a_time = (256 / width).max(1);
    let mut groups = to.q.chunks_mut(GROUP).zip(to.scale.iter_mut().zip(to.least));
    for bytes in bytes.chunks(blocks_at_a_time * block.bytes_per_block()) {
        let values = &mut values[..bytes.len() / block.bytes_per_block() * width];
        block.unpack(bytes, values);
        for (values, (q, (scale, least))) in values.chunks(GROUP).zip(&mut groups) {
            let (step, inverse) = scale_of(largest(values));
            for (q, value) in q.iter_mut().zip(values) {
                *q = (nearest(value * inverse) + MIDDLE as i32) as u8;
            }
            (*scale, *least) = (step, -MIDDLE * step);
        }
    }
}

#[inline(always)]
fn q4_0(block: &[u8; 18], q: &mut [u8; GROUP]) -> (f32, f32) {
    let scale = block::half_at(block, 0);
    nibbles(&block[2..], q);
    (scale, -8.0 * scale)
}

#[inline(always)]
fn q4_1(block: &[u8; 20], q: &mut [u8; GROUP]) -> (f32, f32) {
    nibbles(&block[4..], q);
    (block::half_at(block, 0), block::half_at(block, 2))
}

#[inline(always)]
fn q5_0(block: &[u8; 22], q: &mut [u8; GROUP]) -> (f32, f32) {
    let scale = block::half_at(block, 0);
    nibbles(&block[6..], q);
    fifth_bits(block::bits_at(block, 2), q);
    (scale, -16.0 * scale)
}

#[inline(always)]
fn q5_1(block: &[u8; 24], q: &mut [u8; GROUP]) -> (f32, f32) {
    nibbles(&block[8..], q);
    fifth_bits(block::bits_at(block, 4), q);
    (block::half_at(block, 0), block::half_at(block, 2))
}

#[inline(always)]
fn q8_0(block: &[u8; 34], q: &mut [u8; GROUP]) -> (f32, f32) {
    let scale = block::half_at(block, 0);
    for (q, byte) in q.iter_mut().zip(&block[2..]) {
        *q = byte ^ 0x80;
    }
    (scale, -MIDDLE * scale)
}

#[inline(always)]
fn q4_k(block: &[u8; 144], q: &mut [u8; 8 * GROUP]) -> [[f32; 8]; 2] {
    halves(&block[16..], q);
    block::group_scales(block)
}

#[inline(always)]
fn q5_k(block: &[u8; 176], q: &mut [u8; 8 * GROUP]) -> [[f32; 8]; 2] {
    halves(&block[48..], q);
    for (group, q) in q.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        for (q, fifths) in q.iter_mut().zip(&block[16..48]) {
            *q |= ((fifths >> group) & 1) << 4;
        }
    }
    block::group_scales(block)
}

/// Its scales are for 16 numbers each, so that those of a pair are made one.
#[inline(always)]
fn q6_k(block: &[u8; 210], q: &mut [u8; 8 * GROUP]) -> [[f32; 8]; 2] {
    let unit = block::half_at(block, 208);
    let (mut scales, mut leasts) = ([0.0; 8], [0.0; 8]);
    for (group, q) in q.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        // Each half of 128 values holds four runs of 32: two from low nibbles, two from high.
        let (half, run) = (group / 4, group % 4);
        let nibbles = &block[half * 64 + run % 2 * 32..][..GROUP];
        let highs = &block[128 + half * 32..][..GROUP];
        let mut values = [0i32; GROUP];
        let mut most = 0;
        for l in 0..GROUP {
            let low = (nibbles[l] >> (4 * (run / 2))) & 15;
            let high = (highs[l] >> (2 * run)) & 3;
            let scale = i32::from(block[192 + 2 * group + l / 16] as i8);
            values[l] = (i32::from(low | (high << 4)) - 32) * scale;
            most = values[l].abs().max(most);
        }
        let (step, inverse) = scale_of(unit.abs() * most as f32);
        // A unit that is no number is passed on by the scale.
        let step = if unit.is_finite() { step } else { f32::NAN };
        let inverse = unit * inverse;
        for l in 0..GROUP {
            q[l] = (nearest(values[l] as f32 * inverse) + MIDDLE as i32) as u8;
        }
        (scales[group], leasts[group]) = (step, -MIDDLE * step);
    }
    [scales, leasts]
}

/// Low halves of 32 bytes, then high halves; four times.
#[inline(always)]
fn halves(bytes: &[u8], q: &mut [u8; 8 * GROUP]) {
    for (q, bytes) in q.as_chunks_mut::<64>().0.iter_mut().zip(bytes.as_chunks::<GROUP>().0) {
        let (low, high) = q.split_at_mut(GROUP);
        split(bytes, low, high);
    }
}

/// Low halves of 16 bytes, then high halves.
#[inline(always)]
fn nibbles(bytes: &[u8], q: &mut [u8; GROUP]) {
    let (low, high) = q.split_at_mut(GROUP / 2);
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
fn fifth_bits(bits: u32, q: &mut [u8; GROUP]) {
    for (j, q) in q.iter_mut().enumerate() {
        *q |= ((bits >> j) & 1) as u8 * 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_coded_to_within_its_promise() {
        for block in BlockType::ALL {
            let n = 1024;
            let bytes = block::some_blocks(block, n, 5);
            let (mut q, mut scale, mut least) = (vec![0; n], vec![0.0; n / 32], vec![0.0; n / 32]);
            code(block, &bytes, Coded { q: &mut q, scale: &mut scale, least: &mut least });
            let mut plain = vec![0.0; n];
            block.unpack(&bytes, &mut plain);
            for (g, values) in plain.chunks(GROUP).enumerate() {
                let exact = matches!(
                    block,
                    BlockType::Q4_0
                        | BlockType::Q4_1
                        | BlockType::Q5_0
                        | BlockType::Q5_1
                        | BlockType::Q8_0
                        | BlockType::Q4_K
                        | BlockType::Q5_K
                );
                let within = if exact { 1e-5 } else { 1.01 / 254.0 } * largest(values);
                for (i, value) in values.iter().enumerate() {
                    let coded = scale[g] * f32::from(q[g * GROUP + i]) + least[g];
                    assert!((coded - value).abs() <= within, "{block:?}: {coded} for {value}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_whole_number() {
        for (x, whole) in [(0.0, 0), (0.5, 0), (1.5, 2), (-0.6, -1), (126.9, 127), (-127.0, -127)] {
            assert_eq!(nearest(x), whole, "{x}");
        }
    }

    #[test]
    fn what_is_no_number_is_the_largest() {
        assert!(largest(&[1.0, f32::NAN, -3.0]).is_nan());
        assert_eq!(largest(&[1.0, -3.0, 2.0]), 3.0);
        assert_eq!(scale_of(0.0), (0.0, 0.0));
    }
}
