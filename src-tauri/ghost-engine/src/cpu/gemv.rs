//! The product of one row with frozen weights (GEMV) and their adapter, in one parallel section.
//!
//! Threads claim shares of the work in order from one counter, which keeps all of them busy to the
//! end whatever a share takes. With an adapter the `A`s come first. Whoever has computed a share of
//! a weight then adds the adapter's part, for which it needs the sums of all the `A`s. Their shares
//! are small and were claimed before, so that they are nearly always there by then; a thread that
//! must wait for them waits for one that is computing them and waits for nothing itself.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::gemv_int8::{self, QuantizedVec};
use super::multiversion::multiversion;
use super::simd::SimdLevel;
use super::vector::dot_plain;
use crate::cpu::packed_lora::{PackedB, PackedLora, TILE};
use crate::quant::weight::Weight;

/// Bytes of a frozen weight in a share.
const SHARE: usize = 1 << 15;
/// Bytes of the `A`s in a share.
const SHARE_OF_A: usize = 1 << 13;
/// Times a thread checks for the sums of the `A`s before it yields.
const MAX_SPINS: u32 = 1 << 10;

/// `y = x Wᵀ` for weights that read the same row, with the adapter's pairs added to each.
pub(super) fn gemv(
    simd: SimdLevel,
    x: &[f32],
    outs: &mut [(&Weight, &mut [f32])],
    lora: Option<&PackedLora>,
) {
    let mut input = Input { simd, x, row: None };
    if outs.iter().map(|(w, _)| *w).chain(lora.map(|lora| &lora.a)).any(|w| input.uses_int8(w)) {
        input.row = Some(QuantizedVec::of(simd, x));
    }
    let sums = lora.map(Sums::new);
    let firsts = sums.as_ref().map_or(0, |sums| sums.shares);
    let shares = Share::all(outs, lora);
    let claimed = AtomicUsize::new(0);
    let work = |mut scratch: Scratch| {
        loop {
            let claim = claimed.fetch_add(1, Ordering::Relaxed);
            match (&sums, claim.checked_sub(firsts)) {
                (Some(sums), None) => sums.compute(claim, &input, &mut scratch),
                (_, at) => match at.and_then(|at| shares.get(at)) {
                    Some(share) => share.compute(&input, sums.as_ref(), &mut scratch),
                    None => break,
                },
            }
        }
    };
    let threads = rayon::current_num_threads().min(firsts + shares.len());
    (0..threads).into_par_iter().with_max_len(1).for_each(|_| work(Scratch::default()));
}

/// The row, in `f32` and, where a weight is multiplied so, in eight bits.
struct Input<'a> {
    simd: SimdLevel,
    x: &'a [f32],
    row: Option<QuantizedVec>,
}

/// Buffers of a thread.
#[derive(Default)]
struct Scratch {
    int8: gemv_int8::Scratch,
    /// A row of a weight, or what it came to.
    values: Vec<f32>,
    /// The sums of all `A`s, once they are there.
    sums: Vec<f32>,
}

impl Input<'_> {
    fn uses_int8(&self, w: &Weight) -> bool {
        gemv_int8::uses_int8(self.simd, w)
    }

    /// Rows of a weight from `first` on, each against the input.
    fn times(&self, w: &Weight, first: usize, scratch: &mut Scratch, y: &mut [f32]) {
        match &self.row {
            Some(row) if self.uses_int8(w) => {
                let bytes = w.rows_bytes(first..first + y.len());
                self.simd.gemv(w.block, bytes, row, &mut scratch.int8, y);
            }
            _ => {
                scratch.values.resize(w.cols, 0.0);
                plain_rows(self.simd.arch(), w, first, self.x, &mut scratch.values, y);
            }
        }
    }
}

/// Some rows of a weight, which one thread computes.
struct Share<'a> {
    w: &'a Weight,
    first: usize,
    b: Option<&'a PackedB>,
    /// Locked by the one thread that claims it.
    y: Mutex<&'a mut [f32]>,
}

impl<'a> Share<'a> {
    fn all(outs: &'a mut [(&Weight, &mut [f32])], lora: Option<&'a PackedLora>) -> Vec<Self> {
        let mut shares = Vec::new();
        for (i, (w, y)) in outs.iter_mut().enumerate() {
            let rows = (SHARE / w.row_len().max(1)).next_multiple_of(TILE).max(TILE);
            let b = lora.map(|lora| &lora.b[i]);
            let parts = y.chunks_mut(rows).enumerate();
            shares.extend(parts.map(|(n, y)| Share { w, first: n * rows, b, y: Mutex::new(y) }));
        }
        shares
    }

    fn compute(&self, input: &Input, sums: Option<&Sums>, scratch: &mut Scratch) {
        let mut y = self.y.lock().unwrap_or_else(PoisonError::into_inner);
        input.times(self.w, self.first, scratch, &mut y);
        if let (Some(b), Some(sums)) = (self.b, sums) {
            sums.wait(&mut scratch.sums);
            add_b(input.simd.arch(), b, self.first, &scratch.sums, &mut y);
        }
    }
}

/// `x Aᵀ` for all `A`s, computed in shares.
struct Sums<'a> {
    lora: &'a PackedLora,
    /// Rows of a share.
    height: usize,
    shares: usize,
    done: AtomicUsize,
    /// Bits of the sums.
    values: Vec<AtomicU32>,
}

impl<'a> Sums<'a> {
    fn new(lora: &'a PackedLora) -> Self {
        let rows = lora.a.rows;
        let height = (SHARE_OF_A / lora.a.row_len().max(1)).max(1);
        let values = (0..rows).map(|_| AtomicU32::new(0)).collect();
        Self { lora, height, shares: rows.div_ceil(height), done: AtomicUsize::new(0), values }
    }

    fn compute(&self, share: usize, input: &Input, scratch: &mut Scratch) {
        // Counted even where it panics, or waiting threads would hang.
        let _counted = Counted(&self.done);
        let rows = share * self.height..((share + 1) * self.height).min(self.values.len());
        let mut sums = vec![0.0; rows.len()];
        input.times(&self.lora.a, rows.start, scratch, &mut sums);
        for ((to, gain), sum) in
            self.values[rows.clone()].iter().zip(&self.lora.gains[rows]).zip(sums)
        {
            to.store((sum * gain).to_bits(), Ordering::Relaxed);
        }
    }

    /// Fills `to` once all sums are there, unless it is filled already.
    fn wait(&self, to: &mut Vec<f32>) {
        if to.len() == self.values.len() {
            return;
        }
        let mut spins = 0;
        // A thread that sees a share counted sees what was stored before.
        while self.done.load(Ordering::Acquire) < self.shares {
            spins += 1;
            if spins < MAX_SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        to.extend(self.values.iter().map(|bits| f32::from_bits(bits.load(Ordering::Relaxed))));
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

multiversion! {
    /// Rows of `w` from `first` on, each against `x`.
    fn plain_rows<'a>(w: &'a Weight, first: usize, x: &'a [f32], buffer: &'a mut [f32], y: &'a mut [f32]) -> () {
        for (i, y) in y.iter_mut().enumerate() {
            w.dequantize_rows(first + i..first + i + 1, buffer);
            *y = dot_plain(buffer, x);
        }
    }

    fn add_b<'a>(b: &'a PackedB, first: usize, sums: &'a [f32], y: &'a mut [f32]) -> () {
        b.add(first, sums, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Cpu;
    use crate::cpu::linear::linears;
    use crate::cpu::lora::{gemv_lora, lora_forward};
    use crate::lora::LoraView;
    use crate::quant::ggml::{self, GgmlType};
    use ghost_core::rng::Rng;

    const COLS: usize = 768;
    const HEIGHTS: [usize; 3] = [300, 70, 5];
    const RANK: usize = 9;

    fn some(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..n).map(|_| rng.next_f32() - 0.5).collect()
    }

    fn weights(blocks: [GgmlType; 3]) -> [Weight; 3] {
        std::array::from_fn(|i| {
            let bytes = ggml::random_blocks(blocks[i], HEIGHTS[i] * COLS, i as u64);
            Weight::new(HEIGHTS[i], COLS, blocks[i], bytes.into()).expect("whole blocks")
        })
    }

    fn pairs() -> [(Vec<f32>, Vec<f32>); 3] {
        std::array::from_fn(|i| {
            (some(RANK * COLS, 10 + i as u64), some(HEIGHTS[i] * RANK, 20 + i as u64))
        })
    }

    fn lows(pairs: &[(Vec<f32>, Vec<f32>); 3]) -> [LoraView<'_>; 3] {
        pairs.each_ref().map(|(a, b)| LoraView { a, b, rank: RANK, scale: 2.0 })
    }

    /// Answers of all weights, one after another.
    fn answers(weights: &[Weight; 3], work: impl Fn(&mut [(&Weight, &mut [f32])])) -> Vec<f32> {
        let mut ys = HEIGHTS.map(|rows| vec![0.0; rows]);
        let mut outs: Vec<(&Weight, &mut [f32])> = Vec::new();
        for (w, y) in weights.iter().zip(&mut ys) {
            outs.push((w, y));
        }
        work(&mut outs);
        ys.concat()
    }

    fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
        let size =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
        size(&mut ours.iter().zip(theirs).map(|(a, b)| a - b)) / size(&mut theirs.iter().copied())
    }

    const KINDS: [[GgmlType; 3]; 4] = [
        [GgmlType::F32; 3],
        [GgmlType::Q4_1, GgmlType::Q8_0, GgmlType::Q5_0],
        [GgmlType::Q4_K, GgmlType::Q4_K, GgmlType::Q6_K],
        [GgmlType::Q4_K, GgmlType::BF16, GgmlType::Q6_K],
    ];

    #[test]
    fn a_packed_adapter_computes_what_the_pairs_do() {
        let (x, pairs) = (some(COLS, 1), pairs());
        for blocks in KINDS {
            let weights = weights(blocks);
            let packed = PackedLora::new(&weights.each_ref(), &lows(&pairs));
            for simd in SimdLevel::all() {
                let cpu = Cpu::new(simd);
                let ours = answers(&weights, |outs| gemv_lora(&cpu, &x, outs, &packed));
                let theirs = answers(&weights, |outs| {
                    linears(&cpu, &x, outs);
                    let mut ys: Vec<&mut [f32]> = outs.iter_mut().map(|(_, y)| &mut **y).collect();
                    lora_forward(&x, &lows(&pairs), &mut [0.0; 3 * RANK], &mut ys);
                });
                let within = if blocks[0] == GgmlType::F32 { 1e-5 } else { 0.01 };
                let off = apart(&ours, &theirs);
                assert!(off < within, "{blocks:?} on {simd:?}: off by {off}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (x, pairs) = (some(COLS, 2), pairs());
        for blocks in KINDS {
            let weights = weights(blocks);
            let packed = PackedLora::new(&weights.each_ref(), &lows(&pairs));
            let cpu = Cpu::default();
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool")
                    .install(|| answers(&weights, |outs| gemv_lora(&cpu, &x, outs, &packed)))
            };
            let one = on(1);
            for threads in [2, 3, 8] {
                for _ in 0..20 {
                    assert!(on(threads) == one, "{blocks:?} on {threads} threads");
                }
            }
        }
    }
}
