//! The transformer, once: what drafts, scores and learns is this one definition.
//!
//! A block's forward pass leaves behind what its backward pass needs ([`Kept`]).
//! Learning walks the blocks up, then down again by hand: no autograd, and
//! gradients for the adapter alone. Where memory is short only the input of
//! each block is kept and the block is done again on the way down, which gives
//! the same numbers bit for bit.
//!
//! Knows nothing of text; tokens come in and numbers go out.

use rayon::prelude::*;

use crate::base::{Base, Layer, Rope, Shape};
use crate::chance::Chance;
use crate::device;
use crate::gpu::Far;
use crate::kernel::{Attended, Heads, Kernel, Norm, Turns};
use crate::lora::{Lora, PackedLora, Target};

/// Values a thread takes at a time where work is cut into pieces.
const PIECE: usize = 1 << 16;
/// Tokens read at a time where nothing has to be kept for a way back. Products of more or fewer
/// rows may differ in their last bits, so reading that was broken off goes on at a multiple of it.
pub(crate) const STRETCH: usize = 256;

/// A base, with or without an adapter, ready to compute.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    base: &'a Base,
    lora: Option<&'a Lora>,
    kernel: &'a dyn Kernel,
}

/// Chance at work while learning: which inputs of the adapter are dropped.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// Share dropped.
    pub share: f32,
    /// Which inputs: the same seed drops the same.
    pub seed: u64,
}

/// How many of the last blocks keep their insides for the way back; the others' are computed
/// again, which is slower, smaller, and gives the same numbers bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep(pub usize);

impl Keep {
    /// Nothing is computed twice.
    pub const ALL: Self = Self(usize::MAX);
    /// One block's insides at a time.
    pub const NONE: Self = Self(0);

    /// Whether block `i` of `layers` keeps its own.
    pub(crate) fn stores(self, i: usize, layers: usize) -> bool {
        i >= layers.saturating_sub(self.0)
    }
}

/// Keys and values of what has been read, so that the next token costs one token.
///
/// It is of one base and one adapter, neither of which may change while it is in use.
pub struct Cache {
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    len: usize,
    work: Kept,
    /// The adapter as single tokens are read with it, once the first was: for each block, the pairs
    /// of each [`Site`].
    packed: Vec<[PackedLora; 4]>,
    /// The same on a card, and the tokens, should they have to be read again without it.
    far: Option<Far>,
    tokens: Vec<u32>,
}

impl Cache {
    /// Nothing read yet.
    pub fn new(base: &Base) -> Self {
        let layers = base.shape.layers;
        let (keys, values) = (vec![Vec::new(); layers], vec![Vec::new(); layers]);
        let (work, packed, tokens) = Default::default();
        Self { keys, values, len: 0, work, packed, far: None, tokens }
    }

    /// Tokens read.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been read.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all but the first `len` tokens.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            for all in self.keys.iter_mut().chain(&mut self.values) {
                let width = all.len() / self.len;
                all.truncate(len * width);
            }
            self.tokens.truncate(len);
            if let Some(far) = &mut self.far {
                far.truncate(len);
            }
            self.len = len;
        }
    }

    /// Gives back the memory that is not needed to hold what was read.
    pub fn shrink(&mut self) {
        self.keys.iter_mut().chain(&mut self.values).for_each(Vec::shrink_to_fit);
        self.work = Kept::default();
        self.packed = Vec::new();
    }
}

/// A block's insides, `n` rows each. What is not needed by this base stays empty.
#[derive(Default)]
struct Kept {
    /// The block's input.
    x: Vec<f32>,
    /// Its norm; the attention's input.
    h: Vec<f32>,
    /// Before the heads' norms, where there are such.
    q_plain: Vec<f32>,
    k_plain: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// What attention saw.
    seen: Vec<f32>,
    lse: Vec<f32>,
    /// Attention's answer, before its post norm, where there is one.
    o_plain: Vec<f32>,
    /// After the attention's residual.
    middle: Vec<f32>,
    h2: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    act: Vec<f32>,
    /// The feed-forward's answer, before its post norm, where there is one.
    down_plain: Vec<f32>,
    /// `x Aᵀ` of the targets of each site, side by side.
    low: [Vec<f32>; 4],
}

impl Kept {
    /// Values there is room for.
    fn room(&self) -> usize {
        let Self { x, h, q_plain, k_plain, q, k, v, seen, lse, .. } = self;
        let Self { o_plain, middle, h2, gate, up, act, down_plain, low, .. } = self;
        let first = [x, h, q_plain, k_plain, q, k, v, seen, lse];
        let second = [o_plain, middle, h2, gate, up, act, down_plain];
        first.into_iter().chain(second).chain(low).map(Vec::capacity).sum()
    }
}

/// Gives a buffer `len` values of no particular kind.
fn fit(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    buffer.resize(len, 0.0);
    buffer
}

fn add(to: &mut [f32], what: &[f32]) {
    to.par_chunks_mut(PIECE).zip(what.par_chunks(PIECE)).for_each(|(to, what)| {
        to.iter_mut().zip(what).for_each(|(to, what)| *to += what);
    });
}

/// How many of the tokens that are left are read next. Never all but one: a single row is multiplied
/// in another way than many.
pub(crate) fn stretch(left: usize) -> usize {
    if left <= STRETCH + 1 { left } else { STRETCH }
}

impl<'a> Model<'a> {
    /// The base, as it is or with an adapter of its shape, on the device that is used.
    pub fn new(base: &'a Base, lora: Option<&'a Lora>) -> Self {
        Self { base, lora, kernel: device::home() }
    }

    /// The same on another home of the operations.
    pub fn on(self, kernel: &'a dyn Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// Reads tokens after what the cache holds; the logits (`vocab`) of the token to come after
    /// the last. No tokens answer no logits.
    pub fn forward(&self, tokens: &[u32], cache: &mut Cache) -> Vec<f32> {
        let hidden = self.read(tokens, cache, |_, _| ());
        let Some(last) = hidden.len().checked_sub(self.base.shape.hidden) else {
            return Vec::new();
        };
        let mut logits = vec![0.0; self.base.head().rows];
        // Done inside the pool, so that its threads needn't be woken for every operation.
        rayon::scope(|_| {
            let normed = self.final_norm(&hidden[last..]);
            self.kernel.linear(&normed, self.base.head(), &mut logits);
        });
        logits
    }

    /// Logits after every token, `tokens × vocab`: for tests and for peers' figures.
    pub fn all_logits(&self, tokens: &[u32]) -> Vec<f32> {
        let mut logits = Vec::new();
        self.read(tokens, &mut Cache::new(self.base), |_, hidden| {
            let normed = self.final_norm(hidden);
            let at = logits.len();
            logits.resize(at + hidden.len() / self.base.shape.hidden * self.base.head().rows, 0.0);
            self.kernel.linear(&normed, self.base.head(), &mut logits[at..]);
        });
        logits
    }

    /// Negative log-likelihood, in nats, of each of `tokens[from..]` after all before it; `from`
    /// is at least 1. The cache holds what came before `tokens`, and holds `tokens` afterwards.
    pub fn surprise(&self, tokens: &[u32], from: usize, cache: &mut Cache) -> Vec<f32> {
        let (from, width) = (from.max(1), self.base.shape.hidden);
        let mut nll = vec![0.0; tokens.len().saturating_sub(from)];
        self.read(tokens, cache, |at, hidden| {
            // Row `i` of this stretch foretells token `at + i + 1`.
            let first = (from - 1).max(at);
            let end = (at + hidden.len() / width).min(tokens.len() - 1);
            if first < end {
                let normed = self.final_norm(&hidden[(first - at) * width..(end - at) * width]);
                let into = &mut nll[first + 1 - from..end + 1 - from];
                let targets = &tokens[first + 1..end + 1];
                self.kernel.cross_entropy(&normed, self.base.head(), targets, into, None);
            }
        });
        nll
    }

    /// Reads tokens a stretch at a time, handing each stretch's place and hidden states to
    /// `each`; the last stretch's hidden states.
    fn read(
        &self,
        tokens: &[u32],
        cache: &mut Cache,
        mut each: impl FnMut(usize, &[f32]) + Send,
    ) -> Vec<f32> {
        let mut x = Vec::new();
        rayon::scope(|_| {
            let mut at = 0;
            while at < tokens.len() {
                let stretch = &tokens[at..at + stretch(tokens.len() - at)];
                self.embed(stretch, &mut x);
                if !self.read_far(stretch, cache, &mut x) {
                    self.read_here(stretch.len(), cache, &mut x);
                }
                cache.len += stretch.len();
                each(at, &x);
                at += stretch.len();
            }
        });
        x
    }

    /// A stretch through all blocks, after what the cache holds.
    fn read_here(&self, n: usize, cache: &mut Cache, x: &mut Vec<f32>) {
        let turning = Turning::new(&self.base.shape, cache.len, n);
        let (mut work, mut packed) =
            (std::mem::take(&mut cache.work), std::mem::take(&mut cache.packed));
        if n == 1 && packed.is_empty() {
            packed = self.packed();
        }
        for (i, layer) in self.base.layers.iter().enumerate() {
            work.x.clone_from(x);
            let packed = packed.get(i).filter(|_| n == 1);
            let pass = Pass { n: i, layer, turns: turning.of(layer), dropout: None, packed };
            self.block(&pass, &mut work, Some(cache), x);
        }
        (cache.work, cache.packed) = (work, packed);
    }

    /// The adapter as single tokens are read with it; nothing where there is none.
    fn packed(&self) -> Vec<[PackedLora; 4]> {
        let Some(lora) = self.lora else { return Vec::new() };
        let layers = self.base.layers.par_iter().enumerate();
        let of_site = |layer: &Layer, n: usize, site: Site| {
            let targets = site.targets().iter();
            let (weights, lows): (Vec<_>, Vec<_>) =
                targets.map(|target| (target.weight(layer), lora.low(n, *target))).unzip();
            PackedLora::new(&weights, &lows)
        };
        layers.map(|(n, layer)| Site::ALL.map(|site| of_site(layer, n, site))).collect()
    }

    /// The same on a device that does all blocks at once. False where there is none, or none any
    /// more: then the cache holds here what it held there.
    fn read_far(&self, stretch: &[u32], cache: &mut Cache, x: &mut [f32]) -> bool {
        if cache.len > 0 && cache.tokens.is_empty() {
            return false; // what came before was read here
        }
        if let Some(stack) = self.kernel.stack()
            && stack.read(self.base, self.lora, x, &mut cache.far).is_some()
        {
            cache.tokens.extend_from_slice(stretch);
            return true;
        }
        cache.far = None;
        let before = std::mem::take(&mut cache.tokens);
        cache.len = 0;
        for stretch in before.chunks(STRETCH) {
            let mut x = Vec::new();
            self.embed(stretch, &mut x);
            self.read_here(stretch.len(), cache, &mut x);
            cache.len += stretch.len();
        }
        false
    }

    /// What tokens are before the first block, `tokens × hidden`.
    pub(crate) fn embedded(&self, tokens: &[u32]) -> Vec<f32> {
        let mut x = Vec::new();
        self.embed(tokens, &mut x);
        x
    }

    fn embed(&self, tokens: &[u32], x: &mut Vec<f32>) {
        let (embedding, width) = (&self.base.embedding, self.base.shape.hidden);
        let rows = fit(x, tokens.len() * width).chunks_exact_mut(width);
        for (row, token) in rows.zip(tokens) {
            let token = (*token as usize).min(embedding.rows - 1);
            embedding.unpack_rows(token..token + 1, row);
            row.iter_mut().for_each(|v| *v *= self.base.shape.embedding_scale);
        }
    }

    pub(crate) fn final_norm(&self, hidden: &[f32]) -> Vec<f32> {
        let mut normed = vec![0.0; hidden.len()];
        self.kernel.norm(hidden, self.norm(&self.base.final_norm), &mut normed);
        normed
    }

    fn norm<'w>(&self, weight: &'w [f32]) -> Norm<'w> {
        Norm { weight, eps: self.base.shape.norm_eps }
    }

    fn heads(&self, layer: &Layer) -> Heads {
        let shape = &self.base.shape;
        let (q, kv, dim) = (shape.heads, shape.kv_heads, shape.head_dim);
        Heads { q, kv, dim, window: layer.window }
    }

    /// `y = x Wᵀ` for all that read `x`, with the adapter beside each.
    fn project<const N: usize>(
        &self,
        pass: &Pass,
        site: Site,
        x: &[f32],
        low: &mut [Vec<f32>; 4],
        mut readers: [(Target, &mut Vec<f32>); N],
    ) {
        let cols = readers.first().map_or(1, |(target, _)| target.shape(&self.base.shape).1);
        let n = x.len() / cols;
        let mut outs = readers.each_mut().map(|(target, y)| {
            let weight = target.weight(pass.layer);
            (weight, fit(y, n * weight.rows))
        });
        if let Some(packed) = pass.packed {
            return self.kernel.gemv_lora(x, &mut outs, &packed[site as usize]);
        }
        self.kernel.linears(x, &mut outs);
        let Some(lora) = self.lora else { return };
        let lows = readers.each_ref().map(|(target, _)| lora.low(pass.n, *target));
        let mut ys = readers.map(|(_, y)| y.as_mut_slice());
        let (dropped, low) = (pass.drop(site, x), &mut low[site as usize]);
        self.kernel.low(dropped.of(x), &lows, fit(low, n * N * lora.rank), &mut ys);
    }

    /// One block: from `kept.x` to `out`, keeping what the way back needs.
    fn block(&self, pass: &Pass, kept: &mut Kept, cache: Option<&mut Cache>, out: &mut Vec<f32>) {
        let (shape, layer) = (&self.base.shape, pass.layer);
        let len = kept.x.len();
        let n = len / shape.hidden;
        let Kept { x, h, q, k, v, seen, lse, middle, h2, gate, up, act, low, .. } = kept;

        self.kernel.norm(x, self.norm(&layer.attn_norm), fit(h, len));
        let readers = [(Target::Q, &mut *q), (Target::K, &mut *k), (Target::V, &mut *v)];
        self.project(pass, Site::Attention, h, low, readers);
        for (y, bias) in
            [(&mut *q, &layer.q_bias), (&mut *k, &layer.k_bias), (&mut *v, &layer.v_bias)]
        {
            if let Some(bias) = bias {
                y.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
            }
        }
        for (norm, y, plain, turns) in [
            (&layer.q_norm, &mut *q, &mut kept.q_plain, pass.turns.map(|turns| turns.q)),
            (&layer.k_norm, &mut *k, &mut kept.k_plain, pass.turns.map(|turns| turns.k)),
        ] {
            if let Some(norm) = norm {
                plain.clone_from(y);
                self.kernel.norm(plain, self.norm(norm), y);
            }
            if let Some(turns) = turns {
                self.kernel.turn(y, shape.head_dim, turns, false);
            }
        }
        let (keys, values, past) = match cache {
            Some(cache) => {
                cache.keys[pass.n].extend_from_slice(k);
                cache.values[pass.n].extend_from_slice(v);
                (&*cache.keys[pass.n], &*cache.values[pass.n], cache.len)
            }
            None => (&**k, &**v, 0),
        };
        let (seen, lse) = (fit(seen, q.len()), fit(lse, n * shape.heads));
        self.kernel.attend(q, keys, values, self.heads(layer), past, seen, lse);
        self.project(pass, Site::Output, seen, low, [(Target::O, &mut *middle)]);
        self.post_norm(&layer.post_attn_norm, middle, &mut kept.o_plain);
        add(middle, x);

        self.kernel.norm(middle, self.norm(&layer.ffn_norm), fit(h2, len));
        let readers = [(Target::Gate, &mut *gate), (Target::Up, &mut *up)];
        self.project(pass, Site::FeedForward, h2, low, readers);
        self.kernel.gate(shape.gate, gate, up, fit(act, gate.len()));
        self.project(pass, Site::Down, act, low, [(Target::Down, &mut *out)]);
        self.post_norm(&layer.post_ffn_norm, out, &mut kept.down_plain);
        add(out, middle);
    }

    fn post_norm(&self, norm: &Option<Vec<f32>>, y: &mut [f32], plain: &mut Vec<f32>) {
        if let Some(norm) = norm {
            plain.clear();
            plain.extend_from_slice(y);
            self.kernel.norm(plain, self.norm(norm), y);
        }
    }
}

/// One block's turn: which, and what differs between passes.
struct Pass<'a> {
    n: usize,
    layer: &'a Layer,
    turns: Option<QueriesAndKeys<'a>>,
    dropout: Option<Dropout>,
    /// The adapter's pairs of each [`Site`], where a single token is read.
    packed: Option<&'a [PackedLora; 4]>,
}

/// What turns a layer's queries and what its keys: the same, where queries don't grow.
#[derive(Clone, Copy)]
struct QueriesAndKeys<'a> {
    q: &'a Turns,
    k: &'a Turns,
}

/// Inputs an adapter reads; targets that share an input share what is dropped of it.
#[derive(Clone, Copy)]
pub(crate) enum Site {
    Attention,
    Output,
    FeedForward,
    Down,
}

impl Site {
    const ALL: [Self; 4] = [Self::Attention, Self::Output, Self::FeedForward, Self::Down];

    /// The matrices that read this input, in the order in which [`Model::block`] has them.
    fn targets(self) -> &'static [Target] {
        match self {
            Self::Attention => &[Target::Q, Target::K, Target::V],
            Self::Output => &[Target::O],
            Self::FeedForward => &[Target::Gate, Target::Up],
            Self::Down => &[Target::Down],
        }
    }
}

/// An adapter's input, where something was dropped of it.
struct Dropped(Option<Vec<f32>>);

impl Dropped {
    fn of<'x>(&'x self, whole: &'x [f32]) -> &'x [f32] {
        self.0.as_deref().unwrap_or(whole)
    }
}

impl Pass<'_> {
    /// The input with a share of it dropped and the rest scaled up to make good for it.
    fn drop(&self, site: Site, x: &[f32]) -> Dropped {
        let Some(dropout) = self.dropping() else {
            return Dropped(None);
        };
        let mut x = x.to_vec();
        drop_in_place(dropout, self.n, site, &mut x);
        Dropped(Some(x))
    }

    /// What is dropped, where anything is.
    fn dropping(&self) -> Option<Dropout> {
        self.dropout.filter(|dropout| dropout.share > 0.0)
    }
}

/// Drops values of an adapter's input in place, and scales up the rest. Four values share a draw of
/// 64 bits, so shares are in steps of 1/65536.
pub(crate) fn drop_in_place(dropout: Dropout, layer: usize, site: Site, x: &mut [f32]) {
    let limit = (dropout.share.clamp(0.0, 0.99) * 65536.0) as u64;
    let scale = 65536.0 / (65536 - limit) as f32;
    x.par_chunks_mut(PIECE).enumerate().for_each(|(piece, x)| {
        let path = [layer as u64, site as u64, piece as u64];
        let mut chance = Chance::of(dropout.seed, &path);
        for four in x.chunks_mut(4) {
            let draw = chance.draw();
            for (i, value) in four.iter_mut().enumerate() {
                let dropped = (draw >> (16 * i)) & 0xFFFF < limit;
                *value *= if dropped { 0.0 } else { scale };
            }
        }
    });
}

/// The turns of a stretch of positions, for each kind of layer.
pub(crate) struct Turning {
    pub(crate) plain: Turns,
    pub(crate) window: Option<Turns>,
    /// The queries', where they grow with their position.
    pub(crate) grown: Option<Turns>,
}

impl Turning {
    pub(crate) fn new(shape: &Shape, past: usize, n: usize) -> Self {
        let turns = |rope: &Rope, grown: bool| {
            let frequencies = rope.frequencies();
            let pairs = frequencies.len();
            let at = |i: usize| {
                let position = past + i / pairs;
                let growth = if grown { rope.growth_at(position) } else { 1.0 };
                (position as f32 * frequencies[i % pairs], growth * rope.scale)
            };
            let (cos, sin) = (0..n * pairs)
                .map(at)
                .map(|(angle, size)| (angle.cos() * size, angle.sin() * size))
                .unzip();
            Turns { cos, sin, dims: rope.dims, pairs: rope.pairs }
        };
        Self {
            plain: turns(&shape.rope, false),
            window: shape.window_rope.as_ref().map(|rope| turns(rope, false)),
            grown: shape.rope.growth.map(|_| turns(&shape.rope, true)),
        }
    }

    fn of(&self, layer: &Layer) -> Option<QueriesAndKeys<'_>> {
        let windowed = self.window.as_ref().filter(|_| layer.window.is_some());
        let k = windowed.unwrap_or(&self.plain);
        let q = self.grown.as_ref().filter(|_| windowed.is_none()).unwrap_or(k);
        layer.rotary.then_some(QueriesAndKeys { q, k })
    }
}

/// A model's way back: gradients of an adapter. Holds its buffers between lessons.
#[derive(Default)]
pub struct Learner {
    /// Insides of the blocks that keep theirs.
    kept: Vec<Kept>,
    /// Insides of one block that does not, and the inputs of all of those.
    again: Kept,
    inputs: Vec<Vec<f32>>,
    way: Way,
}

/// Gradients on their way down a block.
#[derive(Default)]
struct Way {
    /// Of the block's output, then of its input.
    d: Vec<f32>,
    plain: Vec<f32>,
    dact: Vec<f32>,
    dgate: Vec<f32>,
    dup: Vec<f32>,
    dh: Vec<f32>,
    dseen: Vec<f32>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
    dlow: Vec<f32>,
}

/// What is learned from one sequence.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The sequence.
    pub tokens: &'a [u32],
    /// How much each token counts in the loss; the first can't be foretold and never does. Below 0
    /// the token is one that should not be said.
    pub weights: &'a [f32],
    /// What gradients are divided by: the weights of the whole batch, whatever their sign.
    pub over: f64,
    /// A weight below 0 is a slope like any other, whatever is likely, instead of the cost of
    /// saying what should not be said.
    pub straight: bool,
    /// What is dropped.
    pub dropout: Option<Dropout>,
    /// How memory is spent.
    pub keep: Keep,
}

impl Learner {
    /// Adds the gradients of one sequence's loss to `gradients`; the sum, in nats, of its
    /// weighted negative log-likelihoods (not divided).
    ///
    /// # Panics
    /// If the gradients aren't of the base's shape, or weights aren't one a token.
    pub fn learn(&mut self, model: &Model, told: Told, gradients: &mut Lora) -> f64 {
        assert_eq!(told.tokens.len(), told.weights.len(), "one weight a token");
        rayon::scope(|_| self.learn_on(model, told, gradients))
    }

    fn learn_on(&mut self, model: &Model, told: Told, gradients: &mut Lora) -> f64 {
        let base = model.base;
        let counted = (1..told.tokens.len()).rev().find(|&i| told.weights[i] != 0.0);
        // Nothing after the last token that counts can change the loss.
        let Some(n) = counted else { return 0.0 };
        let mut x = model.embedded(&told.tokens[..n]);
        if let (Some(stack), Some(lora)) = (model.kernel.stack(), model.lora) {
            let (mut loss, how) = (0.0, (told.dropout, told.keep));
            let mut answer = |hidden: &[f32]| {
                loss = self.answer(model, told, n, hidden);
                std::mem::take(&mut self.way.d)
            };
            if stack.learn(base, lora, how, &x, &mut answer, gradients).is_some() {
                return loss;
            }
        }
        let turning = Turning::new(&base.shape, 0, n);
        let pass = |i: usize| {
            let layer = &base.layers[i];
            let turns = turning.of(layer);
            Pass { n: i, layer, turns, dropout: told.dropout, packed: None }
        };
        let layers = base.layers.len();
        let stores = |i: usize| told.keep.stores(i, layers);
        self.make_room(layers, stores);

        for i in 0..layers {
            let kept = if stores(i) {
                &mut self.kept[i]
            } else {
                self.inputs[i].clone_from(&x);
                &mut self.again
            };
            kept.x.clone_from(&x);
            model.block(&pass(i), kept, None, &mut x);
        }
        let loss = self.answer(model, told, n, &x);
        for i in (0..layers).rev() {
            let kept = if stores(i) {
                &self.kept[i]
            } else {
                self.again.x.clone_from(&self.inputs[i]);
                model.block(&pass(i), &mut self.again, None, &mut x);
                &self.again
            };
            model.block_back(&pass(i), kept, &mut self.way, gradients);
        }
        loss
    }

    /// A room for each block, and what is no longer needed given back.
    fn make_room(&mut self, layers: usize, stores: impl Fn(usize) -> bool) {
        self.kept.resize_with(layers, Kept::default);
        self.inputs.resize_with(layers, Vec::new);
        for i in 0..layers {
            if stores(i) {
                self.inputs[i] = Vec::new();
            } else {
                self.kept[i] = Kept::default();
            }
        }
        if (0..layers).all(stores) {
            self.again = Kept::default();
        }
    }

    /// Bytes held for blocks' insides between lessons.
    pub fn held(&self) -> u64 {
        let inputs: usize = self.inputs.iter().map(Vec::capacity).sum();
        let kept: usize = self.kept.iter().chain([&self.again]).map(Kept::room).sum();
        (inputs + kept) as u64 * 4
    }

    /// Bytes that learning from `n` tokens with an adapter of a rank takes, the base's own and the
    /// adapter's left out: with no block's insides kept, and for each block whose are.
    pub fn needs(base: &Base, rank: usize, n: usize) -> (u64, u64) {
        let (shape, first) = (&base.shape, base.layers.first());
        let heads = shape.heads * shape.head_dim;
        let kv = shape.kv_heads * shape.head_dim;
        let has =
            |norm: fn(&Layer) -> bool, values| if first.is_some_and(norm) { values } else { 0 };
        // As `Kept` has them.
        let insides = 4 * shape.hidden
            + has(|layer| layer.q_norm.is_some(), heads + kv)
            + 2 * heads
            + 2 * kv
            + shape.heads
            + has(|layer| layer.post_attn_norm.is_some(), 2 * shape.hidden)
            + 3 * shape.ffn
            + 7 * rank;
        // As `Way` has them, with what was dropped; each head's gradients before they are summed.
        let way = 2 * shape.hidden + 4 * shape.ffn + 2 * heads + 2 * kv + 3 * heads;
        let inputs = shape.layers * shape.hidden;
        let bytes = |values: usize| (n as u64).saturating_mul(values as u64 * 4);
        (bytes(inputs + insides + way), bytes(insides))
    }

    /// From the last hidden states to the loss, and back to their gradient in `way.d`. Only rows
    /// whose next token counts are multiplied with the head.
    fn answer(&mut self, model: &Model, told: Told, n: usize, hidden: &[f32]) -> f64 {
        let width = model.base.shape.hidden;
        let rows: Vec<usize> = (0..n).filter(|i| told.weights[i + 1] != 0.0).collect();
        let asked: Vec<f32> =
            rows.iter().flat_map(|i| &hidden[i * width..(i + 1) * width]).copied().collect();
        let targets: Vec<u32> = rows.iter().map(|i| told.tokens[i + 1]).collect();
        let weights: Vec<f32> = rows.iter().map(|i| told.weights[i + 1]).collect();
        let (mut nll, mut dnormed) = (vec![0.0; rows.len()], vec![0.0; asked.len()]);
        let normed = model.final_norm(&asked);
        let mut shares: Vec<f32> =
            weights.iter().map(|w| (f64::from(*w) / told.over) as f32).collect();
        let unsaid = |weight: f32| weight < 0.0 && !told.straight;
        if weights.iter().any(|weight| unsaid(*weight)) {
            // How hard a token is pushed away depends on how likely it is, so that is asked first.
            model.kernel.cross_entropy(&normed, model.base.head(), &targets, &mut nll, None);
            for (share, nll) in shares.iter_mut().zip(&nll).filter(|(share, _)| **share < 0.0) {
                *share *= unlikely(*nll).1;
            }
        }
        let back = Some((&*shares, &mut *dnormed));
        model.kernel.cross_entropy(&normed, model.base.head(), &targets, &mut nll, back);
        let mut dasked = vec![0.0; asked.len()];
        model.kernel.norm_back(&asked, model.norm(&model.base.final_norm), &dnormed, &mut dasked);
        let d = fit(&mut self.way.d, n * width);
        d.fill(0.0);
        for (i, row) in rows.iter().zip(dasked.chunks_exact(width)) {
            d[i * width..(i + 1) * width].copy_from_slice(row);
        }
        let costs = weights.iter().zip(&nll).map(|(w, nll)| match *w {
            w if unsaid(w) => f64::from(-w) * f64::from(unlikely(*nll).0),
            w => f64::from(w) * f64::from(*nll),
        });
        costs.sum()
    }
}

/// A token this unlikely is not pushed away any further.
const UNLIKELY: f32 = 0.05;
/// The most that one token pushed away costs, in nats; beyond it there is no slope.
const MOST_UNLIKELY: f32 = 3.0;

/// The cost of a token that should not be said, −ln(1 − p) (VOICE 4.1), from its surprise −ln p;
/// and what the slope of that surprise is to be multiplied with, p / (1 − p), for the cost's own.
fn unlikely(nll: f32) -> (f32, f32) {
    let p = (-nll).exp();
    let cost = -(-p).ln_1p();
    match p {
        p if p <= UNLIKELY => (0.0, 0.0),
        _ if cost >= MOST_UNLIKELY => (MOST_UNLIKELY, 0.0),
        p => (cost, p / (1.0 - p)),
    }
}

impl Model<'_> {
    /// Adds to `dx` what the gradients of all that read `input` ask of it, and to `gradients` what
    /// they ask of the adapter. `dx` is `None` where nobody below wants it.
    #[allow(clippy::too_many_arguments)]
    fn project_back<const N: usize>(
        &self,
        pass: &Pass,
        site: Site,
        input: &[f32],
        readers: [(Target, &[f32]); N],
        kept: &Kept,
        gradients: &mut Lora,
        dlow: &mut Vec<f32>,
        mut dx: Option<&mut [f32]>,
    ) {
        let (dropped, dropping) = (pass.drop(site, input), pass.dropping());
        fit(dlow, if dropping.is_some() { input.len() } else { 0 }).fill(0.0);
        if let Some(dx) = &mut dx {
            for (target, dy) in readers {
                self.kernel.linear_back(dy, target.weight(pass.layer), dx);
            }
        }
        let Some(lora) = self.lora else { return };
        let lows = readers.map(|(target, _)| lora.low(pass.n, target));
        let dys = readers.map(|(_, dy)| dy);
        let mut pairs = gradients.layers[pass.n].each_mut().map(Some);
        let mut grads = readers.map(|(target, _)| {
            let pair = pairs[target as usize].take().expect("a target reads one site once");
            (&mut *pair.a, &mut *pair.b)
        });
        // What was dropped on the way up is dropped on the way down, once for all readers.
        let into = match (&mut dx, dropping) {
            (Some(_), Some(_)) => Some(&mut **dlow),
            (dx, _) => dx.as_deref_mut(),
        };
        let (input, u) = (dropped.of(input), &kept.low[site as usize]);
        self.kernel.low_back(input, &lows, u, &dys, &mut grads, into);
        if let (Some(dx), Some(dropout)) = (dx, dropping) {
            drop_in_place(dropout, pass.n, site, dlow);
            add(dx, dlow);
        }
    }

    /// One block back: `way.d` is the gradient of its output and becomes that of its input.
    fn block_back(&self, pass: &Pass, kept: &Kept, way: &mut Way, gradients: &mut Lora) {
        let (shape, layer) = (&self.base.shape, pass.layer);
        let Way { d, plain, dact, dgate, dup, dh, dseen, dq, dk, dv, dlow } = way;
        let len = d.len();

        let dy = self.post_norm_back(&layer.post_ffn_norm, &kept.down_plain, d, plain);
        let dact = fit(dact, kept.act.len());
        dact.fill(0.0);
        let readers = [(Target::Down, dy)];
        self.project_back(pass, Site::Down, &kept.act, readers, kept, gradients, dlow, Some(dact));
        let (dgate, dup) = (fit(dgate, dact.len()), fit(dup, dact.len()));
        self.kernel.gate_back(shape.gate, &kept.gate, &kept.up, dact, dgate, dup);
        let dh = fit(dh, len);
        dh.fill(0.0);
        let readers = [(Target::Gate, &*dgate), (Target::Up, &*dup)];
        let (site, h2) = (Site::FeedForward, &kept.h2);
        self.project_back(pass, site, h2, readers, kept, gradients, dlow, Some(dh));
        self.kernel.norm_back(&kept.middle, self.norm(&layer.ffn_norm), dh, d);

        let dy = self.post_norm_back(&layer.post_attn_norm, &kept.o_plain, d, plain);
        let dseen = fit(dseen, kept.seen.len());
        dseen.fill(0.0);
        let readers = [(Target::O, dy)];
        let (site, seen) = (Site::Output, &kept.seen);
        self.project_back(pass, site, seen, readers, kept, gradients, dlow, Some(dseen));
        let saw = Attended { q: &kept.q, k: &kept.k, v: &kept.v, out: seen, lse: &kept.lse };
        let (dq, dk, dv) = (fit(dq, kept.q.len()), fit(dk, kept.k.len()), fit(dv, kept.v.len()));
        self.kernel.attend_back(saw, self.heads(layer), dseen, dq, dk, dv);
        for (dy, norm, plain_input, turns) in [
            (&mut *dq, &layer.q_norm, &kept.q_plain, pass.turns.map(|turns| turns.q)),
            (&mut *dk, &layer.k_norm, &kept.k_plain, pass.turns.map(|turns| turns.k)),
        ] {
            if let Some(turns) = turns {
                self.kernel.turn(dy, shape.head_dim, turns, true);
            }
            if let Some(norm) = norm {
                fit(plain, dy.len()).copy_from_slice(dy);
                dy.fill(0.0);
                self.kernel.norm_back(plain_input, self.norm(norm), plain, dy);
            }
        }
        // Nobody asks for the gradient of the embeddings.
        let wanted = pass.n > 0;
        dh.fill(0.0);
        let readers = [(Target::Q, &*dq), (Target::K, &*dk), (Target::V, &*dv)];
        let (site, into) = (Site::Attention, wanted.then_some(&mut *dh));
        self.project_back(pass, site, &kept.h, readers, kept, gradients, dlow, into);
        if wanted {
            self.kernel.norm_back(&kept.x, self.norm(&layer.attn_norm), dh, d);
        }
    }

    /// The gradient before a post norm; `d` itself where there is none.
    fn post_norm_back<'d>(
        &self,
        norm: &Option<Vec<f32>>,
        input: &[f32],
        d: &'d [f32],
        plain: &'d mut Vec<f32>,
    ) -> &'d [f32] {
        let Some(norm) = norm else { return d };
        fit(plain, d.len()).fill(0.0);
        self.kernel.norm_back(input, self.norm(norm), d, plain);
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::some_adapter;
    use crate::block::BlockType;
    use crate::cpu::Cpu;
    use crate::tiny::Tiny;

    /// How far apart two lists are, of how long the second is.
    fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
        let size =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
        size(&mut ours.iter().zip(theirs).map(|(a, b)| a - b)) / size(&mut theirs.iter().copied())
    }

    #[test]
    fn what_a_packed_adapter_loses_stays_within_the_rounding_of_the_base() {
        for block in [BlockType::Q4_1, BlockType::Q8_0] {
            let base = Tiny { block, layers: 4, ..Tiny::default() }.base();
            let mut lora = some_adapter(&base, 16);
            // Large enough to change much of what the base would say.
            lora.tensors_mut().skip(1).step_by(2).flatten().for_each(|b| *b *= 5.0);
            let tokens: Vec<u32> = (0..60).map(|i| i * 7 % 250).collect();
            let plain = Cpu::plain();
            let model = Model::new(&base, Some(&lora)).on(&plain);
            let exact = model.all_logits(&tokens);
            let bare = Model::new(&base, None).on(&plain).all_logits(&tokens);
            let change = apart(&bare, &exact);
            for tier in Cpu::tiers() {
                let cpu = Cpu::with(tier).expect("a tier of this processor");
                let model = model.on(&cpu);
                // Many rows at once are multiplied with factors in f32.
                let rounding = apart(&model.all_logits(&tokens), &exact);
                let mut cache = Cache::new(&base);
                let one_by_one =
                    tokens.iter().flat_map(|token| model.forward(&[*token], &mut cache));
                let off = apart(&one_by_one.collect::<Vec<_>>(), &exact);
                let within = if tier == "plain" { 0.01 } else { 1.1 * rounding };
                assert!(off < within, "{block:?} on {tier}: off by {off}, the base by {rounding}");
            }
            assert!(change > 0.2, "the adapter changes {change}");
        }
    }
}
