//! A base's numbers as Hugging Face's `config.json` states them.
//!
//! Files leave out what was their class's default on the day they were written, so the defaults
//! are here too (huggingface/transformers, each family's configuration).

use serde_json::{Map, Value};

use crate::config::{Activation, Family, LayerPlan, MAX_DIM, ModelConfig};
use crate::error::{Error, Result};
use crate::rope::{AttentionTemperature, Rope, RopeLayout, RopeScaling, yarn_scale};

/// A checkpoint's configuration: the text's part of it, where there are others.
pub(crate) struct HfConfig {
    keys: Map<String, Value>,
    family: Family,
}

impl HfConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// `Malformed` where it is no JSON, `Unsupported` for another family.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let mut keys: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|e| Error::malformed(format!("its config.json is damaged ({e})")))?;
        // Multimodal checkpoints nest the text config under `text_config`; whether the head is the
        // embedding may stand outside it.
        let tied = keys.get("tie_word_embeddings").cloned();
        if let Some(Value::Object(text)) = keys.remove("text_config") {
            keys = text;
            if let Some(tied) = tied {
                keys.entry("tie_word_embeddings").or_insert(tied);
            }
        }
        let family = match keys.get("model_type").and_then(Value::as_str) {
            Some("llama") => Family::Llama,
            Some("mistral" | "ministral" | "ministral3") => Family::Mistral,
            Some("smollm3") => Family::SmolLm3,
            Some("qwen2") => Family::Qwen2,
            Some("qwen3") => Family::Qwen3,
            Some("gemma3_text") => Family::Gemma3,
            Some(other) => {
                return Err(Error::unsupported(format!("the architecture `{other}`")));
            }
            None => return Err(Error::malformed("its architecture is missing")),
        };
        let config = Self { keys, family };
        if config.has("quantization_config") {
            let how = config.keys["quantization_config"].get("quant_method");
            let how = how.and_then(Value::as_str).unwrap_or("a way of its own");
            return Err(Error::unsupported(format!("weights quantised by `{how}`")));
        }
        Ok(config)
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// The file's own word for its architecture.
    pub(crate) fn architecture(&self) -> &str {
        self.keys.get("model_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// True where the head is the embedding; `None` where only the weights tell.
    pub(crate) fn tied(&self) -> Option<bool> {
        self.keys.get("tie_word_embeddings").and_then(Value::as_bool)
    }

    /// Tokens that end an answer: one or a list.
    pub(crate) fn ends(&self) -> Option<&Value> {
        self.keys.get("eos_token_id")
    }

    fn has(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|value| !value.is_null())
    }

    fn need(&self, key: &str) -> Result<usize> {
        whole(&self.keys, key)?.ok_or_else(|| Error::malformed(format!("its {key} is missing")))
    }

    fn count_or(&self, key: &str, otherwise: usize) -> Result<usize> {
        Ok(whole(&self.keys, key)?.unwrap_or(otherwise))
    }

    fn number_or(&self, key: &str, otherwise: f64) -> Result<f64> {
        Ok(positive(&self.keys, key)?.unwrap_or(otherwise))
    }

    fn flag(&self, key: &str) -> bool {
        self.keys.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The numbers of a configuration.
    pub(crate) fn config(&self) -> Result<ModelConfig> {
        let gemma = self.family == Family::Gemma3;
        let (layers, hidden) = match gemma {
            true => (self.count_or("num_hidden_layers", 26)?, self.count_or("hidden_size", 2304)?),
            false => (self.need("num_hidden_layers")?, self.need("hidden_size")?),
        };
        let (heads, kv_heads, head_dim) = match gemma {
            true => (
                self.count_or("num_attention_heads", 8)?,
                self.count_or("num_key_value_heads", 4)?,
                self.count_or("head_dim", 256)?,
            ),
            false => {
                let heads = self.need("num_attention_heads")?;
                let wide = matches!(self.architecture(), "qwen3" | "ministral3");
                (
                    heads,
                    self.count_or("num_key_value_heads", heads)?,
                    self.count_or("head_dim", if wide { 128 } else { hidden / heads })?,
                )
            }
        };
        let act = if gemma { "hidden_activation" } else { "hidden_act" };
        let activation = match (gemma, self.keys.get(act).and_then(Value::as_str)) {
            (false, None | Some("silu")) => Activation::Silu,
            (true, None | Some("gelu_pytorch_tanh")) => Activation::Gelu,
            (_, Some(other)) => return Err(Error::unsupported(format!("the gate `{other}`"))),
        };
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if self.has(key) {
                return Err(Error::unsupported(format!("`{key}`")));
            }
        }
        if self.flag("use_bidirectional_attention") {
            return Err(Error::unsupported("attention to what comes after"));
        }
        let (rope, window_rope) = self.ropes(head_dim)?;
        Ok(ModelConfig {
            family: self.family,
            layers,
            hidden,
            heads,
            kv_heads,
            head_dim,
            ffn: if gemma {
                self.count_or("intermediate_size", 9216)?
            } else {
                self.need("intermediate_size")?
            },
            vocab: if gemma {
                self.count_or("vocab_size", 262_208)?
            } else {
                self.need("vocab_size")?
            },
            context: self
                .count_or("max_position_embeddings", if gemma { 131_072 } else { 2048 })?,
            norm_eps: self.number_or(
                "rms_norm_eps",
                if self.architecture() == "ministral3" { 1e-5 } else { 1e-6 },
            )? as f32,
            activation,
            embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
            rope,
            window_rope,
        })
    }

    /// The rotary numbers, and those of layers with a window where they differ. Newer files keep
    /// them in `rope_parameters` (Gemma's by kind of layer), older ones in keys of their own.
    fn ropes(&self, head_dim: usize) -> Result<(Rope, Option<Rope>)> {
        let gemma = self.family == Family::Gemma3;
        let theta = match self.family {
            Family::Gemma3 => 1_000_000.0,
            Family::SmolLm3 => 2_000_000.0,
            _ => 10_000.0,
        };
        let theta = self.number_or("rope_theta", theta)?;
        let nothing = Map::new();
        let object = |key: &str| self.keys.get(key).and_then(Value::as_object);
        let given = object("rope_parameters").or(object("rope_scaling")).unwrap_or(&nothing);
        let by_kind = |kind: &str| given.get(kind).and_then(Value::as_object);
        let full = by_kind("full_attention").unwrap_or(given);
        let rope = self.rope(full, theta, head_dim)?;
        let window_rope = match (gemma, by_kind("sliding_attention")) {
            (true, Some(local)) => Some(self.rope(local, 10_000.0, head_dim)?),
            (true, None) => {
                let theta = self.number_or("rope_local_base_freq", 10_000.0)?;
                Some(Rope::plain(theta as f32, RopeLayout::NeoX, head_dim))
            }
            (false, _) => None,
        };
        Ok((rope, window_rope))
    }

    fn rope(&self, keys: &Map<String, Value>, theta: f64, head_dim: usize) -> Result<Rope> {
        let number = |key: &str, otherwise: f64| Ok(positive(keys, key)?.unwrap_or(otherwise));
        let share = number("partial_rotary_factor", self.number_or("partial_rotary_factor", 1.0)?)?;
        let dims = (head_dim as f64 * share.min(1.0)) as usize;
        let theta = number("rope_theta", theta)? as f32;
        let mut rope = Rope::plain(theta, RopeLayout::NeoX, dims);
        let context = || self.count_or("max_position_embeddings", 2048);
        let original = || match whole(keys, "original_max_position_embeddings")? {
            Some(n) => Ok(n),
            None => context(),
        };
        if let Some(beta) = positive(keys, "llama_4_scaling_beta")? {
            rope.temperature =
                Some(AttentionTemperature { beta: beta as f32, interval: original()? });
        }
        let kind = keys.get("rope_type").or(keys.get("type")).and_then(Value::as_str);
        match kind {
            None | Some("default") => Ok(rope),
            Some("linear") => rope.scaled(RopeScaling::Linear { factor: number("factor", 1.0)? }),
            Some("llama3") => rope.scaled(RopeScaling::Llama3 {
                factor: number("factor", 1.0)?,
                low: number("low_freq_factor", 1.0)?,
                high: number("high_freq_factor", 4.0)?,
                original: original()? as f64,
            }),
            Some("yarn") => {
                let original = original()? as f64;
                let factor = match positive(keys, "factor")? {
                    Some(factor) => factor,
                    None => context()? as f64 / original,
                };
                let weight =
                    |key: &str| positive(keys, key).map(|w| w.map(|w| yarn_scale(factor, w)));
                let scale = match (weight("mscale")?, weight("mscale_all_dim")?) {
                    (Some(one), Some(all)) => one / all,
                    _ => yarn_scale(factor, 1.0),
                };
                rope.scaled(RopeScaling::Yarn {
                    factor,
                    original,
                    fast: number("beta_fast", 32.0)?,
                    slow: number("beta_slow", 1.0)?,
                    truncate: keys.get("truncate").and_then(Value::as_bool).unwrap_or(true),
                    scale: number("attention_factor", scale)?,
                })
            }
            Some(other) => Err(Error::unsupported(format!("positions scaled by `{other}`"))),
        }
    }

    /// The differences between layers.
    pub(crate) fn plan(&self, config: &ModelConfig) -> Result<LayerPlan> {
        let gemma = config.family == Family::Gemma3;
        let own = match gemma {
            true => self.number_or("query_pre_attn_scalar", 256.0)? as usize,
            false => config.head_dim,
        };
        Ok(LayerPlan {
            rotary: self.rotary(config)?,
            windows: self.windows(config)?,
            // Gemma's norms are kept as their distance from one.
            norm_offset: if gemma { 1.0 } else { 0.0 },
            attention_width: (own != config.head_dim).then_some(own),
        })
    }

    /// SmolLM3 lists the layers that turn, with a 1 where one does.
    fn rotary(&self, config: &ModelConfig) -> Result<Vec<bool>> {
        if config.family != Family::SmolLm3 {
            return Ok(vec![true; config.layers]);
        }
        let Some(Value::Array(list)) = self.keys.get("no_rope_layers") else {
            let every = self.count_or("no_rope_layer_interval", 4)?;
            return Ok((1..=config.layers).map(|n| n % every != 0).collect());
        };
        match list.len() == config.layers {
            true => Ok(list.iter().map(|turns| turns.as_u64() != Some(0)).collect()),
            false => Err(Error::malformed("its no_rope_layers are of other layers")),
        }
    }

    fn windows(&self, config: &ModelConfig) -> Result<Vec<Option<usize>>> {
        let layers = config.layers;
        let gemma = config.family == Family::Gemma3;
        let switched = matches!(config.family, Family::Qwen2 | Family::Qwen3 | Family::SmolLm3);
        // Mistral's class had a default window before its files set it to null.
        let default = gemma || matches!(self.architecture(), "mistral" | "ministral");
        let window = match self.keys.contains_key("sliding_window") {
            false if default => Some(4096),
            _ => whole(&self.keys, "sliding_window")?,
        };
        if let Some(Value::Array(kinds)) = self.keys.get("layer_types") {
            if kinds.len() != layers {
                return Err(Error::malformed("its layer_types are of other layers"));
            }
            let seen = |kind: &Value| match (kind.as_str(), window) {
                (Some("full_attention"), _) => Ok(None),
                (Some("sliding_attention"), Some(window)) => Ok(Some(window)),
                (Some("sliding_attention"), None) => {
                    Err(Error::malformed("its sliding_window is missing"))
                }
                _ => Err(Error::unsupported(format!("layers of the kind {kind}"))),
            };
            return kinds.iter().map(seen).collect();
        }
        if gemma {
            let every = self.count_or("sliding_window_pattern", 6)?;
            let seen = |n: usize| if n.is_multiple_of(every) { None } else { window };
            return Ok((1..=layers).map(seen).collect());
        }
        if switched && !self.flag("use_sliding_window") {
            return Ok(vec![None; layers]);
        }
        let first = match config.family {
            Family::Qwen2 | Family::Qwen3 => self.count_or("max_window_layers", 28)?,
            Family::Mistral => 0,
            Family::SmolLm3 => return Err(Error::unsupported("windows in unnamed layers")),
            Family::Llama | Family::Gemma3 => layers,
        };
        Ok((0..layers).map(|n| if n >= first { window } else { None }).collect())
    }
}

/// A count from 1 to what any base has; `None` where it is missing or null.
fn whole(keys: &Map<String, Value>, key: &str) -> Result<Option<usize>> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(n) if (1..=MAX_DIM).contains(&n) => Ok(Some(n)),
            _ => Err(Error::malformed(format!("its {key} is {}", brief(value)))),
        },
    }
}

/// A positive number; `None` where it is missing or null.
fn positive(keys: &Map<String, Value>, key: &str) -> Result<Option<f64>> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(n) if n > 0.0 && (n as f32).is_finite() => Ok(Some(n)),
            _ => Err(Error::malformed(format!("its {key} is {}", brief(value)))),
        },
    }
}

/// A value in a sentence: numbers as they are, anything else by its kind.
fn brief(value: &Value) -> String {
    match value {
        Value::Number(n) => n.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => "nothing".to_owned(),
    }
}
