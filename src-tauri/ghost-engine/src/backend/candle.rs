//! CUDA and Metal as a backend, through candle's tensors. candle's own CPU device stands in for them
//! in tests.
//!
//! Hidden states go in before the first layer and come back after the last; weights, the adapter, keys
//! and values, and what the backward pass needs stay on the device. What else crosses the bus is small:
//! rows for the output head and its answer, an adapter and its gradients once a step.
//!
//! Quantised weights stay quantised: candle multiplies with their blocks, and the backward pass
//! dequantises a panel at a time. Other weights are kept as they are. The adapter and all activations
//! are `f32`; their products are made with TensorFloat-32 where a card has it.

mod kv_cache;
mod lora;
mod model;
mod ops;
mod pass;
mod quantized_linear;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Tensor};

pub use self::kv_cache::DeviceKvCache;
use self::kv_cache::Pages;
use self::lora::DeviceLora;
use self::model::DeviceModel;
pub use self::pass::SavedActivations;
use self::pass::{TrainingPass, prefill};
use crate::backend::loss_head::{Backward, loss_head};
use crate::backend::{Backend, LossInput, Weights};
use crate::base::Base;
use crate::cpu::Cpu;
use crate::cpu::linear::linear;
use crate::cpu::loss::cross_entropy;
use crate::cpu::norm::{RmsNorm, rms_norm};
use crate::lora::Lora;

/// A GPU as a backend.
pub struct CandleBackend {
    device: Device,
    /// For what is small.
    host: Cpu,
    /// The base that was used last. One at a time: a card's memory is small.
    model: Mutex<Option<Arc<DeviceModel>>>,
}

impl CandleBackend {
    /// The first CUDA card.
    ///
    /// # Errors
    /// The reason why there is none, in the words of the driver or of candle.
    pub fn cuda() -> Result<Self, String> {
        // Products of `f32` at eleven bits of precision, where a card has units for them.
        candle_core::cuda::set_gemm_reduced_precision_f32(true);
        // cudarc panics where the library is missing; the panic hook would print that.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let opened = guarded(|| Device::new_cuda(0));
        std::panic::set_hook(hook);
        opened.map(Self::on).map_err(|reason| match reason.contains("\"cuda\" shared library") {
            true => "NVIDIA's driver is not installed".to_owned(),
            false => reason,
        })
    }

    /// The Mac's own GPU.
    ///
    /// # Errors
    /// The reason why there is none, in the words of the system or of candle.
    pub fn metal() -> Result<Self, String> {
        guarded(|| Device::new_metal(0)).map(Self::on)
    }

    pub(crate) fn on(device: Device) -> Self {
        Self { device, host: Cpu::default(), model: Mutex::default() }
    }

    /// The GPU's name and memory, where known.
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

    /// The base on the device.
    fn model(&self, base: &Base) -> candle_core::Result<Arc<DeviceModel>> {
        self.upload_model(base).map(|(model, _)| model)
    }

    /// The base on the device, and whether it was sent just now.
    fn upload_model(&self, base: &Base) -> candle_core::Result<(Arc<DeviceModel>, bool)> {
        let mut held = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = held.as_ref().filter(|model| model.is_of(base)) {
            return Ok((model.clone(), false));
        }
        *held = None;
        let model = Arc::new(DeviceModel::new(base, &self.device)?);
        *held = Some(model.clone());
        Ok((model, true))
    }

    /// The model on the device with this base's head, if it is there.
    fn with_head(&self, base: &Base) -> Option<Arc<DeviceModel>> {
        let held = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|model| model.head(base.head()).is_some()).cloned()
    }

    fn final_norm(&self, base: &Base, hidden: &[f32]) -> Vec<f32> {
        let norm = RmsNorm { weight: &base.final_norm, eps: base.config.norm_eps };
        let mut normed = vec![0.0; hidden.len()];
        rms_norm(&self.host, hidden, norm, &mut normed);
        normed
    }

    /// The cross-entropy after normed rows: on the device where the base is there.
    fn cross_entropy(
        &self,
        base: &Base,
        normed: &[f32],
        targets: &[u32],
        nll: &mut [f32],
        backward: Backward,
    ) -> candle_core::Result<()> {
        let head = base.head();
        let model = self.with_head(base).filter(|_| !targets.is_empty());
        let Some(model) = model else {
            cross_entropy(&self.host, normed, head, targets, nll, backward);
            return Ok(());
        };
        let on_device = model.head(head).expect("the model was found by its head");
        let rows = (targets.len(), head.cols);
        let normed = Tensor::from_slice(normed, rows, &self.device)?;
        let targets = Tensor::new(targets, &self.device)?;
        let weights = match &backward {
            Some((weights, _)) => Some(Tensor::new(*weights, &self.device)?),
            None => None,
        };
        let (losses, d) = ops::cross_entropy(&normed, on_device, &targets, weights.as_ref())?;
        nll.copy_from_slice(&losses.to_vec1::<f32>()?);
        if let (Some((_, to)), Some(d)) = (backward, d) {
            let d = d.flatten_all()?.to_vec1::<f32>()?;
            to.iter_mut().zip(&d).for_each(|(to, d)| *to += d);
        }
        Ok(())
    }
}

/// Runs `work`; its failure in one line. The libraries below panic where they find no driver.
fn guarded<T>(work: impl FnOnce() -> candle_core::Result<T>) -> Result<T, String> {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (_, Some(text)) => (*text).to_owned(),
            _ => "it stopped without giving a reason".to_owned(),
        },
    };
    // The first line, without the advice for programmers that some add.
    let line = reason.lines().next().unwrap_or_default();
    let line = line.split(" - ").next().unwrap_or_default().trim();
    Err(line.trim_end_matches('.').to_owned())
}

impl Backend for CandleBackend {
    type KvCache = DeviceKvCache;
    type SavedActivations = SavedActivations;
    type Error = String;

    fn upload(&self, base: &Base) -> Result<bool, String> {
        guarded(|| self.upload_model(base)).map(|(_, is_new)| is_new)
    }

    fn release(&self) {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn new_kv_cache(&self, _: &Base) -> DeviceKvCache {
        DeviceKvCache::default()
    }

    fn prefill(
        &self,
        weights: Weights,
        tokens: &[u32],
        cache: &mut DeviceKvCache,
    ) -> Result<Vec<f32>, String> {
        let x = weights.base.embed(tokens);
        guarded(|| {
            let mut pages = match cache.pages.take() {
                Some(pages) => pages,
                None => {
                    let model = self.model(weights.base)?;
                    let lora = weights.lora.map(|lora| DeviceLora::new(lora, &self.device));
                    Pages::new(model, lora.transpose()?.map(Arc::new))
                }
            };
            let hidden = prefill(&mut pages, &x);
            cache.pages = Some(pages);
            hidden
        })
    }

    fn logits(&self, base: &Base, hidden: &[f32]) -> Result<Vec<f32>, String> {
        let head = base.head();
        let normed = self.final_norm(base, hidden);
        guarded(|| {
            let Some(model) = self.with_head(base) else {
                let mut logits = vec![0.0; normed.len() / head.cols * head.rows];
                linear(&self.host, &normed, head, &mut logits);
                return Ok(logits);
            };
            let on_device = model.head(head).expect("the model was found by its head");
            let rows = (normed.len() / head.cols, head.cols);
            let normed = Tensor::from_slice(&normed, rows, &self.device)?;
            on_device.forward(&normed)?.flatten_all()?.to_vec1()
        })
    }

    fn nll(&self, base: &Base, hidden: &[f32], targets: &[u32]) -> Result<Vec<f32>, String> {
        let normed = self.final_norm(base, hidden);
        guarded(|| {
            let mut nll = vec![0.0; targets.len()];
            self.cross_entropy(base, &normed, targets, &mut nll, None)?;
            Ok(nll)
        })
    }

    fn forward_train(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut SavedActivations,
    ) -> Result<(), String> {
        saved.clear();
        let Some(n) = input.positions() else { return Ok(()) };
        let lora = weights.lora.ok_or("training needs an adapter")?;
        let x = weights.base.embed(&input.tokens[..n]);
        guarded(|| {
            let model = self.model(weights.base)?;
            let lora = DeviceLora::new(lora, &self.device)?;
            *saved = TrainingPass::forward(model, lora, input, &x)?;
            Ok(())
        })
    }

    fn backward(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut SavedActivations,
        gradients: &mut Lora,
    ) -> Result<f64, String> {
        let Some(pass) = saved.take() else { return Ok(0.0) };
        let base = weights.base;
        guarded(|| {
            let mut d = vec![0.0; pass.output.len()];
            let output = &pass.output;
            let loss =
                loss_head(&self.host, base, input, output, &mut d, |x, targets, nll, back| {
                    self.cross_entropy(base, x, targets, nll, back)
                })?;
            pass.backward(d, gradients)?;
            Ok(loss)
        })
    }
}

#[cfg(test)]
mod tests;
