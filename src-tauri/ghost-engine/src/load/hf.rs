//! A checkpoint in a folder, as Hugging Face's libraries write it: `config.json`, one
//! `model.safetensors` or several with an index, `tokenizer.json`, and the chat template in
//! whichever of three places it is.
//!
//! Tensors get GGUF's names here, so that a base is put together in one way. Vision-tower
//! tensors are skipped. Pickle files are refused: loading them runs code.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::chat::Chat;
use crate::config::{Family, ModelConfig};
use crate::error::{Error, Result};
use crate::load::card::BaseCard;
use crate::load::hf_config::HfConfig;
use crate::load::safetensors::{self, Stored};
use crate::load::tensors::Tensors;
use crate::load::wrong_file::IS_AN_ADAPTER;
use crate::load::wrong_file::mistaken_for_weights;
use crate::quant::ggml::GgmlType;
use crate::quant::weight::Bytes;
use crate::tokenizer::Tokenizer;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const MODEL_PAGE: &str = "README.md";
const INDEX: &str = "model.safetensors.index.json";
/// In the folder of an adapter, as PEFT writes it.
const ADAPTER: &str = "adapter_config.json";
const TOKENIZER: &str = "tokenizer.json";
/// No real file of these is longer, in bytes: the longest, Gemma's tokenizer, has 33 million.
const MAX_TEXT: usize = 1 << 26;
/// No real checkpoint comes in more pieces.
const MAX_SHARDS: usize = 1 << 10;

/// Prefixes of the names of the text model's tensors, longer ones first.
const PREFIXES: [&str; 4] =
    ["model.language_model.", "language_model.model.", "language_model.", "model."];
/// Prefixes of the other tensors of a multimodal model.
const OTHER_TENSORS: [&str; 4] = [
    "vision_tower.",
    "multi_modal_projector.",
    "model.vision_tower.",
    "model.multi_modal_projector.",
];
/// Tensors outside the layers: theirs, and GGUF's.
const WHOLES: [(&str, &str); 3] = [
    ("embed_tokens.weight", "token_embd.weight"),
    ("norm.weight", "output_norm.weight"),
    ("lm_head.weight", "output.weight"),
];
/// Tensors of a layer: theirs, and GGUF's. Gemma's norms are named apart.
const PARTS: [(&str, &str); 14] = [
    ("input_layernorm.weight", "attn_norm.weight"),
    ("self_attn.q_proj.weight", "attn_q.weight"),
    ("self_attn.k_proj.weight", "attn_k.weight"),
    ("self_attn.v_proj.weight", "attn_v.weight"),
    ("self_attn.o_proj.weight", "attn_output.weight"),
    ("self_attn.q_proj.bias", "attn_q.bias"),
    ("self_attn.k_proj.bias", "attn_k.bias"),
    ("self_attn.v_proj.bias", "attn_v.bias"),
    ("self_attn.q_norm.weight", "attn_q_norm.weight"),
    ("self_attn.k_norm.weight", "attn_k_norm.weight"),
    ("post_attention_layernorm.weight", "ffn_norm.weight"),
    ("mlp.gate_proj.weight", "ffn_gate.weight"),
    ("mlp.up_proj.weight", "ffn_up.weight"),
    ("mlp.down_proj.weight", "ffn_down.weight"),
];
const GEMMA_PARTS: [(&str, &str); 3] = [
    ("post_attention_layernorm.weight", "post_attention_norm.weight"),
    ("pre_feedforward_layernorm.weight", "ffn_norm.weight"),
    ("post_feedforward_layernorm.weight", "post_ffw_norm.weight"),
];

/// The folder of a checkpoint: `path` itself, or the folder of one of its files. `None` for a GGUF file.
pub fn folder_of(path: &Path) -> Option<&Path> {
    let named = |name: &str| path.file_name().is_some_and(|file| file == name);
    let of_one = path.extension().is_some_and(|end| end == "safetensors");
    if path.is_dir() {
        return Some(path);
    }
    let folder = path.parent().filter(|_| of_one || named(CONFIG) || named(INDEX))?;
    Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// The files that a base is read from besides its weights, where they exist. The index names the
/// weights.
const TEXTS: [&str; 8] = [
    CONFIG,
    INDEX,
    TOKENIZER,
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    MODEL_PAGE,
];

/// All files of a checkpoint, to detect whether it has changed.
///
/// # Errors
/// As [`crate::Base::open`], where even their names can't be found.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let shards = Files::Folder(folder).shards()?;
    let names = TEXTS.iter().map(|name| (*name).to_owned()).chain(shards);
    Ok(names.map(|name| folder.join(name)).filter(|path| path.exists()).collect())
}

/// An opened checkpoint.
pub struct Checkpoint {
    pub(crate) config: HfConfig,
    /// The weights, under GGUF's names.
    pub(crate) tensors: Tensors,
    /// Bytes of all weights' files.
    size: u64,
    name: String,
    texts: HashMap<&'static str, Bytes>,
}

/// The source of the files.
enum Files<'a> {
    Folder(&'a Path),
    Memory(&'a HashMap<String, Bytes>),
}

impl Files<'_> {
    /// A file, mapped; `None` where there is none.
    fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let bytes = match self {
            Self::Memory(files) => files.get(name).cloned(),
            Self::Folder(folder) => {
                let path = folder.join(name);
                match path.exists() {
                    true => Some(Bytes::open(&path).map_err(|error| in_file(error, name))?),
                    false => None,
                }
            }
        };
        // A page about the model may begin as it likes.
        let mistaken =
            bytes.as_deref().filter(|_| name != MODEL_PAGE).and_then(mistaken_for_weights);
        match mistaken {
            Some(reason) => Err(in_file(Error::malformed(reason), name)),
            None => Ok(bytes),
        }
    }

    /// The names of the weights' files.
    fn shards(&self) -> Result<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: HashMap<String, String>,
        }
        let Some(index) = self.get(INDEX)? else {
            if self.get(WEIGHTS)?.is_some() {
                return Ok([WEIGHTS.to_owned()].into());
            }
            let pickled = self.get("pytorch_model.bin")?.is_some()
                || self.get("pytorch_model.bin.index.json")?.is_some();
            return Err(Error::malformed(match pickled {
                true => {
                    "its weights are pickled, which means that opening them runs a program; \
                     get the same base as safetensors or GGUF"
                }
                false => "there is no model.safetensors in it",
            }));
        };
        let Index { weight_map } = json(INDEX, &index)?;
        let shards: BTreeSet<String> = weight_map.into_values().collect();
        // A name that is a path would lead out of the folder.
        let plain = |name: &String| {
            name.ends_with(".safetensors") && !name.contains(['/', '\\', ':', '\0'])
        };
        match shards.iter().all(plain) && (1..=MAX_SHARDS).contains(&shards.len()) {
            true => Ok(shards),
            false => Err(Error::malformed(format!("its {INDEX} names no files of weights"))),
        }
    }
}

impl Checkpoint {
    /// Opens a folder.
    ///
    /// # Errors
    /// As [`crate::Base::open`].
    pub fn open(folder: &Path) -> Result<Self> {
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        Self::of(&Files::Folder(folder), name.to_string_lossy().into_owned())
    }

    /// The same from bytes by their files' names.
    ///
    /// # Errors
    /// As [`crate::Base::open`].
    pub fn read(files: &HashMap<String, Bytes>) -> Result<Self> {
        Self::of(&Files::Memory(files), "a base without a name".to_owned())
    }

    fn of(files: &Files, name: String) -> Result<Self> {
        let mut texts = HashMap::new();
        for name in TEXTS {
            if let Some(bytes) = files.get(name)? {
                if bytes.len() > MAX_TEXT {
                    return Err(Error::malformed(format!("its {name} is too long")));
                }
                texts.insert(name, bytes);
            }
        }
        let there = |name: &str| {
            let missing = || Error::malformed(format!("there is no {name} in it"));
            texts.get(name).ok_or_else(missing)
        };
        if !texts.contains_key(CONFIG) && files.get(ADAPTER)?.is_some() {
            return Err(Error::malformed(IS_AN_ADAPTER));
        }
        let config = HfConfig::read(there(CONFIG)?)?;
        there(TOKENIZER)?;
        let (mut tensors, mut size) = (Tensors::default(), 0);
        for shard in files.shards()? {
            let bytes = files.get(&shard)?.ok_or_else(|| {
                Error::malformed(format!("{shard} is missing: an unfinished download, most often"))
            })?;
            size += bytes.len() as u64;
            for stored in safetensors::read(&bytes).map_err(|error| in_file(error, &shard))? {
                add(&mut tensors, config.family(), stored)?;
            }
        }
        Ok(Self { config, tensors, size, name, texts })
    }

    /// Text to tokens and back, for a base with weights for `vocab` tokens.
    pub(crate) fn tokenizer(&self, vocab: usize) -> Result<Tokenizer> {
        let text = self.texts.get(TOKENIZER).map_or(&[][..], |bytes| bytes);
        let mut ends = Vec::new();
        // Transformers reads the second only where the first has none; both mean an end.
        let generation = self.map("generation_config.json")?;
        for value in [generation.get("eos_token_id"), self.config.ends()].into_iter().flatten() {
            let ids = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            ends.extend(
                ids.iter().filter_map(Value::as_u64).filter_map(|id| u32::try_from(id).ok()),
            );
        }
        Tokenizer::from_json(text, vocab, &ends)
    }

    /// The chat template.
    pub(crate) fn chat(&self, tokenizer: &Tokenizer) -> Result<Chat> {
        let config = self.map("tokenizer_config.json")?;
        // A special is its name, or an object with its name in it.
        let special = |key: &str| match config.get(key) {
            Some(Value::Object(token)) => token.get("content").and_then(Value::as_str),
            value => value.and_then(Value::as_str),
        };
        let own = match self.texts.get("chat_template.jinja") {
            Some(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            None => {
                let apart = self.map("chat_template.json")?;
                [apart.get("chat_template"), config.get("chat_template")]
                    .into_iter()
                    .flatten()
                    .find_map(template)
            }
        };
        let [begin, end] = ["bos_token", "eos_token"].map(|key| special(key).unwrap_or_default());
        Chat::suited(own.as_deref(), tokenizer, begin.to_owned(), end.to_owned())
    }

    /// The facts for a person.
    pub(crate) fn card(&self, config: &ModelConfig) -> BaseCard {
        BaseCard {
            name: self.name.clone(),
            family: self.config.architecture().to_owned(),
            quantisation: format!("{:?}", self.tensors.main_block().unwrap_or(GgmlType::F32)),
            parameters: self.tensors.parameters(),
            bytes: self.size,
            context: config.context,
            licence: self.licence(),
            warnings: Vec::new(),
        }
    }

    /// As the hub's page states it, which comes along as README.md.
    fn licence(&self) -> Option<String> {
        let page = String::from_utf8_lossy(self.texts.get(MODEL_PAGE)?);
        let (front, _) = page.strip_prefix("---")?.split_once("\n---")?;
        let licence = front.lines().find_map(|line| line.strip_prefix("license:"))?.trim();
        let licence = licence.trim_matches(['"', '\'']);
        (!licence.is_empty()).then(|| licence.chars().take(64).collect())
    }

    fn map(&self, name: &'static str) -> Result<Map<String, Value>> {
        self.texts.get(name).map_or(Ok(Map::new()), |bytes| json(name, bytes))
    }
}

/// A template, or the one called "default" of several.
fn template(value: &Value) -> Option<String> {
    if let Some(list) = value.as_array() {
        let named = |one: &&Value| one.get("name").and_then(Value::as_str) == Some("default");
        return Some(list.iter().find(named)?.get("template")?.as_str()?.to_owned());
    }
    value.as_str().map(str::to_owned)
}

fn json<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::malformed(format!("its {name} is damaged ({error})")))
}

/// Says which of the folder's files is damaged.
fn in_file(error: Error, name: &str) -> Error {
    match error {
        Error::Malformed(reason) => Error::Malformed(format!("in {name}, {reason}")),
        Error::Truncated { what, wanted, have } => {
            Error::Truncated { what: format!("{what} of {name}"), wanted, have }
        }
        other => other,
    }
}

/// Adds a tensor under GGUF's name for it, where it is the text's.
fn add(tensors: &mut Tensors, family: Family, stored: Stored) -> Result<()> {
    match renamed(&stored.name, family) {
        Some(name) => tensors.add(name, stored.dims.clone(), stored.block()?, stored.bytes),
        None if is_skipped(&stored.name) => Ok(()),
        None => Err(Error::unsupported(format!("the tensor `{}`", stored.name.escape_default()))),
    }
}

fn is_skipped(name: &str) -> bool {
    // Older files keep what is worked out from the configuration.
    OTHER_TENSORS.iter().any(|other| name.starts_with(other))
        || name.ends_with("rotary_emb.inv_freq")
}

/// GGUF's name for a tensor; `None` where the text has none of that name.
pub(crate) fn renamed(name: &str, family: Family) -> Option<String> {
    let name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if let Some((_, ours)) = WHOLES.iter().find(|(theirs, _)| *theirs == name) {
        return Some((*ours).to_owned());
    }
    let (n, part) = name.strip_prefix("layers.")?.split_once('.')?;
    let n: u32 = n.parse().ok()?;
    let gemmas = if family == Family::Gemma3 { &GEMMA_PARTS[..] } else { &[] };
    let (_, ours) = gemmas.iter().chain(&PARTS).find(|(theirs, _)| *theirs == part)?;
    Some(format!("blk.{n}.{ours}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;
    use crate::backend::cpu::CpuBackend;
    use crate::backend::{Backend, Weights};
    use crate::base::Base;
    use crate::tiny::{Tiny, folder};

    const FAMILIES: [&str; 5] = ["llama", "smollm3", "qwen2", "qwen3", "gemma3"];

    fn base(files: &folder::Files) -> Result<Base> {
        let files = files.iter().map(|(name, bytes)| (name.clone(), bytes.clone().into()));
        Base::read_files(&files.collect())
    }

    /// The sentence that a tiny checkpoint with changed files is refused with.
    #[track_caller]
    fn refused(change: impl Fn(&mut folder::Files)) -> String {
        let mut files = Tiny::default().files();
        change(&mut files);
        base(&files).unwrap_err().to_string()
    }

    fn logits(base: &Base) -> Vec<f32> {
        let tokens: Vec<u32> = (0..40).map(|n| n * 7 % 200).collect();
        let scalar = CpuBackend::scalar();
        let Ok(logits) = scalar.all_logits(Weights { base, lora: None }, &tokens);
        logits
    }

    #[test]
    fn a_folder_and_a_file_of_the_same_base_give_the_same_logits() {
        for family in FAMILIES {
            let tiny = Tiny { family, ..Tiny::default() };
            let (file, folder) = (tiny.base(), base(&tiny.files()).unwrap());
            let (ours, theirs) = (logits(&file), logits(&folder));
            let most = ours.iter().zip(theirs).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(most < 1e-5, "{family}: {most}");
            assert_eq!(file.card.parameters, folder.card.parameters);
            // SentencePiece joins any two that are a token together; the tiny list of merges holds
            // fewer than a real one.
            if family != "gemma3" {
                let text = "the rain\n\n and 19 is";
                assert_eq!(file.tokenizer.encode(text), folder.tokenizer.encode(text), "{family}");
            }
            assert!(folder.tokenizer.is_end(2));
        }
    }

    #[test]
    fn half_floats_are_dequantised_exactly() {
        for block in [GgmlType::F16, GgmlType::BF16] {
            let base = base(&Tiny { block, ..Tiny::default() }.files()).unwrap();
            assert_eq!(base.layers[0].q.block, block);
            assert_eq!(base.card.quantisation, format!("{block:?}"));
            let other = logits(&Tiny::default().base());
            let off =
                logits(&base).iter().zip(&other).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(off > 0.0 && off < 0.1, "{block:?}: {off}");
        }
    }

    #[test]
    fn a_checkpoint_opens_by_its_folder_or_a_file_in_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("Tiny-0.1B");
        folder::write(&Tiny::default().files(), &path).unwrap();
        fs::write(path.join("README.md"), "---\nlicense: apache-2.0\n---\n# Tiny\n").unwrap();
        fs::write(path.join("pytorch_model.bin"), "never opened").unwrap();
        for path in [path.clone(), path.join("model.safetensors"), path.join("config.json")] {
            let card = Base::open(&path).unwrap().card;
            assert_eq!(card.name, "Tiny-0.1B");
            assert_eq!(card.licence.as_deref(), Some("apache-2.0"));
            assert_eq!(card.family, "llama");
        }
        assert_eq!(files(&path).unwrap().len(), 4);
        fs::remove_file(path.join("tokenizer.json")).unwrap();
        let sentence = Base::open(&path).unwrap_err().to_string();
        assert!(sentence.ends_with("can't be used as a base: there is no tokenizer.json in it."));
    }

    #[test]
    fn a_missing_file_is_named() {
        let without = |name: &'static str| refused(move |files| drop(files.remove(name)));
        assert!(without("config.json").contains("there is no config.json in it"));
        assert!(without("model.safetensors").contains("there is no model.safetensors in it"));
        let pickled = refused(|files| {
            let weights = files.remove("model.safetensors").unwrap();
            files.insert("pytorch_model.bin".into(), weights);
        });
        assert!(pickled.contains("runs a program"), "{pickled}");
    }

    /// An index with a file for `model.norm.weight`.
    fn index(file: &str) -> Vec<u8> {
        format!(r#"{{"weight_map": {{"model.norm.weight": "{file}"}}}}"#).into_bytes()
    }

    #[test]
    fn missing_shards_and_paths_outside_the_folder_are_refused() {
        let with = |file: &'static str| {
            refused(move |files| drop(files.insert(INDEX.into(), index(file))))
        };
        let sentence = with("model-00001-of-00002.safetensors");
        assert!(sentence.contains("model-00001-of-00002.safetensors is missing"), "{sentence}");
        for file in ["../model.safetensors", "/etc/passwd", "C:model.safetensors", "model.bin", ""]
        {
            assert!(with(file).contains("names no files of weights"), "{file}");
        }
        let empty =
            refused(|files| drop(files.insert(INDEX.into(), b"{\"weight_map\":{}}".into())));
        assert!(empty.contains("names no files of weights"));
    }

    #[test]
    fn an_impossible_or_unsupported_configuration_is_refused() {
        let with = |from: &'static str, to: &'static str| {
            refused(move |files| {
                let config = String::from_utf8(files["config.json"].clone()).unwrap();
                assert!(config.contains(from), "{config}");
                files.insert("config.json".into(), config.replacen(from, to, 1).into_bytes());
            })
        };
        for (from, to, said) in [
            ("\"model_type\":\"llama\"", "\"model_type\":\"mamba\"", "`mamba`"),
            ("\"num_attention_heads\":4", "\"num_attention_heads\":0", "num_attention_heads is 0"),
            ("\"num_attention_heads\":4", "\"num_attention_heads\":\"4\"", "is a text"),
            ("\"num_key_value_heads\":2", "\"num_key_value_heads\":3", "divide"),
            ("\"head_dim\":16", "\"head_dim\":18446744073709551615", "head_dim is 184"),
            ("\"num_hidden_layers\":2", "\"num_hidden_layers\":1048576", "blk.2."),
            ("\"num_hidden_layers\":2", "\"num_hidden_layers\":-1", "is -1"),
            ("\"vocab_size\":", "\"vocab_size\":1000000,\"was\":", "should be [1000000, 64]"),
            ("\"rope_theta\":", "\"rope_theta\":-1,\"was\":", "rope_theta is -1"),
            ("\"rope_theta\":", "\"rope_scaling\":{\"type\":\"dynamic\"},\"t\":", "`dynamic`"),
            (
                "\"rope_theta\":",
                "\"quantization_config\":{\"quant_method\":\"fp8\"},\"t\":",
                "`fp8`",
            ),
            ("{", "[", "config.json is damaged"),
        ] {
            let sentence = with(from, to);
            assert!(sentence.contains(said), "{to}: {sentence}");
        }
    }

    #[test]
    fn an_unknown_tensor_is_named() {
        let sentence = refused(|files| {
            let weights = files.get_mut("model.safetensors").unwrap();
            let (from, to) = (b"layers.1.mlp.up_proj.weight", b"layers.1.mlp.up_expert.wght");
            let at = weights.windows(from.len()).position(|part| part == from).unwrap();
            weights[at..at + to.len()].copy_from_slice(to);
        });
        assert!(sentence.contains("up_expert"), "{sentence}");
    }

    #[test]
    fn a_folder_with_a_byte_changed_opens_or_is_refused() {
        use ghost_core::rng::Rng;
        let mut rng = Rng::new(17);
        for family in ["llama", "gemma3"] {
            let whole = Tiny { family, ..Tiny::default() }.files();
            for name in ["model.safetensors", "config.json", "tokenizer.json"] {
                for _ in 0..300 {
                    let mut files = whole.clone();
                    let bytes = files.get_mut(name).unwrap();
                    let at = rng.below(bytes.len().min(3000));
                    bytes[at] = rng.next_u64() as u8;
                    let _ = base(&files);
                }
            }
        }
    }

    #[test]
    fn a_chat_template_is_found_in_each_of_its_files() {
        let said = |name: &str, text: &str| {
            let mut files = Tiny::default().files();
            files.insert(name.into(), text.as_bytes().to_vec());
            let base = base(&files).unwrap();
            let ids = base.chat.tokens(&base.tokenizer, &[], true).unwrap();
            let bytes: Vec<u8> =
                ids.iter().flat_map(|id| base.tokenizer.bytes_of(*id)).copied().collect();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(said("chat_template.jinja", "and on{{ bos_token }}"), "and on");
        let config =
            r#"{"chat_template": "and {{ bos_token }}on", "bos_token": {"content": "the "}}"#;
        assert_eq!(said("tokenizer_config.json", config), "and the on");
        let several = r#"{"chat_template": [{"name": "tool_use", "template": "no"},
            {"name": "default", "template": "and so"}]}"#;
        assert_eq!(said("tokenizer_config.json", several), "and so");
        assert_eq!(said("chat_template.json", r#"{"chat_template": "and more"}"#), "and more");
    }
}
