//! What a model is computed with: each operation forward, and backward where
//! a gradient passes through it.
//!
//! Matrices are plain `f32` slices, row after row, one row a token; frozen
//! weights come as they are stored. A home for these operations (`cpu` today,
//! faster tiers and a GPU beside it) answers the same to rounding, whatever
//! its speed, and the same bit for bit when asked twice. Knows nothing of
//! blocks, tokens or adapters, but that a home may do them all at once ([`Stack`]).
//!
//! A backward pass *adds* to the gradient of an input, so that residual paths
//! and several users of one input need no buffers of their own.

use crate::base::{Base, Gate, Pairs};
use crate::gpu::Far;
use crate::lora::{Lora, PackedLora};
use crate::model::{Dropout, Keep};
use crate::weight::Weight;

/// A dense matrix someone else owns. Steps let a part or a transpose stand in place.
#[derive(Clone, Copy)]
pub struct Mat<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// From one row to the next.
    pub row_step: usize,
    /// From one column to the next.
    pub col_step: usize,
}

impl<'a> Mat<'a> {
    /// Rows one after another.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Rows `step` apart.
    pub fn strided(data: &'a [f32], rows: usize, cols: usize, step: usize) -> Self {
        Self { data, rows, cols, row_step: step, col_step: 1 }
    }

    /// Rows and columns exchanged; nothing moves.
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_step: self.col_step,
            col_step: self.row_step,
        }
    }

    /// One past the last value it touches.
    pub(crate) fn reach(&self) -> usize {
        reach(self.rows, self.cols, self.row_step, self.col_step)
    }
}

/// A dense matrix to write to; its columns are one apart.
pub struct MatMut<'a> {
    /// The values.
    pub data: &'a mut [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// From one row to the next; at least `cols`.
    pub step: usize,
}

impl<'a> MatMut<'a> {
    /// Rows one after another.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self { data, rows, cols, step: cols }
    }

    /// Rows `step` apart.
    pub fn strided(data: &'a mut [f32], rows: usize, cols: usize, step: usize) -> Self {
        Self { data, rows, cols, step }
    }

    /// One past the last value it touches.
    pub(crate) fn reach(&self) -> usize {
        reach(self.rows, self.cols, self.step, 1)
    }
}

fn reach(rows: usize, cols: usize, row_step: usize, col_step: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    (rows - 1) * row_step + (cols - 1) * col_step + 1
}

/// The heads of an attention, and how far back they see.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Query heads.
    pub q: usize,
    /// Key and value heads; divides `q`.
    pub kv: usize,
    /// Width of one.
    pub dim: usize,
    /// Positions seen, one's own included; all where `None`.
    pub window: Option<usize>,
}

/// How far each position of a stretch turns each pair of a head.
#[derive(Clone, Debug)]
pub struct Turns {
    /// Cosines, `positions × dims / 2`.
    pub cos: Vec<f32>,
    /// Sines, `positions × dims / 2`.
    pub sin: Vec<f32>,
    /// Values of a head that turn; the rest stay.
    pub dims: usize,
    /// Which two turn together.
    pub pairs: Pairs,
}

/// An adapter's two small matrices beside one frozen one: `scale · x Aᵀ Bᵀ`.
#[derive(Clone, Copy)]
pub struct Low<'a> {
    /// `rank × inputs`.
    pub a: &'a [f32],
    /// `outputs × rank`.
    pub b: &'a [f32],
    /// Rows of `a`.
    pub rank: usize,
    /// Alpha over rank.
    pub scale: f32,
}

impl Low<'_> {
    /// Outputs.
    fn rows(&self) -> usize {
        self.b.len() / self.rank
    }
}

/// A frozen norm: `x / rms(x) · weight` over rows as wide as `weight`.
#[derive(Clone, Copy)]
pub struct Norm<'a> {
    /// One multiplier a column.
    pub weight: &'a [f32],
    /// Added under the root.
    pub eps: f32,
}

/// A home of the operations. `n` rows are told by the slices' lengths.
pub trait Kernel: Send + Sync {
    /// How all blocks are done at once, where this home has a memory of its own (and has not
    /// failed): then these operations are asked for what comes before and after alone.
    fn stack(&self) -> Option<&dyn Stack> {
        None
    }

    /// `y = x Wᵀ` for a frozen weight of any block type.
    fn linear(&self, x: &[f32], w: &Weight, y: &mut [f32]);

    /// `y = x Wᵀ` for several weights that read the same rows.
    fn linears(&self, x: &[f32], outs: &mut [(&Weight, &mut [f32])]) {
        for (w, y) in outs {
            self.linear(x, w, y);
        }
    }

    /// One row through frozen weights that read it, with an adapter's packed pairs beside each:
    /// `y = x Wᵀ + scale · x Aᵀ Bᵀ`.
    fn gemv_lora(&self, x: &[f32], outs: &mut [(&Weight, &mut [f32])], lora: &PackedLora) {
        let mut u = vec![0.0; lora.a.rows];
        self.linear(x, &lora.a, &mut u);
        u.iter_mut().zip(&lora.gains).for_each(|(u, gain)| *u *= gain);
        self.linears(x, outs);
        for ((_, y), b) in outs.iter_mut().zip(&lora.b) {
            b.add(0, &u, y);
        }
    }

    /// `dx += dy W`.
    fn linear_back(&self, dy: &[f32], w: &Weight, dx: &mut [f32]);

    /// `c = scale · a b`, or `c += …` with `add`.
    ///
    /// # Panics
    /// If the shapes don't meet, or a slice is shorter than its shape.
    fn product(&self, a: Mat, b: Mat, scale: f32, add: bool, c: MatMut);

    /// `y = norm(x)`.
    fn norm(&self, x: &[f32], norm: Norm, y: &mut [f32]);

    /// `dx +=` what `dy` asks of `x` through `norm`.
    fn norm_back(&self, x: &[f32], norm: Norm, dy: &[f32], dx: &mut [f32]);

    /// Turns the heads of `x` by their positions, or back with `back`, which is also the gradient.
    fn turn(&self, x: &mut [f32], dim: usize, turns: &Turns, back: bool);

    /// Causal attention of `n` new positions over `past + n` keys and values.
    /// `lse` (`n × heads.q`) keeps the logarithm of each softmax's sum for the way back.
    #[allow(clippy::too_many_arguments)]
    fn attend(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        heads: Heads,
        past: usize,
        out: &mut [f32],
        lse: &mut [f32],
    );

    /// *Writes* (does not add) the gradients of `q`, `k` and `v`, with nothing past.
    fn attend_back(
        &self,
        saw: Attended,
        heads: Heads,
        dout: &[f32],
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    );

    /// `out = open(gate) · up`.
    fn gate(&self, kind: Gate, gate: &[f32], up: &[f32], out: &mut [f32]);

    /// *Writes* the gradients of `gate` and `up`.
    fn gate_back(
        &self,
        kind: Gate,
        gate: &[f32],
        up: &[f32],
        dout: &[f32],
        dgate: &mut [f32],
        dup: &mut [f32],
    );

    /// Negative log-likelihood, in nats, of each row's target after `head`; with `back`, given a
    /// weight a row, also `dhidden += weight · d nll / d hidden`. Never holds all logits at once.
    fn cross_entropy(
        &self,
        hidden: &[f32],
        head: &Weight,
        targets: &[u32],
        nll: &mut [f32],
        back: Option<(&[f32], &mut [f32])>,
    );

    /// Adapters beside frozen weights that read the same rows: `u = x Aᵀ`, the adapters' columns
    /// side by side and kept for the way back, and `y += scale · u Bᵀ` for each.
    fn low(&self, x: &[f32], lows: &[Low], u: &mut [f32], ys: &mut [&mut [f32]]) {
        let Some(all) = All::of(lows) else { return };
        let n = x.len() / all.cols;
        let a = Mat::new(&all.a, all.width, all.cols);
        self.product(Mat::new(x, n, all.cols), a.t(), 1.0, false, MatMut::new(u, n, all.width));
        for ((low, at), y) in all.each(lows).zip(ys) {
            let u = Mat::strided(&u[at..], n, low.rank, all.width);
            let b = Mat::new(low.b, low.rows(), low.rank);
            self.product(u, b.t(), low.scale, true, MatMut::new(y, n, low.rows()));
        }
    }

    /// Adds the gradients of each `A` and `B` (`grads`), given those of the answers (`dys`), and,
    /// where wanted, that of the rows they read.
    #[allow(clippy::too_many_arguments)]
    fn low_back(
        &self,
        x: &[f32],
        lows: &[Low],
        u: &[f32],
        dys: &[&[f32]],
        grads: &mut [(&mut [f32], &mut [f32])],
        dx: Option<&mut [f32]>,
    ) {
        let Some(all) = All::of(lows) else { return };
        let n = x.len() / all.cols;
        let mut du = vec![0.0; u.len()];
        for (((low, at), dy), (_, db)) in all.each(lows).zip(dys).zip(grads.iter_mut()) {
            let (rank, rows) = (low.rank, low.rows());
            let (b, dy) = (Mat::new(low.b, rows, rank), Mat::new(dy, n, rows));
            let into = MatMut::strided(&mut du[at..], n, rank, all.width);
            self.product(dy, b, low.scale, false, into);
            let u = Mat::strided(&u[at..], n, rank, all.width);
            self.product(dy.t(), u, low.scale, true, MatMut::new(db, rows, rank));
        }
        let du = Mat::new(&du, n, all.width);
        let mut da = vec![0.0; all.a.len()];
        let into = MatMut::new(&mut da, all.width, all.cols);
        self.product(du.t(), Mat::new(x, n, all.cols), 1.0, false, into);
        let mut da = &*da;
        for (to, _) in grads {
            let (mine, others) = da.split_at(to.len());
            to.iter_mut().zip(mine).for_each(|(to, da)| *to += da);
            da = others;
        }
        if let Some(dx) = dx {
            let a = Mat::new(&all.a, all.width, all.cols);
            self.product(du, a, 1.0, true, MatMut::new(dx, n, all.cols));
        }
    }
}

/// The `A`s of adapters that read the same rows, one below the other: one product serves them all.
struct All {
    a: Vec<f32>,
    width: usize,
    cols: usize,
}

impl All {
    fn of(lows: &[Low]) -> Option<Self> {
        let first = lows.first()?;
        let a = lows.iter().flat_map(|low| low.a).copied().collect();
        let width = lows.iter().map(|low| low.rank).sum();
        Some(Self { a, width, cols: first.a.len() / first.rank })
    }

    /// Each adapter with the column where it begins.
    fn each<'l>(&self, lows: &'l [Low<'l>]) -> impl Iterator<Item = (Low<'l>, usize)> {
        lows.iter().scan(0, |at, low| {
            *at += low.rank;
            Some((*low, *at - low.rank))
        })
    }
}

/// All blocks of a base at once, for a home whose memory is not the host's: to send rows there and
/// back at every operation would cost more than the operations. Every answer is `None` where the
/// home has failed; nothing is changed then, and the caller does the work itself.
pub trait Stack {
    /// Rows (`n × hidden`) through all blocks, in place, after what `far` holds, which then holds
    /// them too.
    fn read(
        &self,
        base: &Base,
        lora: Option<&Lora>,
        x: &mut [f32],
        far: &mut Option<Far>,
    ) -> Option<()>;

    /// The same and back again: `answer` gets the hidden states after the last block and gives
    /// their gradient, perhaps more than once; the adapter's is added to `gradients`.
    fn learn(
        &self,
        base: &Base,
        lora: &Lora,
        how: (Option<Dropout>, Keep),
        x: &[f32],
        answer: &mut dyn FnMut(&[f32]) -> Vec<f32>,
        gradients: &mut Lora,
    ) -> Option<()>;
}

/// What [`Kernel::attend`] saw and answered, kept for the way back.
#[derive(Clone, Copy)]
pub struct Attended<'a> {
    /// Queries, `n × heads.q × dim`.
    pub q: &'a [f32],
    /// Keys, `n × heads.kv × dim`.
    pub k: &'a [f32],
    /// Values, `n × heads.kv × dim`.
    pub v: &'a [f32],
    /// The answer, `n × heads.q × dim`.
    pub out: &'a [f32],
    /// Logarithms of the softmax sums, `n × heads.q`.
    pub lse: &'a [f32],
}
