//! Speed of reading, writing and learning on this computer, and what memory that takes: the shapes
//! peers are timed at (llama.cpp's pp and tg, PEFT at one sequence), so that figures compare.

use std::time::Instant;

use crate::base::Base;
use crate::chance::Chance;
use crate::kernel::Kernel;
use crate::lora::Lora;
use crate::memory;
use crate::model::{Cache, Keep, Learner, Model, Told};
use crate::optimizer::AdamW;

/// What is timed.
#[derive(Clone, Copy)]
pub enum What<'a> {
    /// Reading a prompt.
    Prefill,
    /// Writing, a token at a time, from an empty page.
    Decode,
    /// The same with an adapter.
    DecodeAdapter(&'a Lora),
    /// Learning: an adapter of rank 8 on all matrices, one sequence a step.
    Train,
}

/// How it is timed.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Tokens of the prompt and of the sequence learned from.
    pub tokens: usize,
    /// Tokens written.
    pub written: usize,
    /// Times each is done, the first left out of the figure.
    pub times: usize,
    /// How learning spends memory.
    pub keep: Keep,
}

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The median of all times but the first.
    pub tokens_per_second: f64,
    /// The best of them.
    pub best: f64,
    /// Most memory the process held meanwhile, the file's pages it read among it.
    pub peak_bytes: u64,
}

/// An adapter to time with: of the rank given on all matrices, no number of it zero.
pub fn some_adapter(base: &Base, rank: usize) -> Lora {
    let mut lora = Lora::fresh(base, rank, 2.0 * rank as f32, 0.0, 1);
    let mut chance = Chance::new(2);
    for b in lora.tensors_mut().skip(1).step_by(2) {
        b.fill_with(|| (chance.uniform() - 0.5) * 0.02);
    }
    lora
}

/// Times one thing, on the kernel given or on the one that would be used.
pub fn measure(base: &Base, kernel: Option<&dyn Kernel>, what: What, how: How) -> Figure {
    let on = On { base, kernel };

    memory::forget_peak();
    let mut chance = Chance::new(17);
    let vocab = base.shape.vocab as u64;
    let tokens: Vec<u32> = (0..how.tokens + 1).map(|_| (chance.draw() % vocab) as u32).collect();
    let (done, seconds) = match what {
        What::Prefill => (how.tokens, prefill(on, &tokens[..how.tokens], how.times)),
        What::Decode => (how.written, decode(on, None, &tokens, how)),
        What::DecodeAdapter(lora) => (how.written, decode(on, Some(lora), &tokens, how)),
        What::Train => (how.tokens, train(on, &tokens, how)),
    };
    let mut speeds: Vec<f64> = seconds.iter().skip(1).map(|s| done as f64 / s).collect();
    speeds.sort_by(f64::total_cmp);
    let tokens_per_second = speeds.get(speeds.len() / 2).copied().unwrap_or(0.0);
    let best = speeds.last().copied().unwrap_or(0.0);
    Figure { tokens_per_second, best, peak_bytes: memory::peak() }
}

/// What is timed, and what on.
#[derive(Clone, Copy)]
struct On<'a> {
    base: &'a Base,
    kernel: Option<&'a dyn Kernel>,
}

impl<'a> On<'a> {
    fn model(self, lora: Option<&'a Lora>) -> Model<'a> {
        let model = Model::new(self.base, lora);
        match self.kernel {
            Some(kernel) => model.on(kernel),
            None => model,
        }
    }
}

fn timed(times: usize, mut work: impl FnMut()) -> Vec<f64> {
    let once = |_| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    (0..times.max(2)).map(once).collect()
}

fn prefill(on: On, tokens: &[u32], times: usize) -> Vec<f64> {
    let model = on.model(None);
    timed(times, || {
        model.forward(tokens, &mut Cache::new(on.base));
    })
}

fn decode(on: On, lora: Option<&Lora>, tokens: &[u32], how: How) -> Vec<f64> {
    let model = on.model(lora);
    let mut cache = Cache::new(on.base);
    timed(how.times, || {
        cache.truncate(0);
        for i in 0..how.written {
            model.forward(&tokens[i % tokens.len()..][..1], &mut cache);
        }
    })
}

fn train(on: On, tokens: &[u32], how: How) -> Vec<f64> {
    let mut lora = Lora::fresh(on.base, 8, 16.0, 0.0, 1);
    let (mut adam, mut gradients) = (AdamW::new(&lora), lora.zeros_like());
    let (mut learner, weights) = (Learner::default(), vec![1.0; tokens.len()]);
    timed(how.times, || {
        gradients.tensors_mut().for_each(|tensor| tensor.fill(0.0));
        let told = Told {
            tokens,
            weights: &weights,
            over: how.tokens as f64,
            straight: false,
            dropout: None,
            keep: how.keep,
        };
        learner.learn(&on.model(Some(&lora)), told, &mut gradients);
        adam.step(&mut lora, &gradients, 1e-4, 1.0);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny;

    #[test]
    fn everything_is_timed() {
        let base = tiny::base(1);
        let how = How { tokens: 20, written: 3, times: 2, keep: Keep::ALL };
        let lora = some_adapter(&base, 3);
        for what in [What::Prefill, What::Decode, What::DecodeAdapter(&lora), What::Train] {
            let figure = measure(&base, None, what, how);
            assert!(figure.tokens_per_second > 0.0 && figure.best >= figure.tokens_per_second);
        }
    }
}
