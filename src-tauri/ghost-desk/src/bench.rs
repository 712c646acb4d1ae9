//! Benchmark of bases on this computer. Needs no data folder and stores nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ghost_engine::adapter::read_peft;
use ghost_engine::backend::ActivationCheckpointing;
use ghost_engine::bench::{BenchConfig, Workload, measure, some_adapter};
use ghost_engine::cpu::Cpu;
use ghost_engine::device::Device;
pub use ghost_engine::device::DevicePreference;
use ghost_engine::model::Model;
use serde::Serialize;

use crate::bases;
use crate::failure::{Code, Failure, Result};

/// Default rank of the adapter that is decoded with.
const RANK: usize = 16;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Base files; the starter base if empty.
    pub bases: Vec<PathBuf>,
    /// Some of [`Bench::NAMES`]; all if empty.
    pub what: Vec<String>,
    /// The folder of an adapter to decode with; a random one is made if absent.
    pub adapter: Option<PathBuf>,
    /// Tokens of the prompt, and of the training sequence.
    pub tokens: usize,
    /// Repetitions of each measurement.
    pub times: usize,
    /// Train with activation checkpointing: recompute each layer in the backward pass.
    pub recompute: bool,
    /// The device to compute on.
    pub device: DevicePreference,
    /// SIMD level to use instead of the best available one.
    pub tier: Option<String>,
}

impl Bench {
    /// What can be measured: prompt processing, decoding, decoding with an adapter, training.
    pub const NAMES: [&str; 4] = ["prefill", "decode", "decode-adapter", "train"];
}

/// The results.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// One row per base and measurement.
    pub rows: Vec<BenchRow>,
}

/// One result.
#[derive(Debug, Clone, Serialize)]
pub struct BenchRow {
    /// Name of the base.
    pub base: String,
    /// The device.
    pub device: String,
    /// One of [`Bench::NAMES`].
    pub what: &'static str,
    /// Median speed.
    pub tokens_per_second: f64,
    /// Best speed, without the first repetition.
    pub best: f64,
    /// Peak memory in 10⁶ bytes.
    pub peak_mb: f64,
}

fn simd(name: &str) -> Result<Device> {
    Device::with_simd(name).ok_or_else(|| {
        let here = Cpu::simd_levels().join(", ");
        Failure::new(
            Code::BadInput,
            format!("This CPU does not support {name}. Supported: {here}."),
        )
    })
}

/// Measures bases, and reports each row when it is done.
///
/// # Errors
/// `base_missing`, `not_a_base`, or the file's.
pub fn bench(ask: &Bench, on_event: &mut dyn FnMut(&BenchRow)) -> Result<BenchReport> {
    let mut files = ask.bases.clone();
    if files.is_empty() {
        files.push(bases::starter(Path::new(".")).ok_or_else(bases::no_base)?);
    }
    let forced = ask.tier.as_deref().map(simd).transpose()?;
    let is_forced = forced.is_some();
    let device = Arc::new(forced.unwrap_or_else(|| Device::new(ask.device)));
    if !device.is_preferred(ask.device) && !is_forced {
        // A result of another device would be mistaken for the requested one.
        return Err(Failure::new(Code::BadInput, device.info().reason));
    }
    let checkpointing = match ask.recompute {
        true => ActivationCheckpointing::EVERY_LAYER,
        false => ActivationCheckpointing::OFF,
    };
    let how = BenchConfig { tokens: ask.tokens, written: 64, times: ask.times, checkpointing };
    let mut rows = Vec::new();
    for file in files {
        let mut base = Model::new(bases::open(&file)?, device.clone());
        base.copy_to_huge_pages();
        for name in Bench::NAMES {
            if !ask.what.is_empty() && !ask.what.iter().any(|wanted| wanted == name) {
                continue;
            }
            let lora; // held only while it is measured: memory is measured too
            let what = match name {
                "prefill" => Workload::Prefill,
                "decode" => Workload::Decode,
                "train" => Workload::Train,
                _ => {
                    lora = match &ask.adapter {
                        Some(folder) => read_peft(&base, folder)?,
                        None => some_adapter(&base, RANK),
                    };
                    Workload::DecodeAdapter(&lora)
                }
            };
            let figure = measure(&base, what, how);
            let row = BenchRow {
                base: base.card.name.clone(),
                device: match &ask.tier {
                    Some(tier) => format!("{}, {tier} alone", device.info().name),
                    None => device.info().name,
                },
                what: name,
                tokens_per_second: figure.tokens_per_second,
                best: figure.best,
                peak_mb: figure.peak_bytes as f64 / 1e6,
            };
            on_event(&row);
            rows.push(row);
        }
    }
    Ok(BenchReport { rows })
}
