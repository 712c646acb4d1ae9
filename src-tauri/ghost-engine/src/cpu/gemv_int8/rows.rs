//! The dot product of a row of each block type with a quantised row, in terms of a few operations on 32
//! numbers that each SIMD level defines: unpacking (`nibbles`, `low_nibbles`, `high_nibbles`,
//! `fifth_bits`, `high_bits5`, `high_bits2`, `signed`), scales of four blocks (`block_scales`,
//! `broadcast_scale`, `zero_mins`, `add_mins`, `sum_mins`) and of eight groups (`f16_pair`,
//! `group_factors`), and sums of products (`zero`, `add`, `add_by`, `add_signed`, `add_halves`,
//! `add_sums`, `hsum`). The layouts are ggml's `block_q4_0` and so on.

/// The rows, for the features named.
macro_rules! rows {
    ($features:literal) => {
        use super::vec::u64_at;
        use crate::cpu::simd::prefetch;
        use crate::quant::ggml::six_bits;

        rows!($features, q4_0, 18, -8.0, 0, add_by, |b: *const u8| nibbles(b.add(2)));
        rows!($features, q4_1, 20, 1.0, 2, add_by, |b: *const u8| nibbles(b.add(4)));
        rows!($features, q5_0, 22, -16.0, 0, add_by, |b: *const u8| fifth_bits(
            nibbles(b.add(6)),
            b.add(2).cast::<u32>().read_unaligned()
        ));
        rows!($features, q5_1, 24, 1.0, 2, add_by, |b: *const u8| fifth_bits(
            nibbles(b.add(8)),
            b.add(4).cast::<u32>().read_unaligned()
        ));
        rows!($features, q8_0, 34, 0.0, 0, add_signed, |b: *const u8| signed(b.add(2)));
        rows!($features, q4_k, 144, 16, |_: *const u8, _: usize, numbers| numbers);
        rows!($features, q5_k, 176, 48, |b: *const u8, group: usize, numbers| high_bits5(
            numbers,
            b.add(16),
            group as i32
        ));

        /// A row of such blocks against eight groups of `x` each.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn q6_k(bytes: &[u8], blocks: usize, x: &QuantizedVec) -> f32 {
            let (mut sums, mut min_sums) = ([zero(); 4], [0.0f32; 8]);
            for (n, block) in bytes.as_chunks::<210>().0[..blocks].iter().enumerate() {
                for line in 0..4 {
                    prefetch(block.as_ptr().wrapping_add(4 * 210 + 64 * line));
                }
                let (scale, scales) = (half(block, 208), [u64_at(block, 192), u64_at(block, 200)]);
                for side in 0..2 {
                    // SAFETY: groups `8 n` to `8 n + 7`, and both halves of each, are in `x`.
                    let halves = unsafe {
                        let at = 16 * n + 8 * side;
                        let mins =
                            group_factors::<true>(scales[side], scale, x.half_sum.as_ptr().add(at));
                        min_sums.iter_mut().zip(mins).for_each(|(sum, min)| *sum += min);
                        group_factors::<true>(scales[side], scale, x.half_scale.as_ptr().add(at))
                    };
                    for quarter in 0..4 {
                        // SAFETY: 32 bytes of nibbles, 32 of bits and a group of `x`, all within
                        // the block and the row.
                        unsafe {
                            let nibbles = block.as_ptr().add(side * 64 + quarter % 2 * 32);
                            let numbers = if quarter < 2 {
                                low_nibbles(nibbles)
                            } else {
                                high_nibbles(nibbles)
                            };
                            let bits = block.as_ptr().add(128 + side * 32);
                            let numbers = high_bits2(numbers, bits, 2 * quarter as i32);
                            let q = x.q.as_ptr().add((8 * n + 4 * side + quarter) * 32);
                            let (first, second) = (halves[2 * quarter], halves[2 * quarter + 1]);
                            sums[quarter] = add_halves(sums[quarter], numbers, q, first, second);
                        }
                    }
                }
            }
            let [a, b, c, d] = sums;
            hsum(add_sums(add_sums(a, b), add_sums(c, d))) - 32.0 * min_sums.iter().sum::<f32>()
        }
    };

    // Blocks of 32: `$times` the half-precision number at `$min` is the block's min.
    ($features:literal, $name:ident, $size:literal, $times:literal, $min:literal, $add:ident, $numbers:expr) => {
        /// A row of such blocks against as many groups of `x`.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &QuantizedVec) -> f32 {
            // Sums of their own for each of four blocks, so that none waits for the one before.
            let (mut sums, mut min_sums) = ([zero(); 4], zero_mins());
            let (fours, rest) = bytes.as_chunks::<$size>().0[..blocks].as_chunks::<4>();
            let head = |b: &[u8; $size]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            for (n, four) in fours.iter().enumerate() {
                let heads = four.each_ref().map(head);
                prefetch(four.as_ptr().cast::<u8>().wrapping_add(32 * $size));
                prefetch(four.as_ptr().cast::<u8>().wrapping_add(34 * $size));
                // SAFETY: the numbers are within the block, and groups `4 n` to `4 n + 3` in `x`.
                unsafe {
                    let scaled = block_scales::<{ $min > 0 }>(heads, x.pairs.as_ptr().add(8 * n));
                    min_sums = add_mins(min_sums, scaled);
                    for i in 0..4 {
                        let q = x.q.as_ptr().add((4 * n + i) * 32);
                        sums[i] = $add(
                            sums[i],
                            $numbers(four[i].as_ptr()),
                            q,
                            broadcast_scale(scaled, i),
                        );
                    }
                }
            }
            if !rest.is_empty() {
                let n = fours.len();
                let heads = std::array::from_fn(|i| rest.get(i).map_or(0, head));
                // SAFETY: as above; pairs are there for four groups at a time.
                unsafe {
                    let scaled = block_scales::<{ $min > 0 }>(heads, x.pairs.as_ptr().add(8 * n));
                    min_sums = add_mins(min_sums, scaled);
                    for (i, block) in rest.iter().enumerate() {
                        let q = x.q.as_ptr().add((4 * n + i) * 32);
                        sums[i] =
                            $add(sums[i], $numbers(block.as_ptr()), q, broadcast_scale(scaled, i));
                    }
                }
            }
            let [a, b, c, d] = sums;
            hsum(add_sums(add_sums(a, b), add_sums(c, d))) + $times * sum_mins(min_sums)
        }
    };

    // Both nibble types of 256; the nibbles begin at `$nibbles`.
    ($features:literal, $name:ident, $size:literal, $nibbles:literal, $high_bits:expr) => {
        /// A row of such blocks against eight groups of `x` each.
        ///
        /// # Safety
        /// The processor has the features named; `x` holds the groups.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &QuantizedVec) -> f32 {
            let (mut sums, mut min_sums) = ([zero(); 4], [0.0f32; 8]);
            for (n, block) in bytes.as_chunks::<$size>().0[..blocks].iter().enumerate() {
                prefetch(block.as_ptr().wrapping_add(4 * $size));
                prefetch(block.as_ptr().wrapping_add(4 * $size + 64));
                prefetch(block.as_ptr().wrapping_add(4 * $size + 128));
                let [scales, mins] = six_bits(&block[4..16]);
                let [scale, min] =
                    f16_pair(u32::from_le_bytes([block[0], block[1], block[2], block[3]]));
                // SAFETY: groups `8 n` to `8 n + 7` are in `x`.
                let scales = unsafe {
                    let mins = group_factors::<false>(mins, min, x.sum.as_ptr().add(8 * n));
                    min_sums.iter_mut().zip(mins).for_each(|(sum, min)| *sum += min);
                    group_factors::<false>(scales, scale, x.scale.as_ptr().add(8 * n))
                };
                for group in 0..8 {
                    // SAFETY: 32 bytes of nibbles for two groups, within the block; the group is
                    // within `x`.
                    unsafe {
                        let at = block.as_ptr().add($nibbles + group / 2 * 32);
                        let numbers =
                            if group % 2 == 0 { low_nibbles(at) } else { high_nibbles(at) };
                        let numbers = $high_bits(block.as_ptr(), group, numbers);
                        let q = x.q.as_ptr().add((8 * n + group) * 32);
                        sums[group % 4] = add(sums[group % 4], numbers, q, scales[group]);
                    }
                }
            }
            let [a, b, c, d] = sums;
            hsum(add_sums(add_sums(a, b), add_sums(c, d))) - min_sums.iter().sum::<f32>()
        }
    };
}

pub(super) use rows;
