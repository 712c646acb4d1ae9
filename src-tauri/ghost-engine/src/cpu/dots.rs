//! One row against one row of a frozen weight, at the weight's own bit width: what drafting spends
//! its time on, and what it waits for is memory.
//!
//! The row is coded once, as in [`super::eight`]; then every row of the weight is read where it
//! lies in the file and multiplied as it is unpacked, 64 values at a time.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod rows;

use super::eight::code_group;
use super::tier::{Tier, ahead};
use super::wide;
use crate::block::{BlockType, six_bits};
use crate::coded::{self, Coded, GROUP};
use crate::weight::Weight;

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
    /// Its group's scale, for each half.
    half_scale: Vec<f32>,
    /// Scale and sum side by side.
    pairs: Vec<f32>,
}

impl Row {
    /// A row, coded.
    pub(super) fn of(tier: Tier, x: &[f32]) -> Self {
        let mut row = Self::default();
        row.code(tier, x);
        row
    }

    fn code(&mut self, tier: Tier, x: &[f32]) {
        let groups = x.len().div_ceil(2 * GROUP) * 2;
        self.q.resize(groups * GROUP, 0);
        self.scale.resize(groups, 0.0);
        self.sum.resize(groups, 0.0);
        self.half_sum.resize(2 * groups, 0.0);
        self.half_scale.resize(2 * groups, 0.0);
        // Four groups at a time; those that aren't there are nothing.
        self.pairs.clear();
        self.pairs.resize(2 * groups.next_multiple_of(4), 0.0);
        code_row(tier.arch(), tier, x, self);
    }
}

/// Whether products with this weight are made in eight bits.
pub(super) fn in_eight_bits(tier: Tier, w: &Weight) -> bool {
    !matches!(tier, Tier::Plain(_)) && suits(w.block)
}

/// Whether a weight of this type is multiplied in eight bits.
pub(super) fn suits(block: BlockType) -> bool {
    !matches!(block, BlockType::F32 | BlockType::F16 | BlockType::BF16)
}

/// A row of a weight, coded, where no shorter way is known.
#[derive(Default)]
pub(super) struct Spare {
    q: Vec<u8>,
    scale: Vec<f32>,
    least: Vec<f32>,
}

/// Multiplies a row of so many blocks.
type Dot = unsafe fn(&[u8], usize, &Row) -> f32;

/// The function of a tier that multiplies a row of a type.
macro_rules! by_type {
    ($tier:ident, $block:expr) => {
        match $block {
            BlockType::Q4_0 => Some($tier::q4_0),
            BlockType::Q4_1 => Some($tier::q4_1),
            BlockType::Q5_0 => Some($tier::q5_0),
            BlockType::Q5_1 => Some($tier::q5_1),
            BlockType::Q8_0 => Some($tier::q8_0),
            BlockType::Q4_K => Some($tier::q4_k),
            BlockType::Q5_K => Some($tier::q5_k),
            BlockType::Q6_K => Some($tier::q6_k),
            _ => None,
        }
    };
}

impl Tier {
    /// Rows of a weight, one after another in `bytes` and as many as there are answers, each
    /// against `x`.
    pub(super) fn dots(
        self,
        block: BlockType,
        bytes: &[u8],
        x: &Row,
        spare: &mut Spare,
        y: &mut [f32],
    ) {
        let len = bytes.len() / y.len().max(1);
        let blocks = len / block.bytes_per_block();
        assert!(
            x.q.len() >= blocks * block.values_per_block(),
            "a row as long as the weight is wide"
        );
        // Looked up once, not for every row: a short row takes no longer than that.
        let row: Option<Dot> = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => by_type!(avx512, block),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) | Self::Avx2(_) => by_type!(avx2, block),
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm(_) | Self::Neon(_) => by_type!(neon, block),
            Self::Plain(_) => None,
        };
        for (bytes, y) in bytes.chunks_exact(len.max(1)).zip(y) {
            *y = match row {
                // SAFETY: the tier was found on this processor; the row holds whole blocks, and `x`
                // as many values by the assert above, rounded up to two groups.
                #[allow(unsafe_code)]
                Some(row) => unsafe { row(bytes, blocks, x) },
                None => dot(self.arch(), block, bytes, x, spare),
            };
        }
    }
}

/// Eight bytes from `at` on, as a number.
#[inline(always)]
fn eight<const N: usize>(block: &[u8; N], at: usize) -> u64 {
    (0..8).fold(0, |all, i| all | u64::from(block[at + i]) << (8 * i))
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
            to.half_scale[2 * g..2 * g + 2].fill(scale);
            to.pairs[2 * g] = scale;
            to.pairs[2 * g + 1] = to.sum[g];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block;
    use crate::chance::Chance;

    #[test]
    fn a_row_of_every_type_is_the_plain_product_to_within_eight_bits() {
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
                for tier in Tier::all() {
                    row.code(tier, &x);
                    let mut ours = [0.0];
                    tier.dots(block, &bytes, &row, &mut Spare::default(), &mut ours);
                    let off = (f64::from(ours[0]) - true_one).abs() / size;
                    assert!(
                        off < 0.004,
                        "{block:?} at {cols} on {tier:?}: {ours:?} for {true_one}"
                    );
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
        let mut sum = [0.0];
        tier.dots(BlockType::Q4_1, &bytes, &row, &mut Spare::default(), &mut sum);
        assert!(sum[0].is_nan());
    }
}
