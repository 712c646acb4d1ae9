//! How fast bases are on this computer. Needs no data folder, and keeps nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ghost_engine::adapter::read_peft;
use ghost_engine::backend::ActivationCheckpointing;
use ghost_engine::bench::{How, What, measure, some_adapter};
use ghost_engine::cpu::Cpu;
use ghost_engine::device::Device;
pub use ghost_engine::device::DevicePreference;
use ghost_engine::model::Model;
use serde::Serialize;

use crate::base;
use crate::failure::{Code, Failure, Result};

/// Rank of the adapter that is written with where none is given.
const RANK: usize = 16;

/// What to time.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Base files; the starter base where there are none.
    pub bases: Vec<PathBuf>,
    /// Only some of [`Bench::NAMES`]; all where empty.
    pub what: Vec<String>,
    /// An adapter's folder, of the bases' shape: what is written with. Made up where there is none.
    pub adapter: Option<PathBuf>,
    /// Tokens of a prompt, and of a sequence learned from.
    pub tokens: usize,
    /// How often each is done.
    pub times: usize,
    /// Learn with each block computed again on the way back, in less memory.
    pub recompute: bool,
    /// What computes.
    pub device: DevicePreference,
    /// Instructions of the processor to be used instead of the best there are.
    pub tier: Option<String>,
}

impl Bench {
    /// What can be timed: reading, writing, writing with an adapter, learning.
    pub const NAMES: [&str; 4] = ["prefill", "decode", "decode-adapter", "train"];
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// One a base and thing timed.
    pub rows: Vec<BenchRow>,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct BenchRow {
    /// The base's name.
    pub base: String,
    /// What computed.
    pub device: String,
    /// One of [`Bench::NAMES`].
    pub what: &'static str,
    /// The median.
    pub tokens_per_second: f64,
    /// The best of all times but the first.
    pub best: f64,
    /// Most memory held meanwhile, in 10⁶ bytes.
    pub peak_mb: f64,
}

fn simd(name: &str) -> Result<Device> {
    Device::with_simd(name).ok_or_else(|| {
        let here = Cpu::simd_levels().join(", ");
        Failure::new(Code::BadInput, format!("This processor has {here}, and not {name}."))
    })
}

/// Times bases, telling each figure as it is known.
///
/// # Errors
/// `base_missing`, `not_a_base`, or the file's.
pub fn bench(ask: &Bench, hear: &mut dyn FnMut(&BenchRow)) -> Result<BenchReport> {
    let mut files = ask.bases.clone();
    if files.is_empty() {
        files.push(base::starter(Path::new(".")).ok_or_else(base::no_base)?);
    }
    let forced = ask.tier.as_deref().map(simd).transpose()?;
    let is_forced = forced.is_some();
    let device = Arc::new(forced.unwrap_or_else(|| Device::new(ask.device)));
    if !device.is_preferred(ask.device) && !is_forced {
        // A figure of another device than was asked for would be taken for its.
        return Err(Failure::new(Code::BadInput, device.info().reason));
    }
    let checkpointing = match ask.recompute {
        true => ActivationCheckpointing::EVERY_LAYER,
        false => ActivationCheckpointing::OFF,
    };
    let how = How { tokens: ask.tokens, written: 64, times: ask.times, checkpointing };
    let mut rows = Vec::new();
    for file in files {
        let mut base = Model::new(base::open(&file)?, device.clone());
        base.copy_to_huge_pages();
        for name in Bench::NAMES {
            if !ask.what.is_empty() && !ask.what.iter().any(|wanted| wanted == name) {
                continue;
            }
            let lora; // held only while it is timed: memory is a figure too
            let what = match name {
                "prefill" => What::Prefill,
                "decode" => What::Decode,
                "train" => What::Train,
                _ => {
                    lora = match &ask.adapter {
                        Some(folder) => read_peft(&base, folder)?,
                        None => some_adapter(&base, RANK),
                    };
                    What::DecodeAdapter(&lora)
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
            hear(&row);
            rows.push(row);
        }
    }
    Ok(BenchReport { rows })
}
