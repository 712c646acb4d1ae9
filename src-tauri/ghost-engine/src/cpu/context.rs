//! The CPU that the operations run on: its instructions, and buffers to use again.

use std::sync::Mutex;

use pulp::Arch;

use super::gemm_int8::QuantizedMat;
use super::simd::SimdLevel;

/// The CPU as the operations see it.
pub struct Cpu {
    /// The instructions that products are made of.
    pub(super) simd: SimdLevel,
    /// The instructions that loops over `f32` are compiled for.
    pub(super) arch: Arch,
    /// Buffers to use again: fresh memory costs a page fault every 4 kB.
    buffers: Mutex<Vec<Vec<f32>>>,
    quantized: Mutex<Vec<QuantizedMat>>,
}

impl Default for Cpu {
    /// With the best instructions this processor has.
    fn default() -> Self {
        Self::new(SimdLevel::found())
    }
}

impl Cpu {
    /// `f32` throughout, on any processor: the reference that faster levels are compared with.
    pub fn scalar() -> Self {
        Self::new(SimdLevel::scalar())
    }

    /// With the instructions named, one of [`Cpu::simd_levels`], to compare one with another.
    pub fn with(simd: &str) -> Option<Self> {
        SimdLevel::all().find(|level| level.name() == simd).map(Self::new)
    }

    /// Names of the instructions that products can be made of on this processor; the best, which
    /// is used, comes first.
    pub fn simd_levels() -> Vec<&'static str> {
        SimdLevel::all().map(SimdLevel::name).collect()
    }

    pub(super) fn new(simd: SimdLevel) -> Self {
        Self { simd, arch: simd.arch(), buffers: Mutex::default(), quantized: Mutex::default() }
    }

    /// Runs `work` with rows of `width` values, quantised to eight bits.
    pub(super) fn with_quantized<T>(
        &self,
        x: &[f32],
        width: usize,
        work: impl FnOnce(&QuantizedMat) -> T,
    ) -> T {
        let taken = self.quantized.lock().ok().and_then(|mut free| free.pop());
        let mut rows = taken.unwrap_or_default();
        rows.quantize(self.simd, x, width);
        let answer = work(&rows);
        if let Ok(mut free) = self.quantized.lock() {
            free.push(rows);
        }
        answer
    }

    /// Runs `work` with a buffer of `len` values whose contents are unspecified.
    pub(super) fn with_buffer<T>(&self, len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
        let taken = self.buffers.lock().ok().and_then(|mut free| free.pop());
        let mut buffer = taken.unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0.0);
        }
        let answer = work(&mut buffer[..len]);
        if let Ok(mut free) = self.buffers.lock() {
            free.push(buffer);
        }
        answer
    }
}
