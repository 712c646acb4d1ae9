//! How fast bases are on this computer. Needs no data folder, and keeps nothing.

use std::path::{Path, PathBuf};

use ghost_engine::adapter::read_peft;
use ghost_engine::bench::{How, What, measure, some_adapter};
use ghost_engine::cpu::Cpu;
use ghost_engine::device::Opened;
pub use ghost_engine::device::Wish;
use ghost_engine::kernel::Kernel;
use ghost_engine::model::Keep;
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
    pub device: Wish,
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

fn tier(name: &str) -> Result<Cpu> {
    Cpu::with(name).ok_or_else(|| {
        let here = Cpu::tiers().join(", ");
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
    let forced = ask.tier.as_deref().map(tier).transpose()?;
    let opened = Opened::new(if forced.is_some() { Wish::Cpu } else { ask.device });
    if !opened.grants(ask.device) && forced.is_none() {
        // A figure of another device than was asked for would be taken for its.
        return Err(Failure::new(Code::BadInput, opened.device().reason));
    }
    let kernel: &dyn Kernel = forced.as_ref().map_or(opened.kernel(), |cpu| cpu);
    let keep = if ask.recompute { Keep::NONE } else { Keep::ALL };
    let how = How { tokens: ask.tokens, written: 64, times: ask.times, keep };
    let mut rows = Vec::new();
    for file in files {
        let mut base = base::open(&file)?;
        base.bring_near();
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
            let figure = measure(&base, Some(kernel), what, how);
            let row = BenchRow {
                base: base.card.name.clone(),
                device: match &ask.tier {
                    Some(tier) => format!("{}, {tier} alone", opened.device().name),
                    None => opened.device().name,
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
