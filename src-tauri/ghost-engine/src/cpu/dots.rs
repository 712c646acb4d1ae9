//! One row against a frozen weight, at the weight's own bit width: what drafting spends its time
//! on, and what it waits for is memory.
//!
//! The row is coded once, as in [`super::eight`]; then every row of the weight is read where it
//! lies in the file and multiplied as it is unpacked, 64 values at a time.

use rayon::prelude::*;

use super::eight::code_group;
use super::tier::Tier;
use super::wide;
use crate::block::BlockType;
use crate::coded::{self, Coded, GROUP};
use crate::weight::Weight;

/// Bytes of a weight a thread takes at a time.
const SHARE: usize = 1 << 16;

/// A row in eight bits, padded to two groups.
#[derive(Default)]
pub(super) struct Row {
    q: Vec<u8>,
    /// One a group.
    scale: Vec<f32>,
    /// Scale × sum of the numbers, one a group.
    sum: Vec<f32>,
    /// The same for each half of a group.
    half_sum: Vec<f32>,
}

impl Row {
    /// Codes a row.
    pub(super) fn code(&mut self, tier: Tier, x: &[f32]) {
        let groups = x.len().div_ceil(2 * GROUP) * 2;
        self.q.resize(groups * GROUP, 0);
        self.scale.resize(groups, 0.0);
        self.sum.resize(groups, 0.0);
        self.half_sum.resize(2 * groups, 0.0);
        code_row(tier.arch(), tier, x, self);
    }
}

/// Whether a weight of this type is multiplied in eight bits.
pub(super) fn suits(block: BlockType) -> bool {
    !matches!(block, BlockType::F32 | BlockType::F16 | BlockType::BF16)
}

/// Each weight's rows against `x`, all in one sweep of the threads.
pub(super) fn against(tier: Tier, x: &Row, outs: &mut [(&Weight, &mut [f32])]) {
    let mut shares: Vec<(&Weight, usize, &mut [f32])> = Vec::new();
    for (w, y) in outs.iter_mut() {
        let rows = (SHARE / w.row_len()).max(1);
        shares.extend(y.chunks_mut(rows).enumerate().map(|(i, y)| (&**w, i * rows, y)));
    }
    shares.into_par_iter().with_max_len(1).for_each_init(Spare::default, |spare, (w, first, y)| {
        for (i, y) in y.iter_mut().enumerate() {
            *y = tier.dot(w.block, w.row_bytes(first + i), x, spare);
        }
    });
}

/// A row of a weight, coded, where no shorter way is known.
#[derive(Default)]
struct Spare {
    q: Vec<u8>,
    scale: Vec<f32>,
    least: Vec<f32>,
}

impl Tier {
    fn dot(self, block: BlockType, bytes: &[u8], x: &Row, spare: &mut Spare) -> f32 {
        #[cfg(target_arch = "x86_64")]
        if let Self::Avx512Vnni(_) = self {
            let blocks = bytes.len() / block.bytes_per_block();
            assert!(
                x.q.len() >= blocks * block.values_per_block(),
                "a row as long as the weight is wide"
            );
            // SAFETY: the tier was found on this processor; the row holds whole blocks, and `x`
            // as many values by the assert above, rounded up to two groups.
            #[allow(unsafe_code)]
            unsafe {
                match block {
                    BlockType::Q4_1 => return avx512::q4_1(bytes, blocks, x),
                    BlockType::Q4_0 => return avx512::q4_0(bytes, blocks, x),
                    BlockType::Q5_0 => return avx512::q5_0(bytes, blocks, x),
                    BlockType::Q5_1 => return avx512::q5_1(bytes, blocks, x),
                    BlockType::Q8_0 => return avx512::q8_0(bytes, blocks, x),
                    BlockType::Q4_K => return avx512::q4_k(bytes, blocks, x),
                    BlockType::Q5_K => return avx512::q5_k(bytes, blocks, x),
                    BlockType::Q6_K => return avx512::q6_k(bytes, blocks, x),
                    _ => {}
                }
            }
        }
        dot(self.arch(), block, bytes, x, spare)
    }
}

wide! {
    fn code_row<'a>(tier: Tier, x: &'a [f32], to: &'a mut Row) -> () {
        let groups = to.q.as_chunks_mut::<GROUP>().0.iter_mut().enumerate();
        for (g, to_q) in groups {
            let mut padded = [0.0; GROUP];
            let x = &x[(g * GROUP).min(x.len())..((g + 1) * GROUP).min(x.len())];
            padded[..x.len()].copy_from_slice(x);
            let (q, scale, sum) = code_group(tier, &padded);
            *to_q = q;
            to.scale[g] = scale;
            to.sum[g] = scale * sum as f32;
            let first: i32 = q[..GROUP / 2].iter().map(|q| i32::from(*q as i8)).sum();
            to.half_sum[2 * g] = scale * first as f32;
            to.half_sum[2 * g + 1] = scale * (sum - first) as f32;
        }
    }

    fn dot<'a>(block: BlockType, bytes: &'a [u8], x: &'a Row, spare: &'a mut Spare) -> f32 {
        let values = bytes.len() / block.bytes_per_block() * block.values_per_block();
        let groups = values.div_ceil(GROUP);
        spare.q.resize(values, 0);
        spare.scale.resize(groups, 0.0);
        spare.least.resize(groups, 0.0);
        let Spare { q, scale, least } = spare;
        coded::code(block, bytes, Coded { q, scale, least });
        let mut total = 0.0f32;
        for (g, (w, x_q)) in q.chunks(GROUP).zip(x.q.chunks(GROUP)).enumerate() {
            let whole: i32 = w.iter().zip(x_q).map(|(w, x)| i32::from(*w) * i32::from(*x as i8)).sum();
            total = (whole as f32).mul_add(scale[g] * x.scale[g], total);
            total = least[g].mul_add(x.sum[g], total);
        }
        total
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // reads at places the caller has checked
mod avx512 {
    use std::arch::x86_64::*;

    use super::Row;

    /// Blocks of 32, two at a time: `$halves` of them are four scales in half precision, each
    /// block's own and what `$times` its least is, and `$numbers` their 64 numbers.
    macro_rules! pairs {
        ($name:ident, $size:literal, $times:literal, $halves:expr, $numbers:expr) => {
            /// A row of such blocks against as many groups of `x`.
            ///
            /// # Safety
            /// The processor has the features named; `x` holds the groups, rounded up to two.
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
            pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &Row) -> f32 {
                let all = &bytes.as_chunks::<$size>().0[..blocks];
                let (mut sums, mut leasts) = (_mm512_setzero_ps(), _mm_setzero_ps());
                for g in (0..blocks).step_by(2) {
                    // An odd last block meets itself again, and zeros of `x`, scale and all.
                    let (a, b) = (&all[g], &all[(g + 1).min(blocks - 1)]);
                    // SAFETY: two blocks, and two groups of `x`, are read within their bounds.
                    let (w, q, row) = unsafe {
                        let scale =
                            _mm_castsi128_ps(_mm_loadu_si64(x.scale.as_ptr().add(g).cast()));
                        let sum = _mm_castsi128_ps(_mm_loadu_si64(x.sum.as_ptr().add(g).cast()));
                        (
                            $numbers(a.as_ptr(), b.as_ptr()),
                            _mm512_loadu_si512(x.q.as_ptr().add(g * 32).cast()),
                            _mm_unpacklo_ps(scale, sum),
                        )
                    };
                    let scales = _mm_mul_ps(_mm_cvtph_ps($halves(a, b)), row);
                    leasts = _mm_add_ps(leasts, scales);
                    let each = _mm512_permutexvar_ps(
                        _mm512_set_epi32(2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0),
                        _mm512_castps128_ps512(scales),
                    );
                    sums = add(sums, w, q, each);
                }
                let mut both = [0.0; 4];
                // SAFETY: four values.
                unsafe { _mm_storeu_ps(both.as_mut_ptr(), leasts) };
                _mm512_reduce_add_ps(sums) + $times * (both[1] + both[3])
            }
        };
    }

    pairs!(q4_0, 18, -8.0, scale_twice, |a: *const u8, b: *const u8| nibbles(a.add(2), b.add(2)));
    pairs!(q4_1, 20, 1.0, scale_and_least, |a: *const u8, b: *const u8| nibbles(
        a.add(4),
        b.add(4)
    ));
    pairs!(q5_0, 22, -16.0, scale_twice, |a: *const u8, b: *const u8| {
        fifth(nibbles(a.add(6), b.add(6)), a.add(2), b.add(2))
    });
    pairs!(q5_1, 24, 1.0, scale_and_least, |a: *const u8, b: *const u8| {
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

    /// The first two half-precision numbers of each.
    #[inline(always)]
    fn scale_and_least<const N: usize>(a: &[u8; N], b: &[u8; N]) -> __m128i {
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

    /// Eight scales of 6 bits, then eight leasts, of the 12 bytes they are packed in.
    #[inline(always)]
    fn six_bits(packed: &[u8]) -> [u64; 2] {
        let word = |at: usize| {
            u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], packed[at + 3]])
        };
        let (a, b, c) = (word(0), word(4), word(8));
        let scales = (a & 0x3F3F_3F3F, c & 0x0F0F_0F0F | (a >> 6 & 0x0303_0303) << 4);
        let leasts = (b & 0x3F3F_3F3F, c >> 4 & 0x0F0F_0F0F | (b >> 6 & 0x0303_0303) << 4);
        let both = |(low, high): (u32, u32)| u64::from(low) | u64::from(high) << 32;
        [both(scales), both(leasts)]
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
        ($name:ident, $size:literal, $nibbles:literal, $fifths:expr) => {
            /// A row of such blocks against eight groups of `x` each.
            ///
            /// # Safety
            /// The processor has the features named; `x` holds the groups.
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,f16c,fma")]
            pub(super) unsafe fn $name(bytes: &[u8], blocks: usize, x: &Row) -> f32 {
                let (mut sums, mut leasts) = (_mm512_setzero_ps(), _mm256_setzero_ps());
                for (n, block) in bytes.as_chunks::<$size>().0[..blocks].iter().enumerate() {
                    let [scales, mins] = six_bits(&block[4..16]);
                    // SAFETY: block `n` of `x` is there by the caller's word.
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
                    leasts = _mm256_fmadd_ps(mins, sum, leasts);
                    for pair in 0..4 {
                        // SAFETY: 32 bytes of nibbles a pair, all within the block; 64 of `x`.
                        let (nibbles, q) = unsafe {
                            let at = block.as_ptr().add($nibbles + pair * 32);
                            (
                                _mm256_loadu_si256(at.cast()),
                                _mm512_loadu_si512(q.add(pair * 64).cast()),
                            )
                        };
                        const HIGH: i64 = 0x0004_0004_0004_0004;
                        let shifts = _mm512_set_epi64(HIGH, HIGH, HIGH, HIGH, 0, 0, 0, 0);
                        let numbers = _mm512_srlv_epi16(_mm512_broadcast_i64x4(nibbles), shifts);
                        let numbers = _mm512_and_si512(numbers, _mm512_set1_epi8(15));
                        let numbers = $fifths(block, pair, numbers);
                        sums = add(sums, numbers, q, spread(scales, pair));
                    }
                }
                _mm512_reduce_add_ps(sums) - _mm512_reduce_add_ps(_mm512_zextps256_ps512(leasts))
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
    pub(super) unsafe fn q6_k(bytes: &[u8], blocks: usize, x: &Row) -> f32 {
        let (mut sums, mut leasts) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for (n, block) in bytes.as_chunks::<210>().0[..blocks].iter().enumerate() {
            // SAFETY: all reads are within the block, and within block `n` of `x`.
            let (scales, halves) = unsafe {
                let scales = _mm_loadu_si128(block.as_ptr().add(192).cast());
                let scales = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales));
                (
                    _mm512_mul_ps(scales, _mm512_set1_ps(half(block, 208))),
                    _mm512_loadu_ps(x.half_sum.as_ptr().add(n * 16)),
                )
            };
            leasts = _mm512_fmadd_ps(scales, halves, leasts);
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
                sums = add(sums, _mm512_or_si512(nibbles, bits), q, each);
            }
        }
        _mm512_reduce_add_ps(sums) - 32.0 * _mm512_reduce_add_ps(leasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block;
    use crate::chance::Chance;

    #[test]
    fn a_row_of_every_type_is_the_plain_product_to_within_eight_bits() {
        let tiers = [Tier::found(), Tier::plain()];
        for block in BlockType::ALL.into_iter().filter(|block| suits(*block)) {
            // An odd number of groups where the type allows one.
            for cols in
                [256, 256 + 32, 1024].into_iter().filter(|cols| block.row_bytes(*cols).is_some())
            {
                let bytes = block::some_blocks(block, cols, 7);
                let mut values = vec![0.0; cols];
                block.unpack(&bytes, &mut values);
                let mut chance = Chance::new(8);
                let x: Vec<f32> = (0..cols).map(|_| chance.uniform() - 0.5).collect();
                let true_one: f64 =
                    x.iter().zip(&values).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let size: f64 = values.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
                let mut row = Row::default();
                for tier in tiers {
                    row.code(tier, &x);
                    let ours = tier.dot(block, &bytes, &row, &mut Spare::default());
                    let off = (f64::from(ours) - true_one).abs() / size;
                    assert!(off < 0.004, "{block:?} at {cols} on {tier:?}: {ours} for {true_one}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_hidden() {
        let tier = Tier::found();
        let bytes = block::some_blocks(BlockType::Q4_1, 64, 9);
        let mut row = Row::default();
        row.code(tier, &[f32::NAN; 64]);
        assert!(tier.dot(BlockType::Q4_1, &bytes, &row, &mut Spare::default()).is_nan());
    }
}
