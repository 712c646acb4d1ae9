//! A graphics card as a home of the operations: CUDA or Metal through candle's tensors. candle's
//! own processor device stands in for them in tests.
//!
//! **Where numbers live, and why blocks are written twice.** [`Kernel`]'s operations take rows in
//! the host's memory. To send every activation over the bus and back at every operation would cost
//! more than the card saves, so this home does all blocks at once ([`Stack`]): hidden states go in
//! before the first block and come back after the last, and everything between stays on the card:
//! weights, the adapter, keys and values, what the way back needs. What else crosses the bus is
//! small: rows for the head and its answer, an adapter and its gradients once a lesson. A buffer
//! type on the trait, a vector here and a tensor there, would keep one text of the model, but the
//! processor is fast because it writes into its own buffers in place, and tensors are fast because
//! nobody does; one text would be bent for either. So there are two, each held to the other in
//! tests, and the optimiser, checkpoints and losses know nothing of it.
//!
//! **Weights** that are quantised stay so: candle multiplies with their blocks, and on the way back
//! unpacks a panel at a time. Others are kept as they are. The adapter and all activations are
//! `f32`; products of those are made with TensorFloat-32 where a card has it.
//!
//! **Trust.** When a base is first sent, both homes read a few tokens, before the first lesson both
//! learn from them, and a card whose answers are others is not used. A card that fails later, by an error or a panic below, is not asked again:
//! the processor does that operation anew and all that follow, and [`Gpu::failure`] says why.

mod blocks;
mod frozen;
mod ops;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{Device, Tensor};

use self::blocks::{Lesson, Past, Resident};
use crate::base::{Base, Gate};
use crate::cpu::Cpu;
use crate::kernel::{Attended, Heads, Kernel, Low, Mat, MatMut, Norm, Stack, Turns};
use crate::lora::{Lora, PackedLora};
use crate::model::{Dropout, Keep, Learner, Model, Told};
use crate::weight::Weight;

/// How alike both homes' logits and gradients must be, as the cosine between them: eight-bit
/// activations on both sides leave 0.99 and more, a wrong kernel leaves nothing.
const ALIKE: f64 = 0.97;
/// Tokens both homes read before a card is trusted.
const TRIED: usize = 6;

/// A card as a home of the operations.
pub struct Gpu {
    device: Device,
    /// Does what is small, and everything once the card has failed.
    cpu: Cpu,
    /// The base that was used last. One at a time: a card's memory is small.
    resident: Mutex<Option<Arc<Resident>>>,
    failure: OnceLock<String>,
    /// Whether a lesson did not fit with all insides kept.
    is_small: AtomicBool,
}

/// What was read, as it is kept on the card.
pub struct Far {
    resident: Arc<Resident>,
    past: Past,
}

impl Far {
    /// Forgets all but the first `len` tokens.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.past.len = self.past.len.min(len);
    }
}

impl Gpu {
    /// The first CUDA card.
    ///
    /// # Errors
    /// Why there is none, as the driver or candle has it.
    pub fn cuda() -> Result<Self, String> {
        // Products of `f32` at eleven bits of precision, where a card has units for them.
        candle_core::cuda::set_gemm_reduced_precision_f32(true);
        // Where a library is not found there is a panic, which is no news for the terminal.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let opened = guarded(|| Device::new_cuda(0));
        std::panic::set_hook(hook);
        opened.map(Self::on).map_err(|reason| match reason.contains("\"cuda\" shared library") {
            true => "NVIDIA's driver is not installed".to_owned(),
            false => reason,
        })
    }

    /// The Mac's own card.
    ///
    /// # Errors
    /// Why there is none, as the system or candle has it.
    pub fn metal() -> Result<Self, String> {
        guarded(|| Device::new_metal(0)).map(Self::on)
    }

    fn on(device: Device) -> Self {
        let (resident, failure, is_small) = Default::default();
        Self { device, cpu: Cpu::default(), resident, failure, is_small }
    }

    /// What the card is and how much memory it has, where it says.
    pub fn about(&self) -> Option<String> {
        match &self.device {
            #[cfg(feature = "cuda")]
            Device::Cuda(card) => {
                let stream = card.cuda_stream();
                let (name, bytes) = (stream.context().name(), stream.context().total_mem());
                Some(format!("{}, {:.0} GB", name.ok()?, bytes.ok()? as f64 / 1e9))
            }
            #[cfg(feature = "metal")]
            Device::Metal(card) => {
                let bytes = card.device().recommended_max_working_set_size() as f64;
                Some(format!("{}, {:.0} GB", card.device().architecture_name(), bytes / 1e9))
            }
            _ => None,
        }
    }

    /// Why the card is not used any more, without a full stop.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Does something on the card, if it can be trusted still; remembers why where it can't.
    fn ask<T>(&self, work: impl FnOnce() -> candle_core::Result<T>) -> Option<T> {
        if self.failure.get().is_some() {
            return None;
        }
        guarded(work).map_err(|reason| self.fail(reason)).ok()
    }

    fn fail(&self, reason: String) {
        let _ = self.failure.set(reason);
        // Its memory is of more use to others now.
        *self.resident.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A base's numbers on the card: sent, and tried, unless they are there.
    fn resident(&self, base: &Base) -> candle_core::Result<Arc<Resident>> {
        let mut held = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resident) = held.as_ref().filter(|resident| resident.is_of(base)) {
            return Ok(resident.clone());
        }
        *held = None;
        let resident = Arc::new(Resident::new(base, &self.device)?);
        self.trust(base, &resident)?;
        *held = Some(resident.clone());
        Ok(resident)
    }

    /// Compares the card's logits of a few tokens with the processor's.
    fn trust(&self, base: &Base, resident: &Resident) -> candle_core::Result<()> {
        let tokens = tried(base);
        let model = Model::new(base, None).on(&self.cpu);
        let x = model.embedded(&tokens);
        let hidden = blocks::read(resident, &x, &mut Past::new(resident, None)?)?;
        let theirs = self.times_head(resident, base.head(), &model.final_norm(&hidden))?;
        let ours = model.all_logits(&tokens);
        let width = base.head().rows;
        ours.chunks(width).zip(theirs.chunks(width)).try_for_each(|(a, b)| alike("answers", a, b))
    }

    /// Compares what both homes learn from a few tokens.
    fn trust_learning(&self, base: &Base) -> candle_core::Result<()> {
        let mut lora = Lora::fresh(base, 2, 2.0, 0.0, 1);
        // With `B` at zero no gradient reaches `A`.
        for tensor in lora.tensors_mut().skip(1).step_by(2) {
            tensor.iter_mut().enumerate().for_each(|(i, b)| *b = (i % 7) as f32 * 0.01 - 0.03);
        }
        let (tokens, weights) = (tried(base), [1.0; TRIED]);
        let (over, keep) = ((TRIED - 1) as f64, Keep::ALL);
        let told =
            Told { tokens: &tokens, weights: &weights, over, straight: false, dropout: None, keep };
        let learned = |kernel: &dyn Kernel| {
            let mut gradients = lora.zeros_like();
            let model = Model::new(base, Some(&lora)).on(kernel);
            Learner::default().learn(&model, told, &mut gradients);
            gradients.tensors().flatten().copied().collect::<Vec<f32>>()
        };
        alike("gradients", &learned(&self.cpu), &learned(self))
    }

    fn times_head(
        &self,
        resident: &Resident,
        head: &Weight,
        x: &[f32],
    ) -> candle_core::Result<Vec<f32>> {
        let frozen = resident.head(head).ok_or_else(|| candle_core::Error::msg("not its head"))?;
        let rows = (x.len() / head.cols, head.cols);
        let x = Tensor::from_slice(x, rows, &self.device)?;
        frozen.times(&x)?.flatten_all()?.to_vec1()
    }

    /// The base on the card whose head this is.
    fn with_head(&self, head: &Weight) -> Option<Arc<Resident>> {
        let held = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|resident| resident.head(head).is_some()).cloned()
    }
}

/// Tokens to try a card with: any.
fn tried(base: &Base) -> Vec<u32> {
    (1..=TRIED).map(|i| (i * 7919 % base.shape.vocab) as u32).collect()
}

/// An error unless both point the same way.
fn alike(what: &str, ours: &[f32], theirs: &[f32]) -> candle_core::Result<()> {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let likeness = dot(ours, theirs) / (dot(ours, ours) * dot(theirs, theirs)).sqrt();
    // What is not a number is not alike either.
    if likeness >= ALIKE {
        return Ok(());
    }
    let reason = format!("its {what} are not the processor's (likeness {likeness:.3})");
    Err(candle_core::Error::msg(reason))
}

/// Runs `work`; what went wrong in one line. Libraries below panic where they find no driver.
fn guarded<T>(work: impl FnOnce() -> candle_core::Result<T>) -> Result<T, String> {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (_, Some(text)) => (*text).to_owned(),
            _ => "it stopped without a reason".to_owned(),
        },
    };
    // The first line, without the advice for programmers that some add.
    let line = reason.lines().next().unwrap_or_default();
    let line = line.split(" - ").next().unwrap_or_default().trim();
    Err(line.trim_end_matches('.').to_owned())
}

impl Stack for Gpu {
    fn read(
        &self,
        base: &Base,
        lora: Option<&Lora>,
        x: &mut [f32],
        far: &mut Option<Far>,
    ) -> Option<()> {
        let hidden = self.ask(|| {
            let mut now = match far.take() {
                Some(far) => far,
                None => {
                    let resident = self.resident(base)?;
                    let past = Past::new(&resident, lora)?;
                    Far { resident, past }
                }
            };
            let hidden = blocks::read(&now.resident, x, &mut now.past)?;
            *far = Some(now);
            Ok(hidden)
        })?;
        x.copy_from_slice(&hidden);
        Some(())
    }

    fn learn(
        &self,
        base: &Base,
        lora: &Lora,
        (dropout, keep): (Option<Dropout>, Keep),
        x: &[f32],
        answer: &mut dyn FnMut(&[f32]) -> Vec<f32>,
        gradients: &mut Lora,
    ) -> Option<()> {
        let mut once = |keep| {
            let resident = self.resident(base)?;
            blocks::learn(&resident, Lesson { lora, dropout, keep }, x, answer, gradients)
        };
        self.ask(|| {
            let resident = self.resident(base)?;
            if resident.is_tried.swap(true, Ordering::Relaxed) {
                return Ok(());
            }
            self.trust_learning(base)
        })?;
        // A lesson too long for the card's memory may fit in the smaller way, and so will others.
        if keep != Keep::NONE && !self.is_small.load(Ordering::Relaxed) {
            if guarded(|| once(keep)).is_ok() {
                return Some(());
            }
            self.is_small.store(true, Ordering::Relaxed);
        }
        self.ask(|| once(Keep::NONE))
    }
}

/// The head and the loss on the card, once its base is there; what is small, and what the card has
/// failed at, on the processor.
impl Kernel for Gpu {
    fn stack(&self) -> Option<&dyn Stack> {
        self.failure.get().is_none().then_some(self)
    }

    fn linear(&self, x: &[f32], w: &Weight, y: &mut [f32]) {
        let done =
            self.with_head(w).and_then(|resident| self.ask(|| self.times_head(&resident, w, x)));
        match done {
            Some(done) => y.copy_from_slice(&done),
            None => self.cpu.linear(x, w, y),
        }
    }

    fn cross_entropy(
        &self,
        hidden: &[f32],
        head: &Weight,
        targets: &[u32],
        nll: &mut [f32],
        back: Option<(&[f32], &mut [f32])>,
    ) {
        let done = self.with_head(head).filter(|_| !targets.is_empty()).and_then(|resident| {
            self.ask(|| {
                let frozen = resident.head(head).expect("it was asked for by its head");
                let rows = (targets.len(), head.cols);
                let hidden = Tensor::from_slice(hidden, rows, &self.device)?;
                let targets = Tensor::new(targets, &self.device)?;
                let weights = match &back {
                    Some((weights, _)) => Some(Tensor::new(*weights, &self.device)?),
                    None => None,
                };
                let (nll, d) = ops::cross_entropy(&hidden, frozen, &targets, weights.as_ref())?;
                let d = d.map(|d| d.flatten_all()?.to_vec1::<f32>()).transpose()?;
                Ok((nll.to_vec1::<f32>()?, d))
            })
        });
        let Some((of_targets, d)) = done else {
            return self.cpu.cross_entropy(hidden, head, targets, nll, back);
        };
        nll.copy_from_slice(&of_targets);
        if let (Some((_, to)), Some(d)) = (back, d) {
            to.iter_mut().zip(&d).for_each(|(to, d)| *to += d);
        }
    }

    fn linears(&self, x: &[f32], outs: &mut [(&Weight, &mut [f32])]) {
        self.cpu.linears(x, outs);
    }

    fn gemv_lora(&self, x: &[f32], outs: &mut [(&Weight, &mut [f32])], lora: &PackedLora) {
        self.cpu.gemv_lora(x, outs, lora);
    }

    fn linear_back(&self, dy: &[f32], w: &Weight, dx: &mut [f32]) {
        self.cpu.linear_back(dy, w, dx);
    }

    fn product(&self, a: Mat, b: Mat, scale: f32, add: bool, c: MatMut) {
        self.cpu.product(a, b, scale, add, c);
    }

    fn norm(&self, x: &[f32], norm: Norm, y: &mut [f32]) {
        self.cpu.norm(x, norm, y);
    }

    fn norm_back(&self, x: &[f32], norm: Norm, dy: &[f32], dx: &mut [f32]) {
        self.cpu.norm_back(x, norm, dy, dx);
    }

    fn turn(&self, x: &mut [f32], dim: usize, turns: &Turns, back: bool) {
        self.cpu.turn(x, dim, turns, back);
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
        self.cpu.attend(q, k, v, heads, past, out, lse);
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
        self.cpu.attend_back(saw, heads, dout, dq, dk, dv);
    }

    fn gate(&self, kind: Gate, gate: &[f32], up: &[f32], out: &mut [f32]) {
        self.cpu.gate(kind, gate, up, out);
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
        self.cpu.gate_back(kind, gate, up, dout, dgate, dup);
    }

    fn low(&self, x: &[f32], lows: &[Low], u: &mut [f32], ys: &mut [&mut [f32]]) {
        self.cpu.low(x, lows, u, ys);
    }

    fn low_back(
        &self,
        x: &[f32],
        lows: &[Low],
        u: &[f32],
        dys: &[&[f32]],
        grads: &mut [(&mut [f32], &mut [f32])],
        dx: Option<&mut [f32]>,
    ) {
        self.cpu.low_back(x, lows, u, dys, grads, dx);
    }
}

#[cfg(test)]
mod tests;
