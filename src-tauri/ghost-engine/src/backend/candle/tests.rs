//! The candle backend on candle's own CPU device, compared with the CPU backend: each operation forward
//! and backward, then whole models; and the fallback where a GPU fails.

#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};

use super::quantized_linear::QuantizedLinear;
use super::{CandleBackend, ops};
use crate::backend::fallback::Fallback;
use crate::backend::{ActivationCheckpointing, Backend, Dropout, KvCache, LossInput, Weights};
use crate::base::Base;
use crate::config::Activation;
use crate::cpu::Cpu;
use crate::cpu::activation::{gated_activation, gated_activation_backward};
use crate::cpu::attention::{AttentionActivations, Heads, attention, attention_backward};
use crate::cpu::linear::{linear, linear_backward};
use crate::cpu::loss::cross_entropy;
use crate::cpu::norm::{RmsNorm, rms_norm, rms_norm_backward};
use crate::cpu::rope::rope;
use crate::lora::{Lora, Target};
use crate::quant::ggml::{self, GgmlType};
use crate::quant::weight::Weight;
use crate::reference_tests::candle::{
    On, assert_close, base_kinds, loss_input, near_one, random, scalar, tokens, trained_adapter,
    weights,
};
use crate::rope::{RopeLayout, RopeTable};
use crate::tiny::{self, Tiny};

fn tensor<S: Into<candle_core::Shape>>(values: &[f32], shape: S) -> Tensor {
    Tensor::from_slice(values, shape.into(), &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Rows of heads (n × heads · dim), as the processor has them, as heads of rows.
fn heads(rows: &[f32], heads: usize, dim: usize) -> Tensor {
    ops::split_heads(&tensor(rows, (rows.len() / (heads * dim), heads * dim)), heads).unwrap()
}

#[test]
fn a_norm_forward_and_backward() {
    let (n, width) = (5, 24);
    let (x, dy, weight) =
        (random(n * width, 1, 2.0), random(n * width, 2, 1.0), near_one(width, 3));
    let norm = RmsNorm { weight: &weight, eps: 1e-5 };
    let (mut y, mut dx) = (vec![0.0; n * width], vec![0.0; n * width]);
    rms_norm(&Cpu::scalar(), &x, norm, &mut y);
    rms_norm_backward(&Cpu::scalar(), &x, norm, &dy, &mut dx);
    let (x, dy, weight) = (tensor(&x, (n, width)), tensor(&dy, (n, width)), tensor(&weight, width));
    assert_close("forward", &values(&ops::rms_norm(&x, &weight, 1e-5).unwrap()), &y, 1e-5);
    assert_close(
        "backward",
        &values(&ops::rms_norm_backward(&x, &weight, 1e-5, &dy).unwrap()),
        &dx,
        1e-5,
    );
}

#[test]
fn heads_rotate_forward_and_back() {
    let (n, of, dim) = (7, 3, 16);
    let x = random(n * of * dim, 1, 1.0);
    for (layout, dims) in [(RopeLayout::NeoX, 16), (RopeLayout::GptJ, 16), (RopeLayout::GptJ, 8)] {
        let angles = random(n * dims / 2, 2, 3.0);
        let cos: Vec<f32> = angles.iter().map(|a| a.cos()).collect();
        let sin: Vec<f32> = angles.iter().map(|a| a.sin()).collect();
        let ours = ops::DeviceRope {
            cos: tensor(&cos, (n, dims / 2)),
            sin: tensor(&sin, (n, dims / 2)),
            inverse_sin: tensor(&sin, (n, dims / 2)).neg().unwrap(),
            dims,
            layout,
        };
        for inverse in [false, true] {
            let mut rotated = x.clone();
            let table = RopeTable { cos: cos.clone(), sin: sin.clone(), dims, layout };
            rope(&mut rotated, dim, &table, inverse);
            let ours = ops::rope(&heads(&x, of, dim), &ours, inverse).unwrap();
            assert_close("rotated", &values(&ops::merge_heads(&ours).unwrap()), &rotated, 1e-5);
        }
    }
}

#[test]
fn attention_forward_and_backward() {
    let (n, q_heads, kv_heads, dim) = (9, 4, 2, 8);
    for (past, window) in [(0, None), (0, Some(3)), (6, None), (6, Some(4))] {
        let seen = past + n;
        let (q, dout) = (random(n * q_heads * dim, 1, 2.0), random(n * q_heads * dim, 2, 1.0));
        let (k, v) = (random(seen * kv_heads * dim, 3, 2.0), random(seen * kv_heads * dim, 4, 1.0));
        let shape = Heads { q: q_heads, kv: kv_heads, dim, window };
        let (mut out, mut lse) = (vec![0.0; q.len()], vec![0.0; n * q_heads]);
        attention(&Cpu::scalar(), &q, &k, &v, shape, past, &mut out, &mut lse);
        let mask = ops::mask(n, past, window, &Device::Cpu).unwrap();
        let (tq, tk, tv) =
            (heads(&q, q_heads, dim), heads(&k, kv_heads, dim), heads(&v, kv_heads, dim));
        let ours = ops::attention(&tq, &tk, &tv, mask.as_ref()).unwrap();
        assert_close("forward", &values(&ours), &out, 1e-5);
        if past > 0 {
            continue; // training has no past
        }
        let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
        let saved = AttentionActivations { q: &q, k: &k, v: &v, out: &out, lse: &lse };
        attention_backward(&Cpu::scalar(), saved, shape, &dout, &mut dq, &mut dk, &mut dv);
        let dout = tensor(&dout, (n, q_heads * dim));
        let ours = ops::attention_backward(&tq, &tk, &tv, mask.as_ref(), &dout).unwrap();
        for (name, ours, theirs) in [("dq", ours.0, dq), ("dk", ours.1, dk), ("dv", ours.2, dv)] {
            assert_close(name, &values(&ops::merge_heads(&ours).unwrap()), &theirs, 1e-5);
        }
    }
}

#[test]
fn a_single_position_needs_a_mask_only_with_a_window() {
    let mask = |n, past, window| ops::mask(n, past, window, &Device::Cpu).unwrap().is_some();
    assert!(!mask(1, 8, None) && !mask(1, 8, Some(9)) && mask(1, 9, Some(9)) && mask(2, 0, None));
}

#[test]
fn activations_forward_and_backward() {
    let n = 300;
    let (gate, up, dout) = (random(n, 1, 6.0), random(n, 2, 1.0), random(n, 3, 1.0));
    for kind in [Activation::Silu, Activation::Gelu] {
        let (mut out, mut dgate, mut dup) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        gated_activation(&Cpu::scalar(), kind, &gate, &up, &mut out);
        gated_activation_backward(&Cpu::scalar(), kind, &gate, &up, &dout, &mut dgate, &mut dup);
        let (gate, up, dout) = (tensor(&gate, n), tensor(&up, n), tensor(&dout, n));
        assert_close(
            "forward",
            &values(&ops::gated_activation(kind, &gate, &up).unwrap()),
            &out,
            1e-5,
        );
        let ours = ops::gated_activation_backward(kind, &gate, &up, &dout).unwrap();
        assert_close("dgate", &values(&ours.0), &dgate, 1e-5);
        assert_close("dup", &values(&ours.1), &dup, 1e-5);
    }
}

#[test]
fn every_block_type_multiplies_forward_and_backward() {
    let (n, rows, cols) = (5, 96, 512);
    let (x, dy) = (random(n * cols, 1, 1.0), random(n * rows, 2, 1.0));
    let mut one_aside = vec![0u8; 1];
    for kind in GgmlType::ALL {
        let bytes = ggml::random_blocks(kind, rows * cols, 5);
        let weight = Weight::new(rows, cols, kind, bytes.clone().into()).unwrap();
        let (mut y, mut dx) = (vec![0.0; n * rows], vec![0.0; n * cols]);
        linear(&Cpu::scalar(), &x, &weight, &mut y);
        linear_backward(&Cpu::scalar(), &dy, &weight, &mut dx);
        // candle's own products are of eight bits with blocks, of sixteen with half floats.
        let within = match kind {
            GgmlType::F32 => 1e-5,
            GgmlType::F16 | GgmlType::BF16 => 1e-2,
            _ => 2e-2,
        };
        one_aside.truncate(1);
        one_aside.extend(&bytes);
        let odd = crate::quant::weight::Bytes::from(one_aside.clone());
        let odd = odd.part(1..bytes.len() + 1).unwrap();
        for weight in [weight, Weight::new(rows, cols, kind, odd).unwrap()] {
            let on_device = QuantizedLinear::new(&weight, &Device::Cpu).unwrap();
            let name = format!("{kind:?}");
            assert_close(
                &name,
                &values(&on_device.forward(&tensor(&x, (n, cols))).unwrap()),
                &y,
                within,
            );
            assert_close(
                &name,
                &values(&on_device.backward(&tensor(&dy, (n, rows))).unwrap()),
                &dx,
                1e-2,
            );
            let mut row = vec![0.0; cols];
            weight.dequantize_rows(7..8, &mut row);
            let ids = Tensor::new(&[7u32], &Device::Cpu).unwrap();
            assert_close(&name, &values(&on_device.embedding(&ids).unwrap()), &row, 1e-6);
        }
    }
}

#[test]
fn half_floats_do_not_overflow() {
    let (rows, cols) = (4, 64);
    let weight = Weight::new(rows, cols, GgmlType::F16, {
        ggml::random_blocks(GgmlType::F16, rows * cols, 5).into()
    });
    let on_device = QuantizedLinear::new(&weight.unwrap(), &Device::Cpu).unwrap();
    let y = on_device.forward(&tensor(&random(cols, 1, 1e6), (1, cols))).unwrap();
    assert!(values(&y).iter().all(|y| y.is_finite()));
    let nothing = on_device.forward(&tensor(&vec![0.0; cols], (1, cols))).unwrap();
    assert!(values(&nothing).iter().all(|y| *y == 0.0));
}

#[test]
fn cross_entropy_and_its_gradient() {
    let (n, vocab, width) = (6, 40, 16);
    let (hidden, shares) = (random(n * width, 1, 1.0), random(n, 3, 1.0));
    let head = Weight::from_f32(vocab, width, random(vocab * width, 2, 1.0));
    let targets: Vec<u32> = (0..n as u32).map(|i| i * 5 % vocab as u32).collect();
    let (mut nll, mut d) = (vec![0.0; n], vec![0.0; n * width]);
    cross_entropy(&Cpu::scalar(), &hidden, &head, &targets, &mut nll, Some((&shares, &mut d)));
    let (hidden, shares) = (tensor(&hidden, (n, width)), tensor(&shares, n));
    let targets = Tensor::new(targets, &Device::Cpu).unwrap();
    let on_device = QuantizedLinear::new(&head, &Device::Cpu).unwrap();
    let ours = ops::cross_entropy(&hidden, &on_device, &targets, Some(&shares)).unwrap();
    assert_close("nll", &values(&ours.0), &nll, 1e-5);
    assert_close("gradient", &values(&ours.1.unwrap()), &d, 1e-5);
    assert!(ops::cross_entropy(&hidden, &on_device, &targets, None).unwrap().1.is_none());
}

/// candle's own CPU device in the place of a GPU.
fn gpu() -> Fallback<CandleBackend> {
    Fallback::new(CandleBackend::on(Device::Cpu))
}

#[track_caller]
fn close_gradients(kind: &str, ours: &(f64, Lora), theirs: &(f64, Lora), within: f32) {
    let (loss, their_loss) = (ours.0, theirs.0);
    assert!((loss / their_loss - 1.0).abs() < f64::from(within), "{kind}: {loss}, {their_loss}");
    for ((name, ours), theirs) in ours.1.names().zip(ours.1.tensors()).zip(theirs.1.tensors()) {
        assert_close(&format!("{kind} {name}"), ours, theirs, within);
    }
}

/// The factor of the tolerance where weights are half floats, which the GPU multiplies as such: their
/// last bit is a 256th, and a product of them is within a hundredth.
fn slack(base: &Base) -> f32 {
    match Target::Q.weight(&base.layers[0]).block {
        GgmlType::F32 => 1.0,
        _ => 100.0,
    }
}

#[test]
fn every_kind_of_base_reads_as_on_the_cpu() {
    for (kind, base) in base_kinds() {
        let (gpu, lora, tokens) = (gpu(), trained_adapter(&base), tokens(&base, 90));
        for lora in [None, Some(&lora)] {
            let (ours, theirs) = (On::new(&gpu, &base, lora), scalar(&base, lora));
            let within = 1e-4 * slack(&base);
            assert_close(kind, &ours.all_logits(&tokens), &theirs.all_logits(&tokens), within);
            assert_close(kind, &ours.token_nll(&tokens, 5), &theirs.token_nll(&tokens, 5), within);
        }
        assert_eq!(gpu.failure(), None, "{kind}");
    }
}

#[test]
fn one_token_at_a_time_is_the_same_and_the_cache_can_be_truncated() {
    for (kind, base) in base_kinds() {
        let (gpu, lora, tokens) = (gpu(), trained_adapter(&base), tokens(&base, 60));
        let (ours, theirs) = (On::new(&gpu, &base, Some(&lora)), scalar(&base, Some(&lora)));
        let (mut cache, mut cpu) = (ours.new_kv_cache(), theirs.new_kv_cache());
        let chunks = [&tokens[..30], &tokens[30..31], &tokens[31..32], &tokens[32..60]];
        for chunk in chunks {
            let (a, b) = (ours.forward(chunk, &mut cache), theirs.forward(chunk, &mut cpu));
            assert_close(kind, &a, &b, 1e-4 * slack(&base));
        }
        cache.truncate(20);
        cpu.truncate(20);
        let (a, b) =
            (ours.forward(&tokens[3..9], &mut cache), theirs.forward(&tokens[3..9], &mut cpu));
        assert_close(kind, &a, &b, 1e-4 * slack(&base));
        assert_eq!(cache.len(), 26);
    }
}

#[test]
fn a_cache_grows_beyond_its_page() {
    let base = tiny::base(1);
    let (gpu, tokens) = (gpu(), tokens(&base, 1100));
    let (ours, theirs) = (On::new(&gpu, &base, None), scalar(&base, None));
    let (mut cache, mut cpu) = (ours.new_kv_cache(), theirs.new_kv_cache());
    for chunk in [&tokens[..1000], &tokens[1000..1023], &tokens[1023..1100]] {
        let (a, b) = (ours.forward(chunk, &mut cache), theirs.forward(chunk, &mut cpu));
        assert_close("paged", &a, &b, 1e-4);
    }
}

#[test]
fn the_loss_and_every_gradient_are_the_cpus() {
    for (kind, base) in base_kinds() {
        let (gpu, lora) = (gpu(), trained_adapter(&base));
        let (tokens, mut weights) = (tokens(&base, 70), weights(70));
        weights[9] = -0.5; // one that should not be written
        for dropout in [None, Some(Dropout { rate: 0.2, seed: 5 })] {
            let input = LossInput { dropout, ..loss_input(&tokens, &weights) };
            let theirs = scalar(&base, Some(&lora)).gradients(&input);
            let model = On::new(&gpu, &base, Some(&lora));
            let ours = model.gradients(&input);
            close_gradients(kind, &ours, &theirs, 1e-3 * slack(&base));
            let checkpointing = ActivationCheckpointing::EVERY_LAYER;
            let again = model.gradients(&LossInput { checkpointing, ..input });
            assert!(again == ours, "{kind}: recomputed activations give the same gradients");
        }
        assert_eq!(gpu.failure(), None, "{kind}");
    }
}

#[test]
fn quantised_bases_are_close() {
    for (family, block) in
        [("llama", GgmlType::Q8_0), ("qwen3", GgmlType::Q4_1), ("gemma3", GgmlType::Q8_0)]
    {
        let base = Tiny { family, block, random_seed: 3, ..Tiny::default() }.base();
        let (gpu, lora) = (gpu(), trained_adapter(&base));
        let (tokens, weights) = (tokens(&base, 50), weights(50));
        let model = On::new(&gpu, &base, Some(&lora));
        let theirs = scalar(&base, Some(&lora));
        assert_close(family, &model.all_logits(&tokens), &theirs.all_logits(&tokens), 0.05);
        let input = loss_input(&tokens, &weights);
        close_gradients(family, &model.gradients(&input), &theirs.gradients(&input), 0.1);
        assert_eq!(gpu.failure(), None, "{family}");
    }
}

#[test]
fn one_gpu_serves_two_bases_in_turn_and_two_adapters_at_once() {
    let (one, two, gpu) = (tiny::base(1), tiny::base(2), gpu());
    let (lora, tokens) = (trained_adapter(&one), tokens(&one, 20));
    let (ours, adapted) = (On::new(&gpu, &one, None), On::new(&gpu, &one, Some(&lora)));
    let (mut bare, mut with) = (ours.new_kv_cache(), adapted.new_kv_cache());
    ours.forward(&tokens[..10], &mut bare);
    adapted.forward(&tokens[..10], &mut with);
    let between = On::new(&gpu, &two, None).all_logits(&tokens);
    assert_close("the other base", &between, &scalar(&two, None).all_logits(&tokens), 1e-4);
    for (model, cache, lora) in [(ours, &mut bare, None), (adapted, &mut with, Some(&lora))] {
        let theirs = scalar(&one, lora);
        let theirs = theirs.forward(&tokens, &mut theirs.new_kv_cache());
        assert_close("in turn", &model.forward(&tokens[10..], cache), &theirs, 1e-4);
    }
}

#[test]
fn a_gpu_that_fails_during_a_draft_costs_the_draft_nothing() {
    let base = tiny::base(1);
    let (gpu, lora, tokens) = (gpu(), trained_adapter(&base), tokens(&base, 40));
    let (ours, theirs) = (On::new(&gpu, &base, Some(&lora)), scalar(&base, Some(&lora)));
    let (mut cache, mut cpu) = (ours.new_kv_cache(), theirs.new_kv_cache());
    for chunk in [&tokens[..30], &tokens[30..31]] {
        ours.forward(chunk, &mut cache);
        theirs.forward(chunk, &mut cpu);
    }
    gpu.disable("out of memory".into());
    for chunk in [&tokens[31..32], &tokens[32..]] {
        let (a, b) = (ours.forward(chunk, &mut cache), theirs.forward(chunk, &mut cpu));
        assert_close("on the CPU", &a, &b, 1e-4);
    }
    cache.truncate(10);
    cpu.truncate(10);
    let (a, b) = (ours.forward(&tokens[..3], &mut cache), theirs.forward(&tokens[..3], &mut cpu));
    assert_close("truncated", &a, &b, 1e-4);
    assert_eq!(gpu.failure(), Some("out of memory"));
}

#[test]
fn a_gpu_that_has_failed_leaves_training_to_the_cpu() {
    let base = tiny::base(1);
    let (gpu, lora) = (gpu(), trained_adapter(&base));
    let (tokens, weights) = (tokens(&base, 40), weights(40));
    gpu.disable("it was unplugged".into());
    let input = loss_input(&tokens, &weights);
    let ours = On::new(&gpu, &base, Some(&lora)).gradients(&input);
    close_gradients("llama", &ours, &scalar(&base, Some(&lora)).gradients(&input), 1e-3);
}

/// A GPU with a defect.
struct Defective {
    inner: CandleBackend,
    /// Computes with this base instead.
    other: Option<Base>,
    /// Fails at a backward pass with activations kept, and after this many other ones.
    backwards_left: Option<std::sync::atomic::AtomicUsize>,
}

impl Defective {
    fn weights<'a>(&'a self, weights: Weights<'a>) -> Weights<'a> {
        Weights { base: self.other.as_ref().unwrap_or(weights.base), ..weights }
    }
}

impl Backend for Defective {
    type KvCache = super::DeviceKvCache;
    type SavedActivations = super::SavedActivations;
    type Error = String;

    fn upload(&self, base: &Base) -> Result<bool, String> {
        self.inner.upload(self.other.as_ref().unwrap_or(base))
    }

    fn new_kv_cache(&self, base: &Base) -> Self::KvCache {
        self.inner.new_kv_cache(base)
    }

    fn prefill(
        &self,
        weights: Weights,
        tokens: &[u32],
        cache: &mut Self::KvCache,
    ) -> Result<Vec<f32>, String> {
        self.inner.prefill(self.weights(weights), tokens, cache)
    }

    fn logits(&self, base: &Base, hidden: &[f32]) -> Result<Vec<f32>, String> {
        self.inner.logits(self.other.as_ref().unwrap_or(base), hidden)
    }

    fn nll(&self, base: &Base, hidden: &[f32], targets: &[u32]) -> Result<Vec<f32>, String> {
        self.inner.nll(base, hidden, targets)
    }

    fn forward_train(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
    ) -> Result<(), String> {
        self.inner.forward_train(weights, input, saved)
    }

    fn backward(
        &self,
        weights: Weights,
        input: &LossInput,
        saved: &mut Self::SavedActivations,
        gradients: &mut Lora,
    ) -> Result<f64, String> {
        use std::sync::atomic::Ordering;
        if let Some(left) = self.backwards_left.as_ref().filter(|_| input.tokens.len() > 6) {
            let keeps = input.checkpointing != ActivationCheckpointing::EVERY_LAYER;
            if keeps
                || left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                    .is_err()
            {
                return Err("out of memory".to_owned());
            }
        }
        self.inner.backward(weights, input, saved, gradients)
    }
}

#[test]
fn a_gpu_with_other_logits_is_not_used() {
    let (base, tokens) = (tiny::base(1), vec![1, 2, 3]);
    let inner = CandleBackend::on(Device::Cpu);
    let wrong = Defective { inner, other: Some(tiny::base(2)), backwards_left: None };
    let gpu = Fallback::new(wrong);
    let ours = On::new(&gpu, &base, None).all_logits(&tokens);
    assert_close("on the CPU", &ours, &scalar(&base, None).all_logits(&tokens), 1e-4);
    let failure = gpu.failure().unwrap();
    assert!(failure.contains("its logits differ from the CPU's"), "{failure}");
}

#[test]
fn a_step_that_does_not_fit_is_recomputed_and_then_left_to_the_cpu() {
    let base = tiny::base(1);
    let inner = CandleBackend::on(Device::Cpu);
    let small = Defective { inner, other: None, backwards_left: Some(1.into()) };
    let (gpu, lora) = (Fallback::new(small), trained_adapter(&base));
    let (tokens, weights) = (tokens(&base, 40), weights(40));
    let input = loss_input(&tokens, &weights);
    let model = On::new(&gpu, &base, Some(&lora));
    let theirs = scalar(&base, Some(&lora)).gradients(&input);
    close_gradients("recomputed", &model.gradients(&input), &theirs, 1e-3);
    assert_eq!(gpu.failure(), None);
    close_gradients("on the CPU", &model.gradients(&input), &theirs, 1e-3);
    assert_eq!(gpu.failure(), Some("out of memory"));
}

#[test]
fn a_panic_below_is_a_failure_like_any_other() {
    let panicked: Result<(), String> =
        super::guarded(|| panic!("no library `cuda`.\nsearched in many places"));
    assert_eq!(panicked, Err("no library `cuda`".to_owned()));
}
