//! Causal attention with grouped keys and values and a sliding window, and its backward pass.

use std::ops::Range;

use rayon::prelude::*;

use super::context::Cpu;
use super::gemm::{Mat, MatMut, Parallelism, gemm};
use super::multiversion::multiversion;
use super::simd::prefetch;
use super::softmax::{softmax, softmax_backward};
use super::vector::dot_plain;

/// Queries whose attention is computed together.
const QUERY_BLOCK: usize = 64;
/// Values a thread takes at a time.
const CHUNK: usize = 1 << 16;
/// Sums of a head that are kept in registers while its values are read.
const ACCUMULATORS: usize = 64;
/// The distance of prefetching, in keys or values.
const AHEAD: usize = 8;

/// The heads of an attention, and its window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    /// Query heads.
    pub q: usize,
    /// Key and value heads; divides `q`.
    pub kv: usize,
    /// Width of one.
    pub dim: usize,
    /// The attention window in positions, its own included; `None` is no window.
    pub window: Option<usize>,
}

/// Inputs and outputs of [`attention`] that its backward pass reads.
#[derive(Clone, Copy)]
pub(crate) struct AttentionActivations<'a> {
    /// Queries, `n × heads.q × dim`.
    pub q: &'a [f32],
    /// Keys, `n × heads.kv × dim`.
    pub k: &'a [f32],
    /// Values, `n × heads.kv × dim`.
    pub v: &'a [f32],
    /// The output, `n × heads.q × dim`.
    pub out: &'a [f32],
    /// Logarithms of the softmax sums, `n × heads.q`.
    pub lse: &'a [f32],
}

/// Causal attention of `n` new positions over `past + n` keys and values. `lse` (`n × heads.q`) keeps
/// the logarithm of each softmax's sum for the backward pass.
#[allow(clippy::too_many_arguments)]
pub(crate) fn attention(
    cpu: &Cpu,
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
        return attend_one(cpu, q, k, v, heads, past, out, lse);
    }
    out.par_chunks_mut(QUERY_BLOCK * width)
        .zip(lse.par_chunks_mut(QUERY_BLOCK * heads.q))
        .zip(q.par_chunks(QUERY_BLOCK * width))
        .enumerate()
        .rev()
        .with_max_len(1)
        .for_each_init(Vec::new, |scores, (i, ((out, lse), q))| {
            let view = QueryBlock { heads, past, from: i * QUERY_BLOCK, rows: q.len() / width };
            scores.resize(QUERY_BLOCK * view.keys().len(), 0.0);
            attend_block(cpu, q, k, v, &view, scores, out, lse);
        });
}

/// Values that the backward pass needs besides its inputs and outputs: each query head's own gradients.
pub(crate) fn backward_scratch(heads: usize, dim: usize, n: usize) -> usize {
    heads * 3 * n * dim
}

/// *Writes* (does not add) the gradients of queries, keys and values, with no past.
pub(crate) fn attention_backward(
    cpu: &Cpu,
    saved: AttentionActivations,
    heads: Heads,
    dout: &[f32],
    dq: &mut [f32],
    dk: &mut [f32],
    dv: &mut [f32],
) {
    let Heads { q, kv, dim, .. } = heads;
    let n = saved.q.len() / (q * dim);
    cpu.with_buffer(backward_scratch(q, dim, n), |grads| {
        grads
            .par_chunks_mut(3 * n * dim)
            .enumerate()
            .with_max_len(1)
            .for_each_init(Vec::new, |buffers, (head, grads)| {
                backward_head(cpu, saved, heads, head, dout, grads, buffers)
            });
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

/// Attention of one block of queries, all heads; `from` is the first one's row.
#[allow(clippy::too_many_arguments)]
fn attend_block(
    cpu: &Cpu,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    view: &QueryBlock,
    scores: &mut [f32],
    out: &mut [f32],
    lse: &mut [f32],
) {
    let Heads { q: heads, kv, dim, .. } = view.heads;
    let (n, keys) = (view.rows, view.keys());
    let scores = &mut scores[..n * keys.len()];
    for head in 0..heads {
        let shared = head / (heads / kv) * dim;
        let at = |all: &'_ [f32]| keys.start * kv * dim + shared..all.len();
        let query = Mat::strided(&q[head * dim..], n, dim, heads * dim);
        let key = Mat::strided(&k[at(k)], keys.len(), dim, kv * dim);
        let value = Mat::strided(&v[at(v)], keys.len(), dim, kv * dim);
        let into = MatMut::new(scores, n, keys.len());
        gemm(Parallelism::None, query, key.t(), view.scale(), false, into);
        for (i, row) in scores.chunks_exact_mut(keys.len()).enumerate() {
            lse[i * heads + head] = softmax(cpu.arch, row, view.visible(i));
        }
        let weights = Mat::new(scores, n, keys.len());
        let into = MatMut::strided(&mut out[head * dim..], n, dim, heads * dim);
        gemm(Parallelism::None, weights, value, 1.0, false, into);
    }
}

/// Gradients of one query head, all positions: its `dq`, and its share of `dk` and `dv`.
fn backward_head(
    cpu: &Cpu,
    saved: AttentionActivations,
    heads: Heads,
    head: usize,
    dout: &[f32],
    grads: &mut [f32],
    buffers: &mut Vec<f32>,
) {
    let Heads { q, kv, dim, .. } = heads;
    let n = saved.q.len() / (q * dim);
    let (dq, rest) = grads.split_at_mut(n * dim);
    let (dk, dv) = rest.split_at_mut(n * dim);
    let shared = head / (q / kv) * dim;
    dk.fill(0.0);
    dv.fill(0.0);
    buffers.resize(2 * QUERY_BLOCK * n, 0.0);
    for from in (0..n).step_by(QUERY_BLOCK) {
        let view = QueryBlock { heads, past: 0, from, rows: QUERY_BLOCK.min(n - from) };
        let (rows, keys) = (view.rows, view.keys());
        let (p, dp) = buffers.split_at_mut(QUERY_BLOCK * n);
        let (p, dp) = (&mut p[..rows * keys.len()], &mut dp[..rows * keys.len()]);
        let mine = (from * q + head) * dim;
        let theirs = keys.start * kv * dim + shared;
        let query = Mat::strided(&saved.q[mine..], rows, dim, q * dim);
        let key = Mat::strided(&saved.k[theirs..], keys.len(), dim, kv * dim);
        let value = Mat::strided(&saved.v[theirs..], keys.len(), dim, kv * dim);
        let dout_mat = Mat::strided(&dout[mine..], rows, dim, q * dim);
        let square = |data| MatMut::new(data, rows, keys.len());
        gemm(Parallelism::None, query, key.t(), view.scale(), false, square(p));
        gemm(Parallelism::None, dout_mat, value.t(), 1.0, false, square(dp));
        for i in 0..rows {
            let row = i * keys.len()..(i + 1) * keys.len();
            let at = mine + i * q * dim..mine + i * q * dim + dim;
            let sum = dot(cpu.arch, &dout[at.clone()], &saved.out[at]);
            let lse = saved.lse[(from + i) * q + head];
            softmax_backward(
                cpu.arch,
                &mut p[row.clone()],
                &mut dp[row],
                view.visible(i),
                lse,
                sum,
                view.scale(),
            );
        }
        let (p, ds) = (Mat::new(p, rows, keys.len()), Mat::new(dp, rows, keys.len()));
        let tail = keys.start * dim..keys.end * dim;
        let column = |data| MatMut::new(data, keys.len(), dim);
        gemm(Parallelism::None, p.t(), dout_mat, 1.0, true, column(&mut dv[tail.clone()]));
        gemm(Parallelism::None, ds.t(), query, 1.0, true, column(&mut dk[tail]));
        let into = MatMut::new(&mut dq[from * dim..(from + rows) * dim], rows, dim);
        gemm(Parallelism::None, ds, key, 1.0, false, into);
    }
}

/// Attention of one query: a head is a row of dot products.
#[allow(clippy::too_many_arguments)]
fn attend_one(
    cpu: &Cpu,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    heads: Heads,
    past: usize,
    out: &mut [f32],
    lse: &mut [f32],
) {
    let Heads { q: n_heads, kv, dim, .. } = heads;
    let view = QueryBlock { heads, past, from: 0, rows: 1 };
    let keys = view.keys();
    let (k, v) = (&k[keys.start * kv * dim..], &v[keys.start * kv * dim..]);
    let tasks = out.par_chunks_mut(dim).zip(lse.par_iter_mut()).zip(q.par_chunks(dim)).enumerate();
    let heads_per_task = (CHUNK / (keys.len() * dim)).max(1);
    tasks.with_min_len(heads_per_task).for_each_init(
        || vec![0.0; keys.len()],
        |scores, (head, ((out, lse), q))| {
            let shared = head / (n_heads / kv) * dim;
            head_scores(cpu.arch, q, &k[shared..], kv * dim, view.scale(), scores);
            *lse = softmax(cpu.arch, scores, 0..keys.len());
            head_values(cpu.arch, scores, &v[shared..], kv * dim, out);
        },
    );
}

/// A block of queries and the keys visible to them.
struct QueryBlock {
    heads: Heads,
    past: usize,
    from: usize,
    rows: usize,
}

impl QueryBlock {
    /// Keys visible to any of the queries.
    fn keys(&self) -> Range<usize> {
        self.first(0)..self.past + self.from + self.rows
    }

    /// Keys visible to query `i` of the block, counted from the block's first.
    fn visible(&self, i: usize) -> Range<usize> {
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

multiversion! {
    fn dot<'a>(x: &'a [f32], y: &'a [f32]) -> f32 {
        dot_plain(x, y)
    }

    fn head_scores<'a>(q: &'a [f32], k: &'a [f32], step: usize, scale: f32, scores: &'a mut [f32]) -> () {
        for (i, score) in scores.iter_mut().enumerate() {
            let key = &k[i * step..i * step + q.len()];
            prefetch_ahead(key, AHEAD * step);
            *score = dot_plain(q, key) * scale;
        }
    }

    fn head_values<'a>(weights: &'a [f32], v: &'a [f32], step: usize, out: &'a mut [f32]) -> () {
        let (wide, rest) = out.as_chunks_mut::<ACCUMULATORS>();
        let narrow = wide.len() * ACCUMULATORS;
        for (part, out) in wide.iter_mut().enumerate() {
            let mut sums = [0.0; ACCUMULATORS];
            for (i, weight) in weights.iter().enumerate() {
                let v = &v[i * step + part * ACCUMULATORS..][..ACCUMULATORS];
                prefetch_ahead(v, AHEAD * step);
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
}

/// Prefetches what lies `step` values after these, if anything does: a head's keys and values are too
/// far apart for the hardware prefetcher.
#[inline(always)]
fn prefetch_ahead(values: &[f32], step: usize) {
    for line in (0..values.len()).step_by(16) {
        prefetch(values.as_ptr().wrapping_add(step + line).cast());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::test_support::{assert_close, numerical_gradient, random};

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

    fn run(q: &[f32], k: &[f32], v: &[f32], heads: Heads, past: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut out, mut lse) = (vec![0.0; q.len()], vec![0.0; q.len() / heads.dim]);
        attention(&Cpu::default(), q, k, v, heads, past, &mut out, &mut lse);
        (out, lse)
    }

    #[test]
    fn attention_is_the_papers() {
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
                (random(n * 24, 11), random((past + n) * 12, 12), random((past + n) * 12, 13));
            assert_close(
                &run(&q, &k, &v, heads, past).0,
                &plain_attention(&q, &k, &v, heads, past),
                1e-5,
            );
        }
    }

    #[test]
    fn heads_of_every_width_are_computed() {
        // Narrower than the sums that are kept, as wide, and wider by a part or a whole.
        for dim in [6, 64, 80, 128] {
            for (past, window) in [(0, None), (30, None), (30, Some(4))] {
                let heads = Heads { q: 4, kv: 2, dim, window };
                let (q, k, v) = (
                    random(4 * dim, 30),
                    random((past + 1) * 2 * dim, 31),
                    random((past + 1) * 2 * dim, 32),
                );
                assert_close(
                    &run(&q, &k, &v, heads, past).0,
                    &plain_attention(&q, &k, &v, heads, past),
                    1e-5,
                );
            }
        }
    }

    #[test]
    fn the_backward_pass_is_the_gradient() {
        for (n, window) in [(5, None), (70, None), (70, Some(3))] {
            let heads = Heads { window, ..HEADS };
            let (q, k, v, dout) =
                (random(n * 24, 14), random(n * 12, 15), random(n * 12, 16), random(n * 24, 17));
            let (out, lse) = run(&q, &k, &v, heads, 0);
            let (mut dq, mut dk, mut dv) =
                (vec![0.0; n * 24], vec![0.0; n * 12], vec![0.0; n * 12]);
            let saved = AttentionActivations { q: &q, k: &k, v: &v, out: &out, lse: &lse };
            attention_backward(&Cpu::default(), saved, heads, &dout, &mut dq, &mut dk, &mut dv);
            assert_close(&dq, &numerical_gradient(&q, |q| run(q, &k, &v, heads, 0).0, &dout), 3e-3);
            assert_close(&dk, &numerical_gradient(&k, |k| run(&q, k, &v, heads, 0).0, &dout), 3e-3);
            assert_close(&dv, &numerical_gradient(&v, |v| run(&q, &k, v, heads, 0).0, &dout), 3e-3);
        }
    }
}
