//! An adapter on disk: a folder a person can read.
//!
//! `adapter_model.safetensors` and `adapter_config.json` are in PEFT's own format, so every program that
//! reads PEFT reads them; `card.json` has everything that repeats the run. A folder is written under a
//! temporary name next to its place and renamed when it is complete.
//!
//! GGUF's llama files permute the rows of q and k so that rotary pairs are adjacent. In memory the rows
//! have the order of the base's file; PEFT's file has Hugging Face's order.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use ::safetensors::tensor::{Dtype, TensorView};
use ghost_core::id::RowId;
use ghost_core::run::{Recipe, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::base::Base;
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::load::safetensors;
use crate::load::tensors::Tensors;
use crate::lora::{Lora, Target};
use crate::private;
use crate::quant::weight::Bytes;
use crate::rope::{AttentionTemperature, Rope, RopeLayout};

const WEIGHTS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";
const CARD: &str = "card.json";
/// The maximum rank of a file. It is checked before anything is allocated.
const MAX_RANK: usize = 4096;

/// A trained adapter, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// The values.
    pub lora: Lora,
    /// Their origin.
    pub card: Card,
}

/// Everything that repeats the run that made an adapter, except the rows themselves.
/// The caller fills in `rows`, `verdict` and `app_version`, which the engine does not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// [`fingerprint`] of the base it was trained on.
    pub base_fingerprint: String,
    /// The base's own name.
    pub base_name: String,
    /// The numbers of the run, its random seed among them.
    pub recipe: Recipe,
    /// The training rows.
    #[serde(default)]
    pub rows: Vec<RowId>,
    /// Hash of base, recipe, examples and validation rows, in hexadecimal.
    pub rows_hash: String,
    /// The curve.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Its verdict; null before there is one.
    #[serde(default)]
    pub verdict: serde_json::Value,
    /// The app that made it.
    #[serde(default)]
    pub app_version: String,
}

impl Card {
    /// The card of an adapter as it comes from a run; what the engine does not know is left empty.
    pub fn new(base: &Base, recipe: &Recipe, rows_hash: String, steps: Vec<Step>) -> Self {
        Card {
            base_fingerprint: fingerprint(base),
            base_name: base.card.name.clone(),
            recipe: recipe.clone(),
            rows: Vec::new(),
            rows_hash,
            steps,
            verdict: Value::Null,
            app_version: String::new(),
        }
    }

    /// Reads the card of an adapter's folder.
    ///
    /// # Errors
    /// `NotAnAdapter` or `Io`.
    pub fn read(folder: &Path) -> Result<Self> {
        parse(&folder.join(CARD))
    }

    /// Replaces the card, whole or not at all: a verdict is reached after the weights are saved.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let io = |source| Error::Io { path: folder.to_owned(), source };
        let temporary = folder.join(".card");
        write(&temporary, &pretty(self)?)?;
        fs::rename(&temporary, folder.join(CARD)).map_err(io)?;
        sync_folder(folder);
        Ok(())
    }
}

impl Adapter {
    /// Writes the folder whole or not at all; one that is there already is replaced.
    pub fn save(&self, base: &Base, folder: &Path) -> Result<()> {
        let io = |source| Error::Io { path: folder.to_owned(), source };
        let parent =
            folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        private::make_folder(parent).map_err(io)?;
        let temporary =
            tempfile::Builder::new().prefix(".adapter-").tempdir_in(parent).map_err(io)?;
        write(&temporary.path().join(WEIGHTS), &self.weights(base)?)?;
        write(&temporary.path().join(CONFIG), &pretty(&self.config())?)?;
        write(&temporary.path().join(CARD), &pretty(&self.card)?)?;
        sync_folder(temporary.path());
        if folder.exists() {
            // A folder can't be renamed over another: the old one steps aside, and goes last.
            let aside =
                tempfile::Builder::new().prefix(".adapter-old-").tempdir_in(parent).map_err(io)?;
            fs::rename(folder, aside.path().join("old")).map_err(io)?;
        }
        fs::rename(temporary.path(), folder).map_err(io)?;
        // It has another name now; there is nothing left to remove under the old one.
        let _ = temporary.keep();
        sync_folder(parent);
        Ok(())
    }

    /// Reads a folder, and checks that it was trained on this base.
    pub fn load(base: &Base, folder: &Path) -> Result<Self> {
        let card = Card::read(folder)?;
        let ours = fingerprint(base);
        if card.base_fingerprint != ours {
            let what = format!("it was trained on {}, not on {}", card.base_name, base.card.name);
            return Err(Error::AdapterMismatch { what });
        }
        Ok(Self { lora: read_peft(base, folder)?, card })
    }

    /// The numbers as PEFT's safetensors file.
    pub(crate) fn weights(&self, base: &Base) -> Result<Vec<u8>> {
        let lora = in_hugging_face_order(base, &self.lora);
        let rank = lora.rank;
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = lora
            .names()
            .zip(lora.tensors())
            .enumerate()
            .map(|(i, (name, values))| {
                let other = values.len() / rank.max(1);
                let shape = if i % 2 == 0 { vec![rank, other] } else { vec![other, rank] };
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (format!("base_model.model.model.{name}"), shape, bytes)
            })
            .collect();
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect::<std::result::Result<Vec<_>, ::safetensors::SafeTensorError>>()
            .map_err(|e| Error::Bug(e.to_string()))?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
        ::safetensors::serialize(views, Some(metadata)).map_err(|e| Error::Bug(e.to_string()))
    }

    fn config(&self) -> serde_json::Value {
        let short = |target: Target| target.module().rsplit('.').next().unwrap_or_default();
        json!({
            "alpha_pattern": {},
            "auto_mapping": null,
            "base_model_name_or_path": self.card.base_name,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": null,
            "layers_to_transform": null,
            "lora_alpha": self.lora.alpha,
            "lora_dropout": self.lora.dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.lora.rank,
            "rank_pattern": {},
            "revision": null,
            "target_modules": Target::ALL.map(short),
            "task_type": "CAUSAL_LM",
            "use_dora": false,
            "use_rslora": false,
        })
    }
}

/// Reads the values of an adapter in PEFT's format, trained on any base of these dimensions. A module
/// that was not trained changes nothing.
///
/// # Errors
/// `NotAnAdapter` or `Io`.
pub fn read_peft(base: &Base, folder: &Path) -> Result<Lora> {
    let config: Config = parse(&folder.join(CONFIG))?;
    let path = folder.join(WEIGHTS);
    let numbers = Bytes::open(&path).and_then(|bytes| numbers(base, &config, &bytes));
    numbers.map_err(|error| match error {
        Error::Malformed(reason) => Error::NotAnAdapter { path, reason },
        Error::Truncated { .. } | Error::Unsupported { .. } => {
            let reason = "it is damaged or stored in a way of its own".to_owned();
            Error::NotAnAdapter { path, reason }
        }
        other => other,
    })
}

/// The parts of PEFT's configuration that change how the values are read.
#[derive(Deserialize)]
struct Config {
    peft_type: String,
    r: usize,
    lora_alpha: f32,
    #[serde(default)]
    lora_dropout: f32,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    use_rslora: bool,
    /// Ranks and alphas of single modules.
    #[serde(default)]
    rank_pattern: Map<String, Value>,
    #[serde(default)]
    alpha_pattern: Map<String, Value>,
}

fn numbers(base: &Base, config: &Config, bytes: &Bytes) -> Result<Lora> {
    let patterned = !config.rank_pattern.is_empty() || !config.alpha_pattern.is_empty();
    if config.peft_type != "LORA" || config.use_dora || patterned {
        return Err(Error::malformed("it isn't a plain LoRA adapter"));
    }
    if !(1..=MAX_RANK).contains(&config.r) || !config.lora_alpha.is_finite() {
        let (rank, alpha) = (config.r, config.lora_alpha);
        return Err(Error::malformed(format!("its rank is {rank} and its alpha {alpha}")));
    }
    let mut tensors = Tensors::default();
    for stored in safetensors::read(bytes)? {
        let block = stored.block()?;
        tensors.add(stored.name, stored.dims, block, stored.bytes)?;
    }
    let (rank, mut known) = (config.r, 0);
    let mut read = |n: usize, target: Target, side: &str, rows: usize, cols: usize| {
        let module = target.module();
        let name = |n| format!("base_model.model.model.layers.{n}.{module}.lora_{side}.weight");
        // What is trained in one layer is trained in all.
        let trained = tensors.has(&name(0));
        let (name, matrix) = (name(n), tensors.matrix(&name(n), rows, cols));
        let mut values = Vec::new();
        if trained {
            let matrix = matrix?;
            values.resize(rows * cols, 0.0);
            matrix.dequantize_rows(0..rows, &mut values);
            known += 1;
        }
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(Error::malformed(format!("{name} has values that are not finite"))),
        }
    };
    let mut layers = Vec::with_capacity(base.layers.len());
    for n in 0..base.layers.len() {
        let mut pairs = Vec::with_capacity(7);
        for target in Target::ALL {
            let (rows, cols) = target.dims(&base.config);
            let a = read(n, target, "A", rank, cols)?;
            let b = read(n, target, "B", rows, rank)?;
            pairs.push(crate::lora::LoraPair { a, b });
        }
        layers.extend(<[crate::lora::LoraPair; 7]>::try_from(pairs));
    }
    // A tensor that was not read was trained for a layer that this base does not have.
    if known == 0 || known != tensors.names().count() {
        return Err(Error::malformed("its layers do not match this base model"));
    }
    for (target, pair) in layers.iter_mut().flat_map(|pairs| Target::ALL.into_iter().zip(pairs)) {
        let (rows, cols) = target.dims(&base.config);
        pair.a.resize(rank * cols, 0.0);
        pair.b.resize(rank * rows, 0.0);
    }
    // Rank-stabilised LoRA divides by the root of the rank where others divide by the rank.
    let stable = if config.use_rslora { (rank as f32).sqrt() } else { 1.0 };
    let alpha = config.lora_alpha * stable;
    let lora = Lora { rank, alpha, dropout: config.lora_dropout, layers };
    Ok(in_file_order(base, &lora))
}

/// The index in the base's file of a row of q or k in Hugging Face's order.
fn place(base: &Base, row: usize) -> usize {
    let dim = base.config.head_dim;
    let (head, within) = (row / dim * dim, row % dim);
    head + 2 * (within % (dim / 2)) + within / (dim / 2)
}

/// Rows of q's and k's `B` in the order PEFT's file has them.
fn in_hugging_face_order(base: &Base, lora: &Lora) -> Lora {
    exchanged(base, lora, |theirs, ours| (theirs, ours))
}

/// Rows of q's and k's `B` in the order of the base's file.
fn in_file_order(base: &Base, lora: &Lora) -> Lora {
    exchanged(base, lora, |theirs, ours| (ours, theirs))
}

/// Copies the rows of q's and k's `B` by (to, from), given each row's place in both orders.
fn exchanged(base: &Base, lora: &Lora, way: impl Fn(usize, usize) -> (usize, usize)) -> Lora {
    let mut out = lora.clone();
    if base.config.rope.layout == RopeLayout::NeoX {
        return out; // the file is in Hugging Face's order already
    }
    for (out, pairs) in out.layers.iter_mut().zip(&lora.layers) {
        for target in [Target::Q as usize, Target::K as usize] {
            for theirs in 0..pairs[target].b.len() / lora.rank {
                let (to, from) = way(theirs, place(base, theirs));
                let from = &pairs[target].b[from * lora.rank..(from + 1) * lora.rank];
                out[target].b[to * lora.rank..(to + 1) * lora.rank].copy_from_slice(from);
            }
        }
    }
    out
}

/// The identity of a base: its configuration, its norms, and of every matrix its type and its first
/// and last row. Reads a few pages of the file, not all of it.
pub fn fingerprint(base: &Base) -> String {
    let mut hash = Sha256::new();
    hash.update(described(&base.config));
    let mut matrix = |w: &crate::quant::weight::Weight| {
        hash.update(format!("{w:?}"));
        if w.rows > 0 {
            hash.update(w.row_bytes(0));
            hash.update(w.row_bytes(w.rows - 1));
        }
    };
    matrix(&base.embedding);
    base.output.iter().for_each(&mut matrix);
    for layer in &base.layers {
        Target::ALL.iter().for_each(|target| matrix(target.weight(layer)));
    }
    let norms = base.layers.iter().flat_map(|layer| [&layer.attn_norm, &layer.ffn_norm]);
    for norm in norms.chain([&base.final_norm]) {
        norm.iter().for_each(|v| hash.update(v.to_le_bytes()));
    }
    hex(&hash.finalize())
}

/// A configuration as text. Adapters are recognised by its hash, so the words never change, whatever
/// the fields are called today.
fn described(config: &ModelConfig) -> String {
    let rope = |rope: &Rope| {
        let Rope { theta, layout, dims, factors, scale, temperature } = rope;
        let pairs = match layout {
            RopeLayout::GptJ => "Interleaved",
            RopeLayout::NeoX => "Halves",
        };
        let plain = format!(
            "Rope {{ theta: {theta:?}, pairs: {pairs}, dims: {dims}, factors: {factors:?} }}"
        );
        // Later fields are named only where they say something.
        let growth = temperature.map_or("None".to_owned(), |temperature| {
            let AttentionTemperature { beta, interval } = temperature;
            format!("Some(Growth {{ beta: {beta:?}, every: {interval} }})")
        });
        match (*scale, temperature) {
            (1.0, None) => plain,
            _ => format!("{plain} × {scale:?}, {growth}"),
        }
    };
    let ModelConfig {
        family, layers, hidden, heads, kv_heads, head_dim, ffn, vocab, context, ..
    } = config;
    let ModelConfig { norm_eps, activation, embedding_scale, .. } = config;
    let (full, window) = (rope(&config.rope), config.window_rope.as_ref().map(rope));
    let window = window.map_or("None".to_owned(), |window| format!("Some({window})"));
    format!(
        "Shape {{ family: {family:?}, layers: {layers}, hidden: {hidden}, heads: {heads}, \
         kv_heads: {kv_heads}, head_dim: {head_dim}, ffn: {ffn}, vocab: {vocab}, \
         context: {context}, norm_eps: {norm_eps:?}, gate: {activation:?}, \
         embedding_scale: {embedding_scale:?}, rope: {full}, window_rope: {window} }}"
    )
}

/// Bytes as people write hashes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|e| Error::NotAnAdapter {
        path: path.to_owned(),
        reason: format!("it is damaged ({e})"),
    })
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|e| Error::Bug(e.to_string()))
}

/// Writes a file that only its owner can read, and waits until the disk has it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut file =
        private::options().write(true).create(true).truncate(true).open(path).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.sync_all().map_err(io)
}

/// Makes a rename in a folder last. Not every system can; the rename itself is whole anyway.
pub(crate) fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::quant::ggml::GgmlType;
    use crate::tiny::{self, folder::safetensors};

    fn adapter(base: &Base) -> Adapter {
        let mut lora = Lora::fresh(base, 4, 8.0, 0.1, 5);
        for (i, tensor) in lora.tensors_mut().enumerate() {
            for (j, value) in tensor.iter_mut().enumerate() {
                *value += (i * 31 + j) as f32 * 1e-4;
            }
        }
        let card = Card {
            rows: vec![RowId(3), RowId(9)],
            app_version: "0.1.0".to_owned(),
            ..Card::new(base, &Recipe::quick(1000, 10, 3), "ab".to_owned(), Vec::new())
        };
        Adapter { lora, card }
    }

    #[test]
    fn the_words_of_a_fingerprint_never_change() {
        assert_eq!(
            described(&tiny::base(1).config),
            "Shape { family: Llama, layers: 2, hidden: 64, heads: 4, kv_heads: 2, head_dim: 16, \
             ffn: 128, vocab: 283, context: 512, norm_eps: 1e-5, gate: Silu, embedding_scale: 1.0, \
             rope: Rope { theta: 10000.0, pairs: Interleaved, dims: 16, factors: None }, \
             window_rope: None }"
        );
        let rope = Rope {
            temperature: Some(AttentionTemperature { beta: 0.1, interval: 16 }),
            scale: 1.5,
            ..Rope::plain(5.0, RopeLayout::NeoX, 16)
        };
        let config = ModelConfig { rope, ..tiny::base(1).config };
        let words =
            "pairs: Halves, dims: 16, factors: None } × 1.5, Some(Growth { beta: 0.1, every: 16 })";
        assert!(described(&config).contains(words));
    }

    #[test]
    fn a_saved_adapter_loads_the_same() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapters/7");
        let adapter = adapter(&base);
        adapter.save(&base, &path).unwrap();
        assert_eq!(Adapter::load(&base, &path).unwrap(), adapter);
        adapter.save(&base, &path).unwrap();
        assert_eq!(Adapter::load(&base, &path).unwrap(), adapter);
        let names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["7"], "no temporary folder is left");
    }

    #[test]
    fn the_file_is_in_hugging_faces_order() {
        // One head of 8: the file has pairs side by side (0 4 1 5 2 6 3 7 of Hugging Face's rows).
        let mut base = tiny::base(1);
        base.config.head_dim = 8;
        base.config.rope.layout = RopeLayout::GptJ;
        assert_eq!(
            (0..8).map(|row| place(&base, row)).collect::<Vec<_>>(),
            [0, 2, 4, 6, 1, 3, 5, 7]
        );
        let mut lora = Lora::fresh(&base, 1, 1.0, 0.0, 1);
        for pairs in &mut lora.layers {
            pairs[0].b = (0..16).map(|row| row as f32).collect();
        }
        let theirs = in_hugging_face_order(&base, &lora);
        assert_eq!(theirs.layers[0][0].b[..8], [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
        assert_eq!(theirs.layers[0][0].b[8..16], [8.0, 10.0, 12.0, 14.0, 9.0, 11.0, 13.0, 15.0]);
        assert_eq!(in_file_order(&base, &theirs), lora);
        base.config.rope.layout = RopeLayout::NeoX;
        assert_eq!(in_hugging_face_order(&base, &lora), lora);
    }

    #[test]
    fn names_and_shapes_are_pefts() {
        let base = tiny::base(1);
        let bytes = adapter(&base).weights(&base).unwrap();
        let file = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.len(), base.config.layers * 14);
        let a = file.tensor("base_model.model.model.layers.1.mlp.down_proj.lora_A.weight").unwrap();
        assert_eq!((a.shape(), a.dtype()), (&[4, base.config.ffn][..], Dtype::F32));
        let b =
            file.tensor("base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight").unwrap();
        assert_eq!(b.shape(), [base.config.kv_heads * base.config.head_dim, 4]);
    }

    #[test]
    fn an_adapter_of_another_base_is_refused() {
        let (base, other) = (tiny::base(1), tiny::base(2));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        adapter(&base).save(&base, &path).unwrap();
        let error = Adapter::load(&other, &path).unwrap_err();
        assert!(matches!(error, Error::AdapterMismatch { .. }));
        assert!(error.to_string().ends_with('.'), "{error}");
    }

    /// An adapter on somebody's disk is known by this.
    #[test]
    fn a_fingerprint_does_not_change() {
        let tiny = fingerprint(&tiny::base(1));
        assert_eq!(&tiny[..16], "86a75d217296e1f8", "{tiny}");
    }

    #[test]
    fn a_module_that_was_not_trained_changes_nothing() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        let whole = adapter(&base);
        whole.save(&base, folder.path()).unwrap();
        let config = fs::read_to_string(folder.path().join(CONFIG)).unwrap();
        let stable = config.replace("\"use_rslora\": false", "\"use_rslora\": true");
        fs::write(folder.path().join(CONFIG), stable).unwrap();
        let stored =
            safetensors::read(&Bytes::open(&folder.path().join(WEIGHTS)).unwrap()).unwrap();
        let values = |bytes: &[u8]| {
            let values = bytes.as_chunks::<4>().0.iter();
            values.map(|value| f32::from_le_bytes(*value)).collect()
        };
        let some: Vec<_> = stored
            .into_iter()
            .filter(|stored| stored.name.contains("q_proj") || stored.name.contains("v_proj"))
            .map(|stored| (stored.name, stored.dims, GgmlType::BF16, values(&stored.bytes)))
            .collect();
        fs::write(folder.path().join(WEIGHTS), safetensors(&some)).unwrap();
        let lora = read_peft(&base, folder.path()).unwrap();
        assert_eq!(lora.alpha, 2.0 * whole.lora.alpha, "of rank 4");
        let [theirs, ours] = [&lora, &whole.lora].map(|lora| &lora.layers[1]);
        assert!(theirs[Target::K as usize].a.iter().all(|value| *value == 0.0));
        let off = theirs[2].b.iter().zip(&ours[2].b).map(|(a, b)| (a - b).abs() / b.abs());
        assert!(off.fold(0.0, f32::max) < 0.005, "sixteen bits of it");
        assert_eq!(Target::ALL[2], Target::V);
        let other: Vec<_> = some
            .into_iter()
            .map(|mut one| {
                one.0 = one.0.replace("layers.1", "layers.7");
                one
            })
            .collect();
        fs::write(folder.path().join(WEIGHTS), safetensors(&other)).unwrap();
        assert!(matches!(read_peft(&base, folder.path()), Err(Error::NotAnAdapter { .. })));
    }

    #[test]
    fn damaged_files_are_errors_without_a_panic() {
        let base = tiny::base(1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        adapter(&base).save(&base, &path).unwrap();
        for name in [WEIGHTS, CONFIG, CARD] {
            let whole = fs::read(path.join(name)).unwrap();
            for keep in [0, 1, 7, 8, 9, 40, whole.len() / 2, whole.len() - 1] {
                fs::write(path.join(name), &whole[..keep]).unwrap();
                Adapter::load(&base, &path).unwrap_err();
            }
            let mut rng = ghost_core::rng::Rng::new(11);
            for _ in 0..200 {
                let mut bytes = whole.clone();
                for _ in 0..8 {
                    let at = rng.below(bytes.len().min(600));
                    bytes[at] = rng.next_u64() as u8;
                }
                fs::write(path.join(name), &bytes).unwrap();
                let _ = Adapter::load(&base, &path);
            }
            fs::write(path.join(name), &whole).unwrap();
        }
        fs::remove_file(path.join(WEIGHTS)).unwrap();
        assert!(matches!(Adapter::load(&base, &path), Err(Error::Io { .. })));
    }
}
