//! Speed and memory of prefill, decoding and training on this computer, with the shapes that
//! llama.cpp (pp and tg) and PEFT (one sequence) are measured with.

use std::time::Instant;

use crate::backend::{ActivationCheckpointing, KvCache, LossInput, NegativeWeights};
use crate::base::Base;
use crate::lora::Lora;
use crate::memory;
use crate::model::{Model, SavedActivations};
use crate::optimizer::AdamW;
use ghost_core::rng::Rng;

/// The computation that is timed.
#[derive(Clone, Copy)]
pub enum Workload<'a> {
    /// Reading a prompt.
    Prefill,
    /// Generating, a token at a time, from an empty cache.
    Decode,
    /// Generating with an adapter.
    DecodeAdapter(&'a Lora),
    /// Training: an adapter of rank 8 on all matrices, one sequence a step.
    Train,
}

/// The parameters of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct BenchConfig {
    /// Tokens of the prompt and of the training sequence.
    pub tokens: usize,
    /// Tokens generated.
    pub written: usize,
    /// Repetitions; the first is not counted.
    pub times: usize,
    /// The layers that keep their activations in training.
    pub checkpointing: ActivationCheckpointing,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// The median of all repetitions but the first.
    pub tokens_per_second: f64,
    /// The best of them.
    pub best: f64,
    /// The peak memory of the process, with the file's pages that it read.
    pub peak_bytes: u64,
}

/// An adapter to measure with: of a rank, on all matrices, without zeros.
pub fn some_adapter(base: &Base, rank: usize) -> Lora {
    let mut lora = Lora::fresh(base, rank, 2.0 * rank as f32, 0.0, 1);
    let mut rng = Rng::new(2);
    for b in lora.tensors_mut().skip(1).step_by(2) {
        b.fill_with(|| (rng.next_f32() - 0.5) * 0.02);
    }
    lora
}

/// Measures one workload.
pub fn measure(model: &Model, workload: Workload, config: BenchConfig) -> Measurement {
    memory::forget_peak();
    let mut rng = Rng::new(17);
    let vocab = model.config.vocab as u64;
    let tokens: Vec<u32> =
        (0..config.tokens + 1).map(|_| (rng.next_u64() % vocab) as u32).collect();
    let (done, seconds) = match workload {
        Workload::Prefill => {
            (config.tokens, prefill(model, &tokens[..config.tokens], config.times))
        }
        Workload::Decode => (config.written, decode(model, None, &tokens, config)),
        Workload::DecodeAdapter(lora) => {
            (config.written, decode(model, Some(lora), &tokens, config))
        }
        Workload::Train => (config.tokens, train(model, &tokens, config)),
    };
    let mut speeds: Vec<f64> = seconds.iter().skip(1).map(|s| done as f64 / s).collect();
    speeds.sort_by(f64::total_cmp);
    let tokens_per_second = speeds.get(speeds.len() / 2).copied().unwrap_or(0.0);
    let best = speeds.last().copied().unwrap_or(0.0);
    Measurement { tokens_per_second, best, peak_bytes: memory::peak() }
}

fn timed(times: usize, mut work: impl FnMut()) -> Vec<f64> {
    let once = |_| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    (0..times.max(2)).map(once).collect()
}

fn prefill(model: &Model, tokens: &[u32], times: usize) -> Vec<f64> {
    timed(times, || {
        model.forward(None, tokens, &mut model.new_kv_cache());
    })
}

fn decode(model: &Model, lora: Option<&Lora>, tokens: &[u32], config: BenchConfig) -> Vec<f64> {
    let mut cache = model.new_kv_cache();
    timed(config.times, || {
        cache.truncate(0);
        for i in 0..config.written {
            model.forward(lora, &tokens[i % tokens.len()..][..1], &mut cache);
        }
    })
}

fn train(model: &Model, tokens: &[u32], config: BenchConfig) -> Vec<f64> {
    let mut lora = Lora::fresh(model, 8, 16.0, 0.0, 1);
    let (mut adam, mut gradients) = (AdamW::new(&lora), lora.zeros_like());
    let (mut saved, weights) = (SavedActivations::default(), vec![1.0; tokens.len()]);
    timed(config.times, || {
        gradients.tensors_mut().for_each(|tensor| tensor.fill(0.0));
        let input = LossInput {
            tokens,
            weights: &weights,
            normalizer: config.tokens as f64,
            negative: NegativeWeights::Unlikelihood,
            dropout: None,
            checkpointing: config.checkpointing,
        };
        model.accumulate_gradients(&lora, &input, &mut saved, &mut gradients);
        adam.step(&mut lora, &gradients, 1e-4, 1.0);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny;

    #[test]
    fn every_workload_is_measured() {
        let model = tiny::model(1);
        let config = BenchConfig {
            tokens: 20,
            written: 3,
            times: 2,
            checkpointing: ActivationCheckpointing::OFF,
        };
        let lora = some_adapter(&model, 3);
        for workload in
            [Workload::Prefill, Workload::Decode, Workload::DecodeAdapter(&lora), Workload::Train]
        {
            let figure = measure(&model, workload, config);
            assert!(figure.tokens_per_second > 0.0 && figure.best >= figure.tokens_per_second);
        }
    }
}
