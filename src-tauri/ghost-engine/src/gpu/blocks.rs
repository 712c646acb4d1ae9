//! All blocks of a base on the card, forth and back: the same steps as [`crate::model`]'s, in
//! tensors. What a block leaves for its way back are tensors it made anyway.

use std::sync::atomic::AtomicBool;

use candle_core::{Device, Result, Tensor};

use super::frozen::Frozen;
use super::ops::{self, Turns};
use crate::base::{Base, Layer, Shape};
use crate::lora::{Lora, Target};
use crate::model::{Dropout, Keep, Site, Turning, drop_in_place};
use crate::weight::Weight;

/// Positions a page of keys and values is made for at first; it doubles when it is full.
const PAGE: usize = 1024;

/// A base's frozen numbers, sent once.
pub(super) struct Resident {
    shape: Shape,
    layers: Vec<Block>,
    head: Frozen,
    /// What it was made of, so that it is known again; its bytes stay where they are as long.
    layers_of: Vec<Layer>,
    head_of: Weight,
    device: Device,
    /// Whether its gradients have been tried.
    pub(super) is_tried: AtomicBool,
}

/// One block's frozen numbers.
struct Block {
    attn_norm: Tensor,
    /// In the order of [`Target::ALL`].
    frozen: [Frozen; 7],
    /// Of queries, keys and values.
    bias: [Option<Tensor>; 3],
    q_norm: Option<Tensor>,
    k_norm: Option<Tensor>,
    post_attn_norm: Option<Tensor>,
    ffn_norm: Tensor,
    post_ffn_norm: Option<Tensor>,
}

impl Resident {
    pub(super) fn new(base: &Base, device: &Device) -> Result<Self> {
        let vector = |values: &[f32]| Tensor::new(values, device);
        let maybe = |values: &Option<Vec<f32>>| values.as_deref().map(vector).transpose();
        let block = |layer: &Layer| {
            let mut frozen = Vec::new();
            for target in Target::ALL {
                frozen.push(Frozen::new(target.weight(layer), device)?);
            }
            Ok(Block {
                attn_norm: vector(&layer.attn_norm)?,
                frozen: frozen.try_into().ok().expect("as many as there are targets"),
                bias: [maybe(&layer.q_bias)?, maybe(&layer.k_bias)?, maybe(&layer.v_bias)?],
                q_norm: maybe(&layer.q_norm)?,
                k_norm: maybe(&layer.k_norm)?,
                post_attn_norm: maybe(&layer.post_attn_norm)?,
                ffn_norm: vector(&layer.ffn_norm)?,
                post_ffn_norm: maybe(&layer.post_ffn_norm)?,
            })
        };
        Ok(Self {
            layers: base.layers.iter().map(block).collect::<Result<_>>()?,
            head: Frozen::new(base.head(), device)?,
            shape: base.shape.clone(),
            layers_of: base.layers.clone(),
            head_of: base.head().clone(),
            device: device.clone(),
            is_tried: AtomicBool::new(false),
        })
    }

    /// Whether this was made of that base, or of one that shares its bytes.
    pub(super) fn is_of(&self, base: &Base) -> bool {
        self.shape == base.shape
            && same(&self.head_of, base.head())
            && self.layers_of.iter().zip(&base.layers).all(|(a, b)| {
                Target::ALL.iter().all(|target| same(target.weight(a), target.weight(b)))
                    && small(a) == small(b)
                    && (a.rotary, a.window) == (b.rotary, b.window)
            })
    }

    /// Passes for another base's: a card that computes something else.
    #[cfg(test)]
    pub(super) fn claim(&mut self, base: &Base) {
        self.head_of = base.head().clone();
    }

    /// The head, where `weight` is it.
    pub(super) fn head(&self, weight: &Weight) -> Option<&Frozen> {
        same(&self.head_of, weight).then_some(&self.head)
    }
}

/// The small numbers of a block, by which it is known again.
fn small(layer: &Layer) -> [Option<&Vec<f32>>; 9] {
    [
        Some(&layer.attn_norm),
        layer.q_bias.as_ref(),
        layer.k_bias.as_ref(),
        layer.v_bias.as_ref(),
        layer.q_norm.as_ref(),
        layer.k_norm.as_ref(),
        layer.post_attn_norm.as_ref(),
        Some(&layer.ffn_norm),
        layer.post_ffn_norm.as_ref(),
    ]
}

fn same(a: &Weight, b: &Weight) -> bool {
    std::ptr::eq(a.bytes(), b.bytes()) && (a.rows, a.cols, a.block) == (b.rows, b.cols, b.block)
}

/// An adapter sent to the device.
pub(super) struct Adapter {
    layers: Vec<Beside>,
    rank: usize,
    scale: f64,
}

/// The pairs beside one block's matrices.
struct Beside {
    /// `A`s of the targets of each site, one below the other.
    a: [Tensor; 4],
    /// Each `B`, times the scale.
    b: [Tensor; 7],
}

/// The targets that read each site, in the order of [`Target::ALL`].
const READERS: [&[Target]; 4] = [
    &[Target::Q, Target::K, Target::V],
    &[Target::O],
    &[Target::Gate, Target::Up],
    &[Target::Down],
];

impl Adapter {
    pub(super) fn new(lora: &Lora, device: &Device) -> Result<Self> {
        let (rank, scale) = (lora.rank, f64::from(lora.scale()));
        let mut layers = Vec::new();
        for pairs in &lora.layers {
            let a = |site: usize| {
                let targets = READERS[site];
                let all: Vec<f32> =
                    targets.iter().flat_map(|t| &pairs[*t as usize].a).copied().collect();
                let cols = all.len() / (targets.len() * rank);
                Tensor::from_vec(all, (targets.len() * rank, cols), device)
            };
            let b = |t: usize| {
                let b = &pairs[t].b;
                Tensor::from_slice(b, (b.len() / rank, rank), device)? * scale
            };
            layers.push(Beside {
                a: [a(0)?, a(1)?, a(2)?, a(3)?],
                b: [b(0)?, b(1)?, b(2)?, b(3)?, b(4)?, b(5)?, b(6)?],
            });
        }
        Ok(Self { layers, rank, scale })
    }
}

/// Keys and values of what was read, on the device, with the adapter it was read with.
pub(super) struct Past {
    layers: Vec<Option<(Tensor, Tensor)>>,
    pub(super) len: usize,
    room: usize,
    adapter: Option<Adapter>,
}

impl Past {
    pub(super) fn new(resident: &Resident, lora: Option<&Lora>) -> Result<Self> {
        let adapter = lora.map(|lora| Adapter::new(lora, &resident.device)).transpose()?;
        let layers = resident.layers.iter().map(|_| None).collect();
        Ok(Self { layers, len: 0, room: 0, adapter })
    }

    /// Makes room for `n` more positions in every block.
    fn make_room(&mut self, n: usize) -> Result<()> {
        if self.len + n <= self.room {
            return Ok(());
        }
        self.room = (self.len + n).next_power_of_two().max(PAGE);
        for page in self.layers.iter_mut().flatten() {
            for all in [&mut page.0, &mut page.1] {
                let (heads, _, dim) = all.dims3()?;
                let more = Tensor::zeros((heads, self.room, dim), all.dtype(), all.device())?;
                if self.len > 0 {
                    more.slice_set(&all.narrow(1, 0, self.len)?.contiguous()?, 1, 0)?;
                }
                *all = more;
            }
        }
        Ok(())
    }

    /// Adds a block's new keys and values; all of them.
    fn add(&mut self, n: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let (heads, new, dim) = k.dims3()?;
        let page = match self.layers[n].take() {
            Some(page) => page,
            None => {
                let empty = || Tensor::zeros((heads, self.room, dim), k.dtype(), k.device());
                (empty()?, empty()?)
            }
        };
        page.0.slice_set(k, 1, self.len)?;
        page.1.slice_set(v, 1, self.len)?;
        let seen = self.len + new;
        let all = (page.0.narrow(1, 0, seen)?, page.1.narrow(1, 0, seen)?);
        self.layers[n] = Some(page);
        Ok(all)
    }
}

/// What one pass over a stretch of positions shares between its blocks.
struct Pass<'a> {
    of: &'a Resident,
    adapter: Option<&'a Adapter>,
    /// For layers without a window and with one; the queries' of the former, where they grow.
    turns: [Option<Turns>; 3],
    masks: [Option<Tensor>; 2],
    dropout: Option<Dropout>,
}

/// A block's insides.
struct Kept {
    x: Tensor,
    h: Tensor,
    /// Before the heads' norms and turns, heads × n × dim.
    q_plain: Tensor,
    k_plain: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    seen: Tensor,
    o_plain: Tensor,
    middle: Tensor,
    h2: Tensor,
    gate: Tensor,
    up: Tensor,
    act: Tensor,
    down_plain: Tensor,
    sites: [SiteKept; 4],
}

/// What an adapter's input leaves.
struct SiteKept {
    /// `x Aᵀ` of its readers, side by side; `None` without an adapter.
    low: Option<Tensor>,
    /// What its input was multiplied by, where something was dropped.
    mask: Option<Tensor>,
}

/// Gradients of the pairs beside one block's matrices, as in [`Beside`] and not yet times the scale.
struct Felt {
    a: [Tensor; 4],
    b: [Tensor; 7],
}

impl<'a> Pass<'a> {
    fn new(
        of: &'a Resident,
        adapter: Option<&'a Adapter>,
        dropout: Option<Dropout>,
        past: usize,
        n: usize,
    ) -> Result<Self> {
        let turning = Turning::new(&of.shape, past, n);
        let turns = |turns: &crate::kernel::Turns| {
            let matrix =
                |values: &[f32]| Tensor::from_slice(values, (n, turns.dims / 2), &of.device);
            let (cos, sin) = (matrix(&turns.cos)?, matrix(&turns.sin)?);
            Ok::<_, candle_core::Error>(Turns {
                back: sin.neg()?,
                cos,
                sin,
                dims: turns.dims,
                pairs: turns.pairs,
            })
        };
        let windowed = of.layers_of.iter().find_map(|layer| layer.window);
        Ok(Self {
            of,
            adapter,
            turns: [
                Some(turns(&turning.plain)?),
                turning.window.as_ref().map(turns).transpose()?,
                turning.grown.as_ref().map(turns).transpose()?,
            ],
            masks: [
                ops::mask(n, past, None, &of.device)?,
                match windowed {
                    Some(window) => ops::mask(n, past, Some(window), &of.device)?,
                    None => None,
                },
            ],
            dropout,
        })
    }

    /// What turns a layer's queries, and what its keys.
    fn turns(&self, layer: &Layer) -> [Option<&Turns>; 2] {
        let [plain, windowed, grown] = self.turns.each_ref().map(Option::as_ref);
        let windowed = windowed.filter(|_| layer.window.is_some());
        let k = windowed.or(plain);
        [windowed.or(grown).or(k), k].map(|turns| turns.filter(|_| layer.rotary))
    }

    fn mask(&self, layer: &Layer) -> Option<&Tensor> {
        self.masks[usize::from(layer.window.is_some())].as_ref()
    }

    /// What is dropped of an input, the same as on the processor: 0 or what makes good for it.
    fn dropped(&self, n: usize, site: Site, x: &Tensor) -> Result<Option<Tensor>> {
        let Some(dropout) = self.dropout.filter(|dropout| dropout.share > 0.0) else {
            return Ok(None);
        };
        let mut ones = vec![1.0; x.elem_count()];
        drop_in_place(dropout, n, site, &mut ones);
        let most = ones.iter().fold(0.0f32, |most, one| most.max(*one));
        // A byte a value over the bus.
        let bytes: Vec<u8> = ones.iter().map(|one| u8::from(*one != 0.0)).collect();
        let mask = Tensor::from_vec(bytes, x.dims(), x.device())?.to_dtype(x.dtype())?;
        (mask * f64::from(most)).map(Some)
    }

    /// `x Wᵀ` for all that read a site, with the adapter beside each.
    fn project(&self, n: usize, site: Site, x: &Tensor) -> Result<(Vec<Tensor>, SiteKept)> {
        let (targets, block) = (READERS[site as usize], &self.of.layers[n]);
        let frozen = |target: &Target| block.frozen[*target as usize].times(x);
        let mut ys: Vec<Tensor> = targets.iter().map(frozen).collect::<Result<_>>()?;
        let Some(adapter) = self.adapter else {
            return Ok((ys, SiteKept { low: None, mask: None }));
        };
        let (beside, rank) = (&adapter.layers[n], adapter.rank);
        let mask = self.dropped(n, site, x)?;
        let low = dropping(x, mask.as_ref())?.matmul(&beside.a[site as usize].t()?)?;
        for (i, (y, target)) in ys.iter_mut().zip(targets).enumerate() {
            let own = low.narrow(1, i * rank, rank)?.contiguous()?;
            *y = (&*y + own.matmul(&beside.b[*target as usize].t()?)?)?;
        }
        Ok((ys, SiteKept { low: Some(low), mask }))
    }

    /// One block: from `x` to its answer, with what the way back needs.
    fn block(&self, n: usize, x: &Tensor, past: Option<&mut Past>) -> Result<(Tensor, Kept)> {
        let (shape, block, layer) = (&self.of.shape, &self.of.layers[n], &self.of.layers_of[n]);
        let eps = shape.norm_eps;
        let post = |y: &Tensor, weight: &Option<Tensor>| match weight {
            Some(weight) => ops::norm(y, weight, eps),
            None => Ok(y.clone()),
        };
        let h = ops::norm(x, &block.attn_norm, eps)?;
        let (qkv, attention) = self.project(n, Site::Attention, &h)?;
        let heads = [shape.heads, shape.kv_heads, shape.kv_heads];
        let mut plain = Vec::new();
        for ((y, bias), heads) in qkv.iter().zip(&block.bias).zip(heads) {
            let y = match bias {
                Some(bias) => y.broadcast_add(bias)?,
                None => y.clone(),
            };
            plain.push(ops::apart(&y, heads)?);
        }
        let [q_plain, k_plain, v] = <[Tensor; 3]>::try_from(plain).expect("q, k and v");
        let [for_q, for_k] = self.turns(layer);
        let turned = |y: &Tensor, norm: &Option<Tensor>, turns: Option<&Turns>| {
            let y = post(y, norm)?;
            match turns {
                Some(turns) => ops::turn(&y, turns, false),
                None => Ok(y),
            }
        };
        let (q, k) =
            (turned(&q_plain, &block.q_norm, for_q)?, turned(&k_plain, &block.k_norm, for_k)?);
        let (keys, values) = match past {
            Some(past) => past.add(n, &k, &v)?,
            None => (k.clone(), v.clone()),
        };
        let seen = ops::attend(&q, &keys, &values, self.mask(layer))?;
        let (o, output) = self.project(n, Site::Output, &seen)?;
        let o_plain = only(o);
        let middle = (post(&o_plain, &block.post_attn_norm)? + x)?;

        let h2 = ops::norm(&middle, &block.ffn_norm, eps)?;
        let (mut gate_up, feed_forward) = self.project(n, Site::FeedForward, &h2)?;
        let (up, gate) = (gate_up.remove(1), only(gate_up));
        let act = ops::gate(shape.gate, &gate, &up)?;
        let (down, last) = self.project(n, Site::Down, &act)?;
        let down_plain = only(down);
        let out = (post(&down_plain, &block.post_ffn_norm)? + &middle)?;
        let sites = [attention, output, feed_forward, last];
        let x = x.clone();
        let kept = Kept {
            x,
            h,
            q_plain,
            k_plain,
            q,
            k,
            v,
            seen,
            o_plain,
            middle,
            h2,
            gate,
            up,
            act,
            down_plain,
            sites,
        };
        Ok((out, kept))
    }

    /// The gradient of a site's input where it is wanted, and those of its readers' pairs.
    fn project_back(
        &self,
        n: usize,
        site: Site,
        input: &Tensor,
        dys: &[&Tensor],
        kept: &SiteKept,
        wanted: bool,
    ) -> Result<(Option<Tensor>, Tensor, Vec<Tensor>)> {
        let (targets, block) = (READERS[site as usize], &self.of.layers[n]);
        let mut dx: Option<Tensor> = None;
        for (target, dy) in targets.iter().zip(dys).filter(|_| wanted) {
            let part = block.frozen[*target as usize].back(dy)?;
            dx = Some(match dx {
                Some(dx) => (dx + part)?,
                None => part,
            });
        }
        let adapter = self.adapter.expect("who learns has an adapter");
        let (beside, rank) = (&adapter.layers[n], adapter.rank);
        let low = kept.low.as_ref().expect("an adapter's product is kept");
        let (mut dlow, mut db) = (Vec::new(), Vec::new());
        for (i, (target, dy)) in targets.iter().zip(dys).enumerate() {
            dlow.push(dy.matmul(&beside.b[*target as usize])?);
            db.push(dy.t()?.matmul(&low.narrow(1, i * rank, rank)?.contiguous()?)?);
        }
        let dlow = Tensor::cat(&dlow, 1)?;
        let da = dlow.t()?.matmul(&dropping(input, kept.mask.as_ref())?)?;
        if let Some(sum) = dx {
            let part = dropping(&dlow.matmul(&beside.a[site as usize])?, kept.mask.as_ref())?;
            dx = Some((sum + part)?);
        }
        Ok((dx, da, db))
    }

    /// One block back, from the gradient of its answer to that of its input, which nobody asks of
    /// the first.
    fn block_back(&self, n: usize, kept: &Kept, d: &Tensor) -> Result<(Tensor, Felt)> {
        let (shape, block, layer) = (&self.of.shape, &self.of.layers[n], &self.of.layers_of[n]);
        let eps = shape.norm_eps;
        let post = |input: &Tensor, weight: &Option<Tensor>, d: &Tensor| match weight {
            Some(weight) => ops::norm_back(input, weight, eps, d),
            None => Ok(d.clone()),
        };
        let dy = post(&kept.down_plain, &block.post_ffn_norm, d)?;
        let [attention, output, feed_forward, last] = &kept.sites;
        let (dact, a_down, b_down) =
            self.project_back(n, Site::Down, &kept.act, &[&dy], last, true)?;
        let dact = dact.expect("it was wanted");
        let (dgate, dup) = ops::gate_back(shape.gate, &kept.gate, &kept.up, &dact)?;
        let site = Site::FeedForward;
        let (dh, a_ffn, b_ffn) =
            self.project_back(n, site, &kept.h2, &[&dgate, &dup], feed_forward, true)?;
        let dh = dh.expect("it was wanted");
        let d = (d + ops::norm_back(&kept.middle, &block.ffn_norm, eps, &dh)?)?;

        let dy = post(&kept.o_plain, &block.post_attn_norm, &d)?;
        let (dseen, a_o, b_o) =
            self.project_back(n, Site::Output, &kept.seen, &[&dy], output, true)?;
        let dseen = dseen.expect("it was wanted");
        let (dq, dk, dv) = ops::attend_back(&kept.q, &kept.k, &kept.v, self.mask(layer), &dseen)?;
        let [for_q, for_k] = self.turns(layer);
        let unturned = |dy: &Tensor, plain: &Tensor, norm: &Option<Tensor>, turns| {
            let dy = match turns {
                Some(turns) => ops::turn(dy, turns, true)?,
                None => dy.clone(),
            };
            ops::beside(&post(plain, norm, &dy)?)
        };
        let dq = unturned(&dq, &kept.q_plain, &block.q_norm, for_q)?;
        let dk = unturned(&dk, &kept.k_plain, &block.k_norm, for_k)?;
        let dv = ops::beside(&dv)?;
        let wanted = n > 0;
        let (dh, a_qkv, b_qkv) =
            self.project_back(n, Site::Attention, &kept.h, &[&dq, &dk, &dv], attention, wanted)?;
        let d = match dh {
            Some(dh) => (d + ops::norm_back(&kept.x, &block.attn_norm, eps, &dh)?)?,
            None => d,
        };
        let b: Vec<Tensor> = [b_qkv, b_o, b_ffn, b_down].into_iter().flatten().collect();
        let b = b.try_into().expect("a gradient for each target");
        Ok((d, Felt { a: [a_qkv, a_o, a_ffn, a_down], b }))
    }
}

fn only(mut of: Vec<Tensor>) -> Tensor {
    of.remove(0)
}

fn dropping(x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    match mask {
        Some(mask) => x * mask,
        None => Ok(x.clone()),
    }
}

/// Reads rows after the past; their hidden states after the last block, which stay in `past`'s
/// pages only if all goes well.
pub(super) fn read(of: &Resident, x: &[f32], past: &mut Past) -> Result<Vec<f32>> {
    let n = x.len() / of.shape.hidden;
    let mut x = Tensor::from_slice(x, (n, of.shape.hidden), &of.device)?;
    past.make_room(n)?;
    let adapter = past.adapter.take();
    let pass = Pass::new(of, adapter.as_ref(), None, past.len, n)?;
    for i in 0..of.layers.len() {
        x = pass.block(i, &x, Some(past))?.0;
    }
    let hidden = x.flatten_all()?.to_vec1()?;
    past.adapter = adapter;
    past.len += n;
    Ok(hidden)
}

/// How a lesson is learned.
#[derive(Clone, Copy)]
pub(super) struct Lesson<'a> {
    pub(super) lora: &'a Lora,
    pub(super) dropout: Option<Dropout>,
    pub(super) keep: Keep,
}

/// Up through all blocks and down again: `answer` gets the hidden states and gives their gradient;
/// what the lesson asks of the adapter is added to `gradients`, or nothing where anything fails.
pub(super) fn learn(
    of: &Resident,
    lesson: Lesson<'_>,
    x: &[f32],
    answer: &mut dyn FnMut(&[f32]) -> Vec<f32>,
    gradients: &mut Lora,
) -> Result<()> {
    let (n, hidden) = (x.len() / of.shape.hidden, of.shape.hidden);
    let adapter = Adapter::new(lesson.lora, &of.device)?;
    let pass = Pass::new(of, Some(&adapter), lesson.dropout, 0, n)?;
    let mut x = Tensor::from_slice(x, (n, hidden), &of.device)?;
    let (mut kept, mut inputs) = (Vec::new(), Vec::new());
    for i in 0..of.layers.len() {
        inputs.push(x.clone());
        let (out, insides) = pass.block(i, &x, None)?;
        kept.push(lesson.keep.stores(i, of.layers.len()).then_some(insides));
        x = out;
    }
    let d = answer(&x.flatten_all()?.to_vec1::<f32>()?);
    let mut d = Tensor::from_vec(d, (n, hidden), &of.device)?;
    let mut felt = Vec::new();
    for i in (0..of.layers.len()).rev() {
        let insides = match kept.pop().flatten() {
            Some(insides) => insides,
            None => pass.block(i, &inputs[i], None)?.1,
        };
        let (dx, of_block) = pass.block_back(i, &insides, &d)?;
        d = dx;
        felt.push(of_block);
    }
    felt.reverse();
    add(&felt, &adapter, gradients)
}

/// Brings gradients home in one piece, and adds them.
fn add(felt: &[Felt], adapter: &Adapter, gradients: &mut Lora) -> Result<()> {
    let mut parts = Vec::new();
    for Felt { a, b } in felt {
        for a in a {
            parts.push(a.flatten_all()?);
        }
        for b in b {
            parts.push((b.flatten_all()? * adapter.scale)?);
        }
    }
    let all = Tensor::cat(&parts, 0)?.to_vec1::<f32>()?;
    let mut rest = &*all;
    let mut take = |to: &mut [f32]| {
        let (own, others) = rest.split_at(to.len());
        to.iter_mut().zip(own).for_each(|(to, d)| *to += d);
        rest = others;
    };
    for pairs in &mut gradients.layers {
        READERS.iter().flat_map(|targets| *targets).for_each(|t| take(&mut pairs[*t as usize].a));
        pairs.iter_mut().for_each(|pair| take(&mut pair.b));
    }
    Ok(())
}
