//! The eight-bit product of one row with a frozen weight (GEMV), at the weight's own bit width. Generation
//! spends its time here, and most of that waits for memory.
//!
//! The row is coded once, as in [`super::gemm_int8`]; then every row of the weight is read where it
//! lies in the file and multiplied as it is unpacked, 64 values at a time.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod rows;
mod vec;

pub(super) use self::vec::QuantizedVec;
use super::multiversion::multiversion;
use super::simd::SimdLevel;
use crate::quant::ggml::GgmlType;
use crate::quant::int8::{self, BLOCK, QuantizedBlocks};
use crate::quant::weight::Weight;

/// True where products with this weight are made in eight bits.
pub(super) fn uses_int8(simd: SimdLevel, w: &Weight) -> bool {
    !matches!(simd, SimdLevel::Scalar(_)) && supports(w.block)
}

/// True where a weight of this type is multiplied in eight bits.
pub(super) fn supports(block: GgmlType) -> bool {
    !matches!(block, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16)
}

/// A row of a weight, coded, where no shorter way is known.
#[derive(Default)]
pub(super) struct Scratch {
    q: Vec<u8>,
    scale: Vec<f32>,
    min: Vec<f32>,
}

/// Multiplies a row of a number of blocks.
type Dot = unsafe fn(&[u8], usize, &QuantizedVec) -> f32;

/// The function of a SIMD level that multiplies a row of a type.
macro_rules! kernel_for {
    ($level:ident, $block:expr) => {
        match $block {
            GgmlType::Q4_0 => Some($level::q4_0),
            GgmlType::Q4_1 => Some($level::q4_1),
            GgmlType::Q5_0 => Some($level::q5_0),
            GgmlType::Q5_1 => Some($level::q5_1),
            GgmlType::Q8_0 => Some($level::q8_0),
            GgmlType::Q4_K => Some($level::q4_k),
            GgmlType::Q5_K => Some($level::q5_k),
            GgmlType::Q6_K => Some($level::q6_k),
            _ => None,
        }
    };
}

impl SimdLevel {
    /// Rows of a weight, one after another in `bytes` and as many as there are answers, each
    /// against `x`.
    pub(super) fn gemv(
        self,
        block: GgmlType,
        bytes: &[u8],
        x: &QuantizedVec,
        scratch: &mut Scratch,
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
            Self::Avx512Vnni(_) => kernel_for!(avx512, block),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) | Self::Avx2(_) => kernel_for!(avx2, block),
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm(_) | Self::Neon(_) => kernel_for!(neon, block),
            Self::Scalar(_) => None,
        };
        for (bytes, y) in bytes.chunks_exact(len.max(1)).zip(y) {
            *y = match row {
                // SAFETY: the level was detected on this processor; the row holds whole blocks, and `x`
                // as many values by the assert above, rounded up to two groups.
                #[allow(unsafe_code)]
                Some(row) => unsafe { row(bytes, blocks, x) },
                None => dot(self.arch(), block, bytes, x, scratch),
            };
        }
    }
}

multiversion! {
    fn dot<'a>(block: GgmlType, bytes: &'a [u8], x: &'a QuantizedVec, scratch: &'a mut Scratch) -> f32 {
        let values = bytes.len() / block.bytes_per_block() * block.values_per_block();
        let groups = values.div_ceil(BLOCK);
        scratch.q.resize(values, 0);
        scratch.scale.resize(groups, 0.0);
        scratch.min.resize(groups, 0.0);
        let Scratch { q, scale, min } = scratch;
        int8::quantize(block, bytes, QuantizedBlocks { q, scale, min });
        let mut total = 0.0f32;
        for (g, (w, x_q)) in q.chunks(BLOCK).zip(x.q.chunks(BLOCK)).enumerate() {
            let whole: i32 = w.iter().zip(x_q).map(|(w, x)| i32::from(*w) * i32::from(*x as i8)).sum();
            total = (whole as f32).mul_add(scale[g] * x.scale[g], total);
            total = min[g].mul_add(x.sum[g], total);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::ggml;
    use ghost_core::rng::Rng;

    #[test]
    fn a_row_of_every_type_is_the_plain_product_to_within_eight_bits() {
        for block in GgmlType::ALL.into_iter().filter(|block| supports(*block)) {
            // An odd number of groups where the type allows one.
            for cols in
                [256, 256 + 32, 1024].into_iter().filter(|cols| block.row_bytes(*cols).is_some())
            {
                let bytes = ggml::random_blocks(block, cols, 7);
                let mut values = vec![0.0; cols];
                block.dequantize(&bytes, &mut values);
                let mut rng = Rng::new(8);
                let x: Vec<f32> = (0..cols).map(|_| rng.next_f32() - 0.5).collect();
                let true_one: f64 =
                    x.iter().zip(&values).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let size: f64 = values.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
                let mut row = QuantizedVec::default();
                for simd in SimdLevel::all() {
                    row.quantize(simd, &x);
                    let mut ours = [0.0];
                    simd.gemv(block, &bytes, &row, &mut Scratch::default(), &mut ours);
                    let off = (f64::from(ours[0]) - true_one).abs() / size;
                    assert!(
                        off < 0.004,
                        "{block:?} at {cols} on {simd:?}: {ours:?} for {true_one}"
                    );
                }
            }
        }
    }

    #[test]
    fn nan_is_propagated() {
        let simd = SimdLevel::found();
        let bytes = ggml::random_blocks(GgmlType::Q4_1, 64, 9);
        let mut row = QuantizedVec::default();
        row.quantize(simd, &[f32::NAN; 64]);
        let mut sum = [0.0];
        simd.gemv(GgmlType::Q4_1, &bytes, &row, &mut Scratch::default(), &mut sum);
        assert!(sum[0].is_nan());
    }
}
