//! A frozen matrix on the device: as blocks where it is quantised, otherwise as dense values.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use crate::quant::ggml::GgmlType;
use crate::quant::weight::Weight;

/// Values dequantised at a time in the backward pass: 256 MB.
const PANEL: usize = 1 << 26;

/// A weight of `rows` × `cols`, sent to the device once.
pub(super) struct QuantizedLinear {
    rows: usize,
    cols: usize,
    storage: Storage,
}

enum Storage {
    Quantized(Arc<QTensor>),
    Dense(Tensor),
}

impl QuantizedLinear {
    pub(super) fn new(weight: &Weight, device: &Device) -> Result<Self> {
        let (rows, cols) = (weight.rows, weight.cols);
        let bytes = aligned(weight.bytes());
        let storage = match kind(weight.block) {
            StorageKind::Blocks(kind) => {
                let blocks = QStorage::from_data(bytes, device, kind)?;
                Storage::Quantized(Arc::new(QTensor::new(blocks, (rows, cols))?))
            }
            StorageKind::Dense(kind) => {
                Storage::Dense(Tensor::from_raw_buffer(&bytes, kind, &[rows, cols], device)?)
            }
        };
        Ok(Self { rows, cols, storage })
    }

    /// `x Wᵀ`; `x` is n × cols and contiguous.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.storage {
            // candle's product of many rows on Metal reads from where the rows' memory begins,
            // whatever the rows' own beginning.
            Storage::Quantized(blocks) if x.layout().start_offset() > 0 => {
                x.force_contiguous()?.apply_op1_no_bwd(blocks.as_ref())
            }
            Storage::Quantized(blocks) => x.apply_op1_no_bwd(blocks.as_ref()),
            Storage::Dense(w) => product(x, &w.t()?),
        }
    }

    /// `dy W`; `dy` is n × rows. Blocks are dequantised some rows at a time.
    pub(super) fn backward(&self, dy: &Tensor) -> Result<Tensor> {
        let blocks = match &self.storage {
            Storage::Dense(w) => return product(dy, w),
            Storage::Quantized(blocks) => blocks,
        };
        let height = (PANEL / self.cols).max(1);
        let mut dx: Option<Tensor> = None;
        for from in (0..self.rows).step_by(height) {
            let n = height.min(self.rows - from);
            // An embedding lookup: it dequantises on every device, where candle's
            // own dequantisation goes through the CPU on Metal.
            let ids = Tensor::arange(from as u32, (from + n) as u32, dy.device())?;
            let part = dy.narrow(1, from, n)?.contiguous()?.matmul(&blocks.embedding(&ids)?)?;
            dx = Some(match dx {
                Some(dx) => (dx + part)?,
                None => part,
            });
        }
        dx.ok_or_else(|| candle_core::Error::msg("a matrix without rows"))
    }

    /// Some rows as `f32`, n × cols.
    pub(super) fn embedding(&self, ids: &Tensor) -> Result<Tensor> {
        match &self.storage {
            Storage::Quantized(blocks) => blocks.embedding(ids),
            Storage::Dense(w) => w.index_select(ids, 0)?.to_dtype(DType::F32),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

/// `x w`, in the kind of numbers that `w` has. Half floats reach no further than 65,504, which some
/// bases' activations pass, so rows are brought to a largest of one for them.
fn product(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    match w.dtype() {
        DType::F32 => x.matmul(w),
        DType::F16 => {
            let largest = (x.abs()?.max_keepdim(1)? + f64::from(f32::MIN_POSITIVE))?;
            let y = x.broadcast_div(&largest)?.to_dtype(DType::F16)?.matmul(w)?;
            y.to_dtype(DType::F32)?.broadcast_mul(&largest)
        }
        kind => x.to_dtype(kind)?.matmul(w)?.to_dtype(DType::F32),
    }
}

enum StorageKind {
    Blocks(GgmlDType),
    Dense(DType),
}

fn kind(block: GgmlType) -> StorageKind {
    match block {
        GgmlType::F32 => StorageKind::Dense(DType::F32),
        GgmlType::F16 => StorageKind::Dense(DType::F16),
        GgmlType::BF16 => StorageKind::Dense(DType::BF16),
        GgmlType::Q4_0 => StorageKind::Blocks(GgmlDType::Q4_0),
        GgmlType::Q4_1 => StorageKind::Blocks(GgmlDType::Q4_1),
        GgmlType::Q5_0 => StorageKind::Blocks(GgmlDType::Q5_0),
        GgmlType::Q5_1 => StorageKind::Blocks(GgmlDType::Q5_1),
        GgmlType::Q8_0 => StorageKind::Blocks(GgmlDType::Q8_0),
        GgmlType::Q2_K => StorageKind::Blocks(GgmlDType::Q2K),
        GgmlType::Q3_K => StorageKind::Blocks(GgmlDType::Q3K),
        GgmlType::Q4_K => StorageKind::Blocks(GgmlDType::Q4K),
        GgmlType::Q5_K => StorageKind::Blocks(GgmlDType::Q5K),
        GgmlType::Q6_K => StorageKind::Blocks(GgmlDType::Q6K),
    }
}

/// candle reads blocks in place and needs them aligned, which a file does not guarantee.
fn aligned(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.as_ptr().align_offset(8) == 0 { Cow::Borrowed(bytes) } else { bytes.to_vec().into() }
}
