//! A row of each type of block against a coded row, in terms of a few operations on 32 numbers,
//! which a tier has of its own: how numbers are unpacked (`nibbles`, `lows`, `highs`,
//! `fifth_bits`, `fifths`, `twos`, `signed`) and summed (`zero`, `add`, `add_signed`,
//! `add_halves`, `total`). The layouts are those of ggml's `block_q4_0` and so on.

/// The rows, for the features named.
macro_rules! rows {
    ($features:literal) => {
        use super::six_bits;

        rows!($features, q4_0, 18, -8.0, 0, add, |b: *const u8| nibbles(b.add(2)));
        rows!($features, q4_1, 20, 1.0, 2, add, |b: *const u8| nibbles(b.add(4)));
        rows!($features, q5_0, 22, -16.0, 0, add, |b: *const u8| fifth_bits(
            nibbles(b.add(6)),
            b.add(2).cast::<u32>().read_unaligned()
        ));
        rows!($features, q5_1, 24, 1.0, 2, add, |b: *const u8| fifth_bits(
            nibbles(b.add(8)),
            b.add(4).cast::<u32>().read_unaligned()
        ));
        rows!($features, q8_0, 34, 0.0, 0, add_signed, |b: *const u8| signed(b.add(2)));
        rows!($features, q4_k, 144, 16, |_: *const u8, _: usize, numbers| numbers);
        rows!($features, q5_k, 176, 48, |b: *const u8, group: usize, numbers| fifths(
            numbers,
            b.add(16),
            group as i32
        ));

        /// A row of such blocks against eight groups of `x` each.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn q6_k(bytes: &[u8], blocks: usize, x: &Row) -> f32 {
            let (mut sums, mut least) = (zero(), 0.0f32);
            for (n, block) in bytes.as_chunks::<210>().0[..blocks].iter().enumerate() {
                let scale = half(block, 208);
                for group in 0..8 {
                    let (side, quarter) = (group / 4, group % 4);
                    let of = |i: usize| scale * f32::from(block[192 + 2 * group + i] as i8);
                    // SAFETY: 32 bytes of nibbles, 32 of bits and a group of `x`, all within the
                    // block and the row.
                    unsafe {
                        let nibbles = block.as_ptr().add(side * 64 + quarter % 2 * 32);
                        let numbers = if quarter < 2 { lows(nibbles) } else { highs(nibbles) };
                        let bits = block.as_ptr().add(128 + side * 32);
                        let numbers = twos(numbers, bits, 2 * quarter as i32);
                        let g = n * 8 + group;
                        let row = *x.scale.get_unchecked(g);
                        let q = x.q.as_ptr().add(g * 32);
                        sums = add_halves(sums, numbers, q, of(0) * row, of(1) * row);
                        least += of(0) * x.half_sum.get_unchecked(2 * g)
                            + of(1) * x.half_sum.get_unchecked(2 * g + 1);
                    }
                }
            }
            total(sums) - 32.0 * least
        }
    };

    // Blocks of 32: `$times` the half-precision number at `$least` is the block's least.
    ($features:literal, $name:ident, $size:literal, $times:literal, $least:literal, $add:ident, $numbers:expr) => {
        /// A row of such blocks against as many groups of `x`.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &Row) -> f32 {
            let (mut sums, mut least) = (zero(), 0.0f32);
            for (g, block) in bytes.as_chunks::<$size>().0[..blocks].iter().enumerate() {
                // SAFETY: the numbers are within the block, and group `g` within `x`.
                unsafe {
                    let scale = half(block, 0) * x.scale.get_unchecked(g);
                    sums = $add(sums, $numbers(block.as_ptr()), x.q.as_ptr().add(g * 32), scale);
                    least += half(block, $least) * x.sum.get_unchecked(g);
                }
            }
            total(sums) + $times * least
        }
    };

    // Both nibble types of 256; the nibbles begin at `$nibbles`.
    ($features:literal, $name:ident, $size:literal, $nibbles:literal, $fifths:expr) => {
        /// A row of such blocks against eight groups of `x` each.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &Row) -> f32 {
            let (mut sums, mut least) = (zero(), 0.0f32);
            for (n, block) in bytes.as_chunks::<$size>().0[..blocks].iter().enumerate() {
                let [scales, mins] = six_bits(&block[4..16]).map(u64::to_le_bytes);
                let (scale, min) = (half(block, 0), half(block, 2));
                for group in 0..8 {
                    // SAFETY: 32 bytes of nibbles for two groups, within the block; group `g`
                    // within `x`.
                    unsafe {
                        let at = block.as_ptr().add($nibbles + group / 2 * 32);
                        let numbers = if group % 2 == 0 { lows(at) } else { highs(at) };
                        let numbers = $fifths(block.as_ptr(), group, numbers);
                        let g = n * 8 + group;
                        let each = scale * f32::from(scales[group]) * x.scale.get_unchecked(g);
                        sums = add(sums, numbers, x.q.as_ptr().add(g * 32), each);
                        least += min * f32::from(mins[group]) * x.sum.get_unchecked(g);
                    }
                }
            }
            total(sums) - least
        }
    };
}

pub(super) use rows;
