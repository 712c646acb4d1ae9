//! Generates or trains for some minutes, and reports speed and memory each half minute.
//!
//! ```text
//! cargo run --release -p ghost-engine --example endure -- BASE write|learn MINUTES
//! ```
//!
//! `bench/endure.sh` runs one process of each at the same time to see whether memory stays flat, and
//! measures the speed of a draft beside a busy process.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ghost_core::id::PieceId;
use ghost_core::outline::RequestScope;
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::seed::Seed;
use ghost_core::split::Split;
use ghost_engine::Base;
use ghost_engine::device::Device;
use ghost_engine::generate::sampler::Sampling;
use ghost_engine::generate::{GenerateRequest, PrefixCache, generate};
use ghost_engine::model::Model;
use ghost_engine::{memory, prompt, train};

const EVERY: Duration = Duration::from_secs(30);

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, base, what, minutes] = &args[..] else { return Err("BASE write|learn MINUTES".into()) };
    let model = Model::new(Base::open(Path::new(base))?, Arc::new(Device::from_env()));
    let mut clock = Clock::new(minutes.parse()?);
    let report = |clock: &Clock, tokens: usize| {
        let (now, own) = (memory::held() / 1_000_000, memory::own() / 1_000_000);
        let speed = tokens as f32 / clock.since.elapsed().as_secs_f32();
        println!(
            "{what} {:5.1} min {speed:7.1} tokens/s {now:6} MB {own:6} MB its own",
            clock.minutes()
        );
    };
    if what == "learn" {
        let rows: Vec<Row> = (0..40).map(row).collect();
        let folder = tempfile::tempdir()?;
        let mut tokens = 0;
        train::train(&model, &rows, &[], &recipe(), folder.path(), &mut |event| {
            if let train::Event::Step(step) = event {
                tokens += step.tokens;
            }
            if clock.is_due() {
                report(&clock, tokens);
                tokens = 0;
                clock.since = Instant::now();
            }
            if clock.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        return Ok(());
    }
    let (mut cache, mut tokens) = (PrefixCache::new(&model), 0);
    for random_seed in 0.. {
        let seed = Seed {
            topic: format!("a walk, {}", random_seed / 2),
            words: Some(300),
            ..Seed::default()
        };
        let prompt = prompt::for_seed(&model, &seed)?;
        let request = GenerateRequest {
            adapter: None,
            prompt: &prompt,
            written: &[],
            words: seed.words,
            sampling: &Sampling { random_seed, ..Sampling::default() },
        };
        let mut on_text = |_: &str| ControlFlow::Continue(());
        tokens += generate(&model, &mut cache, &request, &mut on_text)?.tokens;
        if clock.is_due() {
            report(&clock, tokens);
            tokens = 0;
            clock.since = Instant::now();
        }
        if clock.is_over() {
            break;
        }
    }
    Ok(())
}

struct Clock {
    begun: Instant,
    since: Instant,
    minutes: f32,
}

impl Clock {
    fn new(minutes: f32) -> Self {
        Self { begun: Instant::now(), since: Instant::now(), minutes }
    }

    fn minutes(&self) -> f32 {
        self.begun.elapsed().as_secs_f32() / 60.0
    }

    fn is_due(&self) -> bool {
        self.since.elapsed() >= EVERY
    }

    fn is_over(&self) -> bool {
        self.minutes() >= self.minutes
    }
}

/// Texts of all lengths, of words without much meaning.
fn row(i: i64) -> Row {
    let words = ["rain", "hill", "the", "of", "road", "and", "a", "light", "slow", "evening", "."];
    let word = |n: i64| words[(n * n + 7 * i + n / 3) as usize % words.len()];
    let text = (0..60 + i * 17).map(word).collect::<Vec<_>>().join(" ");
    let seed = Seed { topic: format!("rain {i}"), ..Seed::default() };
    Row {
        seed,
        scope: RequestScope::Whole,
        text,
        weights: Vec::new(),
        origin: Origin::Archive(PieceId(i)),
        split: Split::Train,
    }
}

fn recipe() -> Recipe {
    Recipe {
        name: "endure".to_owned(),
        rank: 8,
        alpha: 16.0,
        dropout: 0.05,
        learning_rate: 1e-4,
        warmup_steps: 2,
        clip: 1.0,
        context: 1024,
        batch_tokens: 2048,
        epochs: 1,
        steps: Some(1_000_000),
        validate_every: 0,
        patience: 0,
        min_perplexity: 0.0,
        max_memorised_gap: 0.0,
        sections: false,
        random_seed: 7,
    }
}
