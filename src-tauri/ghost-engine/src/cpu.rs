//! The processor as a home of the operations.
//!
//! Where it multiplies eight-bit numbers fast (see [`tier`]), products with
//! quantised weights are made of those ([`eight`], and [`dots`] for a single row). Elsewhere, and
//! for weights that were never quantised, they are made in `f32`: weights are
//! unpacked a panel at a time and multiplied by the `gemm` crate. How a single row's product is
//! divided between threads, and an adapter's added to it, is [`gemv`]'s. Loops over
//! rows are compiled for each width of vector and picked at run time by
//! `pulp`. No sum depends on how work is divided between threads, so an answer
//! is the same bit for bit every time.
//!
//! Absent on purpose: bfloat16 products. They are fast on some processors and
//! slower than `f32` on others that have them; eight bits are faster than
//! either wherever there are instructions for them.

mod dots;
mod eight;
mod gemv;
mod tier;
mod wide;

use std::ops::Range;
use std::sync::Mutex;

use gemm::Parallelism;
use pulp::Arch;
use rayon::prelude::*;

use self::tier::{Tier, ahead};
use self::wide::wide;
use crate::base::{Gate, Pairs};
use crate::kernel::{Attended, Heads, Kernel, Mat, MatMut, Norm, Turns};
use crate::lora::PackedLora;
use crate::weight::Weight;

/// Values of a frozen weight unpacked at a time: 4 MB, which stays in a cache near the cores.
const PANEL: usize = 1 << 20;
/// Values a thread takes at a time where work is cut into pieces.
const PIECE: usize = 1 << 16;
/// Queries whose attention is computed together.
const QUERIES: usize = 64;
/// Logits held at a time: 64 MB.
const LOGITS: usize = 1 << 24;

/// The processor as a home of the operations.
pub struct Cpu {
    tier: Tier,
    arch: Arch,
    /// Buffers to use again: fresh memory costs a page fault every 4 kB.
    spare: Mutex<Vec<Vec<f32>>>,
    coded: Mutex<Vec<eight::Rows>>,
}

impl Default for Cpu {
    /// With the best this processor has.
    fn default() -> Self {
        Self::of(Tier::found())
    }
}

impl Cpu {
    /// `f32` throughout, on any processor: what the others are held to.
    pub fn plain() -> Self {
        Self::of(Tier::plain())
    }

    /// With the instructions named, one of [`Cpu::tiers`]: to stand one beside another.
    pub fn with(tier: &str) -> Option<Self> {
        Tier::all().find(|here| here.name() == tier).map(Self::of)
    }

    /// What products can be made of on this processor, the best, which is used, first.
    pub fn tiers() -> Vec<&'static str> {
        Tier::all().map(Tier::name).collect()
    }

    fn of(tier: Tier) -> Self {
        Self { tier, arch: tier.arch(), spare: Mutex::default(), coded: Mutex::default() }
    }

    /// Whether products with this weight are made in eight bits.
    fn in_eight_bits(&self, w: &Weight) -> bool {
        dots::in_eight_bits(self.tier, w)
    }

    /// Runs `work` with rows of `width` values in eight bits.
    fn with_coded<T>(&self, x: &[f32], width: usize, work: impl FnOnce(&eight::Rows) -> T) -> T {
        let taken = self.coded.lock().ok().and_then(|mut coded| coded.pop());
        let mut rows = taken.unwrap_or_default();
        rows.code(self.tier, x, width);
        let answer = work(&rows);
        if let Ok(mut coded) = self.coded.lock() {
            coded.push(rows);
        }
        answer
    }

    /// Runs `work` with a buffer of `len` values of no particular kind.
    fn with_buffer<T>(&self, len: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
        let taken = self.spare.lock().ok().and_then(|mut spare| spare.pop());
        let mut buffer = taken.unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0.0);
        }
        let answer = work(&mut buffer[..len]);
        if let Ok(mut spare) = self.spare.lock() {
            spare.push(buffer);
        }
        answer
    }

    /// Calls `work` with each panel of the weight, unpacked, in order.
    fn panels(&self, w: &Weight, mut work: impl FnMut(Range<usize>, &[f32])) {
        let height = (PANEL / w.cols.max(1)).next_multiple_of(64).clamp(64, w.rows.max(64));
        self.with_buffer(height * w.cols, |buffer| {
            for from in (0..w.rows).step_by(height) {
                let rows = from..(from + height).min(w.rows);
                let panel = &mut buffer[..rows.len() * w.cols];
                let piece = (PIECE / w.cols.max(1)).max(1);
                panel.par_chunks_mut(piece * w.cols).enumerate().for_each(|(i, out)| {
                    let from = rows.start + i * piece;
                    unpack(self.arch, w, from..from + out.len() / w.cols, out);
                });
                work(rows, panel);
            }
        });
    }

    /// Attention of one stretch of queries, all heads; `from` is the first one's row.
    #[allow(clippy::too_many_arguments)]
    fn attend_block(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        see: &Sight,
        scores: &mut [f32],
        out: &mut [f32],
        lse: &mut [f32],
    ) {
        let Heads { q: heads, kv, dim, .. } = see.heads;
        let (n, keys) = (see.rows, see.keys());
        let scores = &mut scores[..n * keys.len()];
        for head in 0..heads {
            let shared = head / (heads / kv) * dim;
            let at = |all: &'_ [f32]| keys.start * kv * dim + shared..all.len();
            let query = Mat::strided(&q[head * dim..], n, dim, heads * dim);
            let key = Mat::strided(&k[at(k)], keys.len(), dim, kv * dim);
            let value = Mat::strided(&v[at(v)], keys.len(), dim, kv * dim);
            let into = MatMut::new(scores, n, keys.len());
            product(Parallelism::None, query, key.t(), see.scale(), false, into);
            for (i, row) in scores.chunks_exact_mut(keys.len()).enumerate() {
                lse[i * heads + head] = softmax(self.arch, row, see.seen(i));
            }
            let weights = Mat::new(scores, n, keys.len());
            let into = MatMut::strided(&mut out[head * dim..], n, dim, heads * dim);
            product(Parallelism::None, weights, value, 1.0, false, into);
        }
    }

    /// Gradients of one query head, all positions: its `dq`, and its share of `dk` and `dv`.
    fn attend_back_head(
        &self,
        saw: Attended,
        heads: Heads,
        head: usize,
        dout: &[f32],
        grads: &mut [f32],
        buffers: &mut Vec<f32>,
    ) {
        let Heads { q, kv, dim, .. } = heads;
        let n = saw.q.len() / (q * dim);
        let (dq, rest) = grads.split_at_mut(n * dim);
        let (dk, dv) = rest.split_at_mut(n * dim);
        let shared = head / (q / kv) * dim;
        dk.fill(0.0);
        dv.fill(0.0);
        buffers.resize(2 * QUERIES * n, 0.0);
        for from in (0..n).step_by(QUERIES) {
            let see = Sight { heads, past: 0, from, rows: QUERIES.min(n - from) };
            let (rows, keys) = (see.rows, see.keys());
            let (p, dp) = buffers.split_at_mut(QUERIES * n);
            let (p, dp) = (&mut p[..rows * keys.len()], &mut dp[..rows * keys.len()]);
            let mine = (from * q + head) * dim;
            let theirs = keys.start * kv * dim + shared;
            let query = Mat::strided(&saw.q[mine..], rows, dim, q * dim);
            let key = Mat::strided(&saw.k[theirs..], keys.len(), dim, kv * dim);
            let value = Mat::strided(&saw.v[theirs..], keys.len(), dim, kv * dim);
            let dout_mat = Mat::strided(&dout[mine..], rows, dim, q * dim);
            let square = |data| MatMut::new(data, rows, keys.len());
            product(Parallelism::None, query, key.t(), see.scale(), false, square(p));
            product(Parallelism::None, dout_mat, value.t(), 1.0, false, square(dp));
            for i in 0..rows {
                let row = i * keys.len()..(i + 1) * keys.len();
                let at = mine + i * q * dim..mine + i * q * dim + dim;
                let sum = dot(self.arch, &dout[at.clone()], &saw.out[at]);
                let lse = saw.lse[(from + i) * q + head];
                softmax_back(
                    self.arch,
                    &mut p[row.clone()],
                    &mut dp[row],
                    see.seen(i),
                    lse,
                    sum,
                    see.scale(),
                );
            }
            let (p, ds) = (Mat::new(p, rows, keys.len()), Mat::new(dp, rows, keys.len()));
            let tail = keys.start * dim..keys.end * dim;
            let column = |data| MatMut::new(data, keys.len(), dim);
            product(Parallelism::None, p.t(), dout_mat, 1.0, true, column(&mut dv[tail.clone()]));
            product(Parallelism::None, ds.t(), query, 1.0, true, column(&mut dk[tail]));
            let into = MatMut::new(&mut dq[from * dim..(from + rows) * dim], rows, dim);
            product(Parallelism::None, ds, key, 1.0, false, into);
        }
    }
}

/// A stretch of queries and the keys they may see.
struct Sight {
    heads: Heads,
    past: usize,
    from: usize,
    rows: usize,
}

impl Sight {
    /// Keys any of the queries sees.
    fn keys(&self) -> Range<usize> {
        self.first(0)..self.past + self.from + self.rows
    }

    /// Keys query `i` of the stretch sees, counted from the stretch's first.
    fn seen(&self, i: usize) -> Range<usize> {
        let start = self.keys().start;
        self.first(i) - start..self.past + self.from + i + 1 - start
    }

    fn first(&self, i: usize) -> usize {
        let end = self.past + self.from + i + 1;
        self.heads.window.map_or(0, |window| end.saturating_sub(window))
    }

    fn scale(&self) -> f32 {
        1.0 / (self.heads.dim as f32).sqrt()
    }
}

impl Kernel for Cpu {
    fn linears(&self, x: &[f32], outs: &mut [(&Weight, &mut [f32])]) {
        let Some(cols) = outs.first().map(|(w, _)| w.cols) else { return };
        if x.len() == cols {
            return gemv::gemv(self.tier, x, outs, None);
        }
        if !outs.iter().all(|(w, _)| self.in_eight_bits(w)) {
            return outs.iter_mut().for_each(|(w, y)| self.linear(x, w, y));
        }
        self.with_coded(x, cols, |rows| {
            for (w, y) in outs {
                eight::forth(self.tier, rows, w, MatMut::new(y, x.len() / cols, w.rows));
            }
        });
    }

    fn linear(&self, x: &[f32], w: &Weight, y: &mut [f32]) {
        if x.len() == w.cols || self.in_eight_bits(w) {
            return self.linears(x, &mut [(w, y)]);
        }
        let n = x.len() / w.cols;
        let x = Mat::new(x, n, w.cols);
        self.panels(w, |rows, panel| {
            let panel = Mat::new(panel, rows.len(), w.cols);
            let into = MatMut::strided(&mut y[rows.start..], n, rows.len(), w.rows);
            product(Parallelism::Rayon(0), x, panel.t(), 1.0, false, into);
        });
    }

    fn gemv_lora(&self, x: &[f32], outs: &mut [(&Weight, &mut [f32])], lora: &PackedLora) {
        gemv::gemv(self.tier, x, outs, Some(lora));
    }

    fn linear_back(&self, dy: &[f32], w: &Weight, dx: &mut [f32]) {
        let n = dy.len() / w.rows;
        if self.in_eight_bits(w) && n > 1 {
            return self.with_coded(dy, w.rows, |rows| {
                eight::back(self.tier, rows, w, MatMut::new(dx, n, w.cols));
            });
        }
        self.panels(w, |rows, panel| {
            let dy = Mat::strided(&dy[rows.start..], n, rows.len(), w.rows);
            let panel = Mat::new(panel, rows.len(), w.cols);
            product(Parallelism::Rayon(0), dy, panel, 1.0, true, MatMut::new(dx, n, w.cols));
        });
    }

    fn product(&self, a: Mat, b: Mat, scale: f32, add: bool, c: MatMut) {
        product(Parallelism::Rayon(0), a, b, scale, add, c);
    }

    fn norm(&self, x: &[f32], norm: Norm, y: &mut [f32]) {
        let width = norm.weight.len();
        let rows = (PIECE / width).max(1) * width;
        y.par_chunks_mut(rows)
            .zip(x.par_chunks(rows))
            .for_each(|(y, x)| norm_rows(self.arch, x, norm, y));
    }

    fn norm_back(&self, x: &[f32], norm: Norm, dy: &[f32], dx: &mut [f32]) {
        let width = norm.weight.len();
        let rows = (PIECE / width).max(1) * width;
        dx.par_chunks_mut(rows)
            .zip(x.par_chunks(rows).zip(dy.par_chunks(rows)))
            .for_each(|(dx, (x, dy))| norm_back_rows(self.arch, x, norm, dy, dx));
    }

    fn turn(&self, x: &mut [f32], dim: usize, turns: &Turns, back: bool) {
        let pairs = turns.dims / 2;
        let positions = turns.cos.len() / pairs.max(1);
        if positions == 0 {
            return;
        }
        let sign = if back { -1.0 } else { 1.0 };
        let angles = turns.cos.par_chunks(pairs).zip(turns.sin.par_chunks(pairs));
        let width = x.len() / positions;
        x.par_chunks_mut(width).zip(angles).with_min_len(16).for_each(|(row, (cos, sin))| {
            for head in row.chunks_exact_mut(dim) {
                turn_head(&mut head[..turns.dims], turns.pairs, cos, sin, sign);
            }
        });
    }

    fn attend(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        heads: Heads,
        past: usize,
        out: &mut [f32],
        lse: &mut [f32],
    ) {
        let width = heads.q * heads.dim;
        if q.len() == width {
            return self.attend_one(q, k, v, heads, past, out, lse);
        }
        out.par_chunks_mut(QUERIES * width)
            .zip(lse.par_chunks_mut(QUERIES * heads.q))
            .zip(q.par_chunks(QUERIES * width))
            .enumerate()
            .rev()
            .with_max_len(1)
            .for_each_init(Vec::new, |scores, (i, ((out, lse), q))| {
                let see = Sight { heads, past, from: i * QUERIES, rows: q.len() / width };
                scores.resize(QUERIES * see.keys().len(), 0.0);
                self.attend_block(q, k, v, &see, scores, out, lse);
            });
    }

    fn attend_back(
        &self,
        saw: Attended,
        heads: Heads,
        dout: &[f32],
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    ) {
        let Heads { q, kv, dim, .. } = heads;
        let n = saw.q.len() / (q * dim);
        self.with_buffer(q * 3 * n * dim, |grads| {
            grads.par_chunks_mut(3 * n * dim).enumerate().with_max_len(1).for_each_init(
                Vec::new,
                |buffers, (head, grads)| {
                    self.attend_back_head(saw, heads, head, dout, grads, buffers)
                },
            );
            let part = |head: usize, which: usize, i: usize| {
                let at = ((head * 3 + which) * n + i) * dim;
                &grads[at..at + dim]
            };
            let rows = dq
                .par_chunks_mut(q * dim)
                .zip(dk.par_chunks_mut(kv * dim).zip(dv.par_chunks_mut(kv * dim)));
            rows.enumerate().with_min_len(16).for_each(|(i, (dq, (dk, dv)))| {
                for (head, dq) in dq.chunks_exact_mut(dim).enumerate() {
                    dq.copy_from_slice(part(head, 0, i));
                }
                for (which, sum) in [(1, dk), (2, dv)] {
                    for (shared, sum) in sum.chunks_exact_mut(dim).enumerate() {
                        sum.fill(0.0);
                        for head in shared * (q / kv)..(shared + 1) * (q / kv) {
                            sum.iter_mut().zip(part(head, which, i)).for_each(|(s, g)| *s += g);
                        }
                    }
                }
            });
        });
    }

    fn gate(&self, kind: Gate, gate: &[f32], up: &[f32], out: &mut [f32]) {
        out.par_chunks_mut(PIECE)
            .zip(gate.par_chunks(PIECE).zip(up.par_chunks(PIECE)))
            .for_each(|(out, (gate, up))| open(self.arch, kind, gate, up, out));
    }

    fn gate_back(
        &self,
        kind: Gate,
        gate: &[f32],
        up: &[f32],
        dout: &[f32],
        dgate: &mut [f32],
        dup: &mut [f32],
    ) {
        let seen = gate.par_chunks(PIECE).zip(up.par_chunks(PIECE)).zip(dout.par_chunks(PIECE));
        dgate.par_chunks_mut(PIECE).zip(dup.par_chunks_mut(PIECE)).zip(seen).for_each(
            |((dgate, dup), ((gate, up), dout))| {
                open_back(self.arch, kind, gate, up, dout, dgate, dup)
            },
        );
    }

    fn cross_entropy(
        &self,
        hidden: &[f32],
        head: &Weight,
        targets: &[u32],
        nll: &mut [f32],
        mut back: Option<(&[f32], &mut [f32])>,
    ) {
        let (width, vocab) = (head.cols, head.rows);
        let height = (LOGITS / vocab.max(1)).clamp(1, targets.len().max(1));
        self.with_buffer(height * vocab, |buffer| {
            for from in (0..targets.len()).step_by(height) {
                let rows = from..(from + height).min(targets.len());
                let logits = &mut buffer[..rows.len() * vocab];
                let hidden = &hidden[rows.start * width..rows.end * width];
                self.linear(hidden, head, logits);
                let weights = back.as_ref().map(|(weights, _)| &weights[rows.clone()]);
                let targets = &targets[rows.clone()];
                nll[rows.clone()]
                    .par_iter_mut()
                    .zip(logits.par_chunks_mut(vocab))
                    .enumerate()
                    .for_each(|(i, (nll, logits))| {
                        let weight = weights.map(|weights| weights[i]);
                        *nll = surprise(self.arch, logits, targets[i] as usize, weight);
                    });
                if let Some((_, dhidden)) = &mut back {
                    self.linear_back(
                        logits,
                        head,
                        &mut dhidden[rows.start * width..rows.end * width],
                    );
                }
            }
        });
    }
}

impl Cpu {
    /// Attention of one query: a head is a row of dot products.
    #[allow(clippy::too_many_arguments)]
    fn attend_one(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        heads: Heads,
        past: usize,
        out: &mut [f32],
        lse: &mut [f32],
    ) {
        let Heads { q: n_heads, kv, dim, .. } = heads;
        let see = Sight { heads, past, from: 0, rows: 1 };
        let keys = see.keys();
        let (k, v) = (&k[keys.start * kv * dim..], &v[keys.start * kv * dim..]);
        let tasks =
            out.par_chunks_mut(dim).zip(lse.par_iter_mut()).zip(q.par_chunks(dim)).enumerate();
        let heads_a_task = (PIECE / (keys.len() * dim)).max(1);
        tasks.with_min_len(heads_a_task).for_each_init(
            || vec![0.0; keys.len()],
            |scores, (head, ((out, lse), q))| {
                let shared = head / (n_heads / kv) * dim;
                head_scores(self.arch, q, &k[shared..], kv * dim, see.scale(), scores);
                *lse = softmax(self.arch, scores, 0..keys.len());
                head_values(self.arch, scores, &v[shared..], kv * dim, out);
            },
        );
    }
}

/// `c = scale · a b`, or `c += …`: the one place that hands memory to code without bounds checks.
fn product(parallel: Parallelism, a: Mat, b: Mat, scale: f32, add: bool, c: MatMut) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "shapes that meet");
    assert!(
        a.reach() <= a.data.len() && b.reach() <= b.data.len(),
        "operands as long as their shapes"
    );
    assert!(c.reach() <= c.data.len() && c.step >= c.cols, "an answer as long as its shape");
    if c.rows == 0 || c.cols == 0 || a.cols == 0 {
        return;
    }
    let step = |step: usize| step as isize;
    // SAFETY: the asserts above hold every index of every operand inside its slice; `c` is
    // borrowed mutably, so it overlaps neither operand, and its rows don't overlap each other.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            c.rows,
            c.cols,
            a.cols,
            c.data.as_mut_ptr(),
            1,
            step(c.step),
            add,
            a.data.as_ptr(),
            step(a.col_step),
            step(a.row_step),
            b.data.as_ptr(),
            step(b.col_step),
            step(b.row_step),
            1.0,
            scale,
            false,
            false,
            false,
            parallel,
        );
    }
}

/// Sums of a head that are kept in registers while its values go by.
const SUMS: usize = 64;
/// How many keys or values ahead are asked for.
const NEXT: usize = 8;
/// Sums kept apart so that a loop over them is one vector instruction; also the order of adding.
const LANES: usize = 32;

#[inline(always)]
fn sum_lanes(lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    let mut lanes = lanes;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn dot_plain(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    sum_lanes(lanes) + rest
}

#[inline(always)]
fn dot_three(x: &[f32], y: &[f32], z: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let (zs, z_rest) = z.as_chunks::<LANES>();
    for ((x, y), z) in xs.iter().zip(ys).zip(zs) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i] * z[i];
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).zip(z_rest).map(|((x, y), z)| x * y * z).sum();
    sum_lanes(lanes) + rest
}

/// The exponential to about 1e-7, without a branch. Inputs are clamped where `f32` ends.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // 1.5 · 2²³: what is added to it loses its fraction, and the whole part stands in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let whole = x * std::f32::consts::LOG2_E + MAGIC;
    let n = whole - MAGIC;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4; // ln 2, in two parts
    let high = 4.166_666_8e-2 + r * (8.333_334e-3 + r * 1.388_889e-3);
    let p = 1.0 + r * (1.0 + r * (0.5 + r * (1.666_666_7e-1 + r * high)));
    p * f32::from_bits(whole.to_bits().wrapping_add(127) << 23)
}

#[inline(always)]
fn max_plain(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = if chunk[i] > lanes[i] { chunk[i] } else { lanes[i] };
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each value by exp(value − max); the sum.
#[inline(always)]
fn exp_row(row: &mut [f32], max: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            chunk[i] = exp(chunk[i] - max);
            lanes[i] += chunk[i];
        }
    }
    let mut sum = 0.0;
    for value in rest {
        *value = exp(*value - max);
        sum += *value;
    }
    sum_lanes(lanes) + sum
}

/// What opens the gate and its slope: `x · σ(z)`, given `z` and its slope. Silu has `z = x`, and
/// gelu's tanh form twice its inner polynomial, since `(1 + tanh u) / 2 = σ(2u)`.
#[inline(always)]
fn opening(x: f32, (z, dz): (f32, f32)) -> (f32, f32) {
    let s = 1.0 / (1.0 + exp(-z));
    (x * s, s + x * s * (1.0 - s) * dz)
}

#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    (x, 1.0)
}

#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    const C: f32 = 1.595_769; // 2 √(2/π)
    const D: f32 = 0.044_715;
    (C * (x + D * x * x * x), C * (1.0 + 3.0 * D * x * x))
}

#[inline(always)]
fn open_plain(z: impl Fn(f32) -> (f32, f32), gate: &[f32], up: &[f32], out: &mut [f32]) {
    let (gate, up) = (&gate[..out.len()], &up[..out.len()]);
    for i in 0..out.len() {
        out[i] = opening(gate[i], z(gate[i])).0 * up[i];
    }
}

#[inline(always)]
fn open_back_plain(
    z: impl Fn(f32) -> (f32, f32),
    gate: &[f32],
    up: &[f32],
    dout: &[f32],
    dgate: &mut [f32],
    dup: &mut [f32],
) {
    let n = dgate.len();
    let (gate, up, dout, dup) = (&gate[..n], &up[..n], &dout[..n], &mut dup[..n]);
    for i in 0..n {
        let (value, slope) = opening(gate[i], z(gate[i]));
        dup[i] = dout[i] * value;
        dgate[i] = dout[i] * up[i] * slope;
    }
}

#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot_plain(x, x) / x.len() as f32 + eps).sqrt()
}

wide! {
    fn unpack<'a>(w: &'a Weight, rows: Range<usize>, out: &'a mut [f32]) -> () {
        w.unpack_rows(rows, out);
    }

    fn dot<'a>(x: &'a [f32], y: &'a [f32]) -> f32 {
        dot_plain(x, y)
    }

    fn norm_rows<'a>(x: &'a [f32], norm: Norm<'a>, y: &'a mut [f32]) -> () {
        let width = norm.weight.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let r = inverse_rms(x, norm.eps);
            for i in 0..width {
                y[i] = x[i] * r * norm.weight[i];
            }
        }
    }

    fn norm_back_rows<'a>(x: &'a [f32], norm: Norm<'a>, dy: &'a [f32], dx: &'a mut [f32]) -> () {
        let width = norm.weight.len();
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for ((x, dy), dx) in rows {
            let r = inverse_rms(x, norm.eps);
            let along = dot_three(dy, norm.weight, x) * r * r * r / width as f32;
            for i in 0..width {
                dx[i] += dy[i] * norm.weight[i] * r - x[i] * along;
            }
        }
    }

    /// Softmax over the part seen, zero elsewhere; the logarithm of the sum.
    fn softmax<'a>(row: &'a mut [f32], seen: Range<usize>) -> f32 {
        row[..seen.start].fill(0.0);
        row[seen.end..].fill(0.0);
        let row = &mut row[seen];
        let max = max_plain(row);
        let sum = exp_row(row, max);
        let inverse = 1.0 / sum;
        for value in row.iter_mut() {
            *value *= inverse;
        }
        max + sum.ln()
    }

    /// Scores to probabilities in `p`, and gradients of probabilities to those of scores in `dp`.
    fn softmax_back<'a>(p: &'a mut [f32], dp: &'a mut [f32], seen: Range<usize>, lse: f32, sum: f32, scale: f32) -> () {
        for row in [&mut *p, &mut *dp] {
            row[..seen.start].fill(0.0);
            row[seen.end..].fill(0.0);
        }
        for (p, dp) in p[seen.clone()].iter_mut().zip(&mut dp[seen]) {
            *p = exp(*p - lse);
            *dp = *p * (*dp - sum) * scale;
        }
    }

    fn head_scores<'a>(q: &'a [f32], k: &'a [f32], step: usize, scale: f32, scores: &'a mut [f32]) -> () {
        for (i, score) in scores.iter_mut().enumerate() {
            let key = &k[i * step..i * step + q.len()];
            ask(key, NEXT * step);
            *score = dot_plain(q, key) * scale;
        }
    }

    fn head_values<'a>(weights: &'a [f32], v: &'a [f32], step: usize, out: &'a mut [f32]) -> () {
        let (wide, rest) = out.as_chunks_mut::<SUMS>();
        let narrow = wide.len() * SUMS;
        for (part, out) in wide.iter_mut().enumerate() {
            let mut sums = [0.0; SUMS];
            for (i, weight) in weights.iter().enumerate() {
                let v = &v[i * step + part * SUMS..][..SUMS];
                ask(v, NEXT * step);
                for (sum, v) in sums.iter_mut().zip(v) {
                    *sum += weight * v;
                }
            }
            *out = sums;
        }
        rest.fill(0.0);
        if !rest.is_empty() {
            for (i, weight) in weights.iter().enumerate() {
                for (out, v) in rest.iter_mut().zip(&v[i * step + narrow..]) {
                    *out += weight * v;
                }
            }
        }
    }

    fn open<'a>(kind: Gate, gate: &'a [f32], up: &'a [f32], out: &'a mut [f32]) -> () {
        match kind {
            Gate::Silu => open_plain(silu, gate, up, out),
            Gate::Gelu => open_plain(gelu, gate, up, out),
        }
    }

    fn open_back<'a>(kind: Gate, gate: &'a [f32], up: &'a [f32], dout: &'a [f32], dgate: &'a mut [f32], dup: &'a mut [f32]) -> () {
        match kind {
            Gate::Silu => open_back_plain(silu, gate, up, dout, dgate, dup),
            Gate::Gelu => open_back_plain(gelu, gate, up, dout, dgate, dup),
        }
    }

    /// −ln p of the target. With a weight, logits become the gradient of weight × that.
    fn surprise<'a>(logits: &'a mut [f32], target: usize, weight: Option<f32>) -> f32 {
        let max = max_plain(logits);
        let wanted = logits.get(target).copied().unwrap_or(f32::NEG_INFINITY);
        let sum = exp_row(logits, max);
        if let Some(weight) = weight {
            let share = weight / sum;
            for value in logits.iter_mut() {
                *value *= share;
            }
            if let Some(wanted) = logits.get_mut(target) {
                *wanted -= weight;
            }
        }
        sum.ln() + max - wanted
    }
}

/// Asks for what lies `step` values after these, if anything does: a head's keys and values lie too
/// far apart for a processor to see them coming.
#[inline(always)]
fn ask(values: &[f32], step: usize) {
    for line in (0..values.len()).step_by(16) {
        ahead(values.as_ptr().wrapping_add(step + line).cast());
    }
}

#[inline(always)]
fn turn_head(head: &mut [f32], pairs: Pairs, cos: &[f32], sin: &[f32], sign: f32) {
    let turn = |a: f32, b: f32, i: usize| {
        let (c, s) = (cos[i], sin[i] * sign);
        (a * c - b * s, a * s + b * c)
    };
    match pairs {
        Pairs::Interleaved => {
            for (i, pair) in head.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                (pair[0], pair[1]) = turn(pair[0], pair[1], i);
            }
        }
        Pairs::Halves => {
            let (first, second) = head.split_at_mut(cos.len());
            for (i, (a, b)) in first.iter_mut().zip(second).enumerate() {
                (*a, *b) = turn(*a, *b, i);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chance::Chance;
    use crate::kernel::Low;

    fn some(n: usize, seed: u64) -> Vec<f32> {
        let mut chance = Chance::new(seed);
        (0..n).map(|_| chance.uniform() * 2.0 - 1.0).collect()
    }

    #[track_caller]
    fn close(ours: &[f32], theirs: &[f32], within: f32) {
        assert_eq!(ours.len(), theirs.len());
        for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
            assert!((a - b).abs() <= within * (1.0 + b.abs()), "at {i}: {a} against {b}");
        }
    }

    /// How `f` moves along each coordinate of `x`, by stepping both ways.
    fn slopes(x: &[f32], f: impl Fn(&[f32]) -> Vec<f32>, dout: &[f32]) -> Vec<f32> {
        let along = |x: &[f32]| -> f64 {
            f(x).iter().zip(dout).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        (0..x.len())
            .map(|i| {
                let h = 1e-2;
                let mut moved = x.to_vec();
                moved[i] = x[i] + h;
                let up = along(&moved);
                moved[i] = x[i] - h;
                ((up - along(&moved)) / f64::from(2.0 * h)) as f32
            })
            .collect()
    }

    fn plain_product(n: usize, x: &[f32], w: &[f32], rows: usize, cols: usize) -> Vec<f32> {
        let at = |i: usize, r: usize| (0..cols).map(|c| x[i * cols + c] * w[r * cols + c]).sum();
        (0..n).flat_map(|i| (0..rows).map(move |r| (i, r))).map(|(i, r)| at(i, r)).collect()
    }

    #[test]
    fn a_frozen_weight_multiplies_one_row_and_many() {
        let (rows, cols) = (70, 96);
        let values = some(rows * cols, 1);
        let w = Weight::from_f32(rows, cols, values.clone());
        for n in [1, 2, 9] {
            let x = some(n * cols, 2);
            let mut y = vec![0.0; n * rows];
            Cpu::default().linear(&x, &w, &mut y);
            close(&y, &plain_product(n, &x, &values, rows, cols), 1e-5);
        }
    }

    #[test]
    fn a_weight_of_many_panels_multiplies_forth_and_back() {
        let (n, rows, cols) = (3, 700, 4096);
        let values = some(rows * cols, 3);
        let w = Weight::from_f32(rows, cols, values.clone());
        let x = some(n * cols, 4);
        let mut y = vec![0.0; n * rows];
        Cpu::default().linear(&x, &w, &mut y);
        close(&y, &plain_product(n, &x, &values, rows, cols), 1e-3);
        let mut dx = vec![1.0; n * cols];
        Cpu::default().linear_back(&y, &w, &mut dx);
        let back: f32 = (0..rows).map(|r| y[r] * values[r * cols + 5]).sum();
        close(&[dx[5]], &[1.0 + back], 1e-4);
    }

    #[test]
    fn a_norm_and_its_slope() {
        let cpu = Cpu::default();
        let weight = some(24, 5);
        let norm = Norm { weight: &weight, eps: 1e-5 };
        let forward = |x: &[f32]| {
            let mut y = vec![0.0; x.len()];
            cpu.norm(x, norm, &mut y);
            y
        };
        let (x, dy) = (some(48, 6), some(48, 7));
        let mut dx = vec![0.0; 48];
        cpu.norm_back(&x, norm, &dy, &mut dx);
        close(&dx, &slopes(&x, forward, &dy), 2e-3);
    }

    #[test]
    fn gates_and_their_slopes() {
        let cpu = Cpu::default();
        for kind in [Gate::Silu, Gate::Gelu] {
            let (gate, up, dout) = (some(40, 8), some(40, 9), some(40, 10));
            let forward = |gate: &[f32], up: &[f32]| {
                let mut out = vec![0.0; 40];
                cpu.gate(kind, gate, up, &mut out);
                out
            };
            let (mut dgate, mut dup) = (vec![0.0; 40], vec![0.0; 40]);
            cpu.gate_back(kind, &gate, &up, &dout, &mut dgate, &mut dup);
            close(&dgate, &slopes(&gate, |g| forward(g, &up), &dout), 2e-3);
            close(&dup, &slopes(&up, |u| forward(&gate, u), &dout), 2e-3);
        }
        // torch.nn.functional: silu(1.5) = 1.2263617, gelu(1.5, approximate="tanh") = 1.3995717
        close(
            &[opening(1.5, silu(1.5)).0, opening(1.5, gelu(1.5)).0],
            &[1.226_361_7, 1.399_571_7],
            1e-6,
        );
    }

    const HEADS: Heads = Heads { q: 4, kv: 2, dim: 6, window: None };

    /// Attention as the paper writes it.
    fn plain_attention(q: &[f32], k: &[f32], v: &[f32], heads: Heads, past: usize) -> Vec<f32> {
        let Heads { q: h, kv, dim, window } = heads;
        let n = q.len() / (h * dim);
        let mut out = vec![0.0; q.len()];
        for i in 0..n {
            for head in 0..h {
                let shared = head / (h / kv);
                let first = window.map_or(0, |w| (past + i + 1).saturating_sub(w));
                let scores: Vec<f32> = (first..=past + i)
                    .map(|j| {
                        (0..dim)
                            .map(|c| q[(i * h + head) * dim + c] * k[(j * kv + shared) * dim + c])
                            .sum::<f32>()
                            / (dim as f32).sqrt()
                    })
                    .map(f32::exp)
                    .collect();
                let sum: f32 = scores.iter().sum();
                for (j, score) in (first..).zip(&scores) {
                    for c in 0..dim {
                        out[(i * h + head) * dim + c] +=
                            score / sum * v[(j * kv + shared) * dim + c];
                    }
                }
            }
        }
        out
    }

    fn attention(
        q: &[f32],
        k: &[f32],
        v: &[f32],
        heads: Heads,
        past: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let (mut out, mut lse) = (vec![0.0; q.len()], vec![0.0; q.len() / heads.dim]);
        Cpu::default().attend(q, k, v, heads, past, &mut out, &mut lse);
        (out, lse)
    }

    #[test]
    fn attention_sees_what_it_should() {
        for (n, past, window) in [
            (1, 0, None),
            (5, 0, None),
            (1, 7, None),
            (150, 3, None),
            (150, 0, Some(9)),
            (1, 20, Some(4)),
            (70, 70, Some(80)),
        ] {
            let heads = Heads { window, ..HEADS };
            let (q, k, v) =
                (some(n * 24, 11), some((past + n) * 12, 12), some((past + n) * 12, 13));
            close(
                &attention(&q, &k, &v, heads, past).0,
                &plain_attention(&q, &k, &v, heads, past),
                1e-5,
            );
        }
    }

    #[test]
    fn heads_of_every_width_take_what_they_should() {
        // Narrower than the sums that are kept, as wide, and wider by a part or a whole.
        for dim in [6, 64, 80, 128] {
            for (past, window) in [(0, None), (30, None), (30, Some(4))] {
                let heads = Heads { q: 4, kv: 2, dim, window };
                let (q, k, v) = (
                    some(4 * dim, 30),
                    some((past + 1) * 2 * dim, 31),
                    some((past + 1) * 2 * dim, 32),
                );
                close(
                    &attention(&q, &k, &v, heads, past).0,
                    &plain_attention(&q, &k, &v, heads, past),
                    1e-5,
                );
            }
        }
    }

    #[test]
    fn attention_and_its_slopes() {
        for (n, window) in [(5, None), (70, None), (70, Some(3))] {
            let heads = Heads { window, ..HEADS };
            let (q, k, v, dout) =
                (some(n * 24, 14), some(n * 12, 15), some(n * 12, 16), some(n * 24, 17));
            let (out, lse) = attention(&q, &k, &v, heads, 0);
            let (mut dq, mut dk, mut dv) =
                (vec![0.0; n * 24], vec![0.0; n * 12], vec![0.0; n * 12]);
            let saw = Attended { q: &q, k: &k, v: &v, out: &out, lse: &lse };
            Cpu::default().attend_back(saw, heads, &dout, &mut dq, &mut dk, &mut dv);
            close(&dq, &slopes(&q, |q| attention(q, &k, &v, heads, 0).0, &dout), 3e-3);
            close(&dk, &slopes(&k, |k| attention(&q, k, &v, heads, 0).0, &dout), 3e-3);
            close(&dv, &slopes(&v, |v| attention(&q, &k, v, heads, 0).0, &dout), 3e-3);
        }
    }

    #[test]
    fn turning_there_and_back_changes_nothing() {
        for pairs in [Pairs::Interleaved, Pairs::Halves] {
            let angles = some(3 * 2, 18);
            let turns = Turns {
                cos: angles.iter().map(|a| a.cos()).collect(),
                sin: angles.iter().map(|a| a.sin()).collect(),
                dims: 4,
                pairs,
            };
            let x = some(3 * 2 * 6, 19);
            let mut turned = x.clone();
            Cpu::default().turn(&mut turned, 6, &turns, false);
            let (first, second) = if pairs == Pairs::Halves { (0, 2) } else { (0, 1) };
            close(&[turned[first]], &[x[first] * turns.cos[0] - x[second] * turns.sin[0]], 1e-6);
            assert_eq!(turned[4..6], x[4..6], "what doesn't turn stays");
            Cpu::default().turn(&mut turned, 6, &turns, true);
            close(&turned, &x, 1e-6);
        }
    }

    #[test]
    fn surprise_and_its_slope() {
        let cpu = Cpu::default();
        let (width, vocab, targets) = (8, 40, [3u32, 39, 0]);
        let head = Weight::from_f32(vocab, width, some(vocab * width, 20));
        let hidden = some(3 * width, 21);
        let forward = |hidden: &[f32]| {
            let mut nll = vec![0.0; 3];
            cpu.cross_entropy(hidden, &head, &targets, &mut nll, None);
            nll
        };
        let weights = [0.5, 0.0, 2.0];
        let (mut nll, mut dhidden) = (vec![0.0; 3], vec![0.0; 3 * width]);
        cpu.cross_entropy(&hidden, &head, &targets, &mut nll, Some((&weights, &mut dhidden)));
        close(&nll, &forward(&hidden), 1e-6);
        close(&dhidden, &slopes(&hidden, forward, &weights), 2e-3);
        let mut logits = vec![0.0; vocab];
        cpu.linear(&hidden[..width], &head, &mut logits);
        let sum: f32 = logits.iter().map(|l| l.exp()).sum();
        close(&nll[..1], &[sum.ln() - logits[3]], 1e-5);
    }

    #[test]
    fn an_adapter_and_its_slopes() {
        let cpu = Cpu::default();
        let (n, rows, cols, rank) = (3, 7, 5, 2);
        let (x, a, b, dy) =
            (some(n * cols, 22), some(rank * cols, 23), some(rows * rank, 24), some(n * rows, 25));
        let forward = |x: &[f32], a: &[f32], b: &[f32]| {
            let (mut u, mut y) = (vec![0.0; n * rank], vec![0.0; n * rows]);
            cpu.low(x, &[Low { a, b, rank, scale: 2.0 }], &mut u, &mut [&mut y]);
            (u, y)
        };
        let (u, _) = forward(&x, &a, &b);
        let (mut da, mut db, mut dx) = (vec![0.0; a.len()], vec![0.0; b.len()], vec![0.0; x.len()]);
        let lows = [Low { a: &a, b: &b, rank, scale: 2.0 }];
        cpu.low_back(&x, &lows, &u, &[&dy], &mut [(&mut da, &mut db)], Some(&mut dx));
        close(&da, &slopes(&a, |a| forward(&x, a, &b).1, &dy), 2e-3);
        close(&db, &slopes(&b, |b| forward(&x, &a, b).1, &dy), 2e-3);
        close(&dx, &slopes(&x, |x| forward(x, &a, &b).1, &dy), 2e-3);
    }

    #[test]
    fn the_exponential_is_right_where_it_matters() {
        for x in [-100.0, -87.0, -20.5, -1.0, -1e-4, 0.0, 1e-4, 0.7, 10.0, 80.0f32] {
            let true_one = f64::from(x.max(-87.0)).exp();
            assert!((f64::from(exp(x)) / true_one - 1.0).abs() < 3e-7, "exp({x})");
        }
    }

    #[test]
    #[should_panic(expected = "operands as long as their shapes")]
    fn a_short_slice_never_reaches_raw_memory() {
        let mut out = [0.0; 4];
        Cpu::default().product(
            Mat::new(&[0.0; 3], 2, 2),
            Mat::new(&[0.0; 4], 2, 2),
            1.0,
            false,
            MatMut::new(&mut out, 2, 2),
        );
    }
}
